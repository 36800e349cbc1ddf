//! The dependency graph from `cargo metadata` (format version 1).
//!
//! Only what the layering check needs is kept: the workspace's own packages, and for every package
//! which others it uses and whether for building the product or only for testing it.
//!
//! ```json
//! {"packages":[{"id":"a","name":"plimsoll-core"}],
//!  "workspace_members":["a"],
//!  "resolve":{"nodes":[{"id":"a","deps":[{"pkg":"b","dep_kinds":[{"kind":"dev"}]}]}]}}
//! ```
//!
//! Features are resolved for the workspace as a whole, which is how the release is built.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// Packages by identifier, with their edges.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Identifiers of the workspace's own packages.
    pub(crate) members: Vec<String>,
    packages: BTreeMap<String, Package>,
    edges: BTreeMap<String, Vec<Edge>>,
}

/// One package uses another.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// Identifier of the package that is used.
    pub(crate) to: String,
    /// Used by the product or its build scripts, not only by tests.
    pub(crate) shipped: bool,
}

impl Graph {
    /// Asks the cargo that runs this program about the workspace in the current directory.
    pub(crate) fn of_workspace() -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1"])
            .output()
            .context("cannot run cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Self::parse(&output.stdout)
    }

    /// Reads the JSON of `cargo metadata`.
    pub(crate) fn parse(json: &[u8]) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_slice(json).context("cannot read cargo metadata")?;
        let resolve = metadata.resolve.context("cargo metadata has no dependency graph")?;
        Ok(Self {
            members: metadata.workspace_members,
            packages: metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect(),
            edges: resolve
                .nodes
                .into_iter()
                .map(|node| (node.id, node.deps.into_iter().map(Edge::from).collect()))
                .collect(),
        })
    }

    /// The package's name, or its identifier if the graph does not contain it.
    pub(crate) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.packages.get(id).map_or(id, |package| package.name.as_str())
    }

    /// The details of a package.
    pub(crate) fn about(&self, id: &str) -> Option<&Package> {
        self.packages.get(id)
    }

    /// Identifiers of everything that becomes part of the member `name`, including itself.
    pub(crate) fn shipped_with(&self, name: &str) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<&str> =
            self.members.iter().map(String::as_str).filter(|id| self.name(id) == name).collect();
        while let Some(id) = open.pop() {
            if found.insert(id.to_owned()) {
                open.extend(self.edges(id).iter().filter(|edge| edge.shipped).map(|edge| edge.to.as_str()));
            }
        }
        found
    }

    /// The direct dependencies of a package.
    pub(crate) fn edges(&self, id: &str) -> &[Edge] {
        self.edges.get(id).map_or(&[], Vec::as_slice)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Option<Resolve>,
}

/// A package, as far as a list of licences needs it.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    #[serde(default)]
    pub(crate) version: String,
    /// Its licence as an SPDX expression.
    #[serde(default)]
    pub(crate) license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl From<Dependency> for Edge {
    fn from(dependency: Dependency) -> Self {
        let shipped = dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"));
        Self { to: dependency.pkg, shipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_of_both_kinds_counts_as_shipped() {
        let graph = Graph::parse(
            br#"{"packages":[{"id":"a","name":"plimsoll-a"},{"id":"b","name":"b"}],"workspace_members":["a"],
            "resolve":{"nodes":[{"id":"a","deps":[{"pkg":"b","dep_kinds":[{"kind":"dev"},{"kind":null}]}]},
            {"id":"b","deps":[]}]}}"#,
        )
        .unwrap();
        assert_eq!(graph.name("a"), "plimsoll-a");
        assert!(graph.edges("a")[0].shipped);
    }

    #[test]
    fn metadata_without_a_graph_is_an_error() {
        let error = Graph::parse(br#"{"packages":[],"workspace_members":[],"resolve":null}"#).unwrap_err();
        assert!(error.to_string().contains("no dependency graph"), "{error}");
    }
}

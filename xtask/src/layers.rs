//! Which crate may use which.
//!
//! The crates stand in one order. A crate may use those above it, never one below; `testkit` is for
//! tests only; and no async runtime, TLS or HTTP may reach the crates that are pure. Pure crates take
//! bytes, so that their verdicts can be replayed, fuzzed, and run where no network is.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::graph::Graph;

/// The order of the house, top first. A crate that is not here has no place yet, and is a fault.
const ORDER: &[&str] = &[
    "plimsoll-core",
    "plimsoll-files",
    "plimsoll-tlog",
    "plimsoll-verify",
    "plimsoll-http",
    "plimsoll-oci",
    "plimsoll-sbom",
    "plimsoll-vuln",
    "plimsoll-feeds",
    "plimsoll-signing",
    "plimsoll-workload",
    "plimsoll-policy",
    "plimsoll-gather",
    "plimsoll-admission",
    "plimsoll-images",
    "plimsoll-store",
    "plimsoll-authority",
    "plimsoll-control",
    "plimsoll-agent",
    "plimsoll-bundle",
    "plimsoll",
];

/// Used by tests of any crate, shipped by none.
const TEST_ONLY: &str = "plimsoll-testkit";

/// Development tasks: uses none of the crates, so that it builds when they do not.
const TASKS: &str = "xtask";

/// Crates that take bytes and give answers, and never open a connection.
const PURE: &[&str] = &[
    "plimsoll-core",
    "plimsoll-files",
    "plimsoll-tlog",
    "plimsoll-verify",
    "plimsoll-sbom",
    "plimsoll-vuln",
    "plimsoll-workload",
    "plimsoll-policy",
];

/// Runtimes, TLS and HTTP implementations. (`http` is only types and does no harm.)
const NETWORK: &[&str] = &[
    "async-executor",
    "async-std",
    "axum",
    "curl",
    "h2",
    "h3",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "tokio",
    "tokio-rustls",
    "tonic",
    "ureq",
];

/// One way in which the workspace breaks its order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A workspace crate that the order does not name.
    Unplaced { name: String },
    /// A crate uses one that stands below it.
    Upward { from: String, to: String },
    /// The product would ship the crate that is for tests.
    ShipsTests { from: String },
    /// Network code reaches a pure crate; the path that it comes by.
    Network { path: Vec<String> },
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unplaced { name } => write!(out, "{name} has no place in the order"),
            Self::Upward { from, to } => write!(out, "{from} uses {to}, which stands below it"),
            Self::ShipsTests { from } => {
                write!(out, "{from} uses {TEST_ONLY} outside [dev-dependencies]")
            }
            Self::Network { path } => write!(out, "network code reaches a pure crate: {}", path.join(" → ")),
        }
    }
}

/// All faults of the workspace; none when it keeps its order.
pub(crate) fn check(graph: &Graph) -> Vec<Fault> {
    let mut faults = Vec::new();
    for id in &graph.members {
        let name = graph.name(id);
        if place(name).is_none() {
            faults.push(Fault::Unplaced { name: name.to_owned() });
        }
        for edge in graph.edges(id).iter().filter(|edge| graph.members.contains(&edge.to)) {
            faults.extend(edge_fault(name, graph.name(&edge.to), edge.shipped));
        }
        if PURE.contains(&name) {
            faults.extend(network_paths(graph, id).into_iter().map(|path| Fault::Network { path }));
        }
    }
    faults
}

/// Position in the order: a crate may use only smaller ones.
fn place(name: &str) -> Option<usize> {
    if name == TEST_ONLY || name == TASKS {
        return Some(ORDER.len());
    }
    ORDER.iter().position(|known| *known == name)
}

fn edge_fault(from: &str, to: &str, shipped: bool) -> Option<Fault> {
    if to == TEST_ONLY {
        return shipped.then(|| Fault::ShipsTests { from: from.to_owned() });
    }
    let upward = match (place(from), place(to)) {
        (Some(from), Some(to)) => to >= from,
        _ => false, // reported as unplaced
    };
    (upward || from == TASKS).then(|| Fault::Upward { from: from.to_owned(), to: to.to_owned() })
}

/// The shortest way to each piece of network code that a crate ships.
fn network_paths(graph: &Graph, start: &str) -> Vec<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    let mut found = Vec::new();
    while let Some(id) = queue.pop_front() {
        if NETWORK.contains(&graph.name(id)) {
            found.push(path_to(graph, &came_from, id));
            continue; // what network code itself uses says nothing new
        }
        for edge in graph.edges(id).iter().filter(|edge| edge.shipped) {
            if edge.to != start && !came_from.contains_key(edge.to.as_str()) {
                came_from.insert(&edge.to, id);
                queue.push_back(&edge.to);
            }
        }
    }
    found
}

fn path_to(graph: &Graph, came_from: &BTreeMap<&str, &str>, end: &str) -> Vec<String> {
    let mut path = vec![graph.name(end).to_owned()];
    let mut at = end;
    while let Some(previous) = came_from.get(at) {
        path.push(graph.name(previous).to_owned());
        at = previous;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `members` are the workspace's; an edge is (from, to, kind) with kind "normal" or "dev".
    fn graph(members: &[&str], edges: &[(&str, &str, &str)]) -> Graph {
        let mut names: Vec<&str> = members.to_vec();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        names.sort_unstable();
        names.dedup();
        let deps = |name: &str| -> Vec<serde_json::Value> {
            edges
                .iter()
                .filter(|(from, _, _)| *from == name)
                .map(|(_, to, kind)| {
                    let kind = (*kind != "normal").then_some(*kind);
                    serde_json::json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] })
                })
                .collect()
        };
        let metadata = serde_json::json!({
            "packages": names.iter().map(|name| serde_json::json!({ "id": name, "name": name })).collect::<Vec<_>>(),
            "workspace_members": members,
            "resolve": { "nodes": names.iter()
                .map(|name| serde_json::json!({ "id": name, "deps": deps(name) })).collect::<Vec<_>>() },
        });
        Graph::parse(metadata.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_crate_may_use_those_above_it() {
        let graph = graph(
            &["plimsoll-core", "plimsoll-oci", "plimsoll-http"],
            &[
                ("plimsoll-oci", "plimsoll-http", "normal"),
                ("plimsoll-oci", "plimsoll-core", "normal"),
                ("plimsoll-http", "tokio", "normal"),
            ],
        );
        assert_eq!(check(&graph), []);
    }

    #[test]
    fn a_crate_may_not_use_one_below_it_even_in_tests() {
        for kind in ["normal", "build", "dev"] {
            let graph =
                graph(&["plimsoll-core", "plimsoll-files"], &[("plimsoll-core", "plimsoll-files", kind)]);
            let expected = Fault::Upward { from: "plimsoll-core".into(), to: "plimsoll-files".into() };
            assert_eq!(check(&graph), [expected], "{kind}");
        }
    }

    #[test]
    fn the_test_kit_is_never_shipped() {
        let members = ["plimsoll-http", "plimsoll-testkit"];
        let fine = graph(
            &members,
            &[("plimsoll-http", "plimsoll-testkit", "dev"), ("plimsoll-testkit", "hyper", "normal")],
        );
        assert_eq!(check(&fine), []);
        let shipped = graph(&members, &[("plimsoll-http", "plimsoll-testkit", "normal")]);
        assert_eq!(check(&shipped), [Fault::ShipsTests { from: "plimsoll-http".into() }]);
    }

    #[test]
    fn network_code_is_found_through_other_crates_and_its_path_told() {
        let graph = graph(
            &["plimsoll-verify"],
            &[
                ("plimsoll-verify", "proofs", "normal"),
                ("proofs", "reqwest", "normal"),
                ("reqwest", "tokio", "normal"),
            ],
        );
        let path = ["plimsoll-verify", "proofs", "reqwest"].map(str::to_owned).to_vec();
        assert_eq!(check(&graph), [Fault::Network { path }]);
    }

    #[test]
    fn network_code_that_only_tests_use_is_fine() {
        let graph = graph(
            &["plimsoll-policy"],
            &[("plimsoll-policy", "proptest", "dev"), ("proptest", "tokio", "normal")],
        );
        assert_eq!(check(&graph), []);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        let graph = graph(&["plimsoll-extras"], &[]);
        assert_eq!(check(&graph), [Fault::Unplaced { name: "plimsoll-extras".into() }]);
    }

    #[test]
    fn tasks_use_no_crate_of_the_product() {
        let graph = graph(&["plimsoll-core", "xtask"], &[("xtask", "plimsoll-core", "normal")]);
        assert_eq!(check(&graph), [Fault::Upward { from: "xtask".into(), to: "plimsoll-core".into() }]);
    }

    #[test]
    fn cycles_among_foreign_crates_end() {
        let graph = graph(
            &["plimsoll-sbom"],
            &[("plimsoll-sbom", "a", "normal"), ("a", "b", "normal"), ("b", "a", "normal")],
        );
        assert_eq!(check(&graph), []);
    }
}

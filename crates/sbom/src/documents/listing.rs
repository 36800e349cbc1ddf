//! Lists for other programs, which are only written: package URLs, and GitHub's dependency snapshots.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::format::Format;
use super::object::Object;
use crate::document::Document;
use crate::inventory::{Component, ComponentIndex, RelationshipKind};

/// `purl-list`: one package URL per line, sorted, each once. Other programs can read it from a pipe.
pub(crate) struct PurlList;

impl Format for PurlList {
    fn id(&self) -> &'static str {
        "purl-list"
    }

    fn name(&self) -> &'static str {
        "package URLs"
    }

    fn writes(&self) -> &'static [&'static str] {
        &["1"]
    }

    fn lists_files(&self) -> bool {
        false
    }

    fn write(&self, document: &Document<'_>, _: &str, out: &mut dyn Write) -> io::Result<()> {
        // Components are sorted by their package URLs.
        let mut last = None;
        for component in &document.inventory.components {
            if last != Some(&component.purl) {
                writeln!(out, "{}", component.purl)?;
            }
            last = Some(&component.purl);
        }
        Ok(())
    }
}

/// `github-snapshot`: what the dependency submission API takes. Commit, branch and job are those of the workflow in
/// [`Document::build`].
///
/// ```json
/// {"version":0,"job":{"id":"7","correlator":"build_sbom"},"sha":"ce58…","ref":"refs/heads/main",
///  "detector":{"name":"plimsoll","version":"0.1.0","url":"https://…"},"scanned":"2026-11-20T10:00:00Z",
///  "manifests":{"usr/lib/…":{"name":"usr/lib/…","resolved":{"pkg:pypi/flask@3.0.0":{"package_url":"pkg:pypi/flask@3.0.0"}}}}}
/// ```
pub(crate) struct GitHubSnapshot;

impl Format for GitHubSnapshot {
    fn id(&self) -> &'static str {
        "github-snapshot"
    }

    fn name(&self) -> &'static str {
        "GitHub dependency snapshot"
    }

    fn writes(&self) -> &'static [&'static str] {
        &["0"]
    }

    fn lists_files(&self) -> bool {
        false
    }

    fn write(&self, document: &Document<'_>, _: &str, out: &mut dyn Write) -> io::Result<()> {
        let build = &document.build;
        let mut object = Object::begin(out)?;
        object.member("version", &0)?;
        object.member("job", &json!({ "id": build.job, "correlator": build.correlator }))?;
        object.member("sha", &build.commit)?;
        object.member("ref", &build.branch)?;
        let detector = json!({
            "name": "plimsoll", "version": document.tool_version, "url": "https://plimsoll.dev",
        });
        object.member("detector", &detector)?;
        object.member("scanned", &document.created())?;
        object.member("manifests", &manifests(document))?;
        object.end()
    }
}

#[derive(Serialize)]
struct Manifest<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<serde_json::Value>,
    resolved: BTreeMap<String, Resolved>,
}

#[derive(Serialize)]
struct Resolved {
    package_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<String>,
}

/// Components by their source: a package database or lock file that lists many is a manifest; packages with one file
/// each form one manifest of their ecosystem.
fn manifests<'a>(document: &'a Document<'_>) -> BTreeMap<String, Manifest<'a>> {
    let inventory = document.inventory;
    let mut found: BTreeMap<String, Manifest<'a>> = BTreeMap::new();
    for (index, component) in inventory.components.iter().enumerate() {
        let key = manifest_of(component);
        let purl = component.purl.to_string();
        let needs = inventory.relationships_of(ComponentIndex(index));
        let needs = needs.filter(|related| related.kind == RelationshipKind::DependsOn);
        let dependencies = needs
            .filter_map(|related| Some(inventory.components.get(related.to.0)?.purl.to_string()))
            .collect();
        let file = component.locations.first().filter(|location| location.path == key);
        let manifest = found.entry(key).or_insert_with(|| Manifest {
            name: file.map_or(component.ecosystem.name(), |location| &location.path),
            file: file.map(|location| json!({ "source_location": location.path })),
            resolved: BTreeMap::new(),
        });
        manifest.resolved.insert(purl.clone(), Resolved { package_url: purl, dependencies });
    }
    found
}

fn manifest_of(component: &Component) -> String {
    match (component.ecosystem.is_os(), component.locations.first()) {
        (true, Some(location)) => location.path.clone(),
        _ => component.ecosystem.name().to_owned(),
    }
}

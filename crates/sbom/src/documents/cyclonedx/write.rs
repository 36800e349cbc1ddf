//! Writing CycloneDX as JSON.
//!
//! What the format has no place for goes into properties: layers under `plimsoll:`, and what Trivy
//! needs to match operating-system packages under `aquasecurity:trivy:` (it does not read a purl's `upstream`).
//!
//! ```json
//! {"type":"library","bom-ref":"Package-deb-libc6-…","name":"libc6","version":"2.36-9","purl":"pkg:deb/debian/libc6@2.36-9?…",
//!  "evidence":{"occurrences":[{"location":"var/lib/dpkg/status","additionalContext":"layer 0"}]},
//!  "properties":[{"name":"aquasecurity:trivy:SrcName","value":"glibc"}]}
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use plimsoll_core::Algorithm;
use serde::Serialize;
use serde_json::json;

use super::conventions::{CODENAME, LAYER, OWNER, OWNER_EVIDENCE, PROBLEM, TRIVY};
use crate::document::Document;
use crate::documents::object::Object;
use crate::inventory::{
    Component, ComponentId, ComponentIndex, Inventory, Location, OsRelease, Relationship, RelationshipKind,
    SourcePackage,
};
use crate::licence;

const SUBJECT: &str = "Subject";
const OPERATING_SYSTEM: &str = "OperatingSystem";

/// Writes `document` as CycloneDX of `version`.
pub(super) fn write(document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
    let references = document.inventory.identifiers();
    document
        .identified("cyclonedx", out, |uuid, out| write_identified(document, version, &references, uuid, out))
}

fn write_identified(
    document: &Document<'_>,
    version: &str,
    references: &[ComponentId],
    uuid: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let inventory = document.inventory;
    let mut object = Object::begin(out)?;
    object.member("$schema", &format!("http://cyclonedx.org/schema/bom-{version}.schema.json"))?;
    object.member("bomFormat", &"CycloneDX")?;
    object.member("specVersion", &version)?;
    object.member("serialNumber", &format!("urn:uuid:{uuid}"))?;
    object.member("version", &1)?;
    object.member("metadata", &metadata(document))?;
    let system = inventory.os.as_ref().map(operating_system);
    let packages = inventory.components.iter().zip(references).enumerate();
    let packages = packages
        .map(|(index, (component, id))| package(inventory, ComponentIndex(index), component, id.as_str()));
    object.array("components", system.into_iter().chain(packages))?;
    object.array("dependencies", dependencies(inventory, references))?;
    if !inventory.is_complete() {
        object.member("compositions", &json!([{ "aggregate": "incomplete", "assemblies": [SUBJECT] }]))?;
    }
    object.end()
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    tools: serde_json::Value,
    component: Part<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
}

/// A component, with the members that are used here.
#[derive(Serialize, Default)]
struct Part<'a> {
    r#type: &'static str,
    #[serde(rename = "bom-ref")]
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Supplier<'a>>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Supplier<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Evidence<'a> {
    occurrences: Vec<Occurrence<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Occurrence<'a> {
    location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_context: Option<String>,
}

#[derive(Serialize)]
struct Property<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

fn property<'a>(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Property<'a> {
    Property { name: name.into(), value: value.into() }
}

fn metadata<'a>(document: &'a Document<'_>) -> Metadata<'a> {
    let subject = &document.subject;
    let hash = |digest: plimsoll_core::Digest| Hash {
        alg: match digest.algorithm() {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512 => "SHA-512",
        },
        content: digest.hex(),
    };
    let layers = document.inventory.layers.iter();
    let problems = document.inventory.problems.iter();
    Metadata {
        timestamp: document.created(),
        tools: json!({ "components": [
            { "type": "application", "name": "plimsoll", "version": document.tool_version },
        ] }),
        component: Part {
            r#type: if subject.manifest.is_some() { "container" } else { "file" },
            reference: SUBJECT,
            name: &subject.name,
            version: subject.manifest.map(|digest| digest.to_string().into()),
            hashes: subject.manifest.map(hash).into_iter().collect(),
            purl: subject.purl().map(|purl| purl.to_string()),
            properties: layers
                .map(|layer| {
                    property(format!("{LAYER}{}", layer.index), format!("{} {}", layer.digest, layer.diff_id))
                })
                .collect(),
            ..Part::default()
        },
        properties: problems
            .filter_map(|p| Some(property(PROBLEM, serde_json::to_string(p).ok()?)))
            .collect(),
    }
}

fn operating_system(os: &OsRelease) -> Part<'_> {
    let trivy = |name: &str, value| property(format!("{TRIVY}{name}"), value);
    let mut properties = vec![trivy("Class", "os-pkgs"), trivy("Type", os.id.as_str())];
    properties.extend(os.codename.as_deref().map(|codename| property(CODENAME, codename)));
    Part {
        r#type: "operating-system",
        reference: OPERATING_SYSTEM,
        name: &os.id,
        version: os.version_id.as_deref().map(Cow::from),
        description: os.pretty_name.as_deref(),
        properties,
        ..Part::default()
    }
}

fn package<'a>(
    inventory: &'a Inventory,
    index: ComponentIndex,
    component: &'a Component,
    reference: &'a str,
) -> Part<'a> {
    let occurrences: Vec<_> = component.locations.iter().map(occurrence).collect();
    Part {
        r#type: "library",
        reference,
        supplier: component.supplier.as_deref().map(|name| Supplier { name }),
        name: &component.name,
        version: (!component.version.is_empty()).then(|| component.version.as_str().into()),
        licenses: licenses(component),
        purl: Some(component.purl.to_string()),
        evidence: (!occurrences.is_empty()).then_some(Evidence { occurrences }),
        properties: properties(inventory, index, component),
        ..Part::default()
    }
}

fn occurrence(location: &Location) -> Occurrence<'_> {
    Occurrence {
        location: &location.path,
        additional_context: location.layer.map(|layer| format!("layer {layer}")),
    }
}

/// Either one expression or a list of names; the format allows no mixture.
fn licenses(component: &Component) -> Vec<serde_json::Value> {
    match licence::all(&component.licenses) {
        Some(expression) => vec![json!({ "expression": expression })],
        None => component.licenses.iter().map(|name| json!({ "license": { "name": name } })).collect(),
    }
}

fn properties<'a>(
    inventory: &'a Inventory,
    index: ComponentIndex,
    component: &'a Component,
) -> Vec<Property<'a>> {
    let mut properties = Vec::new();
    let mut trivy = |name: &str, value: Cow<'a, str>| {
        if !value.is_empty() {
            properties.push(property(format!("{TRIVY}{name}"), value));
        }
    };
    match component.purl.package_type() {
        "deb" | "rpm" | "apk" => {
            trivy("PkgType", component.purl.namespace().unwrap_or_default().into());
        }
        "pypi" => trivy("PkgType", "python-pkg".into()),
        _ => {}
    }
    if let Some(source) = &component.source {
        let (epoch, version, release) = split_version(source);
        trivy("SrcName", source.name.as_str().into());
        trivy("SrcVersion", version.into());
        trivy("SrcRelease", release.into());
        trivy("SrcEpoch", epoch.into());
    }
    let layer = component.locations.first().and_then(|location| inventory.layers.get(location.layer?));
    if let Some(layer) = layer {
        trivy("LayerDiffID", layer.diff_id.to_string().into());
        trivy("LayerDigest", layer.digest.to_string().into());
    }
    if let Some(owner) = inventory.owner(index) {
        properties.push(property(OWNER, owner.package.purl.to_string()));
        properties.push(property(OWNER_EVIDENCE, owner.evidence.as_str()));
    }
    properties
}

/// Trivy keeps epoch, version and release of a source package apart and joins them again.
fn split_version(source: &SourcePackage) -> (&str, &str, &str) {
    let (epoch, rest) = match source.version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (epoch, rest),
        _ => ("", source.version.as_str()),
    };
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, version, release)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency<'a> {
    r#ref: &'a str,
    depends_on: DependsOn<'a>,
}

/// What one thing has or needs, written without being collected.
struct DependsOn<'a> {
    inventory: &'a Inventory,
    references: &'a [ComponentId],
    of: Whose,
}

#[derive(Clone, Copy)]
enum Whose {
    Subject,
    OperatingSystem,
    Component(ComponentIndex),
}

impl Serialize for DependsOn<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { inventory, references, of } = *self;
        let system = inventory.os.is_some();
        let packages = |of_system: bool| {
            let all = inventory.components.iter().zip(references);
            all.filter(move |(component, _)| (system && component.ecosystem.is_os()) == of_system)
                .map(|(_, reference)| reference.as_str())
        };
        match of {
            Whose::Subject => {
                serializer.collect_seq(system.then_some(OPERATING_SYSTEM).into_iter().chain(packages(false)))
            }
            Whose::OperatingSystem => serializer.collect_seq(packages(true)),
            Whose::Component(index) => {
                // The format wants each of them once.
                let needs = inventory.relationships_of(index).filter(|it| is_need(it));
                let others: BTreeSet<ComponentIndex> = needs.map(|it| it.to).collect();
                serializer.collect_seq(
                    others.into_iter().filter_map(|to| references.get(to.0).map(ComponentId::as_str)),
                )
            }
        }
    }
}

/// Whether the other one is contained or depended on.
fn is_need(relationship: &Relationship) -> bool {
    matches!(relationship.kind, RelationshipKind::Contains | RelationshipKind::DependsOn)
}

/// The subject has the operating system and the language packages; the operating system has its own packages; and
/// components have what they contain and need.
fn dependencies<'a>(
    inventory: &'a Inventory,
    references: &'a [ComponentId],
) -> impl Iterator<Item = Dependency<'a>> {
    let dependency =
        move |r#ref, of| Dependency { r#ref, depends_on: DependsOn { inventory, references, of } };
    let system = inventory.os.as_ref().map(|_| dependency(OPERATING_SYSTEM, Whose::OperatingSystem));
    let needs = inventory.relationships.iter().filter(|it| is_need(it));
    let with_needs: BTreeSet<ComponentIndex> = needs.map(|it| it.from).collect();
    let components = with_needs.into_iter().filter_map(move |index| {
        Some(dependency(references.get(index.0)?.as_str(), Whose::Component(index)))
    });
    std::iter::once(dependency(SUBJECT, Whose::Subject)).chain(system).chain(components)
}

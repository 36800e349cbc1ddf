//! Syft's own JSON, of every version of its schema since 1.0.
//!
//! ```json
//! {"artifacts":[{"id":"9f52","name":"musl","version":"1.2.2-r7","type":"apk","purl":"pkg:apk/alpine/musl@1.2.2-r7",
//!  "locations":[{"path":"/lib/apk/db/installed","layerID":"sha256:…"}],"licenses":["MIT"]}],
//!  "artifactRelationships":[{"parent":"9f52","child":"01ab","type":"ownership-by-file-overlap"}],
//!  "source":{"type":"image","metadata":{"userInput":"alpine","manifestDigest":"sha256:…"}},
//!  "distro":{"id":"alpine","versionID":"3.15"},"descriptor":{"name":"syft"},"schema":{"version":"16.0.0"}}
//! ```
//!
//! The schema has grown since: `source.target` became `source.metadata`, `distro.name` `distro.id`, and licences became
//! objects. The source of an operating system's package is in its metadata if the purl is old and does not contain it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::collector::{Claims, Collector};
use super::format::{Content, Format, ReadDocument, Reading};
use super::json::{Few, Member, Members, parsed};
use super::stated::{Element, StatedComponent};
use crate::Error;
use crate::document::DocumentSubject;
use crate::inventory::{
    self, ComponentIndex, Location, OsRelease, OwnerEvidence, RelationshipKind, SourcePackage,
};
use crate::licence::Licence;

/// `syft-json`.
pub(crate) struct SyftJson;

const MEMBERS: &[Member] = &[
    Member::Items("artifacts"),
    Member::Value("artifactRelationships"),
    Member::Value("source"),
    Member::Value("distro"),
    Member::Value("descriptor"),
    Member::Value("schema"),
];

impl Format for SyftJson {
    fn id(&self) -> &'static str {
        "syft-json"
    }

    fn name(&self) -> &'static str {
        "Syft JSON"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["1", "16"]
    }

    fn members(&self) -> &'static [Member] {
        MEMBERS
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Json(members) if members.has("descriptor") && members.has("schema") && members.has("source"))
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let members = content.json()?;
        let schema: Schema<'_> = members.value_or_default("schema")?;
        let version = schema.version.as_deref().unwrap_or_default();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if !major.is_some_and(|major| (1..=16).contains(&major)) {
            return Err(ReadDocument::unknown_version(self, version));
        }
        let mut document = ReadDocument::new(self, "1")?;
        version.clone_into(&mut document.version);
        read(members, document, reading)
    }
}

#[derive(Deserialize, Default)]
struct Schema<'a> {
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Artifact<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    purl: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    locations: Few<Place<'a>>,
    #[serde(borrow, default)]
    licenses: Few<&'a RawValue>,
    #[serde(borrow, default)]
    cpes: Few<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct LicenceObject<'a> {
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    spdx_expression: Option<Cow<'a, str>>,
}

/// The origin of packages of operating systems, for all their types.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Origin<'a> {
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source_version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "originPackage")]
    built_from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    maintainer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    vendor: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Related<'a> {
    #[serde(borrow)]
    parent: Cow<'a, str>,
    #[serde(borrow)]
    child: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
struct Source<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    target: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Image<'a> {
    #[serde(borrow)]
    user_input: Option<Cow<'a, str>>,
    #[serde(borrow)]
    manifest_digest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    architecture: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Distro<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "versionID")]
    version_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    version_codename: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pretty_name: Option<Cow<'a, str>>,
}

fn read(
    mut members: Members<'_>,
    mut document: ReadDocument,
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let mut collector = Collector::new(reading);
    let artifacts = members.take_items("artifacts");
    collector.count(artifacts.len())?;
    document.stated.names_tool = true;
    let distro: Distro<'_> = members.value_or_default("distro")?;
    collector.inventory.os = release(distro);
    for artifact in artifacts {
        collector.check()?;
        add(&mut collector, &parsed(artifact)?);
    }
    let related: Vec<Related<'_>> =
        members.items("artifactRelationships", "relationships", reading.limits.relationships)?;
    for Related { parent, child, r#type } in &related {
        match &**r#type {
            "ownership-by-file-overlap" => {
                let owned = RelationshipKind::OwnedBy(OwnerEvidence::Claimed);
                collector.relate(child, owned, parent)?;
            }
            "dependency-of" if reading.is_whole() => {
                collector.relate(child, RelationshipKind::DependsOn, parent)?;
            }
            "contains" if reading.is_whole() => {
                collector.relate(parent, RelationshipKind::Contains, child)?;
            }
            _ => {}
        }
    }
    let source: Source<'_> = members.value_or_default("source")?;
    let is_image = source.r#type.as_deref() == Some("image");
    let raw = source.metadata.or(source.target);
    // For a folder or file, the target was a text.
    let image: Image<'_> = raw.and_then(|raw| parsed(raw).ok()).unwrap_or_default();
    let target = || parsed::<Cow<'_, str>>(raw?).ok();
    document.subject_name = image.user_input.or_else(target).or(source.name).map(Cow::into_owned);
    document.subject_digest = image.manifest_digest.and_then(|digest| digest.parse().ok());
    let subject =
        DocumentSubject { architecture: image.architecture.map(Cow::into_owned), ..document.subject() };
    document.subject_purl = subject.purl();
    collector.finish(is_image, &mut document)?;
    Ok(document)
}

fn add(collector: &mut Collector, artifact: &Artifact<'_>) {
    let origin: Origin<'_> = artifact.metadata.and_then(|metadata| parsed(metadata).ok()).unwrap_or_default();
    let licenses: Vec<Licence> = artifact.licenses.0.iter().filter_map(|raw| licence(raw)).collect();
    let supplier = origin.maintainer.or(origin.vendor).filter(|supplier| !supplier.is_empty());
    let purl = artifact.purl.as_deref().filter(|purl| !purl.is_empty());
    let is_whole = collector.is_whole();
    if is_whole {
        let stated = StatedComponent::new(artifact.id.as_deref(), &artifact.name).with([
            (Element::Supplier, supplier.is_some()),
            (Element::Version, artifact.version.as_deref().is_some_and(|version| !version.is_empty())),
            (Element::Identifier, purl.is_some() || !artifact.cpes.0.is_empty()),
            (Element::Licence, !licenses.is_empty()),
        ]);
        collector.stated.push(stated);
    }
    let version = artifact.version.as_deref();
    let source = origin.source.or(origin.built_from).filter(|name| !name.is_empty()).map(|name| {
        let built = origin.source_version.as_deref().filter(|version| !version.is_empty()).or(version);
        SourcePackage { name: name.into_owned(), version: built.unwrap_or_default().to_owned() }
    });
    let claims = Claims { name: &artifact.name, version, purl, source };
    let Some(component) = collector.add(claims) else { return };
    component.locations = (artifact.locations.0.iter())
        .map(|place| Location { path: place.path.trim_start_matches('/').to_owned(), layer: None })
        .collect();
    component.licenses = licenses;
    component.supplier = supplier.map(Cow::into_owned);
    if is_whole {
        let cpes: Vec<Cow<'_, str>> = artifact.cpes.0.iter().filter_map(|raw| cpe(raw)).collect();
        component.origin = inventory::Origin::stated(cpes.iter().map(|name| &**name), []);
    }
    let index = ComponentIndex(collector.inventory.components.len() - 1);
    if let Some(id) = &artifact.id {
        collector.name(id, index);
    }
}

/// A text, or since schema 16 an object with the text and its source.
fn cpe(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        cpe: Cow<'a, str>,
    }
    parsed(raw).ok().or_else(|| parsed::<Named<'_>>(raw).ok().map(|named| named.cpe))
}

/// A text, or an object with the text and Syft's interpretation.
fn licence(raw: &RawValue) -> Option<Licence> {
    if let Ok(text) = parsed::<Cow<'_, str>>(raw) {
        return Licence::stated(&text);
    }
    let object: LicenceObject<'_> = parsed(raw).ok()?;
    let expression = object.spdx_expression.filter(|expression| !expression.is_empty());
    expression.or(object.value).and_then(|text| Licence::stated(&text))
}

fn release(distro: Distro<'_>) -> Option<OsRelease> {
    let text = |text: Option<Cow<'_, str>>| text.filter(|text| !text.is_empty()).map(Cow::into_owned);
    Some(OsRelease {
        id: text(distro.id).or_else(|| text(distro.name))?,
        version_id: text(distro.version_id).or_else(|| text(distro.version)),
        codename: text(distro.version_codename),
        pretty_name: text(distro.pretty_name),
    })
}

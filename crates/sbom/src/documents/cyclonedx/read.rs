//! CycloneDX 1.2 to 1.7: nested components, Trivy's and Syft's properties beside our own.

use std::borrow::Cow;

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Limits, Purl};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::conventions::{CODENAME, LAYER, OWNER, OWNER_EVIDENCE, PROBLEM, TRIVY};
use crate::Error;
use crate::documents::collector::{Claims, Collector, in_order, is_image, subject_digest};
use crate::documents::format::ReadDocument;
use crate::documents::json::{Few, Member, Members, parsed};
use crate::inventory::{
    Component, ComponentIndex, Location, OsRelease, OwnerEvidence, Problem, SourcePackage,
};
use crate::licence::Licence;

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    component: Option<Part<'a>>,
    #[serde(borrow, default)]
    properties: Few<Property<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    purl: Option<Cow<'a, str>>,
    #[serde(borrow)]
    publisher: Option<Cow<'a, str>>,
    #[serde(borrow)]
    supplier: Option<Named<'a>>,
    #[serde(borrow, default)]
    hashes: Few<Hash<'a>>,
    #[serde(borrow, default)]
    licenses: Few<LicenceChoice<'a>>,
    #[serde(borrow)]
    evidence: Option<Evidence<'a>>,
    #[serde(borrow, default)]
    properties: Few<Property<'a>>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Hash<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

#[derive(Deserialize)]
struct LicenceChoice<'a> {
    #[serde(borrow)]
    expression: Option<Cow<'a, str>>,
    #[serde(borrow)]
    license: Option<NamedLicence<'a>>,
}

#[derive(Deserialize)]
struct NamedLicence<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Evidence<'a> {
    #[serde(borrow, default)]
    occurrences: Few<Occurrence<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Occurrence<'a> {
    #[serde(borrow)]
    location: Cow<'a, str>,
    #[serde(borrow)]
    additional_context: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

/// The members that are read.
pub(super) const MEMBERS: &[Member] = &[
    Member::Value("bomFormat"),
    Member::Value("specVersion"),
    Member::Value("metadata"),
    Member::Items("components"),
];

/// Completes `document` by what its members say.
pub(super) fn read(
    mut members: Members<'_>,
    mut document: ReadDocument,
    limits: &Limits,
) -> Result<ReadDocument, Error> {
    let metadata: Option<Metadata<'_>> = members.value("metadata")?;
    let mut collector = Collector::new(limits).until(members.cancel());
    let mut subject_is_image = false;
    // A subject may hold components of its own.
    let mut items = members.take_items("components");
    collector.count(items.len())?;
    if let Some(metadata) = metadata {
        document.created = metadata.timestamp.map(Cow::into_owned);
        let told = metadata.properties.0.iter().filter(|property| property.name.as_deref() == Some(PROBLEM));
        let problem =
            |property: &Property<'_>| Problem::from_document(property.value.as_deref().unwrap_or_default());
        collector.inventory.problems.extend(told.map(problem));
        if let Some(subject) = metadata.component {
            subject_is_image = subject.r#type == "container" || subject.purl.as_deref().is_some_and(is_image);
            document.subject_digest = digest(&subject);
            collector.inventory.layers = layers(&subject.properties.0);
            items.extend(collector.nested(subject.components)?);
            // Build tools write the package itself here and nowhere else. Without a package URL it is told only where there is
            // nothing else: then the document says nothing that can be looked up.
            let alone = items.is_empty() && !subject_is_image;
            if alone || subject.purl.is_some() {
                collector.count(1)?;
                component(&mut collector, &subject);
            }
            document.subject_name = Some(subject.name.into_owned());
        }
    }
    collector.each(&items, with_nested)?;
    document.inventory = collector.finish(subject_is_image);
    Ok(document)
}

/// A component and those inside it.
fn with_nested(collector: &mut Collector, raw: &RawValue) -> Result<(), Error> {
    // Last in, first out: nesting costs no recursion.
    let (mut waiting, mut next) = (Vec::new(), Some(raw));
    while let Some(raw) = next {
        let part: Part<'_> = parsed(raw)?;
        waiting.extend(collector.nested(part.components)?);
        component(collector, &part);
        next = waiting.pop();
    }
    Ok(())
}

fn component(collector: &mut Collector, part: &Part<'_>) {
    let known = Known::of(&part.properties.0);
    if part.r#type == "operating-system" {
        collector.inventory.os.get_or_insert_with(|| OsRelease {
            id: part.name.to_string(),
            version_id: part.version.as_deref().filter(|v| !v.is_empty()).map(str::to_owned),
            codename: known.codename.map(str::to_owned),
            pretty_name: part.description.as_deref().map(str::to_owned),
        });
        return;
    }
    // What is no package needs no purl: files, devices, and the lock files that Trivy writes as applications.
    let package = matches!(&*part.r#type, "library" | "framework" | "application") && !known.lock_file;
    if part.purl.as_deref().map_or(!package, is_image) {
        collector.lists_images |= part.r#type == "container" || part.purl.is_some();
        return;
    }
    let claims = Claims {
        name: &part.name,
        version: part.version.as_deref(),
        purl: part.purl.as_deref(),
        source: known.source(),
    };
    let Some(component) = collector.add(claims) else { return };
    component.locations = locations(part, &known);
    component.licenses = part.licenses.0.iter().filter_map(licence).collect();
    component.supplier = part
        .supplier
        .as_ref()
        .and_then(|supplier| supplier.name.as_deref())
        .or(part.publisher.as_deref())
        .map(str::to_owned);
    if let Some((owner, evidence)) = known.owner(component) {
        let index = ComponentIndex(collector.inventory.components.len() - 1);
        collector.owned.push((index, owner, evidence));
    }
}

/// Joins what Trivy keeps apart.
pub(crate) fn joined_version(epoch: &str, version: &str, release: &str) -> String {
    let mut joined = String::new();
    if !epoch.is_empty() {
        joined.push_str(epoch);
        joined.push(':');
    }
    joined.push_str(version);
    if !release.is_empty() {
        joined.push('-');
        joined.push_str(release);
    }
    joined
}

/// The properties that mean something here: ours, Trivy's, Syft's.
#[derive(Default)]
struct Known<'p> {
    source_name: &'p str,
    source_epoch: &'p str,
    source_version: &'p str,
    source_release: &'p str,
    lock_file: bool,
    codename: Option<&'p str>,
    owner: Option<&'p str>,
    owner_evidence: Option<&'p str>,
    paths: Vec<&'p str>,
}

impl<'p> Known<'p> {
    fn of(properties: &'p [Property<'_>]) -> Self {
        let mut known = Self::default();
        for property in properties {
            let (Some(name), Some(value)) = (property.name.as_deref(), property.value.as_deref()) else {
                continue;
            };
            match name {
                CODENAME => known.codename = Some(value),
                OWNER => known.owner = Some(value),
                OWNER_EVIDENCE => known.owner_evidence = Some(value),
                _ => match name.strip_prefix(TRIVY) {
                    Some("SrcName") => known.source_name = value,
                    Some("SrcEpoch") => known.source_epoch = value,
                    Some("SrcVersion") => known.source_version = value,
                    Some("SrcRelease") => known.source_release = value,
                    Some("FilePath") => known.paths.push(value),
                    Some("Class" | "Type") => known.lock_file = true,
                    None if name.starts_with("syft:location:") && name.ends_with(":path") => {
                        known.paths.push(value);
                    }
                    _ => {}
                },
            }
        }
        known
    }

    fn source(&self) -> Option<SourcePackage> {
        let version = || joined_version(self.source_epoch, self.source_version, self.source_release);
        (!self.source_name.is_empty())
            .then(|| SourcePackage { name: self.source_name.to_owned(), version: version() })
    }

    fn owner(&self, component: &Component) -> Option<(Purl, OwnerEvidence)> {
        let purl = self.owner?.parse().ok().filter(|purl| *purl != component.purl)?;
        // A mismatch was against the interest of whoever wrote it down; a match was not seen here.
        let mismatch = self.owner_evidence == Some(OwnerEvidence::DigestMismatch.as_str());
        Some((purl, if mismatch { OwnerEvidence::DigestMismatch } else { OwnerEvidence::Claimed }))
    }
}

fn locations(part: &Part<'_>, known: &Known<'_>) -> Vec<Location> {
    let occurrences =
        part.evidence.as_ref().map(|evidence| evidence.occurrences.0.as_slice()).unwrap_or_default();
    let layer = |context: &str| context.strip_prefix("layer ")?.parse().ok();
    if occurrences.is_empty() {
        let paths = known.paths.iter();
        return paths
            .map(|path| Location { path: path.trim_start_matches('/').to_owned(), layer: None })
            .collect();
    }
    let location = |occurrence: &Occurrence<'_>| Location {
        path: occurrence.location.trim_start_matches('/').to_owned(),
        layer: occurrence.additional_context.as_deref().and_then(layer),
    };
    occurrences.iter().map(location).collect()
}

fn licence(choice: &LicenceChoice<'_>) -> Option<Licence> {
    let license = choice.license.as_ref();
    choice
        .expression
        .as_deref()
        .or_else(|| license?.id.as_deref())
        .or_else(|| license?.name.as_deref())
        .and_then(Licence::stated)
}

/// The digest of an image: from its hashes, its version or its purl.
fn digest(subject: &Part<'_>) -> Option<Digest> {
    let hashes = subject.hashes.0.iter().filter_map(|hash| match &*hash.alg {
        "SHA-256" => Some(("sha256", &*hash.content)),
        "SHA-512" => Some(("sha512", &*hash.content)),
        _ => None,
    });
    subject_digest(hashes, subject.version.as_deref(), subject.purl.as_deref())
}

fn layers(properties: &[Property<'_>]) -> Vec<LayerRef> {
    let layer = |property: &Property<'_>| {
        let index = property.name.as_deref()?.strip_prefix(LAYER)?.parse().ok()?;
        let (digest, diff_id) = property.value.as_deref()?.split_once(' ')?;
        Some(LayerRef { index, digest: digest.parse().ok()?, diff_id: diff_id.parse().ok()? })
    };
    in_order(properties.iter().filter_map(layer).collect())
}

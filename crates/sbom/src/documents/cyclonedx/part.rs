//! A CycloneDX component in either syntax, and its conversion. Properties of Trivy, Syft and Plimsoll are read.

use std::borrow::Cow;

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Purl};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::conventions::{
    CODENAME, COMPLETE, CPE, CPE_OF_SYFT, DECLARED, DETECTED, FILE_LAYER, INCOMPLETE, LAYER, LOCATION, OWNER,
    OWNER_EVIDENCE, PROBLEM, TRIVY,
};
use crate::Error;
use crate::document::Completeness;
use crate::documents::collector::{Claims, Collector, in_order, is_image, is_index, subject_digest};
use crate::documents::format::ReadDocument;
use crate::documents::json::{Few, Filled};
use crate::documents::placed;
use crate::documents::stated::{Element, StatedComponent, SubjectKind};
use crate::documents::stated_files::StatedFile;
use crate::inventory::{
    Component, ComponentIndex, Declaration, DetectedLicence, Location, Origin, OsRelease, OwnerEvidence,
    Problem, RelationshipKind, SourcePackage,
};
use crate::licence::Licence;

/// `metadata`.
#[derive(Deserialize, Default)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) component: Option<Part<'a>>,
    #[serde(borrow, default)]
    pub(super) properties: Few<Property<'a>>,
    #[serde(borrow, default)]
    pub(super) authors: Few<Named<'a>>,
    #[serde(borrow)]
    pub(super) supplier: Option<Named<'a>>,
    #[serde(borrow)]
    pub(super) manufacturer: Option<Named<'a>>,
    /// The name of `manufacturer` until 1.5. Since 1.6 a document may have both.
    #[serde(borrow)]
    pub(super) manufacture: Option<Named<'a>>,
    /// Whether it names tools: a list until 1.4, an object since.
    #[serde(rename = "tools", default, deserialize_with = "is_filled")]
    pub(super) has_tools: bool,
    #[serde(rename = "lifecycles", default, deserialize_with = "is_filled")]
    pub(super) has_lifecycles: bool,
}

/// Whether any value in a list or an object is more than an empty text or `null`.
fn is_filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Filled::deserialize(deserializer).map(|filled| filled.0)
}

/// A component. In XML, the components inside it are read before it ends.
#[derive(Deserialize, Default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "bom-ref")]
    pub(super) reference: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) purl: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) cpe: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) publisher: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) manufacturer: Option<Named<'a>>,
    #[serde(borrow)]
    pub(super) supplier: Option<Named<'a>>,
    #[serde(borrow, default)]
    pub(super) hashes: Few<Hash<'a>>,
    #[serde(borrow, default)]
    pub(super) licenses: Few<LicenceChoice<'a>>,
    #[serde(borrow)]
    pub(super) evidence: Option<Evidence<'a>>,
    #[serde(borrow, default)]
    pub(super) properties: Few<Property<'a>>,
    #[serde(borrow)]
    pub(super) components: Option<&'a RawValue>,
}

/// An organisation or a person.
#[derive(Deserialize, Default)]
pub(super) struct Named<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Hash<'a> {
    #[serde(borrow)]
    pub(super) alg: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) content: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
pub(super) struct LicenceChoice<'a> {
    #[serde(borrow)]
    pub(super) expression: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) license: Option<NamedLicence<'a>>,
}

#[derive(Deserialize, Default)]
pub(super) struct NamedLicence<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Evidence<'a> {
    #[serde(borrow, default)]
    pub(super) occurrences: Few<Occurrence<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Occurrence<'a> {
    #[serde(borrow)]
    pub(super) location: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) additional_context: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Property<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) value: Option<Cow<'a, str>>,
}

/// One entry of `dependencies`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency<'a> {
    #[serde(borrow)]
    pub(super) r#ref: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) depends_on: Few<Cow<'a, str>>,
}

/// One entry of `compositions`.
#[derive(Deserialize, Default)]
pub(super) struct Composition<'a> {
    #[serde(borrow, default)]
    pub(super) aggregate: Cow<'a, str>,
    /// The identifiers of elements that are complete or incomplete. It does not cover their parts.
    #[serde(borrow, default)]
    pub(super) assemblies: Few<Cow<'a, str>>,
}

/// What `compositions` state about the subject. It is complete if one of them states this for the subject itself, and
/// none states anything else for any element: an incomplete part may hide components too.
fn completeness(compositions: &[Composition<'_>], subject: Option<&str>) -> Completeness {
    if compositions.iter().any(|one| one.aggregate.starts_with(INCOMPLETE)) {
        return Completeness::Incomplete;
    }
    let nothing_else = compositions.iter().all(|one| one.aggregate == COMPLETE);
    let of_subject = |one: &Composition<'_>| one.assemblies.0.iter().any(|part| Some(&**part) == subject);
    if nothing_else && compositions.iter().any(of_subject) {
        Completeness::Complete
    } else {
        Completeness::Unstated
    }
}

/// Adds an entry of `dependencies`.
pub(super) fn depend(collector: &mut Collector, dependency: &Dependency<'_>) -> Result<(), Error> {
    if dependency.depends_on.0.is_empty() {
        collector.leaf(&dependency.r#ref);
    }
    let on = dependency.depends_on.0.iter();
    on.into_iter().try_for_each(|on| collector.relate(&dependency.r#ref, RelationshipKind::DependsOn, on))
}

/// Completes `document` after its components were added.
pub(super) fn finish(
    mut collector: Collector,
    mut document: ReadDocument,
    metadata: Metadata<'_>,
    compositions: &[Composition<'_>],
) -> Result<ReadDocument, Error> {
    let mut subject_is_image = false;
    document.created = metadata.timestamp.map(Cow::into_owned);
    let told = metadata.properties.0.iter().filter(|property| property.name.as_deref() == Some(PROBLEM));
    let problem =
        |property: &Property<'_>| Problem::from_document(property.value.as_deref().unwrap_or_default());
    collector.inventory.problems.extend(told.map(problem));
    let Metadata { authors, manufacturer, manufacture, supplier, .. } = metadata;
    let makers = authors.0.into_iter().chain(manufacturer).chain(manufacture).chain(supplier);
    let authors = &mut document.stated.authors;
    authors.extend(makers.filter_map(|maker| maker.name).map(Cow::into_owned));
    authors.dedup();
    document.stated.names_tool = metadata.has_tools;
    document.stated.names_phase = metadata.has_lifecycles;
    if let Some(subject) = metadata.component {
        document.completeness = completeness(compositions, subject.reference.as_deref());
        subject_is_image = subject.r#type == "container" || subject.purl.as_deref().is_some_and(is_image);
        document.subject_digest = digest(&subject);
        document.subject_purl = subject.purl.as_deref().and_then(|purl| purl.parse().ok());
        if document.subject_purl.as_ref().is_some_and(is_index) {
            document.stated.subject = SubjectKind::Index;
        }
        collector.inventory.layers = layers(&subject.properties.0);
        // Build tools name the package itself only here. Without a package URL it is a problem only if there is nothing else:
        // then nothing in the document can be looked up.
        let alone = collector.is_empty() && !subject_is_image;
        if alone || subject.purl.is_some() {
            collector.count(1)?;
            component(&mut collector, &subject);
        }
        document.subject_name = Some(subject.name.into_owned());
    }
    collector.finish(subject_is_image, &mut document)?;
    Ok(document)
}

/// Adds a component and returns its index, if it is one.
pub(super) fn component(collector: &mut Collector, part: &Part<'_>) -> Option<ComponentIndex> {
    let known = Known::from_properties(&part.properties.0);
    if part.r#type == "operating-system" {
        collector.inventory.os.get_or_insert_with(|| OsRelease {
            id: part.name.to_string(),
            version_id: part.version.as_deref().filter(|v| !v.is_empty()).map(str::to_owned),
            codename: known.codename.map(str::to_owned),
            pretty_name: part.description.as_deref().map(str::to_owned),
        });
        return None;
    }
    // Files, devices, and the lock files that Trivy writes as applications are not packages and need no purl.
    let package = matches!(&*part.r#type, "library" | "framework" | "application") && !known.lock_file;
    if part.purl.as_deref().map_or(!package, is_image) {
        collector.lists_images |= part.r#type == "container" || part.purl.is_some();
        return None;
    }
    let is_whole = collector.is_whole();
    if is_whole {
        collector.stated.push(stated(part, &known));
    }
    let claims = Claims {
        name: &part.name,
        version: part.version.as_deref(),
        purl: part.purl.as_deref(),
        source: known.source(),
    };
    let component = collector.add(claims)?;
    component.locations = locations(part, &known);
    component.declared = known.declared;
    component.detected.clone_from(&known.detected);
    component.licenses = part.licenses.0.iter().filter_map(licence).collect();
    component.supplier = maker(part).map(str::to_owned);
    if is_whole {
        let hashes = part.hashes.0.iter().map(|hash| (&*hash.alg, &*hash.content));
        component.origin =
            Origin::stated(part.cpe.as_deref().into_iter().chain(known.cpes.iter().copied()), hashes);
    }
    let owner = known.owner(component);
    let index = ComponentIndex(collector.inventory.components.len() - 1);
    if let Some((owner, evidence)) = owner {
        collector.owned.push((index, owner, evidence));
    }
    if let Some(reference) = part.reference.as_deref().filter(|_| collector.is_whole()) {
        collector.name(reference, index);
    }
    Some(index)
}

/// Adds a component that is a file, if the whole document is read.
pub(super) fn file(
    collector: &mut Collector,
    part: &Part<'_>,
    owner: Option<ComponentIndex>,
) -> Result<(), Error> {
    if part.r#type != "file" || part.purl.is_some() || !collector.is_whole() {
        return Ok(());
    }
    let layer = part.properties.0.iter().find(|property| property.name.as_deref() == Some(FILE_LAYER));
    collector.files.add(StatedFile {
        name: &part.name,
        id: part.reference.as_deref().unwrap_or_default(),
        layer: layer.and_then(|property| property.value.as_deref()?.parse().ok()),
        hashes: part.hashes.0.iter().map(|hash| (&*hash.alg, &*hash.content)),
        owner,
    })
}

/// Who supplies, makes or publishes a component. cdxgen writes an empty text if it does not know.
fn maker<'p>(part: &'p Part<'_>) -> Option<&'p str> {
    let makers = [&part.supplier, &part.manufacturer].into_iter().flatten();
    let names = makers.map(|maker| &maker.name).chain([&part.publisher]);
    names.filter_map(|name| name.as_deref()).find(|name| !name.trim().is_empty())
}

fn stated(part: &Part<'_>, known: &Known<'_>) -> StatedComponent {
    let strong = |hash: &Hash<'_>| matches!(&*hash.alg, "SHA-512" | "SHA3-512");
    StatedComponent::new(part.reference.as_deref(), &part.name).with([
        (Element::Supplier, maker(part).is_some()),
        (Element::Version, part.version.as_deref().is_some_and(|version| !version.is_empty())),
        (Element::Identifier, part.purl.is_some() || part.cpe.is_some()),
        (Element::Hash, !part.hashes.0.is_empty()),
        (Element::StrongHash, part.hashes.0.iter().any(strong)),
        (Element::Licence, part.licenses.0.iter().any(|choice| licence(choice).is_some())),
        (Element::FileName, known.file_name),
        (Element::FileProperties, known.file_properties),
    ])
}

/// Joins the parts of a version, which Trivy keeps in separate properties.
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

/// The properties that are read: Plimsoll's, Trivy's, Syft's.
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
    locations: Vec<Location>,
    declared: Option<Declaration>,
    detected: Vec<DetectedLicence>,
    cpes: Vec<&'p str>,
    file_name: bool,
    file_properties: bool,
}

/// Whether a property is read, or can be written again. Trivy's names for layers follow from the layers, if those are known.
pub(crate) fn is_read(name: &str, has_layers: bool) -> bool {
    match name.strip_prefix(TRIVY) {
        Some(
            "SrcName" | "SrcEpoch" | "SrcVersion" | "SrcRelease" | "FilePath" | "Class" | "Type" | "PkgType",
        ) => true,
        Some("LayerDiffID" | "LayerDigest") => has_layers,
        Some(_) => false,
        None => {
            matches!(
                name,
                CODENAME
                    | CPE
                    | CPE_OF_SYFT
                    | DECLARED
                    | DETECTED
                    | FILE_LAYER
                    | OWNER
                    | OWNER_EVIDENCE
                    | LOCATION
                    | PROBLEM
            ) || name.starts_with(LAYER)
                || is_path_of_syft(name)
        }
    }
}

fn is_path_of_syft(name: &str) -> bool {
    name.starts_with("syft:location:") && name.ends_with(":path")
}

impl<'p> Known<'p> {
    fn from_properties(properties: &'p [Property<'_>]) -> Self {
        let mut known = Self::default();
        for property in properties {
            let (Some(name), Some(value)) = (property.name.as_deref(), property.value.as_deref()) else {
                continue;
            };
            match name {
                CODENAME => known.codename = Some(value),
                // Not the format's own `scope`, with which others may exclude anything.
                DECLARED => known.declared = value.parse().ok(),
                DETECTED => known.detected.extend(value.parse::<DetectedLicence>()),
                OWNER => known.owner = Some(value),
                OWNER_EVIDENCE => known.owner_evidence = Some(value),
                CPE | CPE_OF_SYFT => known.cpes.push(value),
                LOCATION => known.locations.extend(placed::read(value)),
                // The names of the taxonomy that BSI TR-03183-2 refers to.
                "bsi:component:filename" => known.file_name = true,
                "bsi:component:executable" => known.file_properties = true,
                _ => match name.strip_prefix(TRIVY) {
                    Some("SrcName") => known.source_name = value,
                    Some("SrcEpoch") => known.source_epoch = value,
                    Some("SrcVersion") => known.source_version = value,
                    Some("SrcRelease") => known.source_release = value,
                    Some("FilePath") => known.paths.push(value),
                    Some("Class" | "Type") => known.lock_file = true,
                    None if is_path_of_syft(name) => known.paths.push(value),
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
        // Nobody gains by claiming a mismatch, so it is accepted. A match was not verified here.
        let mismatch = self.owner_evidence == Some(OwnerEvidence::DigestMismatch.as_str());
        Some((purl, if mismatch { OwnerEvidence::DigestMismatch } else { OwnerEvidence::Claimed }))
    }
}

fn locations(part: &Part<'_>, known: &Known<'_>) -> Vec<Location> {
    let occurrences =
        part.evidence.as_ref().map(|evidence| evidence.occurrences.0.as_slice()).unwrap_or_default();
    let layer = |context: &str| context.strip_prefix("layer ")?.parse().ok();
    if !known.locations.is_empty() {
        return known.locations.clone();
    }
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

//! The parts of an SPDX document in any form, and their conversion: packages with external references. Conventions of
//! Trivy and Plimsoll are read. SPDX 3 is converted to the names of 2.3 first.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use plimsoll_core::Digest;
use plimsoll_core::rootfs::LayerRef;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::conventions::{
    BUILT_FROM, COMPLETE, DECLARED, DETECTED, FILE_LAYER, FOUND, INCOMPLETE, LAYER, NOASSERTION, OS,
    OWNERSHIP, PROBLEM, UNNAMED,
};
use crate::Error;
use crate::document::Completeness;
use crate::documents::collector::{
    Claims, Collector, Repeated, dangling, in_order, is_image, is_index, subject_digest,
};
use crate::documents::format::{ReadDocument, Reading};
use crate::documents::json::Few;
use crate::documents::placed;
use crate::documents::stated::{Element, StatedComponent, SubjectKind};
use crate::documents::stated_files::StatedFile;
use crate::inventory::{
    Component, ComponentIndex, Declaration, DetectedLicence, Location, Origin, OsRelease, OwnerEvidence,
    Problem, RelationshipKind, SourcePackage,
};
use crate::licence::{self, Licence};

#[derive(Deserialize, Default)]
pub(super) struct CreationInfo<'a> {
    #[serde(borrow)]
    pub(super) created: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) creators: Few<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Annotation<'a> {
    #[serde(borrow)]
    pub(super) comment: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship<'a> {
    #[serde(borrow)]
    pub(super) spdx_element_id: Cow<'a, str>,
    #[serde(borrow, rename = "relationshipType")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) related_spdx_element: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) comment: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtractedLicence<'a> {
    #[serde(borrow)]
    pub(super) license_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, rename = "SPDXID")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version_info: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "packageFileName")]
    pub(super) file_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) supplier: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) originator: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) source_info: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) license_declared: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) license_concluded: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) comment: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) checksums: Few<Checksum<'a>>,
    #[serde(borrow, default)]
    pub(super) external_refs: Few<ExternalReference<'a>>,
    #[serde(borrow, default)]
    pub(super) annotations: Few<Annotation<'a>>,
    #[serde(borrow)]
    pub(super) primary_package_purpose: Option<Cow<'a, str>>,
    /// Identifiers of its files, which other documents state by relationships. Only read if files are wanted.
    #[serde(borrow)]
    pub(super) has_files: Option<&'a RawValue>,
    /// The same in tag-value.
    #[serde(skip)]
    pub(super) files: Vec<Cow<'a, str>>,
}

/// A file.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct File<'a> {
    #[serde(borrow, default, rename = "fileName")]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, default, rename = "SPDXID")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) checksums: Few<Checksum<'a>>,
    #[serde(borrow)]
    pub(super) comment: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum<'a> {
    #[serde(borrow)]
    pub(super) algorithm: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) checksum_value: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalReference<'a> {
    #[serde(borrow)]
    pub(super) reference_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) reference_locator: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    index: usize,
    digest: Digest,
    diff_id: Digest,
}

/// Everything except the packages.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) name: Option<Cow<'a, str>>,
    /// The comment of the document.
    pub(super) comment: Option<Cow<'a, str>>,
    pub(super) creation: CreationInfo<'a>,
    pub(super) annotations: Few<Annotation<'a>>,
    pub(super) relationships: Vec<Relationship<'a>>,
    /// The subjects that the document states.
    pub(super) describes: Few<Cow<'a, str>>,
    pub(super) licences: Few<ExtractedLicence<'a>>,
    /// The files, if the whole document is read.
    pub(super) files: Vec<File<'a>>,
    /// The identifiers of everything except packages, if relationships must be checked against them.
    pub(super) declared: Option<Vec<Cow<'a, str>>>,
}

/// Completes `document` with its parts and its `packages`, of which there are `count`.
pub(super) fn read<'a>(
    mut parts: Parts<'a>,
    packages: impl Iterator<Item = Result<Package<'a>, Error>>,
    count: usize,
    mut document: ReadDocument,
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let mut collector = Collector::new(reading);
    collector.count(count)?;
    about_itself(&mut document, parts.comment.as_deref(), std::mem::take(&mut parts.creation));
    let Parts { name, annotations, relationships, describes, licences, files, declared, .. } = parts;
    files.iter().try_for_each(|file| self::file(&mut collector, file))?;
    document.subject_name = name.and_then(stated_name);
    collector.inventory.problems.extend(values(&annotations.0, PROBLEM).map(Problem::from_document));

    let described: Vec<&str> = relationships
        .iter()
        .filter_map(|relationship| match &*relationship.kind {
            "DESCRIBES" => Some(&*relationship.related_spdx_element),
            "DESCRIBED_BY" => Some(&*relationship.spdx_element_id),
            _ => None,
        })
        .chain(describes.0.iter().map(|id| &**id))
        .collect();
    let single = match described.as_slice() {
        [first, rest @ ..] if rest.iter().all(|id| id == first) => Some(*first),
        _ => None,
    };
    let names =
        licences.0.iter().filter_map(|licence| Some((&*licence.license_id, licence.name.as_deref()?)));
    let mut names = LicenceNames { names: names.collect(), repeated: Repeated::new(reading.limits) };
    let concerned = relate(&mut collector, &relationships)?;

    let mut subject_is_image = false;
    let alone = count == 1;
    // Identifiers of packages that are not components. References to them are valid.
    let mut set_aside: Vec<Cow<'_, str>> = Vec::new();
    for package in packages {
        collector.check()?;
        let package = package?;
        let purls: Vec<&str> = package
            .external_refs
            .0
            .iter()
            .filter(|reference| reference.reference_type == "purl")
            .map(|reference| &*reference.reference_locator)
            .collect();
        let purl = purls.first().copied();
        let purpose = package.primary_package_purpose.as_deref().unwrap_or_default();
        let image = purpose == "CONTAINER" || (purl.is_some() && purls.iter().all(|purl| is_image(purl)));
        // The subject of the document, which is not a component unless it has a package URL. If there is nothing else, nothing in
        // the document can be looked up, and that is a problem.
        let subject = single == Some(&*package.id) && (image || (purl.is_none() && !alone));
        if subject || image {
            collector.lists_images |= image;
            if single == Some(&*package.id) {
                subject_is_image |= image;
                document.subject_digest = digest(&package, purl);
                document.subject_purl = purl.and_then(|purl| purl.parse().ok());
                if document.subject_purl.as_ref().is_some_and(is_index) {
                    document.stated.subject = SubjectKind::Index;
                }
                document.subject_name = stated_name(package.name.clone());
                let layers = told(&package.annotations.0, LAYER);
                let layer = |layer: Layer| LayerRef {
                    index: layer.index,
                    digest: layer.digest,
                    diff_id: layer.diff_id,
                };
                collector.inventory.layers = in_order(layers.map(layer).collect());
            }
            set_aside.push(package.id);
            continue;
        }
        if is_operating_system(&package, purpose) {
            collector.inventory.os.get_or_insert_with(|| operating_system(&package));
            set_aside.push(package.id);
            continue;
        }
        if purl.is_none() && matches!(purpose, "FILE" | "SOURCE" | "ARCHIVE" | "DEVICE" | "FIRMWARE") {
            set_aside.push(package.id);
            continue;
        }
        let mut origin = kept(&mut collector, &package);
        let source = package.source_info.as_deref().and_then(|info| {
            let (name, version) = info.strip_prefix(BUILT_FROM)?.split_once(' ')?;
            Some(SourcePackage { name: name.to_owned(), version: version.to_owned() })
        });
        let version = package.version_info.as_deref().filter(|version| *version != NOASSERTION);
        let licenses = names.licenses(package.license_declared.as_deref())?;
        let index = collector.inventory.components.len();
        // Some documents give a package several package URLs. Advisories may use any of them.
        let several = purls.iter().copied().filter(|purl| !is_image(purl)).map(Some);
        collector.count(purls.len().saturating_sub(1))?;
        for purl in several.chain(purl.is_none().then_some(None)) {
            let claims = Claims { name: &package.name, version, purl, source: source.clone() };
            let Some(component) = collector.add(claims) else { continue };
            complete(component, &package);
            component.licenses.clone_from(&licenses);
            // Only the first gets it, or any number of package URLs would multiply it.
            component.origin = origin.take();
        }
        let has_files = contain_files(&mut collector, &package)?;
        if (has_files || concerned.contains(&*package.id)) && index < collector.inventory.components.len() {
            collector.name(&package.id, ComponentIndex(index));
        }
    }
    if let Some(declared) = declared.filter(|_| collector.is_whole()) {
        document.stated.dangling = undeclared(&declared, &set_aside, &relationships, &collector);
    }
    collector.finish(subject_is_image, &mut document)?;
    Ok(document)
}

/// Adds a file. The layer is in its comment.
fn file(collector: &mut Collector, file: &File<'_>) -> Result<(), Error> {
    collector.check()?;
    let layer = file.comment.as_deref().and_then(|comment| comment.strip_prefix(FILE_LAYER)?.parse().ok());
    collector.files.add(StatedFile {
        name: &file.name,
        id: &file.id,
        layer,
        hashes: file.checksums.0.iter().map(|it| (&*it.algorithm, &*it.checksum_value)),
        owner: None,
    })
}

/// Relates a package to the files that it lists itself. Returns whether there are any.
fn contain_files(collector: &mut Collector, package: &Package<'_>) -> Result<bool, Error> {
    if !collector.is_whole() {
        return Ok(false);
    }
    let listed: Vec<Cow<'_, str>> =
        package.has_files.map_or(Ok(Vec::new()), |raw| collector.related_items(raw))?;
    for file in package.files.iter().chain(&listed) {
        collector.relate(&package.id, RelationshipKind::Contains, file)?;
    }
    Ok(!package.files.is_empty() || !listed.is_empty())
}

/// Adds the comment of a package, and its supplier.
fn complete(component: &mut Component, package: &Package<'_>) {
    component.locations = locations(package);
    component.declared = declaration(package);
    component.detected = detected(package);
    let makers = [&package.supplier, &package.originator];
    component.supplier = makers.into_iter().find_map(|maker| supplier(maker.as_deref()?));
}

/// A name, unless it is the placeholder for a missing one.
fn stated_name(name: Cow<'_, str>) -> Option<String> {
    (!matches!(&*name, "" | NOASSERTION | UNNAMED)).then(|| name.into_owned())
}

/// What the comment of a document states. Only Plimsoll's own texts count: others write comments for people.
fn completeness(comment: Option<&str>) -> Completeness {
    match comment {
        Some(COMPLETE) => Completeness::Complete,
        Some(INCOMPLETE) => Completeness::Incomplete,
        _ => Completeness::Unstated,
    }
}

/// Who made the document, when and with what, and whether it states that it is complete.
fn about_itself(document: &mut ReadDocument, comment: Option<&str>, creation: CreationInfo<'_>) {
    document.completeness = completeness(comment);
    document.created = creation.created.map(Cow::into_owned);
    let makers = creation.creators.0.iter().map(|creator| creator.trim());
    let (tools, authors): (Vec<&str>, Vec<&str>) = makers.partition(|creator| creator.starts_with("Tool:"));
    document.stated.names_tool = !tools.is_empty();
    document.stated.authors = authors.into_iter().filter_map(supplier).collect();
}

/// Identifiers that relationships use and that no element has.
fn undeclared(
    declared: &[Cow<'_, str>],
    set_aside: &[Cow<'_, str>],
    relationships: &[Relationship<'_>],
    collector: &Collector,
) -> Vec<String> {
    let ids = collector.stated.iter().filter_map(|stated| stated.id.as_deref());
    let declared = declared.iter().chain(set_aside).map(|id| &**id).chain(ids).collect();
    let used = relationships
        .iter()
        .flat_map(|relationship| [&*relationship.spdx_element_id, &*relationship.related_spdx_element]);
    let used = used.filter(|id| !matches!(*id, "NONE" | NOASSERTION) && !id.starts_with("DocumentRef-"));
    dangling(used, &declared)
}

fn stated(package: &Package<'_>) -> StatedComponent {
    let says = |text: &Option<Cow<'_, str>>| {
        text.as_deref().is_some_and(|text| !matches!(text, "" | NOASSERTION | "NONE"))
    };
    let identifier = |reference: &ExternalReference<'_>| {
        matches!(&*reference.reference_type, "purl" | "cpe22Type" | "cpe23Type")
    };
    let strong = |checksum: &Checksum<'_>| matches!(&*checksum.algorithm, "SHA512" | "SHA3-512");
    StatedComponent::new(Some(&package.id), &package.name).with([
        (Element::Supplier, says(&package.supplier) || says(&package.originator)),
        (Element::Version, says(&package.version_info)),
        (Element::Identifier, package.external_refs.0.iter().any(identifier)),
        (Element::Hash, !package.checksums.0.is_empty()),
        (Element::StrongHash, package.checksums.0.iter().any(strong)),
        (Element::Licence, says(&package.license_declared) || says(&package.license_concluded)),
        (Element::FileName, says(&package.file_name)),
    ])
}

/// The names and digests of a package that are carried over if another document is written. They also count for scores.
fn kept(collector: &mut Collector, package: &Package<'_>) -> Option<Box<Origin>> {
    if !collector.is_whole() {
        return None;
    }
    collector.stated.push(stated(package));
    let is_name = |it: &&ExternalReference<'_>| matches!(&*it.reference_type, "cpe22Type" | "cpe23Type");
    let cpes = package.external_refs.0.iter().filter(is_name).map(|it| &*it.reference_locator);
    let checksums = package.checksums.0.iter().map(|it| (&*it.algorithm, &*it.checksum_value));
    Origin::stated(cpes, checksums)
}

/// Trivy marks the operating system by its identifier, newer documents by the purpose.
fn is_operating_system(package: &Package<'_>, purpose: &str) -> bool {
    matches!(purpose, "OPERATING_SYSTEM" | "OPERATING-SYSTEM")
        || package.id.starts_with("SPDXRef-OperatingSystem")
}

fn operating_system(package: &Package<'_>) -> OsRelease {
    told(&package.annotations.0, OS).next().unwrap_or_else(|| OsRelease {
        id: package.name.to_string(),
        version_id: package.version_info.as_deref().filter(|v| *v != NOASSERTION).map(str::to_owned),
        codename: None,
        pretty_name: package.summary.as_deref().map(str::to_owned),
    })
}

/// The values in Plimsoll's own annotations.
fn told<'a, T: serde::de::DeserializeOwned>(
    annotations: &'a [Annotation<'_>],
    prefix: &'a str,
) -> impl Iterator<Item = T> + 'a {
    values(annotations, prefix).filter_map(|value| serde_json::from_str(value).ok())
}

/// The same as they are written.
fn values<'a>(annotations: &'a [Annotation<'_>], prefix: &'a str) -> impl Iterator<Item = &'a str> {
    annotations.iter().filter_map(move |annotation| annotation.comment.strip_prefix(prefix))
}

fn digest(package: &Package<'_>, purl: Option<&str>) -> Option<Digest> {
    let checksums = package.checksums.0.iter().filter_map(|checksum| match &*checksum.algorithm {
        "SHA256" => Some(("sha256", &*checksum.checksum_value)),
        "SHA512" => Some(("sha512", &*checksum.checksum_value)),
        _ => None,
    });
    subject_digest(checksums, package.version_info.as_deref(), purl)
}

fn locations(package: &Package<'_>) -> Vec<Location> {
    let lines = package.comment.as_deref().unwrap_or_default().lines();
    lines.filter_map(|line| placed::read(line.strip_prefix(FOUND)?)).collect()
}

fn declaration(package: &Package<'_>) -> Option<Declaration> {
    let mut lines = package.comment.as_deref().unwrap_or_default().lines();
    lines.find_map(|line| line.strip_prefix(DECLARED)?.parse().ok())
}

fn detected(package: &Package<'_>) -> Vec<DetectedLicence> {
    let lines = package.comment.as_deref().unwrap_or_default().lines();
    lines.filter_map(|line| line.strip_prefix(DETECTED)?.parse().ok()).collect()
}

/// The names for references in licence expressions.
struct LicenceNames<'a> {
    names: HashMap<&'a str, &'a str>,
    repeated: Repeated,
}

impl LicenceNames<'_> {
    /// A valid expression unchanged, or else the terms that it joins by `AND`, with names in place of references. Any
    /// other text is one licence.
    fn licenses(&mut self, declared: Option<&str>) -> Result<Vec<Licence>, Error> {
        let Some(whole) = declared.and_then(Licence::stated) else { return Ok(Vec::new()) };
        if matches!(whole, Licence::Expression(_)) {
            return Ok(vec![whole]);
        }
        let terms = licence::conjuncts(whole.as_str()).into_iter().map(|term| self.named(term));
        let terms = terms.collect::<Result<Vec<_>, Error>>()?;
        if terms.iter().all(|(licence, has_names)| *has_names || matches!(licence, Licence::Expression(_))) {
            return Ok(terms.into_iter().map(|(licence, _)| licence).collect());
        }
        Ok(vec![self.named(whole.as_str())?.0])
    }

    /// A term with names for its references, and whether it has any.
    fn named(&mut self, term: &str) -> Result<(Licence, bool), Error> {
        let boundary = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
        let (mut text, mut has_names) = (String::new(), false);
        for word in term.split_inclusive(boundary) {
            let reference = word.strip_suffix(boundary).unwrap_or(word);
            let Some(name) = self.names.get(reference) else {
                text.push_str(word);
                continue;
            };
            self.repeated.add(name.len())?;
            text.push_str(name);
            text.push_str(word.get(reference.len()..).unwrap_or_default());
            has_names = true;
        }
        Ok((Licence::parse(&text), has_names))
    }
}

fn supplier(text: &str) -> Option<String> {
    let name = ["Organization:", "Person:"].iter().find_map(|prefix| text.strip_prefix(prefix))?.trim();
    let name = match name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")) {
        Some((name, mail)) if mail.contains('@') => format!("{name} <{mail}>"),
        _ => name.to_owned(),
    };
    (!name.is_empty()).then_some(name)
}

/// Passes relationships that are understood to the collector: ownership, and in a whole document also containment and
/// dependencies. Returns the identifiers in them.
fn relate<'a>(
    collector: &mut Collector,
    relationships: &'a [Relationship<'_>],
) -> Result<HashSet<&'a str>, Error> {
    let mut ids = HashSet::new();
    for relationship in relationships {
        let (from, to) = (&*relationship.spdx_element_id, &*relationship.related_spdx_element);
        let kind = &*relationship.kind;
        let (from, kind, to) = match kind {
            "OTHER" => {
                let stated =
                    relationship.comment.as_deref().and_then(|comment| comment.strip_prefix(OWNERSHIP));
                let Some(stated) = stated else { continue };
                let mismatch = stated == OwnerEvidence::DigestMismatch.as_str();
                let evidence = if mismatch { OwnerEvidence::DigestMismatch } else { OwnerEvidence::Claimed };
                (to, RelationshipKind::OwnedBy(evidence), from)
            }
            _ if !collector.is_whole() => continue,
            "CONTAINS" => (from, RelationshipKind::Contains, to),
            "CONTAINED_BY" => (to, RelationshipKind::Contains, from),
            "DEPENDS_ON" => (from, RelationshipKind::DependsOn, to),
            // `DEV_DEPENDENCY_OF`, `RUNTIME_DEPENDENCY_OF` and the like.
            _ if kind.ends_with("DEPENDENCY_OF") => (to, RelationshipKind::DependsOn, from),
            _ => continue,
        };
        // A package without further dependencies is related to NONE.
        if to == "NONE" {
            collector.leaf(from);
            continue;
        }
        collector.relate(from, kind, to)?;
        ids.extend([from, to]);
    }
    Ok(ids)
}

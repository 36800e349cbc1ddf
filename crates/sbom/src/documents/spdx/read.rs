//! SPDX 2.3: packages with external references, Trivy's conventions beside our own.

use std::borrow::Cow;
use std::collections::HashMap;

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Limits};
use serde::Deserialize;

use super::conventions::{BUILT_FROM, FOUND, LAYER, NOASSERTION, OS, OWNERSHIP, PROBLEM};
use crate::Error;
use crate::documents::collector::{Claims, Collector, in_order, is_image, subject_digest};
use crate::documents::format::ReadDocument;
use crate::documents::json::{Few, Member, Members, parsed};
use crate::inventory::{
    ComponentIndex, Location, OsRelease, OwnerEvidence, Problem, Relationship as Related, RelationshipKind,
    SourcePackage,
};
use crate::licence::Licence;

#[derive(Deserialize, Default)]
struct CreationInfo<'a> {
    #[serde(borrow)]
    created: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    comment: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship<'a> {
    #[serde(borrow)]
    spdx_element_id: Cow<'a, str>,
    #[serde(borrow, rename = "relationshipType")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    related_spdx_element: Cow<'a, str>,
    #[serde(borrow)]
    comment: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtractedLicence<'a> {
    #[serde(borrow)]
    license_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "SPDXID")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    version_info: Option<Cow<'a, str>>,
    #[serde(borrow)]
    supplier: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source_info: Option<Cow<'a, str>>,
    #[serde(borrow)]
    license_declared: Option<Cow<'a, str>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    comment: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    checksums: Few<Checksum<'a>>,
    #[serde(borrow, default)]
    external_refs: Few<ExternalReference<'a>>,
    #[serde(borrow, default)]
    annotations: Few<Annotation<'a>>,
    #[serde(borrow)]
    primary_package_purpose: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    checksum_value: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalReference<'a> {
    #[serde(borrow)]
    reference_type: Cow<'a, str>,
    #[serde(borrow)]
    reference_locator: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    index: usize,
    digest: Digest,
    diff_id: Digest,
}

/// The members that are read.
pub(super) const MEMBERS: &[Member] = &[
    Member::Value("spdxVersion"),
    Member::Value("name"),
    Member::Value("creationInfo"),
    Member::Value("documentDescribes"),
    Member::Value("annotations"),
    Member::Items("packages"),
    Member::Value("relationships"),
    Member::Value("hasExtractedLicensingInfos"),
];

/// Completes `document` by what its members say.
pub(super) fn read(
    mut members: Members<'_>,
    mut document: ReadDocument,
    limits: &Limits,
) -> Result<ReadDocument, Error> {
    let mut collector = Collector::new(limits).until(members.cancel());
    let packages = members.take_items("packages");
    collector.count(packages.len())?;
    let creation: CreationInfo<'_> = members.value_or_default("creationInfo")?;
    let annotations: Few<Annotation<'_>> = members.value_or_default("annotations")?;
    let relationships: Vec<Relationship<'_>> =
        members.items("relationships", "relationships", limits.relationships)?;
    let subjects: Few<Cow<'_, str>> = members.value_or_default("documentDescribes")?;
    let infos: Few<ExtractedLicence<'_>> = members.value_or_default("hasExtractedLicensingInfos")?;
    document.subject_name = members.value("name")?;
    document.created = creation.created.map(Cow::into_owned);
    collector.inventory.problems.extend(values(&annotations.0, PROBLEM).map(Problem::from_document));

    let described: Vec<&str> = relationships
        .iter()
        .filter_map(|relationship| match &*relationship.kind {
            "DESCRIBES" => Some(&*relationship.related_spdx_element),
            "DESCRIBED_BY" => Some(&*relationship.spdx_element_id),
            _ => None,
        })
        .chain(subjects.0.iter().map(|id| &**id))
        .collect();
    let single = match described.as_slice() {
        [first, rest @ ..] if rest.iter().all(|id| id == first) => Some(*first),
        _ => None,
    };
    let extracted: HashMap<&str, &str> =
        infos.0.iter().filter_map(|licence| Some((&*licence.license_id, licence.name.as_deref()?))).collect();
    let owners = Owners::of(&relationships);

    let mut subject_is_image = false;
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let alone = packages.len() == 1;
    for raw in packages {
        collector.check()?;
        let package: Package<'_> = parsed(raw)?;
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
        // The one package that the document is about, when it is no package itself. Where it is all that there is, nothing in
        // the document can be looked up, and that is told.
        let subject = single == Some(&*package.id) && (image || (purl.is_none() && !alone));
        if subject || image {
            collector.lists_images |= image;
            if single == Some(&*package.id) {
                subject_is_image |= image;
                document.subject_digest = digest(&package, purl);
                document.subject_name = Some(package.name.to_string());
                let layers = told(&package.annotations.0, LAYER);
                let layer = |layer: Layer| LayerRef {
                    index: layer.index,
                    digest: layer.digest,
                    diff_id: layer.diff_id,
                };
                collector.inventory.layers = in_order(layers.map(layer).collect());
            }
            continue;
        }
        if is_operating_system(&package, purpose) {
            collector.inventory.os.get_or_insert_with(|| operating_system(&package));
            continue;
        }
        if purl.is_none() && matches!(purpose, "FILE" | "SOURCE" | "ARCHIVE" | "DEVICE" | "FIRMWARE") {
            continue;
        }
        let source = package.source_info.as_deref().and_then(|info| {
            let (name, version) = info.strip_prefix(BUILT_FROM)?.split_once(' ')?;
            Some(SourcePackage { name: name.to_owned(), version: version.to_owned() })
        });
        let version = package.version_info.as_deref().filter(|version| *version != NOASSERTION);
        let index = collector.inventory.components.len();
        // A package is known by several names in some documents, and any of them may be the one that advisories use.
        let several = purls.iter().copied().filter(|purl| !is_image(purl)).map(Some);
        collector.count(purls.len().saturating_sub(1))?;
        for purl in several.chain(purl.is_none().then_some(None)) {
            let claims = Claims { name: &package.name, version, purl, source: source.clone() };
            let Some(component) = collector.add(claims) else { continue };
            component.locations = locations(&package);
            component.licenses = licenses(package.license_declared.as_deref(), &extracted);
            component.supplier = package.supplier.as_deref().and_then(supplier);
        }
        if owners.concerns(&package.id) && index < collector.inventory.components.len() {
            by_id.insert(package.id.into_owned(), index);
        }
    }
    owners.assign(&mut collector, &by_id);
    document.inventory = collector.finish(subject_is_image);
    Ok(document)
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

/// The values that our own annotations hold.
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
    let line = |line: &str| {
        let (place, path) = line.strip_prefix(FOUND)?.split_once(": ")?;
        let layer = match place.strip_prefix("layer ") {
            Some(layer) => Some(layer.parse().ok()?),
            None if place == "root" => None,
            None => return None,
        };
        Some(Location { path: path.to_owned(), layer })
    };
    package.comment.as_deref().unwrap_or_default().lines().filter_map(line).collect()
}

/// One valid expression, or the parts of a conjunction with references replaced by the names they stand for.
fn licenses(declared: Option<&str>, extracted: &HashMap<&str, &str>) -> Vec<Licence> {
    let Some(declared) = declared.filter(|text| !matches!(*text, NOASSERTION | "NONE" | "")) else {
        return Vec::new();
    };
    let whole = Licence::parse(declared);
    if matches!(whole, Licence::Expression(_)) {
        return vec![whole];
    }
    let part = |part: &str| {
        let part = part.strip_prefix('(').and_then(|part| part.strip_suffix(')')).unwrap_or(part);
        match Licence::parse(part) {
            Licence::Text(_) => extracted.get(part).map(|name| Licence::parse(name)),
            expression @ Licence::Expression(_) => Some(expression),
        }
    };
    declared.split(" AND ").map(part).collect::<Option<Vec<_>>>().unwrap_or_else(|| vec![whole])
}

fn supplier(text: &str) -> Option<String> {
    let name = ["Organization:", "Person:"].iter().find_map(|prefix| text.strip_prefix(prefix))?.trim();
    let name = match name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")) {
        Some((name, mail)) if mail.contains('@') => format!("{name} <{mail}>"),
        _ => name.to_owned(),
    };
    (!name.is_empty()).then_some(name)
}

/// Which package brought which, by their identifiers in the document.
struct Owners<'a> {
    pairs: Vec<(&'a str, &'a str, OwnerEvidence)>,
    ids: std::collections::HashSet<&'a str>,
}

impl<'a> Owners<'a> {
    fn of(relationships: &'a [Relationship<'_>]) -> Self {
        let pairs: Vec<_> = relationships
            .iter()
            .filter(|relationship| relationship.kind == "OTHER")
            .filter_map(|relationship| {
                let stated = relationship.comment.as_deref()?.strip_prefix(OWNERSHIP)?;
                let mismatch = stated == OwnerEvidence::DigestMismatch.as_str();
                let evidence = if mismatch { OwnerEvidence::DigestMismatch } else { OwnerEvidence::Claimed };
                Some((&*relationship.spdx_element_id, &*relationship.related_spdx_element, evidence))
            })
            .collect();
        let ids = pairs.iter().flat_map(|(owner, owned, _)| [*owner, *owned]).collect();
        Self { pairs, ids }
    }

    fn concerns(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    fn assign(&self, collector: &mut Collector, by_id: &HashMap<String, usize>) {
        for (owner, owned, evidence) in &self.pairs {
            let (Some(from), Some(to)) = (by_id.get(*owner), by_id.get(*owned)) else { continue };
            if from != to {
                collector.inventory.relationships.insert(Related {
                    from: ComponentIndex(*to),
                    kind: RelationshipKind::OwnedBy(*evidence),
                    to: ComponentIndex(*from),
                });
            }
        }
    }
}

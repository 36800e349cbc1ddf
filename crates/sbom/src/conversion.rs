//! What is lost when a document is written in another format: what was not read of it, and what its new form has no place for.
//!
//! The first is counted in the text: members, elements or fields that this crate makes nothing of. The second is found by reading
//! what was written and comparing, so that no table of abilities can be wrong; a list of package URLs, which is not read,
//! keeps only those.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::{Limits, json};
use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::documents::format::{DocumentFormat, ReadDocument};
use crate::documents::xml::Xml;
use crate::documents::{read_whole, unmarked};
use crate::inventory::{Inventory, RelationshipKind};

/// Different things that are counted; more are told as one.
const MAX_LOSSES: usize = 200;

/// Something that the new document does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// What: `components/cpe`, `vulnerabilities`, `layers`.
    pub what: String,
    /// How often it occurred.
    pub count: usize,
}

/// What is in the text of a document and was not read.
pub fn unread(bytes: &[u8], document: &ReadDocument, limits: &Limits) -> Result<Vec<Loss>, Error> {
    let mut count = Count::default();
    for envelope in &document.envelopes {
        count.add(envelope.name());
    }
    let text = unmarked(bytes)?;
    match text.trim_ascii_start().first() {
        // What is in an envelope is counted as a whole.
        _ if !document.envelopes.is_empty() => {}
        Some(b'{') => count.json(&json::value(&text, limits.sbom_bytes)?),
        Some(b'<') => {
            let text = std::str::from_utf8(&text).unwrap_or_default();
            let (mut xml, _) = Xml::open(text)?;
            count.element(&mut xml, "", "", &CYCLONEDX)?;
        }
        _ => count.lines(std::str::from_utf8(&text).unwrap_or_default()),
    }
    Ok(count.finish())
}

/// What `before` has and is not in `written`, which is `before` in `format`.
pub fn unwritten(
    before: &Inventory,
    written: &[u8],
    format: DocumentFormat,
    limits: &Limits,
) -> Result<Vec<Loss>, Error> {
    if format.reads().is_empty() {
        let kept: BTreeSet<_> = before.components.iter().map(|component| &component.purl).collect();
        let mut lost = facts(before);
        lost.insert("components", before.components.len() - kept.len());
        return Ok(losses(lost));
    }
    let after = facts(&read_whole(written, limits)?.inventory);
    let lost = facts(before)
        .into_iter()
        .map(|(what, count)| (what, count.saturating_sub(after.get(what).copied().unwrap_or_default())));
    Ok(losses(lost.collect()))
}

fn losses(lost: BTreeMap<&'static str, usize>) -> Vec<Loss> {
    let lost = lost.into_iter().filter(|(_, count)| *count > 0);
    lost.map(|(what, count)| Loss { what: what.to_owned(), count }).collect()
}

/// How much of each kind an inventory knows.
fn facts(inventory: &Inventory) -> BTreeMap<&'static str, usize> {
    let components = || inventory.components.iter();
    let related = |kind: fn(RelationshipKind) -> bool| {
        inventory.relationships.iter().filter(|relationship| kind(relationship.kind)).count()
    };
    BTreeMap::from([
        ("components", components().count()),
        ("licences", components().map(|one| one.licenses.len()).sum()),
        ("suppliers", components().filter(|one| one.supplier.is_some()).count()),
        ("source packages", components().filter(|one| one.source.is_some()).count()),
        ("places", components().map(|one| one.locations.len()).sum()),
        (
            "layers of places",
            components().flat_map(|one| &one.locations).filter(|place| place.layer.is_some()).count(),
        ),
        ("layers", inventory.layers.len()),
        ("problems", inventory.problems.len()),
        ("operating system", usize::from(inventory.os.is_some())),
        // What contains and what depends are one list in some formats.
        ("dependencies", related(|kind| !matches!(kind, RelationshipKind::OwnedBy(_)))),
        ("ownership", related(|kind| matches!(kind, RelationshipKind::OwnedBy(_)))),
    ])
}

/// What is read of an object or an element: names, and what is inside them.
struct Known(&'static [(&'static str, &'static [(&'static str, Inner)])]);

/// What is below a name.
#[derive(Clone, Copy)]
enum Inner {
    /// All of it is read.
    Whole,
    /// Objects of this kind.
    Of(&'static str),
}

use Inner::{Of, Whole};

/// CycloneDX.
const CYCLONEDX: Known = Known(&[
    (
        "",
        &[
            ("$schema", Whole),
            ("bomFormat", Whole),
            ("specVersion", Whole),
            // Documents that differ are other documents.
            ("serialNumber", Whole),
            ("version", Whole),
            ("metadata", Of("metadata")),
            ("components", Of("component")),
            ("dependencies", Of("dependency")),
        ],
    ),
    ("metadata", &[("timestamp", Whole), ("component", Of("component")), ("properties", Whole)]),
    (
        "component",
        &[
            ("type", Whole),
            ("bom-ref", Whole),
            // The package URL says it.
            ("group", Whole),
            ("name", Whole),
            ("version", Whole),
            ("purl", Whole),
            ("publisher", Whole),
            ("supplier", Of("supplier")),
            ("licenses", Of("licence")),
            ("evidence", Of("evidence")),
            ("properties", Whole),
            ("components", Of("component")),
        ],
    ),
    ("supplier", &[("name", Whole)]),
    ("evidence", &[("occurrences", Whole)]),
    ("licence", &[("license", Of("license")), ("expression", Whole)]),
    ("license", &[("id", Whole), ("name", Whole)]),
    ("dependency", &[("ref", Whole), ("dependsOn", Whole)]),
]);

/// SPDX 2 as JSON.
const SPDX: Known = Known(&[
    (
        "",
        &[
            ("spdxVersion", Whole),
            ("dataLicense", Whole),
            ("SPDXID", Whole),
            ("name", Whole),
            ("documentNamespace", Whole),
            ("documentDescribes", Whole),
            ("creationInfo", Of("creation")),
            ("packages", Of("package")),
            ("relationships", Of("relationship")),
            ("hasExtractedLicensingInfos", Of("text")),
        ],
    ),
    ("creation", &[("created", Whole)]),
    (
        "package",
        &[
            ("name", Whole),
            ("SPDXID", Whole),
            ("versionInfo", Whole),
            ("supplier", Whole),
            ("sourceInfo", Whole),
            ("licenseDeclared", Whole),
            ("externalRefs", Of("reference")),
            ("primaryPackagePurpose", Whole),
            ("downloadLocation", Whole),
            ("filesAnalyzed", Whole),
            ("copyrightText", Whole),
            ("licenseConcluded", Whole),
        ],
    ),
    ("reference", &[("referenceCategory", Whole), ("referenceType", Whole), ("referenceLocator", Whole)]),
    ("relationship", &[("spdxElementId", Whole), ("relationshipType", Whole), ("relatedSpdxElement", Whole)]),
    ("text", &[("licenseId", Whole), ("name", Whole), ("extractedText", Whole)]),
]);

impl Known {
    fn inside(&self, kind: &str) -> &'static [(&'static str, Inner)] {
        self.0.iter().find(|(own, _)| *own == kind).map_or(&[], |(_, members)| members)
    }
}

#[derive(Default)]
struct Count(BTreeMap<String, usize>);

impl Count {
    fn add(&mut self, what: &str) {
        let what = if self.0.len() < MAX_LOSSES || self.0.contains_key(what) { what } else { "others" };
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    fn finish(self) -> Vec<Loss> {
        self.0.into_iter().map(|(what, count)| Loss { what, count }).collect()
    }

    fn json(&mut self, value: &Value) {
        let known = if value.get("bomFormat").is_some() {
            &CYCLONEDX
        } else if let Some(inner) = value.get("sbom") {
            return self.json(inner);
        } else if value.get("spdxVersion").is_some() {
            &SPDX
        } else if let Some(graph) = value.get("@graph").and_then(Value::as_array) {
            return self.graph(graph);
        } else {
            return self.members(
                value,
                &["artifacts", "artifactRelationships", "source", "distro", "descriptor", "schema"],
            );
        };
        self.object(value, known, "", "");
    }

    fn object(&mut self, value: &Value, known: &Known, kind: &str, place: &str) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = if place.is_empty() { name.clone() } else { format!("{place}/{name}") };
            let inner = known.inside(kind).iter().find(|(own, _)| own == name).map(|(_, inner)| *inner);
            match (inner, member) {
                (Some(Whole), _) | (_, Value::Null) => {}
                (_, Value::Array(items)) if items.is_empty() => {}
                (Some(Of(kind)), Value::Array(items)) => {
                    for item in items {
                        self.object(item, known, kind, &path);
                    }
                }
                (Some(Of(kind)), member) => self.object(member, known, kind, &path),
                // What templates write is nothing that could be lost.
                (None, Value::String(text)) if matches!(text.as_str(), "" | "NOASSERTION" | "NONE") => {}
                (None, Value::Array(items)) if place.is_empty() => {
                    for _ in items {
                        self.add(&path);
                    }
                }
                (None, _) => self.add(&path),
            }
        }
    }

    fn members(&mut self, value: &Value, known: &[&str]) {
        for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
            if !known.contains(&name.as_str()) {
                self.add(name);
            }
        }
    }

    /// SPDX 3: elements of other types.
    fn graph(&mut self, graph: &[Value]) {
        const READ: &[&str] = &[
            "CreationInfo",
            "SpdxDocument",
            "software_Sbom",
            "Bom",
            "software_Package",
            "Relationship",
            "LifecycleScopedRelationship",
            "Annotation",
            "Tool",
            "SoftwareAgent",
            "Agent",
            "Person",
            "Organization",
            "simplelicensing_LicenseExpression",
            "simplelicensing_SimpleLicensingText",
        ];
        for element in graph {
            let kind = element.get("type").or(element.get("@type")).and_then(Value::as_str);
            if let Some(kind) = kind.filter(|kind| !READ.contains(kind)) {
                self.add(kind);
            }
        }
    }

    /// CycloneDX as XML, which has an element around each item of a list. Nesting is bounded by the reader.
    fn element(&mut self, xml: &mut Xml<'_>, place: &str, kind: &str, known: &Known) -> Result<(), Error> {
        while let Some(child) = xml.child()? {
            let name = child.name().to_owned();
            let path = if place.is_empty() { name.clone() } else { format!("{place}/{name}") };
            match known.inside(kind).iter().find(|(own, _)| *own == name).map(|(_, inner)| *inner) {
                Some(Whole) => xml.skip()?,
                // The elements of a list are one level below.
                Some(Of(inner)) if is_list(&name) => {
                    while let Some(item) = xml.child()? {
                        match inner {
                            "licence" if item.name() == "expression" => xml.skip()?,
                            "licence" => self.element(xml, &path, "license", known)?,
                            "dependency" => xml.skip()?,
                            _ => self.element(xml, &path, inner, known)?,
                        }
                    }
                }
                Some(Of(inner)) => self.element(xml, &path, inner, known)?,
                None => {
                    self.add(&path);
                    xml.skip()?;
                }
            }
        }
        Ok(())
    }

    /// SPDX tag-value: fields that are not read.
    fn lines(&mut self, text: &str) {
        const READ: &[&str] = &[
            "SPDXVersion",
            "DataLicense",
            "SPDXID",
            "DocumentName",
            "DocumentNamespace",
            "Created",
            "PackageName",
            "PackageVersion",
            "PackageSupplier",
            "PackageSourceInfo",
            "PackageLicenseDeclared",
            "PackageDownloadLocation",
            "FilesAnalyzed",
            "PackageLicenseConcluded",
            "PackageCopyrightText",
            "ExternalRef",
            "PrimaryPackagePurpose",
            "Relationship",
            "RelationshipComment",
            "LicenseID",
            "LicenseName",
            "ExtractedText",
        ];
        for line in text.lines() {
            let tag = line.split_once(':').map_or("", |(tag, _)| tag);
            let is_tag = !tag.is_empty() && tag.len() < 40 && tag.bytes().all(|b| b.is_ascii_alphanumeric());
            if is_tag && tag.starts_with(|c: char| c.is_ascii_uppercase()) && !READ.contains(&tag) {
                self.add(tag);
            }
        }
    }
}

fn is_list(name: &str) -> bool {
    matches!(name, "components" | "dependencies" | "licenses")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(text: &str) -> Vec<String> {
        let document = read_whole(text.as_bytes(), &Limits::default()).unwrap();
        let losses = unread(text.as_bytes(), &document, &Limits::default()).unwrap();
        losses.iter().map(|loss| format!("{} {}", loss.what, loss.count)).collect()
    }

    #[test]
    fn what_is_not_read_is_counted_by_its_place() {
        let cyclonedx = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"authors":[{"name":"a"}]},"components":[
            {"type":"library","name":"a","cpe":"cpe:2.3:a","hashes":[],"licenses":[{"license":{"id":"MIT","url":"x"}}]},
            {"type":"library","name":"b","cpe":"cpe:2.3:b","components":[{"type":"file","name":"c","scope":"required"}]}],
            "vulnerabilities":[{"id":"1"},{"id":"2"}]}"#;
        assert_eq!(
            lost(cyclonedx),
            [
                "components/components/scope 1",
                "components/cpe 2",
                "components/licenses/license/url 1",
                "metadata/authors 1",
                "vulnerabilities 2",
            ]
        );
        let xml = "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><components><component type='library'><name>a</name><cpe>c</cpe><licenses><license><id>MIT</id><url>x</url></license></licenses></component></components><vulnerabilities/></bom>";
        assert_eq!(lost(xml), ["components/cpe 1", "components/licenses/url 1", "vulnerabilities 1"]);
        let spdx = r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a","name":"a","homepage":"x","copyrightText":"NOASSERTION"}],"files":[{},{}]}"#;
        assert_eq!(lost(spdx), ["files 2", "packages/homepage 1"]);
        assert_eq!(
            lost("SPDXVersion: SPDX-2.3\nPackageName: a\nPackageHomePage: x\n"),
            ["PackageHomePage 1"]
        );
    }
}

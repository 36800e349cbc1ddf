//! What a conversion loses: parts of a document that were not read, and parts that the new format cannot represent.
//!
//! The first is counted in the members of the document, by the tables in `known`. For the second, the new document is read and
//! compared, so no table of features can be wrong. For formats that are not read, `kept` states it.

mod known;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::{Limits, text};
use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::documents::format::{DocumentFormat, ReadDocument};
use crate::documents::{peeled, read_whole};
use crate::inventory::{Inventory, RelationshipKind};
use known::Inner;

/// Kinds of losses that are counted; the others are counted as one.
const MAX_LOSSES: usize = 200;

/// Something that the new document does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// Its name: `components/cpe`, `vulnerabilities`, `layers`.
    pub what: String,
    /// How often it occurred.
    pub count: usize,
}

/// The parts of a document's text that were not read.
pub fn unread(bytes: &[u8], document: &ReadDocument, limits: &Limits) -> Result<Vec<Loss>, Error> {
    let mut count = Count { has_layers: !document.inventory.layers.is_empty(), lost: BTreeMap::new() };
    for envelope in &document.envelopes {
        count.add(envelope.name());
    }
    let members = peeled(bytes, limits, |peeled| Ok((peeled.format(), peeled.members(limits)?)))?;
    match members {
        ("cyclonedx-json" | "cyclonedx-xml", Some(value)) => count.object(&value, "cyclonedx", ""),
        ("spdx-json-ld", Some(value)) => count.graph(&value),
        ("syft-json", Some(value)) => count.object(&value, "syft", ""),
        (_, Some(value)) => {
            count.object(&value, "spdx", "");
            if document.inventory.files.is_none() {
                count.without_files(&value);
            }
        }
        (_, None) => {}
    }
    let unusable = document.stated.unusable;
    if unusable > 0 {
        count.lost.insert("components without a usable package URL".to_owned(), unusable);
    }
    let unusable = document.stated.unusable_files;
    if unusable > 0 {
        count
            .lost
            .insert("files without SHA-1 and SHA-256, or twice with different ones".to_owned(), unusable);
    }
    let dropped = document.stated.files_without_layer;
    if dropped > 0 {
        count.lost.insert("layers of files, because other files have none".to_owned(), dropped);
    }
    Ok(count.finish())
}

/// What `before` has and `written`, which is `before` in `format`, does not.
pub fn unwritten(
    before: &Inventory,
    written: &[u8],
    format: DocumentFormat,
    limits: &Limits,
) -> Result<Vec<Loss>, Error> {
    let after = if format.reads().is_empty() {
        kept(before, format)
    } else {
        facts(&read_whole(written, limits)?.inventory)
    };
    let lost = facts(before)
        .into_iter()
        .map(|(what, count)| (what, count.saturating_sub(after.get(what).copied().unwrap_or_default())));
    Ok(losses(lost.collect()))
}

/// What formats that are not read keep of an inventory: each package URL once, and in one of them the dependencies.
fn kept(inventory: &Inventory, format: DocumentFormat) -> Facts {
    let purls: BTreeSet<_> = inventory.components.iter().map(|component| &component.purl).collect();
    let needs = inventory.relationships.iter().filter(|it| it.kind == RelationshipKind::DependsOn);
    let needs = if format.id() == "github-snapshot" { needs.count() } else { 0 };
    Facts::from([("components", purls.len()), ("dependencies", needs)])
}

/// The number of facts of each kind.
type Facts = BTreeMap<&'static str, usize>;

fn losses(lost: Facts) -> Vec<Loss> {
    let lost = lost.into_iter().filter(|(_, count)| *count > 0);
    lost.map(|(what, count)| Loss { what: what.to_owned(), count }).collect()
}

/// The number of facts of each kind in an inventory.
fn facts(inventory: &Inventory) -> Facts {
    let components = || inventory.components.iter();
    let origins = || components().filter_map(|one| one.origin.as_deref());
    let related = |kind: fn(RelationshipKind) -> bool| {
        inventory.relationships.iter().filter(|relationship| kind(relationship.kind)).count()
    };
    let files = || inventory.files.iter().flat_map(|files| files.list().iter());
    Facts::from([
        ("files", files().count()),
        ("layers of files", files().filter(|file| file.layer.is_some()).count()),
        ("owners of files", inventory.files.iter().flat_map(|files| files.owners()).count()),
        ("components", components().count()),
        // Some formats join several into one expression.
        ("licences", components().flat_map(|one| &one.licenses).map(|licence| licence.terms().len()).sum()),
        ("detected licences", components().map(|one| one.detected.len()).sum()),
        ("suppliers", components().filter(|one| one.supplier.is_some()).count()),
        ("CPE names", origins().map(|one| one.cpes.len()).sum()),
        ("digests", origins().map(|one| one.checksums.len()).sum()),
        ("source packages", components().filter(|one| one.source.is_some()).count()),
        ("places", components().map(|one| one.locations.len()).sum()),
        (
            "layers of places",
            components().flat_map(|one| &one.locations).filter(|place| place.layer.is_some()).count(),
        ),
        ("declarations", components().filter(|one| one.declared.is_some()).count()),
        ("layers", inventory.layers.len()),
        ("problems", inventory.problems.len()),
        ("operating system", usize::from(inventory.os.is_some())),
        // Some formats have one list for containment and dependencies.
        ("dependencies", related(|kind| !matches!(kind, RelationshipKind::OwnedBy(_)))),
        ("ownership", related(|kind| matches!(kind, RelationshipKind::OwnedBy(_)))),
    ])
}

struct Count {
    has_layers: bool,
    lost: BTreeMap<String, usize>,
}

impl Count {
    fn add(&mut self, what: &str) {
        let is_told = self.lost.len() < MAX_LOSSES || self.lost.contains_key(what);
        *self.lost.entry(if is_told { what } else { "others" }.to_owned()).or_default() += 1;
    }

    fn finish(self) -> Vec<Loss> {
        self.lost.into_iter().map(|(what, count)| Loss { what, count }).collect()
    }

    /// The members of an object. Nesting is bounded by the reader.
    fn object(&mut self, value: &Value, kind: &'static str, place: &str) {
        let kind = known::kind_of(kind, value);
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = if place.is_empty() { name.clone() } else { format!("{place}/{name}") };
            let items = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
            match known::member(kind, name) {
                Some(Inner::Whole) => {}
                Some(Inner::If(is_read)) if is_read(value) => {}
                Some(Inner::Of(kind)) => items.iter().for_each(|item| self.object(item, kind, &path)),
                Some(Inner::Some(lost)) => items.iter().for_each(|item| self.part(item, lost, &path)),
                None if says_nothing(member) => {}
                None if place.is_empty() => items.iter().for_each(|_| self.add(&path)),
                Some(Inner::If(_)) | None => self.add(&path),
            }
        }
    }

    fn part(&mut self, value: &Value, lost: known::Lost, path: &str) {
        match lost(value, self.has_layers) {
            _ if says_nothing(value) => {}
            None => {}
            Some("") => self.add(path),
            Some(name) => self.add(&format!("{path}/{}", text::shortened(name))),
        }
    }

    /// What packages of SPDX 2 say of their files, in a document of which no file is carried over.
    fn without_files(&mut self, value: &Value) {
        for package in value.get("packages").and_then(Value::as_array).into_iter().flatten() {
            for (name, path) in known::OF_FILES {
                if package.get(*name).is_some_and(|member| !says_nothing(member)) {
                    self.add(path);
                }
            }
        }
    }

    /// SPDX 3: elements of other types, and members of those that are read.
    fn graph(&mut self, value: &Value) {
        let graph = value.get("@graph").and_then(Value::as_array).into_iter().flatten();
        let makers = graph.clone().flat_map(|one| {
            let originator = one.get("originatedBy").map(|ids| ids.get(0).unwrap_or(ids));
            one.get("suppliedBy").into_iter().chain(originator).filter_map(Value::as_str)
        });
        let suppliers: BTreeSet<&str> = makers.collect();
        for element in graph {
            let text =
                |name: &str, alias: &str| element.get(name).or(element.get(alias)).and_then(Value::as_str);
            let Some(element_type) = text("type", "@type") else { continue };
            let is_supplier = text("spdxId", "@id").is_some_and(|id| suppliers.contains(id));
            match known::kind_of_element(element_type) {
                None => self.add(&text::shortened(element_type)),
                Some("spdx3 agent") if is_supplier => self.object(element, "spdx3 supplier", element_type),
                Some(kind) => self.object(element, kind, element_type),
            }
        }
    }
}

/// Whether a value is empty, or what templates write for an unknown value.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => matches!(text.as_str(), "" | "NOASSERTION" | "NONE"),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
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
    fn unread_members_are_counted_by_their_place() {
        let cyclonedx = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"authors":[{"name":"a"}]},"components":[
            {"type":"library","name":"a","cpe":"no name","hashes":[{"alg":"MD5","content":"00"},{"alg":"SHA-1","content":"00"}],"licenses":[{"license":{"id":"MIT","url":"x"}}]},
            {"type":"library","name":"b","cpe":"cpe:2.3:a:b:b:1:*:*:*:*:*:*:*","components":[{"type":"file","name":"c","scope":"required"}]}],
            "vulnerabilities":[{"id":"1"},{"id":"2"}]}"#;
        assert_eq!(
            lost(cyclonedx),
            [
                "components without a usable package URL 2",
                "components/components/scope 1",
                "components/cpe 1",
                "components/hashes/MD5 1",
                "components/hashes/SHA-1 1",
                "components/licenses/license/url 1",
                "files without SHA-1 and SHA-256, or twice with different ones 1",
                "metadata/authors 1",
                "vulnerabilities 2",
            ]
        );
        let xml = "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><components><component type='library'><name>a</name><cpe>c</cpe><licenses><license><id>MIT</id><url>x</url></license></licenses></component></components><vulnerabilities/></bom>";
        assert_eq!(
            lost(xml),
            [
                "components without a usable package URL 1",
                "components/cpe 1",
                "components/licenses/license/url 1"
            ]
        );
        let spdx = r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a","name":"a","homepage":"x","copyrightText":"NOASSERTION"}],"files":[{},{}]}"#;
        assert_eq!(
            lost(spdx),
            [
                "components without a usable package URL 1",
                "files without SHA-1 and SHA-256, or twice with different ones 2",
                "packages/homepage 1"
            ]
        );
        assert_eq!(
            lost("SPDXVersion: SPDX-2.3\nPackageName: a\nPackageHomePage: x\n"),
            ["components without a usable package URL 1", "packages/homepage 1"]
        );
    }
    #[test]
    fn losses_of_a_document_in_an_envelope_are_counted_as_if_it_were_alone() {
        let inner = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[{"id":"1"}]}"#;
        let statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://cyclonedx.org/bom","predicate":{inner}}}"#
        );
        assert_eq!(lost(&statement), ["in-toto statement 1", "vulnerabilities 1"]);
        let spdx = r#"{"spdxVersion":"SPDX-2.3","packages":[],"files":[{}]}"#;
        assert_eq!(
            lost(&format!(r#"{{"sbom":{spdx}}}"#)),
            ["files without SHA-1 and SHA-256, or twice with different ones 1"]
        );
        assert_eq!(
            lost("spdxVersion: SPDX-2.3\nfiles:\n- fileName: a\n"),
            ["files without SHA-1 and SHA-256, or twice with different ones 1"]
        );
    }

    #[test]
    fn properties_annotations_and_tools_of_others_are_lost_by_name() {
        let cyclonedx = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"tools":[{"vendor":"x","name":"y"}]},
            "components":[{"type":"library","name":"a","purl":"pkg:pypi/a@1","properties":[
              {"name":"syft:location:0:path","value":"/a"},{"name":"syft:location:0:layerID","value":"sha256:a"},
              {"name":"cdx:npm:package:path","value":"b"},{"name":"aquasecurity:trivy:LayerDiffID","value":"sha256:b"}],
              "evidence":{"occurrences":[{"location":"a","line":3}],"identity":[{}]}}],
            "compositions":[{"aggregate":"complete","assemblies":["a"]}]}"#;
        assert_eq!(
            lost(cyclonedx),
            [
                "components/evidence/identity 1",
                "components/evidence/occurrences/line 1",
                "components/properties/aquasecurity 1",
                "components/properties/cdx 1",
                "components/properties/syft 1",
                "compositions 1",
                "metadata/tools 1",
            ]
        );
        let spdx = r#"{"spdxVersion":"SPDX-2.3","comment":"by hand","creationInfo":{"creators":["Tool: x"]},
            "packages":[{"SPDXID":"SPDXRef-a","name":"a","downloadLocation":"https://a.example","comment":"x",
              "externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/a@1"},{"referenceType":"cpe23Type","referenceLocator":"cpe"},
                {"referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:a:a:1:*:*:*:*:*:*:*"}],"checksums":[{"algorithm":"MD5","checksumValue":"00"}],
              "annotations":[{"comment":"seen"}],"licenseConcluded":"MIT","copyrightText":"NONE"}],
            "relationships":[{"spdxElementId":"SPDXRef-a","relationshipType":"GENERATED_FROM","relatedSpdxElement":"SPDXRef-a"}]}"#;
        assert_eq!(
            lost(spdx),
            [
                "comment 1",
                "creationInfo/creators 1",
                "packages/annotations 1",
                "packages/checksums/MD5 1",
                "packages/comment 1",
                "packages/downloadLocation 1",
                "packages/externalRefs/cpe23Type 1",
                "packages/licenseConcluded 1",
                "relationships/GENERATED_FROM 1",
            ]
        );
    }

    #[test]
    fn lists_for_other_programs_keep_package_urls_and_one_of_them_dependencies() {
        let document = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","bom-ref":"a","name":"a","purl":"pkg:pypi/a@1","licenses":[{"license":{"id":"MIT"}}]},
            {"type":"library","bom-ref":"b","name":"b","purl":"pkg:pypi/b@1"}],"dependencies":[{"ref":"a","dependsOn":["b"]}]}"#;
        let inventory = read_whole(document.as_bytes(), &Limits::default()).unwrap().inventory;
        let lost = |id: &str| {
            let format = crate::documents::formats().find(|format| format.id() == id).unwrap();
            let losses = unwritten(&inventory, b"", format, &Limits::default()).unwrap();
            losses.iter().map(|loss| format!("{} {}", loss.what, loss.count)).collect::<Vec<_>>()
        };
        assert_eq!(lost("purl-list"), ["dependencies 1", "licences 1"]);
        assert_eq!(lost("github-snapshot"), ["licences 1"]);
    }
}

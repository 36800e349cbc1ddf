//! Writing SPDX 3.0.1 as JSON-LD: the content of 2.3 under the names of 3.0, one line for each element.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::json;

use super::conventions::{FOR_DEVELOPMENT, NOASSERTION};
use super::files::{Checksum, File};
use super::write::{DOCUMENT, LICENCE_REFERENCE, Package, Relationship, Writer, identified, namespace};
use crate::document::{Document, Phase};
use crate::documents::object::Object;

/// The blank node of the only creation information.
const CREATION: &str = "_:creation";

/// Writes `document` as SPDX of `version`.
pub(super) fn write(document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
    identified(document, version, "spdx-json-ld", out, |writer, uuid, out| {
        let space = namespace(uuid);
        let mut object = Object::begin(out)?;
        object.member("@context", &format!("https://spdx.org/rdf/{version}/spdx-context.jsonld"))?;
        object.array("@graph", Elements { writer, space: &space }.all(version))?;
        object.end()
    })
}

#[derive(Clone, Copy)]
struct Elements<'w, 'a> {
    writer: &'w Writer<'a>,
    space: &'w str,
}

/// An element; its members have the order in which they are written.
type Element = BTreeMap<&'static str, serde_json::Value>;

impl<'w, 'a> Elements<'w, 'a> {
    fn all(self, version: &'w str) -> impl Iterator<Item = serde_json::Value> + use<'w, 'a> {
        let document = self.writer.document;
        let writer = self.writer;
        let tool = self.id("SPDXRef-Tool");
        let creation = json!({
            "@id": CREATION, "type": "CreationInfo", "specVersion": version, "created": document.created(),
            // The standard requires an agent. The program is both an agent and a tool.
            "createdBy": [self.id("SPDXRef-Agent")], "createdUsing": [&tool],
        });
        let named = |kind: &'static str, id: String, name: String| json!({ "type": kind, "spdxId": id, "creationInfo": CREATION, "name": name });
        let name = writer.tool().replace("Tool: ", "");
        let root = self.id("SPDXRef-Subject");
        let mut about = json!({
            "type": "SpdxDocument", "spdxId": self.id(DOCUMENT), "creationInfo": CREATION,
            "name": writer.subject_name(), "profileConformance": ["core", "software", "simpleLicensing"],
            "rootElement": [self.id("SPDXRef-Sbom")],
        });
        if let (Some(comment), Some(about)) = (writer.comment(), about.as_object_mut()) {
            about.insert("comment".to_owned(), comment.into());
        }
        let mut sbom = json!({
            "type": "software_Sbom", "spdxId": self.id("SPDXRef-Sbom"), "creationInfo": CREATION,
            "rootElement": [root],
        });
        let agent = match document.author() {
            Some(author) => {
                let (kind, author) = author.split_once(": ").unwrap_or(("Organization", &author));
                let kind = if kind == "Person" { "Person" } else { "Organization" };
                named(kind, self.id("SPDXRef-Agent"), author.to_owned())
            }
            None => named("SoftwareAgent", self.id("SPDXRef-Agent"), name.clone()),
        };
        if let (Some(phase), Some(sbom)) = (document.subject.phase, sbom.as_object_mut()) {
            let kind = match phase {
                Phase::Source => "source",
                Phase::Built => "analyzed",
            };
            sbom.insert("software_sbomType".to_owned(), json!([kind]));
        }
        let head = [creation, agent, named("Tool", tool, name), about, sbom];
        let notes =
            writer.problems().map(|annotation| annotation.comment).enumerate().map(move |(n, comment)| {
                self.annotation(&format!("SPDXRef-Annotation-DOCUMENT-{n}"), DOCUMENT, &comment)
            });
        let packages = writer.packages().flat_map(move |package| self.package(&package));
        let files = writer.files().into_iter().flatten().map(move |file| self.file(&file));
        let related = writer.relationships().enumerate();
        let related = related.map(move |(number, relationship)| self.relationship(number, &relationship));
        let about = head.into_iter().chain(notes).chain(packages).chain(files);
        about.chain(self.licence_texts()).chain(related)
    }

    fn id(&self, local: &str) -> String {
        format!("{}#{local}", self.space)
    }

    fn annotation(&self, id: &str, about: &str, statement: &str) -> serde_json::Value {
        json!({
            "type": "Annotation", "spdxId": self.id(id), "creationInfo": CREATION, "annotationType": "other",
            "subject": self.id(about), "statement": statement,
        })
    }

    fn file(self, file: &File) -> serde_json::Value {
        let mut element = json!({
            "type": "software_File", "spdxId": self.id(&file.id), "creationInfo": CREATION, "name": file.name,
            "software_fileKind": "file", "verifiedUsing": hashes(&file.checksums),
        });
        if let (Some(comment), Some(element)) = (&file.comment, element.as_object_mut()) {
            element.insert("comment".to_owned(), comment.as_str().into());
        }
        element
    }

    /// A package, with the elements for its supplier, its licences, and its other properties.
    fn package(&self, package: &Package<'_>) -> Vec<serde_json::Value> {
        let local = package.id.to_string();
        let mut element = Element::from([
            ("type", json!("software_Package")),
            ("spdxId", json!(self.id(&local))),
            ("creationInfo", json!(CREATION)),
            ("name", json!(package.name)),
        ]);
        let mut set = |name: &'static str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                element.insert(name, value);
            }
        };
        set("software_packageVersion", package.version_info.as_deref().map(|version| json!(version)));
        set("software_sourceInfo", package.source_info.as_deref().map(|info| json!(info)));
        set("summary", package.summary.map(|summary| json!(summary)));
        set("comment", package.comment.as_deref().map(|comment| json!(comment)));
        set("software_primaryPurpose", Some(json!(new_name(package.primary_package_purpose))));
        set("software_packageUrl", package.external_refs.first().map(|purl| json!(purl.locator)));
        set("software_homePage", package.homepage.map(|page| json!(page)));
        let download = Some(&package.download_location).filter(|location| **location != NOASSERTION);
        set("software_downloadLocation", download.map(|location| json!(location)));
        let others: Vec<serde_json::Value> = package
            .external_refs
            .iter()
            .filter_map(|reference| {
                let kind = match reference.kind {
                    "cpe22Type" => "cpe22",
                    "cpe23Type" => "cpe23",
                    _ => return None,
                };
                Some(json!({ "type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": reference.locator }))
            })
            .collect();
        set("externalIdentifier", (!others.is_empty()).then(|| json!(others)));
        let hashes = hashes(&package.checksums);
        set("verifiedUsing", (!hashes.is_empty()).then(|| json!(hashes)));
        let supplier = package.supplier.strip_prefix("Organization: ").map(str::to_owned);
        let supplier_id = format!("{local}-Supplier");
        set("suppliedBy", supplier.as_ref().map(|_| json!(self.id(&supplier_id))));
        let mut elements = vec![json!(element)];
        if let Some(name) = supplier {
            elements.push(json!({
                "type": "Organization", "spdxId": self.id(&supplier_id), "creationInfo": CREATION, "name": name,
            }));
        }
        if package.license_declared != NOASSERTION {
            elements.extend(self.licence(&local, "Declared", &package.license_declared));
        }
        if package.license_concluded != NOASSERTION {
            elements.extend(self.licence(&local, "Concluded", &package.license_concluded));
        }
        for (number, annotation) in package.annotations.iter().enumerate() {
            elements.push(self.annotation(
                &format!("SPDXRef-Annotation-{local}-{number}"),
                &local,
                &annotation.comment,
            ));
        }
        elements
    }

    /// A licence expression, and the relationship that marks it as declared or concluded.
    fn licence(&self, local: &str, how: &str, licence: &str) -> [serde_json::Value; 2] {
        let id = format!("{local}-Licence{}", if how == "Declared" { "" } else { how });
        let mut expression = Element::from([
            ("type", json!("simplelicensing_LicenseExpression")),
            ("spdxId", json!(self.id(&id))),
            ("creationInfo", json!(CREATION)),
            ("simplelicensing_licenseExpression", json!(licence)),
        ]);
        let words = licence.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
        let references: BTreeSet<&str> = words.filter(|word| word.starts_with(LICENCE_REFERENCE)).collect();
        let texts = references.into_iter().map(
            |reference| json!({ "type": "DictionaryEntry", "key": reference, "value": self.id(reference) }),
        );
        let texts: Vec<_> = texts.collect();
        if !texts.is_empty() {
            expression.insert("simplelicensing_customIdToUri", json!(texts));
        }
        let related = json!({
            "type": "Relationship", "spdxId": self.id(&format!("{id}-{how}")), "creationInfo": CREATION,
            "from": self.id(local), "relationshipType": format!("has{how}License"), "to": [self.id(&id)],
        });
        [json!(expression), related]
    }

    /// The texts of references in expressions, each once.
    fn licence_texts(self) -> impl Iterator<Item = serde_json::Value> + use<'w, 'a> {
        self.writer.licenses.iter().map(move |(name, reference)| {
            json!({
                "type": "simplelicensing_SimpleLicensingText", "spdxId": self.id(reference),
                "creationInfo": CREATION, "name": name, "simplelicensing_licenseText": name,
            })
        })
    }

    fn relationship(&self, number: usize, relationship: &Relationship<'_>) -> serde_json::Value {
        let Relationship { spdx_element_id: from, kind, related_spdx_element: to, .. } = relationship;
        // SPDX 3 states it in the other direction, with a scope.
        let is_for_development = *kind == FOR_DEVELOPMENT;
        let (element, kind, from, to) = if is_for_development {
            ("LifecycleScopedRelationship", "DEPENDS_ON", to, from)
        } else {
            ("Relationship", *kind, from, to)
        };
        let mut element = Element::from([
            ("type", json!(element)),
            ("spdxId", json!(self.id(&format!("SPDXRef-Relationship-{number}")))),
            ("creationInfo", json!(CREATION)),
            ("from", json!(self.id(from))),
            ("relationshipType", json!(new_name(kind))),
            ("to", json!([self.id(to)])),
        ]);
        if is_for_development {
            element.insert("scope", json!("development"));
        }
        if let Some(comment) = &relationship.comment {
            element.insert("comment", json!(comment));
        }
        json!(element)
    }
}

fn hashes(checksums: &[Checksum]) -> Vec<serde_json::Value> {
    let hash = |checksum: &Checksum| {
        let algorithm = checksum.algorithm.to_ascii_lowercase();
        json!({ "type": "Hash", "algorithm": algorithm, "hashValue": checksum.checksum_value })
    };
    checksums.iter().map(hash).collect()
}

/// `DEPENDS_ON` as SPDX 3 writes it: `dependsOn`.
fn new_name(old: &str) -> Cow<'static, str> {
    let mut name = String::new();
    let mut upper = false;
    for character in old.chars() {
        if character == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            name.push(character);
        } else {
            name.push(character.to_ascii_lowercase());
        }
    }
    name.into()
}

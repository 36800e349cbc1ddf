//! Converts a document in tag-value to the members that it would have as JSON, so that the same tables check and count
//! them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::tag_value::{Field, Fields};
use crate::Error;

type Members = Map<String, Value>;

/// The members of the document.
pub(super) fn of_tag_value(text: &str) -> Result<Value, Error> {
    let mut walk = Walk::default();
    for field in Fields::new(text) {
        walk.field(&field?);
    }
    let Walk { mut document, creation, lists, .. } = walk;
    if !creation.is_empty() {
        document.insert("creationInfo".to_owned(), Value::Object(creation));
    }
    document.extend(lists.into_iter().map(|(name, items)| {
        (name.to_owned(), Value::Array(items.into_iter().map(Value::Object).collect()))
    }));
    Ok(Value::Object(document))
}

/// The fields that start an element, with the list that it belongs to and the prefix of its other fields.
const BEGINNINGS: &[(&str, &str, &str)] = &[
    ("PackageName", "packages", "Package"),
    ("FileName", "files", "File"),
    ("SnippetSPDXID", "snippets", "Snippet"),
    ("LicenseID", "hasExtractedLicensingInfos", "License"),
    ("Annotator", "annotations", "Annotation"),
];

/// Fields whose member in JSON is not the name of the field without that prefix.
const NAMES: &[(&str, &str)] = &[
    ("SPDXVersion", "spdxVersion"),
    ("DocumentName", "name"),
    ("PackageName", "name"),
    ("PackageVersion", "versionInfo"),
    ("PackageFileName", "packageFileName"),
    ("PackageHomePage", "homepage"),
    ("PackageVerificationCode", "packageVerificationCode"),
    ("SnippetSPDXID", "SPDXID"),
    ("SPDXREF", "spdxRef"),
    ("LicenseID", "licenseId"),
    ("LicenseName", "name"),
    ("LicenseComment", "comment"),
    ("LicenseListVersion", "licenseListVersion"),
    ("LicenseConcluded", "licenseConcluded"),
    ("LicenseComments", "licenseComments"),
    ("SPDXID", "SPDXID"),
    ("DocumentNamespace", "documentNamespace"),
    ("AnnotationDate", "annotationDate"),
    ("AnnotationType", "annotationType"),
    ("FileName", "fileName"),
];

#[derive(Default)]
struct Walk {
    document: Members,
    creation: Members,
    /// Packages, files, relationships and so on.
    lists: BTreeMap<&'static str, Vec<Members>>,
    /// The list whose last element the next fields belong to, with the prefix of its fields. Without it, fields belong to the
    /// document.
    section: Option<(&'static str, &'static str)>,
}

impl Walk {
    fn field(&mut self, field: &Field<'_>) {
        let Field { tag, value, .. } = *field;
        match tag {
            "CreatorComment" => drop(self.creation.insert("comment".to_owned(), value.into())),
            "Created" | "LicenseListVersion" => drop(self.creation.insert(member(tag, ""), value.into())),
            "Creator" => push(&mut self.creation, "creators", value.into()),
            "Relationship" => {
                let names = ["spdxElementId", "relationshipType", "relatedSpdxElement"];
                let words = value.split_whitespace();
                let related = names.iter().zip(words).map(|(name, word)| ((*name).to_owned(), word.into()));
                self.lists.entry("relationships").or_default().push(related.collect());
            }
            "RelationshipComment" => {
                if let Some(last) = self.lists.get_mut("relationships").and_then(|all| all.last_mut()) {
                    last.insert("comment".to_owned(), value.into());
                }
            }
            _ => {
                let begun = BEGINNINGS.iter().find(|(begins, ..)| *begins == tag);
                if let Some((_, list, prefix)) = begun {
                    self.lists.entry(list).or_default().push(Members::new());
                    self.section = Some((list, prefix));
                } else if tag == "SPDXVersion" {
                    self.section = None;
                }
                self.of_element(tag, value);
            }
        }
    }

    /// A field of the element that started last.
    fn of_element(&mut self, tag: &str, value: &str) {
        let last =
            self.section.and_then(|(list, prefix)| Some((self.lists.get_mut(list)?.last_mut()?, prefix)));
        let (members, prefix) = last.unwrap_or((&mut self.document, "Document"));
        match tag {
            "PackageChecksum" | "FileChecksum" => {
                let (algorithm, value) = value.split_once(':').unwrap_or((value, ""));
                let checksum = json!({ "algorithm": algorithm.trim(), "checksumValue": value.trim() });
                push(members, "checksums", checksum);
            }
            "ExternalRef" => {
                let names = ["referenceCategory", "referenceType", "referenceLocator"];
                let words = value.splitn(3, char::is_whitespace).map(str::trim);
                let reference = names.iter().zip(words).map(|(name, word)| ((*name).to_owned(), word.into()));
                push(members, "externalRefs", Value::Object(reference.collect()));
            }
            "FilesAnalyzed" => {
                let flag = value.parse().map_or_else(|_| value.into(), Value::Bool);
                members.insert("filesAnalyzed".to_owned(), flag);
            }
            _ => drop(members.insert(member(tag, prefix), value.into())),
        }
    }
}

/// Adds to a list of an element.
fn push(members: &mut Members, name: &str, value: Value) {
    if let Value::Array(items) = members.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
        items.push(value);
    }
}

/// `PackageLicenseDeclared` as in JSON: `licenseDeclared`.
fn member(tag: &str, prefix: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(own, _)| *own == tag) {
        return (*name).to_owned();
    }
    let rest = tag.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or(tag);
    let mut characters = rest.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

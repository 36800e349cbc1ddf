//! Reading SPDX 3.0 from JSON-LD: a graph of elements that refer to each other by identifier.
//!
//! ```json
//! {"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
//!  {"type":"software_Package","spdxId":"https://x.example/1","name":"libc6","software_packageVersion":"2.36-9",
//!   "software_packageUrl":"pkg:deb/debian/libc6@2.36-9"},
//!  {"type":"Relationship","spdxId":"https://x.example/2","from":"https://x.example/1","relationshipType":"dependsOn",
//!   "to":["https://x.example/3"]}]}
//! ```
//!
//! Only the compact form with the official context is read, which the specification requires of an SPDX 3 JSON file
//! (3.0.1, annex "Serialization"). The context is known and never fetched.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::conventions::NOASSERTION;
use super::parts::{
    Annotation, Checksum, ExternalReference, ExtractedLicence, File, Package, Parts, Relationship,
};
use crate::Error;
use crate::documents::collector::{Repeated, within_relationships};
use crate::documents::format::{Format, ReadDocument, Reading};
use crate::documents::json::{Few, Filled, Member, Members, parsed};

/// The members that are read.
pub(super) const MEMBERS: &[Member] = &[Member::Value("@context"), Member::Value("@graph")];

const CONTEXT: &str = "https://spdx.org/rdf/3.";

/// Whether the context is SPDX's own, and there is a graph. An element without a graph around it is not a document.
pub(super) fn is_document(members: &Members<'_>) -> bool {
    members.has("@graph") && context(members).is_some_and(|context| context.starts_with(CONTEXT))
}

/// The context, alone or in a list of one.
fn context(members: &Members<'_>) -> Option<String> {
    let raw: &RawValue = members.value("@context").ok()??;
    let one = parsed::<Cow<'_, str>>(raw).ok();
    let one = one.or_else(|| parsed::<Vec<Cow<'_, str>>>(raw).ok()?.into_iter().next());
    one.map(Cow::into_owned)
}

/// Any element of the graph, with the properties that are read.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    /// In the context, another name for `@type`, as `spdxId` is for `@id`. A document may use either.
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "@type")]
    at_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    spdx_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "@id")]
    at_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    comment: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "software_packageVersion")]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "software_packageUrl")]
    purl: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "software_sourceInfo")]
    source_info: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "software_primaryPurpose")]
    purpose: Option<Cow<'a, str>>,
    #[serde(borrow)]
    supplied_by: Option<&'a RawValue>,
    #[serde(borrow, default)]
    originated_by: Ids<'a>,
    #[serde(rename = "software_sbomType")]
    sbom_type: Option<Filled>,
    #[serde(borrow, default)]
    verified_using: Few<Hash<'a>>,
    #[serde(borrow, default)]
    external_identifier: Few<Identifier<'a>>,
    #[serde(borrow, rename = "simplelicensing_licenseExpression")]
    expression: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "simplelicensing_customIdToUri")]
    custom: Few<Entry<'a>>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    to: Ids<'a>,
    #[serde(borrow)]
    #[serde(rename = "relationshipType")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "rootElement")]
    roots: Ids<'a>,
    #[serde(borrow, default, rename = "import")]
    imports: Few<Import<'a>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    statement: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created: Option<Cow<'a, str>>,
    #[serde(borrow)]
    spec_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created_by: Ids<'a>,
    #[serde(borrow, default)]
    created_using: Ids<'a>,
}

/// Identifiers of other elements. JSON-LD may write a list of one without brackets.
#[derive(Default)]
struct Ids<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Ids<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let read = if raw.get().starts_with('"') {
            serde_json::from_str::<Cow<'_, str>>(raw.get()).map(|id| vec![id])
        } else {
            serde_json::from_str::<Few<Cow<'_, str>>>(raw.get()).map(|ids| ids.0)
        };
        read.map(Self).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hash<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "@type")]
    at_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    algorithm: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "hashValue")]
    value: Option<Cow<'a, str>>,
}

/// An element of another document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Import<'a> {
    #[serde(borrow)]
    external_spdx_id: Cow<'a, str>,
}

/// The meaning of an identifier in a licence expression.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identifier<'a> {
    #[serde(borrow, rename = "externalIdentifierType")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "identifier")]
    value: Cow<'a, str>,
}

/// Reads the document.
pub(super) fn read(
    format: &dyn Format,
    members: &Members<'_>,
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    // Packages and relationships are in one list.
    let limit = reading.limits.components.saturating_add(reading.limits.relationships);
    let raw: Vec<&RawValue> = members.items("@graph", "components", limit)?;
    let mut graph = Graph::default();
    for raw in raw {
        reading.cancel.check()?;
        graph.sort(parsed(raw)?)?;
    }
    let context = context(members).unwrap_or_default();
    let of_context = context.strip_prefix("https://spdx.org/rdf/").and_then(|rest| rest.split('/').next());
    let version = graph.version.as_deref().or(of_context).unwrap_or_default();
    let mut document = ReadDocument::new(format, version)?;
    document.stated.names_phase = graph.names_phase;
    let (parts, packages) = graph.parts(reading)?;
    let count = packages.len();
    super::parts::read(parts, packages.into_iter().map(Ok), count, document, reading)
}

/// The elements, by type.
#[derive(Default)]
struct Graph<'a> {
    version: Option<Cow<'a, str>>,
    document: Option<Element<'a>>,
    creations: Vec<Element<'a>>,
    packages: Vec<Element<'a>>,
    files: Vec<Element<'a>>,
    relationships: Vec<Element<'a>>,
    annotations: Vec<Element<'a>>,
    roots: Vec<Cow<'a, str>>,
    boms: HashSet<Cow<'a, str>>,
    declared: Vec<Cow<'a, str>>,
    custom: Vec<Entry<'a>>,
    /// Whether the document says in which phase of the life cycle it was made.
    names_phase: bool,
    /// Tools, and agents that are software.
    programs: HashSet<Cow<'a, str>>,
    /// Names of agents, tools and files, expressions of licences.
    texts: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> Graph<'a> {
    fn sort(&mut self, mut element: Element<'a>) -> Result<(), Error> {
        let kind = either(element.r#type.take(), element.at_type.take(), "@type")?.unwrap_or_default();
        element.spdx_id = either(element.spdx_id.take(), element.at_id.take(), "@id")?;
        self.declared.extend(element.spdx_id.clone());
        self.declared.extend(element.imports.0.drain(..).map(|import| import.external_spdx_id));
        match &*kind {
            "CreationInfo" => {
                self.version = self.version.take().or(element.spec_version.take());
                self.creations.push(element);
            }
            "SpdxDocument" => {
                self.roots.append(&mut element.roots.0);
                self.document = Some(element);
            }
            // The document's root, whose own roots are the subject of the document.
            "software_Sbom" | "Bom" => {
                self.roots.append(&mut element.roots.0);
                self.names_phase |= element.sbom_type.is_some_and(|Filled(is_filled)| is_filled);
                self.boms.extend(element.spdx_id);
            }
            "software_Package" => self.packages.push(element),
            "software_File" => {
                // The artifact of a package is named by it.
                if let (Some(id), Some(name)) = (&element.spdx_id, &element.name) {
                    self.texts.insert(id.clone(), name.clone());
                }
                self.files.push(element);
            }
            "Relationship" | "LifecycleScopedRelationship" => self.relationships.push(element),
            "Annotation" => self.annotations.push(element),
            kind => {
                if matches!(kind, "Tool" | "SoftwareAgent") {
                    self.programs.extend(element.spdx_id.clone());
                }
                self.custom.append(&mut element.custom.0);
                let text = element.expression.or(element.name);
                if let (Some(id), Some(text)) = (element.spdx_id, text) {
                    self.texts.insert(id, text);
                }
            }
        }
        Ok(())
    }

    /// The authors and tools of the document, and the names of licences.
    fn creation(&mut self, parts: &mut Parts<'a>, repeated: &mut Repeated) -> Result<(), Error> {
        for creation in std::mem::take(&mut self.creations) {
            parts.creation.created = parts.creation.created.take().or(creation.created);
            let made_by = creation.created_by.0.iter().chain(&creation.created_using.0);
            for (id, name) in made_by.filter_map(|id| Some((id, self.texts.get(id)?))) {
                repeated.add(name.len())?;
                // A program may be an agent. It does not name the person or organisation that it works for.
                let kind = if self.programs.contains(id) { "Tool" } else { "Organization" };
                parts.creation.creators.0.push(format!("{kind}: {name}").into());
            }
        }
        for Entry { key, value } in std::mem::take(&mut self.custom) {
            let name = value.and_then(|id| self.texts.get(&id)).cloned();
            repeated.add(name.as_deref().map_or(0, str::len))?;
            parts.licences.0.push(ExtractedLicence { license_id: key, name });
        }
        Ok(())
    }

    /// The elements under the names of SPDX 2.3.
    fn parts(mut self, reading: &Reading<'_>) -> Result<(Parts<'a>, Vec<Package<'a>>), Error> {
        let limit = reading.limits.relationships;
        let mut repeated = Repeated::new(reading.limits);
        let (name, comment) = self.document.take().map_or((None, None), |it| (it.name, it.comment));
        let mut parts =
            Parts { name, comment, declared: Some(std::mem::take(&mut self.declared)), ..Parts::default() };
        self.creation(&mut parts, &mut repeated)?;
        let mut declared: HashMap<Cow<'a, str>, Cow<'a, str>> = HashMap::new();
        let mut files: HashMap<Cow<'a, str>, Cow<'a, str>> = HashMap::new();
        for element in self.relationships {
            let (Some(from), Some(kind)) = (element.from, element.kind) else { continue };
            if kind == "hasDeclaredLicense" {
                if let Some(text) = element.to.0.first().and_then(|id| self.texts.get(id)) {
                    repeated.add(text.len())?;
                    declared.insert(from, text.clone());
                }
                continue;
            }
            if kind == "hasDistributionArtifact" {
                if let Some(name) = element.to.0.first().and_then(|id| self.texts.get(id)) {
                    repeated.add(name.len())?;
                    files.insert(from, name.clone());
                }
                continue;
            }
            let kind = old_name(&kind);
            for to in element.to.0 {
                within_relationships(parts.relationships.len(), limit)?;
                repeated.add(from.len() + kind.len() + element.comment.as_deref().map_or(0, str::len))?;
                let none = to.ends_with("/NoneElement") || to == "expandedlicensing_NoneLicense";
                parts.relationships.push(Relationship {
                    spdx_element_id: from.clone(),
                    kind: kind.clone(),
                    related_spdx_element: if none { "NONE".into() } else { to },
                    comment: element.comment.clone(),
                });
            }
        }
        let mut by_subject: HashMap<Cow<'a, str>, Vec<Annotation<'a>>> = HashMap::new();
        for annotation in self.annotations {
            let (Some(subject), Some(comment)) = (annotation.subject, annotation.statement) else { continue };
            by_subject.entry(subject).or_default().push(Annotation { comment });
        }
        let texts = &self.texts;
        let mut package = |element: Element<'a>| -> Result<Package<'a>, Error> {
            let id = element.spdx_id.unwrap_or_default();
            let own = element.purl.into_iter().map(|purl| ("purl".into(), purl));
            let further = element.external_identifier.0.into_iter().filter_map(|external| {
                let kind = match &*external.kind {
                    "packageUrl" => "purl",
                    "cpe22" => "cpe22Type",
                    "cpe23" => "cpe23Type",
                    _ => return None,
                };
                Some((kind.into(), external.value))
            });
            let references = own.chain(further).map(|(reference_type, reference_locator)| {
                ExternalReference { reference_type, reference_locator }
            });
            let supplier = element.supplied_by.and_then(|raw| parsed::<Cow<'_, str>>(raw).ok());
            let supplier = supplier.and_then(|id| texts.get(&id));
            let originator = element.originated_by.0.first().and_then(|id| texts.get(id));
            repeated.add(supplier.into_iter().chain(originator).map(|name| name.len()).sum())?;
            Ok(Package {
                name: element.name.unwrap_or_default(),
                version_info: element.version,
                supplier: supplier.map(|name| format!("Organization: {name}").into()),
                originator: originator.map(|name| format!("Organization: {name}").into()),
                file_name: files.remove(&id),
                source_info: element.source_info,
                license_declared: declared.remove(&id),
                summary: element.summary,
                comment: element.comment,
                checksums: Few(element.verified_using.0.into_iter().filter_map(checksum).collect()),
                external_refs: Few(references.collect()),
                annotations: Few(by_subject.remove(&id).unwrap_or_default()),
                primary_package_purpose: element.purpose.map(|purpose| old_name(&purpose)),
                id,
                ..Package::default()
            })
        };
        let packages = self.packages.into_iter().map(&mut package).collect::<Result<Vec<_>, Error>>()?;
        let file = |element: Element<'a>| File {
            name: element.name.unwrap_or_default(),
            id: element.spdx_id.unwrap_or_default(),
            checksums: Few(element.verified_using.0.into_iter().filter_map(checksum).collect()),
            comment: element.comment,
        };
        parts.files = self.files.into_iter().filter(|_| reading.is_whole()).map(file).collect();
        // Annotations of all other elements count as annotations of the document.
        parts.annotations = Few(by_subject.into_values().flatten().collect());
        parts.describes = Few(self.roots.into_iter().filter(|root| !self.boms.contains(root)).collect());
        Ok((parts, packages))
    }
}

fn checksum(hash: Hash<'_>) -> Option<Checksum<'_>> {
    let is_hash = hash.r#type.or(hash.at_type).as_deref() == Some("Hash");
    is_hash.then_some(Checksum {
        algorithm: hash.algorithm?.to_ascii_uppercase().into(),
        checksum_value: hash.value?,
    })
}

/// The value of a property that has two names. Both must have the same value, because readers prefer different ones.
fn either<'a>(
    alias: Option<Cow<'a, str>>,
    keyword: Option<Cow<'a, str>>,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, Error> {
    match (alias, keyword) {
        (Some(alias), Some(keyword)) if alias != keyword => {
            let error = serde_json::Error::custom(format_args!("an element has two values of `{name}`"));
            Err(plimsoll_core::json::Error::from(error).into())
        }
        (alias, keyword) => Ok(alias.or(keyword)),
    }
}

/// `dependsOn` as SPDX 2.3 writes it: `DEPENDS_ON`.
fn old_name(name: &str) -> Cow<'static, str> {
    let mut old = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            old.push('_');
        }
        old.push(character.to_ascii_uppercase());
    }
    if old == "NO_ASSERTION" { NOASSERTION.into() } else { old.into() }
}

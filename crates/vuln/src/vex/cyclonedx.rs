//! CycloneDX 1.4 to 1.7 in JSON: the vulnerabilities of a bill of materials, with their analysis
//! (<https://cyclonedx.org/capabilities/vex/>).
//!
//! ```json
//! {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"timestamp": "2026-11-01T00:00:00Z",
//!    "authors": [{"name": "ACME"}], "component": {"bom-ref": "app", "type": "container", "name": "app",
//!      "purl": "pkg:oci/app@sha256%3A…"}},
//!  "components": [{"bom-ref": "zlib", "type": "library", "name": "zlib1g", "purl": "pkg:deb/debian/zlib1g@1:1.2"}],
//!  "vulnerabilities": [{"id": "CVE-2026-1", "references": [{"id": "GHSA-…"}],
//!    "analysis": {"state": "not_affected", "justification": "code_not_reachable", "detail": "…"},
//!    "affects": [{"ref": "zlib"}]}]}
//! ```
//!
//! | `analysis.state` | status |
//! | --- | --- |
//! | `not_affected`, `false_positive` | not affected; `justification` is the justification, `detail` the words |
//! | `resolved`, `resolved_with_pedigree` | fixed |
//! | `exploitable` | affected |
//! | `in_triage` | under investigation |
//!
//! A vulnerability without a state is no statement. A component that is not the subject is inside of it, if the document says
//! what its subject is by a package URL or a digest. A link into another document (`urn:cdx:`) is refused, because that document
//! is not here to say what it names; so is a list of versions, of which the analysis does not say which it is about.

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_core::{Digest, Purl, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::identity::Identity;
use super::statement::{Document, Product, Refusal, Statement};
use super::{Claims, Error, Format};
use crate::database::VexStatus;

/// The format.
pub struct CycloneDx;

const NAME: &str = "CycloneDX";

/// Components that a document may have. Each takes some hundred bytes.
const COMPONENTS: usize = 1_000_000;

#[derive(Deserialize)]
struct Bom {
    #[serde(rename = "specVersion")]
    version: String,
    #[serde(rename = "serialNumber")]
    serial: Option<String>,
    /// Of the document.
    #[serde(rename = "version", default)]
    edition: u64,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    timestamp: Option<String>,
    #[serde(default)]
    authors: Vec<Named>,
    manufacturer: Option<Named>,
    manufacture: Option<Named>,
    supplier: Option<Named>,
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref")]
    bom_ref: Option<String>,
    #[serde(rename = "type", default)]
    kind: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    state: Option<String>,
    justification: Option<String>,
    detail: Option<String>,
    first_issued: Option<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    versions: Vec<Value>,
}

impl Format for CycloneDx {
    fn name(&self) -> &'static str {
        NAME
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.bom_format.as_str() == Some(NAME)
    }

    fn read(&self, bytes: &[u8]) -> Result<Document, Error> {
        let invalid = |reason: &dyn std::fmt::Display| Error::invalid(NAME, reason);
        let bom: Bom = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
        if !matches!(bom.version.as_str(), "1.4" | "1.5" | "1.6" | "1.7") {
            let got = plimsoll_core::text::shown(&bom.version);
            return Err(Error::Version { format: NAME, got, expected: "1.4 to 1.7" });
        }
        let Metadata { timestamp, authors, manufacturer, manufacture, supplier, component } = &bom.metadata;
        let timestamp = timestamp.as_ref().map(|text| text.parse::<Timestamp>()).transpose();
        let timestamp = timestamp.map_err(|_| invalid(&"its timestamp is not a time"))?;
        let mut names = authors.iter().chain(manufacturer).chain(manufacture).chain(supplier);
        let author = names.find_map(|named| named.name.as_deref());
        let mut document = Document::new(NAME, bom.serial.as_deref(), author.unwrap_or_default());
        document.edition = i128::from(bom.edition);
        let components =
            Components::new(component.as_ref(), &bom.components).map_err(|reason| invalid(&reason))?;
        for (position, vulnerability) in bom.vulnerabilities.iter().enumerate() {
            if let Some(analysis) = &vulnerability.analysis {
                let statement = statement(vulnerability, analysis, position, timestamp, &components);
                if let Some(statement) = statement {
                    document.add(statement);
                }
            }
        }
        Ok(document)
    }
}

/// The components of a document by their references.
struct Components<'a> {
    by_reference: HashMap<&'a str, Arc<Identity>>,
    subject: Option<(Option<&'a str>, Arc<Identity>)>,
}

impl<'a> Components<'a> {
    fn new(subject: Option<&'a Component>, listed: &'a [Component]) -> Result<Self, String> {
        let mut by_reference = HashMap::new();
        let mut left: Vec<&Component> = subject.into_iter().chain(listed).collect();
        let mut seen = 0;
        while let Some(component) = left.pop() {
            seen += 1;
            if seen > COMPONENTS {
                return Err(format!("more than {COMPONENTS} components"));
            }
            left.extend(&component.components);
            let Some(reference) = component.bom_ref.as_deref() else { continue };
            if by_reference.insert(reference, Arc::new(identity(component))).is_some() {
                let reference = plimsoll_core::text::shown(reference);
                return Err(format!("two components have the bom-ref {reference}"));
            }
        }
        let subject = subject
            .map(|component| (component.bom_ref.as_deref(), Arc::new(identity(component))))
            .filter(|(_, identity)| !identity.is_empty());
        Ok(Self { by_reference, subject })
    }

    fn product(&self, reference: &str) -> Option<Product> {
        let identity = self.by_reference.get(reference).filter(|identity| !identity.is_empty())?;
        Some(match &self.subject {
            Some((own, subject)) if *own != Some(reference) => {
                Product(vec![Arc::clone(subject), Arc::clone(identity)])
            }
            _ => Product(vec![Arc::clone(identity)]),
        })
    }
}

fn identity(component: &Component) -> Identity {
    let purl = component.purl.as_deref().and_then(|text| text.parse::<Purl>().ok());
    let purl = purl.map(|purl| match (&component.version, purl.version()) {
        // The component is of this version, whether its package URL says so or not. Images are named by digest.
        (Some(version), None) if !version.is_empty() && component.kind != "container" => {
            with_version(&purl, version).unwrap_or(purl)
        }
        _ => purl,
    });
    // Those of a package are of a file that is not here.
    let is_image = component.kind == "container";
    let digest = |hash: &Hash| {
        let algorithm = match hash.alg.as_str() {
            "SHA-256" => "sha256",
            "SHA-512" => "sha512",
            _ => return None,
        };
        format!("{algorithm}:{}", hash.content.to_ascii_lowercase()).parse::<Digest>().ok()
    };
    let mut digests: Vec<Digest> = component.hashes.iter().filter(|_| is_image).filter_map(digest).collect();
    let version = component.version.as_deref().filter(|_| is_image);
    let named: Option<Digest> = version.and_then(|version| version.parse().ok());
    digests.extend(named);
    Identity { purls: purl.into_iter().collect(), digests, ..Identity::default() }
}

/// The same package URL with a version.
fn with_version(purl: &Purl, version: &str) -> Option<Purl> {
    let mut builder = Purl::builder(purl.package_type(), purl.name()).version(version);
    if let Some(namespace) = purl.namespace() {
        builder = builder.namespace(namespace);
    }
    for (key, value) in purl.qualifiers() {
        builder = builder.qualifier(key, value);
    }
    if let Some(subpath) = purl.subpath() {
        builder = builder.subpath(subpath);
    }
    builder.build().ok()
}

/// The statement of an analysis; none if it states no status.
fn statement(
    vulnerability: &Vulnerability,
    analysis: &Analysis,
    position: usize,
    of_document: Option<Timestamp>,
    components: &Components<'_>,
) -> Option<Result<Statement, Refusal>> {
    let state = analysis.state.as_deref()?;
    let references = vulnerability.references.iter().filter_map(|reference| reference.id.clone());
    let vulnerabilities: Vec<String> = vulnerability.id.iter().cloned().chain(references).collect();
    let what = vulnerabilities.first().cloned().unwrap_or_else(|| format!("vulnerability {}", position + 1));
    let time = analysis.last_updated.as_ref().or(analysis.first_issued.as_ref());
    let time = time.map_or(of_document, |text| Some(text.parse().unwrap_or(Timestamp::MAX)));
    let refused = |reason: String| Some(Err(Refusal::new(&what, reason).about(&vulnerabilities, time)));
    let status = match state {
        "not_affected" | "false_positive" => VexStatus::NotAffected,
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "exploitable" => VexStatus::Affected,
        "in_triage" => VexStatus::UnderInvestigation,
        other => return refused(format!("`{}` is not a state", plimsoll_core::text::shown(other))),
    };
    let mut timestamp = of_document;
    if let Some(text) = analysis.last_updated.as_ref().or(analysis.first_issued.as_ref()) {
        match text.parse() {
            Ok(time) => timestamp = Some(time),
            Err(_) => return refused("its time is not a time".to_owned()),
        }
    }
    let is_clearing = matches!(status, VexStatus::NotAffected | VexStatus::Fixed);
    if is_clearing && vulnerability.affects.iter().any(|affects| !affects.versions.is_empty()) {
        return refused("it lists versions, and the analysis does not say which it is about".to_owned());
    }
    let references = || vulnerability.affects.iter().map(|affects| affects.reference.as_str());
    let products: Vec<Product> = references().filter_map(|reference| components.product(reference)).collect();
    if products.is_empty() && references().any(|reference| reference.starts_with("urn:cdx:")) {
        return refused("it refers to components of another document".to_owned());
    }
    if products.is_empty() && references().next().is_some() {
        return refused("no component that it refers to has a package URL".to_owned());
    }
    let (justification, impact) = (analysis.justification.clone(), analysis.detail.clone());
    Some(Statement { vulnerabilities, products, status, justification, impact, timestamp }.checked())
}

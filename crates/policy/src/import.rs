//! Policies of other tools, as documents of this crate: carried over exactly, or refused.
//!
//! An importer reads one kind of document. Every field that it meets is carried over, has no influence on what is allowed, or
//! is refused with its path ([`fields`]): what nobody looked at is never dropped in silence. A document with one refusal
//! gives no policy at all. What was written is read back and linted, so that a pattern that was too wide stays noticed.

mod cluster_image_policy;
mod common;
mod fields;
mod images;
mod kyverno;
mod written;

use jiff::Timestamp;
use plimsoll_core::yaml;
use serde::Serialize;
use serde_json::{Map, Value};

use self::fields::Findings;
pub use self::fields::{ImportNote, Refusal};
use self::written::Written;
use crate::error::Error;
use crate::lint::Diagnostic;
use crate::policy::Policy;

/// Documents in one file.
const MAX_DOCUMENTS: usize = 1_000;

/// Reads one kind of document.
trait Importer: Sync {
    /// The groups that its `apiVersion` may name, before the slash.
    fn group(&self) -> &'static str;

    /// The values of its `kind`.
    fn kinds(&self) -> &'static [&'static str];

    /// The policies that stand for the document. What cannot be carried over goes into `findings`.
    fn read(&self, document: &Map<String, Value>, findings: &mut Findings) -> Vec<Written>;
}

/// Every importer.
const IMPORTERS: &[&dyn Importer] = &[&cluster_image_policy::ClusterImagePolicies, &kyverno::ClusterPolicies];

/// Policies about images that nobody here reads: without them, a part of what decides is missing.
const ELSEWHERE: &[&str] =
    &["ImageValidatingPolicy", "NamespacedImageValidatingPolicy", "ImagePolicy", "ClusterAdmissionPolicy"];

/// What became of a file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Import {
    /// The policies, in the order of the file.
    pub policies: Vec<ImportedPolicy>,
    /// What could not be carried over. The document that it is in gave no policy.
    pub refused: Vec<Refusal>,
    /// Documents that are no policies about images.
    pub others: Vec<OtherDocument>,
}

/// A policy that was carried over.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImportedPolicy {
    /// The name of the new policy.
    pub name: String,
    /// Kind and name of the document that it is from.
    pub from: String,
    /// The new policy in YAML.
    pub document: String,
    /// Where the two differ, without one being weaker.
    pub notes: Vec<ImportNote>,
    /// What the lint says of it.
    pub diagnostics: Vec<Diagnostic>,
}

/// A document of another kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherDocument {
    /// Kind and name, as far as it has any.
    pub document: String,
    /// Its first line in the file.
    pub line: usize,
}

/// The kinds of document that can be imported, for messages: `ClusterImagePolicy (policy.sigstore.dev)`.
pub fn importable() -> impl Iterator<Item = String> {
    IMPORTERS.iter().map(|importer| format!("{} ({})", importer.kinds().join(", "), importer.group()))
}

/// Reads a file of other tools' policies, which may hold several documents. `now` is the time at which the lint looks at the
/// result.
pub fn import(bytes: &[u8], origin: &str, now: Timestamp) -> Result<Import, Error> {
    let mut import = Import { policies: Vec::new(), refused: Vec::new(), others: Vec::new() };
    let parts = yaml::documents(bytes);
    if parts.len() > MAX_DOCUMENTS {
        return Err(Error::Invalid {
            origin: origin.to_owned(),
            path: "documents".to_owned(),
            reason: format!("got {}, expected at most {MAX_DOCUMENTS} in one file", parts.len()),
        });
    }
    for part in parts {
        let place = if part.line > 1 {
            format!("{origin}, document from line {}", part.line)
        } else {
            origin.to_owned()
        };
        let value: Value = yaml::read(part.bytes, &place, yaml::Size::DOCUMENT)?;
        let mut items = vec![&value];
        if let Some(listed) = list_items(&value) {
            items = listed;
        }
        for item in items {
            one(item, part.line, origin, now, &mut import);
        }
    }
    Ok(import)
}

/// The members of a `kind: List`, as `kubectl get -o yaml` prints them.
fn list_items(value: &Value) -> Option<Vec<&Value>> {
    let list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    let items = value.get("items").and_then(Value::as_array).filter(|_| list)?;
    Some(items.iter().collect())
}

fn one(value: &Value, line: usize, origin: &str, now: Timestamp, import: &mut Import) {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("kind");
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let called = match (kind, name) {
        ("", _) => "a document without a kind".to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, name) => format!("{kind} {name}"),
    };
    let importer = IMPORTERS.iter().find(|known| known.group() == group && known.kinds().contains(&kind));
    let known = ELSEWHERE.contains(&kind)
        || (kind != "Policy" && IMPORTERS.iter().any(|known| known.kinds().contains(&kind)));
    if importer.is_none() && known {
        let mut findings = Findings::new(&called);
        findings.refuse("apiVersion", "is a policy about images in a form that is not imported");
        import.refused.extend(findings.into_refusals());
        return;
    }
    let (Some(importer), Some(document)) = (importer, value.as_object()) else {
        import.others.push(OtherDocument { document: called, line });
        return;
    };
    let mut findings = Findings::new(&called);
    let written = importer.read(document, &mut findings);
    let mut policies = Vec::new();
    // A part of a document is no policy.
    let whole = findings.refused() == 0;
    for policy in written.into_iter().filter(|_| whole) {
        match policy.finish(&called, origin, now, findings.notes()) {
            Ok(policy) => policies.push(policy),
            Err(reason) => findings.refuse("spec", &reason),
        }
    }
    match findings.into_refusals() {
        refused if refused.is_empty() => import.policies.extend(policies),
        refused => import.refused.extend(refused),
    }
}

impl Written {
    /// Writes the document and reads it back, so that what is strict about files holds here too.
    fn finish(
        self,
        from: &str,
        origin: &str,
        now: Timestamp,
        notes: &[ImportNote],
    ) -> Result<ImportedPolicy, String> {
        let document = self.to_yaml(from, origin, notes);
        let policy = Policy::parse(document.as_bytes(), "the imported policy", &())
            .map_err(|error| error.to_string())?;
        Ok(ImportedPolicy {
            name: self.name,
            from: from.to_owned(),
            document,
            notes: notes.to_vec(),
            diagnostics: policy.lint(now),
        })
    }
}

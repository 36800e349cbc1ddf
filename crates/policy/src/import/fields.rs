//! Reading a foreign document in such a way that no field is overlooked.
//!
//! [`Fields`] hands out each field once, and [`Fields::finish`] refuses those that nobody asked for.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// Something in a foreign document that cannot be carried over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Kind and name of the document.
    pub document: String,
    /// Where in it: `spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.kms`.
    pub path: String,
    /// Why not, and what can be done instead.
    pub reason: String,
}

/// A difference that weakens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportNote {
    /// Where in the document.
    pub path: String,
    /// What differs.
    pub message: String,
}

/// Refusals kept of one document.
const MAX_FINDINGS: usize = 200;

/// What was found in one document.
#[derive(Debug)]
pub(super) struct Findings {
    document: String,
    refusals: Vec<Refusal>,
    notes: Vec<ImportNote>,
}

impl Findings {
    pub(super) fn new(document: &str) -> Self {
        Self { document: document.to_owned(), refusals: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn refuse(&mut self, path: &str, reason: &str) {
        if self.refusals.len() < MAX_FINDINGS {
            let (document, path, reason) = (self.document.clone(), path.to_owned(), reason.to_owned());
            self.refusals.push(Refusal { document, path, reason });
        }
    }

    pub(super) fn note(&mut self, path: &str, message: &str) {
        let note = ImportNote { path: path.to_owned(), message: message.to_owned() };
        if self.notes.len() < MAX_FINDINGS && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// How much was refused so far.
    pub(super) fn refused(&self) -> usize {
        self.refusals.len()
    }

    pub(super) fn notes(&self) -> &[ImportNote] {
        &self.notes
    }

    pub(super) fn into_refusals(self) -> Vec<Refusal> {
        self.refusals
    }
}

/// A value and where it stands.
pub(super) struct Node<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn text(&self, findings: &mut Findings) -> Option<&'a str> {
        let text = self.value.as_str();
        match text {
            None => findings.refuse(&self.path, "expected a text"),
            // A variable of Kyverno's, which is replaced in the cluster.
            Some(text) if text.contains("{{") => {
                findings.refuse(
                    &self.path,
                    "holds a variable, whose value only the cluster knows; write the value",
                );
                return None;
            }
            Some(_) => {}
        }
        text
    }

    pub(super) fn fields(&self, findings: &mut Findings) -> Option<Fields<'a>> {
        let map = self.value.as_object();
        if map.is_none() {
            findings.refuse(&self.path, "expected fields with values");
        }
        Some(Fields::new(self.path.clone(), map?))
    }

    pub(super) fn items(&self, findings: &mut Findings) -> Vec<Node<'a>> {
        let Some(items) = self.value.as_array() else {
            findings.refuse(&self.path, "expected a list");
            return Vec::new();
        };
        let at = |(index, value)| Node { path: format!("{}[{index}]", self.path), value };
        items.iter().enumerate().map(at).collect()
    }
}

/// A mapping, each field of which is asked for once.
pub(super) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
    left: BTreeSet<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: String, map: &'a Map<String, Value>) -> Self {
        // A field without a value is as good as none in Kubernetes.
        let left = map.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect();
        Self { path, map, left }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Node<'a>> {
        let taken = self.left.take::<str>(name)?;
        Some(Node { path: self.at(name), value: self.map.get(taken)? })
    }

    pub(super) fn text(&mut self, name: &str, findings: &mut Findings) -> Option<&'a str> {
        self.take(name)?.text(findings).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&mut self, name: &str, findings: &mut Findings) -> Option<bool> {
        let node = self.take(name)?;
        let flag = node.value.as_bool();
        if flag.is_none() {
            findings.refuse(&node.path, "expected true or false");
        }
        flag
    }

    pub(super) fn fields(&mut self, name: &str, findings: &mut Findings) -> Option<Fields<'a>> {
        self.take(name)?.fields(findings)
    }

    pub(super) fn items(&mut self, name: &str, findings: &mut Findings) -> Vec<Node<'a>> {
        self.take(name).map(|node| node.items(findings)).unwrap_or_default()
    }

    /// Fields that have no influence on which images are allowed.
    pub(super) fn without_effect(&mut self, names: &[&str]) {
        for name in names {
            self.left.remove::<str>(name);
        }
    }

    /// A field that is refused if it is there, unless it is empty.
    pub(super) fn refuse(&mut self, name: &str, reason: &str, findings: &mut Findings) {
        if let Some(node) = self.take(name).filter(|node| !is_empty(node.value)) {
            findings.refuse(&node.path, reason);
        }
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self, findings: &mut Findings) {
        for name in &self.left {
            findings.refuse(&self.at(name), "is not a field that can be carried over");
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) => false,
    }
}

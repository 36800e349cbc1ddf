//! What people say about findings: the results of VEX documents and of ignore rules in a scan. What counts is decided in
//! [`crate::vex`] and [`crate::ignore`].

use std::fmt;

use plimsoll_core::Timestamp;
use serde::Serialize;

use super::finding::Finding;
use crate::database::VexStatus;

/// An advisory that leaves open whether a component is affected: a gap, unless something else settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// What it would be if the component were affected.
    pub finding: Finding,
    /// The ecosystem of its gap.
    pub(crate) ecosystem: &'static str,
    /// The component's place in the inventory, because a gap counts components.
    pub(crate) component: usize,
}

/// The statement by which a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettledByVex {
    /// Not affected or fixed.
    pub status: VexStatus,
    /// Why it is not affected, in the format's own term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Who says so, according to the document.
    pub author: String,
    /// Who signed it, if that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The document: a file, or the digest of a bundle.
    pub document: String,
    /// When it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Whether the advisory left open if the component is affected.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_open: bool,
}

impl fmt::Display for SettledByVex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, justification, statement, author, signer, document, .. } = self;
        match status {
            VexStatus::Fixed => f.write_str("fixed")?,
            _ => f.write_str("not affected")?,
        }
        let why = [justification, statement].into_iter().flatten().map(String::as_str);
        let why = why.collect::<Vec<_>>().join(": ");
        if !why.is_empty() {
            write!(f, " ({why})")?;
        }
        match signer {
            Some(signer) => write!(f, ", as {signer} signed in {document}"),
            None => write!(f, ", says {author} in {document}"),
        }
    }
}

/// The VEX documents that a scan was told to use, and what came of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VexUse {
    /// In the order in which they were given.
    pub documents: Vec<UsedDocument>,
    /// Statements that contradict each other, and which of them counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
}

impl VexUse {
    pub(crate) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }
}

/// A VEX document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsedDocument {
    /// The file, or the digest of the bundle.
    pub document: String,
    /// `OpenVEX`, `CSAF`, `CycloneDX`.
    pub format: &'static str,
    /// Who wrote it, according to itself.
    pub author: String,
    /// The number of its statements that count.
    pub statements: usize,
    /// The number of findings that they set aside here.
    pub set_aside: usize,
    /// The number of its statements that do not count.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub refused: usize,
    /// Why, of some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The rule by which a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredBy {
    /// Why, in the rule's words.
    pub reason: String,
    /// The file.
    pub file: String,
    /// Where it is in the file: `line 3`.
    pub rule: String,
    /// It counts before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether the advisory left open if the component is affected.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_open: bool,
}

impl fmt::Display for IgnoredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, file, rule, until, .. } = self;
        write!(f, "ignored by {rule} of {file}")?;
        until.map_or(Ok(()), |until| write!(f, " until {until}"))?;
        write!(f, ": {reason}")
    }
}

/// A file of ignore rules, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreUse {
    /// The file.
    pub file: String,
    /// Its form: `IgnoreRules`, `.trivyignore`.
    pub format: &'static str,
    /// The number of its rules that can be applied.
    pub rules: usize,
    /// The number of findings that they set aside here.
    pub set_aside: usize,
    /// The number of rules that are in force and about no finding here.
    pub unused: usize,
    /// Rules that have ended, which count no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
    /// The number of rules that cannot be applied exactly, and so are not.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub refused: usize,
    /// Which and why, of some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

//! What a VEX document says, whatever its format.

use std::sync::Arc;

use plimsoll_core::Timestamp;

use super::identity::Identity;
use crate::database::VexStatus;

/// Characters of a text of a document that are kept: verdicts and tables show it.
const TEXT: usize = 1_000;

/// How many refused statements are told with their reasons; the rest is counted.
const TOLD: usize = 20;

/// A document, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Where it is from: a file, the digest of a bundle.
    pub source: String,
    /// The name of its format.
    pub format: &'static str,
    /// Its own identifier; empty if it has none.
    pub id: String,
    /// Which one it is of the documents with this identifier: the highest counts.
    pub(super) edition: i128,
    /// Who wrote it, according to itself.
    pub author: String,
    /// Who signed it, if that was verified.
    pub signer: Option<String>,
    /// The statements that are valid.
    pub statements: Vec<Statement>,
    /// How many are not.
    pub refused: usize,
    /// Why, of the first of them.
    pub reasons: Vec<String>,
    /// What the refused statements are about: each may be the correction of an older one.
    pub(super) withdrawn: Vec<Withdrawn>,
}

/// What is known of a refused statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Withdrawn {
    /// The identifiers that could be read. If there are none, it may be about anything.
    pub(super) vulnerabilities: Vec<String>,
    /// When it was said; the end of time if that cannot be read.
    pub(super) timestamp: Option<Timestamp>,
}

impl Document {
    pub(super) fn new(format: &'static str, id: Option<&str>, author: &str) -> Self {
        let author = if author.trim().is_empty() { "an unnamed author" } else { author };
        Self { format, id: kept(id.unwrap_or_default()), author: kept(author), ..Self::default() }
    }

    /// Whether both are of one signer; of documents that nobody signed, of one author.
    pub(super) fn is_by_same(&self, other: &Self) -> bool {
        self.signer == other.signer && (self.signer.is_some() || self.author == other.author)
    }

    /// What the editions of one document have in common: format, identifier, and whose it is.
    pub(super) fn series(&self) -> (&'static str, &str, Option<&str>, &str) {
        let author = if self.signer.is_none() { self.author.as_str() } else { "" };
        (self.format, &self.id, self.signer.as_deref(), author)
    }

    /// Whether `other` is a newer edition of this document.
    pub(super) fn is_superseded_by(&self, other: &Self) -> bool {
        !self.id.is_empty() && self.series() == other.series() && self.edition < other.edition
    }

    /// Adds a statement, or the reason why it does not count.
    pub(super) fn add(&mut self, statement: Result<Statement, Refusal>) {
        match statement {
            Ok(statement) => self.statements.push(statement),
            Err(refusal) => {
                self.refused += 1;
                self.withdrawn.push(refusal.about);
                if self.reasons.len() < TOLD {
                    self.reasons.push(format!("{}: {}", refusal.what, refusal.reason));
                }
            }
        }
    }
}

/// Why a statement does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which one: the vulnerability, or its place in the document.
    pub what: String,
    /// The reason.
    pub reason: String,
    /// What of it can be read.
    pub(super) about: Withdrawn,
}

impl Refusal {
    pub(super) fn new(what: &str, reason: impl Into<String>) -> Self {
        let about = Withdrawn { vulnerabilities: Vec::new(), timestamp: Some(Timestamp::MAX) };
        Self { what: plimsoll_core::text::shown(what), reason: reason.into(), about }
    }

    /// With the identifiers that could be read, and the time.
    pub(super) fn about(mut self, vulnerabilities: &[String], timestamp: Option<Timestamp>) -> Self {
        let named = vulnerabilities.iter().filter(|id| !id.trim().is_empty());
        self.about = Withdrawn { vulnerabilities: named.cloned().collect(), timestamp };
        self
    }
}

/// A valid statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The identifiers of the vulnerability. Never empty.
    pub(super) vulnerabilities: Vec<String>,
    /// What it is about. Never empty.
    pub(super) products: Vec<Product>,
    /// The status.
    pub(super) status: VexStatus,
    /// Why it is not affected, in the format's own term.
    pub(super) justification: Option<String>,
    /// The same in words.
    pub(super) impact: Option<String>,
    /// When it was said.
    pub(super) timestamp: Option<Timestamp>,
}

/// What a statement is about: the outermost product first, then what is inside.
///
/// `[image, package]` is the package in this image. `[image]` is the image with everything in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Product(pub(super) Vec<Arc<Identity>>);

impl Product {
    /// Whether some part of it is named by version or content, so that another version is something else.
    fn names_version(&self) -> bool {
        self.0.iter().any(|identity| identity.names_version())
    }
}

impl Statement {
    /// Whether it takes a finding away.
    pub(super) fn clears(&self) -> bool {
        matches!(self.status, VexStatus::NotAffected | VexStatus::Fixed)
    }

    /// The statement, if it may count.
    pub(super) fn checked(self) -> Result<Self, Refusal> {
        let (vulnerabilities, timestamp) = (self.vulnerabilities.clone(), self.timestamp);
        self.valid().map_err(|refusal| refusal.about(&vulnerabilities, timestamp))
    }

    fn valid(mut self) -> Result<Self, Refusal> {
        let what = self.vulnerabilities.first().cloned().unwrap_or_default();
        let refused = |reason: &str| Err(Refusal::new(&what, reason));
        self.vulnerabilities.retain(|id| !id.trim().is_empty());
        if self.vulnerabilities.is_empty() {
            return refused("it names no vulnerability");
        }
        if self.products.is_empty() {
            return refused("it names no product");
        }
        for text in [&mut self.justification, &mut self.impact] {
            *text = text.take().filter(|text| !text.trim().is_empty()).map(|text| kept(&text));
        }
        if self.status == VexStatus::NotAffected && self.justification.is_none() && self.impact.is_none() {
            return refused("not affected, without a justification or an impact statement");
        }
        if self.status == VexStatus::Fixed {
            self.products.retain(Product::names_version);
            if self.products.is_empty() {
                return refused("fixed, but in which version is not said");
            }
        }
        Ok(self)
    }
}

/// The start of a foreign text.
pub(super) fn kept(text: &str) -> String {
    if text.chars().nth(TEXT).is_none() {
        return text.to_owned();
    }
    text.chars().take(TEXT).chain(['…']).collect()
}

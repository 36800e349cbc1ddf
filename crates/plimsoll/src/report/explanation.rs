//! Why subjects have certain findings, or have none.

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_sbom::BaseImage;
use plimsoll_vuln::lookup::Advice;
use plimsoll_vuln::{Explained, Finding, Outcome, Suppressed};
use serde::Serialize;

use super::unscanned::Unscanned;

/// The version of the JSON result.
const EXPLANATION_V1: &str = "plimsoll.dev/scan-explanation/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    scanned_at: Timestamp,
    pub(crate) results: Vec<ExplainedSubject>,
    /// The subjects that could not be scanned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Unscanned>,
}

/// One image or other subject.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedSubject {
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    #[serde(skip)]
    pub(crate) layers: Vec<LayerRef>,
    #[serde(skip)]
    pub(crate) base: Option<BaseImage>,
    pub(crate) explanations: Vec<Explanation>,
}

/// Everything about one vulnerability in one subject.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// The identifier that was asked for.
    pub(crate) id: String,
    /// All identifiers of the same vulnerability, sorted.
    pub(crate) known_as: Vec<String>,
    /// The findings.
    pub(crate) findings: Vec<Finding>,
    /// What is known and is no vulnerability.
    pub(crate) informational: Vec<Finding>,
    /// Findings that do not count.
    pub(crate) suppressed: Vec<Suppressed>,
    /// What each advisory says about each component that it names.
    pub(crate) statements: Vec<Explained>,
    /// Advisories about packages that the subject does not have, or not in this release.
    pub(crate) elsewhere: Vec<Advice>,
    /// What was not covered, in words: without it, it might be a finding.
    pub(crate) not_covered: Vec<String>,
}

impl Explanation {
    /// Whether it is a finding, or something else that is known.
    pub(crate) fn is_found(&self) -> bool {
        !self.findings.is_empty() || !self.informational.is_empty() || !self.suppressed.is_empty()
    }

    /// Whether nothing was found, and nobody can say that nothing is there.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_found() && (!self.not_covered.is_empty() || self.is_undecided())
    }

    /// Whether an advisory does not say whether what is installed is affected.
    pub(crate) fn is_undecided(&self) -> bool {
        self.statements.iter().any(|it| match it.outcome {
            Outcome::ConditionsUnknown | Outcome::Undecided { .. } | Outcome::InvalidVersion => true,
            Outcome::Affected { .. } | Outcome::NotAffected { .. } | Outcome::OtherConditions => false,
        })
    }
}

impl Report {
    pub(crate) fn new(scanned_at: Timestamp, results: Vec<ExplainedSubject>, errors: Vec<Unscanned>) -> Self {
        Self { schema_version: EXPLANATION_V1, scanned_at, results, errors }
    }
}

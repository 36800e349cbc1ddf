//! What `check` found out.

use plimsoll_judge::Judgement;
use plimsoll_policy::{Evidence, Verdict, VulnerabilityFacts};
use plimsoll_vuln::{Finding, Scan};
use serde::Serialize;

use super::unscanned::ReportedError;
use crate::failure::Failure;

/// The version of the JSON result.
const CHECK_V1: &str = "plimsoll.dev/check/v1";

/// The result for all subjects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    schema_version: &'static str,
    pub(crate) results: Vec<Entry<'a>>,
}

impl<'a> Report<'a> {
    /// `explain` lists every finding, also those that block nothing.
    pub(crate) fn new(results: &'a [(&'a str, Result<Judgement, Failure>)], explain: bool) -> Self {
        let entry = |(subject, result): &'a (&'a str, Result<Judgement, Failure>)| {
            Entry::new(subject, result, explain)
        };
        Self { schema_version: CHECK_V1, results: results.iter().map(entry).collect() }
    }
}

/// One subject: a verdict, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry<'a> {
    pub(crate) subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<&'a Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ReportedError>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<&'a Finding>,
    /// The scans that have these findings.
    #[serde(skip)]
    pub(crate) scans: Vec<&'a Scan>,
}

impl<'a> Entry<'a> {
    fn new(subject: &'a str, result: &'a Result<Judgement, Failure>, explain: bool) -> Self {
        match result {
            Ok(judgement) => {
                let scans: Vec<_> = judgement.evidence.iter().filter(|_| explain).filter_map(scan).collect();
                let findings = scans.iter().flat_map(|scan| &scan.findings).collect();
                Self { subject, verdict: Some(&judgement.verdict), error: None, findings, scans }
            }
            Err(failure) => {
                let error = Some(ReportedError::from(failure));
                Self { subject, verdict: None, error, findings: Vec::new(), scans: Vec::new() }
            }
        }
    }
}

/// What was found in the database, where there is one.
fn scan(evidence: &Evidence) -> Option<&Scan> {
    match &evidence.vulnerabilities {
        VulnerabilityFacts::Scanned(scan) => Some(scan),
        VulnerabilityFacts::Unavailable { .. } => None,
    }
}

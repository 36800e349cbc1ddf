//! Waivers as shown to people who write, sign and approve them: their content, who signed, whether they would count.
//!
//! ```json
//! {"schemaVersion": "plimsoll.dev/waiver-show/v1", "judgedAt": "2026-11-21T12:00:00Z", "waivers": [
//!   {"name": "W-1", "files": ["w1.yaml"], "state": "in-force", "claims": [], "standings": [
//!     {"policy": "production", "origin": "policy.yaml", "counts": false, "reason": "waiver W-1 is not signed, …"}]}]}
//! ```

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::Digest;
use plimsoll_core::quantity::count;
use schemars::JsonSchema;
use serde::Serialize;

use crate::applicable::{approval, in_force};
use crate::policy::Policy;
use crate::rules::RuleName;
use crate::setting::Instant;
use crate::setting::{Level, days_begun};
use crate::verdict::ApprovalRecord;
use crate::waiver::{Waiver, united};

/// The version that [`WaiverReports::schema_version`] carries.
const WAIVER_SHOW_V1: &str = "plimsoll.dev/waiver-show/v1";

/// Waivers, as `waiver show` lists them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Plimsoll waivers as shown, version 1", deny_unknown_fields)]
#[non_exhaustive]
pub struct WaiverReports {
    /// `plimsoll.dev/waiver-show/v1`.
    #[schemars(extend("const" = WAIVER_SHOW_V1))]
    pub schema_version: &'static str,
    /// The time of judgement.
    #[schemars(with = "Instant")]
    pub judged_at: Timestamp,
    /// Each document once, even if several files contain it.
    pub waivers: Vec<WaiverReport>,
}

impl WaiverReports {
    /// The reports of these waivers.
    pub fn new(judged_at: Timestamp, waivers: Vec<WaiverReport>) -> Self {
        Self { schema_version: WAIVER_SHOW_V1, judged_at, waivers }
    }
}

/// A waiver, its content and its standing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[non_exhaustive]
pub struct WaiverReport {
    /// The name in its metadata.
    pub name: String,
    /// The files that contain it.
    pub files: Vec<String>,
    /// Files beside these that were signed before the text was edited.
    pub signed_before_edit: Vec<String>,
    /// The digest of its content.
    #[schemars(with = "String")]
    pub content: Digest,
    /// The rules that it waives.
    pub rules: Vec<RuleName>,
    /// The vulnerabilities that it names.
    pub cves: Vec<String>,
    /// Patterns over repositories.
    pub images: Vec<String>,
    /// Index or manifest digests.
    #[schemars(with = "Vec<String>")]
    pub digests: Vec<Digest>,
    /// Why the risk is taken.
    pub reason: String,
    /// What could happen, and how likely.
    pub risk_assessment: String,
    /// What lowers the risk in the meantime.
    pub controls: Vec<String>,
    /// Who is responsible for it.
    pub owner: String,
    /// From when it counts.
    #[schemars(with = "Instant")]
    pub issued: Timestamp,
    /// Until when it counts.
    #[schemars(with = "Instant")]
    pub expires: Timestamp,
    /// Its state at the time of judgement.
    pub state: WaiverState,
    /// Who signed according to the files. Not verified.
    pub claims: Vec<SignatureClaim>,
    /// Its standing under each named policy.
    pub standings: Vec<WaiverStanding>,
}

/// The state of a waiver at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WaiverState {
    /// Before it was issued.
    NotYet,
    /// Between both.
    InForce,
    /// After it expired.
    Expired,
}

/// An unverified signature in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct SignatureClaim {
    /// The file.
    pub file: String,
    /// The claimed signer, in words.
    pub signer: String,
}

/// Whether a waiver would count under a policy, for anything in its scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[non_exhaustive]
pub struct WaiverStanding {
    /// The policy's name.
    pub policy: String,
    /// Where it was read from.
    pub origin: String,
    /// Whether it counts.
    pub counts: bool,
    /// Why, in words.
    pub reason: String,
    /// Who approved it.
    pub signatures: Vec<ApprovalRecord>,
    /// Until when it counts; missing if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub valid_until: Option<Timestamp>,
    /// The severities that it may waive: it may not run longer than the policy allows for them. Empty for waivers of
    /// other rules.
    pub severities: Vec<String>,
}

impl Waiver {
    /// Each document once, with every signature on it.
    pub fn united(waivers: &[Self]) -> Vec<Self> {
        united(waivers)
    }

    /// Its content, and its state at `now`; the caller adds signatures and policies.
    pub fn report(&self, now: Timestamp) -> WaiverReport {
        let terms = &self.terms;
        let state = match now {
            now if now < terms.issued => WaiverState::NotYet,
            now if now >= terms.expires => WaiverState::Expired,
            _ => WaiverState::InForce,
        };
        WaiverReport {
            name: self.name.clone(),
            files: vec![self.origin.clone()],
            signed_before_edit: Vec::new(),
            content: self.content,
            rules: terms.rules.iter().cloned().collect(),
            cves: terms.cves.iter().cloned().collect(),
            images: terms.images.iter().map(ToString::to_string).collect(),
            digests: terms.digests.clone(),
            reason: terms.reason.clone(),
            risk_assessment: terms.risk_assessment.clone(),
            controls: terms.controls.clone(),
            owner: terms.owner.clone(),
            issued: terms.issued,
            expires: terms.expires,
            state,
            claims: Vec::new(),
            standings: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether `waiver` would count at `now`, by time, approvers and length. Whether it fits depends on the subject and
    /// the finding.
    pub fn standing_of(&self, waiver: &Waiver, now: Timestamp) -> WaiverStanding {
        let terms = &waiver.terms;
        let about_findings = terms.is_about_findings();
        let runs = terms.expires.duration_since(terms.issued);
        let allows = |level: Option<Level>| {
            runs <= SignedDuration::from_hours(24 * i64::from(self.waivers.max_days.for_level(level)))
        };
        let levels = [Some(Level::Critical), Some(Level::High), Some(Level::Medium), Some(Level::Low), None];
        let allowed = levels.into_iter().filter(|level| allows(*level));
        let severities: Vec<String> = allowed
            .map(|level| level.map_or_else(|| "unrated".to_owned(), |level| level.to_string()))
            .collect();
        let too_long = || {
            let days = days_begun(runs);
            let most = self.waivers.max_days.for_level(Some(Level::Low));
            format!(
                "waiver {} runs {}, longer than the {most} that the policy allows for anything",
                waiver.name,
                count(days, "day")
            )
        };
        let outcome = in_force(waiver, now)
            .and_then(|()| approval(waiver, self, now))
            .and_then(|approval| if severities.is_empty() { Err(too_long()) } else { Ok(approval) });
        let counts = outcome.is_ok();
        let (reason, signatures, valid_until) = match outcome {
            Ok(approval) => (approval.reason(), approval.records().to_vec(), approval.until()),
            Err(reason) => (reason, Vec::new(), None),
        };
        let severities = if about_findings && counts { severities } else { Vec::new() };
        WaiverStanding { counts, reason, signatures, valid_until, severities, ..self.nothing() }
    }

    /// The standing of a waiver whose signatures are invalid.
    pub fn refusal_of(&self, reason: String) -> WaiverStanding {
        WaiverStanding { reason, ..self.nothing() }
    }

    fn nothing(&self) -> WaiverStanding {
        WaiverStanding {
            policy: self.name.clone(),
            origin: self.origin.clone(),
            counts: false,
            reason: String::new(),
            signatures: Vec::new(),
            valid_until: None,
            severities: Vec::new(),
        }
    }
}

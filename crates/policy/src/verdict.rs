//! The verdict: every rule with its outcome and reason, the evidence, and until when it is valid.
//!
//! Serialised, it is the output of every command that judges. `schemaVersion` changes when a reader of the old form
//! would misread the new one; new members do not change it.
//!
//! ```json
//! {"schemaVersion": "plimsoll.dev/verdict/v1", "decision": "deny",
//!  "reasons": ["vulnerabilities: CVE-2026-1234 (critical) in libfoo 1.0"],
//!  "requested": "registry.example/team/app@sha256:…", "evaluatedAt": "2026-11-20T12:00:00Z",
//!  "policy": {"name": "production", "origin": "policy.yaml", "digest": "sha256:…", "effectiveDigest": "sha256:…"},
//!  "denyLists": [], "platforms": [{"platform": "linux/amd64", "decision": "deny", "rules": ["…"]}]}
//! ```

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;
use plimsoll_core::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use crate::detail::{Detail, SignerRecord};
use crate::evidence::{ImageDigests, SubjectKind};
use crate::policy::Policy;
use crate::preset::{Phase, Tier};
use crate::rules::RuleName;
use crate::setting::Instant;

/// The version that [`Verdict::schema_version`] carries.
pub const VERDICT_V1: &str = "plimsoll.dev/verdict/v1";

/// The decision about a subject, over all of its platforms that were judged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Plimsoll verdict, version 1", deny_unknown_fields)]
#[non_exhaustive]
pub struct Verdict {
    /// `plimsoll.dev/verdict/v1`.
    #[schemars(extend("const" = VERDICT_V1))]
    pub schema_version: &'static str,
    /// The worst of the platforms' decisions.
    pub decision: Decision,
    /// The deciding reasons in words, each text once.
    pub reasons: Vec<String>,
    /// What the user typed.
    pub requested: String,
    /// The time of judgement.
    #[schemars(with = "Instant")]
    pub evaluated_at: Timestamp,
    /// After this instant the subject must be judged again: a waiver ends, a database becomes stale, or a key
    /// stops counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub valid_until: Option<Timestamp>,
    /// The policy that was applied, if it is a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// The policies that were applied, if there are several; `policy` is then missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyRef>,
    /// Deny lists that were applied in addition to the policy's own.
    pub deny_lists: Vec<DocumentRef>,
    /// One for each platform that the verdict covers.
    pub platforms: Vec<PlatformVerdict>,
}

/// The decision. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// No rule blocks.
    Allow,
    /// No decision was possible, which blocks.
    Indeterminate,
    /// A rule blocks.
    Deny,
}

/// The decision about one platform.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlatformVerdict {
    /// `linux/amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What was judged.
    pub subject: SubjectRecord,
    /// The decision.
    pub decision: Decision,
    /// After this instant it must be judged again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub valid_until: Option<Timestamp>,
    /// The results of all rules, in the order in which the rules are applied; under several policies, one
    /// policy after the other.
    pub rules: Vec<RuleResult>,
    /// The advisory data that findings come from.
    pub database: Vec<DatabaseRecord>,
    /// The digests of the evidence.
    pub evidence: Vec<EvidenceRecord>,
}

/// The subject that the verdict covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubjectRecord {
    /// Where it came from.
    pub kind: SubjectKind,
    /// `registry/repository`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The requested tag. The verdict covers the digests, never the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digests that the verdict covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digests: Option<ImageDigests>,
}

/// The result of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuleResult {
    /// The rule.
    pub rule: RuleName,
    /// The policy that the rule belongs to, if several were applied. Missing for a rule that is evaluated
    /// once for all policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether the outcome can block. It does if it is fail or unknown.
    pub effect: Effect,
    /// The outcome in words.
    pub reason: String,
    /// One way to solve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The details.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// Waivers that were used, or that are for this subject but were refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverUse>,
}

impl RuleResult {
    /// The decision of this rule alone.
    pub fn decision(&self) -> Decision {
        match (self.effect, self.outcome) {
            (Effect::Block, Outcome::Fail) => Decision::Deny,
            (Effect::Block, Outcome::Unknown) => Decision::Indeterminate,
            _ => Decision::Allow,
        }
    }
}

/// The outcome of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule is satisfied.
    Pass,
    /// The rule is not satisfied.
    Fail,
    /// The rule is not satisfied, but waivers cover all of it.
    Waived,
    /// The policy does not require it.
    NotApplicable,
    /// It could not be decided.
    Unknown,
}

/// The effect of a rule's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Fail denies, unknown makes the verdict indeterminate.
    Block,
    /// Whoever asked is warned.
    Warn,
    /// No effect; it is only reported.
    Report,
}

/// A waiver that is for this subject and rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WaiverUse {
    /// Its name.
    pub name: String,
    /// Where it was read from.
    pub origin: String,
    /// The digest of its content.
    #[schemars(with = "String")]
    pub content: Digest,
    /// Whether it counted.
    pub used: bool,
    /// Why it counted or not, in words.
    pub reason: String,
    /// Why the risk is accepted, as the waiver says.
    pub justification: String,
    /// Who is responsible for it.
    pub owner: String,
    /// Who approved it, by the policy's names; empty for an unsigned one.
    pub approvers: Vec<String>,
    /// Their signatures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<ApprovalRecord>,
    /// When it ends.
    #[schemars(with = "Instant")]
    pub expires: Timestamp,
}

/// An approver's signature on a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApprovalRecord {
    /// Who approved, by the policy's name for them.
    pub approver: String,
    /// The key or certificate behind the name.
    #[serde(flatten)]
    pub by: SignerRecord,
    /// The digest of the bundle.
    #[schemars(with = "String")]
    pub bundle: Digest,
}

/// The policy that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PolicyRef {
    /// The name in its metadata.
    pub name: String,
    /// Where it was read from.
    pub origin: String,
    /// The digest of the document's bytes.
    #[schemars(with = "String")]
    pub digest: Digest,
    /// The digest of the effective policy: presets applied, keys by their IDs.
    #[schemars(with = "String")]
    pub effective_digest: Digest,
    /// Its phase.
    pub phase: Phase,
    /// Its tier.
    pub tier: Tier,
}

/// A document that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DocumentRef {
    /// The name in its metadata.
    pub name: String,
    /// Where it was read from.
    pub origin: String,
    /// The digest of its bytes.
    #[schemars(with = "String")]
    pub digest: Digest,
}

/// One publisher's advisory data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DatabaseRecord {
    /// The ecosystem that it covers.
    pub ecosystem: String,
    /// Who publishes it.
    pub publisher: String,
    /// When it was retrieved from the publisher.
    #[schemars(with = "Instant")]
    pub as_of: Timestamp,
    /// The digest of the database file.
    #[schemars(with = "String")]
    pub digest: Digest,
}

/// A piece of evidence by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EvidenceRecord {
    /// `signature`, `statement` (signed, and not a signature), `attestation` (one that satisfies a rule), `trusted-root`,
    /// `sbom`, `attested-sbom` (the bundle that the inventory is from), `database` (the list of the advisory database's
    /// files), `database-signature`, `waiver`.
    pub kind: String,
    /// The digest of its bytes.
    #[schemars(with = "String")]
    pub digest: Digest,
}

impl From<&Policy> for PolicyRef {
    fn from(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            origin: policy.origin.clone(),
            digest: policy.digest,
            effective_digest: policy.effective,
            phase: policy.phase,
            tier: policy.tier,
        }
    }
}

impl Verdict {
    /// Every policy that was applied.
    pub fn applied(&self) -> impl Iterator<Item = &PolicyRef> {
        self.policy.iter().chain(&self.policies)
    }

    /// The verdict over several platforms of one subject: the worst decision, the earliest end. Without a
    /// platform there is nothing to allow, so there is no verdict.
    pub fn combine(verdicts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let all = verdicts.into_iter().reduce(|mut all, next| {
            if next.decision > all.decision {
                all.decision = next.decision;
            }
            all.valid_until = earliest([all.valid_until, next.valid_until]);
            all.platforms.extend(next.platforms);
            all
        });
        // Once for all: an index may have hundreds of platforms.
        all.map(|all| Self { reasons: reasons(&all.platforms, all.decision), ..all })
    }

    /// Every result of every platform that prevents an allow.
    pub fn blocking(&self) -> impl Iterator<Item = &RuleResult> {
        let rules = self.platforms.iter().flat_map(|platform| &platform.rules);
        rules.filter(|result| result.decision() != Decision::Allow)
    }
}

/// The reasons for `decision`: of each rule that caused it, or of the waivers that made it allow.
pub(crate) fn reasons(platforms: &[PlatformVerdict], decision: Decision) -> Vec<String> {
    let many = platforms.len() > 1;
    let (mut reasons, mut known) = (Vec::new(), HashSet::new());
    for platform in platforms {
        for result in &platform.rules {
            let told = match decision {
                Decision::Allow => result.outcome == Outcome::Waived,
                blocked => result.decision() == blocked,
            };
            if told {
                let at = platform
                    .platform
                    .as_deref()
                    .filter(|_| many)
                    .map(|p| format!(" ({p})"))
                    .unwrap_or_default();
                let of_policy = result.policy.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
                let text = format!("{}{of_policy}{at}: {}", result.rule, result.reason);
                if known.insert(text.clone()) {
                    reasons.push(text);
                }
            }
        }
    }
    if reasons.is_empty() {
        let reason = if decision == Decision::Allow {
            "no rule of the policy blocks it"
        } else {
            "there is no policy, and an image that no policy applies to is denied"
        };
        reasons.push(reason.to_owned());
    }
    reasons
}

/// The earliest of the known instants.
pub(crate) fn earliest(instants: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    instants.into_iter().flatten().min()
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Indeterminate => "indeterminate",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Waived => "waived",
            Self::NotApplicable => "not applicable",
            Self::Unknown => "unknown",
        })
    }
}

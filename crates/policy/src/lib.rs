//! Policy documents, waivers, deny lists, and the verdict.
//!
//! This crate only decides: [`evaluate()`] is a pure function of a [`PolicySet`], [`Evidence`], [`Waiver`]s, a
//! [`DenyList`] and a time. It opens no file, asks no network and reads no clock; key files come in through
//! [`KeyFiles`], evidence from the caller.
//!
//! - [`Policy`]: a policy document, strictly read, with presets applied. [`Policy::builtin`] is the default.
//! - [`PolicySet`]: all policies in force. The worst decision of those that match holds.
//! - [`Waiver`]: a bounded, approved exception; [`WaiverDraft`] is a new one, [`WaiverReport`] one as shown to users.
//!   [`DenyList`]: digests that nothing may use.
//! - [`Verdict`]: the answer, with every rule's outcome and reason. [`Verdict::combine`] joins platforms.
//! - [`DocumentFaults`]: everything that is wrong with a document. [`Diagnostic`]: what [`Policy::lint`] finds.
//!   [`mod@schema`]: the JSON Schemas of documents and verdict.

mod action;
mod applicable;
mod assignment;
mod authority;
mod deny;
mod detail;
mod document;
mod draft;
mod error;
mod evaluate;
mod evidence;
mod exclusion;
mod expression;
mod faults;
mod identity;
mod import;
mod kind;
mod lint;
mod metadata;
mod pattern;
mod policy;
mod preset;
mod quorum;
mod report;
mod rule;
mod rules;
pub mod schema;
mod set;
mod setting;
mod signers;
mod spec;
mod unused;
mod verdict;
mod waiver;

pub use deny::DenyList;
pub use detail::{Detail, Disposition, FindingRecord, LocationRecord, SignerRecord};
pub use draft::WaiverDraft;
pub use error::Error;
pub use evaluate::{evaluate, evaluate_until};
pub use evidence::{
    AttestationFacts, AttestationSearch, Collected, ConfigurationParts, DatabaseFacts, Evidence,
    ImageConfiguration, ImageDigests, InventorySource, Narrowed, RefusedAttestation, RejectedSignature,
    SbomAttestation, SbomFacts, SbomSearch, SecretPlace, Signatures, SignaturesByPolicy, SubjectFacts,
    SubjectKind, SuspectedSecret, VexFacts, VulnerabilityFacts,
};
pub use exclusion::{Excluded, Exclusions};
pub use faults::DocumentFaults;
pub use import::{Import, ImportNote, ImportedPolicy, OtherDocument, Refusal, import, importable};
pub use kind::DocumentKind;
pub use lint::{Code, Diagnostic, Severity};
pub use policy::{KeyFiles, Policy};
pub use preset::{Phase, Tier};
pub use report::{SignatureClaim, WaiverReport, WaiverReports, WaiverStanding, WaiverState};
pub use rule::Needs;
pub use rules::sbom::{is_sbom, sbom_standard};
pub use rules::vulnerabilities::{UnratedAs, is_vex};
pub use rules::{RuleInfo, RuleName, built_in as built_in_rules};
pub use set::PolicySet;
pub use setting::{Level, OnUnknown};
pub use signers::Signers;
pub use unused::{UnusedWaiver, WhyUnused};
pub use verdict::{
    ApprovalRecord, DatabaseRecord, Decision, DocumentRef, Effect, EvidenceRecord, Outcome, PlatformVerdict,
    PolicyRef, RuleResult, SubjectRecord, VERDICT_V1, Verdict, WaiverUse,
};
pub use waiver::{Waiver, waivable_rule, waivable_rules};

/// The JSON Schema of a policy document; the others are in [`mod@schema`].
pub fn schema() -> serde_json::Value {
    schema::policy()
}

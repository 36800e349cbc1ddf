//! Waivers: documents in which somebody accepts a named risk, for a named scope and a bounded time.
//!
//! This file owns the document and how it is read, signed or not. Whether a waiver applies to a subject is decided at
//! each evaluation, in [`crate::applicable`], because that depends on policy and time.
//!
//! ```yaml
//! apiVersion: plimsoll.dev/v1
//! kind: Waiver
//! metadata: { name: W-1 }
//! spec:
//!   rules: [vulnerabilities]
//!   cves: [CVE-2026-1234]
//!   images: ["registry.example/team/app"]       # and/or digests; both given: both must fit
//!   digests: ["sha256:…"]
//!   reason: fix needs the next minor release
//!   riskAssessment: only reachable by operators
//!   controls: [egress closed, alert on crash loops]
//!   owner: alice@example
//!   issued: 2026-11-01T00:00:00Z
//!   expires: 2026-11-30T00:00:00Z
//! ```
//!
//! Signed, it is the predicate of an in-toto statement of type [`WAIVER_V1`] in a Sigstore bundle; the statement's
//! subjects are ignored, and the document defines the scope. A bundle holds one signature, by a key or with a
//! certificate. A second approver signs the same document into a bundle of their own, and evaluation joins the two by
//! [`Waiver::content`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plimsoll_core::{Digest, Limits, json, yaml};
use plimsoll_verify::{Bundle, TrustedRoot, WAIVER_V1, verify};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::Policy;
use crate::authority::Signed;
use crate::error::Error;
use crate::faults::{self, DocumentFaults, Faults};
use crate::metadata::{ApiVersion, Metadata};
use crate::pattern::Pattern;
use crate::rule::Waivable;
use crate::rules::{self, RuleName};
use crate::setting::Instant;
use crate::setting::{Name, given};

/// A waiver document with its signatures.
#[derive(Debug, Clone)]
pub struct Waiver {
    pub(crate) name: String,
    pub(crate) origin: String,
    pub(crate) content: Digest,
    pub(crate) terms: Terms,
    document: Value,
    /// Who signed. Empty if the document came without a signature.
    pub(crate) approvals: Vec<Signature>,
}

/// A signature on a waiver, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) signed: Signed,
    pub(crate) bundle: Digest,
    /// The effective digest of the policy whose roots and logs verified it. It counts under no other policy.
    pub(crate) policy: Digest,
}

/// The content of the document.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) rules: BTreeSet<RuleName>,
    pub(crate) cves: BTreeSet<String>,
    pub(crate) images: Vec<Pattern>,
    pub(crate) digests: Vec<Digest>,
    pub(crate) reason: String,
    pub(crate) risk_assessment: String,
    pub(crate) controls: Vec<String>,
    pub(crate) owner: String,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

impl Terms {
    /// Whether it accepts single findings by name.
    pub(crate) fn is_about_findings(&self) -> bool {
        !self.cves.is_empty()
    }
}

impl Waiver {
    /// Reads a waiver from the bundle that an approver or second approver of `policy` signed. Certificates
    /// are verified with `root`; without a root, they are refused with the given reason.
    pub fn from_bundle(
        bytes: &[u8],
        origin: &str,
        policy: &Policy,
        root: Result<&TrustedRoot, &str>,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let unsigned = |reason: String| Error::WaiverSignature {
            origin: origin.to_owned(),
            policy: policy.name().to_owned(),
            reason,
        };
        let bundle = parsed(bytes, origin, limits)?;
        let verified = policy
            .approvers()
            .verify(&bundle, root.ok(), now, |check| verify(&bundle, None, check))
            .map_err(|error| match (error, root) {
                (plimsoll_verify::Error::NoTrustedRoot, Err(why)) => {
                    unsigned(format!("its certificate could not be verified: {why}"))
                }
                (error, _) => unsigned(error.to_string()),
            })?;
        let statement = verified.value();
        if statement.predicate_type != WAIVER_V1 {
            return Err(Error::Invalid {
                origin: origin.to_owned(),
                path: "predicateType".to_owned(),
                reason: format!("got {}, expected {WAIVER_V1}", statement.predicate_type),
            });
        }
        // The same strict reader as for files: a signature does not make an unknown field acceptable.
        let mut waiver = Self::from_unsigned(&json::canonical(&statement.predicate), origin)?;
        waiver.approvals.push(Signature {
            signed: Signed::from(&verified),
            bundle: *verified.bundle(),
            policy: policy.effective,
        });
        Ok(waiver)
    }

    /// The waiver in a bundle whose signature is not verified, for showing what it claims. It has no approvals, and
    /// must not be used for judging.
    pub fn dangerous_from_unverified_bundle(
        bytes: &[u8],
        origin: &str,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let bundle = parsed(bytes, origin, limits)?;
        let statement = bundle.claimed_statement().filter(|statement| statement.predicate_type == WAIVER_V1);
        let Some(statement) = statement else {
            return Err(Error::Invalid {
                origin: origin.to_owned(),
                path: "predicateType".to_owned(),
                reason: format!("got another kind of bundle, expected a statement of type {WAIVER_V1}"),
            });
        };
        Self::from_unsigned(&json::canonical(&statement.predicate), origin)
    }

    /// Reads an unsigned waiver document. It applies only under a policy that explicitly accepts unsigned waivers, and
    /// the verdict says so.
    pub fn from_unsigned(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        faults::read(bytes, origin, yaml::Size::DOCUMENT, Self::checked)
    }

    /// [`Self::from_unsigned`] for whoever corrects the document: with every fault.
    pub fn from_unsigned_or_faults(bytes: &[u8], origin: &str) -> Result<Self, DocumentFaults> {
        faults::read_or_faults(bytes, origin, yaml::Size::DOCUMENT, Self::checked)
    }

    fn checked(typed: WaiverDocument, faults: &Faults<'_>) -> Self {
        // Made from the parsed values, not from the text: `name: 1e3` is the same waiver in YAML and in the signed
        // JSON.
        let document = serde_json::to_value(&typed).unwrap_or_else(|error| {
            faults.invalid("spec", error.to_string());
            Value::Null
        });
        let name = typed.metadata.name.0;
        let terms = typed.spec.check(faults);
        let content = Digest::sha256(&json::canonical(&document));
        Self { name, origin: faults.origin.to_owned(), content, terms, document, approvals: Vec::new() }
    }

    /// The name in its metadata.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The place that it was read from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The document: what an approver signs.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The digest of the document's content, equal for every bundle and file with the same content.
    pub fn content(&self) -> Digest {
        self.content
    }

    /// Whether it is unsigned.
    pub fn is_unsigned(&self) -> bool {
        self.approvals.is_empty()
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        self.terms.expires
    }
}

/// Each document once, with every signature on it.
pub(crate) fn united(waivers: &[Waiver]) -> Vec<Waiver> {
    let mut by_content: BTreeMap<Digest, Waiver> = BTreeMap::new();
    for waiver in waivers {
        by_content
            .entry(waiver.content)
            .and_modify(|known| {
                for approval in &waiver.approvals {
                    if !known.approvals.contains(approval) {
                        known.approvals.push(approval.clone());
                    }
                }
            })
            .or_insert_with(|| waiver.clone());
    }
    let mut all: Vec<Waiver> = by_content.into_values().collect();
    all.sort_by(|a, b| (&a.name, a.content).cmp(&(&b.name, b.content)));
    all
}

fn parsed(bytes: &[u8], origin: &str, limits: &Limits) -> Result<Bundle, Error> {
    Bundle::parse(bytes, limits).map_err(|source| Error::Bundle { origin: origin.to_owned(), source })
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum WaiverKind {
    Waiver,
}

/// A waiver of Plimsoll.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Plimsoll waiver, version 1")]
pub(crate) struct WaiverDocument {
    api_version: ApiVersion,
    kind: WaiverKind,
    metadata: Metadata,
    spec: WaiverSpec,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaiverSpec {
    /// The rules that it waives. Deny lists, digests and signatures cannot be waived.
    #[schemars(length(min = 1))]
    #[serde(deserialize_with = "given")]
    rules: Vec<WaivedRule>,
    /// Vulnerabilities by identifier; required for the rule `vulnerabilities`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Vec::is_empty")]
    cves: Vec<String>,
    /// Repositories, each with its registry and at least one named path segment.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Vec::is_empty")]
    images: Vec<Pattern>,
    /// Index or manifest digests.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    digests: Vec<Digest>,
    /// Why the risk is taken.
    #[schemars(length(min = 1))]
    reason: String,
    /// What could happen, and how likely.
    #[schemars(length(min = 1))]
    risk_assessment: String,
    /// What lowers the risk in the meantime.
    #[schemars(length(min = 1))]
    #[serde(deserialize_with = "given")]
    controls: Vec<String>,
    /// Who is responsible for it; never one of its approvers.
    #[schemars(length(min = 1))]
    owner: String,
    #[schemars(with = "Instant")]
    issued: Timestamp,
    #[schemars(with = "Instant")]
    expires: Timestamp,
}

/// A rule in a waiver. A rule that cannot be waived is read too, so that the refusal can give the reason.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
struct WaivedRule(RuleName);

impl<'de> Deserialize<'de> for WaivedRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match rules::named(&name) {
            Some((rule, _)) => Ok(Self(rule)),
            None => Err(D::Error::custom(format!("unknown rule `{name}`, expected {}", waivable()))),
        }
    }
}

impl JsonSchema for WaivedRule {
    fn schema_name() -> Cow<'static, str> {
        "WaivableRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = rules::built_in().filter(|rule| rule.waivable).map(|rule| rule.name);
        let of_policies = rules::OF_POLICIES.iter().filter(|(.., waivable)| *waivable != Waivable::Nothing);
        let of_policies = of_policies.map(|(prefix, ..)| {
            let pattern = format!("^{prefix}{}", Name::PATTERN.trim_start_matches('^'));
            json_schema!({ "type": "string", "pattern": pattern })
        });
        let built_in = json_schema!({ "type": "string", "enum": names.collect::<Vec<_>>() });
        let all: Vec<Schema> = [built_in].into_iter().chain(of_policies).collect();
        json_schema!({ "description": "A rule that can be waived.", "oneOf": all })
    }
}

/// The rule of this name, built-in or of a policy, if a waiver can accept its failure or findings; otherwise which names are
/// expected.
pub fn waivable_rule(name: &str) -> Result<RuleName, String> {
    match rules::named(name) {
        Some((rule, what)) if what != Waivable::Nothing => Ok(rule),
        Some((rule, _)) => Err(format!("the rule {rule} cannot be waived, expected {}", waivable())),
        None => Err(format!("unknown rule `{name}`, expected {}", waivable())),
    }
}

/// The rules of which a waiver can accept something, each with what is true if it passes: built-in ones, and for those of policies
/// the form of their names, as in `attestation/NAME`.
pub fn waivable_rules() -> impl Iterator<Item = (String, &'static str)> {
    let built_in = rules::built_in().filter(|rule| rule.waivable);
    let of_policies = rules::OF_POLICIES.iter().filter(|(.., waivable)| *waivable != Waivable::Nothing);
    let of_policies = of_policies.map(|(prefix, about, _)| (format!("{prefix}NAME"), *about));
    built_in.map(|rule| (rule.name.to_string(), rule.about)).chain(of_policies)
}

/// `registries, provenance, sbom, vulnerabilities or attestation/NAME`.
fn waivable() -> String {
    let names: Vec<String> = waivable_rules().map(|(name, _)| name).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "none".to_owned(),
    }
}

/// More vulnerabilities than one person can assess.
const MAX_CVES: usize = 1_000;

impl WaiverSpec {
    fn check(self, faults: &Faults<'_>) -> Terms {
        let invalid = |path: &str, reason: String| faults.invalid(&format!("spec.{path}"), reason);
        let mut rules = BTreeSet::new();
        let mut about_findings = false;
        for WaivedRule(name) in self.rules {
            let waived = rules::named(name.as_str()).map(|(_, waivable)| waivable);
            if matches!(waived, None | Some(Waivable::Nothing)) {
                let reason = format!("the rule {name} cannot be waived, expected {}", waivable());
                invalid("rules", reason);
            }
            about_findings |= waived == Some(Waivable::Findings);
            rules.insert(name);
        }
        if rules.is_empty() {
            faults.consequence("spec.rules", &["spec.rules"], "names no rule, expected at least one");
        }
        if about_findings && self.cves.is_empty() {
            let reason = "a waiver for vulnerabilities must name them, got none";
            faults.consequence("spec.cves", &["spec.cves"], reason);
        }
        if !about_findings && !self.cves.is_empty() {
            let reason = "got some, but the rule vulnerabilities is not among the rules";
            faults.consequence("spec.cves", &["spec.cves", "spec.rules"], reason);
        }
        if self.cves.len() > MAX_CVES {
            invalid("cves", format!("got {}, expected at most {MAX_CVES}", self.cves.len()));
        }
        for (index, cve) in self.cves.iter().enumerate() {
            if !is_identifier(cve) {
                let reason = "expected an identifier such as CVE-2026-1234, without wildcards".to_owned();
                invalid(&format!("cves[{index}]"), reason);
            }
        }
        if self.images.is_empty() && self.digests.is_empty() {
            let reason = "names neither images nor digests, expected at least one";
            faults.consequence("spec.images", &["spec.images", "spec.digests"], reason);
        }
        for (index, image) in self.images.iter().enumerate() {
            if !image.is_named() {
                let reason =
                    format!("`{image}` is too wide, expected a registry and a first path segment by name");
                invalid(&format!("images[{index}]"), reason);
            }
        }
        for (field, text) in
            [("reason", &self.reason), ("riskAssessment", &self.risk_assessment), ("owner", &self.owner)]
        {
            if text.trim().is_empty() {
                invalid(field, "says nothing".to_owned());
            }
        }
        if !self.controls.iter().any(|control| !control.trim().is_empty()) {
            let reason = "names no compensating control, expected at least one";
            faults.consequence("spec.controls", &["spec.controls"], reason);
        }
        if self.expires <= self.issued {
            invalid("expires", format!("{} is not after issued, {}", self.expires, self.issued));
        }
        Terms {
            rules,
            cves: self.cves.into_iter().collect(),
            images: self.images,
            digests: self.digests,
            reason: self.reason,
            risk_assessment: self.risk_assessment,
            controls: self.controls,
            owner: self.owner.trim().to_owned(),
            issued: self.issued,
            expires: self.expires,
        }
    }
}

/// `CVE-2026-1234`, `GHSA-xxxx-xxxx-xxxx`, `DSA-5678-1`, `ALBA-2025:1`: the form of advisories' identifiers.
fn is_identifier(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.split_once('-').is_some_and(|(_, rest)| !rest.is_empty())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

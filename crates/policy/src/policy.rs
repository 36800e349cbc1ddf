//! A policy as it is applied: presets filled in, keys read, contradictions refused.
//!
//! The document ([`crate::spec`]) is what the author wrote; this is what applies. The caller reads key files
//! ([`KeyFiles`]), so that nothing here touches a disk.
//!
//! | preset | pilot | beta | ga |
//! | --- | --- | --- | --- |
//! | signatures, SBOM | reported | required | required |
//! | vulnerabilities that block | critical | critical, high | critical, high; core tier: medium |
//! | waivers, days | critical 30, high 60, other 90; core tier: 14, 14, 90 | same | same |
//! | pinned by digest; unrated counts as high; database at most 24 h old | in every phase | | |

mod authorities;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;
use plimsoll_core::{Algorithm, Digest, json, yaml};
use plimsoll_verify::{Requirements, TrustedRoot};
use serde::Serialize;

use self::authorities::{Keys, attestations, provenance, signatures};
use crate::authority::Authority;
use crate::deny::Denial;
use crate::error::Error;
use crate::evidence::{AttestationSearch, ImageDigests};
use crate::exclusion::Exclusions;
use crate::faults::{self, DocumentFaults, Faults};
use crate::pattern::{self, Pattern};
use crate::preset::Presets;
use crate::preset::{Phase, Tier};
use crate::rules::age::AgeSpec;
use crate::rules::attestation::AttestationRule;
use crate::rules::bases::BasesSpec;
use crate::rules::configuration::ConfigurationSpec;
use crate::rules::custom::{self, CustomRule};
use crate::rules::provenance::ProvenancePolicy;
use crate::rules::sbom::{LayerDigestNotComputed, SbomPolicy};
use crate::rules::secrets::SecretsSpec;
use crate::rules::signatures::SignaturePolicy;
use crate::rules::vulnerabilities::VulnerabilityPolicy;
use crate::setting::{Level, Setting};
use crate::signers::Signers;
use crate::spec::{PolicyDocument, WaiversSpec};

/// Reads the key files and the trusted root that a policy names. `path` is as written in the document, relative to its
/// folder.
pub trait KeyFiles {
    /// The content of the file, or why there is none.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// For policies whose keys are in the document: any file is refused.
impl KeyFiles for () {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("key files cannot be read here, expected the key in the document (`pem: |`)".to_owned())
    }
}

impl KeyFiles for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.get(path).cloned().ok_or_else(|| format!("key file {path} was not given"))
    }
}

impl<F: Fn(&str) -> Result<Vec<u8>, String>> KeyFiles for F {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self(path)
    }
}

/// A policy, ready to be applied.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) origin: String,
    #[serde(skip)]
    pub(crate) digest: Digest,
    #[serde(skip)]
    pub(crate) effective: Digest,
    pub(crate) phase: Phase,
    pub(crate) tier: Tier,
    pub(crate) images: Option<Vec<Pattern>>,
    pub(crate) pinned: bool,
    pub(crate) registries: Option<Vec<Pattern>>,
    #[serde(skip_serializing_if = "TrustPolicy::is_preset")]
    pub(crate) trust: TrustPolicy,
    pub(crate) signatures: SignaturePolicy,
    /// In the order of their names, so that their order in the document does not matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attestations: Vec<AttestationRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provenance: Option<ProvenancePolicy>,
    #[serde(skip_serializing_if = "Exclusions::is_empty")]
    pub(crate) exclude: Exclusions,
    pub(crate) sbom: SbomPolicy,
    pub(crate) vulnerabilities: VulnerabilityPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bases: Option<BasesSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<ConfigurationSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secrets: Option<SecretsSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age: Option<AgeSpec>,
    #[serde(rename = "rules", skip_serializing_if = "Vec::is_empty")]
    pub(crate) custom: Vec<CustomRule>,
    pub(crate) denials: Vec<Denial>,
    pub(crate) waivers: WaiverPolicy,
}

/// The trusted root for keyless signatures, and what they must contain.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrustPolicy {
    #[serde(skip)]
    pub(crate) root: Option<Arc<TrustedRoot>>,
    #[serde(rename = "root", skip_serializing_if = "Option::is_none")]
    root_digest: Option<Digest>,
    pub(crate) transparency_log: bool,
    pub(crate) certificate_log: bool,
    pub(crate) timestamps: u8,
}

impl TrustPolicy {
    fn is_preset(&self) -> bool {
        self.root.is_none() && self.transparency_log && self.certificate_log && self.timestamps == 0
    }

    pub(crate) fn requirements(&self) -> Requirements {
        Requirements {
            logs: self.transparency_log.then_some(NonZeroUsize::MIN),
            timestamps: usize::from(self.timestamps),
            certificate_log: self.certificate_log,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaiverPolicy {
    pub(crate) approvers: Vec<Authority>,
    pub(crate) second: Vec<Authority>,
    pub(crate) max_days: MaxDays,
    pub(crate) allow_unsigned: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct MaxDays {
    pub(crate) critical: u16,
    pub(crate) high: u16,
    pub(crate) other: u16,
}

impl MaxDays {
    /// How long a waiver for this level may run: never longer than for a less severe level, or a finding would pass by
    /// getting worse. Without a level, the shortest time applies.
    pub(crate) fn for_level(self, level: Option<Level>) -> u16 {
        let high = self.high.min(self.other);
        match level {
            Some(Level::Critical) | None => self.critical.min(high),
            Some(Level::High) => high,
            Some(_) => self.other,
        }
    }
}

impl Policy {
    /// Reads a policy document. `origin` names it in messages and verdicts.
    pub fn parse(bytes: &[u8], origin: &str, key_files: &dyn KeyFiles) -> Result<Self, Error> {
        let digest = Digest::sha256(bytes);
        let check =
            |document, faults: &Faults<'_>| resolve(document, digest, &Keys { faults, files: key_files });
        faults::read(bytes, origin, yaml::Size::DOCUMENT, check)
    }

    /// [`Policy::parse`] for whoever corrects the document: with every fault.
    pub fn parse_or_faults(
        bytes: &[u8],
        origin: &str,
        key_files: &dyn KeyFiles,
    ) -> Result<Self, DocumentFaults> {
        let digest = Digest::sha256(bytes);
        let check =
            |document, faults: &Faults<'_>| resolve(document, digest, &Keys { faults, files: key_files });
        faults::read_or_faults(bytes, origin, yaml::Size::DOCUMENT, check)
    }

    /// The policy that applies if none is given: pinned by digest, CRITICAL blocks, the rest is reported.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the document is part of the program, and a test reads it"
    )]
    pub fn builtin() -> Self {
        Self::parse(Self::builtin_document().as_bytes(), "built-in policy", &())
            .expect("the built-in policy is a policy")
    }

    /// The text of [`Policy::builtin`], as a start for a new policy.
    pub fn builtin_document() -> &'static str {
        include_str!("builtin.yaml")
    }

    /// A policy with comments, as a start for one of one's own. It decides as [`Policy::builtin`] does.
    pub fn example_document() -> &'static str {
        include_str!("example.yaml")
    }

    /// The algorithms of the digests that it denies.
    pub fn denied_algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.denials.iter().map(|denial| denial.digest.algorithm())
    }

    /// The name in its metadata.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was read from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The SHA-256 of the document's bytes. It does not cover key files: [`Policy::effective_digest`] does.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The SHA-256 of everything that decides: presets applied, key files replaced by their keys' IDs.
    pub fn effective_digest(&self) -> Digest {
        self.effective
    }

    /// The paths that it leaves out of the inventory and of the findings.
    pub fn exclusions(&self) -> &Exclusions {
        &self.exclude
    }

    /// Whether it is enough that layers were read by their tables of contents, without computing their own digests.
    pub fn allows_unhashed_layers(&self) -> bool {
        self.sbom.layer_digest_not_computed == LayerDigestNotComputed::Allow
    }

    /// The signers for whom image signatures are verified.
    pub fn image_signers(&self) -> Signers {
        Signers::new(self.signatures.entries(), self.trust.requirements())
    }

    /// The signers for whom waivers are verified: approvers and second approvers.
    pub fn approvers(&self) -> Signers {
        Signers::new(self.waivers.approvers.iter().chain(&self.waivers.second), self.trust.requirements())
    }

    /// The signers for whom attestations of this type are verified; none if no rule asks for one.
    pub fn attestation_signers(&self, predicate_type: &str) -> Option<Signers> {
        let asking = self.rules().filter_map(|rule| rule.attestations(self));
        let mut signers =
            asking.filter(|it| it.kind.includes(predicate_type)).flat_map(|it| it.signed_by).peekable();
        signers.peek()?;
        Some(Signers::new(signers, self.trust.requirements()))
    }

    /// Whether a rule looks at the content of attestations of this type.
    pub(crate) fn reads_predicates_of(&self, predicate_type: &str) -> bool {
        let mut asking = self.rules().filter_map(|rule| rule.attestations(self));
        !self.custom.is_empty() || asking.any(|it| it.reads_predicate && it.kind.includes(predicate_type))
    }

    /// Whether these attestations already satisfy every rule that asks for some, so that no other place must be searched. This
    /// decides nothing; [`crate::evaluate()`] does.
    pub fn has_enough_attestations(
        &self,
        found: &AttestationSearch,
        digests: &ImageDigests,
        now: Timestamp,
    ) -> bool {
        self.rules().all(|rule| rule.has_enough(self, found, digests, now))
    }

    /// The policy's own trusted root, if it names one.
    pub fn trusted_root(&self) -> Option<&TrustedRoot> {
        self.trust.root.as_deref()
    }

    /// Whether a trusted root can affect signatures under this policy: it names identities, keys whose signatures must
    /// be logged, times in which they count, or their age.
    pub fn wants_trusted_root(&self) -> bool {
        let waivers = &self.waivers;
        let approvers = waivers.approvers.iter().chain(&waivers.second);
        let vulnerabilities = &self.vulnerabilities;
        let attesters = self.sbom.attested_by.iter().chain(&vulnerabilities.database.signed_by);
        let attesters = attesters.chain(&vulnerabilities.vex.signed_by);
        let mut all = self.signatures.entries().chain(attesters).chain(approvers);
        let mut asked = self.rules().filter_map(|rule| rule.attestations(self));
        all.any(Authority::wants_root) || asked.any(|it| it.wants_root())
    }

    /// Whether the policy applies to images of this name (`registry/repository`). Without a name, this is only known if
    /// the policy applies to everything.
    pub fn matches(&self, name: Option<&str>) -> Option<bool> {
        match (&self.images, name) {
            (None, _) => Some(true),
            (Some(patterns), Some(name)) => Some(pattern::any(patterns, name)),
            (Some(_), None) => None,
        }
    }
}

fn resolve(doc: PolicyDocument, digest: Digest, keys: &Keys<'_>) -> Policy {
    let mut spec = doc.spec;
    let (phase, tier) = (spec.phase, spec.tier.or(Tier::Standard));
    let presets = Presets { phase, tier };
    let denials = spec.deny.digests.into_option().unwrap_or_default();
    let name = doc.metadata.name.0;
    let mut policy = Policy {
        origin: keys.faults.origin.to_owned(),
        digest,
        effective: digest,
        phase,
        tier,
        images: spec.matches.images.into_option(),
        pinned: spec.digest.pinned.or(true),
        registries: spec.registries.allow.into_option(),
        trust: keys.trust(spec.trust),
        signatures: signatures(spec.signatures, presets.strict(), keys),
        attestations: attestations(spec.attestations, keys),
        provenance: provenance(spec.provenance, keys),
        exclude: Exclusions::new(spec.exclude.into_option().unwrap_or_default()),
        sbom: {
            let attested_by = std::mem::take(&mut spec.sbom.attested_by);
            spec.sbom.resolve(presets, keys.authorities(attested_by, "spec.sbom.attestedBy"))
        },
        vulnerabilities: {
            let signed_by = std::mem::take(&mut spec.vulnerabilities.database.signed_by);
            let databases = keys.authorities(signed_by, "spec.vulnerabilities.database.signedBy");
            let signed_by = std::mem::take(&mut spec.vulnerabilities.vex.signed_by);
            let vex = keys.authorities(signed_by, "spec.vulnerabilities.vex.signedBy");
            spec.vulnerabilities.resolve(presets, databases, vex)
        },
        bases: spec.bases.into_option(),
        configuration: spec.configuration.into_option(),
        secrets: spec.secrets.into_option(),
        age: spec.age.into_option(),
        custom: custom::resolve(spec.rules).unwrap_or_else(|(path, reason)| {
            keys.faults.invalid(&path, reason);
            Vec::new()
        }),
        denials: denials.into_iter().map(|d| Denial::new(d, &format!("policy {name}"))).collect(),
        waivers: waivers(spec.waivers, tier, keys),
        name,
    };
    if let Some((path, reason)) = policy.bases.as_ref().and_then(BasesSpec::fault) {
        keys.faults.invalid(&path, reason);
    }
    // Serialising plain data to a tree cannot fail; if it did, the document's digest would be used.
    if let Ok(tree) = serde_json::to_value(&policy) {
        policy.effective = Digest::sha256(&json::canonical(&tree));
    }
    policy
}

fn waivers(spec: WaiversSpec, tier: Tier, keys: &Keys<'_>) -> WaiverPolicy {
    let days = |value: Setting<u16>, preset: u16, name: &str| {
        let days = value.or(preset);
        if !(1..=3650).contains(&days) {
            let path = format!("spec.waivers.maxDays.{name}");
            keys.faults.invalid(&path, format!("got {days}, expected 1 to 3650 days"));
        }
        days
    };
    let policy = WaiverPolicy {
        approvers: keys.authorities(spec.approvers, "spec.waivers.approvers"),
        second: keys.authorities(spec.second_approver, "spec.waivers.secondApprover"),
        max_days: MaxDays {
            critical: days(spec.max_days.critical, 30, "critical"),
            high: days(spec.max_days.high, if tier == Tier::Core { 14 } else { 60 }, "high"),
            other: days(spec.max_days.other, 90, "other"),
        },
        allow_unsigned: spec.allow_unsigned.is_set(),
    };
    if policy.allow_unsigned && !policy.second.is_empty() {
        let reason = "contradicts secondApprover: an unsigned waiver has no second approver";
        keys.faults.invalid("spec.waivers.allowUnsigned", reason);
    }
    policy
}

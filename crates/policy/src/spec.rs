//! The policy document, version 1, as it is written. [`crate::Policy`] is its meaning, with presets applied.
//!
//! ```yaml
//! apiVersion: plimsoll.dev/v1
//! kind: Policy
//! metadata: { name: production }
//! spec:
//!   phase: beta
//!   match: { images: ["registry.example/team/**"] }
//!   tier: standard
//!   digest: { pinned: true }
//!   registries: { allow: ["registry.example/**"] }
//!   trust: { root: trusted_root.json }
//!   signatures:
//!     required: true
//!     threshold: 1
//!     anyOf:
//!       - name: release
//!         key: { file: keys/release.pub }
//!       - name: release workflow
//!         identity: { issuer: https://issuer.example, subject: https://ci.example/app/release.yml@refs/heads/main }
//!     allOf:
//!       - name: build system
//!         key: { file: keys/build.pub }
//!   attestations:
//!     - name: tests
//!       predicateType: https://in-toto.io/attestation/test-result/v0.1
//!       signedBy: [{ name: ci, key: { file: keys/ci.pub } }]
//!       conditions: [{ path: /result, equals: PASSED }]
//!   provenance:
//!     signedBy: [{ name: release workflow, identity: { issuer: …, subject: … } }]
//!     sourceRepository: https://github.com/team/app
//!     sourceRef: { pattern: 'refs/tags/v.*' }
//!     deployers: [{ name: deploy robot, key: { file: keys/deploy.pub } }]
//!   exclude: [{ path: "usr/local/go/**/testdata/**", reason: "…" }]
//!   sbom:
//!     required: true
//!     onUnknown: block
//!     attestedBy: [{ name: sbom builder, key: { file: keys/sbom.pub } }]
//!   vulnerabilities:
//!     block: [critical, high]
//!     unratedAs: high
//!     maxDatabaseAge: 24h
//!     database: { signedBy: [{ name: feed builder, key: { file: keys/feeds.pub } }] }
//!     ignoreUnfixed: false
//!     ignoreNotLinked: false
//!     onUnknown: block
//!     vex: { signedBy: [{ name: product security, key: { file: keys/psirt.pub } }] }
//!   bases: { allow: [{ name: debian-12, layers: ["sha256:…"] }] }
//!   configuration: { user: nonRoot, allowPorts: [8080/tcp], labels: { team: shop } }
//!   secrets: { allow: [{ name: TEST_PASSWORD, reason: "…" }] }
//!   age: { max: 90d }
//!   rules: [{ name: nothing-exploited, cel: "!evidence.findings.exists(f, f.exploited)" }]
//!   deny: { digests: [{ digest: "sha256:…", reason: "…" }] }
//!   waivers:
//!     approvers: [{ name: secops@example, key: { file: keys/secops.pub } }]
//!     secondApprover: []
//!     maxDays: { critical: 30, high: 60, other: 90 }
//! ```
//!
//! On purpose, there is no `onUnknown` for signatures, digests, registries and deny lists: if something about them is
//! unknown, it always blocks.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::authority::AuthoritySpec;
use crate::exclusion::ExclusionSpec;
use crate::metadata::{ApiVersion, Metadata};
use crate::preset::{Phase, Tier};
use crate::rules::age::AgeSpec;
use crate::rules::attestation::AttestationSpec;
use crate::rules::bases::BasesSpec;
use crate::rules::configuration::ConfigurationSpec;
use crate::rules::custom::CustomSpec;
use crate::rules::deny_list::DenySpec;
use crate::rules::digest::DigestSpec;
use crate::rules::policy_match::MatchSpec;
use crate::rules::provenance::ProvenanceSpec;
use crate::rules::registries::RegistriesSpec;
use crate::rules::sbom::SbomSpec;
use crate::rules::secrets::SecretsSpec;
use crate::rules::signatures::SignaturesSpec;
use crate::rules::vulnerabilities::VulnerabilitiesSpec;
use crate::setting::{Setting, given};

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) enum PolicyKind {
    Policy,
}

/// A policy of Plimsoll.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Plimsoll policy, version 1")]
pub(crate) struct PolicyDocument {
    #[expect(dead_code, reason = "reading it is the check")]
    pub(crate) api_version: ApiVersion,
    #[expect(dead_code, reason = "reading it is the check")]
    pub(crate) kind: PolicyKind,
    pub(crate) metadata: Metadata,
    pub(crate) spec: PolicySpec,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicySpec {
    /// The preset that every other field starts from.
    pub(crate) phase: Phase,
    /// What the policy applies to; everything, when left out.
    #[serde(default, rename = "match", deserialize_with = "given")]
    pub(crate) matches: MatchSpec,
    /// Core images have stricter limits for waivers, and MEDIUM blocks at ga.
    #[serde(default)]
    pub(crate) tier: Setting<Tier>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) digest: DigestSpec,
    #[serde(default, deserialize_with = "given")]
    pub(crate) registries: RegistriesSpec,
    /// What signatures without a key are verified with.
    #[serde(default, deserialize_with = "given")]
    pub(crate) trust: TrustSpec,
    #[serde(default, deserialize_with = "given")]
    pub(crate) signatures: SignaturesSpec,
    /// Attestations that images must have, each a rule of its own.
    #[serde(default)]
    pub(crate) attestations: Setting<Vec<AttestationSpec>>,
    /// How images must have been built. Anyhow, when left out.
    #[serde(default)]
    pub(crate) provenance: Setting<ProvenanceSpec>,
    /// Paths that are left out of the inventory and of the findings, each with a reason.
    #[serde(default)]
    pub(crate) exclude: Setting<Vec<ExclusionSpec>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) sbom: SbomSpec,
    #[serde(default, deserialize_with = "given")]
    pub(crate) vulnerabilities: VulnerabilitiesSpec,
    /// The bases that images may be built on. Any, when left out.
    #[serde(default)]
    pub(crate) bases: Setting<BasesSpec>,
    /// What their configuration must be like. Anything, when left out.
    #[serde(default)]
    pub(crate) configuration: Setting<ConfigurationSpec>,
    /// That nothing in environment and history may look like a secret. Anything may, when left out.
    #[serde(default)]
    pub(crate) secrets: Setting<SecretsSpec>,
    /// How old they may be. Any age, when left out.
    #[serde(default)]
    pub(crate) age: Setting<AgeSpec>,
    /// What else must be true, in the words of the policy, each a rule of its own.
    #[serde(default)]
    pub(crate) rules: Setting<Vec<CustomSpec>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) deny: DenySpec,
    #[serde(default, deserialize_with = "given")]
    pub(crate) waivers: WaiversSpec,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TrustSpec {
    /// A `trusted_root.json`, relative to the policy document; left out: `--trusted-root`, else the instance's.
    pub(crate) root: Setting<String>,
    /// Whether a signature with a certificate must be in a transparency log. Yes, when left out.
    pub(crate) transparency_log: Setting<bool>,
    /// Whether the certificate must have been announced to a certificate log. Yes, when left out.
    pub(crate) certificate_log: Setting<bool>,
    /// How many signed timestamps there must be beside the times that logs give. None, when left out.
    #[schemars(range(max = 16))]
    pub(crate) timestamps: Setting<u8>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WaiversSpec {
    /// Whose signature makes a waiver count.
    pub(crate) approvers: Setting<Vec<AuthoritySpec>>,
    /// If not empty, one of these must also have signed.
    pub(crate) second_approver: Setting<Vec<AuthoritySpec>>,
    /// How long a waiver may run, by the severity of what it waives.
    #[serde(deserialize_with = "given")]
    pub(crate) max_days: MaxDaysSpec,
    /// Only the sentence `I accept unsigned waivers` is accepted.
    #[schemars(with = "Setting<UnsignedWords>")]
    pub(crate) allow_unsigned: Setting<UnsignedWords>,
}

/// The sentence that a policy must contain before unsigned waivers count.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) enum UnsignedWords {
    #[serde(rename = "I accept unsigned waivers")]
    Accepted,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MaxDaysSpec {
    #[schemars(range(min = 1, max = 3650))]
    pub(crate) critical: Setting<u16>,
    #[schemars(range(min = 1, max = 3650))]
    pub(crate) high: Setting<u16>,
    #[schemars(range(min = 1, max = 3650))]
    pub(crate) other: Setting<u16>,
}

//! Why a key, a bundle or a statement was refused.
//!
//! Unreadable input is [`Kind::Failed`]: it says nothing about who signed. Readable input that does not verify is
//! [`Kind::Denied`]. Everything that [`statement_by_key`](crate::statement_by_key) returns, except for a call without
//! keys and for a statement beyond a limit, is of the second kind, a signed payload that is not a statement included
//! (CVE-2026-39395).

use std::fmt;

use plimsoll_core::{Classify, Kind, LimitExceeded, json, quantity};

use crate::{Claim, KeyId, Step};

/// Why a key, a bundle or a statement was refused. Foreign text in it is cut and escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one `PUBLIC KEY` block in PEM.
    #[error("public key: got {got}, expected one PEM block `PUBLIC KEY`")]
    NotPublicKeyPem {
        /// What was found instead.
        got: String,
    },
    /// A key of an algorithm or size that is not on the list, or not a point on its curve.
    #[error(
        "public key: got {got}, expected ECDSA P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits"
    )]
    UnusableKey {
        /// What was found instead.
        got: String,
    },

    /// It is larger, or contains more, than a limit allows.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// Not strict JSON.
    #[error("bundle: {source}")]
    BundleJson {
        /// Where and why.
        source: json::Error,
    },
    /// Not a bundle of a supported version.
    #[error(
        "bundle: got media type {got:?}, expected \"application/vnd.dev.sigstore.bundle.v0.3+json\" or an older one"
    )]
    BundleVersion {
        /// The media type found.
        got: String,
    },
    /// A field that the bundle's specification does not have.
    #[error("bundle: unknown field {path:?}")]
    UnknownField {
        /// Where: `verificationMaterial.extra`.
        path: String,
    },
    /// A field that a bundle must have is missing.
    #[error("bundle: got none of {}, expected one", names.join(", "))]
    Missing {
        /// One of these fields must be there.
        names: &'static [&'static str],
    },
    /// Fields that exclude each other.
    #[error("bundle: got both {first} and {second}, expected one of them")]
    Ambiguous {
        /// One field.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A field under both of the names that it may have.
    #[error("bundle: {path:?} is there under two names")]
    TwoNames {
        /// Where, under the second of them.
        path: String,
    },
    /// A field of the wrong JSON type.
    #[error("bundle: {path}: expected {expected}")]
    FieldType {
        /// Where.
        path: String,
        /// The expected type.
        expected: &'static str,
    },
    /// Not base64 of one alphabet (RFC 4648, 4 or 5) and nothing else.
    #[error("bundle: {path}: not base64")]
    Base64 {
        /// Where.
        path: String,
    },
    /// A list longer than any honest bundle's.
    #[error("bundle: {path}: got {got} items, expected at most {limit}")]
    TooMany {
        /// Where.
        path: String,
        /// How many there are.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The number of signatures in the envelope is not one.
    #[error("bundle: got {got} signatures, expected exactly one")]
    SignatureCount {
        /// How many there are.
        got: usize,
    },
    /// The fields are there, but their values are not what the specification says.
    #[error("bundle: {source}")]
    BundleContent {
        /// What is wrong.
        source: serde_json::Error,
    },

    /// No key to verify with.
    #[error("no public key was given to verify with")]
    NoKeys,
    /// The bundle was signed in another way than the caller trusts.
    #[error("bundle signed with {got}, expected {expected}")]
    WrongMaterial {
        /// What the bundle contains.
        got: &'static str,
        /// What the caller trusts.
        expected: &'static str,
    },
    /// The bundle signs a message, not a statement about an artifact.
    #[error("bundle with a message signature, expected a DSSE envelope with a statement")]
    NotAStatement,
    /// The envelope's payload is of another type.
    #[error("payload type {got:?}, expected \"application/vnd.in-toto+json\"")]
    PayloadType {
        /// The payload type found.
        got: String,
    },
    /// The signature does not verify with any of the keys.
    #[error("the signature does not verify with {}", listed(tried))]
    Rejected {
        /// The keys that were tried.
        tried: Vec<KeyId>,
        /// The key that the bundle says it was signed with. Not signed, so only good for a hint.
        claimed: Option<KeyId>,
    },

    /// A step of the verification failed.
    #[error("{step}: got {got}, expected {expected}")]
    Step {
        /// Which one.
        step: Step,
        /// What it found.
        got: String,
        /// What it needs.
        expected: String,
    },
    /// There is no trusted root to verify a certificate, a log entry or a timestamp.
    #[error("a trusted root is needed to verify this, but there is none")]
    NoTrustedRoot,
    /// No identity is trusted.
    #[error("no identity to verify with")]
    NoIdentities,
    /// The bundle signs a statement, not a message.
    #[error("bundle with a statement, expected a signature over the file itself")]
    NotAMessage,
    /// Not a trusted root, or one with a key or certificate that cannot be used.
    #[error("trusted root: {problem}")]
    TrustedRoot {
        /// What is wrong with it.
        problem: String,
    },
    /// Not a regular expression, or one that is too large.
    #[error("pattern {pattern:?}: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not the name of a certificate's claim.
    #[error(
        "got claim {got:?}, expected one of source-repository, source-ref, build-config, build-trigger, \
             runner-environment and others"
    )]
    UnknownClaim {
        /// The name found.
        got: String,
    },
    /// Neither a short name nor a URI.
    #[error("got predicate type {got:?}, expected a URI or one of {}", crate::PredicateType::names().collect::<Vec<_>>().join(", "))]
    PredicateName {
        /// What was given.
        got: String,
    },
    /// The file's size is wrong for a signature.
    #[error("detached signature: got {got} bytes, expected a signature or its base64")]
    DetachedSignature {
        /// Its size.
        got: usize,
    },
    /// Reading the artifact failed.
    #[error("reading the artifact: {source}")]
    Artifact {
        /// Why.
        source: std::io::Error,
    },
    /// The first subject of the statement has no usable digest.
    #[error("signed statement: the first subject has no SHA-256 or SHA-512")]
    StatementDigest,

    /// The signed payload is not strict JSON.
    #[error("signed statement: {source}")]
    StatementJson {
        /// Where and why.
        source: json::Error,
    },
    /// The signed payload is not an in-toto statement of a known version.
    #[error(
        "signed statement: got _type {got:?}, expected \"https://in-toto.io/Statement/v1\" or \"…/v0.1\""
    )]
    StatementType {
        /// The type found.
        got: String,
    },
    /// A statement without subjects, or with too many.
    #[error("signed statement: got {got} subjects, expected 1 to {limit}")]
    SubjectCount {
        /// How many there are.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A subject without a digest, with too many, or with one that does not fit its algorithm.
    #[error("signed statement: subject {index}: {problem}")]
    SubjectDigest {
        /// Position of the subject, from 0.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The statement has no predicate type.
    #[error("signed statement: empty predicateType")]
    NoPredicateType,
    /// The predicate does not have the form of its type.
    #[error("{predicate_type}: {path}: {problem}")]
    Predicate {
        /// The type.
        predicate_type: String,
        /// Where: `predicate.runDetails.builder.id`.
        path: String,
        /// What was found there, and what is expected.
        problem: String,
    },
    /// Not a provenance of a supported version.
    #[error(
        "provenance: got predicate type {got:?}, expected \"https://slsa.dev/provenance/v1\", \"…/v0.2\", npm's publish/v0.1 or PyPI's publish/v1"
    )]
    NotProvenance {
        /// The predicate type found.
        got: String,
    },
    /// A file without attestations in a supported form.
    #[error("attestations: {path}: {problem}")]
    Attestations {
        /// Where: `attestations[2].bundle`, `line 3`.
        path: String,
        /// What is wrong there.
        problem: String,
    },
    /// Not the address of a repository, or an ambiguous one.
    #[error("repository {got:?}: {problem}")]
    Repository {
        /// The address.
        got: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An expectation about a provenance, or an input of one, that cannot be read.
    #[error("{what} {got:?}: expected {expected}")]
    ProvenanceInput {
        /// Which one: `material`, `level`.
        what: &'static str,
        /// What was given.
        got: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Error {
    pub(crate) fn step(step: Step, got: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self::Step { step, got: got.to_string(), expected: expected.to_string() }
    }

    /// The step of the verification that failed, if one did.
    pub fn failed_step(&self) -> Option<Step> {
        match self {
            Self::Step { step, .. } => Some(*step),
            Self::WrongMaterial { .. } => Some(Step::Material),
            Self::NotAStatement | Self::NotAMessage | Self::PayloadType { .. } => Some(Step::Content),
            Self::Rejected { .. } => Some(Step::Signature),
            Self::StatementJson { .. }
            | Self::StatementType { .. }
            | Self::StatementDigest
            | Self::SubjectCount { .. }
            | Self::SubjectDigest { .. }
            | Self::Predicate { .. }
            | Self::NotProvenance { .. }
            | Self::NoPredicateType => Some(Step::Statement),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotPublicKeyPem { .. }
            | Self::UnusableKey { .. }
            | Self::NoKeys
            | Self::NoIdentities
            | Self::NoTrustedRoot
            | Self::TrustedRoot { .. }
            | Self::Pattern { .. }
            | Self::PredicateName { .. }
            | Self::Repository { .. }
            | Self::ProvenanceInput { .. }
            | Self::UnknownClaim { .. } => Kind::Usage,
            Self::Artifact { .. }
            | Self::Limit(_)
            | Self::BundleJson { .. }
            | Self::BundleVersion { .. }
            | Self::UnknownField { .. }
            | Self::Missing { .. }
            | Self::Ambiguous { .. }
            | Self::TwoNames { .. }
            | Self::FieldType { .. }
            | Self::Base64 { .. }
            | Self::TooMany { .. }
            | Self::SignatureCount { .. }
            | Self::Attestations { .. }
            | Self::DetachedSignature { .. }
            | Self::BundleContent { .. } => Kind::Failed,
            Self::WrongMaterial { .. }
            | Self::Step { .. }
            | Self::StatementDigest
            | Self::NotAMessage
            | Self::NotAStatement
            | Self::PayloadType { .. }
            | Self::Rejected { .. }
            | Self::StatementJson { .. }
            | Self::StatementType { .. }
            | Self::SubjectCount { .. }
            | Self::SubjectDigest { .. }
            | Self::Predicate { .. }
            | Self::NotProvenance { .. }
            | Self::NoPredicateType => Kind::Denied,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotPublicKeyPem { got } if got.contains("PRIVATE KEY") => {
                Some("this is a private key; take the public half: plimsoll key public FILE".into())
            }
            Self::WrongMaterial { got: "a certificate", .. } => {
                Some("it was signed without a key; name the identity and a trusted root instead".into())
            }
            Self::NoTrustedRoot => {
                Some("name one with --trusted-root, or get one: plimsoll trust update".into())
            }
            Self::UnknownClaim { got } => Claim::ALL
                .iter()
                .find(|claim| claim.name().contains(got.as_str()) && !got.is_empty())
                .map(|claim| format!("did you mean {claim}?")),
            Self::NotAStatement => Some("to verify a file: plimsoll verify-blob".into()),
            Self::NotAMessage => {
                Some("to verify an attestation of a file: plimsoll verify-blob-attestation".into())
            }
            Self::ProvenanceInput { what: "builder", .. } => {
                Some("outside of a build environment that provides it, name it: --builder-id URI".into())
            }
            Self::Step { step, .. } => step.hint().map(ToOwned::to_owned),
            Self::Rejected { tried, claimed: Some(claimed), .. } if !tried.contains(claimed) => {
                Some(format!("the bundle says that it was signed with key {claimed}"))
            }
            Self::Rejected { claimed: Some(_), .. } => Some(
                "the bundle names this key: it was changed after signing, or somebody else signed it".into(),
            ),
            _ => None,
        }
    }
}

/// Refuses input longer than this limit before any work is spent on it.
pub(crate) fn within(
    bytes: &[u8],
    what: &str,
    (name, limit): (&'static str, u64),
) -> Result<(), LimitExceeded> {
    if bytes.len() as u64 <= limit {
        return Ok(());
    }
    Err(LimitExceeded::new(name, limit, format!("{what} of {} bytes", bytes.len())))
}

/// Cuts foreign text for a message: 96 characters are enough, and a bundle may be one long string.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 96;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// `key 0123…`, `any of 2 keys (0123…, 4567…)`.
fn listed(keys: &[KeyId]) -> String {
    if let [only] = keys {
        return format!("key {only}");
    }
    let all: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!("any of {} ({})", quantity::count(keys.len(), "key"), all.join(", "))
}

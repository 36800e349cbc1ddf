//! The steps of verification, by name: what each found, and which one failed.

use std::fmt;

use serde::Serialize;

/// A step of [`verify`](fn@crate::verify), in the order of its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// 1. The bundle was signed in the way that the caller trusts.
    Material,
    /// 2. It signs what the caller asked about: a statement or a message.
    Content,
    /// 3. Each signed timestamp covers this very signature, by a trusted authority in its time.
    Timestamp,
    /// 4. Each promise of a log is valid under a trusted log's key.
    LogPromise,
    /// 5. Somebody other than the signer vouches for a signing time.
    SigningTime,
    /// 6. The whole certificate chain leads to a trusted authority and was valid at every signing time.
    Chain,
    /// 7. The certificate is in a trusted certificate log.
    CertificateLog,
    /// 8. Each log entry is included under a checkpoint that a trusted log signed.
    LogInclusion,
    /// 9. Enough distinct logs contain it.
    LogThreshold,
    /// 10. The signature is valid.
    Signature,
    /// 11. Each log entry, rebuilt from the bundle, is byte for byte the logged one.
    LogEntry,
    /// 12. The signed payload is a statement.
    Statement,
    /// 13. The statement or message is about this artifact.
    Artifact,
    /// 14. The caller trusts the signer.
    Identity,
}

impl Step {
    /// Its number in the documentation of [`verify`](fn@crate::verify).
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Its short title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Material => "verification material",
            Self::Content => "signed content",
            Self::Timestamp => "signed timestamps",
            Self::LogPromise => "promise of the log",
            Self::SigningTime => "signing time",
            Self::Chain => "certificate chain",
            Self::CertificateLog => "certificate log",
            Self::LogInclusion => "inclusion in the log",
            Self::LogThreshold => "distinct logs",
            Self::Signature => "signature",
            Self::LogEntry => "log entry",
            Self::Statement => "statement",
            Self::Artifact => "artifact",
            Self::Identity => "identity",
        }
    }

    /// What it protects against.
    pub fn guards(self) -> &'static str {
        match self {
            Self::Material => "a key where a certificate is trusted, or vice versa",
            Self::Content => "a file's signature taken for a statement, or another protocol's for in-toto's",
            Self::Timestamp => "a timestamp of another signature, or by an unknown authority",
            Self::LogPromise => "a time of entry that the log never promised",
            Self::SigningTime => "a signing time that only the signer states",
            Self::Chain => {
                "a certificate of another authority, or one used outside its own or its issuer's validity"
            }
            Self::CertificateLog => "a certificate that was issued in secret",
            Self::LogInclusion => "an entry that is not in the log",
            Self::LogThreshold => "one log counted twice",
            Self::Signature => "a changed payload, or another signer",
            Self::LogEntry => "a log entry of another signature",
            Self::Statement => "a payload that two readers read differently",
            Self::Artifact => "a true statement about another artifact",
            Self::Identity => "a valid signature by the wrong signer",
        }
    }
}

impl Step {
    /// What to do if it fails.
    pub(crate) fn hint(self) -> Option<&'static str> {
        match self {
            Self::Chain => Some(
                "it was made with another Sigstore instance, or its authority is not in the trusted root",
            ),
            Self::LogInclusion => Some("if there is no log, use --insecure-ignore-tlog"),
            Self::SigningTime => Some("sign again with a timestamp authority or a log that gives the time"),
            Self::Identity => {
                Some("compare the signer with the trusted identity; a pattern must match the whole text")
            }
            Self::Artifact => Some("the bundle belongs to another artifact, or the artifact was changed"),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} ({})", self.number(), self.title())
    }
}

/// What a step found when it passed, or why it was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The step.
    pub step: Step,
    /// Whether it passed; `false` if it was skipped because the caller allowed it or there was nothing to check.
    pub checked: bool,
    /// What it found, in words.
    pub saw: String,
}

//! Who may have signed with a certificate: issuer, subject and claims, each matched over its whole text.
//!
//! An [`Identity`] always has an issuer: a subject means nothing without the authority that vouches for it (the second
//! part of CVE-2022-36056).

mod certificate;

use std::collections::BTreeMap;
use std::fmt;

use regex_lite::Regex;
use serde::Serialize;

use crate::Error;
use crate::error::excerpt;

/// A signer whom the caller trusts.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The OIDC issuer, such as `https://token.actions.githubusercontent.com`.
    pub issuer: Text,
    /// The subject alternative name: an e-mail address or a URI.
    pub subject: Text,
    /// Claims of the certificate that must match as well. A claim that the certificate lacks does not match.
    pub claims: Vec<(Claim, Text)>,
}

/// A text, or a pattern for the whole of it.
#[derive(Debug, Clone)]
pub enum Text {
    /// This text.
    Exact(String),
    /// A text that the pattern matches from its first character to its last.
    Pattern(Pattern),
}

/// A regular expression that matches whole texts only.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    whole: Regex,
}

impl Pattern {
    /// Compiles `source`. An anchor in it is allowed and changes nothing.
    pub fn new(source: &str) -> Result<Self, Error> {
        /// Long enough for any identity; the matcher's time is linear in pattern times text.
        const MOST: usize = 4096;
        let wrong = |problem: String| Error::Pattern { pattern: excerpt(source), problem };
        if source.len() > MOST {
            return Err(wrong(format!("{} bytes, expected at most {MOST}", source.len())));
        }
        // Compiled by itself first: the group around it must not repair a broken pattern such as `a)|(b`.
        Regex::new(source).map_err(|error| wrong(error.to_string()))?;
        let whole = Regex::new(&format!(r"\A(?:{source})\z")).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { source: source.to_owned(), whole })
    }

    /// The pattern as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Text {
    /// Whether `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Pattern(pattern) => pattern.whole.is_match(text),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Pattern(pattern) => write!(f, "a match of /{}/", pattern.source),
        }
    }
}

/// A claim about the workload that a certificate was issued to: extensions 1.3.6.1.4.1.57264.1.9 to .1.24 of Fulcio's
/// certificates, and .1.4, a workflow's name, which has no successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Claim {
    /// The build configuration that signed, with its ref: .1.9.
    BuildSignerUri,
    /// Its commit: .1.10.
    BuildSignerDigest,
    /// `github-hosted` or `self-hosted`: .1.11.
    RunnerEnvironment,
    /// The repository that was built: .1.12.
    SourceRepository,
    /// Its commit: .1.13.
    SourceDigest,
    /// Its ref, such as `refs/heads/main`: .1.14.
    SourceRef,
    /// The provider's permanent ID of the repository: .1.15.
    SourceRepositoryId,
    /// The repository's owner: .1.16.
    SourceOwner,
    /// The provider's permanent ID of the owner: .1.17.
    SourceOwnerId,
    /// The build configuration that ran, such as a workflow file: .1.18.
    BuildConfig,
    /// Its commit: .1.19.
    BuildConfigDigest,
    /// The event, such as `push` or `release`: .1.20.
    BuildTrigger,
    /// The run: .1.21.
    RunInvocation,
    /// `public`, `private` or `internal`: .1.22.
    SourceVisibility,
    /// The deployment environment: .1.23.
    DeploymentEnvironment,
    /// The raw `sub` of the token: .1.24.
    TokenSubject,
    /// The name of a GitHub workflow: .1.4.
    WorkflowName,
}

impl Claim {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::BuildSignerUri,
        Self::BuildSignerDigest,
        Self::RunnerEnvironment,
        Self::SourceRepository,
        Self::SourceDigest,
        Self::SourceRef,
        Self::SourceRepositoryId,
        Self::SourceOwner,
        Self::SourceOwnerId,
        Self::BuildConfig,
        Self::BuildConfigDigest,
        Self::BuildTrigger,
        Self::RunInvocation,
        Self::SourceVisibility,
        Self::DeploymentEnvironment,
        Self::TokenSubject,
        Self::WorkflowName,
    ];

    /// Its name, as flags and policies write it: `source-repository`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildSignerUri => "build-signer-uri",
            Self::BuildSignerDigest => "build-signer-digest",
            Self::RunnerEnvironment => "runner-environment",
            Self::SourceRepository => "source-repository",
            Self::SourceDigest => "source-digest",
            Self::SourceRef => "source-ref",
            Self::SourceRepositoryId => "source-repository-id",
            Self::SourceOwner => "source-owner",
            Self::SourceOwnerId => "source-owner-id",
            Self::BuildConfig => "build-config",
            Self::BuildConfigDigest => "build-config-digest",
            Self::BuildTrigger => "build-trigger",
            Self::RunInvocation => "run-invocation",
            Self::SourceVisibility => "source-visibility",
            Self::DeploymentEnvironment => "deployment-environment",
            Self::TokenSubject => "token-subject",
            Self::WorkflowName => "workflow-name",
        }
    }
}

impl std::str::FromStr for Claim {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|claim| claim.name() == name)
            .ok_or_else(|| Error::UnknownClaim { got: excerpt(name) })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The identity that a certificate was issued to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateIdentity {
    /// The OIDC issuer that vouched for the subject.
    pub issuer: String,
    /// The subject alternative name: an e-mail address, a URI or a user name.
    pub subject: String,
    /// The certificate's claims.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<Claim, String>,
}

impl fmt::Display for CertificateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (issuer {})", self.subject, self.issuer)
    }
}

/// Why an identity does not match: what differs, what the certificate says, what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) got: String,
    pub(crate) expected: String,
}

impl Identity {
    /// Whether this certificate's holder matches.
    pub fn is(&self, certificate: &CertificateIdentity) -> bool {
        self.difference(certificate).is_none()
    }

    /// The first part of the certificate that does not match.
    pub(crate) fn difference(&self, certificate: &CertificateIdentity) -> Option<Difference> {
        let differs = |what: &str, got: &str, expected: &Text| {
            Some(Difference {
                got: format!("{what} {:?}", excerpt(got)),
                expected: excerpt(&expected.to_string()),
            })
        };
        if !self.issuer.matches(&certificate.issuer) {
            return differs("issuer", &certificate.issuer, &self.issuer);
        }
        if !self.subject.matches(&certificate.subject) {
            return differs("subject", &certificate.subject, &self.subject);
        }
        self.claims.iter().find_map(|(claim, expected)| match certificate.claims.get(claim) {
            Some(got) if expected.matches(got) => None,
            Some(got) => differs(claim.name(), got, expected),
            None => Some(Difference {
                got: format!("no {claim} in the certificate"),
                expected: excerpt(&expected.to_string()),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> CertificateIdentity {
        CertificateIdentity {
            issuer: "https://issuer.example".into(),
            subject: "https://ci.example/team/app/.ci/release.yml@refs/heads/main".into(),
            claims: [(Claim::SourceRef, "refs/heads/main".to_owned())].into(),
        }
    }

    fn identity(subject: Text) -> Identity {
        Identity { issuer: Text::Exact("https://issuer.example".into()), subject, claims: Vec::new() }
    }

    fn pattern(source: &str) -> Text {
        Text::Pattern(Pattern::new(source).unwrap())
    }

    /// S09: a pattern that fits only a part of the subject does not fit.
    #[test]
    fn s09_patterns_match_the_whole_text() {
        for (source, fits) in [
            (r"https://ci\.example/team/.*", true),
            (r"^https://ci\.example/team/.*$", true),
            (r"https://ci\.example/team/", false),
            (r"team/app", false),
            (r".*@refs/heads/mai", false),
            (r"https://CI\.example/.*", false),
            (r"x|https://ci\.example/.*", true),
            (r"https|ci", false),
            (r"(?m)^https://.*$", true),
        ] {
            assert_eq!(identity(pattern(source)).is(&certificate()), fits, "{source}");
        }
        // A line end in the subject must not let a part match for the whole.
        let mut two_lines = certificate();
        two_lines.subject = "https://evil.example\nhttps://ci.example/team/app".into();
        assert!(!identity(pattern(r"(?m)^https://ci\.example/team/.*$")).is(&two_lines));
    }

    #[test]
    fn anchoring_does_not_complete_a_broken_pattern() {
        for source in ["a)|(b", "(", "[", "a{2", "(?x)a # the end", &"a".repeat(5000)] {
            assert!(
                Pattern::new(source).is_err() || source.starts_with("a{"),
                "{source} was taken for a pattern"
            );
        }
    }

    /// S10: a subject counts only with its issuer.
    #[test]
    fn s10_issuer_subject_and_claims_all_have_to_match() {
        let subject = Text::Exact(certificate().subject);
        assert!(identity(subject.clone()).is(&certificate()));
        let mut other_issuer = identity(subject.clone());
        other_issuer.issuer = Text::Exact("https://issuer.example/".into());
        assert!(!other_issuer.is(&certificate()));

        let with = |claim, text: &str| Identity {
            claims: vec![(claim, Text::Exact(text.into()))],
            ..identity(subject.clone())
        };
        assert!(with(Claim::SourceRef, "refs/heads/main").is(&certificate()));
        assert!(!with(Claim::SourceRef, "refs/heads/dev").is(&certificate()));
        let missing = with(Claim::RunnerEnvironment, "github-hosted").difference(&certificate()).unwrap();
        assert!(missing.got.contains("no runner-environment"), "{missing:?}");
    }

    #[test]
    fn every_claim_has_a_name_of_its_own_that_reads_back() {
        for claim in Claim::ALL {
            assert_eq!(claim.name().parse::<Claim>().unwrap(), claim);
            assert_eq!(serde_json::to_value(claim).unwrap(), claim.name());
        }
        assert!("source".parse::<Claim>().is_err());
    }
}

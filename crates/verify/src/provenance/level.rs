//! Levels of SLSA's build track, and which one a provenance shows.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Provenance, Repository};
use crate::error::excerpt;
use crate::{CertificateIdentity, Claim, Error};

/// The issuer of certificates for GitHub's workflows.
pub(super) const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// What comes between a repository of GitHub's and the name of a workflow.
pub(super) const WORKFLOWS: &str = "/.github/workflows/";

/// A level of SLSA's build track, 0 to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// No valid claim.
    pub const NONE: Self = Self(0);
    /// There is a provenance.
    pub const PROVENANCE: Self = Self(1);
    /// A hosted platform signed it.
    pub const HOSTED: Self = Self(2);
    /// The build itself could not have forged it.
    pub const HARDENED: Self = Self(3);

    /// As a number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("SLSA_BUILD_LEVEL_").unwrap_or(text) {
            "0" => Ok(Self::NONE),
            "1" => Ok(Self::PROVENANCE),
            "2" => Ok(Self::HOSTED),
            "3" => Ok(Self::HARDENED),
            _ => Err(Error::ProvenanceInput { what: "level", got: excerpt(text), expected: "0, 1, 2 or 3" }),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

/// The level that a provenance shows: 1 if it says who built what and how; 2 if a hosted platform's certificate says
/// that its workload signed, and agrees; 3 if that workload is a workflow of another repository, run on the platform's
/// own machines, so that the build could not write its own provenance. The caller's knowledge about builders comes on
/// top.
pub(super) fn level(
    provenance: &Provenance,
    certificate: Option<&CertificateIdentity>,
    builders: &[(String, Level)],
    holds: bool,
) -> Level {
    let Some(builder) = provenance.builder.as_deref().filter(|_| provenance.form.is_slsa() && holds) else {
        return Level::NONE;
    };
    let known = builders.iter().find(|(id, _)| id == builder).map_or(Level::PROVENANCE, |(_, level)| *level);
    let environment = certificate.and_then(|certificate| certificate.claims.get(&Claim::RunnerEnvironment));
    // Whatever is known of the builder, this build ran on a machine of somebody's own.
    if environment.is_some_and(|environment| environment == "self-hosted") {
        return Level::PROVENANCE;
    }
    known.max(certificate.map_or(Level::PROVENANCE, hosted))
}

fn hosted(certificate: &CertificateIdentity) -> Level {
    let claim = |claim| certificate.claims.get(&claim).map(String::as_str);
    // Only some certificates say whose machine it was; a self-hosted machine is not a hosted platform.
    let hosted = matches!(
        claim(Claim::RunnerEnvironment),
        Some("github-hosted" | "gitlab-hosted" | "buildkite-hosted")
    );
    if !hosted || claim(Claim::RunInvocation).is_none() {
        return Level::PROVENANCE;
    }
    let (Some(signer), Some(source), GITHUB) =
        (claim(Claim::BuildSignerUri), claim(Claim::SourceRepository), certificate.issuer.as_str())
    else {
        return Level::HOSTED;
    };
    let signer =
        signer.split_once(WORKFLOWS).and_then(|(repository, _)| repository.parse::<Repository>().ok());
    match (signer, source.parse::<Repository>()) {
        // Another repository, whatever the case and the end of its address.
        (Some(signer), Ok(source)) if !signer.is(&source) => Level::HARDENED,
        _ => Level::HOSTED,
    }
}

//! How an artifact was built, according to its builder, and whether that is as expected.
//!
//! Owns reading of provenances (SLSA v0.2 and v1, npm's and PyPI's publish attestations), the expectations about them,
//! and the files in which build systems and package indexes publish attestations. A certificate takes precedence over
//! the signed predicate: if the two differ, the provenance is about another build and does not count. Follows "SLSA
//! v1.0, Provenance" and "Verifying artifacts".
//!
//! - [`Provenance::read`]: the provenance in a statement, in one form.
//! - [`examine()`]: compares a verified statement with what is [`Expected`], finding by finding.
//! - [`bundles`]: the bundles in a file.
//! - [`Build`]: a provenance to write.
//!
//! It does not verify signatures: [`examine()`] takes the result of [`verify`](fn@crate::verify).

mod examine;
mod files;
mod finding;
mod level;
mod material;
mod parameters;
mod read;
mod repository;
mod write;

use plimsoll_core::{Digest, Limits, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Statement};

pub use examine::{ExaminedProvenance, Expected, Origin, examine};
pub use files::{FileBundle, Publisher, bundles};
pub use finding::{Aspect, Finding};
pub use level::Level;
pub use material::{Material, RequiredMaterial};
pub use repository::Repository;
pub use write::{Build, CI_BUILD_TYPE};

/// The supported forms. Another version is another form, which may give the same names another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Form {
    /// `https://slsa.dev/provenance/v0.2`.
    #[serde(rename = "slsa-v0.2")]
    SlsaV0_2,
    /// `https://slsa.dev/provenance/v1`.
    SlsaV1,
    /// npm's publish v0.1: who published which version in which registry. It says nothing about a build.
    NpmPublish,
    /// PyPI's publish v1: the signer uploaded the file. It says nothing about a build.
    PypiPublish,
}

impl Form {
    /// The form of this predicate type. Only the whole URI counts.
    pub fn from_predicate_type(predicate_type: &str) -> Option<Self> {
        Some(match predicate_type {
            "https://slsa.dev/provenance/v0.2" => Self::SlsaV0_2,
            "https://slsa.dev/provenance/v1" => Self::SlsaV1,
            "https://github.com/npm/attestation/tree/main/specs/publish/v0.1" => Self::NpmPublish,
            "https://docs.pypi.org/attestations/publish/v1" => Self::PypiPublish,
            _ => return None,
        })
    }

    /// Whether it describes a build.
    pub fn is_slsa(self) -> bool {
        matches!(self, Self::SlsaV0_2 | Self::SlsaV1)
    }
}

/// The content of a provenance. Each part is as written, and `None` if it is missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// Its form.
    pub form: Form,
    /// Who ran the build: a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The build type, which defines the parameters: a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_type: Option<String>,
    /// What was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The build configuration, within the source: `.github/workflows/release.yml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The event that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// `github-hosted` or `self-hosted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    #[serde(skip)]
    pub(crate) repository_id: Option<String>,
    #[serde(skip)]
    pub(crate) owner_id: Option<String>,
    /// The external parameters, which somebody outside the builder could choose.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// The inputs of the build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub materials: Vec<Material>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// When it started, by the builder's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended, by the builder's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
}

/// A state of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The repository.
    pub repository: Repository,
    /// The ref as a whole: `refs/heads/main`, `refs/tags/v1`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// The digest in an entry of subresource integrity: `sha512` and standard base64.
pub fn digest_of_integrity(algorithm: &str, encoded: &str) -> Option<Digest> {
    use std::fmt::Write as _;

    use base64::Engine as _;

    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let mut text = format!("{algorithm}:");
    for byte in bytes {
        write!(text, "{byte:02x}").ok()?;
    }
    Digest::parse_any(&text).ok()
}

impl Provenance {
    /// Reads how the subjects of `statement` were built. An unknown type or version, or a predicate without the form of
    /// its type, is an error.
    pub fn read(statement: &Statement, limits: &Limits) -> Result<Self, Error> {
        read::read(statement, limits)
    }

    fn empty(form: Form) -> Self {
        Self {
            form,
            builder: None,
            build_type: None,
            source: None,
            config: None,
            trigger: None,
            runner: None,
            repository_id: None,
            owner_id: None,
            parameters: Map::new(),
            materials: Vec::new(),
            invocation: None,
            started: None,
            finished: None,
        }
    }
}

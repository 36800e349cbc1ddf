//! The aspects of an examination, and its findings.

use std::fmt;

use serde::Serialize;

/// The compared aspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Aspect {
    /// The provenance agrees with the certificate.
    Certificate,
    /// The subject's name.
    SubjectName,
    /// Who ran the build.
    Builder,
    /// The build type.
    BuildType,
    /// The repository.
    SourceRepository,
    /// The ref.
    SourceRef,
    /// The commit.
    SourceDigest,
    /// The build configuration.
    BuildConfig,
    /// An external parameter.
    Parameter,
    /// An input of the build.
    Material,
    /// The level.
    Level,
}

impl Aspect {
    /// Its name: `source-ref`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::SubjectName => "subject-name",
            Self::Builder => "builder",
            Self::BuildType => "build-type",
            Self::SourceRepository => "source-repository",
            Self::SourceRef => "source-ref",
            Self::SourceDigest => "source-digest",
            Self::BuildConfig => "build-config",
            Self::Parameter => "parameter",
            Self::Material => "material",
            Self::Level => "level",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The result of one comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The compared aspect.
    pub aspect: Aspect,
    /// Which one, if there are several: the claim, the parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Whether it is as expected.
    pub holds: bool,
    /// What the provenance says, shortened for display.
    pub got: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.aspect)?;
        if let Some(of) = &self.of {
            write!(f, " {of}")?;
        }
        write!(f, ": got {}, expected {}", self.got, self.expected)
    }
}

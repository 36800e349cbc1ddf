//! What an examination looks at, and what it finds.

use std::fmt;

use serde::Serialize;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Aspect {
    /// The provenance says what the certificate says.
    Certificate,
    /// The subject's name.
    SubjectName,
    /// Who ran the build.
    Builder,
    /// What the parameters mean.
    BuildType,
    /// The repository.
    SourceRepository,
    /// The ref.
    SourceRef,
    /// The commit.
    SourceDigest,
    /// The file that says how to build.
    BuildConfig,
    /// An external parameter.
    Parameter,
    /// Something that went in.
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

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub aspect: Aspect,
    /// Which one, where there are several: the claim, the parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Whether it is as expected.
    pub holds: bool,
    /// What the provenance says; cut to a length that can be shown.
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

//! What could not be determined about an artifact: stable codes, with a severity by what the problem can hide.
//!
//! The severity depends on what a file is and where it is, never on how it is broken: otherwise, whoever breaks a file
//! could choose the effect.

use std::fmt;

use plimsoll_core::{Purl, text};
use serde::{Deserialize, Serialize};

/// The most files that one problem names.
pub(crate) const MAX_FILES: usize = 256;

/// What a problem can hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemSeverity {
    /// Nothing that belongs to the artifact: it is reported, and has no other effect.
    Noted,
    /// Components may be missing because of it, so that "nothing found" means nothing.
    Missing,
}

impl fmt::Display for ProblemSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Noted => "noted",
            Self::Missing => "missing",
        })
    }
}

/// Something that could not be determined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Problem {
    /// What kind it is.
    pub code: ProblemCode,
    /// The file that it is about, relative to the root. Empty if it is about the whole.
    pub path: String,
    /// The details, for people. Contains foreign text.
    pub detail: String,
    /// What it can hide.
    pub severity: ProblemSeverity,
    /// All files that it is about, if it can be about several. Empty if there are too many to name, see `MAX_FILES`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The ecosystem whose packages it is about, if it is about one: `npm`, `Maven`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<String>,
    /// The operating system's package that owns the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Purl>,
}

/// A problem as documents contain it. Older versions stated no severity.
#[derive(Deserialize)]
struct Written {
    code: ProblemCode,
    path: String,
    detail: String,
    severity: Option<ProblemSeverity>,
    #[serde(default)]
    files: Vec<String>,
    ecosystem: Option<String>,
    owner: Option<Purl>,
}

impl From<Written> for Problem {
    fn from(written: Written) -> Self {
        let Written { code, path, detail, severity, files, ecosystem, owner } = written;
        let severity = severity.map_or(code.severity(), |stated| stated.max(code.least_severity()));
        Self { code, path, detail, severity, files, ecosystem, owner }
    }
}

impl Problem {
    /// A problem with the file at `path`, or with the whole if that is empty, with the usual severity of its code.
    pub fn new(code: ProblemCode, path: impl Into<String>, detail: impl Into<String>) -> Self {
        let (path, detail, severity) = (path.into(), detail.into(), code.severity());
        Self { code, path, detail, severity, files: Vec::new(), ecosystem: None, owner: None }
    }

    /// Whether it is about single files, all of them at paths for which `is_meant` is true. A problem with the
    /// operating system's packages, or with the whole, is at no path.
    pub fn is_only_at(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        match self.code {
            ProblemCode::NotRead | ProblemCode::UnreadableFile => {
                !self.files.is_empty() && self.files.iter().all(|path| is_meant(path))
            }
            ProblemCode::FileTooLarge
            | ProblemCode::UnparsableMetadata
            | ProblemCode::MetadataDisagrees
            | ProblemCode::Vendored => !self.path.is_empty() && is_meant(&self.path),
            _ => false,
        }
    }

    /// Whether components may be missing because of it.
    pub fn hides_components(&self) -> bool {
        self.severity == ProblemSeverity::Missing
    }

    /// The problem that one of Plimsoll's documents states as JSON. One that cannot be read is not dropped: it may come
    /// from a newer version with more codes.
    pub(crate) fn from_document(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| {
            let detail = format!("states a problem of an unknown kind: {}", text::shortened(json));
            Self::new(ProblemCode::UnparsableMetadata, "", detail)
        })
    }

    /// What it is about, in words: `npm (2 package.json): not read yet`.
    pub fn words(&self) -> String {
        let Self { code, detail, ecosystem, owner, .. } = self;
        let Some(ecosystem) = ecosystem else { return detail.clone() };
        match (code, owner) {
            (ProblemCode::SetAside, Some(owner)) => format!("{ecosystem} ({detail}): part of {owner}"),
            (ProblemCode::SetAside, None) => {
                format!("{ecosystem} ({detail}): part of the operating system's packages")
            }
            _ => format!("{ecosystem} ({detail}): not read yet"),
        }
    }
}

/// Kinds of [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// The operating system should have a package database, but it is missing or empty.
    OsInventoryMissing,
    /// The package database cannot be read in full.
    OsInventoryBroken,
    /// The operating system is unknown, or its package database is of a kind that is not read.
    UnknownOs,
    /// The image contains no trace of an operating system, as one made from `scratch` for a single program.
    NoOs,
    /// A file is larger than what is read of its kind.
    FileTooLarge,
    /// A file could not be read.
    UnreadableFile,
    /// A package's metadata lacks a name or version.
    UnparsableMetadata,
    /// A package's metadata disagrees with the name of its directory, or with its files.
    MetadataDisagrees,
    /// A package is unpacked but its installation was not completed.
    PackageNotConfigured,
    /// A component contains copies of others that cannot be identified.
    Vendored,
    /// Components of a document have no package URL, so they cannot be looked up.
    MissingPurl,
    /// Components of a document have an invalid package URL.
    InvalidPurl,
    /// Components of a document have no version.
    MissingVersion,
    /// The subject is of a kind that cannot be examined.
    NotCataloged,
    /// The image is missing completely or in part, so it was not examined.
    ImageAbsent,
    /// Files show packages of an ecosystem, and no cataloger reads such files yet. The path is one of them.
    NotRead,
    /// Files that no cataloger reads, but that a package of the operating system owns: its advisories cover them.
    SetAside,
    /// A cataloger was switched off, so that its packages were not searched for.
    SwitchedOff,
    /// A file is not in the inventory of files, only some runtimes show it, or its owner is not known.
    FileNotListed,
    /// A layer was read by its table of contents, and its own digest was not computed: the layer may contain other
    /// files.
    LayerDigestNotComputed,
}

impl ProblemCode {
    /// Every code.
    pub const ALL: [Self; 20] = [
        Self::OsInventoryMissing,
        Self::OsInventoryBroken,
        Self::UnknownOs,
        Self::NoOs,
        Self::FileTooLarge,
        Self::UnreadableFile,
        Self::UnparsableMetadata,
        Self::MetadataDisagrees,
        Self::PackageNotConfigured,
        Self::Vendored,
        Self::MissingPurl,
        Self::InvalidPurl,
        Self::MissingVersion,
        Self::NotCataloged,
        Self::ImageAbsent,
        Self::NotRead,
        Self::SetAside,
        Self::SwitchedOff,
        Self::FileNotListed,
        Self::LayerDigestNotComputed,
    ];

    /// The stable name: `os-inventory-missing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OsInventoryMissing => "os-inventory-missing",
            Self::OsInventoryBroken => "os-inventory-broken",
            Self::UnknownOs => "unknown-os",
            Self::NoOs => "no-os",
            Self::FileTooLarge => "file-too-large",
            Self::UnreadableFile => "unreadable-file",
            Self::UnparsableMetadata => "unparsable-metadata",
            Self::MetadataDisagrees => "metadata-disagrees",
            Self::PackageNotConfigured => "package-not-configured",
            Self::Vendored => "vendored",
            Self::MissingPurl => "missing-purl",
            Self::InvalidPurl => "invalid-purl",
            Self::MissingVersion => "missing-version",
            Self::NotCataloged => "not-cataloged",
            Self::ImageAbsent => "image-absent",
            Self::NotRead => "not-read",
            Self::SetAside => "set-aside",
            Self::SwitchedOff => "switched-off",
            Self::FileNotListed => "file-not-listed",
            Self::LayerDigestNotComputed => "layer-digest-not-computed",
        }
    }

    /// The severity of a problem of this kind if nothing more is known about it.
    pub fn severity(self) -> ProblemSeverity {
        match self {
            Self::NoOs
            | Self::MetadataDisagrees
            | Self::PackageNotConfigured
            | Self::Vendored
            | Self::FileNotListed
            | Self::SetAside => ProblemSeverity::Noted,
            _ => ProblemSeverity::Missing,
        }
    }

    /// The lowest severity of a problem of this kind, whatever a document says. Only problems with single files can
    /// turn out to be unimportant.
    fn least_severity(self) -> ProblemSeverity {
        match self {
            Self::FileTooLarge | Self::UnreadableFile | Self::UnparsableMetadata => ProblemSeverity::Noted,
            other => other.severity(),
        }
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_without_a_severity_has_that_of_its_kind() {
        for code in ProblemCode::ALL {
            let read: Problem =
                serde_json::from_str(&format!(r#"{{"code":"{code}","path":"a","detail":"b"}}"#)).unwrap();
            assert_eq!(read, Problem::new(code, "a", "b"));
            let written = serde_json::to_string(&read).unwrap();
            assert!(written.contains(&format!(r#""severity":"{}""#, code.severity())), "{written}");
            assert_eq!(serde_json::from_str::<Problem>(&written).unwrap(), read);
        }
    }

    #[test]
    fn a_document_cannot_lower_a_problem_that_hides_a_whole_kind() {
        let noted = |code: ProblemCode| {
            let text = format!(r#"{{"code":"{code}","path":"a","detail":"b","severity":"noted"}}"#);
            Problem::from_document(&text).severity == ProblemSeverity::Noted
        };
        assert!(noted(ProblemCode::UnparsableMetadata));
        for code in [
            ProblemCode::OsInventoryBroken,
            ProblemCode::UnknownOs,
            ProblemCode::SwitchedOff,
            ProblemCode::LayerDigestNotComputed,
        ] {
            assert!(!noted(code), "{code}");
        }
    }

    #[test]
    fn a_problem_that_cannot_be_read_hides_components() {
        for text in [r#"{"code":"of-the-future","path":"a","detail":"b","severity":"noted"}"#, "", "{", "[]"]
        {
            assert!(Problem::from_document(text).hides_components(), "{text}");
        }
    }
}

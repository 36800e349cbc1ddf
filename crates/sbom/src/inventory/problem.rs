//! What could not be found out about an artifact, by stable codes.

use std::fmt;

use plimsoll_core::Purl;
use serde::{Deserialize, Serialize};

/// Something that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// What kind it is.
    pub code: ProblemCode,
    /// The file it is about, relative to the root; empty when it is about the whole.
    pub path: String,
    /// In words, for people. Repeats foreign text.
    pub detail: String,
    /// The ecosystem whose packages it is about, where it is about one: `npm`, `Maven`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<String>,
    /// The operating system's package that brought what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Purl>,
}

impl Problem {
    /// A problem with the file at `path`, or with the whole where that is empty.
    pub fn new(code: ProblemCode, path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, path: path.into(), detail: detail.into(), ecosystem: None, owner: None }
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
    /// The operating system should have a package database, and there is none, or an empty one.
    OsInventoryMissing,
    /// The package database cannot be read in full.
    OsInventoryBroken,
    /// Nothing says what operating system it is, or its package database is of a kind that is not read.
    UnknownOs,
    /// A file is larger than what is read of its kind.
    FileTooLarge,
    /// A file could not be read.
    UnreadableFile,
    /// A package's metadata does not give name and version.
    UnparsableMetadata,
    /// A package's metadata and the name of its directory say different things.
    MetadataDisagrees,
    /// A package is unpacked but its installation was not completed.
    PackageNotConfigured,
    /// A component brings copies of others along, and nothing says which.
    Vendored,
    /// Components of a document have no package URL, so that nothing can be looked up for them.
    MissingPurl,
    /// Components of a document have a package URL that is not one.
    InvalidPurl,
    /// Components of a document have no version.
    MissingVersion,
    /// The subject is of a kind that nothing here looks into.
    NotCataloged,
    /// The image is not there, or not as a whole, so that nothing of it was looked at.
    ImageAbsent,
    /// Files show packages of an ecosystem, and no cataloger reads such files yet. The path is one of them.
    NotRead,
    /// Files that no cataloger reads, which a package of the operating system brought: its advisories are about them.
    SetAside,
}

impl ProblemCode {
    /// Every code.
    pub const ALL: [Self; 16] = [
        Self::OsInventoryMissing,
        Self::OsInventoryBroken,
        Self::UnknownOs,
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
    ];

    /// The stable name: `os-inventory-missing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OsInventoryMissing => "os-inventory-missing",
            Self::OsInventoryBroken => "os-inventory-broken",
            Self::UnknownOs => "unknown-os",
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
        }
    }

    /// Whether components may be missing because of it, so that "nothing found" means nothing.
    pub fn hides_components(self) -> bool {
        !matches!(
            self,
            Self::MetadataDisagrees | Self::PackageNotConfigured | Self::Vendored | Self::SetAside
        )
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

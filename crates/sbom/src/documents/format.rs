//! A document format: its name, the versions that are read and written, and how it is recognised.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::panic::RefUnwindSafe;

use plimsoll_core::{Cancel, Digest, Limits, Purl};
use serde_json::Value;

use super::envelope::Envelope;
use super::json::{Member, Members};
use super::stated::Stated;
use crate::Error;
use crate::document::{Completeness, Document, DocumentSubject};
use crate::inventory::Inventory;

/// Reads and writes documents of one format. It has no state, so a panic cannot leave it inconsistent.
pub(crate) trait Format: Send + Sync + RefUnwindSafe {
    /// Its stable name, as `-o` takes it: `spdx-json`.
    fn id(&self) -> &'static str;

    /// The name of the standard: `SPDX`.
    fn name(&self) -> &'static str;

    /// The versions that are read, the oldest first. Empty for a format that is only written.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether documents of the format can contain the inventory of files.
    fn lists_files(&self) -> bool {
        true
    }

    /// The versions that are written, the default first. Empty for a format that is only read.
    fn writes(&self) -> &'static [&'static str] {
        &[]
    }

    /// The members of a JSON document that it reads or by which it is recognised. Empty for a format that is not JSON.
    /// Two formats that read a member of the same name agree on its kind.
    fn members(&self) -> &'static [Member] {
        &[]
    }

    /// Whether a document claims to be of this format, in any version. A document that several formats recognise is refused,
    /// because readers would interpret it differently.
    fn recognises(&self, _content: &Content<'_>) -> bool {
        false
    }

    /// Reads a document that it recognised. JSON has been split; a check that it is strict runs in parallel.
    fn read(&self, _content: Content<'_>, _reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        Err(Error::UnknownFormat)
    }

    /// The members that a document would have as JSON, for a format that is not JSON and has such members.
    fn members_of_text(&self, _text: &[u8]) -> Result<Option<Value>, Error> {
        Ok(None)
    }

    /// Writes `document` in `version`, which is one of [`Format::writes`]. Equal documents give equal bytes.
    fn write(&self, _document: &Document<'_>, _version: &str, _out: &mut dyn Write) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How a document is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// Bounds of bytes, components and relationships.
    pub(crate) limits: &'a Limits,
    pub(crate) extent: Extent,
    /// Stops the reading.
    pub(crate) cancel: &'a Cancel,
}

impl Reading<'_> {
    pub(crate) fn is_whole(&self) -> bool {
        self.extent == Extent::Whole
    }
}

/// How much of a document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Extent {
    /// Everything that a search for vulnerabilities needs: components with their owners, the operating system, problems.
    #[default]
    Components,
    /// Also relationships, and what the document states about itself.
    Whole,
}

/// The content of a document, split as far as possible without knowing its format.
pub(crate) enum Content<'a> {
    /// A JSON object, with the members that formats name.
    Json(Members<'a>),
    /// Anything else. It does not start with `{`.
    Text(&'a [u8]),
}

impl<'a> Content<'a> {
    /// The members, if it is JSON.
    pub(crate) fn json(self) -> Result<Members<'a>, Error> {
        match self {
            Self::Json(members) => Ok(members),
            Self::Text(_) => Err(Error::UnknownFormat),
        }
    }

    /// The bytes, if it is not JSON.
    pub(crate) fn text(&self) -> Result<&'a [u8], Error> {
        match self {
            Self::Json(_) => Err(Error::UnknownFormat),
            Self::Text(bytes) => Ok(bytes),
        }
    }
}

/// A document format, as users see it.
#[derive(Clone, Copy)]
pub struct DocumentFormat(&'static dyn Format);

impl DocumentFormat {
    pub(crate) const fn new(format: &'static dyn Format) -> Self {
        Self(format)
    }

    /// Its stable name, as `-o` takes it: `spdx-json`.
    pub fn id(self) -> &'static str {
        self.0.id()
    }

    /// The name of the standard: `SPDX`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The versions that are read, the oldest first.
    pub fn reads(self) -> &'static [&'static str] {
        self.0.reads()
    }

    /// The versions that are written, the default first. Empty for a format that is only read.
    pub fn writes(self) -> &'static [&'static str] {
        self.0.writes()
    }

    /// Whether documents of the format can contain the inventory of files.
    pub fn lists_files(self) -> bool {
        self.0.lists_files()
    }

    /// Writes `document` in the default version. Equal documents give equal bytes.
    pub fn write(self, document: &Document<'_>, out: &mut dyn Write) -> Result<(), Error> {
        let version = self.writes().first().ok_or(Error::OnlyRead { format: self.name() })?;
        self.write_version(document, version, out)
    }

    /// Writes `document` in `version`, which must be one of those that are written.
    pub fn write_version(
        self,
        document: &Document<'_>,
        version: &str,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let Some(version) = self.writes().iter().find(|own| **own == version) else {
            return Err(Error::OnlyRead { format: self.name() });
        };
        let mut out = BufWriter::new(out);
        self.0.write(document, version, &mut out)?;
        out.flush()?;
        Ok(())
    }
}

impl PartialEq for DocumentFormat {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for DocumentFormat {}

impl fmt::Debug for DocumentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A document and what it says about itself. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDocument {
    /// The name of the standard: `SPDX`.
    pub format: &'static str,
    /// The version of the standard: `2.3`.
    pub version: String,
    /// The components that it lists.
    pub inventory: Inventory,
    /// The name of its subject.
    pub subject_name: Option<String>,
    /// The digest of its subject, if the subject is an image.
    pub subject_digest: Option<Digest>,
    /// The package URL of its subject.
    pub subject_purl: Option<Purl>,
    /// The creation time that it states.
    pub created: Option<String>,
    /// Whether it states that it lists everything. Its problems may contradict this.
    pub completeness: Completeness,
    /// Its other statements, if it was read completely.
    pub stated: Stated,
    /// Its envelopes, the outermost first. No signature was verified.
    pub envelopes: Vec<Envelope>,
    /// The digests of the subjects of the statement around it.
    pub statement_subjects: Vec<Digest>,
}

impl ReadDocument {
    /// An empty document of `version`, which must be one that `format` reads.
    pub(crate) fn new(format: &dyn Format, version: &str) -> Result<Self, Error> {
        if !format.reads().contains(&version) {
            return Err(Self::unknown_version(format, version));
        }
        Ok(Self {
            format: format.name(),
            version: version.to_owned(),
            inventory: Inventory::default(),
            subject_name: None,
            subject_digest: None,
            subject_purl: None,
            created: None,
            completeness: Completeness::Unstated,
            stated: Stated::default(),
            envelopes: Vec::new(),
            statement_subjects: Vec::new(),
        })
    }

    /// The subject, for a new document. The package URL of an image says where the image is from.
    pub fn subject(&self) -> DocumentSubject {
        let of_image = self.subject_purl.as_ref().filter(|purl| purl.package_type() == "oci");
        let qualifier = |name: &str| of_image?.qualifier(name).map(str::to_owned);
        DocumentSubject {
            name: self.subject_name.clone().unwrap_or_default(),
            manifest: self.subject_digest,
            repository: qualifier("repository_url"),
            tag: qualifier("tag"),
            architecture: qualifier("arch"),
            base: None,
            phase: None,
        }
    }

    /// The error for a document of a version that `format` does not read.
    pub(crate) fn unknown_version(format: &dyn Format, got: &str) -> Error {
        let got = got.chars().take(40).collect();
        Error::Version { format: format.name(), got, expected: span(format.reads()) }
    }
}

/// `1.4 to 1.7`, or the only one.
fn span(versions: &[&str]) -> String {
    match versions {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first} to {last}"),
    }
}

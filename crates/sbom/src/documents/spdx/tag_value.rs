//! Reading SPDX 2.2 and 2.3 from tag-value, one line per field:
//!
//! ```text
//! PackageName: libc6
//! SPDXID: SPDXRef-Package-1
//! PackageVersion: 2.36-9
//! ExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/libc6@2.36-9
//! PackageComment: <text>found in layer 0: var/lib/dpkg/status
//! found in layer 1: opt/x</text>
//! Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-Package-1
//! ```
//!
//! A value in `<text>…</text>` may have several lines. A field belongs to the element that started last: the document,
//! a package, a file or a snippet, an annotation, a relationship, a licence.

use std::borrow::Cow;

use plimsoll_core::LimitExceeded;

use super::parts::{
    Annotation, Checksum, ExternalReference, ExtractedLicence, File, Package, Parts, Relationship,
};
use crate::Error;
use crate::documents::collector::within_relationships;
use crate::documents::format::{Format, ReadDocument, Reading};

/// The field that every document starts with, after comments.
const VERSION: &str = "SPDXVersion";

/// Whether one of the first lines of `text` is the version. YAML, whose fields look similar, writes it as
/// `spdxVersion`.
pub(super) fn is_document(text: &str) -> bool {
    text.lines().take(HEAD).any(|line| line.trim_start().strip_prefix(VERSION).is_some_and(is_value))
}

/// The fields of the document itself may come in any order, and comments before them.
const HEAD: usize = 1_000;

fn is_value(rest: &str) -> bool {
    rest.trim_start().starts_with(':')
}

/// Reads the document.
pub(super) fn read(format: &dyn Format, text: &str, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
    let mut walk = Walk {
        reading,
        parts: Parts { declared: Some(vec!["SPDXRef-DOCUMENT".into()]), ..Parts::default() },
        packages: Vec::new(),
        annotations: Vec::new(),
        version: None,
        section: Section::Document,
    };
    for field in Fields::new(text) {
        reading.cancel.check()?;
        walk.field(&field?)?;
    }
    let version = walk.version.unwrap_or_default();
    let Some(version) = version.strip_prefix("SPDX-") else {
        return Err(ReadDocument::unknown_version(format, version));
    };
    let document = ReadDocument::new(format, version)?;
    let Walk { mut parts, mut packages, annotations, .. } = walk;
    // An annotation names the element that it is about, which may come later.
    let places: std::collections::HashMap<String, usize> =
        packages.iter().enumerate().map(|(place, package)| (package.id.to_string(), place)).collect();
    for (about, annotation) in annotations {
        match places.get(about).and_then(|place| packages.get_mut(*place)) {
            Some(package) => package.annotations.0.push(annotation),
            None => parts.annotations.0.push(annotation),
        }
    }
    let count = packages.len();
    super::parts::read(parts, packages.into_iter().map(Ok), count, document, reading)
}

/// The element that a field belongs to.
enum Section {
    Document,
    Package,
    File,
    /// A snippet, which is not read.
    Other,
}

struct Walk<'a, 'r> {
    reading: &'r Reading<'r>,
    parts: Parts<'a>,
    packages: Vec<Package<'a>>,
    annotations: Vec<(&'a str, Annotation<'a>)>,
    version: Option<&'a str>,
    section: Section,
}

impl<'a> Walk<'a, '_> {
    fn field(&mut self, field: &Field<'a>) -> Result<(), Error> {
        let value = field.value;
        match field.tag {
            "PackageName" => {
                let limit = self.reading.limits.components;
                if self.packages.len() >= limit {
                    return Err(LimitExceeded::new("components", limit as u64, "SBOM").into());
                }
                self.packages.push(Package { name: value.into(), ..Package::default() });
                self.section = Section::Package;
            }
            "FileName" => {
                let limit = self.reading.limits.relationships;
                within_relationships(self.parts.files.len(), limit)?;
                self.section = Section::File;
                if self.reading.is_whole() {
                    self.parts.files.push(File { name: value.into(), ..File::default() });
                }
            }
            "SnippetSPDXID" => self.section = Section::Other,
            VERSION => {
                self.version = Some(value);
                self.section = Section::Document;
            }
            "DocumentName" => once(&mut self.parts.name, field)?,
            "DocumentComment" => once(&mut self.parts.comment, field)?,
            "Created" => once(&mut self.parts.creation.created, field)?,
            "Creator" => self.parts.creation.creators.0.push(value.into()),
            "Relationship" => self.relationship(field)?,
            "RelationshipComment" => {
                if let Some(last) = self.parts.relationships.last_mut() {
                    once(&mut last.comment, field)?;
                }
            }
            "Annotator" => self.annotations.push(("", Annotation::default())),
            "SPDXREF" => {
                if let Some((about, _)) = self.annotations.last_mut() {
                    *about = value;
                }
            }
            "AnnotationComment" => {
                if let Some((_, annotation)) = self.annotations.last_mut() {
                    annotation.comment = value.into();
                }
            }
            "LicenseID" => self
                .parts
                .licences
                .0
                .push(ExtractedLicence { license_id: value.into(), ..ExtractedLicence::default() }),
            "LicenseName" => {
                if let Some(licence) = self.parts.licences.0.last_mut() {
                    once(&mut licence.name, field)?;
                }
            }
            tag => match (&self.section, self.packages.last_mut()) {
                (Section::Package, Some(package)) => package_field(package, tag, field)?,
                (Section::File, package) => {
                    if tag == "SPDXID" {
                        self.parts.declared.get_or_insert_default().push(value.into());
                        // A file after a package belongs to it.
                        if let Some(package) = package.filter(|_| self.reading.is_whole()) {
                            package.files.push(value.into());
                        }
                    }
                    if let Some(file) = self.parts.files.last_mut() {
                        file_field(file, tag, field)?;
                    }
                }
                _ if tag == "SPDXID" => self.parts.declared.get_or_insert_default().push(value.into()),
                _ => {}
            },
        }
        Ok(())
    }

    /// `SPDXRef-DOCUMENT DESCRIBES SPDXRef-Package-1`.
    fn relationship(&mut self, field: &Field<'a>) -> Result<(), Error> {
        within_relationships(self.parts.relationships.len(), self.reading.limits.relationships)?;
        let mut words = field.value.split_whitespace();
        let (Some(from), Some(kind), Some(to), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(field.wrong("a relationship is not two identifiers with a type between them"));
        };
        self.parts.relationships.push(Relationship {
            spdx_element_id: from.into(),
            kind: kind.into(),
            related_spdx_element: to.into(),
            comment: None,
        });
        Ok(())
    }
}

fn file_field<'a>(file: &mut File<'a>, tag: &str, field: &Field<'a>) -> Result<(), Error> {
    match tag {
        "SPDXID" if file.id.is_empty() => file.id = field.value.into(),
        "SPDXID" => return Err(field.wrong("a file has a second identifier")),
        "FileComment" => once(&mut file.comment, field)?,
        "FileChecksum" => file.checksums.0.push(checksum(field)?),
        _ => {}
    }
    Ok(())
}

/// `SHA1: 85ed0817af83a24ad8da68c2b5094de69833983c`.
fn checksum<'a>(field: &Field<'a>) -> Result<Checksum<'a>, Error> {
    let (algorithm, value) =
        field.value.split_once(':').ok_or_else(|| field.wrong("a checksum without its algorithm"))?;
    Ok(Checksum { algorithm: algorithm.trim().into(), checksum_value: value.trim().into() })
}

fn package_field<'a>(package: &mut Package<'a>, tag: &str, field: &Field<'a>) -> Result<(), Error> {
    let value = field.value;
    match tag {
        "SPDXID" if package.id.is_empty() => package.id = value.into(),
        "SPDXID" => return Err(field.wrong("a package has a second identifier")),
        "PackageVersion" => once(&mut package.version_info, field)?,
        "PackageFileName" => once(&mut package.file_name, field)?,
        "PackageSupplier" => once(&mut package.supplier, field)?,
        "PackageOriginator" => once(&mut package.originator, field)?,
        "PackageSourceInfo" => once(&mut package.source_info, field)?,
        "PackageLicenseDeclared" => once(&mut package.license_declared, field)?,
        "PackageLicenseConcluded" => once(&mut package.license_concluded, field)?,
        "PackageSummary" => once(&mut package.summary, field)?,
        "PackageComment" => once(&mut package.comment, field)?,
        "PrimaryPackagePurpose" => once(&mut package.primary_package_purpose, field)?,
        "PackageChecksum" => package.checksums.0.push(checksum(field)?),
        "ExternalRef" => {
            let mut words = value.splitn(3, char::is_whitespace).map(str::trim);
            let (Some(_), Some(kind), Some(locator)) = (words.next(), words.next(), words.next()) else {
                return Err(field.wrong("an external reference without category, type and locator"));
            };
            package
                .external_refs
                .0
                .push(ExternalReference { reference_type: kind.into(), reference_locator: locator.into() });
        }
        _ => {}
    }
    Ok(())
}

/// Sets a value that may occur once. Readers would interpret two of them differently.
fn once<'a>(into: &mut Option<Cow<'a, str>>, field: &Field<'a>) -> Result<(), Error> {
    match into.replace(field.value.into()) {
        None => Ok(()),
        Some(_) => Err(field.wrong("a field that may occur once occurs twice")),
    }
}

/// A tag and its value, without `<text>` around it.
pub(super) struct Field<'a> {
    line: usize,
    pub(super) tag: &'a str,
    pub(super) value: &'a str,
}

impl Field<'_> {
    fn wrong(&self, problem: &'static str) -> Error {
        Error::TagValue { line: self.line, problem }
    }
}

/// The fields of a document, in order.
pub(super) struct Fields<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 0 }
    }

    fn line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += 1;
        Some(line)
    }
}

const OPEN: &str = "<text>";
const CLOSE: &str = "</text>";

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let before = self.rest;
            let text = self.line()?.trim();
            let line = self.line;
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |problem| Some(Err(Error::TagValue { line, problem }));
            // spdx-sbom-generator omits the colon of relationships.
            let odd = text.strip_prefix("Relationship ").map(|value| ("Relationship", value));
            let Some((tag, value)) = odd.or_else(|| text.split_once(':')) else {
                return wrong("neither a tag with a value nor a comment");
            };
            let (tag, value) = (tag.trim(), value.trim());
            let Some(inline) = value.strip_prefix(OPEN) else {
                return Some(Ok(Field { line, tag, value }));
            };
            if let Some((value, _)) = inline.split_once(CLOSE) {
                return Some(Ok(Field { line, tag, value: value.trim() }));
            }
            // The text continues: it is a slice of the document up to its end mark.
            let Some(value) = before.split_once(OPEN).and_then(|(_, rest)| rest.split_once(CLOSE)) else {
                return wrong("a text is not closed");
            };
            let more = value.0.matches('\n').count();
            self.line += more;
            self.rest = value.1.split_once('\n').map_or("", |(_, rest)| rest);
            self.line = self.line.max(line);
            return Some(Ok(Field { line, tag, value: value.0.trim() }));
        }
    }
}

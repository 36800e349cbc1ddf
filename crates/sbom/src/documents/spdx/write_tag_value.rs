//! Writing SPDX 2.3 as tag-value.

use std::borrow::Cow;
use std::io::{self, Write};

use super::files::File;
use super::write::{Annotation, DOCUMENT, Package, Relationship, identified, namespace};
use crate::document::Document;

/// Writes `document` as SPDX of `version`.
pub(super) fn write(document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
    identified(document, version, "spdx-tag-value", out, |writer, uuid, out| {
        let document = writer.document;
        tag(out, "SPDXVersion", &format!("SPDX-{}", writer.version))?;
        tag(out, "DataLicense", "CC0-1.0")?;
        tag(out, "SPDXID", DOCUMENT)?;
        tag(out, "DocumentName", writer.subject_name())?;
        tag(out, "DocumentNamespace", &namespace(uuid))?;
        if let Some(comment) = writer.comment() {
            text(out, "DocumentComment", comment)?;
        }
        for creator in writer.creators() {
            tag(out, "Creator", &creator)?;
        }
        tag(out, "Created", &document.created())?;
        for annotation in writer.problems() {
            self::annotation(out, DOCUMENT, &annotation)?;
        }
        // Before the packages, because a file after a package would belong to it.
        for file in writer.files().into_iter().flatten() {
            self::file(out, &file)?;
        }
        for package in writer.packages() {
            self::package(out, &package)?;
        }
        out.write_all(b"\n")?;
        for relationship in writer.relationships() {
            self::relationship(out, &relationship)?;
        }
        for (name, id) in writer.licenses {
            out.write_all(b"\n")?;
            tag(out, "LicenseID", id)?;
            text(out, "ExtractedText", name)?;
            tag(out, "LicenseName", name)?;
        }
        Ok(())
    })
}

fn package(out: &mut dyn Write, package: &Package<'_>) -> io::Result<()> {
    out.write_all(b"\n")?;
    tag(out, "PackageName", package.name)?;
    tag(out, "SPDXID", &package.id)?;
    some(out, "PackageVersion", package.version_info.as_deref())?;
    tag(out, "PackageSupplier", &package.supplier)?;
    tag(out, "PackageDownloadLocation", &package.download_location)?;
    tag(out, "FilesAnalyzed", if package.files_analyzed { "true" } else { "false" })?;
    some(out, "PackageVerificationCode", package.verification_code.as_ref().map(|code| code.value.as_str()))?;
    for checksum in &package.checksums {
        tag(out, "PackageChecksum", &format!("{}: {}", checksum.algorithm, checksum.checksum_value))?;
    }
    some(out, "PackageHomePage", package.homepage)?;
    if let Some(info) = &package.source_info {
        text(out, "PackageSourceInfo", info)?;
    }
    tag(out, "PackageLicenseConcluded", &package.license_concluded)?;
    tag(out, "PackageLicenseDeclared", &package.license_declared)?;
    tag(out, "PackageCopyrightText", package.copyright_text)?;
    if let Some(summary) = package.summary {
        text(out, "PackageSummary", summary)?;
    }
    if let Some(comment) = &package.comment {
        text(out, "PackageComment", comment)?;
    }
    for reference in &package.external_refs {
        let locator = &reference.locator;
        let value = format!("{} {} {locator}", reference.category, reference.kind);
        tag(out, "ExternalRef", &value)?;
    }
    // JSON uses a hyphen, tag-value an underscore or a hyphen; both forms of the standard write it with a hyphen.
    tag(out, "PrimaryPackagePurpose", &package.primary_package_purpose.replace('_', "-"))?;
    package.annotations.iter().try_for_each(|annotation| self::annotation(out, &package.id, annotation))
}

fn file(out: &mut dyn Write, file: &File) -> io::Result<()> {
    out.write_all(b"\n")?;
    tag(out, "FileName", &file.name)?;
    tag(out, "SPDXID", &file.id)?;
    for checksum in &file.checksums {
        tag(out, "FileChecksum", &format!("{}: {}", checksum.algorithm, checksum.checksum_value))?;
    }
    tag(out, "LicenseConcluded", file.license_concluded)?;
    tag(out, "FileCopyrightText", file.copyright_text)?;
    file.comment.as_deref().map_or(Ok(()), |comment| text(out, "FileComment", comment))
}

fn annotation(out: &mut dyn Write, about: &str, annotation: &Annotation) -> io::Result<()> {
    tag(out, "Annotator", &annotation.annotator)?;
    tag(out, "AnnotationDate", &annotation.date)?;
    tag(out, "AnnotationType", annotation.kind)?;
    tag(out, "SPDXREF", about)?;
    text(out, "AnnotationComment", &annotation.comment)
}

fn relationship(out: &mut dyn Write, relationship: &Relationship<'_>) -> io::Result<()> {
    let (from, to) = (&relationship.spdx_element_id, &relationship.related_spdx_element);
    tag(out, "Relationship", &format!("{from} {} {to}", relationship.kind))?;
    some(out, "RelationshipComment", relationship.comment.as_deref())
}

/// A field of one line. Line breaks become spaces.
fn tag(out: &mut dyn Write, tag: &str, value: &str) -> io::Result<()> {
    let value: Cow<'_, str> = if value.chars().any(char::is_control) {
        value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
    } else {
        value.into()
    };
    writeln!(out, "{tag}: {value}")
}

fn some(out: &mut dyn Write, tag: &str, value: Option<&str>) -> io::Result<()> {
    value.map_or(Ok(()), |value| self::tag(out, tag, value))
}

/// A field that may have several lines. It cannot contain the end mark.
fn text(out: &mut dyn Write, tag: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{tag}: <text>{}</text>", value.replace("</text>", "< /text>"))
}

//! Writing CycloneDX as XML, with elements in the order of its schema and one line per component.

use std::io::{self, Write};

use super::NAMESPACE;
use super::files::FilePart;
use super::item::{Hash, Property};
use super::write::{LicenceChoice, Metadata, Part, SUBJECT, Tool, Tools, identified};
use crate::document::Document;
use crate::documents::xml_tags::{Tags, text};

/// Writes `document` as CycloneDX of `version`.
pub(super) fn write(document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
    identified(document, version, "cyclonedx-xml", out, |bom, out| {
        let mut tags = Tags::new(out)?;
        let namespace = format!("{NAMESPACE}{}", bom.version_text);
        let serial = format!("urn:uuid:{}", bom.uuid);
        tags.open("bom", &[("xmlns", &namespace), ("serialNumber", &serial), ("version", "1")])?;
        tags.line()?;
        metadata(&mut tags, &bom.metadata())?;
        tags.line()?;
        let parts = bom.components().map(|part| Item::Part(Box::new(part)));
        list(&mut tags, "components", parts.chain(bom.files().map(Item::File)), |tags, item| match item {
            Item::Part(part) => component(tags, &part),
            Item::File(part) => file(tags, &part),
        })?;
        list(&mut tags, "dependencies", bom.dependencies(), |tags, dependency| {
            tags.open("dependency", &[("ref", dependency.r#ref)])?;
            for on in dependency.depends_on.references() {
                tags.open("dependency", &[("ref", on)])?;
                tags.close("dependency")?;
            }
            tags.close("dependency")
        })?;
        if let Some(aggregate) = bom.aggregate() {
            tags.open("compositions", &[])?;
            tags.open("composition", &[])?;
            tags.text("aggregate", aggregate)?;
            tags.open("assemblies", &[])?;
            tags.open("assembly", &[("ref", SUBJECT)])?;
            for name in ["assembly", "assemblies", "composition", "compositions"] {
                tags.close(name)?;
            }
            tags.line()?;
        }
        tags.close("bom")?;
        tags.line()
    })
}

/// An item of the list of components.
enum Item<'a> {
    Part(Box<Part<'a>>),
    File(FilePart<'a>),
}

/// A list with a line for each item.
fn list<T>(
    tags: &mut Tags<'_>,
    name: &str,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Tags<'_>, T) -> io::Result<()>,
) -> io::Result<()> {
    tags.open(name, &[])?;
    tags.line()?;
    for item in items {
        write(tags, item)?;
        tags.line()?;
    }
    tags.close(name)?;
    tags.line()
}

fn metadata(tags: &mut Tags<'_>, metadata: &Metadata<'_>) -> io::Result<()> {
    tags.open("metadata", &[])?;
    tags.text("timestamp", &metadata.timestamp)?;
    if let Some([lifecycle]) = &metadata.lifecycles {
        tags.open("lifecycles", &[])?;
        tags.open("lifecycle", &[])?;
        tags.text("phase", lifecycle.phase)?;
        tags.close("lifecycle")?;
        tags.close("lifecycles")?;
    }
    tags.open("tools", &[])?;
    let tool = |tags: &mut Tags<'_>, tool: &Tool<'_>| {
        tags.text("name", tool.name)?;
        tags.text("version", tool.version)
    };
    match &metadata.tools {
        Tools::Components { components: [one] } => {
            tags.open("components", &[])?;
            tags.open("component", &[("type", one.r#type.unwrap_or_default())])?;
            tool(tags, one)?;
            tags.close("component")?;
            tags.close("components")?;
        }
        Tools::List([one]) => {
            tags.open("tool", &[])?;
            tool(tags, one)?;
            tags.close("tool")?;
        }
    }
    tags.close("tools")?;
    if let Some([author]) = &metadata.authors {
        tags.open("authors", &[])?;
        tags.open("author", &[])?;
        tags.text("name", &author.name)?;
        tags.close("author")?;
        tags.close("authors")?;
    }
    component(tags, &metadata.component)?;
    properties(tags, &metadata.properties)?;
    tags.close("metadata")
}

fn component(tags: &mut Tags<'_>, part: &Part<'_>) -> io::Result<()> {
    tags.open("component", &[("type", part.r#type), ("bom-ref", part.reference)])?;
    if let Some(supplier) = &part.supplier {
        tags.open("supplier", &[])?;
        tags.text("name", &supplier.name)?;
        tags.close("supplier")?;
    }
    tags.text("name", part.name)?;
    tags.some("version", part.version.as_deref())?;
    tags.some("description", part.description)?;
    tags.some("scope", part.scope)?;
    hashes(tags, &part.hashes)?;
    if !part.licenses.is_empty() {
        tags.open("licenses", &[])?;
        for choice in &part.licenses {
            match choice {
                LicenceChoice::Expression(expression) => tags.text("expression", expression)?,
                LicenceChoice::License { name } => {
                    tags.open("license", &[])?;
                    tags.text("name", name)?;
                    tags.close("license")?;
                }
            }
        }
        tags.close("licenses")?;
    }
    tags.some("cpe", part.cpe.as_deref())?;
    tags.some("purl", part.purl.as_deref())?;
    if !part.external_references.is_empty() {
        tags.open("externalReferences", &[])?;
        for reference in &part.external_references {
            tags.open("reference", &[("type", reference.r#type)])?;
            tags.text("url", reference.url)?;
            tags.close("reference")?;
        }
        tags.close("externalReferences")?;
    }
    properties(tags, &part.properties)?;
    if let Some(files) = part.files {
        tags.open("components", &[])?;
        tags.line()?;
        for part in files.parts() {
            file(tags, &part)?;
            tags.line()?;
        }
        tags.close("components")?;
    }
    if let Some(evidence) = &part.evidence {
        tags.open("evidence", &[])?;
        if !evidence.occurrences.is_empty() {
            tags.open("occurrences", &[])?;
            for occurrence in &evidence.occurrences {
                tags.open("occurrence", &[])?;
                tags.text("location", occurrence.location)?;
                tags.some("additionalContext", occurrence.additional_context.as_deref())?;
                tags.close("occurrence")?;
            }
            tags.close("occurrences")?;
        }
        if !evidence.licenses.is_empty() {
            tags.open("licenses", &[])?;
            for choice in &evidence.licenses {
                tags.open("license", &[("acknowledgement", choice.license.acknowledgement)])?;
                tags.text("id", choice.license.id)?;
                tags.close("license")?;
            }
            tags.close("licenses")?;
        }
        tags.close("evidence")?;
    }
    tags.close("component")
}

fn file(tags: &mut Tags<'_>, part: &FilePart<'_>) -> io::Result<()> {
    tags.open("component", &[("type", part.r#type), ("bom-ref", &part.reference)])?;
    tags.text("name", &part.name)?;
    hashes(tags, &part.hashes)?;
    properties(tags, &part.properties)?;
    tags.close("component")
}

fn hashes(tags: &mut Tags<'_>, hashes: &[Hash]) -> io::Result<()> {
    if hashes.is_empty() {
        return Ok(());
    }
    tags.open("hashes", &[])?;
    for hash in hashes {
        tags.open("hash", &[("alg", hash.alg)])?;
        tags.raw(&text(&hash.content))?;
        tags.close("hash")?;
    }
    tags.close("hashes")
}

fn properties(tags: &mut Tags<'_>, properties: &[Property<'_>]) -> io::Result<()> {
    if properties.is_empty() {
        return Ok(());
    }
    tags.open("properties", &[])?;
    for property in properties {
        tags.open("property", &[("name", &property.name)])?;
        tags.raw(&text(&property.value))?;
        tags.close("property")?;
    }
    tags.close("properties")
}

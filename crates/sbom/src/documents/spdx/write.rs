//! The content of an SPDX 2.3 document, and writing it as JSON. [`super::write_tag_value`] and [`super::write_json_ld`] write the
//! same in the other forms.
//!
//! `sourceInfo` names the source package as `built package from: glibc 2.36-9`, where Trivy reads it; Grype reads the purl's
//! `upstream`. The `comment` of a package has a line for each place where it was found, for people and for reading back. Layers
//! and problems are annotations with JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use plimsoll_core::{Algorithm, Digest, Ecosystem, text};
use serde::Serialize;
use serde_json::json;

use super::conventions::{
    BASE, BUILT_FROM, COMPLETE, DECLARED, DETECTED, FOR_DEVELOPMENT, FOUND, FROM_BASE, INCOMPLETE, LAYER,
    LAYER_DIFF_ID, NOASSERTION, OS, OWNERSHIP, PROBLEM, UNNAMED,
};
use super::files::{self, Checksum, File, VerificationCode, verification_code};
use crate::cpe::Cpe;
use crate::document::{Completeness, Document};
use crate::documents::object::Object;
use crate::documents::placed;
use crate::inventory::detected::concluded;
use crate::inventory::{self, Component, ComponentId, ComponentIndex, OsRelease, RelationshipKind};
use crate::licence::{self, Licence};

pub(super) const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// The prefix of references to licences outside the SPDX list.
pub(super) const LICENCE_REFERENCE: &str = "LicenseRef-";
const SUBJECT: &str = "SPDXRef-Subject";
/// Trivy recognises the operating system by this prefix of the identifier.
const OPERATING_SYSTEM: &str = "SPDXRef-OperatingSystem";

/// Writes `document` as SPDX of `version`.
pub(super) fn write(document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
    identified(document, version, "spdx", out, |writer, uuid, out| writer.write(uuid, out))
}

/// Calls `write` with `document` and an identifier derived from what it writes.
pub(super) fn identified(
    document: &Document<'_>,
    version: &str,
    form: &str,
    out: &mut dyn Write,
    write: impl Fn(&Writer<'_>, &str, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let identifiers = document.inventory.identifiers();
    let licenses = unlisted(&document.inventory.components);
    document.identified(form, out, |uuid, out| {
        let writer = Writer { document, version, identifiers: &identifiers, licenses: &licenses };
        write(&writer, uuid, out)
    })
}

/// Licences outside the SPDX list, with the identifier for each.
pub(super) type Unlisted<'a> = BTreeMap<&'a str, String>;

fn unlisted(components: &[Component]) -> Unlisted<'_> {
    let licenses = components.iter().flat_map(|component| &component.licenses);
    let names = licenses.filter_map(|licence| match licence {
        Licence::Text(name) => Some(name.as_str()),
        Licence::Expression(_) => None,
    });
    names
        .map(|name| {
            let digest = Digest::sha256(name.as_bytes()).hex();
            (name, format!("{LICENCE_REFERENCE}{}", digest.get(..16).unwrap_or_default()))
        })
        .collect()
}

pub(super) struct Writer<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) version: &'a str,
    pub(super) identifiers: &'a [ComponentId],
    pub(super) licenses: &'a Unlisted<'a>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    #[serde(rename = "SPDXID")]
    pub(super) id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_info: Option<Cow<'a, str>>,
    pub(super) supplier: Cow<'a, str>,
    pub(super) download_location: Cow<'a, str>,
    pub(super) files_analyzed: bool,
    #[serde(rename = "packageVerificationCode", skip_serializing_if = "Option::is_none")]
    pub(super) verification_code: Option<VerificationCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) homepage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_info: Option<String>,
    pub(super) license_concluded: Cow<'a, str>,
    pub(super) license_declared: Cow<'a, str>,
    pub(super) copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_refs: Vec<ExternalReference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) annotations: Vec<Annotation>,
    pub(super) primary_package_purpose: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Annotation {
    pub(super) annotator: String,
    #[serde(rename = "annotationDate")]
    pub(super) date: String,
    #[serde(rename = "annotationType")]
    pub(super) kind: &'static str,
    pub(super) comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship<'a> {
    pub(super) spdx_element_id: Cow<'a, str>,
    #[serde(rename = "relationshipType")]
    pub(super) kind: &'static str,
    pub(super) related_spdx_element: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ExternalReference {
    #[serde(rename = "referenceCategory")]
    pub(super) category: &'static str,
    #[serde(rename = "referenceType")]
    pub(super) kind: &'static str,
    #[serde(rename = "referenceLocator")]
    pub(super) locator: String,
}

impl<'a> Writer<'a> {
    fn write(&self, uuid: &str, out: &mut dyn Write) -> io::Result<()> {
        let mut object = Object::begin(out)?;
        object.member("spdxVersion", &format!("SPDX-{}", self.version))?;
        object.member("dataLicense", &"CC0-1.0")?;
        object.member("SPDXID", &DOCUMENT)?;
        object.member("name", &self.subject_name())?;
        object.member("documentNamespace", &namespace(uuid))?;
        object.member(
            "creationInfo",
            &json!({ "created": self.document.created(), "creators": self.creators() }),
        )?;
        if let Some(comment) = self.comment() {
            object.member("comment", &comment)?;
        }
        let mut problems = self.problems().peekable();
        if problems.peek().is_some() {
            object.array("annotations", problems)?;
        }
        object.array("packages", self.packages())?;
        if let Some(files) = self.files() {
            object.array("files", files)?;
        }
        object.array("relationships", self.relationships())?;
        if !self.licenses.is_empty() {
            let texts = self
                .licenses
                .iter()
                .map(|(name, id)| json!({ "licenseId": id, "name": name, "extractedText": name }));
            object.array("hasExtractedLicensingInfos", texts)?;
        }
        object.end()
    }

    /// The statement about the completeness of the document, if there is one.
    pub(super) fn comment(&self) -> Option<&'static str> {
        match self.document.completeness() {
            Completeness::Complete => Some(COMPLETE),
            Completeness::Incomplete => Some(INCOMPLETE),
            Completeness::Unstated => None,
        }
    }

    /// Problems, as annotations of the document.
    pub(super) fn problems(&self) -> impl Iterator<Item = Annotation> {
        let problems = self.document.inventory.problems.iter();
        let problems = problems.filter_map(|problem| serde_json::to_string(problem).ok());
        problems.map(|problem| self.annotation(format!("{PROBLEM}{problem}")))
    }

    /// The subject, the operating system, and the components.
    pub(super) fn packages(&self) -> impl Iterator<Item = Package<'a>> {
        let system = self.document.inventory.os.as_ref().map(|os| self.operating_system(os));
        let packages = self.components().enumerate();
        let packages =
            packages.map(|(index, (component, id))| self.package(ComponentIndex(index), component, id));
        std::iter::once(self.subject()).chain(system).chain(packages)
    }

    /// Every file, if they are listed.
    pub(super) fn files(&self) -> Option<impl Iterator<Item = File> + use<'a>> {
        let files = self.document.inventory.files.as_deref()?;
        Some(files.list().iter().map(|file| File::new(&file)))
    }

    fn components(&self) -> impl Iterator<Item = (&'a Component, &'a str)> + use<'a> {
        self.document
            .inventory
            .components
            .iter()
            .zip(self.identifiers)
            .map(|(component, id)| (component, id.as_str()))
    }

    /// The creators of the document: the program, and its user.
    pub(super) fn creators(&self) -> Vec<String> {
        std::iter::once(self.tool()).chain(self.document.author()).collect()
    }

    pub(super) fn tool(&self) -> String {
        format!("Tool: plimsoll-{}", self.document.tool_version)
    }

    fn annotation(&self, comment: String) -> Annotation {
        Annotation { annotator: self.tool(), date: self.document.created(), kind: "OTHER", comment }
    }

    /// The name of the subject, which the standard requires.
    pub(super) fn subject_name(&self) -> &'a str {
        let name = &self.document.subject.name;
        if name.is_empty() { UNNAMED } else { name }
    }

    fn subject(&self) -> Package<'a> {
        let subject = &self.document.subject;
        let layers = self.document.inventory.layers.iter().map(|layer| {
            let layer = json!({ "index": layer.index, "digest": layer.digest, "diffId": layer.diff_id });
            self.annotation(format!("{LAYER}{layer}"))
        });
        let base = subject.base.as_ref().and_then(|base| serde_json::to_string(base).ok());
        let base = base.map(|base| self.annotation(format!("{BASE}{base}")));
        let checksum = |digest: Digest| {
            let algorithm = match digest.algorithm() {
                Algorithm::Sha256 => "SHA256",
                Algorithm::Sha384 => "SHA384",
                Algorithm::Sha512 => "SHA512",
            };
            Checksum { algorithm, checksum_value: digest.hex() }
        };
        let files = self.document.inventory.files.as_deref().map(|files| files.list().iter());
        let verification_code = files.and_then(verification_code);
        Package {
            name: self.subject_name(),
            id: SUBJECT.into(),
            files_analyzed: verification_code.is_some(),
            verification_code,
            version_info: subject.manifest.map(|digest| digest.to_string().into()),
            checksums: subject.manifest.map(checksum).into_iter().collect(),
            external_refs: subject.purl().iter().map(external_reference).collect(),
            annotations: layers.chain(base).collect(),
            primary_package_purpose: if subject.manifest.is_some() { "CONTAINER" } else { "OTHER" },
            ..unasserted()
        }
    }

    fn operating_system(&self, os: &'a OsRelease) -> Package<'a> {
        let release = serde_json::to_string(os).ok();
        Package {
            name: &os.id,
            id: OPERATING_SYSTEM.into(),
            version_info: os.version_id.as_deref().map(Cow::from),
            summary: os.pretty_name.as_deref(),
            annotations: release
                .map(|release| self.annotation(format!("{OS}{release}")))
                .into_iter()
                .collect(),
            primary_package_purpose: "OPERATING_SYSTEM",
            ..unasserted()
        }
    }

    fn package(&self, index: ComponentIndex, component: &'a Component, id: &str) -> Package<'a> {
        let inventory = self.document.inventory;
        let files = inventory.files.as_deref().map(|files| files.owned_by(index).map(|(_, file)| file));
        let verification_code = files.and_then(verification_code);
        let layer = component.locations.first().and_then(|location| inventory.layers.get(location.layer?));
        let origin = component.origin.as_deref();
        let checksum = |it: &inventory::Checksum| Checksum {
            algorithm: it.algorithm.spdx_name(),
            checksum_value: it.hex.clone(),
        };
        let cpes = Cpe::for_component(component).into_iter().map(|locator| {
            let kind = if locator.starts_with("cpe:/") { "cpe22Type" } else { "cpe23Type" };
            ExternalReference { category: "SECURITY", kind, locator }
        });
        Package {
            name: &component.name,
            id: reference(id),
            files_analyzed: verification_code.is_some(),
            verification_code,
            version_info: (!component.version.is_empty()).then(|| component.version.as_str().into()),
            supplier: component.supplier.as_deref().map_or(NOASSERTION.into(), |name| supplier(name).into()),
            // The repository of the source is a download location, too.
            download_location: origin
                .and_then(|it| it.download.as_deref().or(it.repository.as_deref()))
                .and_then(address)
                .map_or(NOASSERTION.into(), Cow::from),
            homepage: origin.and_then(|it| it.homepage.as_deref()).and_then(address),
            checksums: origin.map(|it| it.checksums.iter().map(checksum).collect()).unwrap_or_default(),
            source_info: source_info(component),
            license_concluded: concluded(&component.detected).map_or(NOASSERTION.into(), Cow::from),
            license_declared: self.licence(component).map_or(NOASSERTION.into(), Cow::from),
            comment: self.comment_on(component),
            external_refs: std::iter::once(external_reference(&component.purl)).chain(cpes).collect(),
            // Trivy's own spelling, so that its reports name the layer.
            annotations: layer
                .map(|layer| self.annotation(format!("{LAYER_DIFF_ID}{}", layer.diff_id)))
                .into_iter()
                .collect(),
            primary_package_purpose: "LIBRARY",
            ..unasserted()
        }
    }

    /// One line per location, the detected licences, and whether it came with the base.
    fn comment_on(&self, component: &Component) -> Option<String> {
        let locations = component.locations.iter();
        let found = locations.map(|location| format!("{FOUND}{}", placed::line(location)));
        let base = self.document.subject.base.as_ref();
        let of_base =
            base.filter(|base| base.brought(component) == Some(true)).and_then(|base| base.boundary);
        let declared = component.declared.map(|declared| format!("{DECLARED}{declared}"));
        let of_base = of_base.map(|evidence| format!("{FROM_BASE} ({})", evidence.as_str()));
        let detected = component.detected.iter().map(|it| format!("{DETECTED}{it}"));
        let lines: Vec<String> = found.chain(declared).chain(detected).chain(of_base).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The declared licences as one expression. Names outside the list become references.
    fn licence(&self, component: &Component) -> Option<String> {
        licence::all(&component.licenses, |licence| match licence {
            Licence::Expression(expression) => Some(expression),
            Licence::Text(name) => self.licenses.get(name.as_str()).map(String::as_str),
        })
    }

    /// The document describes the subject. The subject contains the operating system and the language packages, and the operating
    /// system contains its packages. Relationships between packages come last.
    pub(super) fn relationships(&self) -> impl Iterator<Item = Relationship<'a>> + use<'a> {
        let system = self.document.inventory.os.is_some();
        let contains = |from: &'static str, to: Cow<'a, str>| Relationship {
            spdx_element_id: from.into(),
            kind: "CONTAINS",
            related_spdx_element: to,
            comment: None,
        };
        let describes = Relationship {
            spdx_element_id: DOCUMENT.into(),
            kind: "DESCRIBES",
            related_spdx_element: SUBJECT.into(),
            comment: None,
        };
        let packages = self.components().map(move |(component, id)| {
            let from = if system && component.ecosystem.is_os() { OPERATING_SYSTEM } else { SUBJECT };
            if component.is_for_development() {
                return Relationship {
                    spdx_element_id: reference(id),
                    kind: FOR_DEVELOPMENT,
                    related_spdx_element: from.into(),
                    comment: None,
                };
            }
            contains(from, reference(id))
        });
        let identifiers = self.identifiers;
        let id = move |index: ComponentIndex| identifiers.get(index.0).map(|id| reference(id.as_str()));
        let between = self.document.inventory.relationships.iter().filter_map(move |relationship| {
            let (from, to) = (id(relationship.from)?, id(relationship.to)?);
            let (from, kind, to, comment) = match relationship.kind {
                RelationshipKind::Contains => (from, "CONTAINS", to, None),
                RelationshipKind::DependsOn => (from, "DEPENDS_ON", to, None),
                RelationshipKind::OwnedBy(evidence) => {
                    (to, "OTHER", from, Some(format!("{OWNERSHIP}{}", evidence.as_str())))
                }
            };
            Some(Relationship { spdx_element_id: from, kind, related_spdx_element: to, comment })
        });
        std::iter::once(describes)
            .chain(system.then(|| contains(SUBJECT, OPERATING_SYSTEM.into())))
            .chain(packages)
            .chain(between)
            .chain(self.of_files())
    }

    /// Packages contain the files that they own, the subject contains the others.
    fn of_files(&self) -> impl Iterator<Item = Relationship<'a>> + use<'a> {
        let inventory = self.document.inventory;
        let (files, identifiers) = (inventory.files.as_deref(), self.identifiers);
        let contains = |from: Cow<'a, str>, path: &[u8]| Relationship {
            spdx_element_id: from,
            kind: "CONTAINS",
            related_spdx_element: files::id(path).into(),
            comment: None,
        };
        files.into_iter().flat_map(move |files| {
            let owned = identifiers.iter().enumerate().flat_map(move |(index, id)| {
                let own = files.owned_by(ComponentIndex(index));
                own.map(move |(_, file)| contains(reference(id.as_str()), file.path))
            });
            let first = files.first_owners(&inventory.components);
            let others = files.list().iter().zip(first).filter(|(_, owner)| owner.is_none());
            owned.chain(others.map(move |(file, _)| contains(SUBJECT.into(), file.path)))
        })
    }
}

/// The namespace of a document.
pub(super) fn namespace(uuid: &str) -> String {
    format!("https://plimsoll.dev/spdx/{uuid}")
}

fn reference(id: &str) -> Cow<'static, str> {
    format!("SPDXRef-{id}").into()
}

fn unasserted<'a>() -> Package<'a> {
    Package {
        supplier: NOASSERTION.into(),
        download_location: NOASSERTION.into(),
        license_concluded: NOASSERTION.into(),
        license_declared: NOASSERTION.into(),
        copyright_text: NOASSERTION,
        ..Package::default()
    }
}

fn external_reference(purl: &plimsoll_core::Purl) -> ExternalReference {
    ExternalReference { category: "PACKAGE-MANAGER", kind: "purl", locator: purl.to_string() }
}

/// An address that the validator of SPDX's own tools accepts: on a host with a domain. It accepts no repository at a
/// top-level domain longer than five letters, so those are written as pages.
fn address(url: &str) -> Option<&str> {
    let plain = url.strip_prefix("git+").unwrap_or(url);
    let authority = plain.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (_, domain) = host.rsplit_once('.')?;
    let is_host = host.split(['.', '-']).all(is_part) && domain.len() > 1;
    let is_host = is_host && domain.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_host.then_some(if domain.len() > 5 { plain } else { url })
}

fn source_info(component: &Component) -> Option<String> {
    if let Some(source) = &component.source {
        return Some(format!("{BUILT_FROM}{} {}", source.name, source.version));
    }
    let path = text::terminal(&component.locations.first()?.path).into_owned();
    Some(match component.ecosystem {
        Ecosystem::PyPI => {
            format!("acquired package info from installed python package manifest file: /{path}")
        }
        _ => format!("acquired package info from: /{path}"),
    })
}

/// `Organization: Debian Adduser Developers (adduser@packages.debian.org)`. Whether it is a person is unknown.
fn supplier(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = name.trim();
    if name.is_empty() {
        return NOASSERTION.to_owned();
    }
    // `Name <address>`; several of them stay as they were found.
    match name.split_once('<').map(|(name, rest)| (name.trim(), rest.strip_suffix('>'))) {
        Some((name, Some(address))) if !name.is_empty() && !address.contains(['<', '>', ',']) => {
            format!("Organization: {name} ({address})")
        }
        _ => format!("Organization: {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_the_validator_accepts() {
        for (url, expected) in [
            ("https://a.org/x", Some("https://a.org/x")),
            ("git+ssh://git@a.b-c.org:22/x.git", Some("git+ssh://git@a.b-c.org:22/x.git")),
            ("git+https://a.example/x.git", Some("https://a.example/x.git")),
            ("http://localhost/", None),
            ("http://127.0.0.1/", None),
            ("https://xn--a.org/", None),
        ] {
            assert_eq!(address(url), expected, "{url}");
        }
    }

    #[test]
    fn one_author_has_an_address_and_several_stay_as_they_were_found() {
        assert_eq!(supplier("Ann <ann@a.example>"), "Organization: Ann (ann@a.example)");
        let two = "Ann <ann@a.example>, Bo <bo@b.example>";
        assert_eq!(supplier(two), format!("Organization: {two}"));
        assert_eq!(supplier("<ann@a.example>"), "Organization: <ann@a.example>");
        assert_eq!(supplier(" "), NOASSERTION);
    }
}

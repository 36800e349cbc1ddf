//! The content of a document in any format: the inventory, its subject, and an identifier.
//!
//! A document depends only on its arguments: the time is one of them, and the identifier that formats require is a
//! version 5 UUID (RFC 9562) of the manifest's digest and the rest of the document. Equal bytes have equal identifiers,
//! and different bytes different ones, as SPDX 2.3 §6.5 requires.

use std::io::{self, Write};

use plimsoll_core::{Algorithm, Digest, Hasher, Purl, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::inventory::{Component, Inventory};

/// The content of a document.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// What was found.
    pub inventory: &'a Inventory,
    /// What it was found in.
    pub subject: DocumentSubject,
    /// The creation time of the document, in whole seconds, UTC. `SOURCE_DATE_EPOCH` or the image's own creation time
    /// gives equal bytes from run to run.
    pub created: Timestamp,
    /// The version of the program that made it.
    pub tool_version: &'a str,
    /// The build that made it, for formats that can represent it.
    pub build: Build,
    /// Whether the run, or the document that the inventory comes from, claims that nothing is missing. Problems that
    /// hide components overrule it, see [`Document::completeness`].
    pub states: Completeness,
}

/// Whether a document lists everything, by its own statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Completeness {
    /// It does not state it, or states that it is unknown.
    #[default]
    Unstated,
    /// Components may be missing.
    Incomplete,
    /// No further components are known.
    Complete,
}

/// Who makes a document, and in which run of a workflow. Empty texts are unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The commit: 40 hex digits.
    pub commit: String,
    /// The reference: `refs/heads/main`.
    pub branch: String,
    /// The run.
    pub job: String,
    /// The identifier that all runs of the same job share.
    pub correlator: String,
    /// The author of the document: an organisation, or `Person: Ann (ann@a.example)`.
    pub author: String,
}

/// What a document is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentSubject {
    /// The name that the user gave: `registry.example/app:1.2`, a path.
    pub name: String,
    /// The platform manifest's digest. A root file system has none.
    pub manifest: Option<Digest>,
    /// `registry/repository`, if it came from a registry.
    pub repository: Option<String>,
    /// The tag that was asked for.
    pub tag: Option<String>,
    /// The architecture as OCI names it: `amd64`.
    pub architecture: Option<String>,
    /// The image that it was built on.
    pub base: Option<BaseImage>,
    /// Its phase when it was examined. Unknown if the inventory only comes from other documents.
    pub phase: Option<Phase>,
}

/// The image that another one was built on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BaseImage {
    /// `registry.example/debian:12`.
    pub name: Option<String>,
    /// The digest of its manifest, or of its index.
    pub digest: Option<Digest>,
    /// How name and digest are known, if either exists.
    pub identity: Option<BaseEvidence>,
    /// How many of the image's layers belong to it, if that is known.
    pub layers: Option<usize>,
    /// How the number of layers is known.
    pub boundary: Option<BaseEvidence>,
}

/// The evidence for a base image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BaseEvidence {
    /// The layers of the image that the user named are the lowest ones.
    NamedBase,
    /// The layers of one of the bases that the user knows are the lowest ones.
    KnownBase,
    /// The layers fit those of such an image, as far as the image's configuration claims: some were read by their tables of
    /// contents, and what is in them was compared with nothing.
    ClaimedLayers,
    /// The image claims it in an annotation.
    Annotation,
    /// The image claims it in a label, which it may have inherited from its base.
    Label,
    /// The image's build history suggests it: a guess.
    History,
}

impl BaseEvidence {
    /// The stable name: `known-base`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NamedBase => "named-base",
            Self::KnownBase => "known-base",
            Self::ClaimedLayers => "claimed-layers",
            Self::Annotation => "annotation",
            Self::Label => "label",
            Self::History => "history",
        }
    }

    /// Whether it is verified by comparing the content of layers.
    pub fn is_certain(self) -> bool {
        matches!(self, Self::NamedBase | Self::KnownBase)
    }
}

impl BaseImage {
    /// The same where the layers' own digests were not computed: what was compared is only what the configuration claims.
    #[must_use]
    pub fn claimed(mut self) -> Self {
        for evidence in [&mut self.identity, &mut self.boundary].into_iter().flatten() {
            if evidence.is_certain() {
                *evidence = BaseEvidence::ClaimedLayers;
            }
        }
        self
    }

    /// Whether a component came with the base. Unknown without layers.
    pub fn brought(&self, component: &Component) -> Option<bool> {
        let first = component.locations.iter().map(|location| location.layer).min()??;
        Some(first < self.layers?)
    }
}

/// Phases in the life cycle of software, as far as they are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Sources, with their declared dependencies.
    Source,
    /// The result of a build, with its content.
    Built,
}

impl DocumentSubject {
    /// `pkg:oci/app@sha256:…?repository_url=registry.example%2Fapp`, for an image that has a manifest.
    pub fn purl(&self) -> Option<Purl> {
        let manifest = self.manifest?;
        let named = self.repository.as_deref().unwrap_or(&self.name);
        let named = named.split_once('@').map_or(named, |(name, _)| name);
        let last = named.rsplit('/').find(|segment| !segment.is_empty())?;
        let name = last.split_once(':').map_or(last, |(name, _)| name);
        Purl::builder("oci", name)
            .version(manifest.to_string())
            .qualifier("arch", self.architecture.clone().unwrap_or_default())
            .qualifier("repository_url", self.repository.clone().unwrap_or_default())
            .qualifier("tag", self.tag.clone().unwrap_or_default())
            .build()
            .ok()
    }
}

impl Document<'_> {
    /// What the document states about its completeness: never that it is complete if a problem hides components.
    pub fn completeness(&self) -> Completeness {
        if self.inventory.is_complete() { self.states } else { Completeness::Incomplete }
    }

    /// `Organization: Example`, for the formats that put the kind first. `None` for text with a line break.
    pub(crate) fn author(&self) -> Option<String> {
        let author = self.build.author.trim();
        let is_kind = ["Person: ", "Organization: "].iter().any(|kind| author.starts_with(kind));
        let kind = if is_kind { "" } else { "Organization: " };
        let is_author = !author.is_empty() && !author.chars().any(char::is_control);
        is_author.then(|| format!("{kind}{author}"))
    }

    /// The author without the kind.
    pub(crate) fn author_name(&self) -> Option<String> {
        Some(self.author()?.split_once(": ")?.1.to_owned())
    }

    /// `2026-11-20T10:00:00Z`: the formats require seconds and `Z`.
    pub(crate) fn created(&self) -> String {
        self.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Writes the document twice, first into a hash and then with the identifier made from it.
    pub(crate) fn identified(
        &self,
        format: &str,
        out: &mut dyn Write,
        write: impl Fn(&str, &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut content = Hashing(Hasher::new(Algorithm::Sha256));
        write("00000000-0000-0000-0000-000000000000", &mut content)?;
        let manifest = self.subject.manifest.map(|digest| digest.to_string()).unwrap_or_default();
        let name = format!("https://plimsoll.dev/sbom/{format}/{manifest}/{}", content.0.finish());
        write(&uuid_v5(&name), out)
    }
}

/// A version 5 UUID in the namespace of URLs.
fn uuid_v5(url: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, url.as_bytes()).to_string()
}

struct Hashing(Hasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_of_the_standard() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, "https://example.com/")
        assert_eq!(uuid_v5("https://example.com/"), "dd2c1780-811a-5296-81c5-178a0ef488bc");
    }

    #[test]
    fn the_subject_is_an_oci_package() {
        let manifest = Digest::sha256(b"m");
        let subject = |name: &str, repository: Option<&str>| DocumentSubject {
            name: name.to_owned(),
            manifest: Some(manifest),
            repository: repository.map(str::to_owned),
            ..DocumentSubject::default()
        };
        let purl = subject("x", Some("127.0.0.1:5000/Team/app")).purl().unwrap().to_string();
        assert_eq!(purl, format!("pkg:oci/app@{manifest}?repository_url=127.0.0.1:5000%2FTeam%2Fapp"));
        for name in ["app", "reg:5000/team/app:1.2", "./oci/app/", &format!("r/app@{manifest}")] {
            assert_eq!(subject(name, None).purl().unwrap().name(), "app", "{name}");
        }
        assert_eq!(DocumentSubject { name: "/".to_owned(), ..DocumentSubject::default() }.purl(), None);
    }
}

//! Images of Docker, or of a compatible service, read as the stream of `docker save`.
//!
//! Follows the Docker Engine API (from version 1.25): `GET /images/NAME/json` resolves the name, and `GET
//! /images/ID/get` streams the image by that ID, so that a name that moves in between cannot mix two images. Nothing
//! else is called, and nothing is written.
//!
//! The stream does not support seeking. It is read once to its end for the documents and the positions of the
//! layers, and again for the layers, in their order ([`Source::position`]). Rarely, it is read once more, for
//! links whose targets were already passed. Engines before version 25 without the containerd image store
//! write the whole image to their own disk for each of these passes.
//!
//! The content of the stream depends on the engine. With the containerd image store, it is the image with its own
//! digests. Otherwise, the engine has kept neither manifest nor compressed layers: the digest is that of a synthesised
//! manifest, the image is identified by its configuration, and [`Docker::remark`] says so.

mod socket;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use plimsoll_core::text::shown;
use plimsoll_core::{Cancel, Digest, Limits, Platform};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::names::{NamedImage, choose};
use super::narrow::{LocalObjects, Narrowed, narrow};
use crate::archive::{Archive, ArchiveStream};
use crate::descriptor::null_is_default;
use crate::manifest::{self, Document, strict};
use crate::source::{Referrers, Surroundings};
use crate::{Descriptor, Error, Source};
pub use socket::{podman_socket, socket};

/// The name of the engine's store in messages.
pub const STORE: &str = "docker";

/// Bytes of an answer that is not an image. A list of a thousand images has about 1 MiB.
const ANSWER: u64 = 32 * 1024 * 1024;

/// An engine that answers requests. Reading only; `target` is a path with an optional query.
pub trait Engine: fmt::Debug + Send + Sync {
    /// Where it is, for messages.
    fn place(&self) -> String;

    /// A whole answer of at most `limit` bytes; `None` if `target` does not exist.
    fn document(&self, target: &str, limit: u64) -> Result<Option<Vec<u8>>, Error>;

    /// An answer as a stream, received while it is read.
    fn stream(&self, target: &str) -> Result<Box<dyn Read + Send>, Error>;
}

/// The stream of one image.
#[derive(Debug)]
struct SaveStream {
    engine: Arc<dyn Engine>,
    target: String,
}

impl ArchiveStream for SaveStream {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        self.engine.stream(&self.target)
    }
}

/// One image of an engine.
#[derive(Debug)]
pub struct Docker {
    place: String,
    archive: Archive,
    top: Descriptor,
    narrowed: Narrowed,
    /// The image's names with digests in registries.
    repo_digests: Vec<String>,
    limits: Limits,
}

#[derive(Deserialize)]
struct ImageInspect {
    #[serde(rename = "Id")]
    id: Digest,
    #[serde(default, rename = "RepoDigests", deserialize_with = "null_is_default")]
    repo_digests: Vec<String>,
}

#[derive(Deserialize)]
struct ImageSummary {
    #[serde(rename = "Id")]
    id: Digest,
    #[serde(default, rename = "RepoTags", deserialize_with = "null_is_default")]
    names: Vec<String>,
    #[serde(default, rename = "RepoDigests", deserialize_with = "null_is_default")]
    repo_digests: Vec<String>,
}

impl Docker {
    /// Asks `engine` for the image named `wanted`, until `cancel` stops it.
    pub fn open(
        engine: Arc<dyn Engine>,
        wanted: &str,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        let inspected = inspect(engine.as_ref(), wanted, &limits)?;
        let place = format!("docker:{} at {}", shown(wanted), engine.place());
        let save = SaveStream { engine, target: format!("/images/{}/get", inspected.id) };
        let archive = Archive::streamed(Box::new(save), place.clone(), None, limits.clone(), cancel)?;
        let (top, narrowed) = narrow(archive.resolve()?, &Streamed { archive: &archive, limits: &limits })?;
        let opened = Self { place, archive, top, narrowed, repo_digests: inspected.repo_digests, limits };
        opened.is(&inspected.id)?;
        Ok(opened)
    }

    /// Checks that the engine sent the image that it announced: its ID is the digest of the index, the manifest or the
    /// configuration.
    fn is(&self, id: &Digest) -> Result<(), Error> {
        let index = self.narrowed.as_ref().map(|(index, _)| *index);
        if self.top.digest == *id || index == Some(*id) {
            return Ok(());
        }
        let held = Streamed { archive: &self.archive, limits: &self.limits };
        match held.document(&self.top)? {
            Document::Manifest(manifest) if manifest.config.digest == *id => Ok(()),
            Document::Manifest(manifest) => Err(Error::DigestMismatch {
                what: self.place.clone(),
                got: manifest.config.digest,
                expected: *id,
            }),
            Document::Index(_) => {
                Err(Error::DigestMismatch { what: self.place.clone(), got: self.top.digest, expected: *id })
            }
        }
    }

    /// What the reader of a verdict should know about its digests.
    pub fn remark(&self) -> Option<String> {
        let ends_in = |digest: &Digest| {
            let digest = digest.to_string();
            self.repo_digests.iter().any(|name| name.rsplit('@').next() == Some(&digest))
        };
        match &self.narrowed {
            Some((index, platform)) => Some(format!(
                "only {platform} of the index {index} is on this machine; the others are not covered"
            )),
            None if ends_in(&self.top.digest) => None,
            None => Some(match self.repo_digests.first() {
                Some(name) => format!(
                    "Docker has not kept the image's manifest: the digest shown is not the registry's, {}",
                    shown(name)
                ),
                None => {
                    "the digest shown is of the image as Docker exports it; no registry is known to have it"
                        .to_owned()
                }
            }),
        }
    }

    /// The index that the name refers to, and the platform that is here, if others are missing.
    pub fn narrowed(&self) -> Option<(Digest, &Platform)> {
        self.narrowed.as_ref().map(|(index, platform)| (*index, platform))
    }
}

fn inspect(engine: &dyn Engine, wanted: &str, limits: &Limits) -> Result<ImageInspect, Error> {
    // The name becomes part of a path: no valid name contains a character that needs escaping.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let found = if wanted.bytes().all(plain) && !wanted.split('/').any(|part| part == ".." || part.is_empty())
    {
        engine.document(&format!("/images/{wanted}/json"), ANSWER)?
    } else {
        None
    };
    if let Some(bytes) = found {
        return parsed(&bytes, "docker: the image", limits);
    }
    let bytes = engine.document("/images/json", ANSWER)?.unwrap_or_else(|| b"[]".to_vec());
    let listed: Vec<ImageSummary> = parsed(&bytes, "docker: the list of images", limits)?;
    let named: Vec<NamedImage> = listed
        .into_iter()
        .map(|image| NamedImage {
            names: image.names.into_iter().filter(|name| name != "<none>:<none>").collect(),
            identity: image.id,
            digests: image
                .repo_digests
                .iter()
                .filter_map(|name| name.rsplit('@').next()?.parse().ok())
                .collect(),
        })
        .collect();
    // An image that the engine does not know by this name may match by the end of its name.
    let at = choose(&named, wanted, STORE)?;
    let missing = || Error::NotFound { what: format!("image {}", shown(wanted)), place: STORE.to_owned() };
    let id = named.get(at).map(|image| image.identity).ok_or_else(missing)?;
    let bytes = engine.document(&format!("/images/{id}/json"), ANSWER)?.ok_or_else(missing)?;
    parsed(&bytes, "docker: the image", limits)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], what: &str, limits: &Limits) -> Result<T, Error> {
    let limits = {
        let mut own = limits.clone();
        own.manifest_bytes = ANSWER;
        own
    };
    strict(bytes, what, &limits, &["Id", "RepoTags", "RepoDigests"])
}

struct Streamed<'a> {
    archive: &'a Archive,
    limits: &'a Limits,
}

impl LocalObjects for Streamed<'_> {
    fn place(&self) -> String {
        self.archive.describe()
    }

    fn has(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.archive.has(digest))
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Document, Error> {
        let bytes = self.archive.manifest(descriptor)?;
        let what = format!("manifest {}", descriptor.digest);
        manifest::parse(&bytes, &descriptor.media_type, &what, self.limits)
    }
}

impl Source for Docker {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone())
    }

    fn surroundings(&self) -> Result<Surroundings, Error> {
        let stated =
            self.repo_digests.iter().filter_map(|name| name.rsplit('@').next()?.parse::<Digest>().ok());
        let mut around = self.archive.surroundings()?;
        around.indexes.extend(self.narrowed().map(|(index, _)| index));
        around.stated.extend(stated);
        Ok(around)
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.archive.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        self.archive.blob(descriptor)
    }

    fn position(&self, descriptor: &Descriptor) -> Option<u64> {
        self.archive.position(descriptor)
    }

    fn referrers(&self, _subject: &Digest) -> Result<Referrers, Error> {
        Err(Error::NoReferrers { place: self.place.clone() })
    }
}

//! Images that the container engines of this machine keep: Docker, Podman, containerd; and the folders that `skopeo`
//! writes.
//!
//! An engine's store is read as little trusted as a registry: manifest and configuration by digest, layers by their blob's
//! digest or, where only the unpacked files are kept, by the diff ID of the tar made of them again. Nothing is written,
//! no lock is taken, and no engine is asked to change anything.
//!
//! Signatures and other referrers live in registries. A store cannot say that there are none, so asking one for referrers
//! is an error ([`Error::NoReferrers`]) and never an empty answer.
//!
//! | module | what is read | format |
//! | --- | --- | --- |
//! | [`podman`] | files below the graph root | containers-storage with its tar-split files |
//! | [`containerd`] | files below the root | bbolt metadata and the content store |
//! | [`docker`] | the engine's socket | Docker Engine API, the stream of `docker save` |
//! | [`folder`] | files of one folder | the `dir:` transport of containers/image |

pub mod containerd;
pub mod docker;
pub mod folder;
mod names;
mod narrow;
pub mod podman;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use plimsoll_core::{Limits, read};
use serde::Deserialize;

use crate::manifest::strict;
use crate::{Error, media};

/// The media type of a manifest that nothing names: what it says itself, or what its members show.
fn media_type(bytes: &[u8], what: &str, limits: &Limits) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape = strict(bytes, what, limits, &["mediaType", "manifests"])?;
    Ok(shape.media_type.unwrap_or_else(|| {
        if shape.manifests.is_some() { media::OCI_INDEX.to_owned() } else { media::OCI_MANIFEST.to_owned() }
    }))
}

/// Opens a regular file of a store. What is not one (a FIFO would make us wait for ever) counts as missing.
fn open(path: &Path, store: &str) -> Result<File, Error> {
    let file = File::open(path).map_err(|source| denied(path, store, source))?;
    let metadata = file.metadata().map_err(|source| denied(path, store, source))?;
    if metadata.is_file() {
        return Ok(file);
    }
    Err(Error::io(path.display().to_string(), io::ErrorKind::NotFound.into()))
}

/// Reads a whole file of a store, at most `limit` bytes.
fn whole(path: &Path, store: &str, limit: u64, name: &'static str) -> Result<Vec<u8>, Error> {
    let what = path.display().to_string();
    read::to_end(open(path, store)?.by_ref(), limit, name, &what).map_err(|error| match error {
        read::Error::Io { source, .. } => denied(path, store, source),
        read::Error::Limit(limit) => limit.into(),
        other => Error::io(what, io::Error::other(other)),
    })
}

/// A failure to read a store: the lack of permission is the usual one and has an error of its own.
fn denied(path: &Path, store: &str, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::PermissionDenied {
        return Error::StoreDenied { store: store.to_owned(), path: path.display().to_string() };
    }
    Error::io(path.display().to_string(), source)
}

/// Whether there is something at `path`; not being allowed to look is an error.
fn is_there(path: &Path, store: &str) -> Result<bool, Error> {
    path.try_exists().map_err(|source| denied(path, store, source))
}

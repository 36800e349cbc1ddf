//! Images in the stores of this machine's container engines (Docker, Podman, containerd) and in folders that `skopeo`
//! writes.
//!
//! An engine's store is trusted as little as a registry: manifest and configuration are checked by digest, layers by
//! their blob's digest or, if only the unpacked files are kept, by the diff ID of the tar rebuilt from them. Nothing is
//! written, no lock is taken, and no engine is asked to change anything.
//!
//! Signatures and other referrers are in registries. A store cannot know whether there are any, so requesting
//! referrers from it is an error ([`Error::NoReferrers`]) and never an empty answer.
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

/// The media type of a manifest without descriptor: from its own `mediaType`, or from its members.
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

/// Opens a regular file of a store. Anything else counts as missing (a FIFO would block forever).
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

/// A failure to read a store. Missing permission is the usual case and has its own error.
fn denied(path: &Path, store: &str, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::PermissionDenied {
        return Error::StoreDenied { store: store.to_owned(), path: path.display().to_string() };
    }
    Error::io(path.display().to_string(), source)
}

/// Whether `path` exists; a lack of permission is an error.
fn is_there(path: &Path, store: &str) -> Result<bool, Error> {
    path.try_exists().map_err(|source| denied(path, store, source))
}

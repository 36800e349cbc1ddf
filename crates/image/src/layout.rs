//! OCI image layouts: a directory with `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`.
//!
//! Follows the OCI image specification, "OCI Image Layout". Blobs are hashed on every read: content on disk
//! is not trusted more than content from a network (containerd CVE-2026-50195). This module does not write.
//!
//! ```json
//! {"schemaVersion": 2, "manifests": [{"mediaType": "…", "digest": "sha256:…", "size": 401,
//!   "annotations": {"org.opencontainers.image.ref.name": "1.0"}}]}
//! ```
//!
//! [`crate::saved`] is cosign's variant, as `cosign save` writes it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_core::{Cancel, Digest, LimitExceeded, Limits, read};
use serde::Deserialize;

use crate::index::Chooser;
use crate::manifest::strict;
use crate::objects::Objects;
use crate::saved::{self, Unlisted};
use crate::source::{Referrers, Surroundings};
use crate::stoppable::StoppableStream;
use crate::{Descriptor, Error, Source};

/// A layout and the selected image in it.
#[derive(Debug)]
pub struct Layout {
    files: Files,
    chooser: Chooser,
    /// The unlisted manifests among the blobs, once they were needed.
    unlisted: OnceLock<Unlisted>,
}

#[derive(Debug)]
struct Files {
    directory: PathBuf,
    limits: Limits,
    /// A layout may list a thousand manifests, and all of them are read for the referrers of one.
    cancel: Cancel,
}

impl Layout {
    /// Opens the layout in `directory`. `selector` is a reference name (`org.opencontainers.image.ref.name`)
    /// or a digest; without it, the layout must contain exactly one image, not counting its signatures and
    /// other referrers.
    pub fn open(directory: &Path, selector: Option<&str>, limits: Limits) -> Result<Self, Error> {
        Self::open_until(directory, selector, limits, &Cancel::never())
    }

    /// The same, until `cancel` stops it.
    pub fn open_until(
        directory: &Path,
        selector: Option<&str>,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        let files = Files { directory: directory.to_owned(), limits, cancel: cancel.clone() };
        let marker = match files.small("oci-layout") {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::UnknownFormat {
                    place: files.describe(),
                    problem: "it has no file `oci-layout`".to_owned(),
                });
            }
            other => other?,
        };
        let index = files.small("index.json")?;
        let what = files.describe();
        check_version(&marker, &what, &files.limits)?;
        let chooser = Chooser::new(&index, selector, what, &files.limits)?;
        Ok(Self { files, chooser, unlisted: OnceLock::new() })
    }
}

impl Source for Layout {
    fn describe(&self) -> String {
        self.files.describe()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        self.chooser.resolve(&self.files)
    }

    fn surroundings(&self) -> Result<Surroundings, Error> {
        let indexes = self.chooser.indexes_around(&self.resolve()?.digest, &self.files)?;
        Ok(Surroundings { indexes, ..Surroundings::default() })
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.files.document(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        self.files.open(descriptor)
    }

    fn lacks(&self, blob: &Descriptor) -> Result<bool, Error> {
        let path = self.files.path(&blob.digest);
        match std::fs::symlink_metadata(&path) {
            Ok(_) => Ok(false),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(Error::io(path.display().to_string(), source)),
        }
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        // Read again: something may have been attached since the layout was opened.
        let index = self.files.small("index.json")?;
        let chooser = Chooser::new(&index, None, self.describe(), &self.files.limits)?;
        if !chooser.hides_referrers() {
            return chooser.referrers(subject, &[], &self.files);
        }
        let unlisted = self.unlisted()?;
        let of_subject = unlisted.referrers.get(subject).map(Vec::as_slice).unwrap_or_default();
        let mut referrers = chooser.referrers(subject, of_subject, &self.files)?;
        referrers.truncated |= unlisted.truncated;
        Ok(referrers)
    }

    fn named(&self, name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, Error> {
        let index = self.files.small("index.json")?;
        let chooser = Chooser::new(&index, Some(name), self.describe(), &self.files.limits)?;
        match chooser.resolve(&self.files) {
            Ok(descriptor) => self.files.document(&descriptor).map(|bytes| Some((descriptor, bytes))),
            Err(Error::NoSuchImage { .. }) => match chooser.saved_by_cosign(name) {
                Some(descriptor) => {
                    self.files.document(descriptor).map(|bytes| Some((descriptor.clone(), bytes)))
                }
                None => Ok(None),
            },
            Err(error) => Err(error),
        }
    }
}

impl Layout {
    /// The unlisted manifests among the blobs, searched for once.
    fn unlisted(&self) -> Result<&Unlisted, Error> {
        if let Some(found) = self.unlisted.get() {
            return Ok(found);
        }
        let found = saved::unlisted(&self.files.directory, &self.files)?;
        Ok(self.unlisted.get_or_init(|| found))
    }
}

impl Objects for Files {
    fn describe(&self) -> String {
        format!("oci:{}", self.directory.display())
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = &descriptor.digest;
        let path = self.path(digest);
        let what = path.display().to_string();
        let missing = || Error::NotFound { what: format!("blob {digest}"), place: self.describe() };
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(source) => return Err(Error::io(what, source)),
        };
        // Deduplicating storage links blobs inside a layout. A link out of the layout would read files
        // elsewhere.
        let real =
            |path: &Path| std::fs::canonicalize(path).map_err(|source| Error::io(what.as_str(), source));
        if !real(&path)?.starts_with(real(&self.directory)?) {
            let problem = format!("blob {digest} leads out of the layout");
            return Err(Error::malformed(self.describe(), problem));
        }
        // A FIFO would make the reader wait forever.
        if !metadata.is_file() {
            return Err(missing());
        }
        if metadata.len() != descriptor.size {
            return Err(Error::SizeMismatch { what, got: metadata.len(), expected: descriptor.size });
        }
        let file = File::open(&path).map_err(|source| Error::io(what, source))?;
        Ok(Box::new(StoppableStream::new(Box::new(file), &self.cancel)))
    }
}

impl Files {
    /// Where a blob is. Both parts come from a parsed digest, so the path stays inside `blobs`.
    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// One of the two documents that describe the layout.
    fn small(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.directory.join(name);
        let what = path.display().to_string();
        let metadata = std::fs::metadata(&path).map_err(|source| Error::io(what.as_str(), source))?;
        if !metadata.is_file() {
            return Err(Error::UnknownFormat { place: what, problem: "it is not a file".to_owned() });
        }
        let file = File::open(&path).map_err(|source| Error::io(what.as_str(), source))?;
        small(file, &what, &self.limits)
    }
}

/// Reads a document whose size no descriptor bounds.
pub(crate) fn small(reader: impl Read, what: &str, limits: &Limits) -> Result<Vec<u8>, Error> {
    read::to_end(reader, limits.manifest_bytes, "manifest_bytes", what).map_err(|error| match error {
        read::Error::Io { what, source } => Error::io(what, source),
        read::Error::Limit(limit) => limit.into(),
        _ => LimitExceeded::new("manifest_bytes", limits.manifest_bytes, what).into(),
    })
}

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

/// `{"imageLayoutVersion": "1.0.0"}`; later versions 1.x are promised to be readable.
pub(crate) fn check_version(marker: &[u8], what: &str, limits: &Limits) -> Result<(), Error> {
    let marker: Marker = strict(marker, &format!("{what}: oci-layout"), limits, &["imageLayoutVersion"])?;
    if marker.version.split('.').next() == Some("1") {
        return Ok(());
    }
    let got = plimsoll_core::text::shown(&marker.version);
    Err(Error::malformed(
        format!("{what}: oci-layout"),
        format!("got imageLayoutVersion {got}, expected 1.0.0"),
    ))
}

#[cfg(test)]
mod tests;

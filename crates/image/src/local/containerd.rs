//! Images of containerd, and so of Kubernetes nodes and of Docker with its containerd image store: read from the files
//! below its root, without its socket.
//!
//! Follows containerd's layout of version 1 and 2: names in a bbolt database, one bucket for each namespace,
//! and blobs by digest, as they came from the registry. Everything except the names is verified by digest.
//!
//! Of an index, a node keeps only what it runs: usually one platform. Then that platform's manifest is the image, and
//! [`Containerd::narrowed`] returns its index. The namespace is `CONTAINERD_NAMESPACE`, as for containerd's own tools;
//! without it all are searched.
//!
//! ```text
//! io.containerd.metadata.v1.bolt/meta.db                         v1/NAMESPACE/images/NAME/target/{digest,mediatype,size}
//! io.containerd.content.v1.content/blobs/sha256/HEX
//! ```

mod bolt;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Limits, Platform};

use super::names::{NamedImage, choose};
use super::narrow::{LocalObjects, Narrowed, narrow};
use super::{is_there, open};
use crate::manifest::Document;
use crate::objects::Objects;
use crate::source::{Referrers, Surroundings};
use crate::{Descriptor, Error, Source};
use bolt::Bolt;

const STORE: &str = "containerd";
const NAMES: &str = "io.containerd.metadata.v1.bolt/meta.db";
const BLOBS: &str = "io.containerd.content.v1.content/blobs";
/// containerd's own root, that of k3s, and that of Docker if Docker runs containerd itself.
const ROOTS: [&str; 3] =
    ["/var/lib/containerd", "/var/lib/rancher/k3s/agent/containerd", "/var/lib/docker/containerd/daemon"];

/// One image of a store.
#[derive(Debug)]
pub struct Containerd {
    content: Content,
    top: Descriptor,
    narrowed: Narrowed,
}

#[derive(Debug)]
struct Content {
    place: String,
    blobs: PathBuf,
    limits: Limits,
}

/// The folders to search: `CONTAINERD_ROOT`, or the usual ones.
pub fn roots(env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    match env("CONTAINERD_ROOT").filter(|value| !value.is_empty()) {
        Some(root) => vec![root.into()],
        None => ROOTS.iter().map(PathBuf::from).collect(),
    }
}

impl Containerd {
    /// Finds the image named `wanted` in `namespace`, or in any namespace, in the first of `roots` that is a store.
    pub fn open(
        roots: &[PathBuf],
        namespace: Option<&str>,
        wanted: &str,
        limits: Limits,
    ) -> Result<Self, Error> {
        for root in roots {
            if is_there(&root.join(NAMES), STORE)? {
                return Self::find(root, namespace, wanted, limits);
            }
        }
        let looked = roots.iter().map(|root| root.display().to_string()).collect();
        Err(Error::NoStore { store: STORE.to_owned(), looked })
    }

    fn find(root: &Path, namespace: Option<&str>, wanted: &str, limits: Limits) -> Result<Self, Error> {
        let images = images(&Bolt::open(&root.join(NAMES), STORE)?, namespace)?;
        let named: Vec<NamedImage> = images
            .iter()
            .map(|image| NamedImage {
                names: vec![image.name.clone()],
                identity: image.target.digest,
                digests: image.name.parse().into_iter().collect(),
            })
            .collect();
        let place = match namespace {
            Some(namespace) => format!("containerd's namespace {}", shown(namespace)),
            None => STORE.to_owned(),
        };
        let at = choose(&named, wanted, &place)?;
        let target = images
            .into_iter()
            .nth(at)
            .map(|image| image.target)
            .ok_or_else(|| Error::NotFound { what: format!("image {}", shown(wanted)), place })?;
        let place = format!("containerd:{} in {}", shown(wanted), root.display());
        let content = Content { place, blobs: root.join(BLOBS), limits };
        let (top, narrowed) = narrow(target, &content)?;
        Ok(Self { content, top, narrowed })
    }

    /// The index that the name refers to, and the platform that the store has, if others are missing.
    pub fn narrowed(&self) -> Option<(Digest, &Platform)> {
        self.narrowed.as_ref().map(|(index, platform)| (*index, platform))
    }
}

struct ImageRecord {
    name: String,
    target: Descriptor,
}

fn images(bolt: &Bolt, only: Option<&str>) -> Result<Vec<ImageRecord>, Error> {
    let Some(version) = bolt.bucket(bolt.root(), b"v1")? else {
        return Err(Error::malformed(STORE, "its database has no bucket `v1`"));
    };
    let mut found = Vec::new();
    for (namespace, value) in bolt.entries(version)? {
        let bolt::Value::Bucket(bucket) = value else { continue };
        if only.is_some_and(|only| only.as_bytes() != namespace) {
            continue;
        }
        let Some(images) = bolt.bucket(bucket, b"images")? else { continue };
        for (name, value) in bolt.entries(images)? {
            let bolt::Value::Bucket(image) = value else { continue };
            let Some(target) = bolt.bucket(image, b"target")? else { continue };
            let name = String::from_utf8_lossy(name).into_owned();
            let broken = |what: &str| {
                Error::malformed(
                    format!("containerd's image {}", shown(&name)),
                    format!("its {what} is invalid"),
                )
            };
            let text = |key: &str| {
                Ok::<_, Error>(bolt.get(target, key.as_bytes())?.and_then(|b| std::str::from_utf8(b).ok()))
            };
            let digest =
                text("digest")?.and_then(|text| text.parse().ok()).ok_or_else(|| broken("digest"))?;
            let media_type = text("mediatype")?.ok_or_else(|| broken("media type"))?.to_owned();
            let size = bolt.get(target, b"size")?.and_then(varint).ok_or_else(|| broken("size"))?;
            found.push(ImageRecord { target: Descriptor::new(media_type, digest, size), name });
        }
    }
    Ok(found)
}

/// A signed number as Go's `binary.PutVarint` writes it; sizes are not negative.
fn varint(bytes: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate() {
        let shift = u32::try_from(at).ok()?.checked_mul(7).filter(|shift| *shift < 63)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let ends = at + 1 == bytes.len();
            return (ends && number & 1 == 0).then_some(number >> 1);
        }
    }
    None
}

impl Content {
    fn path(&self, digest: &Digest) -> PathBuf {
        // Both parts come from a parsed digest, so the path stays inside `blobs`.
        self.blobs.join(digest.algorithm().name()).join(digest.hex())
    }

    fn file(&self, descriptor: &Descriptor) -> Result<File, Error> {
        let path = self.path(&descriptor.digest);
        let file = match open(&path, STORE) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                let what = format!("blob {}", descriptor.digest);
                return Err(Error::NotFound { what, place: self.place.clone() });
            }
            other => other?,
        };
        let what = path.display().to_string();
        let got = file.metadata().map_err(|source| Error::io(what.as_str(), source))?.len();
        if got != descriptor.size {
            return Err(Error::SizeMismatch { what, got, expected: descriptor.size });
        }
        Ok(file)
    }
}

impl LocalObjects for Content {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn has(&self, digest: &Digest) -> Result<bool, Error> {
        is_there(&self.path(digest), STORE)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Document, Error> {
        self.parsed(descriptor)
    }
}

impl Objects for Content {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(self.file(descriptor)?))
    }
}

impl Source for Containerd {
    fn describe(&self) -> String {
        self.content.place.clone()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone())
    }

    fn surroundings(&self) -> Result<Surroundings, Error> {
        let indexes = self.narrowed().map(|(index, _)| index).into_iter().collect();
        Ok(Surroundings { indexes, ..Surroundings::default() })
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        Objects::document(&self.content, descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        self.content.open(descriptor)
    }

    fn referrers(&self, _subject: &Digest) -> Result<Referrers, Error> {
        Err(Error::NoReferrers { place: self.content.place.clone() })
    }
}

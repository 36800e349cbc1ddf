//! Images of Podman, Buildah, CRI-O and `skopeo`: containers-storage on disk, read without these tools.
//!
//! Follows the layout that containers/storage writes for the drivers `overlay` and `vfs`: lists of images and layers as
//! JSON, manifests and configurations beside the image, each layer unpacked into a folder. The tar of a layer is
//! rebuilt from these files and its tar-split file, and must have the diff ID in the configuration. So the manifest is
//! the real one, and its blobs' digests are known, but there are no compressed bytes to hash.
//!
//! Files are opened below a layer's folder without following links. The store is not locked: a list is replaced as a
//! whole, and an image that is removed or changed at the same time results in an error.
//!
//! ```text
//! overlay-images/images.json            [{"id": "b385…", "digest": "sha256:…", "names": ["docker.io/library/debian:12"], …}]
//! overlay-images/ID/manifest  overlay-images/ID/=BASE64      manifests and the configuration
//! overlay-layers/layers.json            [{"id": "17c4…", "parent": "…", "diff-digest": "sha256:…", "diff-size": 170401280}]
//! overlay-layers/ID.tar-split.gz  overlay/ID/diff  vfs/dir/ID
//! ```

mod beneath;
mod places;
mod records;
mod tarsplit;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, LimitExceeded, Limits};

use crate::artifact::Layer;
use crate::local::names::{NamedImage, choose};
use crate::local::{denied, media_type, open};
use crate::manifest::{self, Document};
use crate::source::{Referrers, Surroundings};
use crate::{Descriptor, Error, Source, media};
use beneath::ConfinedFolder;
pub use places::{StoreEnvironment, directories, effective_user};
use records::{ImageRecord, Root};
use tarsplit::TarSplit;

/// The store in messages.
pub(super) const STORE: &str = "podman";

/// One image of a store.
#[derive(Debug)]
pub struct Podman {
    place: String,
    root: Root,
    image: ImageRecord,
    top: Descriptor,
    manifest: Vec<u8>,
    /// Diff ID to the unpacked layer.
    layers: HashMap<Digest, Unpacked>,
    limits: Limits,
}

/// A layer of the image, and where it was unpacked.
#[derive(Debug)]
struct Unpacked {
    files: PathBuf,
    split: PathBuf,
    size: u64,
}

impl Podman {
    /// Finds the image named `wanted` in the first of the stores `directories` that has it.
    pub fn open(directories: &[PathBuf], wanted: &str, limits: Limits) -> Result<Self, Error> {
        let mut roots = Vec::new();
        for directory in directories {
            roots.extend(Root::all(directory)?);
        }
        if roots.is_empty() {
            let looked = directories.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::NoStore { store: STORE.to_owned(), looked });
        }
        let mut images = Vec::new();
        for root in &roots {
            images.extend(root.images(&limits)?.into_iter().map(|image| (root.clone(), image)));
        }
        let named: Vec<NamedImage> =
            images.iter().map(|(_, image)| named(image)).collect::<Result<_, _>>()?;
        let at = choose(&named, wanted, STORE)?;
        let Some((root, image)) = images.into_iter().nth(at) else {
            return Err(Error::NotFound { what: format!("image {wanted}"), place: STORE.to_owned() });
        };
        let place = format!("podman:{} in {}", plimsoll_core::text::shown(wanted), root.directory.display());
        let manifest = root.big_data(&image, "manifest", &limits)?;
        let top =
            Descriptor::for_bytes(media_type(&manifest, &format!("{place}: manifest"), &limits)?, &manifest);
        // The image's own digest may be that of another of its manifests, so the digest of this file comes first.
        let of_file = image.big_data.get("manifest").copied();
        let of_image =
            image.digest.filter(|digest| !image.big_data.contains_key(&format!("manifest-{digest}")));
        for expected in [of_file, of_image].into_iter().flatten() {
            if expected != top.digest {
                return Err(Error::DigestMismatch {
                    what: format!("{place}: manifest"),
                    got: top.digest,
                    expected,
                });
            }
        }
        let layers = chain(&roots, &image, &place, &limits)?;
        Ok(Self { place, root, image, top, manifest, layers, limits })
    }

    /// The image's full names in the store.
    pub fn names(&self) -> &[String] {
        &self.image.names
    }
}

fn named(image: &ImageRecord) -> Result<NamedImage, Error> {
    let id = format!("sha256:{}", image.id);
    let identity: Digest = id.parse().map_err(|_| {
        let problem =
            format!("got the image ID `{}`, expected 64 hex digits", plimsoll_core::text::shown(&image.id));
        Error::malformed(STORE, problem)
    })?;
    // One image may have been pulled through several manifests; each is stored under its digest.
    let mut digests: Vec<Digest> =
        image.big_data.keys().filter_map(|name| name.strip_prefix("manifest-")?.parse().ok()).collect();
    digests.extend(image.digest);
    Ok(NamedImage { names: image.names.clone(), identity, digests })
}

/// The layers of an image, from the top to the base.
fn chain(
    roots: &[Root],
    image: &ImageRecord,
    place: &str,
    limits: &Limits,
) -> Result<HashMap<Digest, Unpacked>, Error> {
    let mut lists = Vec::new();
    for root in roots {
        lists.push((root, root.layers()?));
    }
    let mut layers = HashMap::new();
    let mut next = image.layer.clone();
    let mut count = 0;
    while let Some(id) = next.take().filter(|id| !id.is_empty()) {
        // This also ends a circular chain.
        count += 1;
        if count > limits.layers {
            return Err(LimitExceeded::new("layers", limits.layers as u64, place).into());
        }
        let found = lists.iter().find_map(|(root, list)| Some((*root, list.get(&id)?)));
        let Some((root, record)) = found else {
            let what = format!("layer {}", plimsoll_core::text::shown(&id));
            return Err(Error::NotFound { what, place: place.to_owned() });
        };
        if let Some(diff_id) = record.diff_id {
            let (files, split) = root.layer(&record.id)?;
            let size = u64::try_from(record.diff_size).unwrap_or_default();
            layers.insert(diff_id, Unpacked { files, split, size });
        }
        next.clone_from(&record.parent);
    }
    Ok(layers)
}

impl Podman {
    fn unpacked(&self, diff_id: &Digest) -> Result<&Unpacked, Error> {
        self.layers
            .get(diff_id)
            .ok_or_else(|| Error::NotFound { what: format!("layer {diff_id}"), place: self.place.clone() })
    }
}

impl Source for Podman {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone())
    }

    fn surroundings(&self) -> Result<Surroundings, Error> {
        let mut around = Surroundings::default();
        for digest in named(&self.image)?.digests.into_iter().filter(|digest| *digest != self.top.digest) {
            let lists = |bytes: Vec<u8>| {
                let what = format!("{}: manifest {digest}", self.place);
                let descriptor = Descriptor::for_bytes(media_type(&bytes, &what, &self.limits)?, &bytes);
                let document = manifest::parse(&bytes, &descriptor.media_type, &what, &self.limits)?;
                let lists = match document {
                    Document::Index(index) => index.manifests.iter().any(|it| it.digest == self.top.digest),
                    Document::Manifest(_) => false,
                };
                Ok::<_, Error>(descriptor.digest == digest && lists)
            };
            let bytes = self.root.big_data(&self.image, &format!("manifest-{digest}"), &self.limits);
            match bytes.and_then(lists) {
                Ok(true) => around.indexes.push(digest),
                // Whatever it is, it is not proven to be this image.
                Ok(false) | Err(_) => around.stated.push(digest),
            }
        }
        Ok(around)
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        if descriptor.digest == self.top.digest {
            return Ok(self.manifest.clone());
        }
        let bytes =
            self.root.big_data(&self.image, &format!("manifest-{}", descriptor.digest), &self.limits)?;
        descriptor.check(&bytes, &format!("{}: manifest {}", self.place, descriptor.digest))?;
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = &descriptor.digest;
        if descriptor.media_type != media::OCI_LAYER || !self.layers.contains_key(digest) {
            // The configuration; layers are requested in their stored form.
            let bytes = self.root.big_data(&self.image, &digest.to_string(), &self.limits)?;
            return Ok(Box::new(std::io::Cursor::new(bytes)));
        }
        let unpacked = self.unpacked(digest)?;
        let files =
            ConfinedFolder::new(&unpacked.files).map_err(|source| denied(&unpacked.files, STORE, source))?;
        let split = open_split(&unpacked.split)?;
        let what = format!("layer {digest}");
        Ok(Box::new(TarSplit::new(split, files, what, self.limits.clone())))
    }

    fn stored(&self, layer: &Layer) -> Result<Descriptor, Error> {
        let unpacked = self.unpacked(&layer.diff_id)?;
        Ok(Descriptor::new(media::OCI_LAYER, layer.diff_id, unpacked.size))
    }

    fn referrers(&self, _subject: &Digest) -> Result<Referrers, Error> {
        Err(Error::NoReferrers { place: self.place.clone() })
    }
}

fn open_split(path: &Path) -> Result<File, Error> {
    match open(path, STORE) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let problem = "the store has no tar-split file for it, so its tar cannot be rebuilt";
            Err(Error::malformed(path.display().to_string(), problem))
        }
        other => other,
    }
}

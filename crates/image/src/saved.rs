//! Layouts as `cosign save` writes them and `cosign load` reads them.
//!
//! ```json
//! {"schemaVersion": 2, "manifests": [
//!   {"digest": "sha256:4a78…", "annotations": {"kind": "dev.cosignproject.cosign/image"}, "…": "…"},
//!   {"digest": "sha256:5d0d…", "annotations": {"kind": "dev.cosignproject.cosign/sigs"}, "…": "…"},
//!   {"digest": "sha256:263b…", "annotations": {"kind": "dev.cosignproject.cosign/atts"}, "…": "…"}]}
//! ```
//!
//! The image has no name, and its evidence is marked by kind: signatures and attestations in the older format
//! belong to the one image. Referrers are not listed: they are among the blobs, so each file must be
//! examined.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use plimsoll_core::Digest;

use crate::manifest::{Document, Manifest};
use crate::objects::Objects;
use crate::{Descriptor, Error, media};

/// The annotation with an entry's kind.
pub const KIND: &str = "kind";
/// An image.
pub const IMAGE: &str = "dev.cosignproject.cosign/image";
/// An index.
pub const INDEX: &str = "dev.cosignproject.cosign/imageIndex";
/// The manifest with the tag `sha256-….sig` in a registry.
pub const SIGNATURES: &str = "dev.cosignproject.cosign/sigs";
/// The manifest with the tag `sha256-….att` in a registry.
pub const ATTESTATIONS: &str = "dev.cosignproject.cosign/atts";

/// Files that are examined for referrers: an image with a hundred signatures has some three hundred.
const MOST_FILES: usize = 16 * 1024;

/// Whether the entry is the image; `None` without cosign's annotation.
pub(crate) fn is_image(entry: &Descriptor) -> Option<bool> {
    match entry.annotations.get(KIND)?.as_str() {
        IMAGE | INDEX => Some(true),
        SIGNATURES | ATTESTATIONS => Some(false),
        _ => None,
    }
}

/// The entry with the tag `name` in a registry: the signatures or attestations of the one image.
pub(crate) fn named<'a>(entries: &'a [Descriptor], name: &str) -> Option<&'a Descriptor> {
    let (subject, suffix) = name.rsplit_once('.')?;
    let kind = match suffix {
        "sig" => SIGNATURES,
        "att" => ATTESTATIONS,
        _ => return None,
    };
    let digest: Digest = subject.replacen('-', ":", 1).parse().ok()?;
    let mut images = entries.iter().filter(|entry| is_image(entry) == Some(true));
    let (Some(image), None) = (images.next(), images.next()) else { return None };
    let mut of_kind = entries.iter().filter(|entry| entry.annotations.get(KIND).is_some_and(|is| is == kind));
    let (Some(found), None) = (of_kind.next(), of_kind.next()) else { return None };
    (image.digest == digest).then_some(found)
}

/// Whether only cosign wrote the index, so that there may be unlisted referrers among the blobs. Other tools name the
/// image, or list its referrers.
pub(crate) fn hides_referrers(entries: &[Descriptor], name: &str) -> bool {
    entries.iter().any(|entry| is_image(entry) == Some(true) && !entry.annotations.contains_key(name))
}

/// Manifests among the blobs.
#[derive(Debug, Default)]
pub(crate) struct Unlisted {
    /// By their subject.
    pub(crate) referrers: BTreeMap<Digest, Vec<Descriptor>>,
    /// Whether there are more files than were examined.
    pub(crate) truncated: bool,
}

/// The manifests with a subject among the blobs.
pub(crate) fn unlisted(directory: &Path, objects: &impl Objects) -> Result<Unlisted, Error> {
    let mut found = Unlisted::default();
    let failed = |source| Error::io(directory.display().to_string(), source);
    let folder = match std::fs::read_dir(directory.join("blobs").join("sha256")) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for (count, entry) in folder.enumerate() {
        if count == MOST_FILES {
            found.truncated = true;
            break;
        }
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(digest) = name.to_str().and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok())
        else {
            continue;
        };
        // The metadata of the entry itself: a link or a FIFO is not a file.
        let metadata = entry.metadata().map_err(failed)?;
        let small = metadata.is_file() && metadata.len() <= objects.limits().manifest_bytes;
        if !small || !begins_as_json(&entry.path()).map_err(failed)? {
            continue;
        }
        let descriptor = Descriptor::new(media::OCI_MANIFEST, digest, metadata.len());
        match objects.parsed(&descriptor) {
            Ok(Document::Manifest(Manifest { subject: Some(subject), .. })) => {
                found.referrers.entry(subject.digest).or_default().push(descriptor);
            }
            Err(error @ (Error::Io { .. } | Error::Stopped(_))) => return Err(error),
            // Most are configurations and bundles; only manifests refer to a subject.
            Ok(_) | Err(_) => {}
        }
    }
    for referrers in found.referrers.values_mut() {
        referrers.sort_by_key(|referrer| referrer.digest);
    }
    Ok(found)
}

/// Layers are most of the bytes, and no layer begins like JSON.
fn begins_as_json(path: &Path) -> std::io::Result<bool> {
    let mut first = [0];
    let count = File::open(path)?.read(&mut first)?;
    Ok(count == 1 && first == *b"{")
}

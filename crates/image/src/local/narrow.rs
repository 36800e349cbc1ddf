//! From an index that an engine has only in part to the image that would run on this machine.
//!
//! Engines fetch only the manifest and the layers of their own platform, so few stores have a complete index.

use plimsoll_core::{Digest, Platform};

use crate::manifest::Document;
use crate::{Descriptor, Error, media};

/// A place that may have only a part of an index.
pub(super) trait LocalObjects {
    /// The place, for messages.
    fn place(&self) -> String;
    /// Whether the blob is there.
    fn has(&self, digest: &Digest) -> Result<bool, Error>;
    /// A manifest, verified and parsed.
    fn document(&self, descriptor: &Descriptor) -> Result<Document, Error>;
}

/// The index that was narrowed, and the platform that is in the store.
pub(super) type Narrowed = Option<(Digest, Platform)>;

/// `target` itself if it is complete; otherwise the child for this machine's platform, otherwise the first
/// complete one.
pub(super) fn narrow(target: Descriptor, place: &impl LocalObjects) -> Result<(Descriptor, Narrowed), Error> {
    if !media::is_index(&target.media_type) {
        return Ok((target, None));
    }
    let Document::Index(index) = place.document(&target)? else { return Ok((target, None)) };
    let is_runnable = |child: &&Descriptor| child.platform.as_ref().is_none_or(Platform::is_runnable);
    let mut here = Vec::new();
    let mut all = true;
    for child in index.manifests.iter().filter(is_runnable) {
        if is_whole(child, place)? {
            here.push(child);
        } else {
            all = false;
        }
    }
    if all {
        return Ok((target, None));
    }
    let host = Platform::host();
    let fits =
        |child: &&&Descriptor| child.platform.as_ref().is_some_and(|platform| platform.satisfies(&host));
    let Some(child) = here.iter().find(fits).or(here.first()).copied() else {
        let what = format!("whole image of the index {}", target.digest);
        return Err(Error::NotFound { what, place: place.place() });
    };
    let platform = child.platform.clone().unwrap_or(host);
    Ok((child.clone(), Some((target.digest, platform))))
}

/// Whether the store has a manifest and everything that it refers to.
fn is_whole(manifest: &Descriptor, place: &impl LocalObjects) -> Result<bool, Error> {
    if !media::is_manifest(&manifest.media_type) || !place.has(&manifest.digest)? {
        return Ok(false);
    }
    let Document::Manifest(manifest) = place.document(manifest)? else { return Ok(false) };
    for part in [&manifest.config].into_iter().chain(&manifest.layers) {
        if !place.has(&part.digest)? {
            return Ok(false);
        }
    }
    Ok(true)
}

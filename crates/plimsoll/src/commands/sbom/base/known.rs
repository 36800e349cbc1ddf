//! The bases that the user knows: images of any place, and a list of layers.
//!
//! ```yaml
//! bases:
//!   - name: registry.example/debian:12
//!     digest: sha256:9aa8…                 # of its manifest; optional
//!     layers: [sha256:5f70…]               # diff IDs, lowest first
//! ```

use std::path::Path;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Kind, yaml};
use plimsoll_gather::{Access, OpenedSubject, Subject, open};
use plimsoll_image::artifact::Image;
use plimsoll_sbom::{BaseEvidence, BaseImage};
use serde::Deserialize;

use super::{MAX_NAME, diff_ids};
use crate::failure::Failure;
use crate::settings::read_file;

/// Images that are opened. Each needs one or more requests; lists of layers need none.
const MAX_OPENED: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    bases: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    digest: Option<Digest>,
    layers: Vec<Digest>,
}

/// All of them.
#[derive(Default)]
pub(in crate::commands::sbom) struct KnownBases<'a> {
    opened: Vec<(&'a str, OpenedSubject)>,
    listed: Vec<Listed>,
}

impl<'a> KnownBases<'a> {
    pub(super) fn open(names: &'a [String], list: Option<&Path>, access: &Access) -> Result<Self, Failure> {
        if names.len() > MAX_OPENED {
            let what = format!("{} known bases, of which at most {MAX_OPENED} can be images", names.len());
            return Err(Failure::new(Kind::Usage, what).with_hint("name their layers in --known-bases"));
        }
        let mut known = Self::default();
        for name in names {
            let opened = open(&Subject::parse(name)?, access)?;
            if !matches!(opened, OpenedSubject::Image { .. }) {
                return Err(Failure::new(Kind::Usage, format!("the base {} is not an image", shown(name))));
            }
            known.opened.push((name, opened));
        }
        if let Some(path) = list {
            let origin = path.display().to_string();
            let bytes = read_file(path, access.limits.document_bytes)?;
            let list: List = yaml::read(&bytes, &origin, yaml::Size::LIST)?;
            for base in &list.bases {
                let is_name =
                    (1..=MAX_NAME).contains(&base.name.len()) && !base.name.contains(char::is_control);
                if !is_name || base.layers.is_empty() {
                    let what = format!("{origin}: the base `{}` has no name or no layers", shown(&base.name));
                    return Err(Failure::new(Kind::Usage, what));
                }
            }
            known.listed = list.bases;
        }
        Ok(known)
    }

    /// Of the bases that `image` was built on, the one with the most layers; of equal ones the first.
    pub(super) fn base_of(&self, image: &Image) -> Option<BaseImage> {
        let own = diff_ids(image);
        let mut found: Option<BaseImage> = None;
        let mut consider = |name: &str, digest: Option<Digest>, layers: &[Digest]| {
            let is_more = found.as_ref().and_then(|best| best.layers).unwrap_or_default() < layers.len();
            // An image is not its own base.
            if is_more && own.starts_with(layers) && digest != Some(image.manifest.digest) {
                found = Some(BaseImage {
                    name: Some(name.to_owned()),
                    digest,
                    identity: Some(BaseEvidence::KnownBase),
                    layers: Some(layers.len()),
                    boundary: Some(BaseEvidence::KnownBase),
                });
            }
        };
        for (name, opened) in &self.opened {
            // For any platform: equal content is equal.
            let OpenedSubject::Image { artifact, .. } = opened else { continue };
            for base in &artifact.images {
                consider(name, Some(base.manifest.digest), &diff_ids(base));
            }
        }
        for base in &self.listed {
            consider(&base.name, base.digest, &base.layers);
        }
        found
    }
}

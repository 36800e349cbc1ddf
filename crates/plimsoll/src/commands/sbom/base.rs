//! The image that an image was built on: the one that the user names, if its layers are the lowest of the image's own; else
//! whatever the image claims about itself, which says nothing about layers.

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Kind};
use plimsoll_gather::{Access, OpenedSubject, Subject, open};
use plimsoll_image::artifact::Image;
use plimsoll_sbom::BaseImage;
use serde::Deserialize;

use crate::failure::Failure;

/// Annotations of a manifest, and labels, by which builders name the base (OCI image specification, "Annotations").
const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";
/// The longest name that is told.
const MAX_NAME: usize = 512;

/// The base that the user names.
pub(super) struct NamedBase<'a> {
    name: &'a str,
    opened: OpenedSubject,
}

impl<'a> NamedBase<'a> {
    pub(super) fn open(name: &'a str, access: &Access) -> Result<Self, Failure> {
        Ok(Self { name, opened: open(&Subject::parse(name)?, access)? })
    }

    /// What is known of it, if `image` was built on it.
    fn base_of(&self, image: &Image) -> Result<BaseImage, Failure> {
        let Some(base) = self.opened.one_image(Some(&image.platform))? else {
            return Err(Failure::new(Kind::Usage, format!("the base {} is no image", shown(self.name))));
        };
        let diff_ids = |image: &'_ Image| image.layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>();
        if !diff_ids(image).starts_with(&diff_ids(base)) {
            let what = format!(
                "{} was not built on {}: got other layers, expected the {} of {}",
                image.manifest.digest,
                shown(self.name),
                base.layers.len(),
                base.manifest.digest
            );
            return Err(Failure::new(Kind::Failed, what)
                .with_hint("name the base by the digest that the build used; its tag may have moved on"));
        }
        Ok(BaseImage {
            name: Some(self.name.to_owned()),
            digest: Some(base.manifest.digest),
            layers: Some(base.layers.len()),
        })
    }
}

/// The base of an image, as far as it is known.
pub(super) fn find(image: &Image, named: Option<&NamedBase<'_>>) -> Result<Option<BaseImage>, Failure> {
    named.map_or_else(|| Ok(claimed(image)), |named| named.base_of(image).map(Some))
}

/// What the image says itself: its manifest, else its labels.
fn claimed(image: &Image) -> Option<BaseImage> {
    #[derive(Default, Deserialize)]
    struct Manifest {
        #[serde(default)]
        annotations: std::collections::BTreeMap<String, String>,
    }
    let manifest: Manifest = serde_json::from_slice(&image.raw_manifest).unwrap_or_default();
    let stated = |key| manifest.annotations.get(key).or_else(|| image.labels.get(key));
    let is_name =
        |name: &&String| (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    let name = stated(NAME).filter(is_name).cloned();
    let digest: Option<Digest> = stated(DIGEST).and_then(|digest| digest.parse().ok());
    (name.is_some() || digest.is_some()).then_some(BaseImage { name, digest, layers: None })
}

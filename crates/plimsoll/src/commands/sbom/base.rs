//! The base image of an image, by the best available evidence: the base that the user names, whose layers must be the
//! lowest of the image's own; the bases that the user knows; or else the image's own claims: annotations and labels
//! name the base, and the history shows where it ends.

mod known;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Kind};
use plimsoll_gather::{Access, OpenedSubject, Subject, open};
use plimsoll_image::artifact::Image;
use plimsoll_image::history;
use plimsoll_sbom::{BaseEvidence, BaseImage};
use serde::Deserialize;

use crate::failure::Failure;
use crate::settings::sbom::DocumentSettings;
use known::KnownBases;

/// Annotations of a manifest, and labels, by which builders name the base (OCI image specification, "Annotations").
const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";
/// The longest name that is shown.
const MAX_NAME: usize = 512;

/// The user's statements about bases.
pub(super) enum Bases<'a> {
    Named(NamedBase<'a>),
    Known(KnownBases<'a>),
}

impl<'a> Bases<'a> {
    pub(super) fn open(settings: &'a DocumentSettings, access: &Access) -> Result<Self, Failure> {
        if let Some(name) = &settings.base {
            return Ok(Self::Named(NamedBase { name, opened: open(&Subject::parse(name)?, access)? }));
        }
        KnownBases::open(&settings.known_bases, settings.list_of_bases.as_deref(), access).map(Self::Known)
    }

    /// The base of an image, as far as it is known.
    pub(super) fn base_of(&self, image: &Image) -> Result<Option<BaseImage>, Failure> {
        match self {
            Self::Named(named) => named.base_of(image).map(Some),
            Self::Known(known) => Ok(known.base_of(image).or_else(|| claimed(image))),
        }
    }
}

/// The base that the user names.
pub(super) struct NamedBase<'a> {
    name: &'a str,
    opened: OpenedSubject,
}

impl NamedBase<'_> {
    /// The named base, if `image` was built on it.
    fn base_of(&self, image: &Image) -> Result<BaseImage, Failure> {
        let Some(base) = self.opened.one_image(Some(&image.platform))? else {
            return Err(Failure::new(Kind::Usage, format!("the base {} is not an image", shown(self.name))));
        };
        if !diff_ids(image).starts_with(&diff_ids(base)) {
            let what = format!(
                "{} was not built on {}: got other layers, expected the {} of {}",
                image.manifest.digest,
                shown(self.name),
                base.layers.len(),
                base.manifest.digest
            );
            return Err(Failure::new(Kind::Failed, what)
                .with_hint("name the base by the digest that the build used; its tag may have moved"));
        }
        Ok(BaseImage {
            name: Some(self.name.to_owned()),
            digest: Some(base.manifest.digest),
            identity: Some(BaseEvidence::NamedBase),
            layers: Some(base.layers.len()),
            boundary: Some(BaseEvidence::NamedBase),
        })
    }
}

/// The base by comparison of layers.
fn diff_ids(image: &Image) -> Vec<Digest> {
    image.layers.iter().map(|layer| layer.diff_id).collect()
}

/// The image's own claim: in its manifest, or else in its labels, or else in its history.
pub(in crate::commands) fn claimed(image: &Image) -> Option<BaseImage> {
    #[derive(Default, Deserialize)]
    struct Manifest {
        #[serde(default)]
        annotations: std::collections::BTreeMap<String, String>,
    }
    let manifest: Manifest = serde_json::from_slice(&image.raw_manifest).unwrap_or_default();
    let is_name =
        |name: &&String| (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    let by = |evidence, stated: &std::collections::BTreeMap<String, String>| {
        let name = stated.get(NAME).filter(is_name).cloned();
        let digest: Option<Digest> = stated.get(DIGEST).and_then(|digest| digest.parse().ok());
        let is_told = name.is_some() || digest.is_some();
        is_told.then(|| BaseImage { name, digest, identity: Some(evidence), ..BaseImage::default() })
    };
    let stated = by(BaseEvidence::Annotation, &manifest.annotations)
        .or_else(|| by(BaseEvidence::Label, &image.labels));
    let Some(history) = history::base(&image.history) else { return stated };
    let boundary = (Some(history.layers), Some(BaseEvidence::History));
    let name = history.name.filter(|name| is_name(&name));
    let identity = name.is_some().then_some(BaseEvidence::History);
    let base = stated.unwrap_or(BaseImage { name, identity, ..BaseImage::default() });
    Some(BaseImage { layers: boundary.0, boundary: boundary.1, ..base })
}

//! Images to which evidence is attached: opens the place, and selects the images.

use plimsoll_attach::layout::LayoutStore;
use plimsoll_core::{Digest, Kind, Limits, Platform};
use plimsoll_gather::{Access, Subject, open_registry};
use plimsoll_image::layout::Layout;
use plimsoll_image::{Descriptor, Store, artifact};

use crate::failure::Failure;
use crate::settings::EvidenceRepository;

/// A place with an image and what is attached to it.
pub(super) struct Place {
    pub(super) store: Box<dyn Store>,
    /// The evidence repository, if it differs from the image's own.
    pub(super) evidence_repository: Option<Box<dyn Store>>,
    pub(super) subject: Subject,
    limits: Limits,
}

/// One image, or an index of images.
pub(super) struct Target {
    pub(super) descriptor: Descriptor,
    /// The platform, for one of several images of an index.
    pub(super) platform: Option<String>,
}

/// One image or index to verify.
pub(super) struct Selected {
    pub(super) digest: Digest,
    /// The platform, for one of several images of an index.
    pub(super) platform: Option<String>,
    /// The digest that the subject named. It is unknown yet whether such an image exists.
    unconfirmed: bool,
}

impl Place {
    /// Opens what `text` names: a registry itself, not a mirror of it, or an OCI layout. Evidence about it is there
    /// too, unless `repository` names another place.
    pub(super) fn open(
        text: &str,
        repository: &EvidenceRepository,
        access: &Access,
    ) -> Result<Self, Failure> {
        let subject = Subject::parse(text)?;
        let store: Box<dyn Store> = match &subject {
            Subject::Registry(reference) => Box::new(open_registry(reference, access)?),
            Subject::Layout(dir, selector) => {
                let layout =
                    Layout::open_until(dir, selector.as_deref(), access.limits.clone(), &access.cancel)?;
                Box::new(LayoutStore::new(dir, layout, access.limits.clone()))
            }
            _ => {
                return Err(Failure::new(Kind::Usage, format!("{subject} cannot store a signature"))
                    .with_hint("push it to a registry or unpack it into an OCI layout first"));
            }
        };
        let evidence_repository: Option<Box<dyn Store>> = match repository.reference(&subject)? {
            Some(reference) => Some(Box::new(open_registry(&reference, access)?)),
            None => None,
        };
        Ok(Self { store, evidence_repository, subject, limits: access.limits.clone() })
    }

    /// Where to find what is attached to the image.
    pub(super) fn evidence(&self) -> &dyn Store {
        self.evidence_repository.as_deref().unwrap_or(self.store.as_ref())
    }

    /// As [`Self::targets`], but a digest that the subject names is used without asking the registry.
    pub(super) fn select(
        &self,
        platform: Option<&Platform>,
        recursive: bool,
    ) -> Result<Vec<Selected>, Failure> {
        if let (Subject::Registry(reference), None, false) = (&self.subject, platform, recursive)
            && let Some(digest) = reference.digest()
        {
            return Ok(vec![Selected { digest, platform: None, unconfirmed: true }]);
        }
        let confirmed = |target: Target| Selected {
            digest: target.descriptor.digest,
            platform: target.platform,
            unconfirmed: false,
        };
        Ok(self.targets(platform, recursive)?.into_iter().map(confirmed).collect())
    }

    /// Requests an image that was only named by digest, if nothing was found about it: a missing image is not an
    /// unsigned one.
    pub(super) fn confirm(&self, selected: &Selected, offline: bool) -> Result<(), Failure> {
        if selected.unconfirmed && !offline {
            self.store.resolve()?;
        }
        Ok(())
    }

    /// What the subject resolves to; with `platform`, the one image that it names; with `recursive`, everything that it
    /// lists: images, artifacts, indexes, and their content.
    pub(super) fn targets(
        &self,
        platform: Option<&Platform>,
        recursive: bool,
    ) -> Result<Vec<Target>, Failure> {
        let top = self.store.resolve()?;
        if platform.is_none() && !recursive {
            return Ok(vec![Target { descriptor: top, platform: None }]);
        }
        if recursive {
            let parts = artifact::parts(self.store.as_ref(), &top, &self.limits)?;
            let target = |descriptor: Descriptor| Target {
                platform: descriptor.platform.as_ref().map(ToString::to_string),
                descriptor,
            };
            return Ok(parts.into_iter().map(target).collect());
        }
        let artifact = artifact::load(self.store.as_ref(), &top, &self.limits)?;
        let target = |image: &artifact::Image| Target {
            descriptor: image.manifest.clone(),
            platform: Some(image.platform.to_string()),
        };
        let found = artifact.select(platform)?;
        if let Some(absent) = artifact.absent(platform).first() {
            return Err(artifact.absence(absent).into());
        }
        match found.as_slice() {
            [one] => Ok(vec![target(one)]),
            several => {
                let shown = platform.map(ToString::to_string).unwrap_or_default();
                Err(Failure::new(Kind::Usage, format!("{} images are for {shown}", several.len()))
                    .with_hint("name the image by digest"))
            }
        }
    }

    /// The subject with the digest, unless it already contains it.
    pub(super) fn name_of(&self, digest: &Digest) -> String {
        let name = self.subject.to_string();
        if name.ends_with(&digest.to_string()) { name } else { format!("{name} ({digest})") }
    }
}

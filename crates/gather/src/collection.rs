//! What to collect: for which policies, with which database, and how layers are read.

use std::collections::BTreeSet;

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Algorithm, Cancel, Classify, Limits, Platform, Timestamp};
use plimsoll_image::artifact::Image;
use plimsoll_image::layers::cache::LayerCache;
use plimsoll_image::layers::{LayerDigests, Shared};
use plimsoll_image::{Progress, Source};
use plimsoll_policy::{DenyList, Needs, Policy};
use plimsoll_sbom::{Catalogers, Inventory};
use plimsoll_verify::TrustedRoot;
use plimsoll_vuln::Database;

use crate::Error;

/// Reads the layers of a run's images for the catalogers, shared layers only once. There is one for the whole run: the
/// facts of a layer are kept with the digests that they were verified against.
pub struct Layers {
    pub(crate) catalogers: &'static Catalogers,
    pub(crate) shared: Shared<'static>,
    /// Whether layers are read as a whole if there is no policy.
    pub(crate) digests: LayerDigests,
}

/// [`Layers`] for every cataloger.
pub fn layers(limits: &Limits) -> Layers {
    layers_for(Catalogers::all(), limits)
}

/// [`Layers`] for a choice of catalogers.
pub fn layers_for(catalogers: &'static Catalogers, limits: &Limits) -> Layers {
    let digests = LayerDigests::Computed;
    Layers { catalogers, shared: Shared::new(catalogers, limits.clone()), digests }
}

impl Layers {
    /// Also keeps the facts of layers in `cache`, and uses what earlier runs kept there.
    #[must_use]
    pub fn cached(self, cache: Option<LayerCache>) -> Self {
        Self { shared: self.shared.cached(cache), ..self }
    }

    /// Whether layers are read as a whole by [`crate::inventory`]. Evidence under policies does not depend on this.
    #[must_use]
    pub fn with_digests(self, digests: LayerDigests) -> Self {
        Self { digests, ..self }
    }

    /// The limits for everything that is read.
    pub(crate) fn limits(&self) -> &Limits {
        self.shared.limits()
    }

    pub(crate) fn catalog(&self, files: &FileSet, cancel: &Cancel) -> Result<Inventory, Error> {
        Ok(self.catalogers.catalog(files, self.limits(), cancel)?)
    }
}

/// A policy, and the trusted root for its signatures.
#[derive(Clone, Copy)]
pub struct UnderPolicy<'a> {
    /// The policy, which determines whose signatures are searched for, and when there are enough.
    pub policy: &'a Policy,
    /// The trusted root for certificates, or why there is none: a certificate is then undecided, never trusted.
    pub root: Result<&'a TrustedRoot, &'a str>,
}

/// What to collect, and with what.
pub struct Collection<'a> {
    /// What the user typed.
    pub requested: &'a str,
    /// The platform to collect for; without it, every runnable one.
    pub platform: Option<&'a Platform>,
    /// The policies that will be applied, which determine what is needed.
    pub policies: &'a [UnderPolicy<'a>],
    /// What is denied in addition: content is also hashed by the algorithms of denied digests.
    pub denials: &'a DenyList,
    /// The evidence repository, if signatures are not kept with the image.
    pub evidence_repository: Option<&'a dyn Source>,
    /// The advisory database, opened once for all subjects, or why it cannot be used.
    pub database: &'a Result<Database, plimsoll_vuln::Error>,
    /// The current time.
    pub now: Timestamp,
    /// Reads each layer of the run's subjects once, and has the limits for everything that is read.
    pub layers: &'a Layers,
    /// Receives the progress of reading.
    pub progress: &'a dyn Progress,
    /// Stops the work that follows the reading.
    pub cancel: &'a Cancel,
}

impl Collection<'_> {
    /// What the rules of all policies need.
    pub(crate) fn needs(&self) -> Needs {
        self.policies.iter().map(|under| under.policy.needs()).fold(Needs::default(), Needs::and)
    }

    /// Whether every policy allows that layers are read by their tables of contents.
    fn allows_unhashed_layers(&self) -> bool {
        let allows = |under: &UnderPolicy<'_>| under.policy.allows_unhashed_layers();
        !self.policies.is_empty() && self.policies.iter().all(allows)
    }

    /// Whether layers may be read by their tables of contents. They may not if any digest is denied: it may be a diff
    /// ID, and the diff ID of such a layer is only what the configuration claims.
    pub(crate) fn layer_digests(&self) -> LayerDigests {
        if self.allows_unhashed_layers() && !self.denies_digests() {
            LayerDigests::Optional
        } else {
            LayerDigests::Computed
        }
    }

    /// Whether any digest is denied.
    pub(crate) fn denies_digests(&self) -> bool {
        let mut of_policies = self.policies.iter().flat_map(|under| under.policy.denied_algorithms());
        of_policies.next().is_some() || !self.denials.is_empty()
    }

    /// Whether a denied digest uses another algorithm than the image's own digests, so that it could name one of its
    /// layers.
    pub(crate) fn has_denials_by_another_name(&self, image: &Image) -> bool {
        let of_policies = self.policies.iter().flat_map(|under| under.policy.denied_algorithms());
        let denied: BTreeSet<Algorithm> = of_policies.chain(self.denials.algorithms()).collect();
        let named = image.layers.iter().flat_map(|layer| [layer.descriptor.digest, layer.diff_id]);
        named.map(|digest| digest.algorithm().other()).any(|other| denied.contains(&other))
    }
}

pub(crate) fn with_hint(error: &impl Classify) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

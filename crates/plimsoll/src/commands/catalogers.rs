//! The catalogers of a run.

use std::collections::BTreeSet;

use plimsoll_gather::{Access, Layers, layers, layers_for};
use plimsoll_sbom::Catalogers;

/// Reads layers for all catalogers except those that are switched off.
pub(super) fn layers_without(off: &BTreeSet<&str>, access: &Access) -> Layers {
    let (limits, cache) = (&access.limits, access.layer_cache.clone());
    if off.is_empty() {
        return layers(limits).cached(cache);
    }
    // Layers are read on separate threads for as long as the process runs. The choice is made once.
    layers_for(Box::leak(Box::new(Catalogers::without(off))), limits).cached(cache)
}

//! The catalogers of a run.

use std::collections::BTreeSet;

use plimsoll_gather::{Access, Layers, layers, layers_for};
use plimsoll_sbom::Catalogers;

/// Reads layers for all catalogers except those that are switched off.
pub(super) fn layers_without(off: &BTreeSet<&str>, access: &Access) -> Layers {
    if off.is_empty() {
        return layers(&access.limits).cached(access.layer_cache.clone());
    }
    chosen(Catalogers::without(off), access)
}

/// Like [`layers_without`], but lists every file.
pub(super) fn layers_with_files(off: &BTreeSet<&str>, access: &Access) -> Layers {
    chosen(Catalogers::without(off).listing_files(), access)
}

fn chosen(catalogers: Catalogers, access: &Access) -> Layers {
    // Layers are read on separate threads for as long as the process runs. The choice is made once.
    layers_for(Box::leak(Box::new(catalogers)), &access.limits).cached(access.layer_cache.clone())
}

//! What opening subjects needs, and which of their images are chosen.

use plimsoll_core::{Cancel, Limits, Platform};
use plimsoll_gather::Access;
use plimsoll_registry::Clients;

use super::{cloud, http, registries};
use crate::args::shared::{Network, Reading};
use crate::failure::Failure;

/// What opening subjects needs.
pub(crate) fn access(network: &Network, limits: &Limits) -> Result<Access, Failure> {
    Ok(Access {
        clients: Clients::new(http(network)?),
        registries: registries(network)?,
        cloud: cloud(network),
        cache: None,
        limits: limits.clone(),
        cancel: Cancel::never(),
    })
}

/// Which images of an index are looked at. Both may be set, by variables; that is a mistake only for a subject that has
/// images.
pub(crate) struct Platforms {
    /// The one that was named.
    pub(crate) named: Option<Platform>,
    /// Every one, instead of this machine's.
    pub(crate) all: bool,
}

impl Platforms {
    pub(crate) fn resolve(reading: &Reading) -> Self {
        Self { named: reading.platform.platform.clone(), all: reading.all_platforms }
    }
}

//! Mirrors and certificates of registries, read when one is first needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use plimsoll_registry::Error;
use plimsoll_registry::RegistryConfig;

/// The configuration of registries, read when first needed. These files do not matter for subjects on this machine, so
/// they are not read before the first registry is used.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> Result<RegistryConfig, Error> + Send + Sync>,
    config: OnceLock<RegistryConfig>,
}

impl Registries {
    /// `read` is called when a registry is first needed, and again only if it fails.
    pub fn new(read: impl Fn() -> Result<RegistryConfig, Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { read: Box::new(read), config: OnceLock::new() }))
    }

    /// The parsed configuration.
    pub fn get(&self) -> Result<&RegistryConfig, Error> {
        if let Some(config) = self.0.config.get() {
            return Ok(config);
        }
        let config = (self.0.read)()?;
        Ok(self.0.config.get_or_init(|| config))
    }
}

impl fmt::Debug for Registries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Registries").field(&self.0.config.get()).finish()
    }
}

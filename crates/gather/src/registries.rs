//! Mirrors and certificates of registries, read when one is first needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use plimsoll_registry::Error;
use plimsoll_registry::RegistryConfig;

/// The configuration of registries, or how to come by it. Files about registries have no say in what lies on this machine,
/// so they are not looked at before the first registry is.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> Result<RegistryConfig, Error> + Send + Sync>,
    config: OnceLock<RegistryConfig>,
}

impl Registries {
    /// `read` is called when a registry is first needed, and not again unless it fails.
    pub fn new(read: impl Fn() -> Result<RegistryConfig, Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { read: Box::new(read), config: OnceLock::new() }))
    }

    /// What the files say.
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

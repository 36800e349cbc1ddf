//! The outside inputs of the exchanges: the user's choice, environment variables and the time.

use std::ffi::OsString;
use std::time::Duration;

use plimsoll_core::Timestamp;

/// When a cloud's identity is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Never.
    Off,
    /// If the environment names one.
    #[default]
    Auto,
    /// Like `Auto`, but if the environment names no identity, the metadata service of the machine's cloud is
    /// asked.
    Metadata,
}

/// Looks an environment variable up.
type Variable = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// The outside inputs of the exchanges.
pub(crate) struct Environment {
    pub(crate) mode: Mode,
    pub(crate) variable: Box<Variable>,
    pub(crate) now: fn() -> Timestamp,
}

impl Environment {
    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).and_then(|v| v.into_string().ok()).filter(|v| !v.is_empty())
    }

    /// A path.
    pub(crate) fn path(&self, name: &str) -> Option<std::path::PathBuf> {
        (self.variable)(name).filter(|v| !v.is_empty()).map(Into::into)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// The time from now until `then`; zero if it has passed.
    pub(crate) fn until(&self, then: Timestamp) -> Duration {
        Duration::try_from(then.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }
}

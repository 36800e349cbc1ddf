//! What arguments are resolved against: limits, configuration, environment and clock. It is made once, in `main`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use plimsoll_core::{Kind, Limits, Timestamp, clock};

use crate::args::shared::{DatabaseChoice, Instant};
use crate::config::Config;
use crate::failure::Failure;

/// Looks up an environment variable.
pub(crate) type Environment = fn(&str) -> Option<OsString>;

/// The variables that say where a user's own files are, here and in the libraries.
const USER_FOLDERS: &[&str] =
    &["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"];

/// The process, as far as settings depend on it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The limits, with flags, environment and files merged.
    pub(crate) limits: &'a Limits,
    /// Where settings came from, for commands that tell.
    pub(crate) config: &'a Config,
    environment: Environment,
    clock: fn() -> Timestamp,
}

impl<'a> Context<'a> {
    /// With the environment of this process and the machine's clock. Fails where the user's folders would be folders of
    /// the working directory: what is judged must not bring the judge's configuration, trusted root or database along.
    pub(crate) fn of_process(limits: &'a Limits, config: &'a Config) -> Result<Self, Failure> {
        let context = Self { limits, config, environment: process_environment, clock: clock::now };
        USER_FOLDERS.iter().try_for_each(|name| absolute(name, context.variable(name)))?;
        Ok(context)
    }

    /// The instant that counts as now: `--at`, else the clock's, in whole seconds. Verdicts are read by people, and what
    /// they depend on is known to the second at best.
    pub(crate) fn now(&self, instant: &Instant) -> Timestamp {
        instant.at.unwrap_or_else(|| self.second())
    }

    /// The clock's time in whole seconds, for documents.
    pub(crate) fn second(&self) -> Timestamp {
        let now = (self.clock)();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// The machine's clock, for what `--at` does not move: when something was made, or whether clocks agree.
    pub(crate) fn clock(&self) -> fn() -> Timestamp {
        self.clock
    }

    /// An environment variable.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        (self.environment)(name)
    }

    /// An environment variable that is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.variable(name)?.into_string().ok()
    }

    /// The environment, for what looks variables up only when it needs them.
    pub(crate) fn environment(&self) -> Environment {
        self.environment
    }

    /// The database folder: `--db`, else `plimsoll/db` in the user's cache folder.
    pub(crate) fn database_folder(&self, choice: &DatabaseChoice) -> Result<PathBuf, Failure> {
        match &choice.db {
            Some(folder) => Ok(folder.clone()),
            None => Ok(self.cache_folder()?.join("db")),
        }
    }

    /// The folder of all instances whose trusted roots were fetched.
    pub(crate) fn trust_folder(&self) -> Result<PathBuf, Failure> {
        Ok(self.cache_folder()?.join("trust"))
    }

    /// Where what registries sent is kept: below `--cache-dir`, else in the user's cache folder.
    pub(crate) fn registry_cache_folder(&self, cache_dir: Option<&Path>) -> Result<PathBuf, Failure> {
        self.folder_in_cache(cache_dir, "registry")
    }

    /// Where what was read of layers is kept.
    pub(crate) fn layer_cache_folder(&self, cache_dir: Option<&Path>) -> Result<PathBuf, Failure> {
        self.folder_in_cache(cache_dir, "layers")
    }

    fn folder_in_cache(&self, cache_dir: Option<&Path>, name: &str) -> Result<PathBuf, Failure> {
        match cache_dir {
            Some(folder) => Ok(folder.join(name)),
            None => Ok(self.cache_folder()?.join(name)),
        }
    }

    /// Whether a CI service runs this process: all of them set `CI`.
    pub(crate) fn is_ci(&self) -> bool {
        self.variable("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
    }

    /// `plimsoll` in the user's cache folder.
    pub(crate) fn cache_folder(&self) -> Result<PathBuf, Failure> {
        let variable = |name| self.variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        variable("XDG_CACHE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".cache")))
            .map(|cache| cache.join("plimsoll"))
            .ok_or_else(|| {
                Failure::new(Kind::Usage, "no folder for the advisory database")
                    .with_hint("pass --db DIR, or set XDG_CACHE_HOME")
            })
    }
}

/// The environment of this process.
pub(super) fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Refuses a relative folder.
fn absolute(name: &str, value: Option<OsString>) -> Result<(), Failure> {
    match value.filter(|value| !value.is_empty() && !Path::new(value).is_absolute()) {
        None => Ok(()),
        Some(value) => {
            let message = format!("{name} is {}, expected an absolute path", value.display());
            Err(Failure::new(Kind::Usage, message)
                .with_hint(format!("set {name} to an absolute path, or unset it")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<OsString> {
        (name == "HOME").then(|| "/home/user".into())
    }

    fn clock() -> Timestamp {
        Timestamp::new(1_700_000_000, 987_654_321).unwrap()
    }

    #[test]
    fn flags_come_before_the_environment_and_the_clock() {
        let (limits, config) = (Limits::default(), Config::default());
        let context = Context { limits: &limits, config: &config, environment, clock };
        let at = Timestamp::from_second(5).unwrap();
        assert_eq!(context.now(&Instant { at: Some(at) }), at);
        assert_eq!(context.now(&Instant { at: None }), Timestamp::from_second(1_700_000_000).unwrap());
        let folder = |db: Option<&str>| context.database_folder(&DatabaseChoice { db: db.map(Into::into) });
        assert_eq!(folder(Some("db")).unwrap(), Path::new("db"));
        assert_eq!(folder(None).unwrap(), Path::new("/home/user/.cache/plimsoll/db"));
    }
}

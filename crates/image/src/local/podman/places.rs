//! Where containers-storage is, by `storage.conf(5)`.
//!
//! It reads `graphroot`, `rootless_storage_path` and `additionalimagestores`; the other settings are for writers.
//! `CONTAINERS_STORAGE_CONF` names another file, as it does for Podman.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use plimsoll_core::Limits;
use serde::Deserialize;

use super::STORE;
use crate::Error;
use crate::local::{is_there, whole};

/// What the search for a store depends on.
pub struct StoreEnvironment<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The effective user; 0 is root, who uses the machine's store.
    pub uid: u32,
    /// The root of absolute paths of configuration files: `/` except in tests.
    pub root: &'a Path,
}

#[derive(Debug, Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    storage: Storage,
}

#[derive(Debug, Default, Deserialize)]
struct Storage {
    graphroot: Option<String>,
    rootless_storage_path: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Debug, Default, Deserialize)]
struct Options {
    #[serde(default)]
    additionalimagestores: Vec<PathBuf>,
}

/// The user that this process acts as.
pub fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The folders to search, the user's own first.
pub fn directories(around: &StoreEnvironment<'_>, limits: &Limits) -> Result<Vec<PathBuf>, Error> {
    let named = |name: &str| (around.env)(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = named("HOME").unwrap_or_else(|| PathBuf::from("/"));
    let below_home = |name: &str, rest: &str| named(name).unwrap_or_else(|| home.join(rest));
    let own = below_home("XDG_CONFIG_HOME", ".config").join("containers/storage.conf");
    let system = around.root.join("etc/containers/storage.conf");
    let shipped = around.root.join("usr/share/containers/storage.conf");
    let configuration = if let Some(file) = named("CONTAINERS_STORAGE_CONF") {
        Some(read(&file, limits)?)
    } else {
        let candidates =
            if around.uid == 0 { vec![system, shipped] } else { vec![own.clone(), system, shipped] };
        first(&candidates, limits)?
    };
    let rootless = || below_home("XDG_DATA_HOME", ".local/share").join("containers/storage");
    let (file, storage) = configuration.map_or_else(Default::default, |(file, read)| (file, read.storage));
    let is_own = file == own || named("CONTAINERS_STORAGE_CONF").is_some();
    let main = match (around.uid, storage.graphroot, storage.rootless_storage_path) {
        (0, graphroot, _) => {
            graphroot.map_or_else(|| around.root.join("var/lib/containers/storage"), PathBuf::from)
        }
        // The machine's configuration is for root's images, not for this user's.
        (_, Some(graphroot), _) if is_own => graphroot.into(),
        (uid, _, Some(path)) => path
            .replace("$HOME", &home.to_string_lossy())
            .replace("$UID", &uid.to_string())
            .replace("$USER", &named("USER").unwrap_or_default().to_string_lossy())
            .into(),
        _ => rootless(),
    };
    let mut directories = vec![main];
    directories.extend(storage.options.additionalimagestores);
    Ok(directories)
}

fn first(candidates: &[PathBuf], limits: &Limits) -> Result<Option<(PathBuf, Configuration)>, Error> {
    for file in candidates {
        if is_there(file, STORE)? {
            return read(file, limits).map(Some);
        }
    }
    Ok(None)
}

fn read(file: &Path, limits: &Limits) -> Result<(PathBuf, Configuration), Error> {
    let what = file.display().to_string();
    let bytes = whole(file, STORE, limits.document_bytes, "document_bytes")?;
    let text = String::from_utf8(bytes).map_err(|_| Error::malformed(what.as_str(), "it is not UTF-8"))?;
    let parsed = toml::from_str(&text).map_err(|error| Error::malformed(what, error.message().to_owned()))?;
    Ok((file.to_owned(), parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uid: u32, root: &Path, variables: &[(&str, &str)]) -> Vec<PathBuf> {
        let env = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value))
        };
        directories(&StoreEnvironment { env: &env, uid, root }, &Limits::default()).unwrap()
    }

    #[test]
    fn the_store_is_where_the_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let home = [("HOME", "/home/me"), ("USER", "me")];
        assert_eq!(found(0, root, &home), [root.join("var/lib/containers/storage")]);
        assert_eq!(found(7, root, &home), [Path::new("/home/me/.local/share/containers/storage")]);
        let data = [("HOME", "/home/me"), ("XDG_DATA_HOME", "/data")];
        assert_eq!(found(7, root, &data), [Path::new("/data/containers/storage")]);

        std::fs::create_dir_all(root.join("etc/containers")).unwrap();
        std::fs::write(
            root.join("etc/containers/storage.conf"),
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"/big\"\nrootless_storage_path = \"/scratch/$USER/$UID\"\n\
             [storage.options]\nadditionalimagestores = [\"/shared\"]\n",
        )
        .unwrap();
        assert_eq!(found(0, root, &home), [Path::new("/big"), Path::new("/shared")]);
        assert_eq!(found(7, root, &home), [Path::new("/scratch/me/7"), Path::new("/shared")]);

        let own = root.join("own.conf");
        std::fs::write(&own, "[storage]\ngraphroot = \"/mine\"\n").unwrap();
        let named = [("HOME", "/home/me"), ("CONTAINERS_STORAGE_CONF", own.to_str().unwrap())];
        assert_eq!(found(7, root, &named), [Path::new("/mine")]);
        assert_eq!(found(0, root, &named), [Path::new("/mine")]);
    }

    #[test]
    fn a_broken_configuration_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("storage.conf");
        std::fs::write(&file, "[storage\n").unwrap();
        let env = |name: &str| (name == "CONTAINERS_STORAGE_CONF").then(|| file.clone().into_os_string());
        let around = StoreEnvironment { env: &env, uid: 0, root: folder.path() };
        assert!(matches!(directories(&around, &Limits::default()), Err(Error::Malformed { .. })));
    }
}

//! Credential files: docker's `config.json` and the containers tools' `auth.json`, which share one format.
//!
//! Read in this order; the first file that knows the registry wins:
//! 1. `$REGISTRY_AUTH_FILE`, and then nothing else, when it is set
//! 2. `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`
//! 3. `$XDG_RUNTIME_DIR/containers/auth.json`
//! 4. `$XDG_CONFIG_HOME/containers/auth.json`, or `~/.config/containers/auth.json`
//!
//! ```json
//! {"auths": {"registry.example": {"auth": "bWU6c2VjcmV0"}, "registry.example/team": {"identitytoken": "…"}},
//!  "credHelpers": {"other.example": "pass"}, "credsStore": "secretservice"}
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use plimsoll_core::reference::canonical_registry;
use plimsoll_core::{Cancel, Limits, Reference, json, read};
use serde::Deserialize;

use super::{Credentials, Secret, helper};
use crate::Error;

/// Tools write `auth` with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where credentials are searched for. Nothing is read before [`Keyring::find`] is called.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    files: Vec<PathBuf>,
    cancel: Cancel,
}

impl Keyring {
    /// No credentials: every request is anonymous.
    pub fn empty() -> Self {
        Self::default()
    }

    /// These files, in this order. Files that do not exist are skipped.
    pub fn from_files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().collect(), cancel: Cancel::never() }
    }

    /// The same for work that `cancel` stops, credential helpers too.
    #[must_use]
    pub fn under(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// The usual places, by environment variables.
    pub fn from_env(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        if let Some(only) = path("REGISTRY_AUTH_FILE") {
            return Self::from_files([only]);
        }
        let home = path("HOME");
        let below_home = |folder: &str| home.as_ref().map(|h| h.join(folder));
        let docker = path("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        let runtime = path("XDG_RUNTIME_DIR");
        let config = path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        Self::from_files(
            docker.map(|d| d.join("config.json")).into_iter().chain(
                [runtime, config].into_iter().flatten().map(|folder| folder.join("containers/auth.json")),
            ),
        )
    }

    /// The credentials for a repository, if any file or helper has them. May run a credential helper.
    pub fn find(&self, reference: &Reference) -> Result<Option<Credentials>, Error> {
        for path in &self.files {
            let Some(file) = ConfigFile::open(path)? else { continue };
            if let Some(found) = file.find(reference, path, &self.cancel)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[derive(Deserialize, Default)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize, Default)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default, rename = "identitytoken")]
    identity_token: String,
    #[serde(default, rename = "registrytoken")]
    registry_token: String,
}

impl ConfigFile {
    fn open(path: &Path) -> Result<Option<Self>, Error> {
        let problem = |problem: String| Error::Credentials { place: path.display().to_string(), problem };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(problem(error.to_string())),
        };
        let limit = Limits::default().document_bytes;
        let bytes =
            read::to_end(file, limit, "document_bytes", "the file").map_err(|e| problem(e.to_string()))?;
        // podman creates empty files.
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        json::from_slice(&bytes, limit).map(Some).map_err(|error| {
            problem(match error {
                // Not the parser's own message: "invalid type: string …" quotes what may be a password.
                json::Error::Invalid(e) => {
                    format!("not a valid credentials file at line {}, column {}", e.line(), e.column())
                }
                other => other.to_string(),
            })
        })
    }

    fn find(
        &self,
        reference: &Reference,
        path: &Path,
        cancel: &Cancel,
    ) -> Result<Option<Credentials>, Error> {
        for key in keys(reference) {
            let named = |name: &String| normalised(name) == key;
            if let Some((name, program)) = self.helpers.iter().find(|(name, _)| named(name)) {
                return helper::get(program, name, cancel);
            }
            if let Some((name, entry)) = self.auths.iter().find(|(name, _)| named(name))
                && let Some(found) = entry.credentials(name, path)?
            {
                return Ok(Some(found));
            }
        }
        match &self.store {
            Some(program) if !program.is_empty() => helper::get(program, &store_key(reference), cancel),
            _ => Ok(None),
        }
    }
}

impl Entry {
    /// `None` for the empty entries that `docker login` leaves beside a `credsStore`.
    fn credentials(&self, key: &str, path: &Path) -> Result<Option<Credentials>, Error> {
        if !self.identity_token.is_empty() {
            return Ok(Some(Credentials::IdentityToken(Secret::new(&*self.identity_token))));
        }
        if !self.registry_token.is_empty() {
            return Ok(Some(Credentials::RegistryToken(Secret::new(&*self.registry_token))));
        }
        if !self.auth.is_empty() {
            let decoded =
                BASE64.decode(self.auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            // Old docker versions padded the password with NUL.
            let pair =
                decoded.as_deref().map(|text| text.trim_end_matches('\0')).and_then(|t| t.split_once(':'));
            let Some((username, password)) = pair else {
                return Err(Error::Credentials {
                    place: path.display().to_string(),
                    problem: format!(
                        "`auth` of {} is not base64 of user:password",
                        plimsoll_core::text::shown(key)
                    ),
                });
            };
            return Ok(Some(Credentials::password(username, password)));
        }
        if !self.username.is_empty() {
            return Ok(Some(Credentials::password(&*self.username, &*self.password)));
        }
        Ok(None)
    }
}

/// The keys that may hold a repository's credentials, most specific first: `host/team/app`, `host/team`, `host`.
fn keys(reference: &Reference) -> Vec<String> {
    let mut keys = Vec::new();
    let mut name = reference.name();
    loop {
        keys.push(name.clone());
        match name.rsplit_once('/') {
            Some((shorter, _)) => name = shorter.to_owned(),
            None => break,
        }
    }
    keys
}

/// The key under which docker looks in its `credsStore`.
fn store_key(reference: &Reference) -> String {
    if is_docker_hub(reference.registry()) {
        "https://index.docker.io/v1/".to_owned()
    } else {
        reference.registry().to_owned()
    }
}

fn is_docker_hub(registry: &str) -> bool {
    matches!(registry, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// The key with the canonical spelling of its registry. `https://index.docker.io/v1/` and `index.docker.io` are the same key,
/// under names that tools have written for Docker Hub over the years.
fn normalised(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    let (registry, rest) = key.split_at(key.find('/').unwrap_or(key.len()));
    match canonical_registry(registry) {
        Some(registry) => registry + rest,
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::{Classify as _, Kind};

    fn found(json: &str, reference: &str) -> Result<Option<Credentials>, Error> {
        let file: ConfigFile = json::from_slice(json.as_bytes(), 10_000).unwrap();
        file.find(&reference.parse().unwrap(), Path::new("config.json"), &Cancel::never())
    }

    fn user(json: &str, reference: &str) -> Option<String> {
        match found(json, reference).unwrap()? {
            Credentials::Password { username, password } => Some(format!("{username}:{}", password.reveal())),
            other => Some(format!("{other:?}")),
        }
    }

    #[test]
    fn docker_hub_goes_by_many_names() {
        for key in [
            "https://index.docker.io/v1/",
            "docker.io",
            "index.docker.io",
            "https://registry-1.docker.io/v2/",
        ] {
            let json = format!(r#"{{"auths":{{"{key}":{{"auth":"bWU6c2U6Y3JldA=="}}}}}}"#);
            assert_eq!(user(&json, "debian").as_deref(), Some("me:se:cret"), "{key}");
            assert_eq!(user(&json, "quay.io/a"), None, "{key}");
        }
    }

    #[test]
    fn the_most_particular_entry_wins() {
        let json = r#"{"auths":{
            "r.example": {"username":"host","password":"1"},
            "r.example/team": {"username":"team","password":"2"},
            "https://r.example:5000/v1/": {"username":"port","password":"3"},
            "r.example.evil.example": {"username":"evil","password":"4"}}}"#;
        assert_eq!(user(json, "r.example/app").as_deref(), Some("host:1"));
        assert_eq!(user(json, "r.example/team/app").as_deref(), Some("team:2"));
        assert_eq!(user(json, "r.example/teams/app").as_deref(), Some("host:1"));
        assert_eq!(user(json, "r.example:5000/app").as_deref(), Some("port:3"));
        assert_eq!(user(json, "sub.r.example/app"), None);
    }

    #[test]
    fn empty_entries_and_missing_padding_are_usual() {
        assert_eq!(user(r#"{"auths":{"r.example":{}}}"#, "r.example/a"), None);
        assert_eq!(
            user(r#"{"auths":{"r.example":{"auth":"bWU6c2U"}}}"#, "r.example/a").as_deref(),
            Some("me:se")
        );
        assert!(
            user(r#"{"auths":{"r.example":{"identitytoken":"x"}}}"#, "r.example/a")
                .unwrap()
                .contains("Identity")
        );
    }

    #[test]
    fn a_broken_entry_is_an_error_without_the_secret() {
        let error = found(r#"{"auths":{"r.example":{"auth":"cGE1NQ=="}}}"#, "r.example/a").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(!error.to_string().contains("cGE1NQ") && !error.to_string().contains("pa55"), "{error}");
    }

    #[test]
    fn places_follow_the_environment() {
        let files = |set: &[(&str, &str)]| {
            let ring = Keyring::from_env(|name| {
                set.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(*v))
            });
            ring.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(files(&[("REGISTRY_AUTH_FILE", "/x/auth.json"), ("HOME", "/h")]), ["/x/auth.json"]);
        assert_eq!(
            files(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/u")]),
            ["/h/.docker/config.json", "/run/u/containers/auth.json", "/h/.config/containers/auth.json"]
        );
        assert_eq!(files(&[("DOCKER_CONFIG", "/d"), ("HOME", "")]), ["/d/config.json"]);
    }

    #[test]
    fn files_that_are_missing_or_empty_are_passed_over_and_broken_ones_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let (missing, empty, broken) = (
            directory.path().join("missing"),
            directory.path().join("empty"),
            directory.path().join("broken"),
        );
        std::fs::write(&empty, "").unwrap();
        std::fs::write(&broken, "{\"auths\": {\"r.example\": \"pa55\"}}").unwrap();
        let reference: Reference = "r.example/a".parse().unwrap();
        assert_eq!(Keyring::from_files([missing.clone(), empty]).find(&reference).unwrap(), None);
        let error = Keyring::from_files([missing, broken]).find(&reference).unwrap_err();
        assert!(
            error.to_string().contains("broken: not a valid") && !error.to_string().contains("pa55"),
            "{error}"
        );
    }
}

//! What the arguments mean, with environment and files merged. Commands see only this.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Kind, Limits, Timestamp, clock, read};
use plimsoll_signing::PrivateKey;

use crate::args::shared::{DatabaseChoice, Instant, Network};
use crate::failure::Failure;

/// PEM files are small; a certificate bundle of a whole system has about 250 KiB.
const PEM_BYTES: u64 = 4 << 20;

/// The instant that counts as now: `--at`, else the clock's, in whole seconds. Verdicts are read by people, and what they
/// depend on is known to the second at best.
pub(crate) fn now(instant: &Instant) -> Timestamp {
    instant.at.unwrap_or_else(|| {
        let now = clock::now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    })
}

/// The database folder: `--db`, else `plimsoll/db` in the user's cache folder.
pub(crate) fn database_folder(choice: &DatabaseChoice) -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    choice
        .db
        .clone()
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("plimsoll/db")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/plimsoll/db")))
        .ok_or_else(|| {
            Failure::new(Kind::Usage, "no folder for the advisory database").with_hint("pass --db DIR")
        })
}

/// What the HTTP client is built from.
pub(crate) fn http(network: &Network) -> Result<plimsoll_http::Settings, Failure> {
    let extra_roots =
        network.ca_file.iter().map(|path| read_file(path, PEM_BYTES)).collect::<Result<_, _>>()?;
    Ok(plimsoll_http::Settings {
        timeout: network.timeout,
        plain_http: network.insecure_registry.clone(),
        extra_roots,
        offline: network.offline,
        proxy: plimsoll_http::Proxy::from_env(|name| std::env::var(name).ok())?,
        ..plimsoll_http::Settings::default()
    })
}

/// Reads a file that the user named, at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    read::to_end(file, limit, "document_bytes", &path.display().to_string()).map_err(|error| match error {
        read::Error::Io { source, .. } => cannot_read(path, &source),
        other => Failure::new(Kind::Usage, other.to_string()),
    })
}

/// Reads a policy, waiver or deny list.
pub(crate) fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    read_file(path, Limits::default().document_bytes)
}

/// The files behind `path`: itself, or the documents in it in the order of their names.
pub(crate) fn documents(path: &Path, is_document: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| cannot_read(path, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| cannot_read(path, &error))?;
        if entry.file_name().to_str().is_some_and(&is_document) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
    Failure::new(kind, format!("cannot read {}: {error}", path.display()))
}

/// The private key in the file at `path`; the passphrase is only asked for when the key is encrypted.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let pem = read_file(path, PEM_BYTES)?;
    match PrivateKey::from_pem(&pem, None) {
        Err(plimsoll_signing::Error::PassphraseMissing) => {
            let passphrase = match Passphrase::from_environment() {
                Some(passphrase) => passphrase,
                None => Passphrase::ask(&format!("Passphrase for {}: ", path.display()))?,
            };
            Ok(PrivateKey::from_pem(&pem, Some(passphrase.as_bytes()))?)
        }
        other => Ok(other?),
    }
}

/// A passphrase. It has no `Display`, and its `Debug` says nothing.
pub(crate) struct Passphrase(String);

impl Passphrase {
    /// `PLIMSOLL_KEY_PASSPHRASE`, when it is set and not empty.
    pub(crate) fn from_environment() -> Option<Self> {
        std::env::var("PLIMSOLL_KEY_PASSPHRASE").ok().filter(|text| !text.is_empty()).map(Self)
    }

    /// Asks on the terminal, without echo.
    pub(crate) fn ask(prompt: &str) -> Result<Self, Failure> {
        rpassword::prompt_password(prompt).map(Self).map_err(|error| {
            Failure::new(Kind::Usage, format!("cannot ask for a passphrase: {error}"))
                .with_hint("set PLIMSOLL_KEY_PASSPHRASE")
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

//! Whom keyless verification relies on, and which services keyless signing uses: fetched, cached, made.
//!
//! - [`update()`]: brings `trusted_root.json` and the signing config of an instance from its TUF repository, and keeps both
//!   with the metadata that vouches for them, so that no later run can be led back.
//! - [`Cached`]: what an earlier update left, for use without network.
//! - [`current`]: the one answer to "which trusted root": a file, the cache, or the one that was built in.
//! - [`TrustedRootSpec`], [`SigningConfigSpec`]: both files for an instance of one's own.
//!
//! The client workflow (The Update Framework 1.0, section 5) is `sigstore-tuf`'s: root chain, thresholds, versions,
//! expiry, lengths and hashes, delegations. What it leaves to others is here: reading metadata strictly, one key not
//! standing for two (`inspect`), writing nothing before everything held (`cache`), and a clock that does not go back.
//!
//! Not owned: what a trusted root means, which is `plimsoll-verify`'s.

mod cache;
mod fault;
mod files;
mod inspect;
mod repository;
mod summary;
mod update;

use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Limits, Timestamp, read};
use plimsoll_verify::TrustedRoot;
use sigstore_trust_root::SIGSTORE_PRODUCTION_SIGNING_CONFIG;

use crate::Error;

pub use cache::{Cached, Versions};
pub use fault::TrustFault;
pub use files::{AuthoritySpec, LogSpec, SelectorSpec, ServiceSpec, SigningConfigSpec, TrustedRootSpec};
pub use summary::{Entry, EntryKind, entries, services};
pub use update::{Updated, update};

/// The name of the public Sigstore instance.
pub const PUBLIC_GOOD: &str = "public-good";
/// Its TUF repository.
pub const PUBLIC_GOOD_MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";

/// A Sigstore instance, by the TUF repository that distributes its files.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The folder in the cache: letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// `https://…`, or `file:///…` for a copy in a folder.
    pub mirror: String,
    /// What its first metadata is verified with.
    pub root: InitialRoot,
}

/// How the first root of an instance is known.
#[derive(Debug, Clone)]
pub enum InitialRoot {
    /// The file.
    File(Vec<u8>),
    /// The mirror's `1.root.json`, which must have this digest. For those who got a digest and no file.
    Checksum(plimsoll_core::Digest),
    /// The mirror's root of this version, of which the part that is signed has this SHA-256 in TUF's canonical form.
    Pinned {
        /// The version.
        version: u64,
        /// The SHA-256, in hexadecimal.
        signed: &'static str,
    },
    /// The one that the cache has, from the first update.
    Known,
}

impl Instance {
    /// The public Sigstore instance. Its root of version 16 (which expires on 2027-04-22) is known here by its digest; it
    /// is fetched with everything else, and later roots follow from it.
    pub fn public_good() -> Self {
        Self {
            name: PUBLIC_GOOD.to_owned(),
            mirror: PUBLIC_GOOD_MIRROR.to_owned(),
            root: InitialRoot::Pinned {
                version: 16,
                signed: "cab3eaf1fe33bbae925e1ee1afbec52dce58b290a035858074e7a9a998ae9a64",
            },
        }
    }
}

/// Which trusted root to verify with.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// A file that the user named. It is used as it is: nobody asks how old it is.
    pub file: Option<&'a Path>,
    /// The instance, when there is no file.
    pub instance: &'a str,
    /// The folder of all instances; `None` when the user has no cache folder.
    pub folder: Option<&'a Path>,
    /// The time.
    pub now: Timestamp,
    /// How to reach the mirror, and whether it may be.
    pub http: &'a plimsoll_http::Settings,
}

/// A trusted root and where it came from.
#[derive(Debug)]
pub struct Current {
    /// The root.
    pub root: TrustedRoot,
    /// The services of the same instance, for signing; a file has none.
    pub signing_config: Option<Vec<u8>>,
    /// Where they came from.
    pub origin: Origin,
}

/// Where trust came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The file that the user named.
    File(PathBuf),
    /// The cache of an instance.
    Cache {
        /// The instance.
        instance: String,
        /// When it was last brought up to date.
        updated: Timestamp,
        /// Until when the instance vouches for it.
        expires: Timestamp,
        /// Whether that was now, because what was there had expired.
        refreshed: bool,
    },
    /// The public instance's as of this version of Plimsoll.
    BuiltIn,
}

/// The trusted root to verify with: the file, else the cache, else (for the public instance only) the built-in one.
///
/// The network is used in one case: the cached metadata has expired, and `http` is not offline. If the update then fails,
/// so does this, because an attacker who keeps the mirror away would otherwise keep an old root in force. Offline, the
/// cache is used whatever its age, which [`Origin`] tells. An instance that was never fetched is not fetched by a
/// verification.
pub fn current(choice: &Choice<'_>) -> Result<Current, Error> {
    if let Some(path) = choice.file {
        let root = TrustedRoot::parse(&read_file(path)?).map_err(Error::TrustedRoot)?;
        return Ok(Current { root, signing_config: None, origin: Origin::File(path.to_owned()) });
    }
    let cached = match choice.folder {
        Some(folder) => Cached::open(folder, choice.instance)?,
        None => None,
    };
    let Some((cached, folder)) = cached.zip(choice.folder) else {
        if choice.instance != PUBLIC_GOOD {
            return Err(Error::TrustUnknown { instance: choice.instance.to_owned() });
        }
        let root = TrustedRoot::public_good().map_err(Error::TrustedRoot)?;
        let signing_config = Some(SIGSTORE_PRODUCTION_SIGNING_CONFIG.as_bytes().to_vec());
        return Ok(Current { root, signing_config, origin: Origin::BuiltIn });
    };
    cached.clock_is_not_behind(choice.now)?;
    if cached.expires() >= choice.now || choice.http.offline {
        return cached.into_current(false);
    }
    let instance = Instance {
        name: choice.instance.to_owned(),
        mirror: cached.mirror().to_owned(),
        root: InitialRoot::Known,
    };
    update(&instance, folder, choice.now, choice.http)?.cached.into_current(true)
}

/// Reads a trusted root or signing config, at most as large as they may be.
fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|source| Error::KeySource { place: place.clone(), source })?;
    read::to_end(file, Limits::TRUSTED_ROOT_BYTES, "trusted_root_bytes", &place).map_err(
        |error| match error {
            read::Error::Io { source, .. } => Error::KeySource { place, source },
            other => Error::TrustFile { place, problem: other.to_string() },
        },
    )
}

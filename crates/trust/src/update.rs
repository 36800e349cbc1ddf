//! From a mirror to the cache, completely or not at all.

use std::path::Path;
use std::sync::Arc;

use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_verify::TrustedRoot;
use sigstore_tuf::canonical_json::to_canonical_bytes;
use sigstore_tuf::{Updater, UpdaterConfig};

use crate::Error;
use crate::cache::{Cached, StagedMetadata, Versions, checked_name};
use crate::fault::{TrustFault, from_tuf, refused};
use crate::inspect;
use crate::instance::{InitialRoot, Instance};
use crate::repository::Mirror;
use crate::signing_config::{SigningConfig, UnknownMembers};

const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";

/// What an update did.
#[derive(Debug)]
pub struct Updated {
    /// What is in the cache now.
    pub cached: Cached,
    /// What was in it before; `None` the first time.
    pub before: Option<Cached>,
}

/// What the client fetched and verified.
struct Fetched {
    initial_root: String,
    versions: Versions,
    expires: Timestamp,
    trusted_root: Vec<u8>,
    signing_config: Option<Vec<u8>>,
}

/// Updates `instance` in `folder`, the folder of all instances. If anything fails, the folder stays as it was.
pub fn update(
    instance: &Instance,
    folder: &Path,
    now: Timestamp,
    http: &plimsoll_http::Settings,
) -> Result<Updated, Error> {
    let before = Cached::open(folder, &instance.name)?;
    if let Some(before) = &before {
        before.clock_is_not_behind(now)?;
    }
    let mirror = Mirror::new(&instance.mirror, http)?;
    let staged = Arc::new(StagedMetadata::new(before.as_ref()));
    let work = {
        let (instance, before, staged) = (instance.clone(), before.clone(), Arc::clone(&staged));
        async move { fetch(&instance, before.as_ref(), mirror, staged, now).await }
    };
    let fetched = plimsoll_http::block_on(work)
        .map_err(|source| Error::Unreadable { place: "the network thread".to_owned(), source })??;

    let mirror = &instance.mirror;
    let unusable = |problem: String| refused(mirror, TrustFault::Unusable, problem);
    TrustedRoot::parse(&fetched.trusted_root).map_err(|error| unusable(error.to_string()))?;
    let trusted_root =
        String::from_utf8(fetched.trusted_root).map_err(|error| unusable(error.to_string()))?;
    let signing_config = match fetched.signing_config {
        Some(bytes) => {
            SigningConfig::parse(&bytes, UnknownMembers::Skip)
                .map_err(|error| unusable(error.to_string()))?;
            Some(String::from_utf8(bytes).map_err(|error| unusable(error.to_string()))?)
        }
        None => None,
    };
    let cached = Cached {
        schema_version: Cached::schema(),
        instance: instance.name.clone(),
        mirror: instance.mirror.clone(),
        // A clock that is a little behind must not set the last-seen time back.
        updated: before.as_ref().map_or(now, |before| before.updated.max(now)),
        expires: fetched.expires,
        versions: fetched.versions,
        initial_root: fetched.initial_root,
        metadata: staged.keep(),
        trusted_root,
        signing_config,
        folder: folder.join(checked_name(&instance.name)?),
    };
    cached.store()?;
    Ok(Updated { cached, before })
}

async fn fetch(
    instance: &Instance,
    before: Option<&Cached>,
    mirror: Mirror,
    staged: Arc<StagedMetadata>,
    now: Timestamp,
) -> Result<Fetched, Error> {
    let mut config = UpdaterConfig::default();
    config.target_max_length = Limits::TRUSTED_ROOT_BYTES;
    // Even a root that is years old leads to the newest: instances rotate it a few times a year.
    config.max_root_rotations = 256;
    let shown = instance.mirror.as_str();
    let root = initial_root(instance, before, &mirror, config.root_max_length).await?;
    inspect::metadata(shown, "root.json", &root, config.root_max_length)?;
    let initial_root =
        String::from_utf8(root).map_err(|error| refused(shown, TrustFault::Malformed, error.to_string()))?;

    let tuf = |error| from_tuf(shown, error);
    let mut updater =
        Updater::new(mirror, initial_root.as_bytes()).map_err(tuf)?.with_config(config).with_store(staged);
    updater.refresh(now).await.map_err(tuf)?;
    let trusted_root = updater.get_target(TRUSTED_ROOT, now).await.map_err(tuf)?;
    let signing_config = match updater.get_target_info(SIGNING_CONFIG, now).await.map_err(tuf)? {
        Some(_) => Some(updater.get_target(SIGNING_CONFIG, now).await.map_err(tuf)?),
        None => None,
    };
    let trusted = updater.trusted();
    let incomplete = || refused(shown, TrustFault::Missing, "the metadata is not complete");
    let timestamp = trusted.timestamp().ok_or_else(incomplete)?;
    let snapshot = trusted.snapshot().ok_or_else(incomplete)?;
    let targets = trusted.targets_role("targets").ok_or_else(incomplete)?;
    let root = trusted.root();
    let expires = root.expires.min(timestamp.expires).min(snapshot.expires).min(targets.expires);
    let versions = Versions {
        root: root.version,
        timestamp: timestamp.version,
        snapshot: snapshot.version,
        targets: targets.version,
    };
    Ok(Fetched { initial_root, versions, expires, trusted_root, signing_config })
}

/// The start of the chain of roots. Once it is known, it is never taken from anywhere else.
async fn initial_root(
    instance: &Instance,
    before: Option<&Cached>,
    mirror: &Mirror,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let shown = instance.mirror.as_str();
    let other = |problem: &str| refused(shown, TrustFault::InitialRoot, problem);
    if let Some(before) = before {
        let known = match &instance.root {
            InitialRoot::File(bytes) => before.knows_root(bytes),
            InitialRoot::Checksum(digest) => Digest::sha256(before.initial_root.as_bytes()) == *digest,
            InitialRoot::Pinned { .. } | InitialRoot::Known => true,
        };
        if !known {
            return Err(Error::OtherRoot { instance: instance.name.clone(), folder: before.folder.clone() });
        }
        return Ok(before.initial_root.clone().into_bytes());
    }
    let fetched = async |version: u64| {
        let name = format!("{version}.root.json");
        mirror
            .get("", &name, limit)
            .await?
            .ok_or_else(|| refused(shown, TrustFault::Missing, format!("no {name}")))
    };
    match &instance.root {
        InitialRoot::File(bytes) => Ok(bytes.clone()),
        InitialRoot::Known => Err(Error::Unknown { instance: instance.name.clone() }),
        InitialRoot::Checksum(digest) => {
            let bytes = fetched(1).await?;
            let got = Digest::sha256(&bytes);
            if got == *digest {
                return Ok(bytes);
            }
            Err(other(&format!("1.root.json: got {got}, expected {digest}")))
        }
        InitialRoot::Pinned { version, signed } => {
            let bytes = fetched(*version).await?;
            let value = inspect::metadata(shown, "root.json", &bytes, limit)?;
            let part = value.get("signed").ok_or_else(|| other("it has no part `signed`"))?;
            let got = Digest::sha256(&to_canonical_bytes(part).map_err(|error| from_tuf(shown, error))?);
            if got.hex().as_str() == *signed {
                return Ok(bytes);
            }
            Err(other(&format!(
                "{version}.root.json: its signed part has the SHA-256 {}, expected {signed}",
                got.hex()
            )))
        }
    }
}

//! From a mirror to the cache, completely or not at all. What was verified on the way is remembered in any
//! case.

use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_verify::TrustedRoot;
use sigstore_tuf::canonical_json::to_canonical_bytes;

use crate::Error;
use crate::cache::{Cached, Versions, checked_name};
use crate::client::{Client, ROOT_BYTES};
use crate::delegations;
use crate::fault::{TrustFault, from_tuf, refused};
use crate::inspect;
use crate::instance::{InitialRoot, Instance};
use crate::repository::Mirror;
use crate::seen::SeenMetadata;
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
    seen: SeenMetadata,
    versions: Versions,
    expires: Timestamp,
    trusted_root: Vec<u8>,
    signing_config: Option<Vec<u8>>,
}

/// Updates `instance` in `folder`, the folder of all instances. If anything fails, the files in use stay as
/// they were. Only the metadata verified so far is remembered, so that no mirror can go back behind it.
pub fn update(
    instance: &Instance,
    folder: &Path,
    now: Timestamp,
    http: &plimsoll_http::Settings,
) -> Result<Updated, Error> {
    let _lock = SeenMetadata::lock(folder, &instance.name)?;
    let before = Cached::open(folder, &instance.name)?;
    if let Some(before) = &before {
        before.clock_is_not_behind(now)?;
    }
    let seen = SeenMetadata::open(folder, &instance.name, before.as_ref())?;
    let mirror = Mirror::new(&instance.mirror, http)?;
    let work = {
        let (instance, before) = (instance.clone(), before.clone());
        let folder = folder.join(checked_name(&instance.name)?);
        async move { fetch(&instance, before.as_ref(), seen, folder, mirror, now).await }
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
        initial_root: fetched.seen.initial_root().to_owned(),
        metadata: fetched.seen.metadata().clone(),
        trusted_root,
        signing_config,
        folder: fetched.seen.folder().to_owned(),
    };
    cached.store()?;
    Ok(Updated { cached, before })
}

async fn fetch(
    instance: &Instance,
    before: Option<&Cached>,
    seen: Option<SeenMetadata>,
    folder: PathBuf,
    mirror: Mirror,
    now: Timestamp,
) -> Result<Fetched, Error> {
    let root = initial_root(instance, seen.as_ref(), &mirror).await?;
    let mut seen = match seen {
        Some(seen) => seen,
        None => SeenMetadata::new(&instance.name, root, folder),
    };
    let mut client = Client::new(mirror, &mut seen, now)?;
    client.refresh().await?;
    let mut roles = delegations::Fetched::new();
    let described = client.find(TRUSTED_ROOT, &mut roles).await?;
    let described = described
        .ok_or_else(|| client.refused(TrustFault::Missing, format!("no role vouches for {TRUSTED_ROOT}")))?;
    let known = before.map(Cached::trusted_root);
    let limit = Limits::TRUSTED_ROOT_BYTES;
    let trusted_root = client.download(TRUSTED_ROOT, &described, known, limit).await?;
    let signing_config = match client.find(SIGNING_CONFIG, &mut roles).await? {
        Some(described) => {
            let known = before.and_then(Cached::signing_config);
            Some(client.download(SIGNING_CONFIG, &described, known, limit).await?)
        }
        None => None,
    };
    let (versions, expires) = client.state()?;
    Ok(Fetched { seen, versions, expires, trusted_root, signing_config })
}

/// The start of the chain of roots. Once it is known, it is never taken from anywhere else.
async fn initial_root(
    instance: &Instance,
    seen: Option<&SeenMetadata>,
    mirror: &Mirror,
) -> Result<String, Error> {
    let shown = instance.mirror.as_str();
    let other = |problem: &str| refused(shown, TrustFault::InitialRoot, problem);
    if let Some(seen) = seen {
        let known = match &instance.root {
            InitialRoot::File(bytes) => seen.knows_root(bytes),
            InitialRoot::Checksum(digest) => Digest::sha256(seen.initial_root().as_bytes()) == *digest,
            InitialRoot::Pinned { .. } | InitialRoot::Known => true,
        };
        if !known {
            return Err(Error::OtherRoot {
                instance: instance.name.clone(),
                folder: seen.folder().to_owned(),
            });
        }
        return Ok(seen.initial_root().to_owned());
    }
    let fetched = async |version: u64| {
        let name = format!("{version}.root.json");
        mirror
            .get("", &name, ROOT_BYTES)
            .await?
            .ok_or_else(|| refused(shown, TrustFault::Missing, format!("no {name}")))
    };
    let bytes = match &instance.root {
        InitialRoot::File(bytes) => bytes.clone(),
        InitialRoot::Known => return Err(Error::Unknown { instance: instance.name.clone() }),
        InitialRoot::Checksum(digest) => {
            let bytes = fetched(1).await?;
            let got = Digest::sha256(&bytes);
            if got != *digest {
                return Err(other(&format!("1.root.json: got {got}, expected {digest}")));
            }
            bytes
        }
        InitialRoot::Pinned { version, signed } => {
            let bytes = fetched(*version).await?;
            let value = inspect::metadata(shown, "root.json", &bytes, ROOT_BYTES)?;
            let part = value.get("signed").ok_or_else(|| other("it has no part `signed`"))?;
            let got = Digest::sha256(&to_canonical_bytes(part).map_err(|error| from_tuf(shown, &error))?);
            if got.hex().as_str() != *signed {
                return Err(other(&format!(
                    "{version}.root.json: its signed part has the SHA-256 {}, expected {signed}",
                    got.hex()
                )));
            }
            bytes
        }
    };
    inspect::metadata(shown, "root.json", &bytes, ROOT_BYTES)?;
    String::from_utf8(bytes).map_err(|error| refused(shown, TrustFault::Malformed, error.to_string()))
}

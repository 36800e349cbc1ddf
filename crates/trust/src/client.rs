//! The client workflow of The Update Framework 1.0, section 5, step by step: which metadata is requested in
//! which order, which versions it must not fall behind, and what is stored at once.
//!
//! Each file is verified by `sigstore_tuf::TrustedMetadataSet`: signatures, thresholds, versions, expiry,
//! lengths and hashes. The order is decided here and not by that crate's `Updater`: it stores what it has
//! seen at the end or not at all, has no floor for a snapshot beside a newer timestamp, and does not know
//! succinct hash bins.

use plimsoll_core::Timestamp;
use sigstore_tuf::metadata::{Metadata, Snapshot, Targets};
use sigstore_tuf::{Error as Tuf, TrustedMetadataSet};

use crate::Error;
use crate::cache::Versions;
use crate::fault::{TrustFault, from_tuf, refused};
use crate::repository::Mirror;
use crate::seen::{SeenMetadata, StoredRole};

/// The maximum bytes of each file, as in the reference implementation.
pub(super) const ROOT_BYTES: u64 = 512_000;
const TIMESTAMP_BYTES: u64 = 16_384;
const SNAPSHOT_BYTES: u64 = 2_000_000;
const TARGETS_BYTES: u64 = 5_000_000;
/// Enough to get from a root that is years old to the newest: instances rotate it a few times a year.
const ROTATIONS: u64 = 256;

/// The client of one update.
pub(super) struct Client<'a> {
    pub(super) mirror: Mirror,
    pub(super) trusted: TrustedMetadataSet,
    seen: &'a mut SeenMetadata,
    pub(super) now: Timestamp,
}

impl<'a> Client<'a> {
    /// Begins with the first root and the roots that were seen since.
    pub(super) fn new(mirror: Mirror, seen: &'a mut SeenMetadata, now: Timestamp) -> Result<Self, Error> {
        let first = TrustedMetadataSet::from_root(seen.initial_root().as_bytes());
        let mut trusted = first.map_err(|error| from_tuf(mirror.shown(), &error))?;
        while let Some(bytes) = seen.known_root(trusted.root().version.saturating_add(1)) {
            // A root that does not verify was tampered with; then the mirror's root is used.
            if trusted.update_root(bytes).is_err() {
                break;
            }
        }
        Ok(Self { mirror, trusted, seen, now })
    }

    /// Brings the metadata of the top-level roles up to date.
    pub(super) async fn refresh(&mut self) -> Result<(), Error> {
        self.root().await?;
        let floor = self.snapshot_floor();
        self.timestamp().await?;
        self.snapshot(floor.as_ref()).await?;
        self.targets().await
    }

    /// 5.3: the roots in sequence, each stored before the next request.
    async fn root(&mut self) -> Result<(), Error> {
        let first = self.trusted.root().version;
        for version in (1..=ROTATIONS).map(|step| first.saturating_add(step)) {
            let name = format!("{version}.root.json");
            let Some(bytes) = self.mirror.metadata(&name, ROOT_BYTES).await? else {
                return self.trusted.check_root_expired(self.now).map_err(|error| self.tuf(&error));
            };
            self.trusted.update_root(&bytes).map_err(|error| self.tuf(&error))?;
            self.seen.root(version, &bytes)?;
        }
        Err(self
            .refused(TrustFault::RootVersion, format!("more than {ROTATIONS} roots since version {first}")))
    }

    /// The snapshot that was seen last, if the current root's keys signed it. It need not be the one that a
    /// timestamp names: a newer timestamp whose snapshot was never shown must not erase it.
    fn snapshot_floor(&self) -> Option<Metadata<Snapshot>> {
        let snapshot = Metadata::<Snapshot>::from_slice(self.seen.known(StoredRole::Snapshot)?).ok()?;
        let root = self.trusted.root();
        snapshot.verify_threshold(&root.keys, root.role("snapshot")?, "snapshot").ok()?;
        Some(snapshot)
    }

    /// 5.4. Metadata that was seen sets the floor even if it has expired.
    async fn timestamp(&mut self) -> Result<(), Error> {
        if let Some(bytes) = self.seen.known(StoredRole::Timestamp) {
            // Metadata under withdrawn keys is refused. So a repository can recover from a version that ran
            // ahead (5.3.11).
            let _ = self.trusted.update_timestamp(bytes, Timestamp::MIN);
        }
        let bytes = self.required("timestamp.json", TIMESTAMP_BYTES).await?;
        match self.trusted.update_timestamp(&bytes, self.now) {
            Ok(()) => self.seen.role(StoredRole::Timestamp, &bytes)?,
            // 5.4.3: nothing is new, and the known metadata counts until it expires.
            Err(Tuf::EqualVersion { .. }) => {}
            Err(error) => return Err(self.tuf(&error)),
        }
        self.trusted.check_timestamp_expired(self.now).map_err(|error| self.tuf(&error))
    }

    /// 5.5. The snapshot that was seen last is used again if the timestamp still names it.
    async fn snapshot(&mut self, floor: Option<&Metadata<Snapshot>>) -> Result<(), Error> {
        let named = self.trusted.timestamp().and_then(|timestamp| timestamp.snapshot_meta());
        let version = named.map(|file| file.version).ok_or_else(|| self.incomplete("snapshot.json"))?;
        let known = self.seen.known(StoredRole::Snapshot).map(<[u8]>::to_vec);
        if known.is_some_and(|known| self.trusted.update_snapshot(&known, self.now).is_ok()) {
            return Ok(());
        }
        let bytes = self.required(&self.versioned(version, "snapshot"), SNAPSHOT_BYTES).await?;
        self.trusted.update_snapshot(&bytes, self.now).map_err(|error| self.tuf(&error))?;
        if let Some(floor) = floor {
            self.not_behind(floor.signed())?;
        }
        self.seen.role(StoredRole::Snapshot, &bytes)
    }

    /// 5.5.5: no list of files may be missing or older than before.
    fn not_behind(&self, floor: &Snapshot) -> Result<(), Error> {
        let snapshot = self.trusted.snapshot().ok_or_else(|| self.incomplete("snapshot.json"))?;
        for (name, before) in &floor.meta {
            match snapshot.meta.get(name) {
                None => {
                    let problem = format!("the snapshot no longer lists {name}");
                    return Err(self.refused(TrustFault::Rollback, problem));
                }
                Some(now) if now.version < before.version => {
                    let problem =
                        format!("{name}: got version {}, expected at least {}", now.version, before.version);
                    return Err(self.refused(TrustFault::Rollback, problem));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// 5.6, for the top-level role. `delegations` searches the roles below it for the files.
    async fn targets(&mut self) -> Result<(), Error> {
        let known = self.seen.known(StoredRole::Targets).map(<[u8]>::to_vec);
        if known.is_some_and(|known| self.trusted.update_targets(&known, self.now).is_ok()) {
            return Ok(());
        }
        let bytes = self.list("targets").await?;
        let shown = self.mirror.shown();
        self.trusted.update_targets(&bytes, self.now).map_err(|error| from_tuf(shown, &error))?;
        self.seen.role(StoredRole::Targets, &bytes)
    }

    /// The file of a targets role, in the version that the snapshot names.
    pub(super) async fn list(&self, role: &str) -> Result<Vec<u8>, Error> {
        let named = self.trusted.snapshot().and_then(|snapshot| snapshot.meta.get(&format!("{role}.json")));
        let version = named.map(|file| file.version).ok_or_else(|| self.incomplete(role))?;
        self.required(&self.versioned(version, &encoded(role)), TARGETS_BYTES).await
    }

    /// The versions of the metadata that vouches for the files, and the earliest expiry.
    pub(super) fn state(&self) -> Result<(Versions, Timestamp), Error> {
        let timestamp = self.trusted.timestamp().ok_or_else(|| self.incomplete("timestamp.json"))?;
        let snapshot = self.trusted.snapshot().ok_or_else(|| self.incomplete("snapshot.json"))?;
        let (root, targets) = (self.trusted.root(), self.top()?);
        let expires = root.expires.min(timestamp.expires).min(snapshot.expires).min(targets.expires);
        let versions = Versions {
            root: root.version,
            timestamp: timestamp.version,
            snapshot: snapshot.version,
            targets: targets.version,
        };
        Ok((versions, expires))
    }

    /// The top-level list of files.
    pub(super) fn top(&self) -> Result<&Targets, Error> {
        self.trusted.targets_role("targets").ok_or_else(|| self.incomplete("targets.json"))
    }

    async fn required(&self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let bytes = self.mirror.metadata(name, limit).await?;
        bytes.ok_or_else(|| self.refused(TrustFault::Missing, format!("no {name}")))
    }

    /// The name of a metadata file on the mirror.
    fn versioned(&self, version: u64, role: &str) -> String {
        if self.trusted.root().consistent_snapshot {
            format!("{version}.{role}.json")
        } else {
            format!("{role}.json")
        }
    }

    pub(super) fn refused(&self, fault: TrustFault, problem: impl Into<String>) -> Error {
        refused(self.mirror.shown(), fault, problem)
    }

    pub(super) fn tuf(&self, error: &Tuf) -> Error {
        from_tuf(self.mirror.shown(), error)
    }

    pub(super) fn incomplete(&self, what: &str) -> Error {
        self.refused(TrustFault::Malformed, format!("the metadata above it does not list {what}"))
    }
}

/// The name of a role as part of a file name: everything except unreserved characters is escaped, including
/// `/`.
fn encoded(role: &str) -> String {
    let mut out = String::with_capacity(role.len());
    for byte in role.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = std::fmt::Write::write_fmt(&mut out, format_args!("%{byte:02X}"));
            }
        }
    }
    out
}

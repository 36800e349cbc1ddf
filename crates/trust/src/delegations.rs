//! From the name of a file to its content: the search through the roles that may vouch for it (The Update
//! Framework 1.0, 5.6.7 and 5.7), including hash bins in both notations.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use plimsoll_core::{Algorithm, Digest};
use serde::Deserialize;
use sigstore_tuf::metadata::{Delegations, Metadata, Role as _, RoleKeys, TargetFile, Targets};

use crate::Error;
use crate::client::Client;
use crate::fault::TrustFault;

/// Roles that are searched for one file, as in the reference implementation.
const ROLES: usize = 32;

/// Metadata of delegated roles that was fetched in this update and matches the snapshot. Whether its
/// signatures are sufficient depends on the delegating role, so it is checked for each delegation.
pub(super) type Fetched = BTreeMap<String, Metadata<Targets>>;

/// `succinct_roles`: hash bins that are named by their number, all with the same keys.
#[derive(Debug, Deserialize)]
struct Succinct {
    keyids: Vec<String>,
    threshold: usize,
    bit_length: u32,
    name_prefix: String,
}

impl Succinct {
    fn parse(delegations: &Delegations) -> Result<Option<Self>, String> {
        let Some(value) = delegations.extra.get("succinct_roles") else { return Ok(None) };
        let roles = Self::deserialize(value).map_err(|error| format!("succinct_roles: {error}"))?;
        if !(1..=32).contains(&roles.bit_length) {
            return Err(format!(
                "succinct_roles: got a bit_length of {}, expected 1 to 32",
                roles.bit_length
            ));
        }
        Ok(Some(roles))
    }

    /// The bin that a path falls into: the first bits of its SHA-256, in as many digits as the last bin has.
    fn role_for(&self, path: &str) -> String {
        let first = Digest::sha256(path.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default();
        let bin = u32::from_be_bytes(first).checked_shr(32 - self.bit_length).unwrap_or_default();
        let digits = self.bit_length.div_ceil(4) as usize;
        format!("{}-{bin:0digits$x}", self.name_prefix)
    }
}

/// A role that may vouch for a file, and what its signatures are checked against.
struct Delegation {
    name: String,
    keys: BTreeMap<String, sigstore_tuf::Key>,
    role: RoleKeys,
}

impl Client<'_> {
    /// The description of the file `path` by the first role that lists it; `None` if none does.
    pub(super) async fn find(&self, path: &str, fetched: &mut Fetched) -> Result<Option<TargetFile>, Error> {
        let top = self.top()?;
        if let Some(found) = top.target(path) {
            return Ok(Some(found.clone()));
        }
        let mut asked = BTreeSet::new();
        let mut next = VecDeque::new();
        self.delegate(top, "targets", path, &mut next)?;
        while let Some(delegation) = next.pop_front() {
            // Circles end here. 5.6.7.1: the search also ends after [`ROLES`] roles.
            if asked.contains(&delegation.name) {
                continue;
            }
            if asked.len() >= ROLES {
                break;
            }
            let name = delegation.name.clone();
            asked.insert(name.clone());
            if !fetched.contains_key(&name) {
                fetched.insert(name.clone(), self.delegated(&name).await?);
            }
            let Some(list) = fetched.get(&name) else { continue };
            list.verify_threshold(&delegation.keys, &delegation.role, &name)
                .map_err(|error| self.tuf(&error))?;
            if list.signed().is_expired(self.now) {
                let problem = format!("{name} expired at {}", list.signed().expires);
                return Err(self.refused(TrustFault::Expired, problem));
            }
            if let Some(found) = list.signed().target(path) {
                return Ok(Some(found.clone()));
            }
            self.delegate(list.signed(), &name, path, &mut next)?;
        }
        Ok(None)
    }

    /// Puts the roles that `list` delegates `path` to in front of the waiting roles, or in place of them if
    /// one ends the search.
    fn delegate(
        &self,
        list: &Targets,
        delegator: &str,
        path: &str,
        next: &mut VecDeque<Delegation>,
    ) -> Result<(), Error> {
        let Some(delegations) = &list.delegations else { return Ok(()) };
        let malformed =
            |problem: String| self.refused(TrustFault::Malformed, format!("{delegator}: {problem}"));
        let mut children = Vec::new();
        let mut add = |name: String, role: RoleKeys| {
            let keys =
                role.keyids.iter().filter_map(|id| Some((id.clone(), delegations.keys.get(id)?.clone())));
            children.push(Delegation { name, keys: keys.collect(), role });
        };
        let mut ends = false;
        if let Some(bins) = Succinct::parse(delegations).map_err(malformed)? {
            let keys = serde_json::json!({"keyids": bins.keyids, "threshold": bins.threshold});
            let keys = serde_json::from_value(keys).map_err(|error| malformed(error.to_string()))?;
            // A bin ends the search: each path is in exactly one bin.
            add(bins.role_for(path), keys);
            ends = true;
        }
        for role in &delegations.roles {
            if role.matches_path(path).map_err(|error| self.tuf(&error))? {
                add(role.name.clone(), role.role_keys());
                if role.terminating {
                    ends = true;
                    break;
                }
            }
        }
        if ends {
            next.clear();
        }
        for child in children.into_iter().rev() {
            next.push_front(child);
        }
        Ok(())
    }

    /// The list of a delegated role, checked against the snapshot: length, hashes, version.
    async fn delegated(&self, role: &str) -> Result<Metadata<Targets>, Error> {
        let name = format!("{role}.json");
        let bytes = self.list(role).await?;
        let pin = self.trusted.snapshot().and_then(|snapshot| snapshot.meta.get(&name));
        let pin = pin.ok_or_else(|| self.incomplete(&name))?;
        if let Some(problem) = differs(&bytes, pin.length, pin.hashes.as_ref()) {
            return Err(self.refused(TrustFault::Integrity, format!("{name}: {problem}")));
        }
        let list = Metadata::<Targets>::from_slice(&bytes).map_err(|error| self.tuf(&error))?;
        if list.signed().version != pin.version {
            let problem = format!("{name}: got version {}, expected {}", list.signed().version, pin.version);
            return Err(self.refused(TrustFault::Integrity, problem));
        }
        Ok(list)
    }

    /// The file that `described` describes: `known` if it already matches, otherwise the mirror's.
    pub(super) async fn download(
        &self,
        path: &str,
        described: &TargetFile,
        known: Option<&[u8]>,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let problem = |bytes: &[u8]| differs(bytes, Some(described.length), Some(&described.hashes));
        if let Some(known) = known.filter(|known| problem(known).is_none()) {
            return Ok(known.to_vec());
        }
        if described.length > limit {
            let problem = format!("{path}: got a length of {}, expected at most {limit}", described.length);
            return Err(self.refused(TrustFault::Integrity, problem));
        }
        let name = if self.trusted.root().consistent_snapshot {
            let hash = described.hashes.get("sha256").or_else(|| described.hashes.get("sha512"));
            let hash = hash.ok_or_else(|| {
                self.refused(TrustFault::Integrity, format!("{path}: it has neither SHA-256 nor SHA-512"))
            })?;
            format!("{hash}.{path}")
        } else {
            path.to_owned()
        };
        let bytes = self.mirror.get("targets/", &name, described.length).await?;
        let bytes = bytes.ok_or_else(|| self.refused(TrustFault::Missing, format!("no targets/{name}")))?;
        match problem(&bytes) {
            None => Ok(bytes),
            Some(problem) => Err(self.refused(TrustFault::Integrity, format!("{path}: {problem}"))),
        }
    }
}

/// How `bytes` differ from their description. Every hash by a known algorithm must match, and there must be
/// at least one.
fn differs(bytes: &[u8], length: Option<u64>, hashes: Option<&BTreeMap<String, String>>) -> Option<String> {
    if let Some(length) = length.filter(|length| *length != bytes.len() as u64) {
        return Some(format!("got {} bytes, expected {length}", bytes.len()));
    }
    let hashes = hashes?;
    let mut compared = false;
    for (algorithm, expected) in hashes {
        let algorithm = match algorithm.as_str() {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => continue,
        };
        let got = Digest::compute(algorithm, bytes);
        if !got.hex().eq_ignore_ascii_case(expected) {
            return Some(format!("got {got}, expected {expected}"));
        }
        compared = true;
    }
    (!compared).then(|| "it has neither SHA-256 nor SHA-512".to_owned())
}

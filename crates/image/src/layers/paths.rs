//! Paths as keyed hashes, so that millions of them fit into memory and nobody can prepare two that collide.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip::SipHasher13;

/// The beginning of a whiteout's name.
pub(super) const WHITEOUT: &[u8] = b".wh.";

/// Hashes paths by SipHash-1-3 with a secret key: one of this run, or that of a cache of layers. (std has the same function,
/// and no way to choose its key.)
#[derive(Clone)]
pub(super) struct Keyed(SipHasher13);

impl fmt::Debug for Keyed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keyed")
    }
}

impl Keyed {
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        Self(SipHasher13::new_with_keys(random.hash_one(0_u8), random.hash_one(1_u8)))
    }

    /// With a key of at least 16 bytes.
    pub(super) fn with_key(key: &[u8]) -> Option<Self> {
        Some(Self(SipHasher13::new_with_key(key.first_chunk()?)))
    }

    /// The hash of a path: the last that [`Self::lineage`] would give.
    pub(super) fn hash(&self, path: &[u8]) -> u64 {
        let mut hasher = self.0;
        each_name(&mut hasher, path, |_| {});
        hasher.finish()
    }

    /// The hashes of all directories on the way to `path`, outermost first, and finally that of `path`
    /// itself. The root is not included; for the root itself the list is empty.
    pub(super) fn lineage(&self, path: &[u8], out: &mut Vec<u64>) {
        out.clear();
        let mut hasher = self.0;
        each_name(&mut hasher, path, |hash| out.push(hash));
    }
}

fn each_name<H: Hasher>(hasher: &mut H, path: &[u8], mut each: impl FnMut(u64)) {
    if path.is_empty() {
        return;
    }
    for name in path.split(|byte| *byte == b'/') {
        hasher.write(b"/");
        hasher.write(name);
        each(hasher.finish());
    }
}

/// A set of hashes, without hashing them again.
pub(super) type Hashes = HashSet<u64, IdentityHasher>;

/// Uses a hash as its own hash.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl BuildHasher for IdentityHasher {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

/// The directory of `path`: the root for a path of one name, `None` for the root.
pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    if path.is_empty() {
        return None;
    }
    let cut = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.get(..cut)
}

/// The last name of `path`.
pub(super) fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// `directory` and `name` as one path.
pub(super) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, name].join(&b'/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_hash_however_it_is_asked_for() {
        let keyed = Keyed::random();
        let mut lineage = Vec::new();
        keyed.lineage(b"usr/lib/x", &mut lineage);
        assert_eq!(lineage, [keyed.hash(b"usr"), keyed.hash(b"usr/lib"), keyed.hash(b"usr/lib/x")]);
        keyed.lineage(b"", &mut lineage);
        assert!(lineage.is_empty());
        assert_eq!((parent(b"a/b"), parent(b"a"), parent(b"")), (Some(&b"a"[..]), Some(&b""[..]), None));
        assert_eq!((base(b"a/b"), base(b"a")), (&b"b"[..], &b"a"[..]));
    }
}

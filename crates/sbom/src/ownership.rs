//! Which package of the operating system owns a language's package.
//!
//! `python3-yaml` contains PyYAML: the same code under two names. The language's package is owned if the package
//! manager lists the file that shows it. Only a digest that the package manager recorded and that the file still has
//! proves that the package installed it; a path alone is a claim, because anything can be copied over it.
//!
//! dpkg, apk and rpm record MD5, SHA-1 and SHA-256. Whoever can find a collision can also rewrite the list itself: an
//! image's own records remain the image's claim, and the matcher decides what they may lower.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use plimsoll_core::Purl;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;

use crate::inventory::{
    Checksum, ChecksumAlgorithm, Component, ComponentIndex, OwnerEvidence, Relationship, RelationshipKind,
};
use crate::path::place_of;

/// A digest as a package manager recorded it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum RecordedDigest {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
    /// An invalid one, which no file has.
    Unusable,
}

impl RecordedDigest {
    /// An MD5 in hexadecimal digits.
    pub(crate) fn md5(text: &str) -> Self {
        let mut digest = [0; 16];
        hex::decode_to_slice(text, &mut digest).map_or(Self::Unusable, |()| Self::Md5(digest))
    }

    /// A SHA-256 in hexadecimal digits.
    pub(crate) fn sha256(text: &str) -> Self {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_or(Self::Unusable, |()| Self::Sha256(digest))
    }

    /// A SHA-1 in Base64. `None` if it is invalid.
    pub(crate) fn sha1_of_base64(text: &str) -> Option<Self> {
        let digest = STANDARD.decode(text).ok()?;
        digest.try_into().ok().map(Self::Sha1)
    }
}

/// The digests of a file, by the algorithms that package managers use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileDigests {
    md5: [u8; 16],
    sha1: [u8; 20],
    sha256: [u8; 32],
}

impl FileDigests {
    /// The digests that documents state.
    pub(crate) fn checksums(&self) -> Vec<Checksum> {
        let sha1 = Checksum::new(ChecksumAlgorithm::Sha1, &self.sha1);
        sha1.into_iter().chain(Checksum::new(ChecksumAlgorithm::Sha256, &self.sha256)).collect()
    }

    pub(crate) fn of_content(content: &[u8]) -> Self {
        let mut digester = Digester::default();
        digester.take(content);
        digester.finish()
    }

    /// The hashes under which a package manager lists the file at `path` with one of these digests.
    pub(crate) fn hashes_at(&self, path: &str) -> [u64; 3] {
        [RecordedDigest::Md5(self.md5), RecordedDigest::Sha1(self.sha1), RecordedDigest::Sha256(self.sha256)]
            .map(|digest| hash_of_file(path, &digest))
    }
}

/// Hashes a file piece by piece.
#[derive(Default)]
pub(crate) struct Digester {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
}

impl Digester {
    /// Takes the next bytes.
    pub(crate) fn take(&mut self, piece: &[u8]) {
        self.md5.update(piece);
        self.sha1.update(piece);
        self.sha256.update(piece);
    }

    pub(crate) fn finish(self) -> FileDigests {
        let Self { md5, sha1, sha256 } = self;
        FileDigests {
            md5: md5.finalize().into(),
            sha1: sha1.finalize().into(),
            sha256: sha256.finalize().into(),
        }
    }
}

/// A file of a package, as its package manager recorded it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Relative to the root.
    pub(crate) path: Box<str>,
    /// Its recorded digest, if there is one.
    pub(crate) digest: Option<RecordedDigest>,
}

impl Record {
    /// About how many bytes records need.
    pub(crate) fn bytes(records: &[Self]) -> usize {
        size_of_val(records) + records.iter().map(|record| record.path.len()).sum::<usize>()
    }

    /// The record as a claim of `owner`.
    pub(crate) fn claim(&self, owner: ComponentIndex) -> Claim<'_> {
        Claim { path: &self.path, digest: self.digest.as_ref(), owner }
    }
}

/// What a package manager says about a file.
pub(crate) struct Claim<'f> {
    /// Its path.
    pub(crate) path: &'f str,
    /// Its recorded digest, if there is one.
    pub(crate) digest: Option<&'f RecordedDigest>,
    /// The package.
    pub(crate) owner: ComponentIndex,
}

/// A file that shows a component.
pub(crate) struct ComponentFile<'f> {
    /// The component.
    pub(crate) component: ComponentIndex,
    pub(crate) path: &'f str,
    pub(crate) real_path: &'f str,
    /// The digests of the file, if it was hashed.
    pub(crate) digests: Option<&'f FileDigests>,
}

/// Which component owns which, by the claims.
pub(crate) fn relationships(
    claims: &[Claim<'_>],
    files: &[ComponentFile<'_>],
    components: &[Component],
) -> impl Iterator<Item = Relationship> {
    let wanted: HashSet<&str> = files.iter().flat_map(|shown| [shown.path, shown.real_path]).collect();
    // A package may repeat a claim a million times, and many links may lead to one file: claims are grouped by path
    // first, so that not all pairs need to be compared.
    let mut said: HashMap<&str, PathClaims<'_>> = HashMap::new();
    for claim in claims.iter().filter(|claim| wanted.contains(claim.path)) {
        said.entry(claim.path).or_default().add(claim, components);
    }
    let mut owners: BTreeMap<ComponentIndex, (ComponentIndex, OwnerEvidence)> = BTreeMap::new();
    for shown in files {
        for new in [shown.path, shown.real_path].into_iter().filter_map(|path| said.get(path)?.about(shown)) {
            let known = owners.entry(shown.component).or_insert(new);
            if strength(new, components) < strength(*known, components) {
                *known = new;
            }
        }
    }
    owners.into_iter().map(|(from, (to, evidence))| Relationship {
        from,
        kind: RelationshipKind::OwnedBy(evidence),
        to,
    })
}

/// The claims of all packages about one path. Of several equal ones, the one with the first package URL.
#[derive(Default)]
struct PathClaims<'c> {
    by_digest: HashMap<&'c RecordedDigest, ComponentIndex>,
    with_digest: Option<ComponentIndex>,
    without: Option<ComponentIndex>,
}

impl<'c> PathClaims<'c> {
    fn add(&mut self, claim: &Claim<'c>, components: &[Component]) {
        let purl = |owner: ComponentIndex| components.get(owner.0).map(|component| &component.purl);
        let first = |known: Option<ComponentIndex>| match known {
            Some(known) if purl(known) <= purl(claim.owner) => known,
            _ => claim.owner,
        };
        let Some(digest) = claim.digest else {
            self.without = Some(first(self.without));
            return;
        };
        self.with_digest = Some(first(self.with_digest));
        let owner = first(self.by_digest.get(digest).copied());
        self.by_digest.insert(digest, owner);
    }

    fn about(&self, shown: &ComponentFile<'_>) -> Option<(ComponentIndex, OwnerEvidence)> {
        let Some(FileDigests { md5, sha1, sha256 }) = shown.digests else {
            return self.with_digest.or(self.without).map(|owner| (owner, OwnerEvidence::Claimed));
        };
        let digests =
            [RecordedDigest::Md5(*md5), RecordedDigest::Sha1(*sha1), RecordedDigest::Sha256(*sha256)];
        let mut matching = digests.into_iter().filter_map(|digest| self.by_digest.get(&digest));
        let (matching, listed) = (matching.next(), self.without);
        let matching = matching.map(|owner| (*owner, OwnerEvidence::DigestsMatch));
        let other = || self.with_digest.map(|owner| (owner, OwnerEvidence::DigestMismatch));
        matching.or_else(other).or_else(|| listed.map(|owner| (owner, OwnerEvidence::Claimed)))
    }
}

/// A match counts more than a mismatch, which counts more than a claim. Among equals the first purl counts, so that the
/// order is fixed.
fn strength(
    (owner, evidence): (ComponentIndex, OwnerEvidence),
    components: &[Component],
) -> (u8, Option<&Purl>) {
    let rank = match evidence {
        OwnerEvidence::DigestsMatch => 0,
        OwnerEvidence::DigestMismatch => 1,
        OwnerEvidence::Claimed => 2,
    };
    (rank, components.get(owner.0).map(|component| &component.purl))
}

/// The hash of a file's path: all that is kept of the many paths that need not be shown. Whoever can find a collision
/// can also add a line to the list.
pub(crate) fn hash_of_path(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    place_of(path).hash(&mut hasher);
    hasher.finish()
}

/// The hash of a file's path together with its recorded digest, which proves more than the path alone.
pub(crate) fn hash_of_file(path: &str, digest: &RecordedDigest) -> u64 {
    let mut hasher = DefaultHasher::new();
    (place_of(path), digest).hash(&mut hasher);
    hasher.finish()
}

/// Whether distributions install files at `path`. By the Filesystem Hierarchy Standard, the rest belongs to
/// administrators and vendors.
pub fn is_of_distributions(path: &str) -> bool {
    let (usr, path) = place_of(path);
    usr && !path.starts_with("local/") || path.starts_with("boot/")
}

/// Hashes of paths, each once, in ascending order.
pub(crate) fn distinct(mut places: Vec<u64>) -> Box<[u64]> {
    places.sort_unstable();
    places.dedup();
    places.into_boxed_slice()
}

//! Which operating-system package brought a language's package.
//!
//! `python3-yaml` contains PyYAML: the same code under two names. The language's package is owned when the package manager
//! lists the file that shows it. Only a digest recorded by the package manager that the file still has is proof that it is
//! what the package brought; a path alone is a claim, since anything can be copied over it.
//!
//! MD5 and SHA-1 are what package managers record. Whoever can find a collision can also rewrite the list beside it: an
//! image's own records stay the image's claim, and the matcher decides what they may lower.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use plimsoll_core::Purl;
use sha1::Sha1;

use crate::inventory::{Component, ComponentIndex, OwnerEvidence, Relationship, RelationshipKind};

/// A digest as a package manager recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordedDigest {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    /// It is not one, so that no file has it.
    Unusable,
}

impl RecordedDigest {
    /// An MD5 in hexadecimal digits.
    pub(crate) fn md5(text: &str) -> Self {
        let mut digest = [0; 16];
        hex::decode_to_slice(text, &mut digest).map_or(Self::Unusable, |()| Self::Md5(digest))
    }

    /// A SHA-1 in Base64; none for what is not one.
    pub(crate) fn sha1_of_base64(text: &str) -> Option<Self> {
        let digest = STANDARD.decode(text).ok()?;
        digest.try_into().ok().map(Self::Sha1)
    }
}

/// The digests of a file, of the kinds that package managers record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileDigests {
    md5: [u8; 16],
    sha1: [u8; 20],
}

impl FileDigests {
    pub(crate) fn of_content(content: &[u8]) -> Self {
        Self { md5: Md5::digest(content).into(), sha1: Sha1::digest(content).into() }
    }

    fn are(&self, recorded: &RecordedDigest) -> bool {
        match recorded {
            RecordedDigest::Md5(md5) => self.md5 == *md5,
            RecordedDigest::Sha1(sha1) => self.sha1 == *sha1,
            RecordedDigest::Unusable => false,
        }
    }
}

/// A file that a package brought, as its package manager recorded it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Relative to the root.
    pub(crate) path: Box<str>,
    /// The digest that it had, where that was recorded.
    pub(crate) digest: Option<RecordedDigest>,
}

impl Record {
    /// Bytes that records cost, about.
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
    /// Where the package put it.
    pub(crate) path: &'f str,
    /// The digest that it had, where that was recorded.
    pub(crate) digest: Option<&'f RecordedDigest>,
    /// The package.
    pub(crate) owner: ComponentIndex,
}

/// A file that shows a component.
pub(crate) struct Evidence<'f> {
    /// The component.
    pub(crate) component: ComponentIndex,
    pub(crate) path: &'f str,
    pub(crate) real_path: &'f str,
    pub(crate) digests: &'f FileDigests,
}

/// Which component is owned by which, as the claims say about it.
pub(crate) fn relationships(
    claims: &[Claim<'_>],
    evidence: &[Evidence<'_>],
    components: &[Component],
) -> impl Iterator<Item = Relationship> {
    let mut by_path: HashMap<&str, Vec<&Evidence<'_>>> = HashMap::new();
    for shown in evidence {
        by_path.entry(shown.path).or_default().push(shown);
        if shown.real_path != shown.path {
            by_path.entry(shown.real_path).or_default().push(shown);
        }
    }
    let mut owners: BTreeMap<ComponentIndex, (ComponentIndex, OwnerEvidence)> = BTreeMap::new();
    for claim in claims {
        for shown in by_path.get(claim.path).into_iter().flatten() {
            let evidence = match claim.digest {
                None => OwnerEvidence::Claimed,
                Some(digest) if shown.digests.are(digest) => OwnerEvidence::DigestsMatch,
                Some(_) => OwnerEvidence::DigestMismatch,
            };
            let new = (claim.owner, evidence);
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

/// A match counts more than a mismatch, that more than a claim; among equals the first purl, so that order is fixed.
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

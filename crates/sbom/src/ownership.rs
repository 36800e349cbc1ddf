//! Which operating-system package brought a language's package.
//!
//! `python3-yaml` contains PyYAML: the same code under two names. The language's package is owned when the package manager
//! lists the file that shows it. Only a digest recorded by the package manager that the file still has is proof that it is
//! what the package brought; a path alone is a claim, since anything can be copied over it.
//!
//! MD5 and SHA-1 are what package managers record. Whoever can find a collision can also rewrite the list beside it: an
//! image's own records stay the image's claim, and the matcher decides what they may lower.

use std::collections::{BTreeMap, HashMap};

use md5::{Digest as _, Md5};

use crate::inventory::{Component, Owner, OwnerEvidence};

/// A digest as a package manager recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordedDigest {
    Md5([u8; 16]),
    /// It is not one, so that no file has it.
    Unusable,
}

impl RecordedDigest {
    /// An MD5 in hexadecimal digits.
    pub(crate) fn md5(text: &str) -> Self {
        let mut digest = [0; 16];
        hex::decode_to_slice(text, &mut digest).map_or(Self::Unusable, |()| Self::Md5(digest))
    }
}

/// The digests of a file, of the kinds that package managers record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileDigests {
    md5: [u8; 16],
}

impl FileDigests {
    pub(crate) fn of_content(content: &[u8]) -> Self {
        Self { md5: Md5::digest(content).into() }
    }

    fn are(&self, recorded: &RecordedDigest) -> bool {
        match recorded {
            RecordedDigest::Md5(md5) => self.md5 == *md5,
            RecordedDigest::Unusable => false,
        }
    }
}

/// A package manager's record of a file.
pub(crate) struct Claim<'f> {
    /// Where the package put it.
    pub(crate) path: &'f str,
    /// The digest that it had, where that was recorded.
    pub(crate) digest: Option<&'f RecordedDigest>,
    /// The number of the package among the components.
    pub(crate) owner: usize,
}

/// A file that shows a component.
pub(crate) struct Evidence<'f> {
    /// The number of the component.
    pub(crate) component: usize,
    pub(crate) path: &'f str,
    pub(crate) real_path: &'f str,
    pub(crate) digests: &'f FileDigests,
}

/// Sets [`Component::owner`] of what one of the claims is about.
pub(crate) fn assign(claims: &[Claim<'_>], evidence: &[Evidence<'_>], components: &mut [Component]) {
    let mut by_path: HashMap<&str, Vec<&Evidence<'_>>> = HashMap::new();
    for shown in evidence {
        by_path.entry(shown.path).or_default().push(shown);
        if shown.real_path != shown.path {
            by_path.entry(shown.real_path).or_default().push(shown);
        }
    }
    let mut owners: BTreeMap<usize, Owner> = BTreeMap::new();
    for claim in claims {
        for shown in by_path.get(claim.path).into_iter().flatten() {
            let evidence = match claim.digest {
                None => OwnerEvidence::Claimed,
                Some(digest) if shown.digests.are(digest) => OwnerEvidence::DigestsMatch,
                Some(_) => OwnerEvidence::DigestMismatch,
            };
            let Some(package) = components.get(claim.owner) else { continue };
            let owner = Owner { purl: package.purl.clone(), evidence };
            owners
                .entry(shown.component)
                .and_modify(|known| {
                    if stronger(&owner, known) {
                        *known = owner.clone();
                    }
                })
                .or_insert(owner);
        }
    }
    for (index, owner) in owners {
        if let Some(component) = components.get_mut(index) {
            component.owner = Some(Box::new(owner));
        }
    }
}

/// A match counts more than a mismatch, that more than a claim; among equals the first purl, so that order is fixed.
fn stronger(new: &Owner, known: &Owner) -> bool {
    let rank = |owner: &Owner| match owner.evidence {
        OwnerEvidence::DigestsMatch => 0,
        OwnerEvidence::DigestMismatch => 1,
        OwnerEvidence::Claimed => 2,
    };
    (rank(new), &new.purl) < (rank(known), &known.purl)
}

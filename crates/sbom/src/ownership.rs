//! Which operating-system package brought a Python distribution.
//!
//! `python3-yaml` contains PyYAML: the same code under two names. The distribution is owned when the package manager
//! lists its metadata file. Only a digest recorded by the package manager that the file still has is proof that it is
//! what the package brought; a path alone is a claim, since anything can be copied over it. Follows dpkg's `.md5sums`
//! (deb-md5sums(5): 32 hex digits, two spaces, a path without `/` in front) and `.list` files.
//!
//! MD5 is what dpkg records. Whoever can find a collision can also rewrite the list beside it: an image's own records
//! stay the image's claim, and the matcher decides what they may lower.

use std::collections::{BTreeMap, HashMap};

use md5::{Digest as _, Md5};
use plimsoll_core::Purl;
use plimsoll_core::rootfs::FileSet;

use crate::inventory::{Component, Owner, OwnerEvidence};
use crate::language::python::Distribution;
use crate::wanted::{DPKG_INFO, DPKG_STATUS_DIR};

/// Sets [`Component::owner`] of each distribution that one of `packages` lists.
pub(crate) fn assign(files: &FileSet, packages: &[Component], distributions: &mut [Distribution<'_>]) {
    if distributions.is_empty() || packages.is_empty() {
        return;
    }
    let mut by_path: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, distribution) in distributions.iter().enumerate() {
        let file = distribution.file;
        by_path.entry(&file.path).or_default().push(index);
        if file.real_path != file.path {
            by_path.entry(&file.real_path).or_default().push(index);
        }
    }
    let installed = Installed::new(packages);
    let mut owners: BTreeMap<usize, Owner> = BTreeMap::new();
    for record in files.iter() {
        let Some((package, digests)) = record_of(&record.path) else { continue };
        let Some(purl) = installed.purl(package) else { continue };
        for line in record.content.split(|b| *b == b'\n') {
            let Some((digest, path)) = entry(line, digests) else { continue };
            for index in by_path.get(path).into_iter().flatten() {
                let Some(distribution) = distributions.get(*index) else { continue };
                let evidence = match digest {
                    None => OwnerEvidence::Claimed,
                    Some(digest)
                        if digest == hex::encode(Md5::digest(distribution.file.content.as_slice())) =>
                    {
                        OwnerEvidence::DigestsMatch
                    }
                    Some(_) => OwnerEvidence::DigestMismatch,
                };
                let owner = Owner { purl: purl.clone(), evidence };
                owners
                    .entry(*index)
                    .and_modify(|known| {
                        if stronger(&owner, known) {
                            *known = owner.clone();
                        }
                    })
                    .or_insert(owner);
            }
        }
    }
    for (index, owner) in owners {
        if let Some(distribution) = distributions.get_mut(index) {
            distribution.component.owner = Some(Box::new(owner));
        }
    }
}

/// The purls of installed packages, by what dpkg's file names say: `libc6:amd64` or `python3-yaml`.
struct Installed<'a>(HashMap<&'a str, Vec<&'a Purl>>);

impl<'a> Installed<'a> {
    fn new(packages: &'a [Component]) -> Self {
        let mut by_name: HashMap<&str, Vec<&Purl>> = HashMap::new();
        for package in packages {
            by_name.entry(&package.name).or_default().push(&package.purl);
        }
        Self(by_name)
    }

    /// Files of a package that is not installed say nothing.
    fn purl(&self, file_name: &str) -> Option<&'a Purl> {
        let (name, architecture) = match file_name.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (file_name, None),
        };
        let fits = |purl: &&&Purl| architecture.is_none() || purl.qualifier("arch") == architecture;
        self.0.get(name)?.iter().find(fits).copied()
    }
}

/// The package that a record is about, and whether it has digests.
fn record_of(path: &str) -> Option<(&str, bool)> {
    let name = path.strip_prefix(DPKG_INFO).or_else(|| path.strip_prefix(DPKG_STATUS_DIR))?;
    match name.strip_suffix(".md5sums") {
        Some(package) => Some((package, true)),
        None => Some((name.strip_suffix(".list")?, false)),
    }
}

/// The digest, when there is one, and the path of a line. Most lines are not about Python, and are left early.
fn entry(line: &[u8], digests: bool) -> Option<(Option<&str>, &str)> {
    if ![&b"/METADATA"[..], b"/PKG-INFO", b".egg-info"].iter().any(|end| line.ends_with(end)) {
        return None;
    }
    let line = str::from_utf8(line).ok()?;
    let (digest, path) = if digests {
        let (digest, path) = line.split_once(' ')?;
        (Some(digest), path.strip_prefix([' ', '*'])?)
    } else {
        (None, line)
    };
    let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
    Some((digest, path))
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

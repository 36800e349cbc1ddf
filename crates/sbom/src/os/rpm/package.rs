//! What a header says about its package, and which files the package installed.
//!
//! A package owns its ghost files but does not contain them, and rpm marks others as not installed (excluded
//! documentation, files of another architecture). Neither is claimed.

use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use super::header::{Header, Tag};
use crate::cataloger::File;
use crate::inventory::origin::page;
use crate::os::database::{Entries, Identity, Listed, is_word, words};
use crate::os::files::{OwnedFiles, OwnedFilesBuilder};
use crate::ownership::RecordedDigest;

/// The content of a database.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Packages(pub(super) Entries<Package>);

/// An installed package.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) epoch: Option<u32>,
    /// Version and release: `2.32.1-42.el8_8`.
    pub(super) version: String,
    pub(super) architecture: Option<String>,
    /// The file that it was built from: `util-linux-2.32.1-42.el8_8.src.rpm`.
    pub(super) source: Option<String>,
    pub(super) licence: Option<String>,
    pub(super) supplier: Option<String>,
    pub(super) homepage: Option<String>,
    /// The module that it belongs to: `nodejs:18:8090020240101:rhel8`.
    pub(super) module: Option<String>,
    pub(super) files: OwnedFiles,
}

impl Listed for Package {
    fn identity(&self) -> Identity<'_> {
        (
            &self.name,
            &self.version,
            self.architecture.as_deref().unwrap_or_default(),
            self.epoch.unwrap_or_default(),
        )
    }
}

impl Footprint for Packages {
    fn footprint(&self) -> usize {
        self.0.bytes(|package| {
            let Package {
                name,
                version,
                architecture,
                source,
                licence,
                supplier,
                homepage,
                module,
                files,
                ..
            } = package;
            let optional = [architecture, source, licence, supplier, homepage, module].into_iter().flatten();
            let text: usize = [name, version].into_iter().chain(optional).map(String::len).sum();
            text + files.bytes()
        })
    }
}

/// The names of pseudo packages in which rpm keeps the keys that it trusts.
pub(super) const KEY: &str = "gpg-pubkey";

/// The package of a header. `None` for a key.
pub(super) fn read(file: &File<'_>, blob: &[u8]) -> Result<Option<Package>, String> {
    let header = Header::parse(blob).map_err(|what| format!("a header {what}"))?;
    let name = header.text(Tag::NAME).filter(|name| is_word(name)).ok_or("a header has no usable name")?;
    if name == KEY {
        return Ok(None);
    }
    let needed = |tag, label: &str| {
        let text = header.text(tag).filter(|text| is_word(text));
        text.ok_or_else(|| format!("package {name} has no usable {label}"))
    };
    let (version, release) = (needed(Tag::VERSION, "version")?, needed(Tag::RELEASE, "release")?);
    let epoch = header.number(Tag::EPOCH);
    if header.has(Tag::EPOCH) && epoch.is_none() {
        return Err(format!("package {name} has no usable epoch"));
    }
    let optional = |tag| header.text(tag).filter(|text| is_word(text)).map(str::to_owned);
    Ok(Some(Package {
        name: name.to_owned(),
        epoch,
        version: format!("{version}-{release}"),
        architecture: optional(Tag::ARCH),
        source: optional(Tag::SOURCE_RPM).filter(|source| source != "(none)"),
        licence: words(header.text(Tag::LICENSE)),
        supplier: words(header.text(Tag::VENDOR)).or_else(|| words(header.text(Tag::PACKAGER))),
        homepage: header.text(Tag::URL).and_then(page),
        module: optional(Tag::MODULARITY_LABEL),
        files: files(file, &header, blob.len()),
    }))
}

/// The flag of a file that the package owns but does not contain.
const GHOST: u32 = 1 << 6;
/// The state of a file that was installed.
const INSTALLED: u8 = 0;

/// The files that were installed.
fn files(file: &File<'_>, header: &Header<'_>, bytes: usize) -> OwnedFiles {
    let directories: Vec<&[u8]> = header.texts(Tag::DIRECTORY_NAMES).collect();
    let split = header.texts(Tag::BASE_NAMES).zip(header.numbers(Tag::DIRECTORY_INDEXES));
    // Before 1999, rpm wrote each path as one text.
    let whole = header.texts(Tag::OLD_FILE_NAMES).map(|path| (&b""[..], path));
    let split =
        split.filter_map(|(name, index)| Some((*directories.get(usize::try_from(index).ok()?)?, name)));
    let mut digests = header.texts(Tag::FILE_DIGESTS);
    let mut flags = header.numbers(Tag::FILE_FLAGS);
    let mut states = header.bytes(Tag::FILE_STATES).iter();
    let algorithm = header.number(Tag::FILE_DIGEST_ALGORITHM);
    let mut owned = OwnedFilesBuilder::new(file, bytes);
    for (directory, name) in split.chain(whole) {
        let (digest, flags, state) = (digests.next(), flags.next(), states.next());
        let is_ghost = flags.is_some_and(|flags| flags & GHOST != 0);
        let (Ok(directory), Ok(name)) = (str::from_utf8(directory), str::from_utf8(name)) else { continue };
        if !is_ghost && state.is_none_or(|state| *state == INSTALLED) {
            owned.add_in(directory, name, digest.and_then(|digest| recorded(algorithm, digest)));
        }
    }
    owned.finish()
}

/// The digest of a file, by the number of its algorithm in OpenPGP. Directories and links have none.
fn recorded(algorithm: Option<u32>, digest: &[u8]) -> Option<RecordedDigest> {
    let digest = str::from_utf8(digest).ok().filter(|digest| !digest.is_empty())?;
    match algorithm.unwrap_or(1) {
        1 => Some(RecordedDigest::md5(digest)),
        8 => Some(RecordedDigest::sha256(digest)),
        // Other digests of a file are not computed, so they prove nothing.
        _ => None,
    }
}

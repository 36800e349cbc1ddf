//! Sigstore instances, by the TUF repositories that distribute their files.

/// The name of the public Sigstore instance.
pub const PUBLIC_GOOD: &str = "public-good";
/// Its TUF repository.
pub const PUBLIC_GOOD_MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";

/// A Sigstore instance, by the TUF repository that distributes its files.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The folder in the cache: letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// `https://…`, or `file:///…` for a copy in a folder.
    pub mirror: String,
    /// The root that verifies its first metadata.
    pub root: InitialRoot,
}

/// How the first root of an instance is known.
#[derive(Debug, Clone)]
pub enum InitialRoot {
    /// The file.
    File(Vec<u8>),
    /// The mirror's `1.root.json`, which must have this digest. For users who have a digest but no file.
    Checksum(plimsoll_core::Digest),
    /// The mirror's root of this version, whose signed part has this SHA-256 in TUF's canonical form.
    Pinned {
        /// The version.
        version: u64,
        /// The SHA-256, in hexadecimal.
        signed: &'static str,
    },
    /// The root in the cache, from the first update.
    Known,
}

impl Instance {
    /// The public Sigstore instance. Version 16 of its root (which expires on 2027-04-22) is pinned by its
    /// digest. The root itself is fetched with everything else, and later roots follow from it.
    pub fn public_good() -> Self {
        Self {
            name: PUBLIC_GOOD.to_owned(),
            mirror: PUBLIC_GOOD_MIRROR.to_owned(),
            root: InitialRoot::Pinned {
                version: 16,
                signed: "cab3eaf1fe33bbae925e1ee1afbec52dce58b290a035858074e7a9a998ae9a64",
            },
        }
    }
}

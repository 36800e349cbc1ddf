//! Every read of foreign bytes passes a [`Limits`] value.
//!
//! A limit that is hit is an error that names the limit, its value, what ran into it and the flag that raises it, so
//! that a legitimate giant can be let through on purpose and a bomb cannot.

use std::fmt;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Upper bounds for foreign bytes. The defaults let every image that the authors know pass with a wide margin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a manifest, index, configuration or statement. Registries accept 4 MiB.
    pub manifest_bytes: u64,
    /// Manifests in one index.
    pub index_entries: usize,
    /// Layers of one image. Runtimes stop at about 128; 512 leaves room for odd builders.
    pub layers: usize,
    /// Compressed bytes of one layer.
    pub layer_bytes: u64,
    /// Uncompressed bytes of one layer.
    pub unpacked_bytes: u64,
    /// Uncompressed bytes per compressed byte. Deflate's own maximum is 1032; real layers stay below 50.
    /// Sparse data in a layer makes higher ratios legitimate, so it only counts beyond [`Limits::ratio_floor_bytes`].
    pub ratio: u64,
    /// Uncompressed bytes up to which the ratio is not looked at.
    pub ratio_floor_bytes: u64,
    /// Window of a zstd frame. The reference decoder's own default is 128 MiB.
    pub zstd_window_bytes: u64,
    /// Entries of one layer or files of one directory tree.
    pub entries: u64,
    /// Bytes of one path inside a layer. Linux stops at 4,096.
    pub path_bytes: u64,
    /// Bytes of one file whose content a cataloger keeps.
    pub kept_file_bytes: u64,
    /// Bytes of all files whose content is kept, over all layers.
    pub kept_total_bytes: u64,
    /// Symbolic links followed for one path. Linux stops at 40.
    pub links: usize,
    /// Referrers that are looked at for one subject.
    pub referrers: usize,
    /// Bytes of one bundle with a signature or attestation.
    pub bundle_bytes: u64,
    /// Bytes of one SBOM that is read in.
    pub sbom_bytes: u64,
    /// Components of one SBOM that is read in.
    pub components: usize,
    /// Bytes of one policy, waiver or deny list.
    pub document_bytes: u64,
    /// Bytes of one advisory in a feed.
    pub advisory_bytes: u64,
    /// Advisories in one feed. The largest public one holds about 250,000.
    pub advisories: u64,
    /// Uncompressed bytes of one feed.
    pub feed_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: 4 * MIB,
            index_entries: 1_000,
            layers: 512,
            layer_bytes: 32 * GIB,
            unpacked_bytes: 128 * GIB,
            ratio: 200,
            ratio_floor_bytes: 256 * MIB,
            zstd_window_bytes: 128 * MIB,
            entries: 10_000_000,
            path_bytes: 4 * KIB,
            kept_file_bytes: 64 * MIB,
            kept_total_bytes: 512 * MIB,
            links: 40,
            referrers: 256,
            bundle_bytes: 4 * MIB,
            sbom_bytes: 512 * MIB,
            components: 1_000_000,
            document_bytes: MIB,
            advisory_bytes: 8 * MIB,
            advisories: 2_000_000,
            feed_bytes: 8 * GIB,
        }
    }
}

/// Foreign input ran into a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit's name: the field of [`Limits`].
    pub name: &'static str,
    /// Its value.
    pub limit: u64,
    /// What ran into it, in words: "layer sha256:…", "manifest of …".
    pub what: String,
    /// The flag that raises it, where there is one.
    pub flag: Option<&'static str>,
}

impl LimitExceeded {
    /// A limit without a flag of its own.
    pub fn new(name: &'static str, limit: u64, what: impl Into<String>) -> Self {
        Self { name, limit, what: what.into(), flag: None }
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} exceeds the limit {} = {}", self.what, self.name, self.limit)?;
        match self.flag {
            Some(flag) => write!(f, " (raise it with {flag})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LimitExceeded {}

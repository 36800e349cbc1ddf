//! Every read of foreign bytes passes a [`Limits`] value.
//!
//! Hitting a limit is an error that names the limit, its value, what hit it and the flag that raises it. So a
//! user can allow a legitimate huge file on purpose, and no bomb passes by accident. The limits are written
//! once, below: the fields, their defaults, the names that `--limit NAME=VALUE` takes and their descriptions
//! in the documentation.

use std::fmt;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Makes [`Limits`], its default, and the table of its fields, so that none can be forgotten in one of them.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $unit:ident;)+) => {
        /// Upper bounds for foreign bytes. Every image that the authors know passes the defaults with a wide margin.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// The names of all limits, in the order of the documentation.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)+];

            /// Every limit with its current value.
            pub fn list(&self) -> Vec<Limit> {
                vec![$(Limit {
                    name: stringify!($name),
                    // No platform has a usize beyond 64 bits.
                    value: self.$name as u64,
                    unit: Unit::$unit,
                    meaning: concat!($($doc),+).trim(),
                },)+]
            }

            fn field(&mut self, name: &str, value: u64) -> Option<Result<(), LimitFault>> {
                match name {
                    $(stringify!($name) => Some(match <$type>::try_from(value) {
                        Ok(value) => { self.$name = value; Ok(()) }
                        Err(_) => Err(LimitFault::Value { got: value.to_string() }),
                    }),)+
                    _ => None,
                }
            }
        }
    };
}

limits! {
    /// Bytes of a manifest, index or configuration. Registries accept 4 MiB.
    manifest_bytes: u64 = 4 * MIB, Bytes;
    /// Manifests in one index.
    index_entries: usize = 1_000, Count;
    /// Images of one index that are examined at a time. Real ones have up to 30; signatures of the index are verified for each.
    platforms: usize = 128, Count;
    /// Indexes inside one another. Tools that build images make one or two levels.
    index_depth: usize = 3, Count;
    /// Bytes of all manifests, indexes and configurations of one subject together. Those of an image for ten platforms have
    /// some 200 KiB.
    documents_bytes: u64 = 32 * MIB, Bytes;
    /// Layers of one image. Runtimes stop at about 128; 512 leaves room for odd builders.
    layers: usize = 512, Count;
    /// Compressed bytes of one layer.
    layer_bytes: u64 = 32 * GIB, Bytes;
    /// Uncompressed bytes of one layer.
    unpacked_bytes: u64 = 128 * GIB, Bytes;
    /// Uncompressed bytes per compressed byte. Deflate's own maximum is 1032; real layers stay below 50.
    /// Sparse data in a layer makes higher ratios legitimate, so it only counts beyond `ratio_floor_bytes`.
    ratio: u64 = 200, Count;
    /// Uncompressed bytes up to which the ratio is not checked.
    ratio_floor_bytes: u64 = 256 * MIB, Bytes;
    /// Window of a zstd frame. The reference decoder's own default is 128 MiB.
    zstd_window_bytes: u64 = 128 * MIB, Bytes;
    /// Entries of one layer, paths of all layers of one image, or files of one directory tree.
    entries: u64 = 10_000_000, Count;
    /// Bytes of one path inside a layer. Linux stops at 4,096.
    path_bytes: u64 = 4 * KIB, Bytes;
    /// Bytes of one extended tar header, as in Go's reader. Extended attributes live there too, so it is more than a path.
    extended_bytes: u64 = MIB, Bytes;
    /// Bytes of all names that are kept: of the wanted files of one image, and of a layer that depends on its own order.
    name_bytes: u64 = 64 * MIB, Bytes;
    /// Bytes of all paths that are looked up to follow the links of one layer or image. Real images need a few MiB.
    lookup_bytes: u64 = GIB, Bytes;
    /// Bytes of one file that lists many packages, such as a package database. Debian's would have 64 MiB with all its packages.
    kept_file_bytes: u64 = 64 * MIB, Bytes;
    /// Bytes of one package database that has to be read as a whole: pages that point to each other, as rpm has them. Two
    /// thousand packages of Fedora take about 200 MiB.
    database_bytes: u64 = 512 * MIB, Bytes;
    /// Bytes of one file about a single package or the release. Lists of the files of large packages have some 4 MiB.
    metadata_bytes: u64 = 8 * MIB, Bytes;
    /// Packages in one package database. Debian has 65,000 in all.
    packages: usize = 100_000, Count;
    /// Bytes of all files whose content is kept, over all layers. Each counts for about a kilobyte more than its content.
    kept_total_bytes: u64 = 512 * MIB, Bytes;
    /// Bytes of the inventory of files: about 100 for each, and its path. A million files of an ordinary image take some 180 MiB.
    file_list_bytes: u64 = GIB, Bytes;
    /// Symbolic links followed for one path. Linux stops at 40.
    links: usize = 40, Count;
    /// Referrers read for one subject.
    referrers: usize = 256, Count;
    /// Bytes of one bundle with a signature or attestation: a statement of 32 MiB in base64, and what surrounds it.
    bundle_bytes: u64 = 48 * MIB, Bytes;
    /// Bytes of all bundles of one subject together. The smallest are read first, so that large ones cannot crowd out a
    /// signature.
    bundles_bytes: u64 = 128 * MIB, Bytes;
    /// Bytes of one statement, such as an attested SBOM. Those of ordinary images have 7 to 12 MiB.
    statement_bytes: u64 = 32 * MIB, Bytes;
    /// Artifacts that one statement covers.
    subjects: usize = 1_024, Count;
    /// Items of one list in a predicate. Provenances list every file that went into a build.
    predicate_items: usize = 500_000, Count;
    /// Attestations in one file. GitHub's API gives at most 100 a page.
    attestations: usize = 128, Count;
    /// Bytes of registry answers kept on disk. A signed image takes about 20 KiB.
    cache_bytes: u64 = 256 * MIB, Bytes;
    /// Bytes of what was read of layers kept on disk. A layer of a distribution takes some 100 KiB to 2 MiB.
    layer_cache_bytes: u64 = GIB, Bytes;
    /// Bytes of one SBOM that is read.
    sbom_bytes: u64 = 512 * MIB, Bytes;
    /// Components of one SBOM that is read.
    components: usize = 1_000_000, Count;
    /// Relationships of one SBOM that is read.
    relationships: usize = 4_000_000, Count;
    /// Bytes of one list of subjects.
    list_bytes: u64 = 64 * MIB, Bytes;
    /// Subjects in one list, or files in one folder of documents.
    listed: usize = 1_000_000, Count;
    /// Bytes of one policy, waiver, key or configuration file.
    document_bytes: u64 = MIB, Bytes;
    /// Bytes of one deny list: room for 100,000 digests with a reason each.
    deny_list_bytes: u64 = 32 * MIB, Bytes;
    /// Bytes of one VEX document. Red Hat's about one CVE have up to 20 MiB.
    vex_bytes: u64 = 32 * MIB, Bytes;
    /// VEX documents that one run reads.
    vex_documents: usize = 10_000, Count;
    /// Bytes of one advisory in a feed.
    advisory_bytes: u64 = 8 * MIB, Bytes;
    /// Advisories in one feed. The largest public one holds about 250,000.
    advisories: u64 = 2_000_000, Count;
    /// Uncompressed bytes of one feed.
    feed_bytes: u64 = 8 * GIB, Bytes;
    /// Uncompressed bytes of one exported database. One of all ecosystems has about 1 GiB.
    exported_bytes: u64 = 16 * GIB, Bytes;
    /// Releases of a distribution in one feed. Debian supports five at a time; other feeds have each release since the first.
    releases: usize = 256, Count;
}

impl Limits {
    /// Bytes of one trusted root or signing configuration. No flag raises it: real ones have about 20 KiB.
    pub const TRUSTED_ROOT_BYTES: u64 = 4 * MIB;
}

/// One limit, as users see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The field of [`Limits`].
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// What the value counts.
    pub unit: Unit,
    /// What it bounds, in a sentence or two.
    pub meaning: &'static str,
}

impl Limit {
    /// The value as users write it and [`Limits::set`] reads it: `4MiB`, `512`.
    pub fn shown(&self) -> String {
        let scale = SUFFIXES.iter().take(BINARY).rev().find(|(_, scale)| self.value.is_multiple_of(*scale));
        match (self.unit, scale) {
            (Unit::Bytes, Some((suffix, scale))) if self.value > 0 => {
                format!("{}{suffix}", self.value / scale)
            }
            _ => self.value.to_string(),
        }
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Anything else.
    Count,
}

/// The suffixes of values; the binary ones first, in ascending order.
const SUFFIXES: [(&str, u64); 7] = [
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", GIB),
    ("TiB", 1024 * GIB),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
];
const BINARY: usize = 4;

impl Limits {
    /// Sets the limit `name` to `value`: a whole number above 0, optionally with a suffix `KiB`, `MiB`, `GiB`, `TiB`,
    /// `k`, `M` or `G`. Underscores may group digits.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LimitFault> {
        let fault = || LimitFault::Value { got: crate::text::shortened(value) };
        let (digits, scale) = SUFFIXES
            .iter()
            .find_map(|(suffix, scale)| value.strip_suffix(suffix).map(|digits| (digits, *scale)))
            .unwrap_or((value, 1));
        let digits = digits.trim_end().replace('_', "");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fault());
        }
        let number: u64 = digits.parse().map_err(|_| fault())?;
        let number = number.checked_mul(scale).filter(|number| *number > 0).ok_or_else(fault)?;
        self.field(name, number)
            .unwrap_or_else(|| Err(LimitFault::Name { got: crate::text::shortened(name) }))
    }
}

/// Why a limit could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitFault {
    /// There is no limit of this name.
    #[error("there is no limit `{got}`")]
    Name {
        /// What was given.
        got: String,
    },
    /// The value is not a number above 0, or too large for this machine.
    #[error("got `{got}`, expected a number above 0 such as 512, 10M or 64MiB")]
    Value {
        /// What was given.
        got: String,
    },
}

/// Foreign input hit a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit's name: the field of [`Limits`], or another name if the limit is fixed.
    pub name: &'static str,
    /// Its value.
    pub limit: u64,
    /// What hit it, in words: "layer sha256:…", "manifest of …".
    pub what: String,
    fixed: bool,
}

impl LimitExceeded {
    /// The limit `name` of [`Limits`] was hit. The message names the flag that raises it.
    pub fn new(name: &'static str, limit: u64, what: impl Into<String>) -> Self {
        Self { name, limit, what: what.into(), fixed: false }
    }

    /// A limit was hit that no flag raises, because the format has no room for more.
    pub fn fixed(name: &'static str, limit: u64, what: impl Into<String>) -> Self {
        Self { name, limit, what: what.into(), fixed: true }
    }

    /// The flag that raises it, unless it is fixed: `--limit layers=…`.
    pub fn flag(&self) -> Option<String> {
        (!self.fixed && Limits::NAMES.contains(&self.name)).then(|| format!("--limit {}=…", self.name))
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} exceeds the limit {} = {}", self.what, self.name, self.limit)?;
        match self.flag() {
            Some(flag) => write!(f, " (raise it with {flag})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LimitExceeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_by_its_name_and_named_with_its_flag() {
        for name in Limits::NAMES {
            let mut limits = Limits::default();
            limits.set(name, "7k").unwrap();
            for (now, before) in limits.list().iter().zip(Limits::default().list()) {
                let expected = if now.name == *name { 7_000 } else { before.value };
                assert_eq!(now.value, expected, "{name}, {}", now.name);
                assert!(!now.meaning.is_empty());
            }
            let message = LimitExceeded::new(name, 5, "it").to_string();
            assert_eq!(message, format!("it exceeds the limit {name} = 5 (raise it with --limit {name}=…)"));
        }
        let fixed = LimitExceeded::fixed("index_bytes", 5, "it");
        assert_eq!(fixed.to_string(), "it exceeds the limit index_bytes = 5");
    }

    #[test]
    fn a_shown_limit_is_read_back() {
        let limits = Limits::default();
        let mut copy = limits.clone();
        for limit in limits.list() {
            copy.set(limit.name, "1").unwrap();
            copy.set(limit.name, &limit.shown()).unwrap();
        }
        assert_eq!(copy, limits);
        let shown = |name| limits.list().iter().find(|limit| limit.name == name).unwrap().shown();
        assert_eq!(shown("layer_bytes"), "32GiB");
        assert_eq!(shown("path_bytes"), "4KiB");
        assert_eq!(shown("entries"), "10000000");
    }

    #[test]
    fn only_numbers_above_zero_are_values() {
        let mut limits = Limits::default();
        for value in [
            "",
            "0",
            "0MiB",
            "-1",
            "+1",
            "1.5GiB",
            "MiB",
            "lots",
            "1kib",
            "1e9",
            "99999999999999999999",
            "20000000TiB",
        ] {
            let fault = limits.set("layers", value).unwrap_err();
            assert!(matches!(fault, LimitFault::Value { .. }), "{value}: {fault}");
        }
        assert!(matches!(limits.set("layer", "1").unwrap_err(), LimitFault::Name { .. }));
        assert_eq!(limits, Limits::default());
        limits.set("layers", "1_000").unwrap();
        assert_eq!(limits.layers, 1_000);
    }
}

//! Which files the catalogers need, and up to which size.
//!
//! Asked once for each file of each layer, so paths are told apart by prefix and suffix only, without allocation. What
//! is wanted stays in memory until the inventory is made; the limits below bound it file by file.

use plimsoll_core::rootfs::{Select, Want};

/// dpkg's list of packages in one file.
pub(crate) const DPKG_STATUS: &str = "var/lib/dpkg/status";
/// One file for each package, as distroless images have them, with the digests beside: `base`, `base.md5sums`.
pub(crate) const DPKG_STATUS_DIR: &str = "var/lib/dpkg/status.d/";
/// dpkg's files about single packages: `python3-yaml.md5sums`, `libc6:amd64.list`.
pub(crate) const DPKG_INFO: &str = "var/lib/dpkg/info/";
/// Where `os-release(5)` lies; the first is usually a link to the second.
pub(crate) const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Real ones stay below 1 KiB.
const OS_RELEASE_LIMIT: u64 = 64 * KIB;
/// About 1 KiB a package; Debian has 65,000 packages in all.
const STATUS_LIMIT: u64 = 64 * MIB;
/// One package's paragraph.
const STATUS_ENTRY_LIMIT: u64 = MIB;
/// 60 to 100 bytes a file; the largest Debian packages have some 50,000 files.
const DIGESTS_LIMIT: u64 = 8 * MIB;
/// Package metadata carries the whole README; the largest known are about 1 MiB.
const PYTHON_LIMIT: u64 = 4 * MIB;

/// The files that [`crate::catalog()`] needs.
pub fn select() -> &'static dyn Select {
    &Wanted
}

struct Wanted;

impl Select for Wanted {
    fn want(&self, path: &str, _size: u64) -> Want {
        match limit(path) {
            Some(limit) => Want::Keep { limit },
            None => Want::Skip,
        }
    }

    fn fixed_paths(&self) -> &[&'static str] {
        &[DPKG_STATUS, "etc/os-release", "usr/lib/os-release"]
    }
}

fn limit(path: &str) -> Option<u64> {
    if is_python(path) {
        return Some(PYTHON_LIMIT);
    }
    if let Some(name) = path.strip_prefix(DPKG_INFO) {
        return wanted_info(name).then_some(DIGESTS_LIMIT);
    }
    if let Some(name) = path.strip_prefix(DPKG_STATUS_DIR) {
        return if name.contains('/') {
            None
        } else if name.ends_with(".md5sums") {
            Some(DIGESTS_LIMIT)
        } else {
            Some(STATUS_ENTRY_LIMIT)
        };
    }
    match path {
        DPKG_STATUS => Some(STATUS_LIMIT),
        _ if OS_RELEASE.contains(&path) => Some(OS_RELEASE_LIMIT),
        _ => None,
    }
}

/// dpkg writes `.md5sums` for every package since 2012, so the lists of files are needed only where a package manager
/// was made to leave them out; they prove nothing, and only those of Python packages are worth the memory.
fn wanted_info(name: &str) -> bool {
    let python = name.starts_with("python") || name.starts_with("pypy");
    match name.rsplit_once('.') {
        Some((package, _)) if package.contains('/') => false,
        Some((_, "md5sums")) => true,
        Some((_, "list")) => python,
        _ => false,
    }
}

/// Metadata of installed Python distributions: wheels, unpacked eggs, and what distutils left behind.
pub(crate) fn is_python(path: &str) -> bool {
    path.ends_with(".dist-info/METADATA")
        || path.ends_with(".egg-info/PKG-INFO")
        || path.ends_with("EGG-INFO/PKG-INFO")
        || (path.ends_with(".egg-info") && !path.ends_with("/.egg-info"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_shows_packages_and_nothing_else() {
        for path in [
            "etc/os-release",
            "usr/lib/os-release",
            "var/lib/dpkg/status",
            "var/lib/dpkg/status.d/base",
            "var/lib/dpkg/status.d/python3.11-minimal.md5sums",
            "var/lib/dpkg/info/libc6:amd64.md5sums",
            "var/lib/dpkg/info/python3-yaml.list",
            "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO",
            "usr/local/lib/python3.12/site-packages/requests-2.32.0.dist-info/METADATA",
            "opt/app/eggs/x-1.0-py3.12.egg/EGG-INFO/PKG-INFO",
            "usr/lib/python2.7/argparse.egg-info",
        ] {
            assert!(matches!(select().want(path, 1), Want::Keep { .. }), "{path}");
        }
        for path in [
            "etc/passwd",
            "var/lib/dpkg/status-old",
            "var/lib/dpkg/status.d/a/b",
            "var/lib/dpkg/info/libc6:amd64.list",
            "var/lib/dpkg/info/libc6:amd64.postinst",
            "usr/lib/python3/dist-packages/x.dist-info/RECORD",
            "srv/METADATA",
            "srv/PKG-INFO",
        ] {
            assert_eq!(select().want(path, 1), Want::Skip, "{path}");
        }
    }
}

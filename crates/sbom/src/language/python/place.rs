//! Where Python's `importlib.metadata` finds distributions: in paths that end with `.dist-info` or `.egg-info` in upper
//! or lower case, and in the `EGG-INFO` of an egg.

use std::borrow::Cow;

/// The names of metadata files in such a folder.
const METADATA: [&str; 2] = ["METADATA", "PKG-INFO"];
/// Other files of installers in such a folder. A folder with some of them but no metadata was tampered with.
pub(super) const SIGNS: [&str; 22] = [
    "RECORD",
    "WHEEL",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "entry_points.txt",
    "top_level.txt",
    "SOURCES.txt",
    "dependency_links.txt",
    "requires.txt",
    "installed-files.txt",
    "zip-safe",
    "not-zip-safe",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "LICENSE.rst",
    "COPYING",
    "AUTHORS",
    "metadata.json",
    "pbr.json",
    "uv_cache.json",
];

/// The path with `.dist-info` and `.egg-info` in lower case, because Python ignores their case, if it is a path of
/// metadata or of a file next to it.
pub(crate) fn spelling(path: &str) -> Cow<'_, str> {
    if !may_be_spelt_otherwise(path.as_bytes()) {
        return Cow::Borrowed(path);
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let info = if info_suffix(name).is_some() {
        path
    } else if METADATA.contains(&name) || SIGNS.contains(&name) {
        folder
    } else {
        return Cow::Borrowed(path);
    };
    let Some(start) = info_suffix(info) else { return Cow::Borrowed(path) };
    let (before, suffix) = info.split_at(start);
    if !suffix.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(path);
    }
    let rest = path.get(info.len()..).unwrap_or_default();
    Cow::Owned(format!("{before}{}{rest}", suffix.to_ascii_lowercase()))
}

/// Whether there is a hyphen, and a capital to convert, as near to the end as the suffix can be. This is called for
/// each path of an image, and hardly any passes.
#[inline]
fn may_be_spelt_otherwise(path: &[u8]) -> bool {
    let both = |bytes: &[u8]| {
        // Bit operations, because a loop that may end early is not vectorised.
        let seen = bytes.iter().fold(0_u8, |seen, byte| {
            seen | u8::from(byte.is_ascii_uppercase()) | u8::from(*byte == b'-') << 1
        });
        seen == 0b11
    };
    // The length is known here, so the bytes are compared at once.
    path.last_chunk::<REACH>().map_or_else(|| both(path), |end| both(end))
}

/// The longest suffix, a slash, and the longest name in such a folder.
const REACH: usize = 32;

/// The offset of the suffix that identifies such a folder or file.
fn info_suffix(path: &str) -> Option<usize> {
    ["egg-info", ".dist-info"].into_iter().find_map(|suffix| {
        let start = path.len().checked_sub(suffix.len())?;
        let end = path.as_bytes().get(start..)?;
        end.eq_ignore_ascii_case(suffix.as_bytes()).then_some(start)
    })
}

/// The folder of a distribution's metadata, or its only file.
pub(super) fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, name)) if METADATA.contains(&name) || SIGNS.contains(&name) => folder,
        _ => path,
    }
}

/// Whether the file at this path inside an archive is metadata.
pub(super) fn is_metadata(path: &str) -> bool {
    match path.rsplit_once('/') {
        Some((folder, name)) => METADATA.contains(&name) && info_suffix(folder).is_some(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_found_however_long_the_name_after_them() {
        for name in METADATA.iter().chain(&SIGNS) {
            for suffix in [".DIST-info", ".dist-infO", "Egg-info"] {
                let path = format!("usr/lib/python3/site-packages/requests-2.32.3{suffix}/{name}");
                assert_eq!(spelling(&path), path.replace(suffix, &suffix.to_ascii_lowercase()));
                let path = format!("x{suffix}/{name}");
                assert_eq!(spelling(&path), path.replace(suffix, &suffix.to_ascii_lowercase()));
            }
        }
        assert_eq!(spelling("x.DIST-INFO"), "x.dist-info");
        assert_eq!(spelling("usr/share/GNU-INFO/README"), "usr/share/GNU-INFO/README");
    }
}

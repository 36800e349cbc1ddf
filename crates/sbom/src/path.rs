//! Paths of files relative to a root, with `/` between names and no leading `/`.

/// The folder of a file. Empty for a file in the root.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders around a file, from its own up to the one below the root. For a file in the root, the root itself.
pub(crate) fn folders_around(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder_of(path)), |inner| inner.rsplit_once('/').map(|(folder, _)| folder))
}

/// The path of a file if `/bin`, `/sbin` and `/lib` are links into `/usr`, which package managers' lists need not
/// reflect: whether it is below `usr`, and the rest of its path.
pub(crate) fn place_of(path: &str) -> (bool, &str) {
    const MERGED: [&str; 6] = ["bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/"];
    match path.strip_prefix("usr/") {
        Some(rest) => (true, rest),
        None => (MERGED.iter().any(|directory| path.starts_with(directory)), path),
    }
}

//! Paths of files relative to a root, with `/` between names and no leading `/`.

/// The folder of a file. Empty for a file in the root.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders around a file, from its own up to the one below the root. For a file in the root, the root itself.
pub(crate) fn folders_around(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder_of(path)), |inner| inner.rsplit_once('/').map(|(folder, _)| folder))
}

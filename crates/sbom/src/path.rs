//! Paths of files in a root, with `/` between names and none in front.

/// The folder of a file; empty for one in the root.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders around a file, from the one that it is in up to the one below the root; the root itself for a file in it.
pub(crate) fn folders_around(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder_of(path)), |inner| inner.rsplit_once('/').map(|(folder, _)| folder))
}

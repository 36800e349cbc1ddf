//! The inventory of files: every regular file of a root file system, with its size and digests.
//!
//! An image may have a million files, so nothing is stored twice. Each layer has one [`FileLog`]: all names in one buffer, and
//! a row of fixed size for each file. The [`FileList`] of the image only refers to the logs of its layers. A file takes about
//! 100 bytes and its path; [`crate::Limits::file_list_bytes`] bounds the sum.

use std::cmp::Ordering;
use std::sync::Arc;

/// What is known of the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileContent {
    /// In bytes, with holes.
    pub size: u64,
    /// SHA-1, which SPDX 2 asks for. It proves nothing.
    pub sha1: [u8; 20],
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// What a layer has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged<'a> {
    /// A regular file.
    File(FileContent),
    /// A further name of the file at this path of the layer, or of those below.
    Link(&'a [u8]),
    /// A further name of what the layers below have at this path.
    LinkBelow(&'a [u8]),
    /// Something that is not listed, and replaces an earlier entry.
    Other,
}

/// Part of the names of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u64,
    length: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    File(FileContent),
    Link(Span),
    LinkBelow(Span),
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    path: Span,
    what: What,
}

/// The files of one layer or folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileLog {
    names: Vec<u8>,
    rows: Vec<Row>,
}

impl FileLog {
    /// What a file with a path of this length takes, in the log and in the list.
    pub fn cost(path: &[u8]) -> u64 {
        (path.len() + size_of::<Row>() + size_of::<Listed>()) as u64
    }

    /// Adds the next entry.
    pub fn push(&mut self, path: &[u8], logged: Logged<'_>) {
        let path = self.name(path);
        let what = match logged {
            Logged::File(content) => What::File(content),
            Logged::Link(target) => What::Link(self.name(target)),
            Logged::LinkBelow(target) => What::LinkBelow(self.name(target)),
            Logged::Other => What::Other,
        };
        self.rows.push(Row { path, what });
    }

    /// Brings the rows into the order of their paths. Of several at one path, the last counts.
    pub fn settle(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        // The last one first, because the first of equal ones is kept.
        rows.reverse();
        rows.sort_by(|a, b| self.bytes(a.path).cmp(self.bytes(b.path)));
        rows.dedup_by(|a, b| self.bytes(a.path) == self.bytes(b.path));
        rows.retain(|row| row.what != What::Other);
        rows.shrink_to_fit();
        self.rows = rows;
        self.names.shrink_to_fit();
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row with this number.
    pub fn get(&self, row: usize) -> Option<(&[u8], Logged<'_>)> {
        let Row { path, what } = self.rows.get(row)?;
        let logged = match what {
            What::File(content) => Logged::File(*content),
            What::Link(target) => Logged::Link(self.bytes(*target)),
            What::LinkBelow(target) => Logged::LinkBelow(self.bytes(*target)),
            What::Other => Logged::Other,
        };
        Some((self.bytes(*path), logged))
    }

    /// The number of the row at `path`. The log has to be settled.
    pub fn at(&self, path: &[u8]) -> Option<usize> {
        self.rows.binary_search_by(|row| self.bytes(row.path).cmp(path)).ok()
    }

    /// The memory that it takes, and that its rows take in a list.
    pub fn memory(&self) -> u64 {
        let listed = self.rows.len().saturating_mul(size_of::<Row>() + size_of::<Listed>());
        (self.names.len() as u64).saturating_add(listed as u64)
    }

    fn name(&mut self, name: &[u8]) -> Span {
        let start = self.names.len() as u64;
        // Readers bound paths far below that.
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.names.extend(name.iter().take(length as usize));
        Span { start, length }
    }

    fn bytes(&self, span: Span) -> &[u8] {
        let start = usize::try_from(span.start).unwrap_or(usize::MAX);
        self.names.get(start..start.saturating_add(span.length as usize)).unwrap_or_default()
    }
}

/// Where the path and the content of a file are: a number of a log and of a row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listed {
    path: (u16, u32),
    content: (u16, u32),
    is_disputed: bool,
}

/// One file of a [`FileList`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedFile<'a> {
    /// Relative to the root; not necessarily UTF-8.
    pub path: &'a [u8],
    /// What is in it.
    pub content: FileContent,
    /// The layer that has it. `None` in a folder.
    pub layer: Option<usize>,
    /// Whether only some runtimes show it.
    pub is_disputed: bool,
}

/// A file that is visible but not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlistedFile {
    /// Where it is.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Files that are reported one by one as not listed. The others are counted.
const MAX_UNLISTED: usize = 100;

/// Every visible regular file, in the order of the bytes of the paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileList {
    logs: Vec<Arc<FileLog>>,
    /// Whether the logs are those of layers.
    of_layers: bool,
    files: Vec<Listed>,
    unlisted: Vec<UnlistedFile>,
    more_unlisted: usize,
}

impl FileList {
    /// A list for an image's layers, from the base upwards. It is empty.
    pub fn of_layers(logs: Vec<Arc<FileLog>>) -> Self {
        Self { logs, of_layers: true, ..Self::default() }
    }

    /// A list for logs that are of no layers. It is empty.
    pub fn of_logs(logs: Vec<Arc<FileLog>>) -> Self {
        Self { logs, ..Self::default() }
    }

    /// The list of a folder: all of its log, which must be settled.
    pub fn of_folder(log: FileLog) -> Self {
        let mut list = Self { logs: vec![Arc::new(log)], ..Self::default() };
        let rows = list.logs.first().map_or(0, |log| log.len());
        for row in 0..rows {
            list.add((0, row), (0, row), false);
        }
        list
    }

    /// The logs, by layer.
    pub fn logs(&self) -> &[Arc<FileLog>] {
        &self.logs
    }

    /// Lists a file: the layer and row of its path, and those of its content. Returns false if there are too many.
    pub fn add(&mut self, path: (usize, usize), content: (usize, usize), is_disputed: bool) -> bool {
        let number = |(log, row): (usize, usize)| Some((u16::try_from(log).ok()?, u32::try_from(row).ok()?));
        let listed = number(path).zip(number(content));
        let listed = listed.map(|(path, content)| Listed { path, content, is_disputed });
        self.files.extend(listed);
        listed.is_some()
    }

    /// Notes a file that is not listed.
    pub fn leave_out(&mut self, path: &[u8], reason: String) {
        if self.unlisted.len() < MAX_UNLISTED {
            let path = String::from_utf8_lossy(path).into_owned();
            self.unlisted.push(UnlistedFile { path, reason });
        } else {
            self.more_unlisted += 1;
        }
    }

    /// Brings the files into the order of their paths.
    pub fn sort(&mut self) {
        let mut files = std::mem::take(&mut self.files);
        files.sort_by(|a, b| self.path(a).cmp(self.path(b)));
        self.files = files;
        self.unlisted.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// How many files are listed.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether no file is listed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file with this number.
    pub fn get(&self, number: usize) -> Option<ListedFile<'_>> {
        let listed = self.files.get(number)?;
        let (log, row) = listed.content;
        let (_, Logged::File(content)) = self.logs.get(usize::from(log))?.get(row as usize)? else {
            return None;
        };
        let layer = self.of_layers.then_some(usize::from(listed.path.0));
        Some(ListedFile { path: self.path(listed), content, layer, is_disputed: listed.is_disputed })
    }

    /// All files, in order.
    pub fn iter(&self) -> impl Iterator<Item = ListedFile<'_>> {
        (0..self.len()).filter_map(|number| self.get(number))
    }

    /// The number of the file at `path`.
    pub fn at(&self, path: &[u8]) -> Option<usize> {
        self.files.binary_search_by(|listed| self.path(listed).cmp(path)).ok()
    }

    /// Files that are not listed, and the number of further ones.
    pub fn unlisted(&self) -> (&[UnlistedFile], usize) {
        (&self.unlisted, self.more_unlisted)
    }

    fn path(&self, listed: &Listed) -> &[u8] {
        let (log, row) = listed.path;
        let found = self.logs.get(usize::from(log)).and_then(|log| log.get(row as usize));
        found.map_or(&[][..], |(path, _)| path)
    }
}

impl PartialOrd for FileContent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FileContent {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.sha256, self.sha1, self.size).cmp(&(other.sha256, other.sha1, other.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: u64) -> Logged<'static> {
        Logged::File(FileContent { size, sha1: [0; 20], sha256: [0; 32] })
    }

    #[test]
    fn of_several_entries_at_a_path_the_last_counts_and_the_order_is_that_of_paths() {
        let mut log = FileLog::default();
        for (path, logged) in
            [("b", content(1)), ("a", content(2)), ("b", content(3)), ("c", content(4)), ("c", Logged::Other)]
        {
            log.push(path.as_bytes(), logged);
        }
        log.push(b"d", Logged::Link(b"a"));
        log.settle();
        let all: Vec<_> = (0..log.len()).map(|row| log.get(row).unwrap()).collect();
        assert_eq!(all, [(&b"a"[..], content(2)), (b"b", content(3)), (b"d", Logged::Link(b"a"))]);
        assert_eq!((log.at(b"b"), log.at(b"c")), (Some(1), None));
    }

    #[test]
    fn a_list_shows_paths_of_one_layer_with_the_content_of_another() {
        let (mut lower, mut upper) = (FileLog::default(), FileLog::default());
        lower.push(b"z", content(1));
        upper.push(b"y", Logged::Link(b"z"));
        let mut list = FileList::of_layers(vec![Arc::new(lower), Arc::new(upper)]);
        assert!(list.add((0, 0), (0, 0), false) && list.add((1, 0), (0, 0), true));
        list.sort();
        let told: Vec<_> =
            list.iter().map(|it| (it.path, it.content.size, it.layer, it.is_disputed)).collect();
        assert_eq!(told, [(&b"y"[..], 1, Some(1), true), (b"z", 1, Some(0), false)]);
        assert_eq!((list.at(b"z"), list.at(b"x")), (Some(1), None));
        assert!(!list.add((usize::from(u16::MAX) + 1, 0), (0, 0), false));
    }

    #[test]
    fn a_million_files_that_cannot_be_listed_are_counted() {
        let mut list = FileList::default();
        (0..1_000).for_each(|_| list.leave_out(b"\xffx", "r".to_owned()));
        assert_eq!((list.unlisted().0.len(), list.unlisted().1), (100, 900));
    }
}

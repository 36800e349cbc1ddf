//! Makes the inventory of files of what documents state, in any order.

use std::sync::Arc;

use plimsoll_core::LimitExceeded;
use plimsoll_core::rootfs::listing::{FileContent, FileList, FileLog, Logged};

use super::{ComponentIndex, Files};

/// Collects files and their owners.
#[derive(Debug, Default)]
pub(crate) struct FileBuilder {
    /// `file_list_bytes`.
    limit: u64,
    used: u64,
    files: Vec<Stated>,
    owners: Vec<(usize, ComponentIndex)>,
}

#[derive(Debug)]
struct Stated {
    path: Box<[u8]>,
    content: FileContent,
    layer: Option<usize>,
}

/// What was made of them.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// `None` if there are none.
    pub(crate) files: Option<Files>,
    /// Statements that contradict an earlier one about the same path, and were dropped.
    pub(crate) contradictions: usize,
    /// Files whose layer was dropped, because another has none that the document has.
    pub(crate) without_layer: usize,
}

impl FileBuilder {
    /// Files that take at most `limit` bytes of memory.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// How many files were added.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Adds a file and returns its number.
    pub(crate) fn add(
        &mut self,
        path: &[u8],
        content: FileContent,
        layer: Option<usize>,
    ) -> Result<usize, LimitExceeded> {
        self.count(FileLog::cost(path) + (path.len() + size_of::<Stated>()) as u64)?;
        self.files.push(Stated { path: path.into(), content, layer });
        Ok(self.files.len() - 1)
    }

    /// States that a component owns the file with this number.
    pub(crate) fn own(&mut self, file: usize, owner: ComponentIndex) -> Result<(), LimitExceeded> {
        self.count(size_of::<(usize, ComponentIndex)>() as u64)?;
        self.owners.push((file, owner));
        Ok(())
    }

    /// Adds the files of another one, whose components are `components` places further here.
    pub(crate) fn append(&mut self, other: Self, components: usize) -> Result<(), LimitExceeded> {
        self.count(other.used)?;
        let files = self.files.len();
        self.files.extend(other.files);
        let owners = other.owners.into_iter();
        self.owners.extend(owners.map(|(file, owner)| (file + files, ComponentIndex(owner.0 + components))));
        Ok(())
    }

    /// Adds the files of an inventory, whose components are `components` places further here.
    pub(crate) fn append_files(&mut self, files: &Files, components: usize) -> Result<(), LimitExceeded> {
        let before = self.files.len();
        for file in files.list().iter() {
            self.add(file.path, file.content, file.layer)?;
        }
        for (owner, number) in files.owners() {
            self.own(before + number, ComponentIndex(owner.0 + components))?;
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64) -> Result<(), LimitExceeded> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limit {
            return Err(LimitExceeded::new("file_list_bytes", self.limit, "files of an SBOM"));
        }
        Ok(())
    }

    /// The files of an inventory with so many layers, each path once. The layers of files only count if all have one.
    pub(crate) fn finish(self, layers: usize) -> Built {
        let Self { files, owners, .. } = self;
        if files.is_empty() {
            return Built::default();
        }
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by(|a, b| files.get(*a).map(|it| &it.path).cmp(&files.get(*b).map(|it| &it.path)));
        let of_layers = files.iter().all(|file| file.layer.is_some_and(|layer| layer < layers));
        let without_layer =
            if of_layers { 0 } else { files.iter().filter(|file| file.layer.is_some()).count() };
        let mut logs: Vec<FileLog> =
            (0..if of_layers { layers } else { 1 }).map(|_| FileLog::default()).collect();
        // The place of each file in the list, and in its log.
        let mut places: Vec<Option<usize>> = vec![None; files.len()];
        let mut rows: Vec<(usize, usize)> = Vec::new();
        let mut previous: Option<&Stated> = None;
        let mut contradictions = 0;
        for number in order {
            let Some(file) = files.get(number) else { continue };
            match previous.filter(|previous| previous.path == file.path) {
                Some(same) if same.content == file.content && (same.layer == file.layer || !of_layers) => {}
                Some(_) => {
                    contradictions += 1;
                    continue;
                }
                None => {
                    let layer = file.layer.filter(|_| of_layers).unwrap_or(0);
                    let Some(log) = logs.get_mut(layer) else { continue };
                    rows.push((layer, log.len()));
                    log.push(&file.path, Logged::File(file.content));
                    previous = Some(file);
                }
            }
            if let Some(place) = places.get_mut(number) {
                *place = Some(rows.len() - 1);
            }
        }
        let logs = logs.into_iter().map(Arc::new).collect();
        let mut list = if of_layers { FileList::of_layers(logs) } else { FileList::of_logs(logs) };
        for row in rows {
            if !list.add(row, row, false) {
                // More layers than an image can have.
                return Built { files: None, contradictions: files.len(), without_layer: 0 };
            }
        }
        let owners = owners.into_iter().filter_map(|(file, owner)| Some(((*places.get(file)?)?, owner)));
        let files = Files::new(Arc::new(list), std::iter::empty(), &owners.collect::<Vec<_>>());
        Built { files: Some(files), contradictions, without_layer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Component;

    fn content(byte: u8) -> FileContent {
        FileContent { size: 0, sha1: [byte; 20], sha256: [byte; 32] }
    }

    fn told(files: &Files) -> Vec<(String, u8, Option<usize>)> {
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        files.list().iter().map(|it| (text(it.path), it.content.sha1[0], it.layer)).collect()
    }

    #[test]
    fn files_are_in_order_each_once_with_all_their_owners() {
        let mut builder = FileBuilder::new(1 << 20);
        for (path, byte, layer, owner) in
            [("b", 1, 1, 0), ("a", 2, 0, 1), ("b", 1, 1, 2), ("b", 3, 1, 3), ("c", 4, 1, 4)]
        {
            let number = builder.add(path.as_bytes(), content(byte), Some(layer)).unwrap();
            builder.own(number, ComponentIndex(owner)).unwrap();
        }
        let Built { files, contradictions, without_layer } = builder.finish(2);
        assert_eq!(without_layer, 0);
        let files = files.unwrap();
        assert_eq!(
            told(&files),
            [("a".to_owned(), 2, Some(0)), ("b".to_owned(), 1, Some(1)), ("c".to_owned(), 4, Some(1))]
        );
        assert_eq!(contradictions, 1);
        let owners: Vec<_> = files.owners().map(|(owner, file)| (owner.0, file)).collect();
        assert_eq!(owners, [(0, 1), (1, 0), (2, 1), (4, 2)]);
    }

    #[test]
    fn packages_of_the_operating_system_are_the_first_owners() {
        let components = ["pkg:pypi/a@1", "pkg:rpm/fedora/python3-a@1", "pkg:rpm/fedora/z@1"]
            .map(|purl| Component::from_purl(purl.parse().unwrap()));
        let mut builder = FileBuilder::new(1 << 20);
        for (path, owners) in [("a", &[0, 2, 1][..]), ("b", &[0]), ("c", &[])] {
            let number = builder.add(path.as_bytes(), content(1), None).unwrap();
            for owner in owners {
                builder.own(number, ComponentIndex(*owner)).unwrap();
            }
        }
        let files = builder.finish(0).files.unwrap();
        assert_eq!(files.first_owners(&components), [Some(1), Some(0), None]);
    }

    #[test]
    fn layers_that_the_document_does_not_have_do_not_count() {
        for layer in [None, Some(2), Some(usize::MAX)] {
            let mut builder = FileBuilder::new(1 << 20);
            builder.add(b"a", content(1), Some(0)).unwrap();
            builder.add(b"b", content(1), layer).unwrap();
            let Built { files, without_layer, .. } = builder.finish(2);
            let files = files.unwrap();
            assert_eq!(without_layer, if layer.is_some() { 2 } else { 1 });
            assert!(told(&files).iter().all(|(.., layer)| layer.is_none()));
        }
        assert!(FileBuilder::new(1).finish(2).files.is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let mut builder = FileBuilder::new(10_000);
        let added = (0..1_000).take_while(|_| builder.add(b"a", content(1), None).is_ok()).count();
        assert!((10..100).contains(&added), "{added}");
        let mut builder = FileBuilder::new(1_000);
        let file = builder.add(b"a", content(1), None).unwrap();
        assert!((0..1_000).any(|owner| builder.own(file, ComponentIndex(owner)).is_err()));
    }
}

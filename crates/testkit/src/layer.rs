//! A layer: a tar of files, links and whiteouts, compressed or not. The same calls give the same bytes.

use flate2::GzBuilder;
use plimsoll_core::Digest;
use std::io::Write as _;
use tar::{Builder, EntryType, Header};

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// gzip, the usual form.
    #[default]
    Gzip,
    /// zstd.
    Zstd,
    /// A bare tar.
    Plain,
}

/// Builds one layer. Entries are written in the order they were added, owned by root, with time 0.
pub struct Layer {
    tar: Builder<Vec<u8>>,
    raw: Option<Vec<u8>>,
    compression: Compression,
    created_by: Option<String>,
    stored: Option<Vec<u8>>,
    annotations: Vec<(String, String)>,
}

/// A finished layer.
#[derive(Debug, Clone)]
pub(crate) struct BuiltLayer {
    pub(crate) compression: Compression,
    pub(crate) compressed: Vec<u8>,
    pub(crate) tar: Vec<u8>,
    pub(crate) diff_id: Digest,
    pub(crate) created_by: Option<String>,
    pub(crate) annotations: Vec<(String, String)>,
}

impl Layer {
    /// An empty layer, gzip.
    pub fn new() -> Self {
        Self {
            tar: Builder::new(Vec::new()),
            raw: None,
            compression: Compression::Gzip,
            created_by: None,
            stored: None,
            annotations: Vec::new(),
        }
    }

    /// Any bytes as the uncompressed layer.
    pub fn from_tar(tar: impl Into<Vec<u8>>) -> Self {
        Self { raw: Some(tar.into()), ..Self::new() }
    }

    /// A regular file, mode 0644. `path` is written as it is, even if it is absolute or contains `..`.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path, None, content.as_ref())
    }

    /// A directory.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        self.entry(EntryType::Directory, &format!("{}/", path.trim_end_matches('/')), None, &[])
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, path, Some(target), &[])
    }

    /// A hard link to a path of the image.
    #[must_use]
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Link, path, Some(target), &[])
    }

    /// Removes `path` of the layers below: `dir/.wh.name`.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let marker = match path.rsplit_once('/') {
            Some((directory, name)) => format!("{directory}/.wh.{name}"),
            None => format!(".wh.{path}"),
        };
        self.file(&marker, "")
    }

    /// Hides everything that the layers below have in `directory`.
    #[must_use]
    pub fn opaque(self, directory: &str) -> Self {
        let directory = directory.trim_end_matches('/');
        self.file(&format!("{directory}/.wh..wh..opq"), "")
    }

    /// An entry of another type: a device, a FIFO.
    #[must_use]
    pub fn special(self, kind: EntryKind, path: &str) -> Self {
        let kind = match kind {
            EntryKind::Fifo => EntryType::Fifo,
            EntryKind::CharacterDevice => EntryType::Char,
            EntryKind::BlockDevice => EntryType::Block,
        };
        self.entry(kind, path, None, &[])
    }

    /// Sets the compression.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Any bytes as the compressed layer.
    #[must_use]
    pub fn stored_as(mut self, bytes: impl Into<Vec<u8>>, compression: Compression) -> Self {
        self.stored = Some(bytes.into());
        self.compression(compression)
    }

    /// Sets an annotation of the layer's descriptor, replacing one of the same name.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.retain(|(known, _)| known != name);
        self.annotations.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The history's `created_by` of this layer.
    #[must_use]
    pub fn created_by(mut self, command: &str) -> Self {
        self.created_by = Some(command.to_owned());
        self
    }

    fn entry(mut self, kind: EntryType, path: &str, target: Option<&str>, content: &[u8]) -> Self {
        self.long(EntryType::GNULongName, path);
        if let Some(target) = target {
            self.long(EntryType::GNULongLink, target);
        }
        let mut header = Self::header(kind, path, content.len());
        if let Some(target) = target {
            let link = &mut header.as_old_mut().linkname;
            let end = target.len().min(link.len());
            link[..end].copy_from_slice(&target.as_bytes()[..end]);
        }
        header.set_cksum();
        self.tar.append(&header, content).unwrap();
        self
    }

    /// Names longer than the header's 100 bytes precede the entry, in an entry of their own.
    fn long(&mut self, kind: EntryType, name: &str) {
        if name.len() > 100 {
            let mut bytes = name.as_bytes().to_vec();
            bytes.push(0);
            let mut header = Self::header(kind, "././@LongLink", bytes.len());
            header.set_cksum();
            self.tar.append(&header, bytes.as_slice()).unwrap();
        }
    }

    /// Set field by field: the tar crate's own setters refuse the paths that hostile layers have.
    fn header(kind: EntryType, path: &str, size: usize) -> Header {
        let mut header = Header::new_gnu();
        let name = &mut header.as_old_mut().name;
        let end = path.len().min(name.len());
        name[..end].copy_from_slice(&path.as_bytes()[..end]);
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_size(size as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header
    }

    pub(crate) fn build(self) -> BuiltLayer {
        let tar = self.raw.unwrap_or_else(|| self.tar.into_inner().unwrap());
        let compressed = match self.compression {
            _ if self.stored.is_some() => self.stored.unwrap_or_default(),
            Compression::Gzip => gzip(&tar),
            Compression::Zstd => zstd::encode_all(tar.as_slice(), 3).unwrap(),
            Compression::Plain => tar.clone(),
        };
        BuiltLayer {
            diff_id: Digest::sha256(&tar),
            compression: self.compression,
            compressed,
            tar,
            created_by: self.created_by,
            annotations: self.annotations,
        }
    }
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

/// Special files that a layer can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A named pipe.
    Fifo,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

/// gzip with time 0 and no name.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

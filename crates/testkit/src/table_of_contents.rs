//! Layers with a table of contents, as eStargz and zstd:chunked have them: each file compressed by itself.
//!
//! Follows the stargz snapshotter's `docs/estargz.md` and containers/storage's `pkg/chunked`. The same calls give the same
//! bytes. The table can be changed before it is written, so that it lies; the manifest then has the digest of the lie.

use flate2::GzBuilder;
use plimsoll_core::Digest;
use serde_json::{Value, json};
use std::io::Write as _;
use tar::{EntryType, Header};

use crate::layer::{Compression, Layer};

/// A format of layers with a table of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// gzip members, the table as the last file of the tar.
    Estargz,
    /// zstd frames, the table in a frame that decoders skip.
    ZstdChunked,
}

/// Builds a layer with a table of contents.
pub struct LayerWithTable {
    format: TableFormat,
    chunk: usize,
    layer: Vec<u8>,
    tar: Vec<u8>,
    /// What is in the tar and not yet in the layer.
    pending: Vec<u8>,
    rows: Vec<Value>,
}

impl LayerWithTable {
    /// An empty layer, whose files are divided into parts of 64 KiB.
    pub fn new(format: TableFormat) -> Self {
        Self {
            format,
            chunk: 64 << 10,
            layer: Vec::new(),
            tar: Vec::new(),
            pending: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// A regular file, mode 0644.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.file_with_mode(path, 0o644, content)
    }

    /// A regular file.
    #[must_use]
    pub fn file_with_mode(mut self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.header(EntryType::Regular, path, mode, "", content.len());
        let mut row = json!({"name": path, "type": "reg", "mode": mode});
        if content.is_empty() {
            self.rows.push(row);
            return self;
        }
        self.flush();
        row["size"] = json!(content.len());
        row["digest"] = json!(Digest::sha256(content).to_string());
        let (first, is_parted) = (self.rows.len(), content.len() > self.chunk);
        for (number, part) in content.chunks(self.chunk).enumerate() {
            let mut row = if number == 0 { row.clone() } else { json!({"name": path, "type": "chunk"}) };
            row["offset"] = json!(self.layer.len());
            if number > 0 {
                row["chunkOffset"] = json!(number * self.chunk);
            }
            if is_parted {
                row["chunkSize"] = json!(part.len());
            }
            if is_parted || self.format == TableFormat::Estargz {
                row["chunkDigest"] = json!(Digest::sha256(part).to_string());
            }
            self.rows.push(row);
            self.layer.extend(self.compressed(part));
            self.tar.extend(part);
        }
        if self.format == TableFormat::ZstdChunked {
            self.rows[first]["endOffset"] = json!(self.layer.len());
        }
        self.padding();
        self
    }

    /// A directory.
    #[must_use]
    pub fn directory(mut self, path: &str) -> Self {
        let path = format!("{}/", path.trim_end_matches('/'));
        self.header(EntryType::Directory, &path, 0o755, "", 0);
        self.rows.push(json!({"name": path, "type": "dir", "mode": 0o755}));
        self
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.header(EntryType::Symlink, path, 0o777, target, 0);
        self.rows.push(json!({"name": path, "type": "symlink", "mode": 0o777, "linkName": target}));
        self
    }

    /// A hard link.
    #[must_use]
    pub fn hardlink(mut self, path: &str, target: &str) -> Self {
        self.header(EntryType::Link, path, 0o644, target, 0);
        self.rows.push(json!({"name": path, "type": "hardlink", "mode": 0o644, "linkName": target}));
        self
    }

    /// The layer, announced in the manifest.
    pub fn build(self) -> Layer {
        self.build_with(|_| {})
    }

    /// The layer with a table that `change` has changed.
    pub fn build_with(self, change: impl FnOnce(&mut Value)) -> Layer {
        let mut table = json!({"version": 1, "entries": self.rows});
        change(&mut table);
        let table = table.to_string().into_bytes();
        match self.format {
            TableFormat::Estargz => self.estargz(&table),
            TableFormat::ZstdChunked => self.zstd_chunked(&table),
        }
    }

    fn estargz(mut self, table: &[u8]) -> Layer {
        self.flush();
        let place = self.layer.len();
        self.header(EntryType::Regular, "stargz.index.json", 0o444, "", table.len());
        self.put(table);
        self.padding();
        self.end();
        let mut footer = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0];
        footer.extend(format!("{place:016x}STARGZ").into_bytes());
        footer.extend([1, 0, 0, 0xff, 0xff]);
        footer.extend([0; 8]);
        self.layer.extend(footer);
        let digest = Digest::sha256(table).to_string();
        Layer::from_tar(self.tar)
            .stored_as(self.layer, Compression::Gzip)
            .annotation("containerd.io/snapshot/stargz/toc.digest", &digest)
    }

    fn zstd_chunked(mut self, table: &[u8]) -> Layer {
        self.end();
        let packed = zstd::encode_all(table, 3).unwrap();
        let position = format!("{}:{}:{}:1", self.layer.len() + 8, packed.len(), table.len());
        self.skipped(&packed);
        self.skipped(&[0; 40]);
        let digest = Digest::sha256(&packed).to_string();
        Layer::from_tar(self.tar)
            .stored_as(self.layer, Compression::Zstd)
            .annotation("io.github.containers.zstd-chunked.manifest-checksum", &digest)
            .annotation("io.github.containers.zstd-chunked.manifest-position", &position)
    }

    fn header(&mut self, kind: EntryType, path: &str, mode: u32, target: &str, size: usize) {
        let mut header = Header::new_ustar();
        header.set_path(path).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size as u64);
        header.set_mtime(0);
        if !target.is_empty() {
            header.set_link_name(target).unwrap();
        }
        header.set_cksum();
        self.put(header.as_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        self.tar.extend(bytes);
        self.pending.extend(bytes);
    }

    fn padding(&mut self) {
        let padding = vec![0; self.tar.len().wrapping_neg() % 512];
        self.put(&padding);
    }

    fn end(&mut self) {
        self.put(&[0; 1024]);
        self.flush();
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.layer.extend(self.compressed(&pending));
        }
    }

    fn compressed(&self, bytes: &[u8]) -> Vec<u8> {
        match self.format {
            TableFormat::Estargz => {
                let mut encoder = GzBuilder::new().write(Vec::new(), flate2::Compression::new(6));
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            TableFormat::ZstdChunked => zstd::encode_all(bytes, 3).unwrap(),
        }
    }

    fn skipped(&mut self, content: &[u8]) {
        self.layer.extend([0x50, 0x2a, 0x4d, 0x18]);
        self.layer.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        self.layer.extend(content);
    }
}

/// Bytes that cannot be compressed, the same for the same seed.
pub fn incompressible(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

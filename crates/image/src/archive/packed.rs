//! Archives that are compressed as a whole, as `docker save app | gzip` writes them.
//!
//! Nothing is unpacked to a disk: the archive is uncompressed each time that it is gone through, which is once for its table of
//! contents, once for compressed layers of a docker-archive, and once for each pass over the layers, all of them in their
//! order. Each time has the budget of a layer.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use plimsoll_core::{Cancel, Limits};

use super::reread::ArchiveStream;
use crate::Error;
use crate::inflate::{Budget, Inflate};
use crate::media::Compression;

/// How a kind of compression begins, its name, and the command that undoes it. Only those that layers have are undone here.
const OTHERS: &[(&[u8], &str)] =
    &[(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "lz4"), (b"LZIP", "lzip")];

/// The compression of a file that begins like `start`, if it is one that is not undone here.
pub(super) fn other(start: &[u8]) -> Option<&'static str> {
    OTHERS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| *name)
}

/// A compressed archive.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) file: Arc<File>,
    pub(super) length: u64,
    pub(super) compression: Compression,
    pub(super) place: String,
    pub(super) limits: Limits,
    /// Stops also the pass for the table of contents, which nobody asked for who could stop it.
    pub(super) cancel: Cancel,
}

impl ArchiveStream for Packed {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        // By position: several passes may be under way at once.
        let stored = BufReader::with_capacity(BUFFER, Stored { file: Arc::clone(&self.file), at: 0 });
        let budget = Budget::new(self.length, &self.limits);
        let inflate = Inflate::new(stored, self.compression, budget, &self.limits, &self.place)?;
        Ok(Box::new(Unpacked { inflate, cancel: self.cancel.clone() }))
    }
}

const BUFFER: usize = 256 * 1024;

struct Stored {
    file: Arc<File>,
    at: u64,
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

struct Unpacked {
    inflate: Inflate<BufReader<Stored>>,
    cancel: Cancel,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(|stopped| io::Error::other(Error::Stopped(stopped)))?;
        self.inflate.fill(buffer).map_err(io::Error::other)
    }
}

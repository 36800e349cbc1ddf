//! Blocks of texts: what only findings need, compressed with zstd.
//!
//! ```text
//! block, inflated   (length of the text · text) …
//! ```

use std::fmt;

use plimsoll_core::LimitExceeded;
use zstd::bulk::{Compressor, Decompressor};

use super::blocks::DirectoryWriter;
use super::format::MAX_BLOCK;
use super::record::Place;
use super::wire::{Reader, put_number};
use crate::error::Error;

/// Bytes after which a block ends. A finding inflates one; blocks of 32 KiB save another tenth.
const BLOCK: usize = 8 * 1024;
/// Takes half a second for all of npm; the next levels save a hundredth.
const LEVEL: i32 = 9;

/// How many times longer all texts of a file may become when they are inflated. Those of real publishers become 3 to 5 times longer.
const RATIO: u64 = 200;
/// Bytes up to which that does not count: those of the largest block.
const RATIO_FLOOR: u64 = MAX_BLOCK as u64;

/// An inflated block.
#[derive(Debug)]
pub(super) struct TextBlock(Vec<u8>);

impl TextBlock {
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    /// The text at `offset`.
    pub(super) fn text(&self, offset: u32) -> Option<&[u8]> {
        self.text_until(offset).map(|(text, _)| text)
    }

    /// The text at `offset`, and where it ends.
    pub(super) fn text_until(&self, offset: u32) -> Option<(&[u8], usize)> {
        let mut reader = Reader::new(self.0.get(usize::try_from(offset).ok()?..)?);
        let length = usize::try_from(reader.number()?).ok()?;
        let text = reader.bytes(length)?;
        Some((text, self.0.len().checked_sub(reader.left())?))
    }
}

/// Refuses texts that are `plain` bytes together, and `stored` bytes in the file. Each block alone may be as large as the largest
/// record, but a million of them in a file of some megabytes would inflate for hours.
pub(super) fn within_ratio(plain: u64, stored: u64, what: &str) -> Result<(), LimitExceeded> {
    if plain > RATIO_FLOOR.saturating_add(stored.saturating_mul(RATIO)) {
        return Err(LimitExceeded::fixed("text_ratio", RATIO, what));
    }
    Ok(())
}

/// Inflates one block after the other.
#[derive(Default)]
pub(super) struct Inflater(Option<Decompressor<'static>>);

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// Inflates a block that has `plain` bytes then; `None` if it does not.
    pub(super) fn inflate(&mut self, stored: &[u8], plain: u32) -> Option<TextBlock> {
        let plain = usize::try_from(plain).ok()?;
        let decompressor = match &mut self.0 {
            Some(made) => made,
            none => none.insert(Decompressor::new().ok()?),
        };
        let inflated = decompressor.decompress(stored, plain).ok()?;
        (inflated.len() == plain).then_some(TextBlock(inflated))
    }
}

/// Writes blocks of texts.
pub(super) struct TextBlocks {
    compressor: Compressor<'static>,
    directory: DirectoryWriter,
    bytes: Vec<u8>,
    block: Vec<u8>,
    /// Bytes of all blocks before they are compressed.
    plain: u64,
}

impl TextBlocks {
    pub(super) fn new() -> Result<Self, Error> {
        let compressor = Compressor::new(LEVEL).map_err(Error::Compress)?;
        Ok(Self {
            compressor,
            directory: DirectoryWriter::default(),
            bytes: Vec::new(),
            block: Vec::new(),
            plain: 0,
        })
    }

    /// Adds a text; returns where it is.
    pub(super) fn push(&mut self, text: &[u8]) -> Result<Place, Error> {
        if self.block.len() >= BLOCK {
            self.end_block()?;
        }
        let too_many = || LimitExceeded::fixed("text_blocks", u32::MAX.into(), "texts of the database");
        let block = u32::try_from(self.directory.count()).map_err(|_| too_many())?;
        // A block ends far below 4 GiB.
        let offset = u32::try_from(self.block.len()).map_err(|_| too_many())?;
        put_number(&mut self.block, text.len() as u64);
        self.block.extend_from_slice(text);
        Ok(Place { block, offset })
    }

    fn end_block(&mut self) -> Result<(), Error> {
        let stored = self.compressor.compress(&self.block).map_err(Error::Compress)?;
        self.directory.push("", &stored, self.block.len());
        self.bytes.extend_from_slice(&stored);
        self.plain = self.plain.saturating_add(self.block.len() as u64);
        self.block.clear();
        Ok(())
    }

    /// Adds a text that is a block of its own; returns the block's number.
    pub(super) fn alone(&mut self, text: &[u8]) -> Result<u64, Error> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok(self.push(text)?.block.into())
    }

    pub(super) fn finish(mut self) -> Result<(DirectoryWriter, Vec<u8>), Error> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        within_ratio(self.plain, self.bytes.len() as u64, "texts of the database")?;
        Ok((self.directory, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_other_lengths_do_not_inflate() {
        let mut writer = TextBlocks::new().unwrap();
        let texts: Vec<_> = (0..1_000).map(|i| format!("text {i} ").repeat(i % 40)).collect();
        let places: Vec<_> = texts.iter().map(|text| writer.push(text.as_bytes()).unwrap()).collect();
        assert!(places.iter().any(|place| place.block > 3));
        let alone = writer.alone(b"labels").unwrap();
        let (directory, bytes) = writer.finish().unwrap();
        let directory =
            super::super::blocks::Directory::decode(&directory.encode(), bytes.len() as u64).unwrap();
        let mut inflater = Inflater::default();
        let mut block = |number: usize, more: u32| {
            let place = directory.get(number).unwrap();
            let stored = &bytes[usize::try_from(place.offset).unwrap()..][..place.stored as usize];
            inflater.inflate(stored, place.plain + more)
        };
        for (text, place) in texts.iter().zip(places) {
            let block = block(place.block as usize, 0).unwrap();
            assert_eq!(block.text(place.offset), Some(text.as_bytes()));
            assert_eq!(block.text(u32::MAX), None);
        }
        assert_eq!(block(usize::try_from(alone).unwrap(), 0).unwrap().text(0), Some(&b"labels"[..]));
        assert!(block(0, 1).is_none(), "shorter than the directory says");
        assert!(inflater.inflate(b"no zstd", 7).is_none());
        let huge = Compressor::new(1).unwrap().compress(&vec![0; 1 << 20]).unwrap();
        assert!(inflater.inflate(&huge, 1 << 10).is_none(), "longer than the directory says");
    }

    #[test]
    fn nothing_is_written_that_could_not_be_read() {
        let written = |bytes: usize| {
            let mut writer = TextBlocks::new().unwrap();
            let text = vec![0; 1 << 20];
            for _ in 0..bytes >> 20 {
                writer.push(&text).unwrap();
            }
            writer.finish().map(|_| ())
        };
        written(48 << 20).unwrap();
        let error = written(256 << 20).unwrap_err();
        assert!(error.to_string().contains("text_ratio"), "{error}");
    }
}

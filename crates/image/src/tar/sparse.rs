//! Files with holes: the positions of the stored bytes.
//!
//! Follows GNU tar's manual, "Storing Sparse Files": the old map in the header, formats 0.0 and 0.1 in extended headers,
//! and 1.0 in front of the data. The logical size counts against budgets before anything is allocated for it.

use super::pax::{Records, decimal};
use crate::error::TarProblem;

/// Offset and length of each stored piece.
pub(super) type Map = Vec<(u64, u64)>;

/// Pieces of one file. A real sparse file has a few thousand; the bound keeps the map below 2 MiB.
pub(super) const MAP_ENTRIES: usize = 1 << 17;

#[derive(Debug)]
pub(super) struct Sparse {
    /// The map; `None` if it is stored in front of the data.
    pub(super) map: Option<Map>,
    /// Bytes of the file with its holes.
    pub(super) size: u64,
}

impl Sparse {
    pub(super) fn mapped(map: Map, size: u64, stored: u64) -> Result<Self, TarProblem> {
        check(&map, size, stored)?;
        Ok(Self { map: Some(map), size })
    }

    /// The sparse file that an extended header describes, if it describes one that a runtime would accept.
    pub(super) fn of_records(records: &Records, stored: u64) -> Result<Option<Self>, TarProblem> {
        let sparse = &records.sparse;
        let in_data = match (sparse.major.as_deref(), sparse.minor.as_deref()) {
            (Some(b"0"), Some(b"0" | b"1")) => false,
            (Some(b"1"), Some(b"0")) => true,
            (None, None) if sparse.map.is_some() => false,
            // GNU tar and Python still rename and resize the file, but Go does not.
            (None, None) if sparse.name.is_some() || sparse.size.is_some() || sparse.real_size.is_some() => {
                return Err(TarProblem::Sparse("no map"));
            }
            (None, None) => return Ok(None),
            // Go unpacks such a file as it is stored, but GNU tar refuses it.
            _ => return Err(TarProblem::Sparse("unknown version")),
        };
        let size = match sparse.size.as_ref().or(sparse.real_size.as_ref()) {
            Some(size) => decimal(size).ok_or(TarProblem::Sparse("the size is not a number"))?,
            None => stored,
        };
        if in_data {
            return Ok(Some(Self { map: None, size }));
        }
        let mut numbers = Vec::new();
        for number in sparse.map.as_deref().unwrap_or_default().split(|byte| *byte == b',') {
            numbers.push(decimal(number).ok_or(TarProblem::Sparse("the map is not made of numbers"))?);
        }
        Self::mapped(pairs(&numbers)?, size, stored).map(Some)
    }
}

/// Collects a 1.0 map, which precedes the data as lines of digits and fills whole blocks: the number of
/// pieces, then offset and length of each.
#[derive(Default)]
pub(super) struct MapReader {
    lines: Vec<u8>,
    ended: usize,
    count: Option<usize>,
}

impl MapReader {
    /// Takes the next block of stored data; the map once it is complete.
    pub(super) fn take(&mut self, block: &[u8]) -> Result<Option<Map>, TarProblem> {
        self.lines.extend_from_slice(block);
        self.ended += block.split(|byte| *byte == b'\n').count() - 1;
        if self.ended == 0 {
            return Err(TarProblem::Sparse("the map has no length"));
        }
        let count = if let Some(count) = self.count {
            count
        } else {
            let first = self.lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let count = decimal(first).and_then(|count| usize::try_from(count).ok());
            count.filter(|count| *count <= MAP_ENTRIES).ok_or(TarProblem::Sparse("too many pieces"))?
        };
        self.count = Some(count);
        if self.ended <= 2 * count {
            return Ok(None);
        }
        let numbers = self.lines.split(|byte| *byte == b'\n').skip(1).take(2 * count);
        let numbers: Option<Vec<u64>> = numbers.map(decimal).collect();
        pairs(&numbers.ok_or(TarProblem::Sparse("the map is not made of numbers"))?).map(Some)
    }
}

/// Pieces are in order, do not overlap, end within the file, and are exactly what is stored.
pub(super) fn check(map: &Map, size: u64, stored: u64) -> Result<(), TarProblem> {
    let mut end = 0_u64;
    let mut total = 0_u64;
    for (offset, length) in map {
        if *offset < end {
            return Err(TarProblem::Sparse("pieces overlap"));
        }
        end = offset.checked_add(*length).ok_or(TarProblem::Sparse("a piece ends beyond any file"))?;
        total += length;
    }
    if end > size {
        return Err(TarProblem::Sparse("a piece is after the end"));
    }
    if total != stored {
        return Err(TarProblem::Sparse("the pieces are not as long as the stored data"));
    }
    Ok(())
}

fn pairs(numbers: &[u64]) -> Result<Map, TarProblem> {
    let mut map = Map::new();
    for pair in numbers.chunks(2) {
        match pair {
            [offset, length] => map.push((*offset, *length)),
            _ => return Err(TarProblem::Sparse("an odd number of numbers")),
        }
    }
    Ok(map)
}

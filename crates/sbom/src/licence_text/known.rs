//! The known texts, in `known.bin`: made from those of the `spdx` crate by `cargo test -p plimsoll-sbom -- --ignored
//! known_texts`, with which another test compares it.
//!
//! ```text
//! 2 bytes      how many texts
//! each:        1 byte and the identifier, 1 byte and that many passages of 4 bytes that distinguish it from others
//! the rest     the words of all texts, one line each, as a zstd frame
//! ```
//!
//! The part after `END OF TERMS AND CONDITIONS` is a separate text, because many copies omit it: without this, such a
//! copy of Apache-2.0 would be more similar to Pixar's licence, which never had that part. Numbers are little-endian.
//! The frame is read only if a text may contain one of the licences.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use super::words;

const DATA: &[u8] = include_bytes!("known.bin");

/// The known texts that the program contains.
pub(super) static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::read(DATA).unwrap_or_default());

/// Passages that are kept of each text: those with the lowest hashes, which are spread over it at random.
#[cfg(test)]
pub(super) const PASSAGES: usize = 24;

/// Known texts.
#[derive(Default)]
pub(super) struct Known {
    texts: Vec<Text>,
    /// Each passage with its text, sorted.
    passages: Vec<(u32, usize)>,
    /// Whether a passage starts with these 16 bits, so that most words of most texts need no search.
    may_begin: Vec<bool>,
    frame: &'static [u8],
    content: OnceLock<Vec<Box<[u8]>>>,
}

struct Text {
    id: &'static str,
    passages: usize,
    table: OnceLock<Table>,
}

impl Known {
    /// Reads the data. `None` if they are damaged.
    pub(super) fn read(data: &'static [u8]) -> Option<Self> {
        let (count, mut rest) = data.split_first_chunk::<2>()?;
        let (mut texts, mut passages) = (Vec::new(), Vec::new());
        for number in 0..usize::from(u16::from_le_bytes(*count)) {
            let (id, after) = counted(rest, 1)?;
            let (kept, after) = counted(after, 4)?;
            rest = after;
            let (kept, _) = kept.as_chunks::<4>();
            passages.extend(kept.iter().map(|bytes| (u32::from_le_bytes(*bytes), number)));
            let id = str::from_utf8(id).ok()?;
            texts.push(Text { id, passages: kept.len(), table: OnceLock::new() });
        }
        passages.sort_unstable();
        let mut may_begin = vec![false; 1 << 16];
        for (passage, _) in &passages {
            *may_begin.get_mut(beginning(*passage))? = true;
        }
        Some(Self { texts, passages, may_begin, frame: rest, content: OnceLock::new() })
    }

    /// The numbers of at most `most` texts that the words may contain: those with the most matching passages.
    pub(super) fn candidates(&self, words: &[u32], most: usize) -> Vec<usize> {
        let mut there: Vec<usize> = Vec::new();
        for passage in words::passages(words) {
            if self.may_begin.get(beginning(passage)) == Some(&true) {
                let first = self.passages.partition_point(|(known, _)| *known < passage);
                let same = self.passages.iter().skip(first).take_while(|(known, _)| *known == passage);
                there.extend(same.zip(first..).map(|(_, at)| at));
            }
        }
        // A passage counts once, however often it is repeated.
        there.sort_unstable();
        there.dedup();
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, number) in there.iter().filter_map(|at| self.passages.get(*at)) {
            *counts.entry(*number).or_default() += 1;
        }
        let share = |number: usize, count: usize| {
            let all = self.texts.get(number).map_or(1, |text| text.passages.max(1));
            count * 1_000 / all
        };
        // Each different word changes five passages.
        let mut found: Vec<(usize, usize)> = counts
            .into_iter()
            .map(|(number, count)| (share(number, count), number))
            .filter(|(share, _)| *share >= 300)
            .collect();
        found.sort_by_key(|(share, number)| (std::cmp::Reverse(*share), *number));
        found.truncate(most);
        found.into_iter().map(|(_, number)| number).collect()
    }

    pub(super) fn id(&self, number: usize) -> &'static str {
        self.texts.get(number).map_or("", |text| text.id)
    }

    /// The pairs of words of a text.
    pub(super) fn table(&self, number: usize) -> &Table {
        static EMPTY: LazyLock<Table> = LazyLock::new(Table::default);
        match self.texts.get(number) {
            Some(text) => text.table.get_or_init(|| Table::new(self.words(number))),
            None => &EMPTY,
        }
    }

    /// The words of a text.
    pub(super) fn words(&self, number: usize) -> &[u8] {
        let content = self.content.get_or_init(|| {
            let content = zstd::decode_all(self.frame).unwrap_or_default();
            content.split(|byte| *byte == b'\n').map(Box::from).collect()
        });
        content.get(number).map(|words| &**words).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.texts.iter().map(|text| text.id)
    }
}

fn beginning(passage: u32) -> usize {
    usize::try_from(passage >> 16).unwrap_or_default()
}

/// As many items of `size` bytes as the first byte states, and the rest.
fn counted(data: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (count, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*count) * size)
}

/// How often each pair of words occurs in a text. Each is at the place of its hash, or after it.
#[derive(Default)]
pub(super) struct Table {
    places: Vec<(u32, u32)>,
    pairs: usize,
}

impl Table {
    fn new(text: &[u8]) -> Self {
        let words: Vec<u32> = text.split(|byte| *byte == b' ').map(words::hash).collect();
        let pairs = words.len().saturating_sub(1);
        // At most half of the places are used, so that searches end.
        let mut table = Self { places: vec![(0, 0); (pairs * 2 + 1).next_power_of_two()], pairs };
        for pair in words::pairs(&words) {
            if let Some((known, count)) = table.place(pair).and_then(|place| table.places.get_mut(place)) {
                *known = pair;
                *count += 1;
            }
        }
        table
    }

    /// Pairs in the text.
    pub(super) fn len(&self) -> usize {
        self.pairs
    }

    /// How often the text has a pair.
    pub(super) fn count(&self, pair: u32) -> u32 {
        let place = self.place(pair).and_then(|place| self.places.get(place));
        place.map_or(0, |(_, count)| *count)
    }

    /// How many pairs the text shares with another one.
    pub(super) fn common(&self, other: &[u32]) -> usize {
        let mut left: BTreeMap<u32, u32> = BTreeMap::new();
        let mut common = 0;
        for pair in other {
            let left = left.entry(*pair).or_insert_with(|| self.count(*pair));
            if let Some(fewer) = left.checked_sub(1) {
                *left = fewer;
                common += 1;
            }
        }
        common
    }

    /// Where a pair is, or would be.
    fn place(&self, pair: u32) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = usize::try_from(pair).unwrap_or_default() & mask;
        while self.places.get(place).is_some_and(|(known, count)| *count > 0 && *known != pair) {
            place = (place + 1) & mask;
        }
        Some(place)
    }
}

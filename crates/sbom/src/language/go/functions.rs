//! The functions that Go's linker put into a program, from the table that its runtime uses for stack traces.
//!
//! Follows Go's `debug/gosym` (versions 1.16 to 1.25). The table is in every program, also in stripped ones, before the
//! build information. It starts with a header whose first words are
//!
//! ```text
//! fffffff1 (1.20), fffffff0 (1.18) or fffffffa (1.16)   0 0   smallest instruction   size of a pointer
//! functions   files   start of the code (not in 1.16)   names   compilation units   …
//! ```
//!
//! The names are stored from the offset `names` up to the offset `compilation units`, each with a zero byte at its end.
//! A function whose calls were all inlined has a name there too, because traces show it.
//!
//! An incomplete table proves nothing: only a name that is missing from a complete table allows a conclusion.

use memchr::memchr;

use crate::linked::{Collector, LinkedFunctions};

/// Reads a program piece by piece.
#[derive(Default)]
pub(super) struct Functions {
    state: State,
    collector: Collector,
    /// The bytes that are searched: the end of the last piece, and the next one.
    window: Vec<u8>,
    /// The offset of the window in the file.
    offset: u64,
}

#[derive(Default)]
enum State {
    #[default]
    Searching,
    /// Bytes up to the names, and bytes of names.
    Before(u64, u64),
    /// Remaining bytes of names.
    Names(u64),
    /// All names were read. A second table would make it unclear which one counts.
    Complete,
    Unclear,
}

/// The longest header that is read: eight bytes and eight words.
const HEADER: usize = 8 + 8 * 8;
/// The most bytes of names that are read. The largest programs have some 30 MiB.
const MAX_NAMES: u64 = 256 << 20;
/// The longest name. Those of generic functions contain the names of all types.
const MAX_NAME: usize = 64 << 10;

impl Functions {
    /// Takes the next bytes.
    pub(super) fn take(&mut self, piece: &[u8]) {
        if matches!(self.state, State::Unclear) {
            return;
        }
        self.window.extend_from_slice(piece);
        loop {
            let used = match self.state {
                State::Searching | State::Complete => match self.find() {
                    Found::Table { at, before, names } => {
                        let is_first = matches!(self.state, State::Searching);
                        self.state = if is_first { State::Before(before, names) } else { State::Unclear };
                        at
                    }
                    Found::Old => {
                        self.state = State::Unclear;
                        0
                    }
                    Found::None => {
                        let kept = self.window.len().min(HEADER);
                        self.forget(self.window.len() - kept);
                        return;
                    }
                },
                State::Before(before, names) => {
                    let used = within(&self.window, before);
                    let before = before - used as u64;
                    self.state = if before == 0 { State::Names(names) } else { State::Before(before, names) };
                    if used == 0 && before > 0 {
                        return;
                    }
                    used
                }
                State::Names(0) => {
                    self.state = State::Complete;
                    0
                }
                State::Names(left) => {
                    let part = self.window.get(..within(&self.window, left)).unwrap_or_default();
                    let Some(used) = names(part, &mut self.collector) else {
                        self.state = State::Unclear;
                        return;
                    };
                    let is_cut = used == 0;
                    // A last name without its end does not count.
                    if is_cut && (part.len() as u64 == left || part.len() > MAX_NAME) {
                        self.state = State::Unclear;
                        return;
                    }
                    if is_cut {
                        return;
                    }
                    self.state = State::Names(left - used as u64);
                    used
                }
                State::Unclear => {
                    self.window = Vec::new();
                    return;
                }
            };
            self.forget(used);
        }
    }

    /// The functions. `None` if the table was not found, was truncated, or was not the only one, or if the program has its
    /// runtime elsewhere: then other libraries may have the rest of its functions as well.
    pub(super) fn finish(self) -> Option<LinkedFunctions> {
        match self.state {
            State::Complete => self.collector.finish().filter(|functions| functions.has("runtime", "main")),
            _ => None,
        }
    }

    fn forget(&mut self, bytes: usize) {
        self.window.drain(..bytes);
        self.offset = self.offset.saturating_add(bytes as u64);
    }

    fn find(&self) -> Found {
        // An incomplete header is examined with the next piece.
        let last = self.window.len().saturating_sub(HEADER);
        // Word by word: bytes of all ones and of zeros are too frequent in programs to be searched for.
        let unaligned = usize::try_from(self.offset.wrapping_neg() % 8).unwrap_or_default();
        let words = self.window.get(unaligned..).unwrap_or_default().chunks_exact(8);
        for (at, word) in (unaligned..=last).step_by(8).zip(words) {
            if !matches!(word, [_, 0xff, 0xff, 0xff, 0, 0, _, _]) {
                continue;
            }
            let bytes = self.window.get(at..).unwrap_or_default();
            if let [0xfb, _, _, _, _, _, 1 | 2 | 4, 4 | 8, ..] = bytes {
                return Found::Old;
            }
            if let Some((before, names)) = header(bytes) {
                return Found::Table { at, before, names };
            }
        }
        Found::None
    }
}

enum Found {
    None,
    /// A table of Go 1.15 or older, whose names are not in one place. What follows may be a newer program inside of it.
    Old,
    Table {
        at: usize,
        /// Bytes from the header to the names.
        before: u64,
        /// Bytes of the names.
        names: u64,
    },
}

/// The place of the names, if this is a header.
fn header(bytes: &[u8]) -> Option<(u64, u64)> {
    let words = match bytes {
        [0xf0 | 0xf1, _, _, _, _, _, 1 | 2 | 4, 4 | 8, ..] => 8,
        [0xfa, _, _, _, _, _, 1 | 2 | 4, 4 | 8, ..] => 7,
        _ => return None,
    };
    let size = usize::from(*bytes.get(7)?);
    let word = |number: usize| {
        let at = 8 + number * size;
        let mut word = [0; 8];
        word.get_mut(..size)?.copy_from_slice(bytes.get(at..at + size)?);
        Some(u64::from_le_bytes(word))
    };
    let (functions, names, units) = (word(0)?, word(words - 5)?, word(words - 4)?);
    let length = units.checked_sub(names)?;
    let is_header =
        names == (8 + words * size) as u64 && functions > 0 && functions <= length && length <= MAX_NAMES;
    is_header.then_some((names, length))
}

/// Adds all complete names. Returns how many bytes they have, or `None` if there are too many.
fn names(bytes: &[u8], collector: &mut Collector) -> Option<usize> {
    let mut used = 0;
    while let Some(length) = bytes.get(used..).and_then(|rest| memchr(0, rest)) {
        if !collector.add(bytes.get(used..used + length).unwrap_or_default()) {
            return None;
        }
        used += length + 1;
    }
    Some(used)
}

fn within(bytes: &[u8], most: u64) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len())
}

#[cfg(test)]
mod tests;

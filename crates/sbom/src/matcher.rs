//! All selections of all catalogers as one matcher.
//!
//! Every pattern is filed under a literal part of the paths that match: the path itself, its last name, its extension
//! or its directory. So a path costs four look-ups regardless of the number of patterns, and only the patterns that are
//! found are tried. Almost no file of an image is selected, so filters on the start and end of keys save most paths the
//! look-ups as well.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use plimsoll_core::rootfs::{Attributes, Purpose};

use crate::cataloger::{Cataloger, Mode, Selection};
use crate::pattern::{Key, Pattern};

/// Finds the purposes of a path.
pub(crate) struct Matcher {
    rules: Vec<Rule>,
    paths: Table,
    names: Table,
    extensions: Table,
    directories: Table,
    /// Paths with other ends are in none of the first three tables, and those with other starts not in the last.
    ends: Filter<true>,
    beginnings: Filter<false>,
    /// Rules without a key: for every executable, and patterns without a literal part.
    executables: Vec<usize>,
    others: Vec<usize>,
    /// Rules for names that end with a number.
    numbers: Vec<usize>,
    /// Rules for folders: patterns that end with `/`. There are few.
    folders: Vec<usize>,
}

struct Rule {
    purpose: Purpose,
    /// The cataloger that it belongs to.
    member: usize,
    pattern: Option<Pattern>,
    selection: &'static Selection,
}

impl Matcher {
    /// Compiles the selections of `members`, in whose order purposes are numbered. Members for which `take` is false
    /// get numbers but no rules.
    pub(crate) fn new(members: &[&dyn Cataloger], take: impl Fn(&dyn Cataloger, &Selection) -> bool) -> Self {
        let mut matcher = Self {
            rules: Vec::new(),
            paths: Table::default(),
            names: Table::default(),
            extensions: Table::default(),
            directories: Table::default(),
            ends: Filter::default(),
            beginnings: Filter::default(),
            executables: Vec::new(),
            others: Vec::new(),
            numbers: Vec::new(),
            folders: Vec::new(),
        };
        let numbered = members.iter().enumerate().flat_map(|(member, cataloger)| {
            cataloger.selections().iter().map(move |selection| (member, *cataloger, selection))
        });
        for ((member, cataloger, selection), number) in numbered.zip(0_u16..) {
            if take(cataloger, selection) {
                matcher.add(member, Purpose(number), selection);
            }
        }
        matcher
    }

    fn add(&mut self, member: usize, purpose: Purpose, selection: &'static Selection) {
        if selection.paths.is_empty() {
            self.executables.push(self.rules.len());
            self.rules.push(Rule { purpose, member, pattern: None, selection });
        }
        for path in selection.paths {
            let (pattern, index) = (Pattern::new(path), self.rules.len());
            self.rules.push(Rule { purpose, member, pattern: Some(pattern), selection });
            if path.ends_with('/') {
                self.folders.push(index);
                continue;
            }
            match pattern.key() {
                Key::Path(key) => self.paths.add(key, index),
                Key::Name(key) => self.names.add(key, index),
                Key::Extension(key) => self.extensions.add(key, index),
                Key::Directory(key) => {
                    self.beginnings.add(format!("{key}/").as_bytes());
                    self.directories.add(key, index);
                    continue;
                }
                Key::Number => {
                    self.numbers.push(index);
                    continue;
                }
                Key::Nothing => {
                    self.others.push(index);
                    continue;
                }
            }
            self.ends.add(pattern.suffix().as_bytes());
        }
    }

    /// The purposes of the file at `path`, in ascending order. For each cataloger, the first selection that matches
    /// counts.
    pub(crate) fn want(&self, path: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        match self.lookups(path, attributes) {
            Lookups { end: false, beginning: false, mode: false } if self.others.is_empty() => Vec::new(),
            lookups => self.matching(path, attributes, lookups),
        }
    }

    /// The purposes of the folder at `path`, which ends with a `/`, in ascending order.
    pub(crate) fn want_folder(&self, path: &str) -> Vec<Purpose> {
        let rules = self.folders.iter().filter_map(|index| self.rules.get(*index));
        let mut found: Vec<Purpose> =
            rules.filter(|rule| rule.fits(path, None)).map(|rule| rule.purpose).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The common ends of the last names of selected folders.
    pub(crate) fn folder_endings(&self) -> Vec<&'static str> {
        let rules = self.folders.iter().filter_map(|index| self.rules.get(*index)?.pattern);
        rules.map(|pattern| pattern.folder_ending()).filter(|ending| !ending.is_empty()).collect()
    }

    /// Which look-ups a path is worth.
    #[inline]
    fn lookups(&self, path: &str, attributes: Option<Attributes>) -> Lookups {
        let executable = attributes.is_some_and(|attributes| attributes.mode & 0o111 != 0);
        Lookups {
            end: self.ends.passes(path.as_bytes()) || self.may_be_numbered(path.as_bytes()),
            beginning: self.beginnings.passes(path.as_bytes()),
            mode: executable && !self.executables.is_empty(),
        }
    }

    fn may_be_numbered(&self, path: &[u8]) -> bool {
        path.last().is_some_and(u8::is_ascii_digit) && !self.numbers.is_empty()
    }

    /// Whether some paths cost no look-up. One pattern in any directory whose last name ends with a wildcard would
    /// cause look-ups for every path.
    #[cfg(test)]
    pub(crate) fn is_selective(&self) -> bool {
        self.others.is_empty() && !self.ends.open && !self.beginnings.open
    }

    // Not inlined, so that a path that is not selected does not pay for it.
    #[inline(never)]
    fn matching(&self, path: &str, attributes: Option<Attributes>, lookups: Lookups) -> Vec<Purpose> {
        let mut found: Vec<(usize, Purpose)> = Vec::new();
        for index in self.candidates(path, lookups).into_iter().flatten() {
            if let Some(rule) = self.rules.get(*index).filter(|rule| rule.fits(path, attributes)) {
                found.push((rule.member, rule.purpose));
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|(member, _)| *member);
        found.into_iter().map(|(_, purpose)| purpose).collect()
    }

    /// The rules that must be tried on a path, by their keys.
    fn candidates(&self, path: &str, lookups: Lookups) -> [&[usize]; 7] {
        let bytes = path.as_bytes();
        let slash = bytes.iter().rposition(|byte| *byte == b'/');
        let mut found: [&[usize]; 7] = [&[]; 7];
        let [of_path, of_name, of_extension, of_directory, of_mode, of_number, others] = &mut found;
        if lookups.mode {
            *of_mode = &self.executables;
        }
        *others = &self.others;
        if lookups.end {
            if self.may_be_numbered(bytes) {
                *of_number = &self.numbers;
            }
            let name = slash.and_then(|slash| bytes.get(slash + 1..)).unwrap_or(bytes);
            let dot = name.iter().rposition(|byte| *byte == b'.');
            *of_path = self.paths.at(bytes);
            *of_name = self.names.at(name);
            *of_extension = dot
                .and_then(|dot| name.get(dot + 1..))
                .map_or(&[], |extension| self.extensions.at(extension));
        }
        if lookups.beginning {
            *of_directory =
                self.directories.at(slash.and_then(|slash| bytes.get(..slash)).unwrap_or_default());
        }
        found
    }
}

/// Which look-ups a path is worth.
#[derive(Debug, Clone, Copy)]
struct Lookups {
    /// Among paths, last names, extensions and numbers.
    end: bool,
    /// Among directories.
    beginning: bool,
    /// Among the selections of every executable.
    mode: bool,
}

impl Rule {
    fn fits(&self, path: &str, attributes: Option<Attributes>) -> bool {
        let mode_fits = match (self.selection.mode, attributes) {
            (Mode::Any, _) => true,
            (Mode::Executable, Some(attributes)) => attributes.mode & 0o111 != 0,
            (Mode::Regular, attributes) => attributes.is_some(),
            (Mode::Executable, None) => false,
        };
        mode_fits
            && attributes.is_none_or(|attributes| attributes.size >= self.selection.min_size)
            && self.pattern.is_none_or(|pattern| pattern.matches(path))
    }
}

/// Rules by their key, under a number made of its length, its first and its last bytes. Other keys with the same number
/// are ruled out by the pattern.
#[derive(Default)]
struct Table(HashMap<u64, Vec<usize>, Mixed>);

impl Table {
    fn add(&mut self, part: &str, rule: usize) {
        self.0.entry(number(part.as_bytes())).or_default().push(rule);
    }

    fn at(&self, part: &[u8]) -> &[usize] {
        if self.0.is_empty() {
            return &[];
        }
        self.0.get(&number(part)).map_or(&[], Vec::as_slice)
    }
}

/// The ends (`LAST`) or starts of keys: a set with false positives, but without false negatives.
///
/// Two bytes of a path decide how many are worth hashing. So most paths cost one load, and those that share the two
/// bytes with a key one multiplication more: `util.py` with `setup.py`.
struct Filter<const LAST: bool> {
    /// For each pair of bytes, the lengths of the ends that start with it: bit 0 for 2 bytes, to bit 6 for 8; bit 7 for
    /// 16.
    lengths: [u8; SLOTS],
    /// A bit for each end, by its hash; a few share one.
    ends: [u64; END_BITS / 64],
    /// A key is too short for a pair, so everything passes.
    open: bool,
}

impl<const LAST: bool> Filter<LAST> {
    fn add(&mut self, key: &[u8]) {
        let Some(pair) = Self::end::<2>(key) else {
            self.open = true;
            return;
        };
        // The longest end of the key distinguishes it from most paths.
        let length = match key.len() {
            16.. => 7,
            length => length.min(8) - 2,
        };
        let hash = Self::hash(key, length);
        if let Some(lengths) = self.lengths.get_mut(slot(pair)) {
            *lengths |= 1 << length;
        }
        if let Some(word) = self.ends.get_mut(hash / 64) {
            *word |= 1 << (hash % 64);
        }
    }

    #[inline]
    fn passes(&self, path: &[u8]) -> bool {
        let lengths = Self::end::<2>(path).and_then(|pair| self.lengths.get(slot(pair)).copied());
        self.open || lengths.is_some_and(|lengths| lengths != 0 && self.has_end(path, lengths))
    }

    fn has_end(&self, path: &[u8], mut lengths: u8) -> bool {
        while lengths != 0 {
            let hash = Self::hash(path, lengths.trailing_zeros() as usize);
            if self.ends.get(hash / 64).is_some_and(|word| word >> (hash % 64) & 1 != 0) {
                return true;
            }
            lengths &= lengths - 1;
        }
        false
    }

    /// The hash of the end with the length of this bit. A shorter path gets some hash.
    fn hash(bytes: &[u8], length: usize) -> usize {
        let (near, far) = if length < 7 {
            (Self::word(bytes) & u64::MAX >> (48 - 8 * length), 0)
        } else {
            let rest = bytes.len().saturating_sub(8);
            (
                Self::word(bytes),
                Self::word(if LAST { bytes.get(..rest) } else { bytes.get(8..) }.unwrap_or_default()),
            )
        };
        let mixed = (near ^ far.wrapping_mul(PI)).wrapping_mul(GOLDEN) >> 50;
        usize::try_from(mixed).unwrap_or_default() % END_BITS
    }

    /// Eight bytes, the outermost in the lowest position. Missing bytes are zero.
    fn word(bytes: &[u8]) -> u64 {
        match Self::end::<8>(bytes) {
            Some(end) if LAST => u64::from_be_bytes(end),
            Some(end) => u64::from_le_bytes(end),
            None if LAST => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            None => bytes.iter().rfold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    }

    fn end<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
        if LAST { bytes.last_chunk().copied() } else { bytes.first_chunk().copied() }
    }
}

fn slot(pair: [u8; 2]) -> usize {
    let [first, second] = pair.map(usize::from);
    (first * 61 + second) % SLOTS
}

impl<const LAST: bool> Default for Filter<LAST> {
    fn default() -> Self {
        Self { lengths: [0; SLOTS], ends: [0; END_BITS / 64], open: false }
    }
}

/// The bits by which pairs of bytes are distinguished.
const SLOTS: usize = 4096;
/// Some 200 keys set one in eighty.
const END_BITS: usize = 1 << 14;

// Odd constants without a pattern: digits of the golden ratio and of pi.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const PI: u64 = 0x2437_54a8_885a_308d;

fn number(bytes: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (word(bytes), 0),
    };
    let mixed = (first ^ bytes.len() as u64).wrapping_mul(GOLDEN) ^ last.wrapping_mul(PI);
    mixed ^ mixed >> 29
}

/// Numbers are mixed already.
#[derive(Debug, Clone, Copy, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(GOLDEN);
    }
}

impl BuildHasher for Mixed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests;

//! All selections of all catalogers as one matcher.
//!
//! Every pattern is filed under a part that a path must have literally: the path itself, its last name, its extension or
//! its directory. So a path costs four look-ups however many patterns there are, and only those found are tried on it. Filters
//! of how paths begin and end spare most of them.
//! Almost no file of an image is wanted, and what nobody wants costs nothing else.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use plimsoll_core::rootfs::{Attributes, Purpose};

use crate::cataloger::{Cataloger, Mode, Selection};
use crate::pattern::{Key, Pattern};

/// Finds out what a path is wanted for.
pub(crate) struct Matcher {
    rules: Vec<Rule>,
    paths: Table,
    names: Table,
    extensions: Table,
    directories: Table,
    /// How paths end that one of the first three tables can know, and how those begin that the last can.
    ends: Filter,
    beginnings: Filter,
    /// Rules that no part of a path leads to: for every executable, and patterns without a literal part.
    executables: Vec<usize>,
    others: Vec<usize>,
}

struct Rule {
    purpose: Purpose,
    /// Which cataloger it is of.
    member: usize,
    pattern: Option<Pattern>,
    selection: &'static Selection,
}

impl Matcher {
    /// Compiles the selections of `members`, in whose order purposes are numbered. Those that `take` says no to get their
    /// numbers and no rules.
    pub(crate) fn new(members: &[&dyn Cataloger], take: impl Fn(&dyn Cataloger) -> bool) -> Self {
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
        };
        let numbered = members.iter().enumerate().flat_map(|(member, cataloger)| {
            cataloger.selections().iter().map(move |selection| (member, *cataloger, selection))
        });
        for ((member, cataloger, selection), number) in numbered.zip(0_u16..) {
            if take(cataloger) {
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
            let (table, key) = match pattern.key() {
                Key::Path(key) => (&mut self.paths, key),
                Key::Name(key) => (&mut self.names, key),
                Key::Extension(key) => (&mut self.extensions, key),
                Key::Directory(key) => {
                    self.beginnings.add(key.as_bytes().first_chunk());
                    self.directories.add(key, index);
                    continue;
                }
                Key::Nothing => {
                    self.others.push(index);
                    continue;
                }
            };
            self.ends.add(key.as_bytes().last_chunk());
            table.add(key, index);
        }
    }

    /// What the file at `path` is wanted for, in rising order. Of one cataloger the first selection that fits counts.
    pub(crate) fn want(&self, path: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        let candidates = self.candidates(path, attributes);
        if candidates.iter().all(|rules| rules.is_empty()) {
            return Vec::new();
        }
        let mut found: Vec<(usize, Purpose)> = Vec::new();
        for index in candidates.into_iter().flatten() {
            if let Some(rule) = self.rules.get(*index).filter(|rule| rule.fits(path, attributes)) {
                found.push((rule.member, rule.purpose));
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|(member, _)| *member);
        found.into_iter().map(|(_, purpose)| purpose).collect()
    }

    /// The rules that have to be tried on a path, by what leads to them.
    fn candidates(&self, path: &str, attributes: Option<Attributes>) -> [&[usize]; 6] {
        let bytes = path.as_bytes();
        let executable = attributes.is_some_and(|attributes| attributes.mode & 0o111 != 0);
        let mut found: [&[usize]; 6] = [&[]; 6];
        let [of_path, of_name, of_extension, of_directory, of_mode, others] = &mut found;
        *of_mode = if executable { &self.executables } else { &[] };
        *others = &self.others;
        if self.ends.passes(bytes.last_chunk()) {
            let name = bytes.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let dot = name.iter().rposition(|byte| *byte == b'.');
            *of_path = self.paths.at(bytes);
            *of_name = self.names.at(name);
            *of_extension = dot
                .and_then(|dot| name.get(dot + 1..))
                .map_or(&[], |extension| self.extensions.at(extension));
        }
        if self.beginnings.passes(bytes.first_chunk()) {
            let cut = bytes.iter().rposition(|byte| *byte == b'/');
            *of_directory = self.directories.at(cut.and_then(|cut| bytes.get(..cut)).unwrap_or_default());
        }
        found
    }
}

impl Rule {
    fn fits(&self, path: &str, attributes: Option<Attributes>) -> bool {
        let mode_fits = match (self.selection.mode, attributes) {
            (Mode::Any, _) => true,
            (Mode::Executable, Some(attributes)) => attributes.mode & 0o111 != 0,
            (Mode::Executable, None) => false,
        };
        mode_fits
            && attributes.is_none_or(|attributes| attributes.size >= self.selection.min_size)
            && self.pattern.is_none_or(|pattern| pattern.matches(path))
    }
}

/// Rules by the part that leads to them, under a number made of its length, its first and its last bytes. What else has the
/// same number is told apart by the pattern.
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

/// Pairs of bytes, a bit each, of which a few share one. What passes is looked up.
struct Filter {
    pairs: [u64; Self::BITS / 64],
    /// There is a part that is too short for a pair, so everything passes.
    open: bool,
}

impl Filter {
    const BITS: usize = 4096;

    fn bit(pair: [u8; 2]) -> (usize, u64) {
        let [first, second] = pair.map(usize::from);
        let bit = (first * 61 + second) % Self::BITS;
        (bit / 64, 1 << (bit % 64))
    }

    fn add(&mut self, pair: Option<&[u8; 2]>) {
        let Some(pair) = pair else {
            self.open = true;
            return;
        };
        let (word, bit) = Self::bit(*pair);
        if let Some(word) = self.pairs.get_mut(word) {
            *word |= bit;
        }
    }

    fn passes(&self, pair: Option<&[u8; 2]>) -> bool {
        let passes = |pair| {
            let (word, bit) = Self::bit(pair);
            self.pairs.get(word).is_some_and(|word| word & bit != 0)
        };
        self.open || pair.copied().is_some_and(passes)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self { pairs: [0; Self::BITS / 64], open: false }
    }
}

fn number(bytes: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (word(bytes), 0),
    };
    // Odd constants without a pattern: digits of the golden ratio and of pi.
    let mixed = (first ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ last.wrapping_mul(0x2437_54a8_885a_308d);
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
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
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

//! Searches a program for the text around its version, while it is streamed.

use std::collections::BTreeSet;

use memchr::memmem;

use super::rules::{Pattern, Shape};
use crate::magic::Format;

/// Bytes of a version. The longest have some thirty, including the release of a distribution.
const MAX_VERSION: usize = 64;
/// Versions of one pattern. A pattern with more of them gives none.
const MAX_VERSIONS: usize = 8;

/// Reads a program piece by piece.
pub(super) struct Search {
    patterns: &'static [Pattern],
    /// The versions that each pattern found.
    versions: Vec<BTreeSet<String>>,
    /// The last bytes that were read, with which a match may start.
    carried: Vec<u8>,
    /// How many bytes must follow to decide about a match.
    enough: usize,
    is_program: Option<bool>,
}

impl Search {
    pub(super) fn new(patterns: &'static [Pattern]) -> Self {
        let length = |it: &Pattern| it.before.len() + MAX_VERSION + it.after.len() + 1;
        Self {
            patterns,
            versions: vec![BTreeSet::new(); patterns.len()],
            carried: Vec::new(),
            enough: patterns.iter().map(length).max().unwrap_or_default(),
            is_program: None,
        }
    }

    /// Takes the next bytes. Returns false if the rest is not needed.
    pub(super) fn take(&mut self, piece: &[u8]) -> bool {
        self.carried.extend_from_slice(piece);
        if self.is_program.is_none() && self.carried.len() >= 4 {
            self.is_program = Some(Format::recognise(&self.carried).is_some());
        }
        match self.is_program {
            Some(true) => self.search(self.carried.len().saturating_sub(self.enough)),
            Some(false) => self.carried.clear(),
            None => {}
        }
        self.is_program != Some(false)
    }

    /// The version, if there is one.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.is_program != Some(true) {
            return None;
        }
        self.search(self.carried.len());
        // The first pattern that found anything decides.
        let found = self.versions.into_iter().find(|versions| !versions.is_empty())?;
        let mut found = found.into_iter();
        found.next().filter(|_| found.next().is_none())
    }

    /// Examines the matches that start before `end`, and drops those bytes.
    fn search(&mut self, end: usize) {
        let window = std::mem::take(&mut self.carried);
        for (pattern, versions) in self.patterns.iter().zip(&mut self.versions) {
            for at in memmem::find_iter(&window, &pattern.before).take_while(|at| *at < end) {
                let rest = window.get(at + pattern.before.len()..).unwrap_or_default();
                if versions.len() < MAX_VERSIONS
                    && let Some(version) = pattern.version(rest)
                {
                    versions.insert(version);
                }
            }
        }
        self.carried = window;
        self.carried.drain(..end);
    }
}

impl Pattern {
    /// The version at the start of `bytes`, if there is one.
    fn version(&self, bytes: &[u8]) -> Option<String> {
        let may_be = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-~_".contains(byte);
        let length = bytes.iter().take(MAX_VERSION).take_while(|byte| may_be(byte)).count();
        let text = bytes.get(..length)?;
        let text = if self.after.first().is_some_and(may_be) {
            text.get(..memmem::find(bytes.get(..length + self.after.len()).unwrap_or(bytes), &self.after)?)?
        } else {
            bytes.get(length..)?.starts_with(&self.after).then_some(text)?
        };
        let version = str::from_utf8(text).ok()?.trim_end_matches(['.', '-', '+', '~', '_']);
        let fits = match &self.shape {
            Shape::Any => version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.'),
            Shape::Numbers(count) => {
                version.split('.').count() == *count
                    && version.split('.').all(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))
            }
            Shape::Beginning(beginning) => version.starts_with(beginning.as_str()),
        };
        (fits && version.len() < MAX_VERSION).then(|| version.to_owned())
    }
}

//! Recognises the licences of the SPDX list that a text contains.
//!
//! Texts are compared by pairs of neighbouring words: the Sørensen-Dice coefficient of the pairs in a known text and in
//! the passage that contains most of them, as in askalono and licensee. Case, punctuation, line breaks, titles and
//! copyright lines do not count ([`words`]). The texts are those of the `spdx` crate ([`known`]).
//!
//! That crate also compares texts, and tests check that the results agree. Its store takes 185 ms to load and 68 MiB of
//! memory, each text some 20 ms, and a text in which two line prefixes are equally frequent gives different results
//! from run to run. Here, a few passages select the known texts that may be in a text, and only these are compared.
//!
//! ```text
//! Copyright (c) 2020 Ann
//! Permission is hereby granted, free of charge, to any person …       → MIT, 100 %
//! ```

mod known;
mod words;

use std::cmp::Reverse;
use std::ops::Range;

use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use crate::inventory::DetectedLicence;
use known::{KNOWN, Known};
use words::pairs;

/// Bytes of a file that are read. The longest text of the list has some 60 KiB.
pub(crate) const MAX_BYTES: u64 = 64 << 10;

/// Words that are compared. English has six bytes per word, so only other content has more.
const MAX_WORDS: usize = 12_000;

/// Fewer words are not a text.
const MIN_WORDS: usize = 20;

/// The required similarity of a passage and a known text, in percent. Texts with replaced names have 96 and more; the
/// many variants of MIT with a sentence more or less have 90 to 94 with each other.
pub(crate) const MIN_CONFIDENCE: u8 = 95;

/// The most other words up to which a file counts as containing only known texts. A list of authors or a sentence about
/// the origin of a program has fewer; additional conditions, such as the Commons Clause, have more.
const MAX_OTHER_WORDS: usize = 100;

/// Pairs of words that are looked up in each pass over a file, which limits how many known texts it is compared with.
const MAX_LOOKUPS: usize = 20_000;

/// Passes over a file: if passages overlap or a text occurs again, it is found in the remaining text.
const MAX_ROUNDS: usize = 6;

/// Replaces the words of a passage that was found.
const NOTHING: u32 = 0;

/// The most licences that are reported for one file.
const MAX_FOUND: usize = 16;

/// The licences in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LicenceText {
    /// Each licence once, in the order of the text.
    pub(crate) licences: Vec<FoundLicence>,
    /// Whether there is so much other text that it may contain other licences or conditions.
    pub(crate) has_more: bool,
}

/// A licence in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundLicence {
    /// Its identifier in the SPDX list.
    pub(crate) id: String,
    /// The similarity of the passage and the known text, in percent, rounded down.
    pub(crate) confidence: u8,
}

impl Footprint for LicenceText {
    fn footprint(&self) -> usize {
        let ids = self.licences.iter().map(|it| size_of::<FoundLicence>() + it.id.len());
        size_of::<Self>() + ids.sum::<usize>()
    }
}

impl LicenceText {
    /// What was detected in the file at `path`.
    pub(crate) fn detected(&self, path: &str) -> impl Iterator<Item = DetectedLicence> {
        self.licences.iter().map(move |FoundLicence { id, confidence }| DetectedLicence {
            id: id.clone(),
            confidence: *confidence,
            path: path.to_owned(),
            has_more: self.has_more,
        })
    }
}

/// The licences in the first [`MAX_BYTES`] of `content`. `None` if there are none.
pub(crate) fn recognise(content: &[u8]) -> Option<LicenceText> {
    let end = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX).min(content.len());
    let is_cut = content.len() >= usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let words: Vec<u32> =
        words::words(content.get(..end)?).take(MAX_WORDS).map(|word| words::hash(&word)).collect();
    if words.len() < MIN_WORDS {
        return None;
    }
    let mut text: Vec<u32> = pairs(&words).collect();
    let candidates = KNOWN.candidates(&words, (MAX_LOOKUPS / words.len()).clamp(4, 24));
    let mut chosen: Vec<Passage> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let before = chosen.len();
        let found = candidates.iter().filter_map(|number| Passage::find(&KNOWN, *number, &text));
        let mut found: Vec<Passage> = found.collect();
        // Of two texts that match, the longer one is more specific.
        found.sort_by_key(|it| (Reverse(it.confidence), Reverse(it.range.len()), it.number));
        let mut waiting: Vec<Passage> = Vec::new();
        for passage in found {
            if chosen.iter().chain(&waiting).any(|other| other.overlaps(&passage)) {
                // A weaker match must not come first just because this one extended too far.
                waiting.push(passage);
            } else if chosen.len() < MAX_FOUND {
                text.get_mut(passage.range.clone())?.fill(NOTHING);
                chosen.push(passage);
            }
        }
        let others = text.iter().filter(|pair| **pair != NOTHING).count();
        if chosen.len() == before || others < MIN_WORDS {
            break;
        }
    }
    chosen.sort_by_key(|it| it.range.start);
    let others = text.iter().filter(|pair| **pair != NOTHING).count();
    let has_more = is_cut || words.len() == MAX_WORDS || others > MAX_OTHER_WORDS;
    let mut licences: Vec<FoundLicence> = Vec::new();
    for passage in chosen {
        let id = KNOWN.id(passage.number);
        if !licences.iter().any(|it| it.id == id) {
            licences.push(FoundLicence { id: id.to_owned(), confidence: passage.confidence });
        }
    }
    (!licences.is_empty()).then_some(LicenceText { licences, has_more })
}

/// The part of a text that is most similar to a known one.
struct Passage {
    number: usize,
    /// In pairs of words.
    range: Range<usize>,
    confidence: u8,
}

impl Passage {
    fn find(known: &Known, number: usize, text: &[u32]) -> Option<Self> {
        let table = known.table(number);
        // A third longer than the known text, for insertions; and exactly as long, if it is repeated.
        let longest = [table.len() + table.len() / 3 + 8, table.len()];
        let mut best: Option<Self> = None;
        for longest in longest {
            let (range, fitting) = densest(text, longest, |pair| table.count(pair) > 0);
            let percent = |common: usize| 200 * common / (table.len() + range.len()).max(1);
            // Most texts differ from this one, which shows without counting how often each pair may occur.
            if percent(fitting.min(table.len())) < usize::from(MIN_CONFIDENCE) {
                continue;
            }
            let confidence = percent(table.common(text.get(range.clone())?));
            let confidence = u8::try_from(confidence).ok().filter(|it| *it >= MIN_CONFIDENCE);
            // The first of two equally good ones.
            if let Some(confidence) =
                confidence.filter(|it| best.as_ref().is_none_or(|one| one.confidence < *it))
            {
                best = Some(Self { number, range, confidence });
            }
            if confidence == Some(100) {
                break;
            }
        }
        best
    }

    /// Whether they overlap by more than their edges.
    fn overlaps(&self, other: &Self) -> bool {
        let start = self.range.start.max(other.range.start);
        let common = self.range.end.min(other.range.end).saturating_sub(start);
        common * 10 > self.range.len().min(other.range.len())
    }
}

/// The part of `text`, of at most `longest` items, in which `fits` is true most often relative to how often it is
/// false; and how often it is true.
fn densest(text: &[u32], longest: usize, fits: impl Fn(u32) -> bool) -> (Range<usize>, usize) {
    let (mut best, mut best_range) = (0, 0..0);
    // Positions at which a part may start, by the sum of all items before them, the lowest first.
    let mut starts = std::collections::VecDeque::from([(0, 0_i64)]);
    let mut sum = 0_i64;
    for (at, item) in text.iter().enumerate() {
        sum += if fits(*item) { 1 } else { -1 };
        let end = at + 1;
        while starts.front().is_some_and(|(start, _)| end - start > longest) {
            starts.pop_front();
        }
        if let Some((start, before)) = starts.front()
            && sum - before > best
        {
            (best, best_range) = (sum - before, *start..end);
        }
        while starts.back().is_some_and(|(_, before)| *before >= sum) {
            starts.pop_back();
        }
        starts.push_back((end, sum));
    }
    let more = usize::try_from(best).unwrap_or_default();
    let fitting = usize::midpoint(best_range.len(), more);
    (best_range, fitting)
}

#[cfg(test)]
mod tests;

//! The words of a text, and their hashes for comparisons.
//!
//! A word consists of ASCII letters and digits. Other characters do not count, nor do lines that differ from copy to
//! copy: titles and copyright lines.

use std::borrow::Cow;

/// Words that a title may have.
const MAX_TITLE_WORDS: usize = 10;

/// The words of `content` in lower case.
pub(super) fn words(content: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut is_first = true;
    let lines = content.split(|byte| matches!(byte, b'\n' | b'\r')).filter(move |line| {
        if split(line).next().is_none() {
            return false;
        }
        let is_title = std::mem::take(&mut is_first) && is_title(line);
        !is_title && !is_copyright(line) && !is_reservation(line)
    });
    lines.flat_map(split).map(|word| {
        let is_lower = !word.iter().any(u8::is_ascii_uppercase);
        if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_ascii_lowercase()) }
    })
}

fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// `The MIT License (MIT)`.
fn is_title(line: &[u8]) -> bool {
    let names = |word: &[u8]| [&b"license"[..], b"licence"].iter().any(|it| word.eq_ignore_ascii_case(it));
    split(line).count() <= MAX_TITLE_WORDS && split(line).any(names)
}

/// `Copyright (c) 2020 Ann`, `© <year> <owner>`, and not `copyright notice and this permission notice`.
fn is_copyright(line: &[u8]) -> bool {
    let mut words = split(line);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_year = |word: &[u8]| word.len() == 4 && (word.starts_with(b"19") || word.starts_with(b"20"));
    if first == b"c" || first == b"C" || is_year(first) {
        return line.len() < 200 && is_year(if first.len() == 1 { second } else { first });
    }
    let has_mark = line.iter().any(|byte| matches!(byte, b'<' | b'[' | b'{' | 0xa9));
    first.eq_ignore_ascii_case(b"copyright")
        && (has_mark || second.eq_ignore_ascii_case(b"c") || split(line).any(is_year))
}

fn is_reservation(line: &[u8]) -> bool {
    split(line).map(<[u8]>::to_ascii_lowercase).eq([&b"all"[..], b"rights", b"reserved"])
}

/// The hash of a word: FNV-1a.
pub(super) fn hash(word: &[u8]) -> u32 {
    word.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The hash of each two consecutive words.
pub(super) fn pairs(words: &[u32]) -> impl Iterator<Item = u32> {
    words.windows(2).map(joined)
}

/// The hash of each five consecutive words, by which known texts are distinguished.
pub(super) fn passages(words: &[u32]) -> impl Iterator<Item = u32> {
    words.windows(5).map(joined)
}

fn joined(words: &[u32]) -> u32 {
    // An odd number with irregular bits, so that each bit of a word moves those of the upper half.
    let mixed = words.iter().fold(0_u64, |hash, word| {
        (hash.rotate_left(23) ^ u64::from(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    u32::try_from(mixed >> 32).unwrap_or_default()
}

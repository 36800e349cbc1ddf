//! Python's version order: PEP 440, and setuptools' order for versions that precede it.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::pep440;
//! assert_eq!(pep440::compare("1.0.dev1", "1.0a1"), Ok(Ordering::Less));
//! assert_eq!(pep440::compare("2.0.0+cu118", "2.0.0"), Ok(Ordering::Greater));
//! ```
//!
//! [`compare`] puts legacy versions (`0.1-bulbasaur`) before every version of PEP 440, as setuptools did until 2022.
//! That order is a convention, not a fact about which code is newer, so matching never uses it: [`Version::parse`]
//! refuses legacy versions, which then become gaps.
//!
//! Written here because `pep440_rs` 0.7.3 refuses the legacy versions of the published vectors (11 of 37 lines) and
//! numbers beyond 64 bits, and allocates for each version.

use std::cmp::Ordering;

use super::{
    InvalidVersion, Version as _, bounded, compare_digits, compare_shorter_first, compare_without_case,
    equal_by_order, split_digits,
};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "PEP 440" };

/// Python's order. Legacy versions are not part of it.
#[derive(Debug)]
pub struct Pep440;

impl super::Versions for Pep440 {
    const ID: &'static str = "pep440";
    type Version<'a> = Version<'a>;
}

/// Compares two Python versions, legacy ones included. An error only for a text that is empty or too long.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    bounded(a)?;
    bounded(b)?;
    Ok(match (Version::parse(a), Version::parse(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Greater,
        (Err(_), Ok(_)) => Ordering::Less,
        (Err(_), Err(_)) => legacy_key(a).cmp(&legacy_key(b)),
    })
}

/// A version as PEP 440 defines it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: &'a [u8],
    /// Numbers with dots between them.
    release: &'a [u8],
    pre: Option<(Pre, &'a [u8])>,
    post: Option<&'a [u8]>,
    dev: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    Alpha,
    Beta,
    Candidate,
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        let (epoch, rest) = epoch(strip_word(text, b"v").unwrap_or(text));
        let (release, rest) = release(rest)?;
        let (pre, rest) = pre(rest);
        let (post, rest) = post(rest);
        let (dev, rest) = labelled(rest, &[b"dev"]);
        let local = match rest.split_first() {
            None => None,
            Some((b'+', local)) if is_local(local) => Some(local),
            Some(_) => return Err(INVALID),
        };
        Ok(Self { epoch, release, pre, post, dev, local })
    }

    /// A bound without a local segment is compared with the public part of the version: `<=2.0.0` includes
    /// `2.0.0+cu118` (PEP 440, "Version matching" and "Inclusive ordered comparison").
    fn compare_to_bound(&self, bound: &Self) -> Ordering {
        if bound.local.is_some() { self.cmp(bound) } else { self.compare_public(bound) }
    }

    /// Publishers translate NVD's `2.6.0`, update `NA`, to `2.6.0-NA`, and put builds after a dash: `2.6.0-cu124`.
    fn leading_numbers(text: &'a str) -> Option<&'a str> {
        let bytes = bounded(text).ok()?;
        let (_, after_epoch) = epoch(bytes);
        let (_, rest) = release(after_epoch).ok()?;
        text.get(..bytes.len().saturating_sub(rest.len()))
    }

    fn compare_to_numbers(&self, numbers: &Self) -> Ordering {
        let length = numbers.release.split(|c| *c == b'.').count();
        let own = self.release.split(|c| *c == b'.').map(Some).chain(std::iter::repeat(None)).take(length);
        let theirs = numbers.release.split(|c| *c == b'.');
        compare_digits(self.epoch, numbers.epoch).then_with(|| {
            let mut each = own.zip(theirs).map(|(a, b)| compare_digits(a.unwrap_or_default(), b));
            each.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        })
    }
}

impl Version<'_> {
    fn compare_public(&self, other: &Self) -> Ordering {
        compare_digits(self.epoch, other.epoch)
            .then_with(|| compare_releases(self.release, other.release))
            .then_with(|| self.phase().cmp(&other.phase()))
            .then_with(|| match (self.pre, other.pre) {
                (Some((_, a)), Some((_, b))) => compare_digits(a, b),
                _ => Ordering::Equal,
            })
            .then_with(|| compare_optional(self.post, other.post))
            .then_with(|| match (self.dev, other.dev) {
                (Some(a), Some(b)) => compare_digits(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            })
    }

    /// `1.0.dev1` comes before every pre-release of 1.0, and a release or its post-release after all of them.
    fn phase(&self) -> u8 {
        match (self.pre, self.post, self.dev) {
            (None, None, Some(_)) => 0,
            (Some((pre, _)), _, _) => 1 + pre as u8,
            (None, _, _) => 4,
        }
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare_public(other).then_with(|| match (self.local, other.local) {
            (Some(a), Some(b)) => compare_locals(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
    }
}

equal_by_order!(Version);

/// The epoch, empty if there is none, and what follows it.
fn epoch(text: &[u8]) -> (&[u8], &[u8]) {
    let (digits, after) = split_digits(text);
    match after.strip_prefix(b"!") {
        Some(after) if !digits.is_empty() => (digits, after),
        _ => (b"", text),
    }
}

/// `[0-9]+(\.[0-9]+)*`, and what follows.
fn release(text: &[u8]) -> Result<(&[u8], &[u8]), InvalidVersion> {
    let (digits, mut rest) = split_digits(text);
    if digits.is_empty() {
        return Err(INVALID);
    }
    while let Some(after) = rest.strip_prefix(b".") {
        let (digits, after) = split_digits(after);
        if digits.is_empty() {
            break;
        }
        rest = after;
    }
    text.split_at_checked(text.len() - rest.len()).ok_or(INVALID)
}

fn pre(text: &[u8]) -> (Option<(Pre, &[u8])>, &[u8]) {
    // Longer spellings first: `a` is a prefix of `alpha`, `pre` of `preview`, and `c` must not match inside
    // `rc`.
    for (pre, words) in [
        (Pre::Alpha, &[&b"alpha"[..], b"a"][..]),
        (Pre::Beta, &[b"beta", b"b"]),
        (Pre::Candidate, &[b"preview", b"pre", b"rc", b"c"]),
    ] {
        if let (Some(number), rest) = labelled(text, words) {
            return (Some((pre, number)), rest);
        }
    }
    (None, text)
}

fn post(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if let Some(after) = text.strip_prefix(b"-") {
        let (digits, rest) = split_digits(after);
        if !digits.is_empty() {
            return (Some(digits), rest);
        }
    }
    labelled(text, &[b"post", b"rev", b"r"])
}

/// `[-_.]?(words)[-_.]?[0-9]*`: the number, which may be empty, and what follows.
fn labelled<'a>(text: &'a [u8], words: &[&[u8]]) -> (Option<&'a [u8]>, &'a [u8]) {
    let start = without_separator(text);
    match words.iter().find_map(|word| strip_word(start, word)) {
        Some(rest) => {
            let (number, rest) = split_digits(without_separator(rest));
            (Some(number), rest)
        }
        None => (None, text),
    }
}

fn without_separator(text: &[u8]) -> &[u8] {
    match text.split_first() {
        Some((first, rest)) if is_separator(*first) => rest,
        _ => text,
    }
}

fn strip_word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

fn is_separator(b: u8) -> bool {
    matches!(b, b'-' | b'_' | b'.')
}

fn is_local(text: &[u8]) -> bool {
    text.split(|b| is_separator(*b))
        .all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric))
}

/// Number by number; a missing one counts as 0.
fn compare_releases(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a.split(|c| *c == b'.'), b.split(|c| *c == b'.'));
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        match compare_digits(x.unwrap_or_default(), y.unwrap_or_default()) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

/// A missing number sorts before any.
fn compare_optional(a: Option<&[u8]>, b: Option<&[u8]>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare_digits(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Numbers by value and after words, words regardless of case, a prefix before the longer text.
fn compare_locals<'a>(a: &'a [u8], b: &'a [u8]) -> Ordering {
    let parts = |text: &'a [u8]| text.split(|c| is_separator(*c));
    let is_number = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    compare_shorter_first(parts(a), parts(b), |a, b| match (is_number(a), is_number(b)) {
        (true, true) => compare_digits(a, b),
        (false, false) => compare_without_case(a, b),
        (a, b) => a.cmp(&b),
    })
}

/// A part of a legacy version, in setuptools' order: words that mean "before the release" come before the end of the
/// version, which comes before other words and numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum LegacyPart {
    /// setuptools' word with a leading `*`, or one of its replacements: `*@` for dev, `*c` for candidates, `*final`.
    /// Compared as bytes with numbers, it always comes first, because `*` is smaller than any digit.
    Word(Vec<u8>),
    /// Digits without leading zeros: the length decides first.
    Number(usize, Vec<u8>),
}

/// The key of `pkg_resources.LegacyVersion`. Numbers are compared by value, even beyond its eight digits.
fn legacy_key(text: &str) -> Vec<LegacyPart> {
    let text = text.to_ascii_lowercase();
    let mut rest = text.as_bytes();
    let mut key = Vec::new();
    while let Some(first) = rest.first().copied() {
        let same = |b: &&u8| match first {
            b'0'..=b'9' => b.is_ascii_digit(),
            b'a'..=b'z' => b.is_ascii_lowercase(),
            _ => !b.is_ascii_alphanumeric() && !b".-".contains(*b),
        };
        let length = if b".-".contains(&first) { 1 } else { rest.iter().take_while(same).count() };
        let Some((part, after)) = rest.split_at_checked(length) else { break };
        rest = after;
        match part {
            b"." => {}
            [b'0'..=b'9', ..] => {
                let digits = super::without_leading_zeros(part);
                key.push(LegacyPart::Number(digits.len(), digits.to_vec()));
            }
            b"-" => push_word(&mut key, b"final-"),
            b"pre" | b"preview" | b"rc" => push_word(&mut key, b"c"),
            b"dev" => push_word(&mut key, b"@"),
            word => push_word(&mut key, word),
        }
    }
    push_word(&mut key, b"final");
    key
}

/// Dashes in front of a word that means "before the release" do not count, nor do zeros in front of any word.
fn push_word(key: &mut Vec<LegacyPart>, word: &[u8]) {
    if word < b"final".as_slice() {
        while key.last() == Some(&LegacyPart::Word(b"final-".to_vec())) {
            key.pop();
        }
    }
    while key.last() == Some(&LegacyPart::Number(0, Vec::new())) {
        key.pop();
    }
    key.push(LegacyPart::Word(word.to_vec()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_chain_of_the_specification_holds() {
        // PEP 440, "Summary of permitted suffixes and relative ordering".
        let chain = [
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
        ];
        for (i, a) in chain.iter().enumerate() {
            for (j, b) in chain.iter().enumerate() {
                assert_eq!(compare(a, b), Ok(i.cmp(&j)), "{a} and {b}");
            }
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (a, b) in [
            ("1.0", "v1.0.0"),
            ("1.0-1", "1.0.post1"),
            ("1.0REV2", "1.0.post2"),
            ("1.0_alpha-3", "1.0a3"),
            ("1.0.preview", "1.0rc0"),
            ("1.0-c.4", "1.0RC4"),
            ("0!1.0.DEV", "1.dev0"),
            ("1.0+Ubuntu-1", "1.0+ubuntu.1"),
            (" 1.0 ", "1"),
            ("1.0a.", "1.0a0"),
        ] {
            assert_eq!(compare(a, b), Ok(Ordering::Equal), "{a} = {b}");
        }
    }

    #[test]
    fn local_builds_do_not_escape_a_public_bound() {
        let parse = |text| Version::parse(text).unwrap();
        assert_eq!(parse("2.0.0+cu118").compare_to_bound(&parse("2.0.0")), Ordering::Equal);
        assert_eq!(parse("2.0.0+cu118").compare_to_bound(&parse("2.0.0+cu117")), Ordering::Greater);
        assert_eq!(parse("2.0.1+cu118").compare_to_bound(&parse("2.0.0")), Ordering::Greater);
    }

    #[test]
    fn a_bound_that_is_not_a_version_still_has_its_numbers() {
        for (text, numbers) in [
            ("2.6.0-NA", "2.6.0"),
            ("2.6.0-cu124", "2.6.0"),
            ("2024-09-25", "2024"),
            ("1.x", "1"),
            ("1!2.0-NA", "1!2.0"),
        ] {
            assert_eq!(Version::leading_numbers(text), Some(numbers));
        }
        assert_eq!(Version::leading_numbers("trunk"), None);
        let numbers = Version::parse("2.6.0").unwrap();
        for (version, order) in [
            ("2.5.9", Ordering::Less),
            ("2.6", Ordering::Equal),
            ("2.6.0rc1", Ordering::Equal),
            ("2.6.0.1", Ordering::Equal),
            ("2.6.1.dev0", Ordering::Greater),
            ("1!1", Ordering::Greater),
        ] {
            assert_eq!(Version::parse(version).unwrap().compare_to_numbers(&numbers), order, "{version}");
        }
    }

    #[test]
    fn versions_outside_the_specification_are_refused_for_matching() {
        for text in
            ["", "trunk", "0.3X", "9.3.1-2.1", "1.0+", "1.0+a..b", "1!", "!1", "1..0", "1.0é", "2024-09-25"]
        {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
        assert!(Version::parse(&"9".repeat(512)).is_ok());
        assert_eq!(Version::parse(&"9".repeat(513)).unwrap_err(), InvalidVersion::TooLong { got: 513 });
    }
}

//! Alpine's version order: `number{.number}{letter}{_suffix{number}}{~hash}{-rN}`, apk-package(5).
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::apk;
//! assert_eq!(apk::compare("1.2.3_rc1", "1.2.3"), Ok(Ordering::Less));
//! assert_eq!(apk::compare("1.2.3_p1-r0", "1.2.3-r4"), Ok(Ordering::Greater));
//! ```
//!
//! Compares as apk-tools 3 does: part by part, where a part that begins with a zero compares as text (`1.05`
//! comes before `1.4`). The suffixes are `alpha`, `beta`, `pre` and `rc`, which come before the version
//! without one, then `cvs`, `svn`, `git`, `hg` and `p`, which come after it. A letter may have a number, as
//! in OpenSMTPD's `6.6.2p1`: Alpine has such builds, and apk-tools 2 accepts them.
//!
//! [`compare`] also orders other texts, like `apk version -t`: an unreadable part counts as the end of the
//! version, a little before a real end. Matching never uses that: [`parse`](super::Version::parse) refuses
//! such texts, which then become gaps.
//!
//! Written here because the crate `apk-version` 0.1.0 binds the C code of apk-tools, which keeps numbers in 64 bits and
//! does not distinguish valid versions from others.

use std::cmp::Ordering;

use super::{InvalidVersion, bounded, compare_digits, equal_by_order, split_digits};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "apk" };

/// Suffixes that come before the version without one, in their order.
const PRE: [&[u8]; 4] = [b"alpha", b"beta", b"pre", b"rc"];
/// Suffixes that come after the version without one, in their order.
const POST: [&[u8]; 5] = [b"cvs", b"svn", b"git", b"hg", b"p"];

/// Alpine's order.
#[derive(Debug)]
pub struct Apk;

impl super::Versions for Apk {
    const ID: &'static str = "apk";
    type Version<'a> = Version<'a>;
}

/// Compares two Alpine versions, even invalid ones. An error only for a text that is empty or too long.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    Ok(Version(bounded(a)?).cmp(&Version(bounded(b)?)))
}

/// A valid version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a>(&'a [u8]);

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        let mut tokens = Tokens::new(text);
        loop {
            match tokens.next() {
                Token::End => return Ok(Self(text)),
                Token::Invalid | Token::Nothing => return Err(INVALID),
                Token::First(digits) | Token::Revision(digits) if digits.0.is_empty() => return Err(INVALID),
                _ => {}
            }
        }
    }

    /// Old entries of the security database write `1.0.4.-r0` and `0.8.21.r2`.
    fn leading_numbers(text: &'a str) -> Option<&'a str> {
        let is_number = |b: &u8| b.is_ascii_digit() || *b == b'.';
        let end = bounded(text).ok()?.iter().take_while(|b| is_number(b)).count();
        let numbers = text.get(..end)?.trim_end_matches('.');
        Self::parse(numbers).is_ok().then_some(numbers)
    }

    fn compare_to_numbers(&self, numbers: &Self) -> Ordering {
        let (mut ours, mut theirs) = (Tokens::new(self.0), Tokens::new(numbers.0));
        loop {
            let (a, b) = (ours.next(), theirs.next());
            if b == Token::End {
                return Ordering::Equal;
            }
            match a.cmp(&b) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (Tokens::new(self.0), Tokens::new(other.0));
        loop {
            let (a, b) = (ours.next(), theirs.next());
            match a.cmp(&b) {
                Ordering::Equal if matches!(a, Token::End | Token::Invalid) => return Ordering::Equal,
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
    }
}

equal_by_order!(Version);

/// A part of a version. The order of the kinds is that of two versions that are equal up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    /// `_alpha` to `_rc`, by their place in [`PRE`].
    PreSuffix(usize),
    /// An invalid part; nothing follows it.
    Invalid,
    /// The end of the version.
    End,
    /// `-r`.
    Revision(Number<'a>),
    /// `~` and what follows it.
    Hash(&'a [u8]),
    /// After a suffix.
    SuffixNumber(Number<'a>),
    /// `_cvs` to `_p`, by their place in [`POST`].
    PostSuffix(usize),
    /// A dot without a following number.
    Nothing,
    Letter(u8),
    /// After a letter.
    LetterNumber(Number<'a>),
    /// After a dot.
    Component(Component<'a>),
    /// Before everything else.
    First(Number<'a>),
}

/// Digits that compare by value; no digits count as 0.
#[derive(Debug, Clone, Copy)]
struct Number<'a>(&'a [u8]);

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_digits(self.0, other.0)
    }
}

/// Digits that compare as text when one of them begins with a zero.
#[derive(Debug, Clone, Copy)]
struct Component<'a>(&'a [u8]);

impl Ord for Component<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0.starts_with(b"0") || other.0.starts_with(b"0") {
            self.0.cmp(other.0)
        } else {
            compare_digits(self.0, other.0)
        }
    }
}

macro_rules! equal_by_order {
    ($($name:ident)*) => {$(
        impl PartialOrd for $name<'_> {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $name<'_> {}
    )*};
}

equal_by_order!(Number Component);

/// The position in a version; a part may only be followed by parts of later stages, or of its own stage if they repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Start,
    Numbers,
    Letter,
    LetterNumber,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    Over,
}

/// Splits a version into its parts on demand.
struct Tokens<'a> {
    rest: &'a [u8],
    stage: Stage,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text, stage: Stage::Start }
    }

    fn next(&mut self) -> Token<'a> {
        if self.stage == Stage::Start {
            return Token::First(Number(self.digits(Stage::Numbers)));
        }
        let Some((first, after)) = self.rest.split_first() else { return Token::End };
        match (first, self.stage) {
            (b'.', Stage::Numbers) => {
                self.rest = after;
                match self.digits(Stage::Numbers) {
                    b"" => Token::Nothing,
                    digits => Token::Component(Component(digits)),
                }
            }
            (letter @ b'a'..=b'z', Stage::Numbers) => {
                (self.rest, self.stage) = (after, Stage::Letter);
                Token::Letter(*letter)
            }
            (b'0'..=b'9', Stage::Letter) => Token::LetterNumber(Number(self.digits(Stage::LetterNumber))),
            (b'0'..=b'9', Stage::Suffix) => Token::SuffixNumber(Number(self.digits(Stage::SuffixNumber))),
            (b'_', stage) if stage <= Stage::SuffixNumber => self.suffix(after),
            (b'~', stage) if stage <= Stage::SuffixNumber => self.hash(after),
            (b'-', stage) if stage <= Stage::Hash => self.revision(after),
            _ => self.invalid(),
        }
    }

    fn digits(&mut self, stage: Stage) -> &'a [u8] {
        let (digits, rest) = split_digits(self.rest);
        (self.rest, self.stage) = (rest, stage);
        digits
    }

    fn suffix(&mut self, text: &'a [u8]) -> Token<'a> {
        let length = text.iter().take_while(|b| b.is_ascii_lowercase()).count();
        let (word, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        let place = |list: &[&[u8]]| list.iter().position(|known| *known == word);
        let Some(token) = place(&PRE).map(Token::PreSuffix).or_else(|| place(&POST).map(Token::PostSuffix))
        else {
            return self.invalid();
        };
        (self.rest, self.stage) = (rest, Stage::Suffix);
        token
    }

    fn hash(&mut self, text: &'a [u8]) -> Token<'a> {
        let length = text.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
        match text.split_at_checked(length) {
            Some((hash, rest)) if !hash.is_empty() => {
                (self.rest, self.stage) = (rest, Stage::Hash);
                Token::Hash(hash)
            }
            _ => self.invalid(),
        }
    }

    /// `-r` may lack its number, but a letter after it makes it a word: `-ruff`.
    fn revision(&mut self, text: &'a [u8]) -> Token<'a> {
        match text.strip_prefix(b"r") {
            Some(rest) if !rest.first().is_some_and(u8::is_ascii_alphabetic) => {
                self.rest = rest;
                Token::Revision(Number(self.digits(Stage::Revision)))
            }
            _ => self.invalid(),
        }
    }

    fn invalid(&mut self) -> Token<'a> {
        self.stage = Stage::Over;
        Token::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::super::Version as _;
    use super::*;

    #[test]
    fn the_order_of_the_manual_page_holds() {
        let chain = [
            "1.2_alpha",
            "1.2_alpha1",
            "1.2_beta",
            "1.2_pre2",
            "1.2_rc1",
            "1.2_rc1-r1",
            "1.2",
            "1.2-r0",
            "1.2-r10",
            "1.2~0a1b",
            "1.2_cvs",
            "1.2_svn1",
            "1.2_git20240101",
            "1.2_hg",
            "1.2_p1",
            "1.2_p10",
            "1.2a",
            "1.2a-r1",
            "1.2b",
            "1.2.0",
            "1.2.01",
            "1.2.05",
            "1.2.1",
            "1.2.10",
            "1.3",
            "10.0",
            "99999999999999999999.0",
        ];
        for (i, a) in chain.iter().enumerate() {
            for (j, b) in chain.iter().enumerate() {
                assert_eq!(compare(a, b), Ok(i.cmp(&j)), "{a} and {b}");
            }
        }
    }

    #[test]
    fn invalid_versions_are_refused_for_matching() {
        for text in ["1", "01.002", "6.6.2p1-r0", "1.2.3_git20240101_p1~00ff-r12", " 1.0-r0 "] {
            assert!(Version::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "a",
            ".1",
            "1.",
            "1..2",
            "1-r",
            "1-1",
            "1.0A",
            "1.0ab",
            "1_blah",
            "1_p1a",
            "1~",
            "1~xyz",
            "1-r1-r2",
            "1-r1_p1",
            "0.8.21.r2",
            "1.0 2",
            "1é",
        ] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bound_that_is_not_a_version_still_has_its_numbers() {
        for (text, numbers) in [("0.8.21.r2", "0.8.21"), ("1.0.4.-r0", "1.0.4"), ("2.7.16-33", "2.7.16")] {
            assert_eq!(Version::leading_numbers(text), Some(numbers));
        }
        assert_eq!(Version::leading_numbers("r2"), None);
        let numbers = Version::parse("0.8.21").unwrap();
        for (version, order) in [
            ("0.8.20-r9", Ordering::Less),
            ("0.8.21", Ordering::Equal),
            ("0.8.21_rc1", Ordering::Equal),
            ("0.8.21.3-r1", Ordering::Equal),
            ("0.8.22-r0", Ordering::Greater),
        ] {
            assert_eq!(Version::parse(version).unwrap().compare_to_numbers(&numbers), order, "{version}");
        }
    }
}

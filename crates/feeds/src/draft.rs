//! An advisory before it is stored in the database: parsed, with its ranges compiled, but with a rating that
//! aliases may still complete.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_vuln::affected::{Affected, FixState, Interval};
use plimsoll_vuln::database::{Detail, Kev};
use plimsoll_vuln::{Class, Rating};

/// Bytes of an identifier or of the name of a release. Those in use have up to 30.
const MAX_ID: usize = 128;
/// Bytes of a package's name. Go's module paths are the longest, with up to 150 in real advisories.
const MAX_NAME: usize = 1024;
/// Characters of a summary. Some publishers put whole reports there; a line is enough for a table.
const MAX_SUMMARY: usize = 160;

/// One advisory.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: String,
    /// The file or entry that it came from, by which advisories with the same identifier are ordered.
    pub(crate) origin: String,
    pub(crate) detail: Detail,
    /// The rating of the vulnerability itself, for other advisories about it.
    pub(crate) rating: Rating,
    pub(crate) statements: Vec<PackageStatement>,
}

/// An advisory's statement about one package.
#[derive(Debug, Clone)]
pub(crate) struct PackageStatement {
    /// The key under which the package is stored.
    pub(crate) key: String,
    pub(crate) rating: Rating,
    /// The module stream that it is about.
    pub(crate) module: Option<String>,
    /// What kind of statement it is.
    pub(crate) class: Class,
    /// The affected versions in the stored form.
    pub(crate) affected: Vec<u8>,
}

/// A publisher's statement about a CVE, regardless of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CveFact {
    pub(crate) cve: String,
    pub(crate) fact: Fact,
}

/// The statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// It is known to be exploited.
    Exploited(Kev),
    /// Its probability of exploitation, and the share of CVEs with at most this probability, both in
    /// hundred-thousandths.
    Likely { probability: u32, percentile: u32 },
}

impl CveFact {
    pub(crate) fn exploited(cve: String, kev: Kev) -> Self {
        Self { cve, fact: Fact::Exploited(kev) }
    }

    pub(crate) fn likely(cve: String, probability: u32, percentile: u32) -> Self {
        Self { cve, fact: Fact::Likely { probability, percentile } }
    }
}

impl Draft {
    /// An advisory about a package that could not be read: any version may be affected.
    pub(crate) fn undecided(id: String, origin: String, key: String) -> Self {
        let (intervals, doubtful, versions) = (Vec::new(), vec![Interval::ALL], Vec::new());
        let mut affected = Vec::new();
        Affected { intervals, doubtful, versions, fix_state: FixState::Unknown }.encode(&mut affected);
        let (rating, class) = (Rating::default(), Class::Vulnerability);
        let statement = PackageStatement { key, rating: rating.clone(), module: None, class, affected };
        Self { id, origin, detail: Detail::default(), rating, statements: vec![statement] }
    }

    /// The advisory's own identifier and its aliases.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.detail.aliases).map(String::as_str)
    }
}

/// Whether a text may be an identifier: it is shown, compared, and used in file names by others.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether a text may be a package's name.
pub(crate) fn is_package_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// The maximum bytes of a link that is kept.
const MAX_URL: usize = 512;

/// Whether a text is a link that may be shown.
pub(crate) fn is_web(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() <= MAX_URL
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// The start of the day that a text begins with, in seconds since 1970.
pub(crate) fn midnight(text: &str) -> Option<i64> {
    let day: Date = text.get(..10)?.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The first non-empty line, shortened.
pub(crate) fn one_line(text: &str) -> String {
    let line =
        text.lines().map(|line| line.trim_matches([' ', '#', '\t', '*'])).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(MAX_SUMMARY) {
        None => line.to_owned(),
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_short_line() {
        assert_eq!(one_line("\n### Impact\nA *bad* thing"), "Impact");
        assert_eq!(one_line("short"), "short");
        assert_eq!(one_line(&"ü".repeat(400)), "ü".repeat(160) + "…");
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn identifiers_have_no_spaces_or_control_characters() {
        assert!(is_identifier("CVE-2024-1"));
        for bad in ["", "CVE 1", "CVE-1\u{1b}[2J", "CVE-ü", &"x".repeat(129)] {
            assert!(!is_identifier(bad), "{bad:?}");
        }
    }
}

//! The ecosystems and releases that publishers cover, by the names that users write.

use std::str::FromStr;

use jiff::SignedDuration;
use plimsoll_core::nearest::nearest;
use plimsoll_core::{Ecosystem, Timestamp};
use plimsoll_vuln::{Database, Gap, GapReason};

use crate::publisher::PUBLISHERS;
use crate::wanted::{CVES, GITHUB, Wanted};

/// Whether there is anything does not depend on the year.
const ANY_YEAR: i16 = 2026;

impl Wanted {
    /// The names of everything that can be requested.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let offered = |ecosystem: &&Ecosystem| {
            PUBLISHERS
                .iter()
                .any(|publisher| !publisher.locations(&Self::whole(**ecosystem), ANY_YEAR).is_empty())
        };
        Ecosystem::ALL.iter().filter(offered).map(|ecosystem| ecosystem.name()).chain([CVES, GITHUB])
    }
}

impl Wanted {
    /// What has to be fetched so that this gap is none: a feed that is not there, or too old. `None` if nothing helps, or no
    /// publisher has it.
    pub fn for_gap(gap: &Gap) -> Option<Self> {
        match &gap.reason {
            GapReason::NoFeed => gap.ecosystem.parse().ok(),
            GapReason::Stale { age, .. } if !age.is_negative() => gap.ecosystem.parse().ok(),
            _ => None,
        }
    }

    /// Whether a database has it, from no longer than `max_age` ago.
    pub fn is_fresh_in(&self, database: &Database, now: Timestamp, max_age: SignedDuration) -> bool {
        let status = database.status();
        let is_meant = |feed: &&plimsoll_vuln::FeedStatus| match self {
            Self::Packages { ecosystem, .. } => feed.ecosystem == ecosystem.name(),
            Self::Cves => feed.ecosystem == CVES,
            Self::GitHub => feed.publisher == crate::publisher::GITHUB,
        };
        let mut feeds = status.iter().filter(is_meant).peekable();
        feeds.peek().is_some() && feeds.all(|feed| now.duration_since(feed.as_of) <= max_age)
    }
}

/// A name that no publisher covers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no publisher has advisories about `{name}`; {}", instead(*nearest))]
pub struct UnknownEcosystem {
    name: String,
    nearest: Option<&'static str>,
}

fn instead(nearest: Option<&str>) -> String {
    match nearest {
        Some(known) => format!("did you mean {known}?"),
        None => format!("expected one of {}", Wanted::names().collect::<Vec<_>>().join(", ")),
    }
}

impl FromStr for Wanted {
    type Err = UnknownEcosystem;

    fn from_str(text: &str) -> Result<Self, UnknownEcosystem> {
        let (name, release) = match text.split_once(':') {
            Some((name, release)) => (name, Some(release.to_owned())),
            None => (text, None),
        };
        let unknown = || {
            let known: Vec<&'static str> = Self::names().collect();
            UnknownEcosystem { name: text.to_owned(), nearest: nearest(name, known.iter().copied()) }
        };
        if text.eq_ignore_ascii_case(CVES) {
            return Ok(Self::Cves);
        }
        if text.eq_ignore_ascii_case(GITHUB) {
            return Ok(Self::GitHub);
        }
        let known = Self::names().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(unknown)?;
        let ecosystem = Ecosystem::from_name(known).ok_or_else(unknown)?;
        let is_name = |release: &String| {
            !release.is_empty() && release.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        };
        let is_sound = release.as_ref().is_none_or(is_name);
        let wanted = Self::Packages { ecosystem, release };
        let offered = PUBLISHERS.iter().any(|publisher| !publisher.locations(&wanted, ANY_YEAR).is_empty());
        if is_sound && offered { Ok(wanted) } else { Err(unknown()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wanted::COMMON;

    #[test]
    fn names_are_read_in_any_case_and_releases_only_if_they_have_their_own_files() {
        for (text, expected) in [
            ("pypi", Some("PyPI")),
            ("Debian", Some("Debian")),
            ("alpine:v3.20", Some("Alpine:v3.20")),
            ("cve", Some("CVE")),
            ("CVE:2024", None),
            ("ghsa", Some("GHSA")),
            ("Amazon Linux:2023", Some("Amazon Linux:2023")),
            ("Amazon Linux:1", None),
            ("cpe", Some("CPE")),
            ("PyPI:3", None),
            ("Alpine:../x", None),
            ("Alpine:", None),
            ("deb", None),
            ("", None),
        ] {
            let read = text.parse::<Wanted>().ok().map(|wanted| wanted.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        let error = |text: &str| text.parse::<Wanted>().unwrap_err().to_string();
        assert_eq!(error("pypii"), "no publisher has advisories about `pypii`; did you mean PyPI?");
        assert!(error("winget").contains("; expected one of npm, PyPI, Go"), "{}", error("winget"));
    }

    #[test]
    fn the_default_selection_is_offered() {
        for ecosystem in COMMON {
            assert!(Wanted::names().any(|name| name == ecosystem.name()), "{ecosystem}");
        }
    }
}

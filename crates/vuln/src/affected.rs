//! The versions of one package that an advisory affects, and whether an installed version is among them.
//!
//! Owns the model that the database stores ([`Affected`]) and its evaluation. It does not own the sources:
//! [`crate::events`] compiles OSV's events, and the readers of feeds compile other formats.
//!
//! An answer has three values. If a publisher's data is unclear (an unreadable bound, two ends for one start), the
//! versions are kept as *doubtful* intervals, and an installed version in one of them is [`Status::Undecided`]: the
//! scan reports it as a gap instead of calling it unaffected.

use std::cmp::Ordering;

use crate::version::{InvalidVersion, Version};

/// An interval of versions in the order of the ecosystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval<'a> {
    /// Where it starts.
    pub from: Start<'a>,
    /// Where it ends.
    pub end: End<'a>,
}

/// The start of an [`Interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start<'a> {
    /// The very first version is inside.
    First,
    /// The first version inside.
    At(&'a str),
    /// The last version outside.
    After(&'a str),
}

/// The end of an [`Interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End<'a> {
    /// It has no end.
    Open,
    /// The first version outside: the one that fixes it.
    Before(&'a str),
    /// The last version inside.
    Through(&'a str),
    /// The end is somewhere among the versions that start with these numbers; those are undecided.
    Around(&'a str),
}

impl Interval<'_> {
    /// All versions.
    pub const ALL: Self = Self { from: Start::First, end: End::Open };
}

/// What is known about a fix when no interval names a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixState {
    /// Nothing.
    Unknown,
    /// There is none yet.
    NotFixed,
    /// The publisher decided not to make one.
    WontFix,
}

/// The affected versions of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected<'a> {
    /// The versions in these are affected.
    pub intervals: Vec<Interval<'a>>,
    /// The data does not say clearly whether the versions in these are affected.
    pub doubtful: Vec<Interval<'a>>,
    /// Single affected versions outside the intervals.
    pub versions: Vec<&'a str>,
    /// Applies if no interval ends after the installed version.
    pub fix_state: FixState,
}

/// Whether an installed version is affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status<'a> {
    /// It is affected; with the versions that fix it, the nearest first.
    Affected(Vec<&'a str>),
    /// It is not affected.
    NotAffected,
    /// The advisory's data is not clear enough.
    Undecided,
    /// The installed version has no place in the ecosystem's order, and is not listed as affected by its exact text.
    Incomparable(InvalidVersion),
}

impl<'x> Affected<'x> {
    /// Judges the `installed` version. The order of the ecosystem is `V`.
    pub fn status<V: Version<'x>>(&self, installed: &'x str) -> Status<'x> {
        match V::parse(installed) {
            Ok(version) => self.status_of_version(&version),
            Err(_) if self.versions.contains(&installed) || self.intervals.contains(&Interval::ALL) => {
                Status::Affected(self.fixes::<V>(None))
            }
            Err(_) if self.is_empty() => Status::NotAffected,
            Err(invalid) => Status::Incomparable(invalid),
        }
    }

    /// Whether no version is affected.
    fn is_empty(&self) -> bool {
        self.intervals.is_empty() && self.doubtful.is_empty() && self.versions.is_empty()
    }

    fn status_of_version<V: Version<'x>>(&self, version: &V) -> Status<'x> {
        let mut undecided = false;
        for interval in &self.intervals {
            match contains(interval, version) {
                Some(true) => return Status::Affected(self.fixes(Some(version))),
                Some(false) => {}
                None => undecided = true,
            }
        }
        // Valid single versions are compared as versions: `1.0` is also `1.0.0`.
        let listed = |text: &&'x str| V::parse(text).is_ok_and(|v| version.compare_to_bound(&v).is_eq());
        if self.versions.iter().any(listed) {
            return Status::Affected(self.fixes(Some(version)));
        }
        if undecided || self.doubtful.iter().any(|interval| contains(interval, version) != Some(false)) {
            return Status::Undecided;
        }
        Status::NotAffected
    }

    /// The versions that end an interval and come after the installed one, the nearest first, each once.
    fn fixes<V: Version<'x>>(&self, installed: Option<&V>) -> Vec<&'x str> {
        let mut fixes: Vec<(V, &'x str)> = self
            .intervals
            .iter()
            .filter_map(|interval| match interval.end {
                End::Before(fix) => Some((V::parse(fix).ok()?, fix)),
                End::Open | End::Through(_) | End::Around(_) => None,
            })
            .filter(|(fix, _)| installed.is_none_or(|version| version.compare_to_bound(fix).is_lt()))
            .collect();
        fixes.sort_by(|(a, _), (b, _)| a.cmp(b));
        fixes.dedup_by(|(a, _), (b, _)| a == b);
        fixes.into_iter().map(|(_, text)| text).collect()
    }
}

/// Whether `version` is in `interval`; `None` if that is undecided: the interval ends somewhere around the
/// version, or at the version without something that only its project can order, or a bound does not parse. The builder of the database rules out invalid bounds, and an invalid
/// bound must not count as "outside".
fn contains<'x, V: Version<'x>>(interval: &Interval<'x>, version: &V) -> Option<bool> {
    let relation = |bound: &'x str| Some(version.compare_to_bound(&V::parse(bound).ok()?));
    let relation_to_numbers = |numbers: &'x str| Some(version.compare_to_numbers(&V::parse(numbers).ok()?));
    let is_below = match interval.from {
        Start::First => false,
        Start::At(from) => relation(from)? == Ordering::Less,
        Start::After(from) => relation(from)? != Ordering::Greater,
    };
    if is_below {
        return Some(false);
    }
    Some(match interval.end {
        End::Open => true,
        End::Before(end) | End::Through(end) => {
            let is_before = matches!(interval.end, End::Before(_));
            let bound = V::parse(end).ok()?;
            match version.compare_to_bound(&bound) {
                Ordering::Less => true,
                _ if version.is_variant_of(&bound) => return None,
                Ordering::Equal => !is_before,
                Ordering::Greater => false,
            }
        }
        End::Around(numbers) => match relation_to_numbers(numbers)? {
            Ordering::Less => true,
            Ordering::Equal => return None,
            Ordering::Greater => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::pep440;

    fn judge<'x>(affected: &Affected<'x>, installed: &'x str) -> Status<'x> {
        affected.status::<pep440::Version<'x>>(installed)
    }

    fn sample() -> Affected<'static> {
        Affected {
            intervals: vec![
                Interval { from: Start::First, end: End::Before("1.5") },
                Interval { from: Start::At("2.0"), end: End::Before("2.3") },
                Interval { from: Start::At("3.0"), end: End::Through("3.1") },
            ],
            doubtful: vec![Interval { from: Start::At("5.0"), end: End::Before("6.0") }],
            versions: vec!["4.0.0", "trunk"],
            fix_state: FixState::Unknown,
        }
    }

    #[test]
    fn the_nearest_fix_after_the_installed_version_comes_first() {
        let affected = sample();
        assert_eq!(judge(&affected, "1.4"), Status::Affected(vec!["1.5", "2.3"]));
        assert_eq!(judge(&affected, "2.0"), Status::Affected(vec!["2.3"]));
        assert_eq!(judge(&affected, "3.1"), Status::Affected(vec![]));
        assert_eq!(judge(&affected, "4.0"), Status::Affected(vec![]));
        for outside in ["1.5", "1.9", "2.3", "3.1.1", "4.0.1", "6.0"] {
            assert_eq!(judge(&affected, outside), Status::NotAffected, "{outside}");
        }
    }

    #[test]
    fn doubt_and_strange_versions_are_never_unaffected() {
        let affected = sample();
        let after =
            Affected { intervals: vec![Interval { from: Start::After("1.0"), end: End::Open }], ..sample() };
        assert_eq!(judge(&after, "1.0.0"), Status::NotAffected);
        assert!(matches!(judge(&after, "1.0.1"), Status::Affected(_)));
        assert_eq!(judge(&affected, "5.5"), Status::Undecided);
        assert_eq!(judge(&affected, "trunk"), Status::Affected(vec!["1.5", "2.3"]));
        assert!(matches!(judge(&affected, "trunk2"), Status::Incomparable(_)));
        let everything = Affected { intervals: vec![Interval::ALL], ..sample() };
        assert!(matches!(judge(&everything, "trunk2"), Status::Affected(_)));
        let broken =
            Affected { intervals: vec![Interval { from: Start::At("?"), end: End::Open }], ..sample() };
        assert_eq!(judge(&broken, "1.0"), Status::Undecided);
    }

    #[test]
    fn a_local_build_of_the_last_affected_version_is_affected() {
        assert!(matches!(judge(&sample(), "3.1+cu118"), Status::Affected(_)));
        assert!(matches!(judge(&sample(), "4.0.0+cpu"), Status::Affected(_)));
        assert_eq!(judge(&sample(), "1.5+cu118"), Status::NotAffected);
    }
}

//! Ranges of npm versions, <https://github.com/npm/node-semver#ranges>: `>=2.0.0 <2.4.1 || 3.x`.
//!
//! | comparator | versions |
//! | --- | --- |
//! | `>=1.2.3`, `>1.2.3`, `<=1.2.3`, `<1.2.3`, `=1.2.3`, `1.2.3` | in the order of semantic versions |
//! | `*`, `x`, nothing | all |
//! | `1.2`, `1.2.x` | from `1.2.0`, before `1.3.0`, with pre-releases |
//! | `>=1.2`, `<1.2` | as with `1.2.0`; `>1.2` and `<=1.2` mean all of `1.2` |
//! | `~1.2.3`, `^1.2.3` | from there, before the next minor or major version |
//!
//! Pre-releases are affected like all other versions between the bounds. Anything else is not read.

use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::semver::SemVer;

/// Alternatives in a range, and comparators in each. Real ones have up to five.
const MAX_PARTS: usize = 64;

/// Versions between two bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Range {
    from: Option<Bound>,
    to: Option<Bound>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    version: String,
    is_inside: bool,
}

impl Range {
    pub(super) fn interval(&self) -> Interval<'_> {
        Interval {
            from: match &self.from {
                None => Start::First,
                Some(Bound { version, is_inside: true }) => Start::At(version),
                Some(Bound { version, is_inside: false }) => Start::After(version),
            },
            end: match &self.to {
                None => End::Open,
                Some(Bound { version, is_inside: true }) => End::Through(version),
                Some(Bound { version, is_inside: false }) => End::Before(version),
            },
        }
    }

    /// Narrows it to what is in the other one as well.
    fn narrow(&mut self, other: Self) {
        let is_less = |a: &str, b: &str| SemVer.compare(a, b).is_ok_and(std::cmp::Ordering::is_lt);
        if let Some(from) = other.from {
            let is_later = |known: &Bound| {
                is_less(&known.version, &from.version)
                    || (!from.is_inside && !is_less(&from.version, &known.version))
            };
            if self.from.as_ref().is_none_or(is_later) {
                self.from = Some(from);
            }
        }
        if let Some(to) = other.to {
            let is_earlier = |known: &Bound| {
                is_less(&to.version, &known.version)
                    || (!to.is_inside && !is_less(&known.version, &to.version))
            };
            if self.to.as_ref().is_none_or(is_earlier) {
                self.to = Some(to);
            }
        }
    }

    /// Whether there may be a version in it.
    fn is_possible(&self) -> bool {
        let (Some(from), Some(to)) = (&self.from, &self.to) else { return true };
        SemVer
            .compare(&from.version, &to.version)
            .is_ok_and(|order| order.is_lt() || (order.is_eq() && from.is_inside && to.is_inside))
    }
}

/// The alternatives of a range; `None` if it cannot be read, or if no version is in one of them.
pub(super) fn read(text: &str) -> Option<Vec<Range>> {
    let alternatives: Vec<&str> = text.split("||").take(MAX_PARTS + 1).collect();
    if alternatives.len() > MAX_PARTS {
        return None;
    }
    alternatives.into_iter().map(alternative).collect()
}

fn alternative(text: &str) -> Option<Range> {
    let mut range = Range::default();
    let mut operator = String::new();
    for (count, word) in text.split_whitespace().enumerate() {
        let end = word.find(|c: char| !"<>=~^".contains(c)).unwrap_or(word.len());
        operator.push_str(word.get(..end)?);
        let version = word.get(end..)?;
        if count >= MAX_PARTS {
            return None;
        }
        // An operator may stand by itself in front of its version.
        if !version.is_empty() {
            range.narrow(comparator(&std::mem::take(&mut operator), version)?);
        }
    }
    (operator.is_empty() && range.is_possible()).then_some(range)
}

fn comparator(operator: &str, version: &str) -> Option<Range> {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let (numbers, tag) = match version.split_once('-') {
        Some((numbers, tag)) => (numbers, Some(tag)),
        None => (version, None),
    };
    let mut given: Vec<u64> = Vec::new();
    let mut parts = numbers.split('.').peekable();
    for part in parts.by_ref() {
        if matches!(part, "x" | "X" | "*") {
            break;
        }
        given.push(part.parse().ok()?);
    }
    if given.len() > 3
        || parts.any(|part| !matches!(part, "x" | "X" | "*"))
        || (tag.is_some() && given.len() < 3)
    {
        return None;
    }
    let exact = || {
        let [major, minor, patch] = [0, 1, 2].map(|index| given.get(index).copied().unwrap_or(0));
        let tag = tag.map(|tag| format!("-{tag}")).unwrap_or_default();
        let version = format!("{major}.{minor}.{patch}{tag}");
        SemVer.check(&version).is_ok().then_some(version)
    };
    // Before the pre-releases of the next version, with so many numbers kept.
    let next = |kept: usize| -> Option<String> {
        let mut numbers = [0_u64; 3];
        for (number, given) in numbers.iter_mut().zip(&given).take(kept) {
            *number = *given;
        }
        let last = numbers.get_mut(kept.checked_sub(1)?)?;
        *last = last.checked_add(1)?;
        let [major, minor, patch] = numbers;
        Some(format!("{major}.{minor}.{patch}-0"))
    };
    let bound = |version: String, is_inside| Some(Bound { version, is_inside });
    let is_whole = given.len() == 3;
    if given.is_empty() {
        // Nothing is before or after all versions.
        return matches!(operator, "" | "=" | ">=" | "<=" | "~" | "^").then(Range::default);
    }
    Some(match operator {
        ">=" => Range { from: bound(exact()?, true), to: None },
        "<" => Range { from: None, to: bound(exact()?, false) },
        ">" if is_whole => Range { from: bound(exact()?, false), to: None },
        ">" => Range { from: bound(next(given.len())?, true), to: None },
        "<=" if is_whole => Range { from: None, to: bound(exact()?, true) },
        "<=" => Range { from: None, to: bound(next(given.len())?, false) },
        "" | "=" | "==" if is_whole => Range { from: bound(exact()?, true), to: bound(exact()?, true) },
        "" | "=" | "==" => Range { from: bound(exact()?, true), to: bound(next(given.len())?, false) },
        "~" | "~>" => Range { from: bound(exact()?, true), to: bound(next(given.len().min(2))?, false) },
        "^" => {
            // The first number that is not zero is kept.
            let kept = given.iter().position(|number| *number != 0).map_or(given.len(), |at| at + 1);
            Range { from: bound(exact()?, true), to: bound(next(kept)?, false) }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let bound = |bound: &Option<Bound>| {
            bound.as_ref().map_or_else(String::new, |bound| {
                format!("{}{}", if bound.is_inside { "=" } else { "" }, bound.version)
            })
        };
        let ranges = read(text)?;
        let shown = ranges.iter().map(|range| format!("{}..{}", bound(&range.from), bound(&range.to)));
        Some(shown.collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn ranges_are_read_as_npm_reads_them() {
        for (text, expected) in [
            ("<=99.999.99999", "..=99.999.99999"),
            ("*", ".."),
            ("< 1.6.5 || < 2.1.7 > 2.0.0", "..1.6.5 | 2.0.0..2.1.7"),
            (">= 15.0.0 <= 16.1.0", "=15.0.0..=16.1.0"),
            (">=2.0.0-alpha8 <=2.0.0-rc2", "=2.0.0-alpha8..=2.0.0-rc2"),
            ("<=v2.0.0-alpha7", "..=2.0.0-alpha7"),
            ("2.1.4", "=2.1.4..=2.1.4"),
            ("=3.0.0-rc.1", "=3.0.0-rc.1..=3.0.0-rc.1"),
            ("2.0.x || 2.1.x", "=2.0.0..2.1.0-0 | =2.1.0..2.2.0-0"),
            ("<3.11 || >= 4 <4.5", "..3.11.0 | =4.0.0..4.5.0"),
            ("<= 1.0", "..1.1.0-0"),
            (">1.0", "=1.1.0-0.."),
            ("~0.8.0-pre", "=0.8.0-pre..0.9.0-0"),
            ("^1.2.3", "=1.2.3..2.0.0-0"),
            ("^0.2.3", "=0.2.3..0.3.0-0"),
            ("^0.0.3", "=0.0.3..0.0.4-0"),
            (">=1.0.0 >1.0.0 <=2.0.0 <2.0.0", "1.0.0..2.0.0"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_not_guessed() {
        for text in [
            "1.0.0 - 2.0.0",
            ">",
            "latest",
            "1.2.3.4",
            "1.a.0",
            ">=2.0.0 <1.0.0",
            "2.1.0.M1",
            "!=1.0.0",
            "1.x.3",
            "<>1.0.0",
            "18446744073709551616.0.0",
            &">1.0.0 ".repeat(100),
            &"1||".repeat(100),
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}

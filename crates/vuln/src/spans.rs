//! Sets of versions: the intersection of two, and the complement of several.
//!
//! Some publishers do not state the affected versions, but the unaffected ones: `>= 4.2.5.1, ~> 4.2.5` is an
//! intersection of two sets, and everything outside all such intersections is affected.
//!
//! A set is an [`Interval`]. Both ends are cuts between versions, before or after the one that they name.

use std::cmp::Ordering;

use crate::affected::{End, Interval, Start};
use crate::order::VersionOrder;
use crate::version::InvalidVersion;

/// A place between two versions.
#[derive(Debug, Clone, Copy)]
enum Cut<'a> {
    Lowest,
    Before(&'a str),
    After(&'a str),
    Highest,
    /// Somewhere around a version: only for publishers' unclear bounds.
    Unclear(&'a str),
}

/// The versions that are in both intervals; `None` if there are none.
pub fn intersection<'a>(
    order: &dyn VersionOrder,
    a: Interval<'a>,
    b: Interval<'a>,
) -> Result<Option<Interval<'a>>, InvalidVersion> {
    let ((a_low, a_high), (b_low, b_high)) = (cuts(order, a)?, cuts(order, b)?);
    let low = if compare(order, a_low, b_low).is_ge() { a_low } else { b_low };
    let high = if compare(order, a_high, b_high).is_le() { a_high } else { b_high };
    Ok(if compare(order, low, high).is_lt() { interval(low, high) } else { None })
}

/// The versions that are in none of `intervals`, from the lowest up.
pub fn outside<'a>(
    order: &dyn VersionOrder,
    intervals: &[Interval<'a>],
) -> Result<Vec<Interval<'a>>, InvalidVersion> {
    let mut spans = intervals.iter().map(|it| cuts(order, *it)).collect::<Result<Vec<_>, _>>()?;
    spans.sort_by(|(a, _), (b, _)| compare(order, *a, *b));
    let (mut free, mut from) = (Vec::new(), Cut::Lowest);
    for (low, high) in spans {
        if compare(order, from, low).is_lt() {
            free.extend(interval(from, low));
        }
        if compare(order, high, from).is_gt() {
            from = high;
        }
    }
    if compare(order, from, Cut::Highest).is_lt() {
        free.extend(interval(from, Cut::Highest));
    }
    Ok(free)
}

/// The ends of an interval. Their versions were checked, and are valid from here on.
fn cuts<'a>(order: &dyn VersionOrder, interval: Interval<'a>) -> Result<(Cut<'a>, Cut<'a>), InvalidVersion> {
    let low = match interval.from {
        Start::First => Cut::Lowest,
        Start::At(version) => Cut::Before(version),
        Start::After(version) => Cut::After(version),
    };
    let high = match interval.end {
        End::Open => Cut::Highest,
        End::Before(version) => Cut::Before(version),
        End::Through(version) => Cut::After(version),
        End::Around(version) => Cut::Unclear(version),
    };
    for cut in [low, high] {
        if let Cut::Before(version) | Cut::After(version) | Cut::Unclear(version) = cut {
            order.check(version)?;
        }
    }
    Ok((low, high))
}

fn interval<'a>(low: Cut<'a>, high: Cut<'a>) -> Option<Interval<'a>> {
    let from = match low {
        Cut::Lowest => Start::First,
        Cut::Before(version) => Start::At(version),
        // An unclear part stays outside: it may be affected.
        Cut::After(version) | Cut::Unclear(version) => Start::After(version),
        Cut::Highest => return None,
    };
    let end = match high {
        Cut::Highest => End::Open,
        Cut::Before(version) => End::Before(version),
        Cut::After(version) => End::Through(version),
        Cut::Unclear(version) => End::Around(version),
        Cut::Lowest => return None,
    };
    Some(Interval { from, end })
}

/// Compares cuts with valid versions.
fn compare(order: &dyn VersionOrder, a: Cut<'_>, b: Cut<'_>) -> Ordering {
    let key = |cut| match cut {
        Cut::Lowest => (0, None),
        Cut::Before(version) => (1, Some((version, 0))),
        Cut::Unclear(version) => (1, Some((version, 1))),
        Cut::After(version) => (1, Some((version, 2))),
        Cut::Highest => (2, None),
    };
    let ((a_rank, a), (b_rank, b)) = (key(a), key(b));
    a_rank.cmp(&b_rank).then_with(|| match (a, b) {
        (Some((a, a_side)), Some((b, b_side))) => {
            order.compare(a, b).unwrap_or(Ordering::Equal).then(a_side.cmp(&b_side))
        }
        _ => Ordering::Equal,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::affected::{Affected, FixState, Status};
    use crate::version::gem::Gem;

    fn at(from: Start<'static>, end: End<'static>) -> Interval<'static> {
        Interval { from, end }
    }

    #[test]
    fn versions_outside_the_patched_ones_are_affected() {
        let patched = [
            at(Start::At("4.2.5.1"), End::Before("4.3.A")),
            at(Start::At("5.0"), End::Open),
            at(Start::First, End::Through("3.0")),
        ];
        let affected =
            [at(Start::After("3.0"), End::Before("4.2.5.1")), at(Start::At("4.3.A"), End::Before("5.0"))];
        assert_eq!(outside(&Gem, &patched), Ok(affected.to_vec()));
        assert_eq!(outside(&Gem, &[]), Ok(vec![Interval::ALL]));
        assert_eq!(outside(&Gem, &[Interval::ALL]), Ok(vec![]));
        assert!(outside(&Gem, &[at(Start::At("?"), End::Open)]).is_err());
    }

    #[test]
    fn an_intersection_may_be_empty() {
        let both = |a, b| intersection(&Gem, a, b).unwrap();
        let low = at(Start::First, End::Before("2"));
        assert_eq!(both(low, at(Start::At("1"), End::Open)), Some(at(Start::At("1"), End::Before("2"))));
        assert_eq!(both(low, at(Start::At("2.0"), End::Open)), None);
        let through = at(Start::First, End::Through("2"));
        assert_eq!(both(through, at(Start::At("2"), End::Open)), Some(at(Start::At("2"), End::Through("2"))));
        assert_eq!(both(through, at(Start::After("2"), End::Open)), None);
    }

    fn holds(intervals: Vec<Interval<'_>>, version: &str) -> bool {
        let affected =
            Affected { intervals, doubtful: vec![], versions: vec![], fix_state: FixState::Unknown };
        matches!(affected.status::<crate::version::gem::Version<'_>>(version), Status::Affected(_))
    }

    const VERSIONS: [&str; 6] = ["1.0", "1.5.rc1", "1.5", "2.A", "2", "3"];

    fn intervals() -> impl Strategy<Value = Interval<'static>> {
        let version = || prop::sample::select(VERSIONS.to_vec());
        let start =
            prop_oneof![Just(Start::First), version().prop_map(Start::At), version().prop_map(Start::After)];
        let end =
            prop_oneof![Just(End::Open), version().prop_map(End::Before), version().prop_map(End::Through)];
        (start, end).prop_map(|(from, end)| Interval { from, end })
    }

    proptest! {
        #[test]
        fn every_version_is_on_one_side(spans in prop::collection::vec(intervals(), 0..5)) {
            let free = outside(&Gem, &spans).unwrap();
            for version in VERSIONS.iter().chain(&["0.1", "1.5.rc2", "1.9", "9"]) {
                // An interval that ends before it starts has no versions.
                prop_assert_ne!(holds(spans.clone(), version), holds(free.clone(), version), "{}", version);
            }
        }

        #[test]
        fn an_intersection_contains_the_versions_of_both(a in intervals(), b in intervals()) {
            let both: Vec<_> = intersection(&Gem, a, b).unwrap().into_iter().collect();
            for version in VERSIONS.iter().chain(&["0.1", "1.5.rc2", "1.9", "9"]) {
                let expected = holds(vec![a], version) && holds(vec![b], version);
                prop_assert_eq!(holds(both.clone(), version), expected, "{}", version);
            }
        }
    }
}

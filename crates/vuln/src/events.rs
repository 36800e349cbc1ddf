//! Compiles OSV's `events` to intervals.
//!
//! Follows the OSV schema, "affected[].ranges[].events" and "Evaluation": events are sorted by version,
//! `introduced` opens, `fixed` and `last_affected` close, `introduced: "0"` is before every version. For a
//! well-formed list
//!
//! ```json
//! [{"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"last_affected": "2.3"}]
//! ```
//!
//! the result is `[…, 1.5)` and `[2.0, 2.3]`. Published lists are not all well-formed. Versions that are affected by
//! the schema's algorithm stay affected. If the list can be read differently (a second end, an end without a start,
//! bounds out of order), the versions in question become doubtful, and each such list is reported as a
//! [`RangeProblem`].

use crate::affected::{Affected, End, FixState, Interval, Start};
use crate::version::Version;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The version introduced the vulnerability.
    Introduced,
    /// The version no longer has it.
    Fixed,
    /// The last version that has it.
    LastAffected,
    /// The range does not extend beyond this version.
    Limit,
}

/// A list of events that is not well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RangeProblem {
    /// There are no events, or none of a known kind.
    #[error("range without events")]
    NoEvents,
    /// An event has another shape, or a kind that the schema does not have.
    #[error("unknown event")]
    UnknownEvent,
    /// A bound is not a version of the ecosystem.
    #[error("bound is not a version")]
    InvalidBound,
    /// An end comes before any start, as in `introduced: 2, fixed: 1`.
    #[error("range ends before it starts")]
    EndBeforeStart,
    /// Two ends follow one start.
    #[error("two ends for one start")]
    TwoEnds,
    /// Two starts without an end between them.
    #[error("two starts without an end between")]
    TwoStarts,
    /// It starts and is fixed at the same version.
    #[error("range is empty")]
    Empty,
    /// A `limit`, which only has a meaning for commits.
    #[error("limit in a range of versions")]
    Limit,
}

/// The state of fixes if no interval has one: an advisory with a last affected version implies that there are fixed
/// ones, but does not name them.
pub fn fix_state(affected: &Affected<'_>) -> FixState {
    let open = |interval: &Interval<'_>| interval.end == End::Open;
    if affected.intervals.iter().any(open) { FixState::NotFixed } else { FixState::Unknown }
}

/// Adds the intervals of one range to `affected`; returns what is wrong with it.
pub fn compile<'a, V: Version<'a>>(
    events: &[(Event, &'a str)],
    affected: &mut Affected<'a>,
) -> Vec<RangeProblem> {
    let mut odd = Vec::new();
    let mut unread = false;
    let mut points: Vec<Point<'a, V>> = Vec::with_capacity(events.len());
    for (event, text) in events {
        match point::<V>(*event, text) {
            Some(point) => {
                if matches!(point.mark, EventKind::End(End::Around(_))) {
                    odd.push(RangeProblem::InvalidBound);
                }
                points.push(point);
            }
            None if *event == Event::Limit => odd.push(RangeProblem::Limit),
            None => {
                odd.push(RangeProblem::InvalidBound);
                unread = true;
            }
        }
    }
    if points.is_empty() {
        odd.push(RangeProblem::NoEvents);
    }
    points.sort_by(|a, b| a.at.cmp(&b.at));
    let mut scan = Sweep { affected, odd: &mut odd, open: None, last_end: None };
    for group in points.chunk_by(|a, b| a.at == b.at) {
        scan.visit(group);
    }
    scan.affected.intervals.extend(scan.open);
    // An empty range among others has little effect; as the only range, it contradicts the advisory.
    let empty = affected.intervals.is_empty() && odd.contains(&RangeProblem::Empty);
    if unread || empty || odd.contains(&RangeProblem::NoEvents) || odd.contains(&RangeProblem::EndBeforeStart)
    {
        affected.doubtful.push(Interval::ALL);
    }
    odd.sort_unstable();
    odd.dedup();
    odd
}

/// An event at its position.
struct Point<'a, V> {
    /// `None` is before every version.
    at: Option<V>,
    mark: EventKind<'a>,
}

/// The kind of event.
#[derive(Clone, Copy)]
enum EventKind<'a> {
    Start(Start<'a>),
    End(End<'a>),
}

/// The position of an event. An end that is not a version covers all versions with its leading numbers.
fn point<'a, V: Version<'a>>(event: Event, text: &'a str) -> Option<Point<'a, V>> {
    let end = match event {
        Event::Limit => return None,
        Event::Introduced if text == "0" => {
            return Some(Point { at: None, mark: EventKind::Start(Start::First) });
        }
        Event::Introduced => {
            return Some(Point { at: Some(V::parse(text).ok()?), mark: EventKind::Start(Start::At(text)) });
        }
        Event::Fixed => End::Before(text),
        Event::LastAffected => End::Through(text),
    };
    if let Ok(version) = V::parse(text) {
        return Some(Point { at: Some(version), mark: EventKind::End(end) });
    }
    let numbers = V::leading_numbers(text)?;
    Some(Point { at: Some(V::parse(numbers).ok()?), mark: EventKind::End(End::Around(numbers)) })
}

/// The state of OSV's algorithm on its way up through the versions.
struct Sweep<'s, 'a> {
    affected: &'s mut Affected<'a>,
    odd: &'s mut Vec<RangeProblem>,
    /// The current interval, whose end is not known yet.
    open: Option<Interval<'a>>,
    /// The end of the last interval.
    last_end: Option<End<'a>>,
}

impl<'a> Sweep<'_, 'a> {
    /// Takes all events at one version. When an interval is open its end comes first (`fixed: 2, introduced: 2` leaves
    /// no hole); otherwise the start does (`introduced: 2, last_affected: 2` is one version).
    fn visit<V>(&mut self, group: &[Point<'a, V>]) {
        let start = group.iter().find_map(|point| match point.mark {
            EventKind::Start(from) => Some(Interval { from, end: End::Open }),
            EventKind::End(_) => None,
        });
        let mut ends: Vec<End<'a>> = group
            .iter()
            .filter_map(|point| match point.mark {
                EventKind::End(end) => Some(end),
                EventKind::Start(_) => None,
            })
            .collect();
        ends.sort_unstable();
        ends.dedup();
        let starts_first = self.open.is_none() && start.is_some();
        if starts_first {
            self.open = start;
        }
        for end in &ends {
            self.close(*end, starts_first);
        }
        match start {
            None => {}
            Some(_) if starts_first => {}
            Some(_) if ends.is_empty() => self.odd.push(RangeProblem::TwoStarts),
            Some(_) => self.open = start,
        }
    }

    /// `is_at_start` says that the current interval starts at the same version, however the publisher spells it.
    fn close(&mut self, end: End<'a>, is_at_start: bool) {
        match (self.open.take(), self.last_end) {
            (Some(Interval { from: Start::At(from), .. }), _)
                if is_at_start && matches!(end, End::Before(_)) =>
            {
                self.odd.push(RangeProblem::Empty);
                self.affected.doubtful.push(Interval { from: Start::At(from), end: End::Through(from) });
            }
            (Some(interval), _) => self.affected.intervals.push(Interval { end, ..interval }),
            (None, Some(End::Before(last) | End::Through(last) | End::Around(last))) => {
                self.odd.push(RangeProblem::TwoEnds);
                self.affected.doubtful.push(Interval { from: Start::At(last), end });
            }
            (None, _) => self.odd.push(RangeProblem::EndBeforeStart),
        }
        self.last_end = Some(end);
    }
}

/// With more intervals than this, nothing is dropped: the work is their number times that of the versions, and a
/// document of a few megabytes could contain 100,000 of each. Real advisories have up to 30.
const MAX_INTERVALS: usize = 64;

/// Drops the single versions that the intervals contain anyway: publishers enumerate every release of a range, which is
/// most of their data. A version without a place in the order stays, to be compared as text.
pub fn drop_enumerated<'a, V: Version<'a>>(affected: &mut Affected<'a>) {
    let ranges = Affected { versions: Vec::new(), ..affected.clone() };
    let bounded = ranges.intervals.len() <= MAX_INTERVALS;
    affected.versions.retain(|version| {
        !bounded
            || V::parse(version).is_err()
            || !matches!(ranges.status::<V>(version), crate::affected::Status::Affected(_))
    });
    affected.versions.sort_unstable();
    affected.versions.dedup();
}

#[cfg(test)]
mod tests;

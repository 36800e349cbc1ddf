//! The lists of events that publishers write, and lists that they should not write.

use super::*;
use crate::affected::Status;
use crate::version::pep440;

fn compiled<'a>(events: &[(Event, &'a str)]) -> (Affected<'a>, Vec<RangeProblem>) {
    let mut affected =
        Affected { intervals: vec![], doubtful: vec![], versions: vec![], fix_state: FixState::Unknown };
    let odd = compile::<pep440::Version<'a>>(events, &mut affected);
    (affected, odd)
}

fn judge(events: &[(Event, &'static str)], version: &'static str) -> (Status<'static>, Vec<RangeProblem>) {
    let (affected, odd) = compiled(events);
    (affected.status::<pep440::Version<'static>>(version), odd)
}

use Event::{Fixed as F, Introduced as I, LastAffected as L};

#[test]
fn unsorted_events_are_sorted_by_version() {
    let events = [(I, "2.5"), (F, "2.5.5"), (I, "2.4"), (F, "2.4.5.0"), (I, "10"), (L, "11")];
    let (affected, odd) = compiled(&events);
    assert_eq!(odd, []);
    assert_eq!(
        affected.intervals,
        [
            Interval { from: Start::At("2.4"), end: End::Before("2.4.5.0") },
            Interval { from: Start::At("2.5"), end: End::Before("2.5.5") },
            Interval { from: Start::At("10"), end: End::Through("11") },
        ]
    );
    assert_eq!(affected.doubtful, []);
}

#[test]
fn zero_lies_before_every_version() {
    assert!(matches!(judge(&[(I, "0"), (F, "1")], "0.dev0").0, Status::Affected(_)));
    assert_eq!(judge(&[(I, "0.0"), (F, "1")], "0.dev0").0, Status::NotAffected);
}

#[test]
fn a_fix_and_a_start_at_one_version_leave_no_hole() {
    let events = [(I, "0"), (F, "2.0.0"), (I, "2.0.0"), (F, "2.11.2")];
    for version in ["1.0", "2.0.0", "2.5"] {
        assert!(matches!(judge(&events, version).0, Status::Affected(_)), "{version}");
    }
    assert_eq!(judge(&events, "2.11.2"), (Status::NotAffected, vec![]));
}

#[test]
fn one_version_may_be_a_range() {
    assert_eq!(judge(&[(I, "1.0"), (L, "1.0")], "1.0"), (Status::Affected(vec![]), vec![]));
}

#[test]
fn the_versions_between_two_ends_are_doubtful() {
    let events = [(I, "0"), (L, "1.2.1"), (L, "1.2.0")];
    assert!(matches!(judge(&events, "1.2.0").0, Status::Affected(_)));
    assert_eq!(judge(&events, "1.2.1"), (Status::Undecided, vec![RangeProblem::TwoEnds]));
    assert_eq!(judge(&events, "1.2.2").0, Status::NotAffected);
}

#[test]
fn a_range_that_ends_before_it_starts_decides_nothing_below_its_start() {
    let events = [(I, "2.0"), (F, "1.0")];
    assert!(matches!(judge(&events, "2.1").0, Status::Affected(_)));
    for version in ["0.5", "1.5"] {
        assert_eq!(
            judge(&events, version),
            (Status::Undecided, vec![RangeProblem::EndBeforeStart]),
            "{version}"
        );
    }
}

#[test]
fn an_unreadable_list_is_undecided_for_every_version() {
    for (events, oddity) in [
        (&[(I, "trunk"), (F, "9.3")][..], RangeProblem::InvalidBound),
        (&[(I, "0.5"), (F, "master")], RangeProblem::InvalidBound),
        (&[], RangeProblem::NoEvents),
        (&[(I, "1.0"), (F, "1.0")], RangeProblem::Empty),
    ] {
        let (status, odd) = judge(events, "0.1");
        assert_eq!(status, Status::Undecided, "{events:?}");
        assert!(odd.contains(&oddity), "{odd:?}");
    }
}

#[test]
fn an_end_that_is_not_a_version_leaves_only_its_neighbours_undecided() {
    let events = [(I, "0"), (L, "2.6.0-NA")];
    assert!(matches!(judge(&events, "2.5.1").0, Status::Affected(fixes) if fixes.is_empty()));
    for version in ["2.6.0", "2.6.0rc1", "2.6.0+cu124"] {
        assert_eq!(
            judge(&events, version),
            (Status::Undecided, vec![RangeProblem::InvalidBound]),
            "{version}"
        );
    }
    assert_eq!(judge(&events, "2.6.1").0, Status::NotAffected);
    let events = [(I, "0"), (F, "7.2.0-12.1"), (I, "8.0.0"), (F, "8.3.0-11.1")];
    assert_eq!(judge(&events, "7.5").0, Status::NotAffected);
    assert_eq!(judge(&events, "8.3.0").0, Status::Undecided);
    assert!(matches!(judge(&events, "8.2").0, Status::Affected(_)));
    let events = [(I, "0"), (L, "2.5.0-NA"), (L, "2.7.1-NA")];
    assert_eq!(judge(&events, "2.6").0, Status::Undecided);
    assert_eq!(judge(&events, "2.7.2").0, Status::NotAffected);
}

#[test]
fn a_range_is_empty_however_its_ends_are_spelled() {
    for events in [[(I, "1.0"), (F, "1.0.0")], [(I, "1.0.0"), (F, "1")]] {
        for installed in ["1.0", "1.0.0", "v1"] {
            assert_eq!(
                judge(&events, installed),
                (Status::Undecided, vec![RangeProblem::Empty]),
                "{events:?}"
            );
        }
    }
    assert!(matches!(judge(&[(I, "1.0"), (L, "1.0.0")], "1.0").0, Status::Affected(_)));
}

#[test]
fn an_empty_range_among_others_leaves_only_its_version_undecided() {
    let events = [(I, "0.23.0"), (F, "0.23.0"), (I, "0.23.13"), (F, "0.23.18")];
    assert_eq!(judge(&events, "0.23.0"), (Status::Undecided, vec![RangeProblem::Empty]));
    assert_eq!(judge(&events, "0.23.5").0, Status::NotAffected);
    assert!(matches!(judge(&events, "0.23.14").0, Status::Affected(_)));
}

#[test]
fn two_starts_and_limits_widen_and_are_reported() {
    assert_eq!(judge(&[(I, "0"), (I, "2.11"), (F, "2.12")], "2.11.1").1, [RangeProblem::TwoStarts]);
    assert_eq!(
        judge(&[(I, "0"), (Event::Limit, "2")], "3"),
        (Status::Affected(vec![]), vec![RangeProblem::Limit])
    );
}

#[test]
fn only_versions_outside_the_intervals_stay_enumerated() {
    let (mut affected, _) = compiled(&[(I, "1.0"), (F, "2.0")]);
    affected.versions = vec!["1.5", "2.0", "trunk", "1.0.0", "2.0"];
    drop_enumerated::<pep440::Version<'_>>(&mut affected);
    assert_eq!(affected.versions, ["2.0", "trunk"]);
}

#[test]
fn a_hundred_thousand_versions_and_intervals_are_not_multiplied() {
    let texts: Vec<String> = (0..100_000).map(|n| format!("{n}.0")).collect();
    let events: Vec<_> =
        texts.chunks_exact(2).flat_map(|p| [(I, p[0].as_str()), (F, p[1].as_str())]).collect();
    let (mut affected, odd) = compiled(&events);
    assert_eq!((odd.len(), affected.intervals.len()), (0, 50_000));
    affected.versions = texts.iter().map(String::as_str).collect();
    drop_enumerated::<pep440::Version<'_>>(&mut affected);
    assert_eq!(affected.versions.len(), 100_000);
}

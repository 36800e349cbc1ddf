//! Archives as others read them: what a scanner sees is what a runtime would unpack (row T17).
//!
//! The odd archives of `corpus.rs` have their entries written beside them. Go's archive/tar, with which runtimes unpack,
//! has to see exactly these; Python and GNU tar have to see them too, or the corpus says why they do not. Archives that
//! readers of consequence disagree about are refused. Then the same for a few thousand archives made by chance.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod corpus;
mod peers;
mod random;
#[path = "../hostile/tars.rs"]
mod tars;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use corpus::{Case, Expected, Peer};
use peers::{View, shown};
use tempfile::TempDir;

/// How many archives are made by chance.
const BY_CHANCE: usize = 4_000;

/// Fails with all that was found, not with the first of it.
fn nothing(found: &str) {
    assert!(found.is_empty(), "{found}");
}

fn written<'a>(archives: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, archive) in archives {
        fs::write(folder.path().join(name), archive).unwrap();
    }
    folder
}

fn corpus() -> (Vec<Case>, TempDir) {
    let cases = corpus::all();
    let folder = written(cases.iter().map(|case| (case.name, case.archive.as_slice())));
    (cases, folder)
}

/// Compares what `peer` sees with what the corpus says. Cases that it sees otherwise have a reason.
fn compare(peer: Peer, cases: &[Case], view: impl Fn(&Case) -> View) {
    let mut found = String::new();
    for case in cases {
        if let Expected::Entries(entries) = case.expected
            && !case.differs.iter().any(|(other, _)| *other == peer)
        {
            let view = shown(&view(case));
            if view.trim_end() != entries {
                writeln!(found, "{}: {peer:?} sees\n{view}instead of\n{entries}\n", case.name).unwrap();
            }
        }
    }
    nothing(&found);
}

#[test]
fn t17_odd_archives_are_read_as_runtimes_read_them_or_refused() {
    let mut found = String::new();
    for case in corpus::all() {
        let ours = shown(&peers::ours(&case.archive));
        let holds = match case.expected {
            Expected::Entries(entries) => ours.trim_end() == entries,
            Expected::Refused(words) => ours.starts_with("refused") && ours.contains(words),
        };
        if !holds {
            writeln!(found, "@@ {}\n{ours}", case.name).unwrap();
        }
    }
    nothing(&found);
}

#[test]
fn t17_go_sees_what_is_written_beside_each_odd_archive() {
    let (cases, folder) = corpus();
    let Some(views) = peers::go(folder.path()) else { return };
    compare(Peer::Go, &cases, |case| views[case.name].clone());
}

#[test]
fn t17_python_sees_the_same_in_odd_archives() {
    let (cases, folder) = corpus();
    let Some(views) = peers::python(folder.path()) else { return };
    compare(Peer::Python, &cases, |case| views[case.name].clone());
}

#[test]
fn t17_gnu_tar_sees_the_same_in_odd_archives() {
    let (cases, folder) = corpus();
    if peers::gnu_tar(&folder.path().join("v7")).is_some() {
        compare(Peer::GnuTar, &cases, |case| peers::gnu_tar(&folder.path().join(case.name)).unwrap());
    }
}

/// Archives by chance that Plimsoll reads, with what it sees, and the folder they are in.
fn readable_by_chance() -> (BTreeMap<String, (Vec<random::Piece>, View)>, TempDir) {
    let all = random::archives(BY_CHANCE);
    let named: Vec<(String, Vec<random::Piece>, Vec<u8>)> = all
        .into_iter()
        .enumerate()
        .map(|(n, (pieces, archive))| (format!("{n:05}"), pieces, archive))
        .collect();
    let folder = written(named.iter().map(|(name, _, archive)| (name.as_str(), archive.as_slice())));
    let seen = named.into_iter().map(|(name, pieces, archive)| (name, (pieces, peers::ours(&archive))));
    let read: BTreeMap<_, _> = seen.filter(|(_, (_, view))| view.is_ok()).collect();
    assert!(read.len() > BY_CHANCE / 8, "{} archives that can be read show too little", read.len());
    (read, folder)
}

#[test]
fn t17_go_sees_the_same_in_archives_by_chance_or_refuses_them() {
    let (read, folder) = readable_by_chance();
    let Some(views) = peers::go(folder.path()) else { return };
    let mut found = String::new();
    for (name, (pieces, ours)) in &read {
        let go = &views[name];
        if go.is_ok() && go != ours {
            writeln!(found, "{pieces:?}\nours:\n{}Go:\n{}", shown(ours), shown(go)).unwrap();
        }
    }
    nothing(&found);
}

#[test]
fn t17_python_sees_the_same_in_archives_by_chance_or_refuses_them() {
    let (read, folder) = readable_by_chance();
    let Some(views) = peers::python(folder.path()) else { return };
    let mut found = String::new();
    for (name, (pieces, ours)) in &read {
        // A refusal shows nobody another file.
        if views[name].is_ok()
            && views[name] != *ours
            && !pieces.iter().any(random::Piece::python_reads_otherwise)
        {
            writeln!(found, "{pieces:?}\nours:\n{}Python:\n{}", shown(ours), shown(&views[name])).unwrap();
        }
    }
    nothing(&found);
}

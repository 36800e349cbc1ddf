//! Archives as others read them: a scanner must see what a runtime would unpack (row T17).
//!
//! `corpus.rs` lists the expected entries of its odd archives. Go's archive/tar, which runtimes use to
//! unpack, must see exactly these. Python and GNU tar must see them too, or the corpus says why they do not.
//! Archives that important readers disagree about are refused. The same is tested with a few thousand random
//! archives. Whole images are compared with umoci, which unpacks them, and with what container engines unpack
//! and the kernel shows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod corpus;
#[allow(dead_code, reason = "the shared module has more than these tests need")]
#[path = "../memory/mod.rs"]
mod memory;
mod peers;
mod random;
mod runtimes;
#[path = "../hostile/tars.rs"]
mod tars;
mod umoci;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;

use corpus::{Case, Expected, Peer};
use peers::{View, shown};

/// How many random archives are made.
const BY_CHANCE: usize = 6_000;
/// How many of them GNU tar reads, which reads one at a time.
const FOR_GNU_TAR: usize = 400;

/// Fails with all differences, not only the first.
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

/// Compares what `peer` sees with the corpus. Cases that it sees differently must have a reason.
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

/// Random archives that Plimsoll reads, with what it sees, and their folder.
fn readable_by_chance() -> (BTreeMap<String, (random::Made, View)>, TempDir) {
    let all = random::archives(BY_CHANCE);
    let named: Vec<(String, random::Made, Vec<u8>)> =
        all.into_iter().enumerate().map(|(n, (made, archive))| (format!("{n:05}"), made, archive)).collect();
    let folder = written(named.iter().map(|(name, _, archive)| (name.as_str(), archive.as_slice())));
    let seen = named.into_iter().map(|(name, made, archive)| (name, (made, peers::ours(&archive))));
    let read: BTreeMap<_, _> = seen.filter(|(_, (_, view))| view.is_ok()).collect();
    enough("we", read.len(), BY_CHANCE);
    (read, folder)
}

/// Refused archives show little, so each reader must read most of them.
fn enough(who: &str, read: usize, of: usize) {
    assert!(read > of * 6 / 10, "{who} read {read} of {of} archives, which shows too little");
}

#[test]
fn t17_go_sees_the_same_in_archives_by_chance_or_refuses_them() {
    let (read, folder) = readable_by_chance();
    let Some(views) = peers::go(folder.path()) else { return };
    enough("Go", read.keys().filter(|name| views[*name].is_ok()).count(), BY_CHANCE);
    let mut found = String::new();
    for (name, (made, ours)) in &read {
        let go = &views[name];
        if go.is_ok() && go != ours {
            writeln!(found, "{made:?}\nours:\n{}Go:\n{}", shown(ours), shown(go)).unwrap();
        }
    }
    nothing(&found);
}

#[test]
fn t17_python_sees_the_same_in_archives_by_chance_or_refuses_them() {
    let (read, folder) = readable_by_chance();
    let Some(views) = peers::python(folder.path()) else { return };
    enough("Python", read.keys().filter(|name| views[*name].is_ok()).count(), BY_CHANCE);
    let mut found = String::new();
    for (name, (made, ours)) in &read {
        // A refusal shows no other file to anyone.
        if views[name].is_ok() && views[name] != *ours && !random::python_reads_otherwise(&made.pieces) {
            writeln!(found, "{made:?}\nours:\n{}Python:\n{}", shown(ours), shown(&views[name])).unwrap();
        }
    }
    nothing(&found);
}

/// It reads hostile ones differently in many harmless ways, such as the label of a volume.
#[test]
fn t17_gnu_tar_sees_the_same_in_honest_archives_by_chance() {
    let (read, folder) = readable_by_chance();
    let mut found = String::new();
    let honest = read.iter().filter(|(_, (made, _))| made.honest);
    for (name, (made, ours)) in honest.take(FOR_GNU_TAR) {
        let Some(view) = peers::gnu_tar(&folder.path().join(name)) else { return };
        if view != *ours {
            writeln!(found, "{made:?}\nours:\n{}GNU tar:\n{}", shown(ours), shown(&view)).unwrap();
        }
    }
    nothing(&found);
}

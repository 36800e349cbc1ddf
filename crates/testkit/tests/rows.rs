//! Every row of the catalogue of bad inputs that concerns an existing part has a test under its id.
//!
//! A test belongs to a row when its name begins with the row's id: `fn r11_…` for R11. Most of them are in
//! `crates/*/tests/hostile`, one test program per crate.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Letter and number of the last row: archives and layers, registries, parsing, signatures, trust by TUF.
const ROWS: [(char, usize); 5] = [('t', 19), ('r', 20), ('p', 8), ('s', 22), ('u', 11)];

/// Rows about parts that do not exist yet. Remove a row here with its first test, so that the row is required
/// from then on.
///
/// S22, a label for each input that fills the memory of a server with metrics, is held by what a process keeps by the
/// names that others give: there are no metrics.
const NOT_YET: [&str; 0] = [];

/// All Rust files below `folder`.
fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(path);
        }
    }
}

/// The row that the test function on this line belongs to.
fn row(line: &str) -> Option<String> {
    let name = line.trim_start().trim_start_matches("async ").strip_prefix("fn ")?;
    let (id, _) = name.split_once('_')?;
    let number = id.get(1..)?;
    let known = ROWS.iter().any(|(letter, last)| {
        id.starts_with(*letter)
            && number.len() == 2
            && number.parse().is_ok_and(|n: usize| (1..=*last).contains(&n))
    });
    known.then(|| id.to_owned())
}

#[test]
fn every_row_has_a_test_under_its_id() {
    let mut files = Vec::new();
    for folder in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap() {
        let folder = folder.unwrap().path();
        sources(&folder.join("src"), &mut files);
        sources(&folder.join("tests"), &mut files);
    }
    let mut tests: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut before = "";
        for line in text.lines() {
            if let Some(row) = row(line)
                && (before.contains("test]") || text.contains("proptest! {"))
            {
                *tests.entry(row).or_default() += 1;
            }
            if !line.trim().is_empty() {
                before = line;
            }
        }
    }
    let all = ROWS.iter().flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n:02}")));
    let (waiting, wanted): (Vec<String>, Vec<String>) = all.partition(|row| NOT_YET.contains(&row.as_str()));
    assert_eq!(waiting.len(), NOT_YET.len(), "an exception for a row that does not exist");
    let missing: Vec<&String> = wanted.iter().filter(|row| !tests.contains_key(*row)).collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
    let there: Vec<&String> = waiting.iter().filter(|row| tests.contains_key(*row)).collect();
    assert!(there.is_empty(), "{there:?} have tests now, and are exceptions no more");
}

#[test]
fn rows_are_told_from_other_names() {
    assert_eq!(row("    fn t01_names() {").as_deref(), Some("t01"));
    assert_eq!(row("async fn p06_keys() {").as_deref(), Some("p06"));
    assert_eq!(row("fn s22_labels() {").as_deref(), Some("s22"));
    assert_eq!(row("fn u11_endless() {").as_deref(), Some("u11"));
    for other in [
        "fn t20_none()",
        "fn p00_none()",
        "fn t1_x()",
        "fn take()",
        "let t01_x = 1;",
        "fn r111_x()",
        "fn s23_x()",
        "fn u12_x()",
    ] {
        assert_eq!(row(other), None, "{other}");
    }
}

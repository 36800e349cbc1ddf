//! Checks that the tests that documents name exist, so that a test is not renamed or removed without its promise.
//!
//! In the documents below, every word in backticks with at least two underscores is the name of a test or of a limit,
//! and the word after `fuzz` is a target: `fuzz tar`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Documents that promise something and name the test that checks it.
const DOCUMENTS: [&str; 3] = ["SECURITY.md", "docs/others-cves.md", "docs/worst-cases.md"];

/// The document with the names of all limits, which look like those of tests. A test of the binary checks that it
/// contains them.
const LIMITS: &str = "docs/configuration.md";

/// The missing tests, and the number of names.
pub(crate) struct Checked {
    /// One line for each name.
    pub(crate) faults: Vec<String>,
    /// Names in all documents, each once.
    pub(crate) names: usize,
}

/// Compares the documents with the sources below `root`.
pub(crate) fn check(root: &Path) -> anyhow::Result<Checked> {
    let mut tests = BTreeSet::new();
    collect(&root.join("crates"), &mut tests)?;
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    let configuration = fs::read_to_string(root.join(LIMITS)).with_context(|| LIMITS.to_owned())?;
    let rows = configuration.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let limits: BTreeSet<&str> = rows.collect();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).with_context(|| document.to_owned())?;
        for name in promised(&text).filter(|name| !limits.contains(name)) {
            let there = match name.strip_prefix("fuzz ") {
                Some(target) => root.join(format!("fuzz/targets/{target}.rs")).is_file(),
                None => tests.contains(name),
            };
            if !there {
                faults.push(format!("{document} names `{name}`, but there is no such test"));
            }
            names.insert(name.to_owned());
        }
    }
    Ok(Checked { faults, names: names.len() })
}

/// The names of tests in a document.
fn promised(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| {
        let name =
            |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        match word.strip_prefix("fuzz ") {
            Some(target) => name(target),
            None => name(word) && word.matches('_').count() >= 2,
        }
    })
}

/// Adds the functions below `folder` that are marked as tests.
fn collect(folder: &Path, tests: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, tests)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            tests.extend(declared(&fs::read_to_string(&path)?).map(str::to_owned));
        }
    }
    Ok(())
}

/// The functions of a source file that follow a `#[test]` of any kind, also inside `proptest!`.
fn declared(source: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    source.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
            return None;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
        std::mem::take(&mut marked).then(|| function.split(['(', '<']).next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_are_told_from_other_words() {
        let text = "`a_test_name` and `fuzz tar`, not `--a_b_c`, `PATH_A_B`, `one_word` or a_b_c; `b_c_d`";
        assert_eq!(promised(text).collect::<Vec<_>>(), ["a_test_name", "fuzz tar", "b_c_d"]);
    }

    #[test]
    fn only_functions_that_are_tests_count() {
        let source = "fn helper() {}\n#[test]\n#[expect(x)]\n    fn one() {\n#[tokio::test]\nasync fn two() {}\nfn three() {}";
        assert_eq!(declared(source).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn every_test_that_a_document_names_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let checked = check(&root).expect("the documents can be read");
        assert_eq!(checked.faults, Vec::<String>::new());
        assert!(checked.names > 50, "only {} names were found", checked.names);
    }
}

//! `--limit` can raise every limit that any crate can hit.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use plimsoll_core::Limits;

#[test]
fn every_reported_limit_is_a_field_of_limits() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(crates).unwrap() {
        collect(&entry.unwrap().path().join("src"), &mut files);
    }
    let mut seen = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // How the crates name a limit: directly, or through functions whose first argument is the name.
        for call in ["LimitExceeded::new(", "self.limit(", "exceeded("] {
            for rest in text.split(call).skip(1) {
                let Some(literal) = rest.trim_start().strip_prefix('"') else { continue };
                let name = literal.split('"').next().unwrap();
                assert!(Limits::NAMES.contains(&name), "{}: `{name}` is no limit", file.display());
                seen.push(name.to_owned());
            }
        }
    }
    // The search itself works.
    for name in ["layers", "kept_total_bytes", "bundle_bytes", "feed_bytes"] {
        assert!(seen.iter().any(|seen| seen == name), "{name}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

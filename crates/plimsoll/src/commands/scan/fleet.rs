//! Many subjects in one run: lists them, and scans documents in parallel.
//!
//! The results come in the order of the subjects, and no more of them wait than there are threads, so that thousands of
//! documents take the memory of a few.

use std::io;
use std::num::NonZero;
use std::sync::mpsc;
use std::thread;

use plimsoll_core::quantity;
use plimsoll_gather::{Subject, documents_in, listed};

use super::Scanner;
use crate::failure::Failure;
use crate::output::Console;
use crate::report::scan::Scanned;
use crate::settings::scan::ScanSettings;

/// Documents that are read at once: each may need several times its size, and more threads than this would wait for
/// memory.
const MOST_THREADS: usize = 8;
/// Answers of one thread that wait for those before them.
const AHEAD: usize = 2;

/// A subject to scan, or one that cannot be scanned.
pub(super) struct Item {
    pub(super) text: String,
    pub(super) refused: Option<Failure>,
}

/// The result for a subject: one for each of its images, and why there is none for a platform or for the whole.
pub(super) struct Done {
    pub(super) text: String,
    pub(super) results: Vec<Scanned>,
    pub(super) failed: Vec<(Option<String>, Failure)>,
}

/// All subjects: those of the command line, then those of the list; a folder of documents is all of them.
pub(super) fn items(settings: &ScanSettings, console: Console) -> Result<Vec<Item>, Failure> {
    let access = &settings.access;
    let mut texts = settings.subjects.clone();
    if let Some(list) = &settings.subjects_from {
        texts.extend(listed(list, &access.limits, access.stdin, &access.cancel)?);
    }
    let mut items = Vec::with_capacity(texts.len());
    for text in texts {
        let found = Subject::parse(&text)
            .and_then(|subject| documents_in(&subject, &access.limits, &access.cancel))
            .map_err(Failure::from);
        match found {
            Ok(None) => items.push(Item { text, refused: None }),
            Ok(Some(documents)) => {
                if let Some(other) = documents.other {
                    let others = quantity::count(documents.others, "file");
                    console.warn(format_args!(
                        "{text}: {others} neither named nor written like a document, such as {}",
                        other.display()
                    ));
                }
                items.extend(documents.subjects.into_iter().map(|text| Item { text, refused: None }));
            }
            Err(failure) => items.push(Item { text, refused: Some(failure) }),
        }
    }
    Ok(items)
}

/// Scans all of them, and passes the result of each to `tell`, in their order. Stops at its first error.
pub(super) fn each(
    scanner: &Scanner<'_>,
    items: &[Item],
    mut tell: impl FnMut(Done) -> io::Result<()>,
) -> io::Result<()> {
    let threads = threads(items);
    if threads <= 1 {
        return items.iter().try_for_each(|item| tell(scan(scanner, item)));
    }
    thread::scope(|scope| {
        let mut answers = Vec::with_capacity(threads);
        for first in 0..threads {
            let (sender, receiver) = mpsc::sync_channel(AHEAD);
            let scan_its_share = move || {
                for item in items.iter().skip(first).step_by(threads) {
                    // After an error, nobody receives it.
                    if sender.send(scan(scanner, item)).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new().name("scan".to_owned()).spawn_scoped(scope, scan_its_share)?;
            answers.push(receiver);
        }
        for (_, answer) in items.iter().zip(answers.iter().cycle()) {
            // A thread panicked; leaving the scope passes the panic on.
            let done = answer.recv().map_err(|_| io::Error::other("a scan ended without an answer"))?;
            tell(done)?;
        }
        Ok(())
    })
}

/// An image is read by its own threads, with limits for one at a time. Only documents are read in parallel.
fn threads(items: &[Item]) -> usize {
    let is_document = |item: &Item| matches!(Subject::parse(&item.text), Ok(Subject::Sbom(_)));
    if items.len() < 2 || !items.iter().all(is_document) {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(items.len())
}

fn scan(scanner: &Scanner<'_>, item: &Item) -> Done {
    let text = item.text.clone();
    let mut results = Vec::new();
    let failed = match &item.refused {
        Some(failure) => vec![(None, failure.clone())],
        // A subject that cannot be scanned does not affect the others.
        None => scanner.subject(&item.text, &mut results).unwrap_or_else(|failure| vec![(None, failure)]),
    };
    Done { text, results, failed }
}

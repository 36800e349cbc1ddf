//! How Red Hat serves its documents: as an archive of one day, whose name is in a file, and a list of what changed when.
//!
//! ```text
//! archive_latest.txt                  csaf_vex_2026-11-20.tar.zst
//! csaf_vex_2026-11-20.tar.zst         all documents, 2024/cve-2024-24786.json
//! csaf_vex_2026-11-20.tar.zst.sha256
//! changes.csv                         "2024/cve-2024-24786.json","2026-11-21T14:31:32+00:00"
//! deletions.csv                       the same, of documents that are gone
//! ```
//!
//! An archive is kept as long as few documents changed since its day; these are fetched one by one.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::Timestamp;

use super::super::{Announced, Location, Situation};
use crate::error::DocumentProblem;

const LATEST: &str = "archive_latest.txt";
const CHANGES: &str = "changes.csv";
/// The list of documents that are gone.
pub(super) const DELETIONS: &str = "deletions.csv";
/// Documents that are fetched one by one rather than in a new archive. On most days, some hundred change.
const FEW: usize = 2_000;
/// Documents in a list. There were some fifty thousand in 2026.
const MAX_LISTED: usize = 2_000_000;

/// The first file to ask for.
pub(super) fn first() -> Vec<Location> {
    vec![Location::new(format!("redhat/{LATEST}"), LATEST).index()]
}

pub(super) fn follow(
    index: &Location,
    content: &[u8],
    situation: &Situation<'_>,
) -> Result<Vec<Location>, DocumentProblem> {
    let name = index.file.strip_prefix("redhat/").unwrap_or_default();
    match name {
        LATEST => {
            let text = std::str::from_utf8(content).ok().map(str::trim);
            let latest = text.filter(|latest| day_of_archive(Path::new(latest)).is_some());
            let latest = latest.ok_or(DocumentProblem::Name { field: LATEST })?;
            Ok(vec![Location::new(format!("redhat/{CHANGES}"), CHANGES).index().note(latest)])
        }
        CHANGES => changed(&index.note, content, situation),
        // The digest of an archive; some mirrors do not have it.
        _ => {
            let archive = name.strip_suffix(".sha256").unwrap_or(name);
            let announced = if content.is_empty() && index.is_optional {
                Announced::Version(archive.to_owned())
            } else {
                let text = std::str::from_utf8(content).unwrap_or_default();
                let digits = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
                let digest = format!("sha256:{digits}").parse();
                Announced::Stored(digest.map_err(|_| DocumentProblem::Name { field: "sha256" })?)
            };
            Ok(vec![Location::new(format!("redhat/{archive}"), archive).announced(announced)])
        }
    }
}

/// The archive that is there, or the latest one, and what changed since.
fn changed(
    latest: &str,
    content: &[u8],
    situation: &Situation<'_>,
) -> Result<Vec<Location>, DocumentProblem> {
    let since_day_of = |archive: &str| {
        let day = day_of_archive(Path::new(archive)).ok_or(DocumentProblem::Name { field: LATEST })?;
        since(content, day)
    };
    let mut there = situation.files.iter().filter_map(|file| file.strip_prefix("redhat/"));
    // One that is newer than the latest one is of nobody.
    let known = there.rfind(|file| day_of_archive(Path::new(file)).is_some() && *file <= latest);
    // A damaged one would have to be received again, and may be gone.
    let kept = match known.filter(|known| (situation.is_whole)(&format!("redhat/{known}"))) {
        Some(known) => Some((known, since_day_of(known)?)).filter(|(_, changed)| changed.len() <= FEW),
        None => None,
    };
    let (archive, changed) = match kept {
        Some(kept) => kept,
        None => (latest, since_day_of(latest)?),
    };
    let digest = format!("{archive}.sha256");
    let mut files = vec![
        Location::new(format!("redhat/{digest}"), digest).index().optional(),
        Location::new(format!("redhat/{DELETIONS}"), DELETIONS),
    ];
    for (document, time) in changed {
        let file = format!("redhat/{document}");
        files.push(Location::new(file, document).announced(Announced::Version(time)));
    }
    Ok(files)
}

/// The documents in a list with a time from this day on, and that time.
pub(super) fn since(content: &[u8], day: Date) -> Result<BTreeMap<String, String>, DocumentProblem> {
    let text = std::str::from_utf8(content).map_err(|_| DocumentProblem::Name { field: CHANGES })?;
    let start = day.to_zoned(TimeZone::UTC).map_err(|_| DocumentProblem::Name { field: LATEST })?.timestamp();
    let mut found = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let read = || {
            let (document, time) = line.split_once(',')?;
            let (document, time) = (document.trim().trim_matches('"'), time.trim().trim_matches('"'));
            let at: Timestamp = time.parse().ok()?;
            is_document(document).then(|| (document.to_owned(), time.to_owned(), at))
        };
        let (document, time, at) = read().ok_or(DocumentProblem::Name { field: CHANGES })?;
        if number >= MAX_LISTED {
            return Err(DocumentProblem::Name { field: CHANGES });
        }
        if at >= start {
            found.insert(document, time);
        }
    }
    Ok(found)
}

/// `2024/cve-2024-24786.json`.
fn is_document(name: &str) -> bool {
    let Some((year, file)) = name.split_once('/') else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    year.len() == 4
        && year.bytes().all(|b| b.is_ascii_digit())
        && file.len() < 100
        && file.strip_suffix(".json").is_some()
        && !file.starts_with('.')
        && file.bytes().all(plain)
}

/// The day of `csaf_vex_2026-11-20.tar.zst`.
pub(super) fn day_of_archive(path: &Path) -> Option<Date> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("csaf_vex_")?.strip_suffix(".tar.zst")?.parse().ok()
}

//! The Exploit Prediction Scoring System: <https://www.first.org/epss/data_stats>.
//!
//! ```text
//! #model_version:v2025.03.14,score_date:2025-08-26T12:55:00Z
//! cve,epss,percentile
//! CVE-1999-0001,0.01141,0.77824
//! ```
//!
//! One line for each published CVE, some 300,000, published anew each day. It is read as a stream. A line with another
//! format fails the build: if a column were missing, the meaning of the other numbers would be unknown.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::{LimitExceeded, Limits, Timestamp};
use plimsoll_vuln::Share;

use super::{Covers, Location, Publisher, Reading, fact_files};
use crate::draft::CveFact;
use crate::error::DocumentProblem;
use crate::hashing::HashingReader;
use crate::input::Input;
use crate::wanted::Wanted;
use crate::{Entry, Error, FeedReport};

/// The publisher's name for the latest file.
const CURRENT: &str = "epss_scores-current.csv.gz";
/// The columns.
const HEADER: &str = "cve,epss,percentile";
/// Bytes of a line. The first, the longest, has about 60.
const MAX_LINE: u64 = 256;

/// The special interest group at FIRST.
#[derive(Debug)]
pub(super) struct Epss;

impl Publisher for Epss {
    fn id(&self) -> &'static str {
        "epss"
    }

    fn name(&self) -> &'static str {
        "FIRST EPSS"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn unproven(&self, _content: &str) -> bool {
        true
    }

    fn address(&self) -> &'static str {
        "https://epss.empiricalsecurity.com/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = Location::new(format!("epss/{CURRENT}"), CURRENT);
        if *wanted == Wanted::Cves { vec![location] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let is_scores = |name: &str| {
            let stem = [".csv.gz", ".csv"].iter().find_map(|ending| name.strip_suffix(ending));
            stem.is_some_and(|stem| stem.starts_with("epss_scores"))
        };
        fact_files(from, self.id(), is_scores)
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let path = input.files.path();
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mut hashed = HashingReader::new(file.take(limits.feed_bytes));
        let is_compressed = path.extension().is_some_and(|ending| ending == "gz");
        let stored = BufReader::new(&mut hashed);
        let (facts, published) = if is_compressed {
            let mut lines =
                Lines { inner: BufReader::new(MultiGzDecoder::new(stored)), path, limits, read: 0 };
            read(&mut lines, report)?
        } else {
            read(&mut Lines { inner: stored, path, limits, read: 0 }, report)?
        };
        let (source, _) = hashed.finish();
        Ok(Reading { facts, published, ..Reading::empty(Covers::Cves, source) })
    }
}

/// The lines of the file, within the limits.
struct Lines<'a, R> {
    inner: R,
    path: &'a Path,
    limits: &'a Limits,
    /// How many bytes the lines so far have.
    read: u64,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line without its end; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        let failed = |source| Error::Read { path: self.path.to_owned(), source };
        (&mut self.inner).take(MAX_LINE).read_until(b'\n', &mut line).map_err(failed)?;
        self.read = self.read.saturating_add(line.len() as u64);
        if self.read > self.limits.feed_bytes {
            let what = self.path.display().to_string();
            return Err(LimitExceeded::new("feed_bytes", self.limits.feed_bytes, what).into());
        }
        if line.is_empty() {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        // A last line without a line break may be truncated: `0.7` of `0.77824`.
        let line = line.and_then(|line| std::str::from_utf8(line).ok());
        line.map(|line| Some(line.to_owned())).ok_or_else(|| self.broken("line"))
    }

    fn broken(&self, field: &'static str) -> Error {
        Entry { file: self.path, name: None, bytes: &[] }.broken(DocumentProblem::Name { field })
    }
}

fn read<R: BufRead>(
    lines: &mut Lines<'_, R>,
    report: &mut FeedReport,
) -> Result<(Vec<CveFact>, Option<Timestamp>), Error> {
    let first = lines.next()?.unwrap_or_default();
    let published = score_date(&first).ok_or_else(|| lines.broken("score_date"))?;
    if lines.next()?.as_deref() != Some(HEADER) {
        return Err(lines.broken("header"));
    }
    let (mut facts, mut seen) = (Vec::new(), BTreeSet::new());
    while let Some(line) = lines.next()? {
        report.read += 1;
        if report.read > lines.limits.advisories {
            let what = lines.path.display().to_string();
            return Err(LimitExceeded::new("advisories", lines.limits.advisories, what).into());
        }
        let mut fields = line.split(',');
        let (cve, epss, percentile) = (fields.next(), fields.next(), fields.next());
        let cve =
            cve.filter(|cve| plimsoll_vuln::database::is_cve(cve)).ok_or_else(|| lines.broken("cve"))?;
        let probability = epss.and_then(share).ok_or_else(|| lines.broken("epss"))?;
        let percentile = percentile.and_then(share).ok_or_else(|| lines.broken("percentile"))?;
        if fields.next().is_some() {
            return Err(lines.broken("line"));
        }
        if !seen.insert(cve.to_owned()) {
            let entry = Entry { file: lines.path, name: None, bytes: &[] };
            return Err(entry.broken(DocumentProblem::Twice { name: cve.to_owned() }));
        }
        report.kept += 1;
        facts.push(CveFact::likely(cve.to_owned(), probability, percentile));
    }
    Ok((facts, Some(published)))
}

/// The date in `#model_version:v2025.03.14,score_date:2025-08-26T12:55:00Z`; some have only the day.
fn score_date(line: &str) -> Option<Timestamp> {
    let fields = line.strip_prefix("#model_version:")?;
    let date = fields.split(',').find_map(|field| field.strip_prefix("score_date:"))?;
    date.parse::<Timestamp>().ok().or_else(|| {
        let day = date.parse::<Date>().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// A number from 0 to 1 in hundred-thousandths.
fn share(text: &str) -> Option<u32> {
    text.parse::<Share>().ok().map(|share| share.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hundred_thousandths_are_shares() {
        for (text, expected) in [
            ("0.01141", Some(1141)),
            ("1", Some(100_000)),
            ("0", Some(0)),
            ("0.999999999", Some(100_000)),
            ("1e-05", Some(1)),
            ("0.014820000", Some(1482)),
            ("1.00001", None),
            ("-0.5", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            ("0,5", None),
        ] {
            assert_eq!(share(text), expected, "{text}");
        }
    }

    #[test]
    fn the_date_is_read_in_all_forms_that_were_published() {
        for (line, expected) in [
            ("#model_version:v2026.06.15,score_date:2026-09-21T12:03:23Z", Some("2026-09-21T12:03:23Z")),
            ("#model_version:v2023.03.01,score_date:2024-03-17T00:00:00+0000", Some("2024-03-17T00:00:00Z")),
            ("#model_version:v2023.03.01,score_date:2024-03-17", Some("2024-03-17T00:00:00Z")),
            ("#model_version:v2023.03.01", None),
            ("score_date:2024-03-17", None),
            ("cve,epss,percentile", None),
        ] {
            assert_eq!(score_date(line).map(|date| date.to_string()).as_deref(), expected, "{line}");
        }
    }
}

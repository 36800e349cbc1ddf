//! The advisories about npm packages that the Node.js Security Working Group collected, in the repository
//! <https://github.com/nodejs/security-wg>. It ended in 2020.
//!
//! ```json
//! {"id": 197, "title": "Downloads Resources over HTTP", "module_name": "cobalt-cli", "publish_date": "2017-01-01",
//!  "cves": [], "vulnerable_versions": "<=99.999.99999", "patched_versions": "<0.0.0",
//!  "cvss_vector": "CVSS:3.0/AV:N/AC:H/PR:L/UI:R/S:U/C:H/I:H/A:H", "cvss_score": 7.1}
//! ```
//!
//! Nothing that was found since is in it, so it adds to what other publishers say about npm packages, and covers none by itself.
//!
//! A file that cannot be read does not name its package, so it stops the build; one whose ranges cannot be read leaves every
//! version of its package undecided.

mod range;

use std::path::Path;

use plimsoll_core::{Ecosystem, Limits};
use plimsoll_vuln::affected::{Affected, FixState, Interval};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource, events};
use serde::Deserialize;

use super::{Location, Publisher, Reading, read_repository};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, midnight, one_line};
use crate::error::DocumentProblem;
use crate::input::{Input, tree};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};

/// The archive of the repository.
const ARCHIVE: &str = "security-wg.zip";

/// The working group.
#[derive(Debug)]
pub(super) struct NodeJs;

impl Publisher for NodeJs {
    fn id(&self) -> &'static str {
        "nodejs-security-wg"
    }

    fn name(&self) -> &'static str {
        "Node.js Security WG (ended 2020)"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        Some("MIT")
    }

    fn address(&self) -> &'static str {
        "https://codeload.github.com/nodejs/security-wg/zip/refs/heads/"
    }

    /// Others have had its advisories since, with corrections.
    fn locations(&self, _wanted: &Wanted, _year: i16) -> Vec<Location> {
        Vec::new()
    }

    fn is_supplement(&self) -> bool {
        true
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        let found = tree(folder.clone(), ARCHIVE, folder.join("vuln").join("npm"), 0, "json")?;
        let content = Ecosystem::Npm.name().to_owned();
        Ok(found.map(|files| Input { content, files }).into_iter().collect())
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let mut newest = None;
        let mut reading = read_repository(Ecosystem::Npm, input, limits, report, |entry, report| {
            let read = read(entry, limits, report)?;
            Ok(read.map(|(draft, updated)| {
                newest = newest.max(updated);
                draft
            }))
        })?;
        reading.published = newest.and_then(|seconds| plimsoll_core::Timestamp::from_second(seconds).ok());
        Ok(reading)
    }
}

#[derive(Debug, Deserialize)]
struct Advisory {
    id: u64,
    title: Option<String>,
    module_name: String,
    publish_date: Option<String>,
    updated_at: Option<String>,
    #[serde(default)]
    cves: Option<Vec<String>>,
    vulnerable_versions: Option<String>,
    cvss_vector: Option<String>,
    cvss_score: Option<f64>,
}

/// One file, with the day of its last change; `None` if it is not an advisory about a package, which the report counts.
fn read(
    entry: &Entry<'_>,
    limits: &Limits,
    report: &mut FeedReport,
) -> Result<Option<(Draft, Option<i64>)>, Error> {
    let path = entry.path();
    if path.ends_with('/') {
        return Ok(None);
    }
    report.read += 1;
    let is_number = |stem: &str| !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit());
    // `vuln/core` is about Node.js itself, `vuln/npm/index.json` repeats the other files.
    if entry.part(1) != Some("npm") || !entry.stem("json").is_some_and(is_number) {
        report.skip(Skip::NotAnAdvisory, &path);
        return Ok(None);
    }
    let read = plimsoll_core::json::from_slice::<Advisory>(entry.bytes, limits.advisory_bytes);
    let advisory = read.map_err(|error| entry.broken(error.into()))?;
    if !is_package_name(&advisory.module_name) {
        return Err(entry.broken(DocumentProblem::Name { field: "module_name" }));
    }
    let mut aliases = advisory.cves.clone().unwrap_or_default();
    if !aliases.iter().all(|alias| is_identifier(alias)) {
        return Err(entry.broken(DocumentProblem::Name { field: "cves" }));
    }
    aliases.sort_unstable();
    aliases.dedup();
    let id = format!("NSWG-ECO-{}", advisory.id);
    let mut encoded = Vec::new();
    let stated = advisory.vulnerable_versions.as_deref().filter(|text| !text.trim().is_empty());
    if let Some(ranges) = stated.and_then(range::read) {
        let intervals = ranges.iter().map(range::Range::interval).collect();
        let fix_state = FixState::Unknown;
        let mut affected = Affected { intervals, doubtful: Vec::new(), versions: Vec::new(), fix_state };
        affected.fix_state = events::fix_state(&affected);
        affected.encode(&mut encoded);
    } else {
        // Those that are patched do not say which ones are vulnerable.
        report.doubt(Doubt::VersionRange, &id);
        let (intervals, doubtful, versions) = (Vec::new(), vec![Interval::ALL], Vec::new());
        Affected { intervals, doubtful, versions, fix_state: FixState::Unknown }.encode(&mut encoded);
    }
    report.kept += 1;
    let rating = rating(&advisory);
    let published = advisory.publish_date.as_deref().and_then(midnight);
    let modified = advisory.updated_at.as_deref().and_then(midnight);
    let statement = PackageStatement {
        key: key(None, Ecosystem::Npm.normalise(&advisory.module_name)).into_owned(),
        rating: rating.clone(),
        module: None,
        class: Class::Vulnerability,
        affected: encoded,
    };
    let detail = Detail {
        aliases,
        summary: advisory.title.as_deref().map(one_line).unwrap_or_default(),
        published,
        modified,
        urls: vec![format!("https://github.com/nodejs/security-wg/blob/main/vuln/npm/{}.json", advisory.id)],
        ..Detail::default()
    };
    let draft = Draft { id, origin: path, detail, rating, statements: vec![statement] };
    Ok(Some((draft, modified.max(published))))
}

fn rating(advisory: &Advisory) -> Rating {
    let vector = advisory.cvss_vector.as_ref();
    if let Some((severity, vector)) = vector.and_then(|vector| Some((Severity::from_cvss(vector)?, vector))) {
        return Rating { severity, source: SeveritySource::Cvss(vector.clone()) };
    }
    let scored = advisory.cvss_score.and_then(|score| Some((Severity::from_score(score)?, score)));
    scored.map_or_else(Rating::default, |(severity, score)| Rating {
        severity,
        source: SeveritySource::Cvss(format!("{score} (CVSS)")),
    })
}

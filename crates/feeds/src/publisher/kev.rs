//! CISA's catalogue of known exploited vulnerabilities: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>.
//!
//! ```json
//! {"catalogVersion": "2025.08.25", "dateReleased": "2025-08-25T17:04:19.9796Z", "count": 1404, "vulnerabilities": [
//!   {"cveID": "CVE-2025-48384", "dateAdded": "2025-08-25", "dueDate": "2025-09-15",
//!    "knownRansomwareCampaignUse": "Unknown", "vendorProject": "Git", "product": "Git", …}]}
//! ```
//!
//! An entry is about a CVE, regardless of packages. `Known` means that ransomware is known to use it; any other word
//! means that this is unknown. A catalogue whose `count` differs from the number of entries is truncated or corrupt.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::{LimitExceeded, Limits, Timestamp};
use plimsoll_vuln::database::Kev as Fact;
use serde::Deserialize;

use super::{Covers, Location, Publisher, Reading, fact_files};
use crate::draft::CveFact;
use crate::error::DocumentProblem;
use crate::input::{Files, Input};
use crate::wanted::Wanted;
use crate::{Entry, Error, FeedReport};

/// The name of the file.
const FILE: &str = "known_exploited_vulnerabilities.json";

/// The agency.
#[derive(Debug)]
pub(super) struct Kev;

impl Publisher for Kev {
    fn id(&self) -> &'static str {
        "kev"
    }

    fn name(&self) -> &'static str {
        "CISA KEV"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        Some("CC0-1.0")
    }

    fn address(&self) -> &'static str {
        "https://www.cisa.gov/sites/default/files/feeds/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = Location::new(format!("kev/{FILE}"), FILE);
        if *wanted == Wanted::Cves { vec![location] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        fact_files(from, self.id(), |name| name == FILE)
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let mut catalogue = None;
        let source = Files::One(input.files.path().to_owned()).read(limits, &mut |entry| {
            catalogue = Some(read(&entry, limits, report)?);
            Ok(())
        })?;
        let (facts, published) = catalogue.unwrap_or_default();
        Ok(Reading { facts, published, ..Reading::empty(Covers::Cves, source) })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    date_released: Option<Timestamp>,
    count: usize,
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: Date,
    due_date: Option<Date>,
    known_ransomware_campaign_use: Option<String>,
}

fn read(
    entry: &Entry<'_>,
    limits: &Limits,
    report: &mut FeedReport,
) -> Result<(Vec<CveFact>, Option<Timestamp>), Error> {
    let catalogue: Catalogue = plimsoll_core::json::from_slice(entry.bytes, limits.advisory_bytes)
        .map_err(|error| entry.broken(error.into()))?;
    let Catalogue { date_released, count, vulnerabilities } = catalogue;
    if vulnerabilities.len() as u64 > limits.advisories {
        let file = entry.file.display().to_string();
        return Err(LimitExceeded::new("advisories", limits.advisories, file).into());
    }
    if vulnerabilities.len() != count {
        let got = vulnerabilities.len() as u64;
        return Err(entry.broken(DocumentProblem::Count { got, expected: count as u64 }));
    }
    let mut seen = BTreeSet::new();
    let mut facts = Vec::with_capacity(vulnerabilities.len());
    for Vulnerability { cve, date_added, due_date, known_ransomware_campaign_use } in vulnerabilities {
        if !plimsoll_vuln::database::is_cve(&cve) {
            return Err(entry.broken(DocumentProblem::Name { field: "vulnerabilities.cveID" }));
        }
        let seconds = |date: Date| date.to_zoned(TimeZone::UTC).map(|day| day.timestamp().as_second());
        let (Ok(added), Ok(due)) = (seconds(date_added), due_date.map(seconds).transpose()) else {
            return Err(entry.broken(DocumentProblem::Name { field: "vulnerabilities.dateAdded" }));
        };
        if !seen.insert(cve.clone()) {
            return Err(entry.broken(DocumentProblem::Twice { name: cve }));
        }
        report.read += 1;
        report.kept += 1;
        let ransomware = known_ransomware_campaign_use.is_some_and(|word| word.eq_ignore_ascii_case("known"));
        facts.push(CveFact::exploited(cve, Fact { added, due, ransomware }));
    }
    Ok((facts, date_released))
}

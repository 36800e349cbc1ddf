//! Facts about findings by their CVEs, and the order of findings by risk.
//!
//! The facts about all identifiers of a finding count: a Go or RubySec advisory is exploited if its CVE is. If a
//! finding has several CVEs, the one that was first known to be exploited and the one with the highest probability
//! count.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::Timestamp;
use serde::{Serialize, Serializer};

use super::Finding;
use crate::class::Class;
use crate::database::{Database, Overlay, Overlays};
use crate::error::Error;
use crate::severity::Severity;

/// An entry in a catalogue of known exploited vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exploited {
    /// The CVE that is in the catalogue.
    pub cve: String,
    /// When it was added.
    pub added: Date,
    /// When agencies must have fixed it.
    pub due: Option<Date>,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// The Exploit Prediction Scoring System's estimate for the next thirty days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Likelihood {
    /// The CVE of the score.
    pub cve: String,
    /// The probability.
    pub score: Share,
    /// The share of all CVEs with at most this probability.
    pub percentile: Share,
    /// The day of the score.
    pub date: Option<Date>,
}

/// A number from 0 to 1, in hundred-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u32);

impl Share {
    /// The largest share, 1.
    pub const ONE: Self = Self(100_000);

    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE.0)
    }
}

/// A decimal number from 0 to 1; digits beyond the fifth are rounded.
impl FromStr for Share {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number)).ok_or(())?;
        let digits = format!("{number:.5}").replace('.', "");
        digits.parse().ok().map(Self).filter(|share| *share <= Self::ONE).ok_or(())
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

/// The risk of a finding; a greater one is greater. Malicious before exploited, exploited before severe, severe before likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Risk {
    malicious: bool,
    exploited: bool,
    severity: Severity,
    likelihood: Option<Share>,
}

impl Finding {
    /// The sort key of findings with the worst first.
    pub fn risk(&self) -> Risk {
        Risk {
            malicious: self.class == Class::Malicious,
            exploited: self.exploited.is_some(),
            severity: self.severity,
            likelihood: self.likelihood.as_ref().map(|likelihood| likelihood.score),
        }
    }

    /// The CVEs among its identifiers.
    fn cves(&self) -> impl Iterator<Item = &str> {
        let all = std::iter::once(&self.id).chain(&self.aliases).map(String::as_str);
        all.filter(|id| id.starts_with("CVE-"))
    }
}

/// Adds to `findings` what the database knows about their CVEs.
pub(super) fn add<'f>(
    findings: impl Iterator<Item = &'f mut Finding>,
    database: &Database,
) -> Result<(), Error> {
    let Some(overlays) = database.overlays() else { return Ok(()) };
    let mut findings: Vec<&mut Finding> = findings.collect();
    // In the order of the file, each once, because neighbours are read together.
    let cves: BTreeSet<&str> = findings.iter().flat_map(|finding| finding.cves()).collect();
    let mut known: BTreeMap<String, Overlay> = BTreeMap::new();
    for cve in cves {
        if let Some(overlay) = overlays.find(cve)? {
            known.insert(cve.to_owned(), overlay);
        }
    }
    for finding in &mut findings {
        let of = |cve: &'_ str| Some((cve.to_owned(), known.get(cve)?));
        let told: Vec<(String, &Overlay)> = finding.cves().filter_map(of).collect();
        finding.exploited = told.iter().filter_map(exploited).min_by(|a, b| a.added.cmp(&b.added));
        let likelihoods = told.iter().filter_map(|told| likelihood(told, overlays));
        finding.likelihood = likelihoods.max_by(|a, b| a.score.cmp(&b.score));
    }
    Ok(())
}

fn exploited((cve, overlay): &(String, &Overlay)) -> Option<Exploited> {
    let kev = overlay.kev?;
    Some(Exploited {
        cve: cve.clone(),
        added: date(Timestamp::from_second(kev.added).ok()?),
        due: kev.due.and_then(|due| Timestamp::from_second(due).ok()).map(date),
        ransomware: kev.ransomware,
    })
}

fn likelihood((cve, overlay): &(String, &Overlay), overlays: &Overlays) -> Option<Likelihood> {
    let epss = overlay.epss?;
    Some(Likelihood {
        cve: cve.clone(),
        score: Share(epss.probability),
        percentile: Share(epss.percentile),
        date: overlays.published(epss.feed).map(date),
    })
}

fn date(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

//! RubySec's advisory database: <https://github.com/rubysec/ruby-advisory-db>. One file per advisory about a gem.
//!
//! ```yaml
//! # gems/actionpack/CVE-2016-0751.yml
//! gem: actionpack
//! cve: 2016-0751
//! ghsa: ffpv-c4hm-3x6v
//! osvdb: 131677
//! title: Possible Object Leak and Denial of Service attack in Action Pack
//! url: https://groups.google.com/…
//! date: 2016-01-25
//! cvss_v3: 7.5
//! unaffected_versions: ["< 3.0"]
//! patched_versions: ["~> 4.2.5, >= 4.2.5.1", ">= 5.0.0.beta1.1"]
//! ```
//!
//! | statement | what it becomes |
//! | --- | --- |
//! | `patched_versions`, `unaffected_versions` | affected outside all of them |
//! | neither | affected in every version, not fixed |
//! | `cvss_v4`, `cvss_v3`, `cvss_v2` | its severity, by the first that exists |
//! | a file that cannot be read | undecided in every version of the gem of its folder |
//!
//! Advisories about interpreters (`rubies/`) are not about a gem. `platform: jruby` does not restrict an advisory here:
//! a gem's name does not say which interpreter runs it.

use std::path::Path;

use plimsoll_core::{Ecosystem, Limits};
use plimsoll_vuln::affected::{Affected, Interval};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::order::VersionOrder;
use plimsoll_vuln::version::gem::Gem;
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource, events, spans};
use serde::Deserialize;

use super::{Location, Publisher, Reading, read_advisory, read_repository};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, is_web, midnight, one_line};
use crate::error::DocumentProblem;
use crate::input::{Input, tree};
use crate::requirement::Requirement;
use crate::wanted::Wanted;
use crate::{Entry, Error, FeedReport, Skip};

/// The archive of the repository.
const ARCHIVE: &str = "ruby-advisory-db.zip";
/// Requirements of one advisory. Real ones have up to twelve.
const MAX_REQUIREMENTS: usize = 256;

/// The maintainers of the database.
#[derive(Debug)]
pub(super) struct RubySec;

impl Publisher for RubySec {
    fn id(&self) -> &'static str {
        "rubysec"
    }

    fn name(&self) -> &'static str {
        "RubySec"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn address(&self) -> &'static str {
        "https://codeload.github.com/rubysec/ruby-advisory-db/zip/refs/heads/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = Location::new(format!("rubysec/{ARCHIVE}"), "master");
        if *wanted == Wanted::whole(Ecosystem::RubyGems) { vec![location] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        let found = tree(folder.clone(), ARCHIVE, folder.join("gems"), 1, "yml")?;
        Ok(found
            .map(|files| Input { content: Ecosystem::RubyGems.name().to_owned(), files })
            .into_iter()
            .collect())
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        read_repository(Ecosystem::RubyGems, input, limits, report, read)
    }
}

#[derive(Debug, Deserialize)]
struct Advisory {
    gem: String,
    cve: Option<String>,
    ghsa: Option<String>,
    osvdb: Option<u64>,
    title: Option<String>,
    url: Option<String>,
    date: Option<String>,
    cvss_v2: Option<f64>,
    cvss_v3: Option<f64>,
    cvss_v4: Option<f64>,
    #[serde(default)]
    unaffected_versions: Option<Vec<String>>,
    #[serde(default)]
    patched_versions: Option<Vec<String>>,
}

/// One file; `None` if it is not an advisory about a gem, which the report counts.
fn read(entry: &Entry<'_>, report: &mut FeedReport) -> Result<Option<Draft>, Error> {
    let path = entry.path();
    // A folder in an archive.
    if path.ends_with('/') {
        return Ok(None);
    }
    report.read += 1;
    let (Some(folder), Some(gem), Some(id)) = (entry.part(2), entry.part(1), entry.stem("yml")) else {
        report.skip(Skip::NotAnAdvisory, &path);
        return Ok(None);
    };
    if folder == "rubies" {
        report.skip(Skip::NoPackage, &path);
        return Ok(None);
    }
    if folder != "gems" {
        report.skip(Skip::NotAnAdvisory, &path);
        return Ok(None);
    }
    // Without the name of a gem, it is unknown what is undecided.
    if !is_package_name(gem) || !is_identifier(id) {
        return Err(entry.broken(DocumentProblem::Name { field: "file" }));
    }
    let key = key(None, Ecosystem::RubyGems.normalise(gem)).into_owned();
    Ok(Some(read_advisory(entry, report, id, key, |advisory| draft(advisory, gem, id))))
}

fn draft(advisory: &Advisory, gem: &str, id: &str) -> Result<Draft, DocumentProblem> {
    if advisory.gem != gem {
        return Err(DocumentProblem::Name { field: "gem" });
    }
    let aliases = [
        advisory.cve.as_ref().map(|number| format!("CVE-{number}")),
        advisory.ghsa.as_ref().map(|number| format!("GHSA-{number}")),
        advisory.osvdb.map(|number| format!("OSVDB-{number}")),
    ];
    let mut aliases: Vec<String> = aliases.into_iter().flatten().filter(|alias| alias != id).collect();
    if !aliases.iter().all(|alias| is_identifier(alias)) {
        return Err(DocumentProblem::Name { field: "cve" });
    }
    aliases.sort_unstable();
    let rating = rating(advisory)?;
    let mut encoded = Vec::new();
    let requirements = requirements(advisory)?;
    affected(&Gem, &requirements)?.encode(&mut encoded);
    let published =
        advisory.date.as_deref().map(|date| midnight(date).ok_or(DocumentProblem::Name { field: "date" }));
    Ok(Draft {
        id: id.to_owned(),
        origin: format!("{gem}/{id}"),
        detail: Detail {
            aliases,
            summary: advisory.title.as_deref().map(one_line).unwrap_or_default(),
            published: published.transpose()?,
            urls: advisory.url.iter().filter(|url| is_web(url)).cloned().collect(),
            functions: Vec::new(),
            ..Detail::default()
        },
        rating: rating.clone(),
        statements: vec![PackageStatement {
            key: key(None, Ecosystem::RubyGems.normalise(gem)).into_owned(),
            rating,
            module: None,
            class: Class::Vulnerability,
            affected: encoded,
        }],
    })
}

fn requirements(advisory: &Advisory) -> Result<Vec<Requirement>, DocumentProblem> {
    let all = advisory.patched_versions.iter().chain(&advisory.unaffected_versions).flatten();
    let requirements: Vec<Requirement> = all
        .take(MAX_REQUIREMENTS + 1)
        .map(|text| Requirement::from_constraints(text.split(',')))
        .collect::<Result<_, _>>()?;
    if requirements.len() > MAX_REQUIREMENTS {
        return Err(DocumentProblem::Requirement { got: "too many requirements".to_owned() });
    }
    Ok(requirements)
}

/// All versions but those.
fn affected<'r>(
    order: &dyn VersionOrder,
    without: &'r [Requirement],
) -> Result<Affected<'r>, DocumentProblem> {
    let spans: Vec<Interval<'r>> = without.iter().map(|it| it.interval(order)).collect::<Result<_, _>>()?;
    let outside = spans::outside(order, &spans);
    let intervals =
        outside.map_err(|_| DocumentProblem::Requirement { got: "invalid version".to_owned() })?;
    let fix_state = plimsoll_vuln::affected::FixState::Unknown;
    let mut affected = Affected { intervals, doubtful: Vec::new(), versions: Vec::new(), fix_state };
    affected.fix_state = events::fix_state(&affected);
    Ok(affected)
}

/// The rating by the score of the newest CVSS version.
fn rating(advisory: &Advisory) -> Result<Rating, DocumentProblem> {
    let scores = [("4", advisory.cvss_v4), ("3", advisory.cvss_v3), ("2", advisory.cvss_v2)];
    let Some((version, score)) = scores.into_iter().find_map(|(version, score)| Some((version, score?)))
    else {
        return Ok(Rating::default());
    };
    let severity = Severity::from_score(score).ok_or(DocumentProblem::Name { field: "cvss" })?;
    Ok(Rating { severity, source: SeveritySource::Cvss(format!("{score} (CVSS {version})")) })
}

#[cfg(test)]
mod tests;

//! Photon OS's own statements, one file for each release: <https://packages.vmware.com/photon/photon_cve_metadata/>.
//!
//! ```json
//! [{"cve_id": "CVE-2019-0199", "pkg": "apache-tomcat", "cve_score": 7.5,
//!   "aff_ver": "all versions before 8.5.40-1.ph3 are vulnerable", "res_ver": "8.5.40-1.ph3"},
//!  {"cve_id": "UNK-1", "pkg": "curl-libs", "cve_score": 6.7, "aff_ver": "NA", "res_ver": "NA", "status": "Not Affected"}]
//! ```
//!
//! | statement | what it becomes |
//! | --- | --- |
//! | `res_ver` is a version | affected before that version; of several for one package, each counts |
//! | `status` is `Not Affected` | nothing |
//! | `res_ver` is a version, and `cve_id` no identifier | undecided before that version |
//! | neither | nothing |
//! | anything else | undecided in every version |

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_core::{Ecosystem, LimitExceeded, Limits};
use plimsoll_vuln::affected::{Affected, End, FixState, Interval, Start};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::rpm::Rpm;
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource};
use serde::Deserialize;

use super::{Covers, Location, Publisher, Reading, Situation};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name};
use crate::error::DocumentProblem;
use crate::input::{Files, Input, documents};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};

/// Releases that the list may name. There were five in 2026.
const MAX_RELEASES: usize = 64;
/// The list of the releases.
const LIST: &str = "photon_versions.json";

/// The maintainers of Photon OS.
#[derive(Debug)]
pub(super) struct Photon;

impl Publisher for Photon {
    fn id(&self) -> &'static str {
        Ecosystem::PhotonOs.id()
    }

    fn name(&self) -> &'static str {
        "Photon OS"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    /// Only samples were seen.
    fn unproven(&self, _content: &str) -> bool {
        true
    }

    fn address(&self) -> &'static str {
        "https://packages.vmware.com/photon/photon_cve_metadata/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let list = Location::new(format!("photon/{LIST}"), LIST).index();
        if *wanted == Wanted::whole(Ecosystem::PhotonOs) { vec![list] } else { Vec::new() }
    }

    /// A file for each release but the one that is being developed.
    fn follow(
        &self,
        _index: &Location,
        content: &[u8],
        _situation: &Situation<'_>,
    ) -> Result<Vec<Location>, DocumentProblem> {
        let list: Releases = plimsoll_core::json::from_slice(content, content.len() as u64)?;
        let mut files = Vec::new();
        for branch in list.branches.iter().filter(|branch| !branch.eq_ignore_ascii_case("dev")) {
            if !is_release(branch) || files.len() >= MAX_RELEASES {
                return Err(DocumentProblem::Name { field: "branches" });
            }
            let file = format!("cve_data_photon{branch}.json");
            files.push(Location::new(format!("photon/{file}"), file));
        }
        if files.is_empty() { Err(DocumentProblem::Name { field: "branches" }) } else { Ok(files) }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut files = documents(&folder, &["json"])?;
        files.retain(|path| path.file_name().is_none_or(|name| name != LIST));
        let content = Ecosystem::PhotonOs.name().to_owned();
        let found = Input { content, files: Files::Loose { folder, files } };
        Ok(if found.files.is_empty() { Vec::new() } else { vec![found] })
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let (mut drafts, mut releases) = (BTreeMap::new(), BTreeSet::new());
        let source = input.files.read(limits, &mut |entry| {
            let Some(release) = release(&entry) else {
                report.read += 1;
                report.skip(Skip::NotAnAdvisory, &entry.path());
                return Ok(());
            };
            read(&entry, release, limits, report, &mut drafts)?;
            releases.insert(release.to_owned());
            Ok(())
        })?;
        let (drafts, releases) = (drafts.into_values().collect(), releases.into_iter().collect());
        Ok(Reading { drafts, releases, ..Reading::empty(Covers::Packages(Ecosystem::PhotonOs), source) })
    }
}

/// `5.0` of `cve_data_photon5.0.json`.
fn release<'e>(entry: &'e Entry<'_>) -> Option<&'e str> {
    let release = entry.stem("json")?.strip_prefix("cve_data_photon")?;
    is_release(release).then_some(release)
}

fn is_release(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split('.').count() == 2 && text.split('.').all(is_number)
}

/// `photon_versions.json`.
#[derive(Debug, Deserialize)]
struct Releases {
    branches: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Statement {
    cve_id: Option<String>,
    pkg: String,
    cve_score: Option<Score>,
    res_ver: Option<String>,
    status: Option<String>,
}

/// A number, which some files have as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Score {
    Number(f64),
    Text(String),
}

impl Statement {
    /// The rating of the vulnerability; the score says not of which version of CVSS it is.
    fn rating(&self) -> Result<Rating, ()> {
        let score = match &self.cve_score {
            None => return Ok(Rating::default()),
            Some(Score::Number(score)) => *score,
            Some(Score::Text(text)) => text.trim().parse().map_err(drop)?,
        };
        let severity = Severity::from_score(score).ok_or(())?;
        Ok(Rating { severity, source: SeveritySource::Cvss(format!("{score} (CVSS)")) })
    }
}

fn read(
    entry: &Entry<'_>,
    release: &str,
    limits: &Limits,
    report: &mut FeedReport,
    drafts: &mut BTreeMap<String, Draft>,
) -> Result<(), Error> {
    let read = plimsoll_core::json::from_slice::<Vec<Statement>>(entry.bytes, limits.advisory_bytes);
    let statements = read.map_err(|error| entry.broken(error.into()))?;
    // An empty list is no release without vulnerabilities.
    if statements.is_empty() {
        return Err(entry.broken(DocumentProblem::Name { field: "cve_id" }));
    }
    for statement in statements {
        report.read += 1;
        if report.read > limits.advisories {
            let what = entry.file.display().to_string();
            return Err(LimitExceeded::new("advisories", limits.advisories, what).into());
        }
        if !is_package_name(&statement.pkg) {
            return Err(entry.broken(DocumentProblem::Name { field: "pkg" }));
        }
        let stated = statement.cve_id.as_deref().unwrap_or_default().trim();
        let example = format!("{stated} {}", statement.pkg);
        if statement
            .status
            .as_deref()
            .is_some_and(|status| status.trim().eq_ignore_ascii_case("not affected"))
        {
            report.skip(Skip::NotAffected, &example);
            continue;
        }
        let id = Some(stated).filter(|id| is_identifier(id) && id.contains('-'));
        let fix = statement.res_ver.as_deref().map(str::trim).filter(|fix| is_version(fix));
        let (intervals, doubtful) = match (id, fix) {
            (Some(_), Some(fix)) => {
                (vec![Interval { from: Start::First, end: End::Before(fix) }], Vec::new())
            }
            (Some(_), None) => {
                report.doubt(Doubt::FixedVersion, &example);
                (Vec::new(), vec![Interval::ALL])
            }
            (None, Some(fix)) => {
                report.doubt(Doubt::Malformed, &example);
                (Vec::new(), vec![Interval { from: Start::First, end: End::Before(fix) }])
            }
            (None, None) => {
                report.skip(Skip::NoIdentifier, &example);
                continue;
            }
        };
        let id = id.map_or_else(|| format!("PHOTON-{release}-{}", statement.pkg), str::to_owned);
        let rating = statement.rating().unwrap_or_else(|()| {
            report.doubt(Doubt::Severity, &example);
            Rating::default()
        });
        report.kept += 1;
        let mut affected = Vec::new();
        let fix_state = FixState::Unknown;
        Affected { intervals, doubtful, versions: Vec::new(), fix_state }.encode(&mut affected);
        let draft = drafts.entry(id.clone()).or_insert_with(|| Draft {
            id,
            origin: String::new(),
            detail: Detail::default(),
            rating: rating.clone(),
            statements: Vec::new(),
        });
        draft.statements.push(PackageStatement {
            key: key(Some(release), statement.pkg.as_str().into()).into_owned(),
            rating,
            module: None,
            class: Class::Vulnerability,
            affected,
        });
    }
    Ok(())
}

/// `NA` is none, although rpm would compare it.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && Rpm.check(text).is_ok()
}

//! The format of Alpine's security database, in which others publish as well: for each source package, the version that fixed
//! each vulnerability, by release and repository.
//!
//! ```json
//! {"distroversion": "v3.20", "reponame": "main", "packages": [
//!   {"pkg": {"name": "openssl", "secfixes": {
//!     "3.3.1-r1": ["CVE-2024-5535"],
//!     "3.3.0-r2": ["CVE-2024-4603 GHSA-85xr-ghj6-6m46", "CVE-2024-0001 (+ regression fix)"],
//!     "0": ["CVE-2023-0466"]}}}]}
//! ```
//!
//! | statement | what it becomes |
//! | --- | --- |
//! | version `0` | nothing: no version of the distribution had it |
//! | another version | affected before that version |
//! | several versions for one vulnerability | affected before the last of them: the earlier fixes were incomplete |
//!
//! Until 2020, the same data was published as YAML, which is also read.
//!
//! Text after an identifier contains other identifiers of the same vulnerability, and remarks. A second CVE
//! in it is another vulnerability. An identifier next to several CVEs (one Xen advisory covers many) is not an alias of
//! any of them. The database has no ratings and lists only fixed vulnerabilities, so a package that it does not list
//! has no *fixed* one; unfixed ones are not in it. A release with a missing repository is
//! not covered. Distributions with only one release have neither releases nor several repositories in their file.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::{Distribution, Ecosystem, LimitExceeded, Limits, yaml};
use plimsoll_vuln::affected::{Affected, FixState};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::events::Event;
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::apk::Apk;
use plimsoll_vuln::{Class, Rating};
use serde::Deserialize;

use super::{Covers, Reading};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name};
use crate::error::DocumentProblem;
use crate::input::Input;
use crate::{Doubt, Entry, Error, FeedReport, Skip};

/// What distinguishes one distribution's database from another's.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) ecosystem: Ecosystem,
    /// Where a vulnerability is described, without its identifier.
    pub(super) tracker: Option<&'static str>,
    /// The repositories that must all be read before the absence of a package has a meaning, of a release. A package URL does
    /// not say which of them it is from.
    pub(super) repositories: fn(&str) -> &'static [&'static str],
}

impl Source {
    pub(super) fn read(
        &self,
        input: &Input,
        limits: &Limits,
        report: &mut FeedReport,
    ) -> Result<Reading, Error> {
        let (fixes, releases) = (BTreeMap::new(), BTreeMap::new());
        let mut database = Database { source: self, limits, report, fixes, releases };
        let source = input.files.read(limits, &mut |entry| database.repository(&entry))?;
        let Database { report, fixes, releases, .. } = database;
        let drafts = drafts(self, fixes, report);
        let whole = |(release, found): (String, BTreeSet<String>)| {
            let needed = (self.repositories)(&release);
            let missing = needed.iter().find(|repository| !found.contains(**repository));
            if let Some(missing) = missing {
                report.doubt(Doubt::Repository, &format!("{release} {missing}"));
            }
            missing.is_none().then_some(release)
        };
        let releases = releases.into_iter().filter_map(whole).collect();
        Ok(Reading { drafts, releases, ..Reading::empty(Covers::Packages(self.ecosystem), source) })
    }
}

#[derive(Debug, Deserialize)]
struct Repository {
    /// Missing where there is only one release.
    #[serde(default)]
    distroversion: String,
    reponame: String,
    #[serde(default)]
    packages: Option<Vec<Member>>,
}

#[derive(Debug, Deserialize)]
struct Member {
    pkg: Package,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    /// Identifiers by the version that fixed them.
    #[serde(default)]
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// The data read so far.
struct Database<'r> {
    source: &'r Source,
    limits: &'r Limits,
    report: &'r mut FeedReport,
    /// By vulnerability.
    fixes: BTreeMap<String, Fixes>,
    /// The repositories that were read, by release.
    releases: BTreeMap<String, BTreeSet<String>>,
}

/// The fixes of one vulnerability.
#[derive(Debug, Default)]
struct Fixes {
    others: BTreeSet<String>,
    /// The versions that fixed it, by the key of the package.
    versions: BTreeMap<String, Vec<String>>,
}

impl Database<'_> {
    fn repository(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let repository = repository(entry, self.limits).map_err(|reason| entry.broken(reason))?;
        let release = Distribution::by_ecosystem(self.source.ecosystem)
            .and_then(|distribution| distribution.release_in_osv(&repository.distroversion, ""))
            .ok_or_else(|| entry.broken(DocumentProblem::Name { field: "distroversion" }))?;
        for Member { pkg } in repository.packages.into_iter().flatten() {
            if !is_package_name(&pkg.name) {
                return Err(entry.broken(DocumentProblem::Name { field: "packages.pkg.name" }));
            }
            let key = key(Some(&release), pkg.name.as_str().into()).into_owned();
            for (version, identifiers) in pkg.secfixes.into_iter().flatten() {
                for text in identifiers.into_iter().flatten() {
                    self.statement(&key, &version, &text);
                }
            }
            if self.report.read > self.limits.advisories {
                let file = entry.file.display().to_string();
                return Err(LimitExceeded::new("advisories", self.limits.advisories, file).into());
            }
        }
        self.releases.entry(release).or_default().insert(repository.reponame);
        Ok(())
    }

    /// One identifier, or several with remarks, that a version fixed.
    fn statement(&mut self, key: &str, version: &str, text: &str) {
        // Some are written by hand: `CVE_2019-2426`, `CVE 2018-16859`.
        let text = text.replace("CVE_", "CVE-").replace("CVE ", "CVE-");
        let identifiers = identifiers(&text);
        let (cves, others): (Vec<&str>, Vec<&str>) =
            identifiers.iter().partition(|id| id.starts_with("CVE-"));
        let (ids, others) = match (cves.is_empty(), others.split_first()) {
            (false, _) => (cves, others.as_slice()),
            (true, Some((first, rest))) => (vec![*first], rest),
            (true, None) => {
                self.report.read += 1;
                self.report.skip(Skip::NoIdentifier, &format!("{key} {version}"));
                return;
            }
        };
        for id in ids {
            self.report.read += 1;
            if version == "0" {
                self.report.skip(Skip::NotAffected, &format!("{id} {key}"));
                continue;
            }
            self.report.kept += 1;
            let fixes = self.fixes.entry(id.to_owned()).or_default();
            fixes.others.extend(others.iter().map(|&other| other.to_owned()));
            fixes.versions.entry(key.to_owned()).or_default().push(version.to_owned());
        }
    }
}

fn repository(entry: &Entry<'_>, limits: &Limits) -> Result<Repository, DocumentProblem> {
    if entry.file.extension().is_some_and(|ending| ending == "yaml") {
        let name = entry.file.file_name().unwrap_or_default().to_string_lossy();
        return Ok(yaml::read_generated(entry.bytes, &name, yaml::Size::LIST)?);
    }
    Ok(plimsoll_core::json::from_slice(entry.bytes, limits.advisory_bytes)?)
}

/// The identifiers in a text, up to the first remark: `CVE-2017-2620 XSA-209`, `CVE-2018-14468 (FrameRelay)`.
fn identifiers(text: &str) -> Vec<&str> {
    let is_known = |statement: &&str| {
        let (prefix, rest) = statement.split_once('-').unwrap_or_default();
        let named = prefix.starts_with(|c: char| c.is_ascii_alphabetic())
            && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
            && rest.bytes().any(|b| b.is_ascii_digit());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-:._".contains(&b);
        named && is_identifier(statement) && rest.bytes().all(plain)
    };
    let statements = text.split_whitespace().map(|statement| statement.trim_end_matches([',', ';']));
    statements.take_while(|statement| !statement.starts_with('(')).filter(is_known).collect()
}

/// An advisory for each vulnerability.
fn drafts(source: &Source, fixes: BTreeMap<String, Fixes>, report: &mut FeedReport) -> Vec<Draft> {
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    for other in fixes.values().flat_map(|fixes| &fixes.others) {
        *claims.entry(other.clone()).or_default() += 1;
    }
    let draft = |(id, Fixes { others, versions }): (String, Fixes)| {
        let alone = |other: &String| *other != id && claims.get(other) == Some(&1);
        let statements =
            versions.into_iter().map(|(key, versions)| statement(key, &versions, &id, report)).collect();
        Draft {
            detail: Detail {
                aliases: others.into_iter().filter(alone).collect(),
                urls: source.tracker.iter().map(|tracker| format!("{tracker}{id}")).collect(),
                ..Detail::default()
            },
            id,
            origin: String::new(),
            rating: Rating::default(),
            statements,
        }
    };
    fixes.into_iter().map(draft).collect()
}

/// Affected before the last of `versions`. An invalid version leaves its neighbours, or everything, undecided.
fn statement(key: String, versions: &[String], id: &str, report: &mut FeedReport) -> PackageStatement {
    let mut affected =
        Affected { intervals: vec![], doubtful: vec![], versions: vec![], fix_state: FixState::Unknown };
    let (valid, odd): (Vec<&String>, Vec<&String>) =
        versions.iter().partition(|version| Apk.check(version).is_ok());
    let last = valid.into_iter().max_by(|a, b| Apk.compare(a, b).unwrap_or_else(|_| a.cmp(b)));
    for version in last.into_iter().chain(odd) {
        for oddity in Apk.compile(&[(Event::Introduced, "0"), (Event::Fixed, version)], &mut affected) {
            report.doubt(oddity, &format!("{id} {key} {version}"));
        }
    }
    let mut encoded = Vec::new();
    affected.encode(&mut encoded);
    PackageStatement {
        key,
        rating: Rating::default(),
        module: None,
        class: Class::Vulnerability,
        affected: encoded,
    }
}

#[cfg(test)]
mod tests;

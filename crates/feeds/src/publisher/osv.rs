//! Advisories in OSV's format, schema 1.x: <https://ossf.github.io/osv-schema/>.
//!
//! ```json
//! {"id": "PYSEC-2024-150", "modified": "2024-11-21T14:23:03Z", "aliases": ["CVE-2024-24563"],
//!  "affected": [{"package": {"ecosystem": "PyPI", "name": "vyper"},
//!                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.4.0b1"}]}],
//!                "versions": ["0.3.9", "0.3.10"]}],
//!  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}
//! ```
//!
//! Unknown members are ignored, as the schema demands; known ones must have the schema's type, or the whole build
//! fails: a changed format must not result in an empty database.

mod erratum;
mod ubuntu;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_core::{Distribution, Ecosystem, Limits, Timestamp};
use plimsoll_vuln::affected::{Affected, End, FixState, Interval, Start};
use plimsoll_vuln::database::{Detail, VulnerableFunctions, key};
use plimsoll_vuln::events::{self, Event, RangeProblem};
use plimsoll_vuln::order::{self, VersionOrder};
use plimsoll_vuln::version::Versions as _;
use plimsoll_vuln::version::bitnami::Bitnami;
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource, Topic};
use serde::Deserialize;

use super::{Covers, Location, Publisher, Reading, owns_folder};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, is_web, one_line};
use crate::error::DocumentProblem;
use crate::input::{Files, Input, documents, folders};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};

/// How many links of an advisory are kept. Some advisories list fifty commits.
const MAX_URLS: usize = 5;

/// OSV, which republishes the ecosystems' own databases.
#[derive(Debug)]
pub(super) struct Osv;

impl Publisher for Osv {
    fn id(&self) -> &'static str {
        "osv"
    }

    fn name(&self) -> &'static str {
        "OSV"
    }

    /// The licences of the original databases.
    fn licence(&self, content: &str) -> Option<&'static str> {
        match content {
            "crates.io" => Some("CC0-1.0"),
            "AlmaLinux" => Some("MIT"),
            "Bitnami" => Some("Apache-2.0"),
            "Ubuntu" => Some("CC-BY-SA-4.0"),
            "Go" | "PyPI" | "npm" | "Maven" | "NuGet" | "RubyGems" | "Packagist" => Some("CC-BY-4.0"),
            _ => None,
        }
    }

    /// Of distributions, only these were tested with real files so far.
    fn unproven(&self, content: &str) -> bool {
        let seen = ["AlmaLinux", "Rocky Linux", "Ubuntu"];
        !seen.contains(&content) && Ecosystem::from_name(content).is_some_and(Ecosystem::is_os)
    }

    fn address(&self) -> &'static str {
        "https://osv-vulnerabilities.storage.googleapis.com/"
    }

    /// Not for ecosystems whose own publishers say more, nor for those that OSV does not know.
    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let Wanted::Packages { ecosystem, release: None } = wanted else { return Vec::new() };
        let name = ecosystem.name();
        let elsewhere = [
            Ecosystem::Alpine,
            Ecosystem::AmazonLinux,
            Ecosystem::AzureLinux,
            Ecosystem::Chainguard,
            Ecosystem::Cpe,
            Ecosystem::MinimOs,
            Ecosystem::OracleLinux,
            Ecosystem::PhotonOs,
            Ecosystem::RedHat,
            Ecosystem::Wolfi,
        ];
        if elsewhere.contains(ecosystem) || Target::named(name).is_none() {
            return Vec::new();
        }
        let path = format!("{}/all.zip", name.replace(' ', "%20"));
        vec![Location::new(format!("osv/{name}/all.zip"), path)]
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let bucket = from.join(self.id());
        let mut places = folders(from)?;
        places.retain(|(name, _)| !owns_folder(name));
        if bucket.is_dir() {
            places.extend(folders(&bucket)?);
        }
        let mut found = Vec::new();
        for (content, folder) in places {
            if let Some(files) = files(folder)? {
                found.push(Input { content, files });
            }
        }
        Ok(found)
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let target = Target::named(&input.content);
        let mut drafts = Vec::new();
        let source = input.files.read(limits, &mut |entry| {
            drafts.extend(read(target.as_ref(), &entry, limits, report)?);
            Ok(())
        })?;
        if target.as_ref().is_some_and(Target::is_ubuntu) {
            ubuntu::drop_repeated(&mut drafts, report);
        }
        let mut releases = BTreeSet::new();
        if target.as_ref().is_some_and(|target| target.distribution.is_some()) {
            let statements = drafts.iter().flat_map(|draft: &Draft| &draft.statements);
            releases
                .extend(statements.filter_map(|statement| Some(statement.key.split_once('/')?.0.to_owned())));
        }
        let covers = target.map_or(Covers::Nothing, |target| Covers::Packages(target.ecosystem));
        Ok(Reading { drafts, releases: releases.into_iter().collect(), ..Reading::empty(covers, source) })
    }
}

/// How the documents of one ecosystem are stored.
fn files(folder: std::path::PathBuf) -> Result<Option<Files>, Error> {
    let zip = folder.join("all.zip");
    let files = documents(&folder, &["json"])?;
    match (zip.is_file(), files.first()) {
        (true, None) => Ok(Some(Files::Zip(zip))),
        (true, Some(first)) => Err(Error::Ambiguous { first: zip, second: first.clone() }),
        (false, Some(_)) => Ok(Some(Files::Loose { folder, files })),
        (false, None) => Ok(None),
    }
}

/// The ecosystem that documents are read for.
#[derive(Debug)]
pub(super) struct Target {
    ecosystem: Ecosystem,
    order: &'static dyn VersionOrder,
    /// Set if its packages are distinguished by release.
    distribution: Option<&'static Distribution>,
}

impl Target {
    /// The ecosystem with this name at OSV, if the database supports it.
    pub(super) fn named(name: &str) -> Option<Self> {
        // Debian's own tracker is the only source for Debian: OSV's copy of it lacks urgencies and decisions.
        let ecosystem = Ecosystem::from_name(name).filter(|ecosystem| *ecosystem != Ecosystem::Debian)?;
        let distribution =
            if ecosystem.is_os() { Some(Distribution::by_ecosystem(ecosystem)?) } else { None };
        Some(Self { ecosystem, order: order::of_ecosystem(ecosystem)?, distribution })
    }

    pub(super) fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    fn is_ubuntu(&self) -> bool {
        self.ecosystem == Ecosystem::Ubuntu
    }
}

#[derive(Debug, Deserialize)]
struct Advisory {
    id: String,
    modified: Timestamp,
    published: Option<Timestamp>,
    withdrawn: Option<Timestamp>,
    aliases: Option<Vec<String>>,
    upstream: Option<Vec<String>>,
    related: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<Score>>,
    affected: Option<Vec<AffectedPackage>>,
    references: Option<Vec<Reference>>,
    #[serde(default)]
    database_specific: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Score {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Debug, Deserialize)]
struct AffectedPackage {
    package: Option<Package>,
    severity: Option<Vec<Score>>,
    ranges: Option<Vec<Range>>,
    versions: Option<Vec<String>>,
    #[serde(default)]
    ecosystem_specific: serde_json::Value,
    #[serde(default)]
    database_specific: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Range {
    #[serde(rename = "type")]
    kind: String,
    events: Option<Vec<BTreeMap<String, String>>>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: Option<String>,
    url: String,
}

/// Reads one document. Nothing if it does not belong in the database of the `target`; the report then counts
/// it. Without a target, the advisory is only read to rate others.
pub(super) fn read(
    target: Option<&Target>,
    entry: &Entry<'_>,
    limits: &Limits,
    report: &mut FeedReport,
) -> Result<Vec<Draft>, Error> {
    report.read += 1;
    let origin = entry.name.map_or_else(|| entry.file.display().to_string(), str::to_owned);
    if entry.name.is_some_and(|name| name.rsplit_once('.').is_none_or(|(_, ending)| ending != "json")) {
        report.skip(Skip::NotAnAdvisory, &origin);
        return Ok(Vec::new());
    }
    let advisory: Advisory = plimsoll_core::json::from_slice(entry.bytes, limits.advisory_bytes)
        .map_err(|error| entry.broken(error.into()))?;
    let aliases = advisory.aliases.as_deref().unwrap_or_default();
    let upstream = advisory.upstream.as_deref().unwrap_or_default();
    let named = std::iter::once(("id", &advisory.id))
        .chain(aliases.iter().map(|alias| ("aliases", alias)))
        .chain(upstream.iter().map(|id| ("upstream", id)))
        .chain(advisory.related.iter().flatten().map(|id| ("related", id)));
    for (field, text) in named {
        if !is_identifier(text) {
            return Err(entry.broken(DocumentProblem::Name { field }));
        }
    }
    // An advisory that will be withdrawn later still counts.
    if advisory.withdrawn.is_some_and(|withdrawn| withdrawn <= report.as_of) {
        report.withdrawn += 1;
        return Ok(Vec::new());
    }
    let is_of_distribution = target.is_some_and(|target| target.distribution.is_some());
    let vulnerabilities = if is_of_distribution { erratum::vulnerabilities(&advisory) } else { Vec::new() };
    if is_of_distribution && vulnerabilities.is_empty() && erratum::is_no_security(&advisory.id) {
        report.skip(Skip::NoVulnerability, &advisory.id);
        return Ok(Vec::new());
    }
    let mut statements = Vec::new();
    if let Some(target) = target {
        let mut stated = Vec::new();
        for affected in advisory.affected.as_deref().unwrap_or_default() {
            stated.extend(statement(target, &advisory, affected, entry, report)?);
        }
        if target.is_ubuntu() {
            ubuntu::prefer_fixed(&mut stated);
        }
        statements.extend(stated.into_iter().map(|stated| stated.statement));
        if statements.is_empty() {
            report.skip(Skip::NoPackage, &advisory.id);
            return Ok(Vec::new());
        }
    }
    report.kept += 1;
    // A distribution's word is about its own packages, a vector about the vulnerability.
    let is_general =
        |rating: &Rating| !is_of_distribution || matches!(rating.source, SeveritySource::Cvss(_));
    let rating = statements
        .iter()
        .map(|statement| statement.rating.clone())
        .chain([general_rating(&advisory, report)])
        .filter(is_general)
        .fold(Rating::default(), highest);
    let rating = match target {
        Some(_) => rating,
        None => advisory.affected.iter().flatten().map(|a| rate(&advisory, a)).fold(rating, highest),
    };
    let draft = Draft { detail: detail(&advisory), id: advisory.id.clone(), origin, rating, statements };
    if vulnerabilities.is_empty() {
        return Ok(vec![draft]);
    }
    let one = |cve: &str| Draft {
        id: cve.to_owned(),
        origin: draft.origin.clone(),
        // An erratum is as severe as the worst of what it fixes, so it does not rate each of them.
        rating: Rating::default(),
        detail: draft.detail.clone(),
        statements: draft.statements.clone(),
    };
    Ok(vulnerabilities.into_iter().map(one).collect())
}

/// A statement, and whether it names a fix.
struct Stated {
    statement: PackageStatement,
    is_fixed: bool,
}

/// The advisory's statements about one package: one for each release and module stream, usually one; none for packages of other
/// ecosystems.
fn statement(
    target: &Target,
    advisory: &Advisory,
    affected: &AffectedPackage,
    entry: &Entry<'_>,
    report: &mut FeedReport,
) -> Result<Vec<Stated>, Error> {
    let Some(package) = &affected.package else { return Ok(Vec::new()) };
    let (name, suffix) = package.ecosystem.split_once(':').unwrap_or((&package.ecosystem, ""));
    if name != target.ecosystem.name() {
        report.doubt(Doubt::OtherEcosystems, &advisory.id);
        return Ok(Vec::new());
    }
    let releases_in = |it: &Distribution| it.releases_in_osv(suffix, &package.name);
    let releases = target.distribution.map(releases_in);
    if releases.as_ref().is_some_and(Vec::is_empty) {
        report.doubt(Doubt::Release, &advisory.id);
        return Ok(Vec::new());
    }
    if !is_package_name(&package.name) {
        return Err(entry.broken(DocumentProblem::Name { field: "affected.package.name" }));
    }
    let (compiled, doubts) = compile(target.order, affected);
    for doubt in doubts {
        report.doubt(doubt, &advisory.id);
    }
    let mut encoded = Vec::new();
    compiled.encode(&mut encoded);
    let of_release = |release| key(release, target.ecosystem.normalise(&package.name)).into_owned();
    let keys: Vec<String> = match &releases {
        Some(releases) => releases.iter().map(|release| of_release(Some(release.as_str()))).collect(),
        None => vec![of_release(None)],
    };
    let summary = advisory.summary.as_deref().filter(|_| target.distribution.is_some()).unwrap_or_default();
    let rating = match erratum::severity(summary) {
        Some(severity) => Rating { severity, source: SeveritySource::Vendor },
        None => rate(advisory, affected),
    };
    let class = class(advisory, affected);
    let is_fixed = compiled.intervals.iter().any(|it| matches!(it.end, End::Before(_)));
    let statement = |key: &String, module: Option<&str>| {
        let (key, rating, module) = (key.clone(), rating.clone(), module.map(str::to_owned));
        let statement = PackageStatement { key, rating, module, class, affected: encoded.clone() };
        Stated { statement, is_fixed }
    };
    let is_of_module =
        compiled.intervals.iter().any(|it| matches!(it.end, End::Before(fix) if erratum::is_of_module(fix)));
    let streams = if is_of_module { erratum::streams(summary) } else { Vec::new() };
    Ok(match &streams[..] {
        [] => keys.iter().map(|key| statement(key, None)).collect(),
        streams => {
            let of_key = |key| streams.iter().map(move |stream| statement(key, Some(stream)));
            keys.iter().flat_map(of_key).collect()
        }
    })
}

/// OpenSSF's records of malicious packages have their own identifiers. RustSec marks advisories that only inform, but a
/// CVE or a rating means that somebody considers it a vulnerability.
fn class(advisory: &Advisory, affected: &AffectedPackage) -> Class {
    if advisory.id.starts_with("MAL-") {
        return Class::Malicious;
    }
    let named = advisory.aliases.iter().flatten().any(|alias| alias.starts_with("CVE-"));
    let word = affected.database_specific.get("informational").and_then(|word| word.as_str());
    match word.filter(|_| !named && !rate(advisory, affected).is_rated()) {
        Some("unmaintained") => Class::Informational(Topic::Unmaintained),
        Some("unsound") => Class::Informational(Topic::Unsound),
        Some("notice") => Class::Informational(Topic::Notice),
        // An unknown word may mean anything.
        _ => Class::Vulnerability,
    }
}

fn compile<'a>(order: &dyn VersionOrder, affected: &'a AffectedPackage) -> (Affected<'a>, Vec<Doubt>) {
    let mut doubts = Vec::new();
    let versions: Vec<&str> = affected.versions.iter().flatten().map(String::as_str).collect();
    let mut compiled =
        Affected { intervals: Vec::new(), doubtful: Vec::new(), versions, fix_state: FixState::Unknown };
    let mut ranged = false;
    for range in affected.ranges.iter().flatten() {
        match range.kind.as_str() {
            "ECOSYSTEM" | "SEMVER" => {
                ranged = true;
                let odd = compile_range(order, range, &mut compiled);
                doubts.extend(odd.into_iter().map(Doubt::Range));
            }
            // Commits say nothing about versions; publishers may list the versions as well.
            "GIT" => {}
            _ => {
                doubts.push(Doubt::RangeType);
                compiled.doubtful.push(Interval::ALL);
            }
        }
    }
    if !ranged && compiled.versions.is_empty() && compiled.doubtful.is_empty() {
        doubts.push(Doubt::NoVersions);
        compiled.doubtful.push(Interval::ALL);
    }
    end_at_last_known(order, affected, &mut compiled);
    compiled.fix_state = events::fix_state(&compiled);
    order.drop_enumerated(&mut compiled);
    compiled.doubtful.sort_unstable();
    compiled.doubtful.dedup();
    (compiled, doubts)
}

/// GitHub writes the end of a range beside it where no version is named that fixes it:
/// `"last_known_affected_version_range": "< 2.1.3"`. Without it, all later versions would be affected.
fn end_at_last_known<'a>(
    order: &dyn VersionOrder,
    affected: &'a AffectedPackage,
    compiled: &mut Affected<'a>,
) {
    let stated = affected.database_specific.get("last_known_affected_version_range");
    let Some(stated) = stated.and_then(|stated| stated.as_str()) else { return };
    let (end, bound) = match (stated.strip_prefix("<="), stated.strip_prefix('<')) {
        (Some(bound), _) => (End::Through(bound.trim()), bound.trim()),
        (None, Some(bound)) => (End::Before(bound.trim()), bound.trim()),
        (None, None) => return,
    };
    let mut open = compiled.intervals.iter_mut().filter(|interval| interval.end == End::Open);
    // Of several, nothing says which one it ends.
    let (Some(interval), None) = (open.next(), open.next()) else { return };
    let starts_before = match interval.from {
        Start::First => order.check(bound).is_ok(),
        Start::At(from) | Start::After(from) => order.compare(from, bound).is_ok_and(Ordering::is_lt),
    };
    if starts_before {
        interval.end = end;
    }
}

fn compile_range<'a>(
    order: &dyn VersionOrder,
    range: &'a Range,
    compiled: &mut Affected<'a>,
) -> Vec<RangeProblem> {
    let mut list = Vec::new();
    let mut unknown = false;
    for event in range.events.iter().flatten() {
        for (kind, version) in event {
            match kind.as_str() {
                "introduced" => list.push((Event::Introduced, version.as_str())),
                "fixed" => list.push((Event::Fixed, version.as_str())),
                "last_affected" => list.push((Event::LastAffected, version.as_str())),
                "limit" => list.push((Event::Limit, version.as_str())),
                _ => unknown = true,
            }
        }
    }
    let had_events = !list.is_empty();
    if order.id() == Bitnami::ID {
        list = without_pre_releases(list);
    }
    let mut odd = if had_events && list.is_empty() { Vec::new() } else { order.compile(&list, compiled) };
    if unknown {
        odd.push(RangeProblem::UnknownEvent);
        compiled.doubtful.push(Interval::ALL);
    }
    odd
}

/// Leaves out what Bitnami took from Go's advisories: `introduced: 1.24.0-0, fixed: 1.24.0` are the pre-releases of 1.24.0, which it
/// does not package. In its own order, `1.24.0-0` is the first build of 1.24.0.
fn without_pre_releases(events: Vec<(Event, &str)>) -> Vec<(Event, &str)> {
    let mut kept: Vec<(Event, &str)> = Vec::with_capacity(events.len());
    for event in events {
        match (kept.last(), event) {
            (Some((Event::Introduced, from)), (Event::Fixed, to)) if from.strip_suffix("-0") == Some(to) => {
                kept.pop();
            }
            _ => kept.push(event),
        }
    }
    kept
}

/// The rating for one package: the publisher's word, then CVSS; a rating of the package takes precedence over one of
/// the vulnerability.
fn rate(advisory: &Advisory, affected: &AffectedPackage) -> Rating {
    let sources = [&affected.ecosystem_specific, &affected.database_specific, &advisory.database_specific];
    if let Some(severity) = sources.into_iter().find_map(vendor_word) {
        return Rating { severity, source: SeveritySource::Vendor };
    }
    let listed = [affected.severity.as_deref(), advisory.severity.as_deref()];
    if let Some(severity) = listed.into_iter().flatten().find_map(listed_word) {
        return Rating { severity, source: SeveritySource::Vendor };
    }
    listed.into_iter().flatten().find_map(best_score).unwrap_or_default()
}

fn general_rating(advisory: &Advisory, report: &mut FeedReport) -> Rating {
    if let Some(severity) = vendor_word(&advisory.database_specific) {
        return Rating { severity, source: SeveritySource::Vendor };
    }
    let scores = advisory.severity.as_deref().unwrap_or_default();
    let rating = best_score(scores).unwrap_or_default();
    if !scores.is_empty() && !rating.is_rated() && listed_word(scores).is_none() {
        report.doubt(Doubt::Severity, &advisory.id);
    }
    rating
}

fn vendor_word(specific: &serde_json::Value) -> Option<Severity> {
    Severity::from_word(specific.get("severity")?.as_str()?)
}

/// The word of a publisher that lists it among the scores: `{"type": "Ubuntu", "score": "medium"}`.
fn listed_word(scores: &[Score]) -> Option<Severity> {
    let mut words = scores.iter().filter(|score| !score.kind.starts_with("CVSS_"));
    words.find_map(|score| Severity::from_word(&score.score))
}

/// CVSS v3 and v4 before v2; between v3 and v4 the higher one, because a publisher that gives both considers
/// both valid.
fn best_score(scores: &[Score]) -> Option<Rating> {
    let rated = |score: &Score| {
        let severity = Severity::from_cvss(&score.score)?;
        Some((score.kind != "CVSS_V2", severity, score.kind.clone(), score.score.clone()))
    };
    let (_, severity, _, vector) = scores.iter().filter_map(rated).max()?;
    Some(Rating { severity, source: SeveritySource::Cvss(vector) })
}

fn highest(a: Rating, b: Rating) -> Rating {
    if b.severity > a.severity { b } else { a }
}

fn detail(advisory: &Advisory) -> Detail {
    // Go's data has the year 1 for unknown times.
    let time = |time: Timestamp| Some(time.as_second()).filter(|seconds| *seconds > 0);
    // A distribution's copy of one vulnerability: ALPINE-CVE-2024-5535 of CVE-2024-5535. Other advisories,
    // such as an erratum for many vulnerabilities, are not aliases of the CVEs that they name.
    let is_copied = |id: &&String| {
        advisory.id.strip_suffix(id.as_str()).is_some_and(|prefix| prefix.len() > 1 && prefix.ends_with('-'))
    };
    let named = advisory.aliases.iter().flatten();
    let named = named.chain(advisory.upstream.iter().flatten().filter(is_copied));
    let mut aliases: Vec<String> = named.filter(|id| **id != advisory.id).cloned().collect();
    aliases.sort_unstable();
    aliases.dedup();
    let summary = [&advisory.summary, &advisory.details].into_iter().flatten().map(|text| one_line(text));
    Detail {
        aliases,
        summary: summary.into_iter().find(|line| !line.is_empty()).unwrap_or_default(),
        published: advisory.published.and_then(time),
        modified: time(advisory.modified),
        functions: functions(advisory),
        urls: urls(advisory.references.as_deref().unwrap_or_default()),
    }
}

/// The functions that Go's advisories name. What an advisory says about a module without naming any is about all of it.
fn functions(advisory: &Advisory) -> Vec<VulnerableFunctions> {
    let texts = |value: &serde_json::Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let import = |import: &serde_json::Value| -> Option<VulnerableFunctions> {
        let names = import.get("symbols").map_or(Some(Vec::new()), texts)?;
        Some(VulnerableFunctions { package: import.get("path")?.as_str()?.to_owned(), names })
    };
    let mut functions = Vec::new();
    for affected in advisory.affected.iter().flatten() {
        let Some(package) = affected.package.as_ref().filter(|it| it.ecosystem == Ecosystem::Go.name())
        else {
            continue;
        };
        let named = affected.ecosystem_specific.get("imports").and_then(serde_json::Value::as_array);
        let named: Option<Vec<_>> = named.and_then(|list| list.iter().map(import).collect());
        match named.filter(|named| !named.is_empty()) {
            Some(named) => functions.extend(named),
            None => functions
                .push(VulnerableFunctions { package: format!("{}/...", package.name), names: Vec::new() }),
        }
    }
    // Most advisories name none, and need no list that says so.
    if functions.iter().all(|it| it.package.ends_with("/...")) {
        return Vec::new();
    }
    functions
}

/// The most useful links, the advisory first.
fn urls(references: &[Reference]) -> Vec<String> {
    const ORDER: [&str; 6] = ["ADVISORY", "FIX", "REPORT", "ARTICLE", "WEB", "PACKAGE"];
    let rank = |reference: &&Reference| {
        let kind = reference.kind.as_deref().unwrap_or_default();
        ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len())
    };
    let mut known: Vec<_> = references.iter().filter(|reference| is_web(&reference.url)).collect();
    known.sort_by_key(rank);
    let mut urls: Vec<String> = Vec::new();
    for reference in known {
        if urls.len() < MAX_URLS && !urls.contains(&reference.url) {
            urls.push(reference.url.clone());
        }
    }
    urls
}

#[cfg(test)]
mod tests;

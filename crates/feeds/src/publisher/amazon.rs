//! Amazon Linux's security advisories (ALAS), which lie in the metadata of its repositories: [`updateinfo`] has a sample.
//!
//! ```text
//! amazon/1/updates/repomd.xml, updateinfo.xml.gz          Amazon Linux 1, of which all years are one release
//! amazon/2/core/repomd.xml, updateinfo.xml.gz
//! amazon/2/extras-catalog-x86_64.json                     the names of the extras repositories of Amazon Linux 2
//! amazon/2/extras/golang1.19/repomd.xml, updateinfo.xml.gz
//! amazon/2023/core/repomd.xml, updateinfo.xml.gz          and 2022, its preview
//! ```
//!
//! `repomd.xml` has the digest of `updateinfo.xml`; another file is refused. A repository without advisories has none. A release
//! is covered only if all of its repositories are there: those of the catalogue as well.
//!
//! An advisory is about several CVEs, and names each package that was built. It becomes a part of one advisory for each CVE and
//! release, or one of its own if it names none. What several repositories say about one package is in [`lineage`].

mod lineage;
mod remote;
mod repositories;
mod updateinfo;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use plimsoll_core::{Ecosystem, Hasher, LimitExceeded, Limits};
use plimsoll_vuln::affected::{Affected, FixState, Interval};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::rpm::{self, Rpm};
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource};

use super::{Covers, Location, Publisher, Reading, Situation};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, midnight, one_line};
use crate::error::DocumentProblem;
use crate::input::{Files, Input};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};
use lineage::Fix;
use repositories::{Repositories, Repository};
use updateinfo::Update;

/// How many advisories about one CVE are linked.
const MAX_URLS: usize = 5;

/// Amazon.
#[derive(Debug)]
pub(super) struct Amazon;

impl Publisher for Amazon {
    fn id(&self) -> &'static str {
        Ecosystem::AmazonLinux.id()
    }

    fn name(&self) -> &'static str {
        "Amazon Linux"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn address(&self) -> &'static str {
        "https://cdn.amazonlinux.com/"
    }

    /// Amazon Linux 1 ended in 2023, and its repositories are served without TLS.
    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let Wanted::Packages { ecosystem: Ecosystem::AmazonLinux, release } = wanted else {
            return Vec::new();
        };
        match release.as_deref() {
            None => [remote::two(), remote::by_year("2023")].concat(),
            Some("2") => remote::two(),
            Some(year @ ("2022" | "2023")) => remote::by_year(year),
            Some(_) => Vec::new(),
        }
    }

    fn follow(
        &self,
        index: &Location,
        content: &[u8],
        _situation: &Situation<'_>,
    ) -> Result<Vec<Location>, DocumentProblem> {
        remote::follow(index, content, self.address())
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let files = repositories::files(&folder)?;
        let content = Ecosystem::AmazonLinux.name().to_owned();
        let found = Input { content, files: Files::Loose { folder, files } };
        Ok(if found.files.is_empty() { Vec::new() } else { vec![found] })
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let Files::Loose { folder, files } = &input.files else {
            return Err(Error::NoFeeds { dir: input.files.path().to_owned() });
        };
        let repositories = Repositories::of(folder, files, limits)?;
        let mut hasher = Hasher::new(plimsoll_core::Algorithm::Sha256);
        hasher.update(repositories.digests.as_bytes());
        let mut releases: BTreeMap<String, Release> = BTreeMap::new();
        let (mut left, mut statements) = (limits.feed_bytes, limits.advisories.saturating_mul(8));
        for repository in &repositories.all {
            let release = releases.entry(repository.release.clone()).or_default();
            let Some(path) = &repository.updates else { continue };
            let read = updateinfo::read(path, left, limits, |update| {
                let about = (update.packages.len() as u64).saturating_mul(update.cves.len().max(1) as u64);
                statements = statements.checked_sub(about).ok_or_else(|| {
                    LimitExceeded::new("advisories", limits.advisories, path.display().to_string())
                })?;
                release.add(update, repository, report);
                Ok(())
            })?;
            repository.verify(path, &read)?;
            left = left.saturating_sub(read.uncompressed_bytes);
            hasher.update(format!("{} {}\n", read.uncompressed, repository.name()).as_bytes());
        }
        let mut drafts = Vec::new();
        let mut covered = BTreeSet::new();
        for (name, release) in releases {
            match repositories.missing(&name) {
                Some(missing) => report.doubt(Doubt::Repository, &missing),
                None => {
                    covered.insert(name.clone());
                }
            }
            drafts.extend(release.drafts(&name, report));
        }
        let releases = covered.into_iter().collect();
        let covers = Covers::Packages(Ecosystem::AmazonLinux);
        Ok(Reading { drafts, releases, ..Reading::empty(covers, hasher.finish()) })
    }
}

/// Everything about one release.
#[derive(Debug, Default)]
struct Release {
    advisories: Vec<Advisory>,
    /// The advisories about each vulnerability.
    by_id: BTreeMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Advisory {
    id: String,
    repository: Rc<str>,
    title: String,
    issued: Option<i64>,
    severity: Option<Severity>,
    /// The version with the fix of each package; `None` if it is not valid.
    fixes: BTreeMap<String, Option<String>>,
}

impl Release {
    fn add(&mut self, update: Update, repository: &Repository, report: &mut FeedReport) {
        report.read += 1;
        let mut ids: Vec<String> = update.cves.into_iter().filter(|id| is_identifier(id)).collect();
        if ids.is_empty() && update.kind.as_deref().is_some_and(|kind| kind != "security") {
            report.skip(Skip::NoVulnerability, &update.id);
            return;
        }
        if ids.is_empty() && is_identifier(&update.id) {
            ids.push(update.id.clone());
        }
        let mut fixes: BTreeMap<String, Option<String>> = BTreeMap::new();
        for package in update.packages {
            // What was built beside a package for those who debug it.
            if package.name.ends_with("-debuginfo") || package.name.ends_with("-debugsource") {
                continue;
            }
            if !is_package_name(&package.name) {
                report.doubt(Doubt::Malformed, &update.id);
                continue;
            }
            let version = package.version().filter(|version| Rpm.check(version).is_ok());
            if version.is_none() {
                report.doubt(Doubt::FixedVersion, &format!("{} {}", update.id, package.name));
            }
            // Builds for several architectures have one version, except for mistakes.
            let known = fixes.entry(package.name).or_insert_with(|| version.clone());
            *known = match (known.take(), version) {
                (Some(known), Some(version)) => Some(later(known, version)),
                _ => None,
            };
        }
        if fixes.is_empty() || ids.is_empty() {
            report.skip(if ids.is_empty() { Skip::NoIdentifier } else { Skip::NoPackage }, &update.id);
            return;
        }
        report.kept += 1;
        for id in ids {
            let about = self.by_id.entry(id).or_default();
            // An advisory that repeats an identifier is about it once.
            if about.last() != Some(&self.advisories.len()) {
                about.push(self.advisories.len());
            }
        }
        self.advisories.push(Advisory {
            id: update.id,
            repository: Rc::clone(&repository.extra),
            title: update.title,
            issued: update.issued.as_deref().and_then(midnight),
            severity: update.severity.as_deref().and_then(Severity::from_word),
            fixes,
        });
    }

    /// An advisory for each vulnerability.
    fn drafts(&self, release: &str, report: &mut FeedReport) -> Vec<Draft> {
        let about = |indices: &Vec<usize>| -> Vec<&Advisory> {
            indices.iter().filter_map(|index| self.advisories.get(*index)).collect()
        };
        let drafts = self.by_id.iter().map(|(id, indices)| draft(id, &about(indices), release, report));
        drafts.collect()
    }
}

fn draft(id: &str, advisories: &[&Advisory], release: &str, report: &mut FeedReport) -> Draft {
    let mut by_package: BTreeMap<&str, Package<'_>> = BTreeMap::new();
    for advisory in advisories {
        for (name, version) in &advisory.fixes {
            let package = by_package.entry(name).or_default();
            package.severity = package.severity.max(advisory.severity);
            match version {
                // A fix that was not enough is followed by another one in the same repository.
                Some(version) => {
                    let known = package.fixes.entry(&advisory.repository).or_insert_with(|| version.clone());
                    *known = later(std::mem::take(known), version.clone());
                }
                None => package.is_undecided = true,
            }
        }
    }
    let first = advisories.first();
    let urls = advisories.iter().filter_map(|advisory| url(&advisory.id, release)).take(MAX_URLS);
    Draft {
        id: id.to_owned(),
        origin: format!("{release}/{id}"),
        detail: Detail {
            summary: first.map(|advisory| one_line(&advisory.title)).unwrap_or_default(),
            published: advisories.iter().filter_map(|advisory| advisory.issued).min(),
            urls: urls.collect(),
            ..Detail::default()
        },
        // An advisory is as severe as the worst of what it fixes, so it does not rate each of them.
        rating: Rating::default(),
        statements: by_package
            .into_iter()
            .map(|(name, package)| {
                package.statement(key(Some(release), name.into()).into_owned(), id, report)
            })
            .collect(),
    }
}

/// What is said about one package.
#[derive(Debug, Default)]
struct Package<'a> {
    /// By repository.
    fixes: BTreeMap<&'a str, String>,
    severity: Option<Severity>,
    is_undecided: bool,
}

impl Package<'_> {
    fn statement(self, key: String, id: &str, report: &mut FeedReport) -> PackageStatement {
        let fixes: Vec<Fix> =
            self.fixes.into_iter().map(|(repository, version)| Fix::new(repository, version)).collect();
        let spans = lineage::spans(&fixes);
        if !spans.undecided.is_empty() {
            report.doubt(Doubt::Repositories, id);
        }
        let mut doubtful: Vec<Interval<'_>> = spans.undecided;
        if self.is_undecided {
            doubtful.push(Interval::ALL);
        }
        let (intervals, versions, fix_state) = (spans.affected, Vec::new(), FixState::Unknown);
        let mut affected = Vec::new();
        Affected { intervals, doubtful, versions, fix_state }.encode(&mut affected);
        let rating = self.severity.map(|severity| Rating { severity, source: SeveritySource::Vendor });
        let (rating, class) = (rating.unwrap_or_default(), Class::Vulnerability);
        PackageStatement { key, rating, module: None, class, affected }
    }
}

/// The later of two valid versions.
fn later(a: String, b: String) -> String {
    if rpm::compare(&a, &b).is_ok_and(std::cmp::Ordering::is_lt) { b } else { a }
}

/// Where an advisory is described: `https://alas.aws.amazon.com/AL2023/ALAS-2023-126.html` for `ALAS2023-2023-126`.
fn url(id: &str, release: &str) -> Option<String> {
    const SITE: &str = "https://alas.aws.amazon.com/";
    let rest = id.strip_prefix("ALAS")?;
    let safe = id.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    let (folder, rest) = match release {
        "1" => (String::new(), rest),
        _ => (format!("AL{release}/"), rest.strip_prefix(release).unwrap_or(rest)),
    };
    safe.then(|| format!("{SITE}{folder}ALAS{rest}.html"))
}

/// A file that is not what it should be.
fn broken(path: &Path, reason: DocumentProblem) -> Error {
    Entry { file: path, name: None, bytes: &[] }.broken(reason)
}

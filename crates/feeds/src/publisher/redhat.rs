//! Red Hat's statements by CVE, in CSAF 2.0's profiles VEX and security advisory:
//! <https://docs.oasis-open.org/csaf/csaf/v2.0/os/csaf-v2.0-os.html>. One document for each CVE ([`document`] has a sample).
//!
//! | statement about a package in `enterprise_linux` | what it becomes |
//! | --- | --- |
//! | `fixed` | affected before that version; of several, see [`lineage`] |
//! | `known_affected` | affected in every version; never fixed if the remediation is `no_fix_planned`, otherwise not yet |
//! | both | the fix counts |
//! | `under_investigation` | undecided in every version |
//! | `fixed` or `known_affected`, with an invalid package URL | undecided in every version of what its identifier names |
//! | `known_not_affected`, `recommended` | nothing |
//!
//! The fixes of the extended updates (`rhel_eus`, `rhel_aus`, `rhel_e4s`, `rhel_tus`, `rhel_els`) only bound what is affected:
//! whoever has them needs no later one. Other products are not covered: their packages are in no release of the distribution.
//!
//! Names are those of binary packages (`libcurl-minimal`), and of source packages (`arch=src`). A package of a module is about
//! that stream only. Red Hat's impact is the severity.
//!
//! The documents lie as at the publisher: `redhat/2023/cve-2023-38545.json`, or in its archive of one day,
//! `redhat/csaf_vex_2026-11-20.tar.zst`, with the documents that changed since and `deletions.csv` beside it. A document that cannot be read stops the build: the
//! CVE in its name says nothing about its packages.

mod document;
mod lineage;
mod remote;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use plimsoll_core::{Ecosystem, Limits, Timestamp};
use plimsoll_vuln::affected::{Affected, FixState, Interval};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::version::rpm::Rpm;
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource, order::VersionOrder as _};

use super::{Covers, Location, Publisher, Reading, Situation};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, one_line};
use crate::error::DocumentProblem;
use crate::input::{Files, Input, documents, files, folders, tree};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};
use document::{Document, Products, Vulnerability};

/// Where a vulnerability is described.
const TRACKER: &str = "https://access.redhat.com/security/cve/";
/// The documents as one archive.
const ARCHIVE: &str = "csaf-vex.zip";

/// Red Hat's product security.
#[derive(Debug)]
pub(super) struct RedHat;

impl Publisher for RedHat {
    fn id(&self) -> &'static str {
        "redhat"
    }

    fn name(&self) -> &'static str {
        "Red Hat CSAF"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        Some("CC-BY-4.0")
    }

    fn address(&self) -> &'static str {
        "https://security.access.redhat.com/data/csaf/v2/vex/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        if *wanted == Wanted::whole(Ecosystem::RedHat) { remote::first() } else { Vec::new() }
    }

    fn follow(
        &self,
        index: &Location,
        content: &[u8],
        situation: &Situation<'_>,
    ) -> Result<Vec<Location>, DocumentProblem> {
        remote::follow(index, content, situation)
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        let content = Ecosystem::RedHat.name().to_owned();
        let archives: Vec<PathBuf> = if folder.is_dir() {
            let is_archive = |path: &PathBuf| remote::day_of_archive(path).is_some();
            files(&folder)?.into_iter().filter(is_archive).collect()
        } else {
            Vec::new()
        };
        let Some(last) = archives.last() else {
            let files = tree(folder.clone(), ARCHIVE, folder, 1, "json")?;
            return Ok(files.map(|files| Input { content, files }).into_iter().collect());
        };
        // Named after their day, so that the last is the newest.
        let mut later = Vec::new();
        for (_, year) in folders(&folder)? {
            later.extend(documents(&year, &["json"])?);
        }
        let zip = folder.join(ARCHIVE);
        if zip.is_file() {
            return Err(Error::Ambiguous { first: last.clone(), second: zip });
        }
        let deletions = Some(folder.join(remote::DELETIONS)).filter(|path| path.is_file());
        later.extend(deletions);
        Ok(vec![Input { content, files: Files::Tar { folder, archives, later } }])
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let mut releases = BTreeSet::new();
        // By their place at the publisher: `2024/cve-2024-24786.json`.
        let mut known: BTreeMap<String, Read> = BTreeMap::new();
        let mut deleted = BTreeMap::new();
        let source = input.files.read(limits, &mut |entry| {
            if entry.part(0) == Some(remote::DELETIONS) {
                let Some(day) =
                    input.files.path().file_name().map(Path::new).and_then(remote::day_of_archive)
                else {
                    return Ok(());
                };
                deleted = remote::since(entry.bytes, day).map_err(|problem| entry.broken(problem))?;
                return Ok(());
            }
            let name = [entry.part(1).unwrap_or_default(), entry.part(0).unwrap_or_default()].join("/");
            let is_of_archive = entry.name.is_some();
            if is_of_archive && deleted.contains_key(&name) && !known.contains_key(&name) {
                report.read += 1;
                report.withdrawn += 1;
                return Ok(());
            }
            let read = read(&entry, limits, report, &mut releases)?;
            match known.get(&name) {
                // Documents that changed after the archive was made lie beside it, and are read first.
                Some(other) if other.modified >= read.modified => repeated(&read, &name, report),
                Some(other) => {
                    repeated(other, &name, report);
                    known.insert(name, read);
                }
                None => {
                    known.insert(name, read);
                }
            }
            Ok(())
        })?;
        let drafts = known.into_values().flat_map(|read| read.drafts).collect();
        let releases = releases.into_iter().collect();
        Ok(Reading { drafts, releases, ..Reading::empty(Covers::Packages(Ecosystem::RedHat), source) })
    }
}

/// What became of a document.
#[derive(Debug)]
struct Read {
    /// When it was last changed.
    modified: i64,
    drafts: Vec<Draft>,
}

/// Counts a document of which a newer one is there.
fn repeated(read: &Read, name: &str, report: &mut FeedReport) {
    if !read.drafts.is_empty() {
        report.kept -= 1;
        report.skip(Skip::Repeated, name);
    }
}

/// Everything that a document says about one package in one release, and one stream of a module.
#[derive(Debug, Default)]
struct Statements {
    fixes: Vec<String>,
    /// Whether one of them is for everybody, not only for extended updates.
    is_fixed: bool,
    affected: Option<FixState>,
    is_undecided: bool,
    impact: Option<Severity>,
}

fn read(
    entry: &Entry<'_>,
    limits: &Limits,
    report: &mut FeedReport,
    releases: &mut BTreeSet<String>,
) -> Result<Read, Error> {
    report.read += 1;
    let nothing = Read { modified: i64::MIN, drafts: Vec::new() };
    if entry.stem("json").is_none() {
        report.skip(Skip::NotAnAdvisory, &entry.path());
        return Ok(nothing);
    }
    let read = plimsoll_core::json::from_slice::<Document>(entry.bytes, limits.advisory_bytes);
    let document = read.map_err(|error| entry.broken(error.into()))?;
    if !document.is_about_vulnerabilities() {
        report.skip(Skip::NotAnAdvisory, &entry.path());
        return Ok(nothing);
    }
    let products = Products::of(&document.product_tree);
    products.releases().for_each(|release| {
        releases.insert(release.to_owned());
    });
    let mut drafts = Vec::new();
    for vulnerability in &document.vulnerabilities {
        let id = vulnerability.cve.as_deref().unwrap_or(&document.about.tracking.id);
        if !is_identifier(id) {
            return Err(entry.broken(DocumentProblem::Name { field: "cve" }));
        }
        let statements = statements(&document, &products, vulnerability, id, entry, report)?;
        if !statements.is_empty() {
            drafts.push(draft(&document, vulnerability, id, entry.path(), statements));
        }
    }
    if drafts.is_empty() {
        report.skip(Skip::NoPackage, &document.about.tracking.id);
    } else {
        report.kept += 1;
    }
    Ok(Read { modified: document.about.tracking.current_release_date.as_second(), drafts })
}

fn statements(
    document: &Document,
    products: &Products<'_>,
    vulnerability: &Vulnerability,
    id: &str,
    entry: &Entry<'_>,
    report: &mut FeedReport,
) -> Result<Vec<PackageStatement>, Error> {
    let mut by_package: BTreeMap<(String, Option<String>), Statements> = BTreeMap::new();
    let never: BTreeSet<&str> = vulnerability.without_fix_ever().collect();
    let impacts: HashMap<&str, Severity> = vulnerability.impacts().collect();
    let status = &vulnerability.product_status;
    for (kind, ids) in status.kinds() {
        for product in ids {
            let Some(package) = products.package(product) else { continue };
            let named = match package.named() {
                Ok(Some(named)) if is_of_interest(&named.name) => named,
                Ok(_) => continue,
                Err(()) => {
                    report.doubt(Doubt::Malformed, &format!("{id} {product}"));
                    let name = package.name_without_purl();
                    if is_package_name(name) && is_of_interest(name) && !package.is_extended {
                        let key = key(Some(&package.release), name.into()).into_owned();
                        by_package.entry((key, None)).or_default().is_undecided = true;
                    }
                    continue;
                }
            };
            let document::Named { name, version, module } = named;
            if !is_package_name(&name) {
                return Err(entry.broken(DocumentProblem::Name { field: "product_id" }));
            }
            let key = key(Some(&package.release), name.into()).into_owned();
            let about = by_package.entry((key, module)).or_default();
            match kind {
                document::Kind::Fixed => {
                    let version = version.unwrap_or_default();
                    if Rpm.check(&version).is_err() {
                        report.doubt(Doubt::FixedVersion, &format!("{id} {product}"));
                        about.is_undecided = true;
                        continue;
                    }
                    about.is_fixed |= !package.is_extended;
                    about.fixes.push(version);
                }
                // Whoever has extended updates has another answer than all others, and nobody can be told from them.
                document::Kind::Affected | document::Kind::Undecided if package.is_extended => continue,
                document::Kind::Affected => {
                    let is_never = never.contains(product.as_str());
                    about.affected = Some(if is_never { FixState::WontFix } else { FixState::NotFixed });
                }
                document::Kind::Undecided => about.is_undecided = true,
            }
            about.impact = about.impact.max(impacts.get(product.as_str()).copied());
        }
    }
    let general = general_rating(document, vulnerability);
    let stated = by_package.into_iter().filter(|(_, it)| it.says_something());
    Ok(stated.map(|((key, module), it)| it.statement(key, module, &general)).collect())
}

/// What was built beside a package for those who debug it. It is found by its source package.
fn is_of_interest(name: &str) -> bool {
    !name.ends_with("-debuginfo") && !name.ends_with("-debugsource")
}

impl Statements {
    fn says_something(&self) -> bool {
        !self.fixes.is_empty() || self.affected.is_some() || self.is_undecided
    }

    fn statement(mut self, key: String, module: Option<String>, general: &Rating) -> PackageStatement {
        let is_open = self.affected.is_some() && !self.is_fixed;
        let spans = lineage::spans(std::mem::take(&mut self.fixes), is_open);
        let intervals = spans.iter().map(lineage::Span::interval).collect();
        let doubtful = if self.is_undecided { vec![Interval::ALL] } else { Vec::new() };
        let fix_state = self.affected.unwrap_or(FixState::Unknown);
        let mut affected = Vec::new();
        Affected { intervals, doubtful, versions: Vec::new(), fix_state }.encode(&mut affected);
        let own = self.impact.map(|severity| Rating { severity, source: SeveritySource::Vendor });
        let rating = own.unwrap_or_else(|| general.clone());
        PackageStatement { key, rating, module, class: Class::Vulnerability, affected }
    }
}

/// The rating of packages without an impact of their own.
fn general_rating(document: &Document, vulnerability: &Vulnerability) -> Rating {
    let word = document.about.aggregate_severity.as_ref().and_then(|it| Severity::from_word(&it.text));
    match word {
        Some(severity) => Rating { severity, source: SeveritySource::Vendor },
        None => vulnerability.score(),
    }
}

fn draft(
    document: &Document,
    vulnerability: &Vulnerability,
    id: &str,
    origin: String,
    statements: Vec<PackageStatement>,
) -> Draft {
    let title = vulnerability.title.as_deref().or(document.about.title.as_deref());
    Draft {
        id: id.to_owned(),
        origin,
        detail: Detail {
            summary: title.map(one_line).unwrap_or_default(),
            published: vulnerability.release_date.map(Timestamp::as_second),
            modified: Some(document.about.tracking.current_release_date.as_second()),
            urls: vec![format!("{TRACKER}{id}")],
            ..Detail::default()
        },
        // The impact is for Red Hat's own packages, the vector for the vulnerability.
        rating: vulnerability.score(),
        statements,
    }
}

#[cfg(test)]
mod tests;

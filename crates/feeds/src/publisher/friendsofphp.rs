//! FriendsOfPHP's security advisories: <https://github.com/FriendsOfPHP/security-advisories>. One file per advisory
//! about a Composer package.
//!
//! ```yaml
//! # cakephp/cakephp/CVE-2019-11458.yaml
//! title: Unsafe deserialization in SmtpTransport
//! link: https://bakery.cakephp.org/2019/04/23/cakephp_377_3615_3518_released.html
//! cve: CVE-2019-11458
//! branches:
//!     3.7.x:
//!         time: 2019-04-23 02:30:28
//!         versions: ['>=3.7.0', '<3.7.7']
//! reference: composer://cakephp/cakephp
//! ```
//!
//! | statement | what it becomes |
//! | --- | --- |
//! | the `versions` of a branch | affected if all its constraints are met |
//! | `cve` | its identifier; without one, that of the GitHub advisory to which `link` leads, or `FOP-` and the file's name |
//! | a file that cannot be read | undecided in every version of the package of its folder |
//!
//! There are no severities: those of other advisories about the same vulnerability count.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_core::{Ecosystem, Limits};
use plimsoll_vuln::affected::{Affected, FixState};
use plimsoll_vuln::database::{Detail, is_cve, key};
use plimsoll_vuln::version::composer::Composer;
use plimsoll_vuln::{Class, Rating, events};
use serde::Deserialize;

use super::{Location, Publisher, Reading, read_advisory, read_repository};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, is_web, midnight, one_line};
use crate::error::DocumentProblem;
use crate::input::{Input, tree};
use crate::requirement::Requirement;
use crate::wanted::Wanted;
use crate::{Entry, Error, FeedReport, Skip};

/// The archive of the repository.
const ARCHIVE: &str = "security-advisories.zip";
/// Branches of one advisory. Real ones have up to 25.
const MAX_BRANCHES: usize = 256;

/// The maintainers of the database.
#[derive(Debug)]
pub(super) struct FriendsOfPhp;

impl Publisher for FriendsOfPhp {
    fn id(&self) -> &'static str {
        "friendsofphp"
    }

    fn name(&self) -> &'static str {
        "FriendsOfPHP"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        Some("Unlicense")
    }

    fn address(&self) -> &'static str {
        "https://codeload.github.com/FriendsOfPHP/security-advisories/zip/refs/heads/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = Location::new(format!("friendsofphp/{ARCHIVE}"), "master");
        if *wanted == Wanted::whole(Ecosystem::Packagist) { vec![location] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        let found = tree(folder.clone(), ARCHIVE, folder, 2, "yaml")?;
        Ok(found
            .map(|files| Input { content: Ecosystem::Packagist.name().to_owned(), files })
            .into_iter()
            .collect())
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        read_repository(Ecosystem::Packagist, input, limits, report, read)
    }
}

#[derive(Debug, Deserialize)]
struct Advisory {
    title: Option<String>,
    link: Option<String>,
    cve: Option<String>,
    reference: String,
    branches: BTreeMap<String, Branch>,
}

#[derive(Debug, Deserialize)]
struct Branch {
    time: Option<String>,
    versions: Vec<String>,
}

/// One file; `None` if it is not an advisory, which the report counts.
fn read(entry: &Entry<'_>, report: &mut FeedReport) -> Result<Option<Draft>, Error> {
    let path = entry.path();
    // A folder in an archive.
    if path.ends_with('/') {
        return Ok(None);
    }
    report.read += 1;
    let (Some(vendor), Some(package), Some(stem)) = (entry.part(2), entry.part(1), entry.stem("yaml")) else {
        report.skip(Skip::NotAnAdvisory, &path);
        return Ok(None);
    };
    // `.github/workflows/x.yaml`
    if vendor.starts_with('.') {
        report.skip(Skip::NotAnAdvisory, &path);
        return Ok(None);
    }
    let name = format!("{vendor}/{package}");
    let id = format!("FOP-{vendor}.{package}-{stem}");
    // Without a package name, it is unknown what is undecided.
    if !is_package_name(&name) || !is_identifier(&id) {
        return Err(entry.broken(DocumentProblem::Name { field: "file" }));
    }
    let key = key(None, Ecosystem::Packagist.normalise(&name)).into_owned();
    Ok(Some(read_advisory(entry, report, &id, key, |advisory| draft(advisory, &name, &id))))
}

fn draft(advisory: &Advisory, name: &str, own: &str) -> Result<Draft, DocumentProblem> {
    let referred = advisory.reference.strip_prefix("composer://");
    if !referred.is_some_and(|referred| referred.eq_ignore_ascii_case(name)) {
        return Err(DocumentProblem::Name { field: "reference" });
    }
    let cve = advisory.cve.as_deref().filter(|cve| !cve.is_empty());
    if cve.is_some_and(|cve| !is_cve(cve)) {
        return Err(DocumentProblem::Name { field: "cve" });
    }
    let ghsa = advisory.link.as_deref().and_then(github_advisory);
    let id = cve.or(ghsa).unwrap_or(own).to_owned();
    let aliases = ghsa.filter(|ghsa| *ghsa != id).map(str::to_owned).into_iter().collect();
    let requirements = requirements(advisory)?;
    let intervals = requirements.iter().map(|it| it.interval(&Composer)).collect::<Result<_, _>>()?;
    let mut affected =
        Affected { intervals, doubtful: Vec::new(), versions: Vec::new(), fix_state: FixState::Unknown };
    affected.fix_state = events::fix_state(&affected);
    let mut encoded = Vec::new();
    affected.encode(&mut encoded);
    // The day on which the first branch was fixed. Some have `~` or text instead.
    let times = advisory.branches.values().filter_map(|branch| midnight(branch.time.as_deref()?));
    Ok(Draft {
        id,
        origin: own.to_owned(),
        detail: Detail {
            aliases,
            summary: advisory.title.as_deref().map(one_line).unwrap_or_default(),
            published: times.min(),
            urls: advisory.link.iter().filter(|url| is_web(url)).cloned().collect(),
            functions: Vec::new(),
            ..Detail::default()
        },
        rating: Rating::default(),
        statements: vec![PackageStatement {
            key: key(None, Ecosystem::Packagist.normalise(name)).into_owned(),
            rating: Rating::default(),
            module: None,
            class: Class::Vulnerability,
            affected: encoded,
        }],
    })
}

fn requirements(advisory: &Advisory) -> Result<Vec<Requirement>, DocumentProblem> {
    let count = advisory.branches.len();
    if count == 0 || count > MAX_BRANCHES {
        return Err(DocumentProblem::Requirement { got: format!("{count} branches") });
    }
    let branches = advisory.branches.values();
    branches.map(|branch| Requirement::from_constraints(branch.versions.iter().map(String::as_str))).collect()
}

/// The identifier in `https://github.com/advisories/GHSA-8xf4-w7qw-pjjw` or `…/security/advisories/GHSA-…`.
fn github_advisory(link: &str) -> Option<&str> {
    let path = link.strip_prefix("https://github.com/")?;
    let (place, id) = path.rsplit_once('/')?;
    let is_place = place == "advisories" || place.ends_with("/security/advisories");
    let is_id = id.starts_with("GHSA-")
        && id.len() == 19
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (is_place && is_id).then_some(id)
}

#[cfg(test)]
mod tests;

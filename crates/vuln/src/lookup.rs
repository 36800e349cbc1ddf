//! Lookups in a database, for people: the advisories about a package or with an identifier, and the changes between two
//! databases.
//!
//! Nothing is matched here: [`crate::scan()`] does that. A package is named as in advisories (a Debian source package,
//! a normalised PyPI name).

mod difference;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use plimsoll_core::{Ecosystem, nearest};
use serde::Serialize;

use crate::affected::{Affected, End, FixState, Interval, Start};
use crate::class::Class;
use crate::database::{Advisories, Database, Detail, Entry, Feed};
use crate::error::Error;
use crate::severity::{Severity, SeveritySource};

pub use difference::{Change, Changed, Difference, difference};

/// How many similar names are offered if a name is not found.
const MOST_NAMES: usize = 10;

/// One advisory's statement about one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// OSV's name of the ecosystem.
    pub ecosystem: &'static str,
    /// The release, in an ecosystem that has releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The package as the advisory names it.
    pub package: String,
    /// The advisory's own identifier.
    pub advisory: String,
    /// Whether it is a vulnerability or something else.
    pub class: Class,
    /// Other identifiers of the same vulnerability.
    pub aliases: Vec<String>,
    /// The publisher's stable name.
    pub publisher: String,
    /// The severity for this package.
    pub severity: Severity,
    /// The source of the severity.
    pub severity_source: SeveritySource,
    /// The ranges of affected versions.
    pub affected: Vec<Range>,
    /// Ranges of versions for which the publisher's data is unclear.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<Range>,
    /// Single affected versions outside these ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// What is known about a fix if no range names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<&'static str>,
    /// The module, in a distribution that has modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The only affected architectures; empty if that makes no difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// The only affected products; empty if that makes no difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<String>,
    /// One line.
    pub summary: String,
    /// Links to more information.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

impl Advice {
    /// The sort key.
    fn place(&self) -> impl Ord {
        let Self { ecosystem, release, package, severity, advisory, publisher, affected, .. } = self;
        (ecosystem, release, package, Reverse(severity), advisory, publisher, affected)
    }
}

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// The first affected version. Without it and `after`, the range starts at the very first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introduced: Option<String>,
    /// The last version before those that are affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The version that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// The last affected version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_affected: Option<String>,
    /// The range ends somewhere among the versions that start with these numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_around: Option<String>,
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Sorted by ecosystem, release, package and advisory.
    pub advice: Vec<Advice>,
    /// Names of packages that contain the text, shortest first, if nothing was found; if there are none, the one that is most
    /// like it.
    pub similar: Vec<String>,
}

/// Everything about the package named `text`, in upper or lower case. If there is none, everything about the advisory
/// with that identifier or alias. The search covers the given ecosystems or releases, or all if none are given.
pub fn search(
    database: &Database,
    text: &str,
    places: &[(Ecosystem, Option<&str>)],
) -> Result<Answer, Error> {
    let wanted = text.trim().to_lowercase();
    let is_asked = |file: &Advisories, key: &str| {
        let is_it = |(ecosystem, release): &(Ecosystem, Option<&str>)| {
            *ecosystem == file.ecosystem() && (release.is_none() || *release == parts(file, key).0)
        };
        places.is_empty() || places.iter().any(is_it)
    };
    let (mut advice, mut similar) = (Vec::new(), BTreeSet::new());
    for advisories in database.files() {
        for key in advisories.keys()?.into_iter().filter(|key| is_asked(advisories, key)) {
            let (_, name) = parts(advisories, &key);
            let name = name.to_lowercase();
            if name == wanted {
                about_package(advisories, &key, |_, _| true, &mut advice)?;
            } else if !wanted.is_empty() && name.contains(&wanted) {
                similar.insert((name.len(), name));
            }
        }
    }
    if advice.is_empty() {
        for advisories in database.files() {
            for key in advisories.keys()?.into_iter().filter(|key| is_asked(advisories, key)) {
                let is_it = |entry: &Entry<'_>, detail: &Detail| {
                    let mut ids = detail.aliases.iter().map(String::as_str).chain([entry.id]);
                    ids.any(|id| id.eq_ignore_ascii_case(&wanted))
                };
                about_package(advisories, &key, is_it, &mut advice)?;
            }
        }
    }
    advice.sort_by(|a, b| a.place().cmp(&b.place()));
    if advice.is_empty() && similar.is_empty() {
        let mut names = BTreeSet::new();
        for advisories in database.files() {
            let keys = advisories.keys()?.into_iter().filter(|key| is_asked(advisories, key));
            names.extend(keys.map(|key| parts(advisories, &key).1.to_lowercase()));
        }
        let nearest = nearest(&wanted, names.iter().map(String::as_str));
        similar.extend(nearest.map(|name| (name.len(), name.to_owned())));
    }
    let similar = if advice.is_empty() { similar } else { BTreeSet::new() };
    Ok(Answer { advice, similar: similar.into_iter().map(|(_, name)| name).take(MOST_NAMES).collect() })
}

/// Adds the statements about the package under `key` for which `wanted` is true.
fn about_package(
    advisories: &Advisories,
    key: &str,
    wanted: impl Fn(&Entry<'_>, &Detail) -> bool,
    found: &mut Vec<Advice>,
) -> Result<(), Error> {
    let Some(package) = advisories.package(key)? else { return Ok(()) };
    let mut details = HashMap::new();
    advisories.visit(&package, |entry| {
        let detail = match details.entry(entry.detail) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(advisories.detail(entry.detail)?),
        };
        if wanted(entry, detail) {
            found.push(advice(advisories, key, entry, detail)?);
        }
        Ok(())
    })
}

/// What an entry of the package under `key` says.
pub(crate) fn advice(
    advisories: &Advisories,
    key: &str,
    entry: &Entry<'_>,
    detail: &Detail,
) -> Result<Advice, Error> {
    let (release, package) = parts(advisories, key);
    let conditions = advisories.conditions(entry)?;
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let rating = entry.rating();
    let Affected { intervals, doubtful, versions, fix_state } = &entry.affected;
    Ok(Advice {
        ecosystem: advisories.ecosystem().name(),
        release: release.map(str::to_owned),
        package: package.to_owned(),
        advisory: entry.id.to_owned(),
        class: entry.class,
        aliases: detail.aliases.clone(),
        publisher: advisories.feed(entry)?.id().to_owned(),
        severity: rating.severity,
        severity_source: rating.source,
        affected: intervals.iter().map(range).collect(),
        undecided: doubtful.iter().map(range).collect(),
        versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        fix: match fix_state {
            FixState::Unknown => None,
            FixState::NotFixed => Some("not-fixed"),
            FixState::WontFix => Some("wont-fix"),
        },
        module: conditions.module.map(str::to_owned),
        architectures: owned(conditions.architectures),
        products: owned(conditions.products),
        summary: detail.summary.clone(),
        urls: detail.urls.clone(),
    })
}

/// The release and the name in a key (see [`crate::database::key`]).
fn parts<'a>(advisories: &Advisories, key: &'a str) -> (Option<&'a str>, &'a str) {
    let mut feeds = advisories.feeds();
    match key.split_once('/') {
        Some((release, name)) if feeds.any(Feed::has_releases) => (Some(release), name),
        _ => (None, key),
    }
}

fn range(interval: &Interval<'_>) -> Range {
    let owned = |wanted: Option<&str>| wanted.map(str::to_owned);
    let (introduced, after) = match interval.from {
        Start::First => (None, None),
        Start::At(version) => (Some(version), None),
        Start::After(version) => (None, Some(version)),
    };
    let (fixed, last_affected, ends_around) = match interval.end {
        End::Open => (None, None, None),
        End::Before(version) => (Some(version), None, None),
        End::Through(version) => (None, Some(version), None),
        End::Around(numbers) => (None, None, Some(numbers)),
    };
    Range {
        introduced: owned(introduced),
        after: owned(after),
        fixed: owned(fixed),
        last_affected: owned(last_affected),
        ends_around: owned(ends_around),
    }
}

//! The Debian security tracker's JSON: for each source package and vulnerability, the state in each release.
//!
//! ```json
//! {"openssl": {"CVE-2024-0001": {"description": "…", "scope": "remote", "releases": {
//!     "bookworm": {"status": "resolved", "fixed_version": "3.0.11-1", "urgency": "not yet assigned",
//!                  "repositories": {"bookworm": "3.0.11-1"}},
//!     "bullseye": {"status": "open", "urgency": "unimportant", "nodsa": "Minor issue", "nodsa_reason": "ignored"}}}}}
//! ```
//!
//! | state | what it becomes |
//! | --- | --- |
//! | `resolved`, version `0` | nothing: the release never had it |
//! | `resolved`, another version | affected before that version |
//! | `open` | affected; not fixed, or never will be: `nodsa_reason` `ignored`, urgency `end-of-life` |
//! | `undetermined` | affected, as far as Debian knows; nothing is known about a fix |
//!
//! Debian rates few vulnerabilities: `high`, `medium` and `low` count as its rating, even with asterisks,
//! which mean that the rating comes from NVD. `unimportant` (not exploitable as Debian ships it) is `low`,
//! not "none", because users may run it differently. `not yet assigned` and `end-of-life` are not ratings.
//!
//! The file is some 70 MB; it is read as a stream, and one package is in memory at a time. The lists of notices ([`notices`])
//! are read after it, from `debian/DSA/list` and `debian/DLA/list`.

mod notices;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Ecosystem, LimitExceeded, Limits};
use plimsoll_vuln::affected::{Affected, End, FixState, Interval, Start};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::dpkg::Dpkg;
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::{Covers, Location, Publisher, Reading};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, one_line};
use crate::error::DocumentProblem;
use crate::hashing::HashingReader;
use crate::input::{Files, Input};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};

/// Where a vulnerability is described.
const TRACKER: &str = "https://security-tracker.debian.org/tracker/";

/// Debian's security team.
#[derive(Debug)]
pub(super) struct Debian;

impl Publisher for Debian {
    fn id(&self) -> &'static str {
        "debian"
    }

    fn name(&self) -> &'static str {
        "Debian security tracker"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn address(&self) -> &'static str {
        "https://security-tracker.debian.org/tracker/"
    }

    /// One file has every release.
    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = Location::new("debian/tracker.json", "data/json");
        if *wanted == Wanted::whole(Ecosystem::Debian) { vec![location] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let content = || Ecosystem::Debian.name().to_owned();
        let folder = from.join(self.id());
        let places = [folder.join(TRACKER_FILE), from.join("debian.json")];
        let mut found: Vec<_> = places.into_iter().filter(|path| path.is_file()).collect();
        let lists = LISTS.map(|list| folder.join(list)).into_iter().filter(|path| path.is_file());
        let mut files: Vec<_> = lists.collect();
        if files.is_empty() || found.len() > 1 {
            return Ok(found
                .into_iter()
                .map(|path| Input { content: content(), files: Files::One(path) })
                .collect());
        }
        files.splice(0..0, found.drain(..));
        Ok(vec![Input { content: content(), files: Files::Loose { folder, files } }])
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        match &input.files {
            Files::Loose { folder, files } => {
                let (trackers, lists): (Vec<_>, Vec<_>) =
                    files.iter().cloned().partition(|path| path.extension().is_some_and(|it| it == "json"));
                read(trackers.first().map(PathBuf::as_path), folder, lists, limits, report)
            }
            files => read(Some(files.path()), files.path(), Vec::new(), limits, report),
        }
    }
}

const TRACKER_FILE: &str = "tracker.json";
const LISTS: [&str; 2] = ["DLA/list", "DSA/list"];

/// Reads the tracker's JSON, if it is there, then the lists.
fn read(
    tracker: Option<&Path>,
    folder: &Path,
    lists: Vec<PathBuf>,
    limits: &Limits,
    report: &mut FeedReport,
) -> Result<Reading, Error> {
    let mut state = State {
        report,
        drafts: BTreeMap::new(),
        releases: BTreeSet::new(),
        known: HashSet::new(),
        lists_cover: tracker.is_none() && LISTS.iter().all(|list| lists.contains(&folder.join(list))),
        limit: limits.advisories,
    };
    if tracker.is_none() {
        let missing = LISTS.iter().filter(|list| !lists.contains(&folder.join(list)));
        missing.for_each(|list| state.report.doubt(Doubt::List, list));
    }
    let mut digest = None;
    if let Some(path) = tracker {
        digest = Some(read_tracker(path, limits, &mut state)?);
    }
    if !lists.is_empty() {
        let files = Files::Loose { folder: folder.to_owned(), files: lists };
        let of_lists = files.read(limits, &mut |entry| {
            notices::read(&entry, &mut state).map_err(|problem| entry.broken(problem))
        })?;
        let both = digest.map(|digest| Digest::sha256(format!("{digest} {of_lists}").as_bytes()));
        digest = Some(both.unwrap_or(of_lists));
    }
    if state.statements() > limits.advisories {
        let what = folder.display().to_string();
        return Err(LimitExceeded::new("advisories", limits.advisories, what).into());
    }
    let State { drafts, releases, .. } = state;
    Ok(Reading {
        drafts: drafts.into_values().collect(),
        releases: releases.into_iter().collect(),
        ..Reading::empty(Covers::Packages(Ecosystem::Debian), digest.unwrap_or_else(|| Digest::sha256(b"")))
    })
}

/// Reads the JSON at `path`; its digest.
fn read_tracker(path: &Path, limits: &Limits, state: &mut State<'_>) -> Result<Digest, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let exceeded = |name, limit| Error::from(LimitExceeded::new(name, limit, path.display().to_string()));
    let mut file = File::open(path).map_err(failed)?;
    let mut reader = HashingReader::new((&mut file).take(limits.feed_bytes));
    let mut deserializer =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, &mut reader));
    let entry = Entry { file: path, name: None, bytes: &[] };
    let parsed = Packages(state).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    drop(deserializer);
    let (digest, bytes) = reader.finish();
    if bytes == limits.feed_bytes && file.metadata().map_err(failed)?.len() > bytes {
        return Err(exceeded("feed_bytes", limits.feed_bytes));
    }
    if state.statements() > limits.advisories {
        return Err(exceeded("advisories", limits.advisories));
    }
    parsed.map_err(|error| entry.broken(DocumentProblem::Stream(error)))?;
    Ok(digest)
}

/// The data read so far.
struct State<'r> {
    report: &'r mut FeedReport,
    /// By identifier: a vulnerability may be in several packages.
    drafts: BTreeMap<String, Draft>,
    releases: BTreeSet<String>,
    /// The identifiers that the tracker's JSON has.
    known: HashSet<String>,
    /// Whether the lists are all that says which releases are covered, and are complete.
    lists_cover: bool,
    /// The maximum number of statements.
    limit: u64,
}

#[derive(Debug, Deserialize)]
struct Issue {
    description: Option<String>,
    #[serde(default)]
    releases: UniqueMembers<ReleaseState>,
}

#[derive(Debug, Deserialize)]
struct ReleaseState {
    status: Status,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Resolved,
    Undetermined,
}

impl State<'_> {
    fn statements(&self) -> u64 {
        self.report.read
    }

    fn package<E: serde::de::Error>(&mut self, package: &str, issues: UniqueMembers<Issue>) -> Result<(), E> {
        if !is_package_name(package) {
            return Err(E::custom(DocumentProblem::Name { field: "package" }));
        }
        for (id, issue) in issues.0 {
            if !is_identifier(&id) {
                return Err(E::custom(DocumentProblem::Name { field: "identifier" }));
            }
            for (release, state) in issue.releases.0 {
                if !release.bytes().all(|b| b.is_ascii_lowercase()) || !is_identifier(&release) {
                    return Err(E::custom(DocumentProblem::Name { field: "release" }));
                }
                self.statement(package, &id, issue.description.as_deref(), &release, &state);
                self.releases.insert(release);
            }
            self.known.insert(id);
            if self.statements() > self.limit {
                return Err(E::custom("too many statements"));
            }
        }
        Ok(())
    }

    fn statement(
        &mut self,
        package: &str,
        id: &str,
        text: Option<&str>,
        release: &str,
        state: &ReleaseState,
    ) {
        self.report.read += 1;
        let example = || format!("{id} {package} {release}");
        let all = vec![Interval::ALL];
        let (intervals, doubtful) = match (state.status, state.fixed_version.as_deref()) {
            (Status::Resolved, Some("0")) => {
                self.report.skip(Skip::NotAffected, &example());
                return;
            }
            (Status::Resolved, Some(fixed)) if Dpkg.check(fixed).is_ok() => {
                (vec![Interval { from: Start::First, end: End::Before(fixed) }], Vec::new())
            }
            (Status::Resolved, _) => {
                self.report.doubt(Doubt::FixedVersion, &example());
                (Vec::new(), all)
            }
            (Status::Open | Status::Undetermined, _) => (all, Vec::new()),
        };
        self.report.kept += 1;
        let affected = Affected { intervals, doubtful, versions: Vec::new(), fix_state: fix_state(state) };
        let mut encoded = Vec::new();
        affected.encode(&mut encoded);
        let rating = state.urgency.as_deref().map(rating).unwrap_or_default();
        let statement = PackageStatement {
            key: key(Some(release), package.into()).into_owned(),
            rating: rating.clone(),
            module: None,
            class: Class::Vulnerability,
            affected: encoded,
        };
        self.draft(id, text).statements.push(statement);
    }

    /// The draft about a vulnerability.
    fn draft(&mut self, id: &str, text: Option<&str>) -> &mut Draft {
        self.drafts.entry(id.to_owned()).or_insert_with(|| Draft {
            id: id.to_owned(),
            origin: String::new(),
            detail: Detail {
                summary: text.map(one_line).unwrap_or_default(),
                urls: vec![format!("{TRACKER}{id}")],
                functions: Vec::new(),
                ..Detail::default()
            },
            // Debian's rating is for its own packages and says nothing about others.
            rating: Rating::default(),
            statements: Vec::new(),
        })
    }
}

fn fix_state(state: &ReleaseState) -> FixState {
    match state.status {
        Status::Undetermined | Status::Resolved => FixState::Unknown,
        Status::Open if state.nodsa_reason.as_deref() == Some("ignored") => FixState::WontFix,
        Status::Open if state.urgency.as_deref() == Some("end-of-life") => FixState::WontFix,
        Status::Open => FixState::NotFixed,
    }
}

fn rating(urgency: &str) -> Rating {
    let severity = match urgency.trim_end_matches('*') {
        "high" => Severity::High,
        "medium" => Severity::Medium,
        "low" | "unimportant" => Severity::Low,
        _ => return Rating::default(),
    };
    Rating { severity, source: SeveritySource::Vendor }
}

/// The whole document, passed on one package at a time.
struct Packages<'s, 'r>(&'s mut State<'r>);

impl<'de> DeserializeSeed<'de> for Packages<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Packages<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with source packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut packages: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = packages.next_key::<String>()? {
            let issues = packages.next_value()?;
            self.0.package(&name, issues)?;
            if let Some(name) = seen.replace(name) {
                return Err(A::Error::custom(DocumentProblem::Twice { name }));
            }
        }
        Ok(())
    }
}

/// An object whose members have distinct names: with duplicates, a reader could use either.
#[derive(Debug)]
struct UniqueMembers<T>(BTreeMap<String, T>);

impl<T> Default for UniqueMembers<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for UniqueMembers<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = UniqueMembers<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UniqueMembers<T>, A::Error> {
                let mut unique = BTreeMap::new();
                while let Some((name, value)) = members.next_entry::<String, T>()? {
                    if unique.contains_key(&name) {
                        return Err(A::Error::custom(DocumentProblem::Twice { name }));
                    }
                    unique.insert(name, value);
                }
                Ok(UniqueMembers(unique))
            }
        }
        deserializer.deserialize_map(Members(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests;

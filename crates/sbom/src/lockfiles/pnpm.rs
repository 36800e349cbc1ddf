//! `pnpm-lock.yaml`, as pnpm writes it: below `packages`, a key for each package, in the spelling of its version.
//!
//! ```text
//! packages:
//!   /@babel/runtime/7.18.3:            # 5, with `_peers` after the version
//!   /js-tokens@4.0.0(peer@1.0.0):      # 6
//!   js-tokens@4.0.0:                   # 9
//!     dev: true                        # 5 and 6
//! importers:                           # or its content at the outermost level
//!   .:
//!     devDependencies:
//!       js-tokens:
//!         version: 4.0.0(peer@1.0.0)
//! snapshots:                           # 9
//!   js-tokens@4.0.0(peer@1.0.0):
//!     dependencies:
//!       peer: 1.0.0
//! ```
//!
//! Since 9, development dependencies are not marked: they are the packages that cannot be reached without
//! `devDependencies`.
//!
//! The file is read by lines: pnpm's layout is fixed, and another layout is reported.

use std::collections::{BTreeMap, BTreeSet};

use super::Locked;
use crate::inventory::Checksum;

/// A key below `packages`.
#[derive(Default)]
struct Entry<'a> {
    name: &'a str,
    /// Empty if it is an address.
    version: &'a str,
    for_development: bool,
    integrity: &'a str,
}

/// The project's direct dependencies: name and version, with peers, as in `snapshots`.
struct Request<'a> {
    name: &'a str,
    version: &'a str,
    for_development: bool,
}

#[derive(Default)]
struct Lock<'a> {
    entries: Vec<Entry<'a>>,
    requests: Vec<Request<'a>>,
    /// The dependencies of each package, by the keys of `snapshots`.
    snapshots: BTreeMap<&'a str, Vec<(&'a str, &'a str)>>,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let mut lock = Lock::default();
    let (mut section, mut part, mut snapshot, mut has_version) = ("", "", "", false);
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            has_version |= content.starts_with("lockfileVersion:");
            if content.starts_with("packages:") && !matches!(content, "packages:" | "packages: {}") {
                return Err(OTHERWISE.to_owned());
            }
            // The part before it lists pnpm's own tools.
            if content == "---" {
                lock = Lock::default();
            }
            (section, part) = (content, content);
            continue;
        }
        match (section, indent) {
            ("packages:", _) => lock.package(indent, content)?,
            ("snapshots:", 2) => {
                let (key, _) = content.rsplit_once(':').ok_or(OTHERWISE)?;
                snapshot = unquoted(key);
                lock.snapshots.entry(snapshot).or_default();
            }
            ("importers:" | "snapshots:", 4) => part = content,
            ("snapshots:", 6) if matches!(part, "dependencies:" | "optionalDependencies:") => {
                if let (Some((name, version)), Some(needs)) =
                    (member(content), lock.snapshots.get_mut(snapshot))
                {
                    needs.push((name, version));
                }
            }
            ("importers:", 6) | (DEPENDENCIES | DEV_DEPENDENCIES | OPTIONAL_DEPENDENCIES, 2) => {
                lock.request(part, content);
            }
            ("importers:", 8) | (DEPENDENCIES | DEV_DEPENDENCIES | OPTIONAL_DEPENDENCIES, 4) => {
                if let (Some(version), Some(last)) =
                    (content.strip_prefix("version:"), lock.requests.last_mut())
                {
                    last.version = unquoted(version);
                }
            }
            _ => {}
        }
    }
    if !has_version {
        return Err("is not a lock file: it has no lockfileVersion".to_owned());
    }
    Ok(lock.locked())
}

/// Before the digests of a package's archive.
const RESOLUTION: &str = "resolution: {integrity: ";
const DEPENDENCIES: &str = "dependencies:";
const DEV_DEPENDENCIES: &str = "devDependencies:";
const OPTIONAL_DEPENDENCIES: &str = "optionalDependencies:";

impl<'a> Lock<'a> {
    /// A line below `packages`.
    fn package(&mut self, indent: usize, content: &'a str) -> Result<(), String> {
        match (indent, self.entries.last_mut()) {
            (2, _) => {
                let (key, _) = content.rsplit_once(':').ok_or(OTHERWISE)?;
                self.entries.push(Entry::new(unquoted(key)));
            }
            (4, Some(last)) if content == "dev: true" => last.for_development = true,
            (4, Some(last)) if content.starts_with(RESOLUTION) => {
                let integrity = content.strip_prefix(RESOLUTION).unwrap_or_default();
                last.integrity = integrity.split([',', '}']).next().unwrap_or_default();
            }
            (4, Some(last)) if last.version.is_empty() => {
                last.version = content.strip_prefix("version: ").unwrap_or_default();
            }
            (1, _) | (3, None) => return Err(OTHERWISE.to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// A name below `dependencies` or a similar key. In version 5 the version follows.
    fn request(&mut self, part: &str, content: &'a str) {
        if !matches!(part, DEPENDENCIES | DEV_DEPENDENCIES | OPTIONAL_DEPENDENCIES) {
            return;
        }
        let (name, version) =
            member(content).unwrap_or_else(|| (unquoted(content.trim_end_matches(':')), ""));
        self.requests.push(Request { name, version, for_development: part == DEV_DEPENDENCIES });
    }

    fn locked(&self) -> Vec<Locked> {
        let reached = self.reached();
        let direct: BTreeSet<(&str, &str)> =
            self.requests.iter().map(|it| plain(it.name, it.version)).collect();
        // Packages from git or a folder have no version.
        let entries = self.entries.iter().filter(|it| !it.version.is_empty());
        let one = |it: &Entry<'_>| {
            let unreached = reached.as_ref().is_some_and(|reached| !reached.contains(&(it.name, it.version)));
            let locked = Locked::new(it.name, it.version)
                .checksums(Checksum::of_integrity(it.integrity))
                .for_development(it.for_development || unreached);
            if direct.is_empty() { locked } else { locked.direct(direct.contains(&(it.name, it.version))) }
        };
        entries.map(one).collect()
    }

    /// The packages that are needed without `devDependencies`. `None` if the file does not say.
    fn reached(&self) -> Option<BTreeSet<(&'a str, &'a str)>> {
        if self.snapshots.is_empty() || self.requests.is_empty() {
            return None;
        }
        let find = |(name, version): (&'a str, &'a str)| {
            // For an alias, the real name precedes the version.
            let key = format!("{name}@{version}");
            let found = self.snapshots.get_key_value(key.as_str());
            found.or_else(|| self.snapshots.get_key_value(version)).map(|(key, needs)| (*key, needs))
        };
        let asked_for = self.requests.iter().filter(|it| !it.for_development);
        let mut open: Vec<_> = asked_for.filter_map(|it| find((it.name, it.version))).collect();
        let mut keys: BTreeSet<&str> = open.iter().map(|(key, _)| *key).collect();
        while let Some((_, needs)) = open.pop() {
            for next in needs.iter().filter_map(|need| find(*need)) {
                if keys.insert(next.0) {
                    open.push(next);
                }
            }
        }
        Some(keys.into_iter().map(Entry::new).map(|it| (it.name, it.version)).collect())
    }
}

/// Name and version without peers, as [`Entry::new`] gives them.
fn plain<'a>(name: &'a str, version: &'a str) -> (&'a str, &'a str) {
    let version = version.split(['(', '_']).next().unwrap_or(version);
    match version.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1) {
        Some(at) => (version.get(..at).unwrap_or_default(), version.get(at + 1..).unwrap_or_default()),
        None => (name, version),
    }
}

/// Name and value of `name: value`.
fn member(content: &str) -> Option<(&str, &str)> {
    let (name, value) = content.split_once(": ")?;
    Some((unquoted(name), unquoted(value)))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['\'', '"'])
}

const OTHERWISE: &str = "is not laid out as pnpm does it";

impl<'a> Entry<'a> {
    fn new(key: &'a str) -> Self {
        let key = key.split_once('(').map_or(key, |(key, _)| key);
        let own = |name, version: &'a str| {
            let version = version.split_once('_').map_or(version, |(version, _)| version);
            let is_version = version.starts_with(|c: char| c.is_ascii_digit());
            Entry {
                name,
                version: if is_version { version } else { "" },
                for_development: false,
                integrity: "",
            }
        };
        // The newer form, also with an address instead of a version.
        let key = key.strip_prefix('/').unwrap_or(key);
        if let Some(at) = key.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1) {
            let (name, version) = (key.get(..at).unwrap_or_default(), key.get(at + 1..).unwrap_or_default());
            if !name.contains('_') && name.matches('/').count() == usize::from(name.starts_with('@')) {
                return own(name, version);
            }
        }
        // The older form, which may start with a registry.
        let key = match key.split_once('/') {
            Some((host, rest)) if host.contains('.') && !host.starts_with('@') => rest,
            _ => key,
        };
        let end = key.split_once('_').map_or(key, |(key, _)| key);
        end.rsplit_once('/').map_or_else(Self::default, |(name, version)| own(name, version))
    }
}

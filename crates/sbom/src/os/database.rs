//! What catalogers of package databases have in common: their limits, problems that are reported only a few times, and
//! the state of the database as a whole.

use std::collections::HashMap;

use plimsoll_core::rootfs::{Fact, FoundFile};
use plimsoll_core::{LimitExceeded, Limits};
use serde::{Deserialize, Serialize};

use crate::context::{Context, PackageDatabase};
use crate::inventory::ProblemCode;

/// Problems that are reported individually. A file of garbage would otherwise cause a million.
const MAX_PROBLEMS: usize = 20;

/// The types of package URLs between which a distribution changed: OpenWrt after 24.10.
const CHANGES: [(&str, &str); 1] = [("opkg", "apk")];

/// A package of a database, or what is wrong with an entry.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry<P> {
    Package(P),
    Broken(String),
}

/// The entries of one file of a database, in its order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entries<P> {
    list: Vec<Entry<P>>,
    packages: usize,
    problems: usize,
    limit: usize,
}

impl<P> Entries<P> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { list: Vec::new(), packages: 0, problems: 0, limit: limits.packages }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<P>> {
        self.list.iter()
    }

    /// Whether no more packages are accepted. The caller has another one, so this is reported.
    pub(super) fn is_full(&mut self) -> bool {
        let full = self.packages >= self.limit;
        if full {
            self.broken(too_many(self.limit));
        }
        full
    }

    pub(super) fn package(&mut self, package: P) {
        self.packages += 1;
        self.list.push(Entry::Package(package));
    }

    /// Records what is wrong. It keeps no more than what is reported in total.
    pub(super) fn broken(&mut self, what: String) {
        self.problems += 1;
        if self.problems <= MAX_PROBLEMS {
            self.list.push(Entry::Broken(what));
        }
    }

    /// Called after the last entry.
    pub(super) fn complete(mut self) -> Self {
        self.list.shrink_to_fit();
        self
    }

    /// The bytes that they need, if a package owns so many in addition to itself.
    pub(super) fn bytes(&self, of_package: impl Fn(&P) -> usize) -> usize {
        let owned = |entry: &Entry<P>| match entry {
            Entry::Package(package) => of_package(package),
            Entry::Broken(what) => what.len(),
        };
        size_of_val(self.list.as_slice()) + self.list.iter().map(owned).sum::<usize>()
    }
}

/// What identifies a package in two versions of its database: name, version, architecture, epoch.
pub(super) type Identity<'p> = (&'p str, &'p str, &'p str, u32);

/// A package that a database lists.
pub(super) trait Listed {
    /// What identifies it in another version of the database.
    fn identity(&self) -> Identity<'_>;
}

/// The layers in which the packages of a database were installed.
pub(super) struct Layers<'f> {
    since: HashMap<Identity<'f>, usize>,
    /// The layer if nothing else is known.
    of_file: Option<usize>,
}

impl<'f> Layers<'f> {
    /// Of a database in `file`: a package belongs to the first layer from which every version of the file lists it.
    pub(super) fn of_packages<T: Fact, P: Listed + 'f>(
        context: &Context<'_, 'f>,
        file: &'f FoundFile,
        selections: &[u16],
        entries: impl Fn(&'f T) -> &'f Entries<P>,
    ) -> Self {
        let mut since = HashMap::new();
        for (layer, version) in context.versions::<T>(file, selections) {
            let packages = entries(version).iter().filter_map(|entry| match entry {
                Entry::Package(package) => Some(package.identity()),
                Entry::Broken(_) => None,
            });
            since = packages.map(|it| (it, since.get(&it).copied().unwrap_or(layer))).collect();
        }
        Self { since, of_file: file.layer }
    }

    /// The layer of one package.
    pub(super) fn of_package(&self, package: &impl Listed) -> Option<usize> {
        self.since.get(&package.identity()).copied().or(self.of_file)
    }
}

/// A database while it is assembled from its files.
#[derive(Default)]
pub(super) struct State {
    problems: HashMap<ProblemCode, usize>,
    /// Whether one exists, readable or not.
    pub(super) present: bool,
}

impl State {
    /// Reports which files of a selection were not read.
    pub(super) fn unread(&mut self, context: &mut Context<'_, '_>, selection: u16) {
        for unread in context.unread(selection) {
            self.broken(context, unread.path, unread.why.to_string());
        }
    }

    /// Reports that the database is broken.
    pub(super) fn broken(&mut self, context: &mut Context<'_, '_>, path: &str, detail: String) {
        self.present = true;
        self.problem(context, ProblemCode::OsInventoryBroken, path, detail);
    }

    /// Reports a problem, unless its kind was reported often enough.
    pub(super) fn problem(
        &mut self,
        context: &mut Context<'_, '_>,
        code: ProblemCode,
        path: &str,
        detail: String,
    ) {
        let same = self.problems.entry(code).or_default();
        *same += 1;
        if *same <= MAX_PROBLEMS {
            context.problem(code, path, detail);
        }
    }

    /// Records the state of the database and the number of packages in it. Systems whose package URLs have this type
    /// must have it, and those that changed to it may have it.
    pub(super) fn finish(
        self,
        context: &mut Context<'_, '_>,
        path: &'static str,
        package_type: &str,
        packages: usize,
    ) {
        let system = context.package_type();
        let changed = self.present && system.is_some_and(|before| CHANGES.contains(&(before, package_type)));
        let expected = system == Some(package_type) || changed;
        let has_problems = !self.problems.is_empty();
        let database = PackageDatabase { path, expected, present: self.present, packages, has_problems };
        context.found.databases.push(database);
    }
}

/// The message if a database has more than [`Limits::packages`].
pub(super) fn too_many(limit: usize) -> String {
    LimitExceeded::new("packages", limit as u64, "package database").to_string()
}

/// Bytes of a name, version or architecture. File systems allow no longer names.
const MAX_WORD: usize = 255;
/// Bytes of a licence or a supplier. Linux firmware's licence has some 100.
const MAX_WORDS: usize = 4096;

/// Whether a text can be a name or version for package managers that allow almost any character: a word that is not a
/// path.
pub(super) fn is_word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
}

/// A text for people, without control characters. rpm writes `(none)` for a missing one.
pub(super) fn words(text: Option<&str>) -> Option<String> {
    let text: String = text?.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
    let text = text.trim();
    (!text.is_empty() && text != "(none)").then(|| text.to_owned())
}

#[cfg(test)]
mod tests;

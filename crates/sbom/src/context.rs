//! What catalogers know of a root file system after all its files were read, and what they add to the inventory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use plimsoll_core::rootfs::listing::FileList;
use plimsoll_core::rootfs::{Bound, Fact, FileSet, FoundFile, Need, Oversized, Purpose, Unreadable};
use plimsoll_core::{Cancel, Distribution, LimitExceeded, Limits};
use serde::{Deserialize, Serialize};

use crate::cataloger::Cataloger;
use crate::inventory::{
    Component, ComponentIndex, DetectedLicence, Inventory, Location, OsRelease, Problem, ProblemCode,
    ProblemSeverity,
};
use crate::ownership::{Claim, ComponentFile, FileDigests};
use crate::telltales::Unidentified;
use crate::test_data::is_test_data;

/// The operating system, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct System {
    pub(crate) release: OsRelease,
    /// The distributions that it is derived from: `ID_LIKE`.
    pub(crate) like: Vec<String>,
}

/// A package database of the operating system, as its cataloger found it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackageDatabase {
    /// The place where it should be.
    pub(crate) path: &'static str,
    /// Whether the operating system has its packages there.
    pub(crate) expected: bool,
    /// Whether one exists, readable or not.
    pub(crate) present: bool,
    /// Packages in it.
    pub(crate) packages: usize,
    /// Whether a problem was reported about it.
    pub(crate) has_problems: bool,
}

/// A selected file that was not read.
pub(crate) struct Unread<'f> {
    pub(crate) path: &'f str,
    pub(crate) why: WhyUnread<'f>,
}

/// Why a file was not read.
pub(crate) enum WhyUnread<'f> {
    /// It is beyond this limit.
    TooLarge(LimitExceeded),
    /// Reading failed for this reason.
    Unreadable(&'f str),
}

impl fmt::Display for WhyUnread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(exceeded) => exceeded.fmt(f),
            Self::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
        }
    }
}

/// Problems of one kind that a cataloger reports individually. A million broken files would otherwise make a million
/// lines.
const MAX_PROBLEMS: usize = 1_000;

/// Licences that one file or folder may state for a component.
const MAX_DETECTED: usize = 16;

/// What all catalogers have found.
#[derive(Default)]
pub(crate) struct Found<'f> {
    pub(crate) system: Option<System>,
    pub(crate) inventory: Inventory,
    pub(crate) databases: Vec<PackageDatabase>,
    /// What package databases say about files of other packages.
    pub(crate) claims: Vec<Claim<'f>>,
    /// The files that show such packages.
    pub(crate) component_files: Vec<ComponentFile<'f>>,
    /// Which package claims which files, of those that no cataloger may read: hashes of paths, and of paths with the
    /// digests recorded for them.
    pub(crate) places: Vec<(&'f [u64], ComponentIndex)>,
    /// The numbers of listed files that packages of languages own.
    pub(crate) owned: Vec<(usize, ComponentIndex)>,
    /// The real paths of programs that a cataloger has read, or reported as unreadable.
    pub(crate) read: HashSet<&'f str>,
    /// Files that were read, but do not identify themselves. They count like unread files.
    pub(crate) unidentified: Vec<Unidentified<'f>>,
    /// Folders in which a package manager has installed the packages of the lock files there, by ecosystem: `npm`,
    /// `srv/app`; and those of Java's runtimes: `jvm`, `opt/java`.
    pub(crate) installed: BTreeSet<(&'static str, &'f str)>,
    /// The number of problems of each kind that a cataloger has.
    pub(crate) told: BTreeMap<(ProblemCode, ProblemSeverity, &'static str), usize>,
    /// Bytes of all licences that were detected.
    pub(crate) detected_bytes: u64,
}

impl Found<'_> {
    /// A problem for all problems of a kind that were only counted.
    pub(crate) fn untold(&self) -> Vec<Problem> {
        let problem =
            |((code, severity, cataloger), count): (&(ProblemCode, ProblemSeverity, &str), &usize)| {
                let more = count.checked_sub(MAX_PROBLEMS).filter(|more| *more > 0)?;
                let detail = format!("{more} more of this kind in the files that {cataloger} reads");
                Some(Problem { severity: *severity, ..Problem::new(*code, "", detail) })
            };
        self.told.iter().filter_map(problem).collect()
    }
}

/// Files by the purpose for which they were read.
pub(crate) struct Files<'f> {
    set: &'f FileSet,
    by_purpose: HashMap<Purpose, Vec<&'f FoundFile>>,
}

impl<'f> Files<'f> {
    pub(crate) fn new(set: &'f FileSet) -> Self {
        let mut by_purpose: HashMap<Purpose, Vec<&FoundFile>> = HashMap::new();
        for file in set.iter() {
            for purpose in file.facts.purposes() {
                by_purpose.entry(purpose).or_default().push(file);
            }
        }
        Self { set, by_purpose }
    }
}

/// One cataloger's view.
pub(crate) struct Context<'c, 'f> {
    files: &'c Files<'f>,
    cataloger: &'static dyn Cataloger,
    /// The purpose of its first selection.
    first: Purpose,
    pub(crate) limits: &'c Limits,
    cancel: &'c Cancel,
    /// What was found so far, by the members of the list before this one as well.
    pub(crate) found: &'c mut Found<'f>,
}

impl<'c, 'f> Context<'c, 'f> {
    pub(crate) fn new(
        files: &'c Files<'f>,
        cataloger: &'static dyn Cataloger,
        first: Purpose,
        limits: &'c Limits,
        cancel: &'c Cancel,
        found: &'c mut Found<'f>,
    ) -> Self {
        Self { files, cataloger, first, limits, cancel, found }
    }

    /// The facts about files of one of the cataloger's selections, in the order of their paths. They end early if the
    /// work is cancelled; the caller of `finish` checks this and discards the result.
    pub(crate) fn facts<T: Fact>(
        &self,
        selection: u16,
    ) -> impl Iterator<Item = (&'f FoundFile, &'f T)> + use<'f, T> {
        let purpose = self.purpose(selection);
        let files = self.files.by_purpose.get(&purpose).cloned().unwrap_or_default();
        let cancel = self.cancel.clone();
        let files = files.into_iter().take_while(move |_| cancel.check().is_ok());
        files.filter_map(move |file| Some((file, file.fact(purpose)?)))
    }

    /// Whether the work is cancelled: then the cataloger should return early, see [`Self::facts`].
    pub(crate) fn is_stopped(&self) -> bool {
        self.cancel.check().is_err()
    }

    /// The facts about a file of the selections in each layer that contains it, the lowest first. Empty if only one
    /// layer contains it.
    pub(crate) fn versions<T: Fact>(&self, file: &'f FoundFile, selections: &[u16]) -> Vec<(usize, &'f T)> {
        let purposes = || selections.iter().map(|selection| self.purpose(*selection));
        let Some(layer) = file.layer.filter(|_| !file.earlier.is_empty()) else { return Vec::new() };
        let earlier = file.earlier.iter().map(|earlier| (earlier.layer, &earlier.facts));
        let all = [(layer, &file.facts)].into_iter().chain(earlier);
        // The chain ends at a layer that has something else at this path.
        let facts = all.map_while(|(layer, facts)| Some((layer, purposes().find_map(|it| facts.fact(it))?)));
        let mut found: Vec<(usize, &T)> = facts.collect();
        found.reverse();
        found
    }

    /// The facts about files of several selections, each file once by its real path, whatever links lead to it.
    pub(crate) fn distinct<T: Fact>(
        &self,
        selections: &[u16],
    ) -> impl Iterator<Item = (&'f FoundFile, &'f T)> + use<'f, T> {
        let mut files: BTreeMap<&str, (&FoundFile, &T)> = BTreeMap::new();
        for (file, fact) in selections.iter().flat_map(|selection| self.facts::<T>(*selection)) {
            let known = files.entry(&file.real_path).or_insert((file, fact));
            if file.path == file.real_path {
                *known = (file, fact);
            }
        }
        files.into_values()
    }

    /// Files of one of the cataloger's selections that were not read.
    pub(crate) fn unread(&self, selection: u16) -> impl Iterator<Item = Unread<'f>> + use<'c, 'f> {
        let (set, limits, purpose) = (self.files.set, self.limits, self.purpose(selection));
        let bound = match self.cataloger.selections().get(usize::from(selection)).map(|own| own.need) {
            Some(Need::Whole(bound)) => bound,
            // A file that is not read as a whole is never too large.
            _ => Bound::List,
        };
        let oversized = set.oversized.iter().filter(move |file| file.purposes.contains(&purpose));
        let unreadable = set.unreadable.iter().filter(move |file| file.purposes.contains(&purpose));
        let too_large = move |file: &'f Oversized| Unread {
            path: &file.path,
            why: WhyUnread::TooLarge(bound.exceeded(limits, file.size)),
        };
        let unread =
            |file: &'f Unreadable| Unread { path: &file.path, why: WhyUnread::Unreadable(&file.reason) };
        oversized.map(too_large).chain(unreadable.map(unread))
    }

    /// Every file, if they are listed.
    pub(crate) fn listed(&self) -> Option<&'f FileList> {
        self.files.set.listed.as_deref()
    }

    /// The operating system's release, if it is known.
    pub(crate) fn os(&self) -> Option<&OsRelease> {
        self.found.system.as_ref().map(|system| &system.release)
    }

    /// The type of the package URLs of the operating system's own packages: `deb`, `apk`.
    pub(crate) fn package_type(&self) -> Option<&'static str> {
        let System { release, like } = self.found.system.as_ref()?;
        Distribution::package_type_of(&release.id, like.iter().map(String::as_str))
    }

    /// Reports a problem. Beyond [`MAX_PROBLEMS`] of one kind, they are only counted.
    pub(crate) fn problem(&mut self, code: ProblemCode, path: &str, detail: String) {
        self.tell(Problem::new(code, path, detail));
    }

    /// Reports a problem with a file that only names packages, which run without it. Among test data it is only noted:
    /// broken files are kept there on purpose, and whoever wanted to hide a package would leave such a file out, which
    /// nobody would notice. A file that a package needs to run is never only noted.
    pub(crate) fn problem_of_names(&mut self, code: ProblemCode, path: &str, detail: String) {
        let problem = Problem::new(code, path, detail);
        let severity = if is_test_data(path) { ProblemSeverity::Noted } else { problem.severity };
        self.tell(Problem { severity, ..problem });
    }

    fn tell(&mut self, mut problem: Problem) {
        if problem.code == ProblemCode::UnreadableFile {
            problem.files = vec![problem.path.clone()];
        }
        let told = self.found.told.entry((problem.code, problem.severity, self.cataloger.id())).or_default();
        *told += 1;
        if *told <= MAX_PROBLEMS {
            self.found.inventory.problems.push(problem);
        }
    }

    /// Reports files of the cataloger's selections that could not be read.
    pub(crate) fn tell_unread(&mut self, selections: impl IntoIterator<Item = u16>) {
        self.tell_unread_by(selections, Self::problem);
    }

    /// The same for files that only name packages, see [`Self::problem_of_names`].
    pub(crate) fn tell_unread_names(&mut self, selections: impl IntoIterator<Item = u16>) {
        self.tell_unread_by(selections, Self::problem_of_names);
    }

    fn tell_unread_by(
        &mut self,
        selections: impl IntoIterator<Item = u16>,
        tell: impl Fn(&mut Self, ProblemCode, &str, String),
    ) {
        for unread in selections.into_iter().flat_map(|selection| self.unread(selection)).collect::<Vec<_>>()
        {
            let code = match unread.why {
                WhyUnread::TooLarge(_) => ProblemCode::FileTooLarge,
                WhyUnread::Unreadable(_) => ProblemCode::UnreadableFile,
            };
            tell(self, code, unread.path, unread.why.to_string());
        }
    }

    /// Adds licences that were detected by their texts to a component. Any number of components may share a text, so
    /// all copies together are bounded by `kept_file_bytes`; beyond that, components have none.
    pub(crate) fn detect(
        &mut self,
        component: ComponentIndex,
        detected: impl IntoIterator<Item = DetectedLicence>,
    ) {
        let found = &mut *self.found;
        let Some(component) = found.inventory.components.get_mut(component.0) else { return };
        for licence in detected.into_iter().take(MAX_DETECTED) {
            let bytes = size_of::<DetectedLicence>() + licence.id.len() + licence.path.len();
            let all = found.detected_bytes.saturating_add(bytes as u64);
            if all > self.limits.kept_file_bytes {
                return;
            }
            found.detected_bytes = all;
            component.detected.push(licence);
        }
    }

    /// Adds a component that a file shows. A package of the operating system may own it; without the digests of the
    /// file, that is only a claim.
    pub(crate) fn add_shown(
        &mut self,
        component: &Component,
        file: &'f FoundFile,
        digests: impl Into<Option<&'f FileDigests>>,
    ) -> ComponentIndex {
        let locations = vec![Location { path: file.path.clone(), layer: file.layer }];
        let component = self.add(Component { locations, ..component.clone() });
        let (path, real_path) = (file.path.as_str(), file.real_path.as_str());
        self.found.component_files.push(ComponentFile {
            component,
            path,
            real_path,
            digests: digests.into(),
        });
        component
    }

    /// Adds a component; its index is for claims, evidence and relationships.
    pub(crate) fn add(&mut self, component: Component) -> ComponentIndex {
        let component = Component { found_by: Some(self.cataloger.id()), ..component };
        self.found.inventory.components.push(component);
        ComponentIndex(self.found.inventory.components.len() - 1)
    }

    fn purpose(&self, selection: u16) -> Purpose {
        Purpose(self.first.0.saturating_add(selection))
    }
}

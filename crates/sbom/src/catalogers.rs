//! The list of catalogers, and what they make of a root file system together.
//!
//! The operating system comes first, because it names the distribution in package URLs and says which package database
//! to expect. What is expected and not there is a problem: an image from which the database was deleted has not become
//! free of vulnerabilities (`rm -rf /var/lib/dpkg` is a known way to quieten scanners).

mod codec;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use plimsoll_core::rootfs::{Attributes, Fact, FactCodec, FileSet, Need, Purpose, Select, Stream};
use plimsoll_core::{Cancel, Limits, Stopped};

use crate::cataloger::{Cataloger, File, Room, Selection};
use crate::context::{Context, Files, Found, PackageDatabase, System};
use crate::inventory::{Inventory, MAX_FILES, Problem, ProblemCode, ProblemSeverity};
use crate::language::python::place::spelling;
use crate::matcher::Matcher;
use crate::os::release::{OS_RELEASE, contradiction};
use crate::os::traces::Trace;
use crate::ownership;
use crate::{binaries, embedded, language, lockfiles, os, package_note, telltales};

/// Every cataloger. They finish in this order.
const LIST: &[&dyn Cataloger] = &[
    // The operating system, before what depends on knowing it.
    &os::release::OsReleaseFile,
    &os::dpkg::Dpkg,
    &os::apk::Apk,
    &os::rpm::Rpm,
    &os::pacman::Pacman,
    &os::portage::Portage,
    &os::opkg::Opkg,
    &os::chisel::Chisel,
    &os::traces::Traces,
    &language::python::Python,
    &language::go::Go,
    &language::rust::Rust,
    &language::npm::Npm,
    &language::java::Java,
    &language::ruby::Ruby,
    &language::php::Php,
    &language::dotnet::DotNet,
    &language::r::R,
    &language::conda::Conda,
    &language::jvm::JVM,
    &language::lua::LUA,
    &language::erlang::ERLANG,
    &language::pear::PEAR,
    &language::perl::Perl,
    &language::haskell::HASKELL,
    &language::julia::JULIA,
    &language::wordpress::WordPress,
    &language::nimble::NIMBLE,
    &language::homebrew::HOMEBREW,
    &language::nix::NIX,
    &language::snap::SNAP,
    &language::flatpak::Flatpak,
    &language::models::Models,
    &language::kernel::Kernel,
    // What projects want counts where it is not installed.
    &language::maven::Maven,
    // Programs of no ecosystem, after those who tell what a program is made of.
    &package_note::PackageNote,
    &binaries::Binaries,
    // What is locked counts where it is not installed.
    &lockfiles::Lockfiles,
    // What the image itself says, where nobody else does.
    &embedded::Embedded,
    // What texts say of packages that say nothing.
    &language::licence_files::LicenceFiles,
    // What none of the others reads.
    &telltales::Telltales,
];

static ALL: LazyLock<Catalogers> = LazyLock::new(|| Catalogers::without(&BTreeSet::new()));

/// The files that [`catalog()`] needs, and what is kept of them.
pub fn select() -> &'static dyn Select {
    Catalogers::all()
}

/// Makes the inventory of the files that [`select`] asked for. Of `limits`, those that the files were read with, `packages`
/// bounds what becomes of them.
pub fn catalog(files: &FileSet, limits: &Limits) -> Inventory {
    // Nothing stops a token that nobody else has.
    catalog_until(files, limits, &Cancel::never()).unwrap_or_default()
}

/// The same, until `cancel` stops it. What was not looked at is no inventory, so there is none then.
pub fn catalog_until(files: &FileSet, limits: &Limits, cancel: &Cancel) -> Result<Inventory, Stopped> {
    ALL.catalog(files, limits, cancel)
}

/// The cataloger of a purpose, and its selection with the number that it has there.
type Meaning = (&'static dyn Cataloger, u16, &'static Selection);

/// A cataloger, as users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogerInfo {
    /// Its stable name.
    pub id: &'static str,
    /// Changes whenever it makes something else of the same file.
    pub version: u32,
    /// The types of the package URLs that it makes.
    pub purl_types: &'static [&'static str],
    /// The patterns of the paths that it looks for; `*` stays within a name, `**/` stands for any directories, `.#` for a number.
    pub paths: Vec<&'static str>,
}

/// Every cataloger, in the order in which they work.
pub fn catalogers() -> Vec<CatalogerInfo> {
    let info = |member: &&'static dyn Cataloger| CatalogerInfo {
        id: member.id(),
        version: member.version(),
        purl_types: member.purl_types(),
        paths: member.selections().iter().flat_map(|selection| selection.paths).copied().collect(),
    };
    LIST.iter().map(info).collect()
}

/// A file that may be anything.
const ANY_PROGRAM: Attributes = Attributes { size: u64::MAX, mode: 0o755 };

/// Paths by which the operating system and its packages are known, one for each pattern of the catalogers: a place at
/// which each is usually found.
pub fn os_paths() -> Vec<String> {
    let of_packages = LIST.iter().filter(|member| member.room() == Room::OperatingSystem);
    let selections =
        of_packages.filter(|member| member.id() != os::traces::Traces.id()).flat_map(|it| it.selections());
    let usual = |path: &&str| path.trim_start_matches("**/").replace(['*', '?'], "x");
    let paths = selections.flat_map(|selection| selection.paths);
    // Without the files of licences, every package is found.
    paths.filter(|path| !path.ends_with("/copyright")).map(usual).collect()
}

/// Catalogers at work together.
pub struct Catalogers {
    members: Vec<&'static dyn Cataloger>,
    /// Those that were switched off.
    off: Vec<&'static dyn Cataloger>,
    /// What each purpose means.
    purposes: Vec<Meaning>,
    matcher: Matcher,
    folder_endings: Vec<&'static str>,
    /// The selections of the catalogers of languages, and of what is not read.
    shown: Matcher,
    unread: Matcher,
    fixed: Vec<&'static str>,
}

impl Catalogers {
    /// Every cataloger of the list.
    pub fn all() -> &'static Self {
        &ALL
    }

    /// Those of the list that `off` does not name. What the others would find is a problem of each inventory.
    pub fn without(off: &BTreeSet<&str>) -> Self {
        let (off, members): (Vec<_>, Vec<_>) =
            LIST.iter().copied().partition(|member| off.contains(member.id()));
        Self { off, ..Self::new(&members) }
    }

    fn new(members: &[&'static dyn Cataloger]) -> Self {
        let selections = |member: &&'static dyn Cataloger| {
            let member = *member;
            member
                .selections()
                .iter()
                .zip(0_u16..)
                .map(move |(selection, number)| (member, number, selection))
        };
        let paths = members.iter().flat_map(|it| it.selections()).flat_map(|selection| selection.paths);
        let matcher = Matcher::new(members, |_, _| true);
        Self {
            off: Vec::new(),
            purposes: members.iter().flat_map(selections).collect(),
            folder_endings: matcher.folder_endings(),
            matcher,
            // Not what is wanted of every program: distributions have them at the places that are named.
            shown: Matcher::new(members, |member, selection| {
                member.room() == Room::Language && !selection.paths.is_empty()
            }),
            unread: Matcher::new(members, |member, _| member.room() == Room::Unread),
            fixed: paths.copied().filter(|path| !path.contains(['*', '?'])).collect(),
            members: members.to_vec(),
        }
    }

    /// Makes the inventory of files that were selected by these catalogers, until `cancel` stops it.
    pub fn catalog(&self, set: &FileSet, limits: &Limits, cancel: &Cancel) -> Result<Inventory, Stopped> {
        let mut found = Found::default();
        found.inventory.layers.clone_from(&set.layers);
        self.finish(set, limits, cancel, &mut found, |_| true)?;
        let untold = found.untold();
        let Found { system, mut inventory, databases, claims, evidence, .. } = found;
        inventory.problems.extend(untold);
        let seen = Seen {
            trace: if system.is_none() { self.trace(set) } else { None },
            is_image: !set.layers.is_empty(),
            has_components: !inventory.components.is_empty(),
        };
        inventory.problems.extend(missing(system.as_ref(), &databases, &seen));
        inventory.problems.extend(contradicted(system.as_ref(), &inventory));
        inventory.problems.extend(unentered(set));
        inventory.problems.extend(self.off.iter().map(|member| switched_off(*member)));
        inventory.problems.extend(set.unhashed_layers.iter().filter_map(|index| unhashed(set, *index)));
        cancel.check()?;
        let owned = ownership::relationships(&claims, &evidence, &inventory.components);
        inventory.relationships.extend(owned);
        inventory.os = system.map(|system| system.release);
        inventory.sort();
        cancel.check()?;
        Ok(inventory)
    }

    /// Lets those members finish that `take` says yes to.
    fn finish<'f>(
        &self,
        set: &'f FileSet,
        limits: &Limits,
        cancel: &Cancel,
        found: &mut Found<'f>,
        take: impl Fn(&dyn Cataloger) -> bool,
    ) -> Result<(), Stopped> {
        #[cfg(test)]
        codec::check(self, set);
        let files = Files::new(set);
        let mut first = 0;
        for member in &self.members {
            if take(*member) {
                member.finish(&mut Context::new(&files, *member, Purpose(first), limits, cancel, found));
                cancel.check()?;
            }
            first += u16::try_from(member.selections().len()).unwrap_or(u16::MAX);
        }
        Ok(())
    }

    /// What shows that there is an operating system: the first file that is there only where one is. A program that needs
    /// one is a trace in an image, and not in a folder, where it runs on the system around it.
    fn trace(&self, set: &FileSet) -> Option<String> {
        let is_image = !set.layers.is_empty();
        let by_path = |purpose: Purpose| {
            self.meaning(purpose).is_some_and(|(member, _, selection)| {
                member.room() == Room::OperatingSystem && !selection.paths.is_empty()
            })
        };
        let found = set.iter().filter(|file| file.facts.purposes().any(by_path));
        let found = found.map(|file| file.path.as_str());
        let unread = set.unreadable.iter().map(|file| (file.path.as_str(), &file.purposes));
        let unread = unread.chain(set.oversized.iter().map(|file| (file.path.as_str(), &file.purposes)));
        let unread = unread.filter(|(_, purposes)| purposes.iter().copied().any(by_path));
        if let Some(path) = found.chain(unread.map(|(path, _)| path)).min() {
            return Some(format!("{path} is of one"));
        }
        let mut programs = set.iter().filter(|_| is_image).filter(|file| {
            let mut purposes = file.facts.purposes();
            purposes.any(|purpose| file.fact::<Trace>(purpose).is_some())
        });
        programs.next().map(|file| format!("{} runs with the libraries of one", file.path))
    }

    fn meaning(&self, purpose: Purpose) -> Option<Meaning> {
        self.purposes.get(usize::from(purpose.0)).copied()
    }
}

impl Select for Catalogers {
    fn want(&self, path: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        self.matcher.want(&spelling(path), attributes)
    }

    fn want_folder(&self, path: &str) -> Vec<Purpose> {
        self.matcher.want_folder(&format!("{}/", spelling(path)))
    }

    fn folder_endings(&self) -> &[&'static str] {
        &self.folder_endings
    }

    fn may_want_folder(&self, name: &[u8]) -> bool {
        ends_with_any(name, &self.folder_endings) || language::nix::is_store_name(name)
    }

    fn keeps_earlier(&self, purpose: Purpose) -> bool {
        self.meaning(purpose).is_some_and(|(member, number, _)| member.is_database(number))
    }

    fn need(&self, purpose: Purpose) -> Need {
        self.meaning(purpose).map_or(Need::Name, |(_, _, selection)| selection.need)
    }

    fn extract(
        &self,
        purpose: Purpose,
        _: Attributes,
        content: &[u8],
        limits: &Limits,
    ) -> Option<Arc<dyn Fact>> {
        let (member, number, _) = self.meaning(purpose)?;
        let shows_package = &|path: &str| !self.shown.want(&spelling(path), Some(ANY_PROGRAM)).is_empty();
        let may_be_unread = &|path: &str| {
            telltales::may_be_program(path)
                || language::java::is_archive(path)
                || !self.unread.want(path, None).is_empty()
        };
        member.extract(number, &File { content, limits, shows_package, may_be_unread })
    }

    fn stream(&self, purpose: Purpose, attributes: Attributes, limits: &Limits) -> Option<Box<dyn Stream>> {
        let (member, number, _) = self.meaning(purpose)?;
        member.stream(number, attributes, limits)
    }

    fn fixed_paths(&self) -> &[&'static str] {
        &self.fixed
    }

    fn codec(&self) -> Option<&dyn FactCodec> {
        Some(self)
    }
}

/// What one cataloger makes of files of an operating system that is known already.
#[cfg(test)]
pub(crate) fn alone<'f>(id: &str, files: &'f FileSet, system: Option<System>) -> Found<'f> {
    let mut found = Found { system, ..Found::default() };
    ALL.finish(files, &Limits::default(), &Cancel::never(), &mut found, |member| member.id() == id).unwrap();
    found
}

/// Whether a name ends in one of `endings`, in whichever case.
fn ends_with_any(name: &[u8], endings: &[&str]) -> bool {
    endings.iter().any(|ending| {
        let end = name.len().checked_sub(ending.len()).and_then(|start| name.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    })
}

/// That directories of a folder could not be entered. What is in them is known to nobody, so no cataloger tells it.
fn unentered(set: &FileSet) -> Option<Problem> {
    let closed: Vec<_> = set.unreadable.iter().filter(|it| it.purposes.is_empty()).collect();
    let first = closed.first().filter(|_| set.layers.is_empty())?;
    let more = match closed.len() - 1 {
        0 => String::new(),
        more => format!(", and neither can {more} more"),
    };
    let detail = format!("cannot be read: {}{more}", first.reason);
    let few = Some(&closed).filter(|closed| closed.len() <= MAX_FILES);
    let files = few.into_iter().flatten().map(|it| it.path.clone()).collect();
    Some(Problem { files, ..Problem::new(ProblemCode::UnreadableFile, &first.path, detail) })
}

/// That nothing was looked for that the cataloger finds.
fn switched_off(member: &dyn Cataloger) -> Problem {
    let what = match member.purl_types() {
        [] => "what it looks for".to_owned(),
        types => format!("packages of type {}", types.join(", ")),
    };
    let detail = format!("cataloger {} was switched off, so that {what} may be missing", member.id());
    let problem = Problem::new(ProblemCode::SwitchedOff, "", detail);
    match member.room() {
        // Every package is there all the same.
        Room::About => Problem { severity: ProblemSeverity::Noted, ..problem },
        Room::OperatingSystem | Room::Language | Room::Unread => problem,
    }
}

/// That a layer was read by its table of contents only.
fn unhashed(set: &FileSet, index: usize) -> Option<Problem> {
    let layer = set.layers.get(index)?;
    let detail = format!(
        "layer {} ({}) was read by its table of contents, which may list other files than the layer has",
        index + 1,
        layer.digest
    );
    Some(Problem::new(ProblemCode::LayerDigestNotComputed, "", detail))
}

/// That the packages are of another release than the one that `os-release` names.
fn contradicted(system: Option<&System>, inventory: &Inventory) -> Option<Problem> {
    let release = &system?.release;
    let detail = contradiction::of_packages(release, &inventory.components)?;
    let [os_release, _] = OS_RELEASE;
    let detail = format!("says {}, and {detail}", release.distro());
    Some(Problem::new(ProblemCode::UnknownOs, os_release, detail))
}

/// What is seen of a root file system, where nothing says of which operating system it is.
struct Seen {
    /// What shows that there is one.
    trace: Option<String>,
    /// Whether it is an image, and not a folder.
    is_image: bool,
    has_components: bool,
}

/// Distributions whose editions differ in their package managers: whichever is there, it is the one.
const EITHER: [&str; 3] = ["kylin", "poky", "uos"];

/// What the package database should be and is not.
fn missing(system: Option<&System>, databases: &[PackageDatabase], seen: &Seen) -> Option<Problem> {
    let problem = |code, path: &str, detail: String| Some(Problem::new(code, path, detail));
    let [os_release, _] = OS_RELEASE;
    let Some(System { release, .. }) = system else {
        if databases.iter().any(|database| database.present) {
            let detail = "there are packages but no usable os-release: the release is not known".to_owned();
            return problem(ProblemCode::UnknownOs, os_release, detail);
        }
        return match seen {
            Seen { trace: Some(trace), .. } => {
                let detail = format!(
                    "nothing says which operating system it is, but {trace}, and its packages are missing"
                );
                problem(ProblemCode::UnknownOs, os_release, detail)
            }
            // An image in which nothing was found looks like one from which everything was removed.
            Seen { is_image: true, has_components: false, .. } => {
                let detail = "there is neither os-release nor a package database".to_owned();
                problem(ProblemCode::UnknownOs, os_release, detail)
            }
            Seen { is_image: true, .. } => {
                let detail = "there is nothing of an operating system".to_owned();
                problem(ProblemCode::NoOs, "", detail)
            }
            // A folder of sources has none to miss.
            Seen { is_image: false, .. } => None,
        };
    };
    let expected = || databases.iter().filter(|database| database.expected);
    let Some(first) = expected().next() else {
        // An empty database says nothing.
        let is_either = EITHER.contains(&release.id.as_str());
        if is_either && databases.iter().any(|database| database.packages > 0) {
            return None;
        }
        let detail = format!("the package database of {} is not read", release.id);
        return problem(ProblemCode::UnknownOs, os_release, detail);
    };
    let distro = release.distro();
    if expected().all(|database| !database.present) {
        let detail = format!("os-release says {distro}, and there is no package database");
        return problem(ProblemCode::OsInventoryMissing, first.path, detail);
    }
    if expected().all(|database| database.packages == 0 && !database.has_problems) {
        let detail = format!("os-release says {distro}, and its package database is empty");
        return problem(ProblemCode::OsInventoryMissing, first.path, detail);
    }
    None
}

#[cfg(test)]
mod tests;

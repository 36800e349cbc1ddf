//! The list of catalogers, and the inventory that they make of a root file system.
//!
//! The operating system comes first, because it names the distribution in package URLs and says which package database
//! to expect. A missing database is a problem: an image from which it was deleted has not become free of
//! vulnerabilities (`rm -rf /var/lib/dpkg` is a known way to silence scanners).

mod codec;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use plimsoll_core::rootfs::{Attributes, Fact, FactCodec, FileSet, Need, Purpose, Select, Stream};
use plimsoll_core::{Cancel, Limits, Stopped};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::{Context, Files, Found, PackageDatabase, System};
use crate::inventory::{Files as ListedFiles, Inventory, MAX_FILES, Problem, ProblemCode, ProblemSeverity};
use crate::language::python::place::spelling;
use crate::matcher::Matcher;
use crate::os::release::{OS_RELEASE, contradiction};
use crate::os::traces::Trace;
use crate::ownership;
use crate::{binaries, embedded, language, lockfiles, native_image, os, package_note, telltales};

/// Every cataloger. They finish in this order.
const LIST: &[&dyn Cataloger] = &[
    // The operating system, before catalogers that depend on it.
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
    &native_image::NativeImage,
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
    // Dependencies of projects count if they are not installed.
    &language::maven::Maven,
    // Programs of no ecosystem, after the catalogers that list the parts of a program.
    &package_note::PackageNote,
    &binaries::Binaries,
    // Locked packages count if they are not installed.
    &lockfiles::Lockfiles,
    // Documents in the image count if nothing else does.
    &embedded::Embedded,
    // Licence texts count for packages that declare no licence.
    &language::licence_files::LicenceFiles,
    // Files that none of the others reads.
    &telltales::Telltales,
];

static ALL: LazyLock<Catalogers> = LazyLock::new(|| Catalogers::without(&BTreeSet::new()));

/// The files that [`catalog()`] needs, and what is kept of them.
pub fn select() -> &'static dyn Select {
    Catalogers::all()
}

/// Makes the inventory of the files that [`select`] asked for. `limits` are those with which the files were read;
/// `packages` bounds the components.
pub fn catalog(files: &FileSet, limits: &Limits) -> Inventory {
    // Nobody else has the token, so nothing cancels it.
    catalog_until(files, limits, &Cancel::never()).unwrap_or_default()
}

/// The same, until `cancel` stops it. Then there is no inventory, because it would be incomplete.
pub fn catalog_until(files: &FileSet, limits: &Limits, cancel: &Cancel) -> Result<Inventory, Stopped> {
    ALL.catalog(files, limits, cancel)
}

/// The cataloger of a purpose, and its selection with its number.
type Meaning = (&'static dyn Cataloger, u16, &'static Selection);

/// A cataloger, as users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogerInfo {
    /// Its stable name.
    pub id: &'static str,
    /// Changes whenever it makes other facts of the same file.
    pub version: u32,
    /// The types of the package URLs that it makes.
    pub purl_types: &'static [&'static str],
    /// The patterns of the paths that it selects; `*` stays within a name, `**/` stands for any directories, `.#` for a
    /// number.
    pub paths: Vec<&'static str>,
}

/// Every cataloger, in the order in which they finish.
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

/// Paths that identify the operating system and its packages: for each pattern of the catalogers, a place where the
/// file usually is.
pub fn os_paths() -> Vec<String> {
    let of_packages = LIST.iter().filter(|member| member.coverage() == Coverage::OperatingSystem);
    let selections =
        of_packages.filter(|member| member.id() != os::traces::Traces.id()).flat_map(|it| it.selections());
    let usual = |path: &&str| path.trim_start_matches("**/").replace(['*', '?'], "x");
    let paths = selections.flat_map(|selection| selection.paths);
    // Every package is found without the licence files.
    paths.filter(|path| !path.ends_with("/copyright")).map(usual).collect()
}

/// The catalogers that are used together.
pub struct Catalogers {
    members: Vec<&'static dyn Cataloger>,
    /// The catalogers that were switched off.
    off: Vec<&'static dyn Cataloger>,
    /// The meaning of each purpose.
    purposes: Vec<Meaning>,
    matcher: Matcher,
    folder_endings: Vec<&'static str>,
    /// The selections of the catalogers of languages and of unread files.
    shown: Matcher,
    unread: Matcher,
    fixed: Vec<&'static str>,
    /// Whether every file is listed.
    lists_files: bool,
}

impl Catalogers {
    /// Every cataloger of the list.
    pub fn all() -> &'static Self {
        &ALL
    }

    /// The catalogers that `off` does not name. Each of the others is a problem of every inventory.
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
        let matcher = Matcher::new(members, |member, selection| !member.is_only_for_owners(selection));
        Self {
            off: Vec::new(),
            purposes: members.iter().flat_map(selections).collect(),
            folder_endings: matcher.folder_endings(),
            matcher,
            // Not the selections of every program: distributions install them in the named places.
            shown: Matcher::new(members, |member, selection| {
                member.coverage() == Coverage::Language && !selection.paths.is_empty()
            }),
            unread: Matcher::new(members, |member, _| member.coverage() == Coverage::Unread),
            fixed: paths.copied().filter(|path| !path.contains(['*', '?'])).collect(),
            members: members.to_vec(),
            lists_files: false,
        }
    }

    /// The same catalogers, which also list every file with its digests and its owner.
    #[must_use]
    pub fn listing_files(self) -> Self {
        Self { lists_files: true, matcher: Matcher::new(&self.members, |_, _| true), ..self }
    }

    /// Makes the inventory of files that were selected by these catalogers, until `cancel` stops it.
    pub fn catalog(&self, set: &FileSet, limits: &Limits, cancel: &Cancel) -> Result<Inventory, Stopped> {
        let mut found = Found::default();
        found.inventory.layers.clone_from(&set.layers);
        self.finish(set, limits, cancel, &mut found, |_| true)?;
        let untold = found.untold();
        let Found { system, mut inventory, databases, claims, component_files, owned, .. } = found;
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
        let owners = ownership::relationships(&claims, &component_files, &inventory.components);
        inventory.relationships.extend(owners);
        if let Some(list) = &set.listed {
            let claims = claims.iter().map(|claim| (claim.path, claim.owner));
            let files = ListedFiles::new(Arc::clone(list), claims, &owned);
            inventory.problems.extend(files.problems());
            inventory.files = Some(Arc::new(files));
            cancel.check()?;
        }
        inventory.os = system.map(|system| system.release);
        inventory.sort();
        cancel.check()?;
        Ok(inventory)
    }

    /// Lets the members finish for which `take` is true.
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

    /// What shows that there is an operating system: the first file that only exists in one. A program that needs one
    /// is a trace in an image, but not in a folder, where it runs on the system around it.
    fn trace(&self, set: &FileSet) -> Option<String> {
        let is_image = !set.layers.is_empty();
        let by_path = |purpose: Purpose| {
            self.meaning(purpose).is_some_and(|(member, _, selection)| {
                member.coverage() == Coverage::OperatingSystem && !selection.paths.is_empty()
            })
        };
        let found = set.iter().filter(|file| file.facts.purposes().any(by_path));
        let found = found.map(|file| file.path.as_str());
        let unread = set.unreadable.iter().map(|file| (file.path.as_str(), &file.purposes));
        let unread = unread.chain(set.oversized.iter().map(|file| (file.path.as_str(), &file.purposes)));
        let unread = unread.filter(|(_, purposes)| purposes.iter().copied().any(by_path));
        if let Some(path) = found.chain(unread.map(|(path, _)| path)).min() {
            return Some(format!("{path} belongs to one"));
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
        let shows_package =
            &|path: &str| self.lists_files || !self.shown.want(&spelling(path), Some(ANY_PROGRAM)).is_empty();
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

    fn lists_files(&self) -> bool {
        self.lists_files
    }

    fn codec(&self) -> Option<&dyn FactCodec> {
        // Lists of files are not cached, and the facts differ: those of package databases contain every file.
        (!self.lists_files).then_some(self as &dyn FactCodec)
    }
}

/// The result of one cataloger for the files of a known operating system.
#[cfg(test)]
pub(crate) fn alone<'f>(id: &str, files: &'f FileSet, system: Option<System>) -> Found<'f> {
    let mut found = Found { system, ..Found::default() };
    ALL.finish(files, &Limits::default(), &Cancel::never(), &mut found, |member| member.id() == id).unwrap();
    found
}

/// Whether a name ends in one of `endings`, in upper or lower case.
fn ends_with_any(name: &[u8], endings: &[&str]) -> bool {
    endings.iter().any(|ending| {
        let end = name.len().checked_sub(ending.len()).and_then(|start| name.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    })
}

/// The problem that directories of a folder could not be entered. Their content is unknown, so no cataloger reports it.
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

/// The problem that a cataloger was switched off.
fn switched_off(member: &dyn Cataloger) -> Problem {
    let what = match member.purl_types() {
        [] => "what it searches for".to_owned(),
        types => format!("packages of type {}", types.join(", ")),
    };
    let detail = format!("cataloger {} was switched off, so that {what} may be missing", member.id());
    let problem = Problem::new(ProblemCode::SwitchedOff, "", detail);
    match member.coverage() {
        // No package is missing because of it.
        Coverage::About => Problem { severity: ProblemSeverity::Noted, ..problem },
        Coverage::OperatingSystem | Coverage::Language | Coverage::Unread => problem,
    }
}

/// The problem that a layer was read by its table of contents only.
fn unhashed(set: &FileSet, index: usize) -> Option<Problem> {
    let layer = set.layers.get(index)?;
    let detail = format!(
        "layer {} ({}) was read by its table of contents, which may list other files than the layer contains",
        index + 1,
        layer.digest
    );
    Some(Problem::new(ProblemCode::LayerDigestNotComputed, "", detail))
}

/// The problem that the packages belong to another release than `os-release` names.
fn contradicted(system: Option<&System>, inventory: &Inventory) -> Option<Problem> {
    let release = &system?.release;
    let detail = contradiction::of_packages(release, &inventory.components)?;
    let [os_release, _] = OS_RELEASE;
    let detail = format!("says {}, and {detail}", release.distro());
    Some(Problem::new(ProblemCode::UnknownOs, os_release, detail))
}

/// What is known of a root file system whose operating system is unknown.
struct Seen {
    /// What shows that there is one.
    trace: Option<String>,
    /// Whether it is an image rather than a folder.
    is_image: bool,
    has_components: bool,
}

/// Distributions whose editions use different package managers: any of them is accepted.
const EITHER: [&str; 3] = ["kylin", "poky", "uos"];

/// The problem that the expected package database is missing.
fn missing(system: Option<&System>, databases: &[PackageDatabase], seen: &Seen) -> Option<Problem> {
    let problem = |code, path: &str, detail: String| Some(Problem::new(code, path, detail));
    let [os_release, _] = OS_RELEASE;
    let Some(System { release, .. }) = system else {
        if databases.iter().any(|database| database.present) {
            let detail = "there are packages but no usable os-release: the release is unknown".to_owned();
            return problem(ProblemCode::UnknownOs, os_release, detail);
        }
        return match seen {
            Seen { trace: Some(trace), .. } => {
                let detail =
                    format!("the operating system is unknown, but {trace}, and its packages are missing");
                problem(ProblemCode::UnknownOs, os_release, detail)
            }
            // An image in which nothing was found looks the same as one from which everything was removed.
            Seen { is_image: true, has_components: false, .. } => {
                let detail = "there is neither os-release nor a package database".to_owned();
                problem(ProblemCode::UnknownOs, os_release, detail)
            }
            Seen { is_image: true, .. } => {
                let detail = "there is no trace of an operating system".to_owned();
                problem(ProblemCode::NoOs, "", detail)
            }
            // A source folder needs none.
            Seen { is_image: false, .. } => None,
        };
    };
    let expected = || databases.iter().filter(|database| database.expected);
    let Some(first) = expected().next() else {
        // An empty database is no evidence.
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

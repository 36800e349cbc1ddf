//! What no cataloger reads: recognised by the files that each ecosystem leaves, so that unread files are never reported
//! as "nothing found".
//!
//! The telltales are listed in [`table`]. The files of an ecosystem make one problem, with their number and the first of
//! them. Files that a package of the operating system owns are set aside, with a problem for each package, because that
//! package is in the inventory and its distribution's advisories cover it. A package manager's list of files is the
//! image's own claim: it counts only for places where distributions install files, and only for a file that still has
//! the recorded digest. For libraries, which are most of the bytes of a system, the place is enough. The matcher
//! decides whether the distribution covers the package.
//!
//! Shared objects are part of the installed package or runtime in whose folder they are, see [`shared`].

mod executable;
mod jar;
mod shared;
mod table;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use plimsoll_core::rootfs::{Attributes, Fact, Footprint, FoundFile, Stream};
use plimsoll_core::{Limits, Purl};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::{Context, WhyUnread};
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, MAX_FILES, Problem, ProblemCode};
use crate::language::jvm::JVM;
use crate::lockfiles::is_in_package;
use crate::ownership::{Digester, FileDigests, hash_of_path, is_of_distributions};
use crate::path::folder_of;
pub use executable::EXECUTABLES;
use executable::SHARED_OBJECTS;
use shared::SharedObjects;
pub(crate) use table::Kind;
use table::{Form, RecognisedBy, TELLTALES};

static SELECTIONS: LazyLock<Vec<Selection>> =
    LazyLock::new(|| TELLTALES.iter().map(|telltale| telltale.selection).collect());

/// Reports files that no cataloger reads.
pub(crate) struct Telltales;

/// A file that a cataloger read, and that does not identify itself.
pub(crate) struct Unidentified<'f> {
    pub(crate) kind: Kind,
    pub(crate) file: &'f FoundFile,
    /// The digests of the file, if the cataloger hashed it.
    pub(crate) digests: Option<&'f FileDigests>,
}

/// The fact about a file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Shown {
    form: Form,
    /// The digests of the whole file, if it was hashed.
    digests: Option<FileDigests>,
}

impl Footprint for Shown {
    fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}

impl Cataloger for Telltales {
    fn id(&self) -> &'static str {
        "telltales"
    }

    fn version(&self) -> u32 {
        3
    }

    fn coverage(&self) -> Coverage {
        Coverage::Unread
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn selections(&self) -> &'static [Selection] {
        &SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let telltale = TELLTALES.get(usize::from(selection))?;
        let form = telltale.form(file.content);
        telltale.shows.fits(file.content).then(|| Arc::new(Shown { form, digests: None }) as _)
    }

    fn stream(&self, selection: u16, _: Attributes, _: &Limits) -> Option<Box<dyn Stream>> {
        let telltale = TELLTALES.get(usize::from(selection))?;
        Some(Box::new(Streamed { telltale, head: Vec::new(), digester: Digester::default() }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut unread = Unread::default();
        // Digests of programs that a cataloger read without hashing them.
        let mut of_read: HashMap<&str, &FileDigests> = HashMap::new();
        let shared = SharedObjects::new(&context.found.inventory.components);
        let drupal = drupal_projects(&context.found.inventory.components);
        for (telltale, selection) in TELLTALES.iter().zip(0..) {
            for (file, Shown { form, digests }) in context.facts::<Shown>(selection) {
                let kind = match form {
                    Form::OfItsRow => telltale.kind(),
                    Form::SharedObject => executable::kind_of_shared_object(&file.path),
                    Form::Jar if jar::is_named_like_one(&file.path) => continue,
                    Form::Jar => jar::JAR,
                };
                let is_elf = [EXECUTABLES, SHARED_OBJECTS].contains(&kind.ecosystem);
                let is_part =
                    || kind.ecosystem == SHARED_OBJECTS && shared.is_part_of_something(&file.real_path);
                let read = is_elf && (context.found.read.contains(&*file.real_path) || is_part());
                if let Some(digests) = digests.as_ref().filter(|_| read) {
                    of_read.insert(&file.real_path, digests);
                }
                let folder = folder_of(&file.path);
                // Installed packages are read, and count instead of those in a lock file.
                let installed = context.found.installed.contains(&(kind.ecosystem, folder))
                    || is_of_runtime(&file.path, context)
                    || (kind.ecosystem == DRUPAL && drupal.contains(drupal_project(&file.path)));
                if !read && !installed {
                    unread.file(kind, &file.path, &file.real_path, digests.as_ref());
                }
            }
            for file in context.unread(selection) {
                match telltale.kind_by_path() {
                    Some(kind) => unread.file(kind, file.path, file.path, None),
                    None => unread.unreadable(file.path, &file.why),
                }
            }
        }
        for Unidentified { kind, file, digests } in &context.found.unidentified {
            let digests = digests.or_else(|| of_read.get(&*file.real_path).copied());
            unread.file(*kind, &file.path, &file.real_path, digests);
        }
        let owners = unread.owners(context);
        let problems = unread.problems(&owners, context);
        context.found.inventory.problems.extend(problems);
    }
}

const DRUPAL: &str = "Drupal";

/// The projects of Drupal that Composer installed, by name: they are read from its list.
fn drupal_projects(components: &[Component]) -> HashSet<String> {
    let composed = components.iter().filter(|component| component.purl.package_type() == "composer");
    composed
        .filter(|component| component.purl.namespace().is_some_and(|namespace| namespace == "drupal"))
        .map(|component| component.purl.name().to_owned())
        .collect()
}

/// The project that a telltale of Drupal is of: `views` for `views.info.yml`, otherwise `core`.
fn drupal_project(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".yml").unwrap_or(name).strip_suffix(".info").unwrap_or("core")
}

/// Whether a file is a module of a listed Java runtime: `jmods/java.base.jmod`, with `release` next to the folder.
fn is_of_runtime(path: &str, context: &Context<'_, '_>) -> bool {
    let runtime =
        path.rsplit_once("/jmods/").filter(|(_, file)| !file.contains('/')).map(|(runtime, _)| runtime);
    runtime.is_some_and(|runtime| context.found.installed.contains(&(JVM.id, runtime)))
}

/// A file while it is read.
struct Streamed {
    telltale: &'static table::Telltale,
    /// Its first bytes, until they decide whether it is a program.
    head: Vec<u8>,
    digester: Digester,
}

impl Streamed {
    /// Whether it is a library by its head and by its name: a program that loads itself has the same head.
    fn is_library(&self) -> bool {
        !self.telltale.selection.paths.is_empty() && self.telltale.is_shared_object(&self.head)
    }
}

impl Stream for Streamed {
    fn take(&mut self, piece: &[u8]) -> bool {
        let missing = executable::HEAD.saturating_sub(self.head.len());
        if missing > 0 && matches!(self.telltale.shows, RecognisedBy::Executable) {
            self.head.extend_from_slice(piece.get(..missing).unwrap_or(piece));
            // Scripts, which are most executables, and libraries, which are most of the bytes, are not hashed.
            let is_known = self.head.len() >= executable::HEAD;
            if is_known && (!self.telltale.shows.fits(&self.head) || self.is_library()) {
                return false;
            }
        }
        self.digester.take(piece);
        true
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>> {
        let is_library = self.is_library();
        let Self { telltale, head, digester } = *self;
        let form = telltale.form(&head);
        let shown = || Shown { form, digests: (!is_library).then(|| digester.finish()) };
        telltale.shows.fits(&head).then(|| Arc::new(shown()) as _)
    }
}

/// Whether telltales need to know which package owns the file at `path`, although its path shows nothing: it may be a
/// program. Distributions have no programs among architecture-independent files, which are most of their files.
pub(crate) fn may_be_program(path: &str) -> bool {
    !["usr/share/", "usr/include/"].iter().any(|directory| path.starts_with(directory))
}

/// The files that a package of the operating system lists in places where distributions install files. Their digests
/// are not compared: this module reports a listed program that was replaced.
pub(crate) fn brought<'f>(
    context: &Context<'_, '_>,
    files: impl Iterator<Item = &'f str>,
) -> HashSet<&'f str> {
    let mut places: HashMap<u64, Vec<&str>> = HashMap::new();
    for path in files.filter(|path| is_of_distributions(path)) {
        places.entry(hash_of_path(path)).or_default().push(path);
    }
    if places.is_empty() {
        return HashSet::new();
    }
    let listed = context.found.places.iter().flat_map(|(places, _)| places.iter().copied());
    let claimed = context.found.claims.iter().map(|claim| hash_of_path(claim.path));
    listed.chain(claimed).filter_map(|place| places.get(&place)).flatten().copied().collect()
}

/// A file that no cataloger reads.
struct UnreadFile<'f> {
    kind: Kind,
    path: &'f str,
    /// The hashes under which a package manager may list it, in a place where distributions install files.
    hashes: Option<[u64; 3]>,
}

/// All files that no cataloger reads.
#[derive(Default)]
struct Unread<'f> {
    files: Vec<UnreadFile<'f>>,
    /// Each file once, whatever links lead to it.
    seen: HashSet<(&'static str, &'f str)>,
    /// The files that could not be read and may be programs, the first of them, and why.
    unreadable: Vec<&'f str>,
    first_unreadable: Option<(&'f str, String)>,
}

impl<'f> Unread<'f> {
    fn file(&mut self, kind: Kind, path: &'f str, real_path: &'f str, digests: Option<&FileDigests>) {
        if !is_counted(kind, path) || !self.seen.insert((kind.ecosystem, real_path)) {
            return;
        }
        let hashes = match digests {
            _ if !is_of_distributions(real_path) => None,
            Some(digests) => Some(digests.hashes_at(real_path)),
            // Every system has hundreds of libraries, and hashing them takes longer than everything else.
            None if kind.ecosystem == SHARED_OBJECTS => Some([hash_of_path(real_path); 3]),
            None => None,
        };
        self.files.push(UnreadFile { kind, path, hashes });
    }

    fn unreadable(&mut self, path: &'f str, why: &WhyUnread<'_>) {
        self.unreadable.push(path);
        if self.first_unreadable.as_ref().is_none_or(|(first, _)| path < *first) {
            let why = why.to_string();
            self.first_unreadable = Some((path, why));
        }
    }

    /// The packages that own the files, by the hashes of places with digests. If several claim a file, the one with the
    /// first package URL.
    fn owners(&self, context: &Context<'_, '_>) -> HashMap<u64, ComponentIndex> {
        let wanted: HashSet<u64> = self.files.iter().filter_map(|file| file.hashes).flatten().collect();
        let purl = |owner: &ComponentIndex| {
            context.found.inventory.components.get(owner.0).map(|component| &component.purl)
        };
        let mut owners: HashMap<u64, ComponentIndex> = HashMap::new();
        for (places, owner) in &context.found.places {
            for place in places.iter().filter(|place| wanted.contains(place)) {
                let known = owners.entry(*place).or_insert(*owner);
                if purl(owner) < purl(known) {
                    *known = *owner;
                }
            }
        }
        owners
    }

    fn problems(self, owners: &HashMap<u64, ComponentIndex>, context: &Context<'_, '_>) -> Vec<Problem> {
        let components = &context.found.inventory.components;
        let mut groups: BTreeMap<(&str, SetAside<'_>), Group<'_>> = BTreeMap::new();
        for file in &self.files {
            let owner = file.hashes.iter().flatten().find_map(|hash| owners.get(hash));
            let owner = owner.and_then(|owner| components.get(owner.0));
            let aside = match owner {
                None => SetAside::No,
                // Every program needs libraries.
                Some(_) if file.kind.ecosystem == SHARED_OBJECTS => continue,
                Some(owner) => SetAside::PartOf(&owner.purl),
            };
            groups.entry((file.kind.ecosystem, aside)).or_insert_with(Group::new).add(file);
        }
        let mut problems: Vec<Problem> =
            groups.into_iter().map(|((ecosystem, aside), group)| group.problem(ecosystem, aside)).collect();
        if let Some((path, why)) = self.first_unreadable {
            let detail = match self.unreadable.len() {
                1 => why,
                2 => format!("{why}, and so is 1 more"),
                several => format!("{why}, and so are {} more", several - 1),
            };
            let files = named(self.unreadable);
            problems.push(Problem { files, ..Problem::new(ProblemCode::UnreadableFile, path, detail) });
        }
        problems
    }
}

/// Whether files of this kind count at this path.
fn is_counted(kind: Kind, path: &str) -> bool {
    match kind.ecosystem {
        // Lock files of an installed package only list what its author tested with.
        "npm" | "PyPI" | "GitHub Actions" => !is_in_package(path),
        _ => true,
    }
}

/// Whether files are set aside, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SetAside<'a> {
    No,
    PartOf(&'a Purl),
}

/// Files of one ecosystem.
struct Group<'f> {
    files: Vec<&'f str>,
    kinds: BTreeMap<&'static str, usize>,
}

impl<'f> Group<'f> {
    fn new() -> Self {
        Self { files: Vec::new(), kinds: BTreeMap::new() }
    }

    fn add(&mut self, file: &UnreadFile<'f>) {
        self.files.push(file.path);
        *self.kinds.entry(file.kind.files).or_default() += 1;
    }

    fn problem(self, ecosystem: &str, aside: SetAside<'_>) -> Problem {
        let counts: Vec<String> =
            self.kinds.iter().map(|(files, number)| table::counted(*number, files)).collect();
        let (code, owner) = match aside {
            SetAside::No => (ProblemCode::NotRead, None),
            SetAside::PartOf(owner) => (ProblemCode::SetAside, Some(owner.clone())),
        };
        let example = self.files.iter().min().copied().unwrap_or_default();
        let problem = Problem::new(code, example, counts.join(", "));
        let files = if problem.hides_components() { named(self.files) } else { Vec::new() };
        Problem { ecosystem: Some(ecosystem.to_owned()), owner, files, ..problem }
    }
}

/// The files of a problem in their order, unless they are too many.
fn named(mut files: Vec<&str>) -> Vec<String> {
    if files.len() > MAX_FILES {
        return Vec::new();
    }
    files.sort_unstable();
    files.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;

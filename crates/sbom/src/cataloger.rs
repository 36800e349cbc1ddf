//! What a cataloger is: the files that it searches for, the fact that it makes of each, and the components that it
//! makes of all facts.
//!
//! [`Cataloger::extract`] sees one file and runs while the layer that contains it is read, so that facts are kept
//! instead of bytes. [`Cataloger::finish`] sees the facts of all visible files, and adds components, problems and
//! claims of ownership. The selections of a cataloger are data: they are shown to users, and compiled into one matcher.

use std::sync::Arc;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{Attributes, Bound, Fact, Need, Stream};

use crate::context::Context;
use crate::fact::FactKind;

/// Finds the packages of one kind.
pub(crate) trait Cataloger: Send + Sync {
    /// Its stable name: `dpkg`.
    fn id(&self) -> &'static str;

    /// Raised whenever the same file gives other facts than before, or other files are selected. What package databases
    /// keep of their records depends on the selections of other catalogers, so the key of a layer's kept facts contains
    /// the versions of the whole list.
    fn version(&self) -> u32;

    /// What it covers.
    fn coverage(&self) -> Coverage;

    /// The types of the package URLs that it makes. Empty if it finds no packages.
    fn purl_types(&self) -> &'static [&'static str];

    /// The files that it needs. If several selections match a file, the first counts.
    fn selections(&self) -> &'static [Selection];

    /// The types of facts that it makes. They are kept for later runs. A type that is missing here is not kept, which a
    /// test finds.
    fn facts(&self) -> &'static [FactKind];

    /// Whether a file of the selection with this number is a database that each layer rewrites, so that most of its
    /// packages may come from the layers below.
    fn is_database(&self, _selection: u16) -> bool {
        false
    }

    /// Whether a selection is only needed for the owners of files, when all files are listed.
    fn is_only_for_owners(&self, _selection: &Selection) -> bool {
        false
    }

    /// Makes a fact of a file of the selection with this number. `None` if there is nothing in it. The fact depends
    /// only on the content: the path is known when the layers are squashed.
    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>>;

    /// Reads a file of a selection that needs it as a stream. `limits` bounds what is kept of it.
    fn stream(&self, _selection: u16, _attributes: Attributes, _limits: &Limits) -> Option<Box<dyn Stream>> {
        None
    }

    /// Makes components of the facts about all visible files.
    fn finish(&self, context: &mut Context<'_, '_>);
}

/// What a cataloger covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// The operating system and its package database.
    OperatingSystem,
    /// Packages that package managers of languages installed or locked.
    Language,
    /// Files that are present but not read.
    Unread,
    /// Information about packages that others find.
    About,
}

/// Files that are needed for one purpose, and how much of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection {
    /// Patterns of paths, see [`crate::pattern`]. Without any, every executable is selected. A pattern without
    /// wildcards is also found through symbolic links.
    pub(crate) paths: &'static [&'static str],
    /// What the file must be.
    pub(crate) mode: Mode,
    /// Smaller files are ignored.
    pub(crate) min_size: u64,
    /// How much of it is needed.
    pub(crate) need: Need,
}

impl Selection {
    /// Files at `paths`, whole, within `bound`.
    pub(crate) const fn whole(paths: &'static [&'static str], bound: Bound) -> Self {
        Self { paths, mode: Mode::Any, min_size: 0, need: Need::Whole(bound) }
    }
}

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Anything, also a link to a file.
    Any,
    /// Not a link: its target counts by its own path. A link into a folder that is a link itself would cause a layer to
    /// be read twice.
    Regular,
    /// An executable file, but not a link to one.
    Executable,
}

/// One file that a cataloger reads.
pub(crate) struct File<'a> {
    /// As much of it as the selection needs.
    pub(crate) content: &'a [u8],
    /// The limits for reading it.
    pub(crate) limits: &'a Limits,
    /// Whether a file at a path would show a package that may belong to one of the operating system's packages. Records
    /// of other files in package databases need not be kept.
    pub(crate) shows_package: &'a dyn Fn(&str) -> bool,
    /// Whether it matters which package owns the file at a path, because no cataloger may read it.
    pub(crate) may_be_unread: &'a dyn Fn(&str) -> bool,
}

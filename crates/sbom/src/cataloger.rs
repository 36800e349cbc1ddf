//! What a cataloger is: which files it looks for, what it makes of each, what it makes of all of them together.
//!
//! [`Cataloger::extract`] sees one file and runs while the layer that holds it is read, so that facts are kept instead of
//! bytes. [`Cataloger::finish`] sees the facts of all visible files, and adds components, problems and claims of ownership
//! to what is known. What files a member wants is data: it is shown to users, and compiled into one matcher.

use std::sync::Arc;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{Attributes, Bound, Fact, Need, Stream};

use crate::context::Context;
use crate::fact::FactKind;

/// Finds the packages of one kind.
pub(crate) trait Cataloger: Send + Sync {
    /// Its stable name: `dpkg`.
    fn id(&self) -> &'static str;

    /// Raised whenever the same file gives other facts than before, or other files are looked for. What package databases
    /// keep of their records depends on what others look for, so whoever keeps facts of a layer has to know the versions of
    /// the whole list.
    fn version(&self) -> u32;

    /// What kind of thing it looks at.
    fn room(&self) -> Room;

    /// The types of the package URLs that it makes; none for what finds no packages.
    fn purl_types(&self) -> &'static [&'static str];

    /// The files that it looks for. Where several fit a file, the first counts.
    fn selections(&self) -> &'static [Selection];

    /// The types of facts that it makes. They are kept for later runs, so a type that is missing here is not kept, which a
    /// test finds.
    fn facts(&self) -> &'static [FactKind];

    /// Whether a file of the selection with this number lists packages, of which layers below may have had most already.
    fn is_database(&self, _selection: u16) -> bool {
        false
    }

    /// Makes a fact of a file of the selection with this number; none where there is nothing in it. The fact depends on
    /// the content alone: where the file lies is known when the layers are squashed.
    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>>;

    /// Takes a file of a selection that needs it as a stream. `limits` bounds what is kept of it.
    fn stream(&self, _selection: u16, _attributes: Attributes, _limits: &Limits) -> Option<Box<dyn Stream>> {
        None
    }

    /// Makes components of the facts about all files that are visible.
    fn finish(&self, context: &mut Context<'_, '_>);
}

/// What kind of thing a cataloger looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The operating system and its package database.
    OperatingSystem,
    /// What package managers of languages installed or locked.
    Language,
    /// What is there and not read.
    Unread,
    /// What is said about packages that others find.
    About,
}

/// Files that are wanted for one purpose, and how much of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection {
    /// Patterns of paths, see [`crate::pattern`]. Without any, every executable is wanted. A pattern without wildcards is
    /// found also where symbolic links lead to it.
    pub(crate) paths: &'static [&'static str],
    /// Which permission bits it must have.
    pub(crate) mode: Mode,
    /// Smaller files are passed over.
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
    /// No link: what it leads to counts by its own path. A link into a folder that is a link itself makes a layer be read twice.
    Regular,
    /// Something that somebody may execute, and no link to it.
    Executable,
}

/// One file that a cataloger looks into.
pub(crate) struct File<'a> {
    /// As much of it as the selection needs.
    pub(crate) content: &'a [u8],
    /// What is read of it at most.
    pub(crate) limits: &'a Limits,
    /// Whether a file at a path would show a package that the operating system's own packages can have brought. What
    /// package databases record of other files need not be kept.
    pub(crate) shows_package: &'a dyn Fn(&str) -> bool,
    /// Whether it matters which package brought the file at a path, because nobody may read it.
    pub(crate) may_be_unread: &'a dyn Fn(&str) -> bool,
}

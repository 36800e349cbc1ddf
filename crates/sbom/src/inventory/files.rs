//! The inventory of files, with the packages that own them.
//!
//! A package owns a file if its package database lists the path, or the same path if `/bin`, `/lib` and so on are links to the
//! directories below `/usr`. A package of a language owns the files that its installer recorded. Whether the file was changed
//! since it was installed is not checked here.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::rootfs::listing::{FileList, ListedFile};

use super::{Component, ComponentIndex, Problem, ProblemCode};
use crate::path::place_of;

/// All files, and their owners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    list: Arc<FileList>,
    /// Components and numbers of their files, in order.
    owners: Vec<(u32, u32)>,
}

impl Files {
    /// The files of a list. Their owners are the packages that claim them by their paths, and those of `owned` by the
    /// numbers of files.
    pub(crate) fn new<'c>(
        list: Arc<FileList>,
        claims: impl Iterator<Item = (&'c str, ComponentIndex)>,
        owned: &[(usize, ComponentIndex)],
    ) -> Self {
        let mut by_place: Vec<(bool, &str, &str, u32)> = Vec::new();
        for (path, owner) in claims {
            if let Ok(owner) = u32::try_from(owner.0) {
                let (is_usr, rest) = place_of(path);
                by_place.push((is_usr, rest, path, owner));
            }
        }
        by_place.sort_unstable();
        by_place.dedup();
        let mut owners = Vec::new();
        for (number, file) in list.iter().enumerate() {
            let (Ok(path), Ok(number)) = (std::str::from_utf8(file.path), u32::try_from(number)) else {
                continue;
            };
            let place = place_of(path);
            let first = by_place.partition_point(|(is_usr, rest, ..)| (*is_usr, *rest) < place);
            let same = by_place.iter().skip(first);
            let same = || same.clone().take_while(|(is_usr, rest, ..)| (*is_usr, *rest) == place);
            // `bin/sh` of one package is `usr/bin/sh` of another only if one directory is a link to the other.
            let is_exact = same().any(|(_, _, claimed, _)| *claimed == path);
            let own = same().filter(|(_, _, claimed, _)| !is_exact || *claimed == path);
            owners.extend(own.map(|(.., owner)| (*owner, number)));
        }
        let owned = owned.iter();
        owners
            .extend(owned.filter_map(|(file, owner)| {
                Some((u32::try_from(owner.0).ok()?, u32::try_from(*file).ok()?))
            }));
        owners.sort_unstable();
        owners.dedup();
        Self { list, owners }
    }

    /// The files, in the order of their paths.
    pub fn list(&self) -> &FileList {
        &self.list
    }

    /// The files that a component owns, with their numbers in the list.
    pub fn owned_by(&self, component: ComponentIndex) -> impl Iterator<Item = (usize, ListedFile<'_>)> {
        let owner = u32::try_from(component.0).unwrap_or(u32::MAX);
        let first = self.owners.partition_point(|(known, _)| *known < owner);
        let own = self.owners.iter().skip(first).take_while(move |(known, _)| *known == owner);
        own.filter_map(|(_, number)| Some((*number as usize, self.list.get(*number as usize)?)))
    }

    /// Components, each with the number of a file that it owns, in order.
    pub(crate) fn owners(&self) -> impl Iterator<Item = (ComponentIndex, usize)> {
        self.owners.iter().map(|(owner, number)| (ComponentIndex(*owner as usize), *number as usize))
    }

    /// For each file, the first of `components` that owns it. Packages of the operating system come before those of languages,
    /// which may be contained in them.
    pub(crate) fn first_owners(&self, components: &[Component]) -> Vec<Option<u32>> {
        let is_os = |owner: u32| components.get(owner as usize).is_some_and(|one| one.ecosystem.is_os());
        let mut first: Vec<Option<u32>> = vec![None; self.list.len()];
        for (owner, number) in &self.owners {
            let Some(first) = first.get_mut(*number as usize) else { continue };
            if first.is_none_or(|known| is_os(*owner) && !is_os(known)) {
                *first = Some(*owner);
            }
        }
        first
    }

    /// The files after components moved: `places` has the new place of each.
    pub(super) fn moved(&self, places: &[usize]) -> Self {
        let place = |owner: &u32| u32::try_from(*places.get(*owner as usize)?).ok();
        let moved = self.owners.iter().filter_map(|(owner, number)| Some((place(owner)?, *number)));
        let mut owners: Vec<(u32, u32)> = moved.collect();
        owners.sort_unstable();
        owners.dedup();
        Self { list: Arc::clone(&self.list), owners }
    }

    /// The files that could not be listed.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let (unlisted, more) = self.list.unlisted();
        let problem = |path: &str, detail: String| Problem::new(ProblemCode::FileNotListed, path, detail);
        let told = unlisted.iter().map(|file| problem(&file.path, file.reason.clone()));
        let more = (more > 0).then(|| problem("", format!("{more} more files are not listed")));
        // The list has every file that any runtime shows.
        let mut disputed: BTreeMap<usize, usize> = BTreeMap::new();
        for file in self.list.iter().filter(|file| file.is_disputed) {
            *disputed.entry(file.layer.unwrap_or_default()).or_default() += 1;
        }
        let disputed = disputed.into_iter().map(|(layer, files)| {
            problem("", format!("{files} files of layer {} are shown by some runtimes only", layer + 1))
        });
        told.chain(more).chain(disputed).collect()
    }
}

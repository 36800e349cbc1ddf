//! Rust programs: the crates that `cargo auditable` lists in each.
//!
//! The list contains the linked crates with their versions. Build dependencies are marked in it, and left out. The
//! program's own crate is listed as well, with its dependencies. A program that was built without `cargo auditable`
//! does not contain the list, and remains unread.
//!
//! Alpine and others build their packages with it. Package managers record digests of programs, but hashing every
//! program to compare a few would cost more than everything else, so such a package only claims its crates.

mod list;
mod section;

use std::sync::Arc;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{Attributes, Fact, Footprint, FoundFile, Need, Stream};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, ProblemCode, Relationship, RelationshipKind};
use crate::ownership::FileDigests;
use list::List;
use section::Search;

const EXECUTABLE: u16 = 0;
const WINDOWS: u16 = 1;

const SELECTIONS: &[Selection] = &[
    // A hard link does not state its size: if small files were ignored, a layer would be read again for it.
    Selection { paths: &[], mode: Mode::Executable, min_size: 0, need: Need::Stream },
    // A program for another system, which is not marked as executable.
    Selection { paths: &["**/*.exe"], mode: Mode::Any, min_size: 0, need: Need::Stream },
];

/// Finds crates in programs.
pub(crate) struct Rust;

/// The fact about a program.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Program(Result<List, String>);

impl Footprint for Program {
    fn footprint(&self) -> usize {
        let crates = |list: &List| {
            let components: usize =
                list.crates.iter().map(|it| size_of::<Component>() + it.text_bytes()).sum();
            components + size_of_val(list.needs.as_slice())
        };
        size_of::<Self>() + self.0.as_ref().map_or_else(String::len, crates)
    }
}

impl Cataloger for Rust {
    fn id(&self) -> &'static str {
        "rust"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["cargo"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Program>()] }
    }

    fn extract(&self, _: u16, _: &File<'_>) -> Option<Arc<dyn Fact>> {
        None
    }

    fn stream(&self, _: u16, _: Attributes, limits: &Limits) -> Option<Box<dyn Stream>> {
        let max = usize::try_from(limits.metadata_bytes).unwrap_or(usize::MAX);
        Some(Box::new(Streamed { search: Search::new(max), packages: limits.packages }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        for (file, Program(found)) in context.distinct::<Program>(&[EXECUTABLE, WINDOWS]) {
            context.found.read.insert(&file.real_path);
            match found {
                Ok(list) => components(context, file, list),
                Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone()),
            }
        }
    }
}

/// Adds what a program contains.
fn components<'f>(context: &mut Context<'_, 'f>, file: &'f FoundFile, list: &List) {
    let added: Vec<ComponentIndex> =
        list.crates.iter().map(|it| context.add_shown(it, file, None::<&FileDigests>)).collect();
    let needs = list.needs.iter().filter_map(|(from, to)| {
        let (from, to) = (*added.get(*from)?, *added.get(*to)?);
        Some(Relationship { from, kind: RelationshipKind::DependsOn, to })
    });
    context.found.inventory.relationships.extend(needs);
}

/// A program while it is read.
struct Streamed {
    search: Search,
    packages: usize,
}

impl Stream for Streamed {
    fn take(&mut self, piece: &[u8]) -> bool {
        self.search.take(piece)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>> {
        let Self { search, packages } = *self;
        let found = match search.finish()? {
            Ok(json) => List::read(&json, packages),
            Err(error) => Err(error.to_string()),
        };
        Some(Arc::new(Program(found)))
    }
}

#[cfg(test)]
mod tests;

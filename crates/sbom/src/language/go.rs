//! Go programs: the modules that the linker lists in each, the program's own module, and the standard library.
//!
//! Follows Go's `debug/buildinfo`. A program contains what the linker put into it, so modules that a `go.mod` requires
//! and nothing uses are not listed. The version of a module that was built in its own checkout is unknown (`(devel)`):
//! its component has none, and if advisories about it exist, that is a gap. The standard library has Go's own version
//! and the name that advisories use for it, `stdlib`.
//!
//! Which functions the linker put into it is kept too ([`functions`]): advisories about Go name the functions in question.
//!
//! A program from a package of the operating system has the fixes of its distribution. If it may be one, the whole
//! program is hashed, which takes as long as reading it.

mod build_info;
mod functions;
mod modules;

use std::sync::Arc;

use plimsoll_core::rootfs::{Attributes, Fact, Footprint, FoundFile, Need, Stream};
use plimsoll_core::text::shortened;
use plimsoll_core::{Limits, Purl};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, ProblemCode, Relationship, RelationshipKind};
use crate::linked::LinkedFunctions;
use crate::ownership::{Digester, FileDigests};
use crate::telltales::{Kind, Unidentified};
use build_info::{BuildInfo, Error, Reader};
use functions::Functions;
use modules::{Module, Modules};

const OF_DISTRIBUTIONS: u16 = 0;
const EXECUTABLE: u16 = 1;
const WINDOWS: u16 = 2;

const SELECTIONS: &[Selection] = &[
    // The folders in which distributions install Go programs.
    program(&[
        "bin/*",
        "sbin/*",
        "usr/bin/*",
        "usr/sbin/*",
        "usr/libexec/*",
        "usr/lib/cni/*",
        "usr/lib/docker/cli-plugins/*",
        "usr/libexec/cni/*",
        "usr/libexec/docker/cli-plugins/*",
        "usr/libexec/podman/*",
        "usr/lib/podman/*",
    ]),
    program(&[]),
    // A program for another system, which is not marked as executable.
    Selection { paths: &["**/*.exe"], mode: Mode::Any, min_size: 0, need: Need::Stream },
];

const fn program(paths: &'static [&'static str]) -> Selection {
    // A hard link does not state its size: if small files were ignored, a layer would be read again for it.
    Selection { paths, mode: Mode::Executable, min_size: 0, need: Need::Stream }
}

/// Finds modules in programs.
pub(crate) struct Go;

/// Programs that do not list their modules. Distributions build such programs.
const WITHOUT_MODULES: Kind = Kind { ecosystem: "Go", files: "program without modules" };

/// The fact about a program.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Program {
    found: Result<Contents, String>,
    /// The digests of the whole file, if it was hashed.
    digests: Option<FileDigests>,
    functions: Option<LinkedFunctions>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Contents {
    /// Go's version without the prefix `go`: `1.22.3`.
    go: String,
    modules: Modules,
}

impl Footprint for Program {
    fn footprint(&self) -> usize {
        let module = |module: &Module| size_of::<Module>() + module.path.len() + module.version.len();
        size_of::<Self>()
            + self.functions.as_ref().map_or(0, LinkedFunctions::bytes)
            + match &self.found {
                Ok(Contents { go, modules: Modules { main, dependencies } }) => {
                    go.len() + main.iter().chain(dependencies).map(module).sum::<usize>()
                }
                Err(reason) => reason.len(),
            }
    }
}

impl Cataloger for Go {
    fn id(&self) -> &'static str {
        "go"
    }

    fn version(&self) -> u32 {
        4
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["golang"]
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

    fn stream(&self, selection: u16, _: Attributes, limits: &Limits) -> Option<Box<dyn Stream>> {
        let max = usize::try_from(limits.metadata_bytes).unwrap_or(usize::MAX);
        let digester = (selection == OF_DISTRIBUTIONS).then(Digester::default);
        Some(Box::new(Streamed {
            reader: Reader::new(max),
            functions: Functions::default(),
            digester,
            packages: limits.packages,
        }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        for (file, program) in context.distinct::<Program>(&[OF_DISTRIBUTIONS, EXECUTABLE, WINDOWS]) {
            context.found.read.insert(&file.real_path);
            match &program.found {
                Ok(contents) => components(context, file, contents, program),
                Err(detail) => {
                    context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                }
            }
        }
    }
}

/// Adds what a program contains.
fn components<'f>(
    context: &mut Context<'_, 'f>,
    file: &'f FoundFile,
    contents: &Contents,
    program: &'f Program,
) {
    let digests = program.digests.as_ref();
    let functions = program.functions.clone().map(Arc::new);
    let Contents { go, modules: Modules { main, dependencies } } = contents;
    if main.is_none() && dependencies.is_empty() {
        context.found.unidentified.push(Unidentified { kind: WITHOUT_MODULES, file, digests });
    }
    let mut add = |module: &Module, functions: Option<Arc<LinkedFunctions>>| {
        let Some(purl) = purl(module) else {
            let detail = format!("lists an invalid module: {}", shortened(&module.path));
            context.problem(ProblemCode::UnparsableMetadata, &file.path, detail);
            return None;
        };
        let component = Component { functions, ..Component::from_purl(purl) };
        Some(context.add_shown(&component, file, digests))
    };
    // Its own functions have `main` for their package, whatever its path.
    let main = main.as_ref().and_then(|module| add(module, None));
    let standard_library =
        (!go.is_empty()).then(|| Module { path: "stdlib".to_owned(), version: go.clone(), replaces: false });
    // The functions of a replacement have the path of what it replaces.
    let functions_of = |module: &Module| functions.clone().filter(|_| !module.replaces);
    let others: Vec<ComponentIndex> =
        dependencies.iter().chain(&standard_library).filter_map(|it| add(it, functions_of(it))).collect();
    if let Some(from) = main {
        let needs = |to| Relationship { from, kind: RelationshipKind::DependsOn, to };
        context.found.inventory.relationships.extend(others.into_iter().map(needs));
    }
}

fn purl(module: &Module) -> Option<Purl> {
    let (namespace, name) = module.path.rsplit_once('/').unwrap_or(("", &module.path));
    let purl = Purl::builder("golang", name).namespace(namespace);
    let purl = if module.version.is_empty() { purl } else { purl.version(&*module.version) };
    purl.build().ok()
}

/// A program while it is read.
struct Streamed {
    reader: Reader,
    functions: Functions,
    /// Hashes a Go program.
    digester: Option<Digester>,
    packages: usize,
}

impl Stream for Streamed {
    fn take(&mut self, piece: &[u8]) -> bool {
        let is_open = !self.reader.is_done();
        let goes_on = self.reader.take(piece);
        // The functions lie in front of the build information.
        if is_open && self.reader.may_be_go() {
            self.functions.take(piece);
        }
        // Programs that are not Go's, which are most of them, are not hashed.
        self.digester = self.digester.take().filter(|_| self.reader.may_be_go());
        if let Some(digester) = &mut self.digester {
            digester.take(piece);
        }
        goes_on || self.digester.is_some()
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>> {
        let Self { reader, functions, digester, packages } = *self;
        let found = match reader.finish()? {
            // Its content is unknown, as of a program that was built without modules.
            Err(Error::Missing | Error::Pointers) => Ok(BuildInfo::default()),
            found => found.map_err(|error| error.to_string()),
        };
        let found = found.and_then(|BuildInfo { go, modules }| {
            let modules = Modules::parse(&modules, packages);
            let modules = modules.map_err(|error| format!("is a Go program, and {error}"))?;
            Ok(Contents { go: go_version(&go).to_owned(), modules })
        });
        let functions = functions.finish();
        Some(Arc::new(Program { found, digests: digester.map(Digester::finish), functions }))
    }
}

/// `1.22.3` of `go1.22.3 X:boringcrypto`.
fn go_version(text: &str) -> &str {
    let version = text.strip_prefix("go").unwrap_or(text);
    if text.starts_with("go") { version.split(' ').next().unwrap_or(version) } else { version }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

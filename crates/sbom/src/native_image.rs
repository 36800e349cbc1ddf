//! Programs of GraalVM's native-image: Java compiled ahead of time, with the SBOM that `--enable-sbom=embed` puts into them.
//!
//! Such an ELF file exports the symbol `__svm_version_info`, so that the name is among the first bytes. With an SBOM, it also exports
//! `sbom` and `sbom_length`: the bytes there are CycloneDX in JSON, compressed by gzip. They are found by gzip's header, as
//! Java writes it, without following the symbols, because a program is read once from front to back.
//!
//! A program without an SBOM does not show what it consists of, and is a gap. Programs for Windows and macOS have these names at
//! their end, and are not recognised.

use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;
use plimsoll_core::rootfs::{Attributes, Fact, Footprint, FoundFile, Need, Stream};
use plimsoll_core::{LimitExceeded, Limits};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::documents::read_whole;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, ProblemCode, Relationship, RelationshipKind};
use crate::magic::Format;
use crate::ownership::FileDigests;
use crate::telltales::{Kind, Unidentified};

const EXECUTABLE: u16 = 0;
const LIBRARY: u16 = 1;

const SELECTIONS: &[Selection] = &[
    // A hard link does not state its size: if small files were ignored, a layer would be read again for it.
    Selection { paths: &[], mode: Mode::Executable, min_size: 0, need: Need::Stream },
    Selection { paths: &["**/*.so"], mode: Mode::Regular, min_size: 0, need: Need::Stream },
];

/// Programs that do not list what is in them.
const WITHOUT_SBOM: Kind = Kind { ecosystem: "Maven", files: "native-image without an SBOM" };

/// The symbol that every such program exports.
const MARK: &[u8] = b"\0__svm_version_info\0";
/// Where that name is: the table of names of an ELF file follows the headers and the exported symbols, which are few.
const HEAD: usize = 1 << 20;
/// Gzip's header as `java.util.zip.GZIPOutputStream` writes it, without its last byte, the operating system.
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0";
/// Places that look like the header and are tried.
const MAX_TRIES: usize = 1_000;
/// Bytes that a try inflates at a time.
const STEP: usize = 32 << 10;

/// Finds what native-image compiled.
pub(crate) struct NativeImage;

/// The fact about a program.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Program {
    WithoutSbom,
    Unreadable(String),
    Listed(Listed),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Listed {
    components: Vec<Component>,
    /// Places in `components`.
    needs: Vec<(usize, usize)>,
    /// What the SBOM lists without saying what it is.
    problems: Vec<String>,
}

impl Footprint for Program {
    fn footprint(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::WithoutSbom => 0,
                Self::Unreadable(reason) => reason.len(),
                Self::Listed(Listed { components, needs, problems }) => {
                    let components: usize =
                        components.iter().map(|it| size_of::<Component>() + it.text_bytes()).sum();
                    let problems: usize = problems.iter().map(|it| size_of::<String>() + it.len()).sum();
                    components + size_of_val(needs.as_slice()) + problems
                }
            }
    }
}

impl Cataloger for NativeImage {
    fn id(&self) -> &'static str {
        "native-image"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["maven"]
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
        Some(Box::new(Streamed::new(limits)))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        for (file, program) in context.distinct::<Program>(&[EXECUTABLE, LIBRARY]) {
            context.found.read.insert(&file.real_path);
            match program {
                Program::Listed(listed) => components(context, file, listed),
                Program::Unreadable(detail) => {
                    context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                }
                Program::WithoutSbom => {
                    context.found.unidentified.push(Unidentified { kind: WITHOUT_SBOM, file, digests: None });
                }
            }
        }
    }
}

/// Adds what a program contains.
fn components<'f>(context: &mut Context<'_, 'f>, file: &'f FoundFile, listed: &Listed) {
    let added: Vec<ComponentIndex> =
        listed.components.iter().map(|it| context.add_shown(it, file, None::<&FileDigests>)).collect();
    let needs = listed.needs.iter().filter_map(|(from, to)| {
        let (from, to) = (*added.get(*from)?, *added.get(*to)?);
        Some(Relationship { from, kind: RelationshipKind::DependsOn, to })
    });
    context.found.inventory.relationships.extend(needs);
    for detail in &listed.problems {
        context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
    }
}

/// A program while it is read.
struct Streamed {
    limits: Limits,
    state: State,
    /// The bytes that are searched: the end of the last piece, and the next one.
    window: Vec<u8>,
    /// Bytes that were dropped from the window.
    dropped: usize,
    tries: usize,
}

enum State {
    /// Whether it is a program is not known yet.
    Unknown,
    /// It is an ELF file, and its head is searched for the mark.
    Head,
    /// It has the mark, and is searched for the SBOM.
    Searching,
    Inflating(Box<Inflating>),
    Found(Vec<u8>),
    Failed(String),
}

struct Inflating {
    decoder: Decompress,
    json: Vec<u8>,
}

impl Streamed {
    fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), state: State::Unknown, window: Vec::new(), dropped: 0, tries: 0 }
    }

    fn drop_first(&mut self, bytes: usize) {
        self.window.drain(..bytes);
        self.dropped = self.dropped.saturating_add(bytes);
    }

    /// Examines the window. Returns false if the rest of the program is not needed.
    fn advance(&mut self) -> bool {
        loop {
            match &mut self.state {
                State::Unknown if self.window.len() < 4 => return true,
                State::Unknown if Format::recognise(&self.window) == Some(Format::Elf) => {
                    self.state = State::Head;
                }
                State::Head => {
                    if let Some(at) = memmem::find(&self.window, MARK) {
                        self.state = State::Searching;
                        self.drop_first(at);
                        continue;
                    }
                    let kept = self.window.len().min(MARK.len());
                    self.drop_first(self.window.len() - kept);
                    return self.dropped < HEAD;
                }
                State::Searching => {
                    let Some(at) = memmem::find(&self.window, GZIP) else {
                        let kept = self.window.len().min(GZIP.len());
                        self.drop_first(self.window.len() - kept);
                        return true;
                    };
                    // Whatever follows the header is of the SBOM.
                    let end = at + GZIP.len() + 1;
                    if self.window.len() < end {
                        self.drop_first(at);
                        return true;
                    }
                    self.tries += 1;
                    if self.tries > MAX_TRIES {
                        self.state = State::Failed(format!("more than {MAX_TRIES} places look like an SBOM"));
                        continue;
                    }
                    self.drop_first(end);
                    let decoder = Decompress::new(false);
                    self.state = State::Inflating(Box::new(Inflating { decoder, json: Vec::new() }));
                }
                State::Inflating(inflating) => {
                    let max = self.limits.metadata_bytes;
                    match inflating.take(&self.window, max) {
                        Taken::More(used) => {
                            self.drop_first(used);
                            return true;
                        }
                        Taken::Whole(used) => {
                            self.state = State::Found(std::mem::take(&mut inflating.json));
                            self.drop_first(used);
                        }
                        // The bytes may contain the true one, because nothing was dropped.
                        Taken::Other => self.state = State::Searching,
                        Taken::Failed(reason) => self.state = State::Failed(reason),
                    }
                }
                State::Unknown | State::Found(_) | State::Failed(_) => return false,
            }
        }
    }
}

enum Taken {
    /// So many bytes were used, and more are needed.
    More(usize),
    /// The end was found after so many bytes.
    Whole(usize),
    /// It is something else than an SBOM.
    Other,
    Failed(String),
}

impl Inflating {
    /// Inflates what is in the window.
    fn take(&mut self, window: &[u8], max: u64) -> Taken {
        let mut used = 0;
        loop {
            self.json.reserve(STEP);
            let (before, input) = (self.decoder.total_in(), window.get(used..).unwrap_or_default());
            let written = self.json.len();
            let status = self.decoder.decompress_vec(input, &mut self.json, FlushDecompress::None);
            used += usize::try_from(self.decoder.total_in() - before).unwrap_or_default();
            // Resources of the program may be compressed as well.
            let is_json = self.json.first().is_none_or(|first| *first == b'{');
            if !is_json || (status.is_err() && self.json.is_empty()) {
                return Taken::Other;
            }
            if self.json.len() as u64 > max {
                return Taken::Failed(LimitExceeded::new("metadata_bytes", max, "its SBOM").to_string());
            }
            match status {
                Err(error) => return Taken::Failed(format!("its SBOM cannot be uncompressed: {error}")),
                Ok(Status::StreamEnd) if self.json.is_empty() => return Taken::Other,
                Ok(Status::StreamEnd) => return Taken::Whole(used),
                Ok(_) if used >= window.len() && self.json.len() < self.json.capacity() => {
                    return Taken::More(used);
                }
                // No progress would be made with the same bytes.
                Ok(_) if used >= window.len() && self.json.len() == written => return Taken::More(used),
                Ok(_) => {}
            }
        }
    }
}

impl Stream for Streamed {
    fn take(&mut self, piece: &[u8]) -> bool {
        self.window.extend_from_slice(piece);
        self.advance()
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>> {
        let Self { limits, state, .. } = *self;
        Some(Arc::new(match state {
            State::Unknown | State::Head => return None,
            State::Searching => Program::WithoutSbom,
            State::Inflating(_) => Program::Unreadable("its SBOM ends before its end".to_owned()),
            State::Failed(reason) => Program::Unreadable(format!("is a native-image, and {reason}")),
            State::Found(json) => listed(&json, &limits),
        }))
    }
}

fn listed(json: &[u8], limits: &Limits) -> Program {
    match read_whole(json, limits) {
        Err(error) => Program::Unreadable(format!("is a native-image: {error}")),
        Ok(document) => {
            let inventory = document.inventory;
            let needs = inventory.relationships.iter();
            let needs = needs.filter(|it| it.kind == RelationshipKind::DependsOn);
            let unnamed = |code| matches!(code, ProblemCode::MissingPurl | ProblemCode::InvalidPurl);
            let problems = inventory.problems.iter().filter(|problem| unnamed(problem.code));
            Program::Listed(Listed {
                needs: needs.map(|it| (it.from.0, it.to.0)).collect(),
                problems: problems.map(|it| format!("its SBOM lists {}", it.detail)).collect(),
                components: inventory.components,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use plimsoll_core::rootfs::FileSet;

    use super::*;
    use crate::catalogers::select;
    use crate::inventory::Inventory;

    const SBOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,
        "metadata":{"component":{"type":"library","bom-ref":"app","name":"app"}},"components":[
        {"type":"library","group":"io.netty","name":"netty-common","version":"4.1.76.Final","bom-ref":"a",
         "purl":"pkg:maven/io.netty/netty-common@4.1.76.Final","properties":[{"name":"syft:cpe23","value":"cpe:2.3:a:codec:codec:4.1.76.Final:*:*:*:*:*:*:*"}]},
        {"type":"library","group":"io.micronaut","name":"micronaut-http","version":"3.8.0","bom-ref":"b",
         "purl":"pkg:maven/io.micronaut/micronaut-http@3.8.0"}],
        "dependencies":[{"ref":"b","dependsOn":["a"]}]}"#;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    fn program(names: &[u8], data: &[&[u8]]) -> Vec<u8> {
        let head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".as_slice();
        [&[head, &[0; 300], names, &vec![0x90; 70_000]], data, &[&[7; 300]]].concat().concat()
    }

    const NAMES: &[u8] = b"\0libc.so.6\0sbom_length\0__svm_version_info\0sbom\0";

    fn catalog(content: &[u8]) -> Inventory {
        let mut set = FileSet::default();
        set.add(select(), "opt/app.so", None, content);
        crate::catalog(&set, &Limits::default())
    }

    #[test]
    fn the_sbom_in_a_program_is_read_whatever_the_pieces() {
        // A resource that is compressed too, and one that only looks like it.
        let data = [&gzip(b"a resource")[..], GZIP, b"\xff\xff\xff", &gzip(SBOM.as_bytes())];
        let whole = program(NAMES, &data);
        let inventory = catalog(&whole);
        let found: Vec<_> = inventory.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(
            found,
            ["pkg:maven/io.micronaut/micronaut-http@3.8.0", "pkg:maven/io.netty/netty-common@4.1.76.Final"]
        );
        assert_eq!(inventory.relationships.len(), 1);
        assert!(
            inventory.problems.iter().all(|problem| problem.path != "opt/app.so"),
            "{:?}",
            inventory.problems
        );
        for size in [1, 7, 64, 4096] {
            let mut streamed = Streamed::new(&Limits::default());
            let read = whole.chunks(size).take_while(|piece| streamed.take(piece)).count();
            assert!(
                matches!(streamed.state, State::Found(ref json) if json == SBOM.as_bytes()),
                "{size} {read}"
            );
        }
    }

    #[test]
    fn a_program_without_a_readable_sbom_is_a_gap() {
        let cut = &gzip(SBOM.as_bytes())[..300];
        let mut broken = gzip(SBOM.as_bytes());
        broken[200..].fill(0xff);
        for (case, data) in [
            ("none", &b"nothing"[..]),
            ("cut", cut),
            ("broken", &broken),
            ("not CycloneDX", &gzip(b"{\"a\":1}")),
            ("too large", &gzip(&[b"{".as_slice(), &vec![b' '; 9 << 20]].concat())),
        ] {
            let mut program = program(NAMES, &[data]);
            if case == "cut" {
                program.truncate(program.len() - 300);
            }
            let inventory = catalog(&program);
            assert_eq!(inventory.components, [], "{case}");
            let told = inventory.problems.iter().any(|it| it.path == "opt/app.so" && it.hides_components());
            assert!(told, "{case}: {:?}", inventory.problems);
        }
    }

    #[test]
    fn other_programs_are_not_read_to_their_end() {
        let mut streamed = Streamed::new(&Limits::default());
        let other = program(b"\0libc.so.6\0", &[&gzip(SBOM.as_bytes())]);
        assert!(streamed.take(&other));
        let zeros = vec![0; 100_000];
        let pieces = (0..100).take_while(|_| streamed.take(&zeros)).count();
        assert!(pieces < 12, "{pieces}");
        assert!(Box::new(streamed).finish().is_none());
        assert!(!Streamed::new(&Limits::default()).take(b"#!/bin/sh\n__svm_version_info"));
    }
}

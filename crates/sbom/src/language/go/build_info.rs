//! The blob in which Go's linker records the version of Go and the modules of a program, read while the program is
//! streamed.
//!
//! Follows Go's `debug/buildinfo`. A header of 32 bytes, at a multiple of 16 in the data segment:
//!
//! ```text
//! ff " Go buildinf:"   size of a pointer   flags   …
//! ```
//!
//! With bit 1 of the flags (Go 1.18 and later), two texts follow it, each after its length as a varint: Go's version,
//! and the modules between two marks of 16 bytes. Without it (Go 1.13 to 1.17), two pointers follow the flags, each to
//! a pointer and a length. Their targets come before the data and have passed when the header comes. Therefore
//! everything that can be a version or a list of modules is kept, within limits, and the pointers select from it.

use memchr::memmem;

use crate::language::program::{HEAD, Program, Segment, unsigned};

/// The content of the blob.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct BuildInfo {
    /// Go's version: `go1.22.3`, `devel go1.23-…`. Empty if it was not found.
    pub(super) go: String,
    /// The modules, see [`super::modules`]. Empty if the program was built without modules.
    pub(super) modules: Vec<u8>,
}

/// Why a Go program has no readable build information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("is a Go program without build information: its content is unknown")]
    Missing,
    #[error("is a Go program whose build information is cut short or damaged")]
    Damaged,
    #[error(
        "is a program of Go 1.17 or older, whose build information cannot be found in a file of this kind"
    )]
    Pointers,
    #[error("is a Go program whose build information is longer than {0} bytes (metadata_bytes)")]
    TooLong(usize),
}

/// Reads a program piece by piece.
pub(super) struct Reader {
    /// The most bytes that are kept of a list of modules.
    max: usize,
    state: State,
}

enum State {
    /// Collecting the first bytes.
    Head(Vec<u8>),
    Body(Box<Body>),
    /// The result. `None` for a program that is not Go's.
    Done(Option<Result<BuildInfo, Error>>),
}

impl Reader {
    pub(super) fn new(max: usize) -> Self {
        Self { max, state: State::Head(Vec::new()) }
    }

    /// Takes the next bytes. Returns false if the rest is not needed.
    pub(super) fn take(&mut self, piece: &[u8]) -> bool {
        match &mut self.state {
            State::Head(head) => {
                head.extend_from_slice(piece);
                if head.len() >= HEAD {
                    let head = std::mem::take(head);
                    self.start(&head);
                } else if head.len() >= 20 && Program::read(head).is_none() {
                    self.state = State::Done(None);
                }
            }
            State::Body(body) => {
                if let Some(outcome) = body.take(piece) {
                    self.state = State::Done(outcome);
                }
            }
            State::Done(_) => {}
        }
        !self.is_done()
    }

    /// Whether the rest does not matter.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// Whether it is a Go program, or may still turn out to be one in the head.
    pub(super) fn may_be_go(&self) -> bool {
        match &self.state {
            State::Head(_) => true,
            State::Body(body) => body.program.is_go,
            State::Done(outcome) => outcome.is_some(),
        }
    }

    /// The build information. `None` for a program that is not Go's.
    pub(super) fn finish(mut self) -> Option<Result<BuildInfo, Error>> {
        if let State::Head(head) = &mut self.state {
            let head = std::mem::take(head);
            self.start(&head);
        }
        match self.state {
            State::Head(_) => None,
            State::Body(body) => body.finish(),
            State::Done(outcome) => outcome,
        }
    }

    fn start(&mut self, head: &[u8]) {
        self.state = match Program::read(head.get(..HEAD).unwrap_or(head)) {
            Some(program) => State::Body(Box::new(Body::new(program, self.max))),
            None => State::Done(None),
        };
        if let State::Body(body) = &mut self.state
            && let Some(outcome) = body.take(head)
        {
            self.state = State::Done(outcome);
        }
    }
}

/// A program whose head was understood.
struct Body {
    program: Program,
    max: usize,
    /// How many bytes were read.
    offset: u64,
    /// Bytes of the data segment: all of them while pointers may refer to them, or else from where the header may be.
    data: Vec<u8>,
    /// How many bytes of the segment before [`Self::data`] were dropped.
    forgotten: u64,
    /// Where in the data the search continues.
    searched: usize,
    /// A header with pointers.
    pointers: Option<usize>,
    candidates: Candidates,
}

/// The most bytes of a data segment that are kept for pointers.
const MAX_DATA: usize = 8 << 20;
const MAGIC: &[u8] = b"\xff Go buildinf:";
const HEADER: usize = 32;
const ALIGNMENT: u64 = 16;

impl Body {
    fn new(program: Program, max: usize) -> Self {
        Self {
            program,
            max,
            offset: 0,
            data: Vec::new(),
            forgotten: 0,
            searched: 0,
            pointers: None,
            candidates: Candidates::new(max),
        }
    }

    /// `Some` once the result is known.
    #[expect(clippy::option_option, reason = "known not to be a Go program differs from not known yet")]
    fn take(&mut self, piece: &[u8]) -> Option<Option<Result<BuildInfo, Error>>> {
        let Segment { offset: begin, size, .. } = self.program.data();
        let end = begin.saturating_add(size);
        let at = self.offset;
        self.offset = at.saturating_add(piece.len() as u64);
        if self.program.is_go && self.program.has_data_segment() && at < begin {
            self.candidates.take(at, piece);
        }
        let inside = |position: u64| {
            usize::try_from(position.saturating_sub(at)).unwrap_or(usize::MAX).min(piece.len())
        };
        let part = piece.get(inside(begin)..inside(end)).unwrap_or_default();
        self.data.extend_from_slice(part);
        if !part.is_empty()
            && self.pointers.is_none()
            && let Some(found) = self.search()
        {
            return Some(Some(found));
        }
        self.forget();
        (self.offset >= end).then(|| self.at_end())
    }

    fn finish(self) -> Option<Result<BuildInfo, Error>> {
        self.at_end()
    }

    /// Searches for a header. `None` until one was read completely, with what follows it.
    fn search(&mut self) -> Option<Result<BuildInfo, Error>> {
        while let Some(at) = memmem::find(self.data.get(self.searched..)?, MAGIC) {
            let at = self.searched + at;
            // Waits here for enough bytes.
            self.searched = at;
            let header = self.data.get(at..at + HEADER)?;
            if !self.address(at).is_multiple_of(ALIGNMENT) {
                self.searched = at + 1;
                continue;
            }
            match *header.get(14..16)? {
                [_, flags] if flags & 2 != 0 => match inline(self.data.get(at + HEADER..)?, self.max) {
                    Inline::Complete(found) => return Some(Ok(found)),
                    Inline::CutShort => return None,
                    Inline::TooLong => return Some(Err(Error::TooLong(self.max))),
                    Inline::None => {}
                },
                [4 | 8, 0 | 1] => {
                    self.pointers = Some(at);
                    return None;
                }
                _ => {}
            }
            self.searched = at + 1;
        }
        // The magic may have started.
        self.searched = self.searched.max(self.data.len().saturating_sub(MAGIC.len() - 1));
        None
    }

    /// Drops bytes to which no pointer can refer, or which exceed the limit.
    fn forget(&mut self) {
        let needed = self.program.is_go && self.program.has_data_segment() || self.pointers.is_some();
        if needed && self.data.len() <= MAX_DATA {
            return;
        }
        if self.pointers.is_some() {
            // They refer to something after the kept data, or to data that are already read.
            self.data.truncate(MAX_DATA);
            return;
        }
        self.data.drain(..self.searched);
        self.forgotten = self.forgotten.saturating_add(self.searched as u64);
        self.searched = 0;
    }

    /// The address of this offset in the data.
    fn address(&self, at: usize) -> u64 {
        let Segment { address, .. } = self.program.data();
        address.wrapping_add(self.forgotten).wrapping_add(at as u64)
    }

    fn at_end(&self) -> Option<Result<BuildInfo, Error>> {
        if let Some(header) = self.pointers {
            return Some(self.follow(header).ok_or(Error::Pointers));
        }
        if self.data.get(self.searched..).is_some_and(|rest| rest.starts_with(MAGIC)) {
            return Some(Err(Error::Damaged));
        }
        self.program.is_go.then_some(Err(Error::Missing))
    }

    /// Reads the targets of a header's pointers.
    fn follow(&self, header: usize) -> Option<BuildInfo> {
        let [size, big_endian] = *self.data.get(header + 14..header + 16)? else { return None };
        let (size, big_endian) = (usize::from(size), big_endian & 1 != 0);
        let pointer = |at: usize| unsigned(&self.data, at, size, big_endian);
        // A Go string: a pointer to its bytes, and their number. A program that was built without modules has an empty
        // one, or none.
        let text = |at: usize| {
            let place = match pointer(at)? {
                0 => return Some((0, 0)),
                address => usize::try_from(address.checked_sub(self.address(0))?).ok()?,
            };
            let (address, length) = (pointer(place)?, pointer(place.checked_add(size)?)?);
            let offset = if length == 0 { 0 } else { self.program.offset_of(address)? };
            Some((offset, usize::try_from(length).ok()?))
        };
        let go = text(header + 16).and_then(|(offset, length)| self.candidates.version(offset, length));
        let (offset, length) = text(header + 16 + size)?;
        let modules = self.candidates.modules(offset, length)?;
        Some(BuildInfo { go: go.unwrap_or_default(), modules })
    }
}

/// The texts after a header.
enum Inline {
    Complete(BuildInfo),
    /// More bytes are needed.
    CutShort,
    TooLong,
    /// It is not such a text, so that the header was not one.
    None,
}

fn inline(bytes: &[u8], max: usize) -> Inline {
    const MAX_VERSION: usize = 1 << 10;
    let (go, rest) = match text(bytes, MAX_VERSION) {
        Ok(Some(found)) => found,
        Ok(None) => return Inline::CutShort,
        Err(_) => return Inline::None,
    };
    let Some(go) = str::from_utf8(go).ok().filter(|go| !go.is_empty()) else { return Inline::None };
    match text(rest, max.saturating_add(2 * MARK)) {
        Ok(Some((modules, _))) => {
            Inline::Complete(BuildInfo { go: go.to_owned(), modules: between_marks(modules).to_vec() })
        }
        Ok(None) => Inline::CutShort,
        Err(TooLong) => Inline::TooLong,
    }
}

struct TooLong;

type TextAndRest<'a> = (&'a [u8], &'a [u8]);

/// A text of at most `max` bytes after its length, and the rest. `None` while more bytes are needed.
fn text(bytes: &[u8], max: usize) -> Result<Option<TextAndRest<'_>>, TooLong> {
    let mut length = 0_u64;
    for (number, byte) in bytes.iter().enumerate() {
        if number >= 9 {
            return Err(TooLong);
        }
        length |= u64::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 != 0 {
            continue;
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= max).ok_or(TooLong)?;
        return Ok(bytes.get(number + 1..).and_then(|rest| rest.split_at_checked(length)));
    }
    Ok(None)
}

/// The list of modules between marks of 16 bytes. Its last line is complete.
fn between_marks(text: &[u8]) -> &[u8] {
    match text.len().checked_sub(MARK).and_then(|end| text.get(MARK..end)) {
        Some(modules) if modules.ends_with(b"\n") => modules,
        _ => &[],
    }
}

const MARK: usize = 16;
const BEGINNING: [u8; MARK] = *b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: [u8; MARK] = *b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";

/// The possible targets of pointers, by their offset in the file.
struct Candidates {
    max: usize,
    /// The last bytes that were read, in which a mark or a version may have started.
    carried: Vec<u8>,
    versions: Vec<(u64, [u8; VERSION])>,
    modules: Vec<(u64, Vec<u8>)>,
    /// Whether the last list is incomplete.
    open: bool,
}

/// The most bytes that are kept of a version. Those of Go 1.13 to 1.17 have at most 15, and some more with experiments.
const VERSION: usize = 40;
/// How many are kept. Programs that read programs contain more than one of each.
const MAX_VERSIONS: usize = 4096;
const MAX_LISTS: usize = 4;

impl Candidates {
    fn new(max: usize) -> Self {
        Self { max, carried: Vec::new(), versions: Vec::new(), modules: Vec::new(), open: false }
    }

    fn take(&mut self, offset: u64, piece: &[u8]) {
        if self.open {
            self.extend(piece);
        }
        let begin = offset.saturating_sub(self.carried.len() as u64);
        let mut window = std::mem::take(&mut self.carried);
        window.extend_from_slice(piece);
        // A candidate that starts after this is not complete yet, and is examined the next time.
        let complete = window.len().saturating_sub(VERSION - 1);
        for at in memmem::find_iter(&window, b"go1.").take_while(|at| *at < complete) {
            if self.versions.len() < MAX_VERSIONS
                && let Some(version) = window.get(at..).and_then(|rest| rest.first_chunk())
            {
                self.versions.push((begin + at as u64, *version));
            }
        }
        for at in memmem::find_iter(&window, &BEGINNING).take_while(|at| *at < complete) {
            if self.modules.len() < MAX_LISTS && !self.open {
                self.modules.push((begin + at as u64, Vec::new()));
                self.open = true;
                self.extend(window.get(at..).unwrap_or_default());
            }
        }
        window.drain(..complete);
        self.carried = window;
    }

    /// Continues the list that is open, up to its end.
    fn extend(&mut self, bytes: &[u8]) {
        let Some((_, list)) = self.modules.last_mut() else { return };
        let before = list.len().saturating_sub(MARK - 1);
        let room = self.max.saturating_add(2 * MARK).saturating_sub(list.len());
        list.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let end = list.get(before..).and_then(|new| memmem::find(new, &END));
        if let Some(end) = end {
            list.truncate(before + end + MARK);
            list.shrink_to_fit();
            self.open = false;
        } else if bytes.len() > room {
            // Too long to be a version.
            self.modules.pop();
            self.open = false;
        }
    }

    fn version(&self, offset: u64, length: usize) -> Option<String> {
        let (_, version) = self.versions.iter().find(|(at, _)| *at == offset)?;
        str::from_utf8(version.get(..length)?).ok().map(str::to_owned)
    }

    fn modules(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if length == 0 {
            return Some(Vec::new());
        }
        let (_, list) = self.modules.iter().find(|(at, list)| *at == offset && list.len() == length)?;
        Some(between_marks(list).to_vec())
    }
}

#[cfg(test)]
mod tests;

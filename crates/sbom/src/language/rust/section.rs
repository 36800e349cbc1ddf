//! The section `.dep-v0` of a program, found while the program is streamed: JSON, compressed by zlib.
//!
//! In an ELF file the section is not loaded, so it comes after everything that is. The table that says where is at the
//! very end of the file, so the bytes themselves are searched for: a zlib stream that starts with a list of packages.
//! In the other formats it may be anywhere.

use flate2::{Decompress, FlushDecompress, Status};

use crate::language::program::{HEAD, Program};

/// The start of a list: `cargo auditable` always writes `packages` first.
const BEGINNING: &[u8] = b"{\"packages\":[";
/// Bytes that are enough to decide whether a zlib stream is a list. The tables of a block take at most some 320.
const ENOUGH: usize = 512;

/// Why the list of a program cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("has a list of crates that is cut short or damaged")]
    Damaged,
    #[error("has a list of crates that is longer than {0} bytes (metadata_bytes)")]
    TooLong(usize),
}

/// Reads a program piece by piece.
pub(super) struct Search {
    /// The most bytes that are kept of a list.
    max: usize,
    state: State,
}

enum State {
    /// Collecting the first bytes.
    Head(Vec<u8>),
    /// Searching for the list.
    Body(Body),
    /// In the list.
    List(List),
    /// The result. `None` for a program without a list.
    Done(Option<Result<Vec<u8>, Error>>),
}

impl Search {
    pub(super) fn new(max: usize) -> Self {
        Self { max, state: State::Head(Vec::new()) }
    }

    /// Takes the next bytes. Returns false if the rest is not needed.
    pub(super) fn take(&mut self, piece: &[u8]) -> bool {
        match &mut self.state {
            State::Head(head) => {
                head.extend_from_slice(piece);
                if head.len() >= HEAD || head.len() >= 20 && Program::read(head).is_none() {
                    let head = std::mem::take(head);
                    self.start(&head);
                }
            }
            State::Body(body) => {
                if let Some(rest) = body.take(piece, false) {
                    self.inflate(&rest);
                }
            }
            State::List(list) => {
                if let Some(outcome) = list.take(piece) {
                    self.state = State::Done(Some(outcome));
                }
            }
            State::Done(_) => {}
        }
        !matches!(self.state, State::Done(_))
    }

    /// The list. `None` if the program has none.
    pub(super) fn finish(mut self) -> Option<Result<Vec<u8>, Error>> {
        if let State::Head(head) = &mut self.state {
            let head = std::mem::take(head);
            self.start(&head);
        }
        if let State::Body(body) = &mut self.state
            && let Some(rest) = body.take(&[], true)
        {
            self.inflate(&rest);
        }
        match self.state {
            State::Head(_) | State::Body(_) => None,
            State::List(_) => Some(Err(Error::Damaged)),
            State::Done(outcome) => outcome,
        }
    }

    fn start(&mut self, head: &[u8]) {
        let Some(program) = Program::read(head.get(..HEAD).unwrap_or(head)) else {
            self.state = State::Done(None);
            return;
        };
        let mut body = Body::new(program.loaded_end());
        let rest = body.take(head, false);
        self.state = State::Body(body);
        if let Some(rest) = rest {
            self.inflate(&rest);
        }
    }

    fn inflate(&mut self, bytes: &[u8]) {
        let mut list = List::new(self.max);
        self.state = match list.take(bytes) {
            Some(outcome) => State::Done(Some(outcome)),
            None => State::List(list),
        };
    }
}

/// The part that is searched.
struct Body {
    /// Bytes to skip before it.
    before: u64,
    /// The last bytes that were read, with which a list may start.
    carried: Vec<u8>,
    inflater: Decompress,
}

impl Body {
    fn new(before: u64) -> Self {
        Self { before, carried: Vec::new(), inflater: Decompress::new(true) }
    }

    /// The bytes from the start of a list, once they were read. `is_last` means that no more follow.
    fn take(&mut self, piece: &[u8], is_last: bool) -> Option<Vec<u8>> {
        let skipped = usize::try_from(self.before).unwrap_or(usize::MAX).min(piece.len());
        self.before -= skipped as u64;
        let piece = piece.get(skipped..).unwrap_or_default();
        let mut window = std::mem::take(&mut self.carried);
        window.extend_from_slice(piece);
        for at in memchr::memchr_iter(0x78, &window) {
            let candidate = window.get(at..).unwrap_or_default();
            if candidate.len() < ENOUGH && !is_last {
                self.carried = candidate.to_vec();
                return None;
            }
            // The second byte contains the compression level, and makes the two a multiple of 31.
            if matches!(candidate.get(1), Some(0x01 | 0x5e | 0x9c | 0xda)) && self.is_list(candidate) {
                return Some(candidate.to_vec());
            }
        }
        None
    }

    fn is_list(&mut self, candidate: &[u8]) -> bool {
        self.inflater.reset(true);
        let mut beginning = [0; BEGINNING.len()];
        let candidate = candidate.get(..ENOUGH).unwrap_or(candidate);
        let inflated = self.inflater.decompress(candidate, &mut beginning, FlushDecompress::None);
        inflated.is_ok() && beginning == BEGINNING
    }
}

/// A list whose start was found.
struct List {
    max: usize,
    inflater: Decompress,
    json: Vec<u8>,
}

impl List {
    fn new(max: usize) -> Self {
        Self { max, inflater: Decompress::new(true), json: Vec::new() }
    }

    /// The whole list, once it was read.
    fn take(&mut self, mut piece: &[u8]) -> Option<Result<Vec<u8>, Error>> {
        loop {
            if self.json.len() == self.json.capacity() {
                self.json.reserve(self.json.len().max(1 << 12));
            }
            let before = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress_vec(piece, &mut self.json, FlushDecompress::None);
            let (read, written) = (self.inflater.total_in() - before.0, self.inflater.total_out() - before.1);
            if self.json.len() > self.max {
                return Some(Err(Error::TooLong(self.max)));
            }
            piece = piece.get(usize::try_from(read).unwrap_or(usize::MAX)..).unwrap_or_default();
            match status {
                Ok(Status::StreamEnd) => return Some(Ok(std::mem::take(&mut self.json))),
                Ok(_) if read > 0 || written > 0 => {}
                // It needs more bytes.
                Ok(_) if piece.is_empty() => return None,
                _ => return Some(Err(Error::Damaged)),
            }
        }
    }
}

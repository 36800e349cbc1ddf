//! One file on its way from a reader to its purposes: it is read once, as far as the most demanding purpose
//! needs.

use super::{Attributes, FileFacts, Need, Outcome, Purpose, Select, Stream};
use crate::Limits;

/// Takes a file's content piece by piece and makes its facts.
///
/// ```text
/// let mut extraction = Extraction::new(select, &purposes, attributes, limits, &mut buffer);
/// while extraction.needed() > 0 { extraction.take(next piece); }
/// let facts = extraction.finish();
/// ```
pub struct Extraction<'a> {
    select: &'a dyn Select,
    attributes: Attributes,
    purposes: &'a [Purpose],
    streams: Vec<Streamed>,
    /// Bytes from the beginning that go into the buffer.
    buffered: u64,
    limits: &'a Limits,
    taken: u64,
    buffer: &'a mut Vec<u8>,
}

/// A purpose that takes the content piece by piece.
struct Streamed {
    purpose: Purpose,
    stream: Box<dyn Stream>,
    /// Whether it needs the rest.
    open: bool,
}

impl<'a> Extraction<'a> {
    /// Starts at the beginning of a file. `buffer` is scratch space that the next file can reuse.
    pub fn new(
        select: &'a dyn Select,
        purposes: &'a [Purpose],
        attributes: Attributes,
        limits: &'a Limits,
        buffer: &'a mut Vec<u8>,
    ) -> Self {
        buffer.clear();
        // One large database is no reason to keep as much for all files after it.
        buffer.shrink_to(usize::try_from(limits.kept_file_bytes).unwrap_or(usize::MAX));
        let mut streams = Vec::new();
        let mut buffered = 0;
        for purpose in purposes {
            match select.need(*purpose) {
                Need::Head { bytes } => buffered = buffered.max(bytes.min(limits.kept_file_bytes)),
                // One byte more than allowed shows that a file grew while it was read.
                Need::Whole(bound) if attributes.size <= bound.bytes(limits) => {
                    buffered = buffered.max(bound.bytes(limits).saturating_add(1));
                }
                Need::Name | Need::Whole(_) => {}
                Need::Stream => {
                    let stream = select.stream(*purpose, attributes, limits);
                    streams.extend(stream.map(|stream| Streamed { purpose: *purpose, stream, open: true }));
                }
            }
        }
        Self { select, attributes, purposes, streams, buffered, limits, taken: 0, buffer }
    }

    /// How many more bytes are needed at most.
    pub fn needed(&self) -> u64 {
        let until = if self.streams.iter().any(|streamed| streamed.open) {
            self.buffered.max(self.attributes.size)
        } else {
            self.buffered
        };
        until.saturating_sub(self.taken)
    }

    /// Takes the next bytes.
    pub fn take(&mut self, piece: &[u8]) {
        let room = usize::try_from(self.buffered.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        self.buffer.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.taken = self.taken.saturating_add(piece.len() as u64);
        for streamed in self.streams.iter_mut().filter(|streamed| streamed.open) {
            streamed.open = streamed.stream.take(piece);
        }
    }

    /// The facts, once the file has ended or no purpose needs more.
    pub fn finish(self) -> FileFacts {
        let Self { select, purposes, attributes, limits, taken, buffer, mut streams, .. } = self;
        let size = attributes.size.max(taken);
        let mut outcome = |purpose: Purpose| {
            let content = match select.need(purpose) {
                Need::Name => &[][..],
                Need::Head { bytes } => {
                    let end = usize::try_from(bytes.min(limits.kept_file_bytes)).unwrap_or(usize::MAX);
                    buffer.get(..end).unwrap_or(buffer)
                }
                Need::Whole(bound) if size > bound.bytes(limits) => return Outcome::TooLarge,
                Need::Whole(_) => buffer,
                Need::Stream => {
                    let at = streams.iter().position(|streamed| streamed.purpose == purpose);
                    let fact = at.and_then(|at| streams.swap_remove(at).stream.finish());
                    return fact.map_or(Outcome::Nothing, Outcome::Fact);
                }
            };
            select.extract(purpose, attributes, content, limits).map_or(Outcome::Nothing, Outcome::Fact)
        };
        FileFacts { size, outcomes: purposes.iter().map(|purpose| (*purpose, outcome(*purpose))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Bound, Fact};
    use super::*;

    /// Purpose 0: the name, 1: a head of four bytes, 2: whole up to eight, 3: as a stream until a zero.
    struct Everything;

    impl Select for Everything {
        fn want(&self, _: &str, _: Option<Attributes>) -> Vec<Purpose> {
            (0..4).map(Purpose).collect()
        }

        fn need(&self, purpose: Purpose) -> Need {
            match purpose.0 {
                0 => Need::Name,
                1 => Need::Head { bytes: 4 },
                2 => Need::Whole(Bound::Metadata),
                _ => Need::Stream,
            }
        }

        fn extract(&self, _: Purpose, _: Attributes, content: &[u8], _: &Limits) -> Option<Arc<dyn Fact>> {
            Some(Arc::new(content.to_vec()))
        }

        fn stream(&self, _: Purpose, _: Attributes, _: &Limits) -> Option<Box<dyn Stream>> {
            Some(Box::new(Count(0)))
        }

        fn fixed_paths(&self) -> &[&'static str] {
            &[]
        }
    }

    fn eight() -> Limits {
        Limits { metadata_bytes: 8, ..Limits::default() }
    }

    struct Count(u8);

    impl Stream for Count {
        fn take(&mut self, piece: &[u8]) -> bool {
            self.0 += 1;
            !piece.contains(&0)
        }

        fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>> {
            Some(Arc::new(vec![self.0]))
        }
    }

    fn read(purposes: &[Purpose], size: u64, pieces: &[&[u8]]) -> FileFacts {
        let (limits, mut buffer) = (eight(), Vec::new());
        let attributes = Attributes { size, mode: 0o644 };
        let mut extraction = Extraction::new(&Everything, purposes, attributes, &limits, &mut buffer);
        for piece in pieces {
            if extraction.needed() > 0 {
                extraction.take(piece);
            }
        }
        extraction.finish()
    }

    fn shown(facts: &FileFacts) -> Vec<String> {
        let text = |outcome: &Outcome| match outcome {
            Outcome::Fact(fact) => format!("{fact:?}"),
            other => format!("{other:?}"),
        };
        facts.outcomes.iter().map(|(_, outcome)| text(outcome)).collect()
    }

    #[test]
    fn one_reading_serves_every_purpose() {
        let all: Vec<Purpose> = Everything.want("x", None);
        let facts = read(&all, 6, &[b"abc", b"def"]);
        assert_eq!(
            shown(&facts),
            ["[]", "[97, 98, 99, 100]", "[97, 98, 99, 100, 101, 102]", "[2]"].map(str::to_owned)
        );
        assert!(facts.cover(&all) && !facts.cover(&[Purpose(4)]));
        assert_eq!(facts.bytes(), 11);
        assert_eq!(shown(&facts.only(&[Purpose(0), Purpose(3)])), ["[]", "[2]"]);
        assert_eq!(read(&all, 6, &[b"abc", b"def"]), facts);
        assert_ne!(read(&all, 6, &[b"abc", b"deg"]), facts);
    }

    #[test]
    fn no_more_is_read_than_somebody_needs() {
        let (limits, mut buffer) = (eight(), Vec::new());
        let attributes = Attributes { size: 100, mode: 0 };
        let mut needed = |purposes: &[Purpose]| {
            Extraction::new(&Everything, purposes, attributes, &limits, &mut buffer).needed()
        };
        assert_eq!(needed(&[Purpose(0)]), 0);
        assert_eq!(needed(&[Purpose(0), Purpose(1)]), 4);
        // The file is too long to be read whole, so nothing of it is read.
        assert_eq!(needed(&[Purpose(2)]), 0);
        assert_eq!(needed(&[Purpose(1), Purpose(3)]), 100);
        assert_eq!(shown(&read(&[Purpose(3)], 9, &[b"a", b"\0", b"b", b"c"])), ["[2]"]);
    }

    #[test]
    fn a_file_that_grew_while_it_was_read_is_too_large() {
        let facts = read(&[Purpose(2)], 6, &[b"abcdef", b"ghi"]);
        assert_eq!((shown(&facts), facts.size), (vec!["TooLarge".to_owned()], 9));
    }
}

//! Gzip (RFC 1952) as a stream of one or several members, with nothing after them.
//!
//! flate2 inflates. Its own gzip reader uses the CRC-32 of its backend, which takes four times as long as
//! crc32fast's on processors with AVX-512, and would be some 4 % of a run (`docs/benchmarks.md`).

use std::io::{self, BufRead, Read};

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

/// The beginning of a member: the magic number, and the only defined method.
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

const CUT_OFF: &str = "gzip: cut off within a member";

/// Bytes of a name or a comment in a header, as in flate2. Nobody needs them; readers that keep them allow
/// far fewer bytes.
const TEXT: usize = 65_535;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// A gzip stream that is being uncompressed.
pub(crate) struct Gunzip<R> {
    input: R,
    inflate: Decompress,
    state: State,
    /// The checksum of the member's uncompressed bytes.
    checksum: Hasher,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read yet; at least one member must follow.
    Start,
    Within,
    /// Another member may follow.
    Between,
    /// After an error, nothing more is read.
    Failed,
}

impl<R: BufRead> Gunzip<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, inflate: Decompress::new(false), state: State::Start, checksum: Hasher::new() }
    }

    /// [`Self::read`] without remembering a failure.
    fn members(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                State::Failed => return Err(invalid("gzip: read after an error".to_owned())),
                State::Between if self.input.fill_buf()?.is_empty() => return Ok(0),
                State::Start | State::Between => {
                    read_header(&mut self.input)?;
                    self.inflate.reset(false);
                    self.state = State::Within;
                }
                State::Within => {}
            }
            let (produced, ended) = self.step(buffer)?;
            self.checksum.update(buffer.get(..produced).unwrap_or_default());
            if ended {
                self.trailer()?;
                self.state = State::Between;
            }
            if produced > 0 || buffer.is_empty() {
                return Ok(produced);
            }
        }
    }

    /// Inflates the available input; returns how many bytes were produced, and whether the member has ended.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let chunk = self.input.fill_buf()?;
        if chunk.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, CUT_OFF));
        }
        let (taken, produced) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(chunk, buffer, FlushDecompress::None)
            .map_err(|error| invalid(format!("gzip: damaged: {error}")))?;
        let taken = usize::try_from(self.inflate.total_in() - taken).map_err(io::Error::other)?;
        let produced = usize::try_from(self.inflate.total_out() - produced).map_err(io::Error::other)?;
        self.input.consume(taken);
        let ended = status == Status::StreamEnd;
        if taken == 0 && produced == 0 && !ended && !buffer.is_empty() {
            return Err(invalid("gzip: the decoder makes no progress".to_owned()));
        }
        Ok((produced, ended))
    }

    /// Compares the CRC-32 and the length that follow a member.
    fn trailer(&mut self) -> io::Result<()> {
        let [a, b, c, d, length @ ..] = take::<8>(&mut self.input)?;
        let got = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(length));
        // The format stores the length modulo 2³².
        let [a, b, c, d, ..] = self.inflate.total_out().to_le_bytes();
        let expected = (std::mem::take(&mut self.checksum).finalize(), u32::from_le_bytes([a, b, c, d]));
        if got != expected {
            return Err(invalid(format!(
                "gzip: a member says CRC-32 {:08x} and length {}, expected {:08x} and {}",
                got.0, got.1, expected.0, expected.1
            )));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.members(buffer);
        if read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.state = State::Failed;
        }
        read
    }
}

/// Reads a member's header, whose content is not needed.
fn read_header(input: &mut impl BufRead) -> io::Result<()> {
    let mut header = Header { input, checksum: Hasher::new() };
    let [first, second, method, flags, ..] = header.take::<10>()?;
    if [first, second, method] != MEMBER {
        return Err(invalid(format!(
            "gzip: got {first:02x} {second:02x} {method:02x} where a member begins, expected 1f 8b 08 or the end"
        )));
    }
    if flags & RESERVED != 0 {
        return Err(invalid(format!("gzip: got flags {flags:#04x}, the upper three of which are reserved")));
    }
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(header.take()?);
        for _ in 0..length {
            header.take::<1>()?;
        }
    }
    for _ in [NAME, COMMENT].into_iter().filter(|text| flags & text != 0) {
        let mut length = 0;
        while header.take()? != [0] {
            length += 1;
            if length > TEXT {
                return Err(invalid(format!("gzip: a name or comment has more than {TEXT} bytes")));
            }
        }
    }
    if flags & HEADER_CRC != 0 {
        // The lower half of its CRC-32.
        let [low, high, ..] = header.checksum.clone().finalize().to_le_bytes();
        if header.take()? != [low, high] {
            return Err(invalid("gzip: the checksum of a member's header does not match".to_owned()));
        }
    }
    Ok(())
}

struct Header<'a, R> {
    input: &'a mut R,
    checksum: Hasher,
}

impl<R: BufRead> Header<'_, R> {
    fn take<const COUNT: usize>(&mut self) -> io::Result<[u8; COUNT]> {
        let bytes = take(self.input)?;
        self.checksum.update(&bytes);
        Ok(bytes)
    }
}

fn take<const COUNT: usize>(input: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    input.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), CUT_OFF),
        _ => error,
    })?;
    Ok(bytes)
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

//! Uncompressing layers: gzip (RFC 1952, several members), zstd (RFC 8878, several frames), or nothing.
//!
//! Owns detection, decoding and the budgets against bombs. Does not hash: [`crate::layers`] hashes both
//! sides. Only another member or frame may follow a member or frame. Anything else is an error, because a
//! reader that stops there and a reader that continues see different layers.

mod gzip;

use std::io::{self, BufRead, Read};

use plimsoll_core::{LimitExceeded, Limits};
use zstd::stream::raw::DParameter;
use zstd::stream::read::Decoder as ZstdDecoder;
use zstd::zstd_safe;

pub(crate) use gzip::Gunzip;

use crate::Error;
use crate::media::{Compression, LayerType, layer_type};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Sixteen magic numbers, which differ in the lowest four bits, begin frames that decoders skip (RFC 8878, 3.1.2).
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// Code 16 of zstd's errors, whose numbers are stable: a frame needs a larger window than allowed. The
/// decoder returns only the name.
const ZSTD_WINDOW_TOO_LARGE: usize = 0_usize.wrapping_sub(16);

/// How many bytes [`detect`] needs.
pub const MAGIC_BYTES: usize = 4;

/// Detects the compression from the first bytes of a stream. A tar begins with a name, so it cannot be mistaken.
pub fn detect(start: &[u8]) -> Compression {
    if start.starts_with(&GZIP) {
        return Compression::Gzip;
    }
    let skippable = matches!(start, [0x50..=0x5f, rest @ ..] if rest.starts_with(&ZSTD_SKIPPABLE));
    if start.starts_with(&ZSTD) || skippable { Compression::Zstd } else { Compression::None }
}

/// Detects the compression and compares it with what `media_type` says. `what` names the layer.
pub fn agreed(start: &[u8], media_type: &str, what: &str) -> Result<Compression, Error> {
    let got = detect(start);
    match layer_type(media_type) {
        Some(LayerType::Exact(expected)) if expected != got => Err(Error::CompressionMismatch {
            what: what.to_owned(),
            got: got.name(),
            expected: expected.name(),
        }),
        _ => Ok(got),
    }
}

/// A stream that is being uncompressed, within a budget.
pub struct Inflate<R: BufRead> {
    decoder: Decoder<R>,
    budget: Budget,
    what: String,
    produced: u64,
    zstd_window_bytes: u64,
}

enum Decoder<R: BufRead> {
    Plain(R),
    Gzip(Box<Gunzip<R>>),
    Zstd(Box<ZstdDecoder<'static, R>>),
}

/// How much a compressed object may become.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    bytes: u64,
    ratio: u64,
    floor: u64,
    compressed: u64,
}

impl Budget {
    /// The budget of an object of `compressed` bytes under `limits`.
    pub fn new(compressed: u64, limits: &Limits) -> Self {
        Self {
            bytes: limits.unpacked_bytes,
            ratio: limits.ratio,
            floor: limits.ratio_floor_bytes,
            compressed,
        }
    }

    /// Whether `produced` bytes are still within it; `what` names the object.
    pub fn check(&self, produced: u64, what: &str) -> Result<(), LimitExceeded> {
        if produced > self.bytes {
            return Err(LimitExceeded::new("unpacked_bytes", self.bytes, what));
        }
        if produced > self.floor && produced > self.compressed.saturating_mul(self.ratio) {
            return Err(LimitExceeded::new("ratio", self.ratio, what));
        }
        Ok(())
    }
}

impl<R: BufRead> Inflate<R> {
    /// Uncompresses `input`, whose compression is known.
    pub fn new(
        input: R,
        compression: Compression,
        budget: Budget,
        limits: &Limits,
        what: &str,
    ) -> Result<Self, Error> {
        let decoder = match compression {
            Compression::None => Decoder::Plain(input),
            Compression::Gzip => Decoder::Gzip(Box::new(Gunzip::new(input))),
            Compression::Zstd => {
                let failed = |source| Error::Inflate { what: what.to_owned(), offset: 0, source };
                let mut decoder = ZstdDecoder::with_buffer(input).map_err(failed)?;
                let log = limits.zstd_window_bytes.max(1).ilog2();
                decoder.set_parameter(DParameter::WindowLogMax(log)).map_err(failed)?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        let zstd_window_bytes = limits.zstd_window_bytes;
        Ok(Self { decoder, budget, what: what.to_owned(), produced: 0, zstd_window_bytes })
    }

    /// Fills `buffer` as far as the stream reaches; returns the number of bytes, 0 at the end of the stream.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = match &mut self.decoder {
                Decoder::Plain(decoder) => decoder.read(rest),
                Decoder::Gzip(decoder) => decoder.read(rest),
                Decoder::Zstd(decoder) => decoder.read(rest),
            };
            match read {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error, filled)),
            }
        }
        self.produced += filled as u64;
        self.budget.check(self.produced, &self.what)?;
        Ok(filled)
    }

    /// All that is left, at most `limit` bytes, which is the value of `kept_file_bytes` or little more.
    pub(crate) fn up_to(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        const PIECE: usize = 64 << 10;
        let (mut all, mut piece) = (Vec::new(), vec![0; PIECE]);
        loop {
            let count = self.fill(&mut piece)?;
            if count == 0 {
                return Ok(all);
            }
            all.extend_from_slice(piece.get(..count).unwrap_or_default());
            if all.len() as u64 > limit {
                return Err(LimitExceeded::new("kept_file_bytes", limit, self.what.as_str()).into());
            }
        }
    }

    fn failed(&self, error: io::Error, filled: usize) -> Error {
        let is_zstd = matches!(self.decoder, Decoder::Zstd(_));
        if is_zstd && error.to_string() == zstd_safe::get_error_name(ZSTD_WINDOW_TOO_LARGE) {
            return LimitExceeded::new("zstd_window_bytes", self.zstd_window_bytes, &*self.what).into();
        }
        match Error::io(self.what.as_str(), error) {
            // The error of a decoder. The error of a failing source keeps its kind.
            Error::Io { what, source } => {
                Error::Inflate { what, offset: self.produced + filled as u64, source }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
        let budget = Budget::new(bytes.len() as u64, limits);
        let mut inflate = Inflate::new(bytes, detect(bytes), budget, limits, "layer")?;
        let (mut out, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match inflate.fill(&mut buffer)? {
                0 => return Ok(out),
                count => out.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn every_compression_round_trips_with_several_members_and_frames() {
        let limits = Limits::default();
        let text = b"layer".repeat(5000);
        assert_eq!(all(&text, &limits).unwrap(), text);
        assert_eq!(
            all(&[gzip(&text), gzip(b""), gzip(b"end")].concat(), &limits).unwrap(),
            [&text[..], b"end"].concat()
        );
        let frame = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
        let skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let frames = [&skippable[..], &frame(&text), &skippable, &frame(b"end"), &skippable].concat();
        assert_eq!(all(&frames, &limits).unwrap(), [&text[..], b"end"].concat());
    }

    #[test]
    fn cut_off_and_trailing_data_are_errors() {
        let limits = Limits::default();
        let whole = gzip(&b"layer".repeat(5000));
        for broken in [&whole[..whole.len() - 1], &whole[..20], &[&whole[..], b"tail"].concat()[..]] {
            assert!(matches!(all(broken, &limits), Err(Error::Inflate { .. })));
        }
        let whole = zstd::encode_all(&b"layer".repeat(5000)[..], 3).unwrap();
        for broken in [&whole[..whole.len() - 1], &[&whole[..], b"tail"].concat()[..]] {
            assert!(matches!(all(broken, &limits), Err(Error::Inflate { .. })));
        }
    }

    #[test]
    fn docker_types_go_by_the_magic_number_and_oci_types_do_not() {
        let zstd = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        assert_eq!(agreed(&ZSTD, zstd, "layer").unwrap(), Compression::Zstd);
        let error = agreed(&ZSTD, crate::media::OCI_LAYER_GZIP, "layer").unwrap_err();
        assert_eq!(error.to_string(), "layer: the bytes have zstd, but the media type says gzip");
    }
}

//! One block of 512 bytes: fields, numbers, checksum, GNU's old sparse map.
//!
//! ```text
//!   0 name 100 · 100 mode 8 · 124 size 12 · 148 checksum 8 · 156 type 1 · 157 link name 100 · 257 magic 8 · 345 prefix 155
//! GNU:  345 atime 12 · 357 ctime 12 · 386 sparse 4×24 · 482 continues 1 · 483 real size 12
//! GNU continuation:   0 sparse 21×24 · 504 continues 1
//! ```

use super::sparse::{MAP_ENTRIES, Map};
use crate::error::TarProblem;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// The dialect of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

#[derive(Debug, Clone)]
pub(super) struct Block([u8; BLOCK]);

impl Block {
    pub(super) fn zero() -> Self {
        Self([0; BLOCK])
    }

    /// Copies from `bytes` to position `at`; returns how many bytes fit.
    pub(super) fn fill(&mut self, at: usize, bytes: &[u8]) -> usize {
        let target = self.0.get_mut(at..).unwrap_or_default();
        let count = target.len().min(bytes.len());
        for (to, from) in target.iter_mut().zip(bytes) {
            *to = *from;
        }
        count
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn format(&self) -> Format {
        match (&self.0[257..263], &self.0[263..265]) {
            (b"ustar\0", _) if &self.0[508..512] == b"tar\0" => Format::Star,
            (b"ustar\0", _) => Format::Ustar,
            (b"ustar ", b" \0") => Format::Gnu,
            _ => Format::V7,
        }
    }

    /// The sum of all bytes, with spaces in place of the checksum field; old writers summed signed bytes.
    pub(super) fn check(&self) -> Result<(), TarProblem> {
        let expected = number(&self.0[148..156]).ok_or(TarProblem::Number { field: "chksum" })?;
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        let field: u64 = self.0[148..156].iter().map(|byte| u64::from(*byte)).sum();
        let got = sum - field + 8 * u64::from(b' ');
        if got == expected {
            return Ok(());
        }
        let high = |bytes: &[u8]| 256 * bytes.iter().filter(|byte| **byte >= 0x80).count() as u64;
        let signed = got.checked_sub(high(&self.0) - high(&self.0[148..156]));
        if signed == Some(expected) { Ok(()) } else { Err(TarProblem::Checksum { got, expected }) }
    }

    pub(super) fn size(&self) -> Result<u64, TarProblem> {
        number(&self.0[124..136]).ok_or(TarProblem::Number { field: "size" })
    }

    /// Permission bits. Nothing is refused because of them: an unreadable field counts as 0.
    pub(super) fn mode(&self) -> u32 {
        number(&self.0[100..108]).map_or(0, |mode| u32::try_from(mode & 0o7777).unwrap_or(0))
    }

    /// Prefix and name.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[0..100]);
        let prefix = match self.format() {
            Format::Ustar => text(&self.0[345..500]),
            Format::Star => text(&self.0[345..476]),
            // Go before 1.8 wrote GNU headers with a ustar prefix where GNU has times; its reader still accepts them.
            Format::Gnu if self.has_broken_times() => {
                let prefix = text(&self.0[345..500]);
                if prefix.is_ascii() { prefix } else { b"" }
            }
            Format::Gnu | Format::V7 => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, name].join(&b'/') }
    }

    pub(super) fn link(&self) -> &[u8] {
        text(&self.0[157..257])
    }

    /// Whether Go cannot read one of the times: not octal, or base-256 beyond 63 bits. A negative time is
    /// valid; only its complement must fit.
    fn has_broken_times(&self) -> bool {
        [&self.0[345..357], &self.0[357..369]].into_iter().any(|field| match field {
            [] | [0, ..] => false,
            [first, rest @ ..] if first & 0xc0 == 0xc0 => {
                let complement: Vec<u8> =
                    std::iter::once(!first | 0x80).chain(rest.iter().map(|byte| !byte)).collect();
                number(&complement).is_none()
            }
            field => number(field).is_none(),
        })
    }

    /// The first pieces of a GNU sparse file.
    pub(super) fn sparse(&self) -> Result<Map, TarProblem> {
        let mut map = Map::new();
        append(&self.0[386..482], &mut map)?;
        Ok(map)
    }

    pub(super) fn sparse_continues(&self) -> bool {
        self.0[482] != 0
    }

    pub(super) fn sparse_size(&self) -> Result<u64, TarProblem> {
        number(&self.0[483..495]).ok_or(TarProblem::Number { field: "realsize" })
    }

    /// Reads this block as a continuation of `map`; whether another one follows.
    pub(super) fn extend_sparse(&self, map: &mut Map) -> Result<bool, TarProblem> {
        append(&self.0[0..504], map)?;
        if map.len() > MAP_ENTRIES {
            return Err(TarProblem::Sparse("too many pieces"));
        }
        Ok(self.0[504] != 0)
    }
}

fn append(pieces: &[u8], map: &mut Map) -> Result<(), TarProblem> {
    for piece in pieces.chunks_exact(24) {
        let (offset, length) = piece.split_at(12);
        if offset.first() == Some(&0) {
            break;
        }
        match (number(offset), number(length)) {
            (Some(offset), Some(length)) => map.push((offset, length)),
            _ => return Err(TarProblem::Number { field: "sparse" }),
        }
    }
    Ok(())
}

/// A field's text: up to the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    field.get(..end).unwrap_or_default()
}

/// Octal digits between spaces and NULs, or base-256 when the first bit is set. `None` for anything else, for
/// negative numbers, and for numbers beyond 63 bits, which Go does not accept either.
fn number(field: &[u8]) -> Option<u64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        if first & 0x40 != 0 {
            return None;
        }
        let mut value = u64::from(first & 0x3f);
        for byte in field.get(1..)? {
            if value >> 55 != 0 {
                return None;
            }
            value = value << 8 | u64::from(*byte);
        }
        return Some(value);
    }
    let is_blank = |byte: &u8| matches!(*byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    text(field.get(start..end)?).iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'7' if value >> 60 == 0 => Some(value << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_octal_or_base_256_and_never_negative() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b" 644  \0\0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"        "), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        for bad in [
            &b"0008"[..],
            b"-1",
            b"12x",
            b"\xff\xff\xff\xff",
            b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}

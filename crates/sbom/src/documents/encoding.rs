//! The encoding that a byte order mark stands for. JSON is UTF-8 without a mark (RFC 8259), but tools on Windows write one, and
//! PowerShell's `>` writes UTF-16.

use std::borrow::Cow;

use crate::Error;

/// `bytes` as UTF-8 without a mark. UTF-16 grows by half at most.
pub(super) fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(Cow::Borrowed(rest)),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err(Error::Encoding { encoding: "UTF-32" }),
        [0xff, 0xfe, rest @ ..] => from_utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => from_utf16(rest, u16::from_be_bytes),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// `bytes` as text. The mark has been removed before.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Encoding { encoding: "not valid UTF-8" })
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, [u8]>, Error> {
    let invalid = || Error::Encoding { encoding: "invalid UTF-16" };
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(invalid());
    }
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    text.map(|text| Cow::Owned(text.into_bytes())).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_determines_the_encoding() {
        let units = || "{\"ü\":1}".encode_utf16();
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
        let marked = [b"\xef\xbb\xbf".as_slice(), "{\"ü\":1}".as_bytes()].concat();
        for bytes in [little.as_slice(), &big, &marked, "{\"ü\":1}".as_bytes()] {
            assert_eq!(utf8(bytes).unwrap(), "{\"ü\":1}".as_bytes());
        }
        let lone = [0xff, 0xfe, 0x00, 0xd8];
        for bytes in [&little[..little.len() - 1], &lone, b"\xff\xfe\0\0{\0\0\0"] {
            assert!(matches!(utf8(bytes), Err(Error::Encoding { .. })), "{bytes:?}");
        }
    }
}

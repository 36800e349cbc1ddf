//! The names of listed files in documents. In a name that is not UTF-8, the invalid bytes are written as `\xff`. The identifier
//! follows from the bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

use plimsoll_core::Digest;

/// A path as text.
pub(super) fn shown(path: &[u8]) -> Cow<'_, str> {
    if let Ok(path) = std::str::from_utf8(path) {
        return path.into();
    }
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a text does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.into()
}

/// The path that a document states as `name`, relative to the root. If the identifier is that of the bytes which [`shown`] wrote,
/// they are restored.
pub(super) fn stated<'a>(name: &'a str, id: &str) -> Cow<'a, [u8]> {
    let name = name.strip_prefix("./").unwrap_or(name).trim_start_matches('/');
    if name.contains("\\x") {
        let bytes = restored(name);
        if id.ends_with(&identifier(&bytes)) {
            return bytes.into();
        }
    }
    name.as_bytes().into()
}

/// The bytes for each `\xff`.
fn restored(name: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(name.len()), name);
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let mut byte = [0];
        let digits = after.get(..2).filter(|digits| hex::decode_to_slice(digits, &mut byte).is_ok());
        bytes.extend_from_slice(if digits.is_some() { &byte } else { b"\\x" });
        rest = after.get(digits.map_or(0, str::len)..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// `File-` and 128 bits of the digest of the path: nobody can find two paths with the same identifier.
pub(super) fn identifier(path: &[u8]) -> String {
    let digest = Digest::sha256(path);
    format!("File-{}", hex::encode(digest.as_bytes().get(..16).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_text_are_shown_and_told_apart() {
        assert_eq!(shown(b"usr/bin/x"), "usr/bin/x");
        assert_eq!(shown(b"a\xff\xfe/b"), "a\\xff\\xfe/b");
        assert_ne!(identifier(b"a\xff"), identifier(b"a\\xff"));
        assert_eq!(identifier(b"a").len(), 37);
    }

    #[test]
    fn names_are_read_back_as_the_bytes_that_they_were() {
        for path in [&b"usr/bin/x"[..], b"a\xff\xfe/b\\x", b"a\\xff", b"\\xzz\\x\\x4"] {
            let id = format!("SPDXRef-{}", identifier(path));
            assert_eq!(stated(&format!("./{}", shown(path)), &id), path);
        }
        // Others write them in their own way.
        assert_eq!(stated("/bin/busybox", ""), &b"bin/busybox"[..]);
        assert_eq!(stated("a\\xff", "SPDXRef-1"), &b"a\\xff"[..]);
    }
}

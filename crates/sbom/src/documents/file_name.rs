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
}

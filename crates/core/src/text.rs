//! Foreign text on its way to a terminal.
//!
//! Package names, paths and messages of others may carry escape sequences that rewrite what a user sees
//! (tracing-subscriber CVE-2025-58160) or bidirectional controls that reorder it (CVE-2021-42574). They are made visible.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Makes control and bidirectional characters visible as `\u{…}`; other text passes unchanged. Line breaks count as
/// control characters: a name never starts a new line.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", c as u32);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Foreign text in an error message: 80 characters are enough to recognise it.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    if text.chars().count() <= SHOWN {
        text.to_owned()
    } else {
        text.chars().take(SHOWN).chain("…".chars()).collect()
    }
}

/// C0, DEL, C1, line and paragraph separators, bidirectional controls, zero-width and tag characters.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_rewrite_the_screen() {
        assert_eq!(terminal("libssl3 3.0.11-1~deb12u2 – ü"), "libssl3 3.0.11-1~deb12u2 – ü");
        assert_eq!(terminal("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(terminal("a\u{9b}31mb\r\nc"), "a\\u{9b}31mb\\u{d}\\u{a}c");
        assert_eq!(terminal("good\u{202e}live"), "good\\u{202e}live");
    }
}

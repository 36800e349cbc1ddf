//! Foreign text on its way to a terminal.
//!
//! Foreign package names, paths and messages may carry escape sequences that rewrite what a user sees
//! (tracing-subscriber CVE-2025-58160) or bidirectional controls that reorder it (CVE-2021-42574). They are made
//! visible.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Makes control and bidirectional characters visible as `\u{…}`; other text passes unchanged. Line breaks
/// count as control characters, so a name cannot start a new line.
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

/// The same for a JSON document: unsafe characters within its strings become `\uXXXX`, so the document keeps its
/// meaning. Line breaks and tabs between values stay.
pub fn terminal_json(document: &str) -> Cow<'_, str> {
    let unsafe_here = |c: char| is_unsafe(c) && !matches!(c, '\n' | '\t');
    if !document.chars().any(unsafe_here) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len() + 64);
    for c in document.chars() {
        if unsafe_here(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Foreign text for an error message: escaped, and cut after 200 bytes.
pub fn shown(foreign: &str) -> String {
    const LONGEST: usize = 200;
    let mut end = foreign.len().min(LONGEST);
    while !foreign.is_char_boundary(end) {
        end -= 1;
    }
    let cut = terminal(foreign.get(..end).unwrap_or_default());
    if end < foreign.len() { format!("{cut}…") } else { cut.into_owned() }
}

/// Foreign text in an error message: 80 characters are enough to recognise it.
pub fn shortened(text: &str) -> String {
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

    #[test]
    fn a_json_document_means_the_same_without_them() {
        let value = serde_json::json!({"a\u{9b}": "x\u{202e}y\u{7f}\u{e0001}ü\n"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let harmless = terminal_json(&text);
        assert!(!harmless.chars().any(|c| is_unsafe(c) && c != '\n'), "{harmless}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&harmless).unwrap(), value);
    }
}

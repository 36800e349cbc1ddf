//! Foreign text on its way into markup.
//!
//! Names of packages, paths and summaries are written by strangers. In every markup they stay text: no element, link, mention
//! or table cell can come of them. Control and bidirectional characters are made visible first, as on terminals.

use std::fmt::Write as _;

use plimsoll_core::text::terminal;

/// Text in HTML, also in an attribute with double quotes.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in terminal(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
    out
}

/// Text in XML 1.0, also in an attribute. Most control characters cannot be written there at all, not even escaped; they are
/// made visible like the others.
pub(super) fn xml(text: &str) -> String {
    html(text).replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}")
}

/// Text in Markdown, within a paragraph or the cell of a table. Punctuation that could begin markup becomes a reference to the
/// character, which is never markup; and nobody is mentioned, no issue referred to, no address linked.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in terminal(text).chars() {
        match c {
            // An invisible space parts the sign from the name. Text that is copied has it too, which is harmless in prose.
            '@' | '#' => {
                out.push_str(if c == '@' { "&#64;" } else { "&#35;" });
                out.push_str("&#8203;");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    // Whatever begins like an address becomes a link in GitHub's dialect.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A name in Markdown as code, within a paragraph or the cell of a table. What would end the code or the cell is made visible
/// like a control character: how it could be escaped depends on the dialect.
pub(super) fn markdown_code(text: &str) -> String {
    let text = terminal(text).replace('`', "\\u{60}").replace('|', "\\u{7c}");
    // Spaces around code are taken away, and code of spaces alone is none.
    if text.trim().is_empty() { "` `".to_owned() } else { format!("`{text}`") }
}

/// The address, if it is one that may be linked: of the web, without characters that end it somewhere.
pub(super) fn web_address(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'<>\\^`{|}".contains(c);
    (!rest.is_empty() && !rest.starts_with('/') && rest.chars().all(is_plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let evil = "<script>alert('1')</script>\u{1b}[2J\"&`";
        assert_eq!(html(evil), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\\u{1b}[2J&quot;&amp;&#96;");
        assert_eq!(xml("a\u{0}b\u{ffff}\u{202e}"), "a\\u{0}b\\u{ffff}\\u{202e}");
    }

    #[test]
    fn markdown_has_no_mention_link_or_cell() {
        let text = markdown("| @team #1 [x](http://e) www.e `c` <b>\n\\| $x$");
        for bad in ["|", "@", "[", "](", "`", "<b", "\n", "www.", "://", "$"] {
            assert!(!text.contains(bad), "{bad} in {text}");
        }
        assert!(!text.replace("&#", "").contains('#'), "{text}");
        assert_eq!(markdown_code("a`b|c\nd"), "`a\\u{60}b\\u{7c}c\\u{a}d`");
        assert_eq!(markdown_code("@org/x"), "`@org/x`");
        assert_eq!(markdown_code(""), "` `");
    }

    #[test]
    fn only_addresses_of_the_web_are_linked() {
        assert_eq!(
            web_address("https://nvd.nist.gov/vuln/detail/CVE-1"),
            Some("https://nvd.nist.gov/vuln/detail/CVE-1")
        );
        for text in [
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "https:///x",
            "https://a b",
            "https://a\"x",
            "//e",
            "",
        ] {
            assert_eq!(web_address(text), None, "{text}");
        }
    }
}

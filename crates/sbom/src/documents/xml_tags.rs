//! Writing XML: elements, attributes and text. Characters that XML cannot represent are replaced.

use std::borrow::Cow;
use std::io::{self, Write};

use quick_xml::escape::escape;

/// A document that is being written.
pub(crate) struct Tags<'w>(&'w mut dyn Write);

impl<'w> Tags<'w> {
    /// Starts a document.
    pub(crate) fn new(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        Ok(Self(out))
    }

    /// Starts an element. Neither its name nor those of its attributes need escaping.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        write!(self.0, "<{name}")?;
        for (name, value) in attributes {
            write!(self.0, " {name}=\"{}\"", text(value))?;
        }
        self.0.write_all(b">")
    }

    /// Ends an element.
    pub(crate) fn close(&mut self, name: &str) -> io::Result<()> {
        write!(self.0, "</{name}>")
    }

    /// An element with only text.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> io::Result<()> {
        write!(self.0, "<{name}>{}</{name}>", text(value))
    }

    /// The same, if there is a text.
    pub(crate) fn some(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        value.map_or(Ok(()), |value| self.text(name, value))
    }

    /// Text that is already escaped.
    pub(crate) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    /// The end of a line.
    pub(crate) fn line(&mut self) -> io::Result<()> {
        self.0.write_all(b"\n")
    }
}

/// `value` as text or as an attribute. Characters that XML cannot represent, such as most control characters, become
/// U+FFFD. White space, which readers would change, is written as a character reference.
pub(crate) fn text(value: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let escaped = escape(value);
    if escaped.chars().all(is_plain) {
        return escaped;
    }
    let mut clean = String::with_capacity(escaped.len());
    for character in escaped.chars() {
        match character {
            '\t' | '\n' | '\r' => clean.extend(["&#", &u32::from(character).to_string(), ";"]),
            // The second set of control characters is allowed.
            '\u{7f}'..='\u{9f}' => clean.push(character),
            character if is_plain(character) => clean.push(character),
            _ => clean.push('\u{fffd}'),
        }
    }
    clean.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::xml::Xml;

    #[test]
    fn any_text_reads_back_except_characters_that_xml_cannot_represent() {
        for (value, expected) in [
            ("a<b>&\"'c", "a<b>&\"'c"),
            ("a\r\n\tb", "a\r\n\tb"),
            ("a\0\u{1b}\u{ffff}b", "a\u{fffd}\u{fffd}\u{fffd}b"),
            ("ü\u{85}x", "ü\u{85}x"),
        ] {
            let mut out = Vec::new();
            let mut tags = Tags::new(&mut out).unwrap();
            tags.open("r", &[("a", value)]).unwrap();
            tags.text("b", value).unwrap();
            tags.close("r").unwrap();
            let written = String::from_utf8(out).unwrap();
            let (mut xml, root) = Xml::open(&written).unwrap();
            assert_eq!(root.attribute("a").unwrap().unwrap(), expected);
            xml.child().unwrap().unwrap();
            assert_eq!(xml.text().unwrap(), expected, "{written}");
        }
    }
}

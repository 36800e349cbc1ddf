//! XML in the files of build tools: elements with attributes and text, passed on when they end.
//!
//! Nothing is fetched, and only XML's five predefined entities are understood, so a document never expands beyond its
//! bytes. Names are local: prefixes are ignored.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// How deep elements may be nested. A pom has some ten levels.
const MAX_DEPTH: usize = 64;
/// Bytes of text that are kept of one element. A longer text is neither a name nor a version.
const MAX_TEXT: usize = 4 << 10;

/// An element that has ended.
pub(crate) struct Element<'a> {
    /// The names of the elements around it, the outermost first, its own last.
    pub(crate) path: &'a [String],
    attributes: &'a [(String, String)],
    /// Its text, without child elements.
    pub(crate) text: &'a str,
}

impl Element<'_> {
    /// Whether its path has these names.
    pub(crate) fn is(&self, path: &[&str]) -> bool {
        self.path.iter().eq(path)
    }

    /// Its own name, if the element around it has this path.
    pub(crate) fn name_in(&self, path: &[&str]) -> Option<&str> {
        let (own, around) = self.path.split_last()?;
        around.iter().eq(path).then_some(own)
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An element that has started.
#[derive(Default)]
struct Open {
    attributes: Vec<(String, String)>,
    text: String,
}

/// Passes on the elements of a document, or says why it is not one.
pub(crate) fn each(text: &str, mut take: impl FnMut(&Element<'_>)) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let (mut path, mut open): (Vec<String>, Vec<Open>) = (Vec::new(), Vec::new());
    let mut has_element = false;
    let mut end = |path: &mut Vec<String>, open: &mut Vec<Open>| {
        if let Some(Open { attributes, text }) = open.pop() {
            take(&Element { path, attributes: &attributes, text: text.trim() });
            path.pop();
        }
    };
    loop {
        let event = reader.read_event().map_err(|error| format!("is not XML: {error}"))?;
        let added = match &event {
            Event::Start(start) | Event::Empty(start) => {
                has_element = true;
                if path.len() >= MAX_DEPTH {
                    return Err(format!("has elements nested more than {MAX_DEPTH} deep"));
                }
                path.push(start.local_name().as_ref().to_owned());
                open.push(Open { attributes: attributes(start)?, text: String::new() });
                if matches!(event, Event::Empty(_)) {
                    end(&mut path, &mut open);
                }
                continue;
            }
            Event::End(_) => {
                end(&mut path, &mut open);
                continue;
            }
            Event::Text(text) => text.xml10_content(),
            Event::CData(text) => text.xml10_content(),
            Event::GeneralRef(name) => {
                resolve_predefined_entity(&name.xml10_content()).unwrap_or_default().into()
            }
            Event::Eof => break,
            _ => continue,
        };
        if let Some(last) = open.last_mut().filter(|last| last.text.len() + added.len() <= MAX_TEXT) {
            last.text.push_str(&added);
        }
    }
    if open.is_empty() && has_element { Ok(()) } else { Err("is not XML: it ends too early".to_owned()) }
}

fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let one = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        let attribute = attribute.map_err(|error| format!("is not XML: {error}"))?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| format!("is not XML: {error}"))?;
        Ok((attribute.key.local_name().as_ref().to_owned(), value.into_owned()))
    };
    start.attributes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        each(text, |it| {
            found.push(format!("{}={}", it.path.join("/"), it.attribute("k").unwrap_or(it.text)));
        })?;
        Ok(found)
    }

    #[test]
    fn elements_are_passed_on_when_they_end() {
        let text = "<?xml version=\"1.0\"?><!-- c --><p:a xmlns:p='x'> <b>1 &amp;<![CDATA[ <2> ]]></b><c k='&lt;'/></p:a>";
        assert_eq!(shown(text).unwrap(), ["a/b=1 & <2>", "a/c=<", "a="]);
    }

    #[test]
    fn an_invalid_document_says_why() {
        for text in ["", "no XML", "<a>", "<a></b>", "<a b></a>", &"<a>".repeat(100)] {
            shown(text).unwrap_err();
        }
        // Entities are not followed.
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        assert_eq!(shown(bomb).unwrap(), ["a="]);
        assert_eq!(shown(&format!("<a>{}</a>", "x".repeat(5000))).unwrap(), ["a="]);
    }
}

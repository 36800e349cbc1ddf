//! XML that others wrote, read as a stream: elements as they begin and end.
//!
//! Nothing is fetched, and only XML's five predefined entities are understood, so a document never expands beyond its bytes. Names
//! are local: prefixes are ignored. Documents whose namespaces matter are not read by this.

use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::text::shown;

/// How deep elements may be nested. Real files have up to twelve levels.
pub const MAX_DEPTH: usize = 64;
/// Bytes of text that are kept of one element. A longer text is a description.
const MAX_TEXT: usize = 4 << 10;
/// Attributes of one element. Those of the outermost one declare namespaces.
pub const MAX_ATTRIBUTES: usize = 64;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not XML.
    #[error("{0}")]
    Syntax(String),
    /// It ends inside of an element, or has none.
    #[error("it ends too early")]
    Truncated,
    /// Elements are nested too deep.
    #[error("more than {MAX_DEPTH} elements inside of each other")]
    Depth,
    /// An element has too many attributes.
    #[error("more than {MAX_ATTRIBUTES} attributes")]
    Attributes,
}

/// An element.
#[derive(Debug, Default)]
pub struct Element {
    /// Its name, without a prefix.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// Its text, without child elements; empty as it begins.
    pub text: String,
}

impl Element {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What happens to an element.
#[derive(Debug, Clone, Copy)]
pub enum Step<'e> {
    /// It begins; its attributes are known.
    Begins(&'e Element),
    /// It ends; its text is known.
    Ends(&'e Element),
}

/// Passes the elements of a document to `take`.
pub fn read(input: impl BufRead, mut take: impl FnMut(Step<'_>)) -> Result<(), Error> {
    let mut reader = Reader::from_reader(input);
    let (mut open, mut buffer): (Vec<Element>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut has_element = false;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(syntax)?;
        let added = match &event {
            Event::Start(start) | Event::Empty(start) => {
                has_element = true;
                if open.len() >= MAX_DEPTH {
                    return Err(Error::Depth);
                }
                let element = element(start)?;
                take(Step::Begins(&element));
                if matches!(event, Event::Empty(_)) {
                    take(Step::Ends(&element));
                } else {
                    open.push(element);
                }
                continue;
            }
            Event::End(_) => {
                if let Some(mut element) = open.pop() {
                    element.text = element.text.trim().to_owned();
                    take(Step::Ends(&element));
                }
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
    if open.is_empty() && has_element { Ok(()) } else { Err(Error::Truncated) }
}

fn element(start: &BytesStart<'_>) -> Result<Element, Error> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(syntax)?;
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(Error::Attributes);
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(syntax)?;
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    let name = start.local_name().as_ref().to_owned();
    Ok(Element { name, attributes, text: String::new() })
}

fn syntax(error: impl std::fmt::Display) -> Error {
    // It may repeat what it is about.
    Error::Syntax(shown(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        read(text.as_bytes(), |step| match step {
            Step::Begins(it) => found.push(format!("<{}", it.name)),
            Step::Ends(it) => found.push(format!("{}={}", it.name, it.attribute("k").unwrap_or(&it.text))),
        })?;
        Ok(found)
    }

    #[test]
    fn elements_begin_and_end() {
        let text = "<?xml version=\"1.0\"?><!-- c --><p:a xmlns:p='x'> <b>1 &amp;<![CDATA[ <2> ]]></b><c k='&lt;'/></p:a>";
        assert_eq!(steps(text).unwrap(), ["<a", "<b", "b=1 & <2>", "<c", "c=<", "a="]);
    }

    #[test]
    fn what_is_no_document_says_why() {
        let attributes = (0..100).map(|number| format!(" a{number}='x'")).collect::<Vec<_>>().concat();
        for text in
            ["", "no XML", "<a>", "<a></b>", "<a b></a>", &"<a>".repeat(100), &format!("<a{attributes}/>")]
        {
            steps(text).unwrap_err();
        }
        // Entities are not followed.
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        assert_eq!(steps(bomb).unwrap(), ["<a", "a="]);
        assert_eq!(steps(&format!("<a>{}</a>", "x".repeat(5000))).unwrap(), ["<a", "a="]);
    }
}

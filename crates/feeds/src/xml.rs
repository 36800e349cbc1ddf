//! XML as publishers write it, read as a stream: elements as they begin and end.
//!
//! Nothing is fetched, and of entities only the five that XML has itself are understood, so that a document is never larger than
//! its bytes. Names are local ones: a prefix does not matter.

use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::error::DocumentProblem;

/// Elements inside of each other. Real files have up to twelve.
const MAX_DEPTH: usize = 64;
/// Bytes of text that are kept of one element. What is longer is a description.
const MAX_TEXT: usize = 4 << 10;
/// Attributes of one element. Those of the outermost name spaces.
const MAX_ATTRIBUTES: usize = 64;

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// What it has in it that is no element; empty as it begins.
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What happens to an element.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'e> {
    Begins(&'e Element),
    Ends(&'e Element),
}

/// Passes the elements of a document to `take`.
pub(crate) fn read(input: impl BufRead, mut take: impl FnMut(Step<'_>)) -> Result<(), DocumentProblem> {
    let mut reader = Reader::from_reader(input);
    let (mut open, mut buffer): (Vec<Element>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut has_element = false;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(problem)?;
        let added = match &event {
            Event::Start(start) | Event::Empty(start) => {
                has_element = true;
                if open.len() >= MAX_DEPTH {
                    return Err(problem(format_args!("more than {MAX_DEPTH} elements inside of each other")));
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
    if open.is_empty() && has_element { Ok(()) } else { Err(problem("it ends too early")) }
}

fn element(start: &BytesStart<'_>) -> Result<Element, DocumentProblem> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(problem)?;
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(problem(format_args!("more than {MAX_ATTRIBUTES} attributes")));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(problem)?;
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    let name = start.local_name().as_ref().to_owned();
    Ok(Element { name, attributes, text: String::new() })
}

fn problem(reason: impl std::fmt::Display) -> DocumentProblem {
    /// A message may repeat what it is about.
    const SHOWN: usize = 120;
    let reason: String = reason.to_string().chars().take(SHOWN).collect();
    DocumentProblem::Xml { reason: plimsoll_core::text::terminal(&reason).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, DocumentProblem> {
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
        assert_eq!(shown(text).unwrap(), ["<a", "<b", "b=1 & <2>", "<c", "c=<", "a="]);
    }

    #[test]
    fn what_is_no_document_says_why() {
        let attributes = (0..100).map(|number| format!(" a{number}='x'")).collect::<Vec<_>>().concat();
        for text in
            ["", "no XML", "<a>", "<a></b>", "<a b></a>", &"<a>".repeat(100), &format!("<a{attributes}/>")]
        {
            shown(text).unwrap_err();
        }
        // Entities are not followed.
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        assert_eq!(shown(bomb).unwrap(), ["<a", "a="]);
        assert_eq!(shown(&format!("<a>{}</a>", "x".repeat(5000))).unwrap(), ["<a", "a="]);
    }
}

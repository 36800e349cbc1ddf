//! XML documents, read element by element without a tree.
//!
//! quick-xml splits the text into events and expands nothing. What it leaves to its caller is refused or bounded here: a
//! document type, because it could declare entities (billion laughs, external ones), nesting, attributes of one element, and
//! references to anything but the five predefined entities and characters by number.
//!
//! One namespace is read, under one prefix. Elements of other namespaces are extensions and are skipped with their content. A
//! document that gives the namespace a second prefix is refused, because such elements would be skipped too.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::json::FEW;

/// How deep elements may be nested, as in JSON. Real documents stay below 20.
pub(crate) const DEPTH: usize = plimsoll_core::json::DEPTH;

/// Attributes of one element. Real ones have fewer than ten.
const ATTRIBUTES: usize = 64;

/// What makes an XML document unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// It does not follow the grammar.
    #[error("invalid XML at byte {at}: {source}")]
    Syntax {
        /// Where.
        at: u64,
        /// The parser's error.
        source: quick_xml::Error,
    },
    /// It ends before its elements do, or something follows its root.
    #[error("invalid XML at byte {at}: got {got}, expected {expected}")]
    Unexpected {
        /// Where.
        at: u64,
        /// What was found.
        got: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// It contains a document type.
    #[error("XML with a document type (DTD), which is not read: it could define entities")]
    DocumentType,
    /// It declares an encoding that it does not have.
    #[error("XML declares the encoding {declared}, expected UTF-8")]
    Encoding {
        /// The declared encoding, shortened.
        declared: String,
    },
    /// It refers to an entity that XML does not define itself.
    #[error("XML refers to the entity `{name}`, which it cannot define")]
    Entity {
        /// The name, shortened.
        name: String,
    },
    /// Its elements are nested too deeply.
    #[error("XML nested deeper than {DEPTH} elements")]
    Depth,
    /// An element has too many attributes.
    #[error("XML element with more than {ATTRIBUTES} attributes")]
    Attributes,
    /// Its namespace has two prefixes.
    #[error("XML binds {namespace} to a second prefix")]
    SecondPrefix {
        /// The namespace.
        namespace: String,
    },
    /// An element occurs twice that may occur once.
    #[error("XML element `{name}` occurs twice at byte {at}")]
    Repeated {
        /// Its name.
        name: &'static str,
        /// Where the second one ends.
        at: u64,
    },
    /// Something that the format requires is missing.
    #[error("XML element `{element}` without `{name}` at byte {at}")]
    Missing {
        /// The element that lacks it.
        element: &'static str,
        /// The attribute or element.
        name: &'static str,
        /// Where the element ends.
        at: u64,
    },
    /// A list within one component is too long.
    #[error("XML element `{name}` occurs more than {FEW} times in one place")]
    TooMany {
        /// The element.
        name: &'static str,
    },
}

/// A document while it is read.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    /// Elements that have started and not ended.
    open: usize,
    /// The prefix of the namespace that is read, empty for the default.
    prefix: String,
    namespace: String,
}

/// An element that has started. Its content comes from [`Xml`]: [`Xml::child`] until there is none, [`Xml::text`] or
/// [`Xml::skip`].
pub(crate) struct Element<'a>(BytesStart<'a>);

impl Element<'_> {
    /// The name without its prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// The value of an attribute that has no prefix.
    pub(crate) fn attribute(&self, name: &str) -> Result<Option<String>, XmlError> {
        self.attributes()
            .find(|attribute| !matches!(attribute, Ok((own, _)) if *own != name))
            .map_or(Ok(None), |found| Ok(Some(found?.1)))
    }

    /// The attributes that have no prefix, with their values. Namespace declarations do not count.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = Result<(&str, String), XmlError>> {
        let wrong = |source| XmlError::Syntax { at: 0, source };
        self.0.attributes().filter_map(move |attribute| {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(source) => return Some(Err(wrong(source.into()))),
            };
            let name = attribute.key.into_inner();
            if name == "xmlns" || name.contains(':') {
                return None;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(wrong);
            Some(value.map(|value| (name, value.into_owned())))
        })
    }
}

impl<'a> Xml<'a> {
    /// Reads up to the root. Its namespace is the one that is read.
    pub(crate) fn open(text: &'a str) -> Result<(Self, Element<'a>), XmlError> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut xml = Self { reader, open: 0, prefix: String::new(), namespace: String::new() };
        loop {
            match xml.event()? {
                Event::Start(start) => {
                    let prefix = start.name().prefix().map_or("", |prefix| prefix.into_inner()).to_owned();
                    for (declared, namespace) in xml.declarations(&start)? {
                        if declared == prefix {
                            xml.namespace = namespace;
                        }
                    }
                    xml.prefix = prefix;
                    xml.is_foreign(&start)?;
                    return Ok((xml, Element(start)));
                }
                Event::Decl(declaration) => {
                    let declared = declaration.encoding().transpose();
                    let declared = declared.map_err(|source| xml.syntax(source.into()))?;
                    // UTF-16 was converted. UTF-8 that is declared as something else would be read differently
                    // elsewhere.
                    let fits = |name: &str| {
                        ["utf-8", "utf8", "us-ascii", "ascii", "utf-16"]
                            .contains(&name.to_ascii_lowercase().as_str())
                    };
                    if let Some(declared) = declared.filter(|declared| !fits(declared)) {
                        return Err(XmlError::Encoding { declared: declared.chars().take(40).collect() });
                    }
                }
                Event::Text(text) if text.trim().is_empty() => {}
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return Err(xml.unexpected("the end", "an element")),
                _ => return Err(xml.unexpected("text", "an element")),
            }
        }
    }

    /// The namespace of the root. Empty if it has none.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The next element inside the one that started last. `None` at its end.
    pub(crate) fn child(&mut self) -> Result<Option<Element<'a>>, XmlError> {
        self.child_after(None)
    }

    /// The next element inside the one that started last. Adds the text before it to `text`.
    pub(crate) fn child_after(
        &mut self,
        mut text: Option<&mut String>,
    ) -> Result<Option<Element<'a>>, XmlError> {
        loop {
            match self.event()? {
                Event::Start(start) => {
                    if self.is_foreign(&start)? {
                        self.skip()?;
                    } else {
                        return Ok(Some(Element(start)));
                    }
                }
                Event::End(_) => return Ok(None),
                Event::Eof => return Err(self.unexpected("the end", "a closing tag")),
                event => {
                    if let Some(text) = &mut text {
                        self.append(&event, text)?;
                    }
                }
            }
        }
    }

    /// The text of the element that started last, up to its end, without surrounding white space. Elements in it are
    /// skipped.
    pub(crate) fn text(&mut self) -> Result<String, XmlError> {
        let mut all = String::new();
        loop {
            match self.event()? {
                Event::Start(_) => self.skip()?,
                Event::End(_) => break,
                Event::Eof => return Err(self.unexpected("the end", "a closing tag")),
                event => self.append(&event, &mut all)?,
            }
        }
        let trimmed = all.trim();
        Ok(if trimmed.len() == all.len() { all } else { trimmed.to_owned() })
    }

    /// Adds the text of an event.
    fn append(&self, event: &Event<'_>, all: &mut String) -> Result<(), XmlError> {
        match event {
            Event::Text(text) => all.push_str(&text.xml10_content()),
            Event::CData(text) => all.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|source| self.syntax(source))?;
                let name = reference.xml10_content();
                match (character, quick_xml::escape::resolve_predefined_entity(&name)) {
                    (Some(character), _) => all.push(character),
                    (None, Some(text)) => all.push_str(text),
                    (None, None) => {
                        return Err(XmlError::Entity { name: name.chars().take(40).collect() });
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Skips the rest of the element that started last.
    pub(crate) fn skip(&mut self) -> Result<(), XmlError> {
        let outside = self.open.saturating_sub(1);
        while self.open > outside {
            if matches!(self.event()?, Event::Eof) {
                return Err(self.unexpected("the end", "a closing tag"));
            }
        }
        Ok(())
    }

    /// Reads what follows the root, which can only be comments.
    pub(crate) fn close(mut self) -> Result<(), XmlError> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Text(text) if text.trim().is_empty() => {}
                _ => return Err(self.unexpected("more", "the end")),
            }
        }
    }

    /// The position of the reader, in bytes.
    pub(crate) fn at(&self) -> u64 {
        self.reader.buffer_position()
    }

    fn event(&mut self) -> Result<Event<'a>, XmlError> {
        let event = self
            .reader
            .read_event()
            .map_err(|source| XmlError::Syntax { at: self.reader.error_position(), source })?;
        match &event {
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Start(_) => {
                self.open += 1;
                if self.open > DEPTH {
                    return Err(XmlError::Depth);
                }
            }
            Event::End(_) => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        Ok(event)
    }

    /// Whether an element belongs to another namespace.
    fn is_foreign(&self, start: &BytesStart<'_>) -> Result<bool, XmlError> {
        let mut foreign = start.name().prefix().map_or("", |prefix| prefix.into_inner()) != self.prefix;
        for (prefix, namespace) in self.declarations(start)? {
            let same = namespace == self.namespace;
            if same && prefix != self.prefix {
                return Err(XmlError::SecondPrefix { namespace: namespace.chars().take(80).collect() });
            }
            foreign |= !same && prefix == self.prefix;
        }
        Ok(foreign)
    }

    /// The namespaces that an element declares, with their prefixes.
    fn declarations(&self, start: &BytesStart<'_>) -> Result<Vec<(String, String)>, XmlError> {
        let mut found = Vec::new();
        for (number, attribute) in start.attributes().enumerate() {
            if number >= ATTRIBUTES {
                return Err(XmlError::Attributes);
            }
            let attribute = attribute.map_err(|source| self.syntax(source.into()))?;
            let prefix = match attribute.key.into_inner() {
                "xmlns" => "",
                key => match key.strip_prefix("xmlns:") {
                    Some(prefix) => prefix,
                    None => continue,
                },
            };
            let namespace = attribute.normalized_value(XmlVersion::Implicit1_0);
            let namespace = namespace.map_err(|source| self.syntax(source))?;
            found.push((prefix.to_owned(), Cow::into_owned(namespace)));
        }
        Ok(found)
    }

    fn syntax(&self, source: quick_xml::Error) -> XmlError {
        XmlError::Syntax { at: self.at(), source }
    }

    fn unexpected(&self, got: &'static str, expected: &'static str) -> XmlError {
        XmlError::Unexpected { at: self.at(), got, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, XmlError> {
        let (mut xml, root) = Xml::open(text)?;
        let mut found = vec![root.name().to_owned()];
        while let Some(child) = xml.child()? {
            found.push(format!("{}={}", child.name().to_owned(), xml.text()?));
        }
        xml.close()?;
        Ok(found)
    }

    #[test]
    fn elements_of_the_namespace_are_read_under_any_prefix_and_others_are_skipped() {
        for text in [
            "<r xmlns='n'><a>1</a><x:a xmlns:x='m'><a>2</a></x:a><a xmlns='m'>3</a><b/></r>",
            "<p:r xmlns:p='n'><p:a>1</p:a><a>2</a><p:a xmlns:p='m'>3</p:a><p:b></p:b></p:r><!-- end -->",
        ] {
            assert_eq!(names(text).unwrap(), ["r", "a=1", "b="], "{text}");
        }
    }

    #[test]
    fn references_and_sections_are_resolved_in_text() {
        let text = "<?xml version='1.0' encoding='UTF-8'?><r><a> x&amp;y&#x41;<![CDATA[<&>]]><i>no</i>\r\nz </a></r>";
        assert_eq!(names(text).unwrap(), ["r", "a=x&yA<&>\nz"]);
    }

    #[test]
    fn documents_that_readers_interpret_differently_are_refused() {
        let deep = format!("<r>{}{}</r>", "<a>".repeat(DEPTH), "</a>".repeat(DEPTH));
        let attributes = (0..=ATTRIBUTES).map(|n| format!(" a{n}=''")).collect::<Vec<_>>().concat();
        let wide = format!("<r><a{attributes}/></r>");
        for bad in [
            "<!DOCTYPE r [<!ENTITY a 'b'>]><r><a>&a;</a></r>",
            "<r><a>&a;</a></r>",
            "<r><a>&#0;</a></r>",
            "<r xmlns='n'><a xmlns:x='n'/></r>",
            "<r xmlns='n' xmlns:x='n'/>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><r/>",
            "<r><a></r></a>",
            "<r><a>",
            "<r/><r/>",
            "<r/>text",
            "text<r/>",
            "<r><a b='1' b='2'/></r>",
            "<r><a b=1/></r>",
            "",
            &deep,
            &wide,
        ] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }
}

//! XML in the files of build tools: elements with the names of those around them, passed on when they end.

use plimsoll_core::xml::{self, MAX_DEPTH, Step};

/// An element that has ended.
pub(crate) struct Element<'a> {
    /// The names of the elements around it, the outermost first, its own last.
    pub(crate) path: &'a [String],
    /// Its text, without child elements.
    pub(crate) text: &'a str,
    own: &'a xml::Element,
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
        self.own.attribute(name)
    }
}

/// Passes on the elements of a document, or says why it is not one.
pub(crate) fn each(text: &str, mut take: impl FnMut(&Element<'_>)) -> Result<(), String> {
    let mut path: Vec<String> = Vec::new();
    let read = xml::read(text.as_bytes(), |step| match step {
        Step::Begins(element) => path.push(element.name.clone()),
        Step::Ends(element) => {
            take(&Element { path: &path, text: &element.text, own: element });
            path.pop();
        }
    });
    read.map_err(|error| match error {
        xml::Error::Depth => format!("has elements nested more than {MAX_DEPTH} deep"),
        error => format!("is not XML: {error}"),
    })
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

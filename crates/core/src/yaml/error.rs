//! Why a YAML document is not read.

use std::fmt;

use crate::{Classify, Kind};

/// A document that cannot be read. Messages begin with the name of the document.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A person would read the bytes differently from the machine: not UTF-8, control or bidirectional characters.
    #[error("{origin}: line {line}: {reason}")]
    Text {
        /// File name or other name of the document.
        origin: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: TextFault,
    },
    /// Not YAML, over the budget for aliases, depth or nodes, a duplicate key, or a value of the wrong type.
    #[error("{origin}{at}: {reason}", at = At { path, line: *line })]
    Syntax {
        /// File name or other name of the document.
        origin: String,
        /// Where in the document, as in `spec.vulnerabilities.block[0]`; empty for the whole.
        path: String,
        /// Line, from 1, where known.
        line: Option<u64>,
        /// The parser's message.
        reason: String,
    },
    /// A field that the format does not have.
    #[error("{origin}{at}: unknown field{near}", at = At { path, line: *line }, near = DidYouMean(*nearest))]
    UnknownField {
        /// File name or other name of the document.
        origin: String,
        /// The field with its parents.
        path: String,
        /// Line, from 1, where known.
        line: Option<u64>,
        /// The closest known name, if one is close.
        nearest: Option<&'static str>,
        /// Every name that is allowed there.
        expected: Vec<&'static str>,
    },
}

impl Error {
    /// Whether both tell the same of one document. A parser that cannot go on is stopped by the same text at each path.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Syntax { line: Some(line), reason, .. },
                Self::Syntax { line: Some(other_line), reason: other_reason, .. },
            ) if line == other_line => reason == other_reason,
            _ => self.to_string() == other.to_string(),
        }
    }
}

/// Why people and machines would read the bytes differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextFault {
    /// Not UTF-8.
    NotUtf8,
    /// A control, bidirectional or invisible character.
    Character(char),
    /// A line that starts with `...`. The parser ignores the rest; a person does not.
    DocumentEnd,
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("not valid UTF-8"),
            Self::Character(c) => write!(f, "control or invisible character U+{:04X}", u32::from(*c)),
            Self::DocumentEnd => f.write_str("document end marker `...`, expected one document"),
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownField { nearest: None, expected, .. } if !expected.is_empty() => {
                Some(format!("fields known here: {}", expected.join(", ")))
            }
            _ => None,
        }
    }
}

/// `: line 3: spec.match`, without the parts that are unknown.
struct At<'a> {
    path: &'a str,
    line: Option<u64>,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, ": line {line}")?;
        }
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

struct DidYouMean(Option<&'static str>);

impl fmt::Display for DidYouMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, ", did you mean \"{name}\"?"))
    }
}

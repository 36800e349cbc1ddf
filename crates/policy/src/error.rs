//! What can be wrong with a policy, a waiver or a deny list.
//!
//! A verdict is never an error: evidence that is missing or bad ends in an outcome of [`crate::evaluate()`]. These errors
//! say that the documents a verdict would be made from cannot be used, which is why nothing is judged with them.

use std::fmt;

use plimsoll_core::{Classify, Kind, LimitExceeded};

/// A document that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document is larger than any honest one.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The bytes are no text that a reader sees as the machine does: not UTF-8, control or bidirectional characters.
    #[error("{origin}: line {line}: {reason}")]
    Text {
        /// File name or other name of the document.
        origin: String,
        /// Line, from 1.
        line: u64,
        /// What is there.
        reason: TextFault,
    },
    /// Not YAML, over the budget for aliases, depth or nodes, a key twice, or a value of the wrong type.
    #[error("{origin}{at}: {reason}", at = At { path, line: *line })]
    Syntax {
        /// File name or other name of the document.
        origin: String,
        /// Where in the document, as in `spec.vulnerabilities.block[0]`; empty for the whole.
        path: String,
        /// Line, from 1, where known.
        line: Option<u64>,
        /// What the parser says.
        reason: String,
    },
    /// A field that the format does not have.
    #[error("{origin}{at}: unknown field{near}", at = At { path, line: *line }, near = DidYouMean(nearest.as_deref()))]
    UnknownField {
        /// File name or other name of the document.
        origin: String,
        /// The field with its parents.
        path: String,
        /// Line, from 1, where known.
        line: Option<u64>,
        /// The known name that is closest, where one is close.
        nearest: Option<&'static str>,
        /// Every name that may stand there.
        expected: Vec<&'static str>,
    },
    /// The document is well formed and says something that cannot hold.
    #[error("{origin}: {path}: {reason}")]
    Invalid {
        /// File name or other name of the document.
        origin: String,
        /// Where in the document.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A key that the policy names cannot be read or is no public key.
    #[error("{origin}: {path}: {reason}")]
    Key {
        /// File name or other name of the document.
        origin: String,
        /// Where in the document.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A waiver's bundle does not verify with any approver's key.
    #[error("{origin}: waiver is not signed by an approver of policy `{policy}`: {reason}")]
    WaiverSignature {
        /// File name or other name of the bundle.
        origin: String,
        /// The policy whose approvers were tried.
        policy: String,
        /// What the verifier says.
        reason: String,
    },
}

/// What makes bytes unfit to be read by people and machines alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextFault {
    /// Not UTF-8.
    NotUtf8,
    /// A control, bidirectional or invisible character.
    Character(char),
    /// A line that starts with `...`. The parser ignores what follows it, and a reader does not.
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
        match self {
            Self::WaiverSignature { .. } => Kind::Denied,
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownField { nearest: None, expected, .. } if !expected.is_empty() => {
                Some(format!("fields known here: {}", expected.join(", ")))
            }
            Self::UnknownField { .. } | Self::Syntax { .. } => {
                Some("the format as a JSON Schema: plimsoll policy schema".to_owned())
            }
            Self::WaiverSignature { .. } => {
                Some("an approver signs it: plimsoll waiver sign --key KEY WAIVER.yaml".to_owned())
            }
            _ => None,
        }
    }
}

/// `: line 3: spec.match`, with whatever of it is known.
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

struct DidYouMean<'a>(Option<&'a str>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, ", did you mean \"{name}\"?"))
    }
}

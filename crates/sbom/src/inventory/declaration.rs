//! How a project declares a component. In documents this is one word or two, `development direct`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a lock file or manifest declares a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Declaration {
    /// Its purpose.
    pub scope: Scope,
    /// What depends on it.
    pub requester: Requester,
}

/// The purpose of a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// To run. Also if the file does not state it.
    #[default]
    Runtime,
    /// Only to develop, build or test.
    Development,
}

/// What depends on a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requester {
    /// The project itself.
    Direct,
    /// Only other components.
    Transitive,
    /// The file does not state it.
    #[default]
    Unknown,
}

impl Declaration {
    /// Whether it is needed only to develop, build or test.
    pub fn is_for_development(self) -> bool {
        self.scope == Scope::Development
    }
}

impl fmt::Display for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            Scope::Runtime => "runtime",
            Scope::Development => "development",
        })?;
        f.write_str(match self.requester {
            Requester::Direct => " direct",
            Requester::Transitive => " transitive",
            Requester::Unknown => "",
        })
    }
}

/// Text that is not a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a declaration")]
pub struct InvalidDeclaration;

impl FromStr for Declaration {
    type Err = InvalidDeclaration;

    fn from_str(text: &str) -> Result<Self, InvalidDeclaration> {
        let (scope, requester) = text.split_once(' ').map_or((text, None), |(scope, by)| (scope, Some(by)));
        Ok(Self {
            scope: match scope {
                "runtime" => Scope::Runtime,
                "development" => Scope::Development,
                _ => return Err(InvalidDeclaration),
            },
            requester: match requester {
                None => Requester::Unknown,
                Some("direct") => Requester::Direct,
                Some("transitive") => Requester::Transitive,
                Some(_) => return Err(InvalidDeclaration),
            },
        })
    }
}

impl From<Declaration> for String {
    fn from(declaration: Declaration) -> Self {
        declaration.to_string()
    }
}

impl TryFrom<String> for Declaration {
    type Error = InvalidDeclaration;

    fn try_from(text: String) -> Result<Self, InvalidDeclaration> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_declaration_is_read_again_and_other_text_is_not() {
        for scope in [Scope::Runtime, Scope::Development] {
            for requester in [Requester::Direct, Requester::Transitive, Requester::Unknown] {
                let declaration = Declaration { scope, requester };
                assert_eq!(declaration.to_string().parse(), Ok(declaration));
            }
        }
        for text in ["", "runtime ", "test", "development indirect", "Runtime"] {
            assert_eq!(text.parse::<Declaration>(), Err(InvalidDeclaration), "{text}");
        }
    }
}

//! Expressions in CEL, the Common Expression Language, by which policies ask questions of their own.
//!
//! ```text
//! evidence.findings.all(f, f.severity != "critical" || f.fixedIn.size() == 0)
//! ```
//!
//! Owns reading and evaluating. An expression is read once, with its patterns compiled, and evaluated over a JSON document without
//! copying it. It knows nothing but that document: there is no clock, no file, no network, and no function that could reach one.
//!
//! Every evaluation ends: each step costs, and so does each byte and each entry that a step reads, copies or compares. When
//! [`MOST_STEPS`] are used, it stops, and its result is an error that no operator of the language hides. The number of steps
//! depends on the expression and the document alone, not on the machine, so that the same inputs give the same verdict everywhere.
//! That is why this evaluator is our own: those that exist stop by the clock, or not at all.
//!
//! The language follows the specification of CEL (cel-spec, "Language Definition"), as far as it goes:
//!
//! - literals (no bytes), lists, maps, selection, `has`, indexes, `in`, arithmetic, comparisons, `&&`, `||`, `!`, `?:`;
//! - the macros `all`, `exists`, `exists_one`, `map` and `filter`;
//! - `size`, `contains`, `startsWith`, `endsWith`, `matches` with a literal pattern, `int`, `uint`, `double`, `string`,
//!   `timestamp`, `duration`.
//!
//! Anything else is refused when it is read. A field that is missing is an error when it is selected, never `false`.

mod evaluate;
mod parse;
mod syntax;
mod token;
mod value;

use serde_json::Value;

use self::syntax::Node;

/// The longest text of an expression: longer ones are programs.
pub(crate) const MOST_BYTES: usize = 4096;

/// How deep expressions may be nested. Each level is a few frames of the stack, in reading and in evaluating.
pub(crate) const MOST_DEPTH: usize = 64;

/// The steps of one evaluation: some milliseconds. An expression over ten thousand findings uses about a tenth.
pub(crate) const MOST_STEPS: u64 = 400_000;

/// The only variable: the document.
pub(crate) const VARIABLE: &str = "evidence";

/// An expression that can be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    text: String,
    root: Node,
}

/// Why an expression has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It used all of its steps.
    #[error("stopped after {MOST_STEPS} steps")]
    Stopped,
    /// It asked for something that is not there, or is of another kind.
    #[error("{0}")]
    Wrong(String),
}

impl Expression {
    /// Reads an expression, or says what is wrong with it and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("got {} bytes, expected at most {MOST_BYTES}", text.len()));
        }
        Ok(Self { text: text.to_owned(), root: parse::parse(text)? })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is true of `document`.
    pub(crate) fn is_true_of(&self, document: &Value) -> Result<bool, Fault> {
        evaluate::truth(&self.root, document, MOST_STEPS)
    }
}

#[cfg(test)]
mod tests;

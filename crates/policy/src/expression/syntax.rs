//! The tree of an expression.

use regex_lite::Regex;

/// One node. Its depth is bounded, so recursion over it is.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Literal(Literal),
    /// A variable, by its position from the outermost: 0 is the document.
    Variable(usize),
    Select {
        of: Box<Node>,
        field: String,
    },
    /// `has(of.field)`.
    Has {
        of: Box<Node>,
        field: String,
    },
    Index(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// One that is false is enough for false, whatever the others are.
    All(Vec<Node>),
    /// One that is true is enough for true, whatever the others are.
    Any(Vec<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Pattern),
    Loop(Box<Loop>),
}

/// A compiled pattern, which may match anywhere in a text.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// The steps for each byte of the text.
    pub(super) cost: u64,
}

/// A macro over the entries of a list, or the keys of a map.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Node,
    /// Of `map` with three arguments.
    pub(super) only_if: Option<Node>,
    pub(super) body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

#[derive(Debug, Clone)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Int,
    Uint,
    Double,
    Text,
    Timestamp,
    Duration,
}

impl Function {
    /// The function of this name, and how many arguments it has, of which the first may be what it is called on.
    pub(super) fn find(name: &str) -> Option<(Self, usize)> {
        Some(match name {
            "size" => (Self::Size, 1),
            "contains" => (Self::Contains, 2),
            "startsWith" => (Self::StartsWith, 2),
            "endsWith" => (Self::EndsWith, 2),
            "int" => (Self::Int, 1),
            "uint" => (Self::Uint, 1),
            "double" => (Self::Double, 1),
            "string" => (Self::Text, 1),
            "timestamp" => (Self::Timestamp, 1),
            "duration" => (Self::Duration, 1),
            _ => return None,
        })
    }

    /// Whether it is called on its first argument: `text.contains(part)`.
    pub(super) fn is_method(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }
}

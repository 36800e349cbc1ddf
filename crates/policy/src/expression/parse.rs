//! From tokens to a tree.
//!
//! Follows the grammar of cel-spec, "Syntax". Names are resolved here, so that a misspelt variable or function is found when a
//! policy is read. Macros become loops. Depth is counted wherever the parser or the tree grows by a level.

use plimsoll_core::nearest::nearest;
use regex_lite::RegexBuilder;

use super::syntax::{Function, Literal, Loop, LoopKind, Node, Operator, Pattern};
use super::token::{Kind, Token, Wrong, tokens};
use super::{MOST_DEPTH, VARIABLE};

/// How large patterns may be when they are compiled, and how many steps a byte of text costs then: each byte is compared with each
/// state of the pattern, whatever is found.
const PATTERNS: &[(usize, u64)] = &[(4 << 10, 1), (16 << 10, 4), (64 << 10, 16)];

/// Comprehensions in comprehensions: more are no longer readable, and cost their product.
const MOST_LOOPS: usize = 4;

const MACROS: &[(&str, LoopKind)] = &[
    ("all", LoopKind::All),
    ("exists", LoopKind::Exists),
    ("exists_one", LoopKind::ExistsOne),
    ("filter", LoopKind::Filter),
    ("map", LoopKind::Map),
];

const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "timestamp",
    "duration",
];

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let read = || -> Result<Node, Wrong> {
        let mut parser =
            Parser { tokens: tokens(text)?, next: 0, depth: 0, scopes: vec![VARIABLE.to_owned()] };
        let root = parser.conditional()?;
        match parser.kind() {
            Kind::End => Ok(root.node),
            _ => Err(parser.wrong("expected the end of the expression")),
        }
    };
    read().map_err(|(at, wrong)| {
        format!("character {}: {wrong}", text.get(..at).unwrap_or(text).chars().count() + 1)
    })
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// How deep the parser is.
    depth: usize,
    /// The variables, the innermost last.
    scopes: Vec<String>,
}

/// A node, and how deep it is.
struct Part {
    node: Node,
    depth: usize,
}

impl Parser {
    fn kind(&self) -> &Kind {
        self.tokens.get(self.next).map_or(&Kind::End, |token| &token.kind)
    }

    fn wrong(&self, what: impl Into<String>) -> Wrong {
        let last = self.tokens.last().map_or(0, |token| token.at);
        (self.tokens.get(self.next).map_or(last, |token| token.at), what.into())
    }

    fn accept(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.kind(), Kind::Sign(it) if *it == sign);
        self.next += usize::from(is_it);
        is_it
    }

    fn accept_one(&mut self, signs: &[(&'static str, Operator)]) -> Option<Operator> {
        signs.iter().find(|(sign, _)| self.accept(sign)).map(|(_, operator)| *operator)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Wrong> {
        if self.accept(sign) { Ok(()) } else { Err(self.wrong(format!("expected `{sign}`"))) }
    }

    /// A node one level above these depths.
    fn above(&self, node: Node, depths: &[usize]) -> Result<Part, Wrong> {
        let depth = depths.iter().max().unwrap_or(&0) + 1;
        if depth > MOST_DEPTH {
            return Err(self.wrong(format!("nested deeper than {MOST_DEPTH}")));
        }
        Ok(Part { node, depth })
    }

    /// `condition ? yes : no`. Every nesting passes here.
    fn conditional(&mut self) -> Result<Part, Wrong> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.wrong(format!("nested deeper than {MOST_DEPTH}")));
        }
        let condition = self.either()?;
        let part = if self.accept("?") {
            let yes = self.either()?;
            self.expect(":")?;
            let no = self.conditional()?;
            let depths = [condition.depth, yes.depth, no.depth];
            let node = Node::Conditional(Box::new(condition.node), Box::new(yes.node), Box::new(no.node));
            self.above(node, &depths)?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(part)
    }

    fn either(&mut self) -> Result<Part, Wrong> {
        let first = self.both()?;
        self.several(first, "||", Self::both, Node::Any)
    }

    fn both(&mut self) -> Result<Part, Wrong> {
        let first = self.relation()?;
        self.several(first, "&&", Self::relation, Node::All)
    }

    /// Any number of operands with the same operator are one level.
    fn several(
        &mut self,
        first: Part,
        sign: &str,
        operand: fn(&mut Self) -> Result<Part, Wrong>,
        node: fn(Vec<Node>) -> Node,
    ) -> Result<Part, Wrong> {
        let (mut nodes, mut depths) = (vec![first.node], vec![first.depth]);
        while self.accept(sign) {
            let next = operand(self)?;
            nodes.push(next.node);
            depths.push(next.depth);
        }
        match nodes.len() {
            1 => Ok(Part { node: nodes.remove(0), depth: first.depth }),
            _ => self.above(node(nodes), &depths),
        }
    }

    fn relation(&mut self) -> Result<Part, Wrong> {
        const SIGNS: &[(&str, Operator)] = &[
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let mut left = self.sum()?;
        loop {
            let operator = if matches!(self.kind(), Kind::Name(name) if name == "in") {
                self.next += 1;
                Operator::In
            } else if let Some(operator) = self.accept_one(SIGNS) {
                operator
            } else {
                return Ok(left);
            };
            let right = self.sum()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn sum(&mut self) -> Result<Part, Wrong> {
        let mut left = self.product()?;
        while let Some(operator) = self.accept_one(&[("+", Operator::Add), ("-", Operator::Subtract)]) {
            let right = self.product()?;
            left = self.binary(operator, left, right)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Part, Wrong> {
        const SIGNS: &[(&str, Operator)] =
            &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Modulo)];
        let mut left = self.unary()?;
        while let Some(operator) = self.accept_one(SIGNS) {
            let right = self.unary()?;
            left = self.binary(operator, left, right)?;
        }
        Ok(left)
    }

    fn binary(&self, operator: Operator, left: Part, right: Part) -> Result<Part, Wrong> {
        let depths = [left.depth, right.depth];
        self.above(Node::Binary(operator, Box::new(left.node), Box::new(right.node)), &depths)
    }

    fn unary(&mut self) -> Result<Part, Wrong> {
        for (sign, node) in [("!", Node::Not as fn(Box<Node>) -> Node), ("-", Node::Negate)] {
            if self.accept(sign) {
                self.depth += 1;
                if self.depth > MOST_DEPTH {
                    return Err(self.wrong(format!("nested deeper than {MOST_DEPTH}")));
                }
                let of = self.unary()?;
                self.depth -= 1;
                return self.above(node(Box::new(of.node)), &[of.depth]);
            }
        }
        self.member()
    }

    fn member(&mut self) -> Result<Part, Wrong> {
        let mut part = self.primary()?;
        loop {
            if self.accept(".") {
                let name = self.name()?;
                part = if self.accept("(") {
                    self.method(part, &name)?
                } else {
                    let depth = part.depth;
                    self.above(Node::Select { of: Box::new(part.node), field: name }, &[depth])?
                };
            } else if self.accept("[") {
                let at = self.conditional()?;
                self.expect("]")?;
                let depths = [part.depth, at.depth];
                part = self.above(Node::Index(Box::new(part.node), Box::new(at.node)), &depths)?;
            } else {
                return Ok(part);
            }
        }
    }

    fn name(&mut self) -> Result<String, Wrong> {
        match self.kind() {
            Kind::Name(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.wrong("expected a name")),
        }
    }

    fn primary(&mut self) -> Result<Part, Wrong> {
        match self.kind().clone() {
            Kind::Literal(literal) => {
                self.next += 1;
                Ok(Part { node: Node::Literal(literal), depth: 1 })
            }
            Kind::Sign("(") => {
                self.next += 1;
                let inner = self.conditional()?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Sign("[") => {
                self.next += 1;
                let (nodes, depths) = self.list("]")?;
                self.above(Node::List(nodes), &depths)
            }
            Kind::Sign("{") => {
                self.next += 1;
                self.map()
            }
            Kind::Name(name) => {
                let start = self.next;
                self.next += 1;
                if self.accept("(") { self.function(&name, start) } else { self.variable(&name, start) }
            }
            _ => Err(self.wrong("expected a value")),
        }
    }

    fn variable(&mut self, name: &str, start: usize) -> Result<Part, Wrong> {
        if let Some(position) = self.scopes.iter().rposition(|known| known == name) {
            return Ok(Part { node: Node::Variable(position), depth: 1 });
        }
        self.next = start;
        Err(self.wrong(format!("unknown variable {name}, expected {}", self.scopes.join(", "))))
    }

    /// The values up to a closing bracket. A comma may follow the last.
    fn list(&mut self, closing: &str) -> Result<(Vec<Node>, Vec<usize>), Wrong> {
        let (mut nodes, mut depths) = (Vec::new(), Vec::new());
        while !self.accept(closing) {
            if !nodes.is_empty() {
                self.expect(",")?;
                if self.accept(closing) {
                    break;
                }
            }
            let part = self.conditional()?;
            nodes.push(part.node);
            depths.push(part.depth);
        }
        Ok((nodes, depths))
    }

    fn map(&mut self) -> Result<Part, Wrong> {
        let (mut entries, mut depths) = (Vec::new(), Vec::new());
        while !self.accept("}") {
            if !entries.is_empty() {
                self.expect(",")?;
                if self.accept("}") {
                    break;
                }
            }
            let key = self.conditional()?;
            self.expect(":")?;
            let value = self.conditional()?;
            depths.extend([key.depth, value.depth]);
            entries.push((key.node, value.node));
        }
        self.above(Node::Map(entries), &depths)
    }

    /// `name(` was read.
    fn function(&mut self, name: &str, start: usize) -> Result<Part, Wrong> {
        if name == "has" {
            let field = self.conditional()?;
            self.expect(")")?;
            let Node::Select { of, field: name } = field.node else {
                self.next = start;
                return Err(self.wrong("expected has(VALUE.FIELD)"));
            };
            return Ok(Part { node: Node::Has { of, field: name }, depth: field.depth });
        }
        let (arguments, depths) = self.list(")")?;
        self.call(name, arguments, &depths, start, false)
    }

    /// `of.name(` was read.
    fn method(&mut self, of: Part, name: &str) -> Result<Part, Wrong> {
        let start = self.next;
        if let Some((_, kind)) = MACROS.iter().find(|(known, _)| *known == name) {
            return self.macro_over(of, *kind);
        }
        let (arguments, mut depths) = self.list(")")?;
        depths.push(of.depth);
        let all = [of.node].into_iter().chain(arguments).collect();
        self.call(name, all, &depths, start, true)
    }

    fn call(
        &mut self,
        name: &str,
        arguments: Vec<Node>,
        depths: &[usize],
        start: usize,
        is_method: bool,
    ) -> Result<Part, Wrong> {
        let count = arguments.len();
        if name == "matches" {
            let mut arguments = arguments.into_iter();
            let (Some(text), Some(Node::Literal(Literal::Text(pattern))), None) =
                (arguments.next(), arguments.next(), arguments.next())
            else {
                self.next = start;
                return Err(self.wrong("expected TEXT.matches(\"PATTERN\"), with the pattern as a literal"));
            };
            let pattern = compile(&pattern).map_err(|wrong| self.wrong(wrong))?;
            return self.above(Node::Matches(Box::new(text), pattern), depths);
        }
        let Some((function, wanted)) = Function::find(name) else {
            self.next = start;
            let near = nearest(name, FUNCTIONS.iter().copied());
            let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            return Err(self.wrong(format!("unknown function {name}{hint}")));
        };
        // `size(x)` and `x.size()` are the same; conversions are only functions, and tests of texts only methods.
        let form = if function == Function::Size { true } else { function.is_method() == is_method };
        if !form || count != wanted {
            self.next = start;
            return Err(self.wrong(format!("wrong arguments of {name}")));
        }
        self.above(Node::Call(function, arguments), depths)
    }

    /// `of.all(` was read. The variable counts only inside.
    fn macro_over(&mut self, of: Part, kind: LoopKind) -> Result<Part, Wrong> {
        if self.scopes.len() > MOST_LOOPS {
            return Err(self.wrong(format!("more than {MOST_LOOPS} loops inside each other")));
        }
        let name = self.name()?;
        if name == VARIABLE {
            return Err(self.wrong(format!("{VARIABLE} is the document, expected another name")));
        }
        self.expect(",")?;
        self.scopes.push(name);
        let first = self.conditional()?;
        let second = if kind == LoopKind::Map && self.accept(",") { Some(self.conditional()?) } else { None };
        self.scopes.pop();
        self.expect(")")?;
        let mut depths = vec![of.depth, first.depth];
        let (only_if, body) = match second {
            Some(second) => {
                depths.push(second.depth);
                (Some(first.node), second.node)
            }
            None => (None, first.node),
        };
        self.above(Node::Loop(Box::new(Loop { kind, range: of.node, only_if, body })), &depths)
    }
}

/// The pattern, with the least of the costs that its size allows.
fn compile(written: &str) -> Result<Pattern, String> {
    let mut wrong = String::new();
    for (bytes, cost) in PATTERNS {
        match RegexBuilder::new(written).size_limit(*bytes).nest_limit(32).build() {
            Ok(regex) => return Ok(Pattern { regex, cost: *cost }),
            Err(error) => wrong = format!("the pattern cannot be used: {error}"),
        }
    }
    Err(wrong)
}

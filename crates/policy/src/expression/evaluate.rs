//! Evaluating a tree over a document, step by step.

use std::cmp::Ordering;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Fault;
use super::syntax::{Function, Loop, LoopKind, Node, Operator};
use super::value::Val;

/// The steps that are left.
pub(super) struct Steps(u64);

impl Steps {
    pub(super) fn take(&mut self, number: u64) -> Result<(), Fault> {
        if let Some(left) = self.0.checked_sub(number) {
            self.0 = left;
            return Ok(());
        }
        self.0 = 0;
        Err(Fault::Stopped)
    }

    /// Reading or copying bytes is faster than other steps.
    pub(super) fn take_bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.take(bytes as u64 / 16)
    }
}

/// Whether the tree is true of `document`.
pub(super) fn truth(root: &Node, document: &Value, steps: u64) -> Result<bool, Fault> {
    let mut evaluation = Evaluation { variables: vec![Val::of(document)], steps: Steps(steps) };
    match evaluation.value(root)? {
        Val::Bool(truth) => Ok(truth),
        other => Err(Fault::Wrong(format!("the result is {}, expected a boolean", other.kind()))),
    }
}

struct Evaluation<'a> {
    /// The outermost first.
    variables: Vec<Val<'a>>,
    steps: Steps,
}

type Outcome<'a> = Result<Val<'a>, Fault>;

fn wrong<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(what.into()))
}

impl<'a> Evaluation<'a> {
    fn value(&mut self, node: &'a Node) -> Outcome<'a> {
        self.steps.take(1)?;
        match node {
            Node::Literal(literal) => Ok(Val::literal(literal)),
            Node::Variable(position) => match self.variables.get(*position) {
                Some(value) => Ok(value.clone()),
                None => wrong("a variable has no value"),
            },
            Node::Select { of, field } => {
                let of = self.value(of)?;
                match self.named(&of, field)? {
                    Some(value) => Ok(value),
                    None => wrong(format!("there is no {field}")),
                }
            }
            Node::Has { of, field } => {
                let of = self.value(of)?;
                Ok(Val::Bool(self.named(&of, field)?.is_some()))
            }
            Node::Index(of, at) => {
                let (of, at) = (self.value(of)?, self.value(at)?);
                self.index(&of, &at)
            }
            Node::List(nodes) => {
                let values = nodes.iter().map(|node| self.value(node)).collect::<Result<_, _>>()?;
                Ok(Val::List(Rc::new(values)))
            }
            Node::Map(entries) => self.map(entries),
            Node::Not(of) => {
                let truth = self.truth(of)?;
                Ok(Val::Bool(!truth))
            }
            Node::Negate(of) => match self.value(of)? {
                Val::Int(number) => number.checked_neg().map(Val::Int).ok_or_else(overflow),
                Val::Double(number) => Ok(Val::Double(-number)),
                other => wrong(format!("{} has no negative", other.kind())),
            },
            Node::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.binary(*operator, &left, &right)
            }
            Node::All(nodes) => self.any_is(false, nodes),
            Node::Any(nodes) => self.any_is(true, nodes),
            Node::Conditional(condition, yes, no) => {
                let chosen = if self.truth(condition)? { yes } else { no };
                self.value(chosen)
            }
            Node::Call(function, arguments) => self.call(*function, arguments),
            Node::Matches(text, pattern) => match self.value(text)? {
                Val::Text(text) => {
                    let text = text.as_str();
                    self.steps.take(pattern.cost * (text.len() as u64 + 1))?;
                    Ok(Val::Bool(pattern.regex.is_match(text)))
                }
                other => wrong(format!("got {}, expected a text to match", other.kind())),
            },
            Node::Loop(over) => self.each(over),
        }
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Fault> {
        match self.value(node)? {
            Val::Bool(truth) => Ok(truth),
            other => wrong(format!("got {}, expected a boolean", other.kind())),
        }
    }

    fn named(&mut self, of: &Val<'a>, field: &str) -> Result<Option<Val<'a>>, Fault> {
        match of {
            Val::Object(map) => Ok(map.get(field).map(Val::of)),
            Val::Map(_) => of.field(&Val::made(field), &mut self.steps),
            other => wrong(format!("{} has no fields, such as {field}", other.kind())),
        }
    }

    fn index(&mut self, of: &Val<'a>, at: &Val<'a>) -> Outcome<'a> {
        let found = if of.is_list() {
            let position = match at {
                Val::Int(at) => usize::try_from(*at).ok(),
                Val::Uint(at) => usize::try_from(*at).ok(),
                other => return wrong(format!("got {}, expected the number of an entry", other.kind())),
            };
            position.and_then(|position| of.entry(position))
        } else {
            of.field(at, &mut self.steps)?
        };
        match found {
            Some(value) => Ok(value),
            None => wrong(format!("{} has no such entry", of.kind())),
        }
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Outcome<'a> {
        let mut values: Vec<(Val<'a>, Val<'a>)> = Vec::new();
        for (key, value) in entries {
            let key = self.value(key)?;
            if !matches!(key, Val::Bool(_) | Val::Int(_) | Val::Uint(_) | Val::Text(_)) {
                return wrong(format!("{} cannot be a key", key.kind()));
            }
            for (known, _) in &values {
                if known.equals(&key, &mut self.steps)? {
                    return wrong("a key occurs twice");
                }
            }
            let value = self.value(value)?;
            values.push((key, value));
        }
        Ok(Val::Map(Rc::new(values)))
    }

    /// Whether one of them is `wanted`: then that is the result, and otherwise its opposite. An error counts only if none is.
    fn any_is(&mut self, wanted: bool, nodes: &'a [Node]) -> Outcome<'a> {
        let mut first: Option<Fault> = None;
        for node in nodes {
            match self.truth(node) {
                Ok(truth) if truth == wanted => return Ok(Val::Bool(wanted)),
                Ok(_) => {}
                Err(Fault::Stopped) => return Err(Fault::Stopped),
                Err(fault) => {
                    first.get_or_insert(fault);
                }
            }
        }
        first.map_or(Ok(Val::Bool(!wanted)), Err)
    }

    fn each(&mut self, over: &'a Loop) -> Outcome<'a> {
        let range = self.value(&over.range)?;
        let Some(visited) = range.visited(&mut self.steps)? else {
            return wrong(format!("got {}, expected a list or an object", range.kind()));
        };
        let (mut kept, mut first, mut count) = (Vec::new(), None::<Fault>, 0_usize);
        for value in visited.iter() {
            self.steps.take(1)?;
            self.variables.push(value.clone());
            let result = self.turn(over);
            self.variables.pop();
            match (over.kind, result) {
                (_, Err(Fault::Stopped)) => return Err(Fault::Stopped),
                (LoopKind::All, Ok(Some(Val::Bool(false)))) => return Ok(Val::Bool(false)),
                (LoopKind::Exists, Ok(Some(Val::Bool(true)))) => return Ok(Val::Bool(true)),
                (LoopKind::All | LoopKind::Exists, Err(fault)) => {
                    first.get_or_insert(fault);
                }
                (_, Err(fault)) => return Err(fault),
                (LoopKind::ExistsOne, Ok(Some(Val::Bool(true)))) => count += 1,
                (LoopKind::Filter, Ok(Some(Val::Bool(true)))) => kept.push(value.clone()),
                (LoopKind::Map, Ok(Some(value))) => kept.push(value),
                (_, Ok(_)) => {}
            }
        }
        if let Some(fault) = first {
            return Err(fault);
        }
        Ok(match over.kind {
            LoopKind::All => Val::Bool(true),
            LoopKind::Exists => Val::Bool(false),
            LoopKind::ExistsOne => Val::Bool(count == 1),
            LoopKind::Filter | LoopKind::Map => Val::List(Rc::new(kept)),
        })
    }

    /// The result for one entry; nothing if it is left out.
    fn turn(&mut self, over: &'a Loop) -> Result<Option<Val<'a>>, Fault> {
        if let Some(only_if) = &over.only_if
            && !self.truth(only_if)?
        {
            return Ok(None);
        }
        let result = self.value(&over.body)?;
        match (over.kind, &result) {
            (LoopKind::Map, _) | (_, Val::Bool(_)) => Ok(Some(result)),
            (_, other) => wrong(format!("got {}, expected a boolean", other.kind())),
        }
    }

    fn binary(&mut self, operator: Operator, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
        use Operator::{Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, NotEqual};
        let truth = match operator {
            Equal => left.equals(right, &mut self.steps)?,
            NotEqual => !left.equals(right, &mut self.steps)?,
            In => return self.contains(right, left),
            Less | LessOrEqual | Greater | GreaterOrEqual => {
                let Some(order) = left.compare(right, &mut self.steps)? else {
                    return wrong(format!("{} and {} have no order", left.kind(), right.kind()));
                };
                match operator {
                    Less => order == Ordering::Less,
                    LessOrEqual => order != Ordering::Greater,
                    Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }
            }
            _ => return self.arithmetic(operator, left, right),
        };
        Ok(Val::Bool(truth))
    }

    fn contains(&mut self, whole: &Val<'a>, part: &Val<'a>) -> Outcome<'a> {
        if !whole.is_list() {
            return match whole {
                Val::Map(_) | Val::Object(_) => Ok(Val::Bool(whole.field(part, &mut self.steps)?.is_some())),
                other => wrong(format!("got {}, expected a list or an object after `in`", other.kind())),
            };
        }
        let mut index = 0;
        while let Some(entry) = whole.entry(index) {
            if entry.equals(part, &mut self.steps)? {
                return Ok(Val::Bool(true));
            }
            index += 1;
        }
        Ok(Val::Bool(false))
    }

    fn arithmetic(&mut self, operator: Operator, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
        use Operator::{Add, Divide, Modulo, Multiply, Subtract};
        let result = match (left, right) {
            (Val::Int(one), Val::Int(other)) => {
                if *other == 0 && matches!(operator, Divide | Modulo) {
                    return wrong("divided by zero");
                }
                let result = match operator {
                    Add => one.checked_add(*other),
                    Subtract => one.checked_sub(*other),
                    Multiply => one.checked_mul(*other),
                    Divide => one.checked_div(*other),
                    _ => one.checked_rem(*other),
                };
                result.map(Val::Int)
            }
            (Val::Uint(one), Val::Uint(other)) => {
                if *other == 0 && matches!(operator, Divide | Modulo) {
                    return wrong("divided by zero");
                }
                let result = match operator {
                    Add => one.checked_add(*other),
                    Subtract => one.checked_sub(*other),
                    Multiply => one.checked_mul(*other),
                    Divide => one.checked_div(*other),
                    _ => one.checked_rem(*other),
                };
                result.map(Val::Uint)
            }
            (Val::Double(one), Val::Double(other)) => match operator {
                Add => Some(Val::Double(one + other)),
                Subtract => Some(Val::Double(one - other)),
                Multiply => Some(Val::Double(one * other)),
                Divide => Some(Val::Double(one / other)),
                _ => return wrong("a remainder needs whole numbers"),
            },
            (Val::Text(one), Val::Text(other)) if operator == Add => {
                let (one, other) = (one.as_str(), other.as_str());
                self.steps.take_bytes(one.len() + other.len())?;
                Some(Val::made(&[one, other].concat()))
            }
            (one, other) if operator == Add && one.is_list() && other.is_list() => {
                let (one, other) = (one.visited(&mut self.steps)?, other.visited(&mut self.steps)?);
                let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
                self.steps.take((one.len() + other.len()) as u64)?;
                Some(Val::List(Rc::new(one.iter().chain(other.iter()).cloned().collect())))
            }
            (Val::Time(one), Val::Time(other)) if operator == Subtract => {
                Some(Val::Span(one.duration_since(*other)))
            }
            (Val::Time(time), Val::Span(span)) if matches!(operator, Add | Subtract) => {
                let moved = if operator == Add { time.checked_add(*span) } else { time.checked_sub(*span) };
                moved.ok().map(Val::Time)
            }
            (Val::Span(span), Val::Time(time)) if operator == Add => {
                time.checked_add(*span).ok().map(Val::Time)
            }
            (Val::Span(one), Val::Span(other)) if matches!(operator, Add | Subtract) => {
                if operator == Add { one.checked_add(*other) } else { one.checked_sub(*other) }.map(Val::Span)
            }
            (one, other) => {
                return wrong(format!("{} and {} cannot be combined so", one.kind(), other.kind()));
            }
        };
        result.ok_or_else(overflow)
    }

    fn call(&mut self, function: Function, arguments: &'a [Node]) -> Outcome<'a> {
        let mut values = arguments.iter();
        let mut next = |it: &mut Self| match values.next() {
            Some(node) => it.value(node),
            None => wrong("an argument is missing"),
        };
        let first = next(self)?;
        match function {
            Function::Size => match first.size(&mut self.steps)? {
                Some(size) => i64::try_from(size).map(Val::Int).map_err(|_| overflow()),
                None => wrong(format!("{} has no size", first.kind())),
            },
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                let second = next(self)?;
                let (Val::Text(text), Val::Text(part)) = (&first, &second) else {
                    return wrong(format!("got {} and {}, expected two texts", first.kind(), second.kind()));
                };
                let (text, part) = (text.as_str(), part.as_str());
                self.steps.take_bytes(text.len() + part.len())?;
                Ok(Val::Bool(match function {
                    Function::Contains => text.contains(part),
                    Function::StartsWith => text.starts_with(part),
                    _ => text.ends_with(part),
                }))
            }
            _ => self.converted(function, &first),
        }
    }

    fn converted(&mut self, function: Function, value: &Val<'a>) -> Outcome<'a> {
        if let Val::Text(text) = value {
            self.steps.take_bytes(text.as_str().len())?;
        }
        let text = match value {
            Val::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let converted = match (function, value) {
            (Function::Int, Val::Int(_))
            | (Function::Uint, Val::Uint(_))
            | (Function::Double, Val::Double(_))
            | (Function::Text, Val::Text(_))
            | (Function::Timestamp, Val::Time(_))
            | (Function::Duration, Val::Span(_)) => Some(value.clone()),
            (Function::Int, Val::Uint(number)) => i64::try_from(*number).ok().map(Val::Int),
            (Function::Int, Val::Double(number)) => {
                whole(*number).and_then(|it| i64::try_from(it).ok()).map(Val::Int)
            }
            (Function::Int, Val::Time(time)) => Some(Val::Int(time.as_second())),
            (Function::Int, _) => text.and_then(|text| text.parse().ok()).map(Val::Int),
            (Function::Uint, Val::Int(number)) => u64::try_from(*number).ok().map(Val::Uint),
            (Function::Uint, Val::Double(number)) => {
                whole(*number).and_then(|it| u64::try_from(it).ok()).map(Val::Uint)
            }
            (Function::Uint, _) => text.and_then(|text| text.parse().ok()).map(Val::Uint),
            #[expect(clippy::cast_precision_loss, reason = "that is what the conversion does")]
            (Function::Double, Val::Int(number)) => Some(Val::Double(*number as f64)),
            #[expect(clippy::cast_precision_loss, reason = "that is what the conversion does")]
            (Function::Double, Val::Uint(number)) => Some(Val::Double(*number as f64)),
            (Function::Double, _) => text.and_then(|text| text.parse().ok()).map(Val::Double),
            (Function::Text, Val::Bool(it)) => Some(Val::made(&it.to_string())),
            (Function::Text, Val::Int(it)) => Some(Val::made(&it.to_string())),
            (Function::Text, Val::Uint(it)) => Some(Val::made(&it.to_string())),
            (Function::Text, Val::Double(it)) => Some(Val::made(&it.to_string())),
            (Function::Text, Val::Time(it)) => Some(Val::made(&it.to_string())),
            (Function::Timestamp, Val::Int(second)) => Timestamp::from_second(*second).ok().map(Val::Time),
            (Function::Timestamp, _) => text.and_then(|text| text.parse().ok()).map(Val::Time),
            (Function::Duration, _) => text.and_then(duration).map(Val::Span),
            _ => None,
        };
        converted.map_or_else(|| wrong(format!("{} cannot be converted so", value.kind())), Ok)
    }
}

fn overflow() -> Fault {
    Fault::Wrong("the result is out of range".to_owned())
}

/// A number without its fraction.
fn whole(number: f64) -> Option<i128> {
    #[expect(clippy::cast_possible_truncation, reason = "the range was compared")]
    let cut = (number.is_finite() && number.abs() < 1e20).then_some(number.trunc() as i128);
    cut
}

/// `1h30m`, `-90s`, `1.5h`: numbers with units, as CEL has them from Go.
fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let units = [("ns", 1_i128), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
        let units = units.into_iter().chain([("m", 60_000_000_000), ("h", 3_600_000_000_000)]);
        let (name, unit) = units.into_iter().find(|(name, _)| {
            after.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        })?;
        let (int, fraction) = number.split_once('.').unwrap_or((number, ""));
        let int: i128 = if int.is_empty() { 0 } else { int.parse().ok()? };
        let fraction = fraction.get(..fraction.len().min(9))?;
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let nanoseconds = int.checked_mul(unit)?.checked_add(part.checked_mul(unit)? / scale)?;
        let seconds = i64::try_from(nanoseconds / 1_000_000_000).ok()?;
        let below = i32::try_from(nanoseconds % 1_000_000_000).ok()?;
        total = total.checked_add(SignedDuration::new(seconds, below))?;
        rest = after.get(name.len()..)?;
    }
    if negative { SignedDuration::ZERO.checked_sub(total) } else { Some(total) }
}

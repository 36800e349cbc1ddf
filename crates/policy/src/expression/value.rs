//! Values of an evaluation: of the document, which are not copied, and of the expression.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::Fault;
use super::evaluate::Steps;
use super::syntax::Literal;

/// A value. Copies are cheap: they share what is large.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Text<'a>),
    List(Rc<Vec<Val<'a>>>),
    Array(&'a [Value]),
    Map(Rc<Vec<(Val<'a>, Val<'a>)>>),
    Object(&'a Map<String, Value>),
    Time(Timestamp),
    Span(SignedDuration),
}

#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> Val<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(it) => Self::Bool(*it),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(it), _) => Self::Int(it),
                (None, Some(it)) => Self::Uint(it),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Self::Text(Text::Borrowed(text)),
            Value::Array(list) => Self::Array(list),
            Value::Object(map) => Self::Object(map),
        }
    }

    pub(super) fn literal(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(it) => Self::Bool(*it),
            Literal::Int(it) => Self::Int(*it),
            Literal::Uint(it) => Self::Uint(*it),
            Literal::Double(it) => Self::Double(*it),
            Literal::Text(text) => Self::Text(Text::Borrowed(text)),
        }
    }

    pub(super) fn made(text: &str) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Uint(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) | Self::Array(_) => "a list",
            Self::Map(_) | Self::Object(_) => "an object",
            Self::Time(_) => "a time",
            Self::Span(_) => "a duration",
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Array(_))
    }

    /// Entries of a list or an object, characters of a text.
    pub(super) fn size(&self, steps: &mut Steps) -> Result<Option<usize>, Fault> {
        Ok(Some(match self {
            Self::List(list) => list.len(),
            Self::Array(list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Object(map) => map.len(),
            Self::Text(text) => {
                steps.take_bytes(text.as_str().len())?;
                text.as_str().chars().count()
            }
            _ => return Ok(None),
        }))
    }

    /// The entry of a list.
    pub(super) fn entry(&self, index: usize) -> Option<Self> {
        match self {
            Self::List(list) => list.get(index).cloned(),
            Self::Array(list) => list.get(index).map(Val::of),
            _ => None,
        }
    }

    /// The values that a macro visits: the entries of a list, the keys of an object.
    pub(super) fn visited(&self, steps: &mut Steps) -> Result<Option<Cow<'_, [Self]>>, Fault> {
        let length = match self {
            Self::List(list) => return Ok(Some(Cow::Borrowed(list))),
            Self::Array(list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Object(map) => map.len(),
            _ => return Ok(None),
        };
        steps.take(length as u64)?;
        let all: Vec<Self> = match self {
            Self::Array(list) => list.iter().map(Val::of).collect(),
            Self::Map(map) => map.iter().map(|(key, _)| key.clone()).collect(),
            Self::Object(map) => map.keys().map(|key| Self::Text(Text::Borrowed(key))).collect(),
            _ => Vec::new(),
        };
        Ok(Some(Cow::Owned(all)))
    }

    /// The value under a key of an object; nothing for what is no object.
    pub(super) fn field(&self, key: &Self, steps: &mut Steps) -> Result<Option<Self>, Fault> {
        match (self, key) {
            (Self::Object(map), Self::Text(key)) => Ok(map.get(key.as_str()).map(Val::of)),
            (Self::Map(map), key) => {
                for (known, value) in map.iter() {
                    if known.equals(key, steps)? {
                        return Ok(Some(value.clone()));
                    }
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Whether both are the same. Numbers are compared across their kinds; values of different kinds are not the same.
    pub(super) fn equals(&self, other: &Self, steps: &mut Steps) -> Result<bool, Fault> {
        steps.take(1)?;
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => {
                let (one, other) = (one.as_str(), other.as_str());
                if one.len() != other.len() {
                    return Ok(false);
                }
                steps.take_bytes(one.len())?;
                one == other
            }
            (Self::Time(one), Self::Time(other)) => one == other,
            (Self::Span(one), Self::Span(other)) => one == other,
            (one, other) if one.is_list() && other.is_list() => {
                if one.size(steps)? != other.size(steps)? {
                    return Ok(false);
                }
                let mut index = 0;
                while let (Some(one), Some(other)) = (one.entry(index), other.entry(index)) {
                    if !one.equals(&other, steps)? {
                        return Ok(false);
                    }
                    index += 1;
                }
                true
            }
            (one @ (Self::Map(_) | Self::Object(_)), other @ (Self::Map(_) | Self::Object(_))) => {
                if one.size(steps)? != other.size(steps)? {
                    return Ok(false);
                }
                for key in one.visited(steps)?.unwrap_or_default().iter() {
                    let (mine, theirs) = (one.field(key, steps)?, other.field(key, steps)?);
                    match (mine, theirs) {
                        (Some(mine), Some(theirs)) if mine.equals(&theirs, steps)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (one, other) => numbers(one, other) == Some(Ordering::Equal),
        })
    }

    /// The order of two values of one kind; none if they have no order.
    pub(super) fn compare(&self, other: &Self, steps: &mut Steps) -> Result<Option<Ordering>, Fault> {
        Ok(match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => {
                let (one, other) = (one.as_str(), other.as_str());
                steps.take_bytes(one.len().min(other.len()))?;
                Some(one.cmp(other))
            }
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(other)),
            (Self::Span(one), Self::Span(other)) => Some(one.cmp(other)),
            (one, other) => numbers(one, other),
        })
    }
}

/// Whole numbers are compared as they are, others as floating-point numbers.
fn numbers(one: &Val<'_>, other: &Val<'_>) -> Option<Ordering> {
    let whole = |value: &Val<'_>| match value {
        Val::Int(it) => Some(i128::from(*it)),
        Val::Uint(it) => Some(i128::from(*it)),
        _ => None,
    };
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Some(one.cmp(&other));
    }
    #[expect(clippy::cast_precision_loss, reason = "the other one is a floating-point number already")]
    let real = |value: &Val<'_>| match value {
        Val::Double(it) => Some(*it),
        Val::Int(it) => Some(*it as f64),
        Val::Uint(it) => Some(*it as f64),
        _ => None,
    };
    real(one)?.partial_cmp(&real(other)?)
}

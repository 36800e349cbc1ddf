//! JSON documents, split into the members that formats name without a tree of the whole.
//!
//! The members at the top are slices of the input, and so are the items of the long lists among them; each format
//! converts what it needs, item by item. Members that no format names cost nothing.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use plimsoll_core::{Cancel, LimitExceeded, json};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Error;

/// A member at the top of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// Converted as a whole.
    Value(&'static str),
    /// A list of components, packages or the like, whose items are converted one by one.
    Items(&'static str),
}

impl Member {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Value(name) | Self::Items(name) => name,
        }
    }
}

/// The members of one document. Those that are `null` count as missing.
#[derive(Default)]
pub(crate) struct Members<'a> {
    values: Vec<(&'static str, Option<&'a RawValue>)>,
    items: Vec<(&'static str, Vec<&'a RawValue>)>,
    /// Stops the reading.
    cancel: Cancel,
}

impl<'a> Members<'a> {
    /// Splits a JSON object into those of `members` that it contains. No list of components is longer than
    /// `components`.
    pub(crate) fn split(
        bytes: &'a [u8],
        members: &[Member],
        components: usize,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        let exceeded = Cell::new(false);
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let split = Split { members, components, exceeded: &exceeded, cancel }.deserialize(&mut deserializer);
        let split = split.and_then(|split| deserializer.end().map(|()| split));
        split.map_err(|error| failed(error, "components", components, &exceeded, cancel))
    }

    /// Whether there is a value of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The value of this name, if there is one.
    pub(crate) fn value<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Error> {
        self.raw(name).map(parsed).transpose()
    }

    /// The value of this name, or the default.
    pub(crate) fn value_or_default<T: Deserialize<'a> + Default>(&self, name: &str) -> Result<T, Error> {
        Ok(self.value(name)?.unwrap_or_default())
    }

    /// The items of the list of this name, at most as many as the limit `limit_name` allows.
    pub(crate) fn items<T: Deserialize<'a>>(
        &self,
        name: &str,
        limit_name: &'static str,
        limit: usize,
    ) -> Result<Vec<T>, Error> {
        self.raw(name).map_or(Ok(Vec::new()), |raw| items(raw, limit_name, limit, &self.cancel))
    }

    /// The components of this name.
    pub(crate) fn take_items(&mut self, name: &str) -> Vec<&'a RawValue> {
        let found = self.items.iter_mut().find(|(own, _)| *own == name);
        found.map(|(_, items)| std::mem::take(items)).unwrap_or_default()
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.values.iter().find(|(own, _)| *own == name).and_then(|(_, raw)| *raw)
    }
}

struct Split<'m> {
    members: &'m [Member],
    /// The limit of components.
    components: usize,
    exceeded: &'m Cell<bool>,
    cancel: &'m Cancel,
}

impl<'de> DeserializeSeed<'de> for Split<'_> {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members { cancel: self.cancel.clone(), ..Members::default() };
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match self.members.iter().find(|member| member.name() == name) {
                Some(Member::Value(name)) => {
                    if members.values.iter().any(|(own, _)| own == name) {
                        return Err(A::Error::duplicate_field(name));
                    }
                    members.values.push((name, map.next_value()?));
                }
                Some(Member::Items(name)) => {
                    if members.items.iter().any(|(own, _)| own == name) {
                        return Err(A::Error::duplicate_field(name));
                    }
                    let items = AtMost::new(self.components, self.exceeded, self.cancel);
                    members.items.push((name, map.next_value_seed(items)?));
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// The items of the array `raw`, at most as many as the limit `name` allows.
pub(crate) fn items<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    name: &'static str,
    limit: usize,
    cancel: &Cancel,
) -> Result<Vec<T>, Error> {
    let exceeded = Cell::new(false);
    let items = AtMost::new(limit, &exceeded, cancel);
    let items = items.deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
    items.map_err(|error| failed(error, name, limit, &exceeded, cancel))
}

/// Why a document was not read: it was cancelled, the limit `name` was exceeded, or it is invalid.
fn failed(
    error: serde_json::Error,
    name: &'static str,
    limit: usize,
    exceeded: &Cell<bool>,
    cancel: &Cancel,
) -> Error {
    if exceeded.get() {
        return LimitExceeded::new(name, limit as u64, "SBOM").into();
    }
    match cancel.check() {
        Err(stopped) => stopped.into(),
        Ok(()) => json::Error::from(error).into(),
    }
}

/// Items between two checks for cancellation. The smallest take less time than a check.
const CHECKED: usize = 1_024;

/// The items of an array, with a limit: `[{},{},…]` costs its writer three bytes per item, and a reader fifty.
struct AtMost<'e, T> {
    limit: usize,
    /// Set when there are more.
    exceeded: &'e Cell<bool>,
    cancel: &'e Cancel,
    item: PhantomData<T>,
}

impl<'e, T> AtMost<'e, T> {
    fn new(limit: usize, exceeded: &'e Cell<bool>, cancel: &'e Cancel) -> Self {
        Self { limit, exceeded, cancel, item: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for AtMost<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() >= self.limit {
                self.exceeded.set(true);
                return Err(A::Error::custom(format_args!("an array of more than {} items", self.limit)));
            }
            if items.len() % CHECKED == 0 {
                self.cancel.check().map_err(A::Error::custom)?;
            }
            items.push(item);
        }
        Ok(items)
    }

    // Go programs write this for an empty list.
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// Properties, licences, hashes and places of one component.
pub(crate) struct Few<T>(pub(crate) Vec<T>);

/// Far more than any component has. More is an attack, so no flag raises this.
pub(super) const FEW: usize = 100_000;

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AtMost::new(FEW, &Cell::new(false), &Cancel::never()).deserialize(deserializer).map(Self)
    }
}

/// Whether a value is filled: an empty text and `null` are not, and a list or object is if any value in it is.
pub(crate) struct Filled(pub(crate) bool);

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FilledVisitor).map(Self)
    }
}

struct FilledVisitor;

impl<'de> Visitor<'de> for FilledVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(!text.trim().is_empty())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let mut any = false;
        while let Some(Filled(filled)) = seq.next_element()? {
            any |= filled;
        }
        Ok(any)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut any = false;
        while let Some((IgnoredAny, Filled(filled))) = map.next_entry()? {
            any |= filled;
        }
        Ok(any)
    }
}

pub(crate) fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|error| json::Error::from(error).into())
}

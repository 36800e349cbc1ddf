//! JSON documents, split into the members that formats name without a tree of the whole.
//!
//! The members at the top are slices of the input, and so are the items of the long lists among them; each format
//! converts what it needs, item by item. Members that no format names cost nothing.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use plimsoll_core::json;
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
}

impl<'a> Members<'a> {
    /// Splits a JSON object into those of `members` that it has.
    pub(crate) fn split(bytes: &'a [u8], members: &[Member]) -> Result<Self, Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let split = Split(members).deserialize(&mut deserializer);
        Ok(split.and_then(|split| deserializer.end().map(|()| split)).map_err(json::Error::from)?)
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

    /// The items of this name.
    pub(crate) fn take_items(&mut self, name: &str) -> Vec<&'a RawValue> {
        let found = self.items.iter_mut().find(|(own, _)| *own == name);
        found.map(|(_, items)| std::mem::take(items)).unwrap_or_default()
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.values.iter().find(|(own, _)| *own == name).and_then(|(_, raw)| *raw)
    }
}

struct Split<'m>(&'m [Member]);

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
        let mut members = Members::default();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match self.0.iter().find(|member| member.name() == name) {
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
                    members.items.push((name, map.next_value::<Items<'de>>()?.0));
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// The items of an array, at most `MAX` of them: `[{},{},…]` costs its writer three bytes an item, and a reader fifty.
pub(crate) struct List<T, const MAX: usize>(pub(crate) Vec<T>);

/// Components or relationships. Components within this bound are counted against [`plimsoll_core::Limits::components`] afterwards.
pub(crate) const MAX_ITEMS: usize = 4_000_000;
/// A long list, with its items as slices.
pub(crate) type Items<'a> = List<&'a RawValue, MAX_ITEMS>;
/// Properties, licences, hashes and places of one component.
pub(crate) type Few<T> = List<T, 100_000>;

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Bounded<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() >= MAX {
                        return Err(A::Error::custom(format_args!("an array of more than {MAX} items")));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Bounded::<T, MAX>(PhantomData)).map(Self)
    }
}

pub(crate) fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|error| json::Error::from(error).into())
}

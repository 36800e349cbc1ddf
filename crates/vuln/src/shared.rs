//! A value that many findings share: a hundred packages that are built from one source have the same advisories, and what these
//! say takes a hundred times the memory otherwise.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A shared value. It compares, shows and serializes like the value itself.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shared<T>(Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: FromStr> FromStr for Shared<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse::<T>().map(Self::from)
    }
}

impl<I, T: FromIterator<I>> FromIterator<I> for Shared<T> {
    fn from_iter<S: IntoIterator<Item = I>>(items: S) -> Self {
        T::from_iter(items).into()
    }
}

impl<T: fmt::Display> fmt::Display for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[expect(clippy::into_iter_without_iter, reason = "the value itself has it, by `Deref`")]
impl<'a, T> IntoIterator for &'a Shared<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The CVEs that advisories name, by the advisory's identifier.
pub type NamedBy = BTreeMap<String, BTreeSet<String>>;

/// Equal values, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    texts: HashSet<Shared<String>>,
    lists: HashSet<Shared<Vec<String>>>,
    named_by: HashSet<Shared<NamedBy>>,
}

impl Interner {
    pub(crate) fn text(&mut self, text: &mut Shared<String>) {
        same(&mut self.texts, text);
    }

    pub(crate) fn list(&mut self, list: &mut Shared<Vec<String>>) {
        same(&mut self.lists, list);
    }

    pub(crate) fn named_by(&mut self, named_by: &mut Shared<NamedBy>) {
        same(&mut self.named_by, named_by);
    }
}

/// Replaces `value` by the equal one that is known.
fn same<T: Eq + Hash>(known: &mut HashSet<Shared<T>>, value: &mut Shared<T>) {
    match known.get(value) {
        Some(same) => *value = same.clone(),
        None => {
            known.insert(value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one() {
        let mut interner = Interner::default();
        let [mut a, mut b] = ["x", "x"].map(|text| Shared::from(vec![text.to_owned()]));
        interner.list(&mut a);
        interner.list(&mut b);
        assert!(Arc::ptr_eq(&a.0, &b.0));
        assert_eq!(serde_json::to_string(&b).unwrap(), r#"["x"]"#);
    }
}

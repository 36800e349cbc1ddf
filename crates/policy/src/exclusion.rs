//! Paths that a policy leaves out of the inventory, each with a reason that the verdict repeats.
//!
//! ```yaml
//! exclude:
//!   - path: "usr/local/go/**/testdata/**"
//!     reason: programs for the toolchain's own tests, which nothing runs
//! ```
//!
//! A component is left out if every place where it was found is excluded, a problem if every file that it is about is. The
//! operating system's packages and what is wrong with them are never left out.

mod path;

use plimsoll_sbom::{Component, Inventory, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::path::PathPattern;
use crate::setting::Reason;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExclusionSpec {
    /// Which files, as a pattern over paths from the root.
    pub(crate) path: PathPattern,
    /// Why nobody has to know what they contain. Repeated in every verdict.
    pub(crate) reason: Reason,
}

/// The paths that a policy leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Exclusions(Vec<Exclusion>);

/// Paths that are left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Exclusion {
    pub(crate) path: PathPattern,
    pub(crate) reason: Reason,
}

/// What one exclusion left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// The pattern.
    pub path: String,
    /// Why, in the words of the policy.
    pub reason: String,
    /// How many components.
    pub components: usize,
    /// How many problems.
    pub problems: usize,
    /// The first path that it left out.
    pub example: Option<String>,
}

impl Exclusions {
    pub(crate) fn new(specs: Vec<ExclusionSpec>) -> Self {
        Self(specs.into_iter().map(|ExclusionSpec { path, reason }| Exclusion { path, reason }).collect())
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Exclusion> {
        self.0.iter()
    }

    /// The first exclusion of a path.
    fn of_path(&self, path: &str) -> Option<usize> {
        self.0.iter().position(|exclusion| exclusion.path.matches(path))
    }

    /// The exclusion of the first of these paths, if each of them is excluded.
    pub(crate) fn of_all<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Option<&Exclusion> {
        let mut first = None;
        for path in paths {
            let found = self.of_path(path)?;
            first = first.or(Some(found));
        }
        self.0.get(first?)
    }

    /// The inventory without what is excluded, and what each exclusion left out.
    pub fn apply(&self, inventory: &Inventory) -> (Inventory, Vec<Excluded>) {
        let none = |exclusion: &Exclusion| Excluded {
            path: exclusion.path.as_str().to_owned(),
            reason: exclusion.reason.0.clone(),
            components: 0,
            problems: 0,
            example: None,
        };
        let mut excluded: Vec<Excluded> = self.0.iter().map(none).collect();
        let is_excluded = |path: &str| self.of_path(path).is_some();
        let mut count = |path: &str, of: fn(&mut Excluded) -> &mut usize| {
            if let Some(entry) = self.of_path(path).and_then(|index| excluded.get_mut(index)) {
                *of(entry) += 1;
                if entry.example.as_deref().is_none_or(|known| path < known) {
                    entry.example = Some(path.to_owned());
                }
            }
        };
        let components = inventory.components.iter();
        for component in components.filter(|it| Component::is_only_at(it, is_excluded)) {
            let first = component.locations.first().map_or("", |location| &location.path);
            count(first, |excluded| &mut excluded.components);
        }
        for problem in inventory.problems.iter().filter(|it| Problem::is_only_at(it, is_excluded)) {
            count(&problem.path, |excluded| &mut excluded.problems);
        }
        (inventory.without(is_excluded), excluded)
    }
}

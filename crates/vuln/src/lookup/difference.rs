//! The changes from one database to another.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Advice, about_package};
use crate::database::{Advisories, Database};
use crate::error::Error;

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the new database has it.
    Added,
    /// Only the old database has it.
    Removed,
    /// Both have it, with different content.
    Changed,
}

/// One advisory about one package that differs between the databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The kind of a change.
    pub change: Change,
    /// The statements in the old database. An advisory may have several about one package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub old: Vec<Advice>,
    /// The statements in the new database.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<Advice>,
}

/// The difference between two databases in one ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// OSV's name of the ecosystem.
    pub ecosystem: &'static str,
    /// Sorted by release, package and advisory.
    pub changes: Vec<Changed>,
}

/// The changes from `old` to `new`, by ecosystem. Ecosystems without a change are left out.
pub fn difference(old: &Database, new: &Database) -> Result<Vec<Difference>, Error> {
    let mut files: BTreeMap<&str, [Option<&Advisories>; 2]> = BTreeMap::new();
    for (which, database) in [old, new].into_iter().enumerate() {
        for file in database.files() {
            if let Some(place) = files.entry(file.ecosystem().name()).or_default().get_mut(which) {
                *place = Some(file);
            }
        }
    }
    let mut differences = Vec::new();
    for (ecosystem, [old, new]) in files {
        let changes = changes(old, new)?;
        if !changes.is_empty() {
            differences.push(Difference { ecosystem, changes });
        }
    }
    Ok(differences)
}

/// One key at a time, so that two large databases are not in memory at once.
fn changes(old: Option<&Advisories>, new: Option<&Advisories>) -> Result<Vec<Changed>, Error> {
    let keys = |file: Option<&Advisories>| file.map_or_else(|| Ok(Vec::new()), Advisories::keys);
    let mut all = keys(old)?;
    all.extend(keys(new)?);
    all.sort_unstable();
    all.dedup();
    let mut changes = Vec::new();
    for key in all {
        let (mut before, mut after) = (by_advisory(old, &key)?, by_advisory(new, &key)?);
        let mut ids: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let (old, new) = (before.remove(&id).unwrap_or_default(), after.remove(&id).unwrap_or_default());
            let change = match (old.is_empty(), new.is_empty()) {
                (true, _) => Change::Added,
                (_, true) => Change::Removed,
                _ if old != new => Change::Changed,
                _ => continue,
            };
            changes.push(Changed { change, old, new });
        }
    }
    Ok(changes)
}

/// The statements about the package under `key`, by publisher and advisory.
fn by_advisory(
    file: Option<&Advisories>,
    key: &str,
) -> Result<BTreeMap<(String, String), Vec<Advice>>, Error> {
    let mut found = Vec::new();
    if let Some(file) = file {
        about_package(file, key, |_, _| true, &mut found)?;
    }
    let mut grouped: BTreeMap<_, Vec<Advice>> = BTreeMap::new();
    for advice in found {
        grouped.entry((advice.advisory.clone(), advice.publisher.clone())).or_default().push(advice);
    }
    Ok(grouped)
}

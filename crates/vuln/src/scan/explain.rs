//! Explains why a component has a finding or none: each statement of the database about a vulnerability is compared
//! with the installed version.
//!
//! The comparison is repeated, interval by interval, by the order that matching uses, so that the explanation shows
//! what decided.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::{Cancel, Purl, Timestamp};
use plimsoll_sbom::{Component, ComponentIndex, Inventory, Location, OwnerEvidence};
use serde::Serialize;

use super::target::{Target, Targets};
use super::{Epochs, ScanSettings, Subject, epoch, installed, names};
use crate::affected::{Affected, End, FixState, Interval, Start, Status};
use crate::database::{Advisories, Database, Entry, Place as Detailed};
use crate::error::Error;
use crate::lookup::{self, Advice};
use crate::order::VersionOrder;

/// The most statements that are explained. A vulnerability of a large source package has one for each of its some
/// hundred binaries.
pub const MOST_EXPLAINED: usize = 2_000;

/// One advisory's statement about one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The component.
    pub component: Purl,
    /// Where it was found.
    pub locations: Vec<Location>,
    /// The package of the operating system that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<ComponentOwner>,
    /// The package that was looked up: for Debian the source package.
    pub package: String,
    /// The version that was compared: for Debian that of the source package.
    pub version: String,
    /// The name of the order by which versions were compared.
    pub order: &'static str,
    /// Whether epochs in the advisory were ignored, because the component's document states none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_epochs: bool,
    /// The advisory, as it is in the database.
    pub advice: Advice,
    /// The earliest publication.
    pub published: Option<Timestamp>,
    /// The latest change.
    pub modified: Option<Timestamp>,
    /// The publisher whose data the severity comes from.
    pub rated_by: String,
    /// The result for the component.
    pub outcome: Outcome,
}

/// The package of the operating system that a component belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentOwner {
    /// The package.
    pub package: Purl,
    /// Whether the package manager's own digests prove it.
    pub digests_match: bool,
}

/// The result of an advisory for a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "code")]
pub enum Outcome {
    /// It is affected: all of these comparisons are true.
    Affected {
        /// With the bounds of the range that contains the version. Empty if all versions are affected.
        because: Vec<Comparison>,
    },
    /// It is not affected: each range has one comparison that puts the version outside.
    NotAffected {
        /// One for each range.
        because: Vec<Comparison>,
    },
    /// The advisory is about another module, architecture or product.
    OtherConditions,
    /// The inventory lacks what the advisory's conditions need.
    ConditionsUnknown,
    /// The publisher's data does not say clearly whether the version is affected.
    Undecided {
        /// With the bounds of the unclear range.
        because: Vec<Comparison>,
    },
    /// The installed version is not a version of the ecosystem.
    InvalidVersion,
}

/// A comparison of the installed version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// How the installed version relates to the bound.
    pub relation: Relation,
    /// The bound, as the advisory writes it.
    pub bound: String,
    /// The kind of the bound.
    pub meaning: Bound,
}

/// How a version relates to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Relation {
    /// Earlier.
    #[serde(rename = "<")]
    Before,
    /// Not later.
    #[serde(rename = "<=")]
    Through,
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not earlier.
    #[serde(rename = ">=")]
    From,
    /// Later.
    #[serde(rename = ">")]
    After,
    /// Starts with the same numbers.
    #[serde(rename = "~")]
    Around,
}

impl Relation {
    /// Its sign between two versions.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Before => "<",
            Self::Through => "<=",
            Self::Equal => "=",
            Self::From => ">=",
            Self::After => ">",
            Self::Around => "~",
        }
    }
}

/// The kind of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The first affected version.
    Introduced,
    /// The last version before those that are affected.
    LastUnaffected,
    /// The version that fixes it.
    Fixed,
    /// The last affected version.
    LastAffected,
    /// The range ends somewhere among the versions that start with these numbers.
    EndsAround,
    /// A single affected version.
    Listed,
}

/// The database's statements about the vulnerabilities with one of these identifiers, for each component of the
/// inventory that one of their advisories names. Sorted by component and advisory.
pub fn explain(
    inventory: &Inventory,
    database: &Database,
    settings: &ScanSettings,
    ids: &BTreeSet<String>,
    cancel: &Cancel,
) -> Result<Vec<Explained>, Error> {
    let targets = Targets::new(inventory, database, settings);
    let epochs_are_named = inventory.components.iter().any(epoch::is_named);
    let mut details = Details::default();
    let mut all = Vec::new();
    for (index, component) in inventory.components.iter().enumerate() {
        cancel.check()?;
        let Target::Covered { advisories, release, .. } = targets.target(component) else { continue };
        let owner = inventory.owner(ComponentIndex(index)).map(|owner| ComponentOwner {
            package: owner.package.purl.clone(),
            digests_match: owner.evidence == OwnerEvidence::DigestsMatch,
        });
        let is_unknown = release.is_some() && !epochs_are_named && epoch::is_unknown(component);
        let looked_up: Vec<(&str, &str)> = match &release {
            Some(_) => names(component, advisories.ecosystem().advisory_names()).collect(),
            None => vec![installed(component)],
        };
        for named in looked_up {
            let subject = Subject {
                epochs: if is_unknown { Epochs::Ignored } else { Epochs::Counted },
                ..Subject::new(component, release.as_deref(), named, advisories)
            };
            let place = Place { component, owner: &owner, subject: &subject };
            place.explain(advisories, ids, &mut details, &mut all)?;
        }
    }
    all.sort_by(|a, b| {
        let key = |it: &Explained| (it.component.clone(), it.locations.clone(), it.advice.advisory.clone());
        key(a).cmp(&key(b)).then_with(|| a.advice.affected.cmp(&b.advice.affected))
    });
    Ok(all)
}

/// The advisories that were read, by ecosystem and place: whether one has a wanted alias.
type Details = BTreeMap<(&'static str, Detailed), bool>;

struct Place<'a> {
    component: &'a Component,
    owner: &'a Option<ComponentOwner>,
    subject: &'a Subject<'a>,
}

impl Place<'_> {
    fn explain(
        &self,
        advisories: &Advisories,
        ids: &BTreeSet<String>,
        details: &mut Details,
        all: &mut Vec<Explained>,
    ) -> Result<(), Error> {
        let Some(record) = advisories.package(&self.subject.key)? else { return Ok(()) };
        advisories.visit(&record, |entry| {
            let place = (advisories.ecosystem().name(), entry.detail);
            let by_alias = if let Some(is_wanted) = details.get(&place) {
                *is_wanted
            } else {
                let aliases = advisories.detail(entry.detail)?.aliases;
                let is_wanted = aliases.iter().any(|alias| ids.contains(alias));
                details.insert(place, is_wanted);
                is_wanted
            };
            let is_wanted = by_alias || ids.contains(entry.id);
            if !is_wanted || all.len() >= MOST_EXPLAINED {
                return Ok(());
            }
            all.push(self.one(advisories, entry)?);
            Ok(())
        })
    }

    fn one(&self, advisories: &Advisories, entry: &Entry<'_>) -> Result<Explained, Error> {
        let Subject { key, package, version, traits, epochs } = self.subject;
        let detail = advisories.detail(entry.detail)?;
        let bare = if *epochs == Epochs::Ignored { epoch::without(&entry.affected) } else { None };
        let affected = bare.as_ref().unwrap_or(&entry.affected);
        let holds =
            if entry.is_conditional() { advisories.conditions(entry)?.hold(traits) } else { Some(true) };
        let order = advisories.order();
        let outcome = match (order.status(affected, version), holds) {
            (_, Some(false)) => Outcome::OtherConditions,
            (Status::NotAffected, _) => Outcome::NotAffected { because: outside(order, affected, version) },
            (Status::Affected(_) | Status::Undecided, None) => Outcome::ConditionsUnknown,
            (Status::Affected(_), Some(true)) => {
                Outcome::Affected { because: inside(order, affected, version) }
            }
            (Status::Undecided, _) => Outcome::Undecided { because: unclear(order, affected, version) },
            (Status::Incomparable(_), _) => Outcome::InvalidVersion,
        };
        let time = |seconds: Option<i64>| Timestamp::from_second(seconds?).ok();
        Ok(Explained {
            component: self.component.purl.clone(),
            locations: self.component.locations.clone(),
            owner: self.owner.clone(),
            package: (*package).to_owned(),
            version: (*version).to_owned(),
            order: order.id(),
            without_epochs: bare.is_some(),
            published: time(detail.published),
            modified: time(detail.modified),
            rated_by: advisories.rated_by(entry)?.to_owned(),
            advice: lookup::advice(advisories, key, entry, &detail)?,
            outcome,
        })
    }
}

/// Whether the version is in this interval, by the order itself.
fn is_in<'a>(order: &dyn VersionOrder, interval: Interval<'a>, version: &'a str) -> bool {
    let alone = Affected {
        intervals: vec![interval],
        doubtful: Vec::new(),
        versions: Vec::new(),
        fix_state: FixState::Unknown,
    };
    matches!(order.status(&alone, version), Status::Affected(_))
}

/// The bounds of the interval that contains the version, or the single version that it equals.
fn inside(order: &dyn VersionOrder, affected: &Affected<'_>, version: &str) -> Vec<Comparison> {
    if let Some(interval) = affected.intervals.iter().find(|interval| is_in(order, **interval, version)) {
        return bounds(interval);
    }
    let listed = affected.versions.iter().find(|listed| {
        **listed == version || order.compare(version, listed).is_ok_and(std::cmp::Ordering::is_eq)
    });
    let listed = listed.or(affected.versions.first());
    listed.map(|listed| Comparison::new(Relation::Equal, listed, Bound::Listed)).into_iter().collect()
}

/// The bounds of the first interval for which it is unclear whether it contains the version.
fn unclear(order: &dyn VersionOrder, affected: &Affected<'_>, version: &str) -> Vec<Comparison> {
    let doubtful = affected.doubtful.iter().find(|interval| is_in(order, **interval, version));
    let around = || {
        let is_around = |interval: &&Interval<'_>| matches!(interval.end, End::Around(_));
        affected.intervals.iter().chain(&affected.doubtful).find(is_around)
    };
    doubtful.or_else(around).map(bounds).unwrap_or_default()
}

/// For each interval, the bound that excludes the version.
fn outside(order: &dyn VersionOrder, affected: &Affected<'_>, version: &str) -> Vec<Comparison> {
    let beyond = |interval: &Interval<'_>| {
        let is_below = !is_in(order, Interval { from: interval.from, end: End::Open }, version);
        match (interval.from, interval.end) {
            (Start::At(from), _) if is_below => {
                Some(Comparison::new(Relation::Before, from, Bound::Introduced))
            }
            (Start::After(from), _) if is_below => {
                Some(Comparison::new(Relation::Through, from, Bound::LastUnaffected))
            }
            (_, End::Before(end)) => Some(Comparison::new(Relation::From, end, Bound::Fixed)),
            (_, End::Through(end)) => Some(Comparison::new(Relation::After, end, Bound::LastAffected)),
            (_, End::Around(end)) => Some(Comparison::new(Relation::After, end, Bound::EndsAround)),
            (_, End::Open) => None,
        }
    };
    affected.intervals.iter().chain(&affected.doubtful).filter_map(beyond).collect()
}

/// The comparisons that are true for every version in an interval.
fn bounds(interval: &Interval<'_>) -> Vec<Comparison> {
    let from = match interval.from {
        Start::First => None,
        Start::At(from) => Some(Comparison::new(Relation::From, from, Bound::Introduced)),
        Start::After(from) => Some(Comparison::new(Relation::After, from, Bound::LastUnaffected)),
    };
    let end = match interval.end {
        End::Open => None,
        End::Before(end) => Some(Comparison::new(Relation::Before, end, Bound::Fixed)),
        End::Through(end) => Some(Comparison::new(Relation::Through, end, Bound::LastAffected)),
        End::Around(end) => Some(Comparison::new(Relation::Around, end, Bound::EndsAround)),
    };
    from.into_iter().chain(end).collect()
}

impl Comparison {
    fn new(relation: Relation, bound: &str, meaning: Bound) -> Self {
        Self { relation, bound: bound.to_owned(), meaning }
    }
}

#[cfg(test)]
mod tests;

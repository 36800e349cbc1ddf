//! The list of version orders, and what each can do.

use std::cmp::Ordering;
use std::fmt;

use plimsoll_core::Ecosystem;

use crate::affected::{Affected, Status};
use crate::events::{self, Event, RangeProblem};
use crate::version::{
    self, InvalidVersion, Version, Versions, apk, bitnami, composer, cpe, dart, dpkg, gem, maven, nuget,
    numbers, pep440, rpm, semver,
};

/// All orders.
pub const ORDERS: [&dyn VersionOrder; 14] = [
    &apk::Apk,
    &bitnami::Bitnami,
    &composer::Composer,
    &cpe::Cpe,
    &numbers::Cran,
    &dpkg::Dpkg,
    &gem::Gem,
    &numbers::Hackage,
    &maven::Maven,
    &nuget::NuGet,
    &pep440::Pep440,
    &dart::Pub,
    &rpm::Rpm,
    &semver::SemVer,
];

/// One order, without the type of its versions. Implemented for every type that implements [`Versions`].
pub trait VersionOrder: fmt::Debug + Sync {
    /// The name by which the table of ecosystems refers to it.
    fn id(&self) -> &'static str;

    /// Whether `text` is a version in this order.
    fn check(&self, text: &str) -> Result<(), InvalidVersion>;

    /// Compares two versions; an error if one of them is not a version.
    fn compare(&self, a: &str, b: &str) -> Result<Ordering, InvalidVersion>;

    /// Whether an `installed` version is among the affected ones.
    fn status<'a>(&self, affected: &Affected<'a>, installed: &'a str) -> Status<'a>;

    /// Adds the intervals of an OSV range to `affected`; returns what is wrong with it.
    fn compile<'a>(&self, events: &[(Event, &'a str)], affected: &mut Affected<'a>) -> Vec<RangeProblem>;

    /// Drops the single versions that the intervals contain anyway.
    fn drop_enumerated(&self, affected: &mut Affected<'_>);
}

impl<V: Versions> VersionOrder for V {
    fn id(&self) -> &'static str {
        V::ID
    }

    fn check(&self, text: &str) -> Result<(), InvalidVersion> {
        V::Version::parse(text).map(|_| ())
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
        version::compare::<V::Version<'_>>(a, b)
    }

    fn status<'a>(&self, affected: &Affected<'a>, installed: &'a str) -> Status<'a> {
        affected.status::<V::Version<'a>>(installed)
    }

    fn compile<'a>(&self, events: &[(Event, &'a str)], affected: &mut Affected<'a>) -> Vec<RangeProblem> {
        events::compile::<V::Version<'a>>(events, affected)
    }

    fn drop_enumerated(&self, affected: &mut Affected<'_>) {
        drop_enumerated_in::<V>(affected);
    }
}

/// A separate function, because a generic associated type needs a named lifetime for the texts.
fn drop_enumerated_in<'a, V: Versions>(affected: &mut Affected<'a>) {
    events::drop_enumerated::<V::Version<'a>>(affected);
}

/// The order with this name.
pub fn by_id(id: &str) -> Option<&'static dyn VersionOrder> {
    ORDERS.into_iter().find(|order| order.id() == id)
}

/// The order of an ecosystem; `None` if it is not covered.
pub fn of_ecosystem(ecosystem: Ecosystem) -> Option<&'static dyn VersionOrder> {
    by_id(ecosystem.order()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_that_an_ecosystem_names_is_there() {
        for ecosystem in Ecosystem::ALL {
            let Some(name) = ecosystem.order() else { continue };
            assert!(by_id(name).is_some(), "{ecosystem}: {name}");
        }
        for order in ORDERS {
            let used = Ecosystem::ALL.iter().any(|ecosystem| ecosystem.order() == Some(order.id()));
            assert!(used, "{} orders nothing", order.id());
        }
    }
}

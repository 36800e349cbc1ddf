//! Known vulnerabilities of an inventory: the advisory database, version orders, matching.
//!
//! - [`Database`] reads a folder with one compact file for each ecosystem, which may have several publishers;
//!   [`database::Writer`] writes such a file.
//! - [`version`] is the list of version orders of ecosystems.
//! - [`scan()`] matches an inventory and returns findings and gaps.
//! - [`vex`] reads what others state about vulnerabilities of their products, and sets findings aside by it.
//! - [`ignore`] reads rules by which a scan ignores findings.
//! - [`lookup`] shows what is in a database.
//!
//! This crate does not know publishers' formats (`plimsoll-feeds` reads them), and uses no network.
//!
//! The rule behind every decision: an undecided component is never "not affected". A damaged file is an [`Error`]; a
//! missing or old feed, a version that does not compare and an advisory that contradicts itself are [`Gap`]s, which
//! make a verdict unknown.

pub mod affected;
mod class;
pub mod conditions;
pub mod database;
pub mod error;
pub mod events;
pub mod ignore;
pub mod lookup;
pub mod order;
pub mod scan;
pub mod severity;
mod shared;
pub mod spans;
pub mod version;
pub mod vex;

pub use class::{Class, Topic};
pub use database::{Database, FeedStatus};
pub use error::{Damage, Error};
pub use scan::{
    Bound, Comparison, ComponentOwner, Explained, Exploited, Finding, Fix, Gap, GapReason, IgnoreUse,
    IgnoredBy, InvalidThreshold, Likelihood, LookedUp, MOST_EXPLAINED, Noted, Outcome, Relation, Risk, Scan,
    ScanSettings, SetAside, SettledByVex, Share, Suppressed, Suppression, Threshold, Undecided, Upgrade,
    UsedDocument, VexUse, Weight, explain, scan, scan_until, upgrades,
};
pub use severity::{Rating, Severity, SeveritySource};
pub use shared::{NamedBy, Shared};

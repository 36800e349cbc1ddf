//! From a subject to a verdict, as a library: what the command line, the webhook and every other gate call.
//!
//! - [`Judge`] is made once and asked many times, from many threads: clients, connections and layers are shared, and what
//!   it judges by ([`Inputs`]: policies, waivers, deny lists, trusted roots, the database) can be replaced while it works.
//!   One judgement sees one state of them from beginning to end.
//! - [`Pool`] is its asynchronous door, with a bounded number of threads and of those who wait.
//! - [`documents`]: policies, deny lists and waivers from files and folders.
//! - [`PredicateForm`]: what a predicate has to look like.
//! - [`Roots`]: which trusted root a policy's certificates are verified with.
//!
//! - [`signatures`] and [`provenance`]: whether an image has enough signatures or attestations, and whether something was
//!   built as expected, for those who ask without a policy.
//!
//! Verdicts under a policy are made by [`plimsoll_policy::evaluate`] alone. Nothing is printed, and no clock is asked for
//! what counts as now.

pub mod documents;
mod error;
mod judge;
mod pool;
mod predicate;
pub mod provenance;
mod refusal;
mod roots;
pub mod signatures;

pub use documents::{EditedWaiver, Ruleset, WaiverDocument};
pub use error::Error;
pub use judge::{Inputs, Judge, Judgement, Request};
pub use pool::{Pool, PoolSize};
pub use predicate::{Misfit, PredicateForm};
pub use refusal::{Reason, Refusal};
pub use roots::Roots;

//! From a subject to a verdict, as a library that the command line, the webhook and every other gate call.
//!
//! - [`Judge`] is made once and used many times, from many threads. Judgements share clients, connections and
//!   layers. Its [`Inputs`] (policies, waivers, deny lists, trusted roots, the database) can be replaced
//!   while it works; each judgement sees one state of them from beginning to end.
//! - [`Pool`] is its asynchronous interface, with a bounded number of threads and of waiting requests.
//! - [`documents`]: policies, deny lists and waivers from files and folders.
//! - [`vex`]: VEX documents from files and folders, for a scan.
//! - [`PredicateForm`]: the form that a predicate must have.
//! - [`Roots`]: which trusted root a policy's certificates are verified with.
//!
//! - [`signatures`] and [`provenance`]: whether an image has enough signatures or attestations, and whether
//!   something was built as expected, for callers without a policy.
//!
//! Only [`plimsoll_policy::evaluate`] makes verdicts under a policy. This crate prints nothing and reads no
//! clock for the time of judgement.

pub mod documents;
mod error;
mod judge;
mod pool;
mod predicate;
pub mod provenance;
mod refusal;
mod roots;
pub mod signatures;
pub mod vex;

pub use documents::{EditedWaiver, Ruleset, WaiverDocument};
pub use error::Error;
pub use judge::{Inputs, Judge, Judgement, Request};
pub use pool::{Pool, PoolSize};
pub use predicate::{Misfit, PredicateForm};
pub use refusal::{Reason, Refusal};
pub use roots::Roots;

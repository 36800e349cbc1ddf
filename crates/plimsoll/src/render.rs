//! From results to text. Nothing is computed here that a library should know.

pub(crate) mod cache;
pub(crate) mod catalogers;
pub(crate) mod config;
pub(crate) mod database;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod explanation;
mod finding;
pub(crate) mod findings;
pub(crate) mod for_terminals;
pub(crate) mod inventory;
pub(crate) mod key;
pub(crate) mod policy_lint;
pub(crate) mod provenance;
pub(crate) mod sarif;
pub(crate) mod sbom_diff;
pub(crate) mod sbom_score;
pub(crate) mod sbom_validation;
pub(crate) mod scan;
pub(crate) mod table;
pub(crate) mod trust;
pub(crate) mod verdict;
pub(crate) mod verification;
pub(crate) mod waiver;

//! What commands found out, as types of their own: what is written as JSON, and what renderers show to people.
//!
//! A report knows neither flags nor terminals. Its fields are the JSON; their names change with its `schemaVersion` alone.

pub(crate) mod baseline;
pub(crate) mod cache;
pub(crate) mod catalogers;
pub(crate) mod check;
pub(crate) mod claims;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod explanation;
pub(crate) mod key;
pub(crate) mod newer_base;
pub(crate) mod policy_import;
pub(crate) mod policy_lint;
pub(crate) mod provenance;
pub(crate) mod sbom_diff;
pub(crate) mod sbom_score;
pub(crate) mod sbom_validation;
pub(crate) mod scan;
pub(crate) mod trust;
pub(crate) mod unscanned;
pub(crate) mod verification;

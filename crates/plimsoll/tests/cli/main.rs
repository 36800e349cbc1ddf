//! The command line as users meet it: the real binary, images from a registry on loopback, exit codes and what is
//! printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a panic is how a test fails, and what it says is for whoever runs it"
)]

mod alpine;
mod attestations;
mod attested_sboms;
mod bad_input;
mod cache;
mod check;
mod ci_docs;
mod commands;
mod config;
mod cosign;
mod db_archive;
mod db_lookup;
mod db_signed;
mod db_update;
mod doctor;
mod evidence;
mod fixture;
mod fleet;
mod help;
mod hostile_output;
mod identities;
mod image_rules;
mod inventories;
mod keys;
mod layer_cache;
mod lazy_layers;
mod licences;
mod limits;
mod linked;
mod names;
mod newer_base;
mod output_file;
mod ownership;
mod platforms;
mod policy_import;
mod provenance;
mod registry_flags;
mod runs;
mod saved;
mod sboms;
mod scan_changes;
mod scan_explain;
mod scan_formats;
mod schemas;
mod services;
mod several;
mod signing;
mod subjects;
mod terminal;
mod thresholds;
mod tokens;
mod trust;
mod vex;
mod waivers;

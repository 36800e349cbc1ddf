//! What a registry that lies or breaks sends, by the row of the catalogue of bad inputs; each test is named by its row.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod cache;
mod ranges;
mod refusals;
mod registry;

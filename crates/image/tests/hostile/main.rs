//! What an attacker or a broken peer sends, by the row of the catalogue of bad inputs; each test is named by its row.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod archives;
mod host;
mod layers;
mod manifests;
#[path = "../memory/mod.rs"]
mod memory;
mod tars;

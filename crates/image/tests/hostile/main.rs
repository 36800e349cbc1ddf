//! Inputs that an attacker or a broken peer may send. Each test has the name of its row in the catalogue of
//! bad inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod archives;
mod compressed;
mod host;
mod layers;
mod manifests;
#[path = "../memory/mod.rs"]
mod memory;
mod tars;

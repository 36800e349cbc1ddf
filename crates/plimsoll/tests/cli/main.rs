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

mod bad_input;
mod check;
mod commands;
mod config;
mod cosign;
mod doctor;
mod evidence;
mod fixture;
mod hostile_output;
mod keys;
mod limits;
mod platforms;
mod runs;
mod schemas;
mod services;
mod signing;
mod subjects;
mod trust;
mod waivers;

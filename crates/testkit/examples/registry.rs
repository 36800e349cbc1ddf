//! A registry on loopback for trying and measuring by hand: `cargo run --release -p plimsoll-testkit --example registry`.
//!
//! Prints its address and serves from memory until its standard input ends. With `--no-referrers-api`,
//! attachments of an image are stored under fallback tags.
#![allow(clippy::print_stdout, reason = "its address is what it is asked for")]

use std::io::Read as _;

use plimsoll_testkit::Registry;

fn main() -> std::io::Result<()> {
    let without_api = std::env::args().any(|argument| argument == "--no-referrers-api");
    let registry = Registry::builder().referrers_api(!without_api).start();
    println!("{}", registry.host());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{} requests", registry.requests().len());
    Ok(())
}

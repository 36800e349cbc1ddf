//! Times what asking about one path costs, over the paths that standard input lists.
//!
//! ```text
//! find / -xdev -type f -printf '%P\n' | cargo run --release -p plimsoll-sbom --example select
//! ```
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "an example for the terminal"
)]

use std::io::Read as _;
use std::time::Instant;

use plimsoll_core::rootfs::Attributes;
use plimsoll_sbom::select;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let paths: Vec<&str> = input.lines().collect();
    let attributes = Some(Attributes { size: 1, mode: 0o644 });
    let mut wanted = 0;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        wanted = paths.iter().filter(|path| !select().want(path, attributes).is_empty()).count();
    }
    let each = start.elapsed().as_nanos() as f64 / (ROUNDS * paths.len().max(1)) as f64;
    println!("{} paths, {wanted} wanted, {each:.0} ns each", paths.len());
}

const ROUNDS: usize = 20;

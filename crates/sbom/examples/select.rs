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

use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use plimsoll_core::rootfs::Attributes;
use plimsoll_sbom::select;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let attributes = Some(Attributes { size: 1, mode: 0o644 });
    let (wanted, unwanted): (Vec<&str>, Vec<&str>) =
        input.lines().partition(|path| !select().want(path, attributes).is_empty());
    for (paths, what) in [(wanted, "wanted"), (unwanted, "not wanted")] {
        // Of the fastest round, as the others were disturbed.
        let best = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                black_box(paths.iter().filter(|path| !select().want(path, attributes).is_empty()).count());
                start.elapsed()
            })
            .min()
            .unwrap();
        let each = best.as_nanos() as f64 / paths.len().max(1) as f64;
        println!("{} paths {what}: {each:.1} ns each", paths.len());
    }
}

const ROUNDS: usize = 20;

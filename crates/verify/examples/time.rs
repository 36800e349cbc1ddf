//! How long it takes to verify a keyless bundle, in memory: `cargo run --release -p plimsoll-verify --example time`.
//!
//! The bundles are those of the Sigstore conformance suite that have to pass, with real certificates, log entries and
//! timestamps of the public instance. Each line gives the median and the slowest of 200 runs, for everything (bundle and
//! trusted root parsed, artifact hashed) and for reading the trusted root alone, which is part of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a measurement that cannot be made ends with a panic, and its output is what it is for"
)]

use std::time::{Duration, Instant};

use plimsoll_verify::TrustedRoot;

#[path = "../tests/conformance/suite.rs"]
mod suite;

use suite::{Found, cases, judge};

const RUNS: usize = 200;
/// What the whole is to take at most.
const BUDGET: Duration = Duration::from_millis(3);

fn main() {
    let Some((cases, common)) = cases() else { return };
    let mut slowest = Duration::ZERO;
    for (name, files) in
        cases.iter().filter(|(name, files)| !name.ends_with("_fail") && !files.contains_key("key.pub"))
    {
        let kind = match judge(files, &common, false) {
            Ok(Found::Statement(_)) => "statement",
            Ok(Found::Message(_)) => "message",
            Err(error) => panic!("{name}: {error}"),
        };
        let (whole, worst) = measured(|| drop(judge(files, &common, false)));
        let root = files.get("trusted_root.json").map(Vec::as_slice);
        let (reading, _) = measured(|| match root {
            Some(bytes) => drop(TrustedRoot::parse(bytes)),
            None => drop(TrustedRoot::public_good()),
        });
        println!(
            "{name:<60} {kind:<10} {whole:>10.2?} (slowest {worst:.2?}), of it the trusted root {reading:.2?}"
        );
        slowest = slowest.max(whole);
    }
    println!(
        "slowest median {slowest:.2?}, budget {BUDGET:.2?}: {}",
        if slowest <= BUDGET { "holds" } else { "does not hold" }
    );
}

/// The median and the slowest of [`RUNS`] runs.
fn measured(work: impl Fn()) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[RUNS / 2], times[RUNS - 1])
}

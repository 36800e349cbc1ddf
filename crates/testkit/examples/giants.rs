//! Serves an image of any size from a [`GeneratingRegistry`], prints its reference, and stops at the end of
//! its standard input. For `bench/giants`.
//!
//! ```text
//! cargo run --release -p plimsoll-testkit --example giants -- LAYERS ENTRIES MEBIBYTES LARGEST
//! ```
//! `ENTRIES` empty files and `MEBIBYTES` are spread over all layers; the first layer has a file of `LARGEST` MiB.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an example for the terminal"
)]

use std::io::Read as _;

use plimsoll_testkit::{GeneratedLayer, GeneratingRegistry};

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let [layers, entries, mebibytes, largest] = numbers[..] else {
        panic!("usage: LAYERS ENTRIES MEBIBYTES LARGEST");
    };
    let rest = mebibytes.saturating_sub(largest);
    let layer = |number: u64| {
        let large = if number == 0 { largest } else { rest / (layers - 1).max(1) };
        let metadata = format!("usr/lib/python3/dist-packages/p{number}-1.0.dist-info/METADATA");
        GeneratedLayer::new(usize::try_from(number).unwrap())
            .file(&metadata, &format!("Metadata-Version: 2.1\nName: p{number}\nVersion: 1.0\n"))
            .empty_files(entries / layers + u64::from(number < entries % layers))
            .large_file(large << 20)
    };
    let layers: Vec<GeneratedLayer> = (0..layers).map(layer).collect();
    let registry = GeneratingRegistry::start(&layers);
    println!("{} {}", registry.reference(), registry.size());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

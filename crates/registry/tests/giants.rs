//! The peak memory of reading an image does not depend on its size. In its own test binary, because the peak is the process's.
//!
//! `bench/giants` does the same at full size, with the release build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::BTreeMap;

use plimsoll_core::Limits;
use plimsoll_http::{Client, Settings};
use plimsoll_image::artifact;
use plimsoll_image::{Source as _, layers};
use plimsoll_registry::Registry;
use plimsoll_testkit::{GeneratedLayer, GeneratingRegistry, WholeFiles};

const METADATA: WholeFiles =
    WholeFiles { rule: |path| path.ends_with("/METADATA"), fixed: &["etc/os-release"] };

/// Beyond what the process had before: buffers of the layers under way, 8 bytes for each path, and room to spare. Any one
/// of the layers' content, of the large file or of the names costs more.
const ALLOWED_KIB: u64 = 24 << 10;

#[test]
fn an_image_of_128_layers_and_100_000_entries_is_read_in_a_fixed_amount_of_memory() {
    const LAYERS: usize = 128;
    const ENTRIES: u64 = 100_000;
    let layer = |number: usize| {
        GeneratedLayer::new(number)
            .file(&format!("p{number}/METADATA"), &number.to_string())
            .empty_files(ENTRIES / LAYERS as u64)
            .large_file(if number == 0 { 128 << 20 } else { 1 << 20 })
    };
    let served = GeneratingRegistry::start(&(0..LAYERS).map(layer).collect::<Vec<_>>());
    assert!(served.size() > 250 << 20);
    let reference = served.reference().parse().unwrap();
    let client = Client::new(Settings::default()).unwrap();
    let source = Registry::new(client, &reference, None, Limits::default()).unwrap();
    let artifact = artifact::load(&source, &source.resolve().unwrap(), &Limits::default()).unwrap();
    let before = peak();

    let files = layers::read(&source, &artifact.images[0], &METADATA, &Limits::default(), &()).unwrap();

    let taken = peak() - before;
    let expected: BTreeMap<String, String> =
        (0..LAYERS).map(|number| (format!("p{number}/METADATA"), number.to_string())).collect();
    let found: BTreeMap<String, String> = files
        .iter()
        .map(|file| (file.path.clone(), String::from_utf8(WholeFiles::content(file).to_vec()).unwrap()))
        .collect();
    assert_eq!(found, expected);
    assert!(taken < ALLOWED_KIB, "peak grew by {taken} KiB, expected less than {ALLOWED_KIB}");
    let blobs = served.requests().iter().filter(|path| path.contains("/blobs/")).count();
    assert_eq!(blobs, LAYERS + 1, "each layer and the configuration once");
}

/// Peak resident memory so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

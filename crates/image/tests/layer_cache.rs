//! Entries of the cache of layers that were made by hand: those that fuzzing starts from.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use plimsoll_image::layers::cache::rewritten;
use plimsoll_testkit::WholeFiles;

#[test]
fn the_seeds_of_the_fuzz_target_are_whole_entries() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/layer_cache");
    for name in ["empty", "links"] {
        let seed = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(rewritten(&seed, &WholeFiles::ALL), Some(seed), "{name}");
    }
}

//! Images in the stores of this machine's engines: read from hand-made stores, from real bytes, and from bad
//! ones.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "the shared module has more than this test needs")]

mod containerd;
mod folder;
#[path = "../memory/mod.rs"]
mod memory;
mod podman;

use std::collections::BTreeMap;

use plimsoll_core::Limits;
use plimsoll_image::{Error, Source, artifact, layers};
use plimsoll_testkit::{Artifact, ImageBuilder, Layer};

/// All files of the source's only image.
fn read(source: &dyn Source) -> Result<BTreeMap<String, String>, Error> {
    let limits = Limits::default();
    let artifact = artifact::load(source, &source.resolve()?, &limits)?;
    let set = layers::read(source, &artifact.images[0], &memory::ALL, &limits, &())?;
    Ok(memory::texts(&set))
}

fn layered() -> Artifact {
    ImageBuilder::new()
        .layer(Layer::new().file("etc/a", "lower").file("etc/gone", "x").file("big", "b".repeat(5_000_000)))
        .layer(Layer::new().file("etc/a", "upper").whiteout("etc/gone").symlink("etc/link", "a"))
        .build()
}

fn is_layered(files: &BTreeMap<String, String>) {
    assert_eq!(files["etc/a"], "upper");
    assert!(!files.contains_key("etc/gone"), "{:?}", files.keys());
}

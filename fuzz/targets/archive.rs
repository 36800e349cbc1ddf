//! Archives of images (`docker save`, OCI layouts in a tar): opened, resolved, followed and read to the last layer.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Digest;
use plimsoll_fuzz::{WholeFiles, limits, scratch};
use plimsoll_image::archive::Archive;
use plimsoll_image::{Source, artifact, layers};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| scratch().join("image.tar"));

const ALL: WholeFiles = WholeFiles { rule: |_| true, fixed: &["etc/os-release"] };

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).unwrap();
    let limits = limits();
    for selector in [None, Some("app:1.0")] {
        let Ok(archive) = Archive::open(&FILE, selector, limits.clone()) else {
            continue;
        };
        let Ok(top) = archive.resolve() else {
            continue;
        };
        let _ = archive.referrers(&top.digest);
        let Ok(artifact) = artifact::load(&archive, &top, &limits) else {
            continue;
        };
        for image in &artifact.images {
            assert_eq!(Digest::sha256(&image.raw_manifest), image.manifest.digest);
            let _ = layers::read(&archive, image, &ALL, &limits, &());
        }
    }
});

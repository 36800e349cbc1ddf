//! containerd's metadata database (bbolt): pages, buckets, names, and what they lead to.
//!
//! The input is the file. The checksums of its two meta pages are put right, because no fuzzer finds one.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{limits, scratch};
use plimsoll_image::local::containerd::Containerd;
use plimsoll_image::{Source, artifact};

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = scratch();
    for part in ["io.containerd.metadata.v1.bolt", "io.containerd.content.v1.content/blobs/sha256"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    root
});

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    mend(&mut bytes, 0);
    let page_size = bytes.get(24..28).map(|size| u32::from_le_bytes(size.try_into().unwrap()));
    if let Some(second) = page_size.filter(|size| *size <= 1 << 16) {
        mend(&mut bytes, second as usize);
    }
    fs::write(ROOT.join("io.containerd.metadata.v1.bolt/meta.db"), bytes).unwrap();
    for namespace in [None, Some("k8s.io")] {
        let Ok(store) = Containerd::open(&[ROOT.clone()], namespace, "app:1", limits()) else {
            continue;
        };
        let top = store.resolve().unwrap();
        let _ = artifact::load(&store, &top, &limits());
        let _ = store.referrers(&top.digest);
    }
});

/// Writes the checksum (FNV-1a) of the meta page at `start`.
fn mend(bytes: &mut [u8], start: usize) {
    if let Some(meta) = start.checked_add(80).and_then(|end| bytes.get_mut(start + 16..end)) {
        let (content, sum) = meta.split_at_mut(56);
        let hash = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        sum.copy_from_slice(&hash.to_le_bytes());
    }
}

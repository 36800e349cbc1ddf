//! The storage of Podman, Buildah and CRI-O: `images.json`, `layers.json`, manifests and `tar-split`.
//!
//! Documents, in this order: images.json, layers.json, the manifest, the lines of one tar-split, which are compressed
//! here, and the configuration. `{ID}` and `{SIZE}` become the digest and length of the last.

#![no_main]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use plimsoll_core::Digest;
use plimsoll_fuzz::{WholeFiles, documents, limits, scratch};
use plimsoll_image::local::podman::Podman;
use plimsoll_image::{Source, artifact, layers};

const LAYER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = scratch();
    for part in ["overlay-layers".to_owned(), format!("overlay/{LAYER}/diff/etc")] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::write(folder.join(format!("overlay/{LAYER}/diff/etc/issue")), b"hello\n").unwrap();
    // Beside the layer, so that a path or a link could lead there.
    fs::write(folder.join("outside"), b"outside").unwrap();
    std::os::unix::fs::symlink("../../../../outside", folder.join(format!("overlay/{LAYER}/diff/link")))
        .unwrap();
    folder
});

const ALL: WholeFiles = WholeFiles { rule: |_| true, fixed: &[] };

fuzz_target!(|bytes: &[u8]| {
    let documents = documents(bytes);
    let config = documents.get(4).copied().unwrap_or_default();
    let id = Digest::sha256(config).hex();
    let document = |index: usize| {
        let text = String::from_utf8_lossy(documents.get(index).copied().unwrap_or_default());
        text.replace("{ID}", &id).replace("{SIZE}", &config.len().to_string())
    };
    let images = FOLDER.join("overlay-images");
    let _ = fs::remove_dir_all(&images);
    let big_data = images.join(&id);
    fs::create_dir_all(&big_data).unwrap();
    fs::write(images.join("images.json"), document(0)).unwrap();
    fs::write(FOLDER.join("overlay-layers/layers.json"), document(1)).unwrap();
    fs::write(big_data.join("manifest"), document(2)).unwrap();
    let mut split = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    split.write_all(documents.get(3).copied().unwrap_or_default()).unwrap();
    fs::write(FOLDER.join(format!("overlay-layers/{LAYER}.tar-split.gz")), split.finish().unwrap()).unwrap();
    fs::write(big_data.join(format!("={}", STANDARD.encode(format!("sha256:{id}")))), config).unwrap();

    let limits = limits();
    let Ok(store) = Podman::open(&[FOLDER.clone()], "app:1", limits.clone()) else {
        return;
    };
    let Ok(top) = store.resolve() else {
        return;
    };
    let _ = store.referrers(&top.digest);
    if let Ok(artifact) = artifact::load(&store, &top, &limits) {
        for image in &artifact.images {
            for layer in &image.layers {
                if let Ok(stream) = store.stored(layer).and_then(|stored| store.blob(&stored)) {
                    let mut tar = Vec::new();
                    let _ = stream.take(1 << 20).read_to_end(&mut tar);
                    // Nothing outside of the unpacked layer is ever read.
                    assert!(!tar.windows(7).any(|window| window == b"outside"));
                }
            }
            let _ = layers::read(&store, image, &ALL, &limits, &());
        }
    }
});

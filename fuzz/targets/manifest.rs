//! Manifests, indexes and image configurations, and following one to the other.
//!
//! Of one document: it is tried under every media type. Of several: the first is the configuration, the others are
//! layers, below a manifest and an index that name them rightly.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{Memory, documents, limits};
use plimsoll_image::manifest::{self, Document};
use plimsoll_image::{Source, artifact, media};
use serde_json::json;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

fuzz_target!(|bytes: &[u8]| {
    let limits = limits();
    let documents = documents(bytes);
    if let [document] = documents.as_slice() {
        let mut accepted = Vec::new();
        for media_type in [media::OCI_MANIFEST, media::OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST] {
            let Ok(parsed) = manifest::parse(document, media_type, "manifest", &limits) else {
                continue;
            };
            let written = match &parsed {
                Document::Index(index) => {
                    assert!(media::is_index(media_type) && index.manifests.len() <= limits.index_entries);
                    serde_json::to_vec(index).unwrap()
                }
                Document::Manifest(manifest) => {
                    assert!(media::is_manifest(media_type) && manifest.layers.len() <= limits.layers);
                    serde_json::to_vec(manifest).unwrap()
                }
            };
            assert_eq!(manifest::parse(&written, media_type, "manifest", &limits).unwrap(), parsed);
            accepted.push(media::is_index(media_type));
            let mut memory = Memory::default();
            let top = memory.put_top(media_type, document);
            let _ = artifact::load(&memory, &top, &limits);
        }
        // No document is an image for one reader and an index for another (CVE-2021-41190).
        assert!(accepted.windows(2).all(|pair| pair[0] == pair[1]));
        let _ = manifest::parse_layout_index(document, "index.json", &limits);
        return;
    }
    let mut memory = Memory::default();
    let config = memory.put("application/vnd.oci.image.config.v1+json", documents[0]);
    let layers: Vec<_> =
        documents[1..].iter().map(|l| memory.put("application/vnd.oci.image.layer.v1.tar", l)).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
    let manifest = memory.put(media::OCI_MANIFEST, manifest.as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [manifest]}).to_string();
    memory.put_top(media::OCI_INDEX, index.as_bytes());
    if let Ok(artifact) = artifact::load(&memory, &memory.resolve().unwrap(), &limits) {
        for image in &artifact.images {
            assert_eq!(image.layers.len(), layers.len());
        }
    }
});

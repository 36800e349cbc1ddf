//! The content of the registry: blobs, manifests and tags per repository, and the referrers among the
//! manifests.

use plimsoll_core::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A manifest as it was pushed.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Repository {
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    pub(super) manifests: BTreeMap<String, Manifest>,
    /// Digests in the order of arrival: the order of the referrers list.
    order: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Repository {
    pub(super) fn put_manifest(&mut self, media_type: &str, bytes: Vec<u8>) -> Digest {
        let digest = Digest::sha256(&bytes);
        let manifest = Manifest { media_type: media_type.to_owned(), bytes };
        if self.manifests.insert(digest.to_string(), manifest).is_none() {
            self.order.push(digest.to_string());
        }
        digest
    }

    /// The manifest by tag or digest, with its digest.
    pub(super) fn manifest(&self, reference: &str) -> Option<(String, &Manifest)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests.get(digest).map(|m| (digest.to_owned(), m))
    }

    /// Blobs and child manifests that `manifest` names but that are missing.
    pub(super) fn missing(&self, manifest: &Value) -> Vec<String> {
        let digest = |v: &Value| v["digest"].as_str().map(str::to_owned);
        let layers = manifest["layers"].as_array().into_iter().flatten().filter_map(digest);
        let blobs = digest(&manifest["config"]).into_iter().chain(layers);
        let children = manifest["manifests"].as_array().into_iter().flatten().filter_map(digest);
        blobs
            .filter(|d| !self.blobs.contains_key(d))
            .chain(children.filter(|d| !self.manifests.contains_key(d)))
            .collect()
    }

    /// Descriptors of the manifests whose `subject` is `digest`, in order of arrival.
    pub(super) fn referrers(&self, digest: &str) -> Vec<Value> {
        self.order
            .iter()
            .filter_map(|d| Some((d, self.manifests.get(d)?)))
            .filter_map(|(d, m)| {
                let value: Value = serde_json::from_slice(&m.bytes).ok()?;
                if value["subject"]["digest"].as_str() != Some(digest) {
                    return None;
                }
                let mut descriptor = json!({"mediaType": m.media_type, "digest": d, "size": m.bytes.len()});
                let artifact_type =
                    value["artifactType"].as_str().or_else(|| value["config"]["mediaType"].as_str());
                if let Some(artifact_type) = artifact_type {
                    descriptor["artifactType"] = json!(artifact_type);
                }
                if value["annotations"].is_object() {
                    descriptor["annotations"] = value["annotations"].clone();
                }
                Some(descriptor)
            })
            .collect()
    }
}

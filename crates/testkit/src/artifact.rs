//! A finished artifact: its top document, everything below it, and the ways to put it somewhere.
//!
//! Layout and OCI archive follow the OCI image layout 1.0 (`oci-layout`, `index.json`, `blobs/sha256/…`); the
//! docker-archive is the former format of `docker save` (`manifest.json`, `<hex>.json`, `<hex>/layer.tar`).

use crate::archive::{self, Member};
use crate::layer::BuiltLayer;
use crate::registry::Registry;
use plimsoll_core::Digest;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The kind of object in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A manifest or an index.
    Manifest,
    /// A configuration, a layer or any other blob.
    Blob,
}

/// Some bytes with their media type.
#[derive(Debug, Clone)]
pub struct Object {
    /// The kind, which decides where registries keep it.
    pub kind: ObjectKind,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Object {
    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }

    /// `{"mediaType": …, "digest": …, "size": …}`.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest().to_string(), "size": self.bytes.len()})
    }
}

/// One platform's image.
#[derive(Debug, Clone)]
pub struct ImageParts {
    /// The platform manifest.
    pub manifest: Object,
    /// The configuration.
    pub config: Object,
    /// The layers as they are sent, base first.
    pub layers: Vec<Object>,
    /// The digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
    pub(crate) platform: Value,
    pub(crate) built: Vec<BuiltLayer>,
}

/// An index, an image or an attachment, ready to be put somewhere.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The document that refers to the others, directly or indirectly.
    pub top: Object,
    /// The images below: one for a plain image, none for an attachment.
    pub images: Vec<ImageParts>,
    /// Everything except `top`, blobs before the manifests that name them.
    pub parts: Vec<Object>,
}

impl Artifact {
    /// The top document's digest.
    pub fn digest(&self) -> Digest {
        self.top.digest()
    }

    /// The top document's size in bytes.
    pub fn size(&self) -> u64 {
        self.top.bytes.len() as u64
    }

    /// The top document's media type.
    pub fn media_type(&self) -> &str {
        &self.top.media_type
    }

    /// The only or first image.
    pub fn image(&self) -> &ImageParts {
        &self.images[0]
    }

    /// Stores it in the fake registry under `tag`; returns the digest.
    pub fn push(&self, registry: &Registry, repository: &str, tag: &str) -> Digest {
        let digest = self.push_by_digest(registry, repository);
        registry.tag(repository, tag, &digest);
        digest
    }

    /// Stores it in the fake registry without a tag.
    pub fn push_by_digest(&self, registry: &Registry, repository: &str) -> Digest {
        for object in self.parts.iter().chain([&self.top]) {
            match object.kind {
                ObjectKind::Blob => registry.add_blob(repository, object.bytes.clone()),
                ObjectKind::Manifest => {
                    registry.add_manifest(repository, &object.media_type, object.bytes.clone())
                }
            };
        }
        self.digest()
    }

    /// Writes or extends an OCI layout directory; `name` becomes `org.opencontainers.image.ref.name`.
    pub fn write_layout(&self, directory: &Path, name: Option<&str>) {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        for object in self.parts.iter().chain([&self.top]) {
            fs::write(blobs.join(object.digest().hex()), &object.bytes).unwrap();
        }
        fs::write(directory.join("oci-layout"), archive::OCI_LAYOUT).unwrap();
        let path = directory.join("index.json");
        let mut index = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
            Err(_) => empty_index(),
        };
        index["manifests"].as_array_mut().unwrap().push(self.entry(name));
        fs::write(path, index.to_string()).unwrap();
    }

    /// Writes an OCI image layout as one tar file.
    pub fn write_oci_archive(&self, file: &Path, name: Option<&str>) {
        let mut index = empty_index();
        index["manifests"].as_array_mut().unwrap().push(self.entry(name));
        let mut members = vec![
            Member::new("oci-layout", archive::OCI_LAYOUT),
            Member::new("index.json", index.to_string()),
        ];
        let mut paths: Vec<(String, &Object)> = self
            .parts
            .iter()
            .chain([&self.top])
            .map(|object| (format!("blobs/sha256/{}", object.digest().hex()), object))
            .collect();
        paths.sort_by(|a, b| a.0.cmp(&b.0));
        paths.dedup_by(|a, b| a.0 == b.0);
        members.extend(paths.into_iter().map(|(path, object)| Member::new(&path, object.bytes.clone())));
        fs::write(file, archive::tar(&members)).unwrap();
    }

    /// Writes the first image as a docker-archive; `name` is a reference such as `app:1.0`.
    pub fn write_docker_archive(&self, file: &Path, name: Option<&str>) {
        let image = self.image();
        let config = format!("{}.json", image.config.digest().hex());
        let mut members = Vec::new();
        let mut layers = Vec::new();
        for (position, layer) in image.built.iter().enumerate() {
            // docker names the folders by a chained identifier, which distinguishes equal layers; here the
            // position does.
            let path = format!("{position:02}{}/layer.tar", &layer.diff_id.hex()[2..]);
            members.push(Member::new(&path, layer.tar.clone()));
            layers.push(path);
        }
        members.push(Member::new(&config, image.config.bytes.clone()));
        let tags: Vec<&str> = name.into_iter().collect();
        let manifest = json!([{"Config": config, "RepoTags": tags, "Layers": layers}]);
        members.push(Member::new("manifest.json", manifest.to_string()));
        fs::write(file, archive::tar(&members)).unwrap();
    }

    fn entry(&self, name: Option<&str>) -> Value {
        let mut descriptor = self.top.descriptor();
        if let Some(name) = name {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        descriptor
    }
}

fn empty_index() -> Value {
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
}

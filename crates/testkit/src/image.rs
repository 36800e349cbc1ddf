//! Images, indexes and attachments with the documents around them, OCI or Docker schema 2.
//!
//! Specification: OCI image 1.1 (manifest, index, configuration), Docker image manifest version 2, schema 2.

use crate::artifact::{Artifact, ImageParts, Object, ObjectKind};
use crate::layer::{BuiltLayer, Compression, Layer};
use plimsoll_core::Digest;
use serde_json::{Map, Value, json};

/// Builds one platform's image.
pub struct ImageBuilder {
    layers: Vec<BuiltLayer>,
    platform: Value,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    user: Option<String>,
    created: Option<String>,
    docker: bool,
    forged_diff_ids: Vec<(usize, Digest)>,
    /// Steps without a layer, each with the number of layers below it.
    steps: Vec<(usize, String)>,
}

/// Builds an index over several images.
#[derive(Default)]
pub struct IndexBuilder {
    images: Vec<Artifact>,
    raw: Vec<Value>,
    docker: bool,
}

impl ImageBuilder {
    /// linux/amd64, created 2026-01-01, no layers.
    pub fn new() -> Self {
        Self {
            layers: Vec::new(),
            platform: json!({"os": "linux", "architecture": "amd64"}),
            labels: Map::new(),
            annotations: Map::new(),
            user: None,
            created: Some("2026-01-01T00:00:00Z".to_owned()),
            docker: false,
            forged_diff_ids: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Adds a layer on top.
    #[must_use]
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer.build());
        self
    }

    /// Adds a step to the history that makes no layer, such as `CMD ["bash"]`.
    #[must_use]
    pub fn step(mut self, command: &str) -> Self {
        self.steps.push((self.layers.len(), command.to_owned()));
        self
    }

    /// `os/architecture` or `os/architecture/variant`.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        let mut parts = platform.split('/');
        self.platform = json!({"os": parts.next(), "architecture": parts.next()});
        if let Some(variant) = parts.next() {
            self.platform["variant"] = json!(variant);
        }
        self
    }

    /// Sets a label of the configuration.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), json!(value));
        self
    }

    /// Sets an annotation of the manifest.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), json!(value));
        self
    }

    /// Sets the user that the image runs as.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// The creation time, RFC 3339; any text is written as it is.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        self.created = Some(time.to_owned());
        self
    }

    /// No creation time.
    #[must_use]
    pub fn without_created(mut self) -> Self {
        self.created = None;
        self
    }

    /// Docker schema 2 media types instead of OCI's.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// The configuration names this diff ID for the layer at `position`, instead of the real one.
    #[must_use]
    pub fn forged_diff_id(mut self, position: usize, diff_id: Digest) -> Self {
        self.forged_diff_ids.push((position, diff_id));
        self
    }

    /// Writes the documents.
    pub fn build(self) -> Artifact {
        let mut diff_ids: Vec<Digest> = self.layers.iter().map(|l| l.diff_id).collect();
        for (position, diff_id) in &self.forged_diff_ids {
            diff_ids[*position] = *diff_id;
        }
        let config = Object {
            kind: ObjectKind::Blob,
            media_type: if self.docker {
                "application/vnd.docker.container.image.v1+json".to_owned()
            } else {
                "application/vnd.oci.image.config.v1+json".to_owned()
            },
            bytes: self.config(&diff_ids).to_string().into_bytes(),
        };
        let layers: Vec<Object> = self
            .layers
            .iter()
            .map(|layer| Object {
                kind: ObjectKind::Blob,
                media_type: layer_type(layer.compression, self.docker).to_owned(),
                bytes: layer.compressed.clone(),
            })
            .collect();
        let media_type = if self.docker {
            "application/vnd.docker.distribution.manifest.v2+json"
        } else {
            "application/vnd.oci.image.manifest.v1+json"
        };
        let mut descriptors: Vec<Value> = layers.iter().map(Object::descriptor).collect();
        for (descriptor, layer) in descriptors.iter_mut().zip(&self.layers) {
            for (name, value) in &layer.annotations {
                descriptor["annotations"][name] = json!(value);
            }
        }
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.descriptor(),
            "layers": descriptors,
        });
        if !self.annotations.is_empty() {
            manifest["annotations"] = Value::Object(self.annotations);
        }
        let top = manifest_object(media_type, &manifest);
        let parts = [config.clone()].into_iter().chain(layers.iter().cloned()).collect();
        let image = ImageParts {
            manifest: top.clone(),
            config,
            layers,
            diff_ids,
            platform: self.platform,
            built: self.layers,
        };
        Artifact { top, images: vec![image], parts }
    }

    fn config(&self, diff_ids: &[Digest]) -> Value {
        let mut inner = json!({});
        if !self.labels.is_empty() {
            inner["Labels"] = Value::Object(self.labels.clone());
        }
        if let Some(user) = &self.user {
            inner["User"] = json!(user);
        }
        let diff_ids: Vec<String> = diff_ids.iter().map(ToString::to_string).collect();
        let layers = self.layers.iter().map(|layer| match &layer.created_by {
            Some(command) => json!({"created_by": command}),
            None => json!({}),
        });
        let mut history: Vec<Value> = layers.collect();
        for (written, (below, command)) in self.steps.iter().enumerate() {
            history.insert(below + written, json!({"created_by": command, "empty_layer": true}));
        }
        let mut config = json!({
            "os": self.platform["os"],
            "architecture": self.platform["architecture"],
            "config": inner,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        if self.platform["variant"].is_string() {
            config["variant"] = self.platform["variant"].clone();
        }
        if let Some(created) = &self.created {
            config["created"] = json!(created);
        }
        config
    }
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl IndexBuilder {
    /// An empty OCI index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image with its platform.
    #[must_use]
    pub fn image(mut self, image: Artifact) -> Self {
        self.images.push(image);
        self
    }

    /// Adds any descriptor after the images: attestation manifests, children that do not exist.
    #[must_use]
    pub fn descriptor(mut self, descriptor: Value) -> Self {
        self.raw.push(descriptor);
        self
    }

    /// A Docker manifest list instead of an OCI index.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Writes the index.
    pub fn build(self) -> Artifact {
        let media_type = if self.docker {
            "application/vnd.docker.distribution.manifest.list.v2+json"
        } else {
            "application/vnd.oci.image.index.v1+json"
        };
        let mut descriptors = Vec::new();
        let mut images = Vec::new();
        let mut parts = Vec::new();
        for artifact in self.images {
            let mut descriptor = artifact.top.descriptor();
            descriptor["platform"] = artifact.image().platform.clone();
            descriptors.push(descriptor);
            parts.extend(artifact.parts);
            parts.push(artifact.top);
            images.extend(artifact.images);
        }
        descriptors.extend(self.raw);
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors});
        Artifact { top: manifest_object(media_type, &index), images, parts }
    }
}

/// An OCI artifact manifest that refers to `subject`: empty configuration, one layer, an artifact type.
pub fn attachment(subject: &Object, artifact_type: &str, layer_type: &str, layer: &[u8]) -> Artifact {
    let config = Object {
        kind: ObjectKind::Blob,
        media_type: "application/vnd.oci.empty.v1+json".to_owned(),
        bytes: b"{}".to_vec(),
    };
    let layer = Object { kind: ObjectKind::Blob, media_type: layer_type.to_owned(), bytes: layer.to_vec() };
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "artifactType": artifact_type,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
        "subject": subject.descriptor(),
    });
    Artifact { top: manifest_object(media_type, &manifest), images: Vec::new(), parts: vec![config, layer] }
}

fn manifest_object(media_type: &str, document: &Value) -> Object {
    Object {
        kind: ObjectKind::Manifest,
        media_type: media_type.to_owned(),
        bytes: document.to_string().into_bytes(),
    }
}

fn layer_type(compression: Compression, docker: bool) -> &'static str {
    match (compression, docker) {
        (Compression::Gzip, false) => "application/vnd.oci.image.layer.v1.tar+gzip",
        (Compression::Zstd, false) => "application/vnd.oci.image.layer.v1.tar+zstd",
        (Compression::Plain, false) => "application/vnd.oci.image.layer.v1.tar",
        (Compression::Gzip, true) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        // Docker has no type of its own for zstd; buildkit writes this one.
        (Compression::Zstd, true) => "application/vnd.docker.image.rootfs.diff.tar.zstd",
        (Compression::Plain, true) => "application/vnd.docker.image.rootfs.diff.tar",
    }
}

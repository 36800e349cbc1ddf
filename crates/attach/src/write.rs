//! Writing what is attached to an image.
//!
//! Owns the OCI manifest that ties a bundle to its subject, in exactly the shape that cosign v3 writes and looks for
//! (cosign's `BUNDLE_SPEC`, OCI image specification 1.1, "Guidelines for Artifact Usage"). The store takes care of
//! registries without the referrers API.
//!
//! ```json
//! {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
//!  "config": {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": "sha256:4413…",
//!             "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
//!  "layers": [{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "size": 699, "digest": "sha256:59fc…"}],
//!  "annotations": {"dev.sigstore.bundle.content": "dsse-envelope",
//!                  "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
//!                  "org.opencontainers.image.created": "2026-11-21T01:18:01Z"},
//!  "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 401, "digest": "sha256:4a78…"},
//!  "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}
//! ```

use std::collections::BTreeMap;

use plimsoll_core::{Digest, Timestamp};
use plimsoll_image::{Descriptor, Store, media};
use plimsoll_verify::BUNDLE_V0_3;
use serde::Serialize;

use crate::Error;

/// When the artifact was created; readers show it and sort by it.
pub(crate) const CREATED: &str = "org.opencontainers.image.created";

/// What attaching a bundle wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachedBundle {
    /// The SHA-256 of the bundle.
    pub bundle: Digest,
    /// The digest of the manifest that ties it to its subject.
    pub referrer: Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: Object,
    layers: [Object; 1],
    annotations: BTreeMap<&'a str, &'a str>,
    subject: Object,
    artifact_type: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    media_type: String,
    size: u64,
    digest: Digest,
    /// cosign states the type here too, for clients older than OCI 1.1 that build the list of referrers from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'static str>,
}

/// Attaches a bundle with a statement of `predicate_type` to `subject`.
pub fn attach_bundle(
    store: &dyn Store,
    subject: &Descriptor,
    bundle: &[u8],
    predicate_type: &str,
    now: Timestamp,
) -> Result<AttachedBundle, Error> {
    let created = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let config = store.put_blob(media::OCI_EMPTY, b"{}")?;
    let layer = store.put_blob(BUNDLE_V0_3, bundle)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: media::OCI_MANIFEST,
        config: Object { artifact_type: Some(BUNDLE_V0_3), ..Object::new(&config, media::OCI_EMPTY) },
        layers: [Object::new(&layer, BUNDLE_V0_3)],
        annotations: BTreeMap::from([
            (CREATED, created.as_str()),
            ("dev.sigstore.bundle.content", "dsse-envelope"),
            ("dev.sigstore.bundle.predicateType", predicate_type),
        ]),
        subject: Object::new(subject, &subject.media_type),
        artifact_type: BUNDLE_V0_3,
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|_| Error::Manifest)?;
    let referrer = store.attach(media::OCI_MANIFEST, &bytes)?;
    Ok(AttachedBundle { bundle: layer.digest, referrer: referrer.digest })
}

/// Attaches a file as it is, unsigned: an OCI artifact of type `media_type`. Returns the manifest's descriptor.
pub fn attach_file(
    store: &dyn Store,
    subject: &Descriptor,
    bytes: &[u8],
    media_type: &str,
    now: Timestamp,
) -> Result<Descriptor, Error> {
    let created = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let config = store.put_blob(media::OCI_EMPTY, b"{}")?;
    let layer = store.put_blob(media_type, bytes)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: media::OCI_MANIFEST,
        config: Object::new(&config, media::OCI_EMPTY),
        layers: [Object::new(&layer, media_type)],
        annotations: BTreeMap::from([(CREATED, created.as_str())]),
        subject: Object::new(subject, &subject.media_type),
        artifact_type: media_type,
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|_| Error::Manifest)?;
    Ok(store.attach(media::OCI_MANIFEST, &bytes)?)
}

impl Object {
    fn new(descriptor: &Descriptor, media_type: &str) -> Self {
        Self {
            media_type: media_type.to_owned(),
            size: descriptor.size,
            digest: descriptor.digest,
            artifact_type: None,
        }
    }
}

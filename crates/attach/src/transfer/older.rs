//! Merging what older versions of cosign stored under tags with what the destination has under the same tags.
//!
//! A manifest under `sha256-<hex>.sig` or `.att` has a layer for each signature. Whoever may push to the source could store
//! junk there, which must not replace good signatures at the destination. An SBOM under `.sbom` has one layer and cannot be
//! merged: the one at the destination stays.
//!
//! ```json
//! {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
//!  "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:…", "size": 400},
//!  "layers": [{"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": "sha256:…", "size": 244,
//!              "annotations": {"dev.cosignproject.cosign/signature": "MEUC…"}}, …]}
//! ```

use std::collections::BTreeSet;

use plimsoll_core::{Digest, LimitExceeded, Limits, json};
use plimsoll_image::manifest::{self, Document, Manifest};
use plimsoll_image::{Descriptor, Error as ImageError, Store};
use serde_json::{Value, json as object};

use crate::Error;

/// The time in such configurations.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The result for a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The destination has what the source has, and what it had before.
    Together,
    /// The destination has another SBOM, which stays.
    Kept(Digest),
}

/// Adds the layers of the manifest in `bytes` to the one under `tag` at the destination.
pub(super) fn merge(
    destination: &dyn Store,
    tag: &str,
    descriptor: &Descriptor,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::Together;
    destination.update(tag, &mut |there| {
        let ours = || Ok(Some((descriptor.media_type.clone(), bytes.to_vec())));
        let Some((found, there)) = there else { return ours() };
        if found.digest == descriptor.digest {
            return Ok(None);
        }
        if tag.split('.').next_back() == Some("sbom") {
            outcome = Outcome::Kept(found.digest);
            return Ok(None);
        }
        let what = format!("{tag} at the destination");
        let (new, old) =
            (signatures(descriptor, bytes, &what, limits)?, signatures(found, there, &what, limits)?);
        if old.layers.iter().all(|layer| contains(&new, layer)) {
            return ours();
        }
        if new.layers.iter().all(|layer| contains(&old, layer)) {
            return Ok(None);
        }
        together(destination, found, there, (&old, &new), bytes, limits).map(Some)
    })?;
    Ok(outcome)
}

/// A manifest with what distinguishes its layers: two signatures of one image have the same payload, and so the same digest.
struct Signatures {
    layers: Vec<Descriptor>,
    keys: BTreeSet<String>,
}

fn contains(signatures: &Signatures, layer: &Descriptor) -> bool {
    signatures.keys.contains(&key(layer))
}

fn key(layer: &Descriptor) -> String {
    format!("{} {} {:?}", layer.digest, layer.media_type, layer.annotations)
}

fn signatures(
    descriptor: &Descriptor,
    bytes: &[u8],
    what: &str,
    limits: &Limits,
) -> Result<Signatures, ImageError> {
    match manifest::parse(bytes, &descriptor.media_type, what, limits)? {
        Document::Manifest(Manifest { layers, .. }) => {
            let keys = layers.iter().map(key).collect();
            Ok(Signatures { layers, keys })
        }
        Document::Index(_) => Err(ImageError::Malformed {
            what: what.to_owned(),
            problem: "got an index, expected a manifest with signatures".to_owned(),
        }),
    }
}

/// The destination's manifest with the source's layers after its own, because readers stop after a number of layers.
fn together(
    destination: &dyn Store,
    found: &Descriptor,
    there: &[u8],
    (old, new): (&Signatures, &Signatures),
    bytes: &[u8],
    limits: &Limits,
) -> Result<(String, Vec<u8>), ImageError> {
    let what = format!("manifest {}", found.digest);
    let value = |bytes: &[u8]| {
        json::value(bytes, limits.manifest_bytes)
            .map_err(|source| ImageError::Json { what: what.clone(), source })
    };
    let (mut merged, source) = (value(there)?, value(bytes)?);
    let mut layers = list(&merged);
    // Unchanged, including unknown members.
    let added = list(&source).into_iter().zip(&new.layers).filter(|(_, layer)| !contains(old, layer));
    layers.extend(added.map(|(layer, _)| layer));
    if layers.len() > limits.referrers {
        return Err(LimitExceeded::new("referrers", limits.referrers as u64, what).into());
    }
    // As cosign writes it: the layers are not compressed, so their digests are those of their content.
    let digests: Vec<&Value> = layers.iter().filter_map(|layer| layer.get("digest")).collect();
    let history = vec![object!({"created": NEVER}); layers.len()];
    let config = object!({
        "architecture": "", "config": {}, "created": NEVER, "history": history, "os": "",
        "rootfs": {"type": "layers", "diff_ids": digests},
    });
    let media_type =
        merged.pointer("/config/mediaType").and_then(Value::as_str).unwrap_or_default().to_owned();
    let config = destination.put_blob(&media_type, &json::canonical(&config))?;
    if let Some(merged) = merged.as_object_mut() {
        let config = object!({"mediaType": media_type, "digest": config.digest, "size": config.size});
        merged.insert("config".to_owned(), config);
        merged.insert("layers".to_owned(), Value::Array(layers));
    }
    Ok((found.media_type.clone(), json::canonical(&merged)))
}

fn list(manifest: &Value) -> Vec<Value> {
    manifest.get("layers").and_then(Value::as_array).cloned().unwrap_or_default()
}

//! Manifests and indexes, read so strictly that no other reader can understand them differently.
//!
//! Follows the OCI image specification ("Image Manifest", "Image Index") and Docker's schema 2. In addition to what the
//! formats forbid, these are refused: a document with both `manifests` and `layers` (CVE-2021-41190), a body whose
//! `mediaType` differs from its descriptor or `Content-Type`, members whose names differ from a known one only in case
//! (Go's JSON decoder reads `Layers` as `layers`; this one does not), and Docker schema 1.
//!
//! ```json
//! {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
//!  "config": {"mediaType": "…", "digest": "sha256:…", "size": 7023}, "layers": [{"…": "…"}]}
//! ```

use std::collections::BTreeMap;

use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits, json};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::descriptor::null_is_default;
use crate::{Descriptor, Error, media};

/// A manifest of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and moved twice at most")]
pub enum Document {
    /// Points to further manifests, one for each platform.
    Index(Index),
    /// Describes one image or artifact.
    Manifest(Manifest),
}

/// An OCI image index or Docker manifest list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// The type in the body, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The children, in the order of the document.
    pub manifests: Vec<Descriptor>,
    /// The subject, for referrers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An OCI image manifest or Docker manifest, of an image or any other artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The type in the body, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// The subject, for referrers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Reads the manifest `bytes` of type `media_type` (from the descriptor or `Content-Type`). The caller has checked the
/// digest. `what` is for errors: `manifest sha256:…`.
pub fn parse(bytes: &[u8], media_type: &str, what: &str, limits: &Limits) -> Result<Document, Error> {
    if media::is_schema1(media_type) {
        return Err(Error::Schema1 { what: what.to_owned() });
    }
    let raw: Raw = strict(bytes, what, limits, MANIFEST_NAMES)?;
    if raw.schema_version == Some(1) || raw.fs_layers.is_some() {
        return Err(Error::Schema1 { what: what.to_owned() });
    }
    if raw.manifests.is_some() && (raw.layers.is_some() || raw.config.is_some()) {
        return Err(Error::Ambiguous { what: what.to_owned() });
    }
    if let Some(body) = &raw.media_type
        && body != media_type
    {
        return Err(Error::MediaTypeMismatch {
            what: what.to_owned(),
            got: shown(body),
            expected: shown(media_type),
        });
    }
    if raw.schema_version != Some(2) {
        let got = raw.schema_version.map_or_else(|| "none".to_owned(), |v| v.to_string());
        return Err(Error::malformed(what, format!("got schemaVersion {got}, expected 2")));
    }
    if media::is_index(media_type) {
        raw.into_index(what, limits).map(Document::Index)
    } else if media::is_manifest(media_type) {
        raw.into_manifest(what, limits).map(Document::Manifest)
    } else {
        Err(Error::NotAnImage {
            what: what.to_owned(),
            problem: format!("its media type is {}", shown(media_type)),
        })
    }
}

/// Reads a layout's `index.json`, which has no descriptor and may lack a `mediaType`.
pub fn parse_layout_index(bytes: &[u8], what: &str, limits: &Limits) -> Result<Index, Error> {
    match parse(bytes, media::OCI_INDEX, what, limits)? {
        Document::Index(index) => Ok(index),
        Document::Manifest(_) => Err(Error::malformed(what, "got a manifest, expected an index")),
    }
}

/// Every member of the formats above; `fsLayers` is schema 1's.
const MANIFEST_NAMES: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "manifests",
    "config",
    "layers",
    "subject",
    "annotations",
    "fsLayers",
    "digest",
    "size",
    "urls",
    "platform",
    "os",
    "architecture",
    "variant",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u32>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "null_is_default")]
    annotations: BTreeMap<String, String>,
    fs_layers: Option<IgnoredAny>,
}

impl Raw {
    fn into_index(self, what: &str, limits: &Limits) -> Result<Index, Error> {
        let Some(manifests) = self.manifests else {
            return Err(Error::malformed(what, "an index without manifests"));
        };
        count("index_entries", manifests.len(), limits.index_entries, what)?;
        Ok(Index {
            schema_version: 2,
            media_type: self.media_type,
            artifact_type: self.artifact_type,
            manifests,
            subject: self.subject,
            annotations: self.annotations,
        })
    }

    fn into_manifest(self, what: &str, limits: &Limits) -> Result<Manifest, Error> {
        let (Some(config), Some(layers)) = (self.config, self.layers) else {
            return Err(Error::malformed(what, "a manifest without config or layers"));
        };
        count("layers", layers.len(), limits.layers, what)?;
        Ok(Manifest {
            schema_version: 2,
            media_type: self.media_type,
            artifact_type: self.artifact_type,
            config,
            layers,
            subject: self.subject,
            annotations: self.annotations,
        })
    }
}

fn count(name: &'static str, got: usize, limit: usize, what: &str) -> Result<(), Error> {
    if got > limit {
        return Err(LimitExceeded::new(name, limit as u64, what).into());
    }
    Ok(())
}

/// Reads a JSON document, refusing members that a case-insensitive decoder would treat as one of `names`.
pub(crate) fn strict<T: DeserializeOwned>(
    bytes: &[u8],
    what: &str,
    limits: &Limits,
    names: &[&str],
) -> Result<T, Error> {
    let failed = |source| Error::Json { what: what.to_owned(), source };
    let value = json::value(bytes, limits.manifest_bytes).map_err(failed)?;
    if let Some(name) = lookalike(&value, names) {
        return Err(Error::malformed(
            what,
            format!("member `{}` differs from a known one only in case", shown(name)),
        ));
    }
    json::from_slice(bytes, limits.manifest_bytes).map_err(failed)
}

/// The first member whose name equals one of `names` only after case folding. Recursion is bounded by the depth that
/// strict JSON allows. `annotations` and `config.Labels` contain free text and no known names.
fn lookalike<'a>(value: &'a Value, names: &[&str]) -> Option<&'a str> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| lookalike(item, names)),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if !names.contains(&name.as_str()) && names.iter().any(|known| fold(known) == fold(name)) {
                return Some(name.as_str());
            }
            if name == "annotations" || name == "Labels" { None } else { lookalike(member, names) }
        }),
        _ => None,
    }
}

/// Go compares member names with simple Unicode folding, in which `ſ` is `s` and the Kelvin sign is `k`.
fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":3}}"#)
    }

    fn read(text: &str, media_type: &str) -> Result<Document, Error> {
        parse(text.as_bytes(), media_type, "manifest", &Limits::default())
    }

    #[test]
    fn docker_and_oci_manifests_are_read() {
        for (media_type, config) in
            [(media::OCI_MANIFEST, media::OCI_CONFIG), (media::DOCKER_MANIFEST, media::DOCKER_CONFIG)]
        {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{},"layers":[{}]}}"#,
                descriptor(config),
                descriptor(media::OCI_LAYER_GZIP)
            );
            let Document::Manifest(manifest) = read(&text, media_type).unwrap() else { panic!("a manifest") };
            assert_eq!(manifest.layers.len(), 1);
        }
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptor(media::OCI_MANIFEST));
        assert!(matches!(read(&text, media::OCI_INDEX).unwrap(), Document::Index(_)));
    }

    #[test]
    fn schema_1_is_refused_by_name() {
        let error = read(r#"{"schemaVersion":1,"fsLayers":[]}"#, media::DOCKER_MANIFEST).unwrap_err();
        assert!(matches!(error, Error::Schema1 { .. }), "{error}");
        let error = read("{}", media::DOCKER_SCHEMA1_SIGNED).unwrap_err();
        assert!(matches!(error, Error::Schema1 { .. }), "{error}");
    }

    #[test]
    fn too_many_layers_and_manifests_name_the_limit() {
        let limits = Limits::default();
        let many = vec![descriptor(media::OCI_LAYER); limits.layers + 1].join(",");
        let text =
            format!(r#"{{"schemaVersion":2,"config":{},"layers":[{many}]}}"#, descriptor(media::OCI_CONFIG));
        assert!(read(&text, media::OCI_MANIFEST).unwrap_err().to_string().contains("layers = 512"));
        let many = vec![descriptor(media::OCI_MANIFEST); limits.index_entries + 1].join(",");
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{many}]}}"#);
        assert!(read(&text, media::OCI_INDEX).unwrap_err().to_string().contains("index_entries = 1000"));
    }

    #[test]
    fn names_that_only_go_would_take_for_known_ones_are_refused() {
        for name in ["Layers", "LAYERS", "layerſ", "mediatype"] {
            let text = format!(
                r#"{{"schemaVersion":2,"config":{},"layers":[],"{name}":[]}}"#,
                descriptor(media::OCI_CONFIG)
            );
            assert!(matches!(read(&text, media::OCI_MANIFEST), Err(Error::Malformed { .. })), "{name}");
        }
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[],"annotations":{{"Size":"3","OS":"x"}}}}"#,
            descriptor(media::OCI_CONFIG)
        );
        read(&text, media::OCI_MANIFEST).unwrap();
    }
}

//! What is attached to an image.

use plimsoll_core::Digest;
use serde::Serialize;

use crate::report::claims::Signer;

/// The version of the JSON result.
const TREE_V1: &str = "plimsoll.dev/evidence-tree/v1";

/// What is attached to a subject.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) subject: String,
    pub(crate) images: Vec<Image>,
}

impl Report {
    pub(crate) fn new(subject: String, images: Vec<Image>) -> Self {
        Self { schema_version: TREE_V1, subject, images }
    }
}

/// The index, or an image in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Image {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    pub(crate) evidence: Vec<Item>,
    /// There is more than the limits let through.
    pub(crate) truncated: bool,
}

/// Something that is attached.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    /// The manifest that ties it to the image.
    pub(crate) referrer: Digest,
    /// What is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predicate_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claimed_signer: Option<Signer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// In which form it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ItemKind {
    /// A Sigstore bundle.
    Bundle,
    /// A signature as older versions of cosign wrote it.
    OlderSignature,
    /// An attestation as older versions of cosign wrote it.
    OlderAttestation,
    /// Something unsigned, such as an SBOM.
    Artifact,
    /// Something that could not be read.
    Unusable,
}

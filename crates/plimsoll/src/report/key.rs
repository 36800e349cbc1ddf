//! The report on a key. It never has the key itself.

use plimsoll_verify::{KeyAlgorithm, KeyId, PublicKey};
use serde::Serialize;

/// The version of the JSON result.
const KEY_V1: &str = "plimsoll.dev/key/v1";

/// The format of a key that a token or a service keeps.
pub(crate) const REMOTE_KEY: &str = "kept";

/// The report on a key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    file: String,
    /// `private` or `public`.
    pub(crate) kind: &'static str,
    pub(crate) format: String,
    pub(crate) encrypted: bool,
    /// `None`: only the passphrase would tell.
    pub(crate) algorithm: Option<&'static str>,
    pub(crate) bits: Option<usize>,
    pub(crate) id: Option<KeyId>,
}

impl Report {
    /// About the key in `file`, of which `public` is known.
    pub(crate) fn new(
        file: String,
        kind: &'static str,
        format: String,
        encrypted: bool,
        public: Option<&PublicKey>,
    ) -> Self {
        Self {
            schema_version: KEY_V1,
            file,
            kind,
            format,
            encrypted,
            algorithm: public.map(|key| name(key.algorithm())),
            bits: public.map(PublicKey::bits),
            id: public.map(PublicKey::id),
        }
    }
}

fn name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "ecdsa-p256",
        KeyAlgorithm::EcdsaP384 => "ecdsa-p384",
        KeyAlgorithm::EcdsaP521 => "ecdsa-p521",
        KeyAlgorithm::Ed25519 => "ed25519",
        KeyAlgorithm::Rsa => "rsa",
        _ => "other",
    }
}

//! Signatures in separate files, as used before there were bundles.
//!
//! Owns their form (the bytes, or their base64) and their verification by key. Such a file contains nothing else, so
//! nothing else can be verified: no log, no time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::Digest;
use sigstore_types::SignatureBytes;

use crate::artifact::Digests;
use crate::{Artifact, Error, Message, PublicKey, Signer, Verified};

/// Twice the signature of an RSA key of 8,192 bits, in base64.
const MOST: usize = 4096;

/// Verifies that the holder of one of `keys` signed `artifact`, using only the file with the signature. P-384 keys need
/// the artifact itself, because they sign another digest than the known one.
pub fn verify_detached(
    artifact: Artifact<'_>,
    signature: &[u8],
    keys: &[PublicKey],
) -> Result<Verified<Message>, Error> {
    if keys.is_empty() {
        return Err(Error::NoKeys);
    }
    if signature.is_empty() || signature.len() > MOST {
        return Err(Error::DetachedSignature { got: signature.len() });
    }
    let text = str::from_utf8(signature).map(|text| text.split_whitespace().collect::<String>());
    let bytes = match text.map(|text| STANDARD.decode(text)) {
        Ok(Ok(bytes)) => bytes,
        _ => signature.to_vec(),
    };
    let bytes = SignatureBytes::from_bytes(&bytes);
    let digests = Digests::read(artifact)?;
    let signer = keys.iter().find(|key| digests.verifies(key, &bytes)).ok_or_else(|| Error::Rejected {
        tried: keys.iter().map(PublicKey::id).collect(),
        claimed: None,
        ed25519: keys.iter().any(|key| key.algorithm() == crate::KeyAlgorithm::Ed25519),
    })?;
    let message = Message { digest: digests.sha256 };
    Ok(Verified::new(message, Signer::Key(signer.id()), Digest::sha256(signature), Vec::new()))
}

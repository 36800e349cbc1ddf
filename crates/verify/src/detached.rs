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

/// Verifies that the holder of one of `keys` signed `artifact`, using only the file with the signature. Keys that
/// sign another digest than the known one need the artifact itself.
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
    let wanted: Vec<_> =
        keys.iter().flat_map(|key| key.algorithm().schemes()).filter_map(|scheme| scheme.hash()).collect();
    let challenges = keys.iter().filter_map(|key| key.challenge(&bytes)).collect();
    let digests = Digests::read(artifact, &wanted, challenges)?;
    let signer = keys
        .iter()
        .find(|key| digests.signed_by(key, &bytes).is_some())
        .ok_or_else(|| Error::Rejected { tried: keys.iter().map(PublicKey::id).collect(), claimed: None })?;
    let message = Message { digest: digests.known_by };
    Ok(Verified::new(message, Signer::Key(signer.id()), Digest::sha256(signature), Vec::new()))
}

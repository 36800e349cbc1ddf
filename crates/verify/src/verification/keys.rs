//! Verification by one of several keys, with the evidence beside the signature.

use jiff::Timestamp;
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{DerPublicKey, HashAlgorithm};
use sigstore_verify::{Error as Upstream, PublicKeyVerificationPolicy};

use super::readable::Readable;
use super::refusal::{is_named, refusal};
use crate::artifact::{Digests, Source};
use crate::check::rejected;
use crate::{Bundle, Error, KeyAlgorithm, PublicKey, Requirements, Step, TrustedKey, TrustedRoot};

/// Tries the keys, first the one that the bundle names. Only an invalid signature, or a kind of key that makes no such
/// signatures, leads to the next.
pub(super) fn by_keys<'a>(
    bundle: &Bundle,
    readable: &Readable<'_>,
    source: &mut Source<'_>,
    keys: &'a [TrustedKey],
    root: &TrustedRoot,
    requirements: Requirements,
) -> Result<(&'a PublicKey, Vec<Timestamp>), Error> {
    let claimed = bundle.claimed_key();
    let mut ordered: Vec<&PublicKey> = keys.iter().map(|trusted| &trusted.key).collect();
    ordered.sort_by_key(|key| Some(key.id()) != claimed);
    let first = *ordered.first().ok_or(Error::NoKeys)?;
    let skip = requirements.logs.is_none() || readable.has_no_entries();
    let policy = |key: &PublicKey| {
        let policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.spki_der()));
        if skip { policy.skip_tlog_unsafe() } else { policy }
    };
    // The official verifier refuses a bundle with only the signature; then there is no time either.
    let alone = readable.has_no_entries() && bundle.timestamps() == 0;
    // A stream can be read only once, so only one key can be tried on it: the named one, or the only one.
    if let Source::Read(_) = source
        && (alone || (keys.len() > 1 && Some(first.id()) != claimed))
    {
        source.read_to_end()?;
    }
    for key in ordered {
        if alone {
            if holds_alone(bundle, &source.digests(), key)? {
                return Ok((key, Vec::new()));
            }
            continue;
        }
        // The official verifier takes the digest that the bundle names.
        let algorithm = match bundle.content() {
            SignatureContent::MessageSignature(message)
                if message.message_digest.as_ref().is_some_and(|named| {
                    named.algorithm == HashAlgorithm::Sha2256 && key.algorithm() == KeyAlgorithm::EcdsaP384
                }) =>
            {
                KeyAlgorithm::EcdsaP256
            }
            _ => key.algorithm(),
        };
        match source.verify(root, &readable.bundle, &policy(key), algorithm)? {
            Ok(result) => return Ok((key, result.verified_timestamps().to_vec())),
            // From here on, a stream that was read is known by its digests.
            Err(Upstream::SignatureInvalid(_)) => source.read_to_end()?,
            // A key that does not sign digests must not hide the keys after it.
            Err(Upstream::UnsupportedArtifact(_)) if keys.len() > 1 => source.read_to_end()?,
            Err(error) => return Err(refusal(&error, is_named(bundle, source.digests().sha256))),
        }
    }
    Err(rejected(bundle, keys))
}

/// Whether the signature is valid under `key`, and covers the digest that the bundle names.
fn holds_alone(bundle: &Bundle, digests: &Digests, key: &PublicKey) -> Result<bool, Error> {
    match bundle.content() {
        SignatureContent::DsseEnvelope(envelope) => {
            Ok(key.verifies(&envelope.pae(), &envelope.signature.sig))
        }
        SignatureContent::MessageSignature(message) => {
            if digests.signed_by(key.algorithm()).is_none() {
                return Ok(false);
            }
            let named = message.message_digest.as_ref().map(|named| named.digest.as_bytes());
            let Some(digest) = digests.named(key.algorithm(), named) else {
                let got = "a bundle that names another digest";
                return Err(Error::step(Step::Artifact, got, "a bundle about this artifact"));
            };
            Ok(key.verifies_digest(digest, &message.signature))
        }
        _ => Err(Error::NotAMessage),
    }
}

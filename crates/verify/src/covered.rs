//! Whether the signature is valid, by which key, and over which digest.

use plimsoll_core::Digest;
use sigstore_types::HashAlgorithm;
use sigstore_types::bundle::SignatureContent;

use crate::artifact::Digests;
use crate::key::Scheme;
use crate::{Artifact, Bundle, Error, PublicKey, Step};

/// What the signature should cover.
pub(crate) enum Covered {
    /// The statement in the envelope, which is about the artifact with this digest.
    Statement(Digest),
    /// The artifact itself.
    Message(Digests),
}

impl Covered {
    /// Reads the artifact of a message signature; the keys decide which of its digests are computed.
    pub(crate) fn read<'k>(
        bundle: &Bundle,
        artifact: Artifact<'_>,
        keys: impl Iterator<Item = &'k PublicKey>,
    ) -> Result<Self, Error> {
        let (mut wanted, mut challenges) = (Vec::new(), Vec::new());
        if let SignatureContent::MessageSignature(message) = bundle.content() {
            wanted.extend(message.message_digest.as_ref().map(|named| named.algorithm));
            for key in keys {
                wanted.extend(key.algorithm().schemes().iter().filter_map(|scheme| scheme.hash()));
                challenges.extend(key.challenge(&message.signature));
            }
        }
        let digests = Digests::read(artifact, &wanted, challenges)?;
        Ok(match bundle.content() {
            SignatureContent::DsseEnvelope(_) => Self::Statement(digests.known_by),
            _ => Self::Message(digests),
        })
    }

    /// The digest that the artifact is known by.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Statement(digest) => *digest,
            Self::Message(digests) => digests.known_by,
        }
    }

    /// The algorithm by which the bundle's signature is valid under `key`; `None` if it is not.
    pub(crate) fn signed_by(&self, bundle: &Bundle, key: &PublicKey) -> Result<Option<Scheme>, Error> {
        match (self, bundle.content()) {
            (_, SignatureContent::DsseEnvelope(envelope)) => {
                Ok(key.verifies(&envelope.pae(), &envelope.signature.sig))
            }
            (Self::Message(digests), SignatureContent::MessageSignature(message)) => {
                let named = message.message_digest.as_ref().map(|named| named.algorithm);
                let found = digests.signed_by(key, &message.signature);
                // A signature that covers no digest cannot contradict the named one, which `expect_named` has compared.
                Ok(found.filter(|scheme| {
                    named.is_none_or(|named| scheme.hash().is_none_or(|hash| hash == named))
                }))
            }
            _ => Err(Error::NotAMessage),
        }
    }
}

/// The digest next to a message signature is not signed. It still has to be the artifact's, so that no reader takes the
/// bundle for that of another file.
pub(crate) fn expect_named(bundle: &Bundle, covered: &Covered) -> Result<(), Error> {
    let (Covered::Message(digests), SignatureContent::MessageSignature(message)) =
        (covered, bundle.content())
    else {
        return Ok(());
    };
    match &message.message_digest {
        Some(named) if digests.get(named.algorithm).is_some_and(|known| known != named.digest.as_bytes()) => {
            let got = "a bundle that names another digest";
            Err(Error::step(Step::Artifact, got, "a bundle about this artifact"))
        }
        _ => Ok(()),
    }
}

/// Reasons for which no key fits although one may have made the signature: a message that is known only by its digest
/// cannot be verified with keys that sign another digest, and the bundle may name an algorithm that no key uses.
pub(crate) fn expect_signed<'k>(
    bundle: &Bundle,
    covered: &Covered,
    keys: impl Iterator<Item = &'k PublicKey>,
) -> Result<(), Error> {
    let (Covered::Message(digests), SignatureContent::MessageSignature(message)) =
        (covered, bundle.content())
    else {
        return Ok(());
    };
    let mut hashes: Vec<HashAlgorithm> = Vec::new();
    for key in keys {
        let of_key: Vec<HashAlgorithm> =
            key.algorithm().schemes().iter().filter_map(|scheme| scheme.hash()).collect();
        let named = message.message_digest.as_ref().map(|named| named.algorithm);
        // Keys that sign the message itself were tried if the message was read.
        if key.algorithm().schemes().iter().any(|scheme| scheme.hash().is_none()) && digests.has_challenges()
        {
            return Ok(());
        }
        let mut tried = of_key.iter().filter(|hash| named.is_none_or(|named| named == **hash)).peekable();
        if tried.peek().is_some() && tried.all(|hash| digests.get(*hash).is_some()) {
            return Ok(());
        }
        hashes.extend(of_key);
    }
    match &message.message_digest {
        Some(named) if !hashes.contains(&named.algorithm) => {
            let mut dictated: Vec<String> = hashes.iter().map(ToString::to_string).collect();
            dictated.dedup();
            let got = format!("a signature of a {}", named.algorithm);
            let expected = format!("of a {}, as the key dictates", dictated.join(" or "));
            Err(Error::step(Step::Signature, got, expected))
        }
        _ => {
            let got = format!("only the artifact's {}", digests.known_by.algorithm().name());
            Err(Error::step(Step::Artifact, got, "the artifact itself instead of a digest"))
        }
    }
}

//! The artifact that a signature covers: a file's bytes or its digest.
//!
//! Owns the digests that the supported algorithms sign, all of them computed in one pass and in constant memory.

use std::io::Read;

use plimsoll_core::{Algorithm, Digest, Hasher};
use sigstore_types::{HashAlgorithm, SignatureBytes};

use crate::key::{Challenge, Scheme};
use crate::{Error, PublicKey};

/// The artifact that a message signature should cover.
pub enum Artifact<'a> {
    /// Known by its digest.
    Digest(Digest),
    /// Known by all digests that supported keys sign.
    Digests {
        /// The SHA-256.
        sha256: Digest,
        /// The SHA-384.
        sha384: Digest,
        /// The SHA-512.
        sha512: Digest,
    },
    /// Read to its end, in constant memory.
    Reader(&'a mut dyn Read),
}

/// A file, verified: the SHA-256 of what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The digest of its bytes.
    pub digest: Digest,
}

/// What the supported algorithms sign instead of a message.
pub(crate) struct Digests {
    /// The given digest, or the SHA-256 of what was read.
    pub(crate) known_by: Digest,
    sha384: Option<Digest>,
    sha512: Option<Digest>,
    /// Fed with the message, for keys that do not sign a digest.
    challenges: Vec<Challenge>,
}

impl Digests {
    /// Reads an artifact to its end. Besides the SHA-256, only the `wanted` digests are computed: few bundles need others,
    /// and each takes longer than the SHA-256.
    pub(crate) fn read(
        artifact: Artifact<'_>,
        wanted: &[HashAlgorithm],
        challenges: Vec<Challenge>,
    ) -> Result<Self, Error> {
        // Without the bytes, a challenge would cover an empty message.
        let none = Vec::new();
        match artifact {
            Artifact::Digest(known_by) => Ok(Self { known_by, sha384: None, sha512: None, challenges: none }),
            Artifact::Digests { sha256, sha384, sha512 } => {
                Ok(Self { known_by: sha256, sha384: Some(sha384), sha512: Some(sha512), challenges: none })
            }
            Artifact::Reader(reader) => {
                let is_wanted = |hash: HashAlgorithm| wanted.contains(&hash);
                let mut tee = Tee {
                    reader,
                    sha256: Hasher::new(Algorithm::Sha256),
                    sha384: is_wanted(HashAlgorithm::Sha2384).then(|| Hasher::new(Algorithm::Sha384)),
                    sha512: is_wanted(HashAlgorithm::Sha2512).then(|| Hasher::new(Algorithm::Sha512)),
                    challenges,
                };
                std::io::copy(&mut tee, &mut std::io::sink()).map_err(|source| Error::Artifact { source })?;
                Ok(Self {
                    known_by: tee.sha256.finish(),
                    sha384: tee.sha384.map(Hasher::finish),
                    sha512: tee.sha512.map(Hasher::finish),
                    challenges: tee.challenges,
                })
            }
        }
    }

    /// Whether the message itself was read, so that keys that do not sign a digest can be tried.
    pub(crate) fn has_challenges(&self) -> bool {
        !self.challenges.is_empty()
    }

    /// The algorithm by which `signature` over the artifact is valid under `key`.
    pub(crate) fn signed_by(&self, key: &PublicKey, signature: &SignatureBytes) -> Option<Scheme> {
        key.algorithm().schemes().iter().copied().find(|scheme| match scheme.hash() {
            Some(hash) => {
                self.get(hash).is_some_and(|digest| key.verifies_digest(*scheme, digest, signature))
            }
            None => self.challenges.iter().any(|challenge| key.verifies_read(challenge, signature)),
        })
    }

    /// The digest by this algorithm, if it is known.
    pub(crate) fn get(&self, hash: HashAlgorithm) -> Option<&[u8]> {
        let algorithm = match hash {
            HashAlgorithm::Sha2256 => Algorithm::Sha256,
            HashAlgorithm::Sha2384 => Algorithm::Sha384,
            HashAlgorithm::Sha2512 => Algorithm::Sha512,
            _ => return None,
        };
        let known = [Some(&self.known_by), self.sha384.as_ref(), self.sha512.as_ref()];
        known.into_iter().flatten().find(|digest| digest.algorithm() == algorithm).map(Digest::as_bytes)
    }
}

/// Hashes what is read through it.
struct Tee<'a> {
    reader: &'a mut dyn Read,
    sha256: Hasher,
    sha384: Option<Hasher>,
    sha512: Option<Hasher>,
    challenges: Vec<Challenge>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        self.sha256.update(piece);
        if let Some(sha384) = &mut self.sha384 {
            sha384.update(piece);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(piece);
        }
        for challenge in &mut self.challenges {
            challenge.update(piece);
        }
        Ok(count)
    }
}

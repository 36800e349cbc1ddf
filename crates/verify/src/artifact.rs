//! The artifact that a signature covers: a file's bytes or its digest.
//!
//! Owns the digests that the supported algorithms sign, each computed in one pass and in constant memory, and which of
//! them the official verifier gets.

use std::io::Read;

use aws_lc_rs::digest as lc;
use plimsoll_core::{Algorithm, Digest, Hasher};
use sigstore_types::{Artifact as UpstreamArtifact, ArtifactDigest, HashAlgorithm, SignatureBytes};
use sigstore_verify::{Error as Upstream, VerificationResult};

use crate::{Error, KeyAlgorithm, PublicKey, Step, TrustedRoot};

/// The artifact that a message signature should cover.
pub enum Artifact<'a> {
    /// Known by its digest.
    Digest(Digest),
    /// Known by both digests that supported keys sign.
    Digests {
        /// The SHA-256.
        sha256: Digest,
        /// The SHA-384.
        sha384: aws_lc_rs::digest::Digest,
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
#[derive(Clone)]
pub(crate) struct Digests {
    /// The given digest, or the SHA-256 of what was read.
    pub(crate) sha256: Digest,
    /// The SHA-384 of what was read, if it was wanted.
    sha384: Option<lc::Digest>,
}

impl Digests {
    pub(crate) fn read(artifact: Artifact<'_>) -> Result<Self, Error> {
        let mut source = Source::new(artifact, true);
        source.read_to_end()?;
        Ok(source.digests())
    }

    /// What a key of this algorithm signs; `None` if it is not known.
    pub(crate) fn signed_by(&self, algorithm: KeyAlgorithm) -> Option<&[u8]> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa => {
                (self.sha256.algorithm() == Algorithm::Sha256).then(|| self.sha256.as_bytes())
            }
            KeyAlgorithm::EcdsaP384 => self.sha384.as_ref().map(AsRef::as_ref),
            KeyAlgorithm::Ed25519 => None,
        }
    }

    /// What a key of this algorithm may have signed: cosign 2 and sigstore-python 2 took SHA-256 for P-384 keys too.
    fn candidates(&self, algorithm: KeyAlgorithm) -> impl Iterator<Item = &[u8]> {
        let older =
            (algorithm == KeyAlgorithm::EcdsaP384).then(|| self.signed_by(KeyAlgorithm::EcdsaP256)).flatten();
        self.signed_by(algorithm).into_iter().chain(older)
    }

    pub(crate) fn verifies(&self, key: &PublicKey, signature: &SignatureBytes) -> bool {
        self.candidates(key.algorithm()).any(|digest| key.verifies_digest(digest, signature))
    }

    /// The digest that a key of this algorithm may have signed and that is `named`, if one is.
    pub(crate) fn named(&self, algorithm: KeyAlgorithm, named: Option<&[u8]>) -> Option<&[u8]> {
        match named {
            Some(named) => self.candidates(algorithm).find(|digest| *digest == named),
            None => self.signed_by(algorithm),
        }
    }

    /// For the official verifier, which accepts one digest.
    fn upstream(&self, algorithm: KeyAlgorithm) -> Result<UpstreamArtifact<'static>, Error> {
        let (name, bytes) = match (&self.sha384, self.sha256.algorithm()) {
            (Some(digest), _) if algorithm == KeyAlgorithm::EcdsaP384 => {
                (HashAlgorithm::Sha2384, digest.as_ref())
            }
            (_, Algorithm::Sha256) => (HashAlgorithm::Sha2256, self.sha256.as_bytes()),
            (_, Algorithm::Sha512) => (HashAlgorithm::Sha2512, self.sha256.as_bytes()),
        };
        ArtifactDigest::new(name, bytes.to_vec()).map(UpstreamArtifact::Digest).map_err(|error| {
            Error::step(Step::Artifact, error.to_string(), "a digest of its algorithm's length")
        })
    }
}

/// Where the artifact's bytes or digest come from.
pub(crate) enum Source<'a> {
    Known(Digests),
    Read(Tee<'a>),
}

impl<'a> Source<'a> {
    /// For a reader, the SHA-384 is computed only if it is `wanted`: hardly any bundle needs it, and it takes longer
    /// than the SHA-256.
    pub(crate) fn new(artifact: Artifact<'a>, wanted: bool) -> Self {
        match artifact {
            Artifact::Digest(digest) => Self::Known(Digests { sha256: digest, sha384: None }),
            Artifact::Digests { sha256, sha384 } => Self::Known(Digests { sha256, sha384: Some(sha384) }),
            Artifact::Reader(reader) => Self::Read(Tee {
                reader,
                sha256: Hasher::new(Algorithm::Sha256),
                sha384: wanted.then(|| lc::Context::new(&lc::SHA384)),
            }),
        }
    }

    /// Runs the official verifier, which reads a reader to its end.
    pub(crate) fn verify(
        &mut self,
        root: &TrustedRoot,
        bundle: &sigstore_types::Bundle,
        policy: &dyn sigstore_verify::Policy,
        algorithm: KeyAlgorithm,
    ) -> Result<Result<VerificationResult, Upstream>, Error> {
        Ok(match self {
            Self::Known(digests) => root.verifier().verify(digests.upstream(algorithm)?, bundle, policy),
            Self::Read(tee) => root.verifier().verify_reader(tee, bundle, policy),
        })
    }

    /// Reads to the end, after which only the digests are known.
    pub(crate) fn read_to_end(&mut self) -> Result<(), Error> {
        if let Self::Read(tee) = self {
            std::io::copy(tee, &mut std::io::sink()).map_err(|source| Error::Artifact { source })?;
            *self = Self::Known(self.digests());
        }
        Ok(())
    }

    /// The digest that was given, or those of what was read.
    pub(crate) fn digests(&self) -> Digests {
        match self {
            Self::Known(digests) => digests.clone(),
            Self::Read(tee) => Digests {
                sha256: tee.sha256.clone().finish(),
                sha384: tee.sha384.clone().map(lc::Context::finish),
            },
        }
    }
}

/// Hashes what is read through it.
pub(crate) struct Tee<'a> {
    reader: &'a mut dyn Read,
    sha256: Hasher,
    sha384: Option<lc::Context>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        self.sha256.update(piece);
        if let Some(sha384) = &mut self.sha384 {
            sha384.update(piece);
        }
        Ok(count)
    }
}

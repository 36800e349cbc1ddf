//! The trait of keys that sign, wherever they are kept.

use std::io::{self, Read};

use aws_lc_rs::digest as lc;
use plimsoll_core::{Algorithm, Digest, Hasher};
use plimsoll_verify::{Artifact, PublicKey};

use crate::Error;

/// What is to be signed.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// These bytes.
    Message(&'a [u8]),
    /// A file that was already read, by its digests.
    Digests(&'a FileDigests),
}

/// A file, by the digests that the supported algorithms sign. Computed in one pass, in constant memory.
#[derive(Clone)]
pub struct FileDigests {
    /// The SHA-256, which P-256 and RSA sign.
    pub sha256: Digest,
    /// The SHA-384, which P-384 signs.
    pub sha384: lc::Digest,
    /// The SHA-512, which prehashed Ed25519 signs.
    pub sha512: Digest,
    /// How many bytes there were.
    pub length: u64,
    /// Whether it begins like the signed form of a statement.
    is_envelope: bool,
}

/// The beginning of every message that is signed as DSSE, version 1.
const ENVELOPE: &[u8] = b"DSSEv1 ";

impl FileDigests {
    /// Reads to the end.
    pub fn read(mut reader: impl Read) -> io::Result<Self> {
        const PIECE: usize = 64 * 1024;
        let mut sha256 = Hasher::new(Algorithm::Sha256);
        let mut sha384 = lc::Context::new(&lc::SHA384);
        let mut sha512 = Hasher::new(Algorithm::Sha512);
        let mut length = 0;
        let mut first: Vec<u8> = Vec::new();
        let mut buffer = vec![0; PIECE];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            first.extend(piece.iter().take(ENVELOPE.len().saturating_sub(first.len())));
            sha256.update(piece);
            sha384.update(piece);
            sha512.update(piece);
            length += count as u64;
        }
        Ok(Self {
            sha256: sha256.finish(),
            sha384: sha384.finish(),
            sha512: sha512.finish(),
            length,
            is_envelope: first == ENVELOPE,
        })
    }
}

impl FileDigests {
    /// Whether a signature of this file would also be one of a statement. A file is signed as it is, a statement with
    /// this prefix, so a file that contains both would be signed with the same bytes.
    pub fn is_envelope(&self) -> bool {
        self.is_envelope
    }

    /// The file, for verifying its signature.
    pub fn artifact(&self) -> Artifact<'static> {
        Artifact::Digests { sha256: self.sha256, sha384: self.sha384 }
    }
}

impl std::fmt::Debug for FileDigests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileDigests({}, {} bytes)", self.sha256, self.length)
    }
}

/// A private key that can sign, in a file, a token or a service.
pub trait SigningKey: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs with the algorithm that the key dictates, and returns the form that bundles contain: DER for ECDSA, the
    /// plain bytes for RSA and Ed25519.
    fn sign(&self, payload: &Payload<'_>) -> Result<Vec<u8>, Error>;

    /// What it is and where it is kept, for messages. Never anything secret.
    fn describe(&self) -> String;
}

//! The trait of keys that sign, wherever they are kept.

use std::io::{self, Read};

use plimsoll_core::{Algorithm, Digest, Hasher};
use plimsoll_verify::{Artifact, PublicKey};

use crate::Error;
use crate::signed_form::{self, SignedForm};

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
    pub sha384: Digest,
    /// The SHA-512, which prehashed Ed25519 signs.
    pub sha512: Digest,
    /// How many bytes there were.
    pub length: u64,
    /// What else its signature would be a signature of.
    form: Option<SignedForm>,
}

impl FileDigests {
    /// Reads to the end.
    pub fn read(reader: impl Read) -> io::Result<Self> {
        let mut hashed = HashingReader {
            reader,
            sha256: Hasher::new(Algorithm::Sha256),
            sha384: Hasher::new(Algorithm::Sha384),
            sha512: Hasher::new(Algorithm::Sha512),
            length: 0,
        };
        let form = signed_form::recognise(&mut hashed)?;
        // Recognition may stop before the end; the rest is still hashed.
        let mut buffer = vec![0; PIECE];
        loop {
            match hashed.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            sha256: hashed.sha256.finish(),
            sha384: hashed.sha384.finish(),
            sha512: hashed.sha512.finish(),
            length: hashed.length,
            form,
        })
    }

    /// What else a signature of this file would be a signature of, under another protocol. Such a file is not
    /// signed.
    pub fn signed_form(&self) -> Option<SignedForm> {
        self.form
    }

    /// The file, to be signed in any form: the caller knows what it contains.
    #[must_use]
    pub fn in_any_form(self) -> Self {
        Self { form: None, ..self }
    }

    /// The file, for verifying its signature.
    pub fn artifact(&self) -> Artifact<'static> {
        Artifact::Digests { sha256: self.sha256, sha384: self.sha384, sha512: self.sha512 }
    }

    /// The digests by which a statement may name the file, the usual one first.
    pub fn all(&self) -> [Digest; 3] {
        [self.sha256, self.sha384, self.sha512]
    }
}

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// Hashes what passes through.
struct HashingReader<R> {
    reader: R,
    sha256: Hasher,
    sha384: Hasher,
    sha512: Hasher,
    length: u64,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        self.sha256.update(piece);
        self.sha384.update(piece);
        self.sha512.update(piece);
        self.length += count as u64;
        Ok(count)
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

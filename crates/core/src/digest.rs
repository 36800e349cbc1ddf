//! Content digests as OCI writes them: `sha256:` and 64 lower-case hex digits, or `sha512:` and 128.
//!
//! Follows the OCI image specification, "Digests". Parsing is strict, because a digest becomes part of URLs and file
//! names: upper-case hex, other lengths and unknown algorithms are refused (containers/image CVE-2024-3727).
//!
//! ```
//! use plimsoll_core::Digest;
//! let digest: Digest = Digest::sha256(b"");
//! assert_eq!(digest.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::Digest as _;

use crate::text::shortened;

/// The digest algorithms that OCI registers and Plimsoll accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    /// The other of the two algorithms.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Sha256 => Self::Sha512,
            Self::Sha512 => Self::Sha256,
        }
    }

    /// The name before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A digest of some bytes. The value is only a claim until the bytes were hashed and compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Value);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// There is no colon between algorithm and hex digits.
    #[error("got `{got}`, expected a digest such as sha256:<64 hex digits>")]
    Shape {
        /// The text, shortened.
        got: String,
    },
    /// The algorithm is not registered or not accepted.
    #[error("digest algorithm `{got}` is not supported, expected sha256 or sha512")]
    Algorithm {
        /// The name before the colon, shortened.
        got: String,
    },
    /// The number of digits is wrong, or they are not lower-case hex.
    #[error("{} digest needs {expected} lower-case hex digits, got `{got}`", algorithm.name())]
    Digits {
        /// The named algorithm.
        algorithm: Algorithm,
        /// How many digits it has.
        expected: usize,
        /// The text after the colon, shortened.
        got: String,
    },
}

impl Digest {
    /// Hashes `bytes` with SHA-256.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(Value::Sha256(sha2::Sha256::digest(bytes).into()))
    }

    /// Hashes `bytes` with `algorithm`.
    pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The algorithm this digest was made with.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Value::Sha256(_) => Algorithm::Sha256,
            Value::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The digest of `bytes` by the other algorithm: the same content under another name.
    #[must_use]
    pub fn alias(&self, bytes: &[u8]) -> Self {
        Self::compute(self.algorithm().other(), bytes)
    }

    /// The raw hash: 32 or 64 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Value::Sha256(bytes) => bytes,
            Value::Sha512(bytes) => bytes,
        }
    }

    /// The lower-case hex digits without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm().name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, digits) =
            text.split_once(':').ok_or_else(|| ParseError::Shape { got: shortened(text) })?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(ParseError::Algorithm { got: shortened(name) }),
        };
        let wrong = |expected| ParseError::Digits { algorithm, expected, got: shortened(digits) };
        let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match algorithm {
            Algorithm::Sha256 => {
                let mut bytes = [0; 32];
                match hex::decode_to_slice(digits, &mut bytes) {
                    Ok(()) if lower => Ok(Self(Value::Sha256(bytes))),
                    _ => Err(wrong(64)),
                }
            }
            Algorithm::Sha512 => {
                let mut bytes = [0; 64];
                match hex::decode_to_slice(digits, &mut bytes) {
                    Ok(()) if lower => Ok(Self(Value::Sha512(bytes))),
                    _ => Err(wrong(128)),
                }
            }
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Hashes a stream piece by piece.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    // Boxed: SHA-512's state is nearly twice as large and rare.
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    /// Starts a hash with `algorithm`.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Box::new(sha2::Sha512::new())),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(bytes),
            State::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Ends the hash.
    pub fn finish(self) -> Digest {
        Digest(match self.0 {
            State::Sha256(hasher) => Value::Sha256(hasher.finalize().into()),
            State::Sha512(hasher) => Value::Sha512(hasher.finalize().into()),
        })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = Digest::compute(algorithm, b"plimsoll");
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        }
    }

    #[test]
    fn refuses_what_could_be_a_path_or_another_spelling() {
        let good = Digest::sha256(b"x").to_string();
        for bad in [
            "",
            "sha256",
            "sha256:",
            "sha256:../../etc/passwd",
            "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            &good.to_uppercase(),
            &good.replace(|c: char| c.is_ascii_lowercase() && c != 's' && c != 'h' && c != 'a', "A"),
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!(" {good}"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn long_foreign_text_is_shortened_in_messages() {
        let message = "x".repeat(10_000).parse::<Digest>().unwrap_err().to_string();
        assert!(message.len() < 200, "{message}");
    }
}

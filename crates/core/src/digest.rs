//! Content digests as OCI writes them: `sha256:` and 64 lower-case hex digits, or `sha512:` and 128.
//!
//! Follows the OCI image specification, "Digests". Parsing is strict, because a digest becomes part of URLs and file
//! names: upper-case hex, other lengths and unknown algorithms are refused (containers/image CVE-2024-3727).
//!
//! Attestations know files by SHA-384 too, which OCI does not register. Only [`Digest::parse_any`] reads one; the parser of
//! content in registries refuses it.
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

/// The digest algorithms that Plimsoll accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes; of files in attestations only.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];
    /// Those that OCI registers.
    const OCI: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The other of the two that OCI registers.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Sha256 => Self::Sha512,
            Self::Sha384 | Self::Sha512 => Self::Sha256,
        }
    }

    /// The name before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
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
    Sha384([u8; 48]),
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
    #[error("digest algorithm `{got}` is not supported, expected {expected}")]
    Algorithm {
        /// The name before the colon, shortened.
        got: String,
        /// Those that are accepted in this place.
        expected: &'static str,
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
            Value::Sha384(_) => Algorithm::Sha384,
            Value::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The digest of `bytes` by the other algorithm: the same content under another name.
    #[must_use]
    pub fn alias(&self, bytes: &[u8]) -> Self {
        Self::compute(self.algorithm().other(), bytes)
    }

    /// Reads a digest of a file, which may be a SHA-384 as well. For attestations and the command line; content in
    /// registries is parsed with [`str::parse`].
    pub fn parse_any(text: &str) -> Result<Self, ParseError> {
        parse(text, &Algorithm::ALL, "sha256, sha384 or sha512")
    }

    /// The raw hash: 32, 48 or 64 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Value::Sha256(bytes) => bytes,
            Value::Sha384(bytes) => bytes,
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
        parse(text, &Algorithm::OCI, "sha256 or sha512")
    }
}

fn parse(text: &str, accepted: &[Algorithm], expected: &'static str) -> Result<Digest, ParseError> {
    let (name, digits) = text.split_once(':').ok_or_else(|| ParseError::Shape { got: shortened(text) })?;
    let algorithm = accepted
        .iter()
        .copied()
        .find(|algorithm| algorithm.name() == name)
        .ok_or_else(|| ParseError::Algorithm { got: shortened(name), expected })?;
    let value = match algorithm {
        Algorithm::Sha256 => bytes(digits).map(Value::Sha256),
        Algorithm::Sha384 => bytes(digits).map(Value::Sha384),
        Algorithm::Sha512 => bytes(digits).map(Value::Sha512),
    };
    let wrong = |expected| ParseError::Digits { algorithm, expected, got: shortened(digits) };
    value.map(Digest).map_err(wrong)
}

/// The bytes that lower-case digits stand for; the error is how many digits there have to be.
fn bytes<const N: usize>(digits: &str) -> Result<[u8; N], usize> {
    let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    match hex::decode_to_slice(digits, &mut bytes) {
        Ok(()) if lower => Ok(bytes),
        _ => Err(2 * N),
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
    // Boxed: the state of the longer two is nearly twice as large and rare.
    Sha384(Box<sha2::Sha384>),
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    /// Starts a hash with `algorithm`.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Box::new(sha2::Sha384::new())),
            Algorithm::Sha512 => State::Sha512(Box::new(sha2::Sha512::new())),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(bytes),
            State::Sha384(hasher) => hasher.update(bytes),
            State::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Ends the hash.
    pub fn finish(self) -> Digest {
        Digest(match self.0 {
            State::Sha256(hasher) => Value::Sha256(hasher.finalize().into()),
            State::Sha384(hasher) => Value::Sha384(hasher.finalize().into()),
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
        for algorithm in Algorithm::ALL {
            let digest = Digest::compute(algorithm, b"plimsoll");
            assert_eq!(Digest::parse_any(&digest.to_string()).unwrap(), digest);
        }
        for algorithm in Algorithm::OCI {
            let digest = Digest::compute(algorithm, b"plimsoll");
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        }
    }

    #[test]
    fn sha384_is_for_files_and_refused_by_name_for_content_in_registries() {
        // FIPS 180-2, appendix D.1.
        let abc = "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163\
                   1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7";
        assert_eq!(Digest::compute(Algorithm::Sha384, b"abc").to_string(), abc);
        let refused = abc.parse::<Digest>().unwrap_err().to_string();
        assert_eq!(refused, "digest algorithm `sha384` is not supported, expected sha256 or sha512");
        assert!(serde_json::from_str::<Digest>(&format!("\"{abc}\"")).is_err());

        let long = Digest::compute(Algorithm::Sha512, b"abc").hex();
        for (text, said) in [
            (&abc[..abc.len() - 1], "sha384 digest needs 96 lower-case hex digits"),
            (&format!("{abc}0"), "96"),
            (&format!("sha384:{}", Digest::sha256(b"abc").hex()), "96"),
            (&format!("sha384:{long}"), "96"),
            (&abc.replace('c', "C"), "96"),
            ("sha1:a9993e364706816aba3e25717850c26c9cd0d89d", "`sha1`"),
            (&abc.replace("sha384", "SHA384"), "expected sha256, sha384 or sha512"),
        ] {
            let error = Digest::parse_any(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
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

//! Descriptors: what an OCI document states about another object before that object is read.
//!
//! Follows the OCI image specification, "OCI Content Descriptors". A descriptor is a claim, which [`Descriptor::check`]
//! compares with the bytes.
//!
//! ```json
//! {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:5b0b…", "size": 7682}
//! ```

use std::collections::BTreeMap;

use plimsoll_core::{Digest, Platform};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Media type, digest and size of an object, and what else the referring document states about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the object.
    pub media_type: String,
    /// The digest of the object's bytes.
    pub digest: Digest,
    /// The size of the object in bytes. Negative and fractional sizes do not parse.
    pub size: u64,
    /// The platform of an image in an index.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "platform")]
    pub platform: Option<Platform>,
    /// Free annotations: claims by the author of the referring document.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// What kind of artifact it is, for referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Other places that the author offers the object at. Kept for display and never followed: they are a way to make
    /// the reader call any host.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// A descriptor with the three obligatory members.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            artifact_type: None,
            urls: Vec::new(),
        }
    }

    /// The descriptor of `bytes`, with their SHA-256.
    pub fn for_bytes(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::sha256(bytes), bytes.len() as u64)
    }

    /// Whether `bytes` are what the descriptor names: exactly its size, exactly its digest. `what` names them
    /// in the error.
    pub fn check(&self, bytes: &[u8], what: &str) -> Result<(), Error> {
        let got = bytes.len() as u64;
        if got != self.size {
            return Err(Error::SizeMismatch { what: what.to_owned(), got, expected: self.size });
        }
        let got = Digest::compute(self.digest.algorithm(), bytes);
        if got != self.digest {
            return Err(Error::DigestMismatch { what: what.to_owned(), got, expected: self.digest });
        }
        Ok(())
    }
}

/// Go writers emit `null` for empty maps and lists.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A platform whose `os` and `architecture` are both empty says nothing; real registries contain such
/// entries.
fn platform<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Platform>, D::Error> {
    let given: Option<Platform> = Option::deserialize(deserializer)?;
    Ok(given
        .filter(|p| !(p.os.is_empty() && p.architecture.is_empty()))
        .map(|p| Platform { variant: p.variant.filter(|v| !v.is_empty()), ..p }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_str(json)
    }

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn reads_what_registries_send_and_refuses_bad_sizes_and_digests() {
        let good = parse(&format!(
            r#"{{"mediaType":"m","digest":"{DIGEST}","size":7,"annotations":null,"platform":{{"os":"linux","architecture":"arm64","variant":""}}}}"#
        ))
        .unwrap();
        assert_eq!(good.size, 7);
        assert_eq!(good.platform, Some(Platform::new("linux", "arm64")));
        for (size, problem) in [
            ("-1", "invalid value: integer `-1`, expected u64"),
            ("1.5", "invalid type: floating point `1.5`, expected u64"),
            ("\"7\"", "invalid type: string \"7\", expected u64"),
            ("18446744073709551616", "expected u64"),
        ] {
            let text = format!(r#"{{"mediaType":"m","digest":"{DIGEST}","size":{size}}}"#);
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(problem), "{size}: {error}");
        }
        let error = parse(r#"{"mediaType":"m","digest":"sha256:../../etc/passwd","size":1}"#).unwrap_err();
        assert!(error.to_string().contains("64 lower-case hex digits, got `../../etc/passwd`"), "{error}");
    }

    #[test]
    fn bytes_that_are_not_what_was_named_are_refused() {
        let d = Descriptor::for_bytes("m", b"abc");
        d.check(b"abc", "blob").unwrap();
        assert!(matches!(d.check(b"ab", "blob"), Err(Error::SizeMismatch { got: 2, expected: 3, .. })));
        assert!(matches!(d.check(b"abd", "blob"), Err(Error::DigestMismatch { .. })));
    }
}

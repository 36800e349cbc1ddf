//! The materials of a build, and the required ones.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Value, json};

use crate::Error;
use crate::error::excerpt;

/// An input of a build.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Material {
    /// The builder's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests by algorithm: `sha256`, `gitCommit`.
    #[serde(rename = "digest", skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
}

impl Material {
    /// From an in-toto resource descriptor: name, URI and digests, as far as they are text.
    pub fn read(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let digests = value.get("digest").and_then(Value::as_object).into_iter().flatten();
        Self {
            name: text("name"),
            uri: text("uri"),
            digests: digests
                .filter_map(|(name, hex)| Some((name.clone(), hex.as_str()?.to_owned())))
                .collect(),
        }
    }

    /// In in-toto's form.
    pub fn to_value(&self) -> Value {
        json!(self)
    }

    /// Whether it has a valid digest.
    pub fn is_pinned(&self) -> bool {
        self.digests.iter().any(|(algorithm, hex)| is_digest(algorithm, hex))
    }

    pub(super) fn is_repository(&self) -> bool {
        self.uri.as_deref().is_some_and(|uri| uri.starts_with("git+"))
    }

    /// The commit of a repository: version 0.2 called it `sha1`.
    pub(super) fn commit(&self) -> Option<&str> {
        self.digests.get("gitCommit").or_else(|| self.digests.get("sha1")).map(String::as_str)
    }

    /// The value under `algorithm`; a commit may have either of its names.
    fn digest(&self, algorithm: &str) -> Option<&str> {
        let own = self.digests.get(algorithm).map(String::as_str);
        match algorithm {
            "gitCommit" | "sha1" => own.or_else(|| self.commit()),
            _ => own,
        }
    }
}

impl fmt::Display for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri.as_deref().or(self.name.as_deref()).unwrap_or("unnamed"))?;
        match self.digests.iter().next() {
            Some((algorithm, hex)) => write!(f, "@{algorithm}:{hex}"),
            None => Ok(()),
        }
    }
}

/// `URI@ALGORITHM:HEX`.
impl FromStr for Material {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::ProvenanceInput {
            what: "material",
            got: excerpt(text),
            expected: "URI@ALGORITHM:HEX, such as pkg:docker/debian@12@sha256:…",
        };
        let (uri, digest) = text.rsplit_once('@').ok_or_else(wrong)?;
        let (algorithm, hex) = digest.split_once(':').ok_or_else(wrong)?;
        if !is_uri(uri) || !is_digest(algorithm, hex) {
            return Err(wrong());
        }
        let digests = BTreeMap::from([(algorithm.to_owned(), hex.to_owned())]);
        Ok(Self { name: None, uri: Some(uri.to_owned()), digests })
    }
}

/// A required material, by its URI or name, with any digest or with this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredMaterial {
    what: String,
    digest: Option<(String, String)>,
}

impl RequiredMaterial {
    /// Whether `material` is the required one. A material without a digest pins nothing and never matches.
    pub fn is(&self, material: &Material) -> bool {
        let named =
            material.uri.as_deref() == Some(&self.what) || material.name.as_deref() == Some(&self.what);
        named
            && match &self.digest {
                Some((algorithm, hex)) => material.digest(algorithm) == Some(hex),
                None => material.is_pinned(),
            }
    }

    /// Whether `material` has this URI or name, whatever its digest.
    pub(super) fn names(&self, material: &Material) -> bool {
        material.uri.as_deref() == Some(&self.what) || material.name.as_deref() == Some(&self.what)
    }
}

/// `URI`, or `URI@ALGORITHM:HEX`. What follows the last `@` is a digest only when it looks like one: package URLs and
/// addresses with refs have an `@` of their own.
impl FromStr for RequiredMaterial {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((what, digest)) = text.rsplit_once('@')
            && let Some((algorithm, hex)) = digest.split_once(':')
            && !what.is_empty()
            && is_digest(algorithm, hex)
        {
            let digest = Some((algorithm.to_owned(), hex.to_owned()));
            return Ok(Self { what: what.to_owned(), digest });
        }
        if text.is_empty() || text.contains(char::is_whitespace) {
            let expected = "URI or URI@ALGORITHM:HEX";
            return Err(Error::ProvenanceInput { what: "material", got: excerpt(text), expected });
        }
        Ok(Self { what: text.to_owned(), digest: None })
    }
}

impl fmt::Display for RequiredMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            Some((algorithm, hex)) => write!(f, "{}@{algorithm}:{hex}", self.what),
            None => write!(f, "{} with a digest", self.what),
        }
    }
}

fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.starts_with(|first: char| first.is_ascii_alphabetic()))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Lower-case hexadecimal digits, as many as a known algorithm has.
fn is_digest(algorithm: &str, hex: &str) -> bool {
    let length = match algorithm {
        "sha1" | "gitCommit" | "gitTree" | "gitBlob" | "gitTag" => matches!(hex.len(), 40 | 64),
        "sha256" | "sha3_256" => hex.len() == 64,
        "sha384" | "sha3_384" => hex.len() == 96,
        "sha512" | "sha3_512" => hex.len() == 128,
        _ => {
            hex.len() >= 8
                && !algorithm.is_empty()
                && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        }
    };
    length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "4a78a9e4b0b5f2d1363e9197dd97d2f19a856d2ce883f165eb9cb12e27aa3448";

    #[test]
    fn the_digest_is_what_follows_the_last_at_sign() {
        let material: Material = format!("pkg:docker/debian@12@sha256:{HEX}").parse().unwrap();
        assert_eq!(material.uri.as_deref(), Some("pkg:docker/debian@12"));
        assert_eq!(material.to_string(), format!("pkg:docker/debian@12@sha256:{HEX}"));
        for wrong in [
            "",
            "a",
            "pkg:a/b",
            "pkg:a/b@sha256:00",
            "no uri@sha256:00",
            &format!("pkg:a/b@sha256:{}", HEX.to_uppercase()),
        ] {
            assert!(wrong.parse::<Material>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_very_material_with_a_sound_digest_is_the_wanted_one() {
        let wanted = |text: &str| text.parse::<RequiredMaterial>().unwrap();
        let there: Material =
            format!("git+https://h.example/a@refs/heads/main@gitCommit:{}", &HEX[..40]).parse().unwrap();
        assert!(wanted("git+https://h.example/a@refs/heads/main").is(&there));
        assert!(
            wanted(&format!("git+https://h.example/a@refs/heads/main@gitCommit:{}", &HEX[..40])).is(&there)
        );
        assert!(wanted(&format!("git+https://h.example/a@refs/heads/main@sha1:{}", &HEX[..40])).is(&there));
        assert!(!wanted("git+https://h.example/a").is(&there));
        assert!(
            !wanted(&format!("git+https://h.example/a@refs/heads/main@gitCommit:{}", &HEX[1..41])).is(&there)
        );
        assert!(!wanted(&format!("git+https://h.example/a@refs/heads/main@sha256:{HEX}")).is(&there));
        // A material without digest, or with an empty one, may be anything.
        let mut loose = Material { digests: BTreeMap::new(), ..there };
        assert!(!wanted("git+https://h.example/a@refs/heads/main").is(&loose));
        loose.digests.insert("sha256".into(), String::new());
        assert!(!wanted("git+https://h.example/a@refs/heads/main").is(&loose));
    }
}

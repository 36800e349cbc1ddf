//! Predicate types by name.
//!
//! Owns the short names that cosign's `--type` has, the URI that is written for each, and which URIs are read as it: the
//! communities behind SPDX, `CycloneDX`, `OpenVEX` and in-toto's links have used more than one for the same document.
//! What a predicate says is not looked at here.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::error::excerpt;

/// The short names: what they are written as, and what is read as them besides. A URI that ends in `*` stands for all that
/// begin with it.
const NAMES: &[(&str, &str, &[&str])] = &[
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2", &[]),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2", &[]),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1", &[]),
    ("link", "https://in-toto.io/Link/v1", &["https://in-toto.io/attestation/link/v0.3"]),
    ("spdx", "https://spdx.dev/Document", &["https://spdx.dev/Document/*"]),
    ("spdxjson", "https://spdx.dev/Document", &["https://spdx.dev/Document/*"]),
    ("cyclonedx", "https://cyclonedx.org/bom", &["https://cyclonedx.org/bom/*"]),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1", &[]),
    ("openvex", "https://openvex.dev/ns", &["https://openvex.dev/ns/*"]),
    ("custom", "https://cosign.sigstore.dev/attestation/v1", &[]),
];

/// A kind of predicate: one of the short names, or any URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredicateType {
    name: Option<&'static str>,
    uri: String,
    also: &'static [&'static str],
}

impl PredicateType {
    /// The short names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, ..)| *name)
    }

    /// The short name, unless it was given as a URI.
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The URI that is written.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Whether a statement of this `predicateType` is of the kind. A URI that was given stands for itself alone.
    pub fn is(&self, predicate_type: &str) -> bool {
        self.uri == predicate_type
            || self.also.iter().any(|other| match other.strip_suffix('*') {
                Some(prefix) => predicate_type.starts_with(prefix),
                None => *other == predicate_type,
            })
    }
}

impl FromStr for PredicateType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((name, uri, also)) = NAMES.iter().find(|(name, ..)| *name == text) {
            return Ok(Self { name: Some(name), uri: (*uri).to_owned(), also });
        }
        // RFC 3986: a scheme, which tells a URI from a short name with a typing error in it.
        let scheme = text.split_once(':').map(|(scheme, rest)| (scheme, rest.trim()));
        match scheme {
            Some((scheme, rest))
                if !rest.is_empty()
                    && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && !text.contains(char::is_whitespace) =>
            {
                Ok(Self { name: None, uri: text.to_owned(), also: &[] })
            }
            _ => Err(Error::PredicateName { got: excerpt(text) }),
        }
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.unwrap_or(&self.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_their_communities_spellings_and_nothing_near_them() {
        let is = |name: &str, uri: &str| name.parse::<PredicateType>().unwrap().is(uri);
        assert!(is("spdxjson", "https://spdx.dev/Document"));
        assert!(is("spdxjson", "https://spdx.dev/Document/v2.3"));
        assert!(!is("spdxjson", "https://spdx.dev/Documents"));
        assert!(!is("spdxjson", "https://spdx.dev.evil.example/Document"));
        assert!(!is("cyclonedx", "https://spdx.dev/Document"));
        assert!(!is("slsaprovenance", "https://slsa.dev/provenance/v1"));
        assert!(is("https://example.com/p/v1", "https://example.com/p/v1"));
        assert!(!is("https://example.com/p/v1", "https://example.com/p/v1/more"));
        for wrong in ["", "spdx-json", "Custom", "https:", "a b:c", "1:x"] {
            assert!(matches!(wrong.parse::<PredicateType>(), Err(Error::PredicateName { .. })), "{wrong}");
        }
    }
}

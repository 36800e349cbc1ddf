//! Image references: `registry/repository[:tag][@digest]`.
//!
//! Follows the distribution project's reference grammar, with its defaults for short names: `debian` means
//! `docker.io/library/debian`. A reference without tag and digest means the tag `latest`; [`Reference::tag`]
//! shows it as what was asked for, and nothing trusts it.
//!
//! ```
//! use plimsoll_core::Reference;
//! let reference: Reference = "127.0.0.1:5000/team/app:1.2".parse()?;
//! assert_eq!((reference.registry(), reference.repository(), reference.tag()), ("127.0.0.1:5000", "team/app", Some("1.2")));
//! # Ok::<(), plimsoll_core::reference::ParseError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Digest, digest};

const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_TAG: &str = "latest";
/// The grammar's bound for registry and repository together.
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// A place in a registry. The repository is lower-case; registry and tag are as they were typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The registry is not `host[:port]`.
    #[error("registry `{got}` is not a host name or address with an optional port")]
    Registry {
        /// The given text.
        got: String,
    },
    /// The repository breaks the grammar.
    #[error(
        "repository `{got}` must be lower-case names of a-z, 0-9 with single separators (. _ __ -), joined by /"
    )]
    Repository {
        /// The given text.
        got: String,
    },
    /// The tag breaks the grammar.
    #[error("tag `{got}` must be 1 to 128 of A-Z, a-z, 0-9, _ . - and not start with . or -")]
    Tag {
        /// The given text.
        got: String,
    },
    /// The name is longer than the grammar allows.
    #[error("registry and repository have {got} characters, expected at most 255")]
    TooLong {
        /// Their length.
        got: usize,
    },
    /// The part after `@` is not a digest.
    #[error(transparent)]
    Digest(#[from] digest::ParseError),
}

impl Reference {
    /// The host, with its port if one was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path inside the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The requested tag; `latest` if neither a tag nor a digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The requested digest.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same repository by digest only.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository with another tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ParseError> {
        Ok(Self { tag: Some(checked_tag(tag)?), digest: None, ..self.clone() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (registry, path) = match rest.split_once('/') {
            Some((first, path)) if is_registry(first) => (first, path),
            _ => (DEFAULT_REGISTRY, rest),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(checked_tag(tag)?)),
            None => (path, None),
        };
        if !is_host(registry) {
            return Err(ParseError::Registry { got: registry.to_owned() });
        }
        if !repository.split('/').all(is_component) {
            return Err(ParseError::Repository { got: repository.to_owned() });
        }
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        let length = registry.len() + 1 + repository.len();
        if length > NAME_MAX {
            return Err(ParseError::TooLong { got: length });
        }
        let tag = if tag.is_none() && digest.is_none() { Some(DEFAULT_TAG.to_owned()) } else { tag };
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The grammar's rule for telling `localhost/app` and `host.example/app` from `team/app`.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_host(registry: &str) -> bool {
    if let Some(rest) = registry.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<std::net::Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let label = |l: &str| {
        !l.is_empty()
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// One path component: alphanumerics with `.`, `_`, `__` or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separators_hold = || {
        component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
    };
    bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric) && separators_hold()
}

fn checked_tag(tag: &str) -> Result<String, ParseError> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let holds = tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'));
    if holds { Ok(tag.to_owned()) } else { Err(ParseError::Tag { got: tag.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Reference>().unwrap().to_string()
    }

    #[test]
    fn short_names_mean_what_docker_means() {
        assert_eq!(parsed("debian"), "docker.io/library/debian:latest");
        assert_eq!(parsed("team/app:1"), "docker.io/team/app:1");
        assert_eq!(parsed("localhost/app"), "localhost/app:latest");
        assert_eq!(parsed("127.0.0.1:5000/a/b:x"), "127.0.0.1:5000/a/b:x");
        assert_eq!(parsed("[::1]:5000/a"), "[::1]:5000/a:latest");
    }

    #[test]
    fn tag_and_digest_are_both_kept() {
        let digest = Digest::sha256(b"");
        let reference: Reference = format!("r.example/a:1@{digest}").parse().unwrap();
        assert_eq!((reference.tag(), reference.digest()), (Some("1"), Some(digest)));
        let by_digest: Reference = format!("r.example/a@{digest}").parse().unwrap();
        assert_eq!((by_digest.tag(), by_digest.digest()), (None, Some(digest)));
        assert_eq!(reference.with_digest(digest), by_digest);
    }

    #[test]
    fn refuses_what_the_grammar_refuses() {
        for bad in [
            "",
            "/",
            "a//b",
            "r.example/",
            "r.example/../b",
            "r.example/a:..",
            "r.example/A",
            "a:-x",
            "a:",
            "a b",
            "r.example:99999/a",
            "r.example:/a",
            "-r.example/a",
            "r.example/a___b",
            "r.example/a/",
            "r.example/.a",
            "user@r.example/a",
            "https://r.example/a",
            "r.example/a@sha256:zz",
            "r.example/a?x=1",
            "r.example/a#b",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        assert!("a".repeat(300).parse::<Reference>().is_err());
        for good in ["r.example/a__b", "r.example/a--b.c", "r.example/a_b/c"] {
            assert!(good.parse::<Reference>().is_ok(), "{good}");
        }
    }
}

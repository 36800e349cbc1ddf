//! Image references: `registry/repository[:tag][@digest]`.
//!
//! Follows the distribution project's reference grammar, with its defaults for short names: `debian` means
//! `docker.io/library/debian`. A reference without tag and digest means the tag `latest`; [`Reference::tag`]
//! shows it as what was asked for, and nothing trusts it.
//!
//! One registry has one spelling here, whatever was typed, see [`canonical_registry`]: rules about a registry would otherwise
//! miss images that the same server gives under another spelling of its name.
//!
//! ```
//! use plimsoll_core::Reference;
//! let reference: Reference = "127.0.0.1:5000/team/app:1.2".parse()?;
//! assert_eq!((reference.registry(), reference.repository(), reference.tag()), ("127.0.0.1:5000", "team/app", Some("1.2")));
//! # Ok::<(), plimsoll_core::reference::ParseError>(())
//! ```

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Digest, digest};

const DEFAULT_REGISTRY: &str = "docker.io";
/// Other names of Docker Hub's registry, under which tools know it or its servers answer.
const DEFAULT_REGISTRY_ALIASES: [&str; 3] =
    ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// The port that HTTPS has without being named.
const HTTPS_PORT: u16 = 443;
const DEFAULT_TAG: &str = "latest";
/// The grammar's bound for registry and repository together.
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// A place in a registry. The repository is lower-case, the registry has its canonical spelling, and the tag is as it was typed.
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
        let Some(registry) = canonical_registry(registry) else {
            return Err(ParseError::Registry { got: registry.to_owned() });
        };
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
        Ok(Self { registry, repository, tag, digest })
    }
}

/// The spelling that stands for all spellings of one registry: lower-case, an address in its shortest form, a port without zeros
/// in front, no port that HTTPS has anyway, and `docker.io` for Docker Hub. `None` if it is not `host[:port]`.
pub fn canonical_registry(registry: &str) -> Option<String> {
    let (host, port) = host_and_port(registry)?;
    // Registries on this machine may be asked without TLS, where another port is the default. A name without a dot is a
    // registry by its port alone.
    let is_local = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    let needs_port = is_local || !is_registry(&host);
    let port = port.filter(|port| *port != HTTPS_PORT || needs_port);
    Some(match port {
        Some(port) => format!("{host}:{port}"),
        None if DEFAULT_REGISTRY_ALIASES.contains(&&*host) => DEFAULT_REGISTRY.to_owned(),
        None => host,
    })
}

/// All spellings of `registry/repository` whose registry has its canonical spelling, that one first. Letters of other case and
/// zeros in front of a port are left out.
pub fn spellings(name: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let (registry, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
    let aliases = DEFAULT_REGISTRY_ALIASES.iter().filter(move |_| registry == DEFAULT_REGISTRY);
    let hosts = std::iter::once(registry).chain(aliases.copied());
    let has_port = registry.rsplit_once(':').is_some_and(|(_, port)| is_port(port));
    hosts.flat_map(move |host| {
        let plain = if host == registry { Cow::Borrowed(name) } else { Cow::Owned(format!("{host}{rest}")) };
        let with_port = (!has_port).then(|| Cow::Owned(format!("{host}:{HTTPS_PORT}{rest}")));
        std::iter::once(plain).chain(with_port)
    })
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

/// The host in its canonical spelling, and the port.
fn host_and_port(registry: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = registry.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = if port.is_empty() { None } else { Some(self::port(port.strip_prefix(':')?)?) };
        return Some((format!("[{address}]"), port));
    }
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(self::port(port)?)),
        None => (registry, None),
    };
    let label = |l: &str| {
        !l.is_empty()
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // Resolvers take `127.1`, `0x7f000001` and the like for addresses, which would be more spellings of one server.
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_number = last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let is_host = host.split('.').all(label) && (!is_number || host.parse::<Ipv4Addr>().is_ok());
    is_host.then(|| (host.to_ascii_lowercase(), port))
}

fn port(text: &str) -> Option<u16> {
    if is_port(text) { text.parse().ok() } else { None }
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
    fn one_registry_has_one_spelling() {
        for (one, spellings) in [
            (
                "docker.io/library/debian",
                &[
                    "debian",
                    "docker.io/debian",
                    "Docker.IO/debian",
                    "docker.io:443/debian",
                    "index.docker.io/debian",
                    "index.docker.io/library/debian",
                    "registry-1.docker.io/debian",
                    "REGISTRY-1.docker.io:0443/debian",
                    "registry.hub.docker.com/debian",
                ][..],
            ),
            ("r.example/a", &["r.example/a", "R.Example/a", "r.example:443/a", "r.example:00443/a"]),
            ("r.example:5000/a", &["r.example:5000/a", "R.EXAMPLE:05000/a"]),
            ("localhost:5755/a", &["LOCALHOST:5755/a", "localhost:05755/a"]),
            ("localhost:443/a", &["localhost:443/a"]),
            ("127.0.0.1:443/a", &["127.0.0.1:443/a"]),
            ("localhost/a", &["localhost/a", "LocalHost/a"]),
            ("[::1]:5000/a", &["[::1]:5000/a", "[0:0::1]:05000/a", "[0000::0001]:5000/a"]),
            ("[2001:db8::1]/a", &["[2001:DB8::1]/a", "[2001:db8:0::1]:443/a"]),
        ] {
            for spelling in spellings {
                assert_eq!(parsed(&format!("{spelling}:1")), format!("{one}:1"), "{spelling}");
            }
        }
        for bad in [
            "127.1/a",
            "127.0.0.01:5000/a",
            "0x7f.1:5000/a",
            "r.example:/a",
            "r.example:+1/a",
            "2130706433:5000/a",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_known_by_all_spellings_of_its_registry() {
        let all = |name| spellings(name).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(all("r.example/a"), ["r.example/a", "r.example:443/a"]);
        assert_eq!(all("r.example:5000/a"), ["r.example:5000/a"]);
        assert_eq!(all("[::1]/a"), ["[::1]/a", "[::1]:443/a"]);
        let hub = all("docker.io/library/a");
        assert_eq!((hub.len(), hub[0].as_str()), (8, "docker.io/library/a"));
        assert!(hub.contains(&"index.docker.io:443/library/a".to_owned()), "{hub:?}");
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

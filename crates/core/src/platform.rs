//! Platforms as image indexes write them: `linux/amd64`, `linux/arm64/v8`.
//!
//! Follows the OCI image specification, "Image Index": values are Go's `GOOS` and `GOARCH`. Runtimes also take other
//! spellings (`Linux/x86_64`), so platforms are compared as containerd does, after normalising both, and kept as written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, architecture and optionally a variant of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A text that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got `{got}`, expected a platform such as linux/amd64 or linux/arm64/v8")]
pub struct ParseError {
    /// The text.
    pub got: String,
}

impl Platform {
    /// A platform without variant.
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self { os: os.into(), architecture: architecture.into(), variant: None }
    }

    /// The platform whose images run on this machine. Containers are Linux even where the host is not.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self::new("linux", architecture)
    }

    /// The platform of an image that does not name one. Engines run such an image on any machine.
    pub fn unknown() -> Self {
        Self::new(UNKNOWN, UNKNOWN)
    }

    /// The spelling that containerd compares (`platforms.Normalize`): lower case, Go's names, no variant where it is the
    /// architecture's only or first one, and Linux where no system is named.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let os = match self.os.to_ascii_lowercase().as_str() {
            "" => "linux".to_owned(),
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = self.variant.as_deref().unwrap_or_default().to_ascii_lowercase();
        let (architecture, variant) =
            match (self.architecture.to_ascii_lowercase().as_str(), variant.as_str()) {
                ("i386", _) => ("386".to_owned(), String::new()),
                ("x86_64" | "x86-64" | "amd64", "" | "1" | "v1") => ("amd64".to_owned(), String::new()),
                ("x86_64" | "x86-64", variant) => ("amd64".to_owned(), variant.to_owned()),
                ("aarch64" | "arm64", "" | "8" | "v8" | "v8.0") => ("arm64".to_owned(), String::new()),
                ("aarch64", variant) => ("arm64".to_owned(), variant.to_owned()),
                ("armhf", _) | ("arm", "" | "7") => ("arm".to_owned(), "v7".to_owned()),
                ("armel", _) => ("arm".to_owned(), "v6".to_owned()),
                ("arm", variant @ ("5" | "6" | "8")) => ("arm".to_owned(), format!("v{variant}")),
                (architecture, variant) => (architecture.to_owned(), variant.to_owned()),
            };
        Self { os, architecture, variant: Some(variant).filter(|variant| !variant.is_empty()) }
    }

    /// Whether an image of this platform satisfies a request for `wanted`: same system and architecture, and
    /// the same variant if both name one. `arm64` and `arm64/v8` are the same machine. An image that names no
    /// platform satisfies every request.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        let (have, want) = (self.normalised(), wanted.normalised());
        self.is_unknown()
            || (have.os == want.os
                && have.architecture == want.architecture
                && match (&have.variant, &want.variant) {
                    (Some(have), Some(want)) => have == want,
                    _ => true,
                })
    }

    /// Whether the image names no platform.
    pub fn is_unknown(&self) -> bool {
        let is_unknown = |text: &str| text.is_empty() || text.eq_ignore_ascii_case(UNKNOWN);
        self.os.eq_ignore_ascii_case(UNKNOWN) || is_unknown(&self.architecture)
    }

    /// Whether an index entry of this platform can run at all. Builders mark attestations as
    /// `unknown/unknown`.
    pub fn is_runnable(&self) -> bool {
        !self.os.eq_ignore_ascii_case(UNKNOWN) && !self.architecture.eq_ignore_ascii_case(UNKNOWN)
    }
}

const UNKNOWN: &str = "unknown";

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let word = |w: &str| {
            !w.is_empty()
                && w.len() <= 32
                && w.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, architecture] if word(os) && word(architecture) => Ok(Self::new(*os, *architecture)),
            [os, architecture, variant] if word(os) && word(architecture) && word(variant) => {
                Ok(Self { variant: Some((*variant).to_owned()), ..Self::new(*os, *architecture) })
            }
            _ => Err(ParseError { got: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        for text in ["linux/amd64", "linux/arm64/v8", "windows/amd64"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for bad in ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/am d64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variant_matters_only_when_both_name_one() {
        let have = |t: &str| t.parse::<Platform>().unwrap();
        assert!(have("linux/arm64/v8").satisfies(&have("linux/arm64")));
        assert!(have("linux/arm64").satisfies(&have("linux/arm64/v8")));
        assert!(!have("linux/arm/v6").satisfies(&have("linux/arm/v7")));
        assert!(!have("linux/amd64").satisfies(&have("linux/arm64")));
    }

    #[test]
    fn platforms_are_compared_as_containerd_normalises_them() {
        let of = |os: &str, architecture: &str, variant: Option<&str>| Platform {
            variant: variant.map(str::to_owned),
            ..Platform::new(os, architecture)
        };
        for (given, normal) in [
            (of("Linux", "AMD64", None), "linux/amd64"),
            (of("linux", "x86_64", None), "linux/amd64"),
            (of("", "x86-64", Some("v1")), "linux/amd64"),
            (of("linux", "amd64", Some("V2")), "linux/amd64/v2"),
            (of("macOS", "aarch64", Some("8")), "darwin/arm64"),
            (of("linux", "arm64", Some("v8")), "linux/arm64"),
            (of("linux", "i386", Some("x")), "linux/386"),
            (of("linux", "arm", None), "linux/arm/v7"),
            (of("linux", "armel", None), "linux/arm/v6"),
            (of("linux", "armhf", Some("v6")), "linux/arm/v7"),
            (of("linux", "ARM", Some("6")), "linux/arm/v6"),
            (of("linux", "riscv64", None), "linux/riscv64"),
        ] {
            assert_eq!(given.normalised().to_string(), normal, "{given}");
            assert!(given.satisfies(&normal.parse().unwrap()), "{given}");
        }
        let amd: Platform = "Linux/x86_64".parse().unwrap();
        assert!(Platform::unknown().satisfies(&amd) && of("linux", "", None).satisfies(&amd));
        assert!(!of("linux", "arm", None).satisfies(&"linux/arm/v6".parse().unwrap()));
        assert!(!of("Unknown", "UNKNOWN", None).is_runnable());
    }
}

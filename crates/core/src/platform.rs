//! Platforms as image indexes write them: `linux/amd64`, `linux/arm64/v8`.
//!
//! Follows the OCI image specification, "Image Index": values are Go's `GOOS` and `GOARCH`.

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

    /// Whether an image of this platform satisfies a request for `wanted`: same system and architecture, and the same
    /// variant where both name one. `arm64` and `arm64/v8` are the same machine.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && match (&self.variant, &wanted.variant) {
                (Some(have), Some(want)) => have == want,
                _ => true,
            }
    }

    /// Whether an index entry of this platform can be run at all. Builders mark attestations as `unknown/unknown`.
    pub fn is_runnable(&self) -> bool {
        self.os != "unknown" && self.architecture != "unknown"
    }
}

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
            !w.is_empty() && w.len() <= 32 && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
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
}

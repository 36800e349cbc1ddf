//! Ignore rules: findings that the user of a scan does not want to count. They belong to that scan, and never affect a
//! verdict.
//!
//! ```yaml
//! apiVersion: plimsoll.dev/v1
//! kind: IgnoreRules
//! ignore:
//!   - ids: [CVE-2026-1234]             # any identifier of the vulnerability
//!     package: pkg:deb/debian/zlib1g   # ids, package or both
//!     paths: ["opt/app/**"]            # every place of the package must be one of these
//!     reason: the tool is not run
//!     until: 2026-12-31                # until the start of this day, UTC, or a time in RFC 3339
//! ```
//!
//! The rules of other scanners are read as well, each form by a module that implements [`Format`] and has a line in [`FORMATS`].
//! A rule that cannot be applied exactly is refused and reported, so that none becomes wider than intended.
//!
//! An ignored finding stays in the scan, with the rule. An expired rule does not count, which is reported. A malicious
//! package is only ignored by a rule that names its advisory.

mod grype;
mod osv_scanner;
mod own;
mod rule;
mod trivy;

use std::fmt;
use std::path::Path;

use plimsoll_core::{Classify, Kind, yaml};

pub use rule::{Rule, RuleFile, Rules};

/// A form of ignore rules.
pub trait Format: Sync {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// Whether a file is of this form.
    fn recognises(&self, claims: &Claims) -> bool;

    /// Its rules.
    fn read(&self, bytes: &[u8], source: &str) -> Result<RuleFile, Error>;
}

/// The forms.
pub const FORMATS: [&dyn Format; 5] =
    [&own::Own, &trivy::Yaml, &grype::Grype, &osv_scanner::OsvScanner, &trivy::Text];

/// What tells the form of a file: how its name ends, and, of YAML, its keys.
#[derive(Debug)]
pub struct Claims {
    ending: Ending,
    keys: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Yaml,
    Toml,
    Other,
}

impl Claims {
    fn has(&self, key: &str) -> bool {
        self.ending == Ending::Yaml && self.keys.iter().any(|it| it == key)
    }
}

/// Why a file of ignore rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not YAML, or of another shape than expected.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// It is not TOML.
    #[error("{origin}: invalid TOML: {reason}")]
    Toml {
        /// The file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// It is not UTF-8.
    #[error("{origin} is not UTF-8")]
    Encoding {
        /// The file.
        origin: String,
    },
    /// It is of no known form.
    #[error("{origin} has no ignore rules, expected one of {}", Names)]
    Unknown {
        /// The file.
        origin: String,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&FORMATS.map(Format::name).join(", "))
    }
}

/// Reads a file of any form. The caller bounds its size.
pub fn read(bytes: &[u8], path: &Path) -> Result<RuleFile, Error> {
    let source = path.display().to_string();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let claims = match ending {
        "yaml" | "yml" | "json" => Claims { ending: Ending::Yaml, keys: own::keys(bytes, &source)? },
        "toml" => Claims { ending: Ending::Toml, keys: Vec::new() },
        _ => Claims { ending: Ending::Other, keys: Vec::new() },
    };
    match FORMATS.iter().find(|format| format.recognises(&claims)) {
        Some(format) => format.read(bytes, &source),
        None => Err(Error::Unknown { origin: source }),
    }
}

#[cfg(test)]
mod tests;

//! Trivy's `.trivyignore`, and its YAML (<https://trivy.dev/latest/docs/configuration/filtering/>).
//!
//! ```text
//! # a comment
//! CVE-2022-40897
//! CVE-2023-3817 exp:2026-12-31
//! ```
//! ```yaml
//! vulnerabilities:
//!   - id: CVE-2022-40897
//!     paths: ["usr/local/lib/python3.9/**"]
//!     purls: ["pkg:deb/debian/libssl1.1"]
//!     statement: the reason
//!     expired_at: 2026-12-31
//! ```
//!
//! What is not about vulnerabilities (`misconfigurations`, `secrets`, `licenses`) is about no finding of a scan.

use plimsoll_core::yaml;
use serde::Deserialize;
use serde_json::Value;

use super::rule::{self, Packages, Rule, RuleFile};
use super::{Claims, Ending, Error, Format};

/// The file without an ending of its own.
pub(super) struct Text;

/// The file in YAML.
pub(super) struct Yaml;

/// Why there is a rule that gives no reason.
const NO_REASON: &str = "no reason is given";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    vulnerabilities: Option<Vec<Value>>,
    #[serde(rename = "misconfigurations", default)]
    _misconfigurations: Option<Value>,
    #[serde(rename = "secrets", default)]
    _secrets: Option<Value>,
    #[serde(rename = "licenses", default)]
    _licenses: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    purls: Vec<String>,
    statement: Option<String>,
    expired_at: Option<String>,
}

impl Format for Yaml {
    fn name(&self) -> &'static str {
        "trivyignore.yaml"
    }

    fn recognises(&self, claims: &Claims) -> bool {
        ["vulnerabilities", "misconfigurations", "secrets", "licenses"].iter().any(|key| claims.has(key))
    }

    fn read(&self, bytes: &[u8], source: &str) -> Result<RuleFile, Error> {
        let document: Document = yaml::read(bytes, source, yaml::Size::DOCUMENT)?;
        let mut file = RuleFile::new(self.name(), source);
        for (position, value) in document.vulnerabilities.unwrap_or_default().into_iter().enumerate() {
            file.add(format!("rule {}", position + 1), rule::entry(value).and_then(rule));
        }
        Ok(file)
    }
}

fn rule(entry: Entry) -> Result<Rule, String> {
    let purls: Vec<_> = entry.purls.iter().map(|purl| rule::purl(purl)).collect::<Result<_, _>>()?;
    Ok(Rule {
        ids: vec![rule::id(&entry.id)?],
        package: (!purls.is_empty()).then_some(Packages::Purls(purls)),
        paths: entry.paths.iter().map(|path| rule::path(path)).collect::<Result<_, _>>()?,
        reason: entry.statement.filter(|it| !it.trim().is_empty()).unwrap_or_else(|| NO_REASON.to_owned()),
        until: entry.expired_at.as_deref().map(rule::until).transpose()?,
        ..Rule::default()
    })
}

impl Format for Text {
    fn name(&self) -> &'static str {
        ".trivyignore"
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.ending == Ending::Other
    }

    fn read(&self, bytes: &[u8], source: &str) -> Result<RuleFile, Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding { origin: source.to_owned() })?;
        let mut file = RuleFile::new(self.name(), source);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                file.add(format!("line {}", number + 1), of_line(line));
            }
        }
        Ok(file)
    }
}

fn of_line(line: &str) -> Result<Rule, String> {
    let mut fields = line.split_whitespace();
    let ids = vec![rule::id(fields.next().unwrap_or_default())?];
    let mut until = None;
    for field in fields {
        let Some(day) = field.strip_prefix("exp:") else {
            let field = plimsoll_core::text::shown(field);
            return Err(format!("`{field}` after the identifier is not exp: and a day"));
        };
        until = Some(rule::until(day)?);
    }
    Ok(Rule { ids, reason: NO_REASON.to_owned(), until, ..Rule::default() })
}

//! `osv-scanner.toml` (<https://google.github.io/osv-scanner/configuration/>).
//!
//! ```toml
//! [[IgnoredVulns]]
//! id = "GO-2022-0968"
//! ignoreUntil = 2026-11-09
//! reason = "no ssh servers"
//!
//! [[PackageOverrides]]
//! name = "lib"
//! version = "1.0.0"
//! ecosystem = "Go"
//! vulnerability.ignore = true      # or: ignore = true
//! effectiveUntil = 2026-11-09
//! reason = "abc"
//! ```
//!
//! An override that ignores nothing is about licences. One without a name, or with a group, is refused.

use plimsoll_core::Ecosystem;
use plimsoll_core::text::shown;
use serde::Deserialize;

use super::rule::{self, Packages, Rule, RuleFile};
use super::{Claims, Ending, Error, Format};

/// The form.
pub(super) struct OsvScanner;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "IgnoredVulns", default)]
    ignored: Vec<toml::Value>,
    #[serde(rename = "PackageOverrides", default)]
    overrides: Vec<toml::Value>,
    #[serde(flatten)]
    others: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignored {
    id: String,
    #[serde(rename = "ignoreUntil")]
    until: Option<toml::value::Datetime>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Override {
    name: Option<String>,
    version: Option<String>,
    ecosystem: Option<String>,
    #[serde(default)]
    ignore: bool,
    vulnerability: Option<Vulnerability>,
    #[serde(rename = "license")]
    _license: Option<toml::Value>,
    effective_until: Option<toml::value::Datetime>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vulnerability {
    #[serde(default)]
    ignore: bool,
}

impl Format for OsvScanner {
    fn name(&self) -> &'static str {
        "osv-scanner.toml"
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.ending == Ending::Toml
    }

    fn read(&self, bytes: &[u8], source: &str) -> Result<RuleFile, Error> {
        let origin = || source.to_owned();
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding { origin: origin() })?;
        let document: Document = toml::from_str(text)
            .map_err(|error| Error::Toml { origin: origin(), reason: shown(error.message()) })?;
        let mut file = RuleFile::new(self.name(), source);
        for (position, value) in document.ignored.into_iter().enumerate() {
            let entry = value.try_into::<Ignored>().map_err(|error| shown(error.message()));
            file.add(format!("IgnoredVulns {}", position + 1), entry.and_then(ignored));
        }
        for (position, value) in document.overrides.into_iter().enumerate() {
            let place = format!("PackageOverrides {}", position + 1);
            let entry = value.try_into::<Override>().map_err(|error| shown(error.message()));
            match entry {
                Ok(entry) if !entry.ignore && !entry.vulnerability.as_ref().is_some_and(|it| it.ignore) => {}
                entry => file.add(place, entry.and_then(overridden)),
            }
        }
        for name in document.others.keys() {
            file.add(shown(name), Err("it is no ignore rule".to_owned()));
        }
        Ok(file)
    }
}

fn ignored(entry: Ignored) -> Result<Rule, String> {
    Ok(Rule {
        ids: vec![rule::id(&entry.id)?],
        reason: reason(entry.reason),
        until: until(entry.until)?,
        ..Rule::default()
    })
}

fn overridden(entry: Override) -> Result<Rule, String> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let Some(name) = given(entry.name) else { return Err("it names no package".to_owned()) };
    let types = given(entry.ecosystem).map(|name| {
        let plain = name.split(':').next().unwrap_or_default();
        let known = Ecosystem::from_name(plain).filter(|_| plain == name);
        let known = known.map(|ecosystem| ecosystem.purl_types().to_vec());
        known.ok_or_else(|| format!("ecosystem {} is not known without its release", shown(&name)))
    });
    let package = Packages::Named { name, version: given(entry.version), types: types.transpose()? };
    Ok(Rule {
        package: Some(package),
        reason: reason(entry.reason),
        until: until(entry.effective_until)?,
        ..Rule::default()
    })
}

fn reason(text: Option<String>) -> String {
    text.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "no reason is given".to_owned())
}

fn until(time: Option<toml::value::Datetime>) -> Result<Option<plimsoll_core::Timestamp>, String> {
    time.map(|time| rule::until(&time.to_string())).transpose()
}

//! The form of this program, see [`super`]. An unknown field or a missing one refuses the file, a value that means
//! nothing the rule.

use std::collections::BTreeMap;

use plimsoll_core::yaml;
use serde::Deserialize;
use serde_json::Value;

use super::rule::{self, Packages, Rule, RuleFile};
use super::{Claims, Error, Format};

/// The form.
pub(super) struct Own;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    #[serde(rename = "kind")]
    _kind: Kind,
    ignore: Vec<Entry>,
}

#[derive(Deserialize)]
enum ApiVersion {
    #[serde(rename = "plimsoll.dev/v1")]
    V1,
}

#[derive(Deserialize)]
enum Kind {
    IgnoreRules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    ids: Vec<String>,
    package: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    reason: String,
    until: String,
}

/// The keys of a YAML document.
pub(super) fn keys(bytes: &[u8], source: &str) -> Result<Vec<String>, Error> {
    let keys: BTreeMap<String, Value> = yaml::read(bytes, source, yaml::Size::DOCUMENT)?;
    Ok(keys.into_keys().collect())
}

impl Format for Own {
    fn name(&self) -> &'static str {
        "IgnoreRules"
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.has("kind") || claims.has("apiVersion")
    }

    fn read(&self, bytes: &[u8], source: &str) -> Result<RuleFile, Error> {
        let document: Document = yaml::read(bytes, source, yaml::Size::DOCUMENT)?;
        let mut file = RuleFile::new(self.name(), source);
        for (position, entry) in document.ignore.iter().enumerate() {
            file.add(format!("rule {}", position + 1), rule(entry));
        }
        Ok(file)
    }
}

fn rule(entry: &Entry) -> Result<Rule, String> {
    if entry.ids.is_empty() && entry.package.is_none() {
        return Err("it names neither a vulnerability (ids) nor a package".to_owned());
    }
    if entry.reason.trim().is_empty() {
        return Err("its reason is empty".to_owned());
    }
    let package = entry.package.as_deref().map(rule::purl).transpose()?;
    Ok(Rule {
        ids: entry.ids.iter().map(|id| rule::id(id)).collect::<Result<_, _>>()?,
        package: package.map(|purl| Packages::Purls(vec![purl])),
        paths: entry.paths.iter().map(|path| rule::path(path)).collect::<Result<_, _>>()?,
        reason: entry.reason.trim().to_owned(),
        until: Some(rule::until(&entry.until)?),
        ..Rule::default()
    })
}

//! The rules of Grype's `.grype.yaml` (<https://oss.anchore.com/docs/guides/vulnerability/filter-results/>).
//!
//! ```yaml
//! ignore:
//!   - vulnerability: CVE-2008-4318
//!     include-aliases: true
//!     reason: not reachable
//!     fix-state: unknown
//!     package: {name: libcurl, version: 1.5.1, type: npm, location: "/usr/local/lib/node_modules/**"}
//! ```
//!
//! The identifier is always compared with all identifiers of the vulnerability, because which of them is the main one differs from
//! scanner to scanner. What is not in the sample cannot be carried over: namespaces, languages, upstream names, kinds of matches,
//! states of VEX, and regular expressions for names.

use plimsoll_core::yaml;
use serde::Deserialize;
use serde_json::Value;

use super::rule::{self, FixState, Packages, Rule, RuleFile};
use super::{Claims, Error, Format};

/// The form.
pub(super) struct Grype;

/// Other settings of the file are about other things.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    ignore: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    vulnerability: Option<String>,
    #[serde(rename = "include-aliases")]
    _include_aliases: Option<bool>,
    reason: Option<String>,
    fix_state: Option<String>,
    package: Option<Package>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Package {
    name: Option<String>,
    version: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    location: Option<String>,
}

/// Types of packages, and what package URLs call them.
const TYPES: [(&str, &str); 12] = [
    ("apk", "apk"),
    ("deb", "deb"),
    ("rpm", "rpm"),
    ("npm", "npm"),
    ("python", "pypi"),
    ("gem", "gem"),
    ("go-module", "golang"),
    ("java-archive", "maven"),
    ("rust-crate", "cargo"),
    ("php-composer", "composer"),
    ("dotnet", "nuget"),
    ("conan", "conan"),
];

impl Format for Grype {
    fn name(&self) -> &'static str {
        ".grype.yaml"
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.has("ignore")
    }

    fn read(&self, bytes: &[u8], source: &str) -> Result<RuleFile, Error> {
        let document: Document = yaml::read(bytes, source, yaml::Size::DOCUMENT)?;
        let mut file = RuleFile::new(self.name(), source);
        for (position, value) in document.ignore.unwrap_or_default().into_iter().enumerate() {
            file.add(format!("rule {}", position + 1), rule::entry(value).and_then(rule));
        }
        Ok(file)
    }
}

fn rule(entry: Entry) -> Result<Rule, String> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let fix = match given(entry.fix_state).as_deref() {
        None => None,
        Some("fixed") => Some(FixState::Fixed),
        Some("not-fixed") => Some(FixState::NotFixed),
        Some("wont-fix") => Some(FixState::WontFix),
        Some("unknown") => Some(FixState::Unknown),
        Some(other) => {
            return Err(format!("`{}` is not a state of a fix", plimsoll_core::text::shown(other)));
        }
    };
    let ids: Vec<String> =
        given(entry.vulnerability).map(|id| rule::id(&id)).transpose()?.into_iter().collect();
    let (mut package, mut paths) = (None, Vec::new());
    if let Some(of) = entry.package {
        let (name, version, kind) = (given(of.name), given(of.version), given(of.kind));
        paths = given(of.location).map(|path| rule::path(&path)).transpose()?.into_iter().collect();
        let types = kind.map(|kind| {
            let known = TYPES.iter().find(|(theirs, _)| *theirs == kind).map(|(_, ours)| vec![*ours]);
            known.ok_or_else(|| {
                format!("packages of type {} are not known", plimsoll_core::text::shown(&kind))
            })
        });
        let types = types.transpose()?;
        match name {
            Some(name)
                if name.contains(['*', '+', '?', '[', ']', '(', ')', '|', '^', '$', '\\', '{'])
                    && !name.starts_with('@') =>
            {
                return Err("the name of its package is a regular expression".to_owned());
            }
            Some(name) => package = Some(Packages::Named { name, version, types }),
            None if version.is_some() || types.is_some() => {
                return Err("a version or type without a name cannot be carried over".to_owned());
            }
            None => {}
        }
    }
    if ids.is_empty() && package.is_none() && paths.is_empty() && fix.is_none() {
        return Err("it has no condition".to_owned());
    }
    let reason = given(entry.reason).unwrap_or_else(|| "no reason is given".to_owned());
    Ok(Rule { ids, package, paths, fix, reason, ..Rule::default() })
}

//! `package.json`, as Node and npm read it: the last of members with one name counts, and a member with an unexpected
//! type is ignored. People write these files, so they are read less strictly than other JSON: everything that Node runs
//! must be found.
//!
//! ```json
//! {"name": "@scope/lib", "version": "1.2.3", "license": "MIT", "author": {"name": "A", "email": "a@example.org"}}
//! ```

use std::borrow::Cow;
use std::fmt;

use plimsoll_core::Purl;
use plimsoll_core::text::shortened;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::inventory::{Component, Origin, origin};
use crate::licence::Licence;

/// The content of a `package.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Manifest {
    /// A package that a registry can have.
    Package(Component),
    /// A package that npm refuses to publish: an application, or a part of one.
    Private(Component),
    /// It has a name but no version, like copies that are built into another package.
    Versionless(String),
    /// It has no name, like those that only set the type of modules.
    Nameless,
}

/// A licence longer than this is the licence's text, not its name.
const MAX_LICENCE: usize = 200;
/// Licences in the older form, a list. Real ones have one or two.
const MAX_LICENCES: usize = 32;

/// Reads a manifest, or says why it is invalid.
pub(super) fn read(content: &[u8]) -> Result<Manifest, String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let fields: Fields = serde_json::from_slice(content).map_err(|error| format!("is not JSON: {error}"))?;
    let Some(name) = text(&fields.name) else { return Ok(Manifest::Nameless) };
    let Some(version) = text(&fields.version) else {
        return Ok(Manifest::Versionless(shortened(name)));
    };
    let mut component = component(name, version)?;
    component.licenses = licences(&fields.licence);
    component.supplier = person(&fields.author);
    let repository = &fields.repository;
    component.origin = Origin {
        homepage: text(&fields.homepage).and_then(origin::page),
        repository: text(repository).or_else(|| text(repository.get("url")?)).and_then(origin::repository),
        ..Origin::default()
    }
    .boxed();
    Ok(match fields.private {
        Value::Bool(true) => Manifest::Private(component),
        _ => Manifest::Package(component),
    })
}

/// The registry's package with this name: `lib`, `@scope/lib`. If `version` is empty, it has none.
pub(super) fn component(name: &str, version: &str) -> Result<Component, String> {
    let (namespace, own) = match name.split_once('/') {
        Some((scope, own)) if scope.starts_with('@') => (scope, own),
        _ => ("", name),
    };
    if own.is_empty()
        || own.contains(['/', '\\', '@'])
        || own.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(format!("names a package `{}`, which is not a valid name", shortened(name)));
    }
    if version.len() > 256 || version.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("states the invalid version `{}`", shortened(version)));
    }
    let purl = Purl::builder("npm", own).namespace(namespace);
    let purl = if version.is_empty() { purl } else { purl.version(version) };
    purl.build().map(Component::from_purl).map_err(|error| error.to_string())
}

/// The members that are needed.
#[derive(Default)]
struct Fields {
    name: Value,
    version: Value,
    private: Value,
    licence: Value,
    author: Value,
    homepage: Value,
    repository: Value,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = members.next_key::<Cow<'_, str>>()? {
                    let field = match &*key {
                        "name" => &mut fields.name,
                        "version" => &mut fields.version,
                        "private" => &mut fields.private,
                        "license" => &mut fields.licence,
                        // The older form, which counts only if the newer one is missing.
                        "licenses" if fields.licence.is_null() => &mut fields.licence,
                        "author" => &mut fields.author,
                        "homepage" => &mut fields.homepage,
                        "repository" => &mut fields.repository,
                        _ => {
                            members.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *field = members.next_value()?;
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn licences(value: &Value) -> Vec<Licence> {
    let one = |value: &Value| {
        let stated = text(value).or_else(|| text(value.get("type")?))?;
        Some(stated).filter(|text| text.len() <= MAX_LICENCE).and_then(Licence::stated)
    };
    match value {
        Value::Array(several) => several.iter().take(MAX_LICENCES).filter_map(one).collect(),
        single => one(single).into_iter().collect(),
    }
}

/// `Name <address>`, from either form.
fn person(value: &Value) -> Option<String> {
    const MAX_PERSON: usize = 200;
    let member = |name: &str| value.get(name).and_then(text);
    let whole = match (text(value), member("name"), member("email")) {
        (Some(text), ..) => text.to_owned(),
        (None, Some(name), Some(address)) => format!("{name} <{address}>"),
        (None, Some(one), None) | (None, None, Some(one)) => one.to_owned(),
        (None, None, None) => return None,
    };
    (whole.len() <= MAX_PERSON && !whole.chars().any(char::is_control)).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str) -> String {
        match read(content.as_bytes()) {
            Ok(Manifest::Package(it)) => {
                let licences: Vec<String> = it.licenses.iter().map(ToString::to_string).collect();
                format!("{} {} {}", it.purl, licences.join(","), it.supplier.unwrap_or_default())
            }
            Ok(Manifest::Private(it)) => format!("private {}", it.purl),
            Ok(Manifest::Versionless(_) | Manifest::Nameless) => "nameless".to_owned(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn names_versions_licences_and_authors_in_every_form() {
        for (content, expected) in [
            (r#"{"name":"JSONStream","version":"1.3.5","license":"MIT"}"#, "pkg:npm/JSONStream@1.3.5 MIT "),
            ("\u{feff}{\"name\":\"a\",\"version\":\" 1.0.0 \"}", "pkg:npm/a@1.0.0  "),
            (
                r#"{"name":"@s/a","version":"1.0.0-b+1","author":{"name":"A","email":"a@b.c"},"licenses":[{"type":"MIT"},"ISC"]}"#,
                "pkg:npm/%40s/a@1.0.0-b%2B1 MIT,ISC A <a@b.c>",
            ),
            (
                r#"{"name":"a","version":"1","license":{"type":"BSD","url":"x"},"author":"A"}"#,
                "pkg:npm/a@1 BSD A",
            ),
            // As in JavaScript, the last one counts.
            (r#"{"name":"old","version":"1","name":"new","version":"2"}"#, "pkg:npm/new@2  "),
            (r#"{"name":"a","version":"1","private":true}"#, "private pkg:npm/a@1"),
            (r#"{"type":"module"}"#, "nameless"),
            (r#"{"name":"a"}"#, "nameless"),
            (r#"{"name":["a"],"version":1}"#, "nameless"),
        ] {
            assert_eq!(shown(content), expected, "{content}");
        }
    }

    #[test]
    fn pages_and_repositories_in_every_form() {
        let origin = |members: &str| {
            let content = format!(r#"{{"name":"a","version":"1",{members}}}"#);
            let Ok(Manifest::Package(found)) = read(content.as_bytes()) else { panic!("{content}") };
            found.origin.map(|it| (it.homepage.unwrap_or_default(), it.repository.unwrap_or_default()))
        };
        let pair = |page: &str, repository: &str| Some((page.to_owned(), repository.to_owned()));
        let git = "git+https://github.com/a/b.git";
        assert_eq!(
            origin(
                r#""homepage":"https://a.example","repository":{"type":"git","url":"git+https://github.com/a/b.git"}"#
            ),
            pair("https://a.example", git)
        );
        assert_eq!(origin(r#""repository":"github:a/b""#), pair("", git));
        assert_eq!(origin(r#""homepage":{"x":1},"repository":["a"]"#), None);
    }

    #[test]
    fn an_invalid_manifest_or_name_is_an_error() {
        for content in [
            "",
            "[]",
            "{",
            r#"{"name":"a/b","version":"1"}"#,
            r#"{"name":"@s/a/b","version":"1"}"#,
            r#"{"name":"..","version":"1"}"#,
            r#"{"name":"a b","version":"1"}"#,
            r#"{"name":"a","version":"1\n2"}"#,
        ] {
            assert!(shown(content).starts_with("error: "), "{content}: {}", shown(content));
        }
        assert!(read(&b"[".repeat(100_000)).is_err());
        assert!(read(&[br#"{"x":"#.as_slice(), &b"[".repeat(100_000)].concat()).is_err());
    }
}

//! The metadata of one distribution: e-mail headers up to the first empty line, read as Python's own reader does.
//!
//! Lines end with `\n`, `\r\n` or `\r`. A continuation line belongs to its header. A line that is not a header ends the
//! headers. A name or version that two readers would see differently is invalid.

use plimsoll_core::Purl;
use plimsoll_core::text::shortened;

use crate::inventory::origin::page;
use crate::inventory::{Component, Origin};
use crate::licence::Licence;

/// A licence longer than this is the licence's text, not its name.
const MAX_LICENCE: usize = 200;
/// Licences among the classifiers. Real ones have one or two.
const MAX_CLASSIFIERS: usize = 32;

/// The component of the metadata, without a location, or why there is none.
pub(super) fn read(content: &[u8]) -> Result<Component, String> {
    let headers = Headers::parse(content)?;
    let name = headers.name.ok_or("has no Name")?;
    let version = headers.version.ok_or("has no Version")?;
    if !is_name(&name) {
        return Err(format!("Name `{}` is invalid", shortened(&name)));
    }
    if version.len() > 255 || version.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("Version `{}` is invalid", shortened(&version)));
    }
    let purl = Purl::builder("pypi", name).version(version).build().map_err(|error| error.to_string())?;
    let mut component = Component::from_purl(purl);
    let declared = headers.expression.or(headers.license.filter(|text| text.len() <= MAX_LICENCE));
    component.licenses = match declared {
        Some(licence) => vec![Licence::parse(&licence)],
        None => headers.classifiers.iter().map(|licence| Licence::parse(licence)).collect(),
    };
    component.origin = Origin {
        homepage: headers.homepage.as_deref().and_then(page),
        repository: headers.repository.as_deref().and_then(page),
        ..Origin::default()
    }
    .boxed();
    component.supplier = headers.author.or(headers.author_email).or(headers.maintainer);
    Ok(component)
}

/// The needed headers, without continuation lines.
#[derive(Default)]
struct Headers {
    name: Option<String>,
    version: Option<String>,
    expression: Option<String>,
    license: Option<String>,
    classifiers: Vec<String>,
    author: Option<String>,
    author_email: Option<String>,
    maintainer: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
}

impl Headers {
    /// Reads up to the empty line, or to the first line that is not a header.
    fn parse(content: &[u8]) -> Result<Self, String> {
        let mut headers = Self::default();
        let mut last = Slot::Other;
        for line in lines(content) {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if matches!(last, Slot::Identity(_)) && !line.trim_ascii().is_empty() {
                    return Err("continues its Name or Version on another line".to_owned());
                }
                continue;
            }
            // Python's reader ignores both.
            if line.starts_with(b"From ") || line.starts_with(b":") {
                last = Slot::Other;
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else { break };
            let (name, value) = line.split_at(colon);
            if !name.iter().all(u8::is_ascii_graphic) {
                break;
            }
            let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
            last = Slot::named(name);
            headers.put(last, value.trim_matches([' ', '\t']))?;
        }
        Ok(headers)
    }

    fn put(&mut self, slot: Slot, value: &str) -> Result<(), String> {
        if value.is_empty() || value == "UNKNOWN" {
            return Ok(());
        }
        let field = match slot {
            Slot::Identity(identity) => {
                let field = match identity {
                    Identity::Name => &mut self.name,
                    Identity::Version => &mut self.version,
                };
                // Two names: one reader would look up the first, another the last.
                return match field.replace(value.to_owned()) {
                    Some(_) => Err(format!("has two headers `{identity:?}`")),
                    None => Ok(()),
                };
            }
            Slot::Classifier => {
                // `License :: OSI Approved` alone does not say which one.
                let licence = value.strip_prefix("License :: ").and_then(|rest| rest.rsplit(" :: ").next());
                let licence = licence.filter(|licence| *licence != "OSI Approved");
                if self.classifiers.len() < MAX_CLASSIFIERS {
                    self.classifiers.extend(licence.map(plain));
                }
                return Ok(());
            }
            Slot::Expression => &mut self.expression,
            Slot::License => &mut self.license,
            Slot::Author => &mut self.author,
            Slot::AuthorEmail => &mut self.author_email,
            Slot::Maintainer => &mut self.maintainer,
            Slot::Homepage => &mut self.homepage,
            Slot::ProjectUrl => {
                let (label, url) = value.split_once(',').unwrap_or("".split_at(0));
                let field = match &*label.trim().to_ascii_lowercase() {
                    "homepage" | "home" => &mut self.homepage,
                    "source" | "source code" | "repository" | "github" | "code" => &mut self.repository,
                    _ => return Ok(()),
                };
                field.get_or_insert_with(|| plain(url.trim()));
                return Ok(());
            }
            Slot::Other => return Ok(()),
        };
        field.get_or_insert_with(|| plain(value));
        Ok(())
    }
}

/// The use of a header.
#[derive(Clone, Copy)]
enum Slot {
    Identity(Identity),
    Expression,
    License,
    Classifier,
    Author,
    AuthorEmail,
    Maintainer,
    Homepage,
    /// `Project-URL: Source, https://…`
    ProjectUrl,
    Other,
}

#[derive(Debug, Clone, Copy)]
enum Identity {
    Name,
    Version,
}

impl Slot {
    fn named(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"name" => Self::Identity(Identity::Name),
            b"version" => Self::Identity(Identity::Version),
            b"license-expression" => Self::Expression,
            b"license" => Self::License,
            b"author" => Self::Author,
            b"author-email" => Self::AuthorEmail,
            b"maintainer" => Self::Maintainer,
            b"home-page" => Self::Homepage,
            b"project-url" => Self::ProjectUrl,
            b"classifier" => Self::Classifier,
            _ => Self::Other,
        }
    }
}

/// The lines, with any of the three line endings.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(content);
    std::iter::from_fn(move || {
        let content = left?;
        let Some(end) = content.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            left = None;
            return Some(content);
        };
        let (line, rest) = content.split_at(end);
        left = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..));
        Some(line)
    })
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The core metadata's rule: letters and digits, and between them also `.`, `_` and `-`.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

//! Python distributions: the metadata that wheels, eggs and distutils leave beside the code.
//!
//! Follows the core metadata specifications and PEP 376/427: a block of e-mail headers, then an optional README.
//! Names are normalised by PEP 503. Vendored copies (`pip/_vendor`) count when they bring metadata of their own; without
//! it there is nothing to tell their version by.
//!
//! ```text
//! Metadata-Version: 2.1
//! Name: requests
//! Version: 2.32.3
//! License: Apache-2.0
//! ```

use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::purl::pep503;
use plimsoll_core::rootfs::{Bound, Fact, Footprint};

use crate::cataloger::{Cataloger, File, Room, Selection};
use crate::context::{Context, WhyUnread};
use crate::inventory::{Component, Location, ProblemCode};
use crate::licence::Licence;
use crate::ownership::{Evidence, FileDigests};

/// A licence longer than this is the licence's text, not its name.
const MAX_LICENCE: usize = 200;

const METADATA: u16 = 0;

const SELECTIONS: &[Selection] = &[Selection::whole(
    // Wheels, unpacked eggs, and what distutils left behind.
    &["**/*.dist-info/METADATA", "**/*.egg-info/PKG-INFO", "**/*EGG-INFO/PKG-INFO", "**/?*.egg-info"],
    // Package metadata carries the whole README; the largest known are about 1 MiB.
    Bound::Metadata,
)];

/// Finds installed distributions.
pub(crate) struct Python;

/// What a file of metadata shows.
#[derive(Debug, PartialEq)]
struct Distribution {
    /// A component without location, or why there is none.
    component: Result<Component, String>,
    digests: FileDigests,
}

impl Footprint for Distribution {
    fn footprint(&self) -> usize {
        size_of::<Self>()
            + match &self.component {
                Ok(component) => component.text_bytes(),
                Err(reason) => reason.len(),
            }
    }
}

impl Cataloger for Python {
    fn id(&self) -> &'static str {
        "python"
    }

    fn version(&self) -> u32 {
        1
    }

    fn room(&self) -> Room {
        Room::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["pypi"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let component = distribution(file.content);
        Some(Arc::new(Distribution { component, digests: FileDigests::of_content(file.content) }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        for unread in context.unread(METADATA) {
            let code = match unread.why {
                WhyUnread::TooLarge(_) => ProblemCode::FileTooLarge,
                WhyUnread::Unreadable(_) => ProblemCode::UnreadableFile,
            };
            context.problem(code, unread.path, unread.why.to_string());
        }
        for (file, distribution) in context.facts::<Distribution>(METADATA) {
            let mut component = match &distribution.component {
                Ok(component) => component.clone(),
                Err(detail) => {
                    context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                    continue;
                }
            };
            if let Some(detail) = disagreement(&file.path, &component) {
                context.problem(ProblemCode::MetadataDisagrees, &file.path, detail);
            }
            component.locations = vec![Location { path: file.path.clone(), layer: file.layer }];
            let component = context.add(component);
            context.found.evidence.push(Evidence {
                component,
                path: &file.path,
                real_path: &file.real_path,
                digests: &distribution.digests,
            });
        }
    }
}

fn distribution(content: &[u8]) -> Result<Component, String> {
    let headers = Headers::parse(content)?;
    let name = headers.name.ok_or("has no Name")?;
    let version = headers.version.ok_or("has no Version")?;
    if !is_name(&name) {
        return Err(format!("Name `{}` is not one", shortened(&name)));
    }
    if version.len() > 255 || version.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("Version `{}` is not one", shortened(&version)));
    }
    let purl = Purl::builder("pypi", name).version(version).build().map_err(|error| error.to_string())?;
    let mut component = Component::from_purl(purl);
    let declared = headers.expression.or(headers.license.filter(|text| is_licence(text)));
    component.licenses = match declared {
        Some(licence) => Licence::stated(&licence).into_iter().collect(),
        None => headers.classifiers.iter().filter_map(|licence| Licence::stated(licence)).collect(),
    };
    component.supplier = headers.author.or(headers.author_email).or(headers.maintainer);
    Ok(component)
}

/// The headers that are needed; text as it stands, without the lines that continue it.
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
}

impl Headers {
    /// Reads up to the empty line, or to the first line that is no header, as Python's own reader does.
    fn parse(content: &[u8]) -> Result<Self, String> {
        let mut headers = Self::default();
        for line in content.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if matches!(line.first(), Some(b' ' | b'\t')) {
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':').filter(|at| *at > 0) else { break };
            let (name, value) = line.split_at(colon);
            if !name.iter().all(u8::is_ascii_graphic) {
                break;
            }
            let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
            let value = value.trim();
            let slot = match name.to_ascii_lowercase().as_slice() {
                b"name" => &mut headers.name,
                b"version" => &mut headers.version,
                b"license-expression" => &mut headers.expression,
                b"license" => &mut headers.license,
                b"author" => &mut headers.author,
                b"author-email" => &mut headers.author_email,
                b"maintainer" => &mut headers.maintainer,
                b"classifier" => {
                    // `License :: OSI Approved` alone says that there is one, not which.
                    let licence =
                        value.strip_prefix("License :: ").and_then(|rest| rest.rsplit(" :: ").next());
                    headers.classifiers.extend(licence.filter(|l| *l != "OSI Approved").map(str::to_owned));
                    continue;
                }
                _ => continue,
            };
            if value.is_empty() || value == "UNKNOWN" {
                continue;
            }
            let identity = matches!(name.to_ascii_lowercase().as_slice(), b"name" | b"version");
            match slot {
                // Two names: one reader would look up the first, another the last.
                Some(_) if identity => {
                    return Err(format!("has two headers `{}`", String::from_utf8_lossy(name)));
                }
                Some(_) => {}
                None => *slot = Some(value.chars().filter(|c| !c.is_control()).collect()),
            }
        }
        Ok(headers)
    }
}

/// The core metadata's rule: letters and digits, inside also `.`, `_` and `-`.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_licence(text: &str) -> bool {
    text.len() <= MAX_LICENCE
}

/// A wheel's directory repeats name and version (`requests-2.32.3.dist-info`). Other values in it mean that somebody
/// edited one of the two; installers go by the directory, this inventory by the metadata.
fn disagreement(path: &str, component: &Component) -> Option<String> {
    let directory = path.strip_suffix(".dist-info/METADATA")?;
    let directory = directory.rsplit('/').next().unwrap_or(directory);
    let (name, version) = directory.split_once('-').unwrap_or((directory, ""));
    if pep503(name) == component.name && tokens(version) == tokens(&component.version) {
        return None;
    }
    Some(format!("directory says {directory}, metadata says {} {}", component.name, component.version))
}

/// Digits and letters of a version, spelled as PEP 440 normalises them: `v1.0-Alpha.01` and `1.0a1` are the same.
fn tokens(version: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in version.to_lowercase().chars() {
        if c.is_alphanumeric() {
            match tokens.last_mut() {
                Some(token) if last.is_alphanumeric() && last.is_numeric() == c.is_numeric() => token.push(c),
                _ => tokens.push(c.to_string()),
            }
        }
        last = c;
    }
    if tokens.first().is_some_and(|token| token == "v") {
        tokens.remove(0);
    }
    for token in &mut tokens {
        let normal = match token.as_str() {
            "alpha" => "a",
            "beta" => "b",
            "c" | "pre" | "preview" => "rc",
            "rev" | "r" => "post",
            digits => match digits.trim_start_matches('0') {
                "" if !digits.is_empty() => "0",
                rest => rest,
            },
        };
        *token = normal.to_owned();
    }
    tokens
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::Problem;
    use crate::catalogers::{alone, select};

    fn read(path: &str, content: &str) -> (Vec<Component>, Vec<Problem>) {
        let mut files = FileSet::default();
        files.add(select(), path, Some(1), content.as_bytes());
        let found = alone("python", &files, None);
        (found.inventory.components, found.inventory.problems)
    }

    #[test]
    fn reads_wheels_and_eggs() {
        let metadata = "Metadata-Version: 2.1\nName: Zope.Interface\nVersion: 6.1\nSummary: x\nAuthor: Zope\n\
                        License: ZPL-2.1\nDescription: long\n        Name: not-this\n\nName: nor-this\nVersion: 9\n";
        for path in [
            "usr/lib/python3/dist-packages/zope.interface-6.1.dist-info/METADATA",
            "usr/lib/python3/dist-packages/zope.interface-6.1.egg-info/PKG-INFO",
            "usr/lib/python3/dist-packages/zope.interface-6.1.egg-info",
            "opt/eggs/zope.interface-6.1-py3.11.egg/EGG-INFO/PKG-INFO",
            "opt/_vendor/zope_interface-6.1.dist-info/METADATA",
        ] {
            let (components, problems) = read(path, metadata);
            assert_eq!(problems, []);
            assert_eq!(components[0].purl.to_string(), "pkg:pypi/zope-interface@6.1");
            assert_eq!(components[0].licenses, ["ZPL-2.1"]);
            assert_eq!(components[0].supplier.as_deref(), Some("Zope"));
        }
    }

    #[test]
    fn a_renamed_directory_is_a_problem_and_the_metadata_counts() {
        let (components, problems) =
            read("x/requests-2.32.3.dist-info/METADATA", "Name: requests\nVersion: 2.0.0\n");
        assert_eq!(components[0].version, "2.0.0");
        assert_eq!(problems[0].code, ProblemCode::MetadataDisagrees);
        let (_, problems) = read("x/requests-1.10.dist-info/METADATA", "Name: requests\nVersion: 11.0\n");
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn spellings_that_installers_normalise_agree() {
        for (directory, name, version) in [
            ("ruamel.yaml-0.18.5", "ruamel.yaml", "0.18.5"),
            ("Flask_SQLAlchemy-3.0.5", "flask-sqlalchemy", "3.0.5"),
            ("torch-2.1.0+cpu", "torch", "2.1.0+cpu"),
            ("x-1.0rc1", "X", "1.0-RC.1"),
            ("x-1.0a1", "X", "v1.0.alpha01"),
            ("x-2024.1.1", "x", "2024.01.01"),
        ] {
            let path = format!("x/{directory}.dist-info/METADATA");
            assert_eq!(read(&path, &format!("Name: {name}\nVersion: {version}\n")).1, [], "{directory}");
        }
    }

    #[test]
    fn metadata_that_names_nothing_or_two_things_is_a_problem() {
        for bad in [
            "",
            "Name: x\n",
            "Version: 1\n",
            "Name: x\nVersion: UNKNOWN\n",
            "garbage\nName: x\nVersion: 1\n",
            "Name: x\nName: y\nVersion: 1\n",
            "Name: x\nVersion: 1\nVersion: 2\n",
            "Name: ../x\nVersion: 1\n",
            "Name: x\nVersion: 1 2\n",
            "Name: r\u{435}quests\nVersion: 1\n",
            "\0\0\0",
        ] {
            let (components, problems) = read("x/x.egg-info/PKG-INFO", bad);
            assert_eq!(components, [], "{bad}");
            assert_eq!(problems[0].code, ProblemCode::UnparsableMetadata, "{bad}");
        }
    }

    #[test]
    fn licences_come_from_the_best_statement() {
        let licences = |headers: &str| {
            read("x/x.egg-info", &format!("Name: x\nVersion: 1\n{headers}")).0.remove(0).licenses
        };
        assert_eq!(
            licences("License-Expression: MIT OR Apache-2.0\nLicense: other\n"),
            ["MIT OR Apache-2.0"]
        );
        assert_eq!(
            licences("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n"),
            ["MIT License"]
        );
        assert_eq!(licences(&format!("License: {}\n", "x".repeat(300))), [""; 0]);
    }

    proptest! {
        #[test]
        fn never_panics(content in "((Name|Version|License|Classifier|x): ?[ -~é\t]{0,12}\r?\n|\n| x\n){0,20}") {
            read("a/b-1.dist-info/METADATA", &content);
        }
    }
}

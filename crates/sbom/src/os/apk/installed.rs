//! apk's database of installed packages.
//!
//! Follows apk-tools: entries are separated by an empty line. Each line of an entry is one field: a letter, a colon,
//! the value. An invalid entry makes the whole inventory broken, because it may be the one that matters.
//!
//! ```text
//! C:Q1DQ3KVbIxZzKZzfCmi3c/X8esHRQ=
//! P:ssl_client
//! V:1.36.1-r2
//! A:x86_64
//! L:GPL-2.0-only
//! o:busybox
//! m:Natanael Copa <ncopa@alpinelinux.org>
//! F:usr/bin
//! R:ssl_client
//! a:0:0:755
//! Z:Q1TTLtUopPeiF9JrA0cgKQZYggG+c=
//! ```

use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use crate::cataloger::File;
use crate::inventory::origin::page;
use crate::os::database::{Entries, Identity, Listed};
use crate::os::files::{OwnedFiles, OwnedFilesBuilder};
use crate::ownership::RecordedDigest;

/// The content of the database.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Installed(pub(super) Entries<Package>);

/// An installed package.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Package {
    /// The number of its first line.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: Option<String>,
    /// The package that it was built with.
    pub(super) origin: Option<String>,
    pub(super) licence: Option<String>,
    pub(super) maintainer: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) files: OwnedFiles,
}

impl Listed for Package {
    fn identity(&self) -> Identity<'_> {
        (&self.name, &self.version, self.architecture.as_deref().unwrap_or_default(), 0)
    }
}

impl Footprint for Installed {
    fn footprint(&self) -> usize {
        self.0.bytes(|package| {
            let Package { name, version, architecture, origin, licence, maintainer, homepage, files, .. } =
                package;
            let optional = [architecture, origin, licence, maintainer, homepage].into_iter().flatten();
            let text: usize = [name, version].into_iter().chain(optional).map(String::len).sum();
            text + files.bytes()
        })
    }
}

/// Reads the database.
pub(super) fn read(file: &File<'_>) -> Installed {
    let mut entries = Entries::new(file.limits);
    // apk ends every line; a file that stops within one was cut off.
    if !file.content.is_empty() && !file.content.ends_with(b"\n") {
        entries.broken("stops in the middle of a line".to_owned());
    }
    let mut lines = file.content.split(|byte| *byte == b'\n').zip(1..);
    while let Some((first, line)) = lines.find(|(line, _)| !line.is_empty()) {
        if entries.is_full() {
            break;
        }
        let rest = lines.by_ref().take_while(|(line, _)| !line.is_empty());
        match package(file, std::iter::once((first, line)).chain(rest)) {
            Ok(package) => entries.package(Package { line, ..package }),
            Err((line, what)) => entries.broken(format!("line {line}: {what}")),
        }
    }
    Installed(entries.complete())
}

/// The fields of one entry.
#[derive(Default)]
struct Fields<'a> {
    name: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    licence: Option<&'a [u8]>,
    maintainer: Option<&'a [u8]>,
    homepage: Option<&'a [u8]>,
}

/// Reads the lines of one entry to their end. A fault is reported with the number of its line.
fn package<'a>(
    file: &File<'_>,
    lines: impl Iterator<Item = (&'a [u8], usize)>,
) -> Result<Package, (usize, String)> {
    let mut fields = Fields::default();
    let mut fault = None;
    let mut first = None;
    let mut files = Files::new(file);
    for (line, number) in lines {
        first.get_or_insert(number);
        files.owned.written(line.len());
        let [field, b':', value @ ..] = line else {
            fault.get_or_insert((number, "a line without a field".to_owned()));
            continue;
        };
        let slot = match field {
            b'P' => &mut fields.name,
            b'V' => &mut fields.version,
            b'A' => &mut fields.architecture,
            b'o' => &mut fields.origin,
            b'L' => &mut fields.licence,
            b'm' => &mut fields.maintainer,
            b'U' => &mut fields.homepage,
            _ => {
                files.line(*field, value);
                continue;
            }
        };
        // Two readers would see different packages.
        if slot.replace(value).is_some() {
            fault.get_or_insert((number, format!("a second field {}", char::from(*field))));
        }
    }
    match fault {
        Some(fault) => Err(fault),
        None => fields.package(files).map_err(|what| (first.unwrap_or(1), what)),
    }
}

impl Fields<'_> {
    fn package(&self, files: Files<'_, '_>) -> Result<Package, String> {
        let name = text(self.name, "name", is_name)?;
        let of_name = |what: String| format!("package {name}: {what}");
        let optional = |field: Option<&[u8]>, label, valid| match field {
            Some(value) if !value.is_empty() => text(Some(value), label, valid).map(Some).map_err(of_name),
            _ => Ok(None),
        };
        let words = |field: Option<&[u8]>| {
            let text: String = String::from_utf8_lossy(field?).chars().filter(|c| !c.is_control()).collect();
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Ok(Package {
            line: 0,
            version: text(self.version, "version", is_version).map_err(of_name)?,
            architecture: optional(self.architecture, "architecture", is_name)?,
            origin: optional(self.origin, "origin", is_name)?,
            licence: words(self.licence),
            maintainer: words(self.maintainer),
            homepage: self.homepage.and_then(|text| page(str::from_utf8(text).ok()?)),
            files: files.owned.finish(),
            name,
        })
    }
}

/// The files of one entry: `F:` a directory, `R:` a file in it, `Z:` that file's digest.
struct Files<'a, 'f> {
    owned: OwnedFilesBuilder<'a, 'f>,
    /// With a slash at the end, unless it is the root. `None` if it is not text.
    directory: Option<String>,
    /// Whether a file came before, to which a digest can belong.
    listed: bool,
}

impl<'a, 'f> Files<'a, 'f> {
    fn new(file: &'f File<'a>) -> Self {
        Self { owned: OwnedFilesBuilder::new(file, 0), directory: None, listed: false }
    }

    fn line(&mut self, field: u8, value: &[u8]) {
        match field {
            b'F' => {
                let directory = str::from_utf8(value).ok();
                let slash = |path: &str| if path.is_empty() { String::new() } else { format!("{path}/") };
                (self.directory, self.listed) = (directory.map(slash), false);
            }
            b'R' => {
                let directory = self.directory.as_deref();
                self.listed = match (directory, str::from_utf8(value)) {
                    (Some(directory), Ok(name)) => {
                        self.owned.add_in(directory, name, None);
                        true
                    }
                    _ => false,
                };
            }
            // With a digest by another algorithm than SHA-1, the file is only a claim.
            b'Z' if self.listed => {
                let sha1 = str::from_utf8(value).ok().and_then(|value| value.strip_prefix("Q1"));
                self.owned.set_digest(sha1.and_then(RecordedDigest::sha1_of_base64));
            }
            _ => {}
        }
    }
}

fn text(field: Option<&[u8]>, label: &str, valid: fn(&str) -> bool) -> Result<String, String> {
    let bytes = field.ok_or_else(|| format!("has no {label}"))?;
    let shown = || String::from_utf8_lossy(bytes).chars().take(80).collect::<String>();
    let text = str::from_utf8(bytes).ok().filter(|text| valid(text));
    text.map(str::to_owned).ok_or_else(|| format!("{label} `{}` is invalid", shown()))
}

/// The characters of package names and architectures: `g++`, `py3.11-yaml`, `.build-deps`, `x86_64`.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_'))
}

/// The matcher decides whether it can be ordered.
fn is_version(version: &str) -> bool {
    (1..=255).contains(&version.len())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_' | b'~' | b':'))
}

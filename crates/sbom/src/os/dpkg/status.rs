//! dpkg's database: `status`, and one control file for each package under `status.d` in distroless images.
//!
//! Follows dpkg(1) for what counts as installed and deb-version(7) for names and versions. A package whose files are on
//! disk is listed in any state of its installation, because they can be run; the state is reported too. An invalid
//! paragraph makes the whole inventory broken, because it may be the one that matters.

use std::borrow::Cow;

use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use crate::cataloger::File;
use crate::inventory::SourcePackage;
use crate::inventory::origin::page;
use crate::os::database::{Entries, Identity, Listed};
use crate::os::deb822::{self, Paragraph};

/// Which of the two forms of the database a paragraph comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `status`: written by dpkg. Each paragraph has a `Status`.
    Status,
    /// `status.d`: a package's control file, which exists only if the package is installed.
    Directory,
}

/// The content of one file of the database.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Status(pub(super) Entries<Package>);

/// A package whose files are on disk.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Package {
    /// Number of its first line.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: Option<String>,
    pub(super) source: SourcePackage,
    pub(super) supplier: Option<String>,
    pub(super) homepage: Option<String>,
    /// The state of its installation, if it was not completed.
    pub(super) unfinished: Option<Cow<'static, str>>,
}

impl Listed for Package {
    fn identity(&self) -> Identity<'_> {
        (&self.name, &self.version, self.architecture.as_deref().unwrap_or_default(), 0)
    }
}

impl Footprint for Status {
    fn footprint(&self) -> usize {
        self.0.bytes(|package| {
            let optional =
                [&package.architecture, &package.supplier, &package.homepage].into_iter().flatten();
            let source = &package.source;
            let own = [&package.name, &package.version, &source.name, &source.version].into_iter();
            own.chain(optional).map(String::len).sum()
        })
    }
}

/// Reads a file of the database.
pub(super) fn read(file: &File<'_>, form: Form) -> Status {
    let content = file.content;
    let mut entries = Entries::new(file.limits);
    // dpkg ends every line; a file that stops within one was cut off.
    if form == Form::Status && !content.is_empty() && !content.ends_with(b"\n") {
        entries.broken("stops in the middle of a line".to_owned());
    }
    for paragraph in deb822::paragraphs(content) {
        if entries.is_full() {
            break;
        }
        match paragraph {
            Ok(paragraph) => match package(form, &paragraph) {
                Ok(Some(package)) => entries.package(package),
                Ok(None) => {}
                Err(what) => entries.broken(format!("line {}: {what}", paragraph.line)),
            },
            Err(malformed) => entries.broken(format!("line {}: {}", malformed.line, malformed.what)),
        }
    }
    Status(entries.complete())
}

/// The package of one paragraph, if its files exist.
fn package(form: Form, paragraph: &Paragraph<'_>) -> Result<Option<Package>, String> {
    let name = text(paragraph.package, "Package", is_name)?;
    let state = match (paragraph.status, form) {
        (Some(status), _) => state(status)?,
        (None, Form::Directory) => State::Installed,
        (None, Form::Status) => return Err(format!("package {name} has no Status")),
    };
    if state == State::Absent {
        return Ok(None);
    }
    let version =
        text(paragraph.version, "Version", is_version).map_err(|what| format!("package {name}: {what}"))?;
    let architecture = match paragraph.architecture {
        Some(_) => Some(text(paragraph.architecture, "Architecture", is_name)?),
        None => None,
    };
    let supplier = paragraph.maintainer.map(|maintainer| String::from_utf8_lossy(maintainer).into_owned());
    Ok(Some(Package {
        line: paragraph.line,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: architecture.map(str::to_owned),
        source: source(paragraph.source, name, version)?,
        supplier: supplier.filter(|supplier| !supplier.is_empty()),
        homepage: paragraph.homepage.and_then(|text| page(str::from_utf8(text).ok()?)),
        unfinished: match state {
            State::Unfinished(state) => Some(state.into()),
            State::Absent | State::Installed => None,
        },
    }))
}

/// Whether a package's files exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Unfinished(&'static str),
    Installed,
}

/// The state from the third word of `Status`. The first is only a wish: a package to be removed is still installed.
fn state(status: &[u8]) -> Result<State, String> {
    let shown = || String::from_utf8_lossy(status).chars().take(80).collect::<String>();
    let mut words = status.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let (Some(want), Some(flag), Some(state), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(format!("Status `{}` is not three words", shown()));
    };
    let known = matches!(want, b"unknown" | b"install" | b"hold" | b"deinstall" | b"purge")
        && matches!(flag, b"ok" | b"reinstreq");
    match state {
        _ if !known => Err(format!("Status `{}` is not one that dpkg writes", shown())),
        b"not-installed" | b"config-files" => Ok(State::Absent),
        _ if flag == b"reinstreq" => Ok(State::Unfinished("to be installed again")),
        // Waiting for triggers means that other packages must be notified; the package itself is complete.
        b"installed" | b"triggers-awaited" | b"triggers-pending" => Ok(State::Installed),
        b"half-installed" => Ok(State::Unfinished("half-installed")),
        b"unpacked" => Ok(State::Unfinished("unpacked")),
        b"half-configured" => Ok(State::Unfinished("half-configured")),
        _ => Err(format!("Status `{}` is not one that dpkg writes", shown())),
    }
}

/// `Source: glibc (2.36-9)`. The version is present if it differs, the field if the name differs.
fn source(field: Option<&[u8]>, name: &str, version: &str) -> Result<SourcePackage, String> {
    let Some(field) = field else {
        return Ok(SourcePackage { name: name.to_owned(), version: version.to_owned() });
    };
    let wrong = || {
        format!("package {name}: Source `{}` is not a name with a version", String::from_utf8_lossy(field))
    };
    let field = str::from_utf8(field).map_err(|_| wrong())?;
    let (source, source_version) = match field.split_once('(') {
        Some((source, rest)) => (source.trim(), rest.strip_suffix(')').ok_or_else(wrong)?.trim()),
        None => (field, version),
    };
    if !is_name(source) || !is_version(source_version) {
        return Err(wrong());
    }
    Ok(SourcePackage { name: source.to_owned(), version: source_version.to_owned() })
}

fn text<'a>(field: Option<&'a [u8]>, label: &str, valid: fn(&str) -> bool) -> Result<&'a str, String> {
    let bytes = field.ok_or_else(|| format!("has no {label}"))?;
    let shown = || String::from_utf8_lossy(bytes).chars().take(80).collect::<String>();
    str::from_utf8(bytes)
        .ok()
        .filter(|text| valid(text))
        .ok_or_else(|| format!("{label} `{}` is invalid", shown()))
}

/// dpkg's rule for names: a letter or digit first, then also `-`, `+`, `.` and `_`.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_'))
}

/// The characters that deb-version(7) allows. The matcher decides whether it can be ordered.
fn is_version(version: &str) -> bool {
    (1..=255).contains(&version.len())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'~' | b':' | b'_'))
}

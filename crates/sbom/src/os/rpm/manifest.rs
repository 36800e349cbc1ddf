//! The list of packages in distroless images of Azure Linux, which have no rpm: one line per package, with tabs between
//! fields.
//!
//! It is what `rpm -qa` prints with the format in Azure Linux' scripts for images.
//!
//! ```text
//! vim  9.0-1.cm2  1653816591  1653753130  Microsoft Corporation  2  45000  x86_64  2  vim-9.0-1.cm2.src.rpm
//! name, version and release, installed, built, vendor, epoch, size, architecture, epoch as a number, source
//! ```

use super::package::{KEY, Package, Packages};
use crate::cataloger::File;
use crate::os::database::{Entries, is_word, words};

/// Its path.
pub(super) const PATH: &str = "var/lib/rpmmanifest/container-manifest-2";
/// The same list with only the full names.
pub(super) const SHORT: &str = "var/lib/rpmmanifest/container-manifest-1";

/// Reads the list.
pub(super) fn read(file: &File<'_>) -> Packages {
    let mut entries = Entries::new(file.limits);
    for (line, number) in file.content.split(|byte| *byte == b'\n').zip(1..) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if entries.is_full() {
            break;
        }
        match str::from_utf8(line).map_err(|_| "is not text".to_owned()).and_then(package) {
            Ok(Some(package)) => entries.package(package),
            Ok(None) => {}
            Err(what) => entries.broken(format!("line {number}: {what}")),
        }
    }
    Packages(entries.complete())
}

fn package(line: &str) -> Result<Option<Package>, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, version, _, _, vendor, _, _, architecture, epoch, source, ..] = fields.as_slice() else {
        return Err("has fewer than ten fields".to_owned());
    };
    if !is_word(name) || !is_word(version) {
        return Err("has no usable name or version".to_owned());
    }
    if *name == KEY {
        return Ok(None);
    }
    let optional = |text: &str| (is_word(text) && text != "(none)").then(|| text.to_owned());
    Ok(Some(Package {
        name: (*name).to_owned(),
        epoch: optional(epoch).and_then(|epoch| epoch.parse().ok()),
        version: (*version).to_owned(),
        architecture: optional(architecture),
        source: optional(source),
        supplier: words(Some(vendor)),
        ..Package::default()
    }))
}

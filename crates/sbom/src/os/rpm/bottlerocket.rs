//! The list of packages that Bottlerocket has instead of rpm's database, although it is built from rpm packages.
//!
//! Follows the "Application Inventory" of Bottlerocket: one object, whose `Content` is a list with an object for each
//! package.

use plimsoll_core::json;
use serde::Deserialize;

use super::package::{Package, Packages};
use crate::cataloger::File;
use crate::os::database::{Entries, is_word, words};

/// Its path.
pub(super) const PATH: &str = "usr/share/bottlerocket/application-inventory.json";

#[derive(Deserialize)]
struct ApplicationInventory {
    #[serde(rename = "Content")]
    content: Vec<Application>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Application {
    name: String,
    version: String,
    release: String,
    #[serde(default)]
    epoch: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    publisher: Option<String>,
}

/// Reads the list.
pub(super) fn read(file: &File<'_>) -> Packages {
    let mut entries = Entries::new(file.limits);
    match json::from_slice::<ApplicationInventory>(file.content, file.limits.kept_file_bytes) {
        Ok(inventory) => {
            for application in inventory.content {
                if entries.is_full() {
                    break;
                }
                match package(application) {
                    Ok(package) => entries.package(package),
                    Err(what) => entries.broken(what),
                }
            }
        }
        Err(error) => entries.broken(error.to_string()),
    }
    Packages(entries.complete())
}

fn package(application: Application) -> Result<Package, String> {
    let Application { name, version, release, epoch, architecture, publisher } = application;
    if ![&name, &version, &release].into_iter().all(|text| is_word(text)) {
        return Err("has a package without a usable name, version or release".to_owned());
    }
    let epoch = epoch.filter(|epoch| !epoch.is_empty()).map(|epoch| epoch.parse()).transpose();
    Ok(Package {
        epoch: epoch.map_err(|_| format!("package {name} has no usable epoch"))?,
        version: format!("{version}-{release}"),
        architecture: architecture.filter(|text| is_word(text)),
        supplier: words(publisher.as_deref()),
        name,
        ..Package::default()
    })
}

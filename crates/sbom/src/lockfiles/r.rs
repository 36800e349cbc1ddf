//! `renv.lock`, for packages of R: from CRAN, Bioconductor, or a repository.
//!
//! ```json
//! {"R": {"Version": "4.2.3"}, "Packages": {"mime": {"Package": "mime", "Version": "0.7", "Source": "Repository"}}}
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Packages")]
    packages: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    package: String,
    version: String,
    #[serde(default)]
    source: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages } = super::strict_json(text)?;
    let one = |it: Entry| {
        let locked = Locked::new(it.package, it.version);
        if it.source == "Bioconductor" { locked.of_type("bioconductor") } else { locked }
    };
    Ok(packages.into_values().map(one).collect())
}

//! `renv.lock`: R packages from CRAN, Bioconductor, or a repository.
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

/// packrat's older `packrat.lock`, in paragraphs: that of a package starts with its name.
pub(super) fn packrat(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut is_lock) = (Vec::new(), false);
    for paragraph in text.split("\n\n") {
        let field = |name: &str| {
            paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        is_lock |= field("PackratFormat").is_some();
        let (Some(package), Some(version)) = (field("Package"), field("Version")) else { continue };
        let package = Locked::new(package, version);
        let is_bioconductor =
            field("Source").is_some_and(|source| source.eq_ignore_ascii_case("bioconductor"));
        locked.push(if is_bioconductor { package.of_type("bioconductor") } else { package });
    }
    if is_lock { Ok(locked) } else { Err("is not a lock file: it has no PackratFormat".to_owned()) }
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages } = super::strict_json(text)?;
    let one = |it: Entry| {
        let locked = Locked::new(it.package, it.version);
        if it.source == "Bioconductor" { locked.of_type("bioconductor") } else { locked }
    };
    Ok(packages.into_values().map(one).collect())
}

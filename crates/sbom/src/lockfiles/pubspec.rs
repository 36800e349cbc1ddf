//! Dart's `pubspec.lock`. Direct development dependencies are marked, transitive ones are not.
//!
//! ```yaml
//! packages:
//!   args:
//!     dependency: "direct main"     # or transitive, "direct dev"
//!     source: hosted                # or git, sdk, path
//!     version: "1.6.0"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    dependency: String,
    source: String,
    version: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages } = super::yaml(text)?;
    // Folders belong to the project itself.
    let foreign = packages.into_iter().filter(|(_, it)| it.source != "path");
    let one = |(name, it): (String, Package)| {
        let is_for_development = it.dependency == "direct dev";
        Locked::new(name, it.version)
            .for_development(is_for_development)
            .direct(it.dependency != "transitive")
    };
    Ok(foreign.map(one).collect())
}

//! NuGet's `packages.lock.json`: the resolved version of each package, by target framework. Projects belong to the
//! solution itself.
//!
//! ```json
//! {"version": 1, "dependencies": {"net8.0": {"Newtonsoft.Json": {"type": "Direct", "resolved": "13.0.3"}}}}
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    dependencies: BTreeMap<String, BTreeMap<String, Package>>,
}

#[derive(Deserialize)]
struct Package {
    resolved: Option<String>,
    #[serde(default)]
    r#type: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { dependencies } = super::strict_json(text)?;
    let packages = dependencies.into_values().flatten();
    let one =
        |(name, it): (String, Package)| Some(Locked::new(name, it.resolved?).direct(it.r#type == "Direct"));
    Ok(packages.filter_map(one).collect())
}

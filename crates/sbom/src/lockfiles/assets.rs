//! The result of NuGet's restore: `project.assets.json`, with all packages to which the projects of a solution were
//! resolved.
//!
//! ```json
//! {"version": 3, "libraries": {"Newtonsoft.Json/13.0.3": {"type": "package"}, "Own/1.0.0": {"type": "project"}}}
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    r#type: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { libraries } = super::strict_json(text)?;
    let packages = libraries.iter().filter(|(_, it)| it.r#type == "package");
    let one = |(key, _): (&String, &Library)| {
        let (name, version) = key.split_once('/').unwrap_or((key, ""));
        Locked::new(name, version)
    };
    Ok(packages.map(one).collect())
}

//! NuGet's older `packages.config`, and the central versions of a solution: `Directory.Packages.props`.
//!
//! ```xml
//! <packages>
//!   <package id="Newtonsoft.Json" version="6.0.4" targetFramework="net45" />
//!   <package id="Microsoft.Net.Compilers" version="1.0.0" developmentDependency="true" />
//! </packages>
//! ```
//!
//! ```xml
//! <Project><ItemGroup><PackageVersion Include="Newtonsoft.Json" Version="13.0.3" /></ItemGroup></Project>
//! ```

use super::Locked;
use crate::elements;

pub(super) fn config(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut is_list) = (Vec::new(), false);
    elements::each(text, |it| {
        is_list |= it.is(&["packages"]);
        if let Some(name) = it.attribute("id").filter(|_| it.is(&["packages", "package"])) {
            let version = it.attribute("version");
            let one = version.map_or_else(|| Locked::unpinned(name), |version| Locked::new(name, version));
            locked.push(one.for_development(it.attribute("developmentDependency") == Some("true")));
        }
    })?;
    if is_list { Ok(locked) } else { Err("is not a list of packages".to_owned()) }
}

pub(super) fn props(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut is_project) = (Vec::new(), false);
    elements::each(text, |it| {
        is_project |= it.is(&["Project"]);
        let item = it.name_in(&["Project", "ItemGroup"]);
        let name = it.attribute("Include").or(it.attribute("Update"));
        if let (Some("PackageVersion" | "PackageReference" | "GlobalPackageReference"), Some(name)) = (item, name)
            // The value of a variable is unknown here.
            && !name.is_empty() && !name.contains('$')
        {
            let version = it.attribute("Version").filter(|version| {
                version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains('*')
            });
            locked.push(version.map_or_else(|| Locked::unpinned(name), |version| Locked::new(name, version)));
        }
    })?;
    if is_project { Ok(locked) } else { Err("is not a project".to_owned()) }
}

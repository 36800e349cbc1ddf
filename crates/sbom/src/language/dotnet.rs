//! .NET applications and runtimes: `*.deps.json`, which the host reads to find libraries, and assemblies if no such
//! file exists.
//!
//! `libraries` names the parts of an application: NuGet packages, parts of the runtime that came as packages, and
//! projects, which are the application's own code.
//!
//! ```json
//! {"libraries": {"Newtonsoft.Json/13.0.3": {"type": "package"}, "App/1.0.0": {"type": "project"},
//!                "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": {"type": "runtimepack"}}}
//! ```
//!
//! An assembly in or below a folder with such a file is part of what the file lists. For others, [`assembly`] reads the
//! version resource, unless a package of the operating system owns them.

mod assembly;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::rootfs::{Attributes, Bound, Fact, Need, Stream};
use plimsoll_core::{Limits, json};
use serde::Deserialize;

use super::shown::{Shown, component};
use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::Component;
use crate::ownership::FileDigests;
use crate::path::{folder_of, folders_around};
use crate::telltales;

const LIBRARIES: u16 = 0;
const ASSEMBLY: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["**/*.deps.json"], Bound::List),
    Selection { paths: &["**/*.dll", "**/*.exe"], mode: Mode::Any, min_size: 0, need: Need::Stream },
];

/// Finds NuGet packages.
pub(crate) struct DotNet;

impl Cataloger for DotNet {
    fn id(&self) -> &'static str {
        "dotnet"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["nuget"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(Shown::fact(file.content, read(file.content, file.limits.packages)))
    }

    fn stream(&self, _: u16, _: Attributes, _: &Limits) -> Option<Box<dyn Stream>> {
        Some(Box::new(assembly::Assembly::default()))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, LIBRARIES);
        let lists = context.facts::<Shown>(LIBRARIES).filter(|(_, shown)| shown.found.is_ok());
        let listed: BTreeSet<&str> = lists.map(|(file, _)| folder_of(&file.path)).collect();
        // The program that starts an application is next to the list of its parts.
        context.found.installed.extend(listed.iter().map(|folder| ("NuGet", *folder)));
        let assemblies: Vec<_> = context.distinct::<Shown>(&[ASSEMBLY]).collect();
        if assemblies.is_empty() {
            return;
        }
        let brought = telltales::brought(context, assemblies.iter().map(|(file, _)| &*file.real_path));
        for (file, shown) in assemblies {
            let mut around = folders_around(&file.path);
            if around.any(|folder| listed.contains(folder)) || brought.contains(&*file.real_path) {
                continue;
            }
            for component in shown.found.iter().flatten() {
                context.add_shown(component, file, None::<&FileDigests>);
            }
        }
    }
}

#[derive(Deserialize)]
struct Document {
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(rename = "type")]
    kind: String,
}

fn read(content: &[u8], max: usize) -> Result<Vec<Component>, String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let Document { libraries } = json::from_slice(content, u64::MAX)
        .map_err(|error| format!("is not a list of libraries: {error}"))?;
    if libraries.len() > max {
        return Err(format!("names {} libraries, expected at most {max} (packages)", libraries.len()));
    }
    let mut found = Vec::new();
    for (library, Library { kind }) in &libraries {
        let (name, version) = library.split_once('/').unwrap_or((library, ""));
        let name = match &*kind.to_ascii_lowercase() {
            "package" => name,
            "runtimepack" => name.strip_prefix("runtimepack.").unwrap_or(name),
            _ => continue,
        };
        found.push(component("nuget", "", name, version)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::FileSet;

    use super::*;
    use crate::catalogers::select;

    #[test]
    fn packages_and_parts_of_the_runtime_are_listed_but_not_projects() {
        let content = "\u{feff}{\"runtimeTarget\":{},\"libraries\":{\"Newtonsoft.Json/13.0.3\":{\"type\":\"package\"},\
            \"App/1.0.0\":{\"type\":\"project\"},\"runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1\":\
            {\"type\":\"runtimepack\"},\"x/1\":{\"type\":\"reference\"}}}";
        let found = read(content.as_bytes(), 4).unwrap();
        let purls: Vec<String> = found.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(
            purls,
            ["pkg:nuget/Newtonsoft.Json@13.0.3", "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@8.0.1"]
        );
        assert!(read(content.as_bytes(), 3).unwrap_err().contains("at most 3"));
    }

    #[test]
    fn assemblies_count_if_nothing_lists_them() {
        let json = assembly::tests::assembly(
            0x400,
            &[("OriginalFilename", "Newtonsoft.Json.dll"), ("ProductVersion", "13.0.3+0a2e")],
        );
        let list = br#"{"libraries":{"Serilog/4.0.0":{"type":"package"}}}"#;
        let mut set = FileSet::default();
        for (path, content) in [
            ("app/App.deps.json", &list[..]),
            ("app/Newtonsoft.Json.dll", &json),
            ("app/runtimes/unix/Newtonsoft.Json.dll", &json),
            ("opt/tool/Newtonsoft.Json.dll", &json),
            ("usr/lib/mono/gac/Newtonsoft.Json.dll", &json),
            (
                "var/lib/dpkg/status",
                b"Package: m\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n",
            ),
            (
                "var/lib/dpkg/info/m.md5sums",
                b"d41d8cd98f00b204e9800998ecf8427e  usr/lib/mono/gac/Newtonsoft.Json.dll\n",
            ),
        ] {
            set.add(select(), path, None, content);
        }
        let inventory = crate::catalog(&set, &Limits::default());
        let of_nuget = inventory.components.iter().filter(|it| it.purl.package_type() == "nuget");
        let found: Vec<String> = of_nuget.map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect();
        assert_eq!(
            found,
            [
                "pkg:nuget/Newtonsoft.Json@13.0.3 opt/tool/Newtonsoft.Json.dll",
                "pkg:nuget/Serilog@4.0.0 app/App.deps.json",
            ]
        );
    }

    #[test]
    fn an_invalid_list_is_an_error() {
        for content in
            ["", "{}", "[]", r#"{"libraries":{"a":{"type":"package"}}}"#, r#"{"libraries":{"a/1":{}}}"#]
        {
            assert!(read(content.as_bytes(), 9).is_err(), "{content}");
        }
    }
}

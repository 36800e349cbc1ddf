//! .NET applications and runtimes: `*.deps.json`, which the host reads to find libraries.
//!
//! `libraries` names what an application was put together from: packages of NuGet, parts of the runtime that came as packages, and
//! projects, which are the application's own code.
//!
//! ```json
//! {"libraries": {"Newtonsoft.Json/13.0.3": {"type": "package"}, "App/1.0.0": {"type": "project"},
//!                "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": {"type": "runtimepack"}}}
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::json;
use plimsoll_core::rootfs::{Bound, Fact};
use serde::Deserialize;

use super::shown::{Shown, component};
use crate::cataloger::{Cataloger, File, Room, Selection};
use crate::context::Context;
use crate::inventory::Component;

const SELECTIONS: &[Selection] = &[Selection::whole(&["**/*.deps.json"], Bound::List)];

/// Finds packages of NuGet.
pub(crate) struct DotNet;

impl Cataloger for DotNet {
    fn id(&self) -> &'static str {
        "dotnet"
    }

    fn version(&self) -> u32 {
        1
    }

    fn room(&self) -> Room {
        Room::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["nuget"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(Shown::fact(file.content, read(file.content, file.limits.packages)))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, 0);
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
    let Document { libraries } =
        json::from_slice(content, u64::MAX).map_err(|error| format!("is no list of libraries: {error}"))?;
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
    use super::*;

    #[test]
    fn packages_and_parts_of_the_runtime_are_listed_and_projects_are_not() {
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
    fn what_is_no_list_is_an_error() {
        for content in
            ["", "{}", "[]", r#"{"libraries":{"a":{"type":"package"}}}"#, r#"{"libraries":{"a/1":{}}}"#]
        {
            assert!(read(content.as_bytes(), 9).is_err(), "{content}");
        }
    }
}

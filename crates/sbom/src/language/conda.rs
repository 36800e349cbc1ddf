//! Packages of conda: its record of each package in an environment ([CEP 34] describes the same members).
//!
//! ```json
//! {"name": "zlib", "version": "1.2.11", "build": "h90dfc92_1014", "subdir": "osx-arm64",
//!  "channel": "https://conda.anaconda.org/conda-forge/osx-arm64", "fn": "zlib-1.2.11-h90dfc92_1014.tar.bz2",
//!  "license": "Zlib", "depends": ["libzlib 1.2.11 h90dfc92_1014"]}
//! ```
//!
//! [CEP 34]: https://conda.org/learn/ceps/cep-0034

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::json;
use plimsoll_core::rootfs::{Bound, Fact, Footprint};
use serde::{Deserialize, Serialize};

use super::shown::Package;
use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, ProblemCode, Relationship, RelationshipKind};
use crate::licence::Licence;
use crate::ownership::FileDigests;
use crate::path::folder_of;

const SELECTIONS: &[Selection] = &[Selection::whole(&["**/conda-meta/*.json"], Bound::Metadata)];

/// Finds packages of conda.
pub(crate) struct Conda;

/// The content of a record.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Installed {
    found: Result<(Component, Vec<String>), String>,
    digests: FileDigests,
}

impl Footprint for Installed {
    fn footprint(&self) -> usize {
        size_of::<Self>()
            + match &self.found {
                Ok((component, needs)) => {
                    component.text_bytes()
                        + needs.iter().map(|it| size_of::<String>() + it.len()).sum::<usize>()
                }
                Err(reason) => reason.len(),
            }
    }
}

impl Cataloger for Conda {
    fn id(&self) -> &'static str {
        "conda"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["conda"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Installed>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let found = read(file.content);
        Some(Arc::new(Installed { found, digests: FileDigests::of_content(file.content) }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread([0]);
        // The key is environment and name.
        let mut installed: BTreeMap<(&str, &str), ComponentIndex> = BTreeMap::new();
        let mut needs = Vec::new();
        for (file, Installed { found, digests }) in context.distinct::<Installed>(&[0]) {
            let environment = folder_of(&file.path);
            match found {
                Ok((component, needed)) => {
                    let index = context.add_shown(component, file, digests);
                    installed.insert((environment, &component.name), index);
                    needs.extend(needed.iter().map(|name| (index, (environment, name.as_str()))));
                }
                Err(detail) => {
                    context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                }
            }
        }
        let needs = needs.into_iter().filter_map(|(from, needed)| {
            Some(Relationship { from, kind: RelationshipKind::DependsOn, to: *installed.get(&needed)? })
        });
        context.found.inventory.relationships.extend(needs);
    }
}

#[derive(Deserialize)]
struct Record {
    name: String,
    version: String,
    #[serde(default)]
    build: String,
    #[serde(default)]
    subdir: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    url: String,
    #[serde(default, rename = "fn")]
    file: String,
    license: Option<String>,
    #[serde(default)]
    depends: Vec<String>,
}

/// A record's package, and the names of its dependencies.
fn read(content: &[u8]) -> Result<(Component, Vec<String>), String> {
    let record: Record = json::from_slice(content, u64::MAX)
        .map_err(|error| format!("is not a record of a package: {error}"))?;
    let package_type = match record.file.rsplit_once('.') {
        Some((_, "conda")) => "conda",
        _ => "tar.bz2",
    };
    let qualifiers = [
        ("build", record.build.clone()),
        ("channel", channel(&record).to_owned()),
        ("subdir", record.subdir.clone()),
        ("type", if record.file.is_empty() { String::new() } else { package_type.to_owned() }),
    ];
    let (name, version) = (record.name.as_str(), Some(record.version.as_str()));
    let package =
        Package { purl_type: "conda", namespace: "", name, version, qualifiers: &qualifiers, subpath: "" };
    let mut component = package.component()?;
    component.licenses = record.license.as_deref().and_then(Licence::stated).into_iter().collect();
    let name = |text: &String| text.split([' ', '=', '<', '>', '!']).next().unwrap_or_default().to_owned();
    Ok((component, record.depends.iter().map(name).collect()))
}

/// `conda-forge`, from the address of a channel or of the package.
fn channel(record: &Record) -> &str {
    let (address, subdir) = match record.channel.as_str() {
        "" => (folder_of(&record.url), &record.subdir),
        channel => (channel, &record.subdir),
    };
    let address = address.trim_end_matches('/');
    let address = address.strip_suffix(subdir.as_str()).unwrap_or(address).trim_end_matches('/');
    address.rsplit('/').next().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;

    use super::*;
    use crate::catalogers::select;

    #[test]
    fn packages_are_listed_with_their_dependencies_in_the_same_environment() {
        let record = |name: &str, needs: &str| {
            format!(
                r#"{{"name":"{name}","version":"1.0","build":"h1_0","subdir":"linux-64","license":"Zlib","depends":[{needs}],
                "channel":"https://conda.anaconda.org/conda-forge/linux-64","fn":"{name}-1.0-h1_0.conda"}}"#
            )
        };
        let mut set = FileSet::default();
        for (path, content) in [
            ("opt/conda/conda-meta/a-1.0-h1_0.json", record("a", r#""b 1.0 h1_0","c >=2""#)),
            ("opt/conda/conda-meta/b-1.0-h1_0.json", record("b", "")),
            ("opt/conda/envs/x/conda-meta/c-1.0-h1_0.json", record("c", "")),
            ("opt/conda/conda-meta/d.json", "{}".to_owned()),
        ] {
            set.add(select(), path, None, content.as_bytes());
        }
        let inventory = crate::catalog(&set, &Limits::default());
        let found: Vec<String> = inventory.components.iter().map(|it| it.purl.to_string()).collect();
        let purl = |name: &str| {
            format!("pkg:conda/{name}@1.0?build=h1_0&channel=conda-forge&subdir=linux-64&type=conda")
        };
        assert_eq!(found, ["a", "b", "c"].map(purl));
        assert_eq!(inventory.components[0].licenses, [Licence::parse("Zlib")]);
        let related: Vec<(usize, usize)> =
            inventory.relationships.iter().map(|it| (it.from.0, it.to.0)).collect();
        assert_eq!(related, [(0, 1)]);
        let told = |it: &crate::Problem| it.path == "opt/conda/conda-meta/d.json";
        assert!(inventory.problems.iter().any(told), "{:?}", inventory.problems);
    }
}

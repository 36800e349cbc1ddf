//! PHP packages that Composer installed: `vendor/composer/installed.json`.
//!
//! Composer 2 puts the list into `packages`, in Composer 1 the file is the list. Composer itself reads this file; the
//! classes of an application read `installed.php` next to it, which is a PHP program with the same content. If only
//! that file is left, the packages are unknown.
//!
//! ```json
//! {"packages": [{"name": "symfony/console", "version": "v6.4.2", "license": ["MIT"]}], "dev": false}
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::json;
use plimsoll_core::rootfs::{Bound, Fact, Footprint, Need};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shown::{Shown, component};
use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Checksum, ChecksumAlgorithm, Component, Origin, ProblemCode, origin};
use crate::licence::Licence;

const LIST: u16 = 0;
const PROGRAM: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["**/composer/installed.json"], Bound::List),
    Selection { paths: &["**/composer/installed.php"], mode: Mode::Any, min_size: 0, need: Need::Name },
];

/// Finds Composer's packages.
pub(crate) struct Php;

/// A list exists as a PHP program.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Program;

impl Footprint for Program {
    fn footprint(&self) -> usize {
        0
    }
}

impl Cataloger for Php {
    fn id(&self) -> &'static str {
        "php"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["composer"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>(), FactKind::for_type::<Program>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        match selection {
            LIST => Some(Shown::fact(file.content, read(file.content, file.limits.packages))),
            _ => Some(Arc::new(Program)),
        }
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, LIST);
        let folder =
            |path: &'_ str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let mut known: BTreeSet<String> =
            context.facts::<Shown>(LIST).map(|(file, _)| folder(&file.path)).collect();
        known.extend(context.unread(LIST).map(|unread| folder(unread.path)));
        for (file, Program) in context.facts::<Program>(PROGRAM) {
            if !known.contains(&folder(&file.path)) {
                let detail =
                    "has no installed.json next to it, which was removed or never written".to_owned();
                context.problem(ProblemCode::UnparsableMetadata, &file.path, detail);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Second { packages: Vec<Package> },
    First(Vec<Package>),
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    license: Vec<String>,
    // Members with an unexpected type are ignored.
    #[serde(default)]
    homepage: Value,
    #[serde(default)]
    source: Value,
    #[serde(default)]
    dist: Value,
}

/// The origin of a package. The digest is empty if GitHub makes the archive on request.
fn origin(Package { homepage, source, dist, .. }: &Package) -> Origin {
    let member = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let checksum = member(dist, "shasum").and_then(|hex| Checksum::of_hex(ChecksumAlgorithm::Sha1, &hex));
    Origin {
        homepage: homepage.as_str().and_then(origin::page),
        repository: member(source, "url").and_then(|url| origin::repository(&url)),
        download: member(dist, "url").and_then(|url| origin::page(&url)),
        checksums: checksum.into_iter().collect(),
        ..Origin::default()
    }
}

fn read(content: &[u8], max: usize) -> Result<Vec<Component>, String> {
    let document: Document = json::from_slice(content, u64::MAX)
        .map_err(|_| "is not a list of packages of Composer".to_owned())?;
    let (Document::Second { packages } | Document::First(packages)) = document;
    if packages.len() > max {
        return Err(format!("names {} packages, expected at most {max} (packages)", packages.len()));
    }
    let one = |package: &Package| {
        let Package { name, version, license, .. } = package;
        let (vendor, own) = name.split_once('/').unwrap_or(("", name));
        let mut found = component("composer", vendor, own, version)?;
        found.licenses = license.iter().filter_map(|licence| Licence::stated(licence)).collect();
        found.origin = origin(package).boxed();
        Ok(found)
    };
    packages.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_list_are_read() {
        let list = r#"[{"name":"symfony/console","version":"v6.4.2","license":["MIT"],"extra":{}},{"name":"x","version":"dev-main"}]"#;
        for content in [list.to_owned(), format!(r#"{{"packages":{list},"dev":false}}"#)] {
            let found = read(content.as_bytes(), 2).unwrap();
            let purls: Vec<String> = found.iter().map(|it| it.purl.to_string()).collect();
            assert_eq!(purls, ["pkg:composer/symfony/console@v6.4.2", "pkg:composer/x@dev-main"]);
            assert_eq!(found[0].licenses, ["MIT"]);
            assert!(read(content.as_bytes(), 1).unwrap_err().contains("at most 1"));
        }
    }

    #[test]
    fn the_origins_of_packages_are_read() {
        let list = format!(
            r#"[{{"name":"a/b","version":"1","homepage":"https://a.example","source":{{"url":"https://git.example/a/b.git"}},
                "dist":{{"url":"https://a.example/b.zip","shasum":"{}"}}}},
               {{"name":"a/c","version":"1","dist":{{"shasum":""}},"homepage":7}}]"#,
            "0a".repeat(20)
        );
        let found = read(list.as_bytes(), 2).unwrap();
        let origin = found[0].origin.as_deref().unwrap();
        assert_eq!(origin.homepage.as_deref(), Some("https://a.example"));
        assert_eq!(origin.repository.as_deref(), Some("git+https://git.example/a/b.git"));
        assert_eq!(origin.download.as_deref(), Some("https://a.example/b.zip"));
        assert_eq!(origin.checksums[0].hex, "0a".repeat(20));
        assert_eq!(found[1].origin, None);
    }

    #[test]
    fn an_invalid_list_is_an_error() {
        for content in
            ["", "{}", "[{}]", r#"[{"name":"a b","version":"1"}]"#, r#"[{"name":"a/b","version":""}]"#]
        {
            assert!(read(content.as_bytes(), 9).is_err(), "{content}");
        }
        assert!(read(&b"[".repeat(100_000), 9).is_err());
    }
}

//! Java's runtimes: the file `release` at the top of each.
//!
//! ```text
//! IMPLEMENTOR="Eclipse Adoptium"
//! IMAGE_TYPE="JRE"
//! JAVA_VERSION="17.0.9"
//! JAVA_RUNTIME_VERSION="17.0.9+9"
//! SOURCE=".:git:…"
//! ```
//!
//! No package registry has runtimes, so they belong to no ecosystem, and are listed under the name of their vendor.

use plimsoll_core::rootfs::Bound;

use super::described::{Described, Packages};
use super::shown::component;
use crate::cataloger::{File, Selection};

/// Finds runtimes.
pub(crate) const JVM: Described = Described {
    id: "jvm",
    version: 1,
    purl_types: &["generic"],
    selections: &[Selection::whole(&["**/release"], Bound::Metadata)],
    marks_folders: true,
    read,
};

fn read(file: &File<'_>) -> Packages {
    let text = str::from_utf8(file.content).ok()?;
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim().trim_matches('"')).filter(|value| !value.is_empty())
    };
    let short = field("JAVA_VERSION")?;
    let version = field("JAVA_RUNTIME_VERSION").or(field("FULL_VERSION")).unwrap_or(short);
    let maker = field("IMPLEMENTOR").unwrap_or("Oracle Corporation").to_lowercase();
    let maker = MAKERS.iter().find(|(part, _)| maker.contains(part)).map_or_else(
        || maker.split([' ', ',']).next().unwrap_or_default().to_owned(),
        |(_, name)| (*name).to_owned(),
    );
    let name = match (field("BUILD_TYPE"), field("IMAGE_TYPE")) {
        (Some("commercial"), _) => "jdk",
        (_, Some("JRE")) => "jre",
        _ => "openjdk",
    };
    Some(component("generic", &maker, name, version).map(|found| vec![found]))
}

/// A part of the vendor names in runtimes, in lower case, and the name to use.
const MAKERS: &[(&str, &str)] = &[
    ("adoptium", "eclipse"),
    ("adoptopenjdk", "adoptopenjdk"),
    ("alibaba", "alibaba"),
    ("amazon", "amazon"),
    ("azul", "azul"),
    ("bellsoft", "bellsoft"),
    ("debian", "debian"),
    ("eclipse", "eclipse"),
    ("graalvm", "graalvm"),
    ("ibm", "ibm"),
    ("international business machines", "ibm"),
    ("jetbrains", "jetbrains"),
    ("microsoft", "microsoft"),
    ("oracle", "oracle"),
    ("red hat", "redhat"),
    ("sap", "sap"),
    ("tencent", "tencent"),
    ("ubuntu", "ubuntu"),
];

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;

    use super::*;

    #[test]
    fn runtimes_are_named_by_their_vendors() {
        let shown = |content: &str| {
            let (content, limits) = (content.as_bytes(), &Limits::default());
            let file = File { content, limits, shows_package: &|_| true, may_be_unread: &|_| true };
            read(&file).map(|found| found.map(|it| it[0].purl.to_string()))
        };
        let adoptium = "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.9\"\nIMAGE_TYPE=\"JRE\"\n\
                        JAVA_RUNTIME_VERSION=\"17.0.9+9\"\n";
        for (content, expected) in [
            (adoptium, Some(Ok("pkg:generic/eclipse/jre@17.0.9%2B9".to_owned()))),
            ("JAVA_VERSION=\"11\"\n", Some(Ok("pkg:generic/oracle/openjdk@11".to_owned()))),
            (
                "IMPLEMENTOR=\"Homebrew\"\nJAVA_VERSION=\"21\"\n",
                Some(Ok("pkg:generic/homebrew/openjdk@21".to_owned())),
            ),
            ("JAVA_VERSION=\"\"\n", None),
            ("1.2.3\n", None),
        ] {
            assert_eq!(shown(content), expected, "{content}");
        }
        assert!(shown("JAVA_VERSION=\"a b\"\n").unwrap().unwrap_err().contains("the invalid version"));
    }
}

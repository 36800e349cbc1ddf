//! How an archive without coordinates is identified: by its manifest (the JAR File Specification) and its file name.
//!
//! ```text
//! Manifest-Version: 1.0
//! Bundle-SymbolicName: com.fasterxml.jackson.core.jackson-core;single
//!  ton:=true
//! Implementation-Vendor-Id: com.fasterxml.jackson.core
//! Implementation-Version: 2.9.10
//! ```
//!
//! Artifact and version come from the file name. The group is certain if it is the vendor that Maven wrote and the
//! names of bundle or module agree, or if it is the known one of the artifact. Anything else that looks like a group is
//! a guess.

use std::sync::LazyLock;

use plimsoll_core::Purl;

use crate::inventory::Component;
use crate::language::shown::Package;
use serde::{Deserialize, Serialize};

/// The main attributes that identify an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    vendor: Option<String>,
    version: Option<String>,
    bundle: Option<String>,
    bundle_version: Option<String>,
    module: Option<String>,
}

/// The probable coordinates of an archive.
#[derive(Debug, PartialEq)]
pub(super) struct ProbableCoordinates {
    pub(super) component: Component,
    /// Whether the group is certain.
    pub(super) is_sure: bool,
}

/// Bytes of a value that is kept. Names and versions have some ten.
const MAX_VALUE: usize = 200;

impl Manifest {
    /// Reads the main attributes, up to an empty line.
    pub(super) fn read(content: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content);
        let mut manifest = Self::default();
        let mut lines = text.lines().take_while(|line| !line.is_empty()).peekable();
        while let Some(line) = lines.next() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let mut value = value.trim_start().to_owned();
            // A line that starts with a blank continues the line before.
            while let Some(more) = lines.next_if(|line| line.starts_with(' ')) {
                if value.len() <= MAX_VALUE {
                    value.push_str(more.get(1..).unwrap_or_default());
                }
            }
            let field = match name {
                _ if name.eq_ignore_ascii_case("Implementation-Vendor-Id") => &mut manifest.vendor,
                _ if name.eq_ignore_ascii_case("Implementation-Version") => &mut manifest.version,
                _ if name.eq_ignore_ascii_case("Bundle-SymbolicName") => &mut manifest.bundle,
                _ if name.eq_ignore_ascii_case("Bundle-Version") => &mut manifest.bundle_version,
                _ if name.eq_ignore_ascii_case("Automatic-Module-Name") => &mut manifest.module,
                _ => continue,
            };
            // Directives follow.
            let value = value.split(';').next().unwrap_or_default().trim();
            let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-+".contains(&b);
            if !value.is_empty() && value.len() <= MAX_VALUE && value.bytes().all(is_name) {
                *field = Some(value.to_owned());
            }
        }
        manifest
    }

    /// Bytes of what it keeps.
    pub(super) fn bytes(&self) -> usize {
        let Self { vendor, version, bundle, bundle_version, module } = self;
        [vendor, version, bundle, bundle_version, module].into_iter().flatten().map(String::len).sum()
    }

    /// The probable coordinates of an archive with this name and manifest. `None` if neither contains a version.
    pub(super) fn seeming(&self, path: &str) -> Option<ProbableCoordinates> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let own = self.version.as_deref().or(self.bundle_version.as_deref());
        let (artifact, version) = match own.and_then(|own| stem.strip_suffix(own)?.strip_suffix('-')) {
            Some(artifact) => (artifact, own?),
            None => match split(stem) {
                // `spring3-core-3.x` names all versions.
                Some((artifact, version)) if version.rsplit('.').next() == Some("x") => (artifact, own?),
                Some(split) => split,
                None => (stem, own?),
            },
        };
        let (group, is_sure) = self.group(artifact);
        let (namespace, name, version) = (group.as_deref().unwrap_or_default(), artifact, Some(version));
        let package = Package { purl_type: "maven", namespace, name, version, qualifiers: &[], subpath: "" };
        let component = package.component();
        Some(ProbableCoordinates { component: component.ok()?, is_sure })
    }

    /// Whether an archive with this name and manifest may be the artifact of the only coordinates in it. A file without
    /// a version in its name may have been renamed.
    pub(super) fn may_be(&self, path: &str, purl: &Purl) -> bool {
        let (group, name) = (purl.namespace().unwrap_or_default(), purl.name());
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        // Some put the group first: `org.x.artifact-1.0.jar`.
        let is_called = |artifact: &str| {
            let rest = artifact.strip_suffix(name);
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.strip_suffix(['.', '-', '_']).is_some_and(|it| it == group)
            })
        };
        if let Some((artifact, _)) = split(stem) {
            return is_called(artifact);
        }
        let mut words = name.split(['.', '-', '_']).filter(|word| !word.is_empty());
        let mut names = self.bundle.iter().chain(&self.module).peekable();
        names.peek().is_none() || names.any(|it| words.any(|word| it.contains(word)))
    }

    /// The group of an artifact, and whether it is certain.
    fn group(&self, artifact: &str) -> (Option<String>, bool) {
        if let Some(group) = known(artifact) {
            return (Some(group.to_owned()), true);
        }
        let Self { vendor, bundle, module, .. } = self;
        let vendor = vendor.as_deref().filter(|vendor| vendor.contains('.'));
        if let Some(vendor) = vendor {
            let agrees = |name: &String| {
                name.strip_prefix(vendor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let names = || bundle.iter().chain(module);
            // The common parent of Apache Commons sets this for each of them, whatever its group is.
            let is_sure = names().any(agrees) && vendor != "org.apache";
            if is_sure || names().next().is_none() {
                return (Some(vendor.to_owned()), is_sure);
            }
        }
        // A bundle is named after group and artifact; the part that both share occurs once.
        let of_bundle = bundle.as_deref().and_then(|bundle| {
            let exact = bundle.strip_suffix(artifact).and_then(|group| group.strip_suffix('.'));
            exact.or_else(|| bundle.rsplit_once('.').map(|(group, _)| group))
        });
        (of_bundle.filter(|group| group.contains('.')).or(vendor).map(str::to_owned), false)
    }
}

/// Artifact and version from a file name: the version starts at a digit after a hyphen and extends to the end.
fn split(stem: &str) -> Option<(&str, &str)> {
    let begins =
        |at: usize| stem.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let mut places = stem.match_indices('-').map(|(at, _)| at).filter(|at| *at > 0 && begins(*at));
    let belongs = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        part.starts_with(|c: char| c.is_ascii_digit())
            || QUALIFIERS.iter().any(|qualifier| letters.eq_ignore_ascii_case(qualifier))
    };
    let place = places.find(|at| stem.get(at + 1..).is_some_and(|rest| rest.split('-').all(belongs)));
    // A classifier may follow: `netty-4.1.58.Final-linux-x86_64`.
    let place =
        place.or_else(|| stem.match_indices('-').map(|(at, _)| at).find(|at| *at > 0 && begins(*at)))?;
    Some((stem.get(..place)?, stem.get(place + 1..)?))
}

/// Words of versions.
const QUALIFIERS: &[&str] = &[
    "alpha",
    "android",
    "b",
    "beta",
    "cr",
    "final",
    "ga",
    "incubating",
    "jdk",
    "jre",
    "m",
    "milestone",
    "pre",
    "rc",
    "redhat",
    "release",
    "snapshot",
    "sp",
];

/// `org.springframework` for `spring-core`.
fn known(artifact: &str) -> Option<&'static str> {
    static GROUPS: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
        let lines = include_str!("groups.txt").lines();
        lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect()
    });
    let fits = |name: &str| match name.strip_suffix('*') {
        Some(beginning) => artifact.starts_with(beginning),
        None => artifact == name,
    };
    GROUPS.iter().find(|(name, _)| fits(name)).map(|(_, group)| *group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, manifest: &str) -> Option<(String, bool)> {
        let seeming = Manifest::read(manifest.as_bytes()).seeming(path)?;
        Some((seeming.component.purl.to_string(), seeming.is_sure))
    }

    #[test]
    fn a_group_on_which_manifest_and_name_agree_is_certain() {
        for (path, manifest, expected, is_sure) in [
            (
                "lib/jackson-core-2.9.10.jar",
                "Manifest-Version: 1.0\r\nBundle-SymbolicName: com.fasterxml.jackson.core.jackson-core;single\r\n ton:=true\r\n\
                 Implementation-Vendor-Id: com.fasterxml.jackson.core\r\nImplementation-Version: 2.9.10\r\n\r\nName: x\r\n",
                "pkg:maven/com.fasterxml.jackson.core/jackson-core@2.9.10",
                true,
            ),
            (
                "netty-all-4.1.58.Final.jar",
                "Automatic-Module-Name: io.netty.all\nImplementation-Vendor-Id: io.netty\n",
                "pkg:maven/io.netty/netty-all@4.1.58.Final",
                true,
            ),
            ("spring-core-5.3.9.jar", "", "pkg:maven/org.springframework/spring-core@5.3.9", true),
            (
                "spring-boot-starter-2.5.3.jar",
                "",
                "pkg:maven/org.springframework.boot/spring-boot-starter@2.5.3",
                true,
            ),
            (
                "commons-math3-3.2.jar",
                "Bundle-SymbolicName: org.apache.commons.math3\nImplementation-Vendor-Id: org.apache\n",
                "pkg:maven/org.apache.commons/commons-math3@3.2",
                false,
            ),
            (
                "logback-core-1.2.3.jar",
                "Bundle-SymbolicName: ch.qos.logback.core\n",
                "pkg:maven/ch.qos.logback/logback-core@1.2.3",
                false,
            ),
            ("jflex-1.8.2.jar", "", "pkg:maven/jflex@1.8.2", false),
            ("app.jar", "Implementation-Version: 1.0\n", "pkg:maven/app@1.0", false),
        ] {
            assert_eq!(shown(path, manifest), Some((expected.to_owned(), is_sure)), "{path}");
        }
        assert_eq!(shown("app.jar", "Implementation-Version: ${project.version}\n"), None);
        assert_eq!(shown("spring3-core-3.x.jar", ""), None);
    }

    #[test]
    fn the_only_coordinates_are_the_archives_own_unless_its_name_differs() {
        let log4j = "Bundle-SymbolicName: org.apache.logging.log4j.core\n";
        for (path, manifest, purl, expected) in [
            ("log4j-core-2.14.1.jar", "", "pkg:maven/com.acme/harmless@1.0", false),
            ("app.jar", log4j, "pkg:maven/com.acme/harmless@1.0", false),
            ("app.jar", log4j, "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", true),
            ("app.jar", "", "pkg:maven/com.acme/harmless@1.0", true),
            ("org.acme.tool-1.0.jar", log4j, "pkg:maven/org.acme/tool@1.0", true),
            ("org.other.tool-1.0.jar", "", "pkg:maven/org.acme/tool@1.0", false),
        ] {
            let manifest = Manifest::read(manifest.as_bytes());
            assert_eq!(manifest.may_be(path, &purl.parse().unwrap()), expected, "{path} {purl}");
        }
    }

    #[test]
    fn a_file_name_is_split_where_the_version_starts() {
        for (stem, expected) in [
            ("log4j-1.2-api-2.17.1", Some(("log4j-1.2-api", "2.17.1"))),
            ("guava-33.0.0-jre", Some(("guava", "33.0.0-jre"))),
            ("x-1.0-beta-2", Some(("x", "1.0-beta-2"))),
            ("x-1.0-20240101.120000-1", Some(("x", "1.0-20240101.120000-1"))),
            ("netty-4.1.58.Final-linux-x86_64", Some(("netty", "4.1.58.Final-linux-x86_64"))),
            ("kafka_2.13-3.6.0", Some(("kafka_2.13", "3.6.0"))),
            ("app", None),
            ("-1", None),
        ] {
            assert_eq!(split(stem), expected, "{stem}");
        }
    }

    /// No published manifest with known coordinates gives a wrong group that counts as certain.
    #[test]
    fn published_manifests_are_named_as_their_coordinates_say() {
        let Some(archive) = plimsoll_testkit::published_data("fixtures/package-databases.tar.gz") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let tar =
            std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status();
        assert!(tar.unwrap().success());
        let (mut sure, mut guessed, mut wrong) = (0, 0, Vec::new());
        for case in std::fs::read_dir(folder.path().join("installed/jar-manifest")).unwrap() {
            let case = case.unwrap().path();
            let Ok(expected) = std::fs::read(case.join("expected.json")) else { continue };
            let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
            let manifest = Manifest::read(&std::fs::read(case.join("root/META-INF/MANIFEST.MF")).unwrap());
            let Some(found) = manifest.seeming(expected["jar_file_name"].as_str().unwrap()) else { continue };
            let package = &expected["packages"][0];
            let is_right = (found.component.name.as_str(), found.component.version.as_str())
                == (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
            match (found.is_sure, is_right) {
                (true, true) => sure += 1,
                (true, false) => wrong.push(found.component.purl.to_string()),
                (false, is_right) => guessed += usize::from(is_right),
            }
        }
        assert_eq!((sure, guessed, wrong), (6, 8, Vec::new()));
    }
}

//! Lock files of Gradle and sbt: `gradle.lockfile`, version catalogs, and `build.sbt.lock`. Dependencies of tests are
//! marked.
//!
//! ```text
//! org.springframework:spring-beans:5.0.5.RELEASE=compileClasspath,runtimeClasspath
//! junit:junit:4.13.2=testCompileClasspath
//! empty=annotationProcessor
//! ```
//!
//! ```toml
//! [versions]
//! guava = "33.0.0-jre"
//! [libraries]
//! guava = { module = "com.google.guava:guava", version.ref = "guava" }
//! text = "org.apache.commons:commons-text:1.9"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

/// A line that does not belong into a lock file is reported with its text in place of the name.
pub(super) fn lock(text: &str) -> Vec<Locked> {
    let mut locked = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (artifact, configurations) = line.split_once('=').unwrap_or((line, ""));
        if artifact == "empty" {
            continue;
        }
        let mut configurations =
            configurations.split(',').map(str::trim).filter(|it| !it.is_empty()).peekable();
        let is_for_tests = configurations.peek().is_some() && configurations.all(|it| it.starts_with("test"));
        locked.push(artifact_of(artifact).for_development(is_for_tests));
    }
    locked
}

/// `group:artifact:version`. Without a version it is not a line of a lock file, and is reported by its name.
fn artifact_of(text: &str) -> Locked {
    match text.rsplit_once(':') {
        Some((name, version)) if name.contains(':') => Locked::new(name, version),
        _ => Locked::new(text, ""),
    }
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    versions: BTreeMap<String, Version>,
    libraries: Option<BTreeMap<String, Library>>,
    // A catalog may contain nothing else.
    plugins: Option<serde::de::IgnoredAny>,
    bundles: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Version {
    Plain(String),
    Rich(Rich),
}

#[derive(Deserialize)]
struct Rich {
    r#ref: Option<String>,
    strictly: Option<String>,
    require: Option<String>,
    prefer: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Library {
    Plain(String),
    Table { module: Option<String>, group: Option<String>, name: Option<String>, version: Option<Version> },
}

pub(super) fn catalog(text: &str) -> Result<Vec<Locked>, String> {
    let Catalog { versions, libraries, plugins, bundles } = super::toml(text)?;
    if libraries.is_none() && versions.is_empty() && plugins.is_none() && bundles.is_none() {
        return Err("is not a version catalog: it has none of its tables".to_owned());
    }
    let one = |library: Library| match library {
        Library::Plain(text) => artifact_of(&text),
        Library::Table { module, group, name, version } => {
            let module = module
                .unwrap_or_else(|| format!("{}:{}", group.unwrap_or_default(), name.unwrap_or_default()));
            match version.as_ref().and_then(|version| version.resolved(&versions)) {
                Some(version) => Locked::new(module, version),
                // An imported platform decides the version.
                None => Locked::unpinned(module),
            }
        }
    };
    Ok(libraries.unwrap_or_default().into_values().map(one).collect())
}

impl Version {
    /// The version, if it is a single one.
    fn resolved<'a>(&'a self, versions: &'a BTreeMap<String, Self>) -> Option<&'a str> {
        let version = match self {
            Self::Plain(version) => Some(version),
            Self::Rich(Rich { r#ref: Some(name), .. }) => match versions.get(name)? {
                Self::Plain(version) => Some(version),
                Self::Rich(rich) => rich.own(),
            },
            Self::Rich(rich) => rich.own(),
        };
        version.filter(|version| !version.contains(['[', ']', '(', ')', ',', '+'])).map(String::as_str)
    }
}

impl Rich {
    fn own(&self) -> Option<&String> {
        self.strictly.as_ref().or(self.require.as_ref()).or(self.prefer.as_ref())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sbt {
    dependencies: Vec<SbtDependency>,
}

#[derive(Deserialize)]
struct SbtDependency {
    org: String,
    name: String,
    version: String,
    #[serde(default)]
    configurations: Vec<String>,
}

pub(super) fn sbt(text: &str) -> Result<Vec<Locked>, String> {
    let Sbt { dependencies } = super::strict_json(text)?;
    let one = |it: SbtDependency| {
        let is_for_tests = !it.configurations.is_empty()
            && it.configurations.iter().all(|configuration| configuration == "test");
        Locked::new(format!("{}:{}", it.org, it.name), it.version).for_development(is_for_tests)
    };
    Ok(dependencies.into_iter().map(one).collect())
}

//! One pom as it is written ("POM Reference"), before inheritance and substitution.
//!
//! ```xml
//! <project>
//!   <parent><groupId>g</groupId><artifactId>parent</artifactId><version>1</version></parent>
//!   <artifactId>app</artifactId>
//!   <properties><guava.version>33.0.0-jre</guava.version></properties>
//!   <dependencyManagement><dependencies>…</dependencies></dependencyManagement>
//!   <dependencies>
//!     <dependency><groupId>com.google.guava</groupId><artifactId>guava</artifactId><version>${guava.version}</version></dependency>
//!   </dependencies>
//! </project>
//! ```

use std::collections::BTreeMap;

use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use crate::elements::{self, Element};

/// The fact about a file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Fact(pub(super) Result<Pom, String>);

impl Footprint for Fact {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.0.as_ref().map_or_else(String::len, Pom::bytes)
    }
}

/// The content of a pom.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pom {
    pub(super) own: Coordinates,
    pub(super) parent: Option<Coordinates>,
    /// The path of the parent. `None` if the pom does not state it.
    pub(super) relative_path: Option<String>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) managed: Vec<Dependency>,
    pub(super) dependencies: Vec<Dependency>,
}

/// Group, artifact and version. Missing ones are empty.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Coordinates {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dependency {
    pub(super) coordinates: Coordinates,
    pub(super) scope: String,
}

const MANAGED: &[&str] = &["project", "dependencyManagement", "dependencies", "dependency"];
const WANTED: &[&str] = &["project", "dependencies", "dependency"];

impl Pom {
    pub(super) fn read(content: &[u8], max: usize) -> Result<Self, String> {
        let text = str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut pom, mut current, mut is_project) = (Self::default(), Dependency::default(), false);
        elements::each(text, |it| {
            is_project |= it.is(&["project"]);
            if it.is(MANAGED) {
                pom.managed.push(std::mem::take(&mut current));
            } else if it.is(WANTED) {
                pom.dependencies.push(std::mem::take(&mut current));
            } else if let Some(name) = it.name_in(MANAGED).or(it.name_in(WANTED)) {
                current.take(name, it);
            } else if let Some(name) = it.name_in(&["project", "parent"]) {
                match name {
                    "relativePath" => pom.relative_path = Some(it.text.to_owned()),
                    _ => pom.parent.get_or_insert_default().take(name, it),
                }
            } else if let Some(name) = it.name_in(&["project", "properties"]) {
                pom.properties.insert(name.to_owned(), it.text.to_owned());
            } else if let Some(name) = it.name_in(&["project"]) {
                pom.own.take(name, it);
            }
        })?;
        if !is_project {
            return Err("is not a pom".to_owned());
        }
        let number = pom.managed.len() + pom.dependencies.len() + pom.properties.len();
        if number > max {
            return Err(format!(
                "has {number} dependencies and properties, expected at most {max} (packages)"
            ));
        }
        Ok(pom)
    }

    fn bytes(&self) -> usize {
        let dependencies = self.managed.iter().chain(&self.dependencies);
        let dependencies =
            dependencies.map(|it| size_of::<Dependency>() + it.scope.len() + it.coordinates.bytes());
        let properties =
            self.properties.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len());
        dependencies.chain(properties).sum()
    }
}

impl Dependency {
    fn take(&mut self, name: &str, element: &Element<'_>) {
        if name == "scope" {
            element.text.clone_into(&mut self.scope);
        } else {
            self.coordinates.take(name, element);
        }
    }
}

impl Coordinates {
    fn take(&mut self, name: &str, element: &Element<'_>) {
        let field = match name {
            "groupId" => &mut self.group,
            "artifactId" => &mut self.artifact,
            "version" => &mut self.version,
            _ => return,
        };
        element.text.clone_into(field);
    }

    fn bytes(&self) -> usize {
        self.group.len() + self.artifact.len() + self.version.len()
    }
}

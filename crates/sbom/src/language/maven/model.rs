//! What poms come to together: with their parents, and with properties put in ("Introduction to the POM").

use std::collections::{BTreeMap, BTreeSet};

use super::pom::{Coordinates, Dependency, Pom};
use crate::inventory::{Component, Declaration, Requester, Scope};
use crate::language::shown::Package;

/// Parents of parents, and bills of materials that import others. Real projects have some five.
const MAX_ANCESTORS: usize = 32;
/// Properties inside of properties.
const MAX_NESTING: usize = 8;
/// Bytes of a value in which properties were put in.
const MAX_VALUE: usize = 1 << 10;

/// All poms that are there.
#[derive(Default)]
pub(super) struct Models<'f> {
    by_path: BTreeMap<&'f str, &'f Pom>,
    by_coordinates: BTreeMap<(&'f str, &'f str, &'f str), (&'f str, &'f Pom)>,
    /// Group and artifact of those that are projects here.
    names: BTreeSet<(&'f str, &'f str)>,
}

impl<'f> Models<'f> {
    pub(super) fn add(&mut self, path: &'f str, pom: &'f Pom, is_project: bool) {
        self.by_path.insert(path, pom);
        let parent = pom.parent.as_ref();
        let or_parents = |own: &'f str, inherited: fn(&'f Coordinates) -> &'f str| match own {
            "" => parent.map_or("", inherited),
            own => own,
        };
        let group = or_parents(&pom.own.group, |it| &it.group);
        let version = or_parents(&pom.own.version, |it| &it.version);
        if is_project {
            self.names.insert((group, &pom.own.artifact));
        }
        self.by_coordinates.insert((group, &pom.own.artifact, version), (path, pom));
    }

    /// What a project wants, or why that names nothing.
    pub(super) fn wanted(&self, path: &str, pom: &'f Pom) -> Vec<Result<Component, String>> {
        let line = Lineage::new(self, path, pom);
        let managed = line.managed(self);
        let mut wanted = Vec::new();
        for Dependency { coordinates, scope } in line.poms.iter().flat_map(|pom| &pom.dependencies) {
            let [group, artifact] = [&coordinates.group, &coordinates.artifact].map(|it| line.put_in(it));
            let known = managed.get(&(group.clone(), artifact.clone()));
            let scope = match scope.as_str() {
                "" => known.map_or("", |(_, scope)| scope.as_str()),
                scope => scope,
            };
            if self.names.contains(&(group.as_str(), artifact.as_str())) {
                continue;
            }
            let version = match coordinates.version.as_str() {
                "" => known.map_or(String::new(), |(version, _)| version.clone()),
                version => line.put_in(version),
            };
            // A range, or a property that is not known.
            let is_one = !version.is_empty() && !version.contains(['[', ']', '(', ')', ',', '$']);
            let package = Package {
                purl_type: "maven",
                namespace: &group,
                name: &artifact,
                version: is_one.then_some(version.as_str()),
                qualifiers: &[],
                subpath: "",
            };
            let scope = if scope == "test" { Scope::Development } else { Scope::Runtime };
            let requester = Requester::Direct;
            let declared = Some(Declaration { scope, requester });
            wanted.push(package.component().map(|component| Component { declared, ..component }));
        }
        wanted
    }
}

/// A pom and those that it inherits from, itself first.
struct Lineage<'f> {
    poms: Vec<&'f Pom>,
}

impl<'f> Lineage<'f> {
    fn new(models: &Models<'f>, path: &str, pom: &'f Pom) -> Self {
        let (mut poms, mut path) = (vec![pom], path.to_owned());
        while let Some(pom) = poms.last()
            && let Some(parent) = &pom.parent
            && poms.len() < MAX_ANCESTORS
        {
            let relative = pom.relative_path.as_deref().unwrap_or("../pom.xml");
            let beside = joined(&path, relative).and_then(|path| {
                let pom = *models.by_path.get(path.as_str())?;
                (pom.own.artifact == parent.artifact).then_some((path, pom))
            });
            let anywhere = || {
                let key = (parent.group.as_str(), parent.artifact.as_str(), parent.version.as_str());
                models.by_coordinates.get(&key).map(|(path, pom)| ((*path).to_owned(), *pom))
            };
            let Some((found_at, found)) = beside.or_else(anywhere) else { break };
            path = found_at;
            poms.push(found);
        }
        Self { poms }
    }

    /// What is managed, by group and artifact: version and scope. What is nearer to the pom counts.
    fn managed(&self, models: &Models<'f>) -> BTreeMap<(String, String), (String, String)> {
        let mut managed = BTreeMap::new();
        let mut imports = Vec::new();
        for dependency in self.poms.iter().flat_map(|pom| &pom.managed) {
            let Coordinates { group, artifact, version } = &dependency.coordinates;
            let [group, artifact, version] = [group, artifact, version].map(|it| self.put_in(it));
            if dependency.scope == "import" {
                imports.push((group, artifact, version));
            } else {
                managed.entry((group, artifact)).or_insert((version, dependency.scope.clone()));
            }
        }
        // Bills of materials count less than what the project says itself. Those that one of them imports are not followed.
        for (group, artifact, version) in imports.iter().take(MAX_ANCESTORS) {
            let key = (group.as_str(), artifact.as_str(), version.as_str());
            let Some((path, bill)) = models.by_coordinates.get(&key) else { continue };
            let line = Lineage::new(models, path, bill);
            for Dependency { coordinates, scope } in line.poms.iter().flat_map(|pom| &pom.managed) {
                let Coordinates { group, artifact, version } = coordinates;
                let [group, artifact, version] = [group, artifact, version].map(|it| line.put_in(it));
                managed.entry((group, artifact)).or_insert((version, scope.clone()));
            }
        }
        managed
    }

    /// The text with the properties in it put in. What is not known stays.
    fn put_in(&self, text: &str) -> String {
        let mut value = text.to_owned();
        for _ in 0..MAX_NESTING {
            let Some((before, rest)) = value.split_once("${") else { break };
            let Some((name, after)) = rest.split_once('}') else { break };
            let Some(known) = self.property(name) else { break };
            if before.len() + known.len() + after.len() > MAX_VALUE {
                break;
            }
            value = format!("{before}{known}{after}");
        }
        value
    }

    fn property(&self, name: &str) -> Option<&str> {
        if let Some(value) = self.poms.iter().find_map(|pom| pom.properties.get(name)) {
            return Some(value);
        }
        let name = name.strip_prefix("project.").or(name.strip_prefix("pom.")).unwrap_or(name);
        let (of_parent, name) = match name.strip_prefix("parent.") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let pom = self.poms.first()?;
        let field = |it: &'f Coordinates| match name {
            "groupId" => it.group.as_str(),
            "artifactId" => it.artifact.as_str(),
            "version" => it.version.as_str(),
            _ => "",
        };
        let own = if of_parent { "" } else { field(&pom.own) };
        let value = if own.is_empty() { pom.parent.as_ref().map_or("", field) } else { own };
        (!value.is_empty()).then_some(value)
    }
}

/// The pom that a relative path leads to from another one: a file, or the folder of `pom.xml`.
fn joined(path: &str, relative: &str) -> Option<String> {
    if relative.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let is_file =
        relative.rsplit('/').next().is_some_and(|name| name.contains(".xml") || name.contains(".pom"));
    if !is_file {
        parts.push("pom.xml");
    }
    Some(parts.join("/"))
}

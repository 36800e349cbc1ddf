//! The effective model of poms: with their parents, and with substituted properties ("Introduction to the POM").

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::pom::{Coordinates, Dependency, Pom};
use crate::inventory::{Component, Declaration, Requester, Scope};
use crate::language::shown::Package;

/// Parents of parents, and bills of materials that import others. Real projects have some five.
const MAX_ANCESTORS: usize = 32;
/// How deep properties may be nested.
const MAX_NESTING: usize = 8;
/// Bytes of a value after substitution.
const MAX_VALUE: usize = 1 << 10;

/// Dependencies that are resolved again for a project, because it inherits them or its properties change their names,
/// in total over all projects. A thousand modules below a parent with as many dependencies stay below this.
const MAX_INHERITED: usize = 2_000_000;

/// All poms that are present.
pub(super) struct Models<'f> {
    by_path: BTreeMap<&'f str, &'f Pom>,
    by_coordinates: BTreeMap<(&'f str, &'f str, &'f str), (&'f str, &'f Pom)>,
    /// The versions that each pom manages, by the address of the pom.
    managed: HashMap<*const Pom, Managed<'f>>,
    /// What remains of [`MAX_INHERITED`].
    left: Cell<usize>,
    /// Group and artifact of the poms that are projects.
    names: BTreeSet<(&'f str, &'f str)>,
}

impl Default for Models<'_> {
    fn default() -> Self {
        Self {
            by_path: BTreeMap::new(),
            by_coordinates: BTreeMap::new(),
            managed: HashMap::new(),
            left: Cell::new(MAX_INHERITED),
            names: BTreeSet::new(),
        }
    }
}

/// The versions that one pom manages. They are the same for all its projects, unless names contain properties.
#[derive(Default)]
struct Managed<'f> {
    /// The first of each group and artifact.
    by_name: HashMap<(&'f str, &'f str), (usize, &'f Dependency)>,
    /// Entries with properties in their names.
    with_properties: Vec<(usize, &'f Dependency)>,
    /// Bills of materials.
    imports: Vec<&'f Coordinates>,
}

impl<'f> Managed<'f> {
    fn new(pom: &'f Pom) -> Self {
        let mut managed = Self::default();
        for (place, dependency) in pom.managed.iter().enumerate() {
            let Coordinates { group, artifact, .. } = &dependency.coordinates;
            if dependency.scope == "import" {
                managed.imports.push(&dependency.coordinates);
            } else if group.contains("${") || artifact.contains("${") {
                managed.with_properties.push((place, dependency));
            } else {
                managed.by_name.entry((group, artifact)).or_insert((place, dependency));
            }
        }
        managed
    }
}

impl<'f> Models<'f> {
    pub(super) fn add(&mut self, path: &'f str, pom: &'f Pom, is_project: bool) {
        self.by_path.insert(path, pom);
        self.managed.entry(std::ptr::from_ref(pom)).or_insert_with(|| Managed::new(pom));
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

    /// The dependencies of a project, or why one does not name an artifact. `None` once all projects together inherit
    /// too much.
    pub(super) fn wanted(&self, path: &str, pom: &'f Pom) -> Option<Vec<Result<Component, String>>> {
        let line = Lineage::new(self, path, pom);
        let inherited = line.poms.iter().skip(1).map(|pom| pom.dependencies.len()).sum();
        self.take(inherited)?;
        let lines = line.managing(self)?;
        let managing =
            |group: &str, artifact: &str| lines.iter().find_map(|it| it.get(self, group, artifact));
        let mut wanted = Vec::new();
        for Dependency { coordinates, scope } in line.poms.iter().flat_map(|pom| &pom.dependencies) {
            let [group, artifact] = [&coordinates.group, &coordinates.artifact].map(|it| line.put_in(it));
            let known = managing(&group, &artifact);
            let scope = match scope.as_str() {
                "" => known.as_ref().map_or("", |(_, scope)| scope),
                scope => scope,
            };
            if self.names.contains(&(group.as_str(), artifact.as_str())) {
                continue;
            }
            let version = match coordinates.version.as_str() {
                "" => known.map_or(String::new(), |(version, _)| version),
                version => line.put_in(version),
            };
            // A range, or an unknown property.
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
        Some(wanted)
    }

    /// Takes this many from the budget of dependencies that may be resolved again.
    fn take(&self, number: usize) -> Option<()> {
        self.left.set(self.left.get().checked_sub(number)?);
        Some(())
    }
}

/// The poms that manage versions for a project: its own lineage, or the one of a bill of materials.
struct Managing<'f> {
    line: Lineage<'f>,
    /// The entries with properties in their names, by the resolved names: the index of the pom, the index in the pom,
    /// and the entry.
    put_in: HashMap<(String, String), (usize, usize, &'f Dependency)>,
}

impl<'f> Managing<'f> {
    fn new(models: &Models<'f>, line: Lineage<'f>) -> Option<Self> {
        let mut put_in = HashMap::new();
        for (number, pom) in line.poms.iter().enumerate() {
            let Some(managed) = models.managed.get(&std::ptr::from_ref(*pom)) else { continue };
            models.take(managed.with_properties.len())?;
            for (place, dependency) in &managed.with_properties {
                let Coordinates { group, artifact, .. } = &dependency.coordinates;
                let key = (line.put_in(group), line.put_in(artifact));
                put_in.entry(key).or_insert((number, *place, *dependency));
            }
        }
        Some(Self { line, put_in })
    }

    /// Version and scope. The nearest pom counts.
    fn get(&self, models: &Models<'f>, group: &str, artifact: &str) -> Option<(String, &'f str)> {
        let by_name = self.line.poms.iter().enumerate().find_map(|(number, pom)| {
            let managed = models.managed.get(&std::ptr::from_ref(*pom))?;
            managed.by_name.get(&(group, artifact)).map(|(place, it)| (number, *place, *it))
        });
        let put_in = if self.put_in.is_empty() {
            None
        } else {
            self.put_in.get(&(group.to_owned(), artifact.to_owned())).copied()
        };
        let found = by_name.into_iter().chain(put_in).min_by_key(|(number, place, _)| (*number, *place));
        found.map(|(_, _, it)| (self.line.put_in(&it.coordinates.version), it.scope.as_str()))
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

    /// The poms that manage versions: the lineage itself, then the bills of materials that it imports. These count less
    /// than the project itself, and their own imports are not followed.
    fn managing(&self, models: &Models<'f>) -> Option<Vec<Managing<'f>>> {
        let managed = self.poms.iter().filter_map(|pom| models.managed.get(&std::ptr::from_ref(*pom)));
        let bills = managed.flat_map(|it| &it.imports).take(MAX_ANCESTORS).filter_map(|coordinates| {
            let Coordinates { group, artifact, version } = coordinates;
            let [group, artifact, version] = [group, artifact, version].map(|it| self.put_in(it));
            let key = (group.as_str(), artifact.as_str(), version.as_str());
            let (path, bill) = models.by_coordinates.get(&key)?;
            Some(Lineage::new(models, path, bill))
        });
        std::iter::once(Self { poms: self.poms.clone() })
            .chain(bills)
            .map(|line| Managing::new(models, line))
            .collect()
    }

    /// The text with its properties substituted. Unknown ones stay.
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

/// The pom at a path relative to another pom: a file, or the folder of `pom.xml`.
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

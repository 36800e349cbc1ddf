//! The changes from one inventory to another: packages that were added or removed, or that have another version or
//! licence.
//!
//! Type, namespace and name identify a package. If an inventory has several of a name, those with equal versions are paired
//! first, then those in the same place, then the rest in their order. The caller knows which of two versions is newer.

mod by_layer;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::Platform;
use serde::Serialize;

use crate::inventory::{Component, Inventory, OsRelease};
use crate::licence::Licence;

pub use by_layer::ChangedIn;

/// Compares two versions of a component, if its ecosystem has an order and both are valid in it.
pub type Order<'o> = &'o dyn Fn(&Component, &str, &str) -> Option<Ordering>;

/// How a package changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was added.
    Added,
    /// It was removed.
    Removed,
    /// Its version is newer.
    Upgraded,
    /// Its version is older.
    Downgraded,
    /// Its version differs, and it is not known which is newer.
    Changed,
    /// Its version is the same, but its licences differ.
    Relicensed,
}

impl ChangeKind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Added, Self::Removed, Self::Upgraded, Self::Downgraded, Self::Changed, Self::Relicensed];

    /// The stable name: `upgraded`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Changed => "changed",
            Self::Relicensed => "relicensed",
        }
    }
}

/// One package that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// How it changed.
    pub kind: ChangeKind,
    /// As it was. `None` if it was added.
    pub before: Option<&'a Component>,
    /// As it is. `None` if it was removed.
    pub after: Option<&'a Component>,
}

impl<'a> Change<'a> {
    /// The package as it is, or as it was.
    pub fn component(&self) -> Option<&'a Component> {
        self.after.or(self.before)
    }

    /// Whether its licences differ, regardless of its version. If either side states none, nothing is known.
    pub fn is_relicensed(&self) -> bool {
        match (self.before, self.after) {
            (Some(before), Some(after)) => relicensed(before, after),
            _ => false,
        }
    }
}

/// One of the inventories that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What it lists.
    pub inventory: &'a Inventory,
    /// The architecture of its subject, if that is known: `amd64`.
    pub architecture: Option<&'a str>,
}

impl Side<'_> {
    /// The architectures in the spelling of OCI: that of the subject, or else those of the operating system's packages.
    pub fn architectures(&self) -> BTreeSet<String> {
        let components = self.inventory.components.iter().filter(|component| component.ecosystem.is_os());
        let of_packages = components.filter_map(|component| component.purl.qualifier("arch"));
        let of_packages = of_packages.filter(|name| !matches!(*name, "all" | "noarch" | "any" | "src"));
        let named: Vec<&str> = self.architecture.map_or_else(|| of_packages.collect(), |only| vec![only]);
        let named: BTreeSet<&str> = named.into_iter().collect();
        named.into_iter().map(|name| Platform::new("linux", name).normalised().architecture).collect()
    }
}

/// What may differ between the subjects themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The operating system or its release.
    OperatingSystem,
    /// The architecture.
    Architecture,
}

/// The difference of two inventories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// What changed, by kind, then in the order of package URLs.
    pub changes: Vec<Change<'a>>,
    /// Packages that are the same on both sides.
    pub unchanged: usize,
    /// How many layers, counted from the base, both have in common.
    pub common_layers: usize,
    /// What differs besides packages.
    pub aspects: Vec<Aspect>,
    /// Whether either inventory may lack components, so that the difference may be incomplete.
    pub is_incomplete: bool,
}

impl Comparison<'_> {
    /// Whether anything differs, as far as is known.
    pub fn is_different(&self) -> bool {
        !self.changes.is_empty() || !self.aspects.is_empty()
    }

    /// How many changes of a kind there are.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.changes.iter().filter(|change| change.kind == kind).count()
    }
}

/// Compares two inventories.
pub fn compare<'a>(before: Side<'a>, after: Side<'a>, order: Order<'_>) -> Comparison<'a> {
    let aspects = aspects(&before, &after);
    let (before, after) = (before.inventory, after.inventory);
    let (old, new) = (by_name(before), by_name(after));
    let names: BTreeSet<&Name<'_>> = old.keys().chain(new.keys()).collect();
    let mut comparison = Comparison {
        changes: Vec::new(),
        unchanged: 0,
        common_layers: before
            .layers
            .iter()
            .zip(&after.layers)
            .take_while(|(old, new)| old.diff_id == new.diff_id)
            .count(),
        aspects,
        is_incomplete: !before.is_complete() || !after.is_complete(),
    };
    for name in names {
        let none = Vec::new();
        let (old, new) = (old.get(name).unwrap_or(&none), new.get(name).unwrap_or(&none));
        for (before, after) in pairs(old, new) {
            match change(before, after, order) {
                Some(kind) => comparison.changes.push(Change { kind, before, after }),
                None => comparison.unchanged += 1,
            }
        }
    }
    comparison.changes.sort_by_key(|change| (change.kind, change.component().map(|one| &one.purl)));
    comparison
}

/// Architectures differ if both are known and have none in common: an image may have packages of several architectures.
fn aspects(before: &Side<'_>, after: &Side<'_>) -> Vec<Aspect> {
    let release = |side: &Side<'_>| side.inventory.os.as_ref().map(OsRelease::distro);
    let (old, new) = (before.architectures(), after.architectures());
    let is_other = !old.is_empty() && !new.is_empty() && old.is_disjoint(&new);
    let system = (release(before) != release(after)).then_some(Aspect::OperatingSystem);
    system.into_iter().chain(is_other.then_some(Aspect::Architecture)).collect()
}

type Name<'a> = (&'a str, Option<&'a str>, &'a str);

fn by_name(inventory: &Inventory) -> BTreeMap<Name<'_>, Vec<&Component>> {
    let mut found: BTreeMap<Name<'_>, Vec<&Component>> = BTreeMap::new();
    for component in &inventory.components {
        let purl = &component.purl;
        found.entry((purl.package_type(), purl.namespace(), purl.name())).or_default().push(component);
    }
    found
}

type Pair<'a> = (Option<&'a Component>, Option<&'a Component>);

/// Pairs the components of one name.
fn pairs<'a>(old: &[&'a Component], new: &[&'a Component]) -> Vec<Pair<'a>> {
    let (mut old, mut new, mut found) = (old.to_vec(), new.to_vec(), Vec::new());
    let architecture = |component: &'a Component| component.purl.qualifier("arch");
    let place = |component: &'a Component| component.locations.first().map(|location| &*location.path);
    match_by(&mut old, &mut new, &mut found, |one| (&*one.version, architecture(one), place(one)));
    match_by(&mut old, &mut new, &mut found, |one| (&*one.version, architecture(one)));
    match_by(&mut old, &mut new, &mut found, |one| &*one.version);
    match_by(&mut old, &mut new, &mut found, |one| (architecture(one), place(one)));
    match_by(&mut old, &mut new, &mut found, architecture);
    let paired = old.len().min(new.len());
    found.extend(old.iter().zip(&new).map(|(old, new)| (Some(*old), Some(*new))));
    found.extend(old.drain(paired..).map(|old| (Some(old), None)));
    found.extend(new.drain(paired..).map(|new| (None, Some(new))));
    found
}

/// Moves those that agree in `key` from both lists to `found`.
fn match_by<'a, K: Ord>(
    old: &mut Vec<&'a Component>,
    new: &mut Vec<&'a Component>,
    found: &mut Vec<Pair<'a>>,
    key: impl Fn(&'a Component) -> K,
) {
    if old.is_empty() || new.is_empty() {
        return;
    }
    let mut waiting: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (place, component) in new.iter().enumerate().rev() {
        waiting.entry(key(component)).or_default().push(place);
    }
    let mut taken = BTreeSet::new();
    old.retain(|component| {
        let partner = waiting.get_mut(&key(component)).and_then(Vec::pop);
        let Some((place, partner)) = partner.and_then(|place| Some((place, *new.get(place)?))) else {
            return true;
        };
        taken.insert(place);
        found.push((Some(component), Some(partner)));
        false
    });
    let mut place = 0;
    new.retain(|_| {
        place += 1;
        !taken.contains(&(place - 1))
    });
}

fn change(before: Option<&Component>, after: Option<&Component>, order: Order<'_>) -> Option<ChangeKind> {
    let (before, after) = match (before, after) {
        (None, _) => return Some(ChangeKind::Added),
        (_, None) => return Some(ChangeKind::Removed),
        (Some(before), Some(after)) => (before, after),
    };
    if before.version == after.version {
        return relicensed(before, after).then_some(ChangeKind::Relicensed);
    }
    Some(match order(after, &before.version, &after.version) {
        Some(Ordering::Less) => ChangeKind::Upgraded,
        Some(Ordering::Greater) => ChangeKind::Downgraded,
        // Two spellings of one version are a change as well.
        Some(Ordering::Equal) | None => ChangeKind::Changed,
    })
}

fn relicensed(before: &Component, after: &Component) -> bool {
    fn names(component: &Component) -> BTreeSet<&str> {
        component.licenses.iter().flat_map(Licence::terms).collect()
    }
    let (old, new) = (names(before), names(after));
    !old.is_empty() && !new.is_empty() && old != new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Location;

    fn inventory(purls: &[(&str, &str, &str)]) -> Inventory {
        let component = |(purl, place, licence): &(&str, &str, &str)| {
            let mut component = Component::from_purl(purl.parse().unwrap());
            component.locations = vec![Location { path: (*place).to_owned(), layer: None }];
            component.licenses = Licence::stated(licence).into_iter().collect();
            component
        };
        let mut inventory =
            Inventory { components: purls.iter().map(component).collect(), ..Inventory::default() };
        inventory.sort();
        inventory
    }

    fn numbers(_: &Component, a: &str, b: &str) -> Option<Ordering> {
        Some(a.parse::<u32>().ok()?.cmp(&b.parse().ok()?))
    }

    fn side(inventory: &Inventory) -> Side<'_> {
        Side { inventory, architecture: None }
    }

    fn changes(before: &Inventory, after: &Inventory) -> Vec<String> {
        let comparison = compare(side(before), side(after), &numbers);
        let version = |component: Option<&Component>| component.map_or("-", |one| &*one.version).to_owned();
        let shown = |change: &Change<'_>| {
            let name = &change.component().unwrap().name;
            format!("{} {name} {} {}", change.kind.as_str(), version(change.before), version(change.after))
        };
        comparison.changes.iter().map(shown).collect()
    }

    #[test]
    fn packages_are_added_removed_and_changed() {
        let before = inventory(&[
            ("pkg:pypi/a@1", "", ""),
            ("pkg:pypi/b@1", "", ""),
            ("pkg:pypi/c@2", "", "MIT"),
            ("pkg:pypi/d@x", "", ""),
            ("pkg:pypi/e@1", "", "MIT"),
            ("pkg:pypi/f@1", "", ""),
        ]);
        let after = inventory(&[
            ("pkg:pypi/b@2", "", ""),
            ("pkg:pypi/c@1", "", "ISC"),
            ("pkg:pypi/d@y", "", ""),
            ("pkg:pypi/e@1", "", "ISC"),
            ("pkg:pypi/f@1", "", "MIT"),
            ("pkg:npm/a@1", "", ""),
        ]);
        assert_eq!(
            changes(&before, &after),
            [
                "added a - 1",
                "removed a 1 -",
                "upgraded b 1 2",
                "downgraded c 2 1",
                "changed d x y",
                "relicensed e 1 1"
            ]
        );
        let comparison = compare(side(&before), side(&after), &numbers);
        assert_eq!((comparison.unchanged, comparison.is_incomplete), (1, false));
        assert!(
            comparison.changes.iter().any(|one| one.kind == ChangeKind::Downgraded && one.is_relicensed())
        );
        assert_eq!(changes(&after, &after), [""; 0]);
    }

    #[test]
    fn several_licences_and_one_expression_of_them_are_the_same() {
        let with = |licences: &[&str]| {
            let mut inventory = inventory(&[("pkg:pypi/a@1", "", "")]);
            inventory.components[0].licenses = licences.iter().map(|text| Licence::parse(text)).collect();
            inventory
        };
        let (several, joined) = (with(&["MIT", "ISC OR Zlib"]), with(&["(ISC OR Zlib) AND MIT"]));
        assert_eq!(changes(&several, &joined), [""; 0]);
        assert_eq!(changes(&several, &with(&["MIT AND ISC"])), ["relicensed a 1 1"]);
    }

    #[test]
    fn another_system_and_another_architecture_are_differences() {
        let debian = |release: &str, arch: &str| {
            let mut inventory = inventory(&[
                (&format!("pkg:deb/debian/a@1?arch={arch}"), "", ""),
                ("pkg:deb/debian/b@1?arch=all", "", ""),
            ]);
            let version_id = Some(release.to_owned());
            inventory.os =
                Some(OsRelease { id: "debian".to_owned(), version_id, codename: None, pretty_name: None });
            inventory
        };
        let aspects = |before: Side<'_>, after: Side<'_>| {
            let comparison = compare(before, after, &numbers);
            assert_eq!((comparison.changes.len(), comparison.unchanged), (0, 2));
            assert_eq!(comparison.is_different(), !comparison.aspects.is_empty());
            comparison.aspects
        };
        let (amd64, arm64, newer) = (debian("12", "amd64"), debian("12", "arm64"), debian("13", "x86_64"));
        let all = debian("12", "all");
        assert_eq!(aspects(side(&amd64), side(&amd64)), []);
        assert_eq!(aspects(side(&amd64), side(&arm64)), [Aspect::Architecture]);
        assert_eq!(aspects(side(&amd64), side(&newer)), [Aspect::OperatingSystem]);
        assert_eq!(aspects(side(&newer), side(&arm64)), [Aspect::OperatingSystem, Aspect::Architecture]);
        // If one side does not state it, nothing is known.
        assert_eq!(aspects(side(&amd64), side(&all)), []);
        let told = |architecture| Side { inventory: &all, architecture: Some(architecture) };
        assert_eq!(aspects(side(&amd64), told("x86-64")), []);
        assert_eq!(aspects(told("riscv64"), side(&amd64)), [Aspect::Architecture]);
    }

    #[test]
    fn of_several_versions_only_those_that_changed_are_reported() {
        let before =
            inventory(&[("pkg:npm/a@1", "x", ""), ("pkg:npm/a@2", "y", ""), ("pkg:npm/a@2", "z", "")]);
        let after =
            inventory(&[("pkg:npm/a@1", "w", ""), ("pkg:npm/a@2", "z", ""), ("pkg:npm/a@3", "y", "")]);
        assert_eq!(changes(&before, &after), ["upgraded a 2 3"]);
        let fewer = inventory(&[("pkg:npm/a@2", "q", "")]);
        assert_eq!(changes(&before, &fewer), ["removed a 1 -", "removed a 2 -"]);
    }
}

//! The content of an artifact: components, the operating system that they belong to, and what could not be determined.
//!
//! An inventory is evidence only together with its problems: an empty list of components and a broken package database
//! look the same otherwise. Everything is in a fixed order, so that equal inventories give equal documents.

mod declaration;
pub(crate) mod detected;
pub(crate) mod file_builder;
pub(crate) mod files;
mod identifier;
pub(crate) mod origin;
mod problem;
mod relationship;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Ecosystem, Purl};
use serde::{Deserialize, Serialize};

use crate::licence::Licence;
use crate::linked::LinkedFunctions;

pub use declaration::{Declaration, InvalidDeclaration, Requester, Scope};
pub use detected::{DetectedLicence, InvalidDetection};
pub use files::Files;
pub use identifier::ComponentId;
pub use origin::{Checksum, ChecksumAlgorithm, Origin};
pub(crate) use problem::MAX_FILES;
pub use problem::{Problem, ProblemCode, ProblemSeverity};
pub use relationship::{ComponentIndex, Owner, OwnerEvidence, Relationship, RelationshipKind};

/// The components of one root file system or of one SBOM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The operating system, if the artifact has one.
    pub os: Option<OsRelease>,
    /// Sorted by purl, then by the paths of the locations.
    pub components: Vec<Component>,
    /// The relationships between components.
    pub relationships: BTreeSet<Relationship>,
    /// What could not be determined, sorted.
    pub problems: Vec<Problem>,
    /// The layers that [`Location::layer`] counts, from the base upwards.
    pub layers: Vec<LayerRef>,
    /// Every file, if files are listed.
    pub files: Option<Arc<Files>>,
}

impl Inventory {
    /// Whether no known problem hides components.
    pub fn is_complete(&self) -> bool {
        !self.problems.iter().any(Problem::hides_components)
    }

    /// The inventory for a caller that accepts layers read by their tables of contents: this is noted, and hides
    /// nothing.
    #[must_use]
    pub fn accepting_unhashed_layers(mut self) -> Self {
        for problem in &mut self.problems {
            if problem.code == ProblemCode::LayerDigestNotComputed {
                problem.severity = ProblemSeverity::Noted;
            }
        }
        self.problems.sort();
        self
    }

    /// The inventory without the components and problems that are only at paths for which `is_left_out` is true, see
    /// [`Component::is_only_at`] and [`Problem::is_only_at`].
    #[must_use]
    pub fn without(&self, is_left_out: impl Fn(&str) -> bool) -> Self {
        let mut kept = Self { components: Vec::new(), problems: Vec::new(), ..self.clone() };
        let mut places = Vec::new();
        for component in &self.components {
            let is_left_out = component.is_only_at(&is_left_out);
            places.push(if is_left_out { usize::MAX } else { kept.components.len() });
            kept.components.extend((!is_left_out).then(|| component.clone()));
        }
        let moved = self.relationships.iter().filter_map(|it| it.moved(&places));
        kept.relationships = moved.filter(|it| it.from.0.max(it.to.0) < kept.components.len()).collect();
        kept.files = kept.files.map(|files| Arc::new(files.moved(&places)));
        kept.problems.extend(self.problems.iter().filter(|it| !it.is_only_at(&is_left_out)).cloned());
        kept
    }

    /// Sorts components and problems. Two copies of a package in two places remain two components.
    pub(crate) fn sort(&mut self) {
        for component in &mut self.components {
            component.locations.sort();
            component.locations.dedup();
        }
        let places = sort_in_place(&mut self.components, |a, b| {
            a.purl.cmp(&b.purl).then_with(|| a.locations.cmp(&b.locations))
        });
        let relationships = std::mem::take(&mut self.relationships).into_iter();
        self.relationships = relationships.filter_map(|it| it.moved(&places)).collect();
        self.files = self.files.take().map(|files| Arc::new(files.moved(&places)));
        self.problems.sort();
        self.problems.dedup();
    }

    /// Joins equal components without a place, which merged documents repeat. Components must be sorted. If one of them
    /// has a place, it is kept; components in two places remain two.
    pub(crate) fn merge_repeated(&mut self) {
        self.merge_where(|last, _| last.locations.is_empty());
    }

    /// Joins neighbours that are the same package and for which `is_one` is true.
    pub(crate) fn merge_where(&mut self, is_one: impl Fn(&Component, &Component) -> bool) {
        // In place: a second list would take as much memory again.
        let (mut places, mut last_place) = (vec![0], 0);
        self.components.dedup_by(|component, last| {
            let is_repeated = is_one(last, component) && last.is_same_package(component);
            if is_repeated {
                last.take_from(component);
            } else {
                last_place += 1;
            }
            places.push(last_place);
            is_repeated
        });
        self.files = self.files.take().map(|files| Arc::new(files.moved(&places)));
        let relationships = std::mem::take(&mut self.relationships).into_iter();
        let moved = relationships.filter_map(|it| it.moved(&places));
        self.relationships = moved.filter(|it| it.from != it.to).collect();
    }
}

/// Stable sort for large items: their indices are sorted, then each item is moved once. Sorting the items themselves
/// moves each of them many times, and needs as much memory again. Most inventories consist of sorted runs, which a
/// stable sort merges. Returns the new index of each item.
fn sort_in_place<T>(items: &mut [T], order: impl Fn(&T, &T) -> Ordering) -> Vec<usize> {
    let by_number = |a: &usize, b: &usize| match (items.get(*a), items.get(*b)) {
        (Some(x), Some(y)) => order(x, y),
        _ => Ordering::Equal,
    };
    let mut order_of: Vec<usize> = (0..items.len()).collect();
    order_of.sort_by(by_number);
    let mut places = vec![0; items.len()];
    for (place, number) in order_of.into_iter().enumerate() {
        if let Some(of_number) = places.get_mut(number) {
            *of_number = place;
        }
    }
    let moved = places.clone();
    for at in 0..items.len() {
        // Each swap moves one item to its final place, so there are no more swaps than items.
        while let Some(place) = places.get(at).copied().filter(|place| *place != at) {
            items.swap(at, place);
            places.swap(at, place);
        }
    }
    moved
}

/// The fields of `os-release(5)` that name a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsRelease {
    /// `ID`: `debian`, `ubuntu`, `alpine`.
    pub id: String,
    /// `VERSION_ID`: `12`, `22.04`. Debian testing and unstable have none.
    pub version_id: Option<String>,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: Option<String>,
    /// `PRETTY_NAME`: `Debian GNU/Linux 12 (bookworm)`.
    pub pretty_name: Option<String>,
}

impl OsRelease {
    /// The value of a purl's `distro` qualifier: `debian-12`. If there is no version, it contains the codename.
    pub fn distro(&self) -> String {
        match self.version_id.as_deref().or(self.codename.as_deref()) {
            Some(release) => format!("{}-{release}", self.id),
            None => self.id.clone(),
        }
    }
}

/// One package, as one or more files of the artifact show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its package URL, which decides ecosystem, name and version.
    pub purl: Purl,
    /// Where packages of this kind come from.
    pub ecosystem: Ecosystem,
    /// The name that advisories of the ecosystem use: `libc6`, `zope-interface`, `github.com/gorilla/mux`.
    pub name: String,
    /// The version as the ecosystem writes it. Empty if a foreign document states none.
    pub version: String,
    /// The source package it was built from. Catalogers always know it for Debian's and Alpine's packages, whose
    /// advisories name sources. A document may not name it; then it is unknown.
    pub source: Option<SourcePackage>,
    /// Its declared licences.
    pub licenses: Vec<Licence>,
    /// The licences that were detected by texts in the artifact, if it declares none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detected: Vec<DetectedLicence>,
    /// Maintainer or author, as it was found.
    pub supplier: Option<String>,
    /// Its origin, if it states one.
    #[serde(default)]
    pub origin: Option<Box<Origin>>,
    /// Where it was found.
    pub locations: Vec<Location>,
    /// How a lock file or manifest declares it. `None` if it is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declaration>,
    /// The functions of the program that it was found in, where the program tells. No document has them.
    #[serde(skip)]
    pub functions: Option<Arc<LinkedFunctions>>,
    /// The cataloger that found it. `None` for a component of a document.
    #[serde(skip)]
    pub found_by: Option<&'static str>,
}

impl Component {
    /// Takes what another of the same package says and this one does not, and where it is.
    fn take_from(&mut self, other: &mut Self) {
        self.locations = std::mem::take(&mut other.locations);
        if self.licenses.is_empty() {
            self.licenses = std::mem::take(&mut other.licenses);
        }
        if self.detected.is_empty() {
            self.detected = std::mem::take(&mut other.detected);
        }
        self.supplier = self.supplier.take().or_else(|| other.supplier.take());
        // A weaker declaration excludes less.
        self.declared = self.declared.zip(other.declared).map(|(one, other)| one.min(other));
        self.origin = self.origin.take().or_else(|| other.origin.take());
        // Of two programs, neither list is about both.
        if self.functions != other.functions {
            self.functions = None;
        }
    }

    /// Whether everything that matters for matching is equal.
    fn is_same_package(&self, other: &Self) -> bool {
        self.purl == other.purl && self.version == other.version && self.source == other.source
    }

    /// Whether a project declares it, and only for development, builds or tests. This is never true of an installed
    /// package.
    pub fn is_for_development(&self) -> bool {
        self.declared.is_some_and(Declaration::is_for_development)
    }

    /// Whether it was found only at paths for which `is_meant` is true. Packages of the operating system have no path
    /// of their own.
    pub fn is_only_at(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        !self.ecosystem.is_os()
            && !self.locations.is_empty()
            && self.locations.iter().all(|location| is_meant(&location.path))
    }

    /// About how many bytes of text it contains.
    pub(crate) fn text_bytes(&self) -> usize {
        let Self { purl, name, version, source, licenses, detected, supplier, origin, locations, .. } = self;
        let purl = purl.to_string().len();
        let source = source.iter().flat_map(|source| [&source.name, &source.version]);
        let text = supplier.iter().chain(source).chain([name, version]).map(String::len);
        let licenses = licenses.iter().map(|licence| licence.as_str().len());
        let detected = detected.iter().map(|it| size_of::<DetectedLicence>() + it.id.len() + it.path.len());
        let locations = locations.iter().map(|location| location.path.len()).chain(detected);
        let origin = origin.as_ref().map_or(0, |origin| origin.bytes());
        purl + origin + text.chain(licenses).chain(locations).sum::<usize>()
    }

    /// A component from its purl: ecosystem, name, version, and the source package in `upstream`.
    pub fn from_purl(purl: Purl) -> Self {
        let ecosystem = Ecosystem::of_purl(&purl);
        let name = ecosystem.package_name(&purl);
        let version = version(&purl);
        let source = match purl.qualifier("upstream") {
            Some(upstream) if purl.package_type() == "rpm" => {
                SourcePackage::of_source_rpm(upstream, epoch(&purl))
            }
            Some(upstream) => {
                let (name, source) = upstream.split_once('@').unwrap_or((upstream, &version));
                Some(SourcePackage { name: name.to_owned(), version: source.to_owned() })
            }
            None => None,
        };
        Self {
            purl,
            ecosystem,
            name,
            version,
            source,
            licenses: Vec::new(),
            detected: Vec::new(),
            supplier: None,
            origin: None,
            locations: Vec::new(),
            declared: None,
            functions: None,
            found_by: None,
        }
    }
}

/// The version in a package URL. If the epoch of a deb or rpm is a qualifier, as in `epoch=1`, it is put before the
/// version.
fn version(purl: &Purl) -> String {
    let version = purl.version().unwrap_or_default();
    let epoch = epoch(purl).filter(|_| !version.is_empty() && !version.contains(':'));
    epoch.map_or_else(|| version.to_owned(), |epoch| format!("{epoch}:{version}"))
}

/// The epoch in the qualifiers of a package URL, unless it is 0.
fn epoch(purl: &Purl) -> Option<&str> {
    purl.qualifier("epoch").filter(|epoch| {
        matches!(purl.package_type(), "deb" | "rpm")
            && *epoch != "0"
            && !epoch.is_empty()
            && epoch.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// A source package. Its version differs from the binary's after a rebuild (`+b1`) and in sources like `gcc-defaults`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl SourcePackage {
    /// The source from a file name, `util-linux-2.32.1-42.el8_8.src.rpm`, which omits the epoch; the built package has
    /// it. `None` for a name of another form.
    pub(crate) fn of_source_rpm(file: &str, epoch: Option<impl fmt::Display>) -> Option<Self> {
        let suffixes = [".src.rpm", ".nosrc.rpm"];
        let stem = suffixes.iter().find_map(|suffix| file.strip_suffix(suffix))?;
        let (rest, release) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        if [name, version, release].contains(&"") {
            return None;
        }
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        Some(Self { name: name.to_owned(), version: format!("{epoch}{version}-{release}") })
    }
}

/// A place in the artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file that shows the component, relative to the root: `var/lib/dpkg/status`.
    pub path: String,
    /// The layer that added the component: an index into [`Inventory::layers`].
    pub layer: Option<usize>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorting_by_numbers_is_the_stable_sort(items in proptest::collection::vec((0_u8..8, any::<u16>()), 0..60)) {
            let (mut ours, mut expected) = (items.clone(), items);
            sort_in_place(&mut ours, |a, b| a.0.cmp(&b.0));
            expected.sort_by_key(|item| item.0);
            prop_assert_eq!(ours, expected);
        }
    }
}

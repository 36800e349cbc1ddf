//! Collects the content of documents of any format: components that can be looked up, and problems for the others.
//!
//! The package URL decides what a component is, regardless of its name and version. Components without one cannot be looked up
//! and are counted as problems. Ownership in a document is only [`OwnerEvidence::Claimed`], because the digests were
//! not seen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::{panic, thread};

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Cancel, Digest, LimitExceeded, Limits, Purl};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::documents::format::{Extent, ReadDocument, Reading};
use crate::documents::json::items;
use crate::documents::stated::{Element, StatedComponent, SubjectKind};
use crate::documents::stated_files::StatedFiles;
use crate::inventory::{
    Component, ComponentIndex, Inventory, OsRelease, OwnerEvidence, Problem, ProblemCode, Relationship,
    RelationshipKind, SourcePackage,
};

/// Names of components that a problem lists.
const MAX_NAMES: usize = 5;

/// With this many items, two threads share the work. Fewer are read in less time than it takes to start a thread.
pub(crate) const SHARED: usize = 2_000;

/// Components that are added between two looks at the clock.
const BETWEEN_CHECKS: usize = 64;

/// Collects components and the problems of those that are not usable.
#[derive(Default)]
pub(crate) struct Collector {
    pub(crate) inventory: Inventory,
    limit: usize,
    /// Stops the reading.
    cancel: Cancel,
    seen: usize,
    without_purl: Names,
    bad_purl: Names,
    without_version: Names,
    /// Components that another one owns, which is known only by its package URL.
    pub(crate) owned: Vec<(ComponentIndex, Purl, OwnerEvidence)>,
    /// Whether there was an image among the components. Advisories are not about images.
    pub(crate) lists_images: bool,
    extent: Extent,
    /// Identifiers of components that something in the document refers to.
    ids: Vec<(String, ComponentIndex)>,
    /// Relationships between such identifiers.
    related: Vec<(String, RelationshipKind, String)>,
    relationships_limit: usize,
    file_list_bytes: u64,
    /// Components that are stated to depend on nothing.
    leaves: Vec<String>,
    contained: Vec<(ComponentIndex, ComponentIndex)>,
    /// The files, if the whole document is read.
    pub(crate) files: StatedFiles,
    /// The statements of components, if the whole document is read.
    pub(crate) stated: Vec<StatedComponent>,
}

/// How many, and the first few by name.
#[derive(Default)]
pub(crate) struct Names {
    count: usize,
    first: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < MAX_NAMES {
            self.first.push(name.chars().take(80).collect());
        }
    }

    fn extend(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(MAX_NAMES);
    }

    fn problem(&self, code: ProblemCode, what: &str) -> Option<Problem> {
        let more = if self.count > self.first.len() { ", …" } else { "" };
        let components = if self.count == 1 { "component" } else { "components" };
        let detail = format!("{} {components} {what}: {}{more}", self.count, self.first.join(", "));
        (self.count > 0).then(|| Problem::new(code, "", detail))
    }
}

/// What a document says about a component in addition to its purl.
#[derive(Default)]
pub(crate) struct Claims<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: Option<&'a str>,
    pub(crate) purl: Option<&'a str>,
    pub(crate) source: Option<SourcePackage>,
}

/// Bytes of text that a document states once and refers to many times, such as the name of a licence. An inventory repeats it
/// each time, so its total size is bounded like that of the document.
pub(crate) struct Repeated {
    limit: u64,
    left: u64,
}

impl Repeated {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limit: limits.sbom_bytes, left: limits.sbom_bytes }
    }

    /// Counts a text that is about to be repeated.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Error> {
        let left = self.left.checked_sub(bytes as u64);
        self.left =
            left.ok_or_else(|| LimitExceeded::new("sbom_bytes", self.limit, "text that an SBOM repeats"))?;
        Ok(())
    }
}

impl Collector {
    pub(crate) fn new(reading: &Reading<'_>) -> Self {
        Self {
            limit: reading.limits.components,
            relationships_limit: reading.limits.relationships,
            extent: reading.extent,
            cancel: reading.cancel.clone(),
            files: StatedFiles::new(reading.limits.file_list_bytes),
            file_list_bytes: reading.limits.file_list_bytes,
            ..Self::default()
        }
    }

    /// Whether relationships and statements are collected too.
    pub(crate) fn is_whole(&self) -> bool {
        self.extent == Extent::Whole
    }

    /// Whether nothing was counted yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen == 0
    }

    /// Remembers the identifier of a component in the document.
    pub(crate) fn name(&mut self, id: &str, component: ComponentIndex) {
        self.ids.push((id.to_owned(), component));
    }

    /// Adds a relationship between two identifiers of the document. If either is not a component's, there is no relationship.
    pub(crate) fn relate(&mut self, from: &str, kind: RelationshipKind, to: &str) -> Result<(), Error> {
        within_relationships(self.related.len(), self.relationships_limit)?;
        self.related.push((from.to_owned(), kind, to.to_owned()));
        Ok(())
    }

    /// The items of a list of relationships. Its identifiers are at most as many as relationships may be.
    pub(crate) fn related_items<'a, T: Deserialize<'a>>(&self, raw: &'a RawValue) -> Result<Vec<T>, Error> {
        items(raw, "relationships", self.relationships_limit, &self.cancel)
    }

    /// Remembers that the component with the identifier `id` depends on nothing.
    pub(crate) fn leaf(&mut self, id: &str) {
        self.leaves.push(id.to_owned());
    }

    /// Remembers that one component is inside another.
    pub(crate) fn contain(&mut self, outer: ComponentIndex, inner: ComponentIndex) {
        if self.is_whole() {
            self.contained.push((outer, inner));
        }
    }

    /// An error if the reading was stopped. Called for each item.
    pub(crate) fn check(&self) -> Result<(), Error> {
        Ok(self.cancel.check()?)
    }

    /// Counts items before memory is spent on them, and makes room for them.
    pub(crate) fn count(&mut self, more: usize) -> Result<(), Error> {
        self.seen = self.seen.saturating_add(more);
        if self.seen > self.limit {
            return Err(LimitExceeded::new("components", self.limit as u64, "SBOM").into());
        }
        self.inventory.components.reserve(more);
        Ok(())
    }

    /// The components in the list `raw`, counted.
    pub(crate) fn nested<'a>(&mut self, raw: Option<&'a RawValue>) -> Result<Vec<&'a RawValue>, Error> {
        let Some(raw) = raw else { return Ok(Vec::new()) };
        let components = items(raw, "components", self.limit, &self.cancel)?;
        self.count(components.len())?;
        Ok(components)
    }

    /// Applies `add` to the items. Two threads share many of them; the result is that of one thread, in the order of the items.
    pub(crate) fn each(
        &mut self,
        items: &[&RawValue],
        add: impl Fn(&mut Self, &RawValue) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let all = |collector: &mut Self, items: &[&RawValue]| -> Result<(), Error> {
            items.chunks(BETWEEN_CHECKS).try_for_each(|items| {
                collector.check()?;
                items.iter().try_for_each(|item| add(collector, item))
            })
        };
        let (first, second) =
            if items.len() < SHARED { (items, &[][..]) } else { items.split_at(items.len() / 2) };
        if second.is_empty() {
            return all(self, first);
        }
        let mut other = Self {
            limit: self.limit,
            cancel: self.cancel.clone(),
            seen: self.seen,
            extent: self.extent,
            files: StatedFiles::new(self.file_list_bytes),
            ..Self::default()
        };
        other.inventory.components.reserve(second.len());
        let before = self.seen;
        let (done, others) = thread::scope(|scope| {
            let handle = scope.spawn(|| all(&mut other, second));
            let done = all(self, first);
            (done, handle.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
        });
        done.and(others)?;
        // Each thread kept within the limit on its own. Their total must be within it as well.
        self.count(other.seen - before)?;
        let inventory = &mut self.inventory;
        let offset = inventory.components.len();
        let owned = other.owned.into_iter();
        self.owned.extend(
            owned.map(|(index, owner, evidence)| (ComponentIndex(index.0 + offset), owner, evidence)),
        );
        let moved = |index: ComponentIndex| ComponentIndex(index.0 + offset);
        self.ids.extend(other.ids.into_iter().map(|(id, index)| (id, moved(index))));
        let contained = other.contained.into_iter();
        self.contained.extend(contained.map(|(outer, inner)| (moved(outer), moved(inner))));
        self.stated.append(&mut other.stated);
        self.files.append(other.files, offset)?;
        self.lists_images |= other.lists_images;
        inventory.components.append(&mut other.inventory.components);
        inventory.os = inventory.os.take().or(other.inventory.os);
        self.without_purl.extend(other.without_purl);
        self.bad_purl.extend(other.bad_purl);
        self.without_version.extend(other.without_version);
        Ok(())
    }

    /// Adds a component, or counts why it is not usable. The caller completes the returned one.
    pub(crate) fn add(&mut self, claims: Claims<'_>) -> Option<&mut Component> {
        let Some(purl) = claims.purl else {
            self.without_purl.add(claims.name);
            return None;
        };
        let Ok(purl) = purl.parse::<Purl>() else {
            self.bad_purl.add(claims.name);
            return None;
        };
        let mut component = Component::from_purl(purl);
        if component.version.is_empty() {
            claims.version.unwrap_or_default().clone_into(&mut component.version);
        }
        if component.version.is_empty() {
            self.without_version.add(claims.name);
        }
        if component.purl.qualifier("upstream").is_none() {
            component.source = claims.source;
        }
        self.inventory.components.push(component);
        self.inventory.components.last_mut()
    }

    /// Turns owners that are known by their package URLs into relationships. Only components can be owners.
    fn own(&mut self) {
        let mut owners: BTreeMap<&Purl, Option<usize>> =
            self.owned.iter().map(|(_, owner, _)| (owner, None)).collect();
        if owners.is_empty() {
            return;
        }
        for (index, component) in self.inventory.components.iter().enumerate() {
            if let Some(owner) = owners.get_mut(&component.purl) {
                *owner = Some(index);
            }
        }
        let relationships = self.owned.iter().filter_map(|(from, owner, evidence)| {
            let to = ComponentIndex((*owners.get(owner)?)?);
            Some(Relationship { from: *from, kind: RelationshipKind::OwnedBy(*evidence), to })
        });
        self.inventory.relationships.extend(relationships);
    }

    /// Turns relationships between identifiers into those of the inventory.
    fn resolve(&mut self) -> Result<(), Error> {
        let places: HashMap<&str, ComponentIndex> =
            self.ids.iter().map(|(id, index)| (id.as_str(), *index)).collect();
        let between = self.related.iter().filter_map(|(from, kind, to)| {
            let (from, to) = (*places.get(from.as_str())?, *places.get(to.as_str())?);
            (from != to).then_some(Relationship { from, kind: *kind, to })
        });
        let contained = self.related.iter().filter(|(_, kind, _)| *kind == RelationshipKind::Contains);
        self.files
            .relate(contained.filter_map(|(from, _, to)| Some((*places.get(from.as_str())?, to.as_str()))))?;
        let contains = |(from, to): &(ComponentIndex, ComponentIndex)| Relationship {
            from: *from,
            kind: RelationshipKind::Contains,
            to: *to,
        };
        self.inventory.relationships.extend(between.chain(self.contained.iter().map(contains)));
        let ends = self.related.iter().flat_map(|(from, _, to)| [from, to]).chain(&self.leaves);
        let named: HashSet<&str> = ends.map(String::as_str).collect();
        for stated in &mut self.stated {
            if stated.id.as_deref().is_some_and(|id| named.contains(id)) {
                stated.insert(Element::Dependencies);
            }
        }
        Ok(())
    }

    /// Completes `document`: names the operating system by its packages if the document does not, and adds problems.
    pub(crate) fn finish(mut self, subject_is_image: bool, document: &mut ReadDocument) -> Result<(), Error> {
        self.own();
        self.resolve()?;
        let built = std::mem::take(&mut self.files).finish(self.inventory.layers.len());
        self.inventory.files = built.files.map(Arc::new);
        document.stated.unusable_files = built.contradictions;
        document.stated.files_without_layer = built.without_layer;
        document.stated.components = std::mem::take(&mut self.stated);
        document.stated.unusable = self.without_purl.count + self.bad_purl.count;
        if subject_is_image && document.stated.subject == SubjectKind::Other {
            document.stated.subject = SubjectKind::Image;
        }
        let inventory = &mut self.inventory;
        // If there is nothing but an image, the document is about the image, even if it does not say so.
        let subject_is_image = subject_is_image || (self.lists_images && inventory.components.is_empty());
        let os_packages = || inventory.components.iter().filter(|component| component.ecosystem.is_os());
        if inventory.os.is_none() {
            inventory.os = os_packages().find_map(|component| release_of(&component.purl));
        }
        let problem = |code, detail: &str| Problem::new(code, "", detail);
        let listed = os_packages().next().is_some();
        let missing = match &inventory.os {
            None if listed => {
                Some(problem(ProblemCode::UnknownOs, "operating-system packages of an unknown release"))
            }
            None if subject_is_image => {
                Some(problem(ProblemCode::UnknownOs, "an image without an operating system"))
            }
            Some(os) if !listed => {
                let detail = format!("operating system {} without packages", os.distro());
                Some(problem(ProblemCode::OsInventoryMissing, &detail))
            }
            _ => None,
        };
        // One of Plimsoll's documents states the problem itself, in more detail.
        let told = inventory.problems.iter().any(|problem| {
            matches!(
                problem.code,
                ProblemCode::UnknownOs
                    | ProblemCode::NoOs
                    | ProblemCode::OsInventoryMissing
                    | ProblemCode::OsInventoryBroken
            )
        });
        inventory.problems.extend(missing.filter(|_| !told));
        inventory.problems.extend(
            [
                self.without_purl.problem(ProblemCode::MissingPurl, "without a package URL"),
                self.bad_purl.problem(ProblemCode::InvalidPurl, "with an unusable package URL"),
                self.without_version.problem(ProblemCode::MissingVersion, "without a version"),
            ]
            .into_iter()
            .flatten(),
        );
        document.inventory = self.inventory;
        Ok(())
    }
}

/// `distro=debian-12`, `distro=opensuse-leap-15.5`, or only a codename: `distro=bookworm`.
pub(crate) fn release_of(purl: &Purl) -> Option<OsRelease> {
    let distro = purl.qualifier("distro")?;
    let release = |id: &str, version_id: Option<&str>, codename: Option<&str>| OsRelease {
        id: id.to_owned(),
        version_id: version_id.map(str::to_owned),
        codename: codename.map(str::to_owned),
        pretty_name: None,
    };
    let namespace = purl.namespace().unwrap_or_default();
    match distro.rsplit_once('-') {
        Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(release(id, Some(version), None))
        }
        Some((id, codename)) if id == namespace => Some(release(id, None, Some(codename))),
        _ if distro == namespace => Some(release(distro, None, None)),
        _ if !namespace.is_empty() => Some(release(namespace, None, Some(distro))),
        _ => None,
    }
}

/// An error if there is no room for another relationship.
pub(crate) fn within_relationships(count: usize, limit: usize) -> Result<(), Error> {
    if count < limit { Ok(()) } else { Err(LimitExceeded::new("relationships", limit as u64, "SBOM").into()) }
}

/// Whether a purl is that of an image, about which there are no advisories.
pub(crate) fn is_image(purl: &str) -> bool {
    let kind = purl.split_once(':').map_or("", |(_, rest)| rest.trim_start_matches('/'));
    kind.split_once('/')
        .is_some_and(|(kind, _)| matches!(kind.to_ascii_lowercase().as_str(), "oci" | "docker"))
}

/// Whether a purl is that of an index, by its media type.
pub(crate) fn is_index(purl: &Purl) -> bool {
    let media_type = purl.qualifier("mediaType").or(purl.qualifier("mediatype"));
    media_type
        .is_some_and(|media_type| media_type.contains("image.index") || media_type.contains("manifest.list"))
}

/// Dangling references that are reported.
const MAX_DANGLING: usize = 100;

/// Those of `used` that are not among the `declared`, each once.
pub(crate) fn dangling<'a>(used: impl Iterator<Item = &'a str>, declared: &HashSet<&str>) -> Vec<String> {
    let mut found: Vec<&str> = used.filter(|id| !declared.contains(id)).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(MAX_DANGLING).map(|id| id.chars().take(200).collect()).collect()
}

/// The digest of a document's subject: the strongest of its `hashes` (algorithm and hex), or else the digest in its
/// version or package URL.
pub(crate) fn subject_digest<'a>(
    hashes: impl Iterator<Item = (&'static str, &'a str)>,
    version: Option<&str>,
    purl: Option<&str>,
) -> Option<Digest> {
    hashes
        .filter_map(|(algorithm, hex)| format!("{algorithm}:{hex}").parse().ok())
        .max_by_key(|digest: &Digest| digest.algorithm())
        .or_else(|| version?.parse().ok())
        .or_else(|| purl?.parse::<Purl>().ok()?.version()?.parse().ok())
}

/// Layers that count from 0 without a gap. With other numbers, [`crate::Location::layer`] would point to a wrong layer.
pub(crate) fn in_order(mut layers: Vec<LayerRef>) -> Vec<LayerRef> {
    layers.sort_by_key(|layer| layer.index);
    let whole = layers.iter().enumerate().all(|(index, layer)| index == layer.index);
    if whole { layers } else { Vec::new() }
}

//! Merges several advisories about one vulnerability into one.
//!
//! The input is the advisories that affect one version of one package, so that a shared identifier never
//! joins different packages.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_core::{Purl, Timestamp};
use plimsoll_sbom::{Component, Location};

use super::{Finding, Fix, linkage};
use crate::affected::FixState;
use crate::class::Class;
use crate::database::{Detail, Entry, VulnerableFunctions};
use crate::order::VersionOrder;
use crate::severity::Rating;
use crate::shared::{Interner, NamedBy, Shared};

/// An advisory that applies.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) id: String,
    rating: Rating,
    class: Class,
    fixes: Vec<String>,
    fix_state: FixState,
    detail: Detail,
}

impl Hit {
    pub(super) fn new(entry: &Entry<'_>, fixes: Vec<String>, detail: Detail) -> Self {
        let (rating, fix_state) = (entry.rating(), entry.affected.fix_state);
        Self { id: entry.id.to_owned(), rating, class: entry.class, fixes, fix_state, detail }
    }

    fn identifiers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.detail.aliases).map(String::as_str)
    }
}

/// One vulnerability of one version of one package.
#[derive(Debug, Clone)]
pub(super) struct Vulnerability {
    id: String,
    advisory: String,
    aliases: Shared<Vec<String>>,
    named_by: Shared<NamedBy>,
    rating: Rating,
    class: Class,
    fix: Fix,
    summary: Shared<String>,
    urls: Shared<Vec<String>>,
    published: Option<i64>,
    modified: Option<i64>,
    functions: Shared<Vec<VulnerableFunctions>>,
}

/// What all findings of a component share.
pub(super) struct Of<'a> {
    component: &'a Component,
    purl: OnceCell<Shared<Purl>>,
    locations: OnceCell<Shared<Vec<Location>>>,
}

impl<'a> Of<'a> {
    pub(super) fn new(component: &'a Component) -> Self {
        Self { component, purl: OnceCell::new(), locations: OnceCell::new() }
    }
}

impl Vulnerability {
    /// The main identifier.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The nearest version that fixes it.
    pub(super) fn nearest_fix(&self) -> Option<&str> {
        self.fix.nearest()
    }

    /// Whether no version fixes it.
    pub(super) fn is_open(&self) -> bool {
        self.fix.nearest().is_none()
    }

    /// Keeps once what others have as well.
    pub(super) fn intern(&mut self, interner: &mut Interner) {
        interner.list(&mut self.aliases);
        interner.list(&mut self.urls);
        interner.named_by(&mut self.named_by);
        interner.text(&mut self.summary);
    }

    pub(super) fn finding(self, of: &Of<'_>, package: &str, version: &str) -> Finding {
        let time = |seconds: Option<i64>| Timestamp::from_second(seconds?).ok();
        Finding {
            id: self.id,
            advisory: self.advisory,
            class: self.class,
            aliases: self.aliases,
            named_by: self.named_by,
            component: of.purl.get_or_init(|| of.component.purl.clone().into()).clone(),
            package: package.to_owned(),
            version: version.to_owned(),
            severity: self.rating.severity,
            severity_source: self.rating.source,
            exploited: None,
            likelihood: None,
            linked: linkage::linked(of.component, &self.functions),
            without_epochs: false,
            cpe: None,
            fix: self.fix,
            summary: self.summary,
            locations: of.locations.get_or_init(|| of.component.locations.clone().into()).clone(),
            published: time(self.published),
            modified: time(self.modified),
            urls: self.urls,
        }
    }
}

/// Joins hits that share an identifier, directly or through others; the order of the result is that of the identifiers.
pub(super) fn merge(order: &dyn VersionOrder, mut hits: Vec<Hit>) -> Vec<Vulnerability> {
    if hits.len() <= 1 {
        return join(order, hits).into_iter().collect();
    }
    hits.sort_by(|a, b| a.id.cmp(&b.id));
    let groups = groups(&hits);
    let mut joined: BTreeMap<usize, Vec<Hit>> = BTreeMap::new();
    for (hit, group) in hits.into_iter().zip(groups) {
        joined.entry(group).or_default().push(hit);
    }
    let mut found: Vec<_> = joined.into_values().filter_map(|group| join(order, group)).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

/// The number of each hit's group: the smallest index in it.
fn groups(hits: &[Hit]) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..hits.len()).collect();
    let mut first_with: HashMap<&str, usize> = HashMap::new();
    for (index, hit) in hits.iter().enumerate() {
        for identifier in hit.identifiers() {
            let other = *first_with.entry(identifier).or_insert(index);
            let (a, b) = (root(&mut parents, index), root(&mut parents, other));
            if let Some(parent) = parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
    (0..hits.len()).map(|index| root(&mut parents, index)).collect()
}

/// Follows parents to the root and shortens the path for the next time.
fn root(parents: &mut [usize], mut index: usize) -> usize {
    loop {
        let parent = parents.get(index).copied().unwrap_or(index);
        if parent == index {
            return index;
        }
        let grandparent = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(index) {
            *slot = grandparent;
        }
        index = grandparent;
    }
}

/// Whether the functions in the group are all that may be vulnerable: an advisory that names none may be about a CVE whose functions
/// nobody names.
fn are_functions_named(group: &[Hit]) -> bool {
    let cves = |named: bool| {
        let hits = group.iter().filter(move |hit| hit.detail.functions.is_empty() != named);
        hits.flat_map(Hit::identifiers).filter(|id| id.starts_with("CVE-"))
    };
    let known: BTreeSet<&str> = cves(true).collect();
    cves(false).all(|cve| known.contains(cve))
}

fn join(order: &dyn VersionOrder, mut group: Vec<Hit>) -> Option<Vulnerability> {
    let fix = fix(order, &mut group);
    let mut named_by = NamedBy::new();
    for hit in &group {
        let cves = hit.identifiers().filter(|id| id.starts_with("CVE-")).map(str::to_owned);
        named_by.entry(hit.id.clone()).or_default().extend(cves);
    }
    let are_functions_named = are_functions_named(&group);
    let mut hits = group.into_iter();
    let mut first = hits.next()?;
    let mut identifiers = std::mem::take(&mut first.detail.aliases);
    identifiers.push(first.id.clone());
    for mut hit in hits {
        identifiers.append(&mut hit.detail.aliases);
        identifiers.push(hit.id.clone());
        if first.detail.summary.is_empty() {
            first.detail.summary = std::mem::take(&mut hit.detail.summary);
        }
        first.detail.published = earliest(first.detail.published, hit.detail.published);
        first.detail.modified = first.detail.modified.max(hit.detail.modified);
        for url in hit.detail.urls {
            if !first.detail.urls.contains(&url) {
                first.detail.urls.push(url);
            }
        }
        first.detail.functions.append(&mut hit.detail.functions);
        first.class = first.class.or(hit.class);
        let rating = first.rating.clone().or(hit.rating);
        if rating != first.rating {
            (first.rating, first.id) = (rating, hit.id);
        }
    }
    if !are_functions_named {
        first.detail.functions.clear();
    }
    identifiers.sort_unstable();
    identifiers.dedup();
    let id = identifiers.iter().find(|id| id.starts_with("CVE-")).unwrap_or(&first.id).clone();
    identifiers.retain(|other| *other != id);
    Some(Vulnerability {
        id,
        advisory: first.id,
        aliases: identifiers.into(),
        named_by: named_by.into(),
        rating: first.rating,
        class: first.class,
        fix,
        summary: first.detail.summary.into(),
        urls: first.detail.urls.into(),
        published: first.detail.published,
        modified: first.detail.modified,
        functions: first.detail.functions.into(),
    })
}

fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// All versions that one of the advisories lists as fixed, the nearest first. If there are none, "will not be
/// fixed" is a decision and counts; "not fixed" only counts if all advisories agree.
fn fix(order: &dyn VersionOrder, group: &mut [Hit]) -> Fix {
    let mut fixes: Vec<String> = group.iter_mut().flat_map(|hit| std::mem::take(&mut hit.fixes)).collect();
    if !fixes.is_empty() {
        // Only valid versions are stored as ends, so the order of texts is never used.
        fixes.sort_by(|a, b| order.compare(a, b).unwrap_or_else(|_| a.cmp(b)));
        fixes.dedup_by(|a, b| order.compare(a, b).is_ok_and(std::cmp::Ordering::is_eq));
        return Fix::Fixed(fixes);
    }
    if group.iter().any(|hit| hit.fix_state == FixState::WontFix) {
        Fix::WontFix
    } else if group.iter().all(|hit| hit.fix_state == FixState::NotFixed) {
        Fix::NotFixed
    } else {
        Fix::Unknown
    }
}

//! Matching: an inventory against the database.
//!
//! Owns which package and version of a component is looked up in which feed, how findings are merged and suppressed,
//! and what was not covered. It does not judge: the policy decides whether findings and gaps are acceptable.
//!
//! - Packages of a distribution are looked up by their *source* package and its version, in the release of the image.
//! - Several advisories about one vulnerability of one component are one [`Finding`]; advisories about
//!   different packages are never joined, even if they share identifiers.
//! - Development dependencies of a project are looked up, but neither their findings nor their gaps count unless
//!   requested: they are not present when the project runs. Installed packages always count.
//! - Programs that no package manager knows are looked up by the product that they are, and nothing else is: names of products
//!   are guesses for packages, and certain for what a program says of itself.
//! - A component that could not be matched is a [`Gap`], never silence: no feed, a release that the feed does not know,
//!   a feed that is too old, an incomplete inventory, a version or an advisory that cannot be compared.

mod aside;
mod epoch;
mod explain;
mod finding;
mod gap;
mod kernel;
mod linkage;
mod merge;
mod newer;
mod owner;
mod risk;
mod settled;
mod target;
mod threshold;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use jiff::SignedDuration;
use plimsoll_core::{AdvisoryNames, Cancel, Timestamp};
use plimsoll_sbom::{Component, ComponentIndex, Inventory, Owner, Problem, ProblemCode, products};
use serde::Serialize;

pub use explain::{Bound, Comparison, ComponentOwner, Explained, MOST_EXPLAINED, Outcome, Relation, explain};
pub use finding::{Finding, Fix, Noted, SetAside, Suppressed, Suppression};
pub use gap::{Gap, GapReason};
pub use risk::{Exploited, Likelihood, Risk, Share};
pub use settled::{IgnoreUse, IgnoredBy, SettledByVex, Undecided, UsedDocument, VexUse};
pub use threshold::{InvalidThreshold, Threshold, Weight};
pub use upgrade::{Upgrade, upgrades};

use crate::affected::Status;
use crate::class::Class;
use crate::conditions::Traits;
use crate::database::{Advisories, Database, FeedStatus, Overlays, key};
use crate::error::Error;
use crate::shared::Interner;
use aside::Asides;
use gap::Gaps;
use merge::{Hit, Of, Vulnerability};
use target::{Target, Targets};

/// Components that are looked up between two looks at the clock.
const BETWEEN_CHECKS: usize = 64;

/// What a scan depends on besides inventory and database.
#[derive(Debug, Clone, Copy)]
pub struct ScanSettings {
    /// The time that ages are measured against.
    pub now: Timestamp,
    /// A feed older than this is a gap.
    pub max_age: SignedDuration,
    /// Whether findings in development dependencies of a project count.
    pub development: bool,
}

impl ScanSettings {
    /// Settings for a scan at `now` with feeds of at most 24 hours, of installed packages and runtime dependencies.
    pub fn at(now: Timestamp) -> Self {
        Self { now, max_age: SignedDuration::from_hours(24), development: false }
    }
}

/// The findings and gaps of a scan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scan {
    /// Sorted by component, then identifier.
    pub findings: Vec<Finding>,
    /// Facts about components that are not vulnerabilities, such as that one is unmaintained. Sorted like findings.
    pub informational: Vec<Finding>,
    /// Findings that do not count, with the reason.
    pub suppressed: Vec<Suppressed>,
    /// Files that no cataloger reads and components of ecosystems without advisories that count as covered, with the reason.
    pub set_aside: Vec<SetAside>,
    /// What was not covered, sorted.
    pub gaps: Vec<Gap>,
    /// The advisories that leave open whether a component is affected. Each is in a gap.
    #[serde(skip)]
    pub undecided: Vec<Undecided>,
    /// The VEX documents that were used.
    #[serde(skip_serializing_if = "VexUse::is_empty")]
    pub vex: VexUse,
    /// The files of ignore rules that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoreUse>,
    /// Problems of the inventory that hide nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub noted: Vec<Noted>,
    /// The feeds of the database.
    pub database: Vec<FeedStatus>,
    /// The feeds of facts by CVE.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<FeedStatus>,
    /// How many components there are.
    pub components: usize,
    /// How many of them were looked up in a feed.
    pub matched_components: usize,
    /// How many of them were compared without epochs, because their document states none.
    #[serde(skip_serializing_if = "is_zero")]
    pub compared_without_epochs: usize,
    /// The number of components that were looked up, sorted by ecosystem.
    pub looked_up: Vec<LookedUp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How many components were looked up among the advisories of an ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LookedUp {
    /// The ecosystem, as OSV names it.
    pub ecosystem: String,
    /// How many components.
    pub components: usize,
}

/// Matches the components of `inventory` against the advisories in `database`.
pub fn scan(inventory: &Inventory, database: &Database, settings: &ScanSettings) -> Result<Scan, Error> {
    scan_until(inventory, database, settings, &Cancel::never())
}

/// The same, until `cancel` stops it.
pub fn scan_until(
    inventory: &Inventory,
    database: &Database,
    settings: &ScanSettings,
    cancel: &Cancel,
) -> Result<Scan, Error> {
    cancel.check()?;
    let targets = Targets::new(inventory, database, settings);
    let mut gaps = Gaps::default();
    gaps.inventory(inventory);
    let mut asides = Asides::default();
    asides.files(inventory, &targets, &mut gaps)?;
    let sources_are_named = inventory.components.iter().any(|it| it.ecosystem.is_os() && it.source.is_some());
    let epochs_are_named = inventory.components.iter().any(epoch::is_named);
    let mut scanner = Scanner {
        targets,
        gaps,
        asides,
        sources_are_named,
        epochs_are_named,
        without_epochs: 0,
        looked_up: BTreeMap::new(),
        judged: HashMap::new(),
        interner: Interner::default(),
    };
    // Its gaps are dropped.
    let mut aside = Gaps::default();
    let mut scan = Scan {
        findings: Vec::new(),
        informational: Vec::new(),
        suppressed: Vec::new(),
        set_aside: Vec::new(),
        gaps: Vec::new(),
        undecided: Vec::new(),
        vex: VexUse::default(),
        ignored: Vec::new(),
        noted: noted(inventory).collect(),
        database: database.feeds(),
        overlays: database.overlays().into_iter().flat_map(Overlays::status).collect(),
        components: inventory.components.len(),
        matched_components: 0,
        compared_without_epochs: 0,
        looked_up: Vec::new(),
    };
    for (index, component) in inventory.components.iter().enumerate() {
        if index % BETWEEN_CHECKS == 0 {
            cancel.check()?;
        }
        let owner = inventory.owner(ComponentIndex(index));
        let is_aside = component.is_for_development() && !settings.development;
        if is_aside {
            std::mem::swap(&mut scanner.gaps, &mut aside);
        }
        let found = scanner.component(component, owner);
        if is_aside {
            std::mem::swap(&mut scanner.gaps, &mut aside);
        }
        let Some(Found { findings: found, suppressed, undecided }) = found? else { continue };
        scan.matched_components += 1;
        if !is_aside {
            let undecided = undecided.into_iter();
            scan.undecided.extend(undecided.map(|(ecosystem, finding)| Undecided {
                finding,
                ecosystem,
                component: index,
            }));
        }
        scan.suppressed.extend(suppressed);
        if found.is_empty() {
            continue;
        }
        let reason = match owner {
            _ if is_aside => Some(Suppression::ForDevelopment),
            _ if kernel::does_not_run(component) => Some(Suppression::NotTheKernel),
            Some(owner) if owner::decides(&scanner.targets, component, owner)? => {
                Some(Suppression::OwnedByDistribution { package: owner.package.purl.clone() })
            }
            _ => None,
        };
        match reason {
            None => {
                let is_no_vulnerability = |it: &Finding| matches!(it.class, Class::Informational(_));
                let (informational, found) = found.into_iter().partition::<Vec<_>, _>(is_no_vulnerability);
                scan.informational.extend(informational);
                scan.findings.extend(found);
            }
            Some(reason) => scan
                .suppressed
                .extend(found.into_iter().map(|finding| Suppressed { finding, reason: reason.clone() })),
        }
    }
    scan.compared_without_epochs = scanner.without_epochs;
    let looked_up = scanner.looked_up.into_iter();
    scan.looked_up = looked_up
        .map(|(ecosystem, components)| LookedUp { ecosystem: ecosystem.to_owned(), components })
        .collect();
    scan.gaps = scanner.gaps.into_sorted();
    scan.set_aside = scanner.asides.into_list();
    let suppressed = scan.suppressed.iter_mut().map(|suppressed| &mut suppressed.finding);
    let undecided = scan.undecided.iter_mut().map(|undecided| &mut undecided.finding);
    let rest = suppressed.chain(undecided);
    risk::add(scan.findings.iter_mut().chain(&mut scan.informational).chain(rest), database)?;
    scan.sort();
    Ok(scan)
}

impl Scan {
    /// Components are usually sorted by purl, but an inventory is a public struct that any caller may fill.
    pub(crate) fn sort(&mut self) {
        self.findings.sort_by(|a, b| a.place().cmp(&b.place()));
        self.informational.sort_by(|a, b| a.place().cmp(&b.place()));
        self.suppressed.sort_by(|a, b| a.finding.place().cmp(&b.finding.place()));
    }

    /// Makes the gaps of undecided ranges anew, from what is undecided still.
    pub(crate) fn count_undecided(&mut self) {
        let mut open: BTreeMap<(&str, usize, &str, &str), BTreeSet<&str>> = BTreeMap::new();
        for Undecided { finding, ecosystem, component } in &self.undecided {
            let advisories = open.entry((ecosystem, *component, &finding.package, &finding.version));
            advisories.or_default().extend(finding.named_by.keys().map(String::as_str));
        }
        let mut gaps = Gaps::default();
        for ((ecosystem, _, package, version), advisories) in open {
            let (package, version) = (package.to_owned(), version.to_owned());
            let advisories = advisories.into_iter().map(str::to_owned).collect();
            gaps.component(ecosystem, GapReason::UndecidedRange { package, version, advisories });
        }
        self.gaps.retain(|gap| !matches!(gap.reason, GapReason::UndecidedRange { .. }));
        self.gaps.extend(gaps.into_sorted());
        self.gaps.sort_by(|a, b| (&a.ecosystem, &a.reason).cmp(&(&b.ecosystem, &b.reason)));
    }
}

/// The problems of the inventory that hide no components, except files that were set aside, which are listed
/// separately.
fn noted(inventory: &Inventory) -> impl Iterator<Item = Noted> {
    let harmless = |problem: &&Problem| !problem.hides_components() && problem.code != ProblemCode::SetAside;
    inventory.problems.iter().filter(harmless).map(|problem| Noted {
        problem: problem.code,
        path: problem.path.clone(),
        detail: problem.words(),
    })
}

struct Scanner<'a> {
    targets: Targets<'a>,
    gaps: Gaps,
    asides: Asides,
    /// Whether a package of a distribution without a source has one of the same name: documents that name sources omit those.
    sources_are_named: bool,
    /// Whether a package of rpm without an epoch has epoch 0: documents that name epochs omit those.
    epochs_are_named: bool,
    /// The number of components that were compared without epochs.
    without_epochs: usize,
    /// The number of components that were looked up, by ecosystem.
    looked_up: BTreeMap<&'static str, usize>,
    /// By key, version and traits: the many binaries of one source package are judged once.
    judged: HashMap<(String, String, Traits<'a>, Epochs), Rc<Matches>>,
    /// What findings share.
    interner: Interner,
}

/// The findings for one component.
struct Found {
    findings: Vec<Finding>,
    /// Findings that do not count because of the version itself.
    suppressed: Vec<Suppressed>,
    /// What advisories leave open, with the ecosystem.
    undecided: Vec<(&'static str, Finding)>,
}

impl Found {
    /// Adds the answer under another name. Known vulnerabilities remain one finding.
    fn add<'a>(
        &mut self,
        findings: impl Iterator<Item = Finding>,
        suppressed: impl Iterator<Item = (Finding, &'a Suppression)>,
    ) {
        let known: BTreeSet<String> = self.findings.iter().map(|finding| finding.id.clone()).collect();
        self.findings.extend(findings.filter(|finding| !known.contains(&finding.id)));
        let suppressed = suppressed.filter(|(finding, _)| !known.contains(&finding.id));
        self.suppressed
            .extend(suppressed.map(|(finding, reason)| Suppressed { finding, reason: reason.clone() }));
    }
}

/// The database's answer about one version of one package.
#[derive(Default)]
struct Matches {
    found: Vec<Vulnerability>,
    /// Vulnerabilities that the release has but this version does not have.
    fixed: Vec<(Vulnerability, Suppression)>,
    /// Vulnerabilities of which it is open whether this version has them.
    undecided: Vec<Vulnerability>,
    /// Why the answer is incomplete.
    doubts: Vec<GapReason>,
    /// Whether epochs in advisories did not count.
    without_epochs: bool,
}

impl Matches {
    /// The same, with what is known already kept once.
    fn interned(mut self, interner: &mut Interner) -> Self {
        let fixed = self.fixed.iter_mut().map(|(vulnerability, _)| vulnerability);
        let all = self.found.iter_mut().chain(fixed).chain(&mut self.undecided);
        all.for_each(|vulnerability| vulnerability.intern(interner));
        self
    }

    /// Sets aside vulnerabilities without a fix in this release, if the installed version comes from a newer
    /// release and has the fix.
    fn set_aside_fixed(
        &mut self,
        advisories: &Advisories,
        release: &str,
        subject: &Subject<'_>,
    ) -> Result<(), Error> {
        let open: BTreeSet<&str> =
            self.found.iter().filter(|found| found.is_open()).map(Vulnerability::id).collect();
        if open.is_empty() {
            return Ok(());
        }
        let is_open = |id: &str| open.contains(id);
        let mut reasons = newer::fixed(advisories, release, subject.package, subject.version, is_open)?;
        for vulnerability in std::mem::take(&mut self.found) {
            match reasons.remove(vulnerability.id()).filter(|_| vulnerability.is_open()) {
                Some(reason) => self.fixed.push((vulnerability, reason)),
                None => self.found.push(vulnerability),
            }
        }
        Ok(())
    }
}

impl<'a> Scanner<'a> {
    /// The findings of a component; `None` if no feed covers it.
    fn component(
        &mut self,
        component: &'a Component,
        owner: Option<Owner<'_>>,
    ) -> Result<Option<Found>, Error> {
        let (advisories, release) = match self.targets.target(component) {
            Target::Covered { advisories, release, stale } => {
                if let Some(stale) = stale {
                    self.gaps.component(advisories.ecosystem().name(), stale);
                }
                (advisories, release)
            }
            Target::Gap(ecosystem, reason) => {
                if is_named_only(component) {
                    return Ok(None);
                }
                if let Some(package) = owner::covering(&self.targets, component, owner)? {
                    self.asides.component(component, package);
                    return Ok(None);
                }
                let found = self.product(component)?;
                if found.is_none() {
                    self.gaps.component(&ecosystem, reason);
                }
                return Ok(found);
            }
        };
        *self.looked_up.entry(advisories.ecosystem().name()).or_default() += 1;
        let of = Of::new(component);
        let Some(release) = release else {
            let subject = Subject::new(component, None, installed(component), advisories);
            let judged = judge(advisories, &subject)?.interned(&mut self.interner);
            self.doubt(advisories, &judged.doubts);
            let finding = |it: Vulnerability| it.finding(&of, &component.name, &component.version);
            let ecosystem = advisories.ecosystem().name();
            let undecided = judged.undecided.into_iter().map(|it| (ecosystem, finding(it))).collect();
            let findings = judged.found.into_iter().map(finding).collect();
            return Ok(Some(Found { findings, suppressed: Vec::new(), undecided }));
        };
        if component.source.is_none()
            && !self.sources_are_named
            && advisories.ecosystem().advisory_names() == AdvisoryNames::Source
            && !owner::knows(advisories, component)?
        {
            self.gaps.component(advisories.ecosystem().name(), GapReason::SourceUnknown);
        }
        let mut found = Found { findings: Vec::new(), suppressed: Vec::new(), undecided: Vec::new() };
        let is_unknown = !self.epochs_are_named && epoch::is_unknown(component);
        let mut without_epochs = false;
        for (name, version) in names(component, advisories.ecosystem().advisory_names()) {
            let mut subject = Subject::new(component, Some(&release), (name, version), advisories);
            if is_unknown {
                subject.epochs = Epochs::Ignored;
            }
            let judged = self.judged(advisories, &release, &subject)?;
            self.doubt(advisories, &judged.doubts);
            without_epochs |= judged.without_epochs;
            let finding = |it: &Vulnerability| Finding {
                without_epochs: judged.without_epochs,
                ..it.clone().finding(&of, name, version)
            };
            let ecosystem = advisories.ecosystem().name();
            found.undecided.extend(judged.undecided.iter().map(|it| (ecosystem, finding(it))));
            found.add(
                judged.found.iter().map(finding),
                judged.fixed.iter().map(|(it, reason)| (finding(it), reason)),
            );
        }
        self.without_epochs += usize::from(without_epochs);
        Ok(Some(found))
    }

    /// The findings of a program that no package manager knows, by the products that it is; `None` if no feed about products
    /// knows one of them. A feed lists what somebody found a vulnerability in, perhaps in some years only: that a product is missing
    /// does not mean that anybody looked at it.
    fn product(&mut self, component: &'a Component) -> Result<Option<Found>, Error> {
        let Some((advisories, stale)) = self.targets.products() else { return Ok(None) };
        let mut known = Vec::new();
        for product in products(component) {
            if advisories.package(&product)?.is_some() {
                known.push(product);
            }
        }
        if known.is_empty() {
            return Ok(None);
        }
        if let Some(stale) = stale {
            self.gaps.component(advisories.ecosystem().name(), stale);
        }
        *self.looked_up.entry(advisories.ecosystem().name()).or_default() += 1;
        let ecosystem = advisories.ecosystem().name();
        let mut found = Found { findings: Vec::new(), suppressed: Vec::new(), undecided: Vec::new() };
        let of = Of::new(component);
        for product in known {
            let subject = Subject::product(component, &product);
            let judged = judge(advisories, &subject)?.interned(&mut self.interner);
            self.doubt(advisories, &judged.doubts);
            let finding = |it: Vulnerability| Finding {
                cpe: Some(product.clone()),
                ..it.finding(&of, &component.name, &component.version)
            };
            found.undecided.extend(judged.undecided.into_iter().map(|it| (ecosystem, finding(it))));
            found.add(judged.found.into_iter().map(finding), std::iter::empty());
        }
        Ok(Some(found))
    }

    /// The answer about a package of a distribution, from memory if it was asked before.
    fn judged(
        &mut self,
        advisories: &Advisories,
        release: &str,
        subject: &Subject<'a>,
    ) -> Result<Rc<Matches>, Error> {
        let memo = (subject.key.clone(), subject.version.to_owned(), subject.traits, subject.epochs);
        if let Some(judged) = self.judged.get(&memo) {
            return Ok(Rc::clone(judged));
        }
        let mut judged = judge(advisories, subject)?;
        judged.set_aside_fixed(advisories, release, subject)?;
        let judged = Rc::new(judged.interned(&mut self.interner));
        self.judged.insert(memo, Rc::clone(&judged));
        Ok(judged)
    }

    fn doubt(&mut self, advisories: &Advisories, doubts: &[GapReason]) {
        for doubt in doubts {
            self.gaps.component(advisories.ecosystem().name(), doubt.clone());
        }
    }
}

/// Whether the component is only an image that a Dockerfile names, whose content was not examined: its packages are in
/// that image.
fn is_named_only(component: &Component) -> bool {
    component.found_by.is_some() && component.purl.package_type() == "oci"
}

/// The names and versions under which a package of a distribution is looked up.
fn names(component: &Component, advisories: AdvisoryNames) -> impl Iterator<Item = (&str, &str)> {
    let (installed, source) = (installed(component), source(component));
    let (first, second) = match advisories {
        AdvisoryNames::Installed => (installed, None),
        AdvisoryNames::Source => (source, None),
        AdvisoryNames::Either => (installed, (source != installed).then_some(source)),
    };
    std::iter::once(first).chain(second)
}

fn installed(component: &Component) -> (&str, &str) {
    (&component.name, &component.version)
}

/// The name and version of the source package.
fn source(component: &Component) -> (&str, &str) {
    kernel::unsigned(component).unwrap_or_else(|| match &component.source {
        Some(source) => (&source.name, &source.version),
        None => (&component.name, &component.version),
    })
}

/// The properties of a component that decide whether an advisory applies to it.
struct Subject<'a> {
    /// Where its advisories are.
    key: String,
    package: &'a str,
    version: &'a str,
    traits: Traits<'a>,
    epochs: Epochs,
}

/// Whether the epochs in advisories count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Epochs {
    Counted,
    /// The epoch of the component is unknown.
    Ignored,
}

impl<'a> Subject<'a> {
    fn new(
        component: &'a Component,
        release: Option<&str>,
        (package, version): (&'a str, &'a str),
        advisories: &Advisories,
    ) -> Self {
        let key = key(release, advisories.ecosystem().normalise(package)).into_owned();
        Self { key, package, version, traits: Traits::of_component(component), epochs: Epochs::Counted }
    }

    /// A program, as one of the products that it is.
    fn product(component: &'a Component, product: &str) -> Self {
        let (package, version) = installed(component);
        let (key, traits) = (product.to_owned(), Traits::default());
        Self { key, package, version, traits, epochs: Epochs::Counted }
    }
}

fn judge(advisories: &Advisories, subject: &Subject<'_>) -> Result<Matches, Error> {
    let Subject { key, package, version, traits, epochs } = subject;
    let mut judged = Matches::default();
    let Some(record) = advisories.package(key)? else { return Ok(judged) };
    let mut hits: Vec<Hit> = Vec::new();
    let mut undecided: Vec<Hit> = Vec::new();
    advisories.visit(&record, |entry| {
        let holds =
            if entry.is_conditional() { advisories.conditions(entry)?.hold(traits) } else { Some(true) };
        let bare = if *epochs == Epochs::Ignored { epoch::without(&entry.affected) } else { None };
        judged.without_epochs |= bare.is_some();
        match (advisories.order().status(bare.as_ref().unwrap_or(&entry.affected), version), holds) {
            (_, Some(false)) | (Status::NotAffected, _) => {}
            (Status::Affected(fixes), Some(true)) => {
                let fixes =
                    fixes.into_iter().map(|fix| epoch::whole(&entry.affected, fix).to_owned()).collect();
                hits.push(Hit::new(entry, fixes, advisories.detail(entry.detail)?));
            }
            (Status::Undecided, _) | (Status::Affected(_), None) => {
                undecided.push(Hit::new(entry, Vec::new(), advisories.detail(entry.detail)?));
            }
            (Status::Incomparable(_), _) if judged.doubts.is_empty() => {
                let (package, version) = ((*package).to_owned(), (*version).to_owned());
                judged.doubts.push(GapReason::InvalidVersion { package, version });
            }
            (Status::Incomparable(_), _) => {}
        }
        Ok(())
    })?;
    // An advisory may have several ranges for a package; one affected range is enough.
    undecided.retain(|open| !hits.iter().any(|hit| hit.id == open.id));
    undecided.sort_by(|a, b| a.id.cmp(&b.id));
    undecided.dedup_by(|a, b| a.id == b.id);
    if !undecided.is_empty() {
        judged.doubts.push(GapReason::UndecidedRange {
            package: (*package).to_owned(),
            version: (*version).to_owned(),
            advisories: undecided.iter().map(|open| open.id.clone()).collect(),
        });
    }
    judged.undecided = merge::merge(advisories.order(), undecided);
    judged.found = merge::merge(advisories.order(), hits);
    Ok(judged)
}

#[cfg(test)]
mod tests;

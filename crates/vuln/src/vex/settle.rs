//! Which statement counts for a finding, and what follows.
//!
//! - A statement is about a finding if it names the vulnerability and the component. An advisory that covers several CVEs is
//!   settled only if each of them is.
//! - The newest statement counts, by its own time or that of its document; one without any time is the oldest. If the newest are
//!   of the same time and contradict each other, none of them counts. Contradictions are told, whichever counts.
//! - Of documents by one signer with the same format and identifier, only the highest version counts, in CSAF the newest release.
//! - What a refused statement is about is not cleared by an older one of the same signer: it may be the correction. If that is
//!   unknown, nothing is.
//! - Whether a statement that clears is about a component is read narrowly, with everything around it. What takes nothing away is
//!   read widely, by the innermost package URL alone, so that no correction is missed; only another release of Red Hat Enterprise
//!   Linux, by its CPE, is known to be another place.
//! - A statement from the future does not count, because it would outlast every correction.
//! - `not_affected` and `fixed` set a finding aside. It stays in the scan, with the statement. A malicious package is never
//!   set aside: that it does harm is not a question of how it is used.
//! - If the advisory leaves open whether the component is affected, `not_affected` and `fixed` settle that it is not, `affected`
//!   that it is. Without them it stays a gap.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_core::{Purl, Timestamp, clock};
use plimsoll_sbom::{Inventory, Location};

use super::Error;
use super::belongs::Belonging;
use super::identity::{Package, ScannedImage};
use super::statement::{Document, Product, Statement};
use crate::class::Class;
use crate::database::VexStatus;
use crate::scan::{Finding, Scan, SettledByVex, Suppressed, Suppression, UsedDocument, VexUse};

/// Products that are compared with components in all, of those with the same name. The kernel's findings with a document for
/// each need some two million.
const COMPARISONS: u64 = 20_000_000;

/// How many contradictions are told.
const CONFLICTS: usize = 1_000;

/// The documents that count, by vulnerability.
#[derive(Debug, Default)]
pub struct Statements {
    documents: Vec<Document>,
    by_id: HashMap<String, Vec<Place>>,
    /// For identifiers, or with none for all of them, the documents with refused statements and the latest times of these.
    withdrawn: HashMap<Option<String>, BTreeMap<usize, Option<Timestamp>>>,
    /// Documents that do not count, with those that replace them.
    superseded: BTreeMap<usize, usize>,
}

/// A statement's document and its place in it.
type Place = (usize, usize);

/// What was scanned.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The image or document.
    pub image: &'a ScannedImage,
    /// What is in it, for statements about a component inside of another one. Without it, none of those counts.
    pub inventory: Option<&'a Inventory>,
    /// What counts as now.
    pub now: Timestamp,
}

/// The statements about one vulnerability of a component.
struct Answer<'s> {
    /// The one that counts; none if the newest contradict each other.
    counts: Option<Said<'s>>,
    /// Contradictions in words.
    conflict: Option<String>,
}

#[derive(Clone, Copy)]
struct Said<'s> {
    document: usize,
    from: &'s Document,
    statement: &'s Statement,
}

/// What the statements say about a finding as a whole.
enum Verdict<'s> {
    Nothing,
    Clear(Said<'s>),
    Affected,
}

impl Statements {
    /// The statements of documents that the caller accepts.
    pub fn new(documents: Vec<Document>) -> Self {
        let mut by_id: HashMap<String, Vec<Place>> = HashMap::new();
        let mut withdrawn: HashMap<Option<String>, BTreeMap<usize, Option<Timestamp>>> = HashMap::new();
        let superseded = superseded(&documents);
        for (document, it) in documents.iter().enumerate() {
            if superseded.contains_key(&document) {
                continue;
            }
            for refused in &it.withdrawn {
                let mut withdraw = |id| {
                    let latest = withdrawn.entry(id).or_default().entry(document).or_default();
                    *latest = (*latest).max(refused.timestamp);
                };
                refused.vulnerabilities.iter().for_each(|id| withdraw(Some(id.trim().to_ascii_uppercase())));
                if refused.vulnerabilities.is_empty() {
                    withdraw(None);
                }
            }
            for (position, statement) in it.statements.iter().enumerate() {
                for id in &statement.vulnerabilities {
                    by_id.entry(id.trim().to_ascii_uppercase()).or_default().push((document, position));
                }
            }
        }
        Self { documents, by_id, withdrawn, superseded }
    }

    /// The same with further documents.
    #[must_use]
    pub fn with(&self, more: Vec<Document>) -> Self {
        Self::new(self.documents.iter().cloned().chain(more).collect())
    }

    /// Whether there are no documents.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Sets the findings of `scan` aside that statements say are none, and settles what advisories leave open.
    pub fn settle(&self, scan: &mut Scan, scene: &Scene<'_>) -> Result<(), Error> {
        self.settle_within(COMPARISONS, scan, scene)
    }

    pub(super) fn settle_within(&self, limit: u64, scan: &mut Scan, scene: &Scene<'_>) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let mut settling = Settling {
            statements: self,
            scene,
            belonging: None,
            products: HashMap::new(),
            limit,
            left: limit,
            conflicts: BTreeSet::new(),
            set_aside: vec![0; self.documents.len()],
        };
        for finding in std::mem::take(&mut scan.findings) {
            match settling.verdict(&finding)? {
                Verdict::Clear(said) => scan.suppressed.push(settling.aside(finding, said, false)),
                Verdict::Affected | Verdict::Nothing => scan.findings.push(finding),
            }
        }
        settling.undecided(scan)?;
        let reached = settling.set_aside;
        let documents = self.documents.iter().zip(reached).map(|(it, set_aside)| UsedDocument {
            document: it.source.clone(),
            format: it.format,
            author: it.author.clone(),
            statements: it.statements.len(),
            set_aside,
            refused: it.refused,
            reasons: it.reasons.clone(),
        });
        let replaced = self.superseded.iter().filter_map(|(old, new)| {
            let (old, new) = (self.documents.get(*old)?, self.documents.get(*new)?);
            Some(format!(
                "{} in {} counts no longer, since a newer one is {}",
                old.id, old.source, new.source
            ))
        });
        let conflicts = settling.conflicts.into_iter().chain(replaced).take(CONFLICTS).collect();
        scan.vex = VexUse { documents: documents.collect(), conflicts };
        scan.sort();
        Ok(())
    }
}

/// The products of a statement by the names of what is innermost in them: a statement may list every package of a distribution.
#[derive(Default)]
struct ByName<'s> {
    named: HashMap<&'s str, Vec<&'s Product>>,
    /// Those that may be about components of any name: the image, a module.
    others: Vec<&'s Product>,
}

struct Settling<'s, 'a> {
    statements: &'s Statements,
    scene: &'a Scene<'a>,
    /// Made when it is first needed.
    belonging: Option<Belonging<'a>>,
    /// The products of the statements that were looked at.
    products: HashMap<Place, ByName<'s>>,
    limit: u64,
    /// How many comparisons are left.
    left: u64,
    conflicts: BTreeSet<String>,
    /// For each document, how many findings its statements set aside.
    set_aside: Vec<usize>,
}

impl<'s, 'a> Settling<'s, 'a> {
    /// Settles what advisories leave open.
    fn undecided(&mut self, scan: &mut Scan) -> Result<(), Error> {
        if scan.undecided.is_empty() {
            return Ok(());
        }
        let key = |finding: &Finding| {
            (finding.component.to_string(), finding.locations.clone(), finding.id.clone())
        };
        let mut found: BTreeSet<_> = scan.findings.iter().map(key).collect();
        let mut aside: BTreeSet<_> =
            scan.suppressed.iter().map(|suppressed| key(&suppressed.finding)).collect();
        for undecided in std::mem::take(&mut scan.undecided) {
            let verdict = self.verdict(&undecided.finding)?;
            match verdict {
                Verdict::Nothing => scan.undecided.push(undecided),
                // Another advisory may have found the same. What was set aside for another reason is found all the same.
                Verdict::Affected => {
                    if found.insert(key(&undecided.finding)) {
                        scan.findings.push(undecided.finding);
                    }
                }
                Verdict::Clear(said) => {
                    let key = key(&undecided.finding);
                    if !found.contains(&key) && aside.insert(key) {
                        scan.suppressed.push(self.aside(undecided.finding, said, true));
                    }
                }
            }
        }
        scan.count_undecided();
        Ok(())
    }

    fn aside(&mut self, finding: Finding, said: Said<'s>, left_open: bool) -> Suppressed {
        if let Some(count) = self.set_aside.get_mut(said.document) {
            *count += 1;
        }
        let Said { from, statement, .. } = said;
        let reason = Suppression::Vex(Box::new(SettledByVex {
            status: statement.status,
            justification: statement.justification.clone(),
            statement: statement.impact.clone(),
            author: from.author.clone(),
            signer: from.signer.clone(),
            document: from.source.clone(),
            timestamp: statement.timestamp,
            left_open,
        }));
        Suppressed { finding, reason }
    }

    /// What the statements say about a finding: it is clear if every part of it is, and affected if one part is.
    fn verdict(&mut self, finding: &Finding) -> Result<Verdict<'s>, Error> {
        let parts = finding.parts();
        let mut answers = Vec::with_capacity(parts.len());
        for ids in &parts {
            answers.push(self.answer(ids, finding)?);
        }
        let place = format!("{} in {} {}", finding.id, finding.package, finding.version);
        for answer in &answers {
            if let Some(conflict) = &answer.conflict {
                self.conflicts.insert(format!("{place}: {conflict}"));
            }
        }
        let said = || answers.iter().filter_map(|answer| answer.counts);
        if said().any(|it| it.statement.status == VexStatus::Affected) {
            return Ok(Verdict::Affected);
        }
        let clear = said().filter(|it| it.statement.clears()).count();
        let Some(first) = said().find(|it| it.statement.clears()) else { return Ok(Verdict::Nothing) };
        if clear < parts.len() {
            let text =
                format!("{clear} of the {} vulnerabilities in it are settled, so it counts", parts.len());
            self.conflicts.insert(format!("{place}: {text}"));
            return Ok(Verdict::Nothing);
        }
        if finding.class == Class::Malicious {
            self.conflicts.insert(format!("{place}: a malicious package is never set aside"));
            return Ok(Verdict::Nothing);
        }
        Ok(Verdict::Clear(first))
    }

    /// What the statements say about the vulnerability with one of these identifiers.
    fn answer(&mut self, ids: &[&str], finding: &Finding) -> Result<Answer<'s>, Error> {
        let statements = self.statements;
        let named = ids.iter().filter_map(|id| statements.by_id.get(&id.to_ascii_uppercase()));
        let places: BTreeSet<Place> = named.flatten().copied().collect();
        let mut by_time: BTreeMap<Option<Timestamp>, Vec<Said<'s>>> = BTreeMap::new();
        for (document, position) in places {
            let Some(from) = statements.documents.get(document) else { continue };
            let Some(statement) = from.statements.get(position) else { continue };
            if !self.is_about((document, position), statement, finding)? {
                continue;
            }
            let said = Said { document, from, statement };
            let latest = self.scene.now.checked_add(clock::SKEW).unwrap_or(Timestamp::MAX);
            if statement.timestamp.is_some_and(|time| time > latest) {
                let conflict = format!("{} is from the future and does not count", words(said));
                let place = format!("{} in {} {}", finding.id, finding.package, finding.version);
                self.conflicts.insert(format!("{place}: {conflict}"));
                continue;
            }
            if statement.clears() && self.is_withdrawn(ids, said)? {
                let place = format!("{} in {} {}", finding.id, finding.package, finding.version);
                let conflict = format!("{} may be corrected by a statement that is refused", words(said));
                self.conflicts.insert(format!("{place}: {conflict}"));
                continue;
            }
            by_time.entry(statement.timestamp).or_default().push(said);
        }
        let Some((_, newest)) = by_time.pop_last() else {
            return Ok(Answer { counts: None, conflict: None });
        };
        let Some(first) = newest.first().copied() else { return Ok(Answer { counts: None, conflict: None }) };
        let differs = |other: &&Said<'_>| other.statement.clears() != first.statement.clears();
        if let Some(other) = newest.iter().find(differs) {
            let text = format!("{} and {} are of the same time, so none counts", words(first), words(*other));
            // What it says of an affected component counts all the same: it takes nothing away.
            let counts = newest.iter().find(|it| it.statement.status == VexStatus::Affected).copied();
            return Ok(Answer { counts, conflict: Some(text) });
        }
        // `affected` says more than `under_investigation`.
        let counts = newest.iter().find(|it| it.statement.status == VexStatus::Affected).copied();
        let counts = counts.unwrap_or(first);
        let older = by_time.values().rev().flatten().find(differs);
        let conflict = older.map(|it| format!("{} counts, not {}", words(counts), words(*it)));
        Ok(Answer { counts: Some(counts), conflict })
    }

    /// Whether a refused statement of the same signer may correct this one.
    fn is_withdrawn(&mut self, ids: &[&str], said: Said<'s>) -> Result<bool, Error> {
        let statements = self.statements;
        let keys = ids.iter().map(|id| Some(id.to_ascii_uppercase())).chain([None]);
        for (document, refused) in keys.filter_map(|key| statements.withdrawn.get(&key)).flatten() {
            self.left = self.left.checked_sub(1).ok_or(Error::Comparisons { limit: self.limit })?;
            let by_same =
                statements.documents.get(*document).is_some_and(|other| other.is_by_same(said.from));
            let time = said.statement.timestamp;
            // The others of the same document are as old, and count.
            let is_newer = *refused > time || *refused == time && *document != said.document;
            if by_same && is_newer {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether one of the products of a statement is the component of a finding.
    fn is_about(&mut self, place: Place, statement: &'s Statement, finding: &Finding) -> Result<bool, Error> {
        if !self.products.contains_key(&place) {
            let products = self.by_name(statement);
            self.products.insert(place, products);
        }
        let Some(products) = self.products.get(&place) else { return Ok(false) };
        let (own, source) = (finding.component.name(), finding.package.as_str());
        let names = std::iter::once(own).chain((own != source).then_some(source));
        let candidates = names.filter_map(|name| products.named.get(name)).flatten();
        let candidates: Vec<&'s Product> = candidates.chain(&products.others).copied().collect();
        for product in candidates {
            self.left = self.left.checked_sub(1).ok_or(Error::Comparisons { limit: self.limit })?;
            if self.names(product, finding, !statement.clears())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn by_name(&mut self, statement: &'s Statement) -> ByName<'s> {
        let mut products = ByName::default();
        for product in &statement.products {
            let Some(innermost) = product.0.last() else { continue };
            let is_module = |purl: &Purl| purl.package_type() == "rpmmod";
            if innermost.is_image(self.scene.image)
                || !statement.clears() && innermost.by_purl_alone().is_image(self.scene.image)
                || innermost.purls.iter().any(is_module)
                || self.may_contain(innermost)
            {
                products.others.push(product);
            } else {
                let mut names: Vec<&str> = innermost.purls.iter().map(Purl::name).collect();
                names.sort_unstable();
                names.dedup();
                for name in names {
                    products.named.entry(name).or_default().push(product);
                }
            }
        }
        products
    }

    /// Whether a component of this name contains or needs others.
    fn may_contain(&mut self, product: &super::Identity) -> bool {
        self.belonging().is_some_and(|belonging| belonging.may_contain(product))
    }

    /// Whether a product is the component of a finding, or, read widely, may be.
    fn names(&mut self, Product(parts): &Product, finding: &Finding, widely: bool) -> Result<bool, Error> {
        let Some((innermost, around)) = parts.split_last() else { return Ok(false) };
        let has_digest = widely && innermost.is_image(self.scene.image);
        let innermost = if widely { innermost.by_purl_alone() } else { Cow::Borrowed(&**innermost) };
        let innermost = innermost.as_ref();
        let source = (finding.package.as_str(), finding.version.as_str());
        let package = Package { purl: &finding.component, source };
        let (purl, locations) = (&finding.component, finding.locations.as_slice());
        let image = self.scene.image;
        let is_it = has_digest
            || innermost.is_package(package)
            // All that is in it.
            || innermost.is_image(image)
            || self.belongs(innermost, purl, locations)?;
        if !is_it {
            return Ok(false);
        }
        if widely {
            return Ok(!around.iter().any(|outer| outer.is_elsewhere(image)));
        }
        for outer in around {
            // A module of a distribution is told of the package itself.
            let is_around = outer.is_image(image)
                || outer.is_platform(image)
                || is_module(outer, package)
                || self.belongs(outer, purl, locations)?;
            if !is_around {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn belongs(
        &mut self,
        product: &super::Identity,
        purl: &Purl,
        locations: &[Location],
    ) -> Result<bool, Error> {
        match self.belonging() {
            Some(belonging) => belonging.belongs(product, purl, locations),
            None => Ok(false),
        }
    }

    fn belonging(&mut self) -> Option<&mut Belonging<'a>> {
        let inventory = self.scene.inventory.filter(|it| !it.relationships.is_empty())?;
        Some(self.belonging.get_or_insert_with(|| Belonging::new(inventory)))
    }
}

/// The documents of which there are newer ones, with the newest of these.
fn superseded(documents: &[Document]) -> BTreeMap<usize, usize> {
    let mut newest: HashMap<_, usize> = HashMap::new();
    for (position, document) in documents.iter().enumerate() {
        let known = newest.entry(document.series()).or_insert(position);
        if documents.get(*known).is_some_and(|known| known.is_superseded_by(document)) {
            *known = position;
        }
    }
    let replaced = |(position, document): (usize, &Document)| {
        let newest = *newest.get(&document.series())?;
        document.is_superseded_by(documents.get(newest)?).then_some((position, newest))
    };
    documents.iter().enumerate().filter_map(replaced).collect()
}

/// Whether an identity is the module that a package was built for.
fn is_module(identity: &super::Identity, package: Package<'_>) -> bool {
    identity.purls.iter().any(|purl| purl.package_type() == "rpmmod") && identity.is_package(package)
}

/// A statement, in a sentence.
fn words(said: Said<'_>) -> String {
    let Said { from, statement, .. } = said;
    let time = statement.timestamp.map(|time| format!(" of {time}")).unwrap_or_default();
    format!("`{}`{time} by {} in {}", statement.status.as_str(), from.author, from.source)
}

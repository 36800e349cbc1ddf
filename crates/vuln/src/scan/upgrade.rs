//! Upgrades: for each package with findings that have a fix, the nearest version without them.
//!
//! Each finding names its own fixes. The version that fixes all findings of a package is not always the latest of them:
//! a vulnerability that was fixed in 1.6 may be present again in 2.0. Therefore a version is only named after it was
//! looked up like the installed one. The result says which findings it fixes, and which vulnerabilities it still has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_core::{Cancel, Purl};
use plimsoll_sbom::{Component, Inventory};
use serde::Serialize;

use super::merge::{Of, Vulnerability};
use super::target::{Target, Targets};
use super::{Epochs, Finding, GapReason, Matches, ScanSettings, Subject, epoch, judge};
use crate::class::Class;
use crate::conditions::Traits;
use crate::database::{Advisories, Database};
use crate::error::Error;

/// The most steps to a newer version. Each step ends at a later version that an advisory names; real packages need one
/// or two.
const MOST_STEPS: usize = 16;

/// A newer version of a package, and its effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// The package as advisories name it: for Debian the source package.
    pub package: String,
    /// The version that was compared: for Debian that of the source package.
    pub version: String,
    /// The version that helps.
    pub to: String,
    /// The components of this package and version, sorted.
    pub components: Vec<Purl>,
    /// The identifiers of the findings that it fixes, sorted.
    pub fixes: Vec<String>,
    /// The identifiers of the vulnerabilities that it has, or may have, sorted.
    pub leaves: Vec<String>,
}

/// What an answer depends on: key, version, traits, whether epochs count, and the findings.
type Asked<'a> = (String, String, Traits<'a>, Epochs, Vec<String>);

/// The upgrades for `findings`, which are those of `inventory`, sorted by package.
pub fn upgrades(
    inventory: &Inventory,
    database: &Database,
    settings: &ScanSettings,
    findings: &[Finding],
    cancel: &Cancel,
) -> Result<Vec<Upgrade>, Error> {
    let mut asked: BTreeMap<(&Purl, &str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        asked.entry((&*finding.component, &finding.package, &finding.version)).or_default().push(finding);
    }
    // Malicious packages are removed, not upgraded.
    let is_fixable = |it: &&Finding| it.class != Class::Malicious && it.fix.nearest().is_some();
    asked.retain(|_, findings| findings.iter().any(is_fixable));
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let components = Components::of(inventory);
    let targets = Targets::new(inventory, database, settings);
    let epochs_are_named = inventory.components.iter().any(epoch::is_named);
    // One source package has many binaries.
    let mut known: HashMap<Asked<'_>, Option<Upgrade>> = HashMap::new();
    for ((purl, package, version), findings) in asked {
        cancel.check()?;
        let Some(component) = components.find(purl) else { continue };
        let Target::Covered { advisories, release, .. } = targets.target(component) else { continue };
        let subject = Subject {
            epochs: if !epochs_are_named && epoch::is_unknown(component) {
                Epochs::Ignored
            } else {
                Epochs::Counted
            },
            ..Subject::new(component, release.as_deref(), (package, version), advisories)
        };
        let fixable: Vec<&Finding> = findings.into_iter().filter(is_fixable).collect();
        let ids: Vec<String> = fixable.iter().map(|finding| finding.id.clone()).collect();
        let memo = (subject.key.clone(), version.to_owned(), subject.traits, subject.epochs, ids);
        if let Some(upgrade) = known.get_mut(&memo) {
            if let Some(upgrade) = upgrade {
                upgrade.components.push(purl.clone());
            }
            continue;
        }
        let upgrade = upgrade(advisories, &subject, component, &fixable)?;
        known.insert(memo, upgrade);
    }
    let mut upgrades: Vec<Upgrade> = known.into_values().flatten().collect();
    for upgrade in &mut upgrades {
        upgrade.components.dedup();
    }
    upgrades.sort_by(|a, b| {
        (&a.package, &a.version, &a.components).cmp(&(&b.package, &b.version, &b.components))
    });
    Ok(upgrades)
}

/// The components of an inventory by their package URLs. Most inventories are sorted by them already, and few of their
/// components have findings.
enum Components<'a> {
    Sorted(&'a [Component]),
    Unsorted(HashMap<&'a Purl, &'a Component>),
}

impl<'a> Components<'a> {
    fn of(inventory: &'a Inventory) -> Self {
        let all = &inventory.components;
        if all.is_sorted_by(|a, b| a.purl <= b.purl) {
            Self::Sorted(all)
        } else {
            Self::Unsorted(all.iter().map(|component| (&component.purl, component)).collect())
        }
    }

    fn find(&self, purl: &Purl) -> Option<&'a Component> {
        match self {
            Self::Sorted(all) => {
                let at = all.binary_search_by(|component| component.purl.cmp(purl)).ok()?;
                all.get(at)
            }
            Self::Unsorted(all) => all.get(purl).copied(),
        }
    }
}

/// The upgrade of one package. `None` if no version that an advisory names fixes anything.
fn upgrade(
    advisories: &Advisories,
    subject: &Subject<'_>,
    component: &Component,
    fixable: &[&Finding],
) -> Result<Option<Upgrade>, Error> {
    let order = advisories.order();
    let later = |a: &str, b: &str| order.compare(a, b).is_ok_and(std::cmp::Ordering::is_gt);
    let latest = |mut versions: Box<dyn Iterator<Item = &str> + '_>| -> Option<String> {
        let first = versions.next()?;
        Some(versions.fold(first, |best, it| if later(it, best) { it } else { best }).to_owned())
    };
    let nearest = fixable.iter().filter_map(|finding| finding.fix.nearest());
    let Some(mut to) = latest(Box::new(nearest)) else { return Ok(None) };
    let mut judged = at(advisories, subject, &to)?;
    for _ in 0..MOST_STEPS {
        let open = judged.found.iter().filter_map(Vulnerability::nearest_fix);
        match latest(Box::new(open)) {
            Some(next) if later(&next, &to) => to = next,
            _ => break,
        }
        judged = at(advisories, subject, &to)?;
    }
    let (package, version) = (subject.package, subject.version);
    // A vulnerability may get another main identifier if some of the advisories no longer apply.
    let mut known_as: BTreeSet<String> = BTreeSet::new();
    let mut leaves: BTreeSet<String> = BTreeSet::new();
    for doubt in &judged.doubts {
        match doubt {
            GapReason::UndecidedRange { advisories, .. } => leaves.extend(advisories.iter().cloned()),
            // Nothing is known about a version that cannot be compared.
            _ => return Ok(None),
        }
    }
    known_as.extend(leaves.iter().cloned());
    let of = Of::new(component);
    for vulnerability in judged.found {
        let left = vulnerability.finding(&of, package, &to);
        if matches!(left.class, Class::Informational(_)) {
            continue;
        }
        known_as.extend(left.aliases.iter().cloned().chain([left.id.clone()]));
        leaves.insert(left.id);
    }
    let is_left = |finding: &Finding| {
        std::iter::once(&finding.id).chain(&finding.aliases).any(|id| known_as.contains(id))
    };
    let helped = fixable.iter().filter(|finding| !is_left(finding)).map(|finding| finding.id.clone());
    let fixes: BTreeSet<String> = helped.collect();
    Ok((!fixes.is_empty()).then(|| Upgrade {
        package: package.to_owned(),
        version: version.to_owned(),
        to,
        components: vec![component.purl.clone()],
        fixes: fixes.into_iter().collect(),
        leaves: leaves.into_iter().collect(),
    }))
}

/// The advisories' answer about another version of the package.
fn at(advisories: &Advisories, subject: &Subject<'_>, version: &str) -> Result<Matches, Error> {
    let Subject { key, package, traits, epochs, .. } = subject;
    judge(advisories, &Subject { key: key.clone(), package, version, traits: *traits, epochs: *epochs })
}

#[cfg(test)]
mod tests;

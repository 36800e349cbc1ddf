//! What to do about the findings of one image: packages to remove, packages to upgrade and to which version, and packages for
//! which nothing can be done yet. Within each, the greatest risk comes first.
//!
//! A package with findings that an upgrade fixes, and others that it does not, is in two steps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_sbom::{BaseImage, Location};
use plimsoll_vuln::{Class, Finding, Fix, Risk, Upgrade};

use super::words;
use crate::render::finding::{Place, places};
use crate::report::scan::Scanned;

/// What to do, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action<'a> {
    /// The package does harm.
    Remove,
    /// To this version. It is followed by what the version leaves.
    Upgrade(&'a str),
    /// There is a fix, but no version is known to have it without having the vulnerability.
    Fix(&'a [String]),
    /// Nothing fixes it; in the words for it.
    Wait(&'static str),
}

impl Action<'_> {
    /// The order of the sections.
    fn section(&self) -> u8 {
        match self {
            Self::Remove => 0,
            Self::Upgrade(_) | Self::Fix(_) => 1,
            Self::Wait(_) => 2,
        }
    }
}

/// One thing to do.
pub(super) struct Step<'a> {
    pub(super) action: Action<'a>,
    /// The package and version that advisories are about.
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    /// The names of the installed packages, where they differ from it.
    pub(super) installed: Vec<&'a str>,
    /// One finding for each vulnerability, the greatest risk first.
    pub(super) findings: Vec<&'a Finding>,
    /// How many findings there are: one for each component.
    pub(super) number: usize,
    /// The identifiers of what the upgrade leaves.
    pub(super) leaves: &'a [String],
    /// Where the package is, and how often.
    pub(super) places: Vec<Place<'a>>,
    risk: Option<Risk>,
}

impl Step<'_> {
    /// Whether all places came with the base image, or none; unknown without one.
    pub(super) fn is_of_base(&self, base: Option<&BaseImage>) -> Option<bool> {
        let layers = base?.layers?;
        let of_base = |place: Option<&Location>| Some(place?.layer? < layers);
        let all: Option<BTreeSet<bool>> = self.places.iter().map(|(place, _)| of_base(*place)).collect();
        let all = all?;
        if all.len() == 1 { all.first().copied() } else { None }
    }
}

/// What is one step: action, package, version, and the identifiers of its vulnerabilities.
type Key<'a> = (Action<'a>, &'a str, &'a str, Vec<String>);

/// The steps for one image.
pub(super) fn steps(scanned: &Scanned) -> Vec<Step<'_>> {
    let mut upgrades: BTreeMap<(String, &str, &str), &Upgrade> = BTreeMap::new();
    for upgrade in &scanned.upgrades {
        for component in &upgrade.components {
            upgrades.insert((component.to_string(), &upgrade.package, &upgrade.version), upgrade);
        }
    }
    // By component first: components of one package with the same vulnerabilities are one step.
    let mut components: BTreeMap<(String, Action<'_>, &str, &str), Vec<&Finding>> = BTreeMap::new();
    let mut left: BTreeMap<(Action<'_>, &str, &str), &[String]> = BTreeMap::new();
    for finding in &scanned.scan.findings {
        let purl = finding.component.to_string();
        let (package, version) = (finding.package.as_str(), finding.version.as_str());
        let upgrade = upgrades.get(&(purl.clone(), package, version));
        let action = action(finding, upgrade.copied());
        if let Some(upgrade) = upgrade {
            left.insert((action, package, version), &upgrade.leaves);
        }
        components.entry((purl, action, package, version)).or_default().push(finding);
    }
    let mut steps: BTreeMap<Key<'_>, Vec<&Finding>> = BTreeMap::new();
    for ((_, action, package, version), findings) in components {
        let ids: BTreeSet<String> = findings.iter().map(|finding| finding.id.clone()).collect();
        let key = (action, package, version, ids.into_iter().collect());
        steps.entry(key).or_default().extend(findings);
    }
    let mut steps: Vec<Step<'_>> = steps
        .into_iter()
        .map(|((action, package, version, _), findings)| {
            let is_upgrade = matches!(action, Action::Upgrade(_));
            let leaves = left.get(&(action, package, version)).filter(|_| is_upgrade).copied();
            step(action, package, version, leaves.unwrap_or_default(), findings)
        })
        .collect();
    steps.sort_by_cached_key(|step| {
        (
            step.action.section(),
            Reverse(step.risk),
            Reverse(step.findings.len()),
            step.package.to_owned(),
            step.version.to_owned(),
        )
    });
    steps
}

fn action<'a>(finding: &'a Finding, upgrade: Option<&'a Upgrade>) -> Action<'a> {
    match (&finding.fix, upgrade) {
        _ if finding.class == Class::Malicious => Action::Remove,
        (Fix::Fixed(_), Some(upgrade)) if upgrade.fixes.contains(&finding.id) => Action::Upgrade(&upgrade.to),
        (Fix::Fixed(versions), _) => Action::Fix(versions),
        (Fix::NotFixed, _) => Action::Wait("no fix yet"),
        (Fix::WontFix, _) => Action::Wait("will not be fixed"),
        (Fix::Unknown, _) => Action::Wait("no fix is known"),
    }
}

fn step<'a>(
    action: Action<'a>,
    package: &'a str,
    version: &'a str,
    leaves: &'a [String],
    mut findings: Vec<&'a Finding>,
) -> Step<'a> {
    // Advisories of a distribution name the source package.
    let of_distribution = findings.iter().any(|finding| finding.component.package_type() == "deb");
    let mut installed: Vec<&str> = findings.iter().map(|finding| finding.component.name()).collect();
    installed.sort_unstable();
    installed.dedup();
    installed.retain(|name| of_distribution && !name.eq_ignore_ascii_case(package));
    let places = places(&findings);
    let number = findings.len();
    findings.sort_by(|a, b| b.risk().cmp(&a.risk()).then_with(|| a.id.cmp(&b.id)));
    findings.dedup_by(|a, b| a.id == b.id && words::severity(a) == words::severity(b));
    let risk = findings.first().map(|finding| finding.risk());
    Step { action, package, version, installed, findings, number, leaves, places, risk }
}

/// How many findings the upgrades fix, and how many upgrades that are.
pub(super) fn effect(steps: &[Step<'_>]) -> (usize, usize) {
    let upgrades = steps.iter().filter(|step| matches!(step.action, Action::Upgrade(_)));
    upgrades.fold((0, 0), |(findings, number), step| (findings + step.number, number + 1))
}

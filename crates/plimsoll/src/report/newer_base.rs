//! Whether a newer base image still has what the base of a scanned image brought.
//!
//! A finding is of the base if every place of its package is in the base's layers. The newer base was scanned with the same
//! database, and a finding is the same as one of it by the rules of [a baseline](super::baseline): both share an identifier and are
//! about the same package, whatever its version. What the newer base does not have counts as fixed only if it was looked for there: not
//! where there is a gap, and not if a document lacks the package and does not say that it lists all of them.

use std::collections::{HashMap, HashSet};

use plimsoll_core::quantity::count;
use plimsoll_core::{Digest, Purl};
use plimsoll_sbom::BaseImage;
use plimsoll_vuln::{Finding, Scan};
use serde::Serialize;

use super::baseline::{hides, keys, package};

/// What building on the newer base does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewerBase {
    /// The newer base, as the user named it.
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Digest>,
    boundary: Boundary,
    /// Every finding of the base, in the order of the findings.
    findings: Vec<OfBase>,
    #[serde(skip)]
    fates: HashMap<(String, String), Fate>,
}

/// The newer base.
pub(crate) struct Newer<'a> {
    /// As the user named it.
    pub(crate) subject: &'a str,
    pub(crate) manifest: Option<Digest>,
    pub(crate) scan: &'a Scan,
    /// Its packages, without versions.
    pub(crate) packages: &'a HashSet<String>,
    /// Whether there are no others: a document may leave some out.
    pub(crate) is_whole: bool,
}

/// How well it is known where the base ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Boundary {
    Known,
    Guessed,
    Unknown,
}

/// A finding that the base brought.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfBase {
    id: String,
    component: Purl,
    newer_base: Fate,
}

/// What a finding is in the newer base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// It was looked for, and is not there.
    Fixed,
    Affected,
    /// It is not there, and was not looked for or set aside.
    Unclear,
}

impl NewerBase {
    /// Compares what `base` brought with the newer base.
    pub(crate) fn new(findings: &[Finding], base: Option<&BaseImage>, newer: &Newer<'_>) -> Self {
        let Newer { subject, manifest, scan: newer, packages, is_whole } = newer;
        let end = base.and_then(|base| Some((base.layers?, base.boundary?.is_certain())));
        let boundary = match end {
            None => Boundary::Unknown,
            Some((_, true)) => Boundary::Known,
            Some((_, false)) => Boundary::Guessed,
        };
        let known: HashSet<(String, String)> = newer.findings.iter().flat_map(keys).collect();
        let aside = newer.suppressed.iter().map(|it| &it.finding).chain(&newer.informational);
        let aside: HashSet<(String, String)> = aside.flat_map(keys).collect();
        let is_in = |set: &HashSet<_>, finding: &Finding| keys(finding).any(|key| set.contains(&key));
        let mut compared = Self {
            subject: (*subject).to_owned(),
            manifest: *manifest,
            boundary,
            findings: Vec::new(),
            fates: HashMap::new(),
        };
        for finding in findings.iter().filter(|finding| is_of_base(finding, end.map(|(layers, _)| layers))) {
            let was_looked_for = (*is_whole || packages.contains(&package(&finding.component)))
                && !newer.gaps.iter().any(|gap| hides(gap, &finding.package, &finding.component));
            let fate = if is_in(&known, finding) {
                Fate::Affected
            } else if was_looked_for && !is_in(&aside, finding) {
                Fate::Fixed
            } else {
                Fate::Unclear
            };
            compared.fates.insert((finding.id.clone(), finding.component.to_string()), fate);
            let (id, component) = (finding.id.clone(), (*finding.component).clone());
            compared.findings.push(OfBase { id, component, newer_base: fate });
        }
        compared
    }

    /// What one of the base's findings is in the newer base.
    pub(crate) fn fate(&self, finding: &Finding) -> Option<Fate> {
        self.fates.get(&(finding.id.clone(), finding.component.to_string())).copied()
    }

    /// The effect in one line: `rebuild on debian:12.9: fixes 12 of 15 findings of the base image`.
    pub(crate) fn words(&self) -> String {
        let all = self.findings.len();
        let number = |fate| self.findings.iter().filter(|it| it.newer_base == fate).count();
        let (subject, fixed, unclear) = (&self.subject, number(Fate::Fixed), number(Fate::Unclear));
        let guessed =
            if self.boundary == Boundary::Guessed { ", as far as its end can be guessed" } else { "" };
        let mut words = match (self.boundary, all) {
            (Boundary::Unknown, _) => {
                return format!(
                    "whether {subject} fixes anything is unknown: the image does not say where its base ends"
                );
            }
            (_, 0) => format!("rebuild on {subject}: the base image has no findings{guessed}"),
            _ => format!(
                "rebuild on {subject}: fixes {fixed} of {} of the base image{guessed}",
                count(all, "finding")
            ),
        };
        if unclear > 0 {
            words.extend(["; ", &unclear.to_string(), " could not be looked for there"]);
        }
        words
    }

    /// What it does for these findings, which are of one package: `fixes all of it`; `None` if they are not of the base.
    pub(crate) fn about<'f>(&self, findings: impl Iterator<Item = &'f Finding>) -> Option<String> {
        let fates: Option<Vec<Fate>> = findings.map(|finding| self.fate(finding)).collect();
        let fates = fates.filter(|fates| !fates.is_empty())?;
        let number = |fate| fates.iter().filter(|it| **it == fate).count();
        let (all, fixed, affected) = (fates.len(), number(Fate::Fixed), number(Fate::Affected));
        Some(match (all, fixed, affected) {
            (1, 1, _) => "fixes it".to_owned(),
            (all, fixed, _) if fixed == all => "fixes all of them".to_owned(),
            (1, _, 1) => "has it, too".to_owned(),
            (all, _, affected) if affected == all => "has all of them, too".to_owned(),
            (all, 0, 0) => format!("may have {}", if all == 1 { "it" } else { "all of them" }),
            (all, fixed, _) => format!("fixes {fixed} of {all}"),
        })
    }
}

/// Whether every place of its package is in the layers of the base.
fn is_of_base(finding: &Finding, layers: Option<usize>) -> bool {
    let Some(layers) = layers else { return false };
    let mut places = finding.locations.iter().map(|location| location.layer);
    !finding.locations.is_empty() && places.all(|layer| layer.is_some_and(|layer| layer < layers))
}

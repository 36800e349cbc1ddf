//! What changed since an earlier result of `scan -o json`: what is new, what is worse, what is no longer found.
//!
//! A finding is the same as an earlier one if both share an identifier and are about the same package, whatever its version
//! and place: an upgrade that does not help changes neither, and a rebuilt image has other paths. What is no longer found
//! counts as fixed only if it was looked for: not where the new result has a gap, and not what it set aside.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_core::{Digest, Ecosystem, Kind, Purl, Timestamp, json, text::shown};
use plimsoll_vuln::{Class, Finding, Gap, GapReason, Scan, Severity, Share, Threshold, Weight};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The version of results that can be compared.
const SCAN_V1: &str = "plimsoll.dev/scan/v1";

/// So many findings that are no longer there are shown to people.
pub(crate) const MOST_SHOWN: usize = 20;

/// The probability of exploitation from which a finding that was below it is worse.
const CONCERNING: Share = Share(10_000);

/// An earlier result.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Baseline {
    scanned_at: Timestamp,
    results: Vec<EarlierResult>,
    #[serde(default)]
    errors: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EarlierResult {
    subject: String,
    manifest: Option<Digest>,
    platform: Option<String>,
    findings: Vec<Earlier>,
    #[serde(default)]
    gaps: Vec<serde::de::IgnoredAny>,
}

/// A finding of an earlier result.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Earlier {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    component: Purl,
    package: String,
    version: String,
    severity: String,
    #[serde(default, skip_serializing)]
    class: Kinded,
    #[serde(default, skip_serializing)]
    kev: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    epss: Option<Scored>,
    #[serde(default, skip_serializing)]
    fix: Fixability,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Fixability {
    state: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Kinded {
    kind: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Scored {
    score: f64,
}

/// What changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changes {
    /// When the earlier result was made.
    scanned_at: Timestamp,
    /// What the earlier result was about; none if it has nothing about this subject.
    subject: Option<String>,
    manifest: Option<Digest>,
    /// Why the comparison may mislead.
    notes: Vec<String>,
    /// The number of findings that are new or worse, by severity.
    regressions: BTreeMap<&'static str, usize>,
    /// Findings that the earlier result does not have.
    new: Vec<Changed>,
    /// Findings that it has as well, and that are worse now.
    worse: Vec<Changed>,
    /// Its findings that are no longer there.
    pub(crate) fixed: Vec<Earlier>,
    /// Its findings that are no longer there, and were not looked for or are set aside.
    unclear: Vec<Earlier>,
    /// The number of findings that did not change.
    unchanged: usize,
    /// The state of each finding of the scan, in its order.
    #[serde(skip)]
    states: Vec<State>,
    /// What each of them weighed in the earlier result, if it was there.
    #[serde(skip)]
    earlier: Vec<Option<Weight>>,
}

/// A finding that changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    id: String,
    component: Purl,
    severity: &'static str,
    /// In which way it is worse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because: Vec<String>,
}

/// What a finding is to an earlier result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    New,
    Worse,
    Unchanged,
}

impl Earlier {
    /// What thresholds ask of it.
    fn weight(&self) -> Weight {
        let severity = Severity::ALL.into_iter().find(|severity| severity.name() == self.severity);
        Weight {
            malicious: self.class.kind == "malicious",
            severity: severity.unwrap_or_default(),
            exploited: self.kev.is_some(),
            likelihood: self.epss.as_ref().and_then(|epss| epss.score.to_string().parse().ok()),
            fixable: self.fix.state == "fixed",
        }
    }
}

impl Baseline {
    /// Reads a result.
    pub(crate) fn parse(bytes: &[u8], limit: u64, name: &str) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Versioned {
            schema_version: Option<String>,
        }
        let refuse = |what: String| {
            Failure::new(Kind::Usage, format!("{}: {what}", shown(name)))
                .with_hint("a baseline is what `plimsoll scan SUBJECT -o json --output-file FILE` wrote")
        };
        let versioned: Versioned =
            json::from_slice(bytes, limit).map_err(|error| refuse(error.to_string()))?;
        match versioned.schema_version.as_deref() {
            Some(SCAN_V1) => {}
            Some(other) => {
                return Err(refuse(format!("got schemaVersion `{}`, expected `{SCAN_V1}`", shown(other))));
            }
            None => return Err(refuse(format!("there is no schemaVersion, expected `{SCAN_V1}`"))),
        }
        json::from_slice(bytes, limit).map_err(|error| refuse(error.to_string()))
    }

    /// What changed in `scan`, which is about `subject`.
    pub(crate) fn compare(&self, subject: &str, platform: Option<&str>, scan: &Scan) -> Changes {
        let (earlier, mut notes) = self.about(subject, platform);
        if let Some(earlier) = earlier
            && !earlier.gaps.is_empty()
        {
            notes.push(format!(
                "the baseline has {}: what it did not cover counts as new",
                plimsoll_core::quantity::count(earlier.gaps.len(), "gap")
            ));
        }
        if !self.errors.is_empty() {
            notes.push("the baseline has subjects that could not be scanned".to_owned());
        }
        let old = earlier.map_or(&[][..], |earlier| &earlier.findings);
        let mut by_name: HashMap<(String, &str), usize> = HashMap::new();
        for (index, finding) in old.iter().enumerate() {
            for id in std::iter::once(&finding.id).chain(&finding.aliases) {
                by_name.entry((package(&finding.component), id)).or_insert(index);
            }
        }
        let find = |finding: &Finding| {
            let key = package(&finding.component);
            let mut ids = std::iter::once(&finding.id).chain(&finding.aliases);
            ids.find_map(|id| by_name.get(&(key.clone(), id.as_str())).copied())
        };
        let mut changes = Changes {
            scanned_at: self.scanned_at,
            subject: earlier.map(|earlier| earlier.subject.clone()),
            manifest: earlier.and_then(|earlier| earlier.manifest),
            notes,
            regressions: BTreeMap::new(),
            new: Vec::new(),
            worse: Vec::new(),
            fixed: Vec::new(),
            unclear: Vec::new(),
            unchanged: 0,
            states: Vec::new(),
            earlier: Vec::new(),
        };
        let mut known: HashSet<(String, String)> = HashSet::new();
        for finding in &scan.findings {
            let found = find(finding).and_then(|index| old.get(index));
            let because = found.map(|old| worse(old, finding));
            let state = match &because {
                None => State::New,
                Some(because) if because.is_empty() => State::Unchanged,
                Some(_) => State::Worse,
            };
            changes.states.push(state);
            changes.earlier.push(found.map(Earlier::weight));
            known.extend(keys(finding));
            if state == State::Unchanged {
                changes.unchanged += 1;
                continue;
            }
            *changes.regressions.entry(severity(finding)).or_default() += 1;
            let told = Changed {
                id: finding.id.clone(),
                component: (*finding.component).clone(),
                severity: severity(finding),
                because: because.unwrap_or_default(),
            };
            if state == State::New { changes.new.push(told) } else { changes.worse.push(told) }
        }
        let aside = scan.suppressed.iter().map(|suppressed| &suppressed.finding).chain(&scan.informational);
        let aside: HashSet<(String, String)> = aside.flat_map(keys).collect();
        for finding in old {
            let ids = || std::iter::once(&finding.id).chain(&finding.aliases);
            let is_in = |set: &HashSet<(String, String)>| {
                ids().any(|id| set.contains(&(package(&finding.component), id.clone())))
            };
            if is_in(&known) {
                continue;
            }
            let was_looked_for =
                !scan.gaps.iter().any(|gap| hides(gap, &finding.package, &finding.component));
            if was_looked_for && !is_in(&aside) {
                changes.fixed.push(finding.clone());
            } else {
                changes.unclear.push(finding.clone());
            }
        }
        changes
    }

    /// The earlier result about a subject, and what is odd about it.
    fn about(&self, subject: &str, platform: Option<&str>) -> (Option<&EarlierResult>, Vec<String>) {
        let of_platform = |it: &&EarlierResult| {
            it.platform.as_deref() == platform || it.platform.is_none() || platform.is_none()
        };
        let mut candidates = self.results.iter().filter(of_platform);
        let same = candidates.clone().find(|it| it.subject == subject);
        let same =
            same.or_else(|| candidates.clone().find(|it| repository(&it.subject) == repository(subject)));
        if same.is_some() {
            return (same, Vec::new());
        }
        match (candidates.next(), candidates.next()) {
            (Some(only), None) if self.results.len() == 1 => {
                let what = format!("the baseline is about another subject, {}", shown(&only.subject));
                (Some(only), vec![what])
            }
            _ => (
                None,
                vec!["the baseline has nothing about this subject: everything counts as new".to_owned()],
            ),
        }
    }
}

impl Changes {
    /// What the finding at this place is to the earlier result.
    pub(crate) fn state(&self, index: usize) -> State {
        self.states.get(index).copied().unwrap_or(State::New)
    }

    /// Whether the finding at this place counts for a threshold that it meets: it is new or worse, or it did not meet it before.
    pub(crate) fn counts(&self, index: usize, threshold: &Threshold) -> bool {
        let met_before = self.earlier.get(index).copied().flatten().is_some_and(|it| threshold.is_met_by(it));
        self.state(index) != State::Unchanged || !met_before
    }

    /// Why the comparison may mislead.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The comparison in a few lines.
    pub(crate) fn words(&self) -> Vec<String> {
        let of_each: Vec<String> = ["malicious", "critical", "high", "unrated", "medium", "low", "none"]
            .into_iter()
            .filter_map(|name| Some(format!("{} {name}", self.regressions.get(name)?)))
            .collect();
        let of_each = if of_each.is_empty() { String::new() } else { format!(" ({})", of_each.join(", ")) };
        let mut unclear = String::new();
        if !self.unclear.is_empty() {
            unclear = format!(", {} no longer found but not looked for, or set aside", self.unclear.len());
        }
        let mut lines = vec![format!(
            "{} new, {} worse{of_each}, {} fixed{unclear}, {} as before, since {}",
            self.new.len(),
            self.worse.len(),
            self.fixed.len(),
            self.unchanged,
            self.scanned_at
        )];
        for changed in &self.worse {
            lines.push(format!(
                "worse: {} in {}: {}",
                changed.id,
                changed.component,
                changed.because.join("; ")
            ));
        }
        lines.extend(self.notes.iter().cloned());
        lines
    }
}

impl Earlier {
    /// `CVE-2024-1 (critical) in zlib 1.0`.
    pub(crate) fn words(&self) -> String {
        format!("{} ({}) in {} {}", self.id, self.severity, self.package, self.version)
    }
}

/// A package without version, place and qualifiers.
pub(crate) fn package(purl: &Purl) -> String {
    format!("{}/{}/{}", purl.package_type(), purl.namespace().unwrap_or_default(), purl.name())
}

/// By what a finding is known elsewhere: its package and each of its identifiers.
pub(super) fn keys(finding: &Finding) -> impl Iterator<Item = (String, String)> + '_ {
    let ids = std::iter::once(&finding.id).chain(&finding.aliases);
    ids.map(|id| (package(&finding.component), id.clone()))
}

/// The repository of a reference, without tag and digest; a path or another name as it is.
fn repository(subject: &str) -> &str {
    let name = subject.split_once('@').map_or(subject, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

fn severity(finding: &Finding) -> &'static str {
    if finding.class == Class::Malicious { "malicious" } else { finding.severity.name() }
}

/// In which ways a finding is worse than it was.
fn worse(old: &Earlier, new: &Finding) -> Vec<String> {
    let mut because = Vec::new();
    let (before, now) = (old.weight(), Weight::from(new));
    if now.malicious && !before.malicious {
        because.push("it was published to do harm".to_owned());
    }
    // As in thresholds: that nobody rated it does not make it harmless.
    let counted = |severity: Severity| if severity == Severity::Unrated { Severity::High } else { severity };
    if counted(now.severity) > counted(before.severity) {
        because.push(format!("it was {}, and is {}", before.severity.name(), now.severity.name()));
    }
    if now.exploited && !before.exploited {
        because.push("it is now known to be exploited".to_owned());
    }
    if let Some(share) = now.likelihood.filter(|share| *share >= CONCERNING)
        && before.likelihood.is_none_or(|share| share < CONCERNING)
    {
        because.push(format!("EPSS is now {:.0} %", share.as_f64() * 100.0));
    }
    because
}

/// Whether a gap may hide a finding about this package and component.
pub(super) fn hides(gap: &Gap, about: &str, purl: &Purl) -> bool {
    // What is open about one package says nothing about the others.
    if let GapReason::InvalidVersion { package, .. } | GapReason::UndecidedRange { package, .. } = &gap.reason
    {
        return *package == about;
    }
    let names = [Some(Ecosystem::of_purl(purl).name()), Some(purl.package_type()), purl.namespace()];
    gap.ecosystem == "inventory"
        || names.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(&gap.ecosystem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_no_tag_and_no_digest() {
        for (subject, expected) in [
            ("r.example:5000/a/b:1.0", "r.example:5000/a/b"),
            ("r.example:5000/a/b", "r.example:5000/a/b"),
            ("r.example/a@sha256:00", "r.example/a"),
            ("./app.tar", "./app.tar"),
        ] {
            assert_eq!(repository(subject), expected);
        }
    }

    #[test]
    fn a_gap_about_one_package_hides_no_other() {
        let earlier: Earlier = serde_json::from_value(serde_json::json!({
            "id": "CVE-2024-1", "component": "pkg:pypi/pymysql@1.0", "package": "pymysql", "version": "1.0", "severity": "low",
        }))
        .unwrap();
        let undecided = |package: &str| GapReason::UndecidedRange {
            package: package.to_owned(),
            version: "1.0".to_owned(),
            advisories: Vec::new(),
        };
        for (ecosystem, reason, expected) in [
            ("PyPI", undecided("pymysql"), true),
            ("PyPI", undecided("keras"), false),
            ("PyPI", GapReason::NoFeed, true),
            ("npm", GapReason::NoFeed, false),
            ("inventory", GapReason::InventoryBroken, true),
        ] {
            let gap = Gap { ecosystem: ecosystem.to_owned(), components: 1, reason };
            assert_eq!(hides(&gap, &earlier.package, &earlier.component), expected, "{gap:?}");
        }
    }

    #[test]
    fn what_is_no_result_is_refused_with_a_reason() {
        let refusal =
            |text: &str| Baseline::parse(text.as_bytes(), 1 << 20, "b.json").unwrap_err().to_string();
        assert!(refusal("{}").contains("no schemaVersion"), "{}", refusal("{}"));
        let versioned = |version: &str| format!(r#"{{"schemaVersion":"{version}"}}"#);
        assert!(refusal(&versioned(&SCAN_V1.replace("v1", "v2"))).contains("scan/v2"));
        assert!(refusal(&versioned(SCAN_V1)).contains("missing field"));
        assert!(refusal("[").contains("b.json"));
        assert!(refusal(r#"{"schemaVersion":"a","schemaVersion":"a"}"#).contains("twice"));
    }
}

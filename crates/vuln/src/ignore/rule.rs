//! A rule, whatever its form: which findings it is about, why, and until when.

use globset::{GlobBuilder, GlobMatcher};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::text::shown;
use plimsoll_core::{Ecosystem, Purl, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::class::Class;
use crate::scan::{Finding, Fix, IgnoreUse, IgnoredBy, Scan, Suppressed, Suppression};
use crate::vex::Package;

/// How many refused rules are told with their reasons; the rest is counted.
const TOLD: usize = 100;

/// The rules of one file.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    /// The file.
    pub source: String,
    /// Its form.
    pub format: &'static str,
    /// The rules that can be applied.
    pub rules: Vec<Rule>,
    /// How many cannot.
    pub refused: usize,
    /// Which and why, of the first of them.
    pub reasons: Vec<String>,
}

/// A rule. All its conditions have to hold.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Where it is in its file: `line 3`, `rule 2`.
    pub place: String,
    /// Identifiers of vulnerabilities; of any, if there are none.
    pub ids: Vec<String>,
    pub(super) package: Option<Packages>,
    /// Every place of the component has to match one of them; any place, if there are none.
    pub(super) paths: Vec<GlobMatcher>,
    /// The state of the fix.
    pub(super) fix: Option<FixState>,
    /// Why.
    pub reason: String,
    /// It counts before this instant.
    pub until: Option<Timestamp>,
}

/// Which packages.
#[derive(Debug, Clone)]
pub(super) enum Packages {
    /// By package URL; without a version, all versions.
    Purls(Vec<Purl>),
    /// By name as the ecosystem writes it, version, and type of the package URL.
    Named { name: String, version: Option<String>, types: Option<Vec<&'static str>> },
}

/// The states of a fix, as they are distinguished by rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FixState {
    Fixed,
    NotFixed,
    WontFix,
    Unknown,
}

impl RuleFile {
    pub(super) fn new(format: &'static str, source: &str) -> Self {
        Self { source: source.to_owned(), format, ..Self::default() }
    }

    /// Adds a rule, or the reason why it cannot be applied.
    pub(super) fn add(&mut self, place: String, rule: Result<Rule, String>) {
        match rule {
            Ok(rule) => self.rules.push(Rule { place, ..rule }),
            Err(reason) => {
                self.refused += 1;
                if self.reasons.len() < TOLD {
                    self.reasons.push(format!("{place}: {reason}"));
                }
            }
        }
    }
}

impl Rule {
    /// Whether it is about a vulnerability wherever it is, as waivers are.
    pub fn is_of_vulnerability_alone(&self) -> bool {
        !self.ids.is_empty() && self.package.is_none() && self.paths.is_empty() && self.fix.is_none()
    }

    /// Whether it still counts.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether its conditions on package, place and fix hold.
    fn is_about(&self, finding: &Finding) -> bool {
        let is_package = match &self.package {
            None => true,
            Some(Packages::Purls(purls)) => {
                let source = (finding.package.as_str(), finding.version.as_str());
                let package = Package { purl: &finding.component, source };
                purls.iter().any(|purl| package.is(purl))
            }
            Some(Packages::Named { name, version, types }) => {
                let purl = &finding.component;
                let own = Ecosystem::of_purl(purl).package_name(purl);
                let is_artifact = purl.package_type() == "maven" && purl.name() == name;
                let versions = [purl.version().unwrap_or_default(), &finding.version];
                (own == *name || finding.package == *name || is_artifact)
                    && version.as_ref().is_none_or(|version| versions.contains(&version.as_str()))
                    && types.as_ref().is_none_or(|types| types.contains(&purl.package_type()))
            }
        };
        let mut places = finding.locations.iter().map(|location| location.path.trim_start_matches('/'));
        let is_place = self.paths.is_empty()
            || !finding.locations.is_empty()
                && places.all(|path| self.paths.iter().any(|pattern| pattern.is_match(path)));
        let is_fix = self.fix.is_none_or(|fix| fix == FixState::from_fix(&finding.fix));
        is_package && is_place && is_fix
    }

    /// Whether it names a part of a finding: the vulnerability itself, or any.
    fn names(&self, ids: &[&str]) -> bool {
        self.ids.is_empty()
            || self.ids.iter().any(|named| ids.iter().any(|id| id.eq_ignore_ascii_case(named)))
    }
}

impl FixState {
    fn from_fix(fix: &Fix) -> Self {
        match fix {
            Fix::Fixed(_) => Self::Fixed,
            Fix::NotFixed => Self::NotFixed,
            Fix::WontFix => Self::WontFix,
            Fix::Unknown => Self::Unknown,
        }
    }
}

/// The rules of several files.
#[derive(Debug, Default)]
pub struct Rules(Vec<RuleFile>);

impl Rules {
    /// The rules of these files, of which the first that is about a finding is told.
    pub fn new(files: Vec<RuleFile>) -> Self {
        Self(files)
    }

    /// Sets aside what the rules ignore.
    pub fn apply(&self, scan: &mut Scan, now: Timestamp) {
        if self.0.is_empty() {
            return;
        }
        let mut used: Vec<Vec<usize>> = self.0.iter().map(|file| vec![0; file.rules.len()]).collect();
        let mut ignored = |(file, position, rule): (usize, usize, &Rule), left_open| {
            if let Some(count) = used.get_mut(file).and_then(|rules| rules.get_mut(position)) {
                *count += 1;
            }
            Suppression::Ignored(Box::new(IgnoredBy {
                reason: rule.reason.clone(),
                file: self.0.get(file).map(|file| file.source.clone()).unwrap_or_default(),
                rule: rule.place.clone(),
                until: rule.until,
                left_open,
            }))
        };
        for finding in std::mem::take(&mut scan.findings) {
            match self.rule_for(&finding, now, |_| true) {
                None => scan.findings.push(finding),
                Some(rule) => scan.suppressed.push(Suppressed { finding, reason: ignored(rule, false) }),
            }
        }
        // What an advisory leaves open is a gap, which only a rule settles that names the advisory.
        let open = scan.undecided.len();
        for undecided in std::mem::take(&mut scan.undecided) {
            match self.rule_for(&undecided.finding, now, |rule| !rule.ids.is_empty()) {
                None => scan.undecided.push(undecided),
                Some(rule) => {
                    let (finding, reason) = (undecided.finding, ignored(rule, true));
                    scan.suppressed.push(Suppressed { finding, reason });
                }
            }
        }
        if scan.undecided.len() < open {
            scan.count_undecided();
        }
        scan.ignored = self.0.iter().zip(used).map(|(file, used)| file.used(&used, now)).collect();
        scan.sort();
    }

    /// The rule that ignores a finding: each vulnerability in it must be ignored.
    fn rule_for(
        &self,
        finding: &Finding,
        now: Timestamp,
        may: impl Fn(&Rule) -> bool,
    ) -> Option<(usize, usize, &Rule)> {
        let all = self.0.iter().enumerate().flat_map(|(file, it)| {
            it.rules.iter().enumerate().map(move |(position, rule)| (file, position, rule))
        });
        let about = all.filter(|(_, _, rule)| {
            let is_named = finding.class != Class::Malicious || !rule.ids.is_empty();
            is_named && may(rule) && rule.is_in_force(now) && rule.is_about(finding)
        });
        let about: Vec<_> = about.collect();
        let mut first = None;
        for ids in finding.parts() {
            let rule = about.iter().find(|(_, _, rule)| rule.names(&ids))?;
            first.get_or_insert(*rule);
        }
        first
    }
}

impl RuleFile {
    fn used(&self, used: &[usize], now: Timestamp) -> IgnoreUse {
        let ended = self.rules.iter().filter(|rule| !rule.is_in_force(now));
        let ended = ended.filter_map(|rule| Some(format!("{} ended at {}", rule.name(), rule.until?)));
        let unused = self.rules.iter().zip(used).filter(|(rule, used)| **used == 0 && rule.is_in_force(now));
        IgnoreUse {
            file: self.source.clone(),
            format: self.format,
            rules: self.rules.len(),
            set_aside: used.iter().sum(),
            unused: unused.count(),
            ended: ended.take(TOLD).collect(),
            refused: self.refused,
            reasons: self.reasons.clone(),
        }
    }
}

impl Rule {
    /// `line 3 (CVE-2026-1)`.
    fn name(&self) -> String {
        match self.ids.first() {
            Some(id) => format!("{} ({})", self.place, shown(id)),
            None => self.place.clone(),
        }
    }
}

/// An entry in a form of its own: an unknown member may narrow it, so that the rule would be wider without.
pub(super) fn entry<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| shown(&error.to_string()))
}

/// The identifier of a vulnerability, without spaces around it.
pub(super) fn id(text: &str) -> Result<String, String> {
    let id = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    if id.is_empty() || id.len() > 128 || !id.chars().all(is_plain) {
        return Err(format!("`{}` is not the identifier of a vulnerability", shown(text)));
    }
    Ok(id.to_owned())
}

/// An instant, or the beginning of a day in UTC.
pub(super) fn until(text: &str) -> Result<Timestamp, String> {
    let of_day = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp());
    let instant = text.parse::<Timestamp>().ok();
    let instant = instant.or_else(|| text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(of_day));
    instant.ok_or_else(|| {
        format!("`{}` is neither a day such as 2026-12-31 nor a time in RFC 3339", shown(text))
    })
}

/// A pattern over paths from the root: `*` within a name, `**` over directories.
pub(super) fn path(text: &str) -> Result<GlobMatcher, String> {
    let relative = text.trim_start_matches("./").trim_start_matches('/');
    if relative.is_empty() || relative.len() > 512 || relative.chars().any(char::is_control) {
        return Err("a path is empty, too long or has control characters".to_owned());
    }
    let glob = GlobBuilder::new(relative).literal_separator(true).backslash_escape(false).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| shown(&error.to_string()))
}

/// A package URL.
pub(super) fn purl(text: &str) -> Result<Purl, String> {
    text.parse::<Purl>().map_err(|error| error.to_string())
}

//! SARIF 2.1.0 for code scanning services.
//!
//! Each vulnerability is a rule, each place where it was found a result. Rules of a policy that block without findings
//! (a missing signature, a denied digest) are separate results, `plimsoll/RULE`. Fingerprints are made from what stays
//! the same between builds: vulnerability, installed package and path, but not version and layer. No two results share
//! one. Gaps are notifications of the run, because an upload without results would close alerts. So is what was set
//! aside, and what a policy only reports.
//!
//! GitHub's code scanning refuses a run with more than 25,000 results or rules and cuts long descriptions, so the log keeps to
//! that: the worst results stay, and a notification says how many do not.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use plimsoll_core::{Digest, Ecosystem, Purl};
use plimsoll_policy::{Decision, Detail, Effect, FindingRecord, Outcome, RuleName, RuleResult, Verdict};
use plimsoll_vuln::{Class, Finding, Fix, Scan, Severity};
use serde_json::{Value, json};

use crate::report::baseline::{Changes, State};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Results and rules that code scanning takes of one run ("SARIF support for code scanning", limits).
const MOST_RESULTS: usize = 25_000;

/// Characters that it takes of a description.
const MAX_DESCRIPTION: usize = 1_024;

/// Collects results of any number of subjects into one log.
#[derive(Default)]
pub(crate) struct Log {
    rules: BTreeMap<String, Rule>,
    results: Vec<Listed>,
    /// How often each fingerprint was used.
    fingerprints: HashMap<String, usize>,
    notifications: Vec<Value>,
    notified: HashSet<(String, String)>,
}

/// A rule, and the greatest score of its results.
struct Rule {
    document: Value,
    score: Option<&'static str>,
}

/// A result with what decides whether it stays if there are too many.
struct Listed {
    rule: String,
    score: f64,
    document: Value,
}

/// A result about a vulnerability, for every command.
struct Found<'a> {
    id: &'a str,
    severity: &'a str,
    package: &'a str,
    version: &'a str,
    component: String,
    fixes: &'a [String],
    summary: &'a str,
    path: Option<&'a str>,
    layer: Option<usize>,
    /// Why it does not count, if somebody accepted it; empty if that is told elsewhere.
    accepted: Option<String>,
    /// What it is to an earlier result, in SARIF's word.
    state: Option<&'static str>,
}

impl Log {
    /// Adds the findings and gaps of a scan.
    pub(crate) fn scan(&mut self, subject: &str, scan: &Scan, changes: Option<&Changes>) {
        for line in changes.map(Changes::words).unwrap_or_default() {
            self.notify("note", "plimsoll/baseline", &format!("{subject}: compared: {line}"));
        }
        for gap in &scan.gaps {
            let concerned = super::findings::concerned(gap.components, gap.reason.files());
            self.not_covered(subject, &format!("{}{concerned}: {}", gap.ecosystem, gap.reason));
        }
        for suppressed in &scan.suppressed {
            let (id, package) = (&suppressed.finding.id, &suppressed.finding.package);
            let reason = suppressed.reason.to_string();
            self.aside(subject, &format!("{id} in {package}: {reason}"));
            // What people decided is a result that services show as closed. The rest is not a finding at all.
            if suppressed.reason.is_of_people() {
                self.found(subject, &suppressed.finding, Some(reason), None);
            }
        }
        for used in &scan.ignored {
            for text in used.ended.iter().chain(&used.reasons) {
                self.notify("note", "plimsoll/ignore-rule", &format!("{subject}: {}: {text}", used.file));
            }
        }
        for conflict in &scan.vex.conflicts {
            self.notify("note", "plimsoll/vex", &format!("{subject}: {conflict}"));
        }
        for used in &scan.vex.documents {
            for reason in &used.reasons {
                self.notify("warning", "plimsoll/vex", &format!("{subject}: {}: {reason}", used.document));
            }
        }
        for noted in &scan.noted {
            let parts = [noted.path.as_str(), noted.detail.as_str()];
            let words = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
            self.aside(subject, &format!("noted: {}: {words}", noted.problem));
        }
        for aside in &scan.set_aside {
            self.aside(subject, &format!("{} ({}): {}", aside.ecosystem, aside.files, aside.reason()));
        }
        for finding in &scan.informational {
            let Finding { id, package, version, class, .. } = finding;
            let text = format!("{subject}: {package} {version} is {class}: {id}: {}", finding.summary);
            self.notify("note", "plimsoll/informational", &text);
        }
        for (index, finding) in scan.findings.iter().enumerate() {
            let state = changes.map(|changes| match changes.state(index) {
                State::New => "new",
                State::Worse => "updated",
                State::Unchanged => "unchanged",
            });
            self.found(subject, finding, None, state);
        }
    }

    fn found(
        &mut self,
        subject: &str,
        finding: &Finding,
        accepted: Option<String>,
        state: Option<&'static str>,
    ) {
        let location = finding.locations.first();
        self.finding(
            subject,
            &Found {
                id: &finding.id,
                severity: if finding.class == Class::Malicious { MALICIOUS } else { finding.severity.name() },
                package: &finding.package,
                version: &finding.version,
                component: finding.component.to_string(),
                fixes: match &finding.fix {
                    Fix::Fixed(versions) => versions,
                    Fix::NotFixed | Fix::WontFix | Fix::Unknown => &[],
                },
                summary: &finding.summary,
                path: location.map(|l| l.path.as_str()),
                layer: location.and_then(|l| l.layer),
                accepted,
                state,
            },
        );
    }

    /// Adds the reasons of a verdict, and what is waived.
    pub(crate) fn verdict(&mut self, verdict: &Verdict) {
        for platform in &verdict.platforms {
            // Several policies judge the same finding. It is reported once, and as waived only if all of them waive it.
            let mut told: HashMap<(&str, &str), &FindingRecord> = HashMap::new();
            for result in &platform.rules {
                let findings: Vec<&FindingRecord> = result.details.iter().filter_map(finding).collect();
                for finding in &findings {
                    let known = told.entry((&finding.id, &finding.component)).or_insert(finding);
                    if finding.waived_by.is_empty() {
                        *known = finding;
                    }
                }
            }
            let mut seen = HashSet::new();
            for result in &platform.rules {
                self.notices(&verdict.requested, result);
                let mut findings = 0;
                for finding in result.details.iter().filter_map(finding) {
                    findings += 1;
                    let key = (finding.id.as_str(), finding.component.as_str());
                    if result.policy.is_none() {
                        self.judged(&verdict.requested, finding);
                    } else if seen.insert(key) {
                        self.judged(&verdict.requested, told.get(&key).copied().unwrap_or(finding));
                    }
                }
                // A rule that blocks by its findings is reported through them.
                if result.decision() != Decision::Allow && findings == 0 {
                    let of_policy =
                        result.policy.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
                    self.rule(&verdict.requested, &result.rule, &format!("{of_policy}{}", result.reason));
                }
            }
        }
    }

    /// Adds what a rule left out, and what it reports without blocking: information that requires no action.
    fn notices(&mut self, subject: &str, result: &RuleResult) {
        for detail in &result.details {
            match detail {
                Detail::Gap { ecosystem, files, components, reason } => {
                    let concerned = super::findings::concerned(*components, files.as_deref());
                    self.not_covered(subject, &format!("{ecosystem}{concerned}: {reason}"));
                }
                Detail::SetAside { what, reason } => self.aside(subject, &format!("{what}: {reason}")),
                Detail::VexConflict { text } => {
                    self.notify("note", "plimsoll/vex", &format!("{subject}: {text}"));
                }
                Detail::Excluded { path, reason, .. } => {
                    self.aside(subject, &format!("excluded by the policy: {path}: {reason}"));
                }
                _ => {}
            }
        }
        if result.effect != Effect::Block && matches!(result.outcome, Outcome::Fail | Outcome::Unknown) {
            let id = format!("plimsoll/{}", result.rule);
            let level = if result.effect == Effect::Warn { "warning" } else { "note" };
            self.notify(level, &id, &format!("{subject}: {}: {}", result.rule, result.reason));
        }
    }

    fn not_covered(&mut self, subject: &str, what: &str) {
        self.notify("warning", "plimsoll/not-covered", &format!("{subject}: not covered: {what}"));
    }

    fn aside(&mut self, subject: &str, what: &str) {
        self.notify("note", "plimsoll/set-aside", &format!("{subject}: set aside: {what}"));
    }

    /// Adds a notification once: several policies and platforms repeat it.
    fn notify(&mut self, level: &str, id: &str, text: &str) {
        if self.notified.insert((id.to_owned(), text.to_owned())) {
            self.notifications.push(json!({
                "level": level,
                "descriptor": {"id": id},
                "message": {"text": text},
            }));
        }
    }

    fn judged(&mut self, subject: &str, finding: &FindingRecord) {
        let location = finding.locations.first();
        self.finding(
            subject,
            &Found {
                id: &finding.id,
                severity: &finding.severity,
                package: &finding.package,
                version: &finding.version,
                component: finding.component.clone(),
                fixes: &finding.fixed_in,
                summary: &finding.summary,
                path: location.map(|l| l.path.as_str()),
                layer: location.and_then(|l| l.layer),
                accepted: (!finding.waived_by.is_empty()).then(String::new),
                state: None,
            },
        );
    }

    fn finding(&mut self, subject: &str, found: &Found<'_>) {
        let (level, score) = level(found.severity);
        let about = if found.summary.is_empty() { found.id } else { found.summary };
        let rule = self.rules.entry(found.id.to_owned()).or_insert_with(|| Rule {
            document: json!({
                "id": found.id,
                "shortDescription": {"text": cut(about)},
                "fullDescription": {"text": cut(about)},
                "help": {"text": cut(&format!("{about}. `plimsoll scan --explain {}` shows why it is found.", found.id))},
                "helpUri": format!("https://osv.dev/vulnerability/{}", uri(found.id)),
                "properties": {"tags": ["security", "vulnerability"]},
            }),
            score: Some(score),
        });
        // Packages may be rated differently; the rule has the greatest score.
        if rule.score.is_none_or(|known| number(score) > number(known)) {
            rule.score = Some(score);
        }
        let fix = match found.fixes {
            [] => "no fix is known".to_owned(),
            versions => format!("fixed in {}", versions.join(" or ")),
        };
        let version = found.version;
        let installed = installed(&found.component);
        let package = match installed.as_deref() {
            Some(installed) if installed != found.package => format!("{installed} (of {})", found.package),
            _ => found.package.to_owned(),
        };
        let text = format!("{package} {version} in {subject}: {} ({}), {fix}", found.id, found.severity);
        let path = found.path.unwrap_or("image");
        let name = installed.as_deref().unwrap_or(found.package);
        let fingerprints = self.fingerprint(&[found.id, name, path]);
        let mut result = json!({
            "ruleId": found.id,
            "level": level,
            "message": {"text": text},
            "locations": [{
                "physicalLocation": {"artifactLocation": {"uri": uri(path)}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": found.component, "kind": "module"}],
            }],
            "partialFingerprints": fingerprints,
            "properties": {"subject": subject, "layer": found.layer},
        });
        if let (Some(reason), Some(members)) = (&found.accepted, result.as_object_mut()) {
            let mut suppression = json!({"kind": "external", "status": "accepted"});
            if let (false, Some(suppression)) = (reason.is_empty(), suppression.as_object_mut()) {
                suppression.insert("justification".to_owned(), json!(reason));
            }
            members.insert("suppressions".to_owned(), json!([suppression]));
        }
        if let (Some(state), Some(members)) = (found.state, result.as_object_mut()) {
            members.insert("baselineState".to_owned(), json!(state));
        }
        self.results.push(Listed { rule: found.id.to_owned(), score: number(score), document: result });
    }

    fn rule(&mut self, subject: &str, rule: &RuleName, reason: &str) {
        self.other(subject, &format!("plimsoll/{rule}"), &format!("policy rule {rule}"), reason);
    }

    fn other(&mut self, subject: &str, id: &str, description: &str, reason: &str) {
        self.rules.entry(id.to_owned()).or_insert_with(|| Rule {
            document: json!({
                "id": id,
                "shortDescription": {"text": description},
                "fullDescription": {"text": description},
                "help": {"text": description},
                "properties": {"tags": ["security", "policy"]},
            }),
            score: None,
        });
        let fingerprints = self.fingerprint(&[id]);
        let result = json!({
            "ruleId": id,
            "level": "error",
            "message": {"text": format!("{subject}: {reason}")},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "image"}, "region": {"startLine": 1}}}],
            "partialFingerprints": fingerprints,
            "properties": {"subject": subject},
        });
        // What blocks without a finding is never left out.
        self.results.push(Listed { rule: id.to_owned(), score: f64::INFINITY, document: result });
    }

    /// Adds a subject that could not be judged.
    pub(crate) fn failure(&mut self, subject: &str, message: &str) {
        self.other(subject, "plimsoll/error", "could not be judged", message);
    }

    /// A fingerprint of `parts` that no other result of this log has: a number distinguishes the second one.
    fn fingerprint(&mut self, parts: &[&str]) -> Value {
        let plain = Digest::sha256(parts.join("\0").as_bytes()).hex();
        let count = self.fingerprints.entry(plain.clone()).or_default();
        *count += 1;
        let own = match *count {
            1 => plain,
            number => Digest::sha256(format!("{plain}\0{number}").as_bytes()).hex(),
        };
        json!({"plimsoll/v2": own})
    }

    /// The whole log.
    pub(crate) fn finish(mut self) -> Value {
        self.keep_the_worst(MOST_RESULTS);
        let rules: Vec<Value> = self.rules.into_values().map(Rule::finish).collect();
        let results: Vec<Value> = self.results.into_iter().map(|result| result.document).collect();
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "plimsoll",
                    "version": env!("CARGO_PKG_VERSION"),
                    "informationUri": "https://plimsoll.dev",
                    "rules": rules,
                }},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": self.notifications}],
                "results": results,
            }],
        })
    }

    /// Leaves out the least severe results, if there are more than `most`, and says so.
    fn keep_the_worst(&mut self, most: usize) {
        let all = self.results.len();
        if all <= most {
            return;
        }
        // Stable: of equally severe ones, the first stay.
        let mut scores: Vec<(usize, f64)> = self.results.iter().map(|it| it.score).enumerate().collect();
        scores.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let kept: HashSet<usize> = scores.into_iter().take(most).map(|(index, _)| index).collect();
        let mut index = 0;
        self.results.retain(|_| {
            index += 1;
            kept.contains(&(index - 1))
        });
        let used: HashSet<&str> = self.results.iter().map(|it| it.rule.as_str()).collect();
        self.rules.retain(|id, _| used.contains(id.as_str()));
        let text = format!(
            "{} of {all} results are left out, the least severe ones: code scanning takes {most} of one run",
            all - most
        );
        self.notify("warning", "plimsoll/left-out", &text);
    }
}

impl Rule {
    fn finish(self) -> Value {
        let Self { mut document, score } = self;
        if let (Some(score), Some(properties)) =
            (score, document.get_mut("properties").and_then(Value::as_object_mut))
        {
            properties.insert("security-severity".to_owned(), json!(score));
        }
        document
    }
}

fn number(score: &str) -> f64 {
    score.parse().unwrap_or_default()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_DESCRIPTION {
        return text.to_owned();
    }
    text.chars().take(MAX_DESCRIPTION - 1).chain("…".chars()).collect()
}

fn finding(detail: &Detail) -> Option<&FindingRecord> {
    match detail {
        Detail::Finding(finding) => Some(finding),
        _ => None,
    }
}

/// SARIF's level, and the number that code scanning services sort by: the lower end of the severity's CVSS range.
/// The severity of malicious packages.
const MALICIOUS: &str = "malicious";

fn level(severity: &str) -> (&'static str, &'static str) {
    let is = |s: Severity| severity == s.name();
    if severity == MALICIOUS {
        ("error", "10.0")
    } else if is(Severity::Critical) {
        ("error", "9.0")
    } else if is(Severity::High) {
        ("error", "7.0")
    } else if is(Severity::Medium) {
        ("warning", "4.0")
    } else if is(Severity::Low) {
        ("note", "0.1")
    } else if is(Severity::None) {
        ("none", "0.0")
    } else {
        // Unrated is not harmless.
        ("warning", "7.0")
    }
}

/// A relative URI reference: everything but unreserved characters and `/` is percent-encoded, so that a path from an
/// image can be neither a scheme nor a host.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The name of the package that is installed; advisories of distributions name its source.
fn installed(component: &str) -> Option<String> {
    let purl: Purl = component.parse().ok()?;
    Some(Ecosystem::of_purl(&purl).package_name(&purl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_become_urls() {
        assert_eq!(
            uri("usr/lib/python3/dist-packages/x.dist-info"),
            "usr/lib/python3/dist-packages/x.dist-info"
        );
        assert_eq!(uri("//evil.example/x"), "evil.example/x");
        assert_eq!(uri("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(uri("a b\u{fc}"), "a%20b%C3%BC");
    }

    #[test]
    fn of_too_many_results_the_worst_stay_and_the_rest_is_told() {
        let mut log = Log::default();
        for (number, severity) in ["low", "critical", "medium", "low", "high"].into_iter().enumerate() {
            let found = Found {
                id: &format!("CVE-2024-{number}"),
                severity,
                package: "x",
                version: "1",
                component: "pkg:pypi/x@1".to_owned(),
                fixes: &[],
                summary: &"long ".repeat(1_000),
                path: None,
                layer: None,
                accepted: None,
                state: None,
            };
            log.finding("app", &found);
        }
        log.failure("other", "could not be read");
        log.keep_the_worst(3);
        let log = log.finish();
        let run = &log["runs"][0];
        let ids: Vec<&str> =
            run["results"].as_array().unwrap().iter().map(|it| it["ruleId"].as_str().unwrap()).collect();
        assert_eq!(ids, ["CVE-2024-1", "CVE-2024-4", "plimsoll/error"]);
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 3);
        assert_eq!(rules[0]["shortDescription"]["text"].as_str().unwrap().chars().count(), MAX_DESCRIPTION);
        let notices = run["invocations"][0]["toolExecutionNotifications"].to_string();
        assert!(notices.contains("3 of 6 results are left out"), "{notices}");
    }

    #[test]
    fn a_rule_has_the_greatest_score_of_its_results() {
        let mut log = Log::default();
        for severity in ["low", "critical", "medium"] {
            log.finding(
                "app",
                &Found {
                    id: "CVE-2024-1",
                    severity,
                    package: "x",
                    version: "1",
                    component: "pkg:pypi/x@1".to_owned(),
                    fixes: &[],
                    summary: "",
                    path: None,
                    layer: None,
                    accepted: None,
                    state: None,
                },
            );
        }
        let log = log.finish();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["security-severity"], "9.0");
    }

    #[test]
    fn unrated_is_not_shown_as_harmless() {
        assert_eq!(level("unrated"), ("warning", "7.0"));
        assert_eq!(level("critical"), ("error", "9.0"));
    }
}

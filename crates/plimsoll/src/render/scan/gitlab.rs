//! GitLab's report for container scanning, schema 15.2.1, as the artifact `reports: container_scanning`.
//!
//! ```json
//! {"version": "15.2.1", "scan": {"type": "container_scanning", "status": "success", "messages": [], "…": {}},
//!  "vulnerabilities": [{"id": "…", "severity": "Critical", "location": {"dependency": {}, "operating_system": "debian-12", "image": "app:1"}}]}
//! ```
//!
//! What was not covered is in `scan.messages`, which GitLab shows with the pipeline; a subject that could not be scanned makes
//! the status `failure`. GitLab renders texts as its Markdown, so foreign text is escaped for that.

use std::io::{self, Write};

use plimsoll_vuln::{Class, Finding, Severity, SeveritySource};
use serde_json::{Value, json};

use super::escape::{markdown, web_address};
use super::{ScanFormat, Style, uuid, words};
use crate::report::scan::{Report, Scanned};

/// The version of the schema.
const VERSION: &str = "15.2.1";

/// The most characters of a name.
const MAX_NAME: usize = 255;

/// The most characters of a solution.
const MAX_SOLUTION: usize = 7_000;

pub(super) struct GitLab;

impl ScanFormat for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn about(&self) -> &'static str {
        "GitLab's container scanning report (15.2)"
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let vulnerabilities: Vec<Value> = report
            .results
            .iter()
            .flat_map(|result| result.scan.findings.iter().map(move |finding| vulnerability(result, finding)))
            .collect();
        let level = if report.errors.is_empty() { "warn" } else { "fatal" };
        let not_covered = words::not_covered(&report.results, &report.errors);
        let warnings = not_covered.map(|value| json!({"level": level, "value": markdown(&value)}));
        let notices = report.results.iter().flat_map(|result| {
            let suppressed = result.scan.suppressed.iter().map(words::suppressed);
            let aside = result.scan.set_aside.iter().map(words::set_aside);
            let suppressed = suppressed.chain(aside).map(|it| format!("set aside: {it}"));
            let informational = result.scan.informational.iter().map(words::informational);
            suppressed.chain(informational).map(move |it| format!("{}: {it}", result.name()))
        });
        let notices = notices.map(|value| json!({"level": "info", "value": markdown(&value)}));
        let tool = json!({
            "id": "plimsoll",
            "name": "Plimsoll",
            "url": "https://plimsoll.dev",
            "vendor": {"name": "Plimsoll"},
            "version": env!("CARGO_PKG_VERSION"),
        });
        let time = report.scanned_at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let document = json!({
            "version": VERSION,
            "scan": {
                "type": "container_scanning",
                "status": if report.errors.is_empty() { "success" } else { "failure" },
                "start_time": time,
                "end_time": time,
                "analyzer": tool,
                "scanner": tool,
                "messages": warnings.chain(notices).collect::<Vec<_>>(),
            },
            "vulnerabilities": vulnerabilities,
        });
        super::write_json(&document, out)
    }
}

fn vulnerability(result: &Scanned, finding: &Finding) -> Value {
    let image = result.name();
    let path = finding.locations.first().map_or("", |location| location.path.as_str());
    let component = finding.component.to_string();
    let mut description = vec![markdown(&finding.summary)];
    description.extend(words::likelihood(finding).iter().map(|it| markdown(it)));
    if !path.is_empty() {
        description.push(format!("Found in {}", markdown(path)));
    }
    description.retain(|line| !line.is_empty());
    let identifiers = std::iter::once(&finding.id).chain(&finding.aliases).map(|id| identifier(id));
    let links: Vec<Value> =
        finding.urls.iter().filter_map(|url| web_address(url)).map(|url| json!({"url": url})).collect();
    let mut vulnerability = json!({
        "id": uuid(&["gitlab", &image, &finding.id, &component, path]),
        "name": cut(&format!("{} in {}", finding.id, words::package(finding)), MAX_NAME),
        "description": description.join("\n\n"),
        "severity": severity(finding),
        "solution": cut(&markdown(&words::action(finding)), MAX_SOLUTION),
        "identifiers": identifiers.collect::<Vec<_>>(),
        "links": links,
        "location": {
            "dependency": {"package": {"name": words::package(finding)}, "version": finding.version},
            "operating_system": operating_system(finding),
            "image": if image.is_empty() { "unknown" } else { &image },
        },
    });
    if let (SeveritySource::Cvss(vector), Some(members)) =
        (&finding.severity_source, vulnerability.as_object_mut())
        && vector.starts_with("CVSS:3")
        && (32..=128).contains(&vector.len())
    {
        members.insert("cvss_vectors".to_owned(), json!([{"vendor": finding.advisory, "vector": vector}]));
    }
    vulnerability
}

/// The `distro` qualifier of packages of an operating system. The field is mandatory also where there is none.
fn operating_system(finding: &Finding) -> String {
    let distro = finding.component.qualifier("distro").or(finding.component.namespace());
    let of_os = ["deb", "apk", "rpm", "alpm"].contains(&finding.component.package_type());
    distro.filter(|_| of_os).unwrap_or("unknown").to_owned()
}

fn identifier(id: &str) -> Value {
    let kind = id.split('-').next().unwrap_or(id).to_ascii_lowercase();
    let url = match kind.as_str() {
        "cve" => Some(format!("https://nvd.nist.gov/vuln/detail/{id}")),
        "ghsa" => Some(format!("https://github.com/advisories/{id}")),
        _ => Some(format!("https://osv.dev/vulnerability/{id}")),
    };
    let mut identifier = json!({"type": if kind.is_empty() { "id" } else { &kind }, "name": id, "value": id});
    if let (Some(url), Some(members)) = (url.as_deref().and_then(web_address), identifier.as_object_mut()) {
        members.insert("url".to_owned(), json!(url));
    }
    identifier
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        _ if finding.class == Class::Malicious => "Critical",
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::None => "Info",
        Severity::Unrated => "Unknown",
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain("…".chars()).collect()
}

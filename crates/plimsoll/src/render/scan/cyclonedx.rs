//! CycloneDX 1.6 (ECMA-424) with vulnerabilities: a disclosure report (VDR) about one image, with an analysis where there is one.
//!
//! ```json
//! {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"bom-ref": "subject", "type": "container"}},
//!  "components": [{"bom-ref": "pkg:pypi/pymysql@1.1.0", "…": ""}],
//!  "vulnerabilities": [{"id": "CVE-2024-36039", "affects": [{"ref": "pkg:pypi/pymysql@1.1.0"}], "…": ""}],
//!  "compositions": [{"aggregate": "incomplete", "assemblies": ["subject"]}]}
//! ```
//!
//! It lists only the components that a vulnerability is about, and says so: the inventory is what `sbom` writes. Nobody has
//! analysed a finding, so it has no analysis; what was set aside, and what advisories leave open, is `in_triage` with the
//! reason. Never `not_affected`: that is for people to say. What was not covered is a property of the subject.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use plimsoll_core::Purl;
use plimsoll_sbom::DocumentSubject;
use plimsoll_vuln::{Class, Finding, Fix, GapReason, Severity, SeveritySource, Suppressed};
use serde_json::{Map, Value, json};

use super::escape::web_address;
use super::{ScanFormat, Style, uuid, words};
use crate::report::scan::{Report, Scanned};

/// The version that is written. What 1.7 adds is not used here, and 1.6 is what most tools read.
const VERSION: &str = "1.6";

/// The reference to the image or other subject.
const SUBJECT: &str = "subject";

pub(super) struct CycloneDx;

impl ScanFormat for CycloneDx {
    fn name(&self) -> &'static str {
        "cyclonedx-vex"
    }

    fn about(&self) -> &'static str {
        "CycloneDX 1.6 JSON with vulnerabilities (VDR and VEX)"
    }

    fn about_one(&self) -> Option<&'static str> {
        Some("a CycloneDX document")
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut document = Map::new();
        if let Some(result) = report.results.first() {
            document = describe(report, result);
        }
        let serial = uuid(&["cyclonedx", &serde_json::to_string(&document)?]);
        document.insert("serialNumber".to_owned(), json!(format!("urn:uuid:{serial}")));
        super::write_json(&document, out)
    }
}

fn describe(report: &Report, result: &Scanned) -> Map<String, Value> {
    let scan = &result.scan;
    // Several components of one package URL are one: the document has no place for their paths but a property.
    let mut affected: BTreeMap<String, &Finding> = BTreeMap::new();
    let suppressed = scan.suppressed.iter().map(|it| &it.finding);
    for finding in scan.findings.iter().chain(suppressed) {
        affected.entry(finding.component.to_string()).or_insert(finding);
    }
    let mut vulnerabilities: BTreeMap<(&str, Option<String>), Vec<&Finding>> = BTreeMap::new();
    for finding in &scan.findings {
        vulnerabilities.entry((&finding.id, None)).or_default().push(finding);
    }
    // A copy that was set aside says nothing of another one that was not, and they are one here.
    let counts: BTreeSet<(&str, String)> =
        scan.findings.iter().map(|it| (it.id.as_str(), it.component.to_string())).collect();
    for Suppressed { finding, reason } in &scan.suppressed {
        if !counts.contains(&(finding.id.as_str(), finding.component.to_string())) {
            vulnerabilities.entry((&finding.id, Some(reason.to_string()))).or_default().push(finding);
        }
    }
    let mut described: Vec<Value> = vulnerabilities
        .iter()
        .filter_map(|((_, reason), findings)| {
            Some(vulnerability(findings.first()?, reason.as_deref(), findings))
        })
        .collect();
    described.extend(undecided(result));
    let mut properties: Vec<Value> =
        scan.gaps.iter().map(|gap| property("plimsoll:notCovered", &words::gap(gap))).collect();
    properties.extend(scan.set_aside.iter().map(|it| property("plimsoll:setAside", &words::set_aside(it))));
    properties.extend(scan.noted.iter().map(|it| property("plimsoll:noted", &words::noted(it))));
    let informational = scan.informational.iter().map(words::informational);
    properties.extend(informational.map(|it| property("plimsoll:informational", &it)));
    properties.push(property("plimsoll:lookedUp", &words::looked_up(scan)));
    let subject = DocumentSubject {
        name: result.subject.clone(),
        manifest: result.manifest,
        ..DocumentSubject::default()
    };
    let mut component = json!({
        "bom-ref": SUBJECT,
        "type": if result.manifest.is_some() { "container" } else { "application" },
        "name": result.subject,
    });
    if let (Some(members), Some(purl)) = (component.as_object_mut(), subject.purl()) {
        members.insert("purl".to_owned(), json!(purl.to_string()));
        members.insert("version".to_owned(), json!(result.manifest.map(|digest| digest.to_string())));
    }
    let document = json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{VERSION}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "version": 1,
        "metadata": {
            "timestamp": report.scanned_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "tools": {"components": [
                {"type": "application", "name": "plimsoll", "version": env!("CARGO_PKG_VERSION")},
            ]},
            "component": component,
            "properties": properties,
        },
        "components": affected.iter().map(|(reference, finding)| package(reference, finding)).collect::<Vec<_>>(),
        "compositions": [{"aggregate": "incomplete", "assemblies": [SUBJECT]}],
        "vulnerabilities": described,
    });
    match document {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn package(reference: &str, finding: &Finding) -> Value {
    let purl: &Purl = &finding.component;
    let name = match purl.namespace() {
        Some(namespace) if !["deb", "rpm", "apk"].contains(&purl.package_type()) => {
            json!({"group": namespace, "name": purl.name()})
        }
        _ => json!({"name": purl.name()}),
    };
    let mut package = json!({"bom-ref": reference, "type": "library", "purl": reference});
    if let (Some(members), Value::Object(name)) = (package.as_object_mut(), name) {
        members.extend(name);
        if let Some(version) = purl.version() {
            members.insert("version".to_owned(), json!(version));
        }
        let paths: Vec<Value> =
            finding.locations.iter().map(|it| property("plimsoll:path", &it.path)).collect();
        if !paths.is_empty() {
            members.insert("properties".to_owned(), json!(paths));
        }
    }
    package
}

fn vulnerability(first: &Finding, reason: Option<&str>, findings: &[&Finding]) -> Value {
    let mut properties = Vec::new();
    if first.class == Class::Malicious {
        properties.push(property("plimsoll:class", "malicious"));
    }
    properties.extend(words::likelihood(first).iter().map(|it| property("plimsoll:likelihood", it)));
    properties.push(property("plimsoll:advisory", &first.advisory));
    let affects: BTreeSet<String> = findings.iter().map(|finding| finding.component.to_string()).collect();
    let affects: Vec<Value> = affects
        .into_iter()
        .map(|reference| {
            let version = findings.iter().find(|finding| finding.component.to_string() == reference);
            let version = version.and_then(|finding| finding.component.version());
            let status = if reason.is_some() { "unknown" } else { "affected" };
            match version {
                Some(version) => {
                    json!({"ref": reference, "versions": [{"version": version, "status": status}]})
                }
                None => json!({"ref": reference}),
            }
        })
        .collect();
    let references: Vec<Value> =
        first.aliases.iter().map(|id| json!({"id": id, "source": {"name": publisher(id)}})).collect();
    let advisories: Vec<Value> =
        first.urls.iter().filter_map(|url| web_address(url)).map(|url| json!({"url": url})).collect();
    let mut all = json!({
        "id": first.id,
        "source": {"name": publisher(&first.id)},
        "references": references,
        "ratings": [rating(first)],
        "advisories": advisories,
        "affects": affects,
        "properties": properties,
    });
    let Some(members) = all.as_object_mut() else { return all };
    if !first.summary.is_empty() {
        members.insert("description".to_owned(), json!(first.summary));
    }
    members.insert("recommendation".to_owned(), json!(words::action(first)));
    for (name, time) in [("published", first.published), ("updated", first.modified)] {
        if let Some(time) = time {
            members.insert(name.to_owned(), json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
        }
    }
    if let Some(reason) = reason {
        members.insert(
            "analysis".to_owned(),
            json!({"state": "in_triage", "detail": format!("set aside: {reason}")}),
        );
    } else if first.fix == Fix::WontFix {
        // What the publisher of the package decided, for the versions of its advisory.
        members.insert("analysis".to_owned(), json!({"response": ["will_not_fix"]}));
    }
    all
}

/// Vulnerabilities of which nobody says whether the installed version has them.
fn undecided(result: &Scanned) -> Vec<Value> {
    let gaps = result.scan.gaps.iter().filter_map(|gap| match &gap.reason {
        GapReason::UndecidedRange { advisories, .. } => Some((advisories, words::gap(gap))),
        _ => None,
    });
    let each = gaps.flat_map(|(advisories, words)| advisories.iter().map(move |id| (id, words.clone())));
    each.map(|(id, words)| {
        json!({
            "id": id,
            "source": {"name": publisher(id)},
            "affects": [{"ref": SUBJECT}],
            "analysis": {"state": "in_triage", "detail": format!("not covered: {words}")},
        })
    })
    .collect()
}

fn rating(finding: &Finding) -> Value {
    let severity = match finding.severity {
        _ if finding.class == Class::Malicious => "critical",
        Severity::Unrated => "unknown",
        rated => rated.name(),
    };
    match &finding.severity_source {
        SeveritySource::Cvss(vector) => {
            let method = ["CVSS:4", "CVSS:3.1", "CVSS:3.0"].iter().position(|it| vector.starts_with(it));
            let method = match method {
                Some(0) => "CVSSv4",
                Some(1) => "CVSSv31",
                Some(_) => "CVSSv3",
                None => "CVSSv2",
            };
            json!({"severity": severity, "method": method, "vector": vector})
        }
        SeveritySource::Vendor => {
            json!({"source": {"name": finding.advisory}, "severity": severity, "method": "other"})
        }
        SeveritySource::Alias(id) => json!({"source": {"name": id}, "severity": severity, "method": "other"}),
        SeveritySource::None => json!({"severity": severity}),
    }
}

/// Who gives identifiers of this form, as far as their prefix says.
fn publisher(id: &str) -> &str {
    match id.split('-').next() {
        Some("CVE") => "NVD",
        Some("GHSA") => "GitHub Advisories",
        Some(prefix) if prefix != id => prefix,
        _ => "OSV",
    }
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

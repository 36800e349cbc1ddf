//! OpenVEX 0.2.0, as a beginning for whoever states what is exploitable, and for tools that collect such statements.
//!
//! ```json
//! {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "…", "author": "…", "version": 1, "statements": [
//!   {"vulnerability": {"name": "CVE-2024-36039"}, "products": [{"@id": "pkg:oci/…", "subcomponents": [{"@id": "pkg:pypi/pymysql@1.1.0"}]}],
//!    "status": "affected", "action_statement": "Upgrade pymysql to 1.1.1."}]}
//! ```
//!
//! `affected` is what advisories say of the installed version. What was set aside, and what an advisory leaves open, is
//! `under_investigation`. It never says `not_affected` or `fixed`: these lower what others find, and a program that compared
//! versions cannot know. The document has no place for what was not covered but `tooling`, in words. The standard wants at
//! least one statement, so a scan without any is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use plimsoll_sbom::DocumentSubject;
use plimsoll_vuln::{Finding, GapReason};
use serde_json::{Value, json};

use super::{ScanFormat, Style, uuid, words};
use crate::report::scan::{Report, Scanned};

pub(super) struct OpenVex;

impl ScanFormat for OpenVex {
    fn name(&self) -> &'static str {
        "openvex"
    }

    fn about(&self) -> &'static str {
        "OpenVEX 0.2.0: what is affected, and what to do"
    }

    fn refuses(&self, report: &Report, _: &Style<'_>) -> Option<String> {
        let is_empty = report.results.iter().all(|result| statements(result).is_empty());
        let why =
            "an OpenVEX document has at least one statement, and nothing was found that one could be about";
        is_empty.then(|| why.to_owned())
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let statements: Vec<Value> = report.results.iter().flat_map(statements).collect();
        let mut tooling = format!("plimsoll {} scan", env!("CARGO_PKG_VERSION"));
        for what in words::not_covered(&report.results, &report.errors) {
            tooling.push_str("; ");
            tooling.push_str(&what);
        }
        let content = serde_json::to_string(&statements)?;
        let time = report.scanned_at.to_string();
        let document = json!({
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": format!("https://plimsoll.dev/vex/{}", uuid(&["openvex", &content, &tooling, &time])),
            "author": "plimsoll",
            "role": "Document Creator",
            "timestamp": time,
            "version": 1,
            "tooling": tooling,
            "statements": statements,
        });
        super::write_json(&document, out)
    }
}

/// One statement for each vulnerability and status, sorted.
fn statements(result: &Scanned) -> Vec<Value> {
    let image = DocumentSubject {
        name: result.subject.clone(),
        manifest: result.manifest,
        ..DocumentSubject::default()
    };
    let image = image.purl().map(|purl| purl.to_string());
    // What is said must not differ within a statement: the action depends on the package.
    let mut affected: BTreeMap<(&str, String), Vec<&Finding>> = BTreeMap::new();
    for finding in &result.scan.findings {
        affected.entry((&finding.id, words::action(finding))).or_default().push(finding);
    }
    let mut aside: BTreeMap<(&str, String), Vec<&Finding>> = BTreeMap::new();
    for suppressed in &result.scan.suppressed {
        let reason = format!("set aside: {}", suppressed.reason);
        aside.entry((&suppressed.finding.id, reason)).or_default().push(&suppressed.finding);
    }
    let mut statements = Vec::new();
    for ((_, action), findings) in affected {
        statements.extend(statement(&findings, image.as_deref(), "affected", ("action_statement", &action)));
    }
    for ((_, reason), findings) in aside {
        let notes = ("status_notes", reason.as_str());
        statements.extend(statement(&findings, image.as_deref(), "under_investigation", notes));
    }
    for gap in &result.scan.gaps {
        let GapReason::UndecidedRange { advisories, .. } = &gap.reason else { continue };
        for id in advisories {
            let mut open = json!({
                "vulnerability": {"name": id},
                "status": "under_investigation",
                "status_notes": format!("not covered: {}", words::gap(gap)),
            });
            if let (Some(members), Some(image)) = (open.as_object_mut(), &image) {
                members
                    .insert("products".to_owned(), json!([{"@id": image, "identifiers": {"purl": image}}]));
            }
            statements.push(open);
        }
    }
    statements
}

fn statement(
    findings: &[&Finding],
    image: Option<&str>,
    status: &str,
    (words_name, words): (&str, &str),
) -> Option<Value> {
    let first = findings.first()?;
    let components: BTreeSet<String> = findings.iter().map(|finding| finding.component.to_string()).collect();
    let components: Vec<Value> =
        components.iter().map(|purl| json!({"@id": purl, "identifiers": {"purl": purl}})).collect();
    let products = match image {
        Some(image) => {
            vec![json!({"@id": image, "identifiers": {"purl": image}, "subcomponents": components})]
        }
        // Without an image, the packages themselves are what it is about.
        None => components,
    };
    let mut vulnerability = json!({"name": first.id, "aliases": first.aliases});
    if let Some(members) = vulnerability.as_object_mut()
        && !first.summary.is_empty()
    {
        members.insert("description".to_owned(), json!(first.summary));
    }
    let mut statement = json!({"vulnerability": vulnerability, "products": products, "status": status});
    if let Some(members) = statement.as_object_mut() {
        members.insert(words_name.to_owned(), json!(words));
    }
    Some(statement)
}

//! OpenVEX 0.2.0, as a beginning for whoever states what is exploitable, and for tools that collect such statements.
//!
//! ```json
//! {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "…", "author": "…", "version": 1, "statements": [
//!   {"vulnerability": {"name": "CVE-2024-36039"}, "products": [{"@id": "pkg:oci/…", "subcomponents": [{"@id": "pkg:pypi/pymysql@1.1.0"}]}],
//!    "status": "affected", "action_statement": "Upgrade pymysql to 1.1.1."}]}
//! ```
//!
//! `affected` is what advisories say of the installed version. What was set aside, and what an advisory leaves open, is
//! `under_investigation`; a package is the worst of its copies. It never says `not_affected` or `fixed`: these lower what others find, and a program that compared
//! versions cannot know. The document has no place for what was not covered but `tooling`, in words. The standard wants at
//! least one statement, so a scan without any is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use plimsoll_sbom::DocumentSubject;
use plimsoll_vuln::{Finding, GapReason, Suppressed, Undecided};
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
        let why =
            "an OpenVEX document has at least one statement, and nothing was found that one could be about";
        statements(&report.results).is_empty().then(|| why.to_owned())
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let statements: Vec<Value> = statements(&report.results);
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

/// What a statement is about: a vulnerability, and a package, in an image where its digest is known.
type About<'a> = (&'a str, Option<String>, String);

/// What all results say of each package. A document has one statement about it: where one copy has the vulnerability and another
/// one was set aside, or one is undecided, it is affected.
#[derive(Default)]
struct Statements<'a> {
    affected: BTreeMap<About<'a>, Vec<&'a Finding>>,
    /// Why a copy does not count.
    aside: BTreeMap<About<'a>, (&'a Finding, BTreeSet<String>)>,
    undecided: BTreeMap<About<'a>, (&'a Finding, BTreeSet<String>)>,
}

impl<'a> Statements<'a> {
    fn add(&mut self, result: &'a Scanned) {
        let image = DocumentSubject {
            name: result.subject.clone(),
            manifest: result.manifest,
            ..DocumentSubject::default()
        };
        let image = image.purl().map(|purl| purl.to_string());
        let about = |it: &'a Finding| (it.id.as_str(), image.clone(), it.component.to_string());
        for finding in &result.scan.findings {
            self.affected.entry(about(finding)).or_default().push(finding);
        }
        for Suppressed { finding, reason } in &result.scan.suppressed {
            let (_, reasons) = self.aside.entry(about(finding)).or_insert((finding, BTreeSet::new()));
            reasons.insert(format!("set aside: {reason}"));
        }
        for Undecided { finding, .. } in &result.scan.undecided {
            let (_, reasons) = self.undecided.entry(about(finding)).or_insert((finding, BTreeSet::new()));
            let (package, version) = (finding.package.clone(), finding.version.clone());
            let advisories = finding.named_by.keys().cloned().collect();
            reasons.insert(format!(
                "not covered: {}",
                GapReason::UndecidedRange { package, version, advisories }
            ));
        }
    }

    /// One statement for each vulnerability, status and words, sorted.
    fn finish(self) -> Vec<Value> {
        let Self { affected, aside, undecided } = self;
        // What is said must not differ within a statement: the action depends on the package.
        let mut grouped: BTreeMap<_, Vec<(&Finding, String)>> = BTreeMap::new();
        for (about, findings) in &affected {
            let (id, image, component) = about;
            let actions: BTreeSet<String> = findings.iter().map(|finding| words::action(finding)).collect();
            let action = actions.into_iter().collect::<Vec<_>>().join(" ");
            let elsewhere = [&aside, &undecided].into_iter().filter_map(|other| other.get(about));
            let notes = elsewhere.flat_map(|(_, reasons)| reasons).map(|it| format!("another copy: {it}"));
            let notes = notes.collect::<Vec<_>>().join("; ");
            let Some(first) = findings.first() else { continue };
            let key = ("affected", *id, image.clone(), action, notes);
            grouped.entry(key).or_default().push((*first, component.clone()));
        }
        let open = aside.iter().map(|(about, it)| (about, it, undecided.get(about)));
        let open = open.chain(
            undecided
                .iter()
                .filter_map(|(about, it)| (!aside.contains_key(about)).then_some((about, it, None))),
        );
        for (about, (finding, reasons), more) in open {
            if affected.contains_key(about) {
                continue;
            }
            let (id, image, component) = about;
            let reasons = reasons.iter().chain(more.iter().flat_map(|(_, reasons)| reasons));
            let notes = reasons.map(String::as_str).collect::<Vec<_>>().join("; ");
            let key = ("under_investigation", *id, image.clone(), String::new(), notes);
            grouped.entry(key).or_default().push((*finding, component.clone()));
        }
        let statement = |((status, _, image, action, notes), packages): (_, Vec<(&Finding, String)>)| {
            statement(&packages, image, status, [("action_statement", action), ("status_notes", notes)])
        };
        grouped.into_iter().filter_map(statement).collect()
    }
}

fn statements(results: &[Scanned]) -> Vec<Value> {
    let mut statements = Statements::default();
    for result in results {
        statements.add(result);
    }
    statements.finish()
}

fn statement(
    packages: &[(&Finding, String)],
    image: Option<String>,
    status: &str,
    words: [(&str, String); 2],
) -> Option<Value> {
    let (first, _) = packages.first()?;
    let components: Vec<Value> =
        packages.iter().map(|(_, purl)| json!({"@id": purl, "identifiers": {"purl": purl}})).collect();
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
        let words = words.into_iter().filter(|(_, words)| !words.is_empty());
        members.extend(words.map(|(name, words)| (name.to_owned(), json!(words))));
    }
    Some(statement)
}

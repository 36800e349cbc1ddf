//! CSAF 2.0 (OASIS, 18 November 2022), profile 5 "VEX"; its parts by section:
//!
//! ```json
//! {"document": {"category": "csaf_vex", "tracking": {}, "notes": []},        3.2.1: what was not covered is in the notes
//!  "product_tree": {"full_product_names": [], "relationships": []},          3.2.2: images, packages, packages in images
//!  "vulnerabilities": [{"cve": "…", "product_status": {}, "remediations": []}]}   3.2.3
//! ```
//!
//! As in OpenVEX, nothing is said to be fixed or not affected. Without any vulnerability the profile does not apply, and the
//! category is `csaf_base`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use plimsoll_sbom::DocumentSubject;
use plimsoll_vuln::database::is_cve;
use plimsoll_vuln::{Class, Finding, Fix, GapReason};
use serde_json::{Map, Value, json};

use super::escape::web_address;
use super::{ScanFormat, Style, uuid, words};
use crate::report::scan::{Report, Scanned};

pub(super) struct Csaf;

impl ScanFormat for Csaf {
    fn name(&self) -> &'static str {
        "csaf-vex"
    }

    fn about(&self) -> &'static str {
        "CSAF 2.0, profile VEX"
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut products = Products::default();
        let mut vulnerabilities: BTreeMap<String, Vulnerability<'_>> = BTreeMap::new();
        for result in &report.results {
            let image = products.image(result);
            collect(result, &image, &mut products, &mut vulnerabilities);
        }
        let vulnerabilities: Vec<Value> =
            vulnerabilities.iter().map(|(id, vulnerability)| vulnerability.document(id)).collect();
        let time = report.scanned_at.to_string();
        let mut notes: Vec<Value> = words::not_covered(&report.results, &report.errors)
            .map(|text| json!({"category": "general", "title": "Not covered", "text": text}))
            .collect();
        for result in &report.results {
            let text = format!("{}: {}", result.name(), words::looked_up(&result.scan));
            notes.push(json!({"category": "details", "title": "Looked up", "text": text}));
            for finding in &result.scan.informational {
                let text = format!("{}: {}", result.name(), words::informational(finding));
                notes.push(json!({"category": "other", "title": "Informational", "text": text}));
            }
        }
        let names: Vec<String> = report.results.iter().map(Scanned::name).collect();
        let title = format!(
            "Vulnerabilities of {}",
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        );
        let mut document = json!({
            "document": {
                "category": if vulnerabilities.is_empty() { "csaf_base" } else { "csaf_vex" },
                "csaf_version": "2.0",
                "lang": "en",
                "title": title,
                "publisher": {"category": "other", "name": "plimsoll", "namespace": "https://plimsoll.dev"},
                "tracking": {
                    "id": format!("plimsoll-{}", uuid(&["csaf", &time, &serde_json::to_string(&vulnerabilities)?, &names.join("\0")])),
                    "status": "interim",
                    "version": "1",
                    "initial_release_date": time,
                    "current_release_date": time,
                    "revision_history": [{"date": time, "number": "1", "summary": "Result of a scan"}],
                    "generator": {"date": time, "engine": {"name": "plimsoll", "version": env!("CARGO_PKG_VERSION")}},
                },
            },
        });
        if let Some(members) = document.as_object_mut() {
            if let Some(described) = members.get_mut("document").and_then(Value::as_object_mut)
                && !notes.is_empty()
            {
                described.insert("notes".to_owned(), json!(notes));
            }
            if let Some(tree) = products.tree() {
                members.insert("product_tree".to_owned(), tree);
            }
            if !vulnerabilities.is_empty() {
                members.insert("vulnerabilities".to_owned(), json!(vulnerabilities));
            }
        }
        super::write_json(&document, out)
    }
}

/// The products, by what they are, with the identifiers that the document gives them.
#[derive(Default)]
struct Products {
    names: Vec<Value>,
    packages: BTreeMap<String, String>,
    /// Packages in images: by image and package.
    relationships: BTreeMap<(String, String), String>,
}

impl Products {
    fn image(&mut self, result: &Scanned) -> String {
        let id = format!("image-{}", self.names.len());
        let subject = DocumentSubject {
            name: result.subject.clone(),
            manifest: result.manifest,
            ..DocumentSubject::default()
        };
        let name = result.name();
        let mut product = json!({"product_id": id, "name": if name.is_empty() { "unnamed" } else { &name }});
        if let (Some(members), Some(purl)) = (product.as_object_mut(), subject.purl()) {
            let helper = json!({"purl": purl.to_string()});
            members.insert("product_identification_helper".to_owned(), helper);
        }
        self.names.push(product);
        id
    }

    /// The identifier of a package in an image.
    fn component(&mut self, image: &str, finding: &Finding) -> String {
        let purl = finding.component.to_string();
        let package = if let Some(known) = self.packages.get(&purl) {
            known.clone()
        } else {
            let id = format!("package-{}", self.packages.len());
            let version = finding.component.version().unwrap_or_default();
            let name = format!("{} {version}", finding.component.name());
            self.names.push(json!({
                "product_id": id,
                "name": name.trim(),
                "product_identification_helper": {"purl": purl},
            }));
            self.packages.insert(purl, id.clone());
            id
        };
        let id = format!("{image}:{package}");
        self.relationships.insert((image.to_owned(), package), id.clone());
        id
    }

    fn tree(&self) -> Option<Value> {
        if self.names.is_empty() {
            return None;
        }
        let named: BTreeMap<&str, &str> = self
            .names
            .iter()
            .filter_map(|product| {
                Some((product.get("product_id")?.as_str()?, product.get("name")?.as_str()?))
            })
            .collect();
        let name = |id: &str| named.get(id).copied().unwrap_or(id).to_owned();
        let relationships: Vec<Value> = self
            .relationships
            .iter()
            .map(|((image, package), id)| {
                json!({
                    "category": "default_component_of",
                    "product_reference": package,
                    "relates_to_product_reference": image,
                    "full_product_name": {"product_id": id, "name": format!("{} in {}", name(package), name(image))},
                })
            })
            .collect();
        let mut tree = Map::from_iter([("full_product_names".to_owned(), json!(self.names))]);
        if !relationships.is_empty() {
            tree.insert("relationships".to_owned(), json!(relationships));
        }
        Some(Value::Object(tree))
    }
}

/// What is said about one vulnerability.
#[derive(Default)]
struct Vulnerability<'a> {
    first: Option<&'a Finding>,
    affected: BTreeSet<String>,
    investigated: BTreeSet<String>,
    /// Actions, by category and words, with the products that they are for.
    remediations: BTreeMap<(&'static str, String), BTreeSet<String>>,
    notes: BTreeSet<String>,
}

fn collect<'a>(
    result: &'a Scanned,
    image: &str,
    products: &mut Products,
    vulnerabilities: &mut BTreeMap<String, Vulnerability<'a>>,
) {
    for finding in &result.scan.findings {
        let product = products.component(image, finding);
        let known = vulnerabilities.entry(finding.id.clone()).or_default();
        known.first = known.first.or(Some(finding));
        let category = match &finding.fix {
            _ if finding.class == Class::Malicious => "mitigation",
            Fix::Fixed(_) => "vendor_fix",
            Fix::WontFix => "no_fix_planned",
            Fix::NotFixed | Fix::Unknown => "none_available",
        };
        let remediation = known.remediations.entry((category, words::action(finding))).or_default();
        remediation.insert(product.clone());
        known.affected.insert(product);
    }
    for suppressed in &result.scan.suppressed {
        let finding = &suppressed.finding;
        let product = products.component(image, finding);
        let known = vulnerabilities.entry(finding.id.clone()).or_default();
        known.first = known.first.or(Some(finding));
        known.notes.insert(format!("{}: set aside: {}", result.name(), words::suppressed(suppressed)));
        known.investigated.insert(product);
    }
    for gap in &result.scan.gaps {
        let GapReason::UndecidedRange { advisories, .. } = &gap.reason else { continue };
        for id in advisories {
            let known = vulnerabilities.entry(id.clone()).or_default();
            known.notes.insert(format!("{}: not covered: {}", result.name(), words::gap(gap)));
            known.investigated.insert(image.to_owned());
        }
    }
}

impl Vulnerability<'_> {
    fn document(&self, id: &str) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        let aliases = self.first.map_or(&[][..], |finding| &finding.aliases);
        if is_cve(id) {
            put("cve", json!(id));
        }
        let ids = aliases.iter().map(String::as_str).chain((!is_cve(id)).then_some(id));
        let ids: Vec<Value> = ids
            .filter(|id| !id.is_empty())
            .map(|id| json!({"system_name": system(id), "text": id}))
            .collect();
        if !ids.is_empty() {
            put("ids", json!(ids));
        }
        let mut notes: Vec<Value> = Vec::new();
        let summary = self.first.map(|finding| finding.summary.as_str()).filter(|text| !text.is_empty());
        notes.push(json!({"category": "description", "text": summary.unwrap_or(id)}));
        if let Some(finding) = self.first {
            let severity =
                format!("{}, {}", words::severity(finding), words::origin(&finding.severity_source));
            notes.push(json!({"category": "other", "title": "Severity", "text": severity}));
        }
        notes.extend(self.notes.iter().map(|text| json!({"category": "details", "text": text})));
        put("notes", json!(notes));
        let mut status = Map::new();
        if !self.affected.is_empty() {
            status.insert("known_affected".to_owned(), json!(self.affected));
        }
        // One product has one status.
        let investigated: Vec<&String> = self.investigated.difference(&self.affected).collect();
        if !investigated.is_empty() {
            status.insert("under_investigation".to_owned(), json!(investigated));
        }
        put("product_status", Value::Object(status));
        let remediations: Vec<Value> = self
            .remediations
            .iter()
            .map(|((category, details), products)| {
                json!({"category": category, "details": details, "product_ids": products})
            })
            .collect();
        if !remediations.is_empty() {
            put("remediations", json!(remediations));
        }
        let Some(finding) = self.first else { return Value::Object(members) };
        let likelihood = words::likelihood(finding);
        if !likelihood.is_empty() {
            let threats: Vec<Value> = likelihood
                .iter()
                .map(|details| json!({"category": "exploit_status", "details": details}))
                .collect();
            put("threats", json!(threats));
        }
        let references: Vec<Value> = finding
            .urls
            .iter()
            .filter_map(|url| web_address(url))
            .map(|url| json!({"category": "external", "summary": "More about it", "url": url}))
            .collect();
        if !references.is_empty() {
            put("references", json!(references));
        }
        Value::Object(members)
    }
}

/// Who gives identifiers of this form, as far as their prefix says.
fn system(id: &str) -> &str {
    match id.split('-').next() {
        Some("GHSA") => "GitHub Advisory Database",
        Some("CVE") => "CVE",
        Some(prefix) if !prefix.is_empty() => prefix,
        _ => "OSV",
    }
}

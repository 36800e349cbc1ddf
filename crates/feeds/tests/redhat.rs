//! Red Hat's real documents: every product of a release is answered as a plain reading of the document says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "test code"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::Built;
use plimsoll_vuln::{Finding, Fix, Severity};
use serde_json::Value;

fn built() -> Option<Built> {
    let archive = plimsoll_testkit::published_data("feeds/rhel-csaf-vex-samples.tar.gz")?;
    let built = Built::new(|from| {
        let archive = flate2::read::GzDecoder::new(fs::File::open(archive).unwrap());
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            // The others were written for a test, with what Red Hat never writes.
            let stem = name.strip_prefix("cve-").and_then(|it| it.strip_suffix(".json"));
            if let Some(year) = stem.filter(|it| it.matches('-').count() == 1) {
                let folder = from.join("redhat").join(&year[..4]);
                fs::create_dir_all(&folder).unwrap();
                entry.unpack(folder.join(name)).unwrap();
            }
        }
    });
    let [feed] = &built.report.feeds[..] else { panic!("one feed") };
    eprintln!("{feed}");
    assert_eq!(feed.read, 4);
    Some(built)
}

impl Built {
    fn documents(&self) -> Vec<Value> {
        let years = files(&self.from().join("redhat"));
        years
            .iter()
            .flat_map(|year| files(year))
            .map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
            .collect()
    }

    /// What is found in a package whose release is covered.
    fn covered(&self, purl: &str) -> Vec<Finding> {
        let scan = self.scan_purl(purl);
        assert!(scan.gaps.is_empty(), "{purl}: {:?}", scan.gaps);
        scan.findings
    }

    fn is_affected(&self, release: &str, name: &str, version: &str, epoch: &str, cve: &str) -> bool {
        let version = version.replace('+', "%2B").replace('~', "%7E").replace('^', "%5E");
        let name = name.replace('+', "%2B");
        let purl = format!("pkg:rpm/redhat/{name}@{version}?distro=rhel-{release}&epoch={epoch}");
        self.covered(&purl).iter().any(|finding| finding.id == cve)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Every object in the document that has these members.
fn objects<'v>(value: &'v Value, member: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key(member) {
                found.push(value);
            }
            members.values().for_each(|value| objects(value, member, found));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, member, found)),
        _ => {}
    }
}

#[test]
fn every_product_of_a_release_is_answered_as_the_document_says() {
    let Some(built) = built() else { return };
    let mut asked = BTreeMap::<&str, usize>::new();
    for document in built.documents() {
        let cve = document["vulnerabilities"][0]["cve"].as_str().unwrap().to_owned();
        let mut helpers = Vec::new();
        objects(&document["product_tree"], "product_identification_helper", &mut helpers);
        let helper = |id: &Value, kind: &str| {
            let found = helpers.iter().find(|it| it["product_id"] == *id)?;
            found["product_identification_helper"][kind].as_str().map(str::to_owned)
        };
        let relations: BTreeMap<&str, &Value> = document["product_tree"]["relationships"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["full_product_name"]["product_id"].as_str().unwrap(), it))
            .collect();
        let status = &document["vulnerabilities"][0]["product_status"];
        let mut fixed_names = BTreeSet::new();
        for kind in ["fixed", "known_affected", "known_not_affected"] {
            for product in status[kind].as_array().into_iter().flatten().step_by(3) {
                let Some(relation) = relations.get(product.as_str().unwrap()) else { continue };
                let cpe = helper(&relation["relates_to_product_reference"], "cpe").unwrap();
                let Some(release) = cpe.split(":enterprise_linux:").nth(1) else { continue };
                let release = release.split(':').next().unwrap();
                let reference = &relation["product_reference"];
                let purl = helper(reference, "purl")
                    .unwrap_or_else(|| format!("pkg:rpm/redhat/{}", reference.as_str().unwrap()));
                let Some(package) = purl.strip_prefix("pkg:rpm/redhat/") else { continue };
                let (package, qualifiers) = package.split_once('?').unwrap_or((package, ""));
                let epoch = qualifiers.split('&').find_map(|it| it.strip_prefix("epoch=")).unwrap_or("0");
                let (name, version) = package.split_once('@').unwrap_or((package, ""));
                if name.contains("-debug") {
                    continue;
                }
                let affected = |version: &str| built.is_affected(release, name, version, epoch, &cve);
                match kind {
                    "fixed" => {
                        fixed_names.insert((release.to_owned(), name.to_owned()));
                        assert!(!affected(version), "{cve} {product}");
                        assert!(affected("0-0"), "{cve} {product}");
                    }
                    "known_affected" => assert!(affected("9999-1.el9"), "{cve} {product}"),
                    _ if fixed_names.contains(&(release.to_owned(), name.to_owned())) => continue,
                    _ => assert!(!affected("0-0"), "{cve} {product}"),
                }
                *asked.entry(kind).or_default() += 1;
            }
        }
    }
    eprintln!("{asked:?}");
    assert!(asked["fixed"] > 10 && asked["known_not_affected"] > 40, "{asked:?}");
}

/// CVE-2023-38545: curl of 9.0 (extended updates), 9.2 and 9.3 were fixed by RHSA-2023:5700, 5763 and 6745. That of 8 never had it.
#[test]
fn curl_is_fixed_in_each_minor_release() {
    let Some(built) = built() else { return };
    for (version, expected) in [
        ("7.76.1-14.el9_0.8", true),
        ("7.76.1-14.el9_0.9", false),
        ("7.76.1-19.el9", true),
        ("7.76.1-23.el9_2.3", true),
        ("7.76.1-23.el9_2.4", false),
        ("7.76.1-23.el9_2.5", false),
        ("7.76.1-26.el9", true),
        ("7.76.1-26.el9_3.2", false),
        ("7.76.1-29.el9_4", false),
    ] {
        for name in ["curl", "libcurl", "libcurl-minimal"] {
            assert_eq!(
                built.is_affected("9.3", name, version, "0", "CVE-2023-38545"),
                expected,
                "{name} {version}"
            );
        }
    }
    assert!(!built.is_affected("8.9", "curl", "7.61.1-33.el8", "0", "CVE-2023-38545"));
    let finding = built.covered("pkg:rpm/redhat/libcurl@7.76.1-26.el9?distro=rhel-9.3&epoch=0").remove(0);
    assert_eq!(
        (finding.severity, &finding.fix),
        (Severity::High, &Fix::Fixed(vec!["7.76.1-26.el9_3.2".into()]))
    );
}

/// CVE-2022-38752: Red Hat Enterprise Linux 7 will not fix its snakeyaml, which has a name and no package URL.
#[test]
fn what_will_not_be_fixed_says_so() {
    let Some(built) = built() else { return };
    let finding = built.covered("pkg:rpm/redhat/snakeyaml@1.11-7.el7?distro=rhel-7.9&epoch=0").remove(0);
    assert_eq!((finding.id.as_str(), finding.fix), ("CVE-2022-38752", Fix::WontFix));
}

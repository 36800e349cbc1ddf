//! Distributions' advisories in OSV's format: which release and which packages each statement is about. The documents are cut
//! from real ones, whose identifiers they keep; Rocky Linux's are whole, where the peers are there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "test code"
)]

mod common;

use std::fs;

use common::{AS_OF, Built};
use plimsoll_feeds::Skip;
use plimsoll_vuln::{GapReason, Severity, SeveritySource};
use serde_json::{Value, json};

/// A database of documents in the folder of an ecosystem.
fn built(ecosystem: &str, documents: &[Value]) -> Built {
    Built::new(|from| {
        let folder = from.join(ecosystem);
        fs::create_dir_all(&folder).unwrap();
        for document in documents {
            let name = format!("{}.json", document["id"].as_str().unwrap());
            fs::write(folder.join(name), document.to_string()).unwrap();
        }
    })
}

impl Built {
    fn ids(&self, purl: &str) -> Vec<String> {
        self.findings(purl).into_iter().map(|finding| finding.id).collect()
    }

    fn is_uncovered(&self, purl: &str) -> bool {
        let uncovered = |reason: &GapReason| matches!(reason, GapReason::ReleaseNotCovered(_));
        self.scan_purl(purl).gaps.iter().any(|gap| uncovered(&gap.reason))
    }
}

fn affected(ecosystem: &str, name: &str, fixed: Option<&str>) -> Value {
    let mut events = vec![json!({"introduced": "0"})];
    events.extend(fixed.map(|fixed| json!({"fixed": fixed})));
    json!({"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]})
}

fn advisory(id: &str, upstream: &[&str], affected: &[Value]) -> Value {
    json!({"schema_version": "1.7.0", "id": id, "modified": AS_OF, "aliases": [], "upstream": upstream,
           "details": "A flaw.", "affected": affected})
}

/// `UBUNTU-CVE-2025-0518` and `UBUNTU-CVE-2025-0395`, with two of their packages each, and the notice about the second.
fn ubuntu() -> [Value; 3] {
    let mut ffmpeg = advisory(
        "UBUNTU-CVE-2025-0518",
        &["CVE-2025-0518"],
        &[
            affected("Ubuntu:Pro:20.04:LTS", "ffmpeg", Some("7:4.2.7-0ubuntu0.1+esm8")),
            affected("Ubuntu:24.04:LTS", "ffmpeg", None),
            affected("Ubuntu:Pro:24.04:LTS", "ffmpeg", Some("7:6.1.1-3ubuntu5+esm3")),
        ],
    );
    ffmpeg["severity"] = json!([
        {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:A/VC:L/VI:N/VA:N/SC:L/SI:N/SA:N"},
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"},
        {"type": "Ubuntu", "score": "low"}]);
    let glibc = advisory(
        "UBUNTU-CVE-2025-0395",
        &["CVE-2025-0395"],
        &[
            affected("Ubuntu:Pro:18.04:LTS", "glibc", Some("2.27-3ubuntu1.6+esm4")),
            affected("Ubuntu:22.04:LTS", "glibc", Some("2.35-0ubuntu3.9")),
        ],
    );
    let notice = advisory(
        "USN-7259-1",
        &["CVE-2025-0395"],
        &[affected("Ubuntu:22.04:LTS", "glibc", Some("2.35-0ubuntu3.9"))],
    );
    [ffmpeg, glibc, notice]
}

#[test]
fn what_ubuntu_fixes_for_subscribers_is_open_for_the_public_in_the_same_release() {
    let database = built("Ubuntu", &ubuntu());
    for (purl, expected) in [
        ("pkg:deb/ubuntu/ffmpeg@7%3A4.2.7-0ubuntu0.1?distro=ubuntu-20.04", Some("7:4.2.7-0ubuntu0.1+esm8")),
        ("pkg:deb/ubuntu/ffmpeg@7%3A4.2.7-0ubuntu0.1%2Besm8?distro=ubuntu-20.04", None),
        // Its document also says that it is open for the public, which a subscriber's build does not have.
        ("pkg:deb/ubuntu/ffmpeg@7%3A6.1.1-3ubuntu5?distro=ubuntu-24.04", Some("7:6.1.1-3ubuntu5+esm3")),
        ("pkg:deb/ubuntu/ffmpeg@7%3A6.1.1-3ubuntu5%2Besm3?distro=ubuntu-24.04", None),
        ("pkg:deb/ubuntu/libc6@2.35-0ubuntu3.8?distro=ubuntu-22.04&upstream=glibc", Some("2.35-0ubuntu3.9")),
        ("pkg:deb/ubuntu/libc6@2.35-0ubuntu3.9?distro=ubuntu-22.04&upstream=glibc", None),
        (
            "pkg:deb/ubuntu/libc6@2.27-3ubuntu1.6?distro=ubuntu-bionic&upstream=glibc",
            Some("2.27-3ubuntu1.6+esm4"),
        ),
    ] {
        let found = database.findings(purl);
        let fixes = found.iter().map(|finding| finding.fix.nearest()).collect::<Vec<_>>();
        assert_eq!(fixes, expected.map(Some).into_iter().collect::<Vec<_>>(), "{purl}");
    }
    assert!(database.is_uncovered("pkg:deb/ubuntu/ffmpeg@7%3A5.1.1-1ubuntu1?distro=ubuntu-22.10"));
}

#[test]
fn ubuntus_priority_rates_its_packages_and_its_vector_everybody_elses() {
    let mut documents = ubuntu().to_vec();
    documents[0]["severity"].as_array_mut().unwrap().remove(2);
    let purl = "pkg:deb/ubuntu/ffmpeg@7%3A4.2.7-0ubuntu0.1?distro=ubuntu-20.04";
    let rated = |documents: &[Value]| {
        let found = built("Ubuntu", documents).findings(purl).remove(0);
        (found.severity, found.severity_source)
    };
    assert_eq!(rated(&ubuntu()), (Severity::Low, SeveritySource::Vendor));
    let vector = "CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:A/VC:L/VI:N/VA:N/SC:L/SI:N/SA:N";
    assert_eq!(rated(&documents), (Severity::Medium, SeveritySource::Cvss(vector.into())));

    let other = json!({"id": "PYSEC-1", "modified": AS_OF, "aliases": ["CVE-2025-0518"], "affected": [
        {"package": {"ecosystem": "PyPI", "name": "imageio-ffmpeg"}, "versions": ["0.4.0"]}]});
    let both = Built::new(|from| {
        for (folder, document) in [("Ubuntu", &ubuntu()[0]), ("PyPI", &other)] {
            fs::create_dir_all(from.join(folder)).unwrap();
            fs::write(from.join(folder).join("document.json"), document.to_string()).unwrap();
        }
    });
    let found = both.findings("pkg:pypi/imageio-ffmpeg@0.4.0").remove(0);
    let alias = SeveritySource::Alias("UBUNTU-CVE-2025-0518".into());
    assert_eq!((found.severity, found.severity_source), (Severity::Medium, alias), "not Ubuntu's word");
}

#[test]
fn a_notice_counts_where_no_document_is_about_its_vulnerabilities() {
    let glibc = "pkg:deb/ubuntu/glibc@2.35-0ubuntu3.8?distro=ubuntu-22.04";
    let [_, document, notice] = ubuntu();
    let both = built("Ubuntu", &[document, notice.clone()]);
    let feed = &both.report.feeds[0];
    assert_eq!((feed.read, feed.kept, feed.skipped[&Skip::Repeated].count), (2, 1, 1));
    assert_eq!(both.ids(glibc), ["CVE-2025-0395"]);
    let alone = built("Ubuntu", &[notice]);
    assert_eq!((alone.report.feeds[0].kept, alone.ids(glibc)), (1, vec!["CVE-2025-0395".to_owned()]));
}

#[test]
fn validated_builds_are_judged_by_what_is_known_about_them() {
    let openssl = advisory(
        "UBUNTU-CVE-2024-5535",
        &["CVE-2024-5535"],
        &[
            affected("Ubuntu:20.04:LTS", "openssl", Some("1.1.1f-1ubuntu2.23")),
            affected("Ubuntu:Pro:FIPS-updates:20.04:LTS", "openssl", Some("1.1.1f-1ubuntu2.fips.2.8")),
        ],
    );
    let database = built("Ubuntu", &[openssl]);
    let found = |version: &str| {
        !database.ids(&format!("pkg:deb/ubuntu/openssl@{version}?distro=ubuntu-20.04")).is_empty()
    };
    // Among the versions of others, `2.fips…` comes after every `2.23`.
    assert_eq!((found("1.1.1f-1ubuntu2.fips.2"), found("1.1.1f-1ubuntu2.fips.2.8")), (true, false));
    assert_eq!((found("1.1.1f-1ubuntu2.22"), found("1.1.1f-1ubuntu2.23")), (true, false));
    assert!(database.is_uncovered("pkg:deb/ubuntu/openssl@3.0.2-0ubuntu1.fips.1?distro=ubuntu-22.04"));
}

#[test]
fn every_distribution_at_osv_is_found_under_the_release_that_its_images_name() {
    for (folder, ecosystem, name, fixed, purl) in [
        (
            "SUSE",
            "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
            "runc",
            "1.1.11-150000.58.1",
            "pkg:rpm/suse/runc@1.1.10-150000.55.1?distro=sles-15.5",
        ),
        (
            "openSUSE",
            "openSUSE:Leap 15.5",
            "runc",
            "1.1.11-150000.58.1",
            "pkg:rpm/opensuse/runc@1.1.10-150000.55.1?distro=opensuse-leap-15.5",
        ),
        (
            "openSUSE",
            "openSUSE:Tumbleweed",
            "runc",
            "1.1.11-1.1",
            "pkg:rpm/opensuse-tumbleweed/runc@1.1.10-1.1",
        ),
        (
            "Photon OS",
            "Photon OS:4.0",
            "curl",
            "8.1.2-1.ph4",
            "pkg:rpm/photon/curl@8.1.1-1.ph4?distro=photon-4.0",
        ),
        (
            "Azure Linux",
            "Azure Linux:3",
            "curl",
            "8.8.0-2.azl3",
            "pkg:rpm/azurelinux/curl@8.8.0-1.azl3?distro=azurelinux-3.0",
        ),
        (
            "Mageia",
            "Mageia:9",
            "curl",
            "7.88.1-4.1.mga9",
            "pkg:rpm/mageia/curl@7.88.1-4.mga9?distro=mageia-9",
        ),
        (
            "openEuler",
            "openEuler:24.03-LTS-SP1",
            "curl",
            "8.4.0-10.oe2403sp1",
            "pkg:rpm/openeuler/curl@8.4.0-9.oe2403sp1?distro=openeuler-24.03",
        ),
        (
            "Red Hat",
            "Red Hat:enterprise_linux:9::appstream",
            "curl",
            "0:7.76.1-26.el9_3.2",
            "pkg:rpm/redhat/curl@7.76.1-26.el9?distro=rhel-9.3&epoch=0",
        ),
        (
            "Rocky Linux",
            "Rocky Linux:8",
            "firefox",
            "0:102.11.0-2.el8_7",
            "pkg:rpm/rocky/firefox@102.10.0-1.el8_7?distro=rocky-8.7&epoch=0",
        ),
        ("Wolfi", "Wolfi", "openssl", "3.3.1-r1", "pkg:apk/wolfi/openssl@3.3.0-r0"),
        ("Chainguard", "Chainguard", "openssl", "3.3.1-r1", "pkg:apk/chainguard/openssl@3.3.0-r0"),
        ("MinimOS", "MinimOS", "openssl", "3.3.1-r1", "pkg:apk/minimos/openssl@3.3.0-r0"),
        (
            "Alpaquita",
            "Alpaquita:23",
            "openssl",
            "3.3.1-r1",
            "pkg:apk/alpaquita/openssl@3.3.0-r0?distro=alpaquita-23",
        ),
        (
            "BellSoft Hardened Containers",
            "BellSoft Hardened Containers:25",
            "openssl",
            "3.3.1-r1",
            "pkg:apk/bellsoft-hardened-containers/openssl@3.3.0-r0?distro=bellsoft-hardened-containers-25",
        ),
        ("CleanStart", "CleanStart", "openssl", "3.3.1-r1", "pkg:apk/cleanstart/openssl@3.3.0-r0"),
        ("Echo", "Echo", "nginx", "1.25.2-1", "pkg:deb/echo/nginx@1.25.1-1"),
    ] {
        let document = advisory("X-2024:1", &["CVE-2024-1"], &[affected(ecosystem, name, Some(fixed))]);
        let database = built(folder, &[document]);
        assert_eq!(database.ids(purl), ["CVE-2024-1"], "{purl}");
        let repaired = purl.replace(
            purl.split_once('@').unwrap().1.split('?').next().unwrap(),
            fixed.trim_start_matches("0:"),
        );
        assert_eq!(database.ids(&repaired), Vec::<String>::new(), "{repaired}");
        let gaps = database.scan_purl(&repaired).gaps;
        assert!(gaps.is_empty(), "{repaired}: {gaps:?}");
    }
}

/// The modules of 12 have no service packs of their own; images name one.
#[test]
fn a_module_of_suse_is_for_each_service_pack() {
    let containers =
        affected("SUSE:Linux Enterprise Module for Containers 12", "runc", Some("1.1.11-16.43.1"));
    let database = built("SUSE", &[advisory("SUSE-SU-2024:1", &["CVE-2024-1"], &[containers])]);
    for release in ["12", "12.3", "12.5"] {
        let of = |version: &str| database.ids(&format!("pkg:rpm/suse/runc@{version}?distro=sles-{release}"));
        assert_eq!(of("1.1.10-16.40.1"), ["CVE-2024-1"], "{release}");
        assert!(of("1.1.11-16.43.1").is_empty(), "{release}");
    }
    assert!(database.is_uncovered("pkg:rpm/suse/runc@1.1.10-1.1?distro=sles-15.5"));
}

#[test]
fn every_language_at_osv_is_found_by_its_package_urls() {
    for (ecosystem, name, fixed, purl) in [
        ("npm", "@babel/traverse", "7.23.2", "pkg:npm/%40babel/traverse@7.23.1"),
        ("Maven", "org.yaml:snakeyaml", "2.0", "pkg:maven/org.yaml/snakeyaml@1.33"),
        ("NuGet", "Newtonsoft.Json", "13.0.1", "pkg:nuget/newtonsoft.json@12.0.3"),
        ("Packagist", "twig/twig", "3.4.3", "pkg:composer/twig/twig@v3.4.2"),
        ("Hex", "phoenix", "1.6.14", "pkg:hex/phoenix@1.6.13"),
        ("Pub", "http", "0.13.3", "pkg:pub/http@0.13.2"),
        ("Hackage", "aeson", "2.0.1.0", "pkg:hackage/aeson@1.5.6.0"),
        ("CRAN", "commonmark", "1.8", "pkg:cran/commonmark@1.7"),
        ("Bioconductor", "rhdf5", "2.40.1", "pkg:bioconductor/rhdf5@2.40.0"),
        ("SwiftURL", "github.com/vapor/vapor", "4.84.2", "pkg:swift/github.com/vapor/vapor@4.84.1"),
        (
            "SwiftURL",
            "https://github.com/Vapor/vapor.git",
            "4.84.2",
            "pkg:swift/github.com/vapor/vapor@4.84.1",
        ),
        ("ConanCenter", "zlib", "1.2.13", "pkg:conan/zlib@1.2.12"),
        (
            "GitHub Actions",
            "tj-actions/changed-files",
            "46.0.1",
            "pkg:githubactions/tj-actions/changed-files@45.0.7",
        ),
        ("Julia", "HTTP", "1.10.1", "pkg:julia/HTTP@1.10.0?uuid=cd3eb016-35fb-5094-929b-558a96fad6f3"),
        ("Bitnami", "nginx", "1.25.3", "pkg:bitnami/nginx@1.25.2"),
    ] {
        let document = advisory("GHSA-1", &[], &[affected(ecosystem, name, Some(fixed))]);
        let database = built(ecosystem, &[document]);
        assert_eq!(database.ids(purl), ["GHSA-1"], "{purl}");
        let version = purl.rsplit_once('@').unwrap().1.split('?').next().unwrap();
        assert_eq!(database.ids(&purl.replace(version, fixed)), Vec::<String>::new(), "{purl}");
    }
    // Nobody knows what a moving tag or a commit is.
    let document = advisory("GHSA-1", &[], &[affected("GitHub Actions", "a/b", Some("46.0.1"))]);
    let database = built("GitHub Actions", &[document]);
    for version in ["main", "8cba46e29c11878d930bca7870bb54394d3e8b21"] {
        let scan = database.scan_purl(&format!("pkg:githubactions/a/b@{version}"));
        assert!(scan.findings.is_empty() && scan.gaps.len() == 1, "{version}: {:?}", scan.gaps);
    }
}

#[test]
fn rocky_linuxs_real_errata_are_one_finding_for_each_of_their_cves() {
    let Some(peer) = plimsoll_testkit::peer_program("vunnel/PKG-INFO", "$PLIMSOLL_PEERS/vunnel") else {
        return;
    };
    let folder = peer.with_file_name("tests").join("unit/providers/rocky/test-fixtures/osv");
    let documents: Vec<Value> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap())
        .collect();
    assert_eq!(documents.len(), 3);
    let database = built("Rocky Linux", &documents);
    assert!(database.database.feeds().iter().all(|feed| !feed.unproven));
    let mut asked = 0;
    for document in &documents {
        let cves = document["related"].as_array().or(document["upstream"].as_array()).unwrap();
        for affected in document["affected"].as_array().unwrap() {
            let (name, ecosystem) = (&affected["package"]["name"], &affected["package"]["ecosystem"]);
            let release = ecosystem.as_str().unwrap().split_once(':').unwrap().1;
            let fixed = affected["ranges"][0]["events"][1]["fixed"].as_str().unwrap();
            let (epoch, fixed) = fixed.split_once(':').unwrap();
            let module = document["summary"]
                .as_str()
                .unwrap()
                .split(' ')
                .find(|word| word.matches(':').count() == 1 && !word.ends_with(':'));
            let module = module.filter(|_| fixed.contains(".module")).map(|it| format!("&rpmmod={it}"));
            let purl = |version: &str| {
                let name = name.as_str().unwrap().replace('+', "%2B");
                let version = version.replace('+', "%2B");
                format!(
                    "pkg:rpm/rocky/{name}@{version}?distro=rocky-{release}&epoch={epoch}{}",
                    module.as_deref().unwrap_or_default()
                )
            };
            let older = fixed.replacen(|c: char| c.is_ascii_digit(), "0", 1);
            let older = if older == fixed { fixed.replacen('0', "0~1", 1) } else { older };
            let found = database.ids(&purl(&older));
            for cve in cves {
                assert!(found.iter().any(|id| id == cve.as_str().unwrap()), "{} {found:?}", purl(&older));
            }
            assert!(database.ids(&purl(fixed)).is_empty(), "{}", purl(fixed));
            asked += 1;
        }
    }
    assert!(asked > 3, "{asked}");
}

/// The real files, in which `0` means that the package never had it.
#[test]
fn security_databases_with_one_release_answer_as_their_files_say() {
    let Some(peer) = plimsoll_testkit::peer_program("vunnel/PKG-INFO", "$PLIMSOLL_PEERS/vunnel") else {
        return;
    };
    let providers = peer.with_file_name("tests").join("unit/providers");
    let mut asked = 0;
    for (id, name) in [("wolfi", "Wolfi"), ("chainguard", "Chainguard"), ("minimos", "MinimOS")] {
        let bytes = fs::read(providers.join(id).join("test-fixtures/input/secdb/security.json")).unwrap();
        let database = Built::new(|from| {
            fs::create_dir_all(from.join(id)).unwrap();
            fs::write(from.join(id).join("security.json"), &bytes).unwrap();
        });
        assert_eq!(database.report.feeds[0].ecosystem, name);
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        for package in document["packages"].as_array().unwrap() {
            let package = &package["pkg"];
            let purl = |version: &str| {
                format!("pkg:apk/{id}/{}@{version}", package["name"].as_str().unwrap().replace('+', "%2B"))
            };
            for (version, identifiers) in package["secfixes"].as_object().unwrap() {
                let oldest = database.ids(&purl("0.0.0-r0"));
                for identifier in identifiers.as_array().unwrap() {
                    let identifier = identifier.as_str().unwrap();
                    let is_found = |ids: &[String]| ids.iter().any(|id| id == identifier);
                    assert_eq!(is_found(&oldest), version != "0", "{} {identifier}", purl(version));
                    let at_fix = if version == "0" { "0.0.0-r0" } else { version };
                    assert!(!is_found(&database.ids(&purl(at_fix))), "{} {identifier}", purl(at_fix));
                    asked += 1;
                }
            }
        }
        assert!(database.scan_purl(&format!("pkg:apk/{id}/unheard-of@1.0-r0?upstream=x")).gaps.is_empty());
    }
    assert!(asked > 200, "{asked}");
}

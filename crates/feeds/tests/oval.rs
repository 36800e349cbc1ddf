//! Oracle's and Microsoft's real definitions in OVAL, and what modules and alternatives mean.

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
use std::path::PathBuf;

use common::Built;
use plimsoll_core::Limits;
use plimsoll_feeds::Error;
use plimsoll_vuln::{Finding, Severity};

fn built(file: &str, content: &[u8], limits: &Limits) -> Result<Built, Error> {
    Built::within(limits, |from| {
        let path = from.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    })
}

fn real(file: &str, sample: &str) -> Option<Built> {
    let peer = plimsoll_testkit::peer_program("vunnel/PKG-INFO", "$PLIMSOLL_PEERS/vunnel")?;
    let sample: PathBuf = peer.with_file_name("tests").join("unit/providers").join(sample);
    Some(built(file, &fs::read(sample).unwrap(), &Limits::default()).unwrap())
}

/// What is found in a package whose release is covered.
fn findings(built: &Built, purl: &str) -> Vec<Finding> {
    let scan = built.scan_purl(purl);
    assert!(scan.gaps.is_empty(), "{purl}: {:?}", scan.gaps);
    scan.findings
}

fn ids(built: &Built, purl: &str) -> Vec<String> {
    findings(built, purl).into_iter().map(|finding| finding.id).collect()
}

#[test]
fn azure_linuxs_definitions_say_what_they_say() {
    let Some(azure) = real(
        "azurelinux/azurelinux-3.0-oval.xml",
        "mariner/test-fixtures/azure-linux-truncated-3.0-oval.xml",
    ) else {
        return;
    };
    assert_eq!((azure.report.feeds[0].read, azure.report.feeds[0].kept), (3, 3));
    let at = |name: &str, version: &str| {
        ids(&azure, &format!("pkg:rpm/azurelinux/{name}@{version}?distro=azurelinux-3.0&epoch=0"))
    };
    assert_eq!(at("freeglut", "3.3.0-1.azl3"), ["CVE-2024-24258", "CVE-2024-24259"]);
    assert!(at("freeglut", "3.4.0-1.azl3").is_empty());
    let finding =
        findings(&azure, "pkg:rpm/azurelinux/ceph@18.2.0-1.azl3?distro=azurelinux-3.0&epoch=0").remove(0);
    assert_eq!((finding.id.as_str(), finding.severity), ("CVE-2020-27304", Severity::Critical));
    assert_eq!(finding.fix.nearest(), Some("18.2.1-1.azl3"));

    let Some(mariner) =
        real("azurelinux/cbl-mariner-2.0-oval.xml", "mariner/test-fixtures/mariner-truncated-2.0-oval.xml")
    else {
        return;
    };
    let at = |name: &str, version: &str| {
        ids(&mariner, &format!("pkg:rpm/mariner/{name}@{version}?distro=mariner-2.0&epoch=0"))
    };
    // CVE-2023-29404 is only in versions after 1.19.0.
    assert!(at("golang", "1.18.0-1.cm2").is_empty());
    assert_eq!(at("golang", "1.20.0-1.cm2"), ["CVE-2023-29404"]);
    assert!(at("golang", "1.20.7-1.cm2").is_empty());
    // CVE-2022-3736 is in 9.16.33-1 itself.
    assert_eq!(at("bind", "9.16.33-1.cm2"), ["CVE-2022-3736"]);
    assert!(at("bind", "9.16.33-2.cm2").is_empty());
}

/// The real file is cut: of ELSA-2007-0057 it has a test and a state, but not the object that they are about.
#[test]
fn oracles_errata_are_one_finding_for_each_of_their_cves() {
    let Some(peer) = plimsoll_testkit::peer_program("vunnel/PKG-INFO", "$PLIMSOLL_PEERS/vunnel") else {
        return;
    };
    let sample = peer.with_file_name("tests").join("unit/providers/oracle/test-fixtures/mock_data");
    let object = "<rpminfo_object id=\"oval:com.oracle.elsa:obj:20070057004\"><name>bind-devel</name></rpminfo_object>";
    let whole = fs::read_to_string(sample).unwrap().replace("</objects>", &format!("{object}</objects>"));
    let oracle = built("oracle/com.oracle.elsa-all.xml", whole.as_bytes(), &Limits::default()).unwrap();
    let at = |version: &str| {
        findings(&oracle, &format!("pkg:rpm/oracle/bind-devel@{version}?distro=ol-5.11&epoch=30"))
    };
    let found = at("9.3.3-7.el5");
    let ids: Vec<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!(ids, ["CVE-2007-0493", "CVE-2007-0494"]);
    assert!(at("9.3.3-8.el5").is_empty());
    assert_eq!(found[0].severity, Severity::Medium);
    assert_eq!(*found[0].urls, ["https://linux.oracle.com/errata/ELSA-2007-0057.html"]);
    assert_eq!(found[0].published.unwrap().to_string(), "2007-06-26T00:00:00Z");
}

#[test]
fn builds_for_ksplice_are_no_fixes_of_others() {
    let ksplice = MODULE
        .replace("1:18.19.0-1.module+el8.9.0+1", "2:18.19.0-1.ksplice1.el8")
        .replace("unheard of", "less than")
        .replace("1:10-1", "2:10-1.ksplice1.el8");
    let report = built("oracle/a.xml", ksplice.as_bytes(), &Limits::default()).unwrap().report;
    assert_eq!(report.feeds[0].kept, 0);
}

/// Their versions are above all others, so that they would have every fix.
#[test]
fn builds_for_ksplice_and_fips_are_a_gap() {
    let oracle = built("oracle/a.xml", MODULE.as_bytes(), &Limits::default()).unwrap();
    for version in ["18.20.0-1.ksplice1.el8", "18.20.0-1.el8_fips"] {
        let purl = format!("pkg:rpm/oracle/nodejs@{version}?distro=ol-8.9&epoch=2&rpmmod=nodejs%3A18");
        let scan = oracle.scan_purl(&purl);
        assert_eq!((scan.gaps.len(), scan.matched_components), (1, 0), "{version}: {:?}", scan.gaps);
    }
}

const MODULE: &str = r#"<oval_definitions><definitions>
<definition id="oval:com.oracle.elsa:def:1" class="patch"><metadata><title>ELSA-2024-1: nodejs:18 security update (IMPORTANT)</title>
<affected family="unix"><platform>Oracle Linux 8</platform></affected>
<reference source="elsa" ref_id="ELSA-2024-1" ref_url="https://linux.oracle.com/errata/ELSA-2024-1.html"/>
<reference source="CVE" ref_id="CVE-2024-1" ref_url="x"/>
<advisory><severity>IMPORTANT</severity><issued date="2024-01-02"/></advisory></metadata>
<criteria operator="AND"><criterion test_ref="t0" comment="Oracle Linux 8 is installed"/>
<criterion test_ref="t9" comment="Module nodejs:18 is enabled"/>
<criteria operator="OR"><criteria operator="AND"><criterion test_ref="t1" comment="nodejs is earlier than 18.19"/></criteria>
<criterion test_ref="t2" comment="npm is earlier than 10"/></criteria></criteria></definition></definitions>
<tests><rpminfo_test id="t1"><object object_ref="o1"/><state state_ref="s1"/></rpminfo_test>
<rpminfo_test id="t2"><object object_ref="o2"/><state state_ref="s2"/></rpminfo_test></tests>
<objects><rpminfo_object id="o1"><name>nodejs</name></rpminfo_object><rpminfo_object id="o2"><name>npm</name></rpminfo_object></objects>
<states><rpminfo_state id="s1"><evr operation="less than">1:18.19.0-1.module+el8.9.0+1</evr></rpminfo_state>
<rpminfo_state id="s2"><evr operation="unheard of">1:10-1</evr></rpminfo_state></states></oval_definitions>"#;

#[test]
fn a_module_holds_for_the_criteria_below_it() {
    let oracle = built("oracle/a.xml", MODULE.as_bytes(), &Limits::default()).unwrap();
    let at = |stream: &str| {
        let version = "18.18.0-1.module%2Bel8.8.0%2B1";
        ids(
            &oracle,
            &format!("pkg:rpm/oracle/nodejs@{version}?distro=ol-8.9&epoch=1&rpmmod=nodejs%3A{stream}"),
        )
    };
    assert_eq!(at("18"), ["CVE-2024-1"]);
    assert!(at("20").is_empty());
    let undecided: u64 = oracle.report.feeds[0].doubts.values().map(|tally| tally.count).sum();
    assert_eq!(undecided, 1, "an operation that is not known");
}

/// One erratum for two releases, each with its own fix, as Oracle writes kernels.
#[test]
fn each_platform_of_a_definition_has_its_own_packages() {
    let platforms = "<platform>Oracle Linux 7</platform><platform>Oracle Linux 8</platform>";
    let both = MODULE.replace("<platform>Oracle Linux 8</platform>", platforms);
    let of_each = both.replace("unheard of", "less than").replace(
        &MODULE[MODULE.find("<criteria").unwrap()..MODULE.find("</definition>").unwrap()],
        r#"<criteria operator="OR">
<criteria operator="AND"><criterion test_ref="t8" comment="Oracle Linux 7 is installed"/>
<criteria operator="OR"><criterion test_ref="t1" comment="nodejs is earlier than 18.19"/></criteria></criteria>
<criteria operator="AND"><criterion test_ref="t0" comment="Oracle Linux 8 is installed"/>
<criteria operator="OR"><criterion test_ref="t2" comment="npm is earlier than 10"/></criteria></criteria></criteria>"#,
    );
    let affected = |content: &str, package: &str, release: &str| {
        let oracle = built("oracle/a.xml", content.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(oracle.database.feeds()[0].releases, ["7", "8"]);
        let purl = format!("pkg:rpm/oracle/{package}@1-1?distro=ol-{release}&epoch=1&rpmmod=nodejs%3A18");
        !ids(&oracle, &purl).is_empty()
    };
    for (package, release, expected) in
        [("nodejs", "7", true), ("nodejs", "8", false), ("npm", "7", false), ("npm", "8", true)]
    {
        assert_eq!(affected(&of_each, package, release), expected, "{package} {release}");
    }
    // Criteria that name no release are about all of them.
    let unsaid = both.replace(r#"<criterion test_ref="t0" comment="Oracle Linux 8 is installed"/>"#, "");
    assert_ne!(unsaid, both);
    assert!(affected(&unsaid, "nodejs", "7") && affected(&unsaid, "nodejs", "8"));
}

#[test]
fn p02_p04_what_is_no_definition_fails_with_its_file_and_within_the_limits() {
    let entity =
        format!("<!DOCTYPE a [<!ENTITY x '{}'>]>{}", "x".repeat(1000), MODULE.replace("IMPORTANT", "&x;"));
    assert_eq!(built("oracle/a.xml", entity.as_bytes(), &Limits::default()).unwrap().report.feeds[0].kept, 1);
    for broken in [
        String::new(),
        MODULE[..MODULE.len() - 10].to_owned(),
        MODULE.replace("<tests>", &"<criteria>".repeat(5_000)),
        MODULE.replace("</tests>", "</test>"),
        MODULE.replace(
            "</affected>",
            &format!("{}</affected>", "<platform>Oracle Linux 8</platform>".repeat(16)),
        ),
        "{}".to_owned(),
    ] {
        let error = built("oracle/a.xml", broken.as_bytes(), &Limits::default()).err().unwrap().to_string();
        assert!(error.contains("a.xml") && error.len() < 1_000, "{error}");
    }
    let mut limits = Limits::default();
    limits.feed_bytes = 100;
    let error = built("oracle/a.xml", MODULE.as_bytes(), &limits).err().unwrap().to_string();
    assert!(error.contains("feed_bytes"), "{error}");
    let mut limits = Limits::default();
    limits.advisories = 1;
    let many = MODULE.replace("<states>", &format!("<states>{}", "<rpminfo_state id=\"x\"/>".repeat(20)));
    let error = built("oracle/a.xml", many.as_bytes(), &limits).err().unwrap().to_string();
    assert!(error.contains("advisories"), "{error}");
    // What would be a name with marks in it is no package.
    let marked = MODULE.replace("<name>nodejs<", "<name>node\u{202e}\u{1b}js<");
    let report = built("oracle/a.xml", marked.as_bytes(), &Limits::default()).unwrap().report;
    assert!(report.feeds[0].doubts.values().map(|tally| tally.count).sum::<u64>() >= 1);
}

/// What is said about a package with the fix, and about one without it.
fn told(document: &str) -> (String, String) {
    let built = built("oracle/a.xml", document.as_bytes(), &Limits::default()).unwrap();
    let at = |version: &str| {
        let purl = format!("pkg:rpm/oracle/nodejs@{version}?distro=ol-8.9&epoch=1&rpmmod=nodejs%3A18");
        let scan = built.scan_purl(&purl);
        match (scan.findings.len(), scan.gaps.as_slice()) {
            (0, []) => "clean".to_owned(),
            (1, []) => "affected".to_owned(),
            (0, [gap]) if matches!(gap.reason, plimsoll_vuln::GapReason::UndecidedRange { .. }) => {
                "undecided".to_owned()
            }
            other => format!("{other:?}"),
        }
    };
    (at("18.18.0-1.module%2Bel8.8.0%2B1"), at("18.20.0-1.module%2Bel8.9.0%2B1"))
}

fn pair(of_old: &str, of_new: &str) -> (String, String) {
    (of_old.to_owned(), of_new.to_owned())
}

#[test]
fn a_definition_that_negates_something_is_undecided_and_never_clean() {
    assert_eq!(told(MODULE), pair("affected", "clean"));
    for (from, to) in [
        ("<criterion test_ref=\"t1\"", "<criterion negate=\"true\" test_ref=\"t1\""),
        ("<criterion test_ref=\"t0\"", "<criterion negate=\"true\" test_ref=\"t0\""),
        ("<criterion test_ref=\"t9\"", "<criterion negate=\"1\" test_ref=\"t9\""),
        (
            "<criteria operator=\"AND\"><criterion test_ref=\"t0\"",
            "<criteria negate=\"true\" operator=\"AND\"><criterion test_ref=\"t0\"",
        ),
        ("<criteria operator=\"OR\">", "<criteria operator=\"XOR\">"),
        ("<criteria operator=\"OR\">", "<criteria operator=\"OR\"><extend_definition definition_ref=\"d\"/>"),
        (
            "<criterion test_ref=\"t9\"",
            "<extend_definition negate=\"true\" definition_ref=\"d\"/><criterion test_ref=\"t9\"",
        ),
    ] {
        let changed = MODULE.replace(from, to);
        assert_ne!(changed, MODULE, "{from}");
        assert_eq!(told(&changed), pair("undecided", "undecided"), "{to}");
    }
    let kept = MODULE.replace("<criterion test_ref=\"t1\"", "<criterion negate=\"false\" test_ref=\"t1\"");
    assert_eq!(told(&kept), pair("affected", "clean"));
}

#[test]
fn a_test_that_cannot_be_resolved_leaves_its_package_undecided() {
    for (from, to) in [
        // What its comment is about.
        ("<rpminfo_test id=\"t1\">", "<rpminfo_test id=\"elsewhere\">"),
        ("<rpminfo_object id=\"o1\">", "<rpminfo_object id=\"elsewhere\">"),
        ("<rpminfo_state id=\"s1\">", "<rpminfo_state id=\"elsewhere\">"),
        ("<name>nodejs</name>", "<name operation=\"pattern match\">node.*</name>"),
        ("<name>nodejs</name>", "<name var_ref=\"v\"></name>"),
        ("<rpminfo_test id=\"t1\">", "<rpminfo_test id=\"t1\" check=\"none satisfy\">"),
        ("<rpminfo_test id=\"t1\">", "<rpminfo_test id=\"t1\" check_existence=\"none_exist\">"),
        ("<state state_ref=\"s1\"/>", "<state state_ref=\"s1\"/><state state_ref=\"s2\"/>"),
        (
            "1:18.19.0-1.module+el8.9.0+1</evr>",
            "1:18.19.0-1.module+el8.9.0+1</evr><evr operation=\"less than\">1:1-1</evr>",
        ),
    ] {
        let changed = MODULE.replace(from, to);
        assert_ne!(changed, MODULE, "{from}");
        assert_eq!(told(&changed), pair("undecided", "undecided"), "{to}");
    }
    // Without a comment, nobody knows which package it is about: all of the definition are undecided.
    let silent = MODULE
        .replace("comment=\"npm is earlier than 10\"", "")
        .replace("<rpminfo_test id=\"t2\">", "<rpminfo_test id=\"elsewhere\">");
    assert_eq!(told(&silent), pair("undecided", "undecided"));
    // If nobody knows any package, the definition is counted as malformed.
    let nothing = MODULE
        .replace("nodejs is earlier than 18.19", "")
        .replace("npm is earlier than 10", "")
        .replace("rpminfo_object", "other_object");
    let report = built(
        "oracle/a.xml",
        nothing.replace("<name>", "<title>").replace("</name>", "</title>").as_bytes(),
        &Limits::default(),
    )
    .unwrap()
    .report;
    let told = report.feeds[0].to_string();
    assert!(told.contains("malformed"), "{told}");
}

/// Who signed it, or for which processor it is, only makes less affected.
#[test]
fn conditions_of_other_kinds_beside_a_version_are_left_out() {
    let signed = MODULE
        .replace("</criteria>\n<criterion test_ref=\"t2\"", "<criterion test_ref=\"t3\" comment=\"nodejs is signed\"/></criteria>\n<criterion test_ref=\"t2\"")
        .replace("</tests>", "<rpminfo_test id=\"t3\"><object object_ref=\"o1\"/><state state_ref=\"s3\"/></rpminfo_test></tests>")
        .replace("</states>", "<rpminfo_state id=\"s3\"><signature_keyid operation=\"equals\">72f97b74ec551f03</signature_keyid></rpminfo_state></states>");
    assert_ne!(signed.len(), MODULE.len());
    assert!(signed.contains("nodejs is signed"));
    assert_eq!(told(&signed), pair("affected", "clean"));
}

//! VEX documents in every format. Whatever is read, no finding is lost, and nothing is set aside without a reason.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_vuln::vex::{ScannedImage, Scene, Statements, VexStatus, read};
use plimsoll_vuln::{Class, Finding, Fix, Scan, Severity, SeveritySource, Shared, Suppression};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = read(bytes, "input", 1 << 20) else { return };
    let image = ScannedImage {
        digests: vec![Digest::sha256(b"manifest")],
        repository: Some("registry.example/team/app".to_owned()),
        tag: Some("1".to_owned()),
        architecture: Some("amd64".to_owned()),
        purl: None,
        os: Some(("rhel".to_owned(), "9.4".to_owned())),
    };
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let purls =
        ["pkg:apk/alpine/zlib@1-r0", "pkg:rpm/redhat/curl@7.76.1-1.el9?distro=rhel-9.4", "pkg:npm/lib@1.0.0"];
    let findings: Vec<Finding> = purls.iter().map(|purl| finding(purl)).collect();
    let mut scan = Scan { findings, ..Scan::default() };
    let scene = Scene { image: &image, inventory: None, now };
    Statements::new(vec![document]).settle(&mut scan, &scene).unwrap();
    assert_eq!(scan.findings.len() + scan.suppressed.len(), purls.len());
    for suppressed in &scan.suppressed {
        let Suppression::Vex(said) = &suppressed.reason else { panic!("set aside by something else") };
        let has_reason = said.justification.is_some() || said.statement.is_some();
        assert!(said.status == VexStatus::Fixed || said.status == VexStatus::NotAffected && has_reason);
        assert!(said.timestamp.is_none_or(|time| time <= now + std::time::Duration::from_secs(300)));
    }
});

fn finding(purl: &str) -> Finding {
    Finding {
        id: "CVE-2026-0001".to_owned(),
        advisory: "CVE-2026-0001".to_owned(),
        class: Class::default(),
        aliases: Shared::default(),
        named_by: Shared::default(),
        component: purl.parse().unwrap(),
        package: "zlib".to_owned(),
        version: "1-r0".to_owned(),
        severity: Severity::High,
        severity_source: SeveritySource::default(),
        exploited: None,
        likelihood: None,
        linked: None,
        cpe: None,
        without_epochs: false,
        fix: Fix::Unknown,
        summary: Shared::default(),
        locations: Shared::default(),
        published: None,
        modified: None,
        urls: Shared::default(),
    }
}

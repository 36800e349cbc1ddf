//! The verdict as JSON, for one image with everything in it: a signature, a waived finding, one that blocks,
//! a waiver that has expired, a gap. The keys and bundles in `tests/data` were made once, so that their
//! digests stay the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use common::*;
use plimsoll_policy::{
    Collected, DenyList, Evidence, Policy, RejectedSignature, Signatures, Verdict, Waiver,
};
use plimsoll_verify::{Bundle, PublicKey, statement_by_key};
use plimsoll_vuln::{Fix, Severity};
use serde_json::json;

const POLICY: &str = "\
apiVersion: plimsoll.dev/v1
kind: Policy
metadata: { name: production }
spec:
  phase: beta
  match: { images: ['registry.example/team/**'] }
  registries: { allow: ['registry.example/**'] }
  signatures:
    anyOf:
      - name: release
        key: { file: release.pub, notAfter: 2027-01-01T00:00:00Z }
  waivers:
    approvers: [{ name: secops@example, key: { file: secops.pub } }]
";

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn policy() -> Policy {
    Policy::parse(POLICY.as_bytes(), "production.yaml", &|path: &str| Ok(data(path))).unwrap()
}

fn judged(gaps: Vec<plimsoll_vuln::Gap>) -> Verdict {
    let policy = policy();
    let signature = Bundle::parse(&data("app.sigstore.json"), &plimsoll_core::Limits::default()).unwrap();
    let release = PublicKey::from_pem(&data("release.pub")).unwrap();
    let signature = statement_by_key(&signature, &[release]).unwrap();
    let mut python = finding("CVE-2026-2", Severity::High);
    python.component = "pkg:pypi/jinja2@3.1.4".parse::<plimsoll_core::Purl>().unwrap().into();
    (python.package, python.version) = ("jinja2".to_owned(), "3.1.4".to_owned());
    python.fix = Fix::NotFixed;
    let findings =
        vec![finding("CVE-2026-1", Severity::Critical), python, finding("CVE-2026-3", Severity::Medium)];
    let evidence = Evidence {
        signatures: Signatures::Collected(Collected {
            verified: vec![signature],
            rejected: vec![RejectedSignature { digest: layer(), reason: "not a bundle".to_owned() }],
            ..Collected::default()
        })
        .into(),
        vulnerabilities: scanned(findings, gaps),
        ..evidence()
    };
    let mut expired = waiver_with(&json!({"cves": ["CVE-2026-2"], "expires": after(-1).to_string()}));
    expired["metadata"]["name"] = json!("W-0");
    let waivers = [
        Waiver::from_bundle(
            &data("waiver.sigstore.json"),
            "waiver.sigstore.json",
            &policy,
            Err("no root"),
            now(),
            &plimsoll_core::Limits::default(),
        )
        .unwrap(),
        unsigned(&expired),
    ];
    evaluate(&policy, &evidence, &waivers, &DenyList::none(), now())
}

#[test]
fn the_verdict_as_json() {
    insta::assert_json_snapshot!(judged(vec![gap()]));
}

#[test]
fn the_reasons_in_words() {
    insta::assert_json_snapshot!(judged(Vec::new()).reasons, @r#"
    [
      "vulnerabilities: CVE-2026-2 (high) in jinja2 3.1.4; 1 finding waived; waiver W-0 expired 2026-11-20T11:00:00Z"
    ]
    "#);
}

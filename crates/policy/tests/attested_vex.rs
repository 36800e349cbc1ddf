//! Whose VEX counts under a policy, asked when the verdict is made: whoever gathered the evidence may be wrong.

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

use common::{Key, at, evidence, finding, index, judge, key, manifest, policy, rule, scanned};
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{Decision, Detail, Evidence, Outcome, Policy, RejectedSignature, VexFacts, is_vex};
use plimsoll_verify::{Bundle, Statement, Subject, Verified, statement_by_key};
use plimsoll_vuln::Severity;
use serde_json::{Value, json};

const OPENVEX: &str = "https://openvex.dev/ns/v0.2.0";
const CYCLONEDX: &str = "https://cyclonedx.org/vex";
const CSAF: &str = "https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json";

fn accepting(key: &Key, more: &str) -> Policy {
    policy(&spec(&format!("{{ name: psirt, key: {} }}", key.yaml_with(more))))
}

fn spec(signed_by: &str) -> String {
    format!(
        "phase: pilot\ndigest: {{ pinned: false }}\n\
         vulnerabilities: {{ block: [critical], vex: {{ signedBy: [{signed_by}] }} }}"
    )
}

/// A document that the finding's package is not affected, as a part of the image with this digest.
fn document(digest: &Digest, status: &str, time: &str) -> Value {
    let product = format!("pkg:oci/app@{}", digest.to_string().replace(':', "%3A"));
    let package = finding("CVE-2026-1111", Severity::Critical).component.to_string();
    json!({
        "@context": OPENVEX, "@id": "https://acme.example/1", "author": "somebody", "timestamp": time, "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2026-1111"},
            "products": [{"@id": product, "subcomponents": [{"@id": package}]}],
            "status": status, "impact_statement": "not built in"}],
    })
}

fn not_affected() -> Value {
    document(&manifest(), "not_affected", "2026-11-01T00:00:00Z")
}

/// A statement about these images, signed.
fn signed(key: &Key, subjects: &[Digest], predicate_type: &str, predicate: Value) -> Verified<Statement> {
    let mut statement = Statement::new(Subject::new("", &subjects[0]), predicate_type, predicate);
    statement.subjects.extend(subjects[1..].iter().map(|digest| Subject::new("", digest)));
    let bundle = Bundle::parse(&key.bundle(&statement), &Limits::default()).unwrap();
    statement_by_key(&bundle, std::slice::from_ref(&key.public)).unwrap()
}

fn vex(key: &Key, document: Value) -> Verified<Statement> {
    signed(key, &[manifest()], OPENVEX, document)
}

/// An image with one critical finding, and these statements as verified for `policy`.
fn with(statements: Vec<Verified<Statement>>, policy: &Policy) -> Evidence {
    let mut facts = VexFacts::default();
    for statement in statements {
        facts.add(policy, statement);
    }
    let found = vec![finding("CVE-2026-1111", Severity::Critical)];
    Evidence { vex: facts, vulnerabilities: scanned(found, Vec::new()), ..evidence() }
}

#[track_caller]
fn expect_denied(policy: &Policy, evidence: &Evidence, why: &str) {
    let verdict = judge(policy, evidence);
    assert_eq!(verdict.decision, Decision::Deny);
    let result = rule(&verdict, "vulnerabilities");
    assert_eq!(result.outcome, Outcome::Fail, "{}", result.reason);
    let told = result.details.iter().any(|detail| match detail {
        Detail::RefusedSignature { reason, .. } => reason.contains(why),
        Detail::VexConflict { text } => text.contains(why),
        _ => false,
    });
    assert!(told || why.is_empty(), "{why}: {:?}", result.details);
}

#[test]
fn what_is_signed_by_who_may_is_set_aside_and_told() {
    let psirt = key();
    let policy = accepting(&psirt, "notAfter: 2026-11-20T18:00:00Z");
    let statement = vex(&psirt, not_affected());
    let bundle = *statement.bundle();
    let verdict = judge(&policy, &with(vec![statement], &policy));
    assert_eq!(verdict.decision, Decision::Allow, "{:?}", verdict.reasons);
    let result = rule(&verdict, "vulnerabilities");
    assert_eq!(result.reason, "no findings; 1 finding set aside by VEX of psirt");
    let used = result.details.iter().find_map(|detail| match detail {
        Detail::Vex { authority, by, bundle, set_aside, author, .. } => {
            Some((authority.as_str(), by.key.clone(), *bundle, *set_aside, author.as_str()))
        }
        _ => None,
    });
    assert_eq!(used, Some(("psirt", Some(psirt.public.id().to_string()), bundle, 1, "somebody")));
    let aside = result.details.iter().any(|detail| {
        matches!(detail, Detail::SetAside { what, reason }
            if what.starts_with("CVE-2026-1111 in ") && reason.contains("as psirt signed in sha256:"))
    });
    assert!(aside, "{:?}", result.details);
    assert_eq!(verdict.valid_until, Some(at("2026-11-20T18:00:00Z")), "the key counts no longer");
    let records = &verdict.platforms[0].evidence;
    assert!(records.iter().any(|record| record.kind == "vex" && record.digest == bundle));
}

#[test]
fn nothing_else_counts() {
    let (psirt, other) = (key(), key());
    let policy = accepting(&psirt, "notAfter: 2026-12-01T00:00:00Z");
    let expect = |statement, why| expect_denied(&policy, &with(vec![statement], &policy), why);
    let elsewhere = Digest::sha256(b"another image");
    expect(vex(&other, not_affected()), "a key that spec.vulnerabilities.vex.signedBy does not name");
    expect(signed(&psirt, &[elsewhere], OPENVEX, not_affected()), "another digest than the manifest");
    expect(signed(&psirt, &[index()], OPENVEX, not_affected()), "another digest than the manifest");
    expect(signed(&psirt, &[manifest(), elsewhere], OPENVEX, not_affected()), "about 2 subjects");
    expect(signed(&psirt, &[manifest()], "https://cyclonedx.org/bom", not_affected()), "is no VEX");
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6"});
    expect(signed(&psirt, &[manifest()], "https://cyclonedx.org/bom", sbom), "is no VEX");
    expect(vex(&psirt, json!({"@context": "https://evil.example"})), "not a VEX document");
    expect(vex(&psirt, document(&elsewhere, "not_affected", "2026-11-01T00:00:00Z")), "");
    expect(vex(&psirt, document(&manifest(), "affected", "2026-11-01T00:00:00Z")), "");
    expect(vex(&psirt, document(&manifest(), "not_affected", "2026-12-01T00:00:00Z")), "from the future");
    // The name of an image proves nothing.
    let mut named = not_affected();
    for product in ["pkg:oci/app", "pkg:oci/app?repository_url=registry.example/team/app"] {
        named["statements"][0]["products"][0]["@id"] = json!(product);
        expect(vex(&psirt, named.clone()), "");
    }
    // A key that no longer counts, and evidence for another policy.
    let over = accepting(&psirt, "notAfter: 2026-11-01T00:00:00Z");
    expect_denied(&over, &with(vec![vex(&psirt, not_affected())], &over), "has not counted since");
    let again = accepting(&psirt, "notAfter: 2026-12-02T00:00:00Z");
    expect_denied(&again, &with(vec![vex(&psirt, not_affected())], &policy), "");
    let nobody =
        common::policy("phase: pilot\ndigest: { pinned: false }\nvulnerabilities: { block: [critical] }");
    assert!(nobody.vex_signers().is_none());
    expect_denied(&nobody, &with(vec![vex(&psirt, not_affected())], &nobody), "");
    let mut nameless = with(vec![vex(&psirt, not_affected())], &policy);
    nameless.subject.digests = None;
    assert_ne!(judge(&policy, &nameless).decision, Decision::Allow);
}

#[test]
fn statements_that_contradict_each_other_are_told() {
    let (psirt, other) = (key(), key());
    let both = policy(&spec(&format!(
        "{{ name: psirt, key: {} }}, {{ name: vendor, key: {} }}",
        psirt.yaml(),
        other.yaml()
    )));
    let yes = || vex(&psirt, document(&manifest(), "not_affected", "2026-11-01T00:00:00Z"));
    let later = vex(&other, document(&manifest(), "affected", "2026-11-02T00:00:00Z"));
    expect_denied(&both, &with(vec![yes(), later], &both), "counts, not `not_affected`");
    let same = vex(&other, document(&manifest(), "affected", "2026-11-01T00:00:00Z"));
    expect_denied(&both, &with(vec![yes(), same], &both), "of the same time, so none counts");
    let before = vex(&other, document(&manifest(), "affected", "2026-10-01T00:00:00Z"));
    let verdict = judge(&both, &with(vec![yes(), before], &both));
    assert_eq!(verdict.decision, Decision::Allow);
    let told = rule(&verdict, "vulnerabilities").details.iter();
    assert_eq!(told.filter(|detail| matches!(detail, Detail::VexConflict { .. })).count(), 1);
}

#[test]
fn an_incomplete_search_sets_nothing_aside() {
    let psirt = key();
    let policy = accepting(&psirt, "transparencyLog: false");
    let mut evidence = with(vec![vex(&psirt, not_affected())], &policy);
    evidence.vex.incomplete = Some("there are more attachments than the limits allow".to_owned());
    expect_denied(&policy, &evidence, "which may contradict it");
    let digest = Digest::sha256(b"bundle");
    evidence.vex.refused = vec![RejectedSignature { digest, reason: "no signature".to_owned() }];
    expect_denied(&policy, &evidence, "VEX: no signature");
}

#[test]
fn only_the_types_of_vex_are_vex() {
    for vex in ["https://openvex.dev/ns", OPENVEX, CYCLONEDX, "https://cyclonedx.org/vex/1.0", CSAF] {
        assert!(is_vex(vex), "{vex}");
    }
    for other in [
        "https://openvex.dev/nsx",
        "https://cyclonedx.org/bom",
        "https://cyclonedx.org/vexing",
        "https://docs.oasis-open.org/csaf",
        "https://openvex.dev",
        "",
    ] {
        assert!(!is_vex(other), "{other}");
    }
}

#[test]
fn cyclonedx_and_csaf_count_as_openvex_does_and_a_bill_of_materials_does_not() {
    let psirt = key();
    let policy = accepting(&psirt, "transparencyLog: false");
    let package = finding("CVE-2026-1111", Severity::Critical).component.to_string();
    let image = format!("pkg:oci/app@{}", manifest().to_string().replace(':', "%3A"));
    let cyclonedx = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"timestamp": "2026-11-01T00:00:00Z",
            "component": {"bom-ref": "app", "type": "container", "name": "app", "purl": image}},
        "components": [{"bom-ref": "foo", "type": "library", "name": "foo", "purl": package}],
        "vulnerabilities": [{"id": "CVE-2026-1111", "affects": [{"ref": "foo"}],
            "analysis": {"state": "not_affected", "justification": "code_not_reachable", "detail": "not built in"}}]});
    let csaf = json!({"document": {"category": "csaf_vex", "csaf_version": "2.0", "title": "VEX",
            "publisher": {"category": "vendor", "name": "ACME", "namespace": "https://acme.example"},
            "tracking": {"id": "A-1", "status": "final", "version": "1", "initial_release_date": "2026-11-01T00:00:00Z",
                "current_release_date": "2026-11-01T00:00:00Z",
                "revision_history": [{"number": "1", "date": "2026-11-01T00:00:00Z", "summary": "first"}]}},
        "product_tree": {"full_product_names": [
                {"product_id": "app", "name": "app", "product_identification_helper": {"purl": image}},
                {"product_id": "foo", "name": "foo", "product_identification_helper": {"purl": package}}],
            "relationships": [{"category": "default_component_of", "product_reference": "foo",
                "relates_to_product_reference": "app", "full_product_name": {"product_id": "app:foo", "name": "foo in app"}}]},
        "vulnerabilities": [{"cve": "CVE-2026-1111", "product_status": {"known_not_affected": ["app:foo"]},
            "threats": [{"category": "impact", "details": "not built in", "product_ids": ["app:foo"]}]}]});
    for (predicate_type, document) in [(CYCLONEDX, &cyclonedx), (CSAF, &csaf)] {
        let statement = signed(&psirt, &[manifest()], predicate_type, document.clone());
        let verdict = judge(&policy, &with(vec![statement], &policy));
        assert_eq!(verdict.decision, Decision::Allow, "{predicate_type}: {:?}", verdict.reasons);
        // About another image, and by somebody else.
        let elsewhere = signed(&psirt, &[Digest::sha256(b"other")], predicate_type, document.clone());
        expect_denied(&policy, &with(vec![elsewhere], &policy), "");
        let by_other = signed(&key(), &[manifest()], predicate_type, document.clone());
        expect_denied(&policy, &with(vec![by_other], &policy), "");
    }
    let sbom = signed(&psirt, &[manifest()], "https://cyclonedx.org/bom", cyclonedx);
    expect_denied(&policy, &with(vec![sbom], &policy), "is no VEX");
}

#[test]
fn a_correction_that_cannot_be_read_leaves_nothing_set_aside() {
    let (psirt, other) = (key(), key());
    let names =
        format!("{{ name: psirt, key: {} }}, {{ name: vendor, key: {} }}", psirt.yaml(), other.yaml());
    let policy = policy(&spec(&names));
    let later = || document(&manifest(), "affected", "2026-11-02T00:00:00Z");
    let with_later =
        |by: &Key, document: Value| with(vec![vex(&psirt, not_affected()), vex(by, document)], &policy);
    // No document that is read.
    for change in [("@context", json!("https://openvex.dev/ns/v9")), ("timestamp", json!("yesterday"))] {
        let mut unread = later();
        unread[change.0] = change.1;
        for by in [&psirt, &other] {
            expect_denied(&policy, &with_later(by, unread.clone()), "could not be read");
        }
    }
    // A statement that is refused: of this vulnerability, of nobody knows which.
    for (member, value) in [
        ("status", json!("exploitable")),
        ("unknown", json!(1)),
        ("timestamp", json!("tomorrow")),
        ("vulnerability", json!({"name": 1})),
        ("products", json!([{"@id": "https://acme.example/app"}])),
    ] {
        let mut refused = later();
        refused["statements"][0][member] = value;
        expect_denied(
            &policy,
            &with_later(&psirt, refused.clone()),
            "may be corrected by a statement that is refused",
        );
        // Of another signer it corrects nothing.
        assert_eq!(judge(&policy, &with_later(&other, refused)).decision, Decision::Allow, "{member}");
    }
    // Of another vulnerability, and older.
    let mut refused = later();
    refused["statements"][0]["status"] = json!("exploitable");
    refused["timestamp"] = json!("2026-10-31T00:00:00Z");
    assert_eq!(judge(&policy, &with_later(&psirt, refused.clone())).decision, Decision::Allow);
    refused["timestamp"] = json!("2026-11-02T00:00:00Z");
    refused["statements"][0]["vulnerability"] = json!({"name": "CVE-2026-2222"});
    assert_eq!(judge(&policy, &with_later(&psirt, refused)).decision, Decision::Allow);
}

/// Whoever gathers VEX asks the policy for whom to verify it, and whether what was verified counts.
#[test]
fn a_policy_says_whose_vex_is_verified_and_what_counts() {
    let (psirt, other) = (key(), key());
    let policy = accepting(&psirt, "notAfter: 2026-12-01T00:00:00Z");
    assert!(policy.vex_signers().is_some());
    let accepts = |statement: &Verified<Statement>| policy.accepts_vex(statement, &manifest(), common::now());
    assert_eq!(accepts(&vex(&psirt, not_affected())), Ok(()));
    let stranger = accepts(&vex(&other, not_affected())).unwrap_err();
    assert!(stranger.contains("a key that spec.vulnerabilities.vex.signedBy does not name"), "{stranger}");
    let sbom = accepts(&psirt.statement(&manifest(), "https://cyclonedx.org/bom")).unwrap_err();
    assert!(sbom.contains("is no VEX"), "{sbom}");
}

#[test]
fn only_signers_whose_vex_sets_something_aside_are_named_for_it() {
    let (psirt, other) = (key(), key());
    let names =
        format!("{{ name: psirt, key: {} }}, {{ name: vendor, key: {} }}", psirt.yaml(), other.yaml());
    let policy = policy(&spec(&names));
    let mut elsewhere = document(&manifest(), "affected", "2026-11-02T00:00:00Z");
    elsewhere["statements"][0]["vulnerability"]["name"] = json!("CVE-2026-2222");
    let evidence = with(vec![vex(&other, elsewhere), vex(&psirt, not_affected())], &policy);
    let verdict = judge(&policy, &evidence);
    assert_eq!(rule(&verdict, "vulnerabilities").reason, "no findings; 1 finding set aside by VEX of psirt");
}

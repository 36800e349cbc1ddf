//! Whose attested SBOMs count under a policy, asked when the verdict is made: whoever gathered the evidence may be wrong.

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

use std::sync::Arc;

use common::{Key, at, digests, evidence, index, judge, key, manifest, now, policy, policy_text, rule};
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{
    Decision, Detail, Evidence, InventorySource, Outcome, Policy, RejectedSignature, SbomAttestation,
    SbomFacts, SbomSearch, is_sbom,
};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::{Bundle, Statement, Subject, TrustedRoot, Verified, statement_by_key, verify};
use serde_json::json;

const CYCLONEDX: &str = "https://cyclonedx.org/bom";

fn accepting(key: &Key, more: &str) -> Policy {
    policy(&spec(&format!("{{ name: builder, key: {} }}", key.yaml_with(more))))
}

fn spec(attested_by: &str) -> String {
    format!(
        "phase: pilot\ndigest: {{ pinned: false }}\nvulnerabilities: {{ block: [critical] }}\n\
         sbom: {{ required: true, attestedBy: [{attested_by}] }}"
    )
}

/// Evidence whose inventory is from this statement, as verified for `policy`.
fn from(statement: Verified<Statement>, policy: &Policy) -> Evidence {
    let bundle = *statement.bundle();
    let mut attestation = SbomAttestation::new(bundle);
    attestation.format = String::from("CycloneDX 1.6");
    attestation.add(policy, statement);
    let SbomFacts::Inventory { components, os, problems, digest, .. } = evidence().sbom else { panic!() };
    let source = InventorySource::Attested(Arc::new(attestation));
    Evidence { sbom: SbomFacts::Inventory { source, components, os, problems, digest }, ..evidence() }
}

#[track_caller]
fn expect_unknown(policy: &Policy, evidence: &Evidence, why: &str) {
    let verdict = judge(policy, evidence);
    assert_eq!(verdict.decision, Decision::Indeterminate);
    for name in ["sbom", "vulnerabilities"] {
        let result = rule(&verdict, name);
        assert_eq!(result.outcome, Outcome::Unknown, "{name}: {}", result.reason);
        assert!(result.reason.contains(why), "{name}: {}", result.reason);
    }
}

#[test]
fn an_inventory_counts_if_who_attested_it_may() {
    let builder = key();
    let policy = accepting(&builder, "notAfter: 2026-11-20T18:00:00Z");
    let statement = builder.statement(&manifest(), CYCLONEDX);
    assert!(policy.sbom_signers().is_some());
    policy.accepts_sbom(&statement, &manifest(), now()).unwrap();
    let bundle = *statement.bundle();
    let verdict = judge(&policy, &from(statement, &policy));
    assert_eq!(verdict.decision, Decision::Allow, "{:?}", verdict.reasons);
    let sbom = rule(&verdict, "sbom");
    assert_eq!(
        sbom.reason,
        "120 components on debian-12, as builder attests in CycloneDX 1.6, signed at an unknown time"
    );
    let [Detail::AttestedSbom { authority, by, bundle: used, signed, not_checked, .. }] =
        sbom.details.as_slice()
    else {
        panic!("{:?}", sbom.details)
    };
    assert_eq!((authority.as_str(), *used, *signed), ("builder", bundle, manifest()));
    assert_eq!(by.key, Some(builder.public.id().to_string()));
    assert_eq!(*not_checked, ["transparency log", "trusted time"]);
    assert_eq!(verdict.valid_until, Some(at("2026-11-20T18:00:00Z")), "the database is fresh for longer");
    let records = &verdict.platforms[0].evidence;
    assert!(records.iter().any(|record| record.kind == "attested-sbom" && record.digest == bundle));
}

#[test]
fn an_sbom_that_the_policy_does_not_accept_is_unknown_and_never_a_pass() {
    let (builder, other) = (key(), key());
    let policy = accepting(&builder, "notAfter: 2026-12-01T00:00:00Z");
    let expect = |statement: Verified<Statement>, why| {
        // Said to whoever looks for documents, and decided again when one is there.
        let refused = policy.accepts_sbom(&statement, &manifest(), now()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
        expect_unknown(&policy, &from(statement, &policy), why);
    };
    expect(other.statement(&manifest(), CYCLONEDX), "a key that spec.sbom.attestedBy does not name");
    expect(builder.statement(&index(), CYCLONEDX), "another digest than the manifest of this platform");
    expect(builder.statement(&digests().config, CYCLONEDX), "another digest than the manifest");
    expect(builder.signature_of(&manifest()), "is not an SBOM");
    expect(builder.statement(&manifest(), "https://cyclonedx.org/bomb"), "is not an SBOM");
    let mut several = Statement::new(Subject::new("", &manifest()), CYCLONEDX, json!({}));
    several.subjects.push(Subject::new("", &Digest::sha256(b"another image")));
    let bundle = Bundle::parse(&builder.bundle(&several), &Limits::default()).unwrap();
    let several = statement_by_key(&bundle, std::slice::from_ref(&builder.public)).unwrap();
    expect(several, "it is about 2 subjects");
    // A key that no longer counts, and a subject that has no digest.
    let over = accepting(&builder, "notAfter: 2026-11-01T00:00:00Z");
    expect_unknown(&over, &from(builder.statement(&manifest(), CYCLONEDX), &over), "has not counted since");
    let mut nameless = from(builder.statement(&manifest(), CYCLONEDX), &policy);
    nameless.subject.digests = None;
    expect_unknown(&policy, &nameless, "no digest of the image is known");
    // What was verified for one policy says nothing to another, even if it names the same key.
    let again = accepting(&builder, "notAfter: 2026-12-02T00:00:00Z");
    let evidence = from(builder.statement(&manifest(), CYCLONEDX), &policy);
    expect_unknown(&again, &evidence, "not verified for policy");
}

#[test]
fn a_policy_that_names_nobody_accepts_no_attested_inventory() {
    let builder = key();
    let release = builder.yaml();
    let signed_by = policy(&format!(
        "{}\nsignatures: {{ required: false, anyOf: [{{ name: release, key: {release} }}] }}",
        spec("")
    ));
    assert!(signed_by.sbom_signers().is_none());
    let statement = builder.statement(&manifest(), CYCLONEDX);
    expect_unknown(&signed_by, &from(statement, &signed_by), "spec.sbom.attestedBy does not name");
}

#[test]
fn why_the_image_was_read_is_told_to_who_asked_for_an_attested_sbom() {
    let builder = key();
    let refused = vec![RejectedSignature { digest: Digest::sha256(b"b"), reason: "too old".to_owned() }];
    let image_read = Some("the attested SBOM does not count: too old".to_owned());
    let evidence = Evidence { sbom_search: SbomSearch { refused, image_read }, ..evidence() };
    let asked = judge(&accepting(&builder, "transparencyLog: true"), &evidence);
    let sbom = rule(&asked, "sbom");
    assert!(
        sbom.reason.ends_with("read from its files: the attested SBOM does not count: too old"),
        "{}",
        sbom.reason
    );
    assert!(matches!(sbom.details.as_slice(), [Detail::RefusedSignature { .. }]), "{:?}", sbom.details);
    let not_asked = judge(&policy(&spec("")), &evidence);
    let sbom = rule(&not_asked, "sbom");
    assert!(sbom.reason.ends_with("read from its files") && sbom.details.is_empty(), "{sbom:?}");
}

#[test]
fn naming_attesters_changes_the_digest_of_a_policy() {
    let (builder, other) = (key(), key());
    let digest = |policy: &Policy| policy.effective_digest();
    let none = policy("phase: pilot\nsbom: { required: true }");
    let empty = policy("phase: pilot\nsbom: { required: true, attestedBy: [] }");
    assert_eq!(digest(&none), digest(&empty), "naming nobody changes nothing");
    assert_ne!(
        digest(&accepting(&builder, "transparencyLog: true")),
        digest(&accepting(&other, "transparencyLog: true"))
    );
    let wants_root = |more: &str| accepting(&builder, more).wants_trusted_root();
    assert!(wants_root("transparencyLog: true") && !wants_root("transparencyLog: false"));
    let twice = policy_text(&spec(&format!(
        "{{ name: a, key: {} }}, {{ name: A, key: {} }}",
        builder.yaml(),
        other.yaml()
    )));
    let error = Policy::parse(twice.as_bytes(), "p", &()).unwrap_err().to_string();
    assert!(error.contains("spec.sbom.attestedBy[1].name"), "{error}");
}

#[test]
fn an_approver_of_waivers_should_not_attest() {
    let (builder, other) = (key(), key());
    let found = |approver: &Key| {
        let policy = policy(&format!(
            "{}\nwaivers: {{ approvers: [{{ name: security, key: {} }}] }}",
            spec(&format!("{{ name: builder, key: {} }}", builder.yaml())),
            approver.yaml()
        ));
        policy.lint(now()).into_iter().map(|it| (it.code.as_str(), it.path, it.message)).collect::<Vec<_>>()
    };
    let codes: Vec<_> = found(&builder);
    let message = "security approves waivers and attests SBOMs as builder".to_owned();
    assert!(codes.contains(&("PL001", "spec.waivers.approvers[0]".to_owned(), message)), "{codes:?}");
    assert!(!found(&other).iter().any(|(code, ..)| *code == "PL001"));
    let expired = accepting(&builder, "notAfter: 2026-11-01T00:00:00Z").lint(now());
    let expired = expired.iter().find(|it| it.code.as_str() == "PL011").unwrap();
    assert_eq!(expired.path, "spec.sbom.attestedBy[0].key.notAfter");
}

#[test]
fn only_types_of_documents_that_are_read_are_sboms() {
    for (predicate_type, expected) in [
        (CYCLONEDX, true),
        ("https://cyclonedx.org/bom/v1.4", true),
        ("https://spdx.dev/Document", true),
        ("https://spdx.dev/Document/v2.3", true),
        ("https://spdx.dev/Documents", false),
        ("https://sigstore.dev/cosign/sign/v1", false),
        ("https://cosign.sigstore.dev/attestation/v1", false),
        ("https://syft.dev/bom", false),
        ("", false),
    ] {
        assert_eq!(is_sbom(predicate_type), expected, "{predicate_type}");
    }
}

#[test]
fn a_verdict_about_an_empty_attested_inventory_ends_with_its_key() {
    let builder = key();
    let policy = accepting(&builder, "notAfter: 2026-11-20T18:00:00Z");
    let mut evidence = from(builder.statement(&manifest(), CYCLONEDX), &policy);
    let SbomFacts::Inventory { components, .. } = &mut evidence.sbom else { panic!() };
    *components = 0;
    let verdict = judge(&policy, &evidence);
    assert_eq!(rule(&verdict, "sbom").outcome, Outcome::Fail);
    assert_eq!(verdict.valid_until, Some(at("2026-11-20T18:00:00Z")), "then the image is read instead");
}

/// A certificate's signature has a trusted time, and a verdict says which; a key's alone has none.
#[test]
fn when_an_sbom_was_signed_is_told_by_a_trusted_clock_or_not_at_all() {
    let builder = key();
    let by_key = accepting(&builder, "transparencyLog: false");
    let told = |policy: &Policy, evidence: &Evidence| rule(&judge(policy, evidence), "sbom").reason.clone();
    let evidence = from(builder.statement(&manifest(), CYCLONEDX), &by_key);
    let reason = told(&by_key, &evidence);
    assert!(reason.ends_with("as builder attests in CycloneDX 1.6, signed at an unknown time"), "{reason}");

    let mut instance = Sigstore::new();
    let leaf = Leaf::default();
    let holder = instance.leaf(&leaf);
    let statement = Statement::new(Subject::new("", &manifest()), CYCLONEDX, json!({}));
    let bundle = instance.attest(&holder, &statement.to_json(), LogVersion::V1).to_string();
    let bundle = Bundle::parse(bundle.as_bytes(), &Limits::default()).unwrap();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let identity = format!("{{ issuer: '{}', subject: '{}' }}", leaf.issuer, leaf.subject);
    let policy = policy(&spec(&format!("{{ name: ci, identity: {identity} }}")));
    let signers = policy.sbom_signers().unwrap();
    let verified = signers
        .verify(&bundle, Some(&root), now(), |check| verify(&bundle, Some(&manifest()), check))
        .unwrap();
    let mut attestation = SbomAttestation::new(*verified.bundle());
    assert_eq!(attestation.signed_at(), None, "before it is verified");
    let time = verified.times()[0];
    attestation.add(&policy, verified.clone());
    assert_eq!(attestation.signed_at(), Some(time));
    let reason = told(&policy, &from(verified, &policy));
    assert!(reason.ends_with(&format!("as ci attests in CycloneDX 1.6, signed {time}")), "{reason}");
}

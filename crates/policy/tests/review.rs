//! Attacks on the counting of people: one person in two roles.

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
use plimsoll_policy::{Collected, Decision, DenyList, Evidence, Outcome, Policy, Signatures, Waiver};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::{Bundle, COSIGN_SIGN_V1, Statement, Subject, TrustedRoot, Verified, WAIVER_V1, verify};
use plimsoll_vuln::Severity;
use serde_json::json;

/// The owner of a waiver stays the owner even if the policy also lists the same key under another name.
#[test]
fn an_owner_does_not_approve_under_another_name() {
    let (alice, bob) = (key(), key());
    let found = Evidence {
        vulnerabilities: scanned(vec![finding("CVE-2026-1", Severity::Critical)], Vec::new()),
        ..evidence()
    };
    let entry = |name: &str, key: &Key| format!("{{ name: {name}, key: {} }}", key.yaml());
    for (spec, signers) in [
        (
            format!("approvers: [{}, {}]", entry("alice@example", &alice), entry("release", &alice)),
            &[&alice][..],
        ),
        (
            format!(
                "approvers: [{}, {}], secondApprover: [{}]",
                entry("bob", &bob),
                entry("alice@example", &alice),
                entry("release", &alice)
            ),
            &[&bob, &alice],
        ),
    ] {
        let policy = policy(&format!("phase: pilot\nwaivers: {{ {spec} }}"));
        let waivers: Vec<Waiver> = signers
            .iter()
            .map(|key| {
                Waiver::from_bundle(
                    &key.approve(&waiver()),
                    "w",
                    &policy,
                    Err("no root"),
                    now(),
                    &plimsoll_core::Limits::default(),
                )
                .unwrap()
            })
            .collect();
        let verdict = evaluate(&policy, &found, &waivers, &DenyList::none(), now());
        let waived = &rule(&verdict, "vulnerabilities").waivers[0];
        assert_eq!(verdict.decision, Decision::Deny, "{}", waived.reason);
        assert!(waived.reason.contains("its own owner"), "{}", waived.reason);
    }
}

/// A mailbox is the same in capitals, so one person with both spellings of the address is not two people.
#[test]
fn an_address_in_capitals_is_nobody_else() {
    let mut instance = Sigstore::new();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let entry = |name: &str, most: &str| {
        format!(
            "{{ name: {name}, identity: {{ issuer: https://issuer.example, subject: {{ pattern: '(?i)[a-z]{{1,{most}}}@example\\.com' }} }} }}"
        )
    };
    let mut sign = |subject: &str, statement: &Statement| {
        let holder = instance.leaf(&Leaf { subject: subject.into(), ..Leaf::default() });
        instance.attest(&holder, &statement.to_json(), LogVersion::V2).to_string().into_bytes()
    };
    let people = ["security@example.com", "Security@Example.com", "cto@example.com"];
    let (one, other) = (entry("first", "50"), entry("second", "60"));

    let image = Statement::new(Subject::new("", &manifest()), COSIGN_SIGN_V1, json!({}));
    let signatures = people.map(|subject| sign(subject, &image));
    let two = policy(&format!(
        "phase: pilot\nsignatures: {{ required: true, threshold: 2, anyOf: [{one}, {other}] }}"
    ));
    let verified = |bundle: &[u8]| -> Verified<Statement> {
        let bundle = Bundle::parse(bundle, &plimsoll_core::Limits::default()).unwrap();
        let signers = two.image_signers();
        signers
            .verify(&bundle, Some(&root), now(), |check| verify(&bundle, Some(&manifest()), check))
            .unwrap()
    };
    let outcome = |a: usize, b: usize| {
        let verified = vec![verified(&signatures[a]), verified(&signatures[b])];
        let found = Signatures::Collected(Collected { verified, ..Collected::default() }).into();
        let verdict =
            evaluate(&two, &Evidence { signatures: found, ..evidence() }, &[], &DenyList::none(), now());
        rule(&verdict, "signatures").outcome
    };
    assert_eq!(outcome(0, 2), Outcome::Pass);
    assert_eq!(outcome(0, 1), Outcome::Fail);

    let document = Statement::new(Subject::new("waiver", &manifest()), WAIVER_V1, waiver());
    let approvals = people.map(|subject| sign(subject, &document));
    let pair: Policy =
        policy(&format!("phase: pilot\nwaivers: {{ approvers: [{one}], secondApprover: [{other}] }}"));
    let decide = |a: usize, b: usize| {
        let waivers = [a, b].map(|who| {
            Waiver::from_bundle(
                &approvals[who],
                "w",
                &pair,
                Ok(&root),
                now(),
                &plimsoll_core::Limits::default(),
            )
            .unwrap()
        });
        let scan = scanned(vec![finding("CVE-2026-1", Severity::Critical)], Vec::new());
        let found = Evidence { vulnerabilities: scan, ..evidence() };
        evaluate(&pair, &found, &waivers, &DenyList::none(), now()).decision
    };
    assert_eq!(decide(0, 2), Decision::Allow);
    assert_eq!(decide(0, 1), Decision::Deny);
}

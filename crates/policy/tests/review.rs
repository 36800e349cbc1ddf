//! Attacks on who counts: one head under two hats.

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
use plimsoll_policy::{Decision, DenyList, Evidence, Waiver, evaluate};
use plimsoll_vuln::Severity;

/// The owner of a waiver stays the owner where the policy lists the same key under another name, too.
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
            .map(|key| Waiver::from_bundle(&key.approve(&waiver()), "w", &policy, Err("no root")).unwrap())
            .collect();
        let verdict = evaluate(&policy, &found, &waivers, &DenyList::none(), now());
        let waived = &rule(&verdict, "vulnerabilities").waivers[0];
        assert_eq!(verdict.decision, Decision::Deny, "{}", waived.reason);
        assert!(waived.reason.contains("its own owner"), "{}", waived.reason);
    }
}

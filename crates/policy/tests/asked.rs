//! What a policy asks of attestations, as whoever gathers them is told: which are enough, whose content is kept, and how old one
//! may be to the second.

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

use common::*;
use jiff::SignedDuration;
use plimsoll_core::{Limits, Timestamp};
use plimsoll_policy::{
    AttestationFacts, AttestationSearch, DenyList, Evidence, Outcome, Policy, RuleResult, schema,
};
use plimsoll_testkit::sigstore::{self, Leaf, LogVersion, Sigstore};
use plimsoll_verify::{
    Bundle, Check, Identity, Requirements, Statement, Subject, Text, Trusted, TrustedRoot, Verified,
    statement_by_key, verify,
};
use serde_json::{Value, json};

const TESTS: &str = "https://in-toto.io/attestation/test-result/v0.1";
const OTHER: &str = "https://slsa.dev/verification_summary/v1";
const SLSA: &str = "https://slsa.dev/provenance/v1";

fn statement(predicate_type: &str, predicate: Value) -> Statement {
    Statement::new(Subject::new("", &manifest()), predicate_type, predicate)
}

fn by_key(key: &Key, predicate_type: &str, predicate: Value) -> Verified<Statement> {
    let bundle = key.bundle(&statement(predicate_type, predicate));
    let bundle = Bundle::parse(&bundle, &Limits::default()).unwrap();
    statement_by_key(&bundle, std::slice::from_ref(&key.public)).unwrap()
}

fn asking(signer: &str, more: &str) -> Policy {
    policy(&format!(
        "phase: pilot\nattestations: [{{ name: tests, predicateType: '{TESTS}', signedBy: [{{ name: ci, {signer} }}]{more} }}]"
    ))
}

fn search(statements: Vec<Verified<Statement>>) -> AttestationSearch {
    let verified = statements.into_iter().map(Arc::new).collect();
    AttestationSearch { verified, ..AttestationSearch::default() }
}

fn judged(policy: &Policy, search: AttestationSearch, now: Timestamp) -> RuleResult {
    let mut attestations = AttestationFacts::default();
    attestations.add(policy, search);
    let evidence = Evidence { attestations, ..evidence() };
    rule(&evaluate(policy, &evidence, &[], &DenyList::none(), now), "attestation/tests").clone()
}

/// Further places are searched until every rule has what it asks for.
#[test]
fn a_search_ends_when_every_rule_has_enough_and_not_before() {
    let ci = key();
    let of_key = format!("key: {}", ci.yaml());
    let passed = by_key(&ci, TESTS, json!({"result": "PASSED"}));
    let failed = by_key(&ci, TESTS, json!({"result": "FAILED"}));
    let asks = asking(&of_key, ", conditions: [{ path: /result, equals: PASSED }]");
    let enough = |policy: &Policy, statements: Vec<Verified<Statement>>| {
        policy.has_enough_attestations(&search(statements), &digests(), now())
    };
    assert!(enough(&policy("phase: pilot"), vec![]), "nothing is asked for");
    assert!(!enough(&asks, vec![]) && !enough(&asks, vec![failed.clone()]));
    assert!(enough(&asks, vec![failed, passed]));
    let built = policy(&format!("phase: pilot\nprovenance: {{ signedBy: [{{ name: ci, {of_key} }}] }}"));
    let provenance = by_key(
        &ci,
        SLSA,
        json!({
            "buildDefinition": {"buildType": "https://builds.example/v1", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://builder.example"}},
        }),
    );
    assert!(!enough(&built, vec![]) && enough(&built, vec![provenance]));
    assert!(asks.needs().attestations && built.needs().attestations);
    assert!(!policy("phase: pilot").needs().attestations);
}

/// A predicate may have many megabytes, so it is kept where a condition is about it and nowhere else.
#[test]
fn the_content_of_an_attestation_is_kept_if_a_rule_looks_at_it() {
    let ci = key();
    let of_key = format!("key: {}", ci.yaml());
    let reading = asking(&of_key, ", conditions: [{ path: /result, equals: PASSED }]");
    let content = json!({"result": "PASSED"});
    for (policy, predicate_type, kept) in [
        (&reading, TESTS, content.clone()),
        (&reading, OTHER, Value::Null),
        (&asking(&of_key, ""), TESTS, Value::Null),
    ] {
        let mut search = AttestationSearch::default();
        search.add(policy, by_key(&ci, predicate_type, content.clone()));
        assert_eq!(search.verified[0].value().predicate, kept, "{predicate_type}");
    }
}

#[test]
fn what_is_missing_is_told_with_how_to_attest_it() {
    let ci = key();
    let policy = asking(&format!("key: {}", ci.yaml()), "");
    let passed = judged(&policy, search(vec![by_key(&ci, TESTS, json!({}))]), now());
    assert_eq!((passed.reason.as_str(), passed.hint), ("attested by ci", None));
    let missing = judged(&policy, search(vec![]), now());
    assert_eq!(missing.outcome, Outcome::Fail);
    let hint = format!("plimsoll attest --key KEY --type {TESTS} --predicate FILE {NAME}@{}", index());
    assert_eq!(missing.hint, Some(hint));
    let incomplete = Some("too many attachments".to_owned());
    let unknown = judged(&policy, AttestationSearch { incomplete, ..AttestationSearch::default() }, now());
    assert!(unknown.hint.unwrap().starts_with("remove attachments that are not needed"));
}

/// An attestation of thirty days is not older than thirty days.
#[test]
fn an_attestation_counts_up_to_the_second_of_its_greatest_age() {
    let mut instance = Sigstore::new();
    let leaf = Leaf::default();
    let holder = instance.leaf(&leaf);
    let payload = statement(TESTS, json!({"result": "PASSED"})).to_json();
    let bundle = instance.attest(&holder, &payload, LogVersion::V1).to_string();
    let bundle = Bundle::parse(bundle.as_bytes(), &Limits::default()).unwrap();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let identity = Identity {
        issuer: Text::Exact(leaf.issuer.clone()),
        subject: Text::Exact(leaf.subject.clone()),
        claims: Vec::new(),
    };
    let check = Check {
        trusted: Trusted::Identities(&[identity]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: sigstore::now(),
    };
    let verified = verify(&bundle, Some(&manifest()), &check).unwrap();
    let end = verified.times()[0] + SignedDuration::from_hours(30 * 24);
    let signer = format!("identity: {{ issuer: '{}', subject: '{}' }}", leaf.issuer, leaf.subject);
    let policy = asking(&signer, ", maxAge: 30d");
    for (seconds, outcome) in [(-1, Outcome::Pass), (0, Outcome::Pass), (1, Outcome::Fail)] {
        let now = end + SignedDuration::from_secs(seconds);
        let told = judged(&policy, search(vec![verified.clone()]), now);
        assert_eq!(told.outcome, outcome, "{seconds}: {}", told.reason);
    }
}

#[test]
fn a_text_of_a_predicate_is_shown_up_to_120_characters() {
    let ci = key();
    let policy = asking(&format!("key: {}", ci.yaml()), ", conditions: [{ path: /result, equals: PASSED }]");
    let told = |length: usize| {
        let predicate = json!({"result": "é".repeat(length)});
        judged(&policy, search(vec![by_key(&ci, TESTS, predicate)]), now()).reason
    };
    let shown =
        |length: usize, cut: &str| format!("got \"{}\"{cut}, expected \"PASSED\"", "é".repeat(length));
    assert!(told(120).contains(&shown(120, "")), "{}", told(120));
    assert!(told(121).contains(&shown(120, "…")), "{}", told(121));
}

#[test]
fn a_policy_asks_for_up_to_64_attestations() {
    let pem = key().yaml();
    let many = |count: usize| {
        let one = |number: usize| {
            format!("{{ name: a{number}, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {pem} }}] }}")
        };
        let all: Vec<String> = (0..count).map(one).collect();
        let text = policy_text(&format!("phase: pilot\nattestations: [{}]", all.join(", ")));
        Policy::parse(text.as_bytes(), "p", &()).err().map(|error| error.to_string())
    };
    assert_eq!(many(64), None);
    let error = many(65).unwrap();
    assert!(error.contains("spec.attestations: got 65, expected at most 64"), "{error}");
}

#[test]
fn the_schema_describes_conditions_where_they_are_used() {
    let policy = schema::policy();
    let condition = &policy["$defs"]["ConditionSpec"]["properties"];
    assert_eq!(condition["equals"]["type"], json!(["string", "number", "boolean"]));
    let path = &condition["path"];
    assert_eq!((&path["maxLength"], &path["pattern"]), (&json!(512), &json!("^(/([^~]|~[01])*)$")));
}

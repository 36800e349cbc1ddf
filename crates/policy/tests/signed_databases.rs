//! Whose signature of the advisory database counts under a policy.

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

use common::{Key, at, evidence, judge, key, manifest, policy, rule};
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{DatabaseFacts, Decision, Detail, Evidence, Outcome, Policy};
use plimsoll_verify::{Bundle, DATABASE_V1, Statement, Subject, Verified, statement_by_key};
use serde_json::json;

fn list() -> Digest {
    Digest::sha256(b"the list of the files")
}

fn asking(key: &Key, window: &str, more: &str) -> Policy {
    policy(&format!(
        "phase: pilot\nsbom: {{ required: false }}\nvulnerabilities: {{ database: {{ signedBy: [{{ name: feed builder, \
         key: {} }}] }}{more} }}",
        key.yaml_with(window)
    ))
}

/// Evidence with findings from a database for which this was found out.
fn from(policy: &Policy, verified: Result<Verified<Statement>, String>) -> Evidence {
    let mut database = DatabaseFacts::new(list());
    database.add(policy, verified);
    Evidence { database, ..evidence() }
}

#[track_caller]
fn expect_unknown(policy: &Policy, evidence: &Evidence, why: &str) {
    let verdict = judge(policy, evidence);
    let result = rule(&verdict, "vulnerabilities");
    assert_eq!((verdict.decision, result.outcome), (Decision::Indeterminate, Outcome::Unknown));
    assert!(result.reason.contains(why), "{}", result.reason);
    assert!(result.reason.starts_with("the advisory database does not count: "), "{}", result.reason);
    assert!(result.hint.as_ref().unwrap().contains("db import"));
}

#[test]
fn a_database_counts_if_who_signed_it_may() {
    let builder = key();
    let policy = asking(&builder, "notAfter: 2026-11-20T18:00:00Z", "");
    let statement = builder.statement(&list(), DATABASE_V1);
    let bundle = *statement.bundle();
    let verdict = judge(&policy, &from(&policy, Ok(statement)));
    assert_eq!(verdict.decision, Decision::Allow, "{:?}", verdict.reasons);
    let result = rule(&verdict, "vulnerabilities");
    assert!(result.reason.ends_with("; database signed by feed builder"), "{}", result.reason);
    let signed = result.details.iter().find_map(|detail| match detail {
        Detail::SignedDatabase { authority, by, bundle, signed, not_checked } => {
            Some((authority.clone(), by.key.clone(), *bundle, *signed, not_checked.clone()))
        }
        _ => None,
    });
    let not_checked = vec!["transparency log".to_owned(), "trusted time".to_owned()];
    let key = Some(builder.public.id().to_string());
    assert_eq!(signed, Some(("feed builder".to_owned(), key, bundle, list(), not_checked)));
    assert_eq!(verdict.valid_until, Some(at("2026-11-20T18:00:00Z")), "the data is fresh for longer");
    let has = |kind: &str, digest| {
        verdict.platforms[0].evidence.iter().any(|it| it.kind == kind && it.digest == digest)
    };
    assert!(has("database-signature", bundle) && has("database", list()));
}

#[test]
fn what_the_policy_does_not_accept_is_unknown_whatever_the_database_says() {
    let (builder, other) = (key(), key());
    let policy = asking(&builder, "notAfter: 2026-12-01T00:00:00Z", "");
    let expect = |statement: Verified<Statement>, why| {
        expect_unknown(&policy, &from(&policy, Ok(statement)), why);
    };
    expect(
        other.statement(&list(), DATABASE_V1),
        "a key that spec.vulnerabilities.database.signedBy does not name",
    );
    expect(builder.statement(&manifest(), DATABASE_V1), "expected sha256:");
    expect(builder.signature_of(&list()), "is none about a database");
    expect(builder.statement(&list(), "https://plimsoll.dev/database/v2"), "is none about a database");
    let mut several = Statement::new(Subject::new("", &list()), DATABASE_V1, json!({}));
    several.subjects.push(Subject::new("", &Digest::sha256(b"another list")));
    let bundle = Bundle::parse(&builder.bundle(&several), &Limits::default()).unwrap();
    expect(statement_by_key(&bundle, std::slice::from_ref(&builder.public)).unwrap(), "and 1 more");
    // What was found out before.
    expect_unknown(&policy, &from(&policy, Err("nobody signed it".to_owned())), "nobody signed it");
    // A key that no longer counts.
    let over = asking(&builder, "notAfter: 2026-11-01T00:00:00Z", "");
    let statement = builder.statement(&list(), DATABASE_V1);
    expect_unknown(&over, &from(&over, Ok(statement)), "has not counted since");
    // What was verified for one policy says nothing to another, even if it names the same key.
    let elsewhere = from(&over, Ok(builder.statement(&list(), DATABASE_V1)));
    expect_unknown(&policy, &elsewhere, "was not verified for this policy");
    expect_unknown(&policy, &evidence(), "was not verified for this policy");
    // No list, no database.
    let mut nameless = from(&policy, Ok(builder.statement(&list(), DATABASE_V1)));
    nameless.database.list = None;
    expect_unknown(&policy, &nameless, "no list");
}

#[test]
fn a_policy_that_does_not_ask_is_the_same_as_before_and_one_that_asks_is_another() {
    let (builder, other) = (key(), key());
    let plain = policy("phase: pilot");
    let empty = policy("phase: pilot\nvulnerabilities: { database: { signedBy: [] } }");
    assert_eq!(plain.effective_digest(), empty.effective_digest());
    let asks = |key: &Key| {
        let yaml = key.yaml_with("");
        let spec = format!(
            "phase: pilot\nvulnerabilities: {{ database: {{ signedBy: [{{ name: a, key: {yaml} }}] }} }}"
        );
        policy(&spec).effective_digest()
    };
    assert_ne!(asks(&builder), plain.effective_digest());
    assert_ne!(asks(&builder), asks(&other));
    assert!(judge(&plain, &evidence()).decision == Decision::Allow);
}

#[test]
fn who_approves_waivers_does_not_sign_databases() {
    let builder = key();
    let yaml = builder.yaml_with("");
    let policy = policy(&format!(
        "phase: pilot\nvulnerabilities: {{ database: {{ signedBy: [{{ name: feed builder, key: {yaml} }}] }} }}\n\
         waivers: {{ approvers: [{{ name: ann, key: {yaml} }}] }}"
    ));
    let told = policy.lint(common::now()).into_iter().map(|diagnostic| diagnostic.message);
    let told: Vec<_> = told.collect();
    assert!(told.iter().any(|message| message.contains("signs databases as feed builder")), "{told:?}");
}

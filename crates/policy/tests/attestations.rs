//! Attestations that a policy asks for, each by a rule of its own.

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

use common::{
    Key, NOW, after, at, evidence, index, judge, key, layer, manifest, now, of_kind, policy, policy_text,
    rule, unsigned, waiver_with,
};
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{
    AttestationFacts, AttestationSearch, Decision, DenyList, Detail, Effect, Evidence, Outcome, Policy,
    PolicySet, RefusedAttestation, SubjectKind, evaluate,
};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::{Bundle, Check, Statement, Subject, TrustedRoot, Verified, statement_by_key, verify};
use serde_json::{Value, json};

const TESTS: &str = "https://in-toto.io/attestation/test-result/v0.1";
const OPEN: &str = "phase: pilot\ndigest: { pinned: false }";

/// A policy that asks for a test result by `key`.
fn asking(key: &Key, more: &str) -> Policy {
    policy(&spec(&format!(
        "name: tests, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {} }}]{more}",
        key.yaml()
    )))
}

fn spec(attestation: &str) -> String {
    format!("{OPEN}\nattestations: [{{ {attestation} }}]")
}

fn refused(spec: &str) -> String {
    Policy::parse(policy_text(spec).as_bytes(), "test.yaml", &()).unwrap_err().to_string()
}

fn attested(key: &Key, subjects: &[Digest], predicate_type: &str, predicate: Value) -> Verified<Statement> {
    let mut statement = Statement::new(Subject::new("", &subjects[0]), predicate_type, predicate);
    statement.subjects.extend(subjects[1..].iter().map(|digest| Subject::new("", digest)));
    let bundle = Bundle::parse(&key.bundle(&statement), &Limits::default()).unwrap();
    statement_by_key(&bundle, std::slice::from_ref(&key.public)).unwrap()
}

fn passed(key: &Key) -> Verified<Statement> {
    attested(key, &[manifest()], TESTS, json!({"result": "PASSED", "coverage": 81}))
}

fn searched(policy: &Policy, search: AttestationSearch) -> Evidence {
    let mut attestations = AttestationFacts::default();
    attestations.add(policy, search);
    Evidence { attestations, ..evidence() }
}

fn with(statements: Vec<Verified<Statement>>, policy: &Policy) -> Evidence {
    let verified = statements.into_iter().map(Arc::new).collect();
    searched(policy, AttestationSearch { verified, ..AttestationSearch::default() })
}

#[track_caller]
fn expect(policy: &Policy, evidence: &Evidence, outcome: Outcome, decision: Decision, why: &str) {
    let verdict = judge(policy, evidence);
    let result = rule(&verdict, "attestation/tests");
    assert_eq!((result.outcome, verdict.decision), (outcome, decision), "{}", result.reason);
    let told = result.reason.contains(why)
        || result
            .details
            .iter()
            .any(|detail| matches!(detail, Detail::RefusedSignature { reason, .. } if reason.contains(why)));
    assert!(told, "expected {why:?}, got {:?} with {:?}", result.reason, result.details);
}

#[test]
fn an_attestation_by_who_may_satisfies_its_rule_and_is_told() {
    let ci = key();
    let policy =
        asking(&ci, ", conditions: [{ path: /result, equals: PASSED }, { path: /coverage, atLeast: 80 }]");
    let statement = passed(&ci);
    let bundle = *statement.bundle();
    let evidence = with(vec![statement], &policy);
    expect(&policy, &evidence, Outcome::Pass, Decision::Allow, "attested by ci");
    let verdict = judge(&policy, &evidence);
    let details = &rule(&verdict, "attestation/tests").details;
    let [Detail::Attestation { authority, by, bundle: used, signed, predicate_type, .. }] =
        details.as_slice()
    else {
        panic!("{details:?}")
    };
    assert_eq!((authority.as_str(), *used, *signed), ("ci", bundle, manifest()));
    assert_eq!((by.key.clone(), predicate_type.as_str()), (Some(ci.public.id().to_string()), TESTS));
    let records = &verdict.platforms[0].evidence;
    assert_eq!(records.iter().filter(|it| it.kind == "attestation" && it.digest == bundle).count(), 1);
    // One about the index covers each of its platforms, and one about several artifacts each of them.
    for subjects in [vec![index()], vec![layer(), manifest()]] {
        let statement = attested(&ci, &subjects, TESTS, json!({"result": "PASSED", "coverage": 80}));
        expect(&policy, &with(vec![statement], &policy), Outcome::Pass, Decision::Allow, "attested by ci");
    }
}

#[test]
fn what_somebody_else_or_for_something_else_attested_never_counts() {
    let (ci, other) = (key(), key());
    let policy = asking(&ci, ", conditions: [{ path: /result, equals: PASSED }]");
    let content = || json!({"result": "PASSED"});
    for (statement, why) in [
        (
            attested(&other, &[manifest()], TESTS, content()),
            "signed by a key that spec.attestations[0].signedBy does not name",
        ),
        (attested(&ci, &[layer()], TESTS, content()), "it is about another digest"),
        (
            attested(&ci, &[manifest()], "https://in-toto.io/attestation/test-result/v0.2", content()),
            "there is no attestation",
        ),
        (
            attested(&ci, &[manifest()], TESTS, json!({"result": "FAILED"})),
            r#"/result: got "FAILED", expected "PASSED""#,
        ),
        (attested(&ci, &[manifest()], TESTS, json!({})), "its predicate has no /result"),
        (attested(&ci, &[manifest()], TESTS, json!(null)), "its predicate has no /result"),
        (ci.signature_of(&manifest()), "there is no attestation"),
    ] {
        expect(&policy, &with(vec![statement.clone()], &policy), Outcome::Fail, Decision::Deny, why);
        // It hides nothing either.
        let both = with(vec![statement, passed(&ci)], &policy);
        expect(&policy, &both, Outcome::Pass, Decision::Allow, "attested by ci");
    }
    // Conditions hold for one and the same attestation, not for several together.
    let both = asking(&ci, ", conditions: [{ path: /a, equals: 1 }, { path: /b, equals: 1 }]");
    let halves = ["a", "b"].map(|name| attested(&ci, &[manifest()], TESTS, json!({name: 1})));
    expect(&both, &with(halves.to_vec(), &both), Outcome::Fail, Decision::Deny, "of 2 found");
}

#[test]
fn what_could_not_be_looked_at_is_unknown_and_never_a_pass() {
    let ci = key();
    let policy = asking(&ci, "");
    let left = |predicate_type: &str| {
        let reason = "no trusted root".to_owned();
        vec![RefusedAttestation { predicate_type: predicate_type.to_owned(), digest: layer(), reason }]
    };
    let incomplete = || AttestationSearch {
        incomplete: Some("the registry did not answer".to_owned()),
        ..AttestationSearch::default()
    };
    let undecided = |kind| AttestationSearch { undecided: left(kind), ..AttestationSearch::default() };
    let unknown = |evidence: &Evidence, why: &str| {
        expect(&policy, evidence, Outcome::Unknown, Decision::Indeterminate, why);
    };
    unknown(&evidence(), "nobody searched");
    unknown(&searched(&asking(&key(), ""), AttestationSearch::default()), "nobody searched");
    unknown(&searched(&policy, incomplete()), "the registry did not answer");
    unknown(&searched(&policy, undecided(TESTS)), "could not be verified: no trusted root");
    for kind in [SubjectKind::RootDir, SubjectKind::Sbom] {
        let found = with(vec![passed(&ci)], &policy).attestations;
        unknown(&Evidence { attestations: found, ..of_kind(kind) }, "no digest that could be attested");
    }
    // What is undecided about another type says nothing.
    let other = searched(&policy, undecided("https://other.example/v1"));
    expect(&policy, &other, Outcome::Fail, Decision::Deny, "there is no attestation");
    let refused = AttestationSearch { refused: left(TESTS), ..AttestationSearch::default() };
    expect(&policy, &searched(&policy, refused), Outcome::Fail, Decision::Deny, "no trusted root");
    // One that counts is enough, whatever else there may be.
    for search in [incomplete(), undecided(TESTS)] {
        let search = AttestationSearch { verified: vec![Arc::new(passed(&ci))], ..search };
        expect(&policy, &searched(&policy, search), Outcome::Pass, Decision::Allow, "attested by ci");
    }
}

#[test]
fn a_threshold_counts_people_and_not_attestations() {
    let [one, two] = [key(), key()];
    let policy = policy(&spec(&format!(
        "name: tests, predicateType: '{TESTS}', threshold: 2, signedBy: [{{ name: one, key: {} }}, {{ name: two, key: {} }}]",
        one.yaml(),
        two.yaml()
    )));
    let twice = vec![passed(&one), attested(&one, &[index()], TESTS, json!({}))];
    expect(
        &policy,
        &with(twice, &policy),
        Outcome::Fail,
        Decision::Deny,
        "attested only by one; 2 signers are needed",
    );
    let both = with(vec![passed(&one), passed(&two)], &policy);
    expect(&policy, &both, Outcome::Pass, Decision::Allow, "attested by one, two (2 needed)");
}

/// Together they do not say what each has to.
#[test]
fn a_threshold_counts_only_those_whose_own_predicate_fits() {
    let [one, two] = [key(), key()];
    let policy = policy(&spec(&format!(
        "name: tests, predicateType: '{TESTS}', threshold: 2, conditions: [{{ path: /result, equals: PASSED }}], \
         signedBy: [{{ name: one, key: {} }}, {{ name: two, key: {} }}]",
        one.yaml(),
        two.yaml()
    )));
    let failed = || attested(&two, &[manifest()], TESTS, json!({"result": "FAILED"}));
    let half = with(vec![passed(&one), failed()], &policy);
    expect(&policy, &half, Outcome::Fail, Decision::Deny, "attested only by one; 2 signers are needed");
    expect(&policy, &half, Outcome::Fail, Decision::Deny, r#"got "FAILED""#);
    let both = with(vec![passed(&one), failed(), passed(&two)], &policy);
    expect(&policy, &both, Outcome::Pass, Decision::Allow, "attested by one, two (2 needed)");
}

/// All signers of a type are verified together; each rule asks for its own again.
#[test]
fn a_certificate_counts_only_for_the_rule_whose_claims_it_has() {
    let entry = |name: &str, of_ref: &str| {
        format!(
            "{{ name: {name}, predicateType: '{TESTS}', signedBy: [{{ name: workflow, identity: {{ \
             issuer: 'https://issuer.example', subject: 'https://ci.example/build', \
             claims: {{ source-ref: {of_ref} }} }} }}] }}"
        )
    };
    let (main, dev) = (entry("tests", "refs/heads/main"), entry("dev", "refs/heads/dev"));
    let policy = policy(&format!("{OPEN}\nattestations: [{main}, {dev}]"));
    let verified = |claims: Vec<(u8, String)>| {
        let mut instance = Sigstore::new();
        let holder =
            instance.leaf(&Leaf { subject: "https://ci.example/build".into(), claims, ..Leaf::default() });
        let statement = Statement::new(Subject::new("", &manifest()), TESTS, json!({}));
        let bundle = instance.attest(&holder, &statement.to_json(), LogVersion::V2).to_string();
        let bundle = Bundle::parse(bundle.as_bytes(), &Limits::default()).unwrap();
        let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
        let signers = policy.attestation_signers(TESTS).unwrap();
        signers.verify(&bundle, Some(&root), now(), |check: &Check<'_>| {
            verify(&bundle, Some(&manifest()), check)
        })
    };
    for (of_ref, outcomes) in [
        ("refs/heads/main", [Outcome::Pass, Outcome::Fail]),
        ("refs/heads/dev", [Outcome::Fail, Outcome::Pass]),
    ] {
        let statement = verified(vec![(14, of_ref.to_owned())]).unwrap();
        let verdict = judge(&policy, &with(vec![statement], &policy));
        let got = ["attestation/tests", "attestation/dev"].map(|name| rule(&verdict, name).outcome);
        assert_eq!(got, outcomes, "{of_ref}");
    }
    for claims in [Vec::new(), vec![(14, "refs/heads/other".to_owned())]] {
        assert!(verified(claims).is_err(), "no rule names it");
    }
}

/// Without a root no clock is trusted, so that every image would be denied.
#[test]
fn an_age_needs_a_trusted_root_even_if_only_keys_sign() {
    let ci = key();
    assert!(!asking(&ci, "").wants_trusted_root());
    assert!(!asking(&ci, ", conditions: [{ path: /time, maxAge: 2h }]").wants_trusted_root());
    assert!(asking(&ci, ", maxAge: 30d").wants_trusted_root());
}

#[test]
fn the_verdict_ends_with_what_it_rests_on() {
    let ci = key();
    let with_end = asking_with(&ci.yaml_with("notAfter: 2026-11-20T18:00:00Z"), "");
    let verdict = judge(&with_end, &with(vec![passed(&ci)], &with_end));
    assert_eq!(verdict.valid_until, Some(at("2026-11-20T18:00:00Z")), "the key counts no longer");
    let dated = asking(&ci, ", conditions: [{ path: /time, maxAge: 2h }]");
    let statement = attested(&ci, &[manifest()], TESTS, json!({"time": NOW}));
    let verdict = judge(&dated, &with(vec![statement], &dated));
    assert_eq!(verdict.valid_until, Some(after(2)), "the predicate becomes too old");
    // A key's signature without a trusted time may be of any age.
    let aged = asking(&ci, ", maxAge: 30d");
    expect(&aged, &with(vec![passed(&ci)], &aged), Outcome::Fail, Decision::Deny, "no trusted clock attests");
}

fn asking_with(key: &str, more: &str) -> Policy {
    policy(&spec(&format!(
        "name: tests, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {key} }}]{more}"
    )))
}

#[test]
fn an_action_other_than_deny_is_told_and_blocks_nothing() {
    let ci = key();
    for (action, effect) in [("deny", Effect::Block), ("warn", Effect::Warn), ("audit", Effect::Report)] {
        let policy = asking(&ci, &format!(", action: {action}"));
        for (evidence, outcome, blocked) in [
            (with(Vec::new(), &policy), Outcome::Fail, Decision::Deny),
            (evidence(), Outcome::Unknown, Decision::Indeterminate),
        ] {
            let verdict = judge(&policy, &evidence);
            let result = rule(&verdict, "attestation/tests");
            assert_eq!((result.outcome, result.effect), (outcome, effect));
            let decision = if action == "deny" { blocked } else { Decision::Allow };
            assert_eq!(verdict.decision, decision, "{action}");
        }
    }
    // The usual may be written, and is the same policy.
    assert_eq!(asking(&ci, ", action: deny").effective_digest(), asking(&ci, "").effective_digest());
}

#[test]
fn a_waiver_accepts_that_one_is_missing_by_the_name_of_its_rule() {
    let ci = key();
    let policy = policy(&format!(
        "{OPEN}\nattestations: [{{ name: tests, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {} }}] }}]\n\
         waivers: {{ allowUnsigned: I accept unsigned waivers }}",
        ci.yaml()
    ));
    let missing = with(Vec::new(), &policy);
    for (named, waived) in [("attestation/tests", true), ("attestation/other", false), ("sbom", false)] {
        let waiver = unsigned(&waiver_with(&json!({"rules": [named], "cves": null})));
        let set = PolicySet::from(policy.clone());
        let verdict = evaluate(&set, &missing, &[waiver], &DenyList::none(), now());
        let result = rule(&verdict, "attestation/tests");
        assert_eq!(result.outcome == Outcome::Waived, waived, "{named}: {}", result.reason);
        assert_eq!(verdict.decision == Decision::Allow, waived, "{named}");
    }
    let wrong = waiver_with(&json!({"rules": ["attestation/"], "cves": null}));
    let error =
        plimsoll_policy::Waiver::from_unsigned(wrong.to_string().as_bytes(), "w").unwrap_err().to_string();
    assert!(error.contains("attestation/NAME"), "{error}");
}

#[test]
fn entries_have_no_order_and_rules_are_listed_by_name() {
    let ci = key();
    let entry = |name: &str| {
        format!(
            "{{ name: {name}, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {} }}] }}",
            ci.yaml()
        )
    };
    let of = |names: [&str; 2]| {
        policy(&format!("{OPEN}\nattestations: [{}, {}]", entry(names[0]), entry(names[1])))
    };
    let (one, other) = (of(["b", "a"]), of(["a", "b"]));
    assert_eq!(one.effective_digest(), other.effective_digest());
    let verdict = judge(&one, &with(vec![passed(&ci)], &one));
    let names: Vec<&str> = verdict.platforms[0].rules.iter().map(|result| result.rule.as_str()).collect();
    assert_eq!(names[names.len() - 2..], ["attestation/a", "attestation/b"]);
}

#[test]
fn an_entry_that_nobody_could_satisfy_is_refused_with_its_place() {
    let ci = format!("{{ name: ci, key: {} }}", key().yaml());
    for (entry, place) in [
        (
            format!("name: t, predicateType: nonsense, signedBy: [{ci}]"),
            "spec.attestations[0].predicateType: ",
        ),
        (
            "name: t, predicateType: vuln, signedBy: []".to_owned(),
            "spec.attestations[0].signedBy: names no signer",
        ),
        ("name: t, predicateType: vuln".to_owned(), "signedBy"),
        (
            format!("name: t, predicateType: vuln, threshold: 2, signedBy: [{ci}]"),
            "spec.attestations[0].threshold: got threshold 2 with only 1",
        ),
        (
            format!("name: t, predicateType: vuln, signedBy: [{ci}], conditions: [{{ path: /x }}]"),
            "spec.attestations[0].conditions[0]: compares nothing",
        ),
        (format!("name: t/x, predicateType: vuln, signedBy: [{ci}]"), "expected a name"),
        (format!("name: t, predicateType: vuln, signedBy: [{ci}], action: ignore"), "action"),
        (format!("name: t, predicateType: vuln, signedBy: [{ci}], conditions:"), "has no value"),
    ] {
        let error = refused(&spec(&entry));
        assert!(error.contains(place), "{entry}: {error}");
    }
    let twice = format!(
        "{OPEN}\nattestations: [{{ name: t, predicateType: vuln, signedBy: [{ci}] }}, {{ name: t, predicateType: vuln, signedBy: [{ci}] }}]"
    );
    assert!(
        refused(&twice).contains("spec.attestations[1].name: got t, which another entry"),
        "{}",
        refused(&twice)
    );
    let many: Vec<String> =
        (0..65).map(|n| format!("{{ name: t{n}, predicateType: vuln, signedBy: [{ci}] }}")).collect();
    let error = refused(&format!("{OPEN}\nattestations: [{}]", many.join(", ")));
    assert!(error.contains("spec.attestations: got 65, expected at most 64"), "{error}");
}

#[test]
fn lint_finds_a_trial_that_was_forgotten_and_an_approver_who_attests() {
    let ci = key();
    let entry = format!(
        "name: tests, predicateType: vuln, signedBy: [{{ name: ci, key: {} }}], action: audit",
        ci.yaml()
    );
    let codes = |phase: &str| {
        let policy = policy(&format!(
            "phase: {phase}\nsignatures: {{ required: false }}\nattestations: [{{ {entry} }}]\n\
             waivers: {{ approvers: [{{ name: boss, key: {} }}] }}",
            ci.yaml()
        ));
        policy.lint(now()).iter().map(|it| format!("{} {}", it.code, it.path)).collect::<Vec<_>>()
    };
    let forgotten = "PL031 spec.attestations[0].action".to_owned();
    assert!(codes("beta").contains(&forgotten), "{:?}", codes("beta"));
    assert!(!codes("pilot").contains(&forgotten), "a pilot tries");
    assert!(codes("pilot").contains(&"PL001 spec.waivers.approvers[0]".to_owned()));
}

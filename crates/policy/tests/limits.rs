//! Each limit of a document at its very number, and each instant at its second: what just fits counts, one more does not.

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
use jiff::SignedDuration;
use plimsoll_core::{Classify as _, Kind, Limits};
use plimsoll_policy::{Code, DenyList, Error, Policy, Severity, Waiver, built_in_rules};
use serde_json::{Value, json};

/// What is wrong with the policy, or nothing.
fn refused(spec: &str) -> Option<String> {
    Policy::parse(policy_text(spec).as_bytes(), "p", &()).err().map(|error| error.to_string())
}

fn refused_waiver(changes: &Value) -> Option<String> {
    let document = waiver_with(changes).to_string();
    Waiver::from_unsigned(document.as_bytes(), "w").err().map(|error| error.to_string())
}

/// The longest that is read, and what is said of one more.
#[track_caller]
fn just_fits(written: impl Fn(usize) -> Option<String>, most: usize, problem: &str) {
    assert_eq!(written(most), None, "{most}");
    let error = written(most + 1).unwrap();
    assert!(error.contains(problem), "{error}");
}

#[test]
fn a_text_of_an_identity_has_up_to_2048_bytes() {
    for field in ["issuer", "subject"] {
        let other = if field == "issuer" { "subject" } else { "issuer" };
        let written = |length: usize| {
            let text = "x".repeat(length);
            let identity = format!("{{ {field}: {text}, {other}: y }}");
            refused(&format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: a, identity: {identity} }}] }}"))
        };
        just_fits(written, 2048, &format!("{field}: expected a text of 1 to 2048 bytes"));
    }
    let list = "phase: pilot\nsignatures: { anyOf: [{ name: a, identity: { issuer: [x], subject: y } }] }";
    let error = refused(list).unwrap();
    assert!(error.contains("expected a text, or { pattern: REGULAR EXPRESSION }"), "{error}");
}

#[test]
fn a_name_of_a_signer_has_up_to_256_bytes_and_is_no_other_entrys() {
    let pem = key().yaml();
    let named = |name: &str| {
        refused(&format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: {name}, key: {pem} }}] }}"))
    };
    just_fits(
        |length| named(&"x".repeat(length)),
        256,
        "spec.signatures.anyOf[0].name: expected a name of 1 to 256 bytes",
    );
    // Of two lists too: a verdict could not tell the two apart.
    let (one, other) = (key().yaml(), key().yaml());
    let both = |name: &str| {
        refused(&format!(
            "phase: pilot\nsignatures: {{ allOf: [{{ name: a, key: {one} }}], anyOf: [{{ name: {name}, key: {other} }}] }}"
        ))
    };
    assert_eq!(both("b"), None);
    for name in ["a", "A"] {
        let error = both(name).unwrap();
        assert!(
            error.contains("spec.signatures.allOf: has a name that an entry of anyOf has too"),
            "{error}"
        );
    }
}

/// One who must sign, and two of others, who are only one other: nobody could satisfy that.
#[test]
fn no_more_signers_are_asked_for_than_there_are() {
    let (one, other, third) = (key().yaml(), key().yaml(), key().yaml());
    let asked = |second: &str| {
        refused(&format!(
            "phase: pilot\nsignatures: {{ threshold: 2, allOf: [{{ name: a, key: {one} }}], \
             anyOf: [{{ name: b, key: {other} }}, {{ name: c, key: {second} }}] }}"
        ))
    };
    assert_eq!(asked(&third), None);
    let error = asked(&one).unwrap();
    assert!(error.contains("asks for more signers than there are distinct keys and identities"), "{error}");
}

#[test]
fn up_to_16_timestamps_can_be_asked_for() {
    just_fits(
        |number| refused(&format!("phase: pilot\ntrust: {{ timestamps: {number} }}")),
        16,
        "spec.trust.timestamps: expected at most 16",
    );
}

#[test]
fn a_waiver_names_up_to_1000_vulnerabilities_by_identifiers_of_up_to_64_bytes() {
    let many = |count: usize| {
        let cves: Vec<String> = (0..count).map(|number| format!("CVE-2026-{number}")).collect();
        refused_waiver(&json!({"cves": cves}))
    };
    just_fits(many, 1_000, "spec.cves: got 1001, expected at most 1000");
    let long = |length: usize| refused_waiver(&json!({"cves": [format!("CVE-{}", "1".repeat(length - 4))]}));
    just_fits(long, 64, "spec.cves[0]: expected an identifier");
}

/// The list is that of the rules, whichever there are, and at its end those that policies name themselves.
#[test]
fn a_rule_that_cannot_be_waived_is_refused_with_those_that_can() {
    let built_in = built_in_rules().filter(|rule| rule.waivable).map(|rule| rule.name.to_string());
    // Those that a policy defines follow, by the form of their names.
    let own = ["attestation/NAME", "rule/NAME"].map(str::to_owned);
    let names: Vec<String> = built_in.chain(own).collect();
    let (last, others) = names.split_last().unwrap();
    let told = format!("expected {} or {last}", others.join(", "));
    for (rule, problem) in [
        ("signatures", "spec.rules: the rule signatures cannot be waived"),
        ("sboms", "unknown rule `sboms`"),
    ] {
        let error = refused_waiver(&json!({"rules": [rule]})).unwrap();
        assert!(error.contains(problem) && error.ends_with(&told), "{error}");
    }
}

/// Thirty days are time enough to make a successor; a second less is soon.
#[test]
fn lint_warns_of_a_key_whose_end_is_less_than_thirty_days_away() {
    let ending = |seconds: i64| {
        let end = after(30 * 24) + SignedDuration::from_secs(seconds);
        let spec = format!(
            "phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {} }}] }}",
            key().yaml_with(&format!("notAfter: {end}"))
        );
        let found = policy(&spec).lint(now());
        found.iter().any(|diagnostic| diagnostic.code == Code::KeyExpiresSoon)
    };
    assert_eq!([-1, 0, 1].map(ending), [true, false, false]);
}

/// Claims can say enough of a subject, and nothing else says who vouches.
#[test]
fn lint_finds_an_issuer_that_may_be_anybody_whatever_is_claimed() {
    let found = |issuer: &str, subject: &str, claims: &str| {
        let identity = format!("{{ issuer: {issuer}, subject: {subject}, claims: {{ {claims} }} }}");
        let spec = format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: a, identity: {identity} }}] }}");
        let found = policy(&spec).lint(now()).into_iter();
        found.map(|it| (it.code.as_str(), it.path.rsplit('.').next().unwrap().to_owned())).collect::<Vec<_>>()
    };
    let (any, one) = ("{ pattern: '.*' }", "'https://issuer.example'");
    let of = |code, field: &str| vec![(code, field.to_owned())];
    assert_eq!(found(any, one, ""), of("PL025", "issuer"));
    assert_eq!(found(any, one, "source-ref: main"), of("PL025", "issuer"));
    assert_eq!(found(one, any, ""), of("PL025", "subject"));
    assert_eq!(found(one, any, "source-ref: main"), of("PL026", "subject"));
}

#[test]
fn findings_of_the_lint_are_shown_by_code_and_severity() {
    assert_eq!(Code::ApproverSigns.to_string(), "PL001");
    assert_eq!([Severity::Warning, Severity::Error].map(|it| it.to_string()), ["warning", "error"]);
}

#[test]
fn key_files_are_refused_where_there_is_no_folder_to_read_them_from() {
    let error = refused("phase: pilot\nsignatures: { anyOf: [{ name: a, key: { file: a.pub } }] }").unwrap();
    assert!(
        error.ends_with("key files cannot be read here, expected the key in the document (`pem: |`)"),
        "{error}"
    );
}

/// The example is a start for one's own, so it must decide as the policy that applies without any.
#[test]
fn the_example_is_a_policy_that_decides_as_the_built_in_one() {
    let example = Policy::parse(Policy::example_document().as_bytes(), "example", &()).unwrap();
    for judged in [evidence(), of_kind(plimsoll_policy::SubjectKind::RootDir)] {
        let (one, other) = (judge(&example, &judged), judge(&Policy::builtin(), &judged));
        assert_eq!(one.decision, other.decision);
        let outcomes = |verdict: &plimsoll_policy::Verdict| -> Vec<_> {
            verdict.platforms[0].rules.iter().map(|rule| (rule.outcome, rule.effect)).collect()
        };
        assert_eq!(outcomes(&one), outcomes(&other));
    }
    assert_eq!(example.lint(now()), []);
}

#[test]
fn what_is_wrong_with_a_document_is_told_with_what_helps() {
    let schema = Some("the format as a JSON Schema: plimsoll policy schema");
    let parsed = |text: &str| Policy::parse(text.as_bytes(), "p", &()).unwrap_err();
    let secops = key();
    let approvers =
        policy(&format!("phase: pilot\nwaivers: {{ approvers: [{{ name: s, key: {} }}] }}", secops.yaml()));
    let waiver = |bytes: &[u8]| {
        Waiver::from_bundle(bytes, "w", &approvers, Err("no root"), now(), &Limits::default()).unwrap_err()
    };
    for (error, kind, hint) in [
        (parsed("apiVersion: plimsoll.dev/v1\nkind: Policy\nspec: {}\n"), Kind::Usage, schema),
        (parsed("\u{feff}a\u{202e}: b"), Kind::Usage, None),
        (parsed(&policy_text("phase: pilot\nmatch: { images: ['a b'] }")), Kind::Usage, schema),
        (DenyList::parse(b"kind: DenyList", "d").unwrap_err(), Kind::Usage, schema),
        (parsed(&policy_text("phase: beta\nsignatures: { required: true }")), Kind::Usage, None),
        (
            parsed(&policy_text("phase: pilot\nsignatures: { anyOf: [{ name: a, key: { pem: x } }] }")),
            Kind::Usage,
            None,
        ),
        (waiver(b"{}"), Kind::Usage, None),
        (
            waiver(&key().approve(&common::waiver())),
            Kind::Denied,
            Some("an approver signs it: plimsoll waiver sign --key KEY WAIVER.yaml"),
        ),
    ] {
        let error: Error = error;
        assert_eq!((error.kind(), error.hint().as_deref()), (kind, hint), "{error}");
    }
}

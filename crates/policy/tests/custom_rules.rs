//! What a policy asks in its own words, over the evidence as a document.

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

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{
    evidence, finding, gap, judge, key, manifest, now, of_kind, policy, policy_text, rule, scanned,
    signatures, unsigned, waiver_with,
};
use plimsoll_policy::{
    AttestationFacts, AttestationSearch, ConfigurationParts, Decision, DenyList, Effect, Evidence,
    ImageConfiguration, Outcome, Policy, PolicySet, SbomFacts, SubjectKind, VulnerabilityFacts, evaluate,
};
use plimsoll_vuln::Severity;
use serde_json::json;

const OPEN: &str = "phase: pilot\ndigest: { pinned: false }\nvulnerabilities: { block: [], onUnknown: warn }\nsbom: { required: false, onUnknown: warn }";

fn asking(cel: &str, more: &str) -> Policy {
    policy(&format!("{OPEN}\nrules: [{{ name: own, cel: {}{more} }}]", json!(cel)))
}

fn refused(rules: &str) -> String {
    Policy::parse(policy_text(&format!("{OPEN}\nrules: {rules}")).as_bytes(), "p.yaml", &())
        .unwrap_err()
        .to_string()
}

#[track_caller]
fn expect(cel: &str, evidence: &Evidence, outcome: Outcome, why: &str) {
    let verdict = judge(&asking(cel, ""), evidence);
    let result = rule(&verdict, "rule/own");
    assert_eq!(result.outcome, outcome, "{cel}: {}", result.reason);
    let decision = match outcome {
        Outcome::Fail => Decision::Deny,
        Outcome::Unknown => Decision::Indeterminate,
        _ => Decision::Allow,
    };
    assert_eq!(verdict.decision, decision);
    assert!(result.reason.contains(why), "{cel}: expected {why:?}, got {:?}", result.reason);
}

fn vulnerable() -> Evidence {
    let found = vec![finding("CVE-2026-1111", Severity::Critical), finding("CVE-2026-2222", Severity::Low)];
    Evidence { vulnerabilities: scanned(found, Vec::new()), ..evidence() }
}

#[test]
fn true_passes_false_denies_with_the_words_of_the_policy() {
    for (cel, truth) in [
        ("evidence.schemaVersion == 'plimsoll.dev/evidence/v1'", true),
        ("evidence.subject.repository.startsWith('registry.example/team/')", true),
        ("evidence.subject.kind == 'registry' && evidence.subject.platform == 'linux/amd64'", true),
        ("evidence.subject.digests.layers.size() == 2", true),
        ("evidence.findings.size() == 2", true),
        ("evidence.findings.exists(f, f.severity == 'critical' && f.id == 'CVE-2026-1111')", true),
        ("evidence.findings.all(f, f.severity != 'critical')", false),
        ("evidence.findings.exists(f, f.exploited)", false),
        ("evidence.inventory.components > 100 && evidence.inventory.os == 'debian-12'", true),
        ("evidence.signatures.size() == 0", true),
        ("timestamp(evidence.evaluatedAt) == timestamp('2026-11-20T12:00:00Z')", true),
        ("evidence.missing.image.size() > 0", true),
    ] {
        expect(cel, &vulnerable(), if truth { Outcome::Pass } else { Outcome::Fail }, "");
    }
    let verdict = judge(&asking("false", ", message: because we say so"), &evidence());
    assert_eq!(rule(&verdict, "rule/own").reason, "because we say so");
    expect("1 > 2", &evidence(), Outcome::Fail, "`1 > 2` is false");
}

#[test]
fn what_is_missing_or_known_in_part_only_leaves_the_rule_unknown() {
    let all = "evidence.findings.all(f, f.severity != 'critical')";
    let gone = VulnerabilityFacts::Unavailable { reason: "no database".to_owned() };
    let with_gap = Evidence { vulnerabilities: scanned(Vec::new(), vec![gap()]), ..evidence() };
    expect(all, &with_gap, Outcome::Unknown, "; no findings: not covered: ");
    expect(
        all,
        &Evidence { vulnerabilities: gone, ..evidence() },
        Outcome::Unknown,
        "no findings: there was no scan",
    );
    let gone = SbomFacts::Unavailable { reason: "unread".to_owned() };
    expect(
        "evidence.inventory.components == 0",
        &Evidence { sbom: gone, ..evidence() },
        Outcome::Unknown,
        "unread",
    );
    expect(
        "evidence.image.user != '0'",
        &evidence(),
        Outcome::Unknown,
        "no configuration of an image was read",
    );
    expect("evidence.signatures.size() == 0", &of_kind(SubjectKind::RootDir), Outcome::Unknown, "");
    expect("evidence.attestations.size() == 0", &evidence(), Outcome::Unknown, "asks for any");
    // An operator that would be false on errors in other languages is none here.
    expect("!(evidence.findings.exists(f, f.exploited))", &with_gap, Outcome::Unknown, "");
    // What must not matter can be said.
    expect("!has(evidence.findings) || evidence.findings.size() == 0", &with_gap, Outcome::Pass, "");
}

#[test]
fn a_rule_that_would_not_end_is_stopped_and_unknown() {
    let found = (0..2_000).map(|n| finding(&format!("CVE-2026-{n}"), Severity::Low)).collect();
    let many = Evidence { vulnerabilities: scanned(found, Vec::new()), ..evidence() };
    let hostile = "evidence.findings.all(a, evidence.findings.all(b, a == b || a != b))";
    expect(hostile, &many, Outcome::Unknown, "it has no result: stopped after 400000 steps");
    let one = judge(&asking(hostile, ""), &many);
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        serde_json::to_string(&judge(&asking(hostile, ""), &many)).unwrap()
    );
}

#[test]
fn signatures_attestations_and_the_configuration_are_seen_as_far_as_they_count() {
    let (release, ci, other) = (key(), key(), key());
    let asked = "https://ci.example/tests/v1";
    let with = |cel: &str| {
        policy(&format!(
            "{OPEN}\nsignatures: {{ required: false, anyOf: [{{ name: release, key: {} }}] }}\n\
             attestations: [{{ name: t, predicateType: '{asked}', signedBy: [{{ name: ci, key: {} }}], action: audit }}]\n\
             rules: [{{ name: own, cel: {} }}]",
            release.yaml(),
            ci.yaml(),
            json!(cel)
        ))
    };
    let labels = BTreeMap::from([("team".to_owned(), "shop".to_owned())]);
    let configuration = ImageConfiguration::new(&ConfigurationParts {
        created: Some(now()),
        user: Some("1000"),
        labels: &labels,
        ports: &["80".to_owned()],
        environment: &["A_PASSWORD=hunter2".to_owned()],
        history: &[],
    });
    for cel in [
        "evidence.signatures.size() == 1 && evidence.signatures[0].authority == 'release'",
        "evidence.attestations.size() == 1 && evidence.attestations[0].authority == 'ci'",
        "evidence.attestations.exists(a, a.predicateType == 'https://ci.example/tests/v1' && a.predicate == {})",
        "evidence.image.user == '1000' && evidence.image.labels.team == 'shop' && '80/tcp' in evidence.image.ports",
        "evidence.image.secrets.size() == 1 && evidence.image.environment == ['A_PASSWORD']",
    ] {
        let policy = with(cel);
        let mut search = AttestationSearch::default();
        search.add(&policy, ci.statement(&manifest(), asked));
        search.add(&policy, other.statement(&manifest(), asked));
        search.add(&policy, ci.statement(&common::layer(), asked));
        let mut attestations = AttestationFacts::default();
        attestations.add(&policy, search);
        let signed = vec![
            release.signature_of(&manifest()),
            other.signature_of(&manifest()),
            release.signature_of(&common::layer()),
            release.statement(&manifest(), asked),
        ];
        let evidence = Evidence {
            attestations,
            signatures: signatures(signed).into(),
            configuration: Some(Arc::new(configuration.clone())),
            ..evidence()
        };
        let verdict = judge(&policy, &evidence);
        assert_eq!(
            rule(&verdict, "rule/own").outcome,
            Outcome::Pass,
            "{cel}: {}",
            rule(&verdict, "rule/own").reason
        );
    }
}

#[test]
fn a_rule_has_an_action_and_can_be_waived_by_its_name() {
    for (action, effect) in [("deny", Effect::Block), ("warn", Effect::Warn), ("audit", Effect::Report)] {
        let verdict = judge(&asking("false", &format!(", action: {action}")), &evidence());
        assert_eq!(rule(&verdict, "rule/own").effect, effect);
        assert_eq!(verdict.decision == Decision::Allow, action != "deny");
    }
    let policy = policy(&format!(
        "{OPEN}\nrules: [{{ name: own, cel: 'false' }}]\nwaivers: {{ allowUnsigned: I accept unsigned waivers }}"
    ));
    let waiver = unsigned(&waiver_with(&json!({"rules": ["rule/own"], "cves": null})));
    let verdict = evaluate(&PolicySet::from(policy), &evidence(), &[waiver], &DenyList::none(), now());
    assert_eq!(rule(&verdict, "rule/own").outcome, Outcome::Waived);
}

#[test]
fn who_asks_for_the_time_gets_a_verdict_that_ends() {
    let verdict = judge(&asking("evidence.evaluatedAt != ''", ""), &evidence());
    assert_eq!(verdict.valid_until, Some(now()));
    assert_ne!(judge(&asking("true", ""), &evidence()).valid_until, Some(now()));
}

#[test]
fn an_expression_that_cannot_be_read_is_refused_with_its_place() {
    for (rules, told) in [
        (
            "[{ name: own, cel: 'evidence.x ==' }]",
            "p.yaml: spec.rules[0].cel: character 14: expected a value",
        ),
        ("[{ name: own, cel: 'now() > 1' }]", "spec.rules[0].cel: character 1: unknown function now"),
        (
            "[{ name: own, cel: 'true' }, { name: own, cel: 'true' }]",
            "spec.rules[1].name: got own, which another",
        ),
        ("[{ name: 'a b', cel: 'true' }]", "expected a name"),
        ("[{ name: own }]", "cel"),
        ("[{ name: own, rego: 'true' }]", "rego"),
    ] {
        let error = refused(rules);
        assert!(error.contains(told), "{rules}: {error}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("{{ name: r{n}, cel: 'true' }}")).collect();
    assert!(refused(&format!("[{}]", many.join(", "))).contains("spec.rules: got 65, expected at most 64"));
    assert_ne!(asking("true", "").effective_digest(), asking("!false", "").effective_digest());
}

//! How an image must have been built, by what its builder attests.

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

use common::{Key, evidence, index, judge, key, layer, manifest, now, policy, policy_text, rule};
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{AttestationFacts, AttestationSearch, Decision, Detail, Evidence, Outcome, Policy};
use plimsoll_verify::{Bundle, Statement, Subject, Verified, statement_by_key};
use serde_json::{Value, json};

const SLSA: &str = "https://slsa.dev/provenance/v1";
const OPEN: &str = "phase: pilot\ndigest: { pinned: false }";
const BUILDER: &str = "https://builder.example/hosted";

fn expecting(key: &Key, more: &str) -> Policy {
    policy(&spec(key, more))
}

fn spec(key: &Key, more: &str) -> String {
    format!("{OPEN}\nprovenance: {{ signedBy: [{{ name: builder, key: {} }}]{more} }}", key.yaml())
}

/// A build of the repository, from this ref.
fn build(of_ref: &str) -> Value {
    build_of("https://github.com/team/app", of_ref)
}

fn build_of(repository: &str, of_ref: &str) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "repository": repository, "ref": of_ref, "path": ".github/workflows/release.yml",
            }},
            "resolvedDependencies": [{
                "uri": format!("git+{repository}@{of_ref}"), "digest": {"gitCommit": "a".repeat(40)},
            }],
        },
        "runDetails": {"builder": {"id": BUILDER}},
    })
}

fn attested(key: &Key, subject: &Digest, predicate_type: &str, predicate: Value) -> Verified<Statement> {
    let statement = Statement::new(Subject::new("", subject), predicate_type, predicate);
    let bundle = Bundle::parse(&key.bundle(&statement), &Limits::default()).unwrap();
    statement_by_key(&bundle, std::slice::from_ref(&key.public)).unwrap()
}

fn with(statements: Vec<Verified<Statement>>, policy: &Policy) -> Evidence {
    let mut search = AttestationSearch::default();
    for statement in statements {
        search.add(policy, statement);
    }
    let mut attestations = AttestationFacts::default();
    attestations.add(policy, search);
    Evidence { attestations, ..evidence() }
}

#[track_caller]
fn expect(policy: &Policy, evidence: &Evidence, outcome: Outcome, why: &str) {
    let verdict = judge(policy, evidence);
    let result = rule(&verdict, "provenance");
    assert_eq!(result.outcome, outcome, "{} {:?}", result.reason, result.details);
    let decision = match outcome {
        Outcome::Fail => Decision::Deny,
        Outcome::Unknown => Decision::Indeterminate,
        _ => Decision::Allow,
    };
    assert_eq!(verdict.decision, decision);
    assert!(result.reason.contains(why), "expected {why:?}, got {:?}", result.reason);
}

#[test]
fn a_build_as_expected_by_the_named_signer_passes_and_any_difference_denies() {
    let builder = key();
    let good = || attested(&builder, &manifest(), SLSA, build("refs/tags/v1"));
    for (more, difference) in [
        ("", ""),
        (", builderId: 'https://builder.example/hosted'", ""),
        (", builderId: 'https://builder.example/'", "builder: got https://builder.example/hosted"),
        (", builderId: { pattern: 'https://builder\\.example/.*' }", ""),
        (", buildType: 'https://actions.github.io/buildtypes/workflow/v1'", ""),
        (", buildType: 'https://other.example/v1'", "build-type: "),
        (", sourceRepository: 'https://github.com/Team/App.git'", ""),
        (", sourceRepository: 'https://github.com/team/app2'", "source-repository: "),
        (", sourceRef: { pattern: 'refs/tags/v.*' }", ""),
        (", sourceRef: refs/heads/main", "source-ref: got refs/tags/v1, expected refs/heads/main"),
        (", sourceRef: v1", "source-ref: "),
        (", buildConfig: .github/workflows/release.yml", ""),
        (", buildConfig: .github/workflows/other.yml", "build-config: "),
        (", pinnedMaterials: true", ""),
        (", materials: ['git+https://github.com/team/app@refs/tags/v1']", ""),
        (", materials: ['pkg:docker/debian@12']", "material"),
        (", slsaLevel: 1", ""),
        (", slsaLevel: 3", "level: "),
        (", slsaLevel: 3, trustedBuilders: { 'https://builder.example/hosted': 3 }", ""),
        (", noOtherParameters: true", ""),
    ] {
        let policy = expecting(&builder, more);
        let evidence = with(vec![good()], &policy);
        if difference.is_empty() {
            expect(&policy, &evidence, Outcome::Pass, "attested by builder");
        } else {
            expect(&policy, &evidence, Outcome::Fail, difference);
        }
    }
}

#[test]
fn only_a_provenance_of_this_image_by_the_signer_counts() {
    let (builder, other) = (key(), key());
    let policy = expecting(&builder, ", sourceRepository: 'https://github.com/team/app'");
    let content = || build("refs/tags/v1");
    for (statement, why) in [
        (attested(&other, &manifest(), SLSA, content()), "spec.provenance.signedBy does not name"),
        (attested(&builder, &layer(), SLSA, content()), "another digest"),
        (
            attested(&builder, &manifest(), "https://slsa.dev/provenance/v9", content()),
            "there is no provenance",
        ),
        (attested(&builder, &manifest(), SLSA, json!({})), "the provenance does not count"),
        (builder.signature_of(&manifest()), "there is no provenance"),
    ] {
        expect(&policy, &with(vec![statement], &policy), Outcome::Fail, why);
    }
    expect(&policy, &evidence(), Outcome::Unknown, "nobody searched");
    let of_index = attested(&builder, &index(), SLSA, content());
    expect(&policy, &with(vec![of_index], &policy), Outcome::Pass, "attested by builder");
    // Without the section, nothing is asked and nothing is needed.
    let verdict = judge(&common::policy(OPEN), &evidence());
    assert_eq!(rule(&verdict, "provenance").outcome, Outcome::NotApplicable);
    assert!(!common::policy(OPEN).needs().attestations && policy.needs().attestations);
}

#[test]
fn who_deploys_may_not_attest_the_build() {
    let (builder, robot) = (key(), key());
    let both = policy(&format!(
        "{OPEN}\nprovenance: {{ signedBy: [{{ name: builder, key: {} }}, {{ name: helper, key: {} }}], \
         deployers: [{{ name: robot, key: {} }}] }}",
        builder.yaml(),
        key().yaml(),
        robot.yaml()
    ));
    let good = attested(&builder, &manifest(), SLSA, build("refs/tags/v1"));
    expect(&both, &with(vec![good], &both), Outcome::Pass, "attested by builder");
    let same = format!(
        "{OPEN}\nprovenance: {{ signedBy: [{{ name: builder, key: {0} }}], deployers: [{{ name: robot, key: {0} }}] }}",
        builder.yaml()
    );
    let error = Policy::parse(policy_text(&same).as_bytes(), "p", &()).unwrap_err().to_string();
    assert!(error.contains("spec.provenance.deployers: robot is among the signers too"), "{error}");
}

#[test]
fn what_cannot_be_expected_is_refused_with_its_place() {
    let builder = key();
    for (more, place) in [
        (", sourceRepository: team/app", "spec.provenance.sourceRepository: "),
        (", slsaLevel: 4", "spec.provenance.slsaLevel: "),
        (", trustedBuilders: { 'https://b.example': 9 }", "spec.provenance.trustedBuilders: "),
        (", materials: ['']", "spec.provenance.materials: "),
        (", source: x", "source"),
        (", builderId:", "has no value"),
    ] {
        let error =
            Policy::parse(policy_text(&spec(&builder, more)).as_bytes(), "p", &()).unwrap_err().to_string();
        assert!(error.contains(place), "{more}: {error}");
    }
    let nobody = policy_text(&format!("{OPEN}\nprovenance: {{ slsaLevel: 1 }}"));
    let error = Policy::parse(nobody.as_bytes(), "p", &()).unwrap_err().to_string();
    assert!(error.contains("spec.provenance.signedBy: names no signer"), "{error}");
}

#[test]
fn each_expectation_is_a_part_of_the_effective_policy_and_lint_asks_for_the_source() {
    let builder = key();
    let digest = |more: &str| expecting(&builder, more).effective_digest();
    let all = [
        "",
        ", slsaLevel: 1",
        ", slsaLevel: 2",
        ", sourceRef: a",
        ", sourceRef: { pattern: a }",
        ", action: warn",
    ];
    for (index, one) in all.iter().enumerate() {
        for other in &all[index + 1..] {
            assert_ne!(digest(one), digest(other), "{one} and {other}");
        }
    }
    let codes = |more: &str| -> Vec<String> {
        expecting(&builder, more).lint(now()).iter().map(|it| it.code.to_string()).collect()
    };
    assert!(codes("").contains(&"PL033".to_owned()));
    assert!(!codes(", sourceRepository: 'https://github.com/team/app'").contains(&"PL033".to_owned()));
    let details = |policy: &Policy, statement| {
        let verdict = judge(policy, &with(vec![statement], policy));
        rule(&verdict, "provenance").details.clone()
    };
    let policy = expecting(&builder, "");
    let told = details(&policy, attested(&builder, &manifest(), SLSA, build("refs/tags/v1")));
    assert!(
        matches!(told.as_slice(), [Detail::Attestation { predicate_type, .. }] if predicate_type == SLSA),
        "{told:?}"
    );
}

/// One issuer's workflows build, and one of them deploys.
#[test]
fn a_deployer_that_fits_a_signers_pattern_does_not_count_and_lint_says_so() {
    use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
    use plimsoll_verify::{Check, TrustedRoot, verify};

    let policy = policy(&format!(
        "{OPEN}\nprovenance: {{ \
         signedBy: [{{ name: any workflow, identity: {{ issuer: 'https://issuer.example', subject: {{ pattern: 'https://ci\\.example/.*' }} }} }}], \
         deployers: [{{ name: deploy, identity: {{ issuer: 'https://issuer.example', subject: 'https://ci.example/deploy' }} }}] }}"
    ));
    assert!(policy.lint(now()).iter().any(|it| it.code.as_str() == "PL032"));
    for (workflow, outcome) in [
        ("build", Outcome::Pass),
        ("deploy", Outcome::Fail),
        // Hosts of repositories mostly do not distinguish letter case.
        ("Deploy", Outcome::Fail),
        ("DEPLOY", Outcome::Fail),
    ] {
        let mut instance = Sigstore::new();
        let subject = format!("https://ci.example/{workflow}");
        let holder = instance.leaf(&Leaf { subject, claims: Vec::new(), ..Leaf::default() });
        let statement = Statement::new(Subject::new("", &manifest()), SLSA, build("refs/tags/v1"));
        let bundle = instance.attest(&holder, &statement.to_json(), LogVersion::V2).to_string();
        let bundle = Bundle::parse(bundle.as_bytes(), &Limits::default()).unwrap();
        let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
        let signers = policy.attestation_signers(SLSA).unwrap();
        let verified = |check: &Check<'_>| verify(&bundle, Some(&manifest()), check);
        let statement = signers.verify(&bundle, Some(&root), now(), verified).unwrap();
        let why = if outcome == Outcome::Pass { "attested by any workflow" } else { "who deploys" };
        expect(&policy, &with(vec![statement], &policy), outcome, why);
    }
}

#[test]
fn a_provenance_is_read_within_the_limits_of_the_run() {
    let builder = key();
    let policy = expecting(&builder, "");
    let mut content = build("refs/tags/v1");
    content["buildDefinition"]["resolvedDependencies"] = json!([{"uri": "a"}, {"uri": "b"}, {"uri": "c"}]);
    let within = |items: &str| {
        let mut limits = Limits::default();
        limits.set("predicate_items", items).unwrap();
        let mut search = AttestationSearch { limits, ..AttestationSearch::default() };
        search.add(&policy, attested(&builder, &manifest(), SLSA, content.clone()));
        let mut attestations = AttestationFacts::default();
        attestations.add(&policy, search);
        Evidence { attestations, ..evidence() }
    };
    expect(&policy, &within("3"), Outcome::Pass, "attested by builder");
    expect(&policy, &within("2"), Outcome::Fail, "predicate_items");
}

//! What a policy can ask of an image's configuration, its age and its base.

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

use common::{at, digests, evidence, judge, now, of_kind, policy, policy_text, rule, unsigned, waiver_with};
use plimsoll_core::Digest;
use plimsoll_policy::{
    ConfigurationParts, Decision, DenyList, Detail, Evidence, ImageConfiguration, Outcome, Policy, PolicySet,
    SubjectKind, evaluate,
};
use serde_json::json;

const OPEN: &str = "phase: pilot\ndigest: { pinned: false }";

fn open(section: &str) -> Policy {
    policy(&format!("{OPEN}\n{section}"))
}

/// An image with this user, these ports, labels, variables and build steps, built a day ago.
fn image(
    user: &str,
    ports: &[&str],
    labels: &[(&str, &str)],
    environment: &[&str],
    history: &[&str],
) -> Evidence {
    let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let configuration = ImageConfiguration::new(&ConfigurationParts {
        created: Some(at("2026-11-19T12:00:00Z")),
        user: Some(user),
        labels: &labels,
        ports: &owned(ports),
        environment: &owned(environment),
        history,
    });
    Evidence { configuration: Some(Arc::new(configuration)), ..evidence() }
}

fn plain() -> Evidence {
    image("1000", &[], &[], &[], &[])
}

#[track_caller]
fn expect(policy: &Policy, evidence: &Evidence, name: &str, outcome: Outcome, why: &str) {
    let verdict = judge(policy, evidence);
    let result = rule(&verdict, name);
    assert_eq!(result.outcome, outcome, "{}", result.reason);
    let decision = match outcome {
        Outcome::Fail => Decision::Deny,
        Outcome::Unknown => Decision::Indeterminate,
        _ => Decision::Allow,
    };
    assert_eq!(verdict.decision, decision, "{:?}", verdict.reasons);
    assert!(result.reason.contains(why), "expected {why:?}, got {:?}", result.reason);
}

#[test]
fn without_a_section_nothing_is_asked_and_without_a_configuration_nothing_passes() {
    for (name, section) in [
        ("configuration", "configuration: { user: nonRoot }"),
        ("secrets", "secrets: {}"),
        ("age", "age: { max: 90d }"),
        ("bases", &*format!("bases: {{ allow: [{{ name: b, layers: ['{}'] }}] }}", digests().diff_ids[0])),
    ] {
        let verdict = judge(&open(""), &evidence());
        assert_eq!(rule(&verdict, name).outcome, Outcome::NotApplicable, "{name}");
        for kind in [SubjectKind::RootDir, SubjectKind::Sbom] {
            expect(&open(section), &of_kind(kind), name, Outcome::Unknown, "");
        }
    }
    expect(
        &open("secrets: {}"),
        &evidence(),
        "secrets",
        Outcome::Unknown,
        "no configuration of an image was read",
    );
}

#[test]
fn user_ports_and_labels_are_as_allowed_or_every_difference_is_named() {
    let section = "configuration: { user: nonRoot, allowPorts: ['8080'], labels: { team: shop, source: { pattern: 'https://x/.*' } } }";
    let policy = open(section);
    let labels = &[("team", "shop"), ("source", "https://x/y")];
    let name = "configuration";
    expect(&policy, &image("1000", &["8080/tcp"], labels, &[], &[]), name, Outcome::Pass, "as allowed");
    expect(&policy, &image("1000", &[], labels, &[], &[]), name, Outcome::Pass, "as allowed");
    for (evidence, why) in [
        (image("", &[], labels, &[], &[]), "start as root: it names no user"),
        (image("app", &[], labels, &[], &[]), "user \"app\" is a name"),
        (image("1000", &["8080/udp", "22"], labels, &[], &[]), "it exposes 22/tcp, 8080/udp, which"),
        (image("1000", &[], &labels[1..], &[], &[]), "it has no label team"),
        (
            image("1000", &[], &[("team", "Shop"), labels[1]], &[], &[]),
            "label team: got \"Shop\", expected shop",
        ),
        (image("1000", &[], &[labels[0], ("source", "http://x/y")], &[], &[]), "label source: got"),
    ] {
        expect(&policy, &evidence, name, Outcome::Fail, why);
    }
    let all = image("0", &["1"], &[], &[], &[]);
    let verdict = judge(&policy, &all);
    assert_eq!(rule(&verdict, name).reason.matches("; ").count(), 3, "{}", rule(&verdict, name).reason);
    // A name is enough where the policy says so, except that of root.
    let named = open("configuration: { user: nonRootOrNamed }");
    expect(&named, &image("app", &[], &[], &[], &[]), name, Outcome::Pass, "");
    expect(&named, &image("root", &[], &[], &[], &[]), name, Outcome::Fail, "start as root");
}

#[test]
fn what_looks_like_a_secret_is_told_by_its_place_and_never_repeated() {
    let policy = open("secrets: { allow: [{ name: TEST_PASSWORD, reason: only in tests }] }");
    let hostile =
        image("1000", &[], &[], &["DB_PASSWORD=hunter2"], &["RUN |1 NPM_TOKEN=hunter3 /bin/sh -c npm ci"]);
    expect(&policy, &hostile, "secrets", Outcome::Fail, "DB_PASSWORD in the environment looks like a secret");
    let verdict = judge(&policy, &hostile);
    let told = serde_json::to_string(&verdict).unwrap();
    assert!(!told.contains("hunter"), "{told}");
    assert!(told.contains("NPM_TOKEN in the history"), "{told}");
    assert!(!format!("{:?}", hostile.configuration).contains("hunter"), "evidence keeps no value");

    let allowed = image("1000", &[], &[], &["TEST_PASSWORD=hunter2", "PATH=/usr/bin"], &[]);
    expect(&policy, &allowed, "secrets", Outcome::Pass, "");
    let verdict = judge(&policy, &allowed);
    let details = &rule(&verdict, "secrets").details;
    assert!(
        matches!(details.as_slice(), [Detail::SetAside { reason, .. }] if reason == "only in tests"),
        "{details:?}"
    );
}

#[test]
fn an_image_that_says_it_is_old_is_refused_and_one_that_says_nothing_is_unknown() {
    let policy = open("age: { max: 2d }");
    let built = |time: Option<&str>| {
        let mut evidence = plain();
        let mut configuration = ImageConfiguration::clone(evidence.configuration.as_deref().unwrap());
        configuration.created = time.map(at);
        evidence.configuration = Some(Arc::new(configuration));
        evidence
    };
    expect(&policy, &built(Some("2026-11-18T12:00:00Z")), "age", Outcome::Pass, "by its own claim");
    expect(&policy, &built(Some("2026-11-18T11:59:59Z")), "age", Outcome::Fail, "more than 48h ago");
    expect(&policy, &built(Some("1970-01-01T00:00:00Z")), "age", Outcome::Fail, "");
    expect(&policy, &built(Some("2026-11-20T12:00:01Z")), "age", Outcome::Unknown, "in the future");
    expect(&policy, &built(None), "age", Outcome::Unknown, "does not say");
    let verdict = judge(&policy, &built(Some("2026-11-18T13:00:00Z")));
    assert_eq!(verdict.valid_until, Some(at("2026-11-20T13:00:00Z")));
}

#[test]
fn layers_prove_a_base_and_what_an_image_says_changes_nothing() {
    let [low, high] = [digests().diff_ids[0], digests().diff_ids[1]];
    let claimed = Digest::sha256(b"the base's manifest");
    let allowing = |base: &str| open(&format!("bases: {{ allow: [{base}] }}"));
    let claim = [("org.opencontainers.image.base.digest", &*claimed.to_string())];
    let claiming = image("1000", &[], &claim, &[], &[]);
    for (base, outcome, why) in [
        (format!("{{ name: b, layers: ['{low}'] }}"), Outcome::Pass, "its lowest 1 layer are those of b"),
        (format!("{{ name: b, layers: ['{low}', '{high}'] }}"), Outcome::Pass, "2 layers"),
        (format!("{{ name: b, layers: ['{high}'] }}"), Outcome::Fail, "no approved base"),
        (format!("{{ name: b, layers: ['{low}', '{high}', '{low}'] }}"), Outcome::Fail, "no approved base"),
        (
            format!("{{ name: b, digest: '{claimed}', layers: ['{high}'] }}"),
            Outcome::Fail,
            "no approved base",
        ),
        (format!("{{ name: b, digest: '{claimed}' }}"), Outcome::Unknown, "nothing can prove"),
    ] {
        let policy = allowing(&base);
        for evidence in [&plain(), &claiming] {
            if outcome == Outcome::Pass && why.starts_with("its") {
                expect(&policy, evidence, "bases", outcome, "");
            } else {
                expect(&policy, evidence, "bases", outcome, why);
            }
        }
    }
    let error = |base: &str| {
        let text = policy_text(&format!("{OPEN}\nbases: {{ allow: [{base}] }}"));
        Policy::parse(text.as_bytes(), "p", &()).unwrap_err().to_string()
    };
    assert!(error("").contains("spec.bases.allow: names no base"), "{}", error(""));
    assert!(
        error("{ name: b }").contains("spec.bases.allow[0]: identifies no base"),
        "{}",
        error("{ name: b }")
    );
    let codes = allowing(&format!("{{ name: b, digest: '{claimed}' }}")).lint(now());
    assert!(codes.iter().any(|it| it.code.as_str() == "PL034"), "{codes:?}");
}

#[test]
fn each_of_them_can_be_waived_by_its_name_alone() {
    let policy = open(
        "configuration: { user: nonRoot }\nsecrets: {}\nage: { max: 1h }\nwaivers: { allowUnsigned: I accept unsigned waivers }",
    );
    let evidence = image("0", &[], &[], &["A_TOKEN=abcdef"], &[]);
    let judged = |rules: &[&str]| {
        let waivers = [unsigned(&waiver_with(&json!({"rules": rules, "cves": null})))];
        evaluate(&PolicySet::from(policy.clone()), &evidence, &waivers, &DenyList::none(), now())
    };
    assert_eq!(judged(&["configuration", "secrets", "age"]).decision, Decision::Allow);
    let two = judged(&["configuration", "age"]);
    assert_eq!(two.decision, Decision::Deny);
    assert_eq!(rule(&two, "secrets").outcome, Outcome::Fail);
    assert_eq!(rule(&two, "age").outcome, Outcome::Waived);
}

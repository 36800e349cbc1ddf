//! `check` under policies that ask for attestations, which `attest` made.

use jiff::SignedDuration;
use plimsoll_core::clock;
use plimsoll_testkit::Registry;
use plimsoll_testkit::sigstore::Server;
use plimsoll_testkit::tuf::Tuf;
use serde_json::Value;

use crate::fixture::{Place, Run, digest_of, patched};
use crate::schemas::Schemas;

const TESTS: &str = "https://ci.example/tests/v1";

fn policy(place: &Place, attestations: &str) -> String {
    place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  \
             attestations: [{attestations}]\n"
        ),
    )
}

fn by_ci(more: &str) -> String {
    format!(
        "{{ name: tests, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {{ file: ci.pub }} }}]{more} }}"
    )
}

fn attest(place: &Place, key: &str, predicate: &str, reference: &str) {
    let (file, key) = (place.write("predicate.json", predicate), place.path(&format!("{key}.key")));
    place.run(&["attest", "--key", &key, "--type", TESTS, "--predicate", &file, reference]).exits(0);
}

fn rule(run: &Run, name: &str) -> Value {
    let verdict = &run.json()["results"][0]["verdict"];
    let rules = verdict["platforms"][0]["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["rule"] == name).unwrap().clone()
}

#[test]
fn an_image_without_the_attestation_that_the_policy_asks_for_is_denied_until_the_right_one_is_attached() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    place.key("somebody");
    let reference = patched(&registry);
    let policy = policy(&place, &by_ci(", conditions: [{ path: /result, equals: PASSED }]"));
    let check =
        |code, more: &[&str]| place.check(&[&[&*reference, "--policy", &policy], more].concat()).exits(code);
    let hint = format!("plimsoll attest --key KEY --type {TESTS} --predicate FILE");
    check(10, &[]).says("FAIL     attestation/tests").says("there is no attestation of type").says(&hint);
    attest(&place, "somebody", r#"{"result": "PASSED"}"#, &reference);
    check(10, &[]).says("does not count");
    attest(&place, "ci", r#"{"result": "FAILED"}"#, &reference);
    let run = check(10, &["-o", "json"]);
    let told = rule(&run, "attestation/tests");
    let reasons = told["details"].to_string();
    assert!(reasons.contains(r#"/result: got \"FAILED\", expected \"PASSED\""#), "{reasons}");
    attest(&place, "ci", r#"{"result": "PASSED"}"#, &reference);
    check(0, &[]).says("attestation/tests (attested by ci)").says("attestation by ci: not checked");
    check(0, &["-v"]).says(&format!("{TESTS} attested by ci (key "));
    let run = check(0, &["-o", "json"]);
    Schemas(&place).fits("verdict", &run.json()["results"][0]["verdict"]);
    let told = rule(&run, "attestation/tests");
    assert_eq!(told["outcome"], "pass", "{told}");
    assert_eq!(told["details"][0]["type"], "attestation", "{told}");
    assert_eq!(told["details"][0]["predicateType"], TESTS);
    assert_eq!(told["details"][0]["signed"], digest_of(&reference));
}

#[test]
fn a_registry_that_fails_or_a_limit_that_is_hit_leaves_it_unknown() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    place.key("somebody");
    let reference = patched(&registry);
    let policy = policy(&place, &by_ci(""));
    for number in 0..3 {
        attest(&place, "somebody", &format!("{{\"n\": {number}}}"), &reference);
    }
    place
        .check(&[&reference, "--policy", &policy, "--limit", "referrers=2"])
        .exits(11)
        .says("UNKNOWN  attestation/tests")
        .says("more attachments than the limits allow");
    place.check(&[&reference, "--policy", &policy]).exits(10).says("of 3 found");
}

#[test]
fn a_waiver_for_an_attestation_is_written_by_the_name_of_its_rule_and_counts_once_approved() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    place.key("security");
    let reference = patched(&registry);
    let policy = policy(&place, &by_ci(""));
    let text = std::fs::read_to_string(&policy).unwrap()
        + "  waivers: { approvers: [{ name: security@example.com, key: { file: security.pub } }] }\n";
    place.write("policy.yaml", text);
    let file = place.path("w.yaml");
    let new = |rule: &str| {
        let what = ["waiver", "new", "W-1", "--rule", rule, "--scope", digest_of(&reference)];
        let when = ["--issued", "2026-11-20T00:00:00Z", "--days", "10"];
        let texts = ["--reason", "a", "--risk", "b", "--control", "c", "--owner", "alice@example.com"];
        place.run(&[&what[..], &when, &texts, &["--output-file", &file]].concat())
    };
    for (rule, said) in [
        ("attestation/", "attestation/NAME"),
        ("attestation/a b", "attestation/NAME"),
        ("tests", "unknown rule `tests`"),
        ("signatures", "the rule signatures cannot be waived"),
    ] {
        new(rule).exits(2).says(said);
    }
    new("attestation/tests").exits(0);
    place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0);
    let check = |waivers: &str| place.check(&[&reference, "--policy", &policy, "--waivers", waivers]);
    check(&file).exits(10);
    check(&format!("{file}.sigstore.json")).exits(0).says("waived by W-1");
    place.run(&["waiver", "new", "--help"]).exits(0).says("attestation/NAME");
}

/// Only the clocks of a root show an age. It is the instance's, as it was fetched, although only a key signs.
#[test]
fn an_age_is_judged_by_the_clocks_of_the_root_that_was_fetched() {
    let (place, registry, server) = (Place::new(), Registry::start(), Server::start());
    let mut tuf = Tuf::new();
    let now = clock::now().as_second();
    for role in [&mut tuf.root, &mut tuf.timestamp, &mut tuf.snapshot, &mut tuf.targets_role] {
        role.expires = now + 30 * 24 * 3600;
    }
    tuf.targets.insert("trusted_root.json".into(), serde_json::to_vec(&server.trusted_root()).unwrap());
    tuf.publish();
    let (mirror, initial) = (tuf.serve(), place.write("1.root.json", tuf.initial_root()));
    let update = ["trust", "update", "--instance", "own", "--mirror", &mirror.url(), "--root", &initial];
    place.key("ci");
    let reference = patched(&registry);
    let policy = policy(&place, &by_ci(", maxAge: 1d"));
    let text = std::fs::read_to_string(&policy).unwrap();
    // The database of the tests has another age.
    place.write("policy.yaml", text + "  vulnerabilities: { block: [], onUnknown: warn }\n");
    let at = |hours: i64| (clock::now() + SignedDuration::from_hours(hours)).to_string();
    let check_with = |code, hours, more: &[&str]| {
        let all = ["--policy", &policy, "--instance", "own", "--at", &at(hours), &reference];
        place.check(&[&all[..], more].concat()).exits(code)
    };
    let check = |code| check_with(code, 0, &[]);

    // Without anything that shows when it was signed, no root helps.
    attest(&place, "ci", "{}", &reference);
    check(10).says("no trusted clock attests when it was signed");
    let (config, root) = (
        place.write("signing.json", server.signing_config(&[2]).to_string()),
        place.write("trusted.json", server.trusted_root().to_string()),
    );
    let (file, key) = (place.path("predicate.json"), place.path("ci.key"));
    let what = ["attest", "--key", &key, "--type", TESTS, "--predicate", &file];
    let services = ["--signing-config", &config, "--trusted-root", &root];
    place.run(&[&what[..], &services, &[&reference]].concat()).exits(0);
    check(11).says("UNKNOWN  attestation/tests").says("trust update --instance own");
    place.run(&update).exits(0);
    check(0).says("attested by ci");
    check_with(10, 25, &[]).says("expected at most 24h ago");
    // The stamp of an authority may be from after the judgement.
    check_with(10, -2, &["--trusted-root", &root]).says("which is after the time of judgement");
}

#[test]
fn a_rule_that_warns_is_seen_and_blocks_nothing() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let reference = patched(&registry);
    for (action, mark) in [("warn", "WARN     attestation/tests"), ("audit", "reported attestation/tests")] {
        let policy = policy(&place, &by_ci(&format!(", action: {action}")));
        place.check(&[&reference, "--policy", &policy]).exits(0).says(mark);
        let run = place.check(&[&reference, "--policy", &policy, "-o", "json"]).exits(0);
        Schemas(&place).fits("verdict", &run.json()["results"][0]["verdict"]);
        let sarif = place.check(&[&reference, "--policy", &policy, "-o", "sarif"]).exits(0);
        sarif.says("plimsoll/attestation/tests");
    }
}

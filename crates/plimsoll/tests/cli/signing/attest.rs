//! `attest`, `verify-attestation`.

use plimsoll_testkit::Registry;
use serde_json::json;

use crate::fixture::{Place, Run, digest_of, patched, pushed, shop};

fn verify(place: &Place, kind: &str, arguments: &[&str]) -> Run {
    let key = place.path("a.pub");
    let mut all = vec!["verify-attestation", "--insecure-ignore-tlog", "--key", &key, "--type", kind];
    all.extend(arguments);
    place.run(&all)
}

/// A place with the key `a`, an image, and an attestation of type `spdxjson`.
fn attested(registry: &Registry) -> (Place, String) {
    let (place, reference) = (Place::empty(), patched(registry));
    place.key("a");
    place.key("b");
    let predicate = place.write("sbom.json", r#"{"spdxVersion": "SPDX-2.3", "name": "orders"}"#);
    let key = place.path("a.key");
    place
        .run(&["attest", "--key", &key, "--type", "spdxjson", "--predicate", &predicate, &reference])
        .exits(0)
        .says("https://spdx.dev/Document")
        .says(digest_of(&reference));
    (place, reference)
}

#[test]
fn an_attestation_of_the_type_is_printed_and_one_of_another_type_is_none() {
    for api in [true, false] {
        let registry = Registry::builder().referrers_api(api).start();
        let (place, reference) = attested(&registry);
        let run = verify(&place, "spdxjson", &[&reference]).exits(0);
        let statement = run.json();
        assert_eq!(statement["predicate"]["name"], "orders");
        assert_eq!(statement["subject"][0]["digest"]["sha256"], &digest_of(&reference)[7..]);
        assert!(run.stderr.contains("not checked"), "{}", run.stderr);
        // CVE-2022-35929: the requested type is missing, and other types do not count.
        for other in ["cyclonedx", "custom", "slsaprovenance1", "https://spdx.dev/Documents"] {
            let run = verify(&place, other, &[&reference]).exits(10).says("no attestation of type");
            assert!(run.stdout.is_empty() && run.stderr.contains("https://spdx.dev/Document"), "{run:?}");
        }
        verify(&place, "spdx-json", &[&reference]).exits(2).says("spdxjson");
    }
}

#[test]
fn an_attestation_is_no_signature_and_a_signature_no_attestation() {
    let registry = Registry::start();
    let (place, reference) = attested(&registry);
    place.verify(&["a"], &[&reference]).exits(10).says("no signature").says("verify-attestation");
    place.verify(&["a"], &["--cosign-exit-codes", &reference]).exits(10);
    let other = pushed(&registry, &shop("pymysql", "1.1.2").build(), "3.0");
    place.run(&["sign", "--key", &place.path("a.key"), &other]).exits(0);
    verify(&place, "custom", &[&other]).exits(10);
    verify(&place, "spdxjson", &[&other]).exits(10);
}

#[test]
fn an_attestation_by_another_key_or_about_another_image_is_refused() {
    let registry = Registry::start();
    let (place, reference) = attested(&registry);
    let key = place.path("b.pub");
    place
        .run(&[
            "verify-attestation",
            "--insecure-ignore-tlog",
            "--key",
            &key,
            "--type",
            "spdxjson",
            &reference,
        ])
        .exits(10)
        .says("signature");
    let other = pushed(&registry, &shop("pymysql", "1.1.2").build(), "3.0");
    verify(&place, "spdxjson", &[&other]).exits(10);
}

#[test]
fn a_whole_statement_has_to_be_about_the_image() {
    let registry = Registry::start();
    let (place, reference) = attested(&registry);
    let statement = |digest: &str, kind: &str| {
        json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": kind, "predicate": {"ok": true},
            "subject": [{"name": "other", "digest": {"sha256": "0".repeat(64)}}, {"digest": {"sha256": digest}}],
        })
        .to_string()
    };
    let kind = "https://example.com/test/v1";
    let good = place.write("good.json", statement(&digest_of(&reference)[7..], kind));
    let wrong = place.write("wrong.json", statement(&"1".repeat(64), kind));
    let key = place.path("a.key");
    let attest = |file: &str, more: &[&str]| {
        let mut all = vec!["attest", "--key", &key, "--statement", file, &reference];
        all.extend(more);
        place.run(&all)
    };
    attest(&wrong, &[]).exits(2).says("does not name");
    attest(&good, &["--type", "vuln"]).exits(2).says("--type is vuln");
    attest(&place.write("none.json", "{}"), &[]).exits(2);
    attest(&good, &[]).exits(0);
    let printed = verify(&place, kind, &[&reference]).exits(0).json();
    assert_eq!(printed["subject"][0]["name"], "other");
}

#[test]
fn predicates_are_kept_in_cosigns_forms() {
    let registry = Registry::start();
    let (place, reference) = attested(&registry);
    let (key, text) = (place.path("a.key"), place.write("note.txt", "checked by hand\n"));
    let attest = |kind: &[&str]| {
        let mut all = vec!["attest", "--key", &key, "--predicate", &text, &reference];
        all.extend(kind);
        place.run(&all)
    };
    attest(&["--type", "cyclonedx"]).exits(2).says("JSON");
    attest(&[]).exits(0);
    let custom = verify(&place, "custom", &[&reference]).exits(0).json();
    assert_eq!(custom["predicate"]["Data"], "checked by hand\n");
    assert!(custom["predicate"]["Timestamp"].is_string());
    place.run(&["attest", "--key", &key, &reference]).exits(2).says("--predicate");
}

#[test]
fn two_attestations_are_two_lines_and_json_has_a_version() {
    let registry = Registry::start();
    let (place, reference) = attested(&registry);
    let predicate = place.write("other.json", r#"{"spdxVersion": "SPDX-2.3", "name": "second"}"#);
    let key = place.path("a.key");
    place
        .run(&["attest", "--key", &key, "--type", "spdxjson", "--predicate", &predicate, &reference])
        .exits(0);
    let run = verify(&place, "spdxjson", &[&reference]).exits(0);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    let json = verify(&place, "spdxjson", &["-o", "json", &reference]).exits(0).json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/verify/v1");
    assert_eq!(json["results"][0]["proofs"].as_array().unwrap().len(), 2);
    verify(&place, "spdxjson", &["-o", "table", &reference]).exits(0).says("VERIFIED").says("spdx.dev");
}

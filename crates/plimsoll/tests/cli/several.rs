//! Several subjects: one that fails does not silence the others.

use plimsoll_testkit::Registry;

use crate::fixture::{NOW, Place, affected, patched};

#[test]
fn scan_tells_what_it_found_beside_what_it_could_not_read() {
    let (place, registry) = (Place::new(), Registry::start());
    let (first, last) = (affected(&registry), patched(&registry));
    let missing = registry.reference("nothing/here", "1");
    let db = place.path("db");
    let scan = |format: &str, subjects: &[&str]| {
        place.run(&[&["scan", "--db", &db, "--at", NOW, "-o", format], subjects].concat())
    };
    let run = scan("table", &[&first, &missing, &last]);
    assert_ne!(run.code, 0);
    run.says("CVE-2024-36039").says(&last).says("error: ").says("nothing/here");
    let run = scan("json", &[&missing, &first, "no-such-scheme:x"]);
    let json = run.json();
    assert_eq!(json["results"][0]["subject"], first.as_str());
    assert_eq!(json["errors"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["errors"][0]["exitCode"], 4, "{json}");
    let schema = place.run(&["schema", "scan"]).exits(0).json();
    let problems: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&json).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    let sarif = scan("sarif", &[&missing, &first]).json();
    assert!(sarif.to_string().contains("nothing/here"), "{sarif}");
    scan("vuln", &[&missing]).exits(4);
}

#[test]
fn signing_and_verifying_continue_after_a_failure() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("release");
    let (first, last) = (affected(&registry), patched(&registry));
    let missing = registry.reference("nothing/here", "1");
    let (key, public) = (place.path("release.key"), place.path("release.pub"));
    let signed = place.run(&["sign", "--key", &key, &first, &missing, &last]).exits(4);
    assert_eq!(signed.stderr.matches("signed ").count(), 2, "{}", signed.stderr);
    let predicate = place.write("p.json", "{}");
    let words = ["attest", "--key", &key, "--predicate", &predicate, &first, &missing, &last];
    let attested = place.run(&words).exits(4);
    assert_eq!(attested.stderr.matches("attested ").count(), 2, "{}", attested.stderr);
    let verify =
        ["verify", "--key", &public, "--insecure-ignore-tlog", "-o", "text", &first, &missing, &last];
    let verified = place.run(&verify).exits(4);
    assert_eq!(verified.stdout.lines().count(), 2, "{}", verified.stdout);
}

#[test]
fn a_bundle_that_exists_is_not_written_over() {
    let place = Place::empty();
    place.key("release");
    let (file, bundle) = (place.write("app", "x"), place.path("app.sigstore.json"));
    let key = place.path("release.key");
    let sign = |more: &[&str]| {
        place.run(&[&["sign-blob", "--key", &key, "--bundle", &bundle, &file], more].concat())
    };
    sign(&[]).exits(0);
    let first = std::fs::read(&bundle).unwrap();
    sign(&[]).exits(5).says("--force");
    assert_eq!(std::fs::read(&bundle).unwrap(), first);
    sign(&["--force"]).exits(0);
    let signature = place.write("app.sig", "kept");
    sign(&["--bundle", &place.path("other"), "--output-signature", &signature]).exits(2);
    let words = ["sign-blob", "--key", &key, "--bundle", &place.path("b"), "--output-signature", &signature];
    place.run(&[&words[..], &[&file]].concat()).exits(5);
    assert_eq!(std::fs::read(&signature).unwrap(), b"kept");
    assert!(!place.root().join("b").exists());
}

//! The smaller commands, and what holds for all of them.

use crate::fixture::{NOW, Place};

#[test]
fn usage_errors_are_two_and_help_is_zero() {
    let place = Place::empty();
    place.run(&[]).exits(2);
    place.run(&["check"]).exits(2).says("<SUBJECT>");
    place.run(&["check", "--no-such-flag", "x"]).exits(2);
    place.run(&["check", "x", "--at", "yesterday"]).exits(2).says("--at");
    place.run(&["check", "x", "--timeout", "0s"]).exits(2).says("90s");
    place.run(&["--help"]).exits(0).says("Exit codes");
    place.run(&["check", "--help"]).exits(0).says("Examples");
    place.run(&["--version"]).exits(0).says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn db_status_shows_each_feed_and_its_age() {
    let place = Place::new();
    let db = place.path("db");
    place
        .run(&["db", "status", "--db", &db, "--at", NOW])
        .exits(0)
        .says("PyPI")
        .says("Debian")
        .says("60 min old");
    let json = place.run(&["db", "status", "--db", &db, "--at", NOW, "-o", "json"]).exits(0).json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/db-status/v1");
    assert_eq!(json["feeds"].as_array().unwrap().len(), 2);
    place.run(&["db", "status", "--db", &place.path("none")]).exits(4).says("db build");
    place.run_with(&[("PLIMSOLL_DB", &db)], &["db", "status"]).exits(0).says("PyPI");
}

#[test]
fn scan_without_a_feed_for_what_is_there_is_indeterminate() {
    let place = Place::new();
    let sbom = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"left-pad","version":"1.0.0","purl":"pkg:npm/left-pad@1.0.0"},
            {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"}]}"#,
    );
    let db = place.path("db");
    place
        .run(&["scan", "--db", &db, "--at", NOW, &sbom])
        .exits(11)
        .says("CVE-2020-28493")
        .says("npm")
        .says("not covered");
}

#[test]
fn completions_and_manual_pages_are_written() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        place.run(&["completions", shell]).exits(0).says("plimsoll");
    }
    std::fs::create_dir(place.path("man")).unwrap();
    place.run(&["man", &place.path("man")]).exits(0);
    let page = std::fs::read_to_string(place.path("man/plimsoll-db-build.1")).unwrap();
    assert!(page.contains("as\\-of"), "{page}");
    place.run(&["man", &place.path("missing")]).exits(4);
}

#[test]
fn lint_and_schema() {
    let place = Place::empty();
    let good = place.write(
        "good.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  phase: pilot\n",
    );
    place.run(&["policy", "lint", &good]).exits(0);
    let weak = place.write(
        "weak.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  phase: pilot\n  waivers: {allowUnsigned: I accept unsigned waivers}\n",
    );
    place.run(&["policy", "lint", &weak]).says("PL0").says("allowUnsigned");
    for document in ["policy", "waiver", "deny-list", "verdict"] {
        let schema = place.run(&["policy", "schema", document]).exits(0).json();
        assert!(schema["$schema"].as_str().unwrap().contains("2020-12"));
    }
}

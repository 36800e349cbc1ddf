//! What `check` decides and shows.

use plimsoll_core::Digest;
use plimsoll_testkit::{Artifact, IndexBuilder, Registry};

use crate::fixture::{NOW, Place, affected, digest_of, patched, pushed, shop};

#[test]
fn the_built_in_policy_wants_a_digest_and_nothing_critical() {
    let (place, registry) = (Place::new(), Registry::start());
    place.check(&[&patched(&registry)]).exits(0).says("ALLOW").says("reported").says("signatures");
    place
        .check(&[&affected(&registry)])
        .exits(10)
        .says("DENY")
        .says("CVE-2024-36039")
        .says("pymysql 1.1.0")
        .says("fixed in 1.1.1")
        .says("usr/local/lib/python3.11/site-packages/pymysql-1.1.0.dist-info/METADATA (layer 2 of 2)")
        .says("hint:");
}

#[test]
fn a_tag_is_resolved_shown_and_not_enough() {
    let (place, registry) = (Place::new(), Registry::start());
    let digest = patched(&registry);
    let run = place.check(&[&registry.reference("shop/orders", "2.0")]).exits(10);
    run.says(digest_of(&digest)).says("tag 2.0").says("FAIL     digest").says("hint:");
}

#[test]
fn json_has_a_version_and_the_whole_verdict() {
    let (place, registry) = (Place::new(), Registry::start());
    let (good, bad) = (patched(&registry), affected(&registry));
    let run = place.check(&[&good, &bad, "-o", "json"]).exits(10);
    let json = run.json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/check/v1");
    assert_eq!(json["results"][0]["verdict"]["decision"], "allow");
    let verdict = &json["results"][1]["verdict"];
    assert_eq!(verdict["decision"], "deny");
    assert_eq!(verdict["evaluatedAt"], NOW);
    assert_eq!(verdict["validUntil"], "2026-11-21T11:00:00Z", "24 h after the database's time");
    assert_eq!(verdict["platforms"][0]["subject"]["digests"]["manifest"], digest_of(&bad));
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn sarif_carries_findings_with_fingerprints_that_survive_a_rebuild() {
    let (place, registry) = (Place::new(), Registry::start());
    let fingerprint = |reference: &str| {
        let log = place.check(&[reference, "-o", "sarif"]).exits(10).json();
        assert_eq!(log["version"], "2.1.0");
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "CVE-2024-36039");
        assert_eq!(result["level"], "error");
        result["partialFingerprints"]["plimsoll/v2"].as_str().unwrap().to_owned()
    };
    let first = fingerprint(&affected(&registry));
    let rebuilt = shop("pymysql", "1.1.0").created("2026-02-02T00:00:00Z").build();
    assert_eq!(first, fingerprint(&pushed(&registry, &rebuilt, "1.0.1")));
}

/// Code scanning services keep one result of each fingerprint.
#[test]
fn no_two_results_of_sarif_have_one_fingerprint() {
    let place = Place::new();
    let sbom = |name: &str| {
        let component = |place: &str| {
            format!(
                r#"{{"type":"library","bom-ref":"{place}","name":"pymysql","version":"1.1.0","purl":"pkg:pypi/pymysql@1.1.0","evidence":{{"occurrences":[{{"location":"{place}"}}]}}}}"#
            )
        };
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{},{}]}}"#,
            component("a"),
            component("b")
        );
        place.write(name, &text)
    };
    let log = place.check(&[&sbom("one.cdx.json"), &sbom("two.cdx.json"), "-o", "sarif"]).exits(10).json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let found = results.iter().filter(|result| result["ruleId"] == "CVE-2024-36039").count();
    assert!(found >= 4, "{log:#}");
    let fingerprints: std::collections::BTreeSet<&str> =
        results.iter().map(|result| result["partialFingerprints"]["plimsoll/v2"].as_str().unwrap()).collect();
    assert_eq!(fingerprints.len(), results.len(), "{log:#}");
}

#[test]
fn an_index_is_as_good_as_its_worst_platform() {
    let (place, registry) = (Place::new(), Registry::start());
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/arm64").build())
        .build();
    let reference = pushed(&registry, &index, "multi");
    place
        .check(&[&reference])
        .exits(10)
        .says("linux/amd64")
        .says("linux/arm64")
        .says("CVE-2024-36039 (critical)");
    place.check(&[&reference, "--platform", "linux/amd64"]).exits(0).keeps_quiet_about("linux/arm64");
    place.check(&[&reference, "--platform", "linux/s390x"]).exits(4).says("linux/amd64");
}

#[test]
fn a_denied_digest_of_any_part_denies() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = shop("pymysql", "1.1.1").build();
    let reference = pushed(&registry, &image, "2.0");
    let parts = image.image();
    for digest in [image.digest(), parts.config.digest(), parts.layers[0].digest(), parts.diff_ids[1]] {
        let list = place.write(
            "denied.yaml",
            format!(
                "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: incident-7}}\nspec:\n  digests:\n    \
                 - {{digest: \"{digest}\", reason: stolen build machine}}\n"
            ),
        );
        let run = place.check(&[&reference, "--deny-list", &list]).exits(10);
        let run = run.says("stolen build machine").says(&digest.to_string());
        // The headline tells all of it: nothing below repeats that.
        assert_eq!(run.stdout.matches("stolen build machine").count(), 1, "{}", run.stdout);
    }
    // If there are several, each is reported.
    let list = place.write(
        "denied.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: incident-7}}\nspec:\n  digests:\n    \
             - {{digest: \"{}\", reason: first}}\n    - {{digest: \"{}\", reason: second}}\n",
            image.digest(),
            parts.config.digest()
        ),
    );
    let run = place.check(&[&reference, "--deny-list", &list]).exits(10).says("and 1 more");
    assert_eq!((run.stdout.matches("first").count(), run.stdout.matches("second").count()), (1, 1));
}

#[test]
fn a_denied_index_denies_the_images_in_it() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = shop("pymysql", "1.1.1").build();
    let inner = IndexBuilder::new().image(image.clone()).build();
    inner.push_by_digest(&registry, "shop/orders");
    let outer = IndexBuilder::new().descriptor(inner.top.descriptor()).build();
    let by_tag = pushed(&registry, &outer, "nested");
    let by_digest = |artifact: &Artifact| registry.reference("shop/orders", &artifact.digest().to_string());
    let deny = |digest: Digest| {
        place.write(
            "denied.yaml",
            format!(
                "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: incident-8}}\nspec:\n  digests:\n    \
                 - {{digest: \"{digest}\", reason: withdrawn}}\n"
            ),
        )
    };
    let other = deny(Digest::sha256(b"something else"));
    place.check(&[&by_tag, "--deny-list", &other]).exits(0);
    for denied in [outer.digest(), inner.digest(), image.digest()] {
        let list = deny(denied);
        for reference in [&by_tag, &by_digest(&outer)] {
            place.check(&[reference, "--deny-list", &list]).exits(10).says(&format!("{denied} is denied"));
        }
    }
    // Asked for as a part, what encloses it is not known, and is not asked for.
    let list = deny(outer.digest());
    place.check(&[&by_digest(&image), "--deny-list", &list]).exits(0);
}

#[test]
fn old_and_missing_databases_are_indeterminate() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    place.check(&[&reference, "--at", "2026-11-21T10:59:00Z"]).exits(0);
    place
        .check(&[&reference, "--at", "2026-11-21T11:01:00Z"])
        .exits(11)
        .says("UNKNOWN  vulnerabilities")
        .says("hint:");
    place.check(&[&reference, "--at", "2026-11-20T09:00:00Z"]).exits(11).says("UNKNOWN  vulnerabilities");
    Place::empty().check(&[&reference]).exits(11).says("UNKNOWN  vulnerabilities").says("db build");
}

#[test]
fn findings_that_block_are_denied_even_when_the_database_is_old() {
    let (place, registry) = (Place::new(), Registry::start());
    place.check(&[&affected(&registry), "--at", "2026-12-31T00:00:00Z"]).exits(10);
}

#[test]
fn explain_shows_every_finding_and_piece_of_evidence() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    place.check(&[&reference]).exits(0).keeps_quiet_about("CVE-2023-45853");
    place.check(&[&reference, "--explain"]).exits(0).says("CVE-2023-45853").says("zlib");
}

#[test]
fn the_result_goes_to_a_file_whole_or_not_at_all() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, file) = (affected(&registry), place.path("out/verdict.json"));
    place.check(&[&reference, "-o", "json", "--output-file", &file]).exits(4).says("out");
    std::fs::create_dir(place.path("out")).unwrap();
    let run = place.check(&[&reference, "-o", "json", "--output-file", &file]).exits(10);
    assert!(run.stdout.is_empty());
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(json["results"][0]["verdict"]["decision"], "deny");
    assert_eq!(std::fs::read_dir(place.path("out")).unwrap().count(), 1, "temporary files were left");
}

#[test]
fn unread_files_in_a_folder_of_policies_are_reported() {
    let (place, registry) = (Place::new(), Registry::start());
    let good = pushed(&registry, &shop("pymysql", "1.1.1").build(), "1.0");
    place.write(
        "policies/a.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: a}\nspec: {phase: pilot}\n",
    );
    place.write("policies/deny.txt", "");
    let policies = place.path("policies");
    place.check(&[&good, "--policy", &policies]).says("deny.txt is not read");
    // The case of an ending makes no difference: a deny list in it is in force.
    let digest = digest_of(&good);
    let list = format!(
        "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: incident-7}}\nspec:\n  digests:\n    \
         - {{digest: \"{digest}\", reason: stolen}}\n"
    );
    place.write("policies/deny.YAML", list);
    place.check(&[&good, "--policy", &policies]).exits(10).says("stolen");
    std::os::unix::fs::symlink("gone.yaml", place.path("policies/more.yaml")).unwrap();
    place.check(&[&good, "--policy", &policies]).exits(4).says("more.yaml");
}

#[test]
fn every_policy_of_a_folder_that_is_about_the_image_is_applied() {
    let (place, registry) = (Place::new(), Registry::start());
    let (good, bad) = (patched(&registry), affected(&registry));
    let document = |name: &str, spec: &str| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: {name}}}\nspec:\n  phase: pilot\n{spec}"
        );
        place.write(&format!("policies/{name}.yaml"), text)
    };
    document("company", "");
    let shop = registry.reference("shop", "x");
    let shop = shop.rsplit_once(':').unwrap().0;
    document("team", &format!("  match: {{images: ['{shop}/**']}}\n  sbom: {{required: true}}\n"));
    document("others", "  match: {images: ['elsewhere.example/**']}\n");
    let policies = place.path("policies");

    let run = place.check(&[&good, "--policy", &policies]).exits(0);
    run.says("company (").says("team (").says("pass     policy").keeps_quiet_about("team: ");
    let run = place.check(&[&good, "--policy", &policies, "-v"]).exits(0);
    run.says("sbom            team: ").says("sbom            company: ");
    let run = place.check(&[&bad, "--policy", &policies]).exits(10);
    // A reason that both give is shown once.
    run.says("FAIL     vulnerabilities CVE-2024-36039");

    let json = place.check(&[&bad, "--policy", &policies, "-o", "json"]).exits(10).json();
    let verdict = &json["results"][0]["verdict"];
    assert_eq!(verdict["policy"], serde_json::Value::Null);
    assert_eq!(verdict["policies"].as_array().unwrap().len(), 2);
    // One finding under two policies is one result for a code scanning service.
    let log = place.check(&[&bad, "--policy", &policies, "-o", "sarif"]).exits(10).json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.iter().filter(|result| result["ruleId"] == "CVE-2024-36039").count(), 1);

    // Where none of them is about the image, it is denied, and said once.
    std::fs::remove_file(place.path("policies/company.yaml")).unwrap();
    document("team", "  match: {images: ['registry.example/**']}\n");
    place.check(&[&good, "--policy", &policies]).exits(10).says("none of 2 policies applies to");
}

#[test]
fn the_example_policy_lints_without_a_finding_and_decides_as_no_policy_does() {
    let place = Place::new();
    let text = place.run(&["policy", "example"]).exits(0).stdout;
    let policy = place.write("policy.yaml", &text);
    place.run(&["policy", "lint", &policy]).exits(0).says("0 findings");
    let file = place.write("app.tar", "not an image");
    let verdict = |arguments: &[&str]| {
        let words = ["check", &format!("file:{file}"), "--at", NOW, "-o", "json", "--db"];
        let db = place.path("db");
        let run = place.run(&[&words[..], &[&db], arguments].concat());
        let rules = run.json()["results"][0]["verdict"]["rules"].clone();
        (run.code, rules)
    };
    assert_eq!(verdict(&["--policy", &policy]), verdict(&[]));
}

#[test]
fn without_a_policy_check_says_how_to_get_one_to_edit() {
    let place = Place::new();
    let file = place.write("app.tar", "x");
    let subject = format!("file:{file}");
    let run = place.run(&["check", &subject, "--at", NOW, "--db", &place.path("db")]);
    assert!(run.stderr.contains("plimsoll policy example"), "{}", run.stderr);
    let run = place.run(&["check", &subject, "--at", NOW, "--db", &place.path("db"), "-o", "json"]);
    assert!(!run.stderr.contains("plimsoll policy example"), "{}", run.stderr);
}

//! Policies that name identities: `check` with signatures that were made without a key.

use plimsoll_testkit::Registry;
use plimsoll_testkit::sigstore::{Leaf, Server};
use serde_json::{Value, json};

use crate::fixture::{NOW, Place, affected, patched};

/// A place with the files of an instance and a token of `subject`.
fn place(server: &Server, subject: &str) -> Place {
    let place = Place::new();
    place.write("signing.json", server.signing_config(&[2]).to_string());
    place.write("trusted.json", server.trusted_root().to_string());
    place.write("token", server.token(&json!({"sub": subject})));
    place
}

/// Signs `reference` with the identity in the token.
fn sign(place: &Place, reference: &str) {
    let (config, root, token) = (place.path("signing.json"), place.path("trusted.json"), place.path("token"));
    let services = ["--signing-config", &config, "--trusted-root", &root, "--identity-token", &token];
    place.run(&[&["sign"], &services[..], &[reference]].concat()).exits(0);
}

fn policy(place: &Place, name: &str, more: &str, entries: &str) -> String {
    place.write(
        name,
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n{more}  \
             signatures: {{required: true, anyOf: [{entries}]}}\n"
        ),
    )
}

fn identity(issuer: &str, subject: &str, more: &str) -> String {
    format!("{{name: release, identity: {{issuer: '{issuer}', subject: {subject}{more}}}}}")
}

fn signatures(json: &Value) -> Value {
    let rules = json["results"][0]["verdict"]["platforms"][0]["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["rule"] == "signatures").unwrap().clone()
}

#[test]
fn a_workflow_of_the_policy_may_sign_and_another_may_not() {
    let (server, registry) = (Server::start(), Registry::start());
    let subject = Leaf::default().subject;
    let (place, reference, issuer) = (place(&server, &subject), patched(&registry), server.url());
    let root = place.path("trusted.json");
    sign(&place, &reference);
    let quoted = format!("'{subject}'");
    let good = policy(&place, "good.yaml", "", &identity(&issuer, &quoted, ""));
    let check = |policy: &str, more: &[&str]| {
        place.check(&[&[reference.as_str(), "--policy", policy], more].concat())
    };
    let with_root = ["--trusted-root", root.as_str()];

    check(&good, &with_root).exits(0).says("ALLOW").says("by release").keeps_quiet_about(&issuer);
    check(&good, &[&with_root[..], &["-v"]].concat()).exits(0).says(&subject).says(&issuer);
    let json = check(&good, &[&with_root[..], &["-o", "json"]].concat()).exits(0).json();
    let detail = &signatures(&json)["details"][0];
    assert_eq!((&detail["authority"], &detail["subject"]), (&json!("release"), &json!(subject)));
    assert_eq!(detail["signedAt"].as_array().unwrap().len(), 1);
    assert_eq!(detail["notChecked"], json!([]));
    let evidence = json["results"][0]["verdict"]["platforms"][0]["evidence"].as_array().unwrap();
    assert!(evidence.iter().any(|record| record["kind"] == "trusted-root"), "{evidence:?}");

    // Whole texts, the issuer, claims.
    for (subject, more) in [
        ("'https://ci.example/team/app'", ""),
        ("{pattern: 'https://ci.example/team/app/'}", ""),
        (quoted.as_str(), ", claims: {source-ref: refs/heads/dev}"),
    ] {
        let other = policy(&place, "other.yaml", "", &identity(&issuer, subject, more));
        check(&other, &with_root).exits(10).says("FAIL     signatures");
    }
    let strange = policy(&place, "strange.yaml", "", &identity("https://issuer.example", &quoted, ""));
    check(&strange, &with_root).exits(10);
    // The public instance knows nothing of this one.
    check(&good, &[]).exits(10).keeps_quiet_about("ALLOW");
    place.check(&[&reference, "--policy", &good, "--trusted-root", &place.path("none.json")]).exits(4);
}

#[test]
fn a_policy_brings_its_own_root_which_no_flag_replaces() {
    let (server, registry) = (Server::start(), Registry::start());
    let subject = Leaf::default().subject;
    let (place, reference) = (place(&server, &subject), patched(&registry));
    sign(&place, &reference);
    let entry = identity(&server.url(), &format!("'{subject}'"), "");
    let own = policy(&place, "own.yaml", "  trust: {root: trusted.json}\n", &entry);
    place.check(&[&reference, "--policy", &own]).exits(0);
    let other = place.write("other.json", Server::start().trusted_root().to_string());
    place.check(&[&reference, "--policy", &own, "--trusted-root", &other]).exits(0);
    let foreign = policy(&place, "foreign.yaml", "  trust: {root: other.json}\n", &entry);
    let root = place.path("trusted.json");
    place.check(&[&reference, "--policy", &foreign, "--trusted-root", &root]).exits(10);
    // A folder of policies has the roots that they name beside them.
    for name in ["own.yaml", "trusted.json"] {
        place.write(&format!("policies/{name}"), std::fs::read(place.path(name)).unwrap());
    }
    place.check(&[&reference, "--policy", &place.path("policies")]).exits(0);
    place.run(&["policy", "lint", &place.path("policies")]).exits(0).says("1 document read");
    let missing = policy(&place, "missing.yaml", "  trust: {root: none.json}\n", &entry);
    place.check(&[&reference, "--policy", &missing]).exits(2).says("spec.trust.root");
}

#[test]
fn without_a_root_to_verify_with_it_is_indeterminate() {
    let (server, registry) = (Server::start(), Registry::start());
    let subject = Leaf::default().subject;
    let (place, reference) = (place(&server, &subject), patched(&registry));
    sign(&place, &reference);
    let entry = identity(&server.url(), &format!("'{subject}'"), "");
    let wanted = policy(&place, "p.yaml", "", &entry);
    place
        .check(&[&reference, "--policy", &wanted, "--instance", "never-fetched"])
        .exits(11)
        .says("UNKNOWN  signatures")
        .says("never-fetched")
        .says("--trusted-root FILE");
    // A policy by keys needs none, and does not ask for one.
    place.key("release");
    let by_key = policy(&place, "k.yaml", "", "{name: release, key: {file: release.pub}}");
    place.check(&[&reference, "--policy", &by_key, "--instance", "never-fetched"]).exits(10);
    place.run(&["sign", "--key", &place.path("release.key"), &reference]).exits(0);
    place
        .check(&[&reference, "--policy", &by_key, "--instance", "never-fetched"])
        .exits(0)
        .says("not checked: transparency log, trusted time");
}

#[test]
fn keys_and_identities_are_counted_together() {
    let (server, registry) = (Server::start(), Registry::start());
    let subject = Leaf::default().subject;
    let (place, reference) = (place(&server, &subject), patched(&registry));
    place.key("qa");
    let entry = identity(&server.url(), &format!("'{subject}'"), "");
    let both = place.write(
        "both.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  \
             trust: {{root: trusted.json}}\n  signatures:\n    required: true\n    allOf: [{entry}]\n    \
             anyOf: [{{name: qa, key: {{file: qa.pub}}}}]\n"
        ),
    );
    let check = || place.check(&[&reference, "--policy", &both]);
    check().exits(10).says("it is not signed");
    place.run(&["sign", "--key", &place.path("qa.key"), &reference]).exits(0);
    check().exits(10).says("signed by qa, but not by release");
    sign(&place, &reference);
    check().exits(0).says("signed by release, qa");
}

#[test]
fn the_lint_of_identities_has_stable_codes() {
    let place = Place::empty();
    let entry = identity(
        "https://token.actions.githubusercontent.com",
        r"{pattern: 'https://github\.com/team/.*'}",
        "",
    );
    let weak = policy(&place, "p.yaml", "", &entry);
    place
        .run(&["policy", "lint", &weak])
        .exits(0)
        .says("warning[PL024]")
        .says("neither which workflow nor which ref");
    let everybody = policy(&place, "p.yaml", "", &identity("https://i.example", "{pattern: '.*'}", ""));
    place.run(&["policy", "lint", &everybody]).exits(1).says("error[PL025]");
    let nobody = policy(&place, "p.yaml", "", "{name: a, identity: {subject: x}}");
    place.run(&["policy", "lint", &nobody]).exits(2).says("issuer");
}

#[test]
fn signatures_that_are_kept_apart_are_looked_for_there() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    place.key("release");
    let (key, apart) = (place.path("release.key"), format!("{}/signatures", registry.host()));
    let wanted = policy(&place, "k.yaml", "", "{name: release, key: {file: release.pub}}");
    place.run(&["sign", "--key", &key, "--evidence-repository", &apart, &reference]).exits(0);
    place.check(&[&reference, "--policy", &wanted]).exits(10).says("it is not signed");
    place.check(&[&reference, "--policy", &wanted, "--evidence-repository", &apart]).exits(0);
    let db = place.path("db");
    let at = ["--db", &db, "--at", NOW, "--policy", &wanted];
    let check = [&["check"], &at[..], &[&reference]].concat();
    place.run_with(&[("COSIGN_REPOSITORY", &apart)], &check).exits(0);
    // A copy on disk is the same image, by its digest.
    let layout = place.path("layout");
    place.run(&["evidence", "save", &reference, &layout]).exits(0);
    let elsewhere = ["--evidence-repository", apart.as_str()];
    let copy = format!("oci:{layout}@{}", crate::fixture::digest_of(&reference));
    place.run(&[&["check"], &at[..], &elsewhere, &[&copy]].concat()).exits(0).says("signed by release");
    registry.misbehave("*/signatures/*", plimsoll_testkit::Fault::Status(403));
    place.check(&[&reference, "--policy", &wanted, "--evidence-repository", &apart]).exits(11);
}

/// Whoever may sign writes their own subject, and it is shown.
#[test]
fn a_subject_that_would_rewrite_the_screen_is_shown_escaped() {
    let (server, registry) = (Server::start(), Registry::start());
    let subject = "https://ci.example/\u{1b}]0;ALLOW\u{7}app\n  pass";
    let (place, reference) = (place(&server, subject), patched(&registry));
    sign(&place, &reference);
    let root = place.path("trusted.json");
    let everybody = identity(&server.url(), "{pattern: '(?s)https://ci.*'}", "");
    let taken = policy(&place, "taken.yaml", "", &everybody);
    let refused =
        policy(&place, "refused.yaml", "", &identity(&server.url(), "'https://ci.example/app'", ""));
    for (policy, code) in [(taken, 0), (refused, 10)] {
        for form in [&[][..], &["--explain"], &["-o", "json"]] {
            let run = [&[reference.as_str(), "--policy", &policy, "--trusted-root", &root], form].concat();
            let run = place.check(&run).exits(code);
            for text in [&run.stdout, &run.stderr] {
                assert!(!text.contains(['\u{1b}', '\u{7}']), "{form:?}: {text:?}");
                assert!(!text.contains("\n  pass,") && !text.contains("\n  pass ("), "{form:?}: {text}");
            }
        }
    }
}

#[test]
fn vex_by_an_identity_counts_in_a_scan_that_names_it_and_in_no_other() {
    let (server, registry) = (Server::start(), Registry::start());
    let subject = Leaf::default().subject;
    let (place, image, issuer) = (place(&server, &subject), affected(&registry), server.url());
    let document = json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.example/1", "author": "ACME",
        "timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": [{"vulnerability": {"name": "CVE-2024-36039"},
            "products": [{"@id": "pkg:pypi/pymysql@1.1.0"}], "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path"}]});
    let file = place.write("app.openvex.json", document.to_string());
    let (config, root, token) = (place.path("signing.json"), place.path("trusted.json"), place.path("token"));
    let services = ["--signing-config", &config, "--trusted-root", &root, "--identity-token", &token];
    let what = ["--type", "openvex", "--predicate", &file, &image];
    place.run(&[&["attest"], &services[..], &what].concat()).exits(0);
    let db = place.path("db");
    let scan = |more: &[&str]| {
        let scan = ["scan", "--db", &db, "--at", NOW, "--fail-on", "critical", &image];
        place.run(&[&scan[..], more].concat())
    };
    let by = |subject: &str, issuer: &str| {
        let who = ["--vex-certificate-identity", subject, "--vex-certificate-oidc-issuer", issuer];
        scan(&[&who[..], &["--trusted-root", &root]].concat())
    };
    scan(&[]).exits(10);
    by(&subject, &issuer).exits(0).says("set aside: CVE-2024-36039 in pymysql");
    by("https://ci.example/other", &issuer).exits(10).says("does not count");
    by(&subject, "https://issuer.example").exits(10).says("does not count");
    // The public instance knows nothing of this one.
    scan(&["--vex-certificate-identity", &subject, "--vex-certificate-oidc-issuer", &issuer]).exits(10);
    scan(&["--vex-certificate-identity", &subject]).exits(2).says("no --vex-certificate-oidc-issuer");
    scan(&["--vex-certificate-oidc-issuer", &issuer]).exits(2).says("no --vex-certificate-identity");
    place.key("psirt");
    let key = place.path("psirt.pub");
    let who = ["--vex-certificate-identity", &subject, "--vex-certificate-oidc-issuer", &issuer];
    scan(&[&who[..], &["--vex-key", &key]].concat()).exits(2).says("expected one of them");
}

//! `check` and `verify` on what stock cosign signed and attested, images and files, and cosign on what was signed here.
//! How cosign has to be invoked is described in the tests of `plimsoll-signing`.

use std::process::{Command, Stdio};

use plimsoll_testkit::{Registry, peer_program};

use crate::fixture::{Place, patched};

/// Runs cosign in `place`; none where the peers are not built.
pub(crate) fn cosign(place: &Place, arguments: &[&str]) -> Option<bool> {
    let output = Command::new(peer_program("cosign", "$PLIMSOLL_PEERS")?)
        .args(arguments)
        .current_dir(place.root())
        .env_clear()
        .env("HOME", place.root())
        .env("COSIGN_PASSWORD", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    eprintln!("cosign {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.status.success())
}

pub(crate) fn prepare(place: &Place) -> Option<()> {
    assert!(cosign(place, &["signing-config", "create", "--out", "signing.json"])?);
    assert!(cosign(place, &["trusted-root", "create", "--out", "trusted.json"])?);
    Some(())
}

fn policy(place: &Place, key: &str) -> String {
    place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n  phase: pilot\n  signatures:\n    \
             required: true\n    anyOf: [{{name: ci, key: {{file: {key}}}}}]\n"
        ),
    )
}

#[test]
fn an_image_signed_by_cosign_is_allowed_and_with_another_key_denied() {
    let (place, registry) = (Place::new(), Registry::start());
    let Some(()) = prepare(&place) else { return };
    let reference = patched(&registry);
    for key in ["ci", "other"] {
        assert_eq!(cosign(&place, &["generate-key-pair", "--output-key-prefix", key]), Some(true));
    }
    let sign = [
        "sign",
        "--key",
        "ci.key",
        "--signing-config",
        "signing.json",
        "--trusted-root",
        "trusted.json",
        &reference,
    ];
    assert_eq!(cosign(&place, &sign), Some(true));
    place.check(&[&reference, "--policy", &policy(&place, "ci.pub")]).exits(0).says("signed by ci");
    place
        .check(&[&reference, "--policy", &policy(&place, "other.pub")])
        .exits(10)
        .says("FAIL     signatures");
}

#[test]
fn cosign_verifies_what_sign_signs() {
    let (place, registry) = (Place::new(), Registry::builder().referrers_api(false).start());
    let Some(()) = prepare(&place) else { return };
    let reference = patched(&registry);
    place.key("ci");
    place.key("other");
    place.run(&["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
    let verify = |key: &str| {
        let flags =
            ["verify", "--key", key, "--insecure-ignore-tlog", "--trusted-root", "trusted.json", &reference];
        cosign(&place, &flags)
    };
    assert_eq!(verify("ci.pub"), Some(true));
    assert_eq!(verify("other.pub"), Some(false));
}

pub(crate) const SERVICES: [&str; 4] = ["--signing-config", "signing.json", "--trusted-root", "trusted.json"];
const BY_KEY: [&str; 3] = ["--insecure-ignore-tlog", "--trusted-root", "trusted.json"];

#[test]
fn signatures_and_attestations_of_images_go_both_ways() {
    for api in [true, false] {
        let (place, registry) = (Place::new(), Registry::builder().referrers_api(api).start());
        let Some(()) = prepare(&place) else { return };
        let reference = patched(&registry);
        assert_eq!(cosign(&place, &["generate-key-pair", "--output-key-prefix", "theirs"]), Some(true));
        place.key("ours");
        place.key("other");
        let sbom = place.write("sbom.json", r#"{"spdxVersion": "SPDX-2.3", "name": "orders"}"#);
        let run = |arguments: &[&[&str]]| cosign(&place, &arguments.concat());
        let attest = ["attest", "--type", "spdxjson", "--predicate", "sbom.json", "--key"];

        assert_eq!(
            run(&[&["sign", "-a", "team=infra", "--key", "theirs.key"], &SERVICES, &[&reference]]),
            Some(true)
        );
        assert_eq!(run(&[&attest, &["theirs.key"], &SERVICES, &[&reference]]), Some(true));
        let (theirs, other) = (place.path("theirs.pub"), place.path("other.pub"));
        let verify = |key: &str| {
            place.run(&["verify", "--insecure-ignore-tlog", "--key", key, "-a", "team=infra", &reference])
        };
        verify(&theirs).exits(0).says("team=infra");
        verify(&other).exits(10);
        let attested = |key: &str, kind: &str| {
            let all =
                ["verify-attestation", "--insecure-ignore-tlog", "--key", key, "--type", kind, &reference];
            place.run(&all)
        };
        assert_eq!(attested(&theirs, "spdxjson").exits(0).json()["predicate"]["name"], "orders");
        attested(&theirs, "cyclonedx").exits(10);
        attested(&other, "spdxjson").exits(10);

        let ours = place.path("ours.key");
        place.run(&["sign", "--key", &ours, "-a", "by=us", &reference]).exits(0);
        place
            .run(&["attest", "--key", &ours, "--type", "spdxjson", "--predicate", &sbom, &reference])
            .exits(0);
        let verify =
            |key: &str, wanted: &str| run(&[&["verify", "--key", key, "-a", wanted], &BY_KEY, &[&reference]]);
        assert_eq!(verify("ours.pub", "by=us"), Some(true));
        assert_eq!(verify("ours.pub", "by=them"), Some(false));
        assert_eq!(verify("other.pub", "by=us"), Some(false));
        let attested = |key: &str, kind: &str| {
            run(&[&["verify-attestation", "--key", key, "--type", kind], &BY_KEY, &[&reference]])
        };
        assert_eq!(attested("ours.pub", "spdxjson"), Some(true));
        assert_eq!(attested("ours.pub", "cyclonedx"), Some(false));
        assert_eq!(attested("other.pub", "spdxjson"), Some(false));
    }
}

#[test]
fn signatures_and_attestations_of_files_go_both_ways() {
    let place = Place::empty();
    let Some(()) = prepare(&place) else { return };
    assert_eq!(cosign(&place, &["generate-key-pair", "--output-key-prefix", "theirs"]), Some(true));
    place.key("ours");
    place.write("app.sh", "echo released");
    place.write("changed.sh", "echo changed");
    place.write("p.json", r#"{"checked": true}"#);
    let run = |arguments: &[&[&str]]| cosign(&place, &arguments.concat());
    let path = |name: &str| place.path(name);
    let kind = "https://example.com/p/v1";

    let sign = ["sign-blob", "--yes", "--key", "theirs.key", "--bundle", "theirs.json"];
    assert_eq!(run(&[&sign, &SERVICES, &["app.sh"]]), Some(true));
    let attest = ["attest-blob", "--yes", "--key", "theirs.key", "--type", kind, "--predicate", "p.json"];
    assert_eq!(run(&[&attest, &["--bundle", "theirs.att.json"], &SERVICES, &["app.sh"]]), Some(true));
    let verify = |command: &str, key: &str, bundle: &str, file: &str| {
        let (key, bundle, file) = (path(key), path(bundle), path(file));
        let mut all = vec![command, "--insecure-ignore-tlog", "--key", &key, "--bundle", &bundle, &file];
        if command == "verify-blob-attestation" {
            all.extend(["--type", kind]);
        }
        place.run(&all)
    };
    verify("verify-blob", "theirs.pub", "theirs.json", "app.sh").exits(0);
    verify("verify-blob", "theirs.pub", "theirs.json", "changed.sh").exits(10);
    verify("verify-blob", "ours.pub", "theirs.json", "app.sh").exits(10);
    verify("verify-blob-attestation", "theirs.pub", "theirs.att.json", "app.sh").exits(0).says("checked");
    verify("verify-blob-attestation", "theirs.pub", "theirs.att.json", "changed.sh").exits(10);
    verify("verify-blob-attestation", "ours.pub", "theirs.att.json", "app.sh").exits(10);

    let (key, file, predicate) = (path("ours.key"), path("app.sh"), path("p.json"));
    place.run(&["sign-blob", "--key", &key, "--bundle", &path("ours.json"), &file]).exits(0);
    let attest = ["attest-blob", "--key", &key, "--type", kind, "--predicate", &predicate];
    place.run(&[&attest[..], &["--bundle", &path("ours.att.json"), &file]].concat()).exits(0);
    for (key, file, holds) in
        [("ours.pub", "app.sh", true), ("ours.pub", "changed.sh", false), ("theirs.pub", "app.sh", false)]
    {
        let verify = ["verify-blob", "--key", key, "--bundle", "ours.json"];
        assert_eq!(run(&[&verify, &BY_KEY, &[file]]), Some(holds), "{key} {file}");
        let verify = ["verify-blob-attestation", "--key", key, "--type", kind, "--bundle", "ours.att.json"];
        assert_eq!(run(&[&verify, &BY_KEY, &[file]]), Some(holds), "{key} {file}");
    }
}

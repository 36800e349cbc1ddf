//! `check` and `verify` on what stock cosign signed and attested, images and files, and cosign on what was signed here.
//! How cosign has to be invoked is described in the tests of `plimsoll-signing`.

use std::process::{Command, Stdio};

use plimsoll_core::Digest;
use plimsoll_testkit::{ImageBuilder, Registry, clock_variables, peer_program};
use serde_json::{Value, json};

use crate::fixture::{Place, patched};

/// Runs cosign in `place`; none where the peers are not built.
pub(crate) fn cosign(place: &Place, arguments: &[&str]) -> Option<bool> {
    let output = Command::new(peer_program("cosign", "$PLIMSOLL_PEERS")?)
        .args(arguments)
        .current_dir(place.root())
        .env_clear()
        .envs(clock_variables())
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

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An index of an image, an SBOM as an artifact, and another index of two images. The digests of all six.
fn nested(registry: &Registry, repository: &str) -> Vec<Digest> {
    let put = |manifest: &Value, media_type: &str| {
        let bytes = manifest.to_string().into_bytes();
        let digest = registry.add_manifest(repository, media_type, bytes.clone());
        (digest, json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()}))
    };
    let image = |platform: &str| {
        let built = ImageBuilder::new().platform(platform).build();
        built.push_by_digest(registry, repository);
        let bytes = &built.top.bytes;
        let (os, architecture) = platform.split_once('/').unwrap();
        let described = json!({
            "mediaType": built.media_type(), "digest": built.digest().to_string(), "size": bytes.len(),
            "platform": {"os": os, "architecture": architecture},
        });
        (built.digest(), described)
    };
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let (empty, sbom) = (registry.add_blob(repository, "{}"), registry.add_blob(repository, "an SBOM"));
    let artifact = put(
        &json!({
            "schemaVersion": 2, "mediaType": manifest, "artifactType": "application/vnd.example.sbom",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty.to_string(), "size": 2},
            "layers": [{"mediaType": "text/plain", "digest": sbom.to_string(), "size": 7}],
        }),
        manifest,
    );
    let index = |entries: &[&Value]| {
        put(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}), INDEX)
    };
    let [amd64, arm64, s390x] = ["linux/amd64", "linux/arm64", "linux/s390x"].map(image);
    let inner = index(&[&arm64.1, &s390x.1]);
    let top = index(&[&amd64.1, &artifact.1, &inner.1]);
    vec![top.0, amd64.0, artifact.0, inner.0, arm64.0, s390x.0]
}

/// What either tool signs recursively, the other finds signed: the index, the artifact, the index in it, and every image.
#[test]
fn an_index_with_artifacts_and_indexes_is_signed_recursively_both_ways() {
    for api in [true, false] {
        let (place, registry) = (Place::new(), Registry::builder().referrers_api(api).start());
        let Some(()) = prepare(&place) else { return };
        assert_eq!(cosign(&place, &["generate-key-pair", "--output-key-prefix", "theirs"]), Some(true));
        place.key("ours");
        let run = |arguments: &[&[&str]]| cosign(&place, &arguments.concat());
        for signer in ["theirs", "ours"] {
            let parts = nested(&registry, signer);
            let name = |digest: &Digest| registry.reference(signer, &digest.to_string());
            let (top, public) = (name(&parts[0]), place.path(&format!("{signer}.pub")));
            let verify = |more: &[&str]| {
                place.run(&[&["verify", "--insecure-ignore-tlog", "--key", &public], more].concat())
            };
            verify(&["--recursive", &top]).exits(10);
            if signer == "ours" {
                place.run(&["sign", "--recursive", "--key", &place.path("ours.key"), &top]).exits(0);
            } else {
                let sign = ["sign", "--recursive", "--key", "theirs.key"];
                assert_eq!(run(&[&sign, &SERVICES, &[&top]]), Some(true));
            }
            let result = verify(&["--recursive", "-o", "json", &top]).exits(0).json();
            let verified: Vec<&str> = result["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|part| part["digest"].as_str().unwrap())
                .collect();
            assert_eq!(verified, parts.iter().map(ToString::to_string).collect::<Vec<_>>());
            let other = if signer == "ours" { "theirs.pub" } else { "ours.pub" };
            for part in &parts {
                verify(&[&name(part)]).exits(0);
                let by = |key: &str| run(&[&["verify", "--key", key], &BY_KEY, &[&name(part)]]);
                assert_eq!(by(&format!("{signer}.pub")), Some(true), "{signer}: {part}");
                assert_eq!(by(other), Some(false), "{signer}: {part}");
            }
        }
    }
}

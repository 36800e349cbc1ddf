//! `check` under a policy that accepts attested SBOMs: made by `sbom`, attached by `attest`, and no layer is pulled.

use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_testkit::{ImageBuilder, IndexBuilder, Layer, Object, Registry};
use serde_json::{Value, json};

use crate::fixture::{DPKG_STATUS, Place, Run, affected, digest_of, patched, pushed, shop};
use crate::schemas::Schemas;
use crate::signing::attach;

const TYPES: [(&str, &str); 5] = [
    ("spdx-json", "spdxjson"),
    ("spdx-tag-value", "spdx"),
    ("spdx-json-ld", "spdxjson"),
    ("cyclonedx-json", "cyclonedx"),
    ("cyclonedx-json@1.4", "cyclonedx"),
];

fn policy(place: &Place, attested_by: &str) -> String {
    place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  \
             sbom: {{ required: true, attestedBy: [{attested_by}] }}\n"
        ),
    )
}

fn by_key(place: &Place) -> String {
    policy(place, "{ name: sbom builder, key: { file: sboms.pub } }")
}

/// Makes the SBOM of an image and attests it.
fn attest(place: &Place, key: &str, reference: &str, (format, predicate_type): (&str, &str)) {
    let (file, key) = (place.path("sbom"), place.path(&format!("{key}.key")));
    place.run(&["sbom", reference, "--output", format, "--output-file", &file]).exits(0);
    place.run(&["attest", "--key", &key, "--type", predicate_type, "--predicate", &file, reference]).exits(0);
}

/// How many layers of the image were asked for since the requests were cleared.
fn pulled(registry: &Registry, reference: &str) -> usize {
    let manifest = registry.manifest("shop/orders", digest_of(reference)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    let asked =
        |layer: &Value| registry.requests_to(&format!("*/blobs/{}", layer["digest"].as_str().unwrap())).len();
    layers.iter().map(asked).sum()
}

#[test]
fn an_image_whose_complete_sbom_is_attested_is_judged_without_pulling_it() {
    for kind in TYPES {
        let (place, registry) = (Place::new(), Registry::start());
        place.key("sboms");
        let (bad, good) = (affected(&registry), patched(&registry));
        let policy = by_key(&place);
        for (reference, code) in [(&bad, 10), (&good, 0)] {
            registry.clear_requests();
            let read = place.check(&[reference, "--policy", &policy, "-o", "json"]).exits(code);
            let read = verdict_of(&read);
            assert_eq!(pulled(&registry, reference), 2);
            attest(&place, "sboms", reference, kind);
            registry.clear_requests();
            let run = place.check(&[reference, "--policy", &policy, "-o", "json"]).exits(code);
            assert_eq!(pulled(&registry, reference), 0, "{kind:?}: {}", run.stdout);
            let verdict = verdict_of(&run);
            Schemas(&place).fits("verdict", &verdict);
            assert_eq!(verdict["reasons"], read["reasons"], "{kind:?}: the findings are the same");
            let sbom = rule(&verdict, "sbom");
            assert_eq!(sbom["details"][0]["type"], "attestedSbom", "{sbom}");
            assert_eq!(sbom["details"][0]["authority"], "sbom builder", "{sbom}");
            assert_eq!(sbom["details"][0]["signed"], digest_of(reference), "{sbom}");
            let records = verdict["platforms"][0]["evidence"].as_array().unwrap();
            let is_it = |record: &&Value| record["kind"] == "attested-sbom";
            assert_eq!(records.iter().filter(is_it).count(), 1, "{records:?}");
        }
        place
            .check(&[&good, "--policy", &policy])
            .exits(0)
            .says("sbom (3 components on debian-12, as sbom builder attests in ");
        place.check(&[&good, "--policy", &policy, "-v"]).exits(0).says("attested by sbom builder (key ");
    }
}

fn verdict_of(run: &Run) -> Value {
    let verdict = run.json()["results"][0]["verdict"].clone();
    assert!(verdict["reasons"].is_array(), "{verdict}");
    verdict
}

fn rule<'a>(verdict: &'a Value, name: &str) -> &'a Value {
    let rules = verdict["platforms"][0]["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["rule"] == name).unwrap()
}

#[test]
fn attestations_of_others_are_reported_and_the_image_is_read() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("sboms");
    place.key("ci");
    let (reference, policy) = (affected(&registry), by_key(&place));
    // An SBOM of the image without the vulnerability.
    let clean = patched(&registry);
    let file = place.path("clean");
    place.run(&["sbom", &clean, "--output", "cyclonedx-json", "--output-file", &file]).exits(0);
    let attest = ["attest", "--type", "cyclonedx", "--predicate", &file, &reference];
    let (ci, sboms) = (place.path("ci.key"), place.path("sboms.key"));
    let checked = |why: &str| {
        registry.clear_requests();
        let run = place.check(&[&reference, "--policy", &policy, "-v"]).exits(10);
        assert_eq!(pulled(&registry, &reference), 2);
        run.says("CVE-2024-36039").says(why);
    };
    place.run(&[&attest[..], &["--key", &ci]].concat()).exits(0);
    checked("read from its files: the attested SBOM does not count");
    // By the right key: the statement is about this image, but its document is about the other one.
    place.run(&[&attest[..], &["--key", &sboms]].concat()).exits(0);
    checked(&format!("its document is about {}", digest_of(&clean)));
}

#[test]
fn an_sbom_that_is_incomplete_or_of_something_else_does_not_stand_for_the_image() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("sboms");
    let (reference, policy) = (patched(&registry), by_key(&place));
    let (file, key) = (place.path("sbom"), place.path("sboms.key"));
    let flags = ["--output", "cyclonedx-json", "--output-file", &file];
    place.run(&[&["sbom", &reference, "--catalogers", "-python"], &flags[..]].concat()).exits(0);
    place.run(&["attest", "--key", &key, "--type", "cyclonedx", "--predicate", &file, &reference]).exits(0);
    place.check(&[&reference, "--policy", &policy, "-v"]).exits(0).says(
        "read from its files: the attested SBOM does not count: its document states that it is incomplete",
    );
    // A document of another tool states nothing, and converting it adds no statement.
    let foreign = place.write(
        "foreign.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"x","version":"1","purl":"pkg:pypi/x@1"}]}"#,
    );
    for (format, kind) in [("cyclonedx-json", "cyclonedx"), ("spdx-json", "spdxjson")] {
        let other = pushed(&registry, &shop("pymysql", "1.1.2").label("of", kind).build(), kind);
        let converted = place.path("converted");
        place.run(&["sbom", "convert", &foreign, "-o", format, "--output-file", &converted]).exits(0);
        place.run(&["attest", "--key", &key, "--type", kind, "--predicate", &converted, &other]).exits(0);
        place
            .check(&[&other, "--policy", &policy, "-v"])
            .exits(0)
            .says("its document does not state that it is complete");
    }
}

#[test]
fn ownership_that_a_document_claims_sets_no_finding_aside() {
    const METADATA: &str = "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.1.0\n\nText.\n";
    const ITS_MD5: &str = "71798d35280d581ff872a6cbd02459c7";
    let path = "usr/lib/python3/dist-packages/pymysql-1.1.0.dist-info/METADATA";
    let package = "Package: python3-pymysql\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1.1.0-1\n";
    let system = Layer::new()
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")
        .file("var/lib/dpkg/status", format!("{DPKG_STATUS}{package}"))
        .file("var/lib/dpkg/info/python3-pymysql.md5sums", format!("{ITS_MD5}  {path}\n"));
    let image = ImageBuilder::new().layer(system).layer(Layer::new().file(path, METADATA)).build();
    let (place, registry) = (Place::new(), Registry::start());
    place.key("sboms");
    let (reference, policy) = (pushed(&registry, &image, "owned"), by_key(&place));
    let check = [reference.as_str(), "--policy", &policy];
    place.check(&check).exits(0).says("set aside: CVE-2024-36039");
    for kind in TYPES {
        attest(&place, "sboms", &reference, kind);
        registry.clear_requests();
        place.check(&check).exits(10).says("CVE-2024-36039").keeps_quiet_about("set aside: CVE-2024-36039");
        assert_eq!(pulled(&registry, &reference), 0);
    }
}

#[test]
fn a_workflow_attests_without_a_key_and_the_verdict_says_when() {
    let (place, registry) = (Place::new(), Registry::start());
    let mut instance = Sigstore::new();
    place.write("root.json", instance.trusted_root().to_string());
    let leaf = Leaf::default();
    let identity = format!(
        "{{ name: workflow, identity: {{ issuer: '{}', subject: '{}' }} }}",
        leaf.issuer, leaf.subject
    );
    let (reference, policy) = (patched(&registry), policy(&place, &identity));
    let file = place.path("sbom.json");
    place.run(&["sbom", &reference, "-o", "spdx-json", "--output-file", &file]).exits(0);
    let document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": &digest_of(&reference)[7..]}}],
        "predicateType": "https://spdx.dev/Document", "predicate": document,
    });
    let holder = instance.leaf(&leaf);
    let bundle = instance.attest(&holder, statement.to_string().as_bytes(), LogVersion::V2);
    attach(&registry, &reference, bundle.to_string().as_bytes());
    registry.clear_requests();
    let root = place.path("root.json");
    let run = place.check(&[&reference, "--policy", &policy, "--trusted-root", &root, "-o", "json"]).exits(0);
    assert_eq!(pulled(&registry, &reference), 0);
    let verdict = verdict_of(&run);
    let told = &rule(&verdict, "sbom")["details"][0];
    assert_eq!(
        (&told["subject"], &told["signedAt"][0]),
        (&json!(leaf.subject), &json!("2016-01-15T12:00:00Z"))
    );
    assert_eq!(told["notChecked"], json!([]));
    // With another instance's root, nobody vouches for it.
    place.write("root.json", Sigstore::new().trusted_root().to_string());
    registry.clear_requests();
    place.check(&[&reference, "--policy", &policy, "--trusted-root", &root]).exits(0);
    assert_eq!(pulled(&registry, &reference), 2);
}

#[test]
fn each_platform_of_an_index_needs_an_sbom_of_its_own() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("sboms");
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/arm64").build())
        .build();
    let (reference, policy) = (pushed(&registry, &index, "multi"), by_key(&place));
    let (file, key) = (place.path("sbom"), place.path("sboms.key"));
    let attest = |of: &str, to: &[&str]| {
        let flags = ["--platform", of, "-o", "spdx-json", "--output-file", &file];
        place.run(&[&["sbom", &reference], &flags[..]].concat()).exits(0);
        let flags = ["--key", &key, "--type", "spdxjson", "--predicate", &file, &reference];
        place.run(&[&["attest"], &flags[..], to].concat()).exits(0);
    };
    let pulled = || {
        registry.clear_requests();
        let run = place.check(&[&reference, "--policy", &policy, "-v"]).exits(10).says("CVE-2024-36039");
        let manifests = index.images.iter().map(|image| (image.manifest.digest(), &image.layers));
        let blobs = |layers: &[Object]| -> usize {
            layers.iter().map(|one| registry.requests_to(&format!("*/blobs/{}", one.digest())).len()).sum()
        };
        (manifests.map(|(_, layers)| blobs(layers)).collect::<Vec<_>>(), run)
    };
    // Of the index: nobody knows which platform it is about.
    attest("linux/amd64", &[]);
    let (layers, run) = pulled();
    assert!(layers.iter().all(|number| *number > 0), "{layers:?}");
    run.says("it is attached to the index, not to this platform's image");
    attest("linux/amd64", &["--platform", "linux/amd64"]);
    attest("linux/arm64", &["--platform", "linux/arm64"]);
    let (layers, run) = pulled();
    assert_eq!(layers, [0, 0], "{}", run.stdout);
}

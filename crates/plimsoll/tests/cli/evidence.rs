//! `evidence`: what hangs on an image is shown, attached, fetched and moved, and nothing of it is believed.

use plimsoll_testkit::{IndexBuilder, Registry};
use serde_json::{Value, json};

use crate::fixture::{Place, digest_of, patched, shop};

/// A signed image with an SBOM; its name and its key's.
fn signed(place: &Place, registry: &Registry) -> String {
    place.key("ci");
    let reference = patched(registry);
    place.run(&["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
    let sbom = place.write("sbom.json", r#"{"spdxVersion":"SPDX-2.3"}"#);
    place.run(&["evidence", "attach", &reference, &sbom]).exits(0).says("it is not signed");
    reference
}

fn verified(place: &Place, subject: &str) {
    let key = place.path("ci.pub");
    place.run(&["verify", "--key", &key, "--insecure-ignore-tlog", subject]).exits(0);
}

#[test]
fn a_tree_shows_what_hangs_on_an_image_and_says_that_it_is_not_verified() {
    for api in [true, false] {
        let (place, registry) = (Place::empty(), Registry::builder().referrers_api(api).start());
        let reference = signed(&place, &registry);
        place
            .run(&["evidence", "tree", &reference])
            .exits(0)
            .says("signature  sha256:")
            .says("claims to be signed by key ")
            .says("SBOM (SPDX), not signed")
            .says("None of this is verified");
        let tree = place.run(&["evidence", "tree", "-o", "json", &reference]).exits(0).json();
        let kinds: Vec<&Value> =
            tree["images"][0]["evidence"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
        assert_eq!(kinds, ["bundle", "artifact"]);
    }
}

#[test]
fn an_image_crosses_an_air_gap_with_its_evidence() {
    let (place, registry) = (Place::empty(), Registry::start());
    place.key("ci");
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.2").platform("linux/arm64").build())
        .build();
    index.push(&registry, "shop/orders", "1");
    let name = registry.reference("shop/orders", "1");
    place.run(&["sign", "--recursive", "--key", &place.path("ci.key"), &name]).exits(0);
    let folder = place.path("layout");
    place.run(&["evidence", "save", &name, &folder]).exits(0).says("3 manifests, 3 referrers");
    drop(registry);

    verified(&place, &format!("oci:{folder}:1"));
    let inside = Registry::builder().referrers_api(false).start();
    let name = inside.reference("prod/orders", "1");
    place.run(&["evidence", "load", &folder, &name]).exits(0).says(&index.digest().to_string());
    verified(&place, &name);
    for image in &index.images {
        verified(&place, &inside.reference("prod/orders", &image.manifest.digest().to_string()));
    }
    // Within a registry, too, and to a name that pins another digest not at all.
    let next = inside.reference("prod/second", "1");
    place.run(&["evidence", "copy", &name, &next]).exits(0);
    verified(&place, &next);
    let pinned = format!("{}@sha256:{}", inside.reference("prod/third", "1"), "0".repeat(64));
    place.run(&["evidence", "copy", &name, &pinned]).exits(2).says("but the copied image is");
    place.run(&["evidence", "copy", &name, "file:x"]).exits(2);
}

#[test]
fn downloaded_evidence_can_be_attached_only_to_its_own_image() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    let folder = place.path("out");
    place.run(&["evidence", "download", "--output-dir", &folder, &reference]).exits(0);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let file = file.to_str().unwrap();
    let line = place.run(&["evidence", "download", &reference]).exits(0).stdout;
    assert_eq!(line.trim_end().as_bytes(), std::fs::read(file).unwrap());
    let statement = place.run(&["evidence", "download", "--what", "statements", &reference]).exits(0).json();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], json!(digest_of(&reference)[7..]));
    place
        .run(&["evidence", "download", "--type", "slsaprovenance", &reference])
        .exits(4)
        .says("nothing of type");

    let other = Registry::start();
    let same = patched(&other);
    place.run(&["evidence", "attach", &same, file]).exits(0);
    verified(&place, &same);
    let wrong = crate::fixture::affected(&other);
    place.run(&["evidence", "attach", &wrong, file]).exits(2).says("is not about");
    let broken = place.write("broken.json", r#"{"verificationMaterial":{}}"#);
    place.run(&["evidence", "attach", &same, &broken]).exits(1);
    let text = place.write("notes.txt", "hello");
    place.run(&["evidence", "attach", &same, &text]).exits(2).says("--media-type");
    place.run(&["evidence", "attach", "--media-type", "text/plain", &same, &text]).exits(0);
}

#[test]
fn evidence_can_be_kept_in_another_repository() {
    for variable in ["COSIGN_REPOSITORY", "PLIMSOLL_EVIDENCE_REPOSITORY"] {
        let (place, registry) = (Place::empty(), Registry::start());
        place.key("ci");
        let reference = patched(&registry);
        let elsewhere = format!("{}/evidence", registry.host());
        let variables = [(variable, elsewhere.as_str())];
        place.run_with(&variables, &["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
        let (key, flag) = (place.path("ci.pub"), "--insecure-ignore-tlog");
        place.run(&["verify", "--key", &key, flag, &reference]).exits(10);
        place.run_with(&variables, &["verify", "--key", &key, flag, &reference]).exits(0);
        place
            .run(&["evidence", "tree", "--evidence-repository", &elsewhere, &reference])
            .exits(0)
            .says("signature");
        // A copy brings it together again.
        let copy = registry.reference("copy", "1");
        place.run_with(&variables, &["evidence", "copy", &reference, &copy]).exits(0).says("1 referrer");
        place.run(&["verify", "--key", &key, flag, &copy]).exits(0);
    }
}

#[test]
fn the_flag_for_another_repository_holds_for_all_that_write_and_read_evidence() {
    let (place, registry) = (Place::empty(), Registry::start());
    place.key("ci");
    let reference = patched(&registry);
    let elsewhere = format!("{}/evidence", registry.host());
    let (private, public) = (place.path("ci.key"), place.path("ci.pub"));
    let flag = ["--evidence-repository", elsewhere.as_str()];
    let predicate = place.write("predicate.json", "{}");
    let verify = ["verify", "--insecure-ignore-tlog", "--key", &public, &reference];
    let attested =
        ["verify-attestation", "--type", "custom", "--insecure-ignore-tlog", "--key", &public, &reference];
    let attest = ["attest", "--key", &private, "--type", "custom", "--predicate", &predicate, &reference];
    place.run(&[&["sign", "--key", &private, &reference], &flag[..]].concat()).exits(0);
    place.run(&[&attest, &flag[..]].concat()).exits(0);
    assert!(registry.requests_to("PUT */shop/orders/*").is_empty(), "nothing is written beside the image");
    for command in [&verify[..], &attested] {
        place.run(command).exits(10);
        place.run(&[command, &flag].concat()).exits(0);
        place.run_with(&[("PLIMSOLL_EVIDENCE_REPOSITORY", &elsewhere)], command).exits(0);
        // The flag comes before cosign's variable, and an empty one of ours names nothing.
        let other = format!("{}/other", registry.host());
        place.run_with(&[("COSIGN_REPOSITORY", &other)], &[command, &flag].concat()).exits(0);
        place.run_with(&[("COSIGN_REPOSITORY", &other)], command).exits(10);
        place.run(&[command, &["--evidence-repository", "no/such:repository:"]].concat()).exits(2);
        let settings = place.write("plimsoll.yaml", format!("evidence-repository: {elsewhere}\n"));
        place.run(&[command, &["--config", &settings]].concat()).exits(0);
    }
    // An unreachable repository is not one without signatures.
    place.run(&[&verify[..], &["--evidence-repository", "127.0.0.1:1/evidence"]].concat()).exits(6);
}

#[test]
fn a_bundle_is_shown_with_its_claims_marked_as_such() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    let bundle = place.run(&["evidence", "download", &reference]).exits(0).stdout;
    let file = place.write("b.json", bundle.trim_end());
    place.run(&["evidence", "inspect", &file]).exits(0).says("not verified").says("log entry  none");
    let claims = place.run(&["evidence", "inspect", "-o", "json", &file]).exits(0).json();
    assert_eq!(claims["verified"], false);
    // It is of the newest version: the same comes out, in its canonical form.
    let upgraded = place.run(&["evidence", "upgrade", &file]).exits(0).stdout;
    let same: Value = serde_json::from_str(&upgraded).unwrap();
    assert_eq!(same, serde_json::from_str::<Value>(&bundle).unwrap());
    let none = place.write("none.json", "{}");
    place.run(&["evidence", "inspect", &none]).exits(1);
    place.run(&["evidence", "upgrade", &none]).exits(1);
}

#[test]
fn a_registry_that_cannot_list_is_not_one_without_evidence() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    registry.misbehave("GET */manifests/sha256-*.sig", plimsoll_testkit::Fault::Status(403));
    place.run(&["evidence", "tree", &reference]).exits(3);
    let copy = registry.reference("copy", "1");
    place.run(&["evidence", "copy", &reference, &copy]).exits(3);
}

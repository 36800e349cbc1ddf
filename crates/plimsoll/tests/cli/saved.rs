//! `evidence save` and `load` with what `cosign load` reads and `cosign save` writes: images and indexes with bundles and
//! the older signatures and attestations.

use plimsoll_testkit::{IndexBuilder, Registry};
use serde_json::Value;

use crate::cosign::{SERVICES, cosign, prepare};
use crate::fixture::{Place, shop};

/// Signed and attested by cosign, in the form of today and in that of old; the name of the copy that is read.
fn signed(place: &Place, registry: &Registry, index: bool) -> Option<String> {
    signed_in(place, registry, index, &[true, false])
}

/// The same in one of the forms, or both: as bundles or not.
fn signed_in(place: &Place, registry: &Registry, index: bool, bundles: &[bool]) -> Option<String> {
    prepare(place)?;
    let first = shop("pymysql", "1.1.1").platform("linux/amd64");
    if index {
        let second = shop("pymysql", "1.1.2").platform("linux/arm64").build();
        IndexBuilder::new().image(first.build()).image(second).build().push(registry, "shop/orders", "1");
    } else {
        first.build().push(registry, "shop/orders", "1");
    }
    let name = registry.reference("shop/orders", "1");
    assert_eq!(cosign(place, &["generate-key-pair", "--output-key-prefix", "ci"]), Some(true));
    place.write("predicate.json", r#"{"a": 1}"#);
    let key = ["--key", "ci.key", "--yes"];
    let older = ["--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false"];
    let attest = ["attest", "--type", "https://example.com/p", "--predicate", "predicate.json"];
    for form in bundles.iter().map(|bundle| if *bundle { &SERVICES[..] } else { &older[..] }) {
        assert_eq!(cosign(place, &[&["sign"], &key[..], form, &[&name]].concat()), Some(true));
        assert_eq!(cosign(place, &[&attest[..], &key, form, &[&name]].concat()), Some(true));
    }
    Some(name)
}

/// Checks that signature and attestation exist in both forms, and are valid.
#[track_caller]
fn holds_all(place: &Place, subject: &str) {
    let key = place.path("ci.pub");
    let flags = ["--insecure-ignore-tlog", "--key", &key];
    place.run(&[&["verify"], &flags[..], &[subject]].concat()).exits(0);
    let attested = ["verify-attestation", "--type", "https://example.com/p"];
    place.run(&[&attested[..], &flags, &[subject]].concat()).exits(0);
    assert_eq!(kinds(place, subject), ["bundle", "bundle", "older-attestation", "older-signature"]);
}

/// What hangs on the image, in order of the kinds' names.
fn kinds(place: &Place, subject: &str) -> Vec<String> {
    let tree = place.run(&["evidence", "tree", "-o", "json", subject]).exits(0).json();
    let evidence = tree["images"][0]["evidence"].as_array().cloned().unwrap_or_default();
    let mut kinds: Vec<String> =
        evidence.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    kinds
}

const NEW: [&str; 2] = ["--trusted-root", "trusted.json"];
const OLDER: [&str; 1] = ["--new-bundle-format=false"];

/// That cosign accepts the signature of this form by itself.
#[track_caller]
fn cosign_accepts(place: &Place, image: &str, form: &[&str]) {
    let verify = ["verify", "--key", "ci.pub", "--insecure-ignore-tlog"];
    assert_eq!(cosign(place, &[&verify[..], form, &[image]].concat()), Some(true), "{form:?}");
}

#[test]
fn images_saved_by_cosign_are_read_and_loaded() {
    for index in [false, true] {
        let (place, registry) = (Place::empty(), Registry::start());
        let Some(name) = signed(&place, &registry, index) else { return };
        holds_all(&place, &name);
        assert_eq!(cosign(&place, &["save", "--dir", "saved", &name]), Some(true));
        drop(registry);
        let folder = place.path("saved");
        holds_all(&place, &format!("oci:{folder}"));
        let inside = Registry::builder().referrers_api(false).start();
        let copy = inside.reference("prod/orders", "1");
        place.run(&["evidence", "load", &folder, &copy]).exits(0).says("2 referrers, 2 older tags");
        holds_all(&place, &copy);
        cosign_accepts(&place, &copy, &NEW);
        cosign_accepts(&place, &copy, &OLDER);
        // What is attached to such a layout is found beside what lay there.
        let subject = format!("oci:{folder}");
        place.key("other");
        place.run(&["sign", "--key", &place.path("other.key"), &subject]).exits(0);
        let more = ["bundle", "bundle", "bundle", "older-attestation", "older-signature"];
        assert_eq!(kinds(&place, &subject), more);
    }
}

/// Of bundles and older attestations together `cosign load` loads the second alone, also from its own layouts. And it writes
/// a bundle's manifest before the bundle, which registries refuse that look whether the blobs are there: here they are.
#[test]
fn cosign_loads_images_that_are_saved_here() {
    for (index, bundles, arrives) in [
        (false, &[true][..], &["bundle", "bundle"][..]),
        (true, &[true], &["bundle", "bundle"]),
        (false, &[true, false], &["older-attestation", "older-signature"]),
        (true, &[false], &["older-attestation", "older-signature"]),
    ] {
        let (place, registry) = (Place::empty(), Registry::start());
        let Some(name) = signed_in(&place, &registry, index, bundles) else { return };
        let folder = place.path("ours");
        place.run(&["evidence", "save", &name, &folder]).exits(0);
        drop(registry);
        let inside = Registry::start();
        let copy = inside.reference("prod/orders", "1");
        for blob in std::fs::read_dir(place.path("ours/blobs/sha256")).unwrap() {
            inside.add_blob("prod/orders", std::fs::read(blob.unwrap().path()).unwrap());
        }
        assert_eq!(cosign(&place, &["load", "--dir", "ours", &copy]), Some(true));
        assert_eq!(kinds(&place, &copy), arrives);
        let form = if arrives[0] == "bundle" { &NEW[..] } else { &OLDER };
        cosign_accepts(&place, &copy, form);
        // Another image under the same name takes the marks along, and leaves none behind.
        let next = Registry::start();
        shop("pymysql", "1.1.3").build().push(&next, "shop/orders", "1");
        let other = next.reference("shop/orders", "1");
        place.run(&["evidence", "save", &other, &folder]).exits(0);
        let written = std::fs::read(place.path("ours/index.json")).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        let marked: Vec<&Value> = written["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["annotations"]["kind"].is_string())
            .collect();
        assert_eq!(marked.len(), 1, "{written}");
        assert_eq!(marked[0]["annotations"]["org.opencontainers.image.ref.name"], "1");
    }
}

/// Nothing but the older form vouches for the image, in the layout and in the registry that it is loaded into.
#[test]
fn the_older_form_alone_is_read_from_what_cosign_saved() {
    for index in [false, true] {
        let (place, registry) = (Place::empty(), Registry::start());
        let Some(name) = signed_in(&place, &registry, index, &[false]) else { return };
        assert_eq!(cosign(&place, &["save", "--dir", "saved", &name]), Some(true));
        drop(registry);
        let inside = Registry::start();
        let (folder, copy) = (place.path("saved"), inside.reference("prod/orders", "1"));
        place.run(&["evidence", "load", &folder, &copy]).exits(0).says("0 referrers, 2 older tags");
        let key = place.path("ci.pub");
        place.key("other");
        for subject in [&format!("oci:{folder}"), &copy] {
            let verify = |key: &str| place.run(&["verify", "--insecure-ignore-tlog", "--key", key, subject]);
            verify(&key).exits(0);
            verify(&place.path("other.pub")).exits(10);
            let attested = ["verify-attestation", "--type", "https://example.com/p", "--key", &key];
            place.run(&[&attested[..], &["--insecure-ignore-tlog", subject]].concat()).exits(0);
        }
    }
}

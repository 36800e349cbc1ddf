//! `sign`, `key`, and what `check` makes of signatures.

mod attest;
mod blob;
mod conformance;
mod keyless;
mod verify;

use plimsoll_testkit::{Object, ObjectKind, Registry, attachment};

use crate::fixture::{Place, digest_of, patched, pushed, shop};

/// Attaches `bytes` to an image of [`pushed`], as a bundle.
pub(crate) fn attach(registry: &Registry, reference: &str, bytes: &[u8]) {
    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let subject = Object {
        kind: ObjectKind::Manifest,
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: registry.manifest("shop/orders", digest_of(reference)).unwrap(),
    };
    attachment(&subject, BUNDLE, BUNDLE, bytes).push_by_digest(registry, "shop/orders");
}

fn policy(place: &Place) -> String {
    place.write(
        "policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: shop}\nspec:\n  phase: pilot\n  signatures:\n    \
         required: true\n    anyOf:\n      - {name: ci, key: {file: ci.pub}}\n",
    )
}

#[test]
fn an_image_counts_as_signed_by_the_right_key_only() {
    for api in [true, false] {
        let (place, registry) = (Place::new(), Registry::builder().referrers_api(api).start());
        place.key("ci");
        place.key("other");
        let (policy, reference) = (policy(&place), patched(&registry));
        place.check(&[&reference, "--policy", &policy]).exits(10).says("FAIL     signatures").says("hint:");
        place.run(&["sign", "--key", &place.path("other.key"), &reference]).exits(0);
        place.check(&[&reference, "--policy", &policy]).exits(10).says("FAIL     signatures");
        place
            .run(&["sign", "--key", &place.path("ci.key"), &reference, "-a", "commit=4f2c"])
            .exits(0)
            .says(digest_of(&reference));
        place
            .check(&[&reference, "--policy", &policy])
            .exits(0)
            .says("signed by ci")
            .says("not checked: transparency log");
    }
}

#[test]
fn a_signature_holds_for_its_own_image_only() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let (policy, signed) = (policy(&place), patched(&registry));
    place.run(&["sign", "--key", &place.path("ci.key"), &signed]).exits(0);
    let other = pushed(&registry, &shop("pymysql", "1.1.2").build(), "3.0");
    place.check(&[&other, "--policy", &policy]).exits(10);
}

#[test]
fn a_signature_on_the_index_covers_its_platforms() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let index = plimsoll_testkit::IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.2").platform("linux/arm64").build())
        .build();
    let (policy, reference) = (policy(&place), pushed(&registry, &index, "multi"));
    place.run(&["sign", "--key", &place.path("ci.key"), &reference, "--platform", "linux/amd64"]).exits(0);
    place.check(&[&reference, "--policy", &policy]).exits(10);
    place.check(&[&reference, "--policy", &policy, "--platform", "linux/amd64"]).exits(0);
    place.run(&["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
    place.check(&[&reference, "--policy", &policy]).exits(0);
}

#[test]
fn layouts_carry_signatures_too() {
    let place = Place::new();
    place.key("ci");
    let image = shop("pymysql", "1.1.1").build();
    image.write_layout(&place.root().join("layout"), Some("2.0"));
    let (policy, subject) = (policy(&place), format!("oci:{}:2.0", place.path("layout")));
    place.check(&[&subject, "--policy", &policy]).exits(10);
    place.run(&["sign", "--key", &place.path("ci.key"), &subject]).exits(0);
    place.check(&[&subject, "--policy", &policy]).exits(0).says("signed by ci");
}

#[test]
fn keys_can_have_a_passphrase() {
    let (place, registry) = (Place::new(), Registry::start());
    let (key, reference) = (place.path("ci.key"), patched(&registry));
    let secret = [("PLIMSOLL_KEY_PASSPHRASE", "correct horse")];
    place.run_with(&secret, &["key", "generate", &place.path("ci")]).exits(0).says("encrypted");
    assert!(std::fs::read_to_string(&key).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    place.run_with(&secret, &["sign", "--key", &key, &reference]).exits(0);
    let wrong = [("PLIMSOLL_KEY_PASSPHRASE", "battery staple")];
    place.run_with(&wrong, &["sign", "--key", &key, &reference]).exits(3).says("passphrase");
    place.run(&["sign", "--key", &key, &reference]).exits(2).says("PLIMSOLL_KEY_PASSPHRASE");
    let public = place.run_with(&secret, &["key", "public", &key]).exits(0).stdout;
    assert_eq!(public, std::fs::read_to_string(place.path("ci.pub")).unwrap());
}

#[test]
fn key_files_are_never_overwritten() {
    let place = Place::empty();
    place.key("ci");
    let before = std::fs::read(place.path("ci.key")).unwrap();
    place.run(&["key", "generate", "--no-passphrase", &place.path("ci")]).exits(5).says("exists already");
    assert_eq!(std::fs::read(place.path("ci.key")).unwrap(), before);
    place.run(&["key", "generate", &place.path("new")]).exits(2).says("--no-passphrase");
}

//! `verify` by key: what is accepted, what is not, and how each ends.

use plimsoll_testkit::{Fault, IndexBuilder, Registry};

use super::attach;
use crate::fixture::{Place, Run, digest_of, patched, pushed, shop};

const NO_LOG: &str = "--insecure-ignore-tlog";

/// A place with the key pairs `a` and `b`, and an image that `a` has signed.
fn signed(registry: &Registry) -> (Place, String) {
    let (place, reference) = (Place::empty(), patched(registry));
    place.key("a");
    place.key("b");
    place.run(&["sign", "--key", &place.path("a.key"), &reference, "-a", "commit=4f2c"]).exits(0);
    (place, reference)
}

impl Place {
    /// `verify` with these public keys, without a log.
    pub(super) fn verify(&self, keys: &[&str], arguments: &[&str]) -> Run {
        let keys: Vec<String> = keys.iter().map(|key| self.path(&format!("{key}.pub"))).collect();
        let mut all = vec!["verify", NO_LOG];
        for key in &keys {
            all.extend(["--key", key]);
        }
        all.extend(arguments);
        self.run(&all)
    }
}

#[test]
fn an_image_is_verified_by_the_right_key_only() {
    for api in [true, false] {
        let registry = Registry::builder().referrers_api(api).start();
        let (place, reference) = signed(&registry);
        let run = place.verify(&["a"], &[&reference]).exits(0).says("VERIFIED").says(digest_of(&reference));
        run.says("not checked: transparency log, signing time").says("commit=4f2c");
        // The tag leads to the same digest, which is the one that is printed.
        let tag = registry.reference("shop/orders", "2.0");
        place.verify(&["a"], &[&tag]).exits(0).says(digest_of(&reference));
        place
            .verify(&["b"], &[&reference])
            .exits(10)
            .says("step 10 (signature)")
            .keeps_quiet_about("NOT VERIFIED");
        // One of several keys is enough, and so is one of several subjects' failures for the whole run.
        place.verify(&["b", "a"], &[&reference]).exits(0);
        let other = pushed(&registry, &shop("pymysql", "1.1.2").build(), "3.0");
        place.verify(&["a"], &[&reference, &other]).exits(10).says("no signature of").says("plimsoll sign");
    }
}

#[test]
fn without_a_log_it_has_to_be_said_that_none_is_expected() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let key = place.path("a.pub");
    place
        .run(&["verify", "--key", &key, &reference])
        .exits(10)
        .says("step 8 (inclusion in the log)")
        .says("hint: if there is no log, use --insecure-ignore-tlog");
    place.run(&["verify", "--key", &key, "--insecure-ignore-tlog=false", &reference]).exits(10);
    place.run(&["verify", "--key", &key, "--insecure-ignore-tlog=true", &reference]).exits(0);
    // A timestamp that was asked for is not there.
    place.verify(&["a"], &["--use-signed-timestamps", &reference]).exits(10).says("timestamp");
    place.verify(&["a"], &["--timestamps", "2", &reference]).exits(10);
}

#[test]
fn no_trusted_signer_or_half_an_identity_is_a_usage_error() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let key = place.path("a.pub");
    for (flags, says) in [
        (vec![], "no trusted key or identity"),
        (vec!["--certificate-identity", "a@example.com"], "no issuer"),
        (vec!["--certificate-oidc-issuer", "https://issuer.example"], "no subject"),
        (vec!["--certificate-identity", "", "--certificate-oidc-issuer", "https://issuer.example"], "empty"),
        (vec!["--certificate-identity-regexp", "(", "--certificate-oidc-issuer", "x"], "pattern"),
        (vec!["--key", &key, "--certificate-identity", "a", "--certificate-oidc-issuer", "b"], "one of them"),
        (vec!["--key", &key, "--certificate-claim", "source-ref=x"], "certificates"),
        (vec!["--key", &key, "--certificate-claim", "sauce-ref=x"], "claim"),
        (vec!["--key", &key, "--threshold", "0"], "--threshold"),
        (vec!["--key", &key, "--threshold", "2"], "can never be satisfied"),
        (vec!["--key", &key, "--key", &key, "--threshold", "2"], "can never be satisfied"),
    ] {
        let mut all = vec!["verify", NO_LOG];
        all.extend(flags);
        all.push(&reference);
        place.run(&all).exits(2).says(says);
    }
    place.run(&["verify", NO_LOG, "--key", &place.path("none.pub"), &reference]).exits(4);
    place.run(&["verify", NO_LOG, "--key", &place.path("a.key"), &reference]).exits(2).says("private key");
}

#[test]
fn annotations_have_to_be_signed_along() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    place.verify(&["a"], &[&reference, "-a", "commit=4f2c"]).exits(0);
    place.verify(&["a"], &[&reference, "--annotations", "commit=4f2c"]).exits(0);
    place
        .verify(&["a"], &[&reference, "-a", "commit=0000"])
        .exits(10)
        .says("annotation commit: got \"4f2c\"");
    place
        .verify(&["a"], &[&reference, "-a", "commit=4f2c", "-a", "team=x"])
        .exits(10)
        .says("team: got nothing");
}

#[test]
fn a_threshold_counts_signers_not_signatures() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let two = ["--threshold", "2", reference.as_str()];
    place.run(&["sign", "--key", &place.path("a.key"), &reference, "-a", "again=1"]).exits(0);
    place.verify(&["a", "b"], &two).exits(10).says("1 of 2 signers");
    place.run(&["sign", "--key", &place.path("b.key"), &reference]).exits(0);
    place.verify(&["a", "b"], &two).exits(0);
    place.verify(&["a"], &["--threshold", "2", &reference]).exits(2);
}

#[test]
fn junk_beside_a_good_signature_changes_nothing_and_is_listed() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    place.run(&["sign", "--key", &place.path("b.key"), &reference]).exits(0);
    attach(&registry, &reference, b"{\"mediaType\": 1}");
    place.verify(&["a"], &[&reference]).exits(0).keeps_quiet_about("refused");
    let run = place.verify(&["a"], &[&reference, "-v"]).exits(0);
    assert_eq!(run.stdout.matches("refused").count(), 2, "{}", run.stdout);
    let run = place.verify(&["a"], &[&reference, "--explain"]).exits(0).says("guards against");
    run.says("valid under key").says("1 verification material");
}

#[test]
fn recursive_asks_for_the_index_and_for_every_platform() {
    let (place, registry) = (Place::empty(), Registry::start());
    place.key("a");
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.2").platform("linux/arm64").build())
        .build();
    let (reference, key) = (pushed(&registry, &index, "multi"), place.path("a.key"));
    place.run(&["sign", "--key", &key, &reference]).exits(0);
    place.verify(&["a"], &[&reference]).exits(0);
    place.verify(&["a"], &["--recursive", &reference]).exits(10);
    place.verify(&["a"], &["--platform", "linux/arm64", &reference]).exits(10);
    place.run(&["sign", "--key", &key, "-r", &reference]).exits(0).says("linux/arm64").says("linux/amd64");
    let run = place.verify(&["a"], &["-r", &reference]).exits(0);
    assert_eq!(run.stdout.matches("VERIFIED").count(), 3, "{}", run.stdout);
    place.verify(&["a"], &["--platform", "linux/arm64", &reference]).exits(0).says("linux/arm64");
}

#[test]
fn trouble_on_the_way_is_never_no_signature() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let (short, cosign) = (["--timeout", "2s"], "--cosign-exit-codes");
    for (pattern, fault, code) in [
        ("GET */referrers/*", Fault::Status(500), 6),
        ("GET */referrers/*", Fault::Status(429), 6),
        ("GET */referrers/*", Fault::Status(401), 3),
        ("GET */blobs/*", Fault::Status(500), 6),
        ("GET */blobs/*", Fault::Close, 6),
    ] {
        registry.misbehave(pattern, fault);
        place.verify(&["a"], &[short[0], short[1], &reference]).exits(code).keeps_quiet_about("no signature");
        place.verify(&["a"], &[short[0], short[1], cosign, &reference]).exits(1);
        registry.behave();
    }
    let host = registry.host();
    registry.stop();
    place.verify(&["a"], &[short[0], short[1], &reference]).exits(6).says(&host);
}

#[test]
fn an_image_that_is_not_there_is_not_an_unsigned_one() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let gone = reference.replace(digest_of(&reference), &format!("sha256:{}", "0".repeat(64)));
    place.verify(&["a"], &[&gone]).exits(4);
    place.verify(&["a"], &[&registry.reference("shop/orders", "9.9")]).exits(4);
    place.verify(&["a"], &["dir:/"]).exits(2).says("cannot store a signature");
    place.verify(&["a"], &["--offline", &reference]).keeps_quiet_about("no signature").says("offline");
}

#[test]
fn exit_codes_can_be_cosigns() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let unsigned = pushed(&registry, &shop("pymysql", "1.1.2").build(), "3.0");
    let (codes, tag) = ("--cosign-exit-codes", registry.reference("shop/orders", "9.9"));
    place.verify(&["a"], &[codes, &reference]).exits(0);
    place.verify(&["a"], &[codes, &unsigned]).exits(10);
    place.verify(&["a"], &[codes, &tag]).exits(11);
    place.verify(&["b"], &[codes, &reference]).exits(12);
    let identity =
        ["--certificate-identity", "a@example.com", "--certificate-oidc-issuer", "https://issuer.example"];
    let mut all = vec!["verify", codes, &reference];
    all.extend(identity);
    place.run(&all).exits(13).says("public key");
}

#[test]
fn layouts_are_verified_without_a_network() {
    let place = Place::empty();
    place.key("a");
    shop("pymysql", "1.1.1").build().write_layout(&place.root().join("layout"), Some("2.0"));
    let subject = format!("oci:{}:2.0", place.path("layout"));
    place.verify(&["a"], &["--offline", &subject]).exits(10).says("no signature");
    place.run(&["sign", "--key", &place.path("a.key"), &subject]).exits(0);
    place.verify(&["a"], &["--offline", &subject]).exits(0).says("VERIFIED");
}

#[test]
fn results_are_for_programs_too() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let run = place.verify(&["a"], &["-o", "text", &reference]).exits(0);
    assert!(run.stdout.starts_with(&reference) && run.stdout.contains("\tkey "), "{}", run.stdout);
    assert!(run.stderr.contains("not checked: signing time, transparency log"), "{}", run.stderr);
    let json = place.verify(&["a"], &["-o", "json", &reference]).exits(0).json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/verify/v1");
    let proof = &json["results"][0]["proofs"][0];
    assert_eq!(proof["annotations"]["commit"], "4f2c");
    assert_eq!(proof["notChecked"][0], "transparency log");
    let json = place.verify(&["b"], &["-o", "json", &reference]).exits(10).json();
    assert_eq!(json["results"][0]["verified"], false);
    assert_eq!(json["results"][0]["refused"][0]["step"], "signature");
    assert_eq!(json["results"][0]["error"]["exitCode"], 10);
}

#[test]
fn a_signature_can_stay_in_a_file() {
    let registry = Registry::start();
    let (place, reference) = (Place::empty(), patched(&registry));
    place.key("a");
    let (key, file) = (place.path("a.key"), place.path("out.json"));
    place.run(&["sign", "--key", &key, "--upload=false", &reference]).exits(2).says("--bundle");
    place.run(&["sign", "--key", &key, "--bundle", &file, &reference, &reference]).exits(2).says("one file");
    for no_upload in ["--upload=false", "--no-upload"] {
        place
            .run(&["sign", "--key", &key, "--bundle", &file, "--force", no_upload, &reference])
            .exits(0)
            .says("nothing was attached");
        let bundle = std::fs::read_to_string(&file).unwrap();
        assert!(bundle.contains("dsseEnvelope"), "{bundle}");
        place.verify(&["a"], &[&reference]).exits(10).says("no signature");
    }
    place.run(&["sign", "--key", &key, "--bundle", &file, &reference]).exits(5).says("--force");
    place.run(&["sign", "--key", &key, "--bundle", &file, "--force", &reference]).exits(0);
    place.verify(&["a"], &[&reference]).exits(0);
}

#[test]
fn an_image_named_by_digest_is_not_asked_for_itself() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let image = format!("*/manifests/{}", digest_of(&reference));
    registry.clear_requests();
    place.verify(&["a"], &[&reference]).exits(0);
    assert!(registry.requests_to(&image).is_empty(), "{:#?}", registry.requests());
    place.verify(&["a"], &[&registry.reference("shop/orders", "2.0")]).exits(0);
    assert_eq!(registry.requests_to("*/manifests/2.0").len(), 1, "{:#?}", registry.requests());
}

#[test]
fn text_of_a_signer_cannot_control_the_terminal() {
    let registry = Registry::start();
    let (place, reference) = signed(&registry);
    let hostile = "note=\u{1b}[2J\u{202e}VERIFIED";
    place.run(&["sign", "--key", &place.path("a.key"), &reference, "-a", hostile]).exits(0);
    let run = place.verify(&["a"], &[&reference, "--explain"]).exits(0).says("note=");
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stdout);
    let run = place.verify(&["a"], &[&reference, "-a", "note=x", "-v"]).exits(10);
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']) && !run.stderr.contains('\u{1b}'), "{run:?}");
}

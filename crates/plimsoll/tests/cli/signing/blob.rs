//! `sign-blob`, `verify-blob`, `attest-blob`, `verify-blob-attestation`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Algorithm, Digest};

use crate::fixture::{Place, Run};

const CONTENT: &[u8] = b"#!/bin/sh\necho released\n";

struct Blob {
    place: Place,
    file: String,
    bundle: String,
}

impl Blob {
    /// A file that `a` has signed; the key `b` is somebody else's.
    fn signed() -> Self {
        let place = Place::empty();
        place.key("a");
        place.key("b");
        let (file, bundle) = (place.write("app.sh", CONTENT), place.path("app.sigstore.json"));
        place.run(&["sign-blob", "--key", &place.path("a.key"), "--bundle", &bundle, &file]).exits(0);
        Self { place, file, bundle }
    }

    fn verify(&self, arguments: &[&str]) -> Run {
        let key = self.place.path("a.pub");
        let mut all = vec!["verify-blob", "--insecure-ignore-tlog", "--key", &key];
        all.extend(arguments);
        self.place.run(&all)
    }
}

#[test]
fn a_file_is_verified_by_bytes_digest_and_standard_input() {
    let blob = Blob::signed();
    let (digest, key) = (Digest::sha256(CONTENT).to_string(), blob.place.path("a.pub"));
    blob.verify(&["--bundle", &blob.bundle, &blob.file]).exits(0).says("VERIFIED").says(&digest);
    blob.verify(&["--bundle", &blob.bundle, &digest]).exits(0).says("not checked");
    let all = ["verify-blob", "--insecure-ignore-tlog", "--key", &key, "--bundle", &blob.bundle, "-"];
    blob.place.run_fed(CONTENT, &all).exits(0);
    blob.place.run_fed(b"other", &all).exits(10);
    let json =
        blob.verify(&["--bundle", &blob.bundle, &blob.file, "-o", "json", "--explain"]).exits(0).json();
    assert_eq!(json["results"][0]["digest"], digest.as_str());
    assert_eq!(json["results"][0]["proofs"][0]["steps"][0]["step"], "material");
}

#[test]
fn other_bytes_another_key_or_a_changed_bundle_are_refused() {
    let blob = Blob::signed();
    let other = blob.place.write("other.sh", b"#!/bin/sh\nrm -rf /\n");
    blob.verify(&["--bundle", &blob.bundle, &other]).exits(10);
    blob.verify(&["--bundle", &blob.bundle, &Digest::sha256(b"x").to_string()]).exits(10);
    let key = blob.place.path("b.pub");
    let all = ["verify-blob", "--insecure-ignore-tlog", "--key", &key, "--bundle", &blob.bundle, &blob.file];
    blob.place.run(&all).exits(10).says("signature");
    blob.verify(&["--bundle", &blob.place.write("none.json", "{}"), &blob.file]).exits(1);
    blob.verify(&["--bundle", &blob.place.path("gone.json"), &blob.file]).exits(4);
    blob.verify(&["--bundle", &blob.bundle, &blob.place.path("gone.sh")]).exits(4);
    blob.verify(&[&blob.file]).exits(2).says("--bundle");
    // Without the flag, a signature without a log entry is not enough.
    let key = blob.place.path("a.pub");
    blob.place
        .run(&["verify-blob", "--key", &key, "--bundle", &blob.bundle, &blob.file])
        .exits(10)
        .says("tlog");
}

#[test]
fn a_file_from_standard_input_is_signed_to_standard_output() {
    let blob = Blob::signed();
    let key = blob.place.path("a.key");
    let large = vec![7; 3 << 20];
    let run = blob.place.run_fed(&large, &["sign-blob", "--key", &key, "-"]).exits(0);
    let bundle = blob.place.write("large.json", &run.stdout);
    let file = blob.place.write("large", &large);
    blob.verify(&["--bundle", &bundle, &file]).exits(0);
    let digest = Digest::sha256(&large).to_string();
    blob.place.run(&["sign-blob", "--key", &key, &digest]).exits(4).says("bytes, not by a digest");
}

#[test]
fn signatures_without_bundle_are_read_and_written() {
    let blob = Blob::signed();
    let (key, signature) = (blob.place.path("a.key"), blob.place.path("app.sig"));
    let bundle = blob.place.path("again.json");
    let all = ["sign-blob", "--key", &key, "--bundle", &bundle, "--output-signature", &signature, &blob.file];
    blob.place.run(&all).exits(0);
    blob.verify(&["--signature", &signature, &blob.file])
        .exits(0)
        .says("not checked: transparency log, signing time");
    blob.verify(&["--signature", &signature, &Digest::sha256(CONTENT).to_string()]).exits(0);
    let raw = STANDARD.decode(std::fs::read(&signature).unwrap()).unwrap();
    blob.verify(&["--signature", &blob.place.write("raw.sig", raw), &blob.file]).exits(0);
    let other = blob.place.write("other.sh", b"other");
    blob.verify(&["--signature", &signature, &other]).exits(10);
    blob.verify(&["--signature", &blob.place.write("empty.sig", ""), &blob.file]).exits(1).says("0 bytes");
    let key = blob.place.path("a.pub");
    blob.place
        .run(&["verify-blob", "--key", &key, "--signature", &signature, &blob.file])
        .exits(10)
        .says("tlog");
    let identity = ["--certificate-identity", "x", "--certificate-oidc-issuer", "y"];
    let mut all = vec!["verify-blob", "--signature", &signature, &blob.file];
    all.extend(identity);
    blob.place.run(&all).exits(2).says("--key");
}

#[test]
fn a_statement_about_a_file_is_not_its_signature_and_the_other_way_round() {
    let blob = Blob::signed();
    let place = &blob.place;
    let (private, public) = (place.path("a.key"), place.path("a.pub"));
    let predicate = place.write("p.json", r#"{"builder": "ci"}"#);
    let att = place.path("app.att.json");
    let attest = ["attest-blob", "--key", &private, "--type", "https://example.com/p/v1"];
    let rest = ["--predicate", &predicate, "--bundle", &att, &blob.file];
    place.run(&[&attest[..], &rest[..]].concat()).exits(0);

    let verify = |kind: &str, bundle: &str, rest: &[&str]| {
        let flags = ["verify-blob-attestation", "--insecure-ignore-tlog", "--key", &public, "--type", kind];
        place.run(&[&flags[..], &["--bundle", bundle], rest].concat())
    };
    let kind = "https://example.com/p/v1";
    let statement = verify(kind, &att, &[&blob.file]).exits(0).json();
    assert_eq!(statement["predicate"]["builder"], "ci");
    assert_eq!(statement["subject"][0]["name"], "app.sh");
    let digest = Digest::sha256(CONTENT);
    verify(kind, &att, &["--digest", &digest.hex(), "--digestAlg", "sha256"]).exits(0);
    verify(kind, &att, &[&digest.to_string()]).exits(0);
    verify(kind, &att, &["--digest", &digest.hex(), "--digest-alg", "sha512"]).exits(2);
    verify(kind, &att, &["--digest", &Digest::sha256(b"x").hex()]).exits(10).says("artifact");
    verify("custom", &att, &[&blob.file]).exits(10).says("expected custom");
    verify(kind, &att, &[&place.write("other", "x")]).exits(10);
    verify(kind, &blob.bundle, &[&blob.file]).exits(10).says("verify-blob");
    blob.verify(&["--bundle", &att, &blob.file]).exits(10).says("verify-blob-attestation");
}

/// In-toto knows files by SHA-384 too; OCI does not, so that no image has such a digest.
#[test]
fn a_file_is_known_by_its_sha384_and_no_image_is() {
    let blob = Blob::signed();
    let (place, key, public) = (&blob.place, blob.place.path("a.key"), blob.place.path("a.pub"));
    let digest = Digest::compute(Algorithm::Sha384, CONTENT);
    let attest = |name: &str, digests: &serde_json::Value| {
        let statement = place.write(
            &format!("{name}.statement"),
            serde_json::json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p",
                "subject": [{"name": "app.sh", "digest": digests}], "predicate": {}})
            .to_string(),
        );
        let bundle = place.path(name);
        let run = place.run(&[
            "attest-blob",
            "--key",
            &key,
            "--statement",
            &statement,
            "--bundle",
            &bundle,
            &blob.file,
        ]);
        (run, bundle)
    };
    let verify = |bundle: &str, artifact: &[&str]| {
        let flags = ["verify-blob-attestation", "--insecure-ignore-tlog", "--key", &public];
        place.run(&[&flags[..], &["--type", "https://example.com/p", "--bundle", bundle], artifact].concat())
    };
    let (run, bundle) = attest("sha384", &serde_json::json!({"sha384": digest.hex()}));
    run.exits(0);
    verify(&bundle, &[&blob.file]).exits(0);
    verify(&bundle, &[&digest.to_string()]).exits(0);
    verify(&bundle, &["--digest", &digest.hex(), "--digest-alg", "sha384"]).exits(0);
    verify(&bundle, &[&place.write("other", "x")]).exits(10).says("step 13 (artifact)");
    let other = Digest::compute(Algorithm::Sha384, b"x");
    verify(&bundle, &["--digest", &other.hex(), "--digest-alg", "sha384"]).exits(10).says("artifact");
    verify(&bundle, &[&Digest::sha256(CONTENT).to_string()]).exits(10).says("artifact");

    // One file's SHA-384 beside another's SHA-256.
    let two = serde_json::json!({"sha384": digest.hex(), "sha256": Digest::sha256(b"x").hex()});
    let (run, bundle) = attest("two", &two);
    run.exits(0);
    verify(&bundle, &[&blob.file]).exits(10).says("a subject whose sha256 is another file's");

    let (sha1, cut) = ("a9993e364706816aba3e25717850c26c9cd0d89d", &digest.hex()[..95]);
    let refused = |artifact: &[&str], said: &str| {
        verify(&bundle, artifact).exits(2).says(said);
    };
    refused(&[&format!("sha1:{sha1}")], "`sha1` is not supported, expected sha256, sha384 or sha512");
    refused(&["--digest", sha1, "--digest-alg", "sha1"], "`sha1` is not supported");
    refused(&[&format!("sha384:{cut}")], "sha384 digest needs 96 lower-case hex digits");
    refused(&["--digest", cut, "--digest-alg", "sha384"], "sha384 digest needs 96 lower-case hex digits");
    // A file of that name is a file.
    let named = place.write("sha1:aaaaaaaa", CONTENT);
    verify(&bundle, &[&named]).exits(10);
    let image = format!("localhost:1/app@{digest}");
    place
        .run(&["verify", "--insecure-ignore-tlog", "--key", &public, &image])
        .exits(2)
        .says("digest algorithm `sha384` is not supported, expected sha256 or sha512");
}

/// An SBOM of seven MiB is an ordinary one: it is signed and verified without a flag, and a limit that is set reaches whatever
/// reads it.
#[test]
fn a_limit_on_attestations_holds_for_whoever_reads_them_and_ordinary_ones_need_no_flag() {
    let blob = Blob::signed();
    let (place, att) = (&blob.place, blob.place.path("att.sigstore.json"));
    let (key, public) = (place.path("a.key"), place.path("a.pub"));
    let predicate = place.write("large.txt", "x".repeat(7 << 20));
    let attest = ["attest-blob", "--key", &key, "--type", "custom", "--predicate", &predicate];
    place.run(&[&attest[..], &["--bundle", &att, &blob.file]].concat()).exits(0);
    let verify = ["verify-blob-attestation", "--insecure-ignore-tlog", "--key", &public, "--type", "custom"];
    let verify = |more: &[&str]| place.run(&[&verify[..], &["--bundle", &att, &blob.file], more].concat());
    assert!(verify(&[]).exits(0).stdout.len() > 7 << 20);
    // A file that is too large for its limit is a mistake in the arguments; what is in it is not.
    for (limit, verifies, attests) in [("bundle_bytes", 2, 1), ("statement_bytes", 1, 2)] {
        let set = format!("{limit}=6MiB");
        verify(&["--limit", &set]).exits(verifies).says(&format!("--limit {limit}=…"));
        place
            .run(&[&attest[..], &["--bundle", &place.path("new.json"), &blob.file, "--limit", &set]].concat())
            .exits(attests)
            .says(&format!("--limit {limit}=…"));
    }
}

/// Whoever may have a file signed must not get an image, a token or a repository's metadata signed with it.
#[test]
fn a_file_that_another_protocol_would_take_as_signed_is_signed_only_when_told() {
    let blob = Blob::signed();
    let key = blob.place.path("a.key");
    let image =
        format!(r#"{{"critical":{{"image":{{"docker-manifest-digest":"sha256:{}"}}}}}}"#, "0".repeat(64));
    for (name, content, said) in [
        ("simple.json", image.as_str(), "would also be one of an image"),
        ("root.json", r#"{"_type":"root","spec_version":"1.0.0"}"#, "TUF metadata"),
        ("statement", "DSSEv1 28 application/vnd.in-toto+json 2 {}", "DSSE envelope"),
    ] {
        let file = blob.place.write(name, content);
        let bundle = blob.place.path(&format!("{name}.bundle"));
        let sign = ["sign-blob", "--key", &key, "--bundle", &bundle, &file];
        blob.place.run(&sign).exits(2).says(said).says("--allow-signed-form");
        assert!(!std::path::Path::new(&bundle).exists());
        blob.place.run(&[&sign[..], &["--allow-signed-form"]].concat()).exits(0);
    }
}

//! Signing with a certificate, a log and timestamps instead of a key, against an instance on loopback.

use plimsoll_testkit::Registry;
use plimsoll_testkit::sigstore::server::REQUEST_TOKEN;
use plimsoll_testkit::sigstore::{Leaf, Server};
use serde_json::json;

use crate::fixture::{Place, patched};

/// A place with the files of an instance: `signing.json`, `trusted.json`, a token, and a file to sign.
fn place(server: &Server, log: u8) -> Place {
    let place = Place::new();
    place.write("signing.json", server.signing_config(&[log]).to_string());
    place.write("trusted.json", server.trusted_root().to_string());
    place.write("token", server.token(&json!({"sub": Leaf::default().subject})));
    place.write("file", "the file");
    place
}

#[test]
fn a_file_and_an_image_are_signed_without_a_key_and_verified_by_identity() {
    let (server, registry) = (Server::start(), Registry::start());
    let (subject, issuer, image) = (Leaf::default().subject, server.url(), patched(&registry));
    for log in [1, 2] {
        let place = place(&server, log);
        let path = |name: &str| place.path(name);
        let config = path("signing.json");
        let root = path("trusted.json");
        let services = ["--signing-config", &config, "--trusted-root", &root];
        let who = [
            "--trusted-root",
            &root,
            "--certificate-identity",
            &subject,
            "--certificate-oidc-issuer",
            &issuer,
        ];
        let (file, bundle, token) = (path("file"), path("bundle.json"), path("token"));

        let signed = ["sign-blob", "--identity-token", &token, "--bundle", &bundle, &file];
        place.run(&[&signed, &services[..]].concat()).exits(0).says("certificate for").says(&subject);
        place.run(&[&["verify-blob", "--bundle", &bundle, &file], &who[..]].concat()).exits(0);
        place.write("file", "another");
        place.run(&[&["verify-blob", "--bundle", &bundle, &file], &who[..]].concat()).exits(10);

        // As in a CI job that may ask for a token.
        let ambient = server.ambient_url();
        let job = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", ambient.as_str()),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
        ];
        place
            .run_with(&job, &[&["sign", &image], &services[..]].concat())
            .exits(0)
            .keeps_quiet_about(REQUEST_TOKEN);
        place.run(&[&["verify", &image], &who[..]].concat()).exits(0).says(&subject);
    }
}

#[test]
fn attestations_of_files_and_images_are_made_without_a_key_and_verified_by_identity() {
    let (server, registry) = (Server::start(), Registry::start());
    let (subject, issuer, image) = (Leaf::default().subject, server.url(), patched(&registry));
    for log in [1, 2] {
        let place = place(&server, log);
        let path = |name: &str| place.path(name);
        let predicate = place.write("predicate.json", format!(r#"{{"log": {log}}}"#));
        let (config, root, token) = (path("signing.json"), path("trusted.json"), path("token"));
        let (file, bundle) = (path("file"), path("bundle.json"));
        let kind = format!("https://example.com/log/{log}");
        let services = ["--signing-config", &config, "--trusted-root", &root, "--identity-token", &token];
        let what = ["--type", &kind, "--predicate", &predicate];
        let who = |subject: &str| {
            let who = ["--certificate-identity", subject, "--certificate-oidc-issuer", &issuer];
            [&["--type", &kind, "--trusted-root", &root], &who[..]]
                .concat()
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        let run = |words: &[&str], who: Vec<String>, last: &[&str]| {
            let who: Vec<&str> = who.iter().map(String::as_str).collect();
            place.run(&[words, &who, last].concat())
        };

        let attest = ["attest-blob", "--bundle", &bundle, &file];
        place.run(&[&attest[..], &what, &services].concat()).exits(0).says("certificate for").says(&subject);
        let verify = ["verify-blob-attestation", "--bundle", &bundle];
        let verified = run(&verify, who(&subject), &[&file]).exits(0).json();
        assert_eq!(verified["predicate"]["log"], log);
        run(&verify, who("https://somebody.example/else"), &[&file]).exits(10);
        place.write("file", "another");
        run(&verify, who(&subject), &[&file]).exits(10);

        place.run(&[&["attest", &image], &what[..], &services].concat()).exits(0).says(&subject);
        let verified = run(&["verify-attestation"], who(&subject), &[&image]).exits(0).json();
        assert_eq!(verified["predicate"]["log"], log);
        run(&["verify-attestation"], who("https://somebody.example/else"), &[&image]).exits(10);
        // An attestation is not a signature of the release.
        let signature = ["verify", "--trusted-root", &root, "--certificate-identity", &subject];
        place.run(&[&signature[..], &["--certificate-oidc-issuer", &issuer, &image]].concat()).exits(10);
    }
}

#[test]
fn a_key_with_a_log_and_timestamps_needs_no_word_about_the_log() {
    let server = Server::start();
    let place = place(&server, 2);
    place.key("ci");
    let (config, root, key) = (place.path("signing.json"), place.path("trusted.json"), place.path("ci.key"));
    let (public, file, bundle) = (place.path("ci.pub"), place.path("file"), place.path("bundle.json"));
    let services = ["--signing-config", &config, "--trusted-root", &root];
    place.run(&[&["sign-blob", "--key", &key, "--bundle", &bundle, &file], &services[..]].concat()).exits(0);
    let verified = ["verify-blob", "--key", &public, "--trusted-root", &root, "--bundle", &bundle, &file];
    place.run(&verified).exits(0);
    // What this run did not verify under the root that counts is not handed out.
    let other = place.write("other.json", Server::start().trusted_root().to_string());
    let foreign = ["--signing-config", &config, "--trusted-root", &other];
    let unwritten = place.path("unwritten.json");
    place
        .run(&[&["sign-blob", "--key", &key, "--bundle", &unwritten, &file], &foreign[..]].concat())
        .says("would not verify")
        .says("--trusted-root FILE");
    assert!(!std::path::Path::new(&unwritten).exists());
}

#[test]
fn a_signer_must_be_named() {
    let server = Server::start();
    let place = place(&server, 2);
    let (config, root, file) = (place.path("signing.json"), place.path("trusted.json"), place.path("file"));
    let signed = ["sign-blob", "--signing-config", &config, "--trusted-root", &root, &file];
    place.run(&signed).exits(3).says("the signer is unknown").says("--identity-token FILE");
    let late = server.token(&json!({"sub": "x", "exp": 1_700_000_000}));
    let expired =
        place.run(&[&signed[..], &["--identity-token", &late]].concat()).exits(3).says("it expired");
    assert!(late.split('.').all(|part| !expired.stderr.contains(part)));
    assert!(server.requests().is_empty());
}

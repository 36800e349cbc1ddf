//! Key files with the real cosign: its files open here, ours open there, and each verifies the other's signatures.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::Limits;
use plimsoll_keys::{FileDigests, NewKey, PrivateKey};
use plimsoll_signing::{Content, sign_by_key};
use plimsoll_testkit::Peer;

#[test]
fn cosigns_key_files_open_here_and_ours_there() {
    let Some(cosign) = Peer::cosign("hunter2") else { return };
    cosign.must(&["signing-config", "create", "--out", "signing.json"]);
    cosign.must(&["trusted-root", "create", "--out", "trusted.json"]);
    cosign.write("blob", "content");
    cosign.must(&["generate-key-pair", "--output-key-prefix", "theirs"]);
    let theirs = PrivateKey::from_pem(&cosign.read("theirs.key"), Some(b"hunter2")).unwrap();
    assert_eq!(theirs.public_key().to_pem().as_bytes(), cosign.read("theirs.pub"));

    for kind in [NewKey::P256, NewKey::P384, NewKey::Rsa3072, NewKey::Ed25519] {
        let ours = PrivateKey::generate(kind).unwrap();
        cosign.write("ours.key", &**ours.to_cosign_pem(b"hunter2").unwrap());
        assert_eq!(cosign.must(&["public-key", "--key", "ours.key"]), ours.public_key().to_pem(), "{kind:?}");
        // cosign's own file from our PKCS#8 opens here again.
        cosign.write("import.pem", &**ours.to_pem(None).unwrap());
        cosign.must(&["import-key-pair", "--key", "import.pem", "--output-key-prefix", "imported", "--yes"]);
        let again = PrivateKey::from_pem(&cosign.read("imported.key"), Some(b"hunter2")).unwrap();
        assert!(again.public_key() == ours.public_key());

        if kind == NewKey::Ed25519 {
            // With such a key it signs by Ed25519ph, and verifies neither that nor pure Ed25519: see `tests/cosign/`.
            continue;
        }
        cosign.write("ours.pub", ours.public_key().to_pem());
        // It verifies our signatures with its file.
        let file = FileDigests::read(&b"content"[..]).unwrap();
        cosign.write("blob.json", sign_by_key(Content::File(&file), &again, &Limits::default()).unwrap());
        // It makes P-384 signatures with SHA-384, but assumes SHA-256 when it verifies.
        let hash = if kind == NewKey::P384 { "sha384" } else { "sha256" };
        let verify = |blob| {
            let key = ["verify-blob", "--key", "ours.pub", "--signature-digest-algorithm", hash];
            let bundle =
                ["--insecure-ignore-tlog", "--trusted-root", "trusted.json", "--bundle", "blob.json", blob];
            cosign.run(&[&key[..], &bundle].concat())
        };
        let output = verify("blob");
        assert!(output.status.success(), "{kind:?}: {}", String::from_utf8_lossy(&output.stderr));
        cosign.write("other", "other");
        assert!(!verify("other").status.success());
        // Its signatures with our file verify here.
        let services = ["--signing-config", "signing.json", "--trusted-root", "trusted.json"];
        cosign.must(
            &[&["sign-blob", "--key", "ours.key"], &services[..], &["--bundle", "out.json", "--yes", "blob"]]
                .concat(),
        );
        let bundle: serde_json::Value = serde_json::from_slice(&cosign.read("out.json")).unwrap();
        let signature = bundle["messageSignature"]["signature"].as_str().unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        assert!(ours.public_key().verifies_signature(b"content", &signature), "{kind:?}");
    }
}

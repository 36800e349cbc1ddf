//! Keyless signatures in both directions between cosign and Plimsoll.

use plimsoll_core::{Limits, clock};
use plimsoll_keys::{NewKey, PrivateKey};
use plimsoll_signing::{Content, Signer};
use plimsoll_testkit::Peer;
use plimsoll_testkit::sigstore::Server;
use plimsoll_verify::{
    Artifact, Bundle, Check, Requirements, Signer as Who, Statement, Subject, Trusted, verify, verify_message,
};
use serde_json::json;

use crate::{file, identity, make, root, services, subject, token};

/// cosign, with the instance's files.
fn cosign(server: &Server) -> Option<Peer> {
    let cosign = Peer::cosign("password")?;
    cosign.write("trusted.json", server.trusted_root().to_string());
    cosign.write("file", "the file");
    Some(cosign)
}

#[test]
fn cosign_verifies_our_keyless_signatures() {
    let server = Server::start();
    let Some(cosign) = cosign(&server) else { return };
    for logs in [1, 2] {
        let token = token(&server);
        let signer = Signer::Keyless { token: &token };
        let services = services(&server, &[logs]);
        let bundle = make(Content::File(&file()), signer, Some(&services), Some(&root(&server))).unwrap();
        cosign.write("bundle.json", &bundle);
        let (subject, issuer) = (subject(), server.url());
        let verify = |subject: &str| {
            cosign.run(&[
                "verify-blob",
                "--bundle=bundle.json",
                "--trusted-root=trusted.json",
                &format!("--certificate-identity={subject}"),
                &format!("--certificate-oidc-issuer={issuer}"),
                "file",
            ])
        };
        let output = verify(&subject);
        assert!(output.status.success(), "log {logs}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!verify("https://somebody.example/else").status.success());
    }
}

#[test]
fn cosign_verifies_a_statement_and_a_logged_key_signature_of_ours() {
    let server = Server::start();
    let Some(cosign) = cosign(&server) else { return };
    let root = root(&server);
    let about_file =
        Statement::new(Subject::new("file", &file().sha256), "https://example.com/p", json!({"a": 1}));
    let (subject, issuer) = (format!("--certificate-identity={}", subject()), server.url());
    let issuer = format!("--certificate-oidc-issuer={issuer}");
    for logs in [1, 2] {
        let token = token(&server);
        let services = services(&server, &[logs]);
        let signer = Signer::Keyless { token: &token };
        let bundle = make(Content::Statement(&about_file), signer, Some(&services), Some(&root)).unwrap();
        cosign.write("bundle.json", &bundle);
        let shared = ["--bundle=bundle.json", "--trusted-root=trusted.json"];
        let attested = ["verify-blob-attestation", "--type=https://example.com/p", &subject, &issuer];
        cosign.must(&[&attested, &shared[..], &["file"]].concat());

        for kind in [NewKey::P256, NewKey::P384, NewKey::Rsa3072] {
            if (kind, logs) == (NewKey::P384, 1) {
                continue;
            }
            let key = PrivateKey::generate(kind).unwrap();
            cosign
                .write("key.pub", plimsoll_testkit::sigstore::pem("PUBLIC KEY", key.public_key().spki_der()));
            let bundle =
                make(Content::File(&file()), Signer::Key(&key), Some(&services), Some(&root)).unwrap();
            cosign.write("bundle.json", &bundle);
            // cosign assumes SHA-256 for signatures of a P-384 key, unless told otherwise.
            let digest = if kind == NewKey::P384 { "sha384" } else { "sha256" };
            let digest = format!("--signature-digest-algorithm={digest}");
            cosign.must(&[&["verify-blob", "--key=key.pub", &digest], &shared[..], &["file"]].concat());
        }
    }
}

#[test]
fn keyless_signatures_of_cosign_verify_here() {
    let server = Server::start();
    let Some(cosign) = cosign(&server) else { return };
    let (root, identities) = (root(&server), [identity(&server)]);
    for (logs, algorithm) in [
        (1, "ecdsa-sha2-256-nistp256"),
        (2, "ecdsa-sha2-256-nistp256"),
        (2, "ecdsa-sha2-384-nistp384"),
        (2, "rsa-sign-pkcs1-2048-sha256"),
        (2, "rsa-sign-pkcs1-3072-sha256"),
    ] {
        let algorithm = &format!("--signing-algorithm={algorithm}");
        cosign.write("signing.json", server.signing_config(&[logs]).to_string());
        let token = server.token(&json!({"sub": subject()}));
        cosign.must(&[
            "sign-blob",
            "--yes",
            algorithm,
            "--signing-config=signing.json",
            "--trusted-root=trusted.json",
            &format!("--identity-token={token}"),
            "--bundle=theirs.json",
            "file",
        ]);
        let bundle = cosign.read("theirs.json");
        let check = Check {
            trusted: Trusted::Identities(&identities),
            root: Some(&root),
            requirements: Requirements::default(),
            now: clock::now(),
        };
        let verified = verify_message(
            &Bundle::parse(&bundle, &Limits::default()).unwrap(),
            Artifact::Reader(&mut &b"the file"[..]),
            &check,
        )
        .unwrap();
        assert!(matches!(verified.signer(), Who::Certificate(_)));

        cosign.write("predicate.json", "{}");
        let token = server.token(&json!({"sub": subject()}));
        cosign.must(&[
            "attest-blob",
            "--yes",
            "--type=https://example.com/p",
            "--predicate=predicate.json",
            "--signing-config=signing.json",
            "--trusted-root=trusted.json",
            &format!("--identity-token={token}"),
            "--bundle=theirs.json",
            "file",
        ]);
        let bundle = cosign.read("theirs.json");
        verify(&Bundle::parse(&bundle, &Limits::default()).unwrap(), Some(&file().sha256), &check).unwrap();
    }
}

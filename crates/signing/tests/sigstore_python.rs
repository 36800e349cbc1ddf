//! Keyless signatures in both directions with sigstore-python, against the instance on loopback: certificate, either
//! log, timestamps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use std::path::Path;
use std::process::Output;

use plimsoll_core::{Digest, Limits, clock};
use plimsoll_http::Settings;
use plimsoll_keys::FileDigests;
use plimsoll_signing::services::identity::AUDIENCE;
use plimsoll_signing::services::{IdentityToken, Services};
use plimsoll_signing::{Content, Signer, make};
use plimsoll_testkit::Peer;
use plimsoll_testkit::sigstore::{Leaf, Server};
use plimsoll_trust::{SigningConfig, UnknownMembers};
use plimsoll_verify::{
    Artifact, Bundle, Check, Identity, Requirements, Statement, Subject, Text, Trusted, TrustedRoot, verify,
    verify_message,
};
use serde_json::json;

const FILE: &[u8] = b"the file";
/// A predicate type that sigstore-python makes.
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// The program, with the instance's files.
struct Sigstore {
    peer: Peer,
    server: Server,
}

impl Sigstore {
    fn find() -> Option<Self> {
        let peer = Peer::find("venv/bin/sigstore", "$PLIMSOLL_PEERS/venv with sigstore")?;
        peer.write("file", FILE);
        Some(Self { peer, server: Server::start() })
    }

    /// Runs it with the instance whose log is of this version.
    fn run(&self, log: u8, arguments: &[&str]) -> Output {
        self.peer.write("trust.json", self.server.client_trust_config(&[log]).to_string());
        self.peer.run(&[&["--trust-config", "trust.json"], arguments].concat())
    }

    #[track_caller]
    fn must(&self, log: u8, arguments: &[&str]) {
        let output = self.run(log, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "log {log}: sigstore {}: {said}", arguments[0]);
    }

    fn token(&self) -> String {
        self.server.token(&json!({"sub": Leaf::default().subject}))
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::parse(self.server.trusted_root().to_string().as_bytes()).unwrap()
    }

    /// A bundle of ours.
    fn ours(&self, log: u8, content: Content<'_>) -> Vec<u8> {
        let config = self.server.signing_config(&[log]).to_string();
        let config = SigningConfig::parse(config.as_bytes(), UnknownMembers::Refuse).unwrap();
        let services = Services::from_config(&config, Settings::default(), clock::now()).unwrap();
        let token = IdentityToken::parse(&self.token(), "a test", AUDIENCE, clock::now()).unwrap();
        make(
            content,
            Signer::Keyless { token: &token },
            Some(&services),
            &plimsoll_signing::Confirmation {
                root: Some(&self.root()),
                now: clock::now(),
                limits: &Limits::default(),
            },
        )
        .unwrap()
    }
}

#[test]
fn sigstore_python_verifies_our_keyless_signatures() {
    let Some(sigstore) = Sigstore::find() else { return };
    let digests = FileDigests::read(FILE).unwrap();
    let subject = Subject::new("file", &Digest::sha256(FILE));
    let predicate = json!({"buildDefinition": {}, "runDetails": {}});
    let statement = Statement::new(subject, PROVENANCE, predicate);
    let (who, issuer) = (Leaf::default().subject, sigstore.server.url());
    for log in [1, 2] {
        for content in [Content::File(&digests), Content::Statement(&statement)] {
            sigstore.peer.write("ours.json", sigstore.ours(log, content));
            let verify = |who: &str, file: &str| {
                let who = ["--cert-identity", who, "--cert-oidc-issuer", &issuer];
                let verify = ["verify", "identity", "--offline", "--bundle", "ours.json"];
                sigstore.run(log, &[&verify[..], &who, &[file]].concat())
            };
            let output = verify(&who, "file");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "log {log}: {said}");
            assert!(!verify("https://somebody.example/else", "file").status.success());
            sigstore.peer.write("another", "another");
            assert!(!verify(&who, "another").status.success());
        }
    }
}

#[test]
fn keyless_signatures_of_sigstore_python_verify_here() {
    let Some(sigstore) = Sigstore::find() else { return };
    let root = sigstore.root();
    let identities = [Identity {
        issuer: Text::Exact(sigstore.server.url()),
        subject: Text::Exact(Leaf::default().subject),
        claims: Vec::new(),
    }];
    let check = Check {
        trusted: Trusted::Identities(&identities),
        root: Some(&root),
        requirements: Requirements::default(),
        now: clock::now(),
    };
    let read = |path: &Path| Bundle::parse(&std::fs::read(path).unwrap(), &Limits::default()).unwrap();
    for log in [1, 2] {
        let token = sigstore.token();
        let token = ["--identity-token", token.as_str(), "--overwrite"];
        sigstore.must(log, &[&["sign", "--bundle", "theirs.json"], &token[..], &["file"]].concat());
        let bundle = read(&sigstore.peer.path("theirs.json"));
        verify_message(&bundle, Artifact::Reader(&mut &FILE[..]), &check).unwrap();
        let error = verify_message(&bundle, Artifact::Reader(&mut &b"another"[..]), &check).unwrap_err();
        assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Artifact), "{error}");

        let predicate = json!({
            "buildDefinition": {
                "buildType": "https://build.example/v1",
                "externalParameters": {},
                "internalParameters": {},
                "resolvedDependencies": [],
            },
            "runDetails": {"builder": {"id": "https://build.example"}, "metadata": {}, "byproducts": []},
        });
        sigstore.peer.write("predicate.json", predicate.to_string());
        let attest = ["attest", "--predicate", "predicate.json", "--predicate-type", PROVENANCE];
        sigstore.must(log, &[&attest[..], &["--bundle", "attested.json"], &token, &["file"]].concat());
        let verified =
            verify(&read(&sigstore.peer.path("attested.json")), Some(&Digest::sha256(FILE)), &check).unwrap();
        assert_eq!(verified.value().predicate_type, PROVENANCE);
    }
}

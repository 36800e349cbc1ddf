//! Signing with certificates, logs and timestamps, against an instance on loopback: the results verify, and wrong
//! answers of services are found before a bundle is returned.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

mod configuration;
mod cosign;
mod making;
mod refusals;
mod sign_in;

use plimsoll_core::{Classify as _, Digest, Limits, clock};
use plimsoll_http::Settings;
use plimsoll_keys::FileDigests;
use plimsoll_signing::services::identity::AUDIENCE;
use plimsoll_signing::services::{IdentityToken, Services};
use plimsoll_signing::{Confirmation, Content, Error, Signer};
use plimsoll_testkit::sigstore::server::REQUEST_TOKEN;
use plimsoll_testkit::sigstore::{Leaf, Server};
use plimsoll_trust::{SigningConfig, UnknownMembers};
use plimsoll_verify::{Identity, Statement, Subject, Text, TrustedRoot};
use serde_json::{Value, json};

fn subject() -> String {
    Leaf::default().subject
}

fn statement() -> Statement {
    let image = Digest::sha256(b"the image");
    Statement::new(Subject::new("", &image), "https://sigstore.dev/cosign/sign/v1", json!({}))
}

fn file() -> FileDigests {
    FileDigests::read(&b"the file"[..]).unwrap()
}

/// Makes a bundle and verifies it as of now.
fn make(
    content: Content<'_>,
    signer: Signer<'_>,
    services: Option<&Services>,
    root: Option<&TrustedRoot>,
) -> Result<Vec<u8>, Error> {
    let confirmation = Confirmation { root, now: clock::now(), limits: &Limits::default() };
    plimsoll_signing::make(content, signer, services, &confirmation)
}

fn root(server: &Server) -> TrustedRoot {
    TrustedRoot::parse(server.trusted_root().to_string().as_bytes()).unwrap()
}

fn configured(config: &Value) -> Result<Services, Error> {
    let config = SigningConfig::parse(config.to_string().as_bytes(), UnknownMembers::Refuse)?;
    Services::from_config(&config, Settings::default(), clock::now())
}

fn services(server: &Server, logs: &[u8]) -> Services {
    configured(&server.signing_config(logs)).unwrap()
}

fn parsed(token: &str) -> IdentityToken {
    IdentityToken::parse(token, "a test", AUDIENCE, clock::now()).unwrap()
}

fn token(server: &Server) -> IdentityToken {
    parsed(&server.token(&json!({"sub": subject()})))
}

fn identity(server: &Server) -> Identity {
    Identity { issuer: Text::Exact(server.url()), subject: Text::Exact(subject()), claims: Vec::new() }
}

fn keyless(server: &Server, logs: &[u8]) -> Result<Vec<u8>, Error> {
    let token = token(server);
    make(
        Content::Statement(&statement()),
        Signer::Keyless { token: &token },
        Some(&services(server, logs)),
        Some(&root(server)),
    )
}

/// No part of a request may appear in a message: the test server quotes whole requests in its refusals.
#[track_caller]
fn holds_no_secret(server: &Server, error: &Error) {
    let shown = format!("{error} {error:?} {:?}", error.hint());
    for request in server.requests() {
        let authorization = request.header("authorization").unwrap_or_default();
        let texts = [authorization, std::str::from_utf8(&request.body).unwrap_or_default()];
        for word in texts.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        {
            assert!(word.len() < 30 || !shown.contains(word), "{word} in {shown}");
        }
    }
    assert!(!shown.contains(REQUEST_TOKEN), "{shown}");
}

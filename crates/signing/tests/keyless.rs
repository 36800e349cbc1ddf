//! Signing with certificates, logs and timestamps, against an instance on loopback: what comes out verifies, and whatever
//! a service does wrong is found before anybody gets a bundle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use plimsoll_core::{Classify as _, Digest, Kind, Limits, clock};
use plimsoll_http::{Settings, Url};
use plimsoll_keys::NewKey;
use plimsoll_keys::{FileDigests, PrivateKey};
use plimsoll_signing::services::identity::{AUDIENCE, Sources};
use plimsoll_signing::services::oauth::{CLIENT, Prompt, Provider, Timing};
use plimsoll_signing::services::{IdentityToken, Services};
use plimsoll_signing::{Confirmation, Content, Error, Signer};
use plimsoll_testkit::Peer;
use plimsoll_testkit::sigstore::server::REQUEST_TOKEN;
use plimsoll_testkit::sigstore::{Fault, Leaf, Server};
use plimsoll_trust::{LogVersion, SigningConfig, UnknownMembers};
use plimsoll_verify::{
    Artifact, Bundle, Check, Identity, Requirements, Signer as Who, Statement, Step, Subject, Text, Trusted,
    TrustedKey, TrustedRoot, verify, verify_message,
};
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

/// Makes a bundle and confirms it as of now.
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

/// No word of a request may come back in a message: the stand-in quotes whole requests in its refusals.
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

#[test]
fn a_statement_and_a_file_signed_without_a_key_verify_with_either_log() {
    let server = Server::start();
    let (root, identities) = (root(&server), [identity(&server)]);
    for (logs, stamps) in [(&[1][..], 1), (&[2], 1)] {
        let services = services(&server, logs);
        let requirements = Requirements { timestamps: stamps, ..Requirements::default() };
        let check = Check {
            trusted: Trusted::Identities(&identities),
            root: Some(&root),
            requirements,
            now: clock::now(),
        };
        let signer_token = token(&server);
        let signer = Signer::Keyless { token: &signer_token };

        let bundle = make(Content::Statement(&statement()), signer, Some(&services), Some(&root)).unwrap();
        let image = Digest::sha256(b"the image");
        let verified =
            verify(&Bundle::parse(&bundle, &Limits::default()).unwrap(), Some(&image), &check).unwrap();
        assert!(matches!(verified.signer(), Who::Certificate(_)));
        assert!(verified.not_checked().is_empty());

        let bundle = make(Content::File(&file()), signer, Some(&services), Some(&root)).unwrap();
        let bundle = Bundle::parse(&bundle, &Limits::default()).unwrap();
        verify_message(&bundle, Artifact::Reader(&mut &b"the file"[..]), &check).unwrap();
        assert!(verify_message(&bundle, Artifact::Reader(&mut &b"another"[..]), &check).is_err());
    }
}

#[test]
fn a_person_is_named_by_the_verified_address() {
    let server = Server::start();
    let claims = json!({"sub": "1234", "email": "dev@example.com", "email_verified": true});
    let token = parsed(&server.token(&claims));
    let services = services(&server, &[2]);
    let signer = Signer::Keyless { token: &token };
    let root = root(&server);
    let bundle = make(Content::File(&file()), signer, Some(&services), Some(&root)).unwrap();
    let identities = [Identity { subject: Text::Exact("dev@example.com".into()), ..identity(&server) }];
    let check = Check {
        trusted: Trusted::Identities(&identities),
        root: Some(&root),
        requirements: Requirements::default(),
        now: clock::now(),
    };
    verify_message(
        &Bundle::parse(&bundle, &Limits::default()).unwrap(),
        Artifact::Digest(file().sha256),
        &check,
    )
    .unwrap();
}

#[test]
fn a_key_with_logs_and_timestamps_as_the_configuration_says() {
    let server = Server::start();
    let root = root(&server);
    let key = PrivateKey::generate_p256().unwrap();
    let keys = [TrustedKey::from(key.public_key().clone())];
    for (logs, timestamps, content) in [
        (&[1][..], true, Content::Statement(&statement())),
        (&[2], true, Content::Statement(&statement())),
        (&[1], false, Content::File(&file())),
        (&[2], false, Content::File(&file())),
        (&[], true, Content::Statement(&statement())),
        (&[], true, Content::File(&file())),
    ] {
        let mut services = services(&server, logs);
        if !timestamps {
            services.timestamps.clear();
        }
        let bundle = make(content, Signer::Key(&key), Some(&services), Some(&root)).unwrap();
        let bundle = Bundle::parse(&bundle, &Limits::default()).unwrap();
        let requirements = Requirements {
            logs: NonZeroUsize::new(logs.len()),
            timestamps: usize::from(timestamps),
            ..Requirements::default()
        };
        let check =
            Check { trusted: Trusted::Keys(&keys), root: Some(&root), requirements, now: clock::now() };
        match content {
            Content::Statement(_) => verify(&bundle, Some(&Digest::sha256(b"the image")), &check).map(|_| ()),
            Content::File(_) => verify_message(&bundle, Artifact::Digest(file().sha256), &check).map(|_| ()),
        }
        .unwrap();
    }
    assert!(server.requests().iter().all(|request| request.path() != "/api/v2/signingCert"));
}

/// What verifies afterwards is logged, and what could not be verified is refused and not handed out.
#[test]
fn every_kind_of_key_that_a_log_takes() {
    let server = Server::start();
    let root = root(&server);
    for (kind, logs, file_too) in [
        (NewKey::P256, 1, true),
        (NewKey::P256, 2, true),
        (NewKey::Rsa3072, 1, true),
        (NewKey::Rsa3072, 2, true),
        (NewKey::Rsa4096, 1, true),
        (NewKey::Rsa4096, 2, true),
        (NewKey::P384, 1, false),
        (NewKey::P384, 2, true),
        (NewKey::Ed25519, 1, false),
    ] {
        let key = PrivateKey::generate(kind).unwrap();
        let keys = [TrustedKey::from(key.public_key().clone())];
        let check = Check {
            trusted: Trusted::Keys(&keys),
            root: Some(&root),
            requirements: Requirements::default(),
            now: clock::now(),
        };
        for timestamps in [true, false] {
            let (mut services, signer) = (services(&server, &[logs]), Signer::Key(&key));
            if !timestamps {
                services.timestamps.clear();
            }
            let bundle =
                make(Content::Statement(&statement()), signer, Some(&services), Some(&root)).unwrap();
            let image = Digest::sha256(b"the image");
            let verified =
                verify(&Bundle::parse(&bundle, &Limits::default()).unwrap(), Some(&image), &check).unwrap();
            assert!(verified.not_checked().is_empty());
            assert_eq!(verified.times().is_empty(), logs == 2 && !timestamps, "{kind:?} {logs}");
            let bundle = make(Content::File(&file()), signer, Some(&services), Some(&root));
            if !file_too {
                assert!(matches!(
                    bundle,
                    Err(Error::NotLogged { .. } | Error::Key(plimsoll_keys::Error::WholeMessageOnly))
                ));
                continue;
            }
            let bundle = Bundle::parse(&bundle.unwrap(), &Limits::default()).unwrap();
            verify_message(&bundle, Artifact::Reader(&mut &b"the file"[..]), &check).unwrap();
            assert!(verify_message(&bundle, Artifact::Reader(&mut &b"another"[..]), &check).is_err());
        }
    }
    let before = server.requests().len();
    let key = PrivateKey::generate(NewKey::Ed25519).unwrap();
    let services = services(&server, &[2]);
    let error = make(Content::Statement(&statement()), Signer::Key(&key), Some(&services), None).unwrap_err();
    assert!(matches!(error, Error::NotLogged { .. }), "{error}");
    assert!(error.to_string().contains("Ed25519") && error.hint().unwrap().contains("p256"));
    assert!(server.requests()[before..].iter().all(|request| !request.path().contains("/log/")));
}

#[test]
fn without_services_nothing_is_asked() {
    let server = Server::start();
    let key = PrivateKey::generate_p256().unwrap();
    let mut none = services(&server, &[]);
    none.timestamps.clear();
    for services in [None, Some(&none)] {
        make(Content::File(&file()), Signer::Key(&key), services, None).unwrap();
    }
    assert!(server.requests().is_empty());
    let token = token(&server);
    let signer = Signer::Keyless { token: &token };
    let error = make(Content::File(&file()), signer, None, None).unwrap_err();
    assert!(error.to_string().contains("a certificate authority"), "{error}");
}

/// The certificate is of use for minutes: somebody has to say when, and that is known before a log holds anything.
#[test]
fn signing_without_a_key_needs_somebody_who_says_when() {
    let server = Server::start();
    let mut services = services(&server, &[2]);
    services.timestamps.clear();
    let token = token(&server);
    let signer = Signer::Keyless { token: &token };
    let error = make(Content::File(&file()), signer, Some(&services), None).unwrap_err();
    assert!(matches!(error, Error::ServiceMissing { .. }), "{error}");
    assert!(server.requests().is_empty());
}

/// What a service answers wrongly is refused also without a trusted root, whenever it can be told from the question.
#[test]
fn an_answer_to_another_question_is_refused() {
    let server = Server::start();
    for (path, fault, logs, says) in [
        ("/api/v2/signingCert", Fault::Other, 2, "for another key"),
        ("/api/v2/signingCert", Fault::OtherSubject, 2, "another subject"),
        ("/api/v1/log", Fault::Other, 1, "another signature"),
        ("/api/v2/log", Fault::Other, 2, "another signature"),
        ("/api/v1/timestamp", Fault::Other, 2, "something else than the signature"),
        ("/api/v1/timestamp", Fault::OtherNonce, 2, "does not repeat the nonce"),
        ("/api/v1/timestamp", Fault::Refused, 2, "refused with status 2"),
        ("/api/v1/timestamp", Fault::Garbage, 2, "not a timestamp"),
        ("/api/v1/log", Fault::Garbage, 1, "not strict JSON"),
        ("/api/v2/log", Fault::Garbage, 2, "not strict JSON"),
        ("/api/v2/signingCert", Fault::Garbage, 2, "not strict JSON"),
    ] {
        server.behave();
        server.misbehave(path, fault.clone());
        let token = token(&server);
        let signer = Signer::Keyless { token: &token };
        for content in [Content::Statement(&statement()), Content::File(&file())] {
            let error = make(content, signer, Some(&services(&server, &[logs])), None).unwrap_err();
            assert!(error.to_string().contains(says), "{path} {fault:?}: {error}");
            assert!(error.to_string().contains(&server.url()), "{error}");
            holds_no_secret(&server, &error);
        }
    }
}

/// Answers that fit the question, by somebody whose signature the trusted root does not know.
#[test]
fn an_answer_that_would_not_verify_is_refused_by_the_step_that_looks_at_it() {
    for (path, logs, step) in [
        ("/api/v1/log", 1, Step::LogPromise),
        ("/api/v2/log", 2, Step::LogInclusion),
        ("/api/v1/timestamp", 2, Step::Timestamp),
        ("/api/v2/signingCert", 2, Step::Chain),
    ] {
        let server = Server::start();
        keyless(&server, &[logs]).unwrap();
        server.misbehave(path, Fault::BadSignature);
        let error = keyless(&server, &[logs]).unwrap_err();
        let Error::WouldNotVerify(inner) = &error else { panic!("{path}: {error}") };
        assert_eq!(inner.failed_step(), Some(step), "{path}: {error}");
    }
}

#[test]
fn a_refusal_names_service_place_and_step_and_quotes_no_request() {
    let server = Server::start();
    for (path, service, logs) in [
        ("/api/v2/signingCert", "certificate authority", 2),
        ("/api/v1/log", "transparency log", 1),
        ("/api/v2/log", "transparency log", 2),
        ("/api/v1/timestamp", "timestamp authority", 2),
    ] {
        for (status, kind) in [
            (400, Kind::Failed),
            (401, Kind::Unauthorized),
            (403, Kind::Unauthorized),
            (404, Kind::NotFound),
            (501, Kind::Failed),
        ] {
            server.behave();
            server.misbehave(path, Fault::Status(status));
            let before = server.requests().iter().filter(|request| request.path().starts_with(path)).count();
            let error = keyless(&server, &[logs]).unwrap_err();
            let shown = error.to_string();
            assert!(shown.starts_with(&format!("{service} {}", server.url())), "{shown}");
            assert!(shown.contains(&status.to_string()), "{shown}");
            assert_eq!(error.kind(), kind, "{shown}");
            holds_no_secret(&server, &error);
            let after = server.requests().iter().filter(|request| request.path().starts_with(path)).count();
            assert_eq!(after - before, 1, "{shown}");
        }
        for fault in [Fault::Redirect(format!("{}{path}", server.url())), Fault::Huge] {
            server.behave();
            server.misbehave(path, fault.clone());
            let error = keyless(&server, &[logs]).unwrap_err();
            let says = if fault == Fault::Huge { "larger than" } else { "redirects are not followed" };
            assert!(error.to_string().contains(says), "{error}");
            holds_no_secret(&server, &error);
        }
    }
}

#[test]
fn trouble_that_passes_is_waited_out_where_asking_twice_does_no_harm() {
    let server = Server::start();
    for (path, status) in [
        ("/api/v1/timestamp", 500),
        ("/api/v1/timestamp", 429),
        ("/api/v2/log", 502),
        ("/api/v2/log", 503),
        ("/api/v2/signingCert", 503),
        ("/api/v2/signingCert", 429),
    ] {
        server.misbehave(path, Fault::StatusOnce(status));
        keyless(&server, &[2]).unwrap();
    }
    // A certificate that was issued stands in a public log: after an answer that says nothing, none is asked for again.
    server.misbehave("/api/v2/signingCert", Fault::StatusOnce(500));
    let error = keyless(&server, &[2]).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    // And nobody is asked for ever.
    server.misbehave("/api/v2/log", Fault::Status(500));
    let error = keyless(&server, &[2]).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    holds_no_secret(&server, &error);
}

/// After a lost answer the log says that it has the entry. What it then gives is compared all the same.
#[test]
fn an_entry_that_the_log_has_already_is_fetched() {
    let server = Server::start();
    server.misbehave("/api/v1/log", Fault::Existing);
    keyless(&server, &[1]).unwrap();
    let asked = server.requests();
    assert!(
        asked
            .iter()
            .any(|request| request.method == "GET" && request.path().starts_with("/api/v1/log/entries/"))
    );
}

/// Each of two instances is asked, and the result holds under the trust in both.
#[test]
fn all_logs_and_timestamp_authorities_of_a_configuration() {
    let (one, other) = (Server::start(), Server::start());
    let mut trusted = one.trusted_root();
    for kind in ["tlogs", "timestampAuthorities"] {
        let more = other.trusted_root()[kind][0].clone();
        trusted[kind].as_array_mut().unwrap().push(more);
    }
    let mut config = one.signing_config(&[1]);
    for kind in ["rekorTlogUrls", "tsaUrls"] {
        let mut more = other.signing_config(&[2])[kind][0].clone();
        more["operator"] = json!("another");
        config[kind].as_array_mut().unwrap().push(more);
    }
    config["rekorTlogConfig"] = json!({"selector": "ALL"});
    config["tsaConfig"] = json!({"selector": "EXACT", "count": 2});
    let services = configured(&config).unwrap();
    let token = token(&one);
    let signer = Signer::Keyless { token: &token };
    let about = statement();
    let content = Content::Statement(&about);
    let root = TrustedRoot::parse(trusted.to_string().as_bytes()).unwrap();
    let bundle = make(content, signer, Some(&services), Some(&root)).unwrap();
    let identities = [identity(&one)];
    let requirements = Requirements { logs: NonZeroUsize::new(2), timestamps: 2, ..Requirements::default() };
    let check = Check {
        trusted: Trusted::Identities(&identities),
        root: Some(&root),
        requirements,
        now: clock::now(),
    };
    verify(&Bundle::parse(&bundle, &Limits::default()).unwrap(), None, &check).unwrap();
    // A log that the trusted root does not know is found out before anybody has the bundle.
    let error = make(content, signer, Some(&services), Some(&self::root(&one))).unwrap_err();
    assert!(matches!(error, Error::WouldNotVerify(_)), "{error}");
}

#[test]
fn a_token_for_another_audience_or_expired_is_not_sent() {
    let server = Server::start();
    let now = clock::now().as_second();
    for claims in [json!({"sub": "x", "aud": "kubernetes"}), json!({"sub": "x", "exp": now - 1})] {
        let token = server.token(&claims);
        let error = IdentityToken::parse(&token, "a test", AUDIENCE, clock::now()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
        assert!(error.hint().is_some());
        assert!(token.split('.').all(|part| !error.to_string().contains(part)));
    }
    assert!(server.requests().is_empty());
}

/// The provider's signature is for the authority to check, and what it says comes through.
#[test]
fn a_token_that_the_authority_does_not_take() {
    let (server, other) = (Server::start(), Server::start());
    let foreign = parsed(&other.token(&json!({"sub": subject(), "iss": server.url()})));
    let signer = Signer::Keyless { token: &foreign };
    let error = make(Content::File(&file()), signer, Some(&services(&server, &[2])), None).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("the token is not accepted"), "{error}");
    holds_no_secret(&server, &error);
}

fn sources<'a>(variables: &'a dyn Fn(&str) -> Option<String>, kubernetes: &'a Path) -> Sources<'a> {
    Sources { variable: variables, http: Settings::default(), kubernetes }
}

#[test]
fn the_surroundings_offer_a_token() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (nowhere, there) = (folder.path().join("none"), folder.path().join("token"));
    let written = server.token(&json!({"sub": "system:serviceaccount:ci:default"}));
    std::fs::write(&there, format!("{written}\n")).unwrap();
    let find = |set: &[(&str, String)], kubernetes: &Path| {
        let set: BTreeMap<String, String> =
            set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        sources(&|name| set.get(name).cloned(), kubernetes).find(AUDIENCE, clock::now())
    };
    assert!(find(&[], &nowhere).unwrap().is_none());
    assert_eq!(find(&[], &there).unwrap().unwrap().subject(), "system:serviceaccount:ci:default");
    let spiffe = ("SPIFFE_JWT_SVID_FILE", there.display().to_string());
    assert!(find(&[spiffe], &nowhere).unwrap().is_some());
    let given = ("SIGSTORE_ID_TOKEN", server.token(&json!({"sub": "given"})));
    assert_eq!(find(&[given], &there).unwrap().unwrap().subject(), "given");

    let url = ("ACTIONS_ID_TOKEN_REQUEST_URL", server.ambient_url());
    let secret = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned());
    let found = find(&[url.clone(), secret.clone()], &there).unwrap().unwrap();
    assert_eq!(found.subject(), subject());
    let asked = server.requests().pop().unwrap();
    assert_eq!(asked.query("audience").as_deref(), Some(AUDIENCE));
    assert_eq!(asked.query("api-version").as_deref(), Some("2.0"));

    // An offer that fails is an error, not the next offer.
    assert!(find(std::slice::from_ref(&url), &there).is_err());
    server.misbehave("/ambient", Fault::Status(403));
    let error = find(&[url, secret], &there).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    holds_no_secret(&server, &error);
}

#[test]
fn signing_in_by_a_code_on_another_device() {
    let server = Server::start();
    let services = services(&server, &[2]);
    let provider = Provider::discover(&services, CLIENT).unwrap();
    let waits = std::cell::RefCell::new(Vec::new());
    let patience = Timing { now: &clock::now, wait: &|time| waits.borrow_mut().push(time) };
    let mut told = Vec::new();
    let token = provider.device(&patience, &mut |prompt: &Prompt| told.push(prompt.clone())).unwrap();
    assert_eq!(token.subject(), "dev@example.com");
    assert_eq!(told[0].code.as_deref(), Some("ABCD-EFGH"));
    assert_eq!(*waits.borrow(), [Duration::from_secs(5); 2], "the pause that the provider asks for");

    server.misbehave("/token", Fault::Refused);
    let error = provider.device(&patience, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("denied"), "{error}");
    holds_no_secret(&server, &error);

    server.misbehave("/.well-known", Fault::Other);
    let error = Provider::discover(&services, CLIENT).err().unwrap();
    assert!(error.to_string().contains("another issuer"), "{error}");
}

/// GETs `url` and gives the whole answer.
fn get(url: &Url) -> String {
    let host = (url.host_str().unwrap().replace("localhost", "127.0.0.1"), url.port().unwrap());
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    let mut byte = [0];
    while !answer.contains("\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        answer.push(char::from(byte[0]));
    }
    answer
}

#[test]
fn signing_in_with_the_browser_of_this_machine() {
    let server = Server::start();
    let services = services(&server, &[2]);
    let provider = Provider::discover(&services, CLIENT).unwrap();
    let patience = Timing { now: &clock::now, wait: &std::thread::sleep };
    let browse = || {
        let mut browsers = Vec::new();
        let token = provider.browser(&patience, &mut |prompt: &Prompt| {
            let page = prompt.page.clone();
            browsers.push(std::thread::spawn(move || {
                let answer = get(&page);
                let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
                let back = Url::parse(location).unwrap();
                // Somebody else on this machine, who does not know the state.
                let mut stranger = back.clone();
                stranger.set_query(Some("code=stolen&state=guessed"));
                assert!(get(&stranger).starts_with("HTTP/1.1 404"), "a stranger was let in");
                assert!(get(&back).starts_with("HTTP/1.1 200"));
            }));
        });
        for browser in browsers {
            browser.join().unwrap();
        }
        token
    };
    assert_eq!(browse().unwrap().subject(), "dev@example.com");
    server.misbehave("/token", Fault::OtherNonce);
    let error = browse().unwrap_err();
    assert!(error.to_string().contains("nonce"), "{error}");
    holds_no_secret(&server, &error);
}

#[test]
fn a_configuration_chooses_services_and_fails_closed() {
    let server = Server::start();
    let base = server.signing_config(&[1, 2]);
    let chosen = configured(&base).unwrap();
    assert_eq!(chosen.logs.len(), 1);
    assert_eq!(chosen.logs[0].version, LogVersion::V2, "the highest version of an operator");

    let service = |host: &str, operator: &str, from: &str, until: Option<&str>| {
        let mut valid = json!({"start": from});
        if let Some(until) = until {
            valid["end"] = json!(until);
        }
        json!({"url": format!("https://{host}"), "majorApiVersion": 1, "validFor": valid, "operator": operator})
    };
    let with = |services: &[Value], selector: Value| {
        let mut config = base.clone();
        config["tsaUrls"] = json!(services);
        config["tsaConfig"] = selector;
        configured(&config).map(|services| services.timestamps.iter().map(Url::to_string).collect::<Vec<_>>())
    };
    let old = service("old.example", "a", "2020-01-01T00:00:00Z", None);
    let new = service("new.example", "a", "2024-01-01T00:00:00Z", None);
    let other = service("other.example", "b", "2020-01-01T00:00:00Z", None);
    let past = service("past.example", "c", "2020-01-01T00:00:00Z", Some("2021-01-01T00:00:00Z"));
    let future = service("future.example", "d", "2999-01-01T00:00:00Z", None);
    let all = [old.clone(), new, other, past.clone(), future.clone()];
    assert_eq!(with(&all, json!({"selector": "ANY"})).unwrap(), ["https://new.example/"]);
    let both = ["https://new.example/", "https://other.example/"];
    assert_eq!(with(&all, json!({"selector": "ALL"})).unwrap(), both);
    assert_eq!(with(&all, json!({"selector": "EXACT", "count": 2})).unwrap(), both);
    assert_eq!(with(&[], json!({"selector": "ANY"})).unwrap(), Vec::<String>::new());
    for (services, selector) in [
        (&all[..], json!({"selector": "EXACT", "count": 3})),
        (&all, json!({"selector": "EXACT"})),
        (&all, json!({"selector": "SERVICE_SELECTOR_UNDEFINED"})),
        (&[past, future], json!({"selector": "ANY"})),
        (&[service("me:pass@x.example", "a", "2020-01-01T00:00:00Z", None)], json!({"selector": "ANY"})),
    ] {
        let error = with(services, selector.clone()).unwrap_err();
        assert!(
            matches!(error, Error::Trust(plimsoll_trust::Error::SigningConfig { .. })),
            "{selector}: {error}"
        );
    }
    let _ = old;
    for text in ["", "{}", r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v9+json"}"#] {
        for members in [UnknownMembers::Refuse, UnknownMembers::Skip] {
            let read = SigningConfig::parse(text.as_bytes(), members);
            assert!(matches!(read, Err(plimsoll_trust::Error::SigningConfig { .. })), "{text}");
        }
    }
}

/// An instance's TUF repository may bring a newer form; in a file that somebody wrote, the same is a typing error.
#[test]
fn members_that_are_not_known_are_refused_or_left_out_by_choice() {
    let server = Server::start();
    for (path, name) in [
        ("", "witnessUrls"),
        ("/caUrls/0", "weight"),
        ("/rekorTlogUrls/0/validFor", "grace"),
        ("/tsaConfig", "selecter"),
    ] {
        let mut config = server.signing_config(&[2]);
        config.pointer_mut(path).unwrap()[name] = json!({"x": 1});
        let text = config.to_string();
        let error = SigningConfig::parse(text.as_bytes(), UnknownMembers::Refuse).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        let read = SigningConfig::parse(text.as_bytes(), UnknownMembers::Skip).unwrap();
        let chosen = Services::from_config(&read, Settings::default(), clock::now()).unwrap();
        assert_eq!((chosen.logs.len(), chosen.timestamps.len()), (1, 1), "{path}");
    }
    // How many services sign is nothing to guess.
    let mut config = server.signing_config(&[2]);
    config["tsaConfig"] = json!({"selector": "MOST"});
    let read = SigningConfig::parse(config.to_string().as_bytes(), UnknownMembers::Skip).unwrap();
    let error = Services::from_config(&read, Settings::default(), clock::now()).unwrap_err();
    assert!(error.to_string().contains("unknown selector"), "{error}");
}

/// cosign, with the instance's files.
fn cosign(server: &Server) -> Option<Peer> {
    let cosign = Peer::cosign("password")?;
    cosign.write("trusted.json", server.trusted_root().to_string());
    cosign.write("file", "the file");
    Some(cosign)
}

#[test]
fn cosign_verifies_what_is_signed_without_a_key_here() {
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
            // cosign takes SHA-256 for what a P-384 key signs, unless it is told.
            let digest = if kind == NewKey::P384 { "sha384" } else { "sha256" };
            let digest = format!("--signature-digest-algorithm={digest}");
            cosign.must(&[&["verify-blob", "--key=key.pub", &digest], &shared[..], &["file"]].concat());
        }
    }
}

#[test]
fn what_cosign_signs_without_a_key_verifies_here() {
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

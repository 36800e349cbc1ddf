//! Signatures without and with a key verify.

use std::num::NonZeroUsize;

use plimsoll_core::{Classify as _, Digest, Limits, clock};
use plimsoll_keys::{NewKey, PrivateKey};
use plimsoll_signing::{Content, Error, Signer};
use plimsoll_testkit::sigstore::{Fault, Server};
use plimsoll_verify::{
    Artifact, Bundle, Check, Identity, Requirements, Signer as Who, Text, Trusted, TrustedKey, TrustedRoot,
    verify, verify_message,
};
use serde_json::json;

use crate::{configured, file, identity, keyless, make, parsed, root, services, statement, token};

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
        let error = verify_message(&bundle, Artifact::Reader(&mut &b"another"[..]), &check).unwrap_err();
        assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Artifact), "{error}");
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

/// Signatures that verify are logged; those that could not be verified are refused and not returned.
#[test]
fn every_kind_of_key_that_a_log_accepts() {
    let server = Server::start();
    let root = root(&server);
    for (kind, logs, file_too) in [
        (NewKey::P256, 1, true),
        (NewKey::P256, 2, true),
        (NewKey::Rsa3072, 1, true),
        (NewKey::Rsa3072, 2, true),
        (NewKey::Rsa4096, 1, true),
        (NewKey::Rsa4096, 2, true),
        (NewKey::P384, 1, true),
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
            let error = verify_message(&bundle, Artifact::Reader(&mut &b"another"[..]), &check).unwrap_err();
            assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Artifact), "{error}");
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
fn without_services_no_request_is_sent() {
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

/// The certificate is valid for minutes, so the time of signing needs a witness. This is checked before anything is
/// logged.
#[test]
fn keyless_signing_needs_a_trusted_time() {
    let server = Server::start();
    let mut services = services(&server, &[2]);
    services.timestamps.clear();
    let token = token(&server);
    let signer = Signer::Keyless { token: &token };
    let error = make(Content::File(&file()), signer, Some(&services), None).unwrap_err();
    assert!(matches!(error, Error::ServiceMissing { .. }), "{error}");
    assert!(server.requests().is_empty());
}

/// After a lost answer the log says that it has the entry. The entry that it then returns is still compared.
#[test]
fn an_entry_that_the_log_already_has_is_fetched() {
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

/// Both instances are used, and the result verifies with the roots of both.
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
    // A log that the trusted root does not contain is found before the bundle is returned.
    let error = make(content, signer, Some(&services), Some(&self::root(&one))).unwrap_err();
    assert!(matches!(error, Error::WouldNotVerify(_)), "{error}");
}

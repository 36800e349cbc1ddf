//! Wrong answers of services are found before a bundle is returned.

use plimsoll_core::{Classify as _, Kind};
use plimsoll_signing::{Content, Error, Signer};
use plimsoll_testkit::sigstore::{Fault, Server};
use plimsoll_verify::Step;

use crate::{file, holds_no_secret, keyless, make, services, statement, token};

/// An answer that does not fit the request is refused even without a trusted root.
#[test]
fn an_answer_to_another_question_is_refused() {
    let server = Server::start();
    for (path, fault, logs, says) in [
        ("/api/v2/signingCert", Fault::Other, 2, "for another key"),
        ("/api/v2/signingCert", Fault::OtherSubject, 2, "another subject"),
        ("/api/v1/log", Fault::Other, 1, "another signature"),
        ("/api/v2/log", Fault::Other, 2, "another signature"),
        ("/api/v1/timestamp", Fault::Other, 2, "does not cover the signature"),
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

/// Answers that fit the request, but are signed by an unknown key.
#[test]
fn an_answer_that_would_not_verify_is_refused_by_the_step_that_checks_it() {
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
fn transient_failures_are_retried_if_repeating_does_no_harm() {
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
    // An issued certificate is in a public log, so after an unclear answer it is not requested again.
    server.misbehave("/api/v2/signingCert", Fault::StatusOnce(500));
    let error = keyless(&server, &[2]).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    // Retries are bounded.
    server.misbehave("/api/v2/log", Fault::Status(500));
    let error = keyless(&server, &[2]).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    holds_no_secret(&server, &error);
}

//! What a registry or its token server refuses, and how often it is asked.

use std::net::TcpListener;
use std::time::Duration;

use plimsoll_core::{Classify as _, Kind, Limits};
use plimsoll_http::Settings;
use plimsoll_image::Source as _;
use plimsoll_registry::Registry;
use plimsoll_testkit as testkit;
use testkit::Fault;

use super::registry::{open, open_as_me, open_with, pushed, sample, settings};

#[test]
fn r10_a_token_server_that_refuses_is_told_apart_from_one_that_knows_nobody() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").start();
    sample().push(&fake, "app", "1");
    for (status, told) in [(400, "401"), (401, "401"), (403, "403"), (404, "401")] {
        fake.behave();
        fake.misbehave("/token*", Fault::Status(status));
        let error = open_as_me(&fake.reference("app", "1")).resolve().unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
        assert!(error.to_string().contains(&format!("answered {told}")), "{status}: {error}");
    }
}

/// Some registries hide from anonymous clients what is there, and nobody may take that for nothing.
#[test]
fn r19_whoever_has_credentials_asks_whether_they_are_needed_before_anything_else() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").anonymous_pull().start();
    sample().push(&fake, "app", "1");
    let asked = |registry: &Registry| {
        fake.clear_requests();
        registry.resolve().unwrap();
        fake.requests().into_iter().map(|request| request.path().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&open_as_me(&fake.reference("app", "1"))), ["/v2/", "/token", "/v2/app/manifests/1"]);
    assert_eq!(asked(&open(&fake.reference("app", "1")))[0], "/v2/app/manifests/1");
}

/// That is also what servers with TLS answer to those who speak without, so the other protocol is tried; the answer stays the answer.
#[test]
fn r14_a_request_that_is_rejected_is_told_as_that() {
    let (fake, _, registry) = pushed();
    fake.misbehave("*/manifests/*", Fault::Status(400));
    let error = registry.resolve().unwrap_err();
    assert!(error.to_string().contains("answered 400"), "{error}");
}

/// Neither is asked a second time, nor in another protocol: the same password and the same wait would come of it.
#[test]
fn r14_what_was_refused_or_does_not_come_is_asked_once() {
    let fake = testkit::Registry::builder().basic("me", "another").start();
    sample().push(&fake, "app", "1");
    let error = open_as_me(&fake.reference("app", "1")).resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    assert_eq!(fake.requests_to("*/manifests/*").len(), 1);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/app:1", silent.local_addr().unwrap());
    let impatient = Settings { idle_timeout: Duration::from_millis(300), ..settings() };
    let error = open_with(&reference, None, impatient, Limits::default()).resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    silent.set_nonblocking(true).unwrap();
    assert_eq!(silent.incoming().take_while(Result::is_ok).count(), 1);
}

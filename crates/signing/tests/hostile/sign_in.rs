//! Hostile OpenID providers with which a person signs in.

use plimsoll_core::{Classify as _, Kind, clock};
use plimsoll_http::{Settings, Url};
use plimsoll_signing::Error;
use plimsoll_signing::services::oauth::{CLIENT, Provider, Timing};
use plimsoll_signing::services::{IdentityToken, Services};
use plimsoll_testkit::cloud::{Issuer, Service};
use plimsoll_testkit::sigstore::{Fault, Server};
use plimsoll_testkit::{Answer, Request};
use serde_json::{Value, json};

fn services(issuer: &str) -> Services {
    let mut services = Services::new(Settings { retries: 0, ..Settings::default() }).unwrap();
    services.issuer = Some(Url::parse(issuer).unwrap());
    services
}

fn signed_in(issuer: &str) -> Result<IdentityToken, Error> {
    let provider = Provider::discover(&services(issuer), CLIENT)?;
    provider.device(&Timing { now: &clock::now, wait: &|_| {} }, &mut |_| {})
}

/// A provider whose discovery document was modified by `change`, and whose tokens state `issuer`, unless that is empty.
fn provider(change: impl Fn(&mut Value) + Send + Sync + 'static, issuer: &'static str) -> Service {
    let keys = Issuer::new();
    Service::start(move |request: &Request| {
        let base = format!("http://{}", request.header("host").unwrap());
        let answer = match request.path() {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": base, "authorization_endpoint": format!("{base}/auth"),
                    "token_endpoint": format!("{base}/token"),
                    "device_authorization_endpoint": format!("{base}/device/code"),
                });
                change(&mut document);
                document
            }
            "/device/code" => json!({
                "device_code": "d3vice-c0de", "user_code": "ABCD-EFGH",
                "verification_uri": format!("{base}/device"), "expires_in": 300, "interval": 5,
            }),
            _ => {
                let (now, issuer) =
                    (clock::now().as_second(), if issuer.is_empty() { &base } else { issuer });
                let claims = json!({"iss": issuer, "sub": "me", "aud": CLIENT, "iat": now, "exp": now + 600});
                json!({"token_type": "Bearer", "id_token": keys.token(&claims)})
            }
        };
        Answer::new(200).header("Content-Type", "application/json").body(answer.to_string())
    })
}

#[test]
fn s20_no_endpoint_may_redirect_elsewhere() {
    let server = Server::start();
    let elsewhere = provider(|_| {}, "");
    assert!(signed_in(&server.url()).is_ok() && signed_in(&elsewhere.url()).is_ok());
    let before = elsewhere.requests().len();
    for path in ["/.well-known", "/device/code", "/token"] {
        for to in [
            format!("{}/token", elsewhere.url()),
            format!("{}/other", server.url()),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "http://provider.example/token".to_owned(),
            "//provider.example/token".to_owned(),
        ] {
            server.behave();
            server.misbehave(path, Fault::Redirect(to.clone()));
            let error = signed_in(&server.url()).unwrap_err();
            assert_eq!(error.kind(), Kind::Failed, "{error}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("redirects are not followed"), "{path} to {to}: {text}");
            assert!(!text.contains("d3vice"), "{text}");
        }
    }
    assert_eq!(elsewhere.requests().len(), before);
    assert!(server.requests().iter().all(|request| request.path() != "/other"));
}

/// The provider names its own endpoints. This machine sends requests to them, and can reach more hosts than the
/// provider.
#[test]
fn s20_no_endpoint_may_be_at_a_private_address() {
    for place in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "http://provider.example/token",
        "http://203.0.113.1/token",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "not a URL",
    ] {
        for name in ["device_authorization_endpoint", "token_endpoint"] {
            let provider = provider(move |document| document[name] = json!(place), "");
            let error = signed_in(&provider.url()).unwrap_err();
            assert!(!error.to_string().contains("got 2"), "{error}");
            assert_ne!(error.kind(), Kind::Transient, "{name} = {place} was tried: {error}");
            assert!(!format!("{error} {error:?}").contains("d3vice"), "{error}");
        }
    }
}

#[test]
fn s20_a_provider_with_another_issuer() {
    let good = provider(
        |document| document["issuer"] = json!(format!("{}/", document["issuer"].as_str().unwrap())),
        "",
    );
    assert!(signed_in(&good.url()).is_ok(), "a trailing slash does not matter");
    for other in [
        "https://issuer.example",
        "",
        "{}/other",
        "{}?x",
        "{}#x",
        "HTTP{}",
        "{}\u{0}",
        " {}",
        "https://issuer.example/{}",
    ] {
        let provider = provider(
            move |document| {
                let own = document["issuer"].as_str().unwrap().to_owned();
                let other = other.replace("HTTP{}", &own.replace("http:", "HTTP:"));
                document["issuer"] = json!(other.replace("{}", &own));
            },
            "",
        );
        let error = signed_in(&provider.url()).unwrap_err();
        assert!(error.to_string().contains("another issuer"), "{other}: {error}");
        assert_eq!(provider.requests().len(), 1, "no further request is sent");
    }
    for broken in [json!(null), json!(["https://issuer.example"]), json!({})] {
        let provider = provider(move |document| document["issuer"] = broken.clone(), "");
        assert!(signed_in(&provider.url()).is_err());
    }
}

/// Only the certificate authority needs its keys, which are never fetched here. The issuer of a token shows without
/// them.
#[test]
fn s20_a_token_of_another_issuer() {
    for other in ["https://issuer.example", "http://127.0.0.1", "https://127.0.0.1:1/"] {
        let provider = provider(|_| {}, other);
        let error = signed_in(&provider.url()).unwrap_err();
        assert!(error.to_string().contains("another issuer"), "{other}: {error}");
    }
}

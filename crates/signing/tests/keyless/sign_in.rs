//! Tokens: given, offered by the environment, or obtained by signing in.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use plimsoll_core::{Classify as _, Kind, clock};
use plimsoll_http::{Settings, Url};
use plimsoll_signing::services::IdentityToken;
use plimsoll_signing::services::identity::{AUDIENCE, Sources};
use plimsoll_signing::services::oauth::{CLIENT, Prompt, Provider, Timing};
use plimsoll_signing::{Content, Signer};
use plimsoll_testkit::sigstore::server::REQUEST_TOKEN;
use plimsoll_testkit::sigstore::{Fault, Server};
use serde_json::json;

use crate::{file, holds_no_secret, make, parsed, services, subject};

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

/// The authority checks the provider's signature, and its message is passed on.
#[test]
fn a_token_that_the_authority_refuses() {
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
fn the_environment_offers_a_token() {
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
fn signing_in_with_a_code_on_another_device() {
    let server = Server::start();
    let services = services(&server, &[2]);
    let provider = Provider::discover(&services, CLIENT).unwrap();
    let waits = std::cell::RefCell::new(Vec::new());
    let patience = Timing { now: &clock::now, wait: &|time| waits.borrow_mut().push(time) };
    let mut told = Vec::new();
    let token = provider.device(&patience, &mut |prompt: &Prompt| told.push(prompt.clone())).unwrap();
    assert_eq!(token.subject(), "dev@example.com");
    assert_eq!(told[0].code.as_deref(), Some("ABCD-EFGH"));
    assert_eq!(*waits.borrow(), [Duration::from_secs(5); 2], "the pause that the provider requests");

    server.misbehave("/token", Fault::Refused);
    let error = provider.device(&patience, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("denied"), "{error}");
    holds_no_secret(&server, &error);

    server.misbehave("/.well-known", Fault::Other);
    let error = Provider::discover(&services, CLIENT).err().unwrap();
    assert!(error.to_string().contains("another issuer"), "{error}");
}

/// GETs `url` and returns the whole answer.
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

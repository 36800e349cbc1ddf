//! Stand-ins for the services with which the clouds identify a machine before their registries accept it.
//! They check what the real services check: they recompute signatures, verify tokens with the issuer's public
//! key, and compare grant types, audiences, headers and times with the documented exchange. They refuse
//! invalid requests in the same way as the real service.

pub(crate) mod aws;
mod azure;
mod google;

pub use aws::Aws;
pub use azure::Azure;
pub use google::Google;

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plimsoll_core::Timestamp;
use serde_json::{Value, json};

use crate::listener::{Listener, Port, lock};
use crate::registry::wire;
use crate::{Answer, Request};

/// An HTTP service on loopback that answers by a function; stops on drop.
pub struct Service {
    shared: Arc<Shared>,
    listener: Listener,
}

type Answering = dyn Fn(&Request) -> Answer + Send + Sync;

struct Shared {
    answer: Box<Answering>,
    log: Mutex<Vec<Request>>,
}

impl Service {
    /// Starts on a free port of 127.0.0.1, plain HTTP.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { answer: Box::new(answer), log: Mutex::default() });
        let serving = Arc::clone(&shared);
        Self { shared, listener: Port::free().listen(move |stream| serve(stream, &serving)) }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.listener.addr().to_string()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.addr())
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = wire::read(&mut stream) {
        lock(&shared.log).push(request.clone());
        let answer = (shared.answer)(&request);
        let head = request.method == "HEAD";
        match wire::write(stream.get_mut(), &answer, head, wire::Delivery::Whole, |_| false) {
            Ok(true) => {}
            _ => return,
        }
    }
}

/// An issuer of JSON Web Tokens, RS256.
pub struct Issuer {
    key: KeyPair,
}

impl Issuer {
    /// With a fresh RSA key.
    pub fn new() -> Self {
        Self { key: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    /// The private key, PKCS #8 as PEM.
    pub fn pem(&self) -> String {
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = self.key.as_der().unwrap();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    /// A token over these claims.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "1"}).to_string();
        let text =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token for `audience` that is valid for an hour.
    pub fn for_audience(&self, audience: &str) -> String {
        let now = seconds();
        self.token(&json!({"iss": "https://issuer.example", "sub": "ci", "aud": audience, "iat": now, "exp": now + 3600}))
    }

    /// The claims of a token that this issuer signed for `audience` and that has not expired.
    pub fn verify(&self, token: &str, audience: &str) -> Option<Value> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let public =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public_key().as_ref().to_vec());
        public.verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let holds = header["alg"] == "RS256"
            && claims["aud"] == audience
            && claims["iat"].as_i64()? <= seconds() + 60
            && claims["exp"].as_i64()? > seconds();
        holds.then_some(claims)
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds() -> i64 {
    plimsoll_core::clock::now().as_second()
}

/// The time `by` seconds from now.
fn later(by: i64) -> Timestamp {
    Timestamp::from_second(seconds() + by).unwrap()
}

/// The fields of a form, if the request is one.
pub(crate) fn form(request: &Request) -> Option<BTreeMap<String, String>> {
    (request.header("content-type") == Some("application/x-www-form-urlencoded"))
        .then(|| url::form_urlencoded::parse(&request.body).into_owned().collect())
}

pub(crate) fn reply(status: u16, body: &Value) -> Answer {
    Answer::new(status).header("Content-Type", "application/json").body(body.to_string())
}

//! Signing in: a person gets an identity token with a browser.
//!
//! There are two ways. With the browser of this machine: authorization code with PKCE (RFC 7636) and a redirect to a
//! port of loopback (RFC 8252), bound together by state and nonce. With any other browser: the device grant (RFC 8628),
//! where the person types a short code. The provider is asked for its endpoints (OpenID Connect Discovery 1.0), and
//! must state the issuer that it was asked for.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_core::{Digest, Kind, Timestamp, text};
use plimsoll_http::{HeaderValue, Request, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::Value;

use super::{IdentityToken, Repeat, ServiceClient, Services, Step, below};
use crate::Error;

/// Our client ID at the provider, unless an instance uses another one. It is the tokens' audience.
pub const CLIENT: &str = "sigstore";
/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// The shortest interval between two polls: RFC 8628, 3.2.
const LEAST_INTERVAL: u64 = 5;
/// The longest request head that is read from a browser.
const MOST_REQUEST: usize = 16 * 1024;

/// The clock and the timer, which tests replace.
pub struct Timing<'a> {
    /// The current time.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Waits for a duration.
    pub wait: &'a dyn Fn(Duration),
}

/// What the user is told: which page to open, and what to type.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The page to open.
    pub page: Url,
    /// The code to type, for the device grant.
    pub code: Option<String>,
}

/// An OpenID provider with its endpoints.
pub struct Provider {
    caller: ServiceClient,
    issuer: Url,
    client: String,
    authorization: Option<Url>,
    device: Option<Url>,
    token: Url,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    #[serde(default)]
    authorization_endpoint: Option<String>,
    #[serde(default)]
    device_authorization_endpoint: Option<String>,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Device {
    #[serde(rename = "device_code")]
    secret: String,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    expires_in: u64,
    #[serde(default)]
    interval: u64,
}

impl Provider {
    /// Asks the issuer of `services` for its endpoints, as `client`.
    pub fn discover(services: &Services, client: &str) -> Result<Self, Error> {
        let missing = Error::ServiceMissing { names: "an OpenID provider, or an identity token" };
        let issuer = services.issuer.clone().ok_or(missing)?;
        let caller = services.caller();
        let step = step(&issuer, "return its endpoints", Repeat::Harmless);
        let url =
            below(&issuer, ".well-known/openid-configuration").ok_or_else(|| step.wrong("no URL for it"))?;
        let answer = caller.send(&step, &Request::get(url))?;
        answer.expect(&step, StatusCode::OK)?;
        let found: Discovered = read(&step, answer.json(&step)?)?;
        if found.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
            // One provider must not be able to pass for another (OpenID Connect Discovery 1.0, 4.3).
            return Err(step.wrong("it says that it is another issuer"));
        }
        let place = |url: &str| Url::parse(url).map_err(|_| step.wrong("an endpoint is not a URL"));
        Ok(Self {
            authorization: found.authorization_endpoint.as_deref().map(place).transpose()?,
            device: found.device_authorization_endpoint.as_deref().map(place).transpose()?,
            token: place(&found.token_endpoint)?,
            client: client.to_owned(),
            caller,
            issuer,
        })
    }

    /// Signs in with any browser: `show` says where to go and what to type there.
    pub fn device(
        &self,
        patience: &Timing<'_>,
        show: &mut dyn FnMut(&Prompt),
    ) -> Result<IdentityToken, Error> {
        let step = step(&self.issuer, "sign in with a code", Repeat::WhenRefused);
        let place = self.device.as_ref().ok_or_else(|| step.wrong("it does not offer the device grant"))?;
        let verifier = random()?;
        let answer = self.post(
            &step,
            place,
            &[
                ("client_id", &self.client),
                ("scope", "openid email"),
                ("code_challenge", &challenge(&verifier)),
                ("code_challenge_method", "S256"),
            ],
        )?;
        answer.expect(&step, StatusCode::OK)?;
        let device: Device = read(&step, answer.json(&step)?)?;
        let page = Url::parse(&device.verification_uri).map_err(|_| step.wrong("its page is not a URL"))?;
        let code: String = text::terminal(&device.user_code).chars().take(64).collect();
        show(&Prompt { page, code: Some(code) });
        let mut interval = Duration::from_secs(device.interval.max(LEAST_INTERVAL));
        let until = PATIENCE.min(Duration::from_secs(device.expires_in.max(LEAST_INTERVAL)));
        let mut waited = Duration::ZERO;
        while waited < until {
            (patience.wait)(interval);
            waited = waited.saturating_add(interval);
            let answer = self.post(
                &step,
                &self.token,
                &[
                    ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                    ("device_code", &device.secret),
                    ("client_id", &self.client),
                    ("code_verifier", &verifier),
                ],
            )?;
            if answer.status == StatusCode::OK {
                return self.token(&step, &answer.json(&step)?, patience, None);
            }
            if !answer.status.is_client_error() {
                answer.expect(&step, StatusCode::OK)?;
            }
            let said = answer.json(&step)?;
            match said.get("error").and_then(Value::as_str) {
                Some("authorization_pending") => {}
                // RFC 8628, 3.5: from now on, wait five seconds longer.
                Some("slow_down") => interval = interval.saturating_add(Duration::from_secs(5)),
                Some("access_denied") => return Err(step.failed("it was denied", Kind::Unauthorized, None)),
                Some("expired_token") => break,
                _ => answer.expect(&step, StatusCode::OK)?,
            }
        }
        Err(late(&step))
    }

    /// Signs in with this machine's browser: `open` shows it the page, and the answer comes back to a port of loopback.
    pub fn browser(
        &self,
        patience: &Timing<'_>,
        open: &mut dyn FnMut(&Prompt),
    ) -> Result<IdentityToken, Error> {
        let step = step(&self.issuer, "sign in with the browser", Repeat::WhenRefused);
        let page =
            self.authorization.as_ref().ok_or_else(|| step.wrong("it does not offer the code grant"))?;
        let failed = |error: std::io::Error| {
            step.failed(format!("listening on loopback: {error}"), Kind::Failed, None)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let redirect = format!("http://localhost:{port}/auth/callback");
        let (verifier, state, nonce) = (random()?, random()?, random()?);
        let mut page = page.clone();
        page.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client)
            .append_pair("scope", "openid email")
            .append_pair("redirect_uri", &redirect)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        open(&Prompt { page, code: None });
        let code = redirected(&step, &listener, &state, patience)?;
        let answer = self.post(
            &step,
            &self.token,
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &redirect),
                ("client_id", &self.client),
                ("code_verifier", &verifier),
            ],
        )?;
        answer.expect(&step, StatusCode::OK)?;
        self.token(&step, &answer.json(&step)?, patience, Some(&nonce))
    }

    fn token(
        &self,
        step: &Step<'_>,
        answer: &Value,
        patience: &Timing<'_>,
        nonce: Option<&str>,
    ) -> Result<IdentityToken, Error> {
        let token = answer.get("id_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| step.wrong("the answer has no identity token"))?;
        let token =
            IdentityToken::with_nonce(token, self.issuer.as_str(), &self.client, (patience.now)(), nonce)?;
        if token.issuer().trim_end_matches('/') != self.issuer.as_str().trim_end_matches('/') {
            // OpenID Connect Core 1.0, 3.1.3.7: a sign-in here must not yield an identity of another provider.
            return Err(step.wrong("its token is from another issuer"));
        }
        Ok(token)
    }

    /// Posts a form to an endpoint that the provider named.
    fn post(&self, step: &Step<'_>, to: &Url, form: &[(&str, &str)]) -> Result<super::Answer, Error> {
        let mut encoded = self.issuer.clone();
        encoded.query_pairs_mut().clear().extend_pairs(form);
        let body = encoded.query().unwrap_or_default().to_owned();
        let request = Request::post(to.clone(), body)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .given_by(&self.issuer);
        self.caller.send(step, &request)
    }
}

fn step<'a>(issuer: &'a Url, step: &'static str, repeat: Repeat) -> Step<'a> {
    Step { service: "OpenID provider", place: issuer, task: step, repeat }
}

fn read<T: serde::de::DeserializeOwned>(step: &Step<'_>, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|_| step.wrong("the answer is not what OpenID Connect says"))
}

fn late(step: &Step<'_>) -> Error {
    step.failed("nobody signed in before the time-out", Kind::Unauthorized, None)
}

/// 256 random bits as text for a URL.
fn random() -> Result<String, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::Crypto { step: "make a nonce" })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::sha256(verifier.as_bytes()).as_bytes())
}

/// The code that the browser returns. Anybody on this machine can connect: requests without the state are rejected.
fn redirected(
    step: &Step<'_>,
    listener: &TcpListener,
    state: &str,
    patience: &Timing<'_>,
) -> Result<String, Error> {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                (patience.wait)(PAUSE);
                waited = waited.saturating_add(PAUSE);
                continue;
            }
            Err(error) => {
                return Err(step.failed(format!("listening on loopback: {error}"), Kind::Failed, None));
            }
        };
        let Some(target) = target(&mut stream) else { continue };
        // The host does not matter; only the query is read.
        let Some(target) = Url::parse("http://localhost").ok().and_then(|base| base.join(&target).ok())
        else {
            continue;
        };
        let field = |name: &str| {
            target.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        if target.path() != "/auth/callback" || field("state").as_deref() != Some(state) {
            reply(&mut stream, "404 Not Found", "This is not the page that Plimsoll waits for.");
            continue;
        }
        let Some(code) = field("code") else {
            reply(&mut stream, "200 OK", "You are not signed in.");
            return Err(step.failed("it was denied", Kind::Unauthorized, None));
        };
        reply(&mut stream, "200 OK", "You are signed in, and can close this page.");
        return Ok(code);
    }
    Err(late(step))
}

/// The target of a GET request.
fn target(stream: &mut TcpStream) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut piece).ok()?;
        if count == 0 || head.len() > MOST_REQUEST {
            return None;
        }
        head.extend_from_slice(piece.get(..count)?);
    }
    let line = std::str::from_utf8(&head).ok()?.lines().next()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    target.starts_with('/').then(|| target.to_owned())
}

fn reply(stream: &mut TcpStream, status: &str, says: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{says}",
        says.len()
    );
    // A courtesy to the user; signing does not depend on it.
    let _ = stream.write_all(answer.as_bytes());
}

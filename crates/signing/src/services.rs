//! The services of a Sigstore instance that signing uses: certificate authority, transparency logs, timestamp
//! authorities.
//!
//! Owns which of them are asked, how, and which answers are accepted: only those that match the request.
//! [`make`](fn@crate::make) assembles bundles.
//!
//! Every answer is bounded, no redirect is followed, and each failure names the service, where it is, and the step.
//! Tokens are sent only to the certificate authority, and no message repeats one, even when a service quotes it.

mod fulcio;
pub mod identity;
pub mod oauth;
mod rekor;
mod timestamp;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use plimsoll_core::{Classify as _, Kind, Timestamp as Instant, text};
use plimsoll_http::{
    Client, Error as HttpError, HeaderValue, Request, Response, Settings, StatusCode, Url, header,
};
use serde_json::Value;

use plimsoll_trust::{Log, SigningConfig};

use crate::Error;

pub(crate) use fulcio::certify;
pub use identity::{IdentityToken, Sources};
pub(crate) use rekor::{Entry, Verifier};

/// Bytes of one answer. A certificate chain and a log entry have some thousand.
const ANSWER: u64 = 1 << 20;
/// How long a service may take. The second version of the log answers once a checkpoint covers the entry, for which
/// clients should wait 20 seconds or more.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a request that can safely be repeated is retried after a temporary failure.
const REPEATS: u32 = 2;
/// The longest `Retry-After` that is obeyed.
const LONGEST_ASKED: Duration = Duration::from_mins(1);

/// The services that signing uses.
#[derive(Clone)]
pub struct Services {
    /// The certificate authority's base; required for keyless signing.
    pub authority: Option<Url>,
    /// The logs: each of them gets an entry.
    pub logs: Vec<Log>,
    /// The timestamp authorities, each by the whole URL that requests go to: each of them is asked for a timestamp.
    pub timestamps: Vec<Url>,
    /// The OpenID provider for interactive sign-in.
    pub issuer: Option<Url>,
    client: Client,
}

impl Services {
    /// No services yet, for URLs that the user names one by one.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let client = Client::new(settings).map_err(|error| {
            wrong("HTTP", "settings", "prepare", error.to_string(), error.kind(), error.hint())
        })?;
        Ok(Self { authority: None, logs: Vec::new(), timestamps: Vec::new(), issuer: None, client })
    }

    /// The services that `config` selects at `now`.
    pub fn from_config(config: &SigningConfig, settings: Settings, now: Instant) -> Result<Self, Error> {
        let mut services = Self::new(settings)?;
        let chosen = config.choose(now)?;
        services.authority = chosen.authority;
        services.logs = chosen.logs;
        services.timestamps = chosen.timestamps;
        services.issuer = chosen.issuer;
        Ok(services)
    }

    pub(crate) fn caller(&self) -> ServiceClient {
        ServiceClient { client: self.client.clone() }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("authority", &self.authority.as_ref().map(Url::as_str))
            .field("logs", &self.logs)
            .field("timestamps", &self.timestamps.iter().map(Url::as_str).collect::<Vec<_>>())
            .field("issuer", &self.issuer.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}

/// `path` below `base`, whether or not that ends with a slash.
pub(crate) fn below(base: &Url, path: &str) -> Option<Url> {
    Url::parse(&format!("{}/{path}", base.as_str().trim_end_matches('/'))).ok()
}

/// A request to a service, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    /// What kind of service it is.
    pub(crate) service: &'static str,
    /// Where it is.
    pub(crate) place: &'a Url,
    /// What it was asked to do.
    pub(crate) task: &'static str,
    /// When the same request is repeated.
    pub(crate) repeat: Repeat,
}

/// When a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Always, even when the answer was lost: twice does no harm.
    Harmless,
    /// Only when the service says that it did nothing: 429 and 503.
    WhenRefused,
}

fn wrong(
    service: &'static str,
    place: impl Into<String>,
    step: &'static str,
    problem: impl Into<String>,
    kind: Kind,
    hint: Option<String>,
) -> Error {
    let (place, problem) = (place.into(), problem.into());
    Error::SigningService { service, place, step, problem, kind, hint }
}

impl Step<'_> {
    /// The service did not do what it was asked.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> Error {
        self.failed(problem, Kind::Failed, None)
    }

    fn failed(&self, problem: impl Into<String>, kind: Kind, hint: Option<String>) -> Error {
        wrong(self.service, self.shown(), self.task, problem, kind, hint)
    }

    /// The URL without possible secrets.
    fn shown(&self) -> String {
        let port = self.place.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = self.place.host_str().unwrap_or_default();
        text::terminal(&format!("{}://{host}{port}{}", self.place.scheme(), self.place.path())).into_owned()
    }

    /// Leaves out the client's excerpt of the answer, which may quote the request.
    fn unreached(&self, error: &HttpError) -> Error {
        let problem = match error {
            HttpError::Status { status, attempts, .. } if *attempts > 1 => {
                format!("got {status}, {attempts} times")
            }
            HttpError::Status { status, .. } => format!("got {status}"),
            other => other.to_string(),
        };
        self.failed(problem, error.kind(), error.hint())
    }
}

/// Sends requests to services.
#[derive(Clone)]
pub(crate) struct ServiceClient {
    client: Client,
}

/// A complete answer.
pub(crate) struct Answer {
    /// The request's secrets, to be left out of messages.
    secrets: Vec<String>,
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) body: Bytes,
}

impl ServiceClient {
    /// Sends `request`, and reads any answer.
    pub(crate) fn send(&self, step: &Step<'_>, request: &Request) -> Result<Answer, Error> {
        let mut repeats = 0;
        loop {
            let error = match self.once(step, request.clone())? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(wait) = pause(&error, step.repeat, repeats) else { return Err(step.unreached(&error)) };
            repeats = repeats.saturating_add(1);
            std::thread::sleep(wait);
        }
    }

    fn once(&self, step: &Step<'_>, request: Request) -> Result<Result<Answer, HttpError>, Error> {
        let client = self.client.clone();
        let secrets = secrets(&request);
        let request = if request.timeout.is_some() { request } else { request.timeout(PATIENCE) };
        let sent = plimsoll_http::block_on(async move {
            let mut response: Response = client.send(request).await?;
            let body = response.body.bytes(ANSWER).await?;
            let location = response.header(&header::LOCATION).map(ToOwned::to_owned);
            Ok(Answer { secrets, status: response.status, location, body })
        });
        sent.map_err(|error| step.failed(error.to_string(), Kind::Internal, None))
    }

    /// Posts JSON and reads JSON, answered with the status `expected`.
    pub(crate) fn post_json(
        &self,
        step: &Step<'_>,
        url: Url,
        body: &Value,
        token: Option<&IdentityToken>,
        expected: StatusCode,
    ) -> Result<Value, Error> {
        let mut request = Request::post(url, body.to_string())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.bearer()?);
        }
        let answer = self.send(step, &request)?;
        answer.expect(step, expected)?;
        answer.json(step)
    }
}

impl Answer {
    /// Fails for every status but `expected`, with the service's explanation.
    pub(crate) fn expect(&self, step: &Step<'_>, expected: StatusCode) -> Result<(), Error> {
        if self.status == expected {
            return Ok(());
        }
        let kind = match self.status.as_u16() {
            401 | 403 => Kind::Unauthorized,
            404 => Kind::NotFound,
            408 => Kind::Transient,
            _ => Kind::Failed,
        };
        let said = explanation(&self.body, &self.secrets).map(|said| format!(": {said}")).unwrap_or_default();
        let redirected = if self.status.is_redirection() { ", and redirects are not followed" } else { "" };
        let hint = (kind == Kind::Unauthorized).then(|| {
            "check that the service accepts this token's issuer and audience, and that the token is fresh"
                .to_owned()
        });
        Err(step.failed(
            format!("got {}, expected {}{redirected}{said}", self.status, expected.as_u16()),
            kind,
            hint,
        ))
    }

    pub(crate) fn json(&self, step: &Step<'_>) -> Result<Value, Error> {
        // Not the parser's own message: it may quote the answer.
        plimsoll_core::json::value(&self.body, ANSWER)
            .map_err(|_| step.wrong("the answer is not strict JSON"))
    }
}

/// How long to wait before the request is repeated; `None` if it is not.
fn pause(error: &HttpError, repeat: Repeat, repeats: u32) -> Option<Duration> {
    if repeats >= REPEATS {
        return None;
    }
    let asked = match error {
        HttpError::Status { status, retry_after, .. } => {
            let refused = matches!(status.as_u16(), 429 | 503);
            let passing = repeat == Repeat::Harmless && matches!(status.as_u16(), 500 | 502 | 504);
            (refused || passing).then_some(*retry_after)?
        }
        HttpError::Interrupted { .. } if repeat == Repeat::Harmless => None,
        _ => return None,
    };
    let usual = Duration::from_millis(250_u64.checked_shl(repeats)?);
    let wait = asked.unwrap_or(usual).max(usual);
    (wait <= LONGEST_ASKED).then_some(wait)
}

/// The secret words in a request: in its `Authorization`, and in a form with codes.
fn secrets(request: &Request) -> Vec<String> {
    let headers = &request.headers;
    let authorization =
        headers.get(header::AUTHORIZATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let is_form =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"urlencoded"));
    let form = if is_form { std::str::from_utf8(&request.body).ok() } else { None };
    let words = authorization.into_iter().chain(form).flat_map(|text| text.split(|c| !is_of_word(c)));
    words.filter(|word| word.len() > 5).map(ToOwned::to_owned).collect()
}

/// Whether the character occurs in tokens, keys and signatures.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+_-".contains(c)
}

/// A service's explanation of its refusal: one line, at most 200 characters, without any word that could be a token, a
/// key or a signature, because some services quote the request.
fn explanation(body: &[u8], secrets: &[String]) -> Option<String> {
    /// Words in Sigstore's messages are shorter than this; tokens and signatures are longer.
    const LONGEST: usize = 24;
    let value: Value = plimsoll_core::json::value(body, ANSWER).ok()?;
    let said =
        ["message", "error_description", "error"].into_iter().find_map(|name| value.get(name)?.as_str())?;
    let mut line = String::new();
    let mut word = String::new();
    // A space after the last word, so that every word ends.
    for c in said.chars().chain([' ']) {
        if is_of_word(c) {
            word.push(c);
            continue;
        }
        let is_secret = word.len() > LONGEST || secrets.contains(&word);
        line.push_str(if is_secret { "…" } else { &word });
        word.clear();
        line.push(if c.is_whitespace() { ' ' } else { c });
    }
    let line: String = line.trim().chars().take(200).collect();
    (!line.is_empty()).then(|| text::terminal(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_quotes_no_token() {
        let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhYmNkZWZnaGlqa2xtbm9wcXJzdHV2In0.c2lnbmF0dXJlX3NpZ25hdHVyZV9zaWduYXR1cmU";
        let body =
            serde_json::json!({"message": format!("no key for token {token}\nin the set")}).to_string();
        let said = explanation(body.as_bytes(), &["set".to_owned()]).unwrap();
        assert_eq!(said, "no key for token ….….… in the …");
        assert_eq!(explanation(b"plain text", &[]), None);
    }

    #[test]
    fn paths_go_below_a_base_that_ends_with_a_slash_or_not() {
        for base in ["https://a.example/prefix/", "https://a.example/prefix"] {
            let base = Url::parse(base).unwrap();
            assert_eq!(below(&base, "api/v2/x").unwrap().as_str(), "https://a.example/prefix/api/v2/x");
        }
    }
}

//! One step of an exchange with a cloud, and the message if it fails.
//!
//! A message about a refusal repeats only its status and error code: the rest may contain the token.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use plimsoll_core::text::shown;
use plimsoll_core::{Classify as _, Kind, json, read};
use plimsoll_http::{Client, HeaderValue, Request, Response, Url, header};
use serde::de::DeserializeOwned;

use crate::refusal::{ANSWER, code};
use crate::secret::{Secret, sensitive};

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a metadata service may take. It is on the same host; if there is none, nothing answers.
pub(crate) const NEAR: Duration = Duration::from_secs(1);

/// Why there is no identity although the environment names one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The cloud of the identity.
    pub cloud: &'static str,
    /// The step that failed, as a phrase: "asking STS for the role's credentials".
    pub step: String,
    /// Why; never a secret.
    pub problem: String,
    /// What to do about it.
    pub hint: &'static str,
    /// [`Kind::Unauthorized`] or [`Kind::Transient`].
    pub kind: Kind,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the identity that {} gives this machine could not be used: {}: {}",
            self.cloud, self.step, self.problem
        )
    }
}

/// One step of an exchange, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) cloud: &'static str,
    pub(crate) what: &'static str,
    pub(crate) hint: &'static str,
}

impl Step {
    pub(crate) fn failed(self, kind: Kind, problem: impl Into<String>) -> Failure {
        let Self { cloud, what, hint } = self;
        Failure { cloud, step: what.to_owned(), problem: problem.into(), hint, kind }
    }

    pub(crate) fn denied(self, problem: impl Into<String>) -> Failure {
        self.failed(Kind::Unauthorized, problem)
    }

    /// Asks a service. Any status but 200 is a failure.
    pub(crate) async fn ask(self, client: &Client, request: Request) -> Result<(Response, Bytes), Failure> {
        let request = if request.timeout.is_some() { request } else { request.timeout(PATIENCE) };
        let place = request.url.host_str().map(shown).unwrap_or_default();
        let mut response = client.send(request).await.map_err(|e| self.unreached(&e))?;
        let status = response.status.as_u16();
        let body = response.body.bytes(ANSWER).await;
        if status != 200 {
            // A body that cannot be read explains nothing; the status remains.
            let code = body.ok().and_then(|body| code(&body)).map(|c| format!(": {c}")).unwrap_or_default();
            let kind = if status == 408 { Kind::Transient } else { Kind::Unauthorized };
            return Err(self.failed(kind, format!("{place} answered {status}{code}")));
        }
        Ok((response, body.map_err(|e| self.unreached(&e))?))
    }

    /// Asks a service whose answer is JSON.
    pub(crate) async fn ask_json<T: DeserializeOwned>(
        self,
        client: &Client,
        request: Request,
    ) -> Result<T, Failure> {
        let (_, body) = self.ask(client, request).await?;
        self.json(&body)
    }

    /// Nothing of a malformed answer is shown: it may contain the token.
    pub(crate) fn json<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Failure> {
        json::from_slice(bytes, ANSWER).map_err(|_| self.denied("the answer is not the expected JSON"))
    }

    /// Leaves out the excerpt of the answer that is in the client's own message.
    pub(crate) fn unreached(self, error: &plimsoll_http::Error) -> Failure {
        use plimsoll_http::Error as E;
        let problem = match error {
            E::Status { call, status, .. } => format!("{call}: got {status}"),
            other => other.to_string(),
        };
        let kind = if error.kind() == Kind::Transient { Kind::Transient } else { Kind::Unauthorized };
        self.failed(kind, problem)
    }

    /// A small text file: a token, a key.
    pub(crate) fn file(self, path: &Path) -> Result<Vec<u8>, Failure> {
        let problem =
            |problem: String| self.denied(format!("{}: {problem}", shown(&path.display().to_string())));
        let file = File::open(path).map_err(|e| problem(e.to_string()))?;
        match read::to_end(file, ANSWER, "document_bytes", "the file") {
            Ok(bytes) => Ok(bytes),
            Err(read::Error::Io { source, .. }) => Err(problem(source.to_string())),
            Err(_) => Err(problem(format!("larger than {ANSWER} bytes"))),
        }
    }

    /// A file that holds one token.
    pub(crate) fn token_file(self, path: &Path) -> Result<Secret, Failure> {
        let bytes = self.file(path)?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        let text = text.trim();
        if text.is_empty() || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            let path = shown(&path.display().to_string());
            return Err(self.denied(format!("{path}: expected one token and nothing else")));
        }
        Ok(Secret::new(text))
    }

    /// An endpoint from the user's environment or files: https, or http on loopback. `named` says which
    /// setting names it.
    pub(crate) fn endpoint(self, named: &str, url: &str) -> Result<Url, Failure> {
        let refused = |why: &str| self.denied(format!("{named}: got {}, {why}", shown(url)));
        let url = Url::parse(url).map_err(|_| refused("expected a URL"))?;
        if url.scheme() == "https" || (url.scheme() == "http" && plimsoll_http::is_loopback(&url)) {
            return Ok(url);
        }
        Err(refused("expected an https URL (http only on loopback)"))
    }

    /// A header that a token goes into.
    pub(crate) fn header(self, text: &str) -> Result<HeaderValue, Failure> {
        sensitive(text).ok_or_else(|| self.denied("the token cannot be sent in a header"))
    }

    /// A token that must not be empty.
    pub(crate) fn token(self, token: String) -> Result<Secret, Failure> {
        if token.is_empty() { Err(self.denied("the answer holds no token")) } else { Ok(Secret::new(token)) }
    }
}

/// `POST` with form fields.
pub(crate) fn form(url: Url, fields: &[(&str, &str)]) -> Request {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let content = HeaderValue::from_static("application/x-www-form-urlencoded");
    Request::post(url, form.finish()).header(header::CONTENT_TYPE, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_points_have_tls_or_are_on_this_machine() {
        let step = Step { cloud: "Amazon", what: "asking", hint: "" };
        for good in ["https://sts.example/", "http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/"]
        {
            assert!(step.endpoint("X", good).is_ok(), "{good}");
        }
        for bad in ["http://sts.example/", "http://169.254.169.254/", "ftp://127.0.0.1/", "sts"] {
            let failure = step.endpoint("X", bad).unwrap_err();
            assert!(failure.problem.starts_with(&format!("X: got {bad}, expected ")), "{}", failure.problem);
        }
    }
}

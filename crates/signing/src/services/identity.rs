//! Identity tokens: who signs, as an OpenID provider attests.
//!
//! A token is a JSON Web Token that says "the bearer is me": whoever has it can sign as its subject until it expires.
//! It is read from where the user or the CI system provides it, checked before it is sent (size, audience, expiry),
//! sent only to the certificate authority, wiped from memory, and never shown. The authority, which knows the
//! providers' keys, checks its signature.
//!
//! | where from | how it is found |
//! | --- | --- |
//! | text, file | the caller names it |
//! | `SIGSTORE_ID_TOKEN` | any system; GitLab by `id_tokens:` in the job |
//! | GitHub Actions | `ACTIONS_ID_TOKEN_REQUEST_URL` and `…_TOKEN`, with `permissions: id-token: write` |
//! | Buildkite | the program `buildkite-agent`, where `BUILDKITE_AGENT_ACCESS_TOKEN` is set |
//! | Kubernetes | a projected service account token in [`KUBERNETES`] |
//! | SPIFFE | a JWT-SVID in the file that `SPIFFE_JWT_SVID_FILE` names |

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_core::{Kind, Timestamp, clock, json, read, text};
use plimsoll_http::{HeaderValue, Request, Settings, StatusCode, header};
use plimsoll_keys::Zeroizing;
use plimsoll_trust::base_url;
use serde::Deserialize;
use serde_json::Value;

use super::{Repeat, Services, Step};
use crate::Error;

/// The audience of a token for signing, unless an instance uses another one.
pub const AUDIENCE: &str = "sigstore";
/// Where a projected service account token is looked for, as cosign does.
pub const KUBERNETES: &str = "/var/run/sigstore/cosign/oidc-token";
/// Bytes of a token. Services bound theirs since CVE-2025-66506; tokens of CI systems have two thousand.
const MOST: usize = 16 * 1024;

/// A token that can be sent: fresh, and for the right audience.
pub struct IdentityToken {
    text: Zeroizing<String>,
    issuer: String,
    subject: String,
    email: Option<String>,
    expires: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMore,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl IdentityToken {
    /// Reads a token that came from `place`, and checks what can be checked without the provider's key.
    pub fn parse(token: &str, place: &str, audience: &str, now: Timestamp) -> Result<Self, Error> {
        Self::with_nonce(token, place, audience, now, None)
    }

    pub(super) fn with_nonce(
        token: &str,
        place: &str,
        audience: &str,
        now: Timestamp,
        nonce: Option<&str>,
    ) -> Result<Self, Error> {
        const FORM: &str = "it is not a JSON Web Token of three parts";
        let wrong = |problem: &str| wrong(place, problem.to_owned());
        let token = token.trim();
        if token.is_empty() {
            return Err(wrong("it is empty"));
        }
        if token.len() > MOST {
            return Err(wrong("it has more than 16 KiB"));
        }
        let mut parts = token.split('.');
        let (Some(head), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong(FORM));
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| wrong(FORM));
        let (head, claims, signature) = (decode(head)?, decode(claims)?, decode(signature)?);
        let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
        let head: Value = json::from_slice(&head, limit).map_err(|_| wrong(FORM))?;
        if signature.is_empty() || head.get("alg").and_then(Value::as_str).is_none_or(|alg| alg == "none") {
            return Err(wrong("it is not signed"));
        }
        // Not the parser's own message, which may quote claims.
        let claims: Claims = json::from_slice(&claims, limit)
            .map_err(|_| wrong("its claims are not JSON with `iss`, `sub`, `aud` and `exp`"))?;
        let is_meant = match &claims.aud {
            OneOrMore::One(one) => one == audience,
            OneOrMore::More(all) => all.iter().any(|one| one == audience),
        };
        if !is_meant {
            // A token for another audience, such as the cluster's own API, must not be sent (CVE-2026-49478).
            return Err(Error::TokenAudience {
                place: text::terminal(place).into_owned(),
                audience: audience.to_owned(),
            });
        }
        let at = |seconds: f64| Timestamp::from_second(whole(seconds)?).ok();
        let expires = at(claims.exp).ok_or_else(|| wrong("its `exp` is not a valid time"))?;
        if expires <= now {
            return Err(Error::TokenExpired { place: text::terminal(place).into_owned(), expired: expires });
        }
        if let Some(start) = claims.nbf {
            let start = at(start).ok_or_else(|| wrong("its `nbf` is not a valid time"))?;
            if start.duration_since(now) > clock::SKEW {
                return Err(wrong("it is not valid yet; check this machine's clock"));
            }
        }
        if nonce.is_some() && claims.nonce.as_deref() != nonce {
            return Err(wrong("its nonce belongs to another sign-in"));
        }
        let email = claims.email.filter(|address| !address.is_empty());
        let unverified = match &claims.email_verified {
            Some(Value::Bool(verified)) => !verified,
            Some(Value::String(verified)) => verified != "true",
            _ => true,
        };
        if email.is_some() && unverified {
            return Err(wrong("its e-mail address is not verified by the provider"));
        }
        if claims.sub.is_empty() || claims.iss.is_empty() {
            return Err(wrong("it names no issuer or no subject"));
        }
        Ok(Self {
            text: Zeroizing::new(token.to_owned()),
            issuer: claims.iss,
            subject: claims.sub,
            email,
            expires,
        })
    }

    /// Reads a token from a file.
    pub fn from_file(path: &Path, audience: &str, now: Timestamp) -> Result<Self, Error> {
        let place = path.display().to_string();
        let file = File::open(path).map_err(|source| Error::TokenFile { place: place.clone(), source })?;
        // The extra bytes are for trailing white space.
        let limit = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(64);
        let bytes = read::to_end(file, limit, "token", "the token").map(Zeroizing::new);
        let bytes =
            bytes.map_err(|_| wrong(&place, "it cannot be read, or has more than 16 KiB".to_owned()))?;
        let token = std::str::from_utf8(&bytes).map_err(|_| wrong(&place, "it is not text".to_owned()))?;
        Self::parse(token, &place, audience, now)
    }

    /// The OpenID provider.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The name under which the authority knows the bearer: the e-mail address, else the subject. The proof of
    /// possession signs it.
    pub fn subject(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.subject)
    }

    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// When it expires.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The value of an `Authorization` header, marked as secret.
    pub(super) fn bearer(&self) -> Result<HeaderValue, Error> {
        secret(&format!("Bearer {}", self.text.as_str()))
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

fn wrong(place: &str, problem: String) -> Error {
    Error::IdentityToken { place: text::terminal(place).into_owned(), problem }
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| wrong("the environment", "it cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Seconds since 1970, which some providers write with a fraction.
fn whole(seconds: f64) -> Option<i64> {
    // Until the year 9999.
    const LAST: f64 = 253_402_300_799.0;
    if !(0.0..=LAST).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 2^38")]
    Some(seconds as i64)
}

/// Where tokens are looked for by default: the environment of a CI job.
pub struct Sources<'a> {
    /// The environment's variables.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// How the CI system's token service is reached.
    pub http: Settings,
    /// Where a projected token is looked for: [`KUBERNETES`].
    pub kubernetes: &'a Path,
}

impl Sources<'_> {
    /// The token that the environment offers; `None` if it offers none. A failing offer is an error: signing as
    /// somebody other than the job is not an alternative.
    pub fn find(&self, audience: &str, now: Timestamp) -> Result<Option<IdentityToken>, Error> {
        if let Some(token) = self.set("SIGSTORE_ID_TOKEN") {
            return IdentityToken::parse(&token, "SIGSTORE_ID_TOKEN", audience, now).map(Some);
        }
        if let Some(url) = self.set("ACTIONS_ID_TOKEN_REQUEST_URL") {
            return self.github(&url, audience, now).map(Some);
        }
        if self.set("BUILDKITE_AGENT_ACCESS_TOKEN").is_some() {
            return buildkite(Path::new("buildkite-agent"), audience, now).map(Some);
        }
        if let Some(path) = self.set("SPIFFE_JWT_SVID_FILE") {
            return IdentityToken::from_file(Path::new(&path), audience, now).map(Some);
        }
        if self.kubernetes.exists() {
            return IdentityToken::from_file(self.kubernetes, audience, now).map(Some);
        }
        Ok(None)
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn github(&self, url: &str, audience: &str, now: Timestamp) -> Result<IdentityToken, Error> {
        const PLACE: &str = "GitHub Actions";
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        let Some(mut url) = base_url(url) else {
            return Err(wrong(PLACE, "ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL".to_owned()));
        };
        let step = Step {
            service: "GitHub Actions",
            place: &url.clone(),
            task: "give an identity token",
            repeat: Repeat::Harmless,
        };
        let Some(request_token) = self.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN") else {
            return Err(wrong(PLACE, "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set".to_owned()));
        };
        if !query.is_empty() {
            url.set_query(Some(query));
        }
        url.query_pairs_mut().append_pair("audience", audience);
        let authorization = secret(&format!("bearer {request_token}"))?;
        let request = Request::get(url).header(header::AUTHORIZATION, authorization);
        let answer = Services::new(self.http.clone())?.caller().send(&step, &request)?;
        answer.expect(&step, StatusCode::OK)?;
        let value = answer.json(&step)?;
        let token = value.get("value").and_then(Value::as_str);
        let token = token.ok_or_else(|| step.wrong("the answer has no token"))?;
        IdentityToken::parse(token, PLACE, audience, now)
    }
}

/// Asks Buildkite's agent, which asks its service.
fn buildkite(program: &Path, audience: &str, now: Timestamp) -> Result<IdentityToken, Error> {
    const PLACE: &str = "buildkite-agent";
    let failed = |problem: &str, kind: Kind| Error::SigningService {
        service: PLACE,
        place: program.display().to_string(),
        step: "give an identity token",
        problem: problem.to_owned(),
        kind,
        hint: Some("try it: buildkite-agent oidc request-token --audience sigstore".to_owned()),
    };
    let mut child = Command::new(program)
        .args(["oidc", "request-token", "--audience", audience])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| failed("it cannot be started", Kind::Failed))?;
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(64);
    let said =
        child.stdout.take().map(|pipe| read::to_end(pipe, limit, "token", "the token").map(Zeroizing::new));
    let Some(Ok(said)) = said else {
        // It may still be writing.
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed("it wrote more than 16 KiB", Kind::Failed));
    };
    let status = child.wait().map_err(|_| failed("it cannot be waited for", Kind::Failed))?;
    if !status.success() {
        return Err(failed("it failed", Kind::Unauthorized));
    }
    let token = std::str::from_utf8(&said).map_err(|_| wrong(PLACE, "it is not text".to_owned()))?;
    IdentityToken::parse(token, PLACE, audience, now)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn token(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmF0dXJl", part(&serde_json::json!({"alg": "RS256"})), part(claims))
    }

    fn now() -> Timestamp {
        "2026-01-15T12:00:00Z".parse().unwrap()
    }

    fn claims() -> Value {
        serde_json::json!({"iss": "https://i.example", "sub": "s3cret-subject", "aud": ["sigstore"], "exp": 1_768_478_460})
    }

    #[test]
    fn a_sound_token_and_what_it_is_refused_for() {
        let parse = |text: &str| IdentityToken::parse(text, "test", AUDIENCE, now());
        let sound = parse(&token(&claims())).unwrap();
        assert_eq!(sound.subject(), "s3cret-subject");
        assert!(!format!("{sound:?}").contains("c2lnbmF0dXJl"));
        for (name, value, says) in [
            ("aud", serde_json::json!("kubernetes"), "sigstore"),
            ("exp", serde_json::json!(1_768_478_400), "expired"),
            ("exp", serde_json::json!(1e300), "not a valid time"),
            ("nbf", serde_json::json!(1_768_479_000), "not valid yet"),
            ("email", serde_json::json!("a@b.example"), "not verified"),
            ("sub", serde_json::json!(""), "no subject"),
        ] {
            let mut claims = claims();
            claims[name] = value;
            let error = parse(&token(&claims)).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("s3cret"), "{name}: {error}");
        }
        for text in ["", "a.b", "a.b.c.d", "?.?.?", &"a".repeat(MOST + 1)] {
            assert!(matches!(parse(text), Err(Error::IdentityToken { .. })), "{text:.20}");
        }
        let unsigned = token(&claims()).replace(
            &URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
            &URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        );
        assert!(parse(&unsigned).unwrap_err().to_string().contains("not signed"));
        let twice = claims().to_string().replacen('{', r#"{"aud":"other","#, 1);
        let twice =
            format!("{}.{}.YQ", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(twice));
        assert!(parse(&twice).is_err(), "two audiences by one name");
    }

    #[test]
    fn buildkites_agent_is_asked_for_the_audience() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("agent");
        let script = |body: &str| {
            std::fs::write(&program, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        script(&format!(
            "[ \"$*\" = 'oidc request-token --audience sigstore' ] && echo {}",
            token(&claims())
        ));
        assert_eq!(buildkite(&program, AUDIENCE, now()).unwrap().issuer(), "https://i.example");
        script("exit 3");
        assert!(buildkite(&program, AUDIENCE, now()).unwrap_err().to_string().contains("it failed"));
        script("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done");
        assert!(buildkite(&program, AUDIENCE, now()).unwrap_err().to_string().contains("16 KiB"));
    }
}

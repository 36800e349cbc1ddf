//! Who this machine is to the clouds, and what their registries take for it.
//!
//! Owns which hosts are a cloud's registries, the exchanges that turn the machine's identity into credentials for one of
//! them, and how long those are kept. A file each: [`aws`] (ECR), [`google`] (Artifact Registry), [`azure`] (ACR).
//! Does not own credential files and helpers, which come first, nor when a registry wants to know who we are.
//!
//! Rules that hold for all three:
//! - Only a host that is a cloud's own registry by its whole name gets that cloud's credentials, and only over https; its
//!   token server gets them only when it is the very same host.
//! - End points come from the registry's name and the user's environment, never from an answer. They are https, or http
//!   on loopback. Redirects are not followed.
//! - Metadata services (`169.254.169.254` and the like) are asked when the environment names one, or when
//!   [`Mode::Metadata`] says so. A machine that is in no cloud would wait for them in vain.
//! - Of an answer that is a refusal, a message repeats the status and the error code: its other words may hold the token.

pub(crate) mod aws;
pub(crate) mod azure;
pub(crate) mod google;
mod jwt;
mod sigv4;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plimsoll_core::{Classify as _, Kind, Timestamp, json, read};
use plimsoll_http::{Client, HeaderValue, Request, Response, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::{Credentials, Secret};
use plimsoll_image::error::shown;

/// Bytes of an answer or of a file with a token or key. The largest tokens known have some 16 KiB.
const ANSWER: u64 = 64 * 1024;
/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a metadata service may take. It is on the same host; elsewhere nothing answers at all.
const NEAR: Duration = Duration::from_secs(1);
/// Credentials are not used in the last minutes of their life: a layer may take that long.
const MARGIN: Duration = Duration::from_mins(5);
/// For how long it is remembered that there is no identity, so that a hundred subjects do not ask a hundred times.
const REMEMBERED: Duration = Duration::from_secs(30);

/// When a cloud's identity is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Never.
    Off,
    /// Where the environment names one.
    #[default]
    Auto,
    /// The same, and otherwise the metadata service of the machine's cloud is asked.
    Metadata,
}

/// The identities of this machine. Clones share what was fetched.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    granted: Mutex<HashMap<String, Kept>>,
}

/// Looks an environment variable up.
type Variable = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// What the exchanges take from outside.
pub(crate) struct Environment {
    pub(crate) mode: Mode,
    variable: Box<Variable>,
    now: fn() -> Timestamp,
}

struct Kept {
    outcome: Result<Option<Credentials>, Failure>,
    until: Instant,
}

impl Cloud {
    /// As `mode` says, by environment variables and a clock. Nothing else is looked at before a registry asks.
    pub fn from_env(
        mode: Mode,
        variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
        now: fn() -> Timestamp,
    ) -> Self {
        let environment = Environment { mode, variable: Box::new(variable), now };
        Self { shared: Arc::new(Shared { environment, granted: Mutex::default() }) }
    }

    /// With the environment of this process.
    pub fn of_process(mode: Mode) -> Self {
        Self::from_env(mode, |name| std::env::var_os(name), plimsoll_core::clock::now)
    }

    /// The identity for a registry, by its host as references name it; `None` where it is no cloud's, or the user wants
    /// none. Asks nobody yet.
    pub fn identity(&self, host: &str) -> Option<CloudIdentity> {
        if self.shared.environment.mode == Mode::Off {
            return None;
        }
        Some(CloudIdentity { cloud: self.clone(), target: Target::of(host)? })
    }
}

/// What the clouds' other services are asked with: those that keep keys. The end point is the caller's matter.
impl Cloud {
    /// A call of Amazon's JSON protocol: `POST url` with this document, signed with the machine's keys. `None` where the
    /// environment has none.
    pub async fn amazon(
        &self,
        client: &Client,
        (service, region): (&str, &str),
        target: &str,
        url: Url,
        body: &[u8],
    ) -> Result<Option<Request>, Failure> {
        const STEP: Step = Step {
            cloud: aws::CLOUD,
            what: "signing a request",
            hint: "check the region, in the key's ARN or AWS_REGION",
        };
        if !aws::is_region(region) {
            return Err(STEP.denied(format!("got the region {}", shown(region))));
        }
        let Some(environment) = self.environment() else { return Ok(None) };
        let Some(keys) = aws::keys(environment, client, region).await? else { return Ok(None) };
        let call = aws::Call { service, region, target };
        aws::signed(STEP, environment, &keys, &call, url, body).map(Some)
    }

    /// An access token of Google's with the scope `cloud-platform`. `None` where the environment has no identity.
    pub async fn google(&self, client: &Client) -> Result<Option<Secret>, Failure> {
        let Some(environment) = self.environment() else { return Ok(None) };
        let fetched = google::credentials(environment, client).await?;
        Ok(fetched.and_then(|fetched| match fetched.credentials {
            Credentials::Password { password, .. } => Some(password),
            _ => None,
        }))
    }

    /// A token of Microsoft Entra for `audience`. `None` where the environment has no identity.
    pub async fn azure(&self, client: &Client, audience: &str) -> Result<Option<Secret>, Failure> {
        let Some(environment) = self.environment() else { return Ok(None) };
        azure::entra(environment, client, audience).await
    }

    fn environment(&self) -> Option<&Environment> {
        let environment = &self.shared.environment;
        (environment.mode != Mode::Off).then_some(environment)
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("mode", &self.shared.environment.mode).finish_non_exhaustive()
    }
}

/// The identity that this machine has for one registry, asked for when the registry wants to know it.
#[derive(Debug, Clone)]
pub struct CloudIdentity {
    cloud: Cloud,
    target: Target,
}

impl PartialEq for CloudIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cloud.shared, &other.cloud.shared) && self.target == other.target
    }
}

impl Eq for CloudIdentity {}

impl CloudIdentity {
    /// The credentials for `registry`, its own URL; `None` where the environment has no identity. Fetched once, and again
    /// shortly before they expire.
    pub(crate) async fn credentials(
        &self,
        client: &Client,
        registry: &Url,
    ) -> Result<Option<Credentials>, Failure> {
        // Whoever is on the way could take the credentials along.
        if registry.scheme() != "https" {
            let step = Step { cloud: self.target.cloud(), what: "sending credentials", hint: HTTPS };
            return Err(step.failed(Kind::Unauthorized, "they are not sent without TLS"));
        }
        // A mirror's configuration may have another host answer for a name; that host is not the cloud's.
        if registry.host_str().and_then(Target::of).as_ref() != Some(&self.target) {
            let host = registry.host_str().map(shown).unwrap_or_default();
            let step = Step { cloud: self.target.cloud(), what: "sending credentials", hint: OTHER_HOST };
            return Err(
                step.failed(Kind::Unauthorized, format!("{host} is not the registry that they are for"))
            );
        }
        // Held while fetching: several layers that start at once ask once.
        let mut granted = self.cloud.shared.granted.lock().await;
        let key = self.target.key(registry);
        if let Some(kept) = granted.get(&key).filter(|kept| Instant::now() < kept.until) {
            return kept.outcome.clone();
        }
        let environment = &self.cloud.shared.environment;
        let fetched = match &self.target {
            Target::Ecr(registry) => aws::credentials(environment, client, registry).await,
            Target::Google => google::credentials(environment, client).await,
            Target::Acr => azure::credentials(environment, client, registry).await,
        };
        let (outcome, life) = match fetched {
            Ok(Some(Fetched { credentials, life })) => (Ok(Some(credentials)), life.saturating_sub(MARGIN)),
            Ok(None) => (Ok(None), REMEMBERED),
            Err(failure) => (Err(failure), REMEMBERED),
        };
        let now = Instant::now();
        let until = now.checked_add(life).unwrap_or(now);
        granted.insert(key, Kept { outcome: outcome.clone(), until });
        outcome
    }
}

const OTHER_HOST: &str = "log in to that host itself, or take the mirror out of the configuration";
const HTTPS: &str = "leave out --insecure-registry for this host; cloud registries have TLS";

/// Whose registry it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Ecr(aws::Ecr),
    Google,
    Acr,
}

impl Target {
    /// By the whole name; the port does not matter, because the certificate is for the name.
    fn of(host: &str) -> Option<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
        if let Some(ecr) = aws::Ecr::of(&name) {
            Some(Self::Ecr(ecr))
        } else if google::is_registry(&name) {
            Some(Self::Google)
        } else if azure::is_registry(&name) {
            Some(Self::Acr)
        } else {
            None
        }
    }

    fn cloud(&self) -> &'static str {
        match self {
            Self::Ecr(_) => aws::CLOUD,
            Self::Google => google::CLOUD,
            Self::Acr => azure::CLOUD,
        }
    }

    /// What the credentials are good for, and no more: Google's for all its registries, Amazon's for a region's, Azure's
    /// for one registry.
    fn key(&self, registry: &Url) -> String {
        match self {
            Self::Ecr(ecr) => ecr.endpoint.clone(),
            Self::Google => "google".to_owned(),
            Self::Acr => registry.origin().ascii_serialization(),
        }
    }
}

/// Credentials and how long they live.
pub(crate) struct Fetched {
    pub(crate) credentials: Credentials,
    pub(crate) life: Duration,
}

/// Why there is no identity although the environment names one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// Whose identity it would be.
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
struct Step {
    cloud: &'static str,
    what: &'static str,
    hint: &'static str,
}

impl Step {
    fn failed(self, kind: Kind, problem: impl Into<String>) -> Failure {
        let Self { cloud, what, hint } = self;
        Failure { cloud, step: what.to_owned(), problem: problem.into(), hint, kind }
    }

    fn denied(self, problem: impl Into<String>) -> Failure {
        self.failed(Kind::Unauthorized, problem)
    }

    /// Asks a service. Any status but 200 is a failure.
    async fn ask(self, client: &Client, request: Request) -> Result<(Response, Bytes), Failure> {
        let request = if request.timeout.is_some() { request } else { request.timeout(PATIENCE) };
        let place = request.url.host_str().map(shown).unwrap_or_default();
        let mut response = client.send(request).await.map_err(|e| self.unreached(&e))?;
        let status = response.status.as_u16();
        let body = response.body.bytes(ANSWER).await;
        if status != 200 {
            // What cannot be read explains nothing; the status stands.
            let code = body.ok().and_then(|body| code(&body)).map(|c| format!(": {c}")).unwrap_or_default();
            let kind = if status == 408 { Kind::Transient } else { Kind::Unauthorized };
            return Err(self.failed(kind, format!("{place} answered {status}{code}")));
        }
        Ok((response, body.map_err(|e| self.unreached(&e))?))
    }

    /// Asks a service whose answer is JSON.
    async fn ask_json<T: DeserializeOwned>(self, client: &Client, request: Request) -> Result<T, Failure> {
        let (_, body) = self.ask(client, request).await?;
        self.json(&body)
    }

    /// Nothing of a malformed answer is shown: it may hold the token.
    fn json<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Failure> {
        json::from_slice(bytes, ANSWER).map_err(|_| self.denied("the answer is not the expected JSON"))
    }

    /// Without the excerpt of the answer that the client's own message has.
    fn unreached(self, error: &plimsoll_http::Error) -> Failure {
        use plimsoll_http::Error as E;
        let problem = match error {
            E::Status { call, status, .. } => format!("{call}: got {status}"),
            other => other.to_string(),
        };
        let kind = if error.kind() == Kind::Transient { Kind::Transient } else { Kind::Unauthorized };
        self.failed(kind, problem)
    }

    /// A small text file: a token, a key.
    fn file(self, path: &Path) -> Result<Vec<u8>, Failure> {
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
    fn token_file(self, path: &Path) -> Result<Secret, Failure> {
        let bytes = self.file(path)?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        let text = text.trim();
        if text.is_empty() || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            let path = shown(&path.display().to_string());
            return Err(self.denied(format!("{path}: expected one token and nothing else")));
        }
        Ok(Secret::new(text))
    }

    /// An end point that the user's environment or files name: https, or http on loopback. `named` says where.
    fn endpoint(self, named: &str, url: &str) -> Result<Url, Failure> {
        let refused = |why: &str| self.denied(format!("{named}: got {}, {why}", shown(url)));
        let url = Url::parse(url).map_err(|_| refused("expected a URL"))?;
        if url.scheme() == "https" || (url.scheme() == "http" && crate::repository::is_loopback(&url)) {
            return Ok(url);
        }
        Err(refused("expected an https URL (http only on loopback)"))
    }

    /// A header that a token goes into.
    fn header(self, text: &str) -> Result<HeaderValue, Failure> {
        super::sensitive(text).ok_or_else(|| self.denied("the token cannot stand in a header"))
    }

    /// A token that must not be empty.
    fn token(self, token: String) -> Result<Secret, Failure> {
        if token.is_empty() { Err(self.denied("the answer holds no token")) } else { Ok(Secret::new(token)) }
    }
}

impl Environment {
    /// A variable that is set and not empty.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).and_then(|v| v.into_string().ok()).filter(|v| !v.is_empty())
    }

    /// A path.
    fn path(&self, name: &str) -> Option<std::path::PathBuf> {
        (self.variable)(name).filter(|v| !v.is_empty()).map(Into::into)
    }

    fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// How long from now until `then`; nothing if it has passed.
    fn until(&self, then: Timestamp) -> Duration {
        Duration::try_from(then.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }
}

/// `POST` with form fields.
fn form(url: Url, fields: &[(&str, &str)]) -> Request {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let content = HeaderValue::from_static("application/x-www-form-urlencoded");
    Request::post(url, form.finish()).header(header::CONTENT_TYPE, content)
}

/// The error code of a refusal in any of the clouds' documents: OAuth's and Azure's `error`, Google's `error.status`,
/// Amazon's `__type`, `code` and `Code`, in JSON or XML. A code is a word; anything else is not shown.
pub fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        error: Option<serde_json::Value>,
        #[serde(default, rename = "__type")]
        kind: Option<String>,
        #[serde(default, alias = "Code")]
        code: Option<String>,
        #[serde(default)]
        errors: Vec<Refusal>,
    }
    fn found(refusal: Refusal) -> Option<String> {
        let error = refusal.error.and_then(|error| {
            let text = if error.is_object() { error.get("status")?.as_str() } else { error.as_str() };
            text.map(str::to_owned)
        });
        let nested = || refusal.errors.into_iter().next().and_then(found);
        error.or(refusal.kind).or(refusal.code).or_else(nested)
    }
    let text = match json::from_slice::<Refusal>(body, ANSWER) {
        Ok(refusal) => found(refusal)?,
        Err(_) => aws::element(std::str::from_utf8(body).ok()?, "Code")?.to_owned(),
    };
    // Amazon writes the name of the service before it: com.amazonaws.…#Name.
    let word = text.rsplit('#').next().unwrap_or_default();
    let is_word = (1..=64).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    is_word.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_name_is_a_clouds_registry() {
        for (host, cloud) in [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "Amazon"),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com:8443", "Amazon"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "Amazon"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "Amazon"),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "Amazon"),
            ("public.ecr.aws", "Amazon"),
            ("europe-west1-docker.pkg.dev", "Google"),
            ("gcr.io", "Google"),
            ("eu.gcr.io", "Google"),
            ("Contoso.azurecr.io", "Azure"),
            ("contoso.azurecr.cn", "Azure"),
            ("contoso.azurecr.us", "Azure"),
        ] {
            assert_eq!(Target::of(host).map(|t| t.cloud()), Some(cloud), "{host}");
        }
        for host in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
            "evil-123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.evilamazonaws.com",
            "123456789012.dkr.ecr.a.b.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "12345678901.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr-ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.on.aws",
            "x.public.ecr.aws",
            "ecr.aws",
            "docker.pkg.dev",
            "-docker.pkg.dev",
            "a.b-docker.pkg.dev",
            "europe-west1-python.pkg.dev",
            "evilgcr.io",
            "a.b.gcr.io",
            "gcr.io.evil.example",
            "azurecr.io",
            "evilazurecr.io",
            "a.b.azurecr.io",
            "contoso.azurecr.io.evil.example",
            "contoso.azurecr.de",
            "registry.example",
        ] {
            assert!(Target::of(host).is_none(), "{host}");
        }
    }

    #[test]
    fn a_host_that_answers_for_a_cloud_gets_nothing() {
        let cloud = Cloud::from_env(Mode::Auto, |_| None, plimsoll_core::clock::now);
        let identity = cloud.identity("gcr.io").unwrap();
        let client = Client::new(plimsoll_http::Settings::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (base, expected) in [
            ("https://mirror.example/v2/", "mirror.example is not the registry that they are for"),
            ("https://contoso.azurecr.io/v2/", "contoso.azurecr.io is not the registry that they are for"),
            ("http://gcr.io/v2/", "they are not sent without TLS"),
        ] {
            let base = Url::parse(base).unwrap();
            let failure = runtime.block_on(identity.credentials(&client, &base)).unwrap_err();
            assert_eq!(failure.problem, expected);
        }
    }

    #[test]
    fn the_mode_is_the_users() {
        let cloud = |mode| Cloud::from_env(mode, |_| None, plimsoll_core::clock::now);
        assert!(cloud(Mode::Off).identity("gcr.io").is_none());
        assert!(cloud(Mode::Auto).identity("gcr.io").is_some());
        assert!(cloud(Mode::default()).identity("gcr.io").is_some());
        assert!(cloud(Mode::default()).identity("registry.example").is_none());
    }

    #[test]
    fn a_refusal_is_shown_by_its_code_alone() {
        for (body, expected) in [
            (r#"{"error":"invalid_client","error_description":"s3cret"}"#, Some("invalid_client")),
            (
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"s3cret"}}"#,
                Some("PERMISSION_DENIED"),
            ),
            (
                r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException"}"#,
                Some("UnrecognizedClientException"),
            ),
            (
                r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"x"}"#,
                Some("AssumeRoleUnauthorizedAccess"),
            ),
            (r#"{"errors":[{"code":"UNAUTHORIZED","message":"s3cret"}]}"#, Some("UNAUTHORIZED")),
            (
                "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>",
                Some("ExpiredTokenException"),
            ),
            (r#"{"error":"token s3cret refused"}"#, None),
            ("<Code>\u{1b}[2J</Code>", None),
            ("s3cret", None),
        ] {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

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

//! Google Artifact Registry and Container Registry: an OAuth2 access token is the password.
//!
//! The identity is the one of the *application default credentials*:
//! 1. the file that `GOOGLE_APPLICATION_CREDENTIALS` names, otherwise the one that
//!    `gcloud auth application-default login` writes: a service account's key (JWT grant, RFC 7523), workload
//!    identity federation (token exchange, RFC 8693, with or without impersonation), or a user's refresh token
//! 2. the metadata server (GCE, GKE workload identity), if the user enables it
//!
//! ```json
//! {"type": "external_account", "audience": "//iam.googleapis.com/projects/1/…/providers/ci",
//!  "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "https://sts.googleapis.com/v1/token",
//!  "credential_source": {"file": "/var/run/token"}}
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_core::Timestamp;
use plimsoll_core::text::shown;
use plimsoll_http::{Client, HeaderName, HeaderValue, Request, Url, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::environment::{Environment, Mode};
use crate::jwt;
use crate::login::{Login, TimedLogin, basic};
use crate::secret::Secret;
use crate::step::{Failure, NEAR, Step, form};

pub(super) const CLOUD: &str = "Google";

/// The user name of every access token.
const USER: &str = "oauth2accesstoken";
/// The scope that Artifact Registry requires for reading and writing. The identity's roles decide what it may do.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const METADATA: &str = "metadata.google.internal";
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");

/// `<location>-docker.pkg.dev`, `gcr.io` or `<location>.gcr.io`.
pub(super) fn is_registry(host: &str) -> bool {
    let label = |text: &str| !text.is_empty() && !text.contains('.');
    host == "gcr.io"
        || host.strip_suffix("-docker.pkg.dev").is_some_and(label)
        || host.strip_suffix(".gcr.io").is_some_and(label)
}

/// A credentials file, as far as it is understood.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount {
        client_email: String,
        private_key: Key,
        #[serde(default)]
        private_key_id: String,
        token_uri: Option<String>,
    },
    ExternalAccount(Box<External>),
    AuthorizedUser {
        client_id: String,
        client_secret: Key,
        refresh_token: Key,
        token_uri: Option<String>,
    },
    #[serde(other)]
    Other,
}

/// A secret in a file.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key(String);

#[derive(Deserialize)]
struct External {
    audience: String,
    subject_token_type: String,
    token_url: String,
    #[serde(default)]
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<Key>,
    credential_source: Subject,
}

/// Where the foreign token comes from.
#[derive(Deserialize)]
struct Subject {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
struct Format {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    subject_token_field_name: String,
}

/// The answer of every token endpoint.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

impl Answer {
    fn fetched(self, step: Step) -> Result<TimedLogin, Failure> {
        let token = step.token(self.access_token)?;
        let life = Duration::from_secs(self.expires_in.unwrap_or_default());
        Ok(TimedLogin { login: Login::password(USER, token.reveal()), life })
    }
}

/// An access token as a password; `None` if the environment has no identity.
pub(super) async fn credentials(
    environment: &Environment,
    client: &Client,
) -> Result<Option<TimedLogin>, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "reading the application default credentials",
        hint: "set GOOGLE_APPLICATION_CREDENTIALS to the key of a service account or to a workload identity configuration",
    };
    let named = environment.path("GOOGLE_APPLICATION_CREDENTIALS");
    let usual = || {
        let folder = environment.path("CLOUDSDK_CONFIG");
        let folder = folder.or_else(|| environment.path("HOME").map(|home| home.join(".config/gcloud")));
        folder.map(|f| f.join("application_default_credentials.json")).filter(|file| file.exists())
    };
    let Some(path) = named.or_else(usual) else {
        return match environment.mode {
            Mode::Metadata => metadata(environment, client).await.map(Some),
            _ => Ok(None),
        };
    };
    let place = shown(&path.display().to_string());
    let bytes = STEP.file(&path)?;
    // Not the parser's own message: it may quote a part of the key.
    let file: File = plimsoll_core::json::from_slice(&bytes, crate::refusal::ANSWER)
        .map_err(|_| STEP.denied(format!("{place} is not a credentials file")))?;
    match file {
        File::ServiceAccount { client_email, private_key, private_key_id, token_uri } => {
            let account = Account { email: &client_email, key: &private_key.0, key_id: &private_key_id };
            service_account(environment, client, account, token_uri.as_deref()).await
        }
        File::ExternalAccount(external) => federated(environment, client, &external, &path).await,
        File::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
            const STEP: Step = Step {
                cloud: CLOUD,
                what: "renewing the user's access token",
                hint: "run `gcloud auth application-default login` again",
            };
            let url = STEP.endpoint("token_uri", token_uri.as_deref().unwrap_or(TOKEN_URI))?;
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", &client_id),
                ("client_secret", &client_secret.0),
                ("refresh_token", &refresh_token.0),
            ];
            STEP.ask_json::<Answer>(client, form(url, &fields)).await?.fetched(STEP)
        }
        File::Other => Err(STEP.denied(format!(
            "{place} has a type other than service_account, external_account and authorized_user"
        ))),
    }
    .map(Some)
}

struct Account<'a> {
    email: &'a str,
    key: &'a str,
    key_id: &'a str,
}

/// A service account's key signs for it (RFC 7523).
async fn service_account(
    environment: &Environment,
    client: &Client,
    account: Account<'_>,
    token_uri: Option<&str>,
) -> Result<TimedLogin, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking for the service account's access token",
        hint: "check that the key still exists, and this machine's clock",
    };
    let text = token_uri.unwrap_or(TOKEN_URI);
    let url = STEP.endpoint("token_uri", text)?;
    let now = environment.now().as_second();
    // The audience as the file spells it: `Url` would add a slash.
    let claims = json!({"iss": account.email, "scope": SCOPE, "aud": text, "iat": now, "exp": now.saturating_add(3600)});
    let assertion =
        jwt::signed(account.key, account.key_id, &claims).map_err(|problem| STEP.denied(problem))?;
    let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &*assertion)];
    STEP.ask_json::<Answer>(client, form(url, &fields)).await?.fetched(STEP)
}

/// Workload identity federation: a foreign token is exchanged for an access token, and that token for a
/// service account's if the file names one.
async fn federated(
    environment: &Environment,
    client: &Client,
    external: &External,
    place: &Path,
) -> Result<TimedLogin, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "exchanging the workload's token for an access token",
        hint: "check the audience in the file, and the conditions of the workload identity pool's provider",
    };
    let url = STEP.endpoint("token_url", &external.token_url)?;
    let subject = subject(environment, client, &external.credential_source, place).await?;
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", &*external.audience),
        ("scope", SCOPE),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", subject.reveal()),
        ("subject_token_type", &external.subject_token_type),
    ];
    let mut request = form(url, &fields);
    if let (Some(id), Some(secret)) = (&external.client_id, &external.client_secret)
        && let Some(basic) = basic(id, &Secret::new(&*secret.0))
    {
        request = request.header(header::AUTHORIZATION, basic);
    }
    let answer: Answer = STEP.ask_json(client, request).await?;
    match &external.service_account_impersonation_url {
        None => answer.fetched(STEP),
        Some(url) => impersonated(environment, client, url, STEP.token(answer.access_token)?).await,
    }
}

async fn impersonated(
    environment: &Environment,
    client: &Client,
    url: &str,
    token: Secret,
) -> Result<TimedLogin, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "accessToken")]
        token: String,
        #[serde(rename = "expireTime")]
        expires: Timestamp,
    }
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking for the access token of the service account to impersonate",
        hint: "give the workload's principal the role roles/iam.workloadIdentityUser on the service account",
    };
    let url = STEP.endpoint("service_account_impersonation_url", url)?;
    let body = json!({"scope": [SCOPE], "lifetime": "3600s"}).to_string();
    let request = Request::post(url, body)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(header::AUTHORIZATION, STEP.header(&format!("Bearer {}", token.reveal()))?);
    let answer: Answer = STEP.ask_json(client, request).await?;
    let token = STEP.token(answer.token)?;
    let life = environment.until(answer.expires);
    Ok(TimedLogin { login: Login::password(USER, token.reveal()), life })
}

/// The foreign token, from a file or a URL, as text or a field of JSON.
async fn subject(
    environment: &Environment,
    client: &Client,
    source: &Subject,
    place: &Path,
) -> Result<Secret, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "getting the workload's token",
        hint: "check credential_source in the file that GOOGLE_APPLICATION_CREDENTIALS names",
    };
    let bytes = match (&source.file, &source.url) {
        (Some(file), None) => STEP.file(file)?,
        (None, Some(url)) => {
            let mut request = match metadata_url(environment, url) {
                Some(url) => Request::get(url).to_metadata_service(),
                None => Request::get(STEP.endpoint("credential_source.url", url)?),
            };
            for (name, value) in &source.headers {
                let name = HeaderName::try_from(name.as_str())
                    .map_err(|_| STEP.denied("credential_source.headers has an invalid name"))?;
                request = request.header(name, STEP.header(value)?);
            }
            STEP.ask(client, request).await?.1.to_vec()
        }
        _ => {
            return Err(STEP.denied(format!(
                "credential_source in {} has no file and no url; programs, certificates and Amazon's metadata are not \
                 supported",
                shown(&place.display().to_string())
            )));
        }
    };
    let token = if source.format.kind == "json" {
        let document: Value = STEP.json(&bytes)?;
        let field = document.get(&source.format.subject_token_field_name).and_then(Value::as_str);
        field.map(str::to_owned).ok_or_else(|| {
            STEP.denied(format!("no field {} in it", shown(&source.format.subject_token_field_name)))
        })?
    } else {
        String::from_utf8(bytes).map_err(|_| STEP.denied("it is not text"))?.trim().to_owned()
    };
    STEP.token(token)
}

/// The URL of a metadata service (Azure's, for a federation with it), if the user enables those.
fn metadata_url(environment: &Environment, url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let is_near = url.scheme() == "http" && url.host_str() == Some("169.254.169.254");
    (is_near && environment.mode == Mode::Metadata).then_some(url)
}

/// The metadata server's token for the machine's or the pod's service account.
async fn metadata(environment: &Environment, client: &Client) -> Result<TimedLogin, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking the metadata server for an access token",
        hint: "do not use --cloud-identity metadata on a machine that is not Google's, or give it a service account",
    };
    let host = environment.get("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let url = Url::parse(&url)
        .map_err(|_| STEP.denied(format!("GCE_METADATA_HOST: got {}, expected HOST[:PORT]", shown(&host))))?;
    let request = Request::get(url)
        .to_metadata_service()
        .timeout(NEAR)
        .header(FLAVOR, HeaderValue::from_static("Google"));
    let (response, body) = STEP.ask(client, request).await?;
    // Anything else at that address is not a metadata server.
    if response.header(&FLAVOR) != Some("Google") {
        return Err(STEP.denied("the answer does not say Metadata-Flavor: Google"));
    }
    STEP.json::<Answer>(&body)?.fetched(STEP)
}

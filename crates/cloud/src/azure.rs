//! Azure Container Registry: a Microsoft Entra token is exchanged for an identity token of the registry.
//!
//! The Entra token comes from the first of these that the environment names:
//! 1. workload identity: `AZURE_FEDERATED_TOKEN_FILE` with `AZURE_CLIENT_ID` and `AZURE_TENANT_ID` (AKS, CI systems)
//! 2. `AZURE_CLIENT_SECRET` with the same two variables
//! 3. managed identity of an app: `IDENTITY_ENDPOINT` with `IDENTITY_HEADER`
//! 4. managed identity of the machine, from its metadata service, if the user enables it
//!
//! Then the registry's own `POST /oauth2/exchange` turns it into a refresh token, which the usual token flow turns into
//! an access token.

use std::time::Duration;

use plimsoll_core::Timestamp;
use plimsoll_core::text::shown;
use plimsoll_http::{Client, HeaderName, HeaderValue, Request, Url};
use serde::Deserialize;

use crate::environment::{Environment, Mode};
use crate::jwt;
use crate::login::{Login, TimedLogin};
use crate::secret::Secret;
use crate::step::{Failure, NEAR, Step, form};

pub(super) const CLOUD: &str = "Azure";

/// The audience of the Entra token. Every registry accepts it, even where tokens for the resource manager are switched
/// off.
const AUDIENCE: &str = "https://containerregistry.azure.net";
const AUTHORITY: &str = "https://login.microsoftonline.com/";
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// How long a refresh token without an expiry is kept; real ones live for three hours.
const UNSAID: Duration = Duration::from_mins(10);

/// `<name>.azurecr.io`, `.cn` or `.us`.
pub(super) fn is_registry(host: &str) -> bool {
    [".azurecr.io", ".azurecr.cn", ".azurecr.us"]
        .iter()
        .filter_map(|suffix| host.strip_suffix(suffix))
        .any(|name| !name.is_empty() && !name.contains('.'))
}

/// An identity token of `registry`; `None` if the environment has no identity.
pub(super) async fn credentials(
    environment: &Environment,
    client: &Client,
    registry: &Url,
) -> Result<Option<TimedLogin>, Failure> {
    match entra(environment, client, AUDIENCE).await? {
        Some(token) => exchange(environment, client, registry, &token).await.map(Some),
        None => Ok(None),
    }
}

/// The exchange at the registry.
async fn exchange(
    environment: &Environment,
    client: &Client,
    registry: &Url,
    token: &Secret,
) -> Result<TimedLogin, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        refresh_token: String,
    }
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "exchanging the Entra token at the registry",
        hint: "give the identity the role AcrPull (or AcrPush) on the registry, and check AZURE_TENANT_ID",
    };
    let url =
        registry.join("/oauth2/exchange").map_err(|_| STEP.denied("the URL of the exchange is not valid"))?;
    let service = registry.host_str().unwrap_or_default();
    let tenant = environment.get("AZURE_TENANT_ID");
    let mut fields = vec![("grant_type", "access_token"), ("service", service)];
    fields.extend(tenant.as_deref().map(|tenant| ("tenant", tenant)));
    fields.push(("access_token", token.reveal()));
    let answer: Answer = STEP.ask_json(client, form(url, &fields)).await?;
    let token = STEP.token(answer.refresh_token)?;
    let expires = jwt::expiry(token.reveal()).and_then(|second| Timestamp::from_second(second).ok());
    let life = expires.map_or(UNSAID, |then| environment.until(then));
    Ok(TimedLogin { login: Login::IdentityToken(token), life })
}

/// The exchange at Microsoft Entra. `expires_in` is ignored: the token is used at once and then dropped.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
}

pub(super) async fn entra(
    environment: &Environment,
    client: &Client,
    audience: &str,
) -> Result<Option<Secret>, Failure> {
    if let Some(file) = environment.path("AZURE_FEDERATED_TOKEN_FILE") {
        const STEP: Step = Step {
            cloud: CLOUD,
            what: "exchanging the workload's token at Microsoft Entra",
            hint: "check AZURE_CLIENT_ID, AZURE_TENANT_ID, and the federated credential of that identity",
        };
        let assertion = STEP.token_file(&file)?;
        let fields = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.reveal()),
        ];
        return client_credentials(STEP, environment, client, audience, &fields).await.map(Some);
    }
    if let Some(secret) = environment.get("AZURE_CLIENT_SECRET") {
        const STEP: Step = Step {
            cloud: CLOUD,
            what: "logging in to Microsoft Entra with AZURE_CLIENT_SECRET",
            hint: "check AZURE_CLIENT_ID, AZURE_TENANT_ID, and that the secret has not expired",
        };
        let proof = [("client_secret", &*secret)];
        return client_credentials(STEP, environment, client, audience, &proof).await.map(Some);
    }
    if let Some(endpoint) = environment.get("IDENTITY_ENDPOINT") {
        return app(environment, client, audience, &endpoint).await.map(Some);
    }
    if environment.mode == Mode::Metadata {
        return machine(environment, client, audience).await.map(Some);
    }
    Ok(None)
}

/// The grant `client_credentials`, with the proof that we are that client.
async fn client_credentials(
    step: Step,
    environment: &Environment,
    client: &Client,
    audience: &str,
    proof: &[(&str, &str)],
) -> Result<Secret, Failure> {
    let needed = |name: &str| environment.get(name).ok_or_else(|| step.denied(format!("{name} is not set")));
    let (id, tenant) = (needed("AZURE_CLIENT_ID")?, needed("AZURE_TENANT_ID")?);
    if !tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) || tenant.starts_with('.') {
        return Err(step.denied(format!("AZURE_TENANT_ID: got {}, expected a tenant's ID", shown(&tenant))));
    }
    let authority = environment.get("AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
    let url = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
    let url = step.endpoint("AZURE_AUTHORITY_HOST", &url)?;
    let scope = format!("{audience}/.default");
    let mut fields = vec![("grant_type", "client_credentials"), ("client_id", &*id), ("scope", &*scope)];
    fields.extend(proof);
    let answer: Answer = step.ask_json(client, form(url, &fields)).await?;
    step.token(answer.access_token)
}

/// The managed identity of an App Service, Function or Container App.
async fn app(
    environment: &Environment,
    client: &Client,
    audience: &str,
    endpoint: &str,
) -> Result<Secret, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking the app's identity endpoint",
        hint: "give the app a managed identity; for a user-assigned one, name it in AZURE_CLIENT_ID",
    };
    let header = environment
        .get("IDENTITY_HEADER")
        .ok_or_else(|| STEP.denied("IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not"))?;
    let url = Url::parse(endpoint)
        .map_err(|_| STEP.denied(format!("IDENTITY_ENDPOINT: got {}, expected a URL", shown(endpoint))))?;
    let url = resource(environment, url, "2019-08-01", audience);
    // It is on this machine or next to it; the client enforces that.
    let request = Request::get(url)
        .to_metadata_service()
        .header(HeaderName::from_static("x-identity-header"), STEP.header(&header)?);
    STEP.token(STEP.ask_json::<Answer>(client, request).await?.access_token)
}

/// The managed identity of a virtual machine.
async fn machine(environment: &Environment, client: &Client, audience: &str) -> Result<Secret, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking the machine's metadata service for its managed identity",
        hint: "do not use --cloud-identity metadata on a machine that is not Azure's, or give it a managed identity",
    };
    let base = match environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") {
        Some(host) => format!("{}/metadata/identity/oauth2/token", host.trim_end_matches('/')),
        None => IMDS.to_owned(),
    };
    let url = Url::parse(&base).map_err(|_| {
        STEP.denied(format!("AZURE_POD_IDENTITY_AUTHORITY_HOST: got {}, expected a URL", shown(&base)))
    })?;
    // It refuses a request without the header at once, but may take long to issue a token.
    let probe = Request::get(url.clone()).to_metadata_service().timeout(NEAR);
    client.send(probe).await.map_err(|e| STEP.unreached(&e))?;
    let url = resource(environment, url, "2018-02-01", audience);
    let request = Request::get(url)
        .to_metadata_service()
        .header(HeaderName::from_static("metadata"), HeaderValue::from_static("true"));
    STEP.token(STEP.ask_json::<Answer>(client, request).await?.access_token)
}

/// The request for a managed identity's token.
fn resource(environment: &Environment, mut url: Url, version: &str, audience: &str) -> Url {
    url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", audience);
    if let Some(id) = environment.get("AZURE_CLIENT_ID") {
        url.query_pairs_mut().append_pair("client_id", &id);
    }
    url
}

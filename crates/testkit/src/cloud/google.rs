//! Google: the token endpoint, the security token service, impersonation, the metadata server.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Issuer, Service, form, later, reply, seconds};
use crate::{Answer, Request};

const EMAIL: &str = "scan@project.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const AUDIENCE: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci";
const FEDERATED: &str = "ya29.federated";

/// A running stand-in.
pub struct Google {
    service: Service,
    account: Arc<Issuer>,
    foreign: Arc<Issuer>,
}

impl Google {
    /// The access token that every way leads to.
    pub const TOKEN: &'static str = "ya29.acc3ss";

    /// Starts it.
    pub fn start() -> Self {
        let (account, foreign) = (Arc::new(Issuer::new()), Arc::new(Issuer::new()));
        let (a, f) = (Arc::clone(&account), Arc::clone(&foreign));
        Self { service: Service::start(move |request| answer(request, &a, &f)), account, foreign }
    }

    /// The service, for its URL and log.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The credentials file of a service account.
    pub fn service_account(&self) -> Value {
        json!({
            "type": "service_account", "project_id": "project", "private_key_id": "1",
            "private_key": self.account.pem(), "client_email": EMAIL, "client_id": "1",
            "token_uri": format!("{}/token", self.service.url())
        })
    }

    /// The credentials file of a user who logged in.
    pub fn authorized_user(&self) -> Value {
        json!({
            "type": "authorized_user", "client_id": "client", "client_secret": "client-s3cret",
            "refresh_token": "1//r3fresh", "token_uri": format!("{}/token", self.service.url())
        })
    }

    /// A workload identity configuration that reads the foreign token from `source`.
    pub fn external_account(&self, source: &Value, impersonate: bool) -> Value {
        let mut file = json!({
            "type": "external_account", "audience": AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{}/v1/token", self.service.url()), "credential_source": source
        });
        if impersonate {
            let url =
                format!("{}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken", self.service.url());
            file["service_account_impersonation_url"] = url.into();
        }
        file
    }

    /// A foreign token that the workload identity pool trusts.
    pub fn foreign_token(&self) -> String {
        self.foreign.for_audience("google-pool")
    }
}

fn answer(request: &Request, account: &Issuer, foreign: &Issuer) -> Answer {
    match (request.method.as_str(), request.path()) {
        ("POST", "/token") => token(request, account),
        ("POST", "/v1/token") => exchange(request, foreign),
        ("POST", path) if path.ends_with(&format!("/serviceAccounts/{EMAIL}:generateAccessToken")) => {
            impersonate(request)
        }
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") => {
            if request.header("metadata-flavor") != Some("Google")
                || request.header("x-forwarded-for").is_some()
            {
                return Answer::new(403);
            }
            granted(Google::TOKEN).header("Metadata-Flavor", "Google")
        }
        ("GET", "/subject") if request.header("x-workload") == Some("ci") => {
            reply(200, &json!({"value": foreign.for_audience("google-pool")}))
        }
        _ => Answer::new(404),
    }
}

fn granted(token: &str) -> Answer {
    reply(200, &json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
}

fn refused(code: &str) -> Answer {
    reply(400, &json!({"error": code, "error_description": "a description that may quote the token"}))
}

fn token(request: &Request, account: &Issuer) -> Answer {
    let Some(form) = form(request) else { return refused("invalid_request") };
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    match field("grant_type") {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let audience = format!("http://{}/token", request.header("host").unwrap_or_default());
            let Some(claims) = account.verify(field("assertion"), &audience) else {
                return refused("invalid_grant");
            };
            let (from, to) =
                (claims["iat"].as_i64().unwrap_or(0), claims["exp"].as_i64().unwrap_or(i64::MAX));
            if claims["iss"] != EMAIL || to - from > 3600 || from > seconds() + 60 {
                return refused("invalid_grant");
            }
            if claims["scope"] != SCOPE {
                return refused("invalid_scope");
            }
            granted(Google::TOKEN)
        }
        "refresh_token" if field("client_id") == "client" && field("client_secret") == "client-s3cret" => {
            if field("refresh_token") == "1//r3fresh" {
                granted(Google::TOKEN)
            } else {
                refused("invalid_grant")
            }
        }
        "refresh_token" => refused("invalid_client"),
        _ => refused("unsupported_grant_type"),
    }
}

fn exchange(request: &Request, foreign: &Issuer) -> Answer {
    let Some(form) = form(request) else { return refused("invalid_request") };
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let holds = request.header("authorization").is_none()
        && field("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
        && field("requested_token_type") == "urn:ietf:params:oauth:token-type:access_token"
        && field("subject_token_type") == "urn:ietf:params:oauth:token-type:jwt"
        && field("scope") == SCOPE;
    if !holds {
        return refused("invalid_request");
    }
    if field("audience") != AUDIENCE {
        return refused("invalid_target");
    }
    if foreign.verify(field("subject_token"), "google-pool").is_none() {
        return refused("invalid_grant");
    }
    // The pool's own token opens the registry too, if the principal itself has the role.
    granted(FEDERATED)
}

fn impersonate(request: &Request) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if request.header("authorization") != Some(&format!("Bearer {FEDERATED}")) {
        return reply(401, &json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "x"}}));
    }
    if body["scope"] != json!([SCOPE]) {
        return reply(400, &json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "x"}}));
    }
    reply(200, &json!({"accessToken": Google::TOKEN, "expireTime": later(3600).to_string()}))
}

impl Google {
    /// The access token of the workload identity pool itself, without impersonation.
    pub const FEDERATED: &'static str = FEDERATED;
}

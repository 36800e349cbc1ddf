//! Azure: Microsoft Entra, managed identities, and the exchange at a registry.

use std::sync::Arc;

use serde_json::json;

use super::{Issuer, Service, form, reply, seconds};
use crate::{Answer, Request};

const TENANT: &str = "409520d4-8100-4d1d-ad47-72432ddcc120";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const SECRET: &str = "client-s3cret";
const RESOURCE: &str = "https://containerregistry.azure.net";
const APP_HEADER: &str = "app-header";

/// A running stand-in.
pub struct Azure {
    service: Service,
    workload: Arc<Issuer>,
    entra: Arc<Issuer>,
    refresh: String,
}

impl Azure {
    /// Starts it for the registry `host` (without port).
    pub fn start(host: &str) -> Self {
        let (workload, entra) = (Arc::new(Issuer::new()), Arc::new(Issuer::new()));
        let now = seconds();
        let refresh = json!({
            "aud": host, "iat": now, "exp": now + 10_800, "tenant": TENANT, "grant_type": "refresh_token"
        });
        let refresh = Issuer::new().token(&refresh);
        let (w, e) = (Arc::clone(&workload), Arc::clone(&entra));
        Self { service: Service::start(move |request| answer(request, &w, &e)), workload, entra, refresh }
    }

    /// The service, for its URL and log.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The identity token that the registry's exchange gives, for [`crate::RegistryBuilder::identity_token`].
    pub fn refresh_token(&self) -> &str {
        &self.refresh
    }

    /// A token that the federated credential trusts.
    pub fn workload_token(&self) -> String {
        self.workload.for_audience("api://AzureADTokenExchange")
    }

    /// Tenant, client and authority.
    pub fn client(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_TENANT_ID", TENANT.to_owned()),
            ("AZURE_CLIENT_ID", CLIENT.to_owned()),
            ("AZURE_AUTHORITY_HOST", self.service.url()),
        ]
    }

    /// The same with the client's secret.
    pub fn client_with_secret(&self) -> Vec<(&'static str, String)> {
        let mut set = self.client();
        set.push(("AZURE_CLIENT_SECRET", SECRET.to_owned()));
        set
    }

    /// The managed identity of an app.
    pub fn app(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_TENANT_ID", TENANT.to_owned()),
            ("IDENTITY_ENDPOINT", format!("{}/msi/token", self.service.url())),
            ("IDENTITY_HEADER", APP_HEADER.to_owned()),
        ]
    }

    /// The managed identity of a machine.
    pub fn machine(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_TENANT_ID", TENANT.to_owned()),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", self.service.url()),
        ]
    }

    /// The answer of the registry `host` to `POST /oauth2/exchange`, for [`crate::RegistryBuilder::also`].
    pub fn exchange(&self, host: &str) -> impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static {
        let (entra, refresh, host) = (Arc::clone(&self.entra), self.refresh.clone(), host.to_owned());
        move |request| {
            if request.method != "POST" || request.path() != "/oauth2/exchange" {
                return None;
            }
            let refused = |code: &str| {
                Some(reply(401, &json!({"errors": [{"code": code, "message": "may quote the token"}]})))
            };
            let Some(form) = form(request) else { return refused("BAD_REQUEST") };
            let field = |name: &str| form.get(name).map_or("", String::as_str);
            if field("grant_type") != "access_token" || field("service") != host || field("tenant") != TENANT
            {
                return refused("BAD_REQUEST");
            }
            if entra.verify(field("access_token"), RESOURCE).is_none() {
                return refused("UNAUTHORIZED");
            }
            Some(reply(200, &json!({"refresh_token": refresh})))
        }
    }
}

fn answer(request: &Request, workload: &Issuer, entra: &Issuer) -> Answer {
    let granted = || {
        reply(
            200,
            &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": entra.for_audience(RESOURCE)}),
        )
    };
    let resource = request.query("resource");
    let version = request.query("api-version");
    let bad = |code: &str| reply(400, &json!({"error": code, "error_description": "may quote the token"}));
    match (request.method.as_str(), request.path()) {
        ("POST", path) if path == format!("/{TENANT}/oauth2/v2.0/token") => {
            let Some(form) = form(request) else { return bad("invalid_request") };
            let field = |name: &str| form.get(name).map_or("", String::as_str);
            if field("grant_type") != "client_credentials" {
                return bad("unsupported_grant_type");
            }
            if field("scope") != format!("{RESOURCE}/.default") {
                return bad("invalid_scope");
            }
            let by_secret = field("client_secret") == SECRET;
            let by_assertion = field("client_assertion_type")
                == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                && workload.verify(field("client_assertion"), "api://AzureADTokenExchange").is_some();
            if field("client_id") != CLIENT || !(by_secret || by_assertion) {
                return reply(
                    401,
                    &json!({"error": "invalid_client", "error_description": "may quote the secret"}),
                );
            }
            granted()
        }
        ("GET", "/metadata/identity/oauth2/token") => {
            if request.header("metadata") != Some("true") {
                return bad("bad_request_102");
            }
            if version.as_deref() != Some("2018-02-01") || resource.as_deref() != Some(RESOURCE) {
                return bad("invalid_resource");
            }
            granted()
        }
        ("GET", "/msi/token") => {
            if request.header("x-identity-header") != Some(APP_HEADER) {
                return Answer::new(401);
            }
            if version.as_deref() != Some("2019-08-01") || resource.as_deref() != Some(RESOURCE) {
                return bad("invalid_resource");
            }
            granted()
        }
        _ => Answer::new(404),
    }
}

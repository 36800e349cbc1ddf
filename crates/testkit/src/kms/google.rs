//! Google Cloud KMS, with the token endpoint of a user's credentials beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Misbehaviour, ServiceKey};
use crate::cloud::{Service, form, reply};
use crate::{Answer, Request};

const NAME: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/release/cryptoKeyVersions/2";
const ACCESS: &str = "ya29.t0ken";
const REFRESH: &str = "1//refresh-s3cret";

/// A running stand-in with one version of one key.
pub struct GoogleKms {
    service: Service,
}

impl GoogleKms {
    /// Starts it with `key`.
    pub fn start(key: ServiceKey, fraud: Misbehaviour) -> Self {
        Self { service: Service::start(move |request| answer(request, &key, fraud)) }
    }

    /// The key's resource name.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// A credentials file of a user who may use the key.
    pub fn credentials(&self) -> String {
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "d", "refresh_token": REFRESH,
            "token_uri": format!("{}/token", self.service.url())})
        .to_string()
    }

    /// The variable that names this stand-in.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", format!("{}/", self.service.url()))]
    }

    /// The service, for its log.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

fn answer(request: &Request, key: &ServiceKey, fraud: Misbehaviour) -> Answer {
    if request.target == "/token" {
        let granted = form(request).is_some_and(|f| f.get("refresh_token").is_some_and(|t| t == REFRESH));
        return if granted {
            reply(200, &json!({"access_token": ACCESS, "expires_in": 3599, "token_type": "Bearer"}))
        } else {
            reply(400, &json!({"error": "invalid_grant"}))
        };
    }
    let refused = |status: u16, code: &str| {
        reply(status, &json!({"error": {"code": status, "status": code, "message": ACCESS}}))
    };
    if request.header("authorization") != Some(&format!("Bearer {ACCESS}")) {
        return refused(401, "UNAUTHENTICATED");
    }
    if let Some(answer) = fraud.instead() {
        return answer;
    }
    let (algorithm, hash) = match key {
        ServiceKey::P384(_) => ("EC_SIGN_P384_SHA384", "sha384"),
        ServiceKey::Rsa(_) => ("RSA_SIGN_PKCS1_2048_SHA256", "sha256"),
        ServiceKey::Ed25519(_) => ("EC_SIGN_ED25519", ""),
        ServiceKey::P256(_) => ("EC_SIGN_P256_SHA256", "sha256"),
    };
    if request.method == "GET" && request.target == format!("/v1/{NAME}/publicKey") {
        return reply(
            200,
            &json!({"name": NAME, "pem": key.pem(), "algorithm": algorithm, "protectionLevel": "HSM"}),
        );
    }
    if request.method != "POST" || request.target != format!("/v1/{NAME}:asymmetricSign") {
        return refused(404, "NOT_FOUND");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let digest =
        body["digest"][hash].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    match key.sign(&fraud.digest(&digest)) {
        Some(signature) => reply(200, &json!({"name": NAME, "signature": STANDARD.encode(signature)})),
        None => refused(400, "INVALID_ARGUMENT"),
    }
}

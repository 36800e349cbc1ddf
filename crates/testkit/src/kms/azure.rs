//! Azure Key Vault, with the token endpoint of Microsoft Entra beside it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Misbehaviour, ServiceKey};
use crate::cloud::{Service, form, reply};
use crate::{Answer, Request};

const TOKEN: &str = "entra-t0ken";
const SECRET: &str = "client-s3cret";
const VERSION: &str = "0123456789abcdef0123456789abcdef";

/// A running stand-in with one key, `release`, in one version.
pub struct AzureVault {
    service: Service,
}

impl AzureVault {
    /// Starts it with `key`.
    pub fn start(key: ServiceKey, fraud: Misbehaviour) -> Self {
        Self { service: Service::start(move |request| answer(request, &key, fraud)) }
    }

    /// The variables of an application that may use the key.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_TENANT_ID", "tenant".to_owned()),
            ("AZURE_CLIENT_ID", "client".to_owned()),
            ("AZURE_CLIENT_SECRET", SECRET.to_owned()),
            ("AZURE_AUTHORITY_HOST", self.service.url()),
        ]
    }

    /// The key's version.
    pub fn version(&self) -> &'static str {
        VERSION
    }

    /// The service, for its address and log.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

fn answer(request: &Request, key: &ServiceKey, fraud: Misbehaviour) -> Answer {
    if request.target == "/tenant/oauth2/v2.0/token" {
        let fields = form(request).unwrap_or_default();
        let is = |name: &str, value: &str| fields.get(name).is_some_and(|got| got == value);
        let granted = is("client_id", "client")
            && is("client_secret", SECRET)
            && is("grant_type", "client_credentials")
            && is("scope", "https://vault.azure.net/.default");
        return if granted {
            reply(200, &json!({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}))
        } else {
            reply(400, &json!({"error": "invalid_client", "error_description": SECRET}))
        };
    }
    if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return reply(401, &json!({"error": {"code": "Unauthorized", "message": TOKEN}}));
    }
    if let Some(answer) = fraud.instead() {
        return answer;
    }
    let host = request.header("host").unwrap_or_default();
    let kid = format!("https://{host}/keys/release/{VERSION}");
    let latest = "/keys/release?api-version=7.4";
    let exact = format!("/keys/release/{VERSION}?api-version=7.4");
    if request.method == "GET" && (request.target == latest || request.target == exact) {
        return reply(200, &json!({"key": jwk(key, &kid), "attributes": {"enabled": true}}));
    }
    if request.method != "POST" || request.target != format!("/keys/release/{VERSION}/sign?api-version=7.4") {
        return reply(404, &json!({"error": {"code": "KeyNotFound"}}));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let digest =
        body["value"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
    let (name, half) = match key {
        ServiceKey::P384(_) => ("ES384", 48),
        ServiceKey::Rsa(_) => ("RS256", 0),
        _ => ("ES256", 32),
    };
    match key.sign(&fraud.digest(&digest)) {
        Some(signature) if body["alg"] == name => {
            let signature = if half == 0 { signature } else { side_by_side(&signature, half) };
            reply(200, &json!({"kid": kid, "value": URL_SAFE_NO_PAD.encode(signature)}))
        }
        _ => reply(400, &json!({"error": {"code": "BadParameter"}})),
    }
}

fn jwk(key: &ServiceKey, kid: &str) -> Value {
    let spki = key.spki();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = |size: usize| {
        let point = &spki[spki.len() - 2 * size..];
        (text(&point[..size]), text(&point[size..]))
    };
    match key {
        ServiceKey::P384(_) => {
            let (x, y) = point(48);
            json!({"kid": kid, "kty": "EC-HSM", "crv": "P-384", "x": x, "y": y, "key_ops": ["sign"]})
        }
        // The end of an RSA key of 2,048 bits: …00 modulus, 02 03 01 00 01.
        ServiceKey::Rsa(_) => {
            let end = spki.len() - 5;
            json!({"kid": kid, "kty": "RSA", "n": text(&spki[end - 256..end]), "e": text(&[1, 0, 1])})
        }
        _ => {
            let (x, y) = point(32);
            json!({"kid": kid, "kty": "EC", "crv": "P-256", "x": x, "y": y, "key_ops": ["sign"]})
        }
    }
}

/// r and s in their full width, of a signature in DER.
fn side_by_side(der: &[u8], half: usize) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut both = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[number.iter().take_while(|b| **b == 0).count()..];
        both.extend(std::iter::repeat_n(0, half - number.len()));
        both.extend_from_slice(number);
        rest = &rest[2 + length..];
    }
    both
}

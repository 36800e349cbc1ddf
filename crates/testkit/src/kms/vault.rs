//! The transit engine of Vault.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Misbehaviour, ServiceKey};
use crate::cloud::{Service, reply};
use crate::{Answer, Request};

const TOKEN: &str = "hvs.t0ken";

/// A running stand-in with one key, `release`, in version 3.
pub struct Vault {
    service: Service,
}

impl Vault {
    /// Starts it with `key`.
    pub fn start(key: ServiceKey, fraud: Misbehaviour) -> Self {
        Self { service: Service::start(move |request| answer(request, &key, fraud)) }
    }

    /// The variables of a client that may use the key.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("VAULT_ADDR", self.service.url()), ("VAULT_TOKEN", TOKEN.to_owned())]
    }

    /// The service, for its log.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

fn answer(request: &Request, key: &ServiceKey, fraud: Misbehaviour) -> Answer {
    if request.header("x-vault-token") != Some(TOKEN) || request.header("x-vault-request") != Some("true") {
        return reply(403, &json!({"errors": ["permission denied to hvs.t0ken"]}));
    }
    if let Some(answer) = fraud.instead() {
        return answer;
    }
    let kind = match key {
        ServiceKey::P256(_) => "ecdsa-p256",
        ServiceKey::P384(_) => "ecdsa-p384",
        ServiceKey::Rsa(_) => "rsa-2048",
        ServiceKey::Ed25519(_) => "ed25519",
    };
    if (request.method.as_str(), request.target.as_str()) == ("GET", "/v1/transit/keys/release") {
        let public = match key {
            ServiceKey::Ed25519(_) => STANDARD.encode(&key.spki()[12..]),
            _ => key.pem(),
        };
        let old = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        return reply(
            200,
            &json!({"data": {"type": kind, "name": "release", "latest_version": 3, "supports_signing": true,
                "keys": {"2": {"public_key": old}, "3": {"public_key": public, "creation_time": "2026-11-21T00:00:00Z"}}}}),
        );
    }
    let hash = match key {
        ServiceKey::P384(_) => "/sha2-384",
        ServiceKey::Ed25519(_) => "",
        _ => "/sha2-256",
    };
    if request.method != "POST" || request.target != format!("/v1/transit/sign/release{hash}") {
        return reply(404, &json!({"errors": []}));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let input = body["input"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let signature = match key {
        ServiceKey::Ed25519(pair) => Some(pair.sign(&fraud.digest(&input)).as_ref().to_vec()),
        _ if body["prehashed"] == true && body["signature_algorithm"] == "pkcs1v15" => {
            key.sign(&fraud.digest(&input))
        }
        _ => None,
    };
    match signature {
        Some(signature) if body["key_version"] == 3 && body["marshaling_algorithm"] == "asn1" => {
            let signature = format!("vault:v3:{}", STANDARD.encode(signature));
            reply(200, &json!({"data": {"signature": signature, "key_version": 3}}))
        }
        _ => reply(400, &json!({"errors": ["invalid request"]})),
    }
}

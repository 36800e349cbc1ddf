//! Amazon KMS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Misbehaviour, ServiceKey};
use crate::cloud::{Service, aws, reply};
use crate::{Answer, Request};

const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A running stand-in in `eu-west-1` with one key, of the alias `release`.
pub struct AwsKms {
    service: Service,
}

impl AwsKms {
    /// Starts it with `key`.
    pub fn start(key: ServiceKey, fraud: Misbehaviour) -> Self {
        Self { service: Service::start(move |request| answer(request, &key, fraud)) }
    }

    /// The variables of a user who may use the key.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut set: Vec<_> = aws::user_keys().into();
        set.extend([("AWS_REGION", "eu-west-1".to_owned()), ("AWS_ENDPOINT_URL_KMS", self.service.url())]);
        set
    }

    /// The key's ARN.
    pub fn arn(&self) -> &'static str {
        ARN
    }

    /// The service, for its address and log.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

fn answer(request: &Request, key: &ServiceKey, fraud: Misbehaviour) -> Answer {
    let refused = |code: &str| reply(400, &json!({"__type": code, "message": "may quote the keys"}));
    if let Err(code) = aws::signature(request, "eu-west-1", "kms") {
        return refused(code);
    }
    if let Some(answer) = fraud.instead() {
        return answer;
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let named = body["KeyId"].as_str().unwrap_or_default();
    let (algorithm, length) = match key {
        ServiceKey::P384(_) => ("ECDSA_SHA_384", 48),
        ServiceKey::Rsa(_) => ("RSASSA_PKCS1_V1_5_SHA_256", 32),
        _ => ("ECDSA_SHA_256", 32),
    };
    match request.header("x-amz-target") {
        Some("TrentService.GetPublicKey") if named == ARN || named == "alias/release" => reply(
            200,
            &json!({"KeyId": ARN, "PublicKey": STANDARD.encode(key.spki()), "KeyUsage": "SIGN_VERIFY",
                "SigningAlgorithms": [algorithm]}),
        ),
        // The alias could have moved since the public key was read.
        Some("TrentService.Sign") if named == ARN => {
            let digest =
                body["Message"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            if body["MessageType"] != "DIGEST"
                || body["SigningAlgorithm"] != algorithm
                || digest.len() != length
            {
                return refused("ValidationException");
            }
            let signature = key.sign(&fraud.digest(&digest)).unwrap();
            reply(
                200,
                &json!({"KeyId": ARN, "Signature": STANDARD.encode(signature), "SigningAlgorithm": algorithm}),
            )
        }
        Some("TrentService.GetPublicKey" | "TrentService.Sign") => refused("NotFoundException"),
        _ => refused("UnknownOperationException"),
    }
}

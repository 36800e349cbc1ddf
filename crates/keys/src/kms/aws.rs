//! Amazon KMS: `awskms://[ENDPOINT]/KEY`, where KEY is an id, an ARN, `alias/NAME` or an alias' ARN.
//!
//! ```text
//! X-Amz-Target: TrentService.GetPublicKey   {"KeyId": "…"} → {"PublicKey": "MFkw…", "KeyUsage": "SIGN_VERIFY", …}
//! X-Amz-Target: TrentService.Sign           {"KeyId": "…", "Message": "…", "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
//!                                           → {"Signature": "MEUC…"}
//! ```
//!
//! Access keys and region are found as for Amazon's registries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_cloud::Cloud;
use plimsoll_http::Url;
use plimsoll_verify::{KeyAlgorithm, PublicKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Error;
use crate::access::KeyAccess;
use crate::remote::{RemoteKey, RemoteSigner, Service, SigningInput};

const HINT: &str = "the identity needs kms:GetPublicKey and kms:Sign on the key; name the region in AWS_REGION or in the key's ARN";

pub(crate) struct Kms {
    service: Service,
    cloud: Cloud,
    endpoint: Url,
    region: String,
    /// The key's name in every later call: the ARN that `GetPublicKey` returned, so that an alias that moves in between
    /// changes nothing.
    key: String,
}

#[derive(Deserialize)]
struct Public {
    #[serde(rename = "KeyId")]
    arn: String,
    #[serde(rename = "PublicKey")]
    key: String,
    #[serde(rename = "KeyUsage")]
    usage: String,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(rename = "Signature")]
    signature: String,
}

pub(crate) fn open(reference: &str, rest: &str, access: &KeyAccess) -> Result<RemoteKey<Kms>, Error> {
    let service = Service::new(reference, access, HINT)?;
    let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
    let named = |b: u8| b.is_ascii_alphanumeric() || b"-_/:".contains(&b);
    if key.is_empty() || key.len() > 2048 || !key.bytes().all(named) {
        return Err(service.usage("expected awskms:///KEY, awskms:///alias/NAME, or awskms:///ARN"));
    }
    let in_arn = key.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).map(str::to_owned);
    let region =
        in_arn.or_else(|| access.get("AWS_REGION")).or_else(|| access.get("AWS_DEFAULT_REGION")).ok_or_else(
            || service.usage("no region: the key is not named by its ARN, and AWS_REGION is not set"),
        )?;
    let domain = match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    let endpoint = if host.is_empty() {
        match access.get("AWS_ENDPOINT_URL_KMS") {
            Some(url) => service.endpoint("AWS_ENDPOINT_URL_KMS", &url)?,
            None => service.endpoint("region", &format!("https://kms.{region}.{domain}/"))?,
        }
    } else {
        service.endpoint_at("endpoint", host)?
    };
    let cloud = access.cloud();
    let mut kms = Kms { service, cloud, endpoint, region, key: key.to_owned() };
    let Public { arn, key, usage } =
        kms.call("reading the public key", "GetPublicKey", &json!({"KeyId": kms.key}))?;
    if usage != "SIGN_VERIFY" {
        return Err(kms.service.wrong("the key is not for signing"));
    }
    kms.key = arn;
    let der = STANDARD.decode(key).unwrap_or_default();
    let public = PublicKey::from_spki_der(&der)
        .map_err(|error| kms.service.wrong(format!("its public key: {error}")))?;
    Ok(RemoteKey { place: kms.service.place.clone(), public, signer: kms })
}

impl Kms {
    fn call<T: DeserializeOwned>(&self, what: &str, operation: &str, body: &Value) -> Result<T, Error> {
        let (service, cloud, endpoint) = (self.service.clone(), self.cloud.clone(), self.endpoint.clone());
        let (region, target) = (self.region.clone(), format!("TrentService.{operation}"));
        let body = body.to_string().into_bytes();
        self.service.ask(what, async move {
            let signed = cloud.amazon(&service.client, ("kms", &region), &target, endpoint, &body).await;
            signed
                .map_err(|failure| service.cloud(&failure))?
                .ok_or_else(|| service.usage("the environment has no Amazon access keys"))
        })
    }
}

impl RemoteSigner for Kms {
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error> {
        let SigningInput::Digest(digest) = input else {
            return Err(self.service.wrong("Amazon's Ed25519 keys are not supported"));
        };
        let algorithm = match algorithm {
            KeyAlgorithm::EcdsaP384 => "ECDSA_SHA_384",
            KeyAlgorithm::Rsa => "RSASSA_PKCS1_V1_5_SHA_256",
            _ => "ECDSA_SHA_256",
        };
        let body = json!({
            "KeyId": self.key,
            "Message": STANDARD.encode(digest),
            "MessageType": "DIGEST",
            "SigningAlgorithm": algorithm,
        });
        let Signed { signature } = self.call("signing", "Sign", &body)?;
        STANDARD.decode(signature).map_err(|_| self.service.wrong("signing: the signature is not base64"))
    }
}

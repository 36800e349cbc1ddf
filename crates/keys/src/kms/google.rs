//! Google Cloud KMS:
//! `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N`.
//!
//! ```text
//! GET  /v1/NAME/publicKey        → {"pem": "-----BEGIN PUBLIC KEY…", "algorithm": "EC_SIGN_P256_SHA256"}
//! POST /v1/NAME:asymmetricSign   {"digest": {"sha256": "…"}} → {"signature": "MEUC…"}
//! ```
//!
//! The version is part of the reference, so that a rotation does not change which key signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_cloud::Cloud;
use plimsoll_http::{HeaderValue, Request, Url, header};
use plimsoll_verify::KeyAlgorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Error;
use crate::access::KeyAccess;
use crate::remote::{RemoteKey, RemoteSigner, Service, SigningInput, is_segment};

const HINT: &str =
    "the identity needs roles/cloudkms.signerVerifier on the key; see GOOGLE_APPLICATION_CREDENTIALS";
const ENDPOINT: &str = "https://cloudkms.googleapis.com/";
/// gcloud's own variable for another endpoint.
const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS";

pub(crate) struct Kms {
    service: Service,
    cloud: Cloud,
    endpoint: Url,
    name: String,
}

#[derive(Deserialize)]
struct Public {
    pem: String,
    algorithm: String,
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

/// The resource's name; cosign writes `versions` for the last part.
fn name(rest: &str) -> Option<String> {
    let parts: Vec<&str> = rest.split('/').collect();
    let [projects, project, locations, location, rings, ring, keys, key, versions, version] =
        parts.as_slice()
    else {
        return None;
    };
    let fixed = [*projects, *locations, *rings, *keys] == ["projects", "locations", "keyRings", "cryptoKeys"]
        && ["cryptoKeyVersions", "versions"].contains(versions);
    // A project may belong to a domain: `example.com:project`.
    let names = project.split(':').all(is_segment)
        && [location, ring, key, version].into_iter().all(|part| is_segment(part));
    (fixed && names).then(|| {
        format!("projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key}/cryptoKeyVersions/{version}")
    })
}

pub(crate) fn open(reference: &str, rest: &str, access: &KeyAccess) -> Result<RemoteKey<Kms>, Error> {
    let service = Service::new(reference, access, HINT)?;
    let name = name(rest).ok_or_else(|| {
        service.usage("expected gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N")
    })?;
    let endpoint = access.get(OVERRIDE).unwrap_or_else(|| ENDPOINT.to_owned());
    let endpoint = service.endpoint(OVERRIDE, &endpoint)?;
    let cloud = access.cloud();
    let kms = Kms { service, cloud, endpoint, name };
    let Public { pem, algorithm } = kms.call("reading the public key", "/publicKey", None)?;
    let expected = match algorithm.as_str() {
        "EC_SIGN_P256_SHA256" => KeyAlgorithm::EcdsaP256,
        "EC_SIGN_P384_SHA384" => KeyAlgorithm::EcdsaP384,
        "RSA_SIGN_PKCS1_2048_SHA256" | "RSA_SIGN_PKCS1_3072_SHA256" | "RSA_SIGN_PKCS1_4096_SHA256" => {
            KeyAlgorithm::Rsa
        }
        _ => {
            return Err(kms.service.wrong(
                "the key's algorithm is not on the list: EC_SIGN_P256_SHA256, EC_SIGN_P384_SHA384, RSA_SIGN_PKCS1_…_SHA256",
            ));
        }
    };
    let public = kms.service.public(&pem)?;
    if public.algorithm() != expected {
        return Err(kms.service.wrong("its public key has another algorithm than it says"));
    }
    Ok(RemoteKey { place: kms.service.place.clone(), public, signer: kms })
}

impl Kms {
    fn call<T: DeserializeOwned>(&self, what: &str, method: &str, body: Option<String>) -> Result<T, Error> {
        let (service, cloud) = (self.service.clone(), self.cloud.clone());
        let url = format!("{}/v1/{}{method}", self.endpoint.as_str().trim_end_matches('/'), self.name);
        self.service.ask(what, async move {
            let url = Url::parse(&url).map_err(|_| service.usage("the endpoint is not a URL"))?;
            let token = cloud
                .google(&service.client)
                .await
                .map_err(|failure| service.cloud(&failure))?
                .ok_or_else(|| service.usage("the environment has no Google identity"))?;
            let request = match body {
                Some(body) => Request::post(url, body)
                    .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                None => Request::get(url),
            };
            Ok(request.header(header::AUTHORIZATION, service.secret(&format!("Bearer {}", token.reveal()))?))
        })
    }
}

impl RemoteSigner for Kms {
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error> {
        let SigningInput::Digest(digest) = input else {
            return Err(self.service.wrong("Google's Ed25519 keys are not supported"));
        };
        let hash = if algorithm == KeyAlgorithm::EcdsaP384 { "sha384" } else { "sha256" };
        let body = json!({"digest": {hash: STANDARD.encode(digest)}}).to_string();
        let Signed { signature } = self.call("signing", ":asymmetricSign", Some(body))?;
        STANDARD.decode(signature).map_err(|_| self.service.wrong("signing: the signature is not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_key_is_named_with_its_version_and_nothing_that_leads_elsewhere() {
        let full = "projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";
        assert_eq!(name(full).as_deref(), Some(full));
        assert_eq!(name(&full.replace("cryptoKeyVersions", "versions")).as_deref(), Some(full));
        assert!(name(&full.replace("/p/", "/example.com:p/")).is_some());
        for bad in [
            "projects/p/locations/global/keyRings/r/cryptoKeys/k",
            "projects/p/locations/../keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "projects/p?x/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "projects//locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}

//! Azure Key Vault and Managed HSM: `azurekms://NAME.vault.azure.net/KEY[/VERSION]`.
//!
//! ```text
//! GET  /keys/KEY?api-version=7.4                → {"key": {"kid": "https://…/keys/KEY/VERSION", "kty": "EC", "crv": "P-256", "x": "…", "y": "…"}}
//! POST /keys/KEY/VERSION/sign?api-version=7.4   {"alg": "ES256", "value": "…"} → {"value": "…"}
//! ```
//!
//! Keys come as JSON Web Keys (RFC 7517), ECDSA signatures as r and s side by side (RFC 7518, 3.4). Both are
//! converted to DER, which all other code uses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_cloud::Cloud;
use plimsoll_http::{HeaderValue, Request, Url, header, is_loopback};
use plimsoll_verify::{KeyAlgorithm, PublicKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Error;
use crate::access::KeyAccess;
use crate::der::{self, P256, P384};
use crate::remote::{RemoteKey, RemoteSigner, Service, SigningInput, is_segment};

const HINT: &str = "the identity needs the role Key Vault Crypto User (keys/get and keys/sign) on the key";
const VERSION: &str = "7.4";

pub(crate) struct Vault {
    service: Service,
    cloud: Cloud,
    base: Url,
    audience: &'static str,
    key: String,
    version: String,
}

#[derive(Deserialize)]
struct Answer {
    key: Jwk,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct Signed {
    value: String,
}

/// The audience of a token for this host. Only vaults get a token, because it opens every vault that the
/// identity may use.
fn audience(host: &str) -> Option<&'static str> {
    [
        (".vault.azure.net", "https://vault.azure.net"),
        (".vault.azure.cn", "https://vault.azure.cn"),
        (".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
        (".managedhsm.azure.net", "https://managedhsm.azure.net"),
    ]
    .into_iter()
    .find(|(suffix, _)| host.strip_suffix(suffix).is_some_and(|name| !name.is_empty() && !name.contains('.')))
    .map(|(_, audience)| audience)
}

pub(crate) fn open(reference: &str, rest: &str, access: &KeyAccess) -> Result<RemoteKey<Vault>, Error> {
    let service = Service::new(reference, access, HINT)?;
    let usage = || service.usage("expected azurekms://NAME.vault.azure.net/KEY[/VERSION]");
    let parts: Vec<&str> = rest.split('/').collect();
    let (host, key, version) = match parts.as_slice() {
        [host, key] => (*host, *key, ""),
        [host, key, version] if is_segment(version) => (*host, *key, *version),
        _ => return Err(usage()),
    };
    if !is_segment(key) {
        return Err(usage());
    }
    let base = service.endpoint_at("vault", host)?;
    let audience = if is_loopback(&base) {
        "https://vault.azure.net"
    } else {
        // The request and the token go to the host as the URL parser normalises it.
        base.host_str().and_then(audience).ok_or_else(usage)?
    };
    let cloud = access.cloud();
    let mut vault =
        Vault { service, cloud, base, audience, key: key.to_owned(), version: version.to_owned() };
    let path = if version.is_empty() { format!("keys/{key}") } else { format!("keys/{key}/{version}") };
    let Answer { key: jwk } = vault.call("reading the public key", &path, None)?;
    // Later signatures use this version, even if somebody rotates the key in between.
    let found = jwk.kid.rsplit('/').next().unwrap_or_default();
    if !is_segment(found) || (!version.is_empty() && found != version) {
        return Err(vault.service.wrong("the answer is about another version of the key"));
    }
    found.clone_into(&mut vault.version);
    let public = spki(&jwk)
        .and_then(|der| PublicKey::from_spki_der(&der).ok())
        .ok_or_else(|| vault.service.wrong("its public key is not of a supported kind"))?;
    Ok(RemoteKey { place: vault.service.place.clone(), public, signer: vault })
}

/// The key as `SubjectPublicKeyInfo`.
fn spki(jwk: &Jwk) -> Option<Vec<u8>> {
    let bytes = |field: &Option<String>| URL_SAFE_NO_PAD.decode(field.as_deref()?).ok();
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("EC" | "EC-HSM", Some(curve)) => {
            let (curve, size) = match curve {
                "P-256" => (P256, 32),
                "P-384" => (P384, 48),
                _ => return None,
            };
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            if x.len() != size || y.len() != size {
                return None;
            }
            der::ec_key(&curve, &[&[4], x.as_slice(), &y].concat())
        }
        ("RSA" | "RSA-HSM", _) => der::rsa_key(&bytes(&jwk.n)?, &bytes(&jwk.e)?),
        _ => None,
    }
}

impl Vault {
    fn call<T: DeserializeOwned>(&self, what: &str, path: &str, body: Option<String>) -> Result<T, Error> {
        let (service, cloud, audience) = (self.service.clone(), self.cloud.clone(), self.audience);
        let url = format!("{}{path}?api-version={VERSION}", self.base);
        self.service.ask(what, async move {
            let url = Url::parse(&url).map_err(|_| service.usage("the vault has no such URL"))?;
            let token = cloud
                .azure(&service.client, audience)
                .await
                .map_err(|failure| service.cloud(&failure))?
                .ok_or_else(|| service.usage("the environment has no Azure identity"))?;
            let request = match body {
                Some(body) => Request::post(url, body)
                    .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                None => Request::get(url),
            };
            Ok(request.header(header::AUTHORIZATION, service.secret(&format!("Bearer {}", token.reveal()))?))
        })
    }
}

impl RemoteSigner for Vault {
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error> {
        let SigningInput::Digest(digest) = input else {
            return Err(self.service.wrong("Azure's Ed25519 keys are not supported"));
        };
        let name = match algorithm {
            KeyAlgorithm::EcdsaP384 => "ES384",
            KeyAlgorithm::Rsa => "RS256",
            _ => "ES256",
        };
        let body = json!({"alg": name, "value": URL_SAFE_NO_PAD.encode(digest)}).to_string();
        let path = format!("keys/{}/{}/sign", self.key, self.version);
        let Signed { value } = self.call("signing", &path, Some(body))?;
        let wrong = || self.service.wrong("signing: the signature has another form than expected");
        let signature = URL_SAFE_NO_PAD.decode(value).map_err(|_| wrong())?;
        der::signature(algorithm, signature).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::audience;

    #[test]
    fn only_a_vault_gets_a_token() {
        assert_eq!(audience("a.vault.azure.net"), Some("https://vault.azure.net"));
        assert_eq!(audience("a.managedhsm.azure.net"), Some("https://managedhsm.azure.net"));
        for host in [
            "vault.azure.net",
            ".vault.azure.net",
            "a.b.vault.azure.net",
            "a.vault.azure.net.evil.example",
            "evil.example",
        ] {
            assert_eq!(audience(host), None, "{host}");
        }
    }
}

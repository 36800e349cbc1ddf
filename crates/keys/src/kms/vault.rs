//! The transit engine of HashiCorp Vault and OpenBao: `hashivault://KEY`.
//!
//! ```text
//! GET  /v1/transit/keys/KEY            → {"data": {"type": "ecdsa-p256", "latest_version": 1, "keys": {"1": {"public_key": "-----BEGIN…"}}}}
//! POST /v1/transit/sign/KEY/sha2-256   {"input": "…", "prehashed": true, "key_version": 1, …}
//!                                      → {"data": {"signature": "vault:v1:MEUC…"}}
//! ```
//!
//! `VAULT_ADDR`, `VAULT_TOKEN` (otherwise `~/.vault-token`), `VAULT_NAMESPACE` and
//! `TRANSIT_SECRET_ENGINE_PATH` are read in the same way as by Vault's own tools and cosign.

use std::collections::BTreeMap;
use std::future::ready;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_http::{HeaderName, HeaderValue, Request, Url};
use plimsoll_verify::{KeyAlgorithm, PublicKey};
use serde::Deserialize;
use serde_json::json;

use crate::Error;
use crate::access::{KeyAccess, small_file};
use crate::remote::{RemoteKey, RemoteSigner, Service, SigningInput, is_segment};

const HINT: &str = "set VAULT_ADDR and VAULT_TOKEN; the token's policy needs read on transit/keys/KEY and update on transit/sign/KEY";

pub(crate) struct Vault {
    service: Service,
    base: Url,
    engine: String,
    key: String,
    version: u64,
    token: HeaderValue,
    namespace: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    latest_version: u64,
    keys: BTreeMap<String, Version>,
}

#[derive(Deserialize)]
struct Version {
    public_key: Option<String>,
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

pub(crate) fn open(reference: &str, key: &str, access: &KeyAccess) -> Result<RemoteKey<Vault>, Error> {
    let service = Service::new(reference, access, HINT)?;
    if !is_segment(key) {
        return Err(service.usage("expected hashivault://KEY"));
    }
    let address = access.get("VAULT_ADDR").ok_or_else(|| service.usage("VAULT_ADDR is not set"))?;
    let base = service.endpoint("VAULT_ADDR", &address)?;
    let token = match access.get("VAULT_TOKEN") {
        Some(token) => token,
        None => access
            .get("HOME")
            .and_then(|home| small_file(&format!("{home}/.vault-token")))
            .ok_or_else(|| service.usage("VAULT_TOKEN is not set"))?,
    };
    let token = service.secret(token.trim())?;
    let namespace = match access.get("VAULT_NAMESPACE") {
        Some(name) => Some(service.secret(&name)?),
        None => None,
    };
    let engine = access.get("TRANSIT_SECRET_ENGINE_PATH").unwrap_or_else(|| "transit".to_owned());
    if !engine.split('/').all(is_segment) {
        return Err(service.usage("TRANSIT_SECRET_ENGINE_PATH is not a path"));
    }
    let mut vault = Vault { service, base, engine, key: key.to_owned(), version: 0, token, namespace };
    let (public, version) = vault.public()?;
    vault.version = version;
    Ok(RemoteKey { place: vault.service.place.clone(), public, signer: vault })
}

impl Vault {
    fn request(&self, path: &str, body: Option<String>) -> Result<Request, Error> {
        const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
        const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
        const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
        let url = format!("{}/v1/{}/{path}", self.base.as_str().trim_end_matches('/'), self.engine);
        let url = Url::parse(&url).map_err(|_| self.service.usage("VAULT_ADDR is not a URL"))?;
        let request = match body {
            Some(body) => Request::post(url, body),
            None => Request::get(url),
        };
        let request =
            request.header(TOKEN, self.token.clone()).header(REQUEST, HeaderValue::from_static("true"));
        Ok(match &self.namespace {
            Some(name) => request.header(NAMESPACE, name.clone()),
            None => request,
        })
    }

    /// The latest version of the key and its number, which later signatures use, too.
    fn public(&self) -> Result<(PublicKey, u64), Error> {
        let request = self.request(&format!("keys/{}", self.key), None);
        let Answer { data: Key { kind, latest_version, keys } } =
            self.service.ask("reading the key", ready(request))?;
        let expected = match kind.as_str() {
            "ecdsa-p256" => KeyAlgorithm::EcdsaP256,
            "ecdsa-p384" => KeyAlgorithm::EcdsaP384,
            "rsa-2048" | "rsa-3072" | "rsa-4096" => KeyAlgorithm::Rsa,
            "ed25519" => KeyAlgorithm::Ed25519,
            _ => return Err(self.service.wrong("the key's type cannot sign, or is not supported")),
        };
        let text = keys
            .get(&latest_version.to_string())
            .and_then(|version| version.public_key.as_deref())
            .ok_or_else(|| self.service.wrong("the key has no public half"))?;
        // The bare 32 bytes, while all others are PEM.
        let public = if expected == KeyAlgorithm::Ed25519 {
            const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
            let raw = STANDARD.decode(text).unwrap_or_default();
            PublicKey::from_spki_der(&[&PREFIX[..], &raw].concat())
                .map_err(|error| self.service.wrong(format!("its public key: {error}")))?
        } else {
            self.service.public(text)?
        };
        if public.algorithm() != expected {
            return Err(self.service.wrong("its public key has another type than it says"));
        }
        Ok((public, latest_version))
    }
}

impl RemoteSigner for Vault {
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error> {
        let (hash, input, prehashed) = match input {
            SigningInput::Digest(digest) if algorithm == KeyAlgorithm::EcdsaP384 => {
                ("/sha2-384", *digest, true)
            }
            SigningInput::Digest(digest) => ("/sha2-256", *digest, true),
            SigningInput::Message(message) => ("", *message, false),
        };
        let body = json!({
            "input": STANDARD.encode(input),
            "prehashed": prehashed,
            "key_version": self.version,
            "marshaling_algorithm": "asn1",
            "signature_algorithm": "pkcs1v15",
        });
        let request = self.request(&format!("sign/{}{hash}", self.key), Some(body.to_string()));
        let Answer { data: Signed { signature } } = self.service.ask("signing", ready(request))?;
        signature
            .strip_prefix(&format!("vault:v{}:", self.version))
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or_else(|| self.service.wrong("signing: the signature is not from the requested key version"))
    }
}

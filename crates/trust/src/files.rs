//! `trusted_root.json` and the signing config for a private instance.
//!
//! The shapes are Sigstore's protobuf messages `TrustedRoot` 0.1 and `SigningConfig` 0.2 in their JSON form.
//! `plimsoll-verify` reads the result back before it is returned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_verify::{KeyAlgorithm, PublicKey, TrustedRoot};
use serde_json::{Map, Value, json};
use x509_cert::Certificate;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _};

use crate::Error;
use crate::signing_config::{SigningConfig, UnknownMembers};

const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const SIGNING_CONFIG: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// The contents of a trusted root.
#[derive(Debug, Clone, Default)]
pub struct TrustedRootSpec {
    /// Authorities that issue certificates to signers.
    pub fulcio: Vec<AuthoritySpec>,
    /// The transparency logs.
    pub rekor: Vec<LogSpec>,
    /// The logs that record certificates.
    pub ctfe: Vec<LogSpec>,
    /// Authorities that sign timestamps.
    pub tsa: Vec<AuthoritySpec>,
}

/// A certificate or timestamp authority.
#[derive(Debug, Clone)]
pub struct AuthoritySpec {
    /// Its URL.
    pub url: String,
    /// Its certificates in PEM, the signing certificate first, its root last.
    pub chain: Vec<u8>,
    /// From when it is trusted; the first certificate's own start if it is not given.
    pub start: Option<Timestamp>,
    /// Until when it is trusted.
    pub end: Option<Timestamp>,
}

/// A log.
#[derive(Debug, Clone)]
pub struct LogSpec {
    /// Its URL.
    pub url: String,
    /// Its public key in PEM.
    pub key: Vec<u8>,
    /// From when its key counts; the key itself does not say it.
    pub start: Timestamp,
    /// Until when it counts.
    pub end: Option<Timestamp>,
    /// The name in its checkpoints. With an Ed25519 key it is part of the log's ID.
    pub origin: Option<String>,
}

impl TrustedRootSpec {
    /// The file, indented, with a line end.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let authorities =
            |specs: &[AuthoritySpec]| specs.iter().map(authority).collect::<Result<Vec<_>, _>>();
        let logs = |specs: &[LogSpec]| specs.iter().map(log).collect::<Result<Vec<_>, _>>();
        let mut root = Map::new();
        root.insert("mediaType".to_owned(), json!(TRUSTED_ROOT));
        root.insert("tlogs".to_owned(), json!(logs(&self.rekor)?));
        root.insert("certificateAuthorities".to_owned(), json!(authorities(&self.fulcio)?));
        root.insert("ctlogs".to_owned(), json!(logs(&self.ctfe)?));
        root.insert("timestampAuthorities".to_owned(), json!(authorities(&self.tsa)?));
        let bytes = written(&Value::Object(root), "trusted root")?;
        TrustedRoot::parse(&bytes).map_err(Error::TrustedRoot)?;
        Ok(bytes)
    }
}

fn authority(spec: &AuthoritySpec) -> Result<Value, Error> {
    let wrong = |problem: String| Error::File { place: spec.url.clone(), problem };
    let chain = certificates(&spec.chain).map_err(&wrong)?;
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
        return Err(wrong("the certificate chain contains no certificate".to_owned()));
    };
    for pair in chain.windows(2) {
        if let [below, above] = pair
            && below.tbs_certificate.issuer != above.tbs_certificate.subject
        {
            let (issuer, subject) = (&below.tbs_certificate.issuer, &above.tbs_certificate.subject);
            return Err(wrong(format!(
                "the certificates are out of order: one is issued by {issuer}, and the next is {subject}"
            )));
        }
    }
    if last.tbs_certificate.issuer != last.tbs_certificate.subject {
        return Err(wrong(format!("the chain ends before its root, {}", last.tbs_certificate.issuer)));
    }
    let mut listed = Vec::with_capacity(chain.len());
    for certificate in &chain {
        let der = certificate.to_der().map_err(|error| wrong(error.to_string()))?;
        listed.push(json!({"rawBytes": STANDARD.encode(der)}));
    }
    let not_before = first.tbs_certificate.validity.not_before.to_unix_duration().as_secs();
    let start = match spec.start {
        Some(start) => start,
        None => i64::try_from(not_before)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or_else(|| wrong("the first certificate's start is not a valid time".to_owned()))?,
    };
    Ok(json!({
        "subject": subject(last),
        "uri": spec.url,
        "certChain": {"certificates": listed},
        "validFor": window(&spec.url, start, spec.end)?,
    }))
}

/// The certificates of a PEM file. `Certificate::load_pem_chain` is not used, because it panics if there is
/// none (x509-cert 0.2.5).
fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::str::from_utf8(pem).map_err(|_| "the certificate chain is not text".to_owned())?;
    let mut certificates = Vec::new();
    for piece in text.split_inclusive(END) {
        let Some(start) = piece.find(BEGIN) else { continue };
        let block = piece.get(start..).unwrap_or_default();
        let certificate = Certificate::from_pem(block)
            .map_err(|error| format!("certificate {} of the chain: {error}", certificates.len() + 1))?;
        certificates.push(certificate);
    }
    Ok(certificates)
}

fn subject(certificate: &Certificate) -> Value {
    const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
    const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
    let part = |oid: ObjectIdentifier| {
        let parts = certificate.tbs_certificate.subject.0.iter().flat_map(|name| name.0.iter());
        // The value is one of several string types; all of them contain the text as it is.
        let value = parts.filter(|part| part.oid == oid).map(|part| part.value.value()).next()?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    json!({
        "organization": part(ORGANIZATION).unwrap_or_default(),
        "commonName": part(COMMON_NAME).unwrap_or_default(),
    })
}

fn log(spec: &LogSpec) -> Result<Value, Error> {
    let key = PublicKey::from_pem(&spec.key)
        .map_err(|error| Error::File { place: spec.url.clone(), problem: error.to_string() })?;
    let der = key.spki_der();
    let id = match (&spec.origin, key.algorithm()) {
        // The key ID of a signed note (C2SP): over name, line feed, algorithm and key.
        (Some(origin), KeyAlgorithm::Ed25519) => {
            let raw = der.len().checked_sub(32).and_then(|start| der.get(start..)).unwrap_or_default();
            Digest::sha256(&[origin.as_bytes(), b"\n\x01", raw].concat())
        }
        _ => Digest::sha256(der),
    };
    Ok(json!({
        "baseUrl": spec.url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(der),
            "keyDetails": details(&key, &spec.url)?,
            "validFor": window(&spec.url, spec.start, spec.end)?,
        },
        "logId": {"keyId": STANDARD.encode(id.as_bytes())},
    }))
}

fn details(key: &PublicKey, place: &str) -> Result<&'static str, Error> {
    let wrong = |problem: String| Error::File { place: place.to_owned(), problem };
    Ok(match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
        KeyAlgorithm::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
        KeyAlgorithm::Ed25519 => "PKIX_ED25519",
        KeyAlgorithm::Rsa => match modulus_bits(key.spki_der()) {
            Some(2048) => "PKIX_RSA_PKCS1V15_2048_SHA256",
            Some(3072) => "PKIX_RSA_PKCS1V15_3072_SHA256",
            Some(4096) => "PKIX_RSA_PKCS1V15_4096_SHA256",
            other => {
                return Err(wrong(format!("got an RSA key of {other:?} bits, expected 2048, 3072 or 4096")));
            }
        },
        other => return Err(wrong(format!("keys of kind {other:?} have no name in a trusted root"))),
    })
}

/// The bits of the modulus in the `RSAPublicKey` of an SPKI (RFC 8017, appendix A.1.1).
fn modulus_bits(spki: &[u8]) -> Option<usize> {
    use x509_cert::der::asn1::UintRef;
    use x509_cert::der::{Reader as _, SliceReader};
    use x509_cert::spki::SubjectPublicKeyInfoRef;
    let spki = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    let mut reader = SliceReader::new(spki.subject_public_key.as_bytes()?).ok()?;
    let modulus = reader
        .sequence(|inner| {
            let modulus: UintRef<'_> = inner.decode()?;
            let _exponent: UintRef<'_> = inner.decode()?;
            Ok::<_, x509_cert::der::Error>(modulus.as_bytes().len())
        })
        .ok()?;
    Some(modulus * 8)
}

fn window(place: &str, start: Timestamp, end: Option<Timestamp>) -> Result<Value, Error> {
    match end {
        None => Ok(json!({"start": start.to_string()})),
        Some(end) if end >= start => Ok(json!({"start": start.to_string(), "end": end.to_string()})),
        Some(end) => Err(Error::File {
            place: place.to_owned(),
            problem: format!("it ends ({end}) before it starts ({start})"),
        }),
    }
}

/// The contents of a signing config.
#[derive(Debug, Clone, Default)]
pub struct SigningConfigSpec {
    /// Another signing config to start from. Each kind of service given here replaces that kind in it.
    pub base: Option<Vec<u8>>,
    /// Certificate authorities.
    pub fulcio: Vec<ServiceSpec>,
    /// OpenID providers.
    pub oidc: Vec<ServiceSpec>,
    /// The transparency logs.
    pub rekor: Vec<ServiceSpec>,
    /// How many of them are used.
    pub rekor_config: Option<SelectorSpec>,
    /// The timestamp authorities.
    pub tsa: Vec<ServiceSpec>,
    /// How many of them are used.
    pub tsa_config: Option<SelectorSpec>,
}

/// A service to sign with.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// Its URL.
    pub url: String,
    /// The version of its interface.
    pub api_version: u32,
    /// From when it can be used.
    pub start: Timestamp,
    /// Until when it can be used.
    pub end: Option<Timestamp>,
    /// Who runs it: services of one operator count once.
    pub operator: String,
}

/// How many of several services are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectorSpec {
    /// One of them.
    Any,
    /// All of them.
    All,
    /// This many.
    Exact(u32),
}

impl SigningConfigSpec {
    /// The file, indented, with a line end.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let wrong = |problem: &str| Error::File { place: "signing config".into(), problem: problem.into() };
        let mut config = match &self.base {
            None => Map::new(),
            Some(base) => {
                // Unknown members of a newer form are kept.
                SigningConfig::parse(base, UnknownMembers::Skip)?;
                match serde_json::from_slice(base) {
                    Ok(Value::Object(members)) => members,
                    _ => return Err(wrong("the base is not an object")),
                }
            }
        };
        config.insert("mediaType".to_owned(), json!(SIGNING_CONFIG));
        let kinds = [
            ("caUrls", &self.fulcio),
            ("oidcUrls", &self.oidc),
            ("rekorTlogUrls", &self.rekor),
            ("tsaUrls", &self.tsa),
        ];
        for (name, services) in kinds {
            if !services.is_empty() {
                let services = services.iter().map(service).collect::<Result<Vec<_>, _>>()?;
                config.insert(name.to_owned(), json!(services));
            }
        }
        for (urls, name, chosen, selector) in [
            ("rekorTlogUrls", "rekorTlogConfig", &self.rekor, self.rekor_config),
            ("tsaUrls", "tsaConfig", &self.tsa, self.tsa_config),
        ] {
            let count = config.get(urls).and_then(Value::as_array).map_or(0, Vec::len);
            match selector {
                None if !chosen.is_empty() && !config.contains_key(name) => {
                    return Err(wrong(&format!("got {urls} and no {name}: ANY, ALL or EXACT:COUNT")));
                }
                None => {}
                Some(SelectorSpec::Exact(wanted)) if wanted == 0 || wanted as usize > count => {
                    return Err(wrong(&format!("{name}: EXACT:{wanted} of {count} can never be satisfied")));
                }
                Some(selector) => {
                    config.insert(name.to_owned(), selector.to_json());
                }
            }
        }
        let bytes = written(&Value::Object(config), "signing config")?;
        SigningConfig::parse(&bytes, UnknownMembers::Skip)?;
        Ok(bytes)
    }
}

impl SelectorSpec {
    fn to_json(self) -> Value {
        match self {
            Self::Any => json!({"selector": "ANY"}),
            Self::All => json!({"selector": "ALL"}),
            Self::Exact(count) => json!({"selector": "EXACT", "count": count}),
        }
    }
}

fn service(spec: &ServiceSpec) -> Result<Value, Error> {
    Ok(json!({
        "url": spec.url,
        "majorApiVersion": spec.api_version,
        "validFor": window(&spec.url, spec.start, spec.end)?,
        "operator": spec.operator,
    }))
}

fn written(value: &Value, what: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::File { place: what.to_owned(), problem: error.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

//! The certificate authority: a certificate for an ephemeral key and the token's subject.
//!
//! Follows Fulcio's API, version 2 (`POST /api/v2/signingCert`), with a public key and a proof of possession: a
//! signature over the token's subject. The certificate that comes back must be for that key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_http::{StatusCode, Url};
use plimsoll_keys::PrivateKey;
use plimsoll_keys::{Payload, SigningKey as _};
use plimsoll_verify::{Identity, Text};
use serde_json::{Value, json};
use sigstore_crypto::{SubjectAltName, parse_certificate_info};
use sigstore_types::{DerCertificate, DerPublicKey};

use super::{IdentityToken, Repeat, ServiceClient, Step, below};
use crate::Error;

/// Certificates of a chain.
const MOST_CERTIFICATES: usize = 10;

/// A certificate for our key.
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    /// Whom it was issued to.
    pub(crate) identity: Identity,
}

/// Asks for a certificate for `key`.
pub(crate) fn certify(
    caller: &ServiceClient,
    authority: &Url,
    key: &PrivateKey,
    token: &IdentityToken,
) -> Result<Certificate, Error> {
    let step = Step {
        service: "certificate authority",
        place: authority,
        task: "issue a certificate",
        // A lost answer may have been a certificate, which is in a public log: do not request one that nobody needs.
        repeat: Repeat::WhenRefused,
    };
    let url = below(authority, "api/v2/signingCert").ok_or_else(|| step.wrong("no URL for it"))?;
    let public = DerPublicKey::from_bytes(key.public_key().spki_der());
    let proof = key.sign(&Payload::Message(token.subject().as_bytes()))?;
    let body = json!({
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public.to_pem()},
            "proofOfPossession": STANDARD.encode(proof),
        },
    });
    let answer = caller.post_json(&step, url, &body, Some(token), StatusCode::OK)?;
    let certificates = ["signedCertificateEmbeddedSct", "signedCertificateDetachedSct"]
        .iter()
        .find_map(|kind| answer.get(kind)?.pointer("/chain/certificates")?.as_array())
        .ok_or_else(|| step.wrong("the answer has no certificate chain"))?;
    if certificates.len() > MOST_CERTIFICATES {
        return Err(step.wrong(format!(
            "the chain has {} certificates, expected at most {MOST_CERTIFICATES}",
            certificates.len()
        )));
    }
    let leaf = certificates
        .first()
        .and_then(Value::as_str)
        .and_then(|pem| DerCertificate::from_pem(pem).ok())
        .ok_or_else(|| step.wrong("the first of the chain is not a certificate"))?;
    let info = parse_certificate_info(&leaf)
        .map_err(|_| step.wrong("the first of the chain is not a certificate"))?;
    if info.public_key.as_bytes() != key.public_key().spki_der() {
        return Err(step.wrong("got a certificate for another key"));
    }
    let (Some(issuer), Some(subject)) = (info.issuer, info.identity) else {
        return Err(step.wrong("got a certificate without issuer or subject"));
    };
    // A person keeps the same e-mail address. The authority composes a workload's name from other claims as it is
    // configured, and the verifier judges that.
    let is_fitting = match (&subject, token.email()) {
        (SubjectAltName::Email(address), email) => email == Some(address.as_str()),
        (SubjectAltName::Uri(_), email) => email.is_none(),
        _ => false,
    };
    if !is_fitting {
        return Err(step.wrong("got a certificate for another subject than the token's"));
    }
    let identity = Identity {
        issuer: Text::Exact(issuer),
        subject: Text::Exact(subject.as_str().to_owned()),
        claims: Vec::new(),
    };
    Ok(Certificate { der: leaf.as_bytes().to_vec(), identity })
}

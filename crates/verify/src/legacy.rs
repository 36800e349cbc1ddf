//! Signatures and attestations in cosign's older format, converted to bundles and verified as such.
//!
//! Owns their form in a registry: a layer, and annotations with signature, certificate and log entry. Does not own
//! where they are stored (`plimsoll-attach`). There is one way to verify, so each of them becomes a bundle of version
//! 0.1, which was made for this: a promise of the log without a proof.
//!
//! A signature (`….simplesigning.v1+json`) is over a payload of its own form, *simple signing*:
//!
//! ```json
//! {"critical": {"identity": {"docker-reference": "registry.example/app"},
//!               "image": {"docker-manifest-digest": "sha256:4a78…"},
//!               "type": "cosign container image signature"},
//!  "optional": {"team": "infra"}}
//! ```
//!
//! An attestation (`….dsse.envelope.v1+json`) is a DSSE envelope, which contains its signature. The annotations of
//! both:
//!
//! ```text
//! dev.cosignproject.cosign/signature     base64, of a signature only
//! dev.sigstore.cosign/certificate        PEM; absent for a key
//! dev.sigstore.cosign/bundle             {"SignedEntryTimestamp": base64, "Payload": {"body": base64,
//!                                         "integratedTime": 1768478400, "logIndex": 7, "logID": hex}}
//! dev.sigstore.cosign/rfc3161timestamp   {"SignedRFC3161Timestamp": base64}
//! ```
//!
//! Left out are `dev.sigstore.cosign/chain`, because authorities come only from the trusted root, and the timestamp of
//! an attestation, which cosign made over the whole envelope and no bundle can contain.

mod file;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits, json};
use serde::Deserialize;
use serde_json::{Value, json};
use sigstore_types::DerCertificate;

use crate::error::{excerpt, within};
use crate::{
    Artifact, BUNDLE_V0_3, Bundle, COSIGN_SIGN_V1, Check, Error, Statement, Step, Subject, Verified, shape,
    verify_message,
};

pub use file::bundle_of_file;

/// The media type of a layer with a simple-signing payload.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The media type of a layer with a DSSE envelope.
pub const DSSE_ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// The version of the resulting bundles.
const BUNDLE_V0_1: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
/// The type in the payload of a signature.
const SIGNATURE_TYPE: &str = "cosign container image signature";

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// The bundle of a signature in the older format: a message signature over `payload`. Nothing in it is verified.
pub fn bundle_of_signature(
    payload: &[u8],
    annotations: &BTreeMap<String, String>,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let signature = annotations
        .get(SIGNATURE)
        .ok_or_else(|| Error::step(Step::Signature, format!("no annotation `{SIGNATURE}`"), "a signature"))?;
    within(payload, "payload", ("statement_bytes", limits.statement_bytes))?;
    // The digest algorithm is not stated, because the key dictates it.
    let content = json!({"signature": signature.trim()});
    let stamp = annotations.get(TIMESTAMP).map(|text| timestamp(text, limits)).transpose()?;
    bundle("messageSignature", &content, &material(annotations, stamp, limits)?, limits)
}

/// The bundle of an attestation in the older format. Nothing in it is verified.
pub fn bundle_of_attestation(
    envelope: &[u8],
    annotations: &BTreeMap<String, String>,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    within(envelope, "attestation", ("bundle_bytes", limits.bundle_bytes))?;
    let envelope =
        json::value(envelope, limits.bundle_bytes).map_err(|source| Error::BundleJson { source })?;
    bundle("dsseEnvelope", &envelope, &material(annotations, None, limits)?, limits)
}

/// Converts a bundle of an earlier version, or a file of cosign 1 or 2, to version 0.3, with the same signature. Nothing is
/// verified. A log entry with only the log's promise is an error: version 0.3 needs the proof, which only the log can give.
/// A chain becomes its first certificate.
pub fn upgraded(bundle: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    let bundle = &*bundle_of_file(bundle, limits)?;
    Bundle::parse(bundle, limits)?;
    let value = json::value(bundle, limits.bundle_bytes).map_err(|source| Error::BundleJson { source })?;
    let mut value = shape::normalise(value)?;
    let entries = value.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        if entry.pointer("/inclusionProof/checkpoint/envelope").is_none() {
            return Err(Error::step(
                Step::LogInclusion,
                format!("log entry {index} with the log's promise alone"),
                "a proof of inclusion, which version 0.3 needs",
            ));
        }
    }
    if let Some(fields) = value.as_object_mut() {
        fields.insert("mediaType".into(), BUNDLE_V0_3.into());
    }
    if let Some(material) = value.pointer_mut("/verificationMaterial").and_then(Value::as_object_mut)
        && let Some(chain) = material.remove("x509CertificateChain")
        && let Some(leaf) = chain.pointer("/certificates/0")
    {
        material.insert("certificate".into(), leaf.clone());
    }
    let bytes = json::canonical(&value);
    Bundle::parse(&bytes, limits)?;
    Ok(bytes)
}

/// Verifies that a trusted signer signed the image `about` in the older format. `bundle` is the result of
/// [`bundle_of_signature`] for `payload`.
///
/// The steps are those of [`verify_message`] over the payload's bytes; then step 12 reads the payload, strictly
/// (CVE-2026-39395), and step 13 compares its digest. The result is the statement that cosign writes for a signature
/// today: predicate type [`COSIGN_SIGN_V1`], the image as its one subject, the payload's `optional` as annotations. So
/// [`Statement::is_signature`] is true for it. The name in `critical.identity` authorises nothing and is ignored.
pub fn verify_simple_signing(
    bundle: &Bundle,
    payload: &[u8],
    about: &Digest,
    check: &Check<'_>,
) -> Result<Verified<Statement>, Error> {
    verify_message(bundle, Artifact::Reader(&mut &*payload), check)?
        .try_map(|_| statement(payload, about, bundle.limits()))
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// The statement in the payload, if it is a signature of this image.
fn statement(payload: &[u8], about: &Digest, limits: &Limits) -> Result<Statement, Error> {
    within(payload, "payload", ("statement_bytes", limits.statement_bytes))?;
    let parsed: Payload = json::from_slice(payload, limits.statement_bytes)
        .map_err(|source| Error::StatementJson { source })?;
    if parsed.critical.kind != SIGNATURE_TYPE {
        return Err(Error::step(
            Step::Statement,
            format!("a payload of type `{}`", excerpt(&parsed.critical.kind)),
            format!("`{SIGNATURE_TYPE}`"),
        ));
    }
    let signed = &parsed.critical.image.digest;
    if *signed != about.to_string() {
        return Err(Error::step(Step::Artifact, format!("a signature of {}", excerpt(signed)), about));
    }
    let mut subject = Subject::new("", about);
    subject.annotations = parsed.optional.unwrap_or_default();
    Ok(Statement::new(subject, COSIGN_SIGN_V1, json!({})))
}

fn bundle(kind: &str, content: &Value, material: &Value, limits: &Limits) -> Result<Vec<u8>, Error> {
    let bundle = json!({"mediaType": BUNDLE_V0_1, "verificationMaterial": material, (kind): content});
    let bytes = json::canonical(&bundle);
    Bundle::parse(&bytes, limits)?;
    Ok(bytes)
}

/// Who signed, where it was logged and when.
fn material(
    annotations: &BTreeMap<String, String>,
    stamp: Option<String>,
    limits: &Limits,
) -> Result<Value, Error> {
    let mut material = match annotations.get(CERTIFICATE).map(|pem| pem.trim()).filter(|pem| !pem.is_empty())
    {
        Some(pem) => {
            let certificate = DerCertificate::from_pem(pem).map_err(|error| {
                Error::step(
                    Step::Material,
                    format!("annotation `{CERTIFICATE}`: {}", excerpt(&error.to_string())),
                    "a certificate in PEM",
                )
            })?;
            json!({"x509CertificateChain": {"certificates": [
                {"rawBytes": STANDARD.encode(certificate.as_bytes())},
            ]}})
        }
        // The key is not stated.
        None => json!({"publicKey": {"hint": ""}}),
    };
    let Some(fields) = material.as_object_mut() else { return Ok(material) };
    if let Some(text) = annotations.get(LOG_ENTRY) {
        fields.insert("tlogEntries".into(), json!([log_entry(text, limits)?]));
    }
    if let Some(stamp) = stamp {
        let stamps = json!({"rfc3161Timestamps": [{"signedTimestamp": stamp}]});
        fields.insert("timestampVerificationData".into(), stamps);
    }
    Ok(material)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogEntry {
    signed_entry_timestamp: String,
    payload: LogPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogPayload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    api_version: String,
    kind: String,
}

/// The log entry of an annotation in the form of bundles.
fn log_entry(text: &str, limits: &Limits) -> Result<Value, Error> {
    let refused = |got: String| {
        Error::step(
            Step::LogEntry,
            format!("annotation `{LOG_ENTRY}`: {got}"),
            "a log entry with its promise",
        )
    };
    let limit = limits.bundle_bytes;
    let entry: LogEntry =
        json::from_slice(text.as_bytes(), limit).map_err(|error| refused(excerpt(&error.to_string())))?;
    let LogPayload { body, integrated_time, log_index, log_id } = entry.payload;
    let stored = STANDARD.decode(&body).map_err(|_| refused("a body that is not base64".into()))?;
    // Only the kind is read here: step 11 compares the whole entry.
    let kind: Kind =
        json::from_slice(&stored, limit).map_err(|error| refused(excerpt(&error.to_string())))?;
    let id = format!("sha256:{log_id}").parse::<Digest>();
    let id = id.map_err(|_| refused("a logID that is not a SHA-256".into()))?;
    Ok(json!({
        "logIndex": log_index.to_string(),
        "logId": {"keyId": STANDARD.encode(id.as_bytes())},
        "kindVersion": {"kind": kind.kind, "version": kind.api_version},
        "integratedTime": integrated_time.to_string(),
        "inclusionPromise": {"signedEntryTimestamp": entry.signed_entry_timestamp},
        "canonicalizedBody": body,
    }))
}

/// The timestamp of an annotation, in base64.
fn timestamp(text: &str, limits: &Limits) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Stamp {
        #[serde(rename = "SignedRFC3161Timestamp")]
        stamp: String,
    }
    let stamp: Result<Stamp, _> = json::from_slice(text.as_bytes(), limits.bundle_bytes);
    stamp.map(|stamp| stamp.stamp).map_err(|error| {
        let got = format!("annotation `{TIMESTAMP}`: {}", excerpt(&error.to_string()));
        Error::step(Step::Timestamp, got, "a signed timestamp")
    })
}

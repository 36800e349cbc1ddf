//! The files that `cosign sign-blob --bundle` and `attest-blob --bundle` of versions 1 and 2 wrote, and DSSE envelopes alone,
//! converted to bundles.
//!
//! ```json
//! {"base64Signature": "MEUC…",
//!  "cert": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t…",
//!  "rekorBundle": {"SignedEntryTimestamp": "MEUC…", "Payload": {"body": "…", "integratedTime": 1768478400,
//!                  "logIndex": 7, "logID": "c0d2…"}}}
//! ```
//!
//! `cert` is the PEM of a certificate or of a public key, in base64; the key is not taken from there. Of an attestation,
//! `base64Signature` is the whole DSSE envelope.
//!
//! An envelope alone contains neither key nor time, so only a key verifies it. The SLSA generators put the PEM of a certificate
//! into its `cert`. That says who may have signed, but nothing in the file says when.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Limits, json};
use serde_json::{Value, json};

use super::{CERTIFICATE, LOG_ENTRY, bundle, material};
use crate::error::within;
use crate::{Error, Step};

/// The member that only this form has.
const SIGNATURE: &str = "base64Signature";

/// The bundle in `bytes`: as it is, or converted, if cosign 1 or 2 wrote it or it is an envelope. Nothing is verified.
pub fn bundle_of_file<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Error> {
    within(bytes, "bundle", ("bundle_bytes", limits.bundle_bytes))?;
    // The reader of bundles reports what is wrong with anything else.
    let Ok(value) = json::value(bytes, limits.bundle_bytes) else { return Ok(Cow::Borrowed(bytes)) };
    let Some(signature) = value.get(SIGNATURE) else {
        let is_envelope =
            ["payload", "payloadType", "signatures"].iter().all(|name| value.get(*name).is_some());
        return if is_envelope {
            of_envelope(&value, limits).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(bytes))
        };
    };
    if value.get("mediaType").is_some() {
        return Err(Error::Ambiguous { first: "mediaType", second: SIGNATURE });
    }
    let not_base64 = |name: &str| Error::Base64 { path: name.to_owned() };
    let signature = signature.as_str().map(str::trim).ok_or_else(|| not_base64(SIGNATURE))?;
    let signed = STANDARD.decode(signature).map_err(|_| not_base64(SIGNATURE))?;
    let mut annotations = BTreeMap::new();
    if let Some(holder) = value.get("cert").and_then(Value::as_str).filter(|holder| !holder.is_empty()) {
        let pem = STANDARD.decode(holder.trim()).map_err(|_| not_base64("cert"))?;
        let pem = String::from_utf8(pem).map_err(|_| not_base64("cert"))?;
        if pem.contains("-----BEGIN CERTIFICATE-----") {
            annotations.insert(CERTIFICATE.to_owned(), pem);
        }
    }
    if let Some(entry) = value.get("rekorBundle").filter(|entry| !entry.is_null()) {
        annotations.insert(LOG_ENTRY.to_owned(), entry.to_string());
    }
    let material = material(&annotations, None, limits)?;
    let converted = match json::value(&signed, limits.bundle_bytes) {
        Ok(envelope) if envelope.get("payloadType").is_some() => {
            bundle("dsseEnvelope", &envelope, &material, limits)?
        }
        _ => bundle("messageSignature", &json!({"signature": signature}), &material, limits)?,
    };
    Ok(Cow::Owned(converted))
}

fn of_envelope(envelope: &Value, limits: &Limits) -> Result<Vec<u8>, Error> {
    let signatures = envelope.get("signatures").and_then(Value::as_array);
    if signatures.into_iter().flatten().any(|signature| signature.get("cert").is_some()) {
        return Err(Error::step(
            Step::SigningTime,
            "an envelope with a certificate, and nothing that says when it was signed",
            "a bundle with the entry of the log, or with a signed timestamp",
        ));
    }
    bundle("dsseEnvelope", envelope, &material(&BTreeMap::new(), None, limits)?, limits)
}

//! Which timestamp authorities vouch for a signature. An authority counts once, however often it signs, and under
//! however many names the trusted root lists it: a threshold is for the day on which one of them can no longer be
//! trusted.

use std::collections::BTreeSet;

use plimsoll_core::Digest;
use sigstore_types::SignatureContent;
use sigstore_verify::tsa;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::bundle::Bundle;
use crate::trust::TrustedRoot;

/// The authorities whose timestamps over the bundle's signature are valid, by their signing keys.
pub(crate) fn authorities(bundle: &Bundle, root: &TrustedRoot) -> BTreeSet<Digest> {
    let signature = match bundle.content() {
        SignatureContent::MessageSignature(message) => &message.signature,
        SignatureContent::DsseEnvelope(envelope) => &envelope.signature.sig,
        _ => return BTreeSet::new(),
    };
    let known = root.material().tsa_authorities();
    let data = &bundle.parsed().verification_material.timestamp_verification_data;
    let mut found = BTreeSet::new();
    for stamp in &data.rfc3161_timestamps {
        let holds = |authority: &&_| {
            tsa::verify_timestamp_for_authority(&stamp.signed_timestamp, signature, authority).is_ok()
        };
        let key = known.iter().find(holds).and_then(|authority| key(authority.leaf.as_bytes()));
        found.extend(key);
    }
    found
}

/// The digest of a certificate's public key.
fn key(certificate: &[u8]) -> Option<Digest> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der().ok()?;
    Some(Digest::sha256(&key))
}

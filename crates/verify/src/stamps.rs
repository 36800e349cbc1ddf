//! Signed timestamps (RFC 3161). An authority counts once, however often it signs, and under however many names the
//! trusted root lists it, because a threshold protects against one untrustworthy authority.

use std::collections::BTreeSet;

use jiff::Timestamp;
use plimsoll_core::Digest;
use sigstore_verify::tsa;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::bundle::Bundle;
use crate::error::excerpt;
use crate::trust::TrustedRoot;
use crate::{Error, Step};

/// The content of the timestamps over a bundle's signature.
#[derive(Default)]
pub(crate) struct Stamps {
    /// The time of each.
    pub(crate) times: Vec<Timestamp>,
    /// The authorities, by their signing keys.
    pub(crate) authorities: BTreeSet<Digest>,
}

/// Verifies every timestamp in the bundle. The authority that signed it must also have been valid at its time: the window of
/// another authority does not count (TOB-SIGSTORE-11).
pub(crate) fn verify(bundle: &Bundle, root: &TrustedRoot) -> Result<Stamps, Error> {
    let data = &bundle.parsed().verification_material.timestamp_verification_data;
    let mut found = Stamps::default();
    if data.rfc3161_timestamps.is_empty() {
        return Ok(found);
    }
    let signature = bundle.signature()?;
    let known = root.material().tsa_authorities();
    for stamp in &data.rfc3161_timestamps {
        let mut problem = Problem::Nobody;
        let time = known.iter().find_map(|authority| {
            match tsa::verify_timestamp_for_authority(&stamp.signed_timestamp, signature, authority) {
                Ok(time) => Some((time, key(authority.leaf.as_bytes())?)),
                Err(error) => {
                    problem.add(&error);
                    None
                }
            }
        });
        let Some((time, key)) = time else {
            return Err(Error::step(
                Step::Timestamp,
                problem.text(),
                "a timestamp over this signature by a trusted authority",
            ));
        };
        found.times.push(time);
        found.authorities.insert(key);
    }
    Ok(found)
}

/// Why no authority's key fits. That one signed it outside of its window says more than that others did not sign it.
enum Problem {
    Nobody,
    NotSigned(String),
    OutOfTime(String),
}

impl Problem {
    fn add(&mut self, error: &tsa::Error) {
        let text = excerpt(&error.to_string());
        match (&*self, error) {
            (_, tsa::Error::TimestampOutsideValidity { .. }) => *self = Self::OutOfTime(text),
            (Self::OutOfTime(_), _) => {}
            _ => *self = Self::NotSigned(text),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Nobody => "a timestamp, but no trusted authority".to_owned(),
            Self::NotSigned(text) | Self::OutOfTime(text) => text,
        }
    }
}

/// The digest of a certificate's public key.
fn key(certificate: &[u8]) -> Option<Digest> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der().ok()?;
    Some(Digest::sha256(&key))
}

//! Certificates as Fulcio issues them, with embedded proof of their announcement to a certificate log.

use super::der::{bits, element, integer, octets, oid, sequence, set, truth, utc_time, utf8};
use super::{Pair, sha256};

const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// The content of a certificate.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its number.
    pub serial: Vec<u8>,
    /// The issuer's name, encoded.
    pub issuer: Vec<u8>,
    /// The subject's name, encoded.
    pub subject: Vec<u8>,
    /// From when it is valid.
    pub start: i64,
    /// Until when it is valid.
    pub end: i64,
    /// The key that is certified.
    pub spki: Vec<u8>,
    /// Its extensions, encoded.
    pub extensions: Vec<Vec<u8>>,
}

impl Spec {
    /// The bytes that are signed.
    pub fn to_be_signed(&self) -> Vec<u8> {
        sequence(&[
            element(0xa0, &integer(&[2])),
            integer(&self.serial),
            sequence(&[oid(ECDSA_SHA256)]),
            self.issuer.clone(),
            sequence(&[utc_time(self.start), utc_time(self.end)]),
            self.subject.clone(),
            self.spki.clone(),
            element(0xa3, &sequence(&self.extensions)),
        ])
    }

    /// The certificate, signed by `key`.
    pub fn sign(&self, key: &Pair) -> Vec<u8> {
        let signed = self.to_be_signed();
        let signature = key.sign(&signed);
        sequence(&[signed, sequence(&[oid(ECDSA_SHA256)]), bits(&signature)])
    }
}

/// A name with only a common name.
pub fn name(common: &str) -> Vec<u8> {
    sequence(&[set(&[sequence(&[oid("2.5.4.3"), utf8(common)])])])
}

/// The empty name of Fulcio's leaves.
pub fn no_name() -> Vec<u8> {
    sequence(&[])
}

/// An extension.
pub fn extension(dotted: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(dotted)];
    if critical {
        parts.push(truth());
    }
    parts.push(octets(value));
    sequence(&parts)
}

/// Key usage, the first byte of its bits.
pub fn key_usage(usage: u8) -> Vec<u8> {
    let unused = u8::try_from(usage.trailing_zeros().min(7)).unwrap();
    extension("2.5.29.15", true, &element(3, &[unused, usage]))
}

/// One extended key usage.
pub fn extended_key_usage(dotted: &str, critical: bool) -> Vec<u8> {
    extension("2.5.29.37", critical, &sequence(&[oid(dotted)]))
}

/// The subject's key identifier.
pub fn subject_key_id(spki: &[u8]) -> Vec<u8> {
    extension("2.5.29.14", false, &octets(&sha256(spki)[..20]))
}

/// The issuer's key identifier.
pub fn authority_key_id(spki: &[u8]) -> Vec<u8> {
    extension("2.5.29.35", false, &sequence(&[element(0x80, &sha256(spki)[..20])]))
}

/// The certificate of an authority: signed by `issuer`, for `key`.
pub fn authority(
    issuer: &Pair,
    key: &Pair,
    issuer_name: &[u8],
    subject: &[u8],
    start: i64,
    end: i64,
    usage: Option<&str>,
) -> Vec<u8> {
    let mut extensions = vec![
        key_usage(0x06),
        extension("2.5.29.19", true, &sequence(&[truth()])),
        subject_key_id(key.spki()),
        authority_key_id(issuer.spki()),
    ];
    extensions.extend(usage.map(|usage| extended_key_usage(usage, false)));
    let spec = Spec {
        serial: sha256(key.spki())[1..9].to_vec(),
        issuer: issuer_name.to_vec(),
        subject: subject.to_vec(),
        start,
        end,
        spki: key.spki().to_vec(),
        extensions,
    };
    spec.sign(issuer)
}

/// The extension with timestamps of certificate logs over `spec` without this extension.
pub fn announcement(spec: &Spec, issuer_spki: &[u8], logs: &[&Pair], time: i64) -> Vec<u8> {
    let milliseconds = (u64::try_from(time).unwrap() * 1000).to_be_bytes();
    let precertificate = spec.to_be_signed();
    let mut list = Vec::new();
    for log in logs {
        let length = u32::try_from(precertificate.len()).unwrap().to_be_bytes();
        // RFC 6962, 3.2: version, type of signature, time, type of entry, issuer, certificate, extensions.
        let signed = [
            &[0, 0][..],
            &milliseconds,
            &[0, 1],
            &sha256(issuer_spki),
            &length[1..],
            &precertificate,
            &[0, 0],
        ]
        .concat();
        let signature = log.sign(&signed);
        let length = u16::try_from(signature.len()).unwrap().to_be_bytes();
        let stamp =
            [&[0][..], &sha256(log.spki()), &milliseconds, &[0, 0], &[4, 3], &length, &signature].concat();
        list.extend(u16::try_from(stamp.len()).unwrap().to_be_bytes());
        list.extend(stamp);
    }
    let list = [&u16::try_from(list.len()).unwrap().to_be_bytes()[..], &list].concat();
    extension(SCT_LIST, false, &octets(&list))
}

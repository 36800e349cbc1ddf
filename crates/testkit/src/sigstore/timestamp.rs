//! A timestamp authority in memory: RFC 3161 replies.

use super::certificate::{self, Spec, name};
use super::der::{element, generalized_time, integer, octets, oid, sequence, set};
use super::{Pair, sha256};

const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// The authority: a root and the certificate that signs.
pub struct TimestampAuthority {
    /// The key that signs timestamps.
    pub key: Pair,
    /// Its certificate.
    pub certificate: Vec<u8>,
    /// The certificate that it was issued by.
    pub root: Vec<u8>,
    serial: u8,
}

impl TimestampAuthority {
    /// An authority whose certificates are valid from `start` to `end`.
    pub fn new(start: i64, end: i64) -> Self {
        let (root_key, key) = (Pair::new(), Pair::new());
        let root_name = name("testkit timestamp root");
        let root = certificate::authority(&root_key, &root_key, &root_name, &root_name, start, end, None);
        let serial = 77;
        let spec = Spec {
            serial: vec![serial],
            issuer: root_name,
            subject: name("testkit timestamps"),
            start,
            end,
            spki: key.spki().to_vec(),
            extensions: vec![
                certificate::key_usage(0x80),
                certificate::extended_key_usage("1.3.6.1.5.5.7.3.8", true),
                certificate::subject_key_id(key.spki()),
                certificate::authority_key_id(root_key.spki()),
            ],
        };
        let certificate = spec.sign(&root_key);
        Self { key, certificate, root, serial }
    }

    /// A reply for `message`, as a bundle contains it, as of `time`.
    pub fn stamp(&self, message: &[u8], time: i64, with_certificate: bool) -> Vec<u8> {
        self.reply(&sha256(message), time, None, with_certificate)
    }

    /// A reply for a message with this SHA-256.
    pub fn reply(
        &self,
        imprint: &[u8; 32],
        time: i64,
        nonce: Option<&[u8]>,
        with_certificate: bool,
    ) -> Vec<u8> {
        let sha256_algorithm = sequence(&[oid(SHA256)]);
        let mut info = vec![
            integer(&[1]),
            oid("1.3.6.1.4.1.57264.2"),
            sequence(&[sha256_algorithm.clone(), octets(imprint)]),
            integer(&imprint[..8]),
            generalized_time(time),
        ];
        info.extend(nonce.map(integer));
        let info = sequence(&info);

        // SigningCertificateV2: the SHA-256 of the certificate, which is that attribute's default algorithm.
        let certificate_id = sequence(&[sequence(&[sequence(&[octets(&sha256(&self.certificate))])])]);
        let attributes = [
            sequence(&[oid("1.2.840.113549.1.9.3"), set(&[oid(TST_INFO)])]),
            sequence(&[oid("1.2.840.113549.1.9.4"), set(&[octets(&sha256(&info))])]),
            sequence(&[oid("1.2.840.113549.1.9.16.2.47"), set(&[certificate_id])]),
        ];
        let attributes = set(&attributes);
        let signature = self.key.sign(&attributes);
        let implicit = [&[0xa0], &attributes[1..]].concat();
        let signer_info = sequence(&[
            integer(&[1]),
            sequence(&[name("testkit timestamp root"), integer(&[self.serial])]),
            sha256_algorithm.clone(),
            implicit,
            sequence(&[oid("1.2.840.10045.4.3.2")]),
            octets(&signature),
        ]);
        let mut data = vec![
            integer(&[3]),
            set(&[sha256_algorithm]),
            sequence(&[oid(TST_INFO), element(0xa0, &octets(&info))]),
        ];
        if with_certificate {
            data.push(element(0xa0, &self.certificate));
        }
        data.push(set(&[signer_info]));
        let token = sequence(&[oid("1.2.840.113549.1.7.2"), element(0xa0, &sequence(&data))]);
        sequence(&[sequence(&[integer(&[0])]), token])
    }
}

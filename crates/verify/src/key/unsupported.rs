//! Names of unsupported keys, for messages. RFC 5480 and 5639 name curves, RFC 8410 and NIST other algorithms.

use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1};
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// Common curves that are neither in Sigstore's registry nor accepted by a log.
const CURVES: [(&str, &str); 7] = [
    ("1.3.132.0.10", "secp256k1"),
    ("1.2.840.10045.3.1.1", "P-192"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
    ("1.2.156.10197.1.301", "SM2"),
];

const ALGORITHMS: [(&str, &str); 7] = [
    ("1.2.840.10040.4.1", "DSA"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// The curve or algorithm of an unsupported key; `None` if that is not the reason why the key is refused.
pub(super) fn name(spki: &[u8]) -> Option<String> {
    let algorithm = SubjectPublicKeyInfoRef::from_der(spki).ok()?.algorithm;
    if algorithm.oid != ID_EC_PUBLIC_KEY {
        return find(&ALGORITHMS, &algorithm.oid).map(|name| format!("a key for {name}"));
    }
    let Ok(curve) = algorithm.parameters_oid() else {
        return Some("an elliptic curve by its parameters instead of its name".to_owned());
    };
    if [SECP_256_R_1, SECP_384_R_1, SECP_521_R_1].contains(&curve) {
        return None;
    }
    Some(format!("a key on the curve {}", find(&CURVES, &curve).unwrap_or(&curve.to_string())))
}

fn find<'a>(names: &'a [(&str, &str)], oid: &ObjectIdentifier) -> Option<&'a str> {
    let oid = oid.to_string();
    names.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

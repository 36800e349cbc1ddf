//! What is beside that which is accepted: refused by its name, and for that reason alone. Everything else about each case is
//! sound, and the log has signed it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::{Bundle, Error, PublicKey, Step};
use serde_json::{Value, json};

use crate::case::{Case, payload};

/// Keys that openssl made, and what a refusal calls them.
const KEYS: [(&str, &str); 5] = [
    (
        "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEUV9toiVSgWK5NNkJPGpZhkNX5Cja5AKV5O1h+oeHRjQp6QkYOeiXYWndXnRveVuxdbvC9p5F\
         UKbUUPuvxiIj8A==",
        "secp256k1",
    ),
    (
        "ME4wEAYHKoZIzj0CAQYFK4EEACEDOgAEeZfPq9o/3XoBtplQ/403uTUjccFRNg9SnjLJcCqfYYqq2fThW7Wl5ZtDA7XzDlKFAsncbA99\
         McI=",
        "P-224",
    ),
    (
        "MFowFAYHKoZIzj0CAQYJKyQDAwIIAQEHA0IABEC8zNLCnwiIDz+Ul4pgX4Ai5HGaMXLTs9+kxBPeIiccmVMlpapLUi4lSKznfojzoTPN\
         Z6G20C3uIr/7LPTKOXc=",
        "brainpoolP256r1",
    ),
    ("MEMwBQYDK2VxAzoAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5", "Ed448"),
    ("MCowBQYDK2VuAyEAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", "X25519"),
];

#[test]
fn keys_on_curves_that_no_registry_lists_are_refused_by_name() {
    for (spki, name) in KEYS {
        let spki = STANDARD.decode(spki.replace(char::is_whitespace, "")).unwrap();
        let error = PublicKey::from_spki_der(&spki).unwrap_err();
        assert!(matches!(error, Error::UnusableKey { .. }) && error.to_string().contains(name), "{error}");
        // The same in a certificate by the trusted authority.
        let mut case = Case::new(LogVersion::V1);
        case.holder.certificate = case.instance.issue(&Leaf::default(), &spki);
        case.bundle = case.instance.attest(&case.holder, &payload(), LogVersion::V1);
        let told = case.refused_by(Step::Signature);
        assert!(told.contains(name), "{told}");
    }
}

/// As a digest of a file, of a subject and of the entry of the log.
#[test]
fn a_sha_1_is_refused_wherever_it_is() {
    let sha1 = |bytes: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec();
    let mut case = Case::new(LogVersion::V1);
    let mut statement: Value = serde_json::from_slice(&payload()).unwrap();
    let hex = plimsoll_testkit::sigstore::hex(&sha1(b"the image"));
    statement["subject"] = json!([{"name": "a", "digest": {"sha1": hex}}]);
    case.bundle = case.instance.attest(&case.holder, statement.to_string().as_bytes(), LogVersion::V1);
    let told = case.refused_by(Step::Artifact);
    assert!(told.contains("known by sha1 only"), "{told}");

    for algorithm in [json!("SHA1"), json!("SHA_1"), json!("sha1")] {
        let mut bundle = case.bundle.clone();
        bundle.as_object_mut().unwrap().remove("dsseEnvelope");
        bundle["messageSignature"] = json!({
            "messageDigest": {"algorithm": algorithm, "digest": STANDARD.encode(sha1(b"x"))},
            "signature": "AAAA",
        });
        let error = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("messageSignature.messageDigest.algorithm"), "{told}");
    }
    let error = Digest::parse_any(&format!("sha1:{hex}")).unwrap_err().to_string();
    assert!(error.contains("`sha1` is not supported"), "{error}");
}

/// A root that has the same names and another key, beside one that is trusted, and none at all.
#[test]
fn a_chain_whose_root_is_not_trusted_is_refused_by_the_chain() {
    let mut case = Case::new(LogVersion::V1);
    case.verify().unwrap();
    let other = Sigstore::new().trusted_root();
    case.root["certificateAuthorities"] = other["certificateAuthorities"].clone();
    let told = case.refused_by(Step::Chain);
    assert!(told.contains("a path to a trusted authority"), "{told}");
    case.root["certificateAuthorities"] = json!([]);
    let told = case.refused_by(Step::Chain);
    assert!(told.contains("no authority"), "{told}");
}

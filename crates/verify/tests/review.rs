//! Attacks that no other test has: more work than a bundle is worth, one key under two ids, a key that hides another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

use std::num::NonZeroUsize;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, NOW, Pair, Sigstore};
use plimsoll_verify::{
    Artifact, Bundle, Check, Error, Identity, PublicKey, Requirements, Statement, Subject, Text, Trusted,
    TrustedKey, TrustedRoot, verify, verify_message,
};
use serde_json::{Value, json};

const CHECKPOINT: &str = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";

fn image() -> Digest {
    Digest::sha256(b"the image")
}

fn der(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

fn root(instance: &Sigstore) -> TrustedRoot {
    TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap()
}

fn identity() -> Identity {
    let leaf = Leaf::default();
    Identity { issuer: Text::Exact(leaf.issuer), subject: Text::Exact(leaf.subject), claims: Vec::new() }
}

fn attested(instance: &mut Sigstore) -> Value {
    let holder = instance.leaf(&Leaf::default());
    let payload = Statement::new(Subject::new("", &image()), "p", json!({})).to_json();
    instance.attest(&holder, &payload, LogVersion::V2)
}

fn judged(instance: &Sigstore, bundle: &Value, requirements: Requirements) -> Result<(), Error> {
    let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?;
    let (root, identities) = (root(instance), [identity()]);
    let check = Check {
        trusted: Trusted::Identities(&identities),
        root: Some(&root),
        requirements,
        now: plimsoll_testkit::sigstore::now(),
    };
    verify(&bundle, Some(&image()), &check).map(drop)
}

/// Each of them is verified, and 4 MiB have room for some 40,000: 4 seconds, and an image has many bundles.
#[test]
fn a_checkpoint_with_signatures_without_end_is_refused_unread() {
    let mut instance = Sigstore::new();
    let good = attested(&mut instance);
    let envelope = good.pointer(CHECKPOINT).unwrap().as_str().unwrap().to_owned();
    let (head, line) = envelope.split_once("\n\n").unwrap();
    let junk = instance.log.signature_line(&Pair::new(), &instance.log.id(), b"another head");
    let with = |lines: usize| {
        let mut bundle = good.clone();
        *bundle.pointer_mut(CHECKPOINT).unwrap() = json!(format!("{head}\n\n{}{line}", junk.repeat(lines)));
        judged(&instance, &bundle, Requirements::default())
    };
    with(99).unwrap();
    for lines in [100, 30_000] {
        let error = with(lines).unwrap_err();
        assert!(matches!(error, Error::TooMany { limit: 100, .. }), "{error}");
    }
    // Nor by one entry many times, each within the limit.
    let mut bundle = good.clone();
    *bundle.pointer_mut(CHECKPOINT).unwrap() = json!(format!("{head}\n\n{}{line}", junk.repeat(49)));
    let entries = bundle.pointer_mut("/verificationMaterial/tlogEntries").unwrap().as_array_mut().unwrap();
    let entry = entries[0].clone();
    entries.push(entry.clone());
    judged(&instance, &bundle, Requirements::default()).unwrap();
    let entries = bundle.pointer_mut("/verificationMaterial/tlogEntries").unwrap().as_array_mut().unwrap();
    entries.push(entry);
    let error = judged(&instance, &bundle, Requirements::default()).unwrap_err();
    assert!(matches!(error, Error::TooMany { got: 150, limit: 100, .. }), "{error}");
}

/// What a log signed stands for that log, whoever's line stands beside it, and its line is none of another log's.
#[test]
fn a_line_under_another_logs_id_is_no_second_log() {
    let two = Requirements { logs: NonZeroUsize::new(2), ..Requirements::default() };
    let mut instance = Sigstore::new();
    let mut bundle = attested(&mut instance);
    let mut trusted = instance.trusted_root();
    let other = Sigstore::new();
    let second = other.trusted_root()["tlogs"][0].clone();
    trusted["tlogs"].as_array_mut().unwrap().push(second);
    let envelope = bundle.pointer(CHECKPOINT).unwrap().as_str().unwrap().to_owned();
    let (head, _) = envelope.split_once("\n\n").unwrap();
    let disguised =
        instance.log.signature_line(&instance.log.key, &other.log.id(), format!("{head}\n").as_bytes());
    *bundle.pointer_mut(CHECKPOINT).unwrap() = json!(format!("{envelope}{disguised}"));
    let root = TrustedRoot::parse(trusted.to_string().as_bytes()).unwrap();
    let identities = [identity()];
    let check = |requirements| Check {
        trusted: Trusted::Identities(&identities),
        root: Some(&root),
        requirements,
        now: plimsoll_testkit::sigstore::now(),
    };
    let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
    assert!(verify(&bundle, Some(&image()), &check(Requirements::default())).is_ok());
    let error = verify(&bundle, Some(&image()), &check(two)).unwrap_err();
    assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::LogThreshold), "{error}");
}

/// RFC 3279, 2.3.1: the parameters of an RSA key are NULL. Without them the same key would have another id, and be another
/// signer.
#[test]
fn an_rsa_key_has_one_encoding() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let with = der(pair.public_key());
    let algorithm =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    assert_eq!(with[4..19], algorithm);
    let mut without = with[..4].to_vec();
    without[3] -= 2;
    without.extend([0x30, 0x0b]);
    without.extend(&algorithm[2..13]);
    without.extend(&with[19..]);
    assert!(PublicKey::from_spki_der(&with).is_ok());
    assert!(matches!(PublicKey::from_spki_der(&without), Err(Error::UnusableKey { .. })));
}

/// A key that cannot have made the signature is passed over, and hides none of those after it, whichever the bundle names.
#[test]
fn a_key_of_another_kind_before_the_right_one() {
    let instance = Sigstore::new();
    let root = root(&instance);
    let p256 = Pair::new();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let keys: Vec<PublicKey> =
        [der(Ed25519KeyPair::generate().unwrap().public_key()), p256.spki().to_vec(), der(p384.public_key())]
            .iter()
            .map(|der| PublicKey::from_spki_der(der).unwrap())
            .collect();
    let requirements = Requirements { logs: None, timestamps: 1, certificate_log: true };
    let by_p384 = p384.sign(&SystemRandom::new(), b"a file").unwrap().as_ref().to_vec();
    let sha384 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, b"a file");
    for (signature, algorithm, digest, signer) in [
        (p256.sign(b"a file"), "SHA2_256", Digest::sha256(b"a file").as_bytes(), &keys[1]),
        (by_p384, "SHA2_384", sha384.as_ref(), &keys[2]),
    ] {
        for hint in [&keys[0], &keys[1], &keys[2]] {
            let bundle = json!({
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": {
                    "publicKey": {"hint": STANDARD.encode(hint.id().as_bytes())},
                    "timestampVerificationData": {"rfc3161Timestamps": [instance.stamp(&signature, NOW)]},
                },
                "messageSignature": {
                    "messageDigest": {"algorithm": algorithm, "digest": STANDARD.encode(digest)},
                    "signature": STANDARD.encode(&signature),
                },
            });
            let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
            let trusted: Vec<TrustedKey> = keys.iter().cloned().map(TrustedKey::from).collect();
            let check = Check {
                trusted: Trusted::Keys(&trusted),
                root: Some(&root),
                requirements,
                now: plimsoll_testkit::sigstore::now(),
            };
            let found = verify_message(&bundle, Artifact::Reader(&mut &b"a file"[..]), &check).unwrap();
            assert_eq!(*found.signer(), plimsoll_verify::Signer::Key(signer.id()));
            let error = verify_message(&bundle, Artifact::Reader(&mut &b"another"[..]), &check).unwrap_err();
            assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Artifact), "{error}");
        }
    }
}

/// The key dictates the algorithm, as it does where it is verified alone: no word beside the signature chooses another.
#[test]
fn a_digest_that_is_named_beside_the_signature_chooses_no_algorithm() {
    let instance = Sigstore::new();
    let root = root(&instance);
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = PublicKey::from_spki_der(&der(pair.public_key())).unwrap();
    let keys = [TrustedKey::from(key)];
    let requirements = Requirements { logs: None, timestamps: 1, certificate_log: true };
    let check = Check {
        trusted: Trusted::Keys(&keys),
        root: Some(&root),
        requirements,
        now: plimsoll_testkit::sigstore::now(),
    };
    let judged = |padding: &'static dyn aws_lc_rs::signature::RsaEncoding, algorithm: &str, digest: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), b"a file", &mut signature).unwrap();
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "publicKey": {"hint": "x"},
                "timestampVerificationData": {"rfc3161Timestamps": [instance.stamp(&signature, NOW)]},
            },
            "messageSignature": {
                "messageDigest": {"algorithm": algorithm, "digest": STANDARD.encode(digest)},
                "signature": STANDARD.encode(&signature),
            },
        });
        let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
        verify_message(&bundle, Artifact::Reader(&mut &b"a file"[..]), &check).map(drop)
    };
    let sha512 = Digest::compute(plimsoll_core::Algorithm::Sha512, b"a file");
    judged(&aws_lc_rs::signature::RSA_PKCS1_SHA256, "SHA2_256", Digest::sha256(b"a file").as_bytes())
        .unwrap();
    let error = judged(&aws_lc_rs::signature::RSA_PKCS1_SHA512, "SHA2_512", sha512.as_bytes()).unwrap_err();
    assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Signature), "{error}");
}

//! Keys of every kind that cosign accepts, in every layout that it writes, in both directions.
//!
//! | key | cosign signs, verified here | signed here, cosign verifies |
//! | --- | --- | --- |
//! | P-256, RSA 2048 to 4096 | images, attestations, files | images, attestations, files |
//! | P-384 | images, attestations, files | the same with `--signature-digest-algorithm=sha384` |
//! | P-521 | images, attestations, files | not supported for signing |
//! | Ed25519 | images, attestations, files | images, attestations |

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use plimsoll_attach::evidence::legacy_bundles;
use plimsoll_core::{Digest, Limits};
use plimsoll_keys::{FileDigests, PrivateKey};
use plimsoll_signing::{Content, image, sign_by_key, sign_statement};
use plimsoll_verify::{
    Artifact as Signed, Bundle, Check, Error, Requirements, Statement, Subject, Trusted, TrustedKey,
    verify_message,
};
use serde_json::json;

use crate::{Cosign, OLDER, Place, found, now, pem, verify};

/// A private key of each kind that cosign accepts, in PKCS#8.
fn kinds() -> Vec<(&'static str, Vec<u8>)> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let ecdsa = |algorithm| EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec();
    let rsa = |size| {
        let pair = RsaKeyPair::generate(size).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        der.as_ref().to_vec()
    };
    vec![
        ("p256", ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)),
        ("p384", ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING)),
        ("p521", ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING)),
        ("rsa2048", rsa(KeySize::Rsa2048)),
        ("rsa3072", rsa(KeySize::Rsa3072)),
        ("rsa4096", rsa(KeySize::Rsa4096)),
        ("ed25519", Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref().to_vec()),
    ]
}

fn check(keys: &[TrustedKey]) -> Check<'_> {
    let requirements = Requirements { logs: None, ..Requirements::default() };
    Check { trusted: Trusted::Keys(keys), root: None, requirements, now: now() }
}

#[test]
fn keys_of_every_kind_verify_as_cosign_uses_them() {
    let Some(cosign) = Cosign::find() else { return };
    cosign.write("predicate.json", r#"{"a":1}"#);
    cosign.write("file", "content");
    cosign.write("another", "another");
    // With these options it does not verify its own result; it refuses its own Ed25519 signatures.
    let services =
        ["--tlog-upload=false", "--use-signing-config=false", "--trusted-root", "trusted.json", "--yes"];
    let keys: Vec<_> = kinds()
        .into_iter()
        .map(|(name, der)| (name, cosign.import(name, &pem("PRIVATE KEY", &der))))
        .collect();
    for (name, key) in &keys {
        let private = format!("{name}.key");
        let signed = ["sign-blob", "--key", &private, "--bundle", "signed.json", "file"];
        cosign.must(&[&signed[..], &services].concat());
        let attested = [
            "attest-blob",
            "--key",
            &private,
            "--bundle",
            "attested.json",
            "--predicate",
            "predicate.json",
            "--type",
            "custom",
            "file",
        ];
        cosign.must(&[&attested[..], &services].concat());
        for (other, trusted) in &keys {
            let keys = [TrustedKey::from(trusted.clone())];
            let check = check(&keys);
            let parse = |file: &str| Bundle::parse(&cosign.read(file), &Limits::default()).unwrap();
            let of_file = |content: &[u8]| {
                verify_message(&parse("signed.json"), Signed::Reader(&mut &*content), &check).map(drop)
            };
            assert_eq!(of_file(b"content").is_ok(), name == other, "{name} by {other}");
            assert!(of_file(b"another").is_err(), "{name} by {other}");
            assert_eq!(
                verify(&cosign.read("attested.json"), trusted).is_ok(),
                name == other,
                "{name} by {other}"
            );
        }
        assert!(
            verify(&cosign.read("attested.json"), key).unwrap().value().names(&Digest::sha256(b"content"))
        );
    }
}

/// Options with which cosign writes the layout of version 3, without verifying its own result.
const BUNDLES: [&str; 5] =
    ["--use-signing-config=false", "--tlog-upload=false", "--trusted-root", "trusted.json", "--yes"];

/// Signatures and attestations of images under the tags of cosign 1 and 2, as referrers of its experiment with OCI 1.1,
/// which has no attestations, and in bundles.
#[test]
fn images_in_every_layout_by_keys_of_every_kind() {
    let Some(cosign) = Cosign::find() else { return };
    cosign.write("predicate.json", r#"{"a":1}"#);
    let place = Place::Testing(plimsoll_testkit::Registry::start());
    let stranger = [TrustedKey::from(cosign.generate("stranger"))];
    for (name, der) in kinds() {
        let trusted = [TrustedKey::from(cosign.import(name, &pem("PRIVATE KEY", &der)))];
        let key = format!("{name}.key");
        for (layout, flags, expected) in [
            ("tags", &OLDER[..], 2),
            ("referrers", &[&OLDER[..], &["--registry-referrers-mode=oci-1-1"]].concat(), 1),
            ("bundles", &BUNDLES[..], 2),
        ] {
            let (store, subject, image) = place.image(&format!("{layout}/{name}"));
            let experiment = [("COSIGN_EXPERIMENTAL", if layout == "referrers" { "1" } else { "0" })];
            let must = |command: &[&str]| {
                let all = [command, &["--key", &key], flags, &[&*image]].concat();
                let output = cosign.run_with(&experiment, &all);
                assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            };
            must(&["sign"]);
            if expected == 2 {
                must(&["attest", "--type", "custom", "--predicate", "predicate.json"]);
            }
            let evidence = if layout == "tags" {
                assert!(found(&store, &subject).is_empty());
                legacy_bundles(&store, &subject.digest, &Limits::default()).unwrap().found
            } else {
                found(&store, &subject)
            };
            assert_eq!(evidence.len(), expected, "{name}, {layout}");
            let mut signatures = 0;
            for bundle in &evidence {
                let verified = bundle.verify(&subject.digest, &check(&trusted), &Limits::default());
                let verified = verified.unwrap_or_else(|error| panic!("{name}, {layout}: {error}"));
                signatures += usize::from(verified.value().is_signature());
                let refused = bundle.verify(&subject.digest, &check(&stranger), &Limits::default());
                assert!(matches!(refused, Err(Error::Rejected { .. })), "{name}, {layout}: {refused:?}");
                let other = Digest::sha256(b"another image");
                assert!(bundle.verify(&other, &check(&trusted), &Limits::default()).is_err());
            }
            assert_eq!(signatures, 1, "{name}, {layout}");
        }
    }
}

#[test]
fn cosign_verifies_what_our_keys_of_every_kind_sign() {
    let Some(cosign) = Cosign::find() else { return };
    cosign.generate("stranger");
    cosign.write("file", "content");
    cosign.write("another", "another");
    let place = Place::Testing(plimsoll_testkit::Registry::start());
    let file = FileDigests::read(&b"content"[..]).unwrap();
    let kind = "https://example.com/p";
    for (name, der) in kinds() {
        let read = PrivateKey::from_pem(pem("PRIVATE KEY", &der).as_bytes(), None);
        let key = match read {
            Ok(key) => key,
            // The only kind that is verified but not used for signing.
            Err(error) => {
                assert_eq!(name, "p521", "{error}");
                continue;
            }
        };
        cosign.write(&format!("{name}.pub"), key.public_key().to_pem());
        let (store, subject, image) = place.image(name);
        image::sign(&store, &subject, &key, &BTreeMap::new(), now()).unwrap();
        let attested = |subject: Subject| {
            sign_statement(&key, &Statement::new(subject, kind, json!({"a": 1})), &Limits::default()).unwrap()
        };
        let of_image = attested(Subject::new("", &subject.digest));
        plimsoll_attach::attach_bundle(&store, &subject, &of_image, kind, now()).unwrap();
        cosign.write("attested.json", attested(Subject::new("file", &file.sha256)));

        let holds = |command: &[&str], key: &str, rest: &[&str]| {
            let key = format!("{key}.pub");
            let flags = ["--insecure-ignore-tlog", "--trusted-root", "trusted.json", "--key", &key];
            // It assumes SHA-256 for signatures of a P-384 key, unless told otherwise.
            let digest = if name == "p384" { "sha384" } else { "sha256" };
            let digest = format!("--signature-digest-algorithm={digest}");
            cosign.run(&[command, &flags, &[&*digest], rest].concat()).status.success()
        };
        let mut judged = vec![
            (vec!["verify"], vec![image.as_str()]),
            (vec!["verify-attestation", "--type", kind], vec![image.as_str()]),
            (vec!["verify-blob-attestation", "--type", kind], vec!["--bundle", "attested.json", "file"]),
        ];
        // Only the digest of a file is kept, but pure Ed25519 signs the file itself.
        if name != "ed25519" {
            let signed = sign_by_key(Content::File(&file), &key, &Limits::default()).unwrap();
            cosign.write("signed.json", signed);
            judged.push((vec!["verify-blob"], vec!["--bundle", "signed.json", "file"]));
        }
        for (command, rest) in judged {
            assert!(holds(&command, name, &rest), "{name}: {command:?}");
            assert!(!holds(&command, "stranger", &rest), "{name}: {command:?} by a stranger");
            if let [bundle, path, "file"] = rest[..] {
                assert!(!holds(&command, name, &[bundle, path, "another"]), "{name}: {command:?} of another");
            }
        }
    }
}

/// With such a key it signs by Ed25519ph, and does not verify that itself.
#[test]
fn cosigns_ed25519ph_is_verified() {
    let Some(cosign) = Cosign::find() else { return };
    let pair = Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let key = cosign.import("ed", &pem("PRIVATE KEY", pair.as_ref()));
    let place = Place::Testing(plimsoll_testkit::Registry::start());
    let (store, subject, name) = place.image("app");
    // With a signing configuration, cosign 3.1.3 verifies its result, fails, and stops; with these options it does not
    // verify.
    let older = ["--tlog-upload=false", "--use-signing-config=false", "--trusted-root", "trusted.json"];
    cosign.must(&[&["sign", "--key", "ed.key"], &older[..], &[&name]].concat());
    assert!(!cosign.verify("ed", &[&name]).status.success());
    verify(&found(&store, &subject)[0].bytes, &key).unwrap();
    let other = Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let other = cosign.import("other", &pem("PRIVATE KEY", other.as_ref()));
    let error = verify(&found(&store, &subject)[0].bytes, &other).unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error}");
}

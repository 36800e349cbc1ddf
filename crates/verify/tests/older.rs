//! What older tools wrote and others still take: verified here too, and what is beside it refused by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Limits, clock};
use plimsoll_testkit::sigstore::now;
use plimsoll_verify::{
    Artifact, Bundle, Check, Error, Identity, KeyAlgorithm, Pattern, PredicateType, PublicKey, Requirements,
    Step, Text, Trusted, TrustedKey, TrustedRoot, legacy, verify_detached, verify_message,
};
use serde_json::Value;

/// The folder of a real case, if the data is there.
fn case(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cases/signing").join(name);
    if !folder.is_dir() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(folder)
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

fn key(folder: &Path, name: &str) -> PublicKey {
    PublicKey::from_pem(&read(folder, name)).unwrap()
}

#[test]
fn a_p384_key_may_have_signed_a_sha_256() {
    let Some(folder) = case("p384-sha256-key") else { return };
    let (key, file, signature) = (key(&folder, "p384.pub"), read(&folder, "file"), read(&folder, "file.sig"));
    assert_eq!(key.algorithm(), KeyAlgorithm::EcdsaP384);
    let verify = |file: &[u8]| {
        let mut reader = file;
        verify_detached(Artifact::Reader(&mut reader), &signature, std::slice::from_ref(&key)).map(drop)
    };
    verify(&file).unwrap();
    // By the digest alone, too; another file never.
    let digest = Artifact::Digest(Digest::sha256(&file));
    verify_detached(digest, &signature, std::slice::from_ref(&key)).unwrap();
    assert!(matches!(verify(b"another"), Err(Error::Rejected { .. })));
}

#[test]
fn an_rsa_key_of_pkcs1_is_the_same_key() {
    let Some(folder) = case("rsa-public-key-pkcs1") else { return };
    let (key, message) = (key(&folder, "rsa1.pub"), read(&folder, "m.txt"));
    assert_eq!(key.algorithm(), KeyAlgorithm::Rsa);
    assert_eq!(PublicKey::from_pem(key.to_pem().as_bytes()).unwrap().id(), key.id());
    let bundle = Bundle::parse(&read(&folder, "rsa.json"), &Limits::default()).unwrap();
    let keys = [TrustedKey::from(key)];
    let check = Check {
        trusted: Trusted::Keys(&keys),
        root: None,
        requirements: Requirements { logs: None, ..Requirements::default() },
        now: now(),
    };
    verify_message(&bundle, Artifact::Digest(Digest::sha256(&message)), &check).unwrap();
    for wrong in [
        "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
        "-----BEGIN RSA PUBLIC KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ] {
        assert!(PublicKey::from_pem(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

/// The bundle of a case, verified as one of the conformance suite's.
fn keyless(folder: &Path, change: impl FnOnce(&mut Value), requirements: Requirements) -> Result<(), Error> {
    let mut bundle: Value = serde_json::from_slice(&read(folder, "bundle.json")).unwrap();
    change(&mut bundle);
    let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?;
    let root = TrustedRoot::public_good().unwrap();
    let anybody = [Identity {
        issuer: Text::Pattern(Pattern::new(".*").unwrap()),
        subject: Text::Pattern(Pattern::new(".*").unwrap()),
        claims: Vec::new(),
    }];
    let check =
        Check { trusted: Trusted::Identities(&anybody), root: Some(&root), requirements, now: clock::now() };
    let artifact = read(folder, "artifact.txt");
    verify_message(&bundle, Artifact::Reader(&mut artifact.as_slice()), &check).map(drop)
}

#[test]
fn an_entry_of_an_unknown_log_counts_for_nothing_and_spoils_nothing() {
    let Some(folder) = case("unknown-log-beside-known") else { return };
    keyless(&folder, |_| {}, Requirements::default()).unwrap();
    let two = Requirements { logs: std::num::NonZeroUsize::new(2), ..Requirements::default() };
    assert_eq!(keyless(&folder, |_| {}, two).unwrap_err().failed_step(), Some(Step::LogThreshold));
    // With the unknown one alone, nothing counts; the known one alone is enough.
    let alone = |index: usize| {
        let only = |bundle: &mut Value| {
            let entries = bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
            *entries = vec![entries[index].clone()];
        };
        keyless(&folder, only, Requirements::default()).is_ok()
    };
    assert_ne!(alone(0), alone(1));
}

/// CPython's releases and the test data of sigstore-java: P-384 by SHA-384 in an entry of the first version.
#[test]
fn a_sha_384_in_an_entry_of_the_first_version() {
    let Some(folder) = case("p384-sha384-rekor1") else { return };
    keyless(&folder, |_| {}, Requirements::default()).unwrap();
    // The name decides nothing, and what stands under it is compared.
    let renamed = |bundle: &mut Value| {
        bundle["messageSignature"]["messageDigest"]["algorithm"] = "SHA2_512".into();
    };
    assert_eq!(
        keyless(&folder, renamed, Requirements::default()).unwrap_err().failed_step(),
        Some(Step::Artifact)
    );
    let other = |bundle: &mut Value| {
        let digest = bundle["messageSignature"]["messageDigest"]["digest"].as_str().unwrap().to_owned();
        let first = if digest.starts_with('A') { "B" } else { "A" };
        bundle["messageSignature"]["messageDigest"]["digest"] = format!("{first}{}", &digest[1..]).into();
    };
    assert_eq!(
        keyless(&folder, other, Requirements::default()).unwrap_err().failed_step(),
        Some(Step::Artifact)
    );
}

#[test]
fn an_envelope_alone_is_verified_by_its_key_and_by_nothing_else() {
    let limits = Limits::default();
    let pair = plimsoll_testkit::sigstore::Pair::new();
    let subject = plimsoll_verify::Subject::new("app", &Digest::sha256(b"app"));
    let statement =
        plimsoll_verify::Statement::new(subject, "https://example.com/p/v1", serde_json::json!({}));
    let payload = statement.to_json();
    let signature = pair.sign(&plimsoll_testkit::sigstore::pae("application/vnd.in-toto+json", &payload));
    let text = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let envelope = serde_json::json!({
        "payloadType": "application/vnd.in-toto+json",
        "payload": text(&payload),
        "signatures": [{"keyid": "", "sig": text(&signature)}],
    });
    let verify = |envelope: &Value| {
        let text = envelope.to_string();
        let converted = legacy::bundle_of_file(text.as_bytes(), &limits)?;
        let keys = [TrustedKey::from(PublicKey::from_spki_der(pair.spki())?)];
        let requirements = Requirements { logs: None, ..Requirements::default() };
        let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now: now() };
        let bundle = Bundle::parse(&converted, &limits)?;
        plimsoll_verify::verify(&bundle, Some(&Digest::sha256(b"app")), &check).map(drop)
    };
    verify(&envelope).unwrap();
    let mut changed = envelope.clone();
    changed["payload"] = text(b"{}").into();
    assert!(verify(&changed).is_err());
    let mut twice = envelope.clone();
    twice["signatures"].as_array_mut().unwrap().push(envelope["signatures"][0].clone());
    assert!(matches!(verify(&twice), Err(Error::SignatureCount { got: 2 })));
    // What the SLSA generators publish says who may have signed, and not when.
    let mut with_certificate = envelope.clone();
    with_certificate["signatures"][0]["cert"] = "-----BEGIN CERTIFICATE-----".into();
    let error = verify(&with_certificate).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::SigningTime), "{error}");
    assert!(error.to_string().contains("entry of the log"), "{error}");
    // It becomes a bundle of today, which verifies as well.
    let upgraded = legacy::upgraded(envelope.to_string().as_bytes(), &limits).unwrap();
    verify(&serde_json::from_slice(&upgraded).unwrap()).unwrap();
}

#[test]
fn a_digest_without_its_algorithm_is_told_by_name() {
    let Some(folder) = case("message-digest-without-algorithm") else { return };
    let error = Bundle::parse(&read(&folder, "bundle.json"), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("messageSignature.messageDigest.algorithm"), "{error}");
}

#[test]
fn a_type_without_a_scheme_has_slashes() {
    for uri in
        ["cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/vuln/v1", "sbom/cyclone-dx"]
    {
        let wanted: PredicateType = uri.parse().unwrap();
        assert_eq!(wanted.to_string(), uri);
    }
    for wrong in ["spdxjso", "", "a//b", "/a", "a/", "a b/c", "./a", "a/b?c", "a/\u{e9}"] {
        assert!(wrong.parse::<PredicateType>().is_err(), "{wrong}");
    }
}

#[test]
fn a_file_of_cosign_2_is_a_bundle() {
    let Some(folder) = case("cosign2-bundle-of-a-file") else { return };
    let (file, limits) = (read(&folder, "file"), Limits::default());
    let bytes = read(&folder, "bundle.json");
    let converted = legacy::bundle_of_file(&bytes, &limits).unwrap();
    let keys = [TrustedKey::from(key(&folder, "p256.pub"))];
    let check = Check {
        trusted: Trusted::Keys(&keys),
        root: None,
        requirements: Requirements { logs: None, ..Requirements::default() },
        now: now(),
    };
    let verify = |file: &[u8]| {
        let bundle = Bundle::parse(&converted, &limits).unwrap();
        verify_message(&bundle, Artifact::Digest(Digest::sha256(file)), &check).map(drop)
    };
    verify(&file).unwrap();
    assert_eq!(verify(b"another").unwrap_err().failed_step(), Some(Step::Signature));
    // A bundle stays what it is, and one document is not two.
    assert_eq!(&*legacy::bundle_of_file(&converted, &limits).unwrap(), &*converted);
    let mut both: Value = serde_json::from_slice(&bytes).unwrap();
    both["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json".into();
    let error = legacy::bundle_of_file(both.to_string().as_bytes(), &limits).unwrap_err();
    assert!(matches!(error, Error::Ambiguous { .. }), "{error}");
    for (name, wrong) in [("base64Signature", "!"), ("cert", "!"), ("rekorBundle", "x")] {
        let mut broken: Value = serde_json::from_slice(&bytes).unwrap();
        broken[name] = wrong.into();
        let error = legacy::bundle_of_file(broken.to_string().as_bytes(), &limits).unwrap_err();
        let told = if name == "rekorBundle" { "log entry" } else { name };
        assert!(error.to_string().contains(told), "{name}: {error}");
    }
}

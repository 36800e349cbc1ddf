//! Row S21: keys and signatures of which there is more than one reading, or that hold for everything.
#![allow(
    clippy::unwrap_used,
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
    ECDSA_P384_SHA3_384_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Holder, Leaf, LogVersion, NOW, Pair, Sigstore, hex, pae, pem};
use plimsoll_verify::{
    Bundle, Check, Error, Identity, PublicKey, Requirements, Signer, Statement, Step, Subject, Text, Trusted,
    TrustedKey, TrustedRoot, Verified, statement_by_key, verify,
};
use serde_json::{Value, json};

const IN_TOTO: &str = "application/vnd.in-toto+json";
const STAMPS: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
const SIGNATURE: &str = "/dsseEnvelope/signatures/0/sig";

fn image() -> Digest {
    Digest::sha256(b"the image")
}

fn payload() -> Vec<u8> {
    Statement::new(Subject::new("", &image()), "p", json!({})).to_json()
}

fn der(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

fn judged(instance: &Sigstore, bundle: &Value) -> Result<Verified<Statement>, Error> {
    let leaf = Leaf::default();
    let identities = [Identity {
        issuer: Text::Exact(leaf.issuer),
        subject: Text::Exact(leaf.subject),
        claims: Vec::new(),
    }];
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes())?;
    let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?;
    let check = Check {
        trusted: Trusted::Identities(&identities),
        root: Some(&root),
        requirements: Requirements::default(),
        now: plimsoll_testkit::sigstore::now(),
    };
    verify(&bundle, Some(&image()), &check)
}

#[track_caller]
fn refused(result: Result<Verified<Statement>, Error>, step: Step) {
    let error = result.unwrap_err();
    assert_eq!(error.failed_step(), Some(step), "{error}");
}

/// A bundle by a key alone, with a hint that names it.
fn by_key(spki: &[u8], signature: &[u8], payload: &[u8]) -> Bundle {
    let hint = STANDARD.encode(Digest::sha256(spki).as_bytes());
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "dsseEnvelope": {"payload": STANDARD.encode(payload), "payloadType": IN_TOTO,
                         "signatures": [{"sig": STANDARD.encode(signature)}]},
    });
    Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn holds(spki: &[u8], signature: &[u8]) -> bool {
    let key = PublicKey::from_spki_der(spki).unwrap();
    statement_by_key(&by_key(spki, signature, &payload()), &[key]).is_ok()
}

/// The other `s` that holds for the same message under a P-256 key: the order of the curve less this one.
fn mirrored(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    // A sequence of two integers.
    let r = &signature[2..4 + usize::from(signature[3])];
    let s = &signature[2 + r.len() + 2..];
    let mut padded = [0; 32];
    let s = &s[s.len().saturating_sub(32)..];
    padded[32 - s.len()..].copy_from_slice(s);
    let mut other = vec![0; 32];
    let mut borrowed = 0;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(padded[at]) - borrowed;
        borrowed = i16::from(difference < 0);
        other[at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let skipped = other.iter().take_while(|byte| **byte == 0).count();
    other.drain(..skipped);
    if other[0] >= 0x80 {
        other.insert(0, 0);
    }
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let integer = [&[0x02, length(&other)][..], &other].concat();
    let both = [r, &integer].concat();
    [&[0x30, length(&both)][..], &both].concat()
}

/// Of every ECDSA signature anybody can make another one that holds. Logs take either form, so neither can be refused; it says
/// the same of the same signer, and counts for nothing more.
#[test]
fn s21_a_mirrored_signature_is_no_second_signer_and_no_second_entry() {
    let key = Pair::new();
    let signature = key.sign(&pae(IN_TOTO, &payload()));
    let other = mirrored(&signature);
    assert_ne!(signature, other);
    assert_eq!(mirrored(&other), signature);
    let public = PublicKey::from_spki_der(key.spki()).unwrap();
    let signer = |signature: &[u8]| {
        let bundle = by_key(key.spki(), signature, &payload());
        let verified = statement_by_key(&bundle, std::slice::from_ref(&public)).unwrap();
        verified.signer().clone()
    };
    assert_eq!(signer(&signature), Signer::Key(public.id()));
    assert_eq!(signer(&other), signer(&signature));

    for version in [LogVersion::V1, LogVersion::V2] {
        let mut instance = Sigstore::new();
        let holder = instance.leaf(&Leaf::default());
        let mut bundle = instance.attest(&holder, &payload(), version);
        let first = judged(&instance, &bundle).unwrap();
        let original = STANDARD.decode(bundle.pointer(SIGNATURE).unwrap().as_str().unwrap()).unwrap();
        let other = mirrored(&original);
        *bundle.pointer_mut(SIGNATURE).unwrap() = json!(STANDARD.encode(&other));
        if version == LogVersion::V2 {
            refused(judged(&instance, &bundle), Step::Timestamp);
            *bundle.pointer_mut(STAMPS).unwrap() = json!([instance.stamp(&other, NOW)]);
        }
        // The entry of the one is none of the other.
        refused(judged(&instance, &bundle), Step::LogEntry);

        // Whoever has it logged and stamped anew has the same signature by the same signer once more.
        if version == LogVersion::V2 {
            let digest = Digest::sha256(&pae(IN_TOTO, &payload()));
            let entry = instance.record(digest.as_bytes().try_into().unwrap(), &other, &holder.certificate);
            bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
            let again = judged(&instance, &bundle).unwrap();
            assert_eq!(again.signer(), first.signer());
            assert_eq!(again.value(), first.value());
        }
    }
}

#[test]
fn s21_signatures_in_another_form_than_der() {
    let key = Pair::new();
    let good = key.sign(&pae(IN_TOTO, &payload()));
    assert!(holds(key.spki(), &good));
    let (body, length) = (&good[2..], good[1]);
    let integer = usize::from(body[1]);
    let (r, s) = body.split_at(2 + integer);
    let raw = |integer: &[u8]| {
        let value = &integer[2..];
        let value = &value[value.len().saturating_sub(32)..];
        [vec![0; 32 - value.len()], value.to_vec()].concat()
    };
    let padded = [&[0x02, r[1] + 1, 0][..], &r[2..], s].concat();
    for (name, other) in [
        ("r and s side by side", [raw(r), raw(s)].concat()),
        ("length in two bytes", [&[0x30, 0x81, length][..], body].concat()),
        ("indefinite length", [&[0x30, 0x80][..], body, &[0, 0]].concat()),
        ("a byte behind it", [&good[..], &[0]].concat()),
        ("a byte behind it, counted", [&[0x30, length + 1][..], body, &[0]].concat()),
        ("a zero before r", [&[0x30, length + 1][..], &padded].concat()),
        ("r alone", [&[0x30, r.len().try_into().unwrap()][..], r].concat()),
        ("zero and zero", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ("one and zero", vec![0x30, 6, 2, 1, 1, 2, 1, 0]),
        ("zero and one", vec![0x30, 6, 2, 1, 0, 2, 1, 1]),
    ] {
        assert!(!holds(key.spki(), &other), "{name}");
    }
}

/// The key says which algorithm it is, and nothing else does.
#[test]
fn s21_signatures_by_another_curve_digest_or_padding() {
    let message = pae(IN_TOTO, &payload());
    let random = SystemRandom::new();
    let p256 = Pair::new();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let by_rsa = |padding| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &random, &message, &mut signature).unwrap();
        signature
    };
    let by_p384 = p384.sign(&random, &message).unwrap().as_ref().to_vec();
    let spki = [p256.spki().to_vec(), der(p384.public_key()), der(rsa.public_key())];
    let signatures = [p256.sign(&message), by_p384, by_rsa(&RSA_PKCS1_SHA256)];
    for (one, key) in spki.iter().enumerate() {
        for (other, signature) in signatures.iter().enumerate() {
            assert_eq!(holds(key, signature), one == other, "{one} {other}");
        }
    }
    assert!(!holds(&spki[2], &by_rsa(&RSA_PKCS1_SHA512)));
    assert!(!holds(&spki[2], &by_rsa(&RSA_PSS_SHA256)));
    let sha3 =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA3_384_ASN1_SIGNING, p384.to_pkcs8v1().unwrap().as_ref())
            .unwrap();
    assert!(!holds(&spki[1], sha3.sign(&random, &message).unwrap().as_ref()));
}

/// openssl ecparam -name prime256v1 -param_enc explicit -genkey -noout | openssl ec -pubout -param_enc explicit: whoever
/// writes the parameters chooses the base point, and with it the private key to any public one (CVE-2020-0601).
const EXPLICIT: &str = "-----BEGIN PUBLIC KEY-----
MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABMGJAHOOa5cqvBNl7KkWLKDI
IqwtGUuI55J7kdMU8ZUnSLPoPIYT+jNoFJTimMoJVWpHbrjv9fN5vzD7fCKm1Xk=
-----END PUBLIC KEY-----
";
/// The same with -conv_form compressed in place of the parameters: a second form of a key is a second id.
const COMPRESSED: &str = "-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADywDtYagIJTIDywxMVmhN0+e/Ry6U
+1RGiOoCHhC0kSM=
-----END PUBLIC KEY-----
";

#[test]
fn s21_keys_whose_curve_is_not_what_they_say() {
    const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    const EC: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let spki = |curve: &[u8], point: &[u8]| {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let algorithm = [&EC[..], curve].concat();
        let algorithm = [&[0x30, length(&algorithm)][..], &algorithm].concat();
        let bits = [&[0x03, length(point) + 1, 0][..], point].concat();
        let both = [algorithm, bits].concat();
        [&[0x30, length(&both)][..], &both].concat()
    };
    let p256 = Pair::new();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let (small, large) = (&p256.spki()[26..], p384.public_key().as_ref());
    assert!(PublicKey::from_spki_der(&spki(&P256, small)).is_ok());
    assert!(PublicKey::from_spki_der(&spki(&P384, large)).is_ok());
    let infinity: &[u8] = &[0];
    for (curve, point) in
        [(&P384[..], small), (&P256, large), (&[], small), (&P256, infinity), (&P256, &[4; 65])]
    {
        let error = PublicKey::from_spki_der(&spki(curve, point)).unwrap_err();
        assert!(matches!(error, Error::UnusableKey { .. }), "{error:?}");
    }
    // Written as a hybrid point: the same key once more.
    let mut hybrid = small.to_vec();
    hybrid[0] = 6 | (hybrid[64] & 1);
    let error = PublicKey::from_spki_der(&spki(&P256, &hybrid)).unwrap_err();
    assert!(matches!(error, Error::UnusableKey { .. }), "{error:?}");
    for pem in [EXPLICIT, COMPRESSED] {
        assert!(matches!(PublicKey::from_pem(pem.as_bytes()), Err(Error::UnusableKey { .. })), "{pem}");
    }
}

/// What stands beside a key is no reason to read it otherwise.
#[test]
fn s21_key_details_that_lie() {
    const DETAILS: &str = "/spec/hashedRekordV002/signature/verifier/keyDetails";
    for lie in
        ["PKIX_ECDSA_P384_SHA_384", "PKIX_RSA_PKCS1V15_2048_SHA256", "PKIX_ED25519", "PKIX_ML_DSA_65", ""]
    {
        // In an entry, with a log that takes it.
        let mut instance = Sigstore::new();
        let holder = instance.leaf(&Leaf::default());
        let mut bundle = instance.attest(&holder, &payload(), LogVersion::V2);
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let body = STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        *body.pointer_mut(DETAILS).unwrap() = json!(lie);
        let entry = instance.log.append("hashedrekord", "0.0.2", &body, LogVersion::V2, NOW);
        bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        refused(judged(&instance, &bundle), Step::LogEntry);
    }
}

/// openssl genrsa 1024
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC3qKsZLfTtimxwziaWb8aVXDlmX5KHJZlAWTxjWIYKmd7QDQ2/x4YQDprEOkJuxf+TpVnLf32wTJJeBk22Pisy1R273J5jJqsM/9yVvk8Q5e1sVZaK2yqCot98Bf5EykopBizYiTvOZ6Qe5UuuCNAjqL1NZ9cQgNbSvURbfoMuhwIDAQAB";
/// openssl dgst -sha256 -sign, over the encoding of [`OF_RSA_1024`].
const BY_RSA_1024: &str = "H9PUxY5oBYNBy4JgUPHrNoJo2ILkQzASaypZ8n1QhOhtinE0VPE+6Fijcdhf1XWCN6MOShsOfV/yQgzkGlL9NblBbOCZ6S8uCU57pagb8aTgzUYKZHrywW02Th4y4AOpORMxhT329V45sp1xKyLRExBdFGuDsAen0iSTxIbsfrg=";
const OF_RSA_1024: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"97e9d7a16021e6d07fbe28cce398f5847fc00c574991fbff65d95fd5e032d389"}}],"predicateType":"p"}"#;

/// In a certificate that the authority did issue. Such a key can be factored by whoever wants to badly.
#[test]
fn s21_a_certified_rsa_key_of_1024_bits() {
    let (spki, signature) = (STANDARD.decode(RSA_1024).unwrap(), STANDARD.decode(BY_RSA_1024).unwrap());
    let payload = OF_RSA_1024.as_bytes();
    let legacy = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &spki);
    legacy.verify(&pae(IN_TOTO, payload), &signature).unwrap();
    assert!(matches!(PublicKey::from_spki_der(&spki), Err(Error::UnusableKey { .. })));

    let mut instance = Sigstore::new();
    let certificate = instance.issue(&Leaf::default(), &spki);
    let holder = Holder { key: Pair::new(), certificate };
    let mut bundle = instance.attest(&holder, payload, LogVersion::V1);
    let body = json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": Digest::sha256(payload).hex()},
            "payloadHash": {"algorithm": "sha256", "value": Digest::sha256(payload).hex()},
            "signatures": [{
                "signature": BY_RSA_1024,
                "verifier": STANDARD.encode(pem("CERTIFICATE", &holder.certificate)),
            }],
        },
    });
    let entry = instance.log.append("dsse", "0.0.1", &body, LogVersion::V1, NOW);
    bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
    *bundle.pointer_mut(SIGNATURE).unwrap() = json!(BY_RSA_1024);
    refused(judged(&instance, &bundle), Step::Signature);
}

/// Under such a point a signature that anybody can write down holds for many messages, under the first for every one.
#[test]
fn s21_ed25519_points_of_small_order() {
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let identity = [&[1][..], &[0; 31]].concat();
    let all_or_nothing = UnparsedPublicKey::new(&ED25519, &identity);
    all_or_nothing.verify(&pae(IN_TOTO, &payload()), &[identity.clone(), vec![0; 32]].concat()).unwrap();

    let eighth = |text: &str| -> Vec<u8> {
        (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let mut points = vec![
        identity,
        vec![0; 32],
        eighth("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        eighth("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ];
    // The prime is 2^255 - 19: one less, itself for 0, one more for 1.
    points.extend([0xec, 0xed, 0xee].map(|first| [&[first][..], &[0xff; 30], &[0x7f]].concat()));
    for point in points {
        for sign in [0, 0x80] {
            let mut point = point.clone();
            point[31] |= sign;
            let refused = PublicKey::from_spki_der(&[&PREFIX[..], &point].concat());
            assert!(matches!(refused, Err(Error::UnusableKey { .. })), "{}", hex(&point));
        }
    }
    let good = Ed25519KeyPair::generate().unwrap();
    assert!(PublicKey::from_spki_der(&der(good.public_key())).is_ok());
}

/// What is required and cannot be verified is not passed over because the key alone is trusted.
#[test]
fn a_key_without_a_trusted_root_meets_no_requirement_that_needs_one() {
    let pair = Pair::new();
    let bundle = by_key(pair.spki(), &pair.sign(&pae(IN_TOTO, &payload())), &payload());
    let trusted = [TrustedKey::from(PublicKey::from_spki_der(pair.spki()).unwrap())];
    let judged = |logs, timestamps| {
        let requirements = Requirements { logs, timestamps, certificate_log: true };
        let now = plimsoll_testkit::sigstore::now();
        verify(
            &bundle,
            Some(&image()),
            &Check { trusted: Trusted::Keys(&trusted), root: None, requirements, now },
        )
    };
    judged(None, 0).unwrap();
    refused(judged(NonZeroUsize::new(1), 0), Step::LogInclusion);
    refused(judged(None, 1), Step::Timestamp);
    refused(judged(None, 2), Step::Timestamp);
}

/// Told before anything that only bundles of the other kind need, such as a log entry.
#[test]
fn a_certificate_for_a_trusted_key_and_a_key_for_a_trusted_identity_are_told_first() {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    let mut by_certificate = instance.attest(&holder, &payload(), LogVersion::V1);
    by_certificate["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    let by_certificate = Bundle::parse(by_certificate.to_string().as_bytes(), &Limits::default()).unwrap();
    let pair = Pair::new();
    let by_key = by_key(pair.spki(), &pair.sign(&pae(IN_TOTO, &payload())), &payload());
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let keys = [TrustedKey::from(PublicKey::from_spki_der(pair.spki()).unwrap())];
    for (bundle, trusted, wanted) in [
        (&by_certificate, Trusted::Keys(&keys), "a public key"),
        (&by_key, Trusted::Identities(&[]), "a certificate"),
    ] {
        let requirements = Requirements::default();
        let now = plimsoll_testkit::sigstore::now();
        let check = Check { trusted, root: Some(&root), requirements, now };
        match verify(bundle, Some(&image()), &check) {
            Err(Error::WrongMaterial { expected, .. }) => assert_eq!(expected, wanted),
            other => panic!("{other:?}"),
        }
    }
}

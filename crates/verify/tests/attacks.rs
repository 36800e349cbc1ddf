//! Attacks on bundles that only public keys verify. Each starts from a bundle that verifies and changes one thing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_verify::{
    BUNDLE_V0_3, Bundle, COSIGN_SIGN_V1, Error, IN_TOTO_PAYLOAD, NotChecked, PublicKey, Signer, Statement,
    Subject, Verified, statement_by_key,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sigstore_crypto::KeyPair;

struct Key {
    pair: KeyPair,
    public: PublicKey,
}

fn key() -> Key {
    let pair = KeyPair::generate_ecdsa_p256().unwrap();
    let public = PublicKey::from_spki_der(pair.public_key_der().unwrap().as_bytes()).unwrap();
    Key { pair, public }
}

fn image() -> Digest {
    Digest::sha256(b"image")
}

fn statement() -> Statement {
    Statement::new(Subject::new("", &image()), COSIGN_SIGN_V1, json!({}))
}

fn sign(key: &Key, payload_type: &str, payload: &[u8]) -> String {
    let pae =
        [format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).as_bytes(), payload]
            .concat();
    STANDARD.encode(key.pair.sign(&pae).unwrap().as_bytes())
}

fn bundle_of(key: &Key, payload: &[u8]) -> Value {
    json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {"publicKey": {"hint": STANDARD.encode(key.public.id().as_bytes())}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": IN_TOTO_PAYLOAD,
            "signatures": [{"sig": sign(key, IN_TOTO_PAYLOAD, payload)}],
        },
    })
}

fn bundle(key: &Key) -> Value {
    bundle_of(key, &statement().to_json())
}

fn verify(bundle: &Value, keys: &[PublicKey]) -> Result<Verified<Statement>, Error> {
    statement_by_key(&Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?, keys)
}

fn parse_error(text: &str) -> Error {
    let error = Bundle::parse(text.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Failed, "{error}");
    error
}

fn denial(bundle: &Value, key: &Key) -> Error {
    let error = verify(bundle, std::slice::from_ref(&key.public)).unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    error
}

#[test]
fn a_good_bundle_gives_the_statement_its_signer_and_its_own_digest() {
    let (signer, other) = (key(), key());
    let text = bundle(&signer).to_string();
    let parsed = Bundle::parse(text.as_bytes(), &Limits::default()).unwrap();
    let verified = statement_by_key(&parsed, &[other.public.clone(), signer.public.clone()]).unwrap();
    assert_eq!(*verified.value(), statement());
    assert!(verified.value().names(&image()) && verified.value().is_signature());
    assert_eq!(*verified.signer(), Signer::Key(signer.public.id()));
    assert_eq!(*verified.bundle(), Digest::sha256(text.as_bytes()));
    assert!(verified.not_checked().is_empty());
    assert_eq!(parsed.claimed_key(), Some(signer.public.id()));
}

#[test]
fn a_bundle_as_stock_cosign_wrote_it_verifies() {
    // cosign 3.1.3, `sign --key … --signing-config <one without services> -a team=infra -a z=1`.
    let text = concat!(
        r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":"#,
        r#"{"hint":"l0ip5LC18tE2PpGX3ZfS8ZqFbSzog/Fl65yxLieqWCo="}}, "dsseEnvelope":{"payload":""#,
        "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCAic3ViamVjdCI6W3siZGlnZXN0Ijp7InNoYTI1NiI6IjRh",
        "NzhlY2YwM2Y5YmU4ZTFlNTA4ZTM0NzUyNWNhNDNmNjdmMWVlYjRmYjI4NzIyYWM5NGFkNzI1OTZjNTM0NDgifSwgImFubm90YXRpb25z",
        "Ijp7InRlYW0iOiJpbmZyYSIsICJ6IjoiMSJ9fV0sICJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly9zaWdzdG9yZS5kZXYvY29zaWduL3Np",
        r#"Z24vdjEiLCAicHJlZGljYXRlIjp7fX0=", "payloadType":"application/vnd.in-toto+json", "signatures":[{"sig":""#,
        "MEYCIQD0mermiwQAYAbYeqBPNqpzYU0tCITfyjdUjpqyT+RTJwIhALJdZ8FFmfrIugMEoYI8xd+zpghf63ezaov3x6xLE+J9",
        r#""}]}}"#,
    );
    let public = PublicKey::from_pem(
        b"-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0et1CbwCTQVGmC6/1g0SzK008H5f
QolSa9uCyVgJ5sEGF4aNJk7n0kPW1fQjftRksUAGBIdWmKJgPdh2UumXxw==
-----END PUBLIC KEY-----
",
    )
    .unwrap();
    let verified =
        statement_by_key(&Bundle::parse(text.as_bytes(), &Limits::default()).unwrap(), &[public]).unwrap();
    assert!(verified.value().is_signature());
    assert_eq!(verified.value().subjects[0].annotations["team"], "infra");
    let subject = "sha256:4a78ecf03f9be8e1e508e347525ca43f67f1eeb4fb28722ac94ad72596c53448".parse().unwrap();
    assert!(verified.value().names(&subject));
}

#[test]
fn another_key_is_rejected_and_the_message_names_the_keys_that_were_tried() {
    let (signer, one, two) = (key(), key(), key());
    let error = verify(&bundle(&signer), &[one.public.clone(), two.public.clone()]).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(
        text.contains(&one.public.id().to_string()) && text.contains(&two.public.id().to_string()),
        "{text}"
    );
    assert!(error.hint().unwrap().contains(&signer.public.id().to_string()));

    // Claiming a trusted key in the hint changes nothing.
    let mut claimed = bundle(&signer);
    claimed["verificationMaterial"]["publicKey"]["hint"] = json!(STANDARD.encode(one.public.id().as_bytes()));
    claimed["dsseEnvelope"]["signatures"][0]["keyid"] = json!(one.public.id().to_string());
    assert!(denial(&claimed, &one).hint().unwrap().contains("changed after signing"));
    // Nor does it take anything away from the key that did sign.
    assert!(verify(&claimed, &[signer.public]).is_ok());
}

#[test]
fn no_keys_is_an_error_of_the_caller_never_a_pass() {
    let error = verify(&bundle(&key()), &[]).unwrap_err();
    assert!(matches!(error, Error::NoKeys));
    assert_eq!(error.kind(), Kind::Usage);
}

#[test]
fn a_swapped_payload_or_signature_is_rejected() {
    let signer = key();
    let mut swapped = bundle(&signer);
    let other = Statement::new(Subject::new("", &Digest::sha256(b"evil")), COSIGN_SIGN_V1, json!({}));
    swapped["dsseEnvelope"]["payload"] = json!(STANDARD.encode(other.to_json()));
    assert!(matches!(denial(&swapped, &signer), Error::Rejected { .. }));

    // The signature of another, equally valid bundle by the same key.
    let mut lent = bundle(&signer);
    lent["dsseEnvelope"]["signatures"] =
        bundle_of(&signer, &other.to_json())["dsseEnvelope"]["signatures"].take();
    assert!(matches!(denial(&lent, &signer), Error::Rejected { .. }));

    for sig in ["", "AAAA", "MAA="] {
        let mut broken = bundle(&signer);
        broken["dsseEnvelope"]["signatures"][0]["sig"] = json!(sig);
        assert!(matches!(denial(&broken, &signer), Error::Rejected { .. }));
    }
}

#[test]
fn s11_the_payload_type_is_pinned_and_bound_by_the_signature() {
    let signer = key();
    let payload = statement().to_json();
    // Really signed as another type: still not a statement.
    let mut other = bundle(&signer);
    other["dsseEnvelope"]["payloadType"] = json!("application/json");
    other["dsseEnvelope"]["signatures"][0]["sig"] = json!(sign(&signer, "application/json", &payload));
    assert!(matches!(denial(&other, &signer), Error::PayloadType { .. }));
    // Signed as another type and relabelled.
    let mut relabelled = other;
    relabelled["dsseEnvelope"]["payloadType"] = json!(IN_TOTO_PAYLOAD);
    assert!(matches!(denial(&relabelled, &signer), Error::Rejected { .. }));
    // The payload signed bare, as for a file, without the pre-authentication encoding.
    let mut bare = bundle(&signer);
    bare["dsseEnvelope"]["signatures"][0]["sig"] =
        json!(STANDARD.encode(signer.pair.sign(&payload).unwrap().as_bytes()));
    assert!(matches!(denial(&bare, &signer), Error::Rejected { .. }));
    // Upper case and parameters are other types.
    for spelling in ["application/vnd.in-toto+JSON", "application/vnd.in-toto+json; v=1", ""] {
        let mut spelled = bundle(&signer);
        spelled["dsseEnvelope"]["payloadType"] = json!(spelling);
        assert!(matches!(denial(&spelled, &signer), Error::PayloadType { .. }));
    }
}

#[test]
fn a_signed_payload_that_is_no_strict_statement_is_a_failed_verification() {
    let signer = key();
    let hex = image().hex();
    for payload in [
        "not json".to_owned(),
        "{}".to_owned(),
        String::new(),
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","predicateType":"{COSIGN_SIGN_V1}","subject":[{{"digest":{{"sha256":"{hex}"}}}}]}}"#
        ),
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{{"digest":{{"sha256":"{hex}","sha256":"{hex}"}}}}]}}"#
        ),
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[]}"#.to_owned(),
    ] {
        denial(&bundle_of(&signer, payload.as_bytes()), &signer);
    }
}

#[test]
fn an_sbom_attestation_by_the_same_key_is_no_signature() {
    let signer = key();
    let sbom = Statement::new(
        Subject::new("", &image()),
        "https://spdx.dev/Document/v2.3",
        json!({"spdxVersion": "SPDX-2.3"}),
    );
    let verified =
        verify(&bundle_of(&signer, &sbom.to_json()), std::slice::from_ref(&signer.public)).unwrap();
    assert!(verified.value().names(&image()));
    assert!(!verified.value().is_signature());
}

#[test]
fn not_exactly_one_signature_is_refused_even_when_one_of_them_is_good() {
    let signer = key();
    let mut two = bundle(&signer);
    let good = two["dsseEnvelope"]["signatures"][0].clone();
    two["dsseEnvelope"]["signatures"] = json!([{"sig": "AAAA"}, good]);
    assert!(matches!(parse_error(&two.to_string()), Error::SignatureCount { got: 2 }));
    two["dsseEnvelope"]["signatures"] = json!([]);
    assert!(matches!(parse_error(&two.to_string()), Error::SignatureCount { got: 0 }));
    two["dsseEnvelope"]["signatures"] = Value::Array(vec![json!({"sig": "AAAA"}); 10_000]);
    assert!(matches!(parse_error(&two.to_string()), Error::TooMany { .. }));
}

#[test]
fn duplicate_names_trailing_bytes_depth_and_size_are_refused() {
    let text = bundle(&key()).to_string();
    let twice = text.replacen("{\"dsseEnvelope\":", "{\"dsseEnvelope\":{},\"dsseEnvelope\":", 1);
    assert_ne!(text, twice);
    for bad in [
        twice,
        text.replacen("\"payload\":", "\"payload\":\"e30=\",\"payload\":", 1),
        format!("{text}{text}"),
        format!("\u{feff}{text}"),
        "[".repeat(100_000),
        String::new(),
    ] {
        assert!(matches!(parse_error(&bad), Error::BundleJson { .. }));
    }
    let most = usize::try_from(Limits::default().bundle_bytes).unwrap();
    assert!(matches!(parse_error(&format!("{}{text}", " ".repeat(most))), Error::Limit(_)));
    for bad in ["null", "[]", "1", "\"x\"", "{}"] {
        assert!(matches!(parse_error(bad), Error::Missing { .. }), "{bad}");
    }
}

#[test]
fn a_bundle_of_another_kind_is_refused() {
    let signer = key();
    let mut certificate = bundle(&signer);
    certificate["verificationMaterial"] = json!({"certificate": {"rawBytes": "MAA="}});
    let error = denial(&certificate, &signer);
    assert!(matches!(error, Error::WrongMaterial { .. }));
    assert!(error.hint().is_some());

    let message = json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {"publicKey": {}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(image().as_bytes())},
            "signature": STANDARD.encode(signer.pair.sign(b"image").unwrap().as_bytes()),
        },
    });
    assert!(matches!(denial(&message, &signer), Error::NotAStatement));
}

#[test]
fn two_kinds_of_content_or_material_are_refused_before_either_is_believed() {
    let signer = key();
    let mut contents = bundle(&signer);
    contents["messageSignature"] = json!({"signature": "AAAA"});
    assert!(matches!(parse_error(&contents.to_string()), Error::Ambiguous { .. }));
    contents["messageSignature"] = Value::Null;
    assert!(matches!(parse_error(&contents.to_string()), Error::Ambiguous { .. }));

    let mut materials = bundle(&signer);
    materials["verificationMaterial"]["certificate"] = json!({"rawBytes": "MAA="});
    assert!(matches!(parse_error(&materials.to_string()), Error::Ambiguous { .. }));

    let mut chain = bundle(&signer);
    chain["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": [{"rawBytes": "MAA="}]}});
    assert!(matches!(parse_error(&chain.to_string()), Error::UnknownField { .. }));
    for field in ["verificationMaterial", "dsseEnvelope"] {
        let mut missing = bundle(&signer);
        missing.as_object_mut().unwrap().remove(field);
        assert!(matches!(parse_error(&missing.to_string()), Error::Missing { .. }));
    }
}

#[test]
fn s18_only_known_versions_are_read() {
    let signer = key();
    for old in [
        "application/vnd.dev.sigstore.bundle+json;version=0.0",
        "application/vnd.dev.sigstore.bundle+json;version=0.4",
        "application/vnd.dev.sigstore.bundle.v0.4+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json ",
        "",
    ] {
        let mut other = bundle(&signer);
        other["mediaType"] = json!(old);
        assert!(matches!(parse_error(&other.to_string()), Error::BundleVersion { .. }), "{old}");
    }
    let mut absent = bundle(&signer);
    absent.as_object_mut().unwrap().remove("mediaType");
    assert!(matches!(parse_error(&absent.to_string()), Error::Missing { names: &["mediaType"] }));
    absent["mediaType"] = json!(3);
    assert!(matches!(parse_error(&absent.to_string()), Error::BundleVersion { .. }));

    let mut first_spelling = bundle(&signer);
    first_spelling["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.3");
    assert!(verify(&first_spelling, &[signer.public]).is_ok());
}

#[test]
fn base64_has_nothing_beside_it_and_means_one_thing() {
    let signer = key();
    // A payload whose encodings differ: `?` and `>` in a row give `/` and `+`, and the length needs padding.
    let payload = [&statement().to_json()[..], b" \n \n"].concat();
    let good = bundle_of(&signer, &payload);
    assert!(verify(&good, std::slice::from_ref(&signer.public)).is_ok());
    let raw = STANDARD.decode(good["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    // The mapping of Protocol Buffers has four spellings of the same bytes.
    for text in [STANDARD_NO_PAD.encode(&raw), URL_SAFE.encode(&raw), URL_SAFE_NO_PAD.encode(&raw)] {
        let mut same = good.clone();
        same["dsseEnvelope"]["signatures"][0]["sig"] = json!(text);
        assert!(verify(&same, std::slice::from_ref(&signer.public)).is_ok(), "{text}");
    }
    for (path, text) in [
        ("/dsseEnvelope/payload", format!("{}\n", STANDARD.encode(&payload))),
        ("/dsseEnvelope/payload", format!(" {}", STANDARD.encode(&payload))),
        ("/dsseEnvelope/payload", format!("{}====", STANDARD.encode(&payload))),
        // Both alphabets at once.
        ("/dsseEnvelope/signatures/0/sig", "-/8=".to_owned()),
        // Bits behind the last byte that decoders ignore: `AB==` and `AA==` are the same byte.
        ("/dsseEnvelope/signatures/0/sig", "AB==".to_owned()),
    ] {
        let mut other = good.clone();
        *other.pointer_mut(path).unwrap() = json!(text);
        let error = parse_error(&other.to_string());
        assert!(matches!(error, Error::Base64 { .. }), "{path} = {text}: {error}");
    }
}

#[test]
fn s18_unknown_fields_and_wrong_types_are_refused_with_their_place() {
    let signer = key();
    for (pointer, field, path) in [
        ("", "extra", "extra"),
        ("/verificationMaterial", "public-key", "verificationMaterial.public-key"),
        ("/verificationMaterial/publicKey", "rawBytes", "verificationMaterial.publicKey.rawBytes"),
        ("/dsseEnvelope/signatures/0", "cert", "dsseEnvelope.signatures.0.cert"),
    ] {
        let mut extra = bundle(&signer);
        extra.pointer_mut(pointer).unwrap()[field] = json!(1);
        let error = parse_error(&extra.to_string());
        assert!(matches!(&error, Error::UnknownField { path: found } if found == path), "{error}");
    }
    for (pointer, value) in [
        ("/verificationMaterial", json!([])),
        ("/verificationMaterial/publicKey/hint", json!({})),
        ("/dsseEnvelope", json!("x")),
        ("/dsseEnvelope/payload", json!(7)),
        ("/dsseEnvelope/payload", Value::Null),
        ("/dsseEnvelope/payloadType", json!(7)),
        ("/dsseEnvelope/signatures", json!({})),
        ("/dsseEnvelope/signatures/0", json!("x")),
        ("/dsseEnvelope/signatures/0/sig", Value::Null),
    ] {
        let mut wrong = bundle(&signer);
        *wrong.pointer_mut(pointer).unwrap() = value;
        parse_error(&wrong.to_string());
    }
}

#[test]
fn log_entries_and_timestamps_are_named_as_not_checked_and_change_nothing() {
    let signer = key();
    let entry = json!({
        "logIndex": "5", "logId": {"keyId": STANDARD.encode([0; 32])}, "integratedTime": "1700000000",
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"}, "canonicalizedBody": "e30=",
    });
    let mut full = bundle(&signer);
    full["verificationMaterial"]["tlogEntries"] = json!([entry]);
    full["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [{"signedTimestamp": "MAA="}]});
    let verified = verify(&full, std::slice::from_ref(&signer.public)).unwrap();
    assert_eq!(verified.not_checked(), [NotChecked::TransparencyLog, NotChecked::Timestamp]);
    assert!(matches!(denial(&full, &key()), Error::Rejected { .. }));

    full["verificationMaterial"]["tlogEntries"][0]["logIndex"] = json!("-1");
    assert!(matches!(parse_error(&full.to_string()), Error::BundleContent { .. }));
    full["verificationMaterial"]["tlogEntries"] = Value::Array(vec![entry; 33]);
    assert!(matches!(parse_error(&full.to_string()), Error::TooMany { limit: 32, .. }));
}

#[test]
fn foreign_text_in_messages_is_cut_and_escaped() {
    let mut long = bundle(&key());
    long["mediaType"] = json!(format!("\u{1b}[2J{}", "x".repeat(100_000)));
    let text = parse_error(&long.to_string()).to_string();
    assert!(text.len() < 300 && !text.contains('\u{1b}'), "{text}");
}

/// One change to a bundle's text.
#[derive(Debug, Clone)]
enum Mutation {
    Flip { at: usize, bit: u8 },
    Set { at: usize, byte: u8 },
    Insert { at: usize, byte: u8 },
    Remove { at: usize, count: usize },
    Repeat { at: usize, count: usize },
    Swap { at: usize, with: usize },
}

impl Mutation {
    fn apply(&self, text: &mut Vec<u8>) {
        let len = text.len();
        match *self {
            Self::Flip { at, bit } => text[at % len] ^= 1 << (bit % 8),
            Self::Set { at, byte } => text[at % len] = byte,
            Self::Insert { at, byte } => text.insert(at % len, byte),
            Self::Remove { at, count } => {
                let at = at % len;
                text.drain(at..(at + count).min(len));
            }
            Self::Repeat { at, count } => {
                let at = at % len;
                let end = (at + count).min(len);
                let part = text[at..end].to_vec();
                text.splice(end..end, part);
            }
            Self::Swap { at, with } => text.swap(at % len, with % len),
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>();
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(&b"\"{}[],:\\ =AZaz09+/-_"[..])];
    prop_oneof![
        (at, 0..8u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        (at, byte.clone()).prop_map(|(at, byte)| Mutation::Set { at, byte }),
        (at, byte).prop_map(|(at, byte)| Mutation::Insert { at, byte }),
        (at, 1..40usize).prop_map(|(at, count)| Mutation::Remove { at, count }),
        (at, 1..40usize).prop_map(|(at, count)| Mutation::Repeat { at, count }),
        (at, at).prop_map(|(at, with)| Mutation::Swap { at, with }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to the bytes, what still verifies is the statement that was signed.
    #[test]
    fn a_changed_bundle_is_rejected_or_still_says_the_same(changes in prop::collection::vec(mutation(), 1..3)) {
        static SIGNED: std::sync::LazyLock<(Vec<u8>, PublicKey)> = std::sync::LazyLock::new(|| {
            let signer = key();
            (bundle(&signer).to_string().into_bytes(), signer.public)
        });
        let (text, public) = &*SIGNED;
        let mut changed = text.clone();
        for change in &changes {
            change.apply(&mut changed);
        }
        if let Ok(parsed) = Bundle::parse(&changed, &Limits::default())
            && let Ok(verified) = statement_by_key(&parsed, std::slice::from_ref(public))
        {
            prop_assert_eq!(verified.value(), &statement());
        }
    }
}

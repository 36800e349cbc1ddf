//! What an attacker or a broken peer sends, by the row of the catalogue of bad inputs; each test is named by its row.
//! Attacks on signatures themselves are in `attacks.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_verify::{
    BUNDLE_V0_3, Bundle, COSIGN_SIGN_V1, IN_TOTO_PAYLOAD, PublicKey, Statement, Subject, statement_by_key,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sigstore_crypto::KeyPair;

static SIGNER: LazyLock<(KeyPair, PublicKey)> = LazyLock::new(|| {
    let pair = KeyPair::generate_ecdsa_p256().unwrap();
    let public = PublicKey::from_spki_der(pair.public_key_der().unwrap().as_bytes()).unwrap();
    (pair, public)
});

fn statement() -> Statement {
    Statement::new(Subject::new("", &Digest::sha256(b"image")), COSIGN_SIGN_V1, json!({}))
}

/// A bundle with this payload, really signed.
fn signed(payload: &[u8]) -> Value {
    let (pair, public) = &*SIGNER;
    let head = format!("DSSEv1 {} {IN_TOTO_PAYLOAD} {} ", IN_TOTO_PAYLOAD.len(), payload.len());
    let signature = pair.sign(&[head.as_bytes(), payload].concat()).unwrap();
    json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {"publicKey": {"hint": STANDARD.encode(public.id().as_bytes())}},
        "dsseEnvelope": {"payload": STANDARD.encode(payload), "payloadType": IN_TOTO_PAYLOAD,
                         "signatures": [{"sig": STANDARD.encode(signature.as_bytes())}]},
    })
}

/// Why a signed statement is not taken, although the signature holds.
fn denied(payload: &[u8]) -> String {
    let bundle = Bundle::parse(signed(payload).to_string().as_bytes(), &Limits::default()).unwrap();
    let error = statement_by_key(&bundle, std::slice::from_ref(&SIGNER.1)).unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    error.to_string()
}

fn unreadable(bundle: &[u8]) -> String {
    let error = Bundle::parse(bundle, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Failed, "{error}");
    error.to_string()
}

/// A document as text, with one piece of it replaced.
fn replaced(document: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(document.contains(from), "{document}");
    document.replacen(from, to, 1).into_bytes()
}

#[test]
fn p01_a_name_twice_in_a_bundle_or_a_signed_statement() {
    let good = signed(&statement().to_json()).to_string();
    assert!(
        unreadable(&replaced(&good, r#""payloadType""#, r#""payload":"","payloadType""#)).contains("twice")
    );
    let payload = String::from_utf8(statement().to_json()).unwrap();
    assert!(denied(&replaced(&payload, "\"subject\"", "\"subject\":[],\"subject\"")).contains("twice"));
    assert!(denied(&replaced(&payload, "\"sha256\"", "\"sha256\":\"00\",\"sha256\"")).contains("twice"));
}

#[test]
fn p02_nesting_in_a_bundle_or_a_signed_predicate() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let good = signed(&statement().to_json()).to_string();
    assert!(
        unreadable(&replaced(&good, r#""mediaType""#, &format!(r#""x":{deep},"mediaType""#)))
            .contains("deeper")
    );
    let payload = String::from_utf8(statement().to_json()).unwrap();
    assert!(
        denied(&replaced(&payload, "\"predicate\":{}", &format!("\"predicate\":{deep}"))).contains("deeper")
    );
}

#[test]
fn p03_numbers_beyond_their_type() {
    let good = signed(&statement().to_json());
    for number in ["1e999", "-1", "1.5", "9223372036854775808", "\"0x1\"", "\"-0\""] {
        let mut bundle = good.clone();
        bundle["verificationMaterial"]["tlogEntries"] =
            json!([{"logIndex": "NUMBER", "integratedTime": "1"}]);
        let text = bundle.to_string().replace("\"NUMBER\"", number);
        let error = Bundle::parse(text.as_bytes(), &Limits::default()).unwrap_err();
        assert!(
            matches!(
                error,
                plimsoll_verify::Error::BundleJson { .. }
                    | plimsoll_verify::Error::FieldType { .. }
                    | plimsoll_verify::Error::BundleContent { .. }
            ),
            "{number}: {error:?}"
        );
    }
}

#[test]
fn p04_marks_controls_and_broken_text() {
    let good = signed(&statement().to_json()).to_string();
    unreadable(&[b"\xef\xbb\xbf", good.as_bytes()].concat());
    unreadable(&[good.as_bytes(), b"\0"].concat());
    for bad in [&b"\xff"[..], b"\xed\xa0\x80", br"\ud800", b"\x00"] {
        let payload = statement().to_json();
        let at = payload.windows(6).position(|window| window == b"sha256").unwrap();
        denied(&[&payload[..at], bad, &payload[at..]].concat());
    }
    // Text that shows something else than it says stays out of messages.
    let message = unreadable(&replaced(&good, "bundle.v0.3", "bundle.\u{202e}\\u001b[2J"));
    assert!(!message.contains(['\u{202e}', '\u{1b}']), "{message:?}");
}

/// A public key file around these bytes.
fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

#[test]
fn p06_keys_in_another_encoding_than_der() {
    let good = SIGNER.1.spki_der().to_vec();
    assert_eq!(&good[..4], [0x30, 0x59, 0x30, 0x13], "a sequence of 89 bytes, the first in it of 19");
    let body = &good[2..];
    let indefinite = [&[0x30, 0x80][..], body, &[0, 0]].concat();
    let longer_length = [&[0x30, 0x81, 0x59][..], body].concat();
    let longest_length = [&[0x30, 0x84, 0, 0, 0, 0x59][..], body].concat();
    let beyond_the_end = [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], body].concat();
    let length_of_lengths = [&[0x30, 0xff][..], body].concat();
    let constructed_bits = replaced_bytes(&good, &[0x03, 0x42, 0x00], &[0x23, 0x42, 0x00]);
    let unused_bits = replaced_bytes(&good, &[0x03, 0x42, 0x00], &[0x03, 0x42, 0x07]);
    let another_tag = [&[0x31][..], &good[1..]].concat();
    // An identifier whose first arc has sixty bytes, in place of `id-ecPublicKey`.
    let mut huge = vec![0x06, 60];
    huge.extend([0xff; 59]);
    huge.push(0x7f);
    huge.extend(&good[13..23]);
    let huge = [&[0x30, u8::try_from(huge.len()).unwrap()][..], &huge, &good[23..]].concat();
    let huge = [&[0x30, 0x81, u8::try_from(huge.len()).unwrap()][..], &huge].concat();
    let deep = [0x30, 0x80].repeat(6_000);
    for (name, der) in [
        ("indefinite length", indefinite),
        ("length in two bytes where one is enough", longer_length),
        ("length in four bytes", longest_length),
        ("length beyond the end", beyond_the_end),
        ("reserved length", length_of_lengths),
        ("bit string in pieces", constructed_bits),
        ("unused bits", unused_bits),
        ("a set instead of a sequence", another_tag),
        ("huge object identifier", huge),
        ("six thousand levels", deep),
        ("nothing", Vec::new()),
    ] {
        let error = PublicKey::from_spki_der(&der).unwrap_err();
        assert!(matches!(error, plimsoll_verify::Error::UnusableKey { .. }), "{name}: {error:?}");
        let error = PublicKey::from_pem(pem(&der).as_bytes()).unwrap_err().to_string();
        assert!(error.len() < 500, "{name}: {error}");
    }
    assert!(PublicKey::from_pem(pem(&good).as_bytes()).is_ok());
}

fn replaced_bytes(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn p07_base64_has_nothing_beside_it_in_every_field() {
    let good = signed(&[&statement().to_json()[..], b"  "].concat());
    for pointer in ["/dsseEnvelope/payload", "/dsseEnvelope/signatures/0/sig"] {
        let text = good.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let others = vec![
            format!("{text}\n"),
            format!(" {text}"),
            format!("{}\r\n{}", &text[..4], &text[4..]),
            format!("{text}="),
            format!("{text}===="),
            "AB==".to_owned(),
            "A".to_owned(),
            "AA=".to_owned(),
            "-/8=".to_owned(),
            "Z\u{ff}==".to_owned(),
        ];
        for other in others {
            let mut bundle = good.clone();
            *bundle.pointer_mut(pointer).unwrap() = json!(other);
            assert!(unreadable(bundle.to_string().as_bytes()).contains("base64"), "{pointer} = {other:?}");
        }
    }
}

/// Any JSON of moderate size.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}|[A-Za-z0-9+/=]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z]{1,10}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every place in a document, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| {
                places(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), out);
            });
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), out));
        }
        _ => {}
    }
}

fn put(document: &Value, place: usize, value: Value) -> Value {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let mut changed = document.clone();
    *changed.pointer_mut(&all[place % all.len()]).unwrap() = value;
    changed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p08_another_shape_anywhere_in_a_bundle_is_an_error_and_never_a_panic(place in any::<usize>(), value in any_json()) {
        let good = signed(&statement().to_json());
        let changed = put(&good, place, value);
        if let Ok(bundle) = Bundle::parse(changed.to_string().as_bytes(), &Limits::default())
            && let Ok(verified) = statement_by_key(&bundle, std::slice::from_ref(&SIGNER.1))
        {
            prop_assert_eq!(verified.value(), &statement());
        }
    }

    #[test]
    fn p08_another_shape_anywhere_in_a_signed_statement_is_an_error_and_never_a_panic(place in any::<usize>(), value in any_json()) {
        let good: Value = serde_json::from_slice(&statement().to_json()).unwrap();
        let changed = put(&good, place, value);
        let bundle = Bundle::parse(signed(changed.to_string().as_bytes()).to_string().as_bytes(), &Limits::default()).unwrap();
        // It is signed: what comes out of it is what it says.
        if let Ok(verified) = statement_by_key(&bundle, std::slice::from_ref(&SIGNER.1)) {
            let said = changed.pointer("/subject/0/digest/sha256").and_then(Value::as_str).map(|hex| format!("sha256:{hex}"));
            let named = verified.value().names(&Digest::sha256(b"image"));
            prop_assert_eq!(named, said == Some(Digest::sha256(b"image").to_string()));
        }
    }
}

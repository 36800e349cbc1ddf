//! What the parts of a verification say by themselves: keys, signatures in files of their own, what a bundle claims.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore, now, pae, pem};
use plimsoll_verify::provenance::digest_of_integrity;
use plimsoll_verify::{
    Artifact, Bundle, Check, DATABASE_V1, Error, Pattern, PublicKey, Requirements, Statement, Step, Subject,
    Text, Trusted, TrustedKey, TrustedRoot, statement_by_key, verify_detached, verify_message,
};
use serde_json::{Value, json};

const IN_TOTO: &str = "application/vnd.in-toto+json";

fn key(pair: &Pair) -> PublicKey {
    PublicKey::from_spki_der(pair.spki()).unwrap()
}

fn image() -> Digest {
    Digest::sha256(b"the image")
}

fn by_key(pair: &Pair, payload: &Value) -> Bundle {
    let payload = payload.to_string();
    let signature = pair.sign(&pae(IN_TOTO, payload.as_bytes()));
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {"payload": STANDARD.encode(payload), "payloadType": IN_TOTO,
                         "signatures": [{"sig": STANDARD.encode(signature)}]},
    });
    Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn about(subjects: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": "https://p.example",
           "predicate": {}})
}

#[test]
fn a_signature_alone_counts_for_its_message_and_its_key() {
    let (pair, other) = (Pair::new(), Pair::new());
    let signature = pair.sign(b"a message");
    let digest = |message: &[u8]| Digest::sha256(message).as_bytes().to_vec();
    assert!(key(&pair).verifies_signature(b"a message", &signature));
    assert!(key(&pair).verifies_signature_of_digest(&digest(b"a message"), &signature));
    for (key, message, signature) in [
        (key(&pair), &b"another"[..], &signature[..]),
        (key(&other), b"a message", &signature),
        (key(&pair), b"a message", &signature[..signature.len() - 1]),
        (key(&pair), b"a message", b""),
    ] {
        assert!(!key.verifies_signature(message, signature));
        assert!(!key.verifies_signature_of_digest(&digest(message), signature));
    }
}

#[test]
fn a_signature_in_a_file_of_its_own_is_its_bytes_or_their_base64() {
    let (pair, other) = (Pair::new(), Pair::new());
    let signature = pair.sign(b"a file");
    let text = STANDARD.encode(&signature);
    let (start, end) = text.split_at(40);
    let judged = |signature: &[u8], keys: &[PublicKey]| {
        verify_detached(Artifact::Reader(&mut &b"a file"[..]), signature, keys)
    };
    let keys = [key(&other), key(&pair)];
    for form in [signature.clone(), text.clone().into_bytes(), format!("{start}\r\n {end}\n").into_bytes()] {
        assert_eq!(judged(&form, &keys).unwrap().value().digest, Digest::sha256(b"a file"));
    }
    assert!(matches!(judged(&signature, &[]), Err(Error::NoKeys)));
    assert!(matches!(judged(b"", &keys), Err(Error::DetachedSignature { got: 0 })));
    assert!(matches!(judged(&[b'A'; 4097], &keys), Err(Error::DetachedSignature { got: 4097 })));
    for wrong in [&[b'A'; 4096][..], b"A", &signature[1..]] {
        assert!(matches!(judged(wrong, &keys), Err(Error::Rejected { .. })));
    }
    assert!(matches!(judged(&signature, &keys[..1]), Err(Error::Rejected { .. })));
}

#[test]
fn a_key_file_has_one_key_and_may_say_more_around_it() {
    let pair = Pair::new();
    let block = pem("PUBLIC KEY", pair.spki());
    let with = |bytes: usize| format!("{}{block}", " ".repeat(bytes - block.len()));
    for text in [block.clone(), with(10_000), with(16 * 1024)] {
        assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap(), key(&pair));
    }
    assert!(PublicKey::from_pem(with(16 * 1024 + 1).as_bytes()).is_err());
    assert!(PublicKey::from_pem(format!("{block}{block}").as_bytes()).is_err());
    assert_ne!(key(&pair), key(&Pair::new()));

    // The older form of RSA keys.
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let older = rsa.public_key().as_ref().to_vec();
    let read = PublicKey::from_pem(pem("RSA PUBLIC KEY", &older).as_bytes()).unwrap();
    assert_eq!(read, PublicKey::from_pem(read.to_pem().as_bytes()).unwrap());
    assert!(read.spki_der().ends_with(&older), "it is this key");
    for broken in [pem("RSA PUBLIC KEY", &older[1..]), pem("RSA PUBLIC KEY", pair.spki())] {
        assert!(PublicKey::from_pem(broken.as_bytes()).is_err());
    }
}

/// Logs of the second version accept these and no others.
#[test]
fn keys_have_the_names_that_logs_of_the_second_version_give_them() {
    assert_eq!(key(&Pair::new()).log_name(), Some("PKIX_ECDSA_P256_SHA_256"));
    for (size, name) in [
        (KeySize::Rsa2048, "PKIX_RSA_PKCS1V15_2048_SHA256"),
        (KeySize::Rsa3072, "PKIX_RSA_PKCS1V15_3072_SHA256"),
        (KeySize::Rsa4096, "PKIX_RSA_PKCS1V15_4096_SHA256"),
    ] {
        let older = RsaKeyPair::generate(size).unwrap().public_key().as_ref().to_vec();
        let key = PublicKey::from_pem(pem("RSA PUBLIC KEY", &older).as_bytes()).unwrap();
        assert_eq!(key.log_name(), Some(name));
    }
}

#[test]
fn what_is_shown_of_keys_patterns_and_roots_names_them() {
    let pair = Pair::new();
    let id = Digest::sha256(pair.spki()).hex();
    assert_eq!(key(&pair).id().to_string(), id);
    assert!(format!("{:?}", key(&pair)).contains(&id));
    let pattern = |text: &str| Pattern::new(text).unwrap();
    assert_eq!(pattern("a.*").source(), "a.*");
    assert_eq!(pattern("a.*"), pattern("a.*"));
    assert_ne!(pattern("a.*"), pattern("a.+"));
    assert!(format!("{:?}", pattern("a.*")).contains("a.*"));
    assert_eq!(Text::Exact("a".into()).to_string(), "a");
    assert_eq!(Text::Pattern(pattern("a.*")).to_string(), "a match of /a.*/");
    let root = TrustedRoot::parse(Sigstore::new().trusted_root().to_string().as_bytes()).unwrap();
    assert!(format!("{root:?}").contains("TrustedRoot"));
}

#[test]
fn a_bundle_claims_what_is_in_it() {
    let statement = about(&json!([{"digest": {"sha256": image().hex()}}]));
    let of_key = by_key(&Pair::new(), &statement);
    assert_eq!(of_key.claimed_payload(), Some(statement.to_string().as_bytes()));
    assert_eq!(of_key.claimed_predicate().as_deref(), Some("https://p.example"));
    assert_eq!(of_key.claimed_statement().unwrap().subjects.len(), 1);
    assert!(!of_key.signs_message() && !of_key.has_certificate());

    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    let of_file = instance.sign(&holder, b"a file", LogVersion::V1);
    let of_file = Bundle::parse(of_file.to_string().as_bytes(), &Limits::default()).unwrap();
    assert_eq!((of_file.claimed_payload(), of_file.claimed_predicate()), (None, None));
    assert!(of_file.claimed_statement().is_none());
    assert!(of_file.signs_message() && of_file.has_certificate());
}

#[test]
fn a_statement_is_no_message() {
    let pair = Pair::new();
    let bundle = by_key(&pair, &about(&json!([{"digest": {"sha256": image().hex()}}])));
    let trusted = [TrustedKey::from(key(&pair))];
    let requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };
    let check = Check { trusted: Trusted::Keys(&trusted), root: None, requirements, now: now() };
    let error = verify_message(&bundle, Artifact::Digest(image()), &check).unwrap_err();
    assert!(matches!(error, Error::NotAMessage), "{error}");
}

#[test]
fn a_statement_about_something_else_says_about_what() {
    let pair = Pair::new();
    let told = |subjects: Value| {
        let trusted = [TrustedKey::from(key(&pair))];
        let requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };
        let check = Check { trusted: Trusted::Keys(&trusted), root: None, requirements, now: now() };
        let error =
            plimsoll_verify::verify(&by_key(&pair, &about(&subjects)), Some(&image()), &check).unwrap_err();
        assert_eq!(error.failed_step(), Some(Step::Artifact), "{error}");
        error.to_string()
    };
    let other = |text: &[u8]| json!({"digest": {"sha256": Digest::sha256(text).hex()}});
    let one = told(json!([other(b"1")]));
    assert!(one.contains(&Digest::sha256(b"1").to_string()) && !one.contains("more"), "{one}");
    let three = told(json!([other(b"1"), other(b"2"), other(b"3")]));
    assert!(three.contains("and 2 more"), "{three}");
    let named = told(json!([{"digest": {"gitCommit": "00"}}]));
    assert!(named.contains("known by gitCommit only"), "{named}");
}

#[test]
fn a_subject_has_digests_up_to_a_number_and_its_annotations_are_its_own() {
    let pair = Pair::new();
    let with = |count: usize| {
        let more = (1..count).map(|n| (format!("x{n}"), json!("00")));
        let digests: serde_json::Map<String, Value> =
            more.chain([("sha256".to_owned(), json!(image().hex()))]).collect();
        statement_by_key(&by_key(&pair, &about(&json!([{"digest": digests}]))), &[key(&pair)])
    };
    with(32).unwrap();
    assert!(with(33).unwrap_err().to_string().contains("more than 32 digests"));

    let subjects = json!([
        {"digest": {"sha256": image().hex()}, "annotations": {"a": 1, "b": 2}},
        {"digest": {"sha256": image().hex()}, "annotations": {"b": 3, "c": 4}},
        {"digest": {"sha256": Digest::sha256(b"other").hex()}, "annotations": {"d": 5}},
    ]);
    let found = statement_by_key(&by_key(&pair, &about(&subjects)), &[key(&pair)]).unwrap();
    assert_eq!(json!(found.value().annotations(&image())), json!({"a": 1, "b": 2, "c": 4}));
    let fresh = Statement::new(Subject::new("", &image()), "p", json!({}));
    assert!(fresh.annotations(&image()).is_empty());
}

/// A statement that is about another image too says nothing of this one alone.
#[test]
fn a_statement_is_about_one_image_or_one_database_alone() {
    let (this, other) = (image(), Digest::sha256(b"other"));
    let about = |predicate_type: &str, digests: &[Digest]| {
        let (first, more) = digests.split_first().unwrap();
        let mut statement = Statement::new(Subject::new("", first), predicate_type, json!({}));
        statement.subjects.extend(more.iter().map(|digest| Subject::new("", digest)));
        statement
    };
    for (digests, problem) in [
        (&[this][..], None),
        (&[other], Some("it is about another digest than the manifest of this platform")),
        (&[this, other], Some("it is about 2 subjects, not about this image alone")),
        (&[this, other, this], Some("it is about 3 subjects, not about this image alone")),
    ] {
        let told = about("https://p.example", digests).is_about_image(&this);
        assert_eq!(told.err().as_deref(), problem, "{digests:?}");
    }
    let alone = format!("expected {this} alone");
    for (kind, digests, problem) in [
        (DATABASE_V1, &[this][..], None),
        (DATABASE_V1, &[other], Some(alone.as_str())),
        (DATABASE_V1, &[this, other], Some(&*alone)),
        (DATABASE_V1, &[this, other, other], Some(&*alone)),
        (
            "https://p.example",
            &[this],
            Some("a statement of type https://p.example is none about a database"),
        ),
    ] {
        match (about(kind, digests).vouches_for_database(&this), problem) {
            (Ok(()), None) => {}
            (Err(told), Some(problem)) => assert!(told.contains(problem), "{told}"),
            other => panic!("{other:?} of {digests:?}"),
        }
    }
}

#[test]
fn a_statement_without_a_predicate_has_an_empty_one() {
    let mut statement = about(&json!([{"digest": {"sha256": image().hex()}}]));
    statement.as_object_mut().unwrap().remove("predicate");
    let read = Statement::parse(statement.to_string().as_bytes(), &Limits::default()).unwrap();
    assert_eq!(read.predicate, json!({}));
}

#[test]
fn an_entry_of_subresource_integrity_is_a_digest() {
    let digest = Digest::compute(plimsoll_core::Algorithm::Sha512, b"a file");
    let encoded = STANDARD.encode(digest.as_bytes());
    assert_eq!(digest_of_integrity("sha512", &encoded), Some(digest));
    for (algorithm, encoded) in
        [("sha256", encoded.as_str()), ("sha512", "AAAA"), ("sha512", "?"), ("md5", &encoded)]
    {
        assert_eq!(digest_of_integrity(algorithm, encoded), None, "{algorithm} {encoded}");
    }
}

//! cosign's older signatures and attestations: each case differs from a valid one in one thing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Holder, Leaf, LogVersion, NOW, Pair, Sigstore, hex, pae, pem};
use plimsoll_verify::legacy::{
    bundle_of_attestation, bundle_of_file, bundle_of_signature, upgraded, verify_simple_signing,
};
use plimsoll_verify::{
    Artifact, Bundle, BundleVersion, Check, Error, IN_TOTO_PAYLOAD, Identity, PublicKey, Requirements,
    Signer, Statement, Step, Subject, Text, Trusted, TrustedKey, TrustedRoot, Verified, verify,
    verify_message,
};
use serde_json::{Value, json};

const KEYLESS: Requirements =
    Requirements { logs: Some(std::num::NonZeroUsize::MIN), timestamps: 0, certificate_log: true };
const BY_KEY: Requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };

fn image() -> Digest {
    Digest::sha256(b"the image")
}

fn payload_of(digest: &str, kind: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": {"docker-reference": "elsewhere.example/other"},
            "image": {"docker-manifest-digest": digest},
            "type": kind,
        },
        "optional": {"team": "infra"},
    })
    .to_string()
    .into_bytes()
}

fn payload() -> Vec<u8> {
    payload_of(&image().to_string(), "cosign container image signature")
}

/// The annotations that cosign would have written instead of this bundle.
fn annotations(bundle: &Value, holder: &Holder) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
    let number = |name: &str| entry[name].as_str().unwrap().parse::<i64>().unwrap();
    let id = STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
    let log = json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": hex(&id),
        },
    });
    if let Some(signature) = bundle["messageSignature"]["signature"].as_str() {
        annotations.insert("dev.cosignproject.cosign/signature".into(), signature.into());
    }
    annotations.insert("dev.sigstore.cosign/certificate".into(), pem("CERTIFICATE", &holder.certificate));
    annotations.insert("dev.sigstore.cosign/bundle".into(), log.to_string());
    annotations
}

struct Case {
    instance: Sigstore,
    holder: Holder,
    payload: Vec<u8>,
    annotations: BTreeMap<String, String>,
}

impl Case {
    fn new(payload: Vec<u8>) -> Self {
        let mut instance = Sigstore::new();
        let holder = instance.leaf(&Leaf::default());
        let bundle = instance.sign(&holder, &payload, LogVersion::V1);
        let annotations = annotations(&bundle, &holder);
        Self { instance, holder, payload, annotations }
    }

    fn verify(&self) -> Result<Verified<Statement>, Error> {
        let leaf = Leaf::default();
        let identity = Identity {
            issuer: Text::Exact(leaf.issuer),
            subject: Text::Exact(leaf.subject),
            claims: Vec::new(),
        };
        let root = TrustedRoot::parse(self.instance.trusted_root().to_string().as_bytes()).unwrap();
        let check = Check {
            trusted: Trusted::Identities(&[identity]),
            root: Some(&root),
            requirements: KEYLESS,
            now: plimsoll_testkit::sigstore::now(),
        };
        let bundle = Bundle::parse(
            &bundle_of_signature(&self.payload, &self.annotations, &Limits::default())?,
            &Limits::default(),
        )?;
        verify_simple_signing(&bundle, &self.payload, &image(), &check)
    }

    #[track_caller]
    fn refused_by(&self, step: Step) {
        let error = self.verify().expect_err("it was verified");
        assert_eq!(error.failed_step(), Some(step), "{error}");
    }

    fn log(&mut self, change: impl FnOnce(&mut Value)) {
        let text = self.annotations.get_mut("dev.sigstore.cosign/bundle").unwrap();
        let mut value: Value = serde_json::from_str(text).unwrap();
        change(&mut value);
        *text = value.to_string();
    }
}

#[test]
fn a_signature_with_certificate_and_promise_holds_and_reads_like_a_new_one() {
    let verified = Case::new(payload()).verify().unwrap();
    let statement = verified.value();
    assert!(statement.is_signature() && statement.names(&image()));
    assert_eq!(statement.subjects[0].annotations["team"], "infra");
    assert!(matches!(verified.signer(), Signer::Certificate(_)));
    assert_eq!(verified.times().len(), 1);
    assert!(verified.not_checked().is_empty());
}

#[test]
fn the_payload_of_another_image_is_refused() {
    let other = Digest::sha256(b"another").to_string();
    Case::new(payload_of(&other, "cosign container image signature")).refused_by(Step::Artifact);
    // Another spelling of the right digest is another digest.
    let upper = image().to_string().to_uppercase();
    Case::new(payload_of(&upper, "cosign container image signature")).refused_by(Step::Artifact);
}

#[test]
fn s11_a_payload_of_another_type_is_refused() {
    for kind in ["atomic container signature", "cosign container image signature ", ""] {
        Case::new(payload_of(&image().to_string(), kind)).refused_by(Step::Statement);
    }
}

/// CVE-2026-39395: what does not parse is not a signature.
#[test]
fn a_signed_payload_that_does_not_parse_strictly_is_refused() {
    let right = String::from_utf8(payload()).unwrap();
    let digest = image().to_string();
    let twice = right.replacen(
        "\"docker-manifest-digest\":",
        &format!("\"docker-manifest-digest\":\"{digest}\",\"docker-manifest-digest\":"),
        1,
    );
    assert_ne!(twice, right);
    for payload in [twice, "{}".into(), "[]".into(), digest, String::new()] {
        Case::new(payload.into_bytes()).refused_by(Step::Statement);
    }
}

/// S01 (CVE-2022-36056, CVE-2026-22703), in the older form.
#[test]
fn the_log_entry_of_another_signature_is_refused() {
    let mut case = Case::new(payload());
    let other = case.instance.sign(&case.holder, b"something else", LogVersion::V1);
    let other = annotations(&other, &case.holder);
    case.annotations.insert("dev.sigstore.cosign/bundle".into(), other["dev.sigstore.cosign/bundle"].clone());
    case.refused_by(Step::LogEntry);
}

#[test]
fn the_log_entry_of_another_signer_is_refused() {
    let mut case = Case::new(payload());
    let other = case.instance.leaf(&Leaf::default());
    let bundle = case.instance.sign(&other, &case.payload, LogVersion::V1);
    let log = annotations(&bundle, &other)["dev.sigstore.cosign/bundle"].clone();
    case.annotations.insert("dev.sigstore.cosign/bundle".into(), log);
    case.refused_by(Step::LogEntry);
}

#[test]
fn a_promise_about_another_time_or_index_is_refused() {
    for name in ["integratedTime", "logIndex"] {
        let mut case = Case::new(payload());
        case.log(|log| log["Payload"][name] = json!(log["Payload"][name].as_i64().unwrap() + 1));
        case.refused_by(Step::LogPromise);
    }
}

#[test]
fn a_signature_over_other_bytes_is_refused() {
    let mut case = Case::new(payload());
    case.payload.push(b' ');
    case.refused_by(Step::Signature);
}

#[test]
fn without_the_log_entry_there_is_no_time_to_believe() {
    let mut case = Case::new(payload());
    case.annotations.remove("dev.sigstore.cosign/bundle");
    case.refused_by(Step::LogInclusion);
}

#[test]
fn annotations_that_are_missing_or_damaged_are_refused_by_name() {
    let mut case = Case::new(payload());
    case.annotations.remove("dev.cosignproject.cosign/signature");
    case.refused_by(Step::Signature);

    let mut case = Case::new(payload());
    case.annotations.insert("dev.sigstore.cosign/certificate".into(), "no certificate".into());
    case.refused_by(Step::Material);

    let mut case = Case::new(payload());
    case.annotations.insert("dev.sigstore.cosign/bundle".into(), "{}".into());
    case.refused_by(Step::LogEntry);

    let mut case = Case::new(payload());
    case.log(|log| log["Payload"]["logID"] = json!("00"));
    case.refused_by(Step::LogEntry);
}

/// A certificate where a key is trusted, and the other way round: S10.
#[test]
fn a_signature_by_key_needs_that_key_and_says_what_was_not_checked() {
    let (mine, other) = (Pair::new(), Pair::new());
    let payload = payload();
    let mut parts = BTreeMap::from([(
        "dev.cosignproject.cosign/signature".to_owned(),
        STANDARD.encode(mine.sign(&payload)),
    )]);
    let by = |key: &Pair, parts: &BTreeMap<String, String>| {
        let keys = [TrustedKey::from(PublicKey::from_spki_der(key.spki()).unwrap())];
        let check = Check {
            trusted: Trusted::Keys(&keys),
            root: None,
            requirements: BY_KEY,
            now: plimsoll_testkit::sigstore::now(),
        };
        let bundle =
            Bundle::parse(&bundle_of_signature(&payload, parts, &Limits::default())?, &Limits::default())?;
        verify_simple_signing(&bundle, &payload, &image(), &check)
    };
    let verified = by(&mine, &parts).unwrap();
    assert!(verified.value().is_signature() && verified.not_checked().is_empty());
    assert_eq!(by(&other, &parts).unwrap_err().failed_step(), Some(Step::Signature));

    let mut case = Case::new(payload.clone());
    parts.insert(
        "dev.sigstore.cosign/bundle".into(),
        case.annotations.remove("dev.sigstore.cosign/bundle").unwrap(),
    );
    assert_eq!(by(&mine, &parts).unwrap().not_checked(), [plimsoll_verify::NotChecked::TransparencyLog]);
    let with_certificate = Case::new(payload.clone()).annotations;
    assert_eq!(by(&mine, &with_certificate).unwrap_err().failed_step(), Some(Step::Material));
}

#[test]
fn an_older_bundle_becomes_a_new_one_only_with_the_logs_proof() {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    let statement = Statement::new(Subject::new("", &image()), "p", json!({})).to_json();
    let newest = instance.attest(&holder, &statement, LogVersion::V1);
    let mut older = newest.clone();
    older["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
    let material = older["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    let leaf = json!({"rawBytes": STANDARD.encode(&holder.certificate)});
    material.insert("x509CertificateChain".into(), json!({"certificates": [leaf]}));
    let made: Value =
        serde_json::from_slice(&upgraded(older.to_string().as_bytes(), &Limits::default()).unwrap()).unwrap();
    assert_eq!(made["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert_eq!(made["verificationMaterial"]["certificate"], leaf);
    let bundle = Bundle::parse(made.to_string().as_bytes(), &Limits::default()).unwrap();
    assert_eq!(bundle.claimed_holder().unwrap().subject, Leaf::default().subject);

    older["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1");
    older["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionProof");
    let error = upgraded(older.to_string().as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogInclusion), "{error}");
}

/// The files that `cosign sign-blob --bundle` and `attest-blob --bundle` of versions 1 and 2 wrote. By a key they need nothing
/// else. With a certificate they have only the log's promise, and the proof is named as what is missing.
#[test]
fn each_file_of_older_versions_is_upgraded_or_the_missing_part_is_named() {
    let mut instance = Sigstore::new();
    let (pair, holder) = (Pair::new(), instance.leaf(&Leaf::default()));
    let key = PublicKey::from_spki_der(pair.spki()).unwrap();
    let up = |file: &Value| upgraded(file.to_string().as_bytes(), &Limits::default());
    let check = |keys| Check {
        trusted: Trusted::Keys(keys),
        root: None,
        requirements: BY_KEY,
        now: plimsoll_testkit::sigstore::now(),
    };
    let keys = [TrustedKey::from(key)];

    let file = json!({
        "base64Signature": STANDARD.encode(pair.sign(b"a file")),
        "cert": STANDARD.encode(pair.public_pem()),
        "rekorBundle": null,
    });
    let made = Bundle::parse(&up(&file).unwrap(), &Limits::default()).unwrap();
    assert_eq!(made.version(), BundleVersion::V0_3);
    verify_message(&made, Artifact::Reader(&mut &b"a file"[..]), &check(&keys)).unwrap();
    assert!(verify_message(&made, Artifact::Reader(&mut &b"another"[..]), &check(&keys)).is_err());

    let statement = Statement::new(Subject::new("", &image()), "p", json!({})).to_json();
    let envelope = json!({
        "payload": STANDARD.encode(&statement), "payloadType": IN_TOTO_PAYLOAD,
        "signatures": [{"keyid": "", "sig": STANDARD.encode(pair.sign(&pae(IN_TOTO_PAYLOAD, &statement)))}],
    });
    let attested = json!({"base64Signature": STANDARD.encode(envelope.to_string())});
    for file in [&attested, &envelope] {
        let made = Bundle::parse(&up(file).unwrap(), &Limits::default()).unwrap();
        assert_eq!(made.version(), BundleVersion::V0_3);
        verify(&made, Some(&image()), &check(&keys)).unwrap();
    }

    let logged = instance.sign(&holder, b"a file", LogVersion::V1);
    let parts = annotations(&logged, &holder);
    let keyless = json!({
        "base64Signature": logged["messageSignature"]["signature"],
        "cert": STANDARD.encode(pem("CERTIFICATE", &holder.certificate)),
        "rekorBundle": serde_json::from_str::<Value>(&parts["dev.sigstore.cosign/bundle"]).unwrap(),
    });
    let error = up(&keyless).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogInclusion), "{error}");
    assert!(error.to_string().contains("a proof of inclusion, which version 0.3 needs"), "{error}");
}

#[test]
fn an_attestation_is_verified_like_any_statement() {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    let statement =
        Statement::new(Subject::new("", &image()), "https://example.org/p", json!({"a": 1})).to_json();
    let bundle = instance.attest(&holder, &statement, LogVersion::V1);
    let parts = annotations(&bundle, &holder);
    let envelope = bundle["dsseEnvelope"].to_string();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let leaf = Leaf::default();
    let identity =
        Identity { issuer: Text::Exact(leaf.issuer), subject: Text::Exact(leaf.subject), claims: Vec::new() };
    let check = Check {
        trusted: Trusted::Identities(&[identity]),
        root: Some(&root),
        requirements: KEYLESS,
        now: plimsoll_testkit::sigstore::now(),
    };
    let judged = |envelope: &str, about: &Digest| {
        let bundle = Bundle::parse(
            &bundle_of_attestation(envelope.as_bytes(), &parts, &Limits::default())?,
            &Limits::default(),
        )?;
        verify(&bundle, Some(about), &check)
    };
    assert_eq!(judged(&envelope, &image()).unwrap().value().predicate["a"], 1);
    let other = judged(&envelope, &Digest::sha256(b"another")).unwrap_err();
    assert_eq!(other.failed_step(), Some(Step::Artifact));
    // TOB-SIGSTORE-9: two signatures, one of them good.
    let mut two = bundle["dsseEnvelope"].clone();
    let first = two["signatures"][0].clone();
    two["signatures"].as_array_mut().unwrap().push(first);
    assert!(matches!(judged(&two.to_string(), &image()), Err(Error::SignatureCount { got: 2 })));
    // Signed as something else than a statement.
    let plain = holder.key.sign(&pae("text/plain", &statement));
    let other = json!({
        "payload": STANDARD.encode(&statement), "payloadType": "text/plain",
        "signatures": [{"sig": STANDARD.encode(plain)}],
    });
    assert!(matches!(judged(&other.to_string(), &image()), Err(Error::PayloadType { .. })));
}

/// cosign writes a signed timestamp into an annotation of its own. Its time counts like that of any bundle.
#[test]
fn a_timestamp_in_an_annotation_is_a_trusted_time() {
    let mut case = Case::new(payload());
    let signature = STANDARD.decode(&case.annotations["dev.cosignproject.cosign/signature"]).unwrap();
    let stamp = case.instance.stamp(&signature, NOW + 7);
    let annotation = json!({"SignedRFC3161Timestamp": stamp["signedTimestamp"]}).to_string();
    case.annotations.insert("dev.sigstore.cosign/rfc3161timestamp".into(), annotation);
    let times = case.verify().unwrap().times().iter().map(|time| time.as_second()).collect::<Vec<_>>();
    assert_eq!(times, [NOW + 7, NOW]);
    let other = case.instance.stamp(b"another signature", NOW);
    let annotation = json!({"SignedRFC3161Timestamp": other["signedTimestamp"]}).to_string();
    case.annotations.insert("dev.sigstore.cosign/rfc3161timestamp".into(), annotation);
    case.refused_by(Step::Timestamp);
}

/// What a file of cosign 1 or 2 says of its signer is kept: a certificate, or nothing for a key.
#[test]
fn a_file_of_older_versions_keeps_its_certificate_and_takes_no_other_json_for_an_envelope() {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    let made = |file: &Value| {
        let bundle = bundle_of_file(file.to_string().as_bytes(), &Limits::default()).unwrap().into_owned();
        Bundle::parse(&bundle, &Limits::default()).unwrap()
    };
    let with = |cert: &str| json!({"base64Signature": STANDARD.encode("a signature"), "cert": cert});
    let certified = with(&STANDARD.encode(pem("CERTIFICATE", &holder.certificate)));
    assert!(made(&certified).has_certificate());
    for none in [with(""), with(&STANDARD.encode(Pair::new().public_pem()))] {
        assert!(!made(&none).has_certificate());
    }
    // The bytes of a signature that happen to be JSON are a signature all the same.
    let odd = made(&json!({"base64Signature": STANDARD.encode("{}")}));
    assert!(odd.signs_message());
}

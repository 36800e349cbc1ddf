//! What a result says of each step, and what is told of timestamps, files and certificates that do not fit.

use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::certificate::{Spec, extension, key_usage};
use plimsoll_testkit::sigstore::{self, Leaf, LogVersion, NOW, Pair, Sigstore, rfc3339};
use plimsoll_verify::{
    Artifact, Bundle, Check, Error, NotChecked, PublicKey, Requirements, Step, Trusted, TrustedKey,
    TrustedRoot, Verified, verify, verify_message,
};
use serde_json::{Value, json};

use crate::case::{Case, identity, image, payload};
use crate::signers::{Algorithm, Key};

/// Each step with whether it was checked and what it saw.
fn seen<T>(verified: &Verified<T>) -> Vec<(Step, bool, String)> {
    verified.observations().iter().map(|it| (it.step, it.checked, it.saw.clone())).collect()
}

fn expected(rows: &[(Step, bool, &str)]) -> Vec<(Step, bool, String)> {
    rows.iter().map(|(step, checked, saw)| (*step, *checked, (*saw).to_owned())).collect()
}

#[test]
fn each_step_of_a_certificates_signature_says_what_it_saw() {
    for (version, stamps, promises) in [(LogVersion::V1, 0, 1), (LogVersion::V2, 1, 0)] {
        let case = Case::new(version);
        let verified = case.verify().unwrap();
        let (stamped, promised) =
            (format!("{stamps} by trusted authorities"), format!("{promises} by trusted logs"));
        let (time, about, holder) = (rfc3339(NOW), image().to_string(), verified.signer().to_string());
        assert!(holder.contains(&Leaf::default().subject), "{holder}");
        let rows = expected(&[
            (Step::Material, true, "a certificate"),
            (Step::Content, true, "one signature"),
            (Step::Timestamp, stamps > 0, &stamped),
            (Step::LogPromise, promises > 0, &promised),
            (Step::SigningTime, true, &time),
            (Step::Chain, true, "valid at every signing time, with its issuers"),
            (Step::CertificateLog, true, "in a trusted certificate log"),
            (Step::LogInclusion, true, "entry 0"),
            (Step::LogThreshold, true, "1 of 1"),
            (Step::Signature, true, "valid"),
            (Step::LogEntry, true, "1 compared with the bundle"),
            (Step::Statement, true, "parsed strictly"),
            (Step::Artifact, true, &about),
            (Step::Identity, true, &holder),
        ]);
        assert_eq!(seen(&verified), rows);
    }
}

/// What was not asked for was not checked, and an entry that nobody looked at is told.
#[test]
fn what_was_not_required_is_not_said_to_be_checked() {
    let mut case = Case::new(LogVersion::V2);
    let alone = Requirements { logs: None, timestamps: 1, certificate_log: false };
    let of = |verified: &Verified<_>, step: Step| {
        let found = verified.observations().iter().find(|it| it.step == step).unwrap();
        (found.checked, found.saw.clone())
    };
    for (entries, compared, not_checked) in [
        (true, (true, "1 compared with the bundle".to_owned()), vec![NotChecked::TransparencyLog]),
        (false, (false, "0 compared with the bundle".to_owned()), vec![]),
    ] {
        if !entries {
            case.bundle["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
        }
        let verified = case.verify_as(&[identity()], alone).unwrap();
        assert_eq!(of(&verified, Step::CertificateLog), (false, "not required".to_owned()));
        assert_eq!(of(&verified, Step::LogInclusion), (false, "not required".to_owned()));
        assert!(!of(&verified, Step::LogThreshold).0);
        assert_eq!(of(&verified, Step::LogEntry), compared);
        assert_eq!(verified.not_checked(), not_checked);
    }
}

/// A statement of a key's, with an entry of the second version of the log.
fn by_key(instance: &mut Sigstore, key: &Pair) -> Value {
    let message = sigstore::pae("application/vnd.in-toto+json", &payload());
    let signature = key.sign(&message);
    let body = json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Digest::sha256(&message).as_bytes())},
            "signature": {
                "content": STANDARD.encode(&signature),
                "verifier": {
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "publicKey": {"rawBytes": STANDARD.encode(key.spki())},
                },
            },
        }},
    });
    let entry = instance.log.append("hashedrekord", "0.0.2", &body, LogVersion::V2, NOW);
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "release"}, "tlogEntries": [entry]},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload()), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": STANDARD.encode(&signature)}],
        },
    })
}

#[test]
fn each_step_of_a_keys_signature_says_what_it_saw() {
    let (mut instance, key) = (Sigstore::new(), Pair::new());
    let bundle = by_key(&mut instance, &key);
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let public = PublicKey::from_spki_der(key.spki()).unwrap();
    let id = format!("key {}", public.id());
    let keys = [TrustedKey::from(public)];
    let judge = |root: Option<&TrustedRoot>, about: Option<Digest>| {
        let logs = root.is_some().then_some(NonZeroUsize::MIN);
        let requirements = Requirements { logs, ..Requirements::default() };
        let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
        let check = Check { trusted: Trusted::Keys(&keys), root, requirements, now: sigstore::now() };
        verify(&bundle, about.as_ref(), &check).unwrap()
    };
    // The second version of the log gives no time, and a key needs none.
    let logged = judge(Some(&root), None);
    let rows = expected(&[
        (Step::Material, true, "a public key"),
        (Step::Content, true, "one signature"),
        (Step::Timestamp, false, "0 by trusted authorities"),
        (Step::LogPromise, false, "0 by trusted logs"),
        (Step::SigningTime, false, "no trusted time"),
        (Step::LogInclusion, true, "entry 0"),
        (Step::LogThreshold, true, "1 of 1"),
        (Step::Signature, true, "valid"),
        (Step::LogEntry, true, "1 compared with the bundle"),
        (Step::Statement, true, "parsed strictly"),
        (Step::Artifact, false, "left to the caller"),
        (Step::Identity, true, &id),
    ]);
    assert_eq!((seen(&logged), logged.not_checked()), (rows, &[][..]));

    let skipped = "verified by the key alone";
    let valid = format!("valid under {id}");
    for (about, told) in [(Some(image()), "named by its digest"), (None, "left to the caller")] {
        let alone = judge(None, about);
        let rows = expected(&[
            (Step::Material, true, "a public key"),
            (Step::Content, true, "one signature"),
            (Step::Timestamp, false, skipped),
            (Step::LogPromise, false, skipped),
            (Step::SigningTime, false, skipped),
            (Step::LogInclusion, false, skipped),
            (Step::LogEntry, false, skipped),
            (Step::Signature, true, &valid),
            (Step::Artifact, about.is_some(), told),
            (Step::Identity, true, &id),
        ]);
        assert_eq!((seen(&alone), alone.not_checked()), (rows, &[NotChecked::TransparencyLog][..]));
    }
}

/// Of several authorities, that one signed at a time that is not its own says more than that the others did not sign.
#[test]
fn a_timestamp_that_does_not_count_is_told_by_the_authority_that_made_it() {
    let stranger = || Sigstore::new().trusted_root()["timestampAuthorities"][0].clone();
    // With these authorities listed in place of the one that signed.
    let told = |listed: &dyn Fn(Value) -> Vec<Value>| {
        let mut case = Case::new(LogVersion::V2);
        let own = case.root["timestampAuthorities"][0].clone();
        case.root["timestampAuthorities"] = json!(listed(own));
        case.refused_by(Step::Timestamp)
    };
    let nobody = told(&|_| vec![]);
    assert!(nobody.contains("got a timestamp, but no trusted authority"), "{nobody}");
    let others = told(&|_| vec![stranger()]);
    assert!(others.contains("signature invalid"), "{others}");
    let ended = |mut own: Value| {
        own["validFor"] = json!({"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"});
        own
    };
    for told in [told(&|own| vec![ended(own), stranger()]), told(&|own| vec![stranger(), ended(own)])] {
        assert!(told.contains("outside") && !told.contains("invalid"), "{told}");
    }
}

fn of_file(key: &Key, signature: &[u8], named: Option<(&str, &Digest)>) -> Bundle {
    let mut message = json!({"signature": STANDARD.encode(signature)});
    if let Some((algorithm, digest)) = named {
        message["messageDigest"] =
            json!({"algorithm": algorithm, "digest": STANDARD.encode(digest.as_bytes())});
    }
    let hint = STANDARD.encode(Digest::sha256(&key.spki).as_bytes());
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "messageSignature": message,
    });
    Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// Whether a signature is wrong or cannot be looked at without the file are two things to do something about.
#[test]
fn a_wrong_signature_is_told_from_one_for_which_the_file_is_needed() {
    let digest = Digest::sha256(b"a file");
    let longer = Digest::compute(plimsoll_core::Algorithm::Sha512, b"a file");
    let judge = |algorithm: Algorithm, named: Option<(&str, &Digest)>, artifact: Artifact<'_>| {
        let key = Key::new(algorithm);
        let signature = key.sign(b"another file");
        let bundle = of_file(&key, &signature, named);
        let keys = [TrustedKey::from(PublicKey::from_spki_der(&key.spki).unwrap())];
        let requirements = Requirements { logs: None, ..Requirements::default() };
        let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now: sigstore::now() };
        verify_message(&bundle, artifact, &check).unwrap_err()
    };
    let sha256 = Some(("SHA2_256", &digest));
    for (algorithm, named, artifact) in [
        (Algorithm::P256, sha256, Artifact::Digest(digest)),
        (Algorithm::P256, None, Artifact::Digest(digest)),
        (Algorithm::P256, sha256, Artifact::Reader(&mut &b"a file"[..])),
        // A key that signs the file itself was tried, whatever digest is named beside its signature.
        (Algorithm::Ed25519, sha256, Artifact::Reader(&mut &b"a file"[..])),
    ] {
        let error = judge(algorithm, named, artifact);
        assert!(matches!(error, Error::Rejected { .. }), "{algorithm:?} {named:?}: {error}");
    }
    for (algorithm, named, artifact, known) in [
        (Algorithm::P256, sha256, Artifact::Digest(longer), "sha512"),
        (Algorithm::P256, None, Artifact::Digest(longer), "sha512"),
        (Algorithm::Ed25519, None, Artifact::Digest(digest), "sha256"),
    ] {
        let error = judge(algorithm, named, artifact).to_string();
        let told = format!(
            "step 13 (artifact): got only the artifact's {known}, expected the artifact itself instead of a digest"
        );
        assert_eq!(error, told, "{algorithm:?} {named:?}");
    }
    let error = judge(Algorithm::P384, Some(("SHA2_512", &longer)), Artifact::Reader(&mut &b"a file"[..]));
    assert_eq!(error.failed_step(), Some(Step::Signature), "{error}");
    assert!(error.to_string().contains("as the key dictates"), "{error}");
}

/// Older bundles bring the certificates between the leaf and the root, and some the root as well, which adds nothing.
#[test]
fn an_authority_between_may_come_with_the_bundle_and_a_root_beside_it_is_ignored() {
    for with_root in [false, true] {
        let mut case = Case::new(LogVersion::V1);
        let trusted = case.root.pointer_mut("/certificateAuthorities/0/certChain/certificates").unwrap();
        trusted.as_array_mut().unwrap().remove(0);
        case.refused_by(Step::Chain);
        let mut chain = vec![&case.holder.certificate, &case.instance.ca];
        if with_root {
            chain.push(&case.instance.root);
        }
        let chain: Vec<Value> = chain.iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
        let material = case.bundle["verificationMaterial"].as_object_mut().unwrap();
        material.remove("certificate");
        material.insert("x509CertificateChain".into(), json!({"certificates": chain}));
        case.bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
        case.verify().unwrap();
    }
}

/// A claim that two readers could read differently is refused; an extension that nobody reads may have any form.
#[test]
fn a_claim_that_is_not_text_is_refused_and_what_is_no_claim_may_be_anything() {
    const FULCIO: &str = "1.3.6.1.4.1.57264.1";
    let issued = |number: u32| {
        let mut instance = Sigstore::new();
        let (leaf, key) = (Leaf::default(), Pair::new());
        let spec = |extensions: Vec<Vec<u8>>| Spec {
            serial: vec![0x43, 1],
            issuer: sigstore::certificate::name("testkit intermediate"),
            subject: sigstore::certificate::no_name(),
            start: leaf.start,
            end: leaf.end,
            spki: key.spki().to_vec(),
            extensions,
        };
        let uri = sigstore::der::element(0x86, leaf.subject.as_bytes());
        let mut spec = spec(vec![
            key_usage(0x80),
            sigstore::certificate::extended_key_usage("1.3.6.1.5.5.7.3.3", false),
            sigstore::certificate::subject_key_id(key.spki()),
            sigstore::certificate::authority_key_id(instance.ca_key.spki()),
            extension("2.5.29.17", true, &sigstore::der::sequence(&[uri])),
            extension(&format!("{FULCIO}.1"), false, leaf.issuer.as_bytes()),
            extension(&format!("{FULCIO}.{number}"), false, &[0xff, 0xfe]),
        ]);
        let announced =
            sigstore::certificate::announcement(&spec, instance.ca_key.spki(), &[&instance.ct], leaf.start);
        spec.extensions.push(announced);
        let holder = sigstore::Holder { certificate: spec.sign(&instance.ca_key), key };
        let bundle = instance.attest(&holder, &payload(), LogVersion::V1);
        Case { root: instance.trusted_root(), bundle, holder, instance }
    };
    for number in [8, 12, 24] {
        let told = issued(number).refused_by(Step::Identity);
        assert!(
            told.contains(&format!("a certificate whose extension {FULCIO}.{number} is not text")),
            "{told}"
        );
    }
    for number in [7, 25, 99] {
        issued(number).verify().unwrap();
    }
}

/// A clock that is five minutes ahead is another's; a second more is a time that has not come.
#[test]
fn an_entry_of_a_log_may_be_ahead_by_the_skew_of_clocks_to_the_second() {
    for (ahead, holds) in [(300, true), (301, false)] {
        let mut case = Case::new(LogVersion::V1);
        let body = STANDARD.decode(case.entry()["canonicalizedBody"].as_str().unwrap()).unwrap();
        let promise = case.instance.log.promise(&body, 0, NOW + ahead);
        case.entry()["inclusionPromise"]["signedEntryTimestamp"] = json!(promise);
        case.entry()["integratedTime"] = json!((NOW + ahead).to_string());
        assert_eq!(case.verify().is_ok(), holds, "{ahead} s");
    }
}

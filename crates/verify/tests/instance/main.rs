//! Rows S01 to S21 on an instance of one's own: each case differs from a valid bundle in one thing, and is refused by the
//! step that looks at that thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod case;
mod chain;
mod first;
mod holder;
mod log;
mod neighbours;
mod several;
mod signers;
mod subject;
mod told;

use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{self, Leaf, LogVersion, NOW, Pair, Sigstore, TimestampAuthority};
use plimsoll_verify::{
    Artifact, Bundle, Check, Claim, Error, Identity, Pattern, PublicKey, Requirements, Signer, Statement,
    Step, Subject, Text, Trusted, TrustedKey, TrustedRoot, Window, verify, verify_message,
};
use serde_json::{Value, json};

use case::{Case, DAY, both, identity, image, payload};

#[test]
fn a_valid_bundle_of_either_log_says_who_signed_when() {
    for case in both() {
        let verified = case.verify().unwrap();
        assert!(verified.value().is_signature());
        assert_eq!(verified.times(), [plimsoll_core::Timestamp::from_second(NOW).unwrap()]);
        let Signer::Certificate(signer) = verified.signer() else { panic!("{:?}", verified.signer()) };
        assert_eq!(signer.claims[&Claim::SourceRef], "refs/heads/main");
        assert!(verified.not_checked().is_empty());
        assert!(verified.observations().iter().all(|seen| !seen.saw.is_empty()));
    }
}

#[test]
fn s04_a_certificate_without_any_trusted_time() {
    let mut case = Case::new(LogVersion::V2);
    case.bundle["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    case.refused_by(Step::SigningTime);
}

/// The second version of the log has no time; one that is written into its entry is the signer's word.
#[test]
fn s04_a_time_written_into_an_entry_of_the_second_version() {
    let mut case = Case::new(LogVersion::V2);
    case.bundle["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    case.entry()["integratedTime"] = json!(NOW.to_string());
    case.refused_by(Step::SigningTime);
}

#[test]
fn s04_a_signing_time_outside_the_certificate() {
    for leaf in [
        Leaf { start: NOW - DAY, end: NOW - 600, ..Leaf::default() },
        Leaf { start: NOW + 600, end: NOW + DAY, ..Leaf::default() },
    ] {
        for version in [LogVersion::V1, LogVersion::V2] {
            Case::signed_by(Sigstore::new(), &leaf, version).refused_by(Step::Chain);
        }
    }
}

/// CVE-2026-24122: the leaf is valid, the certificate that issued it had expired.
#[test]
fn s05_an_issuer_that_was_not_valid_at_the_signing_time() {
    for (start, end) in [(NOW - 90 * DAY, NOW - DAY), (NOW + DAY, NOW + 90 * DAY)] {
        for version in [LogVersion::V1, LogVersion::V2] {
            Case::signed_by(Sigstore::with_ca_valid(start, end), &Leaf::default(), version)
                .refused_by(Step::Chain);
        }
    }
}

#[test]
fn s05_an_authority_that_is_not_trusted_at_the_signing_time() {
    let mut case = Case::new(LogVersion::V1);
    case.root["certificateAuthorities"][0]["validFor"] =
        json!({"start": "2025-06-01T00:00:00Z", "end": "2025-07-01T00:00:00Z"});
    case.refused_by(Step::Chain);
}

/// CVE-2026-49834: one log under two names is one log.
#[test]
fn s06_a_log_that_is_listed_twice_counts_once() {
    let requirements = Requirements { logs: NonZeroUsize::new(2), ..Requirements::default() };
    let mut case = Case::new(LogVersion::V2);
    let twice = case.entry().clone();
    case.bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(twice);
    let error = case.verify_as(&[identity()], requirements).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogThreshold), "{error}");

    let mut second = case.root["tlogs"][0].clone();
    second["logId"]["keyId"] = json!(STANDARD.encode([7; 32]));
    case.root["tlogs"].as_array_mut().unwrap().push(second);
    let error = case.verify_as(&[identity()], requirements).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogThreshold), "{error}");
    assert!(case.verify().is_ok(), "once is enough for a threshold of one");
}

/// So many timestamps are asked for because one authority may be taken over: its word twice is one word.
#[test]
fn s06_a_timestamp_authority_counts_once_however_often_it_signs() {
    let two = Requirements { timestamps: 2, ..Requirements::default() };
    let mut case = Case::new(LogVersion::V2);
    let stamps = |case: &mut Case, stamps: Value| {
        case.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = stamps;
    };
    let signature = case.bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let signature = STANDARD.decode(signature).unwrap();
    let refused = |case: &Case| {
        let error = case.verify_as(&[identity()], two).unwrap_err();
        assert_eq!(error.failed_step(), Some(Step::Timestamp), "{error}");
        assert!(case.verify().is_ok());
    };
    let first = case.instance.stamp(&signature, NOW);
    stamps(&mut case, json!([first, first]));
    refused(&case);
    let later = case.instance.stamp(&signature, NOW + 1);
    stamps(&mut case, json!([first, later]));
    refused(&case);
    // The same authority under two names in the trusted root.
    let again = case.root["timestampAuthorities"][0].clone();
    case.root["timestampAuthorities"].as_array_mut().unwrap().push(again);
    refused(&case);

    let other = Sigstore::new();
    case.root["timestampAuthorities"]
        .as_array_mut()
        .unwrap()
        .push(other.trusted_root()["timestampAuthorities"][0].clone());
    let second = other.stamp(&signature, NOW);
    stamps(&mut case, json!([first, second]));
    assert!(case.verify_as(&[identity()], two).is_ok());
    let three = Requirements { timestamps: 3, ..Requirements::default() };
    let error = case.verify_as(&[identity()], three).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::Timestamp), "{error}");
}

/// CVE-2026-39984: the certificate in the token is trusted, the key that signed is another's.
#[test]
fn s07_a_timestamp_by_a_stranger_with_the_trusted_certificate() {
    let mut case = Case::new(LogVersion::V2);
    let signature = case.bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    let mut forger = TimestampAuthority::new(NOW - DAY, NOW + DAY);
    forger.certificate.clone_from(&case.instance.tsa.certificate);
    let stamp = STANDARD.encode(forger.stamp(&signature, NOW, true));
    case.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
        json!([{"signedTimestamp": stamp}]);
    case.refused_by(Step::Timestamp);
}

#[test]
fn s07_a_timestamp_over_another_signature() {
    let mut case = Case::new(LogVersion::V2);
    let stamp = case.instance.stamp(b"another signature", NOW);
    case.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = json!([stamp]);
    case.refused_by(Step::Timestamp);
}

#[test]
fn s08_a_certificate_that_was_not_announced_or_to_a_stranger_or_twice() {
    for announcements in [0, 2] {
        let leaf = Leaf { announcements, ..Leaf::default() };
        Case::signed_by(Sigstore::new(), &leaf, LogVersion::V1).refused_by(Step::CertificateLog);
    }
    let mut case = Case::new(LogVersion::V1);
    case.root["ctlogs"][0]["publicKey"]["rawBytes"] = json!(STANDARD.encode(Pair::new().spki()));
    case.refused_by(Step::CertificateLog);
    // An instance without a certificate log is a choice that the caller makes.
    let requirements = Requirements { certificate_log: false, ..Requirements::default() };
    let quiet = Leaf { announcements: 0, ..Leaf::default() };
    let verified = Case::signed_by(Sigstore::new(), &quiet, LogVersion::V1)
        .verify_as(&[identity()], requirements)
        .unwrap();
    let seen = verified.observations().iter().find(|seen| seen.step == Step::CertificateLog).unwrap();
    assert!(!seen.checked);
}

#[test]
fn s10_the_right_subject_from_another_issuer_and_the_other_way_round() {
    for case in both() {
        let other_issuer = Identity { issuer: Text::Exact("https://evil.example".into()), ..identity() };
        let part = Identity {
            subject: Text::Pattern(Pattern::new("https://ci.example/team").unwrap()),
            ..identity()
        };
        let claim = Identity {
            claims: vec![(Claim::SourceRef, Text::Exact("refs/heads/release".into()))],
            ..identity()
        };
        for wrong in [other_issuer, part, claim] {
            let error = case.verify_as(std::slice::from_ref(&wrong), Requirements::default()).unwrap_err();
            assert_eq!(error.failed_step(), Some(Step::Identity), "{error}");
            // One of several is enough.
            assert!(case.verify_as(&[wrong, identity()], Requirements::default()).is_ok());
        }
        assert!(matches!(case.verify_as(&[], Requirements::default()), Err(Error::NoIdentities)));
    }
}

#[test]
fn s12_two_signatures_of_which_one_is_good() {
    let mut case = Case::new(LogVersion::V1);
    let signatures = case.bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
    signatures.push(json!({"sig": STANDARD.encode(b"junk")}));
    assert!(matches!(case.verify(), Err(Error::SignatureCount { got: 2 })));
}

#[test]
fn s13_a_well_signed_payload_that_is_no_statement() {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    for payload in [&b"not json"[..], b"{}", b"{\"_type\":\"x\",\"_type\":\"x\"}"] {
        let bundle = instance.attest(&holder, payload, LogVersion::V1);
        let case =
            Case { root: instance.trusted_root(), bundle, holder: instance.leaf(&Leaf::default()), instance };
        case.refused_by(Step::Statement);
        instance = case.instance;
    }
}

#[test]
fn s14_a_statement_about_another_artifact() {
    let mut case = Case::new(LogVersion::V1);
    let other =
        Statement::new(Subject::new("the image", &Digest::sha256(b"other")), "p", json!({})).to_json();
    case.bundle = case.instance.attest(&case.holder, &other, LogVersion::V1);
    case.refused_by(Step::Artifact);
}

/// A statement names its artifact by a digest of the artifact's own algorithm, whole and exactly. A weaker one that is right says
/// nothing.
#[test]
fn s14_the_digest_of_another_algorithm_and_subjects_without_one() {
    let right = image().hex();
    let wrong = Digest::sha256(b"other").hex();
    let sha512 = Digest::compute(plimsoll_core::Algorithm::Sha512, b"other").hex();
    let subjects = [
        json!([{"name": "a", "digest": {"sha1": right.get(..40)}}]),
        json!([{"name": "a", "digest": {"sha1": right.get(..40), "sha256": wrong}}]),
        json!([{"name": right, "digest": {"sha512": sha512}}]),
        json!([{"name": "a", "digest": {"SHA256": right}}]),
        json!([{"name": "a", "digest": {"sha256": right.to_uppercase()}}]),
        json!([{"name": "a", "digest": {"sha256": right.get(..62)}}]),
        json!([{"name": "a", "digest": {"sha256": ""}}]),
        json!([{"name": right, "digest": {}}]),
        json!([{"name": "a"}]),
        json!([]),
    ];
    for subject in subjects {
        let mut case = Case::new(LogVersion::V1);
        let mut statement: Value = serde_json::from_slice(&payload()).unwrap();
        statement["subject"] = subject.clone();
        case.bundle = case.instance.attest(&case.holder, statement.to_string().as_bytes(), LogVersion::V1);
        let error = case.verify().unwrap_err();
        let step = error.failed_step();
        assert!(matches!(step, Some(Step::Artifact | Step::Statement)), "{subject}: {step:?} {error:?}");
    }
    // Of two subjects each counts, and neither stands for the other.
    let mut case = Case::new(LogVersion::V1);
    let mut statement: Value = serde_json::from_slice(&payload()).unwrap();
    statement["subject"] =
        json!([{"name": "a", "digest": {"sha256": wrong}}, {"name": "b", "digest": {"sha256": right}}]);
    case.bundle = case.instance.attest(&case.holder, statement.to_string().as_bytes(), LogVersion::V1);
    assert!(case.verify().is_ok());
}

#[test]
fn s17_a_chain_that_the_signer_brings_along() {
    let mut case = Case::new(LogVersion::V1);
    let mut stranger = Sigstore::new();
    let chain: Vec<Value> = [&case.holder.certificate, &stranger.ca, &stranger.root]
        .iter()
        .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
        .collect();
    let material = case.bundle["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("x509CertificateChain".into(), json!({"certificates": chain}));
    case.bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
    assert!(case.verify().is_ok(), "what was sent along is no authority, and ignored");
    // It vouches for nobody either.
    let mut foreign = Case::new(LogVersion::V1);
    let holder = stranger.leaf(&Leaf::default());
    // In the trusted log, so that nothing but the chain is wrong.
    foreign.bundle = foreign.instance.attest(&holder, &payload(), LogVersion::V1);
    let chain: Vec<Value> = [&holder.certificate, &stranger.ca, &foreign.instance.root]
        .iter()
        .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
        .collect();
    let material = foreign.bundle["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("x509CertificateChain".into(), json!({"certificates": chain}));
    foreign.bundle["mediaType"] = case.bundle["mediaType"].clone();
    foreign.refused_by(Step::Chain);
    case.bundle["verificationMaterial"]["x509CertificateChain"]["certificates"].as_array_mut().unwrap().pop();
    assert!(case.verify().is_ok());
}

#[test]
fn s17_a_chain_of_nothing_and_a_root_that_signs_itself() {
    let chain_of = |case: &mut Case, chain: Vec<&Vec<u8>>| {
        let material = case.bundle["verificationMaterial"].as_object_mut().unwrap();
        material.remove("certificate");
        let chain: Vec<Value> =
            chain.into_iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
        material.insert("x509CertificateChain".into(), json!({"certificates": chain}));
        case.bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
    };
    let mut case = Case::new(LogVersion::V1);
    chain_of(&mut case, Vec::new());
    let error = case.verify().unwrap_err();
    assert!(
        matches!(error, Error::Missing { .. } | Error::BundleContent { .. } | Error::BundleJson { .. }),
        "{error:?}"
    );
    // The authority's own certificates sign no statements, although they lead to the root.
    for which in [0, 1] {
        let mut case = Case::new(LogVersion::V1);
        let own = [case.instance.ca.clone(), case.instance.root.clone()];
        chain_of(&mut case, vec![&own[which]]);
        let error = case.verify().unwrap_err();
        assert!(error.failed_step().is_some(), "{error:?}");
    }
}

#[test]
fn s17_the_certificate_of_another_instance() {
    let mut case = Case::new(LogVersion::V1);
    case.root["certificateAuthorities"] = Sigstore::new().trusted_root()["certificateAuthorities"].clone();
    case.refused_by(Step::Chain);
}

/// A signature over bytes of one kind says nothing of another kind, whatever is written beside it.
#[test]
fn s11_a_signed_payload_of_another_type() {
    for payload_type in ["application/json", "text/plain", "application/vnd.in-toto+json;v=2", ""] {
        let mut case = Case::new(LogVersion::V2);
        let message = sigstore::pae(payload_type, &payload());
        let signature = case.holder.key.sign(&message);
        let digest = Digest::sha256(&message).as_bytes().try_into().unwrap();
        *case.entry() = case.instance.record(&digest, &signature, &case.holder.certificate);
        let stamp = case.instance.stamp(&signature, NOW);
        case.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
            json!([stamp]);
        case.bundle["dsseEnvelope"]["signatures"][0]["sig"] = json!(STANDARD.encode(&signature));
        case.bundle["dsseEnvelope"]["payloadType"] = json!(payload_type);
        assert!(matches!(case.verify(), Err(Error::PayloadType { .. })), "{payload_type}");
        case.bundle["dsseEnvelope"]["payloadType"] = json!("application/vnd.in-toto+json");
        case.refused_by(Step::Signature);
    }
}

#[test]
fn s11_the_signature_of_a_file_is_none_of_an_image() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = Case::new(version);
        // Of a file that holds the very statement.
        case.bundle = case.instance.sign(&case.holder, &payload(), version);
        assert!(matches!(case.verify(), Err(Error::NotAStatement)));
        let signature = case.bundle["messageSignature"]["signature"].clone();
        case.bundle.as_object_mut().unwrap().remove("messageSignature");
        case.bundle["dsseEnvelope"] = json!({
            "payload": STANDARD.encode(payload()), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": signature}],
        });
        case.refused_by(Step::Signature);
    }
}

#[test]
fn a_changed_payload_and_a_swapped_signature() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = Case::new(version);
        let changed = Statement::new(Subject::new("", &image()), "p", json!({"a": 1})).to_json();
        case.bundle["dsseEnvelope"]["payload"] = json!(STANDARD.encode(changed));
        case.refused_by(Step::Signature);
    }
}

#[test]
fn a_key_counts_for_signatures_within_its_window_alone() {
    let mut instance = Sigstore::new();
    let key = Pair::new();
    let message = sigstore::pae("application/vnd.in-toto+json", &payload());
    let signature = key.sign(&message);
    let body = json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": sigstore::hex(image().as_bytes())},
            "payloadHash": {"algorithm": "sha256", "value": Digest::sha256(&payload()).hex()},
            "signatures": [{
                "signature": STANDARD.encode(&signature),
                "verifier": STANDARD.encode(key.public_pem()),
            }],
        },
    });
    let entry = instance.log.append("dsse", "0.0.1", &body, LogVersion::V1, NOW);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "release"}, "tlogEntries": [entry]},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload()), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": STANDARD.encode(&signature)}],
        },
    });
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let public = PublicKey::from_spki_der(key.spki()).unwrap();
    let judge = |bundle: &Value,
                 window: Option<(i64, i64)>,
                 root: Option<&TrustedRoot>,
                 requirements: Requirements| {
        let at = |time| plimsoll_core::Timestamp::from_second(time).unwrap();
        let window = window.map(|(start, end)| Window { start: at(start), end: at(end) });
        let keys = [TrustedKey { key: public.clone(), window }];
        let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
        verify(
            &bundle,
            Some(&image()),
            &Check { trusted: Trusted::Keys(&keys), root, requirements, now: sigstore::now() },
        )
    };
    let none = Requirements { logs: None, ..Requirements::default() };
    assert!(judge(&bundle, None, Some(&root), Requirements::default()).is_ok());
    assert!(judge(&bundle, Some((NOW - DAY, NOW + DAY)), Some(&root), Requirements::default()).is_ok());
    for outside in [(NOW - 2 * DAY, NOW - DAY), (NOW + DAY, NOW + 2 * DAY)] {
        let error = judge(&bundle, Some(outside), Some(&root), Requirements::default()).unwrap_err();
        assert_eq!(error.failed_step(), Some(Step::Identity), "{error}");
    }
    // Without a trusted time nobody can say that it lies in the window.
    let error = judge(&bundle, Some((NOW - DAY, NOW + DAY)), None, none).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::SigningTime), "{error}");
    // Nor does a log count that cannot be verified.
    let error = judge(&bundle, None, None, Requirements::default()).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogInclusion), "{error}");
    let verified = judge(&bundle, None, None, none).unwrap();
    assert!(!verified.not_checked().is_empty(), "what was not looked at is said");
}

/// The same of a file, whose signature takes another path.
#[test]
fn a_key_counts_for_files_within_its_window_alone() {
    let key = Pair::new();
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "release"}},
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256", "digest": STANDARD.encode(Digest::sha256(b"a file").as_bytes()),
            },
            "signature": STANDARD.encode(key.sign(b"a file")),
        },
    });
    let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
    let public = PublicKey::from_spki_der(key.spki()).unwrap();
    let judge = |window: Option<Window>| {
        let keys = [TrustedKey { key: public.clone(), window }];
        let requirements = Requirements { logs: None, ..Requirements::default() };
        let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now: sigstore::now() };
        verify_message(&bundle, Artifact::Reader(&mut &b"a file"[..]), &check)
    };
    judge(None).unwrap();
    let at = |time| plimsoll_core::Timestamp::from_second(time).unwrap();
    // The window is open now. That says nothing of when the file was signed.
    let error = judge(Some(Window { start: at(NOW - DAY), end: at(NOW + DAY) })).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::SigningTime), "{error}");
}

#[test]
fn files_verify_by_stream_and_by_digest_and_only_as_files() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut instance = Sigstore::new();
        let holder = instance.leaf(&Leaf::default());
        let bundle = instance.sign(&holder, b"a file", version);
        let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
        let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
        let identities = [identity()];
        let check = Check {
            trusted: Trusted::Identities(&identities),
            root: Some(&root),
            requirements: Requirements::default(),
            now: sigstore::now(),
        };
        let digest = Digest::sha256(b"a file");
        let read = verify_message(&bundle, Artifact::Reader(&mut &b"a file"[..]), &check).unwrap();
        assert_eq!(read.value().digest, digest);
        assert!(verify_message(&bundle, Artifact::Digest(digest), &check).is_ok());
        for other in [Artifact::Reader(&mut &b"a fil"[..]), Artifact::Digest(Digest::sha256(b"x"))] {
            let error = verify_message(&bundle, other, &check).unwrap_err();
            assert_eq!(error.failed_step(), Some(Step::Artifact), "{error}");
        }
    }
}

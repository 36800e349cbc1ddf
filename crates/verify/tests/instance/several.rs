//! More than one of something: authorities of one name, times of one signature.

use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_testkit::sigstore::{Leaf, LogVersion, NOW, Sigstore};
use plimsoll_verify::{Requirements, Step};
use serde_json::{Value, json};

use crate::case::{Case, DAY, both, identity};

/// Instances that move have two intermediate certificates of one name. The certificate log signed over the key of the one
/// that issued, so whoever looks the issuer up by its name takes the wrong one.
#[test]
fn of_two_authorities_with_one_name_the_one_that_issued_counts() {
    for version in [LogVersion::V1, LogVersion::V2] {
        for place in [0, 1] {
            let mut case = Case::new(version);
            let other = Sigstore::new().trusted_root()["certificateAuthorities"][0].clone();
            case.root["certificateAuthorities"].as_array_mut().unwrap().insert(place, other);
            case.verify().unwrap();
        }
    }
    // The other one alone vouches for nothing.
    let mut case = Case::new(LogVersion::V1);
    case.root["certificateAuthorities"] = Sigstore::new().trusted_root()["certificateAuthorities"].clone();
    case.refused_by(Step::Chain);
}

/// Every time counts, and not the most convenient: a second timestamp after the certificate's end spoils the signature.
#[test]
fn each_of_several_times_has_to_be_within_the_certificate() {
    for mut case in both() {
        let signature = case.bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
        let signature = STANDARD.decode(signature).unwrap();
        let stamp = |time: i64| case.instance.stamp(&signature, time);
        let stamps = |stamps: &[&Value]| json!({"rfc3161Timestamps": stamps});
        let (within, late, early) = (stamp(NOW), stamp(Leaf::default().end + 1), stamp(NOW - DAY));
        for (list, good) in [
            (stamps(&[&within]), true),
            (stamps(&[&within, &late]), false),
            (stamps(&[&late, &within]), false),
            (stamps(&[&within, &early]), false),
        ] {
            case.bundle["verificationMaterial"]["timestampVerificationData"] = list;
            if good {
                case.verify().unwrap();
            } else {
                case.refused_by(Step::Chain);
            }
        }
    }
}

/// The time has to be within the period of the authority that signed the timestamp. That another one, even one without any
/// certificate, has a period that would do, changes nothing.
#[test]
fn no_authority_borrows_the_period_of_another() {
    let mut case = Case::new(LogVersion::V2);
    let ended = json!({"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"});
    let mut other = Sigstore::new().trusted_root()["timestampAuthorities"][0].clone();
    case.root["timestampAuthorities"][0]["validFor"] = ended;
    case.refused_by(Step::Timestamp);
    case.root["timestampAuthorities"].as_array_mut().unwrap().push(other.clone());
    case.refused_by(Step::Timestamp);
    other["certChain"] = json!({"certificates": []});
    case.root["timestampAuthorities"][1] = other;
    assert!(case.verify().is_err());
}

/// CVE-2026-49834's neighbour: the second log signed the head of the first, as a witness does, and does not have the entry.
#[test]
fn a_log_that_signs_the_head_of_another_does_not_contain_the_entry() {
    const CHECKPOINT: &str = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    let two = Requirements { logs: NonZeroUsize::new(2), ..Requirements::default() };
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = Case::new(version);
        let mut other = Sigstore::new();
        let mut second = other.trusted_root()["tlogs"][0].clone();
        case.root["tlogs"].as_array_mut().unwrap().push(second.clone());
        let sound = case.bundle.clone();
        let envelope = sound.pointer(CHECKPOINT).unwrap().as_str().unwrap();
        let (head, _) = envelope.split_once("\n\n").unwrap();
        let line = other.log.signature_line(&other.log.key, &other.log.id(), format!("{head}\n").as_bytes());
        *case.bundle.pointer_mut(CHECKPOINT).unwrap() = json!(format!("{envelope}{line}"));
        case.verify().unwrap();
        let error = case.verify_as(&[identity()], two).unwrap_err();
        assert_eq!(error.failed_step(), Some(Step::LogThreshold), "{error}");
        // Nor do the same log's entries count for two, one with the other's line and one without.
        let without = sound["verificationMaterial"]["tlogEntries"][0].clone();
        case.bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(without);
        let error = case.verify_as(&[identity()], two).unwrap_err();
        assert_eq!(error.failed_step(), Some(Step::LogThreshold), "{error}");

        // With an entry of its own it counts, once its time has come.
        let entry = case.entry().clone();
        let body = STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let kind = |name: &str| entry["kindVersion"][name].as_str().unwrap().to_owned();
        let its = other.log.append(&kind("kind"), &kind("version"), &body, version, NOW);
        case.bundle = sound.clone();
        case.bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(its);
        case.verify_as(&[identity()], two).unwrap();
        second["publicKey"]["validFor"] = json!({"start": "2099-01-01T00:00:00Z"});
        case.root["tlogs"][1] = second;
        assert!(case.verify_as(&[identity()], two).is_err());
    }
}

/// A second log could not be introduced otherwise while older roots are in use. What a log says that nobody knows is no evidence,
/// and none is held against the signer.
#[test]
fn an_entry_of_a_log_that_the_root_does_not_list_counts_neither_way() {
    for version in [LogVersion::V1, LogVersion::V2] {
        for place in [0, 1] {
            let mut case = Case::new(version);
            let entry = case.entry().clone();
            let body = STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let kind = |name: &str| entry["kindVersion"][name].as_str().unwrap().to_owned();
            let mut other = Sigstore::new();
            let its = other.log.append(&kind("kind"), &kind("version"), &body, version, NOW);
            let mut anothers = its.clone();
            anothers["canonicalizedBody"] = json!(STANDARD.encode("{}"));
            for unknown in [&its, &anothers] {
                let mut entries = vec![entry.clone()];
                entries.insert(place, unknown.clone());
                case.bundle["verificationMaterial"]["tlogEntries"] = json!(entries);
                case.verify().unwrap();
            }
            case.bundle["verificationMaterial"]["tlogEntries"] = json!([its]);
            let error = case.verify().unwrap_err();
            assert!(error.failed_step().is_some_and(|step| step != Step::LogEntry), "{error}");
        }
    }
}

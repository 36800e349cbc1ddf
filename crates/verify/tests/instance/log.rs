//! Entries of logs, their proofs, promises and heads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{self, Leaf, LogVersion, NOW, Pair, Sigstore};
use plimsoll_verify::{Bundle, Error, Statement, Step, Subject};
use serde_json::{Value, json};

use crate::case::{Case, both, payload};

#[test]
fn s01_the_entry_of_another_signature_by_the_same_signer() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = Case::new(version);
        let other = Statement::new(Subject::new("", &Digest::sha256(b"other")), "p", json!({})).to_json();
        let other = case.instance.attest(&case.holder, &other, version);
        *case.entry() = other["verificationMaterial"]["tlogEntries"][0].clone();
        case.refused_by(Step::LogEntry);
    }
}

#[test]
fn s01_the_entry_of_the_same_payload_by_another_signer() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = Case::new(version);
        let other = case.instance.leaf(&Leaf::default());
        let other = case.instance.attest(&other, &payload(), version);
        *case.entry() = other["verificationMaterial"]["tlogEntries"][0].clone();
        case.refused_by(Step::LogEntry);
    }
}

/// A log that stored more than the entry says something that nobody compared.
#[test]
fn s01_an_entry_with_a_field_that_the_bundle_does_not_lead_to() {
    let mut case = Case::new(LogVersion::V1);
    let body: Value = {
        let stored = case.entry()["canonicalizedBody"].as_str().unwrap();
        serde_json::from_slice(&STANDARD.decode(stored).unwrap()).unwrap()
    };
    let mut more = body;
    more["spec"]["signatures"][0]["extra"] = json!("x");
    let entry = case.instance.log.append("dsse", "0.0.1", &more, LogVersion::V1, NOW);
    *case.entry() = entry;
    case.refused_by(Step::LogEntry);
}

#[test]
fn s02_no_inclusion_proof() {
    for mut case in both() {
        case.entry().as_object_mut().unwrap().remove("inclusionProof");
        case.refused_by(Step::LogInclusion);
    }
}

/// One entry with a proof must not carry another without.
#[test]
fn s02_a_second_entry_without_a_proof() {
    let mut case = Case::new(LogVersion::V2);
    let mut second = case.entry().clone();
    second.as_object_mut().unwrap().remove("inclusionProof");
    case.bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(second);
    case.refused_by(Step::LogInclusion);
}

/// The log's promise is what the first version of bundles had instead of a proof. Later ones have to prove each entry.
#[test]
fn s02_a_second_entry_with_a_promise_instead_of_a_proof() {
    let mut case = Case::new(LogVersion::V1);
    let mut second = case.entry().clone();
    second.as_object_mut().unwrap().remove("inclusionProof");
    assert!(second["inclusionPromise"].is_object());
    case.bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(second);
    let said = case.refused_by(Step::LogInclusion);
    assert!(said.contains("log entry 1 without an inclusion proof"), "{said}");
}

/// Path, index and signed head are those of the entry. Only the root hash that the proof repeats is another.
#[test]
fn s03_a_proof_that_names_another_root_than_its_checkpoint() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = among_others(version);
        case.entry()["inclusionProof"]["rootHash"] = json!(STANDARD.encode([7; 32]));
        let said = case.refused_by(Step::LogInclusion);
        assert!(said.contains("root hash does not match the checkpoint's"), "{said}");
    }
}

#[test]
fn s02_no_log_entry_at_all() {
    for mut case in both() {
        case.bundle["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
        case.refused_by(Step::LogInclusion);
    }
}

#[test]
fn s03_a_checkpoint_by_a_stranger_under_the_logs_name() {
    for mut case in both() {
        let envelope = case.entry()["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
        let (head, _) = envelope.split_once("\n\n").unwrap();
        let id = case.instance.log.id();
        let forged = case.instance.log.signature_line(&Pair::new(), &id, format!("{head}\n").as_bytes());
        case.entry()["inclusionProof"]["checkpoint"]["envelope"] = json!(format!("{head}\n\n{forged}"));
        case.refused_by(Step::LogInclusion);
    }
}

#[test]
fn s03_the_checkpoint_of_another_tree() {
    for mut case in both() {
        // Of the same size, so that nothing but its root and its signature tell it from the log's own.
        let mut other = Sigstore::new();
        let holder = other.leaf(&Leaf::default());
        drop(other.sign(&holder, b"another file", LogVersion::V2));
        let foreign = other.log.checkpoint();
        case.entry()["inclusionProof"]["checkpoint"]["envelope"] = json!(foreign);
        let said = case.refused_by(Step::LogInclusion);
        assert!(said.contains("root hash does not match the checkpoint's"), "{said}");
        // With the root of the other tree, it is the signature that is not the log's.
        let envelope = case.entry()["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
        case.entry()["inclusionProof"]["rootHash"] = json!(envelope.lines().nth(2).unwrap());
        case.refused_by(Step::LogInclusion);
        // Nor does a signature of the log over its own head make this head the log's.
        let own = case.instance.log.checkpoint();
        let (head, _) = envelope.split_once("\n\n").unwrap();
        let (_, signature) = own.split_once("\n\n").unwrap();
        case.entry()["inclusionProof"]["checkpoint"]["envelope"] = json!(format!("{head}\n\n{signature}"));
        case.refused_by(Step::LogInclusion);
    }
}

#[test]
fn s03_a_true_checkpoint_of_the_log_before_the_entry() {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&Leaf::default());
    drop(instance.attest(&holder, b"{}", LogVersion::V2));
    let before = instance.log.checkpoint();
    let mut case = Case::signed_by(instance, &Leaf::default(), LogVersion::V2);
    case.entry()["inclusionProof"]["checkpoint"]["envelope"] = json!(before);
    case.refused_by(Step::LogInclusion);
}

#[test]
fn s16_a_promise_by_a_stranger_or_for_another_time() {
    let mut case = Case::new(LogVersion::V1);
    case.entry()["integratedTime"] = json!((NOW + 1).to_string());
    case.refused_by(Step::LogPromise);

    let mut case = Case::new(LogVersion::V1);
    let body = STANDARD.decode(case.entry()["canonicalizedBody"].as_str().unwrap()).unwrap();
    let forged = sigstore::Log::new("log.example").promise(&body, 0, NOW);
    case.entry()["inclusionPromise"]["signedEntryTimestamp"] = json!(forged);
    case.refused_by(Step::LogPromise);
}

#[test]
fn s16_a_time_of_entry_in_the_future() {
    let far = 4_000_000_000; // 2096
    let leaf = Leaf { start: far - 60, end: far + 600, ..Leaf::default() };
    let mut case = Case::signed_by(Sigstore::new(), &leaf, LogVersion::V1);
    let body = STANDARD.decode(case.entry()["canonicalizedBody"].as_str().unwrap()).unwrap();
    let promise = case.instance.log.promise(&body, 0, far);
    case.entry()["inclusionPromise"]["signedEntryTimestamp"] = json!(promise);
    case.entry()["integratedTime"] = json!(far.to_string());
    assert!(case.refused_by(Step::SigningTime).contains("in the future"));
    // Clocks of two machines differ.
    for (ahead, holds) in [(299, true), (301, false)] {
        let mut case = Case::new(LogVersion::V1);
        let body = STANDARD.decode(case.entry()["canonicalizedBody"].as_str().unwrap()).unwrap();
        let promise = case.instance.log.promise(&body, 0, NOW + ahead);
        case.entry()["inclusionPromise"]["signedEntryTimestamp"] = json!(promise);
        case.entry()["integratedTime"] = json!((NOW + ahead).to_string());
        assert_eq!(case.verify().is_ok(), holds, "{ahead} s");
    }
}

/// A case whose entry is the third of five, with a proof of now.
fn among_others(version: LogVersion) -> Case {
    let mut instance = Sigstore::new();
    let other = instance.leaf(&Leaf::default());
    for n in 0..2 {
        drop(instance.sign(&other, &[n], version));
    }
    let mut case = Case::signed_by(instance, &Leaf::default(), version);
    for n in 3..5 {
        drop(case.instance.sign(&other, &[n], version));
    }
    let proof = case.instance.log.proof(2, version);
    case.entry()["inclusionProof"] = proof;
    case.verify().unwrap();
    case
}

/// Makes the entry of [`among_others`] another one, with the promise of the log for it where it gives one.
fn put_body(case: &mut Case, version: LogVersion, body: &[u8]) {
    case.entry()["canonicalizedBody"] = json!(STANDARD.encode(body));
    if version == LogVersion::V1 {
        let promise = case.instance.log.promise(body, 2, NOW);
        case.entry()["inclusionPromise"]["signedEntryTimestamp"] = json!(promise);
    }
}

/// A proof with what the log signed for another one, and the root of the one or the other named beside it.
fn under_the_head_of_another(proof: &Value, other: &Value) -> [Value; 2] {
    [proof, other].map(|named| {
        let mut mixed = proof.clone();
        mixed["checkpoint"] = other["checkpoint"].clone();
        mixed["rootHash"] = named["rootHash"].clone();
        mixed
    })
}

#[test]
fn s18_numbers_that_no_log_has() {
    let most = i64::MAX.to_string();
    let never = ["-1", "-9223372036854775808", "9223372036854775808", "1.5", "1e999", "0x2", "two", "", " 2"];
    for version in [LogVersion::V1, LogVersion::V2] {
        for (place, possible) in [
            ("/logIndex", &["1", "3", "5", most.as_str()][..]),
            ("/inclusionProof/logIndex", &["1", "3", "5", &most]),
            ("/inclusionProof/treeSize", &["0", "1", "2", "3", "4", "6", "7", "8", "9", &most]),
        ] {
            for number in never {
                let mut case = among_others(version);
                *case.entry().pointer_mut(place).unwrap() = json!(number);
                let error = case.verify().unwrap_err();
                assert!(
                    error.to_string().starts_with("bundle: "),
                    "{version:?}: {place} = {number}: {error}"
                );
            }
            // The first version's log promises the index of its entry. All others are what the proof is about.
            let step = match (version, place) {
                (LogVersion::V1, "/logIndex") => Step::LogPromise,
                _ => Step::LogInclusion,
            };
            for number in possible {
                let mut case = among_others(version);
                *case.entry().pointer_mut(place).unwrap() = json!(number);
                case.refused_by(step);
            }
        }
    }
}

#[test]
fn s18_an_entry_of_a_kind_or_version_that_is_not_known() {
    for (kind, entry_version) in
        [("hashedrekord", "0.0.3"), ("dsse", "0.0.9"), ("rekord", "0.0.1"), ("DSSE", "0.0.1"), ("", "")]
    {
        for mut case in both() {
            case.entry()["kindVersion"] = json!({"kind": kind, "version": entry_version});
            let error = case.verify().unwrap_err().to_string();
            assert!(
                error.contains(&format!("unsupported Rekor entry format: {kind}/{entry_version}")),
                "{error}"
            );
        }
    }
}

/// In every object of a bundle: what this reader skips, another may obey.
#[test]
fn s18_a_field_that_is_not_known_anywhere() {
    fn objects(value: &Value, at: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                out.push(at.to_owned());
                members.iter().for_each(|(name, member)| objects(member, &format!("{at}/{name}"), out));
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| objects(item, &format!("{at}/{index}"), out)),
            _ => {}
        }
    }
    for case in both() {
        let mut places = Vec::new();
        objects(&case.bundle, "", &mut places);
        assert!(places.len() > 9, "{places:?}");
        for place in places {
            let mut bundle = case.bundle.clone();
            bundle.pointer_mut(&place).unwrap()["extra"] = json!(1);
            let found = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default());
            assert!(matches!(found, Err(Error::UnknownField { .. })), "{place}: {found:?}");
        }
    }
}

/// One bit of an entry changes after the log has signed its tree: in the entry itself, or in one beside it.
#[test]
fn s19_a_rewritten_entry_is_not_under_the_head_of_before() {
    for version in [LogVersion::V1, LogVersion::V2] {
        for rewritten in 0..5 {
            let mut case = among_others(version);
            let before = case.entry()["inclusionProof"].clone();
            let mut body = STANDARD.decode(case.entry()["canonicalizedBody"].as_str().unwrap()).unwrap();
            body[20] ^= 1;
            case.instance.log.rewrite(rewritten, &body);
            let after = case.instance.log.proof(2, version);
            assert_ne!(before["rootHash"], after["rootHash"]);

            // The new path and what the log signed before, with the one root or the other named beside it.
            for mixed in under_the_head_of_another(&after, &before) {
                case.entry()["inclusionProof"] = mixed;
                // The path to the entry itself has not changed; what it begins with has.
                if rewritten == 2 {
                    put_body(&mut case, version, &body);
                }
                case.refused_by(Step::LogInclusion);
            }
        }
    }
}

/// The log signs its rewritten tree: the proof of before does not lead there, and the rewritten entry is not the bundle's.
#[test]
fn s19_a_head_that_the_log_signed_anew() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = among_others(version);
        let before = case.entry()["inclusionProof"].clone();
        case.instance.log.rewrite(4, b"another entry");
        let after = case.instance.log.proof(2, version);
        for mixed in under_the_head_of_another(&before, &after) {
            case.entry()["inclusionProof"] = mixed;
            case.refused_by(Step::LogInclusion);
        }

        // The entry itself, with everything that the log can sign anew.
        let mut case = among_others(version);
        let mut body: Value = {
            let stored = case.entry()["canonicalizedBody"].as_str().unwrap();
            serde_json::from_slice(&STANDARD.decode(stored).unwrap()).unwrap()
        };
        let hash = match version {
            LogVersion::V1 => "/spec/payloadHash/value",
            LogVersion::V2 => "/spec/hashedRekordV002/data/digest",
        };
        let hash = body.pointer_mut(hash).unwrap();
        let first = if hash.as_str().unwrap().starts_with('0') { "1" } else { "0" };
        *hash = json!(format!("{first}{}", &hash.as_str().unwrap()[1..]));
        let body = plimsoll_core::json::canonical(&body);
        case.instance.log.rewrite(2, &body);
        let proof = case.instance.log.proof(2, version);
        case.entry()["inclusionProof"] = proof;
        put_body(&mut case, version, &body);
        case.refused_by(Step::LogEntry);
    }
}

/// What a bundle cannot show. A log that shows two histories, each sound in itself, is found by whoever compares its heads:
/// witnesses that sign only what extends what they saw, and clients that keep the last head. A bundle has one head, so both
/// of these verify. Witnesses are not asked for yet; once they are, the second of these has to fail for want of their
/// signatures.
#[test]
fn s19_a_view_that_is_sound_in_itself_is_beyond_what_one_bundle_shows() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut case = among_others(version);
        let one = case.entry()["inclusionProof"].clone();
        case.instance.log.rewrite(4, b"what others are not shown");
        let two = case.instance.log.proof(2, version);
        assert_eq!(one["treeSize"], two["treeSize"]);
        assert_ne!(one["rootHash"], two["rootHash"]);
        case.entry()["inclusionProof"] = two;
        case.verify().unwrap();
    }
}

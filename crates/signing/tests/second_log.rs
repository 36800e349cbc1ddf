//! Entries of version 2 of the log by keys other than P-256: rebuilt from the bundle and compared byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_keys::NewKey;
use plimsoll_keys::{FileDigests, Payload, PrivateKey, SigningKey as _};
use plimsoll_testkit::sigstore::{self, Leaf, LogVersion, NOW, Sigstore, pae};
use plimsoll_verify::{
    Artifact, Bundle, Check, Error, Identity, Requirements, Statement, Step, Subject, Text, Trusted,
    TrustedKey, TrustedRoot, verify, verify_message,
};
use serde_json::{Value, json};

const IN_TOTO: &str = "application/vnd.in-toto+json";
const FILE: &[u8] = b"the file";

/// A signature by a key, its entry, and the instance whose log contains it.
struct Case {
    instance: Sigstore,
    key: PrivateKey,
    /// The correct body of the entry.
    body: Value,
    kind: &'static str,
    content: (&'static str, Value),
    statement: bool,
}

/// The key of a kind, the same for all cases: large RSA keys take seconds to make.
fn key(kind: NewKey) -> PrivateKey {
    static MADE: Mutex<Vec<(NewKey, String)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    let known = made.iter().find(|(known, _)| *known == kind).map(|(_, pem)| pem.clone());
    let pem = known.unwrap_or_else(|| {
        let pem = PrivateKey::generate(kind).unwrap().to_pem(None).unwrap().to_string();
        made.push((kind, pem.clone()));
        pem
    });
    PrivateKey::from_pem(pem.as_bytes(), None).unwrap()
}

impl Case {
    fn file(kind: NewKey) -> Self {
        let key = key(kind);
        let digests = FileDigests::read(FILE).unwrap();
        let signature = STANDARD.encode(key.sign(&Payload::Digests(&digests)).unwrap());
        let (name, digest) = match kind {
            NewKey::P384 => ("SHA2_384", STANDARD.encode(digests.sha384.as_bytes())),
            _ => ("SHA2_256", STANDARD.encode(digests.sha256.as_bytes())),
        };
        let body = hashed(&key, kind, name, &digest, &signature);
        let content = json!({"messageDigest": {"algorithm": name, "digest": digest}, "signature": signature});
        let content = ("messageSignature", content);
        Self { instance: Sigstore::new(), key, body, kind: "hashedrekord", content, statement: false }
    }

    fn statement(kind: NewKey) -> Self {
        let key = key(kind);
        let (payload, message) = payload();
        let signature = STANDARD.encode(key.sign(&Payload::Message(&message)).unwrap());
        let digests = FileDigests::read(&message[..]).unwrap();
        let (name, digest) = match kind {
            NewKey::P384 => ("SHA2_384", STANDARD.encode(digests.sha384.as_bytes())),
            _ => ("SHA2_256", STANDARD.encode(digests.sha256.as_bytes())),
        };
        let body = hashed(&key, kind, name, &digest, &signature);
        let content = ("dsseEnvelope", envelope(&payload, &signature));
        Self { instance: Sigstore::new(), key, body, kind: "hashedrekord", content, statement: true }
    }

    /// The entry of kind `dsse`, which the first logs of version 2 accepted.
    fn dsse(kind: NewKey) -> Self {
        let mut case = Self::statement(kind);
        let (payload, _) = payload();
        let signature = &case.content.1["signatures"][0]["sig"];
        case.body = json!({
            "apiVersion": "0.0.2",
            "kind": "dsse",
            "spec": {"dsseV002": {
                "payloadHash": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(Digest::sha256(&payload).as_bytes()),
                },
                "signatures": [{"content": signature, "verifier": verifier(&case.key, kind)}],
            }},
        });
        case.kind = "dsse";
        case
    }

    /// Verifies the bundle after `change` modified its correct entry.
    fn check(&mut self, change: impl FnOnce(&mut Value)) -> Result<(), Error> {
        self.check_entry(change, |_| {})
    }

    fn check_entry(
        &mut self,
        change: impl FnOnce(&mut Value),
        afterwards: impl FnOnce(&mut Value),
    ) -> Result<(), Error> {
        let mut body = self.body.clone();
        change(&mut body);
        // Not the only entry, so that the proof has a path.
        self.instance.log.append("hashedrekord", "0.0.2", &json!({"other": 1}), LogVersion::V2, NOW);
        let mut entry = self.instance.log.append(self.kind, "0.0.2", &body, LogVersion::V2, NOW);
        afterwards(&mut entry);
        self.judge(&self.bundle(&entry))
    }

    fn bundle(&self, entry: &Value) -> Value {
        let hint = STANDARD.encode(self.key.public_key().id().as_bytes());
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": [entry]},
            (self.content.0): self.content.1,
        })
    }

    fn judge(&self, bundle: &Value) -> Result<(), Error> {
        self.judge_at(bundle, sigstore::now())
    }

    fn judge_at(&self, bundle: &Value, now: Timestamp) -> Result<(), Error> {
        let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?;
        let root = TrustedRoot::parse(self.instance.trusted_root().to_string().as_bytes()).unwrap();
        let keys = [TrustedKey::from(self.key.public_key().clone())];
        let check = Check {
            trusted: Trusted::Keys(&keys),
            root: Some(&root),
            requirements: Requirements::default(),
            now,
        };
        if self.statement {
            verify(&bundle, Some(&Digest::sha256(b"the image")), &check).map(|_| ())
        } else {
            verify_message(&bundle, Artifact::Reader(&mut &FILE[..]), &check).map(|_| ())
        }
    }
}

fn payload() -> (Vec<u8>, Vec<u8>) {
    let subject = Subject::new("", &Digest::sha256(b"the image"));
    let payload = Statement::new(subject, "https://example.com/p", json!({})).to_json();
    let message = pae(IN_TOTO, &payload);
    (payload, message)
}

fn envelope(payload: &[u8], signature: &str) -> Value {
    json!({"payload": STANDARD.encode(payload), "payloadType": IN_TOTO, "signatures": [{"sig": signature}]})
}

/// The names of `PublicKeyDetails`, repeated here independently.
fn verifier(key: &PrivateKey, kind: NewKey) -> Value {
    let details = match kind {
        NewKey::P256 => "PKIX_ECDSA_P256_SHA_256",
        NewKey::P384 => "PKIX_ECDSA_P384_SHA_384",
        NewKey::Rsa3072 => "PKIX_RSA_PKCS1V15_3072_SHA256",
        NewKey::Rsa4096 => "PKIX_RSA_PKCS1V15_4096_SHA256",
        _ => "PKIX_ED25519",
    };
    json!({"keyDetails": details, "publicKey": {"rawBytes": STANDARD.encode(key.public_key().spki_der())}})
}

fn hashed(key: &PrivateKey, kind: NewKey, algorithm: &str, digest: &str, signature: &str) -> Value {
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": algorithm, "digest": digest},
            "signature": {"content": signature, "verifier": verifier(key, kind)},
        }},
    })
}

const KINDS: [NewKey; 4] = [NewKey::P256, NewKey::P384, NewKey::Rsa3072, NewKey::Rsa4096];

#[track_caller]
fn refused(result: Result<(), Error>, step: Step, what: &str) {
    let error = result.expect_err(what);
    assert_eq!(error.failed_step(), Some(step), "{what}: {error}");
}

#[test]
fn the_entry_of_each_kind_of_key_verifies() {
    for kind in KINDS {
        for mut case in [Case::file(kind), Case::statement(kind), Case::dsse(kind)] {
            case.check(|_| {}).unwrap_or_else(|error| panic!("{kind:?} {}: {error}", case.kind));
        }
    }
}

#[test]
fn an_entry_with_a_single_difference_is_refused() {
    let other = PrivateKey::generate(NewKey::P384).unwrap();
    let foreign = STANDARD.encode(other.public_key().spki_der());
    for kind in KINDS {
        let wrong =
            if kind == NewKey::P384 { "PKIX_RSA_PKCS1V15_2048_SHA256" } else { "PKIX_ECDSA_P384_SHA_384" };
        for (pointer, value) in [
            ("/signature/verifier/keyDetails", wrong),
            ("/signature/verifier/keyDetails", "PKIX_ED25519_PH"),
            ("/signature/verifier/keyDetails", "PKIX_ECDSA_P521_SHA_512"),
            ("/signature/verifier/publicKey/rawBytes", &foreign),
            ("/signature/content", "MEUCIQ=="),
            ("/data/algorithm", "SHA2_512"),
            ("/data/digest", "AAAA"),
        ] {
            let change = |body: &mut Value| {
                *body.pointer_mut(&format!("/spec/hashedRekordV002{pointer}")).unwrap() = json!(value);
            };
            refused(
                Case::file(kind).check(change),
                Step::LogEntry,
                &format!("{kind:?} file {pointer} {value}"),
            );
            refused(
                Case::statement(kind).check(change),
                Step::LogEntry,
                &format!("{kind:?} {pointer} {value}"),
            );
        }
        for (pointer, value) in [
            ("/signatures/0/verifier/keyDetails", wrong),
            ("/signatures/0/verifier/publicKey/rawBytes", &foreign),
            ("/signatures/0/content", "MEUCIQ=="),
            ("/payloadHash/digest", "AAAA"),
        ] {
            let change = |body: &mut Value| {
                *body.pointer_mut(&format!("/spec/dsseV002{pointer}")).unwrap() = json!(value);
            };
            refused(
                Case::dsse(kind).check(change),
                Step::LogEntry,
                &format!("{kind:?} dsse {pointer} {value}"),
            );
        }
        let more = |body: &mut Value| body["spec"]["more"] = json!(1);
        refused(Case::file(kind).check(more), Step::LogEntry, "an additional member");
    }
}

/// A file signed by key and the same file's digest under another name of an algorithm: SHA-256 of what P-384 signed.
#[test]
fn a_p384_entry_under_the_names_of_p256_is_refused() {
    let digests = FileDigests::read(FILE).unwrap();
    let change = |body: &mut Value| {
        let record = &mut body["spec"]["hashedRekordV002"];
        record["data"] =
            json!({"algorithm": "SHA2_256", "digest": STANDARD.encode(digests.sha256.as_bytes())});
        record["signature"]["verifier"]["keyDetails"] = json!("PKIX_ECDSA_P256_SHA_256");
    };
    refused(Case::file(NewKey::P384).check(change), Step::LogEntry, "file");
}

#[test]
fn a_proof_that_does_not_lead_to_a_trusted_head_is_refused() {
    for kind in [NewKey::P384, NewKey::Rsa3072] {
        for case in [Case::file, Case::statement, Case::dsse] {
            let check = |afterwards: &dyn Fn(&mut Value)| case(kind).check_entry(|_| {}, afterwards);
            check(&|_| {}).unwrap();
            let zeros = STANDARD.encode([0; 32]);
            let another = Sigstore::new();
            refused(
                check(&|entry| entry["inclusionProof"]["hashes"] = json!([zeros])),
                Step::LogInclusion,
                "another path",
            );
            refused(check(&|entry| entry["logIndex"] = json!("0")), Step::LogInclusion, "another place");
            refused(
                check(&|entry| {
                    let head = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap();
                    let (text, _) = head.split_once("\n\n").unwrap();
                    let text = format!("{text}\n");
                    let line =
                        another.log.signature_line(&another.log.key, &another.log.id(), text.as_bytes());
                    entry["inclusionProof"]["checkpoint"]["envelope"] = json!(format!("{text}\n{line}"));
                }),
                Step::LogInclusion,
                "another log",
            );
            let unsigned = check(&|entry| {
                let head = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap();
                let grown = head.replacen("\n2\n", "\n3\n", 1);
                assert_ne!(grown, head);
                entry["inclusionProof"]["checkpoint"]["envelope"] = json!(grown);
            });
            refused(unsigned, Step::LogInclusion, "a modified head");
            let promised = check(&|entry| {
                entry["inclusionPromise"] = json!({"signedEntryTimestamp": "MEUCIQ=="});
                entry["integratedTime"] = json!(NOW.to_string());
            });
            refused(promised, Step::LogPromise, "a promise that was not verified");
            refused(
                check(&|entry| drop(entry.as_object_mut().unwrap().remove("inclusionProof"))),
                Step::LogInclusion,
                "no proof",
            );
        }
    }
}

#[test]
fn entries_that_such_logs_do_not_accept_are_refused_with_the_reason() {
    let error = Case::statement(NewKey::Ed25519).check(|_| {}).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogEntry), "{error}");
    assert!(error.to_string().contains("do not accept"), "{error}");
    // The label does not change the kind of an entry.
    let mut case = Case::statement(NewKey::P256);
    let old = |entry: &mut Value| entry["kindVersion"] = json!({"kind": "intoto", "version": "0.0.1"});
    let error = case.check_entry(|_| {}, old).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::LogEntry), "{error}");
    let relabelled = |entry: &mut Value| entry["kindVersion"]["kind"] = json!("dsse");
    refused(Case::statement(NewKey::P384).check_entry(|_| {}, relabelled), Step::LogEntry, "relabelled");
    refused(Case::file(NewKey::P384).check_entry(|_| {}, relabelled), Step::LogEntry, "relabelled");
    let relabelled = |entry: &mut Value| entry["kindVersion"]["kind"] = json!("hashedrekord");
    refused(Case::dsse(NewKey::P384).check_entry(|_| {}, relabelled), Step::LogEntry, "relabelled");
}

/// The caller passes the time: the same bundle under the same root, more than a year before the log's key is valid.
#[test]
fn a_log_whose_key_is_not_valid_yet_vouches_for_nothing() {
    let mut case = Case::file(NewKey::P384);
    let body = case.body.clone();
    let entry = case.instance.log.append(case.kind, "0.0.2", &body, LogVersion::V2, NOW);
    let bundle = case.bundle(&entry);
    let before = Timestamp::from_second(NOW - 2 * 365 * 24 * 3600).unwrap();
    assert!(case.judge(&bundle).is_ok());
    refused(case.judge_at(&bundle, before), Step::LogInclusion, "before");
}

/// The same by the holder of a certificate, at the time of a timestamp.
#[test]
fn the_entry_of_a_certificate_of_each_kind_of_key_verifies_and_another_does_not() {
    for (kind, statement) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let mut case = if statement { Case::statement(kind) } else { Case::file(kind) };
        let leaf = Leaf::default();
        let certificate = STANDARD.encode(case.instance.issue(&leaf, case.key.public_key().spki_der()));
        let field = if statement { "/signatures/0/sig" } else { "/signature" };
        let signature = STANDARD.decode(case.content.1.pointer(field).unwrap().as_str().unwrap()).unwrap();
        let identities = [Identity {
            issuer: Text::Exact(leaf.issuer),
            subject: Text::Exact(leaf.subject),
            claims: Vec::new(),
        }];
        let mut verified = |details: Option<&str>, stamped: bool| {
            let mut body = case.body.clone();
            let verifier = &mut body["spec"]["hashedRekordV002"]["signature"]["verifier"];
            verifier.as_object_mut().unwrap().remove("publicKey");
            verifier["x509Certificate"] = json!({"rawBytes": certificate});
            if let Some(details) = details {
                verifier["keyDetails"] = json!(details);
            }
            let entry = case.instance.log.append("hashedrekord", "0.0.2", &body, LogVersion::V2, NOW);
            let stamps = if stamped { vec![case.instance.stamp(&signature, NOW)] } else { Vec::new() };
            let bundle = json!({
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": {
                    "certificate": {"rawBytes": certificate},
                    "tlogEntries": [entry],
                    "timestampVerificationData": {"rfc3161Timestamps": stamps},
                },
                (case.content.0): case.content.1,
            });
            let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?;
            let root = TrustedRoot::parse(case.instance.trusted_root().to_string().as_bytes()).unwrap();
            let trusted = Trusted::Identities(&identities);
            let check = Check {
                trusted,
                root: Some(&root),
                requirements: Requirements::default(),
                now: sigstore::now(),
            };
            if statement {
                verify(&bundle, Some(&Digest::sha256(b"the image")), &check).map(|_| ())
            } else {
                verify_message(&bundle, Artifact::Reader(&mut &FILE[..]), &check).map(|_| ())
            }
        };
        verified(None, true).unwrap_or_else(|error| panic!("{kind:?} {statement}: {error}"));
        let wrong = if kind == NewKey::P256 { "PKIX_ECDSA_P384_SHA_384" } else { "PKIX_ECDSA_P256_SHA_256" };
        refused(verified(Some(wrong), true), Step::LogEntry, &format!("{kind:?} {statement}"));
        refused(verified(None, false), Step::SigningTime, &format!("{kind:?} {statement}"));
    }
}

/// Changes every character of the log entry and the signature, one at a time. Only the hint, the log's id, the name
/// before the checkpoint's signature, and the proof's copy of the checkpoint are unsigned and unused.
#[test]
fn every_single_change_to_such_a_bundle_is_refused() {
    let mut changes = 0;
    for mut case in [Case::file(NewKey::P384), Case::statement(NewKey::P384), Case::dsse(NewKey::P384)] {
        let other = json!({"other": 1});
        case.instance.log.append("hashedrekord", "0.0.2", &other, LogVersion::V2, NOW);
        let body = case.body.clone();
        let entry = case.instance.log.append(case.kind, "0.0.2", &body, LogVersion::V2, NOW);
        let bundle = case.bundle(&entry);
        case.judge(&bundle).unwrap();
        let content = case.content.0;
        let log = "/verificationMaterial/tlogEntries/0";
        for place in [
            format!("{log}/canonicalizedBody"),
            format!("{log}/logIndex"),
            format!("{log}/inclusionProof/hashes/0"),
            format!("{log}/inclusionProof/checkpoint/envelope"),
            format!("/{content}/signature"),
            format!("/{content}/messageDigest/digest"),
            format!("/{content}/payload"),
            format!("/{content}/payloadType"),
            format!("/{content}/signatures/0/sig"),
        ] {
            let Some(Value::String(right)) = bundle.pointer(&place) else { continue };
            for (index, known) in right.char_indices() {
                let line = right[..index].rsplit('\n').next().unwrap();
                if line.starts_with('\u{2014}') && line.matches(' ').count() < 2 {
                    continue;
                }
                let mut wrong = right.clone();
                let new = if known == 'A' { "B" } else { "A" };
                wrong.replace_range(index..index + known.len_utf8(), new);
                // The padding bits at the end of base64 do not count.
                if STANDARD.decode(&wrong).is_ok_and(|bytes| STANDARD.decode(right).as_ref() == Ok(&bytes)) {
                    continue;
                }
                let mut altered = bundle.clone();
                *altered.pointer_mut(&place).unwrap() = json!(wrong);
                assert!(case.judge(&altered).is_err(), "{place} at {index}: {wrong}");
                changes += 1;
            }
        }
    }
    assert!(changes > 3000, "only {changes} changes");
}

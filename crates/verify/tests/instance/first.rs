//! Entries of the first version of the log: every kind that was ever written for images and files, by every algorithm, and
//! each thing in them changed. The log signs all that is shown here, promise and proof: what is refused is refused because
//! the entry is not this signature's.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::json::canonical;
use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{self, Leaf, Log, LogVersion, NOW, Sigstore};
use plimsoll_verify::{
    Artifact, Bundle, Check, Error, PublicKey, Requirements, Step, Trusted, TrustedKey, TrustedRoot, verify,
    verify_message,
};
use serde_json::{Value, json};

use crate::case::{identity, image, payload};
use crate::signers::{Algorithm, Key};

const FILE: &[u8] = b"a file";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Who signs, and with what.
struct Signing {
    instance: Sigstore,
    key: Key,
    /// None: the key alone is trusted.
    certificate: Option<Vec<u8>>,
}

impl Signing {
    fn new(algorithm: Algorithm, with_certificate: bool) -> Self {
        let mut instance = Sigstore::new();
        let key = Key::new(algorithm);
        let certificate = with_certificate.then(|| instance.issue(&Leaf::default(), &key.spki));
        Self { instance, key, certificate }
    }

    /// As the first version of the log stores it.
    fn verifier(&self) -> String {
        STANDARD.encode(match &self.certificate {
            Some(certificate) => sigstore::pem("CERTIFICATE", certificate),
            None => sigstore::pem("PUBLIC KEY", &self.key.spki),
        })
    }

    /// What the log answers when it stores exactly these bytes.
    fn log(&mut self, kind: &str, version: &str, body: &[u8]) -> Value {
        entry_of(&mut self.instance.log, kind, version, body)
    }

    fn bundle(&self, content: &(&str, Value), entry: &Value) -> Value {
        let mut material = match &self.certificate {
            Some(certificate) => json!({"certificate": {"rawBytes": STANDARD.encode(certificate)}}),
            None => json!({"publicKey": {"hint": ""}}),
        };
        material["tlogEntries"] = json!([entry]);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            (content.0): content.1,
        })
    }

    fn judge(&self, bundle: &Value, of_file: bool) -> Result<(), Error> {
        let root = TrustedRoot::parse(self.instance.trusted_root().to_string().as_bytes())?;
        let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default())?;
        let keys = [TrustedKey::from(PublicKey::from_spki_der(&self.key.spki)?)];
        let identities = [identity()];
        let trusted = match self.certificate {
            Some(_) => Trusted::Identities(&identities),
            None => Trusted::Keys(&keys),
        };
        let check =
            Check { trusted, root: Some(&root), requirements: Requirements::default(), now: sigstore::now() };
        if of_file {
            verify_message(&bundle, Artifact::Reader(&mut &*FILE), &check).map(drop)
        } else {
            verify(&bundle, Some(&image()), &check).map(drop)
        }
    }
}

fn entry_of(log: &mut Log, kind: &str, version: &str, body: &[u8]) -> Value {
    let mut entry = log.append(kind, version, &json!({}), LogVersion::V1, NOW);
    let index = log.size() - 1;
    log.rewrite(index, body);
    entry["canonicalizedBody"] = json!(STANDARD.encode(body));
    entry["inclusionProof"] = log.proof(index, LogVersion::V1);
    entry["inclusionPromise"]["signedEntryTimestamp"] = json!(log.promise(body, index, NOW));
    entry
}

#[track_caller]
fn refused(found: Result<(), Error>, step: Step, what: &str) -> String {
    let error = found.expect_err(what);
    assert_eq!(error.failed_step(), Some(step), "{what}: {error}");
    error.to_string()
}

fn hex_of(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> String {
    sigstore::hex(digest::digest(algorithm, bytes).as_ref())
}

/// A second text for one JSON object: a field of it again, with another value, before or after the true one.
fn with_a_field_twice(body: &Value, name: &str, first: bool) -> Vec<u8> {
    let text = String::from_utf8(canonical(body)).unwrap();
    let value = text.find(&format!("\"{name}\":")).unwrap();
    let lie = format!("\"{name}\":\"00\",");
    if first {
        return [&text[..value], &lie, &text[value..]].concat().into_bytes();
    }
    let end = value + text[value..].find('}').unwrap();
    [&text[..end], ",", lie.trim_end_matches(','), &text[end..]].concat().into_bytes()
}

// ---- files

fn record(hash: &str, value: &str, signature: &[u8], verifier: &str) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": hash, "value": value}},
            "signature": {"content": STANDARD.encode(signature), "publicKey": {"content": verifier}},
        },
    })
}

fn message(algorithm: Algorithm, signature: &[u8]) -> (&'static str, Value) {
    let (_, name, hash) = algorithm.hash().unwrap();
    let digest = STANDARD.encode(digest::digest(hash, FILE).as_ref());
    let content = json!({
        "messageDigest": {"algorithm": name, "digest": digest},
        "signature": STANDARD.encode(signature),
    });
    ("messageSignature", content)
}

#[test]
fn a_file_by_every_algorithm_that_signs_a_digest_and_each_part_of_its_entry_changed() {
    for algorithm in Algorithm::ALL {
        let Some((name, _, hash)) = algorithm.hash() else { continue };
        for with_certificate in [true, false] {
            let mut signing = Signing::new(algorithm, with_certificate);
            let signature = signing.key.sign(FILE);
            let verifier = signing.verifier();
            let good = record(name, &hex_of(hash, FILE), &signature, &verifier);
            let entry = signing.log("hashedrekord", "0.0.1", &canonical(&good));
            let bundle = signing.bundle(&message(algorithm, &signature), &entry);
            let what = format!("{algorithm:?}, certificate: {with_certificate}");
            signing.judge(&bundle, true).unwrap_or_else(|error| panic!("{what}: {error}"));

            // A true entry of each neighbour, which the log has signed as well.
            let other = Signing::new(algorithm, with_certificate);
            let again =
                if algorithm == Algorithm::Rsa { other.key.sign(FILE) } else { signing.key.sign(FILE) };
            let mut neighbours = vec![
                ("another content", record(name, &hex_of(hash, b"another"), &signature, &verifier)),
                ("another signature", record(name, &hex_of(hash, FILE), &again, &verifier)),
                ("another holder", record(name, &hex_of(hash, FILE), &signature, &other.verifier())),
                ("a SHA-1", record("sha1", &"a".repeat(40), &signature, &verifier)),
                ("no algorithm", record("", &hex_of(hash, FILE), &signature, &verifier)),
                (
                    "an upper-case name",
                    record(&name.to_uppercase(), &hex_of(hash, FILE), &signature, &verifier),
                ),
            ];
            for (other, hash) in
                [("sha256", &digest::SHA256), ("sha384", &digest::SHA384), ("sha512", &digest::SHA512)]
            {
                if other != name {
                    neighbours.push((other, record(other, &hex_of(hash, FILE), &signature, &verifier)));
                    neighbours.push((
                        other,
                        record(
                            other,
                            &hex_of(signing.key.algorithm.hash().unwrap().2, FILE),
                            &signature,
                            &verifier,
                        ),
                    ));
                }
            }
            let mut more = good.clone();
            more["spec"]["data"]["url"] = json!("https://example.com");
            neighbours.push(("one field more", more));
            let mut version = good.clone();
            version["apiVersion"] = json!("0.0.2");
            neighbours.push(("another version in the body", version));
            if algorithm == Algorithm::Ed25519ph {
                // Each signature of this kind has a random number here, as one of ECDSA has.
                assert_ne!(again, signature);
            }
            for (neighbour, body) in neighbours {
                let entry = signing.log("hashedrekord", "0.0.1", &canonical(&body));
                let bundle = signing.bundle(&message(algorithm, &signature), &entry);
                refused(signing.judge(&bundle, true), Step::LogEntry, &format!("{what}: {neighbour}"));
            }
            let loose = serde_json::to_string_pretty(&good).unwrap();
            for body in [
                with_a_field_twice(&good, "value", true),
                with_a_field_twice(&good, "value", false),
                with_a_field_twice(&good, "content", true),
                loose.into_bytes(),
            ] {
                let entry = signing.log("hashedrekord", "0.0.1", &body);
                let bundle = signing.bundle(&message(algorithm, &signature), &entry);
                refused(signing.judge(&bundle, true), Step::LogEntry, &what);
            }
        }
    }
}

/// The body is right, but is not what the log has promised and proven, or not under this name.
#[test]
fn an_entry_that_the_log_did_not_sign_or_that_is_called_another_kind() {
    for with_certificate in [true, false] {
        let mut signing = Signing::new(Algorithm::P384, with_certificate);
        let signature = signing.key.sign(FILE);
        let good = record("sha384", &hex_of(&digest::SHA384, FILE), &signature, &signing.verifier());
        let other = record("sha384", &hex_of(&digest::SHA384, b"another"), &signature, &signing.verifier());
        let content = || message(Algorithm::P384, &signature);
        let mut signed = signing.log("hashedrekord", "0.0.1", &canonical(&other));
        signed["canonicalizedBody"] = json!(STANDARD.encode(canonical(&good)));
        let bundle = signing.bundle(&content(), &signed);
        refused(signing.judge(&bundle, true), Step::LogPromise, "the promise is of another body");
        // Without the promise, the proof is left; a certificate then has no time.
        signed.as_object_mut().unwrap().remove("inclusionPromise");
        let bundle = signing.bundle(&content(), &signed);
        let step = if with_certificate { Step::SigningTime } else { Step::LogInclusion };
        refused(signing.judge(&bundle, true), step, "the proof is of another body");

        let mut stranger = Log::new("log.example");
        let entry = entry_of(&mut stranger, "hashedrekord", "0.0.1", &canonical(&good));
        let bundle = signing.bundle(&content(), &entry);
        refused(signing.judge(&bundle, true), Step::LogPromise, "a log that the root does not know");
        let mut renamed = entry;
        renamed["logId"]["keyId"] = json!(STANDARD.encode(signing.instance.log.id()));
        let bundle = signing.bundle(&content(), &renamed);
        refused(signing.judge(&bundle, true), Step::LogPromise, "a stranger's log under a known name");

        for (kind, version) in
            [("dsse", "0.0.1"), ("intoto", "0.0.1"), ("intoto", "0.0.2"), ("dsse", "0.0.2")]
        {
            let mut entry = signing.log(kind, version, &canonical(&good));
            if version == "0.0.2" && kind == "dsse" {
                entry.as_object_mut().unwrap().remove("inclusionPromise");
                entry["inclusionProof"] =
                    signing.instance.log.proof(signing.instance.log.size() - 1, LogVersion::V2);
            }
            let bundle = signing.bundle(&content(), &entry);
            let found = signing.judge(&bundle, true);
            let step = if kind == "dsse" && version == "0.0.2" && with_certificate {
                Step::SigningTime
            } else {
                Step::LogEntry
            };
            refused(found, step, &format!("called {kind} {version}"));
        }
    }
}

/// cosign 3 makes such signatures without a log, and a log is sent a digest.
#[test]
fn pure_ed25519_signs_no_digest_so_no_entry_of_a_log_stands_for_it() {
    let mut signing = Signing::new(Algorithm::Ed25519, false);
    let signature = signing.key.sign(FILE);
    let body = record("sha512", &hex_of(&digest::SHA512, FILE), &signature, &signing.verifier());
    let entry = signing.log("hashedrekord", "0.0.1", &canonical(&body));
    let content = ("messageSignature", json!({"signature": STANDARD.encode(&signature)}));
    let bundle = signing.bundle(&content, &entry);
    refused(signing.judge(&bundle, true), Step::LogEntry, "a signature over the file's own bytes");
    let keys = [TrustedKey::from(PublicKey::from_spki_der(&signing.key.spki).unwrap())];
    let mut alone = bundle.clone();
    alone["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    let alone = Bundle::parse(alone.to_string().as_bytes(), &Limits::default()).unwrap();
    let requirements = Requirements { logs: None, ..Requirements::default() };
    let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now: sigstore::now() };
    let judge = |artifact: Artifact<'_>| verify_message(&alone, artifact, &check).map(drop);
    judge(Artifact::Reader(&mut &*FILE)).unwrap();
    refused(judge(Artifact::Reader(&mut &b"another"[..])), Step::Signature, "another file");
    refused(judge(Artifact::Reader(&mut &b""[..])), Step::Signature, "an empty file");
    refused(judge(Artifact::Digest(Digest::sha256(FILE))), Step::Artifact, "a digest alone");
}

// ---- envelopes

struct Envelope {
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Envelope {
    fn new(signing: &Signing) -> Self {
        let payload = payload();
        let signature = signing.key.sign(&sigstore::pae(IN_TOTO, &payload));
        Self { payload, signature }
    }

    fn content(&self) -> (&'static str, Value) {
        let content = json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": STANDARD.encode(&self.signature)}],
        });
        ("dsseEnvelope", content)
    }

    /// As Go's library writes it.
    fn text(&self) -> String {
        format!(
            r#"{{"payloadType":"{IN_TOTO}","payload":"{}","signatures":[{{"keyid":"","sig":"{}"}}]}}"#,
            STANDARD.encode(&self.payload),
            STANDARD.encode(&self.signature),
        )
    }

    fn entry(&self, kind: &str, version: &str, verifier: &str) -> Value {
        let sha256 = |bytes: &[u8]| json!({"algorithm": "sha256", "value": Digest::sha256(bytes).hex()});
        let (envelope, payload) = (sha256(self.text().as_bytes()), sha256(&self.payload));
        let signature = STANDARD.encode(&self.signature);
        let spec = match (kind, version) {
            ("dsse", _) => json!({
                "envelopeHash": envelope,
                "payloadHash": payload,
                "signatures": [{"signature": signature, "verifier": verifier}],
            }),
            (_, "0.0.1") => json!({
                "content": {"hash": envelope, "payloadHash": payload},
                "publicKey": verifier,
            }),
            _ => json!({"content": {
                "envelope": {
                    "payloadType": IN_TOTO,
                    "signatures": [{"publicKey": verifier, "sig": STANDARD.encode(signature)}],
                },
                "hash": envelope,
                "payloadHash": payload,
            }}),
        };
        json!({"apiVersion": version, "kind": kind, "spec": spec})
    }
}

const KINDS: [(&str, &str); 3] = [("dsse", "0.0.1"), ("intoto", "0.0.1"), ("intoto", "0.0.2")];

#[test]
fn an_envelope_by_every_algorithm_in_entries_of_every_kind() {
    for algorithm in Algorithm::ALL {
        for with_certificate in [true, false] {
            let mut signing = Signing::new(algorithm, with_certificate);
            let envelope = Envelope::new(&signing);
            for (kind, version) in KINDS {
                let body = envelope.entry(kind, version, &signing.verifier());
                let entry = signing.log(kind, version, &canonical(&body));
                let bundle = signing.bundle(&envelope.content(), &entry);
                signing.judge(&bundle, false).unwrap_or_else(|error| {
                    panic!("{algorithm:?}, {kind} {version}, {with_certificate}: {error}")
                });
            }
        }
    }
}

/// Every text in the body, changed: the log has signed that, too.
#[test]
fn each_part_of_an_envelopes_entry_changed() {
    fn texts(value: &Value, at: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| texts(member, &format!("{at}/{name}"), out));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| texts(item, &format!("{at}/{index}"), out));
            }
            _ => out.push(at.to_owned()),
        }
    }
    for with_certificate in [true, false] {
        let mut signing = Signing::new(Algorithm::P256, with_certificate);
        let (envelope, again) = (Envelope::new(&signing), Envelope::new(&signing));
        let other = Signing::new(Algorithm::P256, with_certificate);
        for (kind, version) in KINDS {
            let good = envelope.entry(kind, version, &signing.verifier());
            let mut neighbours = vec![
                ("another holder", envelope.entry(kind, version, &other.verifier())),
                ("another signature of the same payload", again.entry(kind, version, &signing.verifier())),
            ];
            let mut places = Vec::new();
            texts(&good, "", &mut places);
            for place in &places {
                for text in ["", "sha1", "sha512", &"0".repeat(64)] {
                    let mut changed = good.clone();
                    *changed.pointer_mut(place).unwrap() = json!(text);
                    // Where signature and payload stand in the entry, the hash of the envelope's spelling decides nothing.
                    let is_spelling = place == "/spec/envelopeHash/value"
                        || (place == "/spec/content/hash/value" && version == "0.0.2");
                    if !(is_spelling && text.len() == 64) {
                        neighbours.push((place, changed));
                    }
                }
            }
            let mut twice = good.clone();
            if let Some(signatures) = twice
                .pointer_mut(if kind == "dsse" {
                    "/spec/signatures"
                } else {
                    "/spec/content/envelope/signatures"
                })
                .and_then(Value::as_array_mut)
            {
                signatures.push(signatures[0].clone());
                neighbours.push(("two signatures", twice));
            }
            for (neighbour, body) in neighbours {
                let entry = signing.log(kind, version, &canonical(&body));
                let bundle = signing.bundle(&envelope.content(), &entry);
                let what = format!("{kind} {version}, certificate {with_certificate}: {neighbour}");
                refused(signing.judge(&bundle, false), Step::LogEntry, &what);
            }
            for body in [with_a_field_twice(&good, "value", true), with_a_field_twice(&good, "value", false)]
            {
                let entry = signing.log(kind, version, &body);
                let bundle = signing.bundle(&envelope.content(), &entry);
                refused(signing.judge(&bundle, false), Step::LogEntry, kind);
            }
            // The entry of one kind under the name of another.
            for (other_kind, other_version) in KINDS.into_iter().chain([("hashedrekord", "0.0.1")]) {
                if (kind, version) != (other_kind, other_version) {
                    let entry = signing.log(other_kind, other_version, &canonical(&good));
                    let bundle = signing.bundle(&envelope.content(), &entry);
                    refused(signing.judge(&bundle, false), Step::LogEntry, "called another kind");
                }
            }
        }
    }
}

/// The one kind that keeps the holder as clients send it, some of them with all of it in one line.
#[test]
fn a_holder_in_one_line_is_the_same_and_one_with_more_beside_it_is_not() {
    for with_certificate in [true, false] {
        let mut signing = Signing::new(Algorithm::P256, with_certificate);
        let envelope = Envelope::new(&signing);
        let pem = String::from_utf8(STANDARD.decode(signing.verifier()).unwrap()).unwrap();
        let lines: Vec<&str> = pem.lines().collect();
        let [first, body @ .., last] = &lines[..] else { panic!("{pem}") };
        let one_line = format!("{first}\n{}\n{last}\n", body.concat());
        let mut judge = |kind: &str, version: &str, verifier: &str| {
            let body = envelope.entry(kind, version, &STANDARD.encode(verifier));
            let entry = signing.log(kind, version, &canonical(&body));
            let bundle = signing.bundle(&envelope.content(), &entry);
            signing.judge(&bundle, false)
        };
        judge("intoto", "0.0.2", &one_line).unwrap();
        let other = pem.replace(first, "-----BEGIN X509 CERTIFICATE-----");
        for wrong in [
            format!("{pem}{pem}"),
            format!("x\n{pem}"),
            format!("{pem}x"),
            other,
            pem.replace('=', ""),
            String::new(),
        ] {
            if wrong != pem {
                refused(judge("intoto", "0.0.2", &wrong), Step::LogEntry, &wrong);
            }
        }
        // The others are stored in the log's own form.
        refused(judge("dsse", "0.0.1", &one_line), Step::LogEntry, "one line");
        refused(judge("intoto", "0.0.1", &one_line), Step::LogEntry, "one line");
    }
}

/// What clients send beside an envelope to a log that takes no envelopes: a record of DSSE's encoding, which the signature
/// covers. Sigstore's conformance suite has one.
#[test]
fn an_envelope_in_a_record_of_its_encoding_and_each_part_of_that_changed() {
    for algorithm in Algorithm::ALL {
        for with_certificate in [true, false] {
            let mut signing = Signing::new(algorithm, with_certificate);
            let (envelope, again) = (Envelope::new(&signing), Envelope::new(&signing));
            let pae = sigstore::pae(IN_TOTO, &envelope.payload);
            let (verifier, signature) = (signing.verifier(), &envelope.signature);
            let mut judge = |body: &Value| {
                let entry = signing.log("hashedrekord", "0.0.1", &canonical(body));
                let bundle = signing.bundle(&envelope.content(), &entry);
                signing.judge(&bundle, false)
            };
            let sha256 = hex_of(&digest::SHA256, &pae);
            // Pure Ed25519 signs no digest, so a record says nothing about it.
            let Some((name, _, hash)) = algorithm.hash() else {
                let told =
                    refused(judge(&record("sha256", &sha256, signature, &verifier)), Step::LogEntry, "pure");
                assert!(told.contains("hashedrekord 0.0.1"), "{told}");
                continue;
            };
            let value = hex_of(hash, &pae);
            judge(&record(name, &value, signature, &verifier)).unwrap();

            let other = Signing::new(algorithm, with_certificate).verifier();
            let mut neighbours = vec![
                ("the payload's hash", record(name, &hex_of(hash, &envelope.payload), signature, &verifier)),
                ("another payload's", record(name, &hex_of(hash, b"{}"), signature, &verifier)),
                (
                    "the envelope's",
                    record(name, &hex_of(hash, envelope.text().as_bytes()), signature, &verifier),
                ),
                ("another holder", record(name, &value, signature, &other)),
                ("no algorithm", record("", &value, signature, &verifier)),
                (
                    "a SHA-1",
                    record("sha1", &hex_of(&digest::SHA1_FOR_LEGACY_USE_ONLY, &pae), signature, &verifier),
                ),
            ];
            if again.signature != envelope.signature {
                neighbours.push(("another signature", record(name, &value, &again.signature, &verifier)));
            }
            if name != "sha256" {
                neighbours.push((
                    "a hash that the key did not sign",
                    record("sha256", &sha256, signature, &verifier),
                ));
            }
            for (neighbour, body) in neighbours {
                refused(judge(&body), Step::LogEntry, &format!("{algorithm:?}: {neighbour}"));
            }
        }
    }
}

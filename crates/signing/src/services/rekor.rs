//! Transparency logs: an entry of a signature, as a bundle carries it.
//!
//! Follows Rekor's APIs, version 1 (`POST /api/v1/log/entries` with `hashedrekord` and `dsse`, 0.0.1) and version 2
//! (`POST /api/v2/log/entries` with `hashedRekordRequestV002`). The entry that the log returns is compared byte for
//! byte with what was sent: another entry, however valid, is refused here and not by the reader (CVE-2026-22703). The
//! verification, which knows the logs' keys, checks proofs and promises.

use aws_lc_rs::digest as lc;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, json};
use plimsoll_http::{HeaderValue, Request, StatusCode, header};
use plimsoll_keys::FileDigests;
use plimsoll_trust::{Log, LogVersion};
use plimsoll_verify::{IN_TOTO_PAYLOAD, KeyAlgorithm, PublicKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Answer, Repeat, ServiceClient, Step, below};
use crate::Error;

/// Hashes of an inclusion proof: a tree of 2^64 leaves has no more.
const MOST_HASHES: usize = 64;

/// What the log should hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    /// A statement in its envelope.
    Statement { payload: &'a [u8], signature: &'a [u8] },
    /// A file.
    File { digests: &'a FileDigests, signature: &'a [u8] },
}

/// What verifies the signature.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verifier<'a> {
    Certificate { der: &'a [u8], key: &'a PublicKey },
    Key(&'a PublicKey),
}

impl ServiceClient {
    /// Submits the entry to `log`, and returns the part that goes into a bundle.
    pub(crate) fn record(
        &self,
        log: &Log,
        entry: &Entry<'_>,
        verifier: &Verifier<'_>,
    ) -> Result<Value, Error> {
        // Submitting twice results in one entry, or at worst in two equal ones.
        let step = Step {
            service: "transparency log",
            place: &log.url,
            task: "record the signature",
            repeat: Repeat::Harmless,
        };
        match log.version {
            LogVersion::V1 => self.record_v1(&step, entry, verifier),
            LogVersion::V2 => self.record_v2(&step, entry, verifier),
        }
    }

    fn record_v1(&self, step: &Step<'_>, entry: &Entry<'_>, verifier: &Verifier<'_>) -> Result<Value, Error> {
        let (kind, proposed, stored) = entry.v1(verifier)?;
        let url = below(step.place, "api/v1/log/entries").ok_or_else(|| step.wrong("no URL for it"))?;
        let request = Request::post(url, proposed.to_string())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut answer = self.send(step, &request)?;
        if answer.status == StatusCode::CONFLICT {
            // It already has the entry, from a request whose answer was lost, and says where.
            answer = self.existing(step, &answer)?;
            answer.expect(step, StatusCode::OK)?;
        } else {
            answer.expect(step, StatusCode::CREATED)?;
        }
        let all: Map<String, Value> = read(step, answer.json(step)?)?;
        let mut all = all.into_iter();
        let (Some((_, one)), None) = (all.next(), all.next()) else {
            return Err(step.wrong("the answer is not exactly one entry"));
        };
        let answered: EntryV1 = read(step, one)?;
        compare(step, &answered.body, &stored)?;
        let proof = answered.verification.inclusion_proof;
        let base64_of = |text: &str| {
            let bytes =
                hex::decode(text).map_err(|_| step.wrong("a hash in the answer is not hexadecimal"))?;
            Ok::<_, Error>(STANDARD.encode(bytes))
        };
        if proof.hashes.len() > MOST_HASHES {
            return Err(step.wrong("the inclusion proof is longer than that of any tree"));
        }
        let hashes = proof.hashes.iter().map(|hash| base64_of(hash)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({
            "logIndex": answered.log_index.to_string(),
            "logId": {"keyId": base64_of(&answered.log_id)?},
            "kindVersion": {"kind": kind, "version": "0.0.1"},
            "integratedTime": answered.integrated_time.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": answered.verification.signed_entry_timestamp},
            "inclusionProof": {
                "logIndex": proof.log_index.to_string(),
                "rootHash": base64_of(&proof.root_hash)?,
                "treeSize": proof.tree_size.to_string(),
                "hashes": hashes,
                "checkpoint": {"envelope": proof.checkpoint},
            },
            "canonicalizedBody": answered.body,
        }))
    }

    /// Fetches the entry that a log already has. Only the name at the end of the returned URL is used.
    fn existing(&self, step: &Step<'_>, answer: &Answer) -> Result<Answer, Error> {
        let name = answer.location.as_deref().and_then(|location| location.rsplit('/').next());
        let name = name.filter(|name| name.len() <= 80 && name.bytes().all(|b| b.is_ascii_hexdigit()));
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| step.wrong("it already has the entry, but does not say where"))?;
        let url = below(step.place, &format!("api/v1/log/entries/{name}"));
        self.send(step, &Request::get(url.ok_or_else(|| step.wrong("no URL for it"))?))
    }

    fn record_v2(&self, step: &Step<'_>, entry: &Entry<'_>, verifier: &Verifier<'_>) -> Result<Value, Error> {
        let (request, stored) = entry.v2(verifier)?;
        let url = below(step.place, "api/v2/log/entries").ok_or_else(|| step.wrong("no URL for it"))?;
        let answer = self.post_json(step, url, &request, None, StatusCode::CREATED)?;
        let answered: EntryV2 = read(step, answer)?;
        compare(step, &answered.canonicalized_body, &stored)?;
        let kind = &answered.kind_version;
        if (kind.kind.as_str(), kind.version.as_str()) != ("hashedrekord", "0.0.2") {
            return Err(step.wrong("got an entry of another kind than hashedrekord 0.0.2"));
        }
        let proof = answered.inclusion_proof;
        if proof.hashes.len() > MOST_HASHES {
            return Err(step.wrong("the inclusion proof is longer than that of any tree"));
        }
        Ok(json!({
            "logIndex": answered.log_index,
            "logId": {"keyId": answered.log_id.key_id},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {
                "logIndex": proof.log_index,
                "rootHash": proof.root_hash,
                "treeSize": proof.tree_size,
                "hashes": proof.hashes,
                "checkpoint": {"envelope": proof.checkpoint.envelope},
            },
            "canonicalizedBody": answered.canonicalized_body,
        }))
    }
}

/// Reads an answer. Not the parser's own message: it may quote the answer.
fn read<T: DeserializeOwned>(step: &Step<'_>, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|_| step.wrong("the answer is not a log entry with its proof"))
}

/// Accepts only the submitted entry: digest, signature and verifier, and nothing else.
fn compare(step: &Step<'_>, body: &str, expected: &Value) -> Result<(), Error> {
    let stored = STANDARD.decode(body).map_err(|_| step.wrong("the entry's body is not base64"))?;
    if stored != json::canonical(expected) {
        return Err(step.wrong("got the entry of another signature than the submitted one"));
    }
    Ok(())
}

impl Entry<'_> {
    /// Kind, what version 1 is sent, and what it stores of it.
    fn v1(&self, verifier: &Verifier<'_>) -> Result<(&'static str, Value, Value), Error> {
        let of = |kind: &str, spec: Value| json!({"apiVersion": "0.0.1", "kind": kind, "spec": spec});
        let pem = STANDARD.encode(verifier.pem());
        match self {
            Self::Statement { payload, signature } => {
                let signature = STANDARD.encode(signature);
                let envelope = json!({
                    "payload": STANDARD.encode(payload),
                    "payloadType": IN_TOTO_PAYLOAD,
                    "signatures": [{"sig": signature}],
                })
                .to_string();
                let hash =
                    |bytes: &[u8]| json!({"algorithm": "sha256", "value": Digest::sha256(bytes).hex()});
                let stored = json!({
                    "envelopeHash": hash(envelope.as_bytes()),
                    "payloadHash": hash(payload),
                    "signatures": [{"signature": signature, "verifier": pem}],
                });
                let proposed = json!({"proposedContent": {"envelope": envelope, "verifiers": [pem]}});
                Ok(("dsse", of("dsse", proposed), of("dsse", stored)))
            }
            Self::File { digests, signature } => {
                let algorithm = verifier.key().algorithm();
                let (name, value) = match algorithm {
                    KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa => ("sha256", digests.sha256.hex()),
                    KeyAlgorithm::EcdsaP384 => ("sha384", digests.sha384.hex()),
                    // It signs the file itself, and the log is sent a digest.
                    _ => return Err(Error::NotLogged { algorithm, bits: verifier.key().bits() }),
                };
                let spec = json!({
                    "data": {"hash": {"algorithm": name, "value": value}},
                    "signature": {"content": STANDARD.encode(signature), "publicKey": {"content": pem}},
                });
                let entry = of("hashedrekord", spec);
                Ok(("hashedrekord", entry.clone(), entry))
            }
        }
    }

    /// What version 2 is sent, and what it stores of it. It treats a statement as a digest, too, of what was signed.
    fn v2(&self, verifier: &Verifier<'_>) -> Result<(Value, Value), Error> {
        let key = verifier.key();
        let Some(details) = key.log_name() else {
            return Err(Error::NotLogged { algorithm: key.algorithm(), bits: key.bits() });
        };
        let (name, algorithm) = match key.algorithm() {
            KeyAlgorithm::EcdsaP384 => ("SHA2_384", &lc::SHA384),
            _ => ("SHA2_256", &lc::SHA256),
        };
        let (digest, signature) = match self {
            Self::Statement { payload, signature } => {
                let message = sigstore_types::pae(IN_TOTO_PAYLOAD, payload);
                (STANDARD.encode(lc::digest(algorithm, &message)), signature)
            }
            Self::File { digests, signature } if key.algorithm() == KeyAlgorithm::EcdsaP384 => {
                (STANDARD.encode(digests.sha384.as_bytes()), signature)
            }
            Self::File { digests, signature } => (STANDARD.encode(digests.sha256.as_bytes()), signature),
        };
        let (field, der) = match verifier {
            Verifier::Certificate { der, .. } => ("x509Certificate", *der),
            Verifier::Key(key) => ("publicKey", key.spki_der()),
        };
        let signature = json!({
            "content": STANDARD.encode(signature),
            "verifier": {"keyDetails": details, (field): {"rawBytes": STANDARD.encode(der)}},
        });
        let request = json!({"hashedRekordRequestV002": {"digest": digest, "signature": signature}});
        let stored = json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {"algorithm": name, "digest": digest},
                "signature": signature,
            }},
        });
        Ok((request, stored))
    }
}

impl Verifier<'_> {
    fn key(&self) -> &PublicKey {
        match self {
            Self::Certificate { key, .. } | Self::Key(key) => key,
        }
    }

    /// PEM as version 1 stores it: lines of 64 characters, each with its line feed.
    fn pem(&self) -> String {
        let (label, der) = match self {
            Self::Certificate { der, .. } => ("CERTIFICATE", *der),
            Self::Key(key) => ("PUBLIC KEY", key.spki_der()),
        };
        let mut pem = format!("-----BEGIN {label}-----\n");
        let text = STANDARD.encode(der);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem + "-----END " + label + "-----\n"
    }
}

#[derive(Deserialize)]
struct EntryV1 {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: u64,
    #[serde(rename = "logID")]
    log_id: String,
    #[serde(rename = "logIndex")]
    log_index: u64,
    verification: VerificationV1,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationV1 {
    inclusion_proof: ProofV1,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofV1 {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryV2 {
    // Protobuf's JSON leaves out zeros, such as the first index.
    #[serde(default = "zero")]
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    inclusion_proof: ProofV2,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofV2 {
    #[serde(default = "zero")]
    log_index: String,
    root_hash: String,
    tree_size: String,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: Checkpoint,
}

#[derive(Deserialize)]
struct Checkpoint {
    envelope: String,
}

fn zero() -> String {
    "0".to_owned()
}

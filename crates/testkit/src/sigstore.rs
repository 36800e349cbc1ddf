//! A Sigstore instance in memory: certificate authority, certificate log, transparency log, timestamp authority.
//!
//! Everything is valid by default, and one thing at a time can be made wrong. Times are seconds since 1970.
//!
//! ```
//! use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
//!
//! let mut instance = Sigstore::new();
//! let leaf = instance.leaf(&Leaf::default());
//! let bundle = instance.attest(&leaf, b"{}", LogVersion::V1);
//! assert!(bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"].is_object());
//! ```

pub mod certificate;
pub mod der;
pub mod log;
pub mod server;
pub mod timestamp;

use std::fmt::Write as _;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::Timestamp;
use serde_json::{Value, json};

use certificate::{Spec, name};
use der::{element, sequence, utf8};
pub use log::{Log, Version as LogVersion};
pub use server::{Fault, Server};
pub use timestamp::TimestampAuthority;

/// The default time of events: 2016-01-15T12:00:00Z. The official verifier refuses times after the machine's,
/// so this is earlier than any clock of a machine that runs tests.
pub const NOW: i64 = 1_452_859_200;

/// [`NOW`], as verifications need it.
pub fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A year around it, in which the authorities are valid.
const YEAR: i64 = 365 * 24 * 3600;

/// 2025-01-01, before the instants that tests judge at. Without it they would fail two years after those.
const EARLIEST: i64 = 1_735_689_600;
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

/// A P-256 key pair.
pub struct Pair {
    inner: EcdsaKeyPair,
    spki: Vec<u8>,
    pkcs8: Vec<u8>,
}

impl Pair {
    /// A new key pair.
    #[expect(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let spki = spki.as_ref().to_vec();
        let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        Self { inner: pair, spki, pkcs8 }
    }

    /// The public key in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key in PEM.
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }

    /// The private key in PEM.
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// A signature over the SHA-256 of `message`, in DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.inner.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

/// PEM with line feeds.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    plimsoll_core::Digest::sha256(bytes).as_bytes().try_into().unwrap()
}

/// The instance.
pub struct Sigstore {
    /// The key of the root certificate.
    pub root_key: Pair,
    /// The root certificate.
    pub root: Vec<u8>,
    /// The key that issues leaves.
    pub ca_key: Pair,
    /// Its certificate, issued by the root.
    pub ca: Vec<u8>,
    /// The key of the certificate log.
    pub ct: Pair,
    /// The transparency log.
    pub log: Log,
    /// The timestamp authority.
    pub tsa: TimestampAuthority,
    /// The start of the validity of the authorities.
    from: i64,
    next_serial: u32,
}

/// A certificate to issue.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The subject: a URI, or an e-mail address when it has an `@` and no `://`.
    pub subject: String,
    /// The OIDC issuer.
    pub issuer: String,
    /// Extensions of the arc 1.3.6.1.4.1.57264.1, by their last number.
    pub claims: Vec<(u8, String)>,
    /// From when it is valid.
    pub start: i64,
    /// Until when it is valid.
    pub end: i64,
    /// What its key may be used for: the first byte of the bits.
    pub key_usage: u8,
    /// What it may be used for, if it says so.
    pub usage: Option<&'static str>,
    /// How many times certificate logs announced it: 0, or 1 and more by the same log.
    pub announcements: usize,
    /// Names in place of the subject, encoded.
    pub names: Option<Vec<Vec<u8>>>,
    /// The issuer in the older extension, if it differs.
    pub older_issuer: Option<String>,
}

impl Default for Leaf {
    fn default() -> Self {
        Self {
            subject: "https://ci.example/team/app/.ci/release.yml@refs/heads/main".into(),
            issuer: "https://issuer.example".into(),
            claims: vec![(12, "https://ci.example/team/app".into()), (14, "refs/heads/main".into())],
            start: NOW - 60,
            end: NOW + 540,
            key_usage: 0x80,
            usage: Some(CODE_SIGNING),
            announcements: 1,
            names: None,
            older_issuer: None,
        }
    }
}

/// A signer with a certificate.
pub struct Holder {
    /// The key.
    pub key: Pair,
    /// The certificate.
    pub certificate: Vec<u8>,
}

impl Default for Sigstore {
    fn default() -> Self {
        Self::new()
    }
}

impl Sigstore {
    /// An instance whose authorities are valid for a year around [`NOW`].
    pub fn new() -> Self {
        Self::with_ca_valid(NOW - YEAR, NOW + YEAR)
    }

    /// An instance that signs at `time`, whose authorities are valid at the fixed instants that tests judge at, too.
    pub fn at(time: i64) -> Self {
        let (from, until) = (EARLIEST.min(time - YEAR), time + YEAR);
        Self::build((from, until), (from, until))
    }

    /// An instance whose intermediate certificate has another validity than its root.
    pub fn with_ca_valid(start: i64, end: i64) -> Self {
        Self::build((NOW - YEAR, NOW + YEAR), (start, end))
    }

    fn build((from, until): (i64, i64), (start, end): (i64, i64)) -> Self {
        let (root_key, ca_key) = (Pair::new(), Pair::new());
        let (root_name, ca_name) = (name("testkit root"), name("testkit intermediate"));
        let root = certificate::authority(&root_key, &root_key, &root_name, &root_name, from, until, None);
        let ca =
            certificate::authority(&root_key, &ca_key, &root_name, &ca_name, start, end, Some(CODE_SIGNING));
        Self {
            root_key,
            root,
            ca_key,
            ca,
            ct: Pair::new(),
            log: Log::new("log.example"),
            tsa: TimestampAuthority::new(from, until),
            from,
            next_serial: 1,
        }
    }

    /// Issues a certificate for a new key.
    pub fn leaf(&mut self, leaf: &Leaf) -> Holder {
        let key = Pair::new();
        let certificate = self.issue(leaf, key.spki());
        Holder { key, certificate }
    }

    /// Issues a certificate for a public key.
    pub fn issue(&mut self, leaf: &Leaf, spki: &[u8]) -> Vec<u8> {
        let is_mail = leaf.subject.contains('@') && !leaf.subject.contains("://");
        let subject = element(if is_mail { 0x81 } else { 0x86 }, leaf.subject.as_bytes());
        let older = leaf.older_issuer.as_ref().unwrap_or(&leaf.issuer);
        let mut extensions = vec![
            certificate::key_usage(leaf.key_usage),
            certificate::subject_key_id(spki),
            certificate::authority_key_id(self.ca_key.spki()),
            certificate::extension(
                "2.5.29.17",
                true,
                &sequence(&leaf.names.clone().unwrap_or_else(|| vec![subject])),
            ),
            certificate::extension("1.3.6.1.4.1.57264.1.1", false, older.as_bytes()),
            certificate::extension("1.3.6.1.4.1.57264.1.8", false, &utf8(&leaf.issuer)),
        ];
        extensions.extend(leaf.usage.map(|usage| certificate::extended_key_usage(usage, false)));
        for (number, value) in &leaf.claims {
            let dotted = format!("1.3.6.1.4.1.57264.1.{number}");
            extensions.push(certificate::extension(&dotted, false, &utf8(value)));
        }
        self.next_serial += 1;
        let mut spec = Spec {
            serial: [&[0x40], &self.next_serial.to_be_bytes()[..]].concat(),
            issuer: name("testkit intermediate"),
            subject: certificate::no_name(),
            start: leaf.start,
            end: leaf.end,
            spki: spki.to_vec(),
            extensions,
        };
        if leaf.announcements > 0 {
            let logs = vec![&self.ct; leaf.announcements];
            let announced = certificate::announcement(&spec, self.ca_key.spki(), &logs, leaf.start);
            spec.extensions.push(announced);
        }
        spec.sign(&self.ca_key)
    }

    /// The trusted root of this instance. Tests change what should be wrong.
    pub fn trusted_root(&self) -> Value {
        let window = |start: i64| json!({"start": rfc3339(start)});
        let key = |pair: &Pair| {
            json!({
                "rawBytes": STANDARD.encode(pair.spki()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": window(self.from),
            })
        };
        let chain = |certificates: &[&Vec<u8>]| {
            let certificates: Vec<Value> =
                certificates.iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
            json!({"certificates": certificates})
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": key(&self.log.key),
                "logId": {"keyId": STANDARD.encode(self.log.id())},
            }],
            "certificateAuthorities": [{
                "subject": {"organization": "testkit", "commonName": "testkit"},
                "uri": "https://ca.example",
                "certChain": chain(&[&self.ca, &self.root]),
                "validFor": window(self.from),
            }],
            "ctlogs": [{
                "baseUrl": "https://ct.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": key(&self.ct),
                "logId": {"keyId": STANDARD.encode(sha256(self.ct.spki()))},
            }],
            "timestampAuthorities": [{
                "subject": {"organization": "testkit", "commonName": "testkit"},
                "uri": "https://tsa.example",
                "certChain": chain(&[&self.tsa.certificate, &self.tsa.root]),
                "validFor": window(self.from),
            }],
        })
    }

    /// A bundle with a statement, signed at [`NOW`]: with the first version of the log the time is the log's, with the
    /// second it is the timestamp authority's.
    pub fn attest(&mut self, holder: &Holder, payload: &[u8], version: LogVersion) -> Value {
        let payload_type = "application/vnd.in-toto+json";
        let message = pae(payload_type, payload);
        let signature = holder.key.sign(&message);
        let entry = match version {
            LogVersion::V1 => {
                let body = json!({
                    "apiVersion": "0.0.1",
                    "kind": "dsse",
                    "spec": {
                        "envelopeHash": {"algorithm": "sha256", "value": hex(&sha256(payload))},
                        "payloadHash": {"algorithm": "sha256", "value": hex(&sha256(payload))},
                        "signatures": [{
                            "signature": STANDARD.encode(&signature),
                            "verifier": STANDARD.encode(pem("CERTIFICATE", &holder.certificate)),
                        }],
                    },
                });
                self.log.append("dsse", "0.0.1", &body, version, NOW)
            }
            LogVersion::V2 => self.record(&sha256(&message), &signature, &holder.certificate),
        };
        let content = json!({
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": STANDARD.encode(&signature)}],
        });
        self.bundle(holder, "dsseEnvelope", &content, &entry, &signature, version)
    }

    /// A bundle over a file, signed as [`Sigstore::attest`] does.
    pub fn sign(&mut self, holder: &Holder, file: &[u8], version: LogVersion) -> Value {
        let signature = holder.key.sign(file);
        let entry = match version {
            LogVersion::V1 => {
                let body = json!({
                    "apiVersion": "0.0.1",
                    "kind": "hashedrekord",
                    "spec": {
                        "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(file))}},
                        "signature": {
                            "content": STANDARD.encode(&signature),
                            "publicKey": {"content": STANDARD.encode(pem("CERTIFICATE", &holder.certificate))},
                        },
                    },
                });
                self.log.append("hashedrekord", "0.0.1", &body, version, NOW)
            }
            LogVersion::V2 => self.record(&sha256(file), &signature, &holder.certificate),
        };
        let content = json!({
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(sha256(file))},
            "signature": STANDARD.encode(&signature),
        });
        self.bundle(holder, "messageSignature", &content, &entry, &signature, version)
    }

    /// The second version's entry of a signature.
    pub fn record(&mut self, digest: &[u8; 32], signature: &[u8], certificate: &[u8]) -> Value {
        let body = json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(digest)},
                "signature": {
                    "content": STANDARD.encode(signature),
                    "verifier": {
                        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                        "x509Certificate": {"rawBytes": STANDARD.encode(certificate)},
                    },
                },
            }},
        });
        self.log.append("hashedrekord", "0.0.2", &body, LogVersion::V2, NOW)
    }

    fn bundle(
        &self,
        holder: &Holder,
        kind: &str,
        content: &Value,
        entry: &Value,
        signature: &[u8],
        version: LogVersion,
    ) -> Value {
        let mut material = json!({
            "certificate": {"rawBytes": STANDARD.encode(&holder.certificate)},
            "tlogEntries": [entry],
        });
        if version == LogVersion::V2 {
            material["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [self.stamp(signature, NOW)]});
        }
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            (kind): content,
        })
    }

    /// A timestamp over `signature`, as bundles contain it.
    pub fn stamp(&self, signature: &[u8], time: i64) -> Value {
        json!({"signedTimestamp": STANDARD.encode(self.tsa.stamp(signature, time, true))})
    }
}

/// DSSE's pre-authentication encoding.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Seconds since 1970 as documents write them.
pub fn rfc3339(time: i64) -> String {
    Timestamp::from_second(time).unwrap().to_string()
}

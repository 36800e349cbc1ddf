//! The instance behind HTTP on loopback: Fulcio v2, Rekor v1 and v2, a timestamp authority, an OpenID provider.
//!
//! All of them are on one port, distinguished by their paths. They use the protocols of the real services,
//! check what those check (tokens, proof of possession, signatures), and can misbehave, in one way at a time.
//!
//! ```
//! use plimsoll_testkit::sigstore::Server;
//! use serde_json::json;
//!
//! let server = Server::start();
//! let token = server.token(&json!({"sub": "https://ci.example/team/app"}));
//! assert_eq!(token.split('.').count(), 3);
//! assert!(server.signing_config(&[2])["rekorTlogUrls"][0]["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aws_lc_rs::digest::{Algorithm as DigestAlgorithm, Digest, SHA256, SHA384};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::der::{integer, sequence, utf8};
use super::{Leaf, LogVersion, Pair, Sigstore, hex, pem, rfc3339, sha256};
use crate::cloud::{Issuer, Service};
use crate::{Answer, Request};

/// The token that the ambient token endpoint requires.
pub const REQUEST_TOKEN: &str = "ambient-request-t0ken";
const AUDIENCE: &str = "sigstore";

/// What is wrong with the answers to requests under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status, with the whole request quoted in the explanation.
    Status(u16),
    /// This status for the next request only.
    StatusOnce(u16),
    /// A redirect to this place.
    Redirect(String),
    /// An answer that is too large for any reader.
    Huge,
    /// An answer that does not have the expected format.
    Garbage,
    /// A certificate for another key; a log entry of another signature; a timestamp over something else.
    Other,
    /// Another nonce in the timestamp.
    OtherNonce,
    /// An invalid signature: that of the log over the entry, or that of the authority under the certificate.
    BadSignature,
    /// A certificate for another subject.
    OtherSubject,
    /// A refusal in the format of the service, with a success status.
    Refused,
    /// The log already has the entry, and says where.
    Existing,
}

/// The instance on a port; stops on drop.
pub struct Server {
    service: Service,
    state: Arc<Mutex<State>>,
    url: Arc<OnceLock<String>>,
}

struct State {
    instance: Sigstore,
    issuer: Issuer,
    faults: BTreeMap<String, Fault>,
    /// The parameters of a browser's redirect: the code challenge and the nonce.
    browser: BTreeMap<String, (String, String)>,
    /// How often the device flow answers that the user has not signed in yet.
    pending: usize,
    /// The answers of the log's first version, by its names.
    entries: BTreeMap<String, Value>,
}

impl Server {
    /// Starts, with authorities that are valid at present.
    pub fn start() -> Self {
        let state = State {
            instance: Sigstore::at(now()),
            issuer: Issuer::new(),
            faults: BTreeMap::new(),
            browser: BTreeMap::new(),
            pending: 1,
            entries: BTreeMap::new(),
        };
        let (state, url) = (Arc::new(Mutex::new(state)), Arc::new(OnceLock::new()));
        let (serving, known) = (Arc::clone(&state), Arc::clone(&url));
        let service = Service::start(move |request| {
            let base: &String = known.get().unwrap();
            locked(&serving).answer(base, request)
        });
        url.set(service.url()).unwrap();
        Self { service, state, url }
    }

    /// `http://127.0.0.1:PORT`, which is the base of every service and the OpenID issuer.
    pub fn url(&self) -> String {
        self.url.get().unwrap().clone()
    }

    /// The URL for ambient tokens, as a CI system gives it.
    pub fn ambient_url(&self) -> String {
        format!("{}/ambient?api-version=2.0", self.url())
    }

    /// From now on, requests to paths that begin with `path` get `fault`.
    pub fn misbehave(&self, path: &str, fault: Fault) {
        locked(&self.state).faults.insert(path.to_owned(), fault);
    }

    /// Ends all faults.
    pub fn behave(&self) {
        locked(&self.state).faults.clear();
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.service.requests()
    }

    /// The trusted root of the instance.
    pub fn trusted_root(&self) -> Value {
        locked(&self.state).instance.trusted_root()
    }

    /// The signing configuration with logs of these versions, and the timestamp authority.
    pub fn signing_config(&self, logs: &[u8]) -> Value {
        let service = |path: &str, version: u8, operator: &str| {
            json!({
                "url": format!("{}{path}", self.url()),
                "majorApiVersion": version,
                "validFor": {"start": rfc3339(now() - 3600)},
                "operator": operator,
            })
        };
        let logs: Vec<Value> = logs.iter().map(|version| service("", *version, "testkit")).collect();
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service("", 1, "testkit")],
            "oidcUrls": [service("", 1, "testkit")],
            "rekorTlogUrls": logs,
            "tsaUrls": [service("/api/v1/timestamp", 1, "testkit")],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        })
    }

    /// Trusted root and signing configuration in one file, as sigstore-python reads them.
    pub fn client_trust_config(&self, logs: &[u8]) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root(),
            "signingConfig": self.signing_config(logs),
        })
    }

    /// A token over these claims; missing issuer, audience and times are added. The certificate's own claims
    /// may be in `certificate`, by the last number of their extensions.
    pub fn token(&self, claims: &Value) -> String {
        locked(&self.state).token(&self.url(), claims)
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> i64 {
    plimsoll_core::clock::now().as_second()
}

fn reply(status: u16, body: &Value) -> Answer {
    Answer::new(status).header("Content-Type", "application/json").body(body.to_string())
}

fn refuse(status: u16, why: &str) -> Answer {
    reply(status, &json!({"code": status, "message": why}))
}

fn decoded(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

impl State {
    fn token(&self, base: &str, claims: &Value) -> String {
        let mut all =
            json!({"iss": base, "aud": AUDIENCE, "iat": now() - 5, "nbf": now() - 5, "exp": now() + 600});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        self.issuer.token(&all)
    }

    fn answer(&mut self, base: &str, request: &Request) -> Answer {
        let path = request.path().to_owned();
        let told = self.faults.iter().find(|(place, _)| path.starts_with(place.as_str()));
        let told = told.map(|(place, fault)| (place.clone(), fault.clone()));
        let fault = match told {
            Some((place, Fault::StatusOnce(status))) => {
                self.faults.remove(&place);
                return refuse(status, "come back later");
            }
            Some((_, Fault::Status(status))) => {
                let text = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
                return refuse(status, &text);
            }
            Some((_, Fault::Redirect(to))) => return Answer::new(307).header("Location", to),
            Some((_, Fault::Huge)) => return Answer::new(200).body(vec![b' '; 8 << 20]),
            Some((_, Fault::Garbage)) => {
                return Answer::new(if path.contains("log") { 201 } else { 200 }).body("?");
            }
            Some((_, fault)) => Some(fault),
            None => None,
        };
        let answer = match (request.method.as_str(), path.as_str()) {
            ("POST", "/api/v2/signingCert") => self.certify(base, request, fault.as_ref()),
            ("POST", "/api/v1/log/entries") => self.log_v1(request, fault.as_ref()),
            ("POST", "/api/v2/log/entries") => self.log_v2(request, fault.as_ref()),
            ("POST", "/api/v1/timestamp") => self.timestamp(request, fault.as_ref()),
            ("GET", "/.well-known/openid-configuration") => Some(reply(
                200,
                &json!({
                    "issuer": if fault.is_some() { "https://other.example" } else { base },
                    "authorization_endpoint": format!("{base}/auth"),
                    "token_endpoint": format!("{base}/token"),
                    "device_authorization_endpoint": format!("{base}/device/code"),
                    "jwks_uri": format!("{base}/keys"),
                }),
            )),
            ("GET", path) if path.starts_with("/api/v1/log/entries/") => {
                let name = path.rsplit('/').next().unwrap_or_default();
                self.entries.get(name).map(|entry| reply(200, entry))
            }
            ("GET", "/ambient") => self.ambient(base, request),
            ("GET", "/auth") => self.authorize(request),
            ("POST", "/device/code") => Some(reply(
                200,
                &json!({
                    "device_code": "d3vice-c0de",
                    "user_code": "ABCD-EFGH",
                    "verification_uri": format!("{base}/device"),
                    "expires_in": 300,
                    "interval": 5,
                }),
            )),
            ("POST", "/token") => self.exchange(base, request, fault.as_ref()),
            _ => Some(refuse(404, "no such place")),
        };
        answer.unwrap_or_else(|| refuse(400, "the request is malformed"))
    }

    /// Fulcio: a certificate for the subject of the token, and for a key that the caller proves to have.
    fn certify(&mut self, base: &str, request: &Request, fault: Option<&Fault>) -> Option<Answer> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let header = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let token = header.or(body["credentials"]["oidcIdentityToken"].as_str())?.to_owned();
        let Some(claims) = self.issuer.verify(&token, AUDIENCE) else {
            return Some(refuse(401, "the token is not accepted"));
        };
        if claims["iss"] != base {
            return Some(refuse(401, "the issuer is not known"));
        }
        let subject = claims["email"].as_str().or(claims["sub"].as_str())?.to_owned();
        let spki = if let Some(asked) = body.get("publicKeyRequest") {
            let spki = unpem(asked["publicKey"]["content"].as_str()?)?;
            let proof = decoded(&asked["proofOfPossession"])?;
            if !verifies(&spki, subject.as_bytes(), &proof) {
                return Some(refuse(400, "the proof of possession does not hold"));
            }
            spki
        } else {
            let request = decoded(&body["certificateSigningRequest"])?;
            let request = unpem(std::str::from_utf8(&request).ok()?)?;
            let spki = requested_key(&request)?;
            if !verifies_request(&request, &spki)? {
                return Some(refuse(400, "the signing request does not hold"));
            }
            spki
        };
        let spki = if fault == Some(&Fault::Other) { Pair::new().spki().to_vec() } else { spki };
        let subject =
            if fault == Some(&Fault::OtherSubject) { "eve@example.com".to_owned() } else { subject };
        let default = Leaf::default();
        let claims = match claims["certificate"].as_object() {
            Some(named) => named
                .iter()
                .map(|(number, value)| Some((number.parse().ok()?, value.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            None => default.claims,
        };
        let (issuer, start, end) = (base.to_owned(), now() - 60, now() + 540);
        let leaf = Leaf { subject, issuer, claims, start, end, ..Leaf::default() };
        if fault == Some(&Fault::BadSignature) {
            self.instance.ca_key = Pair::new();
        }
        let leaf = self.instance.issue(&leaf, &spki);
        let chain: Vec<String> = [&leaf, &self.instance.ca, &self.instance.root]
            .iter()
            .map(|der| pem("CERTIFICATE", der))
            .collect();
        Some(reply(200, &json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})))
    }

    fn log_v1(&mut self, request: &Request, fault: Option<&Fault>) -> Option<Answer> {
        let mut body: Value = serde_json::from_slice(&request.body).ok()?;
        let (kind, version) = (body["kind"].as_str()?.to_owned(), body["apiVersion"].as_str()?.to_owned());
        if version != "0.0.1" {
            return Some(refuse(400, "the version is not known"));
        }
        match kind.as_str() {
            "hashedrekord" => {
                let signature = decoded(&body["spec"]["signature"]["content"])?;
                let spki = key_of(&decoded(&body["spec"]["signature"]["publicKey"]["content"])?)?;
                let digest = unhex(body["spec"]["data"]["hash"]["value"].as_str()?)?;
                if !verifies_digest(&spki, &digest, &signature) {
                    return Some(refuse(400, "the signature does not hold"));
                }
            }
            "dsse" => {
                let proposed = &body["spec"]["proposedContent"];
                let text = proposed["envelope"].as_str()?.to_owned();
                let envelope: Value = serde_json::from_str(&text).ok()?;
                let payload = decoded(&envelope["payload"])?;
                let message = super::pae(envelope["payloadType"].as_str()?, &payload);
                let verifier = proposed["verifiers"][0].clone();
                let signature = envelope["signatures"][0]["sig"].clone();
                let holds = verifies(&key_of(&decoded(&verifier)?)?, &message, &decoded(&signature)?);
                if !holds {
                    return Some(refuse(400, "the signature does not hold"));
                }
                body["spec"] = json!({
                    "envelopeHash": {"algorithm": "sha256", "value": hex(&sha256(text.as_bytes()))},
                    "payloadHash": {"algorithm": "sha256", "value": hex(&sha256(&payload))},
                    "signatures": [{"signature": signature, "verifier": verifier}],
                });
            }
            _ => return Some(refuse(400, "the kind is not known")),
        }
        if fault == Some(&Fault::Other) {
            let other = json!(STANDARD.encode(Pair::new().sign(b"other")));
            match kind.as_str() {
                "dsse" => body["spec"]["signatures"][0]["signature"] = other,
                _ => body["spec"]["signature"]["content"] = other,
            }
        }
        let entry = self.append(&kind, &version, &body, LogVersion::V1, fault);
        let proof = &entry["inclusionProof"];
        let hexed = |value: &Value| decoded(value).map(|bytes| hex(&bytes));
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
        let hashes: Option<Vec<String>> = proof["hashes"].as_array()?.iter().map(hexed).collect();
        let uuid = hex(&sha256(entry["canonicalizedBody"].as_str()?.as_bytes()));
        let all = json!({(&uuid): {
                "body": entry["canonicalizedBody"],
                "integratedTime": number(&entry["integratedTime"])?,
                "logID": hexed(&entry["logId"]["keyId"])?,
                "logIndex": number(&entry["logIndex"])?,
                "verification": {
                    "inclusionProof": {
                        "checkpoint": proof["checkpoint"]["envelope"],
                        "hashes": hashes?,
                        "logIndex": number(&proof["logIndex"])?,
                        "rootHash": hexed(&proof["rootHash"])?,
                        "treeSize": number(&proof["treeSize"])?,
                    },
                    "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                },
        }});
        self.entries.insert(uuid.clone(), all.clone());
        let answer = match fault {
            Some(Fault::Existing) => refuse(409, "an equivalent entry already exists"),
            _ => reply(201, &all),
        };
        // cosign finds the entry by the header.
        Some(answer.header("Location", format!("/api/v1/log/entries/{uuid}")).header("ETag", uuid))
    }

    fn log_v2(&mut self, request: &Request, fault: Option<&Fault>) -> Option<Answer> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let asked = body.get("hashedRekordRequestV002")?;
        let (digest, mut signature) = (decoded(&asked["digest"])?, decoded(&asked["signature"]["content"])?);
        let verifier = asked["signature"]["verifier"].clone();
        let spki = match verifier.get("x509Certificate") {
            Some(certificate) => certified_key(&decoded(&certificate["rawBytes"])?)?,
            None => decoded(&verifier["publicKey"]["rawBytes"])?,
        };
        if verifier["keyDetails"] != algorithm(&spki).2 || !verifies_digest(&spki, &digest, &signature) {
            return Some(refuse(400, "the signature does not hold"));
        }
        if fault == Some(&Fault::Other) {
            signature = Pair::new().sign(b"other");
        }
        let stored = json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {
                    "algorithm": if digest.len() == 48 { "SHA2_384" } else { "SHA2_256" },
                    "digest": STANDARD.encode(digest),
                },
                "signature": {"content": STANDARD.encode(signature), "verifier": verifier},
            }},
        });
        Some(reply(201, &self.append("hashedrekord", "0.0.2", &stored, LogVersion::V2, fault)))
    }

    fn append(
        &mut self,
        kind: &str,
        entry_version: &str,
        body: &Value,
        version: LogVersion,
        fault: Option<&Fault>,
    ) -> Value {
        if fault != Some(&Fault::BadSignature) {
            return self.instance.log.append(kind, entry_version, body, version, now());
        }
        // Signed by a key that is not the log's.
        let known = std::mem::replace(&mut self.instance.log.key, Pair::new());
        let id = STANDARD.encode(sha256(known.spki()));
        let mut entry = self.instance.log.append(kind, entry_version, body, version, now());
        self.instance.log.key = known;
        entry["logId"]["keyId"] = json!(id);
        entry
    }

    fn timestamp(&mut self, request: &Request, fault: Option<&Fault>) -> Option<Answer> {
        if request.header("content-type") != Some("application/timestamp-query") {
            return Some(refuse(400, "the media type is not known"));
        }
        let (_, query, _) = tlv(&request.body)?;
        let (_, _, rest) = tlv(query)?;
        let (_, imprint, rest) = tlv(rest)?;
        let (_, _, digest) = tlv(imprint)?;
        let (_, digest, _) = tlv(digest)?;
        let nonce = tlv(rest).filter(|(tag, _, _)| *tag == 2).map(|(_, value, _)| value.to_vec());
        let mut digest: [u8; 32] = digest.try_into().ok()?;
        if fault == Some(&Fault::Other) {
            digest = sha256(b"other");
        }
        let nonce = if fault == Some(&Fault::OtherNonce) { Some(vec![42]) } else { nonce };
        let reply = match fault {
            // PKIStatusInfo of RFC 3161: rejection, with a reason.
            Some(Fault::Refused) => {
                sequence(&[sequence(&[integer(&[2]), sequence(&[utf8("the clock is being set")])])])
            }
            Some(Fault::BadSignature) => {
                let known = std::mem::replace(&mut self.instance.tsa.key, Pair::new());
                let reply = self.instance.tsa.reply(&digest, now(), nonce.as_deref(), true);
                self.instance.tsa.key = known;
                reply
            }
            _ => self.instance.tsa.reply(&digest, now(), nonce.as_deref(), true),
        };
        Some(Answer::new(201).header("Content-Type", "application/timestamp-reply").body(reply))
    }

    fn ambient(&self, base: &str, request: &Request) -> Option<Answer> {
        if request.header("authorization") != Some(&format!("bearer {REQUEST_TOKEN}")) {
            return Some(refuse(401, "who are you"));
        }
        let audience = request.query("audience")?;
        let claims = json!({"sub": Leaf::default().subject, "aud": audience});
        Some(reply(200, &json!({"value": self.token(base, &claims)})))
    }

    /// The answer to a browser after the user has agreed.
    fn authorize(&mut self, request: &Request) -> Option<Answer> {
        if request.query("response_type")? != "code" || request.query("code_challenge_method")? != "S256" {
            return None;
        }
        let code = format!("code{}", self.browser.len());
        let remembered = (request.query("code_challenge")?, request.query("nonce")?);
        self.browser.insert(code.clone(), remembered);
        let back =
            format!("{}?code={code}&state={}", request.query("redirect_uri")?, request.query("state")?);
        Some(Answer::new(302).header("Location", back))
    }

    fn exchange(&mut self, base: &str, request: &Request, fault: Option<&Fault>) -> Option<Answer> {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let mut claims = json!({"sub": "1234", "email": "dev@example.com", "email_verified": true});
        match form.get("grant_type")?.as_str() {
            "authorization_code" => {
                let (challenge, nonce) = self.browser.remove(form.get("code")?)?;
                if URL_SAFE_NO_PAD.encode(sha256(form.get("code_verifier")?.as_bytes())) != challenge {
                    return Some(reply(400, &json!({"error": "invalid_grant"})));
                }
                claims["nonce"] =
                    json!(if fault == Some(&Fault::OtherNonce) { "other".to_owned() } else { nonce });
            }
            "urn:ietf:params:oauth:grant-type:device_code" if form.get("device_code")? == "d3vice-c0de" => {
                if fault == Some(&Fault::Refused) {
                    return Some(reply(400, &json!({"error": "access_denied"})));
                }
                if self.pending > 0 {
                    self.pending -= 1;
                    return Some(reply(400, &json!({"error": "authorization_pending"})));
                }
            }
            _ => return None,
        }
        Some(reply(200, &json!({"token_type": "Bearer", "id_token": self.token(base, &claims)})))
    }
}

/// Tag, content and rest of the first element.
fn tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, first) = (*bytes.first()?, usize::from(*bytes.get(1)?));
    let count = if first < 0x80 { 0 } else { first & 0x7f };
    let length = if count == 0 {
        first
    } else {
        bytes.get(2..2 + count)?.iter().fold(0, |n, b| n * 256 + usize::from(*b))
    };
    let rest = bytes.get(2 + count..)?;
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// The first element with its head.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (_, _, rest) = tlv(bytes)?;
    bytes.get(..bytes.len() - rest.len())
}

/// The public key of a certificate: `version, serial, algorithm, issuer, validity, subject, key`.
fn certified_key(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate, _) = tlv(certificate)?;
    let (_, mut rest, _) = tlv(certificate)?;
    for _ in 0..6 {
        rest = tlv(rest)?.2;
    }
    whole(rest).map(<[u8]>::to_vec)
}

/// The public key of a certificate signing request: `version, subject, key`.
fn requested_key(request: &[u8]) -> Option<Vec<u8>> {
    let (_, request, _) = tlv(request)?;
    let (_, info, _) = tlv(request)?;
    whole(tlv(tlv(info)?.2)?.2).map(<[u8]>::to_vec)
}

fn verifies_request(request: &[u8], spki: &[u8]) -> Option<bool> {
    let (_, request, _) = tlv(request)?;
    let (signed, rest) = (whole(request)?, tlv(request)?.2);
    let (_, signature, _) = tlv(tlv(rest)?.2)?;
    Some(verifies(spki, signed, signature.get(1..)?))
}

/// The algorithm of a key, by the length of its encoding, and its name in the second version of the log.
fn algorithm(spki: &[u8]) -> (&'static dyn VerificationAlgorithm, &'static DigestAlgorithm, &'static str) {
    match spki.len() {
        ..64 => (&ED25519, &SHA256, "PKIX_ED25519"),
        64..100 => (&ECDSA_P256_SHA256_ASN1, &SHA256, "PKIX_ECDSA_P256_SHA_256"),
        100..256 => (&ECDSA_P384_SHA384_ASN1, &SHA384, "PKIX_ECDSA_P384_SHA_384"),
        256..384 => (&RSA_PKCS1_2048_8192_SHA256, &SHA256, "PKIX_RSA_PKCS1V15_2048_SHA256"),
        384..512 => (&RSA_PKCS1_2048_8192_SHA256, &SHA256, "PKIX_RSA_PKCS1V15_3072_SHA256"),
        _ => (&RSA_PKCS1_2048_8192_SHA256, &SHA256, "PKIX_RSA_PKCS1V15_4096_SHA256"),
    }
}

fn verifies(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    ParsedPublicKey::new(algorithm(spki).0, spki).is_ok_and(|key| key.verify_sig(message, signature).is_ok())
}

fn verifies_digest(spki: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let (algorithm, hash, _) = algorithm(spki);
    let Ok(digest) = Digest::import_less_safe(digest, hash) else { return false };
    ParsedPublicKey::new(algorithm, spki).is_ok_and(|key| key.verify_digest_sig(&digest, signature).is_ok())
}

/// The key in a PEM file with a certificate or a public key.
fn key_of(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let der = unpem(text)?;
    if text.contains("BEGIN CERTIFICATE") { certified_key(&der) } else { Some(der) }
}

fn unpem(text: &str) -> Option<Vec<u8>> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    STANDARD.decode(body).ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

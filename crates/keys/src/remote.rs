//! A key outside this process, through which signatures are requested. It contains no secret.
//!
//! All remote signers have one public key, which is fetched when the key is opened, and get digests or
//! messages to sign. Each signature is verified with that public key before it is returned. So a service that
//! signs with another key, or another digest, is detected here and not by the users of the signature.

use std::time::Duration;

use aws_lc_rs::digest as lc;
use bytes::Bytes;
use plimsoll_cloud::{Failure as CloudFailure, refusal_code};
use plimsoll_core::{Classify as _, Kind, json, text};
use plimsoll_http::{Client, HeaderValue, Request, StatusCode, Url, is_loopback};
use plimsoll_verify::{KeyAlgorithm, PublicKey};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::access::KeyAccess;
use crate::signer::{Payload, SigningKey};

/// Bytes of an answer. Public keys and signatures have some hundred.
pub(super) const ANSWER: u64 = 64 * 1024;
/// How long a service may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest message that is sent to a remote Ed25519 key, which signs messages whole.
const MOST_MESSAGE: usize = 1 << 20;

/// What a signer is given to sign.
pub(super) enum SigningInput<'a> {
    /// A digest, with the algorithm that the key dictates.
    Digest(&'a [u8]),
    /// A whole message, for Ed25519.
    Message(&'a [u8]),
}

/// A service, a token or a program that signs with a key that it never releases.
pub(super) trait RemoteSigner: Send + Sync {
    /// The signature: DER for ECDSA, the plain bytes for RSA and Ed25519.
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error>;
}

/// A key that `signer` keeps.
pub(super) struct RemoteKey<K> {
    pub(super) place: String,
    pub(super) public: PublicKey,
    pub(super) signer: K,
}

impl<K: RemoteSigner> SigningKey for RemoteKey<K> {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, payload: &Payload<'_>) -> Result<Vec<u8>, Error> {
        let algorithm = self.public.algorithm();
        let wrong = |problem: &str| failed(&self.place, problem, Kind::Failed);
        if algorithm == KeyAlgorithm::EcdsaP521 {
            return Err(Error::KeyAlgorithm { got: "ECDSA on P-521".to_owned() });
        }
        if algorithm == KeyAlgorithm::Ed25519 {
            let Payload::Message(message) = payload else { return Err(Error::WholeMessageOnly) };
            if message.len() > MOST_MESSAGE {
                return Err(wrong(
                    "a remote Ed25519 key needs the whole message, and this one has more than 1 MiB",
                ));
            }
            let signature = self.signer.sign(algorithm, &SigningInput::Message(message))?;
            let holds = self.public.verifies_signature(message, &signature);
            return if holds { Ok(signature) } else { Err(wrong(DOES_NOT_HOLD)) };
        }
        let digest: Vec<u8> = match (algorithm, payload) {
            (KeyAlgorithm::EcdsaP384, Payload::Message(m)) => lc::digest(&lc::SHA384, m).as_ref().to_vec(),
            (KeyAlgorithm::EcdsaP384, Payload::Digests(file)) => file.sha384.as_bytes().to_vec(),
            (_, Payload::Message(message)) => lc::digest(&lc::SHA256, message).as_ref().to_vec(),
            (_, Payload::Digests(file)) => file.sha256.as_bytes().to_vec(),
        };
        let signature = self.signer.sign(algorithm, &SigningInput::Digest(&digest))?;
        let holds = self.public.verifies_signature_of_digest(&digest, &signature);
        if holds { Ok(signature) } else { Err(wrong(DOES_NOT_HOLD)) }
    }

    fn describe(&self) -> String {
        format!("{} (key {})", self.place, self.public.id())
    }
}

const DOES_NOT_HOLD: &str = "the returned signature does not verify with the public key";

pub(super) fn failed(place: &str, problem: impl Into<String>, kind: Kind) -> Error {
    Error::KeyService { place: place.to_owned(), problem: problem.into(), kind, hint: None }
}

/// A service, with the client to reach it.
#[derive(Clone)]
pub(super) struct Service {
    /// The key by its reference, for messages.
    pub(super) place: String,
    pub(super) client: Client,
    /// What the user should check if it refuses.
    pub(super) hint: &'static str,
}

impl Service {
    pub(super) fn new(reference: &str, access: &KeyAccess, hint: &'static str) -> Result<Self, Error> {
        let place = text::terminal(reference).into_owned();
        let client = Client::new(access.http.clone()).map_err(|error| unreached(&place, &error))?;
        Ok(Self { place, client, hint })
    }

    /// The service or the environment returned something wrong.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> Error {
        failed(&self.place, problem, Kind::Failed)
    }

    /// The same, if the user can fix it.
    pub(super) fn usage(&self, problem: impl Into<String>) -> Error {
        let hint = Some(self.hint.to_owned());
        Error::KeyService { place: self.place.clone(), problem: problem.into(), kind: Kind::Usage, hint }
    }

    /// An endpoint that the user named: https, or http on this machine.
    pub(super) fn endpoint(&self, named: &str, url: &str) -> Result<Url, Error> {
        let wrong = || self.usage(format!("{named}: got {}, expected an https URL", text::terminal(url)));
        let url = Url::parse(url).map_err(|_| wrong())?;
        let plain = url.scheme() == "http" && is_loopback(&url);
        if url.scheme() == "https" || plain { Ok(url) } else { Err(wrong()) }
    }

    /// The endpoint at a host that a reference names: `http` on this machine, otherwise `https`.
    pub(super) fn endpoint_at(&self, named: &str, host: &str) -> Result<Url, Error> {
        let plain = format!("http://{host}/");
        match Url::parse(&plain) {
            Ok(url) if is_loopback(&url) => self.endpoint(named, &plain),
            _ => self.endpoint(named, &format!("https://{host}/")),
        }
    }

    /// `Authorization` and the like, never shown.
    pub(super) fn secret(&self, text: &str) -> Result<HeaderValue, Error> {
        let mut value =
            HeaderValue::from_str(text).map_err(|_| self.usage("the token cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    pub(super) fn cloud(&self, failure: &CloudFailure) -> Error {
        Error::KeyService {
            place: self.place.clone(),
            problem: failure.to_string(),
            kind: failure.kind,
            hint: Some(failure.hint.to_owned()),
        }
    }

    /// Sends the request from `make`, and reads the JSON of an answer with status 200. Redirects are not followed, and
    /// messages show only the answer's status and error code.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        make: impl Future<Output = Result<Request, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (client, place) = (self.client.clone(), self.place.clone());
        let answer = plimsoll_http::block_on(async move {
            let request = make.await?;
            let request = if request.timeout.is_some() { request } else { request.timeout(PATIENCE) };
            let mut response = client.send(request).await.map_err(|error| unreached(&place, &error))?;
            let body = response.body.bytes(ANSWER).await.map_err(|error| unreached(&place, &error))?;
            Ok::<(StatusCode, Bytes), Error>((response.status, body))
        });
        let (status, body) = answer.map_err(|error| self.wrong(error.to_string()))??;
        if status != StatusCode::OK {
            let code = refusal_code(&body).map(|code| format!(" ({code})")).unwrap_or_default();
            let kind = match status.as_u16() {
                404 => Kind::NotFound,
                408 | 429 => Kind::Transient,
                _ => Kind::Unauthorized,
            };
            return Err(Error::KeyService {
                place: self.place.clone(),
                problem: format!("{what}: got {}{code}", status.as_u16()),
                kind,
                hint: Some(self.hint.to_owned()),
            });
        }
        // Not the parser's own message: it may quote the answer.
        json::from_slice(&body, ANSWER)
            .map_err(|_| self.wrong(format!("{what}: the answer is not the expected JSON")))
    }

    /// The public key that the service returned.
    pub(super) fn public(&self, pem: &str) -> Result<PublicKey, Error> {
        PublicKey::from_pem(pem.as_bytes()).map_err(|error| self.wrong(format!("its public key: {error}")))
    }
}

/// Leaves out the excerpt of the answer that is in the client's own message.
fn unreached(place: &str, error: &plimsoll_http::Error) -> Error {
    let problem = match error {
        plimsoll_http::Error::Status { call, status, .. } => format!("{call}: got {status}"),
        other => other.to_string(),
    };
    let hint = match error {
        plimsoll_http::Error::Offline { .. } => {
            Some("leave out --offline, or use a key in a file".to_owned())
        }
        other => other.hint(),
    };
    Error::KeyService { place: place.to_owned(), problem, kind: error.kind(), hint }
}

/// Whether this is a plain name in a path, which cannot lead elsewhere.
pub(super) fn is_segment(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !text.starts_with('.')
}

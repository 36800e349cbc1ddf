//! Timestamp authorities: RFC 3161 over HTTP.
//!
//! The request is over the SHA-256 of a signature and has a fresh nonce. The reply counts as its answer when it is
//! granted and repeats both. Verification decides whether the authority is trusted.

use aws_lc_rs::rand;
use plimsoll_core::Digest;
use plimsoll_http::{HeaderValue, Request, StatusCode, Url, header};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

use super::{Repeat, ServiceClient, Step};
use crate::Error;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

impl ServiceClient {
    /// A timestamp over `signature`: the whole reply, as bundles contain it.
    pub(crate) fn timestamp(&self, authority: &Url, signature: &[u8]) -> Result<Vec<u8>, Error> {
        let step = Step {
            service: "timestamp authority",
            place: authority,
            task: "issue a timestamp",
            repeat: Repeat::Harmless,
        };
        let imprint = Digest::sha256(signature);
        let mut nonce = [0; 8];
        rand::fill(&mut nonce).map_err(|_| Error::Crypto { step: "make a nonce" })?;
        // A first byte between 0x40 and 0x7f makes it a positive number of exactly eight bytes.
        if let Some(first) = nonce.first_mut() {
            *first = (*first & 0x3f) | 0x40;
        }
        let request = Request::post(authority.clone(), query(imprint.as_bytes(), nonce))
            .header(header::CONTENT_TYPE, HeaderValue::from_static(QUERY))
            .header(header::ACCEPT, HeaderValue::from_static(REPLY));
        let answer = self.send(&step, &request)?;
        // Sigstore's own authority answers 201; RFC 3161 leaves the status to HTTP, and others answer 200.
        let expected = if answer.status == StatusCode::OK { StatusCode::OK } else { StatusCode::CREATED };
        answer.expect(&step, expected)?;
        check(&answer.body, imprint.as_bytes(), nonce).map_err(|problem| step.wrong(problem))?;
        Ok(answer.body.to_vec())
    }
}

/// `TimeStampReq`: version 1, the imprint, the nonce, and a request for certificates. Every length is below 128.
fn query(imprint: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    // MessageImprint { AlgorithmIdentifier { 2.16.840.1.101.3.4.2.1, NULL }, OCTET STRING of 32 bytes }
    const IMPRINT: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
        0x04, 0x20,
    ];
    let content =
        [&[0x02, 0x01, 0x01][..], &IMPRINT, imprint, &[0x02, 0x08], &nonce, &[0x01, 0x01, 0xff]].concat();
    let length = u8::try_from(content.len()).unwrap_or_default();
    [&[0x30, length][..], &content].concat()
}

/// Whether a `TimeStampResp` grants the request.
fn check(reply: &[u8], imprint: &[u8], nonce: [u8; 8]) -> Result<(), String> {
    const MALFORMED: &str = "the reply is not a timestamp in DER";
    let malformed = || MALFORMED.to_owned();
    let [status, rest @ ..] = &parts(reply, Tag::Sequence).ok_or_else(malformed)?[..] else {
        return Err(malformed());
    };
    let status = children(*status).ok_or_else(malformed)?;
    match status.first().map(|status| (status.tag(), status.value())) {
        // Granted, and granted with modifications.
        Some((Tag::Integer, [0 | 1])) => {}
        Some((Tag::Integer, [number])) => {
            return Err(format!("it was refused with status {number} (RFC 3161, 2.4.2)"));
        }
        _ => return Err(malformed()),
    }
    let info = rest.first().and_then(|token| tst_info(*token)).ok_or_else(malformed)?;
    let fields = parts(info, Tag::Sequence).ok_or_else(malformed)?;
    let [_version, _policy, message, _serial, _time, more @ ..] = &fields[..] else {
        return Err(malformed());
    };
    let message = children(*message).ok_or_else(malformed)?;
    let algorithm = message.first().and_then(|algorithm| children(*algorithm)).ok_or_else(malformed)?;
    let sha256 = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    if algorithm.first().is_none_or(|oid| oid.tag() != Tag::ObjectIdentifier || oid.value() != sha256)
        || message.get(1).is_none_or(|hashed| hashed.value() != imprint)
    {
        return Err("the timestamp does not cover the signature".to_owned());
    }
    // Between the time and the fields with context tags are the accuracy, a boolean and the nonce, each of its own
    // type.
    let answered = more.iter().find(|field| field.tag() == Tag::Integer);
    if answered.is_none_or(|answered| answered.value() != nonce) {
        return Err("the timestamp does not repeat the nonce: it is the answer to another request".to_owned());
    }
    Ok(())
}

/// The `TSTInfo` in a token: `ContentInfo { signedData, [0] SignedData { version, digests, { TSTInfo, [0] OCTET STRING }, … } }`.
fn tst_info(token: AnyRef<'_>) -> Option<&[u8]> {
    let content = children(token)?;
    let signed = one(content.get(1)?.value())?;
    let signed = children(signed)?;
    let encapsulated = children(*signed.get(2)?)?;
    let octets = one(encapsulated.get(1)?.value())?;
    (octets.tag() == Tag::OctetString).then(|| octets.value())
}

/// The contents of `der`, which must be one element with `tag`.
fn parts(der: &[u8], tag: Tag) -> Option<Vec<AnyRef<'_>>> {
    let outer = one(der)?;
    (outer.tag() == tag).then(|| children(outer))?
}

fn one(der: &[u8]) -> Option<AnyRef<'_>> {
    AnyRef::from_der(der).ok()
}

fn children(outer: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    /// A timestamp's sequences have about ten elements.
    const MOST: usize = 64;
    let mut reader = SliceReader::new(outer.value()).ok()?;
    let mut all = Vec::new();
    while !reader.is_finished() {
        if all.len() == MOST {
            return None;
        }
        all.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(all)
}

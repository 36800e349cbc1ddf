//! The envelopes of an attested document: a Sigstore bundle, a DSSE envelope, an in-toto statement.
//!
//! They are removed, not verified: verification needs keys and roots, and `plimsoll verify-attestation` does it. The
//! result names what was removed.
//!
//! ```json
//! {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":
//!   {"payloadType":"application/vnd.in-toto+json","signatures":[…],"payload":"<base64 of:>"
//!     {"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"…"}}],
//!      "predicateType":"https://cyclonedx.org/bom","predicate":{"bomFormat":"CycloneDX",…}}}}
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use plimsoll_core::{Digest, Limits};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Member, Members, parsed};
use crate::Error;

/// What contained a document. Each may only be inside those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Envelope {
    /// A Sigstore bundle.
    Bundle,
    /// A DSSE envelope with signatures.
    Dsse,
    /// An in-toto statement, which has no signature itself.
    Statement,
}

impl Envelope {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundle => "Sigstore bundle",
            Self::Dsse => "DSSE envelope",
            Self::Statement => "in-toto statement",
        }
    }
}

/// The members by which envelopes are recognised and opened.
pub(super) const MEMBERS: &[Member] = &[
    Member::Value("mediaType"),
    Member::Value("dsseEnvelope"),
    Member::Value("verificationMaterial"),
    Member::Value("payloadType"),
    Member::Value("payload"),
    Member::Value("_type"),
    Member::Value("subject"),
    Member::Value("predicateType"),
    Member::Value("predicate"),
];

/// What was taken out of an envelope.
pub(super) struct Opened<'a> {
    pub(super) envelope: Envelope,
    pub(super) content: Cow<'a, [u8]>,
    /// The digests of a statement's subjects.
    pub(super) subjects: Vec<Digest>,
    /// The type of a statement's predicate.
    pub(super) predicate_type: Option<String>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow, default)]
    digest: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// A custom predicate of cosign, which has the document as text.
#[derive(Deserialize)]
struct Custom<'a> {
    #[serde(rename = "Data", borrow)]
    data: Cow<'a, str>,
}

/// Opens an object if it is an envelope that may be inside `outer`.
pub(super) fn open<'a>(
    members: &Members<'a>,
    outer: Option<Envelope>,
    limits: &Limits,
) -> Result<Option<Opened<'a>>, Error> {
    let opened = if let Some(inner) = members.value::<&RawValue>("dsseEnvelope")? {
        Opened::new(Envelope::Bundle, Cow::Borrowed(inner.get().as_bytes()))
    } else if members.has("payload") && members.has("payloadType") {
        let payload: Cow<'_, str> = members.value_or_default("payload")?;
        let decoded = STANDARD.decode(payload.as_bytes()).or_else(|_| URL_SAFE.decode(payload.as_bytes()));
        Opened::new(Envelope::Dsse, Cow::Owned(decoded.map_err(|_| Error::Payload)?))
    } else if members.has("_type") && members.has("predicate") {
        statement(members, limits)?
    } else {
        return Ok(None);
    };
    Ok(Some(opened).filter(|opened| outer.is_none_or(|outer| outer < opened.envelope)))
}

impl<'a> Opened<'a> {
    fn new(envelope: Envelope, content: Cow<'a, [u8]>) -> Self {
        Self { envelope, content, subjects: Vec::new(), predicate_type: None }
    }
}

fn statement<'a>(members: &Members<'a>, limits: &Limits) -> Result<Opened<'a>, Error> {
    let stated: Cow<'_, str> = members.value_or_default("_type")?;
    let version = stated.strip_prefix("https://in-toto.io/Statement/").unwrap_or(&stated);
    if !matches!(version, "v0.1" | "v1") {
        return Err(Error::Version {
            format: "in-toto statement",
            got: version.chars().take(40).collect(),
            expected: "v0.1 or v1".to_owned(),
        });
    }
    let predicate_type: Cow<'_, str> = members.value_or_default("predicateType")?;
    let subjects: Vec<Subject<'_>> = members.items("subject", "subjects", limits.subjects)?;
    let digests = |subject: &Subject<'_>| {
        let named = |algorithm: &str| format!("{algorithm}:{}", subject.digest.get(algorithm)?).parse().ok();
        [named("sha512"), named("sha256")].into_iter().flatten().collect::<Vec<Digest>>()
    };
    let predicate: &RawValue = members.value("predicate")?.ok_or(Error::UnknownFormat)?;
    let content = if predicate.get().starts_with('"') {
        Cow::Owned(parsed::<Cow<'_, str>>(predicate)?.into_owned().into_bytes())
    } else if let Ok(custom) = parsed::<Custom<'_>>(predicate) {
        Cow::Owned(custom.data.into_owned().into_bytes())
    } else {
        Cow::Borrowed(predicate.get().as_bytes())
    };
    Ok(Opened {
        subjects: subjects.iter().flat_map(digests).collect(),
        predicate_type: Some(predicate_type.into_owned()),
        ..Opened::new(Envelope::Statement, content)
    })
}

//! Bundles as cosign v3 writes them with a key and without services.
//!
//! Owns the written form: version 0.3, the hint (standard base64 of the SHA-256 of the key's `SubjectPublicKeyInfo`), one
//! DSSE signature without `keyid`. Follows `sigstore_bundle.proto` and the DSSE protocol. cosign's members in cosign's
//! order; its encoder puts spaces at random places, ours puts none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_verify::{BUNDLE_V0_3, Bundle, IN_TOTO_PAYLOAD, Statement, statement_by_key};
use serde::Serialize;

use crate::{Error, PrivateKey};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    media_type: &'a str,
    verification_material: Material,
    dsse_envelope: Envelope<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Hint,
}

#[derive(Serialize)]
struct Hint {
    hint: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    payload: String,
    payload_type: &'a str,
    signatures: [Signature; 1],
}

#[derive(Serialize)]
struct Signature {
    sig: String,
}

/// Signs `statement` and returns the bundle as JSON.
///
/// The result has been verified with the public half: a statement that nobody would accept, because it is about nothing or
/// larger than a bundle may be, and a signature spoilt by faulty hardware, are errors here and not at the reader's.
pub fn sign_statement(key: &PrivateKey, statement: &Statement) -> Result<Vec<u8>, Error> {
    let payload = statement.to_json();
    let signature = key.sign(&sigstore_types::pae(IN_TOTO_PAYLOAD, &payload))?;
    let written = Written {
        media_type: BUNDLE_V0_3,
        verification_material: Material {
            public_key: Hint { hint: STANDARD.encode(key.public_key().id().as_bytes()) },
        },
        dsse_envelope: Envelope {
            payload: STANDARD.encode(payload),
            payload_type: IN_TOTO_PAYLOAD,
            signatures: [Signature { sig: STANDARD.encode(signature) }],
        },
    };
    let bytes = serde_json::to_vec(&written).map_err(|_| Error::Crypto { step: "write the bundle" })?;

    let parsed = Bundle::parse(&bytes).map_err(Error::WouldNotVerify)?;
    statement_by_key(&parsed, std::slice::from_ref(key.public_key())).map_err(Error::WouldNotVerify)?;
    Ok(bytes)
}

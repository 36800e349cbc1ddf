//! Verification with public keys alone: no certificate, no log, no timestamp.

use sigstore_types::DsseEnvelope;
use sigstore_types::bundle::VerificationMaterialContent;

use crate::check::rejected;
use crate::error::excerpt;
use crate::{Bundle, Error, IN_TOTO_PAYLOAD, PublicKey, Signer, Statement, Verified};

/// Verifies that one of `keys` signed the statement in `bundle`.
///
/// In this order; each failing step is an error:
///
/// 1. There is a key. An empty set of keys must not read as "nothing to check".
/// 2. The bundle was made with a key. One with a certificate is refused, not tried: its log entry and timestamp are
///    what makes a short-lived certificate trustworthy, and this function does not check them.
/// 3. It contains a DSSE envelope. A signature over a bare message does not say what the message is, and one made for a
///    file must not pass for a statement.
/// 4. The payload type is in-toto's, so that bytes signed for another protocol cannot be read as a statement.
/// 5. The one signature (two, with one good, were TOB-SIGSTORE-9) is valid over DSSE's pre-authentication encoding of type
///    and payload, under one of the keys and with an algorithm that the key dictates. The bundle's key hint and the
///    envelope's `keyid` are not signed and decide nothing.
/// 6. Only then is the payload parsed, from the very bytes that were signed, strictly: no duplicate names, a known
///    `_type`, 1 to 1,024 subjects with sound digests. A payload that does not parse is a failed verification
///    (CVE-2026-39395).
///
/// Log entries and timestamps in the bundle are not checked; [`Verified::not_checked`] lists them.
///
/// It does not check whether the statement is about the caller's artifact ([`Statement::names`]), nor whether it is of
/// the wanted type ([`Statement::is_signature`]). The caller has to check both.
pub fn statement_by_key(bundle: &Bundle, keys: &[PublicKey]) -> Result<Verified<Statement>, Error> {
    let (envelope, signer) = signed_envelope(bundle, &keys.iter().collect::<Vec<_>>())?;
    let statement = Statement::parse(envelope.payload.as_bytes(), bundle.limits())?;
    Ok(Verified::new(statement, signer, bundle.digest(), bundle.extras()))
}

/// Steps 1 to 5: the envelope that one of `keys` signed, and which key it was. Its content has not been read.
pub(crate) fn signed_envelope<'a>(
    bundle: &'a Bundle,
    keys: &[&PublicKey],
) -> Result<(&'a DsseEnvelope, Signer), Error> {
    if keys.is_empty() {
        return Err(Error::NoKeys);
    }
    match bundle.material() {
        VerificationMaterialContent::PublicKey(_) => {}
        VerificationMaterialContent::Certificate(_)
        | VerificationMaterialContent::X509CertificateChain { .. } => {
            return Err(Error::WrongMaterial { got: "a certificate", expected: "a public key" });
        }
        _ => return Err(Error::WrongMaterial { got: "unknown material", expected: "a public key" }),
    }
    let envelope = bundle.envelope().ok_or(Error::NotAStatement)?;
    if envelope.payload_type != IN_TOTO_PAYLOAD {
        return Err(Error::PayloadType { got: excerpt(&envelope.payload_type) });
    }
    let message = envelope.pae();
    let signer = keys
        .iter()
        .find(|key| key.verifies(&message, &envelope.signature.sig).is_some())
        .ok_or_else(|| rejected(bundle, keys.iter().copied()))?;
    Ok((envelope, Signer::Key(signer.id())))
}

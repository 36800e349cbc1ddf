//! From a bundle to a verified value, step by step.

mod certificate_log;
mod chain;
mod engine;
mod log;
mod trail;

use plimsoll_core::Digest;

use crate::by_key::signed_envelope;
use crate::check::{check_windows, expect_key, rejected};
use crate::covered::{Covered, expect_named, expect_signed};
use crate::error::excerpt;
use crate::{
    Artifact, Bundle, Check, Error, IN_TOTO_PAYLOAD, Message, PublicKey, Signer, Statement, Step, Trusted,
    Verified,
};

use engine::engine;
use trail::Trail;

/// Verifies that a trusted signer signed the statement in `bundle`, and that it is about `about`, if that is given.
///
/// 1. **Material.** The bundle was made with a key where keys are trusted, with a certificate where identities are. At
///    least one signer is trusted.
/// 2. **Content.** It contains a DSSE envelope of in-toto's type: bytes signed for another protocol, or as a file, are
///    not a statement. Exactly one signature (TOB-SIGSTORE-9).
/// 3. **Timestamps.** Each RFC 3161 timestamp in the bundle covers this signature, by an authority of the trusted root,
///    within that authority's own time (TOB-SIGSTORE-11, CVE-2026-39984). If several are required, that many different
///    authorities have signed one.
/// 4. **Promise of the log.** Each signed entry timestamp is valid under the key of a trusted log that was valid then.
/// 5. **Signing time.** A certificate needs at least one time from 3 or 4. The signer's own claim is never one, and the
///    second version of the log has no time.
/// 6. **Chain.** The certificate leads to an authority of the trusted root, for code signing, and it, the authority and
///    every certificate between them were valid at every signing time (CVE-2026-24122), and may be used for that.
/// 7. **Certificate log.** The certificate's embedded timestamp is valid under a trusted certificate log's key.
/// 8. **Inclusion.** Each log entry has a proof that leads to a checkpoint signed by a trusted log, with the same size
///    and root. Entries of logs that the trusted root does not list are ignored.
/// 9. **Distinct logs.** As many logs as required, counted by the key that signed the checkpoint (CVE-2026-49834). An entry
///    counts for one log, whoever else has signed its checkpoint.
/// 10. **Signature.** It is valid over DSSE's encoding of type and payload under the certificate's or the trusted key.
/// 11. **Log entry.** Each is byte for byte the one that this bundle must have produced (CVE-2022-36056,
///     CVE-2026-22703).
/// 12. **Statement.** The payload parses, strictly (CVE-2026-39395): no duplicate names, a known type, sound subjects.
/// 13. **Artifact.** One of its subjects has exactly the digest `about`. Names authorise nothing.
/// 14. **Identity.** Issuer and subject of the certificate, and every required claim, match over the whole text. For a
///     key: every signing time is in the key's window (CVE-2026-54787).
///
/// Steps 3 to 9 and 11 are skipped for keys without a trusted root; [`Verified::observations`] and
/// [`Verified::not_checked`] say so.
pub fn verify(
    bundle: &Bundle,
    about: Option<&Digest>,
    check: &Check<'_>,
) -> Result<Verified<Statement>, Error> {
    let statement = claimed(bundle)?;
    confirm(bundle, statement, about, check)
}

/// As [`verify`], for a file that is known by several digests: the statement has to be about one of them. Returns which
/// one; if it is about several, the first in the order of `digests`. A subject that lists one of them beside one of another
/// file is refused, because two readers would take it for two files.
pub fn verify_one_of(
    bundle: &Bundle,
    digests: &[Digest],
    check: &Check<'_>,
) -> Result<(Verified<Statement>, Digest), Error> {
    let statement = claimed(bundle)?;
    let has = |digest: &&Digest| {
        let name = digest.algorithm().name();
        statement.subjects.iter().any(|subject| subject.digests.contains_key(name))
    };
    // If it names none of them, the error should be about an algorithm that it uses.
    let named = digests.iter().find(|digest| statement.names(digest)).or_else(|| digests.iter().find(has));
    let digest = *named.or(digests.first()).ok_or(Error::StatementDigest)?;
    let verified = confirm(bundle, statement, Some(&digest), check)?;
    match verified.value().contradiction(&digest, digests) {
        None => Ok((verified, digest)),
        Some(other) => {
            let got = format!("a subject whose {} is another file's", other.name());
            Err(Error::step(Step::Artifact, got, "the digests of one file"))
        }
    }
}

/// Steps 2 and 12: the statement in the bundle. It is parsed before it is trusted, because the digest to bind to may come
/// from it. Nothing else of it is used yet.
fn claimed(bundle: &Bundle) -> Result<Statement, Error> {
    let Some(envelope) = bundle.envelope() else { return Err(Error::NotAStatement) };
    if envelope.payload_type != IN_TOTO_PAYLOAD {
        return Err(Error::PayloadType { got: excerpt(&envelope.payload_type) });
    }
    Statement::parse(envelope.payload.as_bytes(), bundle.limits())
}

/// The other steps, for the statement in this bundle.
fn confirm(
    bundle: &Bundle,
    statement: Statement,
    about: Option<&Digest>,
    check: &Check<'_>,
) -> Result<Verified<Statement>, Error> {
    let bound = match about {
        Some(digest) => *digest,
        None => statement.first_digest().ok_or(Error::StatementDigest)?,
    };
    if about.is_some() && !statement.names(&bound) {
        return Err(Error::step(Step::Artifact, statement.subject_list(), bound));
    }
    match check.trusted {
        Trusted::Keys(keys) if check.goes_without_root(bundle) => {
            check.refuse_unmet_requirements(bundle)?;
            let plain: Vec<&PublicKey> = keys.iter().map(|trusted| &trusted.key).collect();
            let (_, signer) = signed_envelope(bundle, &plain)?;
            check_windows(keys, &signer, &[])?;
            let trail = Trail::by_key_alone(signer, about.is_some());
            Ok(trail.finish(bundle, statement))
        }
        _ => Ok(engine(bundle, Artifact::Digest(bound), check, about.is_some())?.finish(bundle, statement)),
    }
}

/// Verifies that a trusted signer signed `artifact` itself. The steps are those of [`verify`], but 2 requires a message
/// signature, 10 verifies it over the artifact's bytes or digest, which also covers 13, and 12 does not apply.
pub fn verify_message(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    check: &Check<'_>,
) -> Result<Verified<Message>, Error> {
    if !bundle.signs_message() {
        return Err(Error::NotAMessage);
    }
    if let Trusted::Keys(keys) = check.trusted
        && check.goes_without_root(bundle)
    {
        check.refuse_unmet_requirements(bundle)?;
        expect_key(bundle)?;
        let covered = Covered::read(bundle, artifact, keys.iter().map(|trusted| &trusted.key))?;
        expect_named(bundle, &covered)?;
        let mut signer = None;
        for trusted in keys {
            if signer.is_none() && covered.signed_by(bundle, &trusted.key)?.is_some() {
                signer = Some(Signer::Key(trusted.key.id()));
            }
        }
        let Some(signer) = signer else {
            let keys = || keys.iter().map(|trusted| &trusted.key);
            expect_signed(bundle, &covered, keys())?;
            return Err(rejected(bundle, keys()));
        };
        check_windows(keys, &signer, &[])?;
        return Ok(Trail::by_key_alone(signer, true).finish(bundle, Message { digest: covered.digest() }));
    }
    let trail = engine(bundle, artifact, check, true)?;
    let digest = trail.artifact.ok_or(Error::NotAMessage)?;
    Ok(trail.finish(bundle, Message { digest }))
}

//! Runs the official verifier, and the steps that it leaves out.

use std::num::NonZeroUsize;

use sigstore_types::HashAlgorithm;
use sigstore_types::bundle::SignatureContent;
use sigstore_verify::VerificationPolicy;

use super::chain::check_chain;
use super::keys::by_keys;
use super::log::{check_entries, distinct_logs};
use super::readable::Readable;
use super::refusal::{is_named, refusal};
use super::trail::{Trail, trail};
use crate::artifact::Source;
use crate::check::{check_windows, expect_key, nobody_trusted};
use crate::entry::{self, Verifier};
use crate::identity::CertificateIdentity;
use crate::{
    Artifact, Bundle, Check, Error, KeyAlgorithm, PublicKey, Signer, Step, Trusted, TrustedKey, stamps,
};

/// Runs the official verifier, and the steps around it that it leaves out.
pub(super) fn engine(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    check: &Check<'_>,
    about: bool,
) -> Result<Trail, Error> {
    let root = check.root.ok_or(Error::NoTrustedRoot)?;
    check.expect_material(bundle)?;
    let counting = bundle.counting(root, check.now);
    let bundle = counting.as_ref();
    check_entries(bundle, check.requirements)?;
    let readable = Readable::new(bundle, root, check)?;
    let p384 = |trusted: &TrustedKey| trusted.key.algorithm() == KeyAlgorithm::EcdsaP384;
    let may_be_p384 = matches!(check.trusted, Trusted::Keys(keys) if keys.iter().any(p384));
    let mut source = Source::new(artifact, readable.is_partial || may_be_p384);
    let (times, signer, verifier);
    match check.trusted {
        Trusted::Identities(identities) => {
            if identities.is_empty() {
                return Err(Error::NoIdentities);
            }
            let Some(certificate) = bundle.certificate() else {
                return Err(Error::WrongMaterial { got: "a public key", expected: "a certificate" });
            };
            let mut policy = VerificationPolicy::any_identity();
            if check.requirements.logs.is_none() || readable.has_no_entries() {
                policy = policy.skip_tlog_unsafe();
            }
            if !check.requirements.certificate_log {
                policy = policy.skip_sct();
            }
            if readable.has_no_entries() && bundle.timestamps() == 0 {
                return Err(Error::step(
                    Step::SigningTime,
                    "no trusted time",
                    "a timestamp, or a log's promise",
                ));
            }
            let result = source
                .verify(root, &readable.bundle, &policy, KeyAlgorithm::EcdsaP256)?
                .map_err(|error| refusal(&error, is_named(bundle, source.digests().sha256)))?;
            check_chain(bundle, root, result.verified_timestamps())?;
            let info = result.certificate().ok_or(Error::NoTrustedRoot)?;
            let holder = CertificateIdentity::read(certificate.as_bytes())
                .map_err(|got| Error::step(Step::Identity, got, "one holder, named by one issuer"))?;
            if !identities.iter().any(|identity| identity.is(&holder)) {
                return Err(nobody_trusted(identities, &holder));
            }
            signer = Signer::Certificate(Box::new(holder));
            verifier =
                Verifier::Certificate(certificate, PublicKey::from_spki_der(info.public_key.as_bytes())?);
            times = result.verified_timestamps().to_vec();
        }
        Trusted::Keys(keys) => {
            expect_key(bundle)?;
            let (key, found) = by_keys(bundle, &readable, &mut source, keys, root, check.requirements)?;
            times = found;
            signer = Signer::Key(key.id());
            check_windows(keys, &signer, &times)?;
            verifier = Verifier::Key(key);
        }
    }
    expect_dictated(bundle, verifier.key())?;
    let digests = source.digests();
    for (index, entry) in bundle.log_entries().iter().enumerate() {
        if entry::is_second(entry) && verifier.key().log_name().is_none() {
            return Err(Error::step(
                Step::LogEntry,
                format!(
                    "an entry of version 2 by a key of {} bits, which such logs do not accept",
                    verifier.key().bits()
                ),
                "ECDSA, or RSA of 2048, 3072 or 4096 bits",
            ));
        }
        let is_dsse = bundle.is_dsse_entry(index);
        if entry::matches(entry, is_dsse, bundle, &digests, &verifier) == Some(false) {
            return Err(Error::step(
                Step::LogEntry,
                format!("entry {} of the log, which belongs to another signature", entry.log_index.as_i64()),
                "the entry that this bundle leads to",
            ));
        }
    }
    let logs = distinct_logs(bundle, root);
    if let Some(wanted) = check.requirements.logs
        && logs.len() < wanted.get()
    {
        return Err(Error::step(Step::LogThreshold, format!("{} distinct logs", logs.len()), wanted));
    }
    if let Some(wanted) = NonZeroUsize::new(check.requirements.timestamps) {
        let found = stamps::authorities(bundle, root).len();
        if found < wanted.get() {
            let got = format!("signed timestamps of {found} distinct authorities");
            return Err(Error::step(Step::Timestamp, got, wanted));
        }
    }
    Ok(trail(bundle, check, times, signer, &logs, about.then_some(digests.sha256)))
}

/// The official verifier assumes that the digest algorithm named beside a message signature is the one that was signed.
/// That name is not signed: the key dictates the algorithm, as in verification by key alone.
fn expect_dictated(bundle: &Bundle, key: &PublicKey) -> Result<(), Error> {
    let SignatureContent::MessageSignature(message) = bundle.content() else { return Ok(()) };
    let dictated = match key.algorithm() {
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa => HashAlgorithm::Sha2256,
        KeyAlgorithm::EcdsaP384 => HashAlgorithm::Sha2384,
        KeyAlgorithm::Ed25519 => return Ok(()),
    };
    match &message.message_digest {
        // The one key that has signed either.
        Some(named)
            if key.algorithm() == KeyAlgorithm::EcdsaP384 && named.algorithm == HashAlgorithm::Sha2256 =>
        {
            Ok(())
        }
        Some(named) if named.algorithm != dictated => {
            let got = format!("a signature of a {}", named.algorithm);
            Err(Error::step(Step::Signature, got, format!("of a {dictated}, as the key dictates")))
        }
        _ => Ok(()),
    }
}

//! The steps that need a trusted root, in their order.

use sigstore_types::DerCertificate;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::certificate_log;
use super::chain::check_chain;
use super::log::{check_entries, distinct_logs};
use super::trail::{Trail, trail};
use crate::check::{check_windows, expect_key, nobody_trusted, rejected};
use crate::covered::{Covered, expect_named, expect_signed};
use crate::entry::{self, Verifier};
use crate::identity::CertificateIdentity;
use crate::{
    Artifact, Bundle, Check, Error, PublicKey, Signer, Step, Trusted, TrustedKey, inclusion, promise, stamps,
};

/// Steps 1, 3 to 11 and 14, and 13 for a message.
pub(super) fn engine(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    check: &Check<'_>,
    about: bool,
) -> Result<Trail, Error> {
    let root = check.root.ok_or(Error::NoTrustedRoot)?;
    let required = check.requirements;
    let is_logged = required.logs.is_some();
    check.expect_material(bundle)?;
    let counting = bundle.counting(root, check.now, is_logged);
    let bundle = counting.as_ref();
    check_entries(bundle, required)?;

    let stamps = stamps::verify(bundle, root)?;
    if stamps.authorities.len() < required.timestamps {
        let got = format!("signed timestamps of {} distinct authorities", stamps.authorities.len());
        return Err(Error::step(Step::Timestamp, got, required.timestamps));
    }
    let mut times = stamps.times;
    // A key's signature needs no time, so if no log is required, promises are not checked either.
    if is_logged || matches!(check.trusted, Trusted::Identities(_)) {
        times.extend(promise::times(bundle, root, check.now)?);
    }
    let signers = signers(bundle, check, &times)?;
    if is_logged {
        for (kind, entry) in bundle.log_entries() {
            // An entry without a proof has a promise: see `check_entries`.
            if entry.inclusion_proof.is_some() {
                inclusion::verify(kind, entry, root, check.now)?;
            }
        }
    }
    let logs = distinct_logs(bundle, root, check.now);
    if let Some(wanted) = required.logs
        && logs.len() < wanted.get()
    {
        return Err(Error::step(Step::LogThreshold, format!("{} distinct logs", logs.len()), wanted));
    }

    let covered = Covered::read(bundle, artifact, signers.keys())?;
    expect_named(bundle, &covered)?;
    let verifier = signers.verifier(bundle, &covered)?;
    for (kind, entry) in bundle.log_entries() {
        entry::check(kind, entry.canonicalized_body.as_bytes(), bundle, &covered, &verifier).map_err(
            |got| {
                let got = format!("entry {} of the log, {got}", entry.log_index.as_i64());
                Error::step(Step::LogEntry, got, "the entry that this bundle leads to")
            },
        )?;
    }
    let signer = identify(check, &verifier, &times)?;
    Ok(trail(bundle, check, times, signer, &logs, about.then_some(covered.digest())))
}

/// Who may have made the signature.
enum Signers<'a> {
    /// The holder of this certificate, which a trusted authority issued.
    Certificate(&'a DerCertificate, PublicKey),
    /// The holder of one of these keys, the likeliest first.
    Keys(Vec<&'a PublicKey>),
}

/// Steps 5 to 7 for a certificate.
fn signers<'a>(
    bundle: &'a Bundle,
    check: &Check<'a>,
    times: &[jiff::Timestamp],
) -> Result<Signers<'a>, Error> {
    let identities = match check.trusted {
        Trusted::Keys(keys) => {
            expect_key(bundle)?;
            return Ok(Signers::Keys(ordered(bundle, keys)?));
        }
        Trusted::Identities(identities) => identities,
    };
    if identities.is_empty() {
        return Err(Error::NoIdentities);
    }
    let root = check.root.ok_or(Error::NoTrustedRoot)?;
    let Some(certificate) = bundle.certificate() else {
        return Err(Error::WrongMaterial { got: "a public key", expected: "a certificate" });
    };
    let issuer = check_chain(bundle, root, times)?;
    if check.requirements.certificate_log {
        certificate_log::check(certificate.as_bytes(), &issuer, root)?;
    }
    let unreadable =
        |error: x509_cert::der::Error| Error::step(Step::Chain, error, "a certificate that can be read");
    let parsed = Certificate::from_der(certificate.as_bytes()).map_err(unreadable)?;
    let spki = parsed.tbs_certificate.subject_public_key_info.to_der().map_err(unreadable)?;
    // The signer chose an unsupported key, so this is a failed verification and not a mistake of the caller.
    let key = PublicKey::from_spki_der(&spki)
        .map_err(|error| Error::step(Step::Signature, error, "a certificate for a key that is accepted"))?;
    Ok(Signers::Certificate(certificate, key))
}

/// The keys, first the one that the bundle names.
fn ordered<'k>(bundle: &Bundle, keys: &'k [TrustedKey]) -> Result<Vec<&'k PublicKey>, Error> {
    if keys.is_empty() {
        return Err(Error::NoKeys);
    }
    let claimed = bundle.claimed_key();
    let mut ordered: Vec<&PublicKey> = keys.iter().map(|trusted| &trusted.key).collect();
    ordered.sort_by_key(|key| Some(key.id()) != claimed);
    Ok(ordered)
}

impl Signers<'_> {
    fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        let (one, more) = match self {
            Self::Certificate(_, key) => (Some(key), [].as_slice()),
            Self::Keys(keys) => (None, keys.as_slice()),
        };
        one.into_iter().chain(more.iter().copied())
    }

    /// Step 10: who made the signature.
    fn verifier(&self, bundle: &Bundle, covered: &Covered) -> Result<Verifier<'_>, Error> {
        for key in self.keys() {
            if let Some(scheme) = covered.signed_by(bundle, key)? {
                let certificate = match self {
                    Self::Certificate(certificate, _) => Some(*certificate),
                    Self::Keys(_) => None,
                };
                return Ok(Verifier { key, certificate, scheme });
            }
        }
        expect_signed(bundle, covered, self.keys())?;
        match self {
            Self::Certificate(..) => Err(Error::step(
                Step::Signature,
                "a signature that the certificate's key did not make",
                "a valid signature",
            )),
            Self::Keys(keys) => Err(rejected(bundle, keys.iter().copied())),
        }
    }
}

/// Step 14: who that is, and whether the caller trusts them.
fn identify(check: &Check<'_>, verifier: &Verifier<'_>, times: &[jiff::Timestamp]) -> Result<Signer, Error> {
    match (check.trusted, verifier.certificate) {
        (Trusted::Identities(identities), Some(certificate)) => {
            let holder = CertificateIdentity::read(certificate.as_bytes())
                .map_err(|got| Error::step(Step::Identity, got, "one holder, named by one issuer"))?;
            if !identities.iter().any(|identity| identity.is(&holder)) {
                return Err(nobody_trusted(identities, &holder));
            }
            Ok(Signer::Certificate(Box::new(holder)))
        }
        (Trusted::Keys(keys), None) => {
            let signer = Signer::Key(verifier.key.id());
            check_windows(keys, &signer, times)?;
            Ok(signer)
        }
        _ => Err(Error::NoTrustedRoot),
    }
}

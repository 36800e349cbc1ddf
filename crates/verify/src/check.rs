//! What a caller asks of a bundle: whom it trusts, and what has to be there beside the signature.

use std::num::NonZeroUsize;

use jiff::Timestamp;
use sigstore_types::bundle::VerificationMaterialContent;

use crate::error::excerpt;
use crate::identity::CertificateIdentity;
use crate::{Bundle, Error, Identity, KeyAlgorithm, PublicKey, Signer, Step, TrustedRoot, Window};

/// What the caller asks of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Who may have signed.
    pub trusted: Trusted<'a>,
    /// The authorities and logs behind it. Certificates cannot be verified without.
    pub root: Option<&'a TrustedRoot>,
    /// What must be there beside the signature.
    pub requirements: Requirements,
    /// The instant of the verification: keys of logs that start later do not count yet.
    pub now: Timestamp,
}

/// Who may have signed. One of them is enough; how many are needed over several bundles is policy.
#[derive(Debug, Clone, Copy)]
pub enum Trusted<'a> {
    /// The holder of one of these keys.
    Keys(&'a [TrustedKey]),
    /// The holder of a certificate that was issued to one of these.
    Identities(&'a [Identity]),
}

/// A key, and when its signatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Every trusted signing time has to lie in it (CVE-2026-54787). A signature without one does not count then.
    pub window: Option<Window>,
}

impl From<PublicKey> for TrustedKey {
    fn from(key: PublicKey) -> Self {
        Self { key, window: None }
    }
}

/// What must be there beside the signature. The default is what Sigstore asks for: one log, and the certificate in a
/// certificate log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirements {
    /// So many distinct logs hold the signature; `None` to do without, which the result repeats.
    pub logs: Option<NonZeroUsize>,
    /// So many distinct authorities signed a timestamp, beside what the log says of the time.
    pub timestamps: usize,
    /// The certificate carries proof that it was announced to a certificate log.
    pub certificate_log: bool,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { logs: Some(NonZeroUsize::MIN), timestamps: 0, certificate_log: true }
    }
}

impl Check<'_> {
    /// Step 1, before anything is said about what the other kind of bundle would have to bring along.
    pub(crate) fn expect_material(&self, bundle: &Bundle) -> Result<(), Error> {
        match self.trusted {
            Trusted::Keys(_) => expect_key(bundle),
            Trusted::Identities(_) if bundle.certificate().is_some() => Ok(()),
            Trusted::Identities(_) => {
                Err(Error::WrongMaterial { got: "a public key", expected: "a certificate" })
            }
        }
    }

    /// Whether a key's bundle is verified by the key alone: there is nothing to verify the rest with, or there is no rest
    /// and none is asked for.
    pub(crate) fn goes_without_root(&self, bundle: &Bundle) -> bool {
        self.root.is_none() || (self.requirements.logs.is_none() && bundle.extras().is_empty())
    }

    /// Without a trusted root nothing can be known about logs and timestamps.
    pub(crate) fn refuse_unmet_requirements(&self, bundle: &Bundle) -> Result<(), Error> {
        let got = if bundle.extras().is_empty() {
            "a bundle with neither log entry nor timestamp"
        } else {
            "a bundle, and no trusted root to verify its log entries and timestamps with"
        };
        if self.requirements.logs.is_some() {
            return Err(Error::step(Step::LogInclusion, got, "an entry of a trusted log"));
        }
        if self.requirements.timestamps > 0 {
            return Err(Error::step(Step::Timestamp, got, "a signed timestamp"));
        }
        Ok(())
    }
}

pub(crate) fn expect_key(bundle: &Bundle) -> Result<(), Error> {
    match bundle.material() {
        VerificationMaterialContent::PublicKey(_) => Ok(()),
        _ => Err(Error::WrongMaterial { got: "a certificate", expected: "a public key" }),
    }
}

/// A key with a window counts for signatures whose every trusted time lies in it, and for none without a trusted time.
pub(crate) fn check_windows(keys: &[TrustedKey], signer: &Signer, times: &[Timestamp]) -> Result<(), Error> {
    let Signer::Key(id) = signer else { return Ok(()) };
    let Some(window) = keys.iter().find(|trusted| trusted.key.id() == *id).and_then(|trusted| trusted.window)
    else {
        return Ok(());
    };
    let expected = format!("a time between {} and {}, when the key counts", window.start, window.end);
    match times.iter().find(|time| !window.contains(**time)) {
        Some(time) => Err(Error::step(Step::Identity, format!("signed at {time}"), expected)),
        None if times.is_empty() => Err(Error::step(Step::SigningTime, "no trusted time", expected)),
        None => Ok(()),
    }
}

pub(crate) fn rejected(bundle: &Bundle, keys: &[TrustedKey]) -> Error {
    if keys.is_empty() {
        return Error::NoKeys;
    }
    Error::Rejected {
        tried: keys.iter().map(|trusted| trusted.key.id()).collect(),
        claimed: bundle.claimed_key(),
        ed25519: keys.iter().any(|trusted| trusted.key.algorithm() == KeyAlgorithm::Ed25519),
    }
}

pub(crate) fn nobody_trusted(identities: &[Identity], holder: &CertificateIdentity) -> Error {
    let difference = match identities {
        [only] => only.difference(holder),
        _ => None,
    };
    match difference {
        Some(difference) => Error::step(Step::Identity, difference.got, difference.expected),
        None => Error::step(
            Step::Identity,
            excerpt(&holder.to_string()),
            format!("one of {} trusted identities", identities.len()),
        ),
    }
}

//! What a caller requires of a bundle: trusted signers, and evidence in addition to the signature.

use std::num::NonZeroUsize;

use jiff::Timestamp;
use sigstore_types::bundle::VerificationMaterialContent;

use crate::error::excerpt;
use crate::identity::CertificateIdentity;
use crate::{Bundle, Error, Identity, KeyId, PublicKey, Signer, Step, TrustedRoot, Window};

/// The caller's requirements for a bundle.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Who may have signed.
    pub trusted: Trusted<'a>,
    /// The trusted authorities and logs. Required to verify certificates.
    pub root: Option<&'a TrustedRoot>,
    /// The evidence required in addition to the signature.
    pub requirements: Requirements,
    /// The instant of the verification: keys of logs that start later do not count yet.
    pub now: Timestamp,
}

/// Who may have signed. One of them is enough; the policy decides how many are needed over several bundles.
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
    /// Every trusted signing time has to be in it (CVE-2026-54787). A signature without a trusted time does not count
    /// then.
    pub window: Option<Window>,
}

impl From<PublicKey> for TrustedKey {
    fn from(key: PublicKey) -> Self {
        Self { key, window: None }
    }
}

/// The evidence required in addition to the signature. The default is Sigstore's: one log, and the certificate in a certificate
/// log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirements {
    /// How many distinct logs must contain the signature; `None` for no log, which the result reports.
    pub logs: Option<NonZeroUsize>,
    /// How many distinct authorities must have signed a timestamp, in addition to the log's time.
    pub timestamps: usize,
    /// Whether the certificate must contain proof that it is in a certificate log.
    pub certificate_log: bool,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { logs: Some(NonZeroUsize::MIN), timestamps: 0, certificate_log: true }
    }
}

impl Check<'_> {
    /// Step 1, before any message about what the other kind of bundle would need.
    pub(crate) fn expect_material(&self, bundle: &Bundle) -> Result<(), Error> {
        match self.trusted {
            Trusted::Keys(_) => expect_key(bundle),
            Trusted::Identities(_) if bundle.certificate().is_some() => Ok(()),
            Trusted::Identities(_) => {
                Err(Error::WrongMaterial { got: "a public key", expected: "a certificate" })
            }
        }
    }

    /// Whether a key's bundle is verified by the key alone: there is no trusted root, or the bundle contains nothing else
    /// and nothing else is required.
    pub(crate) fn goes_without_root(&self, bundle: &Bundle) -> bool {
        self.root.is_none() || (self.requirements.logs.is_none() && bundle.extras().is_empty())
    }

    /// Without a trusted root, logs and timestamps cannot be verified.
    pub(crate) fn refuse_unmet_requirements(&self, bundle: &Bundle) -> Result<(), Error> {
        let got = if bundle.extras().is_empty() {
            "a bundle with neither log entry nor timestamp"
        } else {
            "a bundle, but no trusted root to verify its log entries and timestamps"
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

/// A key with a window counts only for signatures with a trusted time, if every such time is in the window.
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

/// None of `keys` made the signature.
pub(crate) fn rejected<'k>(bundle: &Bundle, keys: impl Iterator<Item = &'k PublicKey>) -> Error {
    let tried: Vec<KeyId> = keys.map(PublicKey::id).collect();
    if tried.is_empty() { Error::NoKeys } else { Error::Rejected { tried, claimed: bundle.claimed_key() } }
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

//! Whom verifications ask for: the keys and identities that a policy names, for images or for waivers.
//!
//! What verifies is `plimsoll-verify`; what a signature is then worth is the rules'. Here is only how a bundle is looked
//! at when both keys and certificates may have signed.

use plimsoll_core::Timestamp;
use plimsoll_verify::{
    Bundle, Check, Error, Identity, NotChecked, Requirements, Trusted, TrustedKey, TrustedRoot, Verified,
};

use crate::authority::{Authority, KeyOrIdentity};

/// Keys and identities that may have signed, and what has to be there beside a certificate's signature.
#[derive(Debug, Clone)]
pub struct Signers {
    keys: Vec<TrustedKey>,
    identities: Vec<Identity>,
    requirements: Requirements,
}

impl Signers {
    pub(crate) fn new<'a>(
        authorities: impl Iterator<Item = &'a Authority>,
        requirements: Requirements,
    ) -> Self {
        let (mut keys, mut identities) = (Vec::new(), Vec::new());
        for authority in authorities {
            match &authority.who {
                // Windows are the rules' own: they also know the time of judgement.
                KeyOrIdentity::Key(key) => keys.push(TrustedKey::from(key.clone())),
                KeyOrIdentity::Identity(identity) => identities.push(Identity::clone(identity)),
            }
        }
        Self { keys, identities, requirements }
    }

    /// Verifies a bundle as of `now` by `verify`, which is called with what fits the bundle.
    ///
    /// - A certificate is verified with `root`, by all that the policy asks; without a root that is
    ///   [`Error::NoTrustedRoot`], which says nothing about the signature.
    /// - A key's bundle is verified by the key. Where it carries a log entry or a timestamp and there is a root, these are
    ///   verified too, for what they say about the time; that they do not hold takes nothing from the key, and the result
    ///   lists what was left out.
    pub fn verify<T>(
        &self,
        bundle: &Bundle,
        root: Option<&TrustedRoot>,
        now: Timestamp,
        verify: impl Fn(&Check<'_>) -> Result<Verified<T>, Error>,
    ) -> Result<Verified<T>, Error> {
        if !self.identities.is_empty() && (bundle.has_certificate() || self.keys.is_empty()) {
            let trusted = Trusted::Identities(&self.identities);
            return verify(&Check { trusted, root, requirements: self.requirements, now });
        }
        let trusted = Trusted::Keys(&self.keys);
        let carried = bundle.extras();
        if root.is_some() && !carried.is_empty() {
            let logs = carried.contains(&NotChecked::TransparencyLog).then_some(std::num::NonZeroUsize::MIN);
            let timestamps = usize::from(carried.contains(&NotChecked::Timestamp));
            let requirements = Requirements { logs, timestamps, certificate_log: true };
            if let Ok(verified) = verify(&Check { trusted, root, requirements, now }) {
                return Ok(verified);
            }
        }
        let alone = Requirements { logs: None, timestamps: 0, certificate_log: true };
        verify(&Check { trusted, root: None, requirements: alone, now })
    }
}

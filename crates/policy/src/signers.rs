//! The signers to verify for: the keys and identities that a policy names, for images or for waivers.
//!
//! `plimsoll-verify` verifies, and the rules decide whether a signature counts. This file only decides how to
//! verify a bundle when both keys and certificates are allowed.

use plimsoll_core::Timestamp;
use plimsoll_verify::{
    Bundle, Check, Error, Identity, NotChecked, Requirements, Trusted, TrustedKey, TrustedRoot, Verified,
};

use crate::authority::{Authority, KeyOrIdentity};

/// Keys and identities that may have signed, and the evidence required with a certificate's signature.
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
                // The rules check time windows, because they know the time of judgement.
                KeyOrIdentity::Key(key) => keys.push(TrustedKey::from(key.clone())),
                KeyOrIdentity::Identity(identity) => identities.push(Identity::clone(identity)),
            }
        }
        Self { keys, identities, requirements }
    }

    /// Verifies a bundle as of `now` with `verify`, which is called with the checks that fit the bundle.
    ///
    /// - A certificate is verified with `root` and all of the policy's requirements; without a root, the result is
    ///   [`Error::NoTrustedRoot`], which says nothing about the signature.
    /// - A key's bundle is verified with the key. If it contains a log entry or a timestamp and there is a
    ///   root, these are verified too, because they attest the time of signing. If they are invalid, the
    ///   key's signature still counts, and the result lists what was left out.
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

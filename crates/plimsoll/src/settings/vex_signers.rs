//! Whose VEX counts in a scan, of that which is attached to the scanned image.

use plimsoll_core::{Kind, Timestamp};
use plimsoll_keys::KeyAccess;
use plimsoll_trust as trust;
use plimsoll_verify::{Check, Identity, Requirements, Trusted, TrustedKey, TrustedRoot};

use super::Context;
use super::trust_flags::exact_identities;
use crate::args::scan::VexTrust;
use crate::failure::Failure;

/// Signers of VEX.
pub(crate) enum VexSigners {
    Keys(Vec<TrustedKey>),
    /// Holders of certificates, and what these are verified against.
    Identities(Vec<Identity>, Box<TrustedRoot>),
}

impl VexSigners {
    /// Those that the flags name, if they name any.
    pub(crate) fn resolve(
        flags: &VexTrust,
        access: &KeyAccess,
        context: &Context<'_>,
    ) -> Result<Option<Self>, Failure> {
        let identities = exact_identities(
            (&flags.vex_certificate_identity, "--vex-certificate-identity"),
            (&flags.vex_certificate_oidc_issuer, "--vex-certificate-oidc-issuer"),
        )?;
        match (flags.vex_key.as_slice(), identities.is_empty()) {
            ([], true) => Ok(None),
            ([], false) => {
                let folder = context.trust_folder().ok();
                let choice = trust::Choice {
                    file: flags.trusted_root.as_deref(),
                    instance: flags.instance.as_deref().unwrap_or(trust::PUBLIC_GOOD),
                    folder: folder.as_deref(),
                    now: context.clock()(),
                    http: &access.http,
                };
                Ok(Some(Self::Identities(identities, Box::new(trust::current(&choice)?.root))))
            }
            (keys, true) => {
                let key = |reference: &String| {
                    Ok::<_, Failure>(plimsoll_keys::open_public(reference, access)?.into())
                };
                keys.iter().map(key).collect::<Result<_, _>>().map(|keys| Some(Self::Keys(keys)))
            }
            (_, false) => Err(Failure::new(
                Kind::Usage,
                "got --vex-key and --vex-certificate-identity, expected one of them",
            )),
        }
    }

    /// The same for the verifier. A key's signature need not be in a log, a certificate's has to be: without it, nobody knows whether
    /// the certificate was valid then.
    pub(crate) fn check(&self, now: Timestamp) -> Check<'_> {
        let requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };
        match self {
            Self::Keys(keys) => Check { trusted: Trusted::Keys(keys), root: None, requirements, now },
            Self::Identities(identities, root) => Check {
                trusted: Trusted::Identities(identities),
                root: Some(root),
                requirements: Requirements { logs: Some(std::num::NonZeroUsize::MIN), ..requirements },
                now,
            },
        }
    }
}

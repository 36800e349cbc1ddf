//! Why an examined statement does not count.

use std::sync::Arc;

use plimsoll_core::{Classify as _, Digest};
use plimsoll_gather::{Proof, Rejected, Rejection};
use plimsoll_verify::Step;
use serde_json::Value;

use crate::Misfit;

/// An examined statement that does not count.
#[derive(Debug)]
pub struct Refusal {
    /// The manifest that attaches it to the subject, if it is attached to an image.
    pub referrer: Option<Digest>,
    /// Why.
    pub reason: Reason,
}

/// Why it does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is attached, and is unreadable or not valid.
    #[error(transparent)]
    Attached(#[from] Rejection),
    /// It is from a file, and is unreadable or not valid.
    #[error(transparent)]
    Bundle(#[from] Arc<plimsoll_verify::Error>),
    /// A trusted signer signed it, but without a required annotation.
    #[error("annotation {name}: got {}, expected {expected:?}", got.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string))]
    Annotation {
        /// Its name.
        name: String,
        /// The signed value under this name.
        got: Option<Value>,
        /// The required value.
        expected: String,
    },
    /// A trusted signer signed it, but its predicate does not fit its type or the schema.
    #[error(transparent)]
    Predicate(#[from] Misfit),
    /// The package index names another publisher than the certificate.
    #[error("{difference}")]
    Publisher {
        /// What differs.
        difference: String,
    },
}

impl Refusal {
    /// The refusal of an attached statement that is valid but does not count.
    pub(crate) fn of_proof(proof: &Proof, reason: Reason) -> Self {
        Self { referrer: Some(proof.referrer), reason }
    }

    /// The step of the verification that failed, if one did.
    pub fn step(&self) -> Option<Step> {
        match &self.reason {
            Reason::Attached(rejection) => rejection.failed_step(),
            Reason::Bundle(error) => error.failed_step(),
            Reason::Predicate(_) => Some(Step::Statement),
            _ => None,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match &self.reason {
            Reason::Attached(Rejection::Bundle(error)) => error.hint(),
            Reason::Bundle(error) => error.hint(),
            Reason::Annotation { .. } => Some("it is signed, but not with this annotation".to_owned()),
            _ => None,
        }
    }

    /// The most informative refusal: that of the bundle that got furthest. An unreadable bundle says less
    /// than one by the wrong signer.
    pub fn most_telling(refusals: &[Self]) -> Option<&Self> {
        refusals.iter().max_by_key(|refusal| (refusal.holds(), refusal.step()))
    }

    /// Whether a trusted signer signed it, so that only its content does not fit.
    fn holds(&self) -> bool {
        match &self.reason {
            Reason::Attached(_) | Reason::Bundle(_) => false,
            Reason::Annotation { .. } | Reason::Predicate(_) | Reason::Publisher { .. } => true,
        }
    }
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        Self { referrer: Some(rejected.referrer), reason: rejected.reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_a_trusted_signers_bundle_comes_first() {
        let refusal = |reason| Refusal { referrer: None, reason };
        let annotation =
            || refusal(Reason::Annotation { name: "env".to_owned(), got: None, expected: "prod".to_owned() });
        let wrong_key = || refusal(Reason::Bundle(Arc::new(plimsoll_verify::Error::NoTrustedRoot)));
        for both in [[annotation(), wrong_key()], [wrong_key(), annotation()]] {
            let told = Refusal::most_telling(&both).map(|refusal| &refusal.reason);
            assert!(matches!(told, Some(Reason::Annotation { .. })), "{told:?}");
        }
    }
}

//! Whether what is attached to an image is enough: signatures, or attestations of one type, by as many different people as
//! a threshold says.
//!
//! Owns which of the valid statements count, how many are enough, and what follows if there are fewer.
//! [`plimsoll_gather::attached`] finds and verifies them; the caller says in [`Check`] who is trusted. Under
//! a policy, the policy decides who must sign.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use plimsoll_core::{Digest, Kind, Limits};
use plimsoll_gather::{Attached, Extent, Proof, attached};
use plimsoll_image::Source;
use plimsoll_verify::{COSIGN_SIGN_V1, Check, PredicateType, Step, Trusted};
use serde_json::Value;

use crate::refusal::{Reason, Refusal};
use crate::{Error, PredicateForm};

/// What an image must have.
#[derive(Debug)]
pub struct Requirement<'a> {
    /// Which statements count.
    pub statements: StatementFilter<'a>,
    /// Who must have signed, and the evidence that is required beside the signature.
    pub check: Check<'a>,
    /// How many different people must have signed. A person who signed twice counts once.
    pub threshold: NonZeroUsize,
    /// The limits for what is attached.
    pub limits: &'a Limits,
}

/// Which statements count.
#[derive(Debug, Clone, Copy)]
pub enum StatementFilter<'a> {
    /// Image signatures whose signed content includes these annotations. An attestation is not a signature.
    Signature {
        /// Names and values.
        annotations: &'a BTreeMap<String, String>,
    },
    /// Attestations.
    Attestation {
        /// Of this type.
        kind: &'a PredicateType,
        /// With predicates of this form.
        form: &'a PredicateForm,
    },
}

/// What is attached to an image, and whether it is enough.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// What counts.
    pub verified: Vec<Proof>,
    /// Statements that were examined and do not count.
    pub refused: Vec<Refusal>,
    /// The predicate types of statements of other kinds, which were not examined.
    pub others: BTreeSet<String>,
    /// Why it is not enough. `None` if it is.
    pub shortfall: Option<Shortfall>,
}

/// Why it is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// What was examined has too few signers, but more is attached, so the answer is unknown.
    Incomplete {
        /// How many there are.
        signers: usize,
        /// How many are required.
        threshold: usize,
    },
    /// There are signers, but fewer than required.
    TooFew {
        /// How many there are.
        signers: usize,
        /// How many are required.
        threshold: usize,
    },
    /// Attachments of the required kind, or possibly of it, exist, and none of them counts.
    NoneCounts,
    /// The same, but certificates are trusted and all attachments were signed with keys.
    OnlyByKey,
    /// Nothing of the required kind is attached.
    Nothing,
}

impl Shortfall {
    /// The kind of failure for a gate: [`Kind::Denied`] if everything was examined, otherwise
    /// [`Kind::Indeterminate`].
    pub fn kind(self) -> Kind {
        match self {
            Self::Incomplete { .. } => Kind::Indeterminate,
            Self::TooFew { .. } | Self::NoneCounts | Self::OnlyByKey | Self::Nothing => Kind::Denied,
        }
    }
}

impl StatementFilter<'_> {
    fn is(&self, predicate_type: &str) -> bool {
        match self {
            Self::Signature { .. } => predicate_type == COSIGN_SIGN_V1,
            Self::Attestation { kind, .. } => kind.is(predicate_type),
        }
    }

    /// Why a statement of the required kind about `digest` does not count, although a trusted signer signed
    /// it.
    fn against(&self, proof: &Proof, digest: &Digest, limits: &Limits) -> Option<Reason> {
        let statement = proof.statement.value();
        match self {
            Self::Signature { annotations } => {
                let signed = statement.annotations(digest);
                let missing = annotations
                    .iter()
                    .find(|(name, value)| signed.get(*name).and_then(Value::as_str) != Some(value));
                missing.map(|(name, value)| Reason::Annotation {
                    name: name.clone(),
                    got: signed.get(name).cloned(),
                    expected: value.clone(),
                })
            }
            Self::Attestation { form, .. } => {
                form.check(&statement.predicate_type, &statement.predicate, limits).err().map(Reason::from)
            }
        }
    }
}

impl Requirement<'_> {
    /// Examines what is attached to the image `digest` in `evidence`: signatures until there are enough,
    /// attestations all of them. If the attachments cannot be listed, that is an error; a fault in a single
    /// bundle is a [`Refusal`].
    pub fn examine(&self, evidence: &dyn Source, digest: &Digest) -> Result<Examination, Error> {
        let against = |proof: &Proof| self.statements.against(proof, digest, self.limits);
        let enough =
            |found: &Attached| found.signers_of(|proof| against(proof).is_none()) >= self.threshold.get();
        let query = plimsoll_gather::AttachmentQuery {
            is: &|predicate_type: &str| self.statements.is(predicate_type),
            extent: match self.statements {
                StatementFilter::Signature { .. } => Extent::Until(&enough),
                StatementFilter::Attestation { .. } => Extent::Everything,
            },
        };
        let mut found = attached(evidence, digest, &self.check, query, self.limits)?;
        let mut refused: Vec<Refusal> = found.rejected.drain(..).map(Refusal::from).collect();
        found.verified.retain(|proof| {
            let reason = against(proof);
            let counts = reason.is_none();
            refused.extend(reason.map(|reason| Refusal::of_proof(proof, reason)));
            counts
        });
        let shortfall = self.shortfall(&found, &refused);
        Ok(Examination { verified: found.verified, refused, others: found.others, shortfall })
    }

    fn shortfall(&self, found: &Attached, refused: &[Refusal]) -> Option<Shortfall> {
        let (signers, threshold) = (found.signers(), self.threshold.get());
        if signers >= threshold {
            return None;
        }
        Some(if found.truncated {
            Shortfall::Incomplete { signers, threshold }
        } else if !found.verified.is_empty() {
            Shortfall::TooFew { signers, threshold }
        } else if refused.is_empty() {
            Shortfall::Nothing
        } else if self.wants_certificates() && refused.iter().all(signed_with_key) {
            Shortfall::OnlyByKey
        } else {
            Shortfall::NoneCounts
        })
    }

    fn wants_certificates(&self) -> bool {
        matches!(self.check.trusted, Trusted::Identities(_))
    }
}

/// If certificates are trusted, a bundle that fails at the key material was signed with a key.
fn signed_with_key(refused: &Refusal) -> bool {
    refused.step() == Some(Step::Material)
}

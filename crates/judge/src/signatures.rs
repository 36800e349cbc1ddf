//! Whether what is attached to an image is enough: signatures, or attestations of one type, by as many different people as
//! a threshold says.
//!
//! Owns which of the statements that hold count, how many are enough, and what it means that there are fewer. Finding and
//! verifying them is [`plimsoll_gather::attached`]; who is trusted is said by the caller, in [`Check`]. Who signs under a
//! policy is the policy's question.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use plimsoll_core::{Digest, Kind, Limits};
use plimsoll_gather::{Attached, Extent, Proof, attached};
use plimsoll_image::Source;
use plimsoll_verify::{COSIGN_SIGN_V1, Check, PredicateType, Step, Trusted};
use serde_json::Value;

use crate::refusal::{Reason, Refusal};
use crate::{Error, PredicateForm};

/// What is asked of an image.
#[derive(Debug)]
pub struct Requirement<'a> {
    /// Which statements count.
    pub statements: StatementFilter<'a>,
    /// Who has to have signed, and what has to be there beside the signature.
    pub check: Check<'a>,
    /// How many different people have to have signed. One who signed twice counts once.
    pub threshold: NonZeroUsize,
    /// The limits for what is attached.
    pub limits: &'a Limits,
}

/// Which statements count.
#[derive(Debug, Clone, Copy)]
pub enum StatementFilter<'a> {
    /// Statements made to be signatures, with these annotations signed along. An attestation is no signature.
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
    /// What was looked at and does not count.
    pub refused: Vec<Refusal>,
    /// The predicate types of statements of other kinds, which were not looked at.
    pub others: BTreeSet<String>,
    /// Why it is not enough. `None` where it is.
    pub shortfall: Option<Shortfall>,
}

/// Why it is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// There are too few signers among what was looked at, and more is attached than that: nobody knows.
    Incomplete {
        /// How many there are.
        signers: usize,
        /// How many are asked for.
        threshold: usize,
    },
    /// There are some, and fewer than asked for.
    TooFew {
        /// How many there are.
        signers: usize,
        /// How many are asked for.
        threshold: usize,
    },
    /// Something is attached that is or may be of the kind, and none of it counts.
    NoneCounts,
    /// The same, where certificates are trusted, and all of it was signed with keys.
    OnlyByKey,
    /// Nothing of the kind is attached.
    Nothing,
}

impl Shortfall {
    /// What a gate makes of it: [`Kind::Denied`] where all was looked at, else [`Kind::Indeterminate`].
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

    /// Why a statement of the kind about `digest`, which somebody trusted has signed, does not count.
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
    /// Looks at what is attached to the image `digest` in `evidence`. Signatures are looked for until there are enough;
    /// attestations are all looked at. Not being able to find out what is attached is an error; anything
    /// wrong with one bundle is a [`Refusal`].
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

/// Where certificates are trusted, what fails at the material was signed with a key.
fn signed_with_key(refused: &Refusal) -> bool {
    refused.step() == Some(Step::Material)
}

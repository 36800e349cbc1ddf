//! The statements attached to an image that a trusted signer has signed.
//!
//! Owns the way from a subject's digest to verified statements of the wanted type: every attached bundle is read, one
//! that verifies is enough, and the others are kept with their reasons. The caller decides how many signers are enough;
//! [`Attached::signers`] counts them.

use std::collections::BTreeSet;
use std::thread;

use plimsoll_attach::evidence::{Bundles, FoundBundle, Search, SkipReason};
use plimsoll_core::{Digest, Limits};
use plimsoll_image::Source;
use plimsoll_verify::{Check, Statement, Step, Verified};

use crate::Error;

/// What is attached to a subject, verified.
#[derive(Debug, Default)]
pub struct Attached {
    /// Verified statements of the wanted type, in the order in which the place lists them.
    pub verified: Vec<Proof>,
    /// Bundles of the wanted type that do not verify, and referrers that could not be read.
    pub rejected: Vec<Rejected>,
    /// The predicate types of other bundles, each once.
    pub others: BTreeSet<String>,
    /// More is attached than the limits allow: evidence that seems missing may exist.
    pub truncated: bool,
}

/// A verified statement, and where it was found.
#[derive(Debug)]
pub struct Proof {
    /// The manifest that refers to the subject.
    pub referrer: Digest,
    /// The statement.
    pub statement: Verified<Statement>,
}

/// A referrer that does not count.
#[derive(Debug)]
pub struct Rejected {
    /// The manifest that refers to the subject.
    pub referrer: Digest,
    /// Why.
    pub reason: Rejection,
}

/// Why a referrer does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It could not be read.
    #[error(transparent)]
    Unreadable(SkipReason),
    /// It does not verify.
    #[error(transparent)]
    Bundle(Box<plimsoll_verify::Error>),
}

impl Rejection {
    /// The step of the verification that failed, if one did.
    pub fn failed_step(&self) -> Option<Step> {
        match self {
            Self::Unreadable(_) => None,
            Self::Bundle(error) => error.failed_step(),
        }
    }
}

impl Attached {
    /// The number of different signers. The same signer counts once.
    pub fn signers(&self) -> usize {
        self.signers_of(|_| true)
    }

    /// The number of different signers of the statements that `counts` accepts.
    pub fn signers_of(&self, counts: impl Fn(&Proof) -> bool) -> usize {
        let counting = self.verified.iter().filter(|proof| counts(proof));
        counting.map(|proof| proof.statement.signer().person()).collect::<BTreeSet<_>>().len()
    }

    /// Whether there is neither a bundle of the wanted type nor anything that may be one of it.
    pub fn is_empty(&self) -> bool {
        self.verified.is_empty() && self.rejected.is_empty()
    }
}

/// Which attached statements to search for.
#[derive(Clone, Copy)]
pub struct AttachmentQuery<'a> {
    /// Whether a predicate type is wanted.
    pub is: &'a (dyn Fn(&str) -> bool + Sync),
    /// When the search ends.
    pub extent: Extent<'a>,
}

/// When a search ends.
#[derive(Clone, Copy)]
pub enum Extent<'a> {
    /// After the first place with which the result is enough.
    Until(&'a dyn Fn(&Attached) -> bool),
    /// After the last place: a caller that wants the statements themselves wants all of them.
    Everything,
}

/// Fetches what is attached to `subject`, place by place as in [`Search`], and verifies the wanted statements. A
/// failure to find out what is attached is an error; a fault of one bundle is not.
pub fn attached(
    source: &dyn Source,
    subject: &Digest,
    check: &Check<'_>,
    wanted: AttachmentQuery<'_>,
    limits: &Limits,
) -> Result<Attached, Error> {
    let subjects = [*subject];
    let (mut search, mut attached) = (Search::new(source, &subjects, limits), Attached::default());
    while let Some(place) = search.next_place()? {
        for (subject, found) in place {
            attached.add(found, &subject, check, wanted.is, limits);
        }
        if let Extent::Until(enough) = wanted.extent
            && enough(&attached)
        {
            break;
        }
    }
    Ok(attached)
}

impl Attached {
    fn add(
        &mut self,
        found: Bundles,
        subject: &Digest,
        check: &Check<'_>,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        limits: &Limits,
    ) {
        self.truncated |= found.truncated;
        for (bundle, outcome) in
            found.found.iter().zip(outcomes(&found.found, subject, check, wanted, limits))
        {
            let referrer = bundle.referrer.digest;
            match outcome {
                Outcome::Holds(statement) => {
                    self.verified.push(Proof { referrer, statement: *statement });
                }
                Outcome::Fails(error) => {
                    // Its content was not read.
                    self.truncated |= matches!(*error, plimsoll_verify::Error::Limit(_));
                    self.rejected.push(Rejected { referrer, reason: Rejection::Bundle(error) });
                }
                Outcome::Other(predicate_type) => {
                    self.others.insert(predicate_type);
                }
            }
        }
        for skipped in found.skipped {
            // An attached SBOM is not a fault.
            if !matches!(skipped.reason, SkipReason::OtherArtifact { .. }) {
                let reason = Rejection::Unreadable(skipped.reason);
                self.rejected.push(Rejected { referrer: skipped.descriptor.digest, reason });
            }
        }
    }
}

enum Outcome {
    Holds(Box<Verified<Statement>>),
    Fails(Box<plimsoll_verify::Error>),
    Other(String),
}

/// Verifies all of them; the outcomes are in the order of the bundles.
fn outcomes(
    found: &[FoundBundle],
    subject: &Digest,
    check: &Check<'_>,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    limits: &Limits,
) -> Vec<Outcome> {
    on_all_processors(found, |bundle| outcome(bundle, subject, check, wanted, limits))
}

/// Applies `each` to all of them; the results are in their order.
pub(crate) fn on_all_processors<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    /// A thread costs about as much as a few verifications.
    const AT_LEAST: usize = 4;
    // Finding the number of processors takes a dozen system calls.
    let alone = items.len() <= AT_LEAST;
    let threads = if alone { 1 } else { thread::available_parallelism().map_or(1, std::num::NonZero::get) };
    let share = items.len().div_ceil(threads).max(AT_LEAST);
    if items.len() <= share {
        return items.iter().map(each).collect();
    }
    let each = &each;
    thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(each).collect::<Vec<_>>()))
            .collect();
        let joined = parts.into_iter().map(thread::ScopedJoinHandle::join);
        // A panic in a thread continues here: without its part, the result would be wrong.
        joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn outcome(
    bundle: &FoundBundle,
    subject: &Digest,
    check: &Check<'_>,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    limits: &Limits,
) -> Outcome {
    let bundle = match bundle.parse(limits) {
        Ok(bundle) => bundle,
        Err(error) => return Outcome::Fails(Box::new(error)),
    };
    // The statement itself states this type in the bytes that would be verified: it cannot count, whoever signed it.
    if let Some(other) = bundle.claimed_predicate().filter(|predicate_type| !wanted(predicate_type)) {
        return Outcome::Other(other);
    }
    match bundle.verify(subject, check) {
        Ok(statement) if wanted(&statement.value().predicate_type) => Outcome::Holds(Box::new(statement)),
        Ok(statement) => Outcome::Other(statement.value().predicate_type.clone()),
        Err(error) => Outcome::Fails(Box::new(error)),
    }
}

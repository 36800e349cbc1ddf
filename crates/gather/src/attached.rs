//! The statements attached to an image that somebody trusted has signed.
//!
//! Owns the way from a subject's digest to verified statements of the wanted kind: every bundle that is attached is looked at,
//! one that holds is enough, and those that do not are kept with their reasons. How many signers are enough is the
//! caller's question; [`Attached::signers`] counts them.

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
    /// Statements of the wanted kind that hold, in the order in which the place lists them.
    pub verified: Vec<Proof>,
    /// Bundles of the wanted kind that do not hold, and referrers that could not be read.
    pub rejected: Vec<Rejected>,
    /// The predicate types of the bundles that are of another kind, each once.
    pub others: BTreeSet<String>,
    /// There is more than the limits let through: what is missing may be there.
    pub truncated: bool,
}

/// A statement that holds, and where it was.
#[derive(Debug)]
pub struct Proof {
    /// The manifest that ties it to the subject.
    pub referrer: Digest,
    /// The statement.
    pub statement: Verified<Statement>,
}

/// A referrer that does not count.
#[derive(Debug)]
pub struct Rejected {
    /// The manifest that ties it to the subject.
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
    /// It does not hold.
    #[error(transparent)]
    Bundle(Box<plimsoll_verify::Error>),
}

impl Rejection {
    /// The step of the verification that refused, where one did.
    pub fn failed_step(&self) -> Option<Step> {
        match self {
            Self::Unreadable(_) => None,
            Self::Bundle(error) => error.failed_step(),
        }
    }
}

impl Attached {
    /// How many different signers there are. The same one twice counts once.
    pub fn signers(&self) -> usize {
        self.signers_of(|_| true)
    }

    /// The same among the statements that `counts` lets count.
    pub fn signers_of(&self, counts: impl Fn(&Proof) -> bool) -> usize {
        let counting = self.verified.iter().filter(|proof| counts(proof));
        counting.map(|proof| proof.statement.signer().person()).collect::<BTreeSet<_>>().len()
    }

    /// Whether there is a bundle of the wanted kind at all, or something that may be one.
    pub fn is_empty(&self) -> bool {
        self.verified.is_empty() && self.rejected.is_empty()
    }
}

/// What is looked for among what is attached.
#[derive(Clone, Copy)]
pub struct AttachmentQuery<'a> {
    /// Whether statements of this predicate type are meant.
    pub is: &'a (dyn Fn(&str) -> bool + Sync),
    /// When the search ends.
    pub extent: Extent<'a>,
}

/// When a search ends.
#[derive(Clone, Copy)]
pub enum Extent<'a> {
    /// After the place with which what was found is enough.
    Until(&'a dyn Fn(&Attached) -> bool),
    /// After the last place: whoever wants the statements themselves wants them all.
    Everything,
}

/// Fetches what is attached to `subject`, place by place as [`Search`] has it, and verifies the statements that are wanted. Not
/// being able to find out what is attached is an error; anything wrong with one bundle is not.
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
                    // What is in it nobody looked at.
                    self.truncated |= matches!(*error, plimsoll_verify::Error::Limit(_));
                    self.rejected.push(Rejected { referrer, reason: Rejection::Bundle(error) });
                }
                Outcome::Other(predicate_type) => {
                    self.others.insert(predicate_type);
                }
            }
        }
        for skipped in found.skipped {
            // Nothing is wrong with an SBOM that lies beside the image.
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
    // How many processors there are takes a dozen system calls to find out.
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
        // A panic in one goes on here: with a part missing, a result would be about something else than was asked.
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
    // The statement itself says so, in the very bytes that would be verified: it cannot count, whoever signed it.
    if let Some(other) = bundle.claimed_predicate().filter(|predicate_type| !wanted(predicate_type)) {
        return Outcome::Other(other);
    }
    match bundle.verify(subject, check) {
        Ok(statement) if wanted(&statement.value().predicate_type) => Outcome::Holds(Box::new(statement)),
        Ok(statement) => Outcome::Other(statement.value().predicate_type.clone()),
        Err(error) => Outcome::Fails(Box::new(error)),
    }
}

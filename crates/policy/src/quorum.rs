//! Attestations of one type: which count, and whether enough different people made them.
//!
//! Owns what every rule about attestations has in common:
//!
//! - A statement counts if it names the platform's manifest or its index by exact digest, if a signer whom the rule names made it
//!   at a time that counts, and if the rule accepts its content. What nobody named signed never counts, and hides nothing.
//! - One that counts is enough, whatever others say: otherwise, hiding an attestation could improve a verdict.
//! - People are counted as in the rule about signatures: each once, however often they sign.
//! - If attachments could not be read, or something could not be verified without a root, the rule is unknown unless it is
//!   satisfied anyway. That includes the log entries and timestamps of a key's attestation: a failure could be waived, although a
//!   root might show that nothing is wrong.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::clock::SKEW;
use plimsoll_core::quantity::count;
use plimsoll_core::{Digest, Limits};
use plimsoll_verify::person::Person;
use plimsoll_verify::provenance::Form;
use plimsoll_verify::{PredicateType, Statement, Verified};

use crate::assignment::assign;
use crate::authority::{Authority, KeyOrIdentity, Signed, not_checked};
use crate::detail::{Detail, SignerRecord};
use crate::evidence::{AttestationSearch, ImageDigests, RefusedAttestation};
use crate::rule::{Answer, Context};
use crate::rules::RuleName;
use crate::setting::{Age, span};
use crate::verdict::{Effect, EvidenceRecord, Outcome, earliest};

/// The attestations that a rule asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'p> {
    pub(crate) kind: WantedType<'p>,
    /// Who may have made them.
    pub(crate) signed_by: &'p [Authority],
    /// Where the policy names them.
    pub(crate) list: &'p str,
    /// How many different people must have made one.
    pub(crate) threshold: usize,
    /// How long ago they may have been signed, by trusted clocks.
    pub(crate) max_age: Option<Age>,
    /// Whether the rule looks at their content.
    pub(crate) reads_predicate: bool,
}

impl Wanted<'_> {
    /// Whether a trusted root can affect which of them count: it vouches for certificates, logs and clocks.
    pub(crate) fn wants_root(&self) -> bool {
        self.max_age.is_some() || self.signed_by.iter().any(Authority::wants_root)
    }

    /// Whether it was signed recently enough: until when, or why not. Of several trusted clocks, the earliest counts: the statement
    /// is at least that old.
    fn age(&self, signed: &Signed, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let Some(age) = self.max_age else { return Ok(None) };
        let most = span(age.0);
        let Some(time) = signed.times.iter().min() else {
            return Err(format!("no trusted clock attests when it was signed, expected at most {most} ago"));
        };
        // A timestamp authority may have stamped it at any time, also after the time of judgement.
        let latest = now.checked_add(SKEW).unwrap_or(Timestamp::MAX);
        if let Some(later) = signed.times.iter().find(|time| **time > latest) {
            return Err(format!("signed at {later}, which is after the time of judgement, {now}"));
        }
        let too_old = || format!("signed at {time}, expected at most {most} ago");
        let end = time.checked_add(age.0).map_err(|_| too_old())?;
        if now <= end { Ok(Some(end)) } else { Err(too_old()) }
    }
}

/// The type of attestations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WantedType<'p> {
    /// This one.
    Of(&'p PredicateType),
    /// Every kind of SLSA provenance that is read.
    Provenance,
}

impl WantedType<'_> {
    pub(crate) fn includes(self, predicate_type: &str) -> bool {
        match self {
            Self::Of(wanted) => wanted.is(predicate_type),
            Self::Provenance => Form::from_predicate_type(predicate_type).is_some_and(Form::is_slsa),
        }
    }
}

/// A statement about the image, by somebody whom the rule names.
pub(crate) struct Candidate<'s> {
    pub(crate) statement: &'s Verified<Statement>,
    pub(crate) signed: &'s Signed,
    /// The digest of the image that it names.
    pub(crate) about: &'s Digest,
    /// Within which its content is read.
    pub(crate) limits: &'s Limits,
}

/// Whether the content of a statement is accepted: until when, or why not.
pub(crate) type Accepts<'f> = dyn Fn(&Candidate<'_>) -> Result<Option<Timestamp>, String> + 'f;

/// An attestation that counts.
struct Counted {
    person: usize,
    /// The entries that it fits, and until when.
    fits: Vec<(usize, Option<Timestamp>)>,
    signed: Signed,
    bundle: Digest,
    digest: Digest,
    predicate_type: String,
    not_checked: Vec<String>,
}

/// Why an attestation does not count.
enum Refusal {
    /// Whatever its log entries and timestamps show, it does not.
    Final(String),
    /// Its time or a log entry is missing, or is not as the policy asks.
    ByEvidence(String),
}

/// The count.
pub(crate) struct Quorum<'p> {
    wanted: Wanted<'p>,
    counted: Vec<Counted>,
    refused: Vec<(Digest, String)>,
    /// Those that may count, which only a trusted root would show.
    undecided: Vec<(Digest, String)>,
    /// For each entry of the list the person that counts for it.
    assigned: Vec<Option<usize>>,
}

impl<'p> Quorum<'p> {
    pub(crate) fn new(
        search: &AttestationSearch,
        wanted: Wanted<'p>,
        digests: &ImageDigests,
        now: Timestamp,
        accepts: &Accepts<'_>,
    ) -> Self {
        let mut quorum = Self {
            wanted,
            counted: Vec::new(),
            refused: Vec::new(),
            undecided: Vec::new(),
            assigned: Vec::new(),
        };
        let mut persons: BTreeMap<Person, usize> = BTreeMap::new();
        let of_type = search.verified.iter().filter(|it| wanted.kind.includes(&it.value().predicate_type));
        for statement in of_type {
            match quorum.look(statement, &search.limits, digests, now, accepts) {
                Ok(mut counted) => {
                    let next = persons.len();
                    counted.person = *persons.entry(counted.signed.signer.person()).or_insert(next);
                    quorum.counted.push(counted);
                }
                Err(refusal) => match (refusal, &search.no_root) {
                    (Refusal::ByEvidence(_), Some(why)) if !statement.not_checked().is_empty() => {
                        quorum.undecided.push((*statement.bundle(), why.clone()));
                    }
                    (Refusal::Final(reason) | Refusal::ByEvidence(reason), _) => {
                        quorum.refused.push((*statement.bundle(), reason));
                    }
                },
            }
        }
        let of_type = |others: &[RefusedAttestation]| -> Vec<(Digest, String)> {
            let others = others.iter().filter(|it| wanted.kind.includes(&it.predicate_type));
            others.map(|it| (it.digest, it.reason.clone())).collect()
        };
        quorum.refused.extend(of_type(&search.refused));
        quorum.undecided.extend(of_type(&search.undecided));
        let mut fits = vec![Vec::new(); wanted.signed_by.len()];
        for counted in &quorum.counted {
            for (entry, _) in &counted.fits {
                if let Some(people) = fits.get_mut(*entry)
                    && !people.contains(&counted.person)
                {
                    people.push(counted.person);
                }
            }
        }
        quorum.assigned = assign(&fits);
        quorum
    }

    fn look(
        &self,
        statement: &Verified<Statement>,
        limits: &Limits,
        digests: &ImageDigests,
        now: Timestamp,
        accepts: &Accepts<'_>,
    ) -> Result<Counted, Refusal> {
        let value = statement.value();
        let Some(digest) = digests.names().find(|digest| value.names(digest)) else {
            return Err(Refusal::Final("it is about another digest".to_owned()));
        };
        let signed = Signed::from(statement);
        let signed_by = self.wanted.signed_by;
        let (counting, refused) = Authority::counting(signed_by, self.wanted.list, &signed, now);
        if !signed_by.iter().any(|authority| authority.is(&signed.signer)) {
            return Err(Refusal::Final(refused));
        }
        let candidate = Candidate { statement, signed: &signed, about: &digest, limits };
        let until = accepts(&candidate).map_err(Refusal::Final)?;
        if counting.is_empty() {
            return Err(Refusal::ByEvidence(refused));
        }
        let until = earliest([until, self.wanted.age(&signed, now).map_err(Refusal::ByEvidence)?]);
        let fits = counting.into_iter().map(|it| (it.index, earliest([it.until, until])));
        Ok(Counted {
            person: 0,
            fits: fits.collect(),
            signed,
            bundle: *statement.bundle(),
            digest,
            predicate_type: value.predicate_type.clone(),
            not_checked: not_checked(statement),
        })
    }

    /// Whether enough people made one.
    pub(crate) fn is_reached(&self) -> bool {
        self.assigned.iter().flatten().count() >= self.wanted.threshold
    }

    fn names(&self) -> String {
        let assigned = self.wanted.signed_by.iter().zip(&self.assigned);
        let names = assigned.filter(|(_, person)| person.is_some()).map(|(entry, _)| entry.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Until when it stays reached: as long as enough of the entries do.
    fn until(&self) -> Option<Timestamp> {
        let until = |entry: usize, person: usize| {
            let ends = self.counted.iter().filter(|counted| counted.person == person);
            let ends = ends.flat_map(|counted| &counted.fits).filter(|(fit, _)| *fit == entry);
            // One of several is enough, and one without an end counts forever.
            ends.map(|(_, until)| *until).reduce(|one, other| Some(one?.max(other?))).flatten()
        };
        let assigned = self.assigned.iter().enumerate();
        earliest(assigned.filter_map(|(entry, person)| Some(until(entry, (*person)?))))
    }

    fn details(&self) -> impl Iterator<Item = Detail> + '_ {
        let counted = self.counted.iter().filter_map(|counted| {
            let is_theirs = |entry: &usize| self.assigned.get(*entry) == Some(&Some(counted.person));
            let entry = counted.fits.iter().map(|(entry, _)| *entry).find(is_theirs)?;
            Some(Detail::Attestation {
                authority: self.wanted.signed_by.get(entry)?.name.clone(),
                by: SignerRecord::from(&counted.signed),
                bundle: counted.bundle,
                signed: counted.digest,
                predicate_type: counted.predicate_type.clone(),
                not_checked: counted.not_checked.clone(),
            })
        });
        let refused = self.refused.iter();
        let refused = refused
            .map(|(bundle, reason)| Detail::RefusedSignature { bundle: *bundle, reason: reason.clone() });
        let undecided = self.undecided.iter().map(|(bundle, reason)| Detail::RefusedSignature {
            bundle: *bundle,
            reason: format!("not verified: {reason}"),
        });
        counted.chain(refused).chain(undecided)
    }

    /// The rule's answer: whether it was reached, in the words for `what`, as in `provenance`.
    fn answer(&self, rule: &RuleName, effect: Effect, search: &AttestationSearch, what: &str) -> Answer {
        let answer = |outcome, reason: String| Answer::new(rule.clone(), outcome, effect, reason);
        let wanted = self.wanted;
        if self.is_reached() {
            let needed = wanted.threshold;
            let needed = if needed > 1 { format!(" ({needed} needed)") } else { String::new() };
            let mut answer = answer(Outcome::Pass, format!("attested by {}{needed}", self.names()));
            answer.until = self.until();
            let used = self.counted.iter();
            let used = used.map(|it| EvidenceRecord { kind: "attestation".to_owned(), digest: it.bundle });
            answer.evidence.extend(used);
            answer
        } else if let Some(reason) = &search.incomplete {
            answer(Outcome::Unknown, format!("{what} may have been missed: {reason}"))
                .hint("remove attachments that are not needed from the repository, and try again")
        } else if let Some((_, first)) = self.undecided.first() {
            let number = count(self.undecided.len(), "attestation");
            let reason = format!("{number} could not be verified: {first}");
            answer(Outcome::Unknown, reason)
                .hint("name a trusted root with --trusted-root FILE, or fetch one: plimsoll trust update")
        } else {
            let got = self.assigned.iter().flatten().count();
            let reason = match (got, self.refused.as_slice()) {
                (0, []) => format!("there is no {what}"),
                (0, [(_, only)]) => format!("the {what} does not count: {only}"),
                (0, [(_, first), ..]) => {
                    format!("no {what} counts, of {} found: {first}", self.refused.len())
                }
                _ => format!("attested only by {}; {} signers are needed", self.names(), wanted.threshold),
            };
            answer(Outcome::Fail, reason)
        }
    }
}

/// The answer of a rule that asks for attestations; `what` it asks for is a noun in the singular, and `counted` makes its count.
pub(crate) fn answer<'p>(
    context: &Context<'_>,
    rule: RuleName,
    effect: Effect,
    what: &str,
    counted: impl Fn(&AttestationSearch, &ImageDigests) -> Quorum<'p>,
) -> Answer {
    let subject = &context.evidence.subject;
    let Some(digests) = &subject.digests else {
        let reason = format!("no {what} can be found: the subject has no digest that could be attested");
        return Answer::new(rule, Outcome::Unknown, effect, reason).hint("judge the image in its registry");
    };
    let Some(search) = context.evidence.attestations.under(context.policy) else {
        let reason = format!("nobody searched for {what} under this policy");
        return Answer::new(rule, Outcome::Unknown, effect, reason);
    };
    let quorum = counted(search, digests);
    let answer = quorum.answer(&rule, effect, search, what);
    let details: Vec<Detail> = quorum.details().collect();
    let answer = answer.details(details);
    if answer.result.outcome != Outcome::Fail {
        return answer;
    }
    let wanted = quorum.wanted;
    let by_key = wanted.signed_by.iter().any(|it| matches!(it.who, KeyOrIdentity::Key(_)));
    let key = if by_key { " --key KEY" } else { "" };
    let name = subject.repository.as_ref().map_or_else(
        || "SUBJECT".to_owned(),
        |name| format!("{name}@{}", digests.index.unwrap_or(digests.manifest)),
    );
    answer.hint(match wanted.kind {
        WantedType::Of(kind) => {
            let kind = kind.name().unwrap_or_else(|| kind.uri());
            format!("plimsoll attest{key} --type {kind} --predicate FILE {name}")
        }
        WantedType::Provenance => format!("plimsoll provenance verify --explain{key} {name}"),
    })
}

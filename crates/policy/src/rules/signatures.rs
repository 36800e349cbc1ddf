//! `signatures`: enough distinct authorities signed the image.
//!
//! Counts only statements that were made to be signatures, that name the platform's manifest or the index it was reached
//! through by exact digest, by somebody whom the policy names, at a time that counts. An SBOM attestation by the same key
//! signs nothing.
//!
//! What is counted are the policy's entries, each satisfied by a signer of its own: however often an authority signed, it
//! counts once (sigstore-go CVE-2026-49834 is the case of two), one workflow on two refs is two subjects and satisfies one
//! pattern once, and a signer that fits two entries satisfies one of them. Two names for one key count once. Junk beside a
//! good signature harms nothing, and hides nothing: a search that hit a limit before the rule was satisfied is unknown, and
//! so is a certificate that there was no trusted root for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_verify::person::Person;
use plimsoll_verify::{NotChecked, Signer, Statement, Step, Verified};

use super::{Answer, Context, Needs, Rule, RuleName, count, effect};
use crate::assignment::assign;
use crate::authority::Window;
use crate::authority::{Authority, Signed, Who, was_checked};
use crate::detail::{Detail, SignerRecord};
use crate::evidence::{Collected, ImageDigests, RejectedSignature, Signatures, SubjectKind};
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::setting::Setting;
use crate::spec::{AuthoritySpec, Phase};
use crate::verdict::{Effect, Outcome, earliest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignaturesSpec {
    /// When false, signatures are reported and block nothing.
    pub(crate) required: Setting<bool>,
    /// How many entries of `anyOf` must have signed, each by a signer of its own.
    pub(crate) threshold: Setting<NonZeroU32>,
    /// Who may sign.
    pub(crate) any_of: Setting<Vec<AuthoritySpec>>,
    /// Who must have signed, each of them by a signer of its own, beside those of `anyOf`.
    pub(crate) all_of: Setting<Vec<AuthoritySpec>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignaturePolicy {
    pub(crate) required: bool,
    pub(crate) threshold: NonZeroU32,
    #[serde(rename = "authorities")]
    pub(crate) any_of: Vec<Authority>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) all_of: Vec<Authority>,
}

impl SignaturePolicy {
    /// Everybody who may sign: those who must come first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Authority> {
        self.all_of.iter().chain(&self.any_of)
    }
}

const NAME: RuleName = RuleName::built_in("signatures");

/// The rule.
pub(crate) struct ImageSigned;

impl Rule for ImageSigned {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "Enough authorities signed it."
    }

    fn section(&self) -> &'static str {
        "spec.signatures"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs { signatures: true, ..Needs::default() }
    }

    fn lint(&self, policy: &Policy, now: Timestamp, lint: &mut Lint) {
        let signatures = &policy.signatures;
        if policy.phase >= Phase::Beta && !signatures.required {
            let message = "unsigned images pass, although the phase asks for signatures";
            lint.warn(
                Code::SignaturesOptional,
                "spec.signatures.required",
                message,
                "name keys in anyOf and remove `required: false`",
            );
        }
        for (path, needed, list) in [
            ("spec.signatures.anyOf", signatures.threshold.get() as usize, &signatures.any_of),
            ("spec.signatures.allOf", signatures.all_of.len(), &signatures.all_of),
        ] {
            lint.authorities(path, list, now);
            // What was signed by an identity while it counted counts later, too.
            let usable = |a: &&Authority| matches!(a.who, Who::Identity(_)) || a.window(now) == Window::Open;
            let open = list.iter().filter(usable).count();
            // Whether somebody is named at all is for the reader of the document.
            let somebody = !list.is_empty();
            if signatures.required && somebody && open < needed {
                let message = format!("{open} keys count now, {needed} are needed: every image is denied");
                let path = if path.ends_with("anyOf") { "spec.signatures.threshold" } else { path };
                lint.error(Code::ThresholdUnreachableNow, path, message, "add keys that are valid now");
            }
        }
        let names = signatures.all_of.iter().enumerate();
        for (index, one) in names {
            if let Some(other) = signatures.any_of.iter().find(|other| one.overlaps(other)) {
                let message = format!(
                    "who signs as {} may fit {} too, and counts for one of them",
                    one.name, other.name
                );
                let path = format!("spec.signatures.allOf[{index}]");
                lint.warn(Code::IdentitiesOverlap, &path, message, "name different keys and identities");
            }
        }
        let trust = &policy.trust;
        for (path, asked, what) in [
            ("spec.trust.transparencyLog", trust.transparency_log, "that a signature exists"),
            ("spec.trust.certificateLog", trust.certificate_log, "to whom certificates were issued"),
        ] {
            if !asked {
                let message = format!("nobody but the signer and the authority can know {what}");
                lint.warn(Code::LogsIgnored, path, message, "remove the line where there is a log");
            }
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        evaluate(context)
    }
}

fn evaluate(context: &Context<'_>) -> Answer {
    let policy = &context.policy.signatures;
    let effect = effect(policy.required);
    let result = |outcome, reason: String| Answer::new(NAME, outcome, effect, reason);
    let found = match context.evidence.signatures.under(context.policy, context.policies.len()) {
        Some(Signatures::Collected(found)) => found,
        None => {
            let reason = format!("signatures were not looked for under policy {}", context.policy.name);
            return result(Outcome::Unknown, reason);
        }
        Some(Signatures::Unavailable { reason }) => {
            let hint = match context.evidence.subject.kind {
                SubjectKind::LocalImage => {
                    "signatures are in the registry: judge the image there, by its digest"
                }
                _ => "try again when the registry answers in full",
            };
            return result(Outcome::Unknown, format!("signatures could not be looked for: {reason}"))
                .hint(hint);
        }
        Some(Signatures::Impossible { reason }) => {
            return result(Outcome::Unknown, format!("it cannot be signed: {reason}"));
        }
    };
    let Some(digests) = &context.evidence.subject.digests else {
        return result(Outcome::Unknown, "it is not known which digest must be signed".to_owned());
    };
    if policy.entries().next().is_none() {
        let number = found.verified.len() + found.rejected.len() + found.undecided.len();
        return nobody_named(number, found.truncated, effect);
    }

    let tally = Tally::new(found, policy, digests, context.now);
    let wanted = policy.threshold.get() as usize;
    let got = tally.any_of();
    let missing = tally.missing();
    let mut judged = if tally.satisfies() {
        let of = if wanted > 1 { format!(" ({wanted} needed)") } else { String::new() };
        result(Outcome::Pass, format!("signed by {}{of}", tally.names()))
    } else if found.truncated {
        let needed = policy.all_of.len() + if policy.any_of.is_empty() { 0 } else { wanted };
        let counted = tally.assigned.iter().flatten().count();
        let reason =
            format!("{counted} of {needed} authorities found before the limit on referrers was reached");
        result(Outcome::Unknown, reason)
            .hint("remove referrers that are not needed from the repository, and try again")
    } else if let Some(RejectedSignature { reason, .. }) = found.undecided.first() {
        let number = count(found.undecided.len(), "signature");
        result(Outcome::Unknown, format!("{number} with a certificate could not be verified: {reason}"))
            .hint("name a trusted root with --trusted-root FILE, or fetch one: plimsoll trust update")
    } else {
        let reason = match (tally.counted.len(), tally.refused.first()) {
            (0, None) => "it is not signed".to_owned(),
            (0, Some((_, why))) => {
                format!("no signature counts, of {} found: {why}", count(tally.refused.len(), "statement"))
            }
            _ if !missing.is_empty() => {
                format!("signed by {}, and not by {}", tally.names(), missing.join(", "))
            }
            _ if policy.all_of.is_empty() => {
                format!("signed by {} only, {wanted} authorities are needed", tally.names())
            }
            _ => format!("signed by {}; of anyOf {got}, {wanted} are needed", tally.names()),
        };
        let by_key = tally.entries.iter().any(|entry| matches!(entry.who, Who::Key(_)));
        let sign = if by_key { "plimsoll sign --key KEY" } else { "plimsoll sign" };
        let digest = digests.index.unwrap_or(digests.manifest);
        result(Outcome::Fail, reason).hint(match &context.evidence.subject.repository {
            Some(name) => format!("{sign} {name}@{digest}"),
            None => format!("{sign} SUBJECT"),
        })
    };
    if judged.result.outcome == Outcome::Pass {
        judged.until = tally.until();
    }
    let undecided = found.undecided.iter().map(|left| Detail::RefusedSignature {
        bundle: left.digest,
        reason: format!("not verified: {}", left.reason),
    });
    judged.details(tally.details().into_iter().chain(undecided).collect())
}

impl Policy {
    /// Whether what was found satisfies the rule about signatures already, so that no other place has to be looked at. It
    /// decides nothing: that is [`crate::evaluate()`]'s.
    pub fn is_satisfied_by(&self, found: &Collected, digests: &ImageDigests, now: Timestamp) -> bool {
        Tally::new(found, &self.signatures, digests, now).satisfies()
    }
}

/// Nothing can count, so nothing was judged. Only a policy that does not require signatures gets here.
fn nobody_named(found: usize, truncated: bool, effect: Effect) -> Answer {
    if found == 0 && !truncated {
        return Answer::new(NAME, Outcome::Fail, effect, "it is not signed")
            .hint("plimsoll sign --key KEY SUBJECT");
    }
    let reason = format!("{} found, and the policy names nobody who may sign", count(found, "statement"));
    Answer::new(NAME, Outcome::Unknown, effect, reason)
        .hint("name keys or identities in spec.signatures.anyOf")
}

/// A signature that somebody whom the policy names has made, at a time that counts.
struct Counting {
    person: usize,
    /// The entries that it fits, each with the time until which it does.
    fits: Vec<(usize, Option<Timestamp>)>,
    signed: Signed,
    bundle: Digest,
    digest: Digest,
    not_checked: Vec<String>,
    carried: Vec<String>,
}

struct Tally<'a> {
    policy: &'a SignaturePolicy,
    /// Those of `allOf` first.
    entries: Vec<&'a Authority>,
    counted: Vec<Counting>,
    refused: Vec<(Digest, String)>,
    /// For each entry the signer that counts for it.
    assigned: Vec<Option<usize>>,
}

impl<'a> Tally<'a> {
    fn new(found: &Collected, policy: &'a SignaturePolicy, digests: &ImageDigests, now: Timestamp) -> Self {
        let entries: Vec<&Authority> = policy.entries().collect();
        let mut tally =
            Self { policy, entries, counted: Vec::new(), refused: Vec::new(), assigned: Vec::new() };
        let mut persons: BTreeMap<Person, usize> = BTreeMap::new();
        // Why a signature does not count says more than that something else is none.
        let (signatures, others): (Vec<_>, Vec<_>) =
            found.verified.iter().partition(|statement| statement.value().is_signature());
        for statement in signatures {
            match tally.look(statement, digests, now) {
                Ok((digest, signed, fits)) => {
                    let next = persons.len();
                    let person = *persons.entry(signed.signer.person()).or_insert(next);
                    let not_checked = not_checked(statement);
                    let carried = statement.not_checked().iter().map(|what| name(*what).to_owned()).collect();
                    let bundle = *statement.bundle();
                    tally.counted.push(Counting {
                        person,
                        fits,
                        signed,
                        bundle,
                        digest,
                        not_checked,
                        carried,
                    });
                }
                Err(reason) => tally.refused.push((*statement.bundle(), reason)),
            }
        }
        for RejectedSignature { digest, reason } in &found.rejected {
            tally.refused.push((*digest, reason.clone()));
        }
        for statement in others {
            let kind = &statement.value().predicate_type;
            let reason = format!("a statement of type {kind} is no signature");
            tally.refused.push((*statement.bundle(), reason));
        }
        let mut fits = vec![Vec::new(); tally.entries.len()];
        for counting in &tally.counted {
            for (entry, _) in &counting.fits {
                if let Some(signers) = fits.get_mut(*entry)
                    && !signers.contains(&counting.person)
                {
                    signers.push(counting.person);
                }
            }
        }
        tally.assigned = assign(&fits);
        tally
    }

    /// What a statement signs, and which entries it fits; or why it does not count.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once, in the one place that calls")]
    fn look(
        &self,
        statement: &Verified<Statement>,
        digests: &ImageDigests,
        now: Timestamp,
    ) -> Result<(Digest, Signed, Vec<(usize, Option<Timestamp>)>), String> {
        let value = statement.value();
        let Some(digest) = digests.names().find(|digest| value.names(digest)) else {
            return Err("it signs another digest".to_owned());
        };
        let signed = Signed::of(statement);
        let mut refused = match &signed.signer {
            Signer::Key(_) => "it is signed by a key that the policy does not name".to_owned(),
            other => format!("it is signed by {other}, whom the policy does not name"),
        };
        let mut fits = Vec::new();
        for (index, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.is(&signed.signer)) {
            match entry.counts(&signed, now) {
                Ok(until) => fits.push((index, until)),
                Err(reason) => refused = reason,
            }
        }
        if fits.is_empty() { Err(refused) } else { Ok((digest, signed, fits)) }
    }

    fn satisfies(&self) -> bool {
        let enough = self.policy.any_of.is_empty() || self.any_of() >= self.policy.threshold.get() as usize;
        enough && self.missing().is_empty()
    }

    /// How many entries of `anyOf` are satisfied.
    fn any_of(&self) -> usize {
        self.assigned.iter().skip(self.policy.all_of.len()).flatten().count()
    }

    /// The entries of `allOf` that are not.
    fn missing(&self) -> Vec<&str> {
        let all = self.policy.all_of.iter().zip(&self.assigned);
        all.filter(|(_, signer)| signer.is_none()).map(|(entry, _)| entry.name.as_str()).collect()
    }

    fn names(&self) -> String {
        let assigned = self.entries.iter().zip(&self.assigned);
        let names = assigned.filter(|(_, signer)| signer.is_some()).map(|(entry, _)| entry.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Until when the entries that are satisfied stay so.
    fn until(&self) -> Option<Timestamp> {
        let of = |entry: usize, person: usize| {
            let ends = self.counted.iter().filter(|counting| counting.person == person);
            let ends = ends.flat_map(|counting| &counting.fits).filter(|(fit, _)| *fit == entry);
            // One signature of several is enough, and one without an end counts for ever.
            ends.map(|(_, until)| *until).reduce(|one, other| Some(one?.max(other?))).flatten()
        };
        let assigned = self.assigned.iter().enumerate();
        earliest(assigned.filter_map(|(entry, person)| Some(of(entry, (*person)?))))
    }

    fn details(self) -> Vec<Detail> {
        let Self { entries, counted, refused, assigned, .. } = self;
        let detail = |counting: Counting| {
            let fits = || counting.fits.iter().map(|(entry, _)| *entry);
            let is_signers = |entry: &usize| assigned.get(*entry) == Some(&Some(counting.person));
            if let Some(authority) = fits().find(is_signers).and_then(|entry| entries.get(entry)) {
                return Detail::Signature {
                    authority: authority.name.clone(),
                    by: SignerRecord::of(&counting.signed),
                    bundle: counting.bundle,
                    signed: counting.digest,
                    not_checked: counting.not_checked,
                    carried: counting.carried,
                };
            }
            let fits = fits().filter_map(|entry| Some(entries.get(entry)?.name.as_str()));
            let names = fits.collect::<Vec<_>>().join(" or ");
            let reason = format!("a further signature as {names}, who counts once");
            Detail::RefusedSignature { bundle: counting.bundle, reason }
        };
        let refused = refused.into_iter();
        let refused = refused.map(|(bundle, reason)| Detail::RefusedSignature { bundle, reason });
        counted.into_iter().map(detail).chain(refused).collect()
    }
}

/// What was left open about a signature that counts.
fn not_checked(statement: &Verified<Statement>) -> Vec<String> {
    let mut left = Vec::new();
    if !was_checked(statement, Step::LogInclusion) {
        left.push(name(NotChecked::TransparencyLog).to_owned());
    }
    if statement.times().is_empty() {
        left.push("trusted time".to_owned());
    }
    if matches!(statement.signer(), Signer::Certificate(_)) && !was_checked(statement, Step::CertificateLog) {
        left.push("certificate log".to_owned());
    }
    left
}

fn name(what: NotChecked) -> &'static str {
    match what {
        NotChecked::TransparencyLog => "transparency log",
        NotChecked::Timestamp => "timestamp",
        _ => "further material",
    }
}

//! `signatures`: enough distinct authorities signed the image.
//!
//! Only these statements count: image signatures that name the platform's manifest or its index by exact
//! digest, made by a signer whom the policy names, at a time that counts. An SBOM attestation by the same key
//! is not a signature of the image.
//!
//! The rule counts the policy's entries, each satisfied by a different signer. However often an authority
//! signed, it counts once (in sigstore-go's CVE-2026-49834, it counted twice). One workflow on two refs is
//! two subjects, but satisfies one pattern once. A signer that fits two entries satisfies one of them. Two
//! names for one key count once. Junk beside a good signature does no harm and hides nothing: if the search
//! hit a limit before the rule was satisfied, the rule is unknown. It is also unknown if a certificate cannot
//! be verified for lack of a trusted root.

use std::num::NonZeroU32;

use jiff::Timestamp;
use plimsoll_core::quantity::count;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::tally::Tally;
use super::RuleName;
use crate::authority::AuthoritySpec;
use crate::authority::{Authority, KeyOrIdentity, Window};
use crate::detail::Detail;
use crate::evidence::{Collected, ImageDigests, RejectedSignature, Signatures, SubjectKind};
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::preset::Phase;
use crate::rule::{Answer, Context, Needs, Rule, effect};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

mod tally;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignaturesSpec {
    /// When false, signatures are reported and do not block.
    pub(crate) required: Setting<bool>,
    /// How many entries of `anyOf` must have signed, each by a different signer.
    pub(crate) threshold: Setting<NonZeroU32>,
    /// Who may sign.
    pub(crate) any_of: Setting<Vec<AuthoritySpec>>,
    /// Who must have signed in addition to `anyOf`, each entry by a different signer.
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
    /// Everybody who may sign; those who must sign come first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Authority> {
        self.all_of.iter().chain(&self.any_of)
    }
}

const NAME: RuleName = RuleName::built_in("signatures");

/// The rule.
pub(crate) struct SignaturesRule;

impl Rule for SignaturesRule {
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
            // A signature made while its identity counted still counts later.
            let usable =
                |a: &&Authority| matches!(a.who, KeyOrIdentity::Identity(_)) || a.window(now) == Window::Open;
            let open = list.iter().filter(usable).count();
            // Reading the document already checks that at least one signer is named.
            let somebody = !list.is_empty();
            if signatures.required && somebody && open < needed {
                let message =
                    format!("only {open} keys count now, but {needed} are needed: every image is denied");
                let path = if path.ends_with("anyOf") { "spec.signatures.threshold" } else { path };
                lint.error(Code::ThresholdUnreachableNow, path, message, "add keys that are valid now");
            }
        }
        let names = signatures.all_of.iter().enumerate();
        for (index, one) in names {
            if let Some(other) = signatures.any_of.iter().find(|other| one.overlaps(other)) {
                let message = format!(
                    "a signer that fits {} may also fit {}, but counts for only one of them",
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
                let message = format!("only the signer and the authority can know {what}");
                lint.warn(Code::LogsIgnored, path, message, "remove the line if there is a log");
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
            let reason = format!("signatures were not searched for under policy {}", context.policy.name);
            return result(Outcome::Unknown, reason);
        }
        Some(Signatures::Unavailable { reason }) => {
            let hint = match context.evidence.subject.kind {
                SubjectKind::LocalImage => {
                    "signatures are in the registry: judge the image there, by its digest"
                }
                _ => "try again when the registry answers in full",
            };
            return result(Outcome::Unknown, format!("could not search for signatures: {reason}")).hint(hint);
        }
        Some(Signatures::Impossible { reason }) => {
            return result(Outcome::Unknown, format!("it cannot be signed: {reason}"));
        }
    };
    let Some(digests) = &context.evidence.subject.digests else {
        return result(Outcome::Unknown, "the digest that must be signed is unknown".to_owned());
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
        let needed = if wanted > 1 { format!(" ({wanted} needed)") } else { String::new() };
        result(Outcome::Pass, format!("signed by {}{needed}", tally.names()))
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
                format!("signed by {}, but not by {}", tally.names(), missing.join(", "))
            }
            _ if policy.all_of.is_empty() => {
                format!("signed only by {}; {wanted} authorities are needed", tally.names())
            }
            _ => format!("signed by {}; of anyOf {got}, {wanted} are needed", tally.names()),
        };
        let by_key = tally.entries.iter().any(|entry| matches!(entry.who, KeyOrIdentity::Key(_)));
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
    /// Whether the results so far already satisfy the rule `signatures`, so that no other place must be
    /// searched. This decides nothing; [`crate::evaluate()`] does.
    pub fn is_satisfied_by(&self, found: &Collected, digests: &ImageDigests, now: Timestamp) -> bool {
        Tally::new(found, &self.signatures, digests, now).satisfies()
    }
}

/// No signer is named, so no signature can count. Only a policy that does not require signatures gets here.
fn nobody_named(found: usize, truncated: bool, effect: Effect) -> Answer {
    if found == 0 && !truncated {
        return Answer::new(NAME, Outcome::Fail, effect, "it is not signed")
            .hint("plimsoll sign --key KEY SUBJECT");
    }
    let reason = format!("{} found, and the policy names nobody who may sign", count(found, "statement"));
    Answer::new(NAME, Outcome::Unknown, effect, reason)
        .hint("name keys or identities in spec.signatures.anyOf")
}

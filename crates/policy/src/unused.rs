//! Waivers without effect on a verdict, and why. Somebody wrote them for a purpose and wants to know.

use std::collections::BTreeSet;
use std::fmt;

use plimsoll_core::Digest;

use crate::applicable::{Scope, in_scope};
use crate::evidence::Evidence;
use crate::policy::Policy;
use crate::verdict::Verdict;
use crate::waiver::{Waiver, united};

/// A waiver that no rule names in its result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedWaiver {
    /// Its name.
    pub name: String,
    /// Where it was read from.
    pub origin: String,
    /// The digest of its content.
    pub content: Digest,
    /// Why it had no effect.
    pub why: WhyUnused,
}

/// Why a waiver had no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyUnused {
    /// It is for other images or digests.
    OtherSubject,
    /// It is not signed, and every policy accepts only signed waivers.
    NotSigned,
    /// It is for the subject, but these vulnerabilities, or otherwise these rules, block nothing.
    NothingToWaive(Vec<String>),
}

impl UnusedWaiver {
    /// Those of `waivers` that `verdict` does not name. It was made from `evidence` under `policies`.
    pub fn find(
        waivers: &[Waiver],
        policies: &[&Policy],
        evidence: &[Evidence],
        verdict: &Verdict,
    ) -> Vec<Self> {
        let rules = verdict.platforms.iter().flat_map(|platform| &platform.rules);
        let named: BTreeSet<Digest> =
            rules.flat_map(|result| &result.waivers).map(|waiver| waiver.content).collect();
        let unused = united(waivers).into_iter().filter(|waiver| !named.contains(&waiver.content));
        unused
            .map(|waiver| {
                let is_for = |evidence: &Evidence| !matches!(in_scope(&waiver, &evidence.subject), Scope::No);
                let accepted = policies.iter().any(|policy| policy.waivers.allow_unsigned);
                let why = if waiver.is_unsigned() && !accepted {
                    WhyUnused::NotSigned
                } else if !evidence.iter().any(is_for) {
                    WhyUnused::OtherSubject
                } else if waiver.terms.is_about_findings() {
                    WhyUnused::NothingToWaive(waiver.terms.cves.iter().cloned().collect())
                } else {
                    WhyUnused::NothingToWaive(waiver.terms.rules.iter().map(ToString::to_string).collect())
                };
                Self { name: waiver.name, origin: waiver.origin, content: waiver.content, why }
            })
            .collect()
    }
}

impl fmt::Display for UnusedWaiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, origin, .. } = self;
        match &self.why {
            WhyUnused::OtherSubject => {
                write!(f, "waiver {name} ({origin}) matches nothing: it is for other images")
            }
            WhyUnused::NotSigned => {
                write!(f, "waiver {name} ({origin}) is not signed, and the policy accepts only signed ones")
            }
            WhyUnused::NothingToWaive(what) => {
                write!(f, "waiver {name} ({origin}) matches nothing: {} blocks nothing here", what.join(", "))
            }
        }
    }
}

//! The waivers that apply to one subject under one policy: those that are for the subject, in force now, and
//! approved.
//!
//! Each finding decides the rest: whether the waiver names the vulnerability, and whether it runs longer than
//! allowed for that severity.

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::quantity::count;

use crate::authority::Authority;
use crate::detail::SignerRecord;
use crate::evidence::SubjectFacts;
use crate::pattern;
use crate::policy::Policy;
use crate::rules::RuleName;
use crate::setting::{Level, days_begun};
use crate::verdict::{ApprovalRecord, EvidenceRecord, WaiverUse, earliest};
use crate::waiver::{Signature, Waiver, united};

/// The waivers for the subject.
pub(crate) struct ApplicableWaivers {
    waivers: Vec<ApplicableWaiver>,
    max_days: crate::policy::MaxDays,
}

/// One waiver.
pub(crate) struct ApplicableWaiver {
    pub(crate) waiver: Waiver,
    /// Approved, or why it does not apply.
    pub(crate) state: Result<Approval, String>,
}

/// How a waiver was approved, and how long it counts.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    approvers: Vec<ApprovalRecord>,
    until: Option<Timestamp>,
}

impl ApplicableWaivers {
    pub(crate) fn new(policy: &Policy, waivers: &[Waiver], subject: &SubjectFacts, now: Timestamp) -> Self {
        let waivers = united(waivers).into_iter().filter_map(|waiver| {
            let state = match in_scope(&waiver, subject) {
                Scope::No => return None,
                Scope::Nameless(reason) => Err(reason.to_owned()),
                Scope::Yes => in_force(&waiver, now).and_then(|()| approval(&waiver, policy, now)),
            };
            Some(ApplicableWaiver { waiver, state })
        });
        Self { waivers: waivers.collect(), max_days: policy.waivers.max_days }
    }

    /// The waivers for `rule`.
    pub(crate) fn for_rule(&self, rule: &RuleName) -> impl Iterator<Item = &ApplicableWaiver> {
        self.waivers.iter().filter(move |applicable| applicable.waiver.terms.rules.contains(rule))
    }

    /// The approval of a waiver for a finding of `level`, or why the waiver does not cover it.
    pub(crate) fn covers<'a>(
        &self,
        applicable: &'a ApplicableWaiver,
        level: Option<Level>,
    ) -> Result<&'a Approval, String> {
        let approval = applicable.state.as_ref().map_err(Clone::clone)?;
        let terms = &applicable.waiver.terms;
        let limit = self.max_days.for_level(level);
        if terms.expires.duration_since(terms.issued) <= SignedDuration::from_hours(24 * i64::from(limit)) {
            return Ok(approval);
        }
        let days = days_begun(terms.expires.duration_since(terms.issued));
        let class = level.map_or_else(|| "anything unrated".to_owned(), |level| level.to_string());
        let name = &applicable.waiver.name;
        Err(format!("waiver {name} runs {}, the limit for {class} is {limit}", count(days, "day")))
    }
}

impl ApplicableWaiver {
    /// Its entry in the verdict.
    pub(crate) fn record(&self, used: bool, reason: String) -> WaiverUse {
        WaiverUse {
            name: self.waiver.name.clone(),
            origin: self.waiver.origin.clone(),
            content: self.waiver.content,
            used,
            reason,
            justification: self.waiver.terms.reason.clone(),
            owner: self.waiver.terms.owner.clone(),
            approvers: self.state.as_ref().map(Approval::names).unwrap_or_default(),
            signatures: self.state.as_ref().map(|approval| approval.approvers.clone()).unwrap_or_default(),
            expires: self.waiver.terms.expires,
        }
    }

    /// The bundles that contain its signatures.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = EvidenceRecord> {
        self.waiver
            .approvals
            .iter()
            .map(|signature| EvidenceRecord { kind: "waiver".to_owned(), digest: signature.bundle })
    }
}

impl Approval {
    /// Why it counts, for the verdict.
    pub(crate) fn reason(&self) -> String {
        if self.approvers.is_empty() {
            "unsigned; the policy says: I accept unsigned waivers".to_owned()
        } else {
            format!("approved by {}", self.names().join(" and "))
        }
    }

    /// The signatures that make it count.
    pub(crate) fn records(&self) -> &[ApprovalRecord] {
        &self.approvers
    }

    /// Who approved, by the policy's names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.approvers.iter().map(|approval| approval.approver.clone()).collect()
    }

    /// When it stops counting.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

pub(crate) enum Scope {
    Yes,
    No,
    /// The subject lacks the property that the waiver's scope names.
    Nameless(&'static str),
}

pub(crate) fn in_scope(waiver: &Waiver, subject: &SubjectFacts) -> Scope {
    let terms = &waiver.terms;
    if !terms.digests.is_empty() {
        let Some(digests) = &subject.digests else {
            return Scope::Nameless("is for digests, but this subject has none");
        };
        if !digests.names().any(|digest| terms.digests.contains(&digest)) {
            return Scope::No;
        }
    }
    if !terms.images.is_empty() {
        let Some(name) = &subject.repository else {
            return Scope::Nameless("is for repositories, but this subject comes from none");
        };
        if !pattern::any(&terms.images, name) {
            return Scope::No;
        }
    }
    Scope::Yes
}

pub(crate) fn in_force(waiver: &Waiver, now: Timestamp) -> Result<(), String> {
    let (name, terms) = (&waiver.name, &waiver.terms);
    if now >= terms.expires {
        return Err(format!("waiver {name} expired {}", terms.expires));
    }
    if now < terms.issued {
        return Err(format!("waiver {name} is not valid before {}", terms.issued));
    }
    Ok(())
}

/// Which of the policy's approvers signed a waiver, regardless of its scope, or why it does not count.
pub(crate) fn approval(waiver: &Waiver, policy: &Policy, now: Timestamp) -> Result<Approval, String> {
    let name = &waiver.name;
    if waiver.is_unsigned() {
        if policy.waivers.allow_unsigned {
            return Ok(Approval { approvers: Vec::new(), until: Some(waiver.terms.expires) });
        }
        return Err(format!(
            "waiver {name} is not signed, and policy {} accepts only signed ones",
            policy.name
        ));
    }
    let first = signers(waiver, &policy.waivers.approvers, "an approver", policy, now)?;
    if policy.waivers.second.is_empty() {
        return Ok(Approval::by(waiver, first.first().into_iter()));
    }
    let second = signers(waiver, &policy.waivers.second, "a second approver", policy, now)?;
    let pairs = first.iter().flat_map(|a| second.iter().map(move |b| (a, b)));
    for (a, b) in pairs {
        // One person with two keys or identities counts once.
        let two_people = a.signature.signed.signer.person() != b.signature.signed.signer.person();
        if two_people && !a.authority.is_named(&b.authority.name) {
            return Ok(Approval::by(waiver, [a, b].into_iter()));
        }
    }
    Err(format!("waiver {name} needs a second approver, who is not the first"))
}

/// A signer of a waiver who may approve it.
struct Approver<'a> {
    authority: &'a Authority,
    signature: &'a Signature,
    until: Option<Timestamp>,
}

impl Approval {
    fn by<'a>(waiver: &Waiver, approvers: impl Iterator<Item = &'a Approver<'a>> + Clone) -> Self {
        let record = |approver: &Approver<'_>| ApprovalRecord {
            approver: approver.authority.name.clone(),
            by: SignerRecord::from(&approver.signature.signed),
            bundle: approver.signature.bundle,
        };
        Self {
            approvers: approvers.clone().map(record).collect(),
            until: earliest(approvers.map(|a| a.until).chain([Some(waiver.terms.expires)])),
        }
    }
}

/// Those of `listed` who signed the waiver and may approve it: their signature counts now, and they are not
/// its owner.
fn signers<'a>(
    waiver: &'a Waiver,
    listed: &'a [Authority],
    role: &str,
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<Approver<'a>>, String> {
    let name = &waiver.name;
    let mut refused = format!("waiver {name} is not signed by {role} of policy {}", policy.name);
    let mut signers = Vec::new();
    for authority in listed {
        for signature in &waiver.approvals {
            if signature.policy != policy.effective || !authority.is(&signature.signed.signer) {
                continue;
            }
            let owner = &waiver.terms.owner;
            // A pattern for many subjects may have a name of its own; then the subject identifies the signer.
            if policy
                .waivers
                .approvers
                .iter()
                .chain(&policy.waivers.second)
                .any(|known| known.is(&signature.signed.signer) && known.is_named(owner))
                || signature.signed.signer.person().goes_by(owner)
            {
                refused = format!("waiver {name} is approved by its own owner, {owner}");
                continue;
            }
            match authority.counts(&signature.signed, now) {
                Ok(until) => signers.push(Approver { authority, signature, until }),
                Err(reason) => refused = reason,
            }
        }
    }
    if signers.is_empty() { Err(refused) } else { Ok(signers) }
}

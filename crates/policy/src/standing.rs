//! Where each waiver stands for one subject, policy and time: whether it is about the subject, valid now, and approved.
//!
//! What remains open is decided finding by finding: whether it names the vulnerability, and whether it runs longer than
//! the class of what it waives allows.

use jiff::{SignedDuration, Timestamp};

use crate::evidence::SubjectFacts;
use crate::pattern;
use crate::policy::{Authority, Policy, Window};
use crate::setting::Level;
use crate::verdict::{EvidenceRecord, Rule, WaiverUse, earliest};
use crate::waiver::{Waiver, united};

/// The waivers that are about the subject.
pub(crate) struct Docket {
    standings: Vec<Standing>,
    max_days: crate::policy::MaxDays,
}

/// One waiver.
pub(crate) struct Standing {
    pub(crate) waiver: Waiver,
    /// Approved, or why it does not apply.
    pub(crate) state: Result<Approval, String>,
}

/// Why a waiver counts, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    approvers: Vec<String>,
    until: Option<Timestamp>,
}

impl Docket {
    pub(crate) fn new(policy: &Policy, waivers: &[Waiver], subject: &SubjectFacts, now: Timestamp) -> Self {
        let standings = united(waivers).into_iter().filter_map(|waiver| {
            let state = match in_scope(&waiver, subject) {
                Scope::No => return None,
                Scope::Nameless(reason) => Err(reason.to_owned()),
                Scope::Yes => in_force(&waiver, now).and_then(|()| approval(&waiver, policy, now)),
            };
            Some(Standing { waiver, state })
        });
        Self { standings: standings.collect(), max_days: policy.waivers.max_days }
    }

    /// The waivers for `rule`.
    pub(crate) fn of(&self, rule: Rule) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(move |standing| standing.waiver.terms.rules.contains(&rule))
    }

    /// The approval of a waiver for something of `level`, or why it does not cover that.
    pub(crate) fn covers<'a>(
        &self,
        standing: &'a Standing,
        level: Option<Level>,
    ) -> Result<&'a Approval, String> {
        let approval = standing.state.as_ref().map_err(Clone::clone)?;
        let terms = &standing.waiver.terms;
        let limit = self.max_days.of(level);
        if terms.expires.duration_since(terms.issued) <= SignedDuration::from_hours(24 * i64::from(limit)) {
            return Ok(approval);
        }
        let days = terms.expires.duration_since(terms.issued).as_hours().div_euclid(24);
        let class = level.map_or_else(|| "anything unrated".to_owned(), |level| level.to_string());
        Err(format!("waiver {} runs {days} days, the limit for {class} is {limit}", standing.waiver.name))
    }
}

impl Standing {
    /// What the verdict says about it.
    pub(crate) fn record(&self, used: bool, reason: String) -> WaiverUse {
        WaiverUse {
            name: self.waiver.name.clone(),
            origin: self.waiver.origin.clone(),
            content: self.waiver.content,
            used,
            reason,
            justification: self.waiver.terms.reason.clone(),
            owner: self.waiver.terms.owner.clone(),
            approvers: self.state.as_ref().map(|approval| approval.approvers.clone()).unwrap_or_default(),
            expires: self.waiver.terms.expires,
        }
    }

    /// The bundles that carry its signatures.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = EvidenceRecord> {
        self.waiver
            .approvals
            .values()
            .map(|bundle| EvidenceRecord { kind: "waiver".to_owned(), digest: *bundle })
    }
}

impl Approval {
    /// How it came to count, for the verdict.
    pub(crate) fn reason(&self) -> String {
        if self.approvers.is_empty() {
            "unsigned; the policy says: I accept unsigned waivers".to_owned()
        } else {
            format!("approved by {}", self.approvers.join(" and "))
        }
    }

    /// When it stops counting.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

enum Scope {
    Yes,
    No,
    /// The subject lacks what the waiver's scope is written in.
    Nameless(&'static str),
}

fn in_scope(waiver: &Waiver, subject: &SubjectFacts) -> Scope {
    let terms = &waiver.terms;
    if !terms.digests.is_empty() {
        let Some(digests) = &subject.digests else {
            return Scope::Nameless("is for digests, and this subject has none");
        };
        if !digests.names().any(|digest| terms.digests.contains(&digest)) {
            return Scope::No;
        }
    }
    if !terms.images.is_empty() {
        let Some(name) = &subject.repository else {
            return Scope::Nameless("is for repositories, and this subject comes from none");
        };
        if !pattern::any(&terms.images, name) {
            return Scope::No;
        }
    }
    Scope::Yes
}

fn in_force(waiver: &Waiver, now: Timestamp) -> Result<(), String> {
    let (name, terms) = (&waiver.name, &waiver.terms);
    if now >= terms.expires {
        return Err(format!("waiver {name} expired {}", terms.expires));
    }
    if now < terms.issued {
        return Err(format!("waiver {name} is not valid before {}", terms.issued));
    }
    Ok(())
}

fn approval(waiver: &Waiver, policy: &Policy, now: Timestamp) -> Result<Approval, String> {
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
        let approver = first.first().copied();
        return Ok(Approval::by(waiver, approver, None));
    }
    let second = signers(waiver, &policy.waivers.second, "a second approver", policy, now)?;
    let pairs = first.iter().flat_map(|a| second.iter().map(move |b| (*a, *b)));
    for (a, b) in pairs {
        // Two hats on one head are one approval.
        if a.id() != b.id() && a.name.to_lowercase() != b.name.to_lowercase() {
            return Ok(Approval::by(waiver, Some(a), Some(b)));
        }
    }
    Err(format!("waiver {name} needs a second approver, who is not the first"))
}

impl Approval {
    fn by(waiver: &Waiver, first: Option<&Authority>, second: Option<&Authority>) -> Self {
        let both = || first.into_iter().chain(second);
        Self {
            approvers: both().map(|authority| authority.name.clone()).collect(),
            until: earliest(both().map(|a| a.not_after).chain([Some(waiver.terms.expires)])),
        }
    }
}

/// Those of `listed` who signed the waiver and may: their key counts now, and they are not its owner.
fn signers<'a>(
    waiver: &Waiver,
    listed: &'a [Authority],
    role: &str,
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<&'a Authority>, String> {
    let name = &waiver.name;
    let mut refused = format!("waiver {name} is not signed by {role} of policy {}", policy.name);
    let mut signers = Vec::new();
    for authority in listed.iter().filter(|authority| waiver.approvals.contains_key(&authority.id())) {
        if authority.name.to_lowercase() == waiver.terms.owner.to_lowercase() {
            refused = format!("waiver {name} is approved by its own owner, {}", authority.name);
            continue;
        }
        match authority.window(now) {
            Window::Open => signers.push(authority),
            Window::NotYet(start) => {
                refused = format!("the key of {} does not count before {start}", authority.name);
            }
            Window::Over(end) => {
                refused = format!("the key of {} counts no longer since {end}", authority.name);
            }
        }
    }
    if signers.is_empty() { Err(refused) } else { Ok(signers) }
}

//! The judge: it is made once and used many times.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use plimsoll_core::{Cancel, Platform, Reference, Swap, Timestamp};
use plimsoll_gather::{
    Access, Collection, Layers, Subject, UnderPolicy, evidence, layers, open, open_registry,
};
use plimsoll_image::{Progress, Source};
use plimsoll_policy::{Error as PolicyError, Evidence, Policy, UnusedWaiver, Verdict, evaluate_until};
use plimsoll_vuln::Database;

use crate::documents::{Ruleset, WaiverDocument};
use crate::{Error, Roots};

/// What subjects are judged by. Each part can be replaced alone.
#[derive(Clone)]
pub struct Inputs {
    /// Policies and deny lists.
    pub rules: Arc<Ruleset>,
    /// Waivers, as their files contain them.
    pub waivers: Arc<Vec<WaiverDocument>>,
    /// The trusted roots that certificates are verified with.
    pub roots: Arc<Roots>,
    /// The advisory database, or why there is none: without it there is still a verdict, in which the rule
    /// that needs it is unknown.
    pub database: Arc<Result<Database, plimsoll_vuln::Error>>,
}

/// Judges subjects, several at a time. All judgements share clients, their connections and the facts of
/// layers. The inputs can be replaced while judgements run.
pub struct Judge {
    access: Access,
    layers: Layers,
    inputs: Swap<Inputs>,
    /// Replacements happen one after another: each starts from the result of the previous one.
    replacing: Mutex<()>,
}

/// A request for one judgement.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the user named.
    pub subject: String,
    /// The only platform to judge; `None` means every runnable one.
    pub platform: Option<Platform>,
    /// The evidence repository, if the evidence is not beside the image.
    pub evidence_repository: Option<Reference>,
    /// What counts as now.
    pub now: Timestamp,
    /// Stops the judgement when nobody needs it any more.
    pub cancel: Cancel,
}

/// A verdict, and what it was made from.
#[derive(Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The evidence, one for each platform.
    pub evidence: Vec<Evidence>,
    /// How old advisories may be under the policies in question; none if no policy needs findings.
    pub max_database_age: Option<SignedDuration>,
    /// Whether a policy in question names who may sign the database, so that no other one counts.
    pub needs_signed_database: bool,
    /// What its reader should know and the verdict does not show.
    pub remark: Option<String>,
    /// Waivers that do not count, and why.
    pub refused_waivers: Vec<PolicyError>,
    /// Waivers without effect, and why.
    pub unused_waivers: Vec<UnusedWaiver>,
}

impl Judge {
    /// A judge that reads subjects through `access` and judges them by `inputs`.
    pub fn new(access: Access, inputs: Inputs) -> Self {
        let layers = layers(&access.limits).cached(access.layer_cache.clone());
        Self { access, layers, inputs: Swap::new(inputs), replacing: Mutex::new(()) }
    }

    /// Replaces the inputs. Judgements that have begun keep the inputs that they began with.
    pub fn replace(&self, change: impl FnOnce(Inputs) -> Inputs) {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let inputs = Inputs::clone(&self.inputs.get());
        self.inputs.set(change(inputs));
    }

    /// Judges one subject. Blocks, so asynchronous code must use [`crate::Pool`] instead.
    pub fn judge(&self, request: &Request, progress: &dyn Progress) -> Result<Judgement, Error> {
        request.cancel.check()?;
        let inputs = self.inputs.get();
        let access = self.access.under(&request.cancel);
        let subject = Subject::parse(&request.subject)?;
        let name = match &subject {
            Subject::Registry(reference) => Some(reference.name()),
            _ => None,
        };
        let rules = &inputs.rules;
        let policies: Vec<UnderPolicy<'_>> = rules
            .policies
            .in_question(name.as_deref())
            .into_iter()
            .map(|policy| UnderPolicy { policy, root: inputs.roots.root_for(policy, request.now) })
            .collect();
        let waivers = WaiverDocument::accepted(&inputs.waivers, &policies, request.now, &access.limits)?;
        let repository = &request.evidence_repository;
        let evidence_repository =
            repository.as_ref().map(|reference| open_registry(reference, &access)).transpose()?;
        let opened = open(&subject, &access)?;
        let evidence = evidence(
            &opened,
            &Collection {
                requested: &request.subject,
                platform: request.platform.as_ref(),
                policies: &policies,
                denials: &rules.denials,
                evidence_repository: evidence_repository.as_ref().map(|registry| registry as &dyn Source),
                database: &inputs.database,
                now: request.now,
                layers: &self.layers,
                progress,
                cancel: &request.cancel,
            },
        )?;
        // Evidence that was not gathered because time ran out must not look like evidence that does not
        // exist.
        request.cancel.check()?;
        let verdicts: Vec<Verdict> = evidence
            .iter()
            .map(|evidence| {
                let (waivers, denials) = (&waivers.waivers, &rules.denials);
                evaluate_until(&rules.policies, evidence, waivers, denials, request.now, &request.cancel)
            })
            .collect::<Result<_, _>>()?;
        let verdict = Verdict::combine(verdicts);
        let verdict = verdict.ok_or_else(|| Error::NoEvidence { subject: request.subject.clone() })?;
        let remark = opened.remark().map(|remark| format!("{subject}: {remark}"));
        let asked: Vec<&Policy> = policies.iter().map(|under| under.policy).collect();
        let unused_waivers = UnusedWaiver::find(&waivers.waivers, &asked, &evidence, &verdict);
        let needs = policies.iter().map(|under| under.policy.needs().findings);
        let max_database_age = needs.flatten().min();
        let needs_signed_database = policies.iter().any(|under| under.policy.database_signers().is_some());
        Ok(Judgement {
            verdict,
            evidence,
            max_database_age,
            needs_signed_database,
            remark,
            refused_waivers: waivers.refused,
            unused_waivers,
        })
    }
}

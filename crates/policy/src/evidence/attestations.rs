//! Attestations that rules ask for: what was searched for, found, and left open, for each policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::{Digest, Limits};
use plimsoll_verify::{Statement, Verified};
use serde_json::Value;

use crate::policy::Policy;

/// The searches for attestations. Each policy has its own keys, roots and logs, so what was verified for one is not evidence
/// for another.
#[derive(Debug, Clone, Default)]
pub struct AttestationFacts {
    by_policy: BTreeMap<Digest, AttestationSearch>,
}

impl AttestationFacts {
    /// Adds what was found for `policy`.
    pub fn add(&mut self, policy: &Policy, search: AttestationSearch) {
        self.by_policy.insert(policy.effective_digest(), search);
    }

    /// What was found for `policy`; none if nobody searched.
    pub fn under(&self, policy: &Policy) -> Option<&AttestationSearch> {
        self.by_policy.get(&policy.effective_digest())
    }
}

/// The search for the attestations that the rules of one policy ask for.
#[derive(Debug, Clone, Default)]
pub struct AttestationSearch {
    /// Those that verify for a signer whom the policy names for their type, about any subject.
    pub verified: Vec<Arc<Verified<Statement>>>,
    /// Those of a type that is asked for which do not verify. They harm nothing: anyone can attach one.
    pub refused: Vec<RefusedAttestation>,
    /// Those that could not be verified because there is no trusted root. Nothing is known about them.
    pub undecided: Vec<RefusedAttestation>,
    /// Why there is no trusted root, if there is none. Then nothing is known about the log entries and timestamps of those that a
    /// key signed.
    pub no_root: Option<String>,
    /// The limits of the run, within which their content is read.
    pub limits: Limits,
    /// Why others may have been missed.
    pub incomplete: Option<String>,
}

impl AttestationSearch {
    /// Adds what was verified for `policy`; without its content, which may be many megabytes, if no rule looks at it.
    pub fn add(&mut self, policy: &Policy, statement: Verified<Statement>) {
        let kept = if policy.reads_predicates_of(&statement.value().predicate_type) {
            statement
        } else {
            statement.map(|statement| Statement { predicate: Value::Null, ..statement })
        };
        self.verified.push(Arc::new(kept));
    }
}

/// An attestation that did not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAttestation {
    /// The type that it claims.
    pub predicate_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Why it does not count.
    pub reason: String,
}

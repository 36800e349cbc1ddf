//! Several policies for one image, such as a company's and a team's.
//!
//! Every policy that matches is applied, each by its own keys, roots and approvers, and the worst decision
//! counts. So an additional policy can only tighten: if one policy denies, no other can allow. An image that
//! no policy matches is denied. For a subject without a repository, it is unknown whether a policy with
//! `spec.match` applies, so that policy is applied too, and reports this.

use std::sync::Arc;

use crate::policy::Policy;

/// The policies in force. Without any, everything is denied.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    policies: Vec<Arc<Policy>>,
}

impl PolicySet {
    /// A set of these policies, in the order in which verdicts list them.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self { policies: policies.into_iter().map(Arc::new).collect() }
    }

    /// All policies of the set.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &Policy> {
        self.policies.iter().map(AsRef::as_ref)
    }

    /// The policies for images of this name (`registry/repository`): all that match or may match. If none does, all of
    /// them, and the verdict says so.
    pub fn in_question(&self, name: Option<&str>) -> Vec<&Policy> {
        let applying: Vec<&Policy> =
            self.policies().filter(|policy| policy.matches(name) != Some(false)).collect();
        if applying.is_empty() { self.policies().collect() } else { applying }
    }
}

impl From<Policy> for PolicySet {
    fn from(policy: Policy) -> Self {
        Self::new([policy])
    }
}

/// The label of a policy in a verdict under several policies: its name, with its origin if another policy has
/// the same name.
pub(crate) fn label(policy: &Policy, all: &[&Policy]) -> String {
    if all.iter().filter(|other| other.name == policy.name).count() > 1 {
        format!("{} ({})", policy.name, policy.origin)
    } else {
        policy.name.clone()
    }
}

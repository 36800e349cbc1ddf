//! Several policies about one image: a company's, and those of teams beside it.
//!
//! Every policy that matches is applied, each by its own keys, roots and approvers, and the worst decision holds. So a policy
//! that is added can only tighten: what one of them denies, no other can allow. An image that none matches is denied. Of a
//! subject without a repository it is not known whether a policy with `spec.match` applies to it, so that policy is applied
//! too, and says so.

use std::sync::Arc;

use crate::policy::Policy;

/// The policies that are in force. Where there is none, everything is denied.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    policies: Vec<Arc<Policy>>,
}

impl PolicySet {
    /// The set of these, in the order in which verdicts list them.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self { policies: policies.into_iter().map(Arc::new).collect() }
    }

    /// All of them.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &Policy> {
        self.policies.iter().map(AsRef::as_ref)
    }

    /// Those that have to be asked about images of this name (`registry/repository`): all that match or may match. Where
    /// none does, all of them, whose verdict says so.
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

/// What a policy is called in a verdict about several: its name, and where it is from if another has that name.
pub(crate) fn label(policy: &Policy, all: &[&Policy]) -> String {
    if all.iter().filter(|other| other.name == policy.name).count() > 1 {
        format!("{} ({})", policy.name, policy.origin)
    } else {
        policy.name.clone()
    }
}

//! What follows if a rule that a policy writes itself does not pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What follows if the rule fails or is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// A failure denies; an unknown outcome makes the verdict indeterminate, which blocks as well.
    #[default]
    Deny,
    /// Whoever asked is warned.
    Warn,
    /// The verdict records it.
    Audit,
}

impl Action {
    /// The usual is not written, so that a policy that says it has the same digest as one that leaves it out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn is_deny(&self) -> bool {
        *self == Self::Deny
    }
}

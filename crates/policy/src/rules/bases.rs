//! `bases`: the image is built on an approved base.
//!
//! ```yaml
//! bases:
//!   allow:
//!     - name: debian-12
//!       digest: "sha256:…"          # the base's manifest
//!       layers: ["sha256:…"]        # the diff IDs of all of its layers, from the base upwards
//! ```
//!
//! Layers that are the base's are the proof: an image is built on a base if its lowest layers have the diff IDs of all of the base's
//! layers, whatever it says about itself. A label that names a base is a claim, and changes only the words of the answer. If a base
//! is listed without its layers, nothing can prove that an image is built on it or is not, so the rule is unknown.

use jiff::Timestamp;
use plimsoll_core::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RuleName;
use super::configuration::IN_ITS_PLACE;
use crate::action::Action;
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::{Name, Setting, given};
use crate::verdict::{Effect, Outcome};

/// The bases that images may be built on.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BasesSpec {
    #[schemars(length(min = 1))]
    #[serde(deserialize_with = "given")]
    allow: Vec<BaseSpec>,
    /// What follows if it is built on none of them.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    action: Setting<Action>,
}

/// A base image for one platform.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BaseSpec {
    /// Repeated in verdicts.
    name: Name,
    /// The diff IDs of all of its layers, from the base upwards, as `plimsoll sbom` lists them. Without them nothing can prove that
    /// an image is built on it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    layers: Vec<Digest>,
    /// The digest of its manifest, which images can claim to be built on.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    #[schemars(with = "Setting<String>")]
    digest: Setting<Digest>,
}

const NAME: RuleName = RuleName::built_in("bases");

/// The annotation and the label by which builders name a base (OCI image specification, "Pre-Defined Annotation Keys").
pub(crate) const CLAIM: &str = "org.opencontainers.image.base.digest";

/// The rule.
pub(crate) struct BasesRule;

impl BasesSpec {
    /// What makes no sense in it, if anything does.
    pub(crate) fn fault(&self) -> Option<(String, String)> {
        let nothing = |it: &BaseSpec| it.layers.is_empty() && it.digest.is_unset();
        if self.allow.is_empty() {
            return Some(("spec.bases.allow".to_owned(), "names no base, expected at least one".to_owned()));
        }
        let index = self.allow.iter().position(nothing)?;
        Some((
            format!("spec.bases.allow[{index}]"),
            "identifies no base, expected `layers`, `digest` or both".to_owned(),
        ))
    }
}

impl Rule for BasesRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "It is built on an approved base."
    }

    fn section(&self) -> &'static str {
        "spec.bases"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        let Some(wanted) = &policy.bases else { return };
        lint.action("spec.bases.action", wanted.action.clone().or_default(), policy.phase);
        for (index, _) in wanted.allow.iter().enumerate().filter(|(_, it)| it.layers.is_empty()) {
            let message =
                "an image can only claim this base: without its layers, none is known to be built on it";
            let path = format!("spec.bases.allow[{index}]");
            lint.warn(Code::BaseOnlyClaimed, &path, message, "list the diff IDs of its layers");
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let Some(wanted) = &context.policy.bases else {
            return Answer::new(NAME, Outcome::NotApplicable, Effect::Block, "the policy allows any base");
        };
        let effect = effect_of(wanted.action.clone().or_default());
        let answer = |outcome, reason: String| Answer::new(NAME, outcome, effect, reason);
        let Some(digests) = &context.evidence.subject.digests else {
            let reason = "the subject has no layers that could be compared".to_owned();
            return answer(Outcome::Unknown, reason).hint(IN_ITS_PLACE);
        };
        let is_on = |base: &&BaseSpec| !base.layers.is_empty() && digests.diff_ids.starts_with(&base.layers);
        if let Some(base) = wanted.allow.iter().find(is_on) {
            let layers = plimsoll_core::quantity::count(base.layers.len(), "layer");
            return answer(Outcome::Pass, format!("its lowest {layers} are those of {}", base.name.0));
        }
        let claim = context.configuration().and_then(|it| it.labels.get(CLAIM));
        let claimed = claim.and_then(|claim| {
            wanted.allow.iter().find(|base| base.digest.as_ref().is_some_and(|it| it.to_string() == *claim))
        });
        let claimed = claimed
            .map(|base| format!("; it only claims to be built on {}", base.name.0))
            .unwrap_or_default();
        if let Some(base) = wanted.allow.iter().find(|base| base.layers.is_empty()) {
            let reason = format!(
                "nothing can prove that it is built on {}, whose layers are not listed{claimed}",
                base.name.0
            );
            return answer(Outcome::Unknown, reason)
                .hint("list the diff IDs of the base's layers in spec.bases.allow");
        }
        let judged =
            answer(Outcome::Fail, format!("its lowest layers are those of no approved base{claimed}"));
        judged.hint("build it on a base that spec.bases.allow names").or_waived(context)
    }
}

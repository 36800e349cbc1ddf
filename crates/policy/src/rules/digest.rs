//! `digest`: the image was requested by digest, and has the requested digest.
//!
//! A tag may point elsewhere by the time the image is used, so the verdict would be about another image. A
//! layout or archive on disk, or an image in an engine's store, needs no pin: the bytes that were judged are
//! the ones that are used.

use jiff::Timestamp;
use plimsoll_core::Digest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RuleName;
use crate::evidence::{ImageDigests, SubjectFacts, SubjectKind};
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, effect};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DigestSpec {
    /// Whether the image must be requested by digest.
    pub(crate) pinned: Setting<bool>,
}

const NAME: RuleName = RuleName::built_in("digest");

/// The rule.
pub(crate) struct DigestRule;

impl Rule for DigestRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "It was requested by digest."
    }

    fn section(&self) -> &'static str {
        "spec.digest"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        if !policy.pinned {
            let message = "a tag may mean another image by the time it is used";
            lint.warn(Code::NotPinned, "spec.digest.pinned", message, "remove `pinned: false`");
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        evaluate(context)
    }
}

/// The reason for an image that an index lists but that is missing. It blocks under every policy, because its
/// content was not read.
const NOT_SEEN: &str = "the image is missing, so its digest is unknown";

fn evaluate(context: &Context<'_>) -> Answer {
    let subject = &context.evidence.subject;
    let effect = effect(context.policy.pinned);
    let Some(digests) = &subject.digests else {
        let hint = "judge the image from its registry or a layout";
        let (reason, hint) = match subject.kind {
            SubjectKind::RootDir => ("a root file system has no digest", hint),
            SubjectKind::File => ("a file is not an image, and is not requested by digest", hint),
            SubjectKind::Sbom => ("an SBOM only claims a digest; the image was not seen", hint),
            _ => {
                let hint =
                    "copy the image again with all platforms, or judge one that is there with --platform";
                return Answer::new(NAME, Outcome::Unknown, Effect::Block, NOT_SEEN).hint(hint);
            }
        };
        // A user who requests a digest must not get other content under any policy, so an unknown digest
        // blocks as well.
        let effect = if subject.pinned.is_some() { Effect::Block } else { effect };
        return Answer::new(NAME, Outcome::Unknown, effect, reason).hint(hint);
    };
    match (subject.pinned, subject.kind) {
        (Some(asked), SubjectKind::LocalImage) => asked_of_store(asked, digests, effect),
        (Some(asked), _) => asked_for(asked, digests, effect),
        (None, SubjectKind::Layout | SubjectKind::Archive | SubjectKind::LocalImage) => {
            let reason = format!("local image, {} as read", top(digests));
            Answer::new(NAME, Outcome::Pass, effect, reason)
        }
        (None, _) => by_tag(subject, top(digests), effect),
    }
}

fn asked_for(asked: Digest, digests: &ImageDigests, effect: Effect) -> Answer {
    if digests.names().any(|digest| digest == asked) {
        return Answer::new(NAME, Outcome::Pass, effect, format!("asked for as {asked}"));
    }
    // The collector of the evidence should have noticed. It blocks under every policy.
    let reason = format!("asked for as {asked}, got {}", top(digests));
    Answer::new(NAME, Outcome::Fail, Effect::Block, reason)
        .hint("the source returned another image than the requested one; do not use it")
}

/// An engine finds an image also by the index that listed it, by its configuration, and by digests that it only remembers.
fn asked_of_store(asked: Digest, digests: &ImageDigests, effect: Effect) -> Answer {
    if digests.names().chain(digests.indexes.iter().copied()).any(|digest| digest == asked) {
        return Answer::new(NAME, Outcome::Pass, effect, format!("asked for as {asked}"));
    }
    if asked == digests.config {
        let reason = format!("local image, {} as read", top(digests));
        return Answer::new(NAME, Outcome::Pass, effect, reason);
    }
    let reason = format!("asked for as {asked}, which was not verified: the store gave {}", top(digests));
    Answer::new(NAME, Outcome::Unknown, Effect::Block, reason).hint(format!(
        "judge the image from its registry, or the one in the store by its ID {}",
        digests.config
    ))
}

fn by_tag(subject: &SubjectFacts, resolved: Digest, effect: Effect) -> Answer {
    let asked =
        subject.tag.as_ref().map_or_else(|| "without digest".to_owned(), |tag| format!("by tag {tag}"));
    let reason = format!("asked for {asked}, which may mean another image tomorrow; today it is {resolved}");
    let judged = Answer::new(NAME, Outcome::Fail, effect, reason);
    match &subject.repository {
        Some(name) => judged.hint(format!("plimsoll check {name}@{resolved}")),
        None => judged,
    }
}

/// The digest that requests the whole image: the index's, if there is one.
fn top(digests: &ImageDigests) -> Digest {
    digests.index.unwrap_or(digests.manifest)
}

//! `digest`: the image was asked for by digest, and is what was asked for.
//!
//! A tag may point elsewhere by the time the image is used, so the verdict would be about another image. A layout or
//! archive on disk, and an image that an engine keeps, is its own pin: its bytes are the ones that were judged.

use plimsoll_core::Digest;

use crate::evaluate::Case;
use crate::evidence::{ImageDigests, SubjectFacts, SubjectKind};
use crate::rules::{Judged, effect};
use crate::verdict::{Effect, Outcome, Rule};

pub(crate) fn judge(case: &Case<'_>) -> Judged {
    let subject = &case.evidence.subject;
    let effect = effect(case.policy.pinned);
    let Some(digests) = &subject.digests else {
        let reason = match subject.kind {
            SubjectKind::RootDir => "a root file system has no digest",
            SubjectKind::File => "a file is no image; nothing is asked for by digest",
            SubjectKind::Sbom => "an SBOM only claims a digest; the image was not seen",
            _ => "it is not known what it resolved to",
        };
        // Whoever asked for a digest must not get something else under any policy, so not knowing blocks as well.
        let effect = if subject.pinned.is_some() { Effect::Block } else { effect };
        return Judged::new(Rule::Digest, Outcome::Unknown, effect, reason)
            .hint("judge the image from its registry or a layout");
    };
    match (subject.pinned, subject.kind) {
        (Some(asked), _) => asked_for(asked, digests, effect),
        (None, SubjectKind::Layout | SubjectKind::Archive | SubjectKind::LocalImage) => {
            let reason = format!("local image, {} as read", top(digests));
            Judged::new(Rule::Digest, Outcome::Pass, effect, reason)
        }
        (None, _) => by_tag(subject, top(digests), effect),
    }
}

fn asked_for(asked: Digest, digests: &ImageDigests, effect: Effect) -> Judged {
    if digests.names().any(|digest| digest == asked) {
        return Judged::new(Rule::Digest, Outcome::Pass, effect, format!("asked for as {asked}"));
    }
    // Whoever gathered the evidence should have noticed. It blocks under every policy.
    let reason = format!("asked for as {asked}, got {}", top(digests));
    Judged::new(Rule::Digest, Outcome::Fail, Effect::Block, reason)
        .hint("the source answers with another image than it was asked for; do not use it")
}

fn by_tag(subject: &SubjectFacts, resolved: Digest, effect: Effect) -> Judged {
    let asked =
        subject.tag.as_ref().map_or_else(|| "without digest".to_owned(), |tag| format!("by tag {tag}"));
    let reason = format!("asked for {asked}, which may mean another image tomorrow; today it is {resolved}");
    let judged = Judged::new(Rule::Digest, Outcome::Fail, effect, reason);
    match &subject.repository {
        Some(name) => judged.hint(format!("plimsoll check {name}@{resolved}")),
        None => judged,
    }
}

/// What to ask for to get all of it: the index, where there is one.
fn top(digests: &ImageDigests) -> Digest {
    digests.index.unwrap_or(digests.manifest)
}

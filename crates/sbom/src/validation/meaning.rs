//! Checks of a document's meaning, in any form: its subject, components that cannot be looked up, the statement around
//! it.

use plimsoll_core::Timestamp;
use plimsoll_core::text::shortened;

use super::Findings;
use crate::documents::format::ReadDocument;
use crate::documents::stated::SubjectKind;

pub(super) fn check(document: &ReadDocument, findings: &mut Findings) {
    subject(document, findings);
    match &document.created {
        None => findings.warning("no-timestamp", "", "does not say when it was made"),
        Some(created) if created.parse::<Timestamp>().is_err() => {
            let message = format!("`{}` is not an RFC 3339 instant", shortened(created));
            findings.error("wrong-form", "", message);
        }
        Some(_) => {}
    }
    for problem in &document.inventory.problems {
        findings.warning(problem.code.as_str(), &problem.path, problem.words());
    }
    for dangling in &document.stated.dangling {
        findings.error(
            "dangling-reference",
            dangling,
            "a relationship names it, but no element of the document has this name",
        );
    }
    if document.inventory.components.is_empty() {
        findings.warning("no-components", "", "lists nothing that could be looked up");
    }
}

fn subject(document: &ReadDocument, findings: &mut Findings) {
    let name = document.subject_name.as_deref().unwrap_or_default();
    if name.is_empty() {
        findings.warning("no-subject", "", "does not say what it is about");
    }
    if document.stated.subject == SubjectKind::Image && document.subject_digest.is_none() {
        findings.error(
            "subject-without-digest",
            name,
            "is about an image but does not state its digest: a tag may refer to another image tomorrow",
        );
    }
    if document.stated.subject == SubjectKind::Index {
        findings.error(
            "subject-is-index",
            name,
            "is about an index of several platforms: each platform's image needs a document of its own",
        );
    }
    if let Some(digest) = document.subject_digest
        && document.statement_subjects.iter().any(|subject| subject.algorithm() == digest.algorithm())
        && !document.statement_subjects.contains(&digest)
    {
        findings.error(
            "subject-mismatch",
            &digest.to_string(),
            "is not the subject of the statement around the document",
        );
    }
}

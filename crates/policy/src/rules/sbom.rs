//! `sbom`: what is in the image is known, in full.
//!
//! An inventory with holes is no answer: what cannot be seen cannot be looked up either. An inventory that was read in
//! full and lists nothing fails, because an empty list is how a stripped image and a broken cataloger look alike.

use crate::detail::Detail;
use crate::evaluate::Case;
use crate::evidence::{InventorySource, SbomFacts};
use crate::rules::{Judged, count, effect, effect_of_unknown};
use crate::verdict::{Outcome, Rule};

pub(crate) fn judge(case: &Case<'_>) -> Judged {
    let policy = &case.policy.sbom;
    let unknown = |reason: String| {
        Judged::new(
            Rule::Sbom,
            Outcome::Unknown,
            effect_of_unknown(policy.required, policy.on_unknown),
            reason,
        )
    };
    let (source, components, os, problems) = match &case.evidence.sbom {
        SbomFacts::Inventory { source, components, os, problems, .. } => (*source, *components, os, problems),
        SbomFacts::Unavailable { reason } => return unknown(format!("there is no inventory: {reason}")),
    };
    let details = problems.iter().map(|problem| Detail::Problem {
        code: problem.code.to_string(),
        path: problem.path.clone(),
        detail: problem.detail.clone(),
    });
    let details: Vec<Detail> = details.collect();
    if let Some(worst) = problems.iter().find(|problem| problem.code.hides_components()) {
        let at = if worst.path.is_empty() { String::new() } else { format!(" ({})", worst.path) };
        let reason = format!("components may be missing: {}{at}: {}", worst.code, worst.detail);
        return unknown(reason)
            .details(details)
            .hint("keep the package manager's database and metadata in the image: plimsoll sbom SUBJECT shows what was read");
    }
    let effect = effect(policy.required);
    if components == 0 {
        return Judged::new(Rule::Sbom, Outcome::Fail, effect, "the inventory lists no component")
            .details(details)
            .hint("plimsoll sbom SUBJECT shows what was read")
            .or_waived(case);
    }
    let by = match source {
        InventorySource::Cataloged => "read from its files",
        InventorySource::Document => "as the document says",
    };
    let os = os.as_ref().map(|os| format!(" on {os}")).unwrap_or_default();
    let reason = format!("{}{os}, {by}", count(components, "component"));
    Judged::new(Rule::Sbom, Outcome::Pass, effect, reason).details(details)
}

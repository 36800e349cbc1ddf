//! `sbom`: the content of the image is fully known.
//!
//! An incomplete inventory is not enough: a component that is not seen cannot be looked up either. A complete inventory
//! without components fails, because a stripped image and a broken cataloger both produce an empty list.

use jiff::Timestamp;
use plimsoll_core::quantity::count;
use plimsoll_sbom::{Problem, ProblemCode, ProblemSeverity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::attested::Attester;
pub use self::attested::{is_sbom, sbom_standard};
use super::RuleName;
use crate::authority::{Authority, AuthoritySpec};
use crate::detail::Detail;
use crate::evidence::{InventorySource, RejectedSignature, SbomAttestation, SbomFacts};
use crate::exclusion::Excluded;
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::preset::Phase;
use crate::preset::Presets;
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect, effect_of_unknown};
use crate::setting::OnUnknown;
use crate::setting::Setting;
use crate::verdict::Outcome;

mod attested;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SbomSpec {
    /// When false, the inventory is reported and does not block.
    pub(crate) required: Setting<bool>,
    pub(crate) on_unknown: Setting<OnUnknown>,
    /// Whether layers of registries may be read in part, by the table of contents that eStargz and zstd:chunked layers have. Their
    /// own digests are not computed then, and the table may list other files than a runtime unpacks.
    pub(crate) layer_digest_not_computed: Setting<LayerDigestNotComputed>,
    /// Whose attested SBOMs count in place of the image's own files, which are then not read. Nobody's, when left out.
    pub(crate) attested_by: Setting<Vec<AuthoritySpec>>,
}

/// What happens if the digest of a layer is not computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LayerDigestNotComputed {
    /// Every layer is read as a whole; a document that says otherwise is unknown.
    Deny,
    /// It is reported.
    Allow,
}

impl LayerDigestNotComputed {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_denied(&self) -> bool {
        *self == Self::Deny
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SbomPolicy {
    pub(crate) required: bool,
    pub(crate) on_unknown: OnUnknown,
    /// The usual is not written, so that older policies keep their digests.
    #[serde(skip_serializing_if = "LayerDigestNotComputed::is_denied")]
    pub(crate) layer_digest_not_computed: LayerDigestNotComputed,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attested_by: Vec<Authority>,
}

impl SbomSpec {
    /// The policy with presets applied. The caller reads the keys of `attestedBy`.
    pub(crate) fn resolve(self, presets: Presets, attested_by: Vec<Authority>) -> SbomPolicy {
        SbomPolicy {
            required: self.required.or(presets.strict()),
            on_unknown: self.on_unknown.or(OnUnknown::Block),
            layer_digest_not_computed: self.layer_digest_not_computed.or(LayerDigestNotComputed::Deny),
            attested_by,
        }
    }
}

const NAME: RuleName = RuleName::built_in("sbom");

/// The rule.
pub(crate) struct SbomRule;

impl Rule for SbomRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "What is in it is known."
    }

    fn section(&self) -> &'static str {
        "spec.sbom"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs { inventory: true, ..Needs::default() }
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, now: Timestamp, lint: &mut Lint) {
        if policy.phase >= Phase::Beta && !policy.sbom.required {
            let message =
                "images whose content is unknown pass this rule, although the phase asks for an SBOM";
            lint.warn(Code::SbomOptional, "spec.sbom.required", message, "remove `required: false`");
        }
        if policy.allows_unhashed_layers() {
            let message = "the table of contents of a layer may leave out files that a runtime unpacks";
            let hint = "remove the line, unless every runtime goes by the table as well";
            lint.warn(Code::LayersUnhashed, "spec.sbom.layerDigestNotComputed", message, hint);
        }
        lint.on_unknown("spec.sbom.onUnknown", policy.sbom.on_unknown);
        lint.authorities("spec.sbom.attestedBy", &policy.sbom.attested_by, now);
        lint.exclusions("spec.exclude", policy.exclusions());
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        evaluate(context)
    }
}

fn evaluate(context: &Context<'_>) -> Answer {
    let policy = &context.policy.sbom;
    let unknown = |reason: String| {
        Answer::new(NAME, Outcome::Unknown, effect_of_unknown(policy.required, policy.on_unknown), reason)
    };
    let narrowed = context.narrowed();
    let facts = narrowed.map_or(&context.evidence.sbom, |narrowed| &narrowed.sbom);
    let (source, components, os, problems) = match facts {
        SbomFacts::Inventory { source, components, os, problems, .. } => (source, *components, os, problems),
        SbomFacts::Unavailable { reason } => return unknown(format!("there is no inventory: {reason}")),
    };
    let attested = match context.attested() {
        Ok(attested) => attested,
        Err(reason) => return unknown(reason),
    };
    let until = attested.as_ref().and_then(|(_, by)| by.until);
    // What was set aside is told where it matters, with the findings.
    let details = context.while_awaited(problems).filter(|problem| problem.code != ProblemCode::SetAside);
    let details = details.map(|problem| Detail::Problem {
        code: problem.code.to_string(),
        path: problem.path.clone(),
        detail: problem.words(),
        severity: severity(context.policy, problem),
    });
    let excluded = narrowed.map(|narrowed| narrowed.excluded.as_slice()).unwrap_or_default();
    let details =
        searched(context, attested.as_ref()).chain(details).chain(excluded.iter().map(Detail::from));
    let details: Vec<Detail> = details.collect();
    if let Some(worst) =
        problems.iter().find(|problem| severity(context.policy, problem) == ProblemSeverity::Missing)
    {
        let at = if worst.path.is_empty() { String::new() } else { format!(" ({})", worst.path) };
        let reason = format!("components may be missing: {}{at}: {}", worst.code, worst.words());
        let hint = match worst.code {
            ProblemCode::LayerDigestNotComputed => {
                "make the document again without --lazy-layers; spec.sbom.layerDigestNotComputed can allow it"
            }
            ProblemCode::NotRead => "plimsoll sbom SUBJECT lists what is not read yet",
            _ => {
                "keep the package manager's database and metadata in the image: plimsoll sbom SUBJECT shows what was read"
            }
        };
        return unknown(reason).details(details).hint(hint);
    }
    let effect = effect(policy.required);
    if components == 0 {
        let reason = format!("the inventory lists no component{}", left_out(excluded));
        let mut answer = Answer::new(NAME, Outcome::Fail, effect, reason)
            .details(details)
            .hint("plimsoll sbom SUBJECT shows what was read");
        answer.until = until;
        return answer.or_waived(context);
    }
    let by = match source {
        InventorySource::Cataloged => match &context.evidence.sbom_search.image_read {
            Some(why) if !policy.attested_by.is_empty() => format!("read from its files: {why}"),
            _ => "read from its files".to_owned(),
        },
        InventorySource::Document => "as the document says".to_owned(),
        InventorySource::Attested(_) => as_attested(attested.as_ref()),
    };
    let os = os.as_ref().map(|os| format!(" on {os}")).unwrap_or_default();
    let left_out = left_out(excluded);
    let reason = format!("{}{os}, {by}{left_out}", count(components, "component"));
    let mut answer = Answer::new(NAME, Outcome::Pass, effect, reason).details(details);
    answer.until = until;
    answer
}

/// What a problem means to a policy. Of layers whose digest was not computed, each policy is asked, whatever whoever gathered
/// the evidence made of it: of two policies, the laxer must not decide for the other.
fn severity(policy: &Policy, problem: &Problem) -> ProblemSeverity {
    match problem.code {
        ProblemCode::LayerDigestNotComputed if policy.allows_unhashed_layers() => ProblemSeverity::Noted,
        ProblemCode::LayerDigestNotComputed => ProblemSeverity::Missing,
        _ => problem.severity,
    }
}

/// `as sbom builder attests in CycloneDX 1.6, signed 2026-11-20T10:00:00Z`.
fn as_attested(attested: Option<&Attested<'_>>) -> String {
    let Some((attestation, by)) = attested else { return "as attested".to_owned() };
    let signed = match attestation.signed_at() {
        Some(time) => format!("signed {time}"),
        None => "signed at an unknown time".to_owned(),
    };
    format!("as {} attests in {}, {signed}", by.authority.name, attestation.format)
}

type Attested<'a> = (&'a SbomAttestation, Attester<'a>);

/// The attested SBOM that the inventory is from, or those that do not count.
fn searched<'a>(
    context: &'a Context<'_>,
    attested: Option<&'a Attested<'a>>,
) -> impl Iterator<Item = Detail> + 'a {
    let manifest = context.evidence.subject.digests.as_ref().map(|digests| digests.manifest);
    let used = attested.zip(manifest).map(|((it, by), manifest)| it.detail(by, &manifest));
    let wants = !context.policy.sbom.attested_by.is_empty();
    let refused = context.while_awaited(&context.evidence.sbom_search.refused).filter(move |_| wants);
    let refused = refused.map(|RejectedSignature { digest, reason }| Detail::RefusedSignature {
        bundle: *digest,
        reason: reason.clone(),
    });
    used.into_iter().chain(refused)
}

/// `; 2 components and 1 problem left out by spec.exclude`.
fn left_out(excluded: &[Excluded]) -> String {
    let sum = |of: fn(&Excluded) -> usize| excluded.iter().map(of).sum::<usize>();
    let (components, problems) = (sum(|it| it.components), sum(|it| it.problems));
    let parts = [(components, "component"), (problems, "problem")];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, word)| count(number, word)).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("; {} left out by spec.exclude", parts.join(" and "))
    }
}

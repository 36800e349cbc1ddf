//! The evidence as a document, for rules in the words of a policy.
//!
//! ```json
//! {"schemaVersion": "plimsoll.dev/evidence/v1", "evaluatedAt": "2026-11-20T12:00:00Z",
//!  "subject": {"kind": "registry", "requested": "…", "repository": "registry.example/team/app", "digests": {"…": "…"}},
//!  "image": {"user": "1000", "labels": {}, "ports": ["8080/tcp"]},
//!  "signatures": [{"authority": "release", "key": "…", "signed": "sha256:…"}],
//!  "attestations": [{"authority": "ci", "predicateType": "…", "predicate": {}}],
//!  "inventory": {"components": 120, "os": "debian-12"},
//!  "findings": [{"id": "CVE-2026-1111", "severity": "high", "fixState": "fixed", "fixedIn": ["1.2"], "exploited": false}],
//!  "missing": {}}
//! ```
//!
//! Only what counts under the policy is in it: signatures and attestations by those whom it names, findings without what accepted VEX
//! sets aside. A part that is missing, or known in part only, is left out, and `missing` says why: an expression that asks for it has
//! no result then, so that nothing passes for lack of evidence.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_sbom::Problem;
use plimsoll_vuln::{Class, Finding, Fix};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::authority::{Authority, Signed};
use crate::detail::SignerRecord;
use crate::evidence::{ImageConfiguration, ImageDigests, SbomFacts, Signatures, SubjectKind};
use crate::rule::Context;
use crate::rules::vulnerabilities;
use crate::setting::Instant;

/// The version that the document carries.
pub(crate) const EVIDENCE_V1: &str = "plimsoll.dev/evidence/v1";

/// The evidence about one platform of one subject, as it counts under one policy.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Plimsoll evidence, version 1")]
pub(crate) struct EvidenceDocument<'a> {
    /// `plimsoll.dev/evidence/v1`.
    #[schemars(extend("const" = EVIDENCE_V1))]
    schema_version: &'static str,
    /// The time of judgement.
    #[schemars(with = "Instant")]
    evaluated_at: Timestamp,
    subject: Subject<'a>,
    /// What the image's configuration says: its claims about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a ImageConfiguration>,
    /// Signatures of the image that count. The search ends as soon as the policy is satisfied, so there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures: Option<Vec<Signature>>,
    /// Attestations about the image that count for `spec.attestations` and `spec.provenance`. As with signatures, there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    attestations: Option<Vec<Attestation<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory: Option<Inventory<'a>>,
    /// What is known to be vulnerable, if nothing was left out of the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingItem<'a>>>,
    /// Why a part is missing, by its name.
    missing: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Subject<'a> {
    kind: SubjectKind,
    /// What the user typed.
    requested: &'a str,
    /// `registry/repository`.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a str>,
    /// The tag that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    /// `linux/amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digests: Option<&'a ImageDigests>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Signature {
    /// Who signed, by the policy's name for them.
    authority: String,
    #[serde(flatten)]
    by: SignerRecord,
    /// The digest that was signed.
    #[schemars(with = "String")]
    signed: Digest,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Attestation<'a> {
    /// Who made it, by the policy's name for them.
    authority: String,
    #[serde(flatten)]
    by: SignerRecord,
    /// The digest that it is about.
    #[schemars(with = "String")]
    signed: Digest,
    predicate_type: &'a str,
    /// Its content.
    predicate: &'a Value,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Inventory<'a> {
    /// How many components it lists.
    components: usize,
    /// The operating system: `debian-12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'a str>,
    /// What was wrong in what was read.
    problems: Vec<ProblemItem>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ProblemItem {
    /// A stable code.
    code: String,
    path: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FindingItem<'a> {
    /// The CVE, if there is one.
    id: &'a str,
    /// The advisory that it comes from.
    advisory: &'a str,
    /// Other names of the same vulnerability.
    aliases: &'a [String],
    /// Package URL.
    component: String,
    package: &'a str,
    version: &'a str,
    /// `critical` … `unrated`; `malicious` if the package was published to do harm.
    severity: &'static str,
    /// `fixed`, `not-fixed`, `wont-fix` or `unknown`.
    fix_state: &'static str,
    /// Versions that fix it.
    fixed_in: &'a [String],
    /// Whether it is known to be exploited (KEV).
    exploited: bool,
    /// The probability that it is exploited soon (EPSS), from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    likelihood: Option<f64>,
    /// The files that show the component.
    paths: Vec<&'a str>,
}

/// The document about what `context` is about.
pub(crate) fn document(context: &Context<'_>) -> Value {
    let (evidence, mut missing) = (context.evidence, BTreeMap::new());
    let subject = &evidence.subject;
    let scan = vulnerabilities::complete(context);
    let mut or_missing = |name, why: Option<String>| {
        if let Some(why) = why {
            missing.insert(name, why);
        }
    };
    let image = context.configuration();
    or_missing("image", image.is_none().then(|| "no configuration of an image was read".to_owned()));
    let signatures = signatures(context);
    or_missing("signatures", signatures.as_ref().err().cloned());
    let attestations = attestations(context);
    or_missing("attestations", attestations.as_ref().err().cloned());
    let inventory = inventory(context);
    or_missing("inventory", inventory.as_ref().err().cloned());
    or_missing("findings", scan.as_ref().err().cloned());
    let document = EvidenceDocument {
        schema_version: EVIDENCE_V1,
        evaluated_at: context.now,
        subject: Subject {
            kind: subject.kind,
            requested: &subject.requested,
            repository: subject.repository.as_deref(),
            tag: subject.tag.as_deref(),
            platform: subject.platform.as_ref().map(ToString::to_string),
            digests: subject.digests.as_ref(),
        },
        image,
        signatures: signatures.ok(),
        attestations: attestations.ok(),
        inventory: inventory.ok(),
        findings: scan.as_ref().ok().map(|scan| scan.findings.iter().map(finding).collect()),
        missing,
    };
    // Plain data becomes a tree without fail. If it did not, everything would be missing, and nothing would pass.
    serde_json::to_value(&document).unwrap_or_default()
}

fn signatures(context: &Context<'_>) -> Result<Vec<Signature>, String> {
    let found = match context.evidence.signatures.under(context.policy, context.policies.len()) {
        None => return Err("nobody searched for signatures under this policy".to_owned()),
        Some(Signatures::Unavailable { reason } | Signatures::Impossible { reason }) => {
            return Err(reason.clone());
        }
        Some(Signatures::Collected(found)) => found,
    };
    let digests = context.evidence.subject.digests.as_ref().ok_or("the subject has no digest")?;
    if found.truncated {
        return Err("there are more attachments than the limits allow".to_owned());
    }
    if let Some(left) = found.undecided.first() {
        return Err(left.reason.clone());
    }
    let signatures = found.verified.iter().filter(|statement| statement.value().is_signature());
    let counting = signatures.filter_map(|statement| {
        let signed = digests.names().find(|digest| statement.value().names(digest))?;
        let by = Signed::from(statement);
        let (counting, _) =
            Authority::counting(context.policy.signatures.entries(), "the policy", &by, context.now);
        let authority = counting.first()?.authority.name.clone();
        Some(Signature { authority, by: SignerRecord::from(&by), signed })
    });
    Ok(sorted(counting, |it| (it.authority.clone(), it.signed)))
}

fn attestations<'a>(context: &'a Context<'_>) -> Result<Vec<Attestation<'a>>, String> {
    let wanted: Vec<_> =
        context.policy.rules().filter_map(|rule| rule.attestations(context.policy)).collect();
    if wanted.is_empty() {
        return Err("no rule in spec.attestations or spec.provenance asks for any".to_owned());
    }
    let nobody = "nobody searched for attestations under this policy";
    let search = context.evidence.attestations.under(context.policy).ok_or(nobody)?;
    let digests = context.evidence.subject.digests.as_ref().ok_or("the subject has no digest")?;
    if let Some(reason) = &search.incomplete {
        return Err(reason.clone());
    }
    if let Some(left) = search.undecided.first() {
        return Err(left.reason.clone());
    }
    let counting = search.verified.iter().filter_map(|statement| {
        let value = statement.value();
        let signed = digests.names().find(|digest| value.names(digest))?;
        let by = Signed::from(statement.as_ref());
        let asking = wanted.iter().filter(|it| it.kind.includes(&value.predicate_type));
        let (counting, _) =
            Authority::counting(asking.flat_map(|it| it.signed_by), "the policy", &by, context.now);
        let authority = counting.first()?.authority.name.clone();
        let by = SignerRecord::from(&by);
        let (predicate_type, predicate) = (value.predicate_type.as_str(), &value.predicate);
        Some((*statement.bundle(), Attestation { authority, by, signed, predicate_type, predicate }))
    });
    let all = sorted(counting, |(bundle, _)| *bundle);
    Ok(all.into_iter().map(|(_, attestation)| attestation).collect())
}

/// The order in which a registry lists things must not decide.
fn sorted<T, K: Ord>(items: impl Iterator<Item = T>, key: impl FnMut(&T) -> K) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_by_key(key);
    items
}

fn inventory<'a>(context: &'a Context<'_>) -> Result<Inventory<'a>, String> {
    context.attested()?;
    match context.narrowed().map_or(&context.evidence.sbom, |narrowed| &narrowed.sbom) {
        SbomFacts::Unavailable { reason } => Err(reason.clone()),
        SbomFacts::Inventory { components, os, problems, .. } => {
            if let Some(problem) = problems.iter().find(|problem| problem.hides_components()) {
                return Err(format!("components may be missing: {}", problem.code));
            }
            let item = |problem: &Problem| ProblemItem {
                code: problem.code.to_string(),
                path: problem.path.clone(),
            };
            let problems = problems.iter().map(item).collect();
            Ok(Inventory { components: *components, os: os.as_deref(), problems })
        }
    }
}

fn finding(finding: &Finding) -> FindingItem<'_> {
    let (fix_state, fixed_in): (_, &[String]) = match &finding.fix {
        Fix::Fixed(versions) => ("fixed", versions),
        Fix::NotFixed => ("not-fixed", &[]),
        Fix::WontFix => ("wont-fix", &[]),
        Fix::Unknown => ("unknown", &[]),
    };
    let is_malicious = finding.class == Class::Malicious;
    FindingItem {
        id: &finding.id,
        advisory: &finding.advisory,
        aliases: &finding.aliases,
        component: finding.component.to_string(),
        package: &finding.package,
        version: &finding.version,
        severity: if is_malicious { "malicious" } else { finding.severity.name() },
        fix_state,
        fixed_in,
        exploited: finding.exploited.is_some(),
        likelihood: finding.likelihood.as_ref().map(|it| it.score.as_f64()),
        paths: finding.locations.iter().map(|location| location.path.as_str()).collect(),
    }
}

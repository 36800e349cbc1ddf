//! `verifyImages` in `ClusterPolicy` of Kyverno.
//!
//! Each entry of `verifyImages` becomes a policy: all that match an image have to pass, there and here.
//! | there | here |
//! | --- | --- |
//! | `imageReferences` | `match.images` |
//! | one set of attestors, `count` of its entries | `signatures.anyOf` with a threshold |
//! | several sets, each as a whole | `signatures.allOf` |
//! | `attestations` without conditions | `attestations` |
//! | `failureAction: Audit`, which is the default | `required: false` |
//! | `mutateDigest: false` with `verifyDigest: true` | `digest.pinned: true` |
//! | `keys` without `rekor.ignoreTlog` | `transparencyLog: true` |
//! | `ctlog.ignoreSCT` of identities | `trust.certificateLog: false` |

mod attestors;

use serde_json::{Map, Value};

use self::attestors::{Attestors, Set, combined};
use super::fields::{Fields, Findings, Node};
use super::images::Stars;
use super::written::{Attestation, Written};
use super::{Importer, common};

pub(super) struct ClusterPolicies;

impl Importer for ClusterPolicies {
    fn group(&self) -> &'static str {
        "kyverno.io"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["ClusterPolicy", "Policy"]
    }

    fn read(&self, document: &Map<String, Value>, findings: &mut Findings) -> Vec<Written> {
        if document.get("kind").and_then(Value::as_str) == Some("Policy") {
            findings
                .refuse("kind", "is for one namespace; policies here are about images, wherever they run");
        }
        let mut document = Fields::new(String::new(), document);
        document.without_effect(&["apiVersion", "kind", "status"]);
        let name = common::name(&mut document, findings);
        let spec = document.fields("spec", findings);
        document.finish(findings);
        spec.map(|spec| rules(&name, spec, findings)).unwrap_or_default()
    }
}

/// Kinds whose images are those of pods.
const WORKLOADS: &[&str] = &[
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "Pod/ephemeralcontainers",
];

const BY_WORKLOAD: &str = "chooses images by the workload that uses them; policies here are about images";
const OWN_INSTANCE: &str = "names an instance of Sigstore's of its own; make its trusted_root.json with `plimsoll trust root`, \
                            and set `trust: { root: … }` in a policy that is imported without this field";

fn rules(name: &str, mut spec: Fields<'_>, findings: &mut Findings) -> Vec<Written> {
    spec.without_effect(&[
        "background",
        "webhookTimeoutSeconds",
        "schemaValidation",
        "emitWarning",
        "useServerSideApply",
        "generateExisting",
        "generateExistingOnPolicyUpdate",
        "mutateExistingOnPolicyUpdate",
    ]);
    let action = action(&mut spec, "validationFailureAction", findings).unwrap_or(Action::Audit);
    spec.refuse("validationFailureActionOverrides", BY_WORKLOAD, findings);
    if spec.flag("admission", findings) == Some(false) {
        findings.refuse("spec.admission", "is for background scans only; what plimsoll denies is denied");
    }
    if spec.text("applyRules", findings).is_some_and(|which| which != "All") {
        findings.refuse("spec.applyRules", "applies the first rule that matches; here, all apply");
    }
    fails_open(&mut spec, findings);
    if let Some(mut webhook) = spec.fields("webhookConfiguration", findings) {
        webhook.without_effect(&["timeoutSeconds"]);
        fails_open(&mut webhook, findings);
        webhook.refuse("matchConditions", BY_WORKLOAD, findings);
        webhook.finish(findings);
    }
    let mut policies = Vec::new();
    let nodes = spec.items("rules", findings);
    spec.finish(findings);
    for node in &nodes {
        let Some(mut rule) = node.fields(findings) else { continue };
        rule.without_effect(&["skipBackgroundRequests", "reportProperties"]);
        let rule_name = rule.text("name", findings).unwrap_or_default().to_owned();
        applies(&mut rule, findings);
        let images = rule.items("verifyImages", findings);
        if images.is_empty() {
            findings.refuse(
                &format!("{}.verifyImages", node.path),
                "is missing; rules about anything else are not carried over",
            );
            continue;
        }
        for field in ["context", "preconditions", "celPreconditions"] {
            rule.refuse(field, "depends on the cluster or the workload", findings);
        }
        rule.refuse("imageExtractors", BY_WORKLOAD, findings);
        rule.finish(findings);
        let action = action_of_rule(&images, action);
        for (index, image) in images.iter().enumerate() {
            let mut called = vec![name.to_owned()];
            if nodes.len() > 1 {
                called.push(rule_name.clone());
            }
            if images.len() > 1 {
                called.push((index + 1).to_string());
            }
            policies.extend(verify_images(common::plain_name(&called.join(".")), image, action, findings));
        }
    }
    if nodes.is_empty() {
        findings.refuse("spec.rules", "is empty");
    }
    policies
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Enforce,
    Audit,
}

fn action(fields: &mut Fields<'_>, name: &str, findings: &mut Findings) -> Option<Action> {
    let text = fields.text(name, findings)?;
    match text.to_ascii_lowercase().as_str() {
        "enforce" => Some(Action::Enforce),
        "audit" => Some(Action::Audit),
        _ => {
            findings.refuse(&format!("{}.{name}", fields.path()), "expected Enforce or Audit");
            None
        }
    }
}

/// One entry that enforces makes the whole rule do so; otherwise the first that says anything decides.
fn action_of_rule(entries: &[Node<'_>], of_policy: Action) -> Action {
    let stated = |entry: &Node<'_>| {
        let text = entry.value.get("failureAction")?.as_str()?;
        Some(if text.eq_ignore_ascii_case("enforce") { Action::Enforce } else { Action::Audit })
    };
    let mut stated = entries.iter().filter_map(stated);
    match stated.next() {
        Some(Action::Audit) if stated.any(|action| action == Action::Enforce) => Action::Enforce,
        first => first.unwrap_or(of_policy),
    }
}

fn fails_open(fields: &mut Fields<'_>, findings: &mut Findings) {
    if fields.text("failurePolicy", findings) == Some("Ignore") {
        let path = format!("{}.failurePolicy", fields.path());
        findings.note(&path, "lets images in when they cannot be checked; here, that is never allowed");
    }
}

/// What a rule matches has to be all pods.
fn applies(rule: &mut Fields<'_>, findings: &mut Findings) {
    rule.refuse("exclude", BY_WORKLOAD, findings);
    let path = format!("{}.match", rule.path());
    let Some(mut matched) = rule.fields("match", findings) else {
        findings.refuse(&path, "is missing");
        return;
    };
    let mut filters = matched.items("any", findings);
    let all = matched.items("all", findings);
    if all.len() > 1 || (!all.is_empty() && !filters.is_empty()) {
        findings.refuse(&path, "has several conditions at once, expected one");
    }
    filters.extend(all);
    let mut resources: Vec<Fields<'_>> = matched.fields("resources", findings).into_iter().collect();
    for filter in &filters {
        let Some(mut filter) = filter.fields(findings) else { continue };
        resources.extend(filter.fields("resources", findings));
        filter.finish(findings);
    }
    matched.finish(findings);
    let mut pods = false;
    for mut fields in resources {
        for kind in fields.items("kinds", findings) {
            let Some(text) = kind.text(findings) else { continue };
            let short = if text == "*" { "Pod" } else { plain_kind(text) };
            pods |= short == "Pod";
            if !WORKLOADS.contains(&short) {
                findings.refuse(&kind.path, "is not a kind whose images are those of pods");
            }
        }
        fields.refuse("operations", BY_WORKLOAD, findings);
        fields.finish(findings);
    }
    if !pods {
        findings.refuse(&path, "leaves pods out; policies here are about images, wherever they run");
    }
}

/// `Deployment` of `apps/v1/Deployment`.
fn plain_kind(text: &str) -> &str {
    if text == "Pod/ephemeralcontainers" {
        return text;
    }
    text.rsplit('/').next().unwrap_or(text)
}

fn verify_images(
    name: String,
    node: &Node<'_>,
    rule_action: Action,
    findings: &mut Findings,
) -> Option<Written> {
    let mut fields = node.fields(findings)?;
    fields.without_effect(&["useCache", "cosignOCI11"]);
    let mut references = fields.items("imageReferences", findings);
    references.extend(fields.take("image"));
    let images =
        common::images(&references, &format!("{}.imageReferences", node.path), Stars::Crossing, findings);
    // Read for its form; what it means is decided for the rule.
    action(&mut fields, "failureAction", findings);
    if rule_action == Action::Audit {
        let message = "only reports, and here too; there, an image that cannot be looked up may be refused all the same";
        findings.note(&format!("{}.failureAction", node.path), message);
    }
    without_counterpart(&mut fields, findings);
    let attestations = fields.items("attestations", findings);
    let mutates = fields.flag("mutateDigest", findings).unwrap_or(true);
    let verifies = fields.flag("verifyDigest", findings).unwrap_or(true);
    let remembered = fields.flag("required", findings).unwrap_or(true);
    if !remembered {
        findings.note(
            &format!("{}.required", node.path),
            "is about what the cluster remembers; signatures are verified either way",
        );
    }
    let pinned = verifies && !mutates;
    if pinned && rule_action == Action::Audit {
        findings.refuse(
            &format!("{}.verifyDigest", node.path),
            "only reports an image that is asked for by tag, and here that is denied or not looked at",
        );
    }
    let mut read = Attestors::default();
    let nodes = fields.items("attestors", findings);
    let mut sets: Vec<Set> = nodes.iter().filter_map(|set| read.set(set, findings)).collect();
    sets.extend(read.old_form(&mut fields, findings));
    fields.finish(findings);
    if nodes.is_empty() && sets.is_empty() && attestations.is_empty() && !pinned {
        findings
            .refuse(&format!("{}.attestors", node.path), "names nobody, so that no signature is verified");
    }
    if nodes.is_empty() && sets.is_empty() && attestations.is_empty() && pinned && remembered {
        let reason = "asks for images that another entry verified, and this one names nobody; with `required: false`, only \
                      the digest is asked for";
        findings.refuse(&format!("{}.required", node.path), reason);
    }
    if !pinned {
        findings.note(&format!("{}.mutateDigest", node.path), common::TAGS);
    }
    // Without attestors, only the digest is looked at.
    let required = rule_action == Action::Enforce && !sets.is_empty();
    let (threshold, any_of, all_of) = combined(sets, findings)?;
    let required_of_all = rule_action == Action::Enforce;
    let attested = |node: &Node<'_>| attestation(node, &mut read, required_of_all, findings);
    let attestations = attestations.iter().filter_map(attested).collect();
    if read.ignores_certificate_log && read.wants_certificate_log {
        findings.refuse(
            &node.path,
            "some go without the log of certificates (ignoreSCT) and others do not; split the entry",
        );
    }
    let (any, all) = (any_of.len(), all_of.len());
    let mut named = common::distinct_names(any_of.into_iter().chain(all_of).collect());
    let all_of = named.split_off(any.min(named.len()));
    debug_assert_eq!(all_of.len(), all);
    Some(Written {
        name,
        images: images?,
        pinned,
        required,
        certificate_log: !read.ignores_certificate_log,
        threshold,
        any_of: named,
        all_of,
        attestations: common::distinct_attestations(attestations),
    })
}

/// What only the other tool knows.
fn without_counterpart(fields: &mut Fields<'_>, findings: &mut Findings) {
    let path = format!("{}.type", fields.path());
    match fields.text("type", findings) {
        None | Some("Cosign" | "SigstoreBundle") => {}
        Some("Notary") => {
            findings.refuse(&path, "is about signatures of Notary, which are not verified here");
        }
        Some(_) => findings.refuse(&path, "expected Cosign or SigstoreBundle"),
    }
    fields.refuse(
        "skipImageReferences",
        "takes images out again, and patterns here only put them in",
        findings,
    );
    fields.refuse(
        "repository",
        "signatures are looked for beside the image, or where --evidence-repository says",
        findings,
    );
    fields.refuse("annotations", "asks for annotations in the signature", findings);
    fields.refuse("roots", OWN_INSTANCE, findings);
    fields.refuse(
        "additionalExtensions",
        "asks for extensions of the certificate; use `claims` of an identity here",
        findings,
    );
    fields.refuse("validate", "is a condition over attestations", findings);
    if let Some(mut credentials) = fields.fields("imageRegistryCredentials", findings) {
        findings.note(credentials.path(), "credentials are those of whoever runs plimsoll");
        credentials.without_effect(&["providers", "secrets"]);
        if credentials.flag("allowInsecureRegistry", findings) == Some(true) {
            findings.note(credentials.path(), "an insecure registry is named with --insecure-registry");
        }
        credentials.finish(findings);
    }
}

/// An attestation by its own attestors. With conditions, all of a type have to satisfy them there, and one here.
fn attestation(
    node: &Node<'_>,
    read: &mut Attestors,
    required: bool,
    findings: &mut Findings,
) -> Option<Attestation> {
    let mut fields = node.fields(findings)?;
    let name = common::plain_name(fields.text("name", findings).unwrap_or("attestation"));
    let (new, old) = (fields.text("type", findings), fields.text("predicateType", findings));
    let predicate_type = new.or(old);
    if predicate_type.is_none() {
        findings.refuse(&format!("{}.type", node.path), "is missing");
    }
    fields.refuse(
        "conditions",
        "is in JMESPath; import the policy without it, and add `conditions` here",
        findings,
    );
    let nodes = fields.items("attestors", findings);
    fields.finish(findings);
    if nodes.len() != 1 {
        let reason = "expected one set: without any, nobody's signature is verified, and several cannot be written here";
        findings.refuse(&format!("{}.attestors", node.path), reason);
    }
    let set = read.set(nodes.first()?, findings)?;
    Some(Attestation {
        name,
        predicate_type: predicate_type?.to_owned(),
        threshold: set.count,
        signed_by: common::distinct_names(set.signers),
        required,
    })
}

//! Several policies for one image: all of them are applied, and the worst decision counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use common::*;
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{
    Collected, Decision, DenyList, Evidence, Outcome, Policy, PolicySet, RuleResult, Signatures, Verdict,
    Waiver, schema,
};
use plimsoll_vuln::Severity;
use proptest::prelude::*;
use serde_json::json;

fn named(name: &str, spec: &str) -> Policy {
    let text = policy_text(spec).replace("name: test", &format!("name: {name}"));
    Policy::parse(text.as_bytes(), &format!("{name}.yaml"), &()).unwrap()
}

fn set(policies: &[&Policy]) -> PolicySet {
    PolicySet::new(policies.iter().map(|policy| (*policy).clone()))
}

fn judge_all(policies: &[&Policy], evidence: &Evidence, waivers: &[Waiver]) -> Verdict {
    plimsoll_policy::evaluate(&set(policies), evidence, waivers, &DenyList::none(), now())
}

/// The answer of `rule` under `policy`.
fn under<'a>(verdict: &'a Verdict, policy: &str, rule: &str) -> &'a RuleResult {
    let mut rules = verdict.platforms[0].rules.iter();
    rules.find(|result| result.rule == rule && result.policy.as_deref() == Some(policy)).unwrap()
}

fn base() -> Policy {
    named("base", "phase: pilot")
}

#[test]
fn the_worst_decision_holds_and_every_rule_is_listed_under_its_policy() {
    let team = named(
        "team",
        "phase: pilot\nmatch: { images: ['registry.example/team/**'] }\nvulnerabilities: { block: [high] }",
    );
    let other = named(
        "other",
        "phase: ga\nsignatures: { required: false }\nmatch: { images: ['registry.example/other/**'] }",
    );
    let found = Evidence {
        vulnerabilities: scanned(vec![finding("CVE-2026-1", Severity::High)], Vec::new()),
        ..evidence()
    };
    let alone = judge_all(&[&base()], &found, &[]);
    assert_eq!(alone.decision, Decision::Allow);

    let verdict = judge_all(&[&base(), &team, &other], &found, &[]);
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(under(&verdict, "base", "vulnerabilities").outcome, Outcome::Pass);
    assert_eq!(under(&verdict, "team", "vulnerabilities").outcome, Outcome::Fail);
    assert_eq!(verdict.reasons, ["vulnerabilities of team: CVE-2026-1 (high) in foo 1.0-1"]);
    let applied: Vec<&str> = verdict.applied().map(|policy| policy.name.as_str()).collect();
    assert_eq!(applied, ["base", "team"], "what is about other images is not applied");
    // One answer for each rule of each policy, except for rules that are evaluated once.
    assert_eq!(verdict.platforms[0].rules.len(), 1 + 2 * 11);

    // The reverse order gives the same.
    let turned = judge_all(&[&team, &base()], &found, &[]);
    assert_eq!((turned.decision, turned.reasons), (verdict.decision, verdict.reasons));
}

#[test]
fn deny_goes_over_indeterminate_across_policies() {
    let strict = named("strict", "phase: pilot\nregistries: { allow: ['elsewhere.example/**'] }");
    let blind = Evidence { vulnerabilities: scanned(Vec::new(), vec![gap()]), ..evidence() };
    assert_eq!(judge_all(&[&base()], &blind, &[]).decision, Decision::Indeterminate);
    let lax = named("lax", "phase: pilot\nvulnerabilities: { onUnknown: warn }");
    assert_eq!(judge_all(&[&lax], &blind, &[]).decision, Decision::Allow);
    assert_eq!(judge_all(&[&lax, &base()], &blind, &[]).decision, Decision::Indeterminate);
    let verdict = judge_all(&[&lax, &base(), &strict], &blind, &[]);
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(verdict.reasons[0].starts_with("registries of strict: "), "{:?}", verdict.reasons);
}

#[test]
fn an_image_without_a_matching_policy_is_denied() {
    let one = named("one", "phase: pilot\nmatch: { images: ['registry.example/one/**'] }");
    let two = named("two", "phase: pilot\nmatch: { images: ['registry.example/two/**'] }");
    let verdict = judge_all(&[&one, &two], &evidence(), &[]);
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(verdict.reasons, [format!("policy: none of 2 policies applies to {NAME}")]);
    assert_eq!(verdict.platforms[0].rules.len(), 12);
    let single = judge_all(&[&one], &evidence(), &[]);
    assert_eq!(single.reasons, [format!("policy: policy one does not apply to {NAME}")]);

    let none = judge_all(&[], &evidence(), &[]);
    assert_eq!(none.decision, Decision::Deny);
    assert!(none.reasons[0].contains("there is no policy"), "{:?}", none.reasons);

    // The second policy may apply to a subject without a repository.
    let layout = of_kind(plimsoll_policy::SubjectKind::Layout);
    assert_eq!(judge_all(&[&base()], &layout, &[]).decision, Decision::Allow);
    let verdict = judge_all(&[&base(), &one], &layout, &[]);
    assert_eq!(verdict.decision, Decision::Indeterminate);
    assert_eq!(under(&verdict, "one", "policy").outcome, Outcome::Unknown);
    assert_eq!(under(&verdict, "one", "vulnerabilities").outcome, Outcome::NotApplicable);
}

#[test]
fn a_signature_counts_under_the_policy_that_it_was_verified_for_alone() {
    let (release, team) = (key(), key());
    let signed = |key: &Key| {
        let signatures =
            format!("signatures: {{ required: true, anyOf: [{{ name: a, key: {} }}] }}", key.yaml());
        format!("phase: pilot\n{signatures}")
    };
    let one = named("one", &signed(&release));
    let two = named("two", &signed(&team));
    let by = |key: &Key| signatures(vec![key.signature_of(&index())]);
    let with = |searches: Vec<(&Policy, Signatures)>| Evidence {
        signatures: searches.into_iter().collect(),
        ..evidence()
    };
    let both = with(vec![(&one, by(&release)), (&two, by(&team))]);
    assert_eq!(judge_all(&[&one, &two], &both, &[]).decision, Decision::Allow);

    let half = with(vec![(&one, by(&release)), (&two, by(&release))]);
    let verdict = judge_all(&[&one, &two], &half, &[]);
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(under(&verdict, "one", "signatures").outcome, Outcome::Pass);
    assert_eq!(under(&verdict, "two", "signatures").outcome, Outcome::Fail);

    // The same key under a policy for which nothing was verified. That policy may require more than the
    // other.
    let again = named("again", &signed(&release));
    let verdict = judge_all(&[&one, &again], &with(vec![(&one, by(&release))]), &[]);
    assert_eq!(verdict.decision, Decision::Indeterminate);
    let unknown = under(&verdict, "again", "signatures");
    assert!(unknown.reason.contains("not searched for under policy again"), "{}", unknown.reason);
    let only = Evidence { signatures: by(&release).into(), ..evidence() };
    assert_eq!(judge_all(&[&one], &only, &[]).decision, Decision::Allow);
    assert_eq!(judge_all(&[&one, &again], &only, &[]).decision, Decision::Indeterminate);
}

#[test]
fn a_waiver_counts_under_the_policy_whose_approver_signed_it() {
    let (security, lead) = (key(), key());
    let approved = |name: &str, key: &Key| {
        named(
            name,
            &format!("phase: pilot\nwaivers: {{ approvers: [{{ name: {name}, key: {} }}] }}", key.yaml()),
        )
    };
    let (company, team) = (approved("company", &security), approved("team", &lead));
    let found = Evidence {
        vulnerabilities: scanned(vec![finding("CVE-2026-1", Severity::Critical)], Vec::new()),
        ..evidence()
    };
    let read = |key: &Key, policy: &Policy| {
        Waiver::from_bundle(
            &key.approve(&waiver()),
            "w.sigstore.json",
            policy,
            Err("no root"),
            now(),
            &Limits::default(),
        )
    };
    assert!(matches!(read(&lead, &company), Err(plimsoll_policy::Error::WaiverSignature { .. })));
    let by_team = read(&lead, &team).unwrap();
    assert_eq!(judge_all(&[&team], &found, std::slice::from_ref(&by_team)).decision, Decision::Allow);
    let verdict = judge_all(&[&company, &team], &found, std::slice::from_ref(&by_team));
    assert_eq!(verdict.decision, Decision::Deny, "the team cannot waive what the company asks");
    assert_eq!(under(&verdict, "team", "vulnerabilities").outcome, Outcome::Waived);
    let refused = &under(&verdict, "company", "vulnerabilities").waivers[0];
    assert!(refused.reason.contains("not signed by an approver of policy company"), "{}", refused.reason);

    let both = [by_team, read(&security, &company).unwrap()];
    assert_eq!(judge_all(&[&company, &team], &found, &both).decision, Decision::Allow);

    // The same approver, verified under another policy that may require less.
    let other = approved("other", &security);
    let verdict = judge_all(&[&company, &other], &found, &[read(&security, &company).unwrap()]);
    assert_eq!(under(&verdict, "company", "vulnerabilities").outcome, Outcome::Waived);
    assert_eq!(under(&verdict, "other", "vulnerabilities").outcome, Outcome::Fail);
}

#[test]
fn deny_lists_are_asked_once_for_all_policies() {
    let denying = |name: &str, digest: Digest| {
        named(name, &format!("phase: pilot\ndeny: {{ digests: [{{ digest: '{digest}', reason: miner }}] }}"))
    };
    let clean = denying("clean", Digest::sha256(b"elsewhere"));
    let hit = denying("hit", layer());
    let verdict = judge_all(&[&clean, &hit], &evidence(), &[]);
    let asked: Vec<&RuleResult> =
        verdict.platforms[0].rules.iter().filter(|result| result.rule == "deny-list").collect();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].outcome, &asked[0].policy), (Outcome::Fail, &None));
    assert!(asked[0].reason.contains("denied by policy hit: miner"), "{}", asked[0].reason);
    assert_eq!(verdict.decision, Decision::Deny);
}

#[test]
fn the_verdict_about_one_policy_keeps_its_form_and_several_are_listed() {
    let schema = schema::verdict();
    let one = serde_json::to_value(judge_all(&[&base()], &evidence(), &[])).unwrap();
    assert_eq!(one["policy"]["name"], json!("base"));
    assert_eq!(one.get("policies"), None);
    assert!(one["platforms"][0]["rules"].as_array().unwrap().iter().all(|rule| rule.get("policy").is_none()));

    let twin = Policy::parse(
        policy_text("phase: beta\nsignatures: { required: false }")
            .replace("name: test", "name: base")
            .as_bytes(),
        "team/base.yaml",
        &(),
    )
    .unwrap();
    let two = serde_json::to_value(judge_all(&[&base(), &twin], &evidence(), &[])).unwrap();
    assert_eq!(two.get("policy"), None);
    assert_eq!(two["policies"].as_array().unwrap().len(), 2);
    // Two documents with the same name are distinguished by their origin.
    assert_eq!(two["platforms"][0]["rules"][1]["policy"], json!("base (base.yaml)"));
    assert_eq!(two["platforms"][0]["rules"][12]["policy"], json!("base (team/base.yaml)"));
    let known = schema["properties"].as_object().unwrap();
    assert!(two.as_object().unwrap().keys().all(|member| known.contains_key(member)));
    let required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(!required.contains(&"policy") && !required.contains(&"policies"));
}

#[test]
fn platforms_of_a_verdict_are_joined_under_several_policies_too() {
    let strict = named("strict", "phase: pilot\nvulnerabilities: { block: [high] }");
    let mut arm = evidence();
    arm.subject.platform = Some("linux/arm64".parse().unwrap());
    arm.vulnerabilities = scanned(vec![finding("CVE-2026-1", Severity::High)], Vec::new());
    let verdicts = [&evidence(), &arm].map(|evidence| judge_all(&[&base(), &strict], evidence, &[]));
    let verdict = Verdict::combine(verdicts).unwrap();
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(verdict.reasons, ["vulnerabilities of strict (linux/arm64): CVE-2026-1 (high) in foo 1.0-1"]);
    assert_eq!(verdict.applied().count(), 2);
}

fn specs() -> impl Strategy<Value = Policy> {
    let phase = prop::sample::select(vec!["pilot", "beta", "ga"]);
    let block = prop::sample::select(vec!["[]", "[critical]", "[low]", "[high, critical]"]);
    let images = prop::sample::select(vec!["**", "registry.example/team/**", "registry.example/other/**"]);
    let registries = prop::sample::select(vec!["registry.example/**", "elsewhere.example/**"]);
    (phase, block, images, registries, any::<bool>(), any::<bool>()).prop_map(
        |(phase, block, images, registries, pinned, warn)| {
            let on_unknown = if warn { "warn" } else { "block" };
            policy(&format!(
                "phase: {phase}\nsignatures: {{ required: false }}\nmatch: {{ images: ['{images}'] }}\ndigest: {{ pinned: {pinned} }}
                 registries: {{ allow: ['{registries}'] }}\nvulnerabilities: {{ block: {block}, onUnknown: {on_unknown} }}"
            ))
        },
    )
}

fn found() -> impl Strategy<Value = Evidence> {
    let severity = prop::sample::select(vec![Severity::Low, Severity::High, Severity::Critical]);
    (severity, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(severity, clean, gaps, tag)| {
        let findings = if clean { Vec::new() } else { vec![finding("CVE-2026-1", severity)] };
        let mut evidence = evidence();
        evidence.vulnerabilities = scanned(findings, if gaps { vec![gap()] } else { Vec::new() });
        if tag {
            evidence.subject.pinned = None;
        }
        evidence.signatures = Signatures::Collected(Collected::default()).into();
        evidence
    })
}

proptest! {
    /// If one policy of a set matches, adding any policy allows nothing that was not allowed before. The
    /// decision is the worst of those of the single policies.
    #[test]
    fn a_policy_that_is_added_never_loosens(policies in prop::collection::vec(specs(), 1..4), more in specs(), evidence in found()) {
        let all: Vec<&Policy> = policies.iter().collect();
        let before = judge_all(&all, &evidence, &[]);
        let after = judge_all(&[all.clone(), vec![&more]].concat(), &evidence, &[]);
        let about = |policy: &&&Policy| policy.matches(Some(NAME)) == Some(true);
        if all.iter().any(|policy| about(&policy)) {
            prop_assert!(after.decision >= before.decision);
            let alone = all.iter().filter(about).map(|policy| judge_all(&[policy], &evidence, &[]).decision);
            prop_assert_eq!(alone.max(), Some(before.decision));
        } else {
            prop_assert_eq!(before.decision, Decision::Deny);
        }
        let turned: Vec<&Policy> = all.into_iter().rev().collect();
        prop_assert_eq!(judge_all(&turned, &evidence, &[]).decision, before.decision);
    }
}

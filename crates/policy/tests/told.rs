//! What a result says to whoever has to act on it: of which images, why, and what to do next.

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
use plimsoll_core::Digest;
use plimsoll_policy::{
    Collected, Decision, Effect, Evidence, Outcome, Policy, RejectedSignature, RuleResult, SbomFacts,
    Signatures, SignaturesByPolicy, SubjectKind,
};
use plimsoll_sbom::{Problem, ProblemCode};
use plimsoll_vuln::Severity;

fn result(policy: &Policy, evidence: &Evidence, name: &str) -> RuleResult {
    rule(&judge(policy, evidence), name).clone()
}

fn hint(result: &RuleResult) -> &str {
    result.hint.as_deref().unwrap_or_default()
}

#[test]
fn decisions_and_outcomes_are_shown_in_words() {
    let decisions = [Decision::Allow, Decision::Indeterminate, Decision::Deny];
    assert_eq!(decisions.map(|it| it.to_string()), ["allow", "indeterminate", "deny"]);
    let outcomes = [Outcome::Pass, Outcome::Fail, Outcome::Waived, Outcome::NotApplicable, Outcome::Unknown];
    assert_eq!(outcomes.map(|it| it.to_string()), ["pass", "fail", "waived", "not applicable", "unknown"]);
}

/// What has no digest cannot be pinned; only an image that is missing blocks under a policy that asks for no pin.
#[test]
fn why_there_is_no_digest_depends_on_what_it_is() {
    let loose = policy("phase: pilot\ndigest: { pinned: false }");
    for (kind, reason, effect, advice) in [
        (
            SubjectKind::RootDir,
            "a root file system has no digest",
            Effect::Report,
            "its registry or a layout",
        ),
        (
            SubjectKind::File,
            "a file is not an image, and is not requested by digest",
            Effect::Report,
            "its registry or a layout",
        ),
        (
            SubjectKind::Sbom,
            "an SBOM only claims a digest; the image was not seen",
            Effect::Report,
            "its registry or a layout",
        ),
        (
            SubjectKind::Layout,
            "the image is missing, so its digest is unknown",
            Effect::Block,
            "with all platforms",
        ),
    ] {
        let mut evidence = of_kind(kind);
        evidence.subject.digests = None;
        let told = result(&loose, &evidence, "digest");
        assert_eq!((told.reason.as_str(), told.effect, told.outcome), (reason, effect, Outcome::Unknown));
        assert!(hint(&told).contains(advice), "{told:?}");
    }
}

#[test]
fn a_store_finds_an_image_by_any_index_or_by_its_configuration_and_by_nothing_else() {
    let pinned = policy("phase: pilot");
    let asked = |digest: Digest| {
        let mut evidence = of_kind(SubjectKind::LocalImage);
        evidence.subject.pinned = Some(digest);
        let told = result(&pinned, &evidence, "digest");
        (told.outcome, told.reason)
    };
    let config = Digest::sha256(b"config");
    for by in [index(), manifest(), Digest::sha256(b"index inside it")] {
        assert_eq!(asked(by), (Outcome::Pass, format!("asked for as {by}")));
    }
    assert_eq!(asked(config), (Outcome::Pass, format!("local image, {} as read", index())));
    for other in [layer(), Digest::sha256(b"something that the store remembers")] {
        let (outcome, reason) = asked(other);
        assert_eq!(outcome, Outcome::Unknown);
        assert_eq!(
            reason,
            format!("asked for as {other}, which was not verified: the store gave {}", index())
        );
    }
}

#[test]
fn a_list_of_registries_is_told_with_the_refusal_and_so_is_that_it_is_empty() {
    let of = |allow: &str| {
        let spec = format!("phase: pilot\nregistries: {{ allow: [{allow}] }}");
        result(&policy(&spec), &evidence(), "registries").reason
    };
    assert_eq!(of(""), format!("{NAME} is not allowed: the policy's list is empty"));
    assert_eq!(of("r.example/*, s.example/*"), format!("{NAME} is not among r.example/*, s.example/*"));
}

#[test]
fn what_helps_against_a_hole_in_the_inventory_depends_on_the_hole() {
    let strict = policy("phase: pilot\nsbom: { required: true }");
    for (code, advice) in [
        (
            ProblemCode::LayerDigestNotComputed,
            "without --lazy-layers; spec.sbom.layerDigestNotComputed can allow it",
        ),
        (ProblemCode::NotRead, "plimsoll sbom SUBJECT lists what is not read yet"),
        (ProblemCode::OsInventoryBroken, "keep the package manager's database and metadata in the image"),
    ] {
        let mut evidence = evidence();
        let SbomFacts::Inventory { problems, .. } = &mut evidence.sbom else { panic!() };
        problems.push(Problem::new(code, "a/b", "x"));
        let told = result(&strict, &evidence, "sbom");
        assert_eq!(told.outcome, Outcome::Unknown, "{code}: {}", told.reason);
        assert!(
            told.reason.starts_with(&format!("components may be missing: {code} (a/b): ")),
            "{}",
            told.reason
        );
        assert!(hint(&told).contains(advice), "{code}: {told:?}");
    }
}

/// What a policy decides by is all in its digest: also what was added later, where it is not the usual.
#[test]
fn allowing_layers_without_their_digests_is_another_policy() {
    let of = |more: &str| policy(&format!("phase: pilot{more}")).effective_digest();
    assert_eq!(of("\nsbom: { layerDigestNotComputed: deny }"), of(""));
    assert_ne!(of("\nsbom: { layerDigestNotComputed: allow }"), of(""));
}

#[test]
fn a_search_for_signatures_that_failed_says_where_they_are() {
    let spec = format!("phase: beta\nsignatures: {{ anyOf: [{{ name: release, key: {} }}] }}", key().yaml());
    let wanted = policy(&spec);
    for (kind, advice) in [
        (SubjectKind::Registry, "try again when the registry answers in full"),
        (SubjectKind::LocalImage, "signatures are in the registry: judge the image there, by its digest"),
    ] {
        let mut evidence = of_kind(kind);
        evidence.signatures = Signatures::Unavailable { reason: "503".to_owned() }.into();
        let told = result(&wanted, &evidence, "signatures");
        assert_eq!((told.outcome, hint(&told)), (Outcome::Unknown, advice));
    }
}

/// Whoever reads "2 of 3 … before the limit" knows what to look for.
#[test]
fn a_search_that_was_cut_short_tells_how_many_it_found_and_how_many_are_needed() {
    let keys = [key(), key(), key(), key()];
    let entry = |index: usize| format!("{{ name: k{index}, key: {} }}", keys[index].yaml());
    let found = |signers: &[usize]| Evidence {
        signatures: Signatures::Collected(Collected {
            verified: signers.iter().map(|signer| keys[*signer].signature_of(&manifest())).collect(),
            truncated: true,
            ..Collected::default()
        })
        .into(),
        ..evidence()
    };
    let all = format!("allOf: [{}]", entry(0));
    let any = format!("threshold: 2, anyOf: [{}, {}, {}]", entry(1), entry(2), entry(3));
    for (lists, signers, reason) in [
        (
            format!("{all}, {any}"),
            vec![0, 1],
            "2 of 3 authorities found before the limit on referrers was reached",
        ),
        (any.clone(), vec![1], "1 of 2 authorities found before the limit on referrers was reached"),
        (
            format!("allOf: [{}, {}]", entry(0), entry(1)),
            vec![1],
            "1 of 2 authorities found before the limit on referrers was reached",
        ),
    ] {
        let wanted = policy(&format!("phase: beta\nsignatures: {{ {lists} }}"));
        let told = result(&wanted, &found(&signers), "signatures");
        assert_eq!((told.outcome, told.reason.as_str()), (Outcome::Unknown, reason), "{lists}");
    }
}

#[test]
fn what_was_found_is_counted_where_the_policy_names_nobody_who_may_sign() {
    let rejected = |count: u8| {
        let one =
            |number: u8| RejectedSignature { digest: Digest::sha256(&[number]), reason: "x".to_owned() };
        (0..count).map(one).collect::<Vec<_>>()
    };
    let release = key();
    let told = |verified: usize, broken: u8, undecided: u8, truncated: bool| {
        let found = Collected {
            verified: vec![release.signature_of(&manifest()); verified],
            rejected: rejected(broken),
            undecided: rejected(undecided),
            truncated,
            root: None,
        };
        let evidence = Evidence { signatures: Signatures::Collected(found).into(), ..evidence() };
        let told = result(&policy("phase: pilot"), &evidence, "signatures");
        (told.outcome, told.reason)
    };
    let several =
        |count: &str| (Outcome::Unknown, format!("{count} found, and the policy names nobody who may sign"));
    assert_eq!(told(0, 0, 0, false), (Outcome::Fail, "it is not signed".to_owned()));
    assert_eq!(told(0, 0, 0, true), several("0 statements"), "there may be some");
    assert_eq!(told(1, 0, 0, false), several("1 statement"));
    assert_eq!(told(1, 2, 4, false), several("7 statements"));
}

/// Each policy's own search counts for it, and can be asked for.
#[test]
fn what_was_found_for_a_policy_is_given_for_that_one() {
    let (one, other) = (policy("phase: pilot"), policy("phase: pilot\ntier: core"));
    let release = key();
    let found: SignaturesByPolicy =
        [(&one, signatures(vec![release.signature_of(&manifest())]))].into_iter().collect();
    assert!(matches!(found.get(&one), Some(Signatures::Collected(found)) if found.verified.len() == 1));
    assert!(found.get(&other).is_none());
    let only: SignaturesByPolicy = Signatures::Impossible { reason: "a folder".to_owned() }.into();
    assert!(matches!(only.get(&other), Some(Signatures::Impossible { .. })));
}

/// A verdict in JSON leaves out what there is nothing of, and only that.
#[test]
fn findings_that_are_left_out_are_in_the_verdict_if_there_are_any() {
    let told = |linked: Option<bool>| {
        let mut found = finding("CVE-2026-1", Severity::Critical);
        found.linked = linked;
        let evidence = Evidence { vulnerabilities: scanned(vec![found], Vec::new()), ..evidence() };
        let spec = "phase: pilot\nvulnerabilities: { ignoreNotLinked: true }";
        let details = result(&policy(spec), &evidence, "vulnerabilities").details;
        let counts = serde_json::to_value(&details).unwrap();
        let counts = counts.as_array().unwrap().iter().find(|it| it["type"] == "findings").unwrap().clone();
        counts.get("notLinkedIgnored").cloned()
    };
    assert_eq!(told(Some(false)), Some(1.into()));
    assert_eq!(told(Some(true)), None);
}

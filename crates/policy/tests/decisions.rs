//! The decision space, rule by rule: which evidence leads to which outcome under which policy.

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
use plimsoll_core::{Algorithm, Cancel, Digest, Stopped};
use plimsoll_policy::{
    Collected, Decision, DenyList, Detail, Disposition, Effect, Evidence, Outcome, Policy, PolicySet,
    RejectedSignature, SbomFacts, Signatures, SubjectKind, Verdict, VulnerabilityFacts, evaluate_until,
};
use plimsoll_sbom::{Problem, ProblemCode, ProblemSeverity};
use plimsoll_vuln::{Class, Finding, Fix, Gap, GapReason, Severity, Topic};

/// Nothing blocks except what a test adds.
const OPEN: &str = "phase: pilot\ndigest: { pinned: false }\nvulnerabilities: { block: [] }";

/// Checks outcome, effect and decision of one rule; the verdict has no other blocking rule.
fn expect(verdict: &Verdict, name: &str, outcome: Outcome, decision: Decision, reason: &str) {
    let result = rule(verdict, name);
    assert_eq!(result.outcome, outcome, "{name}: {}", result.reason);
    assert_eq!(result.decision(), decision, "{name}: {result:?}");
    assert_eq!(verdict.decision, decision, "{:?}", verdict.reasons);
    assert!(result.reason.contains(reason), "{:?} does not say {reason:?}", result.reason);
}

#[test]
fn the_builtin_policy_allows_pinned_unsigned_images_without_critical_findings() {
    let verdict = judge(&Policy::builtin(), &evidence());
    assert_eq!(verdict.decision, Decision::Allow, "{:?}", verdict.reasons);
    assert_eq!(rule(&verdict, "signatures").outcome, Outcome::Fail);
    assert_eq!(rule(&verdict, "signatures").effect, Effect::Report);
    assert_eq!(verdict.reasons, ["no rule of the policy blocks it"]);
    let names: Vec<&str> = verdict.platforms[0].rules.iter().map(|r| r.rule.as_str()).collect();
    assert_eq!(
        names,
        [
            "deny-list",
            "policy",
            "digest",
            "registries",
            "signatures",
            "provenance",
            "sbom",
            "vulnerabilities",
            "bases",
            "configuration",
            "secrets",
            "age",
        ],
        "every rule is listed, in this order"
    );

    let mut critical = evidence();
    critical.vulnerabilities = scanned(vec![finding("CVE-2026-1", Severity::Critical)], Vec::new());
    expect(
        &judge(&Policy::builtin(), &critical),
        "vulnerabilities",
        Outcome::Fail,
        Decision::Deny,
        "CVE-2026-1",
    );
    let mut high = evidence();
    high.vulnerabilities = scanned(vec![finding("CVE-2026-1", Severity::High)], Vec::new());
    assert_eq!(judge(&Policy::builtin(), &high).decision, Decision::Allow);
    let mut blind = evidence();
    blind.vulnerabilities = VulnerabilityFacts::Unavailable { reason: "no database in db".to_owned() };
    expect(
        &judge(&Policy::builtin(), &blind),
        "vulnerabilities",
        Outcome::Unknown,
        Decision::Indeterminate,
        "no database",
    );
}

#[test]
fn the_digest_rule_wants_what_was_asked_for_by_digest() {
    let pinned = policy("phase: pilot\nvulnerabilities: { block: [] }");
    expect(&judge(&pinned, &evidence()), "digest", Outcome::Pass, Decision::Allow, "asked for as");

    let mut by_manifest = evidence();
    by_manifest.subject.pinned = Some(manifest());
    expect(&judge(&pinned, &by_manifest), "digest", Outcome::Pass, Decision::Allow, "");

    let mut by_tag = evidence();
    by_tag.subject.pinned = None;
    by_tag.subject.tag = Some("1.4".to_owned());
    let verdict = judge(&pinned, &by_tag);
    expect(&verdict, "digest", Outcome::Fail, Decision::Deny, "by tag 1.4");
    assert_eq!(rule(&verdict, "digest").hint, Some(format!("plimsoll check {NAME}@{}", index())));
    expect(&judge(&policy(OPEN), &by_tag), "digest", Outcome::Fail, Decision::Allow, "by tag");

    let mut mismatch = evidence();
    mismatch.subject.pinned = Some(layer());
    expect(&judge(&policy(OPEN), &mismatch), "digest", Outcome::Fail, Decision::Deny, "asked for as");

    for kind in [SubjectKind::Layout, SubjectKind::Archive] {
        expect(&judge(&pinned, &of_kind(kind)), "digest", Outcome::Pass, Decision::Allow, "local image");
    }
    for kind in [SubjectKind::RootDir, SubjectKind::Sbom] {
        expect(&judge(&pinned, &of_kind(kind)), "digest", Outcome::Unknown, Decision::Indeterminate, "");
    }
    let mut unresolved = evidence();
    unresolved.subject.digests = None;
    expect(
        &judge(&pinned, &unresolved),
        "digest",
        Outcome::Unknown,
        Decision::Indeterminate,
        "digest is unknown",
    );
    // A user who requests a digest must not get other content under any policy; an unknown digest blocks as a
    // mismatch does.
    expect(
        &judge(&policy(OPEN), &unresolved),
        "digest",
        Outcome::Unknown,
        Decision::Indeterminate,
        "digest is unknown",
    );
    // A missing image is not allowed either by a policy that requires no digest.
    unresolved.subject.pinned = None;
    let judged = judge(&policy(OPEN), &unresolved);
    expect(&judged, "digest", Outcome::Unknown, Decision::Indeterminate, "digest is unknown");
}

#[test]
fn registries_are_compared_by_whole_name_and_unknown_ones_block() {
    let allowing = |list: &str| policy(&format!("{OPEN}\nregistries: {{ allow: {list} }}"));
    expect(&judge(&policy(OPEN), &evidence()), "registries", Outcome::NotApplicable, Decision::Allow, "any");
    expect(
        &judge(&allowing("[registry.example/**]"), &evidence()),
        "registries",
        Outcome::Pass,
        Decision::Allow,
        NAME,
    );
    for list in ["[other.example/**]", "[registry.example/team]", "[example/**]", "[]"] {
        expect(&judge(&allowing(list), &evidence()), "registries", Outcome::Fail, Decision::Deny, "not a");
    }
    let layout = of_kind(SubjectKind::Layout);
    expect(
        &judge(&allowing("['**']"), &layout),
        "registries",
        Outcome::Unknown,
        Decision::Indeterminate,
        "no registry",
    );
}

#[test]
fn an_image_without_a_matching_policy_is_denied_and_other_rules_do_not_apply() {
    let narrow = policy("phase: pilot\nmatch: { images: ['registry.example/other/**'] }");
    let verdict = judge(&narrow, &evidence());
    expect(&verdict, "policy", Outcome::Fail, Decision::Deny, "not apply to registry.example/team/app");
    assert_eq!(rule(&verdict, "vulnerabilities").outcome, Outcome::NotApplicable);
    assert_eq!(verdict.platforms[0].rules.len(), 12);
    let nothing = policy("phase: pilot\nmatch: { images: [] }");
    expect(&judge(&nothing, &evidence()), "policy", Outcome::Fail, Decision::Deny, "not apply to");
    let layout = of_kind(SubjectKind::Layout);
    expect(&judge(&narrow, &layout), "policy", Outcome::Unknown, Decision::Indeterminate, "comes from none");
}

#[test]
fn a_denied_digest_denies_wherever_it_is_in_the_image() {
    let listed = |digest: Digest| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: incident }}\nspec:\n  digests:\n    - {{ digest: '{digest}', reason: miner }}\n"
        );
        DenyList::parse(text.as_bytes(), "deny.yaml").unwrap()
    };
    let open = policy(OPEN);
    let digests = digests();
    // An index inside the index, and the same bytes by another algorithm than the image uses.
    let (inside, alias) = (digests.indexes[1], digests.aliases[0]);
    let parts = [index(), manifest(), digests.config, digests.layers[0], digests.diff_ids[1], inside, alias];
    for digest in parts {
        let verdict = evaluate(&open, &evidence(), &[], &listed(digest), now());
        expect(&verdict, "deny-list", Outcome::Fail, Decision::Deny, "miner");
        assert_eq!(verdict.deny_lists[0].name, "incident");
        let in_policy =
            policy(&format!("{OPEN}\ndeny: {{ digests: [{{ digest: '{digest}', reason: miner }}] }}"));
        expect(&judge(&in_policy, &evidence()), "deny-list", Outcome::Fail, Decision::Deny, "policy test");
        let reason = rule(&judge(&in_policy, &evidence()), "deny-list").reason.clone();
        assert!(!reason.contains("more"), "{reason}");
    }
    let [one, two, three] =
        [index(), manifest(), digests.config].map(|it| format!("{{ digest: '{it}', reason: miner }}"));
    let several = policy(&format!("{OPEN}\ndeny: {{ digests: [{one}, {two}, {three}] }}"));
    expect(&judge(&several, &evidence()), "deny-list", Outcome::Fail, Decision::Deny, "miner, and 2 more");
    let elsewhere = listed(Digest::sha256(b"elsewhere"));
    let verdict = evaluate(&open, &evidence(), &[], &elsewhere, now());
    expect(&verdict, "deny-list", Outcome::Pass, Decision::Allow, "1 denied digest");
    // Nothing is derived from prefixes or lengths.
    let other = listed(Digest::compute(Algorithm::Sha512, b"elsewhere"));
    assert_eq!(evaluate(&open, &evidence(), &[], &other, now()).decision, Decision::Allow);

    let rootdir = of_kind(SubjectKind::RootDir);
    let verdict = evaluate(&open, &rootdir, &[], &elsewhere, now());
    expect(&verdict, "deny-list", Outcome::Unknown, Decision::Indeterminate, "no digests");
    expect(&judge(&open, &rootdir), "deny-list", Outcome::NotApplicable, Decision::Allow, "");
}

#[test]
fn each_rule_says_in_a_sentence_of_its_own_what_is_true_if_it_passes() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in plimsoll_policy::built_in_rules() {
        assert!(rule.about.contains(' ') && rule.about.ends_with('.'), "{}: {}", rule.name, rule.about);
        assert!(seen.insert(rule.about), "{}: {}", rule.name, rule.about);
    }
}

/// The requested digest is denied even if nothing of it was found. Otherwise a mirror could evade the list by
/// answering a denied digest with another image.
#[test]
fn the_digest_that_was_asked_for_is_denied_too() {
    let asked = Digest::sha256(b"asked for");
    let denied = policy(&format!("{OPEN}\ndeny: {{ digests: [{{ digest: '{asked}', reason: miner }}] }}"));
    for mut evidence in [evidence(), of_kind(SubjectKind::RootDir)] {
        evidence.subject.pinned = Some(asked);
        let verdict = judge(&denied, &evidence);
        expect(&verdict, "deny-list", Outcome::Fail, Decision::Deny, &format!("requested digest {asked}"));
    }
}

#[test]
fn deny_lists_count_even_where_the_policy_is_about_something_else() {
    let spec = format!(
        "phase: pilot\nmatch: {{ images: [a/b] }}\ndeny: {{ digests: [{{ digest: '{}', reason: r }}] }}",
        layer()
    );
    let verdict = judge(&policy(&spec), &evidence());
    assert_eq!(rule(&verdict, "deny-list").outcome, Outcome::Fail);
    assert_eq!(verdict.reasons.len(), 2);
}

/// A policy that requires signatures and nothing else.
fn signed_by(keys: &[(&str, String)], threshold: u32) -> Policy {
    let list: Vec<String> =
        keys.iter().map(|(name, key)| format!("{{ name: {name}, key: {key} }}")).collect();
    policy(&format!(
        "{OPEN}\nsignatures: {{ required: true, threshold: {threshold}, anyOf: [{}] }}",
        list.join(", ")
    ))
}

fn with_signatures(signatures: Signatures) -> Evidence {
    Evidence { signatures: signatures.into(), ..evidence() }
}

#[test]
fn a_signature_names_the_manifest_or_its_index_and_is_made_to_be_one() {
    let (release, other) = (key(), key());
    let wanted = signed_by(&[("release", release.yaml())], 1);
    for digest in [manifest(), index()] {
        let evidence = with_signatures(signatures(vec![release.signature_of(&digest)]));
        let verdict = judge(&wanted, &evidence);
        expect(&verdict, "signatures", Outcome::Pass, Decision::Allow, "signed by release");
        assert_eq!(verdict.platforms[0].evidence[0].kind, "signature");
    }
    for (statement, why) in [
        (release.signature_of(&layer()), "another digest"),
        (release.statement(&manifest(), "https://spdx.dev/Document"), "no signature"),
        (release.statement(&manifest(), "https://sigstore.dev/cosign/sign/v10"), "no signature"),
        (other.signature_of(&manifest()), "does not name"),
    ] {
        let verdict = judge(&wanted, &with_signatures(signatures(vec![statement])));
        expect(&verdict, "signatures", Outcome::Fail, Decision::Deny, why);
    }
    expect(&judge(&wanted, &evidence()), "signatures", Outcome::Fail, Decision::Deny, "not signed");
}

#[test]
fn the_threshold_counts_distinct_authorities() {
    let (one, two) = (key(), key());
    let both = signed_by(&[("one", one.yaml()), ("two", two.yaml())], 2);
    let twice = signatures(vec![one.signature_of(&manifest()), one.signature_of(&index())]);
    expect(
        &judge(&both, &with_signatures(twice)),
        "signatures",
        Outcome::Fail,
        Decision::Deny,
        "signed only by one",
    );
    let each = signatures(vec![one.signature_of(&manifest()), two.signature_of(&index())]);
    expect(&judge(&both, &with_signatures(each)), "signatures", Outcome::Pass, Decision::Allow, "2 needed");
    // Two names for one key are one authority, and a threshold that nothing can meet is refused.
    let text = policy_text(&format!(
        "phase: beta\nsignatures: {{ threshold: 2, anyOf: [{{ name: a, key: {} }}, {{ name: b, key: {} }}] }}",
        one.yaml(),
        one.yaml()
    ));
    let error = Policy::parse(text.as_bytes(), "p", &()).unwrap_err().to_string();
    assert!(error.contains("threshold") && error.contains("1 distinct key"), "{error}");
}

#[test]
fn a_key_counts_only_while_its_window_is_open() {
    let release = key();
    let signed = with_signatures(signatures(vec![release.signature_of(&manifest())]));
    for (window, outcome) in [
        ("notBefore: 2026-11-20T12:00:00Z, notAfter: 2026-11-20T12:00:01Z", Outcome::Pass),
        ("notAfter: 2026-11-20T12:00:00Z", Outcome::Fail),
        ("notBefore: 2026-11-20T12:00:01Z", Outcome::Fail),
    ] {
        let wanted = signed_by(&[("release", release.yaml_with(window))], 1);
        assert_eq!(rule(&judge(&wanted, &signed), "signatures").outcome, outcome, "{window}");
    }
    let ending = signed_by(&[("release", release.yaml_with("notAfter: 2026-11-20T13:00:00Z"))], 1);
    assert_eq!(judge(&ending, &signed).valid_until, Some(after(1)));
}

#[test]
fn junk_cannot_block_and_a_search_that_was_cut_short_is_unknown() {
    let release = key();
    let wanted = signed_by(&[("release", release.yaml())], 1);
    let junk = || vec![RejectedSignature { digest: layer(), reason: "not JSON".to_owned() }];
    let collected = |verified, truncated| {
        with_signatures(Signatures::Collected(Collected {
            verified,
            rejected: junk(),
            truncated,
            ..Collected::default()
        }))
    };
    let verdict = judge(&wanted, &collected(vec![release.signature_of(&manifest())], true));
    expect(&verdict, "signatures", Outcome::Pass, Decision::Allow, "");
    expect(
        &judge(&wanted, &collected(vec![], true)),
        "signatures",
        Outcome::Unknown,
        Decision::Indeterminate,
        "limit",
    );
    expect(
        &judge(&wanted, &collected(vec![], false)),
        "signatures",
        Outcome::Fail,
        Decision::Deny,
        "not JSON",
    );
    let unavailable = with_signatures(Signatures::Unavailable { reason: "503".to_owned() });
    expect(&judge(&wanted, &unavailable), "signatures", Outcome::Unknown, Decision::Indeterminate, "503");
    let rootdir = of_kind(SubjectKind::RootDir);
    expect(
        &judge(&wanted, &rootdir),
        "signatures",
        Outcome::Unknown,
        Decision::Indeterminate,
        "cannot be signed",
    );
}

#[test]
fn an_inventory_with_holes_is_unknown_and_an_empty_one_fails() {
    let required =
        "phase: pilot\ndigest: { pinned: false }\nvulnerabilities: { block: [] }\nsbom: { required: true }";
    let with = |components, code: Option<ProblemCode>| {
        let problems = code.map(|code| Problem::new(code, "var/lib/dpkg", "gone"));
        let SbomFacts::Inventory { source, os, digest, .. } = evidence().sbom else { panic!() };
        let sbom =
            SbomFacts::Inventory { source, components, os, problems: problems.into_iter().collect(), digest };
        Evidence { sbom, ..evidence() }
    };
    let judged = |evidence: &Evidence| judge(&policy(required), evidence);
    expect(&judged(&with(3, None)), "sbom", Outcome::Pass, Decision::Allow, "3 components on debian-12");
    expect(
        &judged(&with(3, Some(ProblemCode::PackageNotConfigured))),
        "sbom",
        Outcome::Pass,
        Decision::Allow,
        "",
    );
    for code in [
        ProblemCode::OsInventoryMissing,
        ProblemCode::OsInventoryBroken,
        ProblemCode::UnknownOs,
        ProblemCode::FileTooLarge,
    ] {
        expect(
            &judged(&with(3, Some(code))),
            "sbom",
            Outcome::Unknown,
            Decision::Indeterminate,
            code.as_str(),
        );
    }
    expect(&judged(&with(0, None)), "sbom", Outcome::Fail, Decision::Deny, "no component");
    let none = Evidence { sbom: SbomFacts::Unavailable { reason: "r".to_owned() }, ..evidence() };
    expect(&judged(&none), "sbom", Outcome::Unknown, Decision::Indeterminate, "no inventory");

    let warning = policy(&required.replace("required: true", "required: true, onUnknown: warn"));
    expect(&judge(&warning, &none), "sbom", Outcome::Unknown, Decision::Allow, "");
    expect(&judge(&warning, &with(0, None)), "sbom", Outcome::Fail, Decision::Deny, "");
    expect(&judge(&policy(OPEN), &with(0, None)), "sbom", Outcome::Fail, Decision::Allow, "");
}

#[test]
fn phases_and_tiers_preset_what_blocks() {
    let release = key();
    let spec = |phase: &str, tier: &str| {
        policy(&format!(
            "phase: {phase}\ntier: {tier}\nsignatures: {{ required: false, anyOf: [{{ name: r, key: {} }}] }}",
            release.yaml()
        ))
    };
    for (phase, tier, lowest) in [
        ("pilot", "standard", Severity::Critical),
        ("pilot", "core", Severity::Critical),
        ("beta", "standard", Severity::High),
        ("beta", "core", Severity::High),
        ("ga", "standard", Severity::High),
        ("ga", "core", Severity::Medium),
    ] {
        for severity in [Severity::None, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        {
            let found = Evidence {
                vulnerabilities: scanned(vec![finding("CVE-2026-1", severity)], Vec::new()),
                ..evidence()
            };
            let expected = if severity >= lowest { Decision::Deny } else { Decision::Allow };
            assert_eq!(judge(&spec(phase, tier), &found).decision, expected, "{phase} {tier} {severity}");
        }
    }
    // A requirement of the phase that nobody can satisfy is a mistake in the policy, not a reason to let
    // everything pass.
    assert!(
        Policy::parse(policy_text("phase: beta").as_bytes(), "p", &())
            .unwrap_err()
            .to_string()
            .contains("anyOf")
    );
}

fn found(severity: Severity, gaps: Vec<Gap>) -> Evidence {
    Evidence { vulnerabilities: scanned(vec![finding("CVE-2026-1", severity)], gaps), ..evidence() }
}

#[test]
fn gaps_are_unknown_and_a_blocking_finding_stays_a_denial() {
    let strict = policy("phase: pilot");
    let clean = |gaps| Evidence { vulnerabilities: scanned(Vec::new(), gaps), ..evidence() };
    expect(
        &judge(&strict, &clean(vec![gap()])),
        "vulnerabilities",
        Outcome::Unknown,
        Decision::Indeterminate,
        "npm: no feed",
    );
    let verdict = judge(&strict, &found(Severity::Critical, vec![gap()]));
    expect(&verdict, "vulnerabilities", Outcome::Fail, Decision::Deny, "not covered: npm");
    let missing = Gap { ecosystem: "debian".to_owned(), components: 0, reason: GapReason::InventoryMissing };
    expect(
        &judge(&strict, &clean(vec![missing])),
        "vulnerabilities",
        Outcome::Unknown,
        Decision::Indeterminate,
        "missing",
    );
    let relaxed = policy("phase: pilot\nvulnerabilities: { onUnknown: warn }");
    expect(&judge(&relaxed, &clean(vec![gap()])), "vulnerabilities", Outcome::Unknown, Decision::Allow, "");
    expect(
        &judge(&relaxed, &found(Severity::Critical, vec![gap()])),
        "vulnerabilities",
        Outcome::Fail,
        Decision::Deny,
        "",
    );
}

#[test]
fn unrated_counts_as_the_policy_says_or_is_unknown() {
    for (unrated_as, block, outcome) in [
        ("high", "[critical]", Outcome::Pass),
        ("high", "[critical, high]", Outcome::Fail),
        ("critical", "[critical]", Outcome::Fail),
        ("unknown", "[critical]", Outcome::Unknown),
        ("unknown", "[]", Outcome::Pass),
        ("low", "[critical, high, medium]", Outcome::Pass),
    ] {
        let spec = format!("phase: pilot\nvulnerabilities: {{ block: {block}, unratedAs: {unrated_as} }}");
        let verdict = judge(&policy(&spec), &found(Severity::Unrated, Vec::new()));
        assert_eq!(rule(&verdict, "vulnerabilities").outcome, outcome, "{unrated_as} {block}");
    }
    let default = judge(
        &policy("phase: pilot\nvulnerabilities: { block: [high] }"),
        &found(Severity::Unrated, Vec::new()),
    );
    expect(&default, "vulnerabilities", Outcome::Fail, Decision::Deny, "unrated");
}

#[test]
fn a_malicious_package_blocks_whatever_the_policy_says_of_vulnerabilities() {
    for severity in [Severity::Unrated, Severity::None, Severity::Low] {
        let mut malicious = finding("MAL-2026-1", severity);
        (malicious.class, malicious.fix) = (Class::Malicious, Fix::NotFixed);
        let evidence = Evidence { vulnerabilities: scanned(vec![malicious], Vec::new()), ..evidence() };
        for spec in [
            "phase: pilot",
            "phase: pilot\nvulnerabilities: { block: [], ignoreUnfixed: true, unratedAs: low }",
            "phase: ga\nsignatures: { required: false }\nvulnerabilities: { block: [critical], ignoreUnfixed: true, unratedAs: unknown }",
        ] {
            let verdict = judge(&policy(spec), &evidence);
            expect(&verdict, "vulnerabilities", Outcome::Fail, Decision::Deny, "MAL-2026-1 (malicious)");
        }
    }
}

#[test]
fn informational_advisories_are_listed_and_block_nothing() {
    let mut informational = finding("RUSTSEC-2026-1", Severity::Unrated);
    informational.class = Class::Informational(Topic::Unmaintained);
    let VulnerabilityFacts::Scanned(mut scan) = scanned(Vec::new(), Vec::new()) else { panic!("no scan") };
    scan.informational.push(informational);
    let evidence = Evidence { vulnerabilities: VulnerabilityFacts::Scanned(scan), ..evidence() };
    let verdict = judge(&policy("phase: pilot\nvulnerabilities: { block: [low] }"), &evidence);
    let result = rule(&verdict, "vulnerabilities");
    assert_eq!((verdict.decision, result.outcome), (Decision::Allow, Outcome::Pass));
    let told = result.details.iter().any(|detail| {
        matches!(detail, Detail::SetAside { what, reason }
            if what == "RUSTSEC-2026-1 in foo" && reason == "informational: unmaintained")
    });
    assert!(told, "{:?}", result.details);
}

#[test]
fn a_list_that_forgets_critical_does_not_let_critical_through() {
    let forgot = policy("phase: pilot\nvulnerabilities: { block: [medium] }");
    for severity in [Severity::Medium, Severity::High, Severity::Critical] {
        assert_eq!(judge(&forgot, &found(severity, Vec::new())).decision, Decision::Deny);
    }
    assert_eq!(judge(&forgot, &found(Severity::Low, Vec::new())).decision, Decision::Allow);
}

#[test]
fn what_a_program_does_not_contain_counts_unless_the_policy_says_otherwise() {
    let lenient = policy("phase: pilot\nvulnerabilities: { ignoreNotLinked: true }");
    for (linked, decision) in
        [(Some(false), Decision::Allow), (Some(true), Decision::Deny), (None, Decision::Deny)]
    {
        let unlinked = Finding { linked, ..finding("CVE-2026-1", Severity::Critical) };
        let evidence =
            Evidence { vulnerabilities: scanned(vec![unlinked.clone()], Vec::new()), ..evidence() };
        let verdict = judge(&lenient, &evidence);
        assert_eq!(verdict.decision, decision, "{linked:?}");
        let ignored = rule(&verdict, "vulnerabilities").details.iter().find_map(|detail| match detail {
            Detail::Findings { not_linked_ignored, .. } => Some(*not_linked_ignored),
            _ => None,
        });
        assert_eq!(ignored, Some(usize::from(decision == Decision::Allow)), "what is left out is counted");
        assert_eq!(judge(&policy("phase: pilot"), &evidence).decision, Decision::Deny);
        let malicious = Finding { class: Class::Malicious, ..unlinked };
        let evidence = Evidence { vulnerabilities: scanned(vec![malicious], Vec::new()), ..evidence };
        assert_eq!(
            judge(&lenient, &evidence).decision,
            Decision::Deny,
            "it may do harm whatever it contains"
        );
    }
}

#[test]
fn unfixed_findings_are_left_out_only_when_there_is_known_to_be_no_fix() {
    let lenient = policy("phase: pilot\nvulnerabilities: { ignoreUnfixed: true }");
    for (fix, decision) in [
        (Fix::NotFixed, Decision::Allow),
        (Fix::WontFix, Decision::Allow),
        (Fix::Unknown, Decision::Deny),
        (Fix::Fixed(vec!["2".to_owned()]), Decision::Deny),
    ] {
        let mut unfixed = finding("CVE-2026-1", Severity::Critical);
        unfixed.fix = fix.clone();
        let evidence = Evidence { vulnerabilities: scanned(vec![unfixed], Vec::new()), ..evidence() };
        let verdict = judge(&lenient, &evidence);
        assert_eq!(verdict.decision, decision, "{fix:?}");
        let counts = rule(&verdict, "vulnerabilities").details.iter().find_map(|detail| match detail {
            Detail::Findings { by_severity, unfixed_ignored, .. } => {
                Some((by_severity["critical"], *unfixed_ignored))
            }
            _ => None,
        });
        assert_eq!(
            counts,
            Some((1, usize::from(decision == Decision::Allow))),
            "what is left out is counted"
        );
        assert_eq!(judge(&policy("phase: pilot"), &evidence).decision, Decision::Deny);
    }
}

#[test]
fn the_age_of_the_database_is_measured_at_the_time_of_judgement() {
    let stale = |as_of, age| {
        let gap =
            Gap { ecosystem: "Debian".to_owned(), components: 3, reason: GapReason::Stale { as_of, age } };
        let mut evidence = found(Severity::Low, vec![gap]);
        let VulnerabilityFacts::Scanned(scan) = &mut evidence.vulnerabilities else { panic!() };
        scan.database[0].as_of = as_of;
        evidence
    };
    let day = policy("phase: pilot");
    let week = policy("phase: pilot\nvulnerabilities: { maxDatabaseAge: 7d }");
    let old = stale(after(-30), jiff::SignedDuration::from_hours(30));
    expect(
        &judge(&day, &old),
        "vulnerabilities",
        Outcome::Unknown,
        Decision::Indeterminate,
        "30h old, at most 24h",
    );
    expect(&judge(&week, &old), "vulnerabilities", Outcome::Pass, Decision::Allow, "");
    // Evidence that was fresh when it was gathered, but is not any more.
    let cached = found(Severity::Low, Vec::new());
    assert_eq!(evaluate(&day, &cached, &[], &DenyList::none(), now()).valid_until, Some(after(22)));
    let later = evaluate(&day, &cached, &[], &DenyList::none(), after(23));
    expect(&later, "vulnerabilities", Outcome::Unknown, Decision::Indeterminate, "25h old");
    // A clock that was set back must not make old data fresh.
    let earlier = evaluate(&day, &cached, &[], &DenyList::none(), after(-72));
    expect(&earlier, "vulnerabilities", Outcome::Unknown, Decision::Indeterminate, "future");
}

#[test]
fn findings_that_do_not_block_are_counted() {
    let many = vec![
        finding("CVE-2026-1", Severity::Medium),
        finding("CVE-2026-2", Severity::Medium),
        finding("CVE-2026-3", Severity::Critical),
    ];
    let evidence = Evidence { vulnerabilities: scanned(many, Vec::new()), ..evidence() };
    let verdict = judge(&policy("phase: pilot"), &evidence);
    let result = rule(&verdict, "vulnerabilities");
    let Detail::Findings { by_severity, .. } = &result.details[0] else { panic!("{result:?}") };
    assert_eq!((by_severity["medium"], by_severity["critical"]), (2, 1));
    let blocking = result.details.iter().filter_map(|d| match d {
        Detail::Finding(finding) => Some((finding.id.as_str(), finding.disposition)),
        _ => None,
    });
    assert_eq!(blocking.collect::<Vec<_>>(), [("CVE-2026-3", Disposition::Blocks)]);
    assert_eq!(result.hint.as_deref(), Some("upgrade foo to 1.0-1+deb12u1 or newer"));
}

#[test]
fn the_worst_platform_decides_for_an_index() {
    let strict = policy("phase: pilot");
    let verdict_of = |platform: &str, severity| {
        let mut evidence = found(severity, Vec::new());
        evidence.subject.platform = Some(platform.parse().unwrap());
        judge(&strict, &evidence)
    };
    let all = Verdict::combine([
        verdict_of("linux/amd64", Severity::Low),
        verdict_of("linux/arm64", Severity::Critical),
    ])
    .unwrap();
    assert_eq!(all.decision, Decision::Deny);
    assert_eq!(all.platforms.len(), 2);
    assert!(all.reasons[0].starts_with("vulnerabilities (linux/arm64): "), "{:?}", all.reasons);
    assert_eq!(all.blocking().count(), 1);
    assert_eq!(Verdict::combine([]), None, "an index without platforms has no verdict");
}

#[test]
fn a_verdict_that_has_to_stop_is_none_at_all() {
    let findings: Vec<_> =
        (0..1_000).map(|n| finding(&format!("CVE-2026-{n}"), Severity::Critical)).collect();
    let evidence = Evidence { vulnerabilities: scanned(findings, Vec::new()), ..evidence() };
    let set = Policy::builtin().into();
    let until = |cancel: &Cancel| evaluate_until(&set, &evidence, &[], &DenyList::none(), now(), cancel);
    let whole = until(&Cancel::never()).unwrap();
    assert_eq!(whole, judge(&Policy::builtin(), &evidence));
    let past = Cancel::never().until(std::time::Instant::now());
    assert_eq!(until(&past), Err(Stopped::DeadlinePassed));
    let cancelled = Cancel::never();
    cancelled.cancel();
    assert_eq!(until(&cancelled), Err(Stopped::Cancelled));
}

#[test]
fn the_reasons_of_many_platforms_are_told_each_once() {
    let signers = format!(
        "phase: pilot\nsignatures: {{ required: true, anyOf: [{{ name: k, key: {} }}] }}",
        key().yaml()
    );
    let wanted = policy(&signers);
    let verdicts = (0..1_000).map(|number| {
        let mut evidence = with_signatures(Signatures::Unavailable { reason: String::from("no answer") });
        evidence.subject.platform = Some(format!("linux/p{number}").parse().unwrap());
        judge(&wanted, &evidence)
    });
    let all = Verdict::combine(verdicts).unwrap();
    let reasons: std::collections::BTreeSet<_> = all.reasons.iter().collect();
    assert_eq!((all.platforms.len(), reasons.len()), (1_000, all.reasons.len()));
    assert!(all.reasons.iter().any(|reason| reason.contains("linux/p999")), "{:?}", all.reasons.last());
}

#[test]
fn a_rootfs_under_the_builtin_policy_is_indeterminate_never_allowed() {
    for kind in [SubjectKind::RootDir, SubjectKind::Sbom] {
        assert_eq!(judge(&Policy::builtin(), &of_kind(kind)).decision, Decision::Indeterminate);
    }
    assert_eq!(judge(&Policy::builtin(), &of_kind(SubjectKind::Layout)).decision, Decision::Allow);
}

#[test]
fn whether_layers_need_a_digest_is_asked_of_each_policy() {
    let of = |name: &str, sbom: &str| {
        let spec = format!("phase: pilot\ndigest: {{ pinned: false }}\nsbom: {{ required: true{sbom} }}");
        let text = policy_text(&spec).replacen("name: test", &format!("name: {name}"), 1);
        Policy::parse(text.as_bytes(), "p.yaml", &()).unwrap()
    };
    let (strict, lax) = (of("strict", ""), of("lax", ", layerDigestNotComputed: allow"));
    let code = ProblemCode::LayerDigestNotComputed;
    let problem = Problem::new(code, "", "layer 1");
    let gap = Gap {
        ecosystem: "inventory".to_owned(),
        components: 0,
        reason: GapReason::Incomplete { problem: code, path: String::new(), detail: "layer 1".to_owned() },
    };
    // Also if whoever gathered it for both took it for harmless.
    for severity in [ProblemSeverity::Missing, ProblemSeverity::Noted] {
        let mut evidence = Evidence { vulnerabilities: scanned(Vec::new(), vec![gap.clone()]), ..evidence() };
        let SbomFacts::Inventory { problems, .. } = &mut evidence.sbom else { panic!() };
        problems.push(Problem { severity, ..problem.clone() });
        let verdict = judge(&strict, &evidence);
        assert_eq!(verdict.decision, Decision::Indeterminate, "{severity:?}");
        for name in ["sbom", "vulnerabilities"] {
            assert_eq!(rule(&verdict, name).outcome, Outcome::Unknown, "{name}, {severity:?}");
        }
        let verdict = judge(&lax, &evidence);
        assert_eq!(verdict.decision, Decision::Allow, "{severity:?}: {:?}", verdict.reasons);
        let told = rule(&verdict, "sbom").details.iter().any(|detail| {
            matches!(detail, Detail::Problem { code, severity, .. }
                if code == "layer-digest-not-computed" && *severity == ProblemSeverity::Noted)
        });
        assert!(told, "it is reported");
        let both = PolicySet::new([lax.clone(), strict.clone()]);
        let verdict = plimsoll_policy::evaluate(&both, &evidence, &[], &DenyList::none(), now());
        assert_eq!(verdict.decision, Decision::Indeterminate, "the stricter decides, {severity:?}");
    }
}

//! What must be true for every policy and all evidence: more leniency needs more evidence, never less.

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

use std::sync::LazyLock;

use common::*;
use plimsoll_policy::{
    AttestationFacts, AttestationSearch, Collected, Decision, DenyList, Evidence, Outcome, Policy, PolicySet,
    RejectedSignature, SbomFacts, Signatures, SubjectKind, Verdict, VulnerabilityFacts, Waiver,
};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::{Bundle, COSIGN_SIGN_V1, Check, Statement, Subject, TrustedRoot, Verified, verify};
use plimsoll_vuln::{Finding, Fix, Gap, GapReason, Severity};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

/// Two keys, made once: a key pair costs more than a verdict.
static KEYS: LazyLock<[Key; 2]> = LazyLock::new(|| [key(), key()]);

/// Signatures of every kind that the rule distinguishes.
static STATEMENTS: LazyLock<Vec<Verified<Statement>>> = LazyLock::new(|| {
    let [one, two] = &*KEYS;
    vec![
        one.signature_of(&manifest()),
        two.signature_of(&index()),
        one.signature_of(&layer()),
        two.statement(&manifest(), "https://spdx.dev/Document"),
        by_certificate("main"),
        by_certificate("dev"),
    ]
});

/// Signers without a key: a workflow on any ref, and on a specific ref.
const ANY_REF: &str = "{ issuer: 'https://issuer.example', subject: { pattern: 'https://ci\\.example/.*' } }";
const MAIN: &str = "{ issuer: 'https://issuer.example', subject: 'https://ci.example/release@main' }";

/// A signature by the workflow on a ref.
fn by_certificate(of_ref: &str) -> Verified<Statement> {
    let mut instance = Sigstore::new();
    let leaf = Leaf { subject: format!("https://ci.example/release@{of_ref}"), ..Leaf::default() };
    let holder = instance.leaf(&leaf);
    let statement = Statement::new(Subject::new("", &manifest()), COSIGN_SIGN_V1, json!({}));
    let bundle = instance.attest(&holder, &statement.to_json(), LogVersion::V2).to_string();
    let bundle = Bundle::parse(bundle.as_bytes(), &plimsoll_core::Limits::default()).unwrap();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let signers =
        policy(&format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: ci, identity: {ANY_REF} }}] }}"));
    let verified = |check: &Check<'_>| verify(&bundle, Some(&manifest()), check);
    signers.image_signers().verify(&bundle, Some(&root), now(), verified).unwrap()
}

fn policies(on_unknown: &'static [&'static str]) -> impl Strategy<Value = Policy> {
    specs(on_unknown).prop_map(|spec| policy(&spec))
}

fn specs(on_unknown: &'static [&'static str]) -> impl Strategy<Value = String> {
    let levels = subsequence(vec!["low", "medium", "high", "critical"], 0..=4);
    (
        (select(vec!["pilot", "beta", "ga"]), select(vec!["standard", "core"]), any::<bool>(), any::<bool>(), any::<bool>()),
        (levels, select(vec!["low", "high", "critical", "unknown"]), any::<bool>()),
        (select(on_unknown), select(on_unknown), 1..=2_u8, 0..4_u8),
        (select(vec!["", "registries: { allow: ['registry.example/**'] }", "registries: { allow: ['other.example/**'] }"]),
         select(vec!["", "match: { images: ['registry.example/team/**'] }", "match: { images: ['other.example/**'] }"])),
    )
        .prop_map(|((phase, tier, pinned, signed, sbom), (block, unrated, unfixed), (on_sbom, on_scan, threshold, keyless), (registries, matches))| {
            let [one, two] = &*KEYS;
            let keyless = match keyless {
                0 => String::new(),
                1 => format!(", {{ name: ci, identity: {ANY_REF} }}"),
                2 => format!(", {{ name: ci, identity: {ANY_REF} }}, {{ name: main, identity: {MAIN} }}"),
                _ => format!("], allOf: [{{ name: ci, identity: {ANY_REF} }}"),
            };
            format!(
                "phase: {phase}\ntier: {tier}\ndigest: {{ pinned: {pinned} }}\n\
                 signatures: {{ required: {signed}, threshold: {threshold}, anyOf: [{{ name: one, key: {} }}, {{ name: two, key: {} }}{keyless}] }}\n\
                 sbom: {{ required: {sbom}, onUnknown: {on_sbom} }}\n\
                 vulnerabilities: {{ block: [{}], unratedAs: {unrated}, ignoreUnfixed: {unfixed}, ignoreNotLinked: {unfixed}, onUnknown: {on_scan} }}\n\
                 waivers: {{ allowUnsigned: I accept unsigned waivers }}\n{registries}\n{matches}",
                one.yaml(),
                two.yaml(),
                block.join(", "),
            )
        })
}

fn severities() -> impl Strategy<Value = Severity> {
    select(Severity::ALL.to_vec())
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let fix = select(vec![Fix::Fixed(vec!["2".to_owned()]), Fix::NotFixed, Fix::WontFix, Fix::Unknown]);
    let one = (1..=3_u8, severities(), fix).prop_map(|(number, severity, fix)| Finding {
        fix,
        ..finding(&format!("CVE-2026-{number}"), severity)
    });
    prop::collection::vec(one, 0..4)
}

fn scans() -> impl Strategy<Value = VulnerabilityFacts> {
    let stale = || Gap {
        ecosystem: "Debian".to_owned(),
        components: 1,
        reason: GapReason::Stale { as_of: after(-48), age: jiff::SignedDuration::from_hours(48) },
    };
    (findings(), select(vec![vec![], vec![gap()], vec![stale()]]))
        .prop_map(|(findings, gaps)| scanned(findings, gaps))
}

fn all_evidence() -> impl Strategy<Value = Evidence> {
    let kind = select(vec![SubjectKind::Registry, SubjectKind::Layout, SubjectKind::RootDir]);
    let pin = select(vec![None, Some(index()), Some(manifest()), Some(layer())]);
    let signed = subsequence(vec![0_usize, 1, 2, 3, 4, 5], 0..=6);
    (kind, pin, signed, any::<bool>(), any::<bool>(), scans(), 0..3_usize).prop_map(
        |(kind, pin, signed, truncated, undecided, scan, components)| {
            let mut evidence = if kind == SubjectKind::Registry { evidence() } else { of_kind(kind) };
            if kind != SubjectKind::RootDir {
                evidence.subject.pinned = pin;
                let verified = signed.into_iter().map(|index| STATEMENTS[index].clone()).collect();
                let left = RejectedSignature { digest: layer(), reason: "no trusted root".to_owned() };
                evidence.signatures = Signatures::Collected(Collected {
                    verified,
                    truncated,
                    undecided: undecided.then_some(left).into_iter().collect(),
                    ..Collected::default()
                })
                .into();
            }
            if let SbomFacts::Inventory { components: count, .. } = &mut evidence.sbom {
                *count = components;
            }
            evidence.vulnerabilities = scan;
            evidence
        },
    )
}

fn waivers() -> impl Strategy<Value = Waiver> {
    let cves = subsequence(vec!["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"], 1..=3);
    let images = select(vec![
        json!([NAME]),
        json!(["registry.example/team/**"]),
        json!(["registry.example/team/other"]),
        json!(null),
    ]);
    let rules = select(vec![
        json!(["vulnerabilities"]),
        json!(["vulnerabilities", "registries", "sbom"]),
        json!(["registries"]),
        json!(["sbom"]),
    ]);
    (cves, images, rules, 2..100_i64, any::<bool>()).prop_map(|(cves, images, rules, days, expired)| {
        let about_findings = rules[0] == "vulnerabilities";
        let mut changes = json!({
            "rules": rules,
            "cves": if about_findings { json!(cves) } else { json!(null) },
            "images": images,
            "expires": if expired { after(-1) } else { after(-24 + days * 24) }.to_string(),
        });
        if images.is_null() {
            changes["digests"] = json!([manifest()]);
        }
        unsigned(&waiver_with(&changes))
    })
}

fn decide(policy: &Policy, evidence: &Evidence, waivers: &[Waiver]) -> Verdict {
    evaluate(policy, evidence, waivers, &DenyList::none(), now())
}

/// What rules that policies define ask for, each with what satisfies it.
const TESTS: &str = "https://ci.example/tests/v1";

/// Sections about what images must have in addition.
fn sections() -> impl Strategy<Value = String> {
    let [one, two] = &*KEYS;
    let attestation = |name: &str, key: &Key, more: &str| {
        format!(
            "{{ name: {name}, predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {} }}]{more} }}",
            key.yaml()
        )
    };
    let all = vec![
        format!("attestations: [{}]", attestation("a", one, "")),
        format!("attestations: [{}]", attestation("a", one, ", conditions: [{ path: /n, atLeast: 1 }]")),
        format!("attestations: [{}, {}]", attestation("a", one, ""), attestation("b", two, ", action: warn")),
        format!("provenance: {{ signedBy: [{{ name: ci, key: {} }}] }}", one.yaml()),
        "rules: [{ name: r, cel: 'evidence.findings.all(f, !f.exploited)' }]".to_owned(),
        "rules: [{ name: r, cel: 'evidence.signatures.size() > 0' }, { name: s, cel: 'false', action: audit }]".to_owned(),
        "age: { max: 90d }\nsecrets: {}".to_owned(),
        "configuration: { user: nonRoot }".to_owned(),
        format!("bases: {{ allow: [{{ name: b, layers: ['{}'] }}] }}", digests().diff_ids[0]),
    ];
    select(all)
}

/// Attestations of every kind that such a rule distinguishes.
static ATTESTATIONS: LazyLock<Vec<Verified<Statement>>> = LazyLock::new(|| {
    let [one, two] = &*KEYS;
    let with = |key: &Key, n: u64| {
        let statement = Statement::new(Subject::new("", &manifest()), TESTS, json!({"n": n}));
        let bundle = Bundle::parse(&key.bundle(&statement), &plimsoll_core::Limits::default()).unwrap();
        plimsoll_verify::statement_by_key(&bundle, std::slice::from_ref(&key.public)).unwrap()
    };
    vec![with(one, 0), with(one, 2), with(two, 1), one.statement(&layer(), TESTS)]
});

/// The evidence with these attestations, as found for `policy`.
fn attested(evidence: &Evidence, policy: &Policy, which: &[usize]) -> Evidence {
    let mut search = AttestationSearch::default();
    for index in which {
        search.add(policy, ATTESTATIONS[*index].clone());
    }
    let mut attestations = AttestationFacts::default();
    attestations.add(policy, search);
    Evidence { attestations, ..evidence.clone() }
}

/// The evidence with its signatures as found for each of these policies.
fn for_each(evidence: &Evidence, policies: &[&Policy]) -> Evidence {
    let Some(found) = evidence.signatures.collected().next().cloned() else { return evidence.clone() };
    let signatures = policies.iter().map(|policy| (*policy, Signatures::Collected(found.clone()))).collect();
    Evidence { signatures, ..evidence.clone() }
}

fn decide_all(policies: &[&Policy], evidence: &Evidence, waivers: &[Waiver]) -> Verdict {
    let set = PolicySet::new(policies.iter().copied().cloned());
    plimsoll_policy::evaluate(&set, &for_each(evidence, policies), waivers, &DenyList::none(), now())
}

/// Everything that can be missing from evidence.
fn without_each(evidence: &Evidence) -> Vec<(&'static str, Evidence)> {
    let reason = || "gone".to_owned();
    let mut less = Vec::new();
    let signatures = Signatures::Unavailable { reason: reason() }.into();
    less.push(("signatures", Evidence { signatures, ..evidence.clone() }));
    less.push(("sbom", Evidence { sbom: SbomFacts::Unavailable { reason: reason() }, ..evidence.clone() }));
    let vulnerabilities = VulnerabilityFacts::Unavailable { reason: reason() };
    less.push(("scan", Evidence { vulnerabilities, ..evidence.clone() }));
    let mut digests = evidence.clone();
    digests.subject.digests = None;
    less.push(("digests", digests));
    let mut repository = evidence.clone();
    repository.subject.repository = None;
    less.push(("repository", repository));
    if let Some(found) = evidence.signatures.collected().next() {
        for index in 0..found.verified.len() {
            let mut fewer = found.clone();
            fewer.verified.remove(index);
            let signatures = Signatures::Collected(fewer).into();
            less.push(("one signature", Evidence { signatures, ..evidence.clone() }));
        }
    }
    less
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_waiver_never_makes_a_verdict_worse(
        policy in policies(&["block", "warn"]),
        evidence in all_evidence(),
        mut all in prop::collection::vec(waivers(), 0..3),
        one in waivers(),
    ) {
        let before = decide(&policy, &evidence, &all).decision;
        all.push(one);
        prop_assert!(decide(&policy, &evidence, &all).decision <= before);
    }

    #[test]
    fn missing_evidence_never_makes_a_verdict_allow(
        policy in policies(&["block"]),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
    ) {
        let before = decide(&policy, &evidence, &waivers).decision;
        for (what, less) in without_each(&evidence) {
            let after = decide(&policy, &less, &waivers).decision;
            prop_assert!(before == Decision::Allow || after != Decision::Allow, "without {what}: {before} became allow");
        }
    }

    /// Neither junk nor further signatures take anything from the signatures that count.
    #[test]
    fn one_more_signature_never_makes_the_rule_about_signatures_worse(
        policy in policies(&["block"]),
        evidence in all_evidence(),
        more in 0..6_usize,
    ) {
        let Some(found) = evidence.signatures.collected().next() else { return Ok(()) };
        let mut grown = found.clone();
        grown.verified.insert(0, STATEMENTS[more].clone());
        grown.rejected.push(RejectedSignature { digest: layer(), reason: "junk".to_owned() });
        let grown = Evidence { signatures: Signatures::Collected(grown).into(), ..evidence.clone() };
        let of = |evidence: &Evidence| {
            let verdict = decide(&policy, evidence, &[]);
            verdict.platforms[0].rules[4].outcome
        };
        prop_assert!(of(&evidence) != Outcome::Pass || of(&grown) == Outcome::Pass);
    }

    #[test]
    fn a_denied_image_stays_denied(
        policy in policies(&["block", "warn"]),
        mut evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
        part in 0..4_usize,
    ) {
        evidence.subject.digests = Some(digests());
        let digest = [index(), manifest(), layer(), digests().diff_ids[0]][part];
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: d }}\nspec: {{ digests: [{{ digest: '{digest}', reason: r }}] }}"
        );
        let denials = DenyList::parse(text.as_bytes(), "d").unwrap();
        let verdict = evaluate(&policy, &evidence, &waivers, &denials, now());
        prop_assert_eq!(verdict.decision, Decision::Deny);
        prop_assert_eq!(rule(&verdict, "deny-list").outcome, Outcome::Fail);
    }

    #[test]
    fn a_worse_finding_never_makes_a_better_verdict(
        policy in policies(&["block", "warn"]),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
        // A rating for an unrated finding adds knowledge, not severity.
        rated in subsequence(Severity::ALL[1..].to_vec(), 2),
    ) {
        let with = |severity| {
            let mut changed = evidence.clone();
            let VulnerabilityFacts::Scanned(scan) = &mut changed.vulnerabilities else { unreachable!() };
            scan.findings.push(finding("CVE-2026-1", severity));
            decide(&policy, &changed, &waivers).decision
        };
        prop_assert!(with(rated[1]) >= with(rated[0]), "{} is better than {}", rated[1], rated[0]);
    }

    #[test]
    fn one_more_finding_or_gap_never_makes_a_better_verdict(
        policy in policies(&["block", "warn"]),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
        more in findings(),
        with_gap in any::<bool>(),
    ) {
        let VulnerabilityFacts::Scanned(scan) = &evidence.vulnerabilities else { unreachable!() };
        let mut grown = scan.clone();
        grown.findings.extend(more);
        grown.gaps.extend(with_gap.then(gap));
        let grown = Evidence { vulnerabilities: VulnerabilityFacts::Scanned(grown), ..evidence.clone() };
        prop_assert!(decide(&policy, &grown, &waivers).decision >= decide(&policy, &evidence, &waivers).decision);
    }

    #[test]
    fn equal_inputs_give_equal_verdicts_and_waivers_have_no_order(
        policy in policies(&["block", "warn"]),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
    ) {
        let verdict = decide(&policy, &evidence, &waivers);
        let mut reversed = waivers;
        reversed.reverse();
        prop_assert_eq!(&decide(&policy, &evidence, &reversed), &verdict);
        let worst = verdict.platforms[0].rules.iter().map(plimsoll_policy::RuleResult::decision).max();
        prop_assert_eq!(worst, Some(verdict.decision));
        prop_assert_eq!(verdict.platforms[0].rules.len(), 12);
        prop_assert!(!verdict.reasons.is_empty());
        if let Some(until) = verdict.valid_until {
            prop_assert!(until >= now(), "it cannot have ended before it was made");
        }
    }

    #[test]
    fn before_its_end_a_verdict_does_not_change(
        policy in policies(&["block", "warn"]),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
        minutes in 0..(40 * 24 * 60_i64),
    ) {
        let verdict = decide(&policy, &evidence, &waivers);
        let later = now() + jiff::SignedDuration::from_mins(minutes);
        if verdict.decision == Decision::Allow && verdict.valid_until.is_none_or(|end| later < end) {
            let again = evaluate(&policy, &evidence, &waivers, &DenyList::none(), later);
            prop_assert_eq!(again.decision, Decision::Allow);
        }
    }

    #[test]
    fn an_overlay_never_loosens_and_policies_have_no_order(
        base in policies(&["block", "warn"]),
        overlay in policies(&["block", "warn"]),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
    ) {
        // What no policy applies to is denied, so that the first one that applies may allow it.
        prop_assume!(base.matches(evidence.subject.repository.as_deref()) != Some(false));
        let alone = decide_all(&[&base], &evidence, &waivers).decision;
        let both = decide_all(&[&base, &overlay], &evidence, &waivers);
        prop_assert!(both.decision >= alone, "{alone} became {}", both.decision);
        let turned = decide_all(&[&overlay, &base], &evidence, &waivers);
        prop_assert_eq!(turned.decision, both.decision);
    }

    #[test]
    fn one_more_rule_of_the_policy_never_makes_a_better_verdict(
        spec in specs(&["block", "warn"]),
        more in sections(),
        evidence in all_evidence(),
        waivers in prop::collection::vec(waivers(), 0..3),
        which in subsequence(vec![0_usize, 1, 2, 3], 0..=4),
    ) {
        let (base, stricter) = (policy(&spec), policy(&format!("{spec}\n{more}")));
        let before = decide(&base, &attested(&evidence, &base, &which), &waivers).decision;
        let after = decide(&stricter, &attested(&evidence, &stricter, &which), &waivers).decision;
        prop_assert!(after >= before, "{more}: {before} became {after}");
    }

    /// Neither an attestation that is hidden nor one that is added by somebody else improves anything, and their order is none.
    #[test]
    fn attestations_only_help_and_have_no_order(
        spec in specs(&["block", "warn"]),
        more in sections(),
        evidence in all_evidence(),
        mut which in subsequence(vec![0_usize, 1, 2, 3], 1..=4),
    ) {
        let policy = policy(&format!("{spec}\n{more}"));
        let verdict = decide(&policy, &attested(&evidence, &policy, &which), &[]);
        for hidden in 0..which.len() {
            let mut fewer = which.clone();
            fewer.remove(hidden);
            let less = decide(&policy, &attested(&evidence, &policy, &fewer), &[]).decision;
            prop_assert!(less >= verdict.decision, "{} became {less}", verdict.decision);
        }
        which.reverse();
        let reversed = decide(&policy, &attested(&evidence, &policy, &which), &[]);
        prop_assert_eq!(reversed.decision, verdict.decision);
        let outcomes = |verdict: &Verdict| verdict.platforms[0].rules.iter().map(|it| it.outcome).collect::<Vec<_>>();
        prop_assert_eq!(outcomes(&reversed), outcomes(&verdict));
        let again = decide(&policy, &attested(&evidence, &policy, &which), &[]);
        prop_assert_eq!(serde_json::to_vec(&again).unwrap(), serde_json::to_vec(&reversed).unwrap());
    }

    #[test]
    fn no_expression_makes_the_reader_or_the_evaluation_panic(text in "[a-z0-9.()\\[\\]{}<>=!&|?:+*/%'\", -]{0,80}") {
        let document = policy_text(&format!("phase: pilot\nrules: [{{ name: r, cel: {} }}]", json!(text)));
        if let Ok(policy) = Policy::parse(document.as_bytes(), "p", &()) {
            decide(&policy, &evidence(), &[]);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,400}") {
        let _ = Policy::parse(text.as_bytes(), "p", &());
        let _ = Waiver::from_unsigned(text.as_bytes(), "w");
        let _ = DenyList::parse(text.as_bytes(), "d");
    }

    #[test]
    fn no_change_of_a_byte_makes_a_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut policy = Policy::builtin_document().as_bytes().to_vec();
        let position = at.index(policy.len());
        policy[position] = byte;
        let _ = Policy::parse(&policy, "p", &());
        let mut waiver = waiver().to_string().into_bytes();
        let position = at.index(waiver.len());
        waiver[position] = byte;
        let _ = Waiver::from_unsigned(&waiver, "w");
    }
}

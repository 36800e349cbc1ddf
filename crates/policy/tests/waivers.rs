//! Which waiver applies to what, until when, and what the verdict says about waivers that do not apply.

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
use plimsoll_core::{Classify as _, Digest, Kind, Limits, Timestamp, yaml};
use plimsoll_policy::{
    Decision, DenyList, Detail, Disposition, Error, Evidence, Outcome, Policy, SubjectKind, Verdict, Waiver,
    WaiverUse,
};
use plimsoll_vuln::{Class, Finding, Severity};
use serde_json::{Value, json};

const UNSIGNED: &str = "phase: pilot\nwaivers: { allowUnsigned: I accept unsigned waivers }";

fn with(findings: Vec<Finding>) -> Evidence {
    Evidence { vulnerabilities: scanned(findings, Vec::new()), ..evidence() }
}

fn critical() -> Evidence {
    with(vec![finding("CVE-2026-1", Severity::Critical)])
}

fn judged(policy: &Policy, evidence: &Evidence, waivers: &[Waiver], now: Timestamp) -> Verdict {
    evaluate(policy, evidence, waivers, &DenyList::none(), now)
}

fn uses(verdict: &Verdict) -> &[WaiverUse] {
    &rule(verdict, "vulnerabilities").waivers
}

/// Judges a critical finding under one waiver.
fn outcome(spec: &str, waiver: &Value, now: Timestamp) -> (Decision, String) {
    let verdict = judged(&policy(spec), &critical(), &[unsigned(waiver)], now);
    (verdict.decision, uses(&verdict).first().map(|w| w.reason.clone()).unwrap_or_default())
}

#[test]
fn a_waiver_signed_by_an_approver_waives_what_it_names() {
    let secops = key();
    let policy = policy(&format!(
        "phase: pilot\nwaivers: {{ approvers: [{{ name: secops@example, key: {} }}] }}",
        secops.yaml()
    ));
    let bundle = secops.approve(&waiver());
    let signed =
        Waiver::from_bundle(&bundle, "w.sigstore.json", &policy, Err("no root"), now(), &Limits::default())
            .unwrap();
    let verdict = judged(&policy, &critical(), &[signed], now());
    assert_eq!(verdict.decision, Decision::Allow, "{:?}", verdict.reasons);
    let result = rule(&verdict, "vulnerabilities");
    assert_eq!(result.outcome, Outcome::Waived);
    let waived = result.details.iter().find_map(|detail| match detail {
        Detail::Finding(finding) => Some((finding.disposition, finding.waived_by.clone())),
        _ => None,
    });
    assert_eq!(waived, Some((Disposition::Waived, vec!["W-1".to_owned()])));
    let used = &uses(&verdict)[0];
    assert!(used.used);
    assert_eq!(used.reason, "covers CVE-2026-1; approved by secops@example");
    assert_eq!(
        (used.owner.as_str(), used.approvers.as_slice()),
        ("alice@example", &["secops@example".to_owned()][..])
    );
    let evidence = &verdict.platforms[0].evidence;
    assert!(
        evidence.iter().any(|e| e.kind == "waiver" && e.digest == Digest::sha256(&bundle)),
        "{evidence:?}"
    );
    assert_eq!(verdict.reasons, ["vulnerabilities: 1 finding waived"]);
}

#[test]
fn a_waiver_that_has_ended_or_not_begun_never_applies_and_the_verdict_says_so() {
    assert_eq!(outcome(UNSIGNED, &waiver(), now()).0, Decision::Allow);
    let late = at("2026-12-09T12:00:00Z");
    // The database of the evidence is fresh at `now` only; only the fail matters here.
    let (decision, reason) = outcome(UNSIGNED, &waiver(), late);
    assert_eq!((decision, reason.as_str()), (Decision::Deny, "waiver W-1 expired 2026-12-09T12:00:00Z"));
    let (decision, reason) = outcome(UNSIGNED, &waiver(), after(-25));
    assert_eq!(
        (decision, reason.as_str()),
        (Decision::Deny, "waiver W-1 is not valid before 2026-11-19T12:00:00Z")
    );
    assert_eq!(
        outcome(UNSIGNED, &waiver(), at("2026-11-19T12:00:00Z")).1,
        "covers CVE-2026-1; unsigned; the policy says: I accept unsigned waivers"
    );
}

#[test]
fn a_verdict_that_rests_on_a_waiver_ends_with_it() {
    let short = waiver_with(&json!({"expires": after(1).to_string()}));
    let verdict = judged(&policy(UNSIGNED), &critical(), &[unsigned(&short)], now());
    assert_eq!((verdict.decision, verdict.valid_until), (Decision::Allow, Some(after(1))));
    let secops = key();
    let window = secops.yaml_with(&format!("notAfter: {}", after(2)));
    let policy = policy(&format!("phase: pilot\nwaivers: {{ approvers: [{{ name: s, key: {window} }}] }}"));
    let signed = Waiver::from_bundle(
        &secops.approve(&waiver()),
        "w",
        &policy,
        Err("no root"),
        now(),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(
        judged(&policy, &critical(), std::slice::from_ref(&signed), now()).valid_until,
        Some(after(2))
    );
    let over = judged(&policy, &critical(), &[signed], after(2));
    assert_eq!(over.decision, Decision::Deny);
    assert!(uses(&over)[0].reason.contains("has not counted"), "{:?}", uses(&over));
}

#[test]
fn unsigned_waivers_count_only_where_the_policy_says_so() {
    let (decision, reason) = outcome("phase: pilot", &waiver(), now());
    assert_eq!(decision, Decision::Deny);
    assert!(reason.contains("is not signed"), "{reason}");
    let (decision, reason) = outcome(UNSIGNED, &waiver(), now());
    assert_eq!(decision, Decision::Allow);
    assert!(reason.contains("unsigned; the policy says: I accept unsigned waivers"), "{reason}");
}

#[test]
fn only_an_approver_who_is_not_the_owner_can_approve() {
    let (secops, stranger) = (key(), key());
    let approved_by = |name: &str| {
        policy(&format!(
            "phase: pilot\nwaivers: {{ approvers: [{{ name: '{name}', key: {} }}] }}",
            secops.yaml()
        ))
    };

    let error = Waiver::from_bundle(
        &stranger.approve(&waiver()),
        "w.json",
        &approved_by("secops"),
        Err("no root"),
        now(),
        &Limits::default(),
    )
    .unwrap_err();
    assert!(matches!(error, Error::WaiverSignature { .. }) && error.kind() == Kind::Denied, "{error}");
    let error = Waiver::from_bundle(
        &secops.approve(&waiver()),
        "w.json",
        &policy("phase: pilot"),
        Err("no root"),
        now(),
        &Limits::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("no public key was given"), "{error:?}");

    // `Alice@Example ` is alice@example.
    for owner in ["Alice@Example ", "alice@example"] {
        let own = approved_by(owner);
        let signed = Waiver::from_bundle(
            &secops.approve(&waiver()),
            "w.json",
            &own,
            Err("no root"),
            now(),
            &Limits::default(),
        )
        .unwrap();
        let verdict = judged(&own, &critical(), &[signed], now());
        assert_eq!(verdict.decision, Decision::Deny);
        assert!(uses(&verdict)[0].reason.contains("its own owner"), "{:?}", uses(&verdict));
    }
    // An approval under one policy does not count under another.
    let signed = Waiver::from_bundle(
        &secops.approve(&waiver()),
        "w.json",
        &approved_by("secops"),
        Err("no root"),
        now(),
        &Limits::default(),
    )
    .unwrap();
    let other =
        policy(&format!("phase: pilot\nwaivers: {{ approvers: [{{ name: x, key: {} }}] }}", stranger.yaml()));
    let verdict = judged(&other, &critical(), &[signed], now());
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(uses(&verdict)[0].reason.contains("not signed by an approver"), "{:?}", uses(&verdict));
}

#[test]
fn if_a_second_approver_is_named_both_must_sign_the_same_text() {
    let (first, second) = (key(), key());
    let spec = |a: &str, b: &str| {
        format!(
            "phase: pilot\nwaivers: {{ approvers: [{{ name: {a}, key: {} }}], secondApprover: [{{ name: {b}, key: {} }}] }}",
            first.yaml(),
            second.yaml()
        )
    };
    let production = policy(&spec("secops", "cto"));
    let sign = |key: &Key, waiver: &Value| {
        Waiver::from_bundle(&key.approve(waiver), "w", &production, Err("no root"), now(), &Limits::default())
            .unwrap()
    };
    let decide = |policy: &Policy, waivers: &[Waiver]| judged(policy, &critical(), waivers, now()).decision;

    let (one, two) = (sign(&first, &waiver()), sign(&second, &waiver()));
    assert_eq!(decide(&production, std::slice::from_ref(&one)), Decision::Deny);
    assert_eq!(decide(&production, std::slice::from_ref(&two)), Decision::Deny);
    assert_eq!(decide(&production, &[one.clone(), two.clone()]), Decision::Allow);
    assert_eq!(decide(&production, &[two.clone(), one.clone()]), Decision::Allow);
    // The same signature twice counts once, and a signature of another text is for that text.
    assert_eq!(decide(&production, &[one.clone(), one.clone()]), Decision::Deny);
    let longer = waiver_with(&json!({"controls": ["none in particular"]}));
    assert_eq!(decide(&production, &[one.clone(), sign(&second, &longer)]), Decision::Deny);
    // One person with two keys gives one approval.
    assert_eq!(decide(&policy(&spec("secops", "SecOps")), &[one, two]), Decision::Deny);
    let verdict =
        judged(&production, &critical(), &[sign(&first, &waiver()), sign(&second, &waiver())], now());
    assert_eq!(uses(&verdict)[0].approvers, ["secops", "cto"]);
}

#[test]
fn a_malicious_package_is_waived_by_two_and_never_by_one() {
    let (secops, cto) = (key(), key());
    let mut malicious = finding("CVE-2026-1", Severity::Unrated);
    malicious.class = Class::Malicious;
    let evidence = with(vec![malicious]);
    let unsigned_one = judged(&policy(UNSIGNED), &evidence, &[unsigned(&waiver())], now());
    assert_eq!(unsigned_one.decision, Decision::Deny);
    assert!(uses(&unsigned_one)[0].reason.contains("0 of the 2 approvers"), "{:?}", uses(&unsigned_one));

    let one = policy(&format!(
        "phase: pilot\nwaivers: {{ approvers: [{{ name: secops, key: {} }}] }}",
        secops.yaml()
    ));
    let two = policy(&format!(
        "phase: pilot\nwaivers: {{ approvers: [{{ name: secops, key: {} }}], secondApprover: [{{ name: cto, key: {} }}] }}",
        secops.yaml(),
        cto.yaml()
    ));
    let read = |policy: &Policy, bundle: &[u8]| {
        Waiver::from_bundle(bundle, "w", policy, Err("no root"), now(), &Limits::default()).unwrap()
    };
    let first = secops.approve(&waiver());
    let verdict = judged(&one, &evidence, &[read(&one, &first)], now());
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(uses(&verdict)[0].reason.contains("1 of the 2 approvers"), "{:?}", uses(&verdict));

    let both = [read(&two, &first), read(&two, &cto.approve(&waiver()))];
    assert_eq!(judged(&two, &evidence, &both, now()).decision, Decision::Allow);
}

#[test]
fn the_class_of_what_is_waived_limits_the_time() {
    let days = |days: i64| waiver_with(&json!({"expires": after(-24 + days * 24).to_string()}));
    let decide = |tier: &str, severity, days_: i64| {
        let spec = format!(
            "phase: ga\ntier: {tier}\nsignatures: {{ required: false }}\nwaivers: {{ allowUnsigned: I accept unsigned waivers }}"
        );
        let verdict = judged(
            &policy(&spec),
            &with(vec![finding("CVE-2026-1", severity)]),
            &[unsigned(&days(days_))],
            now(),
        );
        (verdict.decision, uses(&verdict)[0].reason.clone())
    };
    for (tier, severity, limit) in [
        ("standard", Severity::Critical, 30),
        ("standard", Severity::High, 60),
        ("core", Severity::Critical, 14),
        ("core", Severity::High, 14),
        ("core", Severity::Medium, 90),
    ] {
        assert_eq!(decide(tier, severity, limit).0, Decision::Allow, "{tier} {severity} {limit}");
        let (decision, reason) = decide(tier, severity, limit + 1);
        assert_eq!(decision, Decision::Deny);
        assert_eq!(
            reason,
            format!("waiver W-1 runs {} days, the limit for {severity} is {limit}", limit + 1)
        );
    }
    let tighter =
        "phase: pilot\nwaivers: { allowUnsigned: I accept unsigned waivers, maxDays: { critical: 7 } }";
    assert_eq!(outcome(tighter, &days(7), now()).0, Decision::Allow);
    assert_eq!(outcome(tighter, &days(8), now()).0, Decision::Deny);
}

#[test]
fn an_unrated_finding_may_be_waived_for_the_shortest_class() {
    let spec = "phase: pilot\nvulnerabilities: { unratedAs: unknown }\nwaivers: { allowUnsigned: I accept unsigned waivers, maxDays: { critical: 19 } }";
    let unrated = with(vec![finding("CVE-2026-1", Severity::Unrated)]);
    let shorter = waiver_with(&json!({"expires": after(-24 + 19 * 24).to_string()}));
    assert_eq!(judged(&policy(spec), &unrated, &[unsigned(&shorter)], now()).decision, Decision::Allow);
    assert_eq!(
        judged(&policy(spec), &unrated, &[unsigned(&waiver())], now()).decision,
        Decision::Indeterminate
    );
}

#[test]
fn scope_is_the_named_repositories_and_digests_and_nothing_else() {
    for (changes, decision) in [
        (json!({}), Decision::Allow),
        (json!({"images": ["registry.example/team/**"]}), Decision::Allow),
        (json!({"images": ["registry.example/team/other"]}), Decision::Deny),
        (json!({"images": ["registry.example/team/ap"]}), Decision::Deny),
        (json!({"images": null, "digests": [manifest()]}), Decision::Allow),
        (json!({"images": null, "digests": [index()]}), Decision::Allow),
        (json!({"images": null, "digests": [layer()]}), Decision::Deny),
        (json!({"digests": [layer()]}), Decision::Deny),
        (json!({"digests": [manifest()]}), Decision::Allow),
        (json!({"images": ["registry.example/team/other"], "digests": [manifest()]}), Decision::Deny),
        (json!({"cves": ["CVE-2026-11", "CVE-2026-2"]}), Decision::Deny),
        (json!({"cves": ["DEBIAN-CVE-2026-1"]}), Decision::Allow),
    ] {
        assert_eq!(outcome(UNSIGNED, &waiver_with(&changes), now()).0, decision, "{changes}");
    }
    // A layout has no repository name, even if it claims one.
    let mut layout = of_kind(SubjectKind::Layout);
    layout.vulnerabilities = critical().vulnerabilities;
    let verdict = judged(&policy(UNSIGNED), &layout, &[unsigned(&waiver())], now());
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(uses(&verdict)[0].reason, "is for repositories, but this subject comes from none");
    let by_digest = waiver_with(&json!({"images": null, "digests": [manifest()]}));
    assert_eq!(judged(&policy(UNSIGNED), &layout, &[unsigned(&by_digest)], now()).decision, Decision::Allow);
}

#[test]
fn an_advisory_for_several_cves_is_waived_only_for_all_of_them() {
    let mut both = finding("CVE-2026-1", Severity::Critical);
    both.aliases = vec!["CVE-2026-7".to_owned(), "GHSA-aaaa-bbbb-cccc".to_owned()].into();
    both.advisory = "DSA-1-1".to_owned();
    let names = ["CVE-2026-1", "CVE-2026-7"].map(str::to_owned);
    both.named_by = plimsoll_vuln::NamedBy::from([(both.advisory.clone(), names.into())]).into();
    let decide = |cves: Value| {
        let waiver = unsigned(&waiver_with(&json!({"cves": cves})));
        judged(&policy(UNSIGNED), &with(vec![both.clone()]), &[waiver], now())
    };
    let partly = decide(json!(["CVE-2026-1"]));
    assert_eq!(partly.decision, Decision::Deny);
    assert!(uses(&partly)[0].reason.contains("does not name CVE-2026-7"), "{:?}", uses(&partly));
    assert_eq!(decide(json!(["CVE-2026-1", "CVE-2026-7"])).decision, Decision::Allow);
    assert_eq!(decide(json!(["DSA-1-1"])).decision, Decision::Allow);
    assert_eq!(decide(json!(["GHSA-aaaa-bbbb-cccc"])).decision, Decision::Deny);

    let mut without_cve = finding("PYSEC-2026-1", Severity::Critical);
    without_cve.advisory = "PYSEC-2026-1".to_owned();
    without_cve.aliases = vec!["GHSA-aaaa-bbbb-cccc".to_owned()].into();
    for id in ["PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc"] {
        let waiver = unsigned(&waiver_with(&json!({"cves": [id]})));
        assert_eq!(
            judged(&policy(UNSIGNED), &with(vec![without_cve.clone()]), &[waiver], now()).decision,
            Decision::Allow
        );
    }
}

#[test]
fn an_advisory_is_accepted_with_its_own_cves_and_no_others() {
    // Two advisories about one vulnerability, and only the second names another CVE, too.
    let mut merged = finding("CVE-2026-1", Severity::Critical);
    merged.advisory = "GHSA-aaaa-bbbb-cccc".to_owned();
    merged.aliases = vec!["CVE-2026-7".to_owned(), merged.advisory.clone(), "PYSEC-2026-2".to_owned()].into();
    let cves =
        |cves: &[&str]| cves.iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>();
    merged.named_by = plimsoll_vuln::NamedBy::from([
        (merged.advisory.clone(), cves(&["CVE-2026-1"])),
        ("PYSEC-2026-2".to_owned(), cves(&["CVE-2026-1", "CVE-2026-7"])),
    ])
    .into();
    let decide = |named: Value| {
        let waiver = unsigned(&waiver_with(&json!({"cves": named})));
        judged(&policy(UNSIGNED), &with(vec![merged.clone()]), &[waiver], now()).decision
    };
    assert_eq!(decide(json!(["GHSA-aaaa-bbbb-cccc"])), Decision::Deny);
    assert_eq!(decide(json!(["CVE-2026-1"])), Decision::Deny);
    assert_eq!(decide(json!(["GHSA-aaaa-bbbb-cccc", "CVE-2026-7"])), Decision::Allow);
    assert_eq!(decide(json!(["PYSEC-2026-2"])), Decision::Allow);
}

#[test]
fn one_waived_finding_does_not_carry_another() {
    let two =
        with(vec![finding("CVE-2026-1", Severity::Critical), finding("CVE-2026-2", Severity::Critical)]);
    let verdict = judged(&policy(UNSIGNED), &two, &[unsigned(&waiver())], now());
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(
        verdict.reasons[0].contains("CVE-2026-2") && !verdict.reasons[0].contains("CVE-2026-1 "),
        "{:?}",
        verdict.reasons
    );
    assert!(uses(&verdict)[0].used);
    // It does not fill a gap either.
    let mut blind = critical();
    blind.vulnerabilities = scanned(vec![finding("CVE-2026-1", Severity::Critical)], vec![gap()]);
    assert_eq!(
        judged(&policy(UNSIGNED), &blind, &[unsigned(&waiver())], now()).decision,
        Decision::Indeterminate
    );
}

#[test]
fn a_registry_may_be_waived_and_an_unknown_one_may_not() {
    let spec = format!("{UNSIGNED}\nregistries: {{ allow: [other.example/**] }}");
    let changes = json!({"rules": ["registries"], "cves": null, "digests": [manifest()]});
    let waiver = [unsigned(&waiver_with(&changes))];
    let verdict = judged(&policy(&spec), &evidence(), &waiver, now());
    assert_eq!((verdict.decision, rule(&verdict, "registries").outcome), (Decision::Allow, Outcome::Waived));
    assert!(verdict.reasons[0].contains("waived by W-1"), "{:?}", verdict.reasons);
    let long = json!({"rules": ["registries"], "cves": null, "expires": after(-24 + 91 * 24).to_string()});
    assert_eq!(
        judged(&policy(&spec), &evidence(), &[unsigned(&waiver_with(&long))], now()).decision,
        Decision::Deny
    );
    let layout = of_kind(SubjectKind::Layout);
    let by_digest = [unsigned(&waiver_with(
        &json!({"rules": ["registries"], "cves": null, "images": null, "digests": [manifest()]}),
    ))];
    assert_eq!(judged(&policy(&spec), &layout, &by_digest, now()).decision, Decision::Indeterminate);
}

#[test]
fn deny_lists_digests_and_signatures_cannot_be_waived() {
    for rule in ["deny-list", "digest", "signatures", "policy"] {
        let document = waiver_with(&json!({"rules": ["vulnerabilities", rule]}));
        let error = Waiver::from_unsigned(document.to_string().as_bytes(), "w").unwrap_err().to_string();
        assert!(error.contains("spec.rules: ") && error.contains("cannot be waived"), "{error}");
    }
}

#[test]
fn a_waiver_without_scope_reason_controls_owner_or_end_is_refused() {
    for (changes, path) in [
        (json!({"rules": []}), "spec.rules"),
        (json!({"rules": ["*"]}), "spec.rules[0]"),
        (json!({"cves": []}), "spec.cves"),
        (json!({"cves": ["*"]}), "spec.cves[0]"),
        (json!({"cves": ["CVE-2026-*"]}), "spec.cves[0]"),
        (json!({"cves": ["CVE-2026-1", "all"]}), "spec.cves[1]"),
        (json!({"rules": ["sbom"]}), "spec.cves"),
        (json!({"images": null}), "spec.images"),
        (json!({"images": ["*"]}), "spec.images[0]"),
        (json!({"images": ["**"]}), "spec.images[0]"),
        (json!({"images": ["registry.example/**"]}), "spec.images[0]"),
        (json!({"images": [NAME, "*/team/app"]}), "spec.images[1]"),
        (json!({"digests": ["sha256:*"]}), "spec.digests[0]"),
        (json!({"reason": " "}), "spec.reason"),
        (json!({"riskAssessment": ""}), "spec.riskAssessment"),
        (json!({"controls": []}), "spec.controls"),
        (json!({"controls": [" "]}), "spec.controls"),
        (json!({"owner": ""}), "spec.owner"),
        (json!({"expires": after(-24).to_string()}), "spec.expires"),
        (json!({"expires": "never"}), "spec.expires"),
        (json!({"approver": "me"}), "spec.approver"),
    ] {
        let document = waiver_with(&changes);
        let error = Waiver::from_unsigned(document.to_string().as_bytes(), "w").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains(&format!("{path}: ")), "{changes}: {error}");
    }
    for missing in ["rules", "reason", "riskAssessment", "controls", "owner", "issued", "expires"] {
        let document = waiver_with(&json!({ missing: null }));
        let error = Waiver::from_unsigned(document.to_string().as_bytes(), "w").unwrap_err().to_string();
        assert!(error.contains(missing), "{missing}: {error}");
    }
    // A field that lost its value must not widen the scope to the remaining fields.
    let text = "apiVersion: plimsoll.dev/v1\nkind: Waiver\nmetadata: { name: W }\nspec: { rules: [vulnerabilities], cves: [CVE-2026-1], images: , digests: [\"";
    let rest = "\"], reason: r, riskAssessment: r, controls: [c], owner: o, issued: 2026-11-01T00:00:00Z, expires: 2026-11-02T00:00:00Z }";
    let error =
        Waiver::from_unsigned(format!("{text}{}{rest}", manifest()).as_bytes(), "w").unwrap_err().to_string();
    assert!(error.contains("spec.images: has no value"), "{error}");
}

#[test]
fn a_signature_does_not_make_a_bad_waiver_good() {
    let secops = key();
    let policy =
        policy(&format!("phase: pilot\nwaivers: {{ approvers: [{{ name: s, key: {} }}] }}", secops.yaml()));
    let bad = waiver_with(&json!({"extra": true}));
    assert!(matches!(
        Waiver::from_bundle(&secops.approve(&bad), "w", &policy, Err("no root"), now(), &Limits::default()),
        Err(Error::Document(yaml::Error::UnknownField { .. }))
    ));
    for junk in [&b""[..], b"{}", b"apiVersion: plimsoll.dev/v1", &[0xff; 10]] {
        assert!(matches!(
            Waiver::from_bundle(junk, "w", &policy, Err("no root"), now(), &Limits::default()),
            Err(Error::Bundle { .. })
        ));
    }
    // A signature of an image by the approver's key is not a waiver, no matter what its predicate contains.
    let image = plimsoll_verify::Statement::new(
        plimsoll_verify::Subject::new("", &manifest()),
        plimsoll_verify::COSIGN_SIGN_V1,
        waiver(),
    );
    assert!(matches!(
        Waiver::from_bundle(&secops.bundle(&image), "w", &policy, Err("no root"), now(), &Limits::default()),
        Err(Error::Invalid { .. })
    ));
    let mut changed = secops.approve(&waiver());
    let text = String::from_utf8(changed.clone()).unwrap();
    let at = text.find("\"payload\":\"").unwrap() + 60;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let error =
        Waiver::from_bundle(&changed, "w", &policy, Err("no root"), now(), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::WaiverSignature { .. }), "{error:?}");
}

//! Documents as people write them, with typing errors: messages, presets, lint.

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

use std::collections::BTreeMap;

use common::*;
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_policy::{Code, DenyList, Policy, Severity, Waiver};

fn refusal(spec: &str) -> String {
    let error = Policy::parse(policy_text(spec).as_bytes(), "policy.yaml", &()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    error.to_string()
}

fn files() -> BTreeMap<String, Vec<u8>> {
    ["keys/release.pub", "keys/secops.pub", "keys/cto.pub"]
        .map(|path| (path.to_owned(), key().public.to_pem().into_bytes()))
        .into()
}

#[test]
fn a_full_policy_is_read_with_its_key_files() {
    let files = files();
    let policy = Policy::parse(full().as_bytes(), "policy.yaml", &files).unwrap();
    assert_eq!((policy.name(), policy.origin()), ("test", "policy.yaml"));
    assert_eq!(policy.digest(), Digest::sha256(full().as_bytes()));
    assert_eq!(policy.needs().findings, Some(jiff::SignedDuration::from_hours(24)));
    assert_eq!(policy.matches(Some(NAME)), Some(true));
    assert_eq!(policy.matches(Some("registry.example/other/app")), Some(false));
    assert_eq!(policy.matches(None), None);

    let missing = Policy::parse(full().as_bytes(), "policy.yaml", &()).unwrap_err().to_string();
    assert!(missing.starts_with("policy.yaml: spec.signatures.anyOf[0].key: "), "{missing}");
    let mut junk = files.clone();
    junk.insert("keys/cto.pub".to_owned(), b"not a key".to_vec());
    let message = Policy::parse(full().as_bytes(), "policy.yaml", &junk).unwrap_err().to_string();
    assert!(message.contains("spec.waivers.secondApprover[0].key: keys/cto.pub: "), "{message}");
}

#[test]
fn the_effective_digest_covers_key_files_and_presets_but_not_spelling() {
    let (files, others) = (files(), files());
    let parse = |text: &str, files| Policy::parse(text.as_bytes(), "p", files).unwrap();
    let (one, other) = (parse(&full(), &files), parse(&full(), &others));
    assert_eq!(one.digest(), other.digest(), "the document is the same");
    assert_ne!(one.effective_digest(), other.effective_digest(), "the keys are not");
    let commented = parse(&format!("# a comment\n{}", full()), &files);
    assert_ne!(one.digest(), commented.digest());
    assert_eq!(one.effective_digest(), commented.effective_digest());
    let stricter = parse(&full().replace("[critical, high]", "[critical]"), &files);
    assert_ne!(one.effective_digest(), stricter.effective_digest());
}

#[test]
fn a_mistake_is_named_with_line_path_and_the_likely_name() {
    assert_eq!(
        refusal("phase: pilot\nvulnerabilites: { block: [high] }"),
        "policy.yaml: line 6: spec.vulnerabilites: unknown field, did you mean \"vulnerabilities\"?"
    );
    assert_eq!(
        refusal("phase: pilot\nvulnerabilities: { block: [high], unratedas: high }"),
        "policy.yaml: line 6: spec.vulnerabilities.unratedas: unknown field, did you mean \"unratedAs\"?"
    );
    for (spec, path) in [
        ("phase: production", "spec.phase"),
        ("tier: core", "spec"),
        ("phase: pilot\nvulnerabilities: { block: [severe] }", "spec.vulnerabilities.block[0]"),
        ("phase: pilot\nvulnerabilities: { maxDatabaseAge: 1y }", "spec.vulnerabilities.maxDatabaseAge"),
        ("phase: pilot\nsignatures: { threshold: 0 }", "spec.signatures.threshold"),
        ("phase: pilot\nsignatures: { onUnknown: warn }", "spec.signatures.onUnknown"),
        ("phase: pilot\ndigest: { onUnknown: warn }", "spec.digest.onUnknown"),
        ("phase: pilot\nregistries: { onUnknown: warn }", "spec.registries.onUnknown"),
        ("phase: pilot\ndeny: { onUnknown: warn }", "spec.deny.onUnknown"),
        (
            "phase: pilot\ndeny: { digests: [{ digest: 'sha256:xyz', reason: r }] }",
            "spec.deny.digests[0].digest",
        ),
        ("phase: pilot\nregistries: { allow: ['r.example/app:1.0'] }", "spec.registries.allow[0]"),
        ("phase: pilot\nphase: ga", "spec.phase"),
        ("phase: pilot\nwaivers: { allowUnsigned: true }", "spec.waivers.allowUnsigned"),
        ("phase: pilot\nwaivers: { allowUnsigned: 'yes' }", "spec.waivers.allowUnsigned"),
        ("phase: pilot\nwaivers: { maxDays: { critical: 0 } }", "spec.waivers.maxDays.critical"),
        ("phase: pilot\nsignatures: { anyOf: [{ name: a, key: {} }] }", "spec.signatures.anyOf[0].key"),
        (
            "phase: pilot\nsignatures: { anyOf: [{ name: a, key: { file: f, pem: p } }] }",
            "spec.signatures.anyOf[0].key",
        ),
        (
            "phase: pilot\nsignatures: { anyOf: [{ name: ' ', key: { pem: p } }] }",
            "spec.signatures.anyOf[0].name",
        ),
        ("phase: ga\nsignatures: { required: true }", "spec.signatures.anyOf"),
    ] {
        let message = refusal(spec);
        assert!(message.contains(&format!("{path}: ")), "{spec}: {message}");
    }
}

#[test]
fn a_line_that_lost_its_value_is_refused() {
    for spec in [
        "phase: pilot\nregistries: { allow: }",
        "phase: pilot\nregistries:",
        "phase: pilot\nvulnerabilities: { block: }",
        "phase: pilot\nvulnerabilities: { block: ~ }",
        "phase: pilot\ndeny: { digests: null }",
        "phase: pilot\nmatch: { images: }",
        "phase: pilot\nmatch:",
        "phase: pilot\nsignatures: { required: }",
        "phase: pilot\nwaivers: { maxDays: }",
    ] {
        let message = refusal(spec);
        assert!(message.contains("spec."), "{spec}: {message}");
    }
}

#[test]
fn other_kinds_and_versions_are_refused() {
    let good = policy_text("phase: pilot");
    for (from, to, told) in [
        ("plimsoll.dev/v1", "plimsoll.dev/v2", "apiVersion"),
        ("kind: Policy", "kind: Waiver", "kind"),
        ("name: test", "name: '../x'", "metadata.name"),
    ] {
        let error = Policy::parse(good.replace(from, to).as_bytes(), "p", &()).unwrap_err().to_string();
        assert!(error.contains(told), "{to}: {error}");
    }
    for (nothing, problem) in [
        ("", "unexpected end of input"),
        ("# only a comment\n", "unexpected end of input"),
        ("null", "missing field"),
        ("[]", "expected fields with values"),
        ("{}", "missing field"),
    ] {
        let error = Policy::parse(nothing.as_bytes(), "p", &()).unwrap_err().to_string();
        assert!(error.contains(problem), "{nothing:?}: {error}");
    }
}

#[test]
fn the_builtin_policy_is_its_own_document_and_has_no_lint_but_the_open_registries() {
    let builtin = Policy::builtin();
    assert_eq!(builtin.digest(), Digest::sha256(Policy::builtin_document().as_bytes()));
    assert_eq!(builtin.lint(now()), []);
}

fn codes(spec: &str) -> Vec<(Code, Severity, String)> {
    policy(spec).lint(now()).into_iter().map(|d| (d.code, d.severity, d.path)).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row for each finding")]
fn lint_names_what_weakens_a_policy() {
    let (one, two) = (key(), key());
    let (one, two, expired) = (one.yaml(), two.yaml(), one.yaml_with("notAfter: 2026-01-01T00:00:00Z"));
    let inverted = key().yaml_with("notBefore: 2026-12-01T00:00:00Z, notAfter: 2026-11-01T00:00:00Z");
    let (future, soon) = (
        key().yaml_with("notBefore: 2027-01-01T00:00:00Z"),
        key().yaml_with("notAfter: 2026-12-01T00:00:00Z"),
    );
    let optional = "signatures: { required: false }";
    for (code, severity, path, spec) in [
        (
            "PL001",
            Severity::Error,
            "spec.waivers.approvers[0]",
            format!(
                "phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {one} }}] }}\nwaivers: {{ approvers: [{{ name: b, key: {one} }}] }}"
            ),
        ),
        (
            "PL001",
            Severity::Error,
            "spec.waivers.approvers[0]",
            format!(
                "phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {one} }}] }}\nwaivers: {{ approvers: [{{ name: A, key: {two} }}] }}"
            ),
        ),
        (
            "PL002",
            Severity::Error,
            "spec.vulnerabilities.block",
            "phase: pilot\nvulnerabilities: { block: [high] }".to_owned(),
        ),
        (
            "PL003",
            Severity::Warning,
            "spec.vulnerabilities.block",
            "phase: pilot\nvulnerabilities: { block: [] }".to_owned(),
        ),
        (
            "PL004",
            Severity::Warning,
            "spec.waivers.allowUnsigned",
            "phase: pilot\nwaivers: { allowUnsigned: I accept unsigned waivers }".to_owned(),
        ),
        ("PL005", Severity::Warning, "spec.signatures.required", format!("phase: beta\n{optional}")),
        (
            "PL006",
            Severity::Warning,
            "spec.sbom.required",
            format!(
                "phase: beta\nsbom: {{ required: false }}\nsignatures: {{ anyOf: [{{ name: a, key: {one} }}] }}"
            ),
        ),
        (
            "PL007",
            Severity::Error,
            "spec.registries.allow[0]",
            "phase: pilot\nregistries: { allow: [debian] }".to_owned(),
        ),
        (
            "PL007",
            Severity::Error,
            "spec.match.images[0]",
            "phase: pilot\nmatch: { images: ['*'] }".to_owned(),
        ),
        (
            "PL008",
            Severity::Warning,
            "spec.registries.allow[0]",
            "phase: pilot\nregistries: { allow: ['**'] }".to_owned(),
        ),
        ("PL009", Severity::Error, "spec.match.images", "phase: pilot\nmatch: { images: [] }".to_owned()),
        (
            "PL009",
            Severity::Error,
            "spec.registries.allow",
            "phase: pilot\nregistries: { allow: [] }".to_owned(),
        ),
        (
            "PL010",
            Severity::Error,
            "spec.signatures.anyOf[0].key.notAfter",
            format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {inverted} }}] }}"),
        ),
        (
            "PL011",
            Severity::Warning,
            "spec.signatures.anyOf[0].key.notAfter",
            format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {expired} }}] }}"),
        ),
        (
            "PL012",
            Severity::Warning,
            "spec.signatures.anyOf[0].key.notBefore",
            format!("phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {future} }}] }}"),
        ),
        (
            "PL013",
            Severity::Warning,
            "spec.waivers.approvers[0].key.notAfter",
            format!("phase: pilot\nwaivers: {{ approvers: [{{ name: a, key: {soon} }}] }}"),
        ),
        (
            "PL014",
            Severity::Error,
            "spec.signatures.anyOf[1].key",
            format!(
                "phase: pilot\nsignatures: {{ anyOf: [{{ name: a, key: {one} }}, {{ name: b, key: {one} }}] }}"
            ),
        ),
        (
            "PL015",
            Severity::Error,
            "spec.waivers.secondApprover",
            format!(
                "phase: pilot\nwaivers: {{ approvers: [{{ name: a, key: {one} }}], secondApprover: [{{ name: b, key: {one} }}] }}"
            ),
        ),
        (
            "PL016",
            Severity::Error,
            "spec.waivers.approvers",
            format!("phase: pilot\nwaivers: {{ secondApprover: [{{ name: b, key: {one} }}] }}"),
        ),
        (
            "PL017",
            Severity::Warning,
            "spec.sbom.onUnknown",
            "phase: pilot\nsbom: { onUnknown: warn }".to_owned(),
        ),
        (
            "PL017",
            Severity::Warning,
            "spec.vulnerabilities.onUnknown",
            "phase: pilot\nvulnerabilities: { onUnknown: warn }".to_owned(),
        ),
        (
            "PL018",
            Severity::Warning,
            "spec.digest.pinned",
            "phase: pilot\ndigest: { pinned: false }".to_owned(),
        ),
        (
            "PL019",
            Severity::Warning,
            "spec.vulnerabilities.ignoreUnfixed",
            "phase: pilot\nvulnerabilities: { ignoreUnfixed: true }".to_owned(),
        ),
        (
            "PL020",
            Severity::Warning,
            "spec.vulnerabilities.unratedAs",
            "phase: pilot\nvulnerabilities: { unratedAs: low }".to_owned(),
        ),
        (
            "PL021",
            Severity::Warning,
            "spec.vulnerabilities.maxDatabaseAge",
            "phase: pilot\nvulnerabilities: { maxDatabaseAge: 8d }".to_owned(),
        ),
        (
            "PL022",
            Severity::Warning,
            "spec.waivers.maxDays.high",
            "phase: pilot\ntier: core\nwaivers: { maxDays: { high: 60 } }".to_owned(),
        ),
        (
            "PL030",
            Severity::Warning,
            "spec.sbom.layerDigestNotComputed",
            "phase: pilot\nsbom: { layerDigestNotComputed: allow }".to_owned(),
        ),
        (
            "PL023",
            Severity::Error,
            "spec.signatures.threshold",
            format!("phase: beta\nsignatures: {{ anyOf: [{{ name: a, key: {expired} }}] }}"),
        ),
    ] {
        let found = codes(&spec);
        let wanted =
            |(c, s, p): &(Code, Severity, String)| (c.as_str(), *s, p.as_str()) == (code, severity, path);
        assert!(found.iter().any(wanted), "{code} {path}: {found:?}");
    }
}

#[test]
fn every_code_is_listed_once_and_a_sound_policy_has_none() {
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    let sound = Policy::parse(full().as_bytes(), "p", &files()).unwrap();
    assert_eq!(sound.lint(now()), []);
    assert_eq!(serde_json::to_value(Code::ApproverSigns).unwrap(), "PL001");
}

#[test]
fn a_waiver_reads_the_same_in_yaml_and_json() {
    let json = waiver();
    let yaml = "
        apiVersion: plimsoll.dev/v1
        kind: Waiver
        metadata: { name: W-1 }
        spec:
          rules: [vulnerabilities]
          cves: [CVE-2026-1]
          images: [registry.example/team/app]
          reason: the fix needs the next minor release
          riskAssessment: reachable by operators only
          controls: [egress closed]
          owner: alice@example
          issued: 2026-11-19T12:00:00Z
          expires: 2026-12-09T14:00:00+02:00
    ";
    let read = Waiver::from_unsigned(yaml.as_bytes(), "w.yaml").unwrap();
    assert_eq!(read.content(), unsigned(&json).content());
    assert!(read.is_unsigned());
    let release = key();
    let spec =
        format!("phase: pilot\nwaivers: {{ approvers: [{{ name: secops, key: {} }}] }}", release.yaml());
    let signed = Waiver::from_bundle(
        &release.approve(read.document()),
        "w.sigstore.json",
        &policy(&spec),
        Err("no root"),
        now(),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(signed.content(), read.content());
}

/// The documents that the documentation shows can be used as they are.
#[test]
fn the_documents_in_the_documentation_are_read() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let blocks: Vec<String> = page
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().replace("sha256:…", &layer().to_string()))
        .collect();
    let root = plimsoll_testkit::sigstore::Sigstore::new().trusted_root().to_string().into_bytes();
    let files = |path: &str| match path {
        "trusted_root.json" => Ok(root.clone()),
        _ => Ok(key().public.to_pem().into_bytes()),
    };
    let [policy, waiver, denied] = &blocks[..] else { panic!("{}", blocks.len()) };
    let policy = Policy::parse(policy.as_bytes(), "policy.yaml", &files).unwrap();
    assert!(policy.trusted_root().is_some() && policy.wants_trusted_root());
    let found = policy.lint(now());
    assert!(found.iter().all(|diagnostic| diagnostic.severity == Severity::Warning), "{found:?}");
    Waiver::from_unsigned(waiver.as_bytes(), "waiver.yaml").unwrap();
    DenyList::parse(denied.as_bytes(), "denied.yaml").unwrap();
}

/// What is told of a policy with no key files.
fn told(spec: &str) -> Vec<String> {
    let faults = Policy::parse_or_faults(policy_text(spec).as_bytes(), "p", &()).unwrap_err();
    assert!(!faults.more);
    let told: Vec<String> = faults.faults.iter().map(ToString::to_string).collect();
    let first = Policy::parse(policy_text(spec).as_bytes(), "p", &()).unwrap_err().to_string();
    assert_eq!(told.first(), Some(&first), "whoever obeys the document is told the first");
    told
}

#[test]
fn everything_that_is_wrong_with_a_policy_is_told_at_once() {
    let told = told(
        "phase: pilot
registrys: {}
trust: {root: none.json, timestamps: 20}
signatures: {required: true, threshold: 3, anyOf: [{name: release, key: {file: keys/none.pub}}, {name: qa, key: {fiel: keys/qa.pub}}, {name: '', identity: {issuer: 'https://i.example', subject: s}}]}
vulnerabilities: {block: [critical, hihg], maxDatabaseAge: tomorrow}
waivers: {maxDays: {critical: 0, high: often}, approvers: [{name: boss, key: {pem: no key}, identity: {issuer: 'https://i.example', subject: s}}]}
",
    );
    for (path, said) in [
        ("spec.registrys", "did you mean \"registries\"?"),
        ("spec.trust.root", "none.json"),
        ("spec.trust.timestamps", "at most 16"),
        ("spec.signatures.anyOf[0].key", "key files cannot be read here"),
        ("spec.signatures.anyOf[1].key.fiel", "did you mean \"file\"?"),
        ("spec.signatures.anyOf[2].name", "1 to 256 bytes"),
        ("spec.vulnerabilities.block[1]", "hihg"),
        ("spec.vulnerabilities.maxDatabaseAge", ""),
        ("spec.waivers.maxDays.critical", "1 to 3650"),
        ("spec.waivers.maxDays.high", ""),
        ("spec.waivers.approvers[0]", "expected one"),
    ] {
        let about = told.iter().filter(|told| told.contains(&format!(": {path}: ")) && told.contains(said));
        assert_eq!(about.count(), 1, "{path}: {told:#?}");
    }
    // Nothing that only follows from these: a threshold that the keys with faults would have reached.
    assert_eq!(told.len(), 11, "{told:#?}");
}

#[test]
fn what_several_values_contradict_is_told_where_none_of_them_is_at_fault() {
    let key = key().public.to_pem().replace('\n', "\\n");
    let entry = format!("{{name: a, key: {{pem: \"{key}\"}}}}");
    let sound = format!("phase: pilot\n  signatures: {{threshold: 2, anyOf: [{entry}]}}\n");
    assert!(told(&sound)[0].contains("threshold 2 with only 1"), "{:?}", told(&sound));
    let unread = format!(
        "phase: pilot\n  signatures: {{threshold: 2, anyOf: [{entry}, {{name: b, key: {{file: x}}}}]}}\n"
    );
    let told = told(&unread);
    assert!(told.len() == 1 && told[0].contains("anyOf[1].key"), "{told:?}");
}

#[test]
fn everything_that_is_wrong_with_a_waiver_or_a_deny_list_is_told_at_once() {
    let waiver = "apiVersion: plimsoll.dev/v1
kind: Waiver
metadata: {name: W 1}
spec:
  rules: [vulnerabilities, signatures]
  cves: ['CVE-2026-*', CVE-2026-1]
  images: ['**', registry.example/team/**]
  reason: ''
  riskAssessment: low
  controls: []
  owner: team
  isued: 2026-11-01T00:00:00Z
  issued: 2026-11-01T00:00:00Z
  expires: never
";
    let faults = Waiver::from_unsigned_or_faults(waiver.as_bytes(), "w").unwrap_err();
    let told: Vec<String> = faults.faults.iter().map(ToString::to_string).collect();
    for path in ["metadata.name", "spec.isued", "spec.expires"] {
        assert!(told.iter().any(|told| told.contains(&format!(": {path}: "))), "{path}: {told:#?}");
    }
    // With a date that can be read, what the fields say is checked too.
    let dated = waiver
        .replace("never", "2026-12-01T00:00:00Z")
        .replace("W 1", "W-1")
        .replace("  isued: 2026-11-01T00:00:00Z\n", "");
    let faults = Waiver::from_unsigned_or_faults(dated.as_bytes(), "w").unwrap_err();
    let told: Vec<String> = faults.faults.iter().map(ToString::to_string).collect();
    for path in ["spec.rules", "spec.cves[0]", "spec.images[0]", "spec.reason", "spec.controls"] {
        assert!(told.iter().any(|told| told.contains(&format!(": {path}: "))), "{path}: {told:#?}");
    }
    let list = "apiVersion: plimsoll.dev/v1
kind: DenyList
metadata: {name: d}
spec:
  digests:
    - {digest: 'sha256:00', reason: r}
    - {digest: 'md5:00', reason: r}
    - {digets: 'sha256:00', reason: r}
";
    let faults = DenyList::parse_or_faults(list.as_bytes(), "d").unwrap_err();
    let lines: Vec<String> = faults.faults.iter().map(ToString::to_string).collect();
    for line in [6, 7, 8] {
        assert_eq!(
            lines.iter().filter(|told| told.contains(&format!("line {line}: "))).count(),
            1,
            "{lines:#?}"
        );
    }
}

//! Documents as people write and mistype them: messages, presets, lint, schemas.

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
use plimsoll_core::{Classify as _, Digest, Kind};
use plimsoll_policy::{Code, DenyList, Policy, Severity, Waiver, evaluate, schema};
use serde_json::{Value, json};

fn refusal(spec: &str) -> String {
    let error = Policy::parse(policy_text(spec).as_bytes(), "policy.yaml", &()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    error.to_string()
}

/// Every field, with key files.
fn full() -> String {
    let digest = Digest::sha256(b"x");
    policy_text(&format!(
        "phase: beta
         match: {{ images: ['registry.example/team/**'] }}
         tier: core
         digest: {{ pinned: true }}
         registries: {{ allow: ['registry.example/**'] }}
         signatures: {{ required: true, threshold: 1, anyOf: [{{ name: release, key: {{ file: keys/release.pub, notBefore: 2026-01-01T00:00:00Z, notAfter: 2027-06-01T00:00:00Z }} }}] }}
         sbom: {{ required: true, onUnknown: block }}
         vulnerabilities: {{ block: [critical, high], unratedAs: high, maxDatabaseAge: 24h, ignoreUnfixed: false, onUnknown: block }}
         deny: {{ digests: [{{ digest: '{digest}', reason: miner }}] }}
         waivers: {{ approvers: [{{ name: secops@example, key: {{ file: keys/secops.pub }} }}], secondApprover: [{{ name: cto@example, key: {{ file: keys/cto.pub }} }}], maxDays: {{ critical: 30, high: 14, other: 90 }} }}"
    ))
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
    assert_eq!(policy.verification_keys().len(), 1);
    assert_eq!(policy.approver_keys().len(), 2);
    assert_eq!(policy.max_database_age(), jiff::SignedDuration::from_hours(24));
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
    for (from, to) in [
        ("plimsoll.dev/v1", "plimsoll.dev/v2"),
        ("kind: Policy", "kind: Waiver"),
        ("name: test", "name: '../x'"),
    ] {
        assert!(Policy::parse(good.replace(from, to).as_bytes(), "p", &()).is_err(), "{to}");
    }
    for nothing in ["", "# only a comment\n", "null", "[]", "{}"] {
        assert!(Policy::parse(nothing.as_bytes(), "p", &()).is_err(), "{nothing:?}");
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
fn documents_fit_their_schemas_and_mistakes_do_not() {
    let yaml = |text: &str| -> Value { serde_saphyr::from_str(text).unwrap() };
    let policy = schema::policy();
    assert_eq!(policy["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for text in [full(), Policy::builtin_document().to_owned(), policy_text("phase: ga")] {
        fits(&policy, &policy, &yaml(&text)).unwrap();
    }
    for (from, to) in [
        ("phase: beta", "phase: gamma"),
        ("phase: beta", "faze: beta"),
        ("kind: Policy", "kind: Waiver"),
        ("required: true", "required: yes please"),
        ("block: [critical, high]", "block: ~"),
        ("maxDatabaseAge: 24h", "maxDatabaseAge: 24 hours"),
        ("name: release", "title: release"),
    ] {
        assert!(full().contains(from));
        assert!(fits(&policy, &policy, &yaml(&full().replacen(from, to, 1))).is_err(), "{to}");
    }

    let waivers = schema::waiver();
    fits(&waivers, &waivers, &waiver()).unwrap();
    fits(&waivers, &waivers, unsigned(&waiver()).document()).unwrap();
    assert!(fits(&waivers, &waivers, &waiver_with(&json!({"rules": ["signatures"]}))).is_err());
    assert!(fits(&waivers, &waivers, &waiver_with(&json!({"expires": null}))).is_err());

    let lists = schema::deny_list();
    let list = format!(
        "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: d }}\nspec: {{ digests: [{{ digest: '{}', reason: r }}] }}",
        layer()
    );
    fits(&lists, &lists, &yaml(&list)).unwrap();
    let denials = DenyList::parse(list.as_bytes(), "d").unwrap();

    let release = key();
    let spec = format!("phase: beta\nsignatures: {{ anyOf: [{{ name: r, key: {} }}] }}", release.yaml());
    let mut judged = evidence();
    judged.signatures = signatures(vec![release.signature_of(&index())]);
    judged.vulnerabilities = scanned(
        vec![
            finding("CVE-2026-1", plimsoll_vuln::Severity::Critical),
            finding("CVE-2026-2", plimsoll_vuln::Severity::High),
        ],
        vec![gap()],
    );
    let verdicts = schema::verdict();
    let waivers = [unsigned(&waiver())];
    let verdict = evaluate(&common::policy(&spec), &judged, &waivers, &denials, now());
    fits(&verdicts, &verdicts, &serde_json::to_value(verdict).unwrap()).unwrap();
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
    let signed =
        Waiver::from_bundle(&release.approve(read.document()), "w.sigstore.json", &policy(&spec)).unwrap();
    assert_eq!(signed.content(), read.content());
}

/// Whether `value` fits `schema`: the keywords that the exported schemas use, and no other.
fn fits(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {value} does not fit {schema}"));
    let Some(keywords) = schema.as_object() else {
        return if schema == &json!(true) { Ok(()) } else { wrong("false") };
    };
    for (keyword, argument) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let name = argument.as_str().unwrap().strip_prefix('#').unwrap();
                fits(root, root.pointer(name).unwrap(), value)?;
            }
            "type" => {
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("unexpected type {other}"),
                };
                let holds = argument.as_array().map_or_else(|| is(argument), |types| types.iter().any(is));
                if !holds {
                    return wrong("type");
                }
            }
            "const" if value != argument => return wrong("const"),
            "enum" if !argument.as_array().unwrap().contains(value) => return wrong("enum"),
            "required" => {
                for name in argument.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return wrong(&format!("required {name}"));
                    }
                }
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if let Some(of_member) = argument.get(name) {
                        fits(root, of_member, member)?;
                    } else if keywords.get("additionalProperties") == Some(&json!(false)) {
                        return wrong(&format!("unknown {name}"));
                    }
                }
            }
            "additionalProperties" if argument.is_object() => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if keywords.get("properties").and_then(|p| p.get(name)).is_none() {
                        fits(root, argument, member)?;
                    }
                }
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| fits(root, argument, item))?
            }
            "oneOf" | "anyOf" => {
                let count =
                    argument.as_array().unwrap().iter().filter(|s| fits(root, s, value).is_ok()).count();
                if count == 0 || (keyword == "oneOf" && count > 1) {
                    return wrong(keyword);
                }
            }
            "allOf" => argument.as_array().unwrap().iter().try_for_each(|s| fits(root, s, value))?,
            "minimum" if value.as_f64().is_some_and(|v| v < argument.as_f64().unwrap()) => {
                return wrong("minimum");
            }
            "maximum" if value.as_f64().is_some_and(|v| v > argument.as_f64().unwrap()) => {
                return wrong("maximum");
            }
            "minItems" if value.as_array().is_some_and(|v| (v.len() as u64) < argument.as_u64().unwrap()) => {
                return wrong("minItems");
            }
            "pattern" if argument.as_str().unwrap().contains("mhd") => {
                if value.as_str().unwrap().contains(' ') {
                    return wrong("pattern");
                }
            }
            "const" | "enum" | "additionalProperties" | "minimum" | "maximum" | "minItems" | "pattern" => {}
            "$defs" | "$schema" | "title" | "description" | "examples" | "format" | "minLength"
            | "maxLength" => {}
            other => panic!("the schemas use a keyword that this test does not know: {other}"),
        }
    }
    Ok(())
}

//! The exported JSON Schemas accept the documents that are read and written, and refuse those that are
//! refused.

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
use plimsoll_core::yaml::{self, Size};
use plimsoll_policy::{DenyList, Policy, schema};
use serde_json::{Value, json};

#[test]
fn documents_fit_their_schemas_and_mistakes_do_not() {
    let yaml = |text: &str| -> Value { yaml::read(text.as_bytes(), "test", Size::DOCUMENT).unwrap() };
    let policy = schema::policy();
    assert_eq!(policy["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let keyless = full().replace(
        "anyOf: [",
        "allOf: [{ name: ci, identity: { issuer: 'https://i', subject: { pattern: 'https://c/.*' }, claims: { source-ref: main }, notAfter: 2027-01-01T00:00:00Z } }], anyOf: [",
    );
    for text in [full(), Policy::builtin_document().to_owned(), policy_text("phase: ga"), keyless.clone()] {
        fits(&policy, &policy, &yaml(&text)).unwrap();
    }
    for (from, to) in [
        ("issuer: 'https://i',", ""),
        ("issuer:", "isuer:"),
        ("{ pattern:", "{ regexp:"),
        ("source-ref:", "sourceRef:"),
        ("name: ci,", "name: ci, key: { file: k },"),
    ] {
        assert!(keyless.contains(from));
        assert!(fits(&policy, &policy, &yaml(&keyless.replacen(from, to, 1))).is_err(), "{to}");
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
    judged.signatures = signatures(vec![release.signature_of(&index())]).into();
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

/// Editors show these forms under these names, and generated types are called by them. Each is that of the reader: the limits of
/// both have tests.
#[test]
fn each_form_of_a_text_is_described_once_under_its_name() {
    let (policy, waiver, verdict) = (schema::policy(), schema::waiver(), schema::verdict());
    assert_eq!(schema(), policy);
    let text = |of: &Value, name: &str, expected: Value| {
        let mut described = of["$defs"][name].clone();
        let members = described.as_object_mut().unwrap_or_else(|| panic!("{name} is not described"));
        members.remove("description");
        members.remove("examples");
        assert_eq!(described, expected, "{name}");
    };
    let name = json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"});
    let instant = json!({"type": "string", "format": "date-time"});
    let pattern = json!({"type": "string", "minLength": 1, "maxLength": 512});
    for of in [&policy, &waiver] {
        text(of, "Name", name.clone());
        text(of, "Instant", instant.clone());
        text(of, "ImagePattern", pattern.clone());
    }
    text(&verdict, "Instant", instant);
    text(&policy, "PathPattern", pattern);
    text(&policy, "Age", json!({"type": "string", "pattern": "^[0-9]{1,7}[mhd]$"}));
    let identity = &policy["$defs"]["IdentityText"];
    assert_eq!(identity["oneOf"][0]["maxLength"], 2048);
    assert_eq!(policy["$defs"]["IdentitySpec"]["properties"]["subject"]["$ref"], "#/$defs/IdentityText");
    // What is used in one place is described there.
    let reason = &policy["$defs"]["ExclusionSpec"]["properties"]["reason"];
    assert_eq!((&reason["minLength"], &reason["maxLength"]), (&json!(1), &json!(500)));
    assert_eq!(policy["$defs"]["DigestSpec"]["properties"]["pinned"]["type"], "boolean");

    let rules: Vec<plimsoll_policy::RuleInfo> = plimsoll_policy::built_in_rules().collect();
    let waivable: Vec<&str> =
        rules.iter().filter(|rule| rule.waivable).map(|rule| rule.name.as_str()).collect();
    // Those that a policy defines are described by the form of their names.
    let own = [
        ("attestation/", "It has this attestation."),
        ("rule/", "What the policy asks in its own words is true."),
    ];
    let own = own.map(|(prefix, about)| (format!("^{prefix}[A-Za-z0-9][A-Za-z0-9._-]{{0,127}}$"), about));
    let mut forms = vec![json!({"type": "string", "enum": waivable})];
    forms.extend(own.iter().map(|(pattern, _)| json!({"type": "string", "pattern": pattern})));
    text(&waiver, "WaivableRule", json!({"oneOf": forms}));
    let all = rules
        .iter()
        .map(|rule| json!({"type": "string", "const": rule.name.as_str(), "description": rule.about}));
    let own = own
        .iter()
        .map(|(pattern, about)| json!({"type": "string", "pattern": pattern, "description": about}));
    text(&verdict, "Rule", json!({"oneOf": all.chain(own).collect::<Vec<_>>()}));
}

/// Whether `value` fits `schema`: the keywords that the exported schemas use, and no others.
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
                    "number" => value.is_number(),
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
                value.as_array().into_iter().flatten().try_for_each(|item| fits(root, argument, item))?;
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
            "pattern" if !value.as_str().is_some_and(|text| text.starts_with(&beginning(argument))) => {
                return wrong("pattern");
            }
            // These are satisfied, otherwise the arms above would have returned. The other keywords only
            // annotate.
            "const"
            | "enum"
            | "additionalProperties"
            | "minimum"
            | "maximum"
            | "minItems"
            | "pattern"
            | "$defs"
            | "$schema"
            | "title"
            | "description"
            | "examples"
            | "format"
            | "minLength"
            | "maxLength" => {}
            other => panic!("the schemas use a keyword that this test does not know: {other}"),
        }
    }
    Ok(())
}

/// The literal text that everything begins with that a pattern matches.
fn beginning(pattern: &Value) -> String {
    let pattern = pattern.as_str().unwrap().trim_start_matches('^');
    pattern.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-')).collect()
}

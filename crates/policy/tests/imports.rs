//! Policies of other tools: carried over exactly, or refused with the path.

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

use std::process::Command;

use common::{Key, evidence, judge, key, manifest, now, rule, signatures};
use plimsoll_policy::{Decision, Effect, Import, Outcome, Policy, import};
use serde_json::{Value, json};

fn read(document: &Value) -> Import {
    import(document.to_string().as_bytes(), "/home/somebody/here", now()).unwrap()
}

#[track_caller]
fn policy(document: &Value) -> Policy {
    let import = read(document);
    assert_eq!(import.refused, [], "{document:#}");
    let [one] = &import.policies[..] else { panic!("{} policies", import.policies.len()) };
    Policy::parse(one.document.as_bytes(), "imported", &()).expect(&one.document)
}

#[track_caller]
fn refused(document: &Value) -> Vec<(String, String)> {
    let import = read(document);
    assert!(import.policies.is_empty(), "a part was carried over: {:?}", import.policies);
    import.refused.into_iter().map(|refusal| (refusal.path, refusal.reason)).collect()
}

/// A ClusterImagePolicy with everything that is carried over.
fn cluster_image_policy(pem: &str) -> Value {
    json!({
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": { "name": "signed", "labels": { "team": "platform" } },
        "spec": {
            "mode": "enforce",
            "images": [{ "glob": "registry.example/team/**" }, { "glob": "registry.example/other/app:**" }],
            "authorities": [
                { "name": "release", "key": { "data": pem, "hashAlgorithm": "sha256" },
                  "source": [{ "signaturePullSecrets": [{ "name": "pull" }] }], "signatureFormat": "legacy" },
                { "name": "logged", "key": { "data": pem }, "ctlog": { "url": "https://rekor.sigstore.dev" } },
                { "keyless": {
                    "url": "https://fulcio.sigstore.dev",
                    "insecureIgnoreSCT": true,
                    "identities": [
                        { "issuer": "https://issuer.example", "subjectRegExp": "^https://ci\\.example/app/.*$" },
                        { "issuerRegExp": "issuer", "subject": "someone@example.org" },
                    ] } },
            ],
        },
    })
}

/// A ClusterPolicy with everything that is carried over.
fn cluster_policy(pem: &str) -> Value {
    json!({
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": { "name": "verify", "annotations": { "policies.kyverno.io/title": "Verify" } },
        "spec": {
            "validationFailureAction": "Enforce",
            "background": false,
            "failurePolicy": "Fail",
            "webhookConfiguration": { "timeoutSeconds": 30 },
            "rules": [{
                "name": "images",
                "match": { "any": [{ "resources": { "kinds": ["Pod", "apps/v1/Deployment"] } }] },
                "verifyImages": [{
                    "imageReferences": ["registry.example/team/*"],
                    "type": "Cosign",
                    "mutateDigest": true,
                    "verifyDigest": true,
                    "required": true,
                    "imageRegistryCredentials": { "secrets": ["pull"] },
                    "attestors": [
                        { "count": 1, "entries": [
                            { "keys": { "publicKeys": pem, "signatureAlgorithm": "sha256",
                                        "rekor": { "ignoreTlog": true, "url": "https://rekor.sigstore.dev" },
                                        "ctlog": { "ignoreSCT": true } } },
                            { "keyless": {
                                "issuer": "https://issuer.example",
                                "subject": "https://ci.example/app/*",
                                "ctlog": { "ignoreSCT": false },
                                "rekor": { "url": "https://rekor.sigstore.dev" } } },
                        ] },
                        { "entries": [{ "keyless": { "issuerRegExp": "issuer", "subjectRegExp": "other@example" } }] },
                    ],
                }],
            }],
        },
    })
}

fn pem(key: &Key) -> String {
    key.public.to_pem()
}

#[test]
fn a_cluster_image_policy_is_carried_over() {
    let import = read(&cluster_image_policy(&pem(&key())));
    assert_eq!(import.refused, []);
    let [one] = &import.policies[..] else { panic!("{import:?}") };
    let text = without_keys(&one.document);
    insta::assert_snapshot!(text);
    let codes: Vec<&str> = one.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
    assert!(codes.contains(&"PL026"), "an expression that may match anywhere: {codes:?}");
    assert!(codes.contains(&"PL028"), "a log that is not asked: {codes:?}");
}

#[test]
fn a_cluster_policy_is_carried_over() {
    let import = read(&cluster_policy(&pem(&key())));
    assert_eq!(import.refused, []);
    let [one] = &import.policies[..] else { panic!("{import:?}") };
    insta::assert_snapshot!(without_keys(&one.document));
}

fn without_keys(document: &str) -> String {
    let line = |line: &&str| !line.starts_with("            ") || line.contains(':');
    document.lines().filter(line).collect::<Vec<_>>().join("\n")
}

/// What was imported decides as the other tool would: signed by the named key, by another, by nobody.
#[test]
fn an_imported_policy_decides() {
    let (named, other) = (key(), key());
    let by_key = |kind: &str, mode: &str| match kind {
        "policy-controller" => json!({
            "apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": { "name": "p" },
            "spec": { "mode": if mode == "deny" { "enforce" } else { "warn" }, "images": [{ "glob": "**" }],
                      "authorities": [{ "key": { "data": pem(&named) } }] } }),
        _ => json!({
            "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": { "name": "p" },
            "spec": { "rules": [{ "name": "r", "match": { "resources": { "kinds": ["Pod"] } }, "verifyImages": [{
                "failureAction": if mode == "deny" { "Enforce" } else { "Audit" }, "mutateDigest": mode == "deny",
                "verifyDigest": mode == "deny", "imageReferences": ["*"],
                "attestors": [{ "entries": [{ "keys": { "publicKeys": pem(&named), "rekor": { "ignoreTlog": true } } }] }],
            }] }] } }),
    };
    for kind in ["policy-controller", "kyverno"] {
        for (mode, effect, unsigned) in
            [("deny", Effect::Block, Decision::Deny), ("warn", Effect::Report, Decision::Allow)]
        {
            let policy = policy(&by_key(kind, mode));
            let with = |signed: Vec<&Key>| {
                let mut evidence = evidence();
                let verified = signed.iter().map(|key| key.signature_of(&manifest())).collect();
                evidence.signatures = signatures(verified).into();
                judge(&policy, &evidence)
            };
            for (signed, outcome, decision) in [
                (vec![&named], Outcome::Pass, Decision::Allow),
                (vec![&other], Outcome::Fail, unsigned),
                (vec![], Outcome::Fail, unsigned),
            ] {
                let verdict = with(signed);
                let result = rule(&verdict, "signatures");
                assert_eq!(
                    (result.outcome, verdict.decision),
                    (outcome, decision),
                    "{kind} {mode} {}",
                    result.reason
                );
                if outcome == Outcome::Fail {
                    assert_eq!(result.effect, effect, "{kind} {mode}");
                }
            }
        }
    }
}

/// A field that nobody looked at could be the one that restricts: wherever one appears, the document is refused.
#[test]
fn no_field_is_overlooked() {
    let pem = pem(&key());
    for document in [cluster_image_policy(&pem), cluster_policy(&pem)] {
        let mut objects = Vec::new();
        pointers(&document, String::new(), &mut objects);
        // What people and clusters write about a document decides nothing.
        objects.retain(|pointer| {
            !pointer.starts_with("/metadata") && !pointer.contains("/signaturePullSecrets")
        });
        assert!(objects.len() > 10, "{objects:?}");
        for pointer in objects {
            let mut changed = document.clone();
            changed.pointer_mut(&pointer).unwrap()["somethingNew"] = json!({ "only": "on Sundays" });
            let refused = refused(&changed);
            assert!(refused.iter().any(|(path, _)| path.ends_with("somethingNew")), "{pointer}: {refused:?}");
        }
    }
}

fn pointers(value: &Value, at: String, objects: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                pointers(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), objects);
            }
            objects.push(at);
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), objects);
            }
        }
        _ => {}
    }
}

/// What the other tool knows and this one cannot say: the document is refused, and its path named.
#[test]
fn what_a_cluster_image_policy_cannot_say_here_is_refused_with_its_path() {
    let pem = pem(&key());
    let authority = "/spec/authorities/0";
    for (place, name, value, path) in [
        ("/spec", "match", json!([{ "resource": "pods", "version": "v1" }]), "spec.match"),
        ("/spec", "policy", json!({ "type": "rego", "data": "x" }), "spec.policy"),
        ("/spec", "mode", json!("sometimes"), "spec.mode"),
        ("/spec", "images", json!([]), "spec.images"),
        ("/spec", "images", json!([{ "glob": "ghcr.io/team/app:1.0" }]), "spec.images[0].glob"),
        ("/spec", "authorities", json!([]), "spec.authorities"),
        (
            authority,
            "attestations",
            json!([{ "name": "a", "predicateType": "vuln" }]),
            "spec.authorities[0].attestations",
        ),
        (
            authority,
            "rfc3161timestamp",
            json!({ "trustRootRef": "mine" }),
            "spec.authorities[0].rfc3161timestamp",
        ),
        (authority, "ctlog", json!({ "url": "https://log.example" }), "spec.authorities[0].ctlog.url"),
        (authority, "ctlog", json!({ "trustRootRef": "mine" }), "spec.authorities[0].ctlog.trustRootRef"),
        (
            authority,
            "source",
            json!([{ "oci": "registry.example/signatures" }]),
            "spec.authorities[0].source[0].oci",
        ),
        (authority, "signatureFormat", json!("new"), "spec.authorities[0].signatureFormat"),
        (authority, "key", json!({ "kms": "awskms:///alias/x" }), "spec.authorities[0].key.kms"),
        (authority, "key", json!({ "secretRef": { "name": "x" } }), "spec.authorities[0].key.secretRef"),
        (
            authority,
            "key",
            json!({ "data": pem, "hashAlgorithm": "sha512" }),
            "spec.authorities[0].key.hashAlgorithm",
        ),
        (authority, "key", json!({ "data": "not a key" }), "spec.authorities[0].key.data"),
        (authority, "static", json!({ "action": "pass" }), "spec.authorities[0]"),
        (
            "/spec/authorities",
            "0",
            json!({ "static": { "action": "fail" } }),
            "spec.authorities[0].static.action",
        ),
        (
            "/spec/authorities/2/keyless",
            "trustRootRef",
            json!("mine"),
            "spec.authorities[2].keyless.trustRootRef",
        ),
        (
            "/spec/authorities/2/keyless",
            "url",
            json!("https://ca.example"),
            "spec.authorities[2].keyless.url",
        ),
        (
            "/spec/authorities/2/keyless",
            "ca-cert",
            json!({ "data": "x" }),
            "spec.authorities[2].keyless.ca-cert",
        ),
        ("/spec/authorities/2/keyless", "identities", json!([]), "spec.authorities[2].keyless.identities"),
        (
            "/spec/authorities/2/keyless",
            "identities",
            json!([{ "issuer": "i" }]),
            "spec.authorities[2].keyless.identities[0].subject",
        ),
    ] {
        expect_refusal(&cluster_image_policy(&pem), place, name, value, path);
    }
}

/// The same of Kyverno's.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_a_cluster_policy_cannot_say_here_is_refused_with_its_path() {
    let pem = pem(&key());
    let image = "/spec/rules/0/verifyImages/0";
    let entry = "/spec/rules/0/verifyImages/0/attestors/0/entries/0";
    let keyless = "/spec/rules/0/verifyImages/0/attestors/0/entries/1/keyless";
    let at = "spec.rules[0].verifyImages[0]";
    for (place, name, value, path) in [
        ("", "kind", json!("Policy"), "kind".to_owned()),
        (
            "/spec",
            "validationFailureActionOverrides",
            json!([{ "action": "Audit" }]),
            "spec.validationFailureActionOverrides".to_owned(),
        ),
        ("/spec", "admission", json!(false), "spec.admission".to_owned()),
        ("/spec", "applyRules", json!("One"), "spec.applyRules".to_owned()),
        (
            "/spec/rules/0",
            "exclude",
            json!({ "any": [{ "resources": { "namespaces": ["x"] } }] }),
            "spec.rules[0].exclude".to_owned(),
        ),
        (
            "/spec/rules/0",
            "preconditions",
            json!({ "all": [{ "key": "a" }] }),
            "spec.rules[0].preconditions".to_owned(),
        ),
        ("/spec/rules/0", "context", json!([{ "name": "keys" }]), "spec.rules[0].context".to_owned()),
        (
            "/spec/rules/0",
            "match",
            json!({ "any": [{ "resources": { "kinds": ["Pod"], "namespaces": ["prod"] } }] }),
            "spec.rules[0].match.any[0].resources.namespaces".to_owned(),
        ),
        (
            "/spec/rules/0",
            "match",
            json!({ "any": [{ "resources": { "kinds": ["Task"] } }] }),
            "spec.rules[0].match".to_owned(),
        ),
        (
            "/spec/rules/0",
            "match",
            json!({ "any": [{ "resources": { "kinds": ["Pod"] }, "subjects": [{ "kind": "User" }] }] }),
            "spec.rules[0].match.any[0].subjects".to_owned(),
        ),
        ("/spec/rules/0", "validate", json!({ "message": "x" }), "spec.rules[0].validate".to_owned()),
        (
            image,
            "skipImageReferences",
            json!(["registry.example/team/debug*"]),
            format!("{at}.skipImageReferences"),
        ),
        (image, "type", json!("Notary"), format!("{at}.type")),
        (image, "attestations", json!([{ "type": "t" }]), format!("{at}.attestations[0].attestors")),
        (image, "annotations", json!({ "a": "b" }), format!("{at}.annotations")),
        (image, "repository", json!("registry.example/signatures"), format!("{at}.repository")),
        (
            image,
            "imageReferences",
            json!(["registry.example/team/app:v1"]),
            format!("{at}.imageReferences[0]"),
        ),
        (image, "imageReferences", json!([]), format!("{at}.imageReferences")),
        (image, "attestors", json!([]), format!("{at}.attestors")),
        (
            image,
            "attestors",
            json!([{ "count": 3, "entries": [{ "keys": { "publicKeys": pem } }] }]),
            format!("{at}.attestors[0].count"),
        ),
        (entry, "annotations", json!({ "a": "b" }), format!("{at}.attestors[0].entries[0].annotations")),
        (entry, "keys", json!({}), format!("{at}.attestors[0].entries[0].keys.publicKeys")),
        (entry, "keys", json!({ "kms": "awskms:///x" }), format!("{at}.attestors[0].entries[0].keys.kms")),
        (
            entry,
            "keys",
            json!({ "publicKeys": "k8s://ns/secret" }),
            format!("{at}.attestors[0].entries[0].keys.publicKeys"),
        ),
        (
            entry,
            "keys",
            json!({ "publicKeys": "{{ keys.data.one }}" }),
            format!("{at}.attestors[0].entries[0].keys.publicKeys"),
        ),
        (
            entry,
            "keys",
            json!({ "publicKeys": pem, "rekor": { "url": "https://log.example" } }),
            format!("{at}.attestors[0].entries[0].keys.rekor.url"),
        ),
        (keyless, "roots", json!("pem"), format!("{at}.attestors[0].entries[1].keyless.roots")),
        (
            keyless,
            "rekor",
            json!({ "ignoreTlog": true }),
            format!("{at}.attestors[0].entries[1].keyless.rekor.ignoreTlog"),
        ),
        (
            keyless,
            "additionalExtensions",
            json!({ "githubWorkflowTrigger": "push" }),
            format!("{at}.attestors[0].entries[1].keyless.additionalExtensions"),
        ),
        (keyless, "subject", json!("app-?"), format!("{at}.attestors[0].entries[1].keyless.subject")),
        (keyless, "subjectRegExp", json!("x"), format!("{at}.attestors[0].entries[1].keyless.subject")),
    ] {
        expect_refusal(&cluster_policy(&pem), place, name, value, &path);
    }
}

#[track_caller]
fn expect_refusal(document: &Value, place: &str, name: &str, value: Value, path: &str) {
    let mut changed = document.clone();
    let parent = changed.pointer_mut(place).unwrap();
    match name.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[name] = value,
    }
    let refused = refused(&changed);
    assert!(refused.iter().any(|(at, _)| at == path), "{path}: {refused:?}");
}

#[test]
fn counts_and_sets_of_attestors_mean_the_same() {
    let keys = [key(), key(), key()];
    let entries = |keys: &[Key]| {
        let entry =
            |key: &Key| json!({ "keys": { "publicKeys": pem(key), "rekor": { "ignoreTlog": true } } });
        Value::Array(keys.iter().map(entry).collect())
    };
    let several: String = keys.iter().map(pem).collect();
    let together = json!([{ "keys": { "publicKeys": several, "rekor": { "ignoreTlog": true } } }]);
    for (attestors, enough, too_few) in [
        (json!([{ "entries": entries(&keys) }]), vec![0, 1, 2], vec![0, 1]),
        (json!([{ "count": 0, "entries": entries(&keys) }]), vec![0, 1, 2], vec![1, 2]),
        (json!([{ "count": 2, "entries": entries(&keys) }]), vec![0, 2], vec![2]),
        (json!([{ "count": 1, "entries": together }]), vec![1], vec![]),
        (json!([{ "entries": together }]), vec![0, 1, 2], vec![0, 2]),
        (
            json!([{ "entries": entries(&keys[..1]) }, { "count": 1, "entries": entries(&keys[1..]) }]),
            vec![0, 2],
            vec![1, 2],
        ),
        (
            json!([{ "entries": entries(&keys[..1]) }, { "entries": entries(&keys[1..2]) }]),
            vec![0, 1],
            vec![0],
        ),
    ] {
        let mut document = cluster_policy(&pem(&keys[0]));
        document["spec"]["rules"][0]["verifyImages"][0]["attestors"] = attestors.clone();
        let policy = policy(&document);
        for (signed, outcome) in [(&enough, Outcome::Pass), (&too_few, Outcome::Fail)] {
            let mut evidence = evidence();
            evidence.signatures = signatures(
                signed.iter().map(|index: &usize| keys[*index].signature_of(&manifest())).collect(),
            )
            .into();
            let verdict = judge(&policy, &evidence);
            assert_eq!(rule(&verdict, "signatures").outcome, outcome, "{attestors} signed by {signed:?}");
        }
    }
    let two_parts =
        json!([{ "count": 1, "entries": entries(&keys) }, { "count": 2, "entries": entries(&keys) }]);
    expect_refusal(
        &cluster_policy(&pem(&keys[0])),
        "/spec/rules/0/verifyImages/0",
        "attestors",
        two_parts,
        "spec.rules[0].verifyImages[0].attestors[1]",
    );
}

#[test]
fn a_file_holds_many_documents() {
    let pem = pem(&key());
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [cluster_image_policy(&pem), cluster_policy(&pem)] });
    let text = format!(
        "# licence\n---\n{}\n---\n# nothing\n--- # the next\napiVersion: v1\nkind: Namespace\nmetadata: {{ name: x }}\n---\n{list}\n",
        cluster_policy(&pem)
    );
    let import = import(text.as_bytes(), "file", now()).unwrap();
    let names: Vec<&str> = import.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["verify", "signed", "verify"]);
    assert_eq!(import.others.len(), 1);
    assert_eq!((import.others[0].document.as_str(), import.others[0].line), ("Namespace x", 6));
    // The same kind of another group is another thing: OpenShift has one.
    let mut foreign = cluster_image_policy(&pem);
    foreign["apiVersion"] = json!("config.openshift.io/v1");
    assert_eq!(refused(&foreign)[0].0, "apiVersion");
    let newer = json!({ "apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": { "name": "x" } });
    assert_eq!(refused(&newer)[0].0, "apiVersion");
}

#[test]
fn a_file_of_too_many_documents_is_refused() {
    let error = import("a: 1\n---\n".repeat(1_001).as_bytes(), "file", now()).unwrap_err();
    assert!(error.to_string().contains("at most 1000"), "{error}");
}

/// The published ones: none is carried over in part, and each refusal names a path.
#[test]
fn published_policies_are_carried_over_or_refused() {
    let Some(archive) = plimsoll_testkit::published_data("fixtures/policies.tar.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status()
        .expect("tar runs");
    assert!(unpacked.success());
    let (mut imported, mut refused) = (Vec::new(), 0);
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            if !text.contains("ClusterImagePolicy") && !text.contains("verifyImages") {
                continue;
            }
            // Some are broken on purpose, or are templates.
            let Ok(import) = import(&bytes, "file", now()) else { continue };
            for policy in &import.policies {
                Policy::parse(policy.document.as_bytes(), "imported", &()).unwrap();
                imported.push(policy.name.clone());
            }
            assert!(
                import.refused.iter().all(|refusal| !refusal.path.is_empty() && !refusal.reason.is_empty())
            );
            refused += import.refused.len();
        }
    }
    for name in
        ["image-is-signed-by-github-actions", "verify-image", "verify-flux-images", "keyed-basic-policy"]
    {
        assert!(imported.iter().any(|known| known == name), "{name}: {imported:?}");
    }
    assert!(refused > 50, "{refused}");
}

/// Attestations without conditions: what is there is there in both. With conditions in another language, nothing is imported.
#[test]
fn attestations_without_conditions_are_carried_over() {
    let named = key();
    let signer = json!({ "publicKeys": pem(&named), "rekor": { "ignoreTlog": true } });
    let attested = |conditions: bool| {
        let mut sigstore = cluster_image_policy(&pem(&named));
        let mut wanted = json!({ "name": "scan", "predicateType": "https://scan.example/v1" });
        if conditions {
            wanted["policy"] = json!({ "type": "cue", "data": "predicateType: string" });
        }
        sigstore["spec"]["images"] = json!([{ "glob": "**" }]);
        sigstore["spec"]["authorities"] =
            json!([{ "key": { "data": pem(&named) }, "attestations": [wanted] }]);
        let mut kyverno = cluster_policy(&pem(&named));
        let entry = &mut kyverno["spec"]["rules"][0]["verifyImages"][0];
        entry.as_object_mut().unwrap().remove("attestors");
        entry["imageReferences"] = json!(["*"]);
        let mut wanted = json!({ "name": "scan", "type": "https://scan.example/v1", "attestors": [{ "entries": [{ "keys": signer }] }] });
        if conditions {
            wanted["conditions"] =
                json!([{ "all": [{ "key": "{{ result }}", "operator": "Equals", "value": "ok" }] }]);
        }
        entry["attestations"] = json!([wanted]);
        [sigstore, kyverno]
    };
    for document in attested(false) {
        let import = read(&document);
        assert_eq!(import.refused, []);
        let text = &import.policies[0].document;
        for part in [
            "required: false",
            "- name: scan",
            "predicateType: \"https://scan.example/v1\"",
            "threshold: 1",
            "pem: |",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // Nobody searched, so that it is unknown whether there is one.
        let verdict = judge(&policy(&document), &evidence());
        assert_eq!(rule(&verdict, "attestation/scan").outcome, Outcome::Unknown);
        assert_eq!(verdict.decision, Decision::Indeterminate);
    }
    for (document, path) in attested(true).iter().zip([
        "spec.authorities[0].attestations[0].policy",
        "spec.rules[0].verifyImages[0].attestations[0].conditions",
    ]) {
        assert_eq!(refused(document)[0].0, path);
    }
    let mut two = cluster_image_policy(&pem(&named));
    two["spec"]["authorities"][1]["attestations"] = json!([{ "name": "a", "predicateType": "vuln" }]);
    assert_eq!(refused(&two)[0].0, "spec.authorities[1].attestations");
}

/// In Kyverno, one entry that enforces makes its rule enforce.
#[test]
fn an_entry_that_enforces_makes_its_rule_enforce() {
    let pem = pem(&key());
    for (actions, required) in [
        ([Some("Enforce"), None], true),
        ([Some("Enforce"), Some("Audit")], true),
        ([Some("Audit"), Some("enforce")], true),
        ([Some("Audit"), None], false),
        ([None, None], false),
    ] {
        let mut document = cluster_policy(&pem);
        document["spec"].as_object_mut().unwrap().remove("validationFailureAction");
        let entries = &mut document["spec"]["rules"][0]["verifyImages"];
        let entry = entries[0].clone();
        *entries = json!([entry, entry]);
        for (entry, action) in entries.as_array_mut().unwrap().iter_mut().zip(actions) {
            if let Some(action) = action {
                entry["failureAction"] = json!(action);
            }
        }
        let import = read(&document);
        let names: Vec<&str> = import.policies.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names, ["verify.1", "verify.2"], "{:?}", import.refused);
        for policy in &import.policies {
            assert!(
                policy.document.contains(&format!("required: {required}")),
                "{actions:?} {}",
                policy.document
            );
        }
    }
}

#[test]
fn only_the_digest_is_asked_for_where_nobody_has_to_have_signed() {
    let mut document = cluster_policy(&pem(&key()));
    let entry = &mut document["spec"]["rules"][0]["verifyImages"][0];
    entry.as_object_mut().unwrap().remove("attestors");
    entry["mutateDigest"] = json!(false);
    assert_eq!(refused(&document)[0].0, "spec.rules[0].verifyImages[0].required");
    document["spec"]["rules"][0]["verifyImages"][0]["required"] = json!(false);
    let text = read(&document).policies[0].document.clone();
    assert!(text.contains("pinned: true") && text.contains("required: false"), "{text}");
}

/// Many patterns and many signers of one name: a limit, and no squares.
#[test]
fn long_lists_are_read_in_time() {
    let started = std::time::Instant::now();
    let mut document = cluster_policy(&pem(&key()));
    let entry = &mut document["spec"]["rules"][0]["verifyImages"][0];
    entry["imageReferences"] = (0..20_000).map(|n| json!(format!("a*{n}/b*c/d*e/f:*"))).collect();
    assert_eq!(refused(&document)[0].0, "spec.rules[0].verifyImages[0].imageReferences");
    let mut document = cluster_policy(&pem(&key()));
    let one = json!({ "keyless": { "issuer": "i", "subject": "s" } });
    document["spec"]["rules"][0]["verifyImages"][0]["attestors"] =
        json!([{ "count": 1, "entries": vec![one; 3_000] }]);
    let import = read(&document);
    assert_eq!(import.policies.len(), 1, "{:?}", import.refused);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

//! `provenance`: from a build's environment to a verified provenance, attestations in files, and what is refused.

use jsonschema::Validator;
use plimsoll_core::Digest;
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore, pae};
use plimsoll_testkit::{Object, ObjectKind, Registry, attachment};
use serde_json::{Value, json};

use crate::cosign::{cosign, prepare};
use crate::fixture::{Place, Run, digest_of, patched, pushed, shop};

const COMMIT: &str = "4f2c2a0b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a";
const WORKFLOW: &str = "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The environment of a run of `team/app`'s workflow.
const GITHUB: [(&str, &str); 11] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "team/app"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_SHA", COMMIT),
    ("GITHUB_WORKFLOW_REF", "team/app/.github/workflows/release.yml@refs/heads/main"),
    ("GITHUB_RUN_ID", "1"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_EVENT_NAME", "push"),
    ("GITHUB_REPOSITORY_ID", "7"),
    ("GITHUB_REPOSITORY_OWNER_ID", "8"),
    ("RUNNER_ENVIRONMENT", "github-hosted"),
];

fn leaf(repository: &str) -> Leaf {
    Leaf {
        subject: WORKFLOW.into(),
        issuer: ISSUER.into(),
        claims: [
            (9, WORKFLOW),
            (11, "github-hosted"),
            (12, repository),
            (13, COMMIT),
            (14, "refs/heads/main"),
            (15, "7"),
            (17, "8"),
            (18, WORKFLOW),
            (20, "push"),
            (21, "https://github.com/team/app/actions/runs/1/attempts/1"),
        ]
        .map(|(number, text)| (number, text.to_owned()))
        .to_vec(),
        ..Leaf::default()
    }
}

/// A place with a file `app`, the trusted root of an instance, and the instance.
fn instance() -> (Place, Sigstore, String, String) {
    let (place, instance) = (Place::empty(), Sigstore::new());
    let root = place.write("root.json", instance.trusted_root().to_string());
    let app = place.write("app", "the artifact");
    (place, instance, root, app)
}

/// A statement about the file `app` with what [`GITHUB`] gives.
fn statement(place: &Place, app: &str) -> String {
    place.run_with(&GITHUB, &["provenance", "generate", "--as-statement", app]).exits(0).stdout
}

fn bundle(instance: &mut Sigstore, leaf: &Leaf, statement: &str) -> Value {
    let holder = instance.leaf(leaf);
    instance.attest(&holder, statement.as_bytes(), LogVersion::V1)
}

#[track_caller]
fn fits(place: &Place, result: &Value) {
    let schema = place.run(&["schema", "provenance"]).exits(0).json();
    let validator: Validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let problems: Vec<String> =
        validator.iter_errors(result).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{result:#}");
    for place in ["", "/results/0", "/results/0/attestations/0", "/results/0/attestations/0/provenance"] {
        let mut more = result.clone();
        if let Some(object) = more.pointer_mut(place) {
            object["somethingNew"] = json!(1);
            assert!(!validator.is_valid(&more), "{place} lets unknown fields pass");
        }
    }
}

#[test]
fn github_attestations_in_a_file_verify_with_the_repository_alone() {
    let (place, mut instance, root, app) = instance();
    let statement = statement(&place, &app);
    let good = bundle(&mut instance, &leaf("https://github.com/team/app"), &statement);
    let other = statement.replace(&Digest::sha256(b"the artifact").hex(), &Digest::sha256(b"x").hex());
    let other = bundle(&mut instance, &leaf("https://github.com/team/app"), &other);
    // As `gh attestation download` writes them: one a line, and not all about the same artifact.
    let lines = place.write("app.jsonl", format!("{other}\n{good}\n"));
    let verify = |more: &[&str]| {
        let first = ["provenance", "verify", "--bundle", &lines, "--trusted-root", &root];
        place.run(&[&first[..], more].concat())
    };
    let repository = "https://github.com/team/app";
    verify(&["--source-repository", repository, &app])
        .exits(0)
        .says("VERIFIED")
        .says("10 claims as the provenance says")
        .says("SLSA build level 2");
    let all = [
        "--repo",
        "team/app",
        "--source-ref-regexp",
        "refs/heads/.*",
        "--source-digest",
        COMMIT,
        "--builder-id",
        WORKFLOW,
        "--build-config",
        ".github/workflows/release.yml",
        "--parameter",
        "workflow.path=.github/workflows/release.yml",
        "--no-other-parameters",
        "--pinned-materials",
        "--slsa-level",
        "2",
        "--subject-name",
        "app",
        "-o",
        "json",
        "--explain",
        &app,
    ];
    let result = verify(&all).exits(0).json();
    assert_eq!(result["results"][0]["attestations"][0]["source"]["commit"], COMMIT);
    assert_eq!(result["results"][0]["refused"].as_array().unwrap().len(), 1);
    fits(&place, &result);

    let off = |more: &[&str]| verify(&[&["--repo", "team/app"], more, &[&app]].concat()).exits(10);
    off(&["--source-ref", "refs/tags/main"]).says("source-ref: got refs/heads/main, expected refs/tags/main");
    off(&["--source-ref-regexp", "refs/heads/mai"]);
    off(&["--builder-id-regexp", "https://github.com/team/app"]);
    off(&["--slsa-level", "3"]).says("level: got 2, expected 3 or more").says("--trust-builder");
    off(&["--subject-name", "other"]);
    off(&["--parameter", "path=x"]).says("parameter path: got nothing").says("joined by dots");
    off(&["--material", "pkg:docker/debian@12"]).says("material: got nothing");
    // The signer follows from the repository, by its whole name, letter by letter.
    for repository in ["team/ap", "team/app2", "Team/app", "other/app"] {
        verify(&["--repo", repository, &app]).exits(10).says("identity");
    }
    verify(&["--repo", "team/app", &place.write("changed", "changed")]).exits(10).says("step 13 (artifact)");
    let digest = Digest::sha256(b"the artifact").to_string();
    verify(&["--repo", "team/app", &digest, &app, "./none"]).exits(4).says("./none");
    verify(&["--repo", "team/app", "./none"]).exits(4);
    fits(&place, &verify(&["--repo", "team/app", "-o", "json", &digest, "./none"]).exits(4).json());
    verify(&["--repo", "team/app", "--type", "pypipublish", &app]).exits(10).says("slsa.dev/provenance/v1");
}

#[test]
fn a_signer_who_describes_another_build_is_refused_whatever_is_asked() {
    let (place, mut instance, root, app) = instance();
    let statement = statement(&place, &app);
    // The workflow of `team/app` can only get certificates that say so; what it writes is its own.
    let forged = statement.replace("https://github.com/team/app\"", "https://github.com/bank/vault\"");
    assert_ne!(forged, statement);
    let forged = bundle(&mut instance, &leaf("https://github.com/team/app"), &forged);
    let file = place.write("forged.json", forged.to_string());
    let identity = ["--certificate-identity", WORKFLOW, "--certificate-oidc-issuer", ISSUER];
    let verify = |more: &[&str]| {
        let first = ["provenance", "verify", "--bundle", &file, "--trusted-root", &root, &app];
        place.run(&[&first[..], &identity, more].concat()).exits(10)
    };
    for more in [&[][..], &["--source-repository", "https://github.com/bank/vault"], &["--repo", "team/app"]]
    {
        verify(more)
            .says("certificate source-repository: got https://github.com/bank/vault, expected https://github.com/team/app")
            .says("a trusted signer described another build");
    }
    fits(&place, &verify(&["-o", "json"]).json());
}

#[test]
fn a_subject_with_the_digests_of_two_files_is_about_neither() {
    let (place, mut instance, root, app) = instance();
    let mut statement: Value = serde_json::from_str(&statement(&place, &app)).unwrap();
    let sha512 = |bytes: &[u8]| Digest::compute(plimsoll_core::Algorithm::Sha512, bytes).hex();
    let mut verify = |sha512: String, code: i32| {
        statement["subject"][0]["digest"]["sha512"] = json!(sha512);
        let bundle = bundle(&mut instance, &leaf("https://github.com/team/app"), &statement.to_string());
        let file = place.write("two.json", bundle.to_string());
        let all =
            ["provenance", "verify", "--bundle", &file, "--trusted-root", &root, "--repo", "team/app", &app];
        place.run(&all).exits(code)
    };
    verify(sha512(b"the artifact"), 0);
    verify(sha512(b"another"), 10).says("a subject whose sha512 is another file's");
}

#[test]
fn the_inventories_that_are_written_here_can_be_attested() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = patched(&registry);
    place.key("a");
    for (format, kind) in [("spdx-json", "spdxjson"), ("cyclonedx-json", "cyclonedx")] {
        let (file, key) = (place.path(format), place.path("a.key"));
        place.run(&["sbom", "-o", format, "--output-file", &file, &reference]).exits(0);
        place.run(&["attest", "--key", &key, "--type", kind, "--predicate", &file, &reference]).exits(0);
        // A document of one type is not valid as the other.
        let other = if kind == "spdxjson" { "cyclonedx" } else { "spdxjson" };
        let wrong = ["attest", "--key", &key, "--type", other, "--predicate", &file, &reference];
        place.run(&wrong).exits(2).says("predicate.");
    }
}

#[test]
fn an_invalid_file_of_attestations_or_expectation_is_an_error() {
    let (place, _, root, app) = instance();
    let run = |bundle: &str, more: &[&str]| {
        let first =
            ["provenance", "verify", "--trusted-root", &root, "--repo", "team/app", "--bundle", bundle];
        place.run(&[&first[..], more, &[&app]].concat())
    };
    run(&place.write("a.json", "{}"), &[]).exits(1).says("a.json").says("none of the forms");
    run(&place.write("b.json", "not json"), &[]).exits(1).says("b.json");
    run(&place.write("c.json", r#"{"mediaType":"x"}"#), &[]).exits(10).says("media type");
    run(&place.path("none"), &[]).exits(4);
    for (wrong, says) in [
        (&["--source-ref", "main"][..], "refs/heads/"),
        (&["--source-ref", "refs/main"], "refs/heads/"),
        (&["--source-digest", "4f2c"], "whole commit"),
        (&["--slsa-level", "4"], "0, 1, 2 or 3"),
        (&["--trust-builder", "x"], "URI=LEVEL"),
        (&["--type", "spdxjson"], "slsaprovenance1"),
        (&["--type", "https://slsa.dev/provenance/v2"], "slsaprovenance1"),
        (&["--builder-id-regexp", "("], "pattern"),
        (&["--material", ""], "material"),
    ] {
        run("x", wrong).exits(2).says(says);
    }
    for repository in ["http://github.com/team/app", "https://github.com@evil.example/team/app", "team"] {
        place.run(&["provenance", "verify", "--repo", repository, &app]).exits(2).says("repository");
    }
    place.run(&["provenance", "verify", "--repo", "team/app", &app]).exits(2).says("--bundle");
    // For a host whose signers are unknown, the signer has to be named.
    let elsewhere = ["provenance", "verify", "--source-repository", "https://git.example/team/app", &app];
    place.run(&elsewhere).exits(2).says("no trusted key or identity");
}

#[test]
fn a_provenance_goes_from_the_build_to_the_image_and_back() {
    for api in [true, false] {
        let (place, registry) = (Place::empty(), Registry::builder().referrers_api(api).start());
        let (reference, base) =
            (patched(&registry), pushed(&registry, &shop("pymysql", "1.1.2").build(), "base"));
        let tag = registry.reference("shop/orders", "base");
        place.key("a");
        place.key("b");
        let lock = place.write("Cargo.lock", "# locked");
        let hex = Digest::sha256(b"# locked").hex();
        let list = place.write("list.txt", format!("# tools\npkg:generic/make@4@sha256:{hex}\n"));
        let out = place.path("provenance.json");
        place
            .run_with(
                &GITHUB,
                &[
                    "provenance",
                    "generate",
                    "--parameter",
                    "profile=release",
                    "--tool",
                    "cargo=1.90",
                    "--material-file",
                    &lock,
                    "--material-image",
                    &tag,
                    "--materials",
                    &list,
                    "--byproduct",
                    &lock,
                    "--started-on",
                    "2026-01-15T11:00:00Z",
                    "--output-file",
                    &out,
                ],
            )
            .exits(0);
        let key = place.path("a.key");
        let attest = ["attest", "--key", &key, "--type", "slsaprovenance1", "--predicate", &out, &reference];
        place.run(&attest).exits(0);
        let verify = |key: &str, more: &[&str], subject: &str| {
            let key = place.path(key);
            let first = ["provenance", "verify", "--key", &key, "--insecure-ignore-tlog"];
            place.run(&[&first[..], more, &[subject]].concat())
        };
        let base_digest = format!("{tag}@{}", digest_of(&base));
        let lock_digest = format!("Cargo.lock@sha256:{hex}");
        let expected = [
            "--builder-id",
            WORKFLOW,
            "--build-type",
            "https://plimsoll.dev/buildtypes/ci/v1",
            "--repo",
            "team/app",
            "--source-ref",
            "refs/heads/main",
            "--parameter",
            "profile=release",
            "--no-other-parameters",
            "--material",
            &lock_digest,
            "--material",
            &base_digest,
            "--material",
            "pkg:generic/make@4",
            "--pinned-materials",
        ];
        verify("a.pub", &expected, &reference)
            .exits(0)
            .says("parameter  profile=release")
            .says("not checked");
        let result = verify("a.pub", &["-o", "json"], &reference).exits(0).json();
        fits(&place, &result);
        assert_eq!(result["results"][0]["attestations"][0]["level"], 1);
        assert_eq!(result["results"][0]["attestations"][0]["provenance"]["started"], "2026-01-15T11:00:00Z");
        // The same attestation in a file counts for the image too, under each of its names.
        let kept = place.path("kept.json");
        place.run(&[&attest[..], &["--no-upload", "--bundle", &kept]].concat()).exits(0);
        let tags = [registry.reference("shop/orders", "2.0"), tag.clone()];
        verify("a.pub", &["--bundle", &kept], &tags[0]).exits(0).says(digest_of(&reference));
        verify("a.pub", &["--bundle", &kept], &tags[1]).exits(10).says("artifact");
        // What the registry said is kept, and said to be.
        verify("a.pub", &["--offline"], &reference).exits(0).says("from the cache");
        fits(&place, &verify("a.pub", &["--offline", "-o", "json"], &reference).exits(0).json());
        // A key does not identify the platform, but a user who trusts it may state the platform.
        verify("a.pub", &["--slsa-level", "2"], &reference).exits(10);
        let trusted = format!("{WORKFLOW}=3");
        verify("a.pub", &["--slsa-level", "3", "--trust-builder", &trusted], &reference).exits(0);
        verify("b.pub", &[], &reference).exits(10).says("signature");
        verify("a.pub", &["--parameter", "profile=debug"], &reference).exits(10).says("profile");
        verify("a.pub", &[], &base).exits(10).says("no provenance").says("plimsoll provenance generate");
        let nowhere = registry.reference("shop/orders", &Digest::sha256(b"nothing").to_string());
        verify("a.pub", &[], &nowhere).exits(4);
    }
}

#[test]
fn attestations_of_others_are_named_and_mismatched_ones_are_refused() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = patched(&registry);
    place.key("a");
    let (key, sbom) = (place.path("a.key"), place.write("s.json", r#"{"spdxVersion":"SPDX-2.3"}"#));
    place.run(&["attest", "--key", &key, "--type", "spdxjson", "--predicate", &sbom, &reference]).exits(0);
    let key = place.path("a.pub");
    let verify = ["provenance", "verify", "--insecure-ignore-tlog", "--key", &key, &reference];
    place.run(&verify).exits(10).says("attestations of https://spdx.dev/Document").says("--type");

    // Signed by a trusted key, with another tool: the predicate does not match its type.
    let pair = Pair::new();
    let other = place.write("other.pub", pair.public_pem());
    let attach = |predicate_type: &str, predicate: &Value| {
        let bundle = by_hand(&pair, &digest_of(&reference)[7..], predicate_type, predicate);
        attach(&registry, &reference, &bundle);
    };
    attach("https://slsa.dev/provenance/v1", &json!({"runDetails": {"builder": {"id": "x"}}}));
    attach("https://cyclonedx.org/bom", &json!({"bomFormat": "SPDX", "specVersion": "1.6"}));
    let trust = ["--insecure-ignore-tlog", "--key", &other, &reference];
    let run = |first: &[&str]| place.run(&[first, &trust].concat()).exits(10);
    run(&["provenance", "verify"]).says("predicate.buildDefinition: is missing");
    run(&["verify-attestation", "--type", "slsaprovenance1"]).says("predicate.buildDefinition: is missing");
    run(&["verify-attestation", "--type", "cyclonedx"])
        .says("predicate.bomFormat: got \"SPDX\", expected \"CycloneDX\"");
}

/// A bundle by key about the image with this digest.
fn by_hand(pair: &Pair, sha256: &str, predicate_type: &str, predicate: &Value) -> String {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let kind = "application/vnd.in-toto+json";
    let payload = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": sha256}}],
        "predicateType": predicate_type, "predicate": predicate,
    })
    .to_string();
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": {
            "payload": encode(payload.as_bytes()), "payloadType": kind,
            "signatures": [{"sig": encode(&pair.sign(&pae(kind, payload.as_bytes())))}],
        },
    })
    .to_string()
}

fn attach(registry: &Registry, reference: &str, bundle: &str) {
    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let subject = Object {
        kind: ObjectKind::Manifest,
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: registry.manifest("shop/orders", digest_of(reference)).unwrap(),
    };
    attachment(&subject, BUNDLE, BUNDLE, bundle.as_bytes()).push_by_digest(registry, "shop/orders");
}

#[test]
fn the_environment_is_taken_at_its_word_and_flags_come_before_it() {
    let place = Place::empty();
    let generate = |variables: &[(&str, &str)], more: &[&str]| {
        place.run_with(variables, &[&["provenance", "generate"], more].concat())
    };
    let predicate = generate(&GITHUB, &[]).exits(0).json();
    assert_eq!(predicate["buildDefinition"]["buildType"], "https://actions.github.io/buildtypes/workflow/v1");
    assert_eq!(predicate["runDetails"]["builder"]["id"], WORKFLOW);

    // Another repository's ref and commit are not those of the environment.
    let other = ["--source-repository", "https://git.example/team/other"];
    let run = generate(&GITHUB, &other).exits(0).says("which commit was built");
    assert_eq!(
        run.json()["buildDefinition"]["externalParameters"]["source"],
        json!({"repository": other[1]})
    );
    assert!(!run.stdout.contains(COMMIT), "{}", run.stdout);
    let same = ["--source-repository", "https://github.com/team/app", "--source-ref", "refs/tags/v1"];
    let same = generate(&GITHUB, &same).exits(0).json();
    assert_eq!(
        same["buildDefinition"]["resolvedDependencies"][0]["uri"],
        "git+https://github.com/team/app@refs/tags/v1"
    );

    generate(&[], &[]).exits(2).says("--builder-id");
    let builder = ["--builder-id", "https://build.example/3"];
    generate(&[], &builder).exits(0).says("which commit was built");
    let with = |more: &[&str]| generate(&[], &[&builder[..], more].concat());
    with(&["--source-digest", COMMIT]).exits(2).says("--source-repository");
    with(&["--parameter", "a=1", "--parameter", "a=2"]).exits(2).says("given twice");
    with(&["--parameter", "source=x"]).exits(2).says("other than source");
    with(&["--material", "pkg:a/b@sha256:00"]).exits(2).says("URI@ALGORITHM:HEX");
    with(&["--materials", &place.write("m.txt", "pkg:a/b\n")]).exits(2).says("line 1");
    with(&["--materials", &place.write("m.json", r#"[{"uri":"a:b"}]"#)]).exits(2).says("[0]");
    with(&["--material-file", "./none"]).exits(4);
    with(&["--as-statement"]).exits(2);
    with(&["./none"]).exits(2);
    let times = ["--started-on", "2026-01-02T00:00:00Z", "--finished-on", "2026-01-01T00:00:00Z"];
    with(&times).exits(2).says("ended before it started");
    let mut broken = GITHUB.to_vec();
    broken.retain(|(name, _)| *name != "GITHUB_SHA");
    broken.push(("GITHUB_SHA", "main"));
    generate(&broken, &[]).exits(2).says("GITHUB_SHA");

    // The path of a file on this machine is not published.
    let lock = place.write("deep/down/Cargo.lock", "# locked");
    let run = with(&["--material-file", &lock]).exits(0);
    assert_eq!(run.json()["buildDefinition"]["resolvedDependencies"][0]["name"], "Cargo.lock");
    assert!(!run.stdout.contains("deep"), "{}", run.stdout);
}

#[test]
fn an_index_document_counts_for_the_file_that_was_uploaded() {
    let (place, mut instance, root, _) = instance();
    let wheel = place.write("app-1.0-py3-none-any.whl", "the artifact");
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app-1.0-py3-none-any.whl", "digest": {"sha256": Digest::sha256(b"the artifact").hex()}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": null,
    });
    let bundle = bundle(&mut instance, &leaf("https://github.com/team/app"), &statement.to_string());
    let document = |repository: &str| {
        json!({"version": 1, "attestation_bundles": [{
            "publisher": {"kind": "GitHub", "repository": repository, "workflow": "release.yml"},
            "attestations": [{
                "version": 1,
                "verification_material": {
                    "certificate": bundle["verificationMaterial"]["certificate"]["rawBytes"],
                    "transparency_entries": bundle["verificationMaterial"]["tlogEntries"],
                },
                "envelope": {
                    "statement": bundle["dsseEnvelope"]["payload"],
                    "signature": bundle["dsseEnvelope"]["signatures"][0]["sig"],
                },
            }],
        }]})
        .to_string()
    };
    let file = place.write("provenance.json", document("team/app"));
    let verify = |file: &str, more: &[&str]| -> Run {
        let first = ["provenance", "verify", "--trusted-root", &root, "--repo", "team/app", "--bundle", file];
        place.run(&[&first[..], more].concat())
    };
    let kind = ["--type", "pypipublish"];
    let result = verify(&file, &[&kind[..], &["-o", "json", &wheel]].concat()).exits(0).json();
    fits(&place, &result);
    // An upload is not a build.
    verify(&file, &[&wheel]).exits(10).says("docs.pypi.org");
    verify(&file, &[&kind[..], &["--slsa-level", "1", &wheel]].concat()).exits(10).says("level");
    let renamed = place.write("app-2.0-py3-none-any.whl", "the artifact");
    verify(&file, &[&kind[..], &[&renamed]].concat()).exits(10).says("subject-name");
    let other = place.write("other.json", document("team/other"));
    verify(&other, &[&kind[..], &[&wheel]].concat()).exits(10).says("publisher");
}

#[test]
fn a_predicate_that_does_not_fit_its_type_or_schema_is_not_attested() {
    let place = Place::empty();
    place.key("a");
    let (key, file) = (place.path("a.key"), place.write("app", "the artifact"));
    let predicate = place.write("p.json", r#"{"score": 7, "runDetails": {}}"#);
    let out = place.path("out.json");
    let attest = |more: &[&str]| {
        let first = ["attest-blob", "--force", "--key", &key, "--predicate", &predicate, "--bundle", &out];
        place.run(&[&first[..], more, &[&file]].concat())
    };
    attest(&["--type", "slsaprovenance1"]).exits(2).says("predicate.buildDefinition: is missing");
    attest(&["--type", "testresult"]).exits(2).says("predicate.result: is missing").says("WARNED");
    let schema = |name: &str, text: &str| place.write(name, text);
    let good = json!({
        "type": "object", "required": ["score"], "properties": {"score": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"type": "integer", "maximum": 9}},
    });
    let good = schema("good.json", &good.to_string());
    let strict = schema("strict.json", r#"{"properties": {"score": {"maximum": 5}}}"#);
    let kind = "https://example.com/score/v1";
    attest(&["--type", kind, "--schema", &strict]).exits(2).says("predicate/score").says("maximum");
    assert!(!place.root().join("out.json").exists());
    for (remote, says) in [
        (r#"{"$ref": "https://schemas.example/other.json"}"#, "same file"),
        (r#"{"$ref": "file:///etc/hostname"}"#, "same file"),
        (r#"{"type": "thing"}"#, "schema"),
        (r#"{"pattern": "(a+)\\1"}"#, "schema"),
        ("{", "schema"),
    ] {
        attest(&["--type", kind, "--schema", &schema("bad.json", remote)]).exits(2).says(says);
    }
    attest(&["--type", kind, "--schema", &good]).exits(0);
    // cosign's `custom` keeps the document as a text; the schema is about the document.
    let public = place.path("a.pub");
    let verify = |kind: &str, schema: &str| {
        let all = ["verify-blob-attestation", "--insecure-ignore-tlog", "--key", &public, "--bundle", &out];
        place.run(&[&all[..], &["--type", kind, "--schema", schema, &file]].concat())
    };
    verify(kind, &good).exits(0);
    verify(kind, &strict).exits(10).says("predicate/score");
    attest(&["--schema", &strict]).exits(2).says("predicate.Data/score");
    attest(&["--schema", &good]).exits(0);
    verify("custom", &good).exits(0);
    verify("custom", &strict).exits(10).says("predicate.Data/score");
}

/// Both ways with stock cosign: what is written here is a provenance to it, and what it signs is one here.
#[test]
fn cosign_reads_the_provenance_and_its_own_is_read() {
    let place = Place::empty();
    let Some(()) = prepare(&place) else { return };
    assert_eq!(cosign(&place, &["generate-key-pair", "--output-key-prefix", "theirs"]), Some(true));
    place.key("ours");
    let (app, out, kind) = (place.write("app", "the artifact"), place.path("p.json"), "slsaprovenance1");
    place.run_with(&GITHUB, &["provenance", "generate", "--output-file", &out]).exits(0);
    let attest = ["attest-blob", "--type", kind, "--predicate", &out, "--bundle"];
    let (key, bundle) = (place.path("ours.key"), place.path("ours.json"));
    place.run(&[&attest[..], &[&bundle, "--key", &key, &app]].concat()).exits(0);
    let by_key = ["--insecure-ignore-tlog=true", "--trusted-root", "trusted.json", "--type", kind, "app"];
    let read = |key: &str, bundle: &str| {
        let first = ["verify-blob-attestation", "--key", key, "--bundle", bundle];
        cosign(&place, &[&first[..], &by_key].concat())
    };
    assert_eq!(read("ours.pub", "ours.json"), Some(true));
    assert_eq!(read("theirs.pub", "ours.json"), Some(false));

    let services = [
        "--yes",
        "--key",
        "theirs.key",
        "--signing-config",
        "signing.json",
        "--trusted-root",
        "trusted.json",
        "app",
    ];
    assert_eq!(cosign(&place, &[&attest[..], &["theirs.json"], &services].concat()), Some(true));
    let (key, bundle) = (place.path("theirs.pub"), place.path("theirs.json"));
    let verify = ["provenance", "verify", "--key", &key, "--insecure-ignore-tlog", "--bundle", &bundle];
    place.run(&[&verify[..], &["--repo", "team/app", "--builder-id", WORKFLOW, &app]].concat()).exits(0);
    place.run(&[&verify[..], &["--repo", "team/other", &app]].concat()).exits(10);
}

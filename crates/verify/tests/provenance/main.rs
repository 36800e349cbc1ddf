//! Provenances: what is read, what is expected of them, and the ways in which one that was signed can still be about another
//! build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod platforms;
mod published;
#[path = "../suite/mod.rs"]
mod suite;

use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore};
use plimsoll_verify::provenance::{Aspect, Examined, Expected, Form, Level, Repository, bundles, examine};
use plimsoll_verify::{
    Bundle, Check, Error, Identity, Pattern, PublicKey, Requirements, Statement, Text, Trusted, TrustedKey,
    TrustedRoot, Verified, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const COMMIT: &str = "4f2c2a0b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a";
const SLSA_V1: &str = "https://slsa.dev/provenance/v1";
const SLSA_V0_2: &str = "https://slsa.dev/provenance/v0.2";
const NPM_PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";

fn artifact() -> Digest {
    Digest::sha256(b"the artifact")
}

/// What GitHub's own action writes about a build of `team/app`.
fn workflow() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "ref": "refs/heads/main", "repository": "https://github.com/team/app", "path": ".github/workflows/release.yml",
            }},
            "internalParameters": {"github": {
                "event_name": "push", "repository_id": "7", "repository_owner_id": "8", "runner_environment": "github-hosted",
            }},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/team/app@refs/heads/main", "digest": {"gitCommit": COMMIT}},
            ],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main"},
            "metadata": {"invocationId": "https://github.com/team/app/actions/runs/1/attempts/1"},
        },
    })
}

/// The certificate that belongs to it.
fn leaf() -> Leaf {
    let workflow = "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main";
    Leaf {
        subject: workflow.into(),
        issuer: GITHUB.into(),
        claims: [
            (9, workflow),
            (11, "github-hosted"),
            (12, "https://github.com/team/app"),
            (13, COMMIT),
            (14, "refs/heads/main"),
            (15, "7"),
            (17, "8"),
            (18, workflow),
            (20, "push"),
            (21, "https://github.com/team/app/actions/runs/1/attempts/1"),
        ]
        .map(|(number, text)| (number, text.to_owned()))
        .to_vec(),
        ..Leaf::default()
    }
}

fn with_claim(number: u8, text: &str) -> Leaf {
    let mut leaf = leaf();
    leaf.claims.retain(|(claim, _)| *claim != number);
    leaf.claims.push((number, text.to_owned()));
    leaf
}

fn payload(predicate_type: &str, name: &str, predicate: &Value) -> Vec<u8> {
    let subject = json!([{"name": name, "digest": {"sha256": artifact().hex()}}]);
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": predicate_type, "predicate": predicate,
    })
    .to_string()
    .into_bytes()
}

/// The statement, signed with a certificate of `leaf`.
fn signed(leaf: &Leaf, payload: &[u8]) -> Verified<Statement> {
    let mut instance = Sigstore::new();
    let holder = instance.leaf(leaf);
    let bundle = Bundle::parse(
        instance.attest(&holder, payload, LogVersion::V1).to_string().as_bytes(),
        &Limits::default(),
    )
    .unwrap();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let identity = Identity {
        issuer: Text::Exact(leaf.issuer.clone()),
        subject: Text::Exact(leaf.subject.clone()),
        claims: Vec::new(),
    };
    let check = Check {
        trusted: Trusted::Identities(&[identity]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: plimsoll_testkit::sigstore::now(),
    };
    verify(&bundle, Some(&artifact()), &check).unwrap()
}

/// The same, signed with a key.
fn signed_by_key(payload: &[u8]) -> Verified<Statement> {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let pair = Pair::new();
    let kind = "application/vnd.in-toto+json";
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": {
            "payload": encode(payload), "payloadType": kind,
            "signatures": [{"sig": encode(&pair.sign(&plimsoll_testkit::sigstore::pae(kind, payload)))}],
        },
    });
    let key = [TrustedKey::from(PublicKey::from_pem(pair.public_pem().as_bytes()).unwrap())];
    let requirements = Requirements { logs: None, ..Requirements::default() };
    let check = Check {
        trusted: Trusted::Keys(&key),
        root: None,
        requirements,
        now: plimsoll_testkit::sigstore::now(),
    };
    verify(
        &Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap(),
        Some(&artifact()),
        &check,
    )
    .unwrap()
}

fn examined(leaf: &Leaf, predicate: &Value, expected: &Expected) -> Examined {
    examine(&signed(leaf, &payload(SLSA_V1, "app", predicate)), &artifact(), expected, &Limits::default())
        .unwrap()
}

fn by_key(predicate_type: &str, predicate: &Value, expected: &Expected) -> Result<Examined, Error> {
    examine(
        &signed_by_key(&payload(predicate_type, "app", predicate)),
        &artifact(),
        expected,
        &Limits::default(),
    )
}

/// The aspects that are not as expected.
#[track_caller]
fn differing(examined: &Examined) -> Vec<(Aspect, Option<&str>)> {
    let differing = examined.findings.iter().filter(|finding| !finding.holds);
    differing.map(|finding| (finding.aspect, finding.of.as_deref())).collect()
}

fn text(exact: &str) -> Text {
    Text::Exact(exact.to_owned())
}

fn app() -> Expected {
    Expected {
        repository: Some("https://github.com/team/app".parse().unwrap()),
        reference: Some(text("refs/heads/main")),
        commit: Some(COMMIT.to_owned()),
        ..Expected::default()
    }
}

#[test]
fn a_build_as_expected_holds_in_every_aspect() {
    let expected = Expected {
        builder: Some(text("https://github.com/team/app/.github/workflows/release.yml@refs/heads/main")),
        build_type: Some(text("https://actions.github.io/buildtypes/workflow/v1")),
        config: Some(".github/workflows/release.yml".into()),
        parameters: vec![
            ("workflow.path".into(), ".github/workflows/release.yml".into()),
            ("/workflow/ref".into(), "refs/heads/main".into()),
        ],
        no_other_parameters: true,
        materials: vec![
            "git+https://github.com/team/app@refs/heads/main".parse().unwrap(),
            format!("git+https://github.com/team/app@refs/heads/main@gitCommit:{COMMIT}").parse().unwrap(),
        ],
        pinned_materials: true,
        level: Some(Level::HOSTED),
        subject_name: Some("app".into()),
        ..app()
    };
    let examined = examined(&leaf(), &workflow(), &expected);
    assert_eq!(differing(&examined), [], "{:#?}", examined.findings);
    // Every claim that both sides state was compared, and every expectation.
    let certificate =
        examined.findings.iter().filter(|finding| finding.aspect == Aspect::Certificate).count();
    assert_eq!((certificate, examined.findings.len()), (10, 10 + 14), "{:#?}", examined.findings);
    assert_eq!(examined.level, Level::HOSTED);
}

/// The certificate's word stands above the predicate's, which the build itself wrote.
#[test]
fn a_provenance_about_another_build_than_the_certificates_never_holds() {
    for (number, claim, vouched) in [
        (12, "source-repository", "https://github.com/evil/app"),
        (12, "source-repository", "https://github.com/Team/app"),
        (12, "source-repository", "https://github.com/team/app/../../evil/app"),
        (13, "source-digest", "0000000000000000000000000000000000000000"),
        (14, "source-ref", "refs/tags/main"),
        (15, "source-repository-id", "70"),
        (17, "source-owner-id", "9"),
        (11, "runner-environment", "self-hosted"),
        (20, "build-trigger", "pull_request_target"),
        (18, "build-config", "https://github.com/team/app/.github/workflows/other.yml@refs/heads/main"),
        (9, "build-signer-uri", "https://github.com/team/app/.github/workflows/release.yml@refs/heads/dev"),
        (21, "run-invocation", "https://github.com/team/app/actions/runs/2/attempts/1"),
    ] {
        // Without any expectation, too: whoever only asks for a signed provenance is not to get a forged one.
        let examined = examined(&with_claim(number, vouched), &workflow(), &Expected::default());
        assert_eq!(differing(&examined), [(Aspect::Certificate, Some(claim))], "{claim}");
        assert_eq!(examined.level, Level::NONE, "{claim}");
    }
    // What the predicate says is not asked: the certificate's repository is what counts.
    let forged = examined(&with_claim(12, "https://github.com/evil/app"), &workflow(), &app());
    assert!(differing(&forged).contains(&(Aspect::SourceRepository, None)));
    let unreadable =
        examined(&with_claim(12, "https://github.com@evil.example/team/app"), &workflow(), &app());
    assert!(differing(&unreadable).contains(&(Aspect::SourceRepository, None)));
    // A certificate of GitHub's without the claim is no reason to believe the build.
    let mut silent = leaf();
    silent.claims.retain(|(number, _)| *number != 12);
    assert_eq!(differing(&examined_source(&silent)), [(Aspect::SourceRepository, None)]);
}

fn examined_source(leaf: &Leaf) -> Examined {
    let expected = Expected { repository: app().repository, ..Expected::default() };
    examined(leaf, &workflow(), &expected)
}

#[test]
fn a_statement_about_something_else_is_no_provenance_of_the_artifact() {
    let statement = payload(SLSA_V1, &artifact().to_string(), &workflow());
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&leaf());
    let bundle = instance.attest(&holder, &statement, LogVersion::V1).to_string();
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let identity = Identity {
        issuer: Text::Exact(GITHUB.into()),
        subject: Text::Exact(leaf().subject),
        claims: Vec::new(),
    };
    let check = Check {
        trusted: Trusted::Identities(&[identity]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: plimsoll_testkit::sigstore::now(),
    };
    let bundle = Bundle::parse(bundle.as_bytes(), &Limits::default()).unwrap();
    assert!(verify(&bundle, Some(&Digest::sha256(b"another")), &check).is_err());
    // A name is only ever the name of the subject with the digest.
    let other = json!([
        {"name": "app", "digest": {"sha256": Digest::sha256(b"another").hex()}},
        {"name": "another", "digest": {"sha256": artifact().hex()}},
    ]);
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": other, "predicateType": SLSA_V1, "predicate": workflow(),
    });
    let expected = |name: &str| Expected { subject_name: Some(name.into()), ..Expected::default() };
    let verified = signed(&leaf(), statement.to_string().as_bytes());
    let examined = examine(&verified, &artifact(), &expected("app"), &Limits::default()).unwrap();
    assert_eq!(differing(&examined), [(Aspect::SubjectName, None)]);
    assert!(examine(&verified, &artifact(), &expected("another"), &Limits::default()).unwrap().holds());
}

#[test]
fn only_whole_versions_of_known_types_are_read_and_only_in_their_form() {
    let refused = |predicate_type: &str, predicate: &Value| {
        by_key(predicate_type, predicate, &Expected::default()).unwrap_err()
    };
    for unknown in [
        "https://slsa.dev/provenance/v2",
        "https://slsa.dev/provenance/v1.1",
        "https://slsa.dev/provenance/v0.1",
        "https://slsa.dev/provenance",
        "https://slsa.dev/provenance/v1/",
        "https://SLSA.dev/provenance/v1",
        "https://slsa.dev.evil.example/provenance/v1",
        "https://sigstore.dev/cosign/sign/v1",
        "https://docs.pypi.org/attestations/publish/v2",
    ] {
        assert!(matches!(refused(unknown, &workflow()), Error::NotProvenance { .. }), "{unknown}");
    }
    // One type's predicate under another's name.
    for (predicate_type, place) in [
        (SLSA_V0_2, "predicate.builder"),
        (NPM_PUBLISH, "predicate.name"),
        ("https://docs.pypi.org/attestations/publish/v1", "predicate"),
    ] {
        match refused(predicate_type, &workflow()) {
            Error::Predicate { path, .. } => assert_eq!(path, place),
            other => panic!("{other:?}"),
        }
    }
    for (pointer, missing) in [
        ("/runDetails/builder", "id"),
        ("/runDetails", "builder"),
        ("", "runDetails"),
        ("", "buildDefinition"),
        ("/buildDefinition", "buildType"),
        ("/buildDefinition/externalParameters/workflow", "repository"),
        ("/buildDefinition/externalParameters/workflow", "ref"),
        ("/buildDefinition/externalParameters", "workflow"),
    ] {
        let mut predicate = workflow();
        predicate.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(missing).unwrap();
        match refused(SLSA_V1, &predicate) {
            Error::Predicate { path, .. } => assert!(path.contains(missing), "{path}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn two_values_under_one_name_are_no_predicate() {
    let doubled = String::from_utf8(payload(SLSA_V1, "app", &workflow())).unwrap().replace(
        r#""builder":{"#,
        r#""builder":{"id":"https://github.com/slsa-framework/slsa-github-generator/.github/workflows/x.yml@refs/tags/v2","#,
    );
    assert!(matches!(
        Statement::parse(doubled.as_bytes(), &Limits::default()),
        Err(Error::StatementJson { .. })
    ));
}

#[test]
fn expectations_hold_over_the_whole_text_or_not_at_all() {
    let differs = |expected: Expected| {
        differing(&examined(&leaf(), &workflow(), &expected)).first().map(|(aspect, _)| *aspect)
    };
    let pattern = |source: &str| Text::Pattern(Pattern::new(source).unwrap());
    let repository = |text: &str| Expected { repository: Some(text.parse().unwrap()), ..Expected::default() };
    assert_eq!(differs(repository("https://GITHUB.com/team/app.git")), None);
    for other in [
        "https://github.com/team/ap",
        "https://github.com/team/app2",
        "https://github.com/TEAM/app",
        "https://github.com:444/team/app",
    ] {
        assert_eq!(differs(repository(other)), Some(Aspect::SourceRepository), "{other}");
    }
    let reference = |text: Text| Expected { reference: Some(text), ..Expected::default() };
    assert_eq!(differs(reference(pattern("refs/heads/.*"))), None);
    for other in [
        text("refs/tags/main"),
        text("main"),
        text("refs/heads/mai"),
        text("refs/heads/main2"),
        pattern("refs/heads/mai"),
        pattern("heads/main"),
        pattern("refs/tags/.*|refs/heads"),
    ] {
        assert_eq!(differs(reference(other.clone())), Some(Aspect::SourceRef), "{other:?}");
    }
    let builder = |text: Text| Expected { builder: Some(text), ..Expected::default() };
    assert_eq!(differs(builder(pattern(r"https://github\.com/team/app/.*"))), None);
    assert_eq!(differs(builder(pattern(r"https://github\.com/team/app"))), Some(Aspect::Builder));
    assert_eq!(
        differs(builder(text("https://github.com/team/app/.github/workflows/release.yml"))),
        Some(Aspect::Builder)
    );
    let parameter = |name: &str, value: &str| Expected {
        parameters: vec![(name.into(), value.into())],
        ..Expected::default()
    };
    assert_eq!(differs(parameter("workflow.ref", "refs/heads/main")), None);
    for (name, value) in [
        ("workflow.ref", "refs/heads/mai"),
        ("workflow", "refs/heads/main"),
        ("ref", "refs/heads/main"),
        ("/", ""),
        ("", ""),
    ] {
        assert_eq!(differs(parameter(name, value)), Some(Aspect::Parameter), "{name}={value}");
    }
    let level = |level| Expected { level: Some(level), ..Expected::default() };
    assert_eq!(differs(level(Level::HARDENED)), Some(Aspect::Level));
}

#[test]
fn a_parameter_that_nobody_expects_can_be_refused() {
    let mut predicate = workflow();
    predicate["buildDefinition"]["buildType"] = json!("https://builds.example/v1");
    predicate["buildDefinition"]["externalParameters"]["flags"] = json!("--no-verify");
    let expected = Expected { no_other_parameters: true, ..Expected::default() };
    let found = by_key(SLSA_V1, &predicate, &expected).unwrap();
    assert_eq!(found.difference().unwrap().got, "flags");
    let expected = Expected { parameters: vec![("flags".into(), "--no-verify".into())], ..expected };
    assert!(by_key(SLSA_V1, &predicate, &expected).unwrap().holds());
}

/// Whoever may choose a parameter's name must not be able to hide another one behind it.
#[test]
fn a_name_that_stands_for_two_parameters_stands_for_none() {
    let mut predicate = workflow();
    predicate["buildDefinition"]["externalParameters"]["workflow.path"] = json!("other.yml");
    let path = |name: &str, value: &str, no_other_parameters: bool| Expected {
        parameters: vec![(name.into(), value.into())],
        no_other_parameters,
        ..Expected::default()
    };
    for value in ["other.yml", ".github/workflows/release.yml"] {
        let found = by_key(SLSA_V1, &predicate, &path("workflow.path", value, false)).unwrap();
        assert_eq!(differing(&found), [(Aspect::Parameter, Some("workflow.path"))], "{value}");
    }
    // A pointer is never ambiguous.
    let pointer = path("/workflow/path", ".github/workflows/release.yml", false);
    assert!(by_key(SLSA_V1, &predicate, &pointer).unwrap().holds());
    let other =
        by_key(SLSA_V1, &predicate, &path("/workflow/path", ".github/workflows/release.yml", true)).unwrap();
    assert_eq!(other.difference().unwrap().got, "workflow.path");
    // What stands beside the parameters that are known is another one as well.
    let mut beside = workflow();
    beside["buildDefinition"]["externalParameters"]["workflow"]["inputs"] = json!({"debug": true});
    let found = by_key(SLSA_V1, &beside, &path("workflow.ref", "refs/heads/main", true)).unwrap();
    assert_eq!(found.difference().unwrap().got, "workflow.inputs.debug");
    assert!(by_key(SLSA_V1, &beside, &path("workflow.inputs.debug", "true", true)).unwrap().holds());
}

#[test]
fn a_material_with_two_digests_is_not_the_wanted_one() {
    let mut predicate = workflow();
    let digest = |text: &str| Digest::sha256(text.as_bytes()).hex();
    predicate["buildDefinition"]["resolvedDependencies"] = json!([
        {"uri": "pkg:docker/debian@12", "digest": {"sha256": digest("good")}},
        {"uri": "pkg:docker/debian@12", "digest": {"sha256": digest("bad")}},
    ]);
    let wanted = |text: &str| Expected { materials: vec![text.parse().unwrap()], ..Expected::default() };
    let holds = |predicate: &Value, text: &str| by_key(SLSA_V1, predicate, &wanted(text)).unwrap().holds();
    let good = format!("pkg:docker/debian@12@sha256:{}", digest("good"));
    assert!(!holds(&predicate, &good));
    predicate["buildDefinition"]["resolvedDependencies"][1]["digest"] = json!({});
    assert!(!holds(&predicate, &good) && !holds(&predicate, "pkg:docker/debian@12"));
    predicate["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap().pop();
    assert!(holds(&predicate, &good) && holds(&predicate, "pkg:docker/debian@12"));
}

#[test]
fn a_level_comes_from_the_certificate_and_not_from_what_the_build_says() {
    let level = |leaf: &Leaf, predicate: &Value| examined(leaf, predicate, &Expected::default()).level;
    assert_eq!(level(&leaf(), &workflow()), Level::HOSTED);
    // A workflow of another repository, on GitHub's own machines.
    let generator = "https://github.com/builders/generic/.github/workflows/build.yml@refs/tags/v2";
    let mut elsewhere = workflow();
    elsewhere["runDetails"]["builder"]["id"] = json!(generator);
    assert_eq!(level(&with_claim(9, generator), &elsewhere), Level::HARDENED);
    // The same said without its certificate, and a repository whose name only begins like the builder's.
    assert_eq!(level(&leaf(), &elsewhere), Level::NONE);
    let near = "https://github.com/team/app-builder/.github/workflows/build.yml@refs/tags/v2";
    let mut beside = workflow();
    beside["runDetails"]["builder"]["id"] = json!(near);
    assert_eq!(level(&with_claim(9, near), &beside), Level::HARDENED);
    // One's own machine, and a person.
    let mut own = workflow();
    own["buildDefinition"]["internalParameters"]["github"]["runner_environment"] = json!("self-hosted");
    assert_eq!(level(&with_claim(11, "self-hosted"), &own), Level::PROVENANCE);
    let person = Leaf {
        subject: "ann@example.com".into(),
        issuer: "https://accounts.example".into(),
        claims: Vec::new(),
        ..leaf()
    };
    assert_eq!(level(&person, &elsewhere), Level::PROVENANCE);
    // A key says nothing about a platform; whoever trusts it may.
    let expected =
        |id: &str| Expected { builders: vec![(id.into(), Level::HARDENED)], ..Expected::default() };
    assert_eq!(by_key(SLSA_V1, &elsewhere, &expected(generator)).unwrap().level, Level::HARDENED);
    assert_eq!(
        by_key(SLSA_V1, &elsewhere, &expected("https://github.com/builders/generic")).unwrap().level,
        Level::PROVENANCE
    );
}

#[test]
fn with_two_sources_or_two_commits_there_is_none() {
    let mut predicate = workflow();
    predicate["buildDefinition"]["buildType"] = json!("https://builds.example/v1");
    predicate["buildDefinition"]["externalParameters"] = json!({});
    let source = |predicate: &Value| by_key(SLSA_V1, predicate, &Expected::default()).unwrap().source;
    assert_eq!(source(&predicate).unwrap().commit.as_deref(), Some(COMMIT));
    let dependencies = &mut predicate["buildDefinition"]["resolvedDependencies"];
    dependencies
        .as_array_mut()
        .unwrap()
        .push(json!({"uri": "git+https://github.com/evil/app", "digest": {"gitCommit": COMMIT}}));
    assert_eq!(source(&predicate), None);
    // Of the same repository: which commit was built?
    predicate["buildDefinition"]["externalParameters"] = json!({"source": "https://github.com/team/app"});
    predicate["buildDefinition"]["resolvedDependencies"][1] = json!({"uri": "git+https://github.com/team/app@refs/heads/main", "digest": {"gitCommit": "0".repeat(40)}});
    let found = source(&predicate).unwrap();
    assert_eq!((found.repository.unwrap().as_str(), found.commit), ("https://github.com/team/app", None));
}

#[test]
fn the_older_version_says_the_same_in_other_places() {
    let predicate = json!({
        "builder": {"id": "https://builds.example/host-3"},
        "buildType": "https://builds.example/make@v1",
        "invocation": {
            "configSource": {
                "uri": "git+https://github.com/team/app@refs/tags/v1", "digest": {"sha1": COMMIT}, "entryPoint": "Makefile",
            },
            "parameters": {"target": "release", "jobs": 4},
        },
        "metadata": {"buildInvocationId": "17", "buildStartedOn": "2026-01-15T11:00:00Z"},
        "materials": [{"uri": "pkg:docker/debian@12", "digest": {"sha256": artifact().hex()}}, {"uri": "pkg:docker/alpine@3"}],
    });
    let expected = Expected {
        builder: Some(text("https://builds.example/host-3")),
        config: Some("Makefile".into()),
        reference: Some(text("refs/tags/v1")),
        parameters: vec![("target".into(), "release".into()), ("jobs".into(), "4".into())],
        materials: vec!["pkg:docker/debian@12".parse().unwrap()],
        ..app()
    };
    let examined = by_key(SLSA_V0_2, &predicate, &expected).unwrap();
    assert_eq!(differing(&examined), []);
    assert_eq!(examined.provenance.started.unwrap().to_string(), "2026-01-15T11:00:00Z");
    let loose = Expected {
        materials: vec!["pkg:docker/alpine@3".parse().unwrap()],
        pinned_materials: true,
        ..Expected::default()
    };
    let examined = by_key(SLSA_V0_2, &predicate, &loose).unwrap();
    assert_eq!(differing(&examined), [(Aspect::Material, None); 2]);
}

#[test]
fn an_upload_is_of_the_version_that_its_package_url_names() {
    let predicate = json!({"name": "@team/app", "version": "1.2.0", "registry": "https://r.example"});
    let publish = |name: &str| {
        let verified = signed_by_key(&payload(NPM_PUBLISH, name, &predicate));
        examine(&verified, &artifact(), &Expected::default(), &Limits::default()).unwrap()
    };
    assert!(publish("pkg:npm/%40team/app@1.2.0").holds());
    assert!(publish("pkg:npm/@team/app@1.2.0").holds());
    for other in [
        "pkg:npm/%40team/app@1.2.1",
        "pkg:npm/team/app@1.2.0",
        "pkg:npm/app@1.2.0",
        "pkg:pypi/app@1.2.0",
        "@team/app@1.2.0x",
        "",
    ] {
        assert_eq!(differing(&publish(other)), [(Aspect::SubjectName, None)], "{other}");
    }
    // It says nothing about a build, and so does not stand in for what does.
    let verified = signed_by_key(&payload(NPM_PUBLISH, "pkg:npm/%40team/app@1.2.0", &predicate));
    let expected = Expected { builder: Some(text("x")), level: Some(Level::PROVENANCE), ..app() };
    let examined = examine(&verified, &artifact(), &expected, &Limits::default()).unwrap();
    assert_eq!(differing(&examined).len(), 5, "{:#?}", examined.findings);
}

/// An attestation object of PEP 740 is a bundle in other words.
#[test]
fn an_index_document_gives_the_bundles_that_were_signed() {
    let publish = payload("https://docs.pypi.org/attestations/publish/v1", "app-1.0.tar.gz", &Value::Null);
    let mut instance = Sigstore::new();
    let holder = instance.leaf(&leaf());
    let bundle = instance.attest(&holder, &publish, LogVersion::V1);
    let object = json!({
        "version": 1,
        "verification_material": {
            "certificate": bundle["verificationMaterial"]["certificate"]["rawBytes"],
            "transparency_entries": bundle["verificationMaterial"]["tlogEntries"],
        },
        "envelope": {
            "statement": bundle["dsseEnvelope"]["payload"],
            "signature": bundle["dsseEnvelope"]["signatures"][0]["sig"],
        },
    });
    let document = |publisher: Value| json!({"version": 1, "attestation_bundles": [{"publisher": publisher, "attestations": [object]}]});
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let identity = Identity {
        issuer: Text::Exact(GITHUB.into()),
        subject: Text::Exact(leaf().subject),
        claims: Vec::new(),
    };
    let check = Check {
        trusted: Trusted::Identities(&[identity]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: plimsoll_testkit::sigstore::now(),
    };
    let read = |document: &Value| {
        let mut found = bundles(document.to_string().as_bytes(), &Limits::default()).unwrap();
        assert_eq!(found.len(), 1);
        let carried = found.remove(0);
        let verified =
            verify(&Bundle::parse(&carried.bundle, &Limits::default()).unwrap(), Some(&artifact()), &check)
                .unwrap();
        (verified, carried.publisher)
    };
    let (verified, _) = read(&object);
    let expected = Expected { subject_name: Some("app-1.0.tar.gz".into()), ..app() };
    let examined = examine(&verified, &artifact(), &expected, &Limits::default()).unwrap();
    assert!(examined.holds(), "the source is the certificate's: {:#?}", examined.findings);
    assert_eq!((examined.level, examined.provenance.form), (Level::NONE, Form::PypiPublish));

    let differs = |publisher: Value| {
        let (verified, publisher) = read(&document(publisher));
        let plimsoll_verify::Signer::Certificate(certificate) = verified.signer() else { panic!("a key") };
        publisher.unwrap().differs_from(certificate)
    };
    assert_eq!(
        differs(
            json!({"kind": "GitHub", "repository": "team/app", "workflow": "release.yml", "environment": "pypi"})
        ),
        None
    );
    for other in [
        json!({"kind": "GitHub", "repository": "team/other", "workflow": "release.yml"}),
        json!({"kind": "GitHub", "repository": "team/app", "workflow": "other.yml"}),
        json!({"kind": "GitHub", "repository": "team/app"}),
        json!({"kind": "GitLab", "repository": "team/app", "workflow_filepath": ".gitlab-ci.yml"}),
        json!({"kind": "Google", "email": "ann@example.com"}),
    ] {
        assert!(differs(other.clone()).is_some(), "{other}");
    }
}

/// Every text in a provenance is one that somebody relies on: with any of them changed, it is refused.
#[test]
fn no_text_of_a_provenance_can_be_another_one() {
    fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                leaves(member, &format!("{path}/{}", name.replace('/', "~1")), found);
            }),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| leaves(item, &format!("{path}/{index}"), found)),
            _ => found.push(path.to_owned()),
        }
    }
    let expected = Expected {
        build_type: Some(text("https://actions.github.io/buildtypes/workflow/v1")),
        materials: vec!["git+https://github.com/team/app@refs/heads/main".parse().unwrap()],
        pinned_materials: true,
        ..app()
    };
    let mut all = Vec::new();
    leaves(&workflow(), "", &mut all);
    assert_eq!(all.len(), 12, "{all:?}");
    for pointer in all {
        let original = workflow().pointer(&pointer).unwrap().as_str().unwrap().to_owned();
        let changes = [
            json!(format!("{original}x")),
            json!(original.to_uppercase()),
            json!(""),
            json!("x"),
            json!(7),
            Value::Null,
            json!({}),
        ];
        for changed in changes.into_iter().filter(|changed| *changed != original) {
            let mut predicate = workflow();
            *predicate.pointer_mut(&pointer).unwrap() = changed.clone();
            let outcome = examine(
                &signed(&leaf(), &payload(SLSA_V1, "app", &predicate)),
                &artifact(),
                &expected,
                &Limits::default(),
            );
            // What is left out says nothing, which only the expectations can make a fault; the certificate still speaks.
            let silent = !changed.is_string() || changed == "";
            let passes = outcome.as_ref().is_ok_and(Examined::holds);
            let optional = pointer.contains("internalParameters") || pointer.ends_with("invocationId");
            assert_eq!(passes, silent && optional, "{pointer} = {changed}: {outcome:#?}");
        }
    }
}

proptest! {
    #[test]
    fn addresses_that_are_read_have_one_form_and_no_tricks(text in "(git\\+)?https://[a-zA-Z.@:%/]{0,24}(/[a-z.@%~+#?\\\\]{0,12}){0,3}") {
        if let Ok(repository) = text.parse::<Repository>() {
            let again: Repository = repository.as_str().parse().unwrap();
            prop_assert_eq!(&again, &repository);
            let url = repository.as_str();
            prop_assert!(url.starts_with("https://") && !url.contains(['@', '%', '#', '?', '\\']));
            prop_assert!(!url.split('/').any(|segment| matches!(segment, "." | "..")));
        }
    }

    #[test]
    fn no_file_of_attestations_makes_the_reader_fail_badly(text in r#"([\[{,"}:\]]|"?(attestations|bundle|version|envelope|mediaType|1)"?|\n){0,40}"#) {
        if let Ok(found) = bundles(text.as_bytes(), &Limits::default()) {
            prop_assert!(!found.is_empty() && found.len() <= 128);
            for carried in &found {
                drop(Bundle::parse(&carried.bundle, &Limits::default()));
            }
        }
    }
}

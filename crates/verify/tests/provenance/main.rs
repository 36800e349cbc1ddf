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

mod bound;
mod build;
mod expectations;
mod platforms;
mod published;
mod reading;
#[path = "../conformance/suite.rs"]
mod suite;

use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::provenance::{
    Aspect, ExaminedProvenance, Expected, Form, Level, Repository, bundles, examine,
};
use plimsoll_verify::{
    Bundle, Check, Error, Identity, Requirements, Statement, Text, Trusted, TrustedRoot, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use build::{
    COMMIT, GITHUB, NPM_PUBLISH, SLSA_V0_2, SLSA_V1, app, artifact, by_key, differing, examined, leaf,
    payload, signed, signed_by_key, text, with_claim, workflow,
};

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
        // A configuration is one of the repository's, so it differs with that.
        let mut differing = differing(&examined);
        differing.retain(|(_, of)| number != 12 || *of != Some("build-config"));
        assert_eq!(differing, [(Aspect::Certificate, Some(claim))], "{claim}");
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

fn examined_source(leaf: &Leaf) -> ExaminedProvenance {
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
    let error = verify(&bundle, Some(&Digest::sha256(b"another")), &check).unwrap_err();
    assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Artifact), "{error}");
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
            let passes = outcome.as_ref().is_ok_and(ExaminedProvenance::holds);
            let optional = pointer.contains("internalParameters") || pointer.ends_with("invocationId");
            // Their host takes names in any case for the same.
            let same = pointer.ends_with("/workflow/repository") && changed == original.to_uppercase();
            assert_eq!(passes, same || (silent && optional), "{pointer} = {changed}: {outcome:#?}");
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

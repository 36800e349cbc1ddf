//! A predicate does not escape its certificate: not by another form, another build type, another spelling, or by saying
//! what the certificate leaves out.

use plimsoll_core::Limits;
use plimsoll_testkit::sigstore::Leaf;
use plimsoll_verify::provenance::{Aspect, ExaminedProvenance, Expected, Level, examine};
use serde_json::{Value, json};

use super::build::{
    COMMIT, SLSA_V0_2, SLSA_V1, app, artifact, differing, examined, leaf, payload, signed, text, with_claim,
    workflow,
};

const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v2.0.0";

fn examined_as(form: &str, leaf: &Leaf, predicate: &Value, expected: &Expected) -> ExaminedProvenance {
    let verified = signed(leaf, &payload(form, "app", predicate));
    examine(&verified, &artifact(), expected, &Limits::default()).unwrap()
}

/// A predicate that names the builder that is wanted, in every form that the build may choose.
fn forged() -> [(&'static str, Value); 4] {
    let with = |build_type: &str| {
        let mut predicate = workflow();
        predicate["buildDefinition"]["buildType"] = json!(build_type);
        predicate["runDetails"]["builder"]["id"] = json!(GENERATOR);
        predicate
    };
    let older = json!({
        "builder": {"id": GENERATOR}, "buildType": "https://example.com/mine",
        "invocation": {"configSource": {
            "uri": "git+https://github.com/team/app@refs/heads/main", "digest": {"sha1": COMMIT},
            "entryPoint": ".github/workflows/release.yml",
        }},
    });
    [
        (SLSA_V1, with("https://actions.github.io/buildtypes/workflow/v1")),
        (SLSA_V1, with("https://example.com/mine")),
        (SLSA_V1, with("https://slsa-framework.github.io/gcb-buildtypes/triggered-build/v1")),
        (SLSA_V0_2, older),
    ]
}

#[test]
fn a_builder_is_who_signed_in_every_form() {
    let expected = Expected {
        builder: Some(text(GENERATOR)),
        builders: vec![(GENERATOR.into(), Level::HARDENED)],
        level: Some(Level::HARDENED),
        ..Expected::default()
    };
    for (form, predicate) in forged() {
        for leaf in [leaf(), with_claim(11, "self-hosted")] {
            let examined = examined_as(form, &leaf, &predicate, &expected);
            assert!(
                differing(&examined).contains(&(Aspect::Certificate, Some("build-signer-uri"))),
                "{predicate}"
            );
            assert_eq!(examined.level, Level::NONE);
        }
        // Certificates without that claim have the workflow as their subject.
        let mut silent = leaf();
        silent.claims.retain(|(number, _)| *number != 9);
        assert!(!examined_as(form, &silent, &predicate, &expected).holds());
    }
    // On another platform, GitHub's builders are foreign.
    let gitlab = Leaf {
        issuer: "https://gitlab.com".into(),
        claims: vec![(9, "https://gitlab.com/team/app//.gitlab-ci.yml@refs/heads/main".into())],
        ..leaf()
    };
    let mut predicate = forged()[1].1.clone();
    assert!(!examined_as(SLSA_V1, &gitlab, &predicate, &expected).holds());
    predicate["runDetails"]["builder"]["id"] = json!("https://gitlab.com/-/runners/12");
    assert_eq!(differing(&examined_as(SLSA_V1, &gitlab, &predicate, &Expected::default())), []);
}

#[test]
fn the_kind_of_machine_is_the_certificates() {
    let mut predicate = workflow();
    predicate["buildDefinition"]["internalParameters"] = json!({});
    let own = "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main";
    let known = Expected { builders: vec![(own.into(), Level::HARDENED)], ..Expected::default() };
    assert_eq!(examined(&leaf(), &predicate, &known).level, Level::HARDENED);
    assert_eq!(examined(&with_claim(11, "self-hosted"), &predicate, &known).level, Level::PROVENANCE);
    predicate["runDetails"]["builder"]["id"] = json!("https://github.com/actions/runner/github-hosted");
    assert_eq!(differing(&examined(&leaf(), &predicate, &known)), []);
    let mut silent = leaf();
    silent.claims.retain(|(number, _)| *number != 11);
    for leaf in [silent, with_claim(11, "self-hosted")] {
        let examined = examined(&leaf, &predicate, &known);
        assert_eq!(differing(&examined), [(Aspect::Certificate, Some("runner-environment"))]);
    }
}

#[test]
fn claims_missing_from_the_certificate_are_unknown() {
    let expected = Expected { config: Some(".github/workflows/release.yml".into()), ..app() };
    assert_eq!(differing(&examined(&leaf(), &workflow(), &expected)), []);
    for (number, aspect) in [
        (12, Aspect::SourceRepository),
        (13, Aspect::SourceDigest),
        (14, Aspect::SourceRef),
        (18, Aspect::BuildConfig),
    ] {
        for issuer in [leaf().issuer, "https://ci.example".into()] {
            let mut silent = Leaf { issuer, ..leaf() };
            silent.claims.retain(|(known, _)| *known != number);
            let examined = examined(&silent, &workflow(), &expected);
            assert!(differing(&examined).contains(&(aspect, None)), "{aspect}: {:#?}", examined.findings);
        }
    }
}

#[test]
fn the_configuration_is_the_one_that_ran() {
    // A build type of its own, so that the file that it names is nobody's workflow.
    let mut predicate = workflow();
    predicate["buildDefinition"]["buildType"] = json!("https://example.com/mine");
    predicate["buildDefinition"]["externalParameters"] = json!({
        "source": "git+https://github.com/team/app@refs/heads/main", "config": {"path": "release.yml"},
    });
    let wants = |config: &str| Expected { config: Some(config.into()), ..Expected::default() };
    let forged = examined(&leaf(), &predicate, &wants("release.yml"));
    assert_eq!(differing(&forged), [(Aspect::BuildConfig, None)]);
    assert_eq!(differing(&examined(&leaf(), &predicate, &wants(".github/workflows/release.yml"))), []);
    // GitLab's, where a job's name takes the place of the file in npm's form, and groups nest.
    let address = "https://gitlab.com/group/team/app";
    let config = format!("{address}//ci/release.yml@refs/heads/main");
    let gitlab = Leaf {
        issuer: "https://gitlab.com".into(),
        claims: vec![(9, config.clone()), (12, address.into()), (18, config)],
        ..leaf()
    };
    let npm = json!({
        "builder": {"id": "https://gitlab.com/group/team/app/-/runners/12"},
        "buildType": "https://github.com/npm/cli/gitlab/v0alpha1",
        "invocation": {"configSource": {"uri": format!("git+{address}"), "entryPoint": "publish"}},
    });
    assert_eq!(differing(&examined_as(SLSA_V0_2, &gitlab, &npm, &wants("ci/release.yml"))), []);
    assert!(!examined_as(SLSA_V0_2, &gitlab, &npm, &wants("publish")).holds());
}

#[test]
fn a_workflow_of_the_same_repository_is_not_hardened_in_any_spelling() {
    for spelling in [
        "https://github.com/team/app",
        "https://github.com/Team/App",
        "https://github.com/team/app/",
        "https://github.com/team/app.git",
        "https://github.com/team",
        "nonsense",
    ] {
        let examined = examined(&with_claim(12, spelling), &workflow(), &Expected::default());
        assert!(examined.level < Level::HARDENED, "{spelling}: {}", examined.level);
    }
    // And one of another repository is.
    let signer = "https://github.com/team/shared/.github/workflows/release.yml@refs/heads/main";
    let mut predicate = workflow();
    predicate["runDetails"]["builder"]["id"] = json!(signer);
    assert_eq!(examined(&with_claim(9, signer), &predicate, &Expected::default()).level, Level::HARDENED);
    // Names are the same to GitHub in another case.
    assert_eq!(differing(&examined(&with_claim(12, "https://github.com/Team/app"), &workflow(), &app())), []);
}

#[test]
fn a_released_delegator_names_the_builder_that_called_it() {
    let builder = "https://github.com/team/builder/.github/workflows/maven.yml@refs/tags/v1.0.0";
    let mut predicate = workflow();
    predicate["buildDefinition"]["buildType"] =
        json!("https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0");
    predicate["runDetails"]["builder"]["id"] = json!(builder);
    let expected = Expected { builder: Some(text(builder)), ..app() };
    let by = |signer: &str| {
        let signer = format!("https://github.com/{signer}");
        examined(&with_claim(9, &signer), &predicate, &expected)
    };
    let folder = "slsa-framework/slsa-github-generator/.github/workflows";
    for name in ["delegator_generic_slsa3.yml", "delegator_lowperms-generic_slsa3.yml"] {
        let examined = by(&format!("{folder}/{name}@refs/tags/v2.0.0"));
        assert_eq!(differing(&examined), []);
        assert_eq!(examined.level, Level::HARDENED);
    }
    // The generators' own builders by delegation. Who expects the delegator, or a neighbour, does not get it.
    for name in ["builder_maven_slsa3.yml", "builder_gradle_slsa3.yml"] {
        let builder = format!("https://github.com/{folder}/{name}@refs/tags/v2.0.0");
        let signer =
            format!("https://github.com/{folder}/delegator_lowperms-generic_slsa3.yml@refs/tags/v2.0.0");
        let mut predicate = predicate.clone();
        predicate["runDetails"]["builder"]["id"] = json!(builder);
        let differs = |expected: &str| {
            let expected = Expected { builder: Some(text(expected)), ..app() };
            !differing(&examined(&with_claim(9, &signer), &predicate, &expected)).is_empty()
        };
        assert!(!differs(&builder));
        assert!(differs(&signer));
        assert!(differs(&builder.replace("v2.0.0", "v2.0.1")));
        assert!(differs(&builder.replace("slsa3", "slsa2")));
        // The source is what the certificate says, as with every other builder.
        let elsewhere = examined(&with_claim(12, "https://github.com/evil/app"), &predicate, &app());
        assert_ne!(differing(&elsewhere), []);
    }
    for wrong in [
        format!("{folder}/delegator_generic_slsa3.yml@refs/heads/main"),
        format!("{folder}/delegator_generic_slsa3.yml@refs/tags/v2"),
        format!("{folder}/delegator_generic_slsa3.yml@refs/tags/v2.0.0-rc.1"),
        format!("{folder}/delegator_generic_slsa4.yml@refs/tags/v2.0.0"),
        format!("{folder}/builder_go_slsa3.yml@refs/tags/v2.0.0"),
        "evil/slsa-github-generator/.github/workflows/delegator_generic_slsa3.yml@refs/tags/v2.0.0"
            .to_owned(),
    ] {
        assert_eq!(differing(&by(&wrong)), [(Aspect::Certificate, Some("build-signer-uri"))], "{wrong}");
    }
}

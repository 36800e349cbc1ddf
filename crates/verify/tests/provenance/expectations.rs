//! What somebody expects of a provenance, and the level that it shows.

use plimsoll_core::Digest;
use plimsoll_testkit::sigstore::Leaf;
use plimsoll_verify::provenance::{Aspect, Expected, Level};
use plimsoll_verify::{Pattern, Text};
use serde_json::{Value, json};

use crate::build::{COMMIT, SLSA_V1, by_key, differing, examined, leaf, text, with_claim, workflow};

#[test]
fn expectations_hold_over_the_whole_text_or_not_at_all() {
    let differs = |expected: Expected| {
        differing(&examined(&leaf(), &workflow(), &expected)).first().map(|(aspect, _)| *aspect)
    };
    let pattern = |source: &str| Text::Pattern(Pattern::new(source).unwrap());
    let repository = |text: &str| Expected { repository: Some(text.parse().unwrap()), ..Expected::default() };
    assert_eq!(differs(repository("https://GITHUB.com/team/app.git")), None);
    assert_eq!(differs(repository("https://github.com/TEAM/app")), None, "names have no case there");
    for other in
        ["https://github.com/team/ap", "https://github.com/team/app2", "https://github.com:444/team/app"]
    {
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

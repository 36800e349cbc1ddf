//! What is read of a provenance, part by part, and the words in which it is told.

use plimsoll_core::Limits;
use plimsoll_testkit::sigstore::Leaf;
use plimsoll_verify::provenance::{
    Aspect, Build, Expected, Finding, Form, Level, Material, Provenance, Repository, RequiredMaterial,
    examine,
};
use plimsoll_verify::{Error, Statement, Subject};
use serde_json::{Value, json};

use crate::build::{
    COMMIT, NPM_PUBLISH, SLSA_V0_2, SLSA_V1, app, artifact, by_key, differing, examined, leaf, payload,
    signed, signed_by_key, with_claim, workflow,
};

fn read(predicate_type: &str, predicate: Value) -> Provenance {
    let statement = Statement::new(Subject::new("app", &artifact()), predicate_type, predicate);
    Provenance::read(&statement, &Limits::default()).unwrap()
}

/// A build of GitHub's in the older form, as npm's client writes it.
fn older() -> Value {
    json!({
        "builder": {"id": "https://github.com/actions/runner"},
        "buildType": "https://github.com/npm/cli/gha/v2",
        "invocation": {
            "configSource": {
                "uri": "git+https://github.com/team/app@refs/heads/main", "digest": {"sha1": COMMIT},
                "entryPoint": ".github/workflows/release.yml",
            },
            "environment": {
                "GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY_ID": "7", "GITHUB_REPOSITORY_OWNER_ID": "8",
            },
        },
        "metadata": {
            "buildInvocationId": "https://github.com/team/app/actions/runs/1/attempts/1",
            "buildStartedOn": "2026-01-15T11:00:00Z", "buildFinishedOn": "2026-01-15T11:05:00Z",
        },
    })
}

#[test]
fn every_part_of_both_forms_is_read() {
    let mut newer = workflow();
    newer["runDetails"]["metadata"]["startedOn"] = json!("2026-01-15T11:00:00Z");
    newer["runDetails"]["metadata"]["finishedOn"] = json!("2026-01-15T11:05:00Z");
    let run = "https://github.com/team/app/actions/runs/1/attempts/1";
    for (form, predicate, builder, kind) in [
        (
            SLSA_V1,
            newer,
            "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main",
            "https://actions.github.io/buildtypes/workflow/v1",
        ),
        (SLSA_V0_2, older(), "https://github.com/actions/runner", "https://github.com/npm/cli/gha/v2"),
    ] {
        let read = read(form, predicate);
        assert_eq!((read.builder.as_deref(), read.build_type.as_deref()), (Some(builder), Some(kind)));
        let source = read.source.unwrap();
        let parts = (source.repository.as_str(), source.reference.as_deref(), source.commit.as_deref());
        assert_eq!(parts, ("https://github.com/team/app", Some("refs/heads/main"), Some(COMMIT)));
        assert_eq!(read.config.as_deref(), Some(".github/workflows/release.yml"));
        assert_eq!((read.trigger.as_deref(), read.invocation.as_deref()), (Some("push"), Some(run)));
        let [started, finished] = [read.started, read.finished].map(|time| time.unwrap().to_string());
        assert_eq!([started, finished], ["2026-01-15T11:00:00Z", "2026-01-15T11:05:00Z"]);
    }
}

/// Each of them is compared with the certificate, so none of them can be another's.
#[test]
fn the_older_form_is_compared_with_its_certificate_part_by_part() {
    let differs = |leaf: &Leaf, predicate: &Value| {
        let verified = signed(leaf, &payload(SLSA_V0_2, "app", predicate));
        let found = examine(&verified, &artifact(), &Expected::default(), &Limits::default()).unwrap();
        let differing = differing(&found).into_iter().map(|(_, of)| of.unwrap_or_default().to_owned());
        differing.collect::<Vec<_>>()
    };
    assert_eq!(differs(&leaf(), &older()), Vec::<String>::new());
    for (number, other, claim) in [
        (15, "70", "source-repository-id"),
        (17, "80", "source-owner-id"),
        (20, "pull_request_target", "build-trigger"),
        (13, "0000000000000000000000000000000000000000", "source-digest"),
        (21, "https://github.com/team/app/actions/runs/2/attempts/1", "run-invocation"),
    ] {
        assert_eq!(differs(&with_claim(number, other), &older()), [claim]);
    }
    // The SLSA generators write the same in lower case.
    let mut lower = older();
    lower["invocation"]["environment"] = json!({"github_repository_id": "7", "github_event_name": "push"});
    assert_eq!(differs(&with_claim(15, "70"), &lower), ["source-repository-id"]);
}

#[test]
fn only_builds_have_a_build_in_them() {
    let forms = [Form::SlsaV0_2, Form::SlsaV1, Form::NpmPublish, Form::PypiPublish];
    assert_eq!(forms.map(Form::is_slsa), [true, true, false, false]);
}

/// The source of a build type of somebody's own is what its parameters say, with the commit of that very repository.
#[test]
fn a_source_is_the_one_that_was_built_and_not_another_of_the_materials() {
    let repository = |name: &str, commit: &str| json!({"uri": format!("git+https://github.com/{name}"), "digest": {"gitCommit": commit}});
    let other = "0".repeat(40);
    let image = json!({"uri": "pkg:docker/debian@12", "digest": {"sha256": artifact().hex()}});
    let build = |parameters: Value, materials: Value| {
        let mut predicate = workflow();
        predicate["buildDefinition"]["buildType"] = json!("https://builds.example/v1");
        predicate["buildDefinition"]["externalParameters"] = parameters;
        predicate["buildDefinition"]["resolvedDependencies"] = materials;
        let source = read(SLSA_V1, predicate).source;
        source.map(|source| (source.repository.to_string(), source.commit))
    };
    let app =
        |commit: Option<&str>| Some(("https://github.com/team/app".to_owned(), commit.map(str::to_owned)));
    let stated = || json!({"source": "https://github.com/team/app"});
    let both = || json!([repository("evil/app", &other), repository("team/app", COMMIT)]);
    assert_eq!(build(stated(), both()), app(Some(COMMIT)));
    assert_eq!(build(stated(), json!([repository("evil/app", &other)])), app(None));
    // Without a word about it, it is the only repository, whatever else went in.
    assert_eq!(build(json!({}), json!([image, repository("team/app", COMMIT)])), app(Some(COMMIT)));
    assert_eq!(build(json!({}), both()), None);
    assert_eq!(build(json!({}), json!([image])), None);
}

/// A run that another service names is nothing that GitHub's certificate could have.
#[test]
fn a_run_is_compared_if_it_has_an_address_where_the_certificate_has_one() {
    let run = |address: &str| {
        let mut predicate = workflow();
        predicate["buildDefinition"]["buildType"] = json!("https://builds.example/v1");
        predicate["buildDefinition"]["externalParameters"] = json!({});
        predicate["runDetails"]["metadata"]["invocationId"] = json!(address);
        let found = examined(&leaf(), &predicate, &Expected::default());
        differing(&found).into_iter().map(|(_, of)| of.unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(run("https://github.com/team/app/actions/runs/1/attempts/1"), Vec::<String>::new());
    assert_eq!(run("https://github.com/team/app/actions/runs/9/attempts/1"), ["run-invocation"]);
    assert_eq!(run("https://builds.example/17"), Vec::<String>::new());
    assert_eq!(run("17"), Vec::<String>::new());
}

/// BuildKit calls the run its builder, with or without the attempt.
#[test]
fn a_builder_that_is_the_run_is_the_certificates_run() {
    let builder = |id: &str| {
        let mut predicate = workflow();
        predicate["buildDefinition"]["buildType"] = json!("https://mobyproject.org/buildkit@v1");
        predicate["buildDefinition"]["externalParameters"] = json!({});
        predicate["runDetails"]["builder"]["id"] = json!(id);
        let found = examined(&leaf(), &predicate, &Expected::default());
        differing(&found).into_iter().map(|(_, of)| of.unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for own in [
        "https://github.com/team/app/actions/runs/1",
        "https://github.com/team/app/actions/runs/1/attempts/1",
    ] {
        assert_eq!(builder(own), Vec::<String>::new(), "{own}");
    }
    for other in [
        "https://github.com/team/app/actions/runs/2",
        "https://github.com/team/app/actions/runs",
        "https://github.com/team/app/actions/runs/1/attempts/2",
        "https://github.com/team/app/actions/runs/1/",
    ] {
        assert_eq!(builder(other), ["build-signer-uri"], "{other}");
    }
}

/// GitHub issues to workflows alone, so what its certificate leaves out the build has not proven; a person vouches for all.
#[test]
fn a_certificate_of_github_without_claims_is_still_one_of_a_build() {
    let silent = Leaf { claims: Vec::new(), ..leaf() };
    assert_eq!(examined(&silent, &workflow(), &Expected::default()).source, None);
    let person = Leaf {
        subject: "ann@example.com".into(),
        issuer: "https://accounts.example".into(),
        claims: Vec::new(),
        ..leaf()
    };
    let found = examined(&person, &workflow(), &app());
    assert_eq!(differing(&found), []);
    assert_eq!(found.source.unwrap().repository.unwrap().as_str(), "https://github.com/team/app");
}

#[test]
fn a_level_above_one_takes_a_hosted_machine_and_a_run() {
    let level = |missing: &[u8]| {
        let mut leaf = leaf();
        leaf.claims.retain(|(number, _)| !missing.contains(number));
        examined(&leaf, &workflow(), &Expected::default()).level
    };
    assert_eq!(level(&[]), Level::HOSTED);
    for missing in [&[11][..], &[21], &[11, 21]] {
        assert_eq!(level(missing), Level::PROVENANCE, "{missing:?}");
    }
}

#[test]
fn levels_are_read_by_number_or_by_slsas_name_and_shown_by_number() {
    let all = [Level::NONE, Level::PROVENANCE, Level::HOSTED, Level::HARDENED];
    for (number, level) in (0_u8..).zip(all) {
        for text in [number.to_string(), format!("SLSA_BUILD_LEVEL_{number}")] {
            assert_eq!(text.parse::<Level>().unwrap(), level);
        }
        assert_eq!((level.number(), level.to_string()), (number, number.to_string()));
        assert_eq!(serde_json::to_value(level).unwrap(), json!(number));
    }
    for text in ["", "4", "-1", "two", "SLSA_BUILD_LEVEL_", "SLSA_SOURCE_LEVEL_1"] {
        assert!(matches!(text.parse::<Level>(), Err(Error::ProvenanceInput { what: "level", .. })), "{text}");
    }
}

#[test]
fn a_finding_is_told_by_its_aspect_and_what_both_sides_say() {
    let all = [
        Aspect::Certificate,
        Aspect::SubjectName,
        Aspect::Builder,
        Aspect::BuildType,
        Aspect::SourceRepository,
        Aspect::SourceRef,
        Aspect::SourceDigest,
        Aspect::BuildConfig,
        Aspect::Parameter,
        Aspect::Material,
        Aspect::Level,
    ];
    for aspect in all {
        // The same name in JSON and in words.
        assert_eq!(serde_json::to_value(aspect).unwrap(), json!(aspect.name()));
        assert_eq!(aspect.to_string(), aspect.name());
    }
    let finding = |of: Option<&str>| Finding {
        aspect: Aspect::Certificate,
        of: of.map(str::to_owned),
        holds: false,
        got: "a".to_owned(),
        expected: "b".to_owned(),
    };
    assert_eq!(finding(None).to_string(), "certificate: got a, expected b");
    assert_eq!(finding(Some("source-ref")).to_string(), "certificate source-ref: got a, expected b");
}

/// A package URL has several spellings; another package has another name.
#[test]
fn the_name_of_a_subject_is_compared_as_a_package_url_if_it_is_one() {
    let predicate = json!({"name": "@team/app", "version": "1.2.0", "registry": "https://r.example"});
    let verified = signed_by_key(&payload(NPM_PUBLISH, "pkg:npm/%40team/app@1.2.0", &predicate));
    let holds = |name: &str| {
        let expected = Expected { subject_name: Some(name.into()), ..Expected::default() };
        examine(&verified, &artifact(), &expected, &Limits::default()).unwrap().holds()
    };
    assert!(holds("pkg:npm/%40team/app@1.2.0") && holds("pkg:npm/@team/app@1.2.0"));
    for other in ["pkg:npm/@team/app@1.2.1", "pkg:npm/@team/other@1.2.0", "@team/app", "app"] {
        assert!(!holds(other), "{other}");
    }
}

/// An object without members is a parameter too.
#[test]
fn a_parameter_without_a_value_is_another_parameter() {
    let mut predicate = workflow();
    let expected = Expected { no_other_parameters: true, ..Expected::default() };
    for value in [json!({}), json!([]), Value::Null, json!({"a": {}})] {
        predicate["buildDefinition"]["externalParameters"]["flags"] = value.clone();
        let found = by_key(SLSA_V1, &predicate, &expected).unwrap();
        let got = if value.get("a").is_some() { "flags.a" } else { "flags" };
        assert_eq!(found.difference().unwrap().got, got, "{value}");
    }
}

#[test]
fn a_material_is_written_as_it_was_read_and_a_wanted_one_as_it_was_asked_for() {
    let descriptor =
        json!({"name": "base", "uri": "pkg:docker/debian@12", "digest": {"sha256": artifact().hex()}});
    assert_eq!(Material::read(&descriptor).to_value(), descriptor);
    let named = json!({"name": "base"});
    assert_eq!(Material::read(&named).to_value(), named);
    let wanted = |text: &str| text.parse::<RequiredMaterial>();
    let pinned = format!("pkg:docker/debian@12@sha256:{}", artifact().hex());
    assert_eq!(wanted(&pinned).unwrap().to_string(), pinned);
    assert_eq!(wanted("pkg:docker/debian@12").unwrap().to_string(), "pkg:docker/debian@12 with a digest");
    for wrong in ["", "a b", " ", "a\tb"] {
        assert!(matches!(wanted(wrong), Err(Error::ProvenanceInput { what: "material", .. })), "{wrong:?}");
    }
}

#[test]
fn a_digest_has_the_length_and_the_letters_of_its_algorithm() {
    let pinned = |algorithm: &str, hex: &str| {
        Material::read(&json!({"uri": "a:b", "digest": {algorithm: hex}})).is_pinned()
    };
    for (algorithm, lengths) in [
        ("sha1", &[40, 64][..]),
        ("gitCommit", &[40, 64]),
        ("gitTree", &[40, 64]),
        ("gitBlob", &[40, 64]),
        ("gitTag", &[40, 64]),
        ("sha256", &[64]),
        ("sha3_256", &[64]),
        ("sha384", &[96]),
        ("sha3_384", &[96]),
        ("sha512", &[128]),
        ("sha3_512", &[128]),
    ] {
        for length in [0, 8, 39, 40, 41, 63, 64, 65, 96, 97, 128, 129] {
            let expected = lengths.contains(&length);
            assert_eq!(pinned(algorithm, &"a".repeat(length)), expected, "{algorithm} of {length}");
        }
        let length = lengths[0];
        for other in ["A", "g", "-"] {
            assert!(!pinned(algorithm, &format!("{}{other}", "a".repeat(length - 1))), "{algorithm} {other}");
        }
    }
    // Of an unknown one only the form is known.
    for (algorithm, hex, expected) in [
        ("blake3", "0123456", false),
        ("blake3", "01234567", true),
        ("dir_hash2", "01234567", true),
        ("dir-hash", "01234567", false),
        ("é", "01234567", false),
        ("", "01234567", false),
    ] {
        assert_eq!(pinned(algorithm, hex), expected, "{algorithm}:{hex}");
    }
}

#[test]
fn a_material_has_an_address_with_a_scheme() {
    let hex = artifact().hex();
    let read = |uri: &str| format!("{uri}@sha256:{hex}").parse::<Material>().is_ok();
    for uri in ["pkg:docker/debian@12", "git+https://h.example/a", "x:y"] {
        assert!(read(uri), "{uri}");
    }
    for uri in ["", "debian", "1x:y", ":y", "pkg:", "pkg:a b", "pkg:a\u{7}b", "no uri"] {
        assert!(!read(uri), "{uri:?}");
    }
}

/// The address of a repository says where to look, so what is wrong with one is told of the right part of it.
#[test]
fn what_follows_the_path_is_a_ref_and_what_precedes_the_host_is_refused() {
    let read = |text: &str| {
        Repository::with_ref(text).map(|(found, reference)| (found.to_string(), reference.map(str::to_owned)))
    };
    for (text, repository, reference) in [
        ("https://a.b/c@r", "https://a.b/c", Some("r")),
        ("git+https://a.b/c@r", "https://a.b/c", Some("r")),
        ("https://a.b/c", "https://a.b/c", None),
    ] {
        assert_eq!(read(text).unwrap(), (repository.to_owned(), reference.map(str::to_owned)));
    }
    for text in ["https://user@github.com/team/app", "https://user@github.com/team/app@refs/heads/main"] {
        let told = read(text).unwrap_err().to_string();
        assert!(told.contains("has a user name before the host"), "{told}");
    }
    let longest =
        |length: usize| format!("https://h.example/{}", "a".repeat(length - 18)).parse::<Repository>();
    assert!(longest(1024).is_ok());
    assert!(longest(1025).unwrap_err().to_string().contains("longer than 1024 bytes"));
    for host in ["a~b.example", "a+b.example", "", "a..example"] {
        let told = format!("https://{host}/team/app").parse::<Repository>().unwrap_err().to_string();
        assert!(told.contains("has no valid host"), "{told}");
    }
}

/// Half a commit, or a branch that is called like one, would make a provenance that nobody can check.
#[test]
fn a_commit_from_the_environment_is_a_whole_one() {
    let commit = |text: &str| {
        let variable = |name: &str| match name {
            "GITLAB_CI" => Some("true".to_owned()),
            "CI_PROJECT_URL" => Some("https://gitlab.example/team/app".to_owned()),
            "CI_COMMIT_SHA" => Some(text.to_owned()),
            "CI_COMMIT_TAG" => Some("v1".to_owned()),
            "CI_JOB_URL" => Some("https://gitlab.example/team/app/-/jobs/5".to_owned()),
            "CI_RUNNER_ID" => Some("12".to_owned()),
            "CI_JOB_STARTED_AT" => Some("2026-01-15T11:00:00Z".to_owned()),
            _ => None,
        };
        Build::from_environment(&variable).map(|build| build.source.unwrap().commit.unwrap())
    };
    assert_eq!(commit(COMMIT).unwrap(), COMMIT);
    assert_eq!(commit(&COMMIT.to_uppercase()).unwrap(), COMMIT);
    assert_eq!(commit(&"a".repeat(64)).unwrap(), "a".repeat(64));
    for wrong in ["abc", &"a".repeat(41), &"g".repeat(40), &"/".repeat(64), "HEAD"] {
        let error = commit(wrong).unwrap_err();
        assert!(matches!(error, Error::ProvenanceInput { what: "CI_COMMIT_SHA", .. }), "{wrong}: {error}");
    }
}

//! What is written in the environments of build platforms, and the certificates that belong to it.

use plimsoll_testkit::sigstore::Leaf;
use plimsoll_verify::Error;
use plimsoll_verify::provenance::{Aspect, Build, CI_BUILD_TYPE, Expected, Level};

use super::{COMMIT, SLSA_V1, app, by_key, differing, examined, leaf, text, workflow};

/// The claims of other platforms, as the public certificate authority issues them.
#[test]
fn other_platforms_builds_are_compared_with_their_certificates_too() {
    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.com/team/app"),
        ("CI_PROJECT_ID", "7"),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_JOB_URL", "https://gitlab.com/team/app/-/jobs/5"),
        ("CI_RUNNER_ID", "12"),
    ];
    let config = "https://gitlab.com/team/app//.gitlab-ci.yml@refs/heads/main";
    let certificate = |changed: u8| Leaf {
        subject: config.into(),
        issuer: "https://gitlab.com".into(),
        claims: [
            (9, config),
            (11, "gitlab-hosted"),
            (12, "https://gitlab.com/team/app"),
            (13, COMMIT),
            (14, "refs/heads/main"),
            (15, "7"),
            (18, config),
            (20, "push"),
            (21, "https://gitlab.com/team/app/-/jobs/5"),
        ]
        .map(|(number, text)| (number, if number == changed { format!("{text}9") } else { text.to_owned() }))
        .to_vec(),
        ..Leaf::default()
    };
    let predicate = from(&gitlab).unwrap().to_predicate().unwrap();
    let good = examined(&certificate(0), &predicate, &Expected::default());
    assert_eq!((differing(&good), good.findings.len(), good.level), (vec![], 7, Level::HOSTED), "{good:#?}");
    for (number, claim) in
        [(12, "source-repository"), (13, "source-digest"), (14, "source-ref"), (21, "run-invocation")]
    {
        let other = examined(&certificate(number), &predicate, &Expected::default());
        assert_eq!(differing(&other), [(Aspect::Certificate, Some(claim))], "{:#?}", other.findings);
    }
    let buildkite = [
        ("BUILDKITE", "true"),
        ("BUILDKITE_ORGANIZATION_SLUG", "team"),
        ("BUILDKITE_PIPELINE_SLUG", "app"),
        ("BUILDKITE_REPO", "ssh://git@gitlab.example/team/app.git"),
        ("BUILDKITE_COMMIT", COMMIT),
        ("BUILDKITE_BUILD_URL", "https://buildkite.com/team/app/builds/1"),
        ("BUILDKITE_JOB_ID", "0190"),
        ("BUILDKITE_SOURCE", "webhook"),
    ];
    let certificate = Leaf {
        subject: "https://buildkite.com/team/app".into(),
        issuer: "https://agent.buildkite.com".into(),
        claims: vec![
            (11, "self-hosted".into()),
            (13, COMMIT.into()),
            (20, "webhook".into()),
            (21, "https://buildkite.com/team/app/builds/1#0190".into()),
        ],
        ..Leaf::default()
    };
    let predicate = from(&buildkite).unwrap().to_predicate().unwrap();
    let good = examined(&certificate, &predicate, &Expected::default());
    assert_eq!(
        (differing(&good), good.findings.len(), good.level),
        (vec![], 3, Level::PROVENANCE),
        "{good:#?}"
    );
}

/// A build as the environment tells it, written and read again.
#[test]
fn provenance_written_in_each_environment_reads_back() {
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
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
    let build = from(&github).unwrap();
    let predicate = build.to_predicate().unwrap();
    assert_eq!(predicate, workflow(), "byte for byte what GitHub's own action says");
    assert!(examined(&leaf(), &predicate, &app()).holds());

    // With parameters it is of a type that may have them; the rest stays.
    let mut chosen = build.clone();
    chosen.parameters.insert("profile".into(), "release".into());
    let predicate = chosen.to_predicate().unwrap();
    let expected = Expected {
        build_type: Some(text(CI_BUILD_TYPE)),
        parameters: vec![("profile".into(), "release".into())],
        no_other_parameters: true,
        config: Some(".github/workflows/release.yml".into()),
        ..app()
    };
    assert_eq!(differing(&examined(&leaf(), &predicate, &expected)), []);
    for reserved in ["source", "workflow", "source.ref", ""] {
        chosen.parameters.insert(reserved.into(), "x".into());
        assert!(
            matches!(chosen.to_predicate(), Err(Error::ProvenanceInput { what: "parameter", .. })),
            "{reserved}"
        );
        chosen.parameters.remove(reserved);
    }

    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.example/team/app"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_COMMIT_TAG", "v1"),
        ("CI_JOB_URL", "https://gitlab.example/team/app/-/jobs/5"),
        ("CI_RUNNER_ID", "12"),
        ("CI_JOB_STARTED_AT", "2026-01-15T11:00:00Z"),
    ];
    let buildkite = [
        ("BUILDKITE", "true"),
        ("BUILDKITE_ORGANIZATION_SLUG", "team"),
        ("BUILDKITE_PIPELINE_SLUG", "app"),
        ("BUILDKITE_REPO", "git@gitlab.example:team/app.git"),
        ("BUILDKITE_COMMIT", COMMIT),
        ("BUILDKITE_TAG", "v1"),
        ("BUILDKITE_BUILD_URL", "https://buildkite.com/team/app/builds/1"),
        ("BUILDKITE_JOB_ID", "0190-4f2c"),
        ("BUILDKITE_SOURCE", "webhook"),
    ];
    for variables in [&gitlab[..], &buildkite] {
        let predicate = from(variables).unwrap().to_predicate().unwrap();
        let expected = Expected {
            repository: Some("https://gitlab.example/team/app".parse().unwrap()),
            reference: Some(text("refs/tags/v1")),
            build_type: Some(text(CI_BUILD_TYPE)),
            pinned_materials: true,
            no_other_parameters: true,
            ..app()
        };
        assert_eq!(differing(&by_key(SLSA_V1, &predicate, &expected).unwrap()), [], "{predicate:#}");
    }

    assert!(matches!(from(&[]).unwrap().to_predicate(), Err(Error::ProvenanceInput { what: "builder", .. })));
    // What is set and cannot be right is no gap to be passed over.
    for wrong in
        [("BUILDKITE_COMMIT", "HEAD"), ("BUILDKITE_REPO", "ext::sh -c x"), ("BUILDKITE_BUILD_URL", "")]
    {
        let mut variables = buildkite.to_vec();
        variables.retain(|(name, _)| *name != wrong.0);
        variables.push(wrong);
        let error = from(&variables).unwrap_err();
        assert!(
            matches!(error, Error::ProvenanceInput { .. } | Error::Repository { .. }),
            "{wrong:?}: {error:?}"
        );
    }
}

fn from(variables: &[(&str, &str)]) -> Result<Build, Error> {
    let find =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Build::from_environment(&find)
}

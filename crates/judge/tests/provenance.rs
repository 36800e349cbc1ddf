//! How an artifact was built, by attestations in files and beside images, and when that is as expected.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use plimsoll_core::{Algorithm, Classify as _, Digest, Kind, Limits, Timestamp};
use plimsoll_judge::Reason;
use plimsoll_judge::provenance::{Artifact, Candidate, Examination, Requirement, Shortfall, own_workflow};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::provenance::{Aspect, Build, Expected, Repository};
use plimsoll_verify::{Check, Identity, PredicateType, Requirements, Trusted, TrustedRoot};
use serde_json::{Value, json};

const COMMIT: &str = "4f2c2a0b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a";
const SLSA: &str = "https://slsa.dev/provenance/v1";
const PYPI: &str = "https://docs.pypi.org/attestations/publish/v1";
const FILE: &[u8] = b"the artifact";

/// An instance that trusts the workflows of `https://github.com/team/app`.
struct Instance {
    sigstore: Sigstore,
    trusted: Vec<Identity>,
    root: TrustedRoot,
}

fn workflow(repository: &str) -> String {
    format!("{repository}/.github/workflows/release.yml@refs/heads/main")
}

/// A certificate of the workflow `release.yml` of a repository at GitHub.
fn leaf(repository: &str) -> Leaf {
    let workflow = workflow(repository);
    let claims =
        [(9, workflow.as_str()), (12, repository), (13, COMMIT), (14, "refs/heads/main"), (18, &workflow)];
    Leaf {
        subject: workflow.clone(),
        issuer: "https://token.actions.githubusercontent.com".into(),
        claims: claims.map(|(number, text)| (number, text.to_owned())).to_vec(),
        ..Leaf::default()
    }
}

fn repository(address: &str) -> Repository {
    address.parse().unwrap()
}

fn digests() -> [Digest; 2] {
    [Digest::sha256(FILE), Digest::compute(Algorithm::Sha512, FILE)]
}

/// The SLSA provenance of a run of the workflow.
fn provenance(repository: &str) -> Value {
    let name = repository.strip_prefix("https://github.com/").unwrap();
    let workflow = workflow(name);
    let variable = |variable: &str| {
        Some(match variable {
            "GITHUB_ACTIONS" => "true".to_owned(),
            "GITHUB_REPOSITORY" => name.to_owned(),
            "GITHUB_REF" => "refs/heads/main".to_owned(),
            "GITHUB_SHA" => COMMIT.to_owned(),
            "GITHUB_WORKFLOW_REF" => workflow.clone(),
            "GITHUB_RUN_ID" | "GITHUB_RUN_ATTEMPT" => "1".to_owned(),
            "GITHUB_EVENT_NAME" => "push".to_owned(),
            "GITHUB_REPOSITORY_ID" => "7".to_owned(),
            "GITHUB_REPOSITORY_OWNER_ID" => "8".to_owned(),
            "RUNNER_ENVIRONMENT" => "github-hosted".to_owned(),
            _ => return None,
        })
    };
    Build::from_environment(&variable).unwrap().to_predicate().unwrap()
}

fn statement(predicate_type: &str, predicate: &Value, subject: &Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [subject],
        "predicateType": predicate_type, "predicate": predicate,
    })
}

/// The statement about the file by the trusted workflow.
fn sound() -> Value {
    let subject = json!({"name": "app", "digest": {"sha256": Digest::sha256(FILE).hex()}});
    statement(SLSA, &provenance("https://github.com/team/app"), &subject)
}

impl Instance {
    fn new() -> Self {
        let sigstore = Sigstore::new();
        let root = TrustedRoot::parse(sigstore.trusted_root().to_string().as_bytes()).unwrap();
        let trusted = vec![own_workflow(&repository("https://github.com/team/app")).unwrap()];
        Self { sigstore, trusted, root }
    }

    /// A bundle by the workflow of `repository`.
    fn attest(&mut self, repository: &str, statement: &Value) -> Value {
        let holder = self.sigstore.leaf(&leaf(repository));
        self.sigstore.attest(&holder, statement.to_string().as_bytes(), LogVersion::V1)
    }

    fn check(&self) -> Check<'_> {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let (trusted, requirements) = (Trusted::Identities(&self.trusted), Requirements::default());
        Check { trusted, root: Some(&self.root), requirements, now }
    }

    fn examine(&self, file: &Value, kind: Option<&str>, file_name: Option<&str>) -> Examination {
        let limits = Limits::default();
        let kind: Option<PredicateType> = kind.map(|kind| kind.parse().unwrap());
        let expected = Expected {
            repository: Some(repository("https://github.com/team/app")).filter(|_| kind.is_none()),
            ..Expected::default()
        };
        let requirement =
            Requirement { kind: kind.as_ref(), expected: &expected, check: self.check(), limits: &limits };
        let candidates = Candidate::read(file.to_string().as_bytes(), &limits).unwrap();
        let artifact = Artifact { digests: &digests(), file_name };
        requirement.examine_candidates(&candidates, artifact).unwrap()
    }
}

#[test]
fn the_workflows_of_a_repository_are_its_own_and_no_others() {
    let own = own_workflow(&repository("https://github.com/org/repo.js")).unwrap();
    assert!(own.issuer.matches("https://token.actions.githubusercontent.com"));
    assert!(own.subject.matches("https://github.com/org/repo.js/.github/workflows/a.yml@refs/heads/main"));
    for other in [
        "https://github.com/org/repo.js-evil/.github/workflows/a.yml@refs/heads/main",
        "https://github.com/org/repo-js/.github/workflows/a.yml@refs/heads/main",
        "https://github-com/org/repo.js/.github/workflows/a.yml@refs/heads/main",
        "https://github.com/org/repo.js/x/.github/workflows/a.yml@refs/heads/main",
        "https://github.com/org/repo.js/xgithub/workflows/a.yml@refs/heads/main",
        "https://evil.example/?https://github.com/org/repo.js/.github/workflows/a.yml@refs/heads/main",
    ] {
        assert!(!own.subject.matches(other), "{other}");
    }
    let own = own_workflow(&repository("https://gitlab.com/group/c++")).unwrap();
    assert!(own.subject.matches("https://gitlab.com/group/c++//.gitlab-ci.yml@refs/heads/main"));
    assert!(!own.subject.matches("https://gitlab.com/group/c++/other//.gitlab-ci.yml@refs/heads/main"));
    assert!(!own.subject.matches("https://gitlab.com/group/ccc//.gitlab-ci.yml@refs/heads/main"));
    // A repository at an unknown host implies no signer.
    assert!(own_workflow(&repository("https://git.example/team/app")).is_none());
    assert!(own_workflow(&repository("https://github.com.evil.example/team/app")).is_none());
}

#[test]
fn one_attestation_that_is_as_expected_is_enough() {
    let mut instance = Instance::new();
    let good = instance.attest("https://github.com/team/app", &sound());
    let stranger = instance.attest("https://github.com/team/app-evil", &sound());
    let mut elsewhere = sound();
    elsewhere["subject"][0]["digest"] = json!({"sha256": Digest::sha256(b"x").hex()});
    let elsewhere = instance.attest("https://github.com/team/app", &elsewhere);
    let mut other_build = sound();
    other_build["predicate"] = provenance("https://github.com/bank/vault");
    let forged = instance.attest("https://github.com/team/app", &other_build);
    let file = |bundles: &[&Value]| json!({"attestations": bundles.iter().map(|bundle| json!({"bundle": bundle})).collect::<Vec<_>>()});

    let found = instance.examine(&file(&[&stranger, &forged, &elsewhere, &good]), None, None);
    assert_eq!(found.shortfall, None);
    let holds: Vec<bool> = found.attestations.iter().map(|one| one.examined.holds()).collect();
    assert_eq!(holds, [true, false], "what is as expected comes first");
    assert_eq!((found.refused.len(), found.digest), (2, Some(Digest::sha256(FILE))));

    let found = instance.examine(&file(&[&stranger, &forged]), None, None);
    assert_eq!(found.shortfall, Some(Shortfall::Different));
    assert_eq!(found.nearest().unwrap().examined.difference().unwrap().aspect, Aspect::Certificate);
    let found = instance.examine(&file(&[&stranger, &elsewhere]), None, None);
    assert_eq!(found.shortfall, Some(Shortfall::NoneCounts));
}

#[test]
fn statements_of_other_types_and_bundles_that_cannot_be_read_are_no_provenance() {
    let mut instance = Instance::new();
    let subject = json!({"digest": {"sha256": Digest::sha256(FILE).hex()}});
    let other = instance
        .attest("https://github.com/team/app", &statement("https://example.com/x", &json!({}), &subject));
    let found = instance.examine(&other, None, None);
    assert_eq!((found.shortfall, found.refused.len()), (Some(Shortfall::Nothing), 0));
    assert!(found.others.contains("https://example.com/x"), "{found:?}");
    let found = instance.examine(&json!({"mediaType": "x"}), None, None);
    assert_eq!((found.shortfall, found.refused.len()), (Some(Shortfall::NoneCounts), 1));
}

#[test]
fn a_subject_with_the_digests_of_two_files_is_about_neither() {
    let mut instance = Instance::new();
    let mut two = |sha512: &Digest| {
        let mut statement = sound();
        statement["subject"][0]["digest"]["sha512"] = json!(sha512.hex());
        let bundle = instance.attest("https://github.com/team/app", &statement);
        instance.examine(&bundle, None, None)
    };
    assert_eq!(two(&Digest::compute(Algorithm::Sha512, FILE)).shortfall, None);
    let found = two(&Digest::compute(Algorithm::Sha512, b"another"));
    assert_eq!(found.shortfall, Some(Shortfall::NoneCounts));
    let told = found.refused[0].reason.to_string();
    assert!(told.contains("a subject whose sha512 is another file's"), "{told}");
}

/// A bundle as PyPI's index publishes it (PEP 740).
fn of_index(bundle: &Value, publisher: &Value) -> Value {
    let material = &bundle["verificationMaterial"];
    json!({"version": 1, "attestation_bundles": [{"publisher": publisher, "attestations": [{
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {
            "statement": bundle["dsseEnvelope"]["payload"],
            "signature": bundle["dsseEnvelope"]["signatures"][0]["sig"],
        },
    }]}]})
}

#[test]
fn an_upload_to_pypi_is_attested_with_its_name_and_its_publisher() {
    let mut instance = Instance::new();
    let subject =
        json!({"name": "app-1.0-py3-none-any.whl", "digest": {"sha256": Digest::sha256(FILE).hex()}});
    let bundle = instance.attest("https://github.com/team/app", &statement(PYPI, &Value::Null, &subject));
    let kind = Some("pypipublish");
    let publisher = json!({"kind": "GitHub", "repository": "team/app", "workflow": "release.yml"});
    let file = of_index(&bundle, &publisher);
    assert_eq!(instance.examine(&file, kind, Some("app-1.0-py3-none-any.whl")).shortfall, None);
    // The same bytes under another name are another release.
    let found = instance.examine(&file, kind, Some("app-2.0-py3-none-any.whl"));
    assert_eq!(found.shortfall, Some(Shortfall::Different));
    assert_eq!(found.nearest().unwrap().examined.difference().unwrap().aspect, Aspect::SubjectName);
    // By digest alone there is no name to compare.
    assert_eq!(instance.examine(&file, kind, None).shortfall, None);
    // The index names another publisher.
    let other = json!({"kind": "GitHub", "repository": "team/other", "workflow": "release.yml"});
    let found = instance.examine(&of_index(&bundle, &other), kind, None);
    assert_eq!(found.shortfall, Some(Shortfall::NoneCounts));
    assert!(matches!(found.refused[0].reason, Reason::Publisher { .. }), "{found:?}");
    // A publish attestation says nothing about how the file was built.
    assert_eq!(instance.examine(&file, None, None).shortfall, Some(Shortfall::Nothing));
}

#[test]
fn trusting_nobody_is_an_error_and_no_refusal() {
    let mut instance = Instance::new();
    let bundle = instance.attest("https://github.com/team/app", &sound());
    let (limits, expected) = (Limits::default(), Expected::default());
    let candidates = Candidate::read(bundle.to_string().as_bytes(), &limits).unwrap();
    let check = Check { trusted: Trusted::Identities(&[]), ..instance.check() };
    let requirement = Requirement { kind: None, expected: &expected, check, limits: &limits };
    let artifact = Artifact { digests: &digests(), file_name: None };
    let error = requirement.examine_candidates(&candidates, artifact).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
}

#[test]
fn evidence_that_was_not_examined_is_not_a_denial() {
    assert_eq!(Shortfall::Incomplete.kind(), Kind::Indeterminate);
    for denied in [Shortfall::Different, Shortfall::NoneCounts, Shortfall::Nothing] {
        assert_eq!(denied.kind(), Kind::Denied);
    }
}

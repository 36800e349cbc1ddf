//! A build of GitHub's as its certificate and its provenance tell it, for tests to change.

use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore};
use plimsoll_verify::provenance::{Aspect, ExaminedProvenance, Expected, examine};
use plimsoll_verify::{
    Bundle, Check, Error, Identity, PublicKey, Requirements, Statement, Text, Trusted, TrustedKey,
    TrustedRoot, Verified, verify,
};
use serde_json::{Value, json};

pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
pub const COMMIT: &str = "4f2c2a0b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a";
pub const SLSA_V1: &str = "https://slsa.dev/provenance/v1";
pub const SLSA_V0_2: &str = "https://slsa.dev/provenance/v0.2";
pub const NPM_PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";

pub fn artifact() -> Digest {
    Digest::sha256(b"the artifact")
}

/// What GitHub's own action writes about a build of `team/app`.
pub fn workflow() -> Value {
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
pub fn leaf() -> Leaf {
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

pub fn with_claim(number: u8, text: &str) -> Leaf {
    let mut leaf = leaf();
    leaf.claims.retain(|(claim, _)| *claim != number);
    leaf.claims.push((number, text.to_owned()));
    leaf
}

pub fn payload(predicate_type: &str, name: &str, predicate: &Value) -> Vec<u8> {
    let subject = json!([{"name": name, "digest": {"sha256": artifact().hex()}}]);
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": predicate_type, "predicate": predicate,
    })
    .to_string()
    .into_bytes()
}

/// The statement, signed with a certificate of `leaf`.
pub fn signed(leaf: &Leaf, payload: &[u8]) -> Verified<Statement> {
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
pub fn signed_by_key(payload: &[u8]) -> Verified<Statement> {
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

pub fn examined(leaf: &Leaf, predicate: &Value, expected: &Expected) -> ExaminedProvenance {
    examine(&signed(leaf, &payload(SLSA_V1, "app", predicate)), &artifact(), expected, &Limits::default())
        .unwrap()
}

pub fn by_key(
    predicate_type: &str,
    predicate: &Value,
    expected: &Expected,
) -> Result<ExaminedProvenance, Error> {
    examine(
        &signed_by_key(&payload(predicate_type, "app", predicate)),
        &artifact(),
        expected,
        &Limits::default(),
    )
}

/// The aspects that are not as expected.
#[track_caller]
pub fn differing(examined: &ExaminedProvenance) -> Vec<(Aspect, Option<&str>)> {
    let differing = examined.findings.iter().filter(|finding| !finding.holds);
    differing.map(|finding| (finding.aspect, finding.of.as_deref())).collect()
}

pub fn text(exact: &str) -> Text {
    Text::Exact(exact.to_owned())
}

pub fn app() -> Expected {
    Expected {
        repository: Some("https://github.com/team/app".parse().unwrap()),
        reference: Some(text("refs/heads/main")),
        commit: Some(COMMIT.to_owned()),
        ..Expected::default()
    }
}

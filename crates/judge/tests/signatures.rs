//! What is attached to an image, and whether it is enough.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Cancel, Classify as _, Digest, Kind, Limits, Timestamp};
use plimsoll_gather::{Access, Registries, StandardInput, open_registry};
use plimsoll_image::Source;
use plimsoll_judge::signatures::{Examination, Requirement, Shortfall, StatementFilter};
use plimsoll_judge::{Error, PredicateForm, Reason, provenance};
use plimsoll_registry::{Clients, RegistryConfig};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore, pae};
use plimsoll_testkit::{Artifact, Fault, ImageBuilder, Layer, Registry, attachment};
use plimsoll_verify::provenance::Expected;
use plimsoll_verify::{
    BUNDLE_V0_3, COSIGN_SIGN_V1, Check, IN_TOTO_PAYLOAD, Identity, PublicKey, Requirements, Statement,
    Subject, Text, Trusted, TrustedKey, TrustedRoot,
};
use serde_json::{Value, json};

const VSA: &str = "https://slsa.dev/verification_summary/v1";

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

/// An image in a registry.
struct Place {
    registry: Registry,
    image: Artifact,
}

impl Place {
    fn new() -> Self {
        let registry = Registry::start();
        let image = ImageBuilder::new().layer(Layer::new().file("a", "a")).build();
        image.push(&registry, "app", "1");
        Self { registry, image }
    }

    fn digest(&self) -> Digest {
        self.image.digest()
    }

    fn statement(&self, predicate_type: &str, predicate: Value, annotations: &[(&str, &str)]) -> Vec<u8> {
        let mut subject = Subject::new("", &self.digest());
        subject.annotations =
            annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        Statement::new(subject, predicate_type, predicate).to_json()
    }

    fn attach(&self, bundle: &Value) {
        attachment(&self.image.top, BUNDLE_V0_3, BUNDLE_V0_3, bundle.to_string().as_bytes())
            .push_by_digest(&self.registry, "app");
    }

    /// Attaches a statement by `key`.
    fn attest(&self, key: &Pair, payload: &[u8]) {
        self.attach(&json!({
            "mediaType": BUNDLE_V0_3,
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {
                "payload": STANDARD.encode(payload), "payloadType": IN_TOTO_PAYLOAD,
                "signatures": [{"sig": STANDARD.encode(key.sign(&pae(IN_TOTO_PAYLOAD, payload)))}],
            },
        }));
    }

    fn sign(&self, key: &Pair, annotations: &[(&str, &str)]) {
        self.attest(key, &self.statement(COSIGN_SIGN_V1, json!({}), annotations));
    }

    fn evidence(&self, limits: &Limits) -> impl Source {
        let access = Access {
            clients: Clients::new(plimsoll_http::Settings {
                retries: 0,
                ..plimsoll_http::Settings::default()
            }),
            registries: Registries::new(|| Ok(RegistryConfig::none())),
            cloud: Cloud::from_env(Mode::Off, |_| None, plimsoll_core::clock::now),
            cache: None,
            layer_cache: None,
            environment: |_| None,
            limits: limits.clone(),
            cancel: Cancel::never(),
            stdin: StandardInput::Closed,
        };
        let reference = self.registry.reference("app", &self.digest().to_string()).parse().unwrap();
        open_registry(&reference, &access).unwrap()
    }

    fn examine(&self, requirement: &Requirement<'_>) -> Result<Examination, Error> {
        requirement.examine(&self.evidence(requirement.limits), &self.digest())
    }
}

fn keys(pairs: &[&Pair]) -> Vec<TrustedKey> {
    pairs.iter().map(|pair| PublicKey::from_pem(pair.public_pem().as_bytes()).unwrap().into()).collect()
}

/// A check that requires one of these keys and nothing else.
fn by_key(keys: &[TrustedKey]) -> Check<'_> {
    let requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };
    Check { trusted: Trusted::Keys(keys), root: None, requirements, now: now() }
}

fn signed<'a>(
    check: Check<'a>,
    threshold: usize,
    annotations: &'a BTreeMap<String, String>,
    limits: &'a Limits,
) -> Requirement<'a> {
    let threshold = NonZeroUsize::new(threshold).unwrap();
    Requirement { statements: StatementFilter::Signature { annotations }, check, threshold, limits }
}

fn limit(name: &str, value: &str) -> Limits {
    let mut limits = Limits::default();
    limits.set(name, value).unwrap();
    limits
}

#[test]
fn a_threshold_counts_people_and_not_signatures() {
    let (place, limits, none) = (Place::new(), Limits::default(), BTreeMap::new());
    let (ann, ben, eve) = (Pair::new(), Pair::new(), Pair::new());
    let trusted = keys(&[&ann, &ben]);
    let shortfall = |threshold| {
        let found = place.examine(&signed(by_key(&trusted), threshold, &none, &limits)).unwrap();
        (found.verified.len(), found.refused.len(), found.shortfall)
    };
    assert_eq!(shortfall(1), (0, 0, Some(Shortfall::Nothing)));
    place.sign(&eve, &[]);
    assert_eq!(shortfall(1), (0, 1, Some(Shortfall::NoneCounts)));
    place.sign(&ann, &[]);
    place.sign(&ann, &[("again", "yes")]);
    assert_eq!(shortfall(1), (2, 1, None));
    let too_few = Shortfall::TooFew { signers: 1, threshold: 2 };
    assert_eq!(shortfall(2), (2, 1, Some(too_few)));
    assert_eq!(too_few.kind(), Kind::Denied);
    place.sign(&ben, &[]);
    assert_eq!(shortfall(2), (3, 1, None));
}

#[test]
fn one_identity_in_two_spellings_and_certificates_is_one_person() {
    let (place, limits, none, mut instance) =
        (Place::new(), Limits::default(), BTreeMap::new(), Sigstore::new());
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    let Leaf { issuer, subject, .. } = Leaf::default();
    for subject in [subject.clone(), subject.to_uppercase()] {
        let holder = instance.leaf(&Leaf { subject, ..Leaf::default() });
        let payload = place.statement(COSIGN_SIGN_V1, json!({}), &[]);
        place.attach(&instance.attest(&holder, &payload, LogVersion::V2));
    }
    let identity = |subject| Identity {
        issuer: Text::Exact(issuer.clone()),
        subject: Text::Exact(subject),
        claims: Vec::new(),
    };
    let trusted = [identity(subject.clone()), identity(subject.to_uppercase())];
    let check = Check {
        trusted: Trusted::Identities(&trusted),
        root: Some(&root),
        requirements: Requirements::default(),
        now: now(),
    };
    let found = place.examine(&signed(check, 2, &none, &limits)).unwrap();
    assert_eq!(found.verified.len(), 2);
    assert_eq!(found.shortfall, Some(Shortfall::TooFew { signers: 1, threshold: 2 }));
}

#[test]
fn keys_where_certificates_are_trusted_are_told_from_strangers() {
    let (place, limits, none, instance) = (Place::new(), Limits::default(), BTreeMap::new(), Sigstore::new());
    let root = TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
    place.sign(&Pair::new(), &[]);
    let check = Check {
        trusted: Trusted::Identities(&[]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: now(),
    };
    let found = place.examine(&signed(check, 1, &none, &limits)).unwrap();
    assert_eq!(found.shortfall, Some(Shortfall::OnlyByKey));
}

#[test]
fn a_signature_counts_only_with_the_annotations_that_are_asked_for() {
    let (place, limits, key) = (Place::new(), Limits::default(), Pair::new());
    let trusted = keys(&[&key]);
    let annotations = BTreeMap::from([("stage".to_owned(), "production".to_owned())]);
    let requirement = signed(by_key(&trusted), 1, &annotations, &limits);
    place.sign(&key, &[("stage", "test")]);
    let found = place.examine(&requirement).unwrap();
    assert_eq!((found.verified.len(), found.shortfall), (0, Some(Shortfall::NoneCounts)));
    let Reason::Annotation { name, got, expected } = &found.refused[0].reason else { panic!("{found:?}") };
    assert_eq!((name.as_str(), got.clone(), expected.as_str()), ("stage", Some(json!("test")), "production"));
    place.sign(&key, &[("stage", "production"), ("more", "yes")]);
    assert_eq!(place.examine(&requirement).unwrap().shortfall, None);
}

#[test]
fn an_attestation_is_no_signature_and_a_signature_no_attestation() {
    let (place, limits, none, key) = (Place::new(), Limits::default(), BTreeMap::new(), Pair::new());
    let trusted = keys(&[&key]);
    place.attest(&key, &place.statement("https://example.com/x", json!({}), &[]));
    let found = place.examine(&signed(by_key(&trusted), 1, &none, &limits)).unwrap();
    assert_eq!(found.shortfall, Some(Shortfall::Nothing));
    assert!(found.others.contains("https://example.com/x"), "{found:?}");
    let (kind, form) = ("https://example.com/y".parse().unwrap(), PredicateForm::default());
    let statements = StatementFilter::Attestation { kind: &kind, form: &form };
    let found = place.examine(&Requirement { statements, ..signed(by_key(&trusted), 1, &none, &limits) });
    assert_eq!(found.unwrap().shortfall, Some(Shortfall::Nothing));
}

#[test]
fn an_attestation_that_is_not_what_its_type_says_does_not_count() {
    let (place, limits, none, key) = (Place::new(), Limits::default(), BTreeMap::new(), Pair::new());
    let trusted = keys(&[&key]);
    place.attest(&key, &place.statement(VSA, json!({"verificationResult": "PERHAPS"}), &[]));
    let (kind, form) = ("vsa".parse().unwrap(), PredicateForm::default());
    let statements = StatementFilter::Attestation { kind: &kind, form: &form };
    let requirement = Requirement { statements, ..signed(by_key(&trusted), 1, &none, &limits) };
    let found = place.examine(&requirement).unwrap();
    assert_eq!((found.verified.len(), found.shortfall), (0, Some(Shortfall::NoneCounts)));
    assert!(matches!(found.refused[0].reason, Reason::Predicate(_)), "{found:?}");
}

#[test]
fn evidence_beyond_the_limits_is_never_a_denial() {
    let (place, none, key) = (Place::new(), BTreeMap::new(), Pair::new());
    let trusted = keys(&[&key]);
    place.sign(&Pair::new(), &[]);
    place.sign(&Pair::new(), &[("another", "one")]);
    for (name, value) in [("referrers", "1"), ("bundle_bytes", "64")] {
        let found = place.examine(&signed(by_key(&trusted), 1, &none, &limit(name, value))).unwrap();
        let shortfall = found.shortfall.unwrap();
        assert_eq!(shortfall, Shortfall::Incomplete { signers: 0, threshold: 1 });
        assert_eq!(shortfall.kind(), Kind::Indeterminate);
    }
    // What was found is enough, no matter what else exists.
    place.sign(&key, &[]);
    let limits = limit("referrers", "3");
    assert_eq!(place.examine(&signed(by_key(&trusted), 1, &none, &limits)).unwrap().shortfall, None);
}

#[test]
fn provenance_that_the_limits_keep_from_being_looked_at_is_never_a_denial() {
    let (place, key) = (Place::new(), Pair::new());
    let trusted = keys(&[&key]);
    let publish = "https://docs.pypi.org/attestations/publish/v1";
    place.attest(&Pair::new(), &place.statement(publish, Value::Null, &[]));
    place.attest(&key, &place.statement(publish, Value::Null, &[]));
    let (kind, expected) = ("pypipublish".parse().unwrap(), Expected::default());
    let shortfall = |limits: &Limits| {
        let check = by_key(&trusted);
        let requirement = provenance::Requirement { kind: Some(&kind), expected: &expected, check, limits };
        requirement.examine_attached(&place.evidence(limits), &place.digest()).unwrap().shortfall
    };
    assert_eq!(shortfall(&Limits::default()), None);
    assert_eq!(shortfall(&limit("bundle_bytes", "64")), Some(provenance::Shortfall::Incomplete));
}

#[test]
fn not_being_able_to_look_is_an_error_and_no_missing_signature() {
    let (place, limits, none) = (Place::new(), Limits::default(), BTreeMap::new());
    let trusted = keys(&[&Pair::new()]);
    place.registry.misbehave("GET */referrers/*", Fault::Status(500));
    let error = place.examine(&signed(by_key(&trusted), 1, &none, &limits)).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
}

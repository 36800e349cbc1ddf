//! The search for signatures under a policy: where it searches, what it verifies with, and what it reports if it
//! cannot.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_attach::evidence::legacy_tag;
use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Cancel, Digest, Limits, Timestamp};
use plimsoll_gather::{
    Access, Attached, AttachmentQuery, Collection, Extent, OpenedSubject, Registries, StandardInput, Subject,
    UnderPolicy, attached, evidence, layers, open,
};
use plimsoll_image::media;
use plimsoll_policy::{
    Collected, Decision, DenyList, Evidence, Outcome, Policy, PolicySet, Signatures, Verdict, evaluate,
};
use plimsoll_registry::{Clients, RegistryConfig};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore, hex, pae, pem};
use plimsoll_testkit::{Artifact, Fault, ImageBuilder, Layer, Registry, attachment};
use plimsoll_verify::{
    BUNDLE_V0_3, COSIGN_SIGN_V1, Check, PublicKey, Requirements, Statement, Subject as FeedDescription,
    Trusted, TrustedKey, TrustedRoot,
};
use plimsoll_vuln::Database;
use serde_json::{Value, json};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// An image in a registry, a key, and an instance for signing without one.
struct World {
    registry: Registry,
    image: Artifact,
    key: Pair,
    instance: Sigstore,
}

impl World {
    fn new() -> Self {
        let registry = Registry::start();
        let image = ImageBuilder::new().layer(Layer::new().file("a", "a")).build();
        image.push(&registry, "app", "1");
        Self { registry, image, key: Pair::new(), instance: Sigstore::new() }
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::parse(self.instance.trusted_root().to_string().as_bytes()).unwrap()
    }

    fn digest(&self) -> Digest {
        self.image.digest()
    }

    fn open(&self) -> OpenedSubject {
        let subject = Subject::parse(&self.registry.reference("app", &self.digest().to_string())).unwrap();
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
            limits: Limits::default(),
            cancel: Cancel::never(),
            stdin: StandardInput::Closed,
        };
        open(&subject, &access).unwrap()
    }

    fn evidence(&self, policies: &[UnderPolicy<'_>]) -> Evidence {
        self.evidence_within(policies, &Limits::default())
    }

    fn evidence_within(&self, policies: &[UnderPolicy<'_>], limits: &Limits) -> Evidence {
        let layers = layers(limits);
        let database = Database::open("/nonexistent".as_ref());
        let collection = Collection {
            requested: "app",
            platform: None,
            policies,
            denials: &DenyList::none(),
            evidence_repository: None,
            database: &database,
            now: now(),
            layers: &layers,
            progress: &(),
            cancel: &Cancel::never(),
        };
        evidence(&self.open(), &collection).unwrap().remove(0)
    }

    fn gathered(&self, policy: &Policy, root: Result<&TrustedRoot, &str>) -> (Signatures, Verdict) {
        self.gathered_within(policy, root, &Limits::default())
    }

    fn gathered_within(
        &self,
        policy: &Policy,
        root: Result<&TrustedRoot, &str>,
        limits: &Limits,
    ) -> (Signatures, Verdict) {
        let evidence = self.evidence_within(&[UnderPolicy { policy, root }], limits);
        let verdict = evaluate(&policy.clone().into(), &evidence, &[], &DenyList::none(), now());
        (evidence.signatures.get(policy).unwrap().clone(), verdict)
    }

    fn collected(&self, policy: &Policy, root: Result<&TrustedRoot, &str>) -> Collected {
        match self.gathered(policy, root).0 {
            Signatures::Collected(found) => found,
            other => panic!("{other:?}"),
        }
    }

    fn signature(&self) -> Vec<u8> {
        Statement::new(FeedDescription::new("", &self.digest()), COSIGN_SIGN_V1, json!({})).to_json()
    }

    fn attach(&self, bundle: &Value) {
        attachment(&self.image.top, BUNDLE_V0_3, BUNDLE_V0_3, bundle.to_string().as_bytes())
            .push_by_digest(&self.registry, "app");
    }

    /// Signs without a key, as the identity in `leaf`.
    fn sign_keyless(&mut self, leaf: &Leaf, version: LogVersion) {
        let holder = self.instance.leaf(leaf);
        let payload = self.signature();
        let bundle = self.instance.attest(&holder, &payload, version);
        self.attach(&bundle);
    }

    fn sign_by_key(&self) {
        self.attach_by_key(COSIGN_SIGN_V1);
    }

    /// Attaches a statement of this type, signed with the key.
    fn attach_by_key(&self, predicate_type: &str) {
        let payload =
            Statement::new(FeedDescription::new("", &self.digest()), predicate_type, json!({})).to_json();
        let kind = "application/vnd.in-toto+json";
        self.attach(&json!({
            "mediaType": BUNDLE_V0_3,
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {
                "payload": STANDARD.encode(&payload), "payloadType": kind,
                "signatures": [{"sig": STANDARD.encode(self.key.sign(&pae(kind, &payload)))}],
            },
        }));
    }

    fn layer(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = self.registry.add_blob("app", bytes);
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    fn tag(&self, suffix: &str, layers: &[Value]) {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
            "config": self.layer(media::OCI_CONFIG, b"{}"), "layers": layers,
        });
        let digest = self.registry.add_manifest("app", media::OCI_MANIFEST, manifest.to_string());
        self.registry.tag("app", &legacy_tag(&self.digest(), suffix), &digest);
    }

    /// A signature in the older format, under the tag `.sig`.
    fn sign_older(&self, about: &Digest, key: &Pair) {
        let payload = json!({
            "critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": about.to_string()},
                "type": "cosign container image signature"},
            "optional": null,
        })
        .to_string();
        let mut layer = self.layer(SIMPLE_SIGNING, payload.as_bytes());
        let signature = STANDARD.encode(key.sign(payload.as_bytes()));
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
        self.tag("sig", &[layer]);
    }

    /// The same without a key: a certificate, and the log's promise.
    fn sign_older_keyless(&mut self, leaf: &Leaf) {
        let payload = json!({
            "critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": self.digest().to_string()},
                "type": "cosign container image signature"},
            "optional": null,
        })
        .to_string();
        let holder = self.instance.leaf(leaf);
        let bundle = self.instance.sign(&holder, payload.as_bytes(), LogVersion::V1);
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let number = |name: &str| entry[name].as_str().unwrap().parse::<i64>().unwrap();
        let id = STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
        let log = json!({
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {"body": entry["canonicalizedBody"], "integratedTime": number("integratedTime"),
                "logIndex": number("logIndex"), "logID": hex(&id)},
        });
        let mut layer = self.layer(SIMPLE_SIGNING, payload.as_bytes());
        layer["annotations"] = json!({
            "dev.cosignproject.cosign/signature": bundle["messageSignature"]["signature"],
            "dev.sigstore.cosign/certificate": pem("CERTIFICATE", &holder.certificate),
            "dev.sigstore.cosign/bundle": log.to_string(),
        });
        self.tag("sig", &[layer]);
    }

    /// An attestation under the tag `.att`, by the same key.
    fn attest_older(&self, predicate_type: &str) {
        let payload =
            Statement::new(FeedDescription::new("", &self.digest()), predicate_type, json!({})).to_json();
        let kind = "application/vnd.in-toto+json";
        let envelope = json!({
            "payloadType": kind, "payload": STANDARD.encode(&payload),
            "signatures": [{"keyid": "", "sig": STANDARD.encode(self.key.sign(&pae(kind, &payload)))}],
        });
        let layer = self.layer(DSSE, envelope.to_string().as_bytes());
        self.tag("att", &[layer]);
    }

    fn by_key(&self) -> Policy {
        policy(&format!("{{ name: key, key: {{ pem: {} }} }}", json!(self.key.public_pem())))
    }
}

fn policy(entry: &str) -> Policy {
    policy_named("p", entry)
}

fn policy_named(name: &str, entry: &str) -> Policy {
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nspec:\n  phase: pilot\n  \
         vulnerabilities: {{ block: [], onUnknown: warn }}\n  signatures: {{ required: true, anyOf: [{entry}] }}\n"
    );
    Policy::parse(text.as_bytes(), "p.yaml", &()).unwrap()
}

fn by_identity(more: &str) -> Policy {
    policy(&by_identity_entry(more))
}

fn by_identity_entry(more: &str) -> String {
    let Leaf { subject, issuer, .. } = Leaf::default();
    format!("{{ name: release, identity: {{ issuer: '{issuer}', subject: '{subject}'{more} }} }}")
}

#[track_caller]
fn signatures(verdict: &Verdict) -> (Outcome, Decision, String) {
    let result = verdict.platforms[0].rules.iter().find(|result| result.rule == "signatures").unwrap();
    (result.outcome, result.decision(), result.reason.clone())
}

#[test]
fn each_policy_has_its_own_search_and_its_own_trust() {
    let mut world = World::new();
    world.sign_by_key();
    world.sign_keyless(&Leaf::default(), LogVersion::V2);
    let (root, by_key, by_identity) = (world.root(), world.by_key(), by_identity(""));
    let rootless = policy_named("rootless", &by_identity_entry(""));
    let evidence = world.evidence(&[
        UnderPolicy { policy: &by_key, root: Err("not needed") },
        UnderPolicy { policy: &by_identity, root: Ok(&root) },
        UnderPolicy { policy: &rootless, root: Err("none is configured") },
    ]);
    let outcome = |policies: &[&Policy]| {
        let set = PolicySet::new(policies.iter().map(|policy| (*policy).clone()));
        evaluate(&set, &evidence, &[], &DenyList::none(), now()).decision
    };
    assert_eq!(outcome(&[&by_key, &by_identity]), Decision::Allow);
    // The certificate was verified for one of them, which does not count for the other.
    assert_eq!(outcome(&[&by_identity, &rootless]), Decision::Indeterminate);
    let Some(Signatures::Collected(found)) = evidence.signatures.get(&rootless) else { panic!() };
    assert_eq!((found.verified.len(), found.undecided.len()), (0, 2), "{found:?}");
}

#[test]
fn a_signature_without_a_key_is_verified_with_the_trusted_root() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut world = World::new();
        world.sign_keyless(&Leaf::default(), version);
        let root = world.root();
        let wanted = by_identity(", claims: { source-ref: refs/heads/main }");
        let found = world.collected(&wanted, Ok(&root));
        assert_eq!((found.verified.len(), found.root), (1, Some(root.digest())));
        let verdict = world.gathered(&wanted, Ok(&root)).1;
        assert_eq!(signatures(&verdict).0, Outcome::Pass);
        let records = &verdict.platforms[0].evidence;
        assert!(records.iter().any(|record| record.kind == "trusted-root" && record.digest == root.digest()));
        assert_eq!(records.iter().filter(|record| record.kind == "signature").count(), 1);
    }
}

#[test]
fn without_a_trusted_root_a_certificate_is_indeterminate_and_never_passes() {
    let mut world = World::new();
    world.sign_keyless(&Leaf::default(), LogVersion::V2);
    let found = world.collected(&by_identity(""), Err("the cache has expired"));
    assert_eq!((found.verified.len(), found.rejected.len(), found.undecided.len()), (0, 0, 1));
    let verdict = world.gathered(&by_identity(""), Err("the cache has expired")).1;
    let (outcome, decision, reason) = signatures(&verdict);
    assert_eq!((outcome, decision), (Outcome::Unknown, Decision::Indeterminate));
    assert!(reason.contains("the cache has expired"), "{reason}");
    // A policy with keys can decide about it.
    let (outcome, _, reason) = signatures(&world.gathered(&world.by_key(), Err("not needed")).1);
    assert_eq!(outcome, Outcome::Fail);
    assert!(reason.contains("a certificate"), "{reason}");
}

#[test]
fn certificates_of_others_do_not_count_and_do_no_harm() {
    let mut world = World::new();
    let root = world.root();
    let evil = Leaf { subject: "https://evil.example/x".into(), ..Leaf::default() };
    world.sign_keyless(&evil, LogVersion::V2);
    let other_claim = Leaf { claims: vec![(14, "refs/heads/dev".into())], ..Leaf::default() };
    world.sign_keyless(&other_claim, LogVersion::V2);
    let own = std::mem::take(&mut world.instance);
    world.sign_keyless(&Leaf::default(), LogVersion::V2);
    world.instance = own;
    let wanted = by_identity(", claims: { source-ref: refs/heads/main }");
    let found = world.collected(&wanted, Ok(&root));
    assert_eq!((found.verified.len(), found.rejected.len(), found.undecided.len()), (0, 3, 0), "{found:?}");
    assert_eq!(signatures(&world.gathered(&wanted, Ok(&root)).1).0, Outcome::Fail);
    world.sign_keyless(&Leaf::default(), LogVersion::V2);
    assert_eq!(signatures(&world.gathered(&wanted, Ok(&root)).1).0, Outcome::Pass);
}

#[test]
fn older_formats_under_tags_count_as_what_they_were_made_for() {
    let world = World::new();
    world.attest_older("https://spdx.dev/Document");
    let (outcome, _, reason) = signatures(&world.gathered(&world.by_key(), Err("")).1);
    assert_eq!(outcome, Outcome::Fail);
    assert!(reason.contains("is not a signature"), "{reason}");

    world.sign_older(&world.digest(), &Pair::new());
    let (outcome, _, reason) = signatures(&world.gathered(&world.by_key(), Err("")).1);
    assert_eq!(outcome, Outcome::Fail);
    assert!(
        reason.contains("does not verify with key"),
        "what is wrong with the signature comes first: {reason}"
    );
    world.sign_older(&Digest::sha256(b"another image"), &world.key);
    assert_eq!(signatures(&world.gathered(&world.by_key(), Err("")).1).0, Outcome::Fail);
    world.sign_older(&world.digest(), &world.key);
    assert_eq!(signatures(&world.gathered(&world.by_key(), Err("")).1).0, Outcome::Pass);
    // The certificate that an older signature may contain does not matter for a key.
    let wrong = signatures(&world.gathered(&by_identity(""), Ok(&world.root())).1);
    assert_eq!(wrong.0, Outcome::Fail, "{}", wrong.2);
}

#[test]
fn an_older_signature_without_a_key_counts_for_its_identity() {
    let mut world = World::new();
    let root = world.root();
    world.sign_older_keyless(&Leaf { subject: "https://evil.example/x".into(), ..Leaf::default() });
    assert_eq!(signatures(&world.gathered(&by_identity(""), Ok(&root)).1).0, Outcome::Fail);
    world.sign_older_keyless(&Leaf::default());
    let found = world.collected(&by_identity(""), Ok(&root));
    assert_eq!(found.verified[0].times().len(), 1, "the log's promise says when: {found:?}");
    assert_eq!(signatures(&world.gathered(&by_identity(""), Ok(&root)).1).0, Outcome::Pass);
    let verdict = world.gathered(&by_identity(""), Err("no root")).1;
    assert_eq!(signatures(&verdict).1, Decision::Indeterminate);
}

#[test]
fn older_tags_are_only_searched_for_if_the_referrers_are_not_enough() {
    let world = World::new();
    let tags = |world: &World| world.registry.requests_to("*/manifests/sha256-*.*").len();
    world.sign_by_key();
    world.registry.clear_requests();
    assert_eq!(signatures(&world.gathered(&world.by_key(), Err("")).1).0, Outcome::Pass);
    assert_eq!(tags(&world), 0);
    assert_eq!(signatures(&world.gathered(&by_identity(""), Ok(&world.root())).1).0, Outcome::Fail);
    assert!(tags(&world) > 0);
}

#[test]
fn a_failed_search_is_never_reported_as_no_signatures() {
    for fault in [
        Fault::Status(500),
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(429),
        Fault::Close,
        Fault::HalfThenClose,
        Fault::TruncatedJson,
    ] {
        for place in ["*/manifests/sha256-*.sig", "*/manifests/sha256-*.att", "*/referrers/*"] {
            let world = World::new();
            world.attest_older("https://spdx.dev/Document");
            world.sign_older(&world.digest(), &world.key);
            world.registry.misbehave(place, fault.clone());
            let (found, verdict) = world.gathered(&world.by_key(), Err(""));
            let (outcome, decision, reason) = signatures(&verdict);
            assert!(matches!(found, Signatures::Unavailable { .. }), "{fault:?} {place}: {found:?}");
            assert_eq!(
                (outcome, decision),
                (Outcome::Unknown, Decision::Indeterminate),
                "{fault:?} {place}: {reason}"
            );
        }
    }
}

#[test]
fn a_policy_without_signers_still_reports_whether_there_is_a_signature() {
    let world = World::new();
    let builtin = Policy::builtin();
    assert_eq!(signatures(&world.gathered(&builtin, Err("")).1).2, "it is not signed");
    world.sign_older(&world.digest(), &world.key);
    let (outcome, _, reason) = signatures(&world.gathered(&builtin, Err("")).1);
    assert_eq!(outcome, Outcome::Unknown);
    assert!(reason.contains("names nobody"), "{reason}");
}

/// What a limit excluded may be the missing signature. This is unknown, and does not count against the image.
#[test]
fn a_bundle_beyond_a_limit_leaves_the_verdict_open_and_hides_nothing() {
    let world = World::new();
    world.sign_by_key();
    let stranger =
        policy(&format!("{{ name: stranger, key: {{ pem: {} }} }}", json!(Pair::new().public_pem())));
    let limited = |name: &str| {
        let mut limits = Limits::default();
        limits.set(name, "50").unwrap();
        limits
    };
    for name in ["bundle_bytes", "statement_bytes", "bundles_bytes"] {
        let (found, verdict) = world.gathered_within(&world.by_key(), Err("none"), &limited(name));
        let Signatures::Collected(found) = found else { panic!("{found:?}") };
        assert!(found.truncated && found.verified.is_empty(), "{name}");
        assert_eq!(signatures(&verdict).0, Outcome::Unknown, "{name}");
        assert_eq!(verdict.decision, Decision::Indeterminate, "{name}");
    }
    // Within the limits it counts; for somebody else it is not a signature.
    assert_eq!(signatures(&world.gathered(&world.by_key(), Err("none")).1).0, Outcome::Pass);
    assert_eq!(signatures(&world.gathered(&stranger, Err("none")).1).0, Outcome::Fail);
}

/// A caller that wants the statements themselves also gets those under older tags. One that has enough does not search
/// for them.
#[test]
fn a_search_for_all_statements_reads_every_place_and_one_for_enough_only_the_first() {
    const KIND: &str = "https://example.org/p";
    let world = World::new();
    world.attach_by_key(KIND);
    world.attest_older(KIND);
    let OpenedSubject::Image { source, .. } = world.open() else { panic!("no image") };
    let keys = [TrustedKey::from(PublicKey::from_pem(world.key.public_pem().as_bytes()).unwrap())];
    let requirements = Requirements { logs: None, ..Requirements::default() };
    let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now: now() };
    let found = |extent| {
        let wanted = AttachmentQuery { is: &|kind| kind == KIND, extent };
        attached(source.as_ref(), &world.digest(), &check, wanted, &Limits::default()).unwrap()
    };
    let enough = |found: &Attached| !found.verified.is_empty();
    assert_eq!(found(Extent::Until(&enough)).verified.len(), 1);
    assert_eq!(world.registry.requests_to("GET */manifests/*.att").len(), 0);
    let all = found(Extent::Everything);
    assert_eq!((all.verified.len(), all.rejected.len()), (2, 0));
    assert_eq!(all.signers(), 1, "the same key twice is one signer");
}

//! Attested VEX under policies: what cannot be verified may be a correction, so that the search is incomplete.

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
use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Cancel, Digest, Limits, Timestamp};
use plimsoll_gather::{
    Access, Collection, Registries, StandardInput, Subject, UnderPolicy, evidence, layers, open,
};
use plimsoll_policy::{DenyList, Policy, VexFacts};
use plimsoll_registry::{Clients, RegistryConfig};
use plimsoll_testkit::sigstore::{Holder, Leaf, LogVersion, Pair, Sigstore};
use plimsoll_testkit::{Artifact, ImageBuilder, Layer, Registry, attachment};
use plimsoll_verify::{BUNDLE_V0_3, Statement, Subject as About, TrustedRoot};
use plimsoll_vuln::Database;
use serde_json::{Value, json};

const OPENVEX: &str = "https://openvex.dev/ns/v0.2.0";

struct World {
    registry: Registry,
    image: Artifact,
    instance: Sigstore,
}

impl World {
    fn new() -> Self {
        let registry = Registry::start();
        let image = ImageBuilder::new().layer(Layer::new().file("srv/app.txt", "a")).build();
        image.push(&registry, "app", "1");
        Self { registry, image, instance: Sigstore::new() }
    }

    /// Attaches VEX, signed by the holder of a certificate.
    fn by_identity(&mut self, holder: &Holder) -> Value {
        let statement =
            Statement::new(About::new("", &self.image.digest()), OPENVEX, json!({"@context": OPENVEX}));
        self.instance.attest(holder, &statement.to_json(), LogVersion::V1)
    }

    /// The same, by the key behind the certificate, in the log or not.
    fn by_key(&mut self, holder: &Holder, is_logged: bool) -> Value {
        let mut bundle = self.by_identity(holder);
        let envelope = &bundle["dsseEnvelope"];
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let hash = Digest::sha256(&payload).hex();
        let verifier = STANDARD.encode(holder.key.public_pem());
        let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": hash},
            "payloadHash": {"algorithm": "sha256", "value": hash},
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": verifier}],
        }});
        bundle["verificationMaterial"] = json!({"publicKey": {"hint": ""}});
        if is_logged {
            let at = now().as_second() - 60;
            let entry = self.instance.log.append("dsse", "0.0.1", &body, LogVersion::V1, at);
            bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        }
        bundle
    }

    fn attach(&self, bundle: &Value) {
        let bytes = bundle.to_string().into_bytes();
        attachment(&self.image.top, BUNDLE_V0_3, BUNDLE_V0_3, &bytes).push_by_digest(&self.registry, "app");
    }

    fn found(&self, policy: &Policy, root: Result<&TrustedRoot, &str>) -> VexFacts {
        let http = plimsoll_http::Settings { retries: 0, ..plimsoll_http::Settings::default() };
        let access = Access {
            clients: Clients::new(http),
            registries: Registries::new(|| Ok(RegistryConfig::none())),
            cloud: Cloud::from_env(Mode::Off, |_| None, plimsoll_core::clock::now),
            cache: None,
            layer_cache: None,
            environment: |_| None,
            limits: Limits::default(),
            cancel: Cancel::never(),
            stdin: StandardInput::Closed,
        };
        let name = self.registry.reference("app", &self.image.digest().to_string());
        let collection = Collection {
            requested: &name,
            platform: None,
            policies: &[UnderPolicy { policy, root }],
            denials: &DenyList::none(),
            evidence_repository: None,
            database: &Database::open("/nonexistent".as_ref()),
            now: now(),
            layers: &layers(&Limits::default()),
            progress: &(),
            cancel: &Cancel::never(),
        };
        evidence(&open(&Subject::parse(&name).unwrap(), &access).unwrap(), &collection).unwrap().remove(0).vex
    }
}

fn now() -> Timestamp {
    plimsoll_testkit::sigstore::now()
}

fn policy(signers: &str) -> Policy {
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: p }}\nspec:\n  phase: pilot\n  \
         vulnerabilities: {{ vex: {{ signedBy: [{signers}] }} }}\n"
    );
    Policy::parse(text.as_bytes(), "p.yaml", &()).unwrap()
}

#[test]
fn what_only_a_trusted_root_would_show_makes_the_search_incomplete() {
    let mut world = World::new();
    let leaf = Leaf::default();
    let holder = world.instance.leaf(&leaf);
    let root = TrustedRoot::parse(world.instance.trusted_root().to_string().as_bytes()).unwrap();
    let identity = format!(
        "{{ name: workflow, identity: {{ issuer: '{}', subject: '{}' }} }}",
        leaf.issuer, leaf.subject
    );
    let key = |pair: &Pair, more: &str| {
        policy(&format!("{{ name: psirt, key: {{ pem: {}{more} }} }}, {identity}", json!(pair.public_pem())))
    };
    let (logged, plain) = (key(&holder.key, ", transparencyLog: true"), key(&holder.key, ""));
    let none = Err("no root is configured");
    let incomplete = |facts: VexFacts| facts.incomplete;

    // By a key that has to be logged, and is not: no root helps.
    let unlogged = world.by_key(&holder, false);
    world.attach(&unlogged);
    let facts = world.found(&logged, none);
    assert_eq!((facts.refused.len(), facts.incomplete), (1, None));
    // The same, in a log that cannot be verified.
    let in_log = world.by_key(&holder, true);
    world.attach(&in_log);
    let why = incomplete(world.found(&logged, none)).expect("it may be a correction");
    assert!(why.contains("without a trusted root (no root is configured)"), "{why}");
    assert_eq!(incomplete(world.found(&plain, none)), None, "it counts");
    assert_eq!(incomplete(world.found(&logged, Ok(&root))), None);

    let mut world = World { instance: world.instance, ..World::new() };
    let by_identity = world.by_identity(&holder);
    world.attach(&by_identity);
    let why = incomplete(world.found(&plain, none)).expect("it may be a correction");
    assert!(why.contains("without a trusted root (no root is configured)"), "{why}");
    assert_eq!(incomplete(world.found(&plain, Ok(&root))), None);
}

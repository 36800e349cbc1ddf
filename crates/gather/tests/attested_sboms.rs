//! Attested SBOMs: which ones stand for the files of an image, and which must not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Algorithm, Cancel, Digest, Limits, Timestamp};
use plimsoll_gather::{
    Access, Collection, OpenedSubject, Registries, StandardInput, Subject, UnderPolicy, evidence, inventory,
    layers, open,
};
use plimsoll_image::{Descriptor, Referrers, Source};
use plimsoll_policy::{
    Decision, DenyList, Detail, Evidence, Outcome, Policy, PolicySet, RuleResult, Verdict, evaluate,
};
use plimsoll_registry::{Clients, RegistryConfig};
use plimsoll_sbom::{
    Build, Completeness, Document, DocumentSubject, Inventory, Problem, ProblemCode, formats,
};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Pair, Sigstore, pae};
use plimsoll_testkit::{Artifact, Fault, ImageBuilder, IndexBuilder, Layer, Registry, attachment};
use plimsoll_verify::{BUNDLE_V0_3, COSIGN_SIGN_V1, Statement, Subject as About, TrustedRoot};
use plimsoll_vuln::Database;
use serde_json::{Value, json};

const SPDX: &str = "https://spdx.dev/Document";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const DPKG: &str = "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\nDescription: shell\n\n\
    Package: dash\nStatus: install ok installed\nVersion: 0.5.12-2\nArchitecture: amd64\nDescription: shell\n\n";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// An image of two layers in a registry, and two signers: one for images, one for SBOMs.
struct World {
    registry: Registry,
    image: Artifact,
    release: Pair,
    builder: Pair,
    instance: Sigstore,
}

impl World {
    fn new() -> Self {
        let registry = Registry::start();
        let base = Layer::new()
            .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
            .file("var/lib/dpkg/status", DPKG);
        let image = ImageBuilder::new().layer(base).layer(Layer::new().file("srv/app.txt", "a")).build();
        image.push(&registry, "app", "1");
        Self { registry, image, release: Pair::new(), builder: Pair::new(), instance: Sigstore::new() }
    }

    fn digest(&self) -> Digest {
        self.image.digest()
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::parse(self.instance.trusted_root().to_string().as_bytes()).unwrap()
    }

    fn name(&self, digest: &Digest) -> String {
        self.registry.reference("app", &digest.to_string())
    }

    /// What is in the image, from its files.
    fn inventory(&self) -> Inventory {
        let image = opened(&self.name(&self.digest()));
        let read = inventory(&image, None, &layers(&Limits::default()), &(), &Cancel::never()).unwrap();
        let inventory = read.into_owned();
        assert!(inventory.is_complete() && inventory.components.len() == 2, "{inventory:?}");
        inventory
    }

    fn document(&self, format: &str, inventory: &Inventory, states: Completeness) -> Vec<u8> {
        document_about(format, inventory, states, Some(self.digest()))
    }

    /// A complete document of the image as CycloneDX.
    fn complete(&self) -> Value {
        let inventory = self.inventory();
        serde_json::from_slice(&self.document("cyclonedx-json", &inventory, Completeness::Complete)).unwrap()
    }

    fn statement(&self, predicate_type: &str, predicate: Value) -> Statement {
        Statement::new(About::new("", &self.digest()), predicate_type, predicate)
    }

    fn attest(&self, key: &Pair, statement: &Statement) -> Digest {
        let bundle = by_key(key, statement);
        self.attach(&bundle)
    }

    fn attach(&self, bundle: &Value) -> Digest {
        let bytes = bundle.to_string().into_bytes();
        attachment(&self.image.top, BUNDLE_V0_3, BUNDLE_V0_3, &bytes).push_by_digest(&self.registry, "app");
        Digest::sha256(&bytes)
    }

    fn policy(&self, more: &str) -> Policy {
        let builder =
            format!("{{ name: sbom builder, key: {{ pem: {} }} }}", json!(self.builder.public_pem()));
        self.policy_by("p", &builder, more)
    }

    fn policy_by(&self, name: &str, attested_by: &str, more: &str) -> Policy {
        let release = json!(self.release.public_pem());
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nspec:\n  phase: pilot\n  \
             vulnerabilities: {{ block: [], onUnknown: warn }}\n  \
             signatures: {{ required: false, anyOf: [{{ name: release, key: {{ pem: {release} }} }}] }}\n  \
             sbom: {{ required: true, attestedBy: [{attested_by}] }}\n{more}"
        );
        Policy::parse(text.as_bytes(), "p.yaml", &()).unwrap()
    }

    fn judge(&self, policy: &Policy) -> Judged {
        self.judge_with(&[(policy, Err("none"))], &DenyList::none(), &Limits::default())
    }

    fn judge_with(
        &self,
        policies: &[(&Policy, Result<&TrustedRoot, &str>)],
        denials: &DenyList,
        limits: &Limits,
    ) -> Judged {
        self.judge_named(&self.name(&self.digest()), policies, denials, limits)
    }

    fn judge_named(
        &self,
        name: &str,
        policies: &[(&Policy, Result<&TrustedRoot, &str>)],
        denials: &DenyList,
        limits: &Limits,
    ) -> Judged {
        let under: Vec<UnderPolicy<'_>> =
            policies.iter().map(|(policy, root)| UnderPolicy { policy, root: *root }).collect();
        let image = opened(name);
        self.registry.clear_requests();
        let evidence = evidence(
            &image,
            &Collection {
                requested: name,
                platform: None,
                policies: &under,
                denials,
                evidence_repository: None,
                database: &Database::open("/nonexistent".as_ref()),
                now: now(),
                layers: &layers(limits),
                progress: &(),
                cancel: &Cancel::never(),
            },
        )
        .unwrap()
        .remove(0);
        let set = PolicySet::new(policies.iter().map(|(policy, _)| (*policy).clone()));
        let verdict = evaluate(&set, &evidence, &[], denials, now());
        Judged { pulled: self.pulled(), evidence, verdict }
    }

    /// How many layers were asked for.
    fn pulled(&self) -> usize {
        let layers = self.image.image().layers.iter();
        layers.map(|layer| self.registry.requests_to(&format!("*/blobs/{}", layer.digest())).len()).sum()
    }
}

fn opened(name: &str) -> OpenedSubject {
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
    open(&Subject::parse(name).unwrap(), &access).unwrap()
}

fn document_about(
    format: &str,
    inventory: &Inventory,
    states: Completeness,
    manifest: Option<Digest>,
) -> Vec<u8> {
    let subject = DocumentSubject { name: "app".to_owned(), manifest, ..DocumentSubject::default() };
    let document =
        Document { inventory, subject, created: now(), tool_version: "1", build: Build::default(), states };
    let mut bytes = Vec::new();
    formats().find(|known| known.id() == format).unwrap().write(&document, &mut bytes).unwrap();
    bytes
}

fn by_key(key: &Pair, statement: &Statement) -> Value {
    let (kind, payload) = ("application/vnd.in-toto+json", statement.to_json());
    json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload), "payloadType": kind,
            "signatures": [{"sig": STANDARD.encode(key.sign(&pae(kind, &payload)))}],
        },
    })
}

struct Judged {
    /// How many layers were pulled.
    pulled: usize,
    evidence: Evidence,
    verdict: Verdict,
}

impl Judged {
    fn rule(&self, name: &str) -> &RuleResult {
        self.verdict.platforms[0].rules.iter().find(|result| result.rule == *name).unwrap()
    }

    /// Asserts that the image was read, and nothing else counts as its content.
    #[track_caller]
    fn was_read_because(&self, why: &str) {
        assert_eq!(self.pulled, 2, "the layers have to be read: {}", self.rule("sbom").reason);
        let sbom = self.rule("sbom");
        assert_eq!(sbom.outcome, Outcome::Pass, "{}", sbom.reason);
        assert!(sbom.reason.contains(&format!("read from its files: {why}")), "{}", sbom.reason);
        assert!(!sbom.details.iter().any(|detail| matches!(detail, Detail::AttestedSbom { .. })));
        let records = &self.verdict.platforms[0].evidence;
        assert!(!records.iter().any(|record| record.kind == "attested-sbom"), "{records:?}");
    }

    #[track_caller]
    fn was_not_read(&self) -> &Detail {
        let sbom = self.rule("sbom");
        assert_eq!((self.pulled, sbom.outcome), (0, Outcome::Pass), "{} {:?}", sbom.reason, sbom.details);
        sbom.details.iter().find(|detail| matches!(detail, Detail::AttestedSbom { .. })).unwrap()
    }
}

#[test]
fn an_image_with_a_complete_sbom_by_a_named_signer_is_not_pulled() {
    let world = World::new();
    let inventory = world.inventory();
    let forms = [
        ("spdx-json", SPDX),
        ("spdx-json-ld", SPDX),
        ("spdx-tag-value", SPDX),
        ("cyclonedx-json", CYCLONEDX),
        ("cyclonedx-xml", CYCLONEDX),
    ];
    for (format, predicate_type) in forms {
        let world = World {
            registry: Registry::start(),
            builder: Pair::new(),
            release: Pair::new(),
            instance: Sigstore::new(),
            image: world.image.clone(),
        };
        world.image.push(&world.registry, "app", "1");
        let bytes = world.document(format, &inventory, Completeness::Complete);
        let text = String::from_utf8(bytes).unwrap();
        let predicate = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
        let bundle = world.attest(&world.builder, &world.statement(predicate_type, predicate));
        let judged = world.judge(&world.policy(""));
        let Detail::AttestedSbom {
            authority,
            by,
            bundle: used,
            signed,
            predicate_type: told,
            format,
            created,
            ..
        } = judged.was_not_read()
        else {
            panic!()
        };
        assert_eq!((authority.as_str(), *used, *signed), ("sbom builder", bundle, world.digest()));
        assert_eq!((told.as_str(), *created), (predicate_type, Some(now())));
        assert!(by.key.is_some() && by.signed_at.is_empty(), "{by:?}");
        let reason = &judged.rule("sbom").reason;
        let expected = format!(
            "2 components on debian-12, as sbom builder attests in {format}, signed at an unknown time"
        );
        assert_eq!(*reason, expected);
        let records = &judged.verdict.platforms[0].evidence;
        assert!(records.iter().any(|record| record.kind == "attested-sbom" && record.digest == bundle));
    }
}

#[test]
fn no_attested_sbom_counts_unless_the_policy_names_a_signer() {
    let world = World::new();
    world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
    let judged = world.judge(&world.policy_by("p", "", ""));
    assert_eq!(judged.pulled, 2);
    assert!(judged.rule("sbom").reason.ends_with("read from its files"), "{}", judged.rule("sbom").reason);
}

#[test]
fn a_key_for_images_or_anything_else_attests_no_sbom() {
    let world = World::new();
    world.attest(&world.release, &world.statement(COSIGN_SIGN_V1, json!({})));
    world.attest(&world.release, &world.statement(CYCLONEDX, world.complete()));
    let judged = world.judge(&world.policy(""));
    judged.was_read_because("the attested SBOM does not count");
    // The reason is still given.
    let refused = judged.rule("sbom").details.iter();
    assert_eq!(refused.filter(|detail| matches!(detail, Detail::RefusedSignature { .. })).count(), 1);
}

#[test]
fn an_image_signature_by_the_sbom_builder_is_not_an_sbom() {
    let world = World::new();
    // The same document, but signed as something else.
    for kind in
        [COSIGN_SIGN_V1, "https://slsa.dev/provenance/v1", "https://cosign.sigstore.dev/attestation/v1"]
    {
        world.attest(&world.builder, &world.statement(kind, world.complete()));
    }
    world.judge(&world.policy("")).was_read_because("no attested SBOM was found");
}

#[test]
fn a_document_of_another_standard_than_stated_does_not_count() {
    let world = World::new();
    let spdx = world.document("spdx-json", &world.inventory(), Completeness::Complete);
    // `verify` itself refuses most of them by their form; a text can be of either standard.
    let text = Value::from(String::from_utf8(spdx).unwrap());
    world.attest(&world.builder, &world.statement(CYCLONEDX, json!({"Data": text})));
    world.judge(&world.policy("")).was_read_because("the attested SBOM does not count");
}

#[test]
fn a_statement_about_several_subjects_does_not_count() {
    let world = World::new();
    let mut statement = world.statement(CYCLONEDX, world.complete());
    statement.subjects.push(About::new("", &Digest::sha256(b"another image")));
    world.attest(&world.builder, &statement);
    world
        .judge(&world.policy(""))
        .was_read_because("the attested SBOM does not count: it is about 2 subjects");
}

#[test]
fn an_sbom_of_another_image_does_not_count_even_if_it_is_attached_here() {
    let world = World::new();
    let other = Digest::sha256(b"another image");
    let about_other = Statement::new(About::new("", &other), CYCLONEDX, world.complete());
    world.attest(&world.builder, &about_other);
    world.judge(&world.policy("")).was_read_because("the attested SBOM does not count");
    // The statement is about this image, the document in it is not.
    let world = World::new();
    let document = document_about("cyclonedx-json", &world.inventory(), Completeness::Complete, Some(other));
    let statement = world.statement(CYCLONEDX, serde_json::from_slice(&document).unwrap());
    world.attest(&world.builder, &statement);
    let why = format!("the attested SBOM does not count: its document is about {other}");
    world.judge(&world.policy("")).was_read_because(&why);
    // A digest by another algorithm cannot be compared with the manifest's.
    let world = World::new();
    let sha512 = Digest::compute(Algorithm::Sha512, &world.image.top.bytes);
    let document = document_about("cyclonedx-json", &world.inventory(), Completeness::Complete, Some(sha512));
    let statement = world.statement(CYCLONEDX, serde_json::from_slice(&document).unwrap());
    world.attest(&world.builder, &statement);
    world
        .judge(&world.policy(""))
        .was_read_because("the attested SBOM does not count: its document is about");
}

#[test]
fn an_sbom_of_the_index_does_not_count_for_a_platform() {
    let world = World::new();
    let index = IndexBuilder::new().image(world.image.clone()).build();
    index.push(&world.registry, "app", "many");
    let statement = Statement::new(About::new("", &index.digest()), CYCLONEDX, world.complete());
    let bundle = by_key(&world.builder, &statement).to_string();
    attachment(&index.top, BUNDLE_V0_3, BUNDLE_V0_3, bundle.as_bytes())
        .push_by_digest(&world.registry, "app");
    let policy = world.policy("");
    let name = world.name(&index.digest());
    let judged = world.judge_named(&name, &[(&policy, Err("none"))], &DenyList::none(), &Limits::default());
    judged.was_read_because("the attested SBOM does not count: it is attached to the index");
    // The statement is about the platform, but the document says that this is an index.
    let world = World::new();
    let mut document = world.complete();
    let media_type = "application%2Fvnd.oci.image.index.v1%2Bjson";
    document["metadata"]["component"]["purl"] =
        format!("pkg:oci/app@{}?mediaType={media_type}", world.digest()).into();
    world.attest(&world.builder, &world.statement(CYCLONEDX, document));
    let why = "the attested SBOM does not count: its document is about an index";
    world.judge(&world.policy("")).was_read_because(why);
}

#[test]
fn a_document_that_does_not_state_that_it_is_complete_does_not_count() {
    for (states, why) in [
        (Completeness::Unstated, "its document does not state that it is complete"),
        (Completeness::Incomplete, "its document states that it is incomplete"),
    ] {
        let world = World::new();
        for (format, kind) in [("cyclonedx-json", CYCLONEDX), ("spdx-json", SPDX)] {
            let document = world.document(format, &world.inventory(), states);
            world.attest(&world.builder, &world.statement(kind, serde_json::from_slice(&document).unwrap()));
        }
        let why = format!("no attested SBOM counts, of 2 found: {why}");
        world.judge(&world.policy("")).was_read_because(&why);
    }
}

type Change = fn(&mut Value);

#[test]
fn a_claim_of_completeness_does_not_outweigh_problems_in_the_document() {
    let hostile: [(&str, Change); 5] = [
        ("components may be missing in its document: os-inventory-broken", |document| {
            let problem = Problem::new(ProblemCode::OsInventoryBroken, "var/lib/dpkg/status", "is cut off");
            let problem = serde_json::to_string(&problem).unwrap();
            document["metadata"]["properties"] = json!([{"name": "plimsoll:problem", "value": problem}]);
        }),
        ("components may be missing in its document: layer-digest-not-computed", |document| {
            let problem = Problem::new(ProblemCode::LayerDigestNotComputed, "", "read in part");
            let problem = serde_json::to_string(&problem).unwrap();
            document["metadata"]["properties"] = json!([{"name": "plimsoll:problem", "value": problem}]);
        }),
        ("components may be missing in its document: missing-purl", |document| {
            document["components"].as_array_mut().unwrap().push(json!({"type": "library", "name": "x"}));
        }),
        ("components may be missing in its document: os-inventory-missing", |document| {
            document["components"].as_array_mut().unwrap().retain(|one| one["type"] == "operating-system");
        }),
        ("components may be missing in its document: unknown-os", |document| {
            document["components"] = json!([]);
        }),
    ];
    for (why, change) in hostile {
        let world = World::new();
        let mut document = world.complete();
        change(&mut document);
        assert_eq!(document["compositions"][0]["aggregate"], "complete");
        world.attest(&world.builder, &world.statement(CYCLONEDX, document));
        world.judge(&world.policy("")).was_read_because(&format!("the attested SBOM does not count: {why}"));
    }
}

#[test]
fn a_complete_sbom_of_something_else_is_not_the_content_of_an_image() {
    let hostile: [(&str, Change); 3] = [
        // What `sbom` writes for a folder of sources.
        ("its document does not say that it is about an image", |document| {
            document["metadata"]["component"] =
                json!({"type": "application", "bom-ref": "app", "name": "app", "version": "1"});
            document["components"] = json!([{"type": "library", "bom-ref": "x", "name": "x", "version": "1",
                "purl": "pkg:npm/x@1"}]);
            document["compositions"] = json!([{"aggregate": "complete", "assemblies": ["app"]}]);
            document["dependencies"] = json!([]);
        }),
        ("its document does not say that it is about an image", |document| {
            document["metadata"]["component"] = Value::Null;
        }),
        // Of some image.
        ("its document names neither this image nor its layers", |document| {
            document["metadata"]["component"] =
                json!({"type": "container", "bom-ref": "app", "name": "app", "version": "1"});
            document["compositions"] = json!([{"aggregate": "complete", "assemblies": ["app"]}]);
        }),
    ];
    for (why, change) in hostile {
        let world = World::new();
        let mut document = world.complete();
        change(&mut document);
        world.attest(&world.builder, &world.statement(CYCLONEDX, document));
        let judged = world.judge(&world.policy(""));
        assert_eq!(judged.pulled, 2, "{why}");
        let reason = &judged.rule("sbom").reason;
        assert!(
            reason.contains(why) || reason.contains("does not state that it is complete"),
            "{why}: {reason}"
        );
    }
}

#[test]
fn an_image_is_read_if_anything_contradicts_an_sbom_that_counts() {
    let world = || {
        let world = World::new();
        world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
        world.judge(&world.policy("")).was_not_read();
        world
    };
    let second = |world: &World, inventory: &Inventory, states| {
        let document = world.document("spdx-json", inventory, states);
        world.attest(&world.builder, &world.statement(SPDX, serde_json::from_slice(&document).unwrap()));
    };
    // The same signer found out later that something is missing.
    let incomplete = world();
    second(&incomplete, &incomplete.inventory(), Completeness::Incomplete);
    incomplete
        .judge(&incomplete.policy(""))
        .was_read_because("an attested SBOM by an accepted signer does not count: its document states that");
    // Findings depend on where a package is, and on what it is for.
    let moved = world();
    let mut elsewhere = moved.inventory();
    elsewhere.components[1].locations[0].path = "excluded/by/a/policy".to_owned();
    second(&moved, &elsewhere, Completeness::Complete);
    moved.judge(&moved.policy("")).was_read_because("attested SBOMs that count list different components");
    // Others may attach whatever they like: it does not contradict an SBOM that counts.
    let crowded = world();
    let document = crowded.document("spdx-json", &crowded.inventory(), Completeness::Incomplete);
    let document: Value = serde_json::from_slice(&document).unwrap();
    crowded.attest(&Pair::new(), &crowded.statement(SPDX, document));
    crowded.judge(&crowded.policy("")).was_not_read();
    // But attachments that cannot all be read may hide one that does.
    let mut limits = Limits::default();
    limits.referrers = 1;
    let policy = crowded.policy("");
    let judged = crowded.judge_with(&[(&policy, Err("none"))], &DenyList::none(), &limits);
    assert_eq!(judged.pulled, 2, "{}", judged.rule("sbom").reason);
}

#[test]
fn an_empty_sbom_is_never_the_content_of_an_image() {
    let world = World::new();
    let problem = Problem::new(ProblemCode::NoOs, "", "made from scratch");
    let empty = Inventory { problems: vec![problem], ..Inventory::default() };
    let document = world.document("spdx-json", &empty, Completeness::Complete);
    world.attest(&world.builder, &world.statement(SPDX, serde_json::from_slice(&document).unwrap()));
    let why = "the attested SBOM does not count: its document lists no component";
    world.judge(&world.policy("")).was_read_because(why);
}

#[test]
fn an_sbom_of_other_layers_does_not_count() {
    let world = World::new();
    let mut inventory = world.inventory();
    let forged = LayerRef { diff_id: Digest::sha256(b"other content"), ..inventory.layers[1] };
    inventory.layers[1] = forged;
    let document = world.document("cyclonedx-json", &inventory, Completeness::Complete);
    world.attest(&world.builder, &world.statement(CYCLONEDX, serde_json::from_slice(&document).unwrap()));
    let why = "the attested SBOM does not count: its document does not list the image's layers";
    world.judge(&world.policy("")).was_read_because(why);
}

#[test]
fn if_digests_are_denied_an_sbom_must_list_the_layers() {
    let deny = |digest: &Digest| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: i}}\nspec: {{ digests: [{{ digest: '{digest}', reason: miner }}] }}\n"
        );
        DenyList::parse(text.as_bytes(), "d").unwrap()
    };
    let judge = |listed: bool, denied: &dyn Fn(&World) -> Digest| {
        let world = World::new();
        let mut inventory = world.inventory();
        if !listed {
            inventory.layers.clear();
        }
        let document = world.document("cyclonedx-json", &inventory, Completeness::Complete);
        world.attest(&world.builder, &world.statement(CYCLONEDX, serde_json::from_slice(&document).unwrap()));
        let policy = world.policy("");
        let denials = deny(&denied(&world));
        world.judge_with(&[(&policy, Err("none"))], &denials, &Limits::default())
    };
    let why =
        "the attested SBOM does not count: digests are denied, and its document does not list the layers";
    judge(false, &|_| Digest::sha256(b"miner")).was_read_because(why);
    judge(true, &|_| Digest::sha256(b"miner")).was_not_read();
    // The digests in manifest and configuration are enough to deny it, without reading.
    let layer = judge(true, &|world| world.image.image().layers[0].digest());
    assert_eq!((layer.pulled, layer.verdict.decision), (0, Decision::Deny));
    let content = judge(true, &|world| world.inventory().layers[0].diff_id);
    assert_eq!((content.pulled, content.verdict.decision), (0, Decision::Deny));
    // For another algorithm, the content must be hashed.
    let other = judge(true, &|_| Digest::compute(Algorithm::Sha512, b"miner"));
    assert_eq!(other.pulled, 2);
    assert!(other.rule("sbom").reason.ends_with("read from its files"), "{}", other.rule("sbom").reason);
}

#[test]
fn every_policy_has_to_accept_the_signer() {
    let mut world = World::new();
    let leaf = Leaf::default();
    let holder = world.instance.leaf(&leaf);
    let statement = world.statement(CYCLONEDX, world.complete());
    let by_builder = world.attest(&world.builder, &statement);
    let bundle = world.instance.attest(&holder, &statement.to_json(), LogVersion::V2);
    let by_identity = world.attach(&bundle);
    let (key, root) = (world.policy(""), world.root());
    let identity = format!(
        "{{ name: workflow, identity: {{ issuer: '{}', subject: '{}' }} }}",
        leaf.issuer, leaf.subject
    );
    let identity = world.policy_by("keyless", &identity, "");
    let nobody = world.policy_by("nobody", "", "");
    let judge = |policies: &[(&Policy, Result<&TrustedRoot, &str>)]| {
        world.judge_with(policies, &DenyList::none(), &Limits::default())
    };
    let used = |judged: &Judged| match judged.was_not_read() {
        Detail::AttestedSbom { bundle, by, .. } => (*bundle, by.signed_at.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(used(&judge(&[(&key, Ok(&root))])), (by_builder, 0));
    assert_eq!(used(&judge(&[(&identity, Ok(&root))])), (by_identity, 1));
    // A certificate that cannot be verified identifies nobody.
    judge(&[(&identity, Err("no root is configured"))])
        .was_read_because("no attested SBOM counts, of 2 found");
    // No signer satisfies both, and a policy that names nobody wants the image read.
    for policies in [[(&key, Ok(&root)), (&identity, Ok(&root))], [(&key, Ok(&root)), (&nobody, Ok(&root))]] {
        let judged = judge(&policies);
        assert_eq!(judged.pulled, 2, "{}", judged.rule("sbom").reason);
    }
    // Evidence for one policy does not count for another, wherever it comes from.
    let evidence = judge(&[(&key, Ok(&root))]).evidence;
    for other in [&identity, &nobody] {
        let verdict = evaluate(&PolicySet::from(other.clone()), &evidence, &[], &DenyList::none(), now());
        for rule in ["sbom", "vulnerabilities"] {
            let result = verdict.platforms[0].rules.iter().find(|result| result.rule == *rule).unwrap();
            assert_eq!(result.outcome, Outcome::Unknown, "{}", result.reason);
            assert!(result.reason.contains("not verified for policy"), "{}", result.reason);
        }
    }
}

#[test]
fn the_sbom_that_was_signed_last_is_used_and_a_contradiction_makes_the_image_be_read() {
    let mut world = World::new();
    let leaf = Leaf::default();
    let holder = world.instance.leaf(&leaf);
    let complete = world.statement(CYCLONEDX, world.complete());
    let spdx = world.document("spdx-json", &world.inventory(), Completeness::Complete);
    let spdx = world.statement(SPDX, serde_json::from_slice(&spdx).unwrap());
    let both = format!(
        "{{ name: sbom builder, key: {{ pem: {} }} }}, {{ name: workflow, identity: {{ issuer: '{}', subject: '{}' }} }}",
        json!(world.builder.public_pem()),
        leaf.issuer,
        leaf.subject
    );
    let policy = world.policy_by("p", &both, "");
    world.attest(&world.builder, &complete);
    let bundle = world.instance.attest(&holder, &spdx.to_json(), LogVersion::V1);
    let timed = world.attach(&bundle);
    world.attest(&world.builder, &spdx);
    let root = world.root();
    let judge =
        |world: &World| world.judge_with(&[(&policy, Ok(&root))], &DenyList::none(), &Limits::default());
    let judged = judge(&world);
    let Detail::AttestedSbom { bundle, authority, .. } = judged.was_not_read() else { panic!() };
    assert_eq!((*bundle, authority.as_str()), (timed, "workflow"), "an SBOM without a trusted time is older");
    // One more, by the same builder, that lists less.
    let mut less = world.inventory();
    less.components.pop();
    let less = world.document("spdx-json", &less, Completeness::Complete);
    world.attest(&world.builder, &world.statement(SPDX, serde_json::from_slice(&less).unwrap()));
    judge(&world).was_read_because("attested SBOMs that count list different components");
}

#[test]
fn an_expired_key_attests_nothing_and_the_verdict_ends_with_the_key() {
    let world = World::new();
    world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
    let until = |end: &str| {
        let pem = json!(world.builder.public_pem());
        world.policy_by("p", &format!("{{ name: sbom builder, key: {{ pem: {pem}, notAfter: {end} }} }}"), "")
    };
    world
        .judge(&until("2026-11-20T11:00:00Z"))
        .was_read_because("the attested SBOM does not count: the key of");
    let judged = world.judge(&until("2026-11-20T13:00:00Z"));
    judged.was_not_read();
    assert_eq!(judged.verdict.valid_until, Some("2026-11-20T13:00:00Z".parse().unwrap()));
}

#[test]
fn a_document_beyond_a_limit_is_not_read_and_the_image_is() {
    let limited = |lower: fn(&mut Limits)| {
        let mut limits = Limits::default();
        lower(&mut limits);
        limits
    };
    let limits = [
        limited(|limits| limits.statement_bytes = 1000),
        limited(|limits| limits.bundle_bytes = 1000),
        limited(|limits| limits.bundles_bytes = 1000),
        limited(|limits| limits.sbom_bytes = 1000),
        limited(|limits| limits.components = 1),
    ];
    let world = World::new();
    world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
    let policy = world.policy("");
    for limits in limits {
        let judged = world.judge_with(&[(&policy, Err("none"))], &DenyList::none(), &limits);
        assert_eq!(judged.pulled, 2, "{limits:?}");
        assert!(!judged.rule("sbom").details.iter().any(|it| matches!(it, Detail::AttestedSbom { .. })));
    }
    world.judge(&policy).was_not_read();
}

#[test]
fn a_registry_that_does_not_answer_makes_the_image_be_read() {
    let world = World::new();
    world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
    world.registry.misbehave("*/referrers/*", Fault::Status(500));
    world.judge(&world.policy("")).was_read_because("could not search for attested SBOMs: ");
}

#[test]
fn a_layout_on_disk_is_always_read() {
    let world = World::new();
    world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
    let folder = tempfile::tempdir().unwrap();
    world.image.write_layout(folder.path(), Some("1"));
    let policy = world.policy("");
    let OpenedSubject::Image { source, .. } = opened(&world.name(&world.digest())) else { panic!() };
    let name = format!("oci:{}", folder.path().display());
    let evidence = evidence(
        &opened(&name),
        &Collection {
            requested: &name,
            platform: None,
            policies: &[UnderPolicy { policy: &policy, root: Err("none") }],
            denials: &DenyList::none(),
            // The SBOM could be found.
            evidence_repository: Some(source.as_ref()),
            database: &Database::open("/nonexistent".as_ref()),
            now: now(),
            layers: &layers(&Limits::default()),
            progress: &(),
            cancel: &Cancel::never(),
        },
    );
    let verdict = evaluate(&PolicySet::from(policy), &evidence.unwrap()[0], &[], &DenyList::none(), now());
    let sbom = verdict.platforms[0].rules.iter().find(|result| result.rule == *"sbom").unwrap();
    assert!(sbom.reason.ends_with("read from its files"), "{}", sbom.reason);
}

/// A place in which looking for signatures ends in a defect of ours.
struct Broken;

impl Source for Broken {
    fn describe(&self) -> String {
        "broken".to_owned()
    }

    fn resolve(&self) -> Result<Descriptor, plimsoll_image::Error> {
        unreachable!("only referrers are asked for")
    }

    fn manifest(&self, _: &Descriptor) -> Result<Vec<u8>, plimsoll_image::Error> {
        unreachable!("only referrers are asked for")
    }

    fn blob(&self, _: &Descriptor) -> Result<Box<dyn Read + Send>, plimsoll_image::Error> {
        unreachable!("only referrers are asked for")
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, plimsoll_image::Error> {
        panic!("a defect")
    }
}

#[test]
fn a_search_that_panics_leaves_no_attested_sbom_and_the_image_is_read() {
    let world = World::new();
    world.attest(&world.builder, &world.statement(CYCLONEDX, world.complete()));
    let (policy, name) = (world.policy(""), world.name(&world.digest()));
    let evidence = evidence(
        &opened(&name),
        &Collection {
            requested: &name,
            platform: None,
            policies: &[UnderPolicy { policy: &policy, root: Err("none") }],
            denials: &DenyList::none(),
            evidence_repository: Some(&Broken),
            database: &Database::open("/nonexistent".as_ref()),
            now: now(),
            layers: &layers(&Limits::default()),
            progress: &(),
            cancel: &Cancel::never(),
        },
    );
    let verdict = evaluate(&PolicySet::from(policy), &evidence.unwrap()[0], &[], &DenyList::none(), now());
    let sbom = verdict.platforms[0].rules.iter().find(|result| result.rule == *"sbom").unwrap();
    assert!(sbom.reason.contains("could not search for attested SBOMs: internal error"), "{}", sbom.reason);
}

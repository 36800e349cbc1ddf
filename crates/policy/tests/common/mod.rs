//! Policies, evidence and waivers for the tests, signed with real keys where signatures matter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use plimsoll_core::{Algorithm, Digest, Limits, Timestamp};
use plimsoll_policy::{
    Collected, DatabaseFacts, DenyList, Evidence, ImageDigests, InventorySource, Policy, RuleResult,
    SbomFacts, SbomSearch, Signatures, SubjectFacts, SubjectKind, Verdict, VexFacts, VulnerabilityFacts,
    Waiver,
};
use plimsoll_verify::{
    BUNDLE_V0_3, Bundle, COSIGN_SIGN_V1, IN_TOTO_PAYLOAD, PublicKey, Statement, Subject, Verified, WAIVER_V1,
    statement_by_key,
};
use plimsoll_vuln::{FeedStatus, Finding, Fix, Gap, GapReason, LookedUp, Scan, Severity, SeveritySource};
use serde_json::{Value, json};
use sigstore_crypto::KeyPair;

pub const NOW: &str = "2026-11-20T12:00:00Z";
pub const NAME: &str = "registry.example/team/app";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn now() -> Timestamp {
    at(NOW)
}

pub fn after(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

pub struct Key {
    pair: KeyPair,
    pub public: PublicKey,
}

pub fn key() -> Key {
    let pair = KeyPair::generate_ecdsa_p256().unwrap();
    let public = PublicKey::from_spki_der(pair.public_key_der().unwrap().as_bytes()).unwrap();
    Key { pair, public }
}

impl Key {
    /// The key in a policy's notation, on one line.
    pub fn yaml(&self) -> String {
        format!("{{ pem: {} }}", json!(self.public.to_pem()))
    }

    /// Like [`Key::yaml`], with further members of the key.
    pub fn yaml_with(&self, more: &str) -> String {
        format!("{{ pem: {}, {more} }}", json!(self.public.to_pem()))
    }

    pub fn bundle(&self, statement: &Statement) -> Vec<u8> {
        let payload = statement.to_json();
        let head = format!("DSSEv1 {} {IN_TOTO_PAYLOAD} {} ", IN_TOTO_PAYLOAD.len(), payload.len());
        let pae = [head.as_bytes(), &payload].concat();
        json!({
            "mediaType": BUNDLE_V0_3,
            "verificationMaterial": {"publicKey": {"hint": STANDARD.encode(self.public.id().as_bytes())}},
            "dsseEnvelope": {
                "payload": STANDARD.encode(&payload),
                "payloadType": IN_TOTO_PAYLOAD,
                "signatures": [{"sig": STANDARD.encode(self.pair.sign(&pae).unwrap().as_bytes())}],
            },
        })
        .to_string()
        .into_bytes()
    }

    pub fn signature_of(&self, digest: &Digest) -> Verified<Statement> {
        self.statement(digest, COSIGN_SIGN_V1)
    }

    pub fn statement(&self, digest: &Digest, predicate_type: &str) -> Verified<Statement> {
        let statement = Statement::new(Subject::new("", digest), predicate_type, json!({}));
        let bundle = Bundle::parse(&self.bundle(&statement), &Limits::default()).unwrap();
        statement_by_key(&bundle, std::slice::from_ref(&self.public)).unwrap()
    }

    /// The bundle of a waiver as this key signs it.
    pub fn approve(&self, waiver: &Value) -> Vec<u8> {
        let subject = Subject::new("waiver", &Digest::sha256(waiver.to_string().as_bytes()));
        self.bundle(&Statement::new(subject, WAIVER_V1, waiver.clone()))
    }
}

/// A policy with this `spec`, each line of it one field.
pub fn policy_text(spec: &str) -> String {
    let lines: Vec<String> = spec.lines().map(|line| format!("  {}", line.trim_start())).collect();
    format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: test }}\nspec:\n{}\n",
        lines.join("\n")
    )
}

/// A policy with every field, and key files.
pub fn full() -> String {
    let digest = Digest::sha256(b"x");
    policy_text(&format!(
        "phase: beta
         match: {{ images: ['registry.example/team/**'] }}
         tier: core
         digest: {{ pinned: true }}
         registries: {{ allow: ['registry.example/**'] }}
         signatures: {{ required: true, threshold: 1, anyOf: [{{ name: release, key: {{ file: keys/release.pub, notBefore: 2026-01-01T00:00:00Z, notAfter: 2027-06-01T00:00:00Z }} }}] }}
         attestations: [{{ name: tests, predicateType: vuln, signedBy: [{{ name: ci, key: {{ file: keys/release.pub }} }}], threshold: 1, maxAge: 30d, conditions: [{{ path: /result, equals: PASSED, oneOf: [PASSED, 1, true], matches: 'P.*', contains: 1, atLeast: 0.5, atMost: 9, maxItems: 3, maxAge: 7d }}], action: deny }}]
         provenance: {{ signedBy: [{{ name: builder, key: {{ file: keys/release.pub }} }}], deployers: [{{ name: robot, key: {{ file: keys/secops.pub }} }}], builderId: 'https://b.example/', buildType: {{ pattern: 'https://t[.]example/.*' }}, sourceRepository: 'https://github.com/team/app', sourceRef: refs/heads/main, buildConfig: release.yml, parameters: {{ a: b }}, noOtherParameters: true, materials: ['pkg:docker/debian@12'], pinnedMaterials: true, slsaLevel: 2, trustedBuilders: {{ 'https://b.example/': 3 }}, action: deny }}
         bases: {{ allow: [{{ name: debian-12, layers: ['{digest}'], digest: '{digest}' }}], action: deny }}
         configuration: {{ user: nonRoot, allowPorts: [8080/tcp], labels: {{ team: shop, other: {{ pattern: 'a.*' }} }}, action: deny }}
         secrets: {{ allow: [{{ name: TEST_PASSWORD, reason: only tests }}], action: deny }}
         age: {{ max: 90d, action: deny }}
         rules: [{{ name: nothing-exploited, cel: '!evidence.findings.exists(f, f.exploited)', message: attackers use it, action: deny }}]
         sbom: {{ required: true, onUnknown: block, attestedBy: [{{ name: sbom builder, key: {{ file: keys/release.pub, transparencyLog: false }} }}] }}
         vulnerabilities: {{ block: [critical, high], unratedAs: high, maxDatabaseAge: 24h, ignoreUnfixed: false, onUnknown: block, vex: {{ signedBy: [{{ name: psirt, key: {{ file: keys/release.pub }} }}] }} }}
         deny: {{ digests: [{{ digest: '{digest}', reason: miner }}] }}
         waivers: {{ approvers: [{{ name: secops@example, key: {{ file: keys/secops.pub }} }}], secondApprover: [{{ name: cto@example, key: {{ file: keys/cto.pub }} }}], maxDays: {{ critical: 30, high: 14, other: 90 }} }}"
    ))
}

pub fn policy(spec: &str) -> Policy {
    Policy::parse(policy_text(spec).as_bytes(), "test.yaml", &()).unwrap()
}

pub fn index() -> Digest {
    Digest::sha256(b"index")
}

pub fn manifest() -> Digest {
    Digest::sha256(b"manifest")
}

pub fn layer() -> Digest {
    Digest::sha256(b"layer")
}

pub fn digests() -> ImageDigests {
    ImageDigests {
        stated: Vec::new(),
        index: Some(index()),
        manifest: manifest(),
        config: Digest::sha256(b"config"),
        layers: vec![Digest::sha256(b"base"), layer()],
        diff_ids: vec![Digest::sha256(b"base tar"), Digest::sha256(b"layer tar")],
        indexes: vec![index(), Digest::sha256(b"index inside it")],
        aliases: vec![Digest::compute(Algorithm::Sha512, b"layer")],
    }
}

/// An image from a registry, by digest, unsigned, with an inventory and nothing wrong with it.
pub fn evidence() -> Evidence {
    Evidence {
        subject: SubjectFacts {
            kind: SubjectKind::Registry,
            requested: format!("{NAME}@{}", index()),
            repository: Some(NAME.to_owned()),
            tag: None,
            pinned: Some(index()),
            digests: Some(digests()),
            platform: Some("linux/amd64".parse().unwrap()),
        },
        signatures: signatures(Vec::new()).into(),
        sbom: SbomFacts::Inventory {
            source: InventorySource::Cataloged,
            components: 120,
            os: Some("debian-12".to_owned()),
            problems: Vec::new(),
            digest: None,
        },
        vulnerabilities: scanned(Vec::new(), Vec::new()),
        sbom_search: SbomSearch::default(),
        database: DatabaseFacts::default(),
        vex: VexFacts::default(),
        attestations: plimsoll_policy::AttestationFacts::default(),
        configuration: None,
        narrowed: Vec::new(),
    }
}

pub fn of_kind(kind: SubjectKind) -> Evidence {
    let mut evidence = evidence();
    evidence.subject.kind = kind;
    evidence.subject.requested = String::from("subject");
    evidence.subject.repository = None;
    evidence.subject.pinned = None;
    if matches!(kind, SubjectKind::RootDir | SubjectKind::Sbom) {
        evidence.subject.digests = None;
        evidence.signatures = Signatures::Impossible { reason: "a folder has no digest".to_owned() }.into();
    }
    evidence
}

pub fn signatures(verified: Vec<Verified<Statement>>) -> Signatures {
    Signatures::Collected(Collected { verified, ..Collected::default() })
}

pub fn scanned(findings: Vec<Finding>, gaps: Vec<Gap>) -> VulnerabilityFacts {
    let feed = FeedStatus {
        ecosystem: "Debian".to_owned(),
        publisher: "Debian Security Tracker".to_owned(),
        as_of: after(-2),
        published: None,
        advisories: 10,
        packages: 10,
        releases: vec!["bookworm".to_owned()],
        file_digest: Digest::sha256(b"feed"),
        source: Digest::sha256(b"source"),
        bytes: 1,
        licence: None,
        unproven: false,
        malformed: plimsoll_vuln::database::Malformed::default(),
    };
    VulnerabilityFacts::Scanned(Box::new(Scan {
        findings,
        set_aside: Vec::new(),
        noted: Vec::new(),
        undecided: Vec::new(),
        vex: plimsoll_vuln::VexUse::default(),
        ignored: Vec::new(),
        informational: Vec::new(),
        overlays: Vec::new(),
        suppressed: Vec::new(),
        gaps,
        database: vec![feed],
        components: 120,
        matched_components: 120,
        compared_without_epochs: 0,
        looked_up: vec![LookedUp { ecosystem: "Debian".to_owned(), components: 120 }],
    }))
}

pub fn finding(id: &str, severity: Severity) -> Finding {
    Finding {
        id: id.to_owned(),
        advisory: format!("DEBIAN-{id}"),
        class: plimsoll_vuln::Class::Vulnerability,
        aliases: Vec::new().into(),
        named_by: plimsoll_vuln::NamedBy::from([(format!("DEBIAN-{id}"), [id.to_owned()].into())]).into(),
        component: "pkg:deb/debian/libfoo1@1.0-1?arch=amd64&distro=debian-12"
            .parse::<plimsoll_core::Purl>()
            .unwrap()
            .into(),
        package: "foo".to_owned(),
        version: "1.0-1".to_owned(),
        severity,
        severity_source: SeveritySource::Vendor,
        exploited: None,
        likelihood: None,
        linked: None,
        without_epochs: false,
        cpe: None,
        fix: Fix::Fixed(vec!["1.0-1+deb12u1".to_owned()]),
        summary: "overflow in foo".to_owned().into(),
        locations: vec![plimsoll_sbom::Location { path: "var/lib/dpkg/status".to_owned(), layer: Some(1) }]
            .into(),
        published: None,
        modified: None,
        urls: Vec::new().into(),
    }
}

pub fn gap() -> Gap {
    Gap { ecosystem: "npm".to_owned(), components: 3, reason: GapReason::NoFeed }
}

/// A waiver for `CVE-2026-1` in the image's repository, issued a day ago for 20 days, owned by alice.
pub fn waiver() -> Value {
    json!({
        "apiVersion": "plimsoll.dev/v1",
        "kind": "Waiver",
        "metadata": {"name": "W-1"},
        "spec": {
            "rules": ["vulnerabilities"],
            "cves": ["CVE-2026-1"],
            "images": [NAME],
            "reason": "the fix needs the next minor release",
            "riskAssessment": "reachable by operators only",
            "controls": ["egress closed"],
            "owner": "alice@example",
            "issued": after(-24).to_string(),
            "expires": after(-24 + 20 * 24).to_string(),
        },
    })
}

/// [`waiver`] with members of its spec replaced; null removes one.
pub fn waiver_with(changes: &Value) -> Value {
    let mut waiver = waiver();
    let spec = waiver["spec"].as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            spec.remove(name);
        } else {
            spec.insert(name.clone(), value.clone());
        }
    }
    waiver
}

pub fn unsigned(waiver: &Value) -> Waiver {
    Waiver::from_unsigned(waiver.to_string().as_bytes(), "w.yaml").unwrap()
}

/// The verdict under one policy.
pub fn evaluate(
    policy: &Policy,
    evidence: &Evidence,
    waivers: &[Waiver],
    denials: &DenyList,
    now: Timestamp,
) -> Verdict {
    plimsoll_policy::evaluate(&policy.clone().into(), evidence, waivers, denials, now)
}

pub fn judge(policy: &Policy, evidence: &Evidence) -> Verdict {
    evaluate(policy, evidence, &[], &DenyList::none(), now())
}

pub fn rule<'a>(verdict: &'a Verdict, name: &str) -> &'a RuleResult {
    verdict.platforms[0].rules.iter().find(|result| result.rule.as_str() == name).unwrap()
}

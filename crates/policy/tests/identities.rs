//! Signers without a key: whom an identity of a policy accepts, and how they are counted. A test instance
//! issues each certificate and verifies each signature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;

use common::*;
use plimsoll_core::{Digest, Limits};
use plimsoll_policy::{
    Code, Collected, Decision, DenyList, Detail, Evidence, Outcome, Policy, RejectedSignature, Severity,
    Signatures, Verdict, Waiver, schema,
};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, NOW as SIGNED, Sigstore};
use plimsoll_verify::{
    Bundle, COSIGN_SIGN_V1, Error, Statement, Subject, TrustedRoot, Verified, WAIVER_V1, verify,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const RELEASE: &str = "https://ci.example/team/app/.ci/release.yml@refs/heads/main";
const DAY: i64 = 24 * 3600;

/// An instance, which issues certificates at 2016-01-15T12:00:00Z.
struct Instance(Sigstore);

impl Instance {
    fn new() -> Self {
        Self(Sigstore::new())
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::parse(self.0.trusted_root().to_string().as_bytes()).unwrap()
    }

    fn bundle(&mut self, leaf: &Leaf, statement: &Statement, version: LogVersion) -> Bundle {
        let holder = self.0.leaf(leaf);
        let bundle = self.0.attest(&holder, &statement.to_json(), version);
        Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap()
    }

    /// A signature of `digest`, if `policy` accepts its signer.
    fn sign(&mut self, policy: &Policy, leaf: &Leaf, digest: &Digest) -> Result<Verified<Statement>, Error> {
        let statement = Statement::new(Subject::new("", digest), COSIGN_SIGN_V1, json!({}));
        let bundle = self.bundle(leaf, &statement, LogVersion::V2);
        verified(policy, &bundle, Some(&self.root()), digest)
    }

    /// The bundle of a waiver, signed by the signer that `leaf` names.
    fn approve(&mut self, leaf: &Leaf, waiver: &Value) -> Vec<u8> {
        let subject = Subject::new("waiver", &Digest::sha256(waiver.to_string().as_bytes()));
        let holder = self.0.leaf(leaf);
        let statement = Statement::new(subject, WAIVER_V1, waiver.clone());
        self.0.attest(&holder, &statement.to_json(), LogVersion::V2).to_string().into_bytes()
    }
}

fn verified(
    policy: &Policy,
    bundle: &Bundle,
    root: Option<&TrustedRoot>,
    digest: &Digest,
) -> Result<Verified<Statement>, Error> {
    policy.image_signers().verify(bundle, root, now(), |check| verify(bundle, Some(digest), check))
}

fn leaf(subject: &str) -> Leaf {
    Leaf { subject: subject.into(), ..Leaf::default() }
}

/// A policy whose signatures are these entries of `anyOf`.
fn any_of(entries: &[&str], threshold: u32) -> Policy {
    policy(&spec(&format!("threshold: {threshold}, anyOf: [{}]", entries.join(", "))))
}

fn spec(signatures: &str) -> String {
    format!(
        "phase: pilot\ndigest: {{ pinned: false }}\nvulnerabilities: {{ block: [] }}\nsignatures: {{ required: true, {signatures} }}"
    )
}

fn identity(name: &str, identity: &str) -> String {
    format!("{{ name: {name}, identity: {{ {identity} }} }}")
}

fn of_release(more: &str) -> String {
    identity("release", &format!("issuer: {ISSUER}, subject: {RELEASE}{more}"))
}

fn judged(policy: &Policy, found: Collected) -> Verdict {
    judge(policy, &Evidence { signatures: Signatures::Collected(found).into(), ..evidence() })
}

fn found(verified: Vec<Verified<Statement>>) -> Collected {
    Collected { verified, ..Collected::default() }
}

fn outcome(policy: &Policy, verified: Vec<Verified<Statement>>) -> (Outcome, String) {
    let verdict = judged(policy, found(verified));
    let result = rule(&verdict, "signatures");
    (result.outcome, result.reason.clone())
}

fn refusal(spec: &str) -> String {
    Policy::parse(policy_text(spec).as_bytes(), "policy.yaml", &()).unwrap_err().to_string()
}

#[test]
fn a_signature_without_a_key_counts_and_the_verdict_says_who_when_and_what_was_left_open() {
    let mut instance = Instance::new();
    let wanted = any_of(&[&of_release(", claims: { source-ref: refs/heads/main }")], 1);
    let signed = instance.sign(&wanted, &Leaf::default(), &manifest()).unwrap();
    let verdict = judged(&wanted, found(vec![signed]));
    let result = rule(&verdict, "signatures");
    assert_eq!((result.outcome, verdict.decision), (Outcome::Pass, Decision::Allow), "{}", result.reason);
    let [Detail::Signature { authority, by, not_checked, carried, .. }] = &result.details[..] else {
        panic!("{:?}", result.details)
    };
    assert_eq!(authority, "release");
    assert_eq!((by.issuer.as_deref(), by.subject.as_deref()), (Some(ISSUER), Some(RELEASE)));
    assert_eq!(by.claims["source-ref"], "refs/heads/main");
    assert_eq!(by.signed_at, [plimsoll_core::Timestamp::from_second(SIGNED).unwrap()]);
    assert!(by.key.is_none() && not_checked.is_empty() && carried.is_empty());

    // The verdict says that a key's signature has no log entry or time.
    let release = key();
    let by_key = any_of(&[&format!("{{ name: release, key: {} }}", release.yaml())], 1);
    let verdict = judged(&by_key, found(vec![release.signature_of(&manifest())]));
    let [Detail::Signature { by, not_checked, .. }] = &rule(&verdict, "signatures").details[..] else {
        panic!()
    };
    assert_eq!(not_checked, &["transparency log", "trusted time"]);
    assert_eq!(by.key, Some(release.public.id().to_string()));
}

/// S09: a match of only a part of issuer, subject or claim is not a match.
#[test]
fn parts_of_an_identity_let_nobody_in() {
    let mut instance = Instance::new();
    let lets_in = |instance: &mut Instance, wanted: &str, leaf: &Leaf| {
        let policy = any_of(&[&identity("release", wanted)], 1);
        match instance.sign(&policy, leaf, &manifest()) {
            Ok(signed) => outcome(&policy, vec![signed]).0 == Outcome::Pass,
            Err(error) => {
                assert_eq!(error.failed_step(), Some(plimsoll_verify::Step::Identity), "{error}");
                false
            }
        }
    };
    let good = Leaf::default();
    for (wanted, fits) in [
        (format!("issuer: {ISSUER}, subject: {RELEASE}"), true),
        (format!(r"issuer: {ISSUER}, subject: {{ pattern: 'https://ci\.example/team/app/.*' }}"), true),
        (format!(r"issuer: {{ pattern: 'https://issuer\.example' }}, subject: {RELEASE}"), true),
        (format!("issuer: {ISSUER}, subject: https://ci.example/team/app"), false),
        (format!("issuer: {ISSUER}, subject: https://ci.example/team/app/.*"), false),
        (format!("issuer: {ISSUER}, subject: {{ pattern: 'team/app' }}"), false),
        (format!(r"issuer: {ISSUER}, subject: {{ pattern: 'https://ci\.example/team/' }}"), false),
        (format!("issuer: {ISSUER}, subject: {{ pattern: 'https|main' }}"), false),
        (format!("issuer: https://issuer.exampl, subject: {RELEASE}"), false),
        (format!("issuer: https://issuer.example/, subject: {RELEASE}"), false),
        (format!("issuer: {{ pattern: 'issuer' }}, subject: {RELEASE}"), false),
        (format!("issuer: {ISSUER}, subject: {RELEASE}, claims: {{ source-ref: refs/heads }}"), false),
        (format!("issuer: {ISSUER}, subject: {RELEASE}, claims: {{ source-ref: refs/heads/dev }}"), false),
        (format!("issuer: {ISSUER}, subject: {RELEASE}, claims: {{ build-trigger: push }}"), false),
        (
            format!(
                "issuer: {ISSUER}, subject: {RELEASE}, claims: {{ source-ref: {{ pattern: 'refs/heads/(main|dev)' }}, source-repository: https://ci.example/team/app }}"
            ),
            true,
        ),
    ] {
        assert_eq!(lets_in(&mut instance, &wanted, &good), fits, "{wanted}");
    }
    let wanted = format!(r"issuer: {ISSUER}, subject: {{ pattern: 'https://ci\.example/team/app/.*' }}");
    for evil in [
        "https://ci.example/team/app-evil/.ci/release.yml@refs/heads/main",
        "https://evil.example/https://ci.example/team/app/x",
        "https://ciXexample/team/app/x",
    ] {
        assert!(!lets_in(&mut instance, &wanted, &leaf(evil)), "{evil}");
    }
    let other_issuer = Leaf { issuer: "https://evil.example".into(), ..good };
    assert!(!lets_in(&mut instance, &wanted, &other_issuer));
}

/// S10, and identities that are contradictory or say nothing.
#[test]
fn identities_that_cannot_be_meant_are_refused_when_the_policy_is_read() {
    for (entry, path) in [
        (format!("name: a, identity: {{ subject: {RELEASE} }}"), "issuer"),
        (format!("name: a, identity: {{ issuer: {ISSUER} }}"), "subject"),
        (format!("name: a, identity: {{ issuer: ~, subject: {RELEASE} }}"), "identity.issuer"),
        (format!("name: a, identity: {{ issuer: '', subject: {RELEASE} }}"), "identity.issuer"),
        (format!("name: a, identity: {{ issuer: {ISSUER}, subject: [{RELEASE}] }}"), "identity.subject"),
        (
            format!("name: a, identity: {{ issuer: {ISSUER}, subject: {{ pattern: '' }} }}"),
            "identity.subject",
        ),
        (
            format!("name: a, identity: {{ issuer: {ISSUER}, subject: {{ pattern: '(' }} }}"),
            "identity.subject",
        ),
        (
            format!("name: a, identity: {{ issuer: {ISSUER}, subject: {{ pattern: 'a)|(b' }} }}"),
            "identity.subject",
        ),
        (
            format!("name: a, identity: {{ issuer: {ISSUER}, subject: {{ regexp: 'a' }} }}"),
            "identity.subject.regexp",
        ),
        (
            format!(
                "name: a, identity: {{ issuer: {ISSUER}, subject: {RELEASE}, claims: {{ sourceRef: x }} }}"
            ),
            "identity.claims.sourceRef",
        ),
        (
            format!("name: a, identity: {{ issuer: {ISSUER}, subject: {RELEASE}, claims: ~ }}"),
            "identity.claims",
        ),
        (
            format!("name: a, identity: {{ issuer: {ISSUER}, subject: {RELEASE}, subjectRegExp: x }}"),
            "identity.subjectRegExp",
        ),
        (format!("name: a, key: {}, identity: {{ issuer: {ISSUER}, subject: x }}", key().yaml()), "anyOf[0]"),
        ("name: a".to_owned(), "anyOf[0]"),
    ] {
        let message = refusal(&spec(&format!("anyOf: [{{ {entry} }}]")));
        assert!(message.contains(path) && message.contains("spec.signatures.anyOf[0]"), "{entry}: {message}");
    }
    let near = refusal(&spec(&format!("anyOf: [{}]", of_release(", claims: { source-reff: x }"))));
    assert!(near.contains("did you mean \"source-ref\"?"), "{near}");
    for (signatures, said) in [
        (
            format!(
                "threshold: 2, anyOf: [{}, {}]",
                of_release(""),
                of_release("").replace("release,", "b,")
            ),
            "1 distinct",
        ),
        (format!("threshold: 2, allOf: [{}]", of_release("")), "threshold"),
        (format!("anyOf: [{0}], allOf: [{0}]", of_release("")), "allOf"),
        (
            format!("anyOf: [{}], allOf: [{}]", of_release(""), of_release("").replace("release,", "b,")),
            "more signers than",
        ),
    ] {
        let message = refusal(&spec(&signatures));
        assert!(message.contains(said), "{signatures}: {message}");
    }
    let no_time = refusal(
        &format!("trust: {{ transparencyLog: false }}\n{}", spec("required: false"))
            .replace("required: true, ", ""),
    );
    assert!(no_time.contains("spec.trust.timestamps"), "{no_time}");
}

#[test]
fn a_threshold_counts_entries_each_with_a_signer_of_its_own() {
    let mut instance = Instance::new();
    let everyone =
        identity("everyone", &format!(r"issuer: {ISSUER}, subject: {{ pattern: 'https://ci\.example/.*' }}"));
    let team = identity(
        "team",
        &format!(r"issuer: {ISSUER}, subject: {{ pattern: 'https://ci\.example/team/.*' }}"),
    );
    let release = of_release("");
    let mut sign =
        |policy: &Policy, subject: &str| instance.sign(policy, &leaf(subject), &manifest()).unwrap();
    let main = "https://ci.example/team/app/.ci/release.yml@refs/heads/main";
    let dev = "https://ci.example/team/app/.ci/release.yml@refs/heads/dev";

    // One signer satisfies one of two entries, however often it signs.
    let two = any_of(&[&everyone, &release], 2);
    let signed = vec![sign(&two, main), sign(&two, main)];
    let (got, reason) = outcome(&two, signed);
    assert_eq!(got, Outcome::Fail, "{reason}");
    // One workflow on two refs is two subjects, and one entry of the policy.
    let one_pattern = any_of(&[&team, &identity("other", &format!("issuer: {ISSUER}, subject: x"))], 2);
    let signed = vec![sign(&one_pattern, main), sign(&one_pattern, dev)];
    let (got, reason) = outcome(&one_pattern, signed);
    assert_eq!(got, Outcome::Fail, "{reason}");
    // A signer that fits only the wide entry leaves the narrow entry to a signer that fits both, in either
    // order.
    for subjects in [[main, dev], [dev, main]] {
        let signed = subjects.map(|subject| sign(&two, subject)).to_vec();
        assert_eq!(outcome(&two, signed).0, Outcome::Pass, "{subjects:?}");
    }
    // A key and an identity are two signers.
    let release_key = key();
    let by_key = format!("{{ name: key, key: {} }}", release_key.yaml());
    let both = any_of(&[&by_key, &release], 2);
    let signed = vec![release_key.signature_of(&manifest()), sign(&both, main)];
    assert_eq!(outcome(&both, signed.clone()).0, Outcome::Pass);
    assert_eq!(outcome(&both, signed[..1].to_vec()).0, Outcome::Fail);
    assert_eq!(outcome(&both, signed[1..].to_vec()).0, Outcome::Fail);
}

#[test]
fn all_of_wants_each_and_any_of_some() {
    let keys = [key(), key(), key()];
    let entry = |index: usize, name: &str| format!("{{ name: {name}, key: {} }}", keys[index].yaml());
    let (build, qa, lead) = (entry(0, "build"), entry(1, "qa"), entry(2, "lead"));
    let signed = |who: &[usize]| who.iter().map(|index| keys[*index].signature_of(&manifest())).collect();
    let wanted = policy(&spec(&format!("allOf: [{build}], anyOf: [{qa}, {lead}]")));
    for (who, pass, said) in [
        (&[0, 1][..], true, "signed by build, qa"),
        (&[0, 2], true, "signed by build, lead"),
        (&[1, 2], false, "but not by build"),
        (&[0], false, "of anyOf 0, 1 are needed"),
        (&[], false, "not signed"),
    ] {
        let (got, reason) = outcome(&wanted, signed(who));
        assert_eq!(got == Outcome::Pass, pass, "{who:?}: {reason}");
        // Then no other place has to be searched.
        assert_eq!(wanted.is_satisfied_by(&found(signed(who)), &digests(), now()), pass, "{who:?}");
        assert!(reason.contains(said), "{who:?}: {reason}");
    }
    let each = policy(&spec(&format!("allOf: [{build}, {qa}]")));
    assert_eq!(outcome(&each, signed(&[0, 1])).0, Outcome::Pass);
    assert_eq!(outcome(&each, signed(&[0, 2])).0, Outcome::Fail);
    // Neither junk nor a search that was cut short can hide that something is missing.
    let cut = Collected { truncated: true, ..found(signed(&[0])) };
    let verdict = judged(&each, cut);
    assert_eq!(rule(&verdict, "signatures").outcome, Outcome::Unknown);
    assert!(
        rule(&verdict, "signatures").reason.starts_with("1 of 2"),
        "{}",
        rule(&verdict, "signatures").reason
    );
}

#[test]
fn a_certificate_that_nothing_was_there_to_verify_with_is_unknown() {
    let mut instance = Instance::new();
    let wanted = any_of(&[&of_release("")], 1);
    let statement = Statement::new(Subject::new("", &manifest()), COSIGN_SIGN_V1, json!({}));
    let bundle = instance.bundle(&Leaf::default(), &statement, LogVersion::V2);
    let error = verified(&wanted, &bundle, None, &manifest()).unwrap_err();
    assert!(matches!(error, Error::NoTrustedRoot), "{error}");
    let undecided = vec![RejectedSignature { digest: layer(), reason: "no trusted root".to_owned() }];
    let verdict = judged(&wanted, Collected { undecided: undecided.clone(), ..Collected::default() });
    let result = rule(&verdict, "signatures");
    assert_eq!((result.outcome, verdict.decision), (Outcome::Unknown, Decision::Indeterminate));
    assert!(result.hint.as_deref().unwrap().contains("--trusted-root"));
    assert!(
        matches!(&result.details[..], [Detail::RefusedSignature { reason, .. }] if reason.contains("not verified"))
    );
    // It casts no doubt on an image that enough others signed.
    let signed = instance.sign(&wanted, &Leaf::default(), &manifest()).unwrap();
    let verdict = judged(&wanted, Collected { undecided, ..found(vec![signed]) });
    assert_eq!(verdict.decision, Decision::Allow);
    // A policy that names only keys accepts no certificate, with or without a root.
    let by_key = any_of(&[&format!("{{ name: k, key: {} }}", key().yaml())], 1);
    for root in [None, Some(&instance.root())] {
        assert!(matches!(
            verified(&by_key, &bundle, root, &manifest()),
            Err(Error::WrongMaterial { got: "a certificate", .. })
        ));
    }
}

#[test]
fn an_expired_chain_and_a_strangers_instance_let_nobody_in() {
    let wanted = any_of(&[&of_release("")], 1);
    let mut expired = Instance(Sigstore::with_ca_valid(SIGNED - DAY, SIGNED - 3600));
    let step = |signed: Result<Verified<Statement>, Error>| signed.unwrap_err().failed_step();
    assert_eq!(
        step(expired.sign(&wanted, &Leaf::default(), &manifest())),
        Some(plimsoll_verify::Step::Chain)
    );
    let late = Leaf { start: SIGNED + 60, end: SIGNED + 600, ..Leaf::default() };
    assert_eq!(step(Instance::new().sign(&wanted, &late, &manifest())), Some(plimsoll_verify::Step::Chain));
    let statement = Statement::new(Subject::new("", &manifest()), COSIGN_SIGN_V1, json!({}));
    let bundle = Instance::new().bundle(&Leaf::default(), &statement, LogVersion::V2);
    let error = verified(&wanted, &bundle, Some(&Instance::new().root()), &manifest()).unwrap_err();
    assert!(!matches!(error, Error::NoTrustedRoot), "{error}");
}

#[test]
fn an_identitys_window_is_about_the_time_of_signing() {
    let mut instance = Instance::new();
    for (window, pass) in [
        ("notBefore: 2016-01-15T12:00:00Z, notAfter: 2016-01-15T12:00:01Z", true),
        ("notAfter: 2016-01-15T12:00:00Z", false),
        ("notBefore: 2016-01-15T12:00:01Z", false),
    ] {
        let wanted = any_of(&[&of_release(&format!(", {window}"))], 1);
        let signed = instance.sign(&wanted, &Leaf::default(), &manifest()).unwrap();
        let verdict = judged(&wanted, found(vec![signed]));
        let result = rule(&verdict, "signatures");
        assert_eq!(result.outcome == Outcome::Pass, pass, "{window}: {}", result.reason);
        // A signature made in time keeps counting.
        assert_eq!(verdict.platforms[0].rules[4].rule.as_str(), "signatures");
        assert!(!pass || verdict.valid_until.is_none_or(|until| until > now()), "{window}");
    }
}

#[test]
fn an_instance_without_logs_is_trusted_only_where_the_policy_says_so() {
    let statement = Statement::new(Subject::new("", &manifest()), COSIGN_SIGN_V1, json!({}));
    let mut instance = Instance::new();
    let root = instance.root();
    let unannounced = Leaf { announcements: 0, ..Leaf::default() };
    let unannounced = instance.bundle(&unannounced, &statement, LogVersion::V2);
    let holder = instance.0.leaf(&Leaf::default());
    let mut logless = instance.0.attest(&holder, &statement.to_json(), LogVersion::V2);
    logless["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    let mut timeless = logless.clone();
    timeless["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    let parsed = |bundle: &Value| Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
    let (logless, timeless) = (parsed(&logless), parsed(&timeless));
    let trusting = |trust: &str| {
        policy(&format!("trust: {{ {trust} }}\n{}", spec(&format!("anyOf: [{}]", of_release("")))))
    };
    for (bundle, trust, left) in [
        (&unannounced, "certificateLog: true", None),
        (&unannounced, "certificateLog: false", Some("certificate log")),
        (&logless, "transparencyLog: true", None),
        (&logless, "transparencyLog: false, timestamps: 1", Some("transparency log")),
        (&logless, "transparencyLog: false, timestamps: 2", None),
        (&timeless, "transparencyLog: false, timestamps: 1", None),
    ] {
        let wanted = trusting(trust);
        match verified(&wanted, bundle, Some(&root), &manifest()) {
            Ok(signed) => {
                let verdict = judged(&wanted, found(vec![signed]));
                let [Detail::Signature { not_checked, .. }] = &rule(&verdict, "signatures").details[..]
                else {
                    panic!("{trust}")
                };
                assert_eq!(
                    not_checked.iter().map(String::as_str).collect::<Vec<_>>(),
                    Vec::from_iter(left),
                    "{trust}"
                );
            }
            Err(error) => assert!(left.is_none(), "{trust}: {error}"),
        }
    }
}

/// A key's bundle with an entry of a log. The log attests the time, if it is trusted.
#[test]
fn a_keys_window_goes_by_the_time_of_a_trusted_log_and_a_log_can_be_asked_for() {
    let mut instance = Instance::new();
    let holder = instance.0.leaf(&Leaf::default());
    let statement = Statement::new(Subject::new("", &manifest()), COSIGN_SIGN_V1, json!({}));
    let mut bundle = instance.0.attest(&holder, &statement.to_json(), LogVersion::V1);
    // The same signature by the key behind the certificate, as a log of version 1 keeps it.
    let pem = holder.key.public_pem();
    let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let hash = Digest::sha256(&statement.to_json()).hex();
    let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "envelopeHash": {"algorithm": "sha256", "value": hash},
        "payloadHash": {"algorithm": "sha256", "value": hash},
        "signatures": [{"signature": signature, "verifier": encoded(pem.as_bytes())}],
    }});
    let entry = instance.0.log.append("dsse", "0.0.1", &body, LogVersion::V1, SIGNED);
    bundle["verificationMaterial"] = json!({"publicKey": {"hint": ""}, "tlogEntries": [entry]});
    let bundle = Bundle::parse(bundle.to_string().as_bytes(), &Limits::default()).unwrap();
    let root = instance.root();
    let key_with = |more: &str| any_of(&[&format!("{{ name: k, key: {{ pem: {}{more} }} }}", json!(pem))], 1);
    for (more, with_root, without) in [
        ("", Outcome::Pass, Outcome::Pass),
        (", transparencyLog: true", Outcome::Pass, Outcome::Fail),
        // It is signed in January 2026 and judged in November.
        (", notAfter: 2026-02-01T00:00:00Z", Outcome::Pass, Outcome::Fail),
        (", notAfter: 2016-01-15T12:00:00Z", Outcome::Fail, Outcome::Fail),
        (", notBefore: 2026-02-01T00:00:00Z", Outcome::Fail, Outcome::Pass),
    ] {
        let wanted = key_with(more);
        for (root, expected) in [(Some(&root), with_root), (None, without)] {
            let signed = verified(&wanted, &bundle, root, &manifest()).unwrap();
            let (got, reason) = outcome(&wanted, vec![signed]);
            assert_eq!(got, expected, "{more} {root:?}: {reason}");
        }
    }
    // An untrusted log attests nothing: neither a time nor an entry.
    let signed = verified(&key_with(""), &bundle, Some(&Instance::new().root()), &manifest()).unwrap();
    assert!(signed.times().is_empty());
    assert_eq!(outcome(&key_with(", transparencyLog: true"), vec![signed]).0, Outcome::Fail);
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_policy_brings_its_own_root_and_its_digest_covers_it() {
    let instance = Instance::new();
    let text = policy_text(&format!(
        "trust: {{ root: trusted.json }}\n{}",
        spec(&format!("anyOf: [{}]", of_release("")))
    ));
    let with = |root: &Value| {
        let files = BTreeMap::from([("trusted.json".to_owned(), root.to_string().into_bytes())]);
        Policy::parse(text.as_bytes(), "p", &files)
    };
    let one = with(&instance.0.trusted_root()).unwrap();
    assert_eq!(one.trusted_root().unwrap().digest(), instance.root().digest());
    let other = with(&Sigstore::new().trusted_root()).unwrap();
    assert_eq!(one.digest(), other.digest());
    assert_ne!(one.effective_digest(), other.effective_digest());
    let broken = with(&json!({})).unwrap_err().to_string();
    assert!(broken.contains("spec.trust.root: trusted.json: "), "{broken}");
    let error = Policy::parse(text.as_bytes(), "p", &()).unwrap_err().to_string();
    assert!(error.contains("spec.trust.root"), "{error}");
    let narrower = text.replace("subject:", "claims: { source-ref: x }, subject:");
    let files =
        BTreeMap::from([("trusted.json".to_owned(), instance.0.trusted_root().to_string().into_bytes())]);
    let narrower = Policy::parse(narrower.as_bytes(), "p", &files).unwrap();
    assert_ne!(one.effective_digest(), narrower.effective_digest());
    assert!(one.wants_trusted_root() && !policy("phase: pilot").wants_trusted_root());
}

/// Without the root, the log's time would be unknown, and a signature made within a window that is now over
/// would not count.
#[test]
fn a_root_is_wanted_wherever_a_log_or_its_time_matters() {
    let of =
        |more: &str| policy(&spec(&format!("anyOf: [{{ name: release, key: {} }}]", key().yaml_with(more))));
    assert!(
        !policy(&spec(&format!("anyOf: [{{ name: release, key: {} }}]", key().yaml()))).wants_trusted_root()
    );
    for more in [
        "notBefore: 2026-01-01T00:00:00Z",
        "notAfter: 2027-01-01T00:00:00Z",
        "notBefore: 2026-01-01T00:00:00Z, notAfter: 2027-01-01T00:00:00Z",
        "transparencyLog: true",
    ] {
        assert!(of(more).wants_trusted_root(), "{more}");
    }
    let approver = |more: &str| {
        format!("phase: pilot\nwaivers: {{ approvers: [{{ name: a, key: {} }}] }}", key().yaml_with(more))
    };
    assert!(policy(&approver("notAfter: 2027-01-01T00:00:00Z")).wants_trusted_root());
}

#[test]
fn waivers_without_a_key_count_when_approvers_name_the_identity() {
    let mut instance = Instance::new();
    let root = instance.root();
    let approver =
        |name: &str, subject: &str| identity(name, &format!("issuer: {ISSUER}, subject: {subject}"));
    let policy_with = |waivers: &str| policy(&format!("phase: pilot\nwaivers: {{ {waivers} }}"));
    let decide = |policy: &Policy, waivers: &[Waiver]| {
        let scan = scanned(vec![finding("CVE-2026-1", plimsoll_vuln::Severity::Critical)], Vec::new());
        let evidence = Evidence { vulnerabilities: scan, ..evidence() };
        evaluate(policy, &evidence, waivers, &DenyList::none(), now())
    };
    let alone = policy_with(&format!("approvers: [{}]", approver("security", "security@example.com")));
    let read = |bytes: &[u8], policy: &Policy| {
        Waiver::from_bundle(bytes, "w.sigstore.json", policy, Ok(&root), now(), &Limits::default())
    };
    let bundle = instance.approve(&leaf("security@example.com"), &waiver());

    let verdict = decide(&alone, &[read(&bundle, &alone).unwrap()]);
    let used = &rule(&verdict, "vulnerabilities").waivers[0];
    assert!(used.used, "{}", used.reason);
    assert_eq!(used.signatures[0].by.subject.as_deref(), Some("security@example.com"));
    assert_eq!(used.signatures[0].by.signed_at.len(), 1);
    assert_eq!(verdict.decision, Decision::Allow);

    // Another subject, another issuer, and no root to verify with.
    let stranger = instance.approve(&leaf("mallory@example.com"), &waiver());
    let refused = |bundle: &[u8]| {
        let error = read(bundle, &alone).unwrap_err();
        assert!(matches!(error, plimsoll_policy::Error::WaiverSignature { .. }), "{error:?}");
    };
    refused(&stranger);
    let elsewhere = Leaf { issuer: "https://evil.example".into(), ..leaf("security@example.com") };
    let elsewhere = instance.approve(&elsewhere, &waiver());
    refused(&elsewhere);
    let error =
        Waiver::from_bundle(&bundle, "w", &alone, Err("the cache has expired"), now(), &Limits::default())
            .unwrap_err()
            .to_string();
    assert!(error.contains("could not be verified: the cache has expired"), "{error}");

    // A pattern that matches the owner does not let the owner approve.
    let everybody = policy_with(&format!(
        "approvers: [{}]",
        identity(
            "anybody here",
            &format!(r"issuer: {ISSUER}, subject: {{ pattern: '[a-z]+@example(\.com)?' }}")
        )
    ));
    let own = instance.approve(&leaf("ALICE@example".to_lowercase().as_str()), &waiver());
    let verdict = decide(&everybody, &[read(&own, &everybody).unwrap()]);
    assert_eq!(verdict.decision, Decision::Deny);
    let refused = &rule(&verdict, "vulnerabilities").waivers[0];
    assert!(refused.reason.contains("its own owner"), "{}", refused.reason);

    // Two approvers must be two people, even if patterns match both.
    let pair = policy_with(&format!(
        "approvers: [{}], secondApprover: [{}]",
        identity("first", &format!(r"issuer: {ISSUER}, subject: {{ pattern: '[a-z]+@example\.com' }}")),
        identity("second", &format!(r"issuer: {ISSUER}, subject: {{ pattern: '[a-z]+@example\.com' }}"))
    ));
    let twice = [&bundle, &instance.approve(&leaf("security@example.com"), &waiver())]
        .map(|b| read(b, &pair).unwrap());
    assert_eq!(decide(&pair, &twice).decision, Decision::Deny);
    let two = [&bundle, &stranger].map(|b| read(b, &pair).unwrap());
    let verdict = decide(&pair, &two);
    assert_eq!(verdict.decision, Decision::Allow);
    assert_eq!(rule(&verdict, "vulnerabilities").waivers[0].signatures.len(), 2);

    // An unverified signature is shown, but approves nothing.
    let claimed = Waiver::dangerous_from_unverified_bundle(&stranger, "w", &Limits::default()).unwrap();
    assert_eq!(claimed.name(), "W-1");
    assert_eq!(decide(&alone, &[claimed]).decision, Decision::Deny);
}

#[test]
fn lint_finds_identities_that_let_in_more_than_is_meant() {
    const GITHUB: &str = "https://token.actions.githubusercontent.com";
    let spec = |signatures: &str| format!("phase: pilot\nsignatures: {{ required: true, {signatures} }}");
    let codes = |signatures: &str| -> Vec<(Code, Severity)> {
        let found = policy(&spec(signatures)).lint(now());
        found.iter().map(|diagnostic| (diagnostic.code, diagnostic.severity)).collect()
    };
    let lint_of = |issuer: &str, subject: &str, more: &str| {
        codes(&format!("anyOf: [{}]", identity("a", &format!("issuer: {issuer}, subject: {subject}{more}"))))
    };
    let workflow = (Code::IdentityWithoutWorkflow, Severity::Warning);
    let good = r"{ pattern: 'https://github\.com/t/a/\.github/workflows/r\.yml@refs/tags/v.*' }";
    assert_eq!(lint_of(GITHUB, good, ""), []);
    assert_eq!(lint_of(GITHUB, r"{ pattern: 'https://github\.com/t/.*' }", ""), [workflow]);
    assert_eq!(
        lint_of(GITHUB, r"{ pattern: 'https://github\.com/t/a/\.github/workflows/r\.yml@.*' }", ""),
        [workflow]
    );
    assert_eq!(
        lint_of(&format!("{GITHUB}/my-company"), r"{ pattern: 'https://github\.com/t/.*' }", ""),
        [workflow]
    );
    assert_eq!(
        lint_of("{ pattern: 'https://token\\.actions.*' }", r"{ pattern: 'https://github\.com/t/.*' }", ""),
        [workflow]
    );
    let claims = ", claims: { build-config: https://github.com/t/a/.github/workflows/r.yml@refs/heads/main, source-ref: refs/heads/main }";
    assert_eq!(lint_of(GITHUB, r"{ pattern: 'https://github\.com/t/.*' }", claims), []);
    let half = ", claims: { source-ref: refs/heads/main }";
    assert_eq!(lint_of(GITHUB, r"{ pattern: 'https://github\.com/t/.*' }", half), [workflow]);
    assert_eq!(
        lint_of(ISSUER, r"{ pattern: 'https://ci\.example/t/.*' }", ""),
        [],
        "not known to be a CI system"
    );

    let all = (Code::IdentityMatchesAll, Severity::Error);
    assert_eq!(lint_of(ISSUER, "{ pattern: '.*' }", ""), [all]);
    assert_eq!(lint_of("{ pattern: 'https://.*|.*' }", RELEASE, ""), [all]);
    assert_eq!(
        lint_of(ISSUER, "{ pattern: '.*(team/app).*' }", ""),
        [(Code::IdentityUnanchored, Severity::Warning)]
    );

    let narrow = of_release("");
    let wide = identity("wide", &format!("issuer: {ISSUER}, subject: {{ pattern: 'https://ci.*' }}"));
    let overlap = (Code::IdentitiesOverlap, Severity::Warning);
    assert_eq!(codes(&format!("anyOf: [{narrow}, {wide}]")), [overlap]);
    assert_eq!(codes(&format!("anyOf: [{narrow}], allOf: [{wide}]")), [overlap]);
    let apart = wide.replace("subject:", "claims: { source-ref: a }, subject:");
    let narrow_apart = of_release(", claims: { source-ref: b }");
    assert_eq!(codes(&format!("anyOf: [{narrow_apart}, {apart}]")), []);
    let twin = of_release("").replace("name: release", "name: twin");
    assert_eq!(codes(&format!("anyOf: [{narrow}, {twin}]")), [(Code::SameKey, Severity::Error)]);
    // Another spelling of the subject is the same person, and a threshold counts that person once.
    let spelled = twin.replace("/team/", "/Team/");
    assert_eq!(codes(&format!("anyOf: [{narrow}, {spelled}]")), [(Code::SameKey, Severity::Error)]);
    let two = policy_text(&spec(&format!("threshold: 2, anyOf: [{narrow}, {spelled}]")));
    let refused = Policy::parse(two.as_bytes(), "p", &()).unwrap_err().to_string();
    assert!(refused.contains("1 distinct keys and identities"), "{refused}");

    let lax = policy(&format!("trust: {{ certificateLog: false }}\n{}", spec(&format!("anyOf: [{narrow}]"))));
    assert_eq!(lax.lint(now())[0].code, Code::LogsIgnored);
    let signs =
        policy(&format!("{}\nwaivers: {{ approvers: [{wide}] }}", spec(&format!("anyOf: [{narrow}]"))));
    assert!(signs.lint(now()).iter().any(|found| found.code == Code::ApproverSigns));
    let over = policy(&spec(&format!("anyOf: [{}]", of_release(", notAfter: 2026-02-01T00:00:00Z"))));
    let found = over.lint(now());
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::KeyExpired]);
    assert_eq!(found[0].path, "spec.signatures.anyOf[0].identity.notAfter");
}

/// Two entries are one signer if everything that they ask is the same. They overlap if one signer may satisfy both.
#[test]
fn claims_and_patterns_tell_identities_apart() {
    const PATTERN: &str = r"{ pattern: 'https://ci\.example/t/.*' }";
    let with = |name: &str, subject: &str, claims: &str| {
        identity(name, &format!("issuer: {ISSUER}, subject: {subject}, claims: {{ {claims} }}"))
    };
    let spec = |threshold: u32, entries: [&String; 2]| {
        let [one, other] = entries;
        let text = format!("required: true, threshold: {threshold}, anyOf: [{one}, {other}]");
        format!("phase: pilot\nsignatures: {{ {text} }}")
    };
    let both = [RELEASE, PATTERN];
    for subject in both {
        for (one, other, are_one, overlap) in [
            ("source-ref: a", "source-ref: a", true, true),
            ("source-ref: a", "source-ref: b", false, false),
            ("source-ref: a", "source-repository: a", false, true),
            ("source-ref: a, source-repository: b", "source-repository: b, source-ref: a", true, true),
            ("source-ref: a, source-repository: a", "source-ref: a, source-repository: b", false, false),
            ("source-ref: a", "source-ref: a, source-repository: b", false, true),
            ("source-ref: { pattern: 'v[0-9]' }", "source-ref: v1", false, true),
            ("source-ref: { pattern: 'v[0-9]' }", "source-ref: { pattern: 'v[0-9]' }", true, true),
            // Unknown, and not assumed.
            ("source-ref: { pattern: 'v[0-9]' }", "source-ref: { pattern: 'v[12]' }", false, false),
        ] {
            let entries = [&with("one", subject, one), &with("other", subject, other)];
            let two = policy_text(&spec(2, entries));
            assert_eq!(Policy::parse(two.as_bytes(), "p", &()).is_err(), are_one, "{one} and {other}");
            let found = policy(&spec(1, entries)).lint(now());
            let found: Vec<Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
            let expected = match (are_one, overlap) {
                (true, _) => vec![Code::SameKey],
                (false, true) => vec![Code::IdentitiesOverlap],
                (false, false) => vec![],
            };
            assert_eq!(found, expected, "{one} and {other}");
        }
    }
}

#[test]
fn the_schema_of_a_policy_knows_identities() {
    let schema = schema::policy();
    let claims = &schema["$defs"]["ClaimsSpec"];
    assert_eq!(claims["additionalProperties"], json!(false));
    assert_eq!(claims["properties"].as_object().unwrap().len(), plimsoll_verify::Claim::ALL.len());
    let required = schema["$defs"]["IdentitySpec"]["required"].as_array().unwrap();
    assert_eq!(required, &[json!("issuer"), json!("subject")]);
}

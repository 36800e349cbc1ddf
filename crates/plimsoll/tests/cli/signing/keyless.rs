//! `verify` and `verify-blob` with certificates, against an instance of the tests' own.

use plimsoll_core::Digest;
use plimsoll_testkit::Registry;
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use serde_json::{Value, json};

use super::attach;
use crate::fixture::{Place, Run, digest_of, patched};

const SUBJECT: &str = "https://ci.example/team/app/.ci/release.yml@refs/heads/main";
const ISSUER: &str = "https://issuer.example";

struct Signed {
    place: Place,
    registry: Registry,
    reference: String,
    instance: Sigstore,
}

impl Signed {
    fn new() -> Self {
        let (place, registry) = (Place::empty(), Registry::start());
        let reference = patched(&registry);
        let instance = Sigstore::new();
        place.write("root.json", instance.trusted_root().to_string());
        Self { place, registry, reference, instance }
    }

    /// Signs the image as `leaf` and attaches the bundle after `change`.
    fn sign(&mut self, leaf: &Leaf, version: LogVersion, change: impl FnOnce(&mut Value)) {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": &digest_of(&self.reference)[7..]}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {},
        });
        let holder = self.instance.leaf(leaf);
        let mut bundle = self.instance.attest(&holder, statement.to_string().as_bytes(), version);
        change(&mut bundle);
        attach(&self.registry, &self.reference, bundle.to_string().as_bytes());
    }

    fn verify(&self, flags: &[&str]) -> Run {
        let root = self.place.path("root.json");
        self.place.run(&[&["verify", "--trusted-root", &root, &self.reference], flags].concat())
    }
}

fn identity(subject: &'static str, issuer: &'static str) -> Vec<&'static str> {
    vec!["--certificate-identity", subject, "--certificate-oidc-issuer", issuer]
}

#[test]
fn a_certificate_of_the_right_identity_is_enough_with_both_versions_of_the_log() {
    for version in [LogVersion::V1, LogVersion::V2] {
        let mut signed = Signed::new();
        signed.sign(&Leaf::default(), version, |_| {});
        let run =
            signed.verify(&identity(SUBJECT, ISSUER)).exits(0).says(SUBJECT).says("2016-01-15T12:00:00Z");
        run.keeps_quiet_about("not checked");
        for (subject, issuer) in [
            ("https://ci.example/team/app", ISSUER),
            (SUBJECT, "https://issuer.example/"),
            ("HTTPS://ci.example/team/app/.ci/release.yml@refs/heads/main", ISSUER),
        ] {
            signed.verify(&identity(subject, issuer)).exits(10).says("step 14 (identity)");
        }
        let stranger = Sigstore::new().trusted_root().to_string();
        signed.place.write("root.json", stranger);
        signed.verify(&identity(SUBJECT, ISSUER)).exits(10);
    }
}

#[test]
fn identities_can_be_patterns_several_and_have_claims() {
    let mut signed = Signed::new();
    signed.sign(&Leaf::default(), LogVersion::V2, |_| {});
    let with = |flags: &[&str]| signed.verify(flags);
    let pattern = [
        "--certificate-identity-regexp",
        r"https://ci\.example/team/.*",
        "--certificate-oidc-issuer",
        ISSUER,
    ];
    with(&pattern).exits(0);
    with(&["--certificate-identity-regexp", "https://ci", "--certificate-oidc-issuer", ISSUER]).exits(10);
    let issuer =
        ["--certificate-oidc-issuer-regexp", r"https://issuer\.example", "--certificate-identity", SUBJECT];
    with(&issuer).exits(0);
    let other = ["--certificate-identity", "ann@example.com"];
    with(&[&other[..], &identity(SUBJECT, ISSUER)].concat()).exits(0);
    // Paired: the second subject counts with the second issuer only.
    let two =
        [&identity("ann@example.com", ISSUER)[..], &identity(SUBJECT, "https://other.example")].concat();
    with(&two).exits(10);
    let two =
        [&identity("ann@example.com", "https://other.example")[..], &identity(SUBJECT, ISSUER)].concat();
    with(&two).exits(0);
    with(&[&two[..], &["--certificate-identity", "bob@example.com"]].concat())
        .exits(2)
        .says("3 subjects and 2 issuers");

    for (flag, value, code) in [
        ("--certificate-claim", "source-ref=refs/heads/main", 0),
        ("--certificate-claim", "source-ref=refs/heads/dev", 10),
        ("--certificate-claim", "runner-environment=github-hosted", 10),
        ("--certificate-github-workflow-ref", "refs/heads/main", 0),
        ("--certificate-github-workflow-ref", "refs/heads", 10),
        ("--certificate-github-workflow-repository", "https://ci.example/team/app", 0),
        ("--certificate-github-workflow-repository", "team/app", 10),
        ("--certificate-github-workflow-trigger", "push", 10),
    ] {
        with(&[&identity(SUBJECT, ISSUER)[..], &[flag, value]].concat()).exits(code);
    }
}

#[test]
fn missing_parts_of_a_bundle_are_named_by_their_step() {
    let missing = |leaf: &Leaf, change: fn(&mut Value)| {
        let mut signed = Signed::new();
        signed.sign(leaf, LogVersion::V2, change);
        signed
    };
    let no_log = missing(&Leaf::default(), |bundle| {
        bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    });
    no_log.verify(&identity(SUBJECT, ISSUER)).exits(10).says("step 8");
    let flags = [&identity(SUBJECT, ISSUER)[..], &["--insecure-ignore-tlog"]].concat();
    no_log.verify(&flags).exits(0).says("not checked: transparency log");
    let no_time = missing(&Leaf::default(), |bundle| {
        bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    });
    no_time.verify(&identity(SUBJECT, ISSUER)).exits(10);
    no_time.verify(&flags).exits(10);
    let secret = missing(&Leaf { announcements: 0, ..Leaf::default() }, |_| {});
    secret.verify(&identity(SUBJECT, ISSUER)).exits(10).says("step 7");
    let flags = [&identity(SUBJECT, ISSUER)[..], &["--insecure-ignore-sct"]].concat();
    secret.verify(&flags).exits(0).says("not checked: certificate log");
}

#[test]
fn certificates_and_keys_are_not_taken_for_each_other() {
    let mut signed = Signed::new();
    signed.sign(&Leaf::default(), LogVersion::V1, |_| {});
    signed.place.key("a");
    let key = signed.place.path("a.pub");
    signed.verify(&["--key", &key]).exits(10).says("signed with a certificate, expected a public key");
    signed.verify(&["--key", &key, "--insecure-ignore-tlog"]).exits(10);
}

#[test]
fn two_certificates_of_one_person_are_one_signer() {
    let mut signed = Signed::new();
    signed.sign(&Leaf::default(), LogVersion::V2, |_| {});
    let run = Leaf { claims: vec![(21, "https://ci.example/run/2".into())], ..Leaf::default() };
    signed.sign(&run, LogVersion::V2, |_| {});
    let two = ["--threshold", "2"];
    signed.verify(&[&identity(SUBJECT, ISSUER)[..], &two].concat()).exits(10).says("1 of 2 signers");
    signed.sign(&Leaf { subject: "ann@example.com".into(), ..Leaf::default() }, LogVersion::V2, |_| {});
    signed.verify(&[&identity(SUBJECT, ISSUER)[..], &two].concat()).exits(10);
    let both =
        [&["--certificate-identity", "ann@example.com"], &identity(SUBJECT, ISSUER)[..], &two].concat();
    signed.verify(&both).exits(0);
}

#[test]
fn files_are_verified_with_certificates_too() {
    let mut signed = Signed::new();
    let holder = signed.instance.leaf(&Leaf::default());
    let bundle = signed.instance.sign(&holder, b"content", LogVersion::V1);
    let (bundle, file) =
        (signed.place.write("b.json", bundle.to_string()), signed.place.write("file", "content"));
    let root = signed.place.path("root.json");
    let verify = |what: &str, issuer| {
        let flags = ["verify-blob", "--trusted-root", &root, "--bundle", &bundle, what];
        signed.place.run(&[&flags[..], &identity(SUBJECT, issuer)].concat())
    };
    verify(&file, ISSUER).exits(0).says("2016-01-15T12:00:00Z");
    verify(&Digest::sha256(b"content").to_string(), ISSUER).exits(0);
    verify(&file, "https://other.example").exits(10);
    verify(&signed.place.write("other", "contents"), ISSUER).exits(10);
}

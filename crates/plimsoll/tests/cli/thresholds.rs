//! How many logs and timestamp authorities have to vouch for a signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_testkit::sigstore::{Leaf, LogVersion, NOW, Sigstore};
use serde_json::{Value, json};

use crate::fixture::{Place, Run};

/// Two instances that are both trusted, and a file that a holder of the first one's certificate has signed.
struct Case {
    place: Place,
    first: Sigstore,
    second: Sigstore,
    bundle: Value,
}

impl Case {
    fn new(version: LogVersion) -> Self {
        let place = Place::empty();
        let (mut first, second) = (Sigstore::new(), Sigstore::new());
        let holder = first.leaf(&Leaf::default());
        let bundle = first.sign(&holder, b"the file", version);
        let (mut root, more) = (first.trusted_root(), second.trusted_root());
        for kind in ["tlogs", "timestampAuthorities"] {
            root[kind].as_array_mut().unwrap().push(more[kind][0].clone());
        }
        place.write("file", "the file");
        place.write("root.json", root.to_string());
        Self { place, first, second, bundle }
    }

    fn verify(&self, variables: &[(&str, &str)], more: &[&str]) -> Run {
        let (leaf, bundle) = (Leaf::default(), self.place.write("bundle.json", self.bundle.to_string()));
        let (file, root) = (self.place.path("file"), self.place.path("root.json"));
        let who = ["--certificate-identity", &leaf.subject, "--certificate-oidc-issuer", &leaf.issuer];
        let fixed = ["verify-blob", "--bundle", &bundle, "--trusted-root", &root, &file];
        self.place.run_with(variables, &[&fixed, &who[..], more].concat())
    }
}

#[test]
fn as_many_different_logs_as_asked_for_have_to_hold_the_signature() {
    let mut case = Case::new(LogVersion::V1);
    let entry = case.bundle["verificationMaterial"]["tlogEntries"][0].clone();
    let body = STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let entries = |case: &mut Case, entries: Value| {
        case.bundle["verificationMaterial"]["tlogEntries"] = entries;
    };
    case.verify(&[], &[]).exits(0);
    case.verify(&[], &["--logs", "1"]).exits(0);
    case.verify(&[], &["--logs", "2"]).exits(10).says("distinct logs").says("1 distinct logs");
    case.verify(&[("PLIMSOLL_LOGS", "2")], &[]).exits(10);
    let settings = case.place.write("plimsoll.yaml", "logs: 2\n");
    case.verify(&[], &["--config", &settings]).exits(10);
    // A second entry in the same log is the word of the same log.
    let again = case.first.log.append("hashedrekord", "0.0.1", &body, LogVersion::V1, NOW);
    entries(&mut case, json!([entry, again]));
    case.verify(&[], &["--logs", "2"]).exits(10).says("1 distinct logs");
    let other = case.second.log.append("hashedrekord", "0.0.1", &body, LogVersion::V1, NOW);
    entries(&mut case, json!([entry, other]));
    case.verify(&[], &["--logs", "2", "--explain"]).exits(0).says("2 of 2");
    case.verify(&[], &["--logs", "3"]).exits(10).says("2 distinct logs");
    case.verify(&[], &["--logs", "2", "--insecure-ignore-tlog"]).exits(2).says("ask for logs and for none");
    case.verify(&[], &["--logs", "0"]).exits(2);
}

#[test]
fn as_many_different_timestamp_authorities_as_asked_for_have_to_have_signed() {
    let mut case = Case::new(LogVersion::V2);
    let signature = case.bundle["messageSignature"]["signature"].as_str().unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    let (first, again) = (case.first.stamp(&signature, NOW), case.first.stamp(&signature, NOW + 1));
    let second = case.second.stamp(&signature, NOW);
    let mut with = |stamps: Value, more: &[&str]| {
        case.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = stamps;
        case.verify(&[], more)
    };
    with(json!([first]), &["--timestamps", "1"]).exits(0);
    with(json!([first]), &["--timestamps", "2"]).exits(10).says("1 distinct authorities");
    with(json!([first, again]), &["--timestamps", "2"]).exits(10).says("1 distinct authorities");
    with(json!([first, second]), &["--timestamps", "2"]).exits(0);
    with(json!([first, second]), &["--timestamps", "3"]).exits(10).says("2 distinct authorities");
}

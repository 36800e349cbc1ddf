//! `trust`: from a mirror to a verification, and files of one's own.

use plimsoll_core::{Digest, clock};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore, pem};
use plimsoll_testkit::tuf::Tuf;
use serde_json::Value;

use crate::fixture::Place;

const DAY: i64 = 24 * 3600;

/// A repository that is valid at the machine's time, with these files.
fn repository(trusted_root: &Value) -> Tuf {
    let mut tuf = Tuf::new();
    let now = clock::now().as_second();
    for role in [&mut tuf.root, &mut tuf.timestamp, &mut tuf.snapshot, &mut tuf.targets_role] {
        role.expires = now + 30 * DAY;
    }
    tuf.targets.insert("trusted_root.json".into(), serde_json::to_vec(trusted_root).unwrap());
    tuf.publish();
    tuf
}

#[test]
fn an_instance_of_ones_own_is_fetched_shown_and_verified_against() {
    let (place, mut instance) = (Place::empty(), Sigstore::new());
    let mut tuf = repository(&instance.trusted_root());
    let (mirror, root) = (tuf.serve(), place.write("root.json", tuf.initial_root()));
    let leaf = Leaf::default();
    let holder = instance.leaf(&leaf);
    let bundle = instance.sign(&holder, b"release", LogVersion::V2);
    let (file, bundle) = (place.write("release", "release"), place.write("release.json", bundle.to_string()));
    let verify = |more: &[&str], code: i32| {
        let first = ["verify-blob", "--bundle", &bundle, "--instance", "own"];
        let identity = ["--certificate-identity", &leaf.subject, "--certificate-oidc-issuer", &leaf.issuer];
        place.run(&[&first[..], &identity, &["--use-signed-timestamps"], more, &[&file]].concat()).exits(code)
    };
    verify(&[], 4).says("trust update --instance own");
    place.run(&["doctor"]).says("trust update");

    let checksum = Digest::sha256(&tuf.initial_root()).to_string();
    let base = ["trust", "update", "--instance", "own", "--mirror", &mirror.url()];
    place.run(&base).exits(2).says("--root FILE");
    let other = Digest::sha256(b"another").to_string();
    place
        .run(&[&base[..], &["--root", &root, "--root-checksum", &other]].concat())
        .exits(10)
        .says("got sha256:");
    place.run(&[&base[..], &["--root-checksum", &other]].concat()).exits(10).says("1.root.json");
    let update = place.run(&[&base[..], &["--root", &root, "--root-checksum", &checksum]].concat()).exits(0);
    let path = update.stdout.trim().to_owned();
    assert!(path.ends_with("plimsoll/trust/own/trusted_root.json"), "{path}");
    assert_eq!(std::fs::read(&path).unwrap(), tuf.targets["trusted_root.json"]);

    verify(&[], 0);
    verify(&["--offline"], 0);
    let asked = mirror.requests();
    place.run(&["doctor"]).says("trust root own").says("valid until");
    place
        .run(&["doctor", "--at", "2999-01-01T00:00:00Z"])
        .says("expired at")
        .says("trust update --instance own");
    place.run(&["doctor", "--at", "2000-01-01T00:00:00Z"]).says("the clock was set back");
    let shown = place.run(&["trust", "show", "--instance", "own", "-o", "json"]).exits(0).json();
    assert_eq!((&shown["origin"], &shown["cache"]["versions"]["root"]), (&"cache".into(), &1.into()));
    assert_eq!(shown["trustedRoot"]["entries"].as_array().unwrap().len(), 4, "{shown:#}");
    place
        .run(&["trust", "show", "--instance", "own"])
        .exits(0)
        .says("https://ca.example")
        .says("valid until");
    assert_eq!(mirror.requests(), asked, "none of them asks the mirror");

    place.run(&["trust", "update", "--instance", "own"]).exits(0).says("nothing changed");
    place.run(&["trust", "update", "--instance", "own", "--offline"]).exits(1).says("file:///");
    // What the mirror says from now on is another instance's: nothing changes, and what was there still verifies.
    let before = std::fs::read(place.path(".cache/plimsoll/trust/own/trust.json")).unwrap();
    tuf.files = repository(&Sigstore::new().trusted_root()).files;
    mirror.hold(&tuf.files);
    place.run(&["trust", "update", "--instance", "own"]).exits(10).says("threshold");
    assert_eq!(std::fs::read(place.path(".cache/plimsoll/trust/own/trust.json")).unwrap(), before);
    verify(&[], 0);
}

#[test]
fn files_of_ones_own_are_made_and_shown() {
    let (place, instance) = (Place::empty(), Sigstore::new());
    let chain = [pem("CERTIFICATE", &instance.ca), pem("CERTIFICATE", &instance.root)].concat();
    let (chain, key) = (place.write("ca.pem", chain), place.write("log.pem", instance.log.key.public_pem()));
    let fulcio = format!("url=https://ca.example,certificate-chain={chain}");
    let rekor = format!("url=https://log.example,public-key={key},start-time=2026-01-01T00:00:00Z");
    let out = place.path("trusted_root.json");
    place.run(&["trust", "root", "--fulcio", &fulcio, "--rekor", &rekor, "--output-file", &out]).exits(0);
    let shown =
        place.run(&["trust", "show", &out, "--at", "2026-02-01T00:00:00Z", "-o", "json"]).exits(0).json();
    assert_eq!(shown["trustedRoot"]["entries"][1]["kind"], "transparency-log");
    assert_eq!(shown["trustedRoot"]["entries"][1]["inForce"], true);
    place.run(&["trust", "root"]).exits(2).says("--fulcio");
    place
        .run(&["trust", "root", "--rekor", "url=https://x.example,start=2026-01-01T00:00:00Z"])
        .exits(2)
        .says("public-key");
    place
        .run(&["trust", "root", "--rekor", &format!("{rekor},colour=red")])
        .exits(2)
        .says("colour")
        .says("origin");
    place.run(&["trust", "root", "--rekor", &rekor.replace("https", "ftp")]).exits(2).says("URL");
    place
        .run(&["trust", "root", "--rekor", &rekor.replace("2026-01-01T00:00:00Z", "soon")])
        .exits(2)
        .says("soon");

    let service = "url=https://ca.example,api-version=1,start-time=2026-01-01T00:00:00Z,operator=me";
    let config = place.path("signing_config.json");
    place.run(&["trust", "signing-config", "--fulcio", service, "--output-file", &config]).exits(0);
    let more = ["trust", "signing-config", "--base-config", &config, "--rekor", service];
    place.run(&more).exits(2).says("rekorTlogConfig");
    place.run(&[&more[..], &["--rekor-config", "EXACT:2"]].concat()).exits(2).says("EXACT:2 of 1");
    place.run(&[&more[..], &["--rekor-config", "some"]].concat()).exits(2).says("ANY");
    let both = place.run(&[&more[..], &["--rekor-config", "ANY"]].concat()).exits(0).json();
    assert_eq!(both["caUrls"][0]["operator"], "me");
    place.run(&["trust", "show", &config]).exits(0).says("certificate authority").says("version 1");
    place.run(&["trust", "show", &place.write("other.json", "{}")]).exits(2);
    place.run(&["trust", "show"]).exits(0).says("built in");
}

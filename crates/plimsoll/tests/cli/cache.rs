//! What verifying asks of a registry, and what it keeps: requests are counted, caches are damaged.

use std::os::unix::fs::PermissionsExt as _;

use plimsoll_testkit::{ImageBuilder, Layer, Registry};
use serde_json::Value;

use crate::fixture::{Place, Run, digest_of, patched};

const SUBJECT: &str = "shop/orders";

/// A registry with a signed image; the reference by digest.
fn signed(place: &Place, registry: &Registry) -> String {
    let reference = patched(registry);
    place.key("ci");
    place.run(&["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
    registry.clear_requests();
    reference
}

fn verify(place: &Place, arguments: &[&str]) -> Run {
    let key = place.path("ci.pub");
    place.run(&[&["verify", "--key", &key, "--insecure-ignore-tlog"], arguments].concat())
}

/// What was asked since the last time, digests left out: `GET referrers/`, `GET manifests/sha256-`, `GET manifests/2.0`.
fn asked(registry: &Registry) -> Vec<String> {
    let short = |path: &str| {
        let path = path.strip_prefix("/v2/").unwrap_or(path);
        let path = path.strip_prefix(SUBJECT).unwrap_or(path).trim_start_matches('/');
        path.split("sha256:").next().unwrap().split_inclusive("sha256-").next().unwrap_or_default().to_owned()
    };
    let asked = registry.requests().iter().map(|r| format!("{} {}", r.method, short(r.path()))).collect();
    registry.clear_requests();
    asked
}

const BUNDLE: [&str; 2] = ["GET manifests/", "GET blobs/"];

#[test]
fn verifying_by_digest_takes_three_requests_and_one_more_by_tag() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    let no_cache = "--no-cache";
    verify(&place, &[&reference, no_cache]).exits(0).says("VERIFIED");
    assert_eq!(asked(&registry), [&["GET referrers/"][..], &BUNDLE].concat());
    verify(&place, &[&registry.reference(SUBJECT, "2.0"), no_cache]).exits(0);
    assert_eq!(asked(&registry), [&["GET manifests/2.0", "GET referrers/"][..], &BUNDLE].concat());
}

#[test]
fn the_fallback_tag_takes_one_more() {
    let (place, registry) = (Place::empty(), Registry::builder().referrers_api(false).start());
    let reference = signed(&place, &registry);
    verify(&place, &[&reference, "--no-cache"]).exits(0);
    assert_eq!(asked(&registry), [&["GET referrers/", "GET manifests/sha256-"][..], &BUNDLE].concat());
}

#[test]
fn a_token_takes_two_more() {
    for anonymous in [true, false] {
        let (place, registry) = (Place::empty(), Registry::builder().bearer("me", "pa55"));
        let registry = if anonymous { registry.anonymous_pull() } else { registry }.start();
        let login = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6cGE1NQ=="}}}}}}"#, registry.host());
        let file = place.write(".docker/config.json", login);
        let reference = signed(&place, &registry);
        if anonymous {
            std::fs::remove_file(file).unwrap();
        }
        verify(&place, &[&reference, "--no-cache"]).exits(0);
        // Who has credentials asks first whether they are wanted; who has none tries.
        let first = if anonymous { "GET referrers/" } else { "GET " };
        let expected = [&[first, "GET token", "GET referrers/"][..], &BUNDLE].concat();
        assert_eq!(asked(&registry), expected, "anonymous: {anonymous}");
    }
}

#[test]
fn a_signature_under_the_fallback_tag_of_a_registry_with_the_api_is_found() {
    let (place, old) = (Place::empty(), Registry::builder().referrers_api(false).start());
    let reference = signed(&place, &old);
    let digest = digest_of(&reference);
    // The registry learns the API, and does not list what came before.
    let new = Registry::builder()
        .also(|request| {
            let index =
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
            let answer = plimsoll_testkit::Answer::new(200)
                .header("Content-Type", "application/vnd.oci.image.index.v1+json");
            request.path().contains("/referrers/").then(|| answer.body(index))
        })
        .start();
    let tag = digest.replace(':', "-");
    let index: Value = serde_json::from_slice(&old.manifest(SUBJECT, &tag).unwrap()).unwrap();
    for entry in index["manifests"].as_array().unwrap() {
        let bytes = old.manifest(SUBJECT, entry["digest"].as_str().unwrap()).unwrap();
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        for part in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
            let digest = part["digest"].as_str().unwrap().parse().unwrap();
            new.add_blob(SUBJECT, old.blob(SUBJECT, &digest).unwrap());
        }
        new.add_manifest(SUBJECT, manifest["mediaType"].as_str().unwrap(), bytes);
    }
    let listed = new.add_manifest(SUBJECT, "application/vnd.oci.image.index.v1+json", index.to_string());
    new.tag(SUBJECT, &tag, &listed);
    verify(&place, &[&new.reference(SUBJECT, digest), "--no-cache"]).exits(0);
    assert_eq!(asked(&new), [&["GET referrers/", "GET manifests/sha256-"][..], &BUNDLE].concat());
}

#[test]
fn a_second_run_asks_only_whether_the_list_still_holds() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    let cold = verify(&place, &[&reference, "-o", "json"]).exits(0).json();
    assert_eq!(asked(&registry).len(), 3);
    let warm = verify(&place, &[&reference, "-o", "json"]).exits(0).json();
    assert_eq!(asked(&registry), ["GET referrers/"]);
    assert_eq!(warm, cold);
    assert!(warm["results"][0].get("asOf").is_none(), "it was asked");
    let tagged = registry.reference(SUBJECT, "2.0");
    verify(&place, &[&tagged]).exits(0);
    asked(&registry);
    verify(&place, &[&tagged]).exits(0);
    assert_eq!(asked(&registry), ["GET manifests/2.0", "GET referrers/"]);
    // Another signature is seen at once.
    place.key("other");
    place.run(&["sign", "--key", &place.path("other.key"), &reference]).exits(0);
    let both = [&*reference, "--key", &place.path("other.pub"), "--threshold", "2"];
    verify(&place, &both).exits(0);
}

#[test]
fn lists_are_believed_for_as_long_as_is_said_and_the_result_says_so() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    verify(&place, &[&reference]).exits(0);
    asked(&registry);
    let run = verify(&place, &[&reference, "--cache-for", "1h", "-o", "json"]).exits(0).json();
    assert_eq!(asked(&registry), [""; 0]);
    assert!(run["results"][0]["asOf"].as_str().unwrap().starts_with("20"), "{run}");
    verify(&place, &[&reference, "--cache-for", "1h"]).exits(0).says("as of").says("registry was not asked");
    verify(&place, &[&reference, "--cache-for", "1h", "-o", "text"]).exits(0).says("as of");
    assert_eq!(asked(&registry), [""; 0]);
    // What was missing then is searched for again.
    let other = place.path("other.pub");
    place.key("other");
    place.run(&["sign", "--key", &place.path("other.key"), &reference]).exits(0);
    registry.clear_requests();
    let arguments = ["verify", "--key", &other, "--insecure-ignore-tlog", "--cache-for", "1h", &reference];
    place.run(&arguments).exits(10).says("as of");
    place.run(&arguments[..4]).exits(2);
    place.run(&["verify", "--key", &other, "--insecure-ignore-tlog", &reference]).exits(0);
}

#[test]
fn offline_verifies_what_was_verified_before() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    let tagged = registry.reference(SUBJECT, "2.0");
    verify(&place, &[&reference, "--offline"]).exits(1).says("offline");
    verify(&place, &[&reference]).exits(0);
    verify(&place, &[&tagged]).exits(0);
    registry.stop();
    for subject in [&reference, &tagged] {
        verify(&place, &[subject, "--offline"]).exits(0).says("VERIFIED").says("as of");
        verify(&place, &[subject, "--offline", "--no-cache"]).exits(1).says("offline");
        verify(&place, &[subject]).exits(6);
    }
    // Another signer's signature is not known to be missing: its fallback tag was never asked for.
    place.key("other");
    let other = place.path("other.pub");
    place
        .run(&["verify", "--key", &other, "--insecure-ignore-tlog", "--offline", &reference])
        .exits(1)
        .says("offline");
}

#[test]
fn a_damaged_cache_is_mended_and_a_useless_one_is_no_failure() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    let cache = place.path("kept");
    let in_cache = |extra: &[&str]| {
        let arguments = [&["--cache-dir", &cache, &*reference], extra].concat();
        verify(&place, &arguments)
    };
    in_cache(&[]).exits(0).keeps_quiet_about("cache");
    assert_eq!(asked(&registry).len(), 3);
    let version = place.root().join("kept/registry/v1");
    let mut damaged = 0;
    for section in std::fs::read_dir(&version).unwrap().map(|entry| entry.unwrap().path()) {
        for file in std::fs::read_dir(&section).into_iter().flatten() {
            std::fs::write(file.unwrap().path(), "damaged").unwrap();
            damaged += 1;
        }
    }
    assert_eq!(damaged, 3);
    in_cache(&[]).exits(0).says("fetched again");
    assert_eq!(asked(&registry).len(), 3);
    in_cache(&[]).exits(0).keeps_quiet_about("fetched again");
    assert_eq!(asked(&registry).len(), 1);

    std::fs::set_permissions(place.root().join("kept/registry"), std::fs::Permissions::from_mode(0o777))
        .unwrap();
    in_cache(&[]).exits(0).says("no cache is used").says("can be written by others").says("chmod go-w");
    assert_eq!(asked(&registry).len(), 3);
    let doctor = place.run(&["doctor", "--json", "--cache-dir", &cache]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "registry cache").unwrap();
    assert_eq!(check["status"], "warn", "{check}");
    std::fs::set_permissions(place.root().join("kept/registry"), std::fs::Permissions::from_mode(0o700))
        .unwrap();
    let doctor = place.run(&["doctor", "--cache-dir", &cache]);
    doctor.says("registry cache").says("12 KiB in 3 files");

    let file = place.write("file", "");
    verify(&place, &["--cache-dir", &file, &reference]).exits(0).says("no cache is used");
    // Without a place for it, everything works without it.
    let key = place.path("ci.pub");
    let arguments = ["verify", "--key", &key, "--insecure-ignore-tlog", &reference];
    place.run_with(&[("HOME", "")], &arguments).exits(0).keeps_quiet_about("cache");
    place.run_with(&[("XDG_CACHE_HOME", &file)], &arguments).exits(0).keeps_quiet_about("cache");
}

#[test]
fn the_cache_stays_below_its_limit() {
    let (place, registry) = (Place::empty(), Registry::start());
    place.key("ci");
    let cache = place.path("kept");
    for number in 0..8_u8 {
        let image = ImageBuilder::new().layer(Layer::new().file("n", vec![number])).build();
        let digest = image.push(&registry, SUBJECT, "1").to_string();
        let reference = registry.reference(SUBJECT, &digest);
        place.run(&["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
        verify(&place, &["--cache-dir", &cache, "--limit", "cache_bytes=40KiB", &reference]).exits(0);
        let mut files = 0;
        for section in std::fs::read_dir(place.root().join("kept/registry/v1")).unwrap() {
            files += std::fs::read_dir(section.unwrap().path()).into_iter().flatten().count();
        }
        assert!((3..=10).contains(&files), "{files} after {number}");
    }
}

#[test]
fn a_hundred_signatures_are_looked_at_in_one_pass() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = signed(&place, &registry);
    // 99 by the key that counts, in one run each of signing.
    for number in 1..100 {
        let note = format!("n={number}");
        place.run(&["sign", "--key", &place.path("ci.key"), "-a", &note, &reference]).exits(0);
    }
    registry.clear_requests();
    let json = verify(&place, &[&reference, "--no-cache", "-o", "json"]).exits(0).json();
    assert_eq!(json["results"][0]["proofs"].as_array().unwrap().len(), 100);
    assert_eq!(asked(&registry).len(), 201, "one list, and two for each");

    // All but one are by somebody else.
    place.key("other");
    place.run(&["sign", "--key", &place.path("other.key"), &reference]).exits(0);
    registry.clear_requests();
    let other = place.path("other.pub");
    let arguments = ["verify", "--key", &other, "--insecure-ignore-tlog", &reference, "-o", "json"];
    let json = place.run(&arguments).exits(0).json();
    assert_eq!(json["results"][0]["proofs"].as_array().unwrap().len(), 1);
    assert_eq!(json["results"][0]["refused"].as_array().unwrap().len(), 100);
    assert_eq!(asked(&registry).len(), 203);
    place.run(&arguments).exits(0);
    assert_eq!(asked(&registry), ["GET referrers/"], "and none the second time");
}

//! `doctor`: each thing it looks at, sound and broken.

use plimsoll_testkit::Registry;
use serde_json::Value;

use crate::fixture::{NOW, Place, affected};

fn check<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()
}

#[test]
fn a_sound_machine_has_no_failure() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (affected(&registry), place.path("db"));
    let later = "2026-11-21T01:00:00Z";
    let run = place.run(&["doctor", "--db", &db, "--at", later, &reference]).exits(0);
    run.says("ok    clock")
        .says("ok    database PyPI")
        .says("ok    registry")
        .says("plain HTTP")
        .says("trust root");
    let json = place.run(&["doctor", "--db", &db, "--at", later, "--json"]).exits(0).json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/doctor/v1");
    assert_eq!(check(&json, "registry")["status"], "skip");
    for name in ["clock", "configuration", "database", "cache", "disk", "proxies", "credentials"] {
        assert_eq!(check(&json, name)["status"], "ok", "{json}");
    }
}

#[test]
fn what_is_broken_is_named_with_a_hint() {
    let place = Place::new();
    let db = place.path("db");
    let json = |arguments: &[&str], variables: &[(&str, &str)], code: i32| {
        place.run_with(variables, &[&["doctor", "--json"], arguments].concat()).exits(code).json()
    };
    let no_database = json(&[], &[], 1);
    assert_eq!(check(&no_database, "database")["status"], "fail");
    assert!(check(&no_database, "database")["hint"].as_str().unwrap().contains("db build"));

    assert_eq!(check(&json(&["--db", &db, "--at", NOW], &[], 1), "clock")["status"], "fail");
    let stale = json(&["--db", &db, "--at", "2026-11-22T12:00:00Z"], &[], 0);
    assert_eq!(check(&stale, "database")["status"], "warn");

    let sound = ["--db", &db, "--at", "2026-11-21T01:00:00Z"];
    let proxy = json(&sound, &[("HTTPS_PROXY", "socks5://me:geheim@p.example")], 1);
    assert_eq!(check(&proxy, "proxies")["status"], "fail");
    assert!(!proxy.to_string().contains("geheim"), "{proxy}");
    let proxy = json(&sound, &[("HTTPS_PROXY", "http://me:geheim@p.example")], 0);
    assert!(check(&proxy, "proxies")["message"].as_str().unwrap().contains("HTTPS_PROXY"));
    assert!(!proxy.to_string().contains("geheim"), "{proxy}");

    place.write(".docker/config.json", r#"{"credsStore": "nowhere", "auths": {}}"#);
    let missing = json(&sound, &[], 0);
    assert_eq!(check(&missing, "credentials")["status"], "warn");
    assert!(
        check(&missing, "credentials")["message"].as_str().unwrap().contains("docker-credential-nowhere")
    );
    place.write(".docker/config.json", "{geheim");
    let broken = json(&sound, &[], 1);
    assert_eq!(check(&broken, "credentials")["status"], "fail");
    assert!(!broken.to_string().contains("geheim"), "{broken}");

    let file = place.write("file", "");
    let cache = json(&sound, &[("XDG_CACHE_HOME", &file)], 1);
    assert_eq!(check(&cache, "cache")["status"], "fail");

    std::fs::write(place.root().join("db/pypi.plimsolldb"), "damaged").unwrap();
    assert_eq!(check(&json(&sound, &[], 1), "database")["status"], "fail");
}

#[test]
fn a_registry_that_cannot_be_reached_fails_and_the_others_are_asked_too() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = affected(&registry);
    let db = place.path("db");
    let nobody = "127.0.0.1:1/team/app:1";
    let arguments = ["doctor", "--json", "--db", &db, nobody, &reference, "./none.tar"];
    let json = place.run(&arguments).exits(1).json();
    let of = |about: &str| {
        let checks = json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "registry" && check["about"] == about);
        check.unwrap()["status"].clone()
    };
    assert_eq!((of(nobody), of(&reference), of("./none.tar")), ("fail".into(), "ok".into(), "fail".into()));
}

//! `doctor`: each thing it looks at, sound and broken.

use std::collections::BTreeSet;

use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use plimsoll_testkit::{Answer, Fault, Registry};
use serde_json::Value;

use crate::fixture::{NOW, Place, affected};

/// `doctor --json`, of which every line fits the exported schema.
#[track_caller]
fn doctor(place: &Place, variables: &[(&str, &str)], arguments: &[&str], code: i32) -> Value {
    let json = place.run_with(variables, &[&["doctor", "--json"], arguments].concat()).exits(code).json();
    let schema = place.run(&["schema", "doctor"]).exits(0).json();
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let problems: Vec<String> =
        schema.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{json:#}");
    for (index, line) in json["checks"].as_array().unwrap().iter().enumerate() {
        for broken in [("status", "fine"), ("name", "weather"), ("message", ""), ("more", "x")] {
            let mut wrong = json.clone();
            wrong["checks"][index][broken.0] = broken.1.into();
            assert!(!schema.is_valid(&wrong), "a line with {broken:?} passes: {line}");
        }
    }
    json
}

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
    let json = doctor(&place, &[], &["--db", &db, "--at", later], 0);
    assert_eq!(json["schemaVersion"], "plimsoll.dev/doctor/v1");
    assert_eq!(check(&json, "registry")["status"], "skip");
    for name in ["clock", "configuration", "database", "cache", "disk", "proxies", "credentials"] {
        assert_eq!(check(&json, name)["status"], "ok", "{json}");
    }
}

#[test]
fn broken_parts_are_named_with_a_hint() {
    let place = Place::new();
    let db = place.path("db");
    let json = |arguments: &[&str], variables: &[(&str, &str)], code: i32| {
        doctor(&place, variables, arguments, code)
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

    let files = std::fs::read_dir(place.root().join("db")).unwrap().map(|entry| entry.unwrap().path());
    let pypi = files.filter(|path| path.to_str().unwrap().contains("/pypi-"));
    pypi.for_each(|path| std::fs::write(path, "damaged").unwrap());
    assert_eq!(check(&json(&sound, &[], 1), "database")["status"], "fail");
}

#[test]
fn a_registry_that_cannot_be_reached_fails_and_the_others_are_asked_too() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = affected(&registry);
    let db = place.path("db");
    let nobody = "127.0.0.1:1/team/app:1";
    let json = doctor(&place, &[], &["--db", &db, nobody, &reference, "./none.tar"], 1);
    let status = |about: &str| {
        let checks = json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "registry" && check["about"] == about);
        check.unwrap()["status"].clone()
    };
    assert_eq!(
        (status(nobody), status(&reference), status("./none.tar")),
        ("fail".into(), "ok".into(), "fail".into())
    );
}

#[test]
fn a_clock_that_is_off_is_told_by_the_registrys_date() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (affected(&registry), place.path("db"));
    let says = |date: Option<&str>| {
        let answer = Answer::new(200).body(r#"{"schemaVersion":2,"manifests":[]}"#);
        let answer = date.map_or(answer.clone(), |date| answer.header("Date", date));
        registry.behave();
        registry.misbehave("GET */referrers/*", Fault::Answer(answer));
        let json = doctor(&place, &[], &["--db", &db, "--at", "2026-11-21T01:00:00Z", &reference], 0);
        let lines = json["checks"].as_array().unwrap();
        let line = lines.iter().find(|line| line["name"] == "clock" && line["about"] == reference.as_str());
        line.unwrap().clone()
    };
    let there = |seconds: i64| {
        let date = Timestamp::now() + SignedDuration::from_secs(seconds);
        says(Some(&DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap()))
    };
    // A minute of grace for a machine that is busy between the two looks at its clock.
    for seconds in [0, 200, -200] {
        assert_eq!(there(seconds)["status"], "ok", "{seconds}");
    }
    for seconds in [3600, -3600, 86_400 * 400] {
        let line = there(seconds);
        assert_eq!(line["status"], "warn", "{line}");
        assert!(line["message"].as_str().unwrap().contains("s off the registry's clock"), "{line}");
        assert!(line["hint"].as_str().unwrap().contains("NTP"), "{line}");
    }
    assert_eq!(says(None)["status"], "skip");
    let nonsense = says(Some("half past seven"));
    assert_eq!(nonsense["status"], "skip");
    assert!(nonsense["message"].as_str().unwrap().contains("half past seven"), "{nonsense}");
    // In the table too, and a warning is not a failure.
    registry.behave();
    let late = Answer::new(200).header("Date", "Sat, 01 Jan 2000 00:00:00 GMT").body("{}");
    registry.misbehave("GET */referrers/*", Fault::Answer(late));
    let arguments = ["doctor", "--db", &db, "--at", "2026-11-21T01:00:00Z", &reference];
    place.run(&arguments).exits(0).says("warn  clock").says("2000-01-01T00:00:00Z");
}

/// The schema lists no names that are no longer used.
#[test]
fn every_line_that_the_schema_knows_is_there() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (affected(&registry), place.path("db"));
    let json = doctor(&place, &[], &["--db", &db, "--at", "2026-11-21T01:00:00Z", &reference], 0);
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let lines: Vec<Value> =
        json["checks"].as_array().unwrap().iter().map(|line| line["name"].clone()).collect();
    let schema = place.run(&["schema", "doctor"]).exits(0).json();
    let known = &schema["properties"]["checks"]["items"]["properties"]["name"]["enum"];
    assert_eq!(names(&Value::Array(lines)), names(known));
}

#[test]
fn wrong_credentials_a_missing_repository_and_the_wrong_scheme_are_no_ok() {
    let place = Place::new();
    let db = place.path("db");
    let asked = |reference: &str, code: i32| {
        let json = doctor(&place, &[], &["--db", &db, "--at", "2026-11-21T01:00:00Z", reference], code);
        check(&json, "registry").clone()
    };
    let log_in = |host: &str, password: &str| {
        let both = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("me:{password}"));
        place.write(".docker/config.json", format!(r#"{{"auths": {{"{host}": {{"auth": "{both}"}}}}}}"#));
    };
    // A registry without referrers API may answer "not found" before it looks at the credentials.
    for answers_first in [false, true] {
        let registry = Registry::builder().basic("me", "right").start();
        if answers_first {
            registry.misbehave("GET */referrers/*", Fault::Answer(Answer::new(404)));
        }
        log_in(&registry.host(), "wrong");
        let refused = asked(&registry.reference("team/app", "1"), 1);
        assert_eq!(refused["status"], "fail", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("401"), "{refused}");
        log_in(&registry.host(), "right");
        let missing = asked(&registry.reference("team/app", "1"), 1);
        assert!(missing["message"].as_str().unwrap().contains("team/app"), "{missing}");
    }
    let registry = Registry::start();
    let reference = affected(&registry);
    assert_eq!(asked(&reference, 0)["status"], "ok");
    let (repository, _) = reference.split_once('@').unwrap();
    // Without a tag the repository is asked for.
    let alone = asked(repository, 0);
    assert_eq!(alone["status"], "ok");
    assert!(
        alone["message"].as_str().unwrap().contains("has no tag `latest`, so no image was read"),
        "{alone}"
    );
    assert!(!asked(&reference, 0)["message"].as_str().unwrap().contains("latest"));
    // An answer that says nothing about the repository does not show that it is there.
    registry.misbehave("GET */tags/list*", Fault::Answer(Answer::new(405)));
    assert_eq!(asked(repository, 1)["status"], "fail");
    for missing in [registry.reference("no/such", "1"), format!("{}/no/such", registry.host())] {
        assert_eq!(asked(&missing, 1)["status"], "fail", "{missing}");
    }
    registry.misbehave("* */manifests/*", Fault::Answer(Answer::new(403)));
    assert_eq!(asked(&reference, 1)["status"], "fail");
    let tls = Registry::builder().tls().start();
    let untrusted = asked(&format!("{}/app:1", tls.host()), 1);
    assert_eq!(untrusted["status"], "fail", "{untrusted}");
}

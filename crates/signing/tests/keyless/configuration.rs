//! Which services a signing configuration chooses.

use plimsoll_core::clock;
use plimsoll_http::{Settings, Url};
use plimsoll_signing::Error;
use plimsoll_signing::services::Services;
use plimsoll_testkit::sigstore::Server;
use plimsoll_trust::{LogVersion, SigningConfig, UnknownMembers};
use serde_json::{Value, json};

use crate::configured;

#[test]
fn a_configuration_chooses_services_and_fails_closed() {
    let server = Server::start();
    let base = server.signing_config(&[1, 2]);
    let chosen = configured(&base).unwrap();
    assert_eq!(chosen.logs.len(), 1);
    assert_eq!(chosen.logs[0].version, LogVersion::V2, "the highest version of an operator");

    let service = |host: &str, operator: &str, from: &str, until: Option<&str>| {
        let mut valid = json!({"start": from});
        if let Some(until) = until {
            valid["end"] = json!(until);
        }
        json!({"url": format!("https://{host}"), "majorApiVersion": 1, "validFor": valid, "operator": operator})
    };
    let with = |services: &[Value], selector: Value| {
        let mut config = base.clone();
        config["tsaUrls"] = json!(services);
        config["tsaConfig"] = selector;
        configured(&config).map(|services| services.timestamps.iter().map(Url::to_string).collect::<Vec<_>>())
    };
    let old = service("old.example", "a", "2020-01-01T00:00:00Z", None);
    let new = service("new.example", "a", "2024-01-01T00:00:00Z", None);
    let other = service("other.example", "b", "2020-01-01T00:00:00Z", None);
    let past = service("past.example", "c", "2020-01-01T00:00:00Z", Some("2021-01-01T00:00:00Z"));
    let future = service("future.example", "d", "2999-01-01T00:00:00Z", None);
    let all = [old.clone(), new, other, past.clone(), future.clone()];
    assert_eq!(with(&all, json!({"selector": "ANY"})).unwrap(), ["https://new.example/"]);
    let both = ["https://new.example/", "https://other.example/"];
    assert_eq!(with(&all, json!({"selector": "ALL"})).unwrap(), both);
    assert_eq!(with(&all, json!({"selector": "EXACT", "count": 2})).unwrap(), both);
    assert_eq!(with(&[], json!({"selector": "ANY"})).unwrap(), Vec::<String>::new());
    for (services, selector) in [
        (&all[..], json!({"selector": "EXACT", "count": 3})),
        (&all, json!({"selector": "EXACT"})),
        (&all, json!({"selector": "SERVICE_SELECTOR_UNDEFINED"})),
        (&[past, future], json!({"selector": "ANY"})),
        (&[service("me:pass@x.example", "a", "2020-01-01T00:00:00Z", None)], json!({"selector": "ANY"})),
    ] {
        let error = with(services, selector.clone()).unwrap_err();
        assert!(
            matches!(error, Error::Trust(plimsoll_trust::Error::SigningConfig { .. })),
            "{selector}: {error}"
        );
    }
    let _ = old;
    for text in ["", "{}", r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v9+json"}"#] {
        for members in [UnknownMembers::Refuse, UnknownMembers::Skip] {
            let read = SigningConfig::parse(text.as_bytes(), members);
            assert!(matches!(read, Err(plimsoll_trust::Error::SigningConfig { .. })), "{text}");
        }
    }
}

/// An instance's TUF repository may contain a newer form; in a file that somebody wrote, the same is a typing error.
#[test]
fn unknown_members_are_refused_or_ignored_by_choice() {
    let server = Server::start();
    for (path, name) in [
        ("", "witnessUrls"),
        ("/caUrls/0", "weight"),
        ("/rekorTlogUrls/0/validFor", "grace"),
        ("/tsaConfig", "selecter"),
    ] {
        let mut config = server.signing_config(&[2]);
        config.pointer_mut(path).unwrap()[name] = json!({"x": 1});
        let text = config.to_string();
        let error = SigningConfig::parse(text.as_bytes(), UnknownMembers::Refuse).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        let read = SigningConfig::parse(text.as_bytes(), UnknownMembers::Skip).unwrap();
        let chosen = Services::from_config(&read, Settings::default(), clock::now()).unwrap();
        assert_eq!((chosen.logs.len(), chosen.timestamps.len()), (1, 1), "{path}");
    }
    // The number of services that sign must not be guessed.
    let mut config = server.signing_config(&[2]);
    config["tsaConfig"] = json!({"selector": "MOST"});
    let read = SigningConfig::parse(config.to_string().as_bytes(), UnknownMembers::Skip).unwrap();
    let error = Services::from_config(&read, Settings::default(), clock::now()).unwrap_err();
    assert!(error.to_string().contains("unknown selector"), "{error}");
}

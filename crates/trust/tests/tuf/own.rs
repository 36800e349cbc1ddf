//! Trusted roots and signing configurations for private instances.

use plimsoll_core::{Classify as _, Kind};
use plimsoll_testkit::sigstore::{NOW, Pair, Sigstore, pem};
use plimsoll_trust::{AuthoritySpec, LogSpec, SelectorSpec, ServiceSpec, SigningConfigSpec, TrustedRootSpec};
use serde_json::{Value, json};

use crate::{DAY, at, signing_config};

#[test]
fn a_trusted_root_of_ones_own_is_read_back() {
    let instance = Sigstore::new();
    let chain = [pem("CERTIFICATE", &instance.ca), pem("CERTIFICATE", &instance.root)].concat();
    let tsa =
        [pem("CERTIFICATE", &instance.tsa.certificate), pem("CERTIFICATE", &instance.tsa.root)].concat();
    let authority = |url: &str, chain: &str| AuthoritySpec {
        url: url.into(),
        chain: chain.as_bytes().to_vec(),
        start: Some(at(NOW - 365 * DAY)),
        end: None,
    };
    let log = |url: &str, pair: &Pair| LogSpec {
        url: url.into(),
        key: pair.public_pem().into_bytes(),
        start: at(NOW - 365 * DAY),
        end: None,
        origin: None,
    };
    let spec = TrustedRootSpec {
        fulcio: vec![authority("https://ca.example", &chain)],
        rekor: vec![log("https://log.example", &instance.log.key)],
        ctfe: vec![log("https://ct.example", &instance.ct)],
        tsa: vec![authority("https://tsa.example", &tsa)],
    };
    let made: Value = serde_json::from_slice(&spec.to_json().unwrap()).unwrap();
    let mut expected = instance.trusted_root();
    // The log of the first version is known by its key's digest.
    for (made, expected) in [("tlogs", "logId"), ("ctlogs", "logId")].map(|(a, b)| (&made[a][0][b], b)) {
        assert!(made["keyId"].is_string(), "{expected}");
    }
    for part in ["certificateAuthorities", "timestampAuthorities"] {
        expected[part][0]["subject"] = made[part][0]["subject"].clone();
    }
    expected["tlogs"][0]["logId"] = made["tlogs"][0]["logId"].clone();
    assert_eq!(made, expected);

    let wrong = |change: &dyn Fn(&mut TrustedRootSpec)| {
        let mut spec = spec.clone();
        change(&mut spec);
        let error = spec.to_json().unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        error.to_string()
    };
    let reversed = [pem("CERTIFICATE", &instance.root), pem("CERTIFICATE", &instance.ca)].concat();
    assert!(wrong(&|spec| spec.fulcio[0].chain = reversed.clone().into_bytes()).contains("out of order"));
    let alone = pem("CERTIFICATE", &instance.ca);
    assert!(wrong(&|spec| spec.fulcio[0].chain = alone.clone().into_bytes()).contains("before its root"));
    assert!(wrong(&|spec| spec.fulcio[0].chain.clear()).contains("certificate"));
    assert!(wrong(&|spec| spec.rekor[0].end = Some(at(0))).contains("before it starts"));
    wrong(&|spec| spec.rekor[0].key = b"none".to_vec());
}

#[test]
fn a_signing_config_of_ones_own_starts_from_another() {
    let service = |url: &str| ServiceSpec {
        url: url.into(),
        api_version: 2,
        start: at(NOW),
        end: Some(at(NOW + DAY)),
        operator: "me".into(),
    };
    let base = signing_config();
    let spec = SigningConfigSpec {
        base: Some(base),
        rekor: vec![service("https://a.example"), service("https://b.example")],
        rekor_config: Some(SelectorSpec::Exact(2)),
        ..SigningConfigSpec::default()
    };
    let made: Value = serde_json::from_slice(&spec.to_json().unwrap()).unwrap();
    assert_eq!(made["caUrls"][0]["url"], "https://ca.example");
    assert_eq!(made["rekorTlogUrls"].as_array().unwrap().len(), 2);
    assert_eq!(made["rekorTlogConfig"], json!({"selector": "EXACT", "count": 2}));

    let too_many = SigningConfigSpec { rekor_config: Some(SelectorSpec::Exact(3)), ..spec.clone() };
    assert!(too_many.to_json().unwrap_err().to_string().contains("EXACT:3 of 2"));
    let unsaid = SigningConfigSpec { rekor_config: None, ..spec.clone() };
    assert!(unsaid.to_json().unwrap_err().to_string().contains("rekorTlogConfig"));
    let no_config = SigningConfigSpec { base: Some(b"{}".to_vec()), ..spec };
    assert!(no_config.to_json().unwrap_err().to_string().contains("got media type \"\""));
}

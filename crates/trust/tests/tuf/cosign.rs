//! What cosign makes and reads, compared with ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_core::Timestamp;
use plimsoll_testkit::peer_program;
use plimsoll_testkit::sigstore::{Sigstore, pem};
use plimsoll_testkit::tuf::{Tuf, TufKey};
use plimsoll_trust::{AuthoritySpec, LogSpec, SelectorSpec, ServiceSpec, SigningConfigSpec, TrustedRootSpec};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{DAY, SIGNING_CONFIG, TRUSTED_ROOT, World, root_named, signing_config};

/// Runs cosign in `home`; without peers, it says so and returns `None`.
fn cosign(home: &Path, arguments: &[&str]) -> Option<()> {
    let mut command = Command::new(peer_program("cosign", "$PLIMSOLL_PEERS")?);
    let output = command.args(arguments).current_dir(home).env_clear().env("HOME", home).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cosign {}: {said}", arguments.join(" "));
    Some(())
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn cosign_makes_the_same_trusted_root_and_signing_config() {
    let (home, instance) = (TempDir::new().unwrap(), Sigstore::new());
    let write = |name: &str, text: String| std::fs::write(home.path().join(name), text).unwrap();
    let chain = [pem("CERTIFICATE", &instance.ca), pem("CERTIFICATE", &instance.root)].concat();
    let tsa =
        [pem("CERTIFICATE", &instance.tsa.certificate), pem("CERTIFICATE", &instance.tsa.root)].concat();
    let ed25519 = TufKey::ed25519().public_as_pem()["keyval"]["public"].as_str().unwrap().to_owned();
    let p256 = instance.ct.public_pem();
    write("ca.pem", chain.clone());
    write("tsa.pem", tsa.clone());
    write("ed25519.pem", ed25519.clone());
    write("p256.pem", p256.clone());
    let (start, end) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let made = cosign(
        home.path(),
        &[
            "trusted-root",
            "create",
            "--fulcio=url=https://ca.example,certificate-chain=ca.pem",
            &format!(
                "--rekor=url=https://log.example,public-key=ed25519.pem,start-time={start},origin=log.example/v2"
            ),
            &format!("--rekor=url=https://old.example,public-key=p256.pem,start-time={start},end-time={end}"),
            &format!("--ctfe=url=https://ct.example,public-key=p256.pem,start-time={start}"),
            &format!("--tsa=url=https://tsa.example,certificate-chain=tsa.pem,start-time={start}"),
            "--out=root.json",
        ],
    );
    if made.is_none() {
        return;
    }
    let (start, end): (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
    let authority = |url: &str, chain: &str, start| AuthoritySpec {
        url: url.into(),
        chain: chain.as_bytes().to_vec(),
        start,
        end: None,
    };
    let log = |url: &str, key: &str, end, origin: Option<&str>| LogSpec {
        url: url.into(),
        key: key.as_bytes().to_vec(),
        start,
        end,
        origin: origin.map(str::to_owned),
    };
    let ours = TrustedRootSpec {
        fulcio: vec![authority("https://ca.example", &chain, None)],
        rekor: vec![
            log("https://log.example", &ed25519, None, Some("log.example/v2")),
            log("https://old.example", &p256, Some(end), None),
        ],
        ctfe: vec![log("https://ct.example", &p256, None, None)],
        tsa: vec![authority("https://tsa.example", &tsa, Some(start))],
    };
    let ours: Value = serde_json::from_slice(&ours.to_json().unwrap()).unwrap();
    let mut theirs = json_file(&home.path().join("root.json"));
    // It leaves out an organization that a certificate does not have.
    for part in ["certificateAuthorities", "timestampAuthorities"] {
        if theirs[part][0]["subject"]["organization"].is_null() {
            theirs[part][0]["subject"]["organization"] = json!("");
        }
    }
    assert_eq!(ours, theirs);

    let pairs = "api-version=2,start-time=2026-01-01T00:00:00Z,end-time=2027-01-01T00:00:00Z,operator=me";
    cosign(
        home.path(),
        &[
            "signing-config",
            "create",
            &format!("--fulcio=url=https://ca.example,{pairs}"),
            &format!("--rekor=url=https://log.example,{pairs}"),
            "--rekor-config=EXACT:1",
            &format!("--oidc-provider=url=https://id.example,{pairs}"),
            &format!("--tsa=url=https://tsa.example,{pairs}"),
            "--tsa-config=ALL",
            "--out=config.json",
        ],
    );
    let service = |url: &str| {
        vec![ServiceSpec { url: url.into(), api_version: 2, start, end: Some(end), operator: "me".into() }]
    };
    let ours = SigningConfigSpec {
        base: None,
        fulcio: service("https://ca.example"),
        oidc: service("https://id.example"),
        rekor: service("https://log.example"),
        rekor_config: Some(SelectorSpec::Exact(1)),
        tsa: service("https://tsa.example"),
        tsa_config: Some(SelectorSpec::All),
    };
    let ours: Value = serde_json::from_slice(&ours.to_json().unwrap()).unwrap();
    assert_eq!(ours, json_file(&home.path().join("config.json")));
}

#[test]
fn cosign_reads_the_testkits_repository_as_we_do() {
    let mut tuf =
        Tuf::with_targets(&[(TRUSTED_ROOT, &root_named("shared")), (SIGNING_CONFIG, &signing_config())]);
    // cosign uses the clock of the machine.
    let now = plimsoll_core::clock::now();
    for role in [&mut tuf.root, &mut tuf.timestamp, &mut tuf.snapshot, &mut tuf.targets_role] {
        role.expires = now.as_second() + 30 * DAY;
    }
    tuf.publish();
    tuf.rotate_root(vec![TufKey::p256(), TufKey::ed25519()]);
    let world = World::with_tuf(tuf);
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("root.json"), world.tuf.initial_root()).unwrap();
    if cosign(home.path(), &["initialize", "--mirror", &world.mirror.url(), "--root", "root.json"]).is_none()
    {
        return;
    }
    let updated = world.update_at(now.as_second()).unwrap();
    let found = find_file(home.path(), TRUSTED_ROOT).unwrap();
    assert_eq!(std::fs::read(found).unwrap(), updated.cached.trusted_root());
}

fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.read_dir().ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find_file(&path, name) } else { path.ends_with(name).then_some(path) }
    })
}

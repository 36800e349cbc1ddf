//! `key`: files of every algorithm and format, and references to keys in tokens and services.

use std::os::unix::fs::PermissionsExt as _;

use plimsoll_testkit::kms::{Misbehaviour, ServiceKey, Vault};

use crate::fixture::Place;

/// An unsupported public key is not called a private key, and a file that is neither is not called either.
#[test]
fn inspecting_what_is_no_key_that_is_taken_names_what_it_is() {
    let place = Place::empty();
    // secp256k1.
    let other_curve = "-----BEGIN PUBLIC KEY-----\n\
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEgzp3DlMEox3WZ5RhmE9LMg7ZWwa2G6Rl\n\
        e9CrUFUV+w1njcAAMCdrOA7kElZBNPErfCqEmKnzbfyJqWtF7Iqi9A==\n-----END PUBLIC KEY-----\n";
    let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for (content, says) in [
        (other_curve.to_owned(), "public key: got"),
        (block("PUBLIC KEY"), "public key: got"),
        (block("RSA PUBLIC KEY"), "public key: got"),
        (block("DSA PUBLIC KEY"), "public key: got a block `DSA PUBLIC KEY`"),
        (
            block("CERTIFICATE"),
            "key: got a block `CERTIFICATE`, expected one PEM block with a private or a public key",
        ),
        ("text".to_owned(), "key: got no PEM block"),
    ] {
        let file = place.write("key.pem", content.as_bytes());
        let result = place.run(&["key", "inspect", &file]).exits(2).says(says);
        assert!(!result.stderr.contains("private key:"), "{}", result.stderr);
    }
}

#[test]
fn keys_of_every_algorithm_and_format_are_made_imported_and_inspected() {
    let place = Place::empty();
    let secret = [("COSIGN_PASSWORD", "hunter2")];
    for (algorithm, shown) in
        [("p256", "ecdsa-p256"), ("p384", "ecdsa-p384"), ("rsa-3072", "rsa"), ("ed25519", "ed25519")]
    {
        let (made, again) =
            (place.path(&format!("{algorithm}.made")), place.path(&format!("{algorithm}.again")));
        let generate = ["key", "generate", "--algorithm", algorithm, "--format", "cosign"];
        place.run_with(&secret, &[&generate[..], &["--output-key-prefix", &made]].concat()).exits(0);
        let private = format!("{made}.key");
        let text = std::fs::read_to_string(&private).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"), "{text}");
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
        place.run_with(&secret, &["key", "import", "--no-passphrase", &private, &again]).exits(0);
        let imported = std::fs::read_to_string(format!("{again}.key")).unwrap();
        assert!(imported.starts_with("-----BEGIN PRIVATE KEY-----"));
        let public = std::fs::read(format!("{made}.pub")).unwrap();
        assert_eq!(std::fs::read(format!("{again}.pub")).unwrap(), public);

        let of_public = place.run(&["key", "inspect", "-o", "json", &format!("{made}.pub")]).exits(0).json();
        let locked = place.run(&["key", "inspect", "-o", "json", &private]).exits(0).json();
        let opened = place.run_with(&secret, &["key", "inspect", "-o", "json", &private]).exits(0).json();
        let plain = place.run(&["key", "inspect", "-o", "json", &format!("{again}.key")]).exits(0).json();
        assert_eq!((&of_public["kind"], &of_public["format"]), (&"public".into(), &"spki".into()));
        assert_eq!((&locked["format"], &locked["encrypted"]), (&"cosign".into(), &true.into()));
        assert!(locked["id"].is_null() && locked["algorithm"].is_null());
        for known in [&of_public, &opened, &plain] {
            assert_eq!(known["algorithm"], shown);
            assert_eq!(known["id"], of_public["id"]);
        }
        let table = place.run(&["key", "inspect", &format!("{again}.key")]).exits(0).stdout;
        assert!(table.contains(of_public["id"].as_str().unwrap()), "{table}");
        assert!(!table.contains(imported.lines().nth(1).unwrap()));
    }
    // Cosign's format without a password, and an import over what is there.
    let made = place.path("p256.made");
    let private = format!("{made}.key");
    let before = std::fs::read(&private).unwrap();
    place
        .run(&["key", "generate", "--format", "cosign", "--no-passphrase", &place.path("x")])
        .exits(2)
        .says("always encrypted");
    assert!(!place.root().join("x.key").exists());
    let other = place.path("p384.again.key");
    place.run(&["key", "import", "--no-passphrase", &other, &made]).exits(5).says("--force");
    assert_eq!(std::fs::read(&private).unwrap(), before);
    place.run(&["key", "import", "--no-passphrase", "--force", &other, &made]).exits(0);
    assert_eq!(std::fs::read(&private).unwrap(), std::fs::read(&other).unwrap());
    assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    place.run(&["key", "generate", "--no-passphrase"]).exits(2);
    let wrong = [("COSIGN_PASSWORD", "hunter3")];
    place.run_with(&wrong, &["key", "public", &place.path("p384.made.key")]).exits(3).says("passphrase");
}

#[test]
fn a_key_in_a_service_shows_its_public_half() {
    let place = Place::empty();
    let kept = ServiceKey::new("p256");
    let pem = kept.pem();
    let vault = Vault::start(kept, Misbehaviour::None);
    let set = vault.environment();
    let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(place.run_with(&set, &["key", "public", "hashivault://release"]).exits(0).stdout, pem);
    place.run_with(&set, &["key", "public", "--offline", "hashivault://release"]).exits(1).says("--offline");
    place.run(&["key", "public", "hashivault://release"]).exits(2).says("VAULT_ADDR");
    place.run(&["key", "public", "foo://release"]).exits(2).says("expected a file");
    place.key("ci");
    let pem = std::fs::read_to_string(place.path("ci.key")).unwrap();
    let public = place.run_with(&[("MINE", &pem)], &["key", "public", "env://MINE"]).exits(0).stdout;
    assert_eq!(public, std::fs::read_to_string(place.path("ci.pub")).unwrap());
}

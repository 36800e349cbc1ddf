//! Keys in a PKCS#11 token, SoftHSM's: signing and verifying, and every way to mean another key than one thinks.
//!
//! A module is loaded into the process and configured by its environment, so all of it runs through the binary.

use std::path::Path;
use std::process::Command;

use crate::fixture::{Place, Run};

const PIN: &str = "s3cret-pin-4711";

/// A place with a token of its own.
struct Token {
    place: Place,
    module: &'static str,
    conf: String,
}

impl Token {
    fn new() -> Option<Self> {
        let found = [
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
            "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        ];
        let Some(module) = found.into_iter().find(|path| Path::new(path).is_file()) else {
            eprintln!("skipped: no SoftHSM");
            return None;
        };
        let place = Place::empty();
        let tokens = place.path("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let conf =
            place.write("softhsm2.conf", format!("directories.tokendir = {tokens}\nlog.level = ERROR\n"));
        let token = Self { place, module, conf };
        token.init("release");
        Some(token)
    }

    fn init(&self, label: &str) {
        self.util(&["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN]);
    }

    fn util(&self, arguments: &[&str]) {
        let output =
            Command::new("softhsm2-util").args(arguments).env("SOFTHSM2_CONF", &self.conf).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a key pair `label.key`, `label.pub` and puts it into the token under this label and id.
    fn import(&self, algorithm: &str, label: &str, id: &str) {
        let name = self.place.path(label);
        let generate = ["key", "generate", "--no-passphrase", "--force", "--algorithm", algorithm, &name];
        self.place.run(&generate).exits(0);
        let (file, key) = (self.place.path(&format!("{label}.key")), ["--label", label, "--id", id]);
        self.util(&[&["--import", &file, "--token", "release", "--pin", PIN], &key[..]].concat());
    }

    /// Runs the binary with the token in its environment and the PIN beside it.
    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&[("PLIMSOLL_PKCS11_PIN", PIN)], arguments)
    }

    fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let own = [("SOFTHSM2_CONF", self.conf.as_str()), ("PLIMSOLL_PKCS11_MODULE", self.module)];
        self.place.run_with(&[&own, variables].concat(), arguments).keeps_quiet_about(PIN)
    }
}

#[test]
fn a_token_signs_by_each_kind_of_key_and_its_public_key_verifies() {
    let Some(token) = Token::new() else { return };
    let place = &token.place;
    let file = place.write("file", "the file");
    let (bundle, statement) = (place.path("bundle.json"), place.path("statement.json"));
    let predicate = place.write("predicate.json", "{}");
    for (algorithm, id, shown) in [
        ("p256", "01", "ecdsa-p256"),
        ("p384", "02", "ecdsa-p384"),
        ("rsa-3072", "03", "rsa, 3072 bits"),
        ("ed25519", "04", "ed25519"),
    ] {
        token.import(algorithm, algorithm, id);
        let uri = format!("pkcs11:token=release;object={algorithm};id=%{id};type=private");
        let public = place.path(&format!("{algorithm}.pub"));

        let printed = token.run(&["key", "public", &uri]).exits(0).stdout;
        assert_eq!(printed, std::fs::read_to_string(&public).unwrap(), "{algorithm}");
        token.run(&["key", "inspect", &uri]).exits(0).says(shown).says("kept");

        let attest = [
            "attest-blob",
            "--force",
            "--key",
            &uri,
            "--predicate",
            &predicate,
            "--bundle",
            &statement,
            &file,
        ];
        token.run(&attest).exits(0);
        let attested = ["verify-blob-attestation", "--insecure-ignore-tlog", "--bundle", &statement, &file];
        place.run(&[&attested[..], &["--key", &public]].concat()).exits(0);
        // The token's own public key, for which it wants no PIN.
        token.run_with(&[], &[&attested[..], &["--key", &uri]].concat()).exits(0);

        let sign = token.run(&["sign-blob", "--force", "--key", &uri, "--bundle", &bundle, &file]);
        if algorithm == "ed25519" {
            sign.exits(2).says("whole messages");
            continue;
        }
        sign.exits(0);
        let verify = ["verify-blob", "--insecure-ignore-tlog", "--bundle", &bundle, "--key", &public];
        place.run(&[&verify[..], &[&file]].concat()).exits(0);
        let other = place.write("other", "another file");
        place.run(&[&verify[..], &[&other]].concat()).exits(10);
    }
}

#[test]
fn the_pin_comes_from_uri_file_or_environment_and_shows_up_nowhere() {
    let Some(token) = Token::new() else { return };
    token.import("p256", "signing", "01");
    let place = &token.place;
    let (file, bundle) = (place.write("file", "the file"), place.path("bundle.json"));
    let pin_file = place.write("pin", format!("{PIN}\n"));
    let sign = |variables: &[(&str, &str)], uri: &str| {
        token.run_with(variables, &["-vvv", "sign-blob", "--force", "--key", uri, "--bundle", &bundle, &file])
    };
    let uri = "pkcs11:token=release;object=signing";
    sign(&[], &format!("{uri}?pin-value={PIN}")).exits(0);
    sign(&[], &format!("{uri}?pin-source=file:{pin_file}")).exits(0);
    sign(&[("COSIGN_PKCS11_PIN", PIN)], uri).exits(0);
    // A key file's passphrase is not a PIN: tokens lock themselves after a few wrong ones.
    sign(&[("PLIMSOLL_KEY_PASSPHRASE", PIN)], uri)
        .exits(2)
        .says("cannot ask for a PIN")
        .says("PLIMSOLL_PKCS11_PIN");
    sign(&[("PLIMSOLL_PKCS11_PIN", "0000")], uri).exits(3).says("does not accept this PIN");
    sign(&[("PLIMSOLL_SIGN_KEY", &format!("{uri}?pin-value={PIN}"))], &format!("{uri}?pin-value={PIN}&x=1"))
        .exits(2);
    let help = [("PLIMSOLL_SIGN_KEY", &*format!("{uri}?pin-value={PIN}"))];
    for command in [&["sign-blob", "--help"][..], &["verify", "--help"], &["config", "show"]] {
        token.run_with(&help, command).exits(0);
    }
    token.run_with(&help, &["config", "show"]).says("pkcs11:token=release;object=signing");
}

#[test]
fn a_uri_must_name_exactly_one_key_in_one_token() {
    let Some(token) = Token::new() else { return };
    token.import("p256", "signing", "01");
    token.import("p256", "signing", "02");
    let inspect = |uri: &str| token.run(&["key", "inspect", uri]);
    let file = token.place.write("file", "the file");
    let bundle = token.place.path("bundle.json");
    let sign = |uri: &str| token.run(&["sign-blob", "--force", "--key", uri, "--bundle", &bundle, &file]);
    sign("pkcs11:token=release;object=signing").exits(2).says("2 private keys match").says("id=");
    inspect("pkcs11:token=release;object=signing").exits(2).says("2 public keys match");
    sign("pkcs11:token=release;object=signing;id=%02").exits(0);
    // Several keys in one run, which loads the module for each.
    let keys = ["--key", "pkcs11:object=signing;id=%01", "--key", "pkcs11:object=signing;id=%02"];
    let verify = ["verify-blob", "--insecure-ignore-tlog", "--bundle", &bundle, &file];
    token.run(&[&verify[..], &keys].concat()).exits(0);
    token.run(&[&verify[..], &keys[..2]].concat()).exits(10);
    sign("pkcs11:token=release;object=signing;id=%03").exits(4).says("no such private key");
    sign("pkcs11:token=other;object=signing").exits(4).says("no such token");
    token.init("release");
    sign("pkcs11:token=release;object=signing;id=%02").exits(2).says("2 tokens match");
    sign("pkcs11:token=release;objekt=signing").exits(2).says("`objekt` is not known");
    let no_module = [("PLIMSOLL_PKCS11_PIN", PIN), ("PLIMSOLL_PKCS11_MODULE", "relative.so")];
    let uri = "pkcs11:token=release;object=signing;id=%02";
    token.run_with(&no_module, &["key", "public", uri]).exits(2).says("module-path");
    inspect(&format!("{uri}?module-path=/none/such.so")).exits(4).says("is not a PKCS#11 module");
    inspect(&format!("{uri}?module-path={file}")).exits(1).says("is not a PKCS#11 module");
    inspect(&format!("{uri}?module-name=none-such")).exits(4).says("p11-kit knows no module");
}

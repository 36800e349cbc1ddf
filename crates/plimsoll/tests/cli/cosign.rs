//! `check` on an image that stock cosign signed, and `cosign verify` on one that `sign` signed. How cosign has to be
//! invoked is described in the tests of `plimsoll-signing`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use plimsoll_testkit::Registry;

use crate::fixture::{Place, patched};

/// Runs cosign in `place`; none where the peers are not built.
fn cosign(place: &Place, arguments: &[&str]) -> Option<bool> {
    let program = std::env::var_os("PLIMSOLL_PEERS").map(|peers| PathBuf::from(peers).join("cosign"));
    let Some(program) = program.filter(|program| program.is_file()) else {
        eprintln!("skipped: no peers ($PLIMSOLL_PEERS)");
        return None;
    };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(place.root())
        .env_clear()
        .env("HOME", place.root())
        .env("COSIGN_PASSWORD", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    eprintln!("cosign {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.status.success())
}

fn prepare(place: &Place) -> Option<()> {
    assert!(cosign(place, &["signing-config", "create", "--out", "signing.json"])?);
    assert!(cosign(place, &["trusted-root", "create", "--out", "trusted.json"])?);
    Some(())
}

fn policy(place: &Place, key: &str) -> String {
    place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n  phase: pilot\n  signatures:\n    \
             required: true\n    anyOf: [{{name: ci, key: {{file: {key}}}}}]\n"
        ),
    )
}

#[test]
fn an_image_signed_by_cosign_is_allowed_and_with_another_key_denied() {
    let (place, registry) = (Place::new(), Registry::start());
    let Some(()) = prepare(&place) else { return };
    let reference = patched(&registry);
    for key in ["ci", "other"] {
        assert_eq!(cosign(&place, &["generate-key-pair", "--output-key-prefix", key]), Some(true));
    }
    let sign = [
        "sign",
        "--key",
        "ci.key",
        "--signing-config",
        "signing.json",
        "--trusted-root",
        "trusted.json",
        &reference,
    ];
    assert_eq!(cosign(&place, &sign), Some(true));
    place.check(&[&reference, "--policy", &policy(&place, "ci.pub")]).exits(0).says("signed by ci");
    place
        .check(&[&reference, "--policy", &policy(&place, "other.pub")])
        .exits(10)
        .says("FAIL     signatures");
}

#[test]
fn cosign_verifies_what_sign_signs() {
    let (place, registry) = (Place::new(), Registry::builder().referrers_api(false).start());
    let Some(()) = prepare(&place) else { return };
    let reference = patched(&registry);
    place.key("ci");
    place.key("other");
    place.run(&["sign", "--key", &place.path("ci.key"), &reference]).exits(0);
    let verify = |key: &str| {
        let flags =
            ["verify", "--key", key, "--insecure-ignore-tlog", "--trusted-root", "trusted.json", &reference];
        cosign(&place, &flags)
    };
    assert_eq!(verify("ci.pub"), Some(true));
    assert_eq!(verify("other.pub"), Some(false));
}

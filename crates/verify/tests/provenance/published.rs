//! Provenances that others published.

use std::path::PathBuf;
use std::process::Command;

use plimsoll_core::{Digest, Limits};
use plimsoll_verify::provenance::{Aspect, Expected, Level, Provenance, examine};
use plimsoll_verify::{Bundle, Check, Identity, Pattern, Requirements, Text, Trusted, TrustedRoot, verify};
use serde_json::Value;

use super::{GITHUB, differing, suite, text};

/// A published provenance of a package, which lies among the test data of the official Sigstore crate.
#[test]
fn the_published_provenance_of_a_package_is_read_as_its_certificate_says() {
    let bytes =
        std::fs::read(upstream("test_data/bundles/sigstore.js@2.0.0-provenance.sigstore.json")).unwrap();
    let bundle = Bundle::parse(&bytes, &Limits::default()).unwrap();
    let digest: Digest = "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c"
        .parse()
        .unwrap();
    let root = TrustedRoot::public_good().unwrap();
    let identity = Identity {
        issuer: Text::Exact(GITHUB.into()),
        subject: Text::Pattern(
            Pattern::new(r"https://github\.com/sigstore/sigstore-js/\.github/workflows/.+").unwrap(),
        ),
        claims: Vec::new(),
    };
    let check = Check {
        trusted: Trusted::Identities(&[identity]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: plimsoll_core::clock::now(),
    };
    let verified = verify(&bundle, Some(&digest), &check).unwrap();
    let expected = Expected {
        repository: Some("https://github.com/sigstore/sigstore-js".parse().unwrap()),
        reference: Some(text("refs/heads/main")),
        commit: Some("f0b49a04e5a62250e0f60fb128004a73110fe311".into()),
        config: Some(".github/workflows/release.yml".into()),
        level: Some(Level::HOSTED),
        subject_name: Some("pkg:npm/sigstore@2.0.0".into()),
        pinned_materials: true,
        no_other_parameters: true,
        ..Expected::default()
    };
    let examined = examine(&verified, &digest, &expected, &Limits::default()).unwrap();
    assert_eq!(differing(&examined), [], "{:#?}", examined.findings);
    assert!(examined.findings.iter().filter(|finding| finding.aspect == Aspect::Certificate).count() >= 8);
}

/// Where the sources of the official crate are. Cargo is asked about this platform alone: crates of others need not be there.
///
/// Both are started without what is loaded before a program: under another clock, the compiler waits for itself for ever.
fn upstream(file: &str) -> PathBuf {
    let rustc = Command::new("rustc").arg("-vV").env_remove("LD_PRELOAD").output().unwrap();
    let about = String::from_utf8(rustc.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host])
        .env_remove("LD_PRELOAD")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "sigstore-verify").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).parent().unwrap().join(file)
}

/// The conformance suite's valid attestation is a provenance of another repository than the one whose workflow signed it: it
/// verifies, and yet is not a provenance that counts.
#[test]
fn the_suites_attestation_is_about_another_build_than_its_certificate() {
    let Some((cases, common)) = suite::cases() else { return };
    let found = suite::judge(&cases["happy-path-intoto-in-dsse-v3"], &common, false).unwrap();
    let suite::Found::Statement(verified) = found else { panic!("a message") };
    let examined =
        examine(&verified, &Digest::sha256(&common), &Expected::default(), &Limits::default()).unwrap();
    let claims: Vec<_> = differing(&examined).into_iter().filter_map(|(_, claim)| claim).collect();
    for claim in
        ["source-repository", "source-digest", "source-repository-id", "build-signer-uri", "run-invocation"]
    {
        assert!(claims.contains(&claim), "{claim}: {claims:?}");
    }
    // Read without its certificate, it would pass for the other repository's.
    let provenance = Provenance::read(verified.value(), &Limits::default()).unwrap();
    assert_eq!(provenance.source.unwrap().repository.as_str(), "https://github.com/loosebazooka/aa-test");
}

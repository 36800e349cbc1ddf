//! `conformance`: the verifying half of the Sigstore conformance suite through the binary, by its client protocol.

use std::collections::BTreeMap;
use std::io::Read as _;

use plimsoll_core::Digest;

use crate::fixture::Place;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

/// The cases by name with their files, and the artifact that most of them are about.
type Cases = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

fn cases() -> Option<(Cases, Vec<u8>)> {
    let archive = plimsoll_testkit::published_data("fixtures/sigstore-conformance.tar.gz")?;
    let file = std::fs::File::open(archive).unwrap();
    let (mut cases, mut common) = (Cases::new(), None);
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["bundle-verify", "a.txt"] => common = Some(bytes),
            ["bundle-verify", case, file] if !file.is_empty() => {
                cases.entry((*case).to_owned()).or_default().insert((*file).to_owned(), bytes);
            }
            _ => {}
        }
    }
    Some((cases, common.expect("the common artifact")))
}

#[test]
fn every_case_of_the_suite_has_its_exit_code() {
    let Some((cases, common)) = cases() else { return };
    assert_eq!(cases.len(), 70, "the suite has another number of cases");
    let place = Place::empty();
    let mut wrong = Vec::new();
    for (name, files) in &cases {
        let path = |file: &str| files.get(file).map(|bytes| place.write(&format!("{name}/{file}"), bytes));
        let text = |file: &str, default: &str| {
            files
                .get(file)
                .map_or(default.to_owned(), |bytes| String::from_utf8_lossy(bytes).trim().to_owned())
        };
        let mut flags = vec!["--bundle".to_owned(), path("bundle.sigstore.json").unwrap()];
        match path("key.pub") {
            Some(key) => flags.extend(["--key".to_owned(), key]),
            None => flags.extend([
                "--certificate-identity".to_owned(),
                text("identity", SUBJECT),
                "--certificate-oidc-issuer".to_owned(),
                text("issuer", ISSUER),
            ]),
        }
        if let Some(root) = path("trusted_root.json") {
            flags.extend(["--trusted-root".to_owned(), root]);
        }
        let artifact = files.get("artifact").unwrap_or(&common);
        let file = place.write(&format!("{name}/a.txt"), artifact);
        for subject in [file, Digest::sha256(artifact).to_string()] {
            let mut all = vec!["conformance", "verify-bundle"];
            all.extend(flags.iter().map(String::as_str));
            all.push(&subject);
            let run = place.run(&all);
            let expected = i32::from(name.ends_with("_fail"));
            if run.code != expected {
                wrong.push(format!("{name}: exit {} ({subject}): {}", run.code, run.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_unsupported_command_says_so_and_fails() {
    let place = Place::empty();
    place
        .run(&["conformance", "sign-bundle", "--bundle", "b.json", "--identity-token", "secret", "a.txt"])
        .exits(1)
        .says("not supported")
        .keeps_quiet_about("secret");
    let bundle = place.write("b.json", "{}");
    place.run(&["conformance", "verify-bundle", "--bundle", &bundle, "a.txt"]).exits(2);
    let flags = ["--certificate-identity", "a", "--certificate-oidc-issuer", "b"];
    let all = [&["conformance", "verify-bundle", "--staging", "--bundle", &bundle], &flags[..], &["a.txt"]]
        .concat();
    place.run(&all).exits(1);
}

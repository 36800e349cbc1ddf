//! Unmodified cosign verifies Plimsoll's signatures, and its signatures are verified here.
//!
//! Needs `$PLIMSOLL_PEERS/cosign`, built from cosign 3.1.3; without it each test says that it was skipped. cosign talks to
//! registries on loopback only: the testing registry with and without the referrers API, and, where it is installed,
//! Debian's `docker-registry` (distribution 2.8, no referrers API).
//!
//! How cosign is invoked, with `HOME` in an empty directory and `COSIGN_PASSWORD` set:
//!
//! ```text
//! cosign signing-config create --out SIGNING      # {"mediaType": "…signingconfig.v0.2+json", …} without any service
//! cosign trusted-root create --out TRUSTED        # empty: otherwise cosign asks the public TUF repository, also with a key
//! cosign generate-key-pair --output-key-prefix PREFIX
//! cosign import-key-pair --key PKCS8 --output-key-prefix PREFIX --yes
//! cosign sign   --key K.key --signing-config SIGNING --trusted-root TRUSTED [-a KEY=VALUE] IMAGE@DIGEST
//! cosign attest --key K.key --signing-config SIGNING --trusted-root TRUSTED --type spdxjson --predicate FILE IMAGE@DIGEST
//! cosign sign-blob --key K.key --signing-config SIGNING --trusted-root TRUSTED --bundle FILE --yes BLOB
//! cosign verify --key K.pub --insecure-ignore-tlog --trusted-root TRUSTED [-a KEY=VALUE] IMAGE@DIGEST
//! cosign verify-attestation …                     # as verify, with --type
//! ```
//!
//! The older `sign --tlog-upload=false` is refused by cosign 3.1.3 unless `--use-signing-config=false` is given too,
//! and then it writes the same bundle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

mod kinds;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::process::{Child, Command, Output, Stdio};

use plimsoll_attach::evidence::{FoundBundle, bundles};
use plimsoll_core::{Classify as _, Limits, Reference, Timestamp};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Source as _, Store as _};
use plimsoll_keys::PrivateKey;
use plimsoll_registry::Registry;
use plimsoll_signing::{image, sign_statement};
use plimsoll_testkit::{Artifact, ImageBuilder, Layer, Peer};
use plimsoll_verify::{Bundle, Error, PublicKey, Statement, Subject, Verified, statement_by_key};
use serde_json::{Value, json};
use tempfile::TempDir;

/// cosign, which talks to no service.
struct Cosign(Peer);

impl Deref for Cosign {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.0
    }
}

impl Cosign {
    fn find() -> Option<Self> {
        let cosign = Peer::cosign("password")?;
        cosign.must(&["signing-config", "create", "--out", "signing.json"]);
        cosign.must(&["trusted-root", "create", "--out", "trusted.json"]);
        Some(Self(cosign))
    }

    /// Makes `<name>.key` and `<name>.pub`.
    fn generate(&self, name: &str) -> PublicKey {
        self.must(&["generate-key-pair", "--output-key-prefix", name]);
        self.public(name)
    }

    /// The same from a key in PKCS#8.
    fn import(&self, name: &str, pkcs8_pem: &str) -> PublicKey {
        self.write("import.pem", pkcs8_pem);
        self.must(&["import-key-pair", "--key", "import.pem", "--output-key-prefix", name, "--yes"]);
        self.public(name)
    }

    fn public(&self, name: &str) -> PublicKey {
        PublicKey::from_pem(&self.read(&format!("{name}.pub"))).unwrap()
    }

    fn sign(&self, command: &[&str], key: &str, rest: &[&str]) -> String {
        let key = format!("{key}.key");
        let services = ["--signing-config", "signing.json", "--trusted-root", "trusted.json"];
        self.must(&[command, &["--key", &key], &services, rest].concat())
    }

    fn verify(&self, key: &str, rest: &[&str]) -> Output {
        let key = format!("{key}.pub");
        let flags = ["--insecure-ignore-tlog", "--trusted-root", "trusted.json"];
        self.run(&[&["verify", "--key", &key], &flags[..], rest].concat())
    }
}

/// A registry on loopback, stopped on drop.
enum Place {
    Testing(plimsoll_testkit::Registry),
    Distribution { process: Child, host: String, _storage: TempDir },
}

impl Place {
    fn all() -> Vec<Self> {
        let without = plimsoll_testkit::Registry::builder().referrers_api(false).start();
        let mut places = vec![Self::Testing(plimsoll_testkit::Registry::start()), Self::Testing(without)];
        match Self::distribution() {
            Some(place) => places.push(place),
            None => eprintln!("skipped: no docker-registry"),
        }
        places
    }

    fn distribution() -> Option<Self> {
        let storage = tempfile::tempdir().unwrap();
        let configuration = json!({
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": storage.path().join("data")}},
            "http": {"addr": "127.0.0.1:0"},
        });
        let file = storage.path().join("config.yml");
        std::fs::write(&file, configuration.to_string()).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        // It prints its address once it listens: `msg="listening on 127.0.0.1:38107"`.
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        let host = loop {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "docker-registry ended");
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(['"', ' ', ',']).next().unwrap().to_owned();
            }
        };
        // The rest is not used, but the pipe must not fill up or break.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Some(Self::Distribution { process, host, _storage: storage })
    }

    fn host(&self) -> String {
        match self {
            Self::Testing(registry) => registry.host(),
            Self::Distribution { host, .. } => host.clone(),
        }
    }

    fn open(&self, repository: &str) -> Registry {
        let reference: Reference = format!("{}/{repository}:1", self.host()).parse().unwrap();
        Registry::new(Client::new(Settings::default()).unwrap(), &reference, None, Limits::default()).unwrap()
    }

    /// Pushes an image and returns its store, its descriptor, and its name for cosign.
    fn image(&self, repository: &str) -> (Registry, Descriptor, String) {
        let store = self.open(repository);
        let built: Artifact =
            ImageBuilder::new().layer(Layer::new().file("etc/os-release", "ID=debian\n")).build();
        let parts = built.image();
        for blob in parts.layers.iter().chain([&parts.config]) {
            store.put_blob(&blob.media_type, &blob.bytes).unwrap();
        }
        store.put_manifest(Some("1"), built.media_type(), &built.top.bytes).unwrap();
        let descriptor = store.resolve().unwrap();
        let name = format!("{}/{repository}@{}", self.host(), descriptor.digest);
        (store, descriptor, name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Distribution { process, .. } = self {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn found(store: &Registry, subject: &Descriptor) -> Vec<FoundBundle> {
    let result = bundles(store, &subject.digest, &Limits::default()).unwrap();
    assert!(result.skipped.is_empty() && !result.truncated, "{:?}", result.skipped);
    result.found
}

fn verify(bundle: &[u8], key: &PublicKey) -> Result<Verified<Statement>, Error> {
    statement_by_key(&Bundle::parse(bundle, &Limits::default())?, std::slice::from_ref(key))
}

fn now() -> Timestamp {
    "2026-11-21T01:18:01Z".parse().unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn signatures_of_cosign_are_verified_here_and_refused_with_another_key() {
    let Some(cosign) = Cosign::find() else { return };
    let (key, other) = (cosign.generate("k"), cosign.generate("other"));
    for place in Place::all() {
        let (store, subject, name) = place.image("app");
        assert!(found(&store, &subject).is_empty());
        cosign.sign(&["sign"], "k", &["-a", "team=infra", &name]);

        let evidence = found(&store, &subject);
        assert_eq!(evidence.len(), 1);
        let verified = verify(&evidence[0].bytes, &key).unwrap();
        assert!(verified.value().is_signature() && verified.value().names(&subject.digest));
        assert_eq!(verified.value().subjects[0].annotations["team"], "infra");
        assert!(verified.not_checked().is_empty());

        let error = verify(&evidence[0].bytes, &other).unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }));
        assert!(error.to_string().contains(&other.id().to_string()));
        assert!(error.hint().unwrap().contains(&key.id().to_string()));
    }
}

#[test]
fn cosign_verifies_our_signatures_and_refuses_them_with_another_key() {
    let Some(cosign) = Cosign::find() else { return };
    let key = PrivateKey::generate_p256().unwrap();
    cosign.write("ours.pub", key.public_key().to_pem());
    cosign.generate("other");
    for place in Place::all() {
        let (store, subject, name) = place.image("app");
        let annotations = BTreeMap::from([("team".to_owned(), "infra".to_owned())]);
        image::sign(&store, &subject, &key, &annotations, now()).unwrap();

        let output = cosign.verify("ours", &["-a", "team=infra", &name]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let payloads: Value = serde_json::from_slice(&output.stdout).unwrap();
        let digest = &payloads[0]["critical"]["image"]["docker-manifest-digest"];
        assert_eq!(*digest, json!(subject.digest.to_string()));
        assert!(!cosign.verify("ours", &["-a", "team=other", &name]).status.success());
        assert!(!cosign.verify("other", &[&name]).status.success());
    }
}

#[test]
fn signatures_of_both_tools_coexist() {
    let Some(cosign) = Cosign::find() else { return };
    let ours = PrivateKey::generate_p256().unwrap();
    cosign.write("ours.pub", ours.public_key().to_pem());
    let theirs = cosign.generate("theirs");
    for place in Place::all() {
        let (store, subject, name) = place.image("app");
        image::sign(&store, &subject, &ours, &BTreeMap::new(), now()).unwrap();
        cosign.sign(&["sign"], "theirs", &[&name]);
        image::sign(&store, &subject, &ours, &BTreeMap::new(), now()).unwrap();

        let evidence = found(&store, &subject);
        assert_eq!(evidence.len(), 3);
        let by = |key: &PublicKey| evidence.iter().filter(|found| verify(&found.bytes, key).is_ok()).count();
        assert_eq!((by(ours.public_key()), by(&theirs)), (2, 1));
        for key in ["ours", "theirs"] {
            let output = cosign.verify(key, &[&name]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn one_key_serves_both_tools() {
    let Some(cosign) = Cosign::find() else { return };
    let key = PrivateKey::generate_p256().unwrap();
    let imported = cosign.import("shared", &key.to_pem(None).unwrap());
    assert!(imported == *key.public_key());
    let place = Place::Testing(plimsoll_testkit::Registry::start());
    let (store, subject, name) = place.image("app");
    cosign.sign(&["sign"], "shared", &[&name]);
    assert!(verify(&found(&store, &subject)[0].bytes, key.public_key()).is_ok());
}

#[test]
fn attestations_work_in_both_directions_and_are_not_signatures() {
    let Some(cosign) = Cosign::find() else { return };
    let ours = PrivateKey::generate_p256().unwrap();
    cosign.write("ours.pub", ours.public_key().to_pem());
    cosign.write("sbom.json", r#"{"spdxVersion":"SPDX-2.3"}"#);
    let theirs = cosign.generate("theirs");
    let place = Place::Testing(plimsoll_testkit::Registry::start());

    let (store, subject, name) = place.image("theirs");
    cosign.sign(&["attest", "--type", "spdxjson", "--predicate", "sbom.json"], "theirs", &[&name]);
    let verified = verify(&found(&store, &subject)[0].bytes, &theirs).unwrap();
    assert!(verified.value().names(&subject.digest));
    assert!(!verified.value().is_signature());
    assert_eq!(verified.value().predicate["spdxVersion"], "SPDX-2.3");

    let (store, subject, name) = place.image("ours");
    let kind = "https://spdx.dev/Document";
    let statement =
        Statement::new(Subject::new("", &subject.digest), kind, json!({"spdxVersion": "SPDX-2.3"}));
    plimsoll_attach::attach_bundle(
        &store,
        &subject,
        &sign_statement(&ours, &statement, &Limits::default()).unwrap(),
        kind,
        now(),
    )
    .unwrap();
    let flags = ["--insecure-ignore-tlog", "--trusted-root", "trusted.json", "--type", "spdxjson"];
    cosign.must(&[&["verify-attestation", "--key", "ours.pub"], &flags[..], &[name.as_str()]].concat());
}

#[test]
fn a_blob_signature_of_cosign_is_not_a_statement() {
    let Some(cosign) = Cosign::find() else { return };
    let key = cosign.generate("k");
    cosign.write("blob", "content");
    cosign.sign(&["sign-blob", "--bundle", "blob.json", "--yes"], "k", &["blob"]);
    let bundle = cosign.read("blob.json");
    assert!(matches!(verify(&bundle, &key).unwrap_err(), Error::NotAStatement));
}

/// Options with which cosign 3 writes the layout of cosign 1 and 2.
const OLDER: [&str; 4] =
    ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", "--yes"];

#[test]
fn signatures_in_cosigns_older_layout_are_verified_here_and_survive_a_transfer() {
    use plimsoll_attach::evidence::{Form, legacy_bundles};
    use plimsoll_attach::transfer::Transfer;
    use plimsoll_verify::{Check, Requirements, Step, Trusted, TrustedKey};

    let Some(cosign) = Cosign::find() else { return };
    let keys = [TrustedKey::from(cosign.generate("k"))];
    let others = [TrustedKey::from(cosign.generate("other"))];
    let requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };
    let check = |keys| Check {
        trusted: Trusted::Keys(keys),
        root: None,
        requirements,
        now: plimsoll_core::clock::now(),
    };
    cosign.write("predicate.json", "{}");
    for place in Place::all() {
        let (store, subject, name) = place.image("app");
        let key = ["--key", "k.key"];
        cosign.must(&[&["sign"], &key[..], &OLDER, &["-a", "team=infra", &name]].concat());
        cosign.must(
            &[&["attest"], &key[..], &OLDER, &["--type", "vuln", "--predicate", "predicate.json", &name]]
                .concat(),
        );
        assert!(found(&store, &subject).is_empty());
        let evidence = legacy_bundles(&store, &subject.digest, &Limits::default()).unwrap();
        assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
        let [signature, attestation] = evidence.found.as_slice() else { panic!("{:?}", evidence.found) };
        assert!(matches!(signature.form, Form::SimpleSigning(_)));
        let verified = signature.verify(&subject.digest, &check(&keys), &Limits::default()).unwrap();
        assert!(verified.value().is_signature() && verified.value().names(&subject.digest));
        assert_eq!(verified.value().subjects[0].annotations["team"], "infra");
        let refused = signature.verify(&subject.digest, &check(&others), &Limits::default()).unwrap_err();
        assert_eq!(refused.failed_step(), Some(Step::Signature));
        let verified = attestation.verify(&subject.digest, &check(&keys), &Limits::default()).unwrap();
        assert!(!verified.value().is_signature() && verified.value().names(&subject.digest));

        // In the other place, cosign finds it again.
        let other = plimsoll_testkit::Registry::start();
        let reference: Reference = other.reference("copy", "1").parse().unwrap();
        let destination =
            Registry::new(Client::new(Settings::default()).unwrap(), &reference, None, Limits::default())
                .unwrap();
        let transfer = Transfer {
            source: std::sync::Arc::new(store),
            evidence: None,
            mount_from: None,
            limits: Limits::default(),
            progress: std::sync::Arc::new(()),
        };
        let done = transfer.run(&subject, &destination, "1").unwrap();
        assert_eq!((done.referrers, done.legacy_tags), (0, 2));
        let name = other.reference("copy", &subject.digest.to_string());
        let older = ["--new-bundle-format=false", &name];
        let output = cosign.verify("k", &older);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!cosign.verify("other", &older).status.success());
    }
}

#[test]
fn cosign_verifies_our_signatures_after_saving_and_loading() {
    use plimsoll_attach::layout::LayoutStore;
    use plimsoll_attach::transfer::Transfer;
    use plimsoll_image::layout::Layout;

    let Some(cosign) = Cosign::find() else { return };
    let key = PrivateKey::generate_p256().unwrap();
    cosign.write("ours.pub", key.public_key().to_pem());
    for place in Place::all() {
        let (store, subject, _) = place.image("app");
        image::sign(&store, &subject, &key, &BTreeMap::new(), now()).unwrap();
        let transfer = |source: std::sync::Arc<dyn plimsoll_image::Source>| Transfer {
            source,
            evidence: None,
            mount_from: None,
            limits: Limits::default(),
            progress: std::sync::Arc::new(()),
        };
        let folder = tempfile::tempdir().unwrap();
        let layout = LayoutStore::create(folder.path(), Limits::default()).unwrap();
        transfer(std::sync::Arc::new(store)).run(&subject, &layout, "1").unwrap();
        let source = Layout::open(folder.path(), Some("1"), Limits::default()).unwrap();
        let other = plimsoll_testkit::Registry::builder().referrers_api(false).start();
        let reference: Reference = other.reference("copy", "1").parse().unwrap();
        let destination =
            Registry::new(Client::new(Settings::default()).unwrap(), &reference, None, Limits::default())
                .unwrap();
        transfer(std::sync::Arc::new(source)).run(&subject, &destination, "1").unwrap();
        let output = cosign.verify("ours", &[&other.reference("copy", "1")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// cosign's experimental OCI 1.1 mode: the older layers in a manifest with a subject.
#[test]
fn signatures_in_cosigns_experimental_layout_are_verified_here() {
    use plimsoll_attach::evidence::Form;
    use plimsoll_verify::{Check, Requirements, Trusted, TrustedKey};

    let Some(cosign) = Cosign::find() else { return };
    let keys = [TrustedKey::from(cosign.generate("k"))];
    let requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };
    for place in Place::all() {
        let (store, subject, name) = place.image("app");
        let sign = ["sign", "--key", "k.key", "--registry-referrers-mode=oci-1-1"];
        let output =
            cosign.run_with(&[("COSIGN_EXPERIMENTAL", "1")], &[&sign, &OLDER[..], &[&*name]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let evidence = found(&store, &subject);
        let [signature] = evidence.as_slice() else { panic!("{evidence:?}") };
        assert!(matches!(signature.form, Form::SimpleSigning(_)));
        let check = Check {
            trusted: Trusted::Keys(&keys),
            root: None,
            requirements,
            now: plimsoll_core::clock::now(),
        };
        assert!(
            signature.verify(&subject.digest, &check, &Limits::default()).unwrap().value().is_signature()
        );
    }
}

//! A registry as the user meets it: reading, credentials, attaching evidence. The misbehaving ones are in `hostile`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::io::Read as _;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use plimsoll_core::{Classify as _, Digest, Kind, Limits, Reference};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Error, Source as _, Store as _, media};
use plimsoll_registry::Registry;
use plimsoll_registry::auth::{Credentials, Keyring, Secret};
use plimsoll_testkit as testkit;
use testkit::{Artifact, Fault, ImageBuilder, IndexBuilder, Layer, attachment};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn open_with(reference: &str, credentials: Option<Credentials>, settings: Settings) -> Registry {
    let client = Client::new(settings).unwrap();
    let reference: Reference = reference.parse().unwrap();
    Registry::new(client, &reference, credentials, Limits::default()).unwrap()
}

fn open(reference: &str) -> Registry {
    open_with(reference, None, Settings { retries: 0, ..Settings::default() })
}

fn open_as(reference: &str, credentials: Credentials) -> Registry {
    open_with(reference, Some(credentials), Settings { retries: 0, ..Settings::default() })
}

fn image() -> Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", "ID=debian\n")).build()
}

fn read(registry: &Registry, descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = Vec::new();
    registry.blob(descriptor).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn descriptor(object: &testkit::Object) -> Descriptor {
    Descriptor::for_bytes(&object.media_type, &object.bytes)
}

#[test]
fn a_tag_is_resolved_once_and_everything_is_read_by_digest() {
    let fake = testkit::Registry::start();
    let image = IndexBuilder::new().image(image()).build();
    image.push(&fake, "team/app", "1.0");
    let registry = open(&fake.reference("team/app", "1.0"));
    let top = registry.resolve().unwrap();
    assert_eq!((top.digest, top.size, &*top.media_type), (image.digest(), image.size(), media::OCI_INDEX));
    assert_eq!(registry.manifest(&top).unwrap(), image.top.bytes);
    let parts = image.image();
    assert_eq!(registry.manifest(&descriptor(&parts.manifest)).unwrap(), parts.manifest.bytes);
    for blob in [&parts.config, &parts.layers[0]] {
        assert_eq!(read(&registry, &descriptor(blob)), blob.bytes);
    }
    assert_eq!(fake.requests_to("*/manifests/1.0").len(), 1, "the tag is asked for once");
    assert_eq!(registry.describe(), format!("registry {}/team/app", fake.host()));
}

#[test]
fn docker_types_and_digests_are_taken_as_well() {
    let fake = testkit::Registry::start();
    let image = ImageBuilder::new().docker().layer(Layer::new().file("a", "b")).build();
    let digest = image.push(&fake, "app", "1");
    let registry = open(&fake.reference("app", &digest.to_string()));
    assert_eq!(registry.resolve().unwrap().media_type, media::DOCKER_MANIFEST);
    assert!(fake.requests_to("*/manifests/*").iter().all(|r| r.path().ends_with(&digest.to_string())));
}

#[test]
fn layers_are_read_in_parallel_from_ordinary_threads() {
    let fake = testkit::Registry::start();
    let blobs: Vec<Vec<u8>> = (0..8_u8).map(|n| vec![n; 700_000]).collect();
    for blob in &blobs {
        fake.add_blob("app", blob.clone());
    }
    let registry = &open(&fake.reference("app", "1"));
    std::thread::scope(|scope| {
        for blob in &blobs {
            scope.spawn(move || assert_eq!(&read(registry, &Descriptor::for_bytes("x", blob)), blob));
        }
    });
}

#[test]
fn a_missing_object_is_not_found() {
    let fake = testkit::Registry::start();
    let registry = open(&fake.reference("app", "1.0"));
    let error = registry.resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.to_string(), format!("registry {}/app has no manifest 1.0", fake.host()));
    assert_eq!(registry.blob(&Descriptor::for_bytes("x", b"x")).err().unwrap().kind(), Kind::NotFound);
}

#[test]
fn a_registry_that_is_down_is_transient() {
    let fake = testkit::Registry::start();
    let registry = open(&fake.reference("app", "1.0"));
    fake.stop();
    let error = registry.resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Transient);
    assert!(error.to_string().contains(&fake.host()), "{error}");
}

#[test]
fn tls_with_a_private_authority() {
    let fake = testkit::Registry::builder().tls().start();
    let image = image();
    image.push(&fake, "app", "1");
    let trusting = Settings {
        extra_roots: vec![fake.ca_pem().unwrap().as_bytes().to_vec()],
        retries: 0,
        ..Settings::default()
    };
    let registry = open_with(&fake.reference("app", "1"), None, trusting);
    assert_eq!(registry.resolve().unwrap().digest, image.digest());
}

#[test]
fn a_registry_without_the_root_end_point() {
    let fake = testkit::Registry::start();
    let image = image();
    image.push(&fake, "app", "1");
    for status in [400, 404] {
        fake.behave();
        fake.misbehave("GET /v2/", Fault::Status(status));
        assert_eq!(open(&fake.reference("app", "1")).resolve().unwrap().digest, image.digest());
    }
}

#[test]
fn basic_authentication() {
    let fake = testkit::Registry::builder().basic("me", "pa55").start();
    let image = image();
    image.push(&fake, "app", "1");
    let reference = fake.reference("app", "1");
    let registry = open_as(&reference, Credentials::password("me", "pa55"));
    assert_eq!(registry.resolve().unwrap().digest, image.digest());

    let anonymous = open(&reference).resolve().unwrap_err();
    assert_eq!(anonymous.kind(), Kind::Unauthorized);
    assert!(anonymous.hint().unwrap().contains(&format!("docker login {}", fake.host())));
    let wrong = open_as(&reference, Credentials::password("me", "wr0ng")).resolve().unwrap_err();
    assert_eq!(wrong.kind(), Kind::Unauthorized);
    assert!(!format!("{wrong} {wrong:?} {registry:?}").contains("wr0ng"), "{wrong:?}");
}

#[test]
fn bearer_tokens_are_fetched_once_per_scope_and_again_when_they_expire() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").start();
    let image = image();
    image.push(&fake, "team/app", "1");
    let registry = open_as(&fake.reference("team/app", "1"), Credentials::password("me", "pa55"));
    let top = registry.resolve().unwrap();
    read(&registry, &descriptor(&image.image().config));
    let asked = fake.requests_to("GET /token");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query("scope").unwrap(), "repository:team/app:pull");
    assert_eq!(asked[0].query("service").unwrap(), "testkit");

    fake.expire_tokens();
    registry.referrers(&top.digest).unwrap();
    assert_eq!(fake.requests_to("GET /token").len(), 2);

    registry.put_blob("x", b"new").unwrap();
    let last = fake.requests_to("GET /token").pop().unwrap();
    assert_eq!(last.query("scope").unwrap(), "repository:team/app:pull,push");
}

#[test]
fn tokens_for_the_anonymous_and_for_identity_tokens() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").anonymous_pull().start();
    let image = image();
    image.push(&fake, "app", "1");
    let registry = open(&fake.reference("app", "1"));
    assert_eq!(registry.resolve().unwrap().digest, image.digest());
    let error = registry.put_blob("x", b"new").unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("no credentials are known"), "{error}");

    let fake = testkit::Registry::builder().bearer("me", "pa55").identity_token("ref-resh").start();
    image.push(&fake, "app", "1");
    let registry = open_as(&fake.reference("app", "1"), Credentials::IdentityToken(Secret::new("ref-resh")));
    assert_eq!(registry.resolve().unwrap().digest, image.digest());
    assert_eq!(fake.requests_to("POST /token").len(), 1);
}

#[test]
fn a_docker_login_is_enough() {
    let fake = testkit::Registry::builder().basic("me", "pa55").start();
    image().push(&fake, "app", "1");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.json");
    std::fs::write(&file, format!(r#"{{"auths":{{"{}":{{"auth":"bWU6cGE1NQ=="}}}}}}"#, fake.host())).unwrap();
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let credentials = Keyring::from_files([file]).find(&reference).unwrap().unwrap();
    open_as(&reference.to_string(), credentials).resolve().unwrap();
}

fn attach(registry: &Registry, subject: &Artifact, content: &[u8]) -> Digest {
    let evidence = attachment(&subject.top, BUNDLE, BUNDLE, content);
    for part in &evidence.parts {
        registry.put_blob(&part.media_type, &part.bytes).unwrap();
    }
    let attached = registry.attach(evidence.media_type(), &evidence.top.bytes).unwrap();
    assert_eq!(attached.digest, evidence.digest());
    assert_eq!(attached.artifact_type.as_deref(), Some(BUNDLE));
    attached.digest
}

fn listed(registry: &Registry, subject: &Artifact) -> Vec<Digest> {
    let referrers = registry.referrers(&subject.digest()).unwrap();
    assert!(!referrers.truncated);
    referrers.descriptors.iter().map(|d| d.digest).collect()
}

fn fallback_tag(subject: &Artifact) -> String {
    format!("sha256-{}", subject.digest().hex())
}

#[test]
fn evidence_is_found_through_the_referrers_api() {
    let fake = testkit::Registry::builder().referrers_page(2).start();
    let image = image();
    image.push(&fake, "app", "1");
    let registry = open(&fake.reference("app", "1"));
    assert_eq!(listed(&registry, &image), []);
    let attached: Vec<Digest> =
        [&b"1"[..], b"2", b"3", b"4", b"5"].map(|content| attach(&registry, &image, content)).into();
    assert_eq!(listed(&registry, &image), attached, "all pages, in order");
    assert_eq!(fake.tags("app"), ["1"], "no fallback tag where it is not needed");
}

#[test]
fn evidence_is_found_through_the_fallback_tag() {
    let fake = testkit::Registry::builder().referrers_api(false).start();
    let image = image();
    image.push(&fake, "app", "1");
    let registry = open(&fake.reference("app", "1"));
    assert_eq!(listed(&registry, &image), []);
    let (first, second) = (attach(&registry, &image, b"1"), attach(&registry, &image, b"2"));
    assert_eq!(attach(&registry, &image, b"1"), first, "attaching twice lists once");
    assert_eq!(listed(&registry, &image), [first, second]);
    assert_eq!(fake.tags("app"), ["1", &fallback_tag(&image)]);
    let entries = registry.referrers(&image.digest()).unwrap().descriptors;
    assert!(entries.iter().all(|e| e.artifact_type.as_deref() == Some(BUNDLE)));
    let updates = fake.requests_to("PUT */manifests/sha256-*");
    assert_eq!(updates[0].header("if-none-match"), Some("*"), "the tag is made only if it is new");
    assert!(updates[1].header("if-match").is_some(), "the tag is replaced only as it was read");
}

#[test]
fn the_fallback_tag_is_read_even_when_the_api_answers() {
    let fake = testkit::Registry::builder().referrers_api(false).start();
    let image = image();
    image.push(&fake, "app", "1");
    let old = attach(&open(&fake.reference("app", "1")), &image, b"old");
    // The registry learns the API, and lists only what came since.
    let newer = testkit::Registry::start();
    image.push(&newer, "app", "1");
    let index = fake.manifest("app", &fallback_tag(&image)).unwrap();
    let index = newer.add_manifest("app", media::OCI_INDEX, index);
    newer.tag("app", &fallback_tag(&image), &index);
    let registry = open(&newer.reference("app", "1"));
    let new = attach(&registry, &image, b"new");
    assert_eq!(listed(&registry, &image), [new, old]);
}

#[test]
fn an_update_of_the_fallback_tag_that_gets_lost_is_made_again() {
    for etags in [true, false] {
        let fake = testkit::Registry::builder().referrers_api(false).etags(etags).start();
        let image = image();
        image.push(&fake, "app", "1");
        let registry = open(&fake.reference("app", "1"));
        let first = attach(&registry, &image, b"1");
        fake.misbehave_times(2, "PUT */manifests/sha256-*", Fault::LoseWrite);
        fake.misbehave_times(1, "PUT */manifests/sha256-*", Fault::Status(412));
        let second = attach(&registry, &image, b"2");
        assert_eq!(listed(&registry, &image), [first, second]);

        fake.misbehave("PUT */manifests/sha256-*", Fault::LoseWrite);
        let evidence = attachment(&image.top, BUNDLE, BUNDLE, b"1");
        let other = attachment(&image.top, "other", BUNDLE, b"1");
        registry.attach(evidence.media_type(), &evidence.top.bytes).unwrap();
        let error = registry.attach(other.media_type(), &other.top.bytes).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
    }
}

#[test]
fn writers_of_the_fallback_tag_do_not_lose_each_other() {
    let fake = testkit::Registry::builder().referrers_api(false).start();
    let image = image();
    image.push(&fake, "app", "1");
    let mut attached: Vec<Digest> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u8)
            .map(|n| {
                let (fake, image) = (&fake, &image);
                scope.spawn(move || attach(&open(&fake.reference("app", "1")), image, &[n]))
            })
            .collect();
        writers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    let mut found = listed(&open(&fake.reference("app", "1")), &image);
    attached.sort();
    found.sort();
    assert_eq!(found, attached);
}

/// Without an `ETag` another writer may have read before us and write after us: the tag is read once more, later. What
/// was there before is not written, and not waited for.
#[test]
fn a_tag_without_etag_is_looked_at_again_after_its_update() {
    for (etags, reads) in [(true, 2), (false, 3)] {
        let fake = testkit::Registry::builder().referrers_api(false).etags(etags).start();
        let image = image();
        image.push(&fake, "app", "1");
        let registry = open(&fake.reference("app", "1"));
        let tag = format!("GET */manifests/{}", fallback_tag(&image));
        let added = attach(&registry, &image, b"1");
        assert_eq!(fake.requests_to(&tag).len(), reads, "etags: {etags}");
        assert_eq!(attach(&registry, &image, b"1"), added);
        assert_eq!(fake.requests_to(&tag).len(), reads + 1, "etags: {etags}");
        assert_eq!(listed(&registry, &image), [added]);
    }
}

#[test]
fn a_manifest_without_subject_is_not_attached() {
    let fake = testkit::Registry::start();
    let image = image();
    image.push(&fake, "app", "1");
    let error = open(&fake.reference("app", "1")).attach(image.media_type(), &image.top.bytes).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert!(fake.requests_to("PUT *").is_empty());
}

#[test]
fn blobs_that_are_there_are_not_sent_again() {
    let fake = testkit::Registry::start();
    let registry = open(&fake.reference("app", "1"));
    let one = registry.put_blob("x", b"bytes").unwrap();
    assert_eq!(fake.blob("app", &one.digest).unwrap(), b"bytes");
    registry.put_blob("x", b"bytes").unwrap();
    assert_eq!(fake.requests_to("PUT */blobs/*").len(), 1);
    let manifest = image();
    for part in &manifest.parts {
        registry.put_blob(&part.media_type, &part.bytes).unwrap();
    }
    let put = registry.put_manifest(Some("2"), manifest.media_type(), &manifest.top.bytes).unwrap();
    assert_eq!(open(&fake.reference("app", "2")).resolve().unwrap().digest, put.digest);
}

/// Debian's `docker-registry`: no referrers API, so evidence goes under the fallback tag.
#[test]
fn the_distribution_projects_own_registry() {
    let Some(server) = Distribution::start() else {
        eprintln!("skipped: no docker-registry");
        return;
    };
    let image = image();
    let registry = open(&format!("127.0.0.1:{}/team/app:1.0", server.port));
    for part in &image.parts {
        registry.put_blob(&part.media_type, &part.bytes).unwrap();
    }
    registry.put_manifest(Some("1.0"), image.media_type(), &image.top.bytes).unwrap();
    let top = registry.resolve().unwrap();
    assert_eq!(top.digest, image.digest());
    assert_eq!(registry.manifest(&top).unwrap(), image.top.bytes);
    assert_eq!(read(&registry, &descriptor(&image.image().layers[0])), image.image().layers[0].bytes);
    assert_eq!(listed(&registry, &image), []);
    let attached = [attach(&registry, &image, b"1"), attach(&registry, &image, b"2")];
    assert_eq!(listed(&registry, &image), attached);
    let error = open(&format!("127.0.0.1:{}/team/app:2.0", server.port)).resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

struct Distribution {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Distribution {
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        // Taken and given back: free unless somebody else is very quick.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = directory.path().join("config.yml");
        let root = directory.path().join("data");
        std::fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
                root.display()
            ),
        )
        .unwrap();
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = match started {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            other => other.unwrap(),
        };
        let server = Self { process, port, _directory: directory };
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(std::time::Instant::now() < until, "docker-registry does not listen");
            std::thread::yield_now();
        }
        Some(server)
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_part_of_a_blob_is_requested_by_range() {
    let fake = testkit::Registry::start();
    let image = ImageBuilder::new().layer(Layer::new().file("a", vec![b'x'; 900_000])).build();
    image.push(&fake, "app", "1");
    let registry = open(&fake.reference("app", "1"));
    let layer = &image.image().layers[0];
    let size = layer.bytes.len() as u64;
    for range in [0..10, 100..size, size - 1..size] {
        let mut part = Vec::new();
        let stream = registry.part(&descriptor(layer), range.clone()).unwrap();
        stream.unwrap().read_to_end(&mut part).unwrap();
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        assert_eq!(part, &layer.bytes[start..end], "{range:?}");
    }
    let requests = fake.requests_to("*/blobs/*");
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].header("range"), Some("bytes=0-9"));
    for range in [0..0, 0..size + 1, size..size + 1] {
        assert!(registry.part(&descriptor(layer), range.clone()).unwrap().is_none(), "{range:?}");
    }
}

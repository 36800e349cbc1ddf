//! Mirrors and pull-through proxies as users configure them: who is asked, in which order, and for what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plimsoll_core::{Classify as _, Kind, Limits, Reference};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Error, Source as _, Store as _, artifact};
use plimsoll_registry::Registry;
use plimsoll_registry::RegistryConfig;
use plimsoll_registry::auth::Credentials;
use plimsoll_testkit as testkit;
use testkit::{Answer, Artifact, Fault, ImageBuilder, Layer, attachment};

/// A configuration in a folder that lives as long as it.
struct Config {
    folder: tempfile::TempDir,
    insecure: bool,
}

impl Config {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), insecure: false }
    }

    /// `registries.conf` with mirrors for a registry.
    fn mirrors(origin: &str, mirrors: &[&str]) -> Self {
        let config = Self::new();
        let mut text = format!("[[registry]]\nlocation = \"{origin}\"\n");
        for mirror in mirrors {
            writeln!(text, "[[registry.mirror]]\nlocation = \"{mirror}\"").unwrap();
        }
        config.with("mirrors.conf", &text)
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn load(&self) -> RegistryConfig {
        let config = RegistryConfig::from_paths(&[PathBuf::from(self.folder.path())]).unwrap();
        config.dangerous_follow_insecure(self.insecure)
    }

    fn open(&self, reference: &str) -> Registry {
        open(&self.load(), reference, |_| None)
    }
}

fn open(
    config: &RegistryConfig,
    reference: &str,
    credentials: impl Fn(&Reference) -> Option<Credentials>,
) -> Registry {
    let plan = config.plan(&reference.parse().unwrap()).unwrap();
    let mut settings = Settings { retries: 0, ..Settings::default() };
    plan.apply(&mut settings);
    let client = Client::new(settings).unwrap();
    Registry::planned(&client, plan, |reference| Ok(credentials(reference)), &Limits::default()).unwrap()
}

fn sample() -> Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", vec![b'x'; 9000])).build()
}

fn read(registry: &Registry, object: &testkit::Object) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    registry
        .blob(&Descriptor::for_bytes(&object.media_type, &object.bytes))?
        .read_to_end(&mut bytes)
        .unwrap();
    Ok(bytes)
}

/// Reads all of an image.
fn pull(registry: &Registry, image: &Artifact) {
    let top = registry.resolve().unwrap();
    assert_eq!(top.digest, image.digest());
    artifact::load(registry, &top, &Limits::default()).unwrap();
    assert_eq!(read(registry, &image.image().layers[0]).unwrap(), image.image().layers[0].bytes);
}

#[test]
fn a_mirror_that_has_it_is_all_that_is_asked() {
    let (origin, mirror) = (testkit::Registry::start(), testkit::Registry::start());
    let image = sample();
    image.push(&mirror, "cache/app", "1");
    let config = Config::mirrors(&origin.host(), &[&format!("{}/cache", mirror.host())]);
    let registry = config.open(&origin.reference("app", "1"));
    pull(&registry, &image);
    assert!(origin.requests().is_empty());
    assert_eq!(registry.describe(), format!("registry {}/app", origin.host()), "named as the user named it");
}

#[test]
fn a_mirror_without_the_image_in_trouble_or_down_is_passed_over() {
    let origin = testkit::Registry::start();
    let image = sample();
    image.push(&origin, "app", "1");
    for fault in [
        None,
        Some(Fault::Status(500)),
        Some(Fault::Status(503)),
        Some(Fault::Status(401)),
        Some(Fault::Status(403)),
        Some(Fault::RetryAfter(429, "60".to_owned())),
        Some(Fault::Close),
    ] {
        let mirror = testkit::Registry::start();
        if let Some(fault) = fault {
            mirror.misbehave("*", fault);
        }
        let config = Config::mirrors(&origin.host(), &[&mirror.host()]);
        pull(&config.open(&origin.reference("app", "1")), &image);
        assert!(!mirror.requests().is_empty());
    }
}

#[test]
fn a_mirror_that_is_down_is_asked_once_a_run() {
    let (origin, mirror) = (testkit::Registry::start(), testkit::Registry::start());
    let image = sample();
    image.push(&origin, "app", "1");
    // It takes the connection and never answers, which is what costs time.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = Config::mirrors(&origin.host(), &[&address.to_string(), &mirror.host()]).load();
    pull(&open(&config, &origin.reference("app", "1"), |_| None), &image);
    // Somebody listens there now, and is not asked any more: the run remembers.
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    pull(&open(&config, &origin.reference("app", "1"), |_| None), &image);
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "asked again");
    assert!(mirror.requests_to("*/manifests/1").len() == 2, "the other one is up, and asked");
}

#[test]
fn a_mirror_that_lies_ends_the_matter() {
    let (origin, mirror) = (testkit::Registry::start(), testkit::Registry::start());
    let image = sample();
    image.push(&origin, "app", "1");
    image.push(&mirror, "app", "1");
    let config = Config::mirrors(&origin.host(), &[&mirror.host()]);
    mirror.misbehave("*/manifests/*", Fault::WrongBytes);
    let error = config.open(&origin.reference("app", &image.digest().to_string())).resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    assert!(origin.requests_to("*/manifests/*").is_empty());
}

#[test]
fn a_stale_mirror_resolves_tags_only_if_it_may() {
    let (origin, mirror) = (testkit::Registry::start(), testkit::Registry::start());
    let (new, old) = (sample(), ImageBuilder::new().label("old", "yes").build());
    new.push(&origin, "app", "1");
    new.push(&mirror, "app", "other");
    old.push(&mirror, "app", "1");
    let reference = origin.reference("app", "1");
    // registries.conf: a mirror for digests only is not asked for a name with a tag at all.
    let text = format!(
        "[[registry]]\nlocation = \"{}\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"{}\"\n",
        origin.host(),
        mirror.host()
    );
    pull(&Config::new().with("a.conf", &text).open(&reference), &new);
    assert!(mirror.requests().is_empty());
    origin.clear_requests();
    // hosts.toml: without `resolve` it is asked for content, and not for what the tag means.
    let text = format!("[host.\"{}\"]\ncapabilities = [\"pull\"]\n", mirror.url());
    let config = Config::new().with(&format!("{}/hosts.toml", origin.host()), &text);
    pull(&config.open(&reference), &new);
    assert!(mirror.requests_to("*/manifests/1").is_empty());
    assert!(!mirror.requests_to("*/blobs/*").is_empty());
    assert!(origin.requests_to("*/blobs/*").is_empty());
    // With it, the mirror's word counts: that is what the file says.
    let text = format!("[host.\"{}\"]\n", mirror.url());
    let config = Config::new().with(&format!("{}/hosts.toml", origin.host()), &text);
    assert_eq!(config.open(&reference).resolve().unwrap().digest, old.digest());
}

#[test]
fn no_signature_on_the_mirror_is_not_no_signature() {
    for api in [true, false] {
        let origin = testkit::Registry::builder().referrers_api(api).start();
        let mirror = testkit::Registry::start();
        let image = sample();
        image.push(&origin, "app", "1");
        image.push(&mirror, "app", "1");
        let config = Config::mirrors(&origin.host(), &[&mirror.host()]);
        let registry = config.open(&origin.reference("app", "1"));
        let signature = attachment(&image.top, "x", "x", b"signature");
        for part in &signature.parts {
            registry.put_blob(&part.media_type, &part.bytes).unwrap();
        }
        registry.attach(signature.media_type(), &signature.top.bytes).unwrap();
        assert_eq!(registry.resolve().unwrap().digest, image.digest());
        let found = registry.referrers(&image.digest()).unwrap().descriptors;
        assert_eq!(found.iter().map(|d| d.digest).collect::<Vec<_>>(), [signature.digest()]);
        // The mirror was asked for the signature itself, and the origin had it.
        assert_eq!(registry.manifest(&found[0]).unwrap(), signature.top.bytes);
        assert!(mirror.requests().iter().all(|r| matches!(r.method.as_str(), "GET")), "never written to");
        assert!(mirror.requests_to("*/referrers/*").is_empty());
        // If the origin cannot be asked, that is an error, regardless of the mirror's answer.
        origin.stop();
        assert_eq!(registry.referrers(&image.digest()).unwrap_err().kind(), Kind::Transient);
    }
}

#[test]
fn a_place_that_is_configured_as_the_only_one_is_asked_for_signatures() {
    let mirror = testkit::Registry::start();
    let image = sample();
    image.push(&mirror, "inside/app", "1");
    let signature = attachment(&image.top, "x", "x", b"signature");
    signature.push_by_digest(&mirror, "inside/app");
    let conf = format!("[[registry]]\nprefix = \"r.example\"\nlocation = \"{}/inside\"\n", mirror.host());
    let toml = format!("server = \"{}/v2/inside\"\noverride_path = true\n", mirror.url());
    for config in [Config::new().with("a.conf", &conf), Config::new().with("_default/hosts.toml", &toml)] {
        let registry = config.open("r.example/app:1");
        pull(&registry, &image);
        let found = registry.referrers(&image.digest()).unwrap().descriptors;
        assert_eq!(found.iter().map(|d| d.digest).collect::<Vec<_>>(), [signature.digest()]);
    }
}

#[test]
fn a_transfer_that_a_mirror_does_not_finish_goes_on_elsewhere() {
    let (origin, mirror) = (testkit::Registry::start(), testkit::Registry::start());
    let image = sample();
    image.push(&origin, "app", "1");
    image.push(&mirror, "app", "1");
    mirror.misbehave("*/blobs/*", Fault::CloseAfter(10));
    let config = Config::mirrors(&origin.host(), &[&mirror.host()]);
    let registry = config.open(&origin.reference("app", "1"));
    let layer = &image.image().layers[0];
    assert_eq!(read(&registry, layer).unwrap(), layer.bytes);
    let at_origin = origin.requests_to("*/blobs/*");
    assert_eq!(at_origin.len(), 1);
    assert!(at_origin[0].header("range").is_some_and(|r| r != "bytes=0-"), "{at_origin:?}");
    assert_eq!(at_origin[0].header("if-range"), None, "another place's version says nothing here");
}

#[test]
fn credentials_go_to_the_place_that_they_are_for() {
    let origin = testkit::Registry::builder().basic("origin", "pa55").start();
    let mirror = testkit::Registry::builder().bearer("mirror", "s3cret").start();
    let image = sample();
    image.push(&origin, "app", "1");
    image.push(&mirror, "app", "1");
    let config = Config::mirrors(&origin.host(), &[&mirror.host()]).load();
    let known = |reference: &Reference| {
        let (user, password) =
            if reference.registry() == mirror.host() { ("mirror", "s3cret") } else { ("origin", "pa55") };
        Some(Credentials::password(user, password))
    };
    let registry = open(&config, &origin.reference("app", "1"), known);
    pull(&registry, &image);
    assert!(origin.requests().is_empty());
    registry.referrers(&image.digest()).unwrap();
    let scopes = mirror.requests_to("GET /token");
    assert_eq!(scopes[0].query("scope").unwrap(), "repository:app:pull");
    // Without any for the mirror: passed over, and the origin's are not tried there.
    mirror.clear_requests();
    let known = |reference: &Reference| {
        (reference.registry() == origin.host()).then(|| Credentials::password("origin", "pa55"))
    };
    pull(&open(&config, &origin.reference("app", "1"), known), &image);
    // Only what an anonymous client gets from the mirror's own token server.
    let passwords = |r: &testkit::Request| r.header("authorization").is_some_and(|a| a.starts_with("Basic"));
    assert!(!mirror.requests().iter().any(passwords));
}

#[test]
fn a_proxy_for_several_registries_learns_which_one_is_meant() {
    let mirror = testkit::Registry::start();
    let image = sample();
    image.push(&mirror, "hub/library/debian", "1");
    let text = format!(
        "[host.\"{}/v2/hub\"]\noverride_path = true\n[host.\"{}/v2/hub\".header]\nx-team = \"shop\"\n",
        mirror.url(),
        mirror.url()
    );
    let config = Config::new().with("docker.io/hosts.toml", &text);
    pull(&config.open("debian:1"), &image);
    for request in mirror.requests_to("*/debian/*") {
        assert_eq!(request.query("ns").as_deref(), Some("docker.io"));
        assert_eq!(request.header("x-team"), Some("shop"));
    }
}

#[test]
fn a_mirror_without_proper_tls_is_an_error_until_the_user_follows_the_file() {
    let (origin, mirror) = (testkit::Registry::start(), testkit::Registry::builder().tls().start());
    let image = sample();
    image.push(&origin, "app", "1");
    image.push(&mirror, "app", "1");
    let text = format!(
        "[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\ninsecure = true\n",
        origin.host(),
        mirror.host()
    );
    let conf = Config::new().with("a.conf", &text);
    let text = format!("[host.\"{}\"]\nskip_verify = true\n", mirror.url());
    let toml = Config::new().with(&format!("{}/hosts.toml", origin.host()), &text);
    for (mut config, line) in [(conf, "a.conf:5"), (toml, "hosts.toml:2")] {
        let error = config.open(&origin.reference("app", "1")).resolve().unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        assert!(error.to_string().contains(line), "{error}");
        assert!(error.hint().unwrap().contains("--insecure-registry-config"), "{error}");
        assert!(mirror.requests().is_empty() && origin.requests().is_empty());
        config.insecure = true;
        pull(&config.open(&origin.reference("app", "1")), &image);
        assert!(origin.requests().is_empty());
        mirror.clear_requests();
    }
}

#[test]
fn authority_and_client_certificate_come_from_the_folder_of_the_host() {
    let clients = testkit::Authority::new();
    let fake = testkit::Registry::builder().tls().client_authority(&clients.pem()).start();
    let image = sample();
    image.push(&fake, "app", "1");
    let (certificate, key) = clients.client("ci");
    let host = fake.host();
    let config = Config::new()
        .with(&format!("{host}/ca.crt"), fake.ca_pem().unwrap())
        .with(&format!("{host}/me.cert"), &certificate)
        .with(&format!("{host}/me.key"), &key);
    pull(&config.open(&fake.reference("app", "1")), &image);
    // hosts.toml of a registry whose mirror asks for one.
    let text = format!("[host.\"{}\"]\nca = \"ca.pem\"\nclient = [[\"me.cert\", \"me.key\"]]\n", fake.url());
    let folder = "r.example";
    let config = Config::new()
        .with(&format!("{folder}/hosts.toml"), &text)
        .with(&format!("{folder}/ca.pem"), fake.ca_pem().unwrap())
        .with(&format!("{folder}/me.cert"), &certificate)
        .with(&format!("{folder}/me.key"), &key);
    pull(&config.open("r.example/app:1"), &image);
    // Without the certificate nothing is answered.
    fake.clear_requests();
    let config = Config::new().with(&format!("{host}/ca.crt"), fake.ca_pem().unwrap());
    let error = config.open(&fake.reference("app", "1")).resolve().unwrap_err();
    assert!(error.hint().unwrap().contains("--client-cert"), "{error}");
    assert!(fake.requests().is_empty());
}

#[test]
fn a_redirect_of_a_mirror_does_not_lead_into_the_inside() {
    // A configured place is not trusted more than others: what it names gets the rules for foreign names.
    let mirror = testkit::Registry::start();
    let answer = Answer::new(307).header("Location", "https://169.254.169.254/latest/");
    mirror.misbehave("*/manifests/*", Fault::Answer(answer));
    let config = Config::mirrors("127.0.0.1:1", &[&mirror.host()]);
    let error = config.open("127.0.0.1:1/app:1").resolve().unwrap_err();
    assert!(error.to_string().contains("169.254.169.254"), "{error}");
}

/// Debian's `docker-registry` as a pull-through proxy of another one.
#[test]
fn the_distribution_projects_registry_as_a_pull_through_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let Some(upstream) = Distribution::start(&folder.path().join("upstream"), "") else {
        eprintln!("skipped: no docker-registry");
        return;
    };
    let remote = format!("proxy: {{remoteurl: \"http://127.0.0.1:{}\"}}\n", upstream.port);
    let proxy = Distribution::start(&folder.path().join("proxy"), &remote).unwrap();
    let image = sample();
    let name = format!("127.0.0.1:{}/team/app:1.0", upstream.port);
    let direct = open(&RegistryConfig::none(), &name, |_| None);
    for part in &image.parts {
        direct.put_blob(&part.media_type, &part.bytes).unwrap();
    }
    direct.put_manifest(Some("1.0"), image.media_type(), &image.top.bytes).unwrap();
    let conf = |proxied: &str| {
        format!(
            "[[registry]]\nlocation = \"{proxied}\"\n[[registry.mirror]]\nlocation = \"127.0.0.1:{}\"\n",
            proxy.port
        )
    };
    let config = Config::new().with("a.conf", &conf(&format!("127.0.0.1:{}", upstream.port)));
    pull(&config.open(&name), &image);
    // Evidence is written past the proxy, and found past it.
    let registry = config.open(&name);
    let signature = attachment(&image.top, "x", "x", b"signature");
    for part in &signature.parts {
        registry.put_blob(&part.media_type, &part.bytes).unwrap();
    }
    registry.attach(signature.media_type(), &signature.top.bytes).unwrap();
    let found = registry.referrers(&image.digest()).unwrap().descriptors;
    assert_eq!(found.iter().map(|d| d.digest).collect::<Vec<_>>(), [signature.digest()]);
    assert_eq!(registry.manifest(&found[0]).unwrap(), signature.top.bytes);
    // The proxy alone, for a registry that does not exist: what went through it before comes from its store.
    drop(upstream);
    let config = Config::new().with("a.conf", &conf("127.0.0.1:1"));
    let by_digest = config.open(&format!("127.0.0.1:1/team/app@{}", image.digest()));
    assert_eq!(read(&by_digest, &image.image().layers[0]).unwrap(), image.image().layers[0].bytes);
}

struct Distribution {
    process: Child,
    port: u16,
}

impl Distribution {
    fn start(folder: &Path, more: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        // Taken and given back: free unless somebody else is very quick.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.join("config.yml");
        let root = folder.join("data");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n{more}",
            root.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            other => other.unwrap(),
        };
        let server = Self { process, port };
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

//! Registries that lie, leak, stall and flood: rows R03 to R19, each named by its row.

use std::io::Read as _;
use std::time::Duration;

use plimsoll_core::{Classify as _, Digest, Kind, Limits, Reference};
use plimsoll_http::{Client, Resolve, Resolving, Settings};
use plimsoll_image::{Descriptor, Error, Source as _, Store as _, artifact, media};
use plimsoll_registry::Registry;
use plimsoll_registry::auth::Credentials;
use plimsoll_testkit as testkit;
use testkit::{Answer, Artifact, Fault, ImageBuilder, IndexBuilder, Layer, attachment};

pub(crate) fn settings() -> Settings {
    Settings { retries: 0, ..Settings::default() }
}

pub(crate) fn open_with(
    reference: &str,
    credentials: Option<Credentials>,
    settings: Settings,
    limits: Limits,
) -> Registry {
    let reference: Reference = reference.parse().unwrap();
    Registry::new(Client::new(settings).unwrap(), &reference, credentials, limits).unwrap()
}

pub(crate) fn open(reference: &str) -> Registry {
    open_with(reference, None, settings(), Limits::default())
}

pub(crate) fn open_as_me(reference: &str) -> Registry {
    open_with(reference, Some(Credentials::password("me", "pa55")), settings(), Limits::default())
}

pub(crate) fn sample() -> Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", vec![b'x'; 9000])).build()
}

/// A fake registry with a sample image under `app:1`, and a client for it.
pub(crate) fn pushed() -> (testkit::Registry, Artifact, Registry) {
    let fake = testkit::Registry::start();
    let image = sample();
    image.push(&fake, "app", "1");
    let registry = open(&fake.reference("app", "1"));
    (fake, image, registry)
}

fn descriptor(object: &testkit::Object) -> Descriptor {
    Descriptor::for_bytes(&object.media_type, &object.bytes)
}

/// Reads a blob to its end; a failure on the way has the kind that the transport gave it.
fn read(registry: &Registry, descriptor: &Descriptor) -> Result<Vec<u8>, (Kind, String)> {
    let told = |error: &Error| (error.kind(), error.to_string());
    let mut bytes = Vec::new();
    match registry.blob(descriptor).map_err(|e| told(&e))?.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let inner = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
            Err(inner.map_or_else(|| panic!("{error}"), told))
        }
    }
}

#[test]
fn r03_a_platform_manifest_that_is_not_the_one_in_the_index() {
    let fake = testkit::Registry::start();
    let index = IndexBuilder::new().image(sample()).build();
    index.push(&fake, "app", "1");
    let child = &index.image().manifest;
    let other = ImageBuilder::new().label("evil", "yes").build();
    let answer = Answer::new(200).header("Content-Type", &child.media_type).body(other.top.bytes.clone());
    fake.misbehave(&format!("*/manifests/{}", child.digest()), Fault::Answer(answer));
    let registry = open(&fake.reference("app", "1"));
    let error = artifact::load(&registry, &registry.resolve().unwrap(), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Denied);
}

#[test]
fn r02_content_type_and_body_that_disagree() {
    let (fake, _, registry) = pushed();
    fake.misbehave("*/manifests/*", Fault::ContentType(media::OCI_INDEX.to_owned()));
    let error = registry.resolve().unwrap_err();
    assert!(matches!(error, Error::MediaTypeMismatch { .. }), "{error}");
    assert!(error.to_string().contains("Content-Type"), "{error}");
    // A general type says nothing, and the body decides.
    fake.behave();
    fake.misbehave("*/manifests/*", Fault::ContentType("application/json; charset=utf-8".to_owned()));
    assert_eq!(registry.resolve().unwrap().media_type, media::OCI_MANIFEST);
}

#[test]
fn r04_descriptors_with_digests_that_are_no_digests() {
    let (fake, image, registry) = pushed();
    for digest in ["sha256:../../../etc/passwd", "SHA256:00", "md5:d41d8cd98f00b204e9800998ecf8427e", ""] {
        let page = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{digest}","size":2}}]}}"#,
            media::OCI_MANIFEST
        );
        let answer = Answer::new(200).header("Content-Type", media::OCI_INDEX).body(page);
        fake.misbehave_times(1, "*/referrers/*", Fault::Answer(answer));
        let error = registry.referrers(&image.digest()).unwrap_err();
        assert!(matches!(error, Error::Json { .. }), "{error}");
    }
}

#[test]
fn r05_sizes_beyond_the_limits_are_refused_before_anything_is_asked() {
    let (fake, image, registry) = pushed();
    let top = registry.resolve().unwrap();
    fake.clear_requests();
    let huge = Descriptor { size: u64::MAX, ..top.clone() };
    let error = registry.manifest(&huge).unwrap_err();
    assert!(error.to_string().contains("manifest_bytes"), "{error}");
    assert!(registry.blob(&huge).err().unwrap().to_string().contains("layer_bytes"));
    assert!(fake.requests().is_empty());
    let other = ImageBuilder::new().label("other", "one").build();
    other.push_by_digest(&fake, "app");
    for known in [top, descriptor(&other.top)] {
        let off_by_one = Descriptor { size: known.size + 1, ..known };
        assert!(matches!(registry.manifest(&off_by_one), Err(Error::SizeMismatch { .. })));
    }
    let layer = descriptor(&image.image().layers[0]);
    let off_by_one = Descriptor { size: layer.size - 1, ..layer };
    let (kind, message) = read(&registry, &off_by_one).unwrap_err();
    assert_eq!(kind, Kind::Denied);
    assert!(message.contains(&format!("expected {}", off_by_one.size)), "{message}");
}

#[test]
fn r06_another_manifest_than_asked_for() {
    let (fake, image, _) = pushed();
    let by_digest = fake.reference("app", &image.digest().to_string());
    fake.misbehave("*/manifests/*", Fault::WrongBytes);
    let error = open(&by_digest).resolve().unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Denied);
    assert_eq!(fake.requests_to("*/manifests/*").len(), 1, "never asked again for the same lie");
}

#[test]
fn r06_the_digest_header_is_not_believed() {
    let (fake, image, _) = pushed();
    let claimed = Digest::sha256(b"something else");
    fake.misbehave("*/manifests/*", Fault::DigestHeader(claimed.to_string()));
    for reference in [fake.reference("app", "1"), fake.reference("app", &image.digest().to_string())] {
        let error = open(&reference).resolve().unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    }
    let answer = Answer::new(200)
        .header("Content-Type", media::OCI_MANIFEST)
        .header("Docker-Content-Digest", claimed.to_string())
        .body(image.top.bytes);
    fake.behave();
    fake.misbehave("*/manifests/*", Fault::Answer(answer));
    let error = open(&fake.reference("app", &claimed.to_string())).resolve().unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[test]
fn r07_a_tag_that_moves_between_verification_and_use() {
    let (fake, image, registry) = pushed();
    let top = registry.resolve().unwrap();
    ImageBuilder::new().label("evil", "yes").build().push(&fake, "app", "1");
    assert_eq!(registry.resolve().unwrap(), top);
    assert_eq!(registry.manifest(&top).unwrap(), image.top.bytes);
    let loaded = artifact::load(&registry, &top, &Limits::default()).unwrap();
    assert_eq!(loaded.images[0].manifest.digest, image.digest());
    assert_eq!(fake.requests_to("*/manifests/1").len(), 1);
}

#[test]
fn r08_endless_pages_end_at_a_cap_and_say_so() {
    let (fake, image, registry) = pushed();
    attachment(&image.top, "x", "x", b"1").push_by_digest(&fake, "app");
    fake.misbehave("*/referrers/*", Fault::EndlessPages);
    let referrers = registry.referrers(&image.digest()).unwrap();
    assert!(referrers.truncated);
    assert_eq!(referrers.descriptors.len(), 1, "each digest once");
    assert!(fake.requests_to("*/referrers/*").len() <= 256);
}

#[test]
fn r08_more_referrers_than_can_be_looked_at() {
    let fake = testkit::Registry::start();
    let image = sample();
    image.push(&fake, "app", "1");
    for n in 0..40_u8 {
        attachment(&image.top, "x", "x", &[n]).push_by_digest(&fake, "app");
    }
    let mut limits = Limits::default();
    limits.referrers = 2;
    let registry = open_with(&fake.reference("app", "1"), None, settings(), limits);
    let referrers = registry.referrers(&image.digest()).unwrap();
    assert!(referrers.truncated);
    assert_eq!(referrers.descriptors.len(), 32);
}

#[test]
fn r08_pages_that_lead_in_a_circle_or_elsewhere() {
    let (fake, image, registry) = pushed();
    let subject = image.digest();
    for link in [
        format!("</v2/app/referrers/{subject}>; rel=\"next\""),
        format!("<{subject}>; rel=\"next\""),
        "<http://localhost:1/v2/app/referrers/x>; rel=\"next\"".to_owned(),
        "<http://169.254.169.254/latest/meta-data/>; rel=\"next\"".to_owned(),
        "<file:///etc/passwd>; rel=\"next\"".to_owned(),
    ] {
        fake.clear_requests();
        fake.misbehave_times(1, "*/referrers/*", Fault::Link(link.clone()));
        let error = registry.referrers(&subject).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{link}: {error}");
        assert!(fake.requests_to("*/referrers/*").len() <= 2);
    }
}

#[test]
fn r08_a_manifest_or_a_page_that_is_too_big() {
    let (fake, image, registry) = pushed();
    fake.misbehave("*/manifests/*", Fault::Oversized(5 << 20));
    fake.misbehave("*/referrers/*", Fault::Oversized(5 << 20));
    for error in [registry.resolve().unwrap_err(), registry.referrers(&image.digest()).unwrap_err()] {
        assert!(error.to_string().contains("manifest_bytes"), "{error}");
    }
}

#[test]
fn r10_credentials_do_not_follow_a_realm_to_another_site() {
    let thief = testkit::Registry::builder().bearer("me", "pa55").anonymous_pull().start();
    // `localhost` is another host than 127.0.0.1, and still loopback.
    let realm = format!("http://localhost:{}/token", thief.addr().port());
    let fake = testkit::Registry::builder().bearer("me", "pa55").realm(&realm).start();
    sample().push(&fake, "app", "1");
    let error = open_as_me(&fake.reference("app", "1")).resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("belongs to another site"), "{error}");
    let asked = thief.requests();
    assert!(!asked.is_empty() && asked.iter().all(|r| r.header("authorization").is_none()), "{asked:?}");
    assert!(asked.iter().all(|r| !r.target.contains("pa55") && !r.target.contains("bWU6cGE1NQ")));
}

#[test]
fn r10_the_realm_of_an_https_registry_is_https() {
    let fake =
        testkit::Registry::builder().tls().bearer("me", "pa55").realm("http://127.0.0.1:1/token").start();
    sample().push(&fake, "app", "1");
    let trusting = Settings { extra_roots: vec![fake.ca_pem().unwrap().as_bytes().to_vec()], ..settings() };
    let me = Some(Credentials::password("me", "pa55"));
    let error =
        open_with(&fake.reference("app", "1"), me, trusting, Limits::default()).resolve().unwrap_err();
    assert!(error.to_string().contains("expected an https URL"), "{error}");
}

#[test]
fn r10_a_realm_without_a_host_is_the_registrys_own() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").realm("/token").start();
    let image = sample();
    image.push(&fake, "app", "1");
    assert_eq!(open_as_me(&fake.reference("app", "1")).resolve().unwrap().digest, image.digest());
    // Who writes a host without a scheme, or no path, means something else.
    let thief = testkit::Registry::builder().bearer("me", "pa55").start();
    let host = thief.addr();
    for realm in [
        &format!("//{host}/token"),
        &format!("/\\\\{host}/token"),
        &format!("\\\\{host}/token"),
        &format!("//me:x@{host}/token"),
        "token",
        "",
        "?x",
    ] {
        let fake = testkit::Registry::builder().bearer("me", "pa55").realm(realm).start();
        image.push(&fake, "app", "1");
        let error = open_as_me(&fake.reference("app", "1")).resolve().unwrap_err();
        assert!(error.to_string().contains("is not a URL"), "{realm}: {error}");
    }
    assert!(thief.requests().is_empty());
}

#[test]
fn r10_tokens_are_asked_for_our_repository_only() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").start();
    sample().push(&fake, "app", "1");
    let challenge = format!(
        "Bearer realm=\"{}/token\",service=\"testkit\",scope=\"repository:victim/secret:pull,push\"",
        fake.url()
    );
    fake.misbehave_times(1, "*/manifests/*", Fault::Challenge(challenge));
    open_as_me(&fake.reference("app", "1")).resolve().unwrap();
    for request in fake.requests_to("*/token") {
        assert_eq!(request.query("scope").unwrap(), "repository:app:pull");
    }
}

#[test]
fn r11_realm_redirect_and_upload_location_do_not_lead_into_the_inside() {
    let inside = "http://169.254.169.254/latest/meta-data/";
    let (fake, image, registry) = pushed();
    fake.misbehave("GET */blobs/*", Fault::Redirect(307, inside.to_owned()));
    let (_, message) = read(&registry, &descriptor(&image.image().layers[0])).unwrap_err();
    assert!(message.contains("169.254.169.254"), "{message}");
    fake.behave();
    // Refused because a response named it, and for no other reason.
    fake.misbehave("GET */blobs/*", Fault::Redirect(307, "https://10.0.0.1/blob".to_owned()));
    let (_, message) = read(&registry, &descriptor(&image.image().layers[0])).unwrap_err();
    assert!(message.contains("refused to connect to 10.0.0.1"), "{message}");
    let answer = Answer::new(202).header("Location", inside);
    fake.misbehave("POST */blobs/uploads/", Fault::Answer(answer));
    let error = registry.put_blob("x", b"secret").unwrap_err();
    assert!(error.to_string().contains("169.254.169.254:80 is neither"), "{error}");
    fake.behave();
    let answer = Answer::new(202).header("Location", "https://10.0.0.1/upload");
    fake.misbehave("POST */blobs/uploads/", Fault::Answer(answer));
    let error = registry.put_blob("x", b"secret").unwrap_err().to_string();
    assert!(error.contains("refused to connect to 10.0.0.1"), "{error}");

    let fake = testkit::Registry::builder().bearer("me", "pa55").realm(inside).start();
    let error = open_as_me(&fake.reference("app", "1")).resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    assert!(error.to_string().contains("169.254.169.254"), "{error}");
}

/// A user may name a private address, a registry may not. Every other rule lets these realms pass: they are https, and
/// no address of a metadata service.
#[test]
fn r11_a_realm_is_a_host_that_the_registry_named() {
    for (realm, address) in
        [("https://10.0.0.1/token", "10.0.0.1"), ("https://tokens.test/token", "10.0.0.2")]
    {
        let fake = testkit::Registry::builder().bearer("me", "pa55").realm(realm).start();
        let reference: Reference = fake.reference("app", "1").parse().unwrap();
        let client = Client::with_resolver(settings(), std::sync::Arc::new(Inside)).unwrap();
        let me = Some(Credentials::password("me", "pa55"));
        let error = Registry::new(client, &reference, me, Limits::default()).unwrap().resolve().unwrap_err();
        assert!(error.to_string().contains(&format!("refused to connect to {address}")), "{error}");
    }
}

/// Every name is in the private network.
struct Inside;

impl Resolve for Inside {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![std::net::Ipv4Addr::new(10, 0, 0, 2).into()]) })
    }
}

#[test]
fn r12_authorization_stays_at_home_when_a_blob_is_elsewhere() {
    for gate in [true, false] {
        let store = testkit::Registry::start();
        let builder = testkit::Registry::builder();
        let builder = if gate { builder.basic("me", "pa55") } else { builder.bearer("me", "pa55") };
        let fake = builder.start();
        let image = sample();
        image.push(&fake, "app", "1");
        image.push(&store, "app", "1");
        let layer = descriptor(&image.image().layers[0]);
        let elsewhere = format!("{}/v2/app/blobs/{}", store.url(), layer.digest);
        fake.misbehave("GET */blobs/*", Fault::Redirect(307, elsewhere));
        let registry = open_as_me(&fake.reference("app", "1"));
        registry.resolve().unwrap();
        assert_eq!(read(&registry, &layer).unwrap(), image.image().layers[0].bytes);
        let asked = store.requests();
        assert!(asked.len() == 1 && asked[0].header("authorization").is_none(), "{asked:?}");
    }
}

#[test]
fn r12_authorization_stays_at_home_when_an_upload_goes_elsewhere() {
    let store = testkit::Registry::start();
    let fake = testkit::Registry::builder().basic("me", "pa55").start();
    let location = format!("{}/v2/app/blobs/uploads/upload-0?_state=x", store.url());
    fake.misbehave("POST */blobs/uploads/", Fault::Answer(Answer::new(202).header("Location", location)));
    let error = open_as_me(&fake.reference("app", "1")).put_blob("x", b"bytes").unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    let asked = store.requests();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].header("authorization").is_none(), "{asked:?}");
}

#[test]
fn r12_a_challenge_from_elsewhere_is_not_answered() {
    let thief = testkit::Registry::builder().bearer("me", "pa55").start();
    let store =
        testkit::Registry::builder().bearer("me", "pa55").realm(&format!("{}/token", thief.url())).start();
    let fake = testkit::Registry::builder().basic("me", "pa55").start();
    let image = sample();
    image.push(&fake, "app", "1");
    let layer = descriptor(&image.image().layers[0]);
    fake.misbehave("GET */blobs/*", Fault::Redirect(307, format!("{}/v2/app/blobs/x", store.url())));
    let registry = open_as_me(&fake.reference("app", "1"));
    let (kind, message) = read(&registry, &layer).unwrap_err();
    assert_eq!(kind, Kind::Failed, "{message}");
    assert!(message.contains("401"), "{message}");
    assert!(thief.requests().is_empty());
    assert!(store.requests().iter().all(|r| r.header("authorization").is_none()));
}

#[test]
fn r12_credentials_are_not_sent_unasked() {
    let (fake, image, _) = pushed();
    let registry = open_as_me(&fake.reference("app", "1"));
    registry.resolve().unwrap();
    read(&registry, &descriptor(&image.image().config)).unwrap();
    assert!(fake.requests().iter().all(|r| r.header("authorization").is_none()));
}

#[test]
fn r13_certificates_are_checked() {
    let fake = testkit::Registry::builder().tls().start();
    sample().push(&fake, "app", "1");
    let stranger = testkit::Registry::builder().tls().start();
    let wrong = Settings { extra_roots: vec![stranger.ca_pem().unwrap().as_bytes().to_vec()], ..settings() };
    let error = open_with(&fake.reference("app", "1"), None, wrong, Limits::default()).resolve().unwrap_err();
    assert_ne!(error.kind(), Kind::Denied);
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    assert!(fake.requests().is_empty(), "{error}");

    let misnamed = testkit::Registry::builder().tls_for(&["other.example"]).start();
    let trusting =
        Settings { extra_roots: vec![misnamed.ca_pem().unwrap().as_bytes().to_vec()], ..settings() };
    let misnamed_as = misnamed.reference("app", "1");
    let error = open_with(&misnamed_as, None, trusting, Limits::default()).resolve().unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(misnamed.requests().is_empty());
}

#[test]
fn r13_a_host_that_was_not_named_insecure_is_not_talked_to_without_tls() {
    let (fake, image, _) = pushed();
    let host = format!("registry.test:{}", fake.addr().port());
    let open = |settings| {
        let client = Client::with_resolver(settings, std::sync::Arc::new(Here)).unwrap();
        let reference: Reference = format!("{host}/app:1").parse().unwrap();
        Registry::new(client, &reference, None, Limits::default()).unwrap()
    };
    let error = open(settings()).resolve().unwrap_err();
    assert!(error.to_string().contains("https://"), "{error}");
    assert!(error.hint().unwrap().contains(&format!("--insecure-registry {host}")), "{:?}", error.hint());
    assert!(fake.requests().is_empty());
    let named = Settings { plain_http: vec![host.clone()], ..settings() };
    assert_eq!(open(named).resolve().unwrap().digest, image.digest());
}

/// Every name is this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()]) })
    }
}

#[test]
fn r14_trouble_is_waited_for_within_bounds() {
    let (fake, image, _) = pushed();
    let patient = || Settings { retries: 3, ..Settings::default() };
    for fault in [Fault::Status(503), Fault::Status(500), Fault::RetryAfter(429, "0".to_owned())] {
        fake.misbehave_times(1, "*/manifests/*", fault);
        let registry = open_with(&fake.reference("app", "1"), None, patient(), Limits::default());
        assert_eq!(registry.resolve().unwrap().digest, image.digest());
    }
    fake.misbehave("*/manifests/*", Fault::RetryAfter(429, "1000000000".to_owned()));
    let registry = open_with(&fake.reference("app", "1"), None, patient(), Limits::default());
    let error = registry.resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Transient);
    assert!(error.to_string().contains("429"), "{error}");
}

#[test]
fn r14_refusals_have_their_kinds() {
    let (fake, image, _) = pushed();
    for (status, kind) in [
        (401, Kind::Unauthorized),
        (403, Kind::Unauthorized),
        (404, Kind::NotFound),
        (429, Kind::Transient),
        (500, Kind::Transient),
        (503, Kind::Transient),
        (418, Kind::Failed),
    ] {
        fake.behave();
        fake.misbehave("*/manifests/*", Fault::Status(status));
        let registry = open(&fake.reference("app", "1"));
        let error = registry.resolve().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&fake.host()), "{error}");
        fake.behave();
        fake.misbehave("*/blobs/*", Fault::Status(status));
        assert_eq!(read(&registry, &descriptor(&image.image().config)).unwrap_err().0, kind);
    }
}

#[test]
fn r15_a_registry_that_stalls() {
    let (fake, image, _) = pushed();
    let layer = descriptor(&image.image().layers[0]);
    let hasty = || Settings { idle_timeout: Duration::from_millis(100), ..settings() };
    let registry = open_with(&fake.reference("app", "1"), None, hasty(), Limits::default());
    registry.resolve().unwrap();
    for fault in [Fault::Stall, Fault::StallAfter(10), Fault::Trickle(Duration::from_millis(30))] {
        fake.behave();
        fake.misbehave("*/blobs/*", fault.clone());
        let (kind, message) = read(&registry, &layer).unwrap_err();
        assert_eq!(kind, Kind::Transient, "{fault:?}: {message}");
        assert!(message.contains("after 0.1 s"), "{fault:?}: {message}");
    }
}

#[test]
fn r16_a_transfer_that_breaks_off_is_continued() {
    let (fake, image, registry) = pushed();
    let layer = &image.image().layers[0];
    let half = layer.bytes.len() / 2;
    for then in [None, Some(Fault::IgnoreRange), Some(Fault::WrongContentRange)] {
        fake.behave();
        fake.clear_requests();
        fake.misbehave_times(1, "*/blobs/*", Fault::HalfThenClose);
        if let Some(then) = then {
            fake.misbehave_times(1, "*/blobs/*", then);
        }
        assert_eq!(read(&registry, &descriptor(layer)).unwrap(), layer.bytes);
        let ranges = fake.requests_to("*/blobs/*");
        assert_eq!(ranges[1].header("range"), Some(&*format!("bytes={half}-")));
    }
}

#[test]
fn r16_a_transfer_that_stalls_is_continued() {
    let (fake, image, _) = pushed();
    let layer = &image.image().layers[0];
    let hasty = Settings { idle_timeout: Duration::from_millis(100), ..settings() };
    let registry = open_with(&fake.reference("app", "1"), None, hasty, Limits::default());
    fake.misbehave_times(1, "*/blobs/*", Fault::StallAfter(7));
    assert_eq!(read(&registry, &descriptor(layer)).unwrap(), layer.bytes);
    assert_eq!(fake.requests_to("*/blobs/*")[1].header("range"), Some("bytes=7-"));
}

#[test]
fn r16_the_rest_is_asked_of_the_same_version_only() {
    let (fake, image, registry) = pushed();
    let layer = &image.image().layers[0];
    fake.misbehave_times(1, "*/blobs/*", Fault::HalfThenClose);
    assert_eq!(read(&registry, &descriptor(layer)).unwrap(), layer.bytes);
    let etag = format!("\"{}\"", descriptor(layer).digest);
    assert_eq!(fake.requests_to("*/blobs/*")[1].header("if-range"), Some(&*etag));
    // A weak one does not promise the same bytes, and is not asked for.
    fake.clear_requests();
    let weak =
        Answer::new(200).header("ETag", "W/\"x\"").header("Content-Length", layer.bytes.len().to_string());
    fake.misbehave_times(1, "*/blobs/*", Fault::Answer(weak.body(layer.bytes[..5].to_vec())));
    assert_eq!(read(&registry, &descriptor(layer)).unwrap(), layer.bytes);
    let continued = &fake.requests_to("*/blobs/*")[1];
    assert_eq!((continued.header("range"), continued.header("if-range")), (Some("bytes=5-"), None));
}

#[test]
fn r16_ranges_that_do_not_fit_are_not_put_together() {
    let (fake, image, registry) = pushed();
    let layer = &image.image().layers[0];
    let (half, size) = (layer.bytes.len() / 2, layer.bytes.len());
    let last = size - 1;
    let rest = layer.bytes[half..].to_vec();
    for (range, what) in [
        (format!("bytes {half}-{last}/{}", size + 1), "another total"),
        (format!("bytes {}-{last}/{size}", half + 1), "another beginning"),
        (format!("bytes {half}-{}/{size}", last - 1), "another end"),
        (format!("bytes {half}-{last}/*"), "no total"),
        ("bytes */*".to_owned(), "nothing"),
    ] {
        fake.behave();
        fake.clear_requests();
        fake.misbehave_times(1, "*/blobs/*", Fault::HalfThenClose);
        let answer = Answer::new(206).header("Content-Range", &range).body(rest.clone());
        fake.misbehave_times(1, "*/blobs/*", Fault::Answer(answer));
        assert_eq!(read(&registry, &descriptor(layer)).unwrap(), layer.bytes, "{what}");
        let asked = fake.requests_to("*/blobs/*");
        assert_eq!(asked.len(), 3, "{what}");
        assert_eq!(asked[2].header("range"), None, "{what}: from the beginning");
    }
    // A blob of another size on the way is another blob.
    fake.behave();
    fake.misbehave_times(1, "*/blobs/*", Fault::HalfThenClose);
    fake.misbehave_times(1, "*/blobs/*", Fault::Answer(Answer::new(200).body(vec![0; size + 1])));
    let (kind, message) = read(&registry, &descriptor(layer)).unwrap_err();
    assert_eq!(kind, Kind::Denied);
    assert!(message.contains(&format!("got {} bytes, expected {size}", size + 1)), "{message}");
}

#[test]
fn r16_all_continuations_together_have_one_deadline() {
    let (fake, image, _) = pushed();
    let layer = descriptor(&image.image().layers[0]);
    // Each stall takes 300 ms, and five of them would be allowed.
    let settings = Settings {
        idle_timeout: Duration::from_millis(300),
        timeout: Duration::from_millis(500),
        ..settings()
    };
    let registry = open_with(&fake.reference("app", "1"), None, settings, Limits::default());
    registry.resolve().unwrap();
    fake.misbehave("*/blobs/*", Fault::StallAfter(1));
    let (kind, message) = read(&registry, &layer).unwrap_err();
    assert_eq!(kind, Kind::Transient);
    assert!(message.contains("not finished after"), "{message}");
    assert!(fake.requests_to("*/blobs/*").len() <= 2);
}

#[test]
fn r16_a_transfer_that_always_breaks_off_is_given_up() {
    let (fake, image, registry) = pushed();
    let layer = &image.image().layers[0];
    fake.misbehave("*/blobs/*", Fault::CloseAfter(1));
    let (kind, message) = read(&registry, &descriptor(layer)).unwrap_err();
    assert_eq!(kind, Kind::Transient, "{message}");
    assert!(message.contains("the body ended after 1 bytes of"), "{message}");
    assert!(fake.requests_to("*/blobs/*").len() <= 6);
}

#[test]
fn r16_a_blob_that_is_replaced_while_it_is_continued() {
    let (fake, image, registry) = pushed();
    let layer = descriptor(&image.image().layers[0]);
    fake.misbehave_times(1, "*/blobs/*", Fault::HalfThenClose);
    fake.misbehave_times(1, "*/blobs/*", Fault::WrongBytes);
    let bytes = read(&registry, &layer).unwrap();
    assert!(matches!(layer.check(&bytes, "blob"), Err(Error::DigestMismatch { .. })));
}

#[test]
fn r16_blobs_of_another_size() {
    let (fake, image, registry) = pushed();
    let layer = descriptor(&image.image().layers[0]);
    for fault in [Fault::Longer(1), Fault::Shorter(1), Fault::ContentEncodingGzip] {
        fake.behave();
        fake.misbehave("*/blobs/*", fault.clone());
        let (kind, message) = read(&registry, &layer).unwrap_err();
        assert_eq!(kind, Kind::Denied, "{fault:?}: {message}");
        assert!(message.contains(&format!("expected {}", layer.size)), "{fault:?}: {message}");
        let announced = registry.blob(&layer).err().expect("the announced length is enough to refuse it");
        assert_eq!(announced.kind(), Kind::Denied, "{announced}");
        assert_eq!(fake.requests_to("*/blobs/*").len(), 2, "never asked again for the same lie");
        fake.clear_requests();
    }
}

#[test]
fn r17_no_length_and_a_content_encoding() {
    let (fake, image, registry) = pushed();
    fake.misbehave("*", Fault::Chunked);
    assert_eq!(registry.resolve().unwrap().digest, image.digest());
    let layer = &image.image().layers[0];
    assert_eq!(read(&registry, &descriptor(layer)).unwrap(), layer.bytes);
    let longer = Descriptor { size: layer.bytes.len() as u64 - 1, ..descriptor(layer) };
    let shorter = Descriptor { size: layer.bytes.len() as u64 + 1, ..descriptor(layer) };
    for other in [longer, shorter] {
        let (kind, message) = read(&registry, &other).unwrap_err();
        assert_eq!(kind, Kind::Denied);
        assert!(message.contains(&format!("expected {}", other.size)), "{message}");
    }

    fake.behave();
    fake.misbehave("*/manifests/*", Fault::ContentEncodingGzip);
    let error = open(&fake.reference("app", &image.digest().to_string())).resolve().unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "the raw bytes are hashed: {error}");
}

#[test]
fn r18_urls_of_foreign_layers_are_not_followed() {
    let (fake, _, registry) = pushed();
    let elsewhere = testkit::Registry::start();
    let bytes = b"foreign".to_vec();
    let digest = elsewhere.add_blob("app", bytes.clone());
    let foreign = Descriptor {
        urls: vec![format!("{}/v2/app/blobs/{digest}", elsewhere.url())],
        ..Descriptor::for_bytes("application/vnd.oci.image.layer.nondistributable.v1.tar", &bytes)
    };
    assert_eq!(read(&registry, &foreign).unwrap_err().0, Kind::NotFound);
    assert!(elsewhere.requests().is_empty());
    assert_eq!(fake.requests_to("*/blobs/*").len(), 1);
}

#[test]
fn r19_a_referrers_api_that_is_not_there_is_no_error() {
    let (fake, image, registry) = pushed();
    let page = Answer::new(200).header("Content-Type", "text/html; charset=utf-8").body("<html>");
    let faults = [
        Fault::Status(404),
        Fault::Status(400),
        Fault::Status(405),
        Fault::Status(501),
        Fault::Redirect(303, "https://example.com/login".to_owned()),
        Fault::Answer(page),
    ];
    for fault in faults {
        fake.behave();
        fake.misbehave("*/referrers/*", fault.clone());
        let referrers = registry.referrers(&image.digest()).unwrap();
        assert!(referrers.descriptors.is_empty() && !referrers.truncated, "{fault:?}");
    }
}

#[test]
fn r19_not_being_able_to_find_out_is_never_none() {
    let (fake, image, registry) = pushed();
    let subject = image.digest();
    registry.resolve().unwrap();
    for pattern in ["*/referrers/*", "*/manifests/sha256-*"] {
        for (fault, kind) in [
            (Fault::Status(401), Kind::Unauthorized),
            (Fault::Status(403), Kind::Unauthorized),
            (Fault::Status(429), Kind::Transient),
            (Fault::Status(500), Kind::Transient),
            (Fault::Status(503), Kind::Transient),
            (Fault::Close, Kind::Transient),
            (Fault::HalfThenClose, Kind::Transient),
        ] {
            fake.behave();
            // Something to break off in the middle of.
            let index = fake.add_manifest("app", media::OCI_INDEX, r#"{"schemaVersion":2,"manifests":[]}"#);
            fake.tag("app", &format!("sha256-{}", subject.hex()), &index);
            fake.misbehave(pattern, fault.clone());
            let error = registry.referrers(&subject).unwrap_err();
            assert_eq!(error.kind(), kind, "{pattern} {fault:?}: {error}");
        }
    }
    for body in ["{}", r#"{"errors":[]}"#, "[]", "", r#"{"manifests":7}"#] {
        let page = Answer::new(200).header("Content-Type", media::OCI_INDEX).body(body);
        for pattern in ["*/referrers/*", "*/manifests/sha256-*"] {
            fake.behave();
            fake.misbehave(pattern, Fault::Answer(page.clone()));
            let error = registry.referrers(&subject).unwrap_err();
            assert!(matches!(error, Error::Json { .. }), "{pattern} {body}: {error}");
        }
    }
    fake.behave();
    fake.misbehave("*/referrers/*", Fault::TruncatedJson);
    assert!(matches!(registry.referrers(&subject), Err(Error::Json { .. })));
    fake.stop();
    assert_eq!(registry.referrers(&subject).unwrap_err().kind(), Kind::Transient);
}

#[test]
fn r19_a_fallback_tag_that_is_no_index() {
    let (fake, image, registry) = pushed();
    fake.tag("app", &format!("sha256-{}", image.digest().hex()), &image.digest());
    let error = registry.referrers(&image.digest()).unwrap_err();
    assert!(error.to_string().contains("expected an index"), "{error}");
}

//! What must not come out of a cache, and what must not bring a run down: row R20.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use plimsoll_core::{Classify as _, Digest, Kind, Limits, Reference, clock};
use plimsoll_http::{Client, Resolve, Resolving, Settings};
use plimsoll_image::{Descriptor, Listing, Source as _};
use plimsoll_registry::Registry;
use plimsoll_registry::auth::{Credentials, Secret};
use plimsoll_registry::{Cache, cache};
use plimsoll_testkit as testkit;
use testkit::{Answer, Artifact, Fault, ImageBuilder, Layer, attachment};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

struct Place {
    folder: tempfile::TempDir,
    fake: testkit::Registry,
    image: Artifact,
    bundle: Artifact,
}

impl Place {
    fn new(fake: testkit::Registry) -> Self {
        let image = ImageBuilder::new().layer(Layer::new().file("a", "b")).build();
        let bundle = attachment(&image.top, BUNDLE, BUNDLE, b"content of a bundle");
        for repository in ["app", "other"] {
            image.push(&fake, repository, "1");
            bundle.push_by_digest(&fake, repository);
        }
        Self { folder: tempfile::tempdir().unwrap(), fake, image, bundle }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn registry(&self, repository: &str, credentials: Option<Credentials>, offline: bool) -> Registry {
        self.in_folder(&self.cache(), repository, credentials, offline)
    }

    fn in_folder(
        &self,
        folder: &Path,
        repository: &str,
        credentials: Option<Credentials>,
        offline: bool,
    ) -> Registry {
        let http = Settings { retries: 0, offline, ..Settings::default() };
        let reference: Reference = self.fake.reference(repository, "1").parse().unwrap();
        let client = Client::new(http).unwrap();
        let registry = Registry::new(client, &reference, credentials, Limits::default()).unwrap();
        registry.with_cache(&kept_in(folder, offline))
    }

    fn kept(&self, offline: bool) -> Cache {
        kept_in(&self.cache(), offline)
    }

    fn blob(&self) -> Descriptor {
        let blob = self.bundle.parts.iter().find(|part| part.media_type == BUNDLE).unwrap();
        Descriptor::for_bytes(BUNDLE, &blob.bytes)
    }

    fn manifest(&self) -> Descriptor {
        Descriptor::for_bytes(self.bundle.media_type(), &self.bundle.top.bytes)
    }

    /// Everything, as it should be; or whether it cannot be had.
    fn read(&self, registry: &Registry) -> Result<(), Kind> {
        let listed = registry.listed(&self.image.digest(), Listing::First).map_err(|e| e.kind())?;
        let listed: Vec<Digest> = listed.descriptors.iter().map(|d| d.digest).collect();
        assert_eq!(listed, [self.bundle.digest()]);
        assert_eq!(registry.resolve().map_err(|e| e.kind())?.digest, self.image.digest());
        let manifest = registry.manifest(&self.manifest()).map_err(|e| e.kind())?;
        assert_eq!(manifest, self.bundle.top.bytes);
        let mut bytes = Vec::new();
        registry.blob(&self.blob()).map_err(|e| e.kind())?.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"content of a bundle");
        Ok(())
    }

    /// The files of the cache, the secret and the count left out.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for section in fs::read_dir(self.cache().join("v1")).unwrap() {
            let section = section.unwrap().path();
            if section.is_dir() {
                files.extend(fs::read_dir(section).unwrap().map(|file| file.unwrap().path()));
            }
        }
        files.sort();
        files
    }
}

fn kept_in(folder: &Path, offline: bool) -> Cache {
    Cache::new(cache::Settings {
        folder: folder.to_owned(),
        bytes: 64 << 20,
        named: true,
        fresh_for: Duration::ZERO,
        offline,
        now: clock::now,
    })
}

/// What is done to a file of the cache that held what it should.
type Attack = Box<dyn Fn(&Path, &[u8])>;

#[test]
fn r20_what_was_damaged_or_planted_in_the_cache_is_fetched_again() {
    let place = Place::new(testkit::Registry::start());
    place.read(&place.registry("app", None, false)).unwrap();
    let good: Vec<(PathBuf, Vec<u8>)> =
        place.files().into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    // The list, the tag, its manifest, the bundle's manifest, the bundle.
    assert_eq!(good.len(), 5, "{good:?}");
    let secret = place.folder.path().join("secret");
    fs::write(&secret, "content of a bundle").unwrap();

    let with = |change: fn(&mut Vec<u8>)| {
        move |file: &Path, good: &[u8]| {
            let mut bytes = good.to_vec();
            change(&mut bytes);
            fs::write(file, bytes).unwrap();
        }
    };
    let target = secret.clone();
    let attacks: [(&str, Attack); 9] = [
        ("changed", Box::new(with(|bytes| *bytes.last_mut().unwrap() ^= 1))),
        ("cut", Box::new(with(|bytes| bytes.truncate(bytes.len() / 2)))),
        ("empty", Box::new(with(Vec::clear))),
        ("longer", Box::new(with(|bytes| bytes.push(b' ')))),
        ("another", Box::new(with(|bytes| *bytes = b"{\"schemaVersion\":2,\"manifests\":[]}".to_vec()))),
        // 1 TiB that takes no room on the disk.
        (
            "huge",
            Box::new(|file, _| File::options().write(true).open(file).unwrap().set_len(1 << 40).unwrap()),
        ),
        (
            "a link to a file that holds the same",
            Box::new(move |file, good| {
                fs::write(&target, good).unwrap();
                fs::remove_file(file).unwrap();
                symlink(&target, file).unwrap();
            }),
        ),
        (
            "a folder",
            Box::new(|file, _| {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            }),
        ),
        (
            "not to be read",
            Box::new(|file, _| fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap()),
        ),
    ];
    for (attack, apply) in &attacks {
        for (file, bytes) in &good {
            apply(file, bytes);
            place.read(&place.registry("app", None, false)).unwrap();
            if *attack != "not to be read" {
                assert_eq!(&fs::read(file).unwrap(), bytes, "{attack}: {}", file.display());
                assert!(fs::symlink_metadata(file).unwrap().is_file(), "{attack}");
            }
        }
    }
}

#[test]
fn r20_one_answer_does_not_pass_for_another() {
    let place = Place::new(testkit::Registry::start());
    let (signed, unsigned) = (place.image.digest(), Digest::sha256(b"nothing is attached to this"));
    let listed = |subject: &Digest, offline: bool| {
        let listed = place.registry("app", None, offline).listed(subject, Listing::First);
        listed.map(|listed| listed.descriptors.len())
    };
    assert_eq!((listed(&signed, false).unwrap(), listed(&unsigned, false).unwrap()), (1, 0));
    let lists = place.files();
    let [one, other] = lists.as_slice() else { panic!("{lists:?}") };
    // Both files are whole, but swapped.
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    fs::write(one, &second).unwrap();
    fs::write(other, &first).unwrap();
    for subject in [&signed, &unsigned] {
        assert!(listed(subject, true).unwrap_err().to_string().contains("offline"));
    }
    fs::write(one, &second).unwrap();
    fs::write(other, &first).unwrap();
    assert_eq!((listed(&signed, false).unwrap(), listed(&unsigned, false).unwrap()), (1, 0));
    assert_eq!((listed(&signed, true).unwrap(), listed(&unsigned, true).unwrap()), (1, 0));
}

#[test]
fn r20_what_credentials_opened_stays_closed_to_others() {
    let place = Place::new(testkit::Registry::builder().bearer("me", "pa55").start());
    let me = || Some(Credentials::password("me", "pa55"));
    place.read(&place.registry("app", me(), false)).unwrap();
    place.read(&place.registry("app", me(), true)).unwrap();
    for other in [
        None,
        Some(Credentials::password("me", "wr0ng")),
        Some(Credentials::password("me", "")),
        Some(Credentials::password("mepa", "55")),
        Some(Credentials::IdentityToken(Secret::new("pa55"))),
        Some(Credentials::RegistryToken(Secret::new("pa55"))),
    ] {
        // Offline, the registry cannot refuse them, so the cache must.
        let registry = place.registry("app", other.clone(), true);
        for error in
            [registry.manifest(&place.manifest()).unwrap_err(), registry.blob(&place.blob()).err().unwrap()]
        {
            assert!(error.to_string().contains("offline"), "{other:?}: {error}");
        }
        let online = place.registry("app", other.clone(), false).manifest(&place.manifest());
        let refused = online.unwrap_err().to_string();
        assert!(refused.contains("401") || refused.contains("403"), "{other:?}: {refused}");
    }
    let error = place.registry("other", me(), true).manifest(&place.manifest()).unwrap_err();
    assert!(error.to_string().contains("offline"), "another repository: {error}");
    // Names tell nothing of who and what, and content nothing of the password.
    for file in place.files() {
        let shown = format!("{} {}", file.display(), String::from_utf8_lossy(&fs::read(&file).unwrap()));
        for told in ["pa55", "app/", &place.fake.host()] {
            assert!(!shown.contains(told), "{told} in {shown}");
        }
    }
}

#[test]
fn r20_a_list_from_the_cache_never_stands_in_for_a_registry_that_fails() {
    let place = Place::new(testkit::Registry::start());
    place.read(&place.registry("app", None, false)).unwrap();
    for fault in [Fault::Status(500), Fault::Status(403), Fault::Close, Fault::Status(401)] {
        place.fake.misbehave("GET */referrers/*", fault.clone());
        let error =
            place.registry("app", None, false).listed(&place.image.digest(), Listing::First).unwrap_err();
        assert_ne!(error.kind(), Kind::NotFound, "{fault:?}");
        place.fake.behave();
    }
    // "Not modified" to somebody who has nothing: neither an empty list nor a missing API.
    let empty = place.folder.path().join("empty");
    for path in ["GET */referrers/*", "GET */manifests/*"] {
        place.fake.misbehave(path, Fault::Answer(Answer::new(304)));
        let registry = place.in_folder(&empty, "app", None, false);
        assert_eq!(place.read(&registry).unwrap_err(), Kind::Failed, "{path}");
        let error = registry.referrers(&place.image.digest()).unwrap_err();
        assert!(error.to_string().contains("304"), "{path}: {error}");
        place.fake.behave();
    }
    place.fake.stop();
    let error = place.registry("app", None, false).listed(&place.image.digest(), Listing::First).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient);
}

#[test]
fn r20_a_cache_that_cannot_be_used_costs_requests_and_nothing_else() {
    let place = Place::new(testkit::Registry::start());
    let file = place.folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let open = place.folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    for folder in [&file, &file.join("below"), &open, Path::new("/proc/plimsoll")] {
        for _ in 0..2 {
            place.fake.clear_requests();
            place.read(&place.in_folder(folder, "app", None, false)).unwrap();
            assert_eq!(place.fake.requests().len(), 4, "{}", folder.display());
        }
    }
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0, "nothing is put where others can change it");
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
}

#[test]
fn r20_what_is_not_what_its_digest_says_is_not_kept() {
    let place = Place::new(testkit::Registry::start());
    for fault in [Fault::WrongBytes, Fault::Chunked] {
        place.fake.misbehave("GET */blobs/*", fault);
        let mut bytes = Vec::new();
        let _ = place.registry("app", None, false).blob(&place.blob()).unwrap().read_to_end(&mut bytes);
        place.fake.behave();
    }
    // Chunked content was right, the other was not.
    let kept = place.files();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::read(&kept[0]).unwrap(), b"content of a bundle");
    // Larger than a cache is for.
    let large = vec![7; (4 << 20) + 1];
    place.fake.add_blob("app", large.clone());
    let mut bytes = Vec::new();
    let descriptor = Descriptor::for_bytes("x", &large);
    place.registry("app", None, false).blob(&descriptor).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.len(), place.files().len()), (large.len(), 1));
}

/// Every name is this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()]) })
    }
}

#[test]
fn r20_the_word_of_whoever_is_on_the_way_is_not_kept() {
    let place = Place::new(testkit::Registry::start());
    let host = format!("registry.test:{}", place.fake.addr().port());
    let reference: Reference = format!("{host}/app:1").parse().unwrap();
    let http = Settings { plain_http: vec![host], retries: 0, ..Settings::default() };
    for _ in 0..2 {
        let client = Client::with_resolver(http.clone(), Arc::new(Here)).unwrap();
        let registry = Registry::new(client, &reference, None, Limits::default()).unwrap();
        place.fake.clear_requests();
        place.read(&registry.with_cache(&place.kept(false))).unwrap();
        let lists = place.fake.requests_to("GET */referrers/*");
        assert!(lists.iter().all(|asked| asked.header("if-none-match").is_none()), "{lists:?}");
    }
    // What its digest proves may be anybody's.
    let names: Vec<String> =
        place.files().iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("sha256-")), "{names:?}");
}

#[test]
fn r20_runs_at_once_share_a_cache() {
    let place = &Place::new(testkit::Registry::start());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                for _ in 0..5 {
                    place.read(&place.registry("app", None, false)).unwrap();
                }
            });
        }
    });
    place.read(&place.registry("app", None, true)).unwrap();
    assert_eq!(place.files().len(), 5, "{:?}", place.files());
}

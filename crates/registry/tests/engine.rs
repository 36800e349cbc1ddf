//! Images of a container engine, through its API on a socket.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::{Cancel, Classify as _, Digest, Kind, Limits};
use plimsoll_image::local::docker::Docker;
use plimsoll_image::{Error, Source, artifact, layers};
use plimsoll_registry::SocketEngine;
use plimsoll_testkit::{Artifact, EngineApi, ImageBuilder, IndexBuilder, Layer, WholeFiles};
use serde_json::json;

const NAME: &str = "docker.io/library/app:1";

struct Running {
    folder: tempfile::TempDir,
    api: EngineApi,
}

impl Running {
    /// An engine that has one image, `id`, and sends `stream` for it.
    fn new(id: Digest, repo_digest: Option<&str>, stream: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let about =
            json!({"Id": id, "RepoTags": [NAME], "RepoDigests": repo_digest.iter().collect::<Vec<_>>()});
        let answers = BTreeMap::from([
            ("/images/app:1/json".to_owned(), about.to_string().into_bytes()),
            (format!("/images/{id}/json"), about.to_string().into_bytes()),
            ("/images/json".to_owned(), json!([about]).to_string().into_bytes()),
            (format!("/images/{id}/get"), stream),
        ]);
        let api = EngineApi::start(&folder.path().join("docker.sock"), answers);
        Self { folder, api }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    fn open(&self, wanted: &str) -> Result<Docker, Error> {
        open(&self.socket(), wanted, Limits::default())
    }

    fn streams(&self) -> usize {
        self.api.requests().iter().filter(|target| target.ends_with("/get")).count()
    }
}

fn open(socket: &Path, wanted: &str, limits: Limits) -> Result<Docker, Error> {
    Docker::open(Arc::new(SocketEngine::new(socket, &Cancel::never())), wanted, limits, &Cancel::never())
}

/// All files of the source's only image.
fn read(source: &dyn Source) -> Result<BTreeMap<String, String>, Error> {
    let limits = Limits::default();
    let artifact = artifact::load(source, &source.resolve()?, &limits)?;
    let set = layers::read(source, &artifact.images[0], &WholeFiles::ALL, &limits, &())?;
    let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
    Ok(set.iter().map(|file| (file.path.clone(), text(WholeFiles::content(file)))).collect())
}

fn layered() -> Artifact {
    ImageBuilder::new()
        .layer(Layer::new().file("etc/a", "lower").file("etc/gone", "x").file("big", "b".repeat(5_000_000)))
        .layer(Layer::new().file("etc/a", "upper").whiteout("etc/gone").symlink("etc/link", "a"))
        .build()
}

fn is_layered(files: &BTreeMap<String, String>) {
    assert_eq!(files["etc/a"], "upper");
    assert!(!files.contains_key("etc/gone"), "{:?}", files.keys());
}

fn saved(write: impl FnOnce(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.tar");
    write(&file);
    std::fs::read(file).unwrap()
}

fn legacy(image: &Artifact) -> Running {
    Running::new(
        image.image().config.digest(),
        None,
        saved(|file| image.write_docker_archive(file, Some(NAME))),
    )
}

#[test]
fn an_image_of_an_older_engine_is_read_from_two_streams_and_known_by_its_configuration() {
    let image = layered();
    let engine = legacy(&image);
    let source = engine.open("app:1").unwrap();
    is_layered(&read(&source).unwrap());
    assert_eq!(engine.streams(), 2, "{:?}", engine.api.requests());
    assert!(source.remark().unwrap().contains("as Docker exports it"));
    assert!(matches!(source.referrers(&image.digest()), Err(Error::NoReferrers { .. })));
}

#[test]
fn an_image_of_the_containerd_store_keeps_its_digest() {
    let image = layered();
    let stream = saved(|file| image.write_oci_archive(file, Some(NAME)));
    let engine =
        Running::new(image.digest(), Some(&format!("docker.io/library/app@{}", image.digest())), stream);
    let source = engine.open("library/app:1").unwrap();
    assert_eq!(source.resolve().unwrap().digest, image.digest());
    is_layered(&read(&source).unwrap());
    assert_eq!(engine.streams(), 2);
    assert_eq!(source.remark(), None);
}

#[test]
fn of_an_index_the_platform_that_is_here_is_read_and_the_rest_is_spoken_of() {
    let image = |platform: &str| {
        ImageBuilder::new().platform(platform).layer(Layer::new().file("etc/platform", platform)).build()
    };
    let elsewhere = image("linux/s390x");
    let mut descriptor = elsewhere.top.descriptor();
    descriptor["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let here = image("linux/amd64");
    let index = IndexBuilder::new().image(here.clone()).descriptor(descriptor).build();
    let stream = saved(|file| index.write_oci_archive(file, Some(NAME)));
    let engine = Running::new(index.digest(), None, stream);
    let source = engine.open("app:1").unwrap();
    assert_eq!(source.resolve().unwrap().digest, here.digest());
    assert_eq!(read(&source).unwrap()["etc/platform"], "linux/amd64");
    let remark = source.remark().unwrap();
    assert!(remark.contains("only linux/amd64") && remark.contains(&index.digest().to_string()), "{remark}");
}

#[test]
fn r06_an_engine_that_sends_another_image_than_it_named_is_refused() {
    let image = layered();
    let stream = saved(|file| image.write_docker_archive(file, Some(NAME)));
    let engine = Running::new(Digest::sha256(b"another"), None, stream);
    let error = engine.open("app:1").unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    assert_eq!(error.kind(), Kind::Denied);
}

#[test]
fn t14_a_stream_that_is_cut_off_is_an_error() {
    let image = layered();
    let whole = saved(|file| image.write_docker_archive(file, Some(NAME)));
    let mut cut = whole[..whole.len() / 2].to_vec();
    cut.extend_from_slice(b"CUT");
    let engine = Running::new(image.image().config.digest(), None, cut);
    let error = engine.open("app:1").unwrap_err();
    assert!(matches!(error, Error::Tar { .. } | Error::Io { .. }), "{error:?}");
}

#[test]
fn a_missing_image_is_reported_with_the_existing_ones() {
    let engine = legacy(&layered());
    let error = engine.open("app:2").unwrap_err();
    assert!(matches!(&error, Error::NoSuchImage { refs, .. } if refs == &[NAME]), "{error}");
    // A name never becomes another path of the API.
    let error = engine.open("../containers/json?x=").unwrap_err();
    assert!(error.to_string().contains("docker has no image ../containers/json?x="), "{error}");
    assert!(engine.api.requests().iter().all(|target| target.starts_with("/images/")));
    let nowhere = open(&engine.folder.path().join("no.sock"), "app:1", Limits::default());
    assert!(matches!(nowhere, Err(Error::NoStore { .. })));
}

#[test]
fn an_engine_that_does_not_answer_is_left_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    // Accepts connections, and says nothing.
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let begun = std::time::Instant::now();
    let cancel = Cancel::never().until(begun + std::time::Duration::from_millis(200));
    let engine = Arc::new(SocketEngine::new(&socket, &cancel));
    let error = Docker::open(engine, "app:1", Limits::default(), &Cancel::never()).unwrap_err();
    assert!(matches!(error, Error::Stopped(_)), "{error:?}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

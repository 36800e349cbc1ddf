//! containerd's root. `containerd.tar.gz` is what containerd 1.6 wrote when one small image was imported as
//! `registry.example/team/app:1` into the namespaces `default` and `k8s.io`, and tagged 150 times in the latter.

use std::fs;
use std::path::Path;

use flate2::read::GzDecoder;
use plimsoll_core::Limits;
use plimsoll_image::local::containerd::{Containerd, roots};
use plimsoll_image::{Error, Source as _};

use super::read;

const DIGEST: &str = "sha256:52885a5b54c075235c85cd7f1b553cf01d65863354f36148ff45d5ab530725d3";
const DATABASE: &str = "io.containerd.metadata.v1.bolt/meta.db";

fn store() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let bytes = include_bytes!("containerd.tar.gz");
    tar::Archive::new(GzDecoder::new(&bytes[..])).unpack(root.path()).unwrap();
    root
}

fn open(root: &Path, namespace: Option<&str>, wanted: &str) -> Result<Containerd, Error> {
    Containerd::open(&[root.to_owned()], namespace, wanted, Limits::default())
}

#[test]
fn an_image_is_found_by_name_in_any_namespace_or_in_one() {
    let root = store();
    for (namespace, wanted) in [
        (None, "registry.example/team/app:1"),
        (Some("default"), "team/app:1"),
        (Some("k8s.io"), "registry.example/team/app-with-a-rather-long-name-150:1"),
        (None, "app-with-a-rather-long-name-77:1"),
        (None, DIGEST),
    ] {
        let source = open(root.path(), namespace, wanted).unwrap();
        assert_eq!(source.resolve().unwrap().digest.to_string(), DIGEST, "{wanted}");
        assert_eq!(read(&source).unwrap()["etc/os-release"], "ID=tiny\n");
        let referrers = source.referrers(&DIGEST.parse().unwrap());
        assert!(matches!(referrers, Err(Error::NoReferrers { .. })), "{referrers:?}");
    }
    let missing = open(root.path(), Some("default"), "app-with-a-rather-long-name-150:1").unwrap_err();
    assert!(missing.to_string().contains("registry.example/team/app:1"), "{missing}");
}

#[test]
fn r20_a_changed_blob_is_refused() {
    let root = store();
    let blobs = root.path().join("io.containerd.content.v1.content/blobs/sha256");
    for entry in fs::read_dir(blobs).unwrap() {
        let path = entry.unwrap().path();
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bad).unwrap();
        let opened = open(root.path(), None, "team/app:1").and_then(|source| read(&source));
        assert!(matches!(opened, Err(Error::DigestMismatch { .. })), "{opened:?}");
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn a_damaged_database_is_an_error_and_never_a_panic() {
    let root = store();
    let path = root.path().join(DATABASE);
    let good = fs::read(&path).unwrap();
    for length in [0, 1, 15, 16, 79, 80, 4096, 4096 + 80, 8192, 70_000] {
        fs::write(&path, &good[..length.min(good.len())]).unwrap();
        let problem = if length < 80 { "it has no valid meta page" } else { "is outside of the file" };
        let error = open(root.path(), None, "team/app:1").unwrap_err();
        assert!(error.to_string().contains(problem), "{length}: {error}");
    }
    // Inverts bytes of the used pages one after the other, at regular distances.
    for at in (0..good.len().min(200_000)).step_by(1009) {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        fs::write(&path, bad).unwrap();
        if let Ok(source) = open(root.path(), None, "team/app:1") {
            assert_eq!(source.resolve().unwrap().digest.to_string(), DIGEST, "byte {at}");
        }
    }
}

#[test]
fn without_containerd_the_searched_places_are_named() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(open(root.path(), None, "app"), Err(Error::NoStore { .. })));
    let env = |name: &str| (name == "CONTAINERD_ROOT").then(|| "/data".into());
    assert_eq!(roots(&env), [Path::new("/data")]);
    assert_eq!(roots(&|_| None)[0], Path::new("/var/lib/containerd"));
}

//! Attaching evidence to an OCI layout in a folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_attach::AttachedBundle;
use plimsoll_attach::evidence::bundles;
use plimsoll_attach::layout::LayoutStore;
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_image::layout::Layout;
use plimsoll_image::source::Referrers;
use plimsoll_image::{Descriptor, Error as ImageError, Source, Store as _, media};
use plimsoll_testkit::{ImageBuilder, Layer};
use plimsoll_verify::Bundle;
use serde_json::Value;

/// Reads a layout in the simplest way that the specification describes.
#[derive(Debug)]
struct Plain(PathBuf);

impl Plain {
    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.0.join("index.json")).unwrap()).unwrap()
    }

    fn entries(&self) -> Vec<Descriptor> {
        serde_json::from_value(self.index()["manifests"].clone()).unwrap()
    }
}

impl Source for Plain {
    fn describe(&self) -> String {
        format!("oci:{}", self.0.display())
    }

    fn resolve(&self) -> Result<Descriptor, ImageError> {
        Ok(self.entries().swap_remove(0))
    }

    fn manifest(&self, d: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let bytes = fs::read(self.path(&d.digest)).unwrap();
        d.check(&bytes, "manifest").map(|()| bytes)
    }

    fn blob(&self, d: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        Ok(Box::new(File::open(self.path(&d.digest)).unwrap()))
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, ImageError> {
        let refers = |entry: &Descriptor| {
            let manifest: Value = serde_json::from_slice(&self.manifest(entry).unwrap()).unwrap();
            manifest["subject"]["digest"] == subject.to_string()
        };
        Ok(Referrers { descriptors: self.entries().into_iter().filter(refers).collect(), truncated: false })
    }
}

fn layout(folder: &Path) -> LayoutStore<Plain> {
    ImageBuilder::new()
        .layer(Layer::new().file("etc/os-release", "ID=debian\n"))
        .build()
        .write_layout(folder, Some("1"));
    open(folder)
}

fn open(folder: &Path) -> LayoutStore<Plain> {
    LayoutStore::new(folder, Plain(folder.to_owned()), Limits::default())
}

/// Signs the first image of the layout.
fn sign(store: &LayoutStore<Plain>) -> AttachedBundle {
    crate::sign(store, &store.resolve().unwrap())
}

#[test]
fn a_signature_in_a_layout_is_found_and_existing_content_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let subject = store.resolve().unwrap();
    let before = Plain(folder.path().to_owned()).entries();
    let (first, second) = (sign(&store), sign(&store));

    let after = Plain(folder.path().to_owned()).entries();
    assert_eq!(after[..1], before[..]);
    assert_eq!([after[1].digest, after[2].digest], [first.referrer, second.referrer]);
    assert_eq!(after[1].artifact_type.as_deref(), Some("application/vnd.dev.sigstore.bundle.v0.3+json"));
    assert!(!after[1].annotations.contains_key("org.opencontainers.image.ref.name"));

    let found = bundles(&store, &subject.digest, &Limits::default()).unwrap();
    assert_eq!(found.found.len(), 2);
    let bundle = Bundle::parse(&found.found[0].bytes, &Limits::default()).unwrap();
    assert!(bundle.claimed_statement().unwrap().names(&subject.digest));
    // No temporary files, no lock files.
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn attaching_the_same_twice_lists_it_once_and_repairs_a_damaged_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let signed = sign(&store);
    let path = Plain(folder.path().to_owned()).path(&signed.referrer);
    let manifest = fs::read(&path).unwrap();
    fs::write(&path, &manifest[..20]).unwrap();
    store.attach(media::OCI_MANIFEST, &manifest).unwrap();
    assert_eq!(fs::read(&path).unwrap(), manifest);
    assert_eq!(Plain(folder.path().to_owned()).entries().len(), 2);
}

#[test]
fn concurrent_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    layout(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| sign(&open(folder.path())));
        }
    });
    assert_eq!(Plain(folder.path().to_owned()).entries().len(), 9);
}

#[test]
fn a_broken_layout_or_one_with_links_outside_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let subject = store.resolve().unwrap();
    let manifest = {
        let other = tempfile::tempdir().unwrap();
        let store = layout(other.path());
        let signed = sign(&store);
        fs::read(Plain(other.path().to_owned()).path(&signed.referrer)).unwrap()
    };
    let index = folder.path().join("index.json");
    for bad in ["", "[]", "{}", r#"{"manifests":{}}"#, r#"{"manifests":[],"manifests":[]}"#] {
        fs::write(&index, bad).unwrap();
        assert!(store.attach(media::OCI_MANIFEST, &manifest).is_err(), "{bad}");
        assert_eq!(fs::read_to_string(&index).unwrap(), bad);
    }
    fs::remove_file(&index).unwrap();
    assert_eq!(store.attach(media::OCI_MANIFEST, &manifest).unwrap_err().kind(), Kind::NotFound);

    // A manifest without a subject would be a blob that nobody finds.
    let image = fs::read(Plain(folder.path().to_owned()).path(&subject.digest)).unwrap();
    assert!(matches!(store.attach(media::OCI_MANIFEST, &image), Err(ImageError::Malformed { .. })));

    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("blobs")).unwrap();
    assert!(store.put_blob(media::OCI_EMPTY, b"{}").is_err());
    assert!(fs::read_dir(elsewhere.path().join("sha256")).is_err());
}

#[test]
fn no_more_is_attached_than_a_reader_of_the_layout_accepts() {
    let folder = tempfile::tempdir().unwrap();
    layout(folder.path());
    let mut limits = Limits::default();
    limits.index_entries = 3;
    let store = LayoutStore::new(folder.path(), Plain(folder.path().to_owned()), limits.clone());
    let attach = |number: u8| {
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "layers": [],
            "config": {"mediaType": media::OCI_EMPTY, "digest": Digest::sha256(&[number]), "size": 2},
            "subject": store.resolve().unwrap(),
        });
        store.attach(media::OCI_MANIFEST, manifest.to_string().as_bytes())
    };
    attach(1).unwrap();
    attach(2).unwrap();
    let error = attach(3).unwrap_err();
    assert!(matches!(&error, ImageError::Limit(limit) if limit.name == "index_entries"), "{error}");
    // Existing content costs nothing more.
    attach(2).unwrap();
    assert!(Layout::open(folder.path(), Some("1"), limits).unwrap().resolve().is_ok());
}

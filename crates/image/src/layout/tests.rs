//! Layouts as tools write them, and as an attacker would write them.

use std::fs;
use std::os::unix::fs::symlink;

use plimsoll_testkit::{Artifact, ImageBuilder, IndexBuilder, Layer, attachment};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::media;

fn image(content: &str) -> Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", content)).build()
}

fn open(dir: &TempDir, selector: Option<&str>) -> Result<Layout, Error> {
    Layout::open(dir.path(), selector, Limits::default())
}

fn top(dir: &TempDir, selector: Option<&str>) -> Digest {
    open(dir, selector).unwrap().resolve().unwrap().digest
}

fn blob_path(dir: &TempDir, digest: &Digest) -> PathBuf {
    dir.path().join("blobs/sha256").join(digest.hex())
}

fn edit_index(dir: &TempDir, edit: impl FnOnce(&mut Value)) {
    let path = dir.path().join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut index);
    fs::write(path, index.to_string()).unwrap();
}

#[test]
fn an_image_is_chosen_by_tag_reference_or_digest() {
    let dir = TempDir::new().unwrap();
    let (one, two) = (image("1"), image("2"));
    one.write_layout(dir.path(), Some("1.0"));
    two.write_layout(dir.path(), Some("example.org/app:2.0"));
    assert_eq!(top(&dir, Some("1.0")), one.digest());
    assert_eq!(top(&dir, Some("2.0")), two.digest());
    assert_eq!(top(&dir, Some("example.org/app:2.0")), two.digest());
    assert_eq!(top(&dir, Some(&one.digest().to_string())), one.digest());
    let several = open(&dir, None).unwrap().resolve().unwrap_err();
    assert!(matches!(&several, Error::SeveralImages { refs, .. } if refs == &["1.0", "example.org/app:2.0"]));
    let none = open(&dir, Some("3.0")).unwrap().resolve().unwrap_err();
    assert!(matches!(&none, Error::NoSuchImage { wanted, .. } if wanted == "3.0"));
}

#[test]
fn a_child_of_an_index_is_found_by_digest() {
    let dir = TempDir::new().unwrap();
    let child = image("child");
    let index = IndexBuilder::new().image(image("first")).image(child.clone()).build();
    index.write_layout(dir.path(), Some("1"));
    assert_eq!(top(&dir, Some(&child.digest().to_string())), child.digest());
    assert_eq!(top(&dir, None), index.digest());
}

#[test]
fn evidence_is_not_taken_for_an_image_and_is_listed_for_its_subject() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), None);
    let bundle = attachment(&image.top, "application/vnd.example", "application/json", b"{}");
    bundle.write_layout(dir.path(), None);
    let tagged = attachment(&image.top, "application/vnd.other", "application/json", b"[]");
    for object in tagged.parts.iter().chain([&tagged.top]) {
        fs::write(blob_path(&dir, &object.digest()), &object.bytes).unwrap();
    }
    let fallback = IndexBuilder::new().descriptor(tagged.top.descriptor()).build();
    fallback.write_layout(dir.path(), Some(&format!("sha256-{}", image.digest().hex())));

    let layout = open(&dir, None).unwrap();
    assert_eq!(layout.resolve().unwrap().digest, image.digest());
    let referrers = layout.referrers(&image.digest()).unwrap();
    let digests: Vec<Digest> = referrers.descriptors.iter().map(|d| d.digest).collect();
    assert_eq!(digests, [bundle.digest(), tagged.digest()]);
    assert_eq!(referrers.descriptors[0].artifact_type.as_deref(), Some("application/vnd.example"));
    assert!(!referrers.truncated);
    assert_eq!(layout.referrers(&Digest::sha256(b"another")).unwrap(), Referrers::default());
}

#[test]
fn evidence_that_was_attached_after_opening_is_found() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), Some("1"));
    let layout = open(&dir, None).unwrap();
    assert_eq!(layout.referrers(&image.digest()).unwrap().descriptors.len(), 0);
    attachment(&image.top, "a", "b", b"{}").write_layout(dir.path(), None);
    assert_eq!(layout.referrers(&image.digest()).unwrap().descriptors.len(), 1);
}

#[test]
fn entries_that_are_no_manifests_do_not_hide_evidence_but_missing_ones_are_an_error() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), Some("1"));
    let junk = Descriptor::for_bytes(media::OCI_MANIFEST, b"junk");
    fs::write(blob_path(&dir, &junk.digest), b"junk").unwrap();
    edit_index(&dir, |index| {
        index["manifests"].as_array_mut().unwrap().push(serde_json::to_value(&junk).unwrap());
    });
    attachment(&image.top, "a", "b", b"{}").write_layout(dir.path(), None);
    let layout = open(&dir, Some("1")).unwrap();
    assert_eq!(layout.referrers(&image.digest()).unwrap().descriptors.len(), 1);
    fs::remove_file(blob_path(&dir, &junk.digest)).unwrap();
    assert!(matches!(layout.referrers(&image.digest()), Err(Error::NotFound { .. })));
}

#[test]
fn more_referrers_than_are_listed_are_said_to_be_cut() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), Some("1"));
    for number in 0..17 {
        attachment(&image.top, "a", "b", format!("{number}").as_bytes()).write_layout(dir.path(), None);
    }
    let mut limits = Limits::default();
    limits.referrers = 1;
    let layout = Layout::open(dir.path(), None, limits).unwrap();
    let referrers = layout.referrers(&image.digest()).unwrap();
    assert!(referrers.truncated);
    assert_eq!(referrers.descriptors.len(), 16);
}

#[test]
fn one_list_of_referrers_is_read_once_however_often_it_is_named() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), Some("1.0"));
    let subject = Descriptor::new(image.media_type(), image.digest(), image.size());
    let referrer = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "subject": subject, "layers": [],
        "config": {"mediaType": media::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2},
    });
    let put = |bytes: &[u8]| {
        fs::write(blob_path(&dir, &Digest::sha256(bytes)), bytes).unwrap();
    };
    put(referrer.to_string().as_bytes());
    let listed = Descriptor::for_bytes(media::OCI_MANIFEST, referrer.to_string().as_bytes());
    // Read for each of its names, it would take 1.5 GiB.
    let mut padded = listed.clone();
    padded.annotations.insert("padding".to_owned(), "x".repeat(3 << 20));
    let list = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [padded]}).to_string();
    put(list.as_bytes());
    let fallback = format!("sha256-{}", image.digest().hex());
    edit_index(&dir, |index| {
        let mut entry = json!(Descriptor::for_bytes(media::OCI_INDEX, list.as_bytes()));
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": fallback});
        index["manifests"].as_array_mut().unwrap().extend(vec![entry; 500]);
    });
    let found = open(&dir, Some("1.0")).unwrap().referrers(&image.digest()).unwrap();
    let digests: Vec<Digest> = found.descriptors.iter().map(|found| found.digest).collect();
    assert_eq!(digests, [listed.digest]);
    // Referrers take no more together than the documents of one subject may.
    let mut limits = Limits::default();
    limits.documents_bytes = listed.size - 1;
    let cut = Layout::open(dir.path(), Some("1.0"), limits).unwrap().referrers(&image.digest()).unwrap();
    assert!(cut.truncated && cut.descriptors.is_empty());
}

#[test]
fn a_search_for_referrers_that_has_to_stop_is_an_error_and_never_none() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), Some("1.0"));
    attachment(&image.top, "a", "b", b"{}").write_layout(dir.path(), None);
    let cancel = Cancel::never();
    let layout = Layout::open_until(dir.path(), Some("1.0"), Limits::default(), &cancel).unwrap();
    assert_eq!(layout.referrers(&image.digest()).unwrap().descriptors.len(), 1);
    cancel.cancel();
    assert!(matches!(layout.referrers(&image.digest()), Err(Error::Stopped(_))));
}

#[test]
fn changed_bytes_are_noticed_at_each_read() {
    let dir = TempDir::new().unwrap();
    let image = image("1");
    image.write_layout(dir.path(), Some("1"));
    let layout = open(&dir, None).unwrap();
    let top = layout.resolve().unwrap();
    assert_eq!(layout.manifest(&top).unwrap(), image.top.bytes);
    let mut changed = image.top.bytes.clone();
    changed[10] ^= 1;
    fs::write(blob_path(&dir, &top.digest), &changed).unwrap();
    assert!(matches!(layout.manifest(&top), Err(Error::DigestMismatch { .. })));
    fs::write(blob_path(&dir, &top.digest), b"{}").unwrap();
    assert!(matches!(layout.manifest(&top), Err(Error::SizeMismatch { got: 2, .. })));
}

#[test]
fn a_blob_that_links_out_of_the_layout_is_refused() {
    let (dir, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let image = image("1");
    image.write_layout(dir.path(), Some("1"));
    let layout = open(&dir, None).unwrap();
    let config = Descriptor::for_bytes(media::OCI_CONFIG, &image.image().config.bytes);
    let path = blob_path(&dir, &config.digest);
    fs::rename(&path, outside.path().join("config")).unwrap();
    symlink(outside.path().join("config"), &path).unwrap();
    let error = layout.blob(&config).err().unwrap();
    assert!(error.to_string().contains("leads out of the layout"), "{error}");
    // Deduplicating storage links inside one layout, which is harmless.
    fs::remove_file(&path).unwrap();
    fs::write(dir.path().join("blobs/kept"), &image.image().config.bytes).unwrap();
    symlink("../kept", &path).unwrap();
    layout.blob(&config).unwrap();
}

#[test]
fn other_versions_and_other_folders_are_refused() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(open(&dir, None), Err(Error::UnknownFormat { .. })));
    image("1").write_layout(dir.path(), None);
    fs::write(dir.path().join("oci-layout"), json!({"imageLayoutVersion": "2.0.0"}).to_string()).unwrap();
    let error = open(&dir, None).unwrap_err();
    assert!(error.to_string().contains("got imageLayoutVersion 2.0.0, expected 1.0.0"), "{error}");
}

#[test]
fn an_empty_index_has_no_image() {
    let dir = TempDir::new().unwrap();
    image("1").write_layout(dir.path(), None);
    edit_index(&dir, |index| index["manifests"] = json!([]));
    assert!(matches!(open(&dir, None).unwrap().resolve(), Err(Error::UnknownFormat { .. })));
}

#[test]
fn an_image_whose_entry_repeats_the_type_of_its_configuration_is_one() {
    for kind in [media::OCI_CONFIG, media::DOCKER_CONFIG] {
        let dir = TempDir::new().unwrap();
        let image = image("1");
        image.write_layout(dir.path(), None);
        let mark = |index: &mut Value| index["manifests"][0]["artifactType"] = json!(kind);
        edit_index(&dir, mark);
        assert_eq!(top(&dir, None), image.digest());
        // Evidence about it is still not an image, no matter what type it claims.
        attachment(&image.top, kind, "application/json", b"{}").write_layout(dir.path(), None);
        edit_index(&dir, |index| index["manifests"][1]["artifactType"] = json!(kind));
        assert_eq!(top(&dir, None), image.digest());
    }
    let dir = TempDir::new().unwrap();
    image("1").write_layout(dir.path(), None);
    edit_index(&dir, |index| index["manifests"][0]["artifactType"] = json!("application/vnd.example"));
    assert!(matches!(open(&dir, None).unwrap().resolve(), Err(Error::UnknownFormat { .. })));
}

#[test]
fn a_layer_that_is_not_there_makes_one_image_of_an_index_absent() {
    let dir = TempDir::new().unwrap();
    let index = IndexBuilder::new().image(image("first")).image(image("second")).build();
    index.write_layout(dir.path(), None);
    let layout = open(&dir, None).unwrap();
    let load = || crate::artifact::load(&layout, &layout.resolve().unwrap(), &Limits::default());
    assert_eq!(load().unwrap().absent.len(), 0);
    let blob = blob_path(&dir, &index.images[1].layers[0].digest());
    fs::remove_file(&blob).unwrap();
    let loaded = load().unwrap();
    assert_eq!((loaded.images.len(), loaded.absent.len()), (1, 1));
    // A link that leads nowhere exists, and is broken.
    symlink("nowhere", &blob).unwrap();
    assert_eq!(load().unwrap().absent.len(), 0);
}

/// A layout as `cosign save` writes it: with kinds instead of names, and the referrers among the blobs.
fn saved(dir: &TempDir) -> (Artifact, Artifact, Artifact) {
    let (image, older) = (image("1"), image("older signatures"));
    image.write_layout(dir.path(), None);
    older.write_layout(dir.path(), None);
    let bundle = attachment(&image.top, "application/vnd.example", "application/json", b"{}");
    for object in bundle.parts.iter().chain([&bundle.top]) {
        fs::write(blob_path(dir, &object.digest()), &object.bytes).unwrap();
    }
    edit_index(dir, |index| {
        for (entry, kind) in index["manifests"].as_array_mut().unwrap().iter_mut().zip(["image", "sigs"]) {
            entry["annotations"] = json!({"kind": format!("dev.cosignproject.cosign/{kind}")});
            entry["artifactType"] = json!("application/vnd.oci.image.config.v1+json");
        }
    });
    (image, older, bundle)
}

#[test]
fn a_layout_saved_by_cosign_is_found_by_its_kind_and_among_the_blobs() {
    let dir = TempDir::new().unwrap();
    let (image, older, bundle) = saved(&dir);
    let layout = open(&dir, None).unwrap();
    assert_eq!(layout.resolve().unwrap().digest, image.digest());
    let tag = |digest: &Digest, suffix: &str| format!("sha256-{}.{suffix}", digest.hex());
    let (found, _) = layout.named(&tag(&image.digest(), "sig")).unwrap().unwrap();
    assert_eq!(found.digest, older.digest());
    assert!(layout.named(&tag(&image.digest(), "att")).unwrap().is_none());
    // They belong to this image and to no other.
    assert!(layout.named(&tag(&Digest::sha256(b"another"), "sig")).unwrap().is_none());
    let referrers = layout.referrers(&image.digest()).unwrap();
    let digests: Vec<Digest> = referrers.descriptors.iter().map(|referrer| referrer.digest).collect();
    assert_eq!(digests, [bundle.digest()]);
    assert_eq!(referrers.descriptors[0].artifact_type.as_deref(), Some("application/vnd.example"));
    assert_eq!(layout.referrers(&older.digest()).unwrap(), Referrers::default());
}

#[test]
fn nothing_among_the_blobs_of_such_a_layout_is_believed_or_followed() {
    let dir = TempDir::new().unwrap();
    let (image, _, bundle) = saved(&dir);
    let blobs = dir.path().join("blobs/sha256");
    // The blobs have wrong content under a name, a link to a real referrer outside, junk, and a folder.
    let outside = TempDir::new().unwrap();
    let linked = attachment(&image.top, "application/vnd.linked", "application/json", b"[]");
    fs::write(outside.path().join("manifest"), &linked.top.bytes).unwrap();
    symlink(outside.path().join("manifest"), blob_path(&dir, &linked.digest())).unwrap();
    fs::write(blobs.join("0".repeat(64)), &linked.top.bytes).unwrap();
    fs::write(blobs.join("1".repeat(64)), "{").unwrap();
    fs::write(blobs.join("not-a-digest"), &linked.top.bytes).unwrap();
    fs::create_dir(blobs.join("2".repeat(64))).unwrap();
    let referrers = open(&dir, None).unwrap().referrers(&image.digest()).unwrap();
    let digests: Vec<Digest> = referrers.descriptors.iter().map(|referrer| referrer.digest).collect();
    assert_eq!(digests, [bundle.digest()]);
    // Two entries are marked as the image: neither counts, and the signatures belong to neither.
    edit_index(&dir, |index| {
        index["manifests"][1]["annotations"]["kind"] = json!("dev.cosignproject.cosign/image");
    });
    let layout = open(&dir, None).unwrap();
    assert!(matches!(layout.resolve(), Err(Error::SeveralImages { .. })));
    assert!(layout.named(&format!("sha256-{}.sig", image.digest().hex())).unwrap().is_none());
}

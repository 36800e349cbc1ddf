//! Layouts and archives on a disk that somebody else wrote to: rows R20 and T01 to T14 for what holds the images.

use std::fs;
use std::path::Path;

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Classify as _, Kind, Limits};
use plimsoll_image::archive::Archive;
use plimsoll_image::layout::Layout;
use plimsoll_image::{Error, Source, artifact, layers};
use plimsoll_testkit::{Artifact, Compression, ImageBuilder, IndexBuilder, Layer, attachment};

use crate::memory::{ALL, texts};
use crate::tars::Tar;

fn sample(text: &str) -> Artifact {
    let first = Layer::new().file("etc/os-release", text);
    ImageBuilder::new().layer(first).layer(Layer::new().file("b", "2").compression(Compression::Zstd)).build()
}

fn read(source: &dyn Source) -> Result<FileSet, Error> {
    let limits = Limits::default();
    let artifact = artifact::load(source, &source.resolve()?, &limits)?;
    layers::read(source, &artifact.images[0], &ALL, &limits, &())
}

fn layout(directory: &Path, selector: Option<&str>) -> Result<Layout, Error> {
    Layout::open(directory, selector, Limits::default())
}

fn archive(file: &Path, selector: Option<&str>) -> Result<Archive, Error> {
    Archive::open(file, selector, Limits::default())
}

#[test]
fn a_layout_of_one_image_needs_no_name_and_one_of_several_does() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (sample("one"), sample("two"));
    one.write_layout(directory.path(), Some("1.0"));
    let files = read(&layout(directory.path(), None).unwrap()).unwrap();
    assert_eq!(texts(&files)["etc/os-release"], "one");

    two.write_layout(directory.path(), Some("2.0"));
    let error = layout(directory.path(), None).unwrap().resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("1.0, 2.0"), "{error}");
    for (selector, text) in [("2.0".to_owned(), "two"), (one.digest().to_string(), "one")] {
        let files = read(&layout(directory.path(), Some(&selector)).unwrap()).unwrap();
        assert_eq!(texts(&files)["etc/os-release"], text);
    }
    let error = layout(directory.path(), Some("3.0")).unwrap().resolve().unwrap_err();
    assert!(matches!(&error, Error::NoSuchImage { .. }) && error.kind() == Kind::NotFound, "{error}");
}

#[test]
fn the_image_of_one_platform_is_found_by_digest_below_its_index() {
    let directory = tempfile::tempdir().unwrap();
    let index = IndexBuilder::new().image(sample("amd")).image(sample("arm")).build();
    index.write_layout(directory.path(), None);
    let child = index.images[1].manifest.digest();
    let found = layout(directory.path(), Some(&child.to_string())).unwrap().resolve().unwrap();
    assert_eq!(found.digest, child);
}

#[test]
fn referrers_are_found_by_their_own_subject_and_do_not_count_as_images() {
    let directory = tempfile::tempdir().unwrap();
    let image = sample("one");
    image.write_layout(directory.path(), None);
    let signature = attachment(&image.top, "application/vnd.example", "text/plain", b"signature");
    signature.write_layout(directory.path(), None);
    let other = attachment(&signature.top, "application/vnd.example", "text/plain", b"about something else");
    other.write_layout(directory.path(), None);
    let layout = layout(directory.path(), None).unwrap();
    assert_eq!(layout.resolve().unwrap().digest, image.digest());
    let found = layout.referrers(&image.digest()).unwrap();
    assert_eq!(found.descriptors.iter().map(|d| d.digest).collect::<Vec<_>>(), [signature.digest()]);
    assert_eq!(found.descriptors[0].artifact_type.as_deref(), Some("application/vnd.example"));
    assert!(!found.truncated);
}

#[test]
fn r20_blobs_are_hashed_on_every_read() {
    let directory = tempfile::tempdir().unwrap();
    let image = sample("one");
    image.write_layout(directory.path(), None);
    let blob = |digest: plimsoll_core::Digest| directory.path().join("blobs/sha256").join(digest.hex());
    let layer = blob(image.image().layers[0].digest());
    let good = fs::read(&layer).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&layer, &bad).unwrap();
    let source = layout(directory.path(), None).unwrap();
    let error = read(&source).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    fs::write(&layer, &good[1..]).unwrap();
    assert!(matches!(read(&source), Err(Error::SizeMismatch { .. })));
    fs::remove_file(&layer).unwrap();
    assert_eq!(read(&source).unwrap_err().kind(), Kind::NotFound);
    fs::write(&layer, &good).unwrap();
    read(&source).unwrap();
    let config = blob(image.image().config.digest());
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("amd64", "arm64")).unwrap();
    assert!(matches!(read(&source), Err(Error::DigestMismatch { .. })));
}

#[test]
fn a_directory_that_is_no_layout_says_what_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let error = layout(directory.path(), None).unwrap_err();
    assert!(error.to_string().contains("oci-layout"), "{error}");
    fs::write(directory.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    fs::write(directory.path().join("index.json"), "{}").unwrap();
    assert!(matches!(layout(directory.path(), None), Err(Error::Malformed { .. })));
}

#[test]
fn archives_of_both_kinds_hold_the_same_image() {
    let directory = tempfile::tempdir().unwrap();
    let image = sample("one");
    let (oci, docker) = (directory.path().join("oci.tar"), directory.path().join("docker.tar"));
    image.write_oci_archive(&oci, Some("1.0"));
    image.write_docker_archive(&docker, Some("app:1.0"));
    for selector in [None, Some("1.0")] {
        let source = archive(&oci, selector).unwrap();
        assert_eq!((source.resolve().unwrap().digest, source.is_synthesised()), (image.digest(), false));
        assert_eq!(texts(&read(&source).unwrap())["etc/os-release"], "one");
    }
    let made_up = archive(&docker, None).unwrap().resolve().unwrap();
    for selector in ["app:1.0".to_owned(), "docker.io/library/app:1.0".to_owned(), made_up.digest.to_string()]
    {
        let source = archive(&docker, Some(&selector)).unwrap();
        assert_eq!((source.resolve().unwrap(), source.is_synthesised()), (made_up.clone(), true));
        assert_eq!(texts(&read(&source).unwrap()), texts(&read(&archive(&oci, None).unwrap()).unwrap()));
    }
    assert!(matches!(archive(&docker, Some("app:2.0")), Err(Error::NoSuchImage { .. })));
}

/// A `docker save` of old: layers under directories, shared ones as links, and configurations by image ID.
fn saved(change: impl FnOnce(Tar) -> Tar) -> Vec<u8> {
    let layer = Tar::default().file("a", "1").end();
    let diff_id = plimsoll_core::Digest::sha256(&layer);
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{diff_id}","{diff_id}"]}}}}"#
    );
    let name = format!("{}.json", plimsoll_core::Digest::sha256(config.as_bytes()).hex());
    let manifest =
        format!(r#"[{{"Config":"{name}","RepoTags":null,"Layers":["one/layer.tar","two/layer.tar"]}}]"#);
    let tar = Tar::default().file(&name, &config).with(b'0', "one/layer.tar", &layer, |_| {}).link(
        b'2',
        "two/layer.tar",
        "../one/layer.tar",
    );
    change(tar.file("manifest.json", &manifest)).end()
}

fn opened(bytes: &[u8]) -> Result<Archive, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    archive(file.path(), None)
}

#[test]
fn layers_that_are_links_to_other_members_are_followed_inside_the_archive() {
    assert_eq!(texts(&read(&opened(&saved(|tar| tar)).unwrap()).unwrap()).len(), 1);
    let outside = saved(|_| {
        let config = r#"{"rootfs":{"diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}"#;
        Tar::default()
            .file("c", config)
            .link(b'2', "l", "/../../../etc/passwd")
            .file("manifest.json", r#"[{"Config":"c","Layers":["l"]}]"#)
    });
    assert_eq!(opened(&outside).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn t14_archives_that_are_damaged_or_something_else_are_errors() {
    let good = saved(|tar| tar);
    assert!(matches!(opened(&good[..good.len() - 1600]), Err(Error::Tar { .. })));
    let mut gzip = vec![0x1f, 0x8b];
    gzip.extend_from_slice(&good);
    let error = opened(&gzip).unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("gzip -dk")), "{error}");
    for other in [
        &b"not an archive at all, but a text that is long enough to be one block of a tar. ".repeat(10)[..],
        b"",
    ] {
        assert!(matches!(opened(other), Err(Error::UnknownFormat { .. })));
    }
    assert!(matches!(opened(&saved(|tar| tar.file("manifest.json", "[]"))), Err(Error::Tar { .. })));
    assert!(matches!(opened(&saved(|tar| tar.file("../escape", ""))), Err(Error::Tar { .. })));
    let legacy = Tar::default().file("repositories", "{}").end();
    assert!(opened(&legacy).unwrap_err().to_string().contains("1.10"));
}

#[test]
fn t15_a_saved_image_has_to_match_its_configuration() {
    let mut bytes = saved(|tar| tar);
    // Within the layer's only file.
    let at = bytes.windows(5).rposition(|window| window == b"ustar").unwrap();
    let layer =
        bytes[..at].windows(512).position(|window| window[0] == b'a' && window[156] == b'0').unwrap() + 512;
    bytes[layer] = b'9';
    let error = read(&opened(&bytes).unwrap()).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }) && error.kind() == Kind::Denied, "{error}");
    let mut bytes = saved(|tar| tar);
    let at = bytes.windows(5).position(|window| window == b"amd64").unwrap();
    bytes[at..at + 5].copy_from_slice(b"arm64");
    assert!(matches!(opened(&bytes), Err(Error::DigestMismatch { .. })));
}

//! Layouts and archives on a disk that somebody else wrote to: rows R20 and T01 to T14 for the containers of
//! images.

use std::fs;
use std::path::Path;

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_image::archive::Archive;
use plimsoll_image::error::TarProblem;
use plimsoll_image::layout::Layout;
use plimsoll_image::{Descriptor, Error, Source, artifact, layers, media};
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
    let blob = |digest: Digest| directory.path().join("blobs/sha256").join(digest.hex());
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

/// The output of an old `docker save`: layers in directories, shared layers as links, and configurations by
/// image ID.
fn saved(change: impl FnOnce(Tar) -> Tar) -> Vec<u8> {
    let layer = Tar::default().file("a", "1").end();
    let diff_id = Digest::sha256(&layer);
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{diff_id}","{diff_id}"]}}}}"#
    );
    let name = format!("{}.json", Digest::sha256(config.as_bytes()).hex());
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
    assert!(matches!(opened(&outside), Err(Error::Malformed { .. })));
    // Readers of such archives only agree about a symbolic link from a layer directly to a member.
    let linked = |kind, name: &'static str, target: &'static str| {
        saved(|tar| {
            let document = r#"[{"Config":"c","Layers":[]}]"#;
            tar.file("c", "{}").file("real", document).link(b'2', "once", "real").link(kind, name, target)
        })
    };
    assert!(opened(&linked(b'2', "three/layer.tar", "../one/layer.tar")).is_ok());
    let index = opened(&linked(b'2', "index.json", "real")).unwrap_err();
    assert!(index.to_string().contains("`index.json` is a link"), "{index}");
    for (kind, target) in [(b'1', "layer"), (b'2', "once"), (b'2', "hard")] {
        let layers = Tar::default()
            .file("c", r#"{"rootfs":{"diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}"#)
            .file("layer", "")
            .link(b'2', "once", "layer")
            .link(b'1', "hard", "layer")
            .link(kind, "l", target)
            .file("manifest.json", r#"[{"Config":"c","Layers":["l"]}]"#);
        let error = opened(&layers.end()).unwrap_err();
        assert!(error.to_string().contains("`l` is a link"), "{target}: {error}");
    }
}

#[test]
fn members_that_a_disk_would_put_elsewhere_are_refused() {
    // On a disk, `d/c` would be written through the link and replace `e/c`.
    let through = saved(|tar| tar.link(b'2', "d", "e").file("e/c", "1").file("d/c", "2"));
    assert!(opened(&through).unwrap_err().to_string().contains("member `d` has members below it"));
    let between = saved(|tar| tar.file("d", "").file("d.x", "").file("d/c", "2"));
    assert!(opened(&between).unwrap_err().to_string().contains("member `d` has members below it"));
    let replaced = saved(|tar| tar.file("d", "").with(b'5', "d/", b"", |_| {}));
    assert!(matches!(opened(&replaced), Err(Error::Tar { problem: TarProblem::Duplicate(_), .. })));
    let folders =
        saved(|tar| tar.with(b'5', "d/", b"", |_| {}).with(b'5', "d/", b"", |_| {}).file("d/c", "2"));
    assert!(opened(&folders).is_ok());
}

/// An archive with one image in each format, and a name in both tables of contents.
struct Both {
    tar: Tar,
    index: Vec<String>,
    saved: Vec<String>,
}

impl Both {
    fn new() -> Self {
        Self { tar: Tar::default(), index: Vec::new(), saved: Vec::new() }
    }

    /// Adds the objects of an image that differs by `text`; returns its manifest and configuration.
    fn image(&mut self, text: &str) -> (Descriptor, Digest) {
        let layer = Tar::default().file("f", text).end();
        let layer_digest = Digest::sha256(&layer);
        let config = format!(
            r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{layer_digest}"]}}}}"#
        );
        let of = |media_type: &str, bytes: &[u8]| {
            let Descriptor { digest, size, .. } = Descriptor::for_bytes(media_type, bytes);
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
        };
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
            of(media::OCI_CONFIG, config.as_bytes()),
            of(media::OCI_LAYER, &layer)
        );
        let mut tar = std::mem::take(&mut self.tar);
        for bytes in [&layer[..], config.as_bytes(), manifest.as_bytes()] {
            tar = tar.with(b'0', &format!("blobs/sha256/{}", Digest::sha256(bytes).hex()), bytes, |_| {});
        }
        self.tar = tar;
        (Descriptor::for_bytes(media::OCI_MANIFEST, manifest.as_bytes()), Digest::sha256(config.as_bytes()))
    }

    fn index(mut self, image: &Descriptor, annotation: &str, name: &str) -> Self {
        let Descriptor { digest, size, media_type, .. } = image;
        self.index.push(format!(
            r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size},"annotations":{{"{annotation}":"{name}"}}}}"#
        ));
        self
    }

    fn saved(mut self, config: &Digest, name: &str) -> Self {
        self.saved.push(format!(
            r#"{{"Config":"blobs/sha256/{}","RepoTags":["{name}"],"Layers":["blobs/sha256/{}"]}}"#,
            config.hex(),
            "0".repeat(64)
        ));
        self
    }

    fn opened(self) -> Result<Archive, Error> {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, self.index.join(","));
        let saved = format!("[{}]", self.saved.join(","));
        let tar = self.tar.file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        opened(&tar.file("index.json", &index).file("manifest.json", &saved).end())
    }
}

const FULL: &str = "io.containerd.image.name";
const SHORT: &str = "org.opencontainers.image.ref.name";

#[test]
fn an_archive_whose_two_tables_of_contents_disagree_is_refused() {
    let prepared = || {
        let mut both = Both::new();
        let good = both.image("good");
        let evil = both.image("evil");
        (both, good, evil)
    };
    let (both, (image, config), _) = prepared();
    assert!(both.index(&image, FULL, "docker.io/library/app:1").saved(&config, "app:1").opened().is_ok());
    let refused = |both: Both| {
        let error = both.opened().unwrap_err();
        assert!(error.to_string().contains("manifest.json and index.json disagree"), "{error}");
    };
    // The other image is not in the index, or has another name there.
    let (both, (image, _), (_, evil)) = prepared();
    refused(both.index(&image, FULL, "docker.io/library/app:1").saved(&evil, "other:1"));
    for (key, name) in [(FULL, "docker.io/library/app:1"), (SHORT, "app:1"), (SHORT, "1")] {
        let (both, (image, _), (other, evil)) = prepared();
        refused(
            both.index(&image, key, name)
                .index(&other, FULL, "docker.io/library/other:1")
                .saved(&evil, "app:1"),
        );
    }
    // Two entries with the same name in the index.
    let (both, (image, config), (other, _)) = prepared();
    let name = "docker.io/library/app:1";
    refused(both.index(&image, FULL, name).index(&other, FULL, name).saved(&config, "app:1"));
}

#[test]
fn a_name_that_manifest_json_gives_twice_is_refused() {
    let (empty, layer) = (Digest::sha256(b""), "l");
    let config = |note: &str| format!(r#"{{"note":"{note}","rootfs":{{"diff_ids":["{empty}"]}}}}"#);
    let archive = |saved: &str| {
        let tar = Tar::default().file("a", &config("a")).file("b", &config("b")).file(layer, "");
        opened_as(&tar.file("manifest.json", saved).end(), "app:1")
    };
    let twice = |other: &str| {
        archive(&format!(
            r#"[{{"Config":"a","RepoTags":["app:1"],"Layers":["l"]}},{{"Config":"b","RepoTags":["{other}"],"Layers":["l"]}}]"#
        ))
    };
    for other in ["app:1", "docker.io/library/app:1"] {
        let error = twice(other).unwrap_err();
        assert!(error.to_string().contains("it names two images"), "{error}");
    }
    assert!(twice("app:2").is_ok());
}

fn opened_as(bytes: &[u8], selector: &str) -> Result<Archive, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    archive(file.path(), Some(selector))
}

#[test]
fn t14_archives_that_are_damaged_or_something_else_are_errors() {
    let good = saved(|tar| tar);
    assert!(matches!(opened(&good[..good.len() - 1600]), Err(Error::Tar { .. })));
    let mut gzip = vec![0x1f, 0x8b];
    gzip.extend_from_slice(&good);
    let error = opened(&gzip).unwrap_err();
    assert!(matches!(error, Error::Inflate { .. }), "{error}");
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

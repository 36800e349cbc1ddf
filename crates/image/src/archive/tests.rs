//! Archives of both formats, including hostile and damaged ones.

use std::fs;
use std::path::PathBuf;

use plimsoll_core::Classify;
use plimsoll_testkit::{Artifact, ImageBuilder, Layer};
use serde_json::json;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;
use crate::error::TarProblem;
use crate::{artifact, media};

fn artifact(content: &str) -> Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", content)).build()
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("image.tar")
    }

    fn open(&self, selector: Option<&str>) -> Result<Archive, Error> {
        Archive::open(&self.file(), selector, Limits::default())
    }

    fn write(&self, members: &[(&str, &[u8])]) {
        let mut tar = Builder::new(Vec::new());
        for (path, bytes) in members {
            append(&mut tar, path, bytes);
        }
        fs::write(self.file(), tar.into_inner().unwrap()).unwrap();
    }
}

fn append(tar: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, bytes).unwrap();
}

fn content(archive: &Archive, descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.blob(descriptor).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn an_oci_archive_is_read_like_a_layout() {
    let place = Place::new();
    let built = artifact("1");
    built.write_oci_archive(&place.file(), Some("app:1.0"));
    let archive = place.open(Some("1.0")).unwrap();
    let top = archive.resolve().unwrap();
    assert_eq!(top.digest, built.digest());
    let loaded = artifact::load(&archive, &top, &Limits::default()).unwrap();
    let layer = &loaded.images[0].layers[0].descriptor;
    assert_eq!(content(&archive, layer), built.image().layers[0].bytes);
    assert!(matches!(place.open(Some("2.0")).unwrap().resolve(), Err(Error::NoSuchImage { .. })));
}

#[test]
fn a_docker_archive_gets_the_same_manifest_each_time() {
    let place = Place::new();
    let built = artifact("1");
    built.write_docker_archive(&place.file(), Some("app:1.0"));
    let archive = place.open(Some("1.0")).unwrap();
    let top = archive.resolve().unwrap();
    assert_eq!(place.open(None).unwrap().resolve().unwrap(), top);
    assert_eq!(place.open(Some("docker.io/library/app:1.0")).unwrap().resolve().unwrap(), top);
    assert_eq!(place.open(Some(&top.digest.to_string())).unwrap().resolve().unwrap(), top);

    let loaded = artifact::load(&archive, &top, &Limits::default()).unwrap();
    let layer = &loaded.images[0].layers[0];
    assert_eq!(layer.descriptor.media_type, media::OCI_LAYER);
    assert_eq!(layer.descriptor.digest, layer.diff_id);
    assert_eq!(Digest::sha256(&content(&archive, &layer.descriptor)), layer.diff_id);
    assert_eq!(archive.referrers(&top.digest).unwrap(), Referrers::default());
}

#[test]
fn several_images_of_a_docker_archive_are_told_apart() {
    let place = Place::new();
    let saved = json!([
        {"Config": "a.json", "RepoTags": ["app:1", "app:latest"], "Layers": null},
        {"Config": "b.json", "RepoTags": ["app:2"], "Layers": []},
    ]);
    let config = br#"{"rootfs":{"diff_ids":[]}}"#;
    place.write(&[("manifest.json", saved.to_string().as_bytes()), ("a.json", b"{}"), ("b.json", config)]);
    let error = place.open(None).unwrap_err();
    assert!(matches!(&error, Error::SeveralImages { refs, .. } if refs == &["app:1 = app:latest", "app:2"]));
    let chosen = place.open(Some("2")).unwrap();
    assert_eq!(content(&chosen, &Descriptor::for_bytes(media::OCI_CONFIG, config)), config);
    assert!(matches!(place.open(Some("3")), Err(Error::NoSuchImage { .. })));
}

#[test]
fn a_layer_that_is_a_link_is_found_and_a_circle_ends() {
    let place = Place::new();
    let write = |target: &str| {
        let mut tar = Builder::new(Vec::new());
        append(&mut tar, "one/layer.tar", b"layer");
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "two/layer.tar", target).unwrap();
        let layer = Digest::sha256(b"layer");
        let config = json!({"rootfs": {"diff_ids": [layer, layer]}});
        append(&mut tar, "c.json", config.to_string().as_bytes());
        let saved = json!([{"Config": "c.json", "Layers": ["one/layer.tar", "two/layer.tar"]}]);
        append(&mut tar, "manifest.json", saved.to_string().as_bytes());
        fs::write(place.file(), tar.into_inner().unwrap()).unwrap();
    };
    write("../one/layer.tar");
    let archive = place.open(None).unwrap();
    assert_eq!(content(&archive, &Descriptor::for_bytes(media::OCI_LAYER, b"layer")), b"layer");
    // A circle, and a way out of the archive.
    for target in ["../two/layer.tar", "../../../../etc/hostname", "/one/layer.tar"] {
        write(target);
        let error = place.open(None).unwrap_err();
        assert!(
            error.to_string().contains("`two/layer.tar` is a link that readers follow differently"),
            "{error}"
        );
    }
}

#[test]
fn compressed_layers_of_a_docker_archive_are_named_as_such() {
    let place = Place::new();
    let saved = json!([{"Config": "c.json", "Layers": ["l.tar.gz"]}]);
    place.write(&[
        ("manifest.json", saved.to_string().as_bytes()),
        ("c.json", json!({"rootfs": {"diff_ids": [Digest::sha256(b"")]}}).to_string().as_bytes()),
        ("l.tar.gz", b"\x1f\x8b\x08\x00"),
    ]);
    let archive = place.open(None).unwrap();
    let manifest = archive.manifest(&archive.resolve().unwrap()).unwrap();
    assert!(String::from_utf8(manifest).unwrap().contains(media::OCI_LAYER_GZIP));
}

#[test]
fn a_configuration_that_is_not_what_its_name_says_is_refused() {
    let place = Place::new();
    let name = format!("{}.json", Digest::sha256(b"{}").hex());
    let saved = json!([{"Config": name, "Layers": []}]);
    place.write(&[("manifest.json", saved.to_string().as_bytes()), (&name, b"{\"forged\":1}")]);
    assert!(matches!(place.open(None), Err(Error::DigestMismatch { .. })));
}

#[test]
fn if_both_formats_are_present_oci_counts() {
    let place = Place::new();
    let built = artifact("1");
    built.write_oci_archive(&place.file(), Some("1.0"));
    let mut reader = tar::Archive::new(fs::File::open(place.file()).unwrap());
    let mut tar = Builder::new(Vec::new());
    for entry in reader.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        append(&mut tar, &path, &bytes);
    }
    append(&mut tar, "manifest.json", b"[]");
    fs::write(place.file(), tar.into_inner().unwrap()).unwrap();
    assert_eq!(place.open(None).unwrap().resolve().unwrap().digest, built.digest());
}

#[test]
fn two_members_of_one_name_are_refused() {
    let place = Place::new();
    place.write(&[("manifest.json", b"[]"), ("./manifest.json", b"[]")]);
    let error = place.open(None).unwrap_err();
    assert!(
        matches!(&error, Error::Tar { problem: TarProblem::Duplicate(name), .. } if name == "manifest.json")
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Three layers, of which the second is the largest; the upper ones replace what is below.
fn layered() -> Artifact {
    let big: String = (0..200_000_u64).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
    ImageBuilder::new()
        .layer(Layer::new().file("etc/os-release", "one").file("etc/a", "below"))
        .layer(Layer::new().file("big", &big))
        .layer(Layer::new().file("etc/a", "above"))
        .build()
}

#[test]
fn a_compressed_archive_is_read_like_the_plain_one() {
    for (write, compress) in [
        (Artifact::write_oci_archive as fn(&Artifact, &Path, Option<&str>), gzip as fn(&[u8]) -> Vec<u8>),
        (Artifact::write_oci_archive, zstd),
        (Artifact::write_docker_archive, gzip),
        (Artifact::write_docker_archive, zstd),
    ] {
        let place = Place::new();
        write(&layered(), &place.file(), Some("app:1.0"));
        let read = |archive: &Archive| {
            let top = archive.resolve().unwrap();
            let loaded = artifact::load(archive, &top, &Limits::default()).unwrap();
            let layers = loaded.images[0].layers.iter();
            // Backwards, so that the stream has to be asked for again.
            let blobs: Vec<Vec<u8>> = layers.rev().map(|layer| content(archive, &layer.descriptor)).collect();
            (top, blobs)
        };
        let plain = read(&place.open(Some("app:1.0")).unwrap());
        let bytes = fs::read(place.file()).unwrap();
        fs::write(place.file(), compress(&bytes)).unwrap();
        assert_eq!(read(&place.open(Some("app:1.0")).unwrap()), plain);
        assert!(matches!(
            place.open(Some("other:1")).and_then(|a| a.resolve()),
            Err(Error::NoSuchImage { .. })
        ));
    }
}

#[test]
fn a_compressed_archive_is_bounded_and_has_to_be_whole() {
    let place = Place::new();
    artifact("1").write_oci_archive(&place.file(), None);
    let plain = fs::read(place.file()).unwrap();
    for compress in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
        let whole = compress(&plain);
        // Cut off, damaged in the check sum or followed by something else, it was another archive.
        let cut = &whole[..whole.len() - 3];
        let followed = [&whole[..], b"more"].concat();
        for broken in [cut, &followed] {
            fs::write(place.file(), broken).unwrap();
            assert!(matches!(place.open(None), Err(Error::Inflate { .. })));
        }
        // What grows beyond the limits is a bomb, whether or not it begins like an archive.
        let mut limits = Limits::default();
        limits.unpacked_bytes = 8 * 1024;
        fs::write(place.file(), compress(&[&plain[..], &vec![0; 1 << 20]].concat())).unwrap();
        let error = Archive::open(&place.file(), None, limits.clone()).unwrap_err();
        assert!(
            matches!(&error, Error::Limit(limit) if limit.to_string().contains("unpacked_bytes")),
            "{error}"
        );
        (limits.unpacked_bytes, limits.ratio_floor_bytes, limits.ratio) = (1 << 30, 8 * 1024, 20);
        let error = Archive::open(&place.file(), None, limits).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.to_string().contains("ratio")), "{error}");
        // Compressed twice, or something else.
        for (other, problem) in [
            (compress(&whole), "it is not a tar"),
            (compress(b"{}"), "the archive is cut off"),
            (compress(b""), "it has neither `index.json`"),
        ] {
            fs::write(place.file(), other).unwrap();
            let error = place.open(None).unwrap_err();
            assert!(error.to_string().contains(problem), "{error:?}");
        }
        // Nobody waits for it.
        fs::write(place.file(), &whole).unwrap();
        let cancel = Cancel::never();
        cancel.cancel();
        let stopped = Archive::open_until(&place.file(), None, Limits::default(), &cancel);
        assert!(matches!(stopped, Err(Error::Stopped(_))), "{stopped:?}");
    }
}

#[test]
fn compressed_layers_of_a_compressed_archive_are_hashed_in_one_pass() {
    // Listed in the opposite order of the archive, each would otherwise cost a pass.
    let place = Place::new();
    let layers: Vec<Vec<u8>> = (0..20_u8).map(|n| gzip(&vec![n; 10_000])).collect();
    let diff_ids: Vec<String> =
        (0..20_u8).map(|n| Digest::sha256(&vec![n; 10_000]).to_string()).rev().collect();
    let names: Vec<String> = (0..20).map(|n| format!("{n}.tar.gz")).collect();
    let config = json!({"os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let listed: Vec<&String> = names.iter().rev().collect();
    let manifest = json!([{"Config": "config", "Layers": listed}]).to_string();
    let config = config.to_string();
    let mut members = vec![("manifest.json", manifest.as_bytes()), ("config", config.as_bytes())];
    members.extend(names.iter().zip(&layers).map(|(name, layer)| (name.as_str(), layer.as_slice())));
    place.write(&members);
    let plain = place.open(None).unwrap().resolve().unwrap();
    let bytes = fs::read(place.file()).unwrap();
    let passes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Counted { bytes: bytes.into(), passes: passes.clone() };
    let archive =
        Archive::streamed(Box::new(counted), "counted".to_owned(), None, Limits::default(), &Cancel::never())
            .unwrap();
    assert_eq!(archive.resolve().unwrap(), plain);
    assert_eq!(passes.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[derive(Debug)]
struct Counted {
    bytes: std::sync::Arc<[u8]>,
    passes: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl ArchiveStream for Counted {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        self.passes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Box::new(std::io::Cursor::new(std::sync::Arc::clone(&self.bytes))))
    }
}

/// A stream whose reader goes away when it is opened for the second time.
#[derive(Debug)]
struct LeftAlone {
    bytes: std::sync::Arc<[u8]>,
    passes: std::sync::atomic::AtomicUsize,
    cancel: Cancel,
}

impl ArchiveStream for LeftAlone {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        if self.passes.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            self.cancel.cancel();
        }
        Ok(Box::new(std::io::Cursor::new(std::sync::Arc::clone(&self.bytes))))
    }
}

/// An archive of Docker's with compressed layers, which are hashed when it is opened.
fn with_compressed_layers(place: &Place) -> std::sync::Arc<[u8]> {
    let (layer, content) = (gzip(&vec![1; 10_000]), vec![1; 10_000]);
    let config = json!({"os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&content)]}})
    .to_string();
    let manifest = json!([{"Config": "config", "Layers": ["layer"]}]).to_string();
    place.write(&[
        ("manifest.json", manifest.as_bytes()),
        ("config", config.as_bytes()),
        ("layer", layer.as_slice()),
    ]);
    fs::read(place.file()).unwrap().into()
}

#[test]
fn opening_stops_in_the_middle_when_nobody_waits() {
    let place = Place::new();
    let bytes = with_compressed_layers(&place);
    // While the table of contents is read, of a file that is not compressed.
    let past = Cancel::never().until(std::time::Instant::now());
    let stopped = Archive::open_until(&place.file(), None, Limits::default(), &past);
    assert!(matches!(stopped, Err(Error::Stopped(plimsoll_core::Stopped::DeadlinePassed))), "{stopped:?}");
    // Afterwards, while the layers are hashed.
    let cancel = Cancel::never();
    let passes = std::sync::atomic::AtomicUsize::new(0);
    let stream = LeftAlone { bytes, passes, cancel: cancel.clone() };
    let stopped = Archive::streamed(Box::new(stream), "stream".to_owned(), None, Limits::default(), &cancel);
    assert!(matches!(stopped, Err(Error::Stopped(_))), "{stopped:?}");
    // And while an archive that was opened is read.
    let cancel = Cancel::never();
    let opened = Archive::open_until(&place.file(), None, Limits::default(), &cancel).unwrap();
    let top = opened.resolve().unwrap();
    let manifest = artifact::load(&opened, &top, &Limits::default()).unwrap();
    cancel.cancel();
    let mut stream = opened.blob(&manifest.images[0].layers[0].descriptor).unwrap();
    let error = Error::io("layer", stream.read_to_end(&mut Vec::new()).unwrap_err());
    assert!(matches!(error, Error::Stopped(_)), "{error}");
}

#[test]
fn the_names_of_the_members_are_bounded_together() {
    let place = Place::new();
    artifact("1").write_docker_archive(&place.file(), None);
    let mut tar = Builder::new(Vec::new());
    for number in 0..200 {
        append(&mut tar, &format!("{number}-{}", "n".repeat(80)), b"");
    }
    let many = tar.into_inner().unwrap();
    let mut limits = Limits::default();
    limits.name_bytes = 20_000;
    assert!(Archive::open(&place.file(), None, limits.clone()).is_ok());
    for bytes in [many.clone(), gzip(&many)] {
        fs::write(place.file(), bytes).unwrap();
        let error = Archive::open(&place.file(), None, limits.clone()).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "name_bytes"), "{error}");
    }
}

#[test]
fn a_stream_is_not_gone_through_again_for_what_cannot_be_a_document() {
    let place = Place::new();
    let entries: Vec<_> = (0..50).rev().map(|n| json!({"Config": format!("{n}"), "Layers": []})).collect();
    let manifest = json!(entries).to_string();
    let names: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let mut members = vec![("manifest.json", manifest.as_bytes())];
    members.extend(names.iter().map(|name| (name.as_str(), &b"no document"[..])));
    place.write(&members);
    let passes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Counted { bytes: fs::read(place.file()).unwrap().into(), passes: passes.clone() };
    let selector = Digest::sha256(b"none of them").to_string();
    let error = Archive::streamed(
        Box::new(counted),
        "counted".to_owned(),
        Some(&selector),
        Limits::default(),
        &Cancel::never(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("does not begin like a JSON document"), "{error}");
    assert_eq!(passes.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn an_archive_in_another_compression_is_named_with_the_way_out() {
    let place = Place::new();
    for (magic, tool) in [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY", "bzip2")] {
        fs::write(place.file(), magic).unwrap();
        let error = place.open(None).unwrap_err();
        assert!(matches!(&error, Error::CompressedArchive { compression, .. } if *compression == tool));
        assert!(error.hint().unwrap().contains(tool));
    }
}

#[test]
fn a_truncated_file_or_another_format_is_refused() {
    let place = Place::new();
    let built = artifact("1");
    built.write_docker_archive(&place.file(), None);
    let whole = fs::read(place.file()).unwrap();
    fs::write(place.file(), &whole[..700]).unwrap();
    assert!(matches!(place.open(None), Err(Error::Tar { problem: TarProblem::Truncated, .. })));
    fs::write(place.file(), b"").unwrap();
    assert!(matches!(place.open(None), Err(Error::UnknownFormat { .. })));
    assert!(matches!(
        Archive::open(place.0.path(), None, Limits::default()),
        Err(Error::UnknownFormat { .. })
    ));
}

#[test]
fn bytes_that_were_changed_in_an_oci_archive_are_noticed() {
    let place = Place::new();
    let built = artifact("1");
    built.write_oci_archive(&place.file(), Some("1.0"));
    let mut bytes = fs::read(place.file()).unwrap();
    let at = bytes.windows(built.top.bytes.len()).position(|window| window == built.top.bytes).unwrap();
    bytes[at + 1] ^= 1;
    fs::write(place.file(), bytes).unwrap();
    let archive = place.open(Some("1.0")).unwrap();
    assert!(matches!(archive.manifest(&archive.resolve().unwrap()), Err(Error::DigestMismatch { .. })));
}

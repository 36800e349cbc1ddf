//! Valid tables of contents, and tables that differ from their tar.

use std::io::{Read, Write as _};

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Classify as _, Kind};
use plimsoll_testkit::WholeFiles;
use serde_json::{Value, json};

use super::*;
use crate::{Referrers, Source, artifact, media};

/// An image of one layer, with these annotations of the layer in its manifest.
struct OneLayer {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl OneLayer {
    fn new(tar: &[u8], layer: Vec<u8>, media_type: &str, annotations: Value) -> Self {
        let config = json!({"os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(tar).to_string()]}});
        let config = config.to_string().into_bytes();
        let mut descriptor = serde_json::to_value(Descriptor::for_bytes(media_type, &layer)).unwrap();
        descriptor["annotations"] = annotations;
        let manifest = json!({"schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
            "config": Descriptor::for_bytes(media::OCI_CONFIG, &config), "layers": [descriptor]});
        Self { manifest: manifest.to_string().into_bytes(), config, layer }
    }

    fn read(&self) -> Result<FileSet, Error> {
        const WANTS: WholeFiles = WholeFiles { rule: |path| path.ends_with("METADATA"), fixed: &[] };
        let limits = Limits::default();
        let artifact = artifact::load(self, &self.resolve()?, &limits)?;
        crate::layers::read(self, &artifact.images[0], &WANTS, &limits, &())
    }
}

impl Source for OneLayer {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(Descriptor::for_bytes(media::OCI_MANIFEST, &self.manifest))
    }

    fn manifest(&self, _: &Descriptor) -> Result<Vec<u8>, Error> {
        Ok(self.manifest.clone())
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let is_config = descriptor.digest == Digest::sha256(&self.config);
        Ok(Box::new(io::Cursor::new(if is_config { self.config.clone() } else { self.layer.clone() })))
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}

const PATH: &str = "usr/lib/x-1.0.dist-info/METADATA";
const CONTENT: &[u8] = b"Name: x\nVersion: 1.0\n";

fn file(tar: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, content).unwrap();
}

/// The entries of the tar: a folder, a file, a large file, two links.
fn tar(table: Option<&[u8]>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Directory);
    tar.append_data(&mut header, "usr/", &[][..]).unwrap();
    file(&mut tar, PATH, CONTENT);
    file(&mut tar, "big", &[7; 1000]);
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        tar.append_link(&mut header, if kind.is_symlink() { "soft" } else { "hard" }, PATH).unwrap();
    }
    file(&mut tar, "empty", b"");
    if let Some(table) = table {
        file(&mut tar, "stargz.index.json", table);
    }
    tar.into_inner().unwrap()
}

/// The table that belongs to it.
fn table() -> Value {
    let digest = |bytes: &[u8]| Digest::sha256(bytes).to_string();
    json!({"version": 1, "entries": [
        {"name": "usr/", "type": "dir", "mode": 0o755},
        {"name": PATH, "type": "reg", "mode": 0o100_644, "size": CONTENT.len(), "offset": 100,
            "digest": digest(CONTENT), "chunkDigest": digest(CONTENT)},
        {"name": "big", "type": "reg", "mode": 0o644, "size": 1000, "offset": 200, "digest": digest(&[7; 1000]),
            "chunkSize": 600, "chunkDigest": digest(&[7; 600])},
        {"name": "big", "type": "chunk", "offset": 300, "chunkOffset": 600, "chunkDigest": digest(&[7; 400])},
        {"name": "soft", "type": "symlink", "linkName": PATH},
        {"name": "hard", "type": "hardlink", "linkName": PATH},
        {"name": "empty", "type": "reg", "mode": 0o644},
    ]})
}

fn stargz(table: &Value) -> OneLayer {
    let table = table.to_string().into_bytes();
    let digest = Digest::sha256(&table).to_string();
    with_table(&table, json!({"containerd.io/snapshot/stargz/toc.digest": digest}))
}

fn with_table(table: &[u8], annotations: Value) -> OneLayer {
    let tar = tar(Some(table));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    OneLayer::new(&tar, gzip.finish().unwrap(), media::OCI_LAYER_GZIP, annotations)
}

/// A frame that decoders skip.
fn skipped(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18], length.as_slice(), content].concat()
}

fn zstd_chunked(table: &Value, prefix: &str) -> OneLayer {
    let table = table.to_string().into_bytes();
    let tar = tar(None);
    let mut layer = zstd::encode_all(tar.as_slice(), 3).unwrap();
    let packed = zstd::encode_all(table.as_slice(), 3).unwrap();
    let position = format!("{}:{}:{}:1", layer.len() + 8, packed.len(), table.len());
    layer.extend(skipped(&packed));
    layer.extend(skipped(b"the footer"));
    let annotations = json!({
        format!("{prefix}.zstd-chunked.manifest-checksum"): Digest::sha256(&packed).to_string(),
        format!("{prefix}.zstd-chunked.manifest-position"): position,
    });
    OneLayer::new(&tar, layer, media::OCI_LAYER_ZSTD, annotations)
}

#[test]
fn a_table_that_agrees_with_the_tar_changes_nothing() {
    for image in [
        stargz(&table()),
        zstd_chunked(&table(), "io.github.containers"),
        zstd_chunked(&table(), "io.containers"),
        with_table(b"anything", json!({"org.example": "no table is announced"})),
    ] {
        let files = image.read().unwrap();
        assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [PATH]);
    }
}

/// Changes a table. It gets a digest of other content.
type Change = fn(&mut Value, &str);

#[test]
fn a_table_that_shows_another_image_is_refused() {
    let other = Digest::sha256(b"Name: x\nVersion: 2.0\n").to_string();
    let changes: [(&str, Change); 17] = [
        ("another content", |table, other| table["entries"][1]["digest"] = json!(other)),
        ("another content", |table, other| table["entries"][1]["chunkDigest"] = json!(other)),
        ("another content", |table, other| table["entries"][3]["chunkDigest"] = json!(other)),
        ("another content", |table, _| {
            let row = table["entries"][1].as_object_mut().unwrap();
            row.retain(|name, _| !name.to_lowercase().ends_with("digest"));
        }),
        ("another content", |table, _| {
            table["entries"][1]["chunkType"] = json!("zeros");
        }),
        ("another size", |table, _| table["entries"][1]["size"] = json!(5)),
        ("another mode", |table, _| table["entries"][1]["mode"] = json!(0o755)),
        ("another name", |table, _| table["entries"][1]["name"] = json!("elsewhere")),
        ("another type", |table, _| table["entries"][6]["type"] = json!("fifo")),
        ("another target", |table, _| table["entries"][4]["linkName"] = json!("/etc/shadow")),
        ("another target", |table, _| table["entries"][5]["linkName"] = json!("big")),
        ("overlay", |table, _| {
            table["entries"][0]["xattrs"] = json!({"trusted.overlay.opaque": "eQ=="});
        }),
        ("does not list", |table, _| drop(table["entries"].as_array_mut().unwrap().pop())),
        ("not in the tar", |table, _| {
            table["entries"].as_array_mut().unwrap().push(json!({"name": ".wh.usr", "type": "reg"}));
        }),
        ("gaps or overlaps", |table, _| table["entries"][3]["chunkOffset"] = json!(500)),
        ("only a part", |table, _| drop(table["entries"].as_array_mut().unwrap().remove(3))),
        ("unknown version", |table, _| table["Entries"] = json!([])),
    ];
    for (problem, change) in changes {
        let mut table = table();
        change(&mut table, &other);
        for image in [stargz(&table), zstd_chunked(&table, "io.github.containers")] {
            let error = image.read().unwrap_err();
            assert!(error.to_string().contains(problem), "{problem}: {error}");
            assert_eq!(error.kind(), Kind::Failed);
        }
    }
    // Go treats a name in another case as the same, and uses the last of two.
    let mut lookalike = table();
    lookalike["entries"][1]["Digest"] = json!(other);
    let error = stargz(&lookalike).read().unwrap_err();
    assert!(error.to_string().contains("`Digest` differs from a known one only in case"), "{error}");
}

#[test]
fn an_announced_table_must_exist() {
    let stargz = |digest: &str| json!({"containerd.io/snapshot/stargz/toc.digest": digest});
    let own = table().to_string().into_bytes();
    let digest = Digest::sha256(b"hidden in another file").to_string();
    for (image, problem) in [
        (with_table(&own, stargz(&digest)), "another digest"),
        (with_table(&own, stargz("x")), "invalid digest"),
        (OneLayer::new(&tar(None), tar(None), media::OCI_LAYER, stargz(&digest)), "but missing"),
    ] {
        let error = image.read().unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
    let checksum = "io.github.containers.zstd-chunked.manifest-checksum";
    let place = "io.github.containers.zstd-chunked.manifest-position";
    for (position, problem) in [
        ("", "invalid position"),
        ("1:2", "invalid position"),
        ("0:10:10:2", "invalid position"),
        ("-1:2:3:1", "invalid position"),
        ("18446744073709551615:2:3:1", "outside the layer"),
        ("0:99999:10:1", "outside the layer"),
    ] {
        let layer = zstd::encode_all(tar(None).as_slice(), 3).unwrap();
        let annotations = json!({checksum: digest.as_str(), place: position});
        let error = OneLayer::new(&tar(None), layer, media::OCI_LAYER_ZSTD, annotations).read().unwrap_err();
        assert!(error.to_string().contains(problem), "{position}: {error}");
    }
    let layer = zstd::encode_all(tar(None).as_slice(), 3).unwrap();
    let bomb = json!({checksum: digest.as_str(), place: "0:10:99999999999:1"});
    let error = OneLayer::new(&tar(None), layer.clone(), media::OCI_LAYER_ZSTD, bomb).read().unwrap_err();
    assert!(
        matches!(&error, Error::Limit(limit) if limit.to_string().contains("kept_file_bytes")),
        "{error}"
    );
    let half = json!({checksum: digest.as_str()});
    let error = OneLayer::new(&tar(None), layer, media::OCI_LAYER_ZSTD, half).read().unwrap_err();
    assert!(error.to_string().contains("without its place"), "{error}");
}

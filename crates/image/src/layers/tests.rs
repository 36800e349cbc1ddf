//! Squashing, links and hostile layers, over images in memory.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use plimsoll_core::rootfs::{Attributes, Fact, FileFacts, FileSet, FoundFile, Need, Purpose, Select};
use plimsoll_core::{Digest, Kind, Limits};
use plimsoll_testkit::{Artifact, Compression, ImageBuilder, Layer, WholeFiles};

use plimsoll_core::Classify as _;

use super::{Shared, cache};
use crate::{Descriptor, Error, Referrers, Source, artifact};

/// Objects by digest.
struct Memory(BTreeMap<Digest, Vec<u8>>, Descriptor);

impl Memory {
    fn new(artifact: &Artifact) -> Self {
        let mut objects: BTreeMap<Digest, Vec<u8>> =
            artifact.parts.iter().map(|object| (object.digest(), object.bytes.clone())).collect();
        objects.insert(artifact.top.digest(), artifact.top.bytes.clone());
        let top = Descriptor::new(artifact.media_type(), artifact.digest(), artifact.size());
        Self(objects, top)
    }
}

impl Source for Memory {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.1.clone())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let bytes = self.0[&descriptor.digest].clone();
        descriptor.check(&bytes, "manifest")?;
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(std::io::Cursor::new(self.0[&descriptor.digest].clone())))
    }

    fn is_fetched_by_digest(&self) -> bool {
        true
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}

/// Wants `etc/id` and `var/db/status` wherever links put them, and every file called `META`.
const WANTS: WholeFiles = WholeFiles {
    rule: |path| path == "META" || path.ends_with("/META"),
    fixed: &["etc/id", "var/db/status"],
};

fn read_with(source: &Memory, limits: &Limits) -> Result<FileSet, Error> {
    let artifact = artifact::load(source, &source.1, limits)?;
    let image = &artifact.images[0];
    let fresh = super::read(source, image, &WANTS, limits, &());
    // What a cache keeps, and what it then gives, is the same.
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let shared = Shared::new(&WANTS, limits.clone()).cached(Some(cache::tests::cache(folder.path())));
        let cached = shared.read(source, image, &());
        match (&fresh, &cached) {
            (Ok(fresh), Ok(cached)) => assert_eq!(cached, fresh),
            // Layers are read at the same time: which of their files is one too many is chance.
            (Err(Error::Limit(fresh)), Err(Error::Limit(cached))) => {
                assert_eq!((cached.name, cached.limit), (fresh.name, fresh.limit));
            }
            (fresh, cached) => assert_eq!(format!("{cached:?}"), format!("{fresh:?}")),
        }
    }
    fresh
}

fn read(layers: impl IntoIterator<Item = Layer>) -> Result<FileSet, Error> {
    let image = layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build();
    read_with(&Memory::new(&image), &Limits::default())
}

/// The found files, as `path=content@layer`.
fn found(layers: impl IntoIterator<Item = Layer>) -> Vec<String> {
    let files = read(layers).unwrap();
    let line = |file: &FoundFile| {
        let real = if file.real_path == file.path { String::new() } else { format!("→{}", file.real_path) };
        format!(
            "{}{real}={}@{}",
            file.path,
            String::from_utf8_lossy(WholeFiles::content(file)),
            file.layer.unwrap()
        )
    };
    files.iter().map(line).collect()
}

fn layer() -> Layer {
    Layer::new()
}

#[test]
fn upper_layers_replace_and_remove() {
    assert_eq!(
        found([layer().file("a/META", "1").file("b/META", "1"), layer().file("./a//META", "2")]),
        ["a/META=2@1", "b/META=1@0"]
    );
    assert_eq!(found([layer().file("a/META", "1"), layer().whiteout("a/META")]), Vec::<String>::new());
    assert_eq!(found([layer().file("a/b/META", "1"), layer().whiteout("a")]), Vec::<String>::new());
    assert_eq!(found([layer().file("a/META", "1"), layer().directory("a")]), ["a/META=1@0"]);
    assert_eq!(found([layer().file("a/META", "1"), layer().directory("a/META")]), Vec::<String>::new());
    assert_eq!(found([layer().file("a/META", "1"), layer().file("a", "now a file")]), Vec::<String>::new());
    assert_eq!(
        found([layer().file("META", "1"), layer().whiteout("META"), layer().file("META", "3")]),
        ["META=3@2"]
    );
}

#[test]
fn t07_whiteouts_hide_lower_layers_only() {
    let replaced = |upper: Layer| found([layer().file("d/META", "old").file("d/e/META", "old"), upper]);
    assert_eq!(replaced(layer().opaque("d").file("d/META", "new")), ["d/META=new@1"]);
    assert_eq!(replaced(layer().file("d/META", "new").opaque("d")), ["d/META=new@1"]);
    assert_eq!(
        replaced(layer().whiteout("d/META").file("d/META", "new")),
        ["d/META=new@1", "d/e/META=old@0"]
    );
    // Overlay file systems ignore the marker in a layer's root.
    assert_eq!(replaced(layer().file(".wh..wh..opq", "")), ["d/META=old@0", "d/e/META=old@0"]);
    for name in [".wh.", "d/.wh..", "d/.wh..."] {
        assert!(matches!(read([layer().file(name, "")]), Err(Error::Tar { .. })), "{name}");
    }
}

#[test]
fn t01_names_that_leave_the_root_are_refused() {
    for name in ["../META", "a/../../META", "..", "/../META"] {
        assert!(matches!(read([layer().file(name, "x")]), Err(Error::Tar { .. })), "{name}");
    }
    assert_eq!(found([layer().file("/etc/id", "absolute")]), ["etc/id=absolute@0"]);
}

#[test]
fn t02_links_are_followed_inside_the_image_only() {
    for target in ["/real/place", "../real/place", "../../../../real/place", "/../real/./place"] {
        let found = found([layer().symlink("etc/id", target).file("real/place", "x")]);
        assert_eq!(found, ["etc/id→real/place=x@0"], "{target}");
    }
    assert_eq!(found([layer().symlink("etc/id", "/etc/passwd")]), Vec::<String>::new());
    let circle = layer().symlink("etc/id", "/etc/other").symlink("etc/other", "id");
    assert_eq!(found([circle]), Vec::<String>::new());
}

#[test]
fn t08_directories_that_became_links_lead_to_where_they_point() {
    let moved = [
        layer().file("var/db/status", "old"),
        layer().whiteout("var/db").symlink("var/db", "/opt/db").file("opt/db/status", "new"),
    ];
    assert_eq!(found(moved), ["var/db/status→opt/db/status=new@1"]);
    let hidden = [layer().file("x/META", "old"), layer().symlink("x", "elsewhere")];
    assert_eq!(found(hidden), Vec::<String>::new());
    let through = [layer().symlink("var", "data"), layer().file("var/db/status", "written through the link")];
    assert_eq!(found(through), ["var/db/status=written through the link@1"]);
}

#[test]
fn chains_of_links_need_further_passes_and_get_them() {
    let chain = layer()
        .symlink("var/db", "/one")
        .symlink("one", "two/db")
        .symlink("two", "/three")
        .file("three/db/status", "found at last");
    assert_eq!(
        found([layer(), chain, layer().file("unrelated", "x")]),
        ["var/db/status→three/db/status=found at last@1"]
    );
}

#[test]
fn t03_hard_links_share_content_and_never_leave() {
    assert_eq!(found([layer().file("blob", "x").hardlink("a/META", "blob")]), ["a/META=x@0"]);
    assert_eq!(found([layer().file("blob", "x"), layer().hardlink("a/META", "/blob")]), ["a/META=x@1"]);
    assert_eq!(found([layer().hardlink("a/META", "../../../etc/passwd")]), Vec::<String>::new());
    // A file after the link is another file, as in a runtime that unpacks one entry after the other.
    let late = || layer().hardlink("a/META", "blob").file("blob", "new");
    assert_eq!(found([layer().file("blob", "old"), late()]), ["a/META=old@1"]);
    assert_eq!(found([late()]), ["a/META=new@0"]);
}

#[test]
fn compressions_give_the_same_files() {
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Plain] {
        assert_eq!(found([layer().file("META", "x").compression(compression)]), ["META=x@0"]);
    }
}

#[test]
fn large_files_are_reported_not_kept() {
    let files = read([layer().file("a/META", vec![b'x'; (8 << 20) + 1])]).unwrap();
    assert_eq!((files.files.len(), WholeFiles::oversized(&files)), (0, vec![("a/META", (8 << 20) + 1)]));
}

fn damaged(change: impl Fn(&mut Memory, Digest)) -> Error {
    let image = ImageBuilder::new()
        .layer(layer().file("META", "x"))
        .layer(layer().file("big", vec![7; 300_000]))
        .build();
    let mut source = Memory::new(&image);
    change(&mut source, image.image().layers[1].digest());
    read_with(&source, &Limits::default()).unwrap_err()
}

#[test]
fn t15_digest_size_and_diff_id_decide() {
    let flipped = damaged(|source, layer| *source.0.get_mut(&layer).unwrap().last_mut().unwrap() ^= 1);
    assert!(matches!(flipped, Error::DigestMismatch { .. }), "{flipped}");
    let in_the_middle = damaged(|source, layer| source.0.get_mut(&layer).unwrap()[40] ^= 0xff);
    assert!(matches!(in_the_middle, Error::DigestMismatch { .. }), "{in_the_middle}");
    let longer = damaged(|source, layer| source.0.get_mut(&layer).unwrap().extend([0; 10]));
    assert!(matches!(longer, Error::SizeMismatch { .. }), "{longer}");
    let shorter = damaged(|source, layer| source.0.get_mut(&layer).unwrap().truncate(100));
    assert!(matches!(shorter, Error::SizeMismatch { got: 100, .. }), "{shorter}");
    assert_eq!(shorter.kind(), Kind::Denied);

    let other = Digest::sha256(b"other");
    let image = ImageBuilder::new().layer(layer().file("META", "x")).forged_diff_id(0, other).build();
    let error = read_with(&Memory::new(&image), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::DiffIdMismatch { expected, .. } if expected == other), "{error}");
}

#[test]
fn t09_bombs_hit_a_limit_that_is_named() {
    let image = ImageBuilder::new().layer(layer().file("zeros", vec![0; 4 << 20])).build();
    let source = Memory::new(&image);
    let mut limits = Limits::default();
    (limits.ratio, limits.ratio_floor_bytes) = (50, 1 << 20);
    let error = read_with(&source, &limits).unwrap_err();
    assert!(error.to_string().contains("exceeds the limit ratio = 50"), "{error}");
    limits = Limits::default();
    limits.unpacked_bytes = 1 << 20;
    assert!(read_with(&source, &limits).unwrap_err().to_string().contains("unpacked_bytes"));
    limits = Limits::default();
    limits.kept_total_bytes = 10;
    let image = ImageBuilder::new()
        .layer(layer().file("META", "12345678"))
        .layer(layer().file("a/META", "123"))
        .build();
    assert!(read_with(&Memory::new(&image), &limits).unwrap_err().to_string().contains("kept_total_bytes"));
}

/// Wants `var/db/status`, and what was there before.
struct WithEarlier;

impl Select for WithEarlier {
    fn want(&self, path: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        WANTS.want(path, attributes)
    }

    fn keeps_earlier(&self, _: Purpose) -> bool {
        true
    }

    fn need(&self, purpose: Purpose) -> Need {
        WANTS.need(purpose)
    }

    fn extract(&self, of: Purpose, at: Attributes, content: &[u8], limits: &Limits) -> Option<Arc<dyn Fact>> {
        WANTS.extract(of, at, content, limits)
    }

    fn fixed_paths(&self) -> &[&'static str] {
        WANTS.fixed_paths()
    }
}

/// What was at `var/db/status` before, as `content@layer`.
fn earlier(layers: impl IntoIterator<Item = Layer>, limits: &Limits) -> Result<Vec<String>, Error> {
    let image = layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build();
    let source = Memory::new(&image);
    let artifact = artifact::load(&source, &source.1, limits)?;
    let files = super::read(&source, &artifact.images[0], &WithEarlier, limits, &())?;
    let Some(file) = files.get("var/db/status") else { return Ok(Vec::new()) };
    let content = |facts: &FileFacts| String::from_utf8(facts.fact::<Vec<u8>>(Purpose(0)).unwrap().clone());
    Ok(file.earlier.iter().map(|it| format!("{}@{}", content(&it.facts).unwrap(), it.layer)).collect())
}

#[test]
fn earlier_versions_of_a_database_are_kept_while_it_existed_without_a_break() {
    let status = |content: &str| layer().file("var/db/status", content);
    let earlier = |layers: Vec<Layer>| earlier(layers, &Limits::default()).unwrap();
    assert_eq!(earlier(vec![status("1")]), [""; 0]);
    let other = || layer().file("etc/id", "x");
    assert_eq!(earlier(vec![status("1"), other(), status("2"), status("3")]), ["2@2", "1@0"]);
    assert_eq!(earlier(vec![status("1"), layer().whiteout("var/db/status"), status("3")]), [""; 0]);
    assert_eq!(earlier(vec![status("1"), layer().whiteout("var/db"), status("3"), status("4")]), ["3@2"]);
    assert_eq!(earlier(vec![status("1"), layer().whiteout("var/.wh..opq"), status("3")]), [""; 0]);
    let link = layer().symlink("var/db/status", "/etc/id");
    assert_eq!(earlier(vec![status("1"), link, status("3")]), [""; 0]);
    // Where a link leads counts.
    let moved = layer().symlink("var/db/status", "../../usr/META").file("usr/META", "1");
    assert_eq!(earlier(vec![moved, layer().file("usr/META", "2")]), ["1@0"]);
}

/// One layer, many times.
#[test]
fn a12_what_was_before_is_gone_through_within_the_limit_for_wanted_files() {
    let content = "x".repeat(8 << 10);
    let layers = || (0..100).map(|_| layer().file("var/db/status", &content));
    assert_eq!(earlier(layers(), &Limits::default()).unwrap().len(), 99);
    let mut limits = Limits::default();
    limits.kept_total_bytes = 75 * (8 << 10);
    assert!(earlier(layers(), &limits).unwrap_err().to_string().contains("kept_total_bytes"));
}

#[test]
fn t14_tars_that_are_cut_off_are_errors() {
    let mut tar = vec![b'x'; 700];
    assert!(matches!(read([Layer::from_tar(tar.clone())]), Err(Error::Tar { .. })));
    tar.clear();
    assert_eq!(found([Layer::from_tar(tar)]), Vec::<String>::new());
}

/// Wants regular files by their mode, regardless of their names.
struct ByMode;

impl Select for ByMode {
    fn want(&self, _: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        let fits = attributes.is_some_and(|attributes| attributes.mode == 0o644 && attributes.size > 0);
        if fits { vec![Purpose(0)] } else { Vec::new() }
    }

    fn need(&self, _: Purpose) -> Need {
        Need::Head { bytes: 4 }
    }

    fn extract(&self, _: Purpose, _: Attributes, content: &[u8], _: &Limits) -> Option<Arc<dyn Fact>> {
        Some(Arc::new(content.to_vec()))
    }

    fn fixed_paths(&self) -> &[&'static str] {
        &[]
    }
}

#[test]
fn a_file_selected_by_its_mode_is_found_under_every_hard_link() {
    let heads = |layers: Vec<Layer>| {
        let image = layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build();
        let source = Memory::new(&image);
        let artifact = artifact::load(&source, &source.1, &Limits::default()).unwrap();
        let files = super::read(&source, &artifact.images[0], &ByMode, &Limits::default(), &()).unwrap();
        let head =
            |file: &FoundFile| String::from_utf8(file.fact::<Vec<u8>>(Purpose(0)).unwrap().clone()).unwrap();
        files.iter().map(|file| format!("{}={}", file.path, head(file))).collect::<Vec<_>>()
    };
    let linked = || layer().file("bin/a", "program").hardlink("bin/b", "bin/a").symlink("bin/c", "a");
    assert_eq!(heads(vec![linked()]), ["bin/a=prog", "bin/b=prog"]);
    assert_eq!(heads(vec![linked(), layer().whiteout("bin/a")]), ["bin/b=prog"]);
    let below = vec![layer().file("bin/a", "program"), layer().hardlink("bin/b", "bin/a").whiteout("bin/a")];
    assert_eq!(heads(below), ["bin/b=prog"]);
}

#[test]
fn a_file_written_through_a_link_of_a_lower_layer_is_disputed() {
    let lower = || {
        let layer = Layer::new().file("usr/lib/a/META", "lower").file("var/db/status", "s");
        layer.symlink("lib", "usr/lib").symlink("opt", "usr")
    };
    let unreadable = |upper: Layer| -> Vec<String> {
        let files = read([lower(), upper]).unwrap();
        let unreadable = WholeFiles::unreadable(&files).into_iter().map(|(path, _)| path.to_owned());
        unreadable.collect()
    };
    // If layers share a folder, `usr/lib/a/META` is the upper layer's file; in an overlay, it is the lower
    // layer's.
    assert_eq!(unreadable(Layer::new().file("lib/a/META", "upper")), ["usr/lib/a/META", "var/db/status"]);
    assert_eq!(unreadable(Layer::new().whiteout("lib/a")), ["usr/lib/a/META", "var/db/status"]);
    // A directory with its own entry replaces the link everywhere, unless it comes too late.
    assert!(unreadable(Layer::new().directory("lib").file("lib/a/META", "upper")).is_empty());
    assert!(!unreadable(Layer::new().file("lib/a/META", "upper").directory("lib")).is_empty());
    assert!(unreadable(Layer::new().file("usr/lib/a/META", "upper")).is_empty());
    assert!(unreadable(Layer::new().symlink("lib", "elsewhere")).is_empty());
    // The link was already gone.
    let files = read([lower(), Layer::new().whiteout("lib"), Layer::new().file("lib/a/META", "upper")]);
    assert!(WholeFiles::unreadable(&files.unwrap()).is_empty());
}

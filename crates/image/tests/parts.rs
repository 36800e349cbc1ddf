//! Layers that are read by their tables of contents, from a place that sends parts, honest and otherwise.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the shared module has more than this test needs")]

mod memory;

use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Digest, Limits};
use plimsoll_image::artifact;
use plimsoll_image::layers::{LayerDigests, Shared};
use plimsoll_image::source::Referrers;
use plimsoll_image::{Descriptor, Error, Source};
use plimsoll_testkit::{
    ImageBuilder, Layer, LayerWithTable, Listing, TableFormat, WholeFiles, incompressible,
};
use serde_json::{Value, json};

use memory::{MemorySource, texts};

const FORMATS: [TableFormat; 2] = [TableFormat::Estargz, TableFormat::ZstdChunked];
/// Wants packages' metadata, one large file, and the release wherever links put it.
const WANTS: WholeFiles = WholeFiles {
    rule: |path| path.ends_with("METADATA") || path.ends_with("large"),
    fixed: &["etc/os-release"],
};

/// How a place treats requests for parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    Sent,
    /// The whole blob comes instead.
    Ignored,
    /// One byte of parts of more than this size is another.
    Changed(u64),
    /// Parts end early.
    Short,
}

/// A registry: it sends parts, and those who use the image fetch by digest.
struct Place {
    memory: MemorySource,
    parts: Parts,
    is_registry: bool,
    received: AtomicU64,
}

impl Place {
    fn new(layers: impl IntoIterator<Item = Layer>) -> Self {
        let image = layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build();
        let memory = MemorySource::new(&image);
        Self { memory, parts: Parts::Sent, is_registry: true, received: AtomicU64::new(0) }
    }

    fn sending(self, parts: Parts) -> Self {
        Self { parts, ..self }
    }

    fn read(&self, digests: LayerDigests) -> Result<FileSet, Error> {
        self.read_by(&Shared::new(&WANTS, Limits::default()), digests)
    }

    fn read_by(&self, shared: &Shared<'_>, digests: LayerDigests) -> Result<FileSet, Error> {
        let artifact = artifact::load(self, &self.resolve()?, shared.limits())?;
        self.received.store(0, Ordering::Relaxed);
        shared.read_as(self, &artifact.images[0], digests, &())
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn size(&self) -> u64 {
        self.memory.load().unwrap().images[0].layers.iter().map(|layer| layer.descriptor.size).sum()
    }
}

impl Source for Place {
    fn describe(&self) -> String {
        self.memory.describe()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        self.memory.resolve()
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.memory.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        self.received.fetch_add(descriptor.size, Ordering::Relaxed);
        self.memory.blob(descriptor)
    }

    fn part(
        &self,
        descriptor: &Descriptor,
        range: Range<u64>,
    ) -> Result<Option<Box<dyn Read + Send>>, Error> {
        assert!(range.start < range.end && range.end <= descriptor.size, "{range:?} cannot be requested");
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        let mut part = self.memory.manifest(descriptor)?[start..end].to_vec();
        match self.parts {
            Parts::Ignored => return Ok(None),
            Parts::Changed(size) if range.end - range.start > size => {
                let middle = part.len() / 2;
                part[middle] ^= 1;
            }
            Parts::Short => drop(part.pop()),
            Parts::Sent | Parts::Changed(_) => {}
        }
        self.received.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok(Some(Box::new(Cursor::new(part))))
    }

    fn is_fetched_by_digest(&self) -> bool {
        self.is_registry
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}

/// Files of all kinds around two megabytes that nobody wants.
fn layer(format: TableFormat) -> LayerWithTable {
    let path = |name: &str| format!("usr/lib/python3/{name}-1.0.dist-info/METADATA");
    LayerWithTable::new(format)
        .directory("usr")
        .file("usr/share/unwanted", incompressible(1, 1 << 20))
        .file(&path("one"), "Name: one\n")
        .file("usr/share/empty", "")
        .hardlink(&path("linked"), &path("one"))
        .file("usr/lib/os-release", "ID=debian\n")
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("usr/share/other", incompressible(2, 1 << 20))
        .file("srv/large", incompressible(3, 200_000))
        .file(&path("two"), "Name: two\n")
}

fn all() -> impl Iterator<Item = (TableFormat, LayerWithTable)> {
    FORMATS.into_iter().map(|format| (format, layer(format)))
}

#[test]
fn parts_of_a_layer_show_the_same_files_as_the_whole() {
    for (format, layer) in all() {
        let place = Place::new([layer.build()]);
        let whole = place.read(LayerDigests::Computed).unwrap();
        assert!(
            whole.files.len() == 5 && whole.unhashed_layers.is_empty(),
            "{format:?}: {:?}",
            texts(&whole)
        );
        let parts = place.read(LayerDigests::Optional).unwrap();
        assert_eq!(parts.unhashed_layers, [0], "the result says that the digest was not computed");
        assert_eq!(FileSet { unhashed_layers: Vec::new(), ..parts }, whole, "{format:?}");
        assert!(place.received() < place.size() / 4, "{format:?}: {} of {}", place.received(), place.size());
    }
}

#[test]
fn whiteouts_and_links_work_across_layers_that_are_read_in_either_way() {
    for (format, layer) in all() {
        let above = LayerWithTable::new(format)
            .file("usr/lib/python3/one-1.0.dist-info/.wh.METADATA", "")
            .file("usr/share/more", incompressible(4, 1 << 20))
            .hardlink("srv/METADATA", "usr/lib/python3/two-1.0.dist-info/METADATA");
        let plain = Layer::new().file("opt/METADATA", "Name: three\n");
        let place = Place::new([layer.build(), plain, above.build()]);
        let whole = place.read(LayerDigests::Computed).unwrap();
        let parts = place.read(LayerDigests::Optional).unwrap();
        assert_eq!(parts.unhashed_layers, [0, 2]);
        assert_eq!(FileSet { unhashed_layers: Vec::new(), ..parts }, whole);
        assert!(whole.get("opt/METADATA").is_some() && whole.get("srv/METADATA").is_some());
    }
}

#[test]
fn a_place_that_sends_no_parts_or_other_bytes_makes_the_layer_be_read_whole() {
    for fault in [Parts::Ignored, Parts::Changed(20_000), Parts::Changed(0), Parts::Short] {
        for (format, layer) in all() {
            let place = Place::new([layer.build()]);
            let whole = place.read(LayerDigests::Computed).unwrap();
            let place = place.sending(fault);
            let read = place.read(LayerDigests::Optional).unwrap();
            assert_eq!(
                read, whole,
                "{format:?} {fault:?}: nothing is marked, because everything was verified"
            );
            assert!(place.received() >= place.size(), "{format:?} {fault:?}");
        }
    }
}

/// Changes a table.
type Change = fn(&mut Value);

fn row<'t>(table: &'t mut Value, name: &str) -> &'t mut Value {
    let rows = table["entries"].as_array_mut().unwrap();
    rows.iter_mut().find(|row| row["name"].as_str().unwrap().ends_with(name)).unwrap()
}

#[test]
fn a_table_that_hides_a_file_shows_another_image_and_only_the_whole_layer_betrays_it() {
    let hide: Change = |table| {
        let rows = table["entries"].as_array_mut().unwrap();
        rows.retain(|row| !row["name"].as_str().unwrap().contains("two-1.0"));
    };
    for (format, layer) in all() {
        let place = Place::new([layer.build_with(hide)]);
        let error = place.read(LayerDigests::Computed).unwrap_err();
        assert!(error.to_string().contains("table of contents"), "{format:?}: {error}");
        let read = place.read(LayerDigests::Optional).unwrap();
        assert_eq!(read.unhashed_layers, [0], "{format:?}");
        assert_eq!(read.files.len(), 4);
    }
}

#[test]
fn a_table_that_contradicts_the_stored_bytes_is_refused_as_in_a_whole_reading() {
    let changes: [Change; 5] = [
        // Another content than the layer has.
        |table| {
            let row = row(table, "two-1.0.dist-info/METADATA");
            for name in ["digest", "chunkDigest"] {
                row[name] = json!(Digest::sha256(b"Name: six\n").to_string());
            }
        },
        |table| row(table, "two-1.0.dist-info/METADATA")["size"] = json!(9),
        |table| row(table, "large")["digest"] = json!(Digest::sha256(b"").to_string()),
        |table| {
            let row = row(table, "two-1.0.dist-info/METADATA").as_object_mut().unwrap();
            row.retain(|name, _| !name.to_lowercase().ends_with("digest"));
        },
        |table| drop(table["entries"].as_array_mut().unwrap().pop()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for (format, layer) in all() {
            let place = Place::new([layer.build_with(change)]);
            let refused = place.read(LayerDigests::Computed).unwrap_err().to_string();
            match place.read(LayerDigests::Optional) {
                Err(error) => assert_eq!(error.to_string(), refused, "{format:?} {number}"),
                // It only hides the last file.
                Ok(read) => assert!(number == 4 && read.unhashed_layers == [0], "{format:?} {number}"),
            }
        }
    }
}

#[test]
fn places_that_overlap_or_are_outside_of_the_layer_make_it_be_read_whole() {
    let changes: [Change; 8] = [
        |table| row(table, "one-1.0.dist-info/METADATA")["offset"] = json!(99_999_999),
        |table| row(table, "one-1.0.dist-info/METADATA")["offset"] = json!(-1),
        |table| row(table, "one-1.0.dist-info/METADATA")["offset"] = json!(0),
        |table| row(table, "two-1.0.dist-info/METADATA")["offset"] = json!(300),
        |table| {
            let first = row(table, "unwanted")["offset"].clone();
            row(table, "one-1.0.dist-info/METADATA")["offset"] = first;
        },
        |table| row(table, "large")["endOffset"] = json!(99_999_999),
        |table| row(table, "one-1.0.dist-info/METADATA")["innerOffset"] = json!(1),
        |table| row(table, "unwanted")["offset"] = json!(7),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for (format, layer) in all() {
            let place = Place::new([layer.build_with(change)]);
            let whole = place.read(LayerDigests::Computed).unwrap();
            let read = place.read(LayerDigests::Optional).unwrap();
            if number == 7 {
                // Nobody wants that file, and its place is only too early.
                assert_eq!(FileSet { unhashed_layers: Vec::new(), ..read }, whole, "{format:?}");
            } else {
                assert_eq!(read, whole, "{format:?} {number}");
            }
        }
    }
}

#[test]
fn a_layer_whose_entries_depend_on_their_order_is_read_whole() {
    for format in FORMATS {
        let twice = layer(format).file("srv/METADATA", "Name: a\n").file("srv/METADATA", "Name: b\n");
        let behind_link = layer(format).symlink("lib", "usr/lib").file("lib/METADATA", "Name: c\n");
        for layer in [twice, behind_link] {
            let place = Place::new([layer.build()]);
            assert_eq!(
                place.read(LayerDigests::Optional).unwrap(),
                place.read(LayerDigests::Computed).unwrap()
            );
        }
    }
}

#[test]
fn only_what_is_announced_once_is_believed() {
    let digest = Digest::sha256(b"another table").to_string();
    let [stargz, checksum] =
        ["containerd.io/snapshot/stargz/toc.digest", "io.github.containers.zstd-chunked.manifest-checksum"];
    for (format, layer) in all() {
        let own = if format == TableFormat::Estargz { stargz } else { checksum };
        let another = Place::new([layer.build().annotation(own, &digest)]);
        let error = another.read(LayerDigests::Optional).unwrap_err();
        assert!(error.to_string().contains("has another digest than the manifest says"), "{error}");
    }
    let position = "io.github.containers.zstd-chunked.manifest-position";
    for (place, problem) in [("9:0:0:1", "another digest"), ("9:9999999:1:1", "outside the layer")] {
        let layer = layer(TableFormat::ZstdChunked).build().annotation(position, place);
        let error = Place::new([layer]).read(LayerDigests::Optional).unwrap_err();
        assert!(error.to_string().contains(problem), "{place}: {error}");
    }
    let two = layer(TableFormat::ZstdChunked).build().annotation(stargz, &digest);
    let error = Place::new([two]).read(LayerDigests::Optional).unwrap_err();
    assert!(error.to_string().contains("has another digest than the manifest says"), "{error}");
    let half = layer(TableFormat::Estargz).build().annotation(checksum, &digest);
    let error = Place::new([half]).read(LayerDigests::Optional).unwrap_err();
    assert!(error.to_string().contains("without its place"), "{error}");
}

#[test]
fn a_table_beyond_the_limit_is_not_read() {
    for (_, layer) in all() {
        let place = Place::new([layer.build()]);
        let mut limits = Limits::default();
        limits.kept_file_bytes = 500;
        let error = place.read_by(&Shared::new(&WANTS, limits), LayerDigests::Optional).unwrap_err();
        assert!(
            matches!(&error, Error::Limit(limit) if limit.to_string().contains("kept_file_bytes")),
            "{error}"
        );
    }
}

#[test]
fn small_layers_and_those_of_local_places_are_read_whole() {
    for (format, layer) in all() {
        let local = Place { is_registry: false, ..Place::new([layer.build()]) };
        assert!(local.read(LayerDigests::Optional).unwrap().unhashed_layers.is_empty());
        let small = Place::new([LayerWithTable::new(format).file("METADATA", "Name: x\n").build()]);
        assert!(small.read(LayerDigests::Optional).unwrap().unhashed_layers.is_empty());
    }
}

#[test]
fn a_layer_of_which_most_is_needed_is_read_whole() {
    for format in FORMATS {
        let large = LayerWithTable::new(format).file("a/large", incompressible(1, 1 << 20));
        let place = Place::new([large.file("other", incompressible(2, 100_000)).build()]);
        assert!(place.read(LayerDigests::Optional).unwrap().unhashed_layers.is_empty());
    }
}

#[test]
fn a_layer_read_in_parts_never_counts_as_read_completely() {
    for (format, layer) in all() {
        let place = Place::new([layer.build()]);
        let shared = Shared::new(&WANTS, Limits::default());
        let parts = place.read_by(&shared, LayerDigests::Optional).unwrap();
        assert_eq!(parts.unhashed_layers, [0]);
        assert!(place.read_by(&shared, LayerDigests::Computed).unwrap().unhashed_layers.is_empty());
        assert!(place.received() >= place.size(), "{format:?}: it is read again");
        // What was read as a whole is better, and nothing more is read.
        assert!(place.read_by(&shared, LayerDigests::Optional).unwrap().unhashed_layers.is_empty());
        assert_eq!(place.received(), 0, "{format:?}");
    }
}

#[test]
fn what_all_parts_become_together_is_within_the_ratio_of_the_layer() {
    const SIZE: usize = 20_000;
    let mut limits = Limits::default();
    (limits.ratio, limits.ratio_floor_bytes) = (2, 64 << 10);
    for format in FORMATS {
        let bloated = || {
            let layer = LayerWithTable::new(format).file("usr/share/unwanted", incompressible(1, 512 << 10));
            (0..100).fold(layer, |layer, n| layer.file(&format!("a{n}/METADATA"), vec![0; SIZE]))
        };
        // A table that says that its files are zeros, for which nothing is stored.
        let zeros = LayerWithTable::new(format).file("usr/share/unwanted", incompressible(1, 512 << 10));
        let zeros = zeros.file("a/METADATA", vec![0; 1]).build_with(|table| {
            let row = table["entries"].as_array_mut().unwrap().last_mut().unwrap();
            row["size"] = json!(SIZE * 100);
            row["chunkSize"] = json!(SIZE * 100);
            row["chunkType"] = json!("zeros");
            let digest = Digest::sha256(&vec![0; SIZE * 100]).to_string();
            (row["digest"], row["chunkDigest"]) = (json!(digest), json!(digest));
        });
        for layer in [bloated().build(), zeros] {
            let place = Place::new([layer]);
            let roomy = place.read(LayerDigests::Optional).unwrap();
            assert_eq!(roomy.unhashed_layers, [0], "{format:?}");
            // Read as a whole then, which is within the ratio or is not.
            match place.read_by(&Shared::new(&WANTS, limits.clone()), LayerDigests::Optional) {
                Ok(files) => assert!(files.unhashed_layers.is_empty(), "{format:?}"),
                Err(error) => {
                    let is_known =
                        ["ratio", "table of contents"].iter().any(|word| error.to_string().contains(word));
                    assert!(is_known, "{format:?}: {error}");
                }
            }
        }
    }
}

#[test]
fn layers_are_read_as_a_whole_where_every_file_is_listed() {
    for (format, layer) in all() {
        let place = Place::new([layer.build()]);
        let select = Listing(WHOLE);
        let read = place.read_by(&Shared::new(&select, Limits::default()), LayerDigests::Optional).unwrap();
        assert!(read.unhashed_layers.is_empty(), "{format:?}");
        let list = read.listed.unwrap();
        let large = list.get(list.at(b"usr/share/unwanted").unwrap()).unwrap();
        assert_eq!(
            large.content.sha256,
            Digest::sha256(&incompressible(1, 1 << 20)).as_bytes(),
            "{format:?}"
        );
    }
}

const WHOLE: WholeFiles = WholeFiles { rule: |_| false, fixed: &[] };

//! Layers that are read by their tables of contents: a letter for the format, the table, what is stored in front of it. The
//! digest of the table is right, and the diff ID is wrong, so that no layer can be read as a whole.

#![no_main]

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write as _};
use std::ops::Range;

use flate2::write::GzEncoder;
use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::{Digest, Platform};
use plimsoll_fuzz::{Memory, WholeFiles, documents, limits};
use plimsoll_image::artifact::{Image, Layer};
use plimsoll_image::layers::{LayerDigests, Shared};
use plimsoll_image::{Descriptor, Error, Referrers, Source};

const TYPES: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd"];
/// Smaller layers are never read in parts.
const FILLER: usize = 300 << 10;

const WANTED: WholeFiles = WholeFiles { rule: |path| path.ends_with(".wanted"), fixed: &["etc/os-release"] };

/// A registry that sends parts.
struct Parts(Memory);

impl Source for Parts {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        self.0.resolve()
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.0.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        self.0.blob(descriptor)
    }

    fn part(
        &self,
        descriptor: &Descriptor,
        range: Range<u64>,
    ) -> Result<Option<Box<dyn Read + Send>>, Error> {
        assert!(range.start < range.end && range.end <= descriptor.size, "{range:?}");
        let part = &self.manifest(descriptor)?[range.start as usize..range.end as usize];
        Ok(Some(Box::new(Cursor::new(part.to_vec()))))
    }

    fn is_fetched_by_digest(&self) -> bool {
        true
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        self.0.referrers(subject)
    }
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let documents = documents(bytes);
    let [[format], table, stored] = documents.as_slice() else { return Corpus::Reject };
    let mut layer = stored.to_vec();
    layer.resize(layer.len() + FILLER, 0);
    let (media_type, annotations) = match format {
        b'e' => (TYPES[0], estargz(&mut layer, table)),
        b'z' => (TYPES[1], zstd_chunked(&mut layer, table)),
        _ => return Corpus::Reject,
    };
    let mut memory = Memory::default();
    let descriptor = Descriptor { annotations, ..memory.put(media_type, &layer) };
    let layer = Layer { descriptor, diff_id: Digest::sha256(b"another diff ID"), created_by: None };
    let (place, image) = (Parts(memory), image(layer));
    let read = || Shared::new(&WANTED, limits()).read_as(&place, &image, LayerDigests::Optional, &());
    let Ok(files) = read() else { return Corpus::Keep };
    assert_eq!(files.unhashed_layers, [0], "a layer whose diff ID is wrong was accepted as a whole");
    let text = String::from_utf8_lossy(table);
    let is_parted = text.contains("chunk\"") || text.contains("zeros");
    for file in files.iter() {
        let [(_, outcome)] = file.facts.outcomes() else { continue };
        let plimsoll_core::rootfs::Outcome::Fact(fact) = outcome else { continue };
        let Some(content) = (fact.as_ref() as &dyn Any).downcast_ref::<Vec<u8>>() else { continue };
        let has_digest = || {
            [Digest::sha256(content).hex(), Digest::compute(plimsoll_core::Algorithm::Sha512, content).hex()]
                .iter()
                .any(|digest| text.contains(digest))
        };
        assert!(is_parted || content.is_empty() || has_digest(), "{} was not verified", file.path);
    }
    assert_eq!(read().unwrap(), files);
    Corpus::Keep
});

fn estargz(layer: &mut Vec<u8>, table: &[u8]) -> BTreeMap<String, String> {
    let place = layer.len();
    let mut header = [0; 512];
    header[..17].copy_from_slice(b"stargz.index.json");
    header[100..107].copy_from_slice(b"0000444");
    header[124..135].copy_from_slice(format!("{:011o}", table.len()).as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut gzip = GzEncoder::new(std::mem::take(layer), flate2::Compression::fast());
    gzip.write_all(&header).unwrap();
    gzip.write_all(table).unwrap();
    gzip.write_all(&vec![0; table.len().wrapping_neg() % 512 + 1024]).unwrap();
    *layer = gzip.finish().unwrap();
    layer.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0]);
    layer.extend(format!("{place:016x}STARGZ").as_bytes());
    layer.extend([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    let name = "containerd.io/snapshot/stargz/toc.digest".to_owned();
    BTreeMap::from([(name, Digest::sha256(table).to_string())])
}

fn zstd_chunked(layer: &mut Vec<u8>, table: &[u8]) -> BTreeMap<String, String> {
    let prefix = "io.github.containers.zstd-chunked.manifest";
    let position = format!("{}:{}:{}:1", layer.len(), table.len(), table.len());
    // Readers take what is not compressed as it is.
    layer.extend(table);
    layer.extend([0; 48]);
    BTreeMap::from([
        (format!("{prefix}-checksum"), Digest::sha256(table).to_string()),
        (format!("{prefix}-position"), position),
    ])
}

fn image(layer: Layer) -> Image {
    let placeholder = Descriptor::for_bytes(TYPES[0], b"");
    Image {
        manifest: placeholder.clone(),
        platform: Platform::new("linux", "amd64"),
        config: placeholder,
        created: None,
        labels: BTreeMap::new(),
        history: Vec::new(),
        unmatched_history: Vec::new(),
        layers: vec![layer],
        user: None,
        environment: Vec::new(),
        ports: Vec::new(),
        raw_manifest: Vec::new(),
        indexes: Vec::new(),
        aliases: Vec::new(),
    }
}

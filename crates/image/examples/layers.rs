//! Times [`plimsoll_image::layers::read`] on a large generated layer, compared with only uncompressing the
//! same bytes.
//!
//! ```text
//! cargo run --release -p plimsoll-image --example layers -- 2500      # MiB, uncompressed
//! cargo run --release -p plimsoll-image --example layers -- 2500 zstd # or: plain, entries
//! cargo run --release -p plimsoll-image --example layers -- layer.tar.gz
//! ```
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "an example for the terminal"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_core::{Algorithm, Hasher, Limits, Platform};
use plimsoll_image::artifact::{Image, Layer};
use plimsoll_image::layout::Layout;
use plimsoll_image::{Descriptor, layers, media};
use plimsoll_testkit::WholeFiles;

const METADATA: WholeFiles = WholeFiles {
    rule: |path| path.ends_with("/METADATA"),
    fixed: &["var/lib/dpkg/status", "etc/os-release", "usr/lib/os-release"],
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "512".to_owned());
    let form = arguments.next().unwrap_or_else(|| "gzip".to_owned());
    let directory = tempfile::tempdir().unwrap();
    let blobs = directory.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(directory.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(directory.path().join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    let layer = match what.parse() {
        Ok(mebibytes) => generate(&blobs, mebibytes, &form),
        Err(_) => existing(&blobs, Path::new(&what), &form),
    };
    let file = blobs.join(layer.descriptor.digest.hex());

    let (bare, unpacked) = uncompress(&file, &form);
    let source = Layout::open(directory.path(), None, Limits::default()).unwrap();
    let compressed = layer.descriptor.size;
    let image = image(layer);
    let start = Instant::now();
    let files = layers::read(&source, &image, &METADATA, &Limits::default(), &()).unwrap();
    let taken = start.elapsed();
    println!(
        "{form}: {} MiB compressed, {} MiB uncompressed, {} files kept\n\
         bare uncompressing {:.2} s, layers::read {:.2} s = {:.2} times, {:.0} MiB/s uncompressed, peak {} MiB",
        compressed >> 20,
        unpacked >> 20,
        files.files.len(),
        bare.as_secs_f64(),
        taken.as_secs_f64(),
        taken.as_secs_f64() / bare.as_secs_f64(),
        unpacked as f64 / taken.as_secs_f64() / f64::from(1 << 20),
        peak() >> 10,
    );
}

/// Text-like files of 20 KiB with some incompressible bytes, about as compressible as a Python image.
fn generate(blobs: &Path, mebibytes: u64, form: &str) -> Layer {
    let path = blobs.join("new");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: Vec<String> = (0..4096).map(|_| format!("{:x} ", random() >> (random() % 50))).collect();
    let mut output = Both { file: None, hasher: Hasher::new(Algorithm::Sha256) };
    let file = File::create(&path).unwrap();
    output.file = Some(match form {
        "gzip" => Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::new(6))),
        "zstd" => Box::new(zstd::Encoder::new(file, 3).unwrap().auto_finish()),
        _ => Box::new(file),
    });
    let mut tar = tar::Builder::new(output);
    let (mut total, mut count) = (0, 0_u64);
    let mut content = Vec::new();
    while total < mebibytes << 20 {
        content.clear();
        let size = if form == "entries" { 0 } else { 20 << 10 };
        while content.len() < size {
            content.extend_from_slice(words[usize::try_from(random() % 4096).unwrap()].as_bytes());
            if random().is_multiple_of(3) {
                content.extend_from_slice(&random().to_le_bytes());
            }
        }
        let name =
            if count.is_multiple_of(100) { "METADATA".to_owned() } else { format!("module{count}.py") };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("usr/lib/python3/dist-packages/package{}/{name}", count / 100);
        tar.append_data(&mut header, path, &content[..]).unwrap();
        total += content.len() as u64 + 1024;
        count += 1;
    }
    let Both { file, hasher } = tar.into_inner().unwrap();
    drop(file);
    described(blobs, &path, hasher, form)
}

/// A layer in a file.
fn existing(blobs: &Path, file: &Path, form: &str) -> Layer {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    each(&mut unpacking(file, form), |piece| hasher.update(piece));
    let path = blobs.join("new");
    // Not a link: it would lead out of the layout, which is refused.
    fs::copy(file, &path).unwrap();
    described(blobs, &path, hasher, form)
}

/// Puts the layer at `path` among the blobs; `unpacked` has hashed its uncompressed bytes.
fn described(blobs: &Path, path: &Path, unpacked: Hasher, form: &str) -> Layer {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    each(&mut File::open(path).unwrap(), |piece| hasher.update(piece));
    let digest = hasher.finish();
    let size = fs::metadata(path).unwrap().len();
    fs::rename(path, blobs.join(digest.hex())).unwrap();
    let media_type = match form {
        "gzip" => media::OCI_LAYER_GZIP,
        "zstd" => media::OCI_LAYER_ZSTD,
        _ => media::OCI_LAYER,
    };
    let diff_id = unpacked.finish();
    Layer { descriptor: Descriptor::new(media_type, digest, size), diff_id, created_by: None }
}

fn uncompress(file: &Path, form: &str) -> (Duration, u64) {
    let start = Instant::now();
    let mut total = 0;
    each(&mut unpacking(file, form), |piece| total += piece.len() as u64);
    (start.elapsed(), total)
}

fn unpacking(file: &Path, form: &str) -> Box<dyn Read> {
    let file = BufReader::with_capacity(128 << 10, File::open(file).unwrap());
    match form {
        "gzip" => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        "zstd" => Box::new(zstd::Decoder::with_buffer(file).unwrap()),
        _ => Box::new(file),
    }
}

fn each(reader: &mut impl Read, mut take: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            count => take(&buffer[..count]),
        }
    }
}

struct Both {
    file: Option<Box<dyn Write>>,
    hasher: Hasher,
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hasher.update(bytes);
        self.file.as_mut().unwrap().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn image(layer: Layer) -> Image {
    let manifest = Descriptor::for_bytes(media::OCI_MANIFEST, b"");
    Image {
        config: manifest.clone(),
        manifest,
        platform: Platform::new("linux", "amd64"),
        created: None,
        labels: BTreeMap::new(),
        layers: vec![layer],
        history: Vec::new(),
        unmatched_history: Vec::new(),
        user: None,
        environment: Vec::new(),
        ports: Vec::new(),
        raw_manifest: Vec::new(),
        indexes: Vec::new(),
        aliases: Vec::new(),
    }
}

/// Peak resident memory in KiB, if the system reports it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

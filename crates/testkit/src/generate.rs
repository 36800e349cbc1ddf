//! A registry of images that need not be stored: layers are generated for each request.
//!
//! For tests of huge images: ten gigabytes, a million entries, a hundred layers. Serving one takes a fixed
//! amount of memory, regardless of its size, so that a test in the same process can bound its own peak.
//! Layers are gzip with stored blocks: they are as cheap to make as a copy, but readers still need the
//! decoder and both hashes.
//!
//! It only supports pulling: manifest, configuration, layers, and an empty list of referrers.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use plimsoll_core::{Algorithm, Digest, Hasher};
use serde_json::{Value, json};

use crate::listener::{Listener, Port};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Bytes that are written at a time.
const BUFFER: usize = 64 * 1024;

/// A layer that is described but not stored.
#[derive(Debug, Clone)]
pub struct GeneratedLayer {
    number: usize,
    empty_files: u64,
    large_file: u64,
    small_files: Vec<(String, Vec<u8>)>,
}

impl GeneratedLayer {
    /// An empty layer. Layers with different numbers have different files.
    pub fn new(number: usize) -> Self {
        Self { number, empty_files: 0, large_file: 0, small_files: Vec::new() }
    }

    /// Adds `count` empty files, a thousand to a directory.
    #[must_use]
    pub fn empty_files(mut self, count: u64) -> Self {
        self.empty_files = count;
        self
    }

    /// Adds one file of `bytes` bytes.
    #[must_use]
    pub fn large_file(mut self, bytes: u64) -> Self {
        self.large_file = bytes;
        self
    }

    /// Adds a file with content.
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.small_files.push((path.to_owned(), content.as_bytes().to_vec()));
        self
    }

    /// Writes the tar: `small_files`, then `giant/NUMBER/DIRECTORY/FILE`, then `giant/NUMBER/large`.
    fn write(&self, out: &mut impl Write) -> Result<()> {
        for (path, content) in &self.small_files {
            header(out, path, content.len() as u64)?;
            out.write_all(content)?;
            out.write_all(&[0; 512][..padding(content.len() as u64)])?;
        }
        let mut path = String::new();
        for file in 0..self.empty_files {
            path.clear();
            let _ = write!(path, "giant/{}/{}/file{file}", self.number, file / 1000);
            header(out, &path, 0)?;
        }
        if self.large_file > 0 {
            header(out, &format!("giant/{}/large", self.number), self.large_file)?;
            let piece: Vec<u8> = (0..=u8::MAX).cycle().skip(self.number).take(256 * 1024).collect();
            let mut left = self.large_file;
            while left > 0 {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                out.write_all(&piece[..length])?;
                left -= length as u64;
            }
            out.write_all(&[0; 512][..padding(self.large_file)])?;
        }
        out.write_all(&[0; 1024])
    }

    fn write_gzip(&self, out: &mut impl Write) -> Result<()> {
        let mut encoder = BufWriter::with_capacity(BUFFER, GzEncoder::new(out, Compression::none()));
        self.write(&mut encoder)?;
        encoder.into_inner()?.finish()?;
        Ok(())
    }

    /// Generates the layer once, for its digests.
    fn measure(&self) -> Measured {
        let encoder = GzEncoder::new(Sink::new(), Compression::none());
        let mut both = Both { unpacked: Sink::new(), encoder };
        // Buffered as in `write_gzip`, because the ends of the stored blocks depend on it.
        let mut buffered = BufWriter::with_capacity(BUFFER, &mut both);
        self.write(&mut buffered).unwrap();
        buffered.flush().unwrap();
        drop(buffered);
        let Both { unpacked, encoder } = both;
        let stored = encoder.finish().unwrap();
        Measured {
            layer: self.clone(),
            diff_id: unpacked.hasher.finish(),
            size: stored.bytes,
            digest: stored.hasher.finish(),
        }
    }
}

/// A regular file's header, in the form of POSIX ustar, and of GNU for sizes from 8 GiB.
fn header(out: &mut impl Write, path: &str, size: u64) -> Result<()> {
    let mut block = [0_u8; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    if size < 1 << 33 {
        write!(&mut block[124..136], "{size:011o}")?;
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    block[136..147].copy_from_slice(b"00000000000");
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    write!(&mut block[148..155], "{sum:06o}\0")?;
    out.write_all(&block)
}

fn padding(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(512) - size).unwrap()
}

struct Measured {
    layer: GeneratedLayer,
    diff_id: Digest,
    digest: Digest,
    size: u64,
}

/// Counts and hashes what it is given.
struct Sink {
    hasher: Hasher,
    bytes: u64,
}

impl Sink {
    fn new() -> Self {
        Self { hasher: Hasher::new(Algorithm::Sha256), bytes: 0 }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

struct Both<W: Write> {
    unpacked: Sink,
    encoder: GzEncoder<W>,
}

impl<W: Write> Write for Both<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.unpacked.write_all(bytes)?;
        self.encoder.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A running registry with one image; stops on drop.
pub struct GeneratingRegistry {
    image: Arc<Served>,
    listener: Listener,
}

struct Served {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layers: Vec<Measured>,
    requests: Mutex<Vec<String>>,
}

impl GeneratingRegistry {
    /// Generates every layer once for its digests, one per processor at a time, and serves the image on a
    /// free port of 127.0.0.1.
    pub fn start(layers: &[GeneratedLayer]) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let part = layers.len().div_ceil(workers).max(1);
        let layers: Vec<Measured> = std::thread::scope(|scope| {
            let work = |part| move || <[GeneratedLayer]>::iter(part).map(GeneratedLayer::measure).collect();
            let threads: Vec<_> = layers.chunks(part).map(|part| scope.spawn(work(part))).collect();
            threads.into_iter().flat_map(|thread| -> Vec<Measured> { thread.join().unwrap() }).collect()
        });
        let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        let config = json!({
            "os": "linux",
            "architecture": "amd64",
            "created": "2026-01-01T00:00:00Z",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = config.to_string().into_bytes();
        let descriptor = |media_type: &str, digest: &Digest, size: u64| -> Value {
            json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
        };
        let described: Vec<Value> =
            layers.iter().map(|layer| descriptor(LAYER, &layer.digest, layer.size)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &Digest::sha256(&config), config.len() as u64),
            "layers": described,
        });
        let image = Arc::new(Served {
            manifest: manifest.to_string().into_bytes(),
            config,
            layers,
            requests: Mutex::default(),
        });
        let serving = Arc::clone(&image);
        let listener = Port::free().listen(move |stream| serving.serve(stream));
        Self { image, listener }
    }

    /// `127.0.0.1:PORT/giant:1`.
    pub fn reference(&self) -> String {
        format!("{}/giant:1", self.listener.addr())
    }

    /// Bytes of all layers, as stored.
    pub fn size(&self) -> u64 {
        self.image.layers.iter().map(|layer| layer.size).sum()
    }

    /// The requested paths, in order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.image.requests.lock().unwrap().clone()
    }
}

impl Served {
    fn serve(&self, stream: TcpStream) -> Result<()> {
        let mut out = BufWriter::with_capacity(BUFFER, stream.try_clone()?);
        let mut input = BufReader::new(stream);
        while let Some((method, path)) = request(&mut input)? {
            self.requests.lock().unwrap().push(path.clone());
            let head = method == "HEAD";
            let layer = path
                .strip_prefix("/v2/giant/blobs/")
                .and_then(|digest| self.layers.iter().find(|layer| layer.digest.to_string() == digest));
            if let Some(layer) = layer {
                answer(&mut out, 200, "application/octet-stream", layer.size)?;
                if !head {
                    layer.layer.write_gzip(&mut out)?;
                }
            } else {
                let (status, media_type, body) = self.document(&path);
                answer(&mut out, status, media_type, body.len() as u64)?;
                if !head {
                    out.write_all(body)?;
                }
            }
            out.flush()?;
        }
        out.get_ref().shutdown(Shutdown::Both)
    }

    fn document(&self, path: &str) -> (u16, &'static str, &[u8]) {
        let is = |place: &str, bytes: &[u8]| {
            path.strip_prefix(place)
                .is_some_and(|name| name == "1" || name == Digest::sha256(bytes).to_string())
        };
        if path == "/v2/" {
            (200, "application/json", b"{}")
        } else if is("/v2/giant/manifests/", &self.manifest) {
            (200, MANIFEST, &self.manifest)
        } else if is("/v2/giant/blobs/", &self.config) {
            (200, CONFIG, &self.config)
        } else if path.starts_with("/v2/giant/referrers/") {
            let none = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
            (200, "application/vnd.oci.image.index.v1+json", none)
        } else {
            (404, "application/json", br#"{"errors":[{"code":"NOT_FOUND"}]}"#)
        }
    }
}

/// Method and path of the next request; `None` if the client has closed.
fn request(input: &mut impl BufRead) -> Result<Option<(String, String)>> {
    let mut first = String::new();
    if input.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
    }
    let mut words = first.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    Ok(Some((method, target.split('?').next().unwrap_or_default().to_owned())))
}

fn answer(out: &mut impl Write, status: u16, media_type: &str, length: u64) -> Result<()> {
    write!(out, "HTTP/1.1 {status} Status\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n")
}

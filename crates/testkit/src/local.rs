//! Stores of container engines: a containers-storage root on disk, and an engine's API on a Unix socket.
//!
//! The store has what a reader needs, as containers/storage writes it: both lists, the documents beside the
//! image, unpacked regular files, and tar-split files whose pieces and names make up each layer's tar.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::artifact::Artifact;
use crate::layer::gzip;

/// Writes `image` into a containers-storage root of `driver` (`overlay` or `vfs`) under `name`.
pub fn containers_storage(root: &Path, driver: &str, name: &str, image: &Artifact) {
    let parts = image.image();
    let mut layers: Vec<Value> = Vec::new();
    let mut parent: Option<String> = None;
    let lists = |of: &str| root.join(format!("{driver}-{of}"));
    std::fs::create_dir_all(lists("layers")).unwrap();
    for built in &parts.built {
        let id = plimsoll_core::Digest::sha256(format!("{parent:?}{}", built.diff_id).as_bytes()).hex();
        let files = unpacked(root, driver, &id);
        std::fs::create_dir_all(&files).unwrap();
        let split = split(&built.tar, &files);
        std::fs::write(lists("layers").join(format!("{id}.tar-split.gz")), gzip(split.as_bytes())).unwrap();
        let mut record = json!({"id": id, "diff-digest": built.diff_id, "diff-size": built.tar.len()});
        if let Some(parent) = parent {
            record["parent"] = json!(parent);
        }
        layers.push(record);
        parent = Some(id);
    }
    std::fs::write(lists("layers").join("layers.json"), json!(layers).to_string()).unwrap();
    let (config, manifest) = (parts.config.digest(), &parts.manifest);
    let beside = lists("images").join(config.hex());
    std::fs::create_dir_all(&beside).unwrap();
    let encoded = |name: String| beside.join(format!("={}", STANDARD.encode(name)));
    std::fs::write(beside.join("manifest"), &manifest.bytes).unwrap();
    std::fs::write(encoded(format!("manifest-{}", manifest.digest())), &manifest.bytes).unwrap();
    std::fs::write(encoded(config.to_string()), &parts.config.bytes).unwrap();
    let image = json!([{
        "id": config.hex(), "digest": manifest.digest(), "names": [name], "layer": parent,
        "big-data-digests": {
            "manifest": manifest.digest(), format!("manifest-{}", manifest.digest()): manifest.digest(),
            config.to_string(): config,
        },
    }]);
    std::fs::write(lists("images").join("images.json"), image.to_string()).unwrap();
}

fn unpacked(root: &Path, driver: &str, id: &str) -> PathBuf {
    if driver == "vfs" { root.join("vfs/dir").join(id) } else { root.join(driver).join(id).join("diff") }
}

/// Unpacks the regular files of `tar` into `files`, and returns the rest.
fn split(tar: &[u8], files: &Path) -> String {
    let mut lines = String::new();
    let mut position = 0;
    let mut line = |mut value: Value| {
        value["position"] = json!(position);
        position += 1;
        lines.push_str(&value.to_string());
        lines.push('\n');
    };
    let piece = |bytes: &[u8]| json!({"type": 2, "payload": STANDARD.encode(bytes)});
    let mut at = 0;
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let begin = usize::try_from(entry.raw_file_position()).unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        line(piece(&tar[at..begin]));
        at = begin;
        let size = if entry.header().entry_type().is_file() { entry.size() } else { 0 };
        if size > 0 {
            let path = files.join(&name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            std::fs::write(path, content).unwrap();
            at += usize::try_from(size).unwrap();
        }
        line(json!({"type": 1, "name": name, "size": size, "payload": "AAAAAAAAAAA="}));
    }
    line(piece(&tar[at..]));
    lines
}

/// An engine that answers `GET` on a Unix socket with the given bodies, chunked, and otherwise with 404.
pub struct EngineApi {
    requests: Arc<Mutex<Vec<String>>>,
}

impl EngineApi {
    /// Listens at `socket`. `answers` are bodies by target: `/images/app:1/json`.
    pub fn start(socket: &Path, answers: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answers = Arc::new(answers);
        // It lives as long as the test's process. Each connection has a thread, because a slow reader must
        // not stop others.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                std::thread::spawn(move || answer(stream.unwrap(), &seen, &answers));
            }
        });
        Self { requests }
    }

    /// The requested targets, in their order.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: UnixStream, seen: &Mutex<Vec<String>>, answers: &BTreeMap<String, Vec<u8>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut header = String::new();
    while reader.read_line(&mut header).unwrap() > 2 {
        header.clear();
    }
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(target.clone());
    let Some(body) = answers.get(&target) else {
        let _ =
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        return;
    };
    let mut write = || -> std::io::Result<()> {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")?;
        for piece in body.chunks(100_000) {
            write!(stream, "{:x}\r\n", piece.len())?;
            stream.write_all(piece)?;
            stream.write_all(b"\r\n")?;
        }
        // An answer that ends in this mark is cut off there.
        if !body.ends_with(b"CUT") {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(())
    };
    // A client that has what it needs closes the connection.
    let _ = write();
}

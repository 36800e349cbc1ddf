//! What an engine answers on its socket (Docker, Podman): the description of an image, and the stream of its archive.
//!
//! Each document is the raw answer on one connection, in turn.

#![no_main]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::{Cancel, Digest};
use plimsoll_fuzz::{documents, limits, scratch};
use plimsoll_image::local::docker::Docker;
use plimsoll_image::{Source, artifact};
use plimsoll_registry::SocketEngine;

static ANSWERS: Mutex<VecDeque<Vec<u8>>> = Mutex::new(VecDeque::new());

static SOCKET: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = scratch().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that went away is not a finding.
            let _ = serve(stream.unwrap());
        }
    });
    path
});

fn serve(mut stream: UnixStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    let answer = ANSWERS.lock().unwrap().pop_front();
    stream.write_all(&answer.unwrap_or_default())
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let documents = documents(bytes);
    if documents.len() > 6 {
        return Corpus::Reject;
    }
    *ANSWERS.lock().unwrap() = documents.into_iter().map(<[u8]>::to_vec).collect();
    let limits = limits();
    let never = Cancel::never();
    let engine = Arc::new(SocketEngine::new(&SOCKET, &never));
    let Ok(engine) = Docker::open(engine, "app:1.0", limits.clone(), &never) else {
        return Corpus::Keep;
    };
    let _ = engine.remark();
    let top = engine.resolve().unwrap();
    if let Ok(artifact) = artifact::load(&engine, &top, &limits) {
        for image in &artifact.images {
            assert_eq!(Digest::sha256(&image.raw_manifest), image.manifest.digest);
        }
    }
    Corpus::Keep
});

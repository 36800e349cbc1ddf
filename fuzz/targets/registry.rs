//! What a registry, its token server and a proxy answer: status lines, headers (`WWW-Authenticate`, `Link`, `Location`,
//! `Retry-After`, `Docker-Content-Digest`), token documents, manifests, referrers.
//!
//! Each document is the raw answer on one connection, in turn, on loopback; `{HOST}` in it becomes the registry's host.
//! The only proxy is the same server, so that nothing leaves this machine wherever an answer points to.

#![no_main]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::Reference;
use plimsoll_fuzz::{documents, limits};
use plimsoll_http::{Client, Proxy, Settings};
use plimsoll_registry::auth::Credentials;
use plimsoll_registry::Registry;
use plimsoll_image::{Descriptor, Source, artifact};

static ANSWERS: Mutex<VecDeque<Vec<u8>>> = Mutex::new(VecDeque::new());

/// Loopback has many addresses. Taking them in turn keeps the ports of closed connections from running out.
const ADDRESSES: usize = 8;

static REGISTRIES: LazyLock<Vec<(String, Client)>> = LazyLock::new(|| {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that went away is not a finding.
            let _ = serve(stream.unwrap());
        }
    });
    (1..=ADDRESSES)
        .map(|last| {
            let host = format!("127.0.0.{last}:{port}");
            let proxy = format!("http://{host}");
            let mut settings = Settings::default();
            settings.retries = 0;
            settings.timeout = Duration::from_secs(3);
            settings.idle_timeout = Duration::from_secs(2);
            settings.connect_timeout = Duration::from_secs(2);
            let both = |name: &str| matches!(name, "HTTPS_PROXY" | "HTTP_PROXY").then(|| proxy.clone());
            settings.proxy = Proxy::from_env(both).unwrap();
            (host, Client::new(settings).unwrap())
        })
        .collect()
});

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&buffer[..count]),
        }
        // A client that tries TLS gets its answer as well.
        if head.first() == Some(&0x16) {
            break;
        }
    }
    let answer = ANSWERS.lock().unwrap().pop_front();
    stream.write_all(&answer.unwrap_or_default())
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let documents = documents(bytes);
    if documents.len() > 8 {
        return Corpus::Reject;
    }
    let (host, client) = &REGISTRIES[TURN.fetch_add(1, Ordering::Relaxed) % ADDRESSES];
    *ANSWERS.lock().unwrap() = documents.iter().map(|document| with_host(document, host)).collect();
    let reference: Reference = format!("{host}/team/app:1").parse().unwrap();
    let credentials = Credentials::password("user", "password");
    let limits = limits();
    let registry = Registry::new(client.clone(), &reference, Some(credentials), limits.clone()).unwrap();
    let Ok(top) = registry.resolve() else {
        return Corpus::Keep;
    };
    if let Ok(bytes) = registry.manifest(&top) {
        top.check(&bytes, "manifest").unwrap();
    }
    if let Ok(referrers) = registry.referrers(&top.digest) {
        assert!(referrers.descriptors.len() <= 16 * limits.referrers + limits.index_entries);
    }
    let _ = artifact::load(&registry, &top, &limits);
    let blob = Descriptor::for_bytes("application/octet-stream", b"blob");
    if let Ok(stream) = registry.blob(&blob) {
        let mut read = Vec::new();
        let _ = stream.take(1 << 20).read_to_end(&mut read);
    }
    Corpus::Keep
});

fn with_host(document: &[u8], host: &str) -> Vec<u8> {
    const NAME: &[u8] = b"{HOST}";
    let mut out = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(host.as_bytes());
        rest = &rest[at + NAME.len()..];
    }
    out.extend_from_slice(rest);
    out
}

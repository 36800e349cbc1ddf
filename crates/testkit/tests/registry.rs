//! The fake registry and the builders, tested from outside with only a socket and the tar format.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use plimsoll_testkit::{
    Artifact, Compression, EntryKind, Fault, ImageBuilder, IndexBuilder, Layer, Registry, attachment,
};

/// One request on a separate connection; returns status line and headers, and the body.
fn ask(registry: &Registry, request: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(registry.addr()).unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"Content-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end..].to_vec())
}

fn image() -> Artifact {
    let layer = Layer::new()
        .directory("etc")
        .file("etc/os-release", "ID=debian\n")
        .symlink("usr/lib/os-release", "../../etc/os-release")
        .hardlink("etc/again", "etc/os-release")
        .whiteout("var/old")
        .opaque("opt")
        .special(EntryKind::Fifo, "run/pipe")
        .file(&format!("{}/long", "d".repeat(150)), "x")
        .file("../escape", "x");
    ImageBuilder::new().layer(layer).label("a", "b").user("1000").build()
}

#[test]
fn pushed_content_is_returned_over_http() {
    let registry = Registry::start();
    let image = image();
    for blob in &image.parts {
        let (begun, _) = ask(&registry, "POST /v2/team/app/blobs/uploads/", b"");
        let location = begun.lines().find_map(|l| l.strip_prefix("Location: ")).unwrap();
        let (head, _) = ask(&registry, &format!("PATCH {location}"), &blob.bytes[..1]);
        assert!(head.starts_with("HTTP/1.1 202"), "{head}");
        let finish = format!("PUT {location}&digest={}", blob.digest());
        let (head, _) = ask(&registry, &finish, &blob.bytes[1..]);
        assert!(head.starts_with("HTTP/1.1 201"), "{head}");
    }
    let (head, _) = ask(&registry, "PUT /v2/team/app/manifests/1.0", &image.top.bytes);
    assert!(head.starts_with("HTTP/1.1 201"), "{head}");
    let (head, body) = ask(&registry, "GET /v2/team/app/manifests/1.0", b"");
    assert!(head.contains(&format!("Docker-Content-Digest: {}", image.digest())), "{head}");
    assert_eq!(body, image.top.bytes);
    let (head, body) = ask(&registry, "HEAD /v2/team/app/manifests/1.0", b"");
    assert!(head.contains(&format!("Content-Length: {}", image.size())) && body.is_empty());
}

#[test]
fn a_manifest_is_refused_while_its_blobs_are_missing() {
    let registry = Registry::start();
    let (head, _) = ask(&registry, "PUT /v2/app/manifests/1.0", &image().top.bytes);
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let (head, _) = ask(&registry, "POST /v2/app/blobs/uploads/?digest=sha256:00", b"other");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

#[test]
fn referrers_are_listed_page_by_page() {
    let registry = Registry::builder().referrers_page(1).start();
    let image = image();
    image.push(&registry, "app", "1");
    for content in [b"1", b"2"] {
        attachment(&image.top, "type/x", "type/y", content).push_by_digest(&registry, "app");
    }
    let (head, body) = ask(&registry, &format!("GET /v2/app/referrers/{}", image.digest()), b"");
    assert!(head.contains("rel=\"next\""), "{head}");
    let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(page["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(page["manifests"][0]["artifactType"], "type/x");
}

#[test]
fn faults_apply_to_what_the_pattern_names_and_run_out() {
    let registry = Registry::start();
    let image = image();
    image.push(&registry, "app", "1");
    let blob = format!("GET /v2/app/blobs/{}", image.image().config.digest());
    registry.misbehave_times(1, "GET */blobs/*", Fault::HalfThenClose);
    let (_, body) = ask(&registry, &blob, b"");
    assert_eq!(body.len(), image.image().config.bytes.len() / 2);
    assert_eq!(ask(&registry, &blob, b"").1, image.image().config.bytes);
    registry.misbehave("*/blobs/*", Fault::WrongBytes);
    let (_, body) = ask(&registry, &blob, b"");
    assert!(body.len() == image.image().config.bytes.len() && body != image.image().config.bytes);
    assert_eq!(ask(&registry, "GET /v2/app/manifests/1", b"").1, image.top.bytes);
    assert_eq!(registry.requests_to("GET */blobs/*").len(), 3);
}

#[test]
fn a_registry_that_is_stopped_refuses_connections_and_cuts_open_ones() {
    let registry = Registry::start();
    registry.misbehave("*", Fault::Stall);
    let mut waiting = TcpStream::connect(registry.addr()).unwrap();
    waiting.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").unwrap();
    while registry.requests().is_empty() {
        std::thread::yield_now();
    }
    registry.stop();
    assert!(matches!(waiting.read(&mut [0]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(registry.addr()).is_err());
}

#[test]
fn builders_are_deterministic() {
    assert_eq!(image().top.bytes, image().top.bytes);
    let index =
        || IndexBuilder::new().image(image()).image(ImageBuilder::new().platform("linux/arm/v7").build());
    assert_eq!(index().build().digest(), index().build().digest());
    let value: serde_json::Value = serde_json::from_slice(&index().build().top.bytes).unwrap();
    assert_eq!(value["manifests"][1]["platform"]["variant"], "v7");
}

#[test]
fn a_layer_holds_what_was_put_in_however_it_is_compressed() {
    let plain = image().image().diff_ids[0];
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Plain] {
        let layer = Layer::new().file("a", "content").compression(compression);
        let built = ImageBuilder::new().layer(layer).build();
        let bytes = &built.image().layers[0].bytes;
        let tar = match compression {
            Compression::Gzip => {
                let mut tar = Vec::new();
                flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut tar).unwrap();
                tar
            }
            Compression::Zstd => zstd::decode_all(bytes.as_slice()).unwrap(),
            Compression::Plain => bytes.clone(),
        };
        assert_eq!(plimsoll_core::Digest::sha256(&tar), built.image().diff_ids[0]);
        assert_ne!(built.image().diff_ids[0], plain);
    }
    let mut tar = Vec::new();
    let built = image();
    flate2::read::GzDecoder::new(built.image().layers[0].bytes.as_slice()).read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let paths: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|e| String::from_utf8(e.unwrap().path_bytes().into_owned()).unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "etc/",
            "etc/os-release",
            "usr/lib/os-release",
            "etc/again",
            "var/.wh.old",
            "opt/.wh..wh..opq",
            "run/pipe",
            &format!("{}/long", "d".repeat(150)),
            "../escape",
        ]
    );
}

#[test]
fn the_same_image_as_layout_and_as_archives() {
    let folder = tempfile::tempdir().unwrap();
    let image = image();
    image.write_layout(folder.path(), Some("1.0"));
    attachment(&image.top, "x", "x", b"1").write_layout(folder.path(), None);
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "1.0");
    let manifest = folder.path().join("blobs/sha256").join(image.digest().hex());
    assert_eq!(std::fs::read(manifest).unwrap(), image.top.bytes);

    for (file, expected) in [("oci.tar", "index.json"), ("docker.tar", "manifest.json")] {
        let path = folder.path().join(file);
        if expected == "index.json" {
            image.write_oci_archive(&path, Some("app:1.0"));
        } else {
            image.write_docker_archive(&path, Some("app:1.0"));
        }
        let bytes = std::fs::read(&path).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found =
            archive.entries().unwrap().any(|e| e.unwrap().path_bytes().as_ref() == expected.as_bytes());
        assert!(found, "{file}");
    }
}

//! Layers in any compression, squashed: an image of one to four layers whose digests and diff IDs hold, unless the last
//! document is one byte, which says what is wrong with them, or that their tables of contents count.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::{Digest, Limits, Platform};
use plimsoll_fuzz::{Memory, WholeFiles, documents, limits};
use plimsoll_image::artifact::{Image, Layer};
use plimsoll_image::inflate::{Budget, Inflate, detect};
use plimsoll_image::tar::Reader;
use plimsoll_image::{Descriptor, layers};

const PLAIN: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Every file below `etc` and `var`, and all that seeds call by this ending.
const WANTED: WholeFiles = WholeFiles {
    rule: |path| path.starts_with("etc/") || path.starts_with("var/") || path.ends_with(".wanted"),
    fixed: &["etc/os-release", "var/lib/dpkg/status"],
};

/// Says that the table of contents in the layer is the one that counts.
fn announce(descriptor: &mut Descriptor, bytes: &[u8], limits: &Limits) {
    let tar = plain(bytes, limits).unwrap_or_default();
    let mut reader = Reader::new(tar.as_slice(), "layer", limits);
    while matches!(reader.advance(), Ok(true)) {
        let entry = reader.entry();
        if entry.path == b"stargz.index.json" && entry.size <= limits.kept_file_bytes {
            let Ok(table) = reader.content() else { return };
            let name = "containerd.io/snapshot/stargz/toc.digest".to_owned();
            descriptor.annotations.insert(name, Digest::sha256(&table).to_string());
        }
    }
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let limits = limits();
    let mut documents = documents(bytes);
    let fault = match documents.as_slice() {
        [_, .., [fault]] => Some(*fault),
        _ => None,
    };
    if fault.is_some() {
        documents.pop();
    }
    if documents.len() > 4 {
        return Corpus::Reject;
    }
    let mut memory = Memory::default();
    let mut parts = Vec::new();
    for bytes in &documents {
        let mut descriptor = memory.put(PLAIN, bytes);
        let mut diff_id = Digest::sha256(&plain(bytes, &limits).unwrap_or_default());
        match fault {
            Some(b'd') => diff_id = Digest::sha256(b"another diff ID"),
            Some(b's') => descriptor.size += 1,
            Some(b'c') => announce(&mut descriptor, bytes, &limits),
            Some(b't') => descriptor.media_type = "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            _ => {}
        }
        parts.push(Layer { descriptor, diff_id, created_by: None });
    }
    let image = image(parts);
    let first = layers::read(&memory, &image, &WANTED, &limits, &());
    let Ok(files) = first else {
        return Corpus::Keep;
    };
    assert!(!matches!(fault, Some(b'd' | b's')), "half-verified layers were accepted");
    let mut total = 0;
    for (path, file) in &files.files {
        for path in [path, &file.real_path] {
            assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        }
        assert!(file.size() <= limits.metadata_bytes);
        assert!(file.layer.is_some_and(|layer| layer < image.layers.len()));
        total += file.size();
    }
    assert!(total <= limits.kept_total_bytes * 2);
    assert_eq!(files.layers.len(), image.layers.len());
    // The same from run to run, whatever the threads and the hash keys do.
    assert_eq!(layers::read(&memory, &image, &WANTED, &limits, &()).unwrap(), files);
    Corpus::Keep
});

fn plain(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let budget = Budget::new(bytes.len() as u64, limits);
    let mut inflate = Inflate::new(bytes, detect(bytes), budget, limits, "layer").ok()?;
    let mut out = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match inflate.fill(&mut buffer).ok()? {
            0 => return Some(out),
            count => out.extend_from_slice(&buffer[..count]),
        }
        assert!(out.len() as u64 <= limits.unpacked_bytes);
    }
}

fn image(layers: Vec<Layer>) -> Image {
    let placeholder = Descriptor::for_bytes(PLAIN, b"");
    Image {
        manifest: placeholder.clone(),
        platform: Platform::new("linux", "amd64"),
        config: placeholder,
        created: None,
        labels: BTreeMap::new(),
        layers,
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

//! Layers with their own table of contents: eStargz and zstd:chunked.
//!
//! Runtimes that pull lazily (the stargz snapshotter, podman's partial pulls) never see the tar: they show
//! the files that the table lists, with the content of the listed digests. All others unpack the tar. A table
//! that differs from the tar makes two images out of one. So the two are compared, entry by entry and byte by
//! byte, and a layer in which they differ is refused. A table counts if the manifest names its digest;
//! otherwise, runtimes do not use it.
//!
//! Follows the stargz snapshotter's `docs/estargz.md` ("TOC, TOCEntries and Footer", "Content Verification") and
//! containers/storage's `zstd:chunked` (`pkg/chunked`). Both list entries in the order of the tar.
//!
//! ```json
//! {"version": 1, "entries": [{"name": "bin/busybox", "type": "reg", "size": 833104, "mode": 33261, "offset": 126,
//!   "digest": "sha256:8b7c…", "chunkDigest": "sha256:8b7c…"}]}
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use plimsoll_core::text::shown;
use plimsoll_core::{Algorithm, Digest, Hasher, LimitExceeded, Limits, json, read};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pipe::Pipe;
use crate::inflate::{Budget, Inflate, detect};
use crate::manifest::strict;
use crate::tar::{Entry, Kind, Reader, Stream, clean_link};
use crate::{Descriptor, Error};

/// The digest of the table, uncompressed.
const STARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";
/// The annotations of zstd:chunked, with their former names: the digest of the compressed table, and its
/// position.
const CHUNKED: [[&str; 2]; 2] = [
    [
        "io.github.containers.zstd-chunked.manifest-checksum",
        "io.github.containers.zstd-chunked.manifest-position",
    ],
    ["io.containers.zstd-chunked.manifest-checksum", "io.containers.zstd-chunked.manifest-position"],
];
/// The last entry of an eStargz layer.
const TABLE: &[u8] = b"stargz.index.json";

const TOP_NAMES: &[&str] = &["version", "entries", "tarSplitDigest"];
const NAMES: &[&str] = &[
    "name",
    "type",
    "size",
    "linkName",
    "digest",
    "chunkOffset",
    "chunkSize",
    "chunkDigest",
    "chunkType",
    "offset",
    "endOffset",
    "xattrs",
];

/// Compares the layer's table of contents with its tar, if it has one.
pub(super) fn check(pipe: &Pipe<'_>) -> Result<(), Error> {
    let descriptor = &pipe.layer.descriptor;
    let what = format!("layer {}", descriptor.digest);
    let annotation = |name: &str| descriptor.annotations.get(name).map(String::as_str);
    let stargz = annotation(STARGZ);
    let mut tables = Vec::new();
    for [checksum, position] in CHUNKED {
        match (annotation(checksum), annotation(position)) {
            (None, None) => {}
            (Some(checksum), Some(position)) => tables.push(chunked(pipe, checksum, position, &what)?),
            _ => return Err(differs(&what, "is announced without its place or its digest")),
        }
    }
    if let Some(digest) = stargz {
        let digest = parsed_digest(digest, &what)?;
        let table = match tables.first() {
            Some(table) => table.clone(),
            None => stargz_table(pipe, &what)?,
        };
        if Digest::compute(digest.algorithm(), &table) != digest {
            return Err(differs(&what, "has another digest than the manifest says"));
        }
        tables.push(table);
    }
    tables.dedup();
    for table in tables {
        let listed = listed(&table, &what, pipe.limits)?;
        pipe.progress.layer_total(descriptor.size);
        pipe.run(|stream, what| compare(stream, &listed, stargz.is_some(), what, pipe.limits))?;
    }
    Ok(())
}

fn differs(what: &str, problem: &str) -> Error {
    Error::malformed(what, format!("its table of contents, which runtimes that pull lazily go by, {problem}"))
}

fn parsed_digest(text: &str, what: &str) -> Result<Digest, Error> {
    text.parse().map_err(|_| differs(what, "is announced by an invalid digest"))
}

/// The table of an eStargz layer, which is in its tar.
fn stargz_table(pipe: &Pipe<'_>, what: &str) -> Result<Vec<u8>, Error> {
    let limits = pipe.limits;
    pipe.progress.layer_total(pipe.layer.descriptor.size);
    let (table, _) = pipe.run(|stream, what| {
        let mut reader = Reader::new(stream, what, limits);
        let mut table = None;
        while reader.advance()? {
            if reader.entry().path != TABLE || reader.entry().kind != Kind::File {
                continue;
            }
            within(reader.entry().size, what, limits)?;
            if table.replace(reader.content()?).is_some() {
                return Err(differs(what, "is there twice"));
            }
        }
        reader.finish()?;
        Ok(table)
    })?;
    table.ok_or_else(|| differs(what, "is announced but missing"))
}

fn within(size: u64, what: &str, limits: &Limits) -> Result<(), Error> {
    if size > limits.kept_file_bytes {
        let what = format!("{what}: its table of contents");
        return Err(LimitExceeded::new("kept_file_bytes", limits.kept_file_bytes, what).into());
    }
    Ok(())
}

/// The table of a zstd:chunked layer, which is in a frame that decoders skip.
fn chunked(pipe: &Pipe<'_>, checksum: &str, position: &str, what: &str) -> Result<Vec<u8>, Error> {
    let Pipe { source, layer, limits, .. } = pipe;
    let expected = parsed_digest(checksum, what)?;
    let numbers: Option<Vec<u64>> = position.split(':').map(|number| number.parse().ok()).collect();
    let Some(&[offset, length, unpacked, 1]) = numbers.as_deref() else {
        return Err(differs(what, "is announced at an invalid position"));
    };
    within(length.max(unpacked), what, limits)?;
    if offset.checked_add(length).is_none_or(|end| end > layer.descriptor.size) {
        return Err(differs(what, "would be outside of the layer"));
    }
    let failed = |source| Error::io(what, source);
    let mut blob = source.blob(&layer.descriptor)?;
    let passed = io::copy(&mut (&mut blob).take(offset), &mut io::sink()).map_err(failed)?;
    let stored = read::to_end(blob.take(length), length, "kept_file_bytes", what)
        .map_err(|_| differs(what, "cannot be read"))?;
    if passed < offset || Digest::compute(expected.algorithm(), &stored) != expected {
        return Err(differs(what, "has another digest than the manifest says"));
    }
    let budget = Budget::new(length, limits);
    let mut inflate = Inflate::new(stored.as_slice(), detect(&stored), budget, limits, what)?;
    // One more byte, to check that it ends there.
    let mut table = vec![0; usize::try_from(unpacked).unwrap_or(0).saturating_add(1)];
    let count = inflate.fill(&mut table)?;
    if count as u64 != unpacked {
        return Err(differs(what, "is not as long as the manifest says"));
    }
    table.truncate(count);
    Ok(table)
}

/// An entry of a table.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    r#type: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    link_name: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(default)]
    chunk_digest: String,
    #[serde(default)]
    chunk_type: String,
    #[serde(default)]
    xattrs: Option<BTreeMap<String, String>>,
}

/// The table's description of one entry of the tar.
struct Listed {
    row: Row,
    /// The parts of a file, which are adjacent and cover all of it.
    chunks: Vec<Chunk>,
    /// Bytes of all of them together.
    covered: u64,
}

struct Chunk {
    size: u64,
    digest: Option<Digest>,
    zeros: bool,
}

/// Reads a table. Names that differ only in case are refused: Go treats them as the same.
fn listed(table: &[u8], what: &str, limits: &Limits) -> Result<Vec<Listed>, Error> {
    let place = format!("{what}: its table of contents");
    let failed = |source| Error::Json { what: place.clone(), source };
    json::check(table, limits.kept_file_bytes).map_err(failed)?;
    let top: BTreeMap<String, &RawValue> =
        serde_json::from_slice(table).map_err(|error| failed(json::Error::Invalid(error)))?;
    let is_lookalike = |name: &String| {
        !TOP_NAMES.contains(&name.as_str()) && TOP_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if top.keys().any(is_lookalike) || top.get("version").map(|version| version.get()) != Some("1") {
        return Err(differs(what, "has an unknown version"));
    }
    let entries = top.get("entries").map_or("[]", |entries| entries.get());
    let rows: Vec<&RawValue> =
        serde_json::from_str(entries).map_err(|error| failed(json::Error::Invalid(error)))?;
    let mut listed: Vec<Listed> = Vec::new();
    for row in rows {
        let row: Row = strict(row.get().as_bytes(), &place, limits, NAMES)?;
        if row.r#type != "chunk" {
            finish(listed.last(), what)?;
            let has_content = row.r#type == "reg" && row.size > 0;
            let first = has_content.then(|| chunk(&row, 0, row.size, what)).transpose()?;
            let covered = first.as_ref().map_or(0, |chunk| chunk.size);
            listed.push(Listed { row, chunks: first.into_iter().collect(), covered });
            continue;
        }
        match listed.last_mut() {
            Some(file) if file.row.r#type == "reg" && file.row.name == row.name => {
                let next = chunk(&row, file.covered, file.row.size, what)?;
                file.covered += next.size;
                file.chunks.push(next);
            }
            _ => return Err(differs(what, "has a chunk without a file")),
        }
    }
    finish(listed.last(), what)?;
    Ok(listed)
}

/// The part of a file that begins where the previous part ended.
fn chunk(row: &Row, begun: u64, size: u64, what: &str) -> Result<Chunk, Error> {
    let left = size.saturating_sub(begun);
    let own = if row.chunk_size == 0 { left } else { row.chunk_size };
    if row.chunk_offset != begun || own == 0 || own > left {
        return Err(differs(what, &format!("has chunks of `{}` with gaps or overlaps", shown(&row.name))));
    }
    let digest = match row.chunk_digest.as_str() {
        "" => None,
        digest => Some(parsed_digest(digest, what)?),
    };
    Ok(Chunk { size: own, digest, zeros: row.chunk_type == "zeros" })
}

/// Checks that the chunks of a file cover all of it.
fn finish(file: Option<&Listed>, what: &str) -> Result<(), Error> {
    match file {
        Some(Listed { row, covered, .. }) if row.r#type == "reg" && *covered != row.size => {
            Err(differs(what, &format!("has only a part of `{}`", shown(&row.name))))
        }
        _ => Ok(()),
    }
}

/// Compares the tar with the table.
fn compare(
    stream: impl Stream,
    listed: &[Listed],
    has_table: bool,
    what: &str,
    limits: &Limits,
) -> Result<(), Error> {
    let mut reader = Reader::new(stream, what, limits);
    // The root exists whether or not it is listed.
    let is_root = |listed: &&Listed| listed.row.r#type == "dir" && clean(&listed.row.name).is_empty();
    let mut listed = listed.iter().filter(|listed| !is_root(listed));
    while reader.advance()? {
        let entry = reader.entry();
        let is_table = has_table && entry.path == TABLE && entry.kind == Kind::File;
        if is_table || (entry.path.is_empty() && entry.kind == Kind::Directory) {
            continue;
        }
        let name = shown(&String::from_utf8_lossy(&entry.path));
        let Some(row) = listed.next() else {
            return Err(differs(what, &format!("does not list `{name}`")));
        };
        if let Some(problem) = disagreement(entry, &row.row) {
            return Err(differs(what, &format!("gives {problem} of `{name}`")));
        }
        if entry.size > 0 && !has_content(&mut reader, row)? {
            return Err(differs(what, &format!("gives another content of `{name}`")));
        }
    }
    reader.finish()?;
    match listed.next() {
        Some(row) => {
            Err(differs(what, &format!("lists `{}`, which is not in the tar", shown(&row.row.name))))
        }
        None => Ok(()),
    }
}

fn clean(name: &str) -> Vec<u8> {
    clean_link(name.as_bytes())
}

/// What the table states differently about an entry.
fn disagreement(entry: &Entry, row: &Row) -> Option<&'static str> {
    // Writers of JSON replace bytes that are not UTF-8.
    let same = |tar: &[u8], listed: &[u8]| String::from_utf8_lossy(tar) == String::from_utf8_lossy(listed);
    let kind = match entry.kind {
        Kind::File => row.r#type == "reg",
        Kind::Directory => row.r#type == "dir",
        Kind::Symlink => row.r#type == "symlink",
        Kind::Hardlink => row.r#type == "hardlink",
        Kind::Device => row.r#type == "char" || row.r#type == "block",
        Kind::Other => row.r#type == "fifo",
    };
    let link = match entry.kind {
        Kind::Symlink => same(&entry.link, row.link_name.as_bytes()),
        Kind::Hardlink => same(&clean_link(&entry.link), &clean(&row.link_name)),
        _ => true,
    };
    // The tar has none of these, otherwise it would have been refused.
    let overlay = |name: &String| name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
    if !same(&entry.path, &clean(&row.name)) {
        Some("another name")
    } else if !kind {
        Some("another type")
    } else if entry.kind == Kind::File && entry.size != row.size {
        Some("another size")
    } else if !link {
        Some("another target")
    } else if row.xattrs.iter().flatten().any(|(name, _)| overlay(name)) {
        Some("attributes of an overlay file system")
    } else {
        None
    }
}

/// Whether the current entry has the content that the table describes by digests. Every given digest must
/// match, and together they must cover all of the content.
fn has_content<S: Stream>(reader: &mut Reader<S>, listed: &Listed) -> Result<bool, Error> {
    let whole: Option<Digest> = match listed.row.digest.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(digest) => Some(digest),
            Err(_) => return Ok(false),
        },
    };
    let is_covered = |chunk: &Chunk| chunk.zeros || chunk.digest.is_some();
    if whole.is_none() && !listed.chunks.iter().all(is_covered) {
        return Ok(false);
    }
    let mut all = Hasher::new(whole.map_or(Algorithm::Sha256, |digest| digest.algorithm()));
    let mut chunks = listed.chunks.iter();
    let mut current = chunks.next().map(Progress::new);
    let mut holds = true;
    reader.pieces(u64::MAX, |mut piece| {
        if whole.is_some() {
            all.update(piece);
        }
        while let (Some(progress), false) = (&mut current, piece.is_empty()) {
            let count = usize::try_from(progress.left).map_or(piece.len(), |left| left.min(piece.len()));
            let (own, rest) = piece.split_at(count);
            holds &= progress.take(own);
            piece = rest;
            if progress.left == 0 {
                let done = current.take();
                holds &= done.is_some_and(Progress::finish);
                current = chunks.next().map(Progress::new);
            }
        }
    })?;
    Ok(holds && current.is_none() && whole.is_none_or(|digest| all.finish() == digest))
}

/// The state of a chunk that is being read.
struct Progress {
    left: u64,
    expected: Option<Digest>,
    hasher: Hasher,
    zeros: bool,
}

impl Progress {
    fn new(chunk: &Chunk) -> Self {
        let algorithm = chunk.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let Chunk { size, digest, zeros } = *chunk;
        Self { left: size, expected: digest, hasher: Hasher::new(algorithm), zeros }
    }

    /// False if zeros were announced but other bytes come.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.left -= bytes.len() as u64;
        if self.expected.is_some() {
            self.hasher.update(bytes);
        }
        !self.zeros || bytes.iter().all(|byte| *byte == 0)
    }

    fn finish(self) -> bool {
        self.expected.is_none_or(|digest| self.hasher.finish() == digest)
    }
}

/// What the manifest announces about a table of contents of this layer: the annotations, in a fixed order; none if there is no
/// table.
pub(super) fn announced(layer: &Descriptor) -> Vec<(&'static str, String)> {
    let names = CHUNKED.iter().flatten().chain([&STARGZ]);
    names.filter_map(|name| Some((*name, layer.annotations.get(*name)?.clone()))).collect()
}

#[cfg(test)]
mod tests;

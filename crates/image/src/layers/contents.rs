//! Layers with their own table of contents: eStargz and zstd:chunked.
//!
//! Runtimes that pull lazily (the stargz snapshotter, podman's partial pulls) never see the tar: they show
//! the files that the table lists, with the content of the listed digests. All others unpack the tar. A table that
//! differs from the tar makes two images out of one. Therefore the two are compared, entry by entry and byte by byte,
//! and a layer in which they differ is refused. A table counts if the manifest names its digest; otherwise, runtimes do
//! not use it.
//!
//! Follows the stargz snapshotter's `docs/estargz.md` ("TOC, TOCEntries and Footer", "Content Verification") and
//! containers/storage's `zstd:chunked` (`pkg/chunked`). Both list entries in the order of the tar.
//!
//! ```json
//! {"version": 1, "entries": [{"name": "bin/busybox", "type": "reg", "size": 833104, "mode": 33261, "offset": 126,
//!   "digest": "sha256:8b7c…", "chunkDigest": "sha256:8b7c…"}]}
//! ```

mod compare;
mod estargz;
mod format;
mod parts;
mod ranges;
mod table;
mod zstd_chunked;

use std::io::{self, Read as _};

use plimsoll_core::{Digest, LimitExceeded, Limits, read};

use super::pipe::Pipe;
use crate::inflate::{Budget, Inflate, detect};
use crate::tar::{Kind, Reader};
use crate::{Descriptor, Error};
use compare::compare;
use table::listed;
use zstd_chunked::{Position, ZstdChunked};

pub(super) use parts::{is_readable_in_parts, read_in_parts};
pub(super) use ranges::Refusal;

/// The last entry of an eStargz layer.
const TABLE: &[u8] = b"stargz.index.json";

/// Compares the layer's table of contents with its tar, if it has one.
pub(super) fn check(pipe: &Pipe<'_>) -> Result<(), Error> {
    let descriptor = &pipe.layer.descriptor;
    let what = format!("layer {}", descriptor.digest);
    let annotation = |name: &str| descriptor.annotations.get(name).map(String::as_str);
    let stargz = annotation(estargz::DIGEST);
    let mut tables = Vec::new();
    for ZstdChunked { annotations: [checksum, position] } in [ZstdChunked::CURRENT, ZstdChunked::FORMER] {
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
    Error::malformed(what, format!("its table of contents, which runtimes that pull lazily use, {problem}"))
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
                return Err(differs(what, "occurs twice"));
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
    let Some(position) = Position::parse(position) else {
        return Err(differs(what, "is announced at an invalid position"));
    };
    let Position { offset, length, unpacked } = position;
    within(length.max(unpacked), what, limits)?;
    if position.end(layer.descriptor.size).is_none() {
        return Err(differs(what, "would be outside the layer"));
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
/// The annotations with which the manifest announces a table of contents of this layer, in a fixed order. Empty if
/// there is no table.
pub(super) fn announced(layer: &Descriptor) -> Vec<(&'static str, String)> {
    let names = format::LIST.into_iter().flat_map(format::Format::annotations);
    names.filter_map(|name| Some((*name, layer.annotations.get(*name)?.clone()))).collect()
}

#[cfg(test)]
mod tests;

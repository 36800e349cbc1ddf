//! The rows of a table of contents.
//!
//! Both formats use the same JSON: each entry of the tar is a row, and a file of several parts has a row of the type
//! `chunk` for each further part.

use std::collections::BTreeMap;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Limits, json};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{differs, parsed_digest};
use crate::Error;
use crate::manifest::strict;

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
    "innerOffset",
    "mode",
    "xattrs",
];
/// An entry of a table.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(default)]
    pub(super) link_name: String,
    #[serde(default)]
    pub(super) digest: String,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(default)]
    chunk_digest: String,
    #[serde(default)]
    chunk_type: String,
    #[serde(default)]
    pub(super) mode: i64,
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    end_offset: i64,
    #[serde(default)]
    inner_offset: i64,
    #[serde(default)]
    pub(super) xattrs: Option<BTreeMap<String, String>>,
}

/// The table's description of one entry of the tar.
pub(super) struct Listed {
    pub(super) row: Row,
    /// The parts of a file, which are adjacent and cover all of it.
    pub(super) chunks: Vec<Chunk>,
    /// Bytes of all of them together.
    covered: u64,
}

/// A part of a file that is compressed separately.
pub(super) struct Chunk {
    /// Bytes of its content.
    pub(super) size: u64,
    /// Its offset in the layer. Only reading by ranges needs these three fields, and it checks them.
    pub(super) offset: i64,
    /// Its end, if the table states it: zstd:chunked does, for a whole file.
    pub(super) end_offset: i64,
    /// How many bytes at that offset come before it when uncompressed: several files can be compressed together.
    pub(super) inner_offset: i64,
    pub(super) digest: Option<Digest>,
    pub(super) zeros: bool,
}

/// Reads a table. Names that differ only in case are refused: Go treats them as the same.
pub(super) fn listed(table: &[u8], what: &str, limits: &Limits) -> Result<Vec<Listed>, Error> {
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

/// The part of a file that starts where the previous part ended.
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
    Ok(Chunk {
        size: own,
        offset: row.offset,
        end_offset: row.end_offset,
        inner_offset: row.inner_offset,
        digest,
        zeros: row.chunk_type == "zeros",
    })
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

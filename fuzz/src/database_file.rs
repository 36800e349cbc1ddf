//! Puts a database file together from its parts, with digests that hold: no fuzzer finds one, and what is behind them is to be read.
//!
//! ```text
//! header · directory of packages · directory of texts · blocks of packages · blocks of texts
//! ```
//!
//! Directories come without digests, and blocks of texts uncompressed: their stored lengths are those here. The test of the seeds in
//! `crates/vuln` has this file too, so that a new format is not forgotten here.

use plimsoll_core::Digest;
use serde_json::{Value, json};

/// The file that has these parts; `start` is the magic and the format. `None` if the header is not a JSON object with both parts.
pub fn assembled(start: &[u8], [header, packages, texts, names, details]: [&[u8]; 5]) -> Option<Vec<u8>> {
    let (package_directory, package_blocks) = part(packages, names, |block| Some(block.to_vec()))?;
    let (text_directory, text_blocks) = part(texts, details, |block| zstd::bulk::compress(block, 1).ok())?;
    let mut header: Value = serde_json::from_slice(header).ok()?;
    for (name, directory, blocks) in
        [("packages", &package_directory, &package_blocks), ("texts", &text_directory, &text_blocks)]
    {
        *header.get_mut(name)? = json!({
            "directory": {"bytes": directory.len(), "digest": Digest::sha256(directory)},
            "bytes": blocks.len(),
        });
    }
    let header = header.to_string();
    let mut file = start.to_vec();
    file.extend_from_slice(&u32::try_from(header.len()).ok()?.to_le_bytes());
    file.extend_from_slice(Digest::sha256(header.as_bytes()).as_bytes());
    for part in [header.as_bytes(), &package_directory, &text_directory, &package_blocks, &text_blocks] {
        file.extend_from_slice(part);
    }
    Some(file)
}

/// A directory with digests, and its blocks as they are stored. What does not decode stays as it is.
fn part(
    directory: &[u8],
    mut blocks: &[u8],
    store: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut out, mut stored) = (Vec::new(), Vec::new());
    let mut rest = directory;
    copy_number(&mut rest, &mut out);
    while !rest.is_empty() {
        let mut entry = rest;
        let mut written = Vec::new();
        let Some(name) =
            copy_number(&mut entry, &mut written).and_then(|length| entry.split_at_checked(length))
        else {
            break;
        };
        written.extend_from_slice(name.0);
        entry = name.1;
        let length = copy_number(&mut entry, &mut Vec::new());
        let Some((block, after)) = length.and_then(|length| blocks.split_at_checked(length)) else { break };
        let block = store(block)?;
        put_number(&mut written, block.len());
        if copy_number(&mut entry, &mut written).is_none() {
            break;
        }
        written.extend_from_slice(Digest::sha256(&block).as_bytes());
        out.append(&mut written);
        stored.extend_from_slice(&block);
        (rest, blocks) = (entry, after);
    }
    out.extend_from_slice(rest);
    stored.extend_from_slice(blocks);
    Some((out, stored))
}

/// Moves a LEB128 number from one to the other.
fn copy_number(from: &mut &[u8], to: &mut Vec<u8>) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (first, rest) = from.split_first()?;
        *from = rest;
        to.push(*first);
        value |= usize::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

//! `RECORD`: the files that an installer wrote for a wheel, with their digests. Only read if every file is listed, to name the
//! owners.
//!
//! Follows the specification "Recording installed projects". It is CSV. Paths are relative to the folder that contains
//! `*.dist-info`:
//!
//! ```text
//! requests/api.py,sha256=_Zb9Oa7tzVIizTKwFrPjDEY9ejtm_OnSRERnADxGsQs,6449
//! ../../../bin/normalizer,sha256=…,230
//! "requests/a, b.py",,
//! ```

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::inventory::{ComponentIndex, ProblemCode};
use crate::ownership::{Record, RecordedDigest};
use crate::path::folder_of;

/// The most files of one distribution. The largest known has 30,000. A line of three bytes takes fifty in memory.
const MAX_FILES: usize = 500_000;
/// Bytes of all paths that the files of all distributions have from the root. A line of two bytes in a deep folder stands for
/// thousands, and each is looked up. A million real files have 100 MiB.
const MAX_PATHS: u64 = 512 * 1024 * 1024;
/// Files that a problem names.
const MAX_NAMED: usize = 3;

/// The fact about a `RECORD`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recorded {
    files: Vec<Record>,
    /// Whether there are more.
    is_cut: bool,
    /// Files whose digest is of another algorithm than SHA-1 and SHA-256.
    #[serde(default)]
    not_compared: usize,
}

impl Footprint for Recorded {
    fn footprint(&self) -> usize {
        size_of::<Self>() + Record::bytes(&self.files)
    }
}

/// Reads the lines that name a file. A name with a line break in it has no owner.
pub(super) fn read(content: &[u8]) -> Recorded {
    let text = String::from_utf8_lossy(content);
    let mut not_compared = 0;
    let mut records = text.lines().filter_map(|line| record(line, &mut not_compared));
    let files: Vec<Record> = records.by_ref().take(MAX_FILES).collect();
    let is_cut = records.next().is_some();
    Recorded { files, is_cut, not_compared }
}

fn record(line: &str, not_compared: &mut usize) -> Option<Record> {
    let (path, rest) = path(line.trim_end())?;
    if path.is_empty() {
        return None;
    }
    let stated = rest.split(',').next().unwrap_or_default();
    let digest = match stated.split_once('=') {
        Some(("sha256", digest)) => {
            Some(decoded(digest).map_or(RecordedDigest::Unusable, RecordedDigest::Sha256))
        }
        Some(("sha1", digest)) => {
            Some(decoded(digest).map_or(RecordedDigest::Unusable, RecordedDigest::Sha1))
        }
        None if stated.is_empty() => None,
        // The specification allows what Python's hashlib has. Of a listed file, only these two are known.
        _ => {
            *not_compared += 1;
            None
        }
    };
    Some(Record { path: path.into(), digest })
}

fn decoded<const N: usize>(digest: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(digest.trim_end_matches('=')).ok()?.try_into().ok()
}

/// The first field, and what follows the comma after it.
fn path(line: &str) -> Option<(String, &str)> {
    let Some(mut rest) = line.strip_prefix('"') else {
        let (path, rest) = line.split_once(',').unwrap_or((line, ""));
        return Some((path.to_owned(), rest));
    };
    let mut path = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        path.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                path.push('"');
                rest = after;
            }
            None => return Some((path, after.strip_prefix(',').unwrap_or(after))),
        }
    }
}

/// Names the distributions that own files: `components` has those in each folder of metadata. Whoever changes a file and
/// `RECORD` with it is not noticed.
pub(super) fn own<'f>(
    context: &mut Context<'_, 'f>,
    selection: u16,
    components: &BTreeMap<&'f str, ComponentIndex>,
) {
    let Some(list) = context.listed() else { return };
    let mut left = MAX_PATHS;
    for (file, Recorded { files, is_cut, not_compared }) in context.distinct::<Recorded>(&[selection]) {
        if context.is_stopped() {
            return;
        }
        let folder = super::place::folder(&file.real_path);
        let Some(owner) = components.get(folder).copied() else { continue };
        let (mut changed, mut named) = (0, Vec::new());
        let max = context.limits.path_bytes;
        let is_known = each_place(folder_of(folder), files, max, &mut left, |place, record| {
            let Some((number, listed)) = list.at(place.as_bytes()).and_then(|at| Some((at, list.get(at)?)))
            else {
                return;
            };
            context.found.owned.push((number, owner));
            let is_same = match &record.digest {
                Some(RecordedDigest::Sha256(digest)) => *digest == listed.content.sha256,
                Some(RecordedDigest::Sha1(digest)) => *digest == listed.content.sha1,
                Some(RecordedDigest::Unusable | RecordedDigest::Md5(_)) => false,
                None => true,
            };
            if !is_same {
                changed += 1;
                if named.len() < MAX_NAMED {
                    named.push(plimsoll_core::text::shortened(place));
                }
            }
        });
        if changed > 0 {
            let more = if changed > named.len() { ", …" } else { "" };
            let detail =
                format!("{changed} files are not those that were installed: {}{more}", named.join(", "));
            context.problem(ProblemCode::MetadataDisagrees, &file.path, detail);
        }
        if *not_compared > 0 {
            let detail = format!(
                "{not_compared} files have digests that are not compared: only SHA-1 and SHA-256 are"
            );
            context.problem(ProblemCode::MetadataDisagrees, &file.path, detail);
        }
        if !is_known {
            let detail = format!("names files by more than {MAX_PATHS} bytes, and the others have no owner");
            context.problem(ProblemCode::FileNotListed, &file.path, detail);
        }
        if *is_cut {
            let detail = format!("names more than {MAX_FILES} files, and the others have no owner");
            context.problem(ProblemCode::FileNotListed, &file.path, detail);
        }
    }
    for unread in context.unread(selection).collect::<Vec<_>>() {
        let detail = format!("the owner of the files that it names is not known: {}", unread.why);
        context.problem(ProblemCode::FileNotListed, unread.path, detail);
    }
}

/// Passes the path of each file from the root to `take`. Paths have at most `left` bytes together, which become less. Returns whether
/// that was enough.
fn each_place(
    folder: &str,
    files: &[Record],
    max: u64,
    left: &mut u64,
    mut take: impl FnMut(&str, &Record),
) -> bool {
    let mut place = String::new();
    for record in files {
        // The folder counts as well if the path leads out of it.
        let work = (folder.len() + record.path.len()) as u64;
        let Some(after) = left.checked_sub(work) else { return false };
        *left = after;
        if resolve(folder, &record.path, max, &mut place) {
            take(&place, record);
        }
    }
    true
}

/// Writes the path of a file from the root into `place`. Returns whether there is one.
fn resolve(folder: &str, path: &str, max: u64, place: &mut String) -> bool {
    place.clear();
    if !path.starts_with('/') {
        place.push_str(folder);
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => place.truncate(place.rfind('/').unwrap_or(0)),
            name => {
                if !place.is_empty() {
                    place.push('/');
                }
                place.push_str(name);
            }
        }
        if place.len() as u64 > max {
            return false;
        }
    }
    !place.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_installers_write_them() {
        let digest = URL_SAFE_NO_PAD.encode([0xfb; 32]);
        let text = format!(
            "a/b.py,sha256={digest},3\r\n\"a/c, \"\"d\"\".py\",,\n../../bin/x,sha256=short,1\nold,md5=x,1\nnew,sha384=x,1\nmore,sha512=x,\n\n,,\n\"never closed"
        );
        let Recorded { files, is_cut, not_compared } = read(text.as_bytes());
        assert_eq!(not_compared, 3);
        let told: Vec<_> = files.iter().map(|file| (&*file.path, file.digest.clone())).collect();
        let expected = [
            ("a/b.py", Some(RecordedDigest::Sha256([0xfb; 32]))),
            ("a/c, \"d\".py", None),
            ("../../bin/x", Some(RecordedDigest::Unusable)),
            ("old", None),
            ("new", None),
            ("more", None),
        ];
        assert_eq!((told.as_slice(), is_cut), (&expected[..], false));
    }

    #[test]
    fn a_record_of_millions_is_cut() {
        let Recorded { files, is_cut, .. } = read("a\n".repeat(MAX_FILES + 1).as_bytes());
        assert_eq!((files.len(), is_cut), (MAX_FILES, true));
    }

    #[test]
    fn short_lines_in_a_deep_folder_are_not_a_million_long_paths() {
        let folder = "deep/".repeat(800);
        let Recorded { files, .. } = read("a\n".repeat(100_000).as_bytes());
        let (mut left, mut taken) = (1 << 20, 0);
        assert!(!each_place(&folder, &files, 1 << 20, &mut left, |_, _| taken += 1));
        assert_eq!(taken, (1 << 20) / (folder.len() + 1));
        let (mut left, mut bytes) = (1 << 20, 0);
        assert!(each_place("x", &files, 4096, &mut left, |place, _| bytes += place.len()));
        assert_eq!((bytes, left), (300_000, (1 << 20) - 200_000));
    }

    #[test]
    fn paths_stay_in_the_root_and_within_the_limit() {
        let mut place = String::new();
        for (path, expected) in [
            ("a.py", "usr/lib/x/a.py"),
            ("../../../bin/a", "bin/a"),
            ("../../../../../etc/a", "etc/a"),
            ("/opt/./a", "opt/a"),
            ("../..", "usr"),
        ] {
            assert!(resolve("usr/lib/x", path, 4096, &mut place), "{path}");
            assert_eq!(place, expected);
        }
        assert!(!resolve("usr", "..", 4096, &mut place));
        assert!(!resolve("usr", &"a/".repeat(9000), 4096, &mut place));
    }
}

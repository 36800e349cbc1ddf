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
/// Files that a problem names.
const MAX_NAMED: usize = 3;

/// The fact about a `RECORD`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recorded {
    files: Vec<Record>,
    /// Whether there are more.
    is_cut: bool,
}

impl Footprint for Recorded {
    fn footprint(&self) -> usize {
        size_of::<Self>() + Record::bytes(&self.files)
    }
}

/// Reads the lines that name a file. A name with a line break in it has no owner.
pub(super) fn read(content: &[u8]) -> Recorded {
    let text = String::from_utf8_lossy(content);
    let mut records = text.lines().filter_map(record);
    let files: Vec<Record> = records.by_ref().take(MAX_FILES).collect();
    Recorded { files, is_cut: records.next().is_some() }
}

fn record(line: &str) -> Option<Record> {
    let (path, rest) = path(line.trim_end())?;
    let digest = rest.split(',').next().unwrap_or_default().strip_prefix("sha256=");
    let digest = digest.map(|digest| {
        let bytes = URL_SAFE_NO_PAD.decode(digest.trim_end_matches('=')).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(RecordedDigest::Unusable, RecordedDigest::Sha256)
    });
    (!path.is_empty()).then(|| Record { path: path.into(), digest })
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
    let mut place = String::new();
    for (file, Recorded { files, is_cut }) in context.distinct::<Recorded>(&[selection]) {
        if context.is_stopped() {
            return;
        }
        let folder = super::place::folder(&file.real_path);
        let Some(owner) = components.get(folder).copied() else { continue };
        let (mut changed, mut named) = (0, Vec::new());
        for record in files {
            if !resolve(folder_of(folder), &record.path, context.limits.path_bytes, &mut place) {
                continue;
            }
            let Some((number, listed)) = list.at(place.as_bytes()).and_then(|at| Some((at, list.get(at)?)))
            else {
                continue;
            };
            context.found.owned.push((number, owner));
            let is_same = match &record.digest {
                Some(RecordedDigest::Sha256(digest)) => *digest == listed.content.sha256,
                Some(RecordedDigest::Unusable) => false,
                _ => true,
            };
            if !is_same {
                changed += 1;
                if named.len() < MAX_NAMED {
                    named.push(plimsoll_core::text::shortened(&place));
                }
            }
        }
        if changed > 0 {
            let more = if changed > named.len() { ", …" } else { "" };
            let detail =
                format!("{changed} files are not those that were installed: {}{more}", named.join(", "));
            context.problem(ProblemCode::MetadataDisagrees, &file.path, detail);
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
            "a/b.py,sha256={digest},3\r\n\"a/c, \"\"d\"\".py\",,\n../../bin/x,sha256=short,1\nold,md5=x,1\n\n,,\n\"never closed"
        );
        let Recorded { files, is_cut } = read(text.as_bytes());
        let told: Vec<_> = files.iter().map(|file| (&*file.path, file.digest.clone())).collect();
        let expected = [
            ("a/b.py", Some(RecordedDigest::Sha256([0xfb; 32]))),
            ("a/c, \"d\".py", None),
            ("../../bin/x", Some(RecordedDigest::Unusable)),
            ("old", None),
        ];
        assert_eq!((told.as_slice(), is_cut), (&expected[..], false));
    }

    #[test]
    fn a_record_of_millions_is_cut() {
        let Recorded { files, is_cut } = read("a\n".repeat(MAX_FILES + 1).as_bytes());
        assert_eq!((files.len(), is_cut), (MAX_FILES, true));
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

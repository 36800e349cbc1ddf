//! How a reader sees an archive: a list of entries, or a refusal. And the readers that can be asked.
//!
//! ```text
//! ARCHIVE ⇥ KIND ⇥ BYTES ⇥ SHA-256 ⇥ =HEX OF THE FIRST 16 BYTES ⇥ =HEX OF THE NAME ⇥ =HEX OF THE LINK
//! ARCHIVE ⇥ error ⇥ TEXT
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use plimsoll_core::{Digest, Limits};
use plimsoll_image::tar::{Kind, Reader};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    kind: String,
    size: u64,
    digest: String,
    head: Vec<u8>,
    name: Vec<u8>,
    link: Vec<u8>,
}

/// All of an archive.
pub(crate) type View = Result<Vec<Seen>, String>;

impl Seen {
    fn new(kind: &str, name: &[u8], content: &[u8], link: &[u8]) -> Self {
        Self {
            kind: kind.to_owned(),
            size: content.len() as u64,
            digest: Digest::sha256(content).hex(),
            head: content[..content.len().min(16)].to_vec(),
            name: relative(name),
            link: link.to_vec(),
        }
    }

    fn parse(line: &str) -> (String, View) {
        let columns: Vec<&str> = line.split('\t').collect();
        let bytes = |column: usize| hex::decode(columns[column].trim_start_matches('=')).unwrap();
        let view = match columns[1] {
            "error" => Err(columns[2].to_owned()),
            kind => Ok(vec![Self {
                kind: kind.to_owned(),
                size: columns[2].parse().unwrap(),
                digest: columns[3].to_owned(),
                head: bytes(4),
                name: relative(&bytes(5)),
                link: bytes(6),
            }]),
        };
        (columns[0].to_owned(), view)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name.escape_ascii())?;
        match self.kind.as_str() {
            "file" if self.size > 16 => write!(f, " = {} bytes {:.12}", self.size, self.digest),
            "file" => write!(f, " = \"{}\"", self.head.escape_ascii()),
            "symlink" | "hardlink" => write!(f, " -> {}", self.link.escape_ascii()),
            _ => Ok(()),
        }
    }
}

/// A view as text: an entry a line, or the refusal.
pub(crate) fn shown(view: &View) -> String {
    match view {
        Err(error) => format!("refused: {error}"),
        Ok(entries) => entries.iter().fold(String::new(), |mut text, entry| {
            writeln!(text, "{entry}").unwrap();
            text
        }),
    }
}

/// Names as every unpacker interprets them: below the root, without `.` and doubled slashes. A `..` stays.
fn relative(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.collect::<Vec<_>>().join(&b'/')
}

/// What Plimsoll sees.
pub(crate) fn ours(archive: &[u8]) -> View {
    let mut reader = Reader::new(archive, "odd.tar", &Limits::default());
    let mut entries = Vec::new();
    while reader.advance().map_err(|error| error.to_string())? {
        let entry = reader.entry().clone();
        let seen = match entry.kind {
            Kind::File if entry.size > 1 << 20 => return Err("too big for this comparison".to_owned()),
            Kind::File => {
                let content = reader.content().map_err(|error| error.to_string())?;
                Seen::new("file", &entry.path, &content, b"")
            }
            Kind::Symlink => Seen::new("symlink", &entry.path, b"", &entry.link),
            Kind::Hardlink => Seen::new("hardlink", &entry.path, b"", &entry.link),
            Kind::Directory => Seen::new("directory", &entry.path, b"", b""),
            Kind::Device | Kind::Other => Seen::new("other", &entry.path, b"", b""),
        };
        entries.push(seen);
    }
    Ok(entries)
}

/// What Python's tarfile sees in each archive of `folder`; `None` without Python.
pub(crate) fn python(folder: &Path) -> Option<BTreeMap<String, View>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/list.py");
    if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no python3");
        return None;
    }
    Some(views(folder, Command::new("python3").args(["-I", script]).arg(folder)))
}

/// What Go's archive/tar sees in each archive of `folder`; `None` without the peers, which need Go.
pub(crate) fn go(folder: &Path) -> Option<BTreeMap<String, View>> {
    if std::env::var_os("PLIMSOLL_PEERS").is_none() {
        eprintln!("skipped: no peers ($PLIMSOLL_PEERS)");
        return None;
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/gotar/main.go");
    Some(views(folder, Command::new("go").args(["run", program]).arg(folder).env("GOTOOLCHAIN", "local")))
}

fn views(folder: &Path, command: &mut Command) -> BTreeMap<String, View> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    let mut views: BTreeMap<String, View> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| (entry.unwrap().file_name().into_string().unwrap(), Ok(Vec::new())))
        .collect();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (archive, view) = Seen::parse(line);
        let all = views.get_mut(&archive).unwrap();
        match (all.as_mut(), view) {
            (Ok(all), Ok(entries)) => all.extend(entries),
            (_, view) => *all = view,
        }
    }
    views
}

/// What GNU tar sees; `None` without GNU tar. It unpacks nothing: it lists the archive and prints all
/// contents one after the other.
pub(crate) fn gnu_tar(archive: &Path) -> Option<View> {
    let tar = |arguments: &[&str]| {
        let empty = tempfile::tempdir().unwrap();
        let run = Command::new("tar")
            .args(arguments)
            .arg(archive)
            .env("LC_ALL", "C")
            .current_dir(empty.path())
            .output()
            .unwrap();
        let left: Vec<_> = fs::read_dir(empty.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        run
    };
    let version = Command::new("tar").arg("--version").output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"tar (GNU tar)")) {
        eprintln!("skipped: no GNU tar");
        return None;
    }
    let listing = tar(&["-P", "-tv", "--full-time", "--numeric-owner", "--quoting-style=escape", "-f"]);
    let contents = tar(&["-P", "-xO", "-f"]);
    if !listing.status.success() || !contents.status.success() {
        let said = [listing.stderr, contents.stderr].concat();
        return Some(Err(String::from_utf8_lossy(&said).into_owned()));
    }
    let mut contents = contents.stdout.as_slice();
    let mut entries = Vec::new();
    for line in String::from_utf8(listing.stdout).unwrap().lines() {
        // -rw-r--r-- 0/0  5 1970-01-01 00:00:00 name
        let mut columns = line.splitn(2, ' ');
        let mode = columns.next().unwrap();
        let mut rest = columns.next().unwrap().trim_start();
        let mut column = || {
            let (first, others) = rest.split_once(' ').unwrap();
            rest = others.trim_start_matches(' ');
            first.to_owned()
        };
        let (_owner, size, _day) = (column(), column(), column());
        let (_time, name) = rest.split_once(' ').unwrap();
        let (kind, separator) = match &mode[..1] {
            "-" | "C" => ("file", None),
            "l" => ("symlink", Some(" -> ")),
            "h" => ("hardlink", Some(" link to ")),
            "d" => ("directory", None),
            _ => ("other", None),
        };
        let (name, link) = separator.map_or((name, ""), |separator| name.split_once(separator).unwrap());
        let content = match kind {
            "file" => {
                let Some((content, others)) = contents.split_at_checked(size.parse().unwrap()) else {
                    return Some(Err(format!("fewer bytes than listed: {line}")));
                };
                contents = others;
                content
            }
            _ => b"",
        };
        entries.push(Seen::new(kind, &unescaped(name), content, &unescaped(link)));
    }
    Some(Ok(entries))
}

/// Undoes `--quoting-style=escape`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = text.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&code, rest) = left.split_first().unwrap();
        left = rest;
        match code {
            b'0'..=b'3' => {
                let digits = std::str::from_utf8(&left[..2]).unwrap();
                let low = u8::from_str_radix(digits, 8).unwrap();
                bytes.push(((code - b'0') << 6) | low);
                left = &left[2..];
            }
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'v' => bytes.push(11),
            other => bytes.push(other),
        }
    }
    bytes
}

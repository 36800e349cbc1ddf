//! Random archives: entries of every kind and dialect, preceded by headers that rename and resize them. Most
//! of them could come from some program. One in three is hostile, with wrong sizes, contradictory headers,
//! and damage. Every run makes the same archives.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::tars::{Tar, checksum, record};

/// A part of an archive.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Entry { kind: u8, name: String, link: String, content: String, dialect: Dialect, claims: Option<u64> },
    Extended(Vec<(&'static str, String)>),
    Global(&'static str, String),
    Long(u8, String),
    Zeros,
    Damage { at: usize, byte: u8, summed: bool },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    V7,
    Ustar(&'static str),
    Gnu,
    Base256,
    Spaces,
}

fn name() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &["a", "b", "d/", "d/f", "./a", "/a", "d//g", "\u{e9}", "a b", "d", "f/"];
    prop_oneof![12 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => Just("n".repeat(99))]
}

fn number() -> impl Strategy<Value = String> {
    const NUMBERS: &[&str] =
        &["0", "1", "3", "512", "1024", "007", "-1", "+1", "1e3", "", " 1", "9223372036854775807"];
    prop::sample::select(NUMBERS).prop_map(str::to_owned)
}

fn records() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let record = prop_oneof![
        4 => name().prop_map(|name| ("path", name)),
        2 => name().prop_map(|name| ("linkpath", name)),
        3 => number().prop_map(|size| ("size", size)),
        1 => Just(("comment", "x".to_owned())),
        1 => Just(("mtime", "-1.5".to_owned())),
        1 => Just(("path", String::new())),
        1 => number().prop_map(|size| ("GNU.sparse.realsize", size)),
        1 => number().prop_map(|size| ("GNU.sparse.size", size)),
        1 => name().prop_map(|name| ("GNU.sparse.name", name)),
        1 => Just(("GNU.sparse.map", "0,1".to_owned())),
        1 => Just(("GNU.sparse.numblocks", "1".to_owned())),
        1 => prop::sample::select(&["0", "1"][..]).prop_map(|major| ("GNU.sparse.major", major.to_owned())),
        1 => prop::sample::select(&["0", "1"][..]).prop_map(|minor| ("GNU.sparse.minor", minor.to_owned())),
    ];
    prop::collection::vec(record, 0..4)
}

fn piece() -> impl Strategy<Value = Piece> {
    let kind = prop::sample::select(&b"00000000\x00\x00125571236SVZ"[..]);
    let content = prop::sample::select(&["", "x", "abc", "1\n0\n1\n"][..]).prop_map(str::to_owned);
    let content = prop_oneof![4 => content, 1 => Just("y".repeat(512)), 1 => Just("z".repeat(600))];
    let dialect = prop_oneof![
        Just(Dialect::V7),
        Just(Dialect::Ustar("")),
        Just(Dialect::Ustar("p")),
        Just(Dialect::Gnu),
        Just(Dialect::Base256),
        Just(Dialect::Spaces),
    ];
    let claims = prop_oneof![6 => Just(None), 1 => prop::sample::select(&[0_u64, 1, 512, 700, 1024][..]).prop_map(Some)];
    prop_oneof![
        8 => (kind, name(), name(), content, dialect, claims).prop_map(|(kind, name, link, content, dialect, claims)| {
            Piece::Entry { kind, name, link, content, dialect, claims }
        }),
        3 => records().prop_map(Piece::Extended),
        1 => prop_oneof![Just(Piece::Global("comment", "x".to_owned())), name().prop_map(|name| Piece::Global("path", name))],
        2 => (prop::sample::select(&b"LK"[..]), name()).prop_map(|(kind, name)| Piece::Long(kind, name)),
        1 => Just(Piece::Long(b'L', String::new())),
        1 => Just(Piece::Zeros),
        1 => (any::<usize>(), any::<u8>(), any::<bool>()).prop_map(|(at, byte, summed)| Piece::Damage { at, byte, summed }),
    ]
}

/// A name that says nothing about the kind of its entry.
fn plain() -> impl Strategy<Value = String> {
    name().prop_map(|name| name.trim_end_matches('/').to_owned())
}

/// An entry as programs write it, with the headers before it.
fn honest() -> impl Strategy<Value = Vec<Piece>> {
    let before = prop_oneof![
        6 => Just(None),
        1 => plain().prop_map(|name| Some(Piece::Extended(vec![("path", name)]))),
        1 => (plain(), plain()).prop_map(|(name, link)| Some(Piece::Extended(vec![("path", name), ("linkpath", link)]))),
        1 => Just(Some(Piece::Extended(vec![("comment", "x".to_owned()), ("mtime", "1".to_owned())]))),
        1 => Just(Some(Piece::Global("comment", "x".to_owned()))),
        1 => plain().prop_map(|name| Some(Piece::Long(b'L', name))),
        1 => plain().prop_map(|name| Some(Piece::Long(b'K', name))),
    ];
    let content = prop::sample::select(&["", "x", "abc", "1\n0\n1\n"][..]).prop_map(str::to_owned);
    let content = prop_oneof![4 => content, 1 => Just("y".repeat(512)), 1 => Just("z".repeat(600))];
    let kind = prop::sample::select(&b"000000\x0012223556"[..]);
    let dialect = prop::sample::select(
        &[
            Dialect::V7,
            Dialect::Ustar(""),
            Dialect::Ustar("p"),
            Dialect::Gnu,
            Dialect::Base256,
            Dialect::Spaces,
        ][..],
    );
    (before, kind, plain(), plain(), content, dialect).prop_map(
        |(before, kind, name, link, content, dialect)| {
            // Devices, links and directories have no content.
            let content = if matches!(kind, b'0' | 0) { content } else { String::new() };
            before
                .into_iter()
                .chain([Piece::Entry { kind, name, link, content, dialect, claims: None }])
                .collect()
        },
    )
}

/// The parts of an archive, and whether a program could have written it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) honest: bool,
}

/// `count` archives.
pub(crate) fn archives(count: usize) -> Vec<(Made, Vec<u8>)> {
    let mut runner = TestRunner::deterministic();
    let strategy = prop_oneof![
        2 => prop::collection::vec(honest(), 1..5)
            .prop_map(|entries| Made { pieces: entries.concat(), honest: true }),
        1 => prop::collection::vec(piece(), 1..6).prop_map(|pieces| Made { pieces, honest: false }),
    ];
    let made = (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    made.map(|made| (made.clone(), made.pieces.into_iter().fold(Tar::default(), write).end())).collect()
}

fn write(tar: Tar, piece: Piece) -> Tar {
    match piece {
        Piece::Entry { kind, name, link, content, dialect, claims } => {
            tar.with(kind, &name, content.as_bytes(), |header| {
                header[157..157 + link.len()].copy_from_slice(link.as_bytes());
                let size = claims.unwrap_or(content.len() as u64);
                header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
                match dialect {
                    Dialect::V7 => header[257..265].fill(0),
                    Dialect::Ustar(prefix) => {
                        header[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
                    }
                    Dialect::Gnu => header[257..265].copy_from_slice(b"ustar  \0"),
                    Dialect::Base256 => {
                        header[257..265].copy_from_slice(b"ustar  \0");
                        header[124..128].copy_from_slice(&[0x80, 0, 0, 0]);
                        header[128..136].copy_from_slice(&size.to_be_bytes());
                    }
                    Dialect::Spaces => header[124..136].copy_from_slice(format!("{size:>11o} ").as_bytes()),
                }
                if kind == b'S' {
                    // The content as one piece behind a hole of four bytes.
                    header[386..398].copy_from_slice(b"00000000004\0");
                    header[398..410].copy_from_slice(format!("{size:011o}\0").as_bytes());
                    header[483..495].copy_from_slice(format!("{:011o}\0", size + 4).as_bytes());
                }
            })
        }
        Piece::Extended(records) => {
            let content: String = records.iter().map(|(key, value)| record(key, value)).collect();
            tar.with(b'x', "pax", content.as_bytes(), |_| {})
        }
        Piece::Global(key, value) => tar.with(b'g', "global", record(key, &value).as_bytes(), |_| {}),
        Piece::Long(kind, name) => tar.with(kind, "long", format!("{name}\0").as_bytes(), |header| {
            header[257..265].copy_from_slice(b"ustar  \0");
        }),
        Piece::Zeros => tar.raw(&[0; 512]),
        Piece::Damage { at, byte, summed } => {
            let Tar(mut bytes) = tar;
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = byte;
                let block = at / 512 * 512;
                if summed {
                    let mut header: [u8; 512] = bytes[block..block + 512].try_into().unwrap();
                    checksum(&mut header);
                    bytes[block..block + 512].copy_from_slice(&header);
                }
            }
            Tar(bytes)
        }
    }
}

/// Whether Python is known to read these parts differently from Go and GNU tar. The corpus has an archive for
/// each difference.
pub(crate) fn python_reads_otherwise(pieces: &[Piece]) -> bool {
    // A sparse file of the old kind has its size in the header; Python uses that of a record before it.
    let sizes = |piece: &Piece| match piece {
        Piece::Extended(records) => records.iter().any(|(key, _)| key.starts_with("GNU.sparse.")),
        _ => false,
    };
    let old = |piece: &Piece| matches!(piece, Piece::Entry { kind: b'S', .. });
    (pieces.iter().any(sizes) && pieces.iter().any(old)) || pieces.iter().any(Piece::python_reads_otherwise)
}

impl Piece {
    fn python_reads_otherwise(&self) -> bool {
        match self {
            // An empty value restores the header's own name; Python makes the name empty. It also does not
            // treat a renamed entry as a directory because of its last character.
            Self::Extended(records) => records
                .iter()
                .any(|(key, value)| value.is_empty() || (*key == "path" && value.ends_with('/'))),
            // If a long name follows or removes the slash, Python uses the header's name.
            Self::Long(b'L', name) | Self::Entry { kind: 0, name, .. } => name.ends_with('/'),
            // It also does not know that the kinds that GNU tar added have no prefix. Nobody unpacks a
            // volume's label.
            Self::Entry { kind: b'V' | b'M' | b'N', dialect: Dialect::Ustar(_), .. } => true,
            _ => false,
        }
    }
}

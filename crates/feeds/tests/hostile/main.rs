//! Inputs that an attacker or a broken publisher may send. Each test has the name of its row in the catalogue
//! of bad inputs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod publishers;
mod tars;

use std::fs;
use std::io::Write as _;

use plimsoll_core::{Limits, Timestamp};
use plimsoll_feeds::{BuildReport, Error, build};
use serde_json::{Value, json};
use tempfile::TempDir;

const AS_OF: &str = "2026-08-21T00:00:00Z";

fn advisory(id: &str) -> Value {
    json!({"id": id, "modified": AS_OF, "affected": [{
        "package": {"ecosystem": "PyPI", "name": "a"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}]}]})
}

/// Builds a database from one feed of PyPI, which is a file of this name.
fn built_within(file: &str, content: &[u8], limits: &Limits) -> Result<BuildReport, Error> {
    built_in("PyPI", file, content, limits)
}

/// Builds a database from one file in this folder.
fn built_in(folder: &str, file: &str, content: &[u8], limits: &Limits) -> Result<BuildReport, Error> {
    let place = TempDir::new().unwrap();
    let (from, out) = (place.path().join("from"), place.path().join("out"));
    fs::create_dir_all(from.join(folder)).unwrap();
    fs::write(from.join(folder).join(file), content).unwrap();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let result = build(&from, time(AS_OF), &out, time(AS_OF), limits);
    // A refused input leaves nothing behind that could be mistaken for a database.
    if result.is_err()
        && let Ok(mut left) = fs::read_dir(&out)
    {
        assert!(left.next().is_none(), "{left:?}");
    }
    // And nothing is ever written next to it.
    assert_eq!(fs::read_dir(from.join(folder)).unwrap().count(), 1);
    result
}

fn built(file: &str, content: &[u8]) -> Result<BuildReport, Error> {
    built_within(file, content, &Limits::default())
}

fn refused(file: &str, content: &[u8]) -> String {
    let error = match built(file, content) {
        Err(error) => error.to_string(),
        Ok(report) => panic!("{report:?}"),
    };
    assert!(error.len() < 1_000, "a message must not repeat the attack: {} bytes", error.len());
    error
}

/// One entry of a zip archive, as the two places that describe it state it.
struct Entry {
    local: String,
    central: String,
    content: Vec<u8>,
    method: u16,
    /// The size before compression that the directory states.
    size: u32,
    /// Unix mode, in the directory's external attributes.
    mode: u32,
}

impl Entry {
    fn new(name: &str, content: &[u8]) -> Self {
        Self {
            local: name.to_owned(),
            central: name.to_owned(),
            content: content.to_vec(),
            method: 0,
            size: u32::try_from(content.len()).unwrap(),
            mode: 0o100_644,
        }
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Writes a zip byte by byte (APPNOTE 4.3), because no library writes invalid ones.
fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = u32::try_from(bytes.len()).unwrap();
        let stored = u32::try_from(entry.content.len()).unwrap();
        let mut shared = Vec::new();
        shared.extend_from_slice(&20_u16.to_le_bytes());
        shared.extend_from_slice(&0_u16.to_le_bytes());
        shared.extend_from_slice(&entry.method.to_le_bytes());
        shared.extend_from_slice(&[0; 4]);
        shared.extend_from_slice(&crc(&entry.content).to_le_bytes());
        shared.extend_from_slice(&stored.to_le_bytes());
        shared.extend_from_slice(&entry.size.to_le_bytes());
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&shared);
        bytes.extend_from_slice(&u16::try_from(entry.local.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(entry.local.as_bytes());
        bytes.extend_from_slice(&entry.content);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&0x0314_u16.to_le_bytes());
        directory.extend_from_slice(&shared);
        directory.extend_from_slice(&u16::try_from(entry.central.len()).unwrap().to_le_bytes());
        directory.extend_from_slice(&[0; 8]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(entry.central.as_bytes());
    }
    let (start, length) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

fn document(id: &str) -> Vec<u8> {
    advisory(id).to_string().into_bytes()
}

#[test]
fn t16_a_zip_written_by_hand_is_read() {
    let archive =
        zip(&[Entry::new("a.json", &document("PYSEC-1")), Entry::new("b.json", &document("PYSEC-2"))]);
    assert_eq!(built("all.zip", &archive).unwrap().feeds[0].kept, 2);
}

#[test]
fn t16_two_entries_of_one_name_are_refused_because_one_would_be_hidden() {
    let archive =
        zip(&[Entry::new("a.json", &document("PYSEC-1")), Entry::new("a.json", &document("PYSEC-2"))]);
    assert!(refused("all.zip", &archive).contains("there are duplicate names"));
}

#[test]
fn t16_an_entry_with_another_name_than_in_the_directory() {
    let entry = Entry {
        local: "good.json".to_owned(),
        central: "evil.json".to_owned(),
        ..Entry::new("", &document("PYSEC-1"))
    };
    // Only the content counts here, and both readings have the same content; names are never used as paths.
    assert_eq!(built("all.zip", &zip(&[entry])).unwrap().feeds[0].kept, 1);
    // The name's length in the directory extends into the content, so the result is not a document.
    let entry =
        Entry { local: "a".repeat(40), central: "a.json".to_owned(), ..Entry::new("", &document("PYSEC-1")) };
    assert_eq!(built("all.zip", &zip(&[entry])).unwrap().feeds[0].kept, 1);
}

#[test]
fn t16_an_entry_with_a_wrong_checksum_or_size() {
    let mut archive = zip(&[Entry::new("a.json", &document("PYSEC-1"))]);
    let at = archive.windows(7).position(|window| window == b"PYSEC-1").unwrap();
    archive[at + 6] = b'9';
    assert!(refused("all.zip", &archive).contains("zip"));
    let short = Entry { size: 3, ..Entry::new("a.json", &document("PYSEC-1")) };
    // The whole uncompressed content is read, never a piece of a document.
    assert_eq!(built("all.zip", &zip(&[short])).unwrap().feeds[0].kept, 1);
}

#[test]
fn t16_symbolic_links_and_climbing_names_lead_nowhere() {
    let outside = TempDir::new().unwrap();
    let target = outside.path().join("secret.json");
    fs::write(&target, document("PYSEC-9")).unwrap();
    let link = Entry { mode: 0o120_777, ..Entry::new("a.json", target.to_str().unwrap().as_bytes()) };
    refused("all.zip", &zip(&[link]));
    for name in ["../../../../tmp/evil.json", "/etc/evil.json", "C:\\evil.json", "a\0b.json"] {
        let report = built("all.zip", &zip(&[Entry::new(name, &document("PYSEC-1"))])).unwrap();
        assert_eq!(report.feeds[0].kept, 1, "{name:?}");
    }
}

#[test]
fn t16_a_bomb_runs_into_a_named_limit() {
    let bomb = |size: usize| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer.start_file("a.json", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&vec![b' '; size]).unwrap();
        writer.finish().unwrap().into_inner()
    };
    assert!(refused("all.zip", &bomb(4 << 20)).contains("ratio"));
    assert!(refused("all.zip", &bomb(9 << 20)).contains("advisory_bytes"));
    let mut limits = Limits::default();
    limits.feed_bytes = 1_000;
    let many: Vec<Entry> = (0..20).map(|n| Entry::new(&format!("{n}.json"), &document("PYSEC-1"))).collect();
    let error = built_within("all.zip", &zip(&many), &limits).unwrap_err().to_string();
    assert!(error.contains("feed_bytes"), "{error}");
    limits = Limits::default();
    limits.advisories = 10;
    let error = built_within("all.zip", &zip(&many), &limits).unwrap_err().to_string();
    assert!(error.contains("advisories"), "{error}");
}

#[test]
fn t16_archives_that_are_truncated_or_of_another_format() {
    let whole = zip(&[Entry::new("a.json", &document("PYSEC-1"))]);
    for cut in [0, 1, 10, 50, whole.len() - 30, whole.len() - 1] {
        refused("all.zip", &whole[..cut]);
    }
    // An archive inside an archive is not a document: it is never opened, and is counted unless it claims to
    // be a document.
    refused("all.zip", &zip(&[Entry::new("inner.json", &whole)]));
    let report = built("all.zip", &zip(&[Entry::new("inner.zip", &whole)])).unwrap();
    assert_eq!((report.feeds[0].kept, report.feeds[0].skipped.len()), (0, 1));
}

/// A feed's document as text with a piece replaced.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let good = advisory("PYSEC-1").to_string();
    assert!(good.contains(from), "{good}");
    good.replacen(from, to, 1).into_bytes()
}

#[test]
fn p01_a_name_twice_in_an_advisory() {
    assert!(refused("a.json", &changed("\"id\"", "\"id\":\"PYSEC-2\",\"id\"")).contains("twice"));
    assert!(refused("a.json", &changed("\"fixed\"", "\"fixed\":\"1\",\"fixed\"")).contains("twice"));
}

#[test]
fn p02_nesting_in_an_advisory() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        refused("a.json", &changed("\"id\"", &format!("\"database_specific\":{deep},\"id\"")))
            .contains("deeper")
    );
}

#[test]
fn p03_numbers_where_text_belongs() {
    refused("a.json", &changed("\"id\"", "\"x\":1e999,\"id\""));
    for number in ["1", "-0", "1e3", "18446744073709551616"] {
        refused("a.json", &changed("\"PYSEC-1\"", number));
    }
}

#[test]
fn p04_marks_controls_and_broken_text_in_an_advisory() {
    refused("a.json", &[b"\xef\xbb\xbf", &document("PYSEC-1")[..]].concat());
    for bad in ["\\ud800", "\\u0000", "\\u001b[2J", "\\u202e", "\n"] {
        let error = refused("a.json", &changed("PYSEC-1", &format!("PYSEC{bad}-1")));
        assert!(!error.contains(['\u{1b}', '\u{202e}', '\0']), "{error:?}");
    }
    refused("a.json", &[&b"\"\xff\""[..], &document("PYSEC-1")].concat());
}

/// Every place in a document, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{name}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), out));
        }
        _ => {}
    }
}

#[test]
fn p08_another_type_anywhere_in_an_advisory_is_never_a_panic_and_never_half_a_database() {
    let mut good = advisory("PYSEC-1");
    good["severity"] = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]);
    good["aliases"] = json!(["CVE-2026-1"]);
    good["affected"][0]["versions"] = json!(["1.0"]);
    let mut all = Vec::new();
    places(&good, "", &mut all);
    let shapes = [
        json!(null),
        json!(7),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!({"": null}),
        json!([{}]),
        json!(true),
    ];
    for place in &all {
        for shape in &shapes {
            let mut other = good.clone();
            *other.pointer_mut(place).unwrap() = shape.clone();
            told(&built("a.json", other.to_string().as_bytes()), "a.json");
        }
    }
}

/// Every document that was read is kept, withdrawn or skipped with a reason, or the error says where it is.
fn told(result: &Result<BuildReport, Error>, place: &str) {
    match result {
        Ok(report) => {
            let [feed] = &report.feeds[..] else { panic!("{report:?}") };
            let skipped: u64 = feed.skipped.values().map(|tally| tally.count).sum();
            assert_eq!(feed.kept + feed.withdrawn + skipped, feed.read, "{report:?}");
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains(place) && said.len() < 1_000, "{said}");
        }
    }
}

/// A repository of Alpine's security database.
const REPOSITORY: &str = r#"{"distroversion":"v3.20","reponame":"main","packages":[{"pkg":{"name":"a","secfixes":{"1.0-r1":["CVE-1"]}}}]}"#;

fn repository(file: &str, content: &[u8]) -> Result<BuildReport, Error> {
    built_in("alpine/v3.20", file, content, &Limits::default())
}

#[test]
fn p01_p02_p04_a_repository_of_alpine_that_readers_interpret_differently() {
    assert_eq!(repository("main.json", REPOSITORY.as_bytes()).unwrap().feeds[0].kept, 1);
    for (from, to) in [
        ("\"v3.20\"", "\"v3.20\",\"distroversion\":\"edge\""),
        ("\"CVE-1\"]", "\"CVE-1\"],\"1.0-r1\":[]"),
        ("\"a\"", "\"a\\u0000\""),
        ("\"a\"", "\"a\\u202e\\nb\""),
        ("\"a\"", &format!("\"{}\"", "a".repeat(2_000))),
        ("v3.20", "v3.20\\u001b[2J"),
        ("[\"CVE-1\"]", &format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000))),
    ] {
        let text = REPOSITORY.replace(from, to);
        let error = repository("main.json", text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("v3.20/main.json") && error.len() < 1_000, "{error}");
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\ndistroversion: v3.20\nreponame: main\n";
    for text in [bomb, "distroversion: v3.20\ndistroversion: edge\n", "distroversion: !x v3.20\n"] {
        let error = repository("main.yaml", text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("v3.20/main.yaml"), "{error}");
    }
}

#[test]
fn p08_another_type_anywhere_in_a_repository_is_never_a_panic_and_never_half_a_database() {
    let document: Value = serde_json::from_str(REPOSITORY).unwrap();
    let mut all = Vec::new();
    places(&document, "", &mut all);
    for place in all {
        for other in
            [json!(null), json!(1), json!("x"), json!([]), json!({}), json!([[1]]), json!({"x": {"y": 1}})]
        {
            let mut changed = document.clone();
            *changed.pointer_mut(&place).unwrap() = other;
            told(&repository("main.json", changed.to_string().as_bytes()), "v3.20");
        }
    }
}

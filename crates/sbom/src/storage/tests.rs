//! Each reader with valid and hostile files.

use proptest::prelude::*;

use super::sample::Order;
use super::*;

const MAX: u64 = 1 << 20;

/// Reads the records of one format.
type Read = fn(&[u8], &mut Visit<'_>) -> Result<(), Malformed>;

/// Reads the blobs of `Packages`.
fn from_sqlite(content: &[u8], visit: &mut Visit<'_>) -> Result<(), Malformed> {
    let database = sqlite::Database::open(content)?;
    let there = database.table("Packages", MAX, &mut |record| {
        visit(record.map(|record| match sqlite::column(record, 1) {
            Some(sqlite::Value::Blob(blob)) => blob,
            _ => b"",
        }))
    });
    there.map(|there| assert!(there))
}

fn from_berkeley(content: &[u8], visit: &mut Visit<'_>) -> Result<(), Malformed> {
    berkeley::visit(content, 0, MAX, visit)
}

fn from_ndb(content: &[u8], visit: &mut Visit<'_>) -> Result<(), Malformed> {
    rpm_ndb::visit(content, MAX, visit)
}

/// The records that can be read, and what is wrong with the others or with the file.
fn read(read: Read, content: &[u8]) -> (Vec<Vec<u8>>, Vec<String>) {
    let (mut records, mut wrong) = (Vec::new(), Vec::new());
    let outcome = read(content, &mut |record| {
        match record {
            Ok(record) => records.push(record.to_vec()),
            Err(malformed) => wrong.push(malformed.to_string()),
        }
        ControlFlow::Continue(())
    });
    wrong.extend(outcome.err().map(|malformed| malformed.to_string()));
    (records, wrong)
}

/// A record in many pages, one in a few, and one in a single page.
fn rows() -> [Vec<u8>; 3] {
    let long = |length: u32| (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
    [long(5000), long(600), long(40)]
}

fn samples() -> Vec<(Read, Vec<u8>)> {
    let rows = rows();
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    vec![
        (from_sqlite, sample::sqlite(&rows)),
        (from_berkeley, sample::berkeley(&rows, Order::Little)),
        (from_berkeley, sample::berkeley(&rows, Order::Big)),
        (from_ndb, sample::rpm_ndb(&rows)),
    ]
}

#[test]
fn records_are_complete_however_they_are_split() {
    for (index, (reader, content)) in samples().into_iter().enumerate() {
        assert_eq!(read(reader, &content), (rows().to_vec(), Vec::new()), "sample {index}");
        let mut first = Vec::new();
        reader(&content, &mut |record| {
            first.push(record.unwrap().len());
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(first, [5000], "sample {index}: no more is read than is asked for");
    }
}

#[test]
fn a_file_that_is_truncated_or_of_another_format_is_reported() {
    for (index, (reader, content)) in samples().into_iter().enumerate() {
        for cut in [&content[..content.len() - 600], &content[..300], &content[..40], b"x"] {
            assert_ne!(read(reader, cut).1, Vec::<String>::new(), "sample {index}, {} bytes", cut.len());
        }
    }
    assert_eq!(read(from_berkeley, b"").1, ["is not a Berkeley DB hash file"]);
    // For SQLite, an empty file is a database without tables.
    assert!(!sqlite::Database::open(b"").unwrap().table("Packages", MAX, &mut |_| unreachable!()).unwrap());
}

#[test]
fn a_record_beyond_the_limit_is_reported_and_the_others_are_read() {
    let rows = rows();
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let mut lengths = Vec::new();
    let mut visit = |record: Result<&[u8], Malformed>| {
        lengths.push(record.map(<[u8]>::len).map_err(|malformed| malformed.to_string()));
        ControlFlow::Continue(())
    };
    rpm_ndb::visit(&sample::rpm_ndb(&rows), 1000, &mut visit).unwrap();
    berkeley::visit(&sample::berkeley(&rows, Order::Little), 0, 1000, &mut visit).unwrap();
    let too_long = |place| {
        Err(format!(
            "the record of 5000 bytes at {place} exceeds the limit metadata_bytes = 1000 (raise it with --limit metadata_bytes=…)"
        ))
    };
    assert_eq!(lengths, [too_long("slot 2"), Ok(600), Ok(40), too_long("page 1"), Ok(600), Ok(40)]);
}

#[test]
fn a_million_pointers_to_one_record_are_not_followed() {
    let long = vec![b'x'; 200_000];
    // SQLite: a leaf whose cells are all the same, with a record in overflow pages.
    let mut content = sample::sqlite(&[&long]);
    let leaf = 2 * 512;
    let cell = content[leaf + 8..leaf + 10].to_vec();
    content[leaf + 3..leaf + 5].copy_from_slice(&40_u16.to_be_bytes());
    for index in 0..40 {
        content[leaf + 8 + 2 * index..leaf + 10 + 2 * index].copy_from_slice(&cell);
    }
    let (records, wrong) = read(from_sqlite, &content);
    assert_eq!((records.len(), wrong.len()), (1, 1), "{wrong:?}");
    assert!(wrong[0].contains("overlap"), "{wrong:?}");
    // Berkeley DB: two values that share a chain.
    let mut content = sample::berkeley(&[&long, &long, b"x"], Order::Little);
    let item = |content: &[u8], index: usize| {
        let at = 512 + 26 + 2 * index;
        usize::from(u16::from_le_bytes([content[at], content[at + 1]])) + 512
    };
    let (first, second) = (item(&content, 3), item(&content, 5));
    content.copy_within(first..first + 12, second);
    content[second + 8..second + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (records, wrong) = read(from_berkeley, &content);
    assert_eq!((records.len(), wrong.len()), (1, 1), "{wrong:?}");
    // ndb: all slots are the first one.
    let mut content = sample::rpm_ndb(&[&long, &long]);
    for slot in 3..256 {
        content.copy_within(32..48, 16 * slot);
    }
    let (records, wrong) = read(from_ndb, &content);
    assert!(records.len() <= 2 && wrong.len() == 1, "{} {wrong:?}", records.len());
}

#[test]
fn circular_pages_end() {
    let long = vec![b'x'; 5000];
    let mut content = sample::sqlite(&[&long, b"b", b"c"]);
    // The root is its own last child.
    content[512 + 8..512 + 12].copy_from_slice(&2_u32.to_be_bytes());
    let (records, wrong) = read(from_sqlite, &content);
    assert!(records.contains(&b"b".to_vec()) && wrong.len() == 1, "{wrong:?}");
    // The second overflow page of the first row leads to itself.
    let mut content = sample::sqlite(&[&long]);
    content[4 * 512..4 * 512 + 4].copy_from_slice(&5_u32.to_be_bytes());
    assert_eq!(read(from_sqlite, &content).0[0].len(), 5000);
    let mut content = sample::berkeley(&[&long, b"b"], Order::Little);
    content[3 * 512 + 16..3 * 512 + 20].copy_from_slice(&3_u32.to_le_bytes());
    let (records, _) = read(from_berkeley, &content);
    assert!(records.contains(&b"b".to_vec()));
}

/// The headers of a log that Python's sqlite3 wrote: with changes, as it stays until the next write after they were
/// moved into the database; and while the second round of changes overwrites the first.
#[test]
fn logs_that_sqlite_wrote_are_recognised() {
    for head in [
        "377f0682002de2180000100000000000e80c8b6d79b24f9542720ffb8fa99a190000000100000000e80c8b6d79b24f95de59dd6309cca178",
        "377f0682002de2180000100000000001e80c8b6e6cbe4e8044720ffb7da8a60c0000000200000000e80c8b6e6cbe4e80ed1d5569915610df",
    ] {
        assert!(sqlite::is_pending(&hex::decode(head).unwrap()));
    }
}

#[test]
fn changes_outside_a_database_are_recognised() {
    let mut log = vec![0; 56];
    log[..4].copy_from_slice(&0x377f_0682_u32.to_be_bytes());
    log[16..24].copy_from_slice(b"saltSALT");
    assert!(!sqlite::is_pending(&log), "frames from before the last reset");
    log[40..48].copy_from_slice(b"saltSALT");
    assert!(sqlite::is_pending(&log));
    assert!(!sqlite::is_pending(&log[..32]), "a log without frames");
    assert!(sqlite::is_pending(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0\0"));
    assert!(!sqlite::is_pending(&[0; 56]), "a journal that is no longer valid");
}

proptest! {
    #[test]
    fn never_panics(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12), sample in 0_usize..4) {
        let (reader, mut content) = samples().swap_remove(sample);
        for (at, byte) in changes {
            let at = usize::from(at) % content.len();
            content[at] = byte;
        }
        let mut visit = |_: Result<&[u8], Malformed>| ControlFlow::Continue(());
        if sample == 0 {
            if let Ok(database) = sqlite::Database::open(&content) {
                let _ = database.table("Packages", MAX, &mut visit);
            }
        } else {
            let _ = reader(&content, &mut visit);
        }
    }
}

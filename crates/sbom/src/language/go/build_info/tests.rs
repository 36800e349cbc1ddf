//! Programs of both forms: complete, truncated and damaged, in pieces of any size.

use super::super::sample::{MODULES, Sample};
use super::*;

fn read(program: &[u8], piece: usize) -> Option<Result<BuildInfo, Error>> {
    read_within(program, piece, 4096)
}

fn read_within(program: &[u8], piece: usize, max: usize) -> Option<Result<BuildInfo, Error>> {
    let mut reader = Reader::new(max);
    for piece in program.chunks(piece) {
        if !reader.take(piece) {
            break;
        }
    }
    reader.finish()
}

fn expected(go: &str) -> BuildInfo {
    BuildInfo { go: go.to_owned(), modules: MODULES.as_bytes().to_vec() }
}

#[test]
fn texts_after_the_header_are_read_in_pieces_of_any_size() {
    for sample in [
        Sample::default(),
        Sample { marked: false, ..Sample::default() },
        Sample { before: 12 << 20, ..Sample::default() },
        Sample { big_endian: true, ..Sample::default() },
        Sample { narrow: true, ..Sample::default() },
        Sample { headers_elsewhere: true, ..Sample::default() },
    ] {
        let program = sample.texts("go1.22.3");
        for piece in [1, 7, 64, 4096, 1 << 16, usize::MAX] {
            if piece > 64 || program.len() < 1 << 20 {
                assert_eq!(
                    read(&program, piece),
                    Some(Ok(expected("go1.22.3"))),
                    "{sample:?}, pieces of {piece}"
                );
            }
        }
    }
}

#[test]
fn pointers_are_followed_to_data_that_have_passed() {
    for sample in [
        Sample::default(),
        Sample { before: 100_000, ..Sample::default() },
        Sample { big_endian: true, ..Sample::default() },
        Sample { narrow: true, ..Sample::default() },
    ] {
        let program = sample.pointers("go1.17.2");
        for piece in [1, 7, 64, 4096, 1 << 16, usize::MAX] {
            assert_eq!(
                read(&program, piece),
                Some(Ok(expected("go1.17.2"))),
                "{sample:?}, pieces of {piece}"
            );
        }
    }
    // Nothing shows that it is a Go program before the header comes, so nothing was kept.
    let unmarked = Sample { marked: false, ..Sample::default() };
    assert_eq!(read(&unmarked.pointers("go1.17.2"), 4096), Some(Err(Error::Pointers)));
    let elsewhere = Sample { headers_elsewhere: true, ..Sample::default() };
    assert_eq!(read(&elsewhere.pointers("go1.17.2"), 4096), Some(Err(Error::Pointers)));
}

#[test]
fn a_go_program_without_build_information_is_reported_and_another_program_is_not() {
    let silent = Sample { blob: false, ..Sample::default() };
    assert_eq!(read(&silent.texts("go1.22.3"), 4096), Some(Err(Error::Missing)));
    let of_c = Sample { marked: false, ..silent };
    assert_eq!(read(&of_c.texts("go1.22.3"), 4096), None);
    assert_eq!(read(b"#!/bin/sh\necho \xff Go buildinf:\n", 4096), None);
    assert_eq!(read(b"", 1), None);
}

#[test]
fn a_truncated_list_is_damaged_and_one_that_is_too_long_is_reported() {
    let program = Sample::default().texts("go1.22.3");
    let header = memmem::find(&program, MAGIC).unwrap();
    for end in [header + 20, header + HEADER, header + HEADER + 4, program.len() - 1] {
        let cut = &program[..end];
        assert!(matches!(read(cut, 100), Some(Err(Error::Damaged))) || end == program.len() - 1, "{end}");
    }
    assert_eq!(read_within(&program, 100, 10), Some(Err(Error::TooLong(10))));
    // The text that the pointers refer to is as long, and is not kept.
    assert_eq!(read_within(&Sample::default().pointers("go1.17.2"), 100, 10), Some(Err(Error::Pointers)));
}

#[test]
fn bytes_that_look_like_a_header_are_ignored() {
    // Programs that read the build information of others contain such bytes.
    let decoys = b"\xff Go buildinf:\x08\x02\xff Go buildinf:\0\0\xff Go buildinf:\x07\x01";
    for skew in [0, 8] {
        let between = [vec![0; skew], decoys.to_vec(), vec![0; 80 - skew]].concat();
        let program = Sample { between, ..Sample::default() }.texts("go1.22.3");
        assert_eq!(read(&program, 4096), Some(Ok(expected("go1.22.3"))), "{skew}");
    }
}

#[test]
fn dangling_and_circular_pointers_give_an_error() {
    let program = Sample::default().pointers("go1.17.2");
    let header = memmem::find(&program, MAGIC).unwrap();
    for at in [16, 24, 32, 40, 48, 56] {
        for value in [0, 1, u64::MAX, u64::MAX - 7, 0x40_0000] {
            let mut bent = program.clone();
            bent[header + at..header + at + 8].copy_from_slice(&value.to_le_bytes());
            match read(&bent, 4096) {
                Some(Ok(found)) => {
                    assert!(found.modules.is_empty() || found.go.is_empty() || found.go.starts_with('g'));
                }
                Some(Err(error)) => assert_eq!(error, Error::Pointers),
                None => panic!("{at} {value}"),
            }
        }
    }
}

#[test]
fn a_million_beginnings_cost_no_more_than_their_length() {
    let between = [BEGINNING.as_slice(), b"go1.", MAGIC].concat().repeat(100_000);
    let program = Sample { between, ..Sample::default() }.texts("go1.22.3");
    let begun = std::time::Instant::now();
    assert_eq!(read(&program, 1 << 16), Some(Ok(expected("go1.22.3"))));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

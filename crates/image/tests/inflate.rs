//! Plimsoll's gzip reader, compared with flate2's own reader: the same bytes and the same refusals, no matter
//! how the input is split.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufReader, Read as _, Write as _};

use flate2::{Compression, GzBuilder};
use plimsoll_core::Limits;
use plimsoll_image::inflate::{Budget, Inflate};
use plimsoll_image::media;
use proptest::prelude::*;

/// Reads with at most `chunk` bytes of input available at once, into `room` bytes at a time.
fn ours(bytes: &[u8], chunk: usize, room: usize) -> Result<Vec<u8>, String> {
    let limits = Limits::default();
    let budget = Budget::new(bytes.len() as u64, &limits);
    let input = BufReader::with_capacity(chunk, bytes);
    let mut inflate = Inflate::new(input, media::Compression::Gzip, budget, &limits, "layer").unwrap();
    let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
    loop {
        match inflate.fill(&mut buffer).map_err(|error| error.to_string())? {
            0 => return Ok(out),
            count => out.extend_from_slice(&buffer[..count]),
        }
    }
}

fn theirs(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    member(GzBuilder::new(), bytes, level)
}

fn member(header: GzBuilder, bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = header.write(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A member around any deflate stream.
fn framed(deflate: &[u8], content: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(content);
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [&header[..], deflate, &checksum.sum().to_le_bytes(), &checksum.amount().to_le_bytes()].concat()
}

/// One block with the fixed codes: `a`, then three bytes from `distance` (1 to 4) back.
fn reaching_back(distance: u8) -> Vec<u8> {
    let mut bits = vec![1, 1, 0];
    let mut code = |value: u8, length: u8| bits.extend((0..length).rev().map(|bit| value >> bit & 1));
    code(0x30 + b'a', 8);
    code(1, 7);
    code(distance - 1, 5);
    code(0, 7);
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | bit)).collect()
}

#[test]
fn a_match_reaches_back_to_the_beginning_of_its_member_and_no_further() {
    assert_eq!(ours(&framed(&reaching_back(1), b"aaaa"), 100, 100).unwrap(), b"aaaa");
    let beyond = framed(&reaching_back(2), b"a\0a\0");
    for bytes in [beyond.clone(), [gzip(b"before", 6), beyond].concat()] {
        let error = ours(&bytes, 100, 100).unwrap_err();
        assert!(error.contains("too far back"), "{error}");
        theirs(&bytes).unwrap_err();
    }
}

#[test]
fn the_end_of_a_member_is_found_wherever_the_input_is_cut() {
    // An empty member ends with zeros, which look the same one byte later.
    let empty = gzip(b"", 6);
    let some = gzip(b"some", 6);
    let zeros = gzip(&[0; 3000], 9);
    for members in
        [vec![&empty], vec![&empty, &empty, &some], vec![&some, &empty], vec![&zeros, &empty, &zeros, &some]]
    {
        let bytes: Vec<u8> = members.iter().flat_map(|member| member.iter().copied()).collect();
        let expected = theirs(&bytes).unwrap();
        for chunk in (1..40).chain([100_000]) {
            for room in [7, 1000] {
                assert_eq!(ours(&bytes, chunk, room).as_ref(), Ok(&expected), "{chunk} {room}");
            }
        }
        for chunk in [1, 8, 100_000] {
            for end in 0..bytes.len() {
                // It is complete only if one member ends there and another begins.
                let got = ours(&bytes[..end], chunk, 1000);
                assert_eq!(got.as_ref().ok(), theirs(&bytes[..end]).ok().as_ref(), "{end}");
                assert!(got.as_ref().err().is_none_or(|error| error.contains("cut off")), "{got:?}");
            }
            for tail in [&[0][..], &[0; 3], &[0; 512], b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08", b"tail"] {
                ours(&[&bytes, tail].concat(), chunk, 1000).unwrap_err();
            }
        }
    }
}

#[test]
fn a_checksum_and_a_length_that_do_not_hold_are_errors() {
    let whole = gzip(b"some text", 6);
    for place in whole.len() - 8..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        let error = ours(&changed, 100, 100).unwrap_err();
        assert!(error.contains("expected"), "{error}");
    }
}

#[test]
fn headers_are_read_whole_and_checked() {
    let full = GzBuilder::new().extra(vec![7; 300]).filename("name").comment("comment").mtime(5);
    let bytes = member(full, b"text", 6);
    for chunk in [1, 2, 100] {
        assert_eq!(ours(&bytes, chunk, 100).unwrap(), b"text");
    }
    for (length, whole) in [(65_535, true), (65_536, false)] {
        let named = member(GzBuilder::new().filename(vec![b'n'; length]), b"text", 6);
        assert_eq!(ours(&named, 1000, 100).is_ok(), whole);
        assert_eq!(theirs(&named).is_ok(), whole);
    }
    // The same with the header's own checksum, which is of the ten bytes here.
    let plain = gzip(b"text", 6);
    let mut header = plain[..10].to_vec();
    header[3] |= 2;
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    let low = &checksum.sum().to_le_bytes()[..2];
    let right = [&header[..], low, &plain[10..]].concat();
    assert_eq!(ours(&right, 100, 100).unwrap(), b"text");
    let wrong = [&header[..], &[low[0] ^ 1, low[1]], &plain[10..]].concat();
    assert!(ours(&wrong, 100, 100).unwrap_err().contains("header does not match"));
    for (place, value, expected) in
        [(2, 7, "got 1f 8b 07 where"), (3, 0x20, "reserved"), (0, 0, "got 00 8b 08 where")]
    {
        let mut changed = plain.clone();
        changed[place] = value;
        let error = ours(&changed, 100, 100).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

/// Bytes that compress like a layer's: runs, repetitions from near and far, and noise.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        (any::<u8>(), 1..70_000_usize).prop_map(|(byte, count)| vec![byte; count]),
        (prop::collection::vec(any::<u8>(), 1..40), 1..2000_usize)
            .prop_map(|(text, count)| text.repeat(count)),
        prop::collection::vec(any::<u8>(), 0..5000),
        prop::collection::vec(0..4_u8, 0..5000),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_was_compressed_comes_out_again(
        members in prop::collection::vec((content(), 0..10_u32), 1..4),
        chunk in prop_oneof![1..20_usize, 100..200_000_usize],
        room in prop_oneof![100..300_usize, 1000..200_000_usize],
    ) {
        let bytes: Vec<u8> = members.iter().flat_map(|(content, level)| gzip(content, *level)).collect();
        let expected: Vec<u8> = members.into_iter().flat_map(|(content, _)| content).collect();
        prop_assert!(ours(&bytes, chunk, room).as_ref() == Ok(&expected));
    }

    #[test]
    fn damage_is_seen_as_zlib_sees_it(
        content in prop::collection::vec(0..5_u8, 0..300),
        level in 0..10_u32,
        changes in prop::collection::vec((10..1000_usize, any::<u8>()), 1..4),
        chunk in 1..100_usize,
    ) {
        let mut bytes = [gzip(&content, level), gzip(b"more", level)].concat();
        for (place, change) in changes {
            let place = 10 + place % (bytes.len() - 10);
            bytes[place] ^= change;
        }
        prop_assert_eq!(ours(&bytes, chunk, 50).ok(), theirs(&bytes).ok());
    }
}

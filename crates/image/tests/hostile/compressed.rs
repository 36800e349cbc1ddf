//! Compressed layers: bombs, windows, frames, and members behind each other.

use plimsoll_core::Limits;
use plimsoll_image::error::TarProblem;
use plimsoll_image::{Error, media};
use plimsoll_testkit::{Compression, Layer};

use super::layers::{expected, gzip, source, stored};
use crate::memory::{ALL, FIXED, texts};
use crate::tars::Tar;

#[test]
fn t09_bombs_run_into_a_named_limit() {
    let bomb = |compression| source([Layer::new().file("zeros", vec![0; 8 << 20]).compression(compression)]);
    let mut limits = Limits::default();
    (limits.ratio, limits.ratio_floor_bytes) = (100, 1 << 20);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let error = bomb(compression).read_within(&ALL, &limits).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "ratio"), "{error}");
    }
    let mut limits = Limits::default();
    limits.unpacked_bytes = 1 << 20;
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Plain] {
        let error = bomb(compression).read_within(&ALL, &limits).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "unpacked_bytes"), "{error}");
    }
}

/// The tar ends early, so that only the uncompressed bytes themselves can run into the limit.
#[test]
fn t09_what_follows_the_end_of_a_tar_counts_too() {
    let tar = [Tar::default().file("a", "1").end(), vec![0; 8 << 20]].concat();
    let mut limits = Limits::default();
    limits.unpacked_bytes = 1 << 20;
    let zstd = zstd::encode_all(&tar[..], 1).unwrap();
    for (bytes, media_type) in
        [(gzip(&tar), media::OCI_LAYER_GZIP), (zstd, media::OCI_LAYER_ZSTD), (tar.clone(), media::OCI_LAYER)]
    {
        let layer = stored(&bytes, &tar, media_type);
        assert_eq!(texts(&layer.read(&ALL).unwrap()), expected(&[("a", "1")]));
        let error = layer.read_within(&ALL, &limits).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "unpacked_bytes"), "{error}");
    }
}

/// Zeros, so many that nothing but the limits that users have by themselves stops them.
#[test]
fn t09_bombs_run_into_the_limits_that_are_there_by_default() {
    const PIECE: usize = 1 << 20;
    fn bomb(mut out: impl std::io::Write) {
        let header = Tar::default()
            .with(b'0', "zeros", b"", |header| header[124..136].copy_from_slice(b"00200000000\0"));
        out.write_all(&header.0).unwrap();
        let piece = vec![0; PIECE];
        for _ in 0..270 {
            out.write_all(&piece).unwrap();
        }
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb(&mut gzip);
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    bomb(&mut zstd);
    let tar = Tar::default().end();
    for (bytes, media_type) in
        [(gzip.finish().unwrap(), media::OCI_LAYER_GZIP), (zstd.finish().unwrap(), media::OCI_LAYER_ZSTD)]
    {
        assert!(bytes.len() < 2 << 20, "{}", bytes.len());
        let error = stored(&bytes, &tar, media_type).read(&FIXED).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "ratio"), "{error}");
        assert!(error.to_string().contains("ratio = 200"), "{error}");
    }
}

/// No engine unpacks layers of xz, so nothing is unpacked of them here: neither under a name of its own nor under another's.
#[test]
fn t09_layers_of_xz_are_refused_before_a_byte_is_unpacked() {
    let tar = Tar::default().file("a", "1").end();
    // The head of an .xz file, of a block, and what could be anything.
    let xz = [&b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0!\x01\x16\0\0\0"[..], &[0; 1000]].concat();
    for media_type in [media::OCI_LAYER_GZIP, media::OCI_LAYER_ZSTD] {
        let error = stored(&xz, &tar, media_type).read(&ALL).unwrap_err();
        assert!(matches!(error, Error::CompressionMismatch { .. }), "{media_type}: {error:?}");
    }
    // As a tar, its first block is not a header.
    let error = stored(&xz, &tar, media::OCI_LAYER).read(&ALL).unwrap_err();
    assert!(matches!(error, Error::Tar { problem: TarProblem::Checksum { .. }, .. }), "{error:?}");
    let own = stored(&xz, &tar, "application/vnd.oci.image.layer.v1.tar+xz").read(&ALL).unwrap_err();
    assert!(matches!(own, Error::NotAnImage { .. }), "{own:?}");
}

#[test]
fn t09_several_gzip_members_are_one_layer() {
    let tar = Tar::default().file("a", "1").end();
    let (first, second) = tar.split_at(700);
    let files = stored(&[gzip(first), gzip(b""), gzip(second)].concat(), &tar, media::OCI_LAYER_GZIP);
    assert_eq!(texts(&files.read(&ALL).unwrap()), expected(&[("a", "1")]));
}

#[test]
fn t10_a_zstd_window_beyond_the_limit_is_an_error_and_skippable_frames_are_skipped() {
    let tar = Tar::default().file("a", "1").end();
    // Magic, a header without single-segment flag, a window descriptor of 2 GiB, and a last raw block.
    let mut wide = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3];
    let block = u32::try_from(tar.len()).unwrap() << 3 | 1;
    wide.extend_from_slice(&block.to_le_bytes()[..3]);
    wide.extend_from_slice(&tar);
    let read = |bytes: &[u8], window: u64| {
        let mut limits = Limits::default();
        limits.zstd_window_bytes = window;
        stored(bytes, &tar, media::OCI_LAYER_ZSTD).read_within(&ALL, &limits)
    };
    let refused = |bytes: &[u8], window: u64| {
        let error = read(bytes, window).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "zstd_window_bytes"), "{error}");
    };
    refused(&wide, Limits::default().zstd_window_bytes);
    wide[5] = 10 << 3;
    refused(&wide, (1 << 20) - 1);
    read(&wide, 1 << 20).unwrap();
    assert_eq!(
        texts(&stored(&wide, &tar, media::OCI_LAYER_ZSTD).read(&ALL).unwrap()),
        expected(&[("a", "1")])
    );
    let flood = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(10_000);
    let flooded = [flood, wide].concat();
    assert_eq!(
        texts(&stored(&flooded, &tar, media::OCI_LAYER_ZSTD).read(&ALL).unwrap()),
        expected(&[("a", "1")])
    );
}

#[test]
fn t10_skippable_frames_hide_nothing_and_take_no_memory() {
    let tar = Tar::default().file("a", "1").end();
    let read = |bytes: &[u8]| stored(bytes, &tar, media::OCI_LAYER_ZSTD).read(&ALL);
    let frame = zstd::encode_all(&tar[..], 1).unwrap();
    let skippable = |announced: u32, content: &[u8]| {
        [&[0x50, 0x2a, 0x4d, 0x18][..], &announced.to_le_bytes(), content].concat()
    };
    // Four gigabytes are announced and missing: an error, even after data that was valid.
    for bytes in [skippable(u32::MAX, b""), [&frame[..], &skippable(u32::MAX, b"x")].concat()] {
        let error = read(&bytes).unwrap_err();
        assert!(matches!(error, Error::Inflate { .. }), "{error}");
    }
    // Each of the sixteen magic numbers, in front, in between and behind.
    let (first, second) = tar.split_at(600);
    let parts = [first, second].map(|part| zstd::encode_all(part, 1).unwrap());
    let mut skipped: Vec<u8> = (0..16_u8).flat_map(|n| [0x50 | n, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7]).collect();
    skipped.extend(skippable(0, b"").repeat(100_000));
    let bytes = [&skipped[..], &parts[0], &skipped, &parts[1], &skipped].concat();
    assert_eq!(texts(&read(&bytes).unwrap()), expected(&[("a", "1")]));
    // Nothing but such frames is a layer without a tar.
    let error = read(&skipped).unwrap_err();
    assert!(matches!(error, Error::DiffIdMismatch { .. }), "{error:?}");
}

//! Times uncompressing a gzip file that lies in memory, in the pieces in which Plimsoll reads a layer, with the library
//! chosen by a feature; and with libdeflate, which only does whole members into a buffer of the whole size.
//!
//! ```text
//! cargo run --release --features zlib-ng -- layer.tar.gz 5
//! ```

use std::io::Read;
use std::time::Instant;

/// As in `crates/image/src/layers/pipe.rs`.
const CHUNK: usize = 256 * 1024;
const PIECE: usize = 512 * 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("usage: FILE [RUNS] [NAME]");
    let runs: usize = arguments.next().map_or(5, |runs| runs.parse().expect("a number of runs"));
    let only = arguments.next();
    let stored = std::fs::read(&file).expect("a readable file");
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);

    #[cfg(feature = "zlib-ng")]
    if wanted("zlib-ng") {
        time("zlib-ng", runs, || streamed(flate2::bufread::MultiGzDecoder::new(chunks(&stored))));
    }
    #[cfg(all(feature = "zlib-rs", not(feature = "zlib-ng")))]
    if wanted("zlib-rs") {
        time("zlib-rs", runs, || streamed(flate2::bufread::MultiGzDecoder::new(chunks(&stored))));
    }
    #[cfg(all(feature = "zlib-rs", not(feature = "zlib-ng")))]
    if wanted("zlib-rs-apart") {
        time("zlib-rs, crc32fast", runs, || checked_apart(chunks(&stored)));
    }
    #[cfg(feature = "isal")]
    if wanted("isa-l") {
        time("isa-l", runs, || streamed(isal::read::GzipDecoder::new(chunks(&stored))));
    }
    if wanted("libdeflate") {
        // The size that gzip notes at its end, which is right for one member below 4 GiB; nobody may believe it of a
        // layer that is not verified yet.
        let (_, size) = stored.split_last_chunk::<4>().expect("a gzip file");
        let mut out = vec![0; u32::from_le_bytes(*size) as usize];
        time("libdeflate, whole", runs, || {
            let mut decoder = libdeflater::Decompressor::new();
            decoder.gzip_decompress(&stored, &mut out).expect("one member of gzip")
        });
    }
}

fn chunks(stored: &[u8]) -> std::io::BufReader<&[u8]> {
    std::io::BufReader::with_capacity(CHUNK, stored)
}

fn streamed(mut decoder: impl Read) -> usize {
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        match decoder.read(&mut piece).expect("gzip") {
            0 => return total,
            count => total += count,
        }
    }
}

/// As Plimsoll does it: flate2 inflates, and another library computes the checksum. One member with a plain header.
#[cfg(all(feature = "zlib-rs", not(feature = "zlib-ng")))]
fn checked_apart(mut input: impl std::io::BufRead) -> usize {
    use flate2::{Decompress, FlushDecompress, Status};
    let mut header = [0; 10];
    input.read_exact(&mut header).expect("gzip");
    assert_eq!(header[3], 0, "a header without a name");
    let (mut inflate, mut checksum) = (Decompress::new(false), crc32fast::Hasher::new());
    let (mut piece, mut filled) = (vec![0; PIECE], 0);
    loop {
        let chunk = input.fill_buf().expect("memory");
        let (taken, produced) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(chunk, &mut piece[filled..], FlushDecompress::None).expect("deflate");
        input.consume((inflate.total_in() - taken) as usize);
        let produced = (inflate.total_out() - produced) as usize;
        checksum.update(&piece[filled..filled + produced]);
        filled += produced;
        if filled == PIECE {
            filled = 0;
        }
        if status == Status::StreamEnd {
            break;
        }
    }
    let mut trailer = [0; 8];
    input.read_exact(&mut trailer).expect("gzip");
    assert_eq!(trailer[..4], checksum.finalize().to_le_bytes());
    inflate.total_out() as usize
}

/// Processor time, so that other work on the machine counts less; the clock on the wall beside it.
fn time(name: &str, runs: usize, mut uncompress: impl FnMut() -> usize) {
    let mut size = 0;
    let mut times: Vec<(f64, f64)> = (0..runs)
        .map(|_| {
            let (wall, processor) = (Instant::now(), processor_seconds());
            size = uncompress();
            (processor_seconds() - processor, wall.elapsed().as_secs_f64())
        })
        .collect();
    times.sort_by(|one, next| one.0.total_cmp(&next.0));
    let (processor, wall) = times[runs / 2];
    println!(
        "{name:18} {size:>11} bytes  processor {processor:.3} s (fastest {:.3})  wall {wall:.3} s  {:.0} MiB/s",
        times[0].0,
        size as f64 / processor / 1024.0 / 1024.0
    );
}

fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}

//! Gzip in chunks of the size that the first byte says: the same bytes as flate2's own reader of gzip, which sees it whole,
//! or an error where that has one.

#![no_main]

use std::io::{BufReader, Read as _};

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_fuzz::limits;
use plimsoll_image::Error;
use plimsoll_image::inflate::{Budget, Inflate, detect};
use plimsoll_image::media::Compression;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((most, bytes)) = bytes.split_first() else { return Corpus::Reject };
    if detect(bytes) != Compression::Gzip {
        return Corpus::Reject;
    }
    let limits = limits();
    let input = BufReader::with_capacity(usize::from(*most) + 1, bytes);
    let budget = Budget::new(bytes.len() as u64, &limits);
    let mut inflate = Inflate::new(input, Compression::Gzip, budget, &limits, "layer").unwrap();
    let (mut ours, mut buffer) = (Vec::new(), [0; 1000]);
    let ended = loop {
        match inflate.fill(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => ours.extend_from_slice(&buffer[..count]),
            // A limit; what the other reader does with a bomb says nothing.
            Err(Error::Limit(_)) => return Corpus::Keep,
            Err(_) => break false,
        }
        assert!(ours.len() as u64 <= limits.unpacked_bytes);
    };
    let mut theirs = Vec::new();
    let whole = flate2::bufread::MultiGzDecoder::new(bytes).take(limits.unpacked_bytes + 1).read_to_end(&mut theirs);
    assert_eq!(ended, whole.is_ok(), "{whole:?}");
    if ended {
        assert_eq!(ours, theirs);
    } else {
        // What came out before the error, as far as both have come.
        let both = ours.len().min(theirs.len());
        assert_eq!(ours[..both], theirs[..both]);
    }
    Corpus::Keep
});

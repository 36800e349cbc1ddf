//! Entries of the cache of layers, behind their checksum: whoever can write to the folder can make that, too.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_image::layers::cache::rewritten;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(codec) = plimsoll_sbom::select().codec() else {
        return Corpus::Reject;
    };
    let Some(written) = rewritten(bytes, codec) else {
        return Corpus::Keep;
    };
    // What was read is what is written, and that is stable.
    assert_eq!(rewritten(&written, codec).as_ref(), Some(&written));
    Corpus::Keep
});

//! Files of ignore rules. The first line is the name of the file, whose ending is a part of its form. Every rule has a reason and
//! a condition.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_vuln::ignore::read;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (name, rest) = input.split_at(end);
    let Ok(name) = std::str::from_utf8(name) else { return };
    let Ok(file) = read(rest.get(1..).unwrap_or_default(), Path::new(name)) else { return };
    assert!(file.reasons.len() <= file.refused);
    for rule in &file.rules {
        assert!(!rule.reason.trim().is_empty() && !rule.place.is_empty());
        assert!(rule.ids.iter().all(|id| !id.is_empty() && id.is_ascii()));
    }
});

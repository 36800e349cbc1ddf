//! Names and identifiers: references, digests, platforms, package URLs. What is read is written back so that it is read
//! as the same thing.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::{Digest, Platform, Purl, Reference, purl, text};

fuzz_target!(|input: &str| {
    if let Some(reference) = round_trip::<Reference>(input) {
        assert!(reference.name().len() <= 256);
        for part in [reference.registry(), reference.repository(), reference.tag().unwrap_or_default()] {
            assert!(part.is_ascii() && !part.contains(['\0', '\n', '\r', ' ', '?', '#', '%', '\\']));
        }
        assert!(
            reference.repository().split('/').all(|segment| !segment.is_empty() && !segment.contains(".."))
        );
        let pinned = reference.with_digest(Digest::sha256(input.as_bytes()));
        assert_eq!(pinned.to_string().parse::<Reference>().unwrap(), pinned);
    }
    if let Some(digest) = round_trip::<Digest>(input) {
        // There is one spelling: a digest becomes part of a path.
        assert_eq!(digest.to_string(), input);
        assert_eq!(digest.hex().len(), 2 * digest.as_bytes().len());
    }
    // Files may also have a SHA-384, which no content in a registry has.
    if let Ok(digest) = Digest::parse_any(input) {
        assert_eq!(digest.to_string(), input);
        assert_eq!(input.parse().ok(), (!input.starts_with("sha384:")).then_some(digest));
    }
    if let Some(platform) = round_trip::<Platform>(input) {
        assert!(platform.satisfies(&platform));
    }
    if let Some(purl) = round_trip::<Purl>(input) {
        assert!(!purl.name().is_empty());
        assert!(!purl.to_string().contains(char::is_control));
        assert!(purl.to_string().is_ascii());
        for segment in purl.subpath().unwrap_or_default().split('/') {
            assert!(segment != "." && segment != "..", "{input}");
        }
    }
    let normal = purl::pep503(input);
    assert_eq!(purl::pep503(&normal), normal);
    assert!(!text::terminal(input).contains(char::is_control));
});

fn round_trip<T: FromStr + Display + PartialEq + Debug>(input: &str) -> Option<T>
where
    T::Err: Debug,
{
    let value: T = input.parse().ok()?;
    let written = value.to_string();
    assert_eq!(written.parse::<T>().unwrap(), value, "{written}");
    Some(value)
}

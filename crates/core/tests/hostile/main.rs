//! Inputs that an attacker or a broken peer may send. Each test has the name of its row in the catalogue of
//! bad inputs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use plimsoll_core::{Digest, Purl, Reference, json};
use proptest::prelude::*;
use serde_json::Value;

const LIMIT: u64 = 1 << 20;

fn refusal(document: &[u8]) -> String {
    let error = json::value(document, LIMIT).unwrap_err().to_string();
    assert!(error.len() < 500, "a message must not repeat the attack: {} bytes", error.len());
    error
}

#[test]
fn p01_a_name_twice_is_refused_in_every_spelling_and_place() {
    for document in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"[[{"x":{"a":1,"b":2,"a":3}}]]"#,
        r#"{"":1,"":2}"#,
        r#"{"\ud83d\ude00":1,"😀":2}"#,
    ] {
        assert!(refusal(document.as_bytes()).contains("stands twice"), "{document}");
        assert!(json::from_slice::<Value>(document.as_bytes(), LIMIT).is_err());
    }
    let long = format!(r#"{{"{0}":1,"{0}":2}}"#, "n".repeat(100_000));
    refusal(long.as_bytes());
}

#[test]
fn p02_nesting_ends_at_a_limit_and_not_at_the_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(refusal(deep.as_bytes()).contains("nested deeper than 64"), "{open}");
        assert!(refusal(open.repeat(100_000).as_bytes()).contains("nested deeper than 64"), "{open}");
    }
}

#[test]
fn p03_numbers_are_what_they_say_or_refused() {
    for bad in ["1e999", "-1e999", "01", "+1", "0x10", ".5", "1.", "NaN", "Infinity", "--1", "1_000"] {
        refusal(bad.as_bytes());
    }
    // A field of an integer type accepts no number that would have to be rounded or wrapped.
    for bad in ["1.0", "-0", "-1", "1e3", "18446744073709551616", "\"1\"", "9007199254740993.0"] {
        assert!(json::from_slice::<u64>(bad.as_bytes(), LIMIT).is_err(), "{bad}");
    }
    assert_eq!(json::from_slice::<u64>(b"9007199254740993", LIMIT).unwrap(), 9_007_199_254_740_993);
}

#[test]
fn p04_only_whole_utf_8_without_marks_and_controls_is_text() {
    for bad in [
        &b"\"\xff\""[..],
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        br#""\ud800""#,
        br#""\udc00\ud800""#,
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"\"\x00\"",
        b"\"\x1b[2J\"",
        b"\"\n\"",
        b"{}\0",
        b"\0{}",
    ] {
        refusal(bad);
    }
    // Text that looks different from what it contains stays data, and becomes visible on its way to a
    // terminal.
    let bidi = json::value("\"a\u{202e}b\"".as_bytes(), LIMIT).unwrap();
    assert_eq!(plimsoll_core::text::terminal(bidi.as_str().unwrap()), "a\\u{202e}b");
}

#[test]
fn p04_messages_show_foreign_names_escaped() {
    let twice = "{\"a\\u001b[2J\u{202e}\":1,\"a\\u001b[2J\u{202e}\":2}";
    let message = refusal(twice.as_bytes());
    let shown = plimsoll_core::text::terminal(&message);
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p08_any_bytes_are_a_document_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let ours = json::value(&bytes, LIMIT);
        // The reader is stricter than the library behind it, and otherwise agrees with it.
        if let Ok(value) = &ours {
            prop_assert_eq!(value, &serde_json::from_slice::<Value>(&bytes).unwrap());
        }
    }

    #[test]
    fn p08_any_text_is_a_name_or_an_error(text in "\\PC{0,80}|[a-z0-9:/@.%?#&=+_-]{0,80}|(sha256|sha512):[0-9a-f/.]{0,140}") {
        // A value that was accepted is written in a form that is accepted again as the same value.
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), text.as_str());
        }
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(&reference.to_string().parse::<Reference>().unwrap(), &reference);
        }
        if let Ok(purl) = text.parse::<Purl>() {
            prop_assert_eq!(&purl.to_string().parse::<Purl>().unwrap(), &purl);
        }
    }
}

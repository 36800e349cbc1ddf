//! Ten thousand changes to valid bundles: each is refused, or says the very same of the same signer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and says what it skipped"
)]

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

#[path = "conformance/suite.rs"]
mod suite;

use suite::{Files, Found, cases, judge};

/// One change, in terms that fit any document.
#[derive(Debug, Clone)]
struct Change {
    case: prop::sample::Index,
    place: prop::sample::Index,
    offset: prop::sample::Index,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A byte of the file.
    Byte(u8),
    /// A character of a text, for another of its alphabet.
    Character(u8),
    /// A value is left out.
    Remove,
    /// A value of another bundle, at the same place.
    Transplant,
    /// A value twice in its list.
    Repeat,
}

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        2 => any::<u8>().prop_map(Kind::Byte),
        5 => any::<u8>().prop_map(Kind::Character),
        2 => Just(Kind::Remove),
        3 => Just(Kind::Transplant),
        1 => Just(Kind::Repeat),
    ];
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), kind)
        .prop_map(|(case, place, offset, kind)| Change { case, place, offset, kind })
}

fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let here = format!("{at}/{name}");
                into.push(here.clone());
                pointers(member, &here, into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let here = format!("{at}/{index}");
                into.push(here.clone());
                pointers(item, &here, into);
            }
        }
        _ => {}
    }
}

/// The changed bundle, or `None` where the change changes nothing.
fn apply(change: &Change, bundles: &[Vec<u8>]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let original = &bundles[change.case.index(bundles.len())];
    if let Kind::Byte(byte) = change.kind {
        let mut bytes = original.clone();
        let offset = change.offset.index(bytes.len());
        bytes[offset] = byte;
        return (bytes != *original).then_some(bytes);
    }
    let mut value: Value = serde_json::from_slice(original).unwrap();
    let before = value.clone();
    let mut places = Vec::new();
    pointers(&value, "", &mut places);
    let place = &places[change.place.index(places.len())];
    let (parent, name) = place.rsplit_once('/').unwrap();
    match change.kind {
        Kind::Byte(_) => unreachable!(),
        Kind::Character(pick) => match value.pointer_mut(place).unwrap() {
            Value::String(text) if !text.is_empty() => {
                let mut bytes = text.clone().into_bytes();
                let offset = change.offset.index(bytes.len());
                bytes[offset] = ALPHABET[pick as usize % ALPHABET.len()];
                *text = String::from_utf8(bytes).ok()?;
            }
            Value::Number(number) => *number = (i64::from(pick) - 1).into(),
            _ => return None,
        },
        Kind::Remove => match value.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.remove(name)),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => return None,
        },
        Kind::Transplant => {
            let donor: Value = serde_json::from_slice(&bundles[change.offset.index(bundles.len())]).unwrap();
            *value.pointer_mut(place).unwrap() = donor.pointer(place)?.clone();
        }
        Kind::Repeat => {
            let item = value.pointer(place)?.clone();
            match value.pointer_mut(parent)? {
                Value::Array(items) => items.push(item),
                _ => return None,
            }
        }
    }
    (value != before).then(|| value.to_string().into_bytes())
}

#[test]
fn ten_thousand_changes_are_refused_or_harmless() {
    const CHANGES: u32 = 10_000;
    let Some((cases, common)) = cases() else { return };
    let valid: Vec<(&String, &Files)> = cases.iter().filter(|(name, _)| !name.ends_with("_fail")).collect();
    let bundles: Vec<Vec<u8>> =
        valid.iter().map(|(_, files)| files["bundle.sigstore.json"].clone()).collect();
    let verdicts: Vec<Found> = valid.iter().map(|(_, files)| judge(files, &common, false).unwrap()).collect();

    let mut refused = 0;
    let mut runner =
        TestRunner::new(Config { cases: CHANGES, max_global_rejects: CHANGES * 20, ..Config::default() });
    let refusals = std::cell::RefCell::new(&mut refused);
    runner
        .run(&change(), |change| {
            let Some(changed) = apply(&change, &bundles) else {
                return Err(TestCaseError::reject("no change"));
            };
            let index = change.case.index(bundles.len());
            let mut files = valid[index].1.clone();
            files.insert("bundle.sigstore.json".to_owned(), changed);
            match judge(&files, &common, false) {
                Err(_) => **refusals.borrow_mut() += 1,
                Ok(found) => prop_assert!(
                    found.says_the_same(&verdicts[index]),
                    "{} now says {found:?}",
                    valid[index].0
                ),
            }
            Ok(())
        })
        .unwrap();
    // Were most changes harmless, the test would be looking at the wrong places.
    assert!(refused > CHANGES * 8 / 10, "only {refused} of {CHANGES} changes were refused");
}

//! Strict JSON against serde_json's own reader, and the canonical form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::json;
use serde_json::Value;

const LIMIT: u64 = 64 << 10;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::value(bytes, LIMIT) else {
        return;
    };
    assert!(bytes.len() as u64 <= LIMIT);
    // Whatever passes is JSON for everybody, and says the same.
    let lenient: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(value, lenient);
    assert!(depth(&value) <= json::DEPTH);
    // The canonical form is a form of the same document, and has no other.
    let canonical = json::canonical(&value);
    let again = json::value(&canonical, u64::MAX).unwrap();
    assert_eq!(json::canonical(&again), canonical);
    if integers_only(&value) {
        assert_eq!(again, value);
    }
});

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn integers_only(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(integers_only),
        Value::Object(members) => members.values().all(integers_only),
        _ => true,
    }
}

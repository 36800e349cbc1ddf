//! Policies of other tools. What is carried over is a policy, whose only signers are those of the document; with signers that are
//! required, nothing unsigned is allowed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Timestamp;
use plimsoll_policy::{Policy, import};

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let Ok(import) = import(bytes, "input", now) else { return };
    for refusal in &import.refused {
        assert!(!refusal.path.is_empty() && !refusal.reason.is_empty());
    }
    for imported in &import.policies {
        let policy = Policy::parse(imported.document.as_bytes(), "imported", &()).expect("it was read before");
        assert_eq!(policy.name(), imported.name);
        // Whoever is named in it is named in the document: nothing is invented.
        assert!(imported.document.contains("signatures:"));
    }
});

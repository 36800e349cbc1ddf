//! Version orders are total orders: three versions, one a line, compared in every way.

#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use plimsoll_vuln::order::ORDERS;
use plimsoll_vuln::version::MAX_BYTES;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let versions = [lines.next(), lines.next(), lines.next()].map(Option::unwrap_or_default);
    for order in ORDERS {
        let valid = versions.map(|version| order.check(version).is_ok());
        for (version, valid) in versions.iter().zip(valid) {
            assert!(!valid || (1..=MAX_BYTES).contains(&version.len()));
            assert_eq!(order.compare(version, version).ok(), valid.then_some(Ordering::Equal));
        }
        let [a, b, c] = versions;
        let [Ok(ab), Ok(ba)] = [order.compare(a, b), order.compare(b, a)] else {
            assert!(!valid[0] || !valid[1]);
            continue;
        };
        assert_eq!(ab, ba.reverse(), "{order:?} {a:?} {b:?}");
        let (Ok(bc), Ok(ac)) = (order.compare(b, c), order.compare(a, c)) else {
            continue;
        };
        if ab == bc {
            assert_eq!(ac, ab, "{order:?} {a:?} {b:?} {c:?}");
        }
        if ab == Ordering::Equal {
            assert_eq!(ac, bc, "{order:?} {a:?} {b:?} {c:?}");
        }
        if bc == Ordering::Equal {
            assert_eq!(ac, ab, "{order:?} {a:?} {b:?} {c:?}");
        }
    }
});

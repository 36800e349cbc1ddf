//! Numbers in words, the same in every message: counts, sizes, ages, layers.
//!
//! Text for people only. Programs read numbers from JSON, where nothing is rounded.

use jiff::Timestamp;

/// `1 finding`, `2 findings`. `one` is a noun whose plural ends in `s`, `es` or `ies`.
pub fn count(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 {
        return format!("1 {one}");
    }
    let stem = one.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    match stem {
        Some(stem) => format!("{number} {stem}ies"),
        None if one.ends_with(['s', 'x']) || one.ends_with("ch") || one.ends_with("sh") => {
            format!("{number} {one}es")
        }
        None => format!("{number} {one}s"),
    }
}

/// `1 byte`, `1023 bytes`, `1.5 KiB`, `12 MiB`: powers of 1024, one digit after the point below 10.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1 << 10 {
        return count(bytes, "byte");
    }
    // Tenths of the unit, rounded half up; 1023.95 KiB and more is 1.0 MiB.
    let mut tenths = 0;
    for (position, unit) in UNITS.iter().enumerate() {
        let one = 1_u128 << (10 * (position + 1));
        tenths = (u128::from(bytes) * 20 / one).div_ceil(2);
        if tenths < 10_235 {
            return rounded(tenths, unit);
        }
    }
    rounded(tenths, "EiB")
}

fn rounded(tenths: u128, unit: &str) -> String {
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

/// `3 hours old`; an instant after `now` gives `from the future`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    match u64::try_from(seconds) {
        Err(_) => "from the future".to_owned(),
        Ok(seconds) => format!("{} old", duration(seconds)),
    }
}

/// `59 seconds`, `90 minutes`, `47 hours`, `3 days`: the next larger unit is used from two of it.
pub fn duration(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    count(number, unit)
}

/// `layer 3 of 5`: counted from 1, from the base. `index` is counted from 0, as in JSON.
pub fn layer(index: usize, total: usize) -> String {
    let number = index.saturating_add(1);
    if number > total { format!("layer {number}") } else { format!("layer {number} of {total}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_everything_else_plural() {
        for (number, one, expected) in [
            (0_u64, "finding", "0 findings"),
            (1, "finding", "1 finding"),
            (2, "vulnerability", "2 vulnerabilities"),
            (2, "key", "2 keys"),
            (2, "index", "2 indexes"),
        ] {
            assert_eq!(count(number, one), expected);
        }
    }

    #[test]
    fn sizes_are_in_powers_of_1024() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (12 << 10, "12 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (12 << 20, "12 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn ages_read_well_at_each_scale() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (then, expected) in [
            ("2026-11-20T12:00:00Z", "0 seconds old"),
            ("2026-11-20T11:59:59Z", "1 second old"),
            ("2026-11-20T11:57:30Z", "2 minutes old"),
            ("2026-11-19T12:00:00Z", "24 hours old"),
            ("2026-11-10T12:00:00Z", "10 days old"),
            ("2026-11-21T12:00:00Z", "from the future"),
        ] {
            assert_eq!(age(now, then.parse().unwrap()), expected);
        }
    }

    #[test]
    fn layers_count_from_one() {
        assert_eq!(layer(0, 5), "layer 1 of 5");
        assert_eq!(layer(4, 5), "layer 5 of 5");
        // If the total is unknown, the number alone.
        assert_eq!(layer(4, 0), "layer 5");
    }
}

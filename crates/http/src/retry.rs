//! When a request is sent again, and after how long.
//!
//! Only idempotent requests are repeated once they may have reached the server (RFC 9110, 9.2.2); if no
//! connection was made, any method may be tried again. Waits double from a quarter of a second, are spread so
//! that many clients do not return at the same time, and yield to `Retry-After` (RFC 9110, 10.2.3).

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use jiff::fmt::rfc2822;

use crate::error::{Error, Phase};

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(8);

/// The longest `Retry-After` that is obeyed. Longer waits are left to the caller: exit code 6 says "try again
/// later", but a command that hangs silently says nothing.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_mins(1);

/// Whether a status is a temporary failure rather than an answer.
pub(crate) fn is_trouble(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Whether a status is worth a retry. Other statuses of [`is_trouble`] fail at once.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// Whether a call that failed may be made again.
pub(crate) fn may_repeat(error: &Error, method: &Method) -> bool {
    match error {
        Error::Resolve { .. } | Error::Connect { .. } | Error::Timeout { phase: Phase::Connect, .. } => true,
        Error::ProxyRefused { status, .. } => is_passing(*status),
        Error::Interrupted { .. } => method.is_idempotent(),
        Error::Status { status, .. } => is_passing(*status) && method.is_idempotent(),
        _ => false,
    }
}

/// The wait before the next attempt after `failed` attempts (from 1), without `Retry-After`: between half and the whole
/// of 0.25 s, 0.5 s, 1 s, … 8 s.
pub(crate) fn back_off(failed: u32) -> Duration {
    let whole =
        FIRST.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST);
    // The keys of a new `RandomState` are random, which is enough to spread the waits.
    let random = RandomState::new().build_hasher().finish();
    let half = whole / 2;
    let spread = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(random % spread.max(1))
}

/// What `Retry-After` asks for: seconds, or a date, which is relative to the response's own `Date`, so that
/// our clock does not matter.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = rfc2822::parse(value).ok()?.timestamp();
    let from = rfc2822::parse(headers.get(header::DATE)?.to_str().ok()?).ok()?.timestamp();
    Some(Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(retry_after: &str, date: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
        if let Some(date) = date {
            headers.insert(header::DATE, HeaderValue::from_str(date).unwrap());
        }
        headers
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        for (failed, whole) in
            [(1, 250), (2, 500), (3, 1000), (6, 8000), (7, 8000), (40, 8000), (u32::MAX, 8000)]
        {
            for _ in 0..50 {
                let wait = back_off(failed);
                assert!(
                    wait >= Duration::from_millis(whole / 2) && wait <= Duration::from_millis(whole),
                    "{wait:?}"
                );
            }
        }
        let waits: std::collections::BTreeSet<_> = (0..50).map(|_| back_off(6)).collect();
        assert!(waits.len() > 1, "clients come back in step");
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        assert_eq!(asked(&headers("120", None)), Some(Duration::from_mins(2)));
        assert_eq!(asked(&headers("1000000000", None)), Some(Duration::from_secs(1_000_000_000)));
        assert_eq!(asked(&headers("99999999999999999999999", None)), Some(Duration::from_secs(u64::MAX)));
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(asked(&headers("Sun, 06 Nov 1994 08:50:07 GMT", now)), Some(Duration::from_secs(30)));
        assert_eq!(asked(&headers("Sun, 06 Nov 1994 08:00:00 GMT", now)), Some(Duration::ZERO));
        for broken in ["", "-5", "1.5", "soon"] {
            assert_eq!(asked(&headers(broken, now)), None, "{broken}");
        }
        assert_eq!(asked(&headers("Sun, 06 Nov 1994 08:50:07 GMT", None)), None);
    }
}

//! Promises of logs: signed entry timestamps, which only the first version of the log gives.
//!
//! The log signs body, time, index and its own name in canonical JSON. Only this signature makes the time trustworthy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use plimsoll_core::{clock, json};
use serde_json::json;
use sigstore_types::{Sha256Hash, SignatureBytes, TransparencyLogEntry};

use crate::entry::Kind;
use crate::error::excerpt;
use crate::{Bundle, Error, Step, TrustedRoot};

/// Verifies every promise in the bundle as of `now`, and returns the times in them.
pub(crate) fn times(bundle: &Bundle, root: &TrustedRoot, now: Timestamp) -> Result<Vec<Timestamp>, Error> {
    let mut times = Vec::new();
    for (kind, entry) in bundle.log_entries() {
        let Some(promise) = &entry.inclusion_promise else { continue };
        verify(kind, entry, promise.signed_entry_timestamp.as_bytes(), root, now)
            .map_err(|got| Error::step(Step::LogPromise, got, "a promise by a trusted log"))?;
        let Some(time) = entry.integrated_time else { continue };
        // The log's clock is another machine's, and `now` may be from before the entry was made.
        if time.duration_since(now) > clock::SKEW {
            let got = format!("an entry of {time}, which is in the future");
            return Err(Error::step(Step::SigningTime, got, "a time of entry in the past"));
        }
        times.push(time);
    }
    Ok(times)
}

fn verify(
    kind: Kind,
    entry: &TransparencyLogEntry,
    promise: &[u8],
    root: &TrustedRoot,
    now: Timestamp,
) -> Result<(), String> {
    if kind.is_second() {
        return Err("a promise for an entry of version 2, whose logs give none".to_owned());
    }
    let name = entry.log_id.key_id.as_bytes();
    let id = Sha256Hash::try_from(name).map_err(|error| excerpt(&error.to_string()))?;
    // The log's key must have been valid when the entry was made; without a time, it must be valid by now.
    let key = match entry.integrated_time {
        Some(time) => root.log_keys().key_at(&id, time),
        None => root.log_keys().key_started_by(&id, now),
    };
    let key = key.ok_or_else(|| match entry.integrated_time {
        Some(time) => format!("a promise by a log that is not trusted at {time}"),
        None => "a promise by a log that is not trusted".to_owned(),
    })?;
    let signed = json::canonical(&json!({
        "body": STANDARD.encode(entry.canonicalized_body.as_bytes()),
        "integratedTime": entry.integrated_time.map_or(0, Timestamp::as_second),
        "logID": id.to_hex(),
        "logIndex": entry.log_index.as_i64(),
    }));
    key.verify(signed, &SignatureBytes::from_bytes(promise)).map_err(|error| excerpt(&error.to_string()))
}

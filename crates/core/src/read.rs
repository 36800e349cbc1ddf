//! Reading to the end, but never past a limit.

use std::io::{self, Read};

use crate::LimitExceeded;

/// Why a bounded read failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source itself failed.
    #[error("reading {what}: {source}")]
    Io {
        /// What was read.
        what: String,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// There is more than the limit allows.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

/// Reads `reader` to its end, at most `limit` bytes; `name` and `what` go into the error.
pub fn to_end(reader: impl Read, limit: u64, name: &'static str, what: &str) -> Result<Vec<u8>, Error> {
    to_end_of(reader, 0, limit, name, what)
}

/// Like [`to_end`], but allocates the expected size at once, for example the length of a file.
pub fn to_end_of(
    reader: impl Read,
    expected: u64,
    limit: u64,
    name: &'static str,
    what: &str,
) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(limit)).unwrap_or(0));
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Io { what: what.to_owned(), source })?;
    if bytes.len() as u64 > limit {
        return Err(LimitExceeded::new(name, limit, what).into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_the_limit_even_when_the_source_is_endless() {
        assert_eq!(to_end(&b"1234"[..], 4, "manifest_bytes", "manifest").unwrap(), b"1234");
        let error = to_end(io::repeat(0), 4, "manifest_bytes", "manifest").unwrap_err();
        assert_eq!(
            error.to_string(),
            "manifest exceeds the limit manifest_bytes = 4 (raise it with --limit manifest_bytes=…)"
        );
    }
}

//! From the asynchronous side to the synchronous one.

use crate::Error;

/// Runs `work` on the network and waits for its result.
pub(crate) fn block_on<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    plimsoll_http::block_on(work).unwrap_or_else(|source| Err(Error::io("network", source)))
}

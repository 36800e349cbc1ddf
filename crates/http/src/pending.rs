//! The future of a call.

use std::pin::Pin;

use crate::error::Error;

/// The future result of a call. It is on the heap, because the code behind it is large: otherwise it would be
/// part of every caller's future, compiled again in every crate that calls.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

//! The future of a call.

use std::pin::Pin;

use crate::error::Error;

/// What a call gives in the end. On the heap: the machinery behind it is large, and would otherwise be part of every caller's
/// future, compiled once more in every crate that calls.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

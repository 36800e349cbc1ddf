//! One response. Its `Debug` output shows no header values: they contain credentials.

use std::fmt;

use http::{HeaderMap, HeaderName, StatusCode};
use url::Url;

use crate::body::Body;
use crate::error::shown;
use crate::request::HeaderNames;

/// A response whose head has arrived. 401, 403, 404 and every other status below 500 except 429 arrive this
/// way.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Where it came from: the request's URL, or that of the last hop after redirects.
    pub url: Url,
    /// The body, not yet read. Dropping it is fine: a short rest is skipped and the connection is reused.
    pub body: Body,
}

impl Response {
    /// The value of a header, if it is there, once, and visible ASCII.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("url", &shown(&self.url))
            .field("headers", &HeaderNames(&self.headers))
            .finish_non_exhaustive()
    }
}

//! One request. Its `Debug` output shows no header values: they contain credentials.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::error::{Call, shown};
use crate::outgoing::Streamed;

/// A request. The fields are public; the methods are for chaining.
#[derive(Clone)]
pub struct Request {
    /// The method. GET, HEAD, PUT, DELETE and OPTIONS are idempotent and may be sent again; the others are not.
    pub method: Method,
    /// The URL. User name and password in it are ignored, a fragment is not sent.
    pub url: Url,
    /// Headers in addition to those that the client sets (`Host`, `Content-Length`, and `User-Agent` and
    /// `Accept-Encoding: identity` unless given).
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// A body that is read while it is sent, in place of `body`.
    pub stream: Option<Streamed>,
    /// `None`: the user named this host. Otherwise the URL of the response that named it (a realm, a redirect, an
    /// upload location), and the rules for hosts that the user did not name apply.
    pub given_by: Option<Url>,
    /// Replaces [`crate::Settings::timeout`] for this call.
    pub timeout: Option<Duration>,
    /// Replaces [`crate::Settings::retries`] for this call.
    pub retries: Option<u32>,
    /// Goes to a cloud's metadata service: see [`Request::to_metadata_service`].
    pub metadata_service: bool,
}

impl Request {
    /// A request without headers and body, to a host that the user named.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            stream: None,
            given_by: None,
            timeout: None,
            retries: None,
            metadata_service: false,
        }
    }

    /// `GET url`.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// `HEAD url`.
    pub fn head(url: Url) -> Self {
        Self::new(Method::HEAD, url)
    }

    /// `POST url` with a body.
    pub fn post(url: Url, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, url).body(body)
    }

    /// `PUT url` with a body.
    pub fn put(url: Url, body: impl Into<Bytes>) -> Self {
        Self::new(Method::PUT, url).body(body)
    }

    /// Sets a header, replacing its values.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a value to a header, after its existing ones (several `Accept` lines).
    #[must_use]
    pub fn append(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body that is read while it is sent.
    #[must_use]
    pub fn stream(mut self, stream: Streamed) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Says that the host was named by the response from `url`, not by the user.
    #[must_use]
    pub fn given_by(mut self, url: &Url) -> Self {
        self.given_by = Some(url.clone());
        self
    }

    /// Repeats this request at most `retries` times, in place of [`crate::Settings::retries`].
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Marks this call as one to a cloud's metadata service. It may go to a link-local or metadata address,
    /// also by name and without TLS, to no other address except loopback, and never through a proxy. It has
    /// no effect on a host that a response named, and a redirect does not inherit it.
    #[must_use]
    pub fn to_metadata_service(mut self) -> Self {
        self.metadata_service = true;
        self
    }

    /// Limits this call to `timeout` in place of [`crate::Settings::timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn call(&self) -> Call {
        Call::new(&self.method, &self.url)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &shown(&self.url))
            .field("headers", &HeaderNames(&self.headers))
            .field("body", &self.body.len())
            .field("stream", &self.stream)
            .field("given_by", &self.given_by.as_ref().map(shown))
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("metadata_service", &self.metadata_service)
            .finish()
    }
}

/// Header names without their values.
pub(crate) struct HeaderNames<'a>(pub(crate) &'a HeaderMap);

impl fmt::Debug for HeaderNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys().map(HeaderName::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let url = Url::parse("https://me:pa55@blobs.example/layer?sig=s3cret").unwrap();
        let request = Request::get(url.clone())
            .header(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer t0ken"))
            .given_by(&url);
        let shown = format!("{request:?}");
        for secret in ["pa55", "s3cret", "t0ken"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("https://blobs.example/layer"), "{shown}");
        assert!(shown.contains("authorization"), "{shown}");
    }
}

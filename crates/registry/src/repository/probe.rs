//! Probing a registry, for diagnosis: one request that shows whether TLS, credentials and the referrers API work, and
//! the registry's time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::Digest;
use plimsoll_http::{Request, header};

use super::session::{Access, Redirects, Session};
use crate::Error;

/// How a registry answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probe {
    /// Whether it was reached over TLS.
    pub tls: bool,
    /// Whether it has the referrers API; without it, signatures are found under fallback tags.
    pub referrers_api: bool,
    /// Its `Date` header, if it sends one.
    pub date: Option<String>,
    /// From the request to the head of the answer, on an open connection.
    pub took: Duration,
}

/// Asks for the referrers of a digest that nothing has. A registry that requires other credentials is an error.
pub(super) async fn probe(session: &Arc<Session>) -> Result<Probe, Error> {
    let nothing = Digest::sha256(b"plimsoll: nothing has this digest");
    let url = session.url(&format!("referrers/{nothing}"))?;
    let what = format!("registry {}", session.host());
    let begun = Instant::now();
    let response = session.call(Request::get(url), Access::Pull, Redirects::Returned, &what).await?;
    let took = begun.elapsed();
    let status = response.status.as_u16();
    if matches!(status, 401 | 403) {
        return Err(session.refused(response, &what).await);
    }
    let date = response.headers.get(header::DATE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Probe { tls: response.url.scheme() == "https", referrers_api: status == 200, date, took })
}

//! Whether and where a redirect is followed, and which headers go along.
//!
//! Only GET and HEAD are followed. `Location` is foreign: it gets the rules of [`crate::Request::given_by`],
//! never leads from https to plain http, and only the headers in [`HARMLESS`] are sent to another origin
//! (scheme, host, port). oras-go sent `Authorization` to every target of a redirect (GHSA-vh4v-2xq2-g5cg); an
//! allow-list cannot overlook the next header that contains a token.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::error::{Call, Error, shown};
use crate::origin::Origin;
use crate::request::Request;

/// Hops that are followed. Registries need one or two, for signed storage URLs.
pub(crate) const HOPS: usize = 5;

/// Headers that another origin may see.
const HARMLESS: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::USER_AGENT,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];

/// The next request, or `None` if this response is the answer.
pub(crate) fn next(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Request>, Error> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    if !redirects || !(request.method == Method::GET || request.method == Method::HEAD) {
        return Ok(None);
    }
    let fault = |reason| Error::BadRedirect { call: request.call(), status, reason };
    let mut locations = headers.get_all(header::LOCATION).iter();
    let location = match (locations.next(), locations.next()) {
        (Some(one), None) => one.to_str().map_err(|_| fault("its Location is not ASCII"))?,
        (None, _) => return Err(fault("it has no Location")),
        _ => return Err(fault("it has more than one Location")),
    };
    let mut url = request.url.join(location).map_err(|_| fault("its Location is not a URL"))?;
    url.set_fragment(None);
    // Credentials in a foreign URL are not ours. Both calls fail only for URLs that cannot contain
    // credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let to = Origin::from_url(&url).ok_or_else(|| fault("its Location is neither http:// nor https://"))?;
    if request.url.scheme() == "https" && !to.tls {
        return Err(Error::Downgrade {
            call: Call::new(&request.method, &url),
            given_by: shown(&request.url),
        });
    }
    let mut next = Request { url, metadata_service: false, ..request.clone() };
    if Origin::from_url(&request.url).as_ref() != Some(&to) {
        next.given_by = Some(request.url.clone());
        next.headers = HeaderMap::new();
        for name in &HARMLESS {
            for value in request.headers.get_all(name) {
                next.headers.append(name, value.clone());
            }
        }
    }
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use url::Url;

    fn request(url: &str) -> Request {
        Request::get(Url::parse(url).unwrap())
            .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer t0ken"))
            .header(HeaderName::from_static("x-vault-token"), HeaderValue::from_static("t0ken"))
            .header(header::ACCEPT, HeaderValue::from_static("*/*"))
            .header(header::RANGE, HeaderValue::from_static("bytes=5-"))
    }

    fn followed(request: &Request, status: u16, location: &str) -> Result<Option<Request>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(location).unwrap());
        next(request, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let from = request("https://r.example/v2/blob");
        let same = followed(&from, 307, "/other?x=y#z").unwrap().unwrap();
        assert_eq!(same.url.as_str(), "https://r.example/other?x=y");
        assert_eq!(same.headers, from.headers);
        assert_eq!(same.given_by, None);
        for elsewhere in [
            "https://cdn.example/b",
            "https://r.example:444/b",
            "//r.example.evil.example/b",
            "https://r.example./b",
        ] {
            let next = followed(&from, 302, elsewhere).unwrap().unwrap();
            let names: Vec<_> = next.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["accept", "range"], "{elsewhere}");
            assert_eq!(next.given_by.as_ref(), Some(&from.url), "{elsewhere}");
        }
    }

    #[test]
    fn never_from_https_to_http() {
        let error =
            followed(&request("https://r.example/"), 302, "http://r.example/?sig=s3cret").unwrap_err();
        assert!(matches!(error, Error::Downgrade { .. }), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(followed(&request("http://127.0.0.1:5000/"), 302, "https://r.example/").unwrap().is_some());
    }

    #[test]
    fn only_reading_is_redirected() {
        let mut post = request("https://r.example/");
        post.method = Method::POST;
        assert!(followed(&post, 307, "https://evil.example/").unwrap().is_none());
        assert!(followed(&request("https://r.example/"), 304, "/x").unwrap().is_none());
        assert!(followed(&request("https://r.example/"), 201, "/x").unwrap().is_none());
    }

    #[test]
    fn a_location_that_leads_nowhere_is_an_error() {
        let reason = |refused: Result<Option<Request>, Error>| match refused.unwrap_err() {
            Error::BadRedirect { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        for (location, why) in [
            ("ftp://x.example/", "its Location is neither http:// nor https://"),
            ("javascript:alert(1)", "its Location is neither http:// nor https://"),
            ("https://", "its Location is not a URL"),
            ("http://[::1", "its Location is not a URL"),
        ] {
            let from = request("http://127.0.0.1:5000/");
            assert_eq!(reason(followed(&from, 302, location)), why, "{location}");
        }
        let from = request("https://r.example/");
        let mut twice = HeaderMap::new();
        assert_eq!(reason(next(&from, StatusCode::FOUND, &twice)), "it has no Location");
        twice.append(header::LOCATION, HeaderValue::from_static("/a"));
        twice.append(header::LOCATION, HeaderValue::from_static("/b"));
        assert_eq!(reason(next(&from, StatusCode::FOUND, &twice)), "it has more than one Location");
    }

    #[test]
    fn credentials_in_a_location_are_not_used() {
        let next =
            followed(&request("https://r.example/"), 302, "https://u:p@cdn.example/").unwrap().unwrap();
        assert_eq!(next.url.as_str(), "https://cdn.example/");
    }
}

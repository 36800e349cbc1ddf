//! The token exchange: a challenge and credentials go in, a bearer token comes out.
//!
//! The realm is named by the registry, so it decides where a request goes and, in careless clients, where a password
//! goes (containerd CVE-2020-15157, oras-go CVE-2026-48978). Here, the realm must be https unless the registry itself
//! is plain http. It gets credentials only if it belongs to the registry's own site; otherwise the request is
//! anonymous. The HTTP client's rule for hosts that the user did not name decides which addresses it may have.

use plimsoll_core::json;
use plimsoll_core::text::shown;
use plimsoll_http::{Client, HeaderValue, Request, Url, header};
use serde::Deserialize;

use super::{Credentials, Secret};
use crate::Error;
use crate::explanation::explanation;

/// Bytes of a token server's answer. The largest tokens known have some 16 KiB.
const ANSWER: u64 = 256 * 1024;

/// One request to a token server.
pub(crate) struct Exchange<'a> {
    pub(crate) client: &'a Client,
    /// The registry's own URL.
    pub(crate) registry: &'a Url,
    /// The registry's host as references name it.
    pub(crate) host: &'a str,
    pub(crate) realm: &'a str,
    pub(crate) service: Option<&'a str>,
    /// Always composed by us: a registry must not make us fetch a token for something else.
    pub(crate) scope: &'a str,
    pub(crate) credentials: Option<&'a Credentials>,
    /// Whether they are a cloud's. Those are valid for more than the registry, so only the registry's own host gets
    /// them and no neighbour: anybody may have a name below `amazonaws.com`.
    pub(crate) of_cloud: bool,
}

/// The answer.
pub(crate) struct IssuedToken {
    pub(crate) token: Secret,
    /// Why no credentials were sent, in words; empty when they were.
    pub(crate) anonymous: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl Exchange<'_> {
    pub(crate) async fn run(&self) -> Result<IssuedToken, Error> {
        let realm = self.realm()?;
        let host = realm.host_str().map(shown).unwrap_or_default();
        let what = format!("token from {host} for {}", self.scope);
        let (credentials, anonymous) = match self.credentials {
            None => (None, "no credentials are known for it".to_owned()),
            Some(_) if self.of_cloud && realm.origin() != self.registry.origin() => {
                (None, format!("no credentials were sent, because its token server {host} is another host"))
            }
            Some(_) if !same_site(self.registry, &realm) => (
                None,
                format!("no credentials were sent, because its token server {host} belongs to another site"),
            ),
            Some(credentials) => (Some(credentials), String::new()),
        };
        let request = self.request(&realm, credentials);
        let response = self.client.send(request).await;
        let mut response =
            response.map_err(|source| Error::Http { what: what.clone(), source: Box::new(source) })?;
        let status = response.status.as_u16();
        if status != 200 {
            let detail = explanation(&mut response).await;
            return Err(match status {
                // Any of these can mean that the token server knows no such repository or account.
                400 | 401 | 403 | 404 => Error::Unauthorized {
                    what,
                    place: self.host.to_owned(),
                    status: if status == 403 { 403 } else { 401 },
                    how: anonymous,
                    detail,
                },
                _ => Error::Refused { what, place: host, status, detail },
            });
        }
        let body = response.body.bytes(ANSWER).await;
        let body = body.map_err(|source| Error::Http { what: what.clone(), source: Box::new(source) })?;
        // Nothing of a malformed answer is shown: it may contain the token.
        let answer: Answer = json::from_slice(&body, ANSWER)
            .map_err(|_| Error::malformed(&*what, "the answer is not the expected JSON"))?;
        let token = answer.token.filter(|t| !t.is_empty()).or(answer.access_token).filter(|t| !t.is_empty());
        let token = token.ok_or_else(|| Error::malformed(&*what, "got neither token nor access_token"))?;
        Ok(IssuedToken { token: Secret::new(token), anonymous })
    }

    fn realm(&self) -> Result<Url, Error> {
        let what = || format!("token server that {} names", self.host);
        let realm = self
            .beside_registry()
            .map_or_else(|| Url::parse(self.realm), Ok)
            .map_err(|e| Error::malformed(what(), format!("{} is not a URL: {e}", shown(self.realm))))?;
        let permitted =
            realm.scheme() == "https" || (realm.scheme() == "http" && self.registry.scheme() == "http");
        if !permitted || realm.host_str().is_none() {
            let got = shown(realm.as_str());
            return Err(Error::malformed(what(), format!("got {got}, expected an https URL")));
        }
        Ok(realm)
    }

    /// The address of a realm that is only a path, as registries behind a proxy write it. `None` if it leads to another
    /// host, such as `//other.example/token`.
    fn beside_registry(&self) -> Option<Url> {
        let path = Some(self.realm).filter(|realm| realm.starts_with('/'))?;
        self.registry.join(path).ok().filter(|realm| realm.origin() == self.registry.origin())
    }

    fn request(&self, realm: &Url, credentials: Option<&Credentials>) -> Request {
        // OAuth2 is the only flow that accepts a refresh token.
        let mut request = if let Some(Credentials::IdentityToken(token)) = credentials {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "plimsoll")
                .append_pair("service", self.service.unwrap_or_default())
                .append_pair("scope", self.scope)
                .append_pair("refresh_token", token.reveal());
            let content = HeaderValue::from_static("application/x-www-form-urlencoded");
            Request::post(realm.clone(), form.finish()).header(header::CONTENT_TYPE, content)
        } else {
            let mut url = realm.clone();
            if let Some(service) = self.service {
                url.query_pairs_mut().append_pair("service", service);
            }
            url.query_pairs_mut().append_pair("scope", self.scope);
            Request::get(url)
        };
        if let Some(basic) = credentials.and_then(Credentials::basic) {
            request = request.header(header::AUTHORIZATION, basic);
        }
        if realm.origin() == self.registry.origin() { request } else { request.given_by(self.registry) }
    }
}

/// Whether a registry's credentials may be sent to a realm: the same host or address on any port, or names of one site, as those
/// of Docker Hub and its token server are.
fn same_site(registry: &Url, realm: &Url) -> bool {
    use url::Host::{Domain, Ipv4, Ipv6};
    match (registry.host(), realm.host()) {
        (Some(Ipv4(a)), Some(Ipv4(b))) => a == b,
        (Some(Ipv6(a)), Some(Ipv6(b))) => a == b,
        (Some(Domain(a)), Some(Domain(b))) => a == b || site(a).is_some_and(|a| Some(a) == site(b)),
        _ => false,
    }
}

/// The last two labels of a name, or the last three where the last two are a public suffix (`co.uk`, `com.au`). This is
/// coarser than the public suffix list: two tenants below one provider's domain count as one site, and the registry
/// that names the realm is the one that the credentials are for anyway.
fn site(name: &str) -> Option<&str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut ends = name.rmatch_indices('.').map(|(at, _)| at);
    let top = ends.next()?;
    let second = ends.next();
    let label = name.get(second.map_or(0, |at| at + 1)..top)?;
    let is_shared = name.len() - top - 1 == 2 && label.len() <= 3;
    match (is_shared, second) {
        (false, at) => name.get(at.map_or(0, |at| at + 1)..),
        (true, None) => None,
        (true, Some(_)) => name.get(ends.next().map_or(0, |at| at + 1)..),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        same_site(&Url::parse(a).unwrap(), &Url::parse(b).unwrap())
    }

    #[test]
    fn credentials_stay_within_the_site() {
        for (registry, realm) in [
            ("https://registry-1.docker.io", "https://auth.docker.io/token"),
            ("https://ghcr.io", "https://ghcr.io/token"),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("https://index.docker.io", "https://auth.docker.io/token"),
            ("https://docker.io", "https://auth.docker.io/token"),
            ("https://r.team.example.co.uk", "https://auth.example.co.uk"),
            ("https://example.co.uk", "https://auth.example.co.uk"),
            ("https://r.example.com.au", "https://example.com.au"),
            // Neither two letters at the end nor a short name before them make a public suffix.
            ("https://registry.gitlab.io", "https://auth.gitlab.io"),
            ("https://registry.ibm.com", "https://ibm.com"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token"),
            ("https://[::1]:5000", "https://[::1]/token"),
            ("https://localhost:5000", "https://localhost/"),
        ] {
            assert!(same(registry, realm), "{registry} {realm}");
        }
        for (registry, realm) in [
            ("https://registry.example.com", "https://example.com.evil.example"),
            ("https://registry.example.com", "https://auth.example.org"),
            ("https://r.victim.co.uk", "https://evil.co.uk"),
            ("https://victim.co.uk", "https://evil.co.uk"),
            ("https://victim.com.au", "https://com.au"),
            ("https://victim.com.au", "https://evil.com.au"),
            ("https://registry-1.docker.io", "https://auth.evil.example"),
            ("https://registry.example.com", "https://auth.docker.io"),
            ("http://127.0.0.1:5000", "http://127.0.0.2/token"),
            ("http://127.0.0.1:5000", "http://localhost/token"),
            ("https://localhost", "https://evil"),
        ] {
            assert!(!same(registry, realm), "{registry} {realm}");
        }
    }
}

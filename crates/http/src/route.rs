//! From a request to its host and route, or to the reason why it is not sent.

use std::net::IpAddr;
use std::sync::Arc;

use url::Position;

use crate::address::{AddressRule, Class};
use crate::allowed::Allowed;
use crate::error::{Call, Error, shown};
use crate::origin::{Name, Origin};
use crate::proxy::Server;
use crate::request::Request;
use crate::settings::Settings;

/// Where a request goes.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) origin: Origin,
    pub(crate) rule: AddressRule,
    pub(crate) proxy: Option<Arc<Server>>,
    /// `Host`: without the scheme's own port.
    pub(crate) host_header: String,
    /// The request target: absolute for a plain request through a proxy, a path otherwise.
    pub(crate) target: String,
}

/// Applies every rule that needs no connection. `reached` returns the class of the address at which a host was reached
/// earlier.
pub(crate) fn route(
    request: &Request,
    settings: &Settings,
    allowed: &Allowed,
    reached: impl Fn(&Origin) -> Option<Class>,
) -> Result<Route, Error> {
    let call = || request.call();
    if settings.offline {
        return Err(Error::Offline { call: call() });
    }
    let url = &request.url;
    let origin = Origin::from_url(url)
        .ok_or_else(|| Error::Url { call: call(), reason: "expected http:// or https:// and a host" })?;
    if let Some(giver) = &request.given_by
        && giver.scheme() == "https"
        && !origin.tls
    {
        return Err(Error::Downgrade { call: call(), given_by: shown(giver) });
    }
    // Only the caller can ask for it; a host that a response named is never one.
    let metadata_service = request.metadata_service && request.given_by.is_none();
    let is_loopback = origin.host.is_loopback();
    let may_be_plain = is_loopback || metadata_service;
    if !origin.tls && !may_be_plain && !lists(&settings.plain_http, &origin) {
        return Err(Error::PlainHttp { call: call(), host: origin.authority() });
    }
    let rule = match (&request.given_by, &origin.host) {
        (None, _) if metadata_service => AddressRule::MetadataService,
        (None, Name::Address(_)) => AddressRule::Literal,
        (None, Name::Domain(_)) => AddressRule::Named,
        // A response named it, but the user did so too.
        (Some(_), Name::Domain(_)) if lists(&allowed.hosts, &origin) => AddressRule::Named,
        (Some(giver), _) => {
            let known = Origin::from_url(giver).and_then(|o| o.host.class().or_else(|| reached(&o)));
            AddressRule::Given { by: shown(giver), giver: known, allowed: Arc::clone(&allowed.networks) }
        }
    };
    // Before a proxy is chosen: through one, this is all that can be checked.
    if let Name::Address(address) = origin.host {
        check(&rule, address, &call())?;
    }
    let proxy = if is_loopback || metadata_service {
        None
    } else {
        settings.proxy.server(origin.tls, &origin.host.bare(), origin.port).cloned()
    };
    let own_port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    let host_header = format!("{}{own_port}", url.host_str().unwrap_or_default());
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let target =
        if proxy.is_some() && !origin.tls { format!("http://{host_header}{path}") } else { path.to_owned() };
    Ok(Route { origin, rule, proxy, host_header, target })
}

/// Refuses an address that the rule does not permit.
pub(crate) fn check(rule: &AddressRule, address: IpAddr, call: &Call) -> Result<(), Error> {
    if rule.permits(address) {
        return Ok(());
    }
    let class = Class::from(address);
    let given_by = match rule {
        AddressRule::Given { by, .. } => Some(by.clone()),
        AddressRule::Literal | AddressRule::Named | AddressRule::MetadataService => None,
    };
    Err(Error::AddressRefused { call: call.clone(), address, class, given_by })
}

/// Whether one of the entries (`host`, `host:port`, an IPv6 address with or without brackets) is this host.
fn lists(entries: &[String], origin: &Origin) -> bool {
    let bare = origin.host.bare();
    entries.iter().any(|entry| {
        let entry = entry.trim().to_ascii_lowercase();
        let unbracketed = entry.strip_prefix('[').and_then(|e| e.strip_suffix(']')).unwrap_or(&entry);
        unbracketed == bare || entry == origin.authority()
    })
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::proxy::Proxy;
    use plimsoll_core::{Classify as _, Kind};

    fn get(url: &str) -> Request {
        Request::get(Url::parse(url).unwrap())
    }

    fn reaching(
        request: &Request,
        settings: &Settings,
        reached: impl Fn(&Origin) -> Option<Class>,
    ) -> Result<Route, Error> {
        route(request, settings, &Allowed::parse(&settings.allow_private)?, reached)
    }

    fn routed(request: &Request, settings: &Settings) -> Result<Route, Error> {
        reaching(request, settings, |_| None)
    }

    #[test]
    fn plain_http_only_to_loopback_and_named_hosts() {
        let settings = Settings {
            plain_http: vec![
                "r.example:5000".to_owned(),
                "any.example".to_owned(),
                "[2001:db8::7]:5000".to_owned(),
            ],
            ..Settings::default()
        };
        for allowed in [
            "http://127.0.0.1:5000/",
            "http://localhost:5000/",
            "http://LOCALHOST./",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://r.example:5000/",
            "http://any.example/",
            "http://ANY.example:81/",
            "http://[2001:db8::7]:5000/",
        ] {
            assert!(routed(&get(allowed), &settings).is_ok(), "{allowed}");
        }
        for refused in [
            "http://r.example/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://localhost.example/",
            "http://b.any.example/",
        ] {
            let error = routed(&get(refused), &settings).unwrap_err();
            assert!(matches!(error, Error::PlainHttp { .. }), "{refused}: {error}");
            assert_eq!(error.kind(), Kind::Usage);
        }
    }

    #[test]
    fn a_response_over_tls_never_leads_to_plain_http() {
        let settings = Settings { plain_http: vec!["r.example".to_owned()], ..Settings::default() };
        let over_tls = Url::parse("https://a.example/v2/").unwrap();
        let error = routed(&get("http://r.example/").given_by(&over_tls), &settings).unwrap_err();
        assert!(matches!(error, Error::Downgrade { .. }), "{error}");
        let plain = Url::parse("http://r.example/v2/").unwrap();
        assert!(routed(&get("http://r.example/").given_by(&plain), &settings).is_ok());
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["ftp://a.example/", "file:///etc/passwd", "data:,x"] {
            assert!(matches!(routed(&get(url), &Settings::default()), Err(Error::Url { .. })), "{url}");
        }
    }

    #[test]
    fn a_given_literal_is_refused_even_through_a_proxy() {
        let proxy = Proxy::from_env(|n| (n == "HTTPS_PROXY").then(|| "p.example:3128".to_owned())).unwrap();
        let settings = Settings { proxy, ..Settings::default() };
        let giver = Url::parse("https://r.example/").unwrap();
        for url in [
            "https://169.254.169.254/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://10.0.0.1/",
            "https://0x7f000001/",
            "https://127.1/",
            "https://[::1]/",
            "https://0/",
        ] {
            let error = routed(&get(url).given_by(&giver), &settings).unwrap_err();
            assert!(matches!(error, Error::AddressRefused { .. }), "{url}: {error}");
        }
        let named = routed(&get("https://blobs.example/").given_by(&giver), &settings).unwrap();
        assert!(named.proxy.is_some());
        assert!(routed(&get("https://localhost/"), &settings).unwrap().proxy.is_none());
    }

    #[test]
    fn the_giver_counts_by_the_address_it_was_reached_at() {
        let settings = Settings::default();
        let giver = Url::parse("https://r.example/").unwrap();
        let request = get("https://10.0.0.9/token").given_by(&giver);
        assert!(reaching(&request, &settings, |_| Some(Class::Private)).is_ok());
        for class in [Some(Class::Public), None] {
            let error = reaching(&request, &settings, |_| class).unwrap_err();
            assert!(matches!(error, Error::AddressRefused { .. }), "{error:?}");
        }
        let loopback = Url::parse("http://127.0.0.1:5000/").unwrap();
        assert!(routed(&get("http://localhost:5001/token").given_by(&loopback), &settings).is_ok());
    }

    #[test]
    fn a_private_host_that_the_user_allowed_may_be_named_by_a_public_one() {
        let allow_private = vec!["blobs.corp.example:8443".to_owned(), "10.1.0.0/16".to_owned()];
        let settings = Settings { allow_private, ..Settings::default() };
        let giver = Url::parse("https://r.example/").unwrap();
        let to = |url: &str| routed(&get(url).given_by(&giver), &settings);
        assert_eq!(to("https://blobs.corp.example:8443/x").unwrap().rule, AddressRule::Named);
        assert!(matches!(to("https://blobs.corp.example/x").unwrap().rule, AddressRule::Given { .. }));
        assert!(to("https://10.1.2.3/x").is_ok());
        for refused in ["https://10.2.2.3/x", "https://169.254.169.254/x"] {
            assert!(matches!(to(refused), Err(Error::AddressRefused { .. })), "{refused}");
        }
    }

    #[test]
    fn the_target_is_absolute_only_for_plain_requests_through_a_proxy() {
        let proxy = Proxy::from_env(|n| n.ends_with("_PROXY").then(|| "p.example:3128".to_owned())).unwrap();
        // `lookup` returns this text for NO_PROXY too, which exempts no host.
        let settings = Settings { proxy, plain_http: vec!["r.example".to_owned()], ..Settings::default() };
        let plain = routed(&get("http://me:pw@r.example:81/a?b=c#d"), &settings).unwrap();
        assert_eq!(
            (plain.target.as_str(), plain.host_header.as_str()),
            ("http://r.example:81/a?b=c", "r.example:81")
        );
        let tls = routed(&get("https://r.example:443/a?b=c#d"), &settings).unwrap();
        assert_eq!((tls.target.as_str(), tls.host_header.as_str()), ("/a?b=c", "r.example"));
    }
}

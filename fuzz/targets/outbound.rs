//! Where connections may go: addresses and their classes, proxies and their exemptions, as a user's environment and a
//! registry's answers write them.

#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use plimsoll_http::{Class, Client, Proxy, Settings, Url};

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (https, http, bypass, private) = (line(), line(), line(), line());
    let proxy = Proxy::from_env(|name| match name {
        "HTTPS_PROXY" => Some(https.clone()),
        "http_proxy" => Some(http.clone()),
        "NO_PROXY" => Some(bypass.clone()),
        _ => None,
    });
    if let Ok(proxy) = proxy {
        let mut settings = Settings::default();
        settings.proxy = proxy;
        settings.allow_private = private.split(',').map(str::to_owned).collect();
        let _ = Client::new(settings);
    }
    if let Ok(url) = Url::parse(&https) {
        if let Some(host) = url.host_str() {
            if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
                check(address);
            }
        }
    }
    if let Ok(address) = private.parse::<IpAddr>() {
        check(address);
    }
});

/// A form of IPv6 that carries an IPv4 address is never more public than what it carries.
fn check(address: IpAddr) {
    let class = Class::from(address);
    if let IpAddr::V4(v4) = address {
        let [a, b, c, d] = v4.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for carrier in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0),
        ] {
            assert_eq!(Class::from(IpAddr::from(carrier)), class, "{carrier}");
        }
        assert_eq!(class == Class::Loopback, a == 127, "{v4}");
    }
}

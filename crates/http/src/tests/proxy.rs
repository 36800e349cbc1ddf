//! Calls through a proxy. The tunnel with TLS inside is tested on real sockets, in `tests/loopback.rs`.

use std::sync::{Arc, Mutex};

use super::{Net, OK, get, settings};
use crate::{Error, Proxy, Settings};
use plimsoll_core::{Classify as _, Kind};

fn through_proxy() -> Settings {
    let lookup = |name: &str| match name {
        "HTTPS_PROXY" | "HTTP_PROXY" => Some("http://me:pa55@proxy.example:3128".to_owned()),
        "NO_PROXY" => Some("s.example".to_owned()),
        _ => None,
    };
    Settings { proxy: Proxy::from_env(lookup).unwrap(), ..settings() }
}

/// A proxy that records its requests and always answers the same.
fn proxy(answer: &'static str) -> (Net, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let net =
        Net::default().name("proxy.example", &[&["10.0.0.1"]]).server("10.0.0.1:3128", move |mut peer| {
            let kept = Arc::clone(&kept);
            async move {
                while let Some(head) = peer.request().await {
                    kept.lock().unwrap().push(head);
                    peer.send(answer).await;
                }
            }
        });
    (net, heads)
}

#[tokio::test(start_paused = true)]
async fn plain_requests_are_handed_to_the_proxy_in_absolute_form() {
    let (net, heads) = proxy(OK);
    assert_eq!(get(&net.client(through_proxy()), "http://r.example:81/a?b=c").await.unwrap().status, 200);
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("get http://r.example:81/a?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: r.example:81\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic "), "{head}");
    // The proxy resolves the host; we do not.
    assert_eq!(net.asked(), ["proxy.example"]);
}

#[tokio::test(start_paused = true)]
async fn loopback_and_exempt_hosts_are_called_directly() {
    let (net, heads) = proxy(OK);
    let net =
        net.name("s.example", &[&["10.0.0.6"]]).answering("10.0.0.6:80", OK).answering("127.0.0.1:5000", OK);
    let client = net.client(through_proxy());
    for direct in ["http://s.example/", "http://127.0.0.1:5000/", "http://localhost:5000/"] {
        get(&client, direct).await.unwrap();
    }
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_wants_other_credentials() {
    let (net, heads) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let error = get(&net.client(through_proxy()), "https://r.example/v2/").await.unwrap_err();
    assert!(matches!(error, Error::ProxyRefused { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("the proxy proxy.example:3128 answered 407"), "{error}");
    assert!(!format!("{error} {error:?}").contains("pa55"));
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("connect r.example:443 http/1.1\r\nhost: r.example:443\r\n"), "{head}");
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_in_passing_trouble_is_asked_again() {
    let (net, heads) = proxy("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let error = get(&net.client(through_proxy()), "https://r.example/").await.unwrap_err();
    assert_eq!((error.kind(), heads.lock().unwrap().len()), (Kind::Transient, 4));
}

//! The client against servers on real sockets: which connections are kept, which headers follow a redirect,
//! and what a broken answer means.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "the servers are shared between test programs")]

#[path = "loopback/serve.rs"]
mod serve;

use plimsoll_core::{Classify as _, Kind};
use plimsoll_http::{Client, Error, HeaderValue, Request, Response, Settings, Url, header};
use serve::{HANG_UP, Server, answer};

fn client() -> Client {
    // A retry would wait in real time.
    Client::new(Settings { retries: 0, ..Settings::default() }).unwrap()
}

fn at(server: &Server, path: &str) -> Url {
    Url::parse(&format!("http://{}{path}", server.address)).unwrap()
}

async fn get(client: &Client, url: Url) -> Result<Response, Error> {
    client.send(Request::get(url)).await
}

#[tokio::test]
async fn three_requests_share_a_connection() {
    let server = Server::plain([
        answer("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"x\"\r\n", "{\"errors\":[]}"),
        answer("200 OK", "", "manifest"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nblo\r\n1\r\nb\r\n0\r\n\r\n".to_owned(),
    ])
    .await;
    let client = client();
    // Nobody reads its explanation.
    assert_eq!(get(&client, at(&server, "/v2/")).await.unwrap().status, 401);
    let mut manifest = get(&client, at(&server, "/v2/a/manifests/1")).await.unwrap();
    assert_eq!(manifest.body.announced(), Some(8));
    assert_eq!(manifest.body.bytes(100).await.unwrap(), "manifest");
    let mut blob = get(&client, at(&server, "/v2/a/blobs/1")).await.unwrap();
    assert_eq!(blob.body.announced(), None);
    assert_eq!(blob.body.chunk().await.unwrap().unwrap(), "blo");
    assert_eq!(blob.body.chunk().await.unwrap().unwrap(), "b");
    assert_eq!(blob.body.chunk().await.unwrap(), None);
    assert_eq!((server.heads().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn responses_without_a_body_keep_the_connection() {
    let server = Server::plain([
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ])
    .await;
    let client = client();
    let head = client.send(Request::head(at(&server, "/"))).await.unwrap();
    assert_eq!(head.header(&header::CONTENT_LENGTH), Some("1234"));
    for _ in 0..2 {
        assert!(get(&client, at(&server, "/")).await.unwrap().body.bytes(0).await.unwrap().is_empty());
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_long_rest_is_not_read() {
    let long = "x".repeat(100_000);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\r\n0\r\n\r\n");
    for first in [answer("200 OK", "", &long), chunked] {
        let server = Server::plain([first, answer("200 OK", "", "ok")]).await;
        let client = client();
        get(&client, at(&server, "/")).await.unwrap();
        assert_eq!(get(&client, at(&server, "/")).await.unwrap().body.bytes(2).await.unwrap(), "ok");
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn half_a_body_is_an_error() {
    let hang_up = String::from_utf8(HANG_UP.to_vec()).unwrap();
    let halves = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Some(10)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", None),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf", None),
    ];
    for (half, length) in halves {
        let server = Server::plain([format!("{half}{hang_up}")]).await;
        let mut response = get(&client(), at(&server, "/v2/a/blobs/1")).await.unwrap();
        let error = response.body.bytes(100).await.unwrap_err();
        match &error {
            Error::Truncated { received, expected, .. } => assert_eq!((*received, *expected), (4, length)),
            other => panic!("got {other}, expected a truncated body"),
        }
        assert_eq!(error.kind(), Kind::Transient);
        let start = format!("GET {}: the body ended after 4 bytes", at(&server, "/v2/a/blobs/1"));
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_refused() {
    let long = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n"
        .to_owned();
    let server =
        Server::plain([answer("200 OK", "", "1234567890"), long, answer("200 OK", "", "1234567890")]).await;
    let client = client();
    for _ in 0..2 {
        let error = get(&client, at(&server, "/")).await.unwrap().body.bytes(9).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 9, .. }), "{error}");
        assert_eq!(error.kind(), Kind::Failed);
    }
    assert_eq!(get(&client, at(&server, "/")).await.unwrap().body.bytes(10).await.unwrap(), "1234567890");
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let server = Server::plain([answer("200 OK", "Content-Encoding: gzip\r\n", "raw bytes")]).await;
    assert_eq!(get(&client(), at(&server, "/")).await.unwrap().body.bytes(100).await.unwrap(), "raw bytes");
    assert!(server.heads()[0].contains("\r\naccept-encoding: identity\r\n"));
    assert!(server.heads()[0].contains("\r\nuser-agent: plimsoll/"));
}

#[tokio::test]
async fn authorization_does_not_cross_to_another_origin() {
    let other = Server::plain([answer("200 OK", "", "blob")]).await;
    let hop = answer("307 Temporary Redirect", &format!("Location: {}\r\n", at(&other, "/signed?sig=1")), "");
    let same = answer("302 Found", "Location: /elsewhere\r\n", "");
    let server = Server::plain([same, hop]).await;
    let request = Request::get(at(&server, "/v2/a/blobs/1"))
        .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer t0ken"))
        .header(header::RANGE, HeaderValue::from_static("bytes=0-"));
    let mut response = client().send_following(request).await.unwrap();
    assert_eq!(response.url, at(&other, "/signed?sig=1"));
    assert_eq!(response.body.bytes(10).await.unwrap(), "blob");
    assert!(server.heads().iter().all(|h| h.contains("authorization: bearer t0ken")), "{:?}", server.heads());
    let seen = &other.heads()[0];
    assert!(!seen.contains("authorization") && !seen.contains("t0ken"), "{seen}");
    assert!(seen.contains("range: bytes=0-"), "{seen}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_unless_it_is_to_be_followed() {
    let server = Server::plain(vec![answer("302 Found", "Location: /x\r\n", ""); 2]).await;
    let client = client();
    assert_eq!(get(&client, at(&server, "/")).await.unwrap().status, 302);
    let post = Request::post(at(&server, "/"), "");
    assert_eq!(client.send_following(post).await.unwrap().status, 302);
    assert_eq!(server.heads().len(), 2);
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::plain(vec![answer("302 Found", "Location: /again\r\n", ""); 20]).await;
    let error = client().send_following(Request::get(at(&server, "/"))).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects { limit: 5, .. }), "{error}");
    assert_eq!(server.heads().len(), 6);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_refused() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    for garbage in ["SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\0\0\0\0\0\r\n\r\n", &endless, &many] {
        let server = Server::plain([garbage]).await;
        let error = get(&client(), at(&server, "/")).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Failed);
    }
}

#[tokio::test]
async fn two_lengths_that_differ_are_refused() {
    let server =
        Server::plain(["HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 8\r\n\r\n12345678"]).await;
    assert!(matches!(get(&client(), at(&server, "/")).await, Err(Error::Protocol { .. })));
}

#[tokio::test]
async fn a_closed_port_says_so() {
    // Bound but not listening, so that nobody else gets the port in the meantime.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let error = get(&client(), Url::parse(&format!("http://{address}/v2/")).unwrap()).await.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("GET http://{address}/v2/: cannot connect to {address}: ")),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Transient);
}

#[tokio::test]
async fn one_client_lends_each_connection_once() {
    let server = Server::plain(vec![answer("200 OK", "", "a"); 4]).await;
    let client = client();
    let mut first = get(&client, at(&server, "/")).await.unwrap();
    let mut second = get(&client, at(&server, "/")).await.unwrap();
    assert_eq!(server.connections(), 2);
    first.body.bytes(1).await.unwrap();
    second.body.bytes(1).await.unwrap();
    for _ in 0..2 {
        get(&client, at(&server, "/")).await.unwrap().body.bytes(1).await.unwrap();
    }
    assert_eq!(server.connections(), 2);
}

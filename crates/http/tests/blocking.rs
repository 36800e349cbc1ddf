//! The network without a separate thread. This test is alone in its process, because a process has one
//! network.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use plimsoll_http::{Client, Request, Settings, Url, block_on};

#[test]
fn a_kept_connection_that_was_closed_while_nobody_waited_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (close, to_be_closed) = mpsc::channel();
    let (closed, is_closed) = mpsc::channel();
    let server = std::thread::spawn(move || {
        for _ in 0..20 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            to_be_closed.recv().unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    let client = Client::new(Settings { retries: 0, ..Settings::default() }).unwrap();
    for round in 0..20 {
        let (client, request) = (client.clone(), Request::post(url.clone(), &b""[..]));
        let sent = block_on(async move {
            let mut response = client.send(request).await?;
            response.body.bytes(1).await
        });
        assert!(sent.unwrap().is_ok(), "round {round}");
        close.send(()).unwrap();
        is_closed.recv().unwrap();
    }
    server.join().unwrap();
}

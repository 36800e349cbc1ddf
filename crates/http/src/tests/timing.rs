//! Peers that are slow, on purpose or not: each limit ends only its own call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep};

use super::{Net, OK, get, settings, url};
use crate::{Error, Phase, Request, Settings};
use plimsoll_core::{Cancel, Classify as _, Kind, Stopped};

const ADDRESS: &str = "93.184.215.14:80";
const URL: &str = "http://93.184.215.14/v2/";

fn phase(error: &Error) -> Phase {
    match error {
        Error::Timeout { phase, .. } => {
            assert_eq!(error.kind(), Kind::Transient);
            *phase
        }
        other => panic!("got {other}, expected a time-out"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_connects() {
    struct Never;
    impl crate::connect::Dial for Never {
        fn dial(&self, _: std::net::SocketAddr) -> crate::connect::Dialing {
            Box::pin(std::future::pending())
        }
    }
    let settings = Settings { retries: 0, ..settings() };
    let client = crate::Client::with_network(settings, Arc::new(Net::default()), Arc::new(Never)).unwrap();
    let began = Instant::now();
    assert_eq!(phase(&get(&client, URL).await.unwrap_err()), Phase::Connect);
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_answers_is_not_asked_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    let net = Net::default().server(ADDRESS, move |mut peer| {
        let seen = Arc::clone(&seen);
        async move {
            peer.request().await;
            seen.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    });
    assert_eq!(phase(&get(&net.client(settings()), URL).await.unwrap_err()), Phase::Response);
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte() {
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        for byte in OK.chars() {
            peer.send(&byte.to_string()).await;
            sleep(Duration::from_secs(10)).await;
        }
    });
    let began = Instant::now();
    assert_eq!(phase(&get(&net.client(settings()), URL).await.unwrap_err()), Phase::Response);
    assert!(began.elapsed() <= Duration::from_mins(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops() {
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        std::future::pending::<()>().await;
    });
    let mut response = get(&net.client(settings()), URL).await.unwrap();
    let began = Instant::now();
    assert_eq!(phase(&response.body.bytes(100).await.unwrap_err()), Phase::Body);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    // A failed body must not look complete if it is read again.
    let again = response.body.chunk().await.unwrap_err();
    assert!(again.to_string().contains("it was given up before"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips() {
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        loop {
            peer.send("x").await;
            sleep(Duration::from_secs(10)).await;
        }
    });
    let mut response = get(&net.client(settings()), URL).await.unwrap();
    let began = Instant::now();
    assert_eq!(phase(&response.body.bytes(2_000_000).await.unwrap_err()), Phase::Body);
    assert!(began.elapsed() <= Duration::from_secs(40), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_is_fast_enough_until_the_call_is_over() {
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await;
        let piece = "x".repeat(20_000);
        loop {
            peer.send(&piece).await;
            sleep(Duration::from_secs(20)).await;
        }
    });
    let client = net.client(settings());
    let began = Instant::now();
    let request = Request::get(url(URL)).timeout(Duration::from_mins(10));
    let mut response = client.send(request).await.unwrap();
    let error = response.body.bytes(200_000_000).await.unwrap_err();
    assert_eq!(phase(&error), Phase::Call);
    assert_eq!(began.elapsed(), Duration::from_mins(10));
    assert_eq!(error.to_string(), "GET http://93.184.215.14/v2/: not finished after 600 s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_the_peers_fault() {
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n").await;
        peer.send(&"x".repeat(40_000)).await;
    });
    let mut response = get(&net.client(settings()), URL).await.unwrap();
    let mut length = 0;
    while let Some(piece) = response.body.chunk().await.unwrap() {
        length += piece.len();
        sleep(Duration::from_mins(1)).await;
    }
    assert_eq!(length, 40_000);
}

#[tokio::test(start_paused = true)]
async fn a_long_upload_is_progress() {
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        let mut piece = vec![0; 4096];
        let mut taken = 0;
        while taken < 100_000 {
            taken += peer.stream.read(&mut piece).await.unwrap();
            sleep(Duration::from_secs(20)).await;
        }
        peer.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
        std::future::pending::<()>().await;
    });
    let request = Request::put(url(URL), vec![0_u8; 100_000]);
    let began = Instant::now();
    assert_eq!(net.client(settings()).send(request).await.unwrap().status, 201);
    assert!(began.elapsed() > Duration::from_mins(5), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_costs_a_moment() {
    struct HalfBroken(Net);
    impl crate::connect::Dial for HalfBroken {
        fn dial(&self, address: std::net::SocketAddr) -> crate::connect::Dialing {
            if address.is_ipv6() { Box::pin(std::future::pending()) } else { self.0.dial(address) }
        }
    }
    let net = Net::default()
        .name("r.example", &[&["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "93.184.215.14"]])
        .answering(ADDRESS, OK);
    let client =
        crate::Client::with_network(settings(), Arc::new(net.clone()), Arc::new(HalfBroken(net))).unwrap();
    let began = Instant::now();
    assert_eq!(get(&client, "http://r.example/").await.unwrap().status, 200);
    assert_eq!(began.elapsed(), Duration::from_millis(250));
}

/// A server that answers and then sends a byte a second forever.
fn dripping() -> Net {
    Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        loop {
            sleep(Duration::from_secs(1)).await;
            peer.send("1\r\nx\r\n").await;
        }
    })
}

fn reason(error: &Error) -> Stopped {
    match error {
        Error::Stopped { reason, .. } => {
            assert_eq!(error.kind(), Kind::Transient);
            *reason
        }
        other => panic!("got {other}, expected that it was stopped"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_and_a_body_end_when_nobody_waits_any_more() {
    let cancel = Cancel::never();
    let client = dripping().client(settings()).under(&cancel);
    let mut body = get(&client, URL).await.unwrap().body;
    assert!(body.chunk().await.unwrap().is_some());
    let (began, pulled) = (Instant::now(), cancel.clone());
    tokio::spawn(async move {
        sleep(Duration::from_millis(300)).await;
        pulled.cancel();
    });
    assert_eq!(reason(&body.chunk().await.unwrap_err()), Stopped::Cancelled);
    assert_eq!(began.elapsed(), Duration::from_millis(300));
    assert_eq!(reason(&get(&client, URL).await.unwrap_err()), Stopped::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn the_askers_deadline_is_told_from_the_clients_own() {
    let deadline = std::time::Instant::now() + Duration::from_millis(2500);
    let client = dripping().client(settings()).under(&Cancel::never().until(deadline));
    let mut body = get(&client, URL).await.unwrap().body;
    let error = loop {
        match body.chunk().await {
            Ok(piece) => assert!(piece.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(reason(&error), Stopped::DeadlinePassed);

    // A deadline after the client's limits does not remove them.
    let deadline = std::time::Instant::now() + Duration::from_hours(24);
    let settings = Settings { timeout: Duration::from_secs(2), retries: 0, ..settings() };
    let client = dripping().client(settings).under(&Cancel::never().until(deadline));
    let mut body = get(&client, URL).await.unwrap().body;
    let error = loop {
        match body.chunk().await {
            Ok(piece) => assert!(piece.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(phase(&error), Phase::Call);
}

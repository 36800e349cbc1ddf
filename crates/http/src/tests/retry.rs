//! Temporary failures are retried within bounds; requests that must not be repeated are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::{Net, OK, get, settings, url};
use crate::{Client, Error, Request, Settings};
use plimsoll_core::{Classify as _, Kind};

const ADDRESS: &str = "93.184.215.14:80";
const URL: &str = "http://93.184.215.14/v2/";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// A server with one answer for each request, on any connection; an empty answer hangs up.
fn scripted(answers: &'static [&'static str]) -> (Net, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let net = Net::default().server(ADDRESS, move |mut peer| {
        let count = Arc::clone(&count);
        async move {
            while peer.request().await.is_some() {
                match answers.get(count.fetch_add(1, Ordering::Relaxed)) {
                    Some(answer) if !answer.is_empty() => peer.send(answer).await,
                    _ => return,
                }
            }
        }
    });
    (net, requests)
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_503_is_waited_out_on_one_connection() {
    let (net, requests) = scripted(&[BUSY, BUSY, OK]);
    let began = Instant::now();
    let mut response = get(&net.client(settings()), URL).await.unwrap();
    assert_eq!(response.body.bytes(10).await.unwrap(), "ok");
    assert_eq!((requests.load(Ordering::Relaxed), net.dialled().len()), (3, 1));
    assert!((375..=750).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let (net, _) =
        scripted(&["HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", OK]);
    let began = Instant::now();
    assert_eq!(get(&net.client(settings()), URL).await.unwrap().status, 200);
    assert_eq!(began.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_years_is_not_waited_for() {
    let answer =
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1000000000\r\nContent-Length: 11\r\n\r\nrate  limit";
    let (net, requests) = scripted(Box::leak(Box::new([answer; 4])));
    let began = Instant::now();
    let error = get(&net.client(settings()), URL).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET http://93.184.215.14/v2/: got 429 Too Many Requests, and asks to wait 1000000000 s: rate limit"
    );
    assert_eq!((error.kind(), requests.load(Ordering::Relaxed)), (Kind::Transient, 1));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_after_is_left_to_the_caller() {
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 61\r\nContent-Length: 0\r\n\r\n";
    let (net, requests) = scripted(Box::leak(Box::new([answer, OK])));
    assert!(matches!(get(&net.client(settings()), URL).await, Err(Error::Status { .. })));
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn no_wait_goes_past_the_deadline() {
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n";
    let (net, requests) = scripted(Box::leak(Box::new([answer, OK])));
    let request = Request::get(url(URL)).timeout(Duration::from_secs(15));
    let began = Instant::now();
    assert!(matches!(net.client(settings()).send(request).await, Err(Error::Status { .. })));
    assert_eq!((requests.load(Ordering::Relaxed), began.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn lasting_trouble_is_reported_with_what_the_server_said() {
    for (status, expected) in [(500, 4), (502, 4), (503, 4), (504, 4), (505, 1)] {
        let answer = format!("HTTP/1.1 {status} Trouble\r\nContent-Length: 13\r\n\r\ndisk\x1b[2J full");
        let (net, requests) = scripted(Box::leak(Box::new([&*Box::leak(answer.into_boxed_str()); 9])));
        let error = get(&net.client(settings()), URL).await.unwrap_err();
        assert!(error.to_string().ends_with(": disk\\u{1b}[2J full"), "{error}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!((error.kind(), requests.load(Ordering::Relaxed)), (Kind::Transient, expected), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_trouble_are_returned_at_once() {
    for status in [200, 204, 301, 307, 400, 401, 403, 404, 405, 416, 501] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: /x\r\n\r\n");
        let (net, requests) = scripted(Box::leak(Box::new([&*Box::leak(answer.into_boxed_str()); 9])));
        assert_eq!(get(&net.client(settings()), URL).await.unwrap().status, status);
        assert_eq!(requests.load(Ordering::Relaxed), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_before_the_answer() {
    let (net, requests) = scripted(&["", OK]);
    assert_eq!(get(&net.client(settings()), URL).await.unwrap().status, 200);
    assert_eq!((requests.load(Ordering::Relaxed), net.dialled().len()), (2, 2));

    let (net, _) = scripted(&[]);
    let error = get(&net.client(settings()), URL).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    assert_eq!((error.kind(), net.dialled().len()), (Kind::Transient, 4));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_idempotent_is_sent_once() {
    for first in ["", BUSY] {
        let (net, requests) = scripted(Box::leak(Box::new([first, OK])));
        let error = net.client(settings()).send(Request::post(url(URL), "x")).await.unwrap_err();
        assert_eq!((error.kind(), requests.load(Ordering::Relaxed)), (Kind::Transient, 1), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_tried_again_for_every_method() {
    for method in [Method::GET, Method::POST] {
        let net = Net::default();
        let error = net.client(settings()).send(Request::new(method, url(URL))).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.to_string().contains("cannot connect to 93.184.215.14:80"), "{error}");
        assert_eq!((error.kind(), net.dialled().len()), (Kind::Transient, 4));
    }
    let net = Net::default();
    let error = get(&net.client(settings()), "http://r.example/").await.unwrap_err();
    assert_eq!(error.to_string(), "GET http://r.example/: cannot resolve r.example: no such name");
    assert_eq!((error.kind(), net.asked().len()), (Kind::Transient, 4));
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_was_closed_costs_no_attempt() {
    // Each connection takes one request, and hangs up on the second instead of announcing it.
    let net = Net::default().server(ADDRESS, |mut peer| async move {
        peer.request().await;
        peer.send(OK).await;
        peer.request().await;
    });
    let client = net.client(Settings { retries: 0, ..settings() });
    let began = Instant::now();
    for _ in 0..3 {
        let mut response = get(&client, URL).await.unwrap();
        response.body.bytes(10).await.unwrap();
    }
    assert_eq!((net.dialled().len(), began.elapsed()), (3, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_not_kept_for_ever() {
    let net = Net::default().answering(ADDRESS, OK);
    let client = net.client(settings());
    let fetch = async |client: &Client| get(client, URL).await.unwrap().body.bytes(10).await.unwrap();
    fetch(&client).await;
    fetch(&client).await;
    assert_eq!(net.dialled().len(), 1);
    tokio::time::advance(Duration::from_mins(1)).await;
    fetch(&client).await;
    assert_eq!(net.dialled().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_explanation_that_does_not_come_is_not_waited_for() {
    let (net, requests) = scripted(&["HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nbus", OK]);
    let began = Instant::now();
    assert_eq!(get(&net.client(settings()), URL).await.unwrap().status, 200);
    assert_eq!((requests.load(Ordering::Relaxed), net.dialled().len()), (2, 2));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn limits_of_centuries_are_no_limits() {
    let net = Net::default().answering(ADDRESS, OK);
    let forever = Settings { timeout: Duration::MAX, idle_timeout: Duration::MAX, ..settings() };
    let mut response = get(&net.client(forever), URL).await.unwrap();
    assert_eq!(response.body.bytes(2).await.unwrap(), "ok");
}

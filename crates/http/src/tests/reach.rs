//! Others must not be able to make us send requests to networks that they cannot reach themselves (SSRF).
//! Guards that checked only the URL were bypassed with a DNS name. Here the resolved address decides, and the
//! connection goes to it.

use super::{Net, OK, get, settings, url};
use crate::{Class, Client, Error, Proxy, Request, Settings};
use plimsoll_core::{Classify as _, Kind};

const PUBLIC: &str = "93.184.215.14";

fn refused(error: &Error) -> Class {
    match error {
        Error::AddressRefused { class, .. } => {
            assert_eq!(error.kind(), Kind::Failed);
            *class
        }
        other => panic!("got {other}, expected a refused address"),
    }
}

async fn given(client: &Client, text: &str, by: &str) -> Result<crate::Response, Error> {
    client.send(Request::get(url(text)).given_by(&url(by))).await
}

#[tokio::test(start_paused = true)]
async fn a_name_given_by_a_public_host_must_not_resolve_inwards() {
    let addresses = [
        ("127.0.0.1", Class::Loopback),
        ("10.0.0.7", Class::Private),
        ("169.254.169.254", Class::LinkLocal),
        ("::ffff:169.254.169.254", Class::LinkLocal),
        ("::ffff:10.0.0.7", Class::Private),
        ("fd00:ec2::254", Class::Metadata),
        ("0.0.0.0", Class::Unspecified),
        ("::1", Class::Loopback),
    ];
    for (address, class) in addresses {
        let net = Net::default()
            .name("r.example", &[&[PUBLIC]])
            .name("cdn.example", &[&[address]])
            .answering("93.184.215.14:80", OK);
        let client = net.client(settings());
        get(&client, "http://r.example/v2/").await.unwrap();
        let error = given(&client, "http://cdn.example/token", "http://r.example/v2/").await.unwrap_err();
        assert_eq!(refused(&error), class, "{address}");
        assert!(error.to_string().contains("named by http://r.example/v2/, not by you"), "{error}");
        assert_eq!(net.dialled(), ["93.184.215.14:80"], "{address} was dialled");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_given_by_the_response() {
    let net = Net::default().name("r.example", &[&[PUBLIC]]).name("cdn.example", &[&["10.0.0.7"]]).answering(
        "93.184.215.14:80",
        "HTTP/1.1 302 Found\r\nLocation: http://cdn.example/b\r\nContent-Length: 0\r\n\r\n",
    );
    let client = net.client(settings());
    let error = client.send_following(Request::get(url("http://r.example/b"))).await.unwrap_err();
    assert_eq!(refused(&error), Class::Private);
    assert_eq!(net.dialled(), ["93.184.215.14:80"]);
}

#[tokio::test(start_paused = true)]
async fn one_bad_address_refuses_the_whole_answer() {
    let net = Net::default().name("cdn.example", &[&[PUBLIC, "127.0.0.1"]]).answering("93.184.215.14:80", OK);
    let error = given(&net.client(settings()), "http://cdn.example/", "http://r.example/").await.unwrap_err();
    assert_eq!(refused(&error), Class::Loopback);
    assert!(net.dialled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let net = Net::default().name("rebind.example", &[&[PUBLIC], &["169.254.169.254"]]).server(
        "93.184.215.14:80",
        |mut peer| async move {
            peer.request().await;
            peer.send(OK).await;
        },
    );
    let client = net.client(settings());
    let by = "http://r.example/";
    given(&client, "http://rebind.example/", by).await.unwrap();
    // One question for one connection: the address that was checked is the address that was dialled.
    assert_eq!((net.asked().len(), net.dialled()), (1, vec!["93.184.215.14:80".to_owned()]));
    assert_eq!(refused(&given(&client, "http://rebind.example/", by).await.unwrap_err()), Class::LinkLocal);
    assert_eq!(net.dialled().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_may_name_its_own_kind() {
    let net = Net::default()
        .name("r.example", &[&["10.0.0.5"]])
        .name("s.example", &[&["10.0.0.6"]])
        .answering("10.0.0.5:80", OK)
        .answering("10.0.0.6:80", OK)
        .answering("127.0.0.1:5000", OK)
        .answering("127.0.0.1:5001", OK);
    let client = net.client(settings());
    // Not before the giver's address is known.
    assert_eq!(
        refused(&given(&client, "http://s.example/", "http://r.example/").await.unwrap_err()),
        Class::Private
    );
    get(&client, "http://r.example/").await.unwrap();
    given(&client, "http://s.example/", "http://r.example/").await.unwrap();
    given(&client, "http://10.0.0.6/", "http://r.example/").await.unwrap();
    given(&client, "http://127.0.0.1:5001/", "http://localhost:5000/").await.unwrap();
    // But not another class.
    let error = given(&client, "http://127.0.0.1:5000/", "http://r.example/").await.unwrap_err();
    assert_eq!(refused(&error), Class::Loopback);
    let error = given(&client, "http://s.example/", "http://127.0.0.1:5000/").await.unwrap_err();
    assert_eq!(refused(&error), Class::Private);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_checked_too() {
    let net = Net::default().name("s.example", &[&["10.0.0.6"]]).answering("10.0.0.6:80", OK);
    let client = net.client(settings());
    get(&client, "http://s.example/").await.unwrap().body.bytes(10).await.unwrap();
    let error = given(&client, "http://s.example/", "http://93.184.215.14/").await.unwrap_err();
    assert_eq!(refused(&error), Class::Private);
}

#[tokio::test(start_paused = true)]
async fn a_name_never_leads_to_metadata_even_if_the_user_wrote_it() {
    let net = Net::default().name("r.example", &[&["169.254.169.254"]]);
    let error = get(&net.client(settings()), "http://r.example/").await.unwrap_err();
    assert_eq!(refused(&error), Class::LinkLocal);
    assert!(net.dialled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_metadata_service_is_reached_by_the_call_that_names_it_and_by_no_other() {
    let net = Net::default()
        .name("metadata.example", &[&["169.254.169.254"]])
        .name("r.example", &[&[PUBLIC]])
        .answering("169.254.169.254:80", OK)
        .answering("[fd00:ec2::23]:80", OK)
        .answering("127.0.0.1:5000", OK);
    let client = net.client(Settings { plain_http: Vec::new(), ..settings() });
    let near = |to: &str| Request::get(url(to)).to_metadata_service();
    for to in [
        "http://169.254.169.254/",
        "http://metadata.example/",
        "http://[fd00:ec2::23]/",
        "http://127.0.0.1:5000/",
    ] {
        client.send(near(to)).await.unwrap();
    }
    let dialled = net.dialled().len();
    // Its token is for the metadata service: it goes nowhere else, with TLS or without.
    for to in ["http://r.example/", "https://r.example/", "http://93.184.215.14/", "http://10.0.0.7/"] {
        let error = client.send(near(to)).await.unwrap_err();
        assert!(matches!(error, Error::AddressRefused { .. }), "{to}: {error}");
    }
    // A host that a response names is not a metadata service, even if the caller says so.
    let by = url("http://127.0.0.1:5000/");
    for to in ["http://169.254.169.254/", "http://metadata.example/"] {
        for error in
            [client.send(near(to).given_by(&by)).await.unwrap_err(), get(&client, to).await.unwrap_err()]
        {
            assert!(
                matches!(error, Error::AddressRefused { .. } | Error::PlainHttp { .. }),
                "{to}: {error:?}"
            );
        }
    }
    assert_eq!(net.dialled().len(), dialled);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_does_not_inherit_the_way_to_a_metadata_service() {
    for location in ["http://169.254.169.254/other", "http://metadata.example/", "http://127.0.0.1:5000/"] {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let net = Net::default()
            .name("metadata.example", &[&["169.254.169.254"]])
            .answering("169.254.169.254:80", Box::leak(answer.into_boxed_str()))
            .answering("127.0.0.1:5000", OK);
        let client = net.client(Settings { plain_http: Vec::new(), ..settings() });
        let request = Request::get(url("http://169.254.169.254/")).to_metadata_service();
        let error = client.send_following(request).await.unwrap_err();
        assert!(
            matches!(error, Error::AddressRefused { .. } | Error::PlainHttp { .. }),
            "{location}: {error:?}"
        );
        assert_eq!(net.dialled(), ["169.254.169.254:80"], "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_metadata_service_is_never_asked_through_a_proxy() {
    let proxy = Proxy::from_env(|n| n.ends_with("_PROXY").then(|| "10.0.0.9:3128".to_owned())).unwrap();
    let net = Net::default().answering("169.254.169.254:80", OK).answering("10.0.0.9:3128", OK);
    let client = net.client(Settings { proxy, ..settings() });
    client.send(Request::get(url("http://169.254.169.254/")).to_metadata_service()).await.unwrap();
    assert_eq!(net.dialled(), ["169.254.169.254:80"]);
}

#[tokio::test(start_paused = true)]
async fn localhost_is_this_machine_whatever_a_resolver_says() {
    let net = Net::default()
        .name("localhost", &[&["10.0.0.5"]])
        .answering("127.0.0.1:5000", OK)
        .answering("10.0.0.5:5000", OK);
    get(&net.client(settings()), "http://localhost:5000/").await.unwrap();
    assert_eq!(net.dialled(), ["127.0.0.1:5000"]);
    assert!(net.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn offline_opens_nothing() {
    let net = Net::default().name("r.example", &[&[PUBLIC]]).answering("127.0.0.1:5000", OK);
    let client = net.client(Settings { offline: true, ..settings() });
    for to in ["https://r.example/", "http://127.0.0.1:5000/", "http://r.example/"] {
        for outcome in [get(&client, to).await, client.send_following(Request::get(url(to))).await] {
            let error = outcome.unwrap_err();
            assert_eq!(error.to_string(), format!("GET {to}: refused because of --offline"));
            assert!(error.hint().unwrap().contains("oci:DIR"));
        }
    }
    assert!(net.dialled().is_empty() && net.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn tls_is_set_up_only_when_it_is_needed() {
    let net = Net::default().answering("127.0.0.1:5000", OK);
    let client = net.client(settings());
    get(&client, "http://127.0.0.1:5000/").await.unwrap();
    assert!(!client.tls_is_ready());
}

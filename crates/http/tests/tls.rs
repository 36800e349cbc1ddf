//! TLS on real sockets, with certificates made for the test: who is trusted, and the messages about who is
//! not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "the servers are shared between test programs")]

#[path = "loopback/serve.rs"]
mod serve;

use std::sync::Arc;

use plimsoll_core::{Classify as _, Kind};
use plimsoll_http::{
    Client, ClientCertificate, Error, HostTls, Proxy, Request, Response, Settings, TlsFault, Url,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serve::{HANG_UP, Server, answer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: Vec<u8>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn acceptor(&self, name: &str, until_year: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until_year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        acceptor(certificate, &key)
    }

    fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }

    fn settings(&self) -> Settings {
        Settings { retries: 0, extra_roots: vec![self.pem.clone()], ..Settings::default() }
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn get(client: &Client, host: &str, server: &Server) -> Result<Response, Error> {
    let url = Url::parse(&format!("https://{host}:{}/v2/", server.address.port())).unwrap();
    client.send(Request::get(url)).await
}

fn fault(error: &Error) -> TlsFault {
    match error {
        Error::Tls { fault, .. } => {
            assert_eq!(error.kind(), Kind::Failed);
            *fault
        }
        other => panic!("got {other}, expected a TLS error"),
    }
}

#[tokio::test]
async fn an_extra_root_is_trusted_and_the_connection_kept() {
    let authority = Authority::new("ours");
    let server = Server::start(
        Some(authority.acceptor("localhost", 4000)),
        [answer("200 OK", "", "a"), answer("200 OK", "", "b")],
    )
    .await;
    let client = authority.client();
    for expected in ["a", "b"] {
        assert_eq!(get(&client, "localhost", &server).await.unwrap().body.bytes(1).await.unwrap(), expected);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_certificate_for_an_address_is_for_that_address() {
    let authority = Authority::new("ours");
    let server =
        Server::start(Some(authority.acceptor("127.0.0.1", 4000)), [answer("200 OK", "", "a")]).await;
    assert_eq!(get(&authority.client(), "127.0.0.1", &server).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    // The second has the name of a trusted one.
    for name in ["theirs", "ours"] {
        let theirs = Authority::new(name).acceptor("localhost", 4000);
        let server = Server::start(Some(theirs), [answer("200 OK", "", "")]).await;
        let error = get(&Authority::new("ours").client(), "localhost", &server).await.unwrap_err();
        assert_eq!(fault(&error), TlsFault::UnknownIssuer, "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("--ca-file") && hint.contains("SSL_CERT_FILE"), "{hint}");
        assert!(server.heads().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("ours");
    let server =
        Server::start(Some(authority.acceptor("other.example", 4000)), [answer("200 OK", "", "")]).await;
    let error = get(&authority.client(), "localhost", &server).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::WrongName, "{error}");
    assert!(error.to_string().contains("other.example"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new("ours");
    let server = Server::start(Some(authority.acceptor("localhost", 2001)), [answer("200 OK", "", "")]).await;
    let error = get(&authority.client(), "localhost", &server).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::Expired, "{error}");
    assert!(error.hint().unwrap().contains("clock"));
}

/// A certificate that is its own authority, as `openssl req -x509` makes them.
struct OwnAuthority {
    params: CertificateParams,
    key: KeyPair,
}

impl OwnAuthority {
    fn new(name: &str, until_year: i32) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "registry");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(until_year, 1, 1);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn certificate(&self) -> rcgen::Certificate {
        self.params.self_signed(&self.key).unwrap()
    }

    /// Trusts `certificate`; whether it gets an answer from a server that has this one.
    async fn answers(&self, certificate: &rcgen::Certificate) -> Result<Response, Error> {
        self.serves(self.certificate(), certificate).await
    }

    async fn serves(&self, own: rcgen::Certificate, trusted: &rcgen::Certificate) -> Result<Response, Error> {
        let acceptor = acceptor(own.der().clone(), &self.key);
        let server = Server::start(Some(acceptor), [answer("200 OK", "", "a")]).await;
        let extra_roots = vec![trusted.pem().into_bytes()];
        let settings = Settings { retries: 0, extra_roots, ..Settings::default() };
        let answered = get(&Client::new(settings).unwrap(), "localhost", &server).await;
        assert_eq!(server.heads().is_empty(), answered.is_err());
        answered
    }
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_accepted_where_it_was_named() {
    let own = OwnAuthority::new("localhost", 4000);
    let certificate = own.certificate();
    assert_eq!(own.serves(certificate.clone(), &certificate).await.unwrap().status, 200);
    // Nothing else about it is trusted without a check.
    let expired = OwnAuthority::new("localhost", 2001);
    let certificate = expired.certificate();
    let error = expired.serves(certificate.clone(), &certificate).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::Expired, "{error}");
    let mut early = OwnAuthority::new("localhost", 4001);
    early.params.not_before = date_time_ymd(4000, 1, 1);
    let certificate = early.certificate();
    let error = early.serves(certificate.clone(), &certificate).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::Expired, "{error}");
    let other = OwnAuthority::new("other.example", 4000);
    let certificate = other.certificate();
    let error = other.serves(certificate.clone(), &certificate).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::WrongName, "{error}");
    let error = other.answers(&other.certificate()).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::Certificate, "{error}");
}

#[tokio::test]
async fn only_that_very_certificate_is_accepted() {
    let named = OwnAuthority::new("localhost", 4000);
    // One with the same name and key identifier, but another key.
    let mut twin = OwnAuthority::new("localhost", 4000);
    let identifier = named.params.key_identifier(&named.key);
    twin.params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(identifier);
    let error = twin.answers(&named.certificate()).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::Certificate, "{error}");
    // Of the same key, with other content: another authority's certificate, even so.
    let mut renewed = OwnAuthority { params: named.params.clone(), key: named.key };
    let first = renewed.certificate();
    renewed.params.serial_number = Some(rcgen::SerialNumber::from(77_u64));
    let error = renewed.answers(&first).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::Certificate, "{error}");
    // An authority below it is not a server either.
    let issuer = Issuer::new(renewed.params.clone(), renewed.key);
    let below = OwnAuthority::new("localhost", 4000);
    let certificate = below.params.signed_by(&below.key, &issuer).unwrap();
    let error = below.serves(certificate, &first).await.unwrap_err();
    let fault = fault(&error);
    assert!(matches!(fault, TlsFault::Certificate | TlsFault::UnknownIssuer), "{error}");
}

#[tokio::test]
async fn insecure_registry_does_not_make_tls_lenient() {
    let server =
        Server::start(Some(Authority::new("ours").acceptor("localhost", 4000)), [answer("200 OK", "", "")])
            .await;
    let plain_http = vec!["localhost".to_owned()];
    let client = Client::new(Settings { plain_http, ..Authority::new("ours").settings() }).unwrap();
    assert_eq!(fault(&get(&client, "localhost", &server).await.unwrap_err()), TlsFault::UnknownIssuer);
}

#[tokio::test]
async fn a_host_without_tls_is_named_in_the_hint() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(answer("400 Bad Request", "", "").as_bytes()).await.unwrap();
        // Held open until the client gives up, or a reset could arrive before the text.
        serve::head(&mut stream).await;
    });
    let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let error = Authority::new("ours").client().send(Request::get(url)).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::NotTls, "{error}");
    assert!(error.hint().unwrap().contains(&format!("--insecure-registry localhost:{port}")));
}

#[tokio::test]
async fn a_handshake_that_breaks_off_may_be_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let error = Authority::new("ours").client().send(Request::get(url)).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Transient);
}

#[tokio::test]
async fn a_body_until_the_end_of_the_connection_needs_a_proper_end() {
    // Without a length, only TLS's close message distinguishes the end from an attacker's truncation.
    let cut = [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf"[..], HANG_UP].concat();
    let authority = Authority::new("ours");
    let server = Server::start(Some(authority.acceptor("localhost", 4000)), [cut]).await;
    let mut response = get(&authority.client(), "localhost", &server).await.unwrap();
    let error = response.body.bytes(100).await.unwrap_err();
    assert!(matches!(error, Error::Truncated { received: 4, .. }), "{error}");
}

#[tokio::test]
async fn a_tunnel_through_a_proxy_carries_tls_to_the_host() {
    let authority = Authority::new("ours");
    let host =
        Server::start(Some(authority.acceptor("r.example", 4000)), [answer("200 OK", "", "through")]).await;
    let (to, listener) = (host.address, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let proxy = listener.local_addr().unwrap();
    let tunnel = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = serve::head(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let mut onward = TcpStream::connect(to).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut onward).await });
        asked
    });
    let settings = Settings {
        proxy: Proxy::from_env(|n| (n == "HTTPS_PROXY").then(|| proxy.to_string())).unwrap(),
        ..authority.settings()
    };
    let client = Client::new(settings).unwrap();
    let request = Request::get(Url::parse("https://r.example/v2/").unwrap());
    let mut response = client.send(request).await.unwrap();
    assert_eq!(response.body.bytes(100).await.unwrap(), "through");
    assert!(tunnel.await.unwrap().starts_with("connect r.example:443 http/1.1\r\n"));
    assert!(host.heads()[0].contains("\r\nhost: r.example\r\n"));
}

/// The environment belongs to the whole process, so this test runs itself again with another environment.
#[tokio::test]
async fn ssl_cert_file_replaces_the_systems_authorities() {
    const URL: &str = "TLS_TEST_URL";
    if let Ok(url) = std::env::var(URL) {
        let client = Client::new(Settings { retries: 0, ..Settings::default() }).unwrap();
        let outcome = client.send(Request::get(Url::parse(&url).unwrap())).await;
        match outcome {
            Ok(response) => println!("outcome: {}", response.status.as_u16()),
            Err(error) => println!("outcome: {error}; {}", error.hint().unwrap()),
        }
        return;
    }
    let authority = Authority::new("ours");
    let server = Server::start(Some(authority.acceptor("localhost", 4000)), [answer("200 OK", "", "")]).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let missing = folder.path().join("missing.pem");
    for (file, expected) in
        [(file, "outcome: 200"), (missing, "install the system's certificate authorities")]
    {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again
            .args(["--exact", "ssl_cert_file_replaces_the_systems_authorities", "--nocapture"])
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR")
            .env(URL, &url);
        // On a separate thread, because the server that it calls runs on this one.
        let output = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(expected), "{printed}");
    }
}

/// An authority for clients, and a server that only talks to those that show one of its certificates.
fn asking(
    ours: &Authority,
    clients: &Authority,
    tls: &'static rustls::SupportedProtocolVersion,
) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ours.issuer).unwrap().der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&clients.pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[tls])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn client_certificate(authority: &Authority) -> ClientCertificate {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "ci");
    let chain = params.signed_by(&key, &authority.issuer).unwrap().pem().into_bytes();
    ClientCertificate { place: "ci.pem".to_owned(), chain, key: key.serialize_pem().into_bytes() }
}

fn showing(authority: &Authority, host: &str, client: ClientCertificate) -> Client {
    let host = HostTls { host: host.to_owned(), client: Some(client), ..HostTls::default() };
    Client::new(Settings { hosts: vec![host], ..authority.settings() }).unwrap()
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_its_host_only() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = Server::start(
            Some(asking(&ours, &clients, version)),
            [answer("200 OK", "", "a"), answer("200 OK", "", "b")],
        )
        .await;
        let port = server.address.port();
        let meant = showing(&ours, &format!("localhost:{port}"), client_certificate(&clients));
        assert_eq!(get(&meant, "localhost", &server).await.unwrap().status, 200);
        // The same server under another name, with another port, and without the port: none of them is the
        // host of the setting.
        let elsewhere = [
            (showing(&ours, &format!("127.0.0.1:{port}"), client_certificate(&clients)), "localhost"),
            (showing(&ours, "localhost:1", client_certificate(&clients)), "localhost"),
            (showing(&ours, "localhost", client_certificate(&clients)), "localhost"),
            (meant, "127.0.0.1"),
        ];
        for (client, host) in elsewhere {
            let error = get(&client, host, &server).await.unwrap_err();
            assert_eq!(fault(&error), TlsFault::ClientCertificate, "{error}");
            assert!(error.hint().unwrap().contains(&format!("--client-cert {host}:{port}=FILE")), "{error}");
        }
        // A certificate that the server does not know.
        let stranger = client_certificate(&Authority::new("strangers"));
        let error = get(&showing(&ours, &format!("localhost:{port}"), stranger), "localhost", &server).await;
        assert_eq!(fault(&error.unwrap_err()), TlsFault::ClientCertificate);
        assert_eq!(server.heads().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_takes_no_client_certificate_along() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let target =
        Server::start(Some(asking(&ours, &clients, &rustls::version::TLS13)), [answer("200 OK", "", "")])
            .await;
    let location = format!("Location: https://127.0.0.1:{}/\r\n", target.address.port());
    let first = Server::start(
        Some(asking(&ours, &clients, &rustls::version::TLS13)),
        [answer("307 Temporary Redirect", &location, "")],
    )
    .await;
    let client = showing(&ours, &format!("localhost:{}", first.address.port()), client_certificate(&clients));
    let url = Url::parse(&format!("https://localhost:{}/", first.address.port())).unwrap();
    let error = client.send_following(Request::get(url)).await.unwrap_err();
    assert_eq!(fault(&error), TlsFault::ClientCertificate, "{error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    assert!(target.heads().is_empty());
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_belong_together() {
    let clients = Authority::new("clients");
    let mut client = client_certificate(&clients);
    client.key = client_certificate(&clients).key;
    let host = HostTls { host: "localhost".to_owned(), client: Some(client), ..HostTls::default() };
    let error = Client::new(Settings { hosts: vec![host], ..Settings::default() }).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("ci.pem"), "{error}");
}

#[tokio::test]
async fn an_authority_for_one_host_is_nobody_elsewhere() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Server::start(
        Some(theirs.acceptor("localhost", 4000)),
        [answer("200 OK", "", ""), answer("200 OK", "", "")],
    )
    .await;
    let port = server.address.port();
    for (host, trusted) in [(format!("localhost:{port}"), true), ("localhost:1".to_owned(), false)] {
        let host = HostTls { host, roots: vec![theirs.pem.clone()], ..HostTls::default() };
        let client = Client::new(Settings { hosts: vec![host], ..ours.settings() }).unwrap();
        assert_eq!(get(&client, "localhost", &server).await.is_ok(), trusted);
    }
}

#[tokio::test]
async fn any_certificate_is_taken_only_from_the_host_that_was_named() {
    let server = Server::start(
        Some(Authority::new("theirs").acceptor("other.example", 2001)),
        [answer("200 OK", "", ""), answer("200 OK", "", "")],
    )
    .await;
    let host = HostTls {
        host: format!("localhost:{}", server.address.port()),
        dangerous_any_certificate: true,
        ..HostTls::default()
    };
    let client = Client::new(Settings { hosts: vec![host], ..Authority::new("ours").settings() }).unwrap();
    assert!(get(&client, "localhost", &server).await.is_ok());
    let error = get(&client, "127.0.0.1", &server).await.unwrap_err();
    assert!(matches!(fault(&error), TlsFault::Expired | TlsFault::UnknownIssuer), "{error}");
}

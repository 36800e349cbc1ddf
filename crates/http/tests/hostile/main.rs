//! Certificates that an attacker or a broken peer may present. Each test has the name of its row in the
//! catalogue of bad inputs. Expired certificates and those of strangers are in `tls.rs`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "the servers are shared between test programs")]

#[path = "../loopback/serve.rs"]
mod serve;

use std::sync::Arc;

use plimsoll_core::{Classify as _, Kind};
use plimsoll_http::{Client, Error, Request, Response, Settings, Url};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serve::{Server, answer};
use tokio_rustls::TlsAcceptor;

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

fn acceptor(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn get(roots: &str, chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<Response, Error> {
    let server = Server::start(Some(acceptor(chain, key)), [answer("200 OK", "", "hello")]).await;
    let settings =
        Settings { retries: 0, extra_roots: vec![roots.as_bytes().to_vec()], ..Settings::default() };
    let url = Url::parse(&format!("https://localhost:{}/v2/", server.address.port())).unwrap();
    Client::new(settings).unwrap().send(Request::get(url)).await
}

#[tokio::test]
async fn p06_certificates_for_thousands_of_names() {
    let (issuer, pem) = authority("ours");
    let key = KeyPair::generate().unwrap();
    let names = |count| (0..count).map(|n| format!("n{n}.example"));
    // As many names as fit into a certificate of a handshake. The right name may be the last one, but it must
    // be there.
    let all =
        CertificateParams::new(names(3_000).chain(["localhost".to_owned()]).collect::<Vec<_>>()).unwrap();
    let certificate = all.signed_by(&key, &issuer).unwrap().der().clone();
    assert!(get(&pem, vec![certificate], &key).await.is_ok());
    let others = CertificateParams::new(names(3_000).collect::<Vec<_>>()).unwrap();
    let certificate = others.signed_by(&key, &issuer).unwrap().der().clone();
    let error = get(&pem, vec![certificate], &key).await.err().unwrap();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(error.to_string().len() < 1_000, "a message must not repeat three thousand names: {error}");
    // Ten thousand names are more than an authority's certificate may contain. The error comes before any
    // connection.
    let mut params = CertificateParams::new(names(10_000).collect::<Vec<_>>()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let huge = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    let settings = Settings { extra_roots: vec![huge.into_bytes()], ..Settings::default() };
    assert!(matches!(Client::new(settings), Err(Error::ExtraRoots { .. })));
}

#[tokio::test]
async fn p06_building_a_path_through_many_authorities_of_one_name_ends() {
    // Each of them could have signed every other (RUSTSEC-2023-0052). The work has a budget, and the
    // certificate is refused.
    let (_, pem) = authority("ours");
    let key = KeyPair::generate().unwrap();
    let many: Vec<(Issuer<'static, KeyPair>, KeyPair)> = (0..40)
        .map(|_| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, "everybody");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            (Issuer::new(params, KeyPair::generate().unwrap()), key)
        })
        .collect();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &many[0].0).unwrap();
    let mut chain = vec![leaf.der().clone()];
    for (at, (_, own)) in many.iter().enumerate() {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "everybody");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        chain.push(params.signed_by(own, &many[(at + 1) % many.len()].0).unwrap().der().clone());
    }
    let error = get(&pem, chain, &key).await.err().unwrap();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Failed);
}

#[test]
fn p06_authorities_in_another_encoding_are_reported_before_anything_is_sent() {
    for bad in [
        "-----BEGIN CERTIFICATE-----\nMIAwgA==\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIT/////\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIAw",
        "-----BEGIN PUBLIC KEY-----\nMIAwgA==\n-----END PUBLIC KEY-----\n",
        "not a certificate",
        "",
    ] {
        let settings = Settings { extra_roots: vec![bad.as_bytes().to_vec()], ..Settings::default() };
        let Err(error) = Client::new(settings) else { panic!("{bad:?} was taken") };
        assert!(matches!(error, Error::ExtraRoots { .. }), "{bad:?}: {error}");
    }
}

//! TLS: which certificates are trusted, and the meaning of a failed handshake.
//!
//! The configuration is made on the first https call, because loading some 140 certificate authorities costs
//! more than a whole verification against a loopback registry. The provider is passed explicitly, because
//! another crate might set another process-wide default. `verifier` decides what is accepted in place of an
//! authority's certificate.

mod verifier;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::error::{Call, Error, TlsFault};
use crate::origin::{Name, Origin};
use crate::settings::{ClientCertificate, Settings};
use crate::stream::Stream;
use verifier::{Accepted, Verifier};

/// The TLS side of a client.
pub(crate) struct Tls {
    extra: Vec<CertificateDer<'static>>,
    /// By `host:port`.
    hosts: BTreeMap<String, HostTlsConfig>,
    /// The configurations made so far; the key `None` is for all other hosts.
    configs: Mutex<BTreeMap<Option<String>, Arc<ClientConfig>>>,
    system: Mutex<Option<RootCertStore>>,
}

/// The settings of one host.
#[derive(Default)]
struct HostTlsConfig {
    roots: Vec<CertificateDer<'static>>,
    client: Option<Arc<SingleCertAndKey>>,
    any_certificate: bool,
}

impl Tls {
    /// Reads certificates and keys, so that a wrong file is reported before anything is sent.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let fault = |reason| Error::ExtraRoots { reason };
        let mut extra = Vec::new();
        for pem in &settings.extra_roots {
            extra.extend(authorities(pem).map_err(fault)?);
        }
        let mut hosts: BTreeMap<String, HostTlsConfig> = BTreeMap::new();
        for host in &settings.hosts {
            let fault = |reason| Error::HostSetting { place: host.host.clone(), reason };
            let name = authority(&host.host)
                .ok_or_else(|| fault("expected HOST or HOST:PORT of a registry".to_owned()))?;
            let special = hosts.entry(name).or_default();
            for pem in &host.roots {
                special.roots.extend(authorities(pem).map_err(fault)?);
            }
            if let Some(client) = &host.client {
                special.client = Some(Arc::new(SingleCertAndKey::from(certified(client)?)));
            }
            special.any_certificate |= host.dangerous_any_certificate;
        }
        Ok(Self { extra, hosts, configs: Mutex::default(), system: Mutex::default() })
    }

    /// Starts TLS on a connection, as a client of `host`. Settings for single hosts apply if `origin` names
    /// one; for a proxy it is `None`.
    pub(crate) async fn connect(
        &self,
        call: &Call,
        host: &Name,
        origin: Option<&Origin>,
        authority: &str,
        stream: Stream,
    ) -> Result<Stream, Error> {
        let config = self.config(call, origin)?;
        let name = match host {
            Name::Address(address) => ServerName::from(*address),
            Name::Domain(name) => {
                ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(|_| Error::Url {
                    call: call.clone(),
                    reason: "the host cannot be a TLS server name",
                })?
            }
        };
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(failure(call, authority, &error)),
        }
    }

    fn config(&self, call: &Call, origin: Option<&Origin>) -> Result<Arc<ClientConfig>, Error> {
        let special = origin.map(Origin::authority).filter(|name| self.hosts.contains_key(name));
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&special) {
            return Ok(Arc::clone(config));
        }
        let none = HostTlsConfig::default();
        let host = special.as_ref().and_then(|name| self.hosts.get(name)).unwrap_or(&none);
        let (mut roots, trouble) = self.common();
        roots.add_parsable_certificates(host.roots.iter().cloned());
        if roots.is_empty() && !host.any_certificate {
            let reason = trouble.unwrap_or_else(|| "none is installed".to_owned());
            return Err(Error::NoRoots { call: call.clone(), reason });
        }
        if host.any_certificate {
            tracing::warn!(host = special.as_deref().unwrap_or_default(), "its certificate is not checked");
        }
        let config = Arc::new(
            configuration(roots, self.extra.iter().chain(&host.roots), host)
                .map_err(|e| Error::NoRoots { call: call.clone(), reason: e.to_string() })?,
        );
        configs.insert(special, Arc::clone(&config));
        Ok(config)
    }

    /// The authorities trusted for every host, and why some of them could not be loaded.
    fn common(&self) -> (RootCertStore, Option<String>) {
        let mut slot = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(roots) = slot.as_ref() {
            return (roots.clone(), None);
        }
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        // Some systems have certificates that webpki cannot read; they could not be used anyway.
        let (added, ignored) = roots.add_parsable_certificates(system.certs);
        for error in &system.errors {
            tracing::warn!(%error, "a certificate authority of the system could not be read");
        }
        roots.add_parsable_certificates(self.extra.iter().cloned());
        tracing::debug!(added, ignored, extra = self.extra.len(), "certificate authorities loaded");
        if !roots.is_empty() {
            *slot = Some(roots.clone());
        }
        (roots, system.errors.first().map(ToString::to_string))
    }

    #[cfg(test)]
    pub(crate) fn is_ready(&self) -> bool {
        !self.configs.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// `host:port` as [`Origin::authority`] writes it.
fn authority(host: &str) -> Option<String> {
    let url = Url::parse(&format!("https://{}/", host.trim())).ok()?;
    let only_a_host = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    only_a_host.then(|| Origin::from_url(&url)).flatten().map(|origin| origin.authority())
}

/// The certificates in a PEM text, each usable as a trust anchor.
fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut store = RootCertStore::empty();
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| format!("not PEM: {e}"))?;
        store.add(certificate.clone()).map_err(|e| e.to_string())?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err("no certificate in it, expected -----BEGIN CERTIFICATE-----".to_owned());
    }
    Ok(found)
}

fn certified(client: &ClientCertificate) -> Result<CertifiedKey, Error> {
    let fault =
        |reason: String| Error::HostSetting { place: format!("client certificate {}", client.place), reason };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&client.chain)
        .collect::<Result<_, _>>()
        .map_err(|e| fault(format!("not PEM: {e}")))?;
    if chain.is_empty() {
        return Err(fault("no certificate in it, expected -----BEGIN CERTIFICATE-----".to_owned()));
    }
    if client.key.windows(ENCRYPTED.len()).any(|w| w == ENCRYPTED) {
        return Err(fault("its private key is encrypted, expected a plain one".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&client.key)
        .map_err(|_| fault("no private key for it, expected -----BEGIN PRIVATE KEY-----".to_owned()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|e| fault(e.to_string()))
}

/// How an encrypted PKCS #8 key is marked.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

fn configuration<'a>(
    roots: RootCertStore,
    named: impl Iterator<Item = &'a CertificateDer<'static>>,
    host: &HostTlsConfig,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let accepted = if host.any_certificate {
        Accepted::Any
    } else {
        let by_authority =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
        Accepted::AuthoritiesOrNamed { by_authority, named: named.cloned().collect() }
    };
    let verifier = Arc::new(Verifier { accepted, provider });
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &host.client {
        Some(client) => {
            let client = Arc::clone(client);
            builder.with_client_cert_resolver(client)
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The refusal of our client certificate that caused an error, if one did. With TLS 1.3 it arrives after the
/// handshake, in place of the response.
pub(crate) fn client_refused(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inside = error.downcast_ref::<io::Error>().and_then(|e| e.get_ref());
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inside.and_then(|e| e.downcast_ref::<rustls::Error>()));
        if let Some(tls) = tls
            && is_client_refusal(tls)
        {
            return Some(tls.to_string());
        }
        cause = error.source();
    }
    None
}

fn is_client_refusal(error: &rustls::Error) -> bool {
    use AlertDescription as A;
    matches!(
        error,
        rustls::Error::AlertReceived(
            A::CertificateRequired
                | A::BadCertificate
                | A::UnsupportedCertificate
                | A::CertificateRevoked
                | A::CertificateExpired
                | A::CertificateUnknown
                | A::UnknownCA
                | A::AccessDenied
        )
    )
}

/// A failed handshake: a refusal by either side is final, a broken connection is temporary.
fn failure(call: &Call, authority: &str, error: &io::Error) -> Error {
    let (call, host) = (call.clone(), authority.to_owned());
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return Error::Connect { call, host, reason: format!("broken off in the TLS hand-shake: {error}") };
    };
    let fault = match tls {
        rustls::Error::InvalidCertificate(fault) => match fault {
            // Another authority of the same name, renewed or forged, causes a bad signature.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsFault::Expired,
            _ => TlsFault::Certificate,
        },
        rustls::Error::InvalidMessage(_) => TlsFault::NotTls,
        other if is_client_refusal(other) => TlsFault::ClientCertificate,
        _ => TlsFault::Protocol,
    };
    Error::Tls { call, host, fault, reason: shortened(&tls.to_string()) }
}

/// A certificate for thousands of names would otherwise fill the message with them.
fn shortened(reason: &str) -> String {
    const MOST: usize = 400;
    let mut shown: String = reason.chars().take(MOST).collect();
    if shown.len() < reason.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HostTls;

    #[test]
    fn a_file_without_certificates_is_refused_at_once() {
        for broken in
            [&b""[..], b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let settings = Settings { extra_roots: vec![broken.to_vec()], ..Settings::default() };
            assert!(matches!(Tls::new(&settings), Err(Error::ExtraRoots { .. })), "{broken:?}");
            let host =
                HostTls { host: "a.example".to_owned(), roots: vec![broken.to_vec()], ..HostTls::default() };
            let settings = Settings { hosts: vec![host], ..Settings::default() };
            assert!(matches!(Tls::new(&settings), Err(Error::HostSetting { .. })), "{broken:?}");
        }
    }

    #[test]
    fn a_host_is_a_host_and_its_port_443_unless_said() {
        assert_eq!(authority("R.example").as_deref(), Some("r.example:443"));
        assert_eq!(authority("r.example:5000").as_deref(), Some("r.example:5000"));
        assert_eq!(authority("[::1]:5000").as_deref(), Some("[::1]:5000"));
        for wrong in ["", "r.example/team", "https://r.example", "me@r.example", "*.example:x", "r.example?x"]
        {
            assert_eq!(authority(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_never_repeated() {
        let key = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n".to_vec();
        let client = ClientCertificate { place: "me.pem".to_owned(), chain: key.clone(), key };
        let error = certified(&client).unwrap_err();
        assert!(!format!("{error} {error:?} {client:?}").contains("c2VjcmV0"), "{error:?}");
        assert!(error.to_string().contains("me.pem"), "{error}");
    }
}

//! TLS: whom we trust, and what a failed hand-shake means.
//!
//! The configuration is made on the first https call, because loading some 140 certificate authorities costs more than a
//! whole verification against a loopback registry. The provider is passed explicitly: no process-wide default that
//! another crate might set differently.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::connect::Stream;
use crate::error::{Call, Error, TlsFault};
use crate::route::Name;

/// The TLS side of a client.
pub(crate) struct Tls {
    extra: Vec<CertificateDer<'static>>,
    config: Mutex<Option<Arc<ClientConfig>>>,
}

impl Tls {
    /// Reads the extra certificate authorities, so that a wrong file is reported before anything is sent.
    pub(crate) fn new(extra_roots: &[Vec<u8>]) -> Result<Self, Error> {
        let fault = |reason: String| Error::ExtraRoots { reason };
        let mut extra = Vec::new();
        for pem in extra_roots {
            let before = extra.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                extra.push(certificate.map_err(|e| fault(format!("not PEM: {e}")))?);
            }
            if extra.len() == before {
                return Err(fault("no certificate in it, expected -----BEGIN CERTIFICATE-----".to_owned()));
            }
        }
        let mut store = RootCertStore::empty();
        for certificate in &extra {
            store.add(certificate.clone()).map_err(|e| fault(e.to_string()))?;
        }
        Ok(Self { extra, config: Mutex::new(None) })
    }

    /// Speaks TLS on a connection, as a client of `host`.
    pub(crate) async fn connect(
        &self,
        call: &Call,
        host: &Name,
        authority: &str,
        stream: Stream,
    ) -> Result<Stream, Error> {
        let config = self.config(call)?;
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

    fn config(&self, call: &Call) -> Result<Arc<ClientConfig>, Error> {
        let mut slot = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = slot.as_ref() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        // Some systems carry certificates that webpki cannot read; they are nobody we could trust anyway.
        let (added, ignored) = roots.add_parsable_certificates(system.certs);
        for error in &system.errors {
            tracing::warn!(%error, "a certificate authority of the system could not be read");
        }
        roots.add_parsable_certificates(self.extra.iter().cloned());
        tracing::debug!(added, ignored, extra = self.extra.len(), "certificate authorities loaded");
        if roots.is_empty() {
            let reason =
                system.errors.first().map_or_else(|| "none is installed".to_owned(), ToString::to_string);
            return Err(Error::NoRoots { call: call.clone(), reason });
        }
        let config = Arc::new(
            configuration(roots).map_err(|e| Error::NoRoots { call: call.clone(), reason: e.to_string() })?,
        );
        *slot = Some(Arc::clone(&config));
        Ok(config)
    }

    #[cfg(test)]
    pub(crate) fn is_ready(&self) -> bool {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

fn configuration(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A hand-shake that failed: a refusal by either side is final, a connection that broke is passing trouble.
fn failure(call: &Call, authority: &str, error: &io::Error) -> Error {
    let (call, host) = (call.clone(), authority.to_owned());
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return Error::Connect { call, host, reason: format!("broken off in the TLS hand-shake: {error}") };
    };
    let fault = match tls {
        rustls::Error::InvalidCertificate(fault) => match fault {
            // A bad signature is what another authority of the same name looks like: one that was renewed, or forged.
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
        _ => TlsFault::Protocol,
    };
    Error::Tls { call, host, fault, reason: tls.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_at_once() {
        for broken in
            [&b""[..], b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(matches!(Tls::new(&[broken.to_vec()]), Err(Error::ExtraRoots { .. })), "{broken:?}");
        }
    }
}

//! Which certificates of servers are accepted: those of an authority, exactly the one that the user named, or
//! any.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use webpki::EndEntityCert;

/// Which certificates are accepted. For all of them, the server must prove that it has the key.
#[derive(Debug)]
pub(super) enum Accepted {
    /// Certificates that an authority issued, and a certificate that is its own authority if the user named
    /// it as one.
    ///
    /// `openssl req -x509` makes such certificates, and administrators install them on a registry and in its
    /// clients' files of authorities. webpki does not accept a chain from an authority's certificate to
    /// itself; its last check then reports that the certificate is an authority's. All earlier checks have
    /// passed, the dates in particular, and the name is checked here. No other certificate is accepted
    /// because of this: neither one with the same name or key, nor one that this certificate issued.
    AuthoritiesOrNamed { by_authority: Arc<WebPkiServerVerifier>, named: Vec<CertificateDer<'static>> },
    /// Any certificate.
    Any,
}

/// Verifies servers.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) accepted: Accepted,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Accepted::AuthoritiesOrNamed { by_authority, named } = &self.accepted else {
            return Ok(ServerCertVerified::assertion());
        };
        match by_authority.verify_server_cert(certificate, intermediates, server, ocsp, now) {
            Err(error) if is_of_an_authority(&error) && named.contains(certificate) => {
                let own = EndEntityCert::try_from(certificate).map_err(|_| error)?;
                own.verify_is_valid_for_subject_name(server)
                    .map_err(|_| rustls::Error::from(CertificateError::NotValidForName))?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether the only fault found in a server's certificate is that it is an authority's. The dates are checked
/// before that.
fn is_of_an_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

//! TLS with a server of K3s: first to see what it shows, then, for the token, only with what the token pins.

use super::connect::Timed;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
};
use std::sync::Arc;

/// A TLS connection.
pub type Stream = StreamOwned<ClientConnection, Timed>;

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its certificate.
    pub own: CertificateDer<'static>,
    /// What it sent beside it.
    pub others: Vec<CertificateDer<'static>>,
}

/// Takes any certificate whose key the server has: to look at it, never to send a secret.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whom to trust.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// Anyone: nothing secret may be said.
    Anyone,
    /// Who has a certificate from one of these.
    Only(&'a [CertificateDer<'static>]),
}

/// Certificates as those that others have to come from. Damaged ones are left out.
pub fn roots(certificates: &[CertificateDer<'static>]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    Arc::new(roots)
}

/// Whether a certificate comes from `roots`, is valid at `now` and names `name`.
///
/// # Errors
/// It does not, and how.
pub fn verify(
    shown: &Shown,
    roots: Arc<RootCertStore>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
    verifier
        .verify_server_cert(&shown.own, &shown.others, name, &[], now)
        .map(drop)
}

/// A connection over which the handshake is still to come; it comes with the first byte.
///
/// # Errors
/// The trusted certificates are none.
pub fn open(timed: Timed, name: ServerName<'static>, trust: Trust<'_>) -> Result<Stream, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let mut config = match trust {
        Trust::Anyone => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider))),
        Trust::Only(certificates) => builder.with_root_certificates(roots(certificates)),
    }
    .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connection = ClientConnection::new(Arc::new(config), name)?;
    Ok(StreamOwned::new(connection, timed))
}

/// Shakes hands; what the server showed.
///
/// # Errors
/// There was no handshake.
pub fn shake(stream: &mut Stream) -> std::io::Result<Shown> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let all = stream.conn.peer_certificates().unwrap_or_default();
    match all {
        [own, others @ ..] => Ok(Shown {
            own: own.clone().into_owned(),
            others: others.iter().map(|one| one.clone().into_owned()).collect(),
        }),
        [] => Err(std::io::Error::other("the server showed no certificate")),
    }
}

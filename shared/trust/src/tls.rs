//! TLS settings of the links: version 1.3, both sides with a certificate of our authority, no resumption,
//! so that every connection is judged anew.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};

use crate::{Identity, IdentityError, RoleKind, peer_roles};

/// Why no TLS settings can be made of an identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The identity cannot be read.
    #[error("the identity cannot be read")]
    Identity(#[from] IdentityError),
    /// The TLS library refuses the parts.
    #[error("the TLS library refuses the identity")]
    Refused(#[from] Error),
    /// The root cannot serve as the anchor of clients' certificates.
    #[error("the root cannot judge clients")]
    Anchor(#[from] rustls::server::VerifierBuilderError),
}

/// The name to hand to the TLS library when dialling: identity is the certificate's role, not a DNS name.
pub const SERVER_NAME: &str = "sluice";

/// Settings of the end that dials. The server must chain to the identity's root and have the role `expected`;
/// its DNS names are not looked at. Speaks `alpn` only.
pub fn client_config(identity: &Identity, alpn: &[u8], expected: RoleKind) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = ServerRole { roots: roots(identity)?, expected, provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(identity.chain()?, identity.private_key()?)?;
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Settings of the end that listens. Clients must present a certificate that chains to the identity's root and
/// names a role; which role an ALPN takes is asked with [`peer_roles`] once the connection says its ALPN.
pub fn server_config(identity: &Identity, alpns: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let anchored =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots(identity)?), Arc::clone(&provider))
            .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(ClientRole { anchored }))
        .with_single_cert(identity.chain()?, identity.private_key()?)?;
    config.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Judges a server by its chain and its role.
#[derive(Debug)]
struct ServerRole {
    roots: RootCertStore,
    expected: RoleKind,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerRole {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        let roles = peer_roles(std::slice::from_ref(end_entity)).map_err(|_| refused())?;
        if roles.iter().any(|role| role.kind() == self.expected) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(refused())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Judges a client by its chain, and that it has a role at all.
#[derive(Debug)]
struct ClientRole {
    anchored: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for ClientRole {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.anchored.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verdict = self.anchored.verify_client_cert(end_entity, intermediates, now)?;
        peer_roles(std::slice::from_ref(end_entity)).map_err(|_| refused())?;
        Ok(verdict)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.anchored.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.anchored.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.anchored.supported_verify_schemes()
    }
}

fn refused() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

fn roots(identity: &Identity) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in identity.roots()? {
        roots.add(root)?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sluice_ids::{DeviceId, UnixMillis};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::{Role, RoleError, peer_roles};

/// What a process proves itself with on a link: its private key, its certificate chain and the root it trusts,
/// as PEM. The root is the pin: peers that do not chain to it are refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    key: String,
    certificate: String,
    ca: String,
}

/// A fresh private key and the request to certify it. The key never leaves whoever made it.
#[derive(Clone)]
pub struct KeyRequest {
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    /// The certificate signing request, PEM. It asks for nothing: the authority decides what it says.
    pub csr_pem: String,
}

/// Why three PEM texts are no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No private key could be read.
    #[error("the private key is not PEM of a kind we know")]
    Key,
    /// No certificate could be read.
    #[error("the certificate is not PEM")]
    Certificate,
    /// No root certificate could be read.
    #[error("the root certificate is not PEM")]
    Ca,
    /// The certificate was issued for another key.
    #[error("the certificate is not for this private key")]
    Mismatch,
    /// The certificate names no role of ours.
    #[error("the certificate names no role of ours")]
    Role(#[from] RoleError),
}

impl KeyRequest {
    /// Makes a P-256 key and a request for it.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which it does not recover from.
    #[must_use]
    pub fn generate() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("the system provides randomness");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).expect("a fresh key can sign an empty request");
        Self { key_pem: key.serialize_pem(), csr_pem: request.pem().expect("a DER request encodes as PEM") }
    }

    /// The identity, once the authority has answered with a chain and its root.
    pub fn complete(self, certificate_pem: String, ca_pem: String) -> Result<Identity, IdentityError> {
        Identity::load(self.key_pem, certificate_pem, ca_pem)
    }
}

impl Identity {
    /// Reads the three PEM texts. The certificate must be for the key and name a role;
    /// that it chains to the root, and is not expired, is the peer's verdict at each handshake.
    pub fn load(key: String, certificate: String, ca: String) -> Result<Self, IdentityError> {
        let identity = Self { key, certificate, ca };
        identity.roots()?;
        identity.roles()?;
        let pair = KeyPair::from_pem(&identity.key).map_err(|_| IdentityError::Key)?;
        let chain = identity.chain()?;
        let (_, leaf) = X509Certificate::from_der(&chain[0]).map_err(|_| IdentityError::Certificate)?;
        if leaf.public_key().subject_public_key.data.as_ref() != pair.public_key_raw() {
            return Err(IdentityError::Mismatch);
        }
        Ok(identity)
    }

    /// The private key, PKCS#8 PEM. A secret.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key
    }

    /// The certificate and the issuing certificate behind it, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// The root, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// What the certificate says its holder is.
    pub fn roles(&self) -> Result<Vec<Role>, IdentityError> {
        Ok(peer_roles(&self.chain()?)?)
    }

    /// The appliance this is, if it is one.
    #[must_use]
    pub fn device_id(&self) -> Option<DeviceId> {
        self.roles().ok()?.into_iter().find_map(|role| match role {
            Role::Device(id) => Some(id),
            Role::Node(_) | Role::Control => None,
        })
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> Result<UnixMillis, IdentityError> {
        let chain = self.chain()?;
        let (_, leaf) = X509Certificate::from_der(&chain[0]).map_err(|_| IdentityError::Certificate)?;
        Ok(UnixMillis(leaf.validity().not_after.timestamp().saturating_mul(1000)))
    }

    /// The chain in DER, leaf first; never empty.
    pub(crate) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        certificates(&self.certificate).ok_or(IdentityError::Certificate)
    }

    pub(crate) fn roots(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        certificates(&self.ca).ok_or(IdentityError::Ca)
    }

    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|_| IdentityError::Key)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("roles", &self.roles()).field("key", &"***").finish()
    }
}

impl fmt::Debug for KeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequest").field("key_pem", &"***").finish_non_exhaustive()
    }
}

fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!chain.is_empty()).then_some(chain)
}

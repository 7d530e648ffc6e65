use std::{fmt, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SanType, SerialNumber,
};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sluice_ids::{DeviceId, NodeId, UnixMillis};
use time::OffsetDateTime;

use crate::{Identity, IdentityError, KeyRequest, Role};

/// How long a certificate of a device or a hub lives.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(30 * DAY);

/// The hub's own certificate authority: a root, which may go offline, and the issuing key that signs every day.
pub struct Authority {
    pems: AuthorityPems,
    issuing: Issuer<'static, KeyPair>,
}

/// An authority as it is kept: PEM texts. Whoever has `issuing_key` can make devices.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityPems {
    /// The root's certificate: what devices pin.
    pub root_certificate: String,
    /// The root's key; `None` once it was taken offline.
    pub root_key: Option<String>,
    /// The issuing certificate, signed by the root.
    pub issuing_certificate: String,
    /// The issuing key.
    pub issuing_key: String,
}

/// Why the authority cannot be loaded, or does not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The kept texts are not an authority.
    #[error("the kept authority cannot be read")]
    Kept(#[source] rcgen::Error),
    /// The request is malformed, not signed by its own key, or of a key kind we do not sign.
    #[error("the certificate signing request is refused")]
    Request(#[source] rcgen::Error),
    /// Signing failed.
    #[error("the certificate could not be made")]
    Sign(#[source] rcgen::Error),
    /// What was made does not read back.
    #[error("the made identity does not read back")]
    Identity(#[from] IdentityError),
}

impl Authority {
    /// Makes a new authority whose certificates begin at `now`.
    pub fn create(now: UnixMillis) -> Result<Self, AuthorityError> {
        let root_key = generate_key()?;
        let root_params = ca_params("Sluice root", 1, now, ROOT_LIFE);
        let root = root_params.self_signed(&root_key).map_err(AuthorityError::Sign)?;
        let issuing_key = generate_key()?;
        let issuing = ca_params("Sluice issuing", 0, now, ISSUING_LIFE)
            .signed_by(&issuing_key, &Issuer::from_params(&root_params, &root_key))
            .map_err(AuthorityError::Sign)?;
        Self::load(AuthorityPems {
            root_certificate: root.pem(),
            root_key: Some(root_key.serialize_pem()),
            issuing_certificate: issuing.pem(),
            issuing_key: issuing_key.serialize_pem(),
        })
    }

    /// Reads a kept authority.
    pub fn load(pems: AuthorityPems) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(&pems.issuing_key).map_err(AuthorityError::Kept)?;
        let issuing =
            Issuer::from_ca_cert_pem(&pems.issuing_certificate, key).map_err(AuthorityError::Kept)?;
        CertificateDer::from_pem_slice(pems.root_certificate.as_bytes())
            .map_err(|_| AuthorityError::Kept(rcgen::Error::CouldNotParseCertificate))?;
        Ok(Self { pems, issuing })
    }

    /// The texts to keep. Secrets are among them.
    #[must_use]
    pub fn pems(&self) -> &AuthorityPems {
        &self.pems
    }

    /// The root's certificate, PEM: what devices pin.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.pems.root_certificate
    }

    /// SHA-256 of the root's certificate in lower-case hex: the pin that people compare.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.pems.root_certificate.as_bytes())
            .expect("the root was parsed when the authority was loaded");
        hex::encode(digest(&SHA256, &der))
    }

    /// Signs a device's request and returns its chain as PEM, leaf first.
    /// Of the request only the key is believed; the role is `device` and nothing else.
    pub fn issue_device(
        &self,
        device: DeviceId,
        csr_pem: &str,
        now: UnixMillis,
    ) -> Result<String, AuthorityError> {
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(AuthorityError::Request)?;
        self.sign(&request.public_key, &[Role::Device(device)], now)
    }

    /// Makes a device's key here and certifies it: for the demo and tests, where the hub prepares the box.
    pub fn issue_device_identity(
        &self,
        device: DeviceId,
        now: UnixMillis,
    ) -> Result<Identity, AuthorityError> {
        let request = KeyRequest::generate();
        let chain = self.issue_device(device, &request.csr_pem, now)?;
        Ok(request.complete(chain, self.pems.root_certificate.clone())?)
    }

    /// Makes the identity of a hub that is control plane and node `node` in one process.
    pub fn issue_hub(&self, node: NodeId, now: UnixMillis) -> Result<Identity, AuthorityError> {
        self.issue_own(&[Role::Control, Role::Node(node)], now)
    }

    /// Makes the identity of a media node that is nothing else.
    pub fn issue_node(&self, node: NodeId, now: UnixMillis) -> Result<Identity, AuthorityError> {
        self.issue_own(&[Role::Node(node)], now)
    }

    fn issue_own(&self, roles: &[Role], now: UnixMillis) -> Result<Identity, AuthorityError> {
        let key = generate_key()?;
        let chain = self.sign(&key, roles, now)?;
        Ok(Identity::load(key.serialize_pem(), chain, self.pems.root_certificate.clone())?)
    }

    fn sign(
        &self,
        key: &impl PublicKeyData,
        roles: &[Role],
        now: UnixMillis,
    ) -> Result<String, AuthorityError> {
        let mut params = params(&roles[0].to_string(), now, CERTIFICATE_LIFE);
        for role in roles {
            let uri = role.to_string().try_into().map_err(AuthorityError::Sign)?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !matches!(roles[0], Role::Device(_)) {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(key, &self.issuing).map_err(AuthorityError::Sign)?;
        Ok(leaf.pem() + &self.pems.issuing_certificate)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthorityPems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityPems").field("issuing_key", &"***").finish_non_exhaustive()
    }
}

fn generate_key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Sign)
}

fn ca_params(name: &str, depth: u8, now: UnixMillis, life: Duration) -> CertificateParams {
    let mut params = params(name, now, life);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(name: &str, now: UnixMillis, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(random_serial());
    params.not_before = date(UnixMillis(now.0.saturating_sub(SKEW_MS)));
    params.not_after = date(now.plus(life));
    params
}

/// A serial must not repeat under one issuer, and two certificates of one key are two certificates.
fn random_serial() -> SerialNumber {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the operating system provides randomness");
    bytes[0] &= 0x7f; // RFC 5280 §4.1.2.2: a serial is positive
    bytes[0] |= 0x40;
    SerialNumber::from_slice(&bytes)
}

fn date(at: UnixMillis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

const DAY: u64 = 24 * 60 * 60;
const ROOT_LIFE: Duration = Duration::from_secs(20 * 365 * DAY);
const ISSUING_LIFE: Duration = Duration::from_secs(5 * 365 * DAY);
/// A peer's clock may lag by this much and still accept a certificate made a moment ago.
const SKEW_MS: i64 = 60 * 60 * 1000;

#[cfg(test)]
mod tests;

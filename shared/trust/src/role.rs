use std::{fmt, str::FromStr};

use rustls::pki_types::CertificateDer;
use sluice_ids::{DeviceId, NodeId};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// What a certificate of our authority says its holder is. A hub that is control and node says both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// An edge appliance.
    Device(DeviceId),
    /// A media node.
    Node(NodeId),
    /// The control plane.
    Control,
}

/// A role without its id: what one end of a link demands of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleKind {
    /// An edge appliance.
    Device,
    /// A media node.
    Node,
    /// The control plane.
    Control,
}

/// Why a certificate names no usable role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// The peer sent no certificate.
    #[error("the peer sent no certificate")]
    NoCertificate,
    /// The certificate is not X.509, or its names cannot be read.
    #[error("the certificate cannot be parsed")]
    Malformed,
    /// No SAN URI begins with `sluice:`.
    #[error("the certificate names no role")]
    NoRole,
    /// A SAN URI begins with `sluice:` but is none that we know.
    #[error("the certificate names an unknown role {0:?}")]
    Unknown(String),
}

impl Role {
    /// The role without its id.
    #[must_use]
    pub const fn kind(self) -> RoleKind {
        match self {
            Self::Device(_) => RoleKind::Device,
            Self::Node(_) => RoleKind::Node,
            Self::Control => RoleKind::Control,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(id) => write!(f, "{SCHEME}device/{id}"),
            Self::Node(id) => write!(f, "{SCHEME}node/{id}"),
            Self::Control => write!(f, "{SCHEME}control"),
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(uri: &str) -> Result<Self, RoleError> {
        let unknown = || RoleError::Unknown(uri.chars().take(80).collect());
        let rest = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
        match rest.split_once('/') {
            None if rest == "control" => Ok(Self::Control),
            Some(("device", id)) => id.parse().map(Self::Device).map_err(|_| unknown()),
            Some(("node", id)) => id.parse().map(Self::Node).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

/// The roles that the end entity, the first of `chain`, says it has. Never empty.
/// Says nothing about who signed it: TLS has verified that before.
pub fn peer_roles(chain: &[CertificateDer<'_>]) -> Result<Vec<Role>, RoleError> {
    let der = chain.first().ok_or(RoleError::NoCertificate)?;
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| RoleError::Malformed)?;
    if !rest.is_empty() {
        return Err(RoleError::Malformed);
    }
    let names = certificate.subject_alternative_name().map_err(|_| RoleError::Malformed)?;
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let mut roles = Vec::new();
    for name in names {
        if let GeneralName::URI(uri) = name
            && uri.starts_with(SCHEME)
        {
            roles.push(uri.parse()?);
        }
    }
    if roles.is_empty() { Err(RoleError::NoRole) } else { Ok(roles) }
}

const SCHEME: &str = "sluice:";

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "sluice:device/dev_0198c0de00007000800000000000002a";

    #[test]
    fn a_role_reads_back_as_itself() {
        for uri in [DEVICE, "sluice:node/node_0198c0de00007000800000000000002a", "sluice:control"] {
            assert_eq!(uri.parse::<Role>().unwrap().to_string(), uri);
        }
    }

    #[test]
    fn an_id_of_another_kind_is_no_role() {
        let uri = DEVICE.replace("device/", "node/");
        assert_eq!(uri.parse::<Role>(), Err(RoleError::Unknown(uri)));
        assert!("sluice:control/x".parse::<Role>().is_err());
        assert!("https://example.com".parse::<Role>().is_err());
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        assert_eq!(peer_roles(&[]), Err(RoleError::NoCertificate));
        assert_eq!(peer_roles(&[CertificateDer::from(vec![0x30, 0x03, 1, 2, 3])]), Err(RoleError::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = peer_roles(&[CertificateDer::from(bytes)]);
        }
    }
}

use std::net::SocketAddr;

use quinn::ConnectionError;
use sluice_fault::{Class, Classed};
use sluice_ids::NodeId;
use sluice_wire::{CloseCode, MessageError, frame::TooLong};

/// Why the uplink does not stand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UplinkError {
    /// No UDP socket.
    #[error("open a udp socket for the links")]
    Socket(#[source] std::io::Error),
    /// The identity is not fit for TLS.
    #[error("use the device's identity for the links")]
    Identity(#[source] sluice_trust::tls::TlsError),
    /// The TLS configuration is not fit for QUIC.
    #[error("use the TLS configuration for QUIC")]
    Quic(#[source] quinn::crypto::rustls::NoInitialCipherSuite),
}

impl Classed for UplinkError {
    fn class(&self) -> Class {
        Class::Fatal
    }
}

/// Why a link did not come up, in words for a status page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The address cannot be dialled at all.
    #[error("dial {addr}")]
    Connect {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: quinn::ConnectError,
    },
    /// Nobody answers.
    #[error("no answer from {addr}")]
    Silent {
        /// The address.
        addr: SocketAddr,
    },
    /// What answers has no certificate of our hub for this role.
    #[error("what answers is not our hub: {reason}")]
    NotOurHub {
        /// From the TLS library.
        reason: String,
    },
    /// The hub does not take this device's certificate.
    #[error("the hub does not accept this device's certificate: {reason}")]
    NotAccepted {
        /// From the hub's TLS library.
        reason: String,
    },
    /// The hub closed the link with a reason.
    #[error("the hub refused the link: {reason}")]
    Refused {
        /// As it said.
        reason: String,
    },
    /// A node of ours, yet another one.
    #[error("the node that answers is not {expected}")]
    AnotherNode {
        /// Who was to be there.
        expected: NodeId,
    },
    /// It spoke, but not this protocol.
    #[error("the hub did not say hello")]
    NoHello(#[source] StreamError),
    /// Anything else on the way.
    #[error("the connection failed")]
    Failed(#[source] ConnectionError),
}

impl Classed for DialError {
    fn class(&self) -> Class {
        Class::Retry
    }
}

impl DialError {
    /// Puts into words why the connection ended.
    pub(crate) fn explain(addr: SocketAddr, error: ConnectionError) -> Self {
        match error {
            ConnectionError::TimedOut => Self::Silent { addr },
            ConnectionError::TransportError(error) if is_tls(error.code) => {
                Self::NotOurHub { reason: error.reason }
            }
            ConnectionError::ConnectionClosed(close) if is_tls(close.error_code) => {
                Self::NotAccepted { reason: close.to_string() }
            }
            ConnectionError::ApplicationClosed(close) => {
                Self::Refused { reason: String::from_utf8_lossy(&close.reason).into_owned() }
            }
            other => Self::Failed(other),
        }
    }
}

/// CRYPTO_ERROR is 0x100 and the TLS alert (RFC 9000 §20.1).
fn is_tls(code: quinn::TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

/// Why a control stream stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// In good order, but a control stream has no end.
    #[error("the hub closed its control stream")]
    Finished,
    /// The connection or the stream is gone.
    #[error("read the control stream")]
    Read(#[from] quinn::ReadError),
    /// The connection or the stream is gone.
    #[error("write the control stream")]
    Write(#[from] quinn::WriteError),
    /// The hub would send more than is held.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The hub said something that is not this protocol.
    #[error("understand a message")]
    Message(#[from] MessageError),
    /// The hub said nothing for too long.
    #[error("the hub fell silent")]
    Silent,
}

impl StreamError {
    pub(crate) fn code(&self) -> CloseCode {
        match self {
            Self::Silent | Self::Read(_) | Self::Write(_) => CloseCode::TooSlow,
            Self::Finished | Self::TooLong(_) | Self::Message(_) => CloseCode::Protocol,
        }
    }

    /// In words for a status page; a hub that closed the link says why itself.
    pub(crate) fn words(&self, connection: &quinn::Connection) -> String {
        match connection.close_reason() {
            Some(reason) => sluice_fault::chain(&DialError::explain(connection.remote_address(), reason)),
            None => sluice_fault::chain(self),
        }
    }
}

use std::{net::SocketAddr, sync::Arc};

use sluice_fault::{Class, Classed};
use sluice_wire::{MessageError, frame::TooLong, roq::RoqError};

/// Why the endpoint does not stand.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The port is taken, or this address is none of ours.
    #[error("bind the link endpoint to udp {addr}")]
    Socket {
        /// The address asked for.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The TLS configuration is not fit for QUIC.
    #[error("use the TLS configuration for QUIC")]
    Tls(#[source] quinn::crypto::rustls::NoInitialCipherSuite),
}

impl Classed for BindError {
    fn class(&self) -> Class {
        Class::Fatal
    }
}

/// A link is no more. Says why, for logs and status pages.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the link is down: {reason}")]
pub struct LinkDown {
    /// In words.
    pub reason: Arc<str>,
}

impl LinkDown {
    pub(crate) fn new(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string().into() }
    }
}

impl Classed for LinkDown {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// Why a media stream gave no access unit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitError {
    /// The sender gave it up; it says which packets in a gap.
    #[error("the sender gave the unit up")]
    Cancelled,
    /// The bytes are not what a media stream has.
    #[error("the media stream is broken")]
    Broken(#[from] RoqError),
    /// More bytes are on their way in unfinished units than one link may hold.
    #[error("the link holds too many unfinished bytes")]
    TooMuch,
    /// The connection is gone.
    #[error(transparent)]
    Down(#[from] LinkDown),
}

/// Why a peer is not greeted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetError {
    #[error("the handshake took too long")]
    Slow,
    #[error("the handshake failed")]
    Handshake(#[source] quinn::ConnectionError),
    #[error("the peer's certificate names no role")]
    NoRole(#[source] sluice_trust::RoleError),
    #[error("the peer's certificate names {0}, which has no business on this protocol")]
    WrongRole(String),
    #[error("the device is denied")]
    Denied,
    #[error("the hello names another device than the certificate")]
    WrongName,
    #[error("the first message is no hello")]
    NoHello,
    #[error("nobody takes links of this protocol")]
    NobodyHome,
    #[error("read the hello")]
    Read(#[source] StreamError),
    #[error("answer the hello")]
    Write(#[source] StreamError),
}

/// Why a control stream stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("the peer closed its control stream")]
    Finished,
    #[error("read the control stream")]
    Read(#[from] quinn::ReadError),
    #[error("write the control stream")]
    Write(#[from] quinn::WriteError),
    #[error(transparent)]
    Lost(#[from] quinn::ConnectionError),
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("understand a message")]
    Message(#[from] MessageError),
}

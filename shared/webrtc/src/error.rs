use std::{io, net::SocketAddr};

/// Why an offer was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Not an SDP offer as a browser makes it.
    #[error("the SDP offer is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// No m-line asks for video, nor for audio.
    #[error("the offer asks for no video")]
    NoVideo,
    /// None of the offered formats can be sent.
    #[error("the viewer takes {offered}, the feed is {feed}")]
    CodecUnsupported {
        /// What the viewer offered.
        offered: String,
        /// What the feed is, as far as it is known.
        feed: String,
    },
    /// As many viewers as this engine may hold.
    #[error("this node holds its {limit} viewers already")]
    Full {
        /// The most viewers it holds.
        limit: usize,
    },
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
}

/// Why a trickled fragment was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrickleError {
    /// Not an SDP fragment of RFC 8840.
    #[error("the fragment is malformed at line {line}: {what}")]
    Malformed {
        /// Line number from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The fragment belongs to another ICE session: an ICE restart needs a new session.
    #[error("the fragment is of another ICE session")]
    OtherSession,
    /// No such session.
    #[error("no such session")]
    Unknown,
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
}

/// Why a viewer stays with the feed it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// No such session.
    #[error("no such session")]
    Unknown,
    /// The viewer did not offer to take what the other feed carries.
    #[error("the viewer does not take what the other feed carries")]
    CodecUnsupported,
    /// No picture of the other feed came in time.
    #[error("no picture of the other feed came")]
    NoPicture,
    /// Pictures came, but no key frame that is newer than what the viewer was shown.
    #[error("no key frame of the other feed came that is new enough")]
    NoKeyFrame,
}

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The UDP port is not to be had.
    #[error("cannot listen on UDP {address}")]
    Udp {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The TCP port is not to be had.
    #[error("cannot listen on TCP {address}")]
    Tcp {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The crypto library made no DTLS certificate.
    #[error("cannot make a DTLS certificate")]
    Certificate,
}

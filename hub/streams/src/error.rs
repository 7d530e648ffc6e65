use sluice_fault::{Class, Classed};
use sluice_hub_store::StoreError;

use crate::decide::Protocol;

/// Why a call on sessions gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// No session of this caller has this id.
    #[error("no such session")]
    Unknown,
    /// The session is over.
    #[error("this session has ended; ask to play again")]
    Ended,
    /// The session was not granted for the protocol that is asked for.
    #[error("this session was not granted for {}; ask to play again", .0.as_str())]
    NotGranted(Protocol),
    /// Sessions cannot be recorded, so none is granted.
    #[error("record the session")]
    Store(#[from] StoreError),
    /// The owner of the sessions has stopped.
    #[error("the hub is shutting down")]
    Down,
}

impl Classed for StreamsError {
    fn class(&self) -> Class {
        match self {
            Self::Unknown | Self::Ended | Self::NotGranted(_) => Class::Reject,
            Self::Store(error) => error.class(),
            Self::Down => Class::Retry,
        }
    }
}

//! What this node serves: feeds that are subscribed on demand, and the sessions that demand them.

use std::sync::Arc;

use sluice_ids::SessionId;
use sluice_webrtc::{FeedId, SessionKey};
use tokio::sync::{mpsc, oneshot};

use crate::{
    feed::FeedKey,
    hls::{HlsMetrics, Seat, Seats, Secret},
};

mod feeds;
#[cfg(test)]
pub(crate) mod fixture;
mod gop;
mod metrics;
mod packaging;
mod prepare;
mod pump;
mod reorder;
mod sessions;
mod steer;
mod steering;
mod task;
mod tiers;
mod viewers;

pub use steer::SteerPort;
pub use task::{Ports, spawn};

/// Public keys that sign playback tokens: `(kid, Ed25519 key)`.
pub type Keys = Vec<(String, Vec<u8>)>;

/// The handle to a node's feeds and sessions; their owner is [`task`](self).
#[derive(Debug, Clone)]
pub struct Relay {
    commands: mpsc::Sender<Command>,
    /// Where requests of HLS viewers find their sessions without asking the owner.
    pub(crate) seats: Arc<Seats>,
    pub(crate) hls: HlsMetrics,
}

/// What the front asks for a viewer who brought a valid token.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The session that `play` created.
    pub session: SessionId,
    /// What it may see.
    pub feed: FeedKey,
    /// The token's `jti`: it opens once.
    pub token_id: String,
    /// Whether its viewer may move the camera.
    pub ptz: bool,
}

/// A session with its place in the engine.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Names the session to the engine.
    pub key: SessionKey,
    /// Names the feed to the engine.
    pub feed: FeedId,
    /// 128 random bits in hex that alone authorise PATCH and DELETE.
    pub secret: String,
}

/// Why a session is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The token was used before.
    #[error("this playback token has been used; ask for a new one")]
    Replayed,
    /// The node was not told to serve this camera, or not in this tier.
    #[error("this node does not serve this camera in this tier")]
    NotServed,
    /// The session was revoked, or it ended.
    #[error("this session has ended")]
    Ended,
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Down,
}

/// What the node serves at this moment, for its status page and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct NodeStatus {
    /// Feeds that are asked for at an edge.
    pub feeds_open: usize,
    /// Sessions, connected or connecting.
    pub sessions: usize,
    /// Those of them that HLS serves.
    pub hls_sessions: usize,
    /// Feeds that HLS sessions read.
    pub feeds_packaged: usize,
}

#[derive(Debug)]
pub(crate) enum Command {
    Admit(Admission, oneshot::Sender<Result<Admitted, AdmitError>>),
    Seat(Admission, oneshot::Sender<Result<Arc<Seat>, AdmitError>>),
    Plays(SessionKey),
    Withdraw(SessionKey),
    Find(Secret, oneshot::Sender<Option<SessionKey>>),
    Close(Secret, oneshot::Sender<bool>),
    Status(oneshot::Sender<NodeStatus>),
}

impl Relay {
    /// Admits a viewer: the feed is opened if it was not, and stays open until the session ends.
    ///
    /// # Errors
    /// When the token was used before or the node does not serve the camera.
    pub async fn admit(&self, admission: Admission) -> Result<Admitted, AdmitError> {
        self.ask(|reply| Command::Admit(admission, reply)).await.unwrap_or(Err(AdmitError::Down))
    }

    /// Seats an HLS viewer: the feed is opened and packaged, if it was not, until the session ends. The token that
    /// opened a session finds it again while it lives.
    ///
    /// # Errors
    /// As [`Relay::admit`].
    pub(crate) async fn seat(&self, admission: Admission) -> Result<Arc<Seat>, AdmitError> {
        self.ask(|reply| Command::Seat(admission, reply)).await.unwrap_or(Err(AdmitError::Down))
    }

    /// The first part was fetched by this session's viewer.
    pub(crate) async fn plays(&self, key: SessionKey) {
        let _ = self.commands.send(Command::Plays(key)).await;
    }

    /// Ends a session whose offer the engine refused.
    pub async fn withdraw(&self, key: SessionKey) {
        let _ = self.commands.send(Command::Withdraw(key)).await;
    }

    /// The session whose resource secret this is.
    pub async fn find(&self, secret: &str) -> Option<SessionKey> {
        let secret = Secret::parse(secret)?;
        self.ask(|reply| Command::Find(secret, reply)).await.flatten()
    }

    /// Ends the session whose resource secret this is; `false` if there is none and was none lately.
    pub async fn close(&self, secret: &str) -> bool {
        let Some(secret) = Secret::parse(secret) else { return false };
        self.ask(|reply| Command::Close(secret, reply)).await.unwrap_or(false)
    }

    /// What the node serves now.
    pub async fn status(&self) -> NodeStatus {
        self.ask(Command::Status).await.unwrap_or_default()
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// How many requests of the front may wait for the relay; more wait in their own connection.
const COMMANDS: usize = 256;

use sluice_ids::{SessionId, TenantId, UnixMillis, UserId};

use crate::{
    decide::{Camera, Decision, Protocol, Viewer, Wish},
    refusal::Refusal,
};

/// On whose authority something is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Whose cameras.
    pub tenant: TenantId,
    /// The credential: a user's or an API token's id.
    pub credential: String,
    /// The person, if one is logged in.
    pub user: Option<UserId>,
    /// Who is shown in the list of sessions.
    pub label: String,
}

/// What is to be played, as one transaction.
#[derive(Debug, Clone)]
pub struct PlayRequest {
    /// Who asks.
    pub caller: Caller,
    /// What for; the answer has the same order.
    pub cameras: Vec<Wanted>,
    /// What the viewer's program can do.
    pub viewer: Viewer,
    /// Whom a backend asks for: an opaque name that the audit keeps.
    pub on_behalf_of: Option<String>,
    /// Whether the viewer may move the cameras over the connection that shows them.
    pub ptz: bool,
    /// The web origin it is shown in.
    pub origin: Option<String>,
    /// `scheme://host[:port]` that the viewer reaches the node's front at.
    pub base: String,
}

/// One camera of a request.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The id as it was asked for, for the audit.
    pub asked: String,
    /// What is known of it; `None` if the caller has no such camera.
    pub camera: Option<Camera>,
    /// How it is wanted.
    pub wish: Wish,
    /// Makes the start idempotent: a live session with this key is answered instead of a new one.
    pub key: Option<StartKey>,
}

/// What makes two starts the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StartKey {
    /// Who starts.
    pub tenant: TenantId,
    /// The credential that starts.
    pub credential: String,
    /// Whom it starts for.
    pub on_behalf_of: String,
    /// Which camera.
    pub camera: sluice_ids::CameraId,
    /// The caller's own name for this viewer.
    pub client_ref: String,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct PlayAnswer {
    /// Names the whole request: in logs, in the audit and in the viewer token.
    pub correlation: String,
    /// One for each camera, in the request's order.
    pub items: Vec<Result<Grant, Refusal>>,
}

/// A camera that may be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The session.
    pub session: SessionId,
    /// How it is played, and why so.
    pub decision: Decision,
    /// What opens it.
    pub ticket: Ticket,
    /// What opens the same session otherwise, in the order to try.
    pub fallbacks: Vec<(Protocol, Ticket)>,
    /// What there is to see at this moment.
    pub picture: Picture,
}

/// What opens a session, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// For WHEP, where the offer is posted; for HLS, the multivariant playlist, with the token in it.
    pub url: String,
    /// The playback token.
    pub token: String,
    /// From then on it opens nothing.
    pub expires_at: UnixMillis,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("url", &self.url.split('?').next())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What would be decided, without starting it.
#[derive(Debug, Clone)]
pub struct Explain {
    /// Who would ask.
    pub caller: Caller,
    /// In a page of which origin.
    pub origin: Option<String>,
    /// For which camera.
    pub camera: Camera,
    /// How it would be wanted.
    pub wish: Wish,
    /// What the viewer's program can do.
    pub viewer: Viewer,
}

/// What there is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// `live`, `ready`, `opening`, `resting` or `off`.
    pub state: &'static str,
    /// What is wrong, as code and words.
    pub reason: Option<(String, String)>,
    /// When the newest known picture was taken.
    pub captured_at: Option<UnixMillis>,
}

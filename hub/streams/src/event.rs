use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_wire::node::{FeedState, StayReason};

use crate::{book::SessionView, why::Why};

/// How a feed stands at its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedView {
    /// Where its demand stands.
    pub state: FeedState,
    /// Its trouble, as code and words.
    pub reason: Option<(String, String)>,
    /// Who watches.
    pub viewers: u32,
    /// When the newest known picture was taken.
    pub captured_at: Option<UnixMillis>,
}

/// Something that became of a session or a feed.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A session was granted, started, connected or ended; the view says which.
    Session(SessionView),
    /// A session shows another tier, or does not although its tile asks for it. Over HLS its player is to renew it and
    /// to go on with what it is given then.
    Tier {
        /// The session as it stands now.
        view: SessionView,
        /// Why its tier is what it is.
        why: Vec<Why>,
        /// Why it did not move, where it was to.
        stayed: Option<StayReason>,
    },
    /// A feed opened, closed, failed or recovered.
    Feed {
        /// The camera.
        camera: CameraId,
        /// The tier of it.
        tier: Tier,
        /// How it stands now.
        view: FeedView,
    },
}

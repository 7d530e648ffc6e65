//! Values between control and a media node. In one process they cross bounded channels as they are.

use std::time::Duration;

use sluice_ids::{CameraId, DeviceId, SessionId, Tier, UnixMillis};

use crate::{
    control::{CameraReport, DesiredCamera, PtzCommand},
    player::Refusal,
    words::words,
};

/// What control tells a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToNode {
    /// Somebody is about to watch: open the feed now and keep it open until then.
    Lease {
        /// The camera.
        camera: CameraId,
        /// The tier of it.
        tier: Tier,
        /// When the lease ends by itself.
        until: UnixMillis,
    },
    /// End this session and let it not be opened again.
    Revoke {
        /// Which.
        session: SessionId,
    },
    /// Let this session's viewer see another tier of its camera, without a gap. The node answers with
    /// [`FromNode::SessionSwitched`] or [`FromNode::SessionStayed`]; a later order takes the place of an earlier one.
    Switch {
        /// Which.
        session: SessionId,
        /// The tier to show.
        tier: Tier,
    },
    /// Nobody sees this session's picture for now, or somebody does again: meanwhile it asks for no feed.
    Pause {
        /// Which.
        session: SessionId,
        /// Whether it is to pause.
        paused: bool,
    },
    /// All cameras this node serves; replaces what was assigned before.
    Assign(Vec<Assignment>),
    /// The cameras this node pulls itself; replaces what was told before. Passwords are sealed to the node's own key.
    Pull(Vec<DesiredCamera>),
    /// Every key that may sign playback tokens, `(kid, Ed25519 public key)`; replaces what was told before.
    Keys(Vec<(String, Vec<u8>)>),
}

/// Who pulls a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Puller {
    /// This device, which alone may announce it.
    Device(DeviceId),
    /// The node itself: the camera stands beside it.
    Node,
}

/// A camera that a node serves, and who pulls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Who pulls the camera.
    pub puller: Puller,
    /// The camera.
    pub camera: CameraId,
    /// The tiers it offers.
    pub tiers: Vec<Tier>,
    /// How long a feed stays open after its last viewer.
    pub linger: Duration,
}

/// What a node tells control.
#[derive(Debug, Clone, PartialEq)]
pub enum FromNode {
    /// A session's token was spent; the viewer is connecting.
    SessionStarted {
        /// Which.
        session: SessionId,
    },
    /// Media can flow to the viewer.
    SessionConnected {
        /// Which.
        session: SessionId,
    },
    /// The session is over.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// The viewer sees this tier from now on.
    SessionSwitched {
        /// Which.
        session: SessionId,
        /// What it sees.
        tier: Tier,
    },
    /// The viewer was to see this tier and stays with the one it has.
    SessionStayed {
        /// Which.
        session: SessionId,
        /// What it was to see.
        tier: Tier,
        /// Why.
        reason: StayReason,
    },
    /// How one feed stands.
    Feed {
        /// The camera.
        camera: CameraId,
        /// The tier of it.
        tier: Tier,
        /// Where its demand stands.
        state: FeedState,
        /// Its trouble, as code and words.
        reason: Option<(String, String)>,
        /// Who watches.
        viewers: u32,
        /// When the newest known picture was taken, in the node's clock.
        captured_at: Option<UnixMillis>,
    },
    /// How the cameras stand that this node pulls itself; whole, whenever that changed.
    Cameras(Vec<CameraReport>),
    /// What the node carries now.
    Load {
        /// Sessions.
        viewers: u32,
        /// Feeds.
        feeds: u32,
    },
}

/// What a node asks of control: to let a session's camera move.
#[derive(Debug, Clone, PartialEq)]
pub struct Steer {
    /// Names it at this node.
    pub number: u64,
    /// For whom. One that is over may still stop its camera.
    pub session: SessionId,
    /// How.
    pub command: PtzCommand,
}

/// What became of a [`Steer`], told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steered {
    /// Its number.
    pub number: u64,
    /// Why it was not done, if it was not.
    pub refused: Option<Refusal>,
}

words! {
    /// Why a session is over.
    EndReason {
        /// The viewer said so.
        Closed = "closed",
        /// Nothing was heard of the viewer for too long.
        Silence = "silence",
        /// The viewer could not be connected.
        Failed = "failed",
        /// The node stops.
        Stopped = "stopped",
        /// Control ended it.
        Revoked = "revoked",
        /// The viewer's offer cannot be answered.
        Refused = "refused",
        /// The node does not serve the camera any more.
        Unassigned = "unassigned",
    }
}

words! {
    /// Why a viewer was not moved to another tier.
    StayReason {
        /// The session is over, or its viewer is not there yet.
        Absent = "viewer-absent",
        /// Nothing can be moved here: the session is served otherwise than by WebRTC.
        Elsewhere = "served-elsewhere",
        /// The node does not serve this tier.
        NotServed = "not-served",
        /// The viewer does not play what the tier carries.
        CodecUnsupported = "codec-unsupported",
        /// No picture of the tier came in time.
        NoPicture = "no-picture",
        /// Pictures came, but no key frame that fits.
        NoKeyFrame = "no-key-frame",
    }
}

words! {
    /// Where the demand for a feed stands at a node.
    FeedState {
        /// Nobody wants it.
        Idle = "idle",
        /// Asked for, nothing has come yet.
        Opening = "opening",
        /// Pictures come.
        Live = "live",
        /// Kept open for the next viewer.
        Lingering = "lingering",
        /// Asked for, but the camera or the link has trouble.
        Resting = "resting",
    }
}

//! The decision. Pure: the same inputs give the same answer.

use sluice_ids::{CameraId, NodeId, Tier};

use crate::{
    refusal::{Refusal, RefusalCode},
    why::Why,
};

mod carry;
mod choice;
#[cfg(test)]
mod tests;
mod tier;

pub use carry::{Http, Udp, Viewer, carriers};
pub(crate) use tier::height;

/// How media reaches a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// WHEP.
    Webrtc,
    /// Low-latency HLS.
    LlHls,
    /// Plain HLS.
    Hls,
}

impl Protocol {
    /// Every protocol, in the order of their delay.
    pub const ALL: [Self; 3] = [Self::Webrtc, Self::LlHls, Self::Hls];

    /// The word for it in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webrtc => "webrtc",
            Self::LlHls => "ll-hls",
            Self::Hls => "hls",
        }
    }

    /// The protocol of this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == word)
    }
}

/// Which protocols a request lets the decision choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProtocolWish {
    /// Whichever serves best.
    #[default]
    Auto,
    /// This one or none.
    Only(Protocol),
    /// HLS, of whichever kind: what players that follow an address can take.
    AnyHls,
}

/// How old a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LatencyClass {
    /// Below half a second: somebody steers or talks.
    #[default]
    Interactive,
    /// A few seconds.
    NearLive,
    /// Up to half a minute, for many viewers.
    Broadcast,
}

/// Where media goes on its way from the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// Over the site's link to a node.
    Wan,
    /// Inside the site.
    Lan,
    /// From another node.
    Relay,
}

impl Path {
    /// The word for it in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wan => "wan",
            Self::Lan => "lan",
            Self::Relay => "relay",
        }
    }
}

/// The size of a tile in device pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// What a viewer asks for one camera. `None` is `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// The tile it is shown in.
    pub tile: Option<Tile>,
    /// How old a picture may be.
    pub latency_class: LatencyClass,
    /// Which protocols it may be.
    pub protocol: ProtocolWish,
    /// A tier, if it must be that one.
    pub tier: Option<Tier>,
}

/// What is known of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Which.
    pub id: CameraId,
    /// Whether its owner lets it be played.
    pub enabled: bool,
    /// The protocol its configuration names.
    pub pinned_protocol: Option<Protocol>,
    /// The tier its configuration names.
    pub pinned_tier: Option<Tier>,
    /// Its streams.
    pub tiers: Vec<Offered>,
    /// Whether who pulls it is there.
    pub device_online: bool,
    /// Whether a node pulls it, without an edge.
    pub by_node: bool,
}

/// What is known of one stream of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// Which.
    pub tier: Tier,
    /// As in RFC 6381; `None` if no picture has come yet.
    pub codec: Option<String>,
    /// Whether pictures may come in another order than they are shown.
    pub b_frames: bool,
    /// The sound's codec as in RTP (RFC 3551) or RFC 6381, in any case; `None` if there is none, or none known.
    pub audio: Option<String>,
    /// Pixels; 0 if not known.
    pub width: u32,
    /// Pixels; 0 if not known.
    pub height: u32,
    /// Whether its last GOP is in memory at the edge.
    pub warm: bool,
    /// Whether a node serves it to somebody.
    pub watched: bool,
    /// Its trouble, as code and words.
    pub trouble: Option<(String, String)>,
}

/// Everything a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What is asked.
    pub wish: Wish,
    /// For which camera.
    pub camera: &'a Camera,
    /// By whom.
    pub viewer: &'a Viewer,
    /// The node that can serve it.
    pub node: Option<NodeId>,
    /// Live sessions of the same caller and origin that are or may become LL-HLS over HTTP/1.1; at most [`H1_MOST`].
    pub h1_sessions: usize,
}

/// How a camera is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How media reaches the viewer.
    pub protocol: Protocol,
    /// Which stream.
    pub tier: Tier,
    /// From where.
    pub node: NodeId,
    /// Which way it comes.
    pub path: Path,
    /// What took part.
    pub why: Vec<Why>,
    /// What else plays the same stream, in the order to try; empty where a request or a pin names the protocol.
    pub fallbacks: Vec<Protocol>,
}

/// What would this viewer get for this camera, and why?
///
/// # Errors
/// When the camera cannot be played as asked. A pin or an explicit wish is never replaced silently.
pub fn decide(inputs: &Inputs<'_>) -> Result<Decision, Refusal> {
    let camera = inputs.camera;
    if !camera.enabled {
        return Err(Refusal::new(RefusalCode::CameraDisabled));
    }
    let choice = choice::choose(inputs)?;
    let node = inputs.node.ok_or(Refusal::new(RefusalCode::NodeUnavailable))?;
    let mut why = choice.why;
    why.extend([Why::NodeOnlyOne, if camera.by_node { Why::PathNode } else { Why::PathEdge }]);
    why.extend(standing(camera, choice.offered));
    Ok(Decision {
        protocol: choice.protocol,
        tier: choice.offered.tier,
        node,
        path: Path::Wan,
        why,
        fallbacks: choice.fallbacks,
    })
}

fn standing(camera: &Camera, offered: &Offered) -> Option<Why> {
    if !camera.device_online {
        Some(Why::DeviceOffline)
    } else if offered.trouble.is_some() {
        Some(Why::CameraTrouble)
    } else if offered.watched {
        Some(Why::FeedShared)
    } else if offered.warm {
        Some(Why::FeedWarm)
    } else if offered.codec.is_none() {
        Some(Why::CodecUnknown)
    } else {
        None
    }
}

/// LL-HLS holds a request open for each rendition of each tile, and browsers open six connections to an origin over
/// HTTP/1.1: with more tiles none would get its parts in time, nor the page its answers.
pub const H1_MOST: usize = 4;

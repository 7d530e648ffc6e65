//! The decision. Pure: the same inputs give the same answer.

use std::cmp::Reverse;

use sluice_ids::{CameraId, NodeId, Tier};

use crate::{
    refusal::{Refusal, RefusalCode},
    why::Why,
};

#[cfg(test)]
mod tests;

/// How media reaches a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// WHEP.
    Webrtc,
    /// Low-latency HLS.
    LlHls,
    /// Plain HLS.
    Hls,
}

impl Protocol {
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
        [Self::Webrtc, Self::LlHls, Self::Hls].into_iter().find(|protocol| protocol.as_str() == word)
    }
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
    /// A protocol, if it must be that one.
    pub protocol: Option<Protocol>,
    /// A tier, if it must be that one.
    pub tier: Option<Tier>,
}

/// What the viewer's program can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewer {
    /// Codecs it decodes, in lower case such as `h264`; empty if it does not say.
    pub codecs: Vec<String>,
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
    /// Whether its edge is connected.
    pub device_online: bool,
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
    let mut why = Vec::new();
    let protocol = protocol(inputs, &mut why)?;
    if !inputs.viewer.codecs.is_empty() && !inputs.viewer.codecs.iter().any(|codec| codec == "h264") {
        return Err(Refusal::new(RefusalCode::ViewerCodec));
    }
    let offered = tier(inputs, &mut why)?;
    let node = inputs.node.ok_or(Refusal::new(RefusalCode::NodeUnavailable))?;
    why.extend([Why::NodeOnlyOne, Why::PathEdge]);
    why.extend(standing(camera, offered));
    Ok(Decision { protocol, tier: offered.tier, node, path: Path::Wan, why })
}

fn protocol(inputs: &Inputs<'_>, why: &mut Vec<Why>) -> Result<Protocol, Refusal> {
    let asked = match (inputs.wish.protocol, inputs.camera.pinned_protocol) {
        (Some(asked), Some(pinned)) if asked != pinned => {
            return Err(Refusal::about(RefusalCode::ProtocolPinned, pinned.as_str()));
        }
        (Some(asked), _) => Some((asked, Why::ProtocolAsked)),
        (None, Some(pinned)) => Some((pinned, Why::ProtocolPinned)),
        (None, None) => None,
    };
    match asked {
        Some((Protocol::Webrtc, because)) => why.push(because),
        Some((other, _)) => return Err(Refusal::about(RefusalCode::ProtocolUnavailable, other.as_str())),
        None if inputs.wish.latency_class == LatencyClass::Interactive => why.push(Why::ProtocolLowestDelay),
        None => why.push(Why::ProtocolOnlyOne),
    }
    Ok(Protocol::Webrtc)
}

fn tier<'a>(inputs: &Inputs<'a>, why: &mut Vec<Why>) -> Result<&'a Offered, Refusal> {
    let (camera, wish) = (inputs.camera, inputs.wish);
    let named = match (wish.tier, camera.pinned_tier) {
        (Some(asked), Some(pinned)) if asked != pinned => {
            return Err(Refusal::about(RefusalCode::TierPinned, pinned.as_str()));
        }
        (Some(asked), _) => Some((asked, Why::TierAsked)),
        (None, Some(pinned)) => Some((pinned, Why::TierPinned)),
        (None, None) => None,
    };
    if let Some((tier, because)) = named {
        let offered = camera.tiers.iter().find(|offered| offered.tier == tier);
        let offered = offered.ok_or_else(|| Refusal::about(RefusalCode::TierUnavailable, tier.as_str()))?;
        unplayable(offered)
            .map_or(Ok(()), |fault| Err(Refusal::about(RefusalCode::CodecUnsupported, fault)))?;
        why.push(because);
        return Ok(offered);
    }
    fitting(&camera.tiers, wish.tile, why)
}

/// The best tier that browsers can play.
fn fitting<'a>(tiers: &'a [Offered], tile: Option<Tile>, why: &mut Vec<Why>) -> Result<&'a Offered, Refusal> {
    let all: Vec<&Offered> = tiers.iter().collect();
    let playable: Vec<&Offered> = tiers.iter().filter(|offered| unplayable(offered).is_none()).collect();
    let Some((chosen, because)) = best(&playable, tile) else {
        let faults: Vec<String> = tiers.iter().filter_map(unplayable).collect();
        let code =
            if tiers.is_empty() { RefusalCode::TierUnavailable } else { RefusalCode::CodecUnsupported };
        return Err(Refusal::about(code, faults.join("; ")));
    };
    let wanted = best(&all, tile).map(|(offered, _)| offered.tier);
    why.push(if wanted == Some(chosen.tier) { because } else { Why::TierByCodec });
    Ok(chosen)
}

fn best<'a>(tiers: &[&'a Offered], tile: Option<Tile>) -> Option<(&'a Offered, Why)> {
    if let [only] = tiers {
        return Some((only, Why::TierOnlyOne));
    }
    let smallest = tiers.iter().copied().min_by_key(|offered| (height(offered), Reverse(offered.tier)))?;
    let Some(tile) = tile else {
        return Some((smallest, Why::TierSmallest));
    };
    // A picture may be stretched a little: the eye does not see it, and the site's uplink does.
    let enough = u64::from(tile.height) * STRETCH_PERCENT / 100;
    let fills = tiers.iter().copied().filter(|offered| u64::from(height(offered)) >= enough);
    match fills.min_by_key(|offered| (height(offered), Reverse(offered.tier))) {
        Some(offered) => Some((offered, Why::TierByTile)),
        None => {
            let largest =
                tiers.iter().copied().max_by_key(|offered| (height(offered), Reverse(offered.tier)))?;
            Some((largest, Why::TierLargest))
        }
    }
}

/// The height in pixels, or what cameras usually send where it is not known yet.
fn height(offered: &Offered) -> u32 {
    match (offered.height, offered.tier) {
        (0, Tier::Main) => 1_080,
        (0, Tier::Sub) => 480,
        (0, Tier::Third) => 240,
        (known, _) => known,
    }
}

/// What is wrong with a tier for a browser over WebRTC; `None` while nothing is known to be.
fn unplayable(offered: &Offered) -> Option<String> {
    let codec = offered.codec.as_deref().unwrap_or("avc1");
    if !codec.starts_with("avc1") && !codec.starts_with("avc3") {
        return Some(format!("{}: {codec}", offered.tier));
    }
    if offered.b_frames {
        return Some(format!("{}: {codec} with B-frames", offered.tier));
    }
    let trouble = offered.trouble.as_ref().filter(|(code, _)| code == "unsupported-codec");
    trouble.map(|(_, text)| format!("{}: {text}", offered.tier))
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

/// A picture of this share of the tile's height fills it.
const STRETCH_PERCENT: u64 = 75;

//! Which protocol and which stream, together: a stream plays by one protocol and not by another.

use super::{
    H1_MOST, Http, Inputs, LatencyClass, Offered, Protocol, ProtocolWish, Udp,
    carry::{Fault, Video},
    tier::{best, considered},
};
use crate::{
    refusal::{Help, HelpCode, Refusal, RefusalCode},
    why::Why,
};

/// What is played, and what took part so far.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) protocol: Protocol,
    pub(super) offered: &'a Offered,
    pub(super) why: Vec<Why>,
    pub(super) fallbacks: Vec<Protocol>,
}

/// The protocols that may be taken, best first, and what speaks for that order.
struct Order {
    protocols: Vec<Protocol>,
    because: Why,
    /// Whether a request or the camera's configuration named them.
    named: bool,
}

/// Takes the first protocol that plays a stream of those that may be taken, and of these the best by its size.
pub(super) fn choose<'a>(inputs: &Inputs<'a>) -> Result<Choice<'a>, Refusal> {
    let (streams, named_tier) = considered(inputs)?;
    let order = order(inputs, &streams)?;
    let mut skipped = Vec::new();
    for (at, protocol) in order.protocols.iter().copied().enumerate() {
        if protocol == Protocol::LlHls && !has_room(inputs) {
            skipped.push(Why::LlHlsLimit);
            continue;
        }
        let plays = |offered: &&Offered| offered.fault(protocol, inputs.viewer).is_none();
        let playable: Vec<&Offered> = streams.iter().copied().filter(plays).collect();
        let Some((offered, fits)) = best(&playable, inputs.wish.tile) else {
            skipped.extend(passed_over(&streams, protocol, inputs));
            continue;
        };
        let mut why = if at == 0 || order.named { vec![order.because] } else { Vec::new() };
        why.append(&mut skipped);
        if protocol == Protocol::Webrtc && inputs.viewer.udp == Udp::Blocked && !order.named {
            why.push(Why::WebrtcOverTcp);
        }
        let wanted = best(&streams, inputs.wish.tile).map(|(offered, _)| offered.tier);
        let by_size = if wanted == Some(offered.tier) { fits } else { Why::TierByCodec };
        why.push(named_tier.unwrap_or(by_size));
        why.extend(of_the_codecs(inputs, protocol, offered));
        let fallbacks = if order.named { Vec::new() } else { fallbacks(inputs, protocol, offered) };
        return Ok(Choice { protocol, offered, why, fallbacks });
    }
    Err(refused(inputs, &streams, &order, &skipped))
}

fn order(inputs: &Inputs<'_>, streams: &[&Offered]) -> Result<Order, Refusal> {
    use Protocol::{Hls, LlHls, Webrtc};
    let named = |protocols: Vec<Protocol>, because| Ok(Order { protocols, because, named: true });
    match (inputs.wish.protocol, inputs.camera.pinned_protocol) {
        (ProtocolWish::Auto, Some(pinned)) => return named(vec![pinned], Why::ProtocolPinned),
        (ProtocolWish::AnyHls, Some(pinned)) if pinned != Webrtc => {
            return named(vec![pinned], Why::ProtocolPinned);
        }
        (ProtocolWish::AnyHls, Some(pinned)) => {
            return Err(Refusal::about(RefusalCode::ProtocolPinned, pinned.as_str()));
        }
        (ProtocolWish::Only(asked), Some(pinned)) if asked != pinned => {
            return Err(Refusal::about(RefusalCode::ProtocolPinned, pinned.as_str()));
        }
        (ProtocolWish::Only(asked), _) => return named(vec![asked], Why::ProtocolAsked),
        (ProtocolWish::AnyHls, None) => return named(vec![LlHls, Hls], Why::ProtocolAsked),
        (ProtocolWish::Auto, None) => {}
    }
    let class = inputs.wish.latency_class;
    let (protocols, because) = if inputs.viewer.udp == Udp::Blocked {
        (vec![LlHls, Hls, Webrtc], Why::UdpBlocked)
    } else if class == LatencyClass::Broadcast {
        (vec![LlHls, Hls, Webrtc], Why::ProtocolByClass)
    } else if class == LatencyClass::NearLive {
        (vec![LlHls, Webrtc, Hls], Why::ProtocolByClass)
    } else if wants_hls_for_sound(inputs, streams) {
        (vec![LlHls, Webrtc, Hls], Why::AudioNeedsHls)
    } else {
        (Protocol::ALL.to_vec(), Why::ProtocolLowestDelay)
    };
    Ok(Order { protocols, because, named: false })
}

/// Sound is wanted, WebRTC would be silent for every stream, and LL-HLS would not.
fn wants_hls_for_sound(inputs: &Inputs<'_>, streams: &[&Offered]) -> bool {
    let heard = |protocol| {
        let mut sounds = streams.iter().filter(|offered| offered.fault(protocol, inputs.viewer).is_none());
        sounds.any(|offered| offered.sound().is_some_and(|sound| inputs.viewer.hears(sound, protocol)))
    };
    inputs.viewer.audio && !heard(Protocol::Webrtc) && heard(Protocol::LlHls)
}

fn has_room(inputs: &Inputs<'_>) -> bool {
    inputs.viewer.http != Http::H1 || inputs.h1_sessions < H1_MOST
}

/// Why no stream plays by a protocol that would have been taken.
fn passed_over(streams: &[&Offered], protocol: Protocol, inputs: &Inputs<'_>) -> Option<Why> {
    let faults = || streams.iter().filter_map(|offered| offered.fault(protocol, inputs.viewer));
    if faults().any(|fault| fault == Fault::BFrames) {
        Some(Why::BFramesNeedHls)
    } else if faults().any(|fault| fault == Fault::Undecoded) {
        Some(if protocol == Protocol::Webrtc { Why::CodecNeedsHls } else { Why::CodecNeedsWebrtc })
    } else {
        None
    }
}

fn of_the_codecs(inputs: &Inputs<'_>, protocol: Protocol, offered: &Offered) -> Vec<Why> {
    let mut why = Vec::new();
    if offered.video() == Video::H265 {
        why.push(Why::H265Decoded);
    }
    let silent = |sound: &str| !inputs.viewer.hears(sound, protocol);
    if inputs.viewer.audio && offered.sound().is_some_and(silent) {
        why.push(Why::AudioNotCarried);
    }
    why
}

/// What else plays the same stream. Over HTTP/1.1 a fallback to LL-HLS counts as if it were used: all tiles of
/// a wall fall back together.
fn fallbacks(inputs: &Inputs<'_>, chosen: Protocol, offered: &Offered) -> Vec<Protocol> {
    let other = |protocol: &Protocol| {
        *protocol != chosen
            && offered.fault(*protocol, inputs.viewer).is_none()
            && (*protocol != Protocol::Webrtc || inputs.viewer.udp != Udp::Blocked)
            && (*protocol != Protocol::LlHls || has_room(inputs))
    };
    Protocol::ALL.into_iter().filter(other).collect()
}

fn refused(inputs: &Inputs<'_>, streams: &[&Offered], order: &Order, skipped: &[Why]) -> Refusal {
    let plays = |offered: &Offered, protocols: &[Protocol]| {
        protocols.iter().any(|protocol| offered.fault(*protocol, inputs.viewer).is_none())
    };
    if skipped.contains(&Why::LlHlsLimit) && streams.iter().any(|offered| plays(offered, &order.protocols)) {
        return Refusal::about(RefusalCode::LlHlsLimit, H1_MOST.to_string());
    }
    if !inputs.viewer.shows_something() {
        return Refusal::new(RefusalCode::ViewerCodec);
    }
    let mut helps = Vec::new();
    let free = inputs.camera.pinned_tier.is_none();
    let others = inputs.camera.tiers.iter().filter(|offered| free && plays(offered, &order.protocols));
    helps.extend(others.map(|offered| Help::new(HelpCode::OtherTier, offered.tier.as_str())));
    let free = inputs.camera.pinned_protocol.is_none();
    let other = |protocol: &Protocol| free && streams.iter().any(|offered| plays(offered, &[*protocol]));
    let other = Protocol::ALL.into_iter().filter(other);
    helps.extend(other.map(|protocol| Help::new(HelpCode::OtherProtocol, protocol.as_str())));
    if streams.iter().any(|offered| offered.b_frames && order.protocols.contains(&Protocol::Webrtc)) {
        helps.push(Help::new(HelpCode::BFramesOff, ""));
    }
    if streams.iter().any(|offered| offered.video() != Video::H264 || offered.trouble.is_some()) {
        helps.push(Help::new(HelpCode::SetH264, ""));
    }
    let undecoded = |offered: &&Offered| {
        order.protocols.iter().any(|p| offered.fault(*p, inputs.viewer) == Some(Fault::Undecoded))
    };
    if streams.iter().any(undecoded) {
        helps.push(Help::new(HelpCode::OtherProgram, ""));
    }
    let about: Vec<String> = streams.iter().map(|offered| offered.told()).collect();
    Refusal { helps, ..Refusal::about(RefusalCode::CodecUnsupported, about.join("; ")) }
}
